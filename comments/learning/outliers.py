"""
Moderators who remove far more, or far less, than the others: a report for the chief editor, who knows why.

Nobody's decisions are dropped because of it. A refit waits for a person, since one moderator who rejects everything
costs a model more than any other fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from django.db.models import Count, Q
from django.utils import timezone

from comments.learning import lessons
from comments.models import Commenter

DAYS = 30
FEWEST_DECISIONS = 50
FEWEST_MODERATORS = 3
TIMES = 3.0


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
    rates = {
        row["made_by"]: (row["decisions"], row["removals"] / row["decisions"])
        for row in rows
        if row["decisions"] >= FEWEST_DECISIONS
    }
    if len(rates) < FEWEST_MODERATORS:
        return []
    usual = median(rate for _decisions, rate in rates.values())
    odd = {
        who: (decisions, rate)
        for who, (decisions, rate) in rates.items()
        if rate > usual * TIMES or rate < usual / TIMES
    }
    people = Commenter.objects.in_bulk(odd)
    return [Outlier(people[who], decisions, rate, usual) for who, (decisions, rate) in sorted(odd.items())]
