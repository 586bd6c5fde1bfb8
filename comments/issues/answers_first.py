"""
Answers first: what is true for this reader, before anything is asked of them.

Every answer is a fact read from the rows, with its time, and has one thing that can be done about it. What binds most
comes first, three at most; then what is in order. Signed out, only what is public is said, and what this very browser
met.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import get_text_list
from django.utils.translation import get_language_info, gettext_lazy, ngettext, pgettext
from django.utils.translation import gettext as _

from comments import access, conf, guests, letters, people, personal, screening, sso, thresholds
from comments.exceptions import Refused
from comments.issues import failures
from comments.models import (
    Comment,
    Commenter,
    Delivery,
    DiagnosisCount,
    Discussion,
    Failure,
    Finding,
    Follow,
    NotificationPreference,
    Revision,
    Sanction,
    Status,
)
from comments.personal import Mine

MOST = 3
"""So many answers that bind are shown at most."""
MOST_COMMENTS = 3
SLOW = timedelta(seconds=60)
"""A text that is unscreened for longer than this takes longer than usual."""
LATELY = timedelta(minutes=30)
"""A refusal is an answer for so long."""
ENOUGH = personal.ENOUGH

CODES = frozenset(
    {
        *("incident", "read_only", "cannot_look", "banned", "suspended", "warned", "closed"),
        *("signed_out", "cookies_blocked", "login_loop", "email_unconfirmed", "not_entitled", "name_missing"),
        *("too_fast", "slow_mode", "enough_here", "too_long", "stale_form", "parent_gone", "refused", "sign_in_fails"),
        *("server_error", "received", "held", "held_words", "held_link", "held_unchecked", "repeat", "rejected"),
        *("withdrawn", "stale_view", "section_missing", "old_browser", "checks_slow", "nothing_found"),
        *("wrong_language", "name_wrong", "mail_trouble", "assistive"),
    }
)
"""Every code that can stand first, and so can be said to settle it."""

ASKED_ABOUT = {
    "assistive": gettext_lazy("With a screen reader, a magnifier or the keyboard alone something does not work"),
    "name_wrong": gettext_lazy("Another name stands over my comments"),
    "mail_trouble": gettext_lazy("Mail does not reach me, or too much of it does"),
}
"""What only the reader can say, as they choose it under the answers: asked about, it is answered first."""

URGENT = frozenset({"assistive", "name_wrong"})
"""Reports of these sort first: somebody is shut out, or carries somebody else's name."""

_OLD = {"Chrome": 80, "Edge": 80, "Firefox": 74, "Safari": 14, "Opera": 67, "Samsung Internet": 13}
"""The first version of each that runs our scripts."""


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
    kind: str = ""
    """The kind of report this would be, if it does not settle it."""
    rank: int = 50
    """What binds most has the lowest."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a door knows of a reader beyond who they are."""

    network_key: str = ""
    browser_key: str = ""
    cookies: bool | None = None
    """Whether the browser gave back the cookie it was given. ``None``: not tried."""
    signed_in_just_now: bool = False
    """They come from signing in."""
    code: str = ""
    """
    What they say they met, when their page said so, or ask about: see :data:`ASKED_ABOUT`. Of what a row would say,
    only ``section_missing`` is believed without one.
    """
    browser: str = ""
    """"Safari 12 on iPad"."""
    here: str = ""
    """Where signing in leads back to."""


def diagnosis(
    reader: Commenter | None,
    discussion: Discussion | None,
    comment: Comment | None = None,
    network_key: str = "",
    *,
    seen: Seen | None = None,
) -> list[Answer]:
    """
    Return what is true for ``reader`` (``None``: signed out): at most three answers that bind, then what is in order.

    ``comment`` is the one the reader came from, if any. Nothing is saved. The first answer has ``main``.
    """
    seen = seen or Seen(network_key=network_key)
    found = [
        *_incidents(),
        *_standing(reader, seen),
        *_about_access(discussion, seen),
        *_about_the_discussion(discussion),
        *_about_the_person(reader, discussion, comment, seen),
        *_about_the_browser(discussion, seen),
        *_about_the_site(),
    ]
    return ordered(found)


