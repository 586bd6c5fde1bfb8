"""Verbs about what one person is told of, and how: :func:`change`, :func:`unsubscribe`, :func:`forget`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from comments import conf, outbox
from comments.exceptions import Refused
from comments.models import Commenter, Follow, Notification, NotificationPreference

Kind = Notification.Kind
Mail = NotificationPreference.Mail

MAILABLE = (Kind.REPLY, Kind.MENTION, Kind.FOLLOWED, Kind.DECISION, Kind.PICK)
"""Kinds that can come by mail. The outcome of an appeal always does, as a letter: see :mod:`comments.letters`."""
SALT = "comments.unsubscribe"


def of(person: Commenter) -> NotificationPreference:
    """Return what ``person`` wishes; until they said so, the defaults, unsaved. One query."""
    found = NotificationPreference.objects.filter(person=person).first()
    return found or NotificationPreference(person=person)


def change(
    person: Commenter,
    *,
    mail: str | None = None,
    off: Collection[str] | None = None,
    mailed_kinds: Collection[str] | None = None,
    follows_own: bool | None = None,
) -> NotificationPreference:
    """
    Write down what ``person`` wishes; what is ``None`` stays as it is. Raise ``Refused`` for a kind that there is not.

    Who wishes no mail gets none from this moment on, whatever waited.
    """
    if mail is not None and mail not in Mail.values:
        raise Refused("unknown_pace", _("Choose: at once, hourly, daily or never."))
    _require_known(off, Kind.values)
    _require_known(mailed_kinds, [kind.value for kind in MAILABLE])
    with transaction.atomic():
        NotificationPreference.objects.get_or_create(person=person)
        current = NotificationPreference.objects.select_for_update().get(person=person)
        if off is not None:
            current.off = [kind for kind in Kind.values if kind in off]
        if mailed_kinds is not None:
            current.mailed_kinds = [kind.value for kind in MAILABLE if kind in mailed_kinds]
        if follows_own is not None:
            current.follows_own = follows_own
        if mail is not None:
            current.mail = mail
        waiting = Notification.objects.filter(person=person, by_mail=True)
        if current.mail == Mail.NEVER:
            waiting.update(by_mail=False)
        else:
            waiting.exclude(kind__in=wanted_by_mail(current)).update(by_mail=False)
        current.mail_due_at = due_at(current.mail, timezone.now()) if waiting.exists() else None
        current.save()
    return current


def _require_known(kinds: Collection[str] | None, known: Collection[str]) -> None:
    if kinds is not None and (unknown := sorted(set(kinds) - set(known))):
        raise Refused("unknown_kind", _("There are no notices of this kind: %(kind)s.") % {"kind": unknown[0][:40]})


def wanted_by_mail(wishes: NotificationPreference) -> list[str]:
    """Return the kinds that come to this person by mail."""
    if wishes.mail == Mail.NEVER:
        return []
    return [kind for kind in wishes.mailed_kinds if kind not in wishes.off]


def due_at(pace: str, now: datetime) -> datetime | None:
    """Return when a mail leaves that has something to tell since ``now``: at once, in an hour, tomorrow morning."""
    if pace == Mail.INSTANT:
        return now
    if pace == Mail.HOURLY:
        return now + timedelta(hours=1)
    if pace == Mail.DAILY:
        hour = min(conf.get().daily_mail_hour, 23)
        local = timezone.localtime(now, timezone.get_default_timezone())
        morning = local.replace(hour=hour, minute=0, second=0, microsecond=0)
        return morning if morning > local else morning + timedelta(days=1)
    return None


# --- Unsubscribing: RFC 8058 ------------------------------------------------------------------------------------------


def token_of(person: Commenter) -> str:
    """Return what lets whoever holds it stop the mail to ``person``, and nothing else. Good for ever."""
    return signing.Signer(salt=SALT, sep=".").sign(str(person.pk))


def address(person: Commenter) -> str:
    """Return the whole address of the page that stops the mail, or "" while ``SITE_URL`` is not set."""
    return outbox.absolute(reverse("comments:unsubscribe", args=[token_of(person)]))


def require_known(token: str) -> int:
    """Return whose ``token`` it is; raise ``Refused`` (404) for one that is not ours. No query."""
    try:
        number = signing.Signer(salt=SALT, sep=".").unsign(token)
    except signing.BadSignature:
        raise Refused(
            "unknown_token", _("This link is not complete. Copy all of it from the mail."), status=404
        ) from None
    return int(number)


def unsubscribe(token: str) -> None:
    """Let no more notices go by mail to whom ``token`` belongs. Twice is once. Raise ``Refused`` (404) as above."""
    number = require_known(token)
    with transaction.atomic():
        if not Commenter.objects.filter(pk=number).exists():
            return
        stopped = {"mail": Mail.NEVER, "mail_due_at": None}
        NotificationPreference.objects.update_or_create(person_id=number, defaults=stopped)
        Notification.objects.filter(person_id=number, by_mail=True).update(by_mail=False)


def forget(person: Commenter) -> None:
    """
    Delete what ``person`` was told, wished and followed: part of erasing them.

    What others were told of them names them by their row, which erasing empties.
    """
    for rows in (Notification, NotificationPreference, Follow):
        manager: Any = rows.objects
        manager.filter(person=person).delete()
