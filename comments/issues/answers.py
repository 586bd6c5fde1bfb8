"""
What the issue desk does: answer, ask, assign, merge, split, label, close; to one reader or to all of a group.

Each verb asks for the permission ``answer_issues`` itself, locks what it changes and writes down who did it. Readers
are answered on their receipt and by one mail; what the desk does among itself they never hear of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from comments import access, audit
from comments.exceptions import Refused
from comments.issues import MOST_MESSAGES, _lock, _turn, _words, grouping, mail
from comments.models import AnswerTemplate, Commenter, IssueGroup, IssueMessage, IssueNote, IssueReport

State = IssueReport.State
OPEN = (State.OPEN, State.ANSWERED)
LONGEST_NAME = 80
MOST_AT_ONCE = 10_000
_hole = re.compile(r"\{[^{}\n]{0,60}\}")
_code = re.compile(r"[a-z][a-z0-9_]{0,39}")

REASONS = {
    "no_answer_needed": gettext_lazy("It needed no answer."),
    "will_not_change": gettext_lazy("We will not change this."),
    "is_decision": gettext_lazy("It is about a decision; another editor can look at it again."),
    "cannot_find": gettext_lazy("We could not find out what it was."),
    "spam": gettext_lazy("It was no report about commenting."),
}
"""Why a report is closed without being solved; its reader is told."""

HOLES = {
    "number": gettext_lazy("number of the report"),
    "article": gettext_lazy("article it is about"),
    "sent": gettext_lazy("when it was sent"),
    "kind": gettext_lazy("what happened, as the reader chose"),
}
"""Holes that are filled for each reader by themselves. All others are for the editor to fill."""


def may_look(user: Any) -> bool:
    """Say whether ``user`` may read reports: who answers them, and who may look at the desk."""
    return access.may(user, "answer_issues") or access.may_see_desk(user)


def may_act(user: Any) -> bool:
    """Say whether ``user`` may answer, and therefore see who wrote."""
    return access.may(user, "answer_issues")


# --- Answering --------------------------------------------------------------------------------------------------------


def fill(text: str, report: IssueReport) -> str:
    """Return ``text`` with what is known of ``report`` in its holes."""
    facts = {
        "number": report.number,
        "article": str(report.discussion) if report.discussion else "",
        "sent": date_format(timezone.localtime(report.created_at), "SHORT_DATETIME_FORMAT"),
        "kind": str(report.get_kind_display()),
    }
    # One pass: what stands in a title may look like a hole and stays what it is.
    return _hole.sub(lambda found: facts.get(found.group()[1:-1].strip(), "") or found.group(), text)


def holes(text: str) -> list[str]:
    """Return the holes of ``text`` that only an editor can fill, in order."""
    return [hole for hole in _hole.findall(text) if hole[1:-1].strip() not in HOLES]


def _filled(text: str, report: IssueReport) -> str:
    """Return the words for one reader, or raise ``Refused`` while a hole is left."""
    left = holes(text)
    if not left and report.discussion is None and any(hole[1:-1].strip() == "article" for hole in _hole.findall(text)):
        left = ["{article}"]
    if left:
        raise Refused(
            "holes_left",
            _("Nothing was sent: “%(hole)s” still has to be filled in.") % {"hole": left[0]},
            holes=left,
        )
    return _words(fill(text, report))


def answer(
    report: IssueReport, text: str, editor: Commenter, *, asks: bool = False, signed_as: str = ""
) -> IssueMessage:
    """
    Answer on the receipt and, when an address that can be reached was given, by one mail.

    With ``asks`` it is a question, and the report waits for its reader. ``signed_as`` is what the reader sees as who
    answered; without it the comments desk. Raise ``Refused`` (403) for an editor whose role does not allow it, and
    (400) for an empty text, one that is too long, and one with holes.
    """
    access.require_of(editor, "answer_issues")
    with transaction.atomic():
        locked = _locked(report)
        message = _answer(locked, _filled(text, locked), editor, asks=asks, signed_as=signed_as)
        _record(editor, locked, "asked" if asks else "answered")
    return message


def _answer(
    locked: IssueReport, words: str, editor: Commenter, *, asks: bool = False, signed_as: str = ""
) -> IssueMessage:
    if locked.messages.count() >= MOST_MESSAGES:
        raise Refused("report_full", _("No more fits on this report."), status=409)
    message = IssueMessage.objects.create(
        report=locked,
        sender=IssueMessage.Sender.NEWSROOM,
        written_by=editor,
        signed_as=" ".join(signed_as.split())[:LONGEST_NAME],
        text=words,
        asks=asks,
    )
    locked.answered_at = message.created_at
    locked.save(update_fields=["answered_at"])
    _turn(locked, State.ANSWERED)
    mail.write(message, "question" if asks else "answered")
    return message


def answer_all(
    reports: Sequence[IssueReport], text: str, editor: Commenter, *, asks: bool = False, signed_as: str = ""
) -> int:
    """
    Answer each of ``reports`` that is open, with its own facts in the holes; return how many were told.

    All or nobody: with a hole left for one, nothing is sent to any.
    """
    access.require_of(editor, "answer_issues")
    with transaction.atomic():
        waiting = [one for one in _several(reports) if one.state in OPEN]
        if not waiting:
            raise Refused("nobody_waits", _("None of these waits for an answer."), status=409)
        words = [_filled(text, one) for one in waiting]
        for one, said in zip(waiting, words, strict=True):
            _answer(one, said, editor, asks=asks, signed_as=signed_as)
        _record_many(editor, waiting, "answered_all")
    return len(waiting)


def _several(reports: Sequence[IssueReport]) -> list[IssueReport]:
    ids = sorted({one.pk for one in reports})[:MOST_AT_ONCE]
    return list(
        IssueReport.objects.select_for_update(of=("self",))
        .select_related("discussion")
        .filter(pk__in=ids)
        .order_by("pk")
    )


def _locked(report: IssueReport) -> IssueReport:
    locked = _lock(report)
    if locked.emptied_at is not None:
        raise Refused("report_over", _("Its reader has deleted this report, or its time is over."), status=409)
    return locked


# --- States -----------------------------------------------------------------------------------------------------------


def close(report: IssueReport, editor: Commenter, *, reason: str = "", words: str = "") -> IssueReport:
    """
    Close ``report``: its reader reads why, and may open it again. Twice is once.

    ``reason`` is one of :data:`REASONS`, ``words`` a sentence for the reader beside it.
    """
    if reason and reason not in REASONS:
        raise Refused("unknown_reason", _("Choose why it is closed."))
    said = [str(REASONS[reason])] if reason else []
    said += [_words(words)] if words.strip() else []
    return _move(report, State.CLOSED, " ".join([_("Closed by the newsroom."), *said]), editor, "closed")


def solve(report: IssueReport, editor: Commenter, words: str = "") -> IssueReport:
    """Say that we think it is solved, and by what. Its reader says whether that is so."""
    said = [_words(words)] if words.strip() else []
    return _move(report, State.SOLVED, " ".join([_("We think this is solved."), *said]), editor, "solved")


def close_all(reports: Sequence[IssueReport], editor: Commenter, *, reason: str = "", words: str = "") -> int:
    """Close those of ``reports`` that are not closed, or none of them; return how many."""
    left = [one for one in reports if one.state != State.CLOSED]
    return each(left, lambda one: close(one, editor, reason=reason, words=words))


def solve_all(reports: Sequence[IssueReport], editor: Commenter, words: str = "") -> int:
    """Say of those of ``reports`` that wait for anybody that we think they are solved, or of none; return how many."""
    return each([one for one in reports if one.state in OPEN], lambda one: solve(one, editor, words))


def reopen(report: IssueReport, editor: Commenter) -> IssueReport:
    """Open ``report`` again, for the desk."""
    access.require_of(editor, "answer_issues")
    with transaction.atomic():
        locked = _locked(report)
        if locked.state != State.OPEN:
            _turn(locked, State.OPEN)
            IssueReport.objects.filter(pk=locked.pk).update(reopened_at=timezone.now())
            _record(editor, locked, "reopened")
    return locked


def _move(report: IssueReport, state: State, words: str, editor: Commenter, did: str) -> IssueReport:
    access.require_of(editor, "answer_issues")
    with transaction.atomic():
        locked = _locked(report)
        if locked.state != state:
            _turn(locked, state)
            if locked.messages.count() < MOST_MESSAGES:
                message = IssueMessage.objects.create(
                    report=locked, sender=IssueMessage.Sender.SYSTEM, written_by=editor, text=words[:2000]
                )
                mail.write(message, did)
            _record(editor, locked, did)
    return locked


def each(reports: Sequence[IssueReport], verb: Callable[[IssueReport], Any]) -> int:
    """Do ``verb`` to each of ``reports`` or, when one is refused, to none; return how many."""
    with transaction.atomic():
        for one in reports:
            verb(one)
    return len(reports)


# --- Among editors ----------------------------------------------------------------------------------------------------


def note(report: IssueReport, text: str, editor: Commenter) -> IssueNote:
    """Write down something for the desk. Readers never see it."""
    access.require_of(editor, "answer_issues")
    with transaction.atomic():
        locked = _locked(report)
        made = IssueNote.objects.create(report=locked, text=_words(text), made_by=editor)
        _record(editor, locked, "noted")
    return made


def assign(
    reports: Sequence[IssueReport], to: Commenter | None, editor: Commenter, group: IssueGroup | None = None
) -> None:
    """Say who sees to ``reports``, and to ``group``; ``None``: nobody yet."""
    access.require_of(editor, "answer_issues")
    if to is not None and not may_act(to.user):
        raise Refused("cannot_answer", _("%(name)s may not answer reports.") % {"name": to.name})
    with transaction.atomic():
        rows = _several(reports)
        IssueReport.objects.filter(pk__in=[one.pk for one in rows]).update(assigned_to=to)
        if group is not None:
            IssueGroup.objects.filter(pk=group.pk).update(assigned_to=to)
        _record_many(editor, rows, "assigned", {"to": to.name if to else ""})


def label(reports: Sequence[IssueReport], cause: str, editor: Commenter) -> None:
    """Say what it was: a code, by which numbers are counted and answers are offered."""
    access.require_of(editor, "answer_issues")
    cause = cause.strip()
    if cause and not _code.fullmatch(cause):
        raise Refused("bad_cause", _("A cause is a short code like “server_error”: small letters, digits and _."))
    with transaction.atomic():
        rows = _several(reports)
        IssueReport.objects.filter(pk__in=[one.pk for one in rows]).update(cause=cause)
        _record_many(editor, rows, "labelled", {"cause": cause})


def merge(reports: Sequence[IssueReport], into: IssueReport | IssueGroup, editor: Commenter) -> IssueGroup:
    """
    Make one group of ``reports`` and of ``into``, with all that the groups they are in hold.

    Raise ``Refused`` (400) for causes that concern one reader alone: each of them needs an own answer.
    """
    access.require_of(editor, "answer_issues")
    with transaction.atomic():
        grouping._one_at_a_time()
        rows = _several(reports)
        if isinstance(into, IssueReport):
            [target] = _several([into])
            group, rows = target.group, [*rows, target]
        else:
            group = IssueGroup.objects.select_for_update().filter(pk=into.pk).first()
            if group is None:
                raise Refused("unknown_group", _("This group is not there any more."), status=404)
        if any(grouping.facts_of(one).is_personal for one in rows):
            raise Refused(
                "personal",
                _("A held comment or a sanction concerns one reader: answer it by itself, or a stack at once."),
            )
        if group is None:
            group = IssueGroup.objects.create()
        old = {one.group_id for one in rows if one.group_id} - {group.pk}
        IssueReport.objects.filter(pk__in=[one.pk for one in rows]).update(group=group)
        IssueReport.objects.filter(group__in=old).update(group=group)
        IssueGroup.objects.filter(pk__in=old).delete()
        grouping.refresh(group)
        _record_many(editor, rows, "merged", {"group": group.pk})
    return group


def split(reports: Sequence[IssueReport], editor: Commenter) -> int:
    """Take ``reports`` out of their groups, and remember that they do not belong there; return of how many."""
    access.require_of(editor, "answer_issues")
    with transaction.atomic():
        grouping._one_at_a_time()
        rows = [one for one in _several(reports) if one.group_id]
        for group_id in {one.group_id for one in rows if one.group_id}:
            out = [one for one in rows if one.group_id == group_id]
            rest = list(
                IssueReport.objects.filter(group=group_id)
                .exclude(pk__in=[one.pk for one in out])
                .order_by("-pk")[: grouping.MOST_SPLIT]
            )
            grouping.split(out, rest)
            IssueReport.objects.filter(pk__in=[one.pk for one in out]).update(group=None)
            if len(rest) < 2:
                # One report is no group.
                IssueReport.objects.filter(group=group_id).update(group=None)
                IssueGroup.objects.filter(pk=group_id).delete()
            else:
                grouping.refresh(IssueGroup.objects.get(pk=group_id))
        _record_many(editor, rows, "split")
    return len(rows)


def rename(group: IssueGroup, title: str, editor: Commenter) -> None:
    """Give ``group`` a name of the editor's; an empty one leaves naming to what its reports have in common."""
    access.require_of(editor, "answer_issues")
    words = " ".join(title.replace("\x00", "").split())[:200]
    with transaction.atomic():
        locked = IssueGroup.objects.select_for_update().get(pk=group.pk)
        locked.title, locked.made_by = words, editor if words else None
        locked.save(update_fields=["title", "made_by"])
        if not words:
            grouping.refresh(locked)
        audit.record(
            "issue_group", locked.title or str(locked.pk), object_id=locked.pk, after="renamed", made_by=editor
        )


