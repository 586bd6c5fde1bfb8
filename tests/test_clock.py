"""The clock: weekly hours, closing by age, slow mode, the cap for each person, and closing everything at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.exceptions import ImproperlyConfigured

from comments import access, conf, discussions, hours, issues, moderation, policy, posting, threads, thresholds
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Discussion, Status
from tests import test_api
from tests.test_api import Caller, refused, said

call, document = test_api.call, test_api.document
Post = Callable[..., Comment]
BERLIN = ZoneInfo("Europe/Berlin")
DAYTIME = ("mon-fri 06:00-24:00", "sat,sun 08:00-22:00")


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.fixture(autouse=True)
def in_berlin(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    settings.COMMENTS = {"RULE_MILLISECONDS": 60_000, "POSTS_PER_MINUTE": 0}


def allow(settings: Any, **values: Any) -> None:
    settings.COMMENTS = settings.COMMENTS | {name.upper(): value for name, value in values.items()}


# --- Hours -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "is_open", "until"),
    [
        ("2026-11-24 05:59", False, "2026-11-24 06:00"),
        ("2026-11-24 06:00", True, "2026-11-25 00:00"),
        ("2026-11-24 23:59", True, "2026-11-25 00:00"),
        ("2026-11-25 00:00", False, "2026-11-25 06:00"),
        ("2026-11-28 07:00", False, "2026-11-28 08:00"),
        ("2026-11-29 22:00", False, "2026-11-30 06:00"),
    ],
)
def test_hours_follow_the_clock_on_the_wall(at: str, is_open: bool, until: str) -> None:
    assert hours.now(DAYTIME, berlin(at), BERLIN) == hours.Now(is_open, berlin(until))


@pytest.mark.parametrize(
    ("lines", "at", "is_open", "until"),
    [
        # Put forward on 29 March 2026: 02:00 is 03:00. A beginning in the missing hour is its end.
        (("06:00-24:00",), "2026-03-29 00:30+01:00", False, "2026-03-29 06:00+02:00"),
        (("02:30-05:00",), "2026-03-29 01:59+01:00", False, "2026-03-29 03:00+02:00"),
        (("02:30-05:00",), "2026-03-29 03:00+02:00", True, "2026-03-29 05:00+02:00"),
        # Put back on 25 October 2026: 03:00 is 02:00 once more. Hours take the repeated hour in whole.
        (("01:00-02:30",), "2026-10-25 02:45+02:00", True, "2026-10-25 02:30+01:00"),
        (("01:00-02:30",), "2026-10-25 02:31+01:00", False, "2026-10-26 01:00+01:00"),
        (("06:00-24:00",), "2026-10-25 05:59+01:00", False, "2026-10-25 06:00+01:00"),
        # Over midnight.
        (("fri 20:00-02:00",), "2026-11-28 01:59+01:00", True, "2026-11-28 02:00+01:00"),
        (("fri 20:00-02:00",), "2026-11-28 02:00+01:00", False, "2026-12-04 20:00+01:00"),
        (("sun-mon 10:00-12:00",), "2026-11-24 09:00+01:00", False, "2026-11-29 10:00+01:00"),
    ],
)
def test_hours_survive_the_change_of_the_clocks(lines: tuple[str, ...], at: str, is_open: bool, until: str) -> None:
    assert hours.now(lines, datetime.fromisoformat(at), BERLIN) == hours.Now(is_open, datetime.fromisoformat(until))


def test_hours_that_touch_are_one_stretch_and_always_is_always() -> None:
    at = berlin("2026-11-24 12:00")

    assert hours.now(("00:00-12:00", "12:00-24:00"), at, BERLIN) == hours.Now(True, None)
    assert hours.now((), at, BERLIN) == hours.Now(True, None)


@pytest.mark.parametrize("line", ["", "mon", "25:00-26:00", "mon-xyz 06:00-07:00", "06:00-06:00", "6-7", "mon 06:00"])
def test_hours_that_cannot_be_read_are_an_error_and_refused_to_editors(
    line: str, editor: Commenter, discussion: Discussion
) -> None:
    with pytest.raises(ImproperlyConfigured, match="COMMENTING_HOURS"):
        conf.Settings(commenting_hours=(line,))
    with pytest.raises(Refused) as caught:
        policy.set_value("commenting_hours", [line], made_by=editor)
    assert caught.value.code == "bad_value"


def test_outside_the_hours_nobody_can_post_and_everybody_is_told_when_again(
    call: Callable[..., Caller],
    reader: Commenter,
    discussion: Discussion,
    settings: Any,
) -> None:
    allow(settings, commenting_hours=DAYTIME)
    with time_machine.travel(berlin("2026-11-24 03:00"), tick=False):
        thresholds.forget()
        problem = call(reader, "write").post("discussions/story-1/comments/", {"text": "I cannot sleep."})
        assert refused(problem) == (403, "closed")
        assert "at these hours" in said(problem)["detail"] and "November 2026, 06:00" in said(problem)["detail"]
        assert said(problem)["opens_at"] == "2026-11-24T05:00:00+00:00"

        state = said(call().get("discussions/story-1/"))
        assert (state["state"], state["opens_at"]) == ("closed", "2026-11-24T05:00:00+00:00")
        assert state["closed_reason"].startswith("Comments can be written at these hours: ")

    with time_machine.travel(berlin("2026-11-24 06:00"), tick=False):
        threads.pages.clear()
        state = said(call().get("discussions/story-1/"))
        assert (state["state"], state["closes_at"]) == ("open", "2026-11-24T23:00:00+00:00")
        sent = call(reader, "write").post("discussions/story-1/comments/", {"text": "Good morning."})
        assert sent.status_code == 202


def test_a_section_says_when_it_opens_within_the_time_a_page_is_kept(
    reader: Commenter, discussion: Discussion, settings: Any
) -> None:
    from comments.pages import section

    allow(settings, commenting_hours=DAYTIME, cache_seconds=15)
    with time_machine.travel(berlin("2026-11-24 05:59:55")) as clock:
        before = section.public("story-1", section.Asked(), None).body.decode()
        clock.shift(16)
        threads.pages._kept.clear()  # what time.monotonic() does in life
        after = section.public("story-1", section.Asked(), None).body.decode()

    assert "Comments are closed until 24 November 2026, 06:00." in before
    assert "Comments can be written at these hours: " in before
    assert "Comments are closed" not in after and "Open until" in after


def test_what_was_posted_in_time_is_not_held_because_screening_was_late(
    reader: Commenter, discussion: Discussion, settings: Any
) -> None:
    allow(settings, commenting_hours=DAYTIME)
    with time_machine.travel(berlin("2026-11-24 23:59:59"), tick=False) as clock:
        comment = posting.post_comment(reader, discussion, "In the last second of the day.")
        clock.shift(5)
        moderation.screen(comment.pk, comment.version)

    comment.refresh_from_db()
    assert comment.status == Status.PUBLISHED


def test_a_discussion_opened_at_night_opens_with_the_hours(reader: Commenter, discussion: Discussion) -> None:
    with time_machine.travel(berlin("2026-11-24 22:00"), tick=False):
        discussions.close(discussion, reason="Counting.", opens_at=berlin("2026-11-25 02:00"))
        night = conf.Settings(commenting_hours=DAYTIME)

        now = access.opening(discussion, settings=night)
        assert (now.is_open, now.code, now.reason) == (False, "closed", "Counting.")
        assert now.opens_at == berlin("2026-11-25 06:00")
        assert access.opening(discussion, berlin("2026-11-25 03:00"), night).opens_at == berlin("2026-11-25 06:00")

        discussion.closes_at = berlin("2026-11-25 05:00")
        assert access.opening(discussion, settings=night).opens_at is None


# --- Age -------------------------------------------------------------------------------------------------------------


def test_a_discussion_closes_by_its_age_unless_its_section_says_otherwise(
    call: Callable[..., Caller],
    reader: Commenter,
    editor: Commenter,
    discussion: Discussion,
) -> None:
    Discussion.objects.filter(pk=discussion.pk).update(
        section="Opinion", created_at=datetime(2026, 11, 1, 12, tzinfo=UTC)
    )
    discussion.refresh_from_db()
    policy.set_value("close_after_days", 14, made_by=editor)
    with time_machine.travel(datetime(2026, 11, 15, 11, 59, tzinfo=UTC), tick=False) as clock:
        now = access.opening(discussion)
        assert now.is_open and now.closes_at == datetime(2026, 11, 15, 12, tzinfo=UTC)

        clock.shift(60)
        thresholds.forget()
        problem = call(reader, "write").post("discussions/story-1/comments/", {"text": "A minute late."})
        assert refused(problem) == (403, "closed")
        assert said(problem)["detail"] == "Comments close by themselves after 14 days."

        policy.set_value("close_after_days", 0, made_by=editor, section="Opinion")
        sent = call(reader, "write").post("discussions/story-1/comments/", {"text": "Opinions stay open."})
        assert sent.status_code == 202


def test_a_number_of_days_beyond_all_measure_is_never(discussion: Discussion) -> None:
    assert access.opening(discussion, settings=conf.Settings(close_after_days=10**9)).is_open


# --- Slow mode, and the cap ------------------------------------------------------------------------------------------


def test_slow_mode_says_how_long_to_wait_and_lets_other_articles_alone(
    call: Callable[..., Caller],
    reader: Commenter,
    editor: Commenter,
    discussion: Discussion,
) -> None:
    Discussion.objects.create(key="story-2", url="/stories/2/")
    policy.set_value("slow_mode_seconds", 300, made_by=editor, discussion=discussion)
    mine = call(reader, "write")
    with time_machine.travel(datetime(2026, 11, 24, 12, tzinfo=UTC), tick=False) as clock:
        assert mine.post("discussions/story-1/comments/", {"text": "First."}).status_code == 202
        clock.shift(200)

        problem = mine.post("discussions/story-1/comments/", {"text": "Second."})
        assert refused(problem) == (429, "slow_mode")
        assert problem["Retry-After"] == "100" and "100 seconds" in said(problem)["detail"]
        assert mine.post("discussions/story-2/comments/", {"text": "Elsewhere."}).status_code == 202
        assert call(editor, "write").post("discussions/story-1/comments/", {"text": "Staff."}).status_code == 202

        clock.shift(100)
        assert mine.post("discussions/story-1/comments/", {"text": "Second."}).status_code == 202
        clock.shift(10)
        assert "5 minutes" in said(mine.post("discussions/story-1/comments/", {"text": "Third."}))["detail"]


def test_withdrawing_does_not_shorten_slow_mode_but_makes_room_under_the_cap(
    reader: Commenter, discussion: Discussion, settings: Any
) -> None:
    allow(settings, slow_mode_seconds=60, comments_per_person=1)
    first = posting.post_comment(reader, discussion, "Posted, and withdrawn at once.")
    posting.withdraw_comment(reader, first)

    with pytest.raises(Refused, match="slow_mode"):
        posting.post_comment(reader, discussion, "And again.")
    Comment.objects.update(created_at=first.created_at - timedelta(minutes=2))
    posting.post_comment(reader, discussion, "And again, later.")
    Comment.objects.update(created_at=first.created_at - timedelta(minutes=2))
    with pytest.raises(Refused, match="enough_here"):
        posting.post_comment(reader, discussion, "One too many.")


def test_the_cap_is_told_in_a_sentence_and_the_same_attempt_is_no_second_comment(
    call: Callable[..., Caller],
    reader: Commenter,
    discussion: Discussion,
    settings: Any,
) -> None:
    allow(settings, comments_per_person=2)
    mine = call(reader, "write")
    for text in ("One.", "Two.", "Two."):
        assert mine.post("discussions/story-1/comments/", {"text": text}).status_code == 202

    problem = mine.post("discussions/story-1/comments/", {"text": "Three."})

    assert refused(problem) == (403, "enough_here")
    assert said(problem)["detail"].startswith("Everyone may write 2 comments under this article")


def test_posts_per_minute_is_that_of_the_article(reader: Commenter, editor: Commenter, discussion: Discussion) -> None:
    policy.set_value("posts_per_minute", 1, made_by=editor, discussion=discussion)
    posting.post_comment(reader, discussion, "First of this minute.")

    with pytest.raises(Refused, match="too_fast"):
        posting.post_comment(reader, discussion, "Second of this minute.")


# --- Everything at once ----------------------------------------------------------------------------------------------


def test_closing_commenting_reaches_every_article_with_its_sentence(
    call: Callable[..., Caller],
    reader: Commenter,
    editor: Commenter,
    discussion: Discussion,
) -> None:
    desk, mine = call(editor, "moderate"), call(reader, "read", "write")
    sentence = "Comments are paused while we catch up."
    late = posting.post_comment(reader, discussion, "Posted a moment before.")
    desk("PUT", "moderation/settings/closed_sentence/", {"value": sentence})
    desk("PUT", "moderation/settings/commenting_closed/", {"value": True, "note": "Flooded"})

    problem = mine.post("discussions/story-1/comments/", {"text": "Is this on?"})
    assert refused(problem) == (403, "closed") and said(problem)["detail"] == sentence
    state = said(call().get("discussions/story-1/"))
    assert (state["state"], state["closed_reason"], state["mode"]) == ("closed", sentence, "open")
    moderation.screen(late.pk, late.version)
    late.refresh_from_db()
    assert late.status == Status.HELD
    first = issues.diagnosis(reader, discussion)[0]
    assert first.code == "closed" and sentence in first.detail

    desk("PUT", "moderation/settings/commenting_closed/", {"value": None})
    assert mine.post("discussions/story-1/comments/", {"text": "It is on."}).status_code == 202
