"""What this newsroom's own decisions add to the shipped model: the one place where its score becomes a probability."""

from __future__ import annotations

from collections.abc import Sequence

from comments.screening.scorers.weights import warm


def combine(warm_logit: float, buckets: Sequence[int]) -> tuple[float, str]:
    """
    Return the probability that an editor removes a text, and the version of what says so.

    ``warm_logit`` is what the shipped model makes of the text's ``buckets``; a larger one never lowers the answer.
    """
    shipped = warm()
    return shipped.probability(warm_logit), shipped.version


def alone(buckets: Sequence[int]) -> tuple[float | None, str]:
    """Return the same for a text in a script the shipped model cannot read; ``None`` while nothing was learnt."""
    return None, warm().version
