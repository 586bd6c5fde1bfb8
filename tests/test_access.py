"""Who may open what: every address of the desk and of moderation, for everyone who is not a moderator."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import URLPattern

from comments.api import urls
from comments.models import Commenter, Desk, Token

METHODS = ("get", "post", "put", "delete")


def filled(route: str) -> str:
    """Return an address of a route, with a number or a name in each of its places."""
    route = re.sub(r"<uuid:[^>]*>", "11111111-1111-4111-8111-111111111111", route)
    return re.sub(r"<[^:>]*:[^>]*>", "1", route)


def desk_addresses() -> Iterator[str]:
    model_admin = admin.site._registry[Desk]
    for pattern in model_admin.get_urls():
        # A link in a mail is signed for one editor: tests/test_decision_links.py.
        if isinstance(pattern, URLPattern) and pattern.name == "comments_desk_link":
            continue
        if isinstance(pattern, URLPattern) and (pattern.name or "").startswith("comments_desk"):
            yield "/admin/comments/desk/" + filled(str(pattern.pattern).removeprefix("^"))


def moderation_addresses() -> Iterator[str]:
    for pattern in urls.urlpatterns:
        route = str(pattern.pattern)
        if route.startswith("moderation/"):
            yield "/api/v1/" + filled(route)


DESK, MODERATION = sorted(set(desk_addresses())), sorted(set(moderation_addresses()))


def test_the_lists_are_not_empty() -> None:
    assert len(DESK) > 12 and len(MODERATION) > 20


@pytest.mark.parametrize("address", DESK)
@pytest.mark.django_db
def test_the_desk_is_for_moderators(address: str, reader: Commenter, person: Callable[..., Commenter]) -> None:
    clerk = person("clerk")
    clerk.user.is_staff = True
    clerk.user.save()

    for who, expected in ((None, 302), (reader, 302), (clerk, 403)):
        client = Client()
        if who is not None:
            client.force_login(who.user)
        for method in ("get", "post"):
            assert getattr(client, method)(address).status_code in (expected, 405), (address, method, who)


@pytest.mark.parametrize("address", MODERATION)
@pytest.mark.django_db
def test_moderation_over_the_api_is_for_moderators(address: str, reader: Commenter, editor: Commenter) -> None:
    of_reader = Token.objects.issue(reader.user, ["read", "write", "moderate"], 30)
    without_scope = Token.objects.issue(editor.user, ["read", "write"], 30)

    for token, expected in (("", 401), (of_reader, 403), (without_scope, 403)):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        for method in METHODS:
            body = {} if method == "get" else {"data": b"{}", "content_type": "application/json"}
            answer = getattr(Client(), method)(address, headers=headers, **body)
            assert answer.status_code in (expected, 405), (address, method, answer.content[:200])
