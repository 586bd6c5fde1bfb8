"""
Verbs about roles: who works for the newsroom as what, and in which sections.

A role is a group of Django's that carries permissions of the desk. Whatever changes one is written into the audit log,
also where it is done on the pages of Django's own admin: :func:`listen` hears of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import models, transaction
from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from comments import access, audit
from comments.exceptions import Refused
from comments.http import signed_in_user
from comments.models import Commenter, Discussion, SectionAccess

TITLES: dict[str, str | Promise] = {
    "Viewer": gettext_lazy("Viewer"),
    "Section moderator": gettext_lazy("Section moderator"),
    "Moderator": gettext_lazy("Moderator"),
    "Community editor": gettext_lazy("Community editor"),
    "Issue desk": gettext_lazy("Issue desk"),
}
"""The roles that ship, as editors read them. Groups that a site makes are called by their name."""

FLAGS = ("is_active", "is_staff", "is_superuser")
MOST_SECTIONS = 200
LONGEST_SECTION = 80

_told_as_one: ContextVar[bool] = ContextVar("comments_roles_told_as_one", default=False)


@dataclass(frozen=True, slots=True)
class Role:
    pk: int
    name: str
    title: str
    may: list[str]
    """What it allows, in words."""
    in_sections: bool
    """It allows nothing until sections are given with it."""


def every() -> list[Role]:
    """Return the groups that carry a permission of the desk, in the order in which they were made. Two queries."""
    found = []
    carrying = Group.objects.filter(permissions__in=_of_the_desk()).distinct().order_by("pk")
    for group in carrying.prefetch_related(models.Prefetch("permissions", _of_the_desk(), to_attr="of_the_desk")):
        codes = {permission.codename for permission in group.of_the_desk}
        found.append(
            Role(
                pk=group.pk,
                name=group.name,
                title=str(TITLES.get(group.name, group.name)),
                may=[_(permission.name) for permission in group.of_the_desk],
                in_sections="moderate_sections" in codes and "moderate" not in codes,
            )
        )
    return found


def _of_the_desk() -> QuerySet[Permission]:
    return Permission.objects.filter(content_type__app_label="comments", content_type__model="desk").order_by("pk")


def staff(words: str = "") -> QuerySet[Any]:
    """
    Return who works for the newsroom: staff, and whoever has a role or a section; by sign-in name.

    With ``words``, whoever has them in their name or address, so that somebody new is found.
    """
    users: Any = get_user_model()
    name, fields = users.USERNAME_FIELD, {field.name for field in users._meta.get_fields()}
    if words:
        searched = [one for one in (name, "first_name", "last_name", "email") if one in fields]
        found = Q(commenter__name__icontains=words)
        for one in searched:
            found |= Q(**{f"{one}__icontains": words})
    else:
        roles = Group.objects.filter(permissions__in=_of_the_desk())
        found = Q(is_staff=True) | Q(groups__in=roles) | Q(comment_sections__isnull=False)
    rows = users._default_manager.filter(pk__in=users._default_manager.filter(found).values("pk"))
    with_roles: QuerySet[Any] = rows.prefetch_related("groups", "comment_sections").order_by(name)
    return with_roles


def sections() -> list[str]:
    """Return the sections that there are, and those that somebody was given."""
    known = Discussion.objects.exclude(section="").values_list("section", flat=True)
    given = SectionAccess.objects.values_list("section", flat=True)
    return sorted({*known.order_by("section").distinct()[:MOST_SECTIONS], *given.distinct()[:MOST_SECTIONS]})


def standing(user: Any) -> dict[str, Any]:
    """Return what ``user`` may, as the audit log keeps it."""
    return {
        "roles": sorted(user.groups.values_list("name", flat=True)),
        "sections": sorted(SectionAccess.objects.filter(user=user.pk).values_list("section", flat=True)),
    }


def give(
    user: Any, roles: Collection[int], sections: Collection[str], *, made_by: Commenter | None, note: str = ""
) -> bool:
    """
    Let ``user`` have exactly these roles and sections of the desk, and say whether that changed anything.

    ``roles`` are keys of :func:`every`; groups that are no roles stay as they are. Whoever gets a role may sign in to
    the admin panel; nobody loses that here. Raise ``Refused``: 403 for who may not give roles, to whom only superusers
    may, or to oneself; 400 for a role or a section that cannot be, or a role without the sections it needs.
    """
    giver = made_by.user if made_by else None
    if giver is not None:
        _require_may_give(giver, user)
    known = {role.pk: role for role in every()}
    if not set(roles) <= set(known):
        raise Refused("unknown_role", _("There is no such role."))
    wanted = sorted({section.strip() for section in sections} - {""})
    if len(wanted) > MOST_SECTIONS or any(len(one) > LONGEST_SECTION or "\x00" in one for one in wanted):
        said = _("A section has a name of at most %(most)d characters.") % {"most": LONGEST_SECTION}
        raise Refused("unknown_section", said)
    if not wanted and any(known[pk].in_sections for pk in roles):
        raise Refused("sections_needed", _("Choose the sections: without one, a section moderator decides nothing."))
    with transaction.atomic(), told_as_one():
        users: Any = get_user_model()
        locked = users._default_manager.select_for_update().get(pk=user.pk)
        before = standing(locked)
        kept = set(locked.groups.exclude(pk__in=known).values_list("pk", flat=True))
        locked.groups.set(kept | set(roles))
        has = set(before["sections"])
        SectionAccess.objects.filter(user=locked, section__in=has - set(wanted)).delete()
        SectionAccess.objects.bulk_create([SectionAccess(user=locked, section=one) for one in wanted if one not in has])
        after = standing(locked)
        if roles and not locked.is_staff:
            before, after = before | {"is_staff": False}, after | {"is_staff": True}
            locked.is_staff = True
            locked.save(update_fields=["is_staff"])
        if before == after:
            return False
        write_down(locked, before, after, made_by, note)
    return True


def _require_may_give(giver: Any, user: Any) -> None:
    access.require_may_give_roles(giver)
    if giver.pk == user.pk:
        raise Refused("own_role", _("Nobody changes their own role. Ask somebody else who may."), status=403)
    if user.is_superuser and not giver.is_superuser:
        raise Refused("superuser", _("Only a superuser changes what a superuser may do."), status=403)


# --- The record -------------------------------------------------------------------------------------------------------


def write_down(user: Any, before: Any, after: Any, made_by: Commenter | None, note: str = "") -> None:
    audit.record("role", user.get_username(), object_id=user.pk, before=before, after=after, note=note, made_by=made_by)


@contextmanager
def told_as_one() -> Iterator[None]:
    """Write nothing down by itself: what is done inside is one entry, and the caller writes it."""
    token = _told_as_one.set(True)
    try:
        yield
    finally:
        _told_as_one.reset(token)


def _who() -> Commenter | None:
    user = signed_in_user()
    return Commenter.objects.for_user(user) if user is not None else None


def listen() -> None:
    """Hear of every change of groups, permissions and staff, whoever makes it."""
    users: Any = get_user_model()
    for changed, name in ((users.groups.through, "groups"), (users.user_permissions.through, "permissions")):
        models.signals.m2m_changed.connect(_of_a_person, sender=changed, dispatch_uid=f"comments.roles.{name}")
    of_groups = Group.permissions.through
    models.signals.m2m_changed.connect(_of_a_group, sender=of_groups, dispatch_uid="comments.roles.of_groups")
    models.signals.pre_save.connect(_flags, sender=users, dispatch_uid="comments.roles.flags")


def _names(model: Any, pks: Collection[Any]) -> set[str]:
    field = "codename" if model is Permission else "name"
    return set(model.objects.filter(pk__in=pks).values_list(field, flat=True))


def _of_a_person(
    sender: Any, instance: Any, action: str, reverse: bool, model: Any, pk_set: set[Any] | None, **_more: Any
) -> None:
    """Write down that ``instance``, a person, got or lost groups or permissions; from the other side too."""
    if _told_as_one.get():
        return
    name = "roles" if sender is get_user_model().groups.through else "permissions"
    if not reverse:
        kept = instance.groups if name == "roles" else instance.user_permissions
        _write_moved(instance, instance.get_username(), name, kept, model, action, pk_set)
    elif action in ("post_add", "post_remove") and pk_set:
        given = getattr(instance, "codename", instance.name)
        for user in model._default_manager.filter(pk__in=pk_set):
            lists: tuple[list[str], list[str]] = ([], [given])
            before, after = lists if action == "post_add" else lists[::-1]
            write_down(user, {name: before}, {name: after}, _who())
    elif action == "pre_clear":
        of_it = {"groups" if name == "roles" else "user_permissions": instance}
        for user in model._default_manager.filter(**of_it):
            write_down(user, {name: [getattr(instance, "codename", instance.name)]}, {name: []}, _who())


def _of_a_group(
    sender: Any, instance: Any, action: str, reverse: bool, model: Any, pk_set: set[Any] | None, **_more: Any
) -> None:
    """Write down that a role allows more or less than before."""
    if _told_as_one.get():
        return
    if not reverse:
        _write_moved(instance, instance.name, "permissions", instance.permissions, model, action, pk_set)
    elif action in ("post_add", "post_remove") and pk_set:
        for name in sorted(_names(model, pk_set)):
            lists: tuple[list[str], list[str]] = ([], [instance.codename])
            before, after = lists if action == "post_add" else lists[::-1]
            audit.record("role", name, before={"permissions": before}, after={"permissions": after}, made_by=_who())


def _write_moved(
    instance: Any, subject: str, name: str, kept: Any, model: Any, action: str, pk_set: set[Any] | None
) -> None:
    field = "codename" if model is Permission else "name"
    if action == "pre_clear":
        instance._comments_cleared = set(kept.values_list(field, flat=True))
        return
    if action not in ("post_add", "post_remove", "post_clear"):
        return
    now = set(kept.values_list(field, flat=True))
    moved = instance.__dict__.pop("_comments_cleared", set()) if action == "post_clear" else _names(model, pk_set or ())
    before = now - moved if action == "post_add" else now | moved
    if before != now:
        lists = {name: sorted(before)}, {name: sorted(now)}
        audit.record("role", subject, object_id=instance.pk, before=lists[0], after=lists[1], made_by=_who())


def _flags(sender: Any, instance: Any, update_fields: Collection[str] | None, **_more: Any) -> None:
    """Write down that somebody already there became staff or a superuser, was let in or shut out."""
    moved = [name for name in FLAGS if update_fields is None or name in update_fields]
    if _told_as_one.get() or instance._state.adding or not moved:
        return
    earlier = sender._default_manager.filter(pk=instance.pk).values(*moved).first()
    if earlier is None:
        return
    before = {name: value for name, value in earlier.items() if value != getattr(instance, name)}
    if before:
        write_down(instance, before, {name: getattr(instance, name) for name in before}, _who())
