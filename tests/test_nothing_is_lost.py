"""
What is accepted is screened once and published once, whatever dies in between.

A real PostgreSQL, web server, worker and beat; the worker is killed is stopped and frozen while readers
post. The record of what was accepted is the client's own list of 202s.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.servers import Production, eventually, production

pytestmark = [pytest.mark.services, pytest.mark.slow]
KEY = quote("articles.article:1", safe="")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    with production(tmp_path_factory.mktemp("lost")) as deployment:
        yield deployment


def post(client: httpx.Client, number: int, word: str) -> tuple[int, float]:
    """Post one comment; return its id and the seconds it took. Anything but 202 fails the test."""
    started = time.monotonic()
    answer = client.post(
        f"/discussions/{KEY}/comments/", json={"text": f"The {word} tram, observation {number} of the night."}
    )
    assert answer.status_code == 202, answer.text
    return answer.json()["id"], time.monotonic() - started


def statuses(client: httpx.Client, ids: list[int]) -> dict[int, str]:
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda pk: (pk, client.get(f"/comments/{pk}/").json().get("status")), ids)
        return dict(found)


def all_published_once(site: Production, ids: list[int], seconds: float) -> None:
    client = site.client("reader1")
    left = set(ids)

    def none_left() -> bool:
        left.difference_update(pk for pk, status in statuses(client, sorted(left)).items() if status == "published")
        return not left

    try:
        eventually(none_left, seconds, every=1)
    except AssertionError:
        raise AssertionError(f"{len(left)} of {len(ids)} not published: {statuses(client, sorted(left)[:5])}") from None
    # Once: as many decisions as comments, and counts that agree with their rows.
    decisions = site.manage("shell", "-v", "0", "-c", _DECISIONS)
    assert decisions.strip().endswith("most decisions for one comment: 1"), decisions
    assert "every count agrees" in site.manage("reconcile_counts")


_DECISIONS = """
from django.db.models import Count
from comments.models import Decision
most = Decision.objects.filter(to_status="published", decider="screening").values("comment").annotate(n=Count("id"))
print("most decisions for one comment:", max(row["n"] for row in most))
"""


def test_killing_the_worker_twenty_times_loses_and_doubles_nothing(site: Production) -> None:
    dice = random.Random(7)
    client = site.client("reader1")
    accepted: list[int] = []

    def readers() -> None:
        for number in range(200):
            accepted.append(post(client, number, "killed")[0])
            time.sleep(0.12)

    with ThreadPoolExecutor(1) as pool:
        posting = pool.submit(readers)
        for _ in range(20):
            time.sleep(dice.uniform(0.1, 1.2))
            site.processes["worker"].kill()
            site.start_worker()
        posting.result()

    assert len(set(accepted)) == 200
    all_published_once(site, accepted, 150)


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_no_post_is_refused_while_redis_is_away(site: Production, how: str) -> None:
    client = site.client("reader2")
    if how == "stopped":
        site.redis.kill()
    else:
        site.redis.signal(signal.SIGSTOP)

    took: list[float] = []
    accepted: list[int] = []
    for number in range(40):
        pk, seconds = post(client, number, how)
        accepted.append(pk)
        took.append(seconds)
    if how == "stopped":
        site.redis.start()
        site.redis.wait()
    else:
        site.redis.signal(signal.SIGCONT)

    assert max(took) < 1.5, f"the slowest post took {max(took):.2f} s"
    all_published_once(site, accepted, 120)


def test_a_text_that_kills_its_worker_ends_before_an_editor(site: Production) -> None:
    # Given a text whose screening was begun five times and never finished,
    client = site.client("reader1")
    posted, _seconds = post(client, 1, "fatal")
    prepared: dict[str, Any] = {"pk": posted}
    site.manage("shell", "-v", "0", "-c", _BEGUN_FIVE_TIMES % prepared)

    # when the sweeper finds it,
    site.manage("sweep")

    # then it waits for a person, and its author is told that this is not about what they wrote.
    own = client.get(f"/comments/{posted}/").json()
    assert own["status"] == "held", own
    assert "could not be checked by itself" in " ".join(own["reasons"])


_BEGUN_FIVE_TIMES = """
from datetime import timedelta
from django.utils import timezone
from comments.models import *
from comments.models import Comment
long_ago = timezone.now() - timedelta(minutes=5)
Finding.objects.none()
c = Comment.objects.get(pk=%(pk)d)
import time
for _ in range(100):
    c.refresh_from_db()
    if c.status != "received": break
    time.sleep(0.1)
r = c.revisions.latest("number")
Comment.objects.filter(pk=c.pk).update(status="received", is_shown=False, version=c.version + 1)
type(r).objects.filter(pk=r.pk).update(status="received", attempts=5, claimed_at=long_ago, created_at=long_ago)
from comments.discussions import reconcile
list(reconcile(repair=True))
"""