def ordered(found: list[Answer]) -> list[Answer]:
    """Return ``found`` as it is shown: what binds most first, three at most, then what is in order."""
    binding = sorted((one for one in found if one.tone != "good"), key=lambda one: one.rank)
    good = [one for one in found if one.tone == "good"]
    if not binding:
        binding = [nothing_found()]
    return [replace(binding[0], main=True), *binding[1:MOST], *good]


def nothing_found() -> Answer:
    return Answer(
        "nothing_found",
        "plain",
        _("From here all looks well."),
        _("That does not mean that nothing is wrong. Please tell us what happened."),
        _("Tell us"),
        "#tell",
    )


def count(code: str, outcome: str) -> bool:
    """Count that an answer was shown, settled it or did not; return whether that could be saved. Never raises."""
    try:
        with transaction.atomic():
            rows = DiagnosisCount.objects.filter(day=timezone.localdate(), code=code, outcome=outcome)
            if not rows.update(count=F("count") + 1) and code in CODES:
                DiagnosisCount.objects.get_or_create(day=timezone.localdate(), code=code, outcome=outcome)
                rows.update(count=F("count") + 1)
    except Exception:
        return False
    return True


# --- The site's own troubles ------------------------------------------------------------------------------------------


def _incidents() -> Iterator[Answer]:
    for one in thresholds.in_force().incidents[:1]:
        facts = {"since": when(one.started_at)}
        kept = {
            True: _("What was written meanwhile is kept."),
            False: _("What was written meanwhile is not kept."),
            None: "",
        }[one.kept]
        yield Answer(
            "incident",
            "wait",
            one.text or _("Since %(since)s commenting fails for some readers.") % facts,
            " ".join(filter(None, [_("We know of it since %(since)s, and are working on it.") % facts, kept])),
            _("Tell me when it is over"),
            "#tell-over",
            kind="cannot_post",
            rank=0,
        )


def read_only(address: str, subject: str, body: str) -> Answer:
    """Say that nothing can be saved, a report neither, and give a mail that is written already."""
    mail = f"mailto:{quote(address, safe='@')}?" + urlencode({"subject": subject, "body": body}, quote_via=quote)
    return Answer(
        "read_only",
        "stop",
        _("The site cannot save anything at the moment. Reading works."),
        _("This form cannot save your report either. Please write to us: the mail is prepared.")
        if address
        else _("This form cannot save your report either."),
        _("Write a mail") if address else "",
        mail if address else "",
        rank=1,
    )


# --- The discussion ---------------------------------------------------------------------------------------------------


def _about_the_discussion(discussion: Discussion | None) -> Iterator[Answer]:
    if discussion is None:
        return
    title = {"title": discussion.title or discussion.key}
    now = access.opening(discussion)
    if not now.is_open:
        said = (
            _("Comments on “%(title)s” have been closed since %(when)s.") % (title | {"when": when(now.since)})
            if now.since
            else _("Comments on “%(title)s” are closed.") % title
        )
        opens = now.opens_at
        follows = _("They open again %(when)s.") % {"when": when(opens)} if opens else _("They stay readable.")
        yield Answer(
            "closed",
            "stop",
            said,
            " ".join(filter(None, [now.reason, follows])),
            _("Tell the editors anyway"),
            "#tell",
            kind="other",
            rank=6,
        )
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


def _standing(person: Commenter | None, seen: Seen) -> Iterator[Answer]:
    """Say that the reader is warned, suspended or banned: why, until when, and where to object."""
    if person is None:
        yield from _network(None, seen)
        return
    now = access.standing(person, seen.network_key)
    if now.sanction is None or now.state not in access.REFUSED_FOR:
        return
    if now.sanction.network_key and now.is_shut_out:
        yield from _network(now.sanction, seen, signed_in=True)
        return
    words = getattr(now.sanction, "words", None)
    said = f"“{words.explanation}”" if words and words.explanation else ""
    if now.state == "warned":
        action = (_("Read it"), reverse("comments:me"))
        yield Answer("warned", "stop", access.standing_in_words(now), said, *action, kind="cannot_post", rank=5)
        return
    about = now.sanction.comment_id if now.sanction.person_id else None
    since = _("Since %(when)s.") % {"when": when(now.sanction.starts_at)}
    stays = _("Reading and this form stay open.")
    comment = _("It is about your comment %(number)s.") % {"number": about} if about else ""
    yield Answer(
        now.state,
        "stop",
        access.standing_in_words(now),
        " ".join(filter(None, [said, comment, since, stays])),
        _("Ask for a review"),
        people.appeal_path(now.sanction),
        kind="cannot_post",
        rank=3 if now.state == "banned" else 4,
    )


