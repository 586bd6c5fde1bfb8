"""What a person does with comments, and what only they see of them."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request

from comments import access, discussions, moderation, muting, people, personal, posting, reactions, threads
from comments.access import Standing
from comments.api import described
from comments.api.bodies import read
from comments.api.described import COMMENT, KEY, MAY_SIGN_IN, PERSON, UUID_SHAPE, call
from comments.api.endpoint import Endpoint, answer, author, moment, named, person, signed_in
from comments.api.forms import EditForm, FlagForm, NothingForm, PreviewForm, ReactionForm
from comments.exceptions import Refused
from comments.http import network_key
from comments.models import Comment, Sanction, Status
from comments.pages import section
from comments.personal import Mine
from comments.screening import sentences

EDIT: dict[str, Any] = {
    "type": "object",
    "properties": {"text": {"type": "string", "minLength": 1, "maxLength": 10_000}},
    "required": ["text"],
    "additionalProperties": False,
}


def posted(comment: Comment) -> dict[str, Any]:
    return {
        "id": comment.pk,
        "status": comment.status,
        "url": comment.get_absolute_url(),
        "version": comment.version,
    }


def standing(now: Standing) -> dict[str, Any]:
    """Return how somebody stands, as they are told it."""
    said: dict[str, Any] = {
        "state": now.state,
        "detail": access.standing_in_words(now),
        "until": moment(now.until),
        "sanctions": [],
    }
    told = [one for one in (now.sanction, now.unread) if one is not None]
    return said | {"sanctions": [_told(one) for one in dict.fromkeys(told)]}


def _told(sanction: Sanction) -> dict[str, Any]:
    words = getattr(sanction, "words", None)
    return {
        "public_id": str(sanction.public_id),
        "kind": sanction.kind,
        "reason": sanction.reason,
        "explanation": words.explanation if words else "",
        "legal_ground": sanction.legal_ground,
        "comment": sanction.comment_id if sanction.person_id else None,
        "since": moment(sanction.starts_at),
        "until": moment(sanction.ends_at),
        "to_acknowledge": sanction.kind == Sanction.Kind.WARN,
        "appeal_url": people.appeal_path(sanction),
    }


def _unknown() -> Refused:
    return Refused("unknown_comment", _("There is no such comment."), status=404)


def _found(comment_id: int, **only: Any) -> Comment:
    found = Comment.objects.select_related("discussion", "author").filter(pk=comment_id, **only).first()
    if found is None:
        raise _unknown()
    return found


def _public(comment: Comment) -> dict[str, Any]:
    """Return what everyone may know of ``comment``, whose text is shown only if it is published."""
    return threads.as_data(
        threads.Row(
            id=comment.pk,
            parent_id=comment.parent_id,
            path=comment.path,
            depth=comment.depth,
            status=comment.status,
            html=comment.html if comment.status == Status.PUBLISHED else "",
            reply_count=comment.reply_count,
            like_count=comment.like_count,
            removed_for=comment.removed_for,
            created_at=comment.created_at,
            edited_at=comment.edited_at,
            author_id=comment.author_id,
            author_name=comment.author.name,
            author_badge=comment.author.badge,
            author_role=comment.author.role,
            featured=comment.featured_at is not None,
            pinned=comment.pinned_at is not None,
            best_score=comment.best_score,
            reaction_counts=json.dumps(comment.reaction_counts),
            published_at=comment.published_at,
            language=comment.language if comment.status == Status.PUBLISHED else "",
            answers_name="",
        )
    )


def own(mine: Mine) -> dict[str, Any]:
    """Return a comment as its author sees it: with their words, whatever became of them, and why."""
    comment, revision, writer = mine.comment, mine.revision, mine.comment.author
    seen = _public(comment)
    if comment.status != Status.PUBLISHED:
        badges = [writer.badge] if writer.badge else []
        seen |= {"text": revision.text, "html": revision.html, "language": revision.language or None}
        seen["author"] = {"id": writer.pk, "name": writer.name, "badges": badges}
    reasons = [mine.reason] if mine.reason and not mine.why else mine.why
    return seen | {
        "version": comment.version,
        "reasons": reasons,
        "explanation": mine.explanation,
        "usual_wait": {"from_minutes": mine.usual_wait[0], "to_minutes": mine.usual_wait[1]}
        if mine.usual_wait
        else None,
        "can_edit": mine.can_edit,
        "can_appeal": mine.can_appeal,
        "appeal": _appeal(mine),
        "edit": {"status": mine.status, "text": revision.text} if mine.is_edit else None,
    }


def _appeal(mine: Mine) -> dict[str, Any] | None:
    made = mine.appeal
    if made is None:
        return None
    return {
        "state": made.state,
        "filed_at": moment(made.filed_at),
        "ruled_at": moment(made.ruled_at),
        "ruling": made.ruling,
    }


class CommentView(Endpoint):
    @call(
        "comment",
        "comments",
        "One comment; its author also sees how it stands and why",
        {200: described.OneCommentSerializer},
        parameters=[COMMENT],
        refusals=[401, 403, 404],
        auth=MAY_SIGN_IN,
        scope="read",
    )
    def get(self, request: Request, comment_id: int) -> HttpResponse:
        comment = _found(comment_id)
        reader = person(request)
        if reader is not None and comment.author_id == reader.pk:
            return answer(own(personal.state_of(Comment.objects.filter(pk=comment.pk), reader)[0]))
        if not comment.is_shown:
            raise _unknown()
        return answer(_public(comment))

    @call(
        "edit_comment",
        "comments",
        "Rewrite a comment of one's own; published words stay until the new ones are decided",
        {202: described.PostedSerializer},
        # Written out: the library makes every field of a PATCH optional.
        request={"application/json": EDIT},
        parameters=[COMMENT],
        refusals=[400, 401, 403, 404, 413, 415],
        scope="write",
    )
    def patch(self, request: Request, comment_id: int) -> HttpResponse:
        said = read(request, EditForm)
        writer = author(request)
        return answer(
            posted(posting.edit_comment(writer, _found(comment_id), said["text"], network_key=network_key(request))),
            202,
        )

    @call(
        "withdraw_comment",
        "comments",
        "Withdraw a comment of one's own; replies stay, under a tombstone",
        {204: OpenApiResponse(description="Withdrawn, now or before.")},
        parameters=[COMMENT],
        refusals=[401, 403, 404, 409],
        scope="write",
    )
    def delete(self, request: Request, comment_id: int) -> HttpResponse:
        writer = author(request)
        posting.withdraw_comment(writer, _found(comment_id))
        return HttpResponse(status=204)


class ReactionView(Endpoint):
    @call(
        "react",
        "comments",
        "React to a comment, once by each person; another kind takes the place of the first",
        {200: described.ReactedSerializer},
        request=ReactionForm,
        parameters=[COMMENT],
        refusals=[400, 401, 403, 404, 413, 415, 429],
        scope="write",
    )
    def put(self, request: Request, comment_id: int) -> HttpResponse:
        said = read(request, ReactionForm)
        reader = signed_in(request)
        comment = _found(comment_id, is_shown=True)
        reactions.react(reader, comment, said["kind"], network_key=network_key(request))
        return answer({"reactions": reactions.counts(comment)})

    @call(
        "unreact",
        "comments",
        "Take a reaction back",
        {200: described.ReactedSerializer},
        parameters=[COMMENT],
        refusals=[401, 403, 404],
        scope="write",
    )
    def delete(self, request: Request, comment_id: int) -> HttpResponse:
        reader = signed_in(request)
        comment = _found(comment_id, is_shown=True)
        reactions.unreact(reader, comment)
        return answer({"reactions": reactions.counts(comment)})


class FlagsView(Endpoint):
    @call(
        "flag",
        "comments",
        "Report a published comment to the editors; once by each person for each text",
        {201: described.FlaggedSerializer, 200: described.FlaggedSerializer},
        request=FlagForm,
        parameters=[COMMENT],
        refusals=[400, 401, 403, 404, 409, 413, 415, 429],
        scope="write",
    )
    def post(self, request: Request, comment_id: int) -> HttpResponse:
        said = read(request, FlagForm)
        reporter = signed_in(request)
        made = moderation.flag(reporter, _found(comment_id), said["reason"], said.get("note", ""))
        return answer({"id": made.pk, "state": made.state}, 201 if made.is_new else 200)


class AcknowledgeView(Endpoint):
    @call(
        "acknowledge_warning",
        "me",
        "Say that I have read a warning; twice is once",
        {200: described.StandingSerializer},
        request=NothingForm,
        parameters=[OpenApiParameter("public_id", UUID_SHAPE, OpenApiParameter.PATH)],
        refusals=[400, 401, 403, 404, 413, 415],
        scope="write",
    )
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        read(request, NothingForm)
        reader = author(request)
        people.acknowledge(reader, public_id)
        return answer(standing(access.standing(reader, network_key(request))))


class MyDiscussionView(Endpoint):
    @call(
        "my_discussion",
        "me",
        "What only I see of a discussion: my texts that are not simply published, my reactions and whom I muted",
        {200: described.MyDiscussionSerializer},
        parameters=[KEY],
        refusals=[401, 403, 404],
        scope="read",
    )
    def get(self, request: Request, key: str) -> HttpResponse:
        reader = author(request)
        discussion = discussions.get(named(key))
        mine_there = personal.reacted(reader, discussion)
        mine = {
            "comments": [own(mine) for mine in personal.in_discussion(reader, discussion)],
            "liked": [number for number, kind in mine_there.items() if kind == "like"],
            "reactions": {str(number): kind for number, kind in mine_there.items()},
            "mutes": muting.ids(reader),
        }
        if access.may_moderate(request.user, discussion):
            mine["editor"] = {"unseen": section.unseen(request._request, discussion)}
        return answer(mine)


class MutesView(Endpoint):
    @call(
        "mutes",
        "me",
        "Whom I muted, the latest first",
        {200: described.MutesSerializer},
        refusals=[401, 403],
        scope="read",
    )
    def get(self, request: Request) -> HttpResponse:
        reader = signed_in(request)
        return answer(
            {
                "results": [
                    {"id": one.muted_id, "name": one.muted.name, "since": moment(one.created_at)}
                    for one in muting.by(reader)
                ]
            }
        )


class MuteView(Endpoint):
    @call(
        "mute",
        "me",
        "Fold somebody's comments for me alone; twice is once",
        {204: OpenApiResponse(description="Muted, now or before.")},
        request=NothingForm,
        parameters=[PERSON],
        refusals=[400, 401, 403, 404, 409, 413, 415],
        scope="write",
    )
    def put(self, request: Request, person_id: int) -> HttpResponse:
        read(request, NothingForm)
        muting.mute(signed_in(request), people.get(person_id))
        return HttpResponse(status=204)

    @call(
        "unmute",
        "me",
        "Show me somebody's comments again",
        {204: OpenApiResponse(description="Not muted, now or before.")},
        parameters=[PERSON],
        refusals=[401, 403, 404],
        scope="write",
    )
    def delete(self, request: Request, person_id: int) -> HttpResponse:
        muting.unmute(signed_in(request), people.get(person_id))
        return HttpResponse(status=204)


class PreviewView(Endpoint):
    scope = {"POST": "read"}  # nothing is saved

    @call(
        "preview",
        "comments",
        "Show what a text would look like and what would make it wait; nothing is saved",
        {200: described.PreviewSerializer},
        request=PreviewForm,
        refusals=[400, 401, 403, 404, 413, 415, 429],
        auth=MAY_SIGN_IN,
        scope="read",
    )
    def post(self, request: Request) -> HttpResponse:
        said = read(request, PreviewForm)
        discussion = discussions.get(named(said["discussion"])) if "discussion" in said else None
        rendered, drafts = posting.preview(said["text"], person(request), discussion, network_key=network_key(request))
        return answer(
            {
                "html": rendered.html,
                "advice": [
                    {
                        "code": d.code,
                        "detail": sentences.for_author(d.code, d.facts),
                        "spans": [list(s) for s in d.spans],
                    }
                    for d in drafts
                ],
            }
        )
