"""The rail of the desk: queues with their counts, the search, where texts wait, and the searches editors have saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import condition, require_GET, require_http_methods

from comments import access, search
from comments import queues as saved_queues
from comments.desk import frame, queues
from comments.desk.frame import for_viewers
from comments.exceptions import Refused
from comments.models import Commenter, SavedQueue

DESK = "admin:comments_desk_changelist"
SAVED = "admin:comments_desk_saved"
ORDERS_KEPT = "comments_desk_orders"
"""In the session: the order an editor chose last, by queue."""
MOST_SECTIONS = 12

LINKS = (
    ("appeals", _("Appeals"), "admin:comments_desk_appeals"),
    ("assigned", _("Assigned"), "admin:comments_desk_assigned"),
    ("issues", _("Issue reports"), "admin:comments_desk_issues"),
)
"""What waits on other pages of the desk, where there is such a page."""

EXAMPLES = (
    ("tram harbour", _("both words, anywhere in the text")),
    ('"night tram"', _("these words side by side")),
    ("-harbour", _("without this word; a minus turns every operator round")),
    ('author:"Anna K" author:#12', _("by this person: the beginning of each word of a name, or a number")),
    ('article:"night tram"', _("under this article: words of its title, or its key")),
    ("section:sport", _("in this section")),
    ("status:held", _("what became of the text: received, held, published, rejected, withdrawn")),
    ("reason:spam", _("rejected or removed for this reason")),
    ("rule:links", _("with this objection: the code of a finding")),
    ("score>0.8", _("likely to be removed, 0 to 1")),
    ("flags>2", _("with more than two readers' reports that wait")),
    ("after:2026-11-01 before:2d", _("written since a day, or before some hours (h), days (d) or weeks (w) ago")),
    ("has:link", _("also edit, reply, note, flag")),
    ("is:first", _("its author's first comment; also guest, reply, root")),
    ("lang:ko", _("in this language")),
    ("decided:screening by:anna", _("who decided last: screening, editor, author, system; and an editor's name")),
)


@dataclass(frozen=True, slots=True)
class Link:
    """One line of the rail. ``count`` is ``None`` where nothing is counted."""

    title: str | Promise
    url: str
    count: int | None = None
    is_here: bool = False
    name: str = ""


def url_of(queue: queues.Queue, **more: str) -> str:
    """Return the address of a queue or a search, in the order it is in."""
    asked = {"q": queue.typed} if queue.is_search else {"queue": queue.name}
    if not queue.is_usual:
        asked["order"] = queue.order
    return f"{reverse(DESK)}?{urlencode(asked | more)}"


def in_its_order(request: HttpRequest, queue: queues.Queue) -> queues.Queue:
    """Return ``queue`` in the order asked for, which is kept, or the one this editor chose last."""
    if not queue.orders:
        return queue
    which = "search" if queue.is_search else queue.name
    kept = request.session.get(ORDERS_KEPT)
    kept = kept if isinstance(kept, dict) else {}
    asked = request.GET.get("order", "")
    if asked in queue.orders:
        if kept.get(which) != asked:
            request.session[ORDERS_KEPT] = kept | {which: asked}
        return queue.in_order(asked)
    return queue.in_order(str(kept.get(which, "")))


def rail(
    queue: queues.Queue, counts: queues.Counts, kept: Sequence[SavedQueue], person: Commenter, view: str = ""
) -> dict[str, Any]:
    """Return what ``_rail.html`` and ``_searching.html`` show to ``person``, who sees the saved queues in ``kept``."""
    more = {"view": view} if view else {}
    return {
        "rail": {
            "queues": [
                Link(each.title, url_of(each, **more), counts.get(each.name), each.name == queue.name, each.name)
                for each in queues.QUEUES
            ],
            "links": [
                Link(title, url, counts.get(name), name=name) for name, title, named in LINKS if (url := _url(named))
            ],
            "sections": [
                Link(
                    section or _("no section"),
                    f"{reverse(DESK)}?{urlencode({'q': asked})}",
                    count,
                    queue.typed == asked,
                )
                for section, count in counts.sections[:MOST_SECTIONS]
                for asked in (_in_section(section),)
                if asked
            ],
            "saved": [
                Link(each.name, _url_of_saved(each), is_here=queue.typed == each.query, name=each.made_by.name)
                for each in kept
            ],
            "mine": [each for each in kept if each.made_by_id == person.pk],
        },
        "searching": {
            "queue": queue,
            "chips": [
                (str(term), f"{reverse(DESK)}?{urlencode({'q': str(without)})}" if (without := _but(queue, n)) else "")
                for n, term in enumerate(queue.query.terms)
            ],
            "orders": [
                Link(queues.ORDERS[name].title, _in_order(queue, name), is_here=queue.sorting is queues.ORDERS[name])
                for name in queue.orders
            ],
            "examples": EXAMPLES,
            "most": search.MOST_CHARACTERS,
        },
    }


def _but(queue: queues.Queue, place: int) -> search.Query | None:
    rest = queue.query.without(place)
    return None if rest.is_empty else rest


def _in_order(queue: queues.Queue, name: str) -> str:
    asked = {"q": queue.typed} if queue.is_search else {"queue": queue.name}
    return f"{reverse(DESK)}?{urlencode(asked | {'order': name})}"


def _in_section(section: str) -> str:
    """Return the search for what waits in a section, or nothing for a name that a search cannot hold."""
    if not section or any(each in search.QUOTES for each in section):
        return ""
    return str(search.Query((search.Term("section", ":", section), search.Term("status", ":", "held"))))


def _url_of_saved(each: SavedQueue) -> str:
    return f"{reverse(DESK)}?{urlencode({'q': each.query} | ({'order': each.order} if each.order else {}))}"


def _url(named: str) -> str:
    try:
        return reverse(named)
    except NoReverseMatch:
        return ""


# --- Counts -----------------------------------------------------------------------------------------------------------


def _counted(request: HttpRequest, site: AdminSite) -> queues.Counts:
    kept: queues.Counts | None = getattr(request, "_comments_counts", None)
    if kept is None:
        kept = queues.counts(access.sections_seen(request.user), request.user)
        request._comments_counts = kept  # type: ignore[attr-defined]  # asked twice: for the tag and for the answer
    return kept


def _tag(request: HttpRequest, site: AdminSite) -> str:
    said = repr(sorted(_counted(request, site).items()))
    return f'"{blake2b(said.encode(), digest_size=12).hexdigest()}"'


@require_GET
@for_viewers
@condition(etag_func=_tag)
def counts(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Answer with how much waits, by the name of the queue; 304 when nothing has changed. For the desk's own script."""
    answer = JsonResponse(_counted(request, site))
    answer["Cache-Control"] = "private, no-cache"
    return answer