def _network(sanction: Sanction | None, seen: Seen, *, signed_in: bool = False) -> Iterator[Answer]:
    """Say that the network is shut out, which need not be about who asks. Nobody is told about whom it is."""
    if sanction is None and seen.network_key:
        kinds = [Sanction.Kind.BAN, Sanction.Kind.SUSPEND]
        shut_out = Sanction.objects.in_force().filter(network_key=seen.network_key, kind__in=kinds)
        sanction = shut_out.order_by("-pk").first()
    if sanction is None:
        return
    state = "banned" if sanction.kind == Sanction.Kind.BAN else "suspended"
    until = _("Until %(when)s.") % {"when": when(sanction.ends_at)} if sanction.ends_at else ""
    text = _("Comments from the network you are using are stopped because of somebody's misuse. That need not be you.")
    if signed_in:
        more, action = "", (_("Ask for an exception"), people.appeal_path(sanction))
    else:
        more = _("Signed in you can ask for an exception; without an account, tell us below.")
        action = (_("Sign in"), _sign_in(seen))
    stays = _("Reading and this form stay open.")
    detail = " ".join(filter(None, [until, more, stays]))
    yield Answer(state, "stop", text, detail, *action, kind="cannot_post", rank=3 if state == "banned" else 4)


def _about_the_person(
    person: Commenter | None, discussion: Discussion | None, comment: Comment | None, seen: Seen
) -> Iterator[Answer]:
    if person is None:
        yield from _signed_out(discussion, seen)
        yield from _met(None, discussion, seen, live=[])
        return
    is_guest = person.user_id is None
    if is_guest and discussion is not None and not guests.are_welcome(discussion):
        yield _not_entitled(seen)
    if not person.name.strip():
        yield Answer(
            "name_missing",
            "stop",
            _("Choose the name that will stand over your comments."),
            _("Until then nothing is sent."),
            _("Choose a name"),
            reverse("comments:me"),
            kind="cannot_post",
            rank=10,
        )
    live = list(_refused_now(person, discussion)) if discussion is not None and access.is_open(discussion) else []
    yield from live
    yield from _met(person, discussion, seen, live=[one.code for one in live])
    mine = _own(person, discussion, comment)
    latest = mine[:MOST_COMMENTS]
    for at, one in enumerate(latest):
        yield replace(_about(one), rank=30 + at)
    if person.name.strip() and seen.code == "name_wrong":
        yield _name(person)
    yield from _mail(person, asked=seen.code == "mail_trouble")
    confirmed = letters.is_confirmed(person)
    if confirmed is False:
        address = (person.user.email if person.user else person.email) or ""
        yield Answer(
            "email_unconfirmed",
            "plain",
            _("Your address %(address)s is not confirmed yet.") % {"address": masked(address)},
            _("Look for our mail, also among unwanted mail: it comes from %(sender)s.")
            % {"sender": settings.DEFAULT_FROM_EMAIL},
            _("Send it again"),
            _account("account_email"),
            kind="notifications",
            rank=8 if seen.code == "email_unconfirmed" else 45,
        )
    name = {"name": person.name}
    if is_guest:
        yield Answer("guest", "good", _("You write as a guest, under the name %(name)s.") % name)
    else:
        yield Answer(
            "signed_in",
            "good",
            _("You are signed in as %(name)s, and your e-mail address is confirmed.") % name
            if confirmed
            else _("You are signed in as %(name)s.") % name,
        )


