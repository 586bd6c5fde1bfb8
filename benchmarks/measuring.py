"""How each figure is taken: load, CPU time, queries, bytes; and the way of a comment from its post to its readers."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx

from benchmarks.goals import goal_of
from benchmarks.load import Request, filled, percentile, run
from benchmarks.newspaper import Newspaper, Unanswered, Web, ask, check
from benchmarks.processes import Meter


@dataclass(slots=True)
class Figure:
    """One line of the report. ``cpu`` and ``database`` are CPU milliseconds a request."""

    name: str
    what: str
    per_second: float = 0.0
    p50: float = 0.0
    p99: float = 0.0
    cpu: float = 0.0
    database: float = 0.0
    elsewhere: float = 0.0
    """CPU milliseconds a request in Redis and, where one runs, the worker."""
    queries: int | None = None
    bytes: int = 0
    gzipped: int = 0
    comments: int | None = None
    """Comments in the answer."""
    floor: float = 0.0
    """CPU milliseconds of one request to the workload's floor, measured just before and just after; 0: not measured."""
    others: float = 0.0
    """Share of the machine other programs used meanwhile."""
    note: str = ""

    @property
    def total(self) -> float:
        return self.cpu + self.database

    def as_data(self) -> dict[str, Any]:
        return asdict(self) | {"total": self.total}


def count_of(answer: httpx.Response) -> int | None:
    """Return how many comments are in a page, of the API or of HTML."""
    if not answer.headers.get("Content-Type", "").startswith("application/json"):
        return answer.text.count('id="comment-') or None
    found = answer.json()
    if "results" not in found:
        return None
    return sum(1 + len(thread.get("replies", ())) for thread in found["results"])


@dataclass(slots=True)
class Measuring:
    paper: Newspaper
    seconds: float
    say: Callable[[str], None]
    figures: dict[str, Figure] = field(default_factory=dict)
    floors: dict[str, tuple[Web, Request]] = field(default_factory=dict)
    """Floors that answer, to be measured beside each workload."""

    def load(
        self,
        name: str,
        what: str,
        web: Web,
        requests: list[Request],
        *,
        status: int = 200,
        cold: bool = False,
    ) -> Figure:
        """Measure one workload against ``web``, between two looks at its floor."""
        self.say(what)
        figure = Figure(name, what)
        for one in (requests[0], requests[-1]):
            answer = check(web.base, one, status)
        figure.bytes = len(answer.content)
        if requests[0].method == "GET" and status == 200:
            zipped = ask(web.base, requests[0], gzip=True)
            if zipped.headers.get("Content-Encoding") == "gzip":
                figure.gzipped = int(zipped.headers.get("Content-Length") or 0)
        if web.name in ("web", "cold"):
            figure.comments = count_of(answer)
            figure.queries = queries_of(requests[0], cold=cold)
        goal = goal_of(name)
        floor = self.floors.get(goal.floor) if goal else None
        beside = []
        if floor:
            run(floor[0].base, [floor[1]], 1)
            beside.append(self._cpu(*floor))
        if self.seconds > 1:
            run(web.base, requests, 1)
        roots = {"app": web.pid, "database": self.paper.postmaster, "redis": self.paper.redis.pid}
        with Meter(roots) as meter:
            load = run(web.base, requests, self.seconds)
        if load.failed:
            raise Unanswered(f"{load.failed} of {load.requests} requests of “{name}” failed")
        beside += [self._cpu(*floor)] if floor else []
        per = 1000 / max(1, load.requests)
        figure.per_second, figure.p50, figure.p99 = load.per_second, load.p50_ms, load.p99_ms
        figure.cpu, figure.database = meter.used["app"] * per, meter.used["database"] * per
        figure.elsewhere = meter.used["redis"] * per
        figure.others = meter.others
        figure.floor = statistics.mean(beside) if beside else 0.0
        self.figures[name] = figure
        return figure

    def _cpu(self, web: Web, request: Request) -> float:
        """Return the CPU milliseconds, application and database, of one request to a floor."""
        with Meter({"app": web.pid, "database": self.paper.postmaster}) as meter:
            load = run(web.base, [request], 1)
        return sum(meter.used.values()) * 1000 / max(1, load.requests)

    def keep(self, figure: Figure) -> None:
        self.figures[figure.name] = figure


