"""What came in, what became of it and how long people waited, counted from the rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.db.models import Count
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from comments.models import Comment, Decider, Decision, Status

MOST = 2_000
"""Editors' decisions that are looked at for the waiting times, latest first."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time up to now."""

    title: str | Promise
    received: int
    rows: list[tuple[str, str, int, str]]
    """Status, its name, comments, share of all that came in."""
    decided: int
    median_wait: str


def read() -> list[Span]:
    """Return today and the last seven days. Three queries."""
    now = timezone.now()
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    latest = list(
        Decision.objects.filter(decider=Decider.EDITOR, from_status__in=[Status.RECEIVED, Status.HELD])
        .order_by("-id")
        .values_list("created_at", "revision__created_at")[:MOST]
    )
    return [
        _span(gettext_lazy("Today"), midnight, latest),
        _span(gettext_lazy("The last seven days"), now - timedelta(days=7), latest),
    ]


def _span(title: str | Promise, since: datetime, decisions: list[tuple[datetime, datetime]]) -> Span:
    counted = Comment.objects.filter(status__in=Status.values, created_at__gte=since).values_list("status")
    found: dict[str, int] = dict(counted.annotate(count=Count("pk")).order_by())
    received = sum(found.values())
    waits = [(decided - written).total_seconds() for decided, written in decisions if decided >= since]
    return Span(
        title=title,
        received=received,
        rows=[
            (status.value, str(status.label), found.get(status, 0), _share(found.get(status, 0), received))
            for status in Status
        ],
        decided=len(waits),
        median_wait=_duration(median(waits)) if waits else "-",
    )


def _share(part: int, whole: int) -> str:
    return _("%(share)d %%") % {"share": round(100 * part / whole)} if whole else "-"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return _("%(count)d s") % {"count": seconds}
    if seconds < 7200:
        return _("%(count)d min") % {"count": seconds // 60}
    return _("%(count)d h") % {"count": seconds // 3600}
