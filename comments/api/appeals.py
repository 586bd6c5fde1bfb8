"""Appeals for programs: a reader's own, and the desk's queue with its rulings."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from comments import appeals, compliance
from comments.api import described
from comments.api.bodies import read
from comments.api.described import COMMENT, CURSOR, call
from comments.api.endpoint import Endpoint, Moderating, answer, author, limit_asked, moment, signed_in
from comments.api.forms import AppealForm, RulingForm
from comments.appeals import Case
from comments.compliance import Statement
from comments.exceptions import Refused
from comments.http import network_key
from comments.models import Appeal, Comment

APPEALS = 25
MOST_APPEALS = 100
APPEAL = OpenApiParameter("appeal_id", described.ID, OpenApiParameter.PATH)
SANCTION = OpenApiParameter("public_id", uuid.UUID, OpenApiParameter.PATH)


def own_appeal(made: Appeal) -> dict[str, Any]:
    """Return an appeal as who filed it sees it: without names, and without what editors tell each other."""
    return {
        "id": str(made.public_id),
        "state": made.state,
        "text": made.text,
        "filed_at": moment(made.filed_at),
        "ruled_at": moment(made.ruled_at),
        "ruling": made.ruling,
    }


def statement(said: Statement) -> dict[str, Any]:
    return {
        "number": said.number,
        "what": said.what,
        "decided_at": moment(said.decided_at),
        "noticed_by": said.noticed_by,
        "decided_by": said.decided_by,
        "automated": said.automated,
        "ground": said.ground,
        "reason": said.reason,
        "facts": said.facts,
        "explanation": said.explanation,
        "legal_ground": said.legal_ground,
        "where": said.where,
        "until": said.until,
        "redress": said.redress,
        "appeal_until": moment(said.appeal_until),
    }


def _case(case: Case) -> dict[str, Any]:
    return {
        "statement": statement(case.statement) if case.statement else None,
        "text": case.text,
        "can_appeal": case.is_open,
        "why_not": case.refusal.detail if case.refusal else "",
        "appeal": own_appeal(case.appeal) if case.appeal else None,
    }


def _comment(comment_id: int) -> Comment:
    found = Comment.objects.select_related("discussion", "author").filter(pk=comment_id).first()
    if found is None:
        raise Refused("unknown_comment", _("There is no such comment."), status=404)
    return found


class AppealView(Endpoint):
    @call(
        "my_appeal",
        "comments",
        "What was decided against a comment of one's own, in words, and how an appeal stands",
        {200: described.CaseSerializer},
        parameters=[COMMENT],
        refusals=[401, 403, 404],
        scope="read",
    )
    def get(self, request: Request, comment_id: int) -> HttpResponse:
        return answer(_case(appeals.of_comment(author(request), _comment(comment_id))))

    @call(
        "appeal",
        "comments",
        "Ask another editor to look again; once for each decision, a second time answers with the first",
        {201: described.OwnAppealSerializer, 200: described.OwnAppealSerializer},
        request=AppealForm,
        parameters=[COMMENT],
        refusals=[400, 401, 403, 404, 409, 413, 415, 429],
        scope="write",
    )
    def post(self, request: Request, comment_id: int) -> HttpResponse:
        said = read(request, AppealForm)
        made = appeals.appeal(author(request), _comment(comment_id), said["text"])
        return answer(own_appeal(made), 201 if made.is_new else 200)


class SanctionAppealView(Endpoint):
    @call(
        "my_sanction_appeal",
        "me",
        "What was decided about me, in words, and how an appeal stands",
        {200: described.CaseSerializer},
        parameters=[SANCTION],
        refusals=[401, 403, 404],
        scope="read",
    )
    def get(self, request: Request, public_id: uuid.UUID) -> HttpResponse:
        return answer(_case(appeals.of_sanction(author(request), public_id, network_key(request))))

    @call(
        "appeal_sanction",
        "me",
        "Ask somebody else to look again at a sanction in force; once",
        {201: described.OwnAppealSerializer, 200: described.OwnAppealSerializer},
        request=AppealForm,
        parameters=[SANCTION],
        refusals=[400, 401, 403, 404, 409, 413, 415, 429],
        scope="write",
    )
    def post(self, request: Request, public_id: uuid.UUID) -> HttpResponse:
        said = read(request, AppealForm)
        made = appeals.appeal_sanction(author(request), public_id, said["text"], network_key(request))
        return answer(own_appeal(made), 201 if made.is_new else 200)


# --- The desk ---------------------------------------------------------------------------------------------------------


def on_the_desk(one: Appeal) -> dict[str, Any]:
    return {
        "id": one.pk,
        "state": one.state,
        "comment": one.decision.comment_id if one.decision else None,
        "sanction": str(one.sanction.public_id) if one.sanction else None,
        "reason": (one.decision or one.sanction).reason if one.decision or one.sanction else "",  # type: ignore[union-attr]
        "author": {"id": one.appellant_id, "name": one.appellant.name},
        "text": one.text,
        "filed_at": moment(one.filed_at),
        "due_at": moment(one.due_at),
        "is_late": one.state == Appeal.State.OPEN and one.due_at < timezone.now(),
        "ruled_by": one.ruled_by.name if one.ruled_by else None,
        "ruled_at": moment(one.ruled_at),
        "ruling": one.ruling,
        "note": one.private_note,
    }


class AppealsView(Moderating):
    permission = "rule_on_appeals"

    @call(
        "moderation_appeals",
        "moderation",
        "Appeals that wait for you, what is due first on top; never those about what you decided",
        {200: described.AppealPageSerializer},
        parameters=[CURSOR, described.limit(MOST_APPEALS)],
        refusals=[400, 401, 403],
        scope="moderate",
    )
    def get(self, request: Request) -> HttpResponse:
        found = appeals.for_ruling(signed_in(request)).select_related("appellant", "ruled_by", "decision", "sanction")
        if cursor := request.GET.get("cursor"):
            behind = appeals.after(cursor)
            if behind is None:
                raise Refused("bad_cursor", _("This page link is not valid any more. Start from the first page."))
            found = found.filter(behind)
        limit = min(limit_asked(request) or APPEALS, MOST_APPEALS)
        rows = list(found[: limit + 1])
        following = appeals.place(rows[limit - 1]) if len(rows) > limit else None
        return answer({"results": [on_the_desk(one) for one in rows[:limit]], "next": following})


class DeskAppealView(Moderating):
    permission = "rule_on_appeals"

    @call(
        "moderation_appeal",
        "moderation",
        "One appeal with what was decided; refused to who decided",
        {200: described.DeskAppealDetailSerializer},
        parameters=[APPEAL],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def get(self, request: Request, appeal_id: int) -> HttpResponse:
        found = appeals.known(appeal_id)
        appeals.require_may_rule(signed_in(request), found)
        decision, sanction = found.decision, found.sanction
        if decision is not None:
            said, judged = compliance.about_decision(decision), decision.revision.text
        else:
            assert sanction is not None  # noqa: S101
            said, judged = compliance.about_sanction(sanction), ""
        by = decision.made_by if decision else sanction.made_by if sanction else None
        return answer(
            on_the_desk(found)
            | {
                "statement": statement(said),
                "judged_text": judged,
                "version": decision.comment.version if decision else None,
                "decided_by": by.name if by else None,
                "would_publish": appeals.can_be_published(found),
            }
        )


class RulingView(Moderating):
    permission = "rule_on_appeals"

    @call(
        "rule_on_appeal",
        "moderation",
        "Uphold or overturn; 409 if somebody ruled first, or the comment is no longer the version you looked at",
        {201: described.DeskAppealSerializer},
        request=RulingForm,
        parameters=[APPEAL],
        refusals=[400, 401, 403, 404, 409, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request, appeal_id: int) -> HttpResponse:
        said = read(request, RulingForm)
        ruled = appeals.rule_on(
            appeals.known(appeal_id),
            said["ruling"],
            said["text"],
            made_by=signed_in(request),
            private_note=said.get("note", ""),
            version=said.get("version"),
        )
        return answer(on_the_desk(ruled), 201)
