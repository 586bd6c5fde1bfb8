"""
The numbers: what came in, what became of it, how long people waited, and how often rules and scorers were right.

Everything is counted from the rows when it is asked for, in a constant number of statements: each reads one range of an
index by time and brings home as many rows as there are days, rules or articles, not comments. Days are days of the
site's own time zone, 23 or 25 hours long when the clocks change.

Two ways of counting stand side by side, and each table says which it is. *Comments* are those received in the range, by
what has become of them until now. *Decisions* are those made in the range, whenever the comment was written; one that
was taken back, and the taking back, are not counted.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from math import ceil
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from comments import access, thresholds
from comments.exceptions import Refused
from comments.models import Decider, Discussion, Flag, HouseRule, IssueReport, Reason, Status
from comments.screening import sentences

FEWEST = 20
"""Of fewer cases than this no share is told: "3 of 11" says what they are worth."""

HIGH = 0.5
"""A scorer called a comment likely to be removed from here on."""

BUSIEST = 10
MOST_DAYS = 3_660
"""The longest range, ten years."""
MOST_SECTIONS = 200
MOST_EDITORS = 100
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for a formula at the beginning of a cell."""


# --- Which days, and whose ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Range:
    """Whole days of the site's time zone, ``first`` and ``last`` among them, cut into steps."""

    first: date
    last: date
    step: str
    """``hour`` for one day, ``day`` up to three months, ``week`` up to two years, else ``month``."""
    starts: tuple[datetime, ...]
    """When each step begins, in the site's time zone."""
    until: datetime
    """When the last step ends."""

    @property
    def since(self) -> datetime:
        return self.starts[0]

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def labels(self) -> list[date]:
        """What the steps are called: hours with their offset, which tells the two of one name apart, else days."""
        return [start if self.step == "hour" else start.date() for start in self.starts]

    def before(self) -> tuple[datetime, datetime]:
        """Return the same number of days before it."""
        return midnight(self.first - timedelta(days=self.days)), self.since


def midnight(day: date) -> datetime:
    """Return when ``day`` begins in the site's own time zone."""
    return datetime.combine(day, time(), tzinfo=timezone.get_default_timezone())


def today() -> date:
    return timezone.localdate(timezone=timezone.get_default_timezone())


def days(first: date, last: date) -> Range:
    """Return the range from ``first`` to ``last``. Raise ``Refused`` for one that runs backwards or is too long."""
    if last < first:
        raise Refused("bad_range", _("The first day comes after the last one. Exchange the two."))
    if (last - first).days >= MOST_DAYS:
        raise Refused("bad_range", _("That is more than ten years. Ask for fewer at a time."))
    count = (last - first).days + 1
    until = midnight(last + timedelta(days=1))
    if count == 1:
        step, starts = "hour", _hours(midnight(first), until)
    elif count <= 93:
        step, starts = "day", [midnight(first + timedelta(days=number)) for number in range(count)]
    elif count <= 731:
        mondays = [first + timedelta(days=n) for n in range(1, count) if (first + timedelta(days=n)).weekday() == 0]
        step, starts = "week", [midnight(day) for day in (first, *mondays)]
    else:
        firsts = [first + timedelta(days=n) for n in range(1, count) if (first + timedelta(days=n)).day == 1]
        step, starts = "month", [midnight(day) for day in (first, *firsts)]
    return Range(first, last, step, tuple(starts), until)


def _hours(since: datetime, until: datetime) -> list[datetime]:
    """Return the hours of one day as they pass: the night the clocks go back has one more, called the same."""
    zone, begins = since.tzinfo, since.astimezone(UTC)
    count = ceil((until.astimezone(UTC) - begins) / timedelta(hours=1))
    return [(begins + timedelta(hours=number)).astimezone(zone) for number in range(count)]


def asked(first: str, last: str) -> Range:
    """
    Return the range that somebody typed: days like ``2026-11-24``, either may be missing; neither: seven days.

    Days to come are left out. Raise ``Refused`` (400) with a sentence for what is no range of days.
    """
    now = today()
    until = min(_day(last), now) if last else now
    since = _day(first) if first else until - timedelta(days=6)
    if since > now:
        raise Refused("bad_range", _("These days have not come yet. Choose a first day up to today."))
    return days(since, until)


def _day(given: str) -> date:
    try:
        found = date.fromisoformat(given) if len(given) == 10 else None
    except ValueError:
        found = None
    if found is None:
        sentence = _("“%(given)s” is no day. Write it as year, month and day: %(example)s.")
        raise Refused("bad_range", sentence % {"given": given[:20], "example": today().isoformat()})
    if not 2000 <= found.year <= 2199:
        raise Refused("bad_range", _("There are no numbers from the year %(year)d.") % {"year": found.year})
    return found


