"""A held text says roughly when, if today's queue tells; else it says nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from comments import personal
from comments.models import Comment, Commenter, Discussion
from comments.pages import own

Post = Callable[..., Comment]


@pytest.fixture
def queue(post: Post, person: Callable[..., Commenter], decide: Any, editor: Commenter) -> Callable[..., None]:
    """Let texts wait so many minutes each until an editor publishes them, three of each."""
    writer = person("jo")

    def make(*minutes: float, each: int = 3) -> None:
        for number, waited in enumerate(sorted(minutes, reverse=True)):
            for again in range(each):
                with time_machine.travel(timezone.now() - timedelta(minutes=waited)):
                    held = post(writer, f"Number {number}: https://example.net/{number}/{again}")
                decide(held, "publish", editor)

    return make


def said(person: Commenter, discussion: Discussion) -> str:
    [mine] = personal.in_discussion(person, discussion)
    return str(own.slip(mine)["more"])


def test_a_held_comment_says_how_long_most_wait_at_this_hour(
    reader: Commenter, post: Post, discussion: Discussion, queue: Callable[..., None]
) -> None:
    queue(1, 6, 7, 9, 12, 13, 18, 19, 240)
    post(reader, "Mine: https://example.net/mine")

    assert said(reader, discussion).endswith("At this hour most wait between 5 and 20 minutes.")


def test_hours_are_said_as_hours(
    reader: Commenter, post: Post, discussion: Discussion, queue: Callable[..., None]
) -> None:
    queue(100, 130, 140, 150, 155, 170, 200)
    post(reader, "Mine: https://example.net/mine")

    assert said(reader, discussion).endswith("At this hour most wait between 2 and 3 hours.")


def test_too_few_decisions_say_nothing(
    reader: Commenter, post: Post, discussion: Discussion, queue: Callable[..., None]
) -> None:
    queue(5, 5, 5, 5, 5, 5)
    post(reader, "Mine: https://example.net/mine")

    assert "At this hour" not in said(reader, discussion)


def test_who_has_waited_longer_than_most_is_promised_nothing(
    reader: Commenter, post: Post, discussion: Discussion, queue: Callable[..., None]
) -> None:
    post(reader, "Mine: https://example.net/mine")
    with time_machine.travel(timezone.now() + timedelta(minutes=45)):
        queue(5, 6, 7, 9, 12, 12, 13)

        assert "At this hour" not in said(reader, discussion)


def test_a_program_is_told_too(
    reader: Commenter, post: Post, discussion: Discussion, queue: Callable[..., None], client: Client
) -> None:
    queue(5, 6, 7, 9, 12, 12, 13)
    post(reader, "Mine: https://example.net/mine")
    client.force_login(reader.user)

    [mine] = client.get("/api/v1/me/discussions/story-1/").json()["comments"]

    assert mine["usual_wait"] == {"from_minutes": 5, "to_minutes": 15}
