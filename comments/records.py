"""What is known of a person: strikes that fade, what happened in which order, and whom to look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from comments import conf, thresholds
from comments.models import Appeal, Comment, Commenter, Decider, Decision, Note, PersonFlag, Revision, Sanction, Status

PAGE = 50
"""People on a page, or things that happened."""

STRIKES_READ = 500
HALVES = 8
"""A strike that has halved this often (0.4 % of it is left) is not read any more."""

NEW_DAYS = 7
"""Who came within this many days is new."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


# --- Strikes ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Strike:
    """One thing that counts against a person, and what is left of it."""

    at: datetime
    reason: str
    weight: float
    decision: Decision | None = None
    sanction: Sanction | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What is usual from so many strikes on."""

    least: float
    kind: str
    days: int = 0


@dataclass(frozen=True, slots=True)
class Strikes:
    """What a person's strikes come to now. Nothing follows by itself; ``step`` is what is usual."""

    total: float = 0.0
    parts: list[Strike] = field(default_factory=list)
    """The latest first."""
    step: Step | None = None

    @property
    def rejected(self) -> int:
        return sum(part.decision is not None for part in self.parts)

    @property
    def warnings(self) -> int:
        return sum(part.sanction is not None for part in self.parts)

    @property
    def suggestion(self) -> str:
        """What is usual, in a sentence; "" below the first step."""
        if self.step is None:
            return ""
        count = {"strikes": f"{self.total:.1f}"}
        match self.step.kind:
            case "warn":
                return _("%(strikes)s strikes: a warning is usual here.") % count
            case "premoderate":
                return _("%(strikes)s strikes: it is usual here that every comment waits.") % count
            case "suspend":
                return ngettext(
                    "%(strikes)s strikes: a suspension of %(days)d day is usual here.",
                    "%(strikes)s strikes: a suspension of %(days)d days is usual here.",
                    self.step.days,
                ) % (count | {"days": self.step.days})
            case _ban:
                return _("%(strikes)s strikes: a ban is usual here.") % count


def strikes(person: Commenter, at: datetime | None = None) -> Strikes:
    """
    Return the strikes of ``person``: what editors rejected and did not take back, and warnings that were not lifted.

    Each weighs 1 and half of it after ``STRIKE_DAYS``, a quarter after twice that. Two queries. What its author
    withdrew after it was rejected still counts.
    """
    at = at or timezone.now()
    settings = thresholds.of(None)
    days = settings.strike_days
    since = at - timedelta(days=min(days * HALVES, 36_500)) if days else EPOCH
    later = Decision.objects.filter(revision=OuterRef("revision"), pk__gt=OuterRef("pk")).exclude(
        decider=Decider.AUTHOR
    )
    rejected = Decision.objects.filter(
        ~Exists(later),
        comment__author=person,
        decider=Decider.EDITOR,
        to_status=Status.REJECTED,
        created_at__gt=since,
        created_at__lte=at,
    ).order_by("-id")
    warned = Sanction.objects.filter(
        person=person, kind=Sanction.Kind.WARN, lifted_by__isnull=True, created_at__gt=since, created_at__lte=at
    ).order_by("-id")

    def weight(since_then: datetime) -> float:
        return 0.5 ** ((at - since_then) / timedelta(days=days)) if days else 1.0

    parts = [Strike(d.created_at, d.reason, weight(d.created_at), decision=d) for d in rejected[:STRIKES_READ]]
    parts += [Strike(s.created_at, s.reason, weight(s.created_at), sanction=s) for s in warned[:STRIKES_READ]]
    parts.sort(key=lambda part: part.at, reverse=True)
    total = sum(part.weight for part in parts)
    reached = [step for step in ladder(settings) if step.least <= round(total, 1)]
    return Strikes(total, parts, reached[-1] if reached else None)


@dataclass(frozen=True, slots=True)
class Curve:
    """Strikes over time, as a line of points ``(x, y)`` between 0 and 1: up to now, and from now if nothing happens."""

    past: list[tuple[float, float]]
    future: list[tuple[float, float]]
    most: float
    """What stands at 1."""
    ahead: float
    """What is left at the end."""


def curve(found: Strikes, at: datetime | None = None, steps: int = 90) -> Curve | None:
    """Return how strikes came and fade, three halves back and one ahead; ``None`` where they never fade. No query."""
    days = thresholds.of(None).strike_days
    if not days or not found.parts:
        return None
    at = at or timezone.now()
    begin, whole = at - timedelta(days=3 * days), timedelta(days=4 * days)

    def total(moment: datetime) -> float:
        left = (0.5 ** ((moment - part.at) / timedelta(days=days)) for part in found.parts if part.at <= moment)
        return float(sum(left))

    places = [step / steps for step in range(steps + 1)]
    points = [(place, total(begin + place * whole)) for place in places]
    points = sorted([*points, (0.75, found.total)])
    most = max(1.0, *(value for _place, value in points))
    drawn = [(place, value / most) for place, value in points]
    return Curve(
        past=[point for point in drawn if point[0] <= 0.75],
        future=[point for point in drawn if point[0] >= 0.75],
        most=most,
        ahead=points[-1][1],
    )


