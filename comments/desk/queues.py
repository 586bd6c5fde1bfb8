"""What waits for an editor and what was decided last: pages of texts, keyset, in a constant number of queries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

from django.db.models import CharField, Count, F, OuterRef, Q, QuerySet, Sum, TextField, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from comments import assignments, at_once, flags, search
from comments.exceptions import Refused
from comments.learning import audits
from comments.models import Appeal, Discussion, IssueReport, Revision, Status

PAGE = 50
"""Cards on a page."""

STUCK = timedelta(minutes=1)
"""A text that is still not screened after this long is shown as such."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
BIGGEST = 2**63 - 1

SEARCH = "q:"
"""What the name of a search begins with; the search follows."""


# --- Orders -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Order:
    """
    In which order a queue is worked off. Each has an index of its own, and a page begins at a place in it.

    ``column`` comes first and ``key`` decides between equals; a minus is descending.
    """

    name: str
    title: str | Promise
    column: str
    key: str

    def place(self, row: Any) -> str:
        """Return where the page after ``row`` begins."""
        value, pk = row, row
        for step in self.column.lstrip("-").split("__"):
            value = getattr(value, step)
        for step in self.key.lstrip("-").split("__"):
            pk = getattr(pk, step)
        return f"{(value - EPOCH) // MICROSECOND if isinstance(value, datetime) else repr(value)}-{pk}"

    def after(self, place: str) -> Q | None:
        """Return the condition for what comes after ``place``; ``None`` for one that cannot be read."""
        value, dash, pk = place.rpartition("-")
        if not (
            dash and place.isascii() and pk.isdecimal() and len(pk) < 20 and int(pk) <= BIGGEST and len(value) < 40
        ):
            return None
        at: datetime | float
        try:
            if self.column.endswith("created_at"):
                if not (value.isdecimal() and len(value) < 17):
                    return None
                at = EPOCH + int(value) * MICROSECOND
            else:
                at = float(value)
                if not isfinite(at):
                    return None
        except (ValueError, OverflowError):
            return None
        column, beyond = self.column.lstrip("-"), "lt" if self.column.startswith("-") else "gt"
        key, behind = self.key.lstrip("-"), "lt" if self.key.startswith("-") else "gt"
        # Said twice, so that the index is entered at the place.
        return Q(**{f"{column}__{beyond}e": at}) & (
            Q(**{f"{column}__{beyond}": at}) | Q(**{f"{key}__{behind}": int(pk)})
        )


ORDERS = {
    order.name: order
    for order in (
        Order("age", _("Waiting longest first"), "created_at", "id"),
        Order("newest", _("Latest first"), "-created_at", "-id"),
        Order("priority", _("Risk and reach first"), "-priority", "id"),
        Order("flags", _("Heaviest reports first"), "-flag_weight", "id"),
        Order("score", _("Highest score first"), "-risk", "id"),
    )
}
LATEST = Order("latest", _("Latest first"), "-comment__created_at", "-comment_id")


EVERYTHING = search.Query()


