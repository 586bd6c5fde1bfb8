"""Verbs about a saved queue: a search that editors keep on the desk, for themselves or for everyone."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from comments import access, search
from comments.exceptions import Refused
from comments.models import Commenter, SavedQueue

MOST = 50
"""Queues that one person keeps."""
NAME_CHARACTERS = 60


def of(person: Commenter) -> QuerySet[SavedQueue]:
    """Return the queues ``person`` sees: their own, and those that are shared, by name. One query."""
    own = Q(made_by=person) | Q(is_shared=True)
    return SavedQueue.objects.filter(own).select_related("made_by").order_by("name", "id")[: 4 * MOST]


def get(queue_id: int, person: Commenter) -> SavedQueue:
    """Return a queue that ``person`` sees, or raise ``Refused`` (404)."""
    found = SavedQueue.objects.filter(Q(made_by=person) | Q(is_shared=True), pk=queue_id)
    queue = found.select_related("made_by").first()
    if queue is None:
        raise Refused("unknown_queue", _("There is no such saved queue."), status=404)
    return queue


def save(person: Commenter, name: str, query: str, order: str = "", *, is_shared: bool = False) -> SavedQueue:
    """
    Keep a search under a name. Raise ``Refused`` when it cannot be read, or ``person`` has a queue of that name.

    What is kept is the search as :func:`comments.search.parse` understood it.
    """
    read = search.parse(query)
    if read.is_empty:
        raise Refused("nothing_to_save", _("Search for something first; then that search can be saved."))
    name = _acceptable(name)
    if SavedQueue.objects.filter(made_by=person).count() >= MOST:
        raise Refused(
            "too_many_queues", _("You keep %(most)d queues. Delete one to save another.") % {"most": MOST}, status=409
        )
    return _written(SavedQueue(made_by=person, name=name, query=str(read), order=order[:12], is_shared=is_shared))


def change(queue: SavedQueue, person: Commenter, **facts: Any) -> SavedQueue:
    """Change ``name``, ``query``, ``order`` or ``is_shared`` of a queue of one's own; raise ``Refused`` otherwise."""
    _require_own(queue, person)
    if "name" in facts:
        queue.name = _acceptable(facts["name"])
    if "query" in facts:
        queue.query = str(search.parse(facts["query"]))
        if not queue.query:
            raise Refused("nothing_to_save", _("Search for something first; then that search can be saved."))
    queue.order = facts.get("order", queue.order)[:12]
    queue.is_shared = facts.get("is_shared", queue.is_shared)
    return _written(queue)


def delete(queue: SavedQueue, person: Commenter) -> None:
    """Delete a queue of one's own. One that is shared goes from everybody's desk."""
    _require_own(queue, person)
    queue.delete()


def may_change(queue: SavedQueue, person: Commenter) -> bool:
    """Say whether ``person`` may rename or delete ``queue``: their own, or whoever changes policy, a shared one."""
    return queue.made_by_id == person.pk or (queue.is_shared and access.may(person.user, "change_policy"))


def _require_own(queue: SavedQueue, person: Commenter) -> None:
    if not may_change(queue, person):
        raise Refused(
            "other_persons_queue",
            _("This queue was saved by %(name)s. Save the search under a name of your own.")
            % {"name": queue.made_by.name},
            status=403,
        )


def _acceptable(name: str) -> str:
    name = " ".join(name.replace("\x00", " ").split())
    if not name:
        raise Refused("name_needed", _("Give the queue a name."))
    if len(name) > NAME_CHARACTERS:
        raise Refused(
            "name_too_long", _("The name is longer than %(maximum)d characters.") % {"maximum": NAME_CHARACTERS}
        )
    return name


def _written(queue: SavedQueue) -> SavedQueue:
    try:
        with transaction.atomic():
            queue.save()
    except IntegrityError:
        raise Refused(
            "name_taken", _("You have a queue called “%(name)s” already.") % {"name": queue.name}, status=409
        ) from None
    return queue
