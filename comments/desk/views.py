"""Requests of editors. Each view turns one into arguments of ``moderation.decide``, or shows what waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.messages import get_messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from comments import access, moderation
from comments.desk import cards, frame, numbers, queues
from comments.desk.forms import BIGGEST, WORDS, DecisionForm, PlaceForm, SeenForm, UndoForm, complaint
from comments.desk.frame import for_moderators, for_those_who, for_viewers
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Decider, Decision, Reason, Status
from comments.screening import Verdict

DESK = "admin:comments_desk_changelist"
BACK = {
    Status.RECEIVED: "hold",
    Status.HELD: "hold",
    Status.PUBLISHED: "publish",
    Status.REJECTED: "reject",
}
"""The verdict that brings a comment back to where it was. What was never judged waits for an editor."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where on the desk an editor is: a queue, and how far down."""

    queue: queues.Queue
    after: str = ""

    @classmethod
    def of(cls, form: PlaceForm) -> Place:
        """Read it from ``form``, whose other fields may be wrong."""
        given = form.cleaned_data
        return cls(queues.named(given.get("queue") or ""), given.get("after") or "")

    def url(self, open_id: int | None = None, after: str | None = None) -> str:
        after = self.after if after is None else after
        query = {"queue": self.queue.name} | ({"after": after} if after else {})
        if open_id is None:
            return f"{reverse(DESK)}?{urlencode(query)}"
        return f"{reverse(DESK)}?{urlencode(query | {'open': str(open_id)})}#c-{open_id}"


@dataclass(frozen=True, slots=True)
class Toast:
    """What was just done, and what taking it back needs to name."""

    words: str
    decision_id: int | None = None
    comment_id: int | None = None
    version: int | None = None


# --- Looking --------------------------------------------------------------------------------------------------------


