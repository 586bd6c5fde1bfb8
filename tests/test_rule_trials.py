"""Trying a house rule on the past: what it would have caught, and what editors had made of that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from comments import house_rules, jobs, rule_trials, tasks
from comments.models import Comment, Commenter, Job, Revision
from comments.screening.house_rules import read
from tests.test_api import Caller, call, document, refused, said  # noqa: F401  (fixtures)
from tests.test_house_rules import HOLD, LINKS, TRAM, about, rule

Post = Callable[..., Comment]
Decide = Callable[..., Any]


@pytest.fixture
def moderator(call: Callable[..., Caller], editor: Commenter) -> Caller:  # noqa: F811
    return call(editor, "read", "write", "moderate")


@pytest.fixture
def history(reader: Commenter, editor: Commenter, post: Post, decide: Decide, settings: Any) -> dict[str, Comment]:
    """
    Give some days of comments. About the tram: two rejected by an editor, one published, one that still waits for its
    link, and one decided by screening alone. One rejected comment is about something else, one is older than 30 days.
    """
    settings.COMMENTS = {"REJECTION_RATE_PERCENT": 0, "RULE_MILLISECONDS": 60_000}
    now = timezone.now()
    found = {}
    with time_machine.travel(now - timedelta(days=40), tick=True):
        found["old"] = post(reader, "The night tram of long ago.")
    for name, words, days, verdict in [
        ("rejected", "The night tram is a disgrace.", 9, "reject"),
        ("other", "The bus is a disgrace.", 8, "reject"),
        ("waiting", "The night tram: https://elsewhere.example/", 7, ""),
        ("published", "The night tram is lovely.", 3, "publish"),
        ("also_rejected", "The night tram, and https://spam.example/", 3, "reject"),
        ("screening", "The night tram came at two.", 1, ""),
    ]:
        with time_machine.travel(now - timedelta(days=days), tick=True):
            found[name] = post(reader, words)
            if verdict == "publish":
                decide(found[name], "hold", editor)
            if verdict:
                decide(found[name], verdict, editor)
    return found


def begun(definition: dict[str, Any], editor: Commenter, days: int = 30) -> Job:
    return rule_trials.begin(definition, days, made_by=editor)


def run(job: Job) -> Job:
    tasks.run_job(job.pk)
    job.refresh_from_db()
    return job


def test_a_trial_says_what_editors_had_decided(moderator: Caller, history: dict[str, Comment]) -> None:
    made = said(moderator.post("moderation/rules/", {"name": "Trams", "definition": rule(TRAM)}))

    begins = moderator.post(f"moderation/rules/{made['id']}/trial/", {"days": 30})
    tasks.run_job(said(begins)["id"])
    job = said(moderator.get(f"moderation/jobs/{said(begins)['id']}/"))

    assert begins.status_code == 202 and said(begins)["state"] == "waiting"
    assert (job["state"], job["done"], job["total"]) == ("done", 6, 6)
    result = job["result"]
    assert (result["hits"], result["outcomes"]) == (5, {"rejected": 2, "published": 1, "waiting": 1, "screening": 1})
    assert result["alone"] == 3
    assert [counts for _day, counts in sorted(result["days"].items())] == [[1, 1, 0], [1, 0, 0], [2, 1, 1], [1, 0, 0]]
    assert result["samples"] == {
        "rejected": [history["rejected"].pk, history["also_rejected"].pk],
        "published": [history["published"].pk],
        "waiting": [history["waiting"].pk],
        "screening": [history["screening"].pk],
    }
    assert result["sentence"] == (
        "last 30 days: 5 hits; editors had rejected 2, published 1; 1 still wait; 1 were decided by screening alone"
    )


def test_a_rule_need_not_be_saved_to_be_tried(moderator: Caller, history: dict[str, Comment]) -> None:
    begins = moderator.post("moderation/rules/trial/", {"definition": rule(LINKS), "days": 365})
    tasks.run_job(said(begins)["id"])

    job = said(moderator.get(f"moderation/jobs/{said(begins)['id']}/"))
    assert (job["total"], job["result"]["hits"], job["result"]["alone"]) == (7, 2, 0)


def test_what_an_editor_decided_last_is_what_counts(
    editor: Commenter, reader: Commenter, post: Post, decide: Decide
) -> None:
    comment = post(reader, "The night tram again.")
    decide(comment, "reject", editor)
    decide(comment, "publish", editor)

    assert run(begun(rule(TRAM), editor)).result["outcomes"]["published"] == 1


def test_an_authors_record_is_the_one_of_that_time(
    editor: Commenter, reader: Commenter, post: Post, decide: Decide
) -> None:
    for number in range(5):
        comment = post(reader, f"The night tram, number {number}.")
        if number == 1:
            decide(comment, "reject", editor)

    newcomers = run(begun(rule(about("author.published", "fewer_than", 2)), editor))
    rejected = run(begun(rule(about("author.rejected", "at_least", 1)), editor))
    rate = run(begun(rule(about("author.rejection_rate", "at_least", 1)), editor))

    assert newcomers.result["hits"] == 3  # written with 0, 1 and 1 published comments before them
    assert rejected.result["hits"] == 3
    assert rate.result["hits"] == 0  # four decided at most: not known


def test_the_record_of_that_time_is_the_same_across_batches(
    editor: Commenter, reader: Commenter, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        post(reader, f"The night tram, number {number}.")
    monkeypatch.setattr(rule_trials, "BATCH", 2)

    assert run(begun(rule(about("author.published", "fewer_than", 5)), editor)).result["hits"] == 5


def test_what_other_rules_found_then_can_be_asked_about(
    moderator: Caller, editor: Commenter, history: dict[str, Comment]
) -> None:
    assert run(begun(rule(about("findings.said", "is", "links")), editor)).result["hits"] == 2
    assert run(begun(rule(about("findings.said", "is_not", "links")), editor)).result["hits"] == 4


def test_a_live_rule_and_its_trial_agree(editor: Commenter, history: dict[str, Comment], post: Post) -> None:
    definitions = [
        rule(about("comment.links", "exactly", 0), about("author.age_days", "fewer_than", 365)),
        rule(about("comment.domains", "includes", "spam.example")),
        rule(about("article.title", "contains", "tram"), about("comment.reply", "no"), TRAM),
        rule({"not": TRAM}),
    ]
    written = [
        house_rules.switch(
            house_rules.create(f"n{n}", definition | {"then": [{"do": "notify"}]}, made_by=editor), "on", made_by=editor
        )
        for n, definition in enumerate(definitions)
    ]
    for n, words in enumerate(["The night tram, once.", "See https://spam.example/ now.", "Nothing about it."]):
        post(Commenter.objects.create(name=f"g{n}"), words)

    live = house_rules.records(written)
    for each in written:
        rows = Revision.objects.filter(findings__isnull=False).distinct().order_by("-pk")[:3]
        asked = read(each.definition)
        tried = sum(asked.matches(past.facts) for past in rule_trials.pasts(asked, rows))
        assert live[each.pk].hits == tried, each.definition


def test_a_trial_that_broke_off_goes_on_where_it_was(
    editor: Commenter, history: dict[str, Comment], monkeypatch: pytest.MonkeyPatch, moderator: Caller
) -> None:
    monkeypatch.setattr(rule_trials, "BATCH", 2)
    whole = run(begun(rule(TRAM), editor, 365)).result
    job = begun(rule(TRAM), editor, 365)
    read_before: list[int] = []
    really = rule_trials.pasts

    def breaks(asked: Any, rows: Any) -> list[Any]:
        read = really(asked, rows)
        if len(read_before) == 2:
            read_before.append(0)
            raise RuntimeError("the worker's machine went away")
        read_before.append(len(read))
        return read

    monkeypatch.setattr(rule_trials, "pasts", breaks)
    run(job)
    assert (job.state, job.done) == ("failed", 4)
    monkeypatch.setattr(rule_trials, "pasts", really)
    answer = moderator.post(f"moderation/jobs/{job.pk}/resume/", {})
    assert answer.status_code == 200
    run(job)

    assert (job.state, job.done, job.total) == ("done", 7, 7)
    assert job.result == whole


def test_a_trial_whose_worker_was_killed_is_taken_up_by_the_next(
    editor: Commenter, history: dict[str, Comment], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_trials, "BATCH", 3)
    job = begun(rule(TRAM), editor, 365)
    steps: list[Iterator[None]] = []

    def killed(job: Job) -> Iterator[None]:
        steps.append(rule_trials.trial(job))
        for number, _step in enumerate(steps[-1]):
            yield
            if number == 0:
                raise SystemExit  # nothing of Python's is caught: the process is gone

    monkeypatch.setitem(jobs._kinds, rule_trials.KIND, killed)
    with pytest.raises(SystemExit):
        tasks.run_job(job.pk)
    job.refresh_from_db()
    assert (job.state, job.done) == ("running", 3)
    monkeypatch.setitem(jobs._kinds, rule_trials.KIND, rule_trials.trial)
    Job.objects.update(claimed_at=timezone.now() - timedelta(minutes=5))
    tasks.run_due_jobs()
    job.refresh_from_db()

    assert (job.state, job.done, job.result["hits"]) == ("done", 7, 6)


def test_a_trial_is_paused_resumed_and_stopped(moderator: Caller, history: dict[str, Comment]) -> None:
    job = said(moderator.post("moderation/rules/trial/", {"definition": rule(TRAM), "days": 30}))
    path = f"moderation/jobs/{job['id']}/"

    assert said(moderator.post(path + "pause/", {}))["state"] == "paused"
    tasks.run_job(job["id"])
    assert said(moderator.get(path))["done"] == 0
    assert said(moderator.post(path + "resume/", {}))["state"] == "waiting"
    assert said(moderator.post(path + "cancel/", {}))["state"] == "cancelled"
    tasks.run_job(job["id"])

    assert said(moderator.get(path))["state"] == "cancelled"
    assert refused(moderator.post(path + "cancel/", {})) == (409, "job_moved_on")


@pytest.mark.parametrize("days", [0, -1, 366, 2**70, "30", 1.5, None, True])
def test_days_that_cannot_be_are_refused(moderator: Caller, days: Any) -> None:
    answer = moderator.post("moderation/rules/trial/", {"definition": rule(TRAM), "days": days})

    assert refused(answer)[0] == 400
    assert not Job.objects.exists()


def test_a_trial_of_nothing_finds_nothing(editor: Commenter) -> None:
    job = run(begun(rule(TRAM), editor))

    assert (job.state, job.done, job.result["hits"]) == ("done", 0, 0)
    assert job.result["sentence"] == "last 30 days: 0 hits; editors had rejected 0, published 0"


def test_samples_are_the_latest_and_thirty_at_most(editor: Commenter, reader: Commenter, post: Post) -> None:
    found = [post(reader, f"The night tram, number {number}.") for number in range(6)]

    samples = run(begun(rule(TRAM), editor)).result["samples"]

    assert sum(rule_trials.SAMPLES.values()) == 30
    assert samples["screening"] == [comment.pk for comment in found[-4:]]


def test_a_definition_that_is_none_is_not_tried(moderator: Caller) -> None:
    assert refused(moderator.post("moderation/rules/trial/", {"definition": {"then": HOLD}})) == (400, "bad_rule")
