"""
Verbs about what the newsroom lets through: its settings, phrases and house rules.

Each change and the record of it are one transaction, and move the version that every process looks at.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from comments import access, conf, thresholds
from comments.exceptions import Refused
from comments.models import Commenter, Discussion, PolicyChange, PolicyVersion, Setting


@contextmanager
def changing() -> Iterator[None]:
    """Change policy in one transaction; every process sees all of it, after the commit, or nothing."""
    with transaction.atomic():
        # First, so that two changes at once wait for each other here.
        PolicyVersion.objects.get_or_create(pk=1)
        PolicyVersion.objects.filter(pk=1).update(number=F("number") + 1)
        yield
        thresholds.forget()
        transaction.on_commit(thresholds.forget, robust=True)


def record(kind: str, subject: str, before: Any, after: Any, made_by: Commenter | None, note: str = "") -> PolicyChange:
    """
    Write down a change; call inside :func:`changing`, so that what may not be written down is not done either.

    Raise ``Refused`` (403) when ``made_by`` may not change policy: every change passes here, whichever door it came by.
    """
    access.require_of(made_by, "change_policy")
    return PolicyChange.objects.create(
        kind=kind, subject=subject[:300], before=before, after=after, made_by=made_by, note=note[:500]
    )


# --- Settings ---------------------------------------------------------------------------------------------------------


def set_value(
    name: str,
    value: Any,
    *,
    made_by: Commenter | None,
    section: str = "",
    discussion: Discussion | None = None,
    note: str = "",
) -> None:
    """
    Set ``name`` for the site, for a ``section`` or for one ``discussion``; ``None`` takes the value of the level above.

    Raise ``Refused`` for a name that editors may not set, at a level where it may not be set, or a value of the wrong
    kind.
    """
    lowest = conf.PANEL.get(name)
    if lowest is None:
        raise Refused("unknown_setting", _("There is no setting “%(name)s” here.") % {"name": name}, status=404)
    if (section or discussion) and lowest == "site":
        raise Refused("wrong_level", _("This can be set for the whole site only."))
    if len(section) > 80 or "\x00" in section:
        raise Refused("unknown_section", _("There is no such section."), status=404)
    if value is not None:
        value = _checked(name, value)
    scope = Setting.Scope.DISCUSSION if discussion else Setting.Scope.SECTION if section else Setting.Scope.SITE
    where: dict[str, Any] = {
        "scope": scope,
        "section": "" if discussion else section,
        "discussion": discussion,
        "name": name,
    }
    with changing():
        existing = Setting.objects.filter(**where).first()
        before = existing.value if existing else None
        if before == value:
            return
        if value is None:
            Setting.objects.filter(**where).delete()
        else:
            Setting.objects.update_or_create(**where, defaults={"value": value, "changed_by": made_by})
        place = f"article:{discussion.pk}" if discussion else f"section:{section}" if section else "site"
        record(PolicyChange.Kind.SETTING, f"{name} ({place})", before, value, made_by, note)


_subject = re.compile(r"(?P<name>[a-z_]+) \((?:site|section:(?P<section>.+)|article:(?P<article>[0-9]+))\)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """A setting and the level at which it was changed."""

    name: str
    section: str = ""
    discussion_id: int | None = None


def place_of(change: PolicyChange) -> Place:
    """Return what ``change``, of a setting, was about. Raise ``Refused`` for other changes."""
    match = _subject.fullmatch(change.subject) if change.kind == PolicyChange.Kind.SETTING else None
    if match is None:
        raise Refused("not_a_setting", _("Only changes of settings are taken back here."), status=409)
    return Place(match["name"], match["section"] or "", int(match["article"]) if match["article"] else None)


def take_back(change: PolicyChange, *, made_by: Commenter | None) -> PolicyChange:
    """
    Set a setting back to what it was before ``change``, and return the record of it.

    Raise ``Refused`` (409) when it has been changed again since: what somebody set later is not undone by accident.
    """
    place = place_of(change)
    with changing():
        later = PolicyChange.objects.filter(kind=change.kind, subject=change.subject, pk__gt=change.pk)
        if later.exists():
            raise Refused("changed_since", _("This was changed again since. Set the value you want."), status=409)
        discussion = Discussion.objects.filter(pk=place.discussion_id).first() if place.discussion_id else None
        if place.discussion_id and discussion is None:
            raise Refused("unknown_discussion", _("There is no discussion here."), status=404)
        set_value(
            place.name,
            change.before,
            made_by=made_by,
            section=place.section,
            discussion=discussion,
            note=_("Taken back: change %(id)s") % {"id": change.pk},
        )
        made: PolicyChange = PolicyChange.objects.filter(subject=change.subject).latest("pk")
    return made


def _checked(name: str, value: Any) -> Any:
    """Return ``value`` as it is stored; raise ``Refused`` when it is not what the setting takes."""
    default = getattr(conf.Settings(), name)
    given = tuple(value) if isinstance(value, list) else value
    if isinstance(default, tuple) and not (
        isinstance(given, tuple)
        and len(given) <= 1_000
        and all(isinstance(one, str) and len(one) <= 200 and "\x00" not in one for one in given)
    ):
        raise Refused("bad_value", _("“%(name)s” is a list of words.") % {"name": name})
    if isinstance(given, str) and (len(given) > 300 or "\x00" in given):
        raise Refused("bad_value", _("“%(name)s” takes a sentence of at most 300 characters.") % {"name": name})
    if type(given) is not type(default):
        raise Refused("bad_value", _("“%(name)s” does not take the value %(value)s.") % {"name": name, "value": value})
    if name == "languages" and given and importlib.util.find_spec("py3langid") is None:
        said = _("Languages cannot be told apart here: whoever runs the site has to install the extra “lang” first.")
        raise Refused("extra_missing", said, status=409)
    try:
        conf.Settings(**{name: given})  # type: ignore[arg-type]
    except ImproperlyConfigured as error:
        raise Refused("bad_value", str(error)) from None
    return value
