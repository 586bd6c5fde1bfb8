""" "My comments" in a real Chromium: by keyboard alone, without JavaScript, and through the eyes of axe."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.browsers import Site, Window

pytestmark = pytest.mark.services

ME = "/comments/me/"


def clean(page: Any, state: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=".comment-root").response["violations"]
    assert [(state, rule["id"], [node["html"][:200] for node in rule["nodes"]]) for rule in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), state


def tab_to(page: Any, selector: str, most: int = 120) -> Any:
    """Go on with Tab until the element has the focus, which has to be seen where it is."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement?.matches(selector)", selector):
            ring = page.evaluate(
                "() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' }"
            )
            assert ring, selector
            return page.locator(selector).first
    raise AssertionError(f"{selector} is not reached by Tab")


@pytest.mark.parametrize("javascript", [True, False])
def test_a_life_on_the_page_by_keyboard_alone(window: Callable[..., Window], site: Site, javascript: bool) -> None:
    who = "reader1" if javascript else "reader2"
    reader = window(who, story=ME, java_script_enabled=javascript)
    page = reader.page

    # Narrowed to one state.
    tab_to(page, "#mine-state")
    page.keyboard.press("End")
    tab_to(page, ".comment-sort button")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"state=withdrawn"))
    page.get_by_text("None of your comments is in this state.").wait_for()

    # Another name; one that is refused stays in the box.
    page.goto(ME)
    tab_to(page, "#my-name")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("The Moderator")
    page.keyboard.press("Enter")
    page.get_by_role("alert").filter(has_text="taken for the newsroom").wait_for()
    assert page.input_value("#my-name") == "The Moderator"

    # The data, prepared and ready.
    page.goto(ME)
    tab_to(page, "form[action$='/export/'] button")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/me/#data"))
    until = time.monotonic() + 30
    while not page.get_by_text("Your download is ready").count() and time.monotonic() < until:
        page.goto(ME)
    tab_to(page, "a[href*='/me/export/']")
    with page.expect_download() as coming:
        page.keyboard.press("Enter")
    assert coming.value.suggested_filename.startswith("my-data-")

    # The way out, and back.
    tab_to(page, "input[name=comments]")
    page.keyboard.press("ArrowDown")
    tab_to(page, "#confirm")
    page.keyboard.type(site.accounts[who]["password"])
    tab_to(page, "form[action$='/delete/'] button")
    page.keyboard.press("Enter")
    page.get_by_text("Your account will be deleted on").wait_for()
    assert page.get_by_text("Your comments go as well").count() == 1
    page.goto("/articles/night-tram/")
    page.get_by_text("You cannot write here at the moment.").wait_for()
    assert page.locator("[data-standing=leaving]").count() == 1
    if javascript:
        clean(page, "leaving, in the section")
    tab_to(page, "[data-standing=leaving] button")
    page.keyboard.press("Enter")
    page.locator("#comment-text").wait_for()
    assert page.locator("[data-standing]").count() == 0
    # A form that is refused answers 409: the browser notes that, and nothing else.
    assert [one for one in reader.complaints if "409" not in one] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_on_the_page(window: Callable[..., Window], scheme: str, width: int) -> None:
    reader = window("reader2", story=ME, color_scheme=scheme, viewport={"width": width, "height": 900})
    page = reader.page
    clean(page, "everything")

    page.goto(f"{ME}?state=withdrawn")
    clean(page, "nothing in this state")
    page.fill("#confirm", "not it")
    page.get_by_role("button", name=re.compile("Delete my account")).click()
    page.get_by_role("alert").wait_for()
    clean(page, "refused")
