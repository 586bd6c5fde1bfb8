"""Guidelines, announcements and closed notices: what editors write around the comments, and what readers are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comments import access, conf, discussions, guidelines, policy, posting, thresholds
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Decision, Discussion, Guidelines, PolicyChange, Token
from comments.pages import section

Post = Callable[..., Comment]
OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def published(editor: Commenter) -> Guidelines:
    return guidelines.publish("1. Argue with *what* was said.\n2. Stay with the subject.", made_by=editor)


@pytest.fixture
def duty(published: Guidelines, editor: Commenter) -> Guidelines:
    policy.set_value("accept_guidelines", True, made_by=editor)
    return published


def public(discussion: Discussion) -> str:
    from comments import threads

    threads.pages.clear()
    return section.public(discussion.key, section.Asked(), discussion).body.decode()


# --- Writing them -----------------------------------------------------------------------------------------------------


def test_each_text_is_a_version_and_the_same_again_is_none(published: Guidelines, editor: Commenter) -> None:
    again = guidelines.publish(published.text, made_by=editor)
    second = guidelines.publish("Be kind.", made_by=editor, note="Shorter", seen=1)

    assert (published.number, again.number, second.number) == (1, 1, 2)
    assert guidelines.current(exact=True) == second
    assert "<em>what</em>" in published.html and "<ol>" in published.html
    assert [(one.before, one.after) for one in PolicyChange.objects.filter(kind="guidelines").order_by("pk")] == [
        (None, 1),
        (1, 2),
    ]
    with pytest.raises(Refused) as refused:
        guidelines.publish("Two at once.", made_by=editor, seen=1)
    assert (refused.value.code, refused.value.status) == ("guidelines_changed", 409)


def test_a_version_is_never_changed(published: Guidelines) -> None:
    published.text = "Something else."

    for way in (published.save, published.delete, lambda: Guidelines.objects.update(text="x")):
        with pytest.raises(TypeError, match="never"):
            way()
    if connection.vendor == "postgresql":
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as db:
            db.execute("UPDATE comments_guidelines SET text = 'x'")


def test_only_those_who_change_policy_publish(reader: Commenter, person: Any) -> None:
    with pytest.raises(Refused) as refused:
        guidelines.publish("Mine.", made_by=reader)

    assert refused.value.status == 403 and not Guidelines.objects.exists()


def test_editors_preview_publish_and_keep_what_they_typed(client: Client, editor: Commenter) -> None:
    client.force_login(editor.user)
    address = "/admin/comments/desk/guidelines/publish/"
    hostile = "1. Be *kind*. <script>alert(1)</script>"

    looked = client.post(address, {"text": hostile, "seen": 0, "do": "preview"}).content.decode()
    assert "<em>kind</em>" in looked and "<script>alert" not in looked and not Guidelines.objects.exists()

    assert client.post(address, {"text": hostile, "seen": 0, "do": "publish", "note": "The first"}).status_code == 303
    late = client.post(address, {"text": "Too late.", "seen": 0, "do": "publish"})
    assert late.status_code == 409 and "Too late." in late.content.decode()
    assert client.post(address, {"text": " ", "seen": 1, "do": "publish"}).status_code == 400
    page = client.get("/admin/comments/desk/guidelines/").content.decode()
    assert "Version 1 holds" in page and "The first" in page and "<script>alert" not in page


def test_every_decision_names_the_version_that_held(
    published: Guidelines, editor: Commenter, reader: Commenter, post: Post
) -> None:
    post(reader, "A first sentence.")
    guidelines.publish("Be kind.", made_by=editor)
    post(reader, "A second sentence.")

    assert list(Decision.objects.order_by("pk").values_list("guidelines_version", flat=True)) == [1, 2]


@override_settings(COMMENTS={"GUIDELINES_VERSION": 7})
def test_guidelines_kept_elsewhere_are_named_until_some_are_published(
    reader: Commenter, editor: Commenter, post: Post
) -> None:
    post(reader, "A first sentence.")
    guidelines.publish("Be kind.", made_by=editor)
    post(reader, "A second sentence.")

    assert list(Decision.objects.order_by("pk").values_list("guidelines_version", flat=True)) == [7, 1]


# --- Reading and accepting them ---------------------------------------------------------------------------------------


def test_readers_find_them_above_the_comments_on_a_page_and_in_the_api(
    client: Client, discussion: Discussion, published: Guidelines, editor: Commenter
) -> None:
    assert "<li>Argue with <em>what</em> was said.</li>" in public(discussion)

    page = client.get("/comments/guidelines/")
    assert page.status_code == 200 and "Version 1" in page.content.decode()
    said = client.get(f"/api/v1/discussions/{discussion.key}/").json()
    assert said["guidelines_version"] == 1 and said["guidelines"]["version"] == 1
    assert said["guidelines"]["html"] == published.html and said["guidelines"]["to_accept"] is False

    guidelines.publish("Be kind.", made_by=editor)
    old = client.get("/comments/guidelines/1/").content.decode()
    assert "This is an earlier version." in old and "<em>what</em>" in old
    assert client.get("/comments/guidelines/3/").status_code == 404


def test_without_any_there_is_no_page_and_no_line(client: Client, discussion: Discussion) -> None:
    assert client.get("/comments/guidelines/").status_code == 404
    assert "comment-guidelines" not in public(discussion)
    assert client.get(f"/api/v1/discussions/{discussion.key}/").json()["guidelines"] is None


def test_nobody_has_to_accept_them_unless_the_newsroom_says_so(
    published: Guidelines, reader: Commenter, post: Post
) -> None:
    assert post(reader).pk


def test_who_has_not_accepted_is_asked_once_for_each_version_and_keeps_the_text(
    client: Client, discussion: Discussion, duty: Guidelines, reader: Commenter, editor: Commenter
) -> None:
    client.force_login(reader.user)
    words = {"discussion": discussion.key, "text": "What I wanted to say."}

    asked = client.post("/comments/post/", words, headers=OURS)
    page = asked.content.decode()
    assert asked.status_code == 403 and "guidelines_not_accepted" in page and "What I wanted to say." in page
    assert page.count('name="guidelines" value="1"') == 1 and not Comment.objects.exists()

    posted = client.post("/comments/post/", words | {"guidelines": "1"}, headers=OURS)
    assert posted.status_code == 303
    reader.refresh_from_db()
    assert reader.terms_version == 1 and reader.terms_accepted_at is not None
    assert client.post("/comments/post/", words | {"text": "More."}, headers=OURS).status_code == 303

    guidelines.publish("Be kind.", made_by=editor)
    stale = client.post("/comments/post/", words | {"text": "And more.", "guidelines": "1"}, headers=OURS)
    assert stale.status_code == 403 and 'name="guidelines" value="2"' in stale.content.decode()


def test_the_box_asks_who_has_to_accept_and_nobody_else(
    discussion: Discussion, duty: Guidelines, reader: Commenter, editor: Commenter
) -> None:
    from comments.pages import own

    assert own.composer(discussion, reader)["accept"] == {"version": "1", "url": "/comments/guidelines/"}
    assert own.composer(discussion, editor)["accept"] is None
    guidelines.accept(reader, 1)
    assert own.composer(discussion, reader)["accept"] is None


def test_they_are_accepted_on_their_own_page_too(client: Client, duty: Guidelines, reader: Commenter) -> None:
    client.force_login(reader.user)
    assert "I have read them and accept them" in client.get("/comments/guidelines/").content.decode()

    sent = {"guidelines": "1", "next": "https://evil.example/"}
    answer = client.post("/comments/guidelines/accept/", sent, headers=OURS)

    assert (answer.status_code, answer["Location"]) == (303, "/comments/guidelines/")
    assert "You accepted this version" in client.get("/comments/guidelines/").content.decode()
    assert client.post("/comments/guidelines/accept/", {"guidelines": "x"}, headers=OURS).status_code == 400
    assert Client().post("/comments/guidelines/accept/", sent, headers=OURS).status_code == 401


def test_programs_accept_and_publish(
    client: Client, discussion: Discussion, duty: Guidelines, reader: Commenter, editor: Commenter
) -> None:
    def headers(who: Commenter) -> dict[str, str]:
        return {"Authorization": f"Bearer {Token.objects.issue(who.user, ['read', 'write', 'moderate'], 1)}"}

    def send(address: str, body: dict[str, Any], who: Commenter) -> Any:
        return client.post(f"/api/v1/{address}", body, content_type="application/json", headers=headers(who))

    comments = f"discussions/{discussion.key}/comments/"
    refused = send(comments, {"text": "Hello."}, reader)
    assert refused.status_code == 403
    assert (refused.json()["code"], refused.json()["guidelines_version"]) == ("guidelines_not_accepted", 1)
    assert client.get("/api/v1/me/guidelines/", headers=headers(reader)).json()["to_accept"] == 1
    assert send("me/guidelines/", {"version": 2}, reader).status_code == 409
    assert send("me/guidelines/", {"version": 1}, reader).json()["accepted_version"] == 1
    assert send(comments, {"text": "Hello."}, reader).status_code == 202

    made = send("moderation/guidelines/", {"text": "Be kind.", "seen": 1}, editor)
    assert made.status_code == 201 and made.json()["version"] == 2
    assert send("moderation/guidelines/", {"text": "Be kinder.", "seen": 1}, editor).status_code == 409
    assert [one["version"] for one in client.get("/api/v1/moderation/guidelines/", headers=headers(editor)).json()] == [
        2,
        1,
    ]
    assert send(comments, {"text": "Hello again.", "guidelines": 2}, reader).status_code == 202


def test_neither_reading_nor_posting_asks_the_database_for_them(
    discussion: Discussion, duty: Guidelines, reader: Commenter
) -> None:
    guidelines.accept(reader, 1)
    thresholds.in_force(exact=True)

    with CaptureQueriesContext(connection) as asked:
        guidelines.require_accepted(reader, None)
        guidelines.state()

    assert not [query for query in asked.captured_queries if "comments_guidelines" in query["sql"]]


# --- Announcements ----------------------------------------------------------------------------------------------------


def test_an_article_beats_its_section_and_a_section_the_site(discussion: Discussion, editor: Commenter) -> None:
    discussions.configure(discussion, section="Sport")

    def said() -> str | None:
        thresholds.forget()
        found = thresholds.announcement(discussion)
        return found.text if found else None

    assert said() is None
    policy.set_value("announcement", "Comments move on Monday.", made_by=editor)
    assert said() == "Comments move on Monday."
    policy.set_value("announcement", "Tonight: the final.", section="Sport", made_by=editor)
    assert said() == "Tonight: the final."
    policy.set_value("announcement", "", discussion=discussion, made_by=editor)
    assert said() is None
    policy.set_value("announcement", "We read <b>everything</b>.", discussion=discussion, made_by=editor)
    assert '<p class="comment-notice-title" dir="auto">We read &lt;b&gt;everything&lt;/b&gt;.</p>' in public(discussion)
    assert 'role="status" data-announcement' in public(discussion)


def test_an_announcement_ends_by_the_end_of_its_own_level(
    client: Client, discussion: Discussion, editor: Commenter
) -> None:
    soon = timezone.localtime(timezone.now() + timedelta(hours=2), timezone.get_default_timezone())
    policy.set_value("announcement_until", "2020-01-01 08:00", made_by=editor)
    policy.set_value("announcement", "Over long ago.", made_by=editor)
    assert thresholds.announcement(discussion) is None

    policy.set_value("announcement", "For this article.", discussion=discussion, made_by=editor)
    assert thresholds.announcement(discussion) == thresholds.Announcement("For this article.", None)

    policy.set_value("announcement_until", f"{soon:%Y-%m-%d %H:%M}", discussion=discussion, made_by=editor)
    said = client.get(f"/api/v1/discussions/{discussion.key}/").json()["announcement"]
    assert said["text"] == "For this article." and said["until"].startswith(f"{soon:%Y-%m-%dT%H:%M}")
    assert thresholds.announcement(discussion, timezone.now() + timedelta(hours=3)) is None
    for wrong in ("tomorrow", "2026-13-01 08:00", "2026-12-24T", "24.12.2026"):
        with pytest.raises(Refused) as refused:
            policy.set_value("announcement_until", wrong, made_by=editor)
        assert refused.value.code == "bad_value"


# --- Closed -----------------------------------------------------------------------------------------------------------


NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)  # a Wednesday


@pytest.fixture
def story(discussion: Discussion) -> Iterator[Discussion]:
    Discussion.objects.filter(pk=discussion.pk).update(created_at=NOON - timedelta(days=3))
    discussion.refresh_from_db()
    with timezone.override("UTC"):
        yield discussion


CLOSED: list[tuple[dict[str, Any], dict[str, Any], str, str, datetime | None]] = [
    ({}, {"commenting_closed": True}, "everywhere", "Commenting is closed for now.", None),
    ({}, {"commenting_closed": True, "closed_sentence": "Back at six."}, "everywhere", "Back at six.", None),
    ({"mode": "closed", "closed_at": NOON}, {}, "closed", "The newsroom has closed them.", None),
    (
        {"mode": "closed", "closed_at": NOON, "closed_reason": "It got heated.", "opens_at": NOON + timedelta(hours=3)},
        {},
        "closed",
        "It got heated.",
        NOON + timedelta(hours=3),
    ),
    (
        {"mode": "closed", "closed_at": NOON, "opens_at": NOON + timedelta(hours=12)},
        {"commenting_hours": ("mon-fri 06:00-22:00",)},
        "closed",
        "The newsroom has closed them.",
        datetime(2026, 11, 26, 6, tzinfo=UTC),
    ),
    ({"closes_at": NOON}, {}, "ended", "The time for comments is over.", None),
    (
        {"closes_at": NOON, "opens_at": NOON + timedelta(days=1)},
        {},
        "ended",
        "The time for comments is over.",
        NOON + timedelta(days=1),
    ),
    ({}, {"close_after_days": 2}, "age", "Comments close by themselves after 2 days.", None),
    (
        {},
        {"commenting_hours": ("mon-fri 06:00-11:00", "sat,sun 08:00-22:00")},
        "hours",
        "Comments can be written at these hours: "
        "Monday\u2013Friday 06:00\u201311:00; Saturday, Sunday 08:00\u201322:00.",
        datetime(2026, 11, 26, 6, tzinfo=UTC),
    ),
]


@pytest.mark.parametrize(("facts", "values", "code", "why", "opens"), CLOSED)
def test_every_cause_of_being_closed_says_why_and_when_it_opens(
    story: Discussion, facts: dict[str, Any], values: dict[str, Any], code: str, why: str, opens: datetime | None
) -> None:
    for name, value in facts.items():
        setattr(story, name, value)

    now = access.opening(story, NOON + timedelta(minutes=1), conf.Settings(**values))

    assert (now.is_open, now.code, now.reason, now.opens_at) == (False, code, why, opens)


def test_what_ended_and_is_opened_anew_is_open(story: Discussion) -> None:
    story.closes_at, story.opens_at = NOON, NOON + timedelta(hours=1)

    assert not access.opening(story, NOON + timedelta(minutes=59)).is_open
    assert access.opening(story, NOON + timedelta(minutes=61)).is_open


def test_the_notice_and_the_refusal_say_it(client: Client, discussion: Discussion, reader: Commenter) -> None:
    opens = timezone.now() + timedelta(days=2)
    discussions.close(discussion, reason="It got <heated>.", opens_at=opens)

    shown = public(discussion)
    assert "Comments are closed until " in shown and "It got &lt;heated&gt;." in shown and "Closed since " in shown
    with pytest.raises(Refused) as refused:
        posting.post_comment(reader, discussion, "Hello.")
    assert "They open again on" in refused.value.detail
    discussions.configure(discussion, form="qa")
    assert "Questions are closed until " in public(discussion)
