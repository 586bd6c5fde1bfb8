"""The failure log: what doors refuse and what breaks is written down, and never gets in anybody's way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from comments import conf, posting
from comments.issues import failures
from comments.issues.tasks import keep_house
from comments.models import Comment, Commenter, Discussion, Failure

SECRET = "What I wrote is nobody's business."


@pytest.fixture
def signed_in(client: Client, reader: Commenter) -> Client:
    client.force_login(reader.user)
    return client


def send(client: Client, text: str = SECRET, **more: Any) -> Any:
    given = {"discussion": "story-1", "text": text} | more
    return client.post("/comments/post/", given, headers={"Sec-Fetch-Site": "same-origin"})


def test_a_refused_post_leaves_a_row_with_code_request_and_whose_it_was(
    signed_in: Client, reader: Commenter, discussion: Discussion, settings: Any
) -> None:
    settings.COMMENTS = {**settings.COMMENTS, "RELEASE": "2611.3"}

    response = send(signed_in, "x" * 10_001)

    met = Failure.objects.get()
    assert (met.door, met.verb, met.code, met.status, met.release) == ("page", "post", "too_long", 400, "2611.3")
    assert (met.person, met.discussion, met.request_id) == (reader, discussion, response["X-Request-ID"])
    assert len(met.browser_key) == len(met.network_key) == 32
    assert response["X-Comments-Code"] == "too_long"


def test_the_api_and_signed_out_posts_leave_rows_too(client: Client, discussion: Discussion) -> None:
    refused = client.post("/api/v1/discussions/story-1/comments/", {"text": SECRET}, content_type="application/json")
    send(client)

    assert set(Failure.objects.values_list("door", "code", "status")) == {
        ("api", "not_signed_in", 401),
        ("page", "not_signed_in", 401),
    }
    assert Failure.objects.filter(door="api", discussion=discussion, request_id=refused["X-Request-ID"]).exists()
    assert f"code=not_signed_in&request={refused['X-Request-ID']}" in refused.json()["help"]


def test_nothing_that_anybody_wrote_is_in_a_row(signed_in: Client, discussion: Discussion) -> None:
    send(signed_in, SECRET * 500)
    signed_in.post("/accounts/login/", {"login": "mara", "password": SECRET})

    rows = " ".join(str(value) for row in Failure.objects.values() for value in row.values())
    assert Failure.objects.exists() and "business" not in rows


def test_an_error_nobody_foresaw_is_written_down_with_its_class_and_our_innermost_line(
    client: Client, reader: Commenter, discussion: Discussion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: Any, **_more: Any) -> None:
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr(posting, "new_segment", broken)
    client.force_login(reader.user)
    client.raise_request_exception = False

    page = send(client)

    met = Failure.objects.get()
    assert (page.status_code, met.code, met.status, met.person) == (500, "server_error", 500, reader)
    assert met.error.startswith("ZeroDivisionError at posting.py:") and not Comment.objects.exists()
    html = page.content.decode()
    assert f"code=server_error&amp;request={page['X-Request-ID']}" in html and "Let us know" in html


def test_equal_errors_have_one_fingerprint_and_others_another(discussion: Discussion) -> None:
    facts = {"door": "page", "verb": "post", "code": "server_error", "error": "KeyError at posting.py:94"}
    one, same = (Failure.objects.create(**facts) for _ in range(2))
    released = Failure.objects.create(**facts, release="2611.4")

    prints = [failures.fingerprint(met) for met in (one, same, released)]

    assert prints[0] == prints[1] != prints[2] and len(prints[0]) == 64


def test_a_failed_sign_in_is_written_down_without_whose_it_was(client: Client, reader: Commenter) -> None:
    client.post(reverse("account_login"), {"login": "mara", "password": "not the password"})

    met = Failure.objects.get()
    assert (met.door, met.verb, met.code, met.person) == ("sign_in", "sign_in", "sign_in_fails", None)


def test_a_task_that_failed_in_a_worker_is_written_down(db: None) -> None:
    failures.on_task_failed(sender=SimpleNamespace(name="comments.tasks.screen_comment"), exception=KeyError("x"))
    failures.on_task_failed(sender=SimpleNamespace(name="somebody.elses"), exception=KeyError("x"))

    met = Failure.objects.get()
    assert (met.door, met.verb, met.code, met.error) == ("worker", "screen_comment", "server_error", "KeyError")


def test_an_expired_form_is_written_down_and_its_page_leads_to_the_form(
    reader: Commenter, discussion: Discussion
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(reader.user)

    page = client.post("/comments/post/", {"discussion": "story-1", "text": SECRET})

    assert page.status_code == 403, page.status_code
    assert [one.code for one in Failure.objects.all()] == ["stale_form"]
    html = page.content.decode()
    assert f"code=stale_form&amp;request={page['X-Request-ID']}" in html and "nobody" in html


def test_pages_that_are_not_there_and_what_goes_well_leave_nothing(signed_in: Client, discussion: Discussion) -> None:
    signed_in.get("/comments/999/")
    send(signed_in)
    signed_in.get("/comments/me/")

    assert not Failure.objects.exists()


def test_one_reader_leaves_a_few_rows_a_minute_and_all_together_a_bounded_number(
    signed_in: Client, discussion: Discussion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "quota", failures.Quota(failures.MOST_OF_ONE, failures.MOST, lambda: 0.0))
    for _ in range(20):
        send(signed_in, "")
    assert Failure.objects.count() == failures.MOST_OF_ONE

    monkeypatch.setattr(failures, "quota", failures.Quota(6, 40, lambda: 0.0))
    made = [failures.Met("page", "post", "too_fast", 429, browser_key=f"{n:032d}") for n in range(10_000)]
    Failure.objects.all().delete()
    failures.write(made)
    assert Failure.objects.count() == 40


def test_a_log_that_cannot_be_written_fails_no_request_and_is_left_alone_for_a_while(
    signed_in: Client, discussion: Discussion, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def read_only(*_args: Any, **_more: Any) -> None:
        tried.append(1)
        raise OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(Failure.objects, "create", read_only)

    answers = [send(signed_in, "") for _ in range(5)]

    assert [answer.status_code for answer in answers] == [400] * 5
    assert len(tried) == 2


def test_a_public_page_gets_no_mark_and_a_post_gives_one_that_nobody_can_make_up(
    client: Client, discussion: Discussion
) -> None:
    public = client.get("/comments/section/?key=story-1")
    posted = send(client)

    mark = posted.cookies["comments_browser"]
    assert not public.cookies
    assert mark["httponly"] and mark["samesite"] == "Lax" and mark["max-age"] == 48 * 3600
    client.cookies["comments_browser"] = "0" * 64
    send(client)
    assert Failure.objects.filter(browser_key="").count() == 0
    assert len(set(Failure.objects.values_list("browser_key", flat=True))) == 2


def test_after_three_days_a_row_says_what_happened_and_to_nobody(
    signed_in: Client, discussion: Discussion, django_capture_on_commit_callbacks: Any
) -> None:
    send(signed_in, "")
    send(signed_in, "x" * 10_001)
    old = Failure.objects.order_by("id").first()
    assert old is not None
    Failure.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(hours=conf.get().failure_hours + 1))

    keep_house()

    old.refresh_from_db()
    assert (old.person, old.browser_key, old.network_key, old.request_id) == (None, "", "", "")
    assert old.code == "empty" and Failure.objects.exclude(person=None).get().code == "too_long"
    assert failures.forget() == 0


def test_a_reader_is_told_of_their_own_failures_and_of_nobody_elses(
    reader: Commenter, person: Callable[..., Commenter]
) -> None:
    Failure.objects.create(door="page", verb="post", code="too_long", person=reader, browser_key="a" * 32)
    Failure.objects.create(door="page", verb="post", code="stale_form", browser_key="a" * 32)

    assert [met.code for met in failures.of(reader, "")] == ["too_long"]
    assert [met.code for met in failures.of(None, "a" * 32)] == ["stale_form"]
    assert [met.code for met in failures.of(person("tom"), "a" * 32)] == ["stale_form"]
    assert failures.of(None, "") == []
