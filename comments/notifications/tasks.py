"""Celery's door to what people are told, and what listens to decisions, picks and rulings, after their commit."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from comments.models import Appeal, Comment, Decision
from comments.notifications import mails, telling
from comments.tasks import Hint


def on_decided(decision: Decision, together: bool = False, **_signal: Any) -> None:
    """Queue the telling of one decision. Listens to ``signals.comment_decided``; asks the database nothing."""
    if not together and telling.concerns_somebody(decision):
        tell.delay_on_commit(decision.pk)


def on_many_decided(decisions: list[Decision], **_signal: Any) -> None:
    """Do the same for what was decided together, in one message. Listens to ``signals.comments_decided``."""
    concerned = [decision.pk for decision in decisions if telling.concerns_somebody(decision)]
    if concerned:
        tell_many.delay_on_commit(concerned)


def on_featured(comment: Comment, **_signal: Any) -> None:
    """Queue the telling of an editors' pick. Listens to ``signals.comment_featured``."""
    tell_of_pick.delay_on_commit(comment.pk)


def on_ruled(appeal: Appeal, **_signal: Any) -> None:
    """Queue the telling of a ruling. Listens to ``signals.appeal_ruled``."""
    tell_of_ruling.delay_on_commit(appeal.pk)


@shared_task(base=Hint, name="comments.notifications.tasks.tell")
def tell(decision_id: int, **_later: Any) -> None:
    """Tell everyone whom one decision concerns."""
    telling.tell(decision_id)
    mails.write_due()


@shared_task(base=Hint, name="comments.notifications.tasks.tell_many")
def tell_many(decision_ids: list[int], **_later: Any) -> None:
    """Tell everyone whom decisions concern that were made together."""
    telling.tell_together(decision_ids)
    mails.write_due()


@shared_task(base=Hint, name="comments.notifications.tasks.tell_of_pick")
def tell_of_pick(comment_id: int, **_later: Any) -> None:
    """Tell an author that their comment was chosen."""
    telling.tell_of_pick(comment_id)
    mails.write_due()


@shared_task(base=Hint, name="comments.notifications.tasks.tell_of_ruling")
def tell_of_ruling(appeal_id: int, **_later: Any) -> None:
    """Tell who appealed what came of it."""
    telling.tell_of_ruling(appeal_id)


@shared_task(base=Hint, name="comments.notifications.tasks.catch_up")
def catch_up(**_later: Any) -> None:
    """Tell of what no message reached."""
    telling.tell_together(telling.unheard())
    picks, rulings = telling.unheard_picks_and_rulings()
    for comment_id in picks:
        telling.tell_of_pick(comment_id)
    for appeal_id in rulings:
        telling.tell_of_ruling(appeal_id)


@shared_task(base=Hint, name="comments.notifications.tasks.write_mails")
def write_mails(**_later: Any) -> None:
    """Write the mails whose time has come into the outbox."""
    mails.write_due()


@shared_task(base=Hint, name="comments.notifications.tasks.forget_notices")
def forget_notices(**_later: Any) -> None:
    """Delete what was told long ago."""
    telling.forget()
