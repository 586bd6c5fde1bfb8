"""
"Please let us know if you're having issues with commenting.": the verbs.

A reader reports what does not work and gets a receipt; the newsroom answers on it and by mail; the reader says whether
that helped. Whoever knows a report's token may read it and add to it: the token is the only key. What is true for a
reader before they report anything stands in :mod:`comments.issues.answers_first`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from zlib import crc32

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from comments import conf, http, proof, ratelimit, signals, thresholds
from comments.exceptions import Refused
from comments.issues import answers_first, failures, grouping, mail, pictures
from comments.issues.answers_first import Answer, Seen, diagnosis
from comments.models import (
    Comment,
    Commenter,
    DiagnosisCount,
    Discussion,
    Failure,
    IssueMessage,
    IssuePicture,
    IssueReport,
)
from comments.models.issues import new_seed, receipt_digest, receipt_token

diagnose = diagnosis
"""The same, under its older name."""

__all__ = [
    "CONTEXT",
    "Answer",
    "Seen",
    "add_message",
    "answer",
    "asks_for_a_sum",
    "busy",
    "close",
    "comment_seen_by",
    "correct_email",
    "delete",
    "diagnose",
    "diagnosis",
    "email_looks_wrong",
    "get",
    "reopen",
    "report",
    "settled",
    "shown",
    "solve",
    "unsaved",
]

CONTEXT = {
    "article": gettext_lazy("Article"),
    "comment": gettext_lazy("Comment"),
    "account": gettext_lazy("Account"),
    "last_refusal": gettext_lazy("Last refusal"),
    "browser": gettext_lazy("Browser"),
    "window": gettext_lazy("Window"),
    "language": gettext_lazy("Language"),
    "errors_on_the_page": gettext_lazy("Errors on the page"),
}
"""What may go along with a report, in the order in which it is shown. Anything else is dropped."""

LONGEST = 2_000
LONGEST_FACT = 500
MOST_MESSAGES = 200
MOST_PICTURES = 10
WRONG_TOKENS = 20

_controls = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_any_controls = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


# --- By the reader ----------------------------------------------------------------------------------------------------


def report(
    kind: str,
    text: str,
    *,
    email: str = "",
    discussion: Discussion | None = None,
    comment: Comment | None = None,
    reporter: Commenter | None = None,
    network_key: str = "",
    browser_key: str = "",
    context: Mapping[str, Any] | None = None,
    trap: str = "",
    hurried: bool = False,
    sum_done: str = "",
    request_id: str = "",
    code: str = "",
    client_error: str = "",
    browser: str = "",
    system: str = "",
    surface: str = IssueReport.Surface.PAGE,
    elsewhere: str = "",
    language: str = "",
    found: str = "",
    tell_when_over: bool = False,
    sender: Commenter | None = None,
    knows_failures: bool = True,
    picture: pictures.Picture | None = None,
) -> IssueReport:
    """
    Save what a reader tells us, with its first message, in one transaction.

    A kind or a few words are enough. ``email`` is kept as typed, whatever it is. ``context`` is cut to what
    :data:`CONTEXT` names. Anything in ``trap``, haste, and anonymous reports by the dozen without ``sum_done`` (see
    :mod:`comments.proof`) give the sender away as doubtful: the report sorts last and is never lost. With
    ``request_id`` and the last failures of the same reader the report is tied to what they met, unless they would
    rather not (``knows_failures``).

    ``sender`` is who sends it, for the limits, where they left their account out. Beyond ``ISSUES_STORED_PER_HOUR`` and
    ``_PER_DAY`` of one reader, and ``ISSUES_PER_HOUR`` of one network, a further report is counted on the last one,
    which is returned with ``counted``: "account" for one of the same account's, "mark" for one that may be somebody
    else's, who uses the same browser or network.

    Raise ``Refused`` for an unknown kind, and for a text that is too long or, without a kind, empty.
    """
    if kind and kind not in IssueReport.Kind.values:
        raise Refused("unknown_kind", _("Choose what happened, or “Something else”."))
    said = _words(text, otherwise=str(IssueReport.Kind(kind).label) if kind else "")
    who = sender or reporter
    with transaction.atomic():
        _one_after_another(who, browser_key, network_key)
        if before := _one_too_many(who, browser_key, network_key):
            return before
        if before := _same_again(who, discussion, said, picture):
            return before
        failure = _failure(request_id, who, browser_key) if knows_failures else None
        incident = next(iter(thresholds.in_force().incidents), None) if tell_when_over else None
        seed = new_seed()
        saved = IssueReport.objects.create(
            seed=seed,
            digest=receipt_digest(receipt_token(seed)),
            kind=kind or IssueReport.Kind.OTHER,
            email=_address(email),
            discussion=discussion,
            comment=comment,
            reporter=reporter,
            network_key=network_key,
            browser_key=browser_key,
            context=_facts(context or {}),
            is_urgent=bool({code, found} & answers_first.URGENT),
            is_suspicious=bool(trap.strip()) or hurried or (asks_for_a_sum(who) and not _is_paid(sum_done)),
            request_id=(request_id or (failure.request_id if failure else "") or http.request_id())[:36],
            code=(failure.code if failure else _line(code, 40)),
            failure=failure,
            fingerprint=failures.fingerprint(failure) if failure else "",
            client_error=_line(client_error, 200),
            browser=_line(browser, 40),
            system=_line(system, 20),
            surface=surface if surface in IssueReport.Surface.values else IssueReport.Surface.PAGE,
            elsewhere=elsewhere if elsewhere in IssueReport.Elsewhere.values else "",
            release=conf.get().release[:40],
            language=_line(language, 12),
            found=found if found in answers_first.CODES else "",
            incident=incident,
            tell_when_over=tell_when_over,
        )
        first = IssueMessage.objects.create(
            report=saved, sender=IssueMessage.Sender.READER, written_by=reporter, text=said
        )
        if picture:
            pictures.keep(first, picture)
        number = saved.pk
        transaction.on_commit(lambda: _tell(number), robust=True)
    if saved.found:
        answers_first.count(saved.found, DiagnosisCount.Outcome.SENT)
    return saved


def _tell(number: int) -> None:
    signals.issue_reported.send_robust(sender=IssueReport, report_id=number)


def _same_again(
    person: Commenter | None, discussion: Discussion | None, said: str, picture: pictures.Picture | None
) -> IssueReport | None:
    """
    Put what one account says again about one discussion within a day with its first report, and return that.

    By account alone: whoever shares a browser or a network is never led to what another wrote.
    """
    before = grouping.earlier(person, discussion)
    if before is None:
        return None
    try:
        with transaction.atomic():
            add_message(before, said, picture=picture)
    except Refused:
        # It is full, or was closed in this moment: nothing is lost.
        return None
    return before


def _one_after_another(person: Commenter | None, browser_key: str, network_key: str) -> None:
    """
    Let the reports of one reader, one browser and one network pass singly, so that no two at once fit into one place.

    Until the end of the transaction, and always in one order, so that nobody waits for each other. SQLite writes one
    after another in any case.
    """
    if connection.vendor != "postgresql":
        return
    names = [f"a{person.pk}" if person else "", f"b{browser_key}" if browser_key else "", f"n{network_key}"]
    places = sorted({crc32(name.encode()) - 2**31 for name in names if len(name) > 1})
    with connection.cursor() as db:
        for place in places:
            db.execute("SELECT pg_advisory_xact_lock(%s, %s)", [grouping.LOCK, place])


def _one_too_many(person: Commenter | None, browser_key: str, network_key: str) -> IssueReport | None:
    """Count a report that is not stored on the last one that was, and return that; ``None``: store it."""
    settings = conf.get()
    now = timezone.now()
    reports = IssueReport.objects.filter(created_at__gt=now - timedelta(days=1)).order_by("-id")
    last = None
    if person is not None and person.pk:
        last = _full(reports.filter(reporter=person), settings, now)
    if last is None and browser_key:
        last = _full(reports.filter(browser_key=browser_key), settings, now)
    if last is None and network_key and not browser_key and person is None:
        # Whoever has neither an account nor our mark: all of them in a network together.
        last = _full(reports.filter(network_key=network_key, browser_key="", reporter=None), settings, now)
    if last is None and person is None and network_key and settings.issues_per_hour:
        # A flood by others costs nobody with an account their words.
        recent = reports.filter(network_key=network_key, created_at__gt=now - timedelta(hours=1))
        if recent[: settings.issues_per_hour].count() >= settings.issues_per_hour:
            last = recent.first()
    if last is None:
        return None
    IssueReport.objects.filter(pk=last.pk).update(further_count=F("further_count") + 1)
    last.counted = "account" if person is not None and last.reporter_id == person.pk else "mark"
    return last


def _full(reports: QuerySet[IssueReport], settings: conf.Settings, now: Any) -> IssueReport | None:
    most = settings.issues_stored_per_day or settings.issues_stored_per_hour
    if not most:
        return None
    latest = list(reports[: max(most, settings.issues_stored_per_hour)])
    in_hour = sum(one.created_at > now - timedelta(hours=1) for one in latest)
    full = (settings.issues_stored_per_hour and in_hour >= settings.issues_stored_per_hour) or (
        settings.issues_stored_per_day and len(latest) >= settings.issues_stored_per_day
    )
    return latest[0] if full else None


def _failure(request_id: str, person: Commenter | None, browser_key: str) -> Failure | None:
    """Return what the report is about: the request it names, if that was this reader's, or what they met last."""
    lately = failures.of(person, browser_key, minutes=24 * 60, most=20)
    named = next((met for met in lately if request_id and met.request_id == request_id), None)
    if named is None and request_id:
        # A refusal of somebody who had no mark yet, and who says its number: 32 characters that nobody guesses.
        found = failures.by_request(request_id)
        named = found if found and (found.person_id is None or (person and found.person_id == person.pk)) else None
    if named is not None or request_id:
        return named
    recent = timezone.now() - answers_first.LATELY
    return next((met for met in lately if met.created_at > recent), None)


