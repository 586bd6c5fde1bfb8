"""Saved queues for programs: searches that editors keep."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request

from comments import queues
from comments.api import described
from comments.api.bodies import read
from comments.api.described import call
from comments.api.endpoint import Moderating, answer, moment, signed_in
from comments.api.forms import ChangedQueueForm, SavedQueueForm
from comments.models import SavedQueue

QUEUE = OpenApiParameter("queue_id", described.ID, OpenApiParameter.PATH)


def as_data(queue: SavedQueue) -> dict[str, Any]:
    return {
        "id": queue.pk,
        "name": queue.name,
        "q": queue.query,
        "order": queue.order,
        "is_shared": queue.is_shared,
        "made_by": queue.made_by.name,
        "created_at": moment(queue.created_at),
    }


class SavedQueuesView(Moderating):
    permission = "see_desk"

    @call(
        "saved_queues",
        "moderation",
        "The saved queues you see: your own and those that are shared, by name",
        {200: described.SavedQueueSerializer(many=True)},
        refusals=[401, 403],
        scope="moderate",
    )
    def get(self, request: Request) -> HttpResponse:
        return answer([as_data(queue) for queue in queues.of(signed_in(request))])

    @call(
        "save_queue",
        "moderation",
        "Keep a search under a name",
        {201: described.SavedQueueSerializer},
        request=SavedQueueForm,
        refusals=[400, 401, 403, 409, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request) -> HttpResponse:
        said = read(request, SavedQueueForm)
        made = queues.save(
            signed_in(request),
            said["name"],
            said["q"],
            said.get("order", ""),
            is_shared=said.get("is_shared", False),
        )
        return answer(as_data(made), 201)


class SavedQueueView(Moderating):
    permission = "see_desk"

    @call(
        "saved_queue",
        "moderation",
        "One saved queue",
        {200: described.SavedQueueSerializer},
        parameters=[QUEUE],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def get(self, request: Request, queue_id: int) -> HttpResponse:
        return answer(as_data(queues.get(queue_id, signed_in(request))))

    @call(
        "change_queue",
        "moderation",
        "Rename or share a saved queue, or change its search",
        {200: described.SavedQueueSerializer},
        request=ChangedQueueForm,
        parameters=[QUEUE],
        refusals=[400, 401, 403, 404, 409, 413, 415],
        scope="moderate",
    )
    def patch(self, request: Request, queue_id: int) -> HttpResponse:
        person = signed_in(request)
        said = read(request, ChangedQueueForm)
        if "q" in said:
            said["query"] = said.pop("q")
        return answer(as_data(queues.change(queues.get(queue_id, person), person, **said)))

    @call(
        "delete_queue",
        "moderation",
        "Delete a saved queue",
        {204: OpenApiResponse(description="Deleted.")},
        parameters=[QUEUE],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def delete(self, request: Request, queue_id: int) -> HttpResponse:
        person = signed_in(request)
        queues.delete(queues.get(queue_id, person), person)
        return HttpResponse(status=204)
