"""What happens by the clock, in a project without Celery."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from django.utils.module_loading import import_string

from comments import jobs, rescreening
from comments.management.commands.sweep import Clock
from comments.models import Commenter, Lesson
from comments.schedule import BEAT_SCHEDULE


def test_every_task_of_the_schedule_is_there() -> None:
    for entry in BEAT_SCHEDULE.values():
        assert import_string(entry["task"]).name == entry["task"]


@pytest.mark.django_db
def test_jobs_are_done_and_decisions_are_learnt_without_celery(
    reader: Commenter, editor: Commenter, post: Any, decide: Any
) -> None:
    decide(post(reader, "Off the point, and long enough."), "reject", editor)
    job = rescreening.begin()
    now = timezone.now()
    clock = Clock()
    assert clock.tick() == []

    with time_machine.travel(now + timedelta(seconds=45)):
        ran = clock.tick()

    job.refresh_from_db()
    assert {"comments-jobs", "comments-learn"} <= set(ran)
    assert job.state == jobs.Job.State.DONE
    assert Lesson.objects.filter(rejected=True).count() == 1


@pytest.mark.django_db
def test_the_refit_is_at_night_and_what_fails_is_tried_again() -> None:
    clock = Clock()

    with time_machine.travel((timezone.now() + timedelta(days=1)).replace(hour=3, minute=41)):
        ran = clock.tick()

    assert "comments-refit" in ran
