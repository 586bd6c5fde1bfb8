"""What people are told: once, by whom it concerns, and never what readers cannot see."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core import mail as mailbox
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comments import appeals, moderation, outbox, posting
from comments.exceptions import Refused
from comments.models import (
    Comment,
    Commenter,
    Decision,
    Delivery,
    Discussion,
    Follow,
    Notification,
    NotificationPreference,
    Status,
    Told,
)
from comments.notifications import choices, following, mails, reading, tasks, telling

Post = Callable[..., Comment]
Person = Callable[..., Commenter]
SITE = {"SITE_URL": "https://record.example", "POSTS_PER_MINUTE": 0, "FLOOD_COMMENTS": 0, "RULE_MILLISECONDS": 60_000}
SITE |= {"REPEAT_HOURS": 0, "CAMPAIGN_PEOPLE": 0}
HOSTILE = "<img src=x onerror=alert(1)>\r\nBcc: everybody@example.org\u202e"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def the_site(settings: Any) -> None:
    settings.COMMENTS = SITE


@pytest.fixture
def jo(person: Person) -> Commenter:
    return person("jo")


def told(comment: Comment) -> None:
    """Do what the tasks do after the latest decision about ``comment``, and after all before it."""
    for decision in comment.decisions.order_by("id"):
        telling.tell(decision.pk)


def kinds(person: Commenter) -> list[str]:
    return [notice.kind for notice in reading.of(person)]


def sent_to(person: Commenter) -> list[Delivery]:
    assert person.user is not None
    return list(Delivery.objects.filter(key__startswith=f"notices:{person.pk}:", to=person.user.email).order_by("id"))


# --- Who is told ------------------------------------------------------------------------------------------------------


def test_who_is_answered_is_told_once_the_answer_is_published(reader: Commenter, jo: Commenter, post: Post) -> None:
    first = post(reader)

    answer = post(jo, "The back entrance has its own stop from Friday.", parent=first)
    told(answer)
    told(answer)

    [notice] = reading.of(reader)
    assert notice.kind == "reply"
    assert notice.title == "\u2068jo\u2069 replied to you."
    assert notice.quote == "The back entrance has its own stop from Friday."
    assert notice.url == f"/comments/{answer.pk}/"
    assert notice.is_new


def test_what_an_answer_quotes_is_not_told_as_its_own_words(reader: Commenter, jo: Commenter, post: Post) -> None:
    told(post(jo, "> another ten minutes\n\nAnd unlit.", parent=post(reader)))

    assert reading.of(reader)[0].quote == "And unlit."


def test_nobody_is_told_of_what_waits_or_was_rejected(
    reader: Commenter, jo: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    first = post(reader)
    waits = post(jo, "@mara See https://elsewhere.example/ for it.", parent=first)
    assert waits.status == Status.HELD

    told(waits)
    decide(waits, "reject", editor)
    told(waits)

    assert kinds(reader) == []


def test_an_answer_that_was_taken_down_before_the_worker_came_is_not_told(
    reader: Commenter, jo: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    answer = post(jo, parent=post(reader))
    decide(answer, "reject", editor)

    told(answer)

    assert kinds(reader) == []
    assert kinds(jo) == ["decision"]


def test_nobody_is_told_of_their_own_answer(reader: Commenter, post: Post) -> None:
    first = post(reader)
    following.follow(reader, first)

    told(post(reader, "@mara and another thing.", parent=first))

    assert kinds(reader) == []


def test_erased_and_blocked_people_and_guests_are_told_nothing(person: Person, jo: Commenter, post: Post) -> None:
    gone, shut_out = person("gone"), person("shut-out")
    answers = [post(jo, f"A word to {each}.", parent=post(each, f"I am {each}.")) for each in (gone, shut_out)]
    Commenter.objects.filter(pk=gone.pk).update(erased_at=timezone.now(), name="")
    shut_out.user.is_active = False
    shut_out.user.save()

    for answer in answers:
        told(answer)

    assert Notification.objects.count() == 0


def test_a_participant_who_is_named_is_told(reader: Commenter, jo: Commenter, person: Person, post: Post) -> None:
    stranger = person("ruth")
    first = post(reader)

    told(post(jo, "What do you think, @Mara? And @ruth?"))

    assert kinds(reader) == ["mention"]
    assert reading.of(reader)[0].title == "\u2068jo\u2069 mentioned you."
    assert kinds(stranger) == []  # has written nothing here
    assert first.author_id == reader.pk


@pytest.mark.parametrize(
    "words",
    [
        "write to jo@mara.example or x@mara",
        "> @mara said so\n\nI do not.",
        "`@mara` is code",
        "@marathon is not a name here",
        "@ mara",
    ],
)
def test_what_only_looks_like_a_name_names_nobody(words: str, reader: Commenter, jo: Commenter, post: Post) -> None:
    post(reader)
    comment = post(jo, words)
    Comment.objects.filter(pk=comment.pk).update(
        status=Status.PUBLISHED, html=comment.html or "<p>x</p>", is_shown=True
    )
    comment.refresh_from_db()

    assert telling.mentioned(comment) == []


def test_names_of_several_words_are_found_whatever_stands_behind_them(
    reader: Commenter, jo: Commenter, post: Post
) -> None:
    Commenter.objects.filter(pk=reader.pk).update(name="Mara Lindqvist")
    post(reader)

    for words in ("@Mara Lindqvist, is it?", "Ask @mara lindqvist. She knows.", "In @Mara Lindqvist's words: no."):
        assert telling.mentioned(post(jo, words)) == [reader.pk], words


def test_a_name_of_two_means_the_one_in_the_conversation_or_nobody(
    reader: Commenter, jo: Commenter, person: Person, post: Post
) -> None:
    other = person("other")
    Commenter.objects.filter(pk=other.pk).update(name="Mara")
    here = post(reader, "I was there at ten.")
    post(other, "So was I, at eleven.")

    elsewhere = post(jo, "Where were you, @mara?")
    inside = post(jo, "Where exactly, @mara?", parent=here)

    assert telling.mentioned(elsewhere) == []
    assert telling.mentioned(inside) == [reader.pk]


def test_a_list_of_names_tells_the_first_few(jo: Commenter, person: Person, post: Post) -> None:
    people = [person(f"p{number}") for number in range(7)]
    for one in people:
        post(one, f"I am {one}.")

    named = telling.mentioned(post(jo, " ".join(f"@{one}" for one in people)))

    assert named == [one.pk for one in people[: telling.MOST_MENTIONS]]


def test_one_comment_is_told_once_as_what_matters_most(reader: Commenter, jo: Commenter, post: Post) -> None:
    first = post(reader)
    following.follow(reader, first)
    following.follow(reader, first.discussion)

    told(post(jo, "@mara, that is so.", parent=first))

    assert kinds(reader) == ["reply"]


def test_a_kind_that_is_off_is_not_told_and_the_next_one_is(reader: Commenter, jo: Commenter, post: Post) -> None:
    first = post(reader)
    choices.change(reader, off=["reply"])

    told(post(jo, "Not so.", parent=first))
    told(post(jo, "@mara, not so.", parent=first))

    assert kinds(reader) == ["mention"]


def test_names_cost_one_question_however_many(reader: Commenter, jo: Commenter, post: Post) -> None:
    post(reader)
    comment = post(jo, " ".join(["@mara and so on and on,"] * 40))

    with CaptureQueriesContext(connection) as asked:
        assert telling.mentioned(comment) == [reader.pk]

    assert len(asked) == 1


# --- Following --------------------------------------------------------------------------------------------------------


def test_who_follows_a_conversation_hears_of_every_answer_in_it(
    reader: Commenter, jo: Commenter, person: Person, post: Post
) -> None:
    ruth = person("ruth")
    first = post(reader)
    answer = post(jo, "Is that so?", parent=first)

    following.follow(ruth, answer)
    told(post(reader, "It is.", parent=answer))
    told(post(reader, "Elsewhere, something else."))

    assert kinds(ruth) == ["followed"]
    assert Follow.objects.get().comment_id == first.pk


def test_who_follows_a_story_hears_once_an_hour(reader: Commenter, jo: Commenter, post: Post) -> None:
    discussion = post(reader).discussion
    following.follow(jo, discussion)

    with time_machine.travel(datetime(2026, 11, 28, 10, 2, tzinfo=ZoneInfo("UTC")), tick=False) as clock:
        for number in range(5):
            told(post(reader, f"Number {number}."))
        clock.shift(timedelta(hours=1))
        told(post(reader, "An hour later."))

    assert kinds(jo) == ["followed", "followed"]
    assert {notice.url for notice in reading.of(jo)} == {"/stories/1/#comments"}


def test_many_are_told_together_like_one_by_one_and_what_concerns_nobody_costs_nothing_more(
    reader: Commenter, jo: Commenter, person: Person, post: Post, django_assert_max_num_queries: Any
) -> None:
    first = post(reader)
    alone = [post(person(f"Voice {number}"), f"The tram of line {number} was late again.") for number in range(20)]
    decisions = list(Decision.objects.filter(comment__in=alone).values_list("pk", flat=True))

    with django_assert_max_num_queries(6):
        telling.tell_together(decisions)

    assert not Notification.objects.exists()
    assert Told.objects.filter(decision__in=decisions).count() == 20
    answer, named = post(jo, "No, at five.", parent=first), post(jo, f"Ask @{reader.name} about it.")
    both = list(Decision.objects.filter(comment__in=[answer, named]).values_list("pk", flat=True))
    telling.tell_together([*decisions, *both])
    telling.tell_together(both)
    assert sorted(kinds(reader)) == ["mention", "reply"]


def test_who_follows_is_told_of_what_was_decided_together(reader: Commenter, jo: Commenter, post: Post) -> None:
    first = post(reader)
    following.follow(jo, first.discussion)
    second = post(reader, "And another thing about the tram.")

    telling.tell_together(list(Decision.objects.filter(comment=second).values_list("pk", flat=True)))

    assert kinds(jo) == ["followed"]


def test_following_twice_is_once_and_stops(reader: Commenter, jo: Commenter, post: Post) -> None:
    first = post(reader)
    for _ in range(2):
        following.follow(jo, first)
        following.follow(jo, first.discussion)
    assert Follow.objects.count() == 2

    for _ in range(2):
        following.unfollow(jo, first)
        following.unfollow(jo, first.discussion)
    told(post(reader, "Anybody there?", parent=first))

    assert kinds(jo) == []


def test_what_others_do_not_see_cannot_be_followed(reader: Commenter, jo: Commenter, post: Post) -> None:
    waits = post(reader, "See https://elsewhere.example/ for it.")

    with pytest.raises(Refused, match="no such comment"):
        following.follow(jo, waits)


def test_there_is_an_end_to_following(
    reader: Commenter, jo: Commenter, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST", 1)
    following.follow(jo, post(reader))

    with pytest.raises(Refused, match="Stop following one"):
        following.follow(jo, post(reader, "Another one."))


def test_own_conversations_are_followed_by_who_wishes_it(reader: Commenter, jo: Commenter, post: Post) -> None:
    first = post(reader)
    choices.change(jo, follows_own=True)

    told(post(jo, "I was there.", parent=first))
    told(first)

    assert [(one.person_id, one.comment_id) for one in Follow.objects.all()] == [(jo.pk, first.pk)]


def test_who_does_not_look_is_not_told_for_ever(
    reader: Commenter, jo: Commenter, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "MOST_UNREAD", 3)
    first = post(reader)
    following.follow(jo, first)

    for number in range(5):
        told(post(reader, f"Number {number}.", parent=first))

    assert reading.unread(jo) == 3


def test_a_follower_may_mute_an_author(reader: Commenter, jo: Commenter, post: Post) -> None:
    from django.apps import apps

    mutes = apps.all_models["comments"].get("mute")
    if mutes is None:
        pytest.skip("nobody can mute anybody yet")
    first = post(reader)
    mutes.objects.create(person=reader, muted=jo)

    told(post(jo, "@mara, hello.", parent=first))

    assert kinds(reader) == []


# --- What became of one's own comments --------------------------------------------------------------------------------


def test_an_author_hears_that_what_waited_was_published(
    reader: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    comment = post(reader, "See https://elsewhere.example/ for it.")

    decide(comment, "publish", editor)
    told(comment)

    [notice] = reading.of(reader)
    assert (notice.kind, notice.title) == ("decision", "Your comment was published.")


def test_an_author_is_not_told_of_what_is_simply_published(reader: Commenter, post: Post) -> None:
    told(post(reader))

    assert kinds(reader) == []


def test_an_author_hears_of_a_rejection_with_its_reason_and_the_way_to_appeal(
    reader: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    comment = post(reader)

    decide(comment, "reject", editor)
    told(comment)

    [notice] = reading.of(reader)
    assert notice.title.startswith("Your comment was taken down: ")
    assert notice.appeal_url == f"/comments/{comment.pk}/appeal/"
    assert not Notification.objects.get().by_mail  # the letter says it, with the reasons


def test_a_decision_that_is_taken_back_was_never_told(
    reader: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    comment = post(reader)
    rejection = decide(comment, "reject", editor)
    told(comment)

    moderation.take_back(comment, rejection.pk, editor)
    told(comment)

    assert kinds(reader) == []


def test_an_author_hears_of_a_pick_and_not_when_it_is_gone_again(
    reader: Commenter, editor: Commenter, post: Post
) -> None:
    chosen, not_chosen = post(reader), post(reader, "Another sentence about it.")
    moderation.feature(chosen, made_by=editor)
    moderation.feature(not_chosen, made_by=editor)
    not_chosen.refresh_from_db()
    moderation.unfeature(not_chosen, made_by=editor)

    for comment in (chosen, not_chosen):
        telling.tell_of_pick(comment.pk)
        telling.tell_of_pick(comment.pk)

    assert [(n.kind, n.comment) for n in reading.of(reader)] == [("pick", chosen.pk)]


def test_who_appealed_hears_the_outcome_and_no_second_notice_of_it(
    reader: Commenter, editor: Commenter, person: Person, post: Post, decide: Any
) -> None:
    comment = post(reader)
    decide(comment, "reject", editor)
    appeal = appeals.appeal(reader, comment, "I only said what the timetable says.")

    appeals.rule_on(appeal, "overturn", "You are right.", made_by=person("ruth", staff=True))
    told(comment)
    telling.tell_of_ruling(appeal.pk)
    telling.tell_of_ruling(appeal.pk)

    assert kinds(reader) == ["appeal"]
    assert reading.of(reader)[0].title == "Your appeal was right: the decision was overturned."
    assert reading.of(reader)[0].url == f"/comments/{comment.pk}/appeal/"


# --- What is no longer there ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["reject", "withdraw"])
def test_a_notice_of_what_was_taken_down_has_no_words_of_it(
    how: str, reader: Commenter, jo: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    answer = post(jo, "Something that should not stay.", parent=post(reader))
    told(answer)

    if how == "reject":
        decide(answer, "reject", editor)
    else:
        posting.withdraw_comment(jo, answer)

    [notice] = reading.of(reader)
    assert notice.title == "A reply to you is no longer shown."
    assert notice.quote == ""
    assert "jo" not in notice.title
    assert notice.url == "/stories/1/#comments"


def test_a_story_whose_address_is_no_link_is_none(reader: Commenter, jo: Commenter, post: Post) -> None:
    discussion = post(reader).discussion
    Discussion.objects.filter(pk=discussion.pk).update(url="javascript:alert(1)")
    following.follow(jo, discussion)

    told(post(reader, "Something new."))

    [notice] = reading.of(jo)
    assert notice.url.startswith("/comments/")


# --- Reading ----------------------------------------------------------------------------------------------------------


def test_reading_marks_ones_own_and_leaves_what_came_meanwhile(reader: Commenter, jo: Commenter, post: Post) -> None:
    first = post(reader)
    answers = [post(jo, f"Number {number}.", parent=first) for number in range(3)]
    for answer in answers[:2]:
        told(answer)
    seen = reading.newest(reading.of(reader))
    told(answers[2])

    assert reading.mark_read(jo, up_to=seen) == 0
    assert reading.unread(reader) == 3
    assert reading.mark_read(reader, up_to=seen) == 1
    assert reading.mark_read(reader) == 0


def test_a_list_costs_two_questions_however_long(reader: Commenter, jo: Commenter, post: Post) -> None:
    first = post(reader)
    for number in range(8):
        told(post(jo, f"Number {number}.", parent=first))

    with CaptureQueriesContext(connection) as asked:
        assert len(reading.of(reader)) == 8

    assert len(asked) <= 2


def test_posting_and_publishing_ask_no_more_questions(
    reader: Commenter, discussion: Discussion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            comment = posting.post_comment(reader, discussion, f"Words, {timezone.now()}.")
            moderation.screen(comment.pk, comment.version)
        return len(asked)

    cost()
    with_notices = cost()
    from comments import signals

    signals.comment_decided.disconnect(dispatch_uid="comments.notifications")
    without = cost()
    signals.comment_decided.connect(tasks.on_decided, dispatch_uid="comments.notifications")

    assert with_notices == without


# --- By mail ----------------------------------------------------------------------------------------------------------


def test_by_default_replies_come_hourly_in_one_mail(reader: Commenter, jo: Commenter, post: Post) -> None:
    first = post(reader)
    now = timezone.now()
    for number in range(3):
        told(post(jo, f"Answer {number}.", parent=first))
    assert mails.write_due() == 0

    with time_machine.travel(now + timedelta(minutes=61)):
        assert mails.write_due() == 1
        assert mails.write_due() == 0

    [mail] = sent_to(reader)
    assert mail.subject == "3 new notices"
    for number in range(3):
        assert f"> Answer {number}." in mail.text
        assert f"Answer {number}." in mail.html
    assert "https://record.example/comments/" in mail.text


def test_at_once_is_at_once_and_what_comes_on_its_heels_waits_a_little(
    reader: Commenter, jo: Commenter, post: Post
) -> None:
    first = post(reader)
    choices.change(reader, mail="instant")

    with time_machine.travel(timezone.now(), tick=False) as clock:
        told(post(jo, "One.", parent=first))
        assert mails.write_due() == 1
        told(post(jo, "Two.", parent=first))
        told(post(jo, "Three.", parent=first))
        assert mails.write_due() == 0
        clock.shift(timedelta(minutes=11))
        assert mails.write_due() == 1

    assert [mail.subject for mail in sent_to(reader)] == [
        "A reply to you on “The night tram is back”",
        "2 new notices",
    ]


def test_daily_is_in_the_morning_by_the_sites_clock(
    reader: Commenter, jo: Commenter, post: Post, settings: Any
) -> None:
    settings.TIME_ZONE = "Asia/Seoul"
    timezone.get_default_timezone.cache_clear()
    try:
        at = choices.due_at("daily", datetime(2026, 11, 28, 20, 0, tzinfo=ZoneInfo("UTC")))  # 05:00 in Seoul
        later = choices.due_at("daily", datetime(2026, 11, 28, 23, 0, tzinfo=ZoneInfo("UTC")))  # 08:00
    finally:
        settings.TIME_ZONE = "UTC"
        timezone.get_default_timezone.cache_clear()

    assert at == datetime(2026, 11, 28, 22, 0, tzinfo=ZoneInfo("UTC"))
    assert later == datetime(2026, 11, 29, 22, 0, tzinfo=ZoneInfo("UTC"))


def test_a_flood_of_answers_is_a_few_mails(reader: Commenter, jo: Commenter, post: Post) -> None:
    first = post(reader)
    choices.change(reader, mail="instant")
    decision = post(jo, "The first of many.", parent=first).decisions.get()

    with time_machine.travel(timezone.now(), tick=False) as clock:
        for number in range(500):
            about = {"comment": decision.comment, "made_by": jo}
            audience = telling.Audience(about)
            audience.add([reader.pk], "reply", f"comment:{1_000_000 + number}")
            telling._write(audience, author=jo)
            if number % 10 == 0:
                mails.write_due()
            clock.shift(timedelta(milliseconds=120))
        clock.shift(timedelta(minutes=10))
        mails.write_due()
        clock.shift(timedelta(hours=2))
        mails.write_due()

    sent = sent_to(reader)
    assert len(sent) == 2
    assert sent[1].subject == "499 new notices"
    assert "479 more are on the page." in sent[1].text
    assert sent[1].text.count("----") == mails.LISTED


def test_no_hour_has_more_than_so_many_mails(reader: Commenter, jo: Commenter, post: Post, settings: Any) -> None:
    settings.COMMENTS = SITE | {"NOTICE_MAILS_PER_HOUR": 3}
    first = post(reader)
    choices.change(reader, mail="instant")

    with time_machine.travel(timezone.now(), tick=False) as clock:
        for number in range(60):
            told(post(jo, f"Minute {number}.", parent=first))
            mails.write_due()
            clock.shift(timedelta(minutes=1))

    assert len(sent_to(reader)) == 3


def test_a_site_may_send_no_such_mail_at_all(reader: Commenter, jo: Commenter, post: Post, settings: Any) -> None:
    settings.COMMENTS = SITE | {"NOTICE_MAILS_PER_HOUR": 0}

    told(post(jo, parent=post(reader)))
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        assert mails.write_due() == 0

    assert kinds(reader) == ["reply"]


@pytest.mark.parametrize("what", ["read", "taken down", "never", "no address", "unconfirmed", "erased", "blocked"])
def test_what_need_not_or_may_not_be_mailed_is_not(
    what: str, reader: Commenter, jo: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    answer = post(jo, parent=post(reader))
    told(answer)
    assert Notification.objects.get(person=reader).by_mail

    if what == "read":
        reading.mark_read(reader)
    elif what == "taken down":
        decide(answer, "reject", editor)
    elif what == "never":
        choices.change(reader, mail="never")
    elif what == "no address":
        type(reader.user).objects.filter(pk=reader.user.pk).update(email="")
    elif what == "unconfirmed":
        EmailAddress.objects.create(user=reader.user, email="not-mine@example.org", verified=False)
    elif what == "erased":
        Commenter.objects.filter(pk=reader.pk).update(erased_at=timezone.now())
    else:
        type(reader.user).objects.filter(pk=reader.user.pk).update(is_active=False)
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        mails.write_due()

    assert Delivery.objects.filter(key__startswith="notices:").count() == 0
    assert not NotificationPreference.objects.filter(mail_due_at__isnull=False).exists()


def test_who_wished_no_mail_and_wishes_it_again_is_not_told_old_things(
    reader: Commenter, jo: Commenter, post: Post
) -> None:
    told(post(jo, parent=post(reader)))

    choices.change(reader, mail="never")
    choices.change(reader, mail="instant")

    assert mails.write_due() == 0


def test_a_change_of_pace_moves_what_waits(reader: Commenter, jo: Commenter, post: Post) -> None:
    told(post(jo, parent=post(reader)))

    choices.change(reader, mail="instant")

    assert mails.write_due() == 1


def test_a_mail_is_in_the_readers_language(
    reader: Commenter, jo: Commenter, post: Post, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LANGUAGES = [("en", "English"), ("de", "Deutsch")]
    Commenter.objects.filter(pk=reader.pk).update(preferred_language="de")
    spoken: list[str] = []
    from django.utils import translation

    said = reading.in_words
    monkeypatch.setattr(
        reading, "in_words", lambda *given: spoken.append(translation.get_language() or "") or said(*given)
    )
    choices.change(reader, mail="instant")

    told(post(jo, parent=post(reader)))
    mails.write_due()

    [mail] = sent_to(reader)
    assert spoken == ["de"]
    assert 'lang="de"' in mail.html


def test_hostile_names_and_words_stay_words(reader: Commenter, jo: Commenter, post: Post) -> None:
    first = post(reader)
    Commenter.objects.filter(pk=jo.pk).update(name=HOSTILE[:80])
    Discussion.objects.filter(pk=first.discussion_id).update(title=HOSTILE)
    choices.change(reader, mail="instant")

    told(post(jo, "First line.\n\nUnsubscribe: https-evil\n\n----", parent=first))
    mails.write_due()
    [mail] = sent_to(reader)
    assert outbox.send(mail.pk)

    [message] = mailbox.outbox
    assert "\n" not in message.subject and "\r" not in message.subject
    assert message.recipients() == [reader.user.email]
    assert "<img" not in mail.html
    assert "\u202e" not in mail.text + mail.html
    assert not any(line.startswith(("Bcc:", "Unsubscribe:")) for line in mail.text.splitlines())


def test_a_mail_can_be_unsubscribed_from_with_one_click(reader: Commenter, jo: Commenter, post: Post) -> None:
    choices.change(reader, mail="instant")
    told(post(jo, parent=post(reader)))
    mails.write_due()
    [mail] = sent_to(reader)
    address = mail.headers["List-Unsubscribe"].strip("<>")
    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert address.startswith("https://record.example/comments/unsubscribe/")
    assert address in mail.text and address in mail.html
    path = address.removeprefix("https://record.example")
    stranger = Client(enforce_csrf_checks=True)

    looked = stranger.get(path)
    assert looked.status_code == 200
    assert choices.of(reader).mail == "instant"  # what opens links by itself changes nothing

    done = stranger.post(
        path, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded", secure=False
    )

    assert done.status_code == 200
    assert not done.cookies
    assert choices.of(reader).mail == "never"
    told(post(jo, "Another answer.", parent=Comment.objects.earliest("id")))
    assert mails.write_due() == 0


def test_unsubscribing_asks_for_no_session_no_cache_and_no_broker(reader: Commenter, settings: Any) -> None:
    path = f"/comments/unsubscribe/{choices.token_of(reader)}/"
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    }
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    client = Client(enforce_csrf_checks=True)
    client.cookies["sessionid"] = "made-up"

    assert client.get(path).status_code == 200
    assert client.post(path).status_code == 200
    assert choices.of(reader).mail == "never"


def test_while_the_database_does_not_answer_whoever_unsubscribes_is_asked_to_come_again(
    reader: Commenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    def down(_token: str) -> None:
        raise OperationalError("gone")

    path = f"/comments/unsubscribe/{choices.token_of(reader)}/"
    monkeypatch.setattr(choices, "unsubscribe", down)

    answer = Client().post(path)

    assert answer.status_code == 503
    assert answer["Retry-After"]


@pytest.mark.parametrize("token", ["1", "1.x", "..", "1.AAAA", "x" * 500])
def test_a_made_up_link_unsubscribes_nobody(token: str, reader: Commenter) -> None:
    for answer in (Client().get(f"/comments/unsubscribe/{token}/"), Client().post(f"/comments/unsubscribe/{token}/")):
        assert answer.status_code == 404
    assert choices.of(reader).mail == "hourly"


def test_without_the_sites_address_a_mail_has_no_link_and_no_header_for_it(
    reader: Commenter, jo: Commenter, post: Post, settings: Any
) -> None:
    settings.COMMENTS = {name: value for name, value in SITE.items() if name != "SITE_URL"}
    choices.change(reader, mail="instant")
    told(post(jo, parent=post(reader)))

    mails.write_due()

    [mail] = sent_to(reader)
    assert "List-Unsubscribe" not in mail.headers
    assert "There is no link here" in mail.text


# --- What no message reached, and what is forgotten -------------------------------------------------------------------


def test_what_no_message_reached_is_told_by_the_clock(
    reader: Commenter, jo: Commenter, editor: Commenter, post: Post
) -> None:
    first = post(reader)
    post(jo, parent=first)
    moderation.feature(first, made_by=editor)

    tasks.catch_up()
    assert kinds(reader) == ["pick"]  # the decisions are too young: their message may be under way
    with time_machine.travel(timezone.now() + timedelta(minutes=4)):
        tasks.catch_up()
        assert telling.unheard() == []

    assert sorted(kinds(reader)) == ["pick", "reply"]


def test_old_notices_are_forgotten(reader: Commenter, jo: Commenter, post: Post) -> None:
    told(post(jo, parent=post(reader)))

    with time_machine.travel(timezone.now() + timedelta(days=91)):
        tasks.forget_notices()

    assert Notification.objects.count() == Told.objects.count() == 0


def test_erasing_a_person_forgets_what_they_were_told(reader: Commenter, jo: Commenter, post: Post) -> None:
    answer = post(jo, parent=post(reader))
    told(answer)
    following.follow(reader, answer)

    choices.forget(reader)
    choices.forget(jo)

    assert Notification.objects.count() == Follow.objects.count() == NotificationPreference.objects.count() == 0


# --- Races ------------------------------------------------------------------------------------------------------------


def at_the_same_time(*work: Callable[[], Any]) -> list[Any]:
    """Run each of ``work`` on a thread of its own, all from the same moment on; return what they return."""
    ready = threading.Barrier(len(work))
    found: list[Any] = [None] * len(work)

    def run(number: int) -> None:
        try:
            ready.wait()
            found[number] = work[number]()
        except BaseException as error:
            found[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.django_db(transaction=True)
def test_two_workers_tell_once_and_write_one_mail(reasons: None, reader: Commenter, jo: Commenter, post: Post) -> None:
    choices.change(reader, mail="instant")
    decision = post(jo, parent=post(reader)).decisions.get()

    told_by = at_the_same_time(*[lambda: telling.tell(decision.pk)] * 4)
    wrote = at_the_same_time(*[lambda: mails.write(reader.pk)] * 4)

    assert not [each for each in told_by + wrote if isinstance(each, BaseException)]
    assert Notification.objects.filter(person=reader).count() == 1
    assert sum(each is not None for each in wrote) == 1
    assert len(sent_to(reader)) == 1


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_comes_while_a_mail_is_written_is_in_that_one_or_the_next(
    reasons: None, reader: Commenter, jo: Commenter, post: Post, settings: Any
) -> None:
    settings.COMMENTS = SITE | {"NOTICE_MAILS_PER_HOUR": 3_600_000}
    choices.change(reader, mail="instant")
    first = post(reader)
    decisions = [post(jo, f"Number {number}.", parent=first).decisions.get().pk for number in range(6)]

    work: list[Callable[[], Any]] = [lambda pk=pk: telling.tell(pk) for pk in decisions]
    work += [lambda: mails.write_due()] * 3
    found = at_the_same_time(*work)
    mails.write_due()

    assert not [each for each in found if isinstance(each, BaseException)]
    assert Notification.objects.filter(person=reader, by_mail=True).count() == 0
    assert "".join(mail.text for mail in sent_to(reader)).count("> Number") == 6


@pytest.mark.django_db(transaction=True)
def test_a_double_press_follows_once(reasons: None, reader: Commenter, jo: Commenter, post: Post) -> None:
    first = post(reader)

    found = at_the_same_time(*[lambda: following.follow(jo, first)] * 4)

    assert not [each for each in found if isinstance(each, BaseException)]
    assert Follow.objects.count() == 1


# --- The doors --------------------------------------------------------------------------------------------------------


@pytest.fixture
def at_home(reader: Commenter) -> Client:
    client = Client()
    client.force_login(reader.user)
    return client


def test_a_reader_sees_reads_and_follows_without_script(
    at_home: Client, reader: Commenter, jo: Commenter, post: Post
) -> None:
    first = post(reader)
    answer = post(jo, f"{HOSTILE} is what I say.", parent=first)
    Comment.objects.filter(pk=answer.pk).update(
        status=Status.PUBLISHED, html="<p>&lt;img&gt; I say.</p>", is_shown=True
    )
    telling.tell(answer.decisions.latest("id").pk)
    if not reading.unread(reader):  # it was held: as if an editor had published it
        about = telling.Audience({"comment": answer, "made_by": jo})
        about.add([reader.pk], "reply", f"comment:{answer.pk}")
        telling._write(about, author=jo)

    section = at_home.get("/comments/mine/?key=story-1").content.decode()
    page = at_home.get("/comments/me/").content.decode()
    own_page = at_home.get("/comments/me/notices/").content.decode()

    assert "1 new notice" in section
    for shown in (page, own_page):
        assert "replied to you." in shown
        assert f'href="/comments/{answer.pk}/"' in shown
        assert "<img" not in shown

    newest = reading.newest(reading.of(reader))
    there = at_home.post("/comments/me/notices/read/", {"up_to": newest}, headers={"Sec-Fetch-Site": "same-origin"})
    assert (there.status_code, there["Location"]) == (303, "/comments/me/notices/#notices")
    assert reading.unread(reader) == 0

    at_home.post("/comments/follow/", {"discussion": "story-1"}, headers={"Sec-Fetch-Site": "same-origin"})
    assert "Stop" in at_home.get("/comments/mine/?key=story-1").content.decode()
    asks = at_home.get(f"/comments/{first.pk}/follow/")
    assert asks.status_code == 200
    at_home.post(f"/comments/{first.pk}/follow/", {"follow": "1"}, headers={"Sec-Fetch-Site": "same-origin"})
    assert Follow.objects.filter(person=reader).count() == 2
    for follow in Follow.objects.all():
        at_home.post("/comments/me/follows/stop/", {"follow": follow.pk}, headers={"Sec-Fetch-Site": "same-origin"})
    assert Follow.objects.count() == 0


def test_a_page_of_notices_goes_on_where_the_one_before_stopped(
    at_home: Client, reader: Commenter, jo: Commenter, post: Post
) -> None:
    first = post(reader)
    for number in range(reading.LISTED + 2):
        told(post(jo, f"Number {number:02}.", parent=first))

    page = at_home.get("/comments/me/notices/").content.decode()
    [more] = [
        part.split('"')[0] for part in page.split('href="/comments/me/notices/')[1:] if part.startswith("?before=")
    ]
    rest = at_home.get(f"/comments/me/notices/{more}").content.decode()

    assert "Number 21." in page and "Number 01." not in page
    assert "Number 01." in rest and "Number 00." in rest and "Number 21." not in rest
    assert at_home.get("/comments/me/notices/?before=x").status_code == 200


def test_a_form_of_somebody_else_changes_nothing(reader: Commenter, post: Post) -> None:
    comment = post(reader)
    client = Client(enforce_csrf_checks=True)
    client.force_login(reader.user)

    for path in ("follow/", "me/mail/", "me/notices/read/", "me/follows/stop/", f"{comment.pk}/follow/"):
        client.post(
            f"/comments/{path}", {"discussion": "story-1", "none": "1"}, headers={"Origin": "https://evil.example"}
        )

    assert Follow.objects.count() == 0
    assert choices.of(reader).mail == "hourly"


def test_the_form_of_wishes_is_kept(at_home: Client, reader: Commenter) -> None:
    ours = {"Sec-Fetch-Site": "same-origin"}

    kept = at_home.post(
        "/comments/me/mail/",
        {"mail": "daily", "on": ["reply", "pick"], "by_mail": ["reply", "decision"], "follows_own": "1"},
        headers=ours,
    )
    wishes = choices.of(reader)

    assert kept.status_code == 303
    assert (wishes.mail, wishes.follows_own) == ("daily", True)
    assert wishes.off == ["mention", "followed", "decision", "appeal"]
    assert choices.wanted_by_mail(wishes) == ["reply"]
    assert 'value="daily" selected' in at_home.get("/comments/me/notices/?saved=1").content.decode()

    wrong = at_home.post("/comments/me/mail/", {"mail": "sometimes"}, headers=ours)
    assert wrong.status_code == 400
    at_home.post("/comments/me/mail/", {"none": "1"}, headers=ours)
    assert choices.of(reader).mail == "never"


@pytest.mark.parametrize(
    "path", ["me/notices/", "me/notices/read/", "me/mail/", "follow/", "me/follows/stop/", "{pk}/follow/"]
)
def test_a_stranger_is_asked_to_sign_in(path: str, reader: Commenter, post: Post) -> None:
    comment = post(reader)

    for method in ("get",) if path == "me/notices/" else ("get", "post"):
        answer = getattr(Client(), method)(
            f"/comments/{path.format(pk=comment.pk)}", headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert answer.status_code == 401


def test_the_public_section_is_the_same_for_everyone_and_offers_to_follow(
    reader: Commenter, jo: Commenter, post: Post
) -> None:
    first = post(reader)
    answer = post(jo, parent=first)
    told(answer)

    public = Client().get("/comments/section/?key=story-1").content.decode()

    assert f'href="/comments/{first.pk}/follow/"' in public
    assert f"/comments/{answer.pk}/follow/" not in public
    assert "new notice" not in public


def said(answer: Any) -> Any:
    return json.loads(answer.content)


def test_the_api_lists_marks_and_follows(at_home: Client, reader: Commenter, jo: Commenter, post: Post) -> None:
    first = post(reader)
    for number in range(3):
        told(post(jo, f"Number {number}.", parent=first))
    api = "/api/v1/"
    token = {"Sec-Fetch-Site": "same-origin", "Origin": "http://testserver"}

    assert said(at_home.get(f"{api}me/"))["unread_notifications"] == 3
    page = said(at_home.get(f"{api}me/notifications/?limit=2"))
    rest = said(at_home.get(f"{api}me/notifications/?limit=2&cursor={page['next']}&unread=true"))
    assert [one["quote"] for one in page["results"] + rest["results"]] == ["Number 2.", "Number 1.", "Number 0."]
    assert rest["next"] is None

    def send(method: str, path: str, body: Any = None) -> Any:
        return getattr(at_home, method)(
            f"{api}{path}", json.dumps(body if body is not None else {}), content_type="application/json", headers=token
        )

    assert said(send("post", "me/notifications/read/", {"ids": [page["results"][0]["id"]]})) == {"unread": 2}
    assert said(send("post", "me/notifications/read/")) == {"unread": 0}
    assert said(send("patch", "me/notifications/preferences/", {"mail": "never"}))["mail"] == "never"
    assert said(at_home.get(f"{api}me/notifications/preferences/"))["mailed_kinds"] == ["reply", "mention", "followed"]
    for wrong in ({"mail": "x"}, {"off": ["x"]}, {"mailed_kinds": ["appeal"]}, {"off": "x"}, {"nothing": 1}):
        assert send("patch", "me/notifications/preferences/", wrong).status_code == 400, wrong
    for path in (f"comments/{first.pk}/follow/", "discussions/story-1/follow/"):
        assert said(send("put", path)) == {"following": True}
    assert len(said(at_home.get(f"{api}me/follows/"))["results"]) == 2
    for path in (f"comments/{first.pk}/follow/", "discussions/story-1/follow/", "comments/999999/follow/"):
        assert send("delete", path).status_code == 204
    assert send("put", "comments/999999/follow/").status_code == 404
    assert at_home.get(f"{api}me/notifications/?cursor=x").status_code == 400
    assert at_home.get(f"{api}me/notifications/?unread=perhaps").status_code == 400
    assert Client().get(f"{api}me/notifications/").status_code == 401
