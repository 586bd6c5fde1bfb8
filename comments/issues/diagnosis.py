"""
Answers first: what is true for this reader, before anything is asked of them.

Every answer is a fact read from the rows, with its time. What binds most comes first, what is in order last. Signed
out, only what is public is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from comments import access, people, personal, thresholds
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Discussion, Revision, Status
from comments.personal import Mine

MOST_COMMENTS = 3
SLOW = timedelta(seconds=60)
"""A text that is unscreened for longer than this takes longer than usual."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One thing that is true for a reader, and at most one thing they can do about it."""

    code: str
    tone: str
    """``wait``, ``stop``, ``plain``, or ``good`` for what is in order."""
    text: str
    """The fact, in one sentence."""
    detail: str = ""
    """What happens next, or what follows from it."""
    action_label: str = ""
    action_url: str = ""
    main: bool = False
    """The one that most likely is the answer."""


def diagnose(
    person: Commenter | None, discussion: Discussion | None, comment: Comment | None = None, network_key: str = ""
) -> list[Answer]:
    """
    Return what is true for ``person`` (``None``: signed out), what binds most first, what is in order last.

    ``comment`` is the one the reader came from, if any. Nothing is saved.
    """
    found = [
        *_standing(person, network_key),
        *_about_the_discussion(discussion),
        *_about_the_person(person, discussion, comment),
        *_about_the_site(),
    ]
    binding = [one for one in found if one.tone != "good"]
    good = [one for one in found if one.tone == "good"]
    if not binding:
        nothing = Answer(
            "nothing_found",
            "plain",
            _("From here all looks well."),
            _("That does not mean that nothing is wrong. Please tell us what happened."),
        )
        return [replace(nothing, main=True), *good]
    return [replace(binding[0], main=True), *binding[1:], *good]


# --- The discussion ---------------------------------------------------------------------------------------------------


def _about_the_discussion(discussion: Discussion | None) -> Iterator[Answer]:
    if discussion is None:
        return
    title = {"title": discussion.title or discussion.key}
    now = access.opening(discussion)
    if not now.is_open:
        text = (
            _("Comments on “%(title)s” have been closed since %(when)s.") % (title | {"when": when(now.since)})
            if now.since
            else _("Comments on “%(title)s” are closed.") % title
        )
        opens = now.opens_at
        follows = _("They open again %(when)s.") % {"when": when(opens)} if opens else _("They stay readable.")
        yield Answer("closed", "stop", text, " ".join(filter(None, [now.reason, follows])))
    elif discussion.mode == Discussion.Mode.PREMODERATED or thresholds.of(discussion).premoderate:
        yield Answer(
            "premoderated", "good", _("Comments on “%(title)s” are open; an editor reads each one first.") % title
        )
    elif now.closes_at:
        yield Answer(
            "open",
            "good",
            _("Comments on “%(title)s” are open until %(when)s.") % (title | {"when": when(now.closes_at)}),
        )
    else:
        yield Answer("open", "good", _("Comments on “%(title)s” are open.") % title)


# --- The person -------------------------------------------------------------------------------------------------------


def _about_the_person(
    person: Commenter | None, discussion: Discussion | None, comment: Comment | None
) -> Iterator[Answer]:
    if person is None:
        here = discussion.get_absolute_url() if discussion and discussion.url else "/"
        yield Answer(
            "signed_out",
            "plain",
            _("You are not signed in on this page."),
            _("Reading works without. A comment of yours that waits for an editor shows once you are signed in."),
            _("Sign in"),
            f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': here})}",
        )
        return
    if discussion is not None and access.is_open(discussion):
        yield from _refused_now(person, discussion)
    mine = _own(person, discussion, comment)
    for one in mine[:MOST_COMMENTS]:
        yield _about(one)
    name = {"name": person.name}
    yield Answer(
        "signed_in",
        "good",
        _("You are signed in as %(name)s, and your e-mail address is confirmed.") % name
        if person.contact_confirmed_at
        else _("You are signed in as %(name)s.") % name,
    )


def _standing(person: Commenter | None, network_key: str) -> Iterator[Answer]:
    """Say that the reader is warned, suspended or banned: why, until when, and where to object."""
    now = access.standing(person, network_key) if person else access.Standing()
    if now.sanction is None or now.state not in access.REFUSED_FOR:
        return
    words = getattr(now.sanction, "words", None)
    said = f"“{words.explanation}”" if words and words.explanation else ""
    if now.state == "warned":
        action = (_("Read it"), reverse("comments:me"))
        yield Answer("warned", "stop", access.standing_in_words(now), said, *action)
        return
    action = (_("Appeal"), people.appeal_path(now.sanction))
    yield Answer(now.state, "stop", access.standing_in_words(now), said, *action)


