"""How an editor wants to work: a page of their own."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from comments import access, preferences
from comments.desk import frame
from comments.desk.forms import complaint
from comments.desk.frame import for_viewers
from comments.exceptions import Refused


class PreferencesForm(forms.Form):
    blur_harsh = forms.BooleanField(required=False)
    grey_pictures = forms.BooleanField(required=False)
    daily_quota = forms.IntegerField(
        min_value=0, max_value=preferences.MOST_A_DAY, label=gettext_lazy("Decisions a day")
    )
    break_minutes = forms.IntegerField(
        min_value=0, max_value=preferences.LONGEST_STRETCH, label=gettext_lazy("Minutes until a pause")
    )
    mail_decisions = forms.BooleanField(required=False)


@require_http_methods(["GET", "HEAD", "POST"])
@for_viewers
def mine(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show an editor's own preferences; keep them."""
    if request.method != "POST":
        return _page(request, site, preferences.of(request.user))
    form = PreferencesForm(request.POST)
    if not form.is_valid():
        return _page(request, site, request.POST, alert=complaint(form), status=400)
    try:
        preferences.keep(access.person(request.user), **form.cleaned_data)
    except Refused as refused:
        return _page(request, site, request.POST, alert=refused.detail, status=refused.status)
    messages.success(request, _("Kept."))
    response = HttpResponseRedirect(reverse("admin:comments_desk_preferences"))
    response.status_code = 303
    return response


def _page(request: HttpRequest, site: AdminSite, wishes: Any, *, alert: str = "", status: int = 200) -> HttpResponse:
    context = frame.context(request, site, tab="preferences", title=_("Preferences")) | {
        "wishes": wishes,
        "alert": alert,
        "said": [str(message) for message in messages.get_messages(request)],
        "address": getattr(request.user, "email", ""),
        "most": preferences.MOST_A_DAY,
        "longest": preferences.LONGEST_STRETCH,
    }
    return TemplateResponse(request, "comments/desk/preferences.html", context, status=status)


ADDRESSES = [("preferences/", mine, "preferences")]
