"""What an editor does with a card besides deciding: has it open, shows readers that it was chosen, takes back."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse
from rest_framework.request import Request

from comments import access, claims, moderation
from comments.api import described
from comments.api.bodies import read
from comments.api.described import COMMENT, call
from comments.api.endpoint import Moderating, answer, moment, signed_in
from comments.api.forms import ClaimForm, MarkForm, UndoForm
from comments.exceptions import Refused
from comments.models import Claim, Comment, Decision


def _found(request: Request, comment_id: int, version: int | None = None) -> Comment:
    """Return the comment as the caller looked at it; raise ``Refused`` where they may not decide about it."""
    comment = Comment.objects.select_related("discussion").filter(pk=comment_id).first()
    if comment is None:
        raise Refused("unknown_comment", _("There is no such comment."), status=404)
    access.require_moderator(request.user, comment.discussion)
    comment.version = comment.version if version is None else version
    return comment


def _claim(claim: Claim) -> dict[str, Any]:
    return {"comment": claim.comment_id, "by": claim.person.name, "until": moment(claim.until)}


def _marks(comment: Comment) -> dict[str, Any]:
    return {"featured_at": moment(comment.featured_at), "pinned_at": moment(comment.pinned_at)}


class ClaimView(Moderating):
    @call(
        "claim_comment",
        "moderation",
        "Keep a card from other editors for a while, or renew it; 409 while somebody else has it. A decision frees it",
        {200: described.ClaimSerializer},
        request=ClaimForm,
        parameters=[COMMENT],
        refusals=[400, 401, 403, 404, 409, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request, comment_id: int) -> HttpResponse:
        said = read(request, ClaimForm)
        comment = _found(request, comment_id)
        return answer(_claim(claims.take(comment, signed_in(request), over=said.get("take_over", False))))

    @call(
        "release_comment",
        "moderation",
        "Give a card back to everyone; one that is not yours stays as it is",
        {204: OpenApiResponse(description="You do not have it.")},
        parameters=[COMMENT],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def delete(self, request: Request, comment_id: int) -> HttpResponse:
        claims.give_back([_found(request, comment_id).pk], signed_in(request))
        return HttpResponse(status=204)


class FeatureView(Moderating):
    @call(
        "feature_comment",
        "moderation",
        "Show readers that a published comment is an editors' pick",
        {200: described.MarksSerializer},
        request=MarkForm,
        parameters=[COMMENT],
        refusals=[400, 401, 403, 404, 409, 413, 415],
        scope="moderate",
    )
    def put(self, request: Request, comment_id: int) -> HttpResponse:
        comment = _found(request, comment_id, read(request, MarkForm)["version"])
        return answer(_marks(moderation.feature(comment, made_by=signed_in(request))))

    @call(
        "unfeature_comment",
        "moderation",
        "It is no editors' pick any more",
        {204: OpenApiResponse(description="It is none.")},
        parameters=[COMMENT],
        refusals=[401, 403, 404, 409],
        scope="moderate",
    )
    def delete(self, request: Request, comment_id: int) -> HttpResponse:
        moderation.unfeature(_found(request, comment_id), made_by=signed_in(request))
        return HttpResponse(status=204)


class PinView(Moderating):
    @call(
        "pin_comment",
        "moderation",
        "Point readers at a published comment; what was pinned in its discussion no longer is",
        {200: described.MarksSerializer},
        request=MarkForm,
        parameters=[COMMENT],
        refusals=[400, 401, 403, 404, 409, 413, 415],
        scope="moderate",
    )
    def put(self, request: Request, comment_id: int) -> HttpResponse:
        comment = _found(request, comment_id, read(request, MarkForm)["version"])
        return answer(_marks(moderation.pin(comment, made_by=signed_in(request))))

    @call(
        "unpin_comment",
        "moderation",
        "Stop pointing readers at it",
        {204: OpenApiResponse(description="It is not pinned.")},
        parameters=[COMMENT],
        refusals=[401, 403, 404, 409],
        scope="moderate",
    )
    def delete(self, request: Request, comment_id: int) -> HttpResponse:
        moderation.unpin(_found(request, comment_id), made_by=signed_in(request))
        return HttpResponse(status=204)


class UndoView(Moderating):
    @call(
        "undo_decision",
        "moderation",
        "Take a decision back: the comment is where it was before. 409 when anything happened since",
        {201: described.MadeDecisionSerializer},
        request=UndoForm,
        parameters=[COMMENT],
        refusals=[400, 401, 403, 404, 409, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request, comment_id: int) -> HttpResponse:
        said = read(request, UndoForm)
        comment = _found(request, comment_id, said["version"])
        undone = Decision.objects.filter(public_id=said["decision"], comment=comment).values_list("pk", flat=True)
        decision = moderation.take_back(comment, undone.first() or 0, signed_in(request))
        return answer(
            {
                "id": str(decision.public_id),
                "verdict": decision.verdict,
                "from_status": decision.from_status,
                "to_status": decision.to_status,
                "reason": decision.reason,
                "decided_at": moment(decision.created_at),
                "version": comment.version,
            },
            201,
        )
