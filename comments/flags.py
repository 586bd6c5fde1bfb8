"""
What readers' complaints weigh, what becomes of them when an editor decides, and which comments they bring to the desk.

:func:`comments.moderation.flag` is the verb. A flag is about one text: when that text is replaced by another, the flags
on it stay open with it and weigh nothing, on the comment or on their reporters' record; the new text starts clean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import BigIntegerField, Exists, F, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Cast, Round

from comments import access, conf, ranking
from comments.models import Comment, Commenter, Decision, Flag, Revision, Status

LEAST, MOST = Decimal("0.1"), Decimal("2")
"""Between these a reader's flag weighs; someone without a record weighs 1."""

IMAGINED = 2
"""A record begins with as many flags upheld, and as many dismissed: one decision does not make a reputation."""

NOTE_CHARACTERS = 500
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def by_record(upheld: int, dismissed: int) -> Decimal:
    """
    Return what a flag weighs whose reporter has this record, ``LEAST`` to ``MOST``; 1 for someone without one.

    Twice the share that was upheld, smoothed: ``2 (upheld + 2) / (upheld + dismissed + 4)``. One more upheld never
    makes it less, one more dismissed never more.
    """
    share = Decimal(upheld + IMAGINED) / Decimal(upheld + dismissed + 2 * IMAGINED)
    return min(MOST, max(LEAST, (2 * share).quantize(Decimal("0.001"))))


def weight(person: Commenter, settings: conf.Settings) -> Decimal:
    """Return what a flag by ``person`` counts for now. One by the newsroom's own people is enough by itself."""
    if access.is_staff(person):
        return max(MOST, Decimal(settings.flag_hold_weight))
    return by_record(person.upheld_flag_count, person.dismissed_flag_count)


# --- Reading ----------------------------------------------------------------------------------------------------------


def open_ones() -> QuerySet[Flag]:
    """Return the flags that wait for an editor, oldest first: those on a text that no later one has replaced."""
    replaced = Revision.objects.filter(
        comment=OuterRef("comment"), number__gt=OuterRef("revision__number"), first_published_at__isnull=False
    )
    return Flag.objects.filter(~Exists(replaced), state=Flag.State.OPEN).order_by("created_at", "id")


def on(comments: Iterable[int]) -> dict[int, list[Flag]]:
    """Return the open flags on each of ``comments``, with who made them. One query."""
    found: dict[int, list[Flag]] = {}
    for flag in on_any(comments):
        found.setdefault(flag.comment_id, []).append(flag)
    return found


def on_any(comments: Iterable[int]) -> QuerySet[Flag]:
    """Return the open flags on ``comments``, with who made them."""
    return open_ones().filter(comment__in=list(comments)).select_related("person")


def total(comment: Comment) -> tuple[Decimal, int]:
    """Return what the open flags on ``comment`` weigh together, and how many people made them."""
    counting = open_ones().filter(comment=comment, counts=True)
    weights = list(counting.values_list("weight", flat=True))
    return sum(weights, Decimal()), len(weights)


def reported() -> QuerySet[Any]:
    """
    Return the latest text of each published comment with open flags that count: the heaviest first, then the oldest.

    Each row carries ``thousandths``, what its flags weigh together, and ``flagged_at``, when the first was made.
    """
    counting = open_ones().filter(counts=True)
    here = counting.filter(comment=OuterRef("comment")).order_by().values("comment")
    newer = Revision.objects.filter(comment=OuterRef("comment"), number__gt=OuterRef("number"))
    # In whole thousandths: SQLite adds decimals as floats, and a page begins at an exact place.
    thousandths = here.annotate(sum=Cast(Round(Sum("weight") * 1000), BigIntegerField())).values("sum")
    return (
        Revision.objects.filter(
            ~Exists(newer), comment__status=Status.PUBLISHED, comment__in=counting.order_by().values("comment")
        )
        .annotate(
            thousandths=Subquery(thousandths), flagged_at=Subquery(here.annotate(at=Min("created_at")).values("at"))
        )
        .order_by("-thousandths", "flagged_at", "id")
    )


