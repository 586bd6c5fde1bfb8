"""
What the server, Django and PostgreSQL cost before this project does anything: the floors of every ratio.

One module is a whole Django project. Its four views are the least that a page, a cached page or a post could be.
``prepare`` makes its tables.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import Any

import django
import environ
from django.conf import settings

ROWS = 50
TEXT = "The floor carries what is built on it and says nothing. " * 5
BODY = (TEXT * 120)[:32_768].encode()

if not settings.configured:
    settings.configure(
        SECRET_KEY="a floor has no secrets",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF="benchmarks.floors",
        MIDDLEWARE=[],
        USE_TZ=True,
        DATABASES={
            "default": environ.Env.db_url_config(os.environ["DATABASE_URL"])
            | {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
        },
        LOGGING_CONFIG=None,
    )
    django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402


class Note(models.Model):
    thread = models.IntegerField()
    parent = models.IntegerField(null=True)
    author = models.CharField(max_length=80)
    html = models.TextField()
    likes = models.IntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "floors"
        indexes = [models.Index(fields=["thread", "-id"], name="floors_note_thread")]

    def __str__(self) -> str:
        return self.author


class Added(models.Model):
    """What is inserted, in a table of its own: beside the notes it would change how they are best read."""

    thread = models.IntegerField()
    parent = models.IntegerField(null=True)
    author = models.CharField(max_length=80)
    html = models.TextField()
    likes = models.IntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "floors"
        indexes = [models.Index(fields=["thread", "-id"], name="floors_added_thread")]

    def __str__(self) -> str:
        return self.author


def raw(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer 32 KB without Django."""
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(BODY)))])
    return [BODY]


def view(request: HttpRequest) -> HttpResponse:
    """Answer 32 KB from a Django view, without middleware."""
    return HttpResponse(BODY, content_type="application/json")


def page(request: HttpRequest) -> HttpResponse:
    """Read 50 rows by index in one query of the ORM and write them as JSON."""
    rows = Note.objects.filter(thread=1).order_by("-id")
    found = list(rows.values("id", "parent", "author", "html", "likes", "created_at")[:ROWS])
    body = json.dumps({"results": [row | {"created_at": row["created_at"].isoformat()} for row in found]})
    return HttpResponse(body, content_type="application/json")


def insert(request: HttpRequest) -> HttpResponse:
    """Insert one row through the ORM."""
    said = json.loads(request.body)
    added = Added.objects.create(thread=1, author="A reader", html=said["text"])
    return HttpResponse(json.dumps({"id": added.pk}), content_type="application/json", status=202)


urlpatterns = [path("view/", view), path("page/", page), path("insert/", insert)]
application = get_wsgi_application()


def prepare() -> None:
    """Make the tables, and 10,000 notes."""
    if Note._meta.db_table in connection.introspection.table_names():
        return
    with connection.schema_editor() as schema:
        schema.create_model(Note)
        schema.create_model(Added)
    Note.objects.bulk_create(
        [Note(thread=1, author=f"Reader {n % 18}", html=f"<p>{TEXT[: 150 + n % 120]}</p>") for n in range(10_000)]
    )
    with connection.cursor() as db:
        # Without statistics PostgreSQL would sort the whole thread.
        db.execute(f"VACUUM ANALYZE {Note._meta.db_table}")
