"""
Print ``comments/_comment.html`` two hundred times a page in a few milliseconds.

Django's template engine takes about 140 microseconds a comment. So the template is rendered once for each *shape* a
comment can have (with or without a badge, edited, a tombstone, …), with marks where the values go; the values are then
escaped and put in by Python's own ``%``, in about 12. A site that brings its own ``_comment.html`` may use anything a
template can: it is rendered by Django, comment by comment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from django.conf import settings
from django.template import Context, Template
from django.template.loader import get_template
from django.utils.safestring import SafeString, mark_safe

MARK = "\x02"
NAME = "comments/_comment.html"
OURS = Path(__file__).resolve().parent.parent / "templates" / NAME
RAW = "html"
"""The one value that is HTML already, made safe by :mod:`comments.text`."""

OWN_WORK = frozenset(
    {
        "anchor",
        "heading",
        "at",
        "author",
        "published",
        "likes",
        "dislikes",
        "insightful",
        "thanks",
        "funny",
        "icon",
        "target",
        "state",
    }
)
"""Values made of nothing but our own letters and digits. Every other one is escaped."""

_molds: dict[tuple[Any, ...], str] = {}


def printer(common: Mapping[str, Any], language: str) -> Callable[[Mapping[str, Any]], SafeString]:
    """
    Return the function that prints one comment, given what is ``common`` to all of them: ``w`` and ``icons``.

    What it is given is a :class:`comments.pages.shown.Shown`: text to print, or whose being there is asked about.
    """
    template: Template = get_template(NAME).template  # type: ignore[attr-defined]
    plain = Context(dict(common))

    def rendered(c: Mapping[str, Any]) -> SafeString:
        with plain.push(c=c):
            return template.render(plain)

    if template.origin.name != str(OURS):
        return rendered
    about = (language, common["icons"], settings.DEBUG and OURS.stat().st_mtime)

    def printed(c: Mapping[str, Any]) -> SafeString:
        if c["state"]:
            return rendered(c)
        shape = about + tuple([bool(value) for value in c.values()])
        mold = _molds.get(shape)
        if mold is None:
            holes = {
                name: f"{MARK}{name}{MARK}" if isinstance(value, str) and value else value for name, value in c.items()
            }
            pieces = rendered(holes).replace("%", "%%").split(MARK)
            pieces[1::2] = [f"%({name})s" for name in pieces[1::2]]
            if len(_molds) > 1_000:
                _molds.clear()
            mold = _molds[shape] = "".join(pieces)
        # Every value that is not sanitized HTML, or ours, is escaped here.
        values = {name: value if name in OWN_WORK or name == RAW else escape(value) for name, value in c.items()}
        return mark_safe(mold % values)

    return printed


def inside(article: SafeString, piece: SafeString) -> SafeString:
    """Return ``article`` with ``piece`` at its end; where a site's own template ends otherwise, behind it."""
    end = "</article>"
    if not article.rstrip().endswith(end):
        return article + piece
    return mark_safe(article.rstrip().removesuffix(end) + piece + end)
