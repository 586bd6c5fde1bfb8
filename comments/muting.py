"""Verbs about not reading somebody: for the reader who asks for it alone, and nobody else is told."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from comments.exceptions import Refused
from comments.models import Commenter, Mute

MOST = 500
"""People one reader can mute."""


def mute(person: Commenter, other: Commenter) -> Mute:
    """
    Fold the comments of ``other`` wherever ``person`` reads; twice is once. They are not told and lose nothing.

    Raise ``Refused`` for oneself (403) and beyond :data:`MOST` people (409).
    """
    if other.pk == person.pk:
        raise Refused("muting_oneself", _("You cannot mute yourself."), status=403)
    with transaction.atomic():
        # Their own row is the lock: two windows of one reader wait for each other.
        Commenter.objects.select_for_update(of=("self",)).get(pk=person.pk)
        if found := Mute.objects.filter(person=person, muted=other).first():
            return found
        if Mute.objects.filter(person=person).count() >= MOST:
            raise Refused(
                "too_many_mutes",
                _("You have muted %(count)d people. Stop muting somebody first.") % {"count": MOST},
                status=409,
            )
        return Mute.objects.create(person=person, muted=other)


def unmute(person: Commenter, other: Commenter) -> None:
    """Show the comments of ``other`` to ``person`` again; without a mute nothing happens."""
    Mute.objects.filter(person=person, muted=other).delete()


def is_muted(person: Commenter, other: Commenter) -> bool:
    """Say whether ``person`` has muted ``other``."""
    return Mute.objects.filter(person=person, muted=other).exists()


def by(person: Commenter) -> QuerySet[Mute]:
    """Return whom ``person`` has muted, the latest first."""
    return Mute.objects.filter(person=person).select_related("muted").order_by("-created_at", "-id")


def ids(person: Commenter) -> list[int]:
    """Return the numbers of the people that ``person`` has muted."""
    return list(Mute.objects.filter(person=person).order_by("muted_id").values_list("muted_id", flat=True))
