"""Rules that read what scorers said. They stand after the scorers in ``RULES``."""

from __future__ import annotations

from collections.abc import Iterator

from comments.screening.verdicts import Candidate, Draft

SCORER = "local"
"""Name of the scorer that ``HOLD_OVER_SCORE`` is about."""


def hold_score(candidate: Candidate) -> Iterator[Draft]:
    """Hold what the local scorer finds ``HOLD_OVER_SCORE`` percent likely to be removed, or more. It never rejects."""
    limit, score = candidate.settings.hold_over_score, candidate.score(SCORER)
    if limit and score is not None and 100 * score >= limit and not candidate.trusted:
        yield Draft("score_over", facts={"percent": round(100 * score), "limit": limit, "scorer": SCORER})
