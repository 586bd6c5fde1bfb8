"""Deciding: one row each, counts exact, nobody overwrites what they have not seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from comments import discussions, moderation, posting
from comments.exceptions import CommentChanged, Refused
from comments.models import Comment, Commenter, Decision, Discussion, Finding, Status
from comments.screening import Verdict

Post = Callable[..., Comment]
Decide = Callable[..., Decision]


def test_a_published_comment_is_counted_and_its_decision_written_down(
    reader: Commenter, discussion: Discussion, post: Post
) -> None:
    comment = post(reader, "The **night** tram is back.")

    assert comment.status == Status.PUBLISHED
    assert comment.html == "<p>The <strong>night</strong> tram is back.</p>"
    discussion.refresh_from_db()
    reader.refresh_from_db()
    assert (discussion.published_count, discussion.held_count, reader.published_count) == (1, 0, 1)
    decision = comment.decisions.get()
    assert (decision.from_status, decision.to_status, decision.decider) == ("received", "published", "screening")
    assert decision.revision.first_published_at is not None


def test_a_rejection_needs_a_reason_that_exists(
    reader: Commenter, editor: Commenter, post: Post, decide: Decide
) -> None:
    comment = post(reader)

    with pytest.raises(Refused, match="reason_needed"):
        decide(comment, "reject", editor, reason="")
    with pytest.raises(Refused, match="unknown_reason"):
        decide(comment, "reject", editor, reason="because")

    comment.refresh_from_db()
    assert comment.status == Status.PUBLISHED


def test_deciding_on_a_version_that_moved_on_says_what_changed(
    reader: Commenter, editor: Commenter, post: Post, decide: Decide
) -> None:
    seen = post(reader)
    same = Comment.objects.get(pk=seen.pk)
    decide(seen, "reject", editor)

    with pytest.raises(CommentChanged) as changed:
        decide(same, "hold", editor)

    assert "Rejected" in changed.value.detail and editor.name in changed.value.detail
    assert Decision.objects.filter(comment=seen).count() == 2


def test_removing_a_comment_with_replies_leaves_a_tombstone_and_exact_counts(
    reader: Commenter, editor: Commenter, discussion: Discussion, post: Post, decide: Decide
) -> None:
    root = post(reader, "First of all, the timetable.")
    answer = post(editor, "Which part of the timetable?", parent=root)
    deeper = post(reader, "The part after one in the morning.", parent=answer)

    root.refresh_from_db()
    decide(root, "reject", editor)
    answer.refresh_from_db()
    decide(answer, "reject", editor)

    root.refresh_from_db()
    answer.refresh_from_db()
    assert (root.is_shown, root.reply_count) == (True, 1)
    assert (answer.is_shown, answer.reply_count) == (True, 1)
    deeper.refresh_from_db()
    decide(deeper, "reject", editor)
    root.refresh_from_db()
    answer.refresh_from_db()
    assert not root.is_shown and not answer.is_shown
    assert list(discussions.reconcile()) == []


def test_an_edit_leaves_the_published_words_until_it_is_decided(
    reader: Commenter, editor: Commenter, discussion: Discussion, post: Post, decide: Decide
) -> None:
    comment = post(reader, "The old words stand here.")
    posting.edit_comment(reader, comment, "New words, see https://example.net/")
    comment.refresh_from_db()
    moderation.screen(comment.pk, comment.version)
    comment.refresh_from_db()
    discussion.refresh_from_db()
    assert (comment.status, discussion.held_count) == (Status.PUBLISHED, 1)
    assert "old words" in comment.html

    decide(comment, "reject", editor)
    comment.refresh_from_db()
    assert comment.status == Status.PUBLISHED and "old words" in comment.html

    posting.edit_comment(reader, comment, "Newer words, without an address.")
    comment.refresh_from_db()
    moderation.screen(comment.pk, comment.version)
    comment.refresh_from_db()
    assert "Newer words" in comment.html and comment.edited_at is not None
    assert list(discussions.reconcile()) == []


def test_screening_twice_or_late_changes_nothing(reader: Commenter, discussion: Discussion) -> None:
    comment = posting.post_comment(reader, discussion, "Once is enough for this sentence.")

    assert moderation.screen(comment.pk, comment.version) is not None
    assert moderation.screen(comment.pk, comment.version) is None
    assert moderation.screen(comment.pk, comment.version + 1) is None
    assert moderation.screen(comment.pk + 99, 1) is None
    assert Decision.objects.count() == 1


def test_an_editor_who_decides_before_the_worker_wins(
    reader: Commenter, editor: Commenter, discussion: Discussion, decide: Decide
) -> None:
    comment = posting.post_comment(reader, discussion, "An editor is quicker than the worker.")
    received_at_version = comment.version
    decide(comment, "reject", editor)

    assert moderation.screen(comment.pk, received_at_version) is None
    comment.refresh_from_db()
    assert comment.status == Status.REJECTED


def test_an_editor_publishes_what_was_never_screened_and_it_is_made_safe_first(
    reader: Commenter, editor: Commenter, discussion: Discussion, decide: Decide
) -> None:
    comment = posting.post_comment(reader, discussion, "Safe? <img src=x onerror=alert(1)> *yes*")

    decide(comment, "publish", editor)

    comment.refresh_from_db()
    assert "<em>yes</em>" in comment.html and "<img" not in comment.html


def test_a_withdrawn_comment_stays_withdrawn(reader: Commenter, editor: Commenter, post: Post, decide: Decide) -> None:
    comment = post(reader)
    posting.withdraw_comment(reader, comment)
    posting.withdraw_comment(reader, comment)

    comment.refresh_from_db()
    assert comment.status == Status.WITHDRAWN
    with pytest.raises(Refused, match="withdrawn"):
        decide(comment, "publish", editor)


def test_the_database_refuses_published_text_without_safe_html(reader: Commenter, post: Post) -> None:
    comment = post(reader)

    with pytest.raises(IntegrityError), transaction.atomic():
        Comment.objects.filter(pk=comment.pk).update(html="")


@pytest.mark.parametrize("model", [Decision, Finding])
def test_records_cannot_be_changed_or_deleted(reader: Commenter, post: Post, model: Any) -> None:
    post(reader, "With a link: https://example.net/")
    row = model.objects.first()

    with pytest.raises(TypeError):
        row.save()
    with pytest.raises(TypeError):
        row.delete()
    with pytest.raises(TypeError):
        model.objects.all().delete()
    with pytest.raises(TypeError):
        model.objects.update(created_at=None)


def test_a_legal_ground_needs_the_law_and_an_explanation(
    reader: Commenter, editor: Commenter, post: Post, decide: Decide
) -> None:
    comment = post(reader)

    with pytest.raises(Refused, match="legal_ground_needed"):
        decide(comment, "reject", editor, reason="illegal", ground="illegal")
    with pytest.raises(Refused, match="legal_ground_needed"):
        decide(comment, "reject", editor, reason="illegal")
    decision = decide(
        comment,
        "reject",
        editor,
        reason="illegal",
        ground="illegal",
        legal_ground="Example Act, s. 1",
        explanation="It …",
    )

    assert (decision.ground, decision.legal_ground, decision.words.explanation) == (
        "illegal",
        "Example Act, s. 1",
        "It …",
    )


def test_a_failing_listener_stops_nobody(
    reader: Commenter, discussion: Discussion, django_capture_on_commit_callbacks: Any
) -> None:
    from comments.signals import comment_decided

    def fails(**_kwargs: Any) -> None:
        raise RuntimeError("a listener's own trouble")

    comment_decided.connect(fails)
    try:
        comment = posting.post_comment(reader, discussion, "Nobody is stopped by a listener.")
        with django_capture_on_commit_callbacks(execute=True):
            moderation.screen(comment.pk, comment.version)
    finally:
        comment_decided.disconnect(fails)

    comment.refresh_from_db()
    assert comment.status == Status.PUBLISHED


def test_a_verdict_knows_only_four_actions(reader: Commenter, editor: Commenter, post: Post, decide: Decide) -> None:
    with pytest.raises(KeyError):
        decide(post(reader), "shadowban", editor)
    assert Verdict("publish").action == "publish"
