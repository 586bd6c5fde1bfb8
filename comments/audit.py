"""
The audit log: decisions, changes of policy, sanctions and the desk's own entries, read as one, newest first.

Each of the four is a table of its own that is never changed; nothing is copied to make them one.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from heapq import merge
from itertools import islice
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from comments.exceptions import Refused
from comments.http import request_id
from comments.models import (
    Appeal,
    AuditEntry,
    Commenter,
    Decider,
    Decision,
    DecisionWords,
    Note,
    PolicyChange,
    Reason,
    Sanction,
    SanctionWords,
)

PAGE = 50
MOST = 200
CHUNK = 1_000
"""Entries read at once while everything is exported."""
MOST_PEOPLE = 200
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
BIGGEST = 2**63 - 1

KINDS: dict[str, str | Promise] = {
    "decision": gettext_lazy("Decision"),
    "screening": gettext_lazy("Decision without an editor"),
    **dict(PolicyChange.Kind.choices),
    "sanction": gettext_lazy("Sanction"),
    "role": gettext_lazy("Role"),
    "appeal": gettext_lazy("Appeal"),
    "bulk": gettext_lazy("Bulk action"),
    "note": gettext_lazy("Note"),
    "assignment": gettext_lazy("Assignment"),
    "person": gettext_lazy("Person"),
    "erasure": gettext_lazy("Erasure"),
    "person_flag": gettext_lazy("Reports about a person"),
    "discussion": gettext_lazy("Discussion"),
    "expert": gettext_lazy("Expert"),
    "reason": gettext_lazy("Reason"),
    "feature": gettext_lazy("Featured"),
    "pin": gettext_lazy("Pinned"),
    "issue": gettext_lazy("Issue report"),
    "issue_group": gettext_lazy("Group of issue reports"),
    "incident": gettext_lazy("Incident"),
    "answer_template": gettext_lazy("Answer template"),
}
"""What an entry can be about. Entries of the desk may have kinds beside these; they are called by their code."""

ABOUT_A_COMMENT = ("assignment", "feature", "pin")
"""Kinds of the desk's own entries whose ``object_id`` is a comment's."""

POLICY = frozenset(PolicyChange.Kind.values)
NAMES = ("when", "kind", "who", "what", "before", "after", "note", "comment", "request_id")
"""Columns of the export."""

_place = re.compile(r"([0-9]{1,16})-([0-9])-([0-9]{1,18})", re.ASCII)
_formula = re.compile(r"[=+\-@\t\r\n]")


def record(
    kind: str,
    subject: str,
    *,
    object_id: int | None = None,
    before: Any = None,
    after: Any = None,
    note: str = "",
    made_by: Commenter | None = None,
) -> AuditEntry:
    """Write down what was done on the desk; call in the transaction of what it tells about."""
    return AuditEntry.objects.create(
        kind=kind,
        subject=subject[:300],
        object_id=object_id,
        before=before,
        after=after,
        note=note[:500],
        made_by=made_by,
        request_id=request_id(),
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for. Everything left out is everything."""

    kind: str = ""
    who: str = ""
    """Part of the name, or the whole sign-in name, of whoever did it."""
    since: date | None = None
    until: date | None = None
    """The last day, by the site's clock."""
    words: str = ""
    comment: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log."""

    source: int
    """Which table: 1 decisions, 2 changes of policy, 3 sanctions, 4 the desk's own entries."""
    pk: int
    at: datetime
    kind: str
    who: str
    """By name; what decides without a person by its own."""
    what: str
    before: Any
    after: Any
    note: str
    comment_id: int | None
    request_id: str

    @property
    def kind_in_words(self) -> str:
        return str(KINDS.get(self.kind) or self.kind.replace("_", " ").capitalize())

    @property
    def before_in_words(self) -> str:
        return in_words(self.before)

    @property
    def after_in_words(self) -> str:
        return in_words(self.after)

    @property
    def place(self) -> str:
        """Where the page after this one begins."""
        return f"{(self.at - EPOCH) // MICROSECOND}-{self.source}-{self.pk}"


