"""Requests of editors. Each view turns one into arguments of a verb, or shows what waits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.messages import get_messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, QuerySet, Value
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from comments import access, at_once, claims, moderation
from comments import queues as saved_queues
from comments.desk import cards, frame, queues, searching
from comments.desk.forms import (
    BIGGEST,
    MARKS,
    WORDS,
    ClaimForm,
    DecisionForm,
    PlaceForm,
    SeenForm,
    UndoForm,
    complaint,
)
from comments.desk.frame import for_moderators, for_viewers
from comments.exceptions import CommentChanged, Refused
from comments.models import Claim, Comment, Commenter, Decider, Decision, Reason, Revision, Status

DESK = "admin:comments_desk_changelist"
UNDO_FOR = timedelta(hours=12)
"""How old a decision of one's own the bar still offers to take back."""
LATE = timedelta(minutes=10)
"""Screening may take this long: what was written earlier than that did not just arrive."""
MOST_NEW = 1_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where on the desk an editor is: a queue, how far down, and whether they look at one card at a time."""

    queue: queues.Queue
    after: str = ""
    view: str = ""

    @classmethod
    def of(cls, form: PlaceForm) -> Place:
        """Read it from ``form``, whose other fields may be wrong."""
        given = form.cleaned_data
        view = "one" if given.get("view") == "one" else ""
        asked = f"{queues.SEARCH}{given['q']}" if given.get("q") else given.get("queue") or ""
        return cls(queues.named(asked), given.get("after") or "", view)

    @property
    def is_one(self) -> bool:
        return self.view == "one"

    def url(self, open_id: int | None = None, after: str | None = None, view: str | None = None) -> str:
        after = self.after if after is None else after
        view = self.view if view is None else view
        query = ({"after": after} if after else {}) | ({"view": view} if view else {})
        if open_id is None:
            return searching.url_of(self.queue, **query)
        return f"{searching.url_of(self.queue, **query, open=str(open_id))}#c-{open_id}"

    @property
    def other_view(self) -> str:
        """The same queue as a list, or one card at a time."""
        return self.url(view="" if self.is_one else "one")


@dataclass(frozen=True, slots=True)
class Toast:
    """What was just done, and what taking it back needs to name."""

    words: str
    undo: int | str = ""
    """A decision's id, or the mark that takes the other back."""
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
    open_id = int(wanted) if wanted.isascii() and wanted.isdecimal() and int(wanted[:20]) <= BIGGEST else None
    return _queue(request, site, Place.of(form), open_id)


