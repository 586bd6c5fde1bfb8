"""The issue desk by keyboard, in a real browser: the keys of the desk, and the pictures that readers add."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browsers import Site, Window, api

pytestmark = [pytest.mark.services, pytest.mark.slow]
DESK = "/admin/comments/desk/issues/"


def test_an_editor_goes_through_the_issue_desk_by_keyboard(window: Callable[..., Window], site: Site) -> None:
    for who, kind in (("reader1", "layout"), ("reader2", "cannot_see"), ("moderator", "notifications")):
        api(site, who, "issues/", {"kind": kind, "text": f"Trouble of {who}."})
    editor = window("editor", story=DESK)
    page = editor.page
    focused = "document.activeElement.getAttribute('href')"
    lines = page.eval_on_selector_all("[data-line]", "all => all.map(one => one.getAttribute('href'))")
    assert len(lines) == 3

    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate(focused) == lines[1]
    page.keyboard.press("k")
    assert page.evaluate(focused) == lines[0]
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{lines[1]}")
    page.keyboard.press("a")
    page.wait_for_selector("text=assigned to")
    page.keyboard.press("r")
    page.keyboard.type("Thank you; it is mended.")
    assert page.input_value("textarea[name=text]") == "Thank you; it is mended."
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("m")
    assert page.evaluate("document.activeElement.name") == "into"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    assert page.is_visible("dialog#keys") and "next group or report" in page.inner_text("dialog#keys")
    page.click("dialog#keys button")

    # What readers are told of is shown first, and done by the second press.
    page.keyboard.press("s")
    assert page.evaluate("document.activeElement.value") == "solve"
    assert page.url.endswith(lines[1])
    page.keyboard.press("s")
    page.wait_for_selector("[role=status] >> text=Solved")
    assert editor.complaints == []
