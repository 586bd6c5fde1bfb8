"""The page behind a link in a mail or a chat: what it is about, and one button. Looking at it changes nothing."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from comments import decision_links, preferences
from comments.decision_links import Link
from comments.desk import cards, queues
from comments.exceptions import Refused
from comments.models import Commenter, Decision, Reason


class ReasonForm(forms.Form):
    reason = forms.CharField(required=False, max_length=40)
    explanation = forms.CharField(required=False, max_length=2000)


@require_http_methods(["GET", "HEAD", "POST"])
@csrf_protect
@never_cache
def decide(request: HttpRequest, token: str, site: AdminSite) -> HttpResponse:
    """Show what a link is about; decide on POST."""
    try:
        link = decision_links.read(token)
        if link.user is None and not site.has_permission(request):
            return redirect_to_login(request.get_full_path(), reverse("admin:login", current_app=site.name))
        user = decision_links.require(link, request.user)
    except Refused as refused:
        return _page(request, site, alert=refused.detail, status=refused.status)
    facts = _facts(link, user)
    try:
        if request.method != "POST":
            decision_links.require_fresh(link)
            return _page(request, site, **facts)
        form = ReasonForm(request.POST)
        if not form.is_valid():
            raise Refused("too_long", _("Your words can have 2,000 characters."))
        decision = decision_links.follow(link, request.user, **form.cleaned_data)
    except Refused as refused:
        gone = refused.status == 409
        facts |= {"alert": refused.detail, "done": gone, "status": refused.status}
        return _page(request, site, typed=request.POST, **facts)
    facts = _facts(link, user) | {"decision": decision, "done": True}
    if link.action == "undo":
        return _page(request, site, said=_("Taken back."), **facts)
    undo = decision_links.path(link.comment, "undo", link.user, decision=decision)
    return _page(request, site, said=_said(decision), undo=undo, **facts)


def _facts(link: Link, user: Any) -> dict[str, Any]:
    row = queues.latest_text(link.comment.pk)
    reasons = list(Reason.objects.all())
    [card] = cards.several([row], {reason.code: str(reason) for reason in reasons}) if row else [None]
    return {
        "link": link,
        "card": card,
        "text": cards.marked(card.revision.text, card.objections) if card else "",
        "choices": [one for one in cards.choices(reasons) if not one.needs_law] if link.action == "reject" else [],
        "who": Commenter.objects.for_user(user),
        "care": preferences.of(user),
    }


def _said(decision: Decision) -> str:
    names = {reason.code: str(reason) for reason in Reason.objects.all()}
    return cards.said(decision, names)


def _page(request: HttpRequest, site: AdminSite, *, status: int = 200, **facts: Any) -> HttpResponse:
    context = site.each_context(request) | {"title": _("From a link"), "is_nav_sidebar_enabled": False} | facts
    response = TemplateResponse(request, "comments/desk/link.html", context, status=status)
    # Whoever has the address has the link: it is told to no other site, and to no search engine.
    response["Referrer-Policy"] = "same-origin"
    response["X-Robots-Tag"] = "noindex"
    return response
