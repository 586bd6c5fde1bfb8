"""What every editor has to know before deciding anything: lines above the desk while something does not work."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from comments import screening, shared_cache, thresholds

KEPT = "comments:notices"
KEPT_SECONDS = 15
"""Whether a scorer fails is asked this often, not for every page: what it says is ten minutes old at worst anyhow."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What is wrong, and what follows from it for the comments that come in."""

    what: str
    effect: str


def read() -> list[Notice]:
    """Return the notices of now. One query every quarter of a minute; none while ``RULES`` names no scorer."""
    key = f"{KEPT}:{get_language()}"
    kept = shared_cache.kept(key, KEPT_SECONDS, lambda: [(each.what, each.effect) for each in _read()])
    return [Notice(*each) for each in kept]


def _read() -> list[Notice]:
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
