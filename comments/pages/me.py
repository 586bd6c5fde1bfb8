"""
"My comments": a page of parts, each a template and a function that says what it needs.

A part is one line in :data:`PARTS`; its function returns ``None`` where there is nothing to show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language_info, gettext_lazy, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from comments import access, appeals, conf, http, names, personal, privacy
from comments.exceptions import Refused
from comments.issues import failures
from comments.models import Comment, Commenter, DataExport, Job
from comments.pages import own, shown, told, views, visitor
from comments.pages.origin import ours

Context = Callable[[HttpRequest, Commenter], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the page."""

    anchor: str
    """Its id in the page; its title has ``<anchor>-title``."""
    title: str | Promise
    """In the rail."""
    template: str
    context: Context
    """What the template needs beside what every template has. ``number`` stands behind the title in the rail."""


# --- The parts --------------------------------------------------------------------------------------------------------


def comments(request: HttpRequest, person: Commenter) -> dict[str, Any]:
    """Everything they wrote, a page of it."""
    state = request.GET.get("state", "")
    found = personal.written(person, state=state, cursor=request.GET.get("cursor", ""))
    states = {
        "": _("All states"),
        "waiting": _("Waiting"),
        "published": _("Published"),
        "rejected": _("Not published"),
        "withdrawn": _("Withdrawn"),
    }
    query = urlencode({name: value for name, value in (("state", state), ("cursor", found.next_cursor)) if value})
    return {
        "number": Comment.objects.filter(author=person).count(),
        "listed": [own.listed(one) for one in found.mine],
        "states": [(code, name, code == state) for code, name in states.items()],
        "state": state,
        "is_first": "cursor" not in request.GET,
        "first_url": f"{shown.prefix()}me/" + (f"?{urlencode({'state': state})}" if state else "") + "#mine",
        "more_url": f"?{query}#mine" if found.next_cursor else "",
    }


def my_appeals(request: HttpRequest, person: Commenter) -> dict[str, Any] | None:
    """What they asked to be looked at again; not shown to who never did."""
    asked = [own.listed_appeal(one) for one in appeals.by(person)]
    return {"appeals": asked, "number": len(asked)} if asked else None


def notices(request: HttpRequest, person: Commenter) -> dict[str, Any]:
    """What they were told lately."""
    return {"notices": told.notices(person, most=told.ON_MY_PAGE)}


def mail(request: HttpRequest, person: Commenter) -> dict[str, Any]:
    """What reaches them, when, and what they follow."""
    return {"wishes": told.wishes(person)}


def muted(request: HttpRequest, person: Commenter) -> dict[str, Any]:
    """Whose comments are folded for them."""
    found = own.muted(person)
    return found | {"number": len(found["muted_people"])}


def account(request: HttpRequest, person: Commenter) -> dict[str, Any]:
    """The name that is shown, and the language of what is written to them."""
    spoken = [(code, get_language_info(code)["name_local"].capitalize()) for code, _name in django_settings.LANGUAGES]
    chosen = person.preferred_language or django_settings.LANGUAGE_CODE
    return {
        "languages": [(code, name, code == chosen) for code, name in spoken] if len(spoken) > 1 else [],
        "longest": names.LONGEST,
        "typed_name": request.POST.get("name", person.name),
    }


def data(request: HttpRequest, person: Commenter) -> dict[str, Any]:
    """The download, and the way out."""
    days = conf.get().deletion_days
    may_leave = True
    try:
        privacy.require_may_leave(person)
    except Refused:
        may_leave = False
    return {
        "download": _download(privacy.latest(person)),
        "kept_for": ngettext("%(count)d day", "%(count)d days", conf.get().export_days)
        % {"count": conf.get().export_days},
        "may_leave": may_leave,
        "leaves": access.spoken(person.erase_at),
        "after": ngettext("After %(count)d day", "After %(count)d days", days) % {"count": days}
        if days
        else _("At once"),
        "button": ngettext("Delete my account in %(count)d day", "Delete my account in %(count)d days", days)
        % {"count": days}
        if days
        else _("Delete my account now"),
        "days": days,
        "has_password": bool(person.user and person.user.has_usable_password()),
        "takes_texts": (request.POST.get("comments") == "remove") if request.method == "POST" else person.erase_texts,
    }


def _download(made: DataExport | None) -> dict[str, Any] | None:
    if made is None:
        return None
    if made.ready_at and made.expires_at:
        return {
            "url": f"{shown.prefix()}me/export/{made.public_id}/",
            "size": filesizeformat(made.size),
            "ready": shown.spoken_time(made.ready_at),
            "until": access.spoken(made.expires_at),
            "is_cut": made.is_cut,
        }
    under_way = made.job.state in (Job.State.WAITING, Job.State.RUNNING, Job.State.PAUSED)
    return {"since": shown.spoken_time(made.created_at), "failed": not under_way}


