"""
Whether anything beside the text would help: measured on a newsroom's own decisions, and used by nothing until it does.

There is no public set of decisions with threads and records to measure on, so the score reads the text alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from comments.learning import figures, lessons
from comments.learning.figures import Scored
from comments.models import Lesson
from comments.screening.scorers.weights import sigmoid

FEWEST = 500
NAMES = ("is_reply", "parent_disliked", "rejected_share", "is_new", "at_night")
PASSES = 30
RATE = 0.3


@dataclass(frozen=True, slots=True)
class Compared:
    """One more fact beside the score: by how much it orders better, and at worst by how much (90 %)."""

    name: str
    difference: float
    bound: float

    @property
    def helps(self) -> bool:
        return self.bound > 0


def compare(most: int = 5_000) -> list[Compared]:
    """
    Return for each fact, and for ``all`` of them, whether it beats the score alone; empty with too few decisions.

    Fitted on the older half of the latest lessons that have a score, measured on the younger half. Facts are those of
    the time of the decision as far as the records say: an author's earlier decisions, not the later ones.
    """
    rows = list(
        lessons.counting()
        .filter(probability__isnull=False)
        .select_related("revision__comment__parent")
        .order_by("-id")[:most]
    )[::-1]
    if len(rows) < FEWEST:
        return []
    facts = _facts(rows)
    half = len(rows) // 2
    base = [_logit(row.probability or 0.0) for row in rows]
    alone = [Scored(sigmoid(z), row.rejected, row.weight) for z, row in zip(base, rows, strict=True)][half:]
    found = []
    for name, chosen in [*((name, [place]) for place, name in enumerate(NAMES)), ("all", list(range(len(NAMES))))]:
        inputs = [[z, *(fact[place] for place in chosen)] for z, fact in zip(base, facts, strict=True)]
        weights = _fit(inputs[:half], [row.rejected for row in rows[:half]])
        beside = [
            Scored(sigmoid(_sum(weights, given)), row.rejected, row.weight)
            for given, row in zip(inputs[half:], rows[half:], strict=True)
        ]
        if (compared := figures.difference(beside, alone)) is not None:
            found.append(Compared(name, *compared))
    return found


def _facts(rows: Sequence[Lesson]) -> list[list[float]]:
    """Return the facts of each lesson, from 0 to 1. What an author's earlier texts came to is counted as it goes."""
    seen: dict[int, list[int]] = {}
    found = []
    for row in rows:
        comment = row.revision.comment
        record = seen.setdefault(comment.author_id, [0, 0])
        hour = row.revision.created_at.hour
        found.append(
            [
                float(comment.parent_id is not None),
                float(comment.parent is not None and comment.parent.status != "published"),
                (record[1] + 0.2) / (record[0] + 2),
                float(record[0] == 0),
                float(hour >= 22 or hour < 6),
            ]
        )
        record[0] += 1
        record[1] += row.rejected
    return found


def _logit(p: float) -> float:
    p = min(max(p, 1e-4), 1 - 1e-4)
    return math.log(p / (1 - p))


def _sum(weights: Sequence[float], given: Sequence[float]) -> float:
    return weights[0] + sum(weight * value for weight, value in zip(weights[1:], given, strict=True))


def _fit(inputs: Sequence[Sequence[float]], rejected: Sequence[bool]) -> list[float]:
    """Return offset and weights of a logistic regression, by AdaGrad from the score alone."""
    weights = [0.0, 1.0, *[0.0] * (len(inputs[0]) - 1)]
    squares = [1.0] * len(weights)
    for _pass in range(PASSES):
        for given, removed in zip(inputs, rejected, strict=True):
            wrong = sigmoid(_sum(weights, given)) - removed
            for place, value in enumerate((1.0, *given)):
                slope = wrong * value
                squares[place] += slope * slope
                weights[place] -= RATE * slope / math.sqrt(squares[place])
    return weights
