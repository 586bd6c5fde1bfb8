"""What a person is told, what they wish to be told of, and what they follow."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request

from comments import discussions
from comments.api import described
from comments.api.bodies import read
from comments.api.described import COMMENT, CURSOR, KEY, call
from comments.api.endpoint import Endpoint, answer, limit_asked, moment, named, signed_in
from comments.api.forms import ReadForm, WishesForm
from comments.exceptions import Refused
from comments.models import Comment, Commenter, NotificationPreference
from comments.notifications import choices, following, reading
from comments.notifications.reading import Notice

MOST = 50

WISHES: dict[str, Any] = {
    "type": "object",
    "properties": {
        "mail": {"type": "string", "enum": list(NotificationPreference.Mail.values)},
        "off": {"type": "array", "items": {"type": "string"}, "maxItems": 20},
        "mailed_kinds": {"type": "array", "items": {"type": "string"}, "maxItems": 20},
        "follows_own": {"type": "boolean"},
    },
    "additionalProperties": False,
}


def _notice(notice: Notice) -> dict[str, Any]:
    return {
        "id": notice.id,
        "kind": notice.kind,
        "detail": notice.title,
        "quote": notice.quote,
        "story": notice.story,
        "url": notice.url,
        "appeal_url": notice.appeal_url,
        "comment": notice.comment,
        "created_at": moment(notice.at),
        "is_read": not notice.is_new,
    }


class NoticesView(Endpoint):
    @call(
        "notifications",
        "me",
        "What I was told, newest first",
        {200: described.NoticesSerializer},
        parameters=[CURSOR, described.limit(MOST), OpenApiParameter("unread", bool, description="Only what is new.")],
        refusals=[400, 401, 403],
        scope="read",
    )
    def get(self, request: Request) -> HttpResponse:
        person = signed_in(request)
        most = min(limit_asked(request) or reading.LISTED, MOST)
        new = request.GET.get("unread", "")
        if new not in ("", "true", "false"):
            raise Refused("bad_unread", _("“unread” is true or false."))
        found = reading.of(person, before=_place(request), only_new=new == "true", most=most + 1)
        listed, more = found[:most], found[most:]
        return answer(
            {
                "results": [_notice(notice) for notice in listed],
                "next": str(listed[-1].id) if more else None,
                "unread": reading.unread(person),
            }
        )


def _place(request: Request) -> int | None:
    cursor = request.GET.get("cursor", "")
    if not cursor:
        return None
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
        raise Refused("bad_cursor", _("This cursor is not one of ours. Start again without it."))
    return int(cursor)


class ReadView(Endpoint):
    @call(
        "read_notifications",
        "me",
        "Mark notices as read; twice is once",
        {200: described.UnreadSerializer},
        request=ReadForm,
        refusals=[400, 401, 403, 413, 415],
        scope="write",
    )
    def post(self, request: Request) -> HttpResponse:
        said = read(request, ReadForm)
        return answer(
            {"unread": reading.mark_read(signed_in(request), numbers=said.get("ids"), up_to=said.get("up_to"))}
        )


def _wishes(person: Commenter) -> dict[str, Any]:
    current = choices.of(person)
    return {
        "mail": current.mail,
        "off": current.off,
        "mailed_kinds": current.mailed_kinds,
        "follows_own": current.follows_own,
    }


class WishesView(Endpoint):
    @call(
        "notification_preferences",
        "me",
        "What I wish to be told of, and how",
        {200: described.WishesSerializer},
        refusals=[401, 403],
        scope="read",
    )
    def get(self, request: Request) -> HttpResponse:
        return answer(_wishes(signed_in(request)))

    @call(
        "change_notification_preferences",
        "me",
        "Change what I wish to be told of; what is left out stays",
        {200: described.WishesSerializer},
        # Written out: the library makes every field of a PATCH optional and names it otherwise.
        request={"application/json": WISHES},
        refusals=[400, 401, 403, 413, 415],
        scope="write",
    )
    def patch(self, request: Request) -> HttpResponse:
        said = read(request, WishesForm)
        person = signed_in(request)
        choices.change(person, **said)
        return answer(_wishes(person))


# --- What I follow ----------------------------------------------------------------------------------------------------


class FollowsView(Endpoint):
    @call("follows", "me", "What I follow", {200: described.FollowsSerializer}, refusals=[401, 403], scope="read")
    def get(self, request: Request) -> HttpResponse:
        found = following.listed(signed_in(request))
        return answer(
            {
                "results": [
                    {
                        "id": one.pk,
                        "discussion": one.discussion.key,
                        "title": one.discussion.title,
                        "comment": one.comment_id,
                        "created_at": moment(one.created_at),
                    }
                    for one in found
                ]
            }
        )


class FollowView(Endpoint):
    @call(
        "follow",
        "comments",
        "Follow the conversation of a comment; twice is once",
        {200: described.FollowingSerializer},
        parameters=[COMMENT],
        refusals=[401, 403, 404, 409],
        scope="write",
    )
    def put(self, request: Request, comment_id: int) -> HttpResponse:
        person = signed_in(request)
        comment = Comment.objects.filter(pk=comment_id).first()
        if comment is None:
            raise Refused("unknown_comment", _("There is no such comment."), status=404)
        following.follow(person, comment)
        return answer({"following": True})

    @call(
        "unfollow",
        "comments",
        "Stop following the conversation of a comment",
        {204: OpenApiResponse(description="Not followed, now or before.")},
        parameters=[COMMENT],
        refusals=[401, 403],
        scope="write",
    )
    def delete(self, request: Request, comment_id: int) -> HttpResponse:
        person = signed_in(request)
        # Also what is no longer shown; and what never was is answered alike.
        if comment := Comment.objects.filter(pk=comment_id).first():
            following.unfollow(person, comment)
        return HttpResponse(status=204)


class FollowStoryView(Endpoint):
    @call(
        "follow_discussion",
        "discussions",
        "Follow everything in a discussion; twice is once",
        {200: described.FollowingSerializer},
        parameters=[KEY],
        refusals=[401, 403, 404, 409],
        scope="write",
    )
    def put(self, request: Request, key: str) -> HttpResponse:
        person = signed_in(request)
        following.follow(person, discussions.get(named(key)))
        return answer({"following": True})

    @call(
        "unfollow_discussion",
        "discussions",
        "Stop following a discussion",
        {204: OpenApiResponse(description="Not followed, now or before.")},
        parameters=[KEY],
        refusals=[401, 403, 404],
        scope="write",
    )
    def delete(self, request: Request, key: str) -> HttpResponse:
        person = signed_in(request)
        following.unfollow(person, discussions.get(named(key)))
        return HttpResponse(status=204)
