"""What stands around the comments: the guidelines, who answers questions, and reports about people."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request

from comments import access, discussions, guidelines, people, person_flags, questions
from comments.api import described
from comments.api.bodies import read
from comments.api.described import KEY, call
from comments.api.endpoint import Endpoint, Governing, Moderating, answer, moment, named, signed_in
from comments.api.forms import AcceptForm, DiscussionForm, ExpertForm, FlagForm, GuidelinesForm, SettleForm
from comments.models import Commenter, Discussion, Expert, Guidelines, PersonFlag

PERSON = OpenApiParameter("person_id", described.ID, OpenApiParameter.PATH)
MOST = 200


# --- Guidelines -------------------------------------------------------------------------------------------------------


def _version(one: Guidelines) -> dict[str, Any]:
    return {
        "version": one.number,
        "text": one.text,
        "html": one.html,
        "note": one.note,
        "published_at": moment(one.created_at),
        "made_by": one.made_by.name if one.made_by else None,
    }


class GuidelinesView(Governing):
    @call(
        "moderation_guidelines",
        "moderation",
        "Every version of the guidelines, the latest first: the first one holds",
        {200: described.GuidelinesVersionSerializer(many=True)},
        refusals=[401, 403],
        scope="moderate",
    )
    def get(self, request: Request) -> HttpResponse:
        return answer([_version(one) for one in Guidelines.objects.select_related("made_by")[:MOST]])

    @call(
        "publish_guidelines",
        "moderation",
        "Publish the next version; the same text again publishes nothing",
        {201: described.GuidelinesVersionSerializer},
        request=GuidelinesForm,
        refusals=[400, 401, 403, 409, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request) -> HttpResponse:
        said = read(request, GuidelinesForm)
        made = guidelines.publish(
            said["text"], made_by=signed_in(request), note=said.get("note", ""), seen=said.get("seen")
        )
        return answer(_version(made), 201)


class MyGuidelinesView(Endpoint):
    @call(
        "my_guidelines",
        "me",
        "Which version of the guidelines I accepted, and which one I have to accept before I post",
        {200: described.AcceptedSerializer},
        refusals=[401, 403],
        scope="read",
    )
    def get(self, request: Request) -> HttpResponse:
        return answer(accepted(signed_in(request)))

    @call(
        "accept_guidelines",
        "me",
        "Accept the guidelines: the version that is published, and no other; twice is once",
        {200: described.AcceptedSerializer},
        request=AcceptForm,
        refusals=[400, 401, 403, 404, 409, 413, 415],
        scope="write",
    )
    def post(self, request: Request) -> HttpResponse:
        said = read(request, AcceptForm)
        reader = signed_in(request)
        guidelines.accept(reader, said["version"])
        return answer(accepted(reader))


def accepted(reader: Commenter) -> dict[str, Any]:
    """Return what ``reader`` has accepted, and what they have to accept before they post."""
    waiting = guidelines.to_accept(reader)
    return {
        "accepted_version": reader.terms_version,
        "accepted_at": moment(reader.terms_accepted_at),
        "to_accept": waiting.number if waiting else None,
    }


# --- Discussions and experts ------------------------------------------------------------------------------------------


def _discussion(request: Request, key: str) -> Discussion:
    found = discussions.get(named(key))
    access.require_moderator(request.user, found)
    return found


def _configured(found: Discussion) -> dict[str, Any]:
    return {
        "key": found.key,
        "title": found.title,
        "form": found.form,
        "question": found.question,
        "mode": found.mode,
        "closed_reason": found.closed_reason,
        "opens_at": moment(found.opens_at),
        "closes_at": moment(found.closes_at),
        "version": found.version,
    }


class ModeratedDiscussionView(Moderating):
    @call(
        "moderation_discussion",
        "moderation",
        "What the newsroom set for one discussion",
        {200: described.ConfiguredSerializer},
        parameters=[KEY],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def get(self, request: Request, key: str) -> HttpResponse:
        return answer(_configured(_discussion(request, key)))

    @call(
        "change_discussion",
        "moderation",
        "Change its form, its question, whether it is open and when; what is left out stays",
        {200: described.ConfiguredSerializer},
        request=DiscussionForm,
        parameters=[KEY],
        refusals=[400, 401, 403, 404, 413, 415],
        scope="moderate",
    )
    def put(self, request: Request, key: str) -> HttpResponse:
        said = read(request, DiscussionForm)
        found = _discussion(request, key)
        return answer(_configured(discussions.change(found, made_by=signed_in(request), **said)))


def _expert(one: Expert) -> dict[str, Any]:
    return {"person": one.person_id, "name": one.person.name, "role": one.role, "since": moment(one.created_at)}


class ExpertsView(Moderating):
    @call(
        "experts",
        "moderation",
        "Who answers the questions of a discussion",
        {200: described.ExpertSerializer(many=True)},
        parameters=[KEY],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def get(self, request: Request, key: str) -> HttpResponse:
        return answer([_expert(one) for one in _discussion(request, key).experts.select_related("person")])

    @call(
        "name_expert",
        "moderation",
        "Let a person answer there as an expert; again changes the role",
        {200: described.ExpertSerializer},
        request=ExpertForm,
        parameters=[KEY],
        refusals=[400, 401, 403, 404, 409, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request, key: str) -> HttpResponse:
        said = read(request, ExpertForm)
        found, person = _discussion(request, key), people.get(said["person"])
        return answer(_expert(questions.name_expert(found, person, said.get("role", ""), made_by=signed_in(request))))


class ExpertView(Moderating):
    @call(
        "remove_expert",
        "moderation",
        "Let a person no longer answer there as an expert; twice is once",
        {204: OpenApiResponse(description="They are no expert there.")},
        parameters=[KEY, PERSON],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def delete(self, request: Request, key: str, person_id: int) -> HttpResponse:
        questions.remove_expert(_discussion(request, key), people.get(person_id), made_by=signed_in(request))
        return HttpResponse(status=204)


# --- Reports about people ---------------------------------------------------------------------------------------------


class PersonFlagsView(Endpoint):
    @call(
        "flag_person",
        "people",
        "Report a person to the editors; the same again while it is open returns what is there",
        {201: described.PersonFlaggedSerializer, 200: described.PersonFlaggedSerializer},
        request=FlagForm,
        parameters=[PERSON],
        refusals=[400, 401, 403, 404, 413, 415, 429],
        scope="write",
    )
    def post(self, request: Request, person_id: int) -> HttpResponse:
        said = read(request, FlagForm)
        reporter = signed_in(request)
        made = person_flags.flag(reporter, person_flags.known(person_id), said["reason"], said.get("note", ""))
        return answer({"id": made.pk, "state": made.state}, 201 if made.is_new else 200)


def _report(one: PersonFlag) -> dict[str, Any]:
    return {
        "id": one.pk,
        "reporter": one.reporter_id,
        "reason": one.reason,
        "note": one.note,
        "state": one.state,
        "created_at": moment(one.created_at),
        "settled_at": moment(one.settled_at),
        "settled_by": one.settled_by.name if one.settled_by else None,
    }


class DeskPersonFlagsView(Moderating):
    permission = "see_desk"

    @call(
        "person_flags",
        "moderation",
        "Reports about a person, those that wait first",
        {200: described.PersonReportSerializer(many=True)},
        parameters=[PERSON],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def get(self, request: Request, person_id: int) -> HttpResponse:
        return answer([_report(one) for one in person_flags.about(people.get(person_id))[:MOST]])

    @call(
        "settle_person_flags",
        "moderation",
        "Say of every report that waits whether it is right; nothing else follows from it",
        {200: described.SettledSerializer},
        request=SettleForm,
        parameters=[PERSON],
        refusals=[400, 401, 403, 404, 409, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request, person_id: int) -> HttpResponse:
        access.require(request.user, "sanction_people")
        said = read(request, SettleForm)
        count = person_flags.settle(
            people.get(person_id),
            said["state"],
            made_by=signed_in(request),
            seen=said.get("seen"),
            note=said.get("note", ""),
        )
        return answer({"settled": count})