# --- Saved queues -----------------------------------------------------------------------------------------------------


class SavedForm(forms.Form):
    """A search to keep, or what is to change about one: ``action`` is ``save``, ``change`` or ``delete``."""

    action = forms.ChoiceField(choices=[("save", ""), ("change", ""), ("delete", "")])
    queue = forms.IntegerField(required=False, min_value=1, max_value=queues.BIGGEST)
    name = forms.CharField(required=False, max_length=200)
    query = forms.CharField(required=False, max_length=search.MOST_CHARACTERS)
    order = forms.CharField(required=False, max_length=12)
    is_shared = forms.BooleanField(required=False)


@require_http_methods(["GET", "POST"])
@for_viewers
def saved(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show the saved queues of an editor; save, rename, share or delete one."""
    person = access.person(request.user)
    complaint, status, form = "", 200, SavedForm()
    if request.method == "POST":
        form = SavedForm(request.POST)
        try:
            if not form.is_valid():
                raise Refused("unreadable_form", _("Something is missing or too long. Look at the name."))
            return _saved(request, person, form.cleaned_data)
        except Refused as refused:
            complaint, status = refused.detail, refused.status
    kept = list(saved_queues.of(person))
    context = frame.context(request, site, tab="queue", title=_("Saved queues")) | {
        "saved": [(each, _url_of_saved(each), saved_queues.may_change(each, person)) for each in kept],
        "complaint": complaint,
        "typed": form.data,
        "desk_url": reverse(DESK),
        "most": search.MOST_CHARACTERS,
    }
    return TemplateResponse(request, "comments/desk/saved.html", context, status=status)


def _saved(request: HttpRequest, person: Commenter, given: dict[str, Any]) -> HttpResponse:
    order = given["order"] if given["order"] in queues.ORDERS else ""
    if given["action"] == "save":
        made = saved_queues.save(person, given["name"], given["query"], order, is_shared=given["is_shared"])
        return redirect(_url_of_saved(made))
    queue = saved_queues.get(given["queue"] or 0, person)
    if given["action"] == "delete":
        saved_queues.delete(queue, person)
        messages.success(request, _("“%(name)s” is deleted.") % {"name": queue.name})
    else:
        facts = {"name": given["name"], "is_shared": given["is_shared"]}
        saved_queues.change(queue, person, **facts, **({"query": given["query"]} if given["query"] else {}))
        messages.success(request, _("“%(name)s” is saved.") % {"name": queue.name})
    return redirect(SAVED)


ADDRESSES = [
    ("counts/", counts, "counts"),
    ("saved/", saved, "saved"),
]