def _signed_out(discussion: Discussion | None, seen: Seen) -> Iterator[Answer]:
    action = (_("Sign in and come back here"), _sign_in(seen, discussion))
    if seen.cookies is False:
        yield Answer(
            "cookies_blocked",
            "stop",
            _("This browser did not give back the cookie we just set, so we cannot recognise you here."),
            _("Reading works without. In another window, or with cookies allowed for this site, signing in holds."),
            _("Open the discussion on our own page"),
            _place(discussion),
            kind="cannot_sign_in",
            rank=7,
        )
    elif seen.signed_in_just_now:
        yield Answer(
            "login_loop",
            "stop",
            _("You signed in a moment ago, but this page did not receive it."),
            _(
                "That happens when the browser does not keep our cookie, or when you signed in under another address "
                "of ours."
            ),
            _("Open this article directly"),
            _place(discussion),
            kind="cannot_sign_in",
            rank=7,
        )
    if seen.code == "guests_not_allowed" and (discussion is None or not guests.are_welcome(discussion)):
        yield _not_entitled(seen)
    if discussion is not None and guests.are_welcome(discussion):
        yield Answer(
            "signed_out",
            "plain",
            _("You are not signed in on this page. Here one can also write as a guest."),
            _("A comment that you wrote signed in, and that waits for an editor, shows once you are signed in."),
            *action,
            kind="vanished",
            rank=7,
        )
        return
    yield Answer(
        "signed_out",
        "plain",
        _("You are not signed in on this page."),
        _(
            "Reading works without; to write one needs an account. A comment of yours that waits for an editor shows "
            "once you are signed in."
        ),
        *action,
        kind="cannot_sign_in",
        rank=7,
    )


ASKED_RANK = 2


def _about_access(discussion: Discussion | None, seen: Seen) -> Iterator[Answer]:
    """Say to whom something is out of reach where it is plain, and that a person reads what they write."""
    if seen.code != "assistive":
        return
    plain = f"{reverse('comments:section')}?{urlencode({'key': discussion.key})}" if discussion else ""
    yield Answer(
        "assistive",
        "plain",
        _("Everything here is also a plain page, for the keyboard alone and without scripts."),
        _(
            "If something still stops you, tell us below where it does and, if you like, what you use. A person "
            "answers, and such reports are read first."
        ),
        _("Show the comments as plain text") if plain else _("Tell us"),
        plain or "#tell",
        kind="other",
        rank=ASKED_RANK,
    )


def _name(person: Commenter) -> Answer:
    """Say under which name somebody writes, and how it is changed; a wrong one may be somebody else's."""
    name = {"name": person.name}
    alarm = _("If it is somebody else's, write nothing more and tell us at once: such reports are read first.")
    if person.user_id is None:
        stands = guests.name_stands(person)
        how = (
            _("A guest's name stays once others have read it; with an account it can be changed.")
            if stands
            else _("A guest's name can be changed above the box, until others have read it.")
        )
    else:
        how = _("Changed, the new name stands over what you wrote before as well.")
    return Answer(
        "name_wrong",
        "plain",
        _("Your comments carry the name “%(name)s”.") % name,
        f"{how} {alarm}",
        _("Make an account") if person.user_id is None else _("Change the name"),
        (_account("account_signup") or resolve_url(settings.LOGIN_URL))
        if person.user_id is None
        else f"{reverse('comments:me')}#account",
        kind="other",
        rank=ASKED_RANK,
    )


