"""
Notices by mail: at once, hourly or daily, written into the outbox in the transaction that claims them.

A person's row of wishes is locked, what waits is marked as mailed, and one delivery is written: two workers write one
mail. What was read on the page meanwhile, or is no longer shown, is left out; a flood becomes one mail with a number.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from comments import compliance, conf, digests, letters, outbox
from comments.models import Commenter, Delivery, Notification, NotificationPreference, Status
from comments.notifications import choices, reading
from comments.notifications.reading import Notice

logger = logging.getLogger(__name__)

Kind = Notification.Kind
Mail = NotificationPreference.Mail

LISTED = 20
"""Notices in one mail; the others are counted."""
QUOTED = 300
"""Characters of each comment in a mail."""


def write_due(limit: int = 500) -> int:
    """Write a mail to everyone for whom it is time; return how many were written."""
    now = timezone.now()
    due = NotificationPreference.objects.filter(mail_due_at__lte=now).order_by("mail_due_at")
    written = 0
    for person_id in list(due.values_list("person", flat=True)[:limit]):
        try:
            written += write(person_id) is not None
        except Exception:
            logger.exception("writing the notices of person %s failed", person_id)
    return written


@transaction.atomic
def write(person_id: int) -> Delivery | None:
    """Write one mail with all that waits for ``person_id``, if it is time. Safe to do twice, or at once."""
    now = timezone.now()
    rows = NotificationPreference.objects.filter(person=person_id, mail_due_at__lte=now)
    wishes = rows.select_for_update().first()
    if wishes is None:
        return None
    most = conf.get().notice_mails_per_hour
    if most and wishes.mailed_at is not None:
        # So that no hour ever has more than so many mails: what comes meanwhile is told with the next one.
        earliest = wishes.mailed_at + timedelta(hours=1) / most
        if earliest > now:
            NotificationPreference.objects.filter(pk=wishes.pk).update(mail_due_at=earliest)
            return None
    waiting = Notification.objects.filter(person=person_id, by_mail=True)
    highest = waiting.order_by("-id").values_list("pk", flat=True).first()
    person = Commenter.objects.select_related("user").get(pk=person_id)
    to = "" if person.erased_at else letters.address_of(person)
    written = None
    if highest is not None and to and most and wishes.mail != Mail.NEVER:
        shown = waiting.filter(Q(comment__status=Status.PUBLISHED), read_at=None)
        with translation.override(compliance.language_of(person)):
            listed = reading.in_words(shown.order_by("-id")[:LISTED], QUOTED)
            total = shown.count() if len(listed) == LISTED else len(listed)
            if listed:
                written = _mail(person, to, highest, listed, total)
    if highest is not None:
        waiting.filter(pk__lte=highest).update(by_mail=False, mailed_at=now if written else None)
    wishes.mail_due_at = None
    if written:
        wishes.mailed_at = now
    NotificationPreference.objects.filter(pk=wishes.pk).update(
        mail_due_at=wishes.mail_due_at, mailed_at=wishes.mailed_at
    )
    return written


def _mail(person: Commenter, to: str, highest: int, listed: list[Notice], total: int) -> Delivery | None:
    stop = choices.address(person)
    items = [_item(notice) for notice in listed]
    facts: dict[str, Any] = {
        "name": digests.line(person.name),
        "items": items,
        "others": total - len(items),
        "page": outbox.absolute(reverse("comments:notices")),
        "settings": outbox.absolute(f"{reverse('comments:notices')}#mail"),
        "stop": stop,
        "no_link": outbox.no_link(),
        "contact": conf.get().contact_email,
        "subject": _subject(listed, total),
    }
    headers = {"Auto-Submitted": "auto-generated"}
    if stop:
        headers |= {"List-Unsubscribe": f"<{stop}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    return outbox.mail(
        f"notices:{person.pk}:{highest}",
        to,
        facts["subject"],
        render_to_string("comments/mail/notices.txt", facts).strip() + "\n",
        html=render_to_string("comments/mail/notices.html", facts),
        headers=headers,
    )


def _item(notice: Notice) -> dict[str, str]:
    url = notice.url if notice.url.startswith(("https://", "http://")) else outbox.absolute(notice.url or "/")
    return {
        "title": notice.title,
        "story": notice.story,
        "quote": notice.quote,
        "quoted": outbox.quoted(notice.quote) if notice.quote else "",
        "url": url,
    }


def _subject(listed: list[Notice], total: int) -> str:
    """Return the subject: names a story, which is the newsroom's, and never a reader, whose name could say anything."""
    if total != 1:
        return ngettext("%(count)d new notice", "%(count)d new notices", total) % {"count": total}
    about = {"story": listed[0].story}
    match listed[0].kind:
        case Kind.REPLY:
            return _("A reply to you on “%(story)s”") % about
        case Kind.MENTION:
            return _("You are mentioned on “%(story)s”") % about
        case Kind.FOLLOWED:
            return _("New on “%(story)s”") % about
        case Kind.PICK:
            return _("Your comment on “%(story)s” is an editors' pick") % about
        case _published:
            return _("Your comment on “%(story)s” was published") % about
