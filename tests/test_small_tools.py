"""The limiter, the breaker, the sweeper, live events, and who is asking."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import RequestFactory
from django.utils import timezone

from comments import http, live, moderation, posting, ratelimit, tasks
from comments.breaker import Breaker
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Discussion, Revision, Status
from comments.pace import Pace


def test_a_breaker_opens_after_failures_in_a_row_and_lets_one_call_try_again() -> None:
    now = [0.0]
    breaker = Breaker(failures=2, seconds=10, clock=lambda: now[0])
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.allows()
    breaker.failed()

    assert not breaker.allows()
    now[0] = 10.5
    assert breaker.allows()
    assert not breaker.allows()
    breaker.succeeded()
    assert breaker.allows()


def test_a_broker_that_does_not_answer_is_asked_twice_and_then_left_alone(
    reader: Commenter, discussion: Discussion, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    asked: list[int] = []

    def away(*_args: Any, **_kwargs: Any) -> None:
        asked.append(1)
        raise ConnectionError("away")

    monkeypatch.setattr(tasks, "broker", Breaker(failures=2, seconds=60))
    monkeypatch.setattr(tasks.screen_comment, "apply_async", away)

    for number in range(5):
        with django_capture_on_commit_callbacks(execute=True):
            posting.post_comment(reader, discussion, f"Nobody carries message number {number}.")

    assert len(asked) == 2
    assert Comment.objects.filter(status=Status.RECEIVED).count() == 5


def test_many_calls_in_a_second_become_few_and_one_for_the_others() -> None:
    now, called = [100.0], threading.Event()
    pace = Pace(3, called.set, seconds=0.05, clock=lambda: now[0])

    assert [pace.allows() for _ in range(5)] == [True, True, True, False, False]
    assert called.wait(5)
    called.clear()
    assert not called.wait(0.2), "two refusals within the wait are one call"

    now[0] += 0.4
    assert [pace.allows(), pace.allows()] == [True, False]
    assert called.wait(5)


@pytest.mark.django_db
def test_under_a_story_that_breaks_one_message_stands_for_many(
    reader: Commenter, discussion: Discussion, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    published: list[int] = []
    together = threading.Event()
    monkeypatch.setattr(tasks, "_pace", Pace(4, lambda: tasks.screen_waiting._publish((), {}), seconds=0.05))
    monkeypatch.setattr(tasks.screen_comment, "apply_async", lambda args, *_more, **_options: published.append(args[0]))
    monkeypatch.setattr(tasks.screen_waiting, "apply_async", lambda *_args, **_options: together.set())

    with django_capture_on_commit_callbacks(execute=True):
        for number in range(12):
            posting.post_comment(reader, discussion, f"Everybody writes at once, this is number {number}.")

    assert len(published) == 4
    assert together.wait(5)
    tasks.screen_waiting()
    assert not Revision.objects.filter(status=Status.RECEIVED).exists()


def test_the_sweeper_finds_what_no_message_reached(reader: Commenter, discussion: Discussion) -> None:
    late = posting.post_comment(reader, discussion, "No message reached a worker for this.")
    fresh = posting.post_comment(reader, discussion, "This one is only a second old.")
    Revision.objects.filter(comment=late).update(created_at=timezone.now() - timedelta(minutes=1))

    assert tasks.swept() == 1

    late.refresh_from_db()
    fresh.refresh_from_db()
    assert (late.status, fresh.status) == (Status.PUBLISHED, Status.RECEIVED)


def test_the_sweeper_leaves_a_text_alone_while_a_worker_is_on_it_and_takes_it_when_the_worker_is_dead(
    reader: Commenter, discussion: Discussion
) -> None:
    comment = posting.post_comment(reader, discussion, "Somebody is working on this one.")
    old = timezone.now() - timedelta(minutes=3)
    Revision.objects.filter(comment=comment).update(created_at=old, claimed_at=timezone.now(), attempts=1)
    assert tasks.swept() == 0

    Revision.objects.filter(comment=comment).update(claimed_at=old)

    assert tasks.swept() == 1


def test_a_text_begun_five_times_waits_for_an_editor(reader: Commenter, discussion: Discussion) -> None:
    comment = posting.post_comment(reader, discussion, "Whatever touches this one dies.")
    Revision.objects.filter(comment=comment).update(attempts=5)

    moderation.screen(comment.pk, comment.version)

    comment.refresh_from_db()
    assert (comment.status, comment.html) == (Status.HELD, "")


def test_the_limiter_is_exact_under_many_at_once(db: None) -> None:
    allowed: list[int] = []

    def ask() -> None:
        try:
            ratelimit.require_not_too_many("issue", "somebody", limit=20, seconds=3600)
        except Refused:
            return
        allowed.append(1)

    askers = [threading.Thread(target=ask) for _ in range(100)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()

    assert len(allowed) <= 20


def test_the_limiter_limits_without_its_cache_and_says_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_args: Any, **_kwargs: Any) -> None:
        raise ConnectionError("away")

    monkeypatch.setattr(cache, "add", away)
    monkeypatch.setattr(ratelimit, "_breaker", Breaker())
    monkeypatch.setattr(ratelimit, "_local", {})
    for _ in range(3):
        ratelimit.require_not_too_many("issue", "n", limit=3, seconds=3600)

    with pytest.raises(Refused) as refused:
        ratelimit.require_not_too_many("issue", "n", limit=3, seconds=3600)

    assert (refused.value.code, refused.value.status) == ("too_many", 429)
    assert 0 < refused.value.params["retry_after"] <= 3600
    assert "minute" in refused.value.detail


def test_a_thousand_forged_forwarded_headers_are_one_network(rf: RequestFactory) -> None:
    dice = random.Random(1)
    keys = set()
    for _ in range(1000):
        forged = ", ".join(str(dice.getrandbits(32)) for _ in range(dice.randrange(4)))
        keys.add(http.network_key(rf.get("/", REMOTE_ADDR="203.0.113.9", HTTP_X_FORWARDED_FOR=forged)))

    assert len(keys) == 1


def test_behind_one_proxy_the_last_forwarded_address_counts(rf: RequestFactory, settings: Any) -> None:
    settings.COMMENTS = {"TRUSTED_PROXIES": 1}

    request = rf.get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="1.2.3.4, 203.0.113.9")

    assert http.address(request) == "203.0.113.9"


def test_all_addresses_of_one_ipv6_network_are_one(rf: RequestFactory) -> None:
    keys = {http.network_key(rf.get("/", REMOTE_ADDR=f"2001:db8::{number:x}")) for number in range(200)}

    assert len(keys) == 1


def test_every_answer_has_a_request_id_and_a_strangers_is_not_believed(client: Any) -> None:
    assert client.get("/healthz", HTTP_X_REQUEST_ID="abcdef-12345").headers["X-Request-ID"] == "abcdef-12345"
    assert client.get("/healthz", HTTP_X_REQUEST_ID="a\r\nb").headers["X-Request-ID"].isalnum()


def test_readiness_tells_the_age_of_the_oldest_unscreened_comment(
    client: Any, reader: Commenter, discussion: Discussion
) -> None:
    comment = posting.post_comment(reader, discussion, "Waiting for a worker.")
    Revision.objects.filter(comment=comment).update(created_at=timezone.now() - timedelta(seconds=90))

    assert client.get("/readyz").json()["oldest_unscreened_seconds"] >= 90


async def _heard(messages: list[tuple[str, str, dict[str, Any]]], key: str) -> list[bytes]:
    """Open a stream of ``key``, announce ``messages``, and return what was sent."""
    sent: list[bytes] = []
    leave = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await leave.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body":
            sent.append(message["body"])

    scope = {"type": "http", "method": "GET", "path": f"/api/v1/discussions/{key}/events/"}
    stream = asyncio.create_task(live.application(scope, receive, send))
    await asyncio.sleep(0.05)
    for where, event, data in messages:
        await asyncio.to_thread(live.announce, where, event, data)
    await asyncio.sleep(0.1)
    leave.set()
    await asyncio.wait_for(stream, 2)
    return sent


def test_a_reader_hears_of_their_discussion_only(settings: Any) -> None:
    settings.COMMENTS = {}

    sent = asyncio.run(
        _heard(
            [
                ("articles.article:1", "comment.published", {"id": 7, "version": 3}),
                ("articles.article:2", "comment.published", {"id": 8, "version": 9}),
            ],
            "articles.article:1",
        )
    )

    said = b"".join(sent).decode()
    assert 'event: comment.published\ndata: {"id": 7, "version": 3}\nid: 3\n\n' in said
    assert '"id": 8' not in said
    assert live.hub.count == 0


def test_nothing_but_streams_is_served_live() -> None:
    assert live.serves("/api/v1/discussions/a/b:1/events/")
    assert not live.serves("/api/v1/discussions/a/comments/")


def test_holding_a_received_comment_announces_nothing(
    reader: Commenter, discussion: Discussion, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    said: list[str] = []
    monkeypatch.setattr(live, "announce", lambda _key, event, _data: said.append(event))

    with django_capture_on_commit_callbacks(execute=True):
        comment = posting.post_comment(reader, discussion, "See https://example.net/ for more.")
        moderation.screen(comment.pk, comment.version)

    comment.refresh_from_db()
    assert comment.status == Status.HELD
    assert said == []


def test_commands_say_what_they_found(
    reader: Commenter, post: Callable[..., Comment], capsys: pytest.CaptureFixture[str]
) -> None:
    post(reader)
    call_command("reconcile_counts")
    call_command("sweep")
    Discussion.objects.update(published_count=3)
    with pytest.raises(CommandError, match="--repair"):
        call_command("reconcile_counts")
    call_command("reconcile_counts", repair=True)
    call_command("reconcile_counts")

    said = capsys.readouterr().out
    assert "every count agrees" in said
    assert "published_count is 3, the rows say 1" in said