def sections_for(user: Any, wanted: str) -> frozenset[str] | None:
    """
    Return the sections whose numbers ``user`` asks for; ``None`` means all there are.

    Raise ``Refused`` (403) for a section that is not theirs.
    """
    theirs = access.sections_counted(user)
    if not wanted:
        return theirs
    if theirs is not None and wanted not in theirs:
        raise Refused("other_section", _("The numbers of this section are not shown to you."), status=403)
    if len(wanted) > 80 or "\x00" in wanted:
        raise Refused("unknown_section", _("There is no such section."), status=404)
    return frozenset({wanted})


def sections_offered(user: Any) -> list[str]:
    """Return the names of the sections that ``user`` may choose from. One query at most."""
    theirs = access.sections_counted(user)
    if theirs is not None:
        return sorted(theirs)
    found = Discussion.objects.exclude(section="").order_by("section").values_list("section", flat=True).distinct()
    return list(found[:MOST_SECTIONS])


# --- Tables: the same for the page, the API and a spreadsheet -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    title: str | Promise
    kind: str = "count"
    """``time``, ``text``, ``count``, ``seconds`` or ``share``."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of plain values. ``None`` is something that cannot be said: a median of nothing, a share of too few."""

    name: str
    title: str | Promise
    meaning: str | Promise
    columns: tuple[Column, ...]
    rows: list[tuple[Any, ...]]

    def as_data(self) -> list[dict[str, Any]]:
        names = [column.name for column in self.columns]
        return [
            {
                name: value.isoformat() if isinstance(value, date) else value
                for name, value in zip(names, row, strict=True)
            }
            for row in self.rows
        ]

    def as_csv(self) -> str:
        """Return the table for a spreadsheet. No cell in it is a formula, whatever somebody is called."""
        into = io.StringIO()
        writer = csv.writer(into)
        writer.writerow([column.name for column in self.columns])
        for row in self.rows:
            writer.writerow([_cell(value) for value in row])
        return into.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith((*FORMULA, "'")) else value
    return value.isoformat() if isinstance(value, date) else str(value)


def share(part: int, whole: int) -> float | None:
    """Return ``part`` of ``whole`` as a number from 0 to 1; ``None`` when there are too few to tell."""
    return round(part / whole, 4) if whole >= FEWEST else None


@dataclass(slots=True)
class Waits:
    """How long something took, as whole seconds and how often: enough to say exactly within what half of it was."""

    counts: dict[int, int] = field(default_factory=dict)

    def add(self, seconds: int, count: int) -> None:
        seconds = max(0, seconds)
        self.counts[seconds] = self.counts.get(seconds, 0) + count

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def within(self, part: float) -> int | None:
        """Return the seconds within which ``part`` of them were done: .5 the median, by nearest rank."""
        rank, passed = ceil(part * self.total), 0
        for seconds, count in sorted(self.counts.items()):
            passed += count
            if passed >= rank:
                return seconds
        return None


@dataclass(slots=True)
class Numbers:
    """All there is to see of a range."""

    range: Range
    section: str
    sections: frozenset[str] | None
    totals: dict[str, Any]
    tables: dict[str, Table]

    def as_data(self) -> dict[str, Any]:
        return {
            "from": self.range.first.isoformat(),
            "to": self.range.last.isoformat(),
            "time_zone": timezone.get_default_timezone_name(),
            "step": self.range.step,
            "section": self.section,
            "totals": self.totals,
            "tables": {name: table.as_data() for name, table in self.tables.items()},
        }


# --- Counting -------------------------------------------------------------------------------------------------------


