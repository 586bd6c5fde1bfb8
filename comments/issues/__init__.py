"""
"Please let us know if you're having issues with commenting.": the verbs.

A reader reports what does not work and gets a receipt; the newsroom answers on it and by mail; the reader says whether
that helped. Whoever knows a report's token may read it and add to it: the token is the only key. What is true for a
reader before they report anything stands in :mod:`comments.issues.diagnosis`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from comments import conf, ratelimit, signals
from comments.exceptions import Refused
from comments.issues import grouping, mail
from comments.issues.diagnosis import Answer, diagnose
from comments.models import Comment, Commenter, Discussion, IssueMessage, IssueReport
from comments.models.issues import new_seed, receipt_digest, receipt_token

__all__ = [
    "CONTEXT",
    "Answer",
    "add_message",
    "answer",
    "close",
    "comment_seen_by",
    "correct_email",
    "diagnose",
    "email_looks_wrong",
    "get",
    "reopen",
    "report",
    "solve",
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
    context: Mapping[str, Any] | None = None,
    trap: str = "",
    request_id: str = "",
) -> IssueReport:
    """
    Save what a reader tells us, with its first message, in one transaction.

    ``email`` is kept as typed, whatever it is. ``context`` is cut to what :data:`CONTEXT` names. Anything in ``trap``
    gives the sender away as doubtful: the report sorts last and is never lost. Raise ``Refused`` for an unknown kind, a
    text that is empty or too long, or too many from one network in an hour.
    """
    if kind not in IssueReport.Kind.values:
        raise Refused("unknown_kind", _("Choose what happened, or “Something else”."))
    words = _words(text)
    _require_not_too_many("issue", network_key)
    with transaction.atomic():
        if (before := grouping.earlier(reporter, "", discussion)) is not None:
            add_message(before, words)
            return before
        seed = new_seed()
        saved = IssueReport.objects.create(
            seed=seed,
            digest=receipt_digest(receipt_token(seed)),
            kind=kind,
            email=_address(email),
            discussion=discussion,
            comment=comment,
            reporter=reporter,
            network_key=network_key,
            context=_facts(context or {}),
            is_suspicious=bool(trap.strip()),
            request_id=request_id[:36],
        )
        IssueMessage.objects.create(report=saved, sender=IssueMessage.Sender.READER, written_by=reporter, text=words)
        number = saved.pk
        transaction.on_commit(lambda: _tell(number), robust=True)
    return saved


def _tell(number: int) -> None:
    signals.issue_reported.send_robust(sender=IssueReport, report_id=number)


def get(token: str) -> IssueReport:
    """Return the report whose private link carries ``token``, or raise ``Refused`` (404)."""
    found = None
    if re.fullmatch(r"[A-Za-z0-9_-]{43}", token):
        found = IssueReport.objects.select_related("discussion").filter(digest=receipt_digest(token)).first()
    if found is None:
        raise Refused("unknown_report", _("There is no report at this address."), status=404)
    return found


def add_message(report: IssueReport, text: str, *, network_key: str = "") -> IssueMessage:
    """Add the reader's ``text``. A report that was answered, solved or closed is open again: nobody overlooks it."""
    words = _words(text)
    _require_not_too_many("issue_message", network_key)
    with transaction.atomic():
        locked = _lock(report)
        if locked.messages.count() >= MOST_MESSAGES:
            raise Refused("report_full", _("This report is full. Please send a new one."), status=409)
        message = IssueMessage.objects.create(report=locked, sender=IssueMessage.Sender.READER, text=words)
        _turn(locked, IssueReport.State.OPEN)
    return message


def solve(report: IssueReport) -> IssueReport:
    """Note that the reader has no trouble any more. Twice is once."""
    return _moved(report, IssueReport.State.SOLVED, _("Marked as solved by the reader."))


def reopen(report: IssueReport) -> IssueReport:
    """Note that it is still wrong. Twice is once."""
    return _moved(report, IssueReport.State.OPEN, _("Open again: the reader says that it is still wrong."))


def correct_email(report: IssueReport, email: str) -> IssueReport:
    """Put another address in place of the one that was typed."""
    with transaction.atomic():
        locked = _lock(report)
        locked.email = _address(email)
        locked.save(update_fields=["email"])
    return locked


def email_looks_wrong(report: IssueReport) -> bool:
    """Say whether an address was given that no mail can reach."""
    return bool(report.email) and not mail.is_reachable(report.email)


def comment_seen_by(person: Commenter | None, comment_id: int) -> Comment | None:
    """Return the comment a report by ``person`` may be about: a public one, or one of their own."""
    seen = Q(is_shown=True) | Q(author=person) if person else Q(is_shown=True)
    return Comment.objects.filter(seen, pk=comment_id).select_related("author", "discussion").first()


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
    locked.state = state
    locked.closed_at = timezone.now() if ended else None
    locked.save(update_fields=["state", "closed_at"])


def _moved(report: IssueReport, state: IssueReport.State, note: str, editor: Commenter | None = None) -> IssueReport:
    with transaction.atomic():
        locked = _lock(report)
        if locked.state != state:
            _turn(locked, state)
            if locked.messages.count() < MOST_MESSAGES:
                IssueMessage.objects.create(
                    report=locked, sender=IssueMessage.Sender.SYSTEM, written_by=editor, text=note
                )
    return locked


def _require_not_too_many(action: str, network_key: str) -> None:
    if network_key:
        ratelimit.require_not_too_many(action, network_key, limit=conf.get().issues_per_hour, seconds=3600)


def _words(raw: str) -> str:
    """Return ``raw`` without what no database can take; raise ``Refused`` when nothing is left, or too much."""
    words = _controls.sub("", raw.replace("\r\n", "\n").replace("\r", "\n")).strip()
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


def _address(raw: str) -> str:
    return _any_controls.sub("", raw).strip()[:254]


def _facts(given: Mapping[str, Any]) -> dict[str, str]:
    facts = {
        name: _any_controls.sub(" ", value).strip()[:LONGEST_FACT]
        for name in CONTEXT
        if isinstance(value := given.get(name), str)
    }
    return {name: value for name, value in facts.items() if value}
