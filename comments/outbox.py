"""
What leaves the site: mails, and messages to other programs. A row written with what it tells about, sent after it.

Mail is sent at most once for each claim and tried again only when the server took nothing; a webhook is sent at least
once and carries its key, so that whoever receives it can tell that it came before.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from datetime import datetime, timedelta
from smtplib import SMTPRecipientsRefused
from typing import Any

from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from comments import conf, signals
from comments.models import Delivery
from comments.screening.scorers import ScorerFailed
from comments.screening.scorers.outside import call

logger = logging.getLogger(__name__)

CLAIM = timedelta(minutes=2)
"""A delivery that was begun and not finished is taken up again after this long."""
WAITS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=12))
"""How long to wait after each failure; after the last one it is given up and kept."""
KEPT = timedelta(days=14)
"""So long the words of what was sent can be looked up; they quote people, and mails hold links that decide."""
WEBHOOK_MILLISECONDS = 5_000


def absolute(path: str) -> str:
    """Return ``path``, as ``reverse`` makes it, with the site's address before it; "" when ``SITE_URL`` is not set."""
    site = conf.get().site_url.rstrip("/")
    return f"{site}{path}" if site else ""


def no_link() -> str:
    """Return the sentence that stands in a mail where a link would stand, while ``SITE_URL`` is not set."""
    return _("(There is no link here: the site's own address is not set up. See SITE_URL.)")


def quoted(words: str) -> str:
    """Return what a person wrote for a plain mail: each line behind a "> ", so that none passes for ours."""
    return "\n".join(f"> {line}" for line in words.replace("\x00", "").splitlines() or [""])


def mail(
    key: str,
    to: str,
    subject: str,
    text: str,
    *,
    html: str = "",
    headers: dict[str, str] | None = None,
    not_before: datetime | None = None,
) -> Delivery | None:
    """
    Write down a mail, in the caller's transaction. ``key`` names what it tells: the same again is written once.

    ``None`` when ``to`` is not an address that mail can be sent to. Until ``not_before`` it can be taken back.
    """
    try:
        validate_email(to)
    except ValidationError:
        return None
    subject = " ".join(subject.split())[:200]
    facts: dict[str, Any] = {"subject": subject, "text": text, "html": html, "headers": headers or {}}
    if not_before is not None:
        facts["next_at"] = not_before
    return _write(Delivery.Way.MAIL, key, to=to, **facts)


def take_back(keys: list[str]) -> bool:
    """Let deliveries that nobody has begun to send never leave; say whether there was one."""
    waiting = Delivery.objects.filter(key__in=[key[:120] for key in keys], state=Delivery.State.WAITING, attempts=0)
    return bool(waiting.update(state=Delivery.State.FAILED, error="taken back"))


def webhook(key: str, url: str, body: str, *, secret: str = "") -> Delivery:
    """
    Write down a message to another program: ``body`` is JSON, signed with ``secret`` if there is one.

    Raise ``ValueError`` for an address that does not fit.
    """
    if len(url) > 500:
        raise ValueError("an address has up to 500 characters")
    headers = {"X-Comments-Key": key}
    if secret:
        signed = hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
        headers["X-Comments-Signature"] = f"sha256={signed}"
    return _write(Delivery.Way.WEBHOOK, key, to=url, text=body, headers=headers)


def _write(way: str, key: str, **fields: Any) -> Delivery:
    delivery, made = Delivery.objects.get_or_create(key=key[:120], defaults={"way": way, **fields})
    if made:
        transaction.on_commit(lambda: signals.delivery_written.send_robust(Delivery, delivery_id=delivery.pk))
    return delivery


def send(delivery_id: int) -> bool:
    """Send one delivery and say whether it left. Two at once: one of them gets it."""
    now = timezone.now()
    waiting = Delivery.objects.filter(pk=delivery_id, state=Delivery.State.WAITING, next_at__lte=now)
    if not waiting.update(next_at=now + CLAIM, attempts=F("attempts") + 1):
        return False
    delivery = Delivery.objects.get(pk=delivery_id)
    if delivery.attempts > len(WAITS) + 1:
        # Begun so often and never failed: whoever sends it dies of it.
        return _failed(delivery, RuntimeError("never finished"), for_good=True)
    try:
        (_send_mail if delivery.way == Delivery.Way.MAIL else _send_webhook)(delivery)
    except (SMTPRecipientsRefused, ValueError) as error:
        # No such address, or a header that cannot be one: the next time would be the same.
        return _failed(delivery, error, for_good=True)
    except Exception as error:
        return _failed(delivery, error)
    Delivery.objects.filter(pk=delivery.pk).update(state=Delivery.State.SENT, sent_at=timezone.now(), error="")
    return True


def _failed(delivery: Delivery, error: Exception, *, for_good: bool = False) -> bool:
    # What a scorer's guard says is a code of ours; other errors may hold an address, so their name must do.
    name = f"{type(error).__name__}: {error}"[:200] if isinstance(error, ScorerFailed) else type(error).__name__
    logger.warning("delivery %s failed (%s)", delivery.pk, name)
    over = for_good or delivery.attempts > len(WAITS)
    facts: dict[str, Any] = {"error": name}
    if over:
        facts["state"] = Delivery.State.FAILED
    else:
        facts["next_at"] = timezone.now() + WAITS[delivery.attempts - 1]
    Delivery.objects.filter(pk=delivery.pk).update(**facts)
    return False


def _send_mail(delivery: Delivery) -> None:
    message = EmailMultiAlternatives(delivery.subject, delivery.text, None, [delivery.to], headers=delivery.headers)
    if delivery.html:
        message.attach_alternative(delivery.html, "text/html")
    message.send()


def _send_webhook(delivery: Delivery) -> None:
    call(
        delivery.to,
        delivery.text.encode(),
        headers={"Content-Type": "application/json", **delivery.headers},
        milliseconds=WEBHOOK_MILLISECONDS,
        allow_private=conf.get().allow_private_scorers,
    )


def forget(limit: int = 5_000) -> int:
    """
    Forget the words of what left, or was given up, :data:`KEPT` ago; return of how many.

    The row stays, so that nothing is told twice.
    """
    old = Delivery.objects.filter(created_at__lt=timezone.now() - KEPT).exclude(state=Delivery.State.WAITING)
    rows = list(old.exclude(text="").order_by("created_at").values_list("pk", flat=True)[:limit])
    return Delivery.objects.filter(pk__in=rows).update(text="", html="", subject="", headers={})


def due(limit: int = 200) -> list[int]:
    """Return the deliveries that should have left, oldest first."""
    waiting = Delivery.objects.filter(state=Delivery.State.WAITING, next_at__lte=timezone.now())
    return list(waiting.order_by("next_at").values_list("pk", flat=True)[:limit])