def _record(editor: Commenter, report: IssueReport, did: str) -> None:
    audit.record("issue", report.number, object_id=report.pk, after={"did": did}, made_by=editor)


def _record_many(
    editor: Commenter, reports: Sequence[IssueReport], did: str, more: dict[str, Any] | None = None
) -> None:
    if not reports:
        return
    subject = reports[0].number
    if len(reports) > 1:
        subject = ngettext("%(first)s and %(count)d more", "%(first)s and %(count)d more", len(reports) - 1) % {
            "first": subject,
            "count": len(reports) - 1,
        }
    after = {"did": did, "reports": [one.pk for one in reports[:50]], "count": len(reports)} | (more or {})
    audit.record("issue", subject, object_id=reports[0].pk, after=after, made_by=editor)


# --- Templates --------------------------------------------------------------------------------------------------------


def templates_for(report: IssueReport | None = None) -> list[AnswerTemplate]:
    """Return the templates in use: first those for the cause of ``report``, then those in its language."""
    rows = list(AnswerTemplate.objects.filter(is_active=True))
    if report is None:
        return rows
    causes = {report.cause, report.code, report.found} - {""}
    language = report.language.partition("-")[0]

    def place(one: AnswerTemplate) -> tuple[bool, bool]:
        return one.cause not in causes, bool(one.language) and one.language.partition("-")[0] != language

    return sorted(rows, key=place)


