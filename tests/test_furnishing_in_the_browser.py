"""What stands around the comments, in Chromium: a theme by custom properties, a framed card, the box that asks."""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browsers import ROOT, STORY, Site

THEME = """
:root {
  --comment-paper: rgb(255, 248, 240);
  --comment-ink: rgb(40, 20, 60);
  --comment-soft: rgb(90, 70, 110);
  --comment-rule: rgb(200, 180, 220);
  --comment-accent: rgb(138, 21, 56);
  --comment-on-accent: rgb(255, 250, 250);
  --comment-font-text: "Courier New", monospace;
  --comment-font-ui: "Times New Roman", serif;
  --comment-font-title: var(--comment-font-text);
  --comment-size-text: 1.5rem;
  --comment-size-title: 3rem;
  --comment-space: 2rem;
  --comment-radius: 9px;
  --comment-target: 3.5rem;
}
"""


def look(page: Any, selector: str, *names: str) -> list[str]:
    """Return computed values of the first element that ``selector`` finds."""
    found: list[str] = page.eval_on_selector(
        selector, "(one, names) => names.map((name) => getComputedStyle(one).getPropertyValue(name))", list(names)
    )
    return found


def test_a_site_restyles_the_section_with_custom_properties_alone(window: Callable[..., Any], site: Site) -> None:
    page = window("reader1").page
    # Colours take a moment to change; who wants less motion sees them at once.
    page.emulate_media(reduced_motion="reduce")
    page.goto(STORY)
    before = look(page, ".comment-text", "font-family", "color")

    page.evaluate(
        """(theme) => {
          const sheet = new CSSStyleSheet();
          sheet.replaceSync(theme);
          document.adoptedStyleSheets.push(sheet);
        }""",
        THEME,
    )

    text = look(page, ".comment-text", "font-family", "font-size", "color")
    assert text == ['"Courier New", monospace', "24px", "rgb(40, 20, 60)"] and text[:1] != before[:1]
    assert look(page, "#comments", "font-family", "color", "border-block-start-color") == [
        '"Times New Roman", serif',
        "rgb(40, 20, 60)",
        "rgb(40, 20, 60)",
    ]
    assert look(page, "#comment-title", "font-size", "font-family") == ["48px", '"Courier New", monospace']
    assert look(page, "[data-post]", "background-color", "color", "border-radius", "min-block-size") == [
        "rgb(138, 21, 56)",
        "rgb(255, 250, 250)",
        "9px",
        "56px",
    ]
    assert look(page, ".comment-box", "background-color") == ["rgb(255, 248, 240)"]
    assert look(page, ".comment-action", "color", "min-block-size") == ["rgb(90, 70, 110)", "56px"]
    assert look(page, ".comment-list > .comment-item + .comment-item", "border-top-color", "padding-top") == [
        "rgb(200, 180, 220)",
        "32px",
    ]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Serve a folder on another origin."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, directory=str(tmp_path), **more)

        def log_message(self, *_args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", tmp_path
    server.shutdown()


def test_the_card_stands_in_another_sites_page_and_no_other_page_does(
    window: Callable[..., Any], site: Site, elsewhere: tuple[str, Path]
) -> None:
    page = window().page
    page.goto(STORY)
    first = page.locator("[data-stream] .comment").first
    number = first.get_attribute("id").removeprefix("comment-")
    words = first.locator(".comment-text").inner_text()
    page.goto(f"/comments/{number}/")
    page.get_by_text("Share or embed this comment").click()
    code = page.get_by_label("To embed it in another page").input_value()
    assert page.get_by_label("Address").input_value() == f"{site.base}/comments/{number}/"
    origin, folder = elsewhere
    (folder / "card.html").write_text(f"<!doctype html><title>x</title>{code}", encoding="utf-8")
    (folder / "page.html").write_text(f'<!doctype html><title>x</title><iframe src="{site.base}{STORY}"></iframe>')

    page.goto(f"{origin}/card.html")
    framed = page.frame_locator("iframe")
    assert framed.locator(".comment-text").inner_text() == words
    assert framed.locator(".comment-text").evaluate("(one) => getComputedStyle(one).fontSize") == "17px"

    page.goto(f"{origin}/page.html")
    page.wait_for_timeout(500)
    assert page.frame_locator("iframe").locator("#comments").count() == 0


PUBLISH = """
from comments import guidelines, policy
guidelines.publish("1. Argue with *what* was said.\\n2. Stay with the subject.", made_by=None)
policy.set_value("accept_guidelines", True, made_by=None)
policy.set_value("announcement", "Comments move to a new home on Monday.", made_by=None)
"""


def test_a_reader_accepts_the_guidelines_in_the_box_once(window: Callable[..., Any], site: Site) -> None:
    one = window("reader2")
    page = one.page
    page.goto(STORY)
    page.get_by_label("Your comment").fill("I was going to say this before the guidelines came.")
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", PUBLISH],
        cwd=ROOT,
        env=site.environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    page.wait_for_timeout(1_500)

    page.get_by_role("button", name="Post comment").click()
    page.get_by_text("Please read the guidelines and accept them").wait_for()
    assert page.get_by_label("Your comment").input_value().startswith("I was going to say")
    page.get_by_label("I have read").check()
    page.get_by_role("button", name="Post comment").click()
    page.locator("[data-stream], [data-mine]").get_by_text("I was going to say this").first.wait_for()

    page.reload()
    assert page.get_by_label("I have read").count() == 0
    assert page.get_by_role("status").filter(has_text="Comments move to a new home on Monday.").count() == 1
    page.get_by_text("Guidelines", exact=True).click()
    assert page.get_by_text("Stay with the subject.").is_visible()
    refused = [said for said in one.complaints if "403" not in said]
    assert not refused, refused