def _mail(person: Commenter, *, asked: bool) -> Iterator[Answer]:
    """Say when our last mail left and whether it was taken: without being asked only when it was not."""
    address = person.user.email if person.user else ""
    if not address:
        return
    mails = Delivery.objects.filter(way=Delivery.Way.MAIL, to=address).exclude(error="taken back")
    over = (Delivery.State.SENT, Delivery.State.FAILED)
    last = mails.filter(state__in=over).only("state", "sent_at", "created_at").order_by("-id").first()
    facts = {"address": masked(address), "when": when(last.sent_at or last.created_at) if last else ""}
    choose = (_("Choose which mail you get"), f"{reverse('comments:me')}#mail")
    if last is not None and last.state == Delivery.State.FAILED:
        change = _account("account_email")
        yield Answer(
            "mail_trouble",
            "stop",
            _("Our last mail to you, at %(address)s, of %(when)s, did not get through.") % facts,
            _("What it said stands under “My comments”. With another address, the next one reaches you."),
            *((_("See or change the address"), change) if change else choose),
            kind="notifications",
            rank=ASKED_RANK if asked else 44,
        )
    elif asked:
        follows = Follow.objects.filter(person=person).count()
        wishes = NotificationPreference.objects.filter(person=person).first() or NotificationPreference()
        paced = _("Mail: %(pace)s. You follow %(count)d stories and conversations.") % {
            "pace": str(wishes.get_mail_display()),
            "count": follows,
        }
        yield Answer(
            "mail_trouble",
            "plain",
            _("Our last mail to you, at %(address)s, left at %(when)s and was taken.") % facts
            if last is not None
            else _("No mail to you, at %(address)s, has left lately.") % facts,
            paced,
            *choose,
            kind="notifications",
            rank=ASKED_RANK,
        )


def _not_entitled(seen: Seen) -> Answer:
    return Answer(
        "not_entitled",
        "stop",
        _("Commenting here is for people with an account. Guests can read."),
        _("An account costs nothing but an e-mail address; what you typed stays in its box."),
        _("Make an account"),
        _account("account_signup") or _sign_in(seen),
        kind="cannot_post",
        rank=9,
    )


def masked(email: str) -> str:
    """Return "m…@example.org": enough to recognise one's own address, too little for who looks over a shoulder."""
    name, at, domain = email.rpartition("@")
    return f"{(name or domain)[:1]}…{at}{domain if at else ''}" if email else ""


def _sign_in(seen: Seen, discussion: Discussion | None = None) -> str:
    back = seen.here or (f"{discussion.get_absolute_url()}" if discussion and discussion.url else "/")
    return f"{sso.login_url()}?{urlencode({'next': back})}"


def _place(discussion: Discussion | None) -> str:
    return discussion.get_absolute_url() if discussion and discussion.url else "/"


