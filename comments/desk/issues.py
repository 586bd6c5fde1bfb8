"""The issue desk: what readers let us know, in groups, with the facts behind it; answers, incidents, templates."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.messages import get_messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from comments.desk import cards, frame
from comments.desk.frame import for_those_who, guarded
from comments.desk.numbers import count, duration, of
from comments.exceptions import Refused
from comments.issues import CONTEXT, answers, board, grouping, incidents, numbers
from comments.models import AnswerTemplate, Commenter, Incident, IssueGroup, IssueMessage, IssueReport
from comments.pages.issues import picture_response

LIST = "admin:comments_desk_issues"
for_lookers = guarded(answers.may_look)
TYPED = ("text", "note", "signed_as", "cause", "words", "title")
PRIVATE = "private, no-store"


# --- Lists and one ----------------------------------------------------------------------------------------------------


@require_GET
@for_lookers
def issues(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """List what waits, urgent first; nothing is opened."""
    return _page(request, site)


@require_GET
@for_lookers
def issue(request: HttpRequest, pk: int, site: AdminSite) -> HttpResponse:
    """Show one report: what was said, what went along, what failed, and what to answer."""
    return _page(request, site, report=pk)


@require_GET
@for_lookers
def group(request: HttpRequest, pk: int, site: AdminSite) -> HttpResponse:
    """Show one group: what its reports have in common, and one answer for all of them."""
    return _page(request, site, group=pk)


@require_GET
@for_those_who("answer_issues")
def picture(request: HttpRequest, pk: int, number: int, site: AdminSite) -> HttpResponse:
    """Hand out a picture that a reader added: a file to keep, never a page, for no cache but this browser's memory."""
    try:
        return picture_response(board.picture(request.user, pk, number))
    except Refused as refused:
        raise Http404 from refused


@require_POST
@for_those_who("answer_issues")
def act(request: HttpRequest, pk: int, site: AdminSite) -> HttpResponse:
    """Do one thing to one report; a refusal gives back what was typed."""
    try:
        report = board.get(request.user, pk)
        said, where = _do(request, [report], report=report)
    except Refused as refused:
        return _page(request, site, report=pk, refused=refused)
    return _go(request, said, where or reverse("admin:comments_desk_issue", args=[pk]))


@require_POST
@for_those_who("answer_issues")
def act_on_group(request: HttpRequest, pk: int, site: AdminSite) -> HttpResponse:
    """Do one thing to all reports of a group, or to those that are ticked."""
    try:
        one = board.get_group(request.user, pk)
        said, where = _do(request, _chosen(request, one), group=one)
    except Refused as refused:
        return _page(request, site, group=pk, refused=refused)
    if where is None:
        still = IssueGroup.objects.filter(pk=pk).exists()
        where = reverse("admin:comments_desk_issue_group", args=[pk]) if still else reverse(LIST)
    return _go(request, said, where)


def _chosen(request: HttpRequest, one: IssueGroup) -> list[IssueReport]:
    ticked = {int(pk) for pk in request.POST.getlist("report") if pk.isascii() and pk.isdecimal() and len(pk) < 19}
    if not ticked and request.POST.get("do") == "split":
        raise Refused("none_chosen", _("Tick the reports that do not belong here."))
    return board.named(one, ticked)


def _go(request: HttpRequest, said: str, where: str) -> HttpResponse:
    messages.success(request, said)
    response = HttpResponseRedirect(where)
    response.status_code = 303
    return response


