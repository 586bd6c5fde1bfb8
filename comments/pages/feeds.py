"""
Atom feeds: of one discussion, of the whole site, and of what was answered to one person.

Only what is published, the latest first, the same bytes for everyone, in a fixed number of queries. A feed's address
says nothing of a person: the one of a person's replies carries a signed name that only they are shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.syndication.views import Feed
from django.core.signing import BadSignature, Signer
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.utils.http import http_date
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from comments import discussions, http, threads
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Discussion, Status
from comments.pages import share
from comments.pages.views import answers_refusals

MOST = 50
"""Comments in a feed."""

ATOM = "application/atom+xml; charset=utf-8"
_not_in_xml = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_signer = Signer(salt="comments.feeds.replies")


def plain(words: str) -> str:
    """Return ``words`` without the characters that XML cannot hold."""
    return _not_in_xml.sub("", words)


def replies_url(person: Commenter) -> str:
    """Return the feed of what is answered to ``person``. To be shown to nobody else."""
    return reverse("comments:replies_feed", args=[_signer.sign(str(person.pk))])


if TYPE_CHECKING:
    Of = Feed[Comment, Any]
else:
    Of = Feed


class CommentFeed(Of):
    """Comments as Atom. ``get_object`` is given what the feed is about: a queryset, a title and an address."""

    feed_type = Atom1Feed

    def get_object(self, request: HttpRequest, *, about: dict[str, Any], **_more: Any) -> dict[str, Any]:
        return about | {"request": request}

    def title(self, obj: dict[str, Any]) -> str:
        return plain(obj["title"])

    def link(self, obj: dict[str, Any]) -> str:
        return share.absolute(obj["request"], obj["link"])

    def feed_url(self, obj: dict[str, Any]) -> str:
        return share.absolute(obj["request"], obj["request"].path)

    def feed_guid(self, obj: dict[str, Any]) -> str:
        return self.feed_url(obj)

    def items(self, obj: dict[str, Any]) -> list[Comment]:
        rows: QuerySet[Comment] = obj["comments"].filter(status=Status.PUBLISHED)
        found = list(rows.select_related("author", "discussion").order_by("-id")[:MOST])
        for comment in found:
            comment.feed_address = share.absolute(obj["request"], comment.get_absolute_url())  # type: ignore[attr-defined]
        return found

    def item_title(self, item: Comment) -> str:
        return plain(share.title(item))

    def item_description(self, item: Comment) -> str:
        return plain(item.html)

    def item_link(self, item: Any) -> str:
        return str(item.feed_address)

    def item_author_name(self, item: Comment) -> str:
        return plain(share.author(item))

    def item_pubdate(self, item: Comment) -> datetime:
        return item.published_at or item.created_at

    def item_updateddate(self, item: Comment) -> datetime:
        return item.edited_at or self.item_pubdate(item)


def _answer(
    request: HttpRequest, key: str, name: tuple[Any, ...], about: Callable[[], tuple[int, dict[str, Any]]]
) -> HttpResponse:
    """Send a feed with its ETag and the time of its latest entry, kept like every public page."""

    def build() -> tuple[int, bytes]:
        version, facts = about()
        made = CommentFeed()(request, about=facts)
        return version, made.content

    # Addresses in it are those of the name that it was asked by.
    kept = threads.pages.get(key, (*name, request.scheme, request.get_host(), get_language()), build)
    response = http.public_response(request, kept, ATOM)
    # Not by the shortcut before Django, which would send the next feed with the time of this one.
    request.META.pop(threads.KEPT, None)
    if latest := re.search(rb"<updated>([^<]+)</updated>", kept.body):
        moment = datetime.fromisoformat(latest[1].decode())
        response["Last-Modified"] = http_date(moment.timestamp())
    return response


@require_safe
@answers_refusals
def discussion(request: HttpRequest, key: str) -> HttpResponse:
    """Send what was published last in one discussion."""
    if len(key) > 200 or "\x00" in key:
        raise Refused("unknown_discussion", _("There is no discussion here."), status=404)

    def about() -> tuple[int, dict[str, Any]]:
        found: Discussion = discussions.get(key)
        title = _("Comments on “%(title)s”") % {"title": found.title or found.key}
        rows = Comment.objects.filter(discussion=found)
        return found.version, {"comments": rows, "title": title, "link": found.url or reverse("comments:feed")}

    return _answer(request, key, ("feed",), about)


EVERYWHERE = " feeds"
"""No discussion has this name: what is not of one discussion is kept under it, for ``CACHE_SECONDS``."""


@require_safe
@answers_refusals
def everything(request: HttpRequest) -> HttpResponse:
    """Send what was published last on the whole site."""

    def about() -> tuple[int, dict[str, Any]]:
        return 0, {"comments": Comment.objects.all(), "title": _("Latest comments"), "link": "/"}

    return _answer(request, EVERYWHERE, ("everything",), about)


@require_safe
@answers_refusals
def replies(request: HttpRequest, token: str) -> HttpResponse:
    """Send what was answered to one person last, to who has the address that only they are shown."""
    try:
        pk = int(_signer.unsign(token))
    except (BadSignature, ValueError):
        raise _nobody() from None

    def about() -> tuple[int, dict[str, Any]]:
        person = Commenter.objects.filter(pk=pk, erased_at__isnull=True).first()
        if person is None:
            raise _nobody()
        rows = Comment.objects.filter(parent__author=person).exclude(author=person)
        return 0, {"comments": rows, "title": _("Replies to %(name)s") % {"name": person.name}, "link": "/"}

    response = _answer(request, EVERYWHERE, ("replies", pk), about)
    response["Cache-Control"] = "private, max-age=0"
    response["X-Robots-Tag"] = "noindex"
    return response


def _nobody() -> Refused:
    return Refused("unknown_feed", _("There is no such feed."), status=404)
