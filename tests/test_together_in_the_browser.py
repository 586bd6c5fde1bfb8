"""Handing on, notes, blurred texts and a link in a mail, in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browsers import Site, Window, api
from tests.test_desk_in_the_browser import DESK, axe, held, opened, rules

__all__ = ["held", "rules"]

pytestmark = pytest.mark.services

HARSH = "You stupid bitch, go and kill yourself. https://proof.example/"


@pytest.fixture
def plain(site: Site, rules: None) -> Any:
    """Put the moderator's preferences back after the test."""
    yield
    api(site, "moderator", "moderation/preferences/", {"blur_harsh": False, "daily_quota": 0}, "PUT")


def test_a_comment_is_handed_on_with_two_keys_and_the_next_one_opens(
    window: Callable[..., Window], site: Site, plain: None, held: Callable[[int], list[int]]
) -> None:
    first, second, _third = held(3)
    desk = window("moderator")
    page = desk.page
    page.goto(site.base + DESK)
    assert opened(page) == first
    page.wait_for_load_state("networkidle")

    page.keyboard.press("e")
    axe(page, "handing on")
    page.keyboard.press("1")

    page.locator(f"#c-{second}.is-open").wait_for()
    page.locator(f"#c-{first} .why", has_text="for ").wait_for()
    handed = api(site, "editor", f"moderation/comments/{first}/assignment/", None, "GET")
    assert handed["to"].startswith("role:") and handed["made_by"]["name"] == "Daniel Ferro"
    assert desk.complaints == []


def test_a_note_is_kept_without_a_reload(
    window: Callable[..., Window], site: Site, plain: None, held: Callable[[int], list[int]]
) -> None:
    [number] = held(1)
    page = window("moderator").page
    page.goto(site.base + DESK)
    page.evaluate("window.stayed = true")

    page.get_by_text("Write a note").click()
    page.get_by_label("Only editors read it").fill("I called <b>them</b>.")
    page.get_by_role("button", name="Keep the note").click()

    page.locator(f"#c-{number} [data-notes]", has_text="I called <b>them</b>.").wait_for()
    assert page.evaluate("window.stayed")
    axe(page, "with a note")


@pytest.mark.parametrize("javascript", [True, False])
def test_a_harsh_text_is_blurred_until_it_is_wanted(
    window: Callable[..., Window], site: Site, plain: None, held: Callable[[int], list[int]], javascript: bool
) -> None:
    held(0)
    api(site, "moderator", "moderation/preferences/", {"blur_harsh": True}, "PUT")
    api(site, "reader1", "discussions/articles.article%3A1/comments/", {"text": f"{HARSH}{javascript}"})
    page = window("moderator", java_script_enabled=javascript).page

    def blurred() -> bool:
        styled = page.locator(".is-open .copy").evaluate("element => getComputedStyle(element).filter")
        return bool(styled != "none")

    page.goto(site.base + DESK)
    for _each in range(60):
        if page.locator(".is-harsh.is-open").count():
            break
        page.wait_for_timeout(500)
        page.goto(site.base + DESK)
    page.mouse.move(2, 2)
    assert blurred()
    if javascript:
        axe(page, "blurred")
        page.keyboard.press("v")
    else:
        page.locator(".is-open .veil input").check()
        page.mouse.move(2, 2)
    assert not blurred()