def ladder(settings: conf.Settings) -> list[Step]:
    """Return the steps of ``STRIKE_LADDER``, the mildest first."""
    found = []
    for line in settings.strike_ladder:
        least, kind, *days = line.split()
        found.append(Step(float(least), kind, int(days[0]) if days else 0))
    return sorted(found, key=lambda step: step.least)


# --- Whom to look at --------------------------------------------------------------------------------------------------

FILTERS = ("all", "reported", "sanctioned", "rejected", "new")


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of people. ``next_cursor`` is empty on the last one."""

    people: list[Any]
    """Each with ``rejected_lately`` and ``binding``, the sanctions in force."""
    next_cursor: str


def listed(which: str = "all", words: str = "", after: str = "", *, by_email: bool = False, size: int = PAGE) -> Listed:
    """
    Return people: ``all``, ``reported`` by readers and waiting for an editor, ``sanctioned``, most ``rejected`` lately
    first, or ``new``; the latest first otherwise.

    ``words`` stand in a name or a username, or begin an e-mail address where ``by_email``. Two queries.
    """
    now = timezone.now()
    lately = now - timedelta(days=thresholds.of(None).rejection_rate_days)
    rejections = Decision.objects.filter(
        comment__author=OuterRef("pk"), decider=Decider.EDITOR, to_status=Status.REJECTED, created_at__gt=lately
    )
    counted = rejections.order_by().values("comment__author").annotate(many=Count("comment", distinct=True))
    found: QuerySet[Any] = Commenter.objects.select_related("user").annotate(
        rejected_lately=Coalesce(Subquery(counted.values("many"), output_field=IntegerField()), Value(0))
    )
    in_force = Sanction.objects.in_force(now).filter(acknowledgement__isnull=True)
    words = words.replace("\x00", "").strip()[:254]
    if words:
        wanted = Q(name__icontains=words) | Q(user__username__icontains=words)
        if words.startswith("#") and words[1:].isascii() and words[1:].isdecimal() and len(words) < 19:
            wanted |= Q(pk=int(words[1:]))
        if by_email:
            wanted |= Q(user__email__istartswith=words) | Q(email__istartswith=words)
            if words.startswith("@"):
                wanted |= Q(user__email__iendswith=words) | Q(email__iendswith=words)
        found = found.filter(wanted)
    if which == "reported":
        found = found.filter(Exists(PersonFlag.objects.filter(person=OuterRef("pk"), state=PersonFlag.State.OPEN)))
    elif which == "sanctioned":
        found = found.filter(Exists(in_force.filter(person=OuterRef("pk"))))
    elif which == "rejected":
        found = found.filter(rejected_count__gt=0, rejected_lately__gt=0).order_by("-rejected_lately", "-id")
    elif which == "new":
        found = found.filter(created_at__gt=now - timedelta(days=NEW_DAYS))
    if which != "rejected":
        found = found.order_by("-id")
    people = list(found.filter(_behind(which, after))[: size + 1])
    more, people = len(people) > size, people[:size]
    sanctions: dict[int, list[Sanction]] = {}
    for one in in_force.filter(person__in=[person.pk for person in people]).order_by("-id"):
        sanctions.setdefault(one.person_id, []).append(one)
    for person in people:
        person.binding = sanctions.get(person.pk, [])
    return Listed(people, _place(which, people[-1]) if more else "")


def _place(which: str, person: Any) -> str:
    return f"{person.rejected_lately}-{person.pk}" if which == "rejected" else str(person.pk)


def _behind(which: str, after: str) -> Q:
    """Return the condition for what comes after a cursor; one that cannot be read is the beginning."""
    parts = after.split("-")
    if not all(part.isascii() and part.isdecimal() and len(part) < 19 for part in parts):
        return Q()
    numbers = [int(part) for part in parts]
    if which == "rejected" and len(numbers) == 2:
        return Q(rejected_lately__lt=numbers[0]) | Q(rejected_lately=numbers[0], pk__lt=numbers[1])
    return Q(pk__lt=numbers[0]) if which != "rejected" and len(numbers) == 1 else Q()


# --- What happened ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing in a person's record: a comment, a decision, a sanction, an appeal or a note."""

    kind: str
    at: datetime
    row: Any


