"""
How reports are dealt with, counted from the rows: how many, how fast, how often it helped, how often we were wrong.

Times to the first answer are estimated with the reports that still wait (Kaplan and Meier 1958): averaging only what
was answered flatters whoever answers slowly. Of few cases the counts are told and no share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Min, Q, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from comments.dashboard import Column, Table, share
from comments.issues import answers, board
from comments.models import DiagnosisCount, Incident, IssueMessage, IssueReport, IssueSplit

CHOICES = (7, 28, 90, 365)
MOST = 20_000
AGAIN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Numbers:
    days: int
    figures: list[tuple[str | Promise, str, Any]]
    """Title, ``count``, ``seconds`` or ``share``, and the value; of a share both of its numbers."""
    tables: list[Table]
    chart: list[tuple[str, int, float]]
    """Day, reports, height from 0 to 100."""


def days_asked(raw: str) -> int:
    return int(raw) if raw in {str(days) for days in CHOICES} else 28


def quantile(waits: Sequence[tuple[float, bool]], part: float) -> float | None:
    """
    Return after how many seconds ``part`` of all have been answered; ``None`` while so many have not.

    ``waits`` are seconds until the first answer and ``True``, or until now and ``False`` for who still waits.
    """
    left = len(waits)
    survived = 1.0
    for seconds, answered in sorted(waits, key=lambda one: (one[0], not one[1])):
        if answered:
            survived *= 1 - 1 / left
            # What is added up in binary is a hair beside what was meant.
            if survived <= 1 - part + 1e-12:
                return seconds
        left -= 1
    return None


def read(user: Any, days: int) -> Numbers:
    """Return the numbers of the last ``days`` as far as ``user`` may read reports."""
    now = timezone.now()
    since = now - timedelta(days=days)
    seen = board.seen_by(user) if answers.may_look(user) else IssueReport.objects.none()
    rows = seen.filter(created_at__gt=since)
    first = dict(
        IssueMessage.objects.filter(report__in=rows.values("pk"), sender=IssueMessage.Sender.NEWSROOM)
        .order_by()
        .values_list("report")
        .annotate(first=Min("created_at"))[:MOST]
    )
    facts = list(rows.values_list("pk", "created_at", "state", "closed_at", "reopened_at", "found", "cause")[:MOST])
    waits = []
    for pk, created, state, closed, *_more in facts:
        answered = first.get(pk)
        if answered is None and state in (IssueReport.State.SOLVED, IssueReport.State.CLOSED):
            # Solved by the reader, or closed without an answer: it stopped waiting, and was not answered.
            waits.append((((closed or now) - created).total_seconds(), False))
        else:
            waits.append((((answered or now) - created).total_seconds(), answered is not None))
    head = board.head(user)
    diagnosed = _diagnosed(since)
    shown = sum(row[1] for row in diagnosed)
    settled, sent = sum(row[2] for row in diagnosed), sum(row[3] for row in diagnosed)
    ended = [row for row in facts if row[3] is not None or row[4] is not None]
    again = sum(1 for row in facts if row[4] is not None)
    labelled = [row for row in facts if row[5] and row[6]]
    wrong = sum(1 for row in labelled if row[5] != row[6])
    proposals = Incident.objects.filter(proposed_at__gt=since).exclude(stream="editor")
    false = proposals.filter(dismissed_as=Incident.Dismissal.COINCIDENCE).count()
    figures: list[tuple[str | Promise, str, Any]] = [
        (_("Reports"), "count", len(facts)),
        (_("Half are answered within"), "seconds", quantile(waits, 0.5)),
        (_("Nine in ten are answered within"), "seconds", quantile(waits, 0.9)),
        (_("Oldest that waits"), "seconds", (now - head.oldest).total_seconds() if head.oldest else None),
        (_("Wait for more than a day"), "count", head.over_a_day),
        (_("Settled by an answer before sending"), "share", (settled, shown)),
        (_("Sent all the same"), "share", (sent, shown)),
        (_("Opened again"), "share", (again, len(ended))),
        (_("Answer shown was not the cause"), "share", (wrong, len(labelled))),
        (_("Incidents proposed by chance"), "share", (false, proposals.count())),
    ]
    by_day = _by_day(rows, days)
    highest = max((sum(row[1:]) for row in by_day), default=0)
    chart = [
        (f"{row[0]:%d.%m.}", sum(row[1:]), round(100 * sum(row[1:]) / highest, 1) if highest else 0.0) for row in by_day
    ]
    kinds = IssueReport.Kind.choices
    tables = [
        Table(
            "days",
            gettext_lazy("Reports by day"),
            gettext_lazy("What readers said happened, by when they wrote."),
            (Column("day", gettext_lazy("Day"), "time"), *(Column(kind, title) for kind, title in kinds)),
            [tuple(row) for row in by_day],
        ),
        Table(
            "answers",
            gettext_lazy("Answers before sending"),
            gettext_lazy("How often each was shown first, and what readers did then. Who only left is in neither."),
            (
                Column("code", gettext_lazy("Answer"), "text"),
                Column("shown", gettext_lazy("Shown")),
                Column("settled", gettext_lazy("“That answers it”")),
                Column("sent", gettext_lazy("Sent all the same")),
                Column("settled_share", gettext_lazy("Share settled"), "share"),
            ),
            [(*row, share(row[2], row[1])) for row in diagnosed],
        ),
        Table(
            "causes",
            gettext_lazy("Causes"),
            gettext_lazy("What it was, as editors labelled it, and how often another answer was shown first."),
            (
                Column("cause", gettext_lazy("Cause"), "text"),
                Column("reports", gettext_lazy("Reports")),
                Column("wrong", gettext_lazy("Another answer shown")),
            ),
            _causes(facts),
        ),
        Table(
            "groups",
            gettext_lazy("Joining"),
            gettext_lazy("How many reports were put into groups, and how often an editor took some apart."),
            (
                Column("reports", gettext_lazy("Reports")),
                Column("joined", gettext_lazy("In groups")),
                Column("apart", gettext_lazy("Taken apart")),
            ),
            [
                (
                    len(facts),
                    rows.filter(group__isnull=False).count(),
                    IssueSplit.objects.filter(created_at__gt=since).order_by().values("one").distinct().count(),
                )
            ],
        ),
    ]
    return Numbers(days, figures, tables, chart)


def _diagnosed(since: Any) -> list[tuple[str, int, int, int]]:
    outcome = DiagnosisCount.Outcome
    found = (
        DiagnosisCount.objects.filter(day__gte=timezone.localdate(since))
        .order_by()
        .values_list("code")
        .annotate(
            shown=Sum("count", filter=Q(outcome=outcome.SHOWN), default=0),
            settled=Sum("count", filter=Q(outcome=outcome.SETTLED), default=0),
            sent=Sum("count", filter=Q(outcome=outcome.SENT), default=0),
        )
    )
    return sorted(found, key=lambda row: (-row[1], row[0]))


def _by_day(rows: Any, days: int) -> list[list[Any]]:
    counted: dict[Any, dict[str, int]] = {}
    by_kind = rows.annotate(day=TruncDate("created_at")).order_by().values_list("day", "kind")
    for day, kind, count in by_kind.annotate(count=Count("pk")):
        counted.setdefault(day, {})[kind] = count
    today = timezone.localdate()
    span = [today - timedelta(days=back) for back in range(days - 1, -1, -1)]
    kinds = IssueReport.Kind.values
    return [[day, *(counted.get(day, {}).get(kind, 0) for kind in kinds)] for day in span]


def _causes(facts: list[Any]) -> list[tuple[str, int, int]]:
    found: dict[str, list[int]] = {}
    for row in facts:
        shown, cause = row[5], row[6]
        if cause:
            counts = found.setdefault(cause, [0, 0])
            counts[0] += 1
            counts[1] += bool(shown) and shown != cause
    return sorted(((cause, *counts) for cause, counts in found.items()), key=lambda row: (-row[1], row[0]))  # type: ignore[misc]
