"""What every page of the desk has around it: who may open it, its tabs, its counts and its notices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from comments import access, preferences
from comments.desk import notices, queues

View = Callable[..., HttpResponseBase]


def for_moderators(view: View) -> View:
    """Answer 403 to staff who may not moderate. People who are not staff meet the admin's sign-in before this."""
    return guarded(access.may_moderate)(view)


def for_viewers(view: View) -> View:
    """Answer 403 to staff who may not look at the desk. What the view offers to do asks again who may."""
    return guarded(access.may_see_desk)(view)


def for_those_who(permission: str) -> Callable[[View], View]:
    """Answer 403 to staff without ``permission`` of the desk, such as ``change_policy``: see ``access.may``."""
    return guarded(lambda user: access.may(user, permission))


def guarded(may: Callable[[Any], bool]) -> Callable[[View], View]:
    """Answer 403 to staff of whom ``may`` says no."""

    def guard(view: View) -> View:
        @wraps(view)
        def behind(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            access.learn(request.user)
            if not may(request.user):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return behind

    return guard


@dataclass(frozen=True, slots=True)
class Tab:
    """One part of the desk in the row on top of it, shown to whoever may open it."""

    name: str
    title: str | Promise
    url_name: str
    permission: str
    """Of the desk; ``see_desk`` is everyone who decides or looks, ``give_roles`` who may change users."""
    counted: str = ""
    """Which count stands beside it, when it is not 0: a name in ``queues.counts()``."""


TABS = [
    Tab("queue", _("Queue"), "changelist", "see_desk"),
    Tab("bulk", _("Bulk"), "bulk", "act_in_bulk"),
    Tab("people", _("People"), "people", "see_desk"),
    Tab("appeals", _("Appeals"), "appeals", "rule_on_appeals", "appeals"),
    Tab("issues", _("Issues"), "issues", "see_issues", "issues"),
    Tab("numbers", _("Numbers"), "numbers", "see_numbers"),
    Tab("rules", _("House rules"), "rules", "change_policy"),
    Tab("model", _("Model"), "model", "change_policy"),
    Tab("phrases", _("Phrases"), "phrases", "change_policy"),
    Tab("guidelines", _("Guidelines"), "guidelines", "change_policy"),
    Tab("settings", _("Settings"), "settings", "change_policy"),
    Tab("audit", _("Audit"), "audit", "see_audit"),
    Tab("roles", _("Roles"), "roles", "give_roles"),
    Tab("preferences", _("Preferences"), "preferences", "see_desk"),
]


def _may_open(user: Any, tab: Tab) -> bool:
    if tab.permission == "give_roles":
        return access.may_give_roles(user)
    if tab.permission == "see_issues":
        return access.may(user, "answer_issues") or access.may_see_desk(user)
    return access.may_see_desk(user) if tab.permission == "see_desk" else access.may(user, tab.permission)


def context(
    request: HttpRequest, site: AdminSite, *, tab: str, title: str | Promise, counts: dict[str, int] | None = None
) -> dict[str, Any]:
    """
    Return what ``comments/desk/base.html`` needs. One query, for the counts, unless the caller has them.

    One more a minute for the viewer's preferences, and one for viewers who set themselves a limit.
    """
    counts = queues.counts(access.sections_seen(request.user), request.user) if counts is None else counts
    return site.each_context(request) | {
        "is_nav_sidebar_enabled": False,
        "title": title,
        "tab": tab,
        "tabs": [
            (one, reverse(f"admin:comments_desk_{one.url_name}"), counts.get(one.counted))
            for one in TABS
            if _may_open(request.user, one)
        ],
        "counts": counts,
        "notices": notices.read(),
        "care": preferences.of(request.user),
        "enough": preferences.enough(request.user),
    }
