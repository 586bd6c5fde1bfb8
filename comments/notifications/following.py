"""Verbs: :func:`follow` and :func:`unfollow` a conversation or everything under a story."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from comments.exceptions import Refused
from comments.models import Comment, Commenter, Discussion, Follow, Status
from comments.models.comments import SEGMENT

MOST = 500
"""Things one person can follow."""


def beginning(comment: Comment) -> Comment:
    """Return the comment that the conversation of ``comment`` begins with; one query unless it is itself."""
    if not comment.parent_id:
        return comment
    return Comment.objects.get(discussion=comment.discussion_id, path=comment.path[:SEGMENT])


def follow(person: Commenter, thing: Comment | Discussion) -> Follow:
    """
    Tell ``person`` from now on what is new in the conversation of a comment, or under a story. Twice is once.

    Raise ``Refused`` (404) for a comment that readers do not see, and (409) beyond :data:`MOST`.
    """
    about = _about(thing, must_be_shown=True)
    found = Follow.objects.filter(person=person, **about).first()
    if found is not None:
        return found
    if Follow.objects.filter(person=person).count() >= MOST:
        raise Refused(
            "too_many_follows",
            _("You follow %(most)d conversations. Stop following one of them first.") % {"most": MOST},
            status=409,
            maximum=MOST,
        )
    return Follow.objects.get_or_create(person=person, **about)[0]


def unfollow(person: Commenter, thing: Comment | Discussion) -> None:
    """Tell ``person`` no more of it. Twice is once."""
    Follow.objects.filter(person=person, **_about(thing)).delete()


def unfollow_by_number(person: Commenter, number: int) -> None:
    """Stop following what ``person`` sees in their list under this number. Twice is once."""
    Follow.objects.filter(person=person, pk=number).delete()


def follows(person: Commenter, thing: Comment | Discussion) -> bool:
    """Say whether ``person`` follows the conversation of a comment, or the story."""
    return Follow.objects.filter(person=person, **_about(thing)).exists()


def listed(person: Commenter, most: int = MOST) -> list[Follow]:
    """Return what ``person`` follows, newest first. One query."""
    return list(Follow.objects.filter(person=person).select_related("discussion", "comment").order_by("-id")[:most])


def is_followed(person: Commenter, discussion: Discussion) -> Exists:
    """Return the condition that ``person`` follows ``discussion``, for a query that asks for more."""
    return Exists(Follow.objects.filter(person=OuterRef("pk"), discussion=discussion, comment=None))


def _about(thing: Comment | Discussion, *, must_be_shown: bool = False) -> dict[str, Any]:
    if isinstance(thing, Discussion):
        return {"discussion": thing, "comment": None}
    if must_be_shown and thing.status != Status.PUBLISHED:
        raise Refused("unknown_comment", _("There is no such comment."), status=404)
    first = beginning(thing)
    return {"discussion_id": first.discussion_id, "comment": first}
