"""Reading in a real Chromium: what is new and how to get there, an order that is remembered, people left unread."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.browsers import STORY, Site, Window, api

pytestmark = pytest.mark.services


def last_visit(window: Window, seconds_ago: int, seen: int) -> None:
    """Make the browser believe that it was here before; what was published after ``seen`` is new."""
    key = window.page.get_attribute("#comments", "data-key")
    window.page.goto("/healthz")
    window.page.evaluate(
        "([name, ago, seen]) => localStorage.setItem(name, JSON.stringify({since: null, seen, "
        "at: Math.floor(Date.now() / 1000) - ago}))",
        [f"comments:visit:{key}", seconds_ago, seen],
    )


def focused(page: Any) -> str:
    return str(page.evaluate("document.activeElement.id"))


def test_what_is_new_since_the_last_visit_is_marked_and_z_goes_there(window: Callable[..., Window]) -> None:
    reader = window()
    page = reader.page
    assert page.locator(".comment-new").count() == 0
    order = page.evaluate(
        "[...document.querySelectorAll('[data-stream] .comment[data-published]')].map((each) => each.id)"
    )

    last_visit(reader, 7200, 1)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url + (request.post_data or "")))
    page.goto(STORY)

    assert page.locator("[data-stream] .comment-new").count() == len(order)
    assert page.inner_text("[data-unread-next]") == f"{len(order)} unread"
    page.keyboard.press("z")
    assert focused(page) == order[0]
    assert page.text_content("[data-unread-said]") == f"New comment 1 of {len(order)}"
    page.keyboard.press("z")
    assert focused(page) == order[1]
    page.keyboard.press("Shift+Z")
    page.keyboard.press("Shift+Z")
    assert focused(page) == order[-1]
    page.locator("details.comment-thread").first.evaluate("(each) => { each.open = false; }")
    for _step in order:
        page.keyboard.press("z")
    assert page.locator(f"#{focused(page)}").is_visible()
    assert not [url for url in asked if "since" in url or "seen%22" in url]

    page.click("[data-unread-keys]")
    page.keyboard.press("Tab")
    before = focused(page)
    page.keyboard.press("z")
    assert focused(page) == before and page.get_attribute("[data-unread-keys]", "aria-pressed") == "false"
    page.reload()
    assert page.locator(".comment-new").count() == len(order)  # the same visit
    assert reader.complaints == []


def test_z_is_a_letter_while_one_is_writing_and_tabs_agree_on_the_visit(window: Callable[..., Window]) -> None:
    reader = window("reader1")
    last_visit(reader, 7200, 1)
    reader.page.goto(STORY)
    unread = reader.page.inner_text("[data-unread-next]")

    reader.page.click("#comment-text")
    reader.page.keyboard.type("zZ")
    other = reader.page.context.new_page()
    other.goto(STORY)

    assert reader.page.input_value("#comment-text") == "zZ"
    assert focused(reader.page) == "comment-text"
    assert other.inner_text("[data-unread-next]") == unread
    reader.page.fill("#comment-text", "")


def test_an_order_is_remembered_in_the_browser_of_whoever_is_not_signed_in(
    window: Callable[..., Window], site: Site
) -> None:
    reader = window()
    page = reader.page
    page.goto(STORY + "?sort=oldest")
    first = page.locator("[data-stream] > ol > .comment-item > .comment").first.get_attribute("id")
    page.evaluate("localStorage.setItem('comments:reading', JSON.stringify(['oldest', 'removed']))")

    # The controls stand there from ten comments on, or when the address filters.
    page.goto(STORY)
    has_controls = page.locator("form[data-reading]").count()
    if has_controls:
        page.wait_for_url(re.compile(r"sort=oldest&hide=removed"))
        assert page.input_value("#comment-order") == "oldest" and page.is_checked("[name=hide]")
        assert page.locator("[data-stream] > ol > .comment-item > .comment").first.get_attribute("id") == first
    page.goto(STORY + "?sort=best&hide=removed")
    page.select_option("#comment-order", "replies")
    page.wait_for_url(re.compile(r"sort=replies&hide=removed"))

    assert json.loads(page.evaluate("localStorage.getItem('comments:reading')")) == ["replies", "removed"]
    assert page.input_value("#comment-order") == "replies"
    assert page.context.cookies() == []
    assert reader.complaints == []


@pytest.mark.parametrize("javascript", [True, False])
def test_a_muted_person_is_folded_for_me_alone(window: Callable[..., Window], site: Site, javascript: bool) -> None:
    reader, other = window("reader1", java_script_enabled=javascript), window()
    page = reader.page
    number = page.locator("[data-stream] .comment[data-author]", has_text="operator").first.get_attribute("id")
    page.goto(f"/comments/{str(number).removeprefix('comment-')}/mute/")
    page.get_by_role("button", name="Mute").click()

    folded = page.locator(f"#{number} > details[data-folded]")
    folded.wait_for()
    assert not page.locator(f"#{number} .comment-text").is_visible()
    folded.locator("> summary").click()
    assert page.locator(f"#{number} .comment-text").is_visible()
    other.page.reload()
    assert other.page.locator("[data-folded]").count() == 0

    page.goto("/comments/me/#muted")
    page.get_by_role("button", name="Stop muting").click()
    page.goto(STORY)
    assert page.locator("[data-stream] [data-folded]").count() == 0
    assert reader.complaints == []


def test_without_live_events_the_page_asks_now_and_then_and_without_an_answer_stays_as_it_is(
    window: Callable[..., Window], site: Site
) -> None:
    reader, other = window(), window()
    page = reader.page
    page.clock.install()
    page.route("**/events/", lambda route: route.fulfill(status=204))
    page.goto(STORY)
    key = str(page.get_attribute("#comments", "data-key"))
    place = page.locator("[data-stream] .comment").first.bounding_box()

    api(site, "reader2", f"discussions/{key}/comments/", {"text": "News for whoever has no live events."})
    other.page.locator("[data-live-text]", has_text="1 new comment").wait_for()
    page.wait_for_timeout(600)  # for half a second a process trusts what it knows of a discussion
    page.clock.run_for(30_000)
    page.locator("[data-live-text]", has_text="1 new comment").wait_for()
    assert page.locator("[data-stream] .comment").first.bounding_box() == place

    page.route("**/comments/section/**", lambda route: route.abort())
    page.clock.run_for(400_000)
    assert page.locator("[data-stream] .comment").first.bounding_box() == place
    page.locator("[data-live-text]", has_text="1 new comment").wait_for()


def test_a_removal_arrives_where_it_stands_and_moves_nothing_above(window: Callable[..., Window], site: Site) -> None:
    reader = window()
    page = reader.page
    reply = page.locator(".comment-replies .comment[data-author]").last
    number = str(reply.get_attribute("id")).removeprefix("comment-")
    place = page.locator("[data-stream] .comment").first.bounding_box()
    version = api(site, "editor", f"moderation/comments/{number}/", {}, "GET")["version"]

    api(
        site,
        "editor",
        f"moderation/comments/{number}/decisions/",
        {"verdict": "reject", "reason": "off_topic", "version": version},
    )

    page.locator(f"#comment-{number} .comment-tombstone").wait_for()
    assert page.locator(f"#comment-{number} .comment-text").count() == 0
    assert page.locator("[data-stream] .comment").first.bounding_box() == place
    assert reader.complaints == []
