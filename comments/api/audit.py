"""The audit log and the roles, for programs."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib.auth import get_user_model
from django.http import HttpResponse, StreamingHttpResponse
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request

from comments import access, audit, roles
from comments.api import described
from comments.api.bodies import read
from comments.api.described import CURSOR, call
from comments.api.endpoint import Moderating, answer, limit_asked, moment, signed_in
from comments.api.forms import RolesForm
from comments.exceptions import Refused

PEOPLE = 100
ASKED = [
    OpenApiParameter("kind", str, description=f"What it is about: {', '.join(audit.KINDS)}."),
    OpenApiParameter("who", str, description="Part of the name of whoever did it."),
    OpenApiParameter("q", str, description="Words in what was done, or in the note."),
    OpenApiParameter("comment", described.ID, description="About this comment."),
    OpenApiParameter("since", {"type": "string", "format": "date"}, description="First day, by the site's clock."),
    OpenApiParameter("until", {"type": "string", "format": "date"}, description="Last day."),
]


def _asked(request: Request) -> audit.Asked:
    given = {name: request.GET.get(name, "").replace("\x00", "").strip() for name in ("kind", "who", "q", "comment")}
    number = given["comment"]
    if number and not (number.isascii() and number.isdecimal() and len(number) < 19):
        raise Refused("bad_comment", _("“comment” is the number of a comment."))
    return audit.Asked(
        kind=given["kind"],
        who=given["who"][:80],
        words=given["q"][:200],
        comment=int(number) if number else None,
        since=_day(request, "since"),
        until=_day(request, "until"),
    )


def _day(request: Request, name: str) -> date | None:
    given = request.GET.get(name, "")
    if not given:
        return None
    try:
        found = parse_date(given)
    except ValueError:
        found = None
    if found is None or found.year > 9998:
        raise Refused("bad_day", _("“%(name)s” is a day like 2026-03-31.") % {"name": name})
    return found


def _entry(one: audit.Entry) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "what": one.what,
        "before": one.before,
        "after": one.after,
        "note": one.note,
        "made_by": one.who,
        "made_at": moment(one.at),
        "comment": one.comment_id,
        "request_id": one.request_id,
    }


class AuditView(Moderating):
    permission = "see_audit"

    @call(
        "audit",
        "moderation",
        "Who did what on the desk, and what it was before: decisions, policy, sanctions, roles and more; newest first",
        {200: described.AuditPageSerializer},
        parameters=[*ASKED, CURSOR, described.limit(audit.MOST)],
        refusals=[400, 401, 403],
        scope="moderate",
    )
    def get(self, request: Request) -> HttpResponse:
        size = min(limit_asked(request) or audit.PAGE, audit.MOST)
        found = audit.page(_asked(request), request.GET.get("cursor", ""), size)
        return answer({"results": [_entry(one) for one in found.entries], "next": found.next_cursor or None})


class AuditExportView(Moderating):
    permission = "see_audit"

    @call(
        "export_audit",
        "moderation",
        "Everything that is found, as CSV; no cell is taken for a formula",
        {(200, "text/csv"): OpenApiResponse({"type": "string"}, "CSV with a line of names first.")},
        parameters=ASKED,
        refusals=[400, 401, 403],
        scope="moderate",
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        response = StreamingHttpResponse(audit.as_csv(_asked(request)), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="audit.csv"'
        return response


# --- Roles ------------------------------------------------------------------------------------------------------------


def _person(user: Any) -> dict[str, Any]:
    return {
        "id": user.pk,
        "username": user.get_username(),
        "is_staff": user.is_staff,
        "is_superuser": user.is_superuser,
        "roles": [group.name for group in user.groups.all()],
        "sections": [one.section for one in user.comment_sections.all()],
    }


class GivingRoles(Moderating):
    """For those who may change users."""

    permission = ""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        access.require_may_give_roles(request.user)


class RolesView(GivingRoles):
    @call(
        "roles",
        "moderation",
        "Who works for the newsroom as what: a hundred at most, by sign-in name; `q` finds others too",
        {200: described.RolesSerializer},
        parameters=[OpenApiParameter("q", str, description="Part of a name or an address.")],
        refusals=[401, 403],
        scope="moderate",
    )
    def get(self, request: Request) -> HttpResponse:
        words = request.GET.get("q", "").replace("\x00", "").strip()[:100]
        return answer(
            {
                "roles": [{"name": one.name, "may": one.may, "in_sections": one.in_sections} for one in roles.every()],
                "sections": roles.sections(),
                "results": [_person(user) for user in roles.staff(words)[:PEOPLE]],
            }
        )


class RoleView(GivingRoles):
    @call(
        "give_roles",
        "moderation",
        "Let somebody have exactly these roles and sections of the desk",
        {200: described.PersonWithRolesSerializer},
        request=RolesForm,
        parameters=[OpenApiParameter("user_id", described.ID, OpenApiParameter.PATH)],
        refusals=[400, 401, 403, 404, 413, 415],
        scope="moderate",
    )
    def put(self, request: Request, user_id: int) -> HttpResponse:
        said = read(request, RolesForm)
        users: Any = get_user_model()
        user = users._default_manager.filter(pk=user_id).first()
        if user is None:
            raise Refused("unknown_person", _("There is no such person."), status=404)
        known = {role.name: role.pk for role in roles.every()}
        if not set(said["roles"]) <= set(known):
            raise Refused("unknown_role", _("The roles are: %(roles)s.") % {"roles": ", ".join(known)})
        wanted = [known[name] for name in said["roles"]]
        roles.give(user, wanted, said["sections"], made_by=signed_in(request), note=said.get("note", ""))
        user.refresh_from_db()
        return answer(_person(user))
