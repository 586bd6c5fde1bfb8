"""What editors do together about one comment: notes on it, and whose it is to decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from comments import access, assignments, notes, shared_cache
from comments.assignments import Assignee
from comments.models import Assignment, Comment, Note

CHOICES = "comments:assignees"
CHOICES_SECONDS = 60
"""Who can be chosen is asked for this often; the verb asks again."""
KEYS = "123456789"


@dataclass(slots=True)
class Work:
    """What stands on one open card: notes on the comment, notes about its author, whose it is."""

    viewer_id: int | None
    may_act: bool
    """Whether who looks may write here; others read."""
    notes: list[Note] = field(default_factory=list)
    about_author: list[Note] = field(default_factory=list)
    assignment: Assignment | None = None
    typed: Mapping[str, str] = field(default_factory=dict)
    """What was written in a form that was refused."""

    @property
    def is_mine(self) -> bool:
        return bool(
            self.assignment and self.assignment.to_person and self.assignment.to_person.user_id == self.viewer_id
        )

    @property
    def roles(self) -> list[tuple[Assignee, str]]:
        """The roles it can be handed to, each with the key that takes it."""
        return [(one, KEYS[at : at + 1]) for at, one in enumerate(_choices()[0])]

    @property
    def people(self) -> list[Assignee]:
        return [one for one in _choices()[1] if one.key != f"user:{self.viewer_id}"]

    @property
    def to_me(self) -> str:
        return f"user:{self.viewer_id}"


def wanted(comment: Comment, *, assigned: bool = True) -> dict[str, QuerySet[Any]]:
    """Return what :func:`on` needs of the database; no assignment when it is known that there is none."""
    asked: dict[str, QuerySet[Any]] = {"notes": notes.for_cards([comment])}
    return asked | ({"assignments": assignments.open_on([comment])} if assigned else {})


def on(
    comment: Comment, viewer: Any, found: Mapping[str, Sequence[Any]], *, typed: Mapping[str, str] | None = None
) -> Work:
    """Return what editors have done together about ``comment``. No query: ``found`` is what :func:`wanted` asked."""
    handed = found.get("assignments", ())
    return Work(
        viewer.pk,
        access.may_moderate(viewer, comment.discussion),
        notes=[note for note in found["notes"] if note.comment_id],
        about_author=[note for note in found["notes"] if note.person_id],
        assignment=handed[0] if handed else None,
        typed=typed or {},
    )


def _choices() -> tuple[list[Assignee], list[Assignee]]:
    def asked() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        roles, people = assignments.roles(), assignments.editors()
        return [(one.key, one.name) for one in roles], [(one.key, one.name) for one in people]

    roles, people = shared_cache.kept(CHOICES, CHOICES_SECONDS, asked)
    return [Assignee(*one) for one in roles], [Assignee(*one) for one in people]
