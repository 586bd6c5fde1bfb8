"""Rules about who wrote it, and how often."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Count, Q
from django.db.models.functions import Lower
from django.db.models.lookups import Exact

from comments import documents
from comments.access import Standing, standings
from comments.models import Comment, Commenter, Decider, Decision, Guest, Sanction, Status, Trigger
from comments.screening.verdicts import Candidate, Draft

MOST_AHEAD = 2_000
"""Rows fetched for many texts at once; where there are more, each rule asks for itself."""

Rule = TypeVar("Rule", bound=Callable[[Candidate], Iterable[Draft]])


def asks_ahead(ahead: Callable[[list[Candidate]], None]) -> Callable[[Rule], Rule]:
    """Let a rule's questions to the database be asked for many texts at once: see ``engine.run_many``."""

    def with_it(rule: Rule) -> Rule:
        rule.ahead = ahead  # type: ignore[attr-defined]
        return rule

    return with_it


def trust_staff(candidate: Candidate) -> Iterator[Draft]:
    """Say that the newsroom's own people wrote it; the rules for readers leave them alone."""
    if candidate.by_staff:
        yield Draft("staff", verdict="publish")


def trust_expert(candidate: Candidate) -> Iterator[Draft]:
    """Say that an expert wrote it, where ``TRUST_EXPERTS`` lets the rules for readers leave experts alone."""
    if candidate.trusted and not candidate.by_staff:
        yield Draft("expert", verdict="publish")


def hold_new_author(candidate: Candidate) -> Iterator[Draft]:
    """
    Hold until editors have approved ``HOLD_FIRST`` comments of this person that still stand.

    What nobody read does not count, whoever published it: else a patient spammer would be let through by the rules.
    """
    needed = candidate.settings.hold_first
    if not needed or candidate.trusted:
        return
    approved = _approved(candidate, needed)
    if approved < needed:
        yield Draft("new_author", facts={"approved": approved, "needed": needed})


def _approved(candidate: Candidate, most: int) -> int:
    """Return how many of the author's comments that still stand editors have approved; no more than ``most``."""
    if candidate.author is None:
        return 0
    read = Decision.objects.filter(
        comment__author=candidate.author,
        comment__status=Status.PUBLISHED,
        decider=Decider.EDITOR,
        to_status=Status.PUBLISHED,
    )
    return len(read.order_by().values("comment").distinct()[:most])


def hold_guest(candidate: Candidate) -> Iterator[Draft]:
    """
    Hold what guests write until editors have approved ``GUEST_APPROVALS`` of their comments; 0: always.

    What a guest typed as an address counts for nothing. A name that a reader with an account has too is said, so that
    nobody is taken for somebody else.
    """
    author = candidate.author
    if author is None or author.user_id is not None or not Guest.objects.filter(person=author).exists():
        return
    needed = candidate.settings.guest_approvals
    approved = _approved(candidate, needed) if needed else 0
    if approved < needed or not needed:
        yield Draft("guest", facts={"approved": approved, "needed": needed})
    same = Commenter.objects.filter(Exact(Lower("name"), author.name.lower()), user__isnull=False)
    if same.exists():
        yield Draft("guest_name", facts={"name": author.name})


def hold_rejection_rate(candidate: Candidate) -> Iterator[Draft]:
    """
    Hold what a person writes of whose comments ``REJECTION_RATE_PERCENT`` or more were rejected lately.

    Of ``REJECTION_RATE_DAYS``, and never by fewer than ``REJECTION_RATE_SAMPLE`` decided comments.
    """
    settings, author = candidate.settings, candidate.author
    percent = settings.rejection_rate_percent
    # The count on the person says at once that there is nothing to reckon, which is nearly always.
    if not percent or author is None or candidate.trusted or not author.rejected_count:
        return
    since = candidate.at - timedelta(days=settings.rejection_rate_days)
    own = Comment.objects.filter(author=author, created_at__gt=since)
    counted = own.aggregate(
        rejected=Count("pk", filter=Q(status=Status.REJECTED)), published=Count("pk", filter=Q(status=Status.PUBLISHED))
    )
    decided = counted["rejected"] + counted["published"]
    if decided and decided >= settings.rejection_rate_sample and 100 * counted["rejected"] >= percent * decided:
        yield Draft(
            "rejection_rate",
            facts={"rejected": counted["rejected"], "decided": decided, "days": settings.rejection_rate_days},
        )


