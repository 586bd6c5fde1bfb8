"""The numbers as a page: a range, charts that are tables too, and a spreadsheet beside each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from math import ceil, log10
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET

from comments import dashboard
from comments.dashboard import Column, Numbers, Range, Table
from comments.desk import frame
from comments.desk.frame import for_those_who
from comments.exceptions import Refused

PAGE = "admin:comments_desk_numbers"
PRIVATE = "private, no-store"
LABELS, FEWER_LABELS = 14, 6
"""How many times stand under a chart at most: a wide one, a narrow one."""
NOTHING = "\N{EN DASH}"
BARS = 12
"""How many rules stand in a chart; the table has them all."""


# --- Pages ----------------------------------------------------------------------------------------------------------


@require_GET
@for_those_who("see_numbers")
def page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show the numbers of ``?from=&to=&section=``. What is no range is said, and seven days are shown instead."""
    numbers, wrong = _asked(request)
    span = numbers.range
    context = frame.context(request, site, tab="numbers", title=_("Numbers")) | {
        "numbers": numbers,
        "wrong": wrong,
        "span": span,
        "says": span_in_words(span),
        "zone": timezone.get_default_timezone_name(),
        "chips": _chips(numbers),
        "sections": dashboard.sections_offered(request.user),
        "limited": numbers.sections is not None and not numbers.section,
        "figures": figures(numbers),
        "comments": bars(numbers.tables["comments"], span),
        "waits": lines(numbers.tables["waits"], span, ["median_seconds", "p90_seconds"]),
        "queue": lines(numbers.tables["queue"], span, ["oldest_seconds"]),
        "articles": across(numbers.tables["articles"], "received"),
        "rules": across(numbers.tables["rules"], "right_share"),
        "shown": {name: shown(table, span) for name, table in numbers.tables.items()},
        "csv": {name: _url("numbers_csv", numbers, table=name) for name in numbers.tables},
        "fewest": dashboard.FEWEST,
        "per_editor": "editors" in numbers.tables,
    }
    response = TemplateResponse(request, "comments/desk/numbers.html", context, status=400 if wrong else 200)
    response["Cache-Control"] = PRIVATE
    return response


def _asked(request: HttpRequest) -> tuple[Numbers, str]:
    """Return the numbers asked for and what was wrong with the question, if anything."""
    section, wrong = request.GET.get("section", ""), ""
    try:
        span = dashboard.asked(request.GET.get("from", ""), request.GET.get("to", ""))
    except Refused as refused:
        span, wrong = dashboard.asked("", ""), refused.detail
    try:
        sections = dashboard.sections_for(request.user, section)
    except Refused as refused:
        section, wrong = "", wrong or refused.detail
        sections = dashboard.sections_for(request.user, "")
    return dashboard.read(span, sections, section), wrong


@require_GET
@for_those_who("see_numbers")
def spreadsheet(request: HttpRequest, table: str, site: AdminSite) -> HttpResponse:
    """Answer with one table as CSV, the same figures as on the page."""
    try:
        span = dashboard.asked(request.GET.get("from", ""), request.GET.get("to", ""))
        section = request.GET.get("section", "")
        numbers = dashboard.read(span, dashboard.sections_for(request.user, section), section)
    except Refused as refused:
        return HttpResponse(refused.detail, status=refused.status, content_type="text/plain; charset=utf-8")
    found = numbers.tables.get(table)
    if found is None:
        raise Http404
    response = HttpResponse(found.as_csv(), content_type="text/csv; charset=utf-8")
    name = f"{table}-{span.first.isoformat()}-{span.last.isoformat()}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = PRIVATE
    return response


def _url(name: str, numbers: Numbers, **where: str) -> str:
    facts = {"from": numbers.range.first.isoformat(), "to": numbers.range.last.isoformat(), "section": numbers.section}
    query = urlencode({key: value for key, value in facts.items() if value})
    return f"{reverse(f'admin:comments_desk_{name}', kwargs=where)}?{query}"


def _chips(numbers: Numbers) -> list[tuple[str | Promise, str, bool]]:
    """Return the ranges asked for most: their names, addresses, and which is shown."""
    now = dashboard.today()
    chips: list[tuple[str | Promise, str, bool]] = []
    for title, count in ((gettext_lazy("Today"), 1), (gettext_lazy("7 days"), 7), (gettext_lazy("30 days"), 30)):
        first = now - timedelta(days=count - 1)
        facts = {"from": first.isoformat(), "to": now.isoformat()}
        facts |= {"section": numbers.section} if numbers.section else {}
        chosen = numbers.range.first == first and numbers.range.last == now
        chips.append((title, f"{reverse(PAGE)}?{urlencode(facts)}", chosen))
    return chips


