"""The guidelines on a page of their own, each version of them, and the form with which a reader accepts them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from comments import access, guidelines
from comments.exceptions import Refused
from comments.models import Commenter, Guidelines
from comments.pages import shown, visitor
from comments.pages.origin import ours
from comments.pages.views import answers_refusals, open_page, private_page


@require_safe
@answers_refusals
def current(request: HttpRequest) -> HttpResponse:
    """Show the guidelines that hold."""
    found = guidelines.current()
    if found is None:
        raise Refused("no_guidelines", _("No guidelines are published here."), status=404)
    return _page(request, found)


@require_safe
@answers_refusals
def version(request: HttpRequest, number: int) -> HttpResponse:
    """Show one version, as it was when somebody accepted it or was judged by it."""
    return _page(request, guidelines.version(number))


def _page(request: HttpRequest, found: Guidelines) -> HttpResponse:
    latest = guidelines.current()
    holds = latest is not None and latest.number == found.number
    context: dict[str, Any] = shown.context(
        guidelines=found,
        number=str(found.number),
        since=shown.public_time(found.created_at),
        holds=holds,
        latest_url="" if holds else guidelines.address(),
    )
    person = visitor.reader(request) if holds else None
    if person is None:
        return open_page(request, "comments/guidelines.html", context)
    accepted = person.terms_accepted_at if person.terms_version == found.number else None
    context |= {
        "accepted": shown.spoken_time(accepted) if accepted else "",
        "asks": guidelines.to_accept(person) is not None,
        "here": request.GET.get("next", ""),
    }
    return private_page(request, "comments/guidelines.html", context)


@require_http_methods(["GET", "POST"])
@ours()
@answers_refusals
def accept(request: HttpRequest) -> HttpResponse:
    """Write down that this reader accepts the version they were shown; then back to where they came from."""
    page = guidelines.address()
    if request.method == "POST":
        access.require_signed_in(request.user)
        number = guidelines.number_typed(request.POST.get("guidelines", ""))
        if number is None:
            raise Refused("not_ticked", _("Tick that you have read it, then go on."))
        guidelines.accept(Commenter.objects.for_user(request.user), number)
        back = request.POST.get("next", "")
        if back and url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
            page = back
    response = HttpResponseRedirect(page)
    response.status_code = 303
    response["Cache-Control"] = "private, no-store"
    return response