def _standings(candidates: list[Candidate]) -> None:
    """Fetch, for the three rules about sanctions, how the authors stand. One query for all three."""
    by_moment: dict[datetime, list[tuple[Candidate, Commenter]]] = defaultdict(list)
    for one in candidates:
        if one.author and "standing" not in one.known:
            by_moment[one.at].append((one, one.author))
    for at, asked in by_moment.items():
        found = standings([(author, one.network_key) for one, author in asked], at)
        for (one, _author), stands in zip(asked, found, strict=True):
            one.known["standing"] = stands


@asks_ahead(_standings)
def hold_banned(candidate: Candidate) -> Iterator[Draft]:
    """
    Hold what arrived before its author was banned.

    Later ones are refused at the door. This one was written by somebody who still could, and a ban says nothing about
    a text that no editor has read: that is doubt, and doubt holds. Nothing is rejected for who wrote it.
    """
    if candidate.standing.state == "banned":
        yield Draft("banned", facts=_from_until(candidate.standing))


@asks_ahead(_standings)
def hold_suspended(candidate: Candidate) -> Iterator[Draft]:
    """Hold what arrived before its author was suspended, for the reason in :func:`hold_banned`."""
    if candidate.standing.state == "suspended":
        yield Draft("suspended", facts=_from_until(candidate.standing))


def _from_until(now: Standing) -> dict[str, object]:
    facts: dict[str, object] = {"since": now.sanction.starts_at.isoformat()} if now.sanction else {}
    return facts | ({"until": now.until.isoformat()} if now.until else {})


@asks_ahead(_standings)
def hold_premoderated_person(candidate: Candidate) -> Iterator[Draft]:
    """Hold everything by a person, or from a domain or network, of whom editors want to read everything first."""
    author = candidate.author
    if author is None or candidate.by_staff:
        return
    waits = [one.starts_at for one in candidate.standing.in_force if one.kind == Sanction.Kind.PREMODERATE]
    since = author.premoderated_at or max(waits, default=None)
    if since:
        yield Draft("premoderated_person", facts={"since": since.isoformat()})


def _same_words(candidates: list[Candidate]) -> None:
    """Fetch, for ``hold_repeat``, who wrote the same words before. One query."""
    asked = [one for one in candidates if one.comment and _may_repeat(one)]
    if not asked:
        return
    since = min(one.at - timedelta(hours=one.settings.repeat_hours) for one in asked)
    same = Comment.objects.filter(text_hash__in={one.text_hash for one in asked}, created_at__gt=since)
    rows = list(
        same.exclude(status=Status.WITHDRAWN)
        .order_by("created_at")
        .values_list("text_hash", "pk", "author_id", "created_at")[: MOST_AHEAD + 1]
    )
    if len(rows) > MOST_AHEAD:
        return
    found: dict[str, list[tuple[int, int, datetime]]] = defaultdict(list)
    for digest, pk, author_id, at in rows:
        found[digest].append((pk, author_id, at))
    for one in asked:
        begins = one.at - timedelta(hours=one.settings.repeat_hours)
        one.known["hold_repeat"] = next(
            (
                {"pk": pk, "author_id": author_id}
                for pk, author_id, at in found[one.text_hash]
                if one.comment and pk < one.comment.pk and at > begins
            ),
            None,
        )


def _may_repeat(candidate: Candidate) -> bool:
    return bool(candidate.settings.repeat_hours and not candidate.trusted and len(candidate.rendered.text) >= 20)


