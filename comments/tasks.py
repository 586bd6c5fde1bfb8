"""
Celery's door. A task takes ids, calls one verb, and may run twice.

The database row is the record of what has to be done; a message is only a hint that makes it fast. So publishing is
tried once, for half a second at most, and a message that never arrives is made good by :func:`sweep`.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta
from functools import partial
from typing import Any

from celery import shared_task
from celery.contrib.django.task import DjangoTask
from django.db import close_old_connections, connection, transaction
from django.dispatch import receiver
from django.utils import timezone

from comments import (
    assignments,
    digests,
    discussions,
    jobs,
    moderation,
    outbox,
    privacy,
    proof,
    signals,
    sso,
    thresholds,
)
from comments import rescreening as rescreening  # so that a worker knows this kind of job
from comments.breaker import Breaker
from comments.learning import auto_approval, lessons, online, refit
from comments.models import Commenter, Decider, Decision, Job
from comments.pace import Pace
from comments.privacy import downloads, erasing
from comments.screening.rules import repeats

logger = logging.getLogger(__name__)
broker = Breaker(failures=2, seconds=10)

BEHIND = timedelta(seconds=1)
"""A message that is this late has others waiting behind it."""

AT_ONCE = 20
"""
Messages about new texts that one process publishes in a second. One message stands for what is posted beyond that: the
rows wait in the database, and whoever screens many takes them from there.
"""

TOGETHER_SECONDS = 10.0
"""How long one message goes on with what waits before the next message has its turn."""


CHECK_AFTER = 1.0
"""Seconds after which a connection to the database is asked whether it still answers."""

_seen = threading.local()


class Hint(DjangoTask[Any, Any]):
    """A task whose message may be lost, and whose publishing never fails or holds up the request."""

    abstract = True

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        """
        Begin on a database connection that answers, whatever happened to the one before.

        One that worked a moment ago is taken to work still: messages of a long queue have little else to ask.
        """
        if connection.errors_occurred or time.monotonic() - getattr(_seen, "at", -CHECK_AFTER) >= CHECK_AFTER:
            close_old_connections()
            _seen.at = time.monotonic()

    def delay_on_commit(self, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Publish after the commit. Skipped while the broker does not answer."""
        transaction.on_commit(partial(self._publish, args, kwargs), robust=True)

    def _publish(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not broker.allows():
            return
        try:
            self.apply_async(args, kwargs, retry=False)
        except Exception as error:
            broker.failed()
            logger.warning("%s%s was not queued (%s); the sweeper will find it", self.name, args, type(error).__name__)
        else:
            broker.succeeded()


class ScreenHint(Hint):
    """A hint that a text waits. Under a story that breaks, one hint for many."""

    abstract = True

    def _publish(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if _pace.allows():
            super()._publish(args, kwargs)


@shared_task(base=ScreenHint, name="comments.tasks.screen_comment")
def screen_comment(comment_id: int, version: int, **_later: Any) -> None:
    """
    Screen one version of one comment, with others when the queue has grown long. Unknown arguments are ignored.

    Every message finds its own comment screened, or screens it: whether others came first makes no difference.
    """
    late = moderation.is_late(comment_id, version, timezone.now() - BEHIND)
    if late:
        screen_waiting()
        late = moderation.is_late(comment_id, version, timezone.now() - BEHIND)
    if late is not None:
        moderation.screen(comment_id, version)


@shared_task(base=Hint, name="comments.tasks.screen_waiting")
def screen_waiting(**_later: Any) -> None:
    """Screen what waits, together, the oldest first, until nothing does or others have to have their turn."""
    until = time.monotonic() + TOGETHER_SECONDS
    while moderation.screen_waiting() and time.monotonic() < until:
        pass


# By then everything it stands for has been committed; a thread of its own needs no connection to the database.
_pace = Pace(AT_ONCE, lambda: screen_waiting._publish((), {}), seconds=0.5)


@shared_task(base=Hint, name="comments.tasks.sweep")
def sweep(**_later: Any) -> None:
    """Find what no message reached, and do it."""
    swept(limit=500, seconds=10)


@shared_task(base=Hint, name="comments.tasks.run_job", soft_time_limit=900, time_limit=960)
def run_job(job_id: int, **_later: Any) -> None:
    """Do a job, or go on with it: ten minutes at most, then the next worker's turn."""
    job = jobs.run(job_id, seconds=600)
    if job is not None and job.state == Job.State.RUNNING and job.claimed_at is None:
        run_job.delay_on_commit(job_id)


@receiver(signals.job_begun)
def begin_at_once(job_id: int, **_more: Any) -> None:
    run_job.delay_on_commit(job_id)


@shared_task(base=Hint, name="comments.tasks.run_due_jobs", soft_time_limit=900, time_limit=960)
def run_due_jobs(**_later: Any) -> None:
    """Take up the jobs that no message reached, or whose worker died."""
    for job_id in jobs.due():
        jobs.run(job_id, seconds=60)


@shared_task(base=Hint, name="comments.tasks.send_delivery")
def send_delivery(delivery_id: int, **_later: Any) -> None:
    """Send one mail or one message to another program, once."""
    outbox.send(delivery_id)


@receiver(signals.delivery_written)
def send_at_once(delivery_id: int, **_more: Any) -> None:
    send_delivery.delay_on_commit(delivery_id)


@shared_task(base=Hint, name="comments.tasks.send_deliveries")
def send_deliveries(**_later: Any) -> None:
    """Send what no message reached, and what failed before."""
    for delivery_id in outbox.due():
        outbox.send(delivery_id)


@shared_task(base=Hint, name="comments.tasks.forget_deliveries")
def forget_deliveries(**_later: Any) -> None:
    """Forget the words of what was sent long ago."""
    outbox.forget()


@shared_task(base=Hint, name="comments.tasks.mail_digests")
def mail_digests(**_later: Any) -> None:
    """Tell editors who wish it what has waited for them."""
    digests.send()


@shared_task(base=Hint, name="comments.tasks.erase_due", soft_time_limit=900, time_limit=960)
def erase_due(**_later: Any) -> None:
    """Forget the people who asked for it and whose time has come, and go on where somebody stopped."""
    for person in Commenter.objects.filter(pk__in=privacy.due()):
        try:
            privacy.erase(person, seconds=240)
        except Exception:
            logger.exception("person %s was not forgotten; the next round tries again", person.pk)
    erasing.forget_former_addresses()


@shared_task(base=Hint, name="comments.tasks.forget_downloads")
def forget_downloads(**_later: Any) -> None:
    """Delete downloads of personal data that are over."""
    downloads.forget()


@shared_task(base=Hint, name="comments.tasks.close_assignments")
def close_assignments(**_later: Any) -> None:
    """Close the assignments of comments that were decided while nobody listened."""
    assignments.close_decided()


@shared_task(base=Hint, name="comments.tasks.reconcile_counts")
def reconcile_counts(**_later: Any) -> None:
    """Compare counters with rows, log what differs and put it right."""
    for difference in discussions.reconcile(repair=True):
        logger.error("count drifted: %s", difference)


# --- Learning: hop 8, after an editor has decided ---------------------------------------------------------------------


def on_decided(decision: Decision, **_signal: Any) -> None:
    """
    Queue what an editor's decision teaches. Listens to ``signals.comment_decided``, after the commit.

    Decisions in bulk come by the hundred; :func:`learn` finds them.
    """
    if decision.bulk_id is None and decision.decider == Decider.EDITOR and decision.verdict in ("publish", "reject"):
        learn_from.delay_on_commit(decision.pk)


@shared_task(base=Hint, name="comments.tasks.learn_from")
def learn_from(decision_id: int, **_later: Any) -> None:
    """Write one decision down as a lesson and learn it, unless the model has learnt a moment ago."""
    if lessons.write([decision_id]):
        lessons.tell_scorers([decision_id])
    online.learn(patient=True)


@shared_task(base=Hint, name="comments.tasks.learn")
def learn(**_later: Any) -> None:
    """Find the decisions no message reached, and learn what waits."""
    missed = lessons.unwritten()
    if lessons.write(missed):
        lessons.tell_scorers(missed)
    online.learn()


@shared_task(base=Hint, name="comments.tasks.refit_model")
def refit_model(**_later: Any) -> None:
    """Begin the nightly refit."""
    if (job := refit.nightly()) is not None:
        run_job.delay_on_commit(job.pk)


@shared_task(base=Hint, name="comments.tasks.watch_auto_approval")
def watch_auto_approval(**_later: Any) -> None:
    """Switch approval by score off where it may not go on."""
    auto_approval.watch()


@shared_task(base=Hint, name="comments.tasks.forget_fingerprints")
def forget_fingerprints(**_later: Any) -> None:
    """Forget what texts had in common once no rule asks for it any more."""
    days = thresholds.of(None, exact=True).campaign_days
    repeats.forget_fingerprints(timezone.now() - timedelta(days=days))


@shared_task(base=Hint, name="comments.tasks.forget_proofs")
def forget_proofs(**_later: Any) -> None:
    """Forget what is good once, when it could not be handed in again anyway, and sessions that are over."""
    proof.forget()
    sso.forget()


def swept(*, limit: int = 500, seconds: float = 60) -> int:
    """
    Screen, here and now, up to ``limit`` texts that no worker is on; return how many were decided.

    Needs no broker and no Celery. Two at once are harmless. Stops after ``seconds``.
    """
    until = time.monotonic() + seconds
    done = 0
    for revision in moderation.unscreened()[:limit]:
        if time.monotonic() > until:
            break
        try:
            done += moderation.screen(revision.comment_id, revision.comment.version) is not None
        except Exception:
            logger.exception("sweeping comment %s failed", revision.comment_id)
    return done
