"""What a reader's phone has to load for the section, as a server that compresses sends it."""

from __future__ import annotations

import gzip

from tests.servers import ROOT

STATIC = ROOT / "comments" / "static" / "comments"
READERS_SCRIPTS = {"comments.js", "reading.js", "ring.js", "guests.js", "sum.js"}
"""All that a reader of the section can come to need: the last two only a guest who posts."""
OTHER_SCRIPTS = {"issue.js", "editor.js"}
"""The form behind "let us know", and what editors get in the article."""


def compressed(name: str) -> int:
    return len(gzip.compress((STATIC / name).read_bytes(), 9))


def test_scripts_and_styles_of_the_section_stay_within_their_budget() -> None:
    assert sum(map(compressed, READERS_SCRIPTS)) <= 15_000
    assert compressed("comments.css") <= 10_000


def test_every_script_is_counted() -> None:
    assert {path.name for path in STATIC.glob("*.js")} == READERS_SCRIPTS | OTHER_SCRIPTS
