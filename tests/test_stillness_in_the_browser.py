"""Nothing in the section moves that nobody moved, with a thousand comments on a phone; all is seen in few colours."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.states import LAID_OUT, PHONE, STATES, Looker, Newspaper

pytestmark = [pytest.mark.slow, pytest.mark.services]

WATCH = """() => {
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const ours = entry.sources.map((one) => one.node).filter((node) => {
        const element = node instanceof Element ? node : node?.parentElement;
        return element?.closest(".comment-root");
      });
      // What follows a press within half a second was asked for.
      if (!ours.length || entry.hadRecentInput) continue;
      const said = ours.map((node) => (node.outerHTML ?? node.parentElement.outerHTML).slice(0, 100));
      window.shifts.push({value: entry.value, at: Math.round(entry.startTime), said});
    }
  }).observe({type: "layout-shift", buffered: true});
}"""


@pytest.fixture(scope="module")
def crowded(paper: Newspaper) -> str:
    """Write a thousand comments under a story."""
    paper.manage("seed_comments", "--article", "state-live", "--count", "1000", "--fast")
    return "/articles/state-live/"


@pytest.fixture(scope="module")
def looker(chromium: Any, paper: Newspaper) -> Iterator[Looker]:
    one = Looker(chromium, paper, reduced_motion="no-preference")
    yield one
    one.close()


def state(name: str) -> Any:
    return next(one for one in STATES if one.name == name)


def late(milliseconds: int) -> Any:
    """Let an answer take a while, as on a thin line: what comes before it is painted without it."""

    def handled(route: Any) -> None:
        time.sleep(milliseconds / 1000)
        route.continue_()

    return handled


@pytest.mark.parametrize("who", ["", "visitor", "muter"])
def test_nothing_shifts_while_a_crowded_discussion_loads(looker: Looker, crowded: str, who: str) -> None:
    with looker.window(who) as page:
        page.add_init_script(f"({WATCH})()")
        page.route("**/comments.js", late(800))
        page.goto(crowded)
        last = page.locator("[data-stream] .comment").last.get_attribute("id")
        for place in (crowded, f"{crowded}#comments", f"{crowded}#comment-order", f"{crowded}#{last}"):
            page.goto("about:blank")
            page.goto(place)
            page.locator("[data-live-text]", has_text="New comments appear here.").wait_for()
            page.wait_for_timeout(700)
            # By then what was far from the window is laid out too.
            page.evaluate(LAID_OUT)
            page.wait_for_timeout(200)

            assert page.locator("[data-stream] .comment").count() > 20
            assert page.evaluate("window.shifts") == [], place
            if place.endswith(f"#{last}"):
                # The last one of the page cannot come to the top; it is seen, and stays.
                assert page.locator(f"#{last}").evaluate("one => one.getBoundingClientRect().bottom") < PHONE["height"]
        # On down the page, where times and folded people come into view.
        for _screen in range(6):
            page.mouse.wheel(0, PHONE["height"])
            page.wait_for_timeout(150)
        assert page.evaluate("window.shifts") == []


def test_nothing_shifts_when_news_comes_and_when_my_own_comments_are_looked_at(
    looker: Looker, paper: Newspaper, crowded: str
) -> None:
    with looker.window("visitor") as page:
        page.add_init_script(f"({WATCH})()")
        page.clock.install()
        page.route("**/events/", lambda route: route.fulfill(status=204))
        page.goto(f"{crowded}#comments")
        page.locator("[data-counter]:not([hidden])").wait_for()
        page.locator("[data-live]").scroll_into_view_if_needed()
        page.wait_for_timeout(300)

        paper.play("news")
        # For half a second a process trusts what it knows of a discussion.
        page.wait_for_timeout(1_500)
        page.clock.run_for(30_000)
        page.locator("[data-live][data-new]").wait_for()
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for_timeout(700)

        assert page.evaluate("window.shifts") == []


def test_replies_that_take_a_second_to_come_move_nothing_above_them(looker: Looker, crowded: str) -> None:
    with looker.window("visitor") as page:
        page.goto(f"{crowded}?sort=replies#comments")
        page.locator("[data-counter]:not([hidden])").wait_for()
        more = page.locator("[data-more]").first
        more.scroll_into_view_if_needed()
        above = more.locator("xpath=preceding::article[1]")
        number = f"#{above.get_attribute('id')}"
        page.route("**/replies/**", late(900))
        count, place = page.locator("[data-stream] .comment").count(), page.locator(number).bounding_box()

        more.click()
        page.wait_for_timeout(400)
        assert page.locator(number).bounding_box() == place
        page.locator("[data-stream] .comment").nth(count).wait_for()

        assert page.locator(number).bounding_box() == place


def test_in_forced_colours_the_focus_and_the_marks_are_seen(looker: Looker, paper: Newspaper) -> None:
    with looker.window("visitor") as page:
        page.emulate_media(forced_colors="active")
        page.goto("/articles/state-full/")
        page.focus("#comment-text")
        page.keyboard.press("Tab")

        focus = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        pick = page.evaluate("getComputedStyle(document.querySelector('.comment-pick')).borderBlockStartStyle")
        tab = page.evaluate(
            """() => {
              const [chosen, other] = ["[aria-current]", ":not([aria-current])"].map((which) =>
                getComputedStyle(document.querySelector(`.comment-tabs a${which}`)).borderBlockEndColor);
              return chosen !== other;
            }"""
        )
        button = page.evaluate("getComputedStyle(document.querySelector('[data-post]')).borderBlockStartWidth")

        assert focus != "none" and pick == "solid" and tab and button == "2px"


def test_who_wants_less_motion_gets_none(looker: Looker) -> None:
    with looker.window("visitor") as page:
        page.emulate_media(reduced_motion="reduce")
        page.goto("/articles/state-full/")

        moving = page.evaluate(
            """() => [...document.querySelectorAll(".comment-root *")].filter((one) => {
              const style = getComputedStyle(one);
              // comment-far moves nothing: it says when what is out of sight is laid out.
              return !["none", "comment-far"].includes(style.animationName) || style.scrollBehavior === "smooth"
                || style.transitionDuration.split(",").some((each) => parseFloat(each) > 0);
            }).map((one) => one.outerHTML.slice(0, 100))"""
        )

        assert moving == []