PARTS: list[Part] = [
    Part("notices", gettext_lazy("Notices"), "comments/_me_notices.html", notices),
    Part("mine", gettext_lazy("Comments"), "comments/_me_comments.html", comments),
    Part("appeals", gettext_lazy("Appeals"), "comments/_me_appeals.html", my_appeals),
    Part("mail", gettext_lazy("E-mail"), "comments/_me_mail.html", mail),
    Part("muted", gettext_lazy("Muted people"), "comments/_me_muted.html", muted),
    Part("account", gettext_lazy("Name and language"), "comments/_me_account.html", account),
    Part("data", gettext_lazy("My data"), "comments/_me_data.html", data),
]
"""In the order of the page."""


# --- The page ---------------------------------------------------------------------------------------------------------


@require_safe
@views.answers_refusals
def me(request: HttpRequest) -> HttpResponse:
    """Show a reader what they wrote, with what became of it, and everything that is theirs to decide."""
    return _page(request, visitor.require_person(request))


def _page(
    request: HttpRequest, person: Commenter, *, status: int = 200, refused: Refused | None = None, where: str = ""
) -> HttpResponse:
    """Print the page; ``refused`` is said in the part ``where``."""
    here = f"{shown.prefix()}me/"
    common = shown.context(person=person, here=here)
    parts: list[dict[str, Any]] = []
    for part in PARTS:
        needed = part.context(request, person)
        if needed is None:
            continue
        facts = common | {"refused": refused if part.anchor == where else None} | needed
        parts.append(
            {
                "anchor": part.anchor,
                "title": part.title,
                "number": needed.get("number"),
                "html": render_to_string(part.template, facts, request),
            }
        )
    now = access.standing(person, http.network_key(request))
    context = common | {
        "parts": parts,
        "standing": own.standing(now),
        "summary": _summary(person, next((one["number"] for one in parts if one["anchor"] == "mine"), 0)),
        "in_good_standing": now.state == "fine",
    }
    response = views.private_page(request, "comments/me.html", context, status=status)
    if refused is not None and "retry_after" in refused.params:
        response["Retry-After"] = str(refused.params["retry_after"])
    return response


def _summary(person: Commenter, count: int) -> str:
    facts = {
        "count": count,
        "published": person.published_count,
        "since": date_format(person.created_at, "F Y"),
    }
    if not count:
        return _("No comments yet. Here since %(since)s.") % facts
    said = ngettext(
        "%(count)d comment since %(since)s, %(published)d published.",
        "%(count)d comments since %(since)s, %(published)d of them published.",
        count,
    )
    return said % facts


# --- What is decided there --------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@ours()
@views.answers_refusals
def rename(request: HttpRequest) -> HttpResponse:
    """Change the name that is shown; a refusal keeps what was typed."""
    return _done(request, "account", lambda person: names.rename(person, request.POST.get("name", "")))


@require_http_methods(["GET", "POST"])
@ours()
@views.answers_refusals
def choose_language(request: HttpRequest) -> HttpResponse:
    """Choose the language of mails and notices."""
    return _done(request, "account", lambda person: names.choose_language(person, request.POST.get("language", "")))


@require_http_methods(["GET", "POST"])
@ours()
@views.answers_refusals
def export(request: HttpRequest) -> HttpResponse:
    """Have a download prepared."""
    return _done(request, "data", privacy.export)


@require_safe
@views.answers_refusals
def download(request: HttpRequest, public_id: UUID) -> HttpResponseBase:
    """Send a download to whose it is; to everybody else it is not there."""
    return sent(privacy.download(visitor.require_person(request), public_id))


def sent(made: DataExport) -> StreamingHttpResponse:
    """Send the file of ``made``, a piece at a time, for no cache and no frame to keep."""
    return StreamingHttpResponse(
        privacy.pieces(made),
        headers={
            "Content-Type": "application/zip",
            "Content-Length": str(made.size),
            "Content-Disposition": f'attachment; filename="my-data-{made.created_at:%Y-%m-%d}.zip"',
            "Cache-Control": views.PRIVATE,
            "X-Content-Type-Options": "nosniff",
        },
    )


@require_http_methods(["GET", "POST"])
@ours()
@views.answers_refusals
def delete(request: HttpRequest) -> HttpResponse:
    """Ask for the account to be deleted, with a password or the name typed again."""

    def ask(person: Commenter) -> Commenter:
        choice = request.POST.get("comments", "")
        if choice not in ("keep", "remove"):
            raise Refused("choice_missing", _("Choose what happens to your comments."))
        return privacy.ask_to_erase(person, confirm=request.POST.get("confirm", ""), texts=choice == "remove")

    return _done(request, "data", ask)


@require_http_methods(["GET", "POST"])
@ours()
@views.answers_refusals
def keep(request: HttpRequest) -> HttpResponse:
    """Take the wish back."""
    return _done(request, "data", privacy.cancel)


def _done(request: HttpRequest, where: str, verb: Callable[[Commenter], Any]) -> HttpResponse:
    """Do what was asked and go back to the part of the page; a refusal is said there, and what was typed stays."""
    person = visitor.require_person(request)
    if request.method == "POST":
        try:
            verb(person)
        except Refused as refused:
            failures.note(request, refused)
            return _page(request, person, status=refused.status, refused=refused, where=where)
    back = request.POST.get("next", "")
    ours_too = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    response = HttpResponseRedirect(
        back if ours_too else f"{shown.prefix()}me/#{where}", headers={"Cache-Control": views.PRIVATE}
    )
    response.status_code = 303
    return response
