"""While the cache that all processes share is away, editors decide and people sign in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from comments import preferences, shared_cache
from comments.breaker import Breaker
from comments.models import Commenter
from newsroom import cache as site_cache
from tests.test_access import DESK

pytestmark = pytest.mark.django_db

LOGIN = "/accounts/login/"


@pytest.fixture(autouse=True)
def redis_is_away(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put nothing at all behind the cache: every connection is refused."""
    monkeypatch.setattr(shared_cache, "breaker", Breaker(failures=2, seconds=5))
    monkeypatch.setattr(site_cache, "_breaker", Breaker(failures=2, seconds=5))
    settings.CACHES = {
        "default": {"BACKEND": "newsroom.cache.SignInGoesOn", "LOCATION": "redis://127.0.0.1:9/0"},
    }
    yield
    cache._here.clear()


def test_nobody_is_told_that_the_cache_knows_nothing() -> None:
    with pytest.raises(Exception, match="9"):
        cache.get("comments:version:1")


@pytest.mark.parametrize("address", DESK)
def test_every_page_of_the_desk_opens(address: str, editor: Commenter) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(editor.user)

    assert client.get(address).status_code < 500


def test_an_editors_wishes_are_kept(editor: Commenter) -> None:
    assert preferences.of(editor.user).daily_quota == 0

    preferences.keep(editor, daily_quota=40)

    assert preferences.of(editor.user).daily_quota == 40


def test_people_sign_in_and_guessing_a_password_ends_as_ever(reader: Commenter, client: Client) -> None:
    reader.user.set_password("a tram at night")
    reader.user.save()
    wrong = {"login": reader.user.username, "password": "a bus by day"}

    said = [client.post(LOGIN, wrong).content.decode() for _guess in range(7)]
    signed_in = Client(REMOTE_ADDR="192.0.2.77").post(LOGIN, wrong | {"password": "a tram at night"})

    assert "Too many failed login attempts" in said[-1] and "Too many failed login attempts" not in said[0]
    # Nor does the right one help whoever has guessed: it is the account that is kept.
    assert signed_in.status_code == 200


def test_whoever_knows_their_password_is_signed_in(reader: Commenter, client: Client) -> None:
    reader.user.set_password("a tram at night")
    reader.user.save()

    answer = client.post(LOGIN, {"login": reader.user.username, "password": "a tram at night"})

    assert answer.status_code == 302
