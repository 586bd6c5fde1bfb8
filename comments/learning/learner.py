"""
The arithmetic of learning: logistic regression by AdaGrad over hashed features, beside the shipped model. Pure.

The same code learns from an editor's decision within seconds, refits at night and replays a file of decisions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from comments.screening.scorers import features
from comments.screening.scorers.site import CALIBRATED_AFTER, STEEPEST, ramp, taught
from comments.screening.scorers.weights import sigmoid

SIZE = 1 << features.BITS
RATE = 0.2
FIRST_SQUARE = 2e-3
"""What every square begins with: the larger, the more careful the first steps."""

REMEMBERED = 600
"""The last texts, as scored before they were learnt: the calibration is fitted to them."""

CALIBRATE_EVERY = 50
CALIBRATE_EVERY_AT_FIRST = 10
"""Until there is a percentage to show: the share of removals is learnt first, and that from few decisions."""

TRUSTED = (1.0, 0.5, 0.25)
EPOCHS = 3


@dataclass(frozen=True, slots=True)
class Example:
    """A decided text as numbers. ``shipped`` is the shipped model's logit, 0 where it has no opinion."""

    shipped: float
    buckets: Sequence[int]
    rejected: bool
    weight: float = 1.0


@dataclass(slots=True)
class Learner:
    """What was learnt so far. ``probability`` first, ``learn`` after: so no text is judged by what it taught."""

    weights: list[float] = field(default_factory=lambda: [0.0] * SIZE)
    squares: list[float] = field(default_factory=lambda: [0.0] * SIZE)
    decisions: int = 0
    removals: int = 0
    scale: float = 1.0
    bias: float = 0.0
    trust: float = 1.0
    slope: float = 1.0
    offset: float = 0.0
    recent: list[list[float]] = field(default_factory=list)
    """``[shipped, taught, rejected, weight]`` of each text before it was learnt; oldest first."""

    def taught(self, buckets: Sequence[int]) -> float:
        return taught(self.weights, buckets)

    def probability(self, example: Example) -> float:
        """Return the probability of a removal, by what is known so far."""
        own = ramp(self.removals) * self.trust * self.taught(example.buckets)
        total = self.scale * example.shipped + self.bias + own
        return sigmoid(self.slope * total + self.offset)

    def learn(self, example: Example) -> None:
        """Learn from one decision, and calibrate anew from time to time."""
        own = self.taught(example.buckets)
        self.recent.append(
            [round(example.shipped, 4), round(own, 4), float(example.rejected), round(example.weight, 3)]
        )
        self.decisions += 1
        self.removals += example.rejected
        self.step(example, own)
        if self.decisions % (CALIBRATE_EVERY if self.decisions >= CALIBRATED_AFTER else CALIBRATE_EVERY_AT_FIRST) == 0:
            self.calibrate()
        if len(self.recent) >= 2 * REMEMBERED:
            del self.recent[:-REMEMBERED]

    def step(self, example: Example, own: float | None = None) -> None:
        """Move the weights of one text towards what the editor said."""
        buckets = example.buckets
        if not buckets:
            return
        own = self.taught(buckets) if own is None else own
        wrong = sigmoid(self.scale * example.shipped + self.bias + own) - example.rejected
        slope = wrong * example.weight / math.sqrt(len(buckets))
        square, move = slope * slope, RATE * slope
        weights, squares, root = self.weights, self.squares, math.sqrt
        for bucket in buckets:
            squares[bucket] = grown = squares[bucket] + square
            weights[bucket] -= move / root(FIRST_SQUARE + grown)

    def calibrate(self) -> None:
        """Fit the shipped part to this newsroom's share of removals, then all of it to what editors did."""
        recent = self.recent[-REMEMBERED:]
        self.scale, self.bias = platt([(row[0], row[2], row[3]) for row in recent], steady=20.0)
        self.settle()

    def settle(self) -> None:
        """
        Choose how far to trust what was taught, and fit the calibration, on texts scored before they were learnt.

        Where the shipped model is already right, the newsroom's own few decisions are mostly noise; where it is wrong,
        they are all there is. The last texts tell which.
        """
        recent, share = self.recent[-REMEMBERED:], ramp(self.removals)
        best = math.inf
        for trust in TRUSTED if share else (1.0,):
            totals = [(self.scale * row[0] + self.bias + share * trust * row[1], row[2], row[3]) for row in recent]
            slope, offset = platt(totals, steady=5.0)
            loss = math.fsum(weight * surprise(slope * z + offset, y) for z, y, weight in totals)
            if loss < best:
                best, self.trust, self.slope, self.offset = loss, trust, slope, offset

    def parameters(self) -> dict[str, Any]:
        """Return the plain numbers that are stored beside the weights."""
        return {
            "scale": self.scale,
            "bias": self.bias,
            "trust": self.trust,
            "slope": self.slope,
            "offset": self.offset,
            "recent": self.recent[-REMEMBERED:],
        }


