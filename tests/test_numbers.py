"""The numbers: a small history counted by hand, the same on the page, over the API and in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from comments import dashboard, moderation, policy
from comments.desk import numbers
from comments.exceptions import Refused
from comments.models import (
    Appeal,
    Comment,
    Commenter,
    Decider,
    Discussion,
    HouseRule,
    IssueReport,
    SectionAccess,
    Token,
    Trigger,
)
from comments.screening import Verdict

BERLIN = ZoneInfo("Europe/Berlin")
PAGE = "/admin/comments/desk/numbers/"
LINK = "Read https://elsewhere.example/{} for the figures."
QUIET = {"POSTS_PER_MINUTE": 0, "FLOOD_COMMENTS": 0, "REJECTION_RATE_PERCENT": 0}
Post = Callable[..., Comment]


def berlin(day: int, clock: str, *, again: bool = False, month: int = 10) -> datetime:
    """Return a moment of autumn 2026 in Berlin; ``again``: the second time the clock shows it."""
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, month, day, hour, minute, tzinfo=BERLIN, fold=int(again))


def at(moment: datetime) -> Any:
    return time_machine.travel(moment, tick=False)


@pytest.fixture(autouse=True)
def in_berlin(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    settings.COMMENTS = {**getattr(settings, "COMMENTS", {}), **QUIET}


@pytest.fixture
def city(db: None) -> Discussion:
    return Discussion.objects.create(key="tram", title="The night tram", url="/stories/tram/", section="City")


@pytest.fixture
def world(db: None) -> Discussion:
    return Discussion.objects.create(key="pact", title="The pact", url="/stories/pact/", section="World")


@pytest.fixture
def desk(editor: Commenter) -> Client:
    client = Client()
    client.force_login(editor.user)
    return client


@pytest.fixture
def history(
    city: Discussion,
    world: Discussion,
    person: Callable[..., Commenter],
    editor: Commenter,
    post: Post,
    decide: Any,
) -> dict[str, Comment]:
    """
    Three days, the middle one 25 hours long.

    24 October: A is published at once; B waits 10 minutes and is rejected; C waits 30 minutes and is published.
    25 October: D waits, is rejected, taken back, and published one hour after it began to wait; E is written at 02:30
    and F one hour later, at 02:30 too; G waits from 23:30 on. 26 October: H is published, reported and rejected; the
    rejection of B is overturned on appeal.
    """
    mara, jo = person("mara"), person("jo")
    made: dict[str, Comment] = {}

    def write(name: str, when: datetime, words: str, where: Discussion, author: Commenter = mara) -> Comment:
        with at(when):
            made[name] = post(author, words, discussion=where)
        return made[name]

    def say(name: str, when: datetime, action: str, **more: Any) -> Any:
        with at(when):
            return decide(made[name], action, editor, **more)

    write("A", berlin(24, "10:00"), "The first of them all.", city)
    write("B", berlin(24, "11:00"), LINK.format("b"), city)
    rejected = say("B", berlin(24, "11:10"), "reject")
    write("C", berlin(24, "12:00"), LINK.format("c"), city)
    say("C", berlin(24, "12:30"), "publish")
    write("D", berlin(25, "00:30"), LINK.format("d"), world)
    slip = say("D", berlin(25, "00:40"), "reject")
    with at(berlin(25, "00:41")):
        moderation.take_back(made["D"], slip.pk, editor)
    say("D", berlin(25, "01:30"), "publish")
    write("E", berlin(25, "02:30"), "Before the clocks went back.", city)
    write("F", berlin(25, "02:30", again=True), "After the clocks went back.", city)
    write("G", berlin(25, "23:30"), LINK.format("g"), city)
    write("H", berlin(26, "09:00"), "Words that somebody reports.", world)
    with at(berlin(26, "10:00")):
        moderation.flag(jo, made["H"], "spam")
        IssueReport.objects.create(kind="vanished", discussion=city)
        IssueReport.objects.create(kind="layout")
    say("H", berlin(26, "11:00"), "reject", reason="spam")
    with at(berlin(26, "13:00")):
        appeal = Appeal.objects.create(
            decision=rejected, appellant=mara, text="Why?", due_at=berlin(30, "12:00"), filed_at=berlin(26, "12:00")
        )
        moderation.decide(
            made["B"],
            Verdict("publish"),
            decider=Decider.EDITOR,
            trigger=Trigger.APPEAL,
            made_by=editor,
            reverses=rejected,
            because_of=appeal,
        )
        Appeal.objects.filter(pk=appeal.pk).update(state="overturned", ruled_by=editor, ruled_at=berlin(26, "13:00"))
    return made


def read(first: int, last: int, **more: Any) -> dashboard.Numbers:
    with at(berlin(26, "15:00")):
        return dashboard.read(dashboard.days(date(2026, 10, first), date(2026, 10, last)), **more)


def rows(found: dashboard.Numbers, table: str, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in found.tables[table].as_data()]


# --- Counted by hand ------------------------------------------------------------------------------------------------


def test_comments_are_counted_by_what_became_of_them(history: dict[str, Comment]) -> None:
    found = read(24, 26)

    shown = ("start", "received", "published_unread", "published_by_editors", "held", "rejected_by_editors")
    assert rows(found, "comments", *shown) == [
        ("2026-10-24", 3, 1, 2, 0, 0),
        ("2026-10-25", 4, 2, 1, 1, 0),
        ("2026-10-26", 1, 0, 0, 0, 1),
    ]
    assert found.totals["received"] == 8
    assert found.totals["received_before"] == 0
    assert found.totals["rejected_unread"] == 0


def test_a_wait_runs_from_being_held_to_the_decision_that_stands(history: dict[str, Comment]) -> None:
    found = read(24, 26)

    assert rows(found, "waits", "decided", "median_seconds", "p90_seconds") == [
        (2, 600, 1800),
        (1, 3600, 3600),
        (0, None, None),
    ]
    assert [found.totals[f"decision_{name}_seconds"] for name in ("median", "p90")] == [1800, 3600]
    assert found.totals["decided"] == 3
    # A, E, F and H at once, C after 30 minutes, D after an hour, B two days later.
    assert found.totals["published"] == 7
    assert found.totals["publication_median_seconds"] == 0
    assert found.totals["publication_p90_seconds"] == 51 * 3600


def test_the_queue_has_an_age_at_the_end_of_each_day_and_now(history: dict[str, Comment]) -> None:
    found = read(24, 26)

    assert rows(found, "queue", "waiting", "oldest_seconds") == [(0, None), (1, 1800), (1, int(15.5 * 3600))]
    assert found.totals["waiting_at_the_end"] == 1


def test_a_day_has_twenty_five_hours_when_the_clocks_go_back(history: dict[str, Comment]) -> None:
    found = read(25, 25)

    received = rows(found, "comments", "start", "received")
    assert len(received) == 25
    assert [row for row in received if row[1]] == [
        ("2026-10-25T00:00:00+02:00", 1),
        ("2026-10-25T02:00:00+02:00", 1),
        ("2026-10-25T02:00:00+01:00", 1),
        ("2026-10-25T23:00:00+01:00", 1),
    ]


def test_a_day_has_twenty_three_hours_when_the_clocks_go_forward(db: None) -> None:
    assert len(dashboard.days(date(2026, 3, 29), date(2026, 3, 29)).starts) == 23


def test_a_rule_is_overturned_by_what_editors_published_after_all(history: dict[str, Comment]) -> None:
    found = read(24, 26)

    shown = ("rule", "decided", "rejected", "overturned", "overturned_share", "appeals", "appeals_overturned")
    assert rows(found, "rules", *shown) == [("hold_links", 3, 0, 3, None, 1, 1)]
    assert found.totals["appeals_ruled"] == found.totals["appeals_overturned"] == 1
    # Before the appeal, B counted for the rule.
    assert rows(read(24, 24), "rules", "decided", "rejected", "overturned") == [(2, 1, 1)]


def test_scorers_are_judged_by_what_they_called_likely(history: dict[str, Comment]) -> None:
    [local] = [row for row in read(24, 26).tables["scorers"].as_data() if row["scorer"] == "local"]

    # Decided by editors: B, C and D stand, H was rejected.
    assert local["all_rejected"] == 1
    assert local["missed"] + local["rejected"] == 1


def test_busiest_articles_reports_and_issues(history: dict[str, Comment]) -> None:
    found = read(24, 26)

    assert rows(found, "articles", "article", "received", "held", "rejected") == [
        ("The night tram", 6, 1, 0),
        ("The pact", 2, 0, 1),
    ]
    assert rows(found, "flags", "reason", "reports", "upheld", "dismissed", "open") == [("spam", 1, 1, 0, 0)]
    assert rows(found, "issues", "reports", "vanished", "layout") == [(0, 0, 0), (0, 0, 0), (2, 1, 1)]


def test_a_section_has_its_own_numbers(history: dict[str, Comment]) -> None:
    found = read(24, 26, sections=frozenset({"World"}))

    assert rows(found, "comments", "received") == [(0,), (1,), (1,)]
    assert rows(found, "waits", "decided") == [(0,), (1,), (0,)]
    assert rows(found, "articles", "article") == [("The pact",)]
    assert rows(found, "issues", "reports") == [(0,), (0,), (0,)]
    assert found.totals["waiting_at_the_end"] == found.totals["appeals_ruled"] == 0
    assert read(24, 26, sections=frozenset()).totals["received"] == 0


def test_a_house_rule_is_called_by_its_name(history: dict[str, Comment]) -> None:
    rule = HouseRule.objects.create(name="No <b>bold</b>", definition={})
    history["C"].revisions.get().findings.create(rule=f"house_rule:{rule.pk}", verdict="hold", code="house_rule")

    assert ("House rule “No <b>bold</b>”", 1) in rows(read(24, 26), "rules", "name", "decided")


def test_what_an_earlier_screening_said_is_not_counted(history: dict[str, Comment]) -> None:
    text = history["C"].revisions.get()
    text.findings.create(rule="hold_shouting", verdict="hold", code="shouting")
    for _run in range(2):
        text.findings.create(rule="screening", verdict="publish", code="passed")

    assert {name for (name,) in rows(read(24, 26), "rules", "rule")} == {"hold_links"}
    assert rows(read(24, 26), "rules", "decided") == [(2,)]


def test_a_share_is_told_from_twenty_cases_on() -> None:
    assert dashboard.share(3, 19) is None
    assert dashboard.share(5, 20) == 0.25
    assert dashboard.share(0, 0) is None
    assert numbers.of(3, 19) == "3 of 19"
    assert numbers.of(5, 20) == "25 %"
    assert numbers.of(1, 250) == "0.4 %"
    assert numbers.of(0, 0) == "–"


def test_half_and_nine_in_ten_are_by_rank() -> None:
    waits = dashboard.Waits()
    assert waits.within(0.5) is None
    for seconds in range(1, 11):
        waits.add(seconds, 1)

    assert (waits.within(0.5), waits.within(0.9)) == (5, 9)


# --- Ranges ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("yesterday", "", "“yesterday” is no day"),
        ("2026-02-30", "", "is no day"),
        ("20261024", "", "is no day"),
        ("2026-10-26", "2026-10-24", "comes after the last one"),
        ("2026-12-24", "", "have not come yet"),
        ("2012-01-01", "2026-10-01", "more than ten years"),
        ("0001-01-01", "", "no numbers from the year 1"),
    ],
)
def test_what_is_no_range_is_said_and_seven_days_are_shown(
    desk: Client, first: str, last: str, said: str, editor: Commenter
) -> None:
    with at(berlin(26, "15:00")):
        desk.force_login(editor.user)
        shown = desk.get(PAGE, {"from": first, "to": last})
        spreadsheet = desk.get(PAGE + "comments.csv", {"from": first, "to": last})

    html = shown.content.decode()
    assert shown.status_code == spreadsheet.status_code == 400
    assert said in html and said in spreadsheet.content.decode()
    assert 'value="2026-10-20"' in html and 'value="2026-10-26"' in html


@pytest.mark.parametrize(
    ("days", "step", "count"),
    [(1, "hour", 24), (93, "day", 93), (94, "week", 14), (731, "week", 105), (732, "month", 25)],
)
def test_long_ranges_have_longer_steps(days: int, step: str, count: int) -> None:
    first = date(2024, 7, 1)
    span = dashboard.days(first, first + timedelta(days=days - 1))

    assert (span.step, len(span.starts)) == (step, count)
    assert sorted(span.starts) == list(span.starts) and span.starts[-1] < span.until


def test_one_of_the_days_may_be_missing(db: None) -> None:
    with at(berlin(26, "15:00")):
        assert [dashboard.asked("", "").first, dashboard.asked("2026-10-25", "").last] == [
            date(2026, 10, 20),
            date(2026, 10, 26),
        ]
        assert dashboard.asked("", "2026-10-10").first == date(2026, 10, 4)
        assert dashboard.asked("2026-10-25", "2031-01-01").last == date(2026, 10, 26)


def test_a_day_begins_at_the_sites_midnight(city: Discussion, reader: Commenter, post: Post) -> None:
    with at(berlin(27, "00:30")):
        post(reader, "Written after midnight in Berlin, before it in London.", discussion=city)
    with at(berlin(27, "12:00")):
        found = dashboard.read(dashboard.asked("2026-10-26", "2026-10-27"))

    assert rows(found, "comments", "start", "received") == [("2026-10-26", 0), ("2026-10-27", 1)]


# --- The page, the API and the spreadsheet --------------------------------------------------------------------------


def test_the_spreadsheet_and_the_api_say_what_the_tables_say(
    desk: Client, editor: Commenter, history: dict[str, Comment]
) -> None:
    query = {"from": "2026-10-24", "to": "2026-10-26"}
    with at(berlin(26, "15:00")):
        desk.force_login(editor.user)
        token = Token.objects.issue(editor.user, ["moderate"], 30)
        found = read(24, 26)
        answer = Client().get("/api/v1/moderation/numbers/", query, headers={"Authorization": f"Bearer {token}"})
        sheets = {name: desk.get(f"{PAGE}{name}.csv", query) for name in found.tables}

    assert answer.status_code == 200
    assert answer.json() == json.loads(json.dumps(found.as_data()))
    assert answer.json()["time_zone"] == "Europe/Berlin"
    for name, sheet in sheets.items():
        assert sheet["Content-Type"].startswith("text/csv") and "no-store" in sheet["Cache-Control"]
        told = list(csv.DictReader(io.StringIO(sheet.content.decode())))
        expected = [
            {key: "" if value is None else str(value) for key, value in row.items()}
            for row in found.tables[name].as_data()
        ]
        assert told == expected, name


def test_the_page_has_each_table_and_beside_it_the_spreadsheet(
    desk: Client, editor: Commenter, history: dict[str, Comment]
) -> None:
    with at(berlin(26, "15:00")):
        desk.force_login(editor.user)
        shown = desk.get(PAGE, {"from": "2026-10-24", "to": "2026-10-26"})

    html = shown.content.decode()
    assert shown.status_code == 200 and "no-store" in shown["Cache-Control"]
    for name in ("comments", "waits", "queue", "articles", "rules", "scorers", "flags", "issues"):
        assert f'data-table="{name}"' in html
        assert f"{PAGE}{name}.csv?from=2026-10-24&amp;to=2026-10-26" in html
    assert html.count('role="img"') == 3
    assert "8 comments, most of them, 4, at 25 Oct." in html
    assert "3 of 3" in html
    assert "Nothing is counted per editor here." in html
    assert " style=" not in re.sub(r"<head>.*?</head>", "", html, flags=re.S)


def test_without_any_comment_the_page_says_so(desk: Client) -> None:
    html = desk.get(PAGE).content.decode()

    assert "No comments were received in these days." in html
    assert "Nothing waited for an editor at these moments." in html
    assert "Editors decided nothing that had waited in these days." in html
    assert "Nothing to count in these days." in html


def test_one_decision_is_a_dot(desk: Client, reader: Commenter, editor: Commenter, post: Post, decide: Any) -> None:
    decide(post(reader, LINK.format("one")), "reject", editor)

    html = desk.get(PAGE).content.decode()

    assert "<circle" in html
    assert "1 of 1" in html


def test_what_people_typed_is_text_on_the_page_and_no_formula_in_a_spreadsheet(
    desk: Client, person: Callable[..., Commenter], post: Post, discussion: Discussion
) -> None:
    hostile = "=cmd|' /C calc'!A0\"><script>alert(1)</script><img src=x onerror=alert(1)>"
    Discussion.objects.filter(pk=discussion.pk).update(title=hostile, section=hostile[:80])
    discussion.refresh_from_db()
    post(person("jo"), "A sentence.", discussion=discussion)

    html = desk.get(PAGE, {"section": hostile[:80]}).content.decode()
    sheet = desk.get(PAGE + "articles.csv").content.decode()

    assert "<script>alert" not in html and "<img src=x" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert next(csv.DictReader(io.StringIO(sheet)))["article"] == "'" + hostile


@pytest.mark.parametrize("first", list("=+-@\t\r\n'"))
def test_no_cell_begins_as_a_formula(first: str) -> None:
    table = dashboard.Table("t", "", "", (dashboard.Column("name", "", "text"),), [(f"{first}1+1",)])

    assert next(csv.DictReader(io.StringIO(table.as_csv(), newline="")))["name"] == f"'{first}1+1"


def test_editors_are_counted_one_by_one_only_where_that_is_switched_on(
    desk: Client, editor: Commenter, history: dict[str, Comment]
) -> None:
    assert "editors" not in read(24, 26).tables

    policy.set_value("numbers_per_editor", True, made_by=editor)
    found = read(24, 26)

    # B and H rejected, C and D published, B published on appeal is the appeal's; D's first rejection was taken back.
    shown = ("name", "decided", "published", "rejected", "undone", "appeals", "appeals_overturned")
    assert rows(found, "editors", *shown) == [("daniel", 4, 2, 2, 1, 1, 1)]


def test_the_number_of_queries_is_constant(
    history: dict[str, Comment], person: Callable[..., Commenter], post: Post
) -> None:
    zoe = person("zoe")
    read(24, 26)
    with CaptureQueriesContext(connection) as few:
        read(24, 26)
    for number in range(12):
        where = Discussion.objects.create(key=f"more-{number}", title=f"Story {number}", section=f"S{number}")
        with at(berlin(26, f"14:{number:02}")):
            post(zoe, LINK.format(number), discussion=where)
    with CaptureQueriesContext(connection) as many:
        read(1, 26)

    # Whether the policy is looked at again depends on the clock.
    counted = [len([one for one in asked if "policyversion" not in one["sql"]]) for asked in (few, many)]
    assert counted == [12, 12]


# --- Who may see them -----------------------------------------------------------------------------------------------


@pytest.fixture
def of_role(person: Callable[..., Commenter]) -> Callable[..., Client]:
    def make(role: str, *sections: str) -> Client:
        user = person(f"of-{role}-{'-'.join(sections)}".lower().replace(" ", "-")).user
        user.is_staff = True
        user.save()
        user.groups.add(Group.objects.get(name=role))
        for section in sections:
            SectionAccess.objects.create(user=user, section=section)
        client = Client()
        client.force_login(user)
        client.user = user  # type: ignore[attr-defined]
        return client

    return make


def test_a_section_moderator_sees_the_numbers_of_their_sections(
    of_role: Callable[..., Client], history: dict[str, Comment]
) -> None:
    theirs = of_role("Section moderator", "World")
    query = {"from": "2026-10-24", "to": "2026-10-26"}

    with at(berlin(26, "15:00")):
        theirs.force_login(theirs.user)  # type: ignore[attr-defined]
        html = theirs.get(PAGE, query).content.decode()
        others = theirs.get(PAGE, query | {"section": "City"})
        sheet = theirs.get(PAGE + "articles.csv", query | {"section": "City"})
        token = Token.objects.issue(theirs.user, ["moderate"], 30)  # type: ignore[attr-defined]
        headers = {"Authorization": f"Bearer {token}"}
        api = Client().get("/api/v1/moderation/numbers/", query | {"section": "City"}, headers=headers)
        own = Client().get("/api/v1/moderation/numbers/", query, headers=headers)

    assert "The pact" in html and "The night tram" not in html
    assert "All of your sections" in html and ">City<" not in html
    assert others.status_code == 400 and "not shown to you" in others.content.decode()
    assert "The night tram" not in others.content.decode()
    assert sheet.status_code == api.status_code == 403
    assert own.json()["totals"]["received"] == 2


def test_a_viewer_sees_all_numbers_and_the_issue_desk_none(
    of_role: Callable[..., Client], history: dict[str, Comment]
) -> None:
    viewer, clerk = of_role("Viewer"), of_role("Issue desk")

    assert viewer.get(PAGE).status_code == 200
    assert clerk.get(PAGE).status_code == clerk.get(PAGE + "comments.csv").status_code == 403


def test_there_is_no_other_table(desk: Client) -> None:
    assert desk.get(PAGE + "secrets.csv").status_code == 404
    assert desk.get(PAGE + "editors.csv").status_code == 404


@pytest.mark.parametrize(
    "asked", [{"section": "x" * 81}, {"section": "\x00"}, {"from": "٢٠٢٦-١٠-٢٤"}, {"from": "\x00"}]
)
def test_odd_questions_get_a_sentence(desk: Client, asked: dict[str, str]) -> None:
    assert desk.get(PAGE, asked).status_code == 400
    assert desk.get(PAGE + "comments.csv", asked).status_code in (400, 404)


def test_the_last_of_the_days_is_refused_when_too_many() -> None:
    with pytest.raises(Refused):
        dashboard.days(date(2010, 1, 1), date(2026, 1, 1))
