"""
Long work in the background: a row with progress, resumable, pausable, cancellable. Nothing is lost with a worker.

A kind of job is a function that takes the :class:`~comments.models.Job` and yields after each step, having put where
to go on into ``job.memory``. Each step is kept with its progress; whoever takes the job up after a crash begins at the
last step that was kept, so a step has to be safe to do twice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.db import InterfaceError, OperationalError
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from comments.exceptions import Refused
from comments.models import Commenter, Job

logger = logging.getLogger(__name__)

CLAIM_SECONDS = 60
"""A job whose worker gave no sign for this long is taken up by another."""
MOST_ATTEMPTS = 5

Work = Callable[[Job], Iterator[None]]
_kinds: dict[str, Work] = {}
_needs: dict[str, str] = {}


def kind(name: str, *, needs: str = "change_policy") -> Callable[[Work], Work]:
    """Register the function that does jobs of this kind, and the desk's permission that looking after them needs."""

    def registered(work: Work) -> Work:
        _kinds[name], _needs[name] = work, needs
        return work

    return registered


def needs(job: Job) -> str:
    """Return the permission of the desk that looking at ``job``, and pausing or stopping it, needs."""
    return _needs.get(job.kind, "change_policy")


def begin(name: str, arguments: dict[str, Any], *, made_by: Commenter | None, subject: str = "", total: int = 0) -> Job:
    """Write down a job. The caller queues ``tasks.run_job`` after the commit; the sweeper finds it anyway."""
    return Job.objects.create(kind=name, arguments=arguments, subject=subject[:80], total=total, made_by=made_by)


def run(job_id: int, *, seconds: float = 3600) -> Job | None:
    """
    Do a job, or go on with it, for ``seconds`` at most. ``None`` when there is nothing to do here.

    Safe to call twice, or at once: one of them gets the job. When the database goes away in the middle, the error is
    raised and the job is left to whoever comes next.
    """
    now = timezone.now()
    free = Q(claimed_at__isnull=True) | Q(claimed_at__lt=now - timedelta(seconds=CLAIM_SECONDS))
    taken = Job.objects.filter(free, pk=job_id, state__in=[Job.State.WAITING, Job.State.RUNNING]).update(
        state=Job.State.RUNNING, claimed_at=now, attempts=F("attempts") + 1
    )
    if not taken:
        return None
    job = Job.objects.get(pk=job_id)
    if job.attempts > MOST_ATTEMPTS:
        return _finish(
            job,
            Job.State.FAILED,
            error=_("It was begun %(count)d times and never finished.") % {"count": job.attempts - 1},
        )
    job.started_at = job.started_at or now
    job.save(update_fields=["started_at"])
    work = _kinds.get(job.kind)
    if work is None:
        return _finish(job, Job.State.FAILED, error=_("This release does not know jobs of this kind."))
    try:
        return _work(job, work, time.monotonic() + seconds)
    except (OperationalError, InterfaceError):
        # The claim grows old by itself; asking the same database to take it back would fail as well.
        logger.exception("job %s (%s) lost its database", job.pk, job.kind)
        raise
    except BaseException:
        # Stopped from outside, with Ctrl-C or by a time limit: the next one need not wait for the claim to grow old.
        _ours(job).update(claimed_at=None)
        raise


def _work(job: Job, work: Work, until: float) -> Job:
    try:
        for _step in work(job):
            if not _keep(job):
                return job
            if time.monotonic() > until:
                _ours(job).update(claimed_at=None, attempts=0)
                return job
    except Refused as refused:
        return _finish(job, Job.State.FAILED, error=refused.detail)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("job %s (%s) failed", job.pk, job.kind)
        return _finish(job, Job.State.FAILED, error=type(error).__name__)
    return _finish(job, Job.State.DONE)


def _ours(job: Job) -> QuerySet[Job]:
    """Return the row as long as this process has it: a step that took too long may have lost it to another."""
    return Job.objects.filter(pk=job.pk, claimed_at=job.claimed_at)


def _keep(job: Job) -> bool:
    """
    Keep what the last step did, also when the job was paused or stopped meanwhile; say whether to go on.

    Whether it was paused or stopped is in the row, never in this process.
    """
    now = timezone.now()
    kept = _ours(job).update(done=job.done, total=job.total, memory=job.memory, claimed_at=now, attempts=1)
    if not kept:
        logger.warning("job %s (%s) was taken over; its last step here is not kept", job.pk, job.kind)
        job.refresh_from_db()
        return False
    job.claimed_at = now
    # Paused and resumed within one step: it waits for a worker, and here is one.
    _ours(job).filter(state=Job.State.WAITING).update(state=Job.State.RUNNING)
    if _ours(job).filter(state=Job.State.RUNNING).exists():
        return True
    _ours(job).update(claimed_at=None)
    job.refresh_from_db()
    return False


def _finish(job: Job, state: str, error: str = "") -> Job:
    """Write the end of the job down. What a failed step had half put into its memory is not kept."""
    facts: dict[str, Any] = {"state": state, "error": error[:300], "finished_at": timezone.now(), "claimed_at": None}
    if state == Job.State.DONE:
        facts |= {"done": job.done, "total": job.total, "memory": job.memory, "result": job.result}
    # Paused in its last step, it is done all the same; stopped for good, it stays so.
    over = _ours(job).exclude(state=Job.State.CANCELLED).update(**facts)
    if not over:
        _ours(job).update(claimed_at=None)
    job.refresh_from_db()
    return job


def pause(job: Job) -> Job:
    """Let whoever is on the job stop after the step it is in."""
    return _turn(job, [Job.State.WAITING, Job.State.RUNNING], Job.State.PAUSED)


def resume(job: Job) -> Job:
    """Let a paused or failed job go on where it stopped. The caller queues ``tasks.run_job``."""
    Job.objects.filter(pk=job.pk, state__in=[Job.State.PAUSED, Job.State.FAILED]).update(attempts=0, error="")
    return _turn(job, [Job.State.PAUSED, Job.State.FAILED], Job.State.WAITING)


def cancel(job: Job) -> Job:
    """Stop a job for good. What it has done stays done."""
    return _turn(job, [Job.State.WAITING, Job.State.RUNNING, Job.State.PAUSED], Job.State.CANCELLED)


def _turn(job: Job, before: list[Job.State], after: Job.State) -> Job:
    over = timezone.now() if after == Job.State.CANCELLED else None
    if not Job.objects.filter(pk=job.pk, state__in=before).update(state=after, finished_at=over):
        job.refresh_from_db()
        raise Refused(
            "job_moved_on",
            _("This job is “%(state)s” now.") % {"state": job.get_state_display()},
            status=409,
        )
    job.refresh_from_db()
    return job


def due() -> list[int]:
    """Return the jobs that no worker is on."""
    now = timezone.now()
    free = Q(claimed_at__isnull=True, created_at__lt=now - timedelta(seconds=10)) | Q(
        claimed_at__lt=now - timedelta(seconds=CLAIM_SECONDS)
    )
    waiting = Job.objects.filter(free, state__in=[Job.State.WAITING, Job.State.RUNNING])
    return list(waiting.order_by("created_at").values_list("pk", flat=True)[:20])
