"""The newspaper that is measured: its servers, its seeded discussions, its readers, and what one of them asks for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.load import Request, filled
from benchmarks.processes import parent_of
from tests.servers import ROOT, Deployment, Process, Redis, eventually, free_port

READERS = 200
"""So many that none of them has posted much in the last minute."""
COUNTED = 50
KEEP = ("--blocking-threads-idle-timeout", "600")
"""A thread that ends takes its connection to the database with it; between two workloads none should."""
TEXT = "%WORDS% {run}%N%."
"""To the rules about near-repeats no two of these texts are alike, as readers' are not."""


class Unanswered(Exception):
    """A workload got another answer than it needs; said in a sentence."""


def _granian(target: str, port: int, interface: str = "wsgi") -> list[str]:
    command = [sys.executable, "-m", "granian", "--interface", interface, "--host", "127.0.0.1", "--port", str(port)]
    size = (
        ["--workers", "2", "--blocking-threads", "4", *KEEP] if interface == "wsgi" else ["--workers", "1", "--no-ws"]
    )
    return [*command, *size, "--backlog", "1024", target]


@dataclass(slots=True)
class Web:
    """A web server that answers."""

    name: str
    process: Process
    base: str

    @property
    def pid(self) -> int:
        return self.process.pid


class Newspaper(Deployment):
    """PostgreSQL, Redis and the data; servers and worker are started when a workload needs them."""

    def __init__(self, directory: Path, database_url: str, redis: Redis) -> None:
        super().__init__(directory)
        self.redis = redis
        self.env |= {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis.url,
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
        }
        self.postmaster = 0
        """The process all of PostgreSQL's processes come from."""
        self.tokens: list[str] = []
        self.run_number = 0

    def prepare(self, sizes: list[int], say: Callable[[str], None]) -> None:
        """Migrate, seed, count, and connect this process to the same database and settings."""
        say("migrating and importing the demonstration articles")
        self.manage("demo", "--prepare-only")
        for size in sizes:
            say(f"seeding a discussion of {size:,} comments")
            self.manage("seed_comments", "--discussion", f"bench-{size}", "--count", str(size), "--fast")
        for name in ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "VAR_DIR", "LOG_LEVEL"):
            os.environ[name] = self.env[name]
        os.environ |= {name: value for name, value in self.env.items() if name.startswith("COMMENTS_")}
        import django

        django.setup()
        from django.contrib.auth import get_user_model
        from django.db import connection

        from comments.models import Commenter, Discussion, Token

        users = get_user_model().objects.bulk_create(
            [get_user_model()(username=f"bench{number}", password="!") for number in range(READERS)]
        )
        Commenter.objects.bulk_create([Commenter(user=user, name=f"Reader {user.pk}") for user in users])
        self.tokens = [Token.objects.issue(user, ["read", "write"], 1) for user in users]
        Discussion.objects.bulk_create(
            [Discussion(key=f"counted-{n}", title=f"Story {n}", published_count=n) for n in range(COUNTED)]
        )
        with connection.cursor() as db:
            db.execute("SELECT pg_backend_pid()")
            self.postmaster = parent_of(db.fetchone()[0])
            db.execute("VACUUM ANALYZE")
            db.execute("CHECKPOINT")
        connection.close()

    # --- Servers ------------------------------------------------------------------------------------------------------

    def _serve(self, name: str, target: str, ready: str, interface: str = "wsgi", **env: str) -> Web:
        port = free_port()
        process = Process(_granian(target, port, interface), self.directory / f"{name}.log", self.env | env)
        self.processes[name] = process
        base = f"http://127.0.0.1:{port}"
        eventually(lambda: httpx.get(base + ready, timeout=5).status_code < 500, 60, what=f"the server “{name}”")
        return Web(name, process, base)

    def floors(self) -> tuple[Web, Web]:
        """Start the floors: raw WSGI, and Django with one view."""
        done = subprocess.run(
            [sys.executable, "-c", "from benchmarks import floors; floors.prepare()"],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise Unanswered(f"the floors' table could not be made: {done.stderr.strip().splitlines()[-1]}")
        return (
            self._serve("raw", "benchmarks.floors:raw", "/"),
            self._serve("floors", "benchmarks.floors:application", "/view/"),
        )

    def web(self, name: str = "web", **env: str) -> Web:
        return self._serve(name, "newsroom.wsgi:application", "/healthz", **env)

    def live(self) -> Web:
        return self._serve("live", "newsroom.live:application", "/", "asgi")

    def worker(self, processes: int = 2) -> Process:
        return self.run(
            "worker", "-m", "celery", "-A", "newsroom", "worker", f"--concurrency={processes}", "--loglevel", "WARNING",
            "--without-gossip", "--without-mingle", "--without-heartbeat",
        )  # fmt: skip

    def worker_is_ready(self) -> None:
        """Wait until a worker answers."""
        from newsroom.celery import app

        eventually(lambda: app.control.ping(timeout=0.5), 40, what="the worker")

    def end(self, name: str) -> None:
        if process := self.processes.pop(name, None):
            process.stop()

    def forget_waiting(self) -> None:
        """Empty the queue and take back every post that no worker has seen: what follows begins without a backlog."""
        from django.db import connection

        self.empty_queue()
        with connection.cursor() as db:
            # By id: a post that was under way when the load ended may still arrive between the two.
            db.execute("SELECT id FROM comments_comment WHERE status = 'received'")
            waiting = [pk for (pk,) in db.fetchall()]
            # A worker that was ended in the middle has left these.
            db.execute("DELETE FROM comments_fingerprint WHERE comment_id = ANY(%s)", [waiting])
            db.execute("DELETE FROM comments_revision WHERE comment_id = ANY(%s)", [waiting])
            db.execute("DELETE FROM comments_comment WHERE id = ANY(%s)", [waiting])
            db.execute("VACUUM ANALYZE comments_revision, comments_comment")

    def empty_queue(self) -> None:
        import redis

        redis.Redis.from_url(self.redis.url).delete("celery")

    def waiting(self) -> int:
        """Return how many texts no worker is on: in a rush, one message stands for many of them."""
        from comments.models import Revision, Status

        return Revision.objects.filter(status=Status.RECEIVED, attempts=0, claimed_at=None).count()

    def became(self, comment_ids: Iterable[int]) -> str:
        """Return what has become of comments that no page heard of: *received*, or *held* and by which rules."""
        from comments.models import Comment, Finding

        said = []
        for pk, status in Comment.objects.filter(pk__in=comment_ids).order_by("pk").values_list("pk", "status"):
            against = Finding.objects.filter(revision__comment=pk).exclude(verdict="publish")
            rules = sorted({rule.rpartition(".")[2] for rule in against.values_list("rule", flat=True)})
            said.append(" ".join([status, *([f"({', '.join(rules)})"] if rules else [])]))
        return ", ".join(said)

    # --- What is asked for --------------------------------------------------------------------------------------------

    def page(self, size: int, query: str = "", **headers: str) -> Request:
        return Request(f"/api/v1/discussions/bench-{size}/comments/{query}", headers=headers)

    def section(self, size: int) -> Request:
        return Request(f"/comments/section/?key=bench-{size}")

    def article(self) -> Request:
        from comments.models import Discussion

        return Request(Discussion.objects.exclude(url="").order_by("pk").values_list("url", flat=True)[0])

    def counts(self) -> Request:
        return Request("/api/v1/counts/?" + "&".join(f"key=counted-{n}" for n in range(COUNTED)))

    def middle(self, size: int) -> str:
        """Return the cursor of a page in the middle of a discussion."""
        from comments import threads
        from comments.models import Comment

        roots = Comment.objects.filter(discussion__key=f"bench-{size}", parent=None).order_by("pk")
        return threads._encode("newest", [roots.values_list("pk", flat=True)[roots.count() // 2]])

    def posts(self, keys: list[str], parent: int | None = None) -> list[Request]:
        """Return one post for each reader, to ``keys`` in turn; no two that are sent have the same words."""
        self.run_number += 1
        said: dict[str, Any] = {"text": TEXT.replace("{run}", self._letters())}
        if parent:
            said["parent"] = parent
        return [
            Request(
                f"/api/v1/discussions/{keys[n % len(keys)]}/comments/",
                "POST",
                {"Authorization": f"Bearer {self.tokens[n % READERS]}", "Content-Type": "application/json"},
                json.dumps(said),
            )
            for n in range(max(len(keys), READERS))
        ]

    def _letters(self) -> str:
        """Return three letters that name this round of posts."""
        return "".join("bcdfghjkmnpqrstvwxz"[self.run_number // 19**place % 19] for place in range(3))

    def deep(self, size: int) -> int:
        """Return the id of a published comment that is six deep, or as deep as there is."""
        from comments.models import Comment

        found = Comment.objects.filter(discussion__key=f"bench-{size}", status="published").order_by("-depth", "-pk")
        return int(found.values_list("pk", flat=True)[0])


def ask(base: str, request: Request, *, gzip: bool = False) -> httpx.Response:
    """Send one request as the load will, and return the answer."""
    headers = {"Accept-Encoding": "gzip" if gzip else "identity"} | request.headers
    return httpx.request(
        request.method, base + request.path, headers=headers, content=filled(request.body, time.time_ns()), timeout=30
    )


def check(base: str, request: Request, *statuses: int) -> httpx.Response:
    """Return the answer to one request; raise ``Unanswered`` when its status is none of ``statuses``."""
    answer = ask(base, request)
    if answer.status_code not in statuses:
        raise Unanswered(
            f"{request.method} {request.path[:60]} answers {answer.status_code}, not {' or '.join(map(str, statuses))}"
        )
    return answer
