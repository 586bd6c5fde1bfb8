"""What a comment looks like elsewhere: its addresses, what link previews say of it, and the frame that shows it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from comments import conf, questions, text
from comments.models import Comment, Status
from comments.pages import shown

LONGEST = 200
"""Characters of a comment in a link preview."""

WIDTH, HEIGHT = 600, 320
LEAST_WIDTH, LEAST_HEIGHT = 240, 160


def absolute(request: HttpRequest, path: str) -> str:
    """Return ``path`` on the site's own name, or on the one it was asked by."""
    site = conf.get().site_url.rstrip("/")
    return f"{site}{path}" if site and path.startswith("/") else request.build_absolute_uri(path)


def author(comment: Comment) -> str:
    return comment.author.name or shown.words()["nobody"]


def title(comment: Comment) -> str:
    """Return "Mara on “The night tram is back”"."""
    discussion = comment.discussion
    return _("%(name)s on “%(title)s”") % {"name": author(comment), "title": discussion.title or discussion.key}


def card(request: HttpRequest, comment: Comment) -> dict[str, str] | None:
    """Return what link previews say of ``comment``; ``None`` unless it is published."""
    if comment.status != Status.PUBLISHED:
        return None
    url = absolute(request, comment.get_absolute_url())
    return {
        "title": title(comment),
        "author": author(comment),
        "text": text.excerpt(" ".join(text.plain(comment.html).split()), LONGEST),
        "url": url,
        "at": shown.machine_time(comment.created_at),
        "oembed": f"{absolute(request, reverse('comments:oembed'))}?{urlencode({'url': url, 'format': 'json'})}",
    }


def addresses(request: HttpRequest, comment: Comment) -> dict[str, str]:
    """Return the address of ``comment`` and the frame to be copied into another page."""
    return {"url": absolute(request, comment.get_absolute_url()), "html": frame(request, comment)}


def frame(request: HttpRequest, comment: Comment, width: int = WIDTH, height: int = HEIGHT) -> str:
    """Return the frame that shows ``comment`` elsewhere: no script, and nothing of its reader."""
    return format_html(
        '<iframe src="{}" title="{}" width="{}" height="{}" loading="lazy" '
        'sandbox="allow-popups allow-popups-to-escape-sandbox"></iframe>',
        absolute(request, reverse("comments:embed", args=[comment.pk])),
        title(comment),
        width,
        height,
    )


def embedded(comment: Comment) -> dict[str, Any]:
    """Return what ``comments/embed.html`` shows of a published ``comment``."""
    writer = comment.author
    expert = questions.experts(comment.discussion).get(writer.pk)
    badge = writer.badge or ("expert" if expert else "")
    return {
        "name": author(comment),
        "badge": badge,
        "badge_name": shown.words()[f"badge_{badge}"] if badge else "",
        "role": (expert.role if expert else "") or writer.role,
        "at": shown.machine_time(comment.created_at),
        "when": shown.public_time(comment.created_at),
        "edited": shown.words()["edited"] % {"when": shown.public_time(comment.edited_at)} if comment.edited_at else "",
        "html": comment.html,
        "language": comment.language,
        "title": comment.discussion.title or comment.discussion.key,
        "url": comment.get_absolute_url(),
    }
