"""Deciding about many at once: exactly what one by one would have done, and taken back as one."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from comments import bulk, discussions, jobs, moderation, posting
from comments.exceptions import CommentChanged, Refused
from comments.models import (
    AuditEntry,
    BulkAction,
    Claim,
    Comment,
    Commenter,
    Decider,
    Decision,
    DecisionWords,
    Discussion,
    Flag,
    Job,
    Revision,
    Status,
)
from comments.screening import Verdict

Post = Callable[..., Comment]
Person = Callable[..., Commenter]
Decide = Callable[..., Decision]

NO_LIMITS = {
    "POSTS_PER_MINUTE": 0,
    "FLOOD_COMMENTS": 0,
    "REPEAT_HOURS": 0,
    "CAMPAIGN_PEOPLE": 0,
    "FLAG_HOLD_WEIGHT": 0,
    "FLAGS_PER_HOUR": 100_000,
    "RULE_MILLISECONDS": 60_000,
}


@pytest.fixture(autouse=True)
def no_limits(settings: Any) -> None:
    settings.COMMENTS = NO_LIMITS


# --- The same as one by one -------------------------------------------------------------------------------------------

numbers = count()
WHAT_HAPPENS = ["published", "held", "rejected", "received", "withdrawn", "edit_waits", "edit_held", "edit_rejected"]


def grow(author: Commenter, place: Discussion, parent: Comment | None, fate: str, editor: Commenter) -> Comment:
    """Write a comment and let ``fate`` happen to it, through the verbs."""
    comment = posting.post_comment(author, place, f"Sentence {next(numbers)} about it.", parent=parent)
    if fate == "received":
        return comment
    if fate == "withdrawn":
        posting.withdraw_comment(author, comment)
    else:
        say(comment, {"held": "hold", "rejected": "reject"}.get(fate, "publish"), editor)
    if fate.startswith("edit_"):
        comment.refresh_from_db()
        comment = posting.edit_comment(author, comment, "Another sentence about it.")
        if fate != "edit_waits":
            say(comment, {"edit_held": "hold", "edit_rejected": "reject"}[fate], editor)
    comment.refresh_from_db()
    return comment


def say(comment: Comment, action: str, editor: Commenter, **more: Any) -> Decision:
    reason = "off_topic" if action == "reject" else ""
    return moderation.decide(
        comment,
        Verdict(action, reason=reason),
        decider=Decider.EDITOR,
        trigger="bulk",
        made_by=editor,
        **more,
    )


def rows() -> dict[str, Any]:
    """Return all that a decision may touch, without ids and times of what is new."""
    return {
        "comments": list(
            Comment.objects.order_by("pk").values(
                "pk", "status", "version", "html", "is_shown", "reply_count", "removed_for", "featured_at", "pinned_at"
            )
        ),
        "dated": [
            (one.pk, one.published_at is not None, one.edited_at) for one in Comment.objects.order_by("pk")
        ],
        "texts": [
            (one.pk, one.status, one.html, one.sanitizer_version, one.first_published_at is not None)
            for one in Revision.objects.order_by("pk")
        ],
        "discussions": list(Discussion.objects.order_by("pk").values("pk", "published_count", "held_count")),
        "people": list(
            Commenter.objects.order_by("pk").values(
                "pk", "published_count", "rejected_count", "upheld_flag_count", "dismissed_flag_count"
            )
        ),
        "flags": [
            (one.pk, one.state, one.counts, one.settled_by and (one.settled_by.comment_id, one.settled_by.verdict))
            for one in Flag.objects.order_by("pk").select_related("settled_by")
        ],
        "decisions": sorted(
            Decision.objects.values_list(
                "comment",
                "revision",
                "verdict",
                "from_status",
                "to_status",
                "decider",
                "made_by",
                "trigger",
                "assistance",
                "reason",
                "ground",
                "legal_ground",
                "terms_anchor",
                "guidelines_version",
                "reverses",
                "flag_weight",
                "score",
                "scorer_version",
            ),
            key=str,
        ),
        "words": sorted(DecisionWords.objects.values_list("decision__comment", "explanation", "private_note")),
        "claims": list(Claim.objects.order_by("pk").values("pk")),
        "drifted": list(discussions.reconcile()),
    }


@contextmanager
def taken_back() -> Iterator[None]:
    """Let nothing of what happens inside last."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


node = st.tuples(st.integers(0, 30), st.integers(0, 2), st.sampled_from(WHAT_HAPPENS), st.integers(0, 3))
"""Parent among those before, author, what happens, how many report it."""


@pytest.mark.parametrize("undone", [False, True])
@profile(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    trees=st.lists(st.lists(node, min_size=1, max_size=8), min_size=1, max_size=2),
    action=st.sampled_from(["publish", "hold", "reject"]),
    chosen=st.sets(st.integers(0, 15)),
    data=st.data(),
)
@pytest.mark.django_db
def test_many_at_once_leave_what_one_by_one_leaves(
    undone: bool, trees: list[Any], action: str, chosen: set[int], data: Any, person: Person
) -> None:
    with taken_back():
        editor = person("an editor", staff=True)
        authors = [person(f"author {number}") for number in range(3)]
        readers = [person(f"reader {number}") for number in range(3)]
        made: list[Comment] = []
        for number, tree in enumerate(trees):
            place = Discussion.objects.create(key=f"story-{number}")
            here: list[Comment] = []
            for parent, author, fate, reports in tree:
                published = [one for one in here if Comment.objects.get(pk=one.pk).status == Status.PUBLISHED]
                above = Comment.objects.get(pk=published[parent % len(published)].pk) if published else None
                comment = grow(authors[author], place, above, fate, editor)
                here.append(comment)
                if comment.status == Status.PUBLISHED:
                    for reader in readers[:reports]:
                        moderation.flag(reader, comment, "spam")
            made += here
        targets = [one.pk for number, one in enumerate(made) if number in chosen] or [made[0].pk]
        act = BulkAction.objects.create(verdict=action, made_by=editor)
        verdict = Verdict(action, reason="off_topic" if action == "reject" else "", explanation="Why.")

        with taken_back():
            for pk in sorted(targets):
                try:
                    moderation.decide(
                        Comment.objects.get(pk=pk),
                        verdict,
                        decider=Decider.EDITOR,
                        trigger="bulk",
                        made_by=editor,
                        because_of=act,
                    )
                except Refused:
                    pass
            one_by_one = rows()
        with taken_back():
            many = moderation.decide_many(latest(targets), verdict, made_by=editor, bulk=act)
            together = rows()

        for name, value in together.items():
            assert value == one_by_one[name], (name, many.skipped)
        assert len(many.decisions) + len(many.skipped) == len(targets)

        if undone:
            many = moderation.decide_many(latest(targets), verdict, made_by=editor, bulk=act)
            with taken_back():
                for decision in many.decisions:
                    moderation.take_back(Comment.objects.get(pk=decision.comment_id), decision.pk, editor)
                one_by_one = rows()
            again = Decision.objects.filter(pk__in=[one.pk for one in many.decisions])
            back = moderation.take_back_many(
                list(again.select_related("comment", "revision").order_by("pk")), made_by=editor, bulk=act
            )

            assert rows() == one_by_one
            assert len(back.decisions) == len(many.decisions) and not back.skipped


def latest(targets: list[int]) -> list[Revision]:
    found: dict[int, Revision] = {}
    for revision in Revision.objects.filter(comment__in=targets).select_related("comment").order_by("number"):
        found[revision.comment_id] = revision
    return list(found.values())
