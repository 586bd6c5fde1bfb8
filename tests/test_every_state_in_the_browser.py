"""
Every state of the readers' pages in a real Chromium, on a phone, by day, by night and in Arabic.

The states are a table in ``tests/states.py``. A line of what is wrong begins with the state it is wrong in.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest

from tests.states import ACTS, STATES, Look, Looker, Newspaper, State

pytestmark = [pytest.mark.slow, pytest.mark.services]

LOOKS = (("en", "light"), ("ar", "dark"))
"""In English by day and in Arabic by night: colours do not know of languages, nor languages of colours."""
WIDTHS = (390, 320)
TARGET = 43.5
"""Pixels that a finger needs, 44, less what a fraction of a pixel takes away."""

AXE = "async (options) => (await axe.run(document, options)).violations"
SMALL = """(smallest) => {
  const inline = (one) => {
    // A link in a sentence is as high as the sentence.
    const style = getComputedStyle(one);
    return style.display === "inline" && one.matches("a");
  };
  const area = (one) => {
    const label = one.closest("label") ?? (one.id && document.querySelector(`label[for="${one.id}"]`));
    const boxes = [one, one.matches("[type=checkbox], [type=radio]") ? label : null].filter(Boolean);
    return Math.max(...boxes.map((each) => each.getBoundingClientRect().height));
  };
  return [...document.querySelectorAll(".comment-root :is(a[href], button, summary, select, input, textarea)")]
    .filter((one) => one.checkVisibility({visibilityProperty: true}) && !one.closest(".comment-trap, .comment-text"))
    .filter((one) => !inline(one) && area(one) < smallest)
    .map((one) => `${Math.round(area(one))} px high: ${one.outerHTML.slice(0, 120)}`);
}"""
WIDE = """() => {
  if (document.documentElement.scrollWidth <= innerWidth) return [];
  const beyond = (one) => {
    const box = one.getBoundingClientRect();
    return box.right > innerWidth + 1 || box.left < -1;
  };
  return [...document.querySelectorAll("main *")].filter(beyond).slice(-3).map((one) => one.outerHTML.slice(0, 120));
}"""


@cache
def axe() -> str:
    """Return the script itself: by hand it is run without fetching all that is in order, which takes longer."""
    [found] = Path(axe_playwright_python.__file__).parent.rglob("axe*.js")
    return found.read_text(encoding="utf-8")


def violations(page: Any) -> list[str]:
    """Return what axe finds in the whole page."""
    page.evaluate(axe())
    found = page.evaluate(AXE, {"resultTypes": ["violations"]})
    return [f"{rule['id']}: {[node['html'][:160] for node in rule['nodes'][:3]]}" for rule in found]


def wrong(look: Look, state: State, scheme: str) -> Iterator[str]:
    """Say what is wrong with what is looked at, in sentences that a developer can act on."""
    page = look.page
    page.emulate_media(media=state.media, color_scheme=scheme)
    if page.get_attribute("html", "lang") != look.language:
        yield f"is in {page.get_attribute('html', 'lang')}"
    if page.get_attribute("html", "dir") != ("rtl" if look.language == "ar" else "ltr"):
        yield "runs in the wrong direction"
    if state.script:
        # Without script axe cannot wait for itself.
        yield from violations(page)
    if state.media == "screen":
        yield from page.evaluate(SMALL, TARGET)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        yield from (f"is wider than {width} px: {said}" for said in page.evaluate(WIDE))
    page.set_viewport_size({"width": WIDTHS[0], "height": 844})


def findings(looker: Looker, state: State, language: str, scheme: str) -> list[str]:
    with looker.at(state, language) as (look, complaints):
        return [*wrong(look, state, scheme), *(f"the console says {said}" for said in complaints)]


@pytest.mark.parametrize("act", ACTS)
def test_nothing_is_wrong_with_any_state(chromium: Any, paper: Newspaper, act: str) -> None:
    paper.begin(act)
    looker = Looker(chromium, paper)

    found = {
        f"{state.name}, {language}, {scheme}": said
        for state in STATES
        if state.act == act
        for language, scheme in LOOKS
        if (said := findings(looker, state, language, scheme))
    }

    looker.close()
    assert found == {}
