"""
Verbs about complaints about people: a reader reports a person, an editor says whether that was right.

Nothing follows by itself: what is done about a person is a sanction, and an editor's.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.db.models import Count, F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from comments import access, audit, conf, flags, ratelimit
from comments.exceptions import Refused
from comments.models import Commenter, PersonFlag, Reason

STATES = (PersonFlag.State.UPHELD, PersonFlag.State.DISMISSED)
"""What an editor can say of complaints."""


def known(person_id: int) -> Commenter:
    """Return the person everyone may know of, or raise ``Refused`` (404): nobody, or somebody who was erased."""
    found = None
    if 0 < person_id < 2**63:
        found = Commenter.objects.select_related("user").filter(pk=person_id, erased_at__isnull=True).first()
    if found is None:
        raise Refused("unknown_person", _("There is no such person."), status=404)
    return found


def flag(reporter: Commenter, person: Commenter, reason: str, note: str = "") -> PersonFlag:
    """
    Write down that ``reporter`` complains about ``person``; the same again while it is open returns what is there.

    Raise ``Refused`` for oneself (403), somebody who is gone (404), a reason that does not exist (400), a note that is
    too long (400), or after too many reports in an hour (429), those on comments among them.
    """
    require_may_flag(reporter, person)
    if earlier := open_by(reporter, person):
        return earlier
    if not Reason.objects.filter(code=reason, is_active=True).exists():
        raise Refused("unknown_reason", _("There is no reason “%(code)s”.") % {"code": reason[:40]})
    note = note.replace("\x00", "")
    if len(note) > flags.NOTE_CHARACTERS:
        said = _("Your note is longer than %(maximum)d characters.") % {"maximum": flags.NOTE_CHARACTERS}
        raise Refused("note_too_long", said)
    if not access.is_staff(reporter):
        limit = conf.get().flags_per_hour
        ratelimit.require_not_too_many("flag", f"person:{reporter.pk}", limit=limit, seconds=3600)
    try:
        with transaction.atomic():
            made = PersonFlag.objects.create(person=person, reporter=reporter, reason=reason, note=note)
    except IntegrityError:
        # Sent twice at once.
        return PersonFlag.objects.get(person=person, reporter=reporter, state=PersonFlag.State.OPEN)
    made.is_new = True
    return made


def require_may_flag(reporter: Commenter, person: Commenter) -> None:
    """Raise ``Refused`` unless ``person`` is somebody else, and there."""
    if person.erased_at is not None:
        raise Refused("unknown_person", _("There is no such person."), status=404)
    if person.pk == reporter.pk:
        raise Refused("yourself", _("This is you: you cannot report yourself."), status=403)


def open_by(reporter: Commenter, person: Commenter) -> PersonFlag | None:
    """Return what ``reporter`` complains about that waits for an editor."""
    return PersonFlag.objects.filter(person=person, reporter=reporter, state=PersonFlag.State.OPEN).first()


def latest_by(reporter: Commenter, person: Commenter) -> PersonFlag | None:
    """Return the latest complaint of ``reporter`` about ``person``, settled or not."""
    return PersonFlag.objects.filter(person=person, reporter=reporter).order_by("-id").first()


def about(person: Commenter) -> QuerySet[PersonFlag]:
    """Return the complaints about ``person``, the open ones first, then the latest. One query."""
    return (
        PersonFlag.objects.filter(person=person)
        .select_related("reporter", "settled_by")
        .order_by(F("settled_at").desc(nulls_first=True), "-id")
    )


def waiting(people: Iterable[int]) -> dict[int, int]:
    """Return how many complaints about each of ``people`` wait. One query."""
    found = PersonFlag.objects.filter(person__in=list(people), state=PersonFlag.State.OPEN)
    return dict(found.order_by().values_list("person").annotate(Count("pk")))


def settle(person: Commenter, state: str, *, made_by: Commenter, seen: int | None = None, note: str = "") -> int:
    """
    Say of all complaints about ``person`` that wait whether they are right (``upheld``) or not (``dismissed``).

    Return how many there were. ``seen`` is the latest that its editor looked at: later ones stay open. Raise
    ``Refused`` (403) for who may not sanction people, and (409) when none waits.
    """
    access.require_of(made_by, "sanction_people")
    if state not in STATES:
        raise Refused("unknown_state", _("Say whether the reports are right or dismissed."))
    with transaction.atomic():
        found = PersonFlag.objects.select_for_update().filter(person=person, state=PersonFlag.State.OPEN)
        if seen is not None:
            found = found.filter(pk__lte=seen)
        ids = list(found.order_by("pk").values_list("pk", flat=True))
        if not ids:
            raise Refused("nothing_waits", _("No report about this person waits any more."), status=409)
        PersonFlag.objects.filter(pk__in=ids).update(state=state, settled_by=made_by, settled_at=timezone.now())
        audit.record(
            "person_flag",
            _("person %(id)d") % {"id": person.pk},
            object_id=person.pk,
            before={"waiting": len(ids)},
            after=state,
            note=note,
            made_by=made_by,
        )
    return len(ids)