def read(span: Range, sections: frozenset[str] | None = None, section: str = "") -> Numbers:
    """Count everything about ``span``, in ``sections`` or in all of them. Twelve queries, fourteen with editors."""
    now = timezone.now()
    counted = _Counted(span, sections, now)
    received, comments = counted.comments()
    waits = counted.waits()
    publication = counted.publication()
    queue = counted.queue()
    appeals, by_rule = counted.appeals()
    decided = Waits()
    for each in waits:
        for seconds, count in each.counts.items():
            decided.add(seconds, count)
    earlier = counted.received_before()
    oldest, waiting = (queue[-1][2], queue[-1][1]) if queue else (None, 0)
    totals: dict[str, Any] = received | {
        "received_before": earlier,
        "decided": decided.total,
        "decision_median_seconds": decided.within(0.5),
        "decision_p90_seconds": decided.within(0.9),
        "published": publication.total,
        "publication_median_seconds": publication.within(0.5),
        "publication_p90_seconds": publication.within(0.9),
        "waiting_at_the_end": waiting,
        "oldest_waiting_seconds": oldest,
        "appeals_ruled": sum(appeals.values()),
        "appeals_overturned": appeals.get("overturned", 0),
    }
    rules, scorers = counted.judged(by_rule)
    tables = [
        comments,
        Table(
            "waits",
            gettext_lazy("Time to decision"),
            gettext_lazy("Decisions by editors that ended a wait, from when the comment began to wait."),
            (
                Column("start", _step_title(span), "time"),
                Column("decided", gettext_lazy("Decided")),
                Column("median_seconds", gettext_lazy("Half within"), "seconds"),
                Column("p90_seconds", gettext_lazy("Nine in ten within"), "seconds"),
            ),
            [
                (start, each.total, each.within(0.5), each.within(0.9))
                for start, each in zip(span.labels, waits, strict=True)
            ],
        ),
        Table(
            "queue",
            gettext_lazy("The queue"),
            gettext_lazy("What waited for an editor at each of these moments, and for how long the oldest had."),
            (
                Column("at", gettext_lazy("At"), "time"),
                Column("waiting", gettext_lazy("Waiting")),
                Column("oldest_seconds", gettext_lazy("Oldest"), "seconds"),
            ),
            list(queue),
        ),
        counted.articles(),
        rules,
        scorers,
        counted.flags(),
        counted.issues(),
    ]
    if shows_editors():
        tables.append(counted.editors())
    return Numbers(span, section, sections, totals, {table.name: table for table in tables})


def shows_editors() -> bool:
    """Say whether the newsroom wants figures about single editors: off unless somebody switched it on."""
    return thresholds.of(None).numbers_per_editor


def _step_title(span: Range) -> str | Promise:
    return {
        "hour": gettext_lazy("Hour"),
        "day": gettext_lazy("Day"),
        "week": gettext_lazy("Week from"),
        "month": gettext_lazy("Month from"),
    }[span.step]


OUTCOMES = (
    "published_unread",
    "published_by_editors",
    "held",
    "rejected_unread",
    "rejected_by_editors",
    "withdrawn",
    "unscreened",
)
"""What can have become of a comment. "Unread" is without an editor: by the rules of the site."""


def _outcome(status: str, decider: str | None) -> str:
    by_editor = decider == Decider.EDITOR
    match status:
        case Status.PUBLISHED:
            return "published_by_editors" if by_editor else "published_unread"
        case Status.REJECTED:
            return "rejected_by_editors" if by_editor else "rejected_unread"
        case Status.HELD:
            return "held"
        case Status.WITHDRAWN:
            return "withdrawn"
        case _received:
            return "unscreened"


BY_AN_EDITOR = (
    "d.decider = 'editor' AND d.to_status IN ('published', 'rejected') "
    "AND (d.reverses_id IS NULL OR d.appeal_id IS NOT NULL) "
    "AND NOT EXISTS (SELECT 1 FROM comments_decision u WHERE u.comment_id = d.comment_id "
    "AND u.reverses_id = d.id AND u.appeal_id IS NULL)"
)
"""
A decision ``d`` of an editor that counts: it was not taken back, and takes nothing back. One that overturns another on
appeal is no slip of the hand: both count.
"""

BEGAN_TO_WAIT = (
    "COALESCE((SELECT h.created_at FROM comments_decision h WHERE h.revision_id = {row} AND {before} "
    "h.to_status = 'held' AND h.from_status <> 'held' AND h.reverses_id IS NULL ORDER BY h.id DESC LIMIT 1), "
    "r.created_at)"
)
"""When a text ``r`` was held, the first time of those that count; one that never was: when it was written."""

IN_THE_LATEST_RUN = (
    "(SELECT COUNT(*) FROM comments_finding e WHERE e.revision_id = f.revision_id AND e.code = 'passed' "
    "AND e.id >= f.id) <= 1"
)
"""See :func:`comments.screening.latest_run`: each screening ends with a finding ``passed``."""


