"""What the newsroom set, where each value comes from, and who changed it when."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from comments import conf, discussions, policy, thresholds
from comments.api import described
from comments.api.bodies import read
from comments.api.described import CURSOR, call
from comments.api.endpoint import Governing, answer, limit_asked, moment, named, signed_in
from comments.api.forms import SettingForm
from comments.exceptions import Refused
from comments.models import Discussion, PolicyChange

CHANGES = 50
MOST_CHANGES = 200
LONGEST_SECTION = 80


def _place(discussion: str, section: str) -> tuple[Discussion | None, str]:
    """Return the discussion named ``discussion`` and its section; without one, the section that was asked for."""
    if discussion:
        found = discussions.get(named(discussion))
        return found, found.section
    if len(section) > LONGEST_SECTION or "\x00" in section:
        raise Refused("unknown_section", _("There is no such section."), status=404)
    return None, section


def _setting(name: str, discussion: Discussion | None, section: str) -> dict[str, Any]:
    levels = thresholds.chain(name, discussion, section)
    level, value = levels[0]
    return {
        "name": name,
        "value": value,
        "level": level,
        "lowest": conf.PANEL[name],
        "meaning": conf.meanings().get(name, ""),
        "chain": [{"level": said, "value": what} for said, what in levels],
    }


class SettingsView(Governing):
    @call(
        "moderation_settings",
        "moderation",
        "Every setting that editors may change, at one place, and where each value comes from",
        {200: described.SettingsSerializer},
        parameters=[
            OpenApiParameter("discussion", str, description="Key of a discussion; its section counts too."),
            OpenApiParameter("section", str, description="Name of a section."),
        ],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def get(self, request: Request) -> HttpResponse:
        discussion, section = _place(request.GET.get("discussion", ""), request.GET.get("section", ""))
        return answer(
            {
                "discussion": discussion.key if discussion else None,
                "section": section,
                "results": [_setting(name, discussion, section) for name in conf.PANEL],
            }
        )


class SettingView(Governing):
    @call(
        "change_setting",
        "moderation",
        "Set one value for the site, a section or a discussion; `null` takes the value of the level above",
        {200: described.SettingSerializer},
        request=SettingForm,
        parameters=[OpenApiParameter("name", str, OpenApiParameter.PATH)],
        refusals=[400, 401, 403, 404, 413, 415],
        scope="moderate",
    )
    def put(self, request: Request, name: str) -> HttpResponse:
        said = read(request, SettingForm)
        if said.get("discussion") and said.get("section"):
            raise Refused("wrong_level", _("Name a section or a discussion, not both."))
        discussion, section = _place(said.get("discussion", ""), said.get("section", ""))
        policy.set_value(
            name,
            said["value"],
            made_by=signed_in(request),
            section="" if discussion else section,
            discussion=discussion,
            note=said.get("note", ""),
        )
        return answer(_setting(name, discussion, section))


def _change(change: PolicyChange) -> dict[str, Any]:
    return {
        "id": change.pk,
        "kind": change.kind,
        "subject": change.subject,
        "before": change.before,
        "after": change.after,
        "note": change.note,
        "made_by": change.made_by.name if change.made_by else None,
        "made_at": moment(change.created_at),
    }


class ChangesView(Governing):
    @call(
        "moderation_changes",
        "moderation",
        "What was changed about how comments are judged: who, when, before and after; newest first",
        {200: described.ChangePageSerializer},
        parameters=[
            OpenApiParameter("kind", str, enum=list(PolicyChange.Kind.values)),
            CURSOR,
            described.limit(MOST_CHANGES),
        ],
        refusals=[400, 401, 403],
        scope="moderate",
    )
    def get(self, request: Request) -> HttpResponse:
        found = PolicyChange.objects.select_related("made_by").order_by("-pk")
        if kind := request.GET.get("kind"):
            if kind not in PolicyChange.Kind.values:
                kinds = ", ".join(PolicyChange.Kind.values)
                raise Refused("unknown_kind", _("The kinds are: %(kinds)s.") % {"kinds": kinds})
            found = found.filter(kind=kind)
        if cursor := request.GET.get("cursor"):
            if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
                raise Refused("bad_cursor", _("This page link is not valid any more. Start from the first page."))
            found = found.filter(pk__lt=int(cursor))
        limit = min(limit_asked(request) or CHANGES, MOST_CHANGES)
        changes = [*found[: limit + 1]]
        following = str(changes[limit - 1].pk) if len(changes) > limit else None
        return answer({"results": [_change(one) for one in changes[:limit]], "next": following})


class RevertView(Governing):
    @call(
        "revert_change",
        "moderation",
        "Take a change of a setting back; 409 if it was changed again since",
        {201: described.ChangeSerializer},
        parameters=[OpenApiParameter("change_id", described.ID, OpenApiParameter.PATH)],
        refusals=[400, 401, 403, 404, 409, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request, change_id: int) -> HttpResponse:
        change = PolicyChange.objects.filter(pk=change_id).first()
        if change is None:
            raise Refused("unknown_change", _("There is no such change."), status=404)
        return answer(_change(policy.take_back(change, made_by=signed_in(request))), 201)
