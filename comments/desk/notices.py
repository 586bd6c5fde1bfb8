"""What every editor has to know before deciding anything: lines above the desk while something does not work."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from comments import screening, thresholds


@dataclass(frozen=True, slots=True)
class Notice:
    """What is wrong, and what follows from it for the comments that come in."""

    what: str
    effect: str


def read() -> list[Notice]:
    """Return the notices of now. One query at most; none while ``RULES`` names no scorer."""
    may_fail = thresholds.of(None).may_fail
    return [
        Notice(
            f"{watched.health.detail.rstrip('.')}.",
            _("Comments are decided without it.")
            if watched.name in may_fail
            else _("Comments that it cannot check wait for an editor."),
        )
        for watched in screening.health()
        if not watched.health.ok
    ]
