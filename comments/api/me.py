"""What is a person's own: who they are, everything they wrote, their data to take along, and the way out."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request

from comments import access, names, personal, privacy
from comments.api import described
from comments.api.bodies import read
from comments.api.described import CURSOR, call
from comments.api.endpoint import Endpoint, answer, author, limit_asked, moment, signed_in
from comments.api.forms import LeaveForm, MeForm, NothingForm
from comments.api.writing import own, standing
from comments.http import network_key
from comments.models import Commenter, DataExport, Job
from comments.notifications import reading
from comments.pages.me import sent

UNDER_WAY = (Job.State.WAITING, Job.State.RUNNING, Job.State.PAUSED)
STATE = OpenApiParameter("state", str, enum=list(personal.STATES), description="Without it: everything.")


def _me(request: Request, reader: Commenter) -> dict[str, Any]:
    return {
        "id": reader.pk,
        "name": reader.name,
        "badges": [reader.badge] if reader.badge else [],
        "is_moderator": access.may_moderate(request.user),
        "published_count": reader.published_count,
        "preferred_language": reader.preferred_language,
        "deletion": {"at": moment(reader.erase_at), "comments": "remove" if reader.erase_texts else "keep"}
        if reader.erase_at
        else None,
        "standing": standing(access.standing(reader, network_key(request))),
        "unread_notifications": reading.unread(reader),
    }


def _leave(request: Request) -> HttpResponse:
    said = read(request, LeaveForm)
    reader = signed_in(request)
    privacy.ask_to_erase(reader, confirm=said["confirm"], texts=said.get("comments", "keep") == "remove")
    return answer(_me(request, reader), 202)


class MeView(Endpoint):
    @call("me", "me", "Who is calling", {200: described.MeSerializer}, refusals=[401, 403], scope="read")
    def get(self, request: Request) -> HttpResponse:
        return answer(_me(request, author(request)))

    @call(
        "change_me",
        "me",
        "Change the name that is shown, and the language of mails; what is left out stays",
        {200: described.MeSerializer},
        request=MeForm,
        refusals=[400, 401, 403, 409, 413, 415, 429],
        scope="write",
    )
    def patch(self, request: Request) -> HttpResponse:
        said = read(request, MeForm)
        reader = signed_in(request)
        if "preferred_language" in said:
            names.choose_language(reader, said["preferred_language"])
        if "name" in said:
            names.rename(reader, said["name"])
        return answer(_me(request, reader))

    @call(
        "delete_me",
        "me",
        "Delete my account, in DELETION_DAYS days; the body is that of `POST me/deletion/`, for clients that send one",
        {202: described.MeSerializer},
        refusals=[400, 401, 403, 413, 415, 429],
        scope="write",
    )
    def delete(self, request: Request) -> HttpResponse:
        return _leave(request)


class DeletionView(Endpoint):
    @call(
        "ask_to_be_deleted",
        "me",
        "Delete my account, in DELETION_DAYS days; until then it can be taken back and nothing is posted",
        {202: described.MeSerializer},
        request=LeaveForm,
        refusals=[400, 401, 403, 413, 415, 429],
        scope="write",
    )
    def post(self, request: Request) -> HttpResponse:
        return _leave(request)

    @call(
        "keep_my_account",
        "me",
        "Take the wish to be deleted back; without one nothing happens",
        {200: described.MeSerializer},
        refusals=[401, 403, 409],
        scope="write",
    )
    def delete(self, request: Request) -> HttpResponse:
        reader = signed_in(request)
        privacy.cancel(reader)
        return answer(_me(request, reader))


class MyCommentsView(Endpoint):
    @call(
        "my_comments",
        "me",
        "Everything I wrote, newest first, with what became of it and why",
        {200: described.MyCommentsSerializer},
        parameters=[STATE, CURSOR, described.limit(personal.MOST)],
        refusals=[400, 401, 403],
        scope="read",
    )
    def get(self, request: Request) -> HttpResponse:
        reader = signed_in(request)
        size = min(limit_asked(request._request) or personal.MOST, personal.MOST)
        asked = request.GET
        found = personal.written(reader, state=asked.get("state", ""), cursor=asked.get("cursor", ""), size=size)
        listed = [
            own(mine) | {"discussion": mine.comment.discussion.key, "title": mine.comment.discussion.title}
            for mine in found.mine
        ]
        return answer({"results": listed, "next": found.next_cursor or None})


def _download(made: DataExport | None) -> dict[str, Any]:
    if made is None:
        return dict.fromkeys(("ready_at", "expires_at", "url", "asked_at")) | {"state": "none", "size": 0}
    state = "ready" if made.ready_at else "preparing" if made.job.state in UNDER_WAY else "failed"
    return {
        "state": state,
        "asked_at": moment(made.created_at),
        "ready_at": moment(made.ready_at),
        "expires_at": moment(made.expires_at),
        "size": made.size,
        "url": reverse("comments_api:my_export_file") if made.ready_at else None,
    }


class ExportView(Endpoint):
    @call(
        "my_export",
        "me",
        "How my download stands",
        {200: described.ExportSerializer},
        refusals=[401, 403],
        scope="read",
    )
    def get(self, request: Request) -> HttpResponse:
        return answer(_download(privacy.latest(signed_in(request))))

    @call(
        "prepare_my_export",
        "me",
        "Have everything that is kept about me prepared as a file, in the background",
        {202: described.ExportSerializer},
        request=NothingForm,
        refusals=[400, 401, 403, 413, 415, 429],
        scope="write",
    )
    def post(self, request: Request) -> HttpResponse:
        read(request, NothingForm)
        return answer(_download(privacy.export(signed_in(request))), 202)


class ExportFileView(Endpoint):
    @call(
        "fetch_my_export",
        "me",
        "Fetch my download: a ZIP file with everything as JSON and as a page",
        {(200, "application/zip"): OpenApiResponse({"type": "string", "format": "binary"}, "The file.")},
        refusals=[401, 403, 404],
        scope="read",
    )
    def get(self, request: Request) -> HttpResponseBase:
        return sent(privacy.download(signed_in(request)))
