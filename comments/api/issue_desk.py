"""The issue desk for programs: reports, groups, answers, templates, incidents and numbers."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from comments import access
from comments.api import described
from comments.api.bodies import Choice, Line, Number, read
from comments.api.described import Shape, call
from comments.api.endpoint import Endpoint, Moderating, answer, moment, signed_in
from comments.api.forms import Form
from comments.exceptions import Refused
from comments.issues import answers, board, grouping, incidents, numbers
from comments.models import AnswerTemplate, Incident, IncidentUpdate, IssueGroup, IssuePicture, IssueReport
from comments.pages.issues import picture_response

PK = OpenApiParameter("pk", described.ID, OpenApiParameter.PATH)
QUERY = [
    OpenApiParameter("state", str, description="`open` without it; `all` for every state."),
    OpenApiParameter("kind", str),
    OpenApiParameter("who", str, description="`mine` or `unassigned`."),
    OpenApiParameter("q", str, description="A number, a code, a request's id, or words."),
]
ACTIONS = ["answer", "ask", "answer_all", "close", "solve", "reopen", "note", "assign", "label", "merge", "split"]
GROUP_ACTIONS = [*ACTIONS, "rename", "incident"]
INCIDENT_ACTIONS = ["confirm", "update", "watch", "end", "dismiss"]


class IssueActionForm(Form):
    do = Choice(choices=ACTIONS)
    text = Line(required=False, allow_blank=True, max_length=2000, help_text="To the reader, or the note.")
    signed_as = Line(required=False, allow_blank=True, max_length=80, help_text="Empty: the comments desk.")
    reason = Line(required=False, allow_blank=True, max_length=40, help_text="Why it is closed.")
    cause = Line(required=False, allow_blank=True, max_length=40)
    to = Number(required=False, allow_null=True, help_text="Number of the person it is assigned to; null: nobody.")
    into = Line(required=False, allow_blank=True, max_length=40, help_text="`group:7` or `report:7`.")
    reports = serializers.ListField(child=Number(), required=False, max_length=500, help_text="Of a group: only these.")


class IssueGroupActionForm(IssueActionForm):
    do = Choice(choices=GROUP_ACTIONS)
    title = Line(required=False, allow_blank=True, max_length=200, help_text="Empty: named by what is in it.")
    incident = Number(required=False, allow_null=True, help_text="Number of the one it belongs to; null: to none.")


class TemplateForm(Form):
    id = Number(required=False, allow_null=True, help_text="Of the one to change; without it a new one.")
    name = Line(max_length=80)
    text = Line(max_length=2000)
    cause = Line(required=False, allow_blank=True, max_length=40)
    language = Line(required=False, allow_blank=True, max_length=12)
    in_use = serializers.BooleanField(required=False)


class NewIncidentForm(Form):
    title = Line(max_length=200)
    text = Line(max_length=1000, help_text="What readers are told.")
    degree = Choice(choices=list(Incident.Degree.values), required=False)


class IncidentActionForm(Form):
    do = Choice(choices=INCIDENT_ACTIONS)
    text = Line(required=False, allow_blank=True, max_length=1000)
    degree = Choice(choices=list(Incident.Degree.values), required=False)
    kept = serializers.BooleanField(required=False, allow_null=True)
    minutes = Number(required=False, help_text="Until the next words, 60 at most.")
    why = Choice(choices=list(Incident.Dismissal.values), required=False)


class DeskIssueLineSerializer(Shape):
    sort = Choice(["group", "stack", "report"])
    id = serializers.IntegerField()
    title = serializers.CharField()
    count = serializers.IntegerField()
    further = serializers.IntegerField(help_text="Counted and not stored.")
    oldest = serializers.DateTimeField()
    newest = serializers.DateTimeField()
    is_urgent = serializers.BooleanField()
    is_suspicious = serializers.BooleanField()
    assigned_to = serializers.CharField()


class DeskIssueLinesSerializer(Shape):
    waiting = serializers.IntegerField()
    oldest = serializers.DateTimeField(allow_null=True)
    results = DeskIssueLineSerializer(many=True)


class DeskPictureSerializer(Shape):
    url = serializers.CharField(help_text="A file, for who may answer; never cached by others.")
    width = serializers.IntegerField()
    height = serializers.IntegerField()


class DeskIssueMessageSerializer(Shape):
    sender = serializers.CharField()
    text = serializers.CharField()
    signed_as = serializers.CharField()
    asks = serializers.BooleanField()
    at = serializers.DateTimeField()
    picture_count = serializers.IntegerField()
    pictures = DeskPictureSerializer(many=True, help_text="Empty for who may not answer: they can show names.")


class DeskIssueNoteSerializer(Shape):
    text = serializers.CharField()
    made_by = serializers.CharField()
    at = serializers.DateTimeField()


class DeskFailureSerializer(Shape):
    door = serializers.CharField()
    verb = serializers.CharField()
    code = serializers.CharField()
    error = serializers.CharField()
    request_id = serializers.CharField()
    release = serializers.CharField()
    at = serializers.DateTimeField()


class DeskIssueSerializer(Shape):
    id = serializers.IntegerField()
    number = serializers.CharField()
    kind = serializers.CharField()
    state = serializers.CharField()
    email = serializers.CharField(allow_null=True, help_text="null for who may not answer.")
    reporter = serializers.CharField(allow_null=True)
    discussion = serializers.CharField(allow_null=True)
    comment = serializers.IntegerField(allow_null=True)
    group = serializers.IntegerField(allow_null=True)
    incident = serializers.IntegerField(allow_null=True)
    assigned_to = serializers.CharField(allow_null=True)
    code = serializers.CharField()
    cause = serializers.CharField()
    browser = serializers.CharField()
    release = serializers.CharField()
    is_urgent = serializers.BooleanField()
    is_suspicious = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    messages = DeskIssueMessageSerializer(many=True)
    notes = DeskIssueNoteSerializer(many=True)
    failures = DeskFailureSerializer(many=True)
    may_be_one_with = serializers.ListField(child=serializers.IntegerField())


class DeskIssueGroupSerializer(Shape):
    id = serializers.IntegerField()
    title = serializers.CharField()
    count = serializers.IntegerField()
    people = serializers.IntegerField(help_text="Among the latest reports.")
    incident = serializers.IntegerField(allow_null=True)
    reports = serializers.ListField(child=serializers.IntegerField(), help_text="The latest.")


class TemplateSerializer(Shape):
    id = serializers.IntegerField()
    name = serializers.CharField()
    text = serializers.CharField()
    cause = serializers.CharField()
    language = serializers.CharField()
    in_use = serializers.BooleanField()
    holes = serializers.ListField(child=serializers.CharField(), help_text="To fill in before it can be sent.")


class TemplatesSerializer(Shape):
    results = TemplateSerializer(many=True)


class IncidentUpdateSerializer(Shape):
    state = serializers.CharField()
    text = serializers.CharField()
    is_public = serializers.BooleanField()
    at = serializers.DateTimeField()


class IncidentSerializer(Shape):
    id = serializers.IntegerField()
    title = serializers.CharField()
    state = Choice(Incident.State.choices)
    degree = Choice(Incident.Degree.choices)
    stream = serializers.CharField()
    why = serializers.CharField()
    text = serializers.CharField()
    kept = serializers.BooleanField(allow_null=True)
    is_likely = serializers.BooleanField()
    is_narrow = serializers.BooleanField()
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    next_update_at = serializers.DateTimeField(allow_null=True)
    updates = IncidentUpdateSerializer(many=True)


class IncidentsSerializer(Shape):
    results = IncidentSerializer(many=True)


class IssueNumbersSerializer(Shape):
    days = serializers.IntegerField()
    figures = serializers.ListField(child=serializers.DictField())
    tables = serializers.DictField(help_text="Name of a table to its rows.")


def _report(user: Any, one: IssueReport) -> dict[str, Any]:
    acts = answers.may_act(user)
    return {
        "id": one.pk,
        "number": one.number,
        "kind": one.kind,
        "state": one.state,
        "email": one.email if acts else None,
        "reporter": one.reporter.name if acts and one.reporter else None,
        "discussion": one.discussion.key if one.discussion else None,
        "comment": one.comment_id,
        "group": one.group_id,
        "incident": one.incident_id,
        "assigned_to": one.assigned_to.name if one.assigned_to else None,
        "code": one.code,
        "cause": one.cause,
        "browser": one.browser,
        "release": one.release,
        "is_urgent": one.is_urgent,
        "is_suspicious": one.is_suspicious,
        "created_at": moment(one.created_at),
        "messages": [
            {
                "sender": message.sender,
                "text": message.text,
                "signed_as": message.signed_as,
                "asks": message.asks,
                "at": moment(message.created_at),
                "picture_count": len(message.pictures.all()),
                "pictures": [_picture(one, each) for each in message.pictures.all()] if acts else [],
            }
            for message in one.messages.prefetch_related("pictures")
        ],
        "notes": [
            {"text": note.text, "made_by": note.made_by.name, "at": moment(note.created_at)}
            for note in one.notes.select_related("made_by")
        ],
        "failures": [
            {
                "door": met.door,
                "verb": met.verb,
                "code": met.code,
                "error": met.error,
                "request_id": met.request_id,
                "release": met.release,
                "at": moment(met.created_at),
            }
            for met in board.failures_of(one)
        ],
        "may_be_one_with": [likely.report.pk for likely in board.suggestions(user, one)],
    }


def _picture(report: IssueReport, one: IssuePicture) -> dict[str, Any]:
    address = reverse("comments_api:moderation_issue_picture", args=[report.pk, one.pk])
    return {"url": address, "width": one.width, "height": one.height}


def _group(user: Any, one: IssueGroup) -> dict[str, Any]:
    reports = board.members(user, one)
    return {
        "id": one.pk,
        "title": one.title,
        "count": board.seen_by(user).filter(group=one).count(),
        "people": grouping.people(reports),
        "incident": one.incident_id,
        "reports": [each.pk for each in reports],
    }


def _template(one: AnswerTemplate) -> dict[str, Any]:
    return {
        "id": one.pk,
        "name": one.name,
        "text": one.text,
        "cause": one.cause,
        "language": one.language,
        "in_use": one.is_active,
        "holes": answers.holes(one.text),
    }


def _incident(one: Incident, updates: list[IncidentUpdate]) -> dict[str, Any]:
    return {
        "id": one.pk,
        "title": one.title,
        "state": one.state,
        "degree": one.degree,
        "stream": one.stream,
        "why": incidents.in_words(one),
        "text": one.text,
        "kept": one.kept,
        "is_likely": one.is_likely,
        "is_narrow": one.is_narrow,
        "started_at": moment(one.started_at),
        "ended_at": moment(one.ended_at),
        "next_update_at": moment(one.next_update_at),
        "updates": [
            {"state": each.state, "text": each.text, "is_public": each.is_public, "at": moment(each.created_at)}
            for each in updates
        ],
    }


class Looking(Moderating):
    """A part of the issue desk: who looks at the desk reads, who answers acts."""

    permission = "answer_issues"
    reading = "see_issues"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        Endpoint.initial(self, request, *args, **kwargs)
        access.require_signed_in(request.user)
        if request.method in ("GET", "HEAD", "OPTIONS") and self.reading == "see_issues":
            if not answers.may_look(request.user):
                access.require_viewer(request.user)
        else:
            access.require(request.user, "answer_issues")


class DeskIssuesView(Looking):
    @call(
        "moderation_issues",
        "moderation",
        "Issue reports in groups, stacks and alone; urgent first, doubtful last",
        {200: DeskIssueLinesSerializer},
        parameters=QUERY,
        refusals=[401, 403],
        scope="moderate",
    )
    def get(self, request: Request) -> HttpResponse:
        found = board.lines(request.user, board.Asked.read(request.GET))
        head = board.head(request.user)
        rows = [
            {
                "sort": one.sort,
                "id": one.pk,
                "title": one.title,
                "count": one.count,
                "further": one.further,
                "oldest": moment(one.oldest),
                "newest": moment(one.newest),
                "is_urgent": one.is_urgent,
                "is_suspicious": one.is_suspicious,
                "assigned_to": one.assigned_to,
            }
            for one in found
        ]
        return answer({"waiting": head.waiting, "oldest": moment(head.oldest), "results": rows})


class DeskIssueView(Looking):
    @call(
        "moderation_issue",
        "moderation",
        "One issue report with its conversation and what failed around it; who may not answer sees no person",
        {200: DeskIssueSerializer},
        parameters=[PK],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def get(self, request: Request, pk: int) -> HttpResponse:
        return answer(_report(request.user, board.get(request.user, pk)))


class DeskIssuePictureView(Looking):
    reading = "answer_issues"

    @call(
        "moderation_issue_picture",
        "moderation",
        "A picture that a reader added to a report, as a file; for who may answer",
        {200: OpenApiTypes.BINARY},
        parameters=[PK],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def get(self, request: Request, pk: int, number: int) -> HttpResponse:
        return picture_response(board.picture(request.user, pk, number))


class DeskIssueActionsView(Looking):
    @call(
        "act_on_issue",
        "moderation",
        "Answer, ask, close, solve, reopen, note, assign, label, merge or take out one report",
        {200: DeskIssueSerializer},
        request=IssueActionForm,
        parameters=[PK],
        refusals=[400, 401, 403, 404, 409, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request, pk: int) -> HttpResponse:
        said = read(request, IssueActionForm)
        one = board.get(request.user, pk)
        rows = board.stack_of(request.user, one) or [one] if said["do"] == "answer_all" else [one]
        _act(request, rows, said)
        return answer(_report(request.user, board.get(request.user, pk)))


class DeskIssueGroupView(Looking):
    @call(
        "moderation_issue_group",
        "moderation",
        "One group of issue reports",
        {200: DeskIssueGroupSerializer},
        parameters=[PK],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def get(self, request: Request, pk: int) -> HttpResponse:
        return answer(_group(request.user, board.get_group(request.user, pk)))


class DeskIssueGroupActionsView(Looking):
    @call(
        "act_on_issue_group",
        "moderation",
        "Do one thing to all reports of a group, or to those named; name it, say to which incident it belongs",
        {200: DeskIssueGroupSerializer},
        request=IssueGroupActionForm,
        parameters=[PK],
        refusals=[400, 401, 403, 404, 409, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request, pk: int) -> HttpResponse:
        said = read(request, IssueGroupActionForm)
        one = board.get_group(request.user, pk)
        match said["do"]:
            case "rename":
                answers.rename(one, said.get("title", ""), signed_in(request))
            case "incident" if said.get("incident") is None:
                incidents.detach(one, signed_in(request))
            case "incident":
                incidents.attach(one, incidents.get(said["incident"]), signed_in(request))
            case _of_reports:
                _act(request, board.named(one, said.get("reports") or ()), said, one)
        left = IssueGroup.objects.filter(pk=pk).first()
        return answer(_group(request.user, left or one))


def _act(request: Request, rows: list[IssueReport], said: dict[str, Any], group: IssueGroup | None = None) -> None:
    editor = signed_in(request)
    text, signed = said.get("text", ""), said.get("signed_as", "")
    match said["do"]:
        case "answer" | "ask" | "answer_all" as what:
            if len(rows) == 1:
                answers.answer(rows[0], text, editor, asks=what == "ask", signed_as=signed)
            else:
                answers.answer_all(rows, text, editor, asks=what == "ask", signed_as=signed)
        case "close":
            answers.close_all(rows, editor, reason=said.get("reason", ""), words=text)
        case "solve":
            answers.solve_all(rows, editor, text)
        case "reopen":
            answers.each(rows, lambda one: answers.reopen(one, editor))
        case "note":
            answers.each(rows[:1], lambda one: answers.note(one, text, editor))
        case "assign":
            to = None if said.get("to") is None else board.assignee(said["to"])
            answers.assign(rows, to, editor, group)
        case "label":
            answers.label(rows, said.get("cause", ""), editor)
        case "merge":
            answers.merge(rows, _target(request, said.get("into", "")), editor)
        case _split:
            answers.split(rows, editor)


def _target(request: Request, raw: str) -> IssueReport | IssueGroup:
    sort, _colon, number = raw.partition(":")
    if sort not in ("group", "report") or not (number.isascii() and number.isdecimal() and len(number) < 19):
        raise Refused("unknown_target", _("Say what it is one with: “group:7” or “report:7”."))
    return board.get_group(request.user, int(number)) if sort == "group" else board.get(request.user, int(number))


class TemplatesView(Looking):
    reading = "answer_issues"

    @call(
        "issue_templates",
        "moderation",
        "Answers that are given often",
        {200: TemplatesSerializer},
        refusals=[401, 403],
        scope="moderate",
    )
    def get(self, request: Request) -> HttpResponse:
        return answer({"results": [_template(one) for one in AnswerTemplate.objects.all()[:200]]})

    @call(
        "save_issue_template",
        "moderation",
        "Write a template, or change one",
        {200: TemplateSerializer, 201: TemplateSerializer},
        request=TemplateForm,
        refusals=[400, 401, 403, 404, 409, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request) -> HttpResponse:
        said = read(request, TemplateForm)
        old = None
        if said.get("id") is not None:
            old = AnswerTemplate.objects.filter(pk=said["id"]).first()
            if old is None:
                raise Refused("unknown_template", _("There is no such template."), status=404)
        saved = answers.save_template(
            signed_in(request),
            name=said["name"],
            text=said["text"],
            cause=said.get("cause", ""),
            language=said.get("language", ""),
            is_active=said.get("in_use", True),
            template=old,
        )
        return answer(_template(saved), 200 if old else 201)


class IncidentsView(Looking):
    @call(
        "moderation_incidents",
        "moderation",
        "Incidents, dismissed ones too, the latest first",
        {200: IncidentsSerializer},
        refusals=[401, 403],
        scope="moderate",
    )
    def get(self, request: Request) -> HttpResponse:
        rows = Incident.objects.prefetch_related("updates")[:50]
        return answer({"results": [_incident(one, list(one.updates.all())) for one in rows]})

    @call(
        "begin_incident",
        "moderation",
        "Begin an incident that nothing has proposed; readers are told at once",
        {201: IncidentSerializer},
        request=NewIncidentForm,
        refusals=[400, 401, 403, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request) -> HttpResponse:
        said = read(request, NewIncidentForm)
        degree = said.get("degree") or Incident.Degree.SOME
        made = incidents.begin(signed_in(request), title=said["title"], text=said["text"], degree=degree)
        return answer(_incident(made, list(made.updates.all())), 201)


class IncidentView(Looking):
    @call(
        "moderation_incident",
        "moderation",
        "One incident with everything said about it",
        {200: IncidentSerializer},
        parameters=[PK],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def get(self, request: Request, pk: int) -> HttpResponse:
        one = incidents.get(pk)
        return answer(_incident(one, list(one.updates.all())))

    @call(
        "act_on_incident",
        "moderation",
        "Confirm, word, watch, end or dismiss an incident; 409 when it has moved on",
        {200: IncidentSerializer},
        request=IncidentActionForm,
        parameters=[PK],
        refusals=[400, 401, 403, 404, 409, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request, pk: int) -> HttpResponse:
        said = read(request, IncidentActionForm)
        one, editor = incidents.get(pk), signed_in(request)
        text, kept = said.get("text", ""), said.get("kept")
        words: dict[str, Any] = {"text": text, "kept": kept, "minutes": said.get("minutes") or 60}
        match said["do"]:
            case "confirm":
                one = incidents.confirm(one, editor, degree=said.get("degree") or one.degree, **words)
            case "update":
                one = incidents.update(one, editor, degree=said.get("degree", ""), **words)
            case "watch":
                one = incidents.watch(one, editor, text=text)
            case "end":
                one = incidents.end(one, editor, text=text, kept=kept)
            case _dismiss:
                one = incidents.dismiss(one, editor, said.get("why", ""))
        return answer(_incident(one, list(one.updates.all())))


class IssueNumbersView(Moderating):
    permission = "see_numbers"

    @call(
        "issue_numbers",
        "moderation",
        "How issue reports are dealt with",
        {200: IssueNumbersSerializer},
        parameters=[OpenApiParameter("days", {"type": "integer", "enum": list(numbers.CHOICES)})],
        refusals=[401, 403],
        scope="moderate",
    )
    def get(self, request: Request) -> HttpResponse:
        found = numbers.read(request.user, numbers.days_asked(request.GET.get("days", "")))
        figures = [{"title": str(title), "kind": sort, "value": value} for title, sort, value in found.figures]
        tables = {table.name: table.as_data() for table in found.tables}
        return answer({"days": found.days, "figures": figures, "tables": tables})
