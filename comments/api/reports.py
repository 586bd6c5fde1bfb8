"""Issue reports: letting the newsroom know that commenting does not work, signed in or not."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import parsers
from rest_framework.request import Request

from comments import issues, proof
from comments.api import described
from comments.api.bodies import read
from comments.api.described import MAY_SIGN_IN, call
from comments.api.endpoint import Endpoint, answer, moment, person
from comments.api.forms import IssueChangeForm, IssueForm, IssueMessageForm, SettledForm
from comments.exceptions import Refused
from comments.http import browser_key, network_key
from comments.issues import browser, failures, pictures
from comments.models import Discussion, IssueMessage, IssuePicture, IssueReport
from comments.pages.issues import picture_response

BYTES: dict[str, Any] = {"type": "string", "format": "binary"}
TOKEN = OpenApiParameter("token", str, OpenApiParameter.PATH, description="The secret of the receipt.")


def _discussion(key: str) -> Discussion | None:
    """Return the discussion a report is about. A key that names none is no reason to lose the report."""
    return Discussion.objects.filter(key=key).first() if key and "\x00" not in key else None


def _message(message: IssueMessage, token: str = "") -> dict[str, Any]:
    return {
        "sender": message.sender,
        "text": message.text,
        "created_at": moment(message.created_at),
        "pictures": [reverse("comments_api:issue_picture", args=[token, one.pk]) for one in message.pictures.all()],
    }


def _said(report: IssueReport, token: str) -> dict[str, Any]:
    return {
        "number": report.number,
        "kind": report.kind,
        "state": report.state,
        "created_at": moment(report.created_at),
        "answered_at": moment(report.answered_at),
        "closed_at": moment(report.closed_at),
        "reopens_until": moment(issues.reopens_until(report)),
        "deleted_at": moment(report.emptied_at),
        "messages": [_message(message, token) for message in report.messages.prefetch_related("pictures")],
    }


def _opened(request: Request, token: str) -> IssueReport:
    return issues.get(token, network_key=network_key(request))


class IssuesView(Endpoint):
    @call(
        "report_issue",
        "issues",
        "Let the newsroom know of trouble with commenting; works signed out",
        {201: described.FiledSerializer, 202: described.FiledSerializer},
        request=IssueForm,
        refusals=[400, 401, 403, 413, 415],
        auth=MAY_SIGN_IN,
        scope="write",
    )
    def post(self, request: Request) -> HttpResponse:
        said = read(request, IssueForm)
        reporter = person(request)
        report = issues.report(
            said["kind"],
            said.get("text", ""),
            email=said.get("email", ""),
            discussion=_discussion(said.get("discussion", "")),
            comment=issues.comment_seen_by(reporter, said["comment"]) if said.get("comment") else None,
            reporter=reporter,
            network_key=network_key(request),
            browser_key=browser_key(request),
            context=said.get("context", {}),
            request_id=said.get("request", ""),
            code=said.get("code", ""),
            sum_done=said.get("sum", ""),
            elsewhere=said.get("elsewhere", ""),
            found=said.get("found", ""),
            surface=IssueReport.Surface.APP,
            tell_when_over=bool(said.get("tell_when_over")),
        )
        if report.counted == "mark":
            # The last one that was stored may be somebody else's.
            return answer({"number": "", "token": "", "url": "", "counted": True}, 202)
        filed = {"number": report.number, "token": report.token, "url": _receipt(report.token)}
        return answer(filed | {"counted": bool(report.counted)}, 202 if report.counted else 201)


def _receipt(token: str) -> str:
    """Return the receipt's page, or its address in the API where a site serves no pages."""
    try:
        return reverse("comments:issue_receipt", args=[token])
    except NoReverseMatch:
        return reverse("comments_api:issue", args=[token])


class IssueView(Endpoint):
    @call(
        "issue",
        "issues",
        "A report and what was said about it",
        {200: described.IssueSerializer},
        parameters=[TOKEN],
        refusals=[401, 403, 404],
        auth=MAY_SIGN_IN,
        scope="read",
    )
    def get(self, request: Request, token: str) -> HttpResponse:
        return answer(_said(_opened(request, token), token))

    @call(
        "change_issue",
        "issues",
        "Say that it is solved or still wrong, or correct the address",
        {200: described.IssueSerializer},
        request=IssueChangeForm,
        parameters=[TOKEN],
        refusals=[400, 401, 403, 404, 409, 413, 415, 429],
        auth=MAY_SIGN_IN,
        scope="write",
    )
    def patch(self, request: Request, token: str) -> HttpResponse:
        said = read(request, IssueChangeForm)
        report = _opened(request, token)
        if "email" in said:
            report = issues.correct_email(report, said["email"])
        match said.get("state"):
            case "solved":
                report = issues.solve(report)
            case "open":
                report = issues.reopen(report)
        return answer(_said(report, token))

    @call(
        "delete_issue",
        "issues",
        "Delete what was written and sent on a report; its number and times stay",
        {204: None},
        parameters=[TOKEN],
        refusals=[401, 403, 404, 429],
        auth=MAY_SIGN_IN,
        scope="write",
    )
    def delete(self, request: Request, token: str) -> HttpResponse:
        issues.delete(_opened(request, token))
        return HttpResponse(status=204)


