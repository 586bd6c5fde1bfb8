"""Who works for the newsroom as what: the list of staff, and the form of one person's roles and sections."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth import get_user_model
from django.contrib.messages import get_messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from comments import access, audit, roles
from comments.desk import frame
from comments.desk.forms import BIGGEST
from comments.exceptions import Refused
from comments.models import AuditEntry
from comments.roles import Role

PAGE = "admin:comments_desk_roles"
ON_A_PAGE = 100
HISTORY = 20


class RoleForm(forms.Form):
    roles = forms.TypedMultipleChoiceField(required=False, coerce=int)
    sections = forms.MultipleChoiceField(required=False)
    more_sections = forms.CharField(required=False, max_length=2_000)
    note = forms.CharField(required=False, max_length=500)

    def __init__(self, data: Any, every: list[Role], sections: list[str]) -> None:
        super().__init__(data)
        self.fields["roles"].choices = [(role.pk, role.title) for role in every]  # type: ignore[attr-defined]
        self.fields["sections"].choices = [(one, one) for one in sections]  # type: ignore[attr-defined]

    @property
    def all_sections(self) -> list[str]:
        typed = self.cleaned_data["more_sections"].replace(",", "\n").splitlines()
        return [*self.cleaned_data["sections"], *(one.strip() for one in typed if one.strip())]


@require_GET
@frame.guarded(access.may_give_roles)
def every(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """List who works for the newsroom, or whoever has the words that were typed in their name."""
    words = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    shown = Paginator(roles.staff(words), ON_A_PAGE).get_page(request.GET.get("page"))
    titles = {role.name: role.title for role in roles.every()}
    context = frame.context(request, site, tab="roles", title=_("Roles")) | {
        "people": [
            {
                "user": user,
                "url": reverse("admin:comments_desk_role", args=[user.pk]),
                "roles": [titles[group.name] for group in user.groups.all() if group.name in titles],
                "sections": [one.section for one in user.comment_sections.all()],
            }
            for user in shown
        ],
        "words": words,
        "shown": shown,
        "before": f"?{urlencode({'q': words, 'page': shown.previous_page_number()})}" if shown.has_previous() else "",
        "after": f"?{urlencode({'q': words, 'page': shown.next_page_number()})}" if shown.has_next() else "",
    }
    return TemplateResponse(request, "comments/desk/roles.html", context)


@require_http_methods(["GET", "POST"])
@frame.guarded(access.may_give_roles)
def one(request: HttpRequest, pk: int, site: AdminSite) -> HttpResponse:
    """Show what somebody may do, and take another answer."""
    users: Any = get_user_model()
    user = users._default_manager.filter(pk=pk).first() if pk <= BIGGEST else None
    if user is None:
        raise Http404
    if request.method != "POST":
        return _page(request, site, user)
    known, sections = roles.every(), roles.sections()
    form = RoleForm(request.POST, known, sections)
    if not form.is_valid():
        return _page(request, site, user, alert=_("Look again: there is no such role or section."), status=400)
    try:
        changed = roles.give(
            user,
            form.cleaned_data["roles"],
            form.all_sections,
            made_by=access.person(request.user),
            note=form.cleaned_data["note"],
        )
    except Refused as refused:
        return _page(request, site, user, alert=refused.detail, status=refused.status, typed=form)
    name = user.get_full_name() or user.get_username()
    said = _("%(name)s: changed.") if changed else _("%(name)s: nothing was changed.")
    messages.success(request, said % {"name": name})
    response = HttpResponseRedirect(reverse("admin:comments_desk_role", args=[user.pk]))
    response.status_code = 303
    return response


def _page(
    request: HttpRequest,
    site: AdminSite,
    user: Any,
    *,
    alert: str = "",
    status: int = 200,
    typed: RoleForm | None = None,
) -> HttpResponse:
    held = set(user.groups.values_list("pk", flat=True))
    has = set(user.comment_sections.values_list("section", flat=True))
    given = has
    if typed is not None:
        held, given = set(typed.cleaned_data["roles"]), set(typed.all_sections)
    past = AuditEntry.objects.filter(kind="role", object_id=user.pk, subject=user.get_username())
    context = frame.context(request, site, tab="roles", title=_("Roles")) | {
        "person": user,
        "name": user.get_full_name() or user.get_username(),
        "roles": [(role, role.pk in held) for role in roles.every()],
        "sections": [(section, section in given) for section in sorted({*roles.sections(), *has, *given})],
        "note": typed.cleaned_data["note"] if typed else "",
        "own": user.pk == request.user.pk,
        "past": [
            (row, audit.in_words(row.before), audit.in_words(row.after))
            for row in past.select_related("made_by").order_by("-id")[:HISTORY]
        ],
        "said": [str(message) for message in get_messages(request)],
        "alert": alert,
    }
    return TemplateResponse(request, "comments/desk/role.html", context, status=status)


ADDRESSES = [
    ("roles/", every, "roles"),
    ("roles/<int:pk>/", one, "role"),
]
