"""The page on which editors write the guidelines: what holds, a preview of what is typed, and every earlier version."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.messages import get_messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from comments import guidelines, text, thresholds
from comments.desk import frame
from comments.desk.forms import BIGGEST, complaint
from comments.desk.frame import for_those_who
from comments.exceptions import Refused
from comments.models import Commenter, Guidelines

PAGE = "admin:comments_desk_guidelines"
VERSIONS = 50


class GuidelinesForm(forms.Form):
    text = forms.CharField(max_length=2 * text.MAX_CHARACTERS, strip=False, label=gettext_lazy("Guidelines"))
    note = forms.CharField(required=False, max_length=guidelines.NOTE_CHARACTERS, label=gettext_lazy("What is new"))
    seen = forms.IntegerField(min_value=0, max_value=BIGGEST)
    do = forms.ChoiceField(choices=[("preview", ""), ("publish", "")])


@require_GET
@for_those_who("change_policy")
def page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show what holds, in the box, and what was published before."""
    return _page(request, site)


def _page(
    request: HttpRequest,
    site: AdminSite,
    *,
    typed: dict[str, Any] | None = None,
    preview: str = "",
    alert: str = "",
    status: int = 200,
) -> HttpResponse:
    versions = list(Guidelines.objects.select_related("made_by")[:VERSIONS])
    latest = versions[0] if versions else None
    holds = {"text": latest.text if latest else "", "seen": latest.number if latest else 0}
    context = frame.context(request, site, tab="guidelines", title=_("Guidelines")) | {
        "versions": [(one, guidelines.address(one)) for one in versions],
        "latest": latest,
        "typed": holds if typed is None else typed,
        "preview": {"html": preview} if preview else None,
        "to_accept": thresholds.of(None, exact=True).accept_guidelines,
        "settings_url": reverse("admin:comments_desk_settings"),
        "most": text.MAX_CHARACTERS,
        "alert": alert,
        "said": [str(message) for message in get_messages(request)],
    }
    return TemplateResponse(request, "comments/desk/guidelines.html", context, status=status)


@require_POST
@for_those_who("change_policy")
def publish(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show how the text would look, or publish it as the next version. A refusal keeps what was typed."""
    form = GuidelinesForm(request.POST)
    typed = {name: request.POST.get(name, "") for name in ("text", "note", "seen")}
    if not form.is_valid():
        return _page(request, site, typed=typed, alert=complaint(form), status=400)
    given = form.cleaned_data
    try:
        if given["do"] == "preview":
            _words, html = guidelines.rendered(given["text"])
            return _page(request, site, typed=typed, preview=html)
        made = guidelines.publish(
            given["text"],
            made_by=Commenter.objects.for_user(request.user),
            note=given["note"],
            seen=given["seen"],
        )
    except Refused as refused:
        return _page(request, site, typed=typed, alert=refused.detail, status=refused.status)
    messages.success(request, _("Version %(number)d is published.") % {"number": made.number})
    response = HttpResponseRedirect(reverse(PAGE))
    response.status_code = 303
    return response


ADDRESSES = [
    ("guidelines/", page, "guidelines"),
    ("guidelines/publish/", publish, "guidelines_publish"),
]