def _do(
    request: HttpRequest,
    reports: list[IssueReport],
    *,
    report: IssueReport | None = None,
    group: IssueGroup | None = None,
) -> tuple[str, str | None]:
    """Call the verb that ``do`` names; return what was done, and where to go if not back."""
    given = request.POST
    editor = Commenter.objects.for_user(request.user)
    text, words, signed = given.get("text", ""), given.get("words", ""), given.get("signed_as", "")
    match given.get("do", ""):
        case "template":
            # Nothing is done: the page comes again with the words in the box.
            chosen = AnswerTemplate.objects.filter(pk=_number(given.get("template", "")), is_active=True).first()
            raise Refused(
                "template", _("Fill in what stands in braces, then send."), text=chosen.text if chosen else text
            )
        case "answer" | "ask" as what if report is not None:
            answers.answer(report, text, editor, asks=what == "ask", signed_as=signed)
            return (_("Asked.") if what == "ask" else _("Answered.")), None
        case "answer" | "ask" | "answer_all" as what:
            rows = board.stack_of(request.user, report) if report is not None else reports
            told = answers.answer_all(rows, text, editor, asks=what == "ask", signed_as=signed)
            return ngettext("%(count)d reader answered.", "%(count)d readers answered.", told) % {"count": told}, None
        case "close":
            answers.close_all(reports, editor, reason=given.get("reason", ""), words=words)
            return _("Closed."), None
        case "solve":
            answers.solve_all(reports, editor, words)
            return _("Solved, as we think. Its readers say whether that is so."), None
        case "reopen":
            answers.each(reports, lambda one: answers.reopen(one, editor))
            return _("Open again."), None
        case "note" if report is not None:
            answers.note(report, given.get("note", ""), editor)
            return _("Noted. Readers do not see it."), None
        case "assign":
            answers.assign(reports, _assignee(given.get("to", ""), editor), editor, group)
            return _("Assigned."), None
        case "assign_me":
            answers.assign(reports, editor, editor, group)
            return _("Assigned."), None
        case "label":
            answers.label(reports, given.get("cause", ""), editor)
            return _("Labelled."), None
        case "rename" if group is not None:
            answers.rename(group, given.get("title", ""), editor)
            return _("Named."), None
        case "merge":
            made = answers.merge(reports, _target(request, given.get("into", "")), editor)
            return _("Merged."), reverse("admin:comments_desk_issue_group", args=[made.pk])
        case "split":
            answers.split(reports, editor)
            return _("Taken apart. They are never joined again."), None
        case "incident" if group is not None and not given.get("incident"):
            incidents.detach(group, editor)
            return _("It belongs to no incident any more."), None
        case "incident" if group is not None:
            incidents.attach(group, incidents.get(_number(given.get("incident", ""))), editor)
            return _("Its readers hear when the incident is over."), None
        case _unknown:
            raise Refused("unknown_action", _("There is no such action. Nothing was changed."))


def _number(raw: str) -> int:
    return int(raw) if raw.isascii() and raw.isdecimal() and len(raw) < 19 else 0


def _assignee(raw: str, editor: Commenter) -> Commenter | None:
    if raw == "me":
        return editor
    return board.assignee(_number(raw)) if raw else None


def _target(request: HttpRequest, raw: str) -> IssueReport | IssueGroup:
    """Return what ``group:7`` or ``report:7`` names, or a report by its number."""
    sort, _colon, number = raw.strip().rpartition(":")
    if sort == "group":
        return board.get_group(request.user, _number(number))
    return board.get(request.user, _number(number.rpartition("-")[2].lstrip("#")))


def _page(
    request: HttpRequest,
    site: AdminSite,
    *,
    report: int | None = None,
    group: int | None = None,
    refused: Refused | None = None,
) -> HttpResponse:
    asked = board.Asked.read(request.GET)
    found = board.lines(request.user, asked)
    acts = answers.may_act(request.user)
    head = board.head(request.user)
    status = refused.status if refused else 200
    opened: dict[str, Any] | None = None
    try:
        if report is not None:
            opened = _one(request, board.get(request.user, report), acts)
        elif group is not None:
            opened = _group(request, board.get_group(request.user, group), acts)
    except Refused as error:
        if error.status != 404:
            raise
        refused = refused or error
        status = refused.status
    typed = {name: request.POST.get(name, "") for name in TYPED}
    if refused is not None and refused.code == "template":
        typed["text"] = str(refused.params.get("text", ""))
        if opened and opened.get("report"):
            typed["text"] = answers.fill(typed["text"], opened["report"])
        refused, status = None, 200
    kept = {"state": asked.state, "kind": asked.kind, "who": request.GET.get("who", ""), "q": asked.words}
    query = urlencode({name: value for name, value in kept.items() if value and value != "open"})
    context = frame.context(request, site, tab="issues", title=_("Issues")) | {
        "lines": [_line(one, report, group, query) for one in found],
        "head": head,
        "oldest": cards.age(head.oldest) if head.oldest else "",
        "asked": asked,
        "who": request.GET.get("who", ""),
        "kinds": IssueReport.Kind.choices,
        "states": IssueReport.State.choices,
        "acts": acts,
        "opened": opened,
        "refused": refused,
        "typed": typed,
        "said": [str(message) for message in get_messages(request)],
        "incidents": [_incident(one) for one in Incident.objects.filter(state__in=incidents.ACTIVE)[:5]],
        "causes": sorted(grouping.PERSONAL),
        "reasons": list(answers.REASONS.items()),
        "most": 2000,
    }
    response = TemplateResponse(request, "comments/desk/issues.html", context, status=status)
    response["Cache-Control"] = PRIVATE
    return response


