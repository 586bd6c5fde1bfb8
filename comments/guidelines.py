"""
Verbs about the guidelines: editors publish a version of them, readers accept it.

Versions are never changed. The published one is kept in memory with the rest of the policy, so that nobody who reads,
posts or decides asks the database for it: see :mod:`comments.thresholds`.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from comments import access, policy, text, thresholds
from comments.exceptions import Refused
from comments.models import Commenter, Guidelines, PolicyChange

NOTE_CHARACTERS = 500


def current(*, exact: bool = False) -> Guidelines | None:
    """Return the published version; ``exact`` asks the database whether it still is."""
    return thresholds.in_force(exact=exact).guidelines


def version(number: int) -> Guidelines:
    """Return the version with this number, or raise ``Refused`` (404)."""
    found: Guidelines | None = Guidelines.objects.filter(number=number).first() if 0 < number < 2**31 else None
    if found is None:
        raise Refused("unknown_guidelines", _("There is no such version of the guidelines."), status=404)
    return found


def address(found: Guidelines | None = None) -> str:
    """Return the page of the guidelines: of one version, or of whichever is published."""
    if found is None:
        return reverse("comments:guidelines")
    return reverse("comments:guidelines_version", args=[found.number])


def rendered(raw: object) -> tuple[str, str]:
    """Return what an editor typed, as it is kept, and its safe HTML. Raise ``Refused`` when it cannot be taken."""
    words = text.check(raw)
    safe = text.to_html(words)
    if safe.disagreement or not safe.html:
        raise Refused("not_safe", _("This text cannot be made safe. Write it with less formatting."))
    return words, safe.html


def publish(raw: object, *, made_by: Commenter | None, note: str = "", seen: int | None = None) -> Guidelines:
    """
    Publish ``raw`` as the next version. The same text again publishes nothing and returns the version that is there.

    Raise ``Refused`` for who may not change policy (403), a text that cannot be taken (400), or (409) when ``seen``,
    the version its editor began with, is no longer the latest.
    """
    access.require_of(made_by, "change_policy")
    words, html = rendered(raw)
    if len(note) > NOTE_CHARACTERS or "\x00" in note:
        said = _("The note is longer than %(maximum)d characters.") % {"maximum": NOTE_CHARACTERS}
        raise Refused("note_too_long", said)
    with policy.changing():
        latest: Guidelines | None = Guidelines.objects.order_by("-number").first()
        if latest is not None and latest.text == words:
            return latest
        number = latest.number if latest else 0
        if seen is not None and seen != number:
            said = _("Somebody else has published a version meanwhile. Look at it, then publish yours.")
            raise Refused("guidelines_changed", said, status=409)
        facts = {"text": words, "html": html, "note": note, "made_by": made_by}
        made: Guidelines = Guidelines.objects.create(number=number + 1, **facts)
        policy.record(PolicyChange.Kind.GUIDELINES, "guidelines", number or None, made.number, made_by, note or "")
    return made


# --- Accepting --------------------------------------------------------------------------------------------------------


def to_accept(person: Commenter | None, *, exact: bool = False) -> Guidelines | None:
    """
    Return the version that ``person`` has to accept before they post; ``None`` where nothing is to be accepted.

    The newsroom's own people are not asked. ``None`` for a person is somebody new.
    """
    now = thresholds.in_force(exact=exact)
    found = now.guidelines
    if found is None or not thresholds.of(None).accept_guidelines or access.is_staff(person):
        return None
    return None if person is not None and person.terms_version == found.number else found


def accept(person: Commenter, number: int) -> Guidelines:
    """
    Write down that ``person`` accepts version ``number``. Twice is once.

    Raise ``Refused`` (404) where no guidelines are published, and (409) for another version than the published one:
    nobody accepts what they have not been shown.
    """
    found = current(exact=True)
    if found is None:
        raise Refused("unknown_guidelines", _("There is no such version of the guidelines."), status=404)
    if number != found.number:
        raise _not_the_one(found, 409)
    rows = Commenter.objects.filter(~Q(terms_version=number) | Q(terms_version=None), pk=person.pk)
    now = timezone.now()
    if rows.update(terms_version=number, terms_accepted_at=now):
        person.terms_version, person.terms_accepted_at = number, now
    return found


def require_accepted(person: Commenter, accepts: int | None) -> None:
    """Raise ``Refused`` (403) for who has to accept the guidelines first; ``accepts`` is the one they accept now."""
    found = to_accept(person)
    if found is None:
        return
    if accepts != found.number:
        raise _not_the_one(found, 403)
    accept(person, accepts)


def _not_the_one(found: Guidelines, status: int) -> Refused:
    said = _("Please read the guidelines and accept them before you go on.")
    return Refused("guidelines_not_accepted", said, status=status, guidelines_version=found.number)


def number_typed(value: str) -> int | None:
    """Return the version that a form names, ``None`` for anything else."""
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 10 else None


def state() -> dict[str, Any] | None:
    """Return the published version as programs see it."""
    found = current()
    if found is None:
        return None
    return {
        "version": found.number,
        "html": found.html,
        "url": address(),
        "published_at": found.created_at.isoformat(),
        "to_accept": thresholds.of(None).accept_guidelines,
    }
