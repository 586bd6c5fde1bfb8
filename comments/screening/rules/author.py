"""Rules about who wrote it, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from comments.models import Comment, Decider, Decision, Status, Trigger
from comments.screening.verdicts import Candidate, Draft


def trust_staff(candidate: Candidate) -> Iterator[Draft]:
    """Say that the newsroom's own people wrote it; the rules for readers leave them alone."""
    if candidate.by_staff:
        yield Draft("staff", verdict="publish")


def hold_new_author(candidate: Candidate) -> Iterator[Draft]:
    """Hold until ``HOLD_FIRST`` comments of this person have been published."""
    needed = candidate.settings.hold_first
    if needed and candidate.published_before < needed and not candidate.by_staff:
        yield Draft("new_author", facts={"published": candidate.published_before, "needed": needed})


def hold_repeat(candidate: Candidate) -> Iterator[Draft]:
    """Hold the same words again within ``REPEAT_HOURS``, whoever wrote them first; very short texts are left alone."""
    hours = candidate.settings.repeat_hours
    if not hours or candidate.by_staff or len(candidate.rendered.text) < 20:
        return
    same = Comment.objects.filter(
        text_hash=candidate.text_hash, created_at__gt=candidate.at - timedelta(hours=hours)
    ).exclude(status=Status.WITHDRAWN)
    if candidate.comment:
        same = same.filter(pk__lt=candidate.comment.pk)
    first = same.order_by("created_at").values("pk", "author_id").first()
    if first:
        own = bool(candidate.author and candidate.author.pk == first["author_id"])
        yield Draft("repeat", facts={"first": first["pk"], "own": own, "hours": hours})


def hold_flood(candidate: Candidate) -> Iterator[Draft]:
    """Hold more than ``FLOOD_COMMENTS`` comments by one person within ``FLOOD_MINUTES``."""
    limit, minutes = candidate.settings.flood_comments, candidate.settings.flood_minutes
    if not limit or candidate.by_staff or candidate.author is None or candidate.comment is None:
        return
    since = candidate.comment.created_at - timedelta(minutes=minutes)
    written = Comment.objects.filter(
        author=candidate.author, created_at__gt=since, created_at__lte=candidate.comment.created_at
    ).count()
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