def _line(one: board.Line, report: int | None, group: int | None, query: str) -> dict[str, Any]:
    name = "admin:comments_desk_issue_group" if one.sort == "group" else "admin:comments_desk_issue"
    opened = one.pk == group if one.sort == "group" else report in one.ids
    return {
        "line": one,
        "url": reverse(name, args=[one.pk]) + (f"?{query}" if query else ""),
        "is_open": opened,
        "age": cards.age(one.newest),
        "oldest": cards.age(one.oldest),
    }


def _said(message: IssueMessage, *, acts: bool) -> dict[str, Any]:
    who = ""
    if message.sender == IssueMessage.Sender.NEWSROOM and message.written_by:
        who = message.written_by.name
    return {
        "message": message,
        "who": who,
        "mailed": acts and message.mailed_at is not None,
        "picture_count": len(message.pictures.all()),
        "pictures": [
            {
                "url": reverse("admin:comments_desk_issue_picture", args=[message.report_id, one.pk]),
                "width": one.width,
                "height": one.height,
            }
            for one in message.pictures.all()
        ]
        if acts
        else [],
    }


def _one(request: HttpRequest, report: IssueReport, acts: bool) -> dict[str, Any]:
    said = report.messages.select_related("written_by").prefetch_related("pictures")
    context = report.context if isinstance(report.context, dict) else {}
    stands = {name for name in ("browser", "language") if getattr(report, name)}
    along = [(label, str(context[name])) for name, label in CONTEXT.items() if name in context and name not in stands]
    if not acts:
        along = [(label, value) for label, value in along if label != CONTEXT["account"]]
    stack = board.stack_of(request.user, report)
    return {
        "report": report,
        "is_group": False,
        "who": _who(report, acts),
        "email": report.email if acts else "",
        "has_email": bool(report.email),
        "said": [_said(message, acts=acts) for message in said],
        "notes": list(report.notes.select_related("made_by")),
        "along": along,
        "known": _known(report),
        "failures": board.failures_of(report),
        "met": board.how_many_met(report),
        "likely": [
            {"one": one, "url": reverse("admin:comments_desk_issue", args=[one.report.pk])}
            for one in board.suggestions(request.user, report)
        ],
        "stack": stack if len(stack) > 1 else [],
        "comment_url": f"{reverse('admin:comments_desk_changelist')}?open={report.comment_id}#c-{report.comment_id}"
        if report.comment_id
        else "",
        "templates": answers.templates_for(report) if acts else [],
        "assignees": board.assignees() if acts else [],
        "action": reverse("admin:comments_desk_issue_act", args=[report.pk]),
        "is_open": report.state in answers.OPEN,
        "asks": report.state == IssueReport.State.ANSWERED and _waits_for_reader(report),
    }


def _waits_for_reader(report: IssueReport) -> bool:
    last = report.messages.exclude(sender=IssueMessage.Sender.SYSTEM).last()
    return last is not None and last.asks


def _who(report: IssueReport, acts: bool) -> str:
    if report.reporter is None:
        return _("Somebody who was not signed in")
    return report.reporter.name if acts else _("A signed-in reader")


def _known(report: IssueReport) -> list[tuple[str, str]]:
    facts = [
        (_("Code"), report.code),
        (_("Script error"), report.client_error),
        (_("Browser"), " · ".join(filter(None, [report.browser, report.system]))),
        (_("Where"), str(report.get_surface_display())),
        (_("Elsewhere"), str(report.get_elsewhere_display()) if report.elsewhere else ""),
        (_("Release"), report.release),
        (_("Language"), report.language),
        (_("Answer shown first"), report.found),
        (_("Request"), report.request_id),
        (_("Cause"), report.cause),
    ]
    return [(name, value) for name, value in facts if value]


