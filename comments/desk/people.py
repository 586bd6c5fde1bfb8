"""People on the desk: whom to look at, what is known of one of them, and the forms that warn, suspend, ban and lift."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.messages import get_messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from comments import access, bulk, notes, people, person_flags, records, thresholds
from comments.desk import cards, frame
from comments.desk.forms import BIGGEST, complaint
from comments.desk.frame import for_moderators, for_those_who, for_viewers
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Decision, PersonFlag, Reason, Status

LIST, PERSON = "admin:comments_desk_people", "admin:comments_desk_person"
DESK = "admin:comments_desk_changelist"
FILTERS = {
    "all": gettext_lazy("Everyone"),
    "reported": gettext_lazy("Reported"),
    "sanctioned": gettext_lazy("Sanctioned"),
    "rejected": gettext_lazy("Most rejected lately"),
    "new": gettext_lazy("New"),
}
DAYS = (1, 3, 7, 30)
"""What can be chosen with one press. Any other number can be typed."""

MOST_REPORTS = 50
"""Reports about one person shown, those that wait first."""

TONES = {"warn": "hold", "premoderate": "hold", "suspend": "reject", "ban": "reject", "lift": "publish"}


class SanctionForm(forms.Form):
    """``do`` is ``warn``, ``premoderate``, ``ban``, ``suspend:7``, or ``suspend`` with ``days`` beside it."""

    do = forms.CharField(max_length=20)
    target = forms.ChoiceField(required=False, choices=[(name, name) for name in people.TARGETS])
    reason = forms.CharField(required=False, max_length=40)
    explanation = forms.CharField(required=False, max_length=2000, label=gettext_lazy("What they are told"))
    note = forms.CharField(required=False, max_length=2000, label=gettext_lazy("Private note"))
    legal_ground = forms.CharField(required=False, max_length=500, label=gettext_lazy("Law"))
    days = forms.IntegerField(required=False, min_value=1, max_value=people.MOST_DAYS, label=gettext_lazy("Days"))
    comment = forms.IntegerField(required=False, min_value=1, max_value=BIGGEST)
    seen = forms.IntegerField(required=False, min_value=0, max_value=BIGGEST)
    looked_at = forms.CharField(required=False, max_length=40)
    queue = forms.CharField(required=False, max_length=60)
    after = forms.CharField(required=False, max_length=60)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        kind, _colon, days = given.get("do", "").partition(":")
        if kind not in people.VERBS:
            raise forms.ValidationError(_("Press what is to be done."), code="unknown_verb")
        given["kind"] = kind
        if days.isascii() and days.isdecimal() and 0 < len(days) <= 4 and int(days):
            given["days"] = int(days)
        if kind == "suspend" and not given.get("days") and "days" not in self.errors:
            raise forms.ValidationError(_("Say for how many days."), code="no_end")
        return given

    def looked(self) -> int | datetime | None:
        """Return the latest sanction that was seen, or when the card was looked at."""
        seen: int | None = self.cleaned_data.get("seen")
        if seen is not None:
            return seen
        try:
            at = parse_datetime(self.cleaned_data.get("looked_at", ""))
        except ValueError:
            return None
        return at if at is not None and timezone.is_aware(at) else None


class RejectAllForm(forms.Form):
    reason = forms.CharField(required=False, max_length=40)
    explanation = forms.CharField(required=False, max_length=2000, label=gettext_lazy("What they are told"))


class LiftForm(forms.Form):
    sanction = forms.UUIDField(label=gettext_lazy("Sanction"))
    person = forms.IntegerField(required=False, min_value=1, max_value=BIGGEST)
    explanation = forms.CharField(required=False, max_length=2000, label=gettext_lazy("What they are told"))
    note = forms.CharField(required=False, max_length=2000, label=gettext_lazy("Private note"))


# --- Looking --------------------------------------------------------------------------------------------------------


@require_safe
@for_viewers
def people_list(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show people: ``?show=`` one of :data:`FILTERS`, ``?q=`` words, ``?after=`` a cursor."""
    return _list(request, site)