def place(row: Any) -> str:
    """Return where the page of :func:`reported` after ``row`` begins."""
    return f"{row.thousandths}-{(row.flagged_at - EPOCH) // MICROSECOND}-{row.pk}"


def after(cursor: str) -> Q | None:
    """Return the condition for what comes after ``cursor``; ``None`` for one that cannot be read."""
    parts = cursor.split("-")
    if len(parts) != 3 or not all(part.isascii() and part.isdecimal() and len(part) < 19 for part in parts):
        return None
    thousandths, micros, pk = (int(part) for part in parts)
    try:
        at = EPOCH + micros * MICROSECOND
    except OverflowError:
        return None
    behind = Q(flagged_at__gt=at) | Q(flagged_at=at, id__gt=pk)
    return Q(thousandths__lt=thousandths) | (Q(thousandths=thousandths) & behind)


# --- What an editor's decision makes of them --------------------------------------------------------------------------
#
# Called inside the decision's transaction, which has locked the comment: nobody flags it meanwhile.


def waiting(comment: Comment) -> list[Flag]:
    """Return the open flags on ``comment`` that a decision about what readers see would settle."""
    return list(open_ones().filter(comment=comment))


def lock_people(people: Iterable[int]) -> None:
    """Lock these people's rows, always in the same order, so that two decisions never wait for each other."""
    locks: dict[str, Any] = {"no_key": True} if connection.features.has_select_for_no_key_update else {}
    rows = Commenter.objects.select_for_update(**locks).filter(pk__in=set(people)).order_by("pk")
    list(rows.values_list("pk", flat=True))


def settle(found: list[Flag], decision: Decision, state: Flag.State) -> None:
    """Write down that ``decision`` upheld or dismissed ``found``, and move the record of those whose flag counted."""
    settle_with(found, [decision], state)


def settle_with(found: list[Flag], decisions: list[Decision], state: Flag.State) -> None:
    """Do what :func:`settle` does for many comments at once, each with the one of ``decisions`` that is about it."""
    about_it = Decision.objects.filter(pk__in=[one.pk for one in decisions], comment=OuterRef("comment"))
    Flag.objects.filter(pk__in=[flag.pk for flag in found]).update(
        state=state, settled_by=Subquery(about_it.values("pk")[:1]) if len(decisions) > 1 else decisions[0]
    )
    _move_records([flag for flag in found if flag.counts], state, 1)
    if found:
        ranking.rescore({flag.comment_id for flag in found})


def reopen(found: list[Flag]) -> None:
    """Take back what decisions made of ``found``; flags that weighed nothing because of it count again."""
    for state in (Flag.State.UPHELD, Flag.State.DISMISSED):
        _move_records([flag for flag in found if flag.counts and flag.state == state], state, -1)
    Flag.objects.filter(pk__in=[flag.pk for flag in found]).update(state=Flag.State.OPEN, settled_by=None)
    stands = Flag.objects.filter(revision=OuterRef("revision"), reason=OuterRef("reason"), state=Flag.State.DISMISSED)
    Flag.objects.filter(
        ~Exists(stands), revision__in={flag.revision_id for flag in found}, state=Flag.State.OPEN, counts=False
    ).update(counts=True)
    if found:
        ranking.rescore({flag.comment_id for flag in found})


def _move_records(found: list[Flag], state: Flag.State, by: int) -> None:
    name = "upheld_flag_count" if state == Flag.State.UPHELD else "dismissed_flag_count"
    people: dict[int, list[int]] = {}
    for person, times in Counter(flag.person_id for flag in found).items():
        people.setdefault(times, []).append(person)
    for times, them in people.items():
        Commenter.objects.filter(pk__in=them).update(**{name: F(name) + by * times})
