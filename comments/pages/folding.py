"""
Fold the comments of people whom a reader has muted, in a page that was printed for everyone.

The kept bytes know nothing of mutes. Every comment in them says who wrote it (``data-author``), and no text of a reader
can hold an ``article``: the sanitizer lets none through.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from comments.pages import shown

ARTICLE = re.compile(r'(<article class="comment"[^>]*? data-author="(\d+)"[^>]*>)(.*?)</article>', re.S)
PLACE = "\x02"


def folded(page: SafeString, muted: Collection[int]) -> SafeString:
    """Return ``page`` with every comment by one of ``muted`` behind a line that opens. Nothing is taken out."""
    if not muted:
        return page
    numbers = {str(number) for number in muted}
    before, after = render_to_string("comments/_folded.html", shown.context(inside=PLACE)).split(PLACE)

    def fold(found: re.Match[str]) -> str:
        opening, author, article = found.groups()
        return f"{opening}{before}{article}{after}</article>" if author in numbers else found.group()

    # The page is ours and was safe; what is put in is a template of ours.
    return mark_safe(ARTICLE.sub(fold, page))


def folded_in(context: dict[str, Any], names: Collection[str], muted: Collection[int]) -> dict[str, Any]:
    """Return ``context`` with the comments under ``names`` folded: one printed comment, or a list of replies."""
    if not muted:
        return context
    done = dict(context)
    for name in names:
        value = done.get(name)
        if isinstance(value, SafeString):
            done[name] = folded(value, muted)
        elif value:
            done[name] = [one | {"html": folded(one["html"], muted)} for one in value]
    return done
