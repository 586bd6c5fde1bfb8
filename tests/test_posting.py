"""Posting: what is taken, what is refused and with which words, and that twice is once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comments import discussions, moderation, posting
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Discussion, Revision, Status

Post = Callable[..., Comment]


def refusal(*args: Any, **kwargs: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        posting.post_comment(*args, **kwargs)
    return refused.value


def test_a_comment_is_saved_as_received_and_shown_to_nobody(reader: Commenter, discussion: Discussion) -> None:
    comment = posting.post_comment(reader, discussion, "Good <b>morning</b>")

    assert (comment.status, comment.html, comment.is_shown) == (Status.RECEIVED, "", False)
    assert comment.revisions.get().text == "Good <b>morning</b>"


@pytest.mark.parametrize(
    "raw", ["", "   \n\t ", "\u200b\u200c", "\x00", "a\x00b", "\ud800", None, 7, ["a"], "x" * 10_001]
)
def test_what_cannot_be_taken_is_refused_and_not_saved(reader: Commenter, discussion: Discussion, raw: Any) -> None:
    refused = refusal(reader, discussion, raw)

    assert refused.status == 400 and refused.code and refused.detail.endswith((".", "?"))
    assert not Comment.objects.exists()


def test_a_closed_discussion_refuses_with_its_reason(reader: Commenter, discussion: Discussion) -> None:
    discussions.close(discussion, reason="Editors are asleep until eight.")

    refused = refusal(reader, discussion, "Still awake here.")

    assert (refused.code, refused.status, refused.detail) == ("closed", 403, "Editors are asleep until eight.")


def test_a_discussion_opens_again_by_itself(reader: Commenter, discussion: Discussion) -> None:
    discussions.close(discussion, opens_at=timezone.now() - timedelta(seconds=1))

    assert posting.post_comment(reader, discussion, "It is eight o'clock.").pk


def test_a_reply_to_a_comment_under_another_article_is_refused(
    reader: Commenter, discussion: Discussion, post: Post
) -> None:
    elsewhere = post(reader)
    other = Discussion.objects.create(key="story-2")

    assert refusal(reader, other, "An answer.", parent=elsewhere).code == "parent_elsewhere"


def test_a_reply_to_a_rejected_comment_is_refused(
    reader: Commenter, editor: Commenter, discussion: Discussion, post: Post, decide: Callable[..., Any]
) -> None:
    parent = post(reader)
    decide(parent, "reject", editor)
    parent.refresh_from_db()

    assert refusal(editor, discussion, "An answer.", parent=parent).code == "parent_gone"


def test_staff_may_answer_as_quickly_as_they_can(editor: Commenter, discussion: Discussion, settings: Any) -> None:
    settings.COMMENTS = {"POSTS_PER_MINUTE": 1}

    for number in range(3):
        assert posting.post_comment(editor, discussion, f"Answer number {number} of the reporter.").pk


def test_the_limit_counts_however_high_it_is(reader: Commenter, discussion: Discussion, settings: Any) -> None:
    settings.COMMENTS = {"POSTS_PER_MINUTE": 60}
    for number in range(60):
        posting.post_comment(reader, discussion, f"Comment number {number} of this minute.")

    assert refusal(reader, discussion, "One more.").code == "too_fast"


def test_the_twenty_first_comment_in_a_minute_is_refused_with_the_seconds_left(
    reader: Commenter, discussion: Discussion
) -> None:
    for number in range(20):
        posting.post_comment(reader, discussion, f"Comment number {number} of this minute.")

    refused = refusal(reader, discussion, "One more.")

    assert (refused.code, refused.status) == ("too_fast", 429)
    assert 0 < refused.params["retry_after"] <= 60
    assert str(refused.params["retry_after"]) in refused.detail


def test_two_that_draw_the_same_place_in_the_thread_are_both_kept(
    reader: Commenter, editor: Commenter, discussion: Discussion, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = iter(["a" * 12, "a" * 12, "a" * 12, "b" * 12])
    monkeypatch.setattr(posting, "new_segment", lambda: next(places))

    one = posting.post_comment(reader, discussion, "At the same moment.")
    other = posting.post_comment(editor, discussion, "At that moment.", idempotency_key="mine")

    assert (one.path, other.path) == ("a" * 12, "b" * 12)
    assert Revision.objects.get(comment=other).text == "At that moment."


def test_a_place_that_is_always_taken_is_an_error_and_not_a_loop(
    reader: Commenter, editor: Commenter, discussion: Discussion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "new_segment", lambda: "a" * 12)
    posting.post_comment(reader, discussion, "At the same moment.")

    with pytest.raises(IntegrityError):
        posting.post_comment(editor, discussion, "At that moment.")

    assert Comment.objects.count() == 1


def test_the_same_attempt_twice_is_one_comment(reader: Commenter, discussion: Discussion) -> None:
    first = posting.post_comment(reader, discussion, "Pressed twice.", idempotency_key="attempt-1")
    second = posting.post_comment(reader, discussion, "Pressed twice.", idempotency_key="attempt-1")

    assert first.pk == second.pk and Comment.objects.count() == 1


def test_another_text_under_the_same_key_is_refused(reader: Commenter, discussion: Discussion) -> None:
    posting.post_comment(reader, discussion, "Pressed once.", idempotency_key="attempt-1")

    refused = refusal(reader, discussion, "Something else.", idempotency_key="attempt-1")

    assert (refused.code, refused.status) == ("idempotency_mismatch", 422)


def test_the_same_words_twice_within_a_minute_are_one_comment(reader: Commenter, discussion: Discussion) -> None:
    first = posting.post_comment(reader, discussion, "Pressed twice without a key.")

    assert posting.post_comment(reader, discussion, "Pressed twice  without a key.").pk == first.pk


def test_two_people_may_use_the_same_key(reader: Commenter, editor: Commenter, discussion: Discussion) -> None:
    first = posting.post_comment(reader, discussion, "Mine.", idempotency_key="k")

    assert posting.post_comment(editor, discussion, "Theirs.", idempotency_key="k").pk != first.pk


@pytest.mark.django_db(transaction=True)
def test_one_attempt_sent_many_times_at_once_is_one_comment(reader: Commenter, discussion: Discussion) -> None:
    made: list[int] = []
    failed: list[Exception] = []

    def send() -> None:
        try:
            made.append(posting.post_comment(reader, discussion, "At once.", idempotency_key="together").pk)
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert len(made) == 12 and len(set(made)) == 1


def test_posting_costs_four_queries(reader: Commenter, discussion: Discussion, post: Post) -> None:
    parent = post(reader)

    with CaptureQueriesContext(connection) as queries:
        posting.post_comment(reader, discussion, "Counted to the last query.", parent=parent)

    counted = [q["sql"] for q in queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))]
    assert len(counted) == 4, counted


def test_paths_read_top_to_bottom(reader: Commenter, post: Post) -> None:
    root = post(reader, "The first of all comments here.")
    later = post(reader, "The second of all comments here.")
    answer = post(reader, "An answer to the first of them.", parent=root)

    ordered = Comment.objects.order_by("path").values_list("pk", flat=True)

    assert list(ordered) == [root.pk, answer.pk, later.pk]
    assert answer.ancestor_paths == [root.path]


def test_a_very_deep_conversation_is_kept_to_its_bound(
    reader: Commenter, discussion: Discussion, settings: Any
) -> None:
    settings.COMMENTS = {"POSTS_PER_MINUTE": 0, "REPEAT_HOURS": 0, "FLOOD_COMMENTS": 0}
    parent = None
    for level in range(200):
        parent = posting.post_comment(reader, discussion, f"Level {level} of a very deep one.", parent=parent)
        moderation.screen(parent.pk, parent.version)
        parent.refresh_from_db()

    assert parent is not None and parent.depth == 199
    assert refusal(reader, discussion, "One level more.", parent=parent).code == "too_deep"
    assert list(discussions.reconcile()) == []


def test_only_its_author_edits_and_only_for_a_while(reader: Commenter, editor: Commenter, post: Post) -> None:
    comment = post(reader)

    with pytest.raises(Refused, match="unknown_comment"):
        posting.edit_comment(editor, comment, "Not mine.")
    Comment.objects.filter(pk=comment.pk).update(created_at=timezone.now() - timedelta(hours=2))
    comment.refresh_from_db()
    with pytest.raises(Refused, match="edit_too_late"):
        posting.edit_comment(reader, comment, "Too late.")