def _group(request: HttpRequest, one: IssueGroup, acts: bool) -> dict[str, Any]:
    reports = board.members(request.user, one)
    texts = grouping.first_words(reports)
    copied = grouping.copies(reports)
    total = board.seen_by(request.user).filter(group=one).count()
    return {
        "group": one,
        "is_group": True,
        "title": one.title or _("Group %(number)s") % {"number": one.pk},
        "reports": [
            {
                "report": each,
                "who": _who(each, acts),
                "text": texts.get(each.pk, ""),
                "is_copy": each.pk in copied,
                "url": reverse("admin:comments_desk_issue", args=[each.pk]),
            }
            for each in reports
        ],
        "total": total,
        "others": total - len(reports),
        "people": grouping.people(reports),
        "shared": board.shared_facts(reports),
        "templates": answers.templates_for(reports[0] if reports else None) if acts else [],
        "assignees": board.assignees() if acts else [],
        "action": reverse("admin:comments_desk_issue_group_act", args=[one.pk]),
        "others_to_merge": [
            line for line in board.lines(request.user, board.Asked()) if line.sort == "group" and line.pk != one.pk
        ],
        "is_open": any(each.state in answers.OPEN for each in reports),
    }


# --- Incidents --------------------------------------------------------------------------------------------------------


def _incident(one: Incident) -> dict[str, Any]:
    return {
        "incident": one,
        "url": reverse("admin:comments_desk_incident", args=[one.pk]),
        "why": incidents.in_words(one),
        "is_late": incidents.is_late(one),
        "is_public": one.state in incidents.PUBLIC,
        "text": one.text or incidents.suggested_text(one),
    }


def _require_acting(request: HttpRequest) -> None:
    """Answer 403 to who looks only and sends a form all the same."""
    if request.method == "POST" and not answers.may_act(request.user):
        raise PermissionDenied


