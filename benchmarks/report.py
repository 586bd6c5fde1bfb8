"""The figures beside their floors and goals, as Markdown and as JSON."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from benchmarks.goals import (
    BULK,
    DESK,
    DRAIN,
    FLAT,
    MEMORY,
    PHONE,
    SANITIZE_MILLISECONDS,
    SEARCH,
    TIMES,
    Goal,
    goal_of,
)
from benchmarks.measuring import Figure

FLOORS = ("raw", "view", "page", "insert")


def verdict(figure: Figure, figures: dict[str, Figure]) -> tuple[float | None, str, bool | None]:
    """Return the ratio to the floor, the goal in words, and whether it is met (``None``: nothing to meet)."""
    goal = goal_of(figure.name)
    if figure.name.startswith("drain"):
        return None, f"≥ {DRAIN} a second", figure.per_second >= DRAIN
    if figure.name == "sanitize":
        return None, f"≤ {SANITIZE_MILLISECONDS:g} ms", figure.cpu <= SANITIZE_MILLISECONDS
    if goal is None:
        return None, "", None
    floor = figure.floor or (figures[goal.floor].total if goal.floor in figures else 0.0)
    ratio = figure.total / floor if floor and figure.total else None
    limits = []
    if goal.ratio and ratio is not None:
        limits.append(round(ratio, 2) <= goal.ratio)
    if goal.queries is not None and figure.queries is not None:
        limits.append(figure.queries <= goal.queries)
    if goal.p50 is not None:
        limits.append(figure.p50 <= goal.p50)
    if goal.p99 is not None:
        limits.append(figure.p99 <= goal.p99)
    return ratio, goal.words(), all(limits) if limits else None


def _floor_of(figure: Figure) -> str:
    goal = goal_of(figure.name)
    return goal.floor if goal else ""


def _met(met: bool | None) -> str:
    return "" if met is None else "yes" if met else "**no**"


def _number(value: float, digits: int = 2) -> str:
    if not value:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.{digits}f}" if value < 10 else f"{value:.1f}"


def _kilobytes(value: int) -> str:
    return "" if not value else f"{value / 1000:.1f}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def markdown(figures: dict[str, Figure], facts: dict[str, Any]) -> str:
    """Return the whole report."""
    return "\n\n".join(part for part in (_floors(figures), _workloads(figures), _flows(figures), _facts(facts)) if part)


def _floors(figures: dict[str, Figure]) -> str:
    rows = [
        [f.what, _number(f.per_second, 0), _number(f.p50), _number(f.p99), _number(f.cpu, 3), _number(f.database)]
        for f in (figures[name] for name in FLOORS if name in figures)
    ]
    head = ["floor", "req/s", "p50 ms", "p99 ms", "CPU ms app", "CPU ms database"]
    return _table(head, rows) if rows else ""


def _workloads(figures: dict[str, Figure]) -> str:
    rows = []
    for f in figures.values():
        if f.name in FLOORS or not f.bytes:
            continue
        ratio, goal, met = verdict(f, figures)
        rows.append(
            [
                f.what + (f" ({f.comments} comments)" if f.comments else ""),
                _number(f.per_second, 0),
                _number(f.p50),
                _number(f.p99),
                _number(f.cpu),
                _number(f.database),
                "" if f.queries is None else str(f.queries),
                _kilobytes(f.bytes) + (f" / {_kilobytes(f.gzipped)}" if f.gzipped else ""),
                f"{ratio:.2f} {TIMES} {_floor_of(f)}" if ratio else "",
                goal,
                _met(met),
            ]
        )
    head = [
        "workload", "req/s", "p50 ms", "p99 ms", "CPU ms app", "CPU ms db", "SQL", "KB / gzip", "of its floor", "goal",
        "met",
    ]  # fmt: skip
    return _table(head, rows) if rows else ""


def _flows(figures: dict[str, Figure]) -> str:
    rows = []
    for f in figures.values():
        if f.name in FLOORS or f.bytes:
            continue
        _ratio, goal, met = verdict(f, figures)
        numbers = [_number(f.per_second, 0), _number(f.p50), _number(f.p99), _number(f.cpu), _number(f.database)]
        rows.append([f.what, *numbers, "" if f.queries is None else str(f.queries), f.note, goal, _met(met)])
    head = ["flow", "per second", "p50 ms", "p99 ms", "CPU ms", "CPU ms db", "SQL", "", "goal", "met"]
    return _table(head, rows) if rows else ""


def _facts(facts: dict[str, Any]) -> str:
    rows = []
    if flat := facts.get("flat"):
        said = "{:.2f}; {} against {} comments on the page".format(flat, *facts["flat_comments"])
        rows.append(["first page, 100,000 ÷ 100 comments, CPU", said, f"≤ {FLAT:g}", _met(flat <= FLAT)])
    if memory := facts.get("memory"):
        ratio = memory["ours"] / memory["floor"]
        said = f"{memory['ours']:.0f} MB, {ratio:.2f} {TIMES} bare Django ({memory['floor']:.0f} MB)"
        rows.append(
            ["memory of the web server after reading (PSS)", said, f"≤ {MEMORY:g} {TIMES}", _met(ratio <= MEMORY)]
        )
    if others := facts.get("others"):
        rows.append(["share of the machine other programs took, median and worst", others, "", ""])
    return _table(["", "", "goal", "met"], rows) if rows else ""


def _within(goal: Goal, ms: list[float], sql: int | None = None) -> bool:
    return max(ms) <= (goal.p50 or 0) and (sql is None or goal.queries is None or sql <= goal.queries)


def desk(found: dict[str, Any]) -> str:
    """Return what :mod:`benchmarks.desk` measured."""
    sizes, rows = found["sizes"], []
    for page in found["pages"]:
        goal, ms, sql, whole = DESK[page["kind"]], page["ms"], page["sql"], page["kind"] == "page"
        flat = ms[-1] / ms[0]
        met = _within(goal, ms, sql) and (not whole or round(flat, 1) <= FLAT)
        words = goal.words().replace("p50 ", "") + (f", ≤ {FLAT:g} {TIMES}" if whole else "")
        rows.append([page["what"], *(f"{one:.1f}" for one in ms), str(sql), f"{flat:.1f}", words, _met(met)])
    head = ["", *(f"of {size:,}" for size in sizes), "SQL", "largest : smallest", "goal", "met"]
    searches = [
        [one["what"], f"`{one['typed']}`", f"{one['ms']:.1f}", str(one["found"]), _met(_within(SEARCH, [one["ms"]]))]
        for one in found["searches"]
    ]
    goal_of_searches = SEARCH.words().replace("p50 ", "")
    said = (
        f"With {' and '.join(f'{size:,}' for size in sizes)} texts waiting, on {found['vendor']}; milliseconds on a "
        "connection just opened, the median of five."
    )
    named = [f"search among {sizes[-1]:,} comments", "typed", "ms", "found on the first page", goal_of_searches]
    return "\n\n".join([said, _table(head, rows), _table(named, searches)])


def bulk(found: dict[str, Any]) -> str:
    """Return what :mod:`benchmarks.bulk` measured."""
    rows = []
    for pace in found["paces"]:
        what = f"{pace['decisions']:,} comments under {found['stories']} stories: {pace['what']}"
        cpu = f"{pace['cpu']:.1f} + {pace['database']:.1f}"
        longest = f"{1_000 * pace['longest']:.0f}"
        per_second = pace["per_second"]
        rows.append([what, f"{per_second:,.0f}", cpu, longest, f"≥ {BULK:,} a second", _met(per_second >= BULK)])
    head = ["decisions in bulk", "per second", "s of CPU, process + database", "longest step, ms", "goal", "met"]
    return _table(head, rows)


def phone(found: dict[str, Any]) -> str:
    """Return what :mod:`benchmarks.phone` measured."""
    line = found["line"]
    slow = (
        f"processor {found['slower']} {TIMES} slower, {line['downloadThroughput'] * 8 / 1e6:g} Mbit/s, "
        f"{line['latency']} ms there and back"
    )
    rows = []
    for name, what in (("phone", slow), ("here", "the same on this machine as it is")):
        took = found[name]
        bound = took["bound"]["median"]
        goal, met = (f"≤ {PHONE:,} ms", _met(bound <= PHONE)) if name == "phone" else ("", "")
        rows.append(
            [
                what,
                f"{took['painted']['median']:.0f}",
                f"{bound:.0f}",
                f"{took['bound']['worst']:.0f}",
                f"{took['bytes']['median'] / 1000:.0f}",
                goal,
                met,
            ]
        )
    head = [
        f"an article with {found['count']:,} comments, empty cache", "first paint, ms", "form works, ms", "worst, ms",
        "KB", "goal", "met",
    ]  # fmt: skip
    busy = found["busy"]
    said = (
        f"Meanwhile {busy['waiting']} programs wanted to run on {busy['processors']} processors; what is above "
        f"{busy['processors']} made both rows slower."
    )
    return f"{_table(head, rows)}\n\n{said}"


def into(document: Path, parts: dict[str, str]) -> None:
    """Replace the figures in ``document``, each part between its own marks; what was not measured stays."""
    written = document.read_text()
    for name, text in parts.items():
        begin, end = f"<!-- {name}: written by ./run bench --docs -->", f"<!-- end of {name} -->"
        found = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        new = f"{begin}\n\n{text}\n\n{end}"
        written = found.sub(lambda _match, new=new: new, written)  # type: ignore[misc]
    document.write_text(written)
