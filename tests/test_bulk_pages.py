"""Deciding many at once through its doors: the desk's page and the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from comments import jobs, moderation, posting
from comments.models import BulkAction, Comment, Commenter, Decider, Decision, Discussion, Revision, Status
from comments.screening import Verdict

Person = Callable[..., Commenter]

PAGE = "/admin/comments/desk/bulk/"
API = "/api/v1/moderation/bulk/"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
NO_LIMITS = {
    "POSTS_PER_MINUTE": 0,
    "FLOOD_COMMENTS": 0,
    "REPEAT_HOURS": 0,
    "CAMPAIGN_PEOPLE": 0,
    "RULE_MILLISECONDS": 60_000,
}


@pytest.fixture(autouse=True)
def no_limits(settings: Any) -> None:
    settings.COMMENTS = NO_LIMITS


@pytest.fixture
def desk(editor: Commenter) -> Client:
    client = Client()
    client.force_login(editor.user)
    return client


@pytest.fixture
def waiting(reader: Commenter, discussion: Discussion, editor: Commenter) -> list[Comment]:
    found = []
    for number in range(6):
        comment = posting.post_comment(reader, discussion, f"Sentence {number} {HOSTILE}")
        moderation.decide(comment, Verdict("hold"), decider=Decider.EDITOR, trigger="editor", made_by=editor)
        found.append(comment)
        Revision.objects.filter(comment=comment).update(risk=number / 10)
    return found


def done(answer: Any) -> BulkAction:
    """Let the worker do it."""
    assert answer.status_code == 303, answer.content.decode()
    action = BulkAction.objects.latest("pk")
    assert answer.url == f"{PAGE}{action.pk}/"
    for job in (action.job_id, action.undo_job_id):
        jobs.run(job or 0)
    return action


def statuses() -> list[str]:
    return sorted(Comment.objects.values_list("status", flat=True))


def test_the_page_counts_what_a_search_and_a_range_of_scores_select(desk: Client, waiting: list[Comment]) -> None:
    whole = desk.get(PAGE, {"q": "status:held"}).content.decode()
    part = desk.get(PAGE, {"q": "status:held", "min": "20", "max": "40"}).content.decode()

    assert "Approve 6" in whole and "Approve 3" in part
    assert '<th scope="row">0.20–0.25</th>' in part
    assert HOSTILE not in whole and "&lt;script&gt;" in whole


def test_the_page_costs_the_same_however_many_there_are(
    desk: Client, waiting: list[Comment], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(20):
        desk.get(PAGE, {"q": "status:held"})


def test_all_are_approved_from_the_page_and_taken_back(desk: Client, waiting: list[Comment]) -> None:
    sent = {"q": "status:held", "min": "0", "max": "100", "decision": "publish", "note": "Monday"}
    action = done(desk.post(PAGE + "begin/", sent))
    assert statuses() == ["published"] * 6
    said = desk.get(f"{PAGE}{action.pk}/").content.decode()
    assert "6 decided" in said and "Undo all 6" in said

    done(desk.post(f"{PAGE}{action.pk}/do/", {"do": "undo"}))

    assert statuses() == ["held"] * 6
    assert "6 taken back" in desk.get(f"{PAGE}{action.pk}/").content.decode()


def test_a_sample_can_be_left_out(desk: Client, waiting: list[Comment]) -> None:
    kept = Revision.objects.get(comment=waiting[2]).pk
    done(desk.post(PAGE + "begin/", {"q": "status:held", "decision": "publish", "leave_out": [kept]}))

    assert statuses() == ["held"] + ["published"] * 5
    assert Comment.objects.get(status="held").pk == waiting[2].pk


def test_rejecting_many_needs_a_reason_and_nothing_typed_is_lost(desk: Client, waiting: list[Comment]) -> None:
    sent = {"q": "status:held Sentence", "decision": "reject", "explanation": "Not here, please.", "note": "so"}
    answer = desk.post(PAGE + "begin/", sent)

    assert answer.status_code == 400
    page = answer.content.decode()
    assert "Choose the reason" in page and "Not here, please." in page and 'value="so"' in page
    done(desk.post(PAGE + "begin/", sent | {"reason": "off_topic"}))
    assert statuses() == ["rejected"] * 6
    assert Decision.objects.filter(reason="off_topic", words__explanation="Not here, please.").count() == 6


def test_a_search_that_cannot_be_read_says_what_is_wrong(desk: Client) -> None:
    answer = desk.get(PAGE, {"q": f"colour:{HOSTILE}"})

    assert answer.status_code == 400
    assert "There is no operator" in answer.content.decode() and HOSTILE not in answer.content.decode()


def test_scores_that_are_none_are_complained_about(desk: Client) -> None:
    assert desk.get(PAGE, {"q": "status:held", "min": "many"}).status_code == 400


def test_what_was_finished_cannot_be_paused(desk: Client, waiting: list[Comment]) -> None:
    action = done(desk.post(PAGE + "begin/", {"q": "status:held", "decision": "publish"}))

    answer = desk.post(f"{PAGE}{action.pk}/do/", {"do": "pause"})

    assert answer.status_code == 409 and "This job is" in answer.content.decode()


def test_readers_and_staff_without_the_permission_are_refused(person: Person, client: Client) -> None:
    reader = person("a reader")
    client.force_login(reader.user)
    assert client.get(PAGE).status_code == 302 and client.post(API, {}, "application/json").status_code == 403
    reader.user.is_staff = True
    reader.user.save()
    assert client.get(PAGE).status_code == 403 and client.post(PAGE + "begin/").status_code == 403


def test_a_program_tries_begins_watches_and_undoes(desk: Client, waiting: list[Comment]) -> None:
    sent = {"q": "status:held", "score_min": 0.3, "verdict": "publish"}
    tried = desk.post(API, sent | {"dry_run": True}, "application/json")
    assert (tried.status_code, tried.json()["total"], len(tried.json()["samples"])) == (200, 3, 3)
    assert sum(tried.json()["scores"]) == 6 and not BulkAction.objects.exists()

    begun = desk.post(API, sent, "application/json")
    assert (begun.status_code, begun.json()["state"], begun.json()["total"]) == (202, "waiting", 3)
    url = f"{API}{begun.json()['id']}/"
    for do, state in (("pause", "paused"), ("resume", "waiting")):
        assert desk.post(f"{url}{do}/", {}, "application/json").json()["state"] == state
    action = BulkAction.objects.get()
    jobs.run(action.job_id or 0)
    assert (desk.get(url).json()["decided"], desk.get(url).json()["may"]) == (3, ["undo"])
    assert desk.post(f"{url}stop/", {}, "application/json").status_code == 409

    undone = desk.post(f"{url}undo/", {}, "application/json")
    action.refresh_from_db()
    jobs.run(action.undo_job_id or 0)
    assert undone.json()["undoing"] and desk.get(url).json()["taken_back"] == 3
    assert set(statuses()) == {Status.HELD}


def test_a_program_is_told_what_is_wrong(desk: Client, waiting: list[Comment]) -> None:
    answer = desk.post(API, {"q": "status:held", "verdict": "reject"}, "application/json")

    assert answer.status_code == 400 and answer.json()["code"] == "reason_needed"
    assert desk.get(f"{API}99/").status_code == 404


def test_a_queue_leads_to_deciding_all_of_it(desk: Client, waiting: list[Comment]) -> None:
    page = desk.get("/admin/comments/desk/").content.decode()

    assert f'href="{PAGE}?q=status%3Aheld"' in page
    assert "Approve 6" in desk.get(PAGE, {"q": "status:held"}).content.decode()
