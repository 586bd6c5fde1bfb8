"""What a person sees of what they were told: a list, in words, with how much of it is new. Marking as read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from comments import compliance, digests, letters, text
from comments.models import Appeal, Comment, Commenter, Discussion, Notification, Reason, Status
from comments.notifications import following

Kind = Notification.Kind
EXCERPT = 160
"""Characters of a comment in the list."""
LISTED = 20
_QUOTED = re.compile(r"<blockquote\b.*?</blockquote>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing a person was told, in the language that is active. ``title`` is whole; ``quote`` may be empty."""

    id: int
    kind: str
    title: str
    quote: str
    """What was written; empty when readers do not see it, now or any more."""
    story: str
    url: str
    """A path on this site, or the story's own address."""
    appeal_url: str
    at: datetime
    is_new: bool
    comment: int | None


def unread(person: Commenter) -> int:
    """Return how many notices ``person`` has not read. One query, by index."""
    return Notification.objects.filter(person=person, read_at=None).count()


def line(person: Commenter, discussion: Discussion) -> tuple[int, bool]:
    """Return how many notices are new to ``person``, and whether they follow ``discussion``. One query."""
    new = Notification.objects.filter(person=OuterRef("pk"), read_at=None).order_by().values("person")
    asked = Commenter.objects.filter(pk=person.pk).annotate(
        new=Coalesce(Subquery(new.annotate(some=Count("pk")).values("some")), 0),
        follows_this=following.is_followed(person, discussion),
    )
    found: tuple[int, bool] = asked.values_list("new", "follows_this").get()
    return found


def of(person: Commenter, *, before: int | None = None, only_new: bool = False, most: int = LISTED) -> list[Notice]:
    """Return what ``person`` was told, newest first, from number ``before`` on. Two queries."""
    rows = Notification.objects.filter(person=person)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    if only_new:
        rows = rows.filter(read_at=None)
    return in_words(rows.order_by("-id")[:most])


def in_words(rows: QuerySet[Notification], characters: int = EXCERPT) -> list[Notice]:
    """Return ``rows`` as they are told to whom they belong."""
    found = list(rows.select_related("comment__author", "comment__discussion", "decision", "appeal__decision"))
    codes = {row.decision.reason for row in found if row.decision and row.decision.reason}
    reasons = {reason.code: str(reason) for reason in Reason.objects.filter(code__in=codes)} if codes else {}
    return [_notice(row, reasons, characters) for row in found]


def _notice(row: Notification, reasons: dict[str, str], characters: int) -> Notice:
    comment = row.comment
    is_read_by_all = comment is not None and comment.status == Status.PUBLISHED
    title = _said(row, is_read_by_all, reasons)
    whole_story = row.kind == Kind.FOLLOWED and row.key.startswith("story:")
    quote = ""
    if comment is not None and is_read_by_all and row.kind != Kind.APPEAL and not whole_story:
        quote = text.excerpt(_own_words(comment.html), characters)
    return Notice(
        id=row.pk,
        kind=row.kind,
        title=title,
        quote=quote,
        story=digests.line(str(comment.discussion)) if comment else "",
        url=_place(row, whole_story),
        appeal_url=_appeal_url(row),
        at=row.created_at,
        is_new=row.read_at is None,
        comment=row.comment_id,
    )


def _own_words(html: str) -> str:
    """Return the visible text of a comment without what it quotes: those are somebody else's words."""
    return text.plain(_QUOTED.sub("", html)) or text.plain(html)


def _said(row: Notification, is_read_by_all: bool, reasons: dict[str, str]) -> str:
    name = _name(row.comment)
    match row.kind:
        case Kind.REPLY:
            said = _("%(name)s replied to you.") if is_read_by_all else _("A reply to you is no longer shown.")
        case Kind.MENTION:
            said = (
                _("%(name)s mentioned you.")
                if is_read_by_all
                else _("A comment that mentioned you is no longer shown.")
            )
        case Kind.FOLLOWED if row.key.startswith("story:"):
            said = _("There are new comments under a story you follow.")
        case Kind.FOLLOWED:
            said = (
                _("%(name)s wrote in a conversation you follow.")
                if is_read_by_all
                else _("A comment in a conversation you follow is no longer shown.")
            )
        case Kind.PICK:
            said = _("Your comment is an editors' pick.")
        case Kind.APPEAL:
            overturned = row.appeal is not None and row.appeal.state == Appeal.State.OVERTURNED
            said = (
                _("Your appeal was right: the decision was overturned.")
                if overturned
                else _("Another editor has looked at your appeal, and the decision stands.")
            )
        case _decision:
            return _decided(row, reasons)
    return said % {"name": name} if "%(name)s" in said else said


def _decided(row: Notification, reasons: dict[str, str]) -> str:
    decision = row.decision
    if decision is None or decision.to_status == Status.PUBLISHED:
        return _("Your comment was published.")
    if decision.to_status == Status.HELD:
        return _("Your comment waits for an editor. Others do not see it until then.")
    reason = {"reason": reasons.get(decision.reason, "")}
    if decision.from_status == Status.PUBLISHED:
        if reason["reason"]:
            return _("Your comment was taken down: %(reason)s.") % reason
        return _("Your comment was taken down.")
    if reason["reason"]:
        return _("Your comment was not published: %(reason)s.") % reason
    return _("Your comment was not published.")


def _name(comment: Comment | None) -> str:
    """Return who wrote ``comment``, on one line, kept from turning the sentence around it about."""
    name = digests.line(comment.author.name) if comment else ""
    return f"\u2068{name}\u2069" if name else _("A former reader")


def _place(row: Notification, whole_story: bool) -> str:
    if row.kind == Kind.APPEAL and row.appeal is not None:
        return letters.page_of(row.appeal)
    comment = row.comment
    if comment is None:
        return ""
    is_own = comment.author_id == row.person_id
    if not whole_story and (comment.is_shown or is_own):
        return comment.get_absolute_url()
    return address_of(comment.discussion) or (comment.get_absolute_url() if comment.is_shown else "")


def address_of(discussion: Discussion) -> str:
    """Return where the comments of ``discussion`` stand, or "" when its story has no address that can be linked."""
    story = discussion.url.partition("#")[0]
    return f"{story}#comments" if story.startswith(("/", "https://", "http://")) else ""


def _appeal_url(row: Notification) -> str:
    decision = row.decision
    if decision is None or not compliance.restricts(decision) or row.comment is None:
        return ""
    if timezone.now() > compliance.appeal_until(decision.created_at):
        return ""
    return f"{row.comment.get_absolute_url()}appeal/"


def mark_read(person: Commenter, *, numbers: Collection[int] | None = None, up_to: int | None = None) -> int:
    """
    Mark as read what ``person`` names by ``numbers``, or everything ``up_to`` one, or everything; return what is new.

    Twice is once, and other people's notices are not touched. ``up_to`` leaves alone what came while they read.
    """
    rows = Notification.objects.filter(person=person, read_at=None)
    if numbers is not None:
        rows = rows.filter(pk__in=numbers)
    if up_to is not None:
        rows = rows.filter(pk__lte=up_to)
    rows.update(read_at=timezone.now(), by_mail=False)
    return unread(person)


def newest(notices: Iterable[Notice]) -> int:
    return max((notice.id for notice in notices), default=0)
