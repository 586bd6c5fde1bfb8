"""What leaves the site: once, later when it must be, and never where it should not go."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from comments import conf, outbox


def test_a_link_in_a_mail_begins_with_the_sites_address(settings: Any) -> None:
    settings.COMMENTS = {"SITE_URL": "https://example-news.com/"}

    assert outbox.absolute("/comments/7/") == "https://example-news.com/comments/7/"


def test_without_the_sites_address_there_is_no_link(settings: Any) -> None:
    settings.COMMENTS = {}

    assert outbox.absolute("/comments/7/") == ""


@pytest.mark.parametrize(
    "wrong", ["example-news.com", "javascript:alert(1)", "https://example.com/a?b", "https://a b/"]
)
def test_an_address_of_the_site_that_is_none_is_refused_at_start(settings: Any, wrong: str) -> None:
    settings.COMMENTS = {"SITE_URL": wrong}

    with pytest.raises(ImproperlyConfigured, match="SITE_URL"):
        conf.get()
