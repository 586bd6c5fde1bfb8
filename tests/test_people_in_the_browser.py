"""An author suspended from their comment by keyboard alone, and told, in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browsers import Site, Window, api
from tests.test_desk_in_the_browser import DESK, axe, held, opened, rules

__all__ = ["held", "rules"]

pytestmark = pytest.mark.services


def test_an_author_is_suspended_by_keyboard_and_reads_why(
    window: Callable[..., Window], site: Site, rules: None, held: Callable[[int], list[int]]
) -> None:
    [number] = held(1)
    desk = window("moderator")
    page = desk.page
    page.goto(site.base + DESK)
    assert opened(page) == number
    page.wait_for_load_state("networkidle")

    page.keyboard.press("b")
    axe(page, "a sheet about the person")
    page.locator("[data-pop=b] select").focus()
    page.keyboard.type("spam")
    page.keyboard.press("Tab")
    page.keyboard.type("Enough for now.")
    page.keyboard.press("Tab")
    page.keyboard.press("3")

    page.locator(".toast", has_text="Suspension until").wait_for()
    assert opened(page) == number, "the card stays open"
    author = page.locator(".is-open .person-head a").get_attribute("href")
    page.goto(site.base + str(author))
    axe(page, "a person's page")
    person = int(str(author).rstrip("/").rpartition("/")[2])
    record = api(site, "moderator", f"moderation/people/{person}/", None, "GET")
    assert record["standing"]["state"] == "suspended"
    assert desk.complaints == []

    page.get_by_role("button", name="Lift it").first.click()
    page.get_by_role("status").filter(has_text="Lifted: Suspension until").wait_for()
