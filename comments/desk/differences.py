"""What an author changed between two texts, word by word."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

MOST = 3_000
"""Words of both texts together that are compared one by one; longer texts are compared line by line."""

_word = re.compile(r"\s+|\w+|[^\w\s]")
_line = re.compile(r"[^\n]*\n|[^\n]+")


def words(before: str, after: str) -> SafeString:
    """Return ``after``, escaped, with what is new in ``<ins>`` and what is gone in ``<del>``."""
    old, new = _word.findall(before), _word.findall(after)
    if len(old) + len(new) > MOST:
        old, new = _line.findall(before), _line.findall(after)
    pieces: list[SafeString] = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=len(old) + len(new) > 400).get_opcodes():
        gone, come = "".join(old[a:b]), "".join(new[c:d])
        if kind == "equal":
            pieces.append(format_html("{}", come))
            continue
        if gone:
            pieces.append(format_html("<del>{}</del>", gone))
        if come:
            pieces.append(format_html("<ins>{}</ins>", come))
    return format_html_join("", "{}", ((piece,) for piece in pieces))
