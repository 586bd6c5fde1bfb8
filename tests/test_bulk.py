"""Deciding about many at once: exactly what one by one would have done, and taken back as one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import OperationalError, connection, connections, transaction
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from comments import bulk, discussions, jobs, moderation, posting, tasks
from comments.exceptions import Refused
from comments.models import (
    Assignment,
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
    Lesson,
    Revision,
    Sanction,
    SectionAccess,
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
        "dated": [(one.pk, one.published_at is not None, one.edited_at) for one in Comment.objects.order_by("pk")],
        "texts": [
            (
                *(one.pk, one.status, one.html, one.sanitizer_version, one.section, one.risk, one.priority),
                *(one.first_published_at is not None, one.reviewed_at is not None, one.flag_weight),
            )
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
            place = Discussion.objects.create(key=f"story-{number}", section=["city", "sport"][number])
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


# --- The job ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def waiting(reader: Commenter, discussion: Discussion, editor: Commenter, monkeypatch: Any) -> list[Comment]:
    """Hold a dozen comments, and let a step be five of them."""
    monkeypatch.setattr(bulk, "SMALLEST", 5)
    monkeypatch.setattr(bulk, "LARGEST", 5)
    return [hold(reader, discussion, number, editor) for number in range(12)]


def hold(author: Commenter, place: Discussion, number: int, editor: Commenter) -> Comment:
    comment = posting.post_comment(author, place, f"Sentence {number} about the tram.")
    say(comment, "hold", editor)
    return Comment.objects.get(pk=comment.pk)


def run(action: BulkAction) -> bulk.Standing:
    for job in (action.job_id, action.undo_job_id):
        if job:
            jobs.run(job)
    return bulk.standing(bulk.actions().get(pk=action.pk))


def published() -> int:
    return Comment.objects.filter(status=Status.PUBLISHED).count()


def test_everything_that_a_search_finds_is_decided_once(waiting: list[Comment], editor: Commenter) -> None:
    action = bulk.begin("status:held tram", "publish", made_by=editor, private_note="Monday")
    now = run(action)

    assert (now.job.state, now.decided, now.job.done, now.skipped) == (Job.State.DONE, 12, 12, [])
    assert published() == 12 and list(discussions.reconcile()) == []
    made = Decision.objects.filter(bulk=action)
    assert made.count() == 12 and {one.trigger for one in made} == {"bulk"}
    assert {one.words.private_note for one in made} == {"Monday"}
    entry = AuditEntry.objects.get(kind="bulk")
    assert (entry.object_id, entry.made_by, entry.after["count"]) == (action.pk, editor, 12)


def test_a_score_range_is_written_down_as_such(waiting: list[Comment], editor: Commenter) -> None:
    Revision.objects.filter(comment__in=waiting[:4]).update(risk=0.15)
    Revision.objects.filter(comment__in=waiting[4:]).update(risk=0.6)

    action = bulk.begin("status:held", "publish", made_by=editor, score_min=0.1, score_max=0.2)
    run(action)

    assert sorted(Decision.objects.filter(bulk=action).values_list("comment", "assistance")) == [
        (one.pk, "score_range") for one in waiting[:4]
    ]


def test_what_comes_later_and_what_somebody_decides_meanwhile_is_left_alone(
    waiting: list[Comment], reader: Commenter, discussion: Discussion, editor: Commenter, decide: Decide, person: Person
) -> None:
    action = bulk.begin("status:held", "publish", made_by=editor)
    later = hold(reader, discussion, 99, editor)
    decide(waiting[3], "reject", editor)
    Claim.objects.create(comment=waiting[8], person=person("nora", staff=True), until="2100-01-01T00:00Z")
    now = run(action)

    statuses = dict(Comment.objects.values_list("pk", "status"))
    assert (statuses[later.pk], statuses[waiting[3].pk], statuses[waiting[8].pk]) == ("held", "rejected", "held")
    assert now.decided == 10
    assert {(many, tuple(some)) for _why, many, some in now.skipped} == {
        (1, (waiting[3].pk,)),
        (1, (waiting[8].pk,)),
    }


def test_a_worker_that_dies_within_a_step_leaves_nothing_undone_and_nothing_done_twice(
    waiting: list[Comment], editor: Commenter, monkeypatch: Any
) -> None:
    action = bulk.begin("status:held", "publish", made_by=editor)
    decide_many, calls = moderation.decide_many, count(1)

    def dies(*args: Any, **options: Any) -> Any:
        many = decide_many(*args, **options)
        if next(calls) == 2:
            raise OperationalError("the server closed the connection unexpectedly")
        return many

    monkeypatch.setattr(moderation, "decide_many", dies)
    with pytest.raises(OperationalError):
        run(action)
    assert published() == 10
    Job.objects.filter(pk=action.job_id).update(claimed_at=None)
    now = run(action)

    assert (now.decided, now.skipped, published()) == (12, [], 12)
    assert Decision.objects.filter(bulk=action).count() == 12


def test_it_is_paused_goes_on_and_is_stopped(waiting: list[Comment], editor: Commenter, monkeypatch: Any) -> None:
    action = bulk.begin("status:held", "publish", made_by=editor)
    decide_many = moderation.decide_many

    def interrupted(do: str) -> Callable[..., Any]:
        def decides(*args: Any, **options: Any) -> Any:
            bulk.steer(bulk.actions().get(pk=action.pk), do, made_by=editor)
            return decide_many(*args, **options)

        return decides

    monkeypatch.setattr(moderation, "decide_many", interrupted("pause"))
    paused = run(action)
    assert (paused.job.state, published(), paused.may) == (Job.State.PAUSED, 5, {"resume", "stop", "undo"})
    monkeypatch.setattr(moderation, "decide_many", interrupted("stop"))
    bulk.steer(bulk.actions().get(pk=action.pk), "resume", made_by=editor)
    stopped = run(action)

    assert (stopped.job.state, published(), stopped.may) == (Job.State.CANCELLED, 10, {"undo"})
    with pytest.raises(Refused, match="job_moved_on"):
        bulk.steer(stopped.action, "resume", made_by=editor)


def test_it_is_taken_back_as_one_except_for_what_was_decided_again(
    waiting: list[Comment], editor: Commenter, decide: Decide
) -> None:
    action = bulk.begin("status:held", "publish", made_by=editor)
    run(action)
    again = [Comment.objects.get(pk=one.pk) for one in waiting[:3]]
    for comment in again:
        decide(comment, "reject", editor)

    bulk.undo(action, made_by=editor)
    now = run(action)

    assert (now.taken_back, [many for _why, many, _some in now.skipped]) == (9, [3])
    assert sorted(Comment.objects.values_list("status", flat=True)) == ["held"] * 9 + ["rejected"] * 3
    assert list(discussions.reconcile()) == []
    assert bulk.undo(now.action, made_by=editor).pk == now.job.pk
    assert AuditEntry.objects.filter(kind="bulk").count() == 2


def test_undoing_is_safe_to_do_twice_too(waiting: list[Comment], editor: Commenter, monkeypatch: Any) -> None:
    action = bulk.begin("status:held", "publish", made_by=editor)
    run(action)
    bulk.undo(action, made_by=editor)
    take_back_many, calls = moderation.take_back_many, count(1)

    def dies(*args: Any, **options: Any) -> Any:
        many = take_back_many(*args, **options)
        if next(calls) == 2:
            raise OperationalError("the server closed the connection unexpectedly")
        return many

    monkeypatch.setattr(moderation, "take_back_many", dies)
    with pytest.raises(OperationalError):
        run(action)
    Job.objects.filter(pk=action.undo_job_id).update(claimed_at=None)
    now = run(action)

    assert (now.taken_back, now.skipped, published()) == (12, [], 0)
    assert Decision.objects.filter(reverses__bulk=action).count() == 12


def test_one_that_runs_is_stopped_and_undone(waiting: list[Comment], editor: Commenter) -> None:
    action = bulk.begin("status:held", "publish", made_by=editor)
    jobs.run(action.job_id, seconds=0)
    assert published() == 5

    bulk.undo(action, made_by=editor)
    now = run(action)

    assert (now.taken_back, published()) == (5, 0)
    assert Job.objects.get(pk=action.job_id).state == Job.State.CANCELLED


def test_all_comments_of_a_person_are_rejected_with_the_sanction_that_led_to_it(
    waiting: list[Comment], reader: Commenter, editor: Commenter, person: Person, discussion: Discussion
) -> None:
    hold(person("another"), discussion, 50, editor)
    sanction = Sanction.objects.create(kind="ban", person=reader, made_by=editor)

    action = bulk.about_person(reader, made_by=editor, reason="spam", sanction=sanction)
    run(action)

    rejected = Decision.objects.filter(bulk=action)
    assert rejected.count() == 12 and {(one.trigger, one.sanction) for one in rejected} == {("sanction", sanction)}
    assert Comment.objects.filter(status=Status.HELD).count() == 1


@pytest.mark.parametrize(
    ("query", "options", "code"),
    [
        ("", {}, "nothing_asked"),
        ("status:rejected", {}, "nothing_found"),
        ("status:held tram", {"verdict": "reject"}, "reason_needed"),
        ("status:held tram", {"verdict": "reject", "reason": "no such"}, "unknown_reason"),
        ("status:held score>0.5", {"verdict": "reject", "reason": "spam"}, "not_by_score"),
        ("status:held", {"verdict": "burn"}, "unknown_verdict"),
        ("status:held", {"score_min": 2.0}, "bad_score"),
        ("colour:red", {}, "unreadable_search"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_begins(
    query: str, options: dict[str, Any], code: str, waiting: list[Comment], editor: Commenter
) -> None:
    with pytest.raises(Refused) as refused:
        bulk.begin(query, **{"verdict": "publish", "made_by": editor} | options)

    assert refused.value.code == code and refused.value.detail
    assert not BulkAction.objects.exists() and not Job.objects.exists()


def test_more_than_the_limit_is_refused_with_the_number_and_a_way_on(
    waiting: list[Comment], editor: Commenter, settings: Any
) -> None:
    settings.COMMENTS = NO_LIMITS | {"BULK_MOST": 10}

    with pytest.raises(Refused) as refused:
        bulk.begin("status:held", "publish", made_by=editor)

    assert refused.value.code == "too_many" and "12" in refused.value.detail and "Narrow it" in refused.value.detail


def test_who_may_not_decide_in_bulk_is_refused(waiting: list[Comment], reader: Commenter) -> None:
    with pytest.raises(Refused) as refused:
        bulk.begin("status:held", "publish", made_by=reader)

    assert refused.value.status == 403


def test_a_section_moderator_decides_in_their_sections_only(
    waiting: list[Comment], person: Person, reader: Commenter, editor: Commenter
) -> None:
    sport = Discussion.objects.create(key="story-9", section="sport")
    theirs = hold(reader, sport, 70, editor)
    user = get_user_model().objects.create_user("sara", password="a long password", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["moderate_sections", "act_in_bulk"]))
    SectionAccess.objects.create(user=user, section="sport")

    action = bulk.begin("status:held", "publish", made_by=Commenter.objects.for_user(user))
    run(action)

    assert list(Decision.objects.filter(bulk=action).values_list("comment", flat=True)) == [theirs.pk]


def test_a_step_costs_no_more_queries_for_more_comments(
    waiting: list[Comment], editor: Commenter, django_assert_max_num_queries: Any
) -> None:
    act = BulkAction.objects.create(verdict="publish", made_by=editor)

    with django_assert_max_num_queries(21):
        many = moderation.decide_many(latest([one.pk for one in waiting]), Verdict("publish"), made_by=editor, bulk=act)

    assert len(many.decisions) == 12


def test_learning_finds_bulk_decisions_by_itself(waiting: list[Comment], editor: Commenter) -> None:
    run(bulk.begin("status:held", "publish", made_by=editor))

    tasks.learn()

    assert set(Lesson.objects.values_list("drawn", flat=True)) == {"bulk"}
    assert Lesson.objects.count() == 12


@pytest.mark.django_db(transaction=True)
def test_a_single_decision_waits_for_one_step_at_most(
    person: Person, discussion: Discussion, reasons: None, monkeypatch: Any
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time, whoever it is.")
    editor, reader = person("daniel", staff=True), person("mara")
    waiting = [posting.post_comment(reader, discussion, f"Sentence {number} of many.") for number in range(600)]
    single = posting.post_comment(reader, discussion, "Another one, decided by hand.")
    Revision.objects.update(html="<p>A sentence.</p>")
    action = bulk.begin("many", "publish", made_by=editor)
    steps: list[float] = []
    decide_many = moderation.decide_many

    def timed(*args: Any, **options: Any) -> Any:
        begun = time.monotonic()
        try:
            return decide_many(*args, **options)
        finally:
            steps.append(time.monotonic() - begun)

    monkeypatch.setattr(moderation, "decide_many", timed)

    def work() -> None:
        try:
            jobs.run(action.job_id or 0)
        finally:
            connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    while not steps:
        time.sleep(0.005)
    waits = []
    actions = ["publish", "hold"]
    while worker.is_alive():
        begun = time.monotonic()
        say(Comment.objects.get(pk=single.pk), actions[len(waits) % 2], editor)
        waits.append(time.monotonic() - begun)
    worker.join()

    assert Decision.objects.filter(bulk=action).count() == len(waiting)
    # The step it waits for, and its own few statements on a busy machine.
    assert len(waits) > 1 and max(waits) < max(steps) + 1
    assert list(discussions.reconcile()) == []


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_decide_nothing_twice(
    person: Person, discussion: Discussion, reasons: None, monkeypatch: Any
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time.")
    editor, reader = person("daniel", staff=True), person("mara")
    for number in range(300):
        posting.post_comment(reader, discussion, f"Sentence {number} of many.")
    Revision.objects.update(html="<p>A sentence.</p>")
    action = bulk.begin("many", "publish", made_by=editor)

    def work() -> None:
        try:
            # As when the first is taken for dead: both have the row in hand.
            for _step in bulk.work(Job.objects.get(pk=action.job_id)):
                pass
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert Decision.objects.filter(bulk=action).count() == 300
    assert list(discussions.reconcile()) == []


def test_what_was_assigned_is_closed_and_opened_again(
    waiting: list[Comment], editor: Commenter, django_capture_on_commit_callbacks: Any
) -> None:
    assignment = Assignment.objects.create(comment=waiting[0], to_person=editor, made_by=editor)
    act = BulkAction.objects.create(verdict="publish", made_by=editor)
    with django_capture_on_commit_callbacks(execute=True):
        many = moderation.decide_many(latest([one.pk for one in waiting]), Verdict("publish"), made_by=editor, bulk=act)
    assignment.refresh_from_db()
    assert assignment.closed_at is not None and assignment.closed_by == editor

    made = Decision.objects.filter(pk__in=[one.pk for one in many.decisions]).select_related("comment", "revision")
    with django_capture_on_commit_callbacks(execute=True):
        moderation.take_back_many(list(made), made_by=editor, bulk=act)

    assignment.refresh_from_db()
    assert assignment.closed_at is None
