"""Pages that belong to no app."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.i18n import set_language

from comments.issues import failures
from comments.pages.origin import ours


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that the form expired, and give the reader's text back."""
    failures.note(request, "stale_form", status=403)
    return render(request, "403_csrf.html", {"text": request.POST.get("text", "")}, status=403)


@ours()
def language(request: HttpRequest) -> HttpResponseBase:
    """Keep the chosen language in a cookie, and go back. The form stands in pages that carry no token."""
    return set_language(request)
