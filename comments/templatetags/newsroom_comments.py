"""
``{% comments article %}`` puts the whole section under a story.

``{% comments_assets %}`` goes into the page's head. ``{% comment_count article %}`` says how many comments are
published; before a list of stories, ``{% comment_counts articles %}`` asks for all of them in one query.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, urlencode

from django import template
from django.db import models
from django.template import Context
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from comments import sso, threads
from comments.http import request_id
from comments.models import Commenter, Discussion
from comments.pages import feeds, section, shown

register = template.Library()


@register.simple_tag(takes_context=True)
def comments(context: Context, story: models.Model) -> SafeString:
    """Render the comment section under ``story``, a model instance or a ``Discussion``."""
    return section.render(context["request"], story)


STYLES = "comments/comments.css"
SCRIPTS = ("comments/comments.js", "comments/reading.js")
IMPORTED = "comments/ring.js"
"""What these import, asked for before they have come: one journey to the server less."""


@register.simple_tag
def comments_assets() -> SafeString:
    """Link the app's one style sheet and its two scripts: for taking part, and for reading."""
    return format_html(
        '<link rel="stylesheet" href="{}">\n<script type="module" src="{}"></script>\n'
        '<script type="module" src="{}"></script>\n<link rel="modulepreload" href="{}">',
        *map(static, (STYLES, *SCRIPTS, IMPORTED)),
    )


def assets_header() -> str:
    """
    Return what ``{% comments_assets %}`` links as the value of a ``Link`` header.

    A browser asks for it before the page has come, and so does a proxy that sends early hints.
    """
    scripts = (f"<{static(path)}>; rel=modulepreload" for path in (*SCRIPTS, IMPORTED))
    return ", ".join([f"<{static(STYLES)}>; rel=preload; as=style", *scripts])


@register.simple_tag(takes_context=True)
def comment_counts(context: Context, stories: Iterable[models.Model]) -> str:
    """Read the counts of all ``stories`` in one query, for every ``{% comment_count %}`` on this page."""
    _known(context).update(threads.counts(section.key_of(story) for story in stories))
    return ""


@register.simple_tag(takes_context=True)
def comment_count(context: Context, story: models.Model) -> int:
    """
    Return how many comments are published under ``story``.

    Free after ``{% comment_counts %}``. Without it the number is kept like any public page: in this process, until the
    discussion moves.
    """
    key = section.key_of(story)
    known = _known(context)
    if key not in known:
        known[key] = section.count(key)
    return known[key]


@register.filter
def isolated(words: str) -> str:
    """Return words that may run in another direction than the sentence they are put into, so that both read right."""
    return f"\u2068{words}\u2069"


@register.simple_tag
def comments_issue_url(discussion: Discussion | None) -> str:
    """Return the "let us know" form, with the discussion when there is one."""
    return shown.problem_url(discussion.key if discussion else "")


@register.simple_tag
def comments_sign_in_url(back: str = "") -> str:
    """Return where readers sign in, here or at the publisher's, and from where they come back to the page ``back``."""
    if not back:
        return sso.login_url()
    return shown.with_query(sso.login_url(), urlencode({"next": back}, safe="/"))


@register.simple_tag
def comments_failure_url(code: str) -> str:
    """Return the "let us know" form for a page about a failure: told the code and the request. Asks no database."""
    return f"{shown.problem_url('', code=code)}&request={quote(request_id(), safe='')}"


@register.simple_tag
def comments_feeds(story: models.Model | None = None) -> SafeString:
    """Link the Atom feed of ``story``, or without one of the whole site, for the page's head: feed readers find it."""
    address = shown.feed_url(section.key_of(story)) if story is not None else reverse("comments:feed")
    title = _("Comments on this article") if story is not None else _("Latest comments")
    return format_html('<link rel="alternate" type="application/atom+xml" title="{}" href="{}">', title, address)


@register.simple_tag
def comments_replies_feed(person: Commenter) -> str:
    """Return the Atom feed of what is answered to ``person``. For their own pages only: it is nobody else's."""
    return feeds.replies_url(person)


def _known(context: Context) -> dict[str, int]:
    """Return the counts this page has read, kept on the request."""
    request: Any = context.get("request")
    if request is None:
        return {}
    if not hasattr(request, "_comment_counts"):
        request._comment_counts = {}
    known: dict[str, int] = request._comment_counts
    return known
