"""Long work in the background, for programs: how far it is, and stopping it."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from comments import access, jobs, tasks
from comments.api import described
from comments.api.described import call
from comments.api.endpoint import Moderating, answer, moment
from comments.exceptions import Refused
from comments.models import Job

JOB = OpenApiParameter("job_id", described.ID, OpenApiParameter.PATH)
REFUSALS = [401, 403, 404, 409]


def job_of(job_id: int, user: Any) -> Job:
    """Return a job that ``user`` may look after, or raise ``Refused`` (403, 404)."""
    job = Job.objects.filter(pk=job_id).first()
    access.require(user, jobs.needs(job) if job else "change_policy")
    if job is None:
        raise Refused("unknown_job", _("There is no such job."), status=404)
    return job


def as_data(job: Job) -> dict[str, Any]:
    return {
        "id": job.pk,
        "kind": job.kind,
        "subject": job.subject,
        "state": job.state,
        "done": job.done,
        "total": job.total,
        "result": job.result,
        "error": job.error,
        "created_at": moment(job.created_at),
        "started_at": moment(job.started_at),
        "finished_at": moment(job.finished_at),
    }


class JobDoor(Moderating):
    """What a job needs is known when it is found: ``job_of`` asks."""

    permission = ""


class JobView(JobDoor):
    @call(
        "job",
        "moderation",
        "How far a job is, and what came of it",
        {200: described.JobSerializer},
        parameters=[JOB],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def get(self, request: Request, job_id: int) -> HttpResponse:
        return answer(as_data(job_of(job_id, request.user)))


class CancelView(JobDoor):
    @call(
        "cancel_job",
        "moderation",
        "Stop a job for good; what it has done stays done",
        {200: described.JobSerializer},
        parameters=[JOB],
        refusals=[*REFUSALS, 415],
        scope="moderate",
    )
    def post(self, request: Request, job_id: int) -> HttpResponse:
        return answer(as_data(jobs.cancel(job_of(job_id, request.user))))


class PauseView(JobDoor):
    @call(
        "pause_job",
        "moderation",
        "Let a job rest where it is",
        {200: described.JobSerializer},
        parameters=[JOB],
        refusals=[*REFUSALS, 415],
        scope="moderate",
    )
    def post(self, request: Request, job_id: int) -> HttpResponse:
        return answer(as_data(jobs.pause(job_of(job_id, request.user))))


class ResumeView(JobDoor):
    @call(
        "resume_job",
        "moderation",
        "Let a paused or failed job go on where it stopped",
        {200: described.JobSerializer},
        parameters=[JOB],
        refusals=[*REFUSALS, 415],
        scope="moderate",
    )
    def post(self, request: Request, job_id: int) -> HttpResponse:
        job = jobs.resume(job_of(job_id, request.user))
        tasks.run_job.delay_on_commit(job.pk)
        return answer(as_data(job))