def surprise(logit: float, rejected: float) -> float:
    """Return minus the logarithm of the probability that was given to what happened."""
    value = -logit if rejected else logit
    return value + math.log1p(math.exp(-value)) if value > 0 else math.log1p(math.exp(max(value, -700.0)))


def platt(rows: Sequence[tuple[float, float, float]], *, steady: float) -> tuple[float, float]:
    """
    Return slope and offset that make a probability of a logit, from (logit, removed, weight).

    Platt's method with his targets, by Newton's; ``steady`` holds the slope near 1 while there is little to go by.
    """
    removed = sum(weight for _z, y, weight in rows if y)
    kept = sum(weight for _z, y, weight in rows if not y)
    yes, no = (removed + 1) / (removed + 2), 1 / (kept + 2)
    slope, offset = 1.0, 0.0
    if rows:
        # Begin at the right share, so that few steps are enough.
        mean = sum(z * weight for z, _y, weight in rows) / (removed + kept)
        share = (removed + 0.5) / (removed + kept + 1)
        offset = math.log(share / (1 - share)) - mean
    for _step in range(12):
        g1, g0, h11, h10, h00 = steady * (slope - 1), 0.0, steady, 0.0, 1e-6
        for z, y, weight in rows:
            p = sigmoid(slope * z + offset)
            wrong, curve = (p - (yes if y else no)) * weight, p * (1 - p) * weight
            g1 += wrong * z
            g0 += wrong
            h11 += curve * z * z
            h10 += curve * z
            h00 += curve
        whole = h11 * h00 - h10 * h10
        if whole <= 1e-12:
            break
        first, second = (h00 * g1 - h10 * g0) / whole, (h11 * g0 - h10 * g1) / whole
        largest = max(abs(first), abs(second), 1.0)
        slope, offset = slope - first / largest, offset - second / largest
        if max(abs(first), abs(second)) < 1e-6:
            break
    return max(STEEPEST, slope), offset


def fitted(examples: Sequence[Example], *, held_back: Iterable[Sequence[float]] = (), epochs: int = EPOCHS) -> Learner:
    """
    Return what all of ``examples`` teach, gone through ``epochs`` times from the oldest to the newest.

    ``held_back`` are rows of ``recent`` scored by models that had not seen them: the calibration is fitted to those,
    since a model is too sure of what it has learnt.
    """
    learner = Learner()
    learner.decisions = len(examples)
    learner.removals = sum(example.rejected for example in examples)
    learner.scale, learner.bias = platt(
        [(example.shipped, float(example.rejected), example.weight) for example in examples[-REMEMBERED * 5 :]],
        steady=20.0,
    )
    for _epoch in range(epochs):
        for example in examples:
            learner.step(example)
    learner.recent = [list(row) for row in held_back][-REMEMBERED:]
    if len(learner.recent) >= CALIBRATED_AFTER:
        learner.settle()
    return learner
