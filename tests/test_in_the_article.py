"""An editor moderates where readers read, and nobody else gets any of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comments import discussions, threads
from comments.models import Comment, Commenter, Decision, Discussion, SectionAccess, Status
from newsroom.articles.models import Article

Post = Callable[..., Comment]
PIECES = ("comment-moderate", "data-moderate", "data-editing", "editor.js", "editor.css", "/decide/")
HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>'


@pytest.fixture
def article(db: None) -> Article:
    return Article.objects.create(
        slug="night-tram",
        headline="The night tram is back",
        body="<p>At 02:52 the platform held eleven people.</p>",
        published_at=timezone.now() - timedelta(hours=2),
    )


@pytest.fixture
def story(article: Article) -> Discussion:
    return discussions.for_object(article)


@pytest.fixture
def desk(editor: Commenter) -> Client:
    client = Client()
    client.force_login(editor.user)
    return client


def page(client: Client, article: Article, query: str = "") -> str:
    response = client.get(article.get_absolute_url() + query)
    assert response.status_code == 200
    return response.content.decode()


def piece(html: str, comment: Comment) -> str:
    """Return one comment of a page, with all that stands in it."""
    found = re.search(rf'<article class="comment" id="comment-{comment.pk}".*?</article>', html, re.S)
    assert found is not None, html[:2000]
    return found.group()


def send(client: Client, comment: Comment, decision: str = "", **more: Any) -> Any:
    more.setdefault("version", comment.version)
    given = ({"decision": decision} if decision else {}) | more
    return client.post(f"/comments/{comment.pk}/decide/", given, headers={"sec-fetch-site": "same-origin"})


# --- Looking --------------------------------------------------------------------------------------------------------


def test_smoke(desk, article, story, reader, post, decide, editor):
    a = post(reader, "First one.", discussion=story)
    b = post(reader, "Read https://example.net/x", discussion=story)
    c = post(reader, "A reply that is held https://example.net/y", discussion=story, parent=a)
    html = page(desk, article)
    print(html)
    r = send(desk, a, "reject", reason="spam")
    print(r.status_code, r["Location"])
    html = page(desk, article, "?" + r["Location"].partition("?")[2].partition("#")[0])
    print(piece(html, a))
