"""Decide many at once: choose by a search and a range of scores, look at numbers and samples, decide, watch, undo."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.messages import get_messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from comments import access, bulk, text
from comments.desk import cards, frame
from comments.desk.forms import BIGGEST, complaint
from comments.desk.frame import for_those_who
from comments.exceptions import Refused
from comments.models import BulkAction, Reason, Status

PAGE = "admin:comments_desk_bulk"
ONE = "admin:comments_desk_bulk_one"
FIRST = "status:held"
"""What is selected before anything is: the queue."""
LISTED = 20
CHARACTERS = 280
"""Of a sample."""
WIDE, HIGH = 800, 138
"""Size of the histogram, in units of its own."""

for_bulk = for_those_who("act_in_bulk")


class SelectionForm(forms.Form):
    """A search, and a range of scores in hundredths."""

    q = forms.CharField(required=False, max_length=500)
    min = forms.IntegerField(required=False, min_value=0, max_value=100)
    max = forms.IntegerField(required=False, min_value=0, max_value=100)

    def selection(self) -> bulk.Selection:
        """Return what is selected; what cannot be read is left out. A whole range is none."""
        given = self.cleaned_data
        least, most = given.get("min"), given.get("max")
        if least is not None and most is not None and least > most:
            least, most = most, least
        return bulk.Selection(
            (given.get("q") or "").replace("\x00", "").strip(),
            least / 100 if least else None,
            most / 100 if most is not None and most < 100 else None,
        )


class BeginForm(SelectionForm):
    decision = forms.CharField(max_length=8)
    reason = forms.CharField(required=False, max_length=40)
    explanation = forms.CharField(required=False, max_length=2000, label=_("Explanation"))
    note = forms.CharField(required=False, max_length=2000, label=_("Note"))


@dataclass(frozen=True, slots=True)
class Bar:
    """One twentieth of the scores."""

    x: float
    y: float
    height: float
    count: int
    low: str
    high: str
    inside: bool


@require_GET
@for_bulk
def page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show what ``?q=``, ``?min=`` and ``?max=`` select, and what was done before."""
    asked = request.GET.copy()
    asked.setdefault("q", FIRST)
    return _page(request, site, SelectionForm(asked))


def _page(
    request: HttpRequest, site: AdminSite, form: SelectionForm, *, alert: str = "", status: int = 200
) -> HttpResponse:
    if not form.is_valid() and not alert:
        alert, status = _("A score is a number from 0 to 100."), 400
    selection = form.selection()
    editor = access.person(request.user)
    found = None
    try:
        found = bulk.preview(selection, "", made_by=editor)
    except Refused as refused:
        alert, status = alert or refused.detail, max(status, refused.status)
    before = request.GET.get("before", "")
    listed = bulk.actions()
    if before.isascii() and before.isdecimal() and int(before) <= BIGGEST:
        listed = listed.filter(pk__lt=int(before))
    rows = list(listed[: LISTED + 1])
    least, most = (selection.score_min or 0) * 100, (1 if selection.score_max is None else selection.score_max) * 100
    context = frame.context(request, site, tab="bulk", title=_("Decide many at once")) | {
        "q": selection.query,
        "low": round(least),
        "high": round(most),
        "alert": alert,
        "found": found,
        "sections": [(name or _("no section"), count) for name, count in found.by_section[:6]] if found else [],
        "statuses": [(Status(name).label, count) for name, count in found.by_status] if found else [],
        "bars": _bars(found.bins, least, most) if found else [],
        "fill": (round(least * WIDE / 100), round((most - least) * WIDE / 100)),
        "wide": WIDE,
        "drawn": [(row, text.excerpt(row.text, CHARACTERS), f"{row.risk:.2f}") for row in found.samples]
        if found
        else [],
        "too_many": bulk.too_many(found.total).detail if found and found.is_over else "",
        "no_rejecting": found is not None and bulk.only_by_score(selection),
        "reasons": cards.choices([one for one in Reason.objects.all() if one.ground_default != "illegal"]),
        "typed": form.cleaned_data if isinstance(form, BeginForm) else {},
        "actions": [bulk.standing(one) for one in rows[:LISTED]],
        "older": f"?{urlencode({'q': selection.query, 'before': rows[LISTED - 1].pk})}" if len(rows) > LISTED else "",
        "said": [str(message) for message in get_messages(request)],
    }
    return TemplateResponse(request, "comments/desk/bulk.html", context, status=status)