@require_GET
@for_viewers
def queue(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show a queue with one card open: ``?queue=``, ``?after=`` and ``?open=``, a comment's id."""
    form = PlaceForm(request.GET)
    form.is_valid()
    wanted = request.GET.get("open", "")
    open_id = int(wanted) if wanted.isascii() and wanted.isdecimal() and int(wanted) <= BIGGEST else None
    return _queue(request, site, Place.of(form), open_id)


def _queue(
    request: HttpRequest,
    site: AdminSite,
    place: Place,
    open_id: int | None = None,
    *,
    alert: str = "",
    status: int = 200,
) -> HttpResponse:
    page = queues.page(place.queue, place.after)
    rows = page.rows
    if open_id is not None and open_id not in [row.comment_id for row in rows]:
        asked_for = queues.latest_text(open_id)
        seen = asked_for and access.may_see(request.user, asked_for.comment.discussion)
        rows = [asked_for, *rows] if asked_for and seen else rows
    reasons = list(Reason.objects.all())
    shown = cards.several(rows, _names(reasons), blind=place.queue.blind)
    opened = next((card for card in shown if card.comment.pk == open_id), shown[0] if shown else None)
    if opened:
        beside = shown.index(opened) + 1 if opened is not shown[-1] else shown.index(opened) - 1
        next_id = shown[beside].comment.pk if beside >= 0 else None
        cards.open_up(opened, reasons, typed=_typed(request), alert=alert, next_id=next_id)
    context = _context(request, site, place, place.queue.title)
    context |= {
        "cards": [(card, place.url(card.comment.pk)) for card in shown],
        "next_page": place.url(after=page.next_cursor) if page.next_cursor else "",
        "first_page": place.url(after="") if place.after else "",
        "toasts": _toasts(request),
        "total": context["counts"].get(place.queue.name),
    }
    return TemplateResponse(request, "comments/desk/queue.html", context, status=status)


@require_GET
@for_viewers
def card(request: HttpRequest, pk: int, site: AdminSite) -> HttpResponse:
    """Answer with one open card, as a fragment."""
    form = PlaceForm(request.GET)
    form.is_valid()
    return _card(request, site, Place.of(form), pk)


def _card(
    request: HttpRequest, site: AdminSite, place: Place, pk: int, *, alert: str = "", status: int = 200
) -> HttpResponse:
    row = queues.latest_text(pk) if pk <= BIGGEST else None
    if row is None:
        raise Http404
    if not access.may_see(request.user, row.comment.discussion):
        raise PermissionDenied
    reasons = list(Reason.objects.all())
    [found] = cards.several([row], _names(reasons), blind=place.queue.blind)
    cards.open_up(found, reasons, typed=_typed(request), alert=alert)
    context = {"card": found, "url": place.url(pk), "place": place, "open": True}
    return HttpResponse(render_to_string("comments/desk/_card.html", context, request), status=status)


@require_GET
@for_those_who("answer_issues")
def issues(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Go to the issue reports."""
    return redirect("admin:comments_issuereport_changelist")


@require_GET
@for_those_who("see_numbers")
def figures(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show what came in, what became of it and how long people waited."""
    context = frame.context(request, site, tab="numbers", title=_("Numbers")) | {
        "spans": numbers.read(),
        "most": numbers.MOST,
    }
    return TemplateResponse(request, "comments/desk/numbers.html", context)


# --- Deciding -------------------------------------------------------------------------------------------------------


@require_POST
@for_moderators
def decide(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Decide about one comment, or take a decision back; then on to the next card."""
    form: SeenForm = UndoForm(request.POST) if "undo" in request.POST else DecisionForm(request.POST)
    valid = form.is_valid()
    place, pk = Place.of(form), form.cleaned_data.get("comment")
    seen = Comment.objects.filter(pk=pk).first() if pk else None
    if seen is None:
        raise Http404
    if not valid:
        return _again(request, site, place, seen.pk, complaint(form), 400)
    # What the editor looked at, not what it is now: the verb compares the two.
    seen.version = form.cleaned_data["version"]
    editor = Commenter.objects.for_user(request.user)
    try:
        if isinstance(form, UndoForm):
            decision = _take_back(seen, form.cleaned_data["undo"], editor)
        else:
            decision = moderation.decide(
                seen,
                form.verdict(),  # type: ignore[attr-defined]
                decider=Decider.EDITOR,
                trigger=moderation.first_cause(seen),
                made_by=editor,
                assistance="none" if place.queue.blind else "findings",
            )
    except Refused as refused:
        return _again(request, site, place, seen.pk, refused.detail, refused.status)
    return _done(request, site, place, seen, decision, form)


def _take_back(seen: Comment, decision_id: int, editor: Commenter) -> Decision:
    undone = Decision.objects.filter(pk=decision_id, comment=seen).first()
    if undone is None or undone.from_status not in BACK:
        raise Refused("nothing_to_undo", _("There is no such decision to take back."), status=404)
    action = BACK[Status(undone.from_status)]
    earlier = Decision.objects.filter(comment=seen, verdict="reject", pk__lt=undone.pk).order_by("-id").first()
    return moderation.decide(
        seen,
        Verdict(action, reason=earlier.reason if earlier and action == "reject" else ""),
        decider=Decider.EDITOR,
        trigger=undone.trigger,
        made_by=editor,
        reverses=undone,
    )


def _done(
    request: HttpRequest, site: AdminSite, place: Place, comment: Comment, decision: Decision, form: SeenForm
) -> HttpResponse:
    taken_back = isinstance(form, UndoForm)
    reasons = list(Reason.objects.all())
    toast = _toast(comment, decision, _names(reasons), taken_back=taken_back)
    if not _by_script(request):
        messages.success(request, toast.words, extra_tags=f"undo-{toast.decision_id}-{comment.pk}-{toast.version}")
        response = HttpResponseRedirect(place.url(comment.pk if taken_back else form.cleaned_data["next"]))
        response.status_code = 303
        return response
    row = queues.latest_text(comment.pk)
    if row is None:
        raise Http404
    [found] = cards.several([row], _names(reasons))
    if taken_back:
        cards.open_up(found, reasons)
    else:
        found.folded = True
    context = {
        "card": found,
        "url": place.url(comment.pk),
        "place": place,
        "open": taken_back,
        "counts": queues.counts(),
        "toast": toast,
    }
    return HttpResponse(render_to_string("comments/desk/_decided.html", context, request))


def _again(request: HttpRequest, site: AdminSite, place: Place, pk: int, alert: str, status: int) -> HttpResponse:
    """Show the card again as it is now, with what was typed and a sentence that says why nothing was done."""
    if _by_script(request):
        return _card(request, site, place, pk, alert=alert, status=status)
    return _queue(request, site, place, pk, alert=alert, status=status)


def _toast(comment: Comment, decision: Decision, reasons: dict[str, str], *, taken_back: bool) -> Toast:
    name = comment.author.name
    if taken_back:
        words = _("Taken back. %(name)s, #%(id)s: %(status)s.")
    elif comment.status == Status.PUBLISHED and decision.to_status != Status.PUBLISHED:
        words = _("%(name)s, #%(id)s: the edit was decided (%(said)s). What was published stays.")
    else:
        words = _("%(name)s, #%(id)s: %(said)s.")
    said = words % {
        "name": name,
        "id": comment.pk,
        "said": cards.said(decision, reasons),
        "status": comment.get_status_display(),
    }
    return Toast(said, None if taken_back else decision.pk, comment.pk, comment.version)


def _toasts(request: HttpRequest) -> list[Toast]:
    """Return what was done on the page before; a message of the desk carries what taking it back needs."""
    found = []
    for message in get_messages(request):
        kind, *rest = (message.extra_tags or "").split("-")
        if kind == "undo" and len(rest) == 3:
            decision_id, comment_id, version = (int(number) if number.isdecimal() else None for number in rest)
            found.append(Toast(str(message), decision_id, comment_id, version))
        else:
            found.append(Toast(str(message)))
    return found


def _context(request: HttpRequest, site: AdminSite, place: Place, title: str | Promise) -> dict[str, Any]:
    counts = queues.counts()
    return frame.context(request, site, tab="queue", title=title, counts=counts) | {
        "place": place,
        "queues": [(each, Place(each).url(), counts.get(each.name)) for each in queues.QUEUES],
    }


def _typed(request: HttpRequest) -> dict[str, str]:
    return {name: request.POST.get(name, "") for name in WORDS}


def _names(reasons: list[Reason]) -> dict[str, str]:
    return {reason.code: str(reason) for reason in reasons}


def _by_script(request: HttpRequest) -> bool:
    """Say whether the desk's own script asks, which takes a fragment where a form takes a page."""
    return request.headers.get("X-Requested-With") == "comments"


ADDRESSES = [
    ("", queue, "changelist"),
    ("card/<int:pk>/", card, "card"),
    ("decide/", decide, "decide"),
    ("issues/", issues, "issues"),
    ("numbers/", figures, "numbers"),
]
