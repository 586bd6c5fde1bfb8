"""Pages that belong to no app."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from comments.issues import failures


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that the form expired, and give the reader's text back."""
    failures.note(request, "stale_form", status=403)
    return render(request, "403_csrf.html", {"text": request.POST.get("text", "")}, status=403)
