"""What editors do together, for programs: notes, whose a comment is to decide, and an editor's own preferences."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request

from comments import access, assignments, notes, preferences
from comments.api import described
from comments.api.bodies import read
from comments.api.described import COMMENT, call
from comments.api.endpoint import Moderating, answer, moment, signed_in
from comments.api.forms import AssignmentForm, NoteForm, PreferencesForm
from comments.exceptions import Refused
from comments.models import Assignment, Comment, Note

MOST_NOTES = 500
"""Notes in an answer, the newest of them."""


def _comment(request: Request, comment_id: int) -> Comment:
    comment = Comment.objects.select_related("discussion").filter(pk=comment_id).first()
    if comment is None:
        raise Refused("unknown_comment", _("There is no such comment."), status=404)
    access.require_viewer(request.user, comment.discussion)
    return comment


def _note(note: Note) -> dict[str, Any]:
    return {
        "id": note.pk,
        "text": note.text,
        "made_by": {"id": note.made_by_id, "name": note.made_by.name},
        "created_at": moment(note.created_at),
    }


class NotesView(Moderating):
    reading = "see_desk"

    @call(
        "notes",
        "moderation",
        "Editors' notes on a comment, oldest first",
        {200: described.NotesSerializer},
        parameters=[COMMENT],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def get(self, request: Request, comment_id: int) -> HttpResponse:
        newest = notes.about_comment(_comment(request, comment_id)).order_by("-id")[:MOST_NOTES]
        return answer({"results": [_note(note) for note in reversed(newest)]})

    @call(
        "write_note",
        "moderation",
        "Write a note on a comment. Readers never see it",
        {201: described.NoteSerializer},
        request=NoteForm,
        parameters=[COMMENT],
        refusals=[400, 401, 403, 404, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request, comment_id: int) -> HttpResponse:
        text = read(request, NoteForm)["text"]
        note = notes.write(_comment(request, comment_id), text, made_by=signed_in(request))
        return answer(_note(note), 201)


class NoteView(Moderating):
    @call(
        "delete_note",
        "moderation",
        "Delete a note of your own",
        {204: OpenApiResponse(description="Deleted.")},
        parameters=[OpenApiParameter("note_id", described.ID, OpenApiParameter.PATH)],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def delete(self, request: Request, note_id: int) -> HttpResponse:
        notes.delete(note_id, made_by=signed_in(request))
        return HttpResponse(status=204)


def _assignment(assignment: Assignment) -> dict[str, Any]:
    person, group = assignment.to_person, assignment.to_group
    return {
        "to": f"role:{group.pk}" if group else f"user:{person.user_id if person else ''}",
        "name": str(group or person),
        "note": assignment.note,
        "made_by": {"id": assignment.made_by_id, "name": assignment.made_by.name},
        "created_at": moment(assignment.created_at),
    }


class AssignmentView(Moderating):
    reading = "see_desk"

    @call(
        "assignment",
        "moderation",
        "Whose a comment is to decide; 404 when it is nobody's in particular",
        {200: described.AssignmentSerializer},
        parameters=[COMMENT],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def get(self, request: Request, comment_id: int) -> HttpResponse:
        comment = _comment(request, comment_id)
        found = assignments.current([comment]).get(comment.pk)
        if found is None:
            raise Refused("not_assigned", _("This comment is nobody's in particular."), status=404)
        return answer(_assignment(found))

    @call(
        "assign",
        "moderation",
        "Hand a comment to somebody, or to a role; whoever had it before has it no more",
        {200: described.AssignmentSerializer},
        request=AssignmentForm,
        parameters=[COMMENT],
        refusals=[400, 401, 403, 404, 409, 413, 415],
        scope="moderate",
    )
    def put(self, request: Request, comment_id: int) -> HttpResponse:
        said = read(request, AssignmentForm)
        comment = _comment(request, comment_id)
        return answer(
            _assignment(assignments.assign(comment, said["to"], said.get("note", ""), made_by=signed_in(request)))
        )

    @call(
        "give_back",
        "moderation",
        "Make a comment everybody's again",
        {204: OpenApiResponse(description="Given back.")},
        parameters=[COMMENT],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def delete(self, request: Request, comment_id: int) -> HttpResponse:
        assignments.give_back(_comment(request, comment_id), made_by=signed_in(request))
        return HttpResponse(status=204)


class AssigneesView(Moderating):
    @call(
        "assignees",
        "moderation",
        "Roles and people that a comment can be handed to",
        {200: described.AssigneesSerializer},
        refusals=[401, 403],
        scope="moderate",
    )
    def get(self, request: Request) -> HttpResponse:
        found = [*assignments.roles(), *assignments.editors()]
        return answer({"results": [{"to": one.key, "name": one.name} for one in found]})


class PreferencesView(Moderating):
    permission = "see_desk"

    @call(
        "preferences",
        "moderation",
        "How you want to work on the desk",
        {200: described.PreferencesSerializer},
        refusals=[401, 403],
        scope="moderate",
    )
    def get(self, request: Request) -> HttpResponse:
        return answer(asdict(preferences.of(request.user)))

    @call(
        "keep_preferences",
        "moderation",
        "Change how you want to work; what is left out stays",
        {200: described.PreferencesSerializer},
        request=PreferencesForm,
        refusals=[400, 401, 403, 413, 415],
        scope="moderate",
    )
    def put(self, request: Request) -> HttpResponse:
        said = read(request, PreferencesForm)
        return answer(asdict(preferences.keep(signed_in(request), **said)))
