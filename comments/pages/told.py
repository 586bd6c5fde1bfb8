"""What a reader sees of their notices: the line in the section, the list and the wishes on "my comments"."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from comments.exceptions import Refused
from comments.models import Commenter, Discussion, Follow, Notification, NotificationPreference
from comments.notifications import choices, following, reading
from comments.notifications.reading import Notice
from comments.pages import shown

Kind = Notification.Kind
FOLLOWS_LISTED = 50
ON_MY_PAGE = 5
"""Notices on "my comments"; the others stand on their own page."""


def notices_url() -> str:
    return reverse("comments:notices")


def line(person: Commenter, discussion: Discussion) -> dict[str, Any]:
    """Return what ``comments/_bell.html`` says in the section: how much is new, and whether the story is followed."""
    new, follows = reading.line(person, discussion)
    return {
        "new": how_many(new),
        "url": f"{notices_url()}#notices",
        "follows": follows,
        "follow_url": reverse("comments:follow_story"),
        "key": discussion.key,
    }


def how_many(new: int) -> str:
    """Return "3 new notices"; "" when there is none."""
    return ngettext("%(count)d new notice", "%(count)d new notices", new) % {"count": new} if new else ""


def notices(person: Commenter, *, before: int | None = None, most: int = reading.LISTED) -> dict[str, Any]:
    """Return what ``comments/_me_notices.html`` lists, newest first. Three queries."""
    found = reading.of(person, before=before, most=most + 1)
    listed, more = found[:most], found[most:]
    here = notices_url()
    return {
        "listed": [_listed(notice) for notice in listed],
        "new": how_many(reading.unread(person)),
        "newest": reading.newest(listed),
        "read_url": reverse("comments:notices_read"),
        "all_url": here,
        "more_url": f"{here}?before={listed[-1].id}" if more else "",
    }


def _listed(notice: Notice) -> dict[str, Any]:
    return {
        "id": notice.id,
        "title": notice.title,
        "quote": notice.quote,
        "story": notice.story,
        "url": notice.url,
        "appeal_url": notice.appeal_url,
        "is_new": notice.is_new,
        "at": shown.machine_time(notice.at),
        "when": shown.spoken_time(notice.at),
        "icon": ICONS.get(notice.kind, "bell"),
    }


ICONS = {
    Kind.REPLY.value: "reply",
    Kind.MENTION.value: "person",
    Kind.FOLLOWED.value: "bell",
    Kind.DECISION.value: "info",
    Kind.PICK.value: "check",
    Kind.APPEAL.value: "info",
}


def wishes(person: Commenter, *, is_saved: bool = False, refused: Refused | None = None) -> dict[str, Any]:
    """Return what ``comments/_me_mail.html`` asks, as it stands, and what is followed. Two queries."""
    current = choices.of(person)
    mailable = {kind.value for kind in choices.MAILABLE}
    address = person.user.email if person.user else ""
    return {
        "action": reverse("comments:notice_wishes"),
        "unfollow_url": reverse("comments:unfollow"),
        "is_saved": is_saved,
        "refused": refused.detail if refused else "",
        "address": address,
        "kinds": [
            {
                "code": kind.value,
                "name": kind.label,
                "on": kind.value not in current.off,
                "mailable": kind.value in mailable,
                "mailed": kind.value in current.mailed_kinds,
            }
            for kind in Kind
        ],
        "paces": [(pace.value, pace.label, pace.value == current.mail) for pace in NotificationPreference.Mail],
        "no_mail": current.mail == NotificationPreference.Mail.NEVER,
        "follows_own": current.follows_own,
        "follows": [_followed(one) for one in following.listed(person, FOLLOWS_LISTED)],
    }


def _followed(one: Follow) -> dict[str, Any]:
    title = one.discussion.title or one.discussion.key
    url = reading.address_of(one.discussion)
    if one.comment is None:
        return {"id": one.pk, "what": _("Everything under “%(title)s”") % {"title": title}, "url": url}
    url = one.comment.get_absolute_url() if one.comment.is_shown else url
    return {"id": one.pk, "what": _("A conversation on “%(title)s”") % {"title": title}, "url": url}
