"""Figures about scores: how well they order, whether they mean what they say, and how sure a share can be. Pure."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

SURE = 0.95
BINS = 10


@dataclass(frozen=True, slots=True)
class Scored:
    """One text: the probability it got before anything was learnt from it, and what an editor did."""

    p: float
    rejected: bool
    weight: float = 1.0


def auc(rows: Sequence[Scored]) -> float | None:
    """Return how often the removed one of two texts has the larger score, ties half; ``None`` without both kinds."""
    return _auc(_ordered([row.p for row in rows]), rows, [row.weight for row in rows])


def _ordered(values: Sequence[float]) -> list[list[int]]:
    """Return the places of ``values`` from small to large, equal ones together."""
    groups: list[list[int]] = []
    last = math.nan
    for place in sorted(range(len(values)), key=values.__getitem__):
        if values[place] == last:
            groups[-1].append(place)
        else:
            groups.append([place])
            last = values[place]
    return groups


def _auc(groups: Sequence[Sequence[int]], rows: Sequence[Scored], weights: Sequence[float]) -> float | None:
    below = won = removed = 0.0
    for group in groups:
        good = bad = 0.0
        for place in group:
            if rows[place].rejected:
                bad += weights[place]
            else:
                good += weights[place]
        won += bad * (below + good / 2)
        below += good
        removed += bad
    return won / (below * removed) if below and removed else None


def queue_precision(rows: Sequence[Scored], share: float = 0.1) -> float | None:
    """Return the share of removals among the ``share`` of texts with the largest scores."""
    room = sum(row.weight for row in rows) * share
    taken = removed = 0.0
    for row in sorted(rows, key=lambda each: -each.p):
        if taken >= room:
            break
        part = min(row.weight, room - taken)
        taken += part
        removed += part * row.rejected
    return removed / taken if taken else None


def calibration(rows: Sequence[Scored]) -> list[tuple[int, float, float, float]]:
    """Return for each tenth of the scale with texts in it: (tenth, its weight, mean score, share removed)."""
    bins: dict[int, list[Scored]] = {}
    for row in rows:
        bins.setdefault(min(int(row.p * BINS), BINS - 1), []).append(row)
    found = []
    for tenth, inside in sorted(bins.items()):
        weight = sum(row.weight for row in inside)
        mean = sum(row.p * row.weight for row in inside) / weight
        removed = sum(row.weight for row in inside if row.rejected) / weight
        found.append((tenth, weight, mean, removed))
    return found


def calibration_error(rows: Sequence[Scored]) -> float | None:
    """Return the expected calibration error: by how much a score and the share removed differ, on average."""
    total = sum(row.weight for row in rows)
    return (
        sum(weight * abs(mean - removed) for _t, weight, mean, removed in calibration(rows)) / total if total else None
    )


def brier(rows: Sequence[Scored]) -> float | None:
    """Return the mean squared difference between score and outcome."""
    total = sum(row.weight for row in rows)
    return sum(row.weight * (row.p - row.rejected) ** 2 for row in rows) / total if total else None


def difference(ours: Sequence[Scored], theirs: Sequence[Scored], rounds: int = 200) -> tuple[float, float] | None:
    """
    Return the difference in AUC between two scores of the same texts, and its lower bound at 90 %.

    Paired bootstrap: the same texts are drawn again for both. The bound is the 5th of 100: the lower end of the
    interval that holds 90 %. ``None`` without both kinds of texts. The same rows give the same answer.
    """
    mine, other = auc(ours), auc(theirs)
    if mine is None or other is None:
        return None
    dice = random.Random(1)  # noqa: S311 (drawn the same way each time, on purpose)
    count = len(ours)
    own_order, their_order = _ordered([row.p for row in ours]), _ordered([row.p for row in theirs])
    drawn = []
    for _round in range(rounds):
        weights = [0.0] * count
        for place in dice.choices(range(count), k=count):
            weights[place] += ours[place].weight
        first, second = _auc(own_order, ours, weights), _auc(their_order, theirs, weights)
        if first is not None and second is not None:
            drawn.append(first - second)
    drawn.sort()
    return mine - other, drawn[int(len(drawn) * 0.05)] if drawn else -1.0


def most_likely_at_most(found: int, of: int, sure: float = SURE) -> float:
    """
    Return the largest share that ``found`` in ``of`` still allows, one-sided: the exact bound of Clopper and Pearson.

    0 of 300 gives 0.00994. ``of`` 0 gives 1: nothing is known.
    """
    if of <= 0 or found >= of:
        return 1.0
    low, high = found / of, 1.0
    for _step in range(60):
        middle = (low + high) / 2
        if _at_most(found, of, middle) > 1 - sure:
            low = middle
        else:
            high = middle
    return high


def least_likely_at_least(found: int, of: int, sure: float = SURE) -> float:
    """Return the smallest share that ``found`` in ``of`` still allows, one-sided."""
    return 1 - most_likely_at_most(of - found, of, sure) if found > 0 else 0.0


def _at_most(found: int, of: int, share: float) -> float:
    """Return the chance of at most ``found`` in ``of`` draws."""
    if share <= 0:
        return 1.0
    if share >= 1:
        return 0.0
    whole = math.lgamma(of + 1) - math.lgamma(found + 1) - math.lgamma(of - found + 1)
    term = math.exp(whole + found * math.log(share) + (of - found) * math.log1p(-share))
    total, odds = term, (1 - share) / share
    # Downwards from the largest: above the mean each term is smaller than the one before.
    for k in range(found, 0, -1):
        term *= k / (of - k + 1) * odds
        total += term
        if term < total * 1e-17:
            break
    return min(1.0, total)


def stability(before: Sequence[float], after: Sequence[float]) -> float | None:
    """
    Return the population stability index of two sets of scores: 0 the same, over 0.2 another population.

    Tenths of ``before`` are compared with what of ``after`` falls into them. ``None`` with fewer than 100 in either.
    """
    if min(len(before), len(after)) < 100:
        return None
    ordered = sorted(before)
    edges = sorted({ordered[len(ordered) * tenth // BINS] for tenth in range(1, BINS)})
    index = 0.0
    earlier, later = _counted(before, edges), _counted(after, edges)
    for was, is_now in zip(earlier, later, strict=True):
        p, q = max(was / len(before), 1e-4), max(is_now / len(after), 1e-4)
        index += (q - p) * math.log(q / p)
    return index


def _counted(values: Sequence[float], edges: Sequence[float]) -> list[int]:
    counts = [0] * (len(edges) + 1)
    for value in values:
        counts[sum(value >= edge for edge in edges)] += 1
    return counts
