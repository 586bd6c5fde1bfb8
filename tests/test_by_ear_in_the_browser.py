"""What a screen reader is given, in a real Chromium: names, headings, nesting, and what is said when it happens."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.browsers import Site, Window, published, removed
from tests.states import LAID_OUT

pytestmark = [pytest.mark.slow, pytest.mark.services]

LISTEN = """() => {
  // A live region says what its text becomes; an alert also what it comes with.
  window.heard = [];
  const regions = "[role=status], [role=alert], [aria-live]:not([aria-live=off])";
  const say = (region) => {
    const words = region.textContent.trim().replace(/\\s+/g, " ");
    if (words && region.checkVisibility({visibilityProperty: true})) window.heard.push(words);
  };
  new MutationObserver((changes) => {
    const changed = new Set();
    for (const change of changes) {
      const target = change.target.nodeType === Node.TEXT_NODE ? change.target.parentElement : change.target;
      const around = target?.closest(regions);
      if (around) changed.add(around);
      for (const node of change.addedNodes) {
        if (node instanceof Element && !around) {
          if (node.matches(regions)) changed.add(node);
          for (const inside of node.querySelectorAll(regions)) changed.add(inside);
        }
      }
    }
    changed.forEach(say);
  }).observe(document.querySelector("#comments"), {childList: true, subtree: true, characterData: true});
}"""


class Ear:
    """The accessibility tree of a page, as the browser gives it to a screen reader."""

    def __init__(self, page: Any) -> None:
        self.page = page
        # What is far from the window comes into it a second and a half after the rest.
        page.evaluate(LAID_OUT)
        nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
        self.nodes = {one["nodeId"]: one for one in nodes}

    def role(self, node: dict[str, Any]) -> str:
        return str(node.get("role", {}).get("value", ""))

    def name(self, node: dict[str, Any]) -> str:
        return str(node.get("name", {}).get("value", ""))

    def said_besides(self, node: dict[str, Any]) -> str:
        return str(node.get("description", {}).get("value", ""))

    def property(self, node: dict[str, Any], name: str) -> Any:
        return next((one["value"].get("value") for one in node.get("properties", []) if one["name"] == name), None)

    def all(self, role: str, within: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return what has this role and is said, in the order in which it is read."""
        found: list[dict[str, Any]] = []
        todo = [within or next(one for one in self.nodes.values() if not one.get("parentId"))]
        while todo:
            node = todo.pop()
            if not node.get("ignored") and self.role(node) == role:
                found.append(node)
            todo += [self.nodes[number] for number in reversed(node.get("childIds", [])) if number in self.nodes]
        return found

    def around(self, node: dict[str, Any], role: str) -> int:
        """Return how many of this role ``node`` stands in."""
        count = 0
        while parent := self.nodes.get(node.get("parentId", "")):
            count += self.role(parent) == role
            node = parent
        return count


def heard(page: Any) -> list[str]:
    return [str(words) for words in page.evaluate("window.heard")]


def test_the_section_is_read_in_its_order_with_its_names(window: Callable[..., Window]) -> None:
    page = window("reader1").page
    ear = Ear(page)

    [section] = [one for one in ear.all("region") if ear.name(one).startswith("Comments")]
    levels = [ear.property(one, "level") for one in ear.all("heading")]
    articles = [one for one in ear.all("article", section) if ear.name(one)]

    assert len(ear.all("main")) == 1
    assert levels.count(1) == 1 and all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert articles and all(
        re.search(r"^[^,]+ (?:\w+, )?(?:\d+ \w+ \d{4}, )?\d\d:\d\d$", ear.name(one)) for one in articles
    )

    root = next(one for one in articles if ear.name(one).startswith("Mara Lindqvist"))
    reply = next(one for one in articles if ear.name(one).startswith("Ines Okafor"))
    thanks = [one for one in articles if ear.name(one).startswith("Mara Lindqvist")][-1]
    depths = [ear.around(one, "list") for one in (root, reply, thanks)]
    assert depths == sorted(set(depths)), "each answer stands in one list more than what it answers"

    names = [ear.name(one) for one in ear.all("link", section)]
    assert "Reply to Ines Okafor" in names and "Reply to Mara Lindqvist" in names
    likes = [one for one in ear.all("button", reply) if ear.name(one).startswith("Like")]
    assert [ear.said_besides(one) for one in likes] == ["Ines Okafor"]
    more = [one for one in ear.all("DisclosureTriangle", reply) if "More about this comment" in ear.name(one)]
    assert [ear.said_besides(one) for one in more] == ["Ines Okafor"]

    [box] = [one for one in ear.all("textbox", section) if ear.name(one) == "Your comment"]
    assert ear.property(box, "required") is True
    assert [ear.name(one) for one in ear.all("group", section)].count("Formatting") == 1
    assert all(ear.name(one) for role in ("button", "link", "textbox", "checkbox", "combobox") for one in ear.all(role))