def _account(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


# --- What they met ----------------------------------------------------------------------------------------------------


def _refused_now(person: Commenter, discussion: Discussion) -> Iterator[Answer]:
    """Ask what a comment sent at this moment would be told, with the comments of the last minutes."""
    recent = Comment.objects.filter(author=person, created_at__gt=timezone.now() - timedelta(minutes=5))
    try:
        access.require_may_post(person, discussion, None, list(recent.defer("html").order_by("-created_at")[:200]))
    except Refused as refused:
        if refused.code in access.REFUSED_FOR.values():
            return  # Said before, with how to object.
        yield Answer(
            refused.code,
            "wait" if refused.status == 429 else "stop",
            refused.detail,
            _("Your text is kept in its box."),
            _("Back to my text"),
            _place(discussion),
            kind="cannot_post",
            rank=20,
        )


def _met(person: Commenter | None, discussion: Discussion | None, seen: Seen, live: list[str]) -> Iterator[Answer]:
    """Say what this reader was last refused, or what last failed for them, within half an hour."""
    lately = failures.of(person, seen.browser_key, minutes=int(LATELY.total_seconds() // 60), most=5)
    if lately and lately[0].code not in {*live, *access.REFUSED_FOR.values(), "closed", "not_signed_in", "too_many"}:
        yield _last(lately[0], person, discussion)


def _last(met: Failure, person: Commenter | None, discussion: Discussion | None) -> Answer:
    facts = {"when": when(met.created_at), "id": met.request_id}
    back = (_("Back to my text"), _place(discussion))
    if met.code in failures.SERVER_ERRORS:
        local = timezone.localtime(met.created_at)
        text = _("Our server failed at %(when)s. That is our fault, not yours.") % {"when": date_format(local, "H:i:s")}
        said = [_("It is written down under %(id)s.") % facts if met.request_id else ""]
        if met.verb in ("post", "comments") and person is not None and person.pk:
            around = (met.created_at - timedelta(seconds=30), met.created_at + timedelta(seconds=2))
            saved = Comment.objects.filter(author=person, created_at__range=around).exists()
            said.append(
                _("Your text was saved.") if saved else _("Your text was not saved; it should still stand in its box.")
            )
        again = (_("Send it again"), _place(discussion))
        return Answer("server_error", "stop", text, " ".join(filter(None, said)), *again, kind="cannot_post", rank=20)
    kept = _("Nothing is lost: your text is kept in its box.")
    match met.code:
        case "too_fast" | "slow_mode":
            text = _("At %(when)s you were asked to wait before the next comment. That is over.") % facts
        case "too_long":
            most = min(conf.get().max_characters, 10_000)
            text = ngettext(
                "At %(when)s your text was longer than the %(most)d character that fits here.",
                "At %(when)s your text was longer than the %(most)d characters that fit here.",
                most,
            ) % (facts | {"most": most})
        case "stale_form":
            text = _("At %(when)s the form you sent had expired, because the page had been open for long.") % facts
            kept = _("Your text is still there. Load the page again, and send it.")
            back = (_("Send with a fresh form"), _place(discussion))
        case "parent_gone" | "parent_elsewhere" | "too_deep":
            text = _("At %(when)s the comment you were answering could not be answered any more.") % facts
            return Answer("parent_gone", "stop", text, kept, *back, kind="cannot_reply_vote", rank=20)
        case "empty":
            text = _("At %(when)s what you sent had no words in it.") % facts
            return Answer("refused", "stop", text, "", *back, kind="cannot_post", rank=20)
        case "bad_name" | "name_taken" | "name_refused":
            text = _("At %(when)s a name that you chose could not be taken, so the one before stands.") % facts
            choose = (_("Choose another name"), f"{reverse('comments:me')}#account")
            return Answer("name_wrong", "stop", text, "", *choose, kind="other", rank=20)
        case "sign_in_fails":
            text = _("At %(when)s a sign-in from this browser failed: name and password did not fit.") % facts
            detail = _("Names and addresses both work. A forgotten password can be set anew.")
            reset = _account("account_reset_password")
            action = (_("Set a new password"), reset) if reset else (_("Sign in"), resolve_url(settings.LOGIN_URL))
            return Answer("sign_in_fails", "stop", text, detail, *action, kind="cannot_sign_in", rank=20)
        case "sso_bad_token" | "sso_expired" | "sso_spent" | "sso_not_asked":
            text = _("At %(when)s a sign-in from this browser failed: it had expired, or was not begun here.") % facts
            action = (_("Sign in"), f"{sso.login_url()}?{urlencode({'next': _place(discussion)})}")
            return Answer("sign_in_fails", "stop", text, "", *action, kind="cannot_sign_in", rank=20)
        case _other:
            text = _("At %(when)s we refused what you sent, with the code “%(code)s”.") % (facts | {"code": met.code})
            return Answer("refused", "stop", text, kept, *back, kind="cannot_post", rank=20)
    return Answer(met.code, "wait", text, kept, *back, kind="cannot_post", rank=20)


# --- What they wrote --------------------------------------------------------------------------------------------------


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
            said = (
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
            return Answer("received", "wait", said, detail, *action, kind="vanished")
        case Status.HELD:
            return _held(one, times, because, action)
        case Status.REJECTED:
            facts = times | {"reason": one.reason}
            if one.is_edit:
                said = (
                    _("Your edit of %(written)s was not published: %(reason)s.")
                    if one.reason
                    else _("Your edit of %(written)s was not published.")
                )
            else:
                said = (
                    _("Your comment of %(written)s was not published: %(reason)s.")
                    if one.reason
                    else _("Your comment of %(written)s was not published.")
                )
            decided = (
                _("Decided by an editor, %(since)s.") if one.by_editor else _("Decided by the rules here, %(since)s.")
            )
            follows = ""
            if one.can_appeal:
                follows = _("You can ask another editor once.")
                action = (_("Ask another editor"), f"{one.comment.get_absolute_url()}appeal/")
            elif one.appeal:
                follows = _("Your objection is with us.")
                action = (_("Show my objection"), f"{one.comment.get_absolute_url()}appeal/")
            quoted = f"“{one.explanation}”" if one.explanation else ""
            detail = " ".join(filter(None, [decided % times, *one.why, quoted, follows]))
            return Answer("rejected", "stop", said % facts, detail, *action, kind="vanished")
        case Status.WITHDRAWN:
            return Answer(
                "withdrawn", "plain", _("You withdrew your comment, %(since)s.") % times, "", *action, kind="vanished"
            )
        case _published:
            place = (_("Show the newest page"), _newest(one.comment))
            return Answer(
                "stale_view",
                "plain",
                _("Your comment of %(written)s is published since %(since)s; everyone can read it.") % times,
                _("If you do not see it under the article, the page you have is older."),
                *place,
                kind="vanished",
            )


def _newest(comment: Comment) -> str:
    url = comment.discussion.url
    if not url:
        return comment.get_absolute_url()
    address = url.partition("#")[0]
    return f"{address}{'&' if '?' in address else '?'}sort=newest#comment-{comment.pk}"


def _held(one: Mine, times: dict[str, str], because: str, action: tuple[str, str]) -> Answer:
    """Say since when and why a text waits, how many wait before it, and how long that took others."""
    code, reason, first = _why_held(one, times)
    facts = times | {"because": because}
    if reason and not one.is_edit:
        said = reason
    elif one.is_edit:
        said = (
            _("Your edit has been waiting for an editor since %(since)s, because %(because)s.")
            if because
            else _("Your edit has been waiting for an editor since %(since)s.")
        ) % facts
    else:
        said = (
            _("Your comment has been waiting for an editor since %(since)s, because %(because)s.")
            if because
            else _("Your comment has been waiting for an editor since %(since)s.")
        ) % facts
    if first is not None:
        action = (_("Show it"), first.get_absolute_url())
    elif code in ("held_words", "wrong_language") and one.can_edit:
        action = (_("Change my comment"), f"{one.comment.get_absolute_url()}edit/")
    whose = (
        _("Everyone sees the earlier words until an editor has read these.")
        if one.is_edit
        else _("It has not vanished: only you can see it until an editor has read it.")
    )
    more = {
        "held_words": _("Such words are often harmless; a person decides."),
        "held_link": _("A person opens the link first."),
        "wrong_language": _("If we are wrong about that you need do nothing: a person looks."),
        "held_unchecked": _("That is our fault, not yours. An editor will read it."),
    }.get(code, "")
    detail = " ".join(filter(None, [more, *_queue(one), whose]))
    return Answer(code, "wait", said, detail, *action, kind="vanished")


def _why_held(one: Mine, times: dict[str, str]) -> tuple[str, str, Comment | None]:
    """Return which sort of waiting this is, a sentence of its own where there is one, and what the text repeats."""
    if one.by_editor:
        return "held", "", None
    findings = screening.latest_run(list(Finding.objects.filter(revision=one.revision.pk).order_by("id")))
    run = [finding for finding in findings if finding.verdict == "hold"]
    codes = {finding.code for finding in run}
    if codes and codes <= OURS:
        said = _("We could not finish the automatic check of your comment of %(written)s.") % times
        return "held_unchecked", said, None
    words = next((finding for finding in run if finding.code == "phrase_suspect"), None)
    if words is not None and len(codes) == 1:
        facts = times | {"span": _span(one.revision.text, words.evidence)}
        said = _("Your comment of %(written)s waits for an editor since %(since)s, because of “%(span)s”.") % facts
        return "held_words", said if facts["span"] else "", None
    other = next((finding for finding in run if finding.code == "language"), None)
    if other is not None and len(codes) == 1:
        return "wrong_language", _in_which_language(other.evidence, times), None
    if codes == {"repeat"} and (number := run[0].evidence.get("first")):
        first = Comment.objects.filter(pk=number, author=one.comment.author).select_related("discussion").first()
        if first is not None:
            facts = {"when": when(first.created_at), "status": str(Status(first.status).label)}
            said = (
                _("You sent the same text at %(when)s already (%(status)s), so this one waits for an editor.") % facts
            )
            return "repeat", said, first
    return ("held_link" if codes == {"links"} else "held"), "", None


def _in_which_language(evidence: Any, times: dict[str, str]) -> str:
    said = evidence if isinstance(evidence, dict) else {}
    taken, accepted = said.get("language"), said.get("accepted")
    if not isinstance(taken, str) or not isinstance(accepted, list):
        return ""
    facts = times | {
        "taken": _language(taken),
        "accepted": get_text_list([_language(str(code)) for code in accepted], _("or")),
    }
    told = _("Comments here are read in %(accepted)s. We took yours of %(written)s for %(taken)s, so it waits.")
    return told % facts


def _language(code: str) -> str:
    """Return the name of a language, in the reader's own; the code itself where nobody has given it one."""
    try:
        return str(get_language_info(code)["name_translated"])
    except KeyError:
        return code


OURS = screening.FAILED | {"sanitizer_failed", "screening_failed"}
"""Codes of what failed on our side: whoever waits for these alone has done nothing."""


def _span(words: str, evidence: Any) -> str:
    """Return the words a rule is about, for their author alone."""
    spans = evidence.get("spans") if isinstance(evidence, dict) else None
    for span in spans or []:
        if isinstance(span, list | tuple) and len(span) == 2 and 0 <= span[0] < span[1] <= len(words):
            return " ".join(words[span[0] : span[1]].split())[:80]
    return ""


_STEPS = (1, 4, 10, 25, 50, 100, 250, 500, 1000)


def _queue(one: Mine) -> list[str]:
    """Say how many texts wait before this one, as a range, and how long the same queue took in these hours lately."""
    before = Revision.objects.filter(status=Status.HELD, created_at__lt=one.revision.created_at)
    ahead = before[: _STEPS[-1]].count() if one.revision.pk else 0
    if not ahead:
        place = _("None is before it.")
    elif ahead < _STEPS[1]:
        place = _("Between 1 and 3 are before it.")
    elif ahead >= _STEPS[-1]:
        place = _("More than a thousand are before it.")
    else:
        at = bisect_right(_STEPS, ahead)
        place = _("Between %(low)d and %(high)d are before it.") % {"low": _STEPS[at - 1], "high": _STEPS[at] - 1}
    usual = personal.usual_wait()
    if usual is None:
        return [place]
    if timezone.now() - one.since > timedelta(minutes=usual[1]):
        return [place, _("It has waited longer than is usual at this hour.")]
    return [place, _("At this hour that usually takes %(range)s.") % {"range": span_of_time(*usual)}]


def span_of_time(low: float, high: float) -> str:
    """Return "5 to 20 minutes" or "1 to 3 hours", rounded outwards."""
    low, high = personal.outwards(low, high)
    if high <= 90:
        return _("%(low)d to %(high)d minutes") % {"low": low, "high": high}
    return _("%(low)d to %(high)d hours") % {"low": max(1, low // 60), "high": high // 60}


# --- The browser ------------------------------------------------------------------------------------------------------


def _about_the_browser(discussion: Discussion | None, seen: Seen) -> Iterator[Answer]:
    if seen.code == "section_missing" and discussion is not None:
        plain = f"{reverse('comments:section')}?{urlencode({'key': discussion.key})}"
        yield Answer(
            "section_missing",
            "plain",
            ngettext(
                "The comments are part of the page we sent you (%(count)d comment).",
                "The comments are part of the page we sent you (%(count)d comments).",
                discussion.published_count,
            )
            % {"count": discussion.published_count},
            _("If you do not see them, something between us and your screen hides them; most often a content blocker."),
            _("Show the comments as plain text"),
            plain,
            kind="cannot_see",
            rank=40,
        )
    name = seen.browser.partition(" on ")[0]
    family, _space, version = name.rpartition(" ")
    if version.isdecimal() and int(version) < _OLD.get(family, 0):
        yield Answer(
            "old_browser",
            "plain",
            _("Part of this page does not run in your browser (%(browser)s).") % {"browser": name},
            _("You can read, write and report without it: everything here is a plain page as well."),
            _("Open the article"),
            _place(discussion),
            kind="layout",
            rank=41,
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
            _("Tell us"),
            "#tell",
            kind="vanished",
            rank=48,
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
