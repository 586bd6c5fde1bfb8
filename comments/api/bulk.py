"""Deciding many at once, for programs: try it, begin it, watch it, steer it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from comments import bulk
from comments.api import described
from comments.api.bodies import read
from comments.api.described import call
from comments.api.endpoint import Moderating, answer, moment, signed_in
from comments.api.forms import BulkForm, NothingForm
from comments.exceptions import Refused
from comments.models import BulkAction

BULK = OpenApiParameter("bulk_id", described.ID, OpenApiParameter.PATH)


def as_data(now: bulk.Standing) -> dict[str, Any]:
    action = now.action
    return {
        "id": action.pk,
        "q": action.query,
        "verdict": action.verdict,
        "reason": action.reason,
        "made_by": action.made_by.name,
        "state": now.job.state,
        "undoing": now.is_undoing,
        "done": now.job.done,
        "total": now.job.total,
        "decided": now.decided,
        "taken_back": now.taken_back,
        "left_alone": [{"why": why, "count": count, "comments": some} for why, count, some in now.skipped],
        "error": now.job.error,
        "may": sorted(now.may),
        "created_at": moment(action.created_at),
        "finished_at": moment(now.job.finished_at),
    }


def action_of(bulk_id: int) -> BulkAction:
    action = bulk.actions().filter(pk=bulk_id).first()
    if action is None:
        raise Refused("unknown_bulk", _("There is no such bulk action."), status=404)
    return action


class BulkDoor(Moderating):
    permission: ClassVar[str] = "act_in_bulk"


class BulksView(BulkDoor):
    @call(
        "begin_bulk",
        "moderation",
        "Decide the same about everything a search finds; with `dry_run` only say what it would be about",
        {202: described.BulkSerializer, 200: described.BulkPreviewSerializer},
        request=BulkForm,
        refusals=[400, 401, 403, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request) -> HttpResponse:
        said = read(request, BulkForm)
        selection = bulk.Selection(said["q"].strip(), said.get("score_min"), said.get("score_max"))
        if said.get("dry_run"):
            bulk.check(selection, said["verdict"], said.get("reason", ""))
            found = bulk.preview(selection, said["verdict"], made_by=signed_in(request))
            return answer(
                {
                    "total": found.total,
                    "most": found.most,
                    "statuses": dict(found.by_status),
                    "sections": dict(found.by_section),
                    "authors": found.authors,
                    "discussions": found.discussions,
                    "oldest": moment(found.oldest),
                    "scores": found.bins,
                    "samples": [
                        {"id": row.comment_id, "text": row.text, "author": row.comment.author.name, "score": row.risk}
                        for row in found.samples
                    ],
                }
            )
        action = bulk.begin(
            selection.query,
            said["verdict"],
            made_by=signed_in(request),
            reason=said.get("reason", ""),
            explanation=said.get("explanation", ""),
            private_note=said.get("note", ""),
            score_min=selection.score_min,
            score_max=selection.score_max,
        )
        return answer(as_data(bulk.standing(action_of(action.pk))), 202)


class BulkView(BulkDoor):
    @call(
        "bulk",
        "moderation",
        "How far a bulk action is, or its undoing",
        {200: described.BulkSerializer},
        parameters=[BULK],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def get(self, request: Request, bulk_id: int) -> HttpResponse:
        return answer(as_data(bulk.standing(action_of(bulk_id))))


class _Steering(BulkDoor):
    do: ClassVar[str]

    def steer(self, request: Request, bulk_id: int) -> HttpResponse:
        read(request, NothingForm)
        bulk.steer(action_of(bulk_id), self.do, made_by=signed_in(request))
        return answer(as_data(bulk.standing(action_of(bulk_id))))


class UndoBulkView(_Steering):
    do = "undo"

    @call(
        "undo_bulk",
        "moderation",
        "Take back what it decided and nobody has decided again since; stop it first if it runs",
        {200: described.BulkSerializer},
        request=NothingForm,
        parameters=[BULK],
        refusals=[400, 401, 403, 404, 409, 415],
        scope="moderate",
    )
    def post(self, request: Request, bulk_id: int) -> HttpResponse:
        return self.steer(request, bulk_id)


class PauseBulkView(_Steering):
    do = "pause"

    @call(
        "pause_bulk",
        "moderation",
        "Let it, or its undoing, rest where it is",
        {200: described.BulkSerializer},
        request=NothingForm,
        parameters=[BULK],
        refusals=[400, 401, 403, 404, 409, 415],
        scope="moderate",
    )
    def post(self, request: Request, bulk_id: int) -> HttpResponse:
        return self.steer(request, bulk_id)


class ResumeBulkView(_Steering):
    do = "resume"

    @call(
        "resume_bulk",
        "moderation",
        "Let it go on where it stopped",
        {200: described.BulkSerializer},
        request=NothingForm,
        parameters=[BULK],
        refusals=[400, 401, 403, 404, 409, 415],
        scope="moderate",
    )
    def post(self, request: Request, bulk_id: int) -> HttpResponse:
        return self.steer(request, bulk_id)


class StopBulkView(_Steering):
    do = "stop"

    @call(
        "stop_bulk",
        "moderation",
        "Stop it for good; what is decided stays decided",
        {200: described.BulkSerializer},
        request=NothingForm,
        parameters=[BULK],
        refusals=[400, 401, 403, 404, 409, 415],
        scope="moderate",
    )
    def post(self, request: Request, bulk_id: int) -> HttpResponse:
        return self.steer(request, bulk_id)
