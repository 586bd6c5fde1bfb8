"""Hostile and odd input that others collected, through the whole way and through the sanitizers alone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from comments import text
from comments.exceptions import Refused
from comments.text import check, to_html
from tests.policy import address_violations, violations

CORPORA = Path(__file__).resolve().parents[2] / "shared" / "corpora"
FILES = [
    "xss/payloads.jsonl",
    "xss/generated.jsonl",
    "xss/parser_fragments.jsonl",
    "text/naughty_strings.jsonl",
    "text/linkify.jsonl",
    "unicode/homoglyphs.jsonl",
    "unicode/bidi_lines.jsonl",
    "unicode/zalgo_zero_width.jsonl",
    "unicode/emoji.jsonl",
]

pytestmark = pytest.mark.skipif(not CORPORA.is_dir(), reason="The corpora of hostile input are not on this machine.")


def inputs(name: str) -> Iterator[str]:
    with (CORPORA / name).open(encoding="ascii") as lines:
        for line in lines:
            entry = json.loads(line)
            if isinstance(entry, str):
                yield entry
            elif "char" in entry:
                yield f"{entry['char']} looks like {' '.join(entry['like'])}"
            else:
                yield entry.get("html", entry.get("text"))


@pytest.mark.parametrize("name", FILES)
def test_every_line_is_refused_or_shown_within_the_policy(name: str) -> None:
    shown = 0
    for raw in inputs(name):
        try:
            accepted = check(raw)
        except Refused:
            continue

        started = time.process_time()
        rendered = to_html(accepted)
        taken = time.process_time() - started

        assert violations(rendered.html) == [], raw
        assert [violation for link in rendered.links for violation in address_violations(link)] == [], raw
        assert rendered.disagreement == "", raw
        assert taken < 0.25, raw
        assert len(rendered.html) <= 6 * len(accepted) + 5_000, raw
        shown += 1
    assert shown > 0


@pytest.mark.parametrize("name", FILES[:3])
def test_the_sanitizers_alone_let_no_line_through(name: str) -> None:
    disagreements = 0
    for raw in inputs(name):
        text._tools.room_for_links = 10_000

        html, disagreement = text._clean(raw.replace("\x00", ""), text._tools)

        assert violations(html) == [], raw
        disagreements += bool(disagreement)
    assert disagreements < 20


def test_every_emoji_comes_out_as_it_went_in() -> None:
    for emoji in inputs("unicode/emoji.jsonl"):
        # The keycaps of * and # are Markdown to nobody, but "*" alone would be: put a word in front.
        assert to_html(f"see {emoji}").text == f"see {emoji}"


def test_piled_up_accents_end_after_the_fourth() -> None:
    for raw in inputs("unicode/zalgo_zero_width.jsonl"):
        try:
            shown = to_html(check(raw)).text
        except Refused:
            continue

        assert not any("\u0300" <= a <= b <= "\u036f" for a, b in runs_of_five(shown)), raw


def runs_of_five(shown: str) -> Iterator[tuple[str, str]]:
    """Return the smallest and the largest of every five characters in a row."""
    for index in range(len(shown) - 4):
        five = shown[index : index + 5]
        yield min(five), max(five)
