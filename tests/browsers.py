"""The demonstration newspaper served for a test, and real browsers that look at it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest

from tests.servers import ROOT, lay_out

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STORY = "/articles/night-tram/"


@dataclass
class Site:
    base: str
    accounts: dict[str, dict[str, str]]
    sessions: dict[str, Any] = field(default_factory=dict)
    """What a browser keeps of each reader who has signed in once."""
    environment: dict[str, str] = field(default_factory=dict)
    """With it, ``manage.py`` works on the same database."""


@dataclass
class Window:
    """One browser window of one reader, and what its console complained of."""

    page: Any
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve the demonstration newspaper on a free port, from an empty directory of its own."""
    directory = tmp_path_factory.mktemp("demo")
    lay_out(directory)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    wanted = {"VAR_DIR": str(directory), "COMMENTS_POSTS_PER_MINUTE": "0", "DATABASE_URL": "", "REDIS_URL": ""}
    environment = {name: value for name, value in (os.environ | wanted).items() if value}
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "demo", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        )
    base = f"http://localhost:{port}"
    try:
        until = time.monotonic() + 90
        while not _answers(base + "/healthz"):
            if process.poll() is not None or time.monotonic() > until:
                pytest.fail("The demonstration did not start:\n" + (directory / "log").read_text()[-3000:])
            time.sleep(0.2)
        accounts = json.loads((directory / "demo-accounts.json").read_text())
        yield Site(base, accounts, environment=environment)
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    executable = shutil.which("chromium")
    if executable is None:
        sentence = "Chromium is not installed; ./run services installs it."
        if os.environ.get("CI") == "true":
            pytest.fail(sentence)
        pytest.skip(sentence)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def window(chromium: Any, site: Site) -> Iterator[Callable[..., Window]]:
    """Open a browser of its own for a reader, signed in when named, on a story."""
    contexts: list[Any] = []

    def opened(who: str = "", *, story: str = STORY, **options: Any) -> Window:
        context = chromium.new_context(base_url=site.base, storage_state=site.sessions.get(who), **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        one = Window(page)
        page.on("console", lambda said: one.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: one.complaints.append(str(error)))
        if who and who not in site.sessions:
            page.goto("/accounts/login/")
            page.fill("[name=login]", who)
            page.fill("[name=password]", site.accounts[who]["password"])
            page.click("main form[method=post] button[type=submit]")
            page.wait_for_url(lambda url: "/login/" not in url)
            site.sessions[who] = context.storage_state()
        page.goto(story)
        return one

    yield opened
    for context in contexts:
        context.close()


def api(site: Site, who: str, path: str, body: dict[str, Any], method: str = "POST") -> Any:
    request = urllib.request.Request(
        f"{site.base}/api/v1/{path}",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {site.accounts[who]['token']}", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def published(site: Site, who: str, words: str, key: str, **more: Any) -> int:
    """Let ``who`` write under a story through the API, wait until everyone can read it, and return its number."""
    number = int(api(site, who, f"discussions/{quote(key)}/comments/", {"text": words, **more})["id"])
    until = time.monotonic() + 30
    while api(site, who, f"comments/{number}/", {}, "GET")["status"] != "published":
        assert time.monotonic() < until, "it was not published"
        time.sleep(0.2)
    return number


def removed(site: Site, number: int, reason: str = "off_topic") -> None:
    """Let an editor remove a comment."""
    version = api(site, "editor", f"moderation/comments/{number}/", {}, "GET")["version"]
    verdict = {"verdict": "reject", "reason": reason, "version": version}
    api(site, "editor", f"moderation/comments/{number}/decisions/", verdict)
