"""
Measure the newspaper beside its floors: ``python -m benchmarks [--quick] [--json FILE] [--only NAME …] [--docs]``.

Starts a PostgreSQL, a Redis, web servers and a worker of its own on loopback, and ends them. Under eight minutes;
``--quick`` under two. The desk is measured with 100,000 texts waiting; with a million for ``--docs``, or as ``--most``
says, which takes some six minutes more, most of them to fill it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import load, measuring, report
from benchmarks.load import Request
from benchmarks.measuring import Figure, Measuring
from benchmarks.newspaper import TEXT, Newspaper, Unanswered, check
from benchmarks.processes import pss_megabytes
from tests.servers import ROOT, Redis, postgresql

GROUPS = ("floors", "hot", "cold", "post", "drain", "flow", "mixed", "text", "screening")
APART = ("desk", "bulk", "phone")
"""Groups in a process of their own, with what they need of servers."""
MOST, MOST_QUICK, MOST_FOR_DOCS = 100_000, 10_000, 1_000_000
"""Texts that wait on the desk in the end, unless ``--most`` says otherwise."""
BULK, BULK_QUICK = 20_000, 2_000
PHONE = 1_000
"""Comments under the article that a phone opens."""

ENVIRONMENT = dict(os.environ)
"""Before the newspaper that is measured here has put its database and its Redis there, which end with it."""


def main(arguments: list[str] | None = None) -> int:
    every = (*GROUPS, *APART)
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller discussions, one second a workload")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--docs", action="store_true", help="write the figures into docs/performance.md")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=every, help=f"of: {', '.join(every)}")
    parser.add_argument("--most", type=int, metavar="N", help=f"texts that wait on the desk (usually {MOST:,})")
    options = parser.parse_args(arguments)
    wanted, begun = options.only or every, time.monotonic()
    parts: dict[str, str] = {}
    data: dict[str, Any] = {}
    unanswered: list[str] = []
    if set(wanted) & set(GROUPS):
        try:
            with tempfile.TemporaryDirectory(prefix="bench") as directory, postgresql() as database_url:
                bench = Bench(options, Path(directory), database_url)
                try:
                    bench.go()
                finally:
                    bench.stop()
        except (pytest.skip.Exception, pytest.fail.Exception) as missing:
            print(f"Nothing was measured: {missing}.", file=sys.stderr)
            return 1
        parts["figures"] = report.markdown(bench.m.figures, bench.facts)
        data, unanswered = bench.as_data(), bench.unanswered
    for name, show in (("desk", report.desk), ("bulk", report.bulk), ("phone", report.phone)):
        if name in wanted:
            found = apart(name, options)
            if found is None:
                unanswered.append(name)
            else:
                data[name], parts[name] = found, show(found)
    print("\n" + "\n\n".join(parts.values()) + "\n")
    print(f"{time.monotonic() - begun:.0f} seconds, load by {load.tool()}.")
    for sentence in unanswered:
        print(f"Not measured: {sentence}", file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    if options.docs:
        report.into(ROOT / "docs" / "performance.md", parts)
    return 1 if unanswered else 0


def apart(name: str, options: argparse.Namespace) -> dict[str, Any] | None:
    """Return the figures of a group in a process of its own; ``None`` when it failed, which it has said itself."""
    if name == "desk":
        usual = MOST_QUICK if options.quick else MOST_FOR_DOCS if options.docs else MOST
        size = ["--most", str(options.most or usual)]
    elif name == "phone":
        size = ["--count", str(PHONE)]
    else:
        size = ["--count", str(BULK_QUICK if options.quick else BULK)]
    _say(f"{name}, {' '.join(size)}")
    with tempfile.TemporaryDirectory(prefix="bench") as directory:
        written = Path(directory) / "figures.json"
        command = [sys.executable, "-m", f"benchmarks.{name}", *size, "--json", str(written)]
        if subprocess.run(command, cwd=ROOT, check=False, env=ENVIRONMENT).returncode:
            return None
        found: dict[str, Any] = json.loads(written.read_text())
        return found


class Bench:
    def __init__(self, options: argparse.Namespace, directory: Path, database_url: str) -> None:
        self.quick: bool = options.quick
        self.wanted = set(options.only or GROUPS)
        self.sizes = [100, 10_000] if self.quick else [100, 10_000, 100_000]
        self.unanswered: list[str] = []
        self.facts: dict[str, Any] = {}
        self.redis = Redis(directory)
        self.paper = Newspaper(directory, database_url, self.redis)
        self.m = Measuring(self.paper, 1 if self.quick else 3, _say)

    def stop(self) -> None:
        self.paper.stop()
        self.redis.stop()

    def go(self) -> None:
        self.paper.prepare(self.sizes, _say)
        self.m.figures = {}
        self.floors()
        # Shortest first: what posts and drains comes last, because it grows the discussions.
        for name, group in {
            "hot": self.hot,
            "cold": self.cold,
            "text": lambda: measuring.sanitizing(self.m, 30),
            "screening": self.judging,
        }.items():
            if name in self.wanted:
                self.attempt(group)
        if self.wanted & {"post", "drain", "flow", "mixed"}:
            self.attempt(self.writing)
        self.sum_up()

    def attempt(self, measure: Callable[[], Any]) -> None:
        """Measure; when an answer is not what it should be, say so and go on with the next."""
        try:
            measure()
        except (Unanswered, AssertionError, KeyError, ValueError, IndexError) as error:
            self.unanswered.append(f"{error}" if isinstance(error, Unanswered) else f"{type(error).__name__}: {error}")

    def load(self, *arguments: Any, **more: Any) -> None:
        self.attempt(lambda: self.m.load(*arguments, **more))

    # --- Floors -------------------------------------------------------------------------------------------------------

    def floors(self) -> None:
        """Measure the floors. Except in a quick run they stay up, to be measured beside each workload again."""
        raw, django = self.paper.floors()
        for name, what, web, request, status in self._floors(raw, django):
            self.m.load(name, what, web, [request], status=status)
            if not self.quick:
                self.m.floors[name] = (web, request)
        self.facts["memory"] = {"floor": pss_megabytes(django.pid)}
        if self.quick:
            self.paper.end("raw")
            self.paper.end("floors")

    def _floors(self, raw: Any, django: Any) -> list[tuple[str, str, Any, Request, int]]:
        post = Request(
            "/insert/", "POST", {"Content-Type": "application/json"}, json.dumps({"text": load.filled(TEXT, 0)})
        )
        return [
            ("raw", "raw: a WSGI callable, 32 KB", raw, Request("/"), 200),
            ("view", "view: a Django view without middleware, 32 KB", django, Request("/view/"), 200),
            ("page", "page: one ORM query, 50 rows as JSON", django, Request("/page/"), 200),
            ("insert", "insert: one ORM insert", django, post, 202),
        ]

    # --- Ours ---------------------------------------------------------------------------------------------------------

    def hot(self) -> None:
        web, size = self.paper.web(), 10_000
        page = self.paper.page(size)
        self.load("page-hot", "first page, kept", web, [page])
        zipped = self.paper.page(size, **{"Accept-Encoding": "gzip"})
        self.load("page-hot-gzip", "first page, kept, sent gzipped", web, [zipped])
        self.attempt(lambda: self.not_modified(web, page))
        self.load("section-hot", "HTML section, kept", web, [self.paper.section(size)])
        self.attempt(lambda: self.m.load("article-hot", "whole article page", web, [self.paper.article()]))
        self.load("counts-50", "counts of 50 stories", web, [self.paper.counts()])
        self.facts["memory"]["ours"] = pss_megabytes(web.pid)
        self.paper.end("web")

    def not_modified(self, web: Any, page: Request) -> None:
        etag = check(web.base, page, 200).headers.get("ETag", "")
        request = Request(page.path, headers={"If-None-Match": etag})
        figure = self.m.load("page-304", "first page, If-None-Match", web, [request], status=304)
        figure.bytes = figure.bytes or 1

    def cold(self) -> None:
        """Ask a server whose pages are too old as soon as they are built: each request builds its own."""
        web = self.paper.web("cold", BENCH_CACHE_SECONDS="0")
        for size in self.sizes:
            what = f"first page, built anew, of {size:,}"
            self.load(f"page-cold-{size}", what, web, [self.paper.page(size)], cold=True)
        largest = self.sizes[-1]
        later = self.paper.page(largest, f"?cursor={self.paper.middle(largest)}")
        self.load(f"page-later-{largest}", f"a page in the middle, built anew, of {largest:,}", web, [later], cold=True)
        section = self.paper.section(10_000)
        self.load("section-cold-10000", "HTML section, built anew, of 10,000", web, [section], cold=True)
        self.paper.end("cold")

    def judging(self) -> None:
        self.attempt(lambda: measuring.scoring(self.m, 500 if self.quick else 4_000))
        self.attempt(lambda: measuring.screening(self.m, 100 if self.quick else 1_000))

    def writing(self) -> None:
        web, largest = self.paper.web(), self.sizes[-1]
        if "post" in self.wanted:
            deep = self.paper.deep(largest)
            self.load("post-root", "post under 100", web, self.paper.posts(["bench-100"]), status=202)
            self.load(
                f"post-root-{largest}",
                f"post under {largest:,}",
                web,
                self.paper.posts([f"bench-{largest}"]),
                status=202,
            )
            replies = self.paper.posts([f"bench-{largest}"], deep)
            self.load("post-deep-reply", f"reply deep under {largest:,}", web, replies, status=202)
            self.paper.forget_waiting()
        if "drain" in self.wanted:
            seconds = 3 if self.quick else 10
            self.attempt(lambda: self.drained(web, "drain-one", "one discussion", ["bench-100"], seconds))
            if not self.quick:
                keys = [f"counted-{n}" for n in range(50)]
                self.attempt(lambda: self.drained(web, "drain-many", "50 discussions", keys, seconds))
                self.attempt(lambda: self.drained(web, "drain-process", "50 discussions", keys, seconds, 1))
        if self.wanted & {"flow", "mixed"}:
            self.flows(web)
        self.paper.end("web")

    def drained(self, web: Any, name: str, where: str, keys: list[str], seconds: float, processes: int = 2) -> None:
        self.m.say("filling the queue")
        self.paper.forget_waiting()
        check(web.base, self.paper.posts(keys)[0], 202)
        for _ in range(2 if self.quick else 30):
            load.run(web.base, self.paper.posts(keys), 1)
            if self.paper.waiting() > 600 * seconds:
                break
        measuring.drain(self.m, name, where, seconds, processes)

    def flows(self, web: Any) -> None:
        self.paper.forget_waiting()
        live = self.paper.live()
        worker = self.paper.worker()
        self.paper.worker_is_ready()
        if "flow" in self.wanted:
            self.attempt(lambda: measuring.events(self.m, live, 100, 200, 10 if self.quick else 30))
            self.attempt(lambda: measuring.visible_idle(self.m, web, live, 10_000, 16 if self.quick else 60))
            seconds = 4 if self.quick else 10
            self.attempt(lambda: measuring.visible_steady(self.m, web, live, worker.pid, 10_000, 30, seconds))
        if "mixed" in self.wanted:
            requests = []
            for post in self.paper.posts(["bench-10000"]):
                requests += [self.paper.page(10_000)] * 19 + [post]
            besides = {"worker": worker.pid}
            self.attempt(lambda: self.mixed(web, requests, besides))
        self.paper.end("worker")
        self.paper.end("live")

    def mixed(self, web: Any, requests: list[Request], besides: dict[str, int]) -> None:
        check(web.base, requests[0], 200)
        check(web.base, requests[-1], 202)
        self.m.say("95 reads and 5 posts")
        from benchmarks.processes import Meter

        roots = {"app": web.pid, "database": self.paper.postmaster, "redis": self.redis.pid} | besides
        with Meter(roots) as meter:
            done = load.run(web.base, requests, self.m.seconds)
        per = 1000 / done.requests
        self.m.keep(
            Figure(
                "mixed-95-5",
                "95 first pages and 5 posts of 100 requests, worker running",
                per_second=done.per_second,
                p50=done.p50_ms,
                p99=done.p99_ms,
                cpu=meter.used["app"] * per,
                database=meter.used["database"] * per,
                elsewhere=(meter.used["worker"] + meter.used["redis"]) * per,
                others=meter.others,
                note=f"worker and Redis {(meter.used['worker'] + meter.used['redis']) * per:.2f} CPU ms a request"
                + (f", {done.failed} failed" if done.failed else ""),
            )
        )
        self.paper.empty_queue()

    # --- The end ------------------------------------------------------------------------------------------------------

    def sum_up(self) -> None:
        figures = self.m.figures
        smallest, largest = (figures.get(f"page-cold-{size}") for size in (self.sizes[0], self.sizes[-1]))
        if smallest and largest and not self.quick:
            self.facts["flat"] = largest.total / smallest.total
            self.facts["flat_comments"] = (largest.comments, smallest.comments)
        if "ours" not in self.facts.get("memory", {}):
            self.facts.pop("memory", None)
        shares = [figure.others for figure in figures.values() if figure.others]
        if shares:
            self.facts["others"] = f"{statistics.median(shares):.0%}, {max(shares):.0%}"

    def as_data(self) -> dict[str, Any]:
        figures = {}
        for name, figure in self.m.figures.items():
            ratio, goal, met = report.verdict(figure, self.m.figures)
            figures[name] = figure.as_data() | {"ratio": ratio, "goal": goal, "met": met}
        return {
            "python": platform.python_version(),
            "load": load.tool(),
            "connections": load.CONNECTIONS,
            "quick": self.quick,
            "figures": figures,
            "facts": self.facts,
            "not_measured": self.unanswered,
        }


def _say(what: str) -> None:
    print(f"  {what} …", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
