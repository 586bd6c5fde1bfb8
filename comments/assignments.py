"""
Verbs about an assignment: a comment handed to somebody, or to a role, with a note. Escalating is assigning to a role.

One is open for each comment. It changes nothing about the comment itself: anyone who may decide it still may, and
whoever does so closes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction
from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from comments import access, notes, outbox
from comments.exceptions import Refused
from comments.http import request_id
from comments.models import (
    Assignment,
    AuditEntry,
    Comment,
    Commenter,
    Decider,
    Decision,
    DeskPreference,
    Revision,
    Status,
)

DECIDING = ("moderate", "moderate_sections")
MOST_CHOICES = 200
"""People offered in the list; whoever stands further down is named over the API."""
MOST_TOLD = 50
"""Members of a role who are mailed about one comment."""
SETTLED = (Status.PUBLISHED, Status.REJECTED, Status.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Assignee:
    """Somebody, or a role, that a comment can be handed to. ``key`` is ``user:7`` or ``role:3``."""

    key: str
    name: str

    @property
    def is_role(self) -> bool:
        return self.key.startswith("role:")


# --- To whom ----------------------------------------------------------------------------------------------------------


def roles() -> list[Assignee]:
    """Return the roles whose members decide about comments, by name. One query."""
    groups = Group.objects.filter(permissions__codename__in=DECIDING, permissions__content_type__app_label="comments")
    return [Assignee(f"role:{pk}", name) for pk, name in groups.order_by("name").values_list("pk", "name").distinct()]


def editors(*, besides: Commenter | None = None) -> list[Assignee]:
    """Return the people who decide about comments, by name, without ``besides``. One query."""
    found = _deciding_users().select_related("commenter").order_by("first_name", "last_name", "pk")
    if besides is not None and besides.user_id:
        found = found.exclude(pk=besides.user_id)
    return [Assignee(f"user:{user.pk}", _name(user)) for user in found[:MOST_CHOICES]]


def _deciding_users() -> QuerySet[Any]:
    allowed = Q(codename__in=DECIDING, content_type__app_label="comments")
    permissions = Permission.objects.filter(allowed).values("pk")
    users = get_user_model()._default_manager.filter(is_active=True, is_staff=True)
    by_group = Group.objects.filter(user=OuterRef("pk"), permissions__in=permissions)
    by_hand = Permission.objects.filter(user=OuterRef("pk"), pk__in=permissions)
    return users.filter(Q(is_superuser=True) | Exists(by_group) | Exists(by_hand))


def _name(user: Any) -> str:
    person = getattr(user, "commenter", None)
    return str(person.name if person else user.get_full_name() or user.get_username())


def _found(key: str, comment: Comment) -> Commenter | Group:
    """Return who ``key`` names; raise ``Refused`` unless they may decide about ``comment``."""
    kind, _colon, number = key.partition(":")
    pk = int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else 0
    if kind == "role" and pk:
        if any(role.key == f"role:{pk}" for role in roles()):
            return Group.objects.get(pk=pk)
    elif kind == "user" and pk:
        user = get_user_model()._default_manager.filter(pk=pk).first()
        if user is not None and access.may_moderate(user, comment.discussion):
            return Commenter.objects.for_user(user)
        if user is not None and access.may_moderate(user):
            raise Refused(
                "other_section", _("This comment stands in a section in which they may not decide. Choose another.")
            )
    raise Refused("unknown_assignee", _("Choose somebody, or a role, from the list: they must be able to decide."))


# --- The verbs --------------------------------------------------------------------------------------------------------


def assign(comment: Comment, to: str, note: str = "", *, made_by: Commenter) -> Assignment:
    """
    Hand ``comment`` to ``to`` (``user:7``, ``role:3``) with a note, and tell them. What was open before is closed.

    The same again returns the one that is open. Raise ``Refused`` when either may not decide about the comment.
    """
    access.require_moderator(made_by.user, comment.discussion)
    words = notes.checked(note)
    whom = _found(to, comment)
    if comment.status == Status.WITHDRAWN:
        raise Refused("withdrawn", _("Its author has withdrawn this comment. There is nothing to decide."), status=409)
    target: dict[str, Any] = {"to_group": whom} if isinstance(whom, Group) else {"to_person": whom}
    with transaction.atomic():
        _lock(comment)
        former = _open_of(comment).select_for_update(of=("self",)).first()
        if former is not None:
            same = all(getattr(former, name) == value for name, value in target.items())
            if same and former.note == words:
                return former
            _close(former, made_by)
        assignment = Assignment.objects.create(comment=comment, note=words, made_by=made_by, **target)
        _on_record(assignment, made_by, before=_said(former), after=_said(assignment))
        _tell(assignment)
    return assignment


def give_back(comment: Comment, *, made_by: Commenter) -> Assignment:
    """Close what is open for ``comment``: it is everybody's again. Raise ``Refused`` (404) when it is nobody's."""
    access.require_moderator(made_by.user, comment.discussion)
    with transaction.atomic():
        _lock(comment)
        assignment = _open_of(comment).select_for_update(of=("self",)).first()
        if assignment is None:
            raise Refused("not_assigned", _("This comment is nobody's in particular."), status=404)
        _close(assignment, made_by)
        _on_record(assignment, made_by, before=_said(assignment))
    return assignment


def _lock(comment: Comment) -> None:
    """Make two who assign one comment wait for each other. Nothing else is locked after it."""
    locks: dict[str, Any] = {"no_key": True} if connection.features.has_select_for_no_key_update else {}
    Comment.objects.select_for_update(**locks).only("pk").get(pk=comment.pk)


def _open_of(comment: Comment) -> QuerySet[Assignment]:
    return Assignment.objects.filter(comment=comment, closed_at=None).select_related("to_person", "to_group", "made_by")


def _close(assignment: Assignment, by: Commenter | None, decision: Decision | None = None) -> None:
    assignment.closed_at, assignment.closed_by, assignment.closed_with = timezone.now(), by, decision
    assignment.save(update_fields=["closed_at", "closed_by", "closed_with"])


def _said(assignment: Assignment | None) -> dict[str, Any] | None:
    return {"to": str(assignment.to_person or assignment.to_group)} if assignment else None


def _on_record(assignment: Assignment, made_by: Commenter | None, **facts: Any) -> None:
    AuditEntry.objects.create(
        kind="assignment",
        subject=_("comment %(id)d") % {"id": assignment.comment_id},
        object_id=assignment.comment_id,
        made_by=made_by,
        request_id=request_id(),
        **facts,
    )


# --- It closes by itself ----------------------------------------------------------------------------------------------


def on_decided(comment: Comment, decision: Decision, **_signal: Any) -> None:
    """
    Close what was open once people have decided, and open it again when they take that back.

    Listens to ``signals.comment_decided``, after the commit; :func:`close_decided` finds what no signal reached.
    """
    if decision.bulk_id:
        return
    if decision.reverses_id and not decision.appeal_id:
        _reopen(comment, decision.reverses_id)
    elif decision.decider != Decider.SCREENING and decision.to_status in SETTLED:
        for assignment in _open_of(comment):
            _close_with(assignment, decision)


def on_many_decided(decisions: list[Decision], **_signal: Any) -> None:
    """Do the same for decisions in bulk; two queries when nothing is open. Listens to ``signals.comments_decided``."""
    # What screening decides together has no bulk action: on_decided has heard of each.
    decisions = [decision for decision in decisions if decision.bulk_id is not None]
    about = {decision.comment_id: decision for decision in decisions if decision.reverses_id is None}
    for assignment in Assignment.objects.filter(comment__in=list(about), closed_at=None):
        if about[assignment.comment_id].to_status in SETTLED:
            _close_with(assignment, about[assignment.comment_id])
    back = {decision.reverses_id: decision for decision in decisions if decision.reverses_id is not None}
    closed = Assignment.objects.filter(closed_with__in=list(back)) if back else Assignment.objects.none()
    for decision_id in {assignment.closed_with_id for assignment in closed}:
        if decision_id is not None:
            _reopen(back[decision_id].comment, decision_id)


def _close_with(assignment: Assignment, decision: Decision) -> None:
    Assignment.objects.filter(pk=assignment.pk, closed_at=None).update(
        closed_at=decision.created_at, closed_by=decision.made_by, closed_with=decision
    )


def _reopen(comment: Comment, decision_id: int) -> None:
    with transaction.atomic():
        closed = Assignment.objects.filter(comment=comment, closed_with=decision_id).order_by("-id").first()
        if closed is None:
            return
        _lock(comment)
        if not _open_of(comment).exists():
            Assignment.objects.filter(pk=closed.pk).update(closed_at=None, closed_by=None, closed_with=None)


def close_decided(limit: int = 500) -> int:
    """Close the assignments whose comment was decided without this process hearing of it; return how many."""
    settled = Decision.objects.filter(
        Q(reverses=None) | Q(appeal__isnull=False),
        comment=OuterRef("comment"),
        created_at__gte=OuterRef("created_at"),
        to_status__in=SETTLED,
        reversed_by=None,
    ).exclude(decider=Decider.SCREENING)
    late = Assignment.objects.filter(closed_at=None).annotate(
        settled=Subquery(settled.order_by("-id").values("pk")[:1])
    )
    closed = 0
    for assignment in late.filter(settled__isnull=False).order_by("id")[:limit]:
        _close_with(assignment, Decision.objects.select_related("made_by").get(pk=assignment.settled))
        closed += 1
    return closed


# --- Reading ----------------------------------------------------------------------------------------------------------


def current(comments: Iterable[Comment]) -> dict[int, Assignment]:
    """Return the open assignment of each of ``comments`` that has one. One query."""
    return {row.comment_id: row for row in open_on(comments)}


def open_on(comments: Iterable[Comment]) -> QuerySet[Assignment]:
    """Return the open assignments of ``comments``, each with who has it and who handed it over."""
    rows = Assignment.objects.filter(comment__in=[comment.pk for comment in comments], closed_at=None)
    return rows.select_related("to_person", "to_group", "made_by")


def name_for(comment: OuterRef) -> Subquery:
    """Return, for a query, whose ``comment`` is to decide: a name, or nothing."""
    open_ones = Assignment.objects.filter(comment=comment, closed_at=None)
    return Subquery(open_ones.values(named=Coalesce("to_person__name", "to_group__name", output_field=CharField()))[:1])


def to_me(user: Any) -> QuerySet[Assignment]:
    """Return the open assignments to ``user`` in person."""
    return Assignment.objects.filter(closed_at=None, to_person__user=user)


def to_my_roles(user: Any) -> QuerySet[Assignment]:
    """Return the open assignments to a role that ``user`` has; for superusers, to any role."""
    open_ones = Assignment.objects.filter(closed_at=None, to_group__isnull=False)
    return open_ones if user.is_superuser else open_ones.filter(to_group__user=user)


def texts(user: Any, name: str) -> QuerySet[Revision]:
    """Return the latest texts of what is ``assigned`` to ``user`` in person, or ``escalated`` to a role of theirs."""
    mine = to_me(user) if name == "assigned" else to_my_roles(user)
    newer = Revision.objects.filter(comment=OuterRef("comment"), number__gt=OuterRef("number"))
    found = Revision.objects.filter(~Exists(newer), comment__in=mine.values("comment")).order_by("created_at", "id")
    sections = access.sections_seen(user)
    return found if sections is None else found.filter(comment__discussion__section__in=sections)


# --- Telling ----------------------------------------------------------------------------------------------------------


def _tell(assignment: Assignment) -> None:
    """Mail whoever it was handed to and wishes mail; never who handed it over."""
    wishing = DeskPreference.objects.filter(mail_decisions=True, person__user__is_active=True)
    if assignment.to_group_id:
        wishing = wishing.filter(person__user__groups=assignment.to_group_id)
    else:
        wishing = wishing.filter(person=assignment.to_person_id)
    discussion = assignment.comment.discussion
    for preference in wishing.exclude(person=assignment.made_by).select_related("person__user")[:MOST_TOLD]:
        user = preference.person.user
        if user is None or not access.may_moderate(user, discussion):
            continue
        link = outbox.absolute(f"{reverse('admin:comments_desk_changelist')}?open={assignment.comment_id}")
        facts = {
            "who": " ".join(assignment.made_by.name.split()),
            "id": assignment.comment_id,
            "story": " ".join(str(discussion).split()),
            "to": assignment.to_group or _("you"),
        }
        lines = [_("%(who)s handed comment %(id)d, on “%(story)s”, to %(to)s.") % facts]
        lines += [outbox.quoted(assignment.note)] if assignment.note else []
        lines.append(link or outbox.no_link())
        outbox.mail(
            f"assignment:{assignment.pk}:told:{user.pk}",
            user.email,
            _("Comment %(id)d is yours to decide") % facts,
            "\n\n".join(lines) + "\n",
        )