def _refused_now(person: Commenter, discussion: Discussion) -> Iterator[Answer]:
    """Ask what a comment sent at this moment would be told, with the comments of the last minutes."""
    recent = Comment.objects.filter(author=person, created_at__gt=timezone.now() - timedelta(minutes=5))
    try:
        access.require_may_post(person, discussion, None, list(recent.defer("html").order_by("-created_at")[:200]))
    except Refused as refused:
        if refused.code in access.REFUSED_FOR.values():
            return  # Said before, with how to object.
        yield Answer(refused.code, "wait" if refused.status == 429 else "stop", refused.detail)


def _own(person: Commenter, discussion: Discussion | None, comment: Comment | None) -> list[Mine]:
    """Return the reader's comments that others do not see, newest first; the one they came from before all others."""
    if discussion is not None:
        mine = personal.in_discussion(person, discussion)
    else:
        recently = timezone.now() - timedelta(days=personal.DAYS)
        unseen = [Status.RECEIVED, Status.HELD, Status.REJECTED]
        comments = Comment.objects.filter(author=person, status__in=unseen, created_at__gt=recently)
        mine = personal.state_of(comments, person)
    if comment is not None and comment.author_id == person.pk:
        rest = [one for one in mine if one.comment.pk != comment.pk]
        return [*personal.state_of(Comment.objects.filter(pk=comment.pk), person), *rest]
    return mine


def _about(one: Mine) -> Answer:
    times = {"written": when(one.revision.created_at), "since": when(one.since)}
    because = get_text_list(one.why, _("and"))
    action = (_("Show my comment"), one.comment.get_absolute_url())
    match one.status:
        case Status.RECEIVED:
            text = (
                _("Your edit of %(written)s is still being checked.")
                if one.is_edit
                else _("Your comment of %(written)s is still being checked.")
            ) % times
            slow = timezone.now() - one.since > SLOW
            detail = (
                _("This takes longer than usual. Your text is safe.")
                if slow
                else _("This usually takes a few seconds. Only you can see it until then.")
            )
            return Answer("received", "wait", text, detail, *action)
        case Status.HELD:
            facts = times | {"because": because}
            if one.is_edit:
                text = (
                    _("Your edit has been waiting for an editor since %(since)s, because %(because)s.")
                    if because
                    else _("Your edit has been waiting for an editor since %(since)s.")
                ) % facts
                detail = _("Everyone sees the earlier words until an editor has read these.")
            else:
                text = (
                    _("Your comment has been waiting for an editor since %(since)s, because %(because)s.")
                    if because
                    else _("Your comment has been waiting for an editor since %(since)s.")
                ) % facts
                detail = _("It has not vanished: only you can see it until an editor has read it.")
            return Answer("held", "wait", text, detail, *action)
        case Status.REJECTED:
            facts = times | {"reason": one.reason}
            if one.is_edit:
                text = (
                    _("Your edit of %(written)s was not published: %(reason)s.")
                    if one.reason
                    else _("Your edit of %(written)s was not published.")
                )
            else:
                text = (
                    _("Your comment of %(written)s was not published: %(reason)s.")
                    if one.reason
                    else _("Your comment of %(written)s was not published.")
                )
            decided = (
                _("Decided by an editor, %(since)s.") if one.by_editor else _("Decided by the rules here, %(since)s.")
            )
            detail = " ".join([decided % times, *one.why, f"“{one.explanation}”" if one.explanation else ""]).strip()
            return Answer("rejected", "stop", text % facts, detail, *action)
        case Status.WITHDRAWN:
            return Answer("withdrawn", "plain", _("You withdrew your comment, %(since)s.") % times)
        case _published:
            return Answer(
                "published",
                "plain",
                _("Your comment of %(written)s is published; everyone can read it.") % times,
                _("If you do not see it under the article, the page you have is older. Load it again."),
                *action,
            )


# --- The site ---------------------------------------------------------------------------------------------------------


def _about_the_site() -> Iterator[Answer]:
    oldest = (
        Revision.objects.filter(status=Status.RECEIVED, created_at__lt=timezone.now() - SLOW)
        .order_by("created_at")
        .values_list("created_at", flat=True)
        .first()
    )
    if oldest is None:
        yield Answer("checks_run", "good", _("New comments are being checked without delay."))
    else:
        yield Answer(
            "checks_slow",
            "wait",
            _("Some comments take longer than usual to appear."),
            _("The oldest has been waiting to be checked since %(when)s. What you write is saved all the same.")
            % {"when": when(oldest)},
        )


def when(moment: datetime) -> str:
    """Return today's moments as "10:46", those of a week around as "Tuesday, 10:46", others with their date."""
    local = timezone.localtime(moment)
    age = timezone.localdate() - local.date()
    if not age:
        return date_format(local, "H:i")
    if timedelta(days=-7) < age < timedelta(days=7):
        return date_format(local, pgettext("date format of a comment", "l, H:i"))
    return date_format(local, pgettext("date format of an issue report", "j F Y, H:i"))
