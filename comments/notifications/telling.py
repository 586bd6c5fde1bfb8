"""
Who has to be told of what, written down once: :func:`tell`, :func:`tell_of_pick`, :func:`tell_of_ruling`.

Each may run twice, or in two workers at once: the key of a notice is unique for each person. Nobody is told of what
readers cannot see, of their own doings, or of somebody they muted; erased and blocked people are told nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, Value
from django.db.models.functions import Coalesce, Upper
from django.utils import timezone

from comments import conf, text
from comments.models import (
    Appeal,
    AuditEntry,
    Comment,
    Commenter,
    Decider,
    Decision,
    Follow,
    Notification,
    NotificationPreference,
    Status,
    Told,
    Trigger,
)
from comments.models.comments import SEGMENT
from comments.notifications import choices

logger = logging.getLogger(__name__)

Kind = Notification.Kind

MOST_MENTIONS = 5
"""Names in one comment whose people are told; a list of everybody tells nobody but the first."""
LONGEST_NAME = 80
WORDS_IN_A_NAME = 5
MOST_UNREAD = 200
"""Whoever has so many unread notices from what they follow is told of no more until they have looked."""
AT_ONCE = 500
"""People told in one transaction."""
LATE = timedelta(minutes=3)
"""A decision that nobody was told of after this long was reached by no message."""
GIVE_UP = timedelta(days=1)

_NAMED = re.compile(r"(?<![\w@.])@(?=\w)")
_ENDS = ".,;:!?\u2026)]}\u00bb\u201d\"'\u2019"
_GENITIVE = re.compile("['\u2019]s$")
_NOT_SAID = re.compile(r"<(blockquote|pre|code)\b.*?</\1>", re.DOTALL)


@dataclass(slots=True)
class Audience:
    """Who is to be told, and as what; the first kind that a person has not switched off is the one."""

    about: dict[str, Any]
    """Fields that all these notices share."""
    kinds: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    """Person → kind and key."""

    def add(self, people: Iterable[int | None], kind: str, key: str) -> None:
        for person in people:
            if person is not None:
                self.kinds.setdefault(person, []).append((kind, key))


# --- Decisions --------------------------------------------------------------------------------------------------------


def concerns_somebody(decision: Decision) -> bool:
    """Say whether anybody may have to be told of ``decision``, as far as the row itself knows."""
    if decision.trigger == Trigger.IMPORT:
        return False
    if decision.to_status == Status.PUBLISHED or decision.reverses_id:
        return True
    return decision.decider != Decider.AUTHOR and _is_told_to_author(decision)


def _is_told_to_author(decision: Decision) -> bool:
    """Say whether ``decision`` is news to who wrote the comment. Appeals are told of as appeals."""
    if decision.decider == Decider.AUTHOR or decision.trigger == Trigger.APPEAL:
        return False
    if decision.to_status == Status.PUBLISHED:
        return decision.from_status in (Status.HELD, Status.REJECTED)
    if decision.to_status == Status.HELD:
        return decision.from_status == Status.PUBLISHED and not decision.reverses_id
    return decision.to_status == Status.REJECTED


def tell(decision_id: int) -> int:
    """Tell everyone whom one decision concerns; return how many people that were, told before or now."""
    decision = (
        Decision.objects.filter(pk=decision_id)
        .select_related("comment__author", "comment__discussion", "comment__parent")
        .first()
    )
    if decision is None:
        return 0
    told = _tell(decision) if concerns_somebody(decision) else 0
    Told.objects.bulk_create([Told(decision=decision)], ignore_conflicts=True)
    return told


def tell_together(decision_ids: Sequence[int]) -> None:
    """Do what :func:`tell` does for each. What can concern nobody, most of it, is found out for all of them at once."""
    decisions = list(Decision.objects.filter(pk__in=decision_ids).select_related("comment").order_by("pk"))
    alone = {decision.pk: decision for decision in decisions if _stands_alone(decision)}
    followed = {decision.comment.discussion_id for decision in alone.values()}
    followed &= set(Follow.objects.filter(discussion__in=followed).values_list("discussion", flat=True))
    authors = {decision.comment.author_id for decision in alone.values()}
    wishing = NotificationPreference.objects.filter(person__in=authors, follows_own=True)
    following = set(wishing.values_list("person", flat=True))
    quiet = {
        pk
        for pk, decision in alone.items()
        if decision.comment.discussion_id not in followed and decision.comment.author_id not in following
    }
    Told.objects.bulk_create([Told(decision_id=pk) for pk in sorted(quiet)], ignore_conflicts=True)
    for decision in decisions:
        if decision.pk not in quiet:
            tell(decision.pk)


def _stands_alone(decision: Decision) -> bool:
    """Say whether the comment answers nobody and names nobody, and its author is told nothing of the decision."""
    return not (
        decision.reverses_id
        or _is_told_to_author(decision)
        or decision.comment.parent_id is not None
        or "@" in decision.comment.html
    )


def _tell(decision: Decision) -> int:
    comment = decision.comment
    told = 0
    undone = False
    if decision.reverses_id:
        # What was told of a decision that is taken back was never so.
        undone = bool(Notification.objects.filter(decision=decision.reverses_id, read_at=None).delete()[0])
        Notification.objects.filter(decision=decision.reverses_id).delete()
    if _is_told_to_author(decision) and not undone and not decision.reversed_by.exists():
        own = Audience({"comment": comment, "decision": decision})
        own.add([comment.author_id], Kind.DECISION, f"decision:{decision.pk}")
        told += _write(own)
    if decision.to_status == Status.PUBLISHED and comment.status == Status.PUBLISHED:
        told += _write(_readers_of(comment, decision), author=comment.author)
        _follow_own(comment)
    return told


def _readers_of(comment: Comment, decision: Decision) -> Audience:
    """Return who else is to be told of a published ``comment``: answered, mentioned, following."""
    found = Audience({"comment": comment, "made_by": comment.author})
    key = f"comment:{comment.pk}"
    if comment.parent is not None and comment.parent.status != Status.WITHDRAWN:
        found.add([comment.parent.author_id], Kind.REPLY, key)
    found.add(mentioned(comment), Kind.MENTION, key)
    following = Follow.objects.filter(discussion=comment.discussion_id)
    root = Comment.objects.filter(discussion=comment.discussion_id, path=comment.path[:SEGMENT]).values("pk")
    rows = following.filter(Q(comment=None) | Q(comment__in=root)).exclude(comment=comment.pk)
    follows: list[tuple[int, int | None]] = list(rows.values_list("person", "comment"))
    conversations = [person for person, conversation in follows if conversation is not None]
    stories = [person for person, conversation in follows if conversation is None]
    if conversations or stories:
        full = set(_with_too_many({*conversations, *stories}))
        found.add((person for person in conversations if person not in full), Kind.FOLLOWED, key)
        # Under a busy story: one notice an hour, of the first comment in it.
        hour = f"story:{comment.discussion_id}:{decision.created_at:%Y%m%d%H}"
        found.add((person for person in stories if person not in full), Kind.FOLLOWED, hour)
    found.kinds.pop(comment.author_id, None)
    return found


def _with_too_many(people: set[int]) -> Iterable[int]:
    unread = Notification.objects.filter(person__in=people, kind=Kind.FOLLOWED, read_at=None)
    counted = unread.values("person").annotate(some=Count("pk")).filter(some__gte=MOST_UNREAD)
    return counted.values_list("person", flat=True)


def _follow_own(comment: Comment) -> None:
    if not NotificationPreference.objects.filter(person=comment.author_id, follows_own=True).exists():
        return
    root = Comment.objects.filter(discussion=comment.discussion_id, path=comment.path[:SEGMENT]).first()
    if root is not None:
        follow = Follow(person=comment.author, discussion=comment.discussion, comment=root)
        Follow.objects.bulk_create([follow], ignore_conflicts=True)


def unheard(limit: int = 500) -> list[int]:
    """Return decisions of the last day that no message reached, oldest first."""
    now = timezone.now()
    found = Decision.objects.filter(
        ~Exists(Told.objects.filter(decision=OuterRef("pk"))),
        Q(to_status__in=[Status.PUBLISHED, Status.REJECTED])
        | Q(from_status=Status.PUBLISHED, to_status=Status.HELD)
        | Q(reverses__isnull=False),
        created_at__gt=now - GIVE_UP,
        created_at__lt=now - LATE,
    ).exclude(trigger=Trigger.IMPORT)
    return list(found.order_by("created_at").values_list("pk", flat=True)[:limit])


# --- Picks and appeals ------------------------------------------------------------------------------------------------


def tell_of_pick(comment_id: int) -> int:
    """Tell an author that editors chose their comment, if it still is chosen."""
    comment = Comment.objects.filter(pk=comment_id, featured_at__isnull=False, status=Status.PUBLISHED).first()
    if comment is None:
        return 0
    found = Audience({"comment": comment})
    found.add([comment.author_id], Kind.PICK, f"pick:{comment.pk}")
    return _write(found)


def tell_of_ruling(appeal_id: int) -> int:
    """Tell who appealed that somebody has ruled; the letter says the same by mail."""
    appeal = Appeal.objects.filter(pk=appeal_id).select_related("decision").exclude(state=Appeal.State.OPEN).first()
    if appeal is None:
        return 0
    found = Audience({"appeal": appeal, "comment_id": appeal.decision.comment_id if appeal.decision else None})
    found.add([appeal.appellant_id], Kind.APPEAL, f"appeal:{appeal.pk}")
    return _write(found)


def unheard_picks_and_rulings() -> tuple[list[int], list[int]]:
    """Return the comments that were chosen, and the appeals that were ruled on, in the last day."""
    since = timezone.now() - GIVE_UP
    picks = AuditEntry.objects.filter(kind="feature", after=True, created_at__gt=since)
    rulings = Appeal.objects.filter(ruled_at__gt=since)
    told = Notification.objects.filter(created_at__gt=since)
    chosen = set(picks.values_list("object_id", flat=True)) - set(
        told.filter(kind=Kind.PICK).values_list("comment", flat=True)
    )
    ruled = rulings.exclude(Exists(told.filter(appeal=OuterRef("pk"))))
    return sorted(pk for pk in chosen if pk is not None), list(ruled.values_list("pk", flat=True))


# --- Names ------------------------------------------------------------------------------------------------------------


def mentioned(comment: Comment) -> list[int]:
    """
    Return whom ``comment`` names: ``@name`` of somebody who has a published comment under the same story.

    What is quoted or code names nobody. A name that several bear means the one in this conversation; when that is
    nobody, or several, nobody is meant.
    """
    if "@" not in comment.html:
        return []
    words = text.plain(_NOT_SAID.sub(" ", comment.html))
    starts = [found.end() for found in _NAMED.finditer(words)][:MOST_MENTIONS]
    wished = [_possible_names(words[start : start + LONGEST_NAME + 1]) for start in starts]
    asked = {name for names in wished for name in names}
    if not asked:
        return []
    # One look at each name, however many are asked for. SQLite knows capitals of ASCII only: there others are exact.
    everyone = Comment.objects.filter(discussion=comment.discussion_id, status=Status.PUBLISHED)
    taking_part = everyone.annotate(capitals=Upper("author__name")).filter(
        Q(capitals__in=[name.upper() for name in asked]) | Q(author__name__in=asked)
    )
    bearers: dict[str, dict[int, bool]] = {}
    start = comment.path[:SEGMENT]
    for person, name, path in taking_part.values_list("author", "author__name", "path").distinct():
        here = bearers.setdefault(name.casefold(), {})
        here[person] = here.get(person, False) or path.startswith(start)
    meant = (_meant(names, bearers) for names in wished)
    return list(dict.fromkeys(person for person in meant if person is not None))


def _possible_names(words: str) -> list[str]:
    """Return what may be meant at the beginning of ``words``, the longest first: a name has up to five words."""
    line = words.splitlines()[0] if words else ""
    found = []
    for match in list(re.finditer(r"\S+", line))[:WORDS_IN_A_NAME]:
        name = line[: match.end()]
        # A full stop may end the sentence or be part of the name; so may an apostrophe.
        found += [name, name.rstrip(_ENDS), _GENITIVE.sub("", name.rstrip(_ENDS))]
    return sorted({name for name in found if name and len(name) <= LONGEST_NAME}, key=len, reverse=True)


def _meant(names: Sequence[str], bearers: dict[str, dict[int, bool]]) -> int | None:
    for name in names:
        people = bearers.get(name.casefold())
        if not people:
            continue
        if len(people) > 1:
            people = {person: True for person, is_here in people.items() if is_here}
        return next(iter(people)) if len(people) == 1 else None
    return None


# --- Written down -----------------------------------------------------------------------------------------------------


def _write(audience: Audience, *, author: Commenter | None = None) -> int:
    told = 0
    people = sorted(audience.kinds)
    for start in range(0, len(people), AT_ONCE):
        told += _write_some(audience, people[start : start + AT_ONCE], author)
    return told


@transaction.atomic
def _write_some(audience: Audience, people: Sequence[int], author: Commenter | None) -> int:
    reachable = Commenter.objects.filter(pk__in=people, erased_at=None, user__is_active=True)
    if author is not None:
        reachable = reachable.exclude(pk__in=_who_muted(author, people))
    mail_leaves = conf.get().notice_mails_per_hour > 0
    notices, mailed, paces = [], [], []
    for person in reachable.select_related("notification_preference", "user").order_by("pk"):
        wishes = getattr(person, "notification_preference", None) or NotificationPreference(person=person)
        kind, key = next((one for one in audience.kinds[person.pk] if one[0] not in wishes.off), ("", ""))
        if not kind:
            continue
        assert person.user is not None  # noqa: S101  (asked for above)
        by_mail = (
            mail_leaves and kind in choices.wanted_by_mail(wishes) and bool(person.user.email) and _may_go(audience)
        )
        if by_mail:
            mailed.append(person.pk)
            if wishes._state.adding:
                paces.append(NotificationPreference(person=person))
        notices.append(Notification(person=person, kind=kind, key=key, by_mail=by_mail, **audience.about))
    Notification.objects.bulk_create(notices, ignore_conflicts=True)
    if mailed:
        NotificationPreference.objects.bulk_create(paces, ignore_conflicts=True)
        _set_alarm(mailed)
    return len(notices)


def _may_go(audience: Audience) -> bool:
    """What was decided against a comment is told by letter, with the reasons: see :mod:`comments.letters`."""
    decision = audience.about.get("decision")
    return decision is None or decision.to_status == Status.PUBLISHED


def _who_muted(author: Commenter, people: Sequence[int]) -> list[int]:
    mutes: Any = apps.all_models["comments"].get("mute")
    if mutes is None:
        return []
    return list(mutes.objects.filter(muted=author, person__in=people).values_list("person", flat=True))


def _set_alarm(people: list[int]) -> None:
    """
    Let a mail to each of ``people`` be written when it is time, unless one waits already.

    Locks the rows, in order. Whoever writes a mail locks them too and then looks for notices: either it sees those of
    this transaction, or this transaction sets the alarm again after it.
    """
    now = timezone.now()
    rows = NotificationPreference.objects.filter(person__in=people).order_by("pk").select_for_update()
    by_pace: dict[str, list[int]] = {}
    for pk, pace in rows.values_list("person", "mail"):
        by_pace.setdefault(pace, []).append(pk)
    for pace, some in by_pace.items():
        at = choices.due_at(pace, now)
        if at is not None:
            NotificationPreference.objects.filter(person__in=some).update(
                mail_due_at=Coalesce("mail_due_at", Value(at))
            )


def forget(limit: int = 50_000) -> int:
    """Delete notices that are older than ``NOTICE_DAYS``, and what was told two days ago; return how many notices."""
    now = timezone.now()
    old = Notification.objects.filter(created_at__lt=now - timedelta(days=conf.get().notice_days))
    rows = list(old.order_by("created_at").values_list("pk", flat=True)[:limit])
    gone = Notification.objects.filter(pk__in=rows).delete()[0] if rows else 0
    past = Told.objects.filter(created_at__lt=now - 2 * GIVE_UP).order_by("created_at").values_list("pk", flat=True)
    Told.objects.filter(pk__in=list(past[:limit])).delete()
    return gone