# --- Words ----------------------------------------------------------------------------------------------------------


def span_in_words(span: Range) -> str:
    form = "j F Y"
    if span.first == span.last:
        return date_format(span.first, form)
    return _("%(first)s to %(last)s") % {
        "first": date_format(span.first, form),
        "last": date_format(span.last, form),
    }


def count(number: int) -> str:
    return number_format(number, force_grouping=True)


def duration(seconds: float | None) -> str:
    """Return "42 s", "6.9 min", "31 min", "5.5 h" or "3 days"."""
    if seconds is None:
        return NOTHING
    if seconds < 100:
        return _("%(count)s s") % {"count": count(round(seconds))}
    for size, below, words in ((60, 5_400, _("%(count)s min")), (3_600, 172_800, _("%(count)s h"))):
        if seconds < below:
            value = seconds / size
            return words % {
                "count": number_format(value, 1) if value < 10 and value % 1 >= 0.05 else count(round(value))
            }
    days = round(seconds / 86_400)
    return ngettext("%(count)s day", "%(count)s days", days) % {"count": count(days)}


def percent(part: float) -> str:
    hundred = part * 100
    return _("%(share)s %%") % {
        "share": number_format(round(hundred, 1), 1) if 0 < hundred < 10 else count(round(hundred))
    }


def of(part: int, whole: int) -> str:
    """Return a share as people read it: "12 %" of many, "3 of 11" of few, a dash of nothing."""
    if not whole:
        return NOTHING
    if whole < dashboard.FEWEST:
        return _("%(part)s of %(whole)s") % {"part": count(part), "whole": count(whole)}
    return percent(part / whole)


def moment(start: date, span: Range) -> str:
    """Return what a step is called: "14:00", "24 Nov", "November 2026"."""
    match span.step:
        case "hour":
            return f"{start:%H:%M}"
        case "month":
            return date_format(start, "M Y")
        case _day:
            return date_format(start, "j M")


def at(when: datetime, span: Range) -> str:
    """Return a moment at the end of a step: midnight is the end of the day before."""
    if span.step == "hour":
        return f"{when:%H:%M}"
    if (when.hour, when.minute) == (0, 0):
        return _("end of %(day)s") % {"day": date_format(when - timedelta(seconds=1), "j M Y")}
    return f"{date_format(when, 'j M')}, {when:%H:%M}"


def shown(table: Table, span: Range) -> dict[str, Any]:
    """Return a table as the page prints it: cells in words, and which columns are numbers."""
    rows = []
    for row in table.rows:
        given = dict(zip([column.name for column in table.columns], row, strict=True))
        rows.append([_cell(column, given, table, span) for column in table.columns if _is_shown(column)])
    return {
        "name": table.name,
        "title": table.title,
        "meaning": table.meaning,
        "columns": [(column.title, column.kind) for column in table.columns if _is_shown(column)],
        "rows": rows,
    }


SHARES = {
    "rejected_share": ("rejected", ("received", "decided")),
    "right_share": ("rejected", ("decided",)),
    "overturned_share": ("overturned", ("decided",)),
    "missed_share": ("missed", ("all_rejected",)),
    "upheld_share": ("upheld", ("upheld", "dismissed")),
}
"""What each share is a share of; of fewer than ``dashboard.FEWEST`` both numbers are told instead."""


def _is_shown(column: Column) -> bool:
    """Say whether people need it: what a rule is called in code stands in the spreadsheet only."""
    return column.name not in ("rule", "scorer")


def _cell(column: Column, given: dict[str, Any], table: Table, span: Range) -> str:
    value = given[column.name]
    match column.kind:
        case "time":
            return at(value, span) if table.name == "queue" else moment(value, span)
        case "text":
            return str(value)
        case "seconds":
            return duration(value)
        case "share":
            part, whole = SHARES[column.name]
            if table.name == "flags":
                return of(given[part], sum(given[name] for name in whole))
            return of(given[part], next(given[name] for name in whole if name in given))
        case _count:
            return count(value)


@dataclass(frozen=True, slots=True)
class Figure:
    title: str | Promise
    value: str
    more: str = ""


