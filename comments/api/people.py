"""People, for programs: what is known of them, and what is done about them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from comments import access, people, records
from comments.api import described
from comments.api.bodies import read
from comments.api.described import CURSOR, PERSON, UUID_SHAPE, call
from comments.api.endpoint import Moderating, answer, limit_asked, moment, signed_in
from comments.api.forms import LiftForm, SanctionForm
from comments.api.writing import standing
from comments.exceptions import Refused
from comments.models import Comment, Sanction

MOST = 200


def _sanction(one: Sanction) -> dict[str, Any]:
    words = getattr(one, "words", None)
    return {
        "id": one.pk,
        "public_id": str(one.public_id),
        "kind": one.kind,
        "person": one.person_id,
        "email_domain": one.email_domain,
        "network": bool(one.network_key),
        "reason": one.reason,
        "explanation": words.explanation if words else "",
        "private_note": words.private_note if words else "",
        "comment": one.comment_id,
        "starts_at": moment(one.starts_at),
        "ends_at": moment(one.ends_at),
        "lifts": str(one.lifts.public_id) if one.lifts else None,
        "made_by": one.made_by.name if one.made_by else None,
        "made_at": moment(one.created_at),
    }


class PeopleView(Moderating):
    permission = "see_desk"

    @call(
        "moderation_people",
        "moderation",
        "People who comment: search them, or see who is sanctioned, most rejected lately, or new",
        {200: described.PeoplePageSerializer},
        parameters=[
            OpenApiParameter("filter", str, enum=list(records.FILTERS), default="all"),
            OpenApiParameter("q", str, description="Part of a name; for who sanctions, the beginning of an address."),
            CURSOR,
            described.limit(MOST),
        ],
        refusals=[400, 401, 403],
        scope="moderate",
    )
    def get(self, request: Request) -> HttpResponse:
        which = request.GET.get("filter", "all")
        if which not in records.FILTERS:
            said = _("The filters are: %(filters)s.") % {"filters": ", ".join(records.FILTERS)}
            raise Refused("unknown_filter", said)
        page = records.listed(
            which,
            request.GET.get("q", ""),
            request.GET.get("cursor", ""),
            by_email=access.may(request.user, "sanction_people"),
            size=min(limit_asked(request) or records.PAGE, MOST),
        )
        return answer({"results": [_listed(one) for one in page.people], "next": page.next_cursor or None})


def _listed(person: Any) -> dict[str, Any]:
    return {
        "id": person.pk,
        "name": person.name,
        "badge": person.badge,
        "published_count": person.published_count,
        "rejected_count": person.rejected_count,
        "rejected_lately": person.rejected_lately,
        "in_force": [one.kind for one in person.binding],
        "created_at": moment(person.created_at),
    }


class PersonView(Moderating):
    permission = "see_desk"

    @call(
        "moderation_person",
        "moderation",
        "One person: how they stand, their strikes and what happened, the latest first",
        {200: described.PersonSerializer},
        parameters=[PERSON, CURSOR, described.limit(MOST)],
        refusals=[400, 401, 403, 404],
        scope="moderate",
    )
    def get(self, request: Request, person_id: int) -> HttpResponse:
        person = people.get(person_id)
        strikes, profile, would = records.strikes(person), records.profile(person), people.reach(person)
        history = records.history(
            person,
            request.GET.get("cursor", ""),
            sections=access.sections_seen(request.user),
            size=min(limit_asked(request) or records.PAGE, MOST),
        )
        return answer(
            {
                "id": person.pk,
                "name": person.name,
                "badge": person.badge,
                "created_at": moment(person.created_at),
                "counts": {
                    "comments": profile.comments,
                    "published": profile.published,
                    "rejected": profile.rejected,
                    "waiting": profile.waiting,
                    "likes": profile.likes,
                    "appeals": profile.appeals,
                    "appeals_granted": profile.appeals_granted,
                    "reports_upheld": profile.upheld,
                    "reports_dismissed": profile.dismissed,
                },
                "standing": standing(access.standing(person)),
                "strikes": {
                    "total": round(strikes.total, 2),
                    "suggestion": strikes.suggestion,
                    "parts": [
                        {
                            "at": moment(part.at),
                            "what": "rejection" if part.decision else "warning",
                            "reason": part.reason,
                            "comment": part.decision.comment_id if part.decision else None,
                            "weight": round(part.weight, 3),
                        }
                        for part in strikes.parts
                    ],
                },
                "seen": people.latest(person),
                "reach": {"domain": would.domain_people, "network": would.network_people},
                "history": [_happened(one) for one in history.items],
                "next": history.next_cursor or None,
            }
        )


def _happened(one: records.Happened) -> dict[str, Any]:
    said, words, made_by, comment_id = people.told(one)
    return {
        "kind": one.kind,
        "at": moment(one.at),
        "id": one.row.pk,
        "comment": comment_id,
        "said": said,
        "words": words,
        "made_by": made_by,
    }


class SanctionsView(Moderating):
    permission = "see_desk"

    @call(
        "moderation_sanctions",
        "moderation",
        "Every sanction of one person, those that are over or lifted too, the latest first",
        {200: described.SanctionSerializer(many=True)},
        parameters=[PERSON],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def get(self, request: Request, person_id: int) -> HttpResponse:
        found = Sanction.objects.filter(person=people.get(person_id)).select_related("words", "made_by", "lifts")
        return answer([_sanction(one) for one in found.order_by("-id")[:MOST]])

    @call(
        "sanction",
        "moderation",
        "Warn, let everything wait, suspend or ban; 409 tells what somebody else did first",
        {201: described.SanctionSerializer},
        request=SanctionForm,
        parameters=[PERSON],
        refusals=[400, 401, 403, 404, 409, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request, person_id: int) -> HttpResponse:
        access.require(request.user, "sanction_people")
        said = read(request, SanctionForm)
        person = people.get(person_id)
        comment = None
        if said.get("comment"):
            comment = Comment.objects.filter(pk=said["comment"]).first()
            if comment is None:
                raise Refused("unknown_comment", _("There is no such comment."), status=404)
        more: dict[str, Any] = {}
        if said.get("days"):
            more["until"] = timezone.now() + timedelta(days=said["days"])
        elif said["kind"] == "suspend":
            raise Refused("no_end", _("Say for how many days."))
        made = people.VERBS[said["kind"]](
            person,
            made_by=signed_in(request),
            target=said.get("target", "person"),
            reason=said.get("reason", ""),
            explanation=said.get("explanation", ""),
            private_note=said.get("note", ""),
            legal_ground=said.get("legal_ground", ""),
            comment=comment,
            seen=said.get("seen"),
            **more,
        )
        return answer(_sanction(made), 201)


class PlacesView(Moderating):
    permission = "see_desk"

    @call(
        "moderation_places",
        "moderation",
        "What is in force against e-mail domains and networks, the latest first",
        {200: described.SanctionSerializer(many=True)},
        refusals=[401, 403],
        scope="moderate",
    )
    def get(self, request: Request) -> HttpResponse:
        return answer([_sanction(one) for one in people.of_places()])


class LiftView(Moderating):
    permission = "sanction_people"

    @call(
        "lift_sanction",
        "moderation",
        "End a sanction now; 409 if it is lifted or over",
        {201: described.SanctionSerializer},
        request=LiftForm,
        parameters=[OpenApiParameter("public_id", UUID_SHAPE, OpenApiParameter.PATH)],
        refusals=[400, 401, 403, 404, 409, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        said = read(request, LiftForm)
        made = people.lift(
            people.known(public_id),
            made_by=signed_in(request),
            explanation=said.get("explanation", ""),
            private_note=said.get("note", ""),
        )
        return answer(_sanction(made), 201)
