"""What the newsroom teaches, for programs: the models, which one is used, and where the score may publish."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from comments import tasks
from comments.api import described
from comments.api.bodies import read
from comments.api.described import call
from comments.api.endpoint import Governing, answer, signed_in
from comments.api.forms import AutoApprovalForm, NothingForm
from comments.exceptions import Refused
from comments.learning import auto_approval, refit, state, versions
from comments.models import ScoringModel

LONGEST_SECTION = 80
NUMBER = OpenApiParameter("number", described.ID, OpenApiParameter.PATH)
SECTION = OpenApiParameter("section", str, OpenApiParameter.PATH, description="As the discussions name it.")


class ModelsView(Governing):
    @call(
        "scoring_models",
        "moderation",
        "How the model of this newsroom is doing: progress, figures, health, and the models there are, newest first",
        {200: described.ScoringModelsSerializer},
        refusals=[401, 403],
        scope="moderate",
    )
    def get(self, request: Request) -> HttpResponse:
        return answer(state.read())


class UseModelView(Governing):
    @call(
        "use_scoring_model",
        "moderation",
        "Use this model from now on: a candidate, or an earlier one again",
        {200: described.ScoringModelSerializer},
        request=NothingForm,
        parameters=[NUMBER],
        refusals=[400, 401, 403, 404, 409, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request, number: int) -> HttpResponse:
        read(request, NothingForm)
        model = ScoringModel.objects.defer("weights").filter(number=number).first() if number < 2**31 else None
        if model is None:
            raise Refused("unknown_model", _("There is no such model."), status=404)
        return answer(state.described(versions.use(model, signed_in(request))))


class RefitView(Governing):
    @call(
        "refit_scoring_model",
        "moderation",
        "Refit from all decisions, in the background; the refit under way, if there is one",
        {202: described.RefitSerializer},
        request=NothingForm,
        refusals=[400, 401, 403, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request) -> HttpResponse:
        read(request, NothingForm)
        job = refit.begin(signed_in(request))
        tasks.run_job.delay_on_commit(job.pk)
        return answer(state.job_described(job), 202)


class AutoApprovalView(Governing):
    @call(
        "auto_approval",
        "moderation",
        "Whether the score may publish in this section, and what stands against it",
        {200: described.AutoApprovalSerializer},
        parameters=[SECTION],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def get(self, request: Request, section: str) -> HttpResponse:
        return answer(state.approval(_named(section)))

    @call(
        "set_auto_approval",
        "moderation",
        "Turn approval by score off, into the shadow or on; 409 with what is missing",
        {200: described.AutoApprovalSerializer},
        request=AutoApprovalForm,
        parameters=[SECTION],
        refusals=[400, 401, 403, 404, 409, 413, 415],
        scope="moderate",
    )
    def put(self, request: Request, section: str) -> HttpResponse:
        said = read(request, AutoApprovalForm)
        auto_approval.set_state(_named(section), said["state"], made_by=signed_in(request), limit=said.get("limit"))
        return answer(state.approval(section))


def _named(section: str) -> str:
    if len(section) > LONGEST_SECTION or "\x00" in section:
        raise Refused("unknown_section", _("There is no such section."), status=404)
    return section
