"""Wishing to leave, and thinking better of it."""

from __future__ import annotations

import unicodedata
from datetime import timedelta

from django.db import transaction
from django.urls import NoReverseMatch, reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from comments import access, audit, compliance, conf, outbox, ratelimit
from comments.exceptions import Refused
from comments.models import Commenter

TRIES_PER_HOUR = 10
"""Wrong passwords or names, after which one waits."""


def require_may_leave(person: Commenter) -> None:
    """Raise ``Refused`` (403) for the newsroom's own people: their decisions carry their name."""
    if access.is_staff(person):
        said = _("You work for the newsroom. Ask an administrator to delete your account.")
        raise Refused("staff", said, status=403)


def ask_to_erase(
    person: Commenter, *, confirm: str | None = "", texts: bool = False, days: int | None = None
) -> Commenter:
    """
    Write down that ``person`` wants to be forgotten, and mail them when that happens and how to take it back.

    ``confirm`` is their password, or their name typed again; ``None`` for a command, which needs neither and stands
    above the roles. ``texts``: published comments go as well, instead of standing there without a name. ``days`` is the
    time in between, ``DELETION_DAYS`` if left out. Asked again, the day stays and the choice is the later one.
    Raise ``Refused`` for a confirmation that is none (400), the newsroom's own people (403), too many tries (429).
    """
    if confirm is not None:
        require_may_leave(person)
        ratelimit.require_not_too_many("leave", f"person:{person.pk}", limit=TRIES_PER_HOUR, seconds=3600)
        if not _is_confirmed(person, confirm):
            raise Refused("not_confirmed", _("Type your password, or your name as it stands above your comments."))
    with transaction.atomic():
        locked = _locked(person)
        if locked.erased_at is None:
            wait = timedelta(days=conf.get().deletion_days if days is None else days)
            is_new = locked.erase_at is None
            if is_new:
                locked.erase_at = timezone.now() + wait
            locked.erase_texts = texts
            locked.save(update_fields=["erase_at", "erase_texts"])
            if is_new:
                audit.record("erasure", about(person), object_id=person.pk, after={"asked": True})
                if wait:
                    _tell(locked)
    person.erase_at, person.erase_texts = locked.erase_at, locked.erase_texts
    return person


def cancel(person: Commenter) -> Commenter:
    """Take the wish back: everything is as before. Without one nothing happens. ``Refused`` (409) when too late."""
    with transaction.atomic():
        locked = _locked(person)
        if locked.erased_at is not None:
            raise Refused("erased", _("It is too late: the name and the address are gone."), status=409)
        if locked.erase_at is not None:
            key = _key(locked)
            locked.erase_at, locked.erase_texts = None, False
            locked.save(update_fields=["erase_at", "erase_texts"])
            outbox.take_back([key])
            audit.record("erasure", about(person), object_id=person.pk, before={"asked": True})
    person.erase_at, person.erase_texts = None, False
    return person


def about(person: Commenter) -> str:
    """Return what the record calls a person who may be forgotten: a number."""
    return _("person %(id)d") % {"id": person.pk}


def _locked(person: Commenter) -> Commenter:
    # The user may be missing, which PostgreSQL cannot lock.
    return Commenter.objects.select_for_update(of=("self",)).select_related("user").get(pk=person.pk)


def _is_confirmed(person: Commenter, given: str) -> bool:
    user = person.user
    if user is not None and user.has_usable_password() and user.check_password(given):
        return True
    return bool(_plain(given)) and _plain(given) == _plain(person.name)


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _key(person: Commenter) -> str:
    return f"erasure:{person.pk}:{person.erase_at.isoformat() if person.erase_at else ''}"


def _tell(person: Commenter) -> None:
    to = person.user.email if person.user else ""
    if not to:
        return
    with translation.override(compliance.language_of(person)):
        when = access.spoken(person.erase_at)
        parts = [
            _("You asked for your account to be deleted. That happens on %(when)s.") % {"when": when},
            _("Then your name, your address and your settings are gone for good."),
            _("Your comments go as well; replies stay under a line that says their author has withdrawn them.")
            if person.erase_texts
            else _("Your published comments stay, without your name."),
        ]
        try:
            url = outbox.absolute(reverse("comments:me")) or outbox.no_link()
        except NoReverseMatch:
            url = outbox.no_link()
        parts.append(
            _("If that was not you, or you think better of it, sign in before then and keep it: %(url)s") % {"url": url}
        )
        outbox.mail(_key(person), to, _("Your account will be deleted"), "\n\n".join(parts) + "\n")