def _bars(bins: list[int], least: float, most: float) -> list[Bar]:
    highest = max(bins, default=0) or 1
    step = WIDE / len(bins)
    return [
        Bar(
            x=round(number * step + 2, 1),
            y=round(12 + HIGH - count / highest * HIGH, 1),
            height=round(count / highest * HIGH, 1),
            count=count,
            low=f"{number / len(bins):.2f}",
            high=f"{(number + 1) / len(bins):.2f}",
            inside=(number + 1) * 100 / len(bins) > least and number * 100 / len(bins) < most,
        )
        for number, count in enumerate(bins)
    ]


@require_POST
@for_bulk
def begin(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Begin what the form says, and go to where it can be watched."""
    form = BeginForm(request.POST)
    if not form.is_valid():
        return _page(request, site, form, alert=complaint(form), status=400)
    given, selection = form.cleaned_data, form.selection()
    left_out = [int(pk) for pk in request.POST.getlist("leave_out")[:100] if pk.isascii() and pk.isdecimal()]
    rejected = given["decision"] == "reject"
    try:
        action = bulk.begin(
            selection.query,
            given["decision"],
            made_by=access.person(request.user),
            reason=given["reason"] if rejected else "",
            explanation=given["explanation"] if rejected else "",
            private_note=given["note"],
            score_min=selection.score_min,
            score_max=selection.score_max,
            leave_out=[pk for pk in left_out if pk <= BIGGEST],
        )
    except Refused as refused:
        return _page(request, site, form, alert=refused.detail, status=refused.status)
    return _to(action)


@require_GET
@for_bulk
def one(request: HttpRequest, site: AdminSite, pk: int) -> HttpResponse:
    """Show how far one bulk action is, and what can be done with it."""
    return _one(request, site, _action(pk))


def _action(pk: int) -> BulkAction:
    action = bulk.actions().filter(pk=pk).first() if pk <= BIGGEST else None
    if action is None:
        raise Http404
    return action


def _one(
    request: HttpRequest, site: AdminSite, action: BulkAction, *, alert: str = "", status: int = 200
) -> HttpResponse:
    context = frame.context(request, site, tab="bulk", title=_("Decide many at once")) | {
        "alert": alert,
        "now": bulk.standing(action),
        "reason": Reason.objects.filter(code=action.reason).first() if action.reason else None,
        "said": [str(message) for message in get_messages(request)],
    }
    return TemplateResponse(request, "comments/desk/bulk_one.html", context, status=status)


@require_POST
@for_bulk
def steer(request: HttpRequest, site: AdminSite, pk: int) -> HttpResponse:
    """Pause, go on, stop or undo."""
    action = _action(pk)
    do = request.POST.get("do", "")
    try:
        bulk.steer(action, do, made_by=access.person(request.user))
    except Refused as refused:
        return _one(request, site, _action(pk), alert=refused.detail, status=refused.status)
    if do == "undo":
        messages.success(request, _("Being taken back. What somebody has decided again since stays as it is."))
    return _to(action)


def _to(action: BulkAction) -> HttpResponse:
    response = HttpResponseRedirect(reverse(ONE, args=[action.pk]))
    response.status_code = 303
    return response


ADDRESSES = [
    ("bulk/", page, "bulk"),
    ("bulk/begin/", begin, "bulk_begin"),
    ("bulk/<int:pk>/", one, "bulk_one"),
    ("bulk/<int:pk>/do/", steer, "bulk_do"),
]