def _queue(
    request: HttpRequest,
    site: AdminSite,
    place: Place,
    open_id: int | None = None,
    *,
    alert: cards.Alert | None = None,
    status: int = 200,
    tries: int = 2,
) -> HttpResponse:
    editor = access.person(request.user)
    place = replace(place, queue=searching.in_its_order(request, place.queue))
    sections = access.sections_seen(request.user)
    page = queues.page(place.queue.seen_by(request.user), place.after, sections=sections)
    rows = page.rows
    if open_id is not None and open_id not in [row.comment_id for row in rows]:
        asked_for = queues.latest_text(open_id)
        if asked_for:
            _require_may_see(request, asked_for.comment)
        rows = [asked_for, *rows] if asked_for else rows
    chosen = _to_open(rows, open_id, editor)
    claim = _claim_for(request, editor, chosen)
    found, said = at_once.ask(
        {"reasons": Reason.objects.all(), "saved": saved_queues.of(editor), "undoable": _undoable(editor)}
        | cards.wanted(rows)
        | (cards.wanted_open(chosen) if chosen else {}),
        [*queues.counting(sections, request.user), *_status_of(chosen)],
        claims.taking(claim) if claim else None,
    )
    counts, reasons = queues.counted(said, request.user), found["reasons"]
    taken = claim is not None and claims.is_taken(claim, said)
    lost = chosen and claim and not taken and not _is_anothers(claims.on(chosen.comment), editor)
    settled = chosen and open_id is None and (STATUS, chosen.comment.status) not in said
    if (lost or settled) and tries:
        # Somebody took it or decided it between our looking and our taking it: what is there now?
        if claim and taken:
            claims.give_back([claim.comment_id], editor)
        return _queue(request, site, place, open_id, alert=alert, status=status, tries=tries - 1)
    shown = cards.several(rows, _names(reasons), blind=place.queue.blind, looker=editor.pk, found=found)
    for opened in shown:
        if opened.revision is chosen:
            if taken:
                opened.belongs(claim, editor.pk)
            next_id = _beside(shown, opened)
            opened.may_decide = access.may_moderate(request.user, chosen.comment.discussion)
            typed, viewer = _typed(request), request.user
            cards.open_up(opened, reasons, typed=typed, alert=alert, next_id=next_id, viewer=viewer, found=found)
    if place.queue.complaint:
        status = 400
    context = _context(request, site, place, counts)
    context |= searching.rail(place.queue, counts, found["saved"], editor, place.view)
    context |= {
        "cards": [(card, place.url(card.comment.pk)) for card in shown],
        "next_page": place.url(after=page.next_cursor) if page.next_cursor else "",
        "first_page": place.url(after="") if place.after else "",
        "toasts": _toasts(request),
        "undoable": _taking_back(found["undoable"]),
        "since": timezone.now().isoformat(),
        "renew_seconds": claims.RENEW_SECONDS,
        "total": counts.get(place.queue.name),
        "bulk": _bulk(request, place.queue) if shown else "",
    }
    return TemplateResponse(request, "comments/desk/queue.html", context, status=status)


def _bulk(request: HttpRequest, queue: queues.Queue) -> str:
    """Return where all of ``queue`` can be decided at once; "" for whoever may not, or where no search finds it."""
    found = queue.as_search
    if not found or not access.may(request.user, "act_in_bulk"):
        return ""
    return f"{reverse('admin:comments_desk_bulk')}?{urlencode({'q': found})}"


STATUS = "status"


def _to_open(rows: list[Revision], open_id: int | None, editor: Commenter) -> Revision | None:
    """Return the text to open: the one asked for, else the first that nobody else has, else the first, as theirs."""
    asked_for = next((row for row in rows if row.comment_id == open_id), None)
    free = (row for row in rows if not _is_anothers(claims.on(row.comment), editor))
    return asked_for or next(free, rows[0] if rows else None)


def _claim_for(request: HttpRequest, editor: Commenter, chosen: Revision | None) -> Claim | None:
    """Return the claim to be made on the card that opens; ``None`` where the editor only looks."""
    if chosen is None or not access.may_moderate(request.user, chosen.comment.discussion):
        return None
    return claims.mine(chosen.comment, editor)


def _status_of(chosen: Revision | None) -> list[at_once.Plain]:
    """Ask how the comment stands by now."""
    if chosen is None:
        return []
    return [Comment.objects.filter(pk=chosen.comment_id).values_list(Value(STATUS, CharField()), "status")]


def _is_anothers(claim: Claim | None, editor: Commenter) -> bool:
    return claim is not None and claim.person_id != editor.pk


def _beside(shown: list[cards.Card], opened: cards.Card) -> int | None:
    """Return which comment comes after ``opened``: the next that nobody else has, else the one before."""
    at = shown.index(opened)
    after = [card.comment.pk for card in shown[at + 1 :] if not card.claim]
    before = [card.comment.pk for card in shown[:at] if not card.claim]
    return after[0] if after else before[-1] if before else None


@require_GET
@for_viewers
def card(request: HttpRequest, pk: int, site: AdminSite) -> HttpResponse:
    """Answer with one open card, as a fragment. Looking does not claim."""
    form = PlaceForm(request.GET)
    form.is_valid()
    return HttpResponse(_card(request, Place.of(form), pk))


