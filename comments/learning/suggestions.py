"""What the score would decide, how sure it is, and how often editors agreed. It decides nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from comments.learning import figures
from comments.models import Finding, Lesson
from comments.screening.scorers import site

SCORER, SPAM = "local", "spam"
REJECT_FROM, APPROVE_TO = 0.6, 0.25
"""Between the two the score is unsure, and nothing is suggested."""

NEEDED = 20
"""Decisions about texts with about this score before one is suggested: it says how often it was right."""

LOOKED_AT = 2_000
"""Decisions, the latest, that say how often a suggestion was right."""
KEPT_SECONDS = 60.0

SAID_BY = {
    "phrase_banned": "banned_phrase",
    "personal_data": "personal_data",
    "refused_domain": "advertising",
    "campaign": "spam",
    "repeat": "spam",
    "flood": "spam",
}
"""The reason that a finding speaks for."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One decision the score would make."""

    action: str
    reason: str
    """Code; only of a rejection."""
    percent: int | None
    """How sure it is. ``None`` while the score is not calibrated to this newsroom, and so a percentage of nothing."""
    right: int
    """How many of the last ``of`` with about this score an editor decided the same way."""
    of: int

    @property
    def value(self) -> str:
        """What the desk's form sends: ``publish`` or ``reject:spam``."""
        return f"{self.action}:{self.reason}" if self.reason else self.action


@dataclass(frozen=True, slots=True)
class Record:
    """What editors did with texts by their score: tenth of the scale → (rejected, of); and why they rejected."""

    tenths: dict[int, tuple[int, int]]
    reasons: tuple[str, ...]


_kept: tuple[float, Record] | None = None


def forget() -> None:
    """Look at the decisions again when somebody asks."""
    global _kept
    _kept = None


def record() -> Record:
    """Return what editors did lately, looked up once a minute. One query when it is."""
    global _kept
    if _kept is None or _kept[0] < time.monotonic():
        lessons = Lesson.objects.filter(probability__isnull=False).order_by("-id")
        rows = list(lessons.values_list("probability", "rejected", "decision__reason")[:LOOKED_AT])
        tenths: dict[int, tuple[int, int]] = {}
        for p, rejected, _reason in rows:
            removed, of = tenths.get(_tenth(p), (0, 0))
            tenths[_tenth(p)] = removed + rejected, of + 1
        why = Counter(reason for p, rejected, reason in rows if rejected and reason and p >= APPROVE_TO)
        _kept = time.monotonic() + KEPT_SECONDS, Record(tenths, tuple(code for code, _n in why.most_common()))
    return _kept[1]


def _tenth(p: float) -> int:
    return min(int(p * figures.BINS), figures.BINS - 1)


def suggested(findings: Sequence[Finding], reasons: Collection[str]) -> Suggestion | None:
    """
    Return what the findings on a text come to; ``None`` when there is no score, it is unsure, or it was not right in
    most of enough cases like this one.

    ``reasons`` are the codes in use, in their order: what is suggested is one of them.
    """
    scores = {f.rule: f for f in findings if f.code == "score" and f.score is not None}
    local = scores.get(SCORER)
    if local is None or APPROVE_TO < (p := float(local.score or 0)) < REJECT_FROM:
        return None
    action = "reject" if p >= REJECT_FROM else "publish"
    known = record()
    rejected, of = known.tenths.get(_tenth(p), (0, 0))
    right = rejected if action == "reject" else of - rejected
    if of < NEEDED or 2 * right <= of:
        return None
    sure = p if action == "reject" else 1 - p
    return Suggestion(
        action,
        _reason(findings, scores, reasons, known) if action == "reject" else "",
        round(100 * sure) if site.is_calibrated(local.rule_version) else None,
        right,
        of,
    )


def _reason(findings: Sequence[Finding], scores: dict[str, Finding], reasons: Collection[str], known: Record) -> str:
    said = [SAID_BY[f.code] for f in findings if f.code in SAID_BY]
    if SPAM in scores and (scores[SPAM].score or 0) >= REJECT_FROM:
        said.append("spam")
    return next((code for code in (*said, *known.reasons, "personal_attack", *reasons) if code in reasons), "")
