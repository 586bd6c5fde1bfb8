"""
The settings in force: what editors set for an article beats its section, a section beats the site, and the site beats
what the project wrote into ``COMMENTS``.

Kept in memory. Whoever judges asks for the exact state, which costs one read by primary key; whoever only shows may be
behind by :data:`RECHECK_SECONDS`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.utils import timezone

from comments import conf, hours
from comments.models import Discussion, Guidelines, Incident, PolicyVersion, Setting

RECHECK_SECONDS = 1.0

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class InForce:
    """Every value that editors have set, as of one version of the policy."""

    number: int
    project: conf.Settings
    site: Values = field(default_factory=dict)
    sections: dict[str, Values] = field(default_factory=dict)
    discussions: dict[int, Values] = field(default_factory=dict)
    guidelines: Guidelines | None = None
    """The published version, if there is one."""
    resolved: dict[tuple[str, int], conf.Settings] = field(default_factory=dict)
    incidents: list[Incident] = field(default_factory=list)
    """Those readers are told of, the latest first: read with the rest, so that showing them costs nothing."""


_kept: InForce | None = None
_checked_at = 0.0


def in_force(*, exact: bool = False) -> InForce:
    """Return what is in force. ``exact`` asks the database whether it still is: one query, by primary key."""
    global _kept, _checked_at
    kept, now = _kept, time.monotonic()
    project = conf.get()
    if kept is not None and kept.project is project and not exact and now - _checked_at < RECHECK_SECONDS:
        return kept
    number = PolicyVersion.objects.filter(pk=1).values_list("number", flat=True).first() or 0
    if kept is None or kept.project is not project or kept.number != number:
        kept = _read(number, project)
        _kept = kept
    _checked_at = now
    return kept


def _read(number: int, project: conf.Settings) -> InForce:
    found = InForce(number, project, guidelines=Guidelines.objects.order_by("-number").first())
    if number:
        told = (Incident.State.CONFIRMED, Incident.State.WATCHING)
        found.incidents.extend(Incident.objects.filter(state__in=told).order_by("-started_at")[:5])
    for scope, section, discussion_id, name, value in Setting.objects.values_list(
        "scope", "section", "discussion_id", "name", "value"
    ):
        if name not in conf.PANEL:
            continue
        value = tuple(value) if isinstance(value, list) else value
        if scope == Setting.Scope.SITE:
            found.site[name] = value
        elif scope == Setting.Scope.SECTION:
            found.sections.setdefault(section, {})[name] = value
        elif discussion_id is not None:
            found.discussions.setdefault(discussion_id, {})[name] = value
    return found


def forget() -> None:
    """Ask the database next time, whoever asks."""
    global _kept
    _kept = None


def of(discussion: Discussion | None, *, exact: bool = False) -> conf.Settings:
    """Return the settings in force for ``discussion``; without one, for the site."""
    now = in_force(exact=exact)
    section, pk = (discussion.section, discussion.pk or 0) if discussion else ("", 0)
    own = now.discussions.get(pk)
    # Articles without settings of their own share their section's: the memory stays small.
    key = (section if section in now.sections else "", pk if own else 0)
    settings = now.resolved.get(key)
    if settings is None:
        values = now.site | now.sections.get(key[0], {}) | (own or {})
        settings = replace(now.project, **values) if values else now.project
        now.resolved[key] = settings
    return settings


def chain(name: str, discussion: Discussion | None = None, section: str = "") -> list[tuple[str, Any]]:
    """
    Return what each level says of ``name``, the strongest first: ``[("discussion", 1), ("site", 2), ("project", 0)]``.

    The first one is in force. Levels that say nothing are left out; the project always says something.
    """
    now = in_force(exact=True)
    section = discussion.section if discussion else section
    levels = [
        ("discussion", now.discussions.get(discussion.pk, {}) if discussion else {}),
        ("section", now.sections.get(section, {}) if section else {}),
        ("site", now.site),
    ]
    said = [(level, values[name]) for level, values in levels if name in values]
    return [*said, ("project", getattr(now.project, name))]


def guidelines_version(*, exact: bool = False) -> int | None:
    """Return the number of the guidelines in force: those published on the desk, else what the project says."""
    now = in_force(exact=exact)
    return now.guidelines.number if now.guidelines else now.project.guidelines_version


@dataclass(frozen=True, slots=True)
class Announcement:
    text: str
    until: datetime | None
    """``None``: until it is taken away."""


def announcement(discussion: Discussion, at: datetime | None = None) -> Announcement | None:
    """
    Return what is announced above ``discussion`` at ``at``: by the article, else its section, the site, the project.

    The first level that says something is asked, with its own end. One that is over announces nothing, and lets
    nothing from above through: it has been replaced. Its empty text silences what stands above.
    """
    now = in_force()
    project = {"announcement": now.project.announcement, "announcement_until": now.project.announcement_until}
    levels = [now.discussions.get(discussion.pk, {}), now.sections.get(discussion.section, {}), now.site, project]
    level = next(level for level in levels if "announcement" in level)
    if not level["announcement"]:
        return None
    wall = hours.moment(level.get("announcement_until", ""))
    until = timezone.make_aware(wall, timezone.get_default_timezone()) if wall else None
    return None if until and until <= (at or timezone.now()) else Announcement(level["announcement"], until)
