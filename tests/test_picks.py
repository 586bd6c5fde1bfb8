"""Editors' picks and pins: marks that readers see, on record, and gone when the approval is taken back."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client

from comments import moderation, posting, threads
from comments.exceptions import CommentChanged, Refused
from comments.models import AuditEntry, Comment, Commenter, Discussion, Token

Post = Callable[..., Comment]
Decide = Callable[..., Any]
Person = Callable[..., Commenter]

LINK = "Read https://elsewhere.example/tram for the figures."


def public(discussion: Discussion) -> list[threads.Row]:
    return [thread.root for thread in threads.page(discussion.key).threads]


def test_a_pick_is_shown_to_readers_and_written_down(
    editor: Commenter, reader: Commenter, discussion: Discussion, post: Post, client: Client
) -> None:
    comment = post(reader)
    before = Discussion.objects.get(pk=discussion.pk).version

    moderation.feature(comment, made_by=editor)
    moderation.feature(comment, made_by=editor)

    (row,) = public(discussion)
    assert row.featured and not row.pinned
    assert Discussion.objects.get(pk=discussion.pk).version == before + 1
    (entry,) = AuditEntry.objects.filter(kind="feature")
    assert (entry.made_by, entry.before, entry.after) == (editor, False, True)
    assert "Editors' pick" in unescape(client.get(f"/comments/{comment.pk}/").content.decode())


def test_only_what_is_published_is_picked_and_only_as_it_was_seen(
    editor: Commenter, reader: Commenter, post: Post
) -> None:
    held = post(reader, LINK)
    shown = post(reader, "Another sentence about the night tram.")
    seen = Comment.objects.get(pk=shown.pk)
    posting.edit_comment(reader, shown, "Quite another sentence, in its place.")

    with pytest.raises(Refused) as waiting:
        moderation.feature(held, made_by=editor)
    with pytest.raises(CommentChanged):
        moderation.pin(seen, made_by=editor)

    assert (waiting.value.code, waiting.value.status) == ("not_published", 409)
    assert not AuditEntry.objects.exists()


def test_one_comment_is_pinned_in_a_discussion(
    editor: Commenter, reader: Commenter, discussion: Discussion, post: Post
) -> None:
    first, second = post(reader, "The first of two sentences."), post(reader, "The second, which came later.")

    moderation.pin(first, made_by=editor)
    moderation.pin(second, made_by=editor)

    assert {row.id: bool(row.pinned) for row in public(discussion)} == {first.pk: False, second.pk: True}
    moderation.unpin(second, made_by=editor)
    assert not any(row.pinned for row in public(discussion))


def test_taking_an_approval_back_takes_the_pick_back(
    editor: Commenter, reader: Commenter, post: Post, decide: Decide
) -> None:
    comment = post(reader, LINK)
    decision = decide(comment, "publish", editor)
    moderation.feature(comment, made_by=editor)

    moderation.take_back(comment, decision.pk, editor)

    comment.refresh_from_db()
    assert (comment.status, comment.featured_at) == ("held", None)
    assert [entry.after for entry in AuditEntry.objects.filter(kind="feature").order_by("id")] == [True, False]


def test_a_removed_pick_is_a_tombstone_without_a_mark_and_a_pick_again_when_it_is_back(
    editor: Commenter, reader: Commenter, discussion: Discussion, post: Post, decide: Decide
) -> None:
    comment = post(reader)
    post(reader, "An answer to it, which stays.", parent=comment)
    moderation.feature(comment, made_by=editor)

    rejection = decide(Comment.objects.get(pk=comment.pk), "reject", editor)

    assert not threads.as_data(public(discussion)[0])["featured"]
    moderation.take_back(Comment.objects.get(pk=comment.pk), rejection.pk, editor)
    assert threads.as_data(public(discussion)[0])["featured"]


def test_programs_pick_pin_claim_and_take_back(
    editor: Commenter, person: Person, reader: Commenter, discussion: Discussion, post: Post
) -> None:
    def call(who: Commenter, method: str, path: str, body: Any = None) -> Any:
        token = Token.objects.issue(who.user, ["moderate"], 30)
        more = {} if body is None else {"data": body, "content_type": "application/json"}
        return getattr(Client(), method)(
            f"/api/v1/moderation/comments/{path}", headers={"Authorization": f"Bearer {token}"}, **more
        )

    comment, hana = post(reader, LINK), person("hana", staff=True)
    at = f"{comment.pk}/"

    mine = call(editor, "post", at + "claim/", {})
    theirs = call(hana, "post", at + "claim/", {})
    assert (mine.status_code, mine.json()["by"]) == (200, "daniel")
    assert (theirs.status_code, theirs.json()["code"], theirs.json()["claimed_by"]) == (409, "claimed", "daniel")
    assert call(hana, "get", at).json()["claim"]["by"] == "daniel"
    assert call(hana, "post", at + "claim/", {"take_over": True}).json()["by"] == "hana"
    assert call(hana, "delete", at + "claim/").status_code == 204
    assert call(hana, "get", at).json()["claim"] is None

    made = call(editor, "post", at + "decisions/", {"verdict": "publish", "version": comment.version}).json()
    picked = call(editor, "put", at + "feature/", {"version": made["version"]})
    assert picked.status_code == 200 and picked.json()["featured_at"]
    assert call(editor, "put", at + "pin/", {"version": made["version"]}).json()["pinned_at"]
    assert Client().get(f"/api/v1/comments/{comment.pk}/").json()["featured"] is True
    assert call(editor, "delete", at + "feature/").status_code == 204
    assert call(editor, "delete", at + "pin/").status_code == 204
    undone = call(editor, "post", at + "decisions/undo/", {"decision": made["id"], "version": made["version"]})
    assert (undone.status_code, undone.json()["to_status"]) == (201, "held")
    assert call(editor, "put", at + "feature/", {"version": undone.json()["version"]}).json()["code"] == "not_published"
    assert call(editor, "put", "999/feature/", {"version": 1}).status_code == 404