@require_http_methods(["GET", "POST"])
@for_lookers
def all_incidents(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """List every incident, dismissed ones too; begin one that nothing has proposed."""
    refused = None
    _require_acting(request)
    if request.method == "POST":
        try:
            made = incidents.begin(
                Commenter.objects.for_user(request.user),
                title=request.POST.get("title", ""),
                text=request.POST.get("text", ""),
                degree=request.POST.get("degree") or Incident.Degree.SOME,
            )
        except Refused as error:
            refused = error
        else:
            return _go(request, _("Readers are told."), reverse("admin:comments_desk_incident", args=[made.pk]))
    return _incidents_page(request, site, refused=refused)


@require_http_methods(["GET", "POST"])
@for_lookers
def one_incident(request: HttpRequest, pk: int, site: AdminSite) -> HttpResponse:
    """Show one incident; confirm, word, watch, end or dismiss it."""
    _require_acting(request)
    try:
        one = incidents.get(pk)
        if request.method == "POST":
            said = _do_incident(request, one)
            return _go(request, said, reverse("admin:comments_desk_incident", args=[pk]))
    except Refused as refused:
        return _incidents_page(request, site, pk, refused=refused)
    return _incidents_page(request, site, pk)


def _do_incident(request: HttpRequest, one: Incident) -> str:
    given = request.POST
    editor = Commenter.objects.for_user(request.user)
    kept = {"yes": True, "no": False}.get(given.get("kept", ""))
    text, degree = given.get("text", ""), given.get("degree", "")
    minutes = _number(given.get("minutes", "")) or 60
    match given.get("do", ""):
        case "confirm":
            incidents.confirm(one, editor, text=text, degree=degree, kept=kept, minutes=minutes)
            return _("Readers are told, on every form and section.")
        case "update":
            incidents.update(one, editor, text=text, degree=degree, kept=kept, minutes=minutes)
            return _("Readers see the new words.")
        case "watch":
            incidents.watch(one, editor, text=text)
            return _("Watching whether it is over.")
        case "end":
            incidents.end(one, editor, text=text, kept=kept)
            return _("It is over. Everyone who asked is told.")
        case "dismiss":
            incidents.dismiss(one, editor, given.get("why", ""))
            return _("Dismissed.")
        case _unknown:
            raise Refused("unknown_action", _("There is no such action. Nothing was changed."))


def _incidents_page(
    request: HttpRequest, site: AdminSite, pk: int | None = None, *, refused: Refused | None = None
) -> HttpResponse:
    rows = list(Incident.objects.select_related("confirmed_by", "ended_by")[:50])
    opened = Incident.objects.select_related("confirmed_by", "ended_by").filter(pk=pk).first() if pk else None
    context = frame.context(request, site, tab="issues", title=_("Incidents")) | {
        "rows": [_incident(one) for one in rows],
        "opened": _incident(opened) | {"asked": incidents.who_asked(opened).count()} if opened else None,
        "updates": list(opened.updates.select_related("made_by")) if opened else [],
        "degrees": Incident.Degree.choices,
        "dismissals": Incident.Dismissal.choices,
        "acts": answers.may_act(request.user),
        "refused": refused,
        "typed": {"text": request.POST.get("text", ""), "title": request.POST.get("title", "")},
        "said": [str(message) for message in get_messages(request)],
        "now": timezone.now(),
    }
    response = TemplateResponse(
        request, "comments/desk/incidents.html", context, status=refused.status if refused else 200
    )
    response["Cache-Control"] = PRIVATE
    return response


# --- Templates and numbers --------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@for_those_who("answer_issues")
def templates(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show the answers that are given often; write one, change one."""
    refused = None
    if request.method == "POST":
        chosen = AnswerTemplate.objects.filter(pk=_number(request.POST.get("template", ""))).first()
        try:
            answers.save_template(
                Commenter.objects.for_user(request.user),
                name=request.POST.get("name", ""),
                text=request.POST.get("text", ""),
                cause=request.POST.get("cause", "").strip(),
                language=request.POST.get("language", "").strip(),
                is_active=request.POST.get("in_use", "") == "yes",
                template=chosen,
            )
        except Refused as error:
            refused = error
        else:
            return _go(request, _("Saved."), reverse("admin:comments_desk_issue_templates"))
    context = frame.context(request, site, tab="issues", title=_("Answer templates")) | {
        "rows": list(AnswerTemplate.objects.select_related("changed_by")[:200]),
        "holes": list(answers.HOLES.items()),
        "refused": refused,
        "typed": {name: request.POST.get(name, "") for name in ("name", "text", "cause", "language")},
        "said": [str(message) for message in get_messages(request)],
        "most": 2000,
    }
    return TemplateResponse(
        request, "comments/desk/issue_templates.html", context, status=refused.status if refused else 200
    )


@require_GET
@for_those_who("see_numbers")
def figures(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show how reports are dealt with, in 28 days or those asked for."""
    asked = numbers.read(request.user, numbers.days_asked(request.GET.get("days", "")))
    context = frame.context(request, site, tab="issues", title=_("Numbers of the issue desk")) | {
        "asked": asked,
        "figures": [(title, _figure(sort, value)) for title, sort, value in asked.figures],
        "tables": [
            (table, reverse("admin:comments_desk_issue_numbers_csv", args=[table.name]) + f"?days={asked.days}")
            for table in asked.tables
        ],
        "chart": asked.chart,
        "choices": numbers.CHOICES,
    }
    response = TemplateResponse(request, "comments/desk/issue_numbers.html", context)
    response["Cache-Control"] = PRIVATE
    return response


def _figure(sort: str, value: Any) -> str:
    match sort:
        case "seconds":
            return duration(value)
        case "share":
            return of(*value)
        case _count:
            return count(value)


@require_GET
@for_those_who("see_numbers")
def figures_csv(request: HttpRequest, table: str, site: AdminSite) -> HttpResponse:
    """Answer with one table as CSV, the same figures as on the page."""
    asked = numbers.read(request.user, numbers.days_asked(request.GET.get("days", "")))
    found = next((one for one in asked.tables if one.name == table), None)
    if found is None:
        raise Http404
    response = HttpResponse(found.as_csv(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="issues-{found.name}.csv"'
    response["Cache-Control"] = PRIVATE
    return response


ADDRESSES = [
    ("issues/", issues, "issues"),
    ("issues/<int:pk>/", issue, "issue"),
    ("issues/<int:pk>/act/", act, "issue_act"),
    ("issues/<int:pk>/pictures/<int:number>/", picture, "issue_picture"),
    ("issues/groups/<int:pk>/", group, "issue_group"),
    ("issues/groups/<int:pk>/act/", act_on_group, "issue_group_act"),
    ("issues/incidents/", all_incidents, "incidents"),
    ("issues/incidents/<int:pk>/", one_incident, "incident"),
    ("issues/templates/", templates, "issue_templates"),
    ("issues/numbers/", figures, "issue_numbers"),
    ("issues/numbers/<slug:table>.csv", figures_csv, "issue_numbers_csv"),
]
