"""
The issue form on the day it is for: Redis stopped or frozen, the worker stopped, the database read-only.

A real deployment, talked to over HTTP by somebody without cookies.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psycopg
import pytest

from tests.servers import Production, production

pytestmark = [pytest.mark.services, pytest.mark.slow]
NEW = "/comments/issues/new/?discussion=articles.article:1"
GIVEN = {"kind": "cannot_post", "text": "The button greys out.", "email": "mara@example.org"}
PATIENCE = 5.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    with production(tmp_path_factory.mktemp("bad-day"), beat=False) as deployment:
        yield deployment


def reported(site: Production) -> None:
    """Open the form, send it, and read the receipt: each within seconds, and the words stand there."""
    with httpx.Client(base_url=site.base, timeout=PATIENCE) as anyone:
        page = anyone.get(NEW)
        assert page.status_code == 200 and "data-issue-form" in page.text
        sent = anyone.post(NEW, data=GIVEN, headers={"Sec-Fetch-Site": "same-origin"})
        assert sent.status_code == 303, sent.text[-2000:]
        receipt = anyone.get(sent.headers["location"])
        assert receipt.status_code == 200 and "The button greys out." in receipt.text
        assert re.search(r"[0-9]{4}-[0-9]+", receipt.text)


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_with_redis_away_a_report_is_saved_and_its_receipt_is_shown(site: Production, how: str) -> None:
    if how == "stopped":
        site.redis.stop()
    else:
        site.redis.signal(signal.SIGSTOP)

    try:
        reported(site)
    finally:
        if how == "stopped":
            site.redis.start()
            site.redis.wait()
        else:
            site.redis.signal(signal.SIGCONT)


def test_with_the_worker_stopped_a_report_is_saved_and_its_receipt_is_shown(site: Production) -> None:
    site.processes["worker"].stop()

    try:
        reported(site)
    finally:
        site.start_worker()


@contextmanager
def read_only(site: Production) -> Iterator[None]:
    """Let the database refuse every write, also of connections that stand already."""
    with psycopg.connect(site.env["DATABASE_URL"], autocommit=True) as database:
        database.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        database.execute("SELECT pg_reload_conf()")
        time.sleep(0.5)
        try:
            yield
        finally:
            database.execute("ALTER SYSTEM RESET default_transaction_read_only")
            database.execute("SELECT pg_reload_conf()")
            time.sleep(0.5)


def test_with_the_database_read_only_the_form_says_so_and_claims_nothing(site: Production) -> None:
    with read_only(site), httpx.Client(base_url=site.base, timeout=PATIENCE) as anyone:
        anyone.get(NEW)
        began = time.monotonic()
        page = anyone.get(NEW)
        took = time.monotonic() - began
        sent = anyone.post(NEW, data=GIVEN)
        told = anyone.get("/api/v1/issues/diagnosis/").json()

    assert page.status_code == 200 and 'data-code="read_only"' in page.text and "mailto:" in page.text
    assert took < 1.0
    assert sent.status_code == 503 and "The button greys out." in sent.text
    assert told["answers"][0]["code"] == "read_only"
    reported(site)  # and afterwards everything is as before
