"""How the scorers are doing, for people who look from another process than the one that asks them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

from django.utils import timezone

from comments import thresholds
from comments.models import Finding
from comments.screening import sentences
from comments.screening.engine import scorer
from comments.screening.scorers import Health, Scorer

LOOK_BACK = 200
"""How many of the latest findings are looked at: by their ids, so that it costs the same however many there are."""

RECENT = timedelta(minutes=10)
"""A failure longer ago than this says nothing of now."""


class Watched(NamedTuple):
    """One scorer in ``RULES``."""

    name: str
    health: Health
    offsite: bool
    """It sends the texts of comments to somebody else."""


def scorers() -> list[Scorer]:
    """Return the scorers in ``RULES``, those that are switched off left out."""
    settings = thresholds.of(None)
    return [
        asked
        for path in settings.rules
        if path.rsplit(".", 1)[-1] not in settings.switched_off and (asked := _importable(path)) is not None
    ]


def health() -> list[Watched]:
    """
    Return how each scorer in ``RULES`` is doing, those that are switched off left out. One query; none without scorers.

    Workers ask scorers, and pages are made elsewhere: so what a scorer says of itself here counts only when it has
    something to complain of, and else the last thing that a worker wrote down about it. Whoever answers again is well.
    """
    listed = scorers()
    failing = _failing([asked.name for asked in listed]) if listed else {}
    found = []
    for asked in listed:
        own = _own(asked)
        facts = failing.get(asked.name)
        if own.ok and facts is not None:
            own = Health(False, sentences.for_editor("scorer_failed", facts))
        found.append(Watched(asked.name, own, asked.sends_text_offsite))
    return found


def _own(asked: Scorer) -> Health:
    try:
        return asked.health()
    except Exception as error:
        facts = {"scorer": asked.name, "error": type(error).__name__}
        return Health(False, sentences.for_editor("scorer_failed", facts))


def _importable(path: str) -> Scorer | None:
    try:
        return scorer(path)
    except Exception:
        # Screening says what is wrong with it, on every comment.
        return None


def _failing(names: list[str]) -> dict[str, dict[str, Any]]:
    """Return what the latest finding of each scorer says, of those whose latest one is a failure."""
    latest = Finding.objects.order_by("-pk").values("pk")[:LOOK_BACK]
    rows = Finding.objects.filter(pk__in=latest, rule__in=names, created_at__gt=timezone.now() - RECENT)
    last: dict[str, tuple[str, Any]] = {}
    for rule, code, evidence in rows.order_by("pk").values_list("rule", "code", "evidence"):
        last[rule] = (code, evidence)
    return {
        rule: evidence
        for rule, (code, evidence) in last.items()
        if code == "scorer_failed" and isinstance(evidence, dict)
    }
