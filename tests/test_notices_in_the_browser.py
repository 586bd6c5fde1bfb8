"""Being told, in a real browser on the demonstration: the line in the section, the list, the mail."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.browsers import STORY, Site, Window, api

pytestmark = [pytest.mark.slow, pytest.mark.services]


def answered(site: Site, words: str) -> None:
    """Let reader2 answer reader1's comment under the story."""
    for number in range(1, 20):
        key = f"articles.article:{number}"
        page = api(site, "reader1", f"discussions/{key}/comments/", {}, method="GET")
        own = [one["id"] for one in page["results"] if one["author"]["name"] == "Mara Lindqvist"]
        if own:
            api(site, "reader2", f"discussions/{key}/comments/", {"text": words, "parent": own[-1]})
            return


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_a_reply_is_told_on_the_page_and_by_mail(script: bool, site: Site, window: Callable[..., Window]) -> None:
    words = f"The back entrance opens at five, {'with' if script else 'without'} a queue."
    reader = window("reader1", java_script_enabled=script, viewport={"width": 390, "height": 900})
    page = reader.page

    answered(site, words)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        page.goto("/comments/me/notices/")
        if page.locator("#notices", has_text=words).count():
            break
        time.sleep(0.5)
    page.goto(STORY)

    page.locator("[data-bell]").click()
    assert "Jo Petersen\u2069 replied to you." in page.locator("#notices .comment-notes li").first.inner_text()
    page.get_by_role("button", name="Mark all as read").click()
    page.wait_for_url("**/comments/me/notices/#notices")
    assert page.locator("#notices .comment-new").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390 if script else True

    until = time.monotonic() + 20
    while time.monotonic() < until:
        page.goto("/mail/")
        if page.locator(".site-mail a").count():
            break
        time.sleep(0.5)
    page.locator(".site-mail a").first.click()
    assert "List-Unsubscribe=One-Click" in page.locator(".site-mail-head").inner_text()
    assert "Mara Lindqvist" in page.frame_locator(".site-mail-frame").locator("body").inner_text()
    assert reader.complaints == []


def test_a_story_is_followed_and_left_without_script(window: Callable[..., Window]) -> None:
    page = window("reader2", java_script_enabled=False).page

    page.get_by_role("button", name="Follow these comments").click()
    page.get_by_role("button", name="You follow these comments").click()

    assert page.get_by_role("button", name="Follow these comments").get_attribute("aria-pressed") == "false"