def figures(numbers: Numbers) -> list[Figure]:
    """Return the row of figures on top. A share always with what it is a share of."""
    t = numbers.totals
    received = t["received"]
    rejected = t["rejected_unread"] + t["rejected_by_editors"]
    return [
        Figure(_("Comments"), count(received), _compared(received, t["received_before"], numbers.range)),
        Figure(_("Published at once"), of(t["published_unread"], received), count(t["published_unread"])),
        Figure(_("Published by editors"), of(t["published_by_editors"], received), count(t["published_by_editors"])),
        Figure(
            _("Rejected"),
            of(rejected, received),
            _("%(screening)s by screening, %(editors)s by editors")
            % {"screening": count(t["rejected_unread"]), "editors": count(t["rejected_by_editors"])},
        ),
        Figure(
            _("Time to decision"),
            duration(t["decision_median_seconds"]),
            _("nine in ten within %(time)s, %(count)s decided")
            % {"time": duration(t["decision_p90_seconds"]), "count": count(t["decided"])}
            if t["decided"]
            else _("nothing decided"),
        ),
        Figure(
            _("Time to publication"),
            duration(t["publication_median_seconds"]),
            _("nine in ten within %(time)s") % {"time": duration(t["publication_p90_seconds"])}
            if t["published"]
            else _("nothing published"),
        ),
        Figure(
            _("Waiting at the end"),
            count(t["waiting_at_the_end"]),
            _("oldest: %(time)s") % {"time": duration(t["oldest_waiting_seconds"])} if t["waiting_at_the_end"] else "",
        ),
        Figure(
            _("Overturned on appeal"),
            of(t["appeals_overturned"], t["appeals_ruled"]),
            ngettext("%(count)s appeal ruled on", "%(count)s appeals ruled on", t["appeals_ruled"])
            % {"count": count(t["appeals_ruled"])},
        ),
    ]


def _compared(now: int, before: int, span: Range) -> str:
    days = ngettext("the day before", "the %(count)d days before", span.days) % {"count": span.days}
    if before < dashboard.FEWEST:
        return _("%(count)s on %(days)s") % {"count": count(before), "days": days}
    change = round(100 * (now - before) / before)
    sign = "+" if change > 0 else "\N{MINUS SIGN}" if change < 0 else "±"
    return _("%(sign)s%(share)s %% on %(days)s") % {"sign": sign, "share": count(abs(change)), "days": days}


# --- Charts: geometry only, coloured by class ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mark:
    """A label with its place in the drawing."""

    words: str
    x: float
    y: float
    anchor: str = "middle"


@dataclass(slots=True)
class Chart:
    """What a template draws. ``sentence`` says to who does not see it what there is to see."""

    sentence: str
    width: float = 760
    left: float = 44
    """Where the drawing begins, after its numbers."""
    rects: list[tuple[str, float, float, float, float]] = field(default_factory=list)
    """Class, x, y, width, height."""
    paths: list[tuple[str, str]] = field(default_factory=list)
    dots: list[tuple[str, float, float]] = field(default_factory=list)
    grid: list[float] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    bars: list[tuple[str, str, float]] = field(default_factory=list)
    """For bars that lie: words, value in words, width from 0 to 100."""

    @property
    def is_empty(self) -> bool:
        return not (self.rects or self.dots or self.paths or self.bars)


TOP, BOTTOM = 10.0, 140.0
LAYERS = (
    ("f-publish", ("published_unread", "published_by_editors")),
    ("f-hold", ("held", "unscreened")),
    ("f-reject", ("rejected_unread", "rejected_by_editors")),
    ("f-quiet", ("withdrawn",)),
)


def _column(table: Table, name: str) -> list[Any]:
    place = [column.name for column in table.columns].index(name)
    return [row[place] for row in table.rows]


def _ticks(highest: float) -> list[float]:
    """Return two to five round numbers up to ``highest``."""
    if highest <= 0:
        return []
    raw = highest / 4
    size = 10 ** int(log10(raw)) if raw >= 1 else 1
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= raw)
    return [step * number for number in range(1, int(highest / step) + 1)]


def _under(starts: Sequence[date], centres: Sequence[float], span: Range, most: int = LABELS) -> list[Mark]:
    every = max(1, ceil(len(starts) / most))
    return [
        Mark(moment(start, span), x, 157)
        for number, (start, x) in enumerate(zip(starts, centres, strict=True))
        if number % every == 0
    ]


