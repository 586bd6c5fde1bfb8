"""Appeals on the desk: who asks, what was decided, and a ruling by somebody else than who decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.messages import get_messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from comments import access, appeals, compliance
from comments.desk import cards, frame, queues
from comments.desk.forms import BIGGEST
from comments.desk.frame import for_those_who
from comments.exceptions import Refused
from comments.models import Appeal, Reason, Revision

LIST = "admin:comments_desk_appeals"
ONE = "admin:comments_desk_appeal"
PAGE = 25
DAYS = 90
"""How far back the table of what was overturned looks."""
MOST_RATES = 12


@dataclass(frozen=True, slots=True)
class Line:
    """One open appeal in the list."""

    appeal: Appeal
    url: str
    about: str
    age: str
    due: str
    is_late: bool
    is_open: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """One appeal with all that is known of it."""

    appeal: Appeal
    statement: compliance.Statement
    decided_by: str
    private_note: str
    due: str
    is_late: bool
    card: cards.Card | None
    earlier: list[Appeal]
    would: str
    """What overturning would do, before it is done."""
    version: int | None
    person_url: str
    waits: bool


class RulingForm(forms.Form):
    outcome = forms.CharField(max_length=20)
    version = forms.IntegerField(required=False, min_value=0, max_value=BIGGEST)


@require_GET
@for_those_who("rule_on_appeals")
def appeals_list(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """List what waits, what is due first on top, and open the first."""
    return _page(request, site)


@require_GET
@for_those_who("rule_on_appeals")
def appeal(request: HttpRequest, pk: int, site: AdminSite) -> HttpResponse:
    """Show one appeal: what was decided, what the author says, and a form to rule."""
    return _page(request, site, pk)


@require_POST
@for_those_who("rule_on_appeals")
def ruling(request: HttpRequest, pk: int, site: AdminSite) -> HttpResponse:
    """Rule on one appeal; a refusal gives back what was typed."""
    form = RulingForm(request.POST)
    form.is_valid()
    try:
        ruled = appeals.rule_on(
            appeals.known(pk),
            form.cleaned_data.get("outcome") or "",
            request.POST.get("ruling", ""),
            made_by=access.person(request.user),
            private_note=request.POST.get("note", ""),
            version=form.cleaned_data.get("version"),
        )
    except Refused as refused:
        return _page(request, site, pk, refused=refused)
    said = (
        _("Overturned: %(name)s is told.") if ruled.state == Appeal.State.OVERTURNED else _("Upheld: %(name)s is told.")
    )
    messages.success(request, said % {"name": ruled.appellant.name})
    response = HttpResponseRedirect(reverse(LIST))
    response.status_code = 303
    return response


def _page(
    request: HttpRequest, site: AdminSite, pk: int | None = None, *, refused: Refused | None = None
) -> HttpResponse:
    person = access.person(request.user)
    cursor = request.GET.get("after", "")
    rows = appeals.for_ruling(person).filter(appeals.after(cursor) or Q() if cursor else Q())
    found = list(rows.select_related("appellant", "decision", "sanction", "decision__comment__discussion")[: PAGE + 1])
    reasons = list(Reason.objects.all())
    names = {reason.code: str(reason) for reason in reasons}
    status = refused.status if refused else 200
    asked = pk if pk is not None else (found[0].pk if found else None)
    opened = None
    if asked is not None:
        try:
            one = appeals.known(asked)
            appeals.require_may_rule(person, one)
            opened = _opened(request, one, reasons, names)
        except Refused as error:
            refused, status = error, error.status
    now = timezone.now()
    context = frame.context(request, site, tab="appeals", title=_("Appeals")) | {
        "lines": [_line(one, names, asked, now) for one in found[:PAGE]],
        "next_page": f"{reverse(LIST)}?{urlencode({'after': appeals.place(found[PAGE - 1])})}"
        if len(found) > PAGE
        else "",
        "first_page": reverse(LIST) if cursor else "",
        "others": appeals.for_others(person),
        "opened": opened,
        "refused": refused,
        "typed": {name: request.POST.get(name, "") for name in ("ruling", "note")},
        "said": [str(message) for message in get_messages(request)],
        "rates": appeals.overturned(now - timedelta(days=DAYS), now),
        "most_rates": MOST_RATES,
        "days": DAYS,
        "ruled": [_ruled(one, names) for one in appeals.ruled_by_others(person)],
        "most": appeals.LONGEST,
    }
    return TemplateResponse(request, "comments/desk/appeals.html", context, status=status)


def _about(one: Appeal, names: dict[str, str]) -> str:
    decided = one.decision or one.sanction
    reason = names.get(decided.reason, decided.reason) if decided and decided.reason else ""
    if one.sanction is not None:
        kind = str(one.sanction.get_kind_display())
        return f"{kind}: {reason}" if reason else kind
    return reason or _("taken down after readers' reports")


def _line(one: Appeal, names: dict[str, str], asked: int | None, now: Any) -> Line:
    return Line(
        appeal=one,
        url=reverse(ONE, args=[one.pk]),
        about=_about(one, names),
        age=cards.age(one.filed_at),
        due=due_in_words(one),
        is_late=one.due_at < now,
        is_open=one.pk == asked,
    )


def due_in_words(one: Appeal) -> str:
    """Return how long an appeal may still wait, or by how much it is late."""
    now = timezone.now()
    if one.due_at < now:
        return _("Late by %(time)s") % {"time": cards.age(one.due_at)}
    # Said as an age: as long before now as it is due after now.
    return _("%(time)s left") % {"time": cards.age(now - (one.due_at - now))}


def _opened(request: HttpRequest, one: Appeal, reasons: list[Reason], names: dict[str, str]) -> Opened:
    decision, sanction = one.decision, one.sanction
    if decision is not None:
        statement = compliance.about_decision(decision)
        decided_by, note = cards.who(decision), compliance.private_note(decision)
        revisions, version = Revision.objects.filter(pk=decision.revision_id), decision.comment.version
    else:
        assert sanction is not None  # noqa: S101
        statement = compliance.about_sanction(sanction)
        decided_by, note = str(sanction.made_by or _("The system")), compliance.private_note(sanction)
        revisions = Revision.objects.filter(comment=sanction.comment_id, created_at__lte=sanction.created_at)
        version = None
    row = queues.with_what_a_card_shows(revisions).order_by("-number").first()
    card = None
    if row is not None:
        [card] = cards.several([row], names)
        cards.open_up(card, reasons)
    return Opened(
        appeal=one,
        statement=statement,
        decided_by=decided_by,
        private_note=note,
        due=due_in_words(one),
        is_late=one.due_at < timezone.now(),
        card=card,
        earlier=list(Appeal.objects.filter(appellant=one.appellant_id).exclude(pk=one.pk).order_by("-filed_at")[:10]),
        would=_would(one),
        version=version,
        person_url=reverse("admin:comments_commenter_change", args=[one.appellant_id])
        if request.user.has_perm("comments.view_commenter")
        else "",
        waits=one.state == Appeal.State.OPEN,
    )


def _would(one: Appeal) -> str:
    if one.sanction is not None:
        return _("it is lifted at once, and the person is told in your words.")
    if appeals.can_be_published(one):
        return _("the text is published at its old place, and its author and the editor who decided are told.")
    return _(
        "nothing is published, because it was withdrawn, rewritten or decided anew meanwhile. The author is told in "
        "your words."
    )


def _ruled(one: Appeal, names: dict[str, str]) -> dict[str, Any]:
    return {
        "appeal": one,
        "about": _about(one, names),
        "comment_id": one.decision.comment_id if one.decision else None,
        "tone": "reject" if one.state == Appeal.State.OVERTURNED else "publish",
    }


ADDRESSES = [
    ("appeals/", appeals_list, "appeals"),
    ("appeals/<int:pk>/", appeal, "appeal"),
    ("appeals/<int:pk>/ruling/", ruling, "appeal_ruling"),
]
