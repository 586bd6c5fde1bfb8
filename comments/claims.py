"""
Who has which card open, so that two editors never do the same work.

A claim is a courtesy, never a lock: a decision is refused for the comment's version only. It runs out by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.formats import time_format
from django.utils.translation import gettext as _

from comments import at_once
from comments.exceptions import Refused
from comments.models import Claim, Comment, Commenter

SECONDS = 90
"""How long a card stays with an editor who says nothing more of it."""
RENEW_SECONDS = 30
"""How often a window that is in front says so."""
MOST = 20
"""Cards one call takes: the open one, and what comes next."""

TAKE = """
INSERT INTO comments_claim (comment_id, person_id, until)
SELECT id, %s, {moment} FROM comments_comment WHERE id IN ({ids}) ORDER BY id
ON CONFLICT (comment_id) DO UPDATE SET person_id = excluded.person_id, until = excluded.until {free}
RETURNING {returned}
"""
FREE = "WHERE comments_claim.person_id = excluded.person_id OR comments_claim.until <= %s"


class Claimed(Refused):
    """Somebody else has the card; ``claim`` says who, and until when."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(
            "claimed",
            sentence(claim),
            status=409,
            claimed_by=claim.person.name,
            claimed_until=claim.until.isoformat(),
        )
        self.claim = claim


def take(comment: Comment, person: Commenter, *, over: bool = False) -> Claim:
    """
    Claim ``comment`` for ``person``, or renew their claim. Raise :class:`Claimed` while somebody else has it.

    ``over`` takes it whoever has it. Compared and set in one statement: of two at once, one gets it.
    """
    claim = many([comment.pk], person, over=over)[comment.pk]
    if claim.person_id != person.pk:
        raise Claimed(claim)
    return claim


def many(comments: Iterable[int], person: Commenter, *, over: bool = False) -> dict[int, Claim]:
    """
    Take each of the comments with these ids that nobody else has, and return whose each is now.

    One query, two when somebody else has any. An id that is no comment's is left out. Always in the same order, so
    that two calls never wait for each other.
    """
    ids = sorted(set(comments))[:MOST]
    if not ids:
        return {}
    until = _until()
    taken = _taking(ids, person, until, "comment_id", over=over)
    with connection.cursor() as db:
        db.execute(taken.sql, taken.params)
        mine = [row[0] for row in db.fetchall()]
    found = {pk: Claim(comment_id=pk, person=person, until=until) for pk in mine}
    if others := [pk for pk in ids if pk not in found]:
        theirs = Claim.objects.filter(comment__in=others).select_related("person")
        found |= {claim.comment_id: claim for claim in theirs}
    return found


TAKEN = "taken"


def taking(claim: Claim) -> at_once.Change:
    """Return what takes the card for ``claim``, to be done with other questions; :func:`is_taken` reads the answer."""
    returned = "CAST(%s AS varchar), CAST(comment_id AS varchar)"
    one = _taking([claim.comment_id], claim.person, claim.until, returned, over=False)
    return at_once.Change(one.sql, [*one.params, TAKEN])


def is_taken(claim: Claim, said: Iterable[tuple[str, str]]) -> bool:
    """Say whether ``claim`` was to be had: what :func:`taking` did, from the plain answers that came with it."""
    return (TAKEN, str(claim.comment_id)) in said


def mine(comment: Comment, person: Commenter) -> Claim:
    """Return the claim that ``person`` would have on ``comment`` from now on. What ``comment`` knows stays."""
    return Claim(comment_id=comment.pk, person=person, until=_until())


def _until() -> datetime:
    return timezone.now() + timedelta(seconds=SECONDS)


def _taking(ids: Sequence[int], person: Commenter, until: datetime, returned: str, *, over: bool) -> at_once.Change:
    stored = connection.ops.adapt_datetimefield_value
    marks = ", ".join(["%s"] * len(ids))
    sql = TAKE.format(moment=_moment(), ids=marks, free="" if over else FREE, returned=returned)
    return at_once.Change(sql, [person.pk, stored(until), *ids, *([] if over else [stored(timezone.now())])])


def _moment() -> str:
    """Return the mark for a moment that is selected: PostgreSQL wants to be told what it is."""
    return "CAST(%s AS timestamptz)" if connection.vendor == "postgresql" else "%s"


def give_back(comments: Iterable[int], person: Commenter) -> None:
    """Free the cards that ``person`` leaves. What is somebody else's by now stays theirs."""
    Claim.objects.filter(comment__in=list(comments)[: 5 * MOST], person=person).delete()


def of_others(comments: Iterable[int], person: Commenter | None) -> dict[int, Claim]:
    """Return the claims in force on ``comments`` that are not by ``person``. One query."""
    held = Claim.objects.filter(comment__in=list(comments), until__gt=timezone.now()).select_related("person")
    return {claim.comment_id: claim for claim in (held.exclude(person=person) if person else held)}


def on(comment: Comment) -> Claim | None:
    """Return the claim in force on ``comment``, whoever has it; no query where it came with the comment."""
    claim: Claim | None = getattr(comment, "claim", None)
    return claim if claim and claim.until > timezone.now() else None


def sentence(claim: Claim) -> str:
    """Return who has the card and until when: Mira has this one open until 10:42:30."""
    return _("%(name)s has this one open until %(time)s.") % {"name": claim.person.name, "time": clock(claim)}


def clock(claim: Claim) -> Any:
    return time_format(timezone.localtime(claim.until), "H:i:s")
