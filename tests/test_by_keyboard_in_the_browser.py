"""The whole life of a comment with Tab, Enter, Space and letters in a real Chromium: the focus is seen, never lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.browsers import STORY, Site, Window, api, published

pytestmark = [pytest.mark.slow, pytest.mark.services]

WHERE = """() => {
  const one = document.activeElement;
  const lost = !one || one === document.body;
  const style = lost ? null : getComputedStyle(one);
  const box = lost ? null : one.getBoundingClientRect();
  const back = !lost && window.before?.isConnected
    && !(window.before.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING) && window.before !== one;
  window.before = lost ? null : one;
  return {
    lost,
    back: Boolean(back),
    ring: !lost && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    seen: !lost && box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight,
    is: lost ? "nothing" : one.outerHTML.slice(0, 160),
  };
}"""


class Hand:
    """A reader who has no mouse. Wherever they go, they have to see where they are."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.last = ""

    def look(self) -> dict[str, Any]:
        """Say where the focus is; it must be somewhere."""
        found: dict[str, Any] = self.page.evaluate(WHERE)
        assert not found["lost"], f"the focus is lost after {self.last}"
        self.last = found["is"]
        return found

    def is_at(self, selector: str) -> bool:
        return bool(self.page.evaluate("selector => Boolean(document.activeElement?.matches(selector))", selector))

    def go(self, selector: str, key: str = "Tab", most: int = 160) -> Hand:
        """Press ``key`` until the element has the focus: all on the way is seen, and the way leads down the page."""
        for _step in range(most):
            self.page.keyboard.press(key)
            at = self.look()
            assert at["ring"] and at["seen"], f"not seen: {at}"
            assert key != "Tab" or not at["back"], f"the way leads back to {at['is']} before {selector}"
            if self.is_at(selector):
                return self
        raise AssertionError(f"{selector} is not reached with {key}")

    def press(self, key: str = "Enter") -> None:
        self.page.keyboard.press(key)

    def follow(self, selector: str, url: str) -> None:
        """Go to a link or a button that leads to another page, and press it."""
        self.go(selector).press()
        self.page.wait_for_url(re.compile(url))

    def type(self, words: str) -> None:
        self.page.keyboard.type(words)

    def arrives(self, selector: str) -> None:
        """Wait until the focus is where ``selector`` says; meanwhile it is never lost."""
        for _time in range(300):
            self.look()
            if self.is_at(selector):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"the focus never came to {selector}; it is at {self.look()['is']}")


