"""Celery's door for answers that go out by mail."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from comments.issues import failures, mail
from comments.tasks import Hint


@shared_task(base=Hint, name="comments.issues.tasks.send_answer")
def send_answer(message_id: int, **_later: Any) -> None:
    """Mail one answer, once."""
    mail.send(message_id)


@shared_task(base=Hint, name="comments.issues.tasks.send_answers")
def send_answers(**_later: Any) -> None:
    """Mail the answers that no message reached."""
    for message_id in mail.due():
        mail.send(message_id)


@shared_task(base=Hint, name="comments.issues.tasks.keep_house")
def keep_house(**_later: Any) -> None:
    """Close reports whose readers say nothing more, and forget what may no longer be kept."""
    from comments import issues  # which imports this module

    issues.close_quiet()
    issues.forget()
    failures.forget()
