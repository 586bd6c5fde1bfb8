"""
Questions and answers: who answers in a discussion, and which questions are answered.

A question is a first comment of a discussion in the form ``qa``. It is answered while something is published below it
by a named expert of the discussion, or by somebody whose badge readers see: the newsroom's own people and experts.
``Comment.answered_at`` says since when. It moves in the transaction that publishes or takes down the answer, under the
lock on the discussion.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, Min, OuterRef, Q, Subquery, Value
from django.db.models.functions import Concat
from django.utils.translation import gettext as _

from comments import access
from comments.exceptions import Refused
from comments.http import request_id
from comments.models import AuditEntry, Comment, Commenter, Discussion, Expert, Status
from comments.models.comments import SEGMENT

ONLY = ("answered", "unanswered")
"""Which questions can be asked for, beside all of them."""

MOST_EXPERTS = 50
"""Experts of one discussion at most."""

WHERE = {"answered": "AND c.answered_at IS NOT NULL", "unanswered": "AND c.answered_at IS NULL"}
"""What each of :data:`ONLY` adds to the query for first comments ``c``."""


# --- Who answers ------------------------------------------------------------------------------------------------------


def experts(discussion: Discussion) -> dict[int, Expert]:
    """
    Return the named experts of ``discussion`` by the number of their person, in the order they were named.

    One query in a discussion for questions, kept with the instance; none in any other.
    """
    if not discussion.is_for_questions:
        return {}
    kept: dict[int, Expert] | None = getattr(discussion, "_named_experts", None)
    if kept is None:
        kept = {one.person_id: one for one in discussion.experts.select_related("person").order_by("id")}
        discussion._named_experts = kept  # type: ignore[attr-defined]
    return kept


def experts_beside(comment_id: int) -> frozenset[int]:
    """Return the people who answer in the discussion of a comment, if it is for questions. One query."""
    found = Expert.objects.filter(discussion__comments=comment_id, discussion__form=Discussion.Form.QUESTIONS)
    return frozenset(found.values_list("person_id", flat=True))


def name_expert(discussion: Discussion, person: Commenter, role: str = "", *, made_by: Commenter | None) -> Expert:
    """
    Let ``person`` answer the questions of ``discussion`` as an expert; again changes the ``role``.

    Raise ``Refused`` (403) for who may not moderate there, (404) for somebody who is gone, (409) when there are too
    many.
    """
    access.require_moderator_of(made_by, discussion)
    role = " ".join(role.replace("\x00", "").split())[:80]
    if person.erased_at is not None:
        raise Refused("unknown_person", _("There is no such person."), status=404)
    with transaction.atomic():
        current = _lock(discussion)
        found = Expert.objects.filter(discussion=current, person=person).first()
        if found is not None and found.role == role:
            return found
        if found is None and Expert.objects.filter(discussion=current).count() >= MOST_EXPERTS:
            raise Refused(
                "too_many_experts",
                _("A discussion has at most %(count)d experts.") % {"count": MOST_EXPERTS},
                status=409,
            )
        before = found.role if found else None
        found, _new = Expert.objects.update_or_create(
            discussion=current,
            person=person,
            defaults={"role": role},
            create_defaults={"role": role, "made_by": made_by},
        )
        _on_record(current, person, before=before, after=role or "expert", made_by=made_by)
        _changed(current, discussion)
    return found


def remove_expert(discussion: Discussion, person: Commenter, *, made_by: Commenter | None) -> None:
    """Let ``person`` no longer answer as an expert; what they wrote stays. Twice is once."""
    access.require_moderator_of(made_by, discussion)
    with transaction.atomic():
        current = _lock(discussion)
        found = Expert.objects.filter(discussion=current, person=person).first()
        if found is None:
            return
        found.delete()
        _on_record(current, person, before=found.role or "expert", after=None, made_by=made_by)
        _changed(current, discussion)


def _lock(discussion: Discussion) -> Discussion:
    return Discussion.objects.select_for_update().get(pk=discussion.pk)


def _changed(current: Discussion, given: Discussion) -> None:
    settle_all(current)
    Discussion.objects.filter(pk=current.pk).update(version=F("version") + 1)
    given.refresh_from_db(fields=["version"])
    given.__dict__.pop("_named_experts", None)


def _on_record(discussion: Discussion, person: Commenter, **facts: Any) -> None:
    AuditEntry.objects.create(
        kind="expert",
        subject=_("person %(id)d, under “%(discussion)s”") % {"id": person.pk, "discussion": str(discussion)[:200]},
        object_id=discussion.pk,
        request_id=request_id(),
        **facts,
    )


# --- What is answered -------------------------------------------------------------------------------------------------


def settle(discussion: Discussion, paths: Iterable[str]) -> None:
    """
    Bring the questions above ``paths`` up to date: call in the transaction of a decision that moved what is published.

    No query outside discussions for questions, nor for questions themselves; else one statement.
    """
    if not discussion.is_for_questions:
        return
    roots = {path[:SEGMENT] for path in paths if len(path) > SEGMENT}
    if roots:
        _settle(Comment.objects.filter(discussion=discussion, parent=None, path__in=roots))


def settle_all(discussion: Discussion) -> None:
    """Bring every question of ``discussion`` up to date: it has become one for questions, or its experts changed."""
    if discussion.is_for_questions:
        _settle(Comment.objects.filter(discussion=discussion, parent=None))


def settle_of(person: Commenter) -> None:
    """Bring the questions that ``person`` answered up to date, whose badge has changed."""
    about = Discussion.objects.filter(form=Discussion.Form.QUESTIONS, comments__author=person).distinct()
    for pk in list(about.values_list("pk", flat=True)):
        with transaction.atomic():
            current = Discussion.objects.select_for_update().get(pk=pk)
            settle_all(current)
            Discussion.objects.filter(pk=pk).update(version=F("version") + 1)


def forget_expert(person: Commenter) -> int:
    """Take ``person`` out of every discussion where they answer as an expert; return of how many."""
    found = list(Expert.objects.filter(person=person).select_related("discussion"))
    for one in found:
        with transaction.atomic():
            current = _lock(one.discussion)
            one.delete()
            _changed(current, one.discussion)
    return len(found)


def drift(discussion: Discussion) -> list[tuple[int, Any, Any]]:
    """Return the questions whose ``answered_at`` is not what the rows say: number, what it is, what it should be."""
    if not discussion.is_for_questions:
        return []
    rows = Comment.objects.filter(discussion=discussion, parent=None).annotate(should=Subquery(_first_answer()))
    found = rows.order_by("pk").values_list("pk", "answered_at", "should")
    return [(pk, now, should) for pk, now, should in found if now != should]


def _settle(questions: Any) -> None:
    questions.update(answered_at=Subquery(_first_answer()))


def _first_answer() -> Any:
    """Return the query for when the first answer below the question around it was published."""
    expert = Expert.objects.filter(discussion=OuterRef("discussion"), person=OuterRef("author"))
    return (
        Comment.objects.filter(
            discussion=OuterRef("discussion"),
            path__gt=OuterRef("path"),
            path__lt=Concat(OuterRef("path"), Value("~")),
            is_shown=True,
            status=Status.PUBLISHED,
        )
        .filter(~Q(author__badge=Commenter.Badge.NONE) | Exists(expert))
        .order_by()
        .values("discussion")
        .annotate(first=Min("published_at"))
        .values("first")
    )
