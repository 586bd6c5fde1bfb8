"""The door for programs: each call, its refusals, who may make it, and what it costs."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any
from urllib.parse import quote

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from jsonschema import Draft202012Validator

from comments import discussions, moderation, posting, reactions, threads, thresholds
from comments.api import reports
from comments.models import Comment, Commenter, Discussion, Phrase, Status, Token

Post = Callable[..., Comment]
V1 = "/api/v1/"


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """The OpenAPI document, as it is served."""
    described = SchemaGenerator().get_schema(request=None, public=True)
    return json.loads(OpenApiJsonRenderer().render(described, renderer_context={}))


class Caller:
    """A program. Every answer it gets is held against the OpenAPI document."""

    def __init__(self, document: dict[str, Any], token: str = "", *, raising: bool = True) -> None:
        self.document = document
        self.client = Client(raise_request_exception=raising)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        more = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        response = self.client.generic(method, V1 + path, headers=self.headers | sent, **more)
        self.check(method, path, response)
        return response

    def get(self, path: str, **headers: str) -> Any:
        return self("GET", path, **headers)

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return self("POST", path, body, **headers)

    def check(self, method: str, path: str, response: Any) -> None:
        """Fail when the document does not describe this answer."""
        operation = self._operation(method, path.partition("?")[0])
        if operation is None or response.status_code in (304, 405):
            return
        told = operation["responses"]
        assert str(response.status_code) in told, (method, path, response.status_code, response.content)
        content = told[str(response.status_code)].get("content", {})
        if not content:
            assert response.content == b""
            return
        kind = response.headers["Content-Type"].partition(";")[0]
        assert kind in content, (kind, list(content))
        raw = gzip.decompress(response.content) if response.headers.get("Content-Encoding") else response.content
        shape = content[kind]["schema"] | {"components": self.document["components"]}
        Draft202012Validator(shape).validate(json.loads(raw))

    def _operation(self, method: str, path: str) -> Any:
        for template, operations in sorted(self.document["paths"].items(), key=lambda item: item[0].count("{")):
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), V1 + path):
                return operations.get(method.lower())
        return None


def said(response: Any) -> Any:
    return json.loads(response.content)


def refused(response: Any) -> tuple[int, str]:
    """Return status and code of a problem, whose form every problem has."""
    problem = said(response)
    assert response["Content-Type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "code", "request_id"} <= set(problem)
    assert problem["status"] == response.status_code and problem["detail"].endswith((".", "?"))
    assert problem["request_id"] == response["X-Request-ID"]
    assert "no-store" in response["Cache-Control"]
    return response.status_code, problem["code"]


def statements(queries: CaptureQueriesContext) -> list[str]:
    control = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT")
    return [query["sql"] for query in queries.captured_queries if not query["sql"].startswith(control)]


@pytest.fixture
def call(document: dict[str, Any]) -> Callable[..., Caller]:
    """Make a program that acts as a person, within scopes; without a person, one that is not signed in."""

    def make(person: Commenter | None = None, *scopes: str) -> Caller:
        if person is None:
            return Caller(document)
        return Caller(document, Token.objects.issue(person.user, list(scopes or ("read", "write")), 1))

    return make


@pytest.fixture
def held(reader: Commenter, post: Post) -> Comment:
    return post(reader, "A link that has to wait: https://elsewhere.example/")


# --- Reading what everyone may read -----------------------------------------------------------------------------------


def test_a_page_has_conversations_with_their_first_replies(
    call: Callable[..., Caller], reader: Commenter, editor: Commenter, post: Post
) -> None:
    root = post(reader, "The **night** tram is back.")
    answer = post(editor, "From Friday on.", parent=root)

    page = said(call().get("discussions/story-1/comments/"))

    (one,) = page["results"]
    assert page["next"] is None and one["replies_next"] is None
    assert (one["id"], one["text"], one["author"]["name"]) == (root.pk, "The night tram is back.", "mara")
    assert [reply["id"] for reply in one["replies"]] == [answer.pk]


def test_a_page_is_asked_for_no_cookie_and_sets_none(
    call: Callable[..., Caller], reader: Commenter, held: Comment
) -> None:
    signed_in = call()
    signed_in.client.force_login(reader.user)

    with CaptureQueriesContext(connection) as queries:
        mine = signed_in.get("discussions/story-1/comments/", Authorization="Bearer nonsense")
    everyones = call().get("discussions/story-1/comments/")

    assert mine.content == everyones.content and said(mine)["results"] == []
    assert not any("session" in sql or "token" in sql for sql in statements(queries))
    assert not mine.cookies and "Cookie" not in mine["Vary"]
    assert mine["Cache-Control"].startswith("public")


@pytest.mark.parametrize("path", ["discussions/story-1/comments/", "discussions/story-1/"])
def test_a_hot_page_costs_no_query_and_a_cold_one_three(
    call: Callable[..., Caller], reader: Commenter, post: Post, path: str
) -> None:
    post(reader, "An answer below.", parent=post(reader))
    anyone = call()
    threads.pages.clear()

    with CaptureQueriesContext(connection) as cold:
        anyone.get(path)
    with CaptureQueriesContext(connection) as hot:
        anyone.get(path)

    assert len(cold) <= 3 and len(hot) == 0


@pytest.mark.parametrize(
    "path", ["discussions/story-1/comments/", "discussions/story-1/", "counts/?key=story-1", "schema/"]
)
def test_public_answers_are_compressed_and_not_sent_twice(
    call: Callable[..., Caller], discussion: Discussion, path: str
) -> None:
    plain = call().get(path)
    zipped = call().get(path, Accept_Encoding="gzip")
    again = call().get(path, If_None_Match=plain["ETag"])

    assert zipped["Content-Encoding"] == "gzip" and gzip.decompress(zipped.content) == plain.content
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", plain["ETag"])
    assert plain["Cache-Control"].startswith("public") and "Accept-Encoding" in plain["Vary"]


def test_paging_goes_through_every_conversation(call: Callable[..., Caller], reader: Commenter, post: Post) -> None:
    written = [post(reader, f"Comment number {number} of a few.").pk for number in range(5)]
    seen: list[int] = []
    following: str | None = ""

    while following is not None:
        page = said(call().get(f"discussions/story-1/comments/?sort=oldest&limit=2&cursor={following}"))
        seen += [thread["id"] for thread in page["results"]]
        following = page["next"]

    assert seen == written


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("sort=random", "unknown_sort"),
        ("cursor=x", "bad_cursor"),
        ("cursor=" + "W1tb" * 2000, "bad_cursor"),
        ("cursor=%00", "bad_cursor"),
        ("limit=0", "bad_limit"),
        ("limit=-1", "bad_limit"),
        ("limit=1e9", "bad_limit"),
        ("limit=٣", "bad_limit"),
        ("limit=" + "9" * 5000, "bad_limit"),
    ],
)
def test_what_cannot_be_asked_for_is_a_problem(
    call: Callable[..., Caller], discussion: Discussion, query: str, code: str
) -> None:
    assert refused(call().get(f"discussions/story-1/comments/?{query}")) == (400, code)


@pytest.mark.parametrize("key", ["nowhere", "x" * 201, "a%00b", "%ED%A0%80", "%FF", "%F0%9F%8C%8A" * 300])
def test_a_key_that_names_nothing_is_not_found(call: Callable[..., Caller], db: None, key: str) -> None:
    for path in (f"discussions/{key}/", f"discussions/{key}/comments/"):
        assert refused(call().get(path)) == (404, "unknown_discussion")


@pytest.mark.parametrize(
    "key", ["articles.article:42", "a/b", "https://example.org/x?y=1#z", "a/comments/", "Zürich & Köln", "a\nb", "🌊"]
)
def test_a_key_may_have_any_character(call: Callable[..., Caller], db: None, key: str) -> None:
    Discussion.objects.create(key=key, title=key)
    encoded = quote(key, safe="")

    assert said(call().client.get(f"{V1}discussions/{encoded}/"))["key"] == key
    assert said(call().client.get(f"{V1}discussions/{encoded}/comments/")) == {"results": [], "next": None}
    assert call().client.get(f"{V1}discussions/{encoded}/events/").status_code == 204
    assert said(call().get(f"counts/?key={encoded}")) == {key: 0}


def test_a_key_that_ends_like_an_address_still_has_its_comments(call: Callable[..., Caller], db: None) -> None:
    """The limit of WSGI, written down: "%2F" arrives as "/", so this key has no summary of its own."""
    Discussion.objects.create(key="a/comments")

    assert said(call().client.get(f"{V1}discussions/a%2Fcomments/comments/")) == {"results": [], "next": None}
    assert refused(call().client.get(f"{V1}discussions/a%2Fcomments/")) == (404, "unknown_discussion")


def test_a_discussion_says_whether_and_why_it_is_closed(call: Callable[..., Caller], discussion: Discussion) -> None:
    opens_at = timezone.now() + timedelta(hours=8)
    discussions.close(discussion, reason="Editors are asleep until eight.", opens_at=opens_at)

    state = said(call().get("discussions/story-1/"))

    assert (state["state"], state["mode"], state["is_open"]) == ("closed", "closed", False)
    assert state["closed_reason"] == "Editors are asleep until eight."
    assert state["opens_at"] == opens_at.isoformat() and state["closed_at"]
    assert state["counts"] == {"published": 0}


def test_counts_answer_for_every_key_in_one_query(call: Callable[..., Caller], reader: Commenter, post: Post) -> None:
    post(reader)

    with CaptureQueriesContext(connection) as queries:
        counts = said(call().get(f"counts/?key=story-1&key=nowhere&key=%00&key={'x' * 300}"))

    assert counts == {"story-1": 1, "nowhere": 0, "\x00": 0, "x" * 300: 0}
    assert len(queries) == 1


def test_counts_for_too_many_keys_are_refused(call: Callable[..., Caller], db: None) -> None:
    assert call().get("counts/?" + "&".join(f"key={n}" for n in range(200))).status_code == 200
    assert refused(call().get("counts/?" + "&".join(f"key={n}" for n in range(201)))) == (400, "too_many_keys")


def test_more_replies_are_read_page_by_page(call: Callable[..., Caller], reader: Commenter, post: Post) -> None:
    root = post(reader, "The first of a conversation.")
    answers = [post(reader, f"Answer number {number} to it.", parent=root).pk for number in range(3)]

    first = said(call().get(f"comments/{root.pk}/replies/?limit=2"))
    rest = said(call().get(f"comments/{root.pk}/replies/?limit=2&cursor={first['next']}"))

    assert [reply["id"] for reply in first["results"] + rest["results"]] == answers
    assert rest["next"] is None
    assert refused(call().get(f"comments/{root.pk}/replies/?cursor=x")) == (400, "bad_cursor")


def test_live_events_are_not_served_here(call: Callable[..., Caller], discussion: Discussion) -> None:
    assert call().get("discussions/story-1/events/").status_code == 204


@pytest.mark.parametrize(
    "path", ["nowhere/", "comments/0/", "comments/01/", "comments/9999999999999999999/", "comments/x/", "counts", ""]
)
def test_an_address_that_is_none_is_not_found(call: Callable[..., Caller], db: None, path: str) -> None:
    assert refused(call().get(path)) == (404, "not_found")
    assert refused(call().client.post(V1 + path)) == (404, "not_found")


# --- Posting ----------------------------------------------------------------------------------------------------------


def test_a_comment_is_taken_and_not_yet_shown(
    call: Callable[..., Caller], reader: Commenter, discussion: Discussion
) -> None:
    response = call(reader).post("discussions/story-1/comments/", {"text": "Good <b>morning</b>"})

    comment = Comment.objects.get()
    assert response.status_code == 202
    assert said(response) == {
        "id": comment.pk,
        "status": "received",
        "url": comment.get_absolute_url(),
        "version": 1,
    }
    assert (comment.author, comment.is_shown, comment.html) == (reader, False, "")
    assert comment.revisions.get().text == "Good <b>morning</b>"
    assert said(call().get("discussions/story-1/comments/"))["results"] == []


@pytest.mark.parametrize("as_reply", [False, True])
def test_posting_costs_at_most_eight_statements(
    call: Callable[..., Caller], reader: Commenter, post: Post, as_reply: bool
) -> None:
    body = {"text": "Counted to the last statement.", "parent": post(reader).pk if as_reply else None}
    program, browser = call(reader), call()
    browser.client.force_login(reader.user)
    thresholds.of(None, exact=True)  # known for a second, whoever asks

    with CaptureQueriesContext(connection) as by_token:
        assert program.post("discussions/story-1/comments/", body).status_code == 202
    with CaptureQueriesContext(connection) as by_session:
        assert browser.post("discussions/story-1/comments/", body | {"text": "Once more."}).status_code == 202

    assert len(statements(by_token)) == 6, statements(by_token)
    assert len(statements(by_session)) <= 8, statements(by_session)


def test_the_same_attempt_twice_is_one_comment(
    call: Callable[..., Caller], reader: Commenter, discussion: Discussion
) -> None:
    program, body = call(reader), {"text": "Pressed twice."}

    first = program.post("discussions/story-1/comments/", body, Idempotency_Key="attempt-1")
    again = program.post("discussions/story-1/comments/", body, Idempotency_Key="attempt-1")
    other = program.post("discussions/story-1/comments/", {"text": "Something else."}, Idempotency_Key="attempt-1")

    assert said(first)["id"] == said(again)["id"] and Comment.objects.count() == 1
    assert refused(other) == (422, "idempotency_mismatch")


@pytest.mark.parametrize("key", ["x" * 256, "a\x00b", "a\nb"])
def test_an_attempt_with_an_impossible_name_is_refused(
    call: Callable[..., Caller], reader: Commenter, discussion: Discussion, key: str
) -> None:
    response = call(reader).post("discussions/story-1/comments/", {"text": "Hello there."}, Idempotency_Key=key)

    assert refused(response) == (400, "bad_idempotency_key")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "invalid"),
        ({"text": None}, 400, "invalid"),
        ({"text": ""}, 400, "empty"),
        ({"text": 7}, 400, "not_text"),
        ({"text": ["a"]}, 400, "not_text"),
        ({"text": "a\x00b"}, 400, "nul"),
        ({"text": "\ud800"}, 400, "surrogate"),
        ({"text": "x" * 10_001}, 400, "too_long"),
        ({"text": "Hello.", "parent": "1"}, 400, "invalid"),
        ({"text": "Hello.", "parent": True}, 400, "invalid"),
        ({"text": "Hello.", "parent": 1.0}, 400, "invalid"),
        ({"text": "Hello.", "parent": -1}, 400, "invalid"),
        ({"text": "Hello.", "parent": 2**63}, 400, "invalid"),
        ({"text": "Hello.", "parent": 2**63 - 1}, 409, "parent_gone"),
        ({"text": "Hello.", "guest": {"name": "Ann"}}, 403, "guests_not_allowed"),
        ({"text": "Hello.", "guest": None}, 400, "invalid"),
        ({"text": "Hello.", "\ud800": 1}, 400, "unknown_field"),
        ([], 400, "malformed"),
        ("text", 400, "malformed"),
        (None, 415, "unsupported_media_type"),
    ],
)
def test_what_cannot_be_taken_is_a_problem_and_nothing_is_saved(
    call: Callable[..., Caller], reader: Commenter, discussion: Discussion, body: Any, status: int, code: str
) -> None:
    response = call(reader).post("discussions/story-1/comments/", body)

    assert refused(response) == (status, code)
    assert not Comment.objects.exists()


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b'{"text": NaN}',
        b'{"text": "a", "text": "b"}',
        b'{"text": "a", "parent": ' + b"9" * 5000 + b"}",
        b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'\xef\xbb\xbf{"text": "a"}',
        '{"text": "a"}'.encode("utf-16"),
        b'{"text": "\xff"}',
    ],
)
def test_a_body_that_is_no_json_object_is_refused(
    call: Callable[..., Caller], reader: Commenter, discussion: Discussion, raw: bytes
) -> None:
    program = call(reader)

    response = program.client.post(
        f"{V1}discussions/story-1/comments/", raw, content_type="application/json", headers=program.headers
    )

    assert response.status_code == 400 and said(response)["code"] in ("malformed", "invalid")


def test_a_body_beyond_all_measure_is_not_read(
    call: Callable[..., Caller], reader: Commenter, discussion: Discussion
) -> None:
    assert refused(call(reader).post("discussions/story-1/comments/", {"text": "x" * 300_000})) == (413, "too_large")


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", ""]
)
def test_only_json_is_read(call: Callable[..., Caller], reader: Commenter, discussion: Discussion, kind: str) -> None:
    program = call(reader)

    response = program.client.generic(
        "POST", f"{V1}discussions/story-1/comments/", b'{"text": "a"}', content_type=kind, headers=program.headers
    )

    assert refused(response) == (415, "unsupported_media_type")


def test_every_field_of_the_models_is_unknown_when_posted(
    call: Callable[..., Caller], reader: Commenter, editor: Commenter, post: Post, discussion: Discussion
) -> None:
    comment = post(reader)
    before = Comment.objects.filter(pk=comment.pk).values().get()
    program = call(reader)
    names = {field.name for model in (Comment, Commenter) for field in model._meta.get_fields()} - {"parent"}

    for name in sorted(names):
        for method, path, body in (
            ("POST", "discussions/story-1/comments/", {"text": "Mine to set?"}),
            ("PATCH", f"comments/{comment.pk}/", {"text": "Mine to set?"}),
            ("PUT", f"comments/{comment.pk}/reaction/", {"kind": "like"}),
        ):
            response = program(method, path, body | {name: editor.pk})
            assert refused(response) == (400, "unknown_field"), (method, name)
            assert name in said(response)["errors"]

    assert Comment.objects.filter(pk=comment.pk).values().get() == before
    assert Comment.objects.count() == 1


def test_a_refusal_says_how_long_to_wait(
    call: Callable[..., Caller], reader: Commenter, discussion: Discussion, settings: Any
) -> None:
    settings.COMMENTS = {"POSTS_PER_MINUTE": 1}
    program = call(reader)
    program.post("discussions/story-1/comments/", {"text": "The first of them."})

    response = program.post("discussions/story-1/comments/", {"text": "The second of them."})

    assert refused(response) == (429, "too_fast")
    assert response["Retry-After"] == str(said(response)["retry_after"])


def test_a_closed_discussion_refuses_with_its_reason(
    call: Callable[..., Caller], reader: Commenter, discussion: Discussion
) -> None:
    discussions.close(discussion, reason="Editors are asleep until eight.")

    response = call(reader).post("discussions/story-1/comments/", {"text": "Still awake."})

    assert refused(response) == (403, "closed")
    assert said(response)["detail"] == "Editors are asleep until eight."


def test_a_reply_to_what_is_not_published_is_refused_wherever_it_stands(
    call: Callable[..., Caller], reader: Commenter, person: Callable[..., Commenter], post: Post, held: Comment
) -> None:
    Discussion.objects.create(key="story-2")
    published = post(reader)
    other = call(person("jo"))

    assert refused(other.post("discussions/story-1/comments/", {"text": "Yes.", "parent": held.pk}))[1] == "parent_gone"
    assert refused(other.post("discussions/story-2/comments/", {"text": "Yes.", "parent": held.pk}))[1] == "parent_gone"
    elsewhere = other.post("discussions/story-2/comments/", {"text": "Yes.", "parent": published.pk})
    assert refused(elsewhere) == (400, "parent_elsewhere")


# --- One comment ------------------------------------------------------------------------------------------------------


def test_a_held_comment_is_its_authors_secret(
    call: Callable[..., Caller], reader: Commenter, editor: Commenter, person: Callable[..., Commenter], held: Comment
) -> None:
    path = f"comments/{held.pk}/"

    mine = said(call(reader).get(path))

    assert (mine["status"], mine["reasons"]) == ("held", ["it contains a link"])
    assert mine["text"] == "A link that has to wait: https://elsewhere.example/" and mine["version"] == held.version
    for other in (call(), call(person("jo")), call(editor)):
        assert refused(other.get(path)) == (404, "unknown_comment")
        assert refused(other.get(path + "replies/")) == (404, "unknown_comment")


@pytest.mark.parametrize(
    ("method", "suffix", "body"),
    [
        ("PATCH", "", {"text": "Not mine."}),
        ("DELETE", "", None),
        ("PUT", "reaction/", {"kind": "like"}),
        ("DELETE", "reaction/", None),
    ],
)
def test_a_strangers_comment_that_is_not_shown_does_not_exist(
    call: Callable[..., Caller], person: Callable[..., Commenter], held: Comment, method: str, suffix: str, body: Any
) -> None:
    stranger = call(person("jo"))

    hidden = stranger(method, f"comments/{held.pk}/{suffix}", body)
    missing = stranger(method, f"comments/{held.pk + 999}/{suffix}", body)

    assert refused(hidden) == refused(missing) == (404, "unknown_comment")
    held.refresh_from_db()
    assert held.status == Status.HELD


def test_a_published_comment_of_another_is_not_mine_to_change(
    call: Callable[..., Caller], reader: Commenter, person: Callable[..., Commenter], post: Post
) -> None:
    comment, stranger = post(reader), call(person("jo"))

    assert refused(stranger("PATCH", f"comments/{comment.pk}/", {"text": "Not mine."})) == (404, "unknown_comment")
    assert refused(stranger("DELETE", f"comments/{comment.pk}/")) == (404, "unknown_comment")
    assert "version" not in said(stranger.get(f"comments/{comment.pk}/"))


def test_a_rejected_comment_tells_its_author_why(
    call: Callable[..., Caller], reader: Commenter, editor: Commenter, post: Post, decide: Callable[..., Any]
) -> None:
    comment = post(reader)
    decide(comment, "reject", editor, explanation="Write about the tram, please.")

    mine = said(call(reader).get(f"comments/{comment.pk}/"))

    assert mine["status"] == "rejected" and mine["explanation"] == "Write about the tram, please."
    assert mine["reasons"] and mine["text"] == "A sentence about the night tram."


def test_a_tombstone_shows_no_words_and_no_name(
    call: Callable[..., Caller], reader: Commenter, editor: Commenter, post: Post
) -> None:
    root = post(reader, "Soon to be gone, and its words with it.")
    post(editor, "An answer that stays.", parent=root)
    call(reader)("DELETE", f"comments/{root.pk}/")

    seen = said(call().get(f"comments/{root.pk}/"))

    assert (seen["author"], seen["html"], seen["text"]) == (None, "", "")
    assert seen["tombstone"]["code"] == seen["status"] == "withdrawn"


def test_an_edit_is_taken_and_waits_beside_the_published_words(
    call: Callable[..., Caller], reader: Commenter, post: Post
) -> None:
    comment = post(reader, "The old words stand here.")
    program = call(reader)

    response = program("PATCH", f"comments/{comment.pk}/", {"text": "New words, soon."})

    assert response.status_code == 202 and said(response)["version"] == comment.version + 1
    mine = said(program.get(f"comments/{comment.pk}/"))
    assert (mine["text"], mine["edit"]) == (
        "The old words stand here.",
        {"status": "received", "text": "New words, soon."},
    )
    assert said(call().get(f"comments/{comment.pk}/"))["text"] == "The old words stand here."


def test_an_edit_that_comes_too_late_is_refused(call: Callable[..., Caller], reader: Commenter, post: Post) -> None:
    comment = post(reader)
    Comment.objects.filter(pk=comment.pk).update(created_at=timezone.now() - timedelta(hours=2))

    assert refused(call(reader)("PATCH", f"comments/{comment.pk}/", {"text": "Late."})) == (403, "edit_too_late")


def test_withdrawing_twice_is_withdrawing_once(call: Callable[..., Caller], reader: Commenter, post: Post) -> None:
    comment, program = post(reader), call(reader)

    assert [program("DELETE", f"comments/{comment.pk}/").status_code for _ in range(2)] == [204, 204]
    comment.refresh_from_db()
    assert comment.status == Status.WITHDRAWN


def test_liking_twice_is_liking_once(
    call: Callable[..., Caller], reader: Commenter, person: Callable[..., Commenter], post: Post
) -> None:
    path, fan = f"comments/{post(reader).pk}/reaction/", call(person("jo"))

    for _twice in range(2):
        assert said(fan("PUT", path, {"kind": "like"})) == {"reactions": {"like": 1}}
    assert refused(fan("PUT", path, {"kind": "love"})) == (400, "unknown_reaction")
    assert refused(call(reader)("PUT", path, {"kind": "like"})) == (403, "own_comment")
    for _twice in range(2):
        assert said(fan("DELETE", path)) == {"reactions": {"like": 0}}


# --- Who is calling ---------------------------------------------------------------------------------------------------

WRITES = [
    ("POST", "discussions/story-1/comments/", {"text": "Hello there."}),
    ("PATCH", "comments/1/", {"text": "Hello there."}),
    ("DELETE", "comments/1/", None),
    ("PUT", "comments/1/reaction/", {"kind": "like"}),
    ("DELETE", "comments/1/reaction/", None),
]
PERSONAL = [
    ("GET", "me/", None),
    ("GET", "me/comments/", None),
    ("GET", "me/export/", None),
    ("GET", "me/export/file/", None),
    ("GET", "me/discussions/story-1/", None),
]
MINE = [
    ("PATCH", "me/", {"name": "Somebody else"}),
    ("DELETE", "me/", {"confirm": "mara"}),
    ("POST", "me/deletion/", {"confirm": "mara"}),
    ("DELETE", "me/deletion/", None),
    ("POST", "me/export/", {}),
]
MODERATION = [
    ("GET", "moderation/queues/", None),
    ("GET", "moderation/comments/", None),
    ("GET", "moderation/saved-queues/", None),
    ("POST", "moderation/saved-queues/", {"name": "Links", "q": "has:link"}),
    ("PATCH", "moderation/saved-queues/1/", {"name": "Links"}),
    ("DELETE", "moderation/saved-queues/1/", None),
    ("GET", "moderation/comments/1/", None),
    ("POST", "moderation/comments/1/decisions/", {"verdict": "hold", "version": 1}),
    ("GET", "moderation/phrases/", None),
    ("POST", "moderation/phrases/", {"phrase": "buy now", "kind": "suspect"}),
    ("DELETE", "moderation/phrases/1/", None),
]
OPEN = [("GET", "comments/1/", None), ("POST", "preview/", {"text": "Hello."})]


@pytest.mark.parametrize(("method", "path", "body"), WRITES + PERSONAL + MINE + MODERATION)
def test_someone_who_is_not_signed_in_is_asked_to(
    call: Callable[..., Caller], discussion: Discussion, method: str, path: str, body: Any
) -> None:
    response = call()(method, path, body)

    assert refused(response) == (401, "not_signed_in")
    assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path", "body"), MODERATION)
def test_a_reader_cannot_moderate_with_any_token_or_session(
    call: Callable[..., Caller], reader: Commenter, method: str, path: str, body: Any
) -> None:
    browser = call()
    browser.client.force_login(reader.user)

    assert refused(call(reader, "read", "write")(method, path, body)) == (403, "scope_missing")
    assert refused(call(reader, "read", "write", "moderate")(method, path, body)) == (403, "not_a_moderator")
    assert refused(browser(method, path, body)) == (403, "not_a_moderator")
    assert not Phrase.objects.exists()


@pytest.mark.parametrize(
    ("method", "path", "body", "scope"),
    [(*one, "write") for one in WRITES]
    + [(*one, "read") for one in PERSONAL + OPEN]
    + [(*one, "moderate") for one in MODERATION],
)
def test_a_token_does_what_its_scopes_say(
    call: Callable[..., Caller],
    editor: Commenter,
    discussion: Discussion,
    method: str,
    path: str,
    body: Any,
    scope: str,
) -> None:
    others = {"read", "write", "moderate"} - {scope}

    response = call(editor, *others)(method, path, body)
    allowed = call(editor, scope)(method, path, body)

    assert refused(response) == (403, "scope_missing")
    assert said(response)["scope"] == scope and 'error="insufficient_scope"' in response["WWW-Authenticate"]
    assert allowed.status_code not in (401, 403)


@pytest.mark.parametrize("state", ["unknown", "expired", "revoked", "inactive", "empty"])
def test_a_token_that_is_no_good_is_refused_even_where_none_is_needed(
    call: Callable[..., Caller], reader: Commenter, state: str
) -> None:
    program = call(reader)
    if state in ("unknown", "empty"):
        program.headers = {"Authorization": "Bearer nc_é" if state == "unknown" else "Bearer"}
    elif state == "expired":
        Token.objects.update(expires_at=timezone.now())
    elif state == "revoked":
        Token.objects.update(revoked_at=timezone.now())
    else:
        reader.user.is_active = False
        reader.user.save()

    for response in (program.get("me/"), program.post("preview/", {"text": "Hello."})):
        assert refused(response) == (401, "bad_token")
        assert 'error="invalid_token"' in response["WWW-Authenticate"]


def test_a_token_is_found_with_its_person_in_one_query(call: Callable[..., Caller], reader: Commenter) -> None:
    program = call(reader)

    with CaptureQueriesContext(connection) as queries:
        assert said(program.get("me/"))["name"] == "mara"

    # The others: how they stand, and how much they were told that is new.
    assert ["comments_token" in one["sql"] for one in queries] == [True, False, False]


def test_a_browser_needs_the_csrf_token_to_write(reader: Commenter, discussion: Discussion) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(reader.user)
    sent = {"data": {"text": "Written by another site?"}, "content_type": "application/json"}

    response = client.post(f"{V1}discussions/story-1/comments/", **sent)

    assert refused(response) == (403, "csrf_failed")
    client.cookies["csrftoken"] = "a" * 32
    response = client.post(f"{V1}discussions/story-1/comments/", **sent, headers={"X-CSRFToken": "a" * 32})
    assert response.status_code == 202


def test_who_am_i(call: Callable[..., Caller], editor: Commenter) -> None:
    response = call(editor).get("me/")

    assert said(response) == {
        "id": editor.pk,
        "name": "daniel",
        "badges": ["staff"],
        "is_moderator": True,
        "published_count": 0,
        "preferred_language": "",
        "deletion": None,
        "standing": {"state": "fine", "detail": "", "until": None, "sanctions": []},
        "unread_notifications": 0,
    }
    assert response["Cache-Control"] == "private, no-store"


def test_what_only_i_see_of_a_discussion(
    call: Callable[..., Caller], reader: Commenter, editor: Commenter, post: Post, held: Comment
) -> None:
    liked = post(editor, "A comment that mara likes.")
    reactions.react(reader, liked)

    response = call(reader).get("me/discussions/story-1/")

    mine = said(response)
    assert [(one["id"], one["status"], one["can_edit"]) for one in mine["comments"]] == [(held.pk, "held", True)]
    assert mine["liked"] == [liked.pk] and response["Cache-Control"] == "private, no-store"
    assert "editor" not in mine
    others = said(call(editor).get("me/discussions/story-1/"))
    assert others["comments"] == others["liked"] == []
    assert [one["id"] for one in others["editor"]["unseen"]] == [held.pk]
    assert refused(call(reader).get("me/discussions/nowhere/")) == (404, "unknown_discussion")


def test_a_preview_shows_the_html_and_what_would_make_it_wait(
    call: Callable[..., Caller], reader: Commenter, discussion: Discussion
) -> None:
    Phrase.objects.create(phrase="buy now")
    text = "*Well*, buy now at https://elsewhere.example/"

    preview = said(call(reader).post("preview/", {"text": text, "discussion": "story-1"}))

    assert preview["html"].startswith("<p><em>Well</em>")
    advice = {one["code"]: one for one in preview["advice"]}
    assert set(advice) == {"links", "phrase_suspect"} and advice["links"]["detail"] == "it contains a link"
    ((start, end),) = advice["phrase_suspect"]["spans"]
    assert text[start:end] == "buy now" and not Comment.objects.exists()


def test_previews_are_limited(call: Callable[..., Caller], db: None, settings: Any) -> None:
    settings.COMMENTS = {"PREVIEWS_PER_MINUTE": 1}
    anyone = call()

    assert anyone.post("preview/", {"text": "Once."}).status_code == 200
    assert refused(anyone.post("preview/", {"text": "Twice."})) == (429, "too_many")


# --- Issue reports ----------------------------------------------------------------------------------------------------


def test_an_issue_is_reported_without_signing_in_and_read_by_its_receipt(
    call: Callable[..., Caller], discussion: Discussion, held: Comment
) -> None:
    anyone = call()

    filed = anyone.post(
        "issues/",
        {
            "kind": "vanished",
            "text": "My comment was there and is gone.",
            "email": "not an address",
            "discussion": "story-1",
            "comment": held.pk,
            "context": {"browser": "Firefox 150"},
        },
    )

    receipt = said(filed)
    assert filed.status_code == 201 and receipt["url"] == f"/comments/issues/{receipt['token']}/"
    added = anyone.post(f"issues/{receipt['token']}/messages/", {"text": "It is back."})
    assert added.status_code == 201
    report = said(anyone.get(f"issues/{receipt['token']}/"))
    assert (report["number"], report["kind"], report["state"]) == (receipt["number"], "vanished", "open")
    assert "It is back." in [message["text"] for message in report["messages"]]
    assert "not an address" not in json.dumps(report)


def test_a_report_cannot_be_about_a_comment_its_reporter_does_not_see(
    call: Callable[..., Caller], reader: Commenter, held: Comment
) -> None:
    body = {"kind": "vanished", "text": "Where did it go?", "comment": held.pk}

    anyones = said(call().post("issues/", body))
    mine = said(call(reader).post("issues/", body))

    assert reports.issues.get(anyones["token"]).comment is None
    assert reports.issues.get(mine["token"]).comment == held


@pytest.mark.parametrize(
    "more",
    [
        {"state": "solved"},
        {"kind": "gossip"},
        {"kind": 7},
        {"text": "x" * 2001},
        {"text": "a\x00b"},
        {"text": "\ud800"},
        {"context": {"a": 1}},
        {"context": {"a": "\x00"}},
        {"context": {"\ud800": "a"}},
        {"context": {str(n): "x" for n in range(21)}},
        {"context": []},
        {"email": "x" * 300},
        {"comment": "1"},
    ],
)
def test_a_report_with_more_than_a_report_is_refused(
    call: Callable[..., Caller], db: None, more: dict[str, Any]
) -> None:
    response = call().post("issues/", {"kind": "other", "text": "It does not work."} | more)

    assert response.status_code == 400 and said(response)["code"] in ("invalid", "unknown_field")


def test_a_receipt_that_is_none_is_not_found(call: Callable[..., Caller], db: None) -> None:
    assert refused(call().get("issues/nothing/"))[0] == 404
    assert refused(call().post("issues/nothing/messages/", {"text": "Hello?"}))[0] == 404


def test_the_diagnosis_is_for_this_reader(
    call: Callable[..., Caller], reader: Commenter, discussion: Discussion
) -> None:
    for caller in (call(), call(reader)):
        for query in ("", "?discussion=story-1", "?discussion=nowhere", "?discussion=%00"):
            response = caller.get(f"issues/diagnosis/{query}")
            assert response.status_code == 200 and response["Cache-Control"] == "private, no-store"


# --- Moderation -------------------------------------------------------------------------------------------------------


def test_the_queues_are_counted_exactly(
    call: Callable[..., Caller], reader: Commenter, editor: Commenter, discussion: Discussion, held: Comment
) -> None:
    posting.post_comment(reader, discussion, "Nobody has screened this yet.")

    assert said(call(editor, "moderate").get("moderation/queues/")) == {
        "to_decide": 1,
        "received": 1,
        "reported": 0,
        "unscreened": 0,
        "audit": 0,
        "assigned": 0,
        "escalated": 0,
        "appeals": 0,
        "issues": 0,
    }


def test_a_card_has_what_an_editor_needs(
    call: Callable[..., Caller], reader: Commenter, editor: Commenter, post: Post
) -> None:
    parent = post(editor, "What do you make of it?")
    comment = post(reader, "See https://elsewhere.example/ <b>now</b>", parent=parent)
    desk = call(editor, "moderate")

    (card,) = said(desk.get("moderation/comments/"))["results"]

    assert card == said(desk.get(f"moderation/comments/{comment.pk}/"))
    assert (card["id"], card["version"], card["status"], card["revision_number"]) == (
        comment.pk,
        comment.version,
        "held",
        1,
    )
    assert card["text"] == "See https://elsewhere.example/ <b>now</b>" and "<strong>now</strong>" in card["html"]
    assert card["parent"] == {"id": parent.pk, "author": "daniel", "text": "What do you make of it?"}
    assert card["discussion"] == {"key": "story-1", "title": "The night tram is back", "url": "/stories/1/"}
    (finding,) = [one for one in card["findings"] if one["verdict"] != "publish"]
    assert (finding["code"], finding["detail"]) == ("links", "Contains 1 link; 0 allowed")
    ((start, end),) = finding["spans"]
    assert card["text"][start:end] == "elsewhere.example"
    assert [(one["verdict"], one["decider"], one["made_by"]) for one in card["decisions"]] == [
        ("hold", "screening", None)
    ]


def test_cards_come_oldest_first_page_by_page_for_the_same_few_queries(
    call: Callable[..., Caller], reader: Commenter, editor: Commenter, post: Post, settings: Any
) -> None:
    settings.COMMENTS = {"POSTS_PER_MINUTE": 0, "FLOOD_COMMENTS": 0}
    waiting = [post(reader, f"Number {number}: https://elsewhere.example/{number}").pk for number in range(7)]
    desk = call(editor, "moderate")

    with CaptureQueriesContext(connection) as one:
        page = said(desk.get("moderation/comments/?limit=1"))
    with CaptureQueriesContext(connection) as five:
        said(desk.get("moderation/comments/?limit=5"))
    counted = len(one), len(five)
    seen = [card["id"] for card in page["results"]]
    while page["next"]:
        page = said(desk.get(f"moderation/comments/?limit=3&cursor={page['next']}"))
        seen += [card["id"] for card in page["results"]]

    assert seen == waiting
    assert counted == (5, 5)


def test_cards_are_found_by_their_words_and_queue(
    call: Callable[..., Caller], reader: Commenter, editor: Commenter, post: Post, held: Comment
) -> None:
    published = post(reader, "The Harbour Line runs again.")
    desk = call(editor, "moderate")

    def ids(query: str) -> list[int]:
        return [card["id"] for card in said(desk.get(f"moderation/comments/?{query}"))["results"]]

    assert ids("queue=all") == [published.pk, held.pk]
    assert ids("queue=all&q=harbour+line") == [published.pk]
    assert ids("q=harbour") == [] and ids("q=ELSEWHERE") == [held.pk] and ids("q=%25") == []
    assert ids("queue=received") == []
    assert refused(desk.get("moderation/comments/?queue=lost")) == (400, "unknown_queue")
    for cursor in ("x", "1-", "9" * 17 + "-1", "٣-١"):
        assert refused(desk.get(f"moderation/comments/?cursor={cursor}")) == (400, "bad_cursor")


def test_an_editor_publishes_what_screening_held_and_its_first_cause_is_kept(
    call: Callable[..., Caller], editor: Commenter, held: Comment
) -> None:
    response = call(editor, "moderate").post(
        f"moderation/comments/{held.pk}/decisions/",
        {"verdict": "publish", "version": held.version, "note": "A source."},
    )

    decision = held.decisions.latest("id")
    made = said(response)
    assert response.status_code == 201 and made["id"] == str(decision.public_id)
    assert (made["from_status"], made["to_status"], made["version"]) == ("held", "published", held.version + 1)
    assert (decision.decider, decision.trigger, decision.assistance) == ("editor", "screening", "findings")
    assert decision.made_by == editor and decision.words.private_note == "A source."


def test_the_first_cause_is_the_editor_where_nothing_was_held(
    reader: Commenter, editor: Commenter, post: Post, held: Comment, decide: Callable[..., Any]
) -> None:
    published = post(reader)
    assert (moderation.first_cause(published), moderation.first_cause(held)) == ("editor", "screening")

    posting.edit_comment(reader, held, "Rewritten, and not yet screened.")
    decide(published, "hold", editor)

    assert (moderation.first_cause(published), moderation.first_cause(held)) == ("editor", "editor")


def test_a_rejection_needs_a_reason(call: Callable[..., Caller], editor: Commenter, held: Comment) -> None:
    desk, path = call(editor, "moderate"), f"moderation/comments/{held.pk}/decisions/"
    reject = {"verdict": "reject", "version": held.version}

    assert refused(desk.post(path, reject)) == (400, "reason_needed")
    assert refused(desk.post(path, reject | {"reason": "because"})) == (400, "unknown_reason")
    assert refused(desk.post(path, reject | {"reason": "illegal", "ground": "illegal"})) == (400, "legal_ground_needed")
    assert desk.post(path, reject | {"reason": "off_topic", "explanation": "Not here."}).status_code == 201
    held.refresh_from_db()
    assert held.status == Status.REJECTED


def test_who_decides_on_what_has_changed_is_told_what_it_is_now(
    call: Callable[..., Caller], editor: Commenter, held: Comment, decide: Callable[..., Any]
) -> None:
    seen = held.version
    decide(held, "reject", editor)

    response = call(editor, "moderate").post(
        f"moderation/comments/{held.pk}/decisions/", {"verdict": "publish", "version": seen}
    )

    assert refused(response) == (409, "comment_changed")
    assert said(response)["comment"] == {"id": held.pk, "version": held.version, "status": "rejected"}
    assert "daniel" in said(response)["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {"verdict": "publish"},
        {"version": 1},
        {"verdict": "withdraw", "version": 1},
        {"verdict": "publish", "version": "1"},
        {"verdict": "publish", "version": 2**70},
        {"verdict": ["publish"], "version": 1},
        {"verdict": "hold", "version": 1, "note": "x" * 2001},
        {"verdict": "hold", "version": 1, "made_by": 1},
        {"verdict": "hold", "version": 1, "trigger": "order"},
    ],
)
def test_a_decision_that_is_none_is_refused(
    call: Callable[..., Caller], editor: Commenter, held: Comment, body: dict[str, Any]
) -> None:
    response = call(editor, "moderate").post(f"moderation/comments/{held.pk}/decisions/", body)

    assert response.status_code == 400 and held.decisions.count() == 1


def test_phrases_are_added_changed_listed_and_removed(call: Callable[..., Caller], editor: Commenter) -> None:
    desk = call(editor, "moderate")

    added = desk.post("moderation/phrases/", {"phrase": " buy now ", "kind": "suspect", "note": "Spam."})
    changed = desk.post("moderation/phrases/", {"phrase": "buy now", "kind": "banned"})

    assert (added.status_code, changed.status_code) == (201, 200)
    (one,) = said(desk.get("moderation/phrases/"))["results"]
    assert (one["phrase"], one["kind"], one["note"]) == ("buy now", "banned", "Spam.")
    assert Phrase.objects.get().added_by == editor.user
    assert [desk("DELETE", f"moderation/phrases/{one['id']}/").status_code for _ in range(2)] == [204, 404]


def test_phrases_are_paged(call: Callable[..., Caller], editor: Commenter) -> None:
    Phrase.objects.bulk_create([Phrase(phrase=f"phrase {number}") for number in range(5)])
    desk = call(editor, "moderate")

    first = said(desk.get("moderation/phrases/?limit=3"))
    rest = said(desk.get(f"moderation/phrases/?limit=3&cursor={first['next']}"))

    assert [len(first["results"]), len(rest["results"]), rest["next"]] == [3, 2, None]
    assert refused(desk.get("moderation/phrases/?cursor=x")) == (400, "bad_cursor")


def test_a_new_phrase_works_at_once(
    call: Callable[..., Caller], reader: Commenter, editor: Commenter, post: Post
) -> None:
    call(editor, "moderate").post("moderation/phrases/", {"phrase": "night bus", "kind": "banned"})

    assert post(reader, "Take the Night Bus home.").status == Status.REJECTED


# --- Errors and the document ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "POST"])
@pytest.mark.parametrize("path", ["counts/", "me/comments/", "moderation/queues/"])
def test_a_method_that_is_not_there_is_a_problem(call: Callable[..., Caller], db: None, method: str, path: str) -> None:
    response = call()(method, path, None)

    assert refused(response) == (405, "method_not_allowed") and "GET" in response["Allow"]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RuntimeError("the password is tram"), 500, "internal_error"),
        (OperationalError("host db-3 is away"), 503, "unavailable"),
    ],
)
@pytest.mark.parametrize("path", ["discussions/story-1/comments/", "me/"])
def test_an_error_of_ours_is_a_problem_that_tells_nothing_of_the_inside(
    document: dict[str, Any],
    reader: Commenter,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    status: int,
    code: str,
    path: str,
) -> None:
    def broken(*_args: Any, **_kwargs: Any) -> None:
        raise error

    monkeypatch.setattr(threads, "page_json", broken)
    monkeypatch.setattr("comments.access.may_moderate", broken)
    client = Client(raise_request_exception=False)
    client.force_login(reader.user)

    response = client.get(V1 + path)

    assert refused(response) == (status, code)
    assert str(error).encode() not in response.content
    assert str(error) in caplog.text


def test_the_document_is_made_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", validate=True, fail_on_warn=True)

    assert "openapi: 3.1.0" in capsys.readouterr().out


def test_every_address_is_in_the_document_with_its_problems(document: dict[str, Any]) -> None:
    from comments.api import urls

    named = {pattern.name for pattern in urls.urlpatterns if pattern.name} - {"schema", "docs"}

    assert len(document["paths"]) == len(named)
    for operations in document["paths"].values():
        for operation in operations.values():
            problems = [s for s, told in operation["responses"].items() if s >= "400"]
            assert all(list(operation["responses"][s]["content"]) == ["application/problem+json"] for s in problems)
            assert operation["summary"] and operation["operationId"]


def test_the_docs_come_from_our_own_server_and_keep_their_script_to_it(client: Client) -> None:
    page = client.get(f"{V1}docs/")
    script = client.get(f"{V1}docs/?script=")

    assert page.status_code == script.status_code == 200
    assert not re.search(rb"(src|href)=\"(https?:)?//", page.content)
    assert "script-src 'self';" in page["Content-Security-Policy"]
    assert f"{V1}schema/".replace("/", "\\u002F").encode() in script.content or b"schema/" in script.content
    assert script["Cross-Origin-Resource-Policy"] == "same-origin"


def test_the_api_works_in_a_project_that_says_nothing_about_rest_framework(
    call: Callable[..., Caller], reader: Commenter, discussion: Discussion, settings: Any
) -> None:
    settings.REST_FRAMEWORK = {
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.BrowsableAPIRenderer"],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.FormParser"],
        "EXCEPTION_HANDLER": "nowhere.handler",
        "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.AcceptHeaderVersioning",
        "UNAUTHENTICATED_USER": None,
    }

    assert call(reader).post("discussions/story-1/comments/", {"text": "Hello there."}).status_code == 202
    assert refused(call().get("me/", Accept="text/html")) == (401, "not_signed_in")
    assert call().get("counts/?key=story-1", Accept="text/html").status_code == 200


# --- The command that makes tokens ------------------------------------------------------------------------------------


def test_the_command_prints_the_token_alone(reader: Commenter) -> None:
    out = StringIO()

    call_command("token", "mara", scope=["read", "write"], days="30", label="Reader app", stdout=out)

    printed = out.getvalue().strip()
    token = Token.objects.get()
    assert re.fullmatch(r"nc_[\w-]{43}", printed) and printed not in (token.digest, str(token))
    assert (token.scopes, token.label, token.user) == (["read", "write"], "Reader app", reader.user)
    assert timedelta(days=29) < token.expires_at - timezone.now() <= timedelta(days=30)
    assert Client().get(f"{V1}me/", headers={"Authorization": f"Bearer {printed}"}).status_code == 200


@pytest.mark.parametrize(
    ("user", "scope", "days", "sentence"),
    [
        ("nobody", "read", "30", "There is no user “nobody”."),
        ("mara", "everything", "30", "There is no scope “everything”."),
        ("mara", "read", "0", "--days is a whole number from 1 to 3650"),
        ("mara", "read", "soon", "--days is a whole number from 1 to 3650"),
    ],
)
def test_the_command_says_what_it_cannot_do(reader: Commenter, user: str, scope: str, days: str, sentence: str) -> None:
    with pytest.raises(CommandError, match=re.escape(sentence)):
        call_command("token", user, scope=[scope], days=days)
    assert not Token.objects.exists()
