"""Screening many at once comes to the same as screening each alone, and loses nothing when it goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from comments import moderation, posting, screening, tasks
from comments.models import (
    Comment,
    Commenter,
    Decision,
    Discussion,
    Finding,
    Fingerprint,
    Phrase,
    Reason,
    Revision,
    Sanction,
    Status,
)
from comments.screening.rules import author, repeats

LONG = (
    "The council promised new shelters at every stop of the night line two years ago and has built three of them, "
    "all in the same street. Ask them about it on Tuesday."
)


@pytest.fixture(autouse=True)
def unlimited(settings: Any) -> None:
    settings.COMMENTS = {
        "POSTS_PER_MINUTE": 0,
        "FLOOD_COMMENTS": 6,
        "CAMPAIGN_PEOPLE": 3,
        "RULE_MILLISECONDS": 60_000,
        "HOLD_OVER_SCORE": 0,
    }


@pytest.fixture
def arrived(person: Callable[..., Commenter], discussion: Discussion) -> list[Comment]:
    """Post what every rule that asks ahead has something to say about; nothing is screened yet."""
    people = [person(name) for name in ("ada", "ben", "cem", "dora")]
    boss = person("boss", staff=True)
    other = Discussion.objects.create(key="story-2", title="The ferry", url="/stories/2/")
    Phrase.objects.create(phrase="paid troll", kind="banned")
    for code in ("banned_phrase", "other"):  # which a test that committed may have emptied
        Reason.objects.get_or_create(code=code)
    return [
        posting.post_comment(people[0], discussion, "The shelters are dry and the timetable is honest."),
        posting.post_comment(people[1], discussion, "The shelters are dry and the timetable is honest."),
        posting.post_comment(people[2], discussion, "A paid troll wrote this, https://elsewhere.example/"),
        posting.post_comment(boss, discussion, "The shelters are dry and the timetable is honest."),
        *(posting.post_comment(one, other, f"{LONG} {one.name}") for one in people),
        *(posting.post_comment(people[3], other, f"Short words, number {'x' * number}") for number in range(8)),
        posting.post_comment(people[0], other, "<script></script>"),
    ]


def outcome(comments: list[Comment]) -> list[Any]:
    """Return what became of each: its status, what was found, the counts, and in whose record."""
    rows: list[Any] = []
    for comment in Comment.objects.filter(pk__in=[one.pk for one in comments]).order_by("pk"):
        found = Finding.objects.filter(revision__comment=comment).order_by("rule", "code")
        facts = [(f.rule, f.code, f.verdict, f.evidence if f.code != "passed" else {}) for f in found]
        decided = list(Decision.objects.filter(comment=comment).values_list("verdict", "reason", "decider", "trigger"))
        shown = (comment.status, comment.html, comment.is_shown, comment.version, comment.reply_count)
        weighed = list(comment.revisions.values_list("status", "html", "sanitizer_version", "risk", "section"))
        rows.append((comment.pk, shown, facts, decided, weighed))
    rows += Discussion.objects.order_by("pk").values_list("published_count", "held_count")
    rows += Commenter.objects.order_by("pk").values_list("name", "published_count", "rejected_count")
    rows += sorted(Fingerprint.objects.values_list("comment_id", "band", "value"))
    return rows


def undone(work: Callable[[], Any]) -> Any:
    with transaction.atomic():
        found = work()
        transaction.set_rollback(True)
    return found


def test_together_comes_to_the_same_as_one_by_one(arrived: list[Comment]) -> None:
    def alone() -> list[Any]:
        for comment in arrived:
            moderation.screen(comment.pk, comment.version)
        return outcome(arrived)

    one_by_one = undone(alone)

    assert moderation.screen_waiting() == len(arrived)

    assert outcome(arrived) == one_by_one
    codes = set(Finding.objects.values_list("code", flat=True))
    assert {"repeat", "campaign", "flood", "phrase_banned", "links", "staff", "empty"} <= codes, codes


def test_replies_and_edits_come_to_the_same_too(arrived: list[Comment], person: Callable[..., Commenter]) -> None:
    moderation.screen_waiting()
    root = Comment.objects.filter(status=Status.PUBLISHED).order_by("pk")[0]
    later = person("eve")
    answers = [posting.post_comment(later, root.discussion, f"An answer, the {n}th.", parent=root) for n in "abc"]
    posting.edit_comment(root.author, root, "The shelters are dry, the timetable less honest than it was.")

    def alone() -> list[Any]:
        for comment in [*answers, Comment.objects.get(pk=root.pk)]:
            moderation.screen(comment.pk, comment.version)
        return outcome([root, *answers])

    one_by_one = undone(alone)

    assert moderation.screen_waiting() == 4

    assert outcome([root, *answers]) == one_by_one
    root.refresh_from_db()
    assert root.reply_count == 3 and "less honest" in root.html


def test_what_binds_people_domains_and_networks_counts_together_too(
    person: Callable[..., Commenter], discussion: Discussion
) -> None:
    ada, ben, cem, dora = (person(name) for name in ("ada", "ben", "cem", "dora"))
    boss = person("boss", staff=True)
    for one, address in ((ben, "ben@mail.refused.example"), (boss, "boss@refused.example")):
        one.user.email = address  # type: ignore[union-attr]
        one.user.save()  # type: ignore[union-attr]
    comments = [
        posting.post_comment(one, discussion, f"The ferry was late again, says {one.name}.", network_key=network)
        for one, network in ((ada, ""), (ben, ""), (cem, "here"), (dora, "there"), (boss, "here"))
    ]
    Sanction.objects.create(kind="ban", person=ada)
    Sanction.objects.create(kind="suspend", email_domain="refused.example")
    Sanction.objects.create(kind="premoderate", network_key="here")
    lifted = Sanction.objects.create(kind="ban", person=dora)
    Sanction.objects.create(kind="lift", person=dora, lifts=lifted)

    def alone() -> list[Any]:
        for comment in comments:
            moderation.screen(comment.pk, comment.version)
        return outcome(comments)

    one_by_one = undone(alone)

    assert moderation.screen_waiting() == 5

    assert outcome(comments) == one_by_one
    objections = Finding.objects.filter(verdict="hold").order_by("revision__comment")
    assert list(objections.values_list("revision__comment__author__name", "code")) == [
        (ada.name, "banned"),
        (ben.name, "suspended"),
        (cem.name, "premoderated_person"),
    ]


def test_of_many_texts_alike_a_batch_finds_the_same_ones_as_each_alone(
    person: Callable[..., Commenter], discussion: Discussion
) -> None:
    people = [person(f"person{number}") for number in range(6)]

    def said(begin: int, end: int) -> list[Comment]:
        return [
            posting.post_comment(people[number % 6], discussion, f"{LONG} So say I, and {number} others with me.")
            for number in range(begin, end)
        ]

    said(0, 25)
    moderation.screen_waiting()
    comments = said(25, 35)

    def alone() -> list[Any]:
        for comment in comments:
            moderation.screen(comment.pk, comment.version)
        return outcome(comments)

    one_by_one = undone(alone)

    assert moderation.screen_waiting() == 10

    assert outcome(comments) == one_by_one
    assert Finding.objects.filter(code="campaign", revision__comment__in=comments).count() == 10


def test_a_text_that_was_begun_before_is_screened_alone(arrived: list[Comment]) -> None:
    begun = arrived[0].revisions.get()
    Revision.objects.filter(pk=begun.pk).update(attempts=1)

    assert moderation.screen_waiting() == len(arrived) - 1

    begun.refresh_from_db()
    assert begun.status == Status.RECEIVED and begun.attempts == 1


def test_when_screening_together_fails_each_is_screened_alone(
    arrived: list[Comment], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(revisions: list[Revision], until: float) -> Any:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(screening, "run_many", broken)

    assert moderation.screen_waiting() == len(arrived)

    assert not Revision.objects.filter(status=Status.RECEIVED).exists()
    assert Decision.objects.count() == len(arrived)


def test_a_rule_that_cannot_ask_ahead_asks_by_itself(arrived: list[Comment], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(candidates: Any) -> None:
        raise RuntimeError("no")

    for rule in (author.hold_repeat, author.hold_flood, repeats.hold_campaign):
        monkeypatch.setattr(rule, "ahead", broken)

    moderation.screen_waiting()

    assert {"repeat", "campaign", "flood"} <= set(Finding.objects.values_list("code", flat=True))


def test_with_too_many_rows_to_fetch_each_rule_asks_by_itself(
    arrived: list[Comment], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(author, "MOST_AHEAD", 1)
    monkeypatch.setattr(repeats, "MOST_SHARED", 1)

    moderation.screen_waiting()

    assert {"repeat", "campaign", "flood"} <= set(Finding.objects.values_list("code", flat=True))


def test_what_its_author_changes_meanwhile_is_left_to_the_next_screening(
    arrived: list[Comment], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_many, changed = screening.run_many, arrived[0]

    def slow(revisions: list[Revision], until: float) -> Any:
        judged = run_many(revisions, until)
        posting.edit_comment(changed.author, Comment.objects.get(pk=changed.pk), "Other words, written meanwhile.")
        return judged

    monkeypatch.setattr(screening, "run_many", slow)

    assert moderation.screen_waiting() == len(arrived) - 1

    changed.refresh_from_db()
    assert changed.status == Status.RECEIVED and not changed.decisions.exists()
    assert moderation.screen_waiting() == 1


def test_what_there_is_no_time_for_is_given_back(arrived: list[Comment], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moderation, "TOGETHER_SECONDS", -1)

    assert moderation.screen_waiting() == 1

    waiting = Revision.objects.filter(status=Status.RECEIVED)
    assert set(waiting.values_list("attempts", "claimed_at")) == {(0, None)}
    for left in range(len(arrived) - 1, 0, -1):
        assert waiting.count() == left
        moderation.screen_waiting()
    assert moderation.screen_waiting() == 0


def test_a_late_message_takes_the_others_along_and_theirs_find_nothing_to_do(arrived: list[Comment]) -> None:
    Revision.objects.update(created_at=timezone.now() - timedelta(seconds=5))

    tasks.screen_comment(arrived[0].pk, 1)

    assert not Revision.objects.filter(status=Status.RECEIVED).exists()
    decided = Decision.objects.count()
    for comment in arrived:
        tasks.screen_comment(comment.pk, 1)
    assert Decision.objects.count() == decided == len(arrived)


def test_a_message_in_time_screens_its_own_comment_only(arrived: list[Comment]) -> None:
    tasks.screen_comment(arrived[3].pk, 1)

    assert list(Decision.objects.values_list("comment_id", flat=True)) == [arrived[3].pk]


@pytest.mark.django_db(transaction=True)
def test_a_task_after_one_that_lost_its_connection_begins_on_another() -> None:
    tasks.sweep.before_start("", (), {})
    assert Comment.objects.count() == 0
    connection.connection.close()
    with pytest.raises(DatabaseError):
        Comment.objects.count()

    tasks.sweep.before_start("", (), {})

    assert Comment.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_never_screen_the_same_text(arrived: list[Comment], reasons: None) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("needs two connections that write: PostgreSQL")
    together = threading.Barrier(4)

    def work() -> None:
        together.wait()
        while moderation.screen_waiting(3):
            pass
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert not Revision.objects.filter(status=Status.RECEIVED).exists()
    assert Decision.objects.count() == len(arrived)
    assert set(Revision.objects.values_list("attempts", flat=True)) == {1}