def test_what_becomes_of_a_comment_is_said_once_each_time(window: Callable[..., Window], site: Site) -> None:
    page = window("reader1").page
    page.evaluate(LISTEN)

    page.fill("#comment-text", "Said once, and once only.")
    page.click("[data-post]")
    page.locator("[data-stream] .comment", has_text="Said once").wait_for()
    page.wait_for_timeout(1_500)
    said = heard(page)
    assert said == ["Being checked.", "Published. Everyone can read it."] or said == [
        "Published. Everyone can read it."
    ]

    page.evaluate("window.heard = []")
    page.fill("#comment-text", "The minutes: https://example.org/ear")
    page.click("[data-post]")
    page.locator("[data-nudge]").wait_for()
    page.get_by_role("button", name="Post anyway").click()
    mine = page.locator("[data-mine] .comment", has_text="example.org/ear")
    mine.locator("[data-tone=wait]").wait_for()
    page.wait_for_timeout(1_500)
    said = [words for words in heard(page) if "An editor would have to read" not in words and words != "Being checked."]
    assert len(said) == 1 and re.fullmatch(
        r"Waiting for an editor since \d\d:\d\d, because it contains a link\.", said[0]
    )

    page.evaluate("window.heard = []")
    removed(site, int(str(mine.get_attribute("id")).removeprefix("comment-")))
    page.fill("#comment-text", "Something else, without a link.")
    page.click("[data-post]")
    page.locator("[data-stream] .comment", has_text="Something else").wait_for()
    page.wait_for_timeout(1_000)
    assert heard(page) in (
        ["Being checked. Not published: off topic.", "Published. Everyone can read it."],
        ["Not published: off topic.", "Published. Everyone can read it."],
    )


def test_a_refusal_is_said_once_and_belongs_to_the_box(window: Callable[..., Window]) -> None:
    page = window("reader2").page
    page.fill("#comment-text", "x" * 10_050)

    page.click("[data-post]")
    page.locator("[data-notice]").wait_for()

    ear = Ear(page)
    [box] = [one for one in ear.all("textbox") if ear.name(one) == "Your comment"]
    assert "Nothing was posted. Your text stays in the box." in ear.said_besides(box)
    assert page.inner_text("#comment-what") in ear.said_besides(box)


def test_what_was_removed_is_read_as_such_and_its_answers_stand_below(
    window: Callable[..., Window], site: Site
) -> None:
    page = window("reader1").page
    key = str(page.get_attribute("#comments", "data-key"))
    number = published(site, "reader2", "What an editor takes away.", key)
    answer = published(site, "reader1", "An answer that stays.", key, parent=number)
    removed(site, number)
    page.reload()
    page.locator(f"#comment-{number} .comment-tombstone").wait_for()
    ear = Ear(page)

    [gone] = [one for one in ear.all("article") if ear.name(one) == "Comment that is not shown"]
    [heading] = ear.all("heading", gone)

    assert "Removed" in ear.name(heading) or "removed" in ear.name(heading)
    assert ear.all("button", gone) == []
    assert page.locator(f"#comment-{answer}").count() == 1
