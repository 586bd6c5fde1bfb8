"""What processes have used, from ``/proc``: the CPU time of a server with everything it started, and its memory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class _Process:
    parent: int
    ticks: int
    """Its own time and that of its children that have ended."""


def _all() -> dict[int, _Process]:
    found = {}
    for directory in Path("/proc").iterdir():
        if directory.name.isdecimal():
            try:
                said = (directory / "stat").read_bytes()
            except OSError:
                continue
            # The name in parentheses may hold spaces; what follows it does not.
            rest = said[said.rindex(b")") + 2 :].split()
            found[int(directory.name)] = _Process(int(rest[1]), sum(map(int, rest[11:15])))
    return found


def _tree(root: int, processes: dict[int, _Process]) -> list[int]:
    children: dict[int, list[int]] = {}
    for pid, process in processes.items():
        children.setdefault(process.parent, []).append(pid)
    tree, look = [], [root]
    while look:
        pid = look.pop()
        if pid in processes:
            tree.append(pid)
            look += children.get(pid, [])
    return tree


def cpu_seconds(roots: dict[str, int]) -> dict[str, float]:
    """Return the user and system time used so far by each named process and all its descendants."""
    processes = _all()
    return {name: sum(processes[pid].ticks for pid in _tree(root, processes)) / TICK for name, root in roots.items()}


def parent_of(pid: int) -> int:
    return _all()[pid].parent


def pss_megabytes(root: int) -> float:
    """Return the memory of a process and its descendants, shared pages counted once between them."""
    total = 0
    for pid in _tree(root, _all()):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def _machine() -> tuple[float, float]:
    user, nice, system, idle, iowait, irq, softirq, *_more = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    busy = user + nice + system + irq + softirq
    return busy / TICK, (busy + idle + iowait) / TICK


@dataclass
class Meter:
    """Measure what named processes use between two moments, and how much of the machine others take meanwhile."""

    roots: dict[str, int]
    used: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    others: float = 0.0
    """Share of the machine, 0 to 1, that neither the named processes nor ourselves with our children used."""

    def __enter__(self) -> Meter:
        self._before = cpu_seconds(self.roots)
        self._ours = _own(self.roots.values())
        self._machine = _machine()
        self._started = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._started
        after = cpu_seconds(self.roots)
        self.used = {name: after[name] - before for name, before in self._before.items()}
        busy, whole = (now - then for now, then in zip(_machine(), self._machine, strict=True))
        ours = _own(self.roots.values()) - self._ours
        if whole:
            self.others = max(0.0, (busy - ours - sum(self.used.values())) / whole)


def _own(except_for: Iterable[int]) -> float:
    """Return our own time and that of our descendants but for the named ones."""
    processes = _all()
    left = {pid for root in except_for for pid in _tree(root, processes)}
    return sum(processes[pid].ticks for pid in _tree(os.getpid(), processes) if pid not in left) / TICK