def _card(
    request: HttpRequest,
    place: Place,
    pk: int,
    *,
    alert: cards.Alert | None = None,
    is_open: bool = True,
    folded: bool = False,
) -> str:
    """Return one card with what it shows when it is open, and whose it is; ``folded`` only the line it became."""
    row = queues.latest_text(pk) if pk <= BIGGEST else None
    if row is None:
        raise Http404
    _require_may_see(request, row.comment)
    editor = access.person(request.user)
    shown, reasons, found, _counted = _told(row, place, editor, opened=not folded)
    shown.may_decide = access.may_moderate(request.user, row.comment.discussion)
    shown.folded = folded
    if not folded:
        cards.open_up(shown, reasons, typed=_typed(request), alert=alert, viewer=request.user, found=found)
    context = {"card": shown, "url": place.url(pk), "place": place, "open": is_open and not folded}
    return render_to_string("comments/desk/_card.html", context, request)


def _told(
    row: Revision, place: Place, editor: Commenter, *, opened: bool, counting: Iterable[at_once.Plain] = ()
) -> tuple[cards.Card, list[Reason], cards.Found, list[tuple[str, str]]]:
    """
    Return one card, the reasons there are, what is needed to open it when it is to be ``opened``, and what ``counting``
    was answered. One query.
    """
    asked = {"reasons": Reason.objects.all()} | cards.wanted([row]) | (cards.wanted_open(row) if opened else {})
    found, counted = at_once.ask(asked, counting)
    names = _names(found["reasons"])
    [shown] = cards.several([row], names, blind=place.queue.blind, looker=editor.pk, found=found)
    return shown, found["reasons"], found, counted


def _require_may_see(request: HttpRequest, comment: Comment) -> None:
    """Answer 403 where the desk does not show the editor what stands in another section."""
    if not access.may_see(request.user, comment.discussion):
        raise PermissionDenied(_("This comment stands in a section that is not yours."))


@require_GET
@for_viewers
def conversation(request: HttpRequest, pk: int, site: AdminSite) -> HttpResponse:
    """Show what stands around a comment: a fragment for the script, a page for everyone else."""
    comment = Comment.objects.select_related("discussion", "author").filter(pk=min(pk, BIGGEST)).first()
    if comment is None:
        raise Http404
    _require_may_see(request, comment)
    around = {"comment": comment, "around": cards.conversation(comment), "story_url": cards.story_url(comment)}
    if _by_script(request):
        return HttpResponse(render_to_string("comments/desk/_conversation.html", around, request))
    context = frame.context(request, site, tab="queue", title=_("The conversation")) | around
    return TemplateResponse(request, "comments/desk/conversation.html", context)


