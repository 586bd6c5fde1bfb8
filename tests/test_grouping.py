"""Which reports are one: by facts, never by words; one person once; never again what an editor took apart."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from comments import issues
from comments.issues import grouping
from comments.issues.grouping import Facts
from comments.models import Commenter, Discussion, IssueGroup, IssueMessage, IssueReport

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
WAVE = "Your site deletes every comment about the tram. This is censorship and everybody can see it."

few = st.sampled_from(["", "a", "b"])
facts = st.builds(
    Facts,
    code=st.sampled_from(["", "server_error", "csrf_failed", "held", "banned"]),
    client_error=few,
    discussion_id=st.sampled_from([None, 1, 2]),
    browser=few,
    system=few,
    surface=st.sampled_from(["page", "embed"]),
    release=few,
    kind=few,
    elsewhere=few,
    fingerprint=few,
    at=st.integers(0, 100).map(lambda hours: NOW - timedelta(hours=hours)),
)


@pytest.fixture
def report(db: None) -> Callable[..., IssueReport]:
    def make(words: str = "It does not work.", **more: Any) -> IssueReport:
        more.setdefault("kind", "cannot_post")
        made = IssueReport.objects.create(digest=f"{IssueReport.objects.count():064d}", **more)
        IssueMessage.objects.create(report=made, sender="you", text=words)
        return made

    return make


def failed(**more: Any) -> dict[str, Any]:
    return {"code": "server_error", "fingerprint": "f" * 64, **more}


# --- The formula ------------------------------------------------------------------------------------------------------


@given(facts, facts)
def test_comparing_is_the_same_both_ways(one: Facts, other: Facts) -> None:
    assert grouping.compare(one, other) == grouping.compare(other, one)
    assert grouping.score(one, other) == grouping.score(other, one)
    assert 0 <= grouping.score(one, other) <= sum(grouping.WEIGHTS.values())


@given(facts, facts)
def test_nothing_is_joined_without_an_equal_code_or_script_error(one: Facts, other: Facts) -> None:
    if grouping.compare(one, other) == "join":
        assert {"code", "client_error"} & set(grouping.equal_facts(one, other))
        assert grouping.score(one, other) >= 6
        assert len(grouping.equal_facts(one, other)) >= 2


@given(facts, facts)
def test_what_concerns_one_reader_is_never_one_with_another(one: Facts, other: Facts) -> None:
    if one.code in ("held", "banned") or other.code in ("held", "banned"):
        assert grouping.compare(one, other) == "alone"


@given(facts, facts, st.integers(0, 72))
def test_time_between_two_reports_only_takes_away(one: Facts, other: Facts, hours: int) -> None:
    from dataclasses import replace

    near, far = replace(other, at=one.at), replace(other, at=one.at - timedelta(hours=hours))

    assert grouping.score(one, far) <= grouping.score(one, near)


@given(st.text(max_size=80), st.text(max_size=80))
def test_likeness_is_a_share_and_the_same_both_ways(one: str, other: str) -> None:
    assert 0 <= grouping.likeness(one, other) <= 1
    assert grouping.likeness(one, other) == grouping.likeness(other, one)
    if one.strip():
        assert grouping.likeness(one, one) == 1


def test_six_points_join_four_suggest() -> None:
    mine = Facts(code="server_error", discussion_id=1, at=NOW)

    assert grouping.compare(mine, Facts(code="server_error", discussion_id=1, at=NOW)) == "join"
    assert grouping.compare(mine, Facts(code="server_error", at=NOW)) == "alone"
    assert (
        grouping.compare(mine, Facts(code="server_error", discussion_id=1, at=NOW - timedelta(hours=10))) == "suggest"
    )
    assert grouping.compare(mine, Facts(code="server_error", discussion_id=1, at=NOW - timedelta(hours=80))) == "alone"
    alike = {"browser": "Safari 26", "discussion_id": 1, "system": "iPhone", "surface": "page", "kind": "layout"}
    assert grouping.compare(Facts(at=NOW, **alike), Facts(at=NOW, **alike)) == "suggest"  # type: ignore[arg-type]


# --- Joining ----------------------------------------------------------------------------------------------------------


def test_the_same_failure_is_one_group_in_any_language(report: Callable[..., IssueReport]) -> None:
    one = report("Antworten geht nicht, Fehler.", **failed(language="de"))
    other = report("답글이 안 됩니다", **failed(language="ko"))
    third = report("Replies fail", **failed(language="en"))

    made = [grouping.join(each.pk) for each in (one, other, third)]

    assert made[0] is not None and made[0] == made[1]
    assert set(made[0].reports.all()) == {one, other, third}
    assert made[0].fingerprint == "f" * 64


def test_words_alone_join_nothing(report: Callable[..., IssueReport]) -> None:
    one, other = report(WAVE), report(WAVE)

    assert grouping.join(other.pk) is None
    assert [(found.report, found.why) for found in grouping.suggestions(other)] == [(one, "copy")]
    assert grouping.copies([one, other]) == {one.pk, other.pk}


def test_held_comments_are_never_one_conversation(report: Callable[..., IssueReport], discussion: Discussion) -> None:
    for _each in range(3):
        made = report(code="held", discussion=discussion, fingerprint="a" * 64)

        assert grouping.join(made.pk) is None

    assert not IssueGroup.objects.exists()


def test_joining_twice_is_once(report: Callable[..., IssueReport]) -> None:
    report(**failed())
    other = report(**failed())

    assert grouping.join(other.pk) == grouping.join(other.pk)
    assert IssueGroup.objects.count() == 1


def test_what_an_editor_took_apart_is_never_joined_again(report: Callable[..., IssueReport]) -> None:
    one, other, third = report(**failed()), report(**failed()), report(**failed())
    for each in (other, third):
        grouping.join(each.pk)
    third.refresh_from_db()

    grouping.split([third], [one, other])
    IssueReport.objects.filter(pk=third.pk).update(group=None)

    assert grouping.join(third.pk) is None
    later = report(**failed())
    assert grouping.join(later.pk) is not None


def test_a_second_report_by_the_same_person_is_a_message_on_the_first(
    reader: Commenter, discussion: Discussion
) -> None:
    first = issues.report("cannot_post", "Nothing happens.", reporter=reader, discussion=discussion)

    second = issues.report("cannot_post", "Still nothing.", reporter=reader, discussion=discussion)

    assert second == first and IssueReport.objects.count() == 1
    assert [message.text for message in first.messages.all()] == ["Nothing happens.", "Still nothing."]
    IssueReport.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert issues.report("cannot_post", "Again.", reporter=reader, discussion=discussion) != first


def test_people_are_counted_and_a_network_is_two_at_most(report: Callable[..., IssueReport], reader: Commenter) -> None:
    mine = [report(reporter=reader), report(reporter=reader)]
    crowd = [report(network_key="n1", browser_key=f"b{number}") for number in range(9)]

    assert grouping.people(mine) == 1
    assert grouping.people(crowd) == 2
    assert grouping.people(mine + crowd) == 3


def test_a_group_is_called_by_what_it_is_about(report: Callable[..., IssueReport]) -> None:
    rows = [report(browser="Safari 26", release="2611.3", code="csrf_failed") for _each in range(3)]
    assert grouping.title(rows) == "I cannot post · csrf_failed"

    rows.append(report(browser="Safari 25", release="2611.3", code="csrf_failed"))

    assert grouping.title(rows) == "I cannot post · csrf_failed · Safari · release 2611.3"


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite writes one after another")
@pytest.mark.django_db(transaction=True)
def test_reports_that_come_at_once_make_one_group() -> None:
    made = [
        IssueReport.objects.create(
            kind="cannot_post", digest=f"{number:064d}", code="server_error", fingerprint="f" * 64
        )
        for number in range(6)
    ]
    start = threading.Barrier(len(made))

    def run(pk: int) -> None:
        start.wait()
        try:
            grouping.join(pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[each.pk]) for each in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert IssueGroup.objects.count() == 1
    assert IssueReport.objects.filter(group=None).count() == 0