class _Counted:
    """The statements. Times of the range are compared with the column as it is stored, so that indexes serve."""

    def __init__(self, span: Range, sections: frozenset[str] | None, now: datetime) -> None:
        self.span, self.sections, self.now = span, sections, now
        self.since, self.until = self.at(span.since), self.at(span.until)
        self.reasons = {reason.code: str(reason) for reason in Reason.objects.all()}
        self.house_rules = {f"house_rule:{pk}": name for pk, name in HouseRule.objects.values_list("pk", "name")}

    def at(self, moment: datetime) -> Any:
        return connection.ops.adapt_datetimefield_value(moment)

    def rows(self, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
        with connection.cursor() as db:
            db.execute(sql, list(params))
            found: list[tuple[Any, ...]] = db.fetchall()
        return found

    def here(self, discussion: str) -> tuple[str, list[Any]]:
        """Return the condition that the column ``discussion`` is of a section asked for, and its parameters."""
        if self.sections is None:
            return "", []
        if not self.sections:
            return "AND 1 = 0", []
        marks = ", ".join(["%s"] * len(self.sections))
        # With its sign, so that nobody reads every comment of a section by its index to find those of a week.
        return (
            f"AND +{discussion} IN (SELECT id FROM comments_discussion WHERE section IN ({marks}))",
            sorted(self.sections),
        )

    def step(self, column: str) -> tuple[str, list[Any]]:
        """Return the number of the step that ``column`` falls into, as nested questions: which half of them?"""

        def between(low: int, high: int) -> tuple[str, list[Any]]:
            if high - low == 1:
                return str(low), []
            middle = (low + high) // 2
            (left, first), (right, second) = between(low, middle), between(middle, high)
            begins = self.at(self.span.starts[middle])
            return f"CASE WHEN {column} < %s THEN {left} ELSE {right} END", [begins, *first, *second]

        return between(0, len(self.span.starts))

    def seconds(self, since: str, until: str) -> str:
        """Return the whole seconds between two columns."""
        if connection.vendor == "postgresql":
            return f"CAST(ROUND(EXTRACT(EPOCH FROM ({until} - {since}))) AS bigint)"
        return f"CAST(ROUND((julianday({until}) - julianday({since})) * 86400.0) AS INTEGER)"

    # What came in.

    WHICH = (
        "c.status IN ('received', 'held', 'published', 'rejected', 'withdrawn') "
        "AND c.created_at >= %s AND c.created_at < %s"
    )
    """All statuses, named so that the index by status and time serves."""

    def comments(self) -> tuple[dict[str, int], Table]:
        """Return what became of the comments received: in all, and for each step."""
        step, cuts = self.step("c.created_at")
        where, named = self.here("c.discussion_id")
        found = self.rows(
            f"SELECT {step}, c.status, (SELECT d.decider FROM comments_decision d WHERE d.comment_id = c.id "
            "AND d.to_status = c.status ORDER BY d.id DESC LIMIT 1), COUNT(*) "
            f"FROM comments_comment c WHERE {self.WHICH} {where} GROUP BY 1, 2, 3",
            [*cuts, self.since, self.until, *named],
        )
        by_step = [dict.fromkeys(OUTCOMES, 0) for _start in self.span.starts]
        for number, status, decider, count in found:
            by_step[number][_outcome(status, decider)] += count
        totals = {name: sum(each[name] for each in by_step) for name in OUTCOMES}
        table = Table(
            "comments",
            gettext_lazy("Comments received"),
            gettext_lazy("Comments by when they were written and what has become of them until now."),
            (
                Column("start", _step_title(self.span), "time"),
                Column("received", gettext_lazy("Received")),
                Column("published_unread", gettext_lazy("Published at once")),
                Column("published_by_editors", gettext_lazy("Published by editors")),
                Column("held", gettext_lazy("Waiting")),
                Column("rejected_unread", gettext_lazy("Rejected by screening")),
                Column("rejected_by_editors", gettext_lazy("Rejected by editors")),
                Column("withdrawn", gettext_lazy("Withdrawn")),
                Column("unscreened", gettext_lazy("Not screened")),
            ),
            [
                (start, sum(each.values()), *(each[name] for name in OUTCOMES))
                for start, each in zip(self.span.labels, by_step, strict=True)
            ],
        )
        return {"received": sum(totals.values())} | totals, table

    def received_before(self) -> int:
        """Return how many came in on as many days before."""
        where, named = self.here("c.discussion_id")
        since, until = self.span.before()
        found = self.rows(
            f"SELECT COUNT(*) FROM comments_comment c WHERE {self.WHICH} {where}",
            [self.at(since), self.at(until), *named],
        )
        return int(found[0][0])

    def publication(self) -> Waits:
        """Return how long the comments received in the range took from being written to being seen."""
        where, named = self.here("c.discussion_id")
        found = self.rows(
            f"SELECT {self.seconds('c.created_at', 'c.published_at')}, COUNT(*) FROM comments_comment c "
            f"WHERE {self.WHICH} {where} AND c.published_at IS NOT NULL GROUP BY 1",
            [self.since, self.until, *named],
        )
        waits = Waits()
        for seconds, count in found:
            waits.add(seconds, count)
        return waits

    def articles(self) -> Table:
        where, named = self.here("c.discussion_id")
        found = self.rows(
            "SELECT t.id, t.title, t.key, b.received, b.held, b.rejected FROM (SELECT c.discussion_id, "
            "COUNT(*) AS received, SUM(CASE WHEN c.status = 'held' THEN 1 ELSE 0 END) AS held, "
            "SUM(CASE WHEN c.status = 'rejected' THEN 1 ELSE 0 END) AS rejected FROM comments_comment c "
            f"WHERE {self.WHICH} {where} GROUP BY c.discussion_id ORDER BY 2 DESC, 1 LIMIT {BUSIEST}) b "
            "JOIN comments_discussion t ON t.id = b.discussion_id ORDER BY b.received DESC, t.id",
            [self.since, self.until, *named],
        )
        return Table(
            "articles",
            gettext_lazy("Busiest articles"),
            gettext_lazy("Where most comments were written, and what has become of them until now."),
            (
                Column("article", gettext_lazy("Article"), "text"),
                Column("received", gettext_lazy("Received")),
                Column("held", gettext_lazy("Waiting")),
                Column("rejected", gettext_lazy("Rejected")),
                Column("rejected_share", gettext_lazy("Share rejected"), "share"),
            ),
            [
                (title or key, received, held, rejected, share(rejected, received))
                for _pk, title, key, received, held, rejected in found
            ],
        )

    # How long it waited.

    def waits(self) -> list[Waits]:
        """Return how long decided texts had waited, for each step in which they were decided."""
        step, cuts = self.step("w.ended_at")
        where, named = self.here("c.discussion_id")
        began = BEGAN_TO_WAIT.format(row="d.revision_id", before="h.id < d.id AND")
        found = self.rows(
            f"SELECT {step}, {self.seconds('w.began_at', 'w.ended_at')}, COUNT(*) FROM ("
            f"SELECT d.created_at AS ended_at, {began} AS began_at FROM comments_decision d "
            "JOIN comments_revision r ON r.id = d.revision_id JOIN comments_comment c ON c.id = d.comment_id "
            "WHERE d.created_at >= %s AND d.created_at < %s AND d.from_status IN ('received', 'held') "
            f"AND {BY_AN_EDITOR} {where}) w GROUP BY 1, 2",
            [*cuts, self.since, self.until, *named],
        )
        by_step = [Waits() for _start in self.span.starts]
        for number, seconds, count in found:
            by_step[number].add(seconds, count)
        return by_step

    def queue(self) -> list[tuple[datetime, int, int | None]]:
        """
        Return for the end of each step (the last one: now, if it is not over) what waited, and how long the oldest had.

        A text waits from when it was held until it is decided, whoever decides; one that was rewritten meanwhile waits
        from when the new text was held.
        """
        if self.now <= self.span.since:
            return []
        ends = [*self.span.starts[1:], self.span.until]
        moments = [moment for moment in ends if moment <= self.now]
        if len(moments) < len(ends):
            moments.append(self.now)
        where, named = self.here("c.discussion_id")
        points = " UNION ALL ".join(f"SELECT {number} AS n, {self.cast('%s')} AS at" for number in range(len(moments)))
        ended = BEGAN_TO_WAIT.format(row="d.revision_id", before="h.id < d.id AND")
        open_ = BEGAN_TO_WAIT.format(row="r.id", before="")
        once = "MATERIALIZED" if connection.vendor == "postgresql" else ""
        found = self.rows(
            f"WITH p AS ({points}), w AS {once} ("
            f"SELECT {ended} AS began_at, d.created_at AS ended_at FROM comments_decision d "
            "JOIN comments_revision r ON r.id = d.revision_id JOIN comments_comment c ON c.id = d.comment_id "
            "WHERE d.from_status = 'held' AND d.to_status <> 'held' AND d.created_at >= %s AND r.created_at < %s "
            f"{where} UNION ALL "
            f"SELECT {open_}, NULL FROM comments_revision r JOIN comments_comment c ON c.id = r.comment_id "
            f"WHERE r.status = 'held' AND r.created_at < %s {where}) "
            "SELECT p.n, COUNT(*), MIN(w.began_at) FROM p JOIN w ON w.began_at <= p.at "
            "AND (w.ended_at IS NULL OR w.ended_at > p.at) GROUP BY p.n",
            [
                *(self.at(moment) for moment in moments),
                *(self.since, self.until, *named),
                *(self.until, *named),
            ],
        )
        waiting = {number: (count, self.moment(oldest)) for number, count, oldest in found}
        zone = timezone.get_default_timezone()
        return [
            (
                moment.astimezone(zone),
                waiting[number][0] if number in waiting else 0,
                int((moment - waiting[number][1]).total_seconds()) if number in waiting else None,
            )
            for number, moment in enumerate(moments)
        ]

    def cast(self, value: str) -> str:
        return f"CAST({value} AS timestamptz)" if connection.vendor == "postgresql" else value

    def moment(self, value: Any) -> datetime:
        """Return what SQLite stores as text as the moment it is; it keeps times in UTC without saying so."""
        found: datetime = datetime.fromisoformat(value) if isinstance(value, str) else value
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    # Who was right.

    def judged(self, by_rule: Mapping[str, tuple[int, int]]) -> tuple[Table, Table]:
        """Return how editors decided on what each rule held or rejected, and on what each scorer called likely."""
        where, named = self.here("c.discussion_id")
        found = self.rows(
            "WITH latest AS (SELECT MAX(d.id) AS id FROM comments_decision d "
            "JOIN comments_comment c ON c.id = d.comment_id WHERE d.created_at >= %s AND d.created_at < %s "
            f"AND {BY_AN_EDITOR} {where} GROUP BY d.revision_id) "
            "SELECT f.rule, CASE WHEN f.code = 'score' THEN 1 ELSE 0 END, "
            f"CASE WHEN f.score >= {HIGH} THEN 1 ELSE 0 END, d.to_status, COUNT(DISTINCT f.revision_id) "
            "FROM latest JOIN comments_decision d ON d.id = latest.id "
            "JOIN comments_finding f ON f.revision_id = d.revision_id "
            "WHERE (f.verdict IN ('hold', 'reject') OR (f.code = 'score' AND f.score IS NOT NULL)) "
            f"AND {IN_THE_LATEST_RUN} GROUP BY 1, 2, 3, 4",
            [self.since, self.until, *named],
        )
        rules: dict[str, dict[str, int]] = {rule: {} for rule in by_rule}
        scorers: dict[str, dict[tuple[bool, str], int]] = {}
        for rule, is_score, high, status, count in found:
            if is_score:
                scores = scorers.setdefault(rule, {})
                scores[bool(high), status] = scores.get((bool(high), status), 0) + count
            else:
                said = rules.setdefault(rule, {})
                said[status] = said.get(status, 0) + count
        return self._rules(rules, by_rule), self._scorers(scorers)

    def _rules(self, rules: Mapping[str, Mapping[str, int]], by_rule: Mapping[str, tuple[int, int]]) -> Table:
        rows = []
        for rule, said in rules.items():
            rejected, published = said.get("rejected", 0), said.get("published", 0)
            decided = rejected + published
            ruled, overturned = by_rule.get(rule, (0, 0))
            rows.append(
                (
                    self.rule_title(rule),
                    rule,
                    decided,
                    rejected,
                    published,
                    share(rejected, decided),
                    share(published, decided),
                    ruled,
                    overturned,
                )
            )
        return Table(
            "rules",
            gettext_lazy("Rules"),
            gettext_lazy("Of what a rule held or rejected, how editors decided in these days."),
            (
                Column("name", gettext_lazy("Rule"), "text"),
                Column("rule", gettext_lazy("Called"), "text"),
                Column("decided", gettext_lazy("Decided by editors")),
                Column("rejected", gettext_lazy("Rejected too")),
                Column("overturned", gettext_lazy("Published after all")),
                Column("right_share", gettext_lazy("Right"), "share"),
                Column("overturned_share", gettext_lazy("Overturned"), "share"),
                Column("appeals", gettext_lazy("Appeals ruled on")),
                Column("appeals_overturned", gettext_lazy("Overturned on appeal")),
            ),
            sorted(rows, key=lambda row: (-row[2], row[0])),
        )

    def _scorers(self, scorers: Mapping[str, Mapping[tuple[bool, str], int]]) -> Table:
        rows = []
        for scorer, said in scorers.items():
            right, wrong = said.get((True, "rejected"), 0), said.get((True, "published"), 0)
            missed = said.get((False, "rejected"), 0)
            rows.append(
                (
                    sentences.scorer_title(scorer),
                    scorer,
                    right + wrong,
                    right,
                    share(right, right + wrong),
                    right + missed,
                    missed,
                    share(missed, right + missed),
                )
            )
        return Table(
            "scorers",
            gettext_lazy("Scorers"),
            gettext_lazy("Of what a scorer found more likely removed than not, how editors decided in these days."),
            (
                Column("name", gettext_lazy("Scorer"), "text"),
                Column("scorer", gettext_lazy("Called"), "text"),
                Column("decided", gettext_lazy("Called likely")),
                Column("rejected", gettext_lazy("Editors rejected")),
                Column("right_share", gettext_lazy("Right"), "share"),
                Column("all_rejected", gettext_lazy("All that editors rejected")),
                Column("missed", gettext_lazy("Not called likely")),
                Column("missed_share", gettext_lazy("Missed"), "share"),
            ),
            sorted(rows, key=lambda row: (-row[2], row[0])),
        )

    def rule_title(self, rule: str) -> str:
        if rule in self.house_rules:
            return _("House rule “%(name)s”") % {"name": self.house_rules[rule]}
        titles = rule_titles()
        return titles[rule] if rule in titles else rule.replace("_", " ")

    def appeals(self) -> tuple[dict[str, int], dict[str, tuple[int, int]]]:
        """Return the appeals against decisions that were ruled on in the range, by ruling; and for each rule."""
        where, named = self.here("c.discussion_id")
        judged = (
            "FROM comments_appeal a JOIN comments_decision d ON d.id = a.decision_id "
            "JOIN comments_comment c ON c.id = d.comment_id"
        )
        when = f"a.ruled_at >= %s AND a.ruled_at < %s {where}"
        params = [self.since, self.until, *named]
        found = self.rows(
            f"SELECT '', a.state, COUNT(*) {judged} WHERE {when} GROUP BY 1, 2 UNION ALL "
            f"SELECT f.rule, a.state, COUNT(DISTINCT a.id) {judged} "
            "JOIN comments_finding f ON f.revision_id = d.revision_id "
            f"WHERE {when} AND f.verdict IN ('hold', 'reject') AND {IN_THE_LATEST_RUN} GROUP BY 1, 2",
            params + params,
        )
        by_rule: dict[str, tuple[int, int]] = {}
        for rule, state, count in found:
            ruled, overturned = by_rule.get(rule, (0, 0))
            by_rule[rule] = (ruled + count, overturned + (count if state == "overturned" else 0))
        ruled, overturned = by_rule.pop("", (0, 0))
        return {"overturned": overturned, "upheld": ruled - overturned}, by_rule

    # Readers' reports, and readers in trouble.

    def flags(self) -> Table:
        where, named = self.here("c.discussion_id")
        join = "JOIN comments_comment c ON c.id = f.comment_id" if where else ""
        found = self.rows(
            f"SELECT f.reason, f.state, COUNT(*) FROM comments_flag f {join} "
            f"WHERE f.created_at >= %s AND f.created_at < %s {where} GROUP BY 1, 2",
            [self.since, self.until, *named],
        )
        states: dict[str, dict[str, int]] = {}
        for reason, state, count in found:
            states.setdefault(reason, {})[state] = count
        rows = []
        for reason, said in states.items():
            upheld, dismissed = said.get(Flag.State.UPHELD, 0), said.get(Flag.State.DISMISSED, 0)
            opened = said.get(Flag.State.OPEN, 0)
            name = self.reasons.get(reason, reason)
            rows.append(
                (name, upheld + dismissed + opened, upheld, dismissed, opened, share(upheld, upheld + dismissed))
            )
        return Table(
            "flags",
            gettext_lazy("Readers' reports"),
            gettext_lazy("Reports by readers about comments, by when they were made and what has become of them."),
            (
                Column("reason", gettext_lazy("Reason"), "text"),
                Column("reports", gettext_lazy("Reports")),
                Column("upheld", gettext_lazy("Upheld")),
                Column("dismissed", gettext_lazy("Dismissed")),
                Column("open", gettext_lazy("Open")),
                Column("upheld_share", gettext_lazy("Share upheld"), "share"),
            ),
            sorted(rows, key=lambda row: (-row[1], row[0])),
        )

    def issues(self) -> Table:
        step, cuts = self.step("i.created_at")
        where, named = self.here("i.discussion_id")
        found = self.rows(
            f"SELECT {step}, i.kind, COUNT(*) FROM comments_issuereport i "
            f"WHERE i.created_at >= %s AND i.created_at < %s {where} GROUP BY 1, 2",
            [*cuts, self.since, self.until, *named],
        )
        kinds = [kind for kind, _title in IssueReport.Kind.choices]
        by_step = [dict.fromkeys(kinds, 0) for _start in self.span.starts]
        for number, kind, count in found:
            by_step[number][kind if kind in kinds else IssueReport.Kind.OTHER.value] += count
        return Table(
            "issues",
            gettext_lazy("Issue reports"),
            gettext_lazy("“Please let us know”: what readers had trouble with, by when they wrote."),
            (
                Column("start", _step_title(self.span), "time"),
                Column("reports", gettext_lazy("Reports")),
                *(Column(kind, IssueReport.Kind(kind).label) for kind in kinds),
            ),
            [
                (start, sum(each.values()), *(each[kind] for kind in kinds))
                for start, each in zip(self.span.labels, by_step, strict=True)
            ],
        )

    def editors(self) -> Table:
        where, named = self.here("c.discussion_id")
        found = self.rows(
            "SELECT p.id, p.name, d.to_status, CASE WHEN EXISTS (SELECT 1 FROM comments_decision u "
            "WHERE u.comment_id = d.comment_id AND u.reverses_id = d.id AND u.appeal_id IS NULL) THEN 1 ELSE 0 END, "
            "COUNT(*) FROM comments_decision d "
            "JOIN comments_commenter p ON p.id = d.made_by_id JOIN comments_comment c ON c.id = d.comment_id "
            "WHERE d.created_at >= %s AND d.created_at < %s AND d.decider = 'editor' AND d.reverses_id IS NULL "
            f"{where} GROUP BY 1, 2, 3, 4",
            [self.since, self.until, *named],
        )
        overturned = self.rows(
            "SELECT d.made_by_id, COUNT(*), SUM(CASE WHEN a.state = 'overturned' THEN 1 ELSE 0 END) "
            "FROM comments_appeal a JOIN comments_decision d ON d.id = a.decision_id "
            "JOIN comments_comment c ON c.id = d.comment_id WHERE a.ruled_at >= %s AND a.ruled_at < %s "
            f"AND d.decider = 'editor' {where} GROUP BY 1",
            [self.since, self.until, *named],
        )
        ruled = {pk: (count, lost) for pk, count, lost in overturned}
        people: dict[int, dict[str, Any]] = {}
        for pk, name, status, undone, count in found:
            one = people.setdefault(pk, {"name": name, "published": 0, "rejected": 0, "held": 0, "undone": 0})
            name_of = "undone" if undone else status
            one[name_of] = one.get(name_of, 0) + count
        rows = [
            (
                one["name"],
                one["published"] + one["rejected"] + one["held"],
                one["published"],
                one["rejected"],
                one["held"],
                share(one["rejected"], one["published"] + one["rejected"] + one["held"]),
                one["undone"],
                *ruled.get(pk, (0, 0)),
            )
            for pk, one in people.items()
        ]
        return Table(
            "editors",
            gettext_lazy("Editors"),
            gettext_lazy("Decisions made in these days. Switched on in the settings: numbers_per_editor."),
            (
                Column("name", gettext_lazy("Editor"), "text"),
                Column("decided", gettext_lazy("Decisions")),
                Column("published", gettext_lazy("Published")),
                Column("rejected", gettext_lazy("Rejected")),
                Column("held", gettext_lazy("Held")),
                Column("rejected_share", gettext_lazy("Share rejected"), "share"),
                Column("undone", gettext_lazy("Taken back")),
                Column("appeals", gettext_lazy("Appeals ruled on")),
                Column("appeals_overturned", gettext_lazy("Overturned on appeal")),
            ),
            sorted(rows, key=lambda row: (-row[1], row[0]))[:MOST_EDITORS],
        )


def rule_titles() -> dict[str, str]:
    """Return what the shipped rules are called in a table; a rule of a site's own is called by its name."""
    return {
        "hold_sanitizer_disagreement": _("Formatting that two sanitizers judge differently"),
        "reject_empty": _("Nothing left to show"),
        "hold_long": _("Too long"),
        "hold_short": _("Too short"),
        "hold_links": _("Links"),
        "reject_refused_domain": _("Refused sites"),
        "judge_phrases": _("Phrases"),
        "hold_shouting": _("Capital letters"),
        "hold_only_emoji": _("Only emoji"),
        "hold_other_language": _("Another language"),
        "hold_personal_data": _("Personal data"),
        "hold_new_author": _("New authors"),
        "hold_rejection_rate": _("Often rejected"),
        "hold_premoderated_person": _("Every comment of a person waits"),
        "hold_repeat": _("The same text again"),
        "hold_own_repeat": _("The same text by the same person"),
        "hold_campaign": _("The same text by many people"),
        "hold_flood": _("Many comments in a short time"),
        "hold_rewritten_after_flags": _("Rewritten after reports"),
        "hold_closed": _("Written while closing"),
        "hold_premoderated": _("Every comment waits"),
        "hold_score": _("Score over the limit"),
        "flags": _("Readers' reports"),
        "screen": _("Screening that failed"),
    }
