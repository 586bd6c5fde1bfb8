"""What waits for an editor and what was decided last: pages of texts, keyset, in a constant number of queries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import CharField, Count, Exists, OuterRef, Q, QuerySet, Value
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from comments import flags
from comments.learning import audits
from comments.models import IssueReport, Revision, Status

PAGE = 50
"""Cards on a page."""

STUCK = timedelta(minutes=1)
"""A text that is still not screened after this long is shown as such."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Queue:
    """One list of the desk. ``oldest_first`` and ``heaviest_first`` are worked off; others are looked through."""

    name: str
    title: str | Promise
    empty: str | Promise
    counted: bool = False
    oldest_first: bool = False
    blind: bool = False
    """Editors decide without seeing a score or a suggestion, so that what they say is their own."""

    @property
    def heaviest_first(self) -> bool:
        """Ordered by the weight of readers' reports."""
        return self.name == "reported"

    def rows(self) -> QuerySet[Revision]:
        """Return the texts of this queue in its order, each with its comment, author, story and parent."""
        found = with_what_a_card_shows(Revision.objects.all())
        if self.name == "to_decide":
            return found.filter(status=Status.HELD).order_by("created_at", "id")
        if self.heaviest_first:
            return with_what_a_card_shows(flags.reported())
        if self.name == "unscreened":
            return found.filter(status=Status.RECEIVED, created_at__lt=timezone.now() - STUCK).order_by(
                "created_at", "id"
            )
        if self.name == "audit":
            return audits.open_ones(found).order_by("created_at", "id")
        newer = Revision.objects.filter(comment=OuterRef("comment"), number__gt=OuterRef("number"))
        return found.filter(~Exists(newer), comment__status=self.name).order_by("-comment__created_at", "-comment_id")

    def cursor(self, row: Revision) -> str:
        """Return where the page after ``row`` begins."""
        if self.heaviest_first:
            return flags.place(row)
        at, pk = (row.created_at, row.pk) if self.oldest_first else (row.comment.created_at, row.comment_id)
        return f"{(at - EPOCH) // MICROSECOND}-{pk}"

    def after(self, cursor: str) -> Q:
        """Return the condition for what comes after ``cursor``; one that cannot be read is the beginning."""
        if self.heaviest_first:
            return flags.after(cursor) or Q()
        micros, _dash, pk = cursor.partition("-")
        try:
            at, last = EPOCH + int(micros) * MICROSECOND, int(pk)
        except (ValueError, OverflowError):
            return Q()
        if self.oldest_first:
            return Q(created_at__gte=at) & (Q(created_at__gt=at) | Q(id__gt=last))
        return Q(comment__created_at__lte=at) & (Q(comment__created_at__lt=at) | Q(comment_id__lt=last))


QUEUES = (
    Queue(
        "to_decide",
        _("To decide"),
        _("Nothing waits for a decision. New ones appear here as they are held."),
        counted=True,
        oldest_first=True,
    ),
    Queue(
        "reported",
        _("Reported"),
        _("No published comment waits with readers' reports."),
        counted=True,
    ),
    Queue(
        "unscreened",
        _("Not screened"),
        _("Everything that arrived has been screened."),
        counted=True,
        oldest_first=True,
    ),
    Queue(
        "audit",
        _("Spot checks"),
        _("Nothing is left to check. Some of what screening publishes by itself is drawn by lot and appears here."),
        counted=True,
        oldest_first=True,
        blind=True,
    ),
    Queue("published", _("Published"), _("Nothing has been published yet.")),
    Queue("rejected", _("Rejected"), _("Nothing has been rejected.")),
)
BY_NAME = {queue.name: queue for queue in QUEUES}


def named(name: str) -> Queue:
    """Return the queue called ``name``, or the one an editor's day begins with."""
    return BY_NAME.get(name, QUEUES[0])


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a queue. ``next_cursor`` is empty on the last one."""

    queue: Queue
    rows: list[Revision]
    next_cursor: str


def page(queue: Queue, after: str = "", size: int = PAGE) -> Page:
    """Return the page of ``queue`` that begins after the cursor ``after``. One query."""
    rows = list(queue.rows().filter(queue.after(after) if after else Q())[: size + 1])
    more = len(rows) > size
    rows = rows[:size]
    return Page(queue, rows, queue.cursor(rows[-1]) if more else "")


def latest_text(comment_id: int) -> Revision | None:
    """Return the text of one comment that a decision would be about, with what a card shows. One query."""
    return with_what_a_card_shows(Revision.objects.filter(comment_id=comment_id)).order_by("-number").first()


def with_what_a_card_shows(rows: QuerySet[Revision]) -> QuerySet[Revision]:
    return rows.select_related(
        "comment__author", "comment__discussion", "comment__parent__author", "comment__claim__person"
    ).defer("comment__html")


def counts() -> dict[str, int]:
    """Return how much waits in each counted queue, and how many issue reports are open; from the rows, one query."""

    def count(name: str, rows: QuerySet[Any]) -> QuerySet[Any, Any]:
        counted: QuerySet[Any, Any] = rows.order_by().values(queue=Value(name, CharField())).annotate(count=Count("pk"))
        return counted

    waiting = Revision.objects.filter(status=Status.RECEIVED, created_at__lt=timezone.now() - STUCK)
    rows: Iterable[dict[str, Any]] = count("to_decide", Revision.objects.filter(status=Status.HELD)).union(
        count("reported", flags.reported()),
        count("unscreened", waiting),
        count("audit", audits.open_ones(Revision.objects.all())),
        count("issues", IssueReport.objects.filter(state=IssueReport.State.OPEN)),
        all=True,
    )
    names = ("to_decide", "reported", "unscreened", "audit", "issues")
    return dict.fromkeys(names, 0) | {row["queue"]: row["count"] for row in rows}
