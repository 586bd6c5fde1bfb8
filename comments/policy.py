"""
Verbs about what the newsroom lets through: its settings, phrases and house rules.

Each change and the record of it are one transaction, and move the version that every process looks at.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from comments import conf, thresholds
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
    """Write down a change; call inside :func:`changing`."""
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


def _checked(name: str, value: Any) -> Any:
    """Return ``value`` as it is stored; raise ``Refused`` when it is not what the setting takes."""
    default = getattr(conf.Settings(), name)
    given = tuple(value) if isinstance(value, list) else value
    if isinstance(default, tuple) and not (
        isinstance(given, tuple) and all(isinstance(one, str) and len(one) <= 200 for one in given)
    ):
        raise Refused("bad_value", _("“%(name)s” is a list of words.") % {"name": name})
    if type(given) is not type(default):
        raise Refused("bad_value", _("“%(name)s” does not take the value %(value)s.") % {"name": name, "value": value})
    try:
        conf.Settings(**{name: given})  # type: ignore[arg-type]
    except ImproperlyConfigured as error:
        raise Refused("bad_value", str(error)) from None
    return value