@asks_ahead(_same_words)
def hold_repeat(candidate: Candidate) -> Iterator[Draft]:
    """Hold the same words again within ``REPEAT_HOURS``, whoever wrote them first; very short texts are left alone."""
    hours = candidate.settings.repeat_hours
    if not _may_repeat(candidate):
        return
    first = candidate.known["hold_repeat"] if "hold_repeat" in candidate.known else _first_same(candidate, hours)
    if first:
        own = bool(candidate.author and candidate.author.pk == first["author_id"])
        yield Draft("repeat", facts={"first": first["pk"], "own": own, "hours": hours})


def _first_same(candidate: Candidate, hours: int) -> dict[str, Any] | None:
    same = Comment.objects.filter(
        text_hash=candidate.text_hash, created_at__gt=candidate.at - timedelta(hours=hours)
    ).exclude(status=Status.WITHDRAWN)
    if candidate.comment:
        same = same.filter(pk__lt=candidate.comment.pk)
    first = same.order_by("created_at").values_list("pk", "author_id").first()
    return {"pk": first[0], "author_id": first[1]} if first else None


def _written_lately(candidates: list[Candidate]) -> None:
    """Count, for ``hold_flood``, how much these people wrote lately. One query."""
    asked = [one for one in candidates if one.author and one.comment and one.settings.flood_comments]
    asked = [one for one in asked if not one.trusted]
    if not asked:
        return
    spans, params = documents.table(
        {"place": "integer", "author_id": "bigint", "begins": "timestamptz", "ends": "timestamptz"},
        [
            (place, one.author.pk, *_flood_span(one.comment, one.settings.flood_minutes))
            for place, one in enumerate(asked)
            if one.author and one.comment
        ],
    )
    with connection.cursor() as db:
        db.execute(_COUNT_MANY.format(spans=spans), params)
        written = dict(db.fetchall())
    for place, one in enumerate(asked):
        one.known["hold_flood"] = written.get(place, 0)


def _flood_span(comment: Comment, minutes: int) -> list[Any]:
    begins, ends = comment.created_at - timedelta(minutes=minutes), comment.created_at
    return [connection.ops.adapt_datetimefield_value(at) for at in (begins, ends)]


_COUNT_MANY = """
WITH spans (place, author_id, begins, ends) AS ({spans})
SELECT spans.place, COUNT(*) FROM spans JOIN comments_comment AS comment ON comment.author_id = spans.author_id
AND comment.created_at > spans.begins AND comment.created_at <= spans.ends GROUP BY spans.place
"""


@asks_ahead(_written_lately)
def hold_flood(candidate: Candidate) -> Iterator[Draft]:
    """Hold more than ``FLOOD_COMMENTS`` comments by one person within ``FLOOD_MINUTES``."""
    limit, minutes = candidate.settings.flood_comments, candidate.settings.flood_minutes
    if not limit or candidate.trusted or candidate.author is None or candidate.comment is None:
        return
    since = candidate.comment.created_at - timedelta(minutes=minutes)
    known: int | None = candidate.known.get("hold_flood")
    written = (
        known
        if known is not None
        else Comment.objects.filter(
            author=candidate.author, created_at__gt=since, created_at__lte=candidate.comment.created_at
        ).count()
    )
    if written > limit:
        yield Draft("flood", facts={"comments": written, "limit": limit, "minutes": minutes})


def hold_rewritten_after_flags(candidate: Candidate) -> Iterator[Draft]:
    """Hold new words for a comment that readers' reports had held: rewriting it is no way around the editor."""
    comment = candidate.comment
    if comment is None or comment.version == 1 or candidate.by_staff:
        return
    by_others = Decision.objects.filter(comment=comment).exclude(decider=Decider.SCREENING).order_by("-id")
    latest = by_others.values("decider", "trigger").first()
    if latest == {"decider": Decider.SYSTEM, "trigger": Trigger.FLAG}:
        yield Draft("rewritten_after_flags")