# --- Queues -----------------------------------------------------------------------------------------------------------


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
    orders: tuple[str, ...] = ()
    """The orders an editor may choose from, the usual one first."""
    order: str = ""
    """The one chosen."""
    query: search.Query = EVERYTHING
    """Only what it matches."""
    typed: str = ""
    """The search as it stands in the field."""
    complaint: str = ""
    """Why it cannot be read."""
    viewer: Any = None
    """Whose, where each editor has their own: see :meth:`seen_by`."""

    def seen_by(self, user: Any) -> Queue:
        """Return this queue as ``user`` has it."""
        return replace(self, viewer=user)

    @property
    def heaviest_first(self) -> bool:
        """Ordered by the weight of readers' reports."""
        return self.name == "reported"

    @property
    def is_search(self) -> bool:
        return self.name.startswith(SEARCH)

    @property
    def as_search(self) -> str:
        """The search that finds what is in this queue; "" where there is none, as for what was drawn by lot."""
        begins = {
            "to_decide": "status:held",
            "reported": "status:published has:flag",
            "published": "status:published",
            "rejected": "status:rejected",
        }.get(self.name, "" if self.is_search else None)
        return "" if begins is None or self.complaint else f"{begins} {self.query}".strip()

    @property
    def sorting(self) -> Order | None:
        """The order of its rows; ``None`` for the one that is ordered by reports."""
        if self.heaviest_first:
            return None
        if self.order or self.orders:
            return ORDERS[self.order or self.orders[0]]
        return ORDERS["age"] if self.oldest_first else LATEST

    @property
    def is_usual(self) -> bool:
        """In the order it has when nobody chooses another."""
        return not self.order or self.order == self.orders[0]

    def in_order(self, name: str) -> Queue:
        """Return this queue in the order called ``name``, if it has that."""
        return replace(self, order=name) if name in self.orders else self

    def matching(self, query: search.Query) -> Queue:
        return replace(self, query=query)

    def rows(self, sections: frozenset[str] | None = None) -> QuerySet[Revision]:
        """
        Return the texts of this queue in its order, each with its comment, author, story and parent.

        ``sections`` keeps it to those; ``None`` is everywhere.
        """
        return with_what_a_card_shows(self.texts(sections))

    def texts(self, sections: frozenset[str] | None = None) -> QuerySet[Revision]:
        """Return what :meth:`rows` does, without what stands round them."""
        if self.complaint:
            return Revision.objects.none()
        found = search.narrowed(within(sections, self._rows(), here=self.name == "to_decide"), self.query)
        order = self.sorting
        return found.order_by(order.column, order.key) if order else found

    def _rows(self) -> QuerySet[Revision]:
        match self.name:
            case "to_decide":
                return Revision.objects.filter(status=Status.HELD)
            case "reported":
                return flags.reported()
            case "unscreened":
                return Revision.objects.filter(status=Status.RECEIVED, created_at__lt=timezone.now() - STUCK)
            case "received":
                return Revision.objects.filter(status=Status.RECEIVED)
            case "unreviewed":
                return search.latest().filter(status=Status.PUBLISHED, reviewed_at__isnull=True)
            case "audit":
                return audits.open_ones(Revision.objects.all())
            case "assigned" | "escalated":
                return assignments.texts(self.viewer, self.name)
            case "published" | "rejected":
                return search.latest().filter(comment__status=self.name)
            case _all:
                return search.latest()

    def cursor(self, row: Revision) -> str:
        """Return where the page after ``row`` begins."""
        order = self.sorting
        return order.place(row) if order else flags.place(row)

    def behind(self, cursor: str) -> Q | None:
        """Return the condition for what comes after ``cursor``; ``None`` for one that cannot be read."""
        order = self.sorting
        return order.after(cursor) if order else flags.after(cursor)

    def after(self, cursor: str) -> Q:
        """Return the condition for what comes after ``cursor``; one that cannot be read is the beginning."""
        return self.behind(cursor) or Q()


MINE = ("assigned", "escalated")
"""What each editor has of their own."""

