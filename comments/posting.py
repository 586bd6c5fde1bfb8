"""Verbs of an author. ``post_comment`` is the one way in, whichever door it came through."""

from __future__ import annotations

import logging
import os
import time
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from comments import access, conf, guidelines, moderation, ratelimit, screening, signals, tasks, text, thresholds
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Decider, Discussion, Revision, Status, Trigger
from comments.models.comments import SEGMENT
from comments.screening import Draft, Verdict

logger = logging.getLogger(__name__)

DIGITS = "0123456789abcdefghijklmnopqrstuv"
MOST_RECENT = 40
TRIES = 8
"""Draws of a place in the thread, when another comment of the same microsecond has it already."""


def new_segment() -> str:
    """Return 12 characters that sort by time: microseconds since 2020 and 9 random bits, in base 32."""
    value = (time.time_ns() // 1000 - 1_577_836_800_000_000) << 9 | int.from_bytes(os.urandom(2)) & 0x1FF
    return "".join(DIGITS[value >> shift & 31] for shift in range(5 * (SEGMENT - 1), -1, -5))


def post_comment(
    author: Commenter,
    discussion: Discussion,
    raw: object,
    *,
    parent: Comment | None = None,
    idempotency_key: str = "",
    network_key: str = "",
    accepts: int | None = None,
) -> Comment:
    """
    Save what ``author`` wrote as ``received`` and queue it for screening. One transaction.

    The same ``idempotency_key`` again, or without a key the same words again within a minute, returns the comment that
    is already there. ``accepts`` is the version of the guidelines that the author accepts with it.
    Raise ``Refused`` when the text cannot be taken or the author may not post here now: then nothing is saved.
    """
    words = acceptable(raw)
    digest = text.digest(words)
    if len(idempotency_key) > 255:
        raise Refused("bad_idempotency_key", _("The Idempotency-Key is longer than 255 characters."))
    minute_ago = timezone.now() - timedelta(seconds=60)
    recent = list(
        Comment.objects.filter(author=author, created_at__gt=minute_ago)
        .defer("html")
        .order_by("-created_at")[: max(MOST_RECENT, thresholds.of(discussion).posts_per_minute)]
    )
    if again := _already_posted(recent, discussion, parent, digest, idempotency_key):
        return again
    access.require_may_post(author, discussion, parent, recent, network_key)
    guidelines.require_accepted(author, accepts)
    for attempt in range(1, TRIES + 1):
        try:
            comment = _save(author, discussion, parent, words, digest, idempotency_key, network_key)
        except IntegrityError:
            # The same attempt, sent twice at once, or long ago; or two comments drew the same place in the thread.
            if idempotency_key and (
                first := Comment.objects.filter(author=author, idempotency_key=idempotency_key).first()
            ):
                return _same_attempt(first, discussion, digest)
            if attempt == TRIES:
                raise
        else:
            break
    comment.is_new = True
    return comment


def _save(
    author: Commenter,
    discussion: Discussion,
    parent: Comment | None,
    words: str,
    digest: str,
    idempotency_key: str,
    network_key: str,
) -> Comment:
    with transaction.atomic():
        comment = Comment.objects.create(
            discussion=discussion,
            author=author,
            parent=parent,
            path=(parent.path if parent else "") + new_segment(),
            depth=parent.depth + 1 if parent else 0,
            text_hash=digest,
            idempotency_key=idempotency_key,
            network_key=network_key,
        )
        Revision.objects.create(comment=comment, text=words, section=discussion.section, created_at=comment.created_at)
        tasks.screen_comment.delay_on_commit(comment.pk, comment.version)
        transaction.on_commit(lambda: _tell(comment), robust=True)
    return comment


def _already_posted(
    recent: list[Comment], discussion: Discussion, parent: Comment | None, digest: str, key: str
) -> Comment | None:
    for comment in recent:
        if key and comment.idempotency_key == key:
            return _same_attempt(comment, discussion, digest)
        if (
            not key
            and comment.text_hash == digest
            and comment.discussion_id == discussion.pk
            and comment.parent_id == (parent.pk if parent else None)
            and comment.status not in (Status.WITHDRAWN, Status.REJECTED)
        ):
            return comment
    return None


def _same_attempt(comment: Comment, discussion: Discussion, digest: str) -> Comment:
    if comment.discussion_id != discussion.pk or (comment.text_hash != digest and comment.edited_at is None):
        raise Refused(
            "idempotency_mismatch",
            _("This Idempotency-Key was used for another comment. Use a new key for a new comment."),
            status=422,
        )
    return comment


def acceptable(raw: object) -> str:
    """Return ``raw`` as the text of a comment; raise ``Refused`` for what cannot be one."""
    return text.check(raw, max_characters=min(conf.get().max_characters, text.MAX_CHARACTERS))


def preview(
    raw: object, author: Commenter | None, discussion: Discussion | None, *, network_key: str
) -> tuple[text.Rendered, list[Draft]]:
    """
    Return the safe HTML of ``raw`` and what would make it wait. Nothing is saved.

    This makes text safe in the asking process, so that it is limited: ``PREVIEWS_PER_MINUTE`` by person or network.
    """
    words = acceptable(raw)
    who = f"person:{author.pk}" if author else network_key
    ratelimit.require_not_too_many("preview", who, limit=conf.get().previews_per_minute, seconds=60)
    return screening.advise(words, author, discussion)


def nudge(
    raw: object, author: Commenter | None, discussion: Discussion, *, attempt: str = "", network_key: str = ""
) -> list[Draft]:
    """
    Return what in ``raw`` would make it wait, for its author to change or to post as it is: by the rules that judge it.

    Advice, never a wall: nothing for staff, where it is switched off, for what was posted already, when somebody asked
    often, when it waits anyway for other reasons, or when the rules cannot be asked. Raise ``Refused`` for what is no
    text of a comment, and where nothing can be posted.
    """
    if not thresholds.of(discussion).nudge or access.is_staff(author):
        return []
    words = acceptable(raw)
    if author is not None:
        access.require_good_standing(author, network_key)
        same = Q(text_hash=text.digest(words), created_at__gt=timezone.now() - timedelta(seconds=60))
        if attempt:
            same |= Q(idempotency_key=attempt)
        if Comment.objects.filter(same, author=author).exists():
            return []
    access.require_open(discussion)
    try:
        _rendered, drafts = preview(words, author, discussion, network_key=network_key)
    except Exception as error:
        if not isinstance(error, Refused):
            logger.exception("no advice before posting")
        return []
    return screening.worth_changing(drafts)


def edit_comment(author: Commenter, comment: Comment, raw: object, *, network_key: str = "") -> Comment:
    """
    Keep ``raw`` as the next version of ``comment`` and queue it for screening.

    What is published stays published, with its old words, until the new ones are decided. The same words again change
    nothing.
    """
    access.require_may_edit(author, comment)
    access.require_good_standing(author, network_key)
    words = acceptable(raw)
    with transaction.atomic():
        comment = moderation.lock(comment.pk, comment.discussion_id)
        access.require_may_edit(author, comment)
        latest = comment.revisions.latest("number")
        if latest.text == words:
            return comment
        moderation.supersede(comment, latest, words, text.digest(words))
        tasks.screen_comment.delay_on_commit(comment.pk, comment.version)
        transaction.on_commit(lambda: _tell(comment), robust=True)
    return comment


def withdraw_comment(author: Commenter, comment: Comment) -> Comment:
    """Take ``comment`` back at its author's wish. Replies stay, under a tombstone. Twice is once."""
    access.require_author(author, comment)
    if comment.status != Status.WITHDRAWN:
        moderation.decide(
            comment,
            Verdict("withdraw"),
            decider=Decider.AUTHOR,
            trigger=Trigger.AUTHOR,
            made_by=author,
        )
    return comment


def _tell(comment: Comment) -> None:
    signals.comment_received.send_robust(Comment, comment=comment)