def _list(request: HttpRequest, site: AdminSite, *, alert: str = "", status: int = 200) -> HttpResponse:
    asked = request.GET
    which = asked.get("show", "all")
    which = which if which in FILTERS else "all"
    words = asked.get("q", "").strip()[:254]
    by_email = access.may(request.user, "sanction_people")
    page = records.listed(which, words, asked.get("after", ""), by_email=by_email)

    def url(**more: str) -> str:
        query = {"show": which, "q": words} | more
        return f"{reverse(LIST)}?{urlencode({name: value for name, value in query.items() if value})}"

    context = frame.context(request, site, tab="people", title=_("People")) | {
        "filters": [(name, title, url(show=name), name == which) for name, title in FILTERS.items()],
        "people": [_listed(one) for one in page.people],
        "words": words,
        "which": which,
        "by_email": by_email,
        "next_page": url(after=page.next_cursor) if page.next_cursor else "",
        "first_page": url() if asked.get("after") else "",
        "places": [(one, TONES[one.kind], people.in_words(one)) for one in people.of_places()]
        if which == "sanctioned"
        else [],
        "may_lift": by_email,
        "alert": alert,
        "said": [str(message) for message in get_messages(request)],
    }
    return TemplateResponse(request, "comments/desk/people.html", context, status=status)


def _listed(person: Any) -> dict[str, Any]:
    return {
        "person": person,
        "url": reverse(PERSON, args=[person.pk]),
        "username": person.user.get_username() if person.user else "",
        "tags": [(TONES[one.kind], people.in_words(one)) for one in person.binding],
    }


@require_safe
@for_viewers
def person_page(request: HttpRequest, pk: int, site: AdminSite) -> HttpResponse:
    """Show one person: how they stand, their numbers and strikes, and what happened, from ``?after=`` on."""
    return _page(request, site, _person(pk))


def _person(pk: int) -> Commenter:
    found = Commenter.objects.select_related("user").filter(pk=pk).first() if pk <= BIGGEST else None
    if found is None:
        raise Http404
    return found


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened, as the timeline shows it."""

    kind: str
    tone: str
    at: datetime
    said: str
    words: str
    is_voice: bool
    """The words are the reader's own."""
    private: str
    who: str
    url: str
    url_title: str


def _line(one: records.Happened, names: dict[str, str]) -> Line:
    row = one.row
    said, words, who, comment_id = people.told(one, names)
    kept = getattr(row, "words", None) if one.kind in ("decision", "sanction") else None
    tone = "plain"
    if one.kind in ("comment", "decision"):
        tone = cards.SHAPES.get(Status(row.status if one.kind == "comment" else row.to_status), "plain")
    elif one.kind == "sanction":
        tone = TONES[row.kind]
    return Line(
        kind=one.kind,
        tone="plain" if one.kind == "comment" else tone,
        at=one.at,
        said=said,
        words=" ".join(words[:600].split())[:280] if one.kind == "comment" else words,
        is_voice=one.kind in ("comment", "appeal"),
        private=kept.private_note if kept else "",
        who=who or "",
        url=f"{reverse(DESK)}?{urlencode({'open': comment_id})}#c-{comment_id}" if comment_id else "",
        url_title=f"#{comment_id}" if comment_id else "",
    )


