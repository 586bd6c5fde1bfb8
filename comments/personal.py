"""
What only I see: my comments that others cannot see yet or any more, why, and how I reacted.

Never cached, never part of a page that is the same for everyone.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil
from statistics import quantiles
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, Q, Subquery
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from comments import access, compliance
from comments.exceptions import Refused
from comments.models import (
    Appeal,
    Comment,
    Commenter,
    Decider,
    Decision,
    Discussion,
    Finding,
    Reaction,
    Reason,
    Revision,
    Status,
)
from comments.models.policy import in_language
from comments.screening import latest_run, sentences

MOST = 50
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DAYS = 30
"""Rejected comments stay in their author's view of a discussion this long."""


@dataclass(slots=True)
class Mine:
    """One comment of mine in a discussion, as it stands."""

    comment: Comment
    revision: Revision
    """The latest text; for an edit that waits, the edit."""
    status: str
    """What became of that text: ``received``, ``held``, ``published``, ``rejected``."""
    since: datetime
    why: list[str] = field(default_factory=list)
    """For a held text: each "because …", in words. For a rejected one: whole sentences."""
    reason: str = ""
    """For a rejected text: the reason's name, as on a tombstone."""
    explanation: str = ""
    """The editor's own words to the author."""
    by_editor: bool = False
    can_appeal: bool = False
    appeal: Appeal | None = None
    """Against the decision about this text, or because of which it stands published."""

    usual_wait: tuple[int, int] | None = None
    """For a held text: between how many minutes editors take today, while that may still come true for it."""

    @property
    def is_edit(self) -> bool:
        """The comment is published with earlier words; these wait or were rejected."""
        return self.comment.status == Status.PUBLISHED and self.status != Status.PUBLISHED

    @property
    def can_edit(self) -> bool:
        return access.may_edit(self.comment.author, self.comment)


def in_discussion(person: Commenter, discussion: Discussion) -> list[Mine]:
    """Return what ``person`` wrote in ``discussion`` that is not simply published, newest first; four queries."""
    recently = timezone.now() - timedelta(days=DAYS)
    mine = (
        Comment.objects.filter(author=person, discussion=discussion, created_at__gt=recently)
        .exclude(status=Status.WITHDRAWN)
        .filter(~Q(status=Status.PUBLISHED) | Q(revisions__status__in=[Status.RECEIVED, Status.HELD]))
        .distinct()
    )
    return state_of(mine, person)


STATES = ("waiting", "published", "rejected", "withdrawn")
"""What "my comments" can be narrowed to."""


@dataclass(frozen=True, slots=True)
class Written:
    """A page of what somebody wrote."""

    mine: list[Mine]
    next_cursor: str
    """Empty on the last page."""


def written(person: Commenter, *, state: str = "", cursor: str = "", size: int = MOST) -> Written:
    """
    Return a page of everything ``person`` wrote, newest first, in one of :data:`STATES` if one is named.

    Four queries at most, however much there is. Raise ``Refused`` (400) for an unknown state and a cursor that is none.
    """
    wrote = Comment.objects.filter(author=person)
    match state:
        case "":
            pass
        case "waiting":
            waits = Revision.objects.filter(comment=OuterRef("pk"), status__in=[Status.RECEIVED, Status.HELD])
            wrote = wrote.filter(Exists(waits))
        case "published" | "rejected" | "withdrawn":
            wrote = wrote.filter(status=state)
        case _:
            raise Refused("unknown_state", _("The states are: %(states)s.") % {"states": ", ".join(STATES)})
    if cursor:
        at, pk = _place(cursor)
        wrote = wrote.filter(created_at__lte=at).filter(Q(created_at__lt=at) | Q(pk__lt=pk))
    found = state_of(wrote, person, size + 1)
    more = len(found) > size
    last = found[size - 1].comment if more else None
    return Written(found[:size], f"{(last.created_at - EPOCH) // MICROSECOND}-{last.pk}" if last else "")


def _place(cursor: str) -> tuple[datetime, int]:
    found = re.fullmatch(r"([0-9]{1,17})-([0-9]{1,18})", cursor, re.ASCII)
    if found is None:
        said = _("This page link is not valid any more. Start from the first page.")
        raise Refused("bad_cursor", said)
    return EPOCH + int(found[1]) * MICROSECOND, int(found[2])


def state_of(comments: Any, person: Commenter, most: int = MOST) -> list[Mine]:
    """Return how each of the queryset ``comments``, all by ``person``, stands; newest first."""
    found = list(
        comments.order_by("-created_at", "-pk")
        .select_related("discussion")
        .prefetch_related(
            Prefetch("revisions", Revision.objects.order_by("-number"), to_attr="texts"),
            Prefetch(
                "decisions",
                Decision.objects.order_by("-id").select_related("words", "appealed_by", "appeal"),
                to_attr="history",
            ),
        )[:most]
    )
    findings: dict[int, list[Finding]] = {}
    judged = [c.texts[0].pk for c in found if c.texts[0].status in (Status.HELD, Status.REJECTED)]
    for finding in Finding.objects.filter(revision__in=judged).order_by("id") if judged else ():
        findings.setdefault(finding.revision_id, []).append(finding)
    findings = {pk: [f for f in latest_run(said) if f.verdict != "publish"] for pk, said in findings.items()}
    reasons: dict[str, Reason] = {}
    if any(c.texts[0].status == Status.REJECTED for c in found):
        reasons = {reason.code: reason for reason in Reason.objects.all()}
    listed = [_one(comment, person, findings, reasons) for comment in found]
    if any(one.status == Status.HELD for one in listed):
        wait = usual_wait()
        for one in listed:
            waited = timezone.now() - one.since
            if wait and one.status == Status.HELD and waited < timedelta(minutes=wait[1]):
                one.usual_wait = wait
    return listed


