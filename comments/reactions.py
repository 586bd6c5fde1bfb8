"""Verbs about liking: one a person, counted from the rows."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from comments import access
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Reaction, Status


def react(person: Commenter, comment: Comment, kind: str = "like", *, network_key: str = "") -> int:
    """Like ``comment``; twice is once. Return how many like it now. Not for who is suspended or banned."""
    if kind != "like":
        raise Refused("unknown_reaction", _("There is no such reaction."))
    if comment.status != Status.PUBLISHED:
        raise Refused("unknown_comment", _("There is no such comment."), status=404)
    if comment.author_id == person.pk:
        raise Refused("own_comment", _("You cannot like your own comment."), status=403)
    access.require_open(comment.discussion)
    access.require_good_standing(person, network_key, warned=False)
    try:
        with transaction.atomic():
            Reaction.objects.create(comment=comment, person=person, kind=kind)
    except IntegrityError:
        pass
    return _recount(comment)


def unreact(person: Commenter, comment: Comment) -> int:
    """Take a like back; without one nothing happens. Return how many like it now."""
    Reaction.objects.filter(comment=comment, person=person).delete()
    return _recount(comment)


def _recount(comment: Comment) -> int:
    with transaction.atomic():
        Comment.objects.select_for_update().get(pk=comment.pk)
        count = Reaction.objects.filter(comment=comment).count()
        Comment.objects.filter(pk=comment.pk).update(like_count=count)
    return count