def test_the_whole_life_of_a_comment_by_keyboard_alone(window: Callable[..., Window], site: Site) -> None:
    one = window()
    page, hand = one.page, Hand(one.page)
    others = published(site, "reader2", "Mine is the first tram.", str(page.get_attribute("#comments", "data-key")))

    # Past the masthead into the text, and to the box, which asks to sign in.
    hand.go(".site-skip[href='#main']").press()
    hand.arrives("main")
    hand.follow("#comment-form .comment-button", "/accounts/login/")
    hand.go("[name=login]") if not hand.is_at("[name=login]") else None
    hand.type("reader1")
    hand.go("[name=password]").type(site.accounts["reader1"]["password"])
    hand.press()
    page.wait_for_url(re.compile(STORY))

    # Straight to the comments; written, looked at, sent; then where it stands, first as mine and then as everyone's.
    page.goto(STORY)
    hand.go(".site-skip[href='#comments']").press()
    hand.arrives("#comments")
    hand.go("#comment-text").type("By keyboard alone, every night.")
    hand.go("[name=preview]").press()
    page.locator("[data-preview]").wait_for()
    hand.arrives("[name=preview]")
    hand.go("[data-post]").press()
    hand.arrives("[data-mine] .comment, [data-stream] .comment")
    page.locator("[data-stream] .comment", has_text="By keyboard alone").wait_for()
    hand.arrives("[data-stream] .comment")
    assert "By keyboard alone" in page.evaluate("document.activeElement.textContent")

    # An answer to it, from the same place; given up once.
    hand.go("[data-stream] a[data-reply]").press()
    hand.arrives("#comment-text")
    hand.go("[data-cancel-reply]", key="Shift+Tab").press()
    hand.arrives("#comment-text")
    hand.go("[data-stream] a[data-reply]").press()
    hand.arrives("#comment-text")
    hand.type("And an answer to myself.")
    hand.go("[data-post]").press(" ")
    page.locator(".comment-replies .comment", has_text="And an answer").wait_for()
    hand.arrives("[data-stream] .comment")
    assert "And an answer" in page.evaluate("document.activeElement.textContent")

    # Somebody else's is liked, and reported; the menu closes with Escape.
    page.goto(STORY)
    other = f"#comment-{others}"
    hand.go(f"{other} form[action$='/react/'] button").press(" ")
    page.locator(f"{other} [aria-pressed=true]").wait_for()
    hand.arrives(f"{other} form[action$='/react/'] button")
    hand.go(f"{other} .comment-menu summary").press()
    hand.go(f"{other} .comment-menu a").press("Escape")
    hand.arrives(f"{other} .comment-menu summary")
    hand.press()
    hand.follow(f"{other} a[href$='/flag/']", "/flag/")
    hand.go("[name=reason]").press(" ")
    hand.go("main form [type=submit]").press()
    page.get_by_text("An editor will look at it").wait_for()

    # What has to wait is advised about, posted all the same, rewritten, and taken back.
    page.goto(STORY)
    hand.go("#comment-text").type("The minutes: https://example.org/keys")
    hand.go("[data-post]").press()
    hand.arrives("[data-change]")
    hand.go("[name=nudged]", key="Shift+Tab").press()
    hand.arrives("[data-mine] .comment")
    mine = page.locator("[data-mine] .comment[data-state=held]", has_text="example.org/keys")
    mine.wait_for()
    hand.arrives("[data-mine] .comment")
    hand.follow("[data-mine] a[href$='/edit/']", "/edit/")
    hand.go("#comment-text")
    hand.press("ControlOrMeta+a")
    hand.type("The minutes, see https://example.org/keys of November.")
    hand.go("[data-post]").press()
    page.wait_for_url(lambda url: "/edit/" not in url)
    hand.follow("a[href$='/withdraw/']", "/withdraw/")
    hand.go("main form [type=submit]").press()
    page.wait_for_url(lambda url: "/withdraw/" not in url)
    page.goto(STORY)
    assert page.locator("[data-mine] .comment", has_text="of November").count() == 0

    # Followed, muted, and heard no more.
    hand.go(".comment-bell form button").press()
    page.locator(".comment-bell form button[aria-pressed=true]").wait_for()
    hand.go(f"{other} .comment-menu summary").press()
    hand.follow(f"{other} a[href$='/mute/']", "/mute/")
    hand.go("main form [type=submit]").press()
    page.locator(f"{other} > [data-folded]").wait_for()
    hand.go(f"{other} > [data-folded] > summary").press()
    hand.arrives(f"{other} > [data-folded] > summary")
    assert page.locator(f"{other} .comment-text").is_visible()

    # The newsroom hears of it, and the receipt says so.
    hand.follow(".comment-foot-help", "/issues/new/")
    hand.go("[name=kind]").press(" ")
    hand.go("#issue-text").type("The ring round the box is hard to see in the sun.")
    hand.go("[data-issue-form] [type=submit]").press()
    page.wait_for_url(re.compile(r"/issues/[\w-]{43}/"))
    hand.go("main details summary").press()
    hand.arrives("main details summary")
    assert one.complaints == []


def test_news_and_more_replies_keep_the_focus_where_they_come(window: Callable[..., Window], site: Site) -> None:
    one = window("reader1")
    page, hand = one.page, Hand(one.page)
    key = page.get_attribute("#comments", "data-key")

    words = "News while somebody tabs."
    api(site, "reader2", f"discussions/{key}/comments/", {"text": words})
    page.locator("[data-live][data-new]").wait_for()
    hand.go("[data-live] a").press()

    page.locator("[data-stream] .comment", has_text=words).wait_for()
    hand.arrives("[data-stream] .comment")
    assert words in page.evaluate("document.activeElement.textContent")
    assert one.complaints == []
