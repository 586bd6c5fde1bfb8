"""
Weekly hours, written as editors say them: ``("mon-fri 06:00-24:00", "sat,sun 08:00-22:00")``.

A day may be left out ("06:00-24:00" is every day), and an end before its beginning is on the next day. The times are
those of a clock on the wall: where it is put forward, hours that begin in the missing hour begin when it is over;
where it is put back, hours take in the repeated hour whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 24 * 60
AHEAD = 9
"""Days looked at from today on: any weekly opening comes within them."""

_line = re.compile(
    r"(?:(?P<days>[a-z]{3}(?:-[a-z]{3})?(?:,[a-z]{3}(?:-[a-z]{3})?)*) )?"
    r"(?P<from>(?:[01][0-9]|2[0-3]):[0-5][0-9])-(?P<to>(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)"
)

_moment_written = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2}:[0-9]{2})?")

Window = tuple[int, int, int]
"""Weekday (0 is Monday), first minute of that day, minute after the last; over 1,440 on the next day."""


@dataclass(frozen=True, slots=True)
class Now:
    """Whether it is within the hours, and when that changes next; ``None``: not within the coming week."""

    is_open: bool
    until: datetime | None


@lru_cache(maxsize=256)
def parsed(lines: tuple[str, ...]) -> tuple[Window, ...]:
    """Return ``lines`` as windows. Raise ``ValueError`` with the line that cannot be read."""
    found: list[Window] = []
    for line in lines:
        match = _line.fullmatch(" ".join(line.lower().replace(", ", ",").split()))
        if match is None:
            raise ValueError(line)
        first, last = _minutes(match["from"]), _minutes(match["to"])
        if first == last:
            raise ValueError(line)
        found += [(day, first, last if last > first else last + DAY) for day in _days(match["days"], line)]
    return tuple(found)


def moment(written: str) -> datetime | None:
    """Return ``"2026-12-24 18:00"`` as it is on a clock, without a zone; "" is ``None``. Raise ``ValueError``."""
    words = written.strip()
    if not words:
        return None
    if not _moment_written.fullmatch(words):
        raise ValueError(written)
    return datetime.fromisoformat(words)


def _days(written: str | None, line: str) -> list[int]:
    if written is None:
        return [*range(7)]
    found = []
    for part in written.split(","):
        first, _dash, last = part.partition("-")
        if first not in DAYS or (last and last not in DAYS):
            raise ValueError(line)
        start, end = DAYS.index(first), DAYS.index(last or first)
        found += [day % 7 for day in range(start, end + 1 if end >= start else end + 8)]
    return found


def _minutes(written: str) -> int:
    hours, _colon, minutes = written.partition(":")
    return int(hours) * 60 + int(minutes)


def now(lines: Sequence[str], at: datetime, zone: tzinfo) -> Now:
    """Say whether ``at`` is within the hours ``lines`` by the clocks of ``zone``. No lines: always."""
    windows = parsed(tuple(lines))
    if not windows:
        return Now(True, None)
    today = at.astimezone(zone).date()
    spans = sorted(
        (_moment(day, first, zone, last=False), _moment(day, end, zone, last=True))
        for day in (today + timedelta(days=ahead) for ahead in range(-2, AHEAD))
        for weekday, first, end in windows
        if weekday == day.weekday()
    )
    horizon = at + timedelta(days=AHEAD - 2)
    until = None
    for start, end in spans:
        if until is None:
            if start > at:
                return Now(False, start)
            if end > at:
                until = end
        elif start <= until:
            until = max(until, end)
    if until is None:
        return Now(False, None)
    return Now(True, until if until < horizon else None)


def _moment(day: date, minutes: int, zone: tzinfo, *, last: bool) -> datetime:
    """Return when a clock in ``zone`` shows ``minutes`` after the midnight that begins ``day``, in UTC."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
    both = [wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    early, late = min(both), max(both)
    if early.astimezone(zone).replace(tzinfo=None) == wall:
        return late if last else early
    # The clock never shows it: it happens when the clock is put forward.
    before = early.astimezone(zone).utcoffset()
    while early < late and early.astimezone(zone).utcoffset() == before:
        early += timedelta(minutes=1)
    return early
