"""Reading what everyone may read: the same bytes for everyone and compressed until something moves."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request

from comments import access, discussions, guests, guidelines, posting, proof, questions, threads, thresholds
from comments.api import described, writing
from comments.api.bodies import read
from comments.api.described import ANYONE, CURSOR, KEY, MAY_SIGN_IN, call
from comments.api.endpoint import LONGEST_KEY, Public, answer, dumped, limit_asked, moment, named, person, signed_in
from comments.api.forms import PostForm
from comments.exceptions import Refused
from comments.http import network_key, public_response
from comments.models import Comment, Commenter, Discussion, Status

JSON = "application/json"
MOST_KEYS = 200


class DiscussionView(Public):
    @call(
        "discussion",
        "discussions",
        "What a discussion is, how many comments it has and whether it takes more",
        {200: described.DiscussionSerializer},
        parameters=[KEY],
        refusals=[404],
        auth=ANYONE,
    )
    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        key = named(key)

        def build() -> tuple[int, bytes]:
            found = discussions.get(key)
            return found.version, dumped(_state(found))

        return public_response(request, threads.pages.get(key, ("discussion", get_language()), build), JSON)


def _state(discussion: Discussion) -> dict[str, Any]:
    now, announced = access.opening(discussion), thresholds.announcement(discussion)
    return {
        "key": discussion.key,
        "title": discussion.title,
        "url": discussion.url,
        "question": discussion.question,
        "state": "open" if now.is_open else "closed",
        "mode": "qa" if discussion.is_for_questions else discussion.mode,
        "premoderated": discussion.mode == Discussion.Mode.PREMODERATED or thresholds.of(discussion).premoderate,
        "experts": [
            {"id": one.person_id, "name": one.person.name, "role": one.role}
            for one in questions.experts(discussion).values()
        ],
        "is_open": now.is_open,
        "counts": {"published": discussion.published_count},
        "guidelines_version": thresholds.guidelines_version(),
        "guidelines": guidelines.state(),
        "announcement": {"text": announced.text, "until": moment(announced.until)} if announced else None,
        "reactions": list(thresholds.of(discussion).reactions),
        "closed_reason": now.reason,
        "closed_at": moment(now.since),
        "opens_at": moment(now.opens_at),
        "closes_at": moment(now.closes_at),
        "version": discussion.version,
    }


class CommentsView(Public):
    @call(
        "comments",
        "discussions",
        "A page of conversations, each with its first replies",
        {200: described.ThreadPageSerializer},
        parameters=[
            KEY,
            OpenApiParameter("sort", str, enum=list(threads.SORTS), default=threads.SORTS[0]),
            OpenApiParameter(
                "only",
                str,
                enum=[name for name in threads.FILTERS if name],
                description="The editors' picks, each by itself; or only questions that are answered, or are not.",
            ),
            CURSOR,
            described.limit(50),
        ],
        refusals=[400, 404],
        auth=ANYONE,
    )
    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        page = threads.page_json(
            named(key),
            sort=request.GET.get("sort") or threads.SORTS[0],
            cursor=request.GET.get("cursor", ""),
            limit=limit_asked(request),
            only=request.GET.get("only", ""),
        )
        return public_response(request, page, JSON)

    @call(
        "post_comment",
        "comments",
        "Post a comment: it is taken, then screened",
        {202: described.PostedAsGuestSerializer},
        request=PostForm,
        parameters=[
            KEY,
            OpenApiParameter(
                "Idempotency-Key",
                str,
                OpenApiParameter.HEADER,
                description="Names this attempt, at most 255 characters. Sent again with the same text, the answer is "
                "the same comment; with another text, 422.",
            ),
        ],
        refusals=[400, 401, 403, 404, 409, 413, 415, 422, 429],
        auth=MAY_SIGN_IN,
        scope="write",
    )
    def post(self, request: Request, key: str) -> HttpResponse:
        said = read(request, PostForm)
        author = person(request)
        if "guest" in said or (author is not None and author.user_id is None):
            return _as_guest(request, key, said, author)
        author = signed_in(request)
        discussion, parent = _where(named(key), said.get("parent"))
        comment = posting.post_comment(
            author,
            discussion,
            said["text"],
            parent=parent,
            idempotency_key=_attempt(request),
            network_key=network_key(request),
            accepts=said.get("guidelines"),
        )
        return answer(writing.posted(comment), 202)


def _as_guest(request: Request, key: str, said: dict[str, Any], author: Commenter | None) -> HttpResponse:
    """Post as a guest: somebody new, or who is known by the secret in ``Authorization``."""
    discussion, parent = _where(named(key), said.get("parent"))
    guests.require_welcome(discussion)
    if author is not None and author.user_id is not None:
        raise Refused("signed_in", _("You are signed in: leave out “guest”, or do not sign in."))
    guest = said.get("guest", {})
    done = guests.post_as_guest(
        discussion,
        said["text"],
        name=guest.get("name", ""),
        email=guest.get("email", ""),
        secret=request.META["HTTP_AUTHORIZATION"].partition(" ")[2].strip() if author else "",
        sum_done=guest.get("sum", ""),
        parent=parent,
        idempotency_key=_attempt(request),
        network_key=network_key(request),
    )
    return answer(writing.posted(done.comment) | {"guest": {"secret": done.secret}}, 202)


class SumView(Public):
    @call(
        "guest_sum",
        "comments",
        "A sum that a comment by a guest is paid with: find the number behind the salt whose SHA-256 is `challenge`",
        {200: described.SumSerializer},
        auth=ANYONE,
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        response = answer(proof.challenge())
        response["Cache-Control"] = "no-store"
        return response


def _where(key: str, parent_id: int | None) -> tuple[Discussion, Comment | None]:
    """Return the discussion and the published comment to answer there; one query unless they do not belong together."""
    parent = None
    if parent_id is not None:
        parent = Comment.objects.select_related("discussion").filter(pk=parent_id, status=Status.PUBLISHED).first()
        if parent is not None and parent.discussion.key == key:
            return parent.discussion, parent
    discussion = discussions.get(key)
    if parent_id is not None and parent is None:
        raise Refused("parent_gone", _("The comment you are answering is no longer there."), status=409)
    return discussion, parent


def _attempt(request: Request) -> str:
    given: str = request.META.get("HTTP_IDEMPOTENCY_KEY", "")
    if given and not given.isprintable():
        raise Refused("bad_idempotency_key", _("The Idempotency-Key has characters in it that cannot be seen."))
    return given


class RepliesView(Public):
    @call(
        "replies",
        "comments",
        "More replies below a comment, in reading order",
        {200: described.CommentPageSerializer},
        parameters=[described.COMMENT, CURSOR, described.limit(2 * threads.MORE_REPLIES)],
        refusals=[400, 404],
        auth=ANYONE,
    )
    def get(self, request: HttpRequest, comment_id: int) -> HttpResponse:
        rows, following = threads.replies(
            comment_id,
            cursor=request.GET.get("cursor", ""),
            limit=limit_asked(request) or threads.MORE_REPLIES,
        )
        experts = questions.experts_beside(comment_id)
        results = [threads.as_data(row, experts) for row in rows]
        return public_response(request, threads.ready(dumped({"results": results, "next": following})), JSON)


class CountsView(Public):
    @call(
        "counts",
        "discussions",
        "How many comments are published under each key; 0 where there is no discussion",
        {200: described.COUNTS},
        parameters=[
            OpenApiParameter(
                "key",
                {"type": "array", "items": {"type": "string"}, "maxItems": MOST_KEYS},
                required=True,
                explode=True,
                style="form",
            )
        ],
        refusals=[400],
        auth=ANYONE,
    )
    def get(self, request: HttpRequest) -> HttpResponse:
        keys = request.GET.getlist("key")
        if len(keys) > MOST_KEYS:
            raise Refused(
                "too_many_keys",
                _("Ask for at most %(maximum)d discussions at once.") % {"maximum": MOST_KEYS},
                maximum=MOST_KEYS,
            )
        possible = [key for key in keys if key and len(key) <= LONGEST_KEY and "\x00" not in key]
        return public_response(request, threads.ready(dumped(dict.fromkeys(keys, 0) | threads.counts(possible))), JSON)


class EventsView(Public):
    @call(
        "events",
        "discussions",
        "Live events, sent by the ASGI application; here there are none, so an EventSource stops and the page polls",
        {204: OpenApiResponse(description="No live events from this server: poll.")},
        parameters=[KEY],
        auth=ANYONE,
    )
    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        response = HttpResponse(status=204)
        response["Cache-Control"] = "no-store"
        return response
