"""
"Please let us know if you're having issues with commenting.": the form, and the receipt.

Whoever needs these pages has cookies that do not work, is signed out or banned, or comes on the day when half of the
site is down. So neither page needs a cookie, a session, JavaScript, the cache or the broker, and neither asks for a
CSRF token, which a reader whose cookies do not work could never give back:

- the form can do one thing, add a report. When the browser says that the form stood on another site, the report is
  marked suspicious; it is kept like any other.
- a receipt is opened by the 256-bit secret in its address. Who does not know it cannot make a reader's browser post to
  it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.template.loader import select_template
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from comments import conf, http, issues
from comments.exceptions import Refused
from comments.issues.browser import described
from comments.issues.diagnosis import Answer, when
from comments.models import Comment, Commenter, Discussion, IssueMessage, IssueReport, Status

logger = logging.getLogger(__name__)

BIGGEST = 2**63 - 1
BY_SCRIPT = ("last_refusal", "window", "errors_on_the_page")
"""Facts only the browser knows: issue.js fills them in, and without it their rows stay hidden."""
ICONS = {"wait": "clock", "stop": "stop", "good": "check", "plain": "info", "closed": "lock", "signed_out": "person"}

View = Callable[..., HttpResponse]


def private(view: View) -> View:
    """Keep every answer of ``view`` out of caches and search engines, and its address out of other sites' logs."""

    @wraps(view)
    def kept(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response["Cache-Control"] = "private, no-store"
        response["Referrer-Policy"] = "no-referrer"
        response["X-Robots-Tag"] = "noindex"
        return response

    return kept


# --- The form ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asks and where they come from, as far as it can be made out: odd input names nothing, and is no error."""

    person: Commenter | None = None
    discussion: Discussion | None = None
    comment: Comment | None = None
    code: str = ""
    """What an earlier request was refused with, and that request's id."""
    request_id: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    """What could go along, known here without asking: see :data:`comments.issues.CONTEXT`."""
    answers: list[Answer] = field(default_factory=list)

    @property
    def query(self) -> str:
        asked = {
            "discussion": self.discussion.key if self.discussion else "",
            "comment": self.comment.pk if self.comment else "",
            "code": self.code,
            "request": self.request_id,
        }
        return urlencode({name: value for name, value in asked.items() if value})


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@private
def new(request: HttpRequest) -> HttpResponse:
    """Show what is true for this reader, and the form; take a report. A refused one comes back as it was typed."""
    origin = _origin(request)
    if request.method != "POST":
        return _form(request, origin)
    given = _posted(request)
    if given is None:
        return _form(request, origin, QueryDict(), _too_big())
    try:
        report = _report(request, origin, given)
    except Refused as refused:
        return _form(request, origin, given, refused)
    except DatabaseError:
        logger.exception("an issue report could not be saved")
        return _form(request, origin, given, _not_saved())
    return _see(reverse("comments:issue_receipt", args=[report.token]))


def _report(request: HttpRequest, origin: Origin, given: QueryDict) -> IssueReport:
    along = set(given.getlist("context"))
    told = {name: given.get(f"fact_{name}", "") for name in BY_SCRIPT} | origin.facts
    return issues.report(
        # Readers who tick nothing have told us in words.
        given.get("kind") or IssueReport.Kind.OTHER,
        given.get("text", ""),
        email=given.get("email", ""),
        discussion=origin.discussion if "article" in along else None,
        comment=origin.comment if "comment" in along else None,
        reporter=origin.person if "account" in along else None,
        network_key=http.network_key(request),
        context={name: value for name, value in told.items() if name in along},
        trap=given.get("leave_empty", "") or ("another site" if _is_from_another_site(request) else ""),
        request_id=(origin.request_id if "last_refusal" in along else "") or http.request_id(),
    )


def _form(
    request: HttpRequest, origin: Origin, given: QueryDict | None = None, refused: Refused | None = None
) -> HttpResponse:
    along = set(given.getlist("context")) if given is not None else set(issues.CONTEXT)
    facts = []
    for name, label in issues.CONTEXT.items():
        known = origin.facts.get(name, "")
        by_script = not known and name in BY_SCRIPT
        if known or by_script:
            value = known or (given.get(f"fact_{name}", "")[: issues.LONGEST_FACT] if given else "")
            facts.append(
                {"name": name, "label": label, "value": value, "ticked": name in along, "by_script": by_script}
            )
    chosen = (given.get("kind", "") if given else "") or _likely_kind(origin)
    context = _common(origin.discussion) | {
        "action": f"{reverse('comments:issue_new')}?{origin.query}".rstrip("?"),
        "answers": [_shown(answer) for answer in origin.answers],
        "kinds": [(value, label, value == chosen) for value, label in IssueReport.Kind.choices],
        "text": given.get("text", "") if given else "",
        "email": given.get("email", "") if given else "",
        "facts": facts,
        "refused": refused,
    }
    response = render(request, "comments/issues/new.html", context, status=refused.status if refused else 200)
    return _with_retry(response, refused)


def _shown(answer: Answer) -> dict[str, Any]:
    return {"a": answer, "icon": ICONS.get(answer.code) or ICONS[answer.tone]}


def _likely_kind(origin: Origin) -> str:
    """Tick what the reader most likely means, from where they come."""
    if origin.code:
        signed_out = origin.code == "not_signed_in"
        return IssueReport.Kind.CANNOT_SIGN_IN if signed_out else IssueReport.Kind.CANNOT_POST
    if any(answer.main and answer.code in ("held", "rejected", "received") for answer in origin.answers):
        return IssueReport.Kind.VANISHED
    return ""


# --- Where the reader comes from --------------------------------------------------------------------------------------


def _origin(request: HttpRequest) -> Origin:
    asked = request.GET
    code = _fitting(r"[a-z][a-z0-9_]{0,39}", asked.get("code", ""))
    refused_id = _fitting(r"[A-Za-z0-9-]{8,36}", asked.get("request", ""))
    try:
        person = _person(request)
        discussion = _discussion(asked.get("discussion", ""))
        comment = _comment(asked.get("comment", ""), person)
        if discussion is None and comment is not None:
            discussion = comment.discussion
        answers = issues.diagnose(person, discussion, comment, http.network_key(request))
    except DatabaseError:
        logger.exception("the issue form could not read anything")
        person = discussion = comment = None
        answers = [Answer("cannot_look", "stop", _("We can neither read nor save anything at the moment."), main=True)]
    facts = {
        "article": (discussion.title or discussion.key) if discussion else "",
        "comment": _named(comment, person) if comment else "",
        "account": _standing(person),
        "last_refusal": ", ".join(filter(None, [code, refused_id])),
        "browser": described(request.headers.get("User-Agent", "")),
        "language": _languages(request),
    }
    known = {name: value for name, value in facts.items() if value}
    return Origin(person, discussion, comment, code, refused_id, known, answers)


def _fitting(pattern: str, value: str) -> str:
    return value if re.fullmatch(pattern, value) else ""


def _person(request: HttpRequest) -> Commenter | None:
    try:
        user = getattr(request, "user", None)
        return Commenter.objects.for_user(user) if user is not None and user.is_authenticated else None
    except DatabaseError:
        raise
    except Exception:
        # Sessions kept in a cache that is away: this page is for exactly that day.
        logger.exception("the session could not be read")
        request.user = AnonymousUser()
        return None


def _discussion(key: str) -> Discussion | None:
    return Discussion.objects.filter(key=key).first() if key and len(key) <= 200 and "\x00" not in key else None


def _comment(number: str, person: Commenter | None) -> Comment | None:
    if not (number.isascii() and number.isdecimal() and len(number) < 20 and int(number) <= BIGGEST):
        return None
    return issues.comment_seen_by(person, int(number))


def _named(comment: Comment, person: Commenter | None) -> str:
    facts = {
        "number": comment.pk,
        "when": when(comment.created_at),
        "name": comment.author.name,
        "status": str(Status(comment.status).label),
    }
    if person is not None and comment.author_id == person.pk:
        return _("%(number)s, yours of %(when)s (%(status)s)") % facts
    return _("%(number)s, by %(name)s, %(when)s") % facts


def _standing(person: Commenter | None) -> str:
    if person is None:
        return _("Not signed in")
    return _("%(name)s, e-mail confirmed") % {"name": person.name} if person.contact_confirmed_at else person.name


def _languages(request: HttpRequest) -> str:
    tags = [part.partition(";")[0].strip() for part in request.headers.get("Accept-Language", "").split(",")]
    return ", ".join(tag for tag in tags[:5] if re.fullmatch(r"[A-Za-z0-9-]{2,20}", tag))


def _is_from_another_site(request: HttpRequest) -> bool:
    """Say whether the browser tells us so. One that says nothing, or hides where it comes from, is believed."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("cross-site", "same-site")
    origin = request.headers.get("Origin", "null")
    return origin != "null" and urlsplit(origin).netloc != request.get_host()


def _posted(request: HttpRequest) -> QueryDict | None:
    """Return what was posted, or ``None`` when it is too large or cannot be read."""
    try:
        return request.POST
    except (BadRequest, MultiPartParserError, SuspiciousOperation, UnreadablePostError):
        return None


# --- The receipt ------------------------------------------------------------------------------------------------------


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@private
def receipt(request: HttpRequest, token: str) -> HttpResponse:
    """Show a report and what was said about it to whoever knows its address; add to it, solve it, open it again."""
    try:
        report = issues.get(token)
    except Refused as refused:
        return render(request, "comments/issues/unknown.html", _common(None) | {"refused": refused}, status=404)
    if request.method != "POST":
        return _receipt(request, report, token)
    given = _posted(request)
    if given is None:
        return _receipt(request, report, token, refused=_too_big())
    try:
        match given.get("do", ""):
            case "solve":
                issues.solve(report)
            case "reopen":
                issues.reopen(report)
            case "email":
                issues.correct_email(report, given.get("email", ""))
            case _add:
                issues.add_message(report, given.get("text", ""), network_key=http.network_key(request))
    except Refused as refused:
        return _receipt(request, report, token, given.get("text", ""), refused)
    except DatabaseError:
        logger.exception("nothing could be added to issue report %s", report.pk)
        return _receipt(request, report, token, given.get("text", ""), _not_saved())
    return _see(f"{reverse('comments:issue_receipt', args=[token])}#messages")


def _receipt(
    request: HttpRequest, report: IssueReport, token: str, text: str = "", refused: Refused | None = None
) -> HttpResponse:
    lead, follows = _state(report)
    context = _common(report.discussion) | {
        "report": report,
        "address": reverse("comments:issue_receipt", args=[token]),
        "lead": lead,
        "follows": follows,
        "steps": _steps(report),
        "messages_said": [_said(message) for message in report.messages.all()],
        "along": _along(report),
        "mail_to": _masked(report.email),
        "mail_fails": issues.email_looks_wrong(report),
        "text": text,
        "refused": refused,
    }
    response = render(request, "comments/issues/receipt.html", context, status=refused.status if refused else 200)
    return _with_retry(response, refused)


def _state(report: IssueReport) -> tuple[str, str]:
    """Return what is true of ``report``, and what happens next."""
    match report.state:
        case IssueReport.State.ANSWERED:
            facts = {"when": when(report.answered_at or report.created_at)}
            return _("The newsroom answered: %(when)s.") % facts, _("Please tell us whether it helped.")
        case IssueReport.State.SOLVED:
            return _("Solved. Thank you for saying so."), _("If it comes back, open the report again.")
        case IssueReport.State.CLOSED:
            facts = {"when": when(report.closed_at or report.created_at)}
            return _("The newsroom closed this report: %(when)s.") % facts, _(
                "If it is still wrong, open the report again."
            )
        case _open:
            kept = _("Keep the address of this page: it is your private link, and the answer will stand here.")
            if report.answered_at:
                return _("This report is open again."), _("The newsroom sees everything below.")
            return _("We have your report. It is saved, and a person reads it."), kept


def _steps(report: IssueReport) -> list[dict[str, Any]]:
    states = IssueReport.State
    last = states.CLOSED if report.state == states.CLOSED else states.SOLVED
    order = [states.OPEN, states.ANSWERED, last]
    reached = order.index(states(report.state))
    return [
        {
            "label": state.label,
            "done": at <= reached and (state != states.ANSWERED or report.answered_at is not None),
            "current": at == reached,
        }
        for at, state in enumerate(order)
    ]


def _said(message: IssueMessage) -> dict[str, Any]:
    names = {
        IssueMessage.Sender.READER: _("You"),
        IssueMessage.Sender.NEWSROOM: _("The newsroom"),
        IssueMessage.Sender.SYSTEM: _("The system"),
    }
    return {
        "sender": message.sender,
        "name": names[IssueMessage.Sender(message.sender)],
        "at": message.created_at.isoformat(timespec="seconds"),
        "when": when(message.created_at),
        "text": message.text,
    }


def _along(report: IssueReport) -> list[tuple[Any, str]]:
    context = report.context if isinstance(report.context, dict) else {}
    sent = [(label, str(context[name])) for name, label in issues.CONTEXT.items() if context.get(name)]
    return [(_("What happened"), str(report.get_kind_display())), *sent]


def _masked(email: str) -> str:
    """Return "m…@example.org": enough to recognise one's own address, too little for who looks over a shoulder."""
    name, at, domain = email.rpartition("@")
    return f"{(name or domain)[:1]}…{at}{domain if at else ''}" if email else ""


# --- Both -------------------------------------------------------------------------------------------------------------


def _common(discussion: Discussion | None) -> dict[str, Any]:
    return {
        # A site's own pages are found by this name; one that has none gets a plain page.
        "site": select_template(["base.html", "comments/base.html"]),
        "discussion": discussion,
        "contact_email": conf.get().contact_email,
    }


def _too_big() -> Refused:
    return Refused("too_big", _("That is more than this form can take. Please send a shorter text."), status=413)


def _not_saved() -> Refused:
    return Refused("not_saved", _("We cannot save anything at the moment. Please wait a few minutes."), status=503)


def _with_retry(response: HttpResponse, refused: Refused | None) -> HttpResponse:
    if refused and "retry_after" in refused.params:
        response["Retry-After"] = str(refused.params["retry_after"])
    return response


def _see(address: str) -> HttpResponse:
    """Redirect with 303: what was sent is done, look there."""
    response = HttpResponseRedirect(address)
    response.status_code = 303
    return response