@dataclass(frozen=True, slots=True)
class History:
    items: list[Happened]
    next_cursor: str


def history(person: Commenter, after: str = "", *, sections: frozenset[str] | None = None, size: int = PAGE) -> History:
    """
    Return what happened with ``person``, the latest first, from the cursor ``after`` on. Five queries.

    ``sections`` leaves out comments in others, and decisions about them; ``None`` leaves nothing out.
    """
    place = _read_place(after)
    items: list[Happened] = []
    for number, (kind, moment, rows) in enumerate(_sources(person, sections)):
        found = rows.order_by(f"-{moment}", "-pk")
        if place is not None:
            at, source, pk = place
            behind = Q(**{f"{moment}__lt": at})
            if number > source:
                behind |= Q(**{moment: at})
            elif number == source:
                behind |= Q(**{moment: at, "pk__lt": pk})
            found = found.filter(behind)
        items += [Happened(kind, getattr(row, moment), row) for row in found[: size + 1]]
    kinds = [kind for kind, _moment, _rows in _sources(person, sections)]
    items.sort(key=lambda one: (-((one.at - EPOCH) // MICROSECOND), kinds.index(one.kind), -one.row.pk))
    if len(items) <= size:
        return History(items, "")
    last = items[size - 1]
    return History(items[:size], f"{(last.at - EPOCH) // MICROSECOND}-{kinds.index(last.kind)}-{last.row.pk}")


def _sources(person: Commenter, sections: frozenset[str] | None) -> Iterator[tuple[str, str, QuerySet[Any]]]:
    comments = Comment.objects.filter(author=person).select_related("discussion").defer("html")
    latest = Revision.objects.filter(comment=OuterRef("pk")).order_by("-number").values("text")[:1]
    decisions = Decision.objects.filter(comment__author=person).exclude(decider=Decider.SCREENING, verdict="publish")
    decisions = decisions.select_related("comment__discussion", "made_by", "words")
    if sections is not None:
        comments = comments.filter(discussion__section__in=sections)
        decisions = decisions.filter(comment__discussion__section__in=sections)
    sanctions = Sanction.objects.filter(person=person)
    yield "comment", "created_at", comments.annotate(words=Subquery(latest))
    yield "decision", "created_at", decisions
    yield (
        "sanction",
        "created_at",
        sanctions.select_related("made_by", "words", "acknowledgement", "lifts", "lifted_by"),
    )
    yield (
        "appeal",
        "filed_at",
        Appeal.objects.filter(appellant=person).select_related("ruled_by", "sanction", "decision"),
    )
    yield "note", "created_at", Note.objects.filter(person=person).select_related("made_by")


def _read_place(cursor: str) -> tuple[datetime, int, int] | None:
    parts = cursor.split("-")
    if len(parts) != 3 or not all(part.isascii() and part.isdecimal() and len(part) < 19 for part in parts):
        return None
    micros, source, pk = (int(part) for part in parts)
    try:
        return EPOCH + micros * MICROSECOND, source, pk
    except OverflowError:
        return None


@dataclass(frozen=True, slots=True)
class Profile:
    """The numbers of a person, each from the rows or from the counts that the verbs keep."""

    comments: int
    published: int
    rejected: int
    waiting: int
    likes: int
    appeals: int
    appeals_granted: int
    upheld: int
    dismissed: int


def profile(person: Commenter) -> Profile:
    """Count what a person wrote and what became of it. Two queries."""
    by_status = {status: Count("pk", filter=Q(status=status)) for status in Status.values}
    counted = Comment.objects.filter(author=person).aggregate(
        **by_status, likes=Sum("like_count", filter=Q(status=Status.PUBLISHED))
    )
    appeals = dict(Appeal.objects.filter(appellant=person).order_by().values_list("state").annotate(Count("pk")))
    return Profile(
        comments=sum(counted[status] for status in Status.values),
        published=counted[Status.PUBLISHED],
        rejected=counted[Status.REJECTED],
        waiting=counted[Status.HELD] + counted[Status.RECEIVED],
        likes=counted["likes"] or 0,
        appeals=sum(appeals.values()),
        appeals_granted=appeals.get(Appeal.State.OVERTURNED, 0),
        upheld=person.upheld_flag_count,
        dismissed=person.dismissed_flag_count,
    )


def last_decisions(person: Commenter, size: int = 20) -> list[Decision]:
    """Return the latest decisions about a person's comments by people or rules, oldest first: the tick strip."""
    found = Decision.objects.filter(
        comment__author=person, to_status__in=[Status.PUBLISHED, Status.REJECTED, Status.HELD]
    )
    return list(found.order_by("-id")[:size])[::-1]
