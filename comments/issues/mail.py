"""
Mail to who reported: one for each event, with the answer in its first line. Written with the event, sent after it.

The row of the outbox is the queue: see :mod:`comments.outbox`. Nothing of the reader's but the address gets into a
header, and that one is checked and set by the mail library.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from comments import conf, outbox
from comments.models import Delivery, IssueMessage, IssueReport

SOON = timedelta(seconds=60)
"""An answer gets its mail with itself; one that has none after so long is looked for."""
GIVE_UP = timedelta(days=1)
"""An answer that could not be mailed for this long stays on the receipt alone."""
KEY = "issue:"
TOLD = "told"
_domain = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")


def subject(report: IssueReport, event: str) -> str:
    """Return a subject of our own words and the number, nothing else."""
    facts = {"number": report.number}
    match event:
        case "question":
            return _("Your report %(number)s: a question") % facts
        case "solved":
            return _("Your report %(number)s: solved") % facts
        case "closed":
            return _("Your report %(number)s: closed") % facts
        case "over":
            return _("Your report %(number)s: it works again") % facts
        case _answered:
            return _("Your report %(number)s: answered") % facts


def write(message: IssueMessage, event: str = "answered") -> bool:
    """Write down the mail about ``message``, in the caller's transaction; say whether there is one. Twice is once."""
    report = message.report
    if not is_reachable(report.email):
        return False
    with translation.override(_language(report)):
        about = subject(report, event)
        token = report.token
        link = outbox.absolute(reverse("comments:issue_receipt", args=[token])) if token else ""
        facts: dict[str, Any] = {
            "text": message.text,
            "signed": message.signed_as or _("The comments desk"),
            "link": link,
        }
        facts |= {"subject": about, "asks": message.asks, "is_answer": message.sender == IssueMessage.Sender.NEWSROOM}
        written = outbox.mail(
            f"{KEY}{message.pk}",
            report.email,
            about,
            render_to_string("comments/mail/issue.txt", facts).strip() + "\n",
            html=render_to_string("comments/mail/issue.html", facts),
            headers={"Reply-To": reply} if (reply := reply_address(report)) else {},
        )
    if written is not None:
        IssueMessage.objects.filter(pk=message.pk, mailed_at=None).update(mailed_at=timezone.now())
    return written is not None


def _language(report: IssueReport) -> str:
    """Return the language to write in: the reader's, if the site speaks it."""
    try:
        return translation.get_supported_language_variant(report.language or "")
    except LookupError:
        return translation.get_language() or "en"


def reply_address(report: IssueReport) -> str:
    """Return where an answer to the mail goes; "" without ``ISSUE_REPLY_DOMAIN`` or a private link."""
    domain = conf.get().issue_reply_domain
    token = report.token
    return f"issues+{token}@{domain}" if token and _domain.fullmatch(domain) else ""


def send(message_id: int) -> bool:
    """Write down the mail of an answer that has none, and say whether there is one now."""
    with transaction.atomic():
        waiting = IssueMessage.objects.select_for_update(of=("self",)).select_related("report")
        message = waiting.filter(pk=message_id, sender=IssueMessage.Sender.NEWSROOM, mailed_at=None).first()
        return message is not None and write(message, "question" if message.asks else "answered")


def is_reachable(address: str) -> bool:
    """Say whether ``address`` is one that mail can be sent to. What only looks like one never gets into a header."""
    try:
        validate_email(address)
    except ValidationError:
        return False
    return True


def due(limit: int = 100) -> list[int]:
    """Return the answers that should have a mail and have none, oldest first."""
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


def tell_of_failures(limit: int = 100) -> int:
    """Say on the receipts that a mail came back, once for each; return of how many."""
    failed = Delivery.objects.filter(key__startswith=KEY, state=Delivery.State.FAILED).exclude(error=TOLD)
    done = 0
    for pk, key in list(failed.order_by("pk").values_list("pk", "key")[:limit]):
        with transaction.atomic():
            if not Delivery.objects.filter(pk=pk).exclude(error=TOLD).update(error=TOLD):
                continue
            message = IssueMessage.objects.select_related("report").filter(pk=int(key.removeprefix(KEY))).first()
            if message is not None:
                said = _("Our mail to the address you gave did not get through. The answer stands here.")
                IssueMessage.objects.create(report=message.report, sender=IssueMessage.Sender.SYSTEM, text=said)
                done += 1
    return done
