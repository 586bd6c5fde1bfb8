"""What everyone may know of a person, which is little, and the form that reports them to the editors."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from comments import person_flags
from comments.exceptions import Refused
from comments.models import Commenter, PersonFlag, Reason
from comments.pages import shown
from comments.pages.origin import ours
from comments.pages.views import answers_refusals, open_page, private_page


@require_safe
@answers_refusals
def profile(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a person's name, badge and since when they are here. Nothing of what they wrote."""
    person = person_flags.known(pk)
    response = open_page(request, "comments/person.html", _of(person))
    response["X-Robots-Tag"] = "noindex"
    return response


def _of(person: Commenter, **more: Any) -> dict[str, Any]:
    say = shown.words()
    return shown.context(
        person={
            "name": person.name or say["nobody"],
            "badge": person.badge,
            "badge_name": say[f"badge_{person.badge}"] if person.badge else "",
            "role": person.role,
            "since": shown.day(person.created_at),
            "url": f"{shown.prefix()}people/{person.pk}/",
            "flag_url": f"{shown.prefix()}people/{person.pk}/flag/",
        },
        **more,
    )


@require_http_methods(["GET", "POST"])
@ours()
@answers_refusals
def flag(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask what is wrong with a person and report them; to who has reported them, say what came of it."""
    person = person_flags.known(pk)
    reader = Commenter.objects.for_user(request.user) if request.user.is_authenticated else None
    if reader is None:
        return _flag_page(request, person, {"sign_in": shown.sign_in_url(request.path, "main")}, status=401)
    if reader.pk == person.pk:
        return _flag_page(request, person, {"is_self": True}, status=403)
    if request.method == "GET":
        made = person_flags.latest_by(reader, person)
        again = "again" in request.GET and made is not None and made.state != PersonFlag.State.OPEN
        return _flag_page(request, person, _said(made) if made and not again else {})
    try:
        person_flags.flag(reader, person, request.POST.get("reason", ""), request.POST.get("note", "").strip())
    except Refused as refused:
        title = _("Choose what is wrong.") if refused.code == "unknown_reason" else refused.detail
        response = _flag_page(request, person, {"refused": refused, "title": title}, status=refused.status)
        if "retry_after" in refused.params:
            response["Retry-After"] = str(refused.params["retry_after"])
        return response
    sent = HttpResponseRedirect(request.path)
    sent.status_code = 303
    sent["Cache-Control"] = "private, no-store"
    return sent


def _said(made: PersonFlag) -> dict[str, Any]:
    said = {
        PersonFlag.State.OPEN: (_("An editor will look at it."), "clock"),
        PersonFlag.State.UPHELD: (_("An editor has looked at it and agrees with you. Thank you."), "check"),
        PersonFlag.State.DISMISSED: (_("An editor has looked at it and sees nothing against the rules."), "check"),
    }
    more, icon = said[PersonFlag.State(made.state)]
    title = _("You reported this person, %(when)s.") % {"when": shown.spoken_time(made.created_at)}
    return {"state": made.state, "title": title, "more": more, "icon": icon}


def _flag_page(request: HttpRequest, person: Commenter, more: dict[str, Any], *, status: int = 200) -> HttpResponse:
    asks = not more.keys() & {"state", "sign_in", "is_self"}
    chosen = request.POST.get("reason", "")
    reasons = [(r.code, str(r), r.code == chosen) for r in Reason.objects.filter(is_active=True)] if asks else []
    context = _of(person, reasons=reasons, note=request.POST.get("note", ""), **more)
    return private_page(request, "comments/flag_person.html", context, status=status)