LOOK_BACK = timedelta(days=14)
ENOUGH, LATEST = 20, 500
"""With fewer waits than this to go by, nobody is told how long they will wait; more than that say no more."""
KEPT_SECONDS = 120


def usual_wait() -> tuple[int, int] | None:
    """
    Return between how many minutes the middle half of texts waited for an editor at this hour, rounded outwards.

    By those that editors decided, one by one, within an hour of this time of day in the last fourteen days. ``None``
    with fewer than :data:`ENOUGH` to go by. One query, kept for two minutes.
    """
    global _kept_wait
    until, wait = _kept_wait
    if until < time.monotonic():
        hour = timezone.localtime().hour
        held = Decision.objects.filter(
            revision=OuterRef("revision"), to_status=Status.HELD, created_at__lt=OuterRef("created_at")
        )
        rows = (
            Decision.objects.filter(
                decider=Decider.EDITOR,
                from_status=Status.HELD,
                created_at__gt=timezone.now() - LOOK_BACK,
                created_at__hour__in=[(hour - 1) % 24, hour, (hour + 1) % 24],
                bulk=None,
            )
            .order_by("-created_at")
            .annotate(held_at=Subquery(held.order_by("-created_at").values("created_at")[:1]))
            .values_list("created_at", "held_at")[:LATEST]
        )
        minutes = [(decided - since).total_seconds() / 60 for decided, since in rows if since]
        wait = None
        if len(minutes) >= ENOUGH:
            low, _middle, high = quantiles(minutes, n=4)
            wait = outwards(low, high)
        _kept_wait = (time.monotonic() + KEPT_SECONDS, wait)
    return wait


def outwards(low: float, high: float) -> tuple[int, int]:
    """Return a range of minutes as it is said: in fives, and in whole hours when it ends beyond an hour and a half."""
    step = 5 if high <= 90 else 60
    return int(low // step) * step or 1, max(1, ceil(high / step)) * step


_kept_wait: tuple[float, tuple[int, int] | None] = (0, None)


def forget_wait() -> None:
    """Ask again how long texts wait, next time."""
    global _kept_wait
    _kept_wait = (0, None)


def _one(comment: Any, person: Commenter, findings: dict[int, list[Finding]], reasons: dict[str, Reason]) -> Mine:
    comment.author = person
    revision = comment.texts[0]
    decision = next((d for d in comment.history if d.revision_id == revision.pk), None)
    one = Mine(
        comment=comment,
        revision=revision,
        status=revision.status,
        since=decision.created_at if decision and revision.status != Status.RECEIVED else revision.created_at,
        by_editor=bool(decision and decision.decider == "editor"),
    )
    against = compliance.in_force(d for d in comment.history if d.revision_id == revision.pk)
    if against and comment.status != Status.WITHDRAWN:
        asked = (getattr(d, "appealed_by", None) for d in comment.history if d.comment_id == comment.pk)
        waits = next((appeal for appeal in asked if appeal and appeal.state == Appeal.State.OPEN), None)
        one.appeal = getattr(against, "appealed_by", None) or waits
        one.can_appeal = one.appeal is None and timezone.now() <= compliance.appeal_until(against.created_at)
    elif decision and decision.appeal:
        one.appeal = decision.appeal
    if decision:
        one.explanation = getattr(getattr(decision, "words", None), "explanation", "")
    if revision.status == Status.HELD:
        why = findings.get(revision.pk, [])
        if decision and decision.decider == "system" and decision.trigger == "flag":
            # What rules had said was settled when it was published.
            why = [finding for finding in why if finding.code == "flagged"]
        said = [sentences.for_author(f.code, f.evidence) for f in why]
        one.why = [] if one.by_editor else list(dict.fromkeys(said))
    elif revision.status == Status.REJECTED and decision and decision.reason in reasons:
        reason = reasons[decision.reason]
        one.reason = str(reason)
        if one.by_editor:
            one.why = [words] if (words := in_language(reason.author_text)) else []
        else:
            rejected = [f for f in findings.get(revision.pk, []) if f.verdict == "reject"]
            one.why = [capfirst(sentences.for_author(f.code, f.evidence)) + "." for f in rejected]
    return one


def reacted(person: Commenter, discussion: Discussion) -> dict[int, str]:
    """Return how ``person`` reacted to which comments in ``discussion``: kinds by the comment's number."""
    found = Reaction.objects.filter(person=person, comment__discussion=discussion)
    return dict(found.values_list("comment_id", "kind")[:5000])