def in_words(value: Any) -> str:
    """Return a stored value as editors read it."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return _("on") if value else _("off")
    if isinstance(value, dict):
        return "; ".join(
            f"{str(name).replace('_', ' ')}: {in_words(one) or _('none')}" for name, one in sorted(value.items())
        )
    if isinstance(value, list | tuple):
        return ", ".join(in_words(one) if isinstance(one, dict | list) else str(one) for one in value) or _("none")
    return str(value)


@dataclass(frozen=True, slots=True)
class Page:
    entries: list[Entry]
    next_cursor: str
    """Empty on the last one."""


def page(asked: Asked, cursor: str = "", size: int = PAGE) -> Page:
    """
    Return the page after ``cursor``, newest first: four queries, and four more at most for names and numbers.

    Raise ``Refused`` (400) for a cursor that is none and a kind that there is not.
    """
    found = list(islice(_read(asked, _after(cursor), size + 1), size + 1))
    return Page(found[:size], found[size - 1].place if len(found) > size else "")


def everything(asked: Asked) -> Iterator[Entry]:
    """Return all that is found, however much: each table read in chunks, so that it can be sent while it is read."""
    who = _asked_people(asked)

    def stream(source: int, rows: QuerySet[Any], as_entries: Callable[[list[Any]], list[Entry]]) -> Iterator[Entry]:
        after: _After | None = None
        while part := _rows(source, rows, asked, after, who, CHUNK, as_entries):
            yield from part
            after = _After(part[-1].at, source, part[-1].pk)

    tables = [stream(source, rows, as_entries) for source, (rows, as_entries) in enumerate(_tables(asked), start=1)]
    yield from merge(*tables, key=_order, reverse=True)


class _Line:
    """Takes what ``csv`` writes and gives it back."""

    def write(self, text: str) -> str:
        return text


def as_csv(asked: Asked) -> Iterator[str]:
    """
    Return :func:`everything` as lines of CSV that no spreadsheet takes for formulas.

    Raise ``Refused`` (400) before the first line, not in the middle of them.
    """
    _asked_people(asked)
    return _lines(asked)


def _lines(asked: Asked) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield writer.writerow(NAMES)
    for one in everything(asked):
        yield writer.writerow(
            map(
                harmless,
                (
                    one.at.isoformat(),
                    one.kind,
                    one.who,
                    one.what,
                    _plain(one.before),
                    _plain(one.after),
                    one.note,
                    str(one.comment_id or ""),
                    one.request_id,
                ),
            )
        )


def harmless(cell: str) -> str:
    """Return ``cell`` so that a spreadsheet shows it and does not compute it."""
    return f"'{cell}" if _formula.match(cell) else cell


def _plain(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


# --- The four tables --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _After:
    """Behind which entry a page begins."""

    at: datetime
    source: int
    pk: int


def _after(cursor: str) -> _After | None:
    if not cursor:
        return None
    place = _place.fullmatch(cursor)
    try:
        if place is None:
            raise OverflowError
        return _After(EPOCH + int(place[1]) * MICROSECOND, int(place[2]), int(place[3]))
    except OverflowError:
        said = _("This page link is not valid any more. Start from the first page.")
        raise Refused("bad_cursor", said) from None


def _read(asked: Asked, after: _After | None, size: int) -> Iterator[Entry]:
    who = _asked_people(asked)
    tables = [
        _rows(source, rows, asked, after, who, size, as_entries)
        for source, (rows, as_entries) in enumerate(_tables(asked), start=1)
    ]
    return merge(*tables, key=_order, reverse=True)


def _order(one: Entry) -> tuple[datetime, int, int]:
    return one.at, one.source, one.pk


def _asked_people(asked: Asked) -> list[int] | None:
    """Return who may be meant; ``None`` when nobody is asked for. Raise ``Refused`` for a kind that cannot be."""
    if asked.kind and asked.kind not in KINDS and not re.fullmatch(r"[a-z_-]{1,40}", asked.kind):
        raise Refused("unknown_kind", _("The kinds are: %(kinds)s.") % {"kinds": ", ".join(KINDS)})
    name = asked.who
    if not name:
        return None
    meant = Commenter.objects.filter(Q(name__icontains=name) | Q(user__username__iexact=name))
    return list(meant.order_by("pk").values_list("pk", flat=True)[:MOST_PEOPLE])


def _rows(
    source: int,
    rows: QuerySet[Any],
    asked: Asked,
    after: _After | None,
    who: list[int] | None,
    size: int,
    as_entries: Callable[[list[Any]], list[Entry]],
) -> list[Entry]:
    zone = timezone.get_default_timezone()
    if asked.since:
        rows = rows.filter(created_at__gte=datetime.combine(asked.since, time.min, zone))
    if asked.until:
        rows = rows.filter(created_at__lt=datetime.combine(asked.until, time.min, zone) + timedelta(days=1))
    if who is not None:
        rows = rows.filter(made_by__in=who)
    if after is not None:
        if source < after.source:
            rows = rows.filter(created_at__lte=after.at)
        elif source > after.source:
            rows = rows.filter(created_at__lt=after.at)
        else:
            rows = rows.filter(created_at__lte=after.at).filter(Q(created_at__lt=after.at) | Q(pk__lt=after.pk))
    return as_entries(list(rows.order_by("-created_at", "-pk")[:size]))


def _tables(asked: Asked) -> list[tuple[QuerySet[Any], Callable[[list[Any]], list[Entry]]]]:
    return [
        (_decisions(asked), _of_decisions),
        (_changes(asked), lambda rows: [_of_change(row) for row in rows]),
        (_sanctions(asked), lambda rows: [_of_sanction(row) for row in rows]),
        (_entries(asked), _of_entries),
    ]


def _decisions(asked: Asked) -> QuerySet[Any]:
    rows = Decision.objects.select_related("made_by", "words")
    if asked.kind == "decision":
        rows = rows.filter(decider=Decider.EDITOR)
    elif asked.kind == "screening":
        rows = rows.exclude(decider=Decider.EDITOR)
    elif asked.kind:
        return rows.none()
    if asked.comment is not None:
        rows = rows.filter(comment=asked.comment)
    if words := asked.words:
        said = DecisionWords.objects.filter(Q(private_note__icontains=words) | Q(explanation__icontains=words))
        rows = rows.filter(Q(reason__iexact=words) | Q(trigger__iexact=words) | Q(pk__in=said.values("decision")))
    return rows


def _of_decisions(rows: list[Decision]) -> list[Entry]:
    given = {row.reason for row in rows if row.reason}
    reasons = {one.code: str(one) for one in Reason.objects.filter(code__in=given)} if given else {}
    return [_of_decision(row, reasons.get(row.reason, row.reason)) for row in rows]


def _of_decision(row: Decision, reason: str) -> Entry:
    after = str(row.get_to_status_display())
    return Entry(
        source=1,
        pk=row.pk,
        at=row.created_at,
        kind="decision" if row.decider == Decider.EDITOR else "screening",
        who=row.made_by.name if row.made_by else str(row.get_decider_display()),
        what=f"#{row.comment_id}",
        before=str(row.get_from_status_display()),
        after=f"{after}: {reason}" if reason else after,
        note=_said(row),
        comment_id=row.comment_id,
        request_id=row.request_id,
    )


def _said(row: Decision | Sanction) -> str:
    words = getattr(row, "words", None)
    return " ".join(filter(None, (words.explanation, words.private_note))) if words else ""


def _changes(asked: Asked) -> QuerySet[Any]:
    rows = PolicyChange.objects.select_related("made_by")
    if asked.comment is not None or (asked.kind and asked.kind not in POLICY):
        return rows.none()
    if asked.kind:
        rows = rows.filter(kind=asked.kind)
    if words := asked.words:
        rows = rows.filter(Q(subject__icontains=words) | Q(note__icontains=words))
    return rows


def _of_change(row: PolicyChange) -> Entry:
    return Entry(
        source=2,
        pk=row.pk,
        at=row.created_at,
        kind=row.kind,
        who=row.made_by.name if row.made_by else _("The system"),
        what=row.subject,
        before=row.before,
        after=row.after,
        note=row.note,
        comment_id=None,
        request_id="",
    )


def _sanctions(asked: Asked) -> QuerySet[Any]:
    rows = Sanction.objects.select_related("made_by", "person", "words", "lifts")
    if asked.kind not in ("", "sanction"):
        return rows.none()
    if asked.comment is not None:
        rows = rows.filter(comment=asked.comment)
    if words := asked.words:
        said = SanctionWords.objects.filter(Q(private_note__icontains=words) | Q(explanation__icontains=words))
        rows = rows.filter(
            Q(person__name__icontains=words)
            | Q(email_domain__iexact=words)
            | Q(kind__iexact=words)
            | Q(reason__iexact=words)
            | Q(pk__in=said.values("sanction"))
        )
    return rows


def _of_sanction(row: Sanction) -> Entry:
    network = _("a network") if row.network_key else ""
    whom = row.person.name if row.person else row.email_domain or network
    until = timezone.localtime(row.ends_at).isoformat(timespec="minutes") if row.ends_at else None
    after = {"until": until} if until else {}
    after |= {"reason": row.reason} if row.reason else {}
    return Entry(
        source=3,
        pk=row.pk,
        at=row.created_at,
        kind="sanction",
        who=row.made_by.name if row.made_by else _("The system"),
        what=f"{row.get_kind_display()}: {whom}",
        before=str(row.lifts.get_kind_display()) if row.lifts else None,
        after=after or None,
        note=_said(row),
        comment_id=row.comment_id,
        request_id=row.request_id,
    )


def _entries(asked: Asked) -> QuerySet[Any]:
    rows = AuditEntry.objects.select_related("made_by")
    if asked.kind == "sanction":
        # Sanctions are records of their own; what is written down beside them would be told twice.
        return rows.none()
    rows = rows.filter(kind=asked.kind) if asked.kind else rows.exclude(kind="sanction")
    if (comment := asked.comment) is not None:
        rows = rows.filter(
            Q(kind__in=ABOUT_A_COMMENT, object_id=comment)
            | Q(kind="note", object_id__in=Note.objects.filter(comment=comment).values("pk"))
            | Q(kind="appeal", object_id__in=Appeal.objects.filter(decision__comment=comment).values("pk"))
        )
    if words := asked.words:
        rows = rows.filter(Q(subject__icontains=words) | Q(note__icontains=words))
    return rows


def _of_entries(rows: list[AuditEntry]) -> list[Entry]:
    def ids(kind: str) -> list[int]:
        return [row.object_id for row in rows if row.kind == kind and row.object_id]

    comments = {("note", pk): on for pk, on in _on(Note, "comment", ids("note"))}
    comments |= {("appeal", pk): on for pk, on in _on(Appeal, "decision__comment", ids("appeal"))}
    comments |= {(kind, pk): pk for kind in ABOUT_A_COMMENT for pk in ids(kind)}
    return [_of_entry(row, comments.get((row.kind, row.object_id or 0))) for row in rows]


def _on(model: type[Note] | type[Appeal], field: str, pks: list[int]) -> list[tuple[int, int]]:
    return list(model.objects.filter(pk__in=pks).values_list("pk", field)) if pks else []


def _of_entry(row: AuditEntry, comment_id: int | None) -> Entry:
    return Entry(
        source=4,
        pk=row.pk,
        at=row.created_at,
        kind=row.kind,
        who=row.made_by.name if row.made_by else _("The system"),
        what=row.subject,
        before=row.before,
        after=row.after,
        note=row.note,
        comment_id=comment_id,
        request_id=row.request_id,
    )