def busy() -> bool:
    """Say whether so many anonymous reports came in the last ten minutes that proof of work should be asked for."""
    most = conf.get().issues_busy_per_ten_minutes
    if not most:
        return False
    lately = IssueReport.objects.filter(created_at__gt=timezone.now() - timedelta(minutes=10), reporter=None)
    return lately[: most + 1].count() > most


def asks_for_a_sum(person: Commenter | None) -> bool:
    """Say whether a report by ``person`` sorts last without a sum: so it is for people unknown, while it is busy."""
    return person is None and busy()


def _is_paid(sum_done: str) -> bool:
    """Spend ``sum_done``; say whether it was right and never spent before. Call in the report's transaction."""
    if not sum_done:
        return False
    try:
        proof.spend(proof.checked(sum_done))
    except Refused:
        return False
    return True


def shown(code: str) -> bool:
    """Count that an answer was shown first; return whether anything can be saved at the moment."""
    return answers_first.count(code, DiagnosisCount.Outcome.SHOWN)


def unsaved(answers: list[Answer], body: str = "") -> list[Answer]:
    """Return ``answers`` when nothing can be saved: that comes before what is less binding, with a prepared mail."""
    answer = answers_first.read_only(conf.get().contact_email, _("Trouble with commenting"), body)
    known = [one for one in answers if one.code not in ("cannot_look", "read_only", "nothing_found")]
    return answers_first.ordered([answer, *known])


