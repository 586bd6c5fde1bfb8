"""Long work: what was kept is never done again, and whoever dies, pauses or comes second harms nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, connections
from django.utils import timezone

from comments import jobs, tasks
from comments.exceptions import Refused
from comments.models import Job

State = Job.State
Meanwhile = Callable[[Job, int], Any]


class Counting:
    """A kind of job that counts to five; what happens within a step, or right after one was kept, a test decides."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.within: Meanwhile = lambda job, number: None

    def __call__(self, job: Job) -> Iterator[None]:
        job.total = 5
        while job.memory.get("at", 0) < 5:
            number = job.memory.get("at", 0) + 1
            job.memory["half"] = number
            self.within(job, number)
            self.steps.append(number)
            job.memory["at"] = job.done = number
            yield
        job.result = {"counted": job.memory["at"]}


@pytest.fixture
def counting() -> Iterator[Counting]:
    work = Counting()
    jobs.kind("counting")(work)
    yield work
    del jobs._kinds["counting"]


@pytest.fixture
def job(db: None, counting: Counting) -> Job:
    return jobs.begin("counting", {}, made_by=None)


def killed(job: Job, number: int) -> None:
    """Die as a worker dies: nothing is written down any more."""
    if number == 3:
        raise OperationalError("the server closed the connection unexpectedly")


def old(job: Job) -> None:
    """Let the last sign of life be long ago."""
    Job.objects.filter(pk=job.pk).update(claimed_at=timezone.now() - timedelta(seconds=jobs.CLAIM_SECONDS + 1))


def test_a_job_is_done_step_by_step_and_says_what_it_found(job: Job, counting: Counting) -> None:
    done = jobs.run(job.pk)

    assert done is not None
    assert (done.state, done.done, done.total, done.result, done.claimed_at) == (State.DONE, 5, 5, {"counted": 5}, None)
    assert done.started_at is not None and done.finished_at is not None
    assert jobs.run(job.pk) is None and counting.steps == [1, 2, 3, 4, 5]


def test_after_a_crash_it_goes_on_at_the_last_step_that_was_kept(job: Job, counting: Counting) -> None:
    counting.within = killed
    with pytest.raises(OperationalError):
        jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.done, job.memory["at"]) == (State.RUNNING, 2, 2)

    assert jobs.run(job.pk) is None and job.pk not in jobs.due()
    old(job)
    assert jobs.due() == [job.pk]
    counting.within = lambda job, number: None
    jobs.run(job.pk)

    job.refresh_from_db()
    assert job.state == State.DONE and counting.steps == [1, 2, 3, 4, 5]


def test_stopped_by_ctrl_c_it_can_be_taken_up_at_once(job: Job, counting: Counting) -> None:
    def interrupted(job: Job, number: int) -> None:
        if number == 3:
            raise KeyboardInterrupt

    counting.within = interrupted
    with pytest.raises(KeyboardInterrupt):
        jobs.run(job.pk)
    counting.within = lambda job, number: None

    assert jobs.run(job.pk) is not None
    assert counting.steps == [1, 2, 3, 4, 5]


def test_what_kills_its_worker_every_time_is_given_up(job: Job, counting: Counting) -> None:
    def dies(job: Job, number: int) -> None:
        raise OperationalError

    counting.within = dies
    for _attempt in range(jobs.MOST_ATTEMPTS):
        with pytest.raises(OperationalError):
            jobs.run(job.pk)
        old(job)
    over = jobs.run(job.pk)

    assert over is not None and over.state == State.FAILED
    assert over.error == "It was begun 5 times and never finished." and jobs.due() == []


def test_a_step_that_fails_fails_the_job_and_leaves_no_half_memory(job: Job, counting: Counting) -> None:
    def fails(job: Job, number: int) -> None:
        if number == 4:
            raise ValueError("a text nobody is meant to read")

    counting.within = fails
    failed = jobs.run(job.pk)

    assert failed is not None and (failed.state, failed.error) == (State.FAILED, "ValueError")
    assert (failed.done, failed.memory["half"], failed.claimed_at) == (3, 3, None)
    counting.within = lambda job, number: None
    jobs.resume(failed)
    again = jobs.run(job.pk)
    assert again is not None and (again.state, again.error) == (State.DONE, "")
    assert counting.steps == [1, 2, 3, 4, 5]


def test_a_refusal_is_told_in_its_own_words(job: Job, counting: Counting) -> None:
    def refuses(job: Job, number: int) -> None:
        raise Refused("gone", "The discussion is gone.")

    counting.within = refuses

    failed = jobs.run(job.pk)

    assert failed is not None and (failed.state, failed.error) == (State.FAILED, "The discussion is gone.")


def test_a_kind_nobody_knows_fails_with_a_sentence(db: None) -> None:
    job = jobs.begin("of-a-later-release", {}, made_by=None, subject="s" * 200)

    failed = jobs.run(job.pk)

    assert failed is not None
    assert (failed.state, failed.error) == (State.FAILED, "This release does not know jobs of this kind.")


