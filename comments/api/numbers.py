"""The numbers, for programs: the same as on the desk's page."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from comments import dashboard
from comments.api import described
from comments.api.described import call
from comments.api.endpoint import Moderating, answer

DAY = {"type": "string", "format": "date"}


class NumbersView(Moderating):
    permission = "see_numbers"

    @call(
        "moderation_numbers",
        "moderation",
        "What came in, what became of it, how long it took, and who was right: counted from the rows, now",
        {200: described.NumbersSerializer},
        parameters=[
            OpenApiParameter("from", DAY, description="First day, in the site's time zone; without it, seven days."),
            OpenApiParameter("to", DAY, description="Last day; without it, today."),
            OpenApiParameter("section", str, description="Of the discussions; without it, all that you may see."),
        ],
        refusals=[400, 401, 403, 404],
        scope="moderate",
    )
    def get(self, request: Request) -> HttpResponse:
        span = dashboard.asked(request.GET.get("from", ""), request.GET.get("to", ""))
        section = request.GET.get("section", "")
        sections = dashboard.sections_for(request.user, section)
        return answer(dashboard.read(span, sections, section).as_data())
