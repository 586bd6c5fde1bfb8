"""The shortest way to a public page: the same bytes and headers as through Django, and nothing else takes it."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import RequestFactory

from comments import threads
from comments.models import Comment, Commenter, Discussion
from comments.shortcut import Shortcut

PATH = "/api/v1/discussions/story-1/comments/"


class Asked:
    """A Django behind the shortcut that counts how often it was asked."""

    def __init__(self) -> None:
        self.times = 0
        django = get_wsgi_application()

        def counted(environ: dict[str, Any], start_response: Any) -> Any:
            self.times += 1
            return django(environ, start_response)

        self.application = Shortcut(counted)

    def get(self, path: str = PATH, **headers: str) -> tuple[str, dict[str, str], bytes]:
        environ = RequestFactory().get(path, **headers).environ
        said: list[Any] = []
        body = self.application(environ, lambda status, headers, *more: said.extend([status, headers]))
        return said[0], dict(said[1]), b"".join(body)


@pytest.fixture(autouse=True)
def one_connection() -> Iterator[None]:
    """Keep the test's own connection open between requests, as Django's test client does."""
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    yield
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)


@pytest.fixture
def asked(discussion: Discussion) -> Asked:
    return Asked()


def test_a_kept_page_goes_out_with_the_same_bytes_and_headers_and_django_is_not_asked(asked: Asked) -> None:
    first = asked.get()
    second = asked.get()

    assert asked.times == 1
    assert second[0] == first[0] == "200 OK"
    assert second[2] == first[2]
    assert first[1].keys() == second[1].keys()
    same = {name for name in first[1] if name != "X-Request-ID"}
    assert {name: first[1][name] for name in same} == {name: second[1][name] for name in same}
    assert first[1]["X-Request-ID"] != second[1]["X-Request-ID"]
    assert "Content-Security-Policy" in second[1]


def test_it_answers_304_and_compressed_as_django_does(asked: Asked) -> None:
    _status, headers, body = asked.get()

    status, _headers, nothing = asked.get(HTTP_IF_NONE_MATCH=headers["ETag"])
    assert (status, nothing) == ("304 Not Modified", b"")
    _status, zipped_headers, zipped = asked.get(HTTP_ACCEPT_ENCODING="gzip")
    assert zipped_headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped) == body
    assert asked.times == 1


def test_what_moved_is_asked_for_again(
    asked: Asked, reader: Commenter, post: Callable[..., Comment], django_capture_on_commit_callbacks: Any
) -> None:
    before = asked.get()[2]
    with django_capture_on_commit_callbacks(execute=True):
        post(reader, "Words that move the discussion.")

    after = asked.get()[2]

    assert asked.times == 2
    assert before != after
    assert b"Words that move the discussion." in after


def test_what_is_not_known_for_certain_is_asked_for(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    asked.get()
    monkeypatch.setattr(threads, "LOOK_AGAIN_SECONDS", 0)
    asked.get()

    assert asked.times == 2


@pytest.mark.parametrize(
    "headers",
    [{"HTTP_HOST": "localhost"}, {"HTTP_ACCEPT_LANGUAGE": "de"}, {"HTTP_COOKIE": "django_language=ko"}],
    ids=["another host", "another language", "a chosen language"],
)
def test_whatever_the_site_may_look_at_makes_another_address(asked: Asked, headers: dict[str, str]) -> None:
    asked.get()
    asked.get(**headers)

    assert asked.times == 2


def test_a_host_that_is_not_ours_is_refused_every_time(asked: Asked) -> None:
    for _ in range(2):
        assert asked.get(HTTP_HOST="evil.example")[0].startswith("400")


@pytest.mark.parametrize(
    "path", ["/api/v1/me/", "/comments/mine/?key=story-1", "/", "/api/v1/discussions/none/comments/"]
)
def test_nothing_else_takes_the_shortcut(asked: Asked, path: str) -> None:
    asked.get(path)
    asked.get(path)

    assert asked.times == 2


def test_it_forgets_rather_than_grows(discussion: Discussion) -> None:
    asked = Asked()
    asked.application.most = 10

    for number in range(50):
        asked.get(f"{PATH}?limit={number % 25 + 1}&x={number}")

    assert len(asked.application._known) <= 10
