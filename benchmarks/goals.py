"""What each figure should reach: a ratio to a floor of the same run, or a number of its own."""

from __future__ import annotations

from dataclasses import dataclass

TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, slots=True)
class Goal:
    """
    ``ratio`` is the most CPU a request may cost, application and database together, in multiples of ``floor``.

    ``queries`` and ``milliseconds`` (p50, p99) are limits of their own.
    """

    floor: str
    ratio: float | None = None
    queries: int | None = None
    p50: float | None = None
    p99: float | None = None

    def words(self) -> str:
        said = []
        if self.ratio:
            said.append(f"≤ {self.ratio:g} {TIMES} {self.floor}")
        if self.queries is not None:
            said.append(f"≤ {self.queries} SQL")
        if self.p50 is not None:
            said.append(f"p50 ≤ {self.p50:g} ms")
        if self.p99 is not None:
            said.append(f"p99 ≤ {self.p99:g} ms")
        return ", ".join(said)


HOT = Goal("view", 1.15, 0)
COLD = Goal("page", 1.5, 3)
POST = Goal("insert", 2.0, 8)

GOALS = {
    "page-hot": HOT,
    "page-hot-gzip": HOT,
    "page-304": HOT,
    "section-hot": HOT,
    "article-hot": Goal("view"),
    "counts-50": Goal("page", 1.0, 1),
    "page-cold": COLD,
    "page-later": COLD,
    "section-cold": COLD,
    "post-root": POST,
    "post-deep-reply": POST,
    "mixed-95-5": Goal("view", 2.3),
    "visible-idle": Goal("", p50=50, p99=250),
    "visible-steady": Goal("", p99=1000),
    "seen-by-others": Goal("", p99=1000),
    "events": Goal("", p99=250),
    "screening": Goal("", p50=5, p99=25),
    "screening-decided": Goal(""),
    "screening-hostile": Goal("", p99=250),
    "scoring": Goal("", p99=5),
}
"""By the name of a workload, without the size of the discussion at its end."""


def goal_of(name: str) -> Goal | None:
    return GOALS.get(name) or GOALS.get(name.rpartition("-")[0])


DESK = {
    "page": Goal("", queries=4, p50=100),
    "part": Goal("", queries=1, p50=100),
    "decision": Goal("", queries=8, p50=50),
    "answer": Goal("", p50=100),
}
"""
On a new connection: a page of a queue as the browser gets it, the session among its statements; one part of it by
itself, the list in one of its orders or the counts; a decision; and what the browser waits for when a key is pressed.
"""
SEARCH = Goal("", p50=100)
BULK = 1_000
"""Decisions a second that a bulk action should make, and take back."""

PHONE = 1_000
"""Milliseconds in which a throttled phone has a form that works, under a thousand comments."""
FLAT = 1.2
"""The most that the first page of 100,000 comments may cost, in multiples of that of 100."""
DRAIN = 500
"""Comments a second that one worker should screen."""
SANITIZE_MILLISECONDS = 1.0
MEMORY = 1.3
"""Memory of the web server after reading, in multiples of bare Django in the same server."""
