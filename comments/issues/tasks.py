"""Celery's door to what the issue desk does by the clock."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from comments.issues import failures, mail
from comments.tasks import Hint


@shared_task(base=Hint, name="comments.issues.tasks.send_answers")
def send_answers(**_later: Any) -> None:
    """Write the mails of answers that have none, and say on the receipts which came back."""
    for message_id in mail.due():
        mail.send(message_id)
    mail.tell_of_failures()


@shared_task(base=Hint, name="comments.issues.tasks.keep_house")
def keep_house(**_later: Any) -> None:
    """Close reports whose readers say nothing more, and forget what may no longer be kept."""
    from comments import issues  # which imports this module

    issues.close_quiet()
    issues.forget()
    failures.forget()


@shared_task(base=Hint, name="comments.issues.tasks.look_for_incidents")
def look_for_incidents(**_later: Any) -> None:
    """Join the reports that were missed, and propose an incident where counts are too high to be chance."""
    from comments.issues import grouping, incidents

    grouping.join_missed()
    incidents.look()


@shared_task(base=Hint, name="comments.issues.tasks.look_for_leaks")
def look_for_leaks(**_later: Any) -> None:
    """Propose what has risen slowly."""
    from comments.issues import incidents

    incidents.leaks()
