"""Whether what is written here is changing: the scores of the last week beside those before."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max
from django.utils import timezone

from comments.learning import figures
from comments.learning.lessons import SCORER
from comments.models import Finding

MOVED = 0.2
"""Over this, the scores are those of another crowd."""

MOST = 10_000


def stability(at: datetime | None = None) -> float | None:
    """
    Return the population stability index of the last seven days' scores against the four weeks before them.

    ``None`` while there are fewer than 100 on either side. Reads at most 10,000 scores of each, by primary key.
    """
    at = at or timezone.now()
    week, month = _first_since(at - timedelta(days=7)), _first_since(at - timedelta(days=35))
    return figures.stability(_scores(id__gte=month, id__lt=week), _scores(id__gte=week))


def _scores(**where: Any) -> list[float]:
    rows = Finding.objects.filter(rule=SCORER, code="score", score__isnull=False, **where)
    return list(rows.order_by("-id").values_list("score", flat=True)[:MOST])


def _first_since(at: datetime) -> int:
    """Return the id from which on findings are younger than ``at``: about thirty reads by primary key, on any table."""
    low, high = 0, (Finding.objects.aggregate(last=Max("id"))["last"] or 0) + 1
    while low < high:
        middle = (low + high) // 2
        row = Finding.objects.filter(id__gte=middle).order_by("id").values_list("id", "created_at").first()
        if row is None or row[1] >= at:
            high = middle
        else:
            low = row[0] + 1
    return low
