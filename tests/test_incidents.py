"""Incidents: proposed by counts and by the server's own signs, worded by an editor, told to readers once it is over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from comments import issues, outbox, threads, thresholds
from comments.exceptions import Refused
from comments.issues import incidents, signs
from comments.models import (
    Comment,
    Commenter,
    Delivery,
    Discussion,
    Failure,
    Incident,
    IncidentUpdate,
    IssueGroup,
    IssueMessage,
    IssueReport,
)

WORDS = "Since 14:05 replies fail for some readers. We know, and are working on it."


@pytest.fixture
def reports(db: None) -> Callable[..., list[IssueReport]]:
    def make(count: int, minutes: float = 10, **more: Any) -> list[IssueReport]:
        more.setdefault("kind", "cannot_post")
        now = timezone.now()
        made = []
        for number in range(count):
            facts = {"browser_key": f"b{number}", "network_key": f"n{number}"} | more
            place = IssueReport.objects.count()
            made.append(
                IssueReport.objects.create(
                    digest=f"{place:064d}",
                    created_at=now - timedelta(minutes=minutes * number / max(1, count)),
                    **facts,
                )
            )
            IssueMessage.objects.create(report=made[-1], sender="you", text="It fails.")
        return made

    return make


@pytest.fixture
def readers(person: Callable[..., Commenter]) -> list[Commenter]:
    return [person(f"reader{number}") for number in range(6)]


def by_readers(reports: Callable[..., list[IssueReport]], readers: list[Commenter], **more: Any) -> list[IssueReport]:
    return [reports(1, reporter=one, browser_key=f"k{one.pk}", network_key=f"n{one.pk}", **more)[0] for one in readers]


@pytest.fixture
def proposed(reports: Callable[..., list[IssueReport]], readers: list[Commenter]) -> Incident:
    by_readers(reports, readers, code="server_error")
    [made] = incidents.look()
    return made


def section(key: str = "story-1") -> str:
    return Client().get(f"/comments/section/?key={key}").content.decode()


# --- Proposing --------------------------------------------------------------------------------------------------------


def test_a_burst_of_people_is_proposed_once_with_its_figures(proposed: Incident) -> None:
    assert proposed.state == "proposed" and proposed.stream == "code:server_error"
    assert "6 people within" in incidents.in_words(proposed) and "by chance about once in" in incidents.in_words(
        proposed
    )
    assert IssueReport.objects.filter(incident=proposed).count() == 6
    assert incidents.look() == [] and Incident.objects.count() == 1


def test_two_reports_are_never_enough(reports: Callable[..., list[IssueReport]], readers: list[Commenter]) -> None:
    by_readers(reports, readers[:2])

    assert incidents.look() == []


def test_one_person_who_writes_nine_times_is_one(reports: Callable[..., list[IssueReport]], reader: Commenter) -> None:
    reports(9, reporter=reader)

    assert incidents.look() == []


def test_held_and_banned_readers_are_no_outage(
    reports: Callable[..., list[IssueReport]], readers: list[Commenter]
) -> None:
    by_readers(reports, readers, code="held")

    assert incidents.look() == []


def test_doubtful_reports_do_not_count(reports: Callable[..., list[IssueReport]], readers: list[Commenter]) -> None:
    by_readers(reports, readers, is_suspicious=True)

    assert incidents.look() == []


def test_an_organised_wave_is_marked_narrow(reports: Callable[..., list[IssueReport]]) -> None:
    for number in range(31):
        reports(1, browser_key=f"wave{number}", network_key=f"net{number % 2}")

    found = incidents.look()

    # Two networks are four people at most: too few to be anything.
    assert found == []
    for number in range(60):
        reports(1, browser_key=f"crowd{number}", network_key="")
    [wave] = incidents.look()
    assert wave.state == "proposed" and incidents.in_force() == []


def test_dismissing_needs_two_people_more_for_a_day(
    proposed: Incident, reports: Callable[..., list[IssueReport]], editor: Commenter, person: Callable[..., Commenter]
) -> None:
    incidents.dismiss(proposed, editor, "coincidence")
    assert incidents.look() == []

    by_readers(reports, [person(f"more{number}") for number in range(2)], code="server_error")
    found = incidents.look()

    assert [one.stream for one in found if one] == ["code:server_error"]


def test_without_a_budget_nothing_is_proposed(
    settings: Any, reports: Callable[..., list[IssueReport]], readers: list[Commenter]
) -> None:
    settings.COMMENTS = {**settings.COMMENTS, "INCIDENT_FALSE_ALARMS": 0}
    by_readers(reports, readers)

    assert incidents.look() == []


def test_a_slow_leak_is_proposed_after_days(reports: Callable[..., list[IssueReport]]) -> None:
    now = timezone.now()
    for day, count in enumerate([0, 1, 2, 1, 2, 2]):
        for row in reports(count, kind="notifications", code="mail_refused"):
            IssueReport.objects.filter(pk=row.pk).update(created_at=now - timedelta(days=5 - day, minutes=5))

    found = incidents.leaks()

    assert "code:mail_refused" in [one.stream for one in found]


# --- The server's own signs -------------------------------------------------------------------------------------------


def failed(count: int, **more: Any) -> None:
    facts = {"door": "page", "verb": "post", "code": "server_error", "status": 500} | more
    for number in range(count):
        Failure.objects.create(browser_key=f"f{number}", **facts)


def test_silence_is_seen_without_any_report(reader: Commenter, discussion: Discussion) -> None:
    now = timezone.now()
    for week in range(1, 5):
        for number in range(12):
            Comment.objects.create(
                discussion=discussion,
                author=reader,
                path=f"{week:06d}{number:06d}",
                created_at=now - timedelta(weeks=week, minutes=number),
            )

    [made] = incidents.look(now)

    assert made.stream == "signal:silence"
    assert incidents.in_words(made) == "No comment in 10 minutes; about 10 were expected."


def test_failed_posts_of_several_people_are_seen(db: None) -> None:
    failed(3)
    assert signs.failed_posts(timezone.now()) is None

    failed(5)

    assert signs.failed_posts(timezone.now()) is not None


def test_what_a_reader_may_not_do_is_no_failure_of_ours(db: None) -> None:
    failed(20, code="too_long", status=400)

    assert signs.failed_posts(timezone.now()) is None


def test_a_new_error_after_a_release_needs_two_people(db: None) -> None:
    failed(1, release="1.0", code="known")
    Failure.objects.update(created_at=timezone.now() - timedelta(days=1))
    failed(1, release="1.1", error="KeyError at posting.py:9")
    assert signs.new_after_release(timezone.now()) is None

    failed(2, release="1.1", error="KeyError at posting.py:9")

    found = signs.new_after_release(timezone.now())
    assert found is not None and found.because["people"] == 2


def test_a_refusal_that_many_meet_twice_as_often_as_usual_is_seen(db: None) -> None:
    failed(30, code="too_long", status=400)
    Failure.objects.update(created_at=timezone.now() - timedelta(days=3))
    failed(9, code="stale_form", status=403)
    failed(40, code="closed", status=403)  # an editor closed a story that many read
    assert signs.refusals(timezone.now()) is None

    failed(12, code="stale_form", status=403)

    found = signs.refusals(timezone.now())
    assert found is not None and found.stream == "signal:refusals:stale_form"
    assert "refused with stale_form" in found.because["said"] and found.because["people"] >= 10
    assert incidents.title_of(found.stream) == "One refusal is met much more often than usual"


def test_a_refusal_as_common_as_ever_is_none(db: None, reader: Commenter, discussion: Discussion) -> None:
    failed(200, code="too_long", status=400)
    Failure.objects.update(created_at=timezone.now() - timedelta(days=3))
    failed(15, code="too_long", status=400)

    assert signs.refusals(timezone.now()) is None


def test_sign_ins_that_fail_are_seen(db: None) -> None:
    failed(22, door="sign_in", verb="sign_in", code="sign_in_fails", status=403)

    found = signs.sign_in(timezone.now())

    assert found is not None and "22 of 22 sign-ins failed" in found.because["said"]


def test_readers_and_the_server_together_make_it_likely(
    reports: Callable[..., list[IssueReport]], readers: list[Commenter], settings: Any
) -> None:
    settings.COMMENTS = {**settings.COMMENTS, "NEWSROOM_EMAILS": ["desk@example.org"]}
    failed(8)
    [made] = incidents.look()
    assert not made.is_likely

    by_readers(reports, readers)
    incidents.look()

    made.refresh_from_db()
    assert made.is_likely and Incident.objects.count() == 1
    assert [one.subject for one in Delivery.objects.order_by("id")] == [
        "An incident is proposed: Posting fails",
        "An incident is likely: Posting fails",
    ]


def test_a_sign_that_fails_stops_no_other(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    def broken(_now: datetime) -> None:
        raise RuntimeError

    monkeypatch.setattr(signs, "SIGNS", (broken, signs.failed_posts))
    failed(8)

    assert len(signs.look(timezone.now())) == 1


# --- What readers see -------------------------------------------------------------------------------------------------


def test_a_proposal_is_for_editors_only(proposed: Incident, discussion: Discussion) -> None:
    assert incidents.in_force() == []
    assert "data-incident" not in section()


def test_confirmed_words_stand_in_the_public_section_within_seconds(
    proposed: Incident, editor: Commenter, discussion: Discussion, client: Client
) -> None:

    from comments.pages import section as pages

    before = pages.public(discussion.key, pages.Asked(), discussion).body.decode()
    assert WORDS not in before

    incidents.confirm(proposed, editor, text=WORDS, degree="some", kept=False)

    assert [one.text for one in incidents.in_force()] == [WORDS]
    with time_machine.travel(timezone.now() + timedelta(seconds=20), tick=True):
        threads.pages._kept and [setattr(kept, "built_at", kept.built_at - 16) for kept in threads.pages._kept.values()]
        after = pages.public(discussion.key, pages.Asked(), discussion).body.decode()
    assert WORDS in after and "data-incident" in after
    assert WORDS in client.get("/comments/issues/incidents/").content.decode()


def test_a_whole_section_is_never_kept_longer_than_a_notice_may_take(settings: Any) -> None:
    settings.COMMENTS = {**settings.COMMENTS, "CACHE_SECONDS": 600}

    assert threads._lasts(("story-1", "section", "newest")) == 15
    assert threads._lasts(("story-1", "json")) == 600


def test_it_works_while_the_cache_is_away(
    proposed: Incident, editor: Commenter, discussion: Discussion, monkeypatch: pytest.MonkeyPatch
) -> None:
    from comments.pages import section as pages

    def away(*_args: Any, **_kwargs: Any) -> None:
        raise ConnectionError

    for name in ("get", "set", "add"):
        monkeypatch.setattr(cache, name, away)
    incidents.confirm(proposed, editor, text=WORDS)

    assert WORDS in pages.public(discussion.key, pages.Asked(), discussion).body.decode()


def test_a_site_without_incidents_asks_nothing(db: None, django_assert_num_queries: Any) -> None:
    thresholds.in_force()
    incidents.in_force()

    with django_assert_num_queries(0):
        for _many in range(3):
            assert incidents.in_force() == []


def test_hostile_words_of_an_editor_are_dead(
    proposed: Incident, editor: Commenter, discussion: Discussion, client: Client
) -> None:
    from comments.pages import section as pages

    incidents.confirm(proposed, editor, text="<script>alert(1)</script>")

    for shown in (
        pages.public(discussion.key, pages.Asked(), discussion).body.decode(),
        client.get("/comments/issues/incidents/").content.decode(),
    ):
        assert "<script>alert" not in shown and "&lt;script&gt;" in shown


# --- Its life ---------------------------------------------------------------------------------------------------------


def test_when_it_is_over_everyone_who_asked_is_told_once(
    reports: Callable[..., list[IssueReport]], readers: list[Commenter], editor: Commenter, settings: Any
) -> None:
    settings.COMMENTS = {**settings.COMMENTS, "SITE_URL": "https://record.example"}
    rows = by_readers(reports, readers, code="server_error", email="m@example.org")
    for row in rows:
        row.email = f"m{row.pk}@example.org"
        row.save()
    [made] = incidents.look()
    # One had an answer already, and is told as well.
    issues.answer(rows[0], "We are on it.", editor)
    late = issues.report("cannot_post", "Me too.", email="late@example.org")
    IssueReport.objects.filter(pk=late.pk).update(incident=made, tell_when_over=True)
    incidents.confirm(made, editor, text=WORDS)

    incidents.end(made, editor, text="Replies work again since 14:48.")

    with pytest.raises(Refused, match="incident_moved"):
        incidents.end(made, editor, text="Again.")
    for _twice in range(2):
        for pk in outbox.due():
            outbox.send(pk)
    over = [letter for letter in mail.outbox if "works again" in letter.subject]
    assert len(over) == 7 and len({letter.to[0] for letter in over}) == 7
    assert all(letter.body.startswith("Replies work again since 14:48.") for letter in over)
    assert IssueMessage.objects.filter(text="Replies work again since 14:48.").count() == 7
    assert incidents.in_force() == []
    assert set(IssueReport.objects.values_list("state", flat=True)) == {"answered"}


def test_groups_that_belong_to_it_are_told_too(
    proposed: Incident, reports: Callable[..., list[IssueReport]], editor: Commenter
) -> None:
    group = IssueGroup.objects.create(title="Replies")
    [row] = reports(1, group=group, email="g@example.org")
    incidents.confirm(proposed, editor, text=WORDS)
    incidents.attach(group, proposed, editor)

    incidents.end(proposed, editor, text="Over.")

    assert row.messages.last().text == "Over."


def test_a_burst_while_watching_opens_it_again(
    proposed: Incident, editor: Commenter, reports: Callable[..., list[IssueReport]], person: Callable[..., Commenter]
) -> None:
    incidents.confirm(proposed, editor, text=WORDS)
    incidents.watch(proposed, editor, text="It seems to be over.")

    by_readers(reports, [person(f"again{number}") for number in range(5)], code="server_error")
    incidents.look()

    proposed.refresh_from_db()
    assert proposed.state == "confirmed"


def test_one_report_while_watching_opens_nothing_and_a_burst_in_its_group_does(
    proposed: Incident, editor: Commenter, reports: Callable[..., list[IssueReport]], person: Callable[..., Commenter]
) -> None:
    group = IssueGroup.objects.create(title="Replies")
    incidents.confirm(proposed, editor, text=WORDS)
    incidents.attach(group, proposed, editor)
    Incident.objects.update(proposed_at=timezone.now() - timedelta(days=2))
    incidents.watch(proposed, editor, text="It seems to be over.")

    by_readers(reports, [person("again")], code="server_error", group=group)
    assert incidents.look() == []
    proposed.refresh_from_db()
    assert proposed.state == "watching"

    by_readers(reports, [person(f"again{number}") for number in range(5)], code="server_error", group=group)
    incidents.look()
    proposed.refresh_from_db()
    assert (proposed.state, Incident.objects.count()) == ("confirmed", 1)


def test_a_fault_that_returns_after_the_end_is_proposed_anew(
    proposed: Incident, editor: Commenter, reports: Callable[..., list[IssueReport]], person: Callable[..., Commenter]
) -> None:
    group = IssueGroup.objects.create(title="Replies")
    incidents.confirm(proposed, editor, text=WORDS)
    incidents.attach(group, proposed, editor)
    incidents.end(proposed, editor, text="Over.")
    Incident.objects.update(
        proposed_at=timezone.now() - timedelta(days=2), ended_at=timezone.now() - timedelta(hours=2)
    )

    by_readers(reports, [person(f"again{number}") for number in range(6)], code="server_error", group=group)
    [new] = incidents.look()

    assert new.pk != proposed.pk and new.state == "proposed"


def test_pages_around_one_comment_tell_of_it_too(
    proposed: Incident, editor: Commenter, reader: Commenter, post: Any, client: Client
) -> None:
    comment = post(reader)
    client.force_login(reader.user)
    pages = [f"/comments/{comment.pk}/", f"/comments/{comment.pk}/replies/", f"/comments/{comment.pk}/edit/"]
    assert all("data-incident" not in client.get(page).content.decode() for page in pages)

    incidents.confirm(proposed, editor, text=WORDS)

    for page in pages:
        answer = client.get(page)
        assert answer.status_code == 200 and WORDS in answer.content.decode(), page
    assert client.get("/comments/issues/incidents/").content.decode().count(WORDS) == 1


def test_every_step_is_on_record_and_promised_words_are_missed_in_red(
    proposed: Incident, editor: Commenter, reader: Commenter
) -> None:
    with pytest.raises(Refused):
        incidents.confirm(proposed, reader, text=WORDS)
    incidents.confirm(proposed, editor, text=WORDS, minutes=30)
    incidents.update(proposed, editor, text="Still on it.")

    said = [(one.state, one.is_public) for one in IncidentUpdate.objects.order_by("id")]
    assert said == [("proposed", False), ("confirmed", True), ("confirmed", True)]
    proposed.refresh_from_db()
    assert not incidents.is_late(proposed)
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert incidents.is_late(proposed)


def test_the_newsroom_hears_though_no_cache_answers(
    settings: Any, reports: Callable[..., list[IssueReport]], readers: list[Commenter], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.COMMENTS = {
        **settings.COMMENTS,
        "NEWSROOM_EMAILS": ["desk@example.org"],
        "DESK_WEBHOOK_URL": "https://chat.example/hook",
    }

    def away(*_args: Any, **_kwargs: Any) -> None:
        raise ConnectionError

    for name in ("get", "set", "add"):
        monkeypatch.setattr(cache, name, away)
    by_readers(reports, readers)
    incidents.look()

    assert sorted(Delivery.objects.values_list("way", flat=True)) == ["mail", "webhook"]


def test_the_desk_words_and_ends_an_incident_without_script(proposed: Incident, editor: Commenter) -> None:
    desk = Client()
    desk.force_login(editor.user)
    url = f"/admin/comments/desk/issues/incidents/{proposed.pk}/"
    assert "Confirm, and tell readers" in desk.get(url).content.decode()

    for do, state in (("confirm", "confirmed"), ("update", "confirmed"), ("watch", "watching"), ("end", "ended")):
        answer = desk.post(url, {"do": do, "text": WORDS, "degree": "some", "kept": "yes", "minutes": "30"})
        assert answer.status_code == 303, do
        proposed.refresh_from_db()
        assert proposed.state == state
    assert desk.post(url, {"do": "end", "text": WORDS}).status_code == 409


def test_the_history_stands_in_the_sites_own_frame_and_no_shared_cache_keeps_a_readers_name(
    client: Client, reader: Commenter
) -> None:
    client.force_login(reader.user)

    response = client.get("/comments/issues/incidents/")

    assert 'class="comment-page-title"' in response.content.decode() and "site-wrap" in response.content.decode()
    assert "public" not in response.get("Cache-Control", "") and "Cookie" in response["Vary"]
