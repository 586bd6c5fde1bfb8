"""Who may do what. ``may_…`` answers, ``require_…`` raises ``Refused`` with the sentence a reader gets."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from comments import conf
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Discussion, Status
from comments.models.comments import MAX_DEPTH


def is_open(discussion: Discussion, at: datetime | None = None) -> bool:
    """Say whether ``discussion`` takes comments: its mode, and the times it opens and closes by itself."""
    at = at or timezone.now()
    if discussion.closes_at and discussion.closes_at <= at:
        return False
    if discussion.mode == Discussion.Mode.CLOSED:
        if discussion.closed_at and at < discussion.closed_at:
            return True
        return bool(discussion.opens_at and discussion.opens_at <= at)
    return True


def is_staff(person: Commenter | None) -> bool:
    """Say whether ``person`` works for the newsroom: the limits and rules for readers leave them alone."""
    return bool(person and person.user and person.user.is_staff and person.user.is_active)


def may_moderate(user: Any) -> bool:
    """Say whether ``user`` may decide about comments. Superusers, and people who are not staff, cost no query."""
    return bool(user and user.is_active and user.is_staff and user.has_perm("comments.moderate"))


def require_moderator(user: Any) -> None:
    if not may_moderate(user):
        raise Refused("not_a_moderator", _("Only the newsroom's moderators can do this."), status=403)


def require_signed_in(user: Any) -> None:
    if not (user and user.is_authenticated):
        raise Refused("not_signed_in", _("Sign in to do this. What you wrote stays in the box."), status=401)


def require_open(discussion: Discussion) -> None:
    if not is_open(discussion):
        raise Refused("closed", discussion.closed_reason or _("Comments are closed here."), status=403)


def require_may_post(author: Commenter, discussion: Discussion, parent: Comment | None, recent: list[Comment]) -> None:
    """
    Raise ``Refused`` when ``author`` may not post here now. Nothing is saved and no query is made.

    ``recent`` are the author's comments of the last minutes, newest first.
    """
    require_open(discussion)
    if parent is not None:
        if parent.discussion_id != discussion.pk:
            raise Refused("parent_elsewhere", _("The comment you are answering stands under another article."))
        if parent.status != Status.PUBLISHED:
            raise Refused("parent_gone", _("The comment you are answering is no longer there."), status=409)
        if parent.depth + 1 >= MAX_DEPTH:
            raise Refused("too_deep", _("This conversation is too deep to go on here. Please start a new comment."))
    limit = conf.get().posts_per_minute
    if limit:
        now = timezone.now()
        latest = [c.created_at for c in recent if c.created_at > now - timedelta(seconds=60)]
        if len(latest) >= limit and not is_staff(author):
            wait = max(1, 60 - int((now - latest[limit - 1]).total_seconds()))
            raise Refused(
                "too_fast",
                ngettext(
                    "You are posting quickly. Please wait %(wait)d second.",
                    "You are posting quickly. Please wait %(wait)d seconds.",
                    wait,
                )
                % {"wait": wait},
                status=429,
                retry_after=wait,
            )


def may_edit(person: Commenter | None, comment: Comment) -> bool:
    """Say whether ``person`` may still rewrite ``comment``."""
    window = timedelta(minutes=conf.get().edit_minutes)
    return bool(
        person
        and comment.author_id == person.pk
        and comment.status not in (Status.WITHDRAWN, Status.REJECTED)
        and timezone.now() - comment.created_at < window
    )


def require_author(person: Commenter, comment: Comment) -> None:
    """Raise a 404 for everyone but the author: who is not told about a comment is not told that it exists."""
    if comment.author_id != person.pk:
        raise Refused("unknown_comment", _("There is no such comment."), status=404)


def require_may_edit(person: Commenter, comment: Comment) -> None:
    require_author(person, comment)
    if not may_edit(person, comment):
        raise Refused(
            "edit_too_late", _("This comment can no longer be edited. You can still withdraw it."), status=403
        )
