"""
Moderators who remove far more, or far less, than the others: a report for the chief editor, who knows why.

Their decisions stand. But one moderator who rejects everything costs a model more than any other fault, so while the
difference is too large for chance nothing is learnt from theirs, and no model is replaced; ``LEARN_FROM_EVERYONE`` is
for the chief editor who knows that it is the queue, and not the person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import TypeVar

from django.db.models import Count, Q
from django.utils import timezone

from comments import thresholds
from comments.learning import lessons
from comments.learning.figures import least_likely_at_least, most_likely_at_most
from comments.models import Commenter

DAYS = 30
FEWEST_DECISIONS = 50
FEWEST_MODERATORS = 3
TIMES = 3.0
SURE = 0.999
"""A difference is not chance when it would be seen by chance less often than once in a thousand moderators."""

Who = TypeVar("Who", int, str)


@dataclass(frozen=True, slots=True)
class Outlier:
    """One moderator of the last :data:`DAYS` days, and what their colleagues do."""

    person: Commenter
    decisions: int
    rate: float
    usual: float
    """The median of all who decided enough, this one among them."""


def report(days: int = DAYS) -> list[Outlier]:
    """
    Return moderators whose share of removals is over three times the median, or under a third of it.

    Of people with at least :data:`FEWEST_DECISIONS` decisions, and only when at least :data:`FEWEST_MODERATORS` have
    so many. Spot checks are left out: who draws them is chance, but what is in them is not what is in the queue.
    """
    since = timezone.now() - timedelta(days=days)
    rows = (
        lessons.counting()
        .filter(created_at__gte=since, made_by__isnull=False)
        .exclude(drawn__in=["audit", "bulk"])
        .order_by()
        .values("made_by")
        .annotate(decisions=Count("pk"), removals=Count("pk", filter=Q(rejected=True)))
    )
    rates = {row["made_by"]: (row["decisions"], row["removals"] / row["decisions"]) for row in rows}
    odd, usual = odd_ones(rates)
    people = Commenter.objects.in_bulk(odd)
    return [Outlier(people[who], *rates[who], usual) for who in sorted(odd)]


def odd_ones(rates: Mapping[Who, tuple[int, float]]) -> tuple[set[Who], float]:
    """
    Return who removes over three times the usual share, or under a third of it, and not by chance; and that share.

    ``rates`` are decisions and share of removals by moderator. The usual share is the median. Pure.
    """
    rates = {who: given for who, given in rates.items() if given[0] >= FEWEST_DECISIONS}
    if len(rates) < FEWEST_MODERATORS:
        return set(), 0.0
    usual = median(rate for _decisions, rate in rates.values())
    odd = {
        who
        for who, (decisions, rate) in rates.items()
        if (rate > usual * TIMES and least_likely_at_least(round(rate * decisions), decisions, SURE) > usual)
        or (rate < usual / TIMES and most_likely_at_most(round(rate * decisions), decisions, SURE) < usual)
    }
    return odd, usual


def left_out() -> set[int]:
    """Return the moderators from whose decisions nothing is learnt for now."""
    if thresholds.of(None).learn_from_everyone:
        return set()
    return {outlier.person.pk for outlier in report()}
