"""
Take the pictures of every designed state: ``python -m tests.pictures [NAME …]``.

Each is a phone by day beside the same phone by night. They are written to ``docs/images/states/``, and the page that
shows them, ``docs/reading/states.md``, from the sentences in ``tests/states.py``. Look at them: a test sees that
nothing is wrong, not that it is good.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from tests.browsers import ARGUMENTS
from tests.servers import ROOT
from tests.states import ACTS, PHONE, STATES, Look, Looker, State, newspaper

IMAGES = ROOT / "docs" / "images" / "states"
PAGE = ROOT / "docs" / "reading" / "states.md"
TALLEST = 1100
"""Of a picture, in the pixels of a page; what is longer goes on below."""
MARGIN = 12
SCALE = 1.25
COLOURS = 64

HEADINGS = {
    "empty": "The section",
    "guest": "Writing",
    "received": "What becomes of a comment",
    "warned": "How a reader stands",
    "words": "Words at their most extreme",
    "permalink": "One comment",
    "me": "My own pages",
    "issue": "Letting the newsroom know",
    "print": "On paper",
}
"""What begins with which state."""

INTRODUCTION = """# Every state, in pictures

How the pages look to readers in each of their states, on a phone by day and by night. The pictures are taken from the
running software by `python -m tests.pictures`; the same table of states is looked at by
`tests/test_every_state_in_the_browser.py`, where nothing may be wrong with any of them, in English by day and in Arabic
by night: axe finds nothing, a finger finds everything it presses, and nothing is wider than 320 pixels.

Whoever has no mouse goes through the whole life of a comment with Tab, Enter and Space, and always sees where they are
(`tests/test_by_keyboard_in_the_browser.py`). Whoever does not see it is told once what becomes of what they wrote, and
hears whom each button is about (`tests/test_by_ear_in_the_browser.py`). Nothing moves that nobody moved
(`tests/test_stillness_in_the_browser.py`).
"""


def photographed(look: Look, state: State, scheme: str) -> Image.Image:
    """Return the part of the page that ``state`` is about."""
    page = look.page
    page.emulate_media(media=state.media, color_scheme=scheme)
    box = page.locator(state.part or state.shows).first.bounding_box()
    assert box is not None, state.name
    scrolled = page.evaluate("[scrollX, scrollY]")
    top = max(0, box["y"] + scrolled[1] - MARGIN)
    clip = {"x": 0, "y": top, "width": PHONE["width"], "height": min(box["height"] + 2 * MARGIN, TALLEST)}
    taken = page.screenshot(full_page=True, clip=clip, animations="disabled", caret="hide")
    return Image.open(io.BytesIO(taken)).convert("RGB")


def beside(pictures: list[Image.Image]) -> Image.Image:
    """Return the pictures on one, from the same edge, with a line of white between them."""
    gap = round(MARGIN * SCALE)
    width = sum(one.width for one in pictures) + gap * (len(pictures) - 1)
    both = Image.new("RGB", (width, max(one.height for one in pictures)), "white")
    left = 0
    for one in pictures:
        both.paste(one, (left, 0))
        left += one.width + gap
    return both


def take(looker: Looker, state: State) -> None:
    """Write the picture of ``state``: by day and by night, or as it is on paper."""
    with looker.at(state) as (look, _complaints):
        look.page.wait_for_timeout(300)
        schemes = ("light",) if state.media == "print" else ("light", "dark")
        picture = beside([photographed(look, state, scheme) for scheme in schemes])
    picture.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).convert("RGB").save(
        IMAGES / f"{state.name}.webp", lossless=True, quality=80, method=4
    )


def written() -> str:
    """Return the page that shows the pictures there are."""
    lines = [INTRODUCTION]
    for state in STATES:
        if not state.sentence:
            continue
        if state.name in HEADINGS:
            lines.append(f"## {HEADINGS[state.name]}\n")
        title = state.name.replace("-", " ").capitalize()
        shown = "on paper" if state.media == "print" else "by day and by night"
        lines.append(f"### {title}\n\n{state.sentence}\n\n![{title}, {shown}](../images/states/{state.name}.webp)\n")
    return "\n".join(lines)


def main(names: list[str]) -> None:
    from playwright.sync_api import sync_playwright

    IMAGES.mkdir(parents=True, exist_ok=True)
    wanted = [state for state in STATES if state.sentence and (not names or state.name in names)]
    with (
        tempfile.TemporaryDirectory() as directory,
        newspaper(Path(directory)) as paper,
        sync_playwright() as playwright,
    ):
        browser: Any = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        looker = Looker(browser, paper, device_scale_factor=SCALE)
        for act in ACTS:
            if any(state.act == act for state in wanted):
                paper.begin(act)
            for state in wanted:
                if state.act == act:
                    take(looker, state)
                    print(state.name)
        looker.close()
        browser.close()
    PAGE.write_text(written(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