WORKED_OFF = ("age", "priority", "flags", "score", "newest")
QUEUES = (
    Queue(
        "to_decide",
        _("To decide"),
        _("Nothing waits for a decision. New ones appear here as they are held."),
        counted=True,
        oldest_first=True,
        orders=WORKED_OFF,
    ),
    Queue(
        "reported",
        _("Reported"),
        _("No published comment waits with readers' reports."),
        counted=True,
    ),
    Queue(
        "assigned",
        _("Assigned to me"),
        _("Nothing was handed to you."),
        counted=True,
        oldest_first=True,
    ),
    Queue(
        "escalated",
        _("Escalated"),
        _("Nothing was handed to a role of yours."),
        counted=True,
        oldest_first=True,
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
    Queue(
        "unreviewed",
        _("Unreviewed"),
        _("An editor has seen everything that screening published by itself."),
        orders=("newest", "age"),
    ),
    Queue("published", _("Published"), _("Nothing has been published yet.")),
    Queue("rejected", _("Rejected"), _("Nothing has been rejected.")),
)
BY_NAME = {queue.name: queue for queue in QUEUES}
FOUND_NOTHING = _("Nothing matches this search. Take a part of it away, or look at how searches are written.")


def named(name: str) -> Queue:
    """Return the queue called ``name``, a search if it begins with ``q:``, or the one an editor's day begins with."""
    if name.startswith(SEARCH) and name[len(SEARCH) :].strip():
        return searched(name[len(SEARCH) :])
    return BY_NAME.get(name, QUEUES[0])


def searched(typed: str) -> Queue:
    """Return the queue of everything that a search finds. One that cannot be read says why, and finds nothing."""
    try:
        query = search.parse(typed)
    except Refused as refused:
        return Queue(SEARCH + typed, _("Search"), "", typed=typed, complaint=refused.detail)
    if query.is_empty:
        return QUEUES[0]
    held = any(term.value == Status.HELD and not term.negated for term in query.asks("status"))
    orders = ("newest", *(each for each in WORKED_OFF if each != "newest")) if held else ("newest", "age")
    return Queue(f"{SEARCH}{query}", _("Search"), FOUND_NOTHING, orders=orders, query=query, typed=str(query))


def within(sections: frozenset[str] | None, rows: QuerySet[Any], *, here: bool = False) -> QuerySet[Any]:
    """Leave out what stands in other sections; ``None`` means all. ``here``: the rows that wait know their section."""
    if sections is None:
        return rows
    return rows.filter(**{"section__in" if here else "comment__discussion__section__in": sorted(sections)})


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a queue. ``next_cursor`` is empty on the last one."""

    queue: Queue
    rows: list[Revision]
    next_cursor: str


def page(queue: Queue, after: str = "", size: int = PAGE, sections: frozenset[str] | None = None) -> Page:
    """Return the page of ``queue`` that begins after the cursor ``after``. One query, two for a search."""
    behind = queue.after(after) if after else Q()
    if queue.query.is_empty:
        rows = list(queue.rows(sections).filter(behind)[: size + 1])
    else:
        # Which they are comes first: what a card shows is fetched for those only, however many match.
        chosen = list(queue.texts(sections).filter(behind).values_list("pk", flat=True)[: size + 1])
        place = {pk: number for number, pk in enumerate(chosen)}
        found = with_what_a_card_shows(Revision.objects.filter(pk__in=chosen))
        rows = sorted(found, key=lambda row: place[row.pk])
    more = len(rows) > size
    rows = rows[:size]
    return Page(queue, rows, queue.cursor(rows[-1]) if more else "")


def still_in(queue: Queue, comments: Iterable[int]) -> set[int]:
    """Return which of these comments are in ``queue`` now. One query."""
    rows = queue.rows().filter(comment__in=list(comments)).order_by()
    return set(rows.values_list("comment_id", flat=True))


def latest_text(comment_id: int) -> Revision | None:
    """Return the text of one comment that a decision would be about, with what a card shows. One query."""
    return with_what_a_card_shows(Revision.objects.filter(comment_id=comment_id)).order_by("-number").first()


def with_what_a_card_shows(rows: QuerySet[Revision]) -> QuerySet[Revision]:
    return (
        rows.select_related(
            "comment__author", "comment__discussion", "comment__parent__author", "comment__claim__person"
        )
        .defer("comment__html")
        .annotate(assigned_to=assignments.name_for(OuterRef("comment")))
    )


# --- Counts -----------------------------------------------------------------------------------------------------------

SECTION = "section:"


class Counts(dict[str, int]):
    """How much waits, by the name of the queue. ``sections`` says where, the most first."""

    sections: list[tuple[str, int]]


def counts(sections: frozenset[str] | None = None, viewer: Any = None) -> Counts:
    """
    Return how much waits in each counted queue, and how many issue reports and appeals are open. One query, exact.

    See :func:`counting`.
    """
    first, *others = counting(sections, viewer)
    return counted(first.union(*others, all=True), viewer)


def counting(sections: frozenset[str] | None = None, viewer: Any = None) -> list[at_once.Plain]:
    """
    Return the questions behind :func:`counts`; each answers with what it counted and the number, both as text.

    What is to decide is added up from ``Discussion.held_count``, which moves in the transaction of each decision: a
    count of the rows themselves would read a million of them where a million wait, and this reads one for each story
    where something does. The other lists are short, and are counted from their rows; with what was handed to
    ``viewer``, when one is given.
    """

    def count(name: str, rows: QuerySet[Any]) -> at_once.Plain:
        named: QuerySet[Any, Any] = rows.order_by().values(queue=Value(name, CharField()))
        two: at_once.Plain = named.annotate(count=Cast(Count("pk"), TextField())).values_list("queue", "count")
        return two

    stories = Discussion.objects.filter(held_count__gt=0)
    if sections is not None:
        stories = stories.filter(section__in=sorted(sections))
    named = Concat(Value(SECTION), F("section"), output_field=CharField())
    waiting: QuerySet[Any, Any] = stories.order_by().values(queue=named)
    return [
        waiting.annotate(count=Cast(Sum("held_count"), TextField())).values_list("queue", "count"),
        count("reported", within(sections, flags.reported())),
        count("unscreened", within(sections, BY_NAME["unscreened"]._rows())),
        count("audit", within(sections, BY_NAME["audit"]._rows())),
        *(count(name, assignments.texts(viewer, name)) for name in MINE if viewer is not None),
        count("issues", IssueReport.objects.filter(state=IssueReport.State.OPEN)),
        count("appeals", Appeal.objects.filter(state=Appeal.State.OPEN)),
    ]


def counted(rows: Iterable[tuple[str, str]], viewer: Any = None) -> Counts:
    """
    Return the counts that the questions of :func:`counting`, with the same ``viewer``, were answered with.

    Answers to what else was asked are left alone.
    """
    mine = MINE if viewer is not None else ()
    found = Counts(dict.fromkeys(("to_decide", "reported", "unscreened", "audit", "issues", "appeals", *mine), 0))
    found.sections = []
    for queue, number in rows:
        if queue.startswith(SECTION):
            found["to_decide"] += int(number)
            found.sections.append((queue[len(SECTION) :], int(number)))
        elif queue in found:
            found[queue] = int(number)
    found.sections.sort(key=lambda each: (-each[1], each[0]))
    return found
