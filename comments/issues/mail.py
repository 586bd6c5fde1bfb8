"""An answer to an issue report, by mail. The row is the queue: what was not mailed is found by :func:`due`."""

from __future__ import annotations

import logging
from datetime import timedelta
from smtplib import SMTPRecipientsRefused

from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.utils import timezone
from django.utils.translation import gettext as _

from comments.models import IssueMessage

logger = logging.getLogger(__name__)

SOON = timedelta(seconds=60)
"""A message that Celery was told of gets this long before it is looked for."""
GIVE_UP = timedelta(days=1)
"""An answer that could not be mailed for this long stays on the receipt alone."""


def send(message_id: int) -> bool:
    """
    Mail one answer to who reported, and say whether it left.

    The row is claimed first, so two workers never mail it twice. When the mail server fails the claim is given back and
    it is tried again; when it refuses the address, the receipt says so.
    """
    waiting = IssueMessage.objects.filter(pk=message_id, sender=IssueMessage.Sender.NEWSROOM, mailed_at=None)
    if not waiting.update(mailed_at=timezone.now()):
        return False
    message = IssueMessage.objects.select_related("report").get(pk=message_id)
    report = message.report
    if not is_reachable(report.email):
        return False
    # The only thing of the reader's in a header is the address, and that one is set by the mail library.
    subject = _("Your report %(number)s: the newsroom answered") % {"number": report.number}
    closing = _("You can answer on your private page: the address you were shown when you sent the report.")
    try:
        send_mail(subject, f"{message.text}\n\n-- \n{closing}\n", None, [report.email])
    except (SMTPRecipientsRefused, ValueError) as error:
        logger.warning("answer %s: the address was refused (%s)", message_id, type(error).__name__)
        IssueMessage.objects.create(
            report=report,
            sender=IssueMessage.Sender.SYSTEM,
            text=_("Our mail to the address you gave did not get through. The answer stands here."),
        )
        return False
    except Exception as error:
        logger.warning("answer %s was not mailed (%s); it is tried again", message_id, type(error).__name__)
        IssueMessage.objects.filter(pk=message_id).update(mailed_at=None)
        return False
    return True


def is_reachable(address: str) -> bool:
    """Say whether ``address`` is one that mail can be sent to. What only looks like one never gets into a header."""
    try:
        validate_email(address)
    except ValidationError:
        return False
    return True


def due(limit: int = 100) -> list[int]:
    """Return the answers that should have left by mail and did not, oldest first."""
    now = timezone.now()
    return list(
        IssueMessage.objects.filter(
            sender=IssueMessage.Sender.NEWSROOM,
            mailed_at=None,
            created_at__gt=now - GIVE_UP,
            created_at__lt=now - SOON,
        )
        .exclude(report__email="")
        .order_by("id")
        .values_list("pk", flat=True)[:limit]
    )
