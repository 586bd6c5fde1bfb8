"""Verbs about reacting to a comment: one reaction a person, counted from the rows."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from comments import access, conf, ranking, ratelimit, thresholds
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Reaction, Status


def react(person: Commenter, comment: Comment, kind: str = "like", *, network_key: str = "") -> int:
    """
    Let ``person`` react to ``comment``; twice is once, and another kind takes the place of the first.

    Return how many people now reacted in this way. Not to one's own comment, not for who is suspended or banned, not
    where comments are closed, and only in ways that are offered there (``REACTIONS``).

    Two at once wait for each other at the comment's row, so that every count is what the rows say.
    """
    if kind not in offered(comment):
        raise Refused("unknown_reaction", _("There is no such reaction."))
    _require_published(comment)
    if comment.author_id == person.pk:
        raise Refused("own_comment", _("You cannot like your own comment."), status=403)
    access.require_open(comment.discussion)
    access.require_good_standing(person, network_key, warned=False)
    limit = conf.get().reactions_per_minute
    ratelimit.require_not_too_many("react", f"person:{person.pk}", limit=limit, seconds=60)
    with transaction.atomic():
        _require_published(_locked(comment))
        Reaction.objects.update_or_create(comment=comment, person=person, defaults={"kind": kind})
        return ranking.recount(comment)[kind]


def unreact(person: Commenter, comment: Comment) -> int:
    """Take a reaction back; without one nothing happens. Return how many like the comment now."""
    with transaction.atomic():
        _locked(comment)
        Reaction.objects.filter(comment=comment, person=person).delete()
        return ranking.recount(comment)[Reaction.Kind.LIKE]


def offered(comment: Comment) -> tuple[str, ...]:
    """Return the kinds of reactions that readers are offered for ``comment``."""
    return thresholds.of(comment.discussion).reactions


def counts(comment: Comment) -> dict[str, int]:
    """Return how many people reacted to ``comment``, kind by kind, as it is stored; likes always."""
    row = Comment.objects.values_list("like_count", "reaction_counts").get(pk=comment.pk)
    return {"like": row[0]} | Counter(row[1])


def of(person: Commenter, comment: Comment) -> str:
    """Return how ``person`` reacted to ``comment``; empty when they did not."""
    kinds = Reaction.objects.filter(comment=comment, person=person).values_list("kind", flat=True)
    return kinds.first() or ""


def _require_published(comment: Comment) -> None:
    if comment.status != Status.PUBLISHED:
        raise Refused("unknown_comment", _("There is no such comment."), status=404)


def _locked(comment: Comment) -> Comment:
    locks: dict[str, Any] = {"no_key": True} if connection.features.has_select_for_no_key_update else {}
    return Comment.objects.select_for_update(**locks).only("pk", "status").get(pk=comment.pk)
