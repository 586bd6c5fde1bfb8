"""Celery's door for answers that go out by mail."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from comments.issues import mail
from comments.tasks import Hint


@shared_task(base=Hint, name="comments.issues.tasks.send_answer")
def send_answer(message_id: int, **_later: Any) -> None:
    """Mail one answer, once."""
    mail.send(message_id)


@shared_task(base=Hint, name="comments.issues.tasks.send_answers")
def send_answers(**_later: Any) -> None:
    """Write the mails of answers that have none, and say on the receipts which came back."""
    for message_id in mail.due():
        mail.send(message_id)
    mail.tell_of_failures()