def settled(code: str, *, network_key: str = "") -> None:
    """Count that an answer settled it, and nothing was reported. Twenty an hour from one network, the rest is not."""
    if code not in answers_first.CODES:
        raise Refused("unknown_answer", _("There is no such answer."))
    try:
        ratelimit.require_not_too_many("issue_settled", network_key, limit=20, seconds=3600)
    except Refused:
        return
    answers_first.count(code, DiagnosisCount.Outcome.SETTLED)


def get(token: str, *, network_key: str = "") -> IssueReport:
    """
    Return the report whose private link carries ``token``, or raise ``Refused`` (404).

    A network that has named twenty wrong ones within an hour is told to wait (429) for any further.
    """
    found = None
    if re.fullmatch(r"[A-Za-z0-9_-]{43}", token):
        found = IssueReport.objects.select_related("discussion").filter(digest=receipt_digest(token)).first()
    if found is None:
        if network_key:
            ratelimit.require_not_too_many("issue_token", network_key, limit=WRONG_TOKENS, seconds=3600)
        raise Refused("unknown_report", _("There is no report at this address."), status=404)
    return found


def add_message(
    report: IssueReport, text: str, *, network_key: str = "", picture: pictures.Picture | None = None
) -> IssueMessage:
    """Add the reader's ``text``. A report that was answered, solved or closed is open again: nobody overlooks it."""
    words = _words(text, otherwise=_("A picture.") if picture else "")
    _require_not_too_many("issue_message", network_key)
    with transaction.atomic():
        locked = _lock(report)
        _require_not_over(locked)
        if locked.messages.count() >= MOST_MESSAGES:
            raise Refused("report_full", _("This report is full. Please send a new one."), status=409)
        if picture and IssuePicture.objects.filter(message__report=locked).count() >= MOST_PICTURES:
            raise Refused("report_full", _("No more pictures fit on this report. Your words do."), status=409)
        message = IssueMessage.objects.create(report=locked, sender=IssueMessage.Sender.READER, text=words)
        if picture:
            pictures.keep(message, picture)
        _turn(locked, IssueReport.State.OPEN)
    return message


