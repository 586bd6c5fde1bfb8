"""Verbs about a discussion: what opens one under a story, configures and closes it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from comments import access, audit, live, questions, ranking, signals, threads
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Discussion, Revision, Status
from comments.models.comments import SEGMENT


def key_for(story: models.Model) -> str:
    """Return the key of the discussion under ``story``: ``articles.article:42``."""
    return f"{story._meta.label_lower}:{story.pk}"


def for_object(story: models.Model, **facts: Any) -> Discussion:
    """
    Return the discussion under ``story``, making it the first time and bringing ``facts`` up to date.

    ``facts`` are ``title``, ``url``, ``section``, ``question``, ``form`` and ``mode``; without them the story's
    ``str()`` and ``get_absolute_url()`` are used.
    """
    if not facts:
        url = getattr(story, "get_absolute_url", None)
        facts = {"title": str(story)[:300], "url": url() if url else ""}
    discussion = Discussion.objects.filter(key=key_for(story)).first()
    if discussion is None:
        discussion, _made = Discussion.objects.get_or_create(
            key=key_for(story),
            defaults={
                "content_type": ContentType.objects.get_for_model(story),
                "object_id": str(story.pk),
                **facts,
            },
        )
    if any(getattr(discussion, name) != value for name, value in facts.items()):
        configure(discussion, **facts)
    return discussion


def follow(discussion: Discussion, story: Any) -> Discussion:
    """
    Return ``discussion`` with the address at which ``story`` stands now: a new slug moves its comments along.

    An address on another host that ends the same is left as the project set it.
    """
    url = getattr(story, "get_absolute_url", None)
    now = url() if url and not isinstance(story, Discussion) else ""
    if now and not discussion.url.partition("#")[0].endswith(now):
        configure(discussion, url=now)
    return discussion


def get(key: str) -> Discussion:
    """Return the discussion named ``key``, or raise ``Refused`` (404)."""
    try:
        return Discussion.objects.get(key=key)
    except Discussion.DoesNotExist:
        raise Refused("unknown_discussion", _("There is no discussion here."), status=404) from None


def configure(discussion: Discussion, **facts: Any) -> Discussion:
    """Change ``facts`` of ``discussion`` and make every cached page of it old."""
    with transaction.atomic():
        if facts.get("mode") == Discussion.Mode.CLOSED and discussion.mode != Discussion.Mode.CLOSED:
            facts.setdefault("closed_at", timezone.now())
        elif "mode" in facts and facts["mode"] != Discussion.Mode.CLOSED:
            facts.update(closed_at=None, closed_reason="", opens_at=None)
        Discussion.objects.filter(pk=discussion.pk).update(version=F("version") + 1, **facts)
        if "section" in facts and facts["section"] != discussion.section:
            # What waits is listed by its section: see Revision.section.
            waiting = Revision.objects.filter(comment__discussion=discussion, status__in=(Status.RECEIVED, Status.HELD))
            waiting.update(section=facts["section"])
        became = facts.get("form", discussion.form) != discussion.form
        discussion.refresh_from_db()
        if became:
            questions.settle_all(discussion)
        transaction.on_commit(lambda: _tell(discussion), robust=True)
    return discussion


CONFIGURED = ("form", "question", "mode", "closed_reason", "opens_at", "closes_at")
"""What editors change of a discussion by themselves; the rest comes from its story."""


def change(discussion: Discussion, *, made_by: Commenter, **facts: Any) -> Discussion:
    """
    Do what :func:`configure` does at an editor's wish, and write down what was changed.

    Raise ``Refused`` for who may not moderate there (403), and a value that is none (400).
    """
    access.require_moderator_of(made_by, discussion)
    wanted = {name: facts[name] for name in CONFIGURED if name in facts}
    for name, choices in (("form", Discussion.Form), ("mode", Discussion.Mode)):
        if name in wanted and wanted[name] not in choices.values:
            raise Refused(
                "bad_value", _("“%(name)s” has no value “%(value)s”.") % {"name": name, "value": wanted[name]}
            )
    for name in ("question", "closed_reason"):
        if name in wanted and ("\x00" in wanted[name] or len(wanted[name]) > 300):
            raise Refused("bad_value", _("“%(name)s” takes a sentence of at most 300 characters.") % {"name": name})
    moved = {name: value for name, value in wanted.items() if getattr(discussion, name) != value}
    if moved:
        before = {name: _plain(getattr(discussion, name)) for name in moved}
        with transaction.atomic():
            configure(discussion, **moved)
            audit.record(
                "discussion",
                str(discussion),
                object_id=discussion.pk,
                before=before,
                after={name: _plain(value) for name, value in moved.items()},
                made_by=made_by,
            )
    return discussion


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def close(discussion: Discussion, *, reason: str = "", opens_at: datetime | None = None) -> Discussion:
    """Close ``discussion``, with a sentence for readers and the time it opens again, if any."""
    return configure(
        discussion,
        mode=Discussion.Mode.CLOSED,
        closed_at=timezone.now(),
        closed_reason=reason,
        opens_at=opens_at,
    )


def reopen(discussion: Discussion) -> Discussion:
    """Open ``discussion`` again."""
    return configure(discussion, mode=Discussion.Mode.OPEN)


def _tell(discussion: Discussion) -> None:
    threads.discussion_moved(discussion.key, discussion.version)
    live.announce(discussion.key, "discussion.changed", {"version": discussion.version})
    signals.discussion_changed.send_robust(Discussion, discussion=discussion)


def reconcile(*, repair: bool = False, batch: int = 200) -> Iterator[str]:
    """
    Compare every count with the rows it counts; yield a line for each that differs, and put it right with ``repair``.

    Each discussion is looked at under its lock, so that a decision in between is not mistaken for drift.
    """
    keys = Discussion.objects.order_by("pk").values_list("pk", flat=True)
    for pk in keys.iterator(chunk_size=batch):
        with transaction.atomic():
            discussion = Discussion.objects.select_for_update().get(pk=pk)
            yield from _reconcile_one(discussion, repair)


def _reconcile_one(discussion: Discussion, repair: bool) -> Iterator[str]:
    found: dict[str, int] = {
        "published_count": discussion.comments.filter(status=Status.PUBLISHED).count(),
        "held_count": Revision.objects.filter(comment__discussion=discussion, status=Status.HELD).count(),
    }
    wrong = {name: count for name, count in found.items() if getattr(discussion, name) != count}
    for name, count in wrong.items():
        yield f"discussion {discussion.key}: {name} is {getattr(discussion, name)}, the rows say {count}"
    below: dict[str, int] = {}
    rows = list(discussion.comments.values_list("pk", "path", "status", "reply_count", "is_shown"))
    for _pk, path, status, _replies, _shown in rows:
        if status == Status.PUBLISHED:
            for end in range(SEGMENT, len(path), SEGMENT):
                below[path[:end]] = below.get(path[:end], 0) + 1
    fixes: dict[int, tuple[int, bool]] = {}
    for pk, path, status, replies, shown in rows:
        real = below.get(path, 0)
        should_show = status == Status.PUBLISHED or real > 0
        if (replies, shown) != (real, should_show):
            fixes[pk] = (real, should_show)
            yield f"comment {pk}: reply_count is {replies}, the rows say {real}; shown {shown}, should be {should_show}"
    scores = ranking.drift(discussion.pk)
    if scores:
        yield f"discussion {discussion.key}: {len(scores)} comments are ranked by another score than their rows say"
    if repair:
        for pk, score in scores.items():
            Comment.objects.filter(pk=pk).update(best_score=score)
    unsettled = questions.drift(discussion)
    for pk, at, should in unsettled:
        yield f"comment {pk}: answered_at is {at}, the rows say {should}"
    if repair and unsettled:
        questions.settle_all(discussion)
    if repair and (wrong or fixes or unsettled):
        for pk, (real, should_show) in fixes.items():
            Comment.objects.filter(pk=pk).update(reply_count=real, is_shown=should_show)
        configure(discussion, **wrong)