@require_POST
@for_moderators
def claim(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """
    Keep the open card, and those that come next, from other editors; give back what is left; say what is new.

    ``want`` are the cards, each as ``<id>:<version seen>``; ``fetch`` those of them whose open form is sent along;
    ``leave`` those that are given back. What somebody else has, or what has changed, is sent along as it is now; what
    somebody else decided, as the line it became, unless the editor has it ``open``.
    ``take_over`` takes one card whoever has it.
    """
    form = ClaimForm(request.POST)
    form.is_valid()
    place, editor = Place.of(form), access.person(request.user)
    over = form.numbers("take_over")
    claims.give_back(form.numbers("leave"), editor)
    wanted = [*form.seen("want"), *((pk, 0) for pk in over)]
    there = Comment.objects.filter(pk__in=[pk for pk, _version in wanted]).select_related("discussion")
    known = {comment.pk: comment for comment in there if access.may_see(request.user, comment.discussion)}
    opened = form.numbers("open")
    changed = {pk for pk, seen in wanted if pk in known and seen and known[pk].version != seen}
    may = {pk for pk, comment in known.items() if access.may_moderate(request.user, comment.discussion)}
    taken = claims.many(may.difference(over), editor) | claims.many(may.intersection(over), editor, over=True)
    # What is no longer in the queue was settled by somebody else: there is nothing left to serve. Taken first, looked
    # at then: a decision frees its card, and one that came in between would leave us a card with nothing to decide.
    gone = known.keys() - queues.still_in(place.queue.seen_by(request.user), known) - {*opened, *over}
    if settled := gone & {pk for pk, claim in taken.items() if claim.person_id == editor.pk}:
        claims.give_back(settled, editor)
    taken = {pk: claim for pk, claim in taken.items() if pk not in gone}
    if over and not _by_script(request):
        return redirect(place.url(over[0]))
    fetched, html = {*form.numbers("fetch"), *over}, {}
    for pk, _version in wanted:
        lost = pk in taken and taken[pk].person_id != editor.pk
        if pk in gone:
            html[pk] = _card(request, place, pk, folded=True)
        elif pk in changed:
            html[pk] = _card(request, place, pk, alert=_changed(form, known[pk]), is_open=False)
        elif pk in known and (lost or pk in fetched):
            html[pk] = _card(request, place, pk, is_open=False)
    seen_sections = access.sections_seen(request.user)
    newer = _arrived(place, form.moment("since"), seen_sections)
    return JsonResponse(
        {
            "mine": {
                pk: _("Yours until %(until)s") % {"until": claims.clock(claim)}
                for pk, claim in taken.items()
                if claim.person_id == editor.pk
            },
            "cards": html,
            "counts": queues.counts(seen_sections, request.user),
            "newer": ngettext("%(count)d new since you opened it", "%(count)d new since you opened it", newer)
            % {"count": newer}
            if newer
            else "",
        }
    )


def _changed(form: ClaimForm, comment: Comment) -> cards.Alert:
    seen = dict(form.seen("text"))
    last = dict(form.seen("last"))
    refused = moderation.what_changed(comment)
    return cards.what_happened(
        comment, refused, _("Nothing was decided"), seen.get(comment.pk, 0), last.get(comment.pk, 0)
    )


def _arrived(place: Place, since: datetime | None, sections: frozenset[str] | None) -> int:
    """Return how many texts of a queue of held ones came since an editor opened it; a thousand at most."""
    if since is None or place.queue.name != "to_decide":
        return 0
    held = Revision.objects.filter(status=Status.HELD, created_at__gte=since - LATE, screened_at__gte=since)
    return queues.within(sections, held).values("pk")[:MOST_NEW].count()


def _undoable(editor: Commenter) -> QuerySet[Decision]:
    """Return the latest decision of ``editor`` that nothing has happened after, or none."""
    later = Decision.objects.filter(comment=OuterRef("comment"), pk__gt=OuterRef("pk"))
    newer = Revision.objects.filter(comment=OuterRef("comment"), number__gt=OuterRef("revision__number"))
    mine = Decision.objects.filter(
        ~Exists(later),
        ~Exists(newer),
        made_by=editor,
        decider=Decider.EDITOR,
        reverses=None,
        bulk=None,
        from_status__in=[*moderation.BACK],
        created_at__gte=timezone.now() - UNDO_FOR,
    )
    there = mine.exclude(comment__status=Status.WITHDRAWN).select_related("comment__author").defer("comment__html")
    return there.order_by("-id")[:1]


def _taking_back(found: list[Decision]) -> Toast | None:
    """Return what the bar offers to take back, when :func:`_undoable` found something."""
    for last in found:
        words = _("%(name)s, #%(id)s") % {"name": last.comment.author.name, "id": last.comment_id}
        return Toast(words, last.pk, last.comment_id, last.comment.version)
    return None


# --- Deciding -------------------------------------------------------------------------------------------------------


@require_POST
@for_moderators
def decide(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Decide about one comment, or take a decision back; then on to the next card."""
    form: SeenForm = UndoForm(request.POST) if "undo" in request.POST else DecisionForm(request.POST)
    valid = form.is_valid()
    place, pk = Place.of(form), form.cleaned_data.get("comment")
    known = Comment.objects.select_related("discussion", "author", "claim__person")
    seen = known.filter(pk=pk).first() if pk else None
    if seen is None:
        raise Http404
    if not valid:
        return _again(request, site, place, seen.pk, _nothing_done(complaint(form)), 400)
    # What the editor looked at, not what it is now: the verb compares the two.
    seen.version = form.cleaned_data["version"]
    editor = access.person(request.user)
    before = claims.on(seen)
    try:
        access.require_moderator(request.user, seen.discussion)
        if isinstance(form, UndoForm):
            decision = _take_back(seen, form.cleaned_data["undo"], editor)
        else:
            decision = _decide(seen, form, place, editor)  # type: ignore[arg-type]
    except CommentChanged as changed:
        if done := _already_done(changed, form, editor):
            return _done(request, site, place, changed.comment, done, form, None)
        tried = _("Not taken back") if isinstance(form, UndoForm) else _tried(form)
        given = form.cleaned_data
        alert = cards.what_happened(
            changed.comment, changed.detail, tried, given.get("text") or 0, given.get("last") or 0
        )
        return _again(request, site, place, seen.pk, alert, changed.status)
    except Refused as refused:
        return _again(request, site, place, seen.pk, _nothing_done(refused.detail), refused.status)
    other = before if before and before.person_id != editor.pk else None
    return _done(request, site, place, seen, decision, form, other)


def _decide(seen: Comment, form: DecisionForm, place: Place, editor: Commenter) -> Decision | None:
    """Do what the button says: a decision, a mark that readers see, or both."""
    given = form.cleaned_data
    with transaction.atomic():
        decision = None
        if given["action"] not in MARKS:
            decision = moderation.decide(
                seen,
                form.verdict(),
                decider=Decider.EDITOR,
                trigger=moderation.first_cause(seen),
                made_by=editor,
                assistance="none" if place.queue.blind else form.assistance,
            )
        if given["mark"]:
            _mark(seen, given["mark"], editor)
    return decision


def _mark(seen: Comment, mark: str, editor: Commenter) -> None:
    verb = {
        "feature": moderation.feature,
        "unfeature": moderation.unfeature,
        "pin": moderation.pin,
        "unpin": moderation.unpin,
    }[mark]
    verb(seen, made_by=editor)


def _take_back(seen: Comment, undo: int | str, editor: Commenter) -> Decision | None:
    if isinstance(undo, int):
        return moderation.take_back(seen, undo, editor)
    _mark(seen, undo, editor)
    return None


def _already_done(changed: CommentChanged, form: SeenForm, editor: Commenter) -> Decision | None:
    """Return the decision that ``form`` asks for, when it is sent again and had arrived the first time."""
    given = form.cleaned_data
    if not given.get("again") or changed.comment.version != given["version"] + 1:
        return None
    last = changed.comment.decisions.last()
    if last is None or (last.made_by_id, last.verdict) != (editor.pk, given.get("action")):
        return None
    return last if last.verdict != "reject" or last.reason == given["reason"] else None


def _tried(form: SeenForm) -> str:
    action = form.cleaned_data.get("action")
    if action == "publish":
        return _("Not approved")
    if action == "reject":
        return _("Not rejected")
    return _("Not held") if action == "hold" else _("Nothing was done")


def _nothing_done(sentence: str) -> cards.Alert:
    return cards.Alert(_("Nothing was decided."), [sentence])


def _done(
    request: HttpRequest,
    site: AdminSite,
    place: Place,
    comment: Comment,
    decision: Decision | None,
    form: SeenForm,
    other: Any,
) -> HttpResponse:
    """Go on to the next card; or tell the script what became of this one. ``other`` had the card open."""
    stays_open = isinstance(form, UndoForm) or decision is None
    if not _by_script(request):
        toast = _toast(comment, decision, form, list(Reason.objects.all()), other)
        messages.success(request, toast.words, extra_tags=f"undo-{toast.undo}-{comment.pk}-{toast.version}")
        response = HttpResponseRedirect(place.url(comment.pk if stays_open else form.cleaned_data["next"]))
        response.status_code = 303
        return response
    row = queues.latest_text(comment.pk)
    if row is None:
        raise Http404
    counting = queues.counting(access.sections_seen(request.user), request.user)
    shown, reasons, found, counted = _told(
        row, place, access.person(request.user), opened=stays_open, counting=counting
    )
    toast = _toast(comment, decision, form, reasons, other)
    if stays_open:
        cards.open_up(shown, reasons, viewer=request.user, found=found)
    else:
        shown.folded = True
    context = {
        "card": shown,
        "url": place.url(comment.pk),
        "place": place,
        "open": stays_open,
        "counts": queues.counted(counted, request.user),
        "toast": toast,
    }
    return HttpResponse(render_to_string("comments/desk/_decided.html", context, request))


def _again(
    request: HttpRequest, site: AdminSite, place: Place, pk: int, alert: cards.Alert, status: int
) -> HttpResponse:
    """Show the card again as it is now, with what was typed and sentences that say why nothing was done."""
    if _by_script(request):
        return HttpResponse(_card(request, place, pk, alert=alert), status=status)
    return _queue(request, site, place, pk, alert=alert, status=status)


def _toast(comment: Comment, decision: Decision | None, form: SeenForm, reasons: list[Reason], other: Any) -> Toast:
    facts: dict[str, Any] = {"name": comment.author.name, "id": comment.pk, "status": comment.get_status_display()}
    taken_back, undo = isinstance(form, UndoForm), ""
    mark = form.cleaned_data.get("undo") if taken_back else form.cleaned_data.get("mark")
    if decision is None:
        said = {
            "feature": _("%(name)s, #%(id)s: now an editors' pick."),
            "unfeature": _("%(name)s, #%(id)s: no editors' pick any more."),
            "pin": _("%(name)s, #%(id)s: pinned. What was pinned before no longer is."),
            "unpin": _("%(name)s, #%(id)s: no longer pinned."),
        }[str(mark)]
        return Toast(said % facts, "" if taken_back else MARKS[str(mark)], comment.pk, comment.version)
    facts["said"] = cards.said(decision, _names(reasons))
    if taken_back:
        words = _("Taken back. %(name)s, #%(id)s: %(status)s.")
    elif comment.status == Status.PUBLISHED and decision.to_status != Status.PUBLISHED:
        words = _("%(name)s, #%(id)s: the edit was decided (%(said)s). What was published stays.")
    elif mark:
        words = _("%(name)s, #%(id)s: %(said)s, and an editors' pick.")
    else:
        words = _("%(name)s, #%(id)s: %(said)s.")
    words = words % facts
    if other is not None:
        words = f"{words} {_('%(other)s had it open and is told.') % {'other': other.person.name}}"
    return Toast(words, undo if taken_back else decision.pk, comment.pk, comment.version)


def _toasts(request: HttpRequest) -> list[Toast]:
    """Return what was done on the page before; a message of the desk carries what taking it back needs."""
    found = []
    for message in get_messages(request):
        kind, *rest = (message.extra_tags or "").split("-")
        if kind == "undo" and len(rest) == 3:
            undo, comment_id, version = (int(part) if part.isdecimal() else part for part in rest)
            found.append(Toast(str(message), undo, comment_id, version))  # type: ignore[arg-type]
        else:
            found.append(Toast(str(message)))
    return found


def _context(request: HttpRequest, site: AdminSite, place: Place, counts: queues.Counts) -> dict[str, Any]:
    return frame.context(request, site, tab="queue", title=place.queue.title, counts=counts) | {
        "place": place,
        "queues": [(each, Place(each, view=place.view).url(), counts.get(each.name)) for each in queues.QUEUES],
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
    ("conversation/<int:pk>/", conversation, "conversation"),
    ("claims/", claim, "claims"),
    ("decide/", decide, "decide"),
]