def solve(report: IssueReport) -> IssueReport:
    """Note that the reader has no trouble any more. Twice is once."""
    return _moved(report, IssueReport.State.SOLVED, _("Marked as solved by the reader."))


def reopen(report: IssueReport) -> IssueReport:
    """Note that it is still wrong. Twice is once. Raise ``Refused`` (409) once it has been closed for too long."""
    return _moved(report, IssueReport.State.OPEN, _("Open again: the reader says that it is still wrong."))


def reopens_until(report: IssueReport) -> Any:
    """Return until when a closed ``report`` can be opened again; ``None`` while it is not closed."""
    return report.closed_at + timedelta(days=conf.get().issue_reopen_days) if report.closed_at else None


def correct_email(report: IssueReport, email: str) -> IssueReport:
    """Put another address in place of the one that was typed; an empty one takes it out."""
    with transaction.atomic():
        locked = _lock(report)
        if locked.emptied_at is None:
            locked.email = _address(email)
            locked.save(update_fields=["email"])
    return locked


def delete(report: IssueReport) -> IssueReport:
    """
    Delete what the reader wrote and sent, their address and what ties it to them. Kind, code and times stay.

    Twice is once. There is no way back.
    """
    with transaction.atomic():
        locked = _lock(report)
        locked.empty()
        if locked.closed_at is None:
            _turn(locked, IssueReport.State.CLOSED)
    return locked


def email_looks_wrong(report: IssueReport) -> bool:
    """Say whether an address was given that no mail can reach."""
    return bool(report.email) and not mail.is_reachable(report.email)


def comment_seen_by(person: Commenter | None, comment_id: int) -> Comment | None:
    """Return the comment a report by ``person`` may be about: a public one, or one of their own."""
    seen = Q(is_shown=True) | Q(author=person) if person else Q(is_shown=True)
    return Comment.objects.filter(seen, pk=comment_id).select_related("author", "discussion").first()


# --- By the clock -----------------------------------------------------------------------------------------------------


def close_quiet(limit: int = 500) -> int:
    """Close what was answered ``ISSUE_QUIET_DAYS`` ago and whose reader has said nothing since; return how many."""
    days = conf.get().issue_quiet_days
    if not days:
        return 0
    before = timezone.now() - timedelta(days=days)
    quiet = IssueReport.objects.filter(state=IssueReport.State.ANSWERED, answered_at__lt=before)
    closed = 0
    for pk in quiet.order_by("id").values_list("pk", flat=True)[:limit]:
        with transaction.atomic():
            locked = IssueReport.objects.select_for_update().filter(pk=pk, state=IssueReport.State.ANSWERED).first()
            # Answered again, or the reader has written in between.
            if locked is None or locked.answered_at is None or locked.answered_at >= before:
                continue
            _turn(locked, IssueReport.State.CLOSED)
            _note(locked, _("Closed: we heard nothing more after our answer."))
            closed += 1
    return closed


