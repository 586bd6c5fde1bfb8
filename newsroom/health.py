"""Whether the site lives, and whether it can do its work."""

from __future__ import annotations

from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone

from comments.models import Revision, Status


def alive(request: HttpRequest) -> JsonResponse:
    """Answer while the process can."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 with the age in seconds of the oldest unscreened comment, or 503 when the database is away."""
    try:
        with connection.cursor() as db:
            db.execute("SELECT 1")
        oldest = (
            Revision.objects.filter(status=Status.RECEIVED).order_by("created_at").values_list("created_at", flat=True)
        ).first()
    except Exception as error:
        return JsonResponse({"status": "unavailable", "database": type(error).__name__}, status=503)
    age = (timezone.now() - oldest).total_seconds() if oldest else 0
    return JsonResponse({"status": "ok", "oldest_unscreened_seconds": round(age, 1)})