def bars(table: Table, span: Range) -> Chart:
    """Return comments as one standing bar for each step: published below, waiting, rejected, withdrawn on top."""
    received = _column(table, "received")
    starts = _column(table, "start")
    highest = max(received, default=0)
    if not highest:
        return Chart(_("No comments were received in these days."))
    busiest = received.index(highest)
    chart = Chart(
        _("%(count)s comments, most of them, %(most)s, at %(when)s.")
        % {"count": count(sum(received)), "most": count(highest), "when": moment(starts[busiest], span)}
    )
    room = (chart.width - chart.left) / len(starts)
    width = min(room * 0.74, 60)
    scale = (BOTTOM - TOP) / highest
    columns = {name: _column(table, name) for _class, names in LAYERS for name in names}
    centres = [chart.left + room * (number + 0.5) for number in range(len(starts))]
    for number, centre in enumerate(centres):
        y = BOTTOM
        for shade, names in LAYERS:
            height = scale * sum(columns[name][number] for name in names)
            if height:
                y -= height
                chart.rects.append(
                    (shade, round(centre - width / 2, 1), round(y, 1), round(width, 1), round(height, 1))
                )
    for tick in _ticks(highest):
        y = BOTTOM - tick * scale
        chart.grid.append(y)
        chart.marks.append(Mark(count(round(tick)), chart.left - 6, y + 4, "end"))
    chart.marks += _under(starts, centres, span)
    return chart


SHADES = ("l-act", "l-quiet")


def lines(table: Table, span: Range, names: list[str]) -> Chart:
    """Return durations as lines, a gap where there is nothing to say, a dot where one value stands alone."""
    moments = _column(table, table.columns[0].name)
    series = [_column(table, name) for name in names]
    known = [value for values in series for value in values if value is not None]
    if not known:
        if table.name == "waits":
            return Chart(_("Editors decided nothing that had waited in these days."))
        return Chart(_("Nothing waited for an editor at these moments."))
    highest = max(known)
    latest = next(value for value in reversed(series[0]) if value is not None)
    chart = Chart(
        _("The longest is %(longest)s, the last %(last)s.") % {"longest": duration(highest), "last": duration(latest)},
        width=420,
        left=50,
    )
    room = (chart.width - chart.left) / len(moments)
    centres = [chart.left + room * (number + 0.5) for number in range(len(moments))]
    scale = (BOTTOM - TOP) / (highest or 1)
    for shade, values in zip(SHADES, series, strict=False):
        run: list[tuple[float, float]] = []
        for x, value in [*zip(centres, values, strict=True), (0.0, None)]:
            if value is not None:
                run.append((x, BOTTOM - value * scale))
                continue
            if len(run) > 1:
                chart.paths.append((shade, "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in run)))
            elif run:
                chart.dots.append((shade, *run[0]))
            run = []
    unit = next(
        size for size, below in ((1, 180), (60, 10_800), (3_600, 259_200), (86_400, float("inf"))) if highest < below
    )
    for tick in _ticks(highest / unit):
        y = BOTTOM - tick * unit * scale
        chart.grid.append(y)
        chart.marks.append(Mark(_tick(tick, unit), chart.left - 6, y + 4, "end"))
    # A moment at midnight is the end of the day before, and called that.
    ends = table.name == "queue" and span.step != "hour"
    called = [each - timedelta(seconds=1) for each in moments] if ends else moments
    chart.marks += _under(called, centres, span, FEWER_LABELS)
    return chart


def _tick(value: float, unit: int) -> str:
    words = {1: _("%(count)s s"), 60: _("%(count)s min"), 3_600: _("%(count)s h"), 86_400: _("%(count)s d")}
    return words[unit] % {"count": count(round(value))}


def across(table: Table, name: str) -> Chart:
    """Return lying bars: counts against the largest, shares against the whole; too few cases make no bar."""
    labels = _column(table, table.columns[0].name)
    values = _column(table, name)
    is_share = name.endswith("_share")
    known = [(label, value) for label, value in zip(labels, values, strict=True) if value is not None][:BARS]
    if not known:
        return Chart(_("There are too few cases to draw."))
    full = 1 if is_share else max(value for _label, value in known) or 1
    chart = Chart(
        _("From %(first)s, %(most)s, to %(last)s, %(least)s.")
        % {
            "first": known[0][0],
            "most": percent(known[0][1]) if is_share else count(known[0][1]),
            "last": known[-1][0],
            "least": percent(known[-1][1]) if is_share else count(known[-1][1]),
        }
    )
    chart.bars = [
        (label, percent(value) if is_share else count(value), round(100 * value / full, 1)) for label, value in known
    ]
    return chart


ADDRESSES = [
    ("numbers/", page, "numbers"),
    ("numbers/<slug:table>.csv", spreadsheet, "numbers_csv"),
]