def queries_of(request: Request, *, cold: bool) -> int:
    """Return how many statements one request runs, in this process; BEGIN and COMMIT are not counted."""
    from django.conf import settings
    from django.core.cache import cache
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from comments import threads

    client = Client(SERVER_NAME=settings.ALLOWED_HOSTS[0], headers=request.headers)
    path, _, query = request.path.partition("?")

    def send(body: str) -> int:
        said = {"data": body, "content_type": "application/json"} if request.method == "POST" else {}
        answer = client.generic(request.method, path, QUERY_STRING=query, **said)
        return answer.status_code

    send(filled(request.body, time.time_ns()))
    if cold:
        threads.pages.clear()
        cache.clear()
        # What each reason is called is kept for a minute, and so is no part of a page's cost.
        send(request.body)
        threads.pages._kept.clear()
    with CaptureQueriesContext(connection) as captured:
        send(filled(request.body, time.time_ns()))
    said = [query["sql"].split(" ", 1)[0].upper() for query in captured.captured_queries]
    return sum(word not in ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE") for word in said)


# --- From a post to its readers ---------------------------------------------------------------------------------------


class Listener:
    """An open page: hears the live events of one discussion and notes when each comment was announced."""

    def __init__(self, live: Web, key: str) -> None:
        self.heard: dict[int, float] = {}
        self._url = f"{live.base}/api/v1/discussions/{key}/events/"
        self._joined = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        if not self._joined.wait(10):
            raise Unanswered("the live server opened no stream of events within 10 seconds")
        time.sleep(0.5)  # its subscription to Redis begins with its first reader

    def _listen(self) -> None:
        try:
            with httpx.stream("GET", self._url, timeout=httpx.Timeout(5, read=60)) as answer:
                self._joined.set()
                for line in answer.iter_lines():
                    if line.startswith("data:") and '"id"' in line:
                        self.heard.setdefault(json.loads(line[5:])["id"], time.perf_counter())
                    if self._ended:
                        return
        except httpx.HTTPError:
            self._joined.set()

    def end(self) -> None:
        self._ended = True

    def wait_for(self, comment_id: int, seconds: float) -> float | None:
        until = time.perf_counter() + seconds
        while (at := self.heard.get(comment_id)) is None:
            if time.perf_counter() > until:
                return None
            time.sleep(0.001)
        return at


@contextmanager
def listening(live: Web, key: str) -> Iterator[Listener]:
    listener = Listener(live, key)
    try:
        yield listener
    finally:
        listener.end()


def visible_idle(m: Measuring, web: Web, live: Web, size: int, times: int) -> None:
    """Post one comment at a time; note when it is announced, and when a stranger's page has it."""
    m.say("accepted to visible, one at a time")
    visible, seen = [], []
    page = m.paper.page(size)
    posts = m.paper.posts([f"bench-{size}"])
    with listening(live, f"bench-{size}") as listener, httpx.Client(base_url=web.base, timeout=20) as reader:
        for number in range(times):
            post = posts[number % len(posts)]
            body = filled(post.body, time.time_ns())
            answer = httpx.post(web.base + post.path, headers=post.headers, content=body, timeout=20)
            accepted = time.perf_counter()
            comment_id = answer.json()["id"]
            at = listener.wait_for(comment_id, 10)
            if at is None:
                raise Unanswered(f"a comment was not announced within 10 seconds: it is {m.paper.became([comment_id])}")
            visible.append(max(0.0, at - accepted) * 1000)
            if number % 2 == 0:
                until = time.perf_counter() + 5
                while f'"id": {comment_id},'.encode() not in reader.get(page.path).content:
                    if time.perf_counter() > until:
                        raise Unanswered("a published comment was not in a stranger's page after 5 seconds")
                    time.sleep(0.01)
                seen.append((time.perf_counter() - accepted) * 1000)
            time.sleep(0.05)
    for name, what, values in (
        ("visible-idle", "202 to announced to open pages, worker idle", visible),
        ("seen-by-others", "202 to seen in a stranger's first page", seen),
    ):
        m.keep(Figure(name, what, p50=percentile(values, 50), p99=percentile(values, 99), note=f"{len(values)} posts"))


def visible_steady(m: Measuring, web: Web, live: Web, worker: int, size: int, rate: int, seconds: float) -> None:
    """Post ``rate`` comments a second; note for each how long after its 202 it is announced."""
    m.say(f"accepted to visible at {rate} a second for {seconds:.0f} s")
    posts = m.paper.posts([f"bench-{size}"])
    accepted: dict[int, float] = {}
    with listening(live, f"bench-{size}") as listener, httpx.Client(base_url=web.base, timeout=20) as client:

        def post(number: int) -> None:
            one = posts[number % len(posts)]
            answer = client.post(one.path, headers=one.headers, content=filled(one.body, time.time_ns()))
            accepted[answer.json()["id"]] = time.perf_counter()

        roots = {"app": web.pid, "database": m.paper.postmaster, "worker": worker, "redis": m.paper.redis.pid}
        with ThreadPoolExecutor(8) as pool, Meter(roots) as meter:
            begun = time.perf_counter()
            waiting = []
            for number in range(int(rate * seconds)):
                time.sleep(max(0.0, begun + number / rate - time.perf_counter()))
                waiting.append(pool.submit(post, number))
            for one in waiting:
                one.result()
            until = time.perf_counter() + 15
            while len(listener.heard.keys() & accepted.keys()) < len(accepted) and time.perf_counter() < until:
                time.sleep(0.02)
        took = [max(0.0, listener.heard[i] - at) * 1000 for i, at in accepted.items() if i in listener.heard]
    lost = m.paper.became(accepted.keys() - listener.heard.keys())
    per = 1000 / len(accepted)
    m.keep(
        Figure(
            "visible-steady",
            f"202 to announced to open pages, {rate} posts a second",
            per_second=rate,
            p50=percentile(took, 50),
            p99=percentile(took, 99),
            cpu=meter.used["app"] * per,
            database=meter.used["database"] * per,
            elsewhere=(meter.used["worker"] + meter.used["redis"]) * per,
            others=meter.others,
            note=f"{len(took)} posts" + (f"; not seen after 15 s: {lost}" if lost else ""),
        )
    )


def drain(m: Measuring, name: str, where: str, seconds: float, processes: int = 2) -> None:
    """Start a worker of so many ``processes`` before a full queue and count what it decides in ``seconds`` at most."""
    from comments.models import Decision

    what = f"worker, {'two processes' if processes == 2 else 'one process'}, full queue, {where}"
    m.say(what)
    waiting = m.paper.waiting()
    before = Decision.objects.count()
    worker = m.paper.worker(processes)
    until = time.perf_counter() + 40
    while Decision.objects.count() < before + 20:
        if time.perf_counter() > until:
            raise Unanswered("the worker decided nothing within 40 seconds")
        time.sleep(0.02)
    roots = {"worker": worker.pid, "database": m.paper.postmaster, "redis": m.paper.redis.pid}
    first, decided = Decision.objects.count(), 0
    with Meter(roots) as meter:
        begun = time.perf_counter()
        while time.perf_counter() < begun + seconds and m.paper.waiting():
            time.sleep(0.1)
        elapsed = time.perf_counter() - begun
        decided = Decision.objects.count() - first
    m.paper.end("worker")
    m.paper.empty_queue()
    per = 1000 / max(1, decided)
    m.keep(
        Figure(
            name,
            what,
            per_second=decided / elapsed,
            cpu=meter.used["worker"] * per,
            database=meter.used["database"] * per,
            elsewhere=meter.used["redis"] * per,
            queries=_screening_queries(),
            others=meter.others,
            note=f"{waiting:,} waiting, {decided:,} decided",
        )
    )


def _screening_queries() -> int | None:
    """Return how many statements screening one comment runs."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from comments import moderation

    revision = moderation.unscreened(older_than=_far()).first()
    if revision is None:
        return None
    with CaptureQueriesContext(connection) as captured:
        moderation.screen(revision.comment_id, revision.comment.version)
    said = [query["sql"].split(" ", 1)[0].upper() for query in captured.captured_queries]
    return sum(word not in ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE") for word in said)


def _far() -> Any:
    from datetime import timedelta

    from django.utils import timezone

    return timezone.now() + timedelta(days=1)


def events(m: Measuring, live: Web, size: int, readers: int, times: int) -> None:
    """Hold ``readers`` streams open, announce, and note when each of them has the event."""
    from comments.live import announce

    key = f"bench-{size}"
    m.say(f"live events to {readers} open pages")
    port = int(live.base.rpartition(":")[2])
    took: list[float] = []

    async def everyone() -> None:
        sent: dict[int, float] = {}
        joined = 0

        async def one() -> None:
            nonlocal joined
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET /api/v1/discussions/{key}/events/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            await reader.readuntil(b": hello")
            joined += 1
            heard = 0
            while heard < times:
                line = await reader.readline()
                if line.startswith(b"data:"):
                    heard += 1
                    took.append((time.perf_counter() - sent[json.loads(line[5:])["number"]]) * 1000)
            writer.close()

        streams = [asyncio.create_task(one()) for _ in range(readers)]
        for _ in range(200):
            if joined == readers:
                break
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.7)
        for number in range(times):
            sent[number] = time.perf_counter()
            await asyncio.to_thread(announce, key, "counts", {"number": number})
            await asyncio.sleep(0.1)
        done, late = await asyncio.wait(streams, timeout=10)
        for stream in late:
            stream.cancel()
        for stream in done:
            stream.result()

    with Meter({"app": live.pid}) as meter:
        asyncio.run(everyone())
    m.keep(
        Figure(
            f"events-{readers}",
            f"an event to {readers} open pages",
            p50=percentile(took, 50),
            p99=percentile(took, 99),
            cpu=meter.used["app"] * 1000 / max(1, times),
            others=meter.others,
            note=f"{len(took):,} of {readers * times:,} delivered; CPU is for one event to all",
        )
    )


def sanitizing(m: Measuring, times: int) -> None:
    """Make a typical text of 500 characters safe, in this process."""
    from comments import text

    m.say("sanitizing")
    typical = (
        "I was **there** on the second night, and [the minutes](https://example.org/minutes) say so.\n\n"
        "> the trial is too short to tell\n\n" + "Nobody counted the return journeys, and that alone is news. " * 6
    )[:500]
    took = []
    for _ in range(times):
        begun = time.process_time()
        for _ in range(20):
            text.to_html(typical)
        took.append((time.process_time() - begun) * 1000 / 20)
    m.keep(
        Figure(
            "sanitize",
            "make 500 characters safe, once, in the worker",
            cpu=statistics.median(took),
            p50=percentile(took, 50),
            p99=percentile(took, 99),
        )
    )


# --- Judging ----------------------------------------------------------------------------------------------------------

PHRASES = 10_000
SAID = (
    "The night tram is back, and the second driver says the timetable was never tested with real passengers. ",
    "I read the minutes of the council meeting twice and found nothing about the return journeys. ",
    "My neighbours and I would rather pay ten cents more than wait another forty minutes in the rain. ",
    "Thank you for asking the people who ride it; the last article only asked the people who own it. ",
)


def _hostile() -> list[str]:
    """Return texts of 10,000 characters, each made to cost somebody a lot."""
    return [
        "<" * 10_000,
        "<b><i>" * 1_666,
        "> " * 5_000,
        "*_`~[" * 2_000,
        "a.b" * 3_333,
        "https://x.y/" * 833,
        "i d i o t " * 1_000,
        "\u0301a" * 5_000,
        "\u202e\u200b" * 5_000,
        "1" * 10_000,
        "+49 170 " * 1_250,
        "a@" * 5_000,
        "\U0001f469\u200d" * 5_000,
        "word " * 2_000,
        "A" * 10_000,
    ]


def screening(m: Measuring, times: int) -> None:
    """Screen typical and hostile texts in this process, every rule and both local scorers, 10,000 phrases in force."""
    from django.contrib.auth import get_user_model

    from comments import moderation, posting, tasks
    from comments.exceptions import Refused
    from comments.models import Commenter, Discussion, Phrase
    from comments.policy import changing
    from comments.screening import engine

    m.say(f"screening with {PHRASES:,} phrases")
    tasks.broker.allows = lambda: False  # type: ignore[method-assign]  # the texts are screened here, by nobody else
    with changing():
        Phrase.objects.bulk_create(
            [Phrase(phrase=f"zq{number:05d}x weasel{number % 89}", kind="suspect") for number in range(PHRASES)]
        )
    where = Discussion.objects.create(key="bench-screening", title="Screening", url="/bench/screening/")
    users = get_user_model().objects
    people = [Commenter.objects.for_user(users.create_user(f"bench-screening-{n}")) for n in range(20)]

    def post(number: int, words: str) -> Any:
        return posting.post_comment(people[number % len(people)], where, words)

    # Words as people use them, in an order that nobody repeats: nearly equal texts are another rule's case.
    dice, vocabulary = random.Random(1), "".join(SAID).replace(".", "").replace(",", "").lower().split()
    judged: list[float] = []
    decided: list[float] = []
    for number in range(2 * times + 20):
        words = " ".join(dice.choices(vocabulary, k=45)).capitalize() + "."
        comment = post(number, words)
        if number % 2:
            begun = time.process_time()
            moderation.screen(comment.pk, comment.version)
            decided.append((time.process_time() - begun) * 1000)
            continue
        revision = comment.revisions.select_related("comment__author__user", "comment__discussion").get()
        begun = time.process_time()
        engine.run(revision)
        judged.append((time.process_time() - begun) * 1000)
    # The first ones read models and phrases.
    judged, decided = judged[10:], decided[10:]
    m.keep(
        Figure(
            "screening",
            f"judge a typical comment: sanitizers, every rule, {PHRASES:,} phrases, both local scorers",
            cpu=statistics.median(judged),
            p50=percentile(judged, 50),
            p99=percentile(judged, 99),
            note="CPU of the process, its side of the database included",
        )
    )
    m.keep(
        Figure(
            "screening-decided",
            "the same with its claim, its findings and its decision",
            cpu=statistics.median(decided),
            p50=percentile(decided, 50),
            p99=percentile(decided, 99),
        )
    )
    worst: list[float] = []
    refused = 0
    for number, words in enumerate(_hostile()):
        try:
            comment = post(number, words)
        except Refused:
            refused += 1
            continue
        revision = comment.revisions.select_related("comment__author__user", "comment__discussion").get()
        begun = time.process_time()
        engine.run(revision)
        worst.append((time.process_time() - begun) * 1000)
    m.keep(
        Figure(
            "screening-hostile",
            "judge hostile texts of 10,000 characters: the middle one, and the worst as p99",
            cpu=statistics.median(worst),
            p50=percentile(worst, 50),
            p99=max(worst),
            note=f"{len(worst)} texts; {refused} more are refused when they are posted",
        )
    )
    with changing():
        Phrase.objects.filter(phrase__startswith="zq").delete()


def scoring(m: Measuring, times: int) -> None:
    """Score news comments with the shipped model alone, in this process."""
    from comments.screening.scorers import CommentView
    from comments.screening.scorers.linear import local

    m.say("scoring")
    texts = [(SAID[n % 4] + SAID[(n + 1) % 4])[: 120 + n % 50] for n in range(200)]
    took: list[float] = []
    begun = time.process_time()
    for number in range(times):
        at = time.process_time()
        local.score([CommentView(text=f"{texts[number % len(texts)]} {number}")])
        took.append((time.process_time() - at) * 1000)
    cpu = time.process_time() - begun
    m.keep(
        Figure(
            "scoring",
            "score a news comment of 145 characters with the local model",
            per_second=times / cpu,
            cpu=cpu * 1000 / times,
            p50=percentile(took, 50),
            p99=percentile(took, 99),
            note="a second of CPU, words that weighed most included",
        )
    )
