"""
One comment in somebody else's page: the card that may be framed, and the oEmbed endpoint that tells programs of it.

The card is the only page of the site that others may frame. It knows no session, runs no script and takes no form.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from comments import http, threads
from comments.api import problems
from comments.api.endpoint import dumped
from comments.exceptions import Refused
from comments.models import Comment, Status
from comments.pages import share, shown

POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *"
HTML = "text/html; charset=utf-8"
BIGGEST = 2**63 - 1
KEPT_SECONDS = 300
"""How long programs may keep what the endpoint said."""


def _published(pk: int) -> Comment | None:
    if pk > BIGGEST:
        return None
    return Comment.objects.select_related("discussion", "author").filter(pk=pk, status=Status.PUBLISHED).first()


@xframe_options_exempt
@require_safe
def card(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one published comment by itself: the same bytes for everyone. What is not published is not there."""
    comment = _published(pk)
    if comment is None:
        body = render_to_string("comments/embed.html", shown.context(c=None))
        response = HttpResponse(body, content_type=HTML, status=404)
        response["Cache-Control"] = "public, max-age=0, s-maxage=2"
    else:

        def build() -> tuple[int, bytes]:
            body = render_to_string("comments/embed.html", shown.context(c=share.embedded(comment)))
            return comment.discussion.version, body.encode()

        kept = threads.pages.get(comment.discussion.key, ("embed", comment.pk, get_language()), build)
        response = http.public_response(request, kept, HTML)
    response["Content-Security-Policy"] = POLICY
    response["X-Robots-Tag"] = "noindex"
    return response


@require_safe
def oembed(request: HttpRequest) -> HttpResponse:
    """
    Tell a program how to embed the comment at ``url`` (https://oembed.com, type "rich").

    404 for anything but a published comment of this site, 501 for another format than JSON.
    """
    try:
        said = _oembed(request)
    except Refused as refused:
        response: HttpResponse = problems.answer(refused, request)
    else:
        response = http.public_response(request, threads.ready(said), "application/json")
        response["Cache-Control"] = f"public, max-age={KEPT_SECONDS}"
    # Public, and the same for everyone: any page's script may read it.
    response["Access-Control-Allow-Origin"] = "*"
    return response


def _oembed(request: HttpRequest) -> bytes:
    if request.GET.get("format", "json") != "json":
        raise Refused("format_not_known", _("Only “json” is answered here."), status=501)
    comment = _asked(request, request.GET.get("url", ""))
    if comment is None:
        raise Refused("unknown_comment", _("There is no such comment."), status=404)
    width = _at_most(request.GET.get("maxwidth", ""), share.WIDTH, share.LEAST_WIDTH)
    height = _at_most(request.GET.get("maxheight", ""), share.HEIGHT, share.LEAST_HEIGHT)
    answer: dict[str, Any] = {
        "type": "rich",
        "version": "1.0",
        "title": share.title(comment),
        "author_name": share.author(comment),
        "author_url": share.absolute(request, reverse("comments:person", args=[comment.author_id])),
        "provider_name": urlsplit(share.absolute(request, "/")).hostname or "",
        "provider_url": share.absolute(request, "/"),
        "cache_age": KEPT_SECONDS,
        "html": share.frame(request, comment, width, height),
        "width": width,
        "height": height,
    }
    return dumped(answer)


def _at_most(asked: str, usual: int, least: int) -> int:
    if not (asked.isascii() and asked.isdecimal() and len(asked) < 7):
        return usual
    return max(least, min(usual, int(asked)))


def _asked(request: HttpRequest, url: str) -> Comment | None:
    """Return the published comment that ``url``, of this site, points at: its own page, or its place under a story."""
    try:
        parts = urlsplit(url[:2000])
        host = parts.netloc
    except ValueError:
        return None
    hosts = {request.get_host(), urlsplit(share.absolute(request, "/")).netloc}
    if parts.scheme not in ("http", "https") or host not in hosts:
        return None
    own = re.fullmatch(rf"{re.escape(threads.permalinks())}([1-9][0-9]{{0,17}})/(?:embed/)?", parts.path)
    if own:
        return _published(int(own[1]))
    under = re.fullmatch(r"comment-([1-9][0-9]{0,17})", parts.fragment)
    comment = _published(int(under[1])) if under else None
    if comment is None or urlsplit(comment.discussion.url).path != parts.path:
        return None
    return comment