def _page(
    request: HttpRequest,
    site: AdminSite,
    person: Commenter,
    *,
    alert: str = "",
    typed: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    reasons = list(Reason.objects.all())
    names = {reason.code: str(reason) for reason in reasons}
    strikes, would = records.strikes(person), people.reach(person)
    after = request.GET.get("after", "")
    history = records.history(person, after, sections=access.sections_seen(request.user))
    now = access.standing(person, would.network_key)
    may_sanction = people.may_sanction(request.user, person)
    here = reverse(PERSON, args=[person.pk])
    reports = [(one, names.get(one.reason, one.reason)) for one in person_flags.about(person)[:MOST_REPORTS]]
    context = frame.context(request, site, tab="people", title=person.name) | {
        "person": person,
        "here": here,
        "username": person.user.get_username() if person.user else "",
        "email": (person.user.email if person.user else person.email)
        if access.may(request.user, "sanction_people")
        else "",
        "standing": now,
        "standing_title": people.state_in_words(now),
        "standing_tone": {"warned": "hold", "premoderated": "hold", "suspended": "reject", "banned": "reject"}.get(
            now.state, "plain"
        ),
        "in_force": [
            (one, TONES[one.kind], people.in_words(one), names.get(one.reason, one.reason)) for one in now.in_force
        ],
        "profile": records.profile(person),
        "strikes": strikes,
        "total": f"{strikes.total:.1f}",
        "parts": [(part, names.get(part.reason, part.reason), f"{part.weight:.2f}") for part in strikes.parts[:20]],
        "ladder": people.ladder_in_words(),
        "curve": _curve(strikes),
        "ticks": _ticks(records.last_decisions(person)),
        "history": [_line(one, names) for one in history.items],
        "next_page": f"{here}?{urlencode({'after': history.next_cursor})}#happened" if history.next_cursor else "",
        "first_page": f"{here}#happened" if after else "",
        "reports": reports,
        "reports_waiting": sum(one.state == PersonFlag.State.OPEN for one, _reason in reports),
        "reports_seen": max((one.pk for one, _reason in reports), default=0),
        "may_settle": access.may(request.user, "sanction_people"),
        "notes": list(notes.about_person(person).order_by("-id")[:20]),
        "may_note": access.may_moderate(request.user),
        "may_sanction": may_sanction,
        "may_reject_all": access.may(request.user, "act_in_bulk"),
        "bulk_url": f"{reverse('admin:comments_desk_bulk')}?{urlencode({'q': f'author:#{person.pk}'})}",
        "reach": would,
        "most_reached": people.MOST_REACHED,
        "may_reach_many": access.may(request.user, "change_policy"),
        "reasons": [(one.code, one.name, one.code == (typed or {}).get("reason")) for one in cards.choices(reasons)],
        "days": DAYS,
        "seen": people.latest(person),
        "typed": typed or {},
        "alert": alert,
        "said": [str(message) for message in get_messages(request)],
    }
    return TemplateResponse(request, "comments/desk/person.html", context, status=status)


def _curve(strikes: records.Strikes) -> dict[str, Any] | None:
    """Return the strikes as paths of a picture 300 by 80, with what it shows in words."""
    found = records.curve(strikes)
    if found is None:
        return None

    def path(points: list[tuple[float, float]]) -> str:
        return "M" + "L".join(f"{300 * x:.1f} {76 - 68 * y:.1f}" for x, y in points)

    facts = {"now": f"{strikes.total:.1f}", "ahead": f"{found.ahead:.1f}", "days": thresholds.of(None).strike_days}
    return {
        "past": path(found.past),
        "future": path(found.future),
        "y": f"{76 - 68 * found.past[-1][1]:.1f}",
        "said": _("Now %(now)s; in %(days)d days %(ahead)s, if nothing happens.") % facts,
    }


def _ticks(decisions: list[Decision]) -> list[tuple[str, int, int]]:
    tops = {"publish": 9, "reject": 0, "hold": 5}
    shapes = [cards.SHAPES.get(Status(decision.to_status), "none") for decision in decisions]
    return [(shape, place * 5 + 3, tops.get(shape, 16)) for place, shape in enumerate(shapes)]


# --- Doing ----------------------------------------------------------------------------------------------------------


@require_POST
@for_those_who("sanction_people")
def sanction(request: HttpRequest, pk: int, site: AdminSite) -> HttpResponse:
    """Warn, let everything wait, suspend or ban; from a card, go back to that card."""
    person, form = _person(pk), SanctionForm(request.POST)
    valid = form.is_valid()
    given = form.cleaned_data
    comment = Comment.objects.filter(pk=given["comment"]).first() if given.get("comment") else None
    if not valid:
        return _page(request, site, person, alert=complaint(form), typed=request.POST.dict(), status=400)
    more: dict[str, Any] = {}
    if given.get("days") and given["kind"] != "warn":
        more["until"] = timezone.now() + timedelta(days=given["days"])
    if given["kind"] == "premoderate" or (given["kind"] == "ban" and given.get("target") != "network"):
        more.pop("until", None)
    try:
        made = people.VERBS[given["kind"]](
            person,
            made_by=access.person(request.user),
            target=given.get("target") or "person",
            reason=given["reason"],
            explanation=given["explanation"],
            private_note=given["note"],
            legal_ground=given["legal_ground"],
            comment=comment,
            seen=form.looked(),
            **more,
        )
    except Refused as refused:
        return _page(request, site, person, alert=refused.detail, typed=request.POST.dict(), status=refused.status)
    messages.success(request, _("%(name)s: %(what)s.") % {"name": person.name, "what": people.in_words(made)})
    back = reverse(PERSON, args=[person.pk])
    if given["queue"] and comment is not None:
        query = {"queue": given["queue"], "after": given["after"], "open": str(comment.pk)}
        back = f"{reverse(DESK)}?{urlencode({k: v for k, v in query.items() if v})}#c-{comment.pk}"
    return _see(back)


@require_POST
@for_those_who("sanction_people")
def lift(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """End a sanction now: sent from the page of ``person``, or from the list of domains and networks."""
    form = LiftForm(request.POST)
    valid = form.is_valid()
    given = form.cleaned_data
    person = _person(given["person"]) if given.get("person") else None

    def again(alert: str, status: int) -> HttpResponse:
        if person is None:
            return _list(request, site, alert=alert, status=status)
        return _page(request, site, person, alert=alert, status=status)

    if not valid:
        return again(complaint(form), 400)
    try:
        found = people.known(given["sanction"])
        people.lift(
            found,
            made_by=access.person(request.user),
            explanation=given["explanation"],
            private_note=given["note"],
        )
    except Refused as refused:
        return again(refused.detail, refused.status)
    messages.success(request, _("Lifted: %(what)s.") % {"what": people.in_words(found)})
    return _see(reverse(PERSON, args=[person.pk]) if person else f"{reverse(LIST)}?show=sanctioned")


class SettleForm(forms.Form):
    do = forms.ChoiceField(choices=[(state.value, "") for state in person_flags.STATES])
    seen = forms.IntegerField(min_value=0, max_value=BIGGEST)
    note = forms.CharField(required=False, max_length=500, label=gettext_lazy("Private note"))


@require_POST
@for_those_who("sanction_people")
def settle(request: HttpRequest, pk: int, site: AdminSite) -> HttpResponse:
    """Say of the reports about a person whether they are right; what follows from it is another button."""
    person, form = _person(pk), SettleForm(request.POST)
    if not form.is_valid():
        return _page(request, site, person, alert=complaint(form), typed=request.POST.dict(), status=400)
    given = form.cleaned_data
    editor = Commenter.objects.for_user(request.user)
    try:
        count = person_flags.settle(person, given["do"], made_by=editor, seen=given["seen"], note=given["note"])
    except Refused as refused:
        return _page(request, site, person, alert=refused.detail, typed=request.POST.dict(), status=refused.status)
    said = ngettext("%(count)d report is settled.", "%(count)d reports are settled.", count)
    messages.success(request, said % {"count": count})
    return _see(reverse(PERSON, args=[person.pk]))


@require_POST
@for_moderators
def note(request: HttpRequest, pk: int, site: AdminSite) -> HttpResponse:
    """Write a note about a person, or delete one's own."""
    person, editor = _person(pk), access.person(request.user)
    words, gone = request.POST.get("text", ""), request.POST.get("delete", "")
    try:
        if gone.isascii() and gone.isdecimal() and len(gone) < 19:
            notes.delete(int(gone), made_by=editor)
        else:
            notes.write(person, words, made_by=editor)
    except Refused as refused:
        if refused.status == 403:
            raise PermissionDenied from None
        return _page(request, site, person, alert=refused.detail, typed={"text": words}, status=refused.status)
    return _see(f"{reverse(PERSON, args=[person.pk])}#notes")


@require_POST
@for_those_who("act_in_bulk")
def reject_all(request: HttpRequest, pk: int, site: AdminSite) -> HttpResponse:
    """Begin to reject everything a person wrote, in the background; its page shows how far it is, and takes it back."""
    person, form = _person(pk), RejectAllForm(request.POST)
    if not form.is_valid():
        return _page(request, site, person, alert=complaint(form), typed=request.POST.dict(), status=400)
    given = form.cleaned_data
    in_force = access.standing(person).sanction
    try:
        action = bulk.about_person(
            person,
            "reject",
            made_by=access.person(request.user),
            reason=given["reason"],
            explanation=given["explanation"],
            sanction=in_force if in_force is not None and in_force.person_id else None,
        )
    except Refused as refused:
        return _page(request, site, person, alert=refused.detail, typed=request.POST.dict(), status=refused.status)
    return _see(reverse("admin:comments_desk_bulk_one", args=[action.pk]))


def _see(url: str) -> HttpResponse:
    response = HttpResponseRedirect(url)
    response.status_code = 303
    return response


ADDRESSES = [
    ("people/", people_list, "people"),
    ("people/<int:pk>/", person_page, "person"),
    ("people/<int:pk>/sanction/", sanction, "sanction"),
    ("people/lift/", lift, "lift"),
    ("people/<int:pk>/reports/", settle, "person_settle"),
    ("people/<int:pk>/note/", note, "person_note"),
    ("people/<int:pk>/reject-all/", reject_all, "reject_all"),
]
