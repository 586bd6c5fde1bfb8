"""Whatever is sent, the API answers: never an error of ours, never something saved that is no comment."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comments.models import Comment, Commenter, Discussion, Token
from tests.test_api import V1

CORPORA = Path(__file__).resolve().parent.parent.parent / "shared" / "corpora"
LIMITLESS = {"POSTS_PER_MINUTE": 0, "ISSUES_PER_HOUR": 0, "PREVIEWS_PER_MINUTE": 0}


def lines(name: str) -> list[Any]:
    file = CORPORA / name
    if not file.exists():
        pytest.skip(f"The corpus {name} is not beside this clone.")
    return [json.loads(line) for line in file.read_text().splitlines() if line]


@pytest.fixture
def headers(reader: Commenter, discussion: Discussion, settings: Any) -> dict[str, str]:
    """A token for everything a reader may do, and no limits."""
    settings.COMMENTS = LIMITLESS
    return {"Authorization": f"Bearer {Token.objects.issue(reader.user, ['read', 'write'], 1)}"}


def send(method: str, path: str, raw: bytes, headers: dict[str, str]) -> Any:
    """Send ``raw`` as JSON and return the answer, which is JSON in every case."""
    # An exception inside the view is raised again here, so "never 5xx" needs no looking at statuses.
    response = Client().generic(method, V1 + path, raw, content_type="application/json", headers=headers)
    assert response.status_code < 500, (path, raw[:200], response.content)
    if response.content:
        answer = json.loads(response.content)
        assert response.status_code < 400 or {"code", "detail", "status"} <= set(answer)
    return response


TARGETS = [
    ("POST", "discussions/story-1/comments/"),
    ("POST", "preview/"),
    ("POST", "issues/"),
    ("PATCH", "comments/1/"),
    ("PUT", "comments/1/reaction/"),
]


@pytest.mark.parametrize(("method", "path"), TARGETS)
def test_bodies_that_parsers_stumble_over_are_refused(headers: dict[str, str], method: str, path: str) -> None:
    for case in lines("api/json_bodies.jsonl"):
        response = send(method, path, base64.b64decode(case["body_base64"]), headers)

        assert 400 <= response.status_code < 500, (case["name"], response.content)
    assert not Comment.objects.exists()


@pytest.mark.slow
def test_what_parsers_stumble_over_is_no_better_inside_a_comment(headers: dict[str, str]) -> None:
    for case in lines("api/json_bodies.jsonl"):
        value = base64.b64decode(case["body_base64"])
        for path in ("discussions/story-1/comments/", "preview/"):
            send("POST", path, b'{"text": ' + value + b"}", headers)
            send("POST", path, b'{"text": "Hello there.", "parent": ' + value + b"}", headers)


@pytest.mark.slow
def test_naughty_strings_are_taken_or_refused(headers: dict[str, str]) -> None:
    for text in lines("text/naughty_strings.jsonl"):
        send("POST", "preview/", json.dumps({"text": text}).encode(), headers)
        body = json.dumps({"text": text}, ensure_ascii=False).encode("utf-8", "surrogatepass")
        response = send("POST", "discussions/story-1/comments/", body, headers)
        if response.status_code == 202:
            comment = Comment.objects.get(pk=json.loads(response.content)["id"])
            assert not comment.is_shown


@pytest.mark.slow
def test_naughty_strings_in_addresses_and_queries_are_answered(headers: dict[str, str]) -> None:
    for text in lines("text/naughty_strings.jsonl"):
        for query in ("cursor", "sort", "limit"):
            assert Client().get(f"{V1}discussions/story-1/comments/", {query: text}).status_code in (200, 400)
        assert Client().get(f"{V1}counts/", {"key": text}).status_code == 200
        response = Client().get(
            f"{V1}discussions/x/", headers={"If-None-Match": "".join(filter(str.isprintable, text))}
        )
        assert response.status_code == 404


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("Hello there."),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = ("text", "parent", "guest", "discussion", "kind", "email", "comment", "context", "version", "status", "author")
bodies = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=6), values, max_size=6)


@pytest.mark.parametrize(("method", "path"), TARGETS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies)
def test_no_body_is_an_error_of_ours(headers: dict[str, str], method: str, path: str, body: dict[str, Any]) -> None:
    send(method, path, json.dumps(body).encode(), headers)


@pytest.mark.parametrize(("method", "path"), TARGETS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=200) | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_are_an_error_of_ours(headers: dict[str, str], method: str, path: str, raw: bytes) -> None:
    send(method, path, raw, headers)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=200))
def test_any_text_is_taken_or_refused(headers: dict[str, str], text: str) -> None:
    body = json.dumps({"text": text}).encode()

    assert send("POST", "preview/", body, headers).status_code in (200, 400)
    assert send("POST", "discussions/story-1/comments/", body, headers).status_code in (202, 400)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60), number=st.integers())
def test_no_address_is_an_error_of_ours(headers: dict[str, str], text: str, number: int) -> None:
    written = "".join(text.encode("utf-8", "surrogatepass").decode("latin-1"))

    for path in (f"discussions/{written}/", f"discussions/{written}/comments/", f"me/discussions/{written}/"):
        response = Client().generic("GET", V1, PATH_INFO=V1 + path, headers=headers)
        assert response.status_code < 500
    for path in (f"comments/{number}/", f"comments/{number}/replies/", f"issues/{number}/"):
        assert Client().get(V1 + path, {"cursor": text, "limit": number}, headers=headers).status_code < 500