def forget(limit: int = 1_000) -> int:
    """Delete the addresses and the texts whose time is over; return of how many reports."""
    settings, now = conf.get(), timezone.now()
    addresses = IssueReport.objects.filter(closed_at__lt=now - timedelta(days=settings.issue_email_days))
    rows = list(addresses.exclude(email="").values_list("pk", flat=True)[:limit])
    done = IssueReport.objects.filter(pk__in=rows).update(email="")
    texts = IssueReport.objects.filter(closed_at__lt=now - timedelta(days=settings.issue_text_days), emptied_at=None)
    for pk in texts.order_by("closed_at").values_list("pk", flat=True)[:limit]:
        with transaction.atomic():
            locked = IssueReport.objects.select_for_update().filter(pk=pk, emptied_at=None).first()
            if locked is not None and locked.closed_at is not None:
                locked.empty()
                done += 1
    # Marks of browsers and networks serve the limits of a day.
    marked = IssueReport.objects.filter(created_at__lt=now - timedelta(seconds=http.BROWSER_SECONDS))
    old = list(marked.exclude(network_key="", browser_key="").values_list("pk", flat=True)[:limit])
    return done + IssueReport.objects.filter(pk__in=old).update(network_key="", browser_key="")


# --- By the newsroom --------------------------------------------------------------------------------------------------


def answer(report: IssueReport, text: str, editor: Commenter) -> IssueMessage:
    """
    Answer on the receipt and, when an address that can be reached was given, by mail after the commit.

    Raise ``Refused`` (403) for an editor whose role does not allow it.
    """
    from comments.issues import answers  # which imports this module

    return answers.answer(report, text, editor)


def close(report: IssueReport, editor: Commenter) -> IssueReport:
    """Close ``report``. Its reader still reads it and may open it again. Twice is once."""
    from comments.issues import answers  # which imports this module

    return answers.close(report, editor)


# --- How it is done ---------------------------------------------------------------------------------------------------


def _lock(report: IssueReport) -> IssueReport:
    return IssueReport.objects.select_for_update().get(pk=report.pk)


def _turn(locked: IssueReport, state: IssueReport.State) -> None:
    ended = state in (IssueReport.State.SOLVED, IssueReport.State.CLOSED)
    if state == IssueReport.State.OPEN and locked.state != IssueReport.State.OPEN:
        locked.reopened_at = timezone.now()
    locked.state = state
    locked.closed_at = timezone.now() if ended else None
    locked.save(update_fields=["state", "closed_at", "reopened_at"])


def _require_not_over(locked: IssueReport) -> None:
    """Raise ``Refused`` (409) for a report that was emptied, or closed for too long."""
    until = reopens_until(locked)
    if locked.emptied_at or (until and locked.state == IssueReport.State.CLOSED and until < timezone.now()):
        raise Refused("report_over", _("This report can no longer be opened again. Please send a new one."), status=409)


def _note(locked: IssueReport, words: str, editor: Commenter | None = None) -> None:
    if locked.messages.count() < MOST_MESSAGES:
        IssueMessage.objects.create(report=locked, sender=IssueMessage.Sender.SYSTEM, written_by=editor, text=words)


def _moved(report: IssueReport, state: IssueReport.State, note: str, editor: Commenter | None = None) -> IssueReport:
    with transaction.atomic():
        locked = _lock(report)
        if locked.state != state:
            if state != IssueReport.State.CLOSED:
                _require_not_over(locked)
            _turn(locked, state)
            _note(locked, note, editor)
    return locked


def _require_not_too_many(action: str, network_key: str) -> None:
    if network_key:
        ratelimit.require_not_too_many(action, network_key, limit=conf.get().issues_per_hour, seconds=3600)


def _words(raw: str, *, otherwise: str = "") -> str:
    """Return ``raw`` without what no database can take; raise ``Refused`` when nothing is left, or too much."""
    words = _controls.sub("", raw.replace("\r\n", "\n").replace("\r", "\n")).strip() or otherwise
    if not words:
        raise Refused("empty", _("Tell us what happened. One sentence is enough."))
    if len(words) > LONGEST:
        raise Refused(
            "too_long",
            _(
                "Your text has %(count)d characters; %(most)d fit here. Nothing is lost: make it shorter, and send "
                "the rest on the page that comes next."
            )
            % {"count": len(words), "most": LONGEST},
        )
    return words


def _line(raw: str, most: int) -> str:
    return _any_controls.sub(" ", raw).strip()[:most]


def _address(raw: str) -> str:
    return _any_controls.sub("", raw).strip()[:254]


def _facts(given: Mapping[str, Any]) -> dict[str, str]:
    facts = {
        name: _any_controls.sub(" ", value).strip()[:LONGEST_FACT]
        for name in CONTEXT
        if isinstance(value := given.get(name), str)
    }
    return {name: value for name, value in facts.items() if value}
