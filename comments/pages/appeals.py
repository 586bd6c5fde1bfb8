"""The readers' door to appeals: what was decided, in words, and a box to say what is wrong with it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from comments import appeals, http
from comments.appeals import Case
from comments.exceptions import Refused
from comments.models import Comment, Commenter
from comments.pages import own, shown, views, visitor
from comments.pages.origin import ours


@require_http_methods(["GET", "POST"])
@ours()
@views.answers_refusals
def appeal(request: HttpRequest, pk: int) -> HttpResponse:
    """Tell an author what was decided about their comment, and take one appeal against it."""
    person = visitor.require_person(request)
    comment = (
        Comment.objects.select_related("discussion", "author").filter(pk=min(pk, views.BIGGEST), author=person).first()
    )
    if comment is None:
        raise Refused("unknown_comment", _("There is no such comment."), status=404)
    refused = None
    if request.method == "POST":
        try:
            appeals.appeal(person, comment, request.POST.get("text", ""))
        except Refused as error:
            refused = error
        else:
            return _see(request.path)
    return _page(request, person, appeals.of_comment(person, comment), refused, comment)


@require_http_methods(["GET", "POST"])
@ours()
@views.answers_refusals
def appeal_sanction(request: HttpRequest, public_id: Any) -> HttpResponse:
    """Tell somebody what was decided about them, and take one appeal against it."""
    person, here = visitor.require_person(request), http.network_key(request)
    refused = None
    if request.method == "POST":
        try:
            appeals.appeal_sanction(person, public_id, request.POST.get("text", ""), here)
        except Refused as error:
            refused = error
        else:
            return _see(request.path)
    case = appeals.of_sanction(person, public_id, here)
    return _page(request, person, case, refused, case.sanction.comment if case.sanction else None)


def _see(url: str) -> HttpResponse:
    response = HttpResponseRedirect(url, headers={"Cache-Control": views.PRIVATE})
    response.status_code = 303
    return response


def _page(
    request: HttpRequest, person: Commenter, case: Case, refused: Refused | None, comment: Comment | None
) -> HttpResponse:
    statement = case.statement
    refusal = refused or case.refusal
    context = shown.context(
        discussion=comment.discussion if comment else None,
        person=person,
        case=case,
        s=statement,
        decided=shown.public_time(statement.decided_at) if statement else "",
        until=shown.public_time(statement.appeal_until) if statement and statement.appeal_until else "",
        automated={
            "fully": _("Yes: no editor took part."),
            "partly": _("In part: an editor decided, with a suggestion from our software before them."),
            "not": _("No: an editor decided."),
        }.get(statement.automated, "")
        if statement
        else "",
        made=own.listed_appeal(case.appeal) if case.appeal else None,
        refused=refused if case.is_open else None,
        refusal=own.refusal(refusal, comment.discussion if comment else None) if refusal and not case.is_open else None,
        typed=request.POST.get("text", ""),
        most=appeals.LONGEST,
    )
    status = refusal.status if refusal is not None and (refused is not None or case.statement is None) else 200
    response = views.private_page(request, "comments/appeal.html", context, status=status)
    if refused is not None and "retry_after" in refused.params:
        response["Retry-After"] = str(refused.params["retry_after"])
    return response
