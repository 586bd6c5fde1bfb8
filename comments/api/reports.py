"""Issue reports: letting the newsroom know that commenting does not work, signed in or not."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import NoReverseMatch, reverse
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from comments import issues
from comments.api import described
from comments.api.bodies import read
from comments.api.described import MAY_SIGN_IN, call
from comments.api.endpoint import Endpoint, answer, moment, person
from comments.api.forms import IssueForm, IssueMessageForm
from comments.http import network_key, request_id
from comments.models import Discussion, IssueMessage

TOKEN = OpenApiParameter("token", str, OpenApiParameter.PATH, description="The secret of the receipt.")


def _discussion(key: str) -> Discussion | None:
    """Return the discussion a report is about. A key that names none is no reason to lose the report."""
    return Discussion.objects.filter(key=key).first() if key and "\x00" not in key else None


def _message(message: IssueMessage) -> dict[str, Any]:
    return {"sender": message.sender, "text": message.text, "created_at": moment(message.created_at)}


class IssuesView(Endpoint):
    @call(
        "report_issue",
        "issues",
        "Let the newsroom know of trouble with commenting; works signed out",
        {201: described.FiledSerializer},
        request=IssueForm,
        refusals=[400, 401, 403, 413, 415, 429],
        auth=MAY_SIGN_IN,
        scope="write",
    )
    def post(self, request: Request) -> HttpResponse:
        said = read(request, IssueForm)
        reporter = person(request)
        report = issues.report(
            said["kind"],
            said["text"],
            email=said.get("email", ""),
            discussion=_discussion(said.get("discussion", "")),
            comment=issues.comment_seen_by(reporter, said["comment"]) if said.get("comment") else None,
            reporter=reporter,
            network_key=network_key(request),
            context=said.get("context", {}),
            request_id=request_id(),
        )
        return answer({"number": report.number, "token": report.token, "url": _receipt(report.token)}, 201)


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
        report = issues.get(token)
        return answer(
            {
                "number": report.number,
                "kind": report.kind,
                "state": report.state,
                "created_at": moment(report.created_at),
                "answered_at": moment(report.answered_at),
                "closed_at": moment(report.closed_at),
                "messages": [_message(message) for message in report.messages.all()],
            }
        )


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
        report = issues.get(token)
        network = network_key(request)
        return answer(_message(issues.add_message(report, said["text"], network_key=network)), 201)


class DiagnosisView(Endpoint):
    @call(
        "diagnosis",
        "issues",
        "What is true for this reader here, before they report anything",
        {200: described.DiagnosisSerializer},
        parameters=[OpenApiParameter("discussion", str, description="Key of the discussion.")],
        refusals=[401, 403],
        auth=MAY_SIGN_IN,
        scope="read",
    )
    def get(self, request: Request) -> HttpResponse:
        found = issues.diagnose(
            person(request),
            _discussion(request.GET.get("discussion", "")),
            network_key=network_key(request),
        )
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
                    }
                    for one in found
                ]
            }
        )