class PNG(parsers.BaseParser):
    """The bytes of a picture, whatever they are: the verb finds out."""

    media_type = "image/png"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> dict[str, Any]:
        return {"picture": pictures.read(stream)}


class JPEG(PNG):
    media_type = "image/jpeg"


class IssuePicturesView(Endpoint):
    parser_classes = (PNG, JPEG)  # type: ignore[assignment]  # the one address that takes no JSON

    @call(
        "add_issue_picture",
        "issues",
        "Add a picture to a report: its bytes, PNG or JPEG up to 5 MB, as the body",
        {201: described.IssueMessageSerializer},
        request={"image/png": BYTES, "image/jpeg": BYTES},
        parameters=[TOKEN],
        refusals=[400, 401, 403, 404, 409, 413, 415, 429],
        auth=MAY_SIGN_IN,
        scope="write",
    )
    def post(self, request: Request, token: str) -> HttpResponse:
        report = _opened(request, token)
        sent: Any = request.data
        made = issues.add_message(report, "", network_key=network_key(request), picture=sent["picture"])
        return answer(_message(made, token), 201)


class PictureView(Endpoint):
    @call(
        "issue_picture",
        "issues",
        "A picture of a report, as a file",
        {200: OpenApiTypes.BINARY},
        parameters=[TOKEN],
        refusals=[401, 403, 404, 429],
        auth=MAY_SIGN_IN,
        scope="read",
    )
    def get(self, request: Request, token: str, number: int) -> HttpResponse:
        found = IssuePicture.objects.filter(message__report=_opened(request, token), pk=number).first()
        if found is None:
            raise Refused("unknown_picture", _("There is no such picture."), status=404)
        return picture_response(found)


class IssueMessagesView(Endpoint):
    @call(
        "add_issue_message",
        "issues",
        "Add to a report",
        {201: described.IssueMessageSerializer},
        request=IssueMessageForm,
        parameters=[TOKEN],
        refusals=[400, 401, 403, 404, 409, 413, 415, 429],
        auth=MAY_SIGN_IN,
        scope="write",
    )
    def post(self, request: Request, token: str) -> HttpResponse:
        said = read(request, IssueMessageForm)
        report = _opened(request, token)
        network = network_key(request)
        return answer(_message(issues.add_message(report, said["text"], network_key=network), token), 201)


class DiagnosisView(Endpoint):
    @call(
        "diagnosis",
        "issues",
        "What is true for this reader here, before they report anything",
        {200: described.DiagnosisSerializer},
        parameters=[
            OpenApiParameter("discussion", str, description="Key of the discussion."),
            OpenApiParameter("comment", int, description="A comment the reader asks about: a public one or their own."),
            OpenApiParameter(
                "code",
                str,
                description="What the page met, `section_missing` or `guests_not_allowed`; or what the reader asks "
                "about: `assistive`, `name_wrong`, `mail_trouble`.",
            ),
        ],
        refusals=[401, 403],
        auth=MAY_SIGN_IN,
        scope="read",
    )
    def get(self, request: Request) -> HttpResponse:
        reader = person(request)
        number = request.GET.get("comment", "")
        comment = None
        if number.isascii() and number.isdecimal() and len(number) < 19:
            comment = issues.comment_seen_by(reader, int(number))
        discussion = _discussion(request.GET.get("discussion", ""))
        if discussion is None and comment is not None:
            discussion = comment.discussion
        seen = issues.Seen(
            network_key=network_key(request),
            browser_key=browser_key(request),
            signed_in_just_now=failures.signed_in_just_now(request),
            code=request.GET.get("code", "")[:40],
            browser=browser.described(request.headers.get("User-Agent", "")),
        )
        found = issues.diagnosis(reader, discussion, comment, seen=seen)
        if not issues.shown(found[0].code):
            found = issues.unsaved(found)
        return answer(
            {
                "answers": [
                    {
                        "code": one.code,
                        "tone": one.tone,
                        "text": str(one.text),
                        "detail": str(one.detail),
                        "action_label": str(one.action_label),
                        "action_url": one.action_url,
                        "main": one.main,
                        "kind": one.kind,
                    }
                    for one in found
                ],
                "sum": proof.challenge() if issues.asks_for_a_sum(reader) else None,
            }
        )

    @call(
        "settle_diagnosis",
        "issues",
        "Say that an answer settled it: counted, nothing else is saved",
        {204: None},
        request=SettledForm,
        refusals=[400, 401, 403, 413, 415],
        auth=MAY_SIGN_IN,
        scope="write",
    )
    def post(self, request: Request) -> HttpResponse:
        issues.settled(read(request, SettledForm)["answer"], network_key=network_key(request))
        return HttpResponse(status=204)