def save_template(
    editor: Commenter,
    *,
    name: str,
    text: str,
    cause: str = "",
    language: str = "",
    is_active: bool = True,
    template: AnswerTemplate | None = None,
) -> AnswerTemplate:
    """Write a new template, or change ``template``."""
    access.require_of(editor, "answer_issues")
    called = " ".join(name.replace("\x00", "").split())[:LONGEST_NAME]
    if not called:
        raise Refused("name_needed", _("Give the template a name."))
    if cause and not _code.fullmatch(cause):
        raise Refused("bad_cause", _("A cause is a short code like “server_error”: small letters, digits and _."))
    if language and not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?", language):
        raise Refused("bad_language", _("A language is written like “de” or “pt-BR”."))
    row = template or AnswerTemplate()
    before = {"name": row.name, "text": row.text} if template else None
    row.name, row.text, row.cause, row.language, row.is_active = called, _words(text), cause, language, is_active
    row.changed_by = editor
    try:
        with transaction.atomic():
            row.save()
            after = {"name": row.name, "text": row.text, "is_active": is_active}
            audit.record("answer_template", row.name, object_id=row.pk, before=before, after=after, made_by=editor)
    except IntegrityError:
        raise Refused("name_taken", _("There is a template of this name already."), status=409) from None
    return row