def test_paused_it_stops_after_the_step_it_is_in_and_keeps_that_step(job: Job, counting: Counting) -> None:
    counting.within = lambda job, number: jobs.pause(Job.objects.get(pk=job.pk)) if number == 2 else None
    stopped = jobs.run(job.pk)

    assert stopped is not None
    assert (stopped.state, stopped.done, stopped.claimed_at) == (State.PAUSED, 2, None)
    assert jobs.run(job.pk) is None and jobs.due() == []
    jobs.resume(stopped)
    Job.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    assert jobs.due() == [job.pk]
    jobs.run(job.pk)
    assert counting.steps == [1, 2, 3, 4, 5]


def test_paused_and_resumed_within_one_step_it_just_goes_on(job: Job, counting: Counting) -> None:
    def changes_their_mind(job: Job, number: int) -> None:
        if number == 2:
            jobs.resume(jobs.pause(Job.objects.get(pk=job.pk)))

    counting.within = changes_their_mind

    done = jobs.run(job.pk)

    assert done is not None and done.state == State.DONE and counting.steps == [1, 2, 3, 4, 5]


def test_paused_in_its_last_step_it_is_done(job: Job, counting: Counting) -> None:
    work = jobs._kinds["counting"]

    def with_an_end(job: Job) -> Iterator[None]:
        yield from work(job)
        jobs.pause(Job.objects.get(pk=job.pk))

    jobs.kind("counting")(with_an_end)

    done = jobs.run(job.pk)

    assert done is not None and (done.state, done.result) == (State.DONE, {"counted": 5})


def test_cancelled_it_stays_so_and_what_it_did_stays_done(job: Job, counting: Counting) -> None:
    counting.within = lambda job, number: jobs.cancel(Job.objects.get(pk=job.pk)) if number == 2 else None
    stopped = jobs.run(job.pk)

    assert stopped is not None and (stopped.state, stopped.done) == (State.CANCELLED, 2)
    assert stopped.finished_at is not None and stopped.claimed_at is None
    with pytest.raises(Refused, match="Stopped"):
        jobs.resume(stopped)
    assert jobs.run(job.pk) is None


def test_cancelled_in_its_last_step_it_stays_so(job: Job, counting: Counting) -> None:
    def cancelled(job: Job) -> Iterator[None]:
        yield
        jobs.cancel(Job.objects.get(pk=job.pk))

    jobs.kind("counting")(cancelled)

    stopped = jobs.run(job.pk)

    assert stopped is not None and (stopped.state, stopped.claimed_at) == (State.CANCELLED, None)


def test_its_time_is_up_after_a_step_and_another_goes_on(job: Job, counting: Counting) -> None:
    first = jobs.run(job.pk, seconds=-1)
    assert first is not None and (first.state, first.done) == (State.RUNNING, 1)

    second = jobs.run(job.pk)

    assert second is not None and second.state == State.DONE and counting.steps == [1, 2, 3, 4, 5]


def test_a_slow_worker_that_lost_the_job_overwrites_nothing(job: Job, counting: Counting) -> None:
    """Another takes the job up while the first is in a step for too long, does the rest, and stays right."""
    taken_over: list[Job | None] = []

    def too_long(job: Job, number: int) -> None:
        if number == 3 and not taken_over:
            taken_over.append(None)
            old(job)
            taken_over[0] = jobs.run(job.pk, seconds=-1)

    counting.within = too_long
    slow = jobs.run(job.pk)

    assert taken_over[0] is not None and taken_over[0].done == 3
    assert slow is not None and (slow.state, slow.done, slow.claimed_at) == (State.RUNNING, 3, None)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.done) == (State.DONE, 5)


def test_what_is_over_cannot_be_paused_and_what_runs_cannot_be_resumed(job: Job) -> None:
    with pytest.raises(Refused, match="job_moved_on"):
        jobs.resume(job)
    jobs.run(job.pk)
    with pytest.raises(Refused, match="Done"):
        jobs.pause(job)


def test_due_are_those_that_nobody_is_on_oldest_first(job: Job, counting: Counting) -> None:
    other = jobs.begin("counting", {}, made_by=None)
    assert jobs.due() == []

    long_ago = timezone.now() - timedelta(minutes=2)
    Job.objects.filter(pk=other.pk).update(created_at=long_ago)
    assert jobs.due() == [other.pk]
    Job.objects.filter(pk=job.pk).update(created_at=long_ago - timedelta(minutes=1))
    assert jobs.due() == [job.pk, other.pk]
    Job.objects.filter(pk=job.pk).update(claimed_at=timezone.now(), state=State.RUNNING)
    assert jobs.due() == [other.pk]

    tasks.run_due_jobs()
    other.refresh_from_db()
    assert other.state == State.DONE


@pytest.mark.skipif(connection.vendor != "postgresql", reason="needs two connections that write: PostgreSQL")
@pytest.mark.django_db(transaction=True)
def test_of_two_workers_at_once_one_gets_the_job(job: Job, counting: Counting) -> None:
    start, got = threading.Barrier(4), []

    def work() -> None:
        try:
            start.wait()
            got.append(jobs.run(job.pk))
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert len([one for one in got if one is not None]) == 1
    assert counting.steps == [1, 2, 3, 4, 5]
