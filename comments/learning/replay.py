"""
A newsroom's decisions gone through again, in their order: each text is scored before it is learnt. Needs no database.

Learns as a site does: one by one within the stream, and a refit of everything now and then.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from math import log
from typing import Any

from comments.learning import figures, outliers
from comments.learning.figures import Scored
from comments.learning.learner import REMEMBERED, Example, Learner, fitted
from comments.learning.refit import HALF_LIFE_DAYS, MOST, shares
from comments.screening.scorers import features, site
from comments.screening.scorers.weights import warm

FIRST_REFIT = 400
GROWS = 2.0
"""A refit follows whenever there are this many times the decisions of the last: at night, were there nights."""

CURVE = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
CALIBRATED_FROM = 200
LOOKED_AT_EVERY = 50
"""Decisions after which it is looked again whether an editor is unlike the others."""


class BadLine(ValueError):
    """A line that is no decision, and why."""


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    rejected: bool
    editor: str = ""
    at: datetime | None = None


def line(given: Any) -> Line:
    """Return a line of the file, read; raise ``BadLine`` with the reason for anything else."""
    if not isinstance(given, dict):
        raise BadLine("a line is an object with “text” and “rejected”")
    text, rejected = given.get("text"), given.get("rejected")
    if not isinstance(text, str):
        raise BadLine("“text” has to be a string")
    if isinstance(rejected, int) and rejected in (0, 1):
        rejected = bool(rejected)
    if not isinstance(rejected, bool):
        raise BadLine("“rejected” has to be true or false")
    editor, at = given.get("editor"), given.get("at")
    if editor is not None and not isinstance(editor, str | int):
        raise BadLine("“editor” has to be a name")
    moment = None
    if at is not None:
        try:
            moment = datetime.fromisoformat(at)
        except (TypeError, ValueError):
            raise BadLine("“at” has to be a time like 2026-03-01T12:00:00+00:00") from None
    return Line(text, rejected, "" if editor is None else str(editor), moment)


@dataclass(slots=True)
class Replay:
    """The state of one replay. ``score`` a line, then ``learn`` it."""

    cold: bool = False
    learner: Learner = field(default_factory=Learner)
    scored: list[Scored] = field(default_factory=list)
    shipped: list[Scored] = field(default_factory=list)
    """The same texts by the shipped model alone."""

    kept: list[tuple[Example, str, datetime | None]] = field(default_factory=list)
    rows: list[tuple[str, list[float]]] = field(default_factory=list)
    """Whose decision each of the last texts was, and how it was scored before it was learnt."""
    by_editor: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Decisions and removals."""
    odd: set[str] = field(default_factory=set)
    """Editors of whom nothing is learnt, since they remove far more or far less than the others."""
    next_refit: int = FIRST_REFIT
    refits: int = 0

    def take(self, given: Line) -> float:
        """Return the probability for one line, then learn it."""
        example = self._read(given)
        p = self.learner.probability(example)
        self.scored.append(Scored(p, given.rejected))
        if not self.cold:
            self.shipped.append(Scored(example.shipped, given.rejected))
        decisions, removals = self.by_editor.get(given.editor, (0, 0))
        self.by_editor[given.editor] = decisions + 1, removals + given.rejected
        if given.editor not in self.odd:
            self.learner.learn(example)
            self.rows.append((given.editor, self.learner.recent[-1]))
        self.kept.append((example, given.editor, given.at))
        if len(self.kept) > 2 * MOST:
            del self.kept[:-MOST]
            del self.rows[: -2 * REMEMBERED]
        changed = len(self.scored) % LOOKED_AT_EVERY == 0 and self._look_at_editors()
        if changed or self.learner.decisions >= self.next_refit:
            self._refit()
        return p

    def _look_at_editors(self) -> bool:
        """Find out of whom nothing is to be learnt; return whether that has changed."""
        rates = {who: (count, removals / count) for who, (count, removals) in self.by_editor.items() if who}
        odd, _usual = outliers.odd_ones(rates)
        changed, self.odd = odd != self.odd, odd
        return changed

    def _read(self, given: Line) -> Example:
        buckets = array("i", features.buckets(given.text))
        shipped = 0.0
        if not self.cold and features.is_latin(given.text):
            weights = warm()
            shipped = site.shipped_logit(weights, weights.logit(buckets))
        return Example(shipped, buckets, given.rejected)

    def _refit(self) -> None:
        latest = [kept for kept in self.kept[-MOST:] if kept[1] not in self.odd]
        newest = max((at for _e, _w, at in latest if at is not None and at.tzinfo), default=None)
        totals: dict[int | None, float] = {}
        names = {name: number for number, name in enumerate(sorted({editor for _e, editor, _at in latest}))}
        aged = []
        for example, editor, at in latest:
            weight = 1.0
            if newest is not None and at is not None and at.tzinfo:
                weight = 0.5 ** ((newest - at).total_seconds() / 86_400 / HALF_LIFE_DAYS)
            totals[names[editor]] = totals.get(names[editor], 0.0) + weight
            aged.append((example, names[editor], weight))
        factors = shares(totals)
        self.learner = fitted(
            [
                example if weight * factors[who] == 1.0 else replace(example, weight=weight * factors[who])
                for example, who, weight in aged
            ],
            held_back=[row for editor, row in self.rows if editor not in self.odd],
        )
        heard = [counts for editor, counts in self.by_editor.items() if editor not in self.odd]
        self.learner.decisions = sum(decisions for decisions, _removals in heard)
        self.learner.removals = sum(removals for _decisions, removals in heard)
        self.refits += 1
        self.next_refit = int(self.learner.decisions * GROWS)

    def report(self) -> dict[str, Any]:
        """Return the figures of what was scored so far."""
        rows, later = self.scored, self.scored[CALIBRATED_FROM:]
        return {
            "decisions": len(rows),
            "removals": sum(row.rejected for row in rows),
            "cold": self.cold,
            "refits": self.refits,
            "left_out": sorted(self.odd),
            "auc": _rounded(figures.auc(rows)),
            "auc_shipped_alone": _rounded(figures.auc(self.shipped)),
            "auc_after": {str(count): _rounded(figures.auc(rows[count:])) for count in CURVE if count < len(rows)},
            "curve": self.curve(),
            "queue_precision": _rounded(figures.queue_precision(rows)),
            "queue_precision_shipped_alone": _rounded(figures.queue_precision(self.shipped)),
            "calibration_error_after_200": _rounded(figures.calibration_error(later)),
            "brier": _rounded(figures.brier(rows)),
            "brier_after_200": _rounded(figures.brier(later)),
        }

    def curve(self) -> list[dict[str, Any]]:
        """
        Return the AUC of successive stretches of the stream: ``{"from", "to", "auc", "auc_shipped_alone"}``.

        ``auc`` of the stretch from 200 to 500 is what a newsroom with 200 to 500 decisions gets.
        """
        ends = [0, *(count for count in CURVE if count < len(self.scored)), len(self.scored)]
        return [
            {
                "from": start,
                "to": end,
                "removals": sum(row.rejected for row in self.scored[start:end]),
                "auc": _rounded(figures.auc(self.scored[start:end])),
                "auc_shipped_alone": _rounded(figures.auc(self.shipped[start:end])),
            }
            for start, end in pairwise(ends)
            if end > start
        ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


# --- The picture ------------------------------------------------------------------------------------------------------

WIDTH, HEIGHT, LEFT, BOTTOM = 640, 320, 56, 48
SMALLEST = 10


def drawn(curves: Sequence[tuple[str, Sequence[tuple[float, float]]]], *, title: str) -> str:
    """
    Return curves of AUC over decisions as an SVG file: a log axis of decisions, AUC from .4 to 1.

    ``curves`` are a name and its points (decisions, AUC). Colours follow the reader's light or dark setting.
    """
    most = max((x for _name, points in curves for x, _y in points), default=1_000.0)
    across, up = _axes(max(most, 100.0))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{_escaped(title)}" font-family="system-ui, sans-serif" font-size="12">',
        "<style>text{fill:#333}.g{stroke:#ccc}.c0{stroke:#0b5394;fill:#0b5394}.c1{stroke:#b45f06;fill:#b45f06}"
        ".c2{stroke:#555;fill:#555}.c3{stroke:#6a329f;fill:#6a329f}"
        "path{fill:none!important;stroke-width:2}text{stroke:none!important}"
        "@media(prefers-color-scheme:dark){text{fill:#ddd}.g{stroke:#444}.c0{stroke:#7ab8ff;fill:#7ab8ff}"
        ".c1{stroke:#ffb668;fill:#ffb668}.c2{stroke:#aaa;fill:#aaa}.c3{stroke:#c9a2ff;fill:#c9a2ff}}</style>",
        f"<title>{_escaped(title)}</title>",
    ]
    for tenth in range(4, 11):
        y = up(tenth / 10)
        parts.append(f'<path class="g" d="M{LEFT} {y:.1f}H{WIDTH - 110}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tenth / 10:.1f}</text>')
    for x in (10, 50, 200, 1_000, 5_000, 20_000, 100_000):
        if x <= most * 1.05:
            parts.append(f'<text x="{across(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{x:,}</text>')
    parts.append(
        f'<text x="{(LEFT + WIDTH - 110) / 2}" y="{HEIGHT - 8}" text-anchor="middle">decisions (log scale)</text>'
    )
    for number, (name, points) in enumerate(curves):
        if not points:
            continue
        way = "L".join(f"{across(x):.1f} {up(y):.1f}" for x, y in points)
        parts.append(f'<path class="c{number % 4}" d="M{way}"/>')
        parts += [f'<circle class="c{number % 4}" cx="{across(x):.1f}" cy="{up(y):.1f}" r="3"/>' for x, y in points]
        end, level = across(points[-1][0]) + 8, up(points[-1][1]) + 4
        parts.append(f'<text class="c{number % 4}" x="{end:.1f}" y="{level:.1f}">{_escaped(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _axes(most: float) -> tuple[Callable[[float], float], Callable[[float], float]]:
    wide = log(most / SMALLEST)

    def across(x: float) -> float:
        return LEFT + (WIDTH - 110 - LEFT) * log(max(x, SMALLEST) / SMALLEST) / wide

    def up(y: float) -> float:
        return 12 + (HEIGHT - BOTTOM - 12) * (1 - (min(max(y, 0.4), 1.0) - 0.4) / 0.6)

    return across, up


def _escaped(words: str) -> str:
    return words.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
