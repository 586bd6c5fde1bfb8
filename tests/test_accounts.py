"""Accounts of the site's own: sign-up, confirmation, sign-in, a forgotten password, all inside the site's look."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.test import Client

pytestmark = pytest.mark.django_db

SECRET = "a rather long password"


def link(pattern: str) -> str:
    found = re.search(pattern, mail.outbox[-1].body)
    assert found, mail.outbox[-1].body
    return found[0]


def in_the_sites_look(answer: Any) -> bool:
    html = answer.content.decode()
    return (
        answer.status_code == 200
        and "newsroom/site.css" in html
        and "site-wrap" in html
        and "The Estuary Record" in html
    )


@pytest.mark.parametrize("page", ["login/", "signup/", "password/reset/", "password/reset/done/", "confirm-email/"])
def test_every_page_for_strangers_has_the_sites_look(client: Client, page: str) -> None:
    assert in_the_sites_look(client.get(f"/accounts/{page}"))


def test_somebody_signs_up_confirms_their_address_and_is_back_at_the_box(client: Client) -> None:
    given = {"email": "piet@example.org", "username": "piet", "password1": SECRET, "password2": SECRET}

    signed_up = client.post("/accounts/signup/", given | {"next": "/articles/night-tram/#comment-form"})
    confirm = link(r"/accounts/confirm-email/[^\s]+")
    seen = client.get(confirm)
    confirmed = client.post(confirm)

    assert signed_up.status_code == 302 and signed_up["Location"] == "/articles/night-tram/#comment-form"
    assert in_the_sites_look(seen) and confirmed.status_code == 302
    user = get_user_model().objects.get(username="piet")
    assert user.emailaddress_set.get().verified


def test_a_forgotten_password_is_replaced_by_mail(client: Client, reader: Any) -> None:
    asked = client.post("/accounts/password/reset/", {"email": reader.user.email})
    first = client.get(link(r"/accounts/password/reset/key/[^\s]+"))
    form = client.get(first["Location"])
    changed = client.post(first["Location"], {"password1": SECRET, "password2": SECRET})

    assert asked.status_code == first.status_code == changed.status_code == 302
    assert in_the_sites_look(form)
    again = client.post("/accounts/login/", {"login": reader.user.username, "password": SECRET})
    assert again.status_code == 302


def test_asking_for_a_password_does_not_tell_who_has_an_account(client: Client) -> None:
    unknown = client.post("/accounts/password/reset/", {"email": "nobody@example.org"})

    assert unknown.status_code == 302
