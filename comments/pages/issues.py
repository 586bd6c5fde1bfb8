"""
"Please let us know if you're having issues with commenting.": the form, and the receipt.

Whoever needs these pages has cookies that do not work, is signed out or banned, or comes on the day when half of the
site is down. So neither page needs a cookie, a session, JavaScript, the cache or the broker, and neither asks for a
CSRF token, which a reader whose cookies do not work could never give back:

- the form can do one thing, add a report. When the browser says that the form stood on another site, the report is
  marked suspicious; it is kept like any other.
- a receipt is opened by the 256-bit secret in its address. Who does not know it cannot make a reader's browser post to
  it.

So both work in a frame on another site, where browsers keep no cookie of ours, if ``EMBED_ANCESTORS`` names that site.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import wraps
from statistics import quantiles
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.template.loader import select_template
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from comments import conf, http, issues
from comments.exceptions import Refused
from comments.issues import answers_first, browser, failures, pictures
from comments.issues.answers_first import ENOUGH, Answer, Seen, masked, span_of_time, when
from comments.models import (
    Comment,
    Commenter,
    Discussion,
    Incident,
    IssueMessage,
    IssuePicture,
    IssueReport,
    Status,
)
from comments.pages import own, visitor

logger = logging.getLogger(__name__)

BIGGEST = 2**63 - 1
MOST_BYTES = pictures.MOST_BYTES + 1024 * 1024
BY_SCRIPT = ("last_refusal", "window", "errors_on_the_page")
"""Facts only the browser knows: issue.js fills them in, and without it their rows stay hidden."""
ICONS = {
    "wait": "clock",
    "stop": "stop",
    "good": "check",
    "plain": "info",
    "closed": "lock",
    "signed_out": "person",
    "name_missing": "person",
    "not_entitled": "person",
    "email_unconfirmed": "mail",
    "incident": "warn",
    "read_only": "warn",
    "server_error": "warn",
}
HURRIED_SECONDS = 2
LOOKED_SECONDS = 60
SIGNED_IN_SECONDS = 600

View = Callable[..., HttpResponse]


def private(view: View) -> View:
    """
    Keep every answer of ``view`` out of caches and search engines, and its address out of other sites' logs.

    Sites that ``EMBED_ANCESTORS`` names may frame it, nobody else.
    """

    @wraps(view)
    def kept(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response["Cache-Control"] = "private, no-store"
        response["Referrer-Policy"] = "no-referrer"
        response["X-Robots-Tag"] = "noindex"
        _let_frame(response)
        return response

    return kept


def _let_frame(response: HttpResponse) -> None:
    """Name who may frame this page, in the site's own policy. X-Frame-Options, which knows no names, is left out."""
    origins = [origin.rstrip("/") for origin in conf.get().embed_ancestors]
    if not origins:
        return
    sites = str(getattr(settings, "CONTENT_SECURITY_POLICY", "") or "").split(";")
    kept = [part.strip() for part in sites if part.strip() and not part.strip().startswith("frame-ancestors")]
    # What is a file only, such as a picture, has a policy of its own and stays outside every frame.
    if "Content-Security-Policy" not in response:
        response["Content-Security-Policy"] = "; ".join([*kept, f"frame-ancestors {' '.join(origins)}"])
        response.xframe_options_exempt = True  # read by Django's middleware


def _is_framed(request: HttpRequest) -> bool:
    return request.headers.get("Sec-Fetch-Dest") in ("iframe", "frame")


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
    kind: str = ""
    """What they say it is, when an answer did not settle it."""
    facts: dict[str, str] = field(default_factory=dict)
    """What could go along, known here without asking: see :data:`comments.issues.CONTEXT`."""
    answers: list[Answer] = field(default_factory=list)
    can_save: bool = True
    asks_for_a_sum: bool = False

    @property
    def query(self) -> str:
        asked = {
            "discussion": self.discussion.key if self.discussion else "",
            "comment": self.comment.pk if self.comment else "",
            "code": self.code,
            "request": self.request_id,
        }
        return urlencode({name: value for name, value in asked.items() if value})

    @property
    def first(self) -> Answer | None:
        return self.answers[0] if self.answers else None


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@private
def new(request: HttpRequest) -> HttpResponse:
    """Show what is true for this reader, and the form; take a report. A refused one comes back as it was typed."""
    if again := _look_for_the_cookie(request):
        return again
    origin = _origin(request)
    if request.method != "POST":
        return _form(request, _counted_as_shown(request, origin))
    given = _posted(request)
    if given is None:
        return _form(request, origin, QueryDict(), _too_big())
    picture, unread = _picture(request)
    try:
        report = _report(request, origin, given, picture)
    except Refused as refused:
        failures.note(request, refused, verb="report")
        return _form(request, origin, given, refused)
    except DatabaseError:
        logger.exception("an issue report could not be saved")
        return _form(request, _nothing_saved(origin), given, _not_saved())
    if report.counted == "mark":
        # The last report that was stored may be somebody else's, at the same computer: its receipt is not shown.
        return _see(reverse("comments:issue_counted"))
    notes = {"counted": "1"} if report.counted else {"picture": unread.code} if unread else {}
    return _see(f"{reverse('comments:issue_receipt', args=[report.token])}{'?' if notes else ''}{urlencode(notes)}")


def _look_for_the_cookie(request: HttpRequest) -> HttpResponse | None:
    """
    Give a browser our mark and have it come back at once, to see whether it keeps cookies. No script is needed.

    Only what says of itself that it is a browser going to a page; a program gets the page.
    """
    if request.method != "GET" or http.browser_key(request) or _cookies(request) is not None:
        return None
    if request.headers.get("Sec-Fetch-Mode") != "navigate":
        return None
    asked = request.GET.copy()
    asked["looked"] = str(int(time.time()))
    response = _see(f"{request.path}?{asked.urlencode()}")
    http.know_browser(request, response)
    return response


def _cookies(request: HttpRequest) -> bool | None:
    """Say whether the browser gave our cookie back; ``None``: it has not been tried in this minute."""
    if http.browser_key(request):
        return True
    return False if _is_recent(request.GET.get("looked", ""), LOOKED_SECONDS) else None


def _is_recent(stamp: str, seconds: int) -> bool:
    return bool(re.fullmatch(r"[0-9]{10}", stamp)) and 0 <= time.time() - int(stamp) < seconds


def _counted_as_shown(request: HttpRequest, origin: Origin) -> Origin:
    """Count that the first answer was shown, and by that find out whether anything can be saved."""
    if request.method != "GET" or origin.first is None or "settled" in request.GET:
        return origin
    if issues.shown(origin.first.code):
        return origin
    return _nothing_saved(origin)


def _nothing_saved(origin: Origin) -> Origin:
    """Put before everything that nothing can be saved, with a mail that says what the form would have said."""
    said = [origin.facts.get("article", ""), origin.discussion.url if origin.discussion else ""]
    said += [when(timezone.now()), origin.code, origin.request_id, origin.facts.get("browser", "")]
    body = "\n".join(filter(None, said)) + "\n\n" + _("What happened:") + "\n"
    return replace(origin, answers=issues.unsaved(origin.answers, body), can_save=False)


def _picture(request: HttpRequest) -> tuple[pictures.Picture | None, Refused | None]:
    """Return the picture that came along; one that is none costs nobody their report."""
    sent = request.FILES.get("picture")
    if sent is None:
        return None, None
    try:
        return pictures.read(sent), None
    except Refused as refused:
        return None, refused


def _report(request: HttpRequest, origin: Origin, given: QueryDict, picture: pictures.Picture | None) -> IssueReport:
    along = set(given.getlist("context"))
    told = {name: given.get(f"fact_{name}", "") for name in BY_SCRIPT} | origin.facts
    agent = request.headers.get("User-Agent", "") if "browser" in along else ""
    family, system = browser.named(agent)
    # What the page's script saw itself, where the address did not say it.
    code = origin.code or _fitting(CODE, given.get("ring_code", ""))
    failed = origin.request_id or _fitting(REQUEST, given.get("ring_request", ""))
    tells = "last_refusal" in along
    says = code in answers_first.ASKED_ABOUT
    opened = given.get("opened", "")
    return issues.report(
        given.get("kind", ""),
        given.get("text", ""),
        email=given.get("email", ""),
        discussion=origin.discussion if "article" in along else None,
        comment=origin.comment if "comment" in along else None,
        reporter=origin.person if "account" in along else None,
        sender=origin.person,
        network_key=http.network_key(request),
        browser_key=http.browser_key(request),
        context={name: value for name, value in told.items() if name in along},
        trap=given.get("leave_empty", "") or ("another site" if _is_from_another_site(request) else ""),
        sum_done=given.get("sum", ""),
        hurried=_is_recent(opened, HURRIED_SECONDS) and not origin.code,
        request_id=failed if tells else "",
        code=code if tells or says else "",
        knows_failures=tells,
        client_error=told.get("errors_on_the_page", "").partition(";")[0] if "errors_on_the_page" in along else "",
        browser=family,
        system=system,
        surface=IssueReport.Surface.EMBED if _is_framed(request) else IssueReport.Surface.PAGE,
        elsewhere=given.get("elsewhere", ""),
        language=(get_language() or "") if "language" in along else "",
        found=given.get("found", ""),
        tell_when_over="tell_when_over" in given,
        picture=picture,
    )


CODE = r"[a-z][a-z0-9_]{0,39}"
REQUEST = r"[A-Za-z0-9-]{8,36}"


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
    elsewhere = given.get("elsewhere", "") if given else ""
    first = origin.first
    action = f"{reverse('comments:issue_new')}?{origin.query}".rstrip("?")
    context = _common(request, origin.discussion) | {
        "action": action,
        "query": origin.query,
        "binding": [_shown(answer) for answer in origin.answers if answer.tone != "good"],
        "in_order": [_shown(answer) for answer in origin.answers if answer.tone == "good"],
        "asks": bool(first and origin.can_save and first.code in answers_first.CODES - {"nothing_found", "read_only"}),
        "settled": "settled" in request.GET,
        "other_url": f"{action}{'&' if origin.query else '?'}{urlencode({'kind': first.kind or 'other'})}#tell"
        if first
        else "",
        "kinds": [(value, label, value == chosen) for value, label in IssueReport.Kind.choices],
        "elsewheres": [
            (value, label, value == elsewhere)
            for value, label in (("works", _("Yes")), ("fails", _("No")), ("untried", _("Not tried")))
        ],
        "found": (given.get("found", "") if given else "") or (first.code if first else ""),
        "over": any(one.code == "incident" for one in origin.answers),
        "tells_over": bool(given and "tell_when_over" in given),
        "chips": _chips(origin.answers, given.get("text", "") if given else ""),
        "opened": str(int(time.time())),
        "text": given.get("text", "") if given else "",
        "email": given.get("email", "") if given else "",
        "facts": facts,
        "sum": own.the_sum() if origin.asks_for_a_sum else None,
        "asked_about": _asked_about(origin),
        "refused": refused,
    }
    response = render(request, "comments/issues/new.html", context, status=refused.status if refused else 200)
    if request.method == "GET":
        http.know_browser(request, response)
    return _with_retry(response, refused)


@csrf_exempt
@require_http_methods(["POST"])
@private
def settled(request: HttpRequest) -> HttpResponse:
    """Count that an answer settled it. Nothing else is saved."""
    given = _posted(request) or QueryDict()
    try:
        issues.settled(given.get("answer", ""), network_key=http.network_key(request))
    except Refused:
        pass  # An answer nobody gives settles nothing, and whoever sent it has nothing to read.
    asked = {name: request.GET[name] for name in ("discussion", "comment") if request.GET.get(name)}
    return _see(f"{reverse('comments:issue_new')}?{urlencode(asked | {'settled': '1'})}")


@require_http_methods(["GET", "HEAD"])
@private
def counted(request: HttpRequest) -> HttpResponse:
    """Say of a report that was counted and not stored what became of it."""
    return render(request, "comments/issues/counted.html", _common(request, None))


# --- What people mistake a report for ---------------------------------------------------------------------------------

_WORDS = {
    "appeal": r"reject|remov|delet|censor|ban(?:ned)?\b|block|gelösch|gesperrt|zensur|supprim|censur|borra|elimin",
    "data": r"my data|my account|delete me|privacy|gdpr|dsgvo|daten|konto|données|datos",
}


def _chips(answers: list[Answer], text: str) -> list[tuple[str, str]]:
    """Return where somebody may want to go instead, when their words or what is true for them suggest it."""
    found: list[tuple[str, str]] = []
    decided = next((one for one in answers if one.action_url.endswith("/appeal/")), None)
    if decided:
        found.append((_("Ask another editor about this decision"), decided.action_url))
    elif re.search(_WORDS["appeal"], text, re.IGNORECASE):
        found.append((_("Ask another editor about this decision"), reverse("comments:me")))
    if re.search(_WORDS["data"], text, re.IGNORECASE):
        found.append((_("My data"), f"{reverse('comments:me')}#data"))
    return found


def _shown(answer: Answer) -> dict[str, Any]:
    return {"a": answer, "icon": ICONS.get(answer.code) or ICONS[answer.tone]}


def _asked_about(origin: Origin) -> list[tuple[str, Any]]:
    """Return what only the reader can say, as addresses at which it is answered first."""
    where = {"discussion": origin.discussion.key if origin.discussion else ""}
    where = {name: value for name, value in where.items() if value}
    return [
        (f"{reverse('comments:issue_new')}?{urlencode(where | {'code': code})}", label)
        for code, label in answers_first.ASKED_ABOUT.items()
        if code != origin.code
    ]


def _likely_kind(origin: Origin) -> str:
    """Tick what the reader most likely means, from where they come."""
    if origin.kind:
        return origin.kind
    if origin.code == "section_missing":
        return IssueReport.Kind.CANNOT_SEE
    if origin.code in answers_first.ASKED_ABOUT:
        return IssueReport.Kind.NOTIFICATIONS if origin.code == "mail_trouble" else IssueReport.Kind.OTHER
    if origin.code:
        signed_out = origin.code in ("not_signed_in", "sign_in_fails")
        return IssueReport.Kind.CANNOT_SIGN_IN if signed_out else IssueReport.Kind.CANNOT_POST
    first = origin.first
    return first.kind if first and first.code not in ("signed_out", "closed", "nothing_found") else ""


# --- Where the reader comes from --------------------------------------------------------------------------------------


def _origin(request: HttpRequest) -> Origin:
    asked = request.GET
    code = _fitting(CODE, asked.get("code", ""))
    refused_id = _fitting(REQUEST, asked.get("request", ""))
    kind = asked.get("kind", "")
    named = browser.described(request.headers.get("User-Agent", ""))
    facts = {
        "last_refusal": ", ".join(filter(None, ["" if code in answers_first.ASKED_ABOUT else code, refused_id])),
        "browser": named,
        "language": _languages(request),
    }
    person = discussion = comment = None
    can_look, asks = True, False
    try:
        person, is_known = _person(request)
        discussion = _discussion(asked.get("discussion", ""))
        comment = _comment(asked.get("comment", ""), person)
        if discussion is None and comment is not None:
            discussion = comment.discussion
        asks = is_known and issues.asks_for_a_sum(person)
        seen = _seen(request, code, named)
        answers = issues.diagnosis(person, discussion, comment, seen=seen)
        if not is_known:
            # Signed in, and who it is cannot be written down: neither is it true that they are signed out.
            answers = answers_first.ordered([one for one in answers if one.code not in ("signed_out", "login_loop")])
        facts |= {
            "article": (discussion.title or discussion.key) if discussion else "",
            "comment": _named(comment, person) if comment else "",
            "account": _standing(person) if is_known else "",
        }
        if not facts["last_refusal"]:
            met = failures.of(person, seen.browser_key, minutes=24 * 60, most=5)
            facts["last_refusal"] = "; ".join(
                ", ".join(filter(None, [when(one.created_at), one.code, one.request_id])) for one in met
            )[: issues.LONGEST_FACT]
    except DatabaseError:
        logger.exception("the issue form could not read anything")
        can_look = False
        answers = [Answer("cannot_look", "stop", _("We can neither read nor save anything at the moment."), main=True)]
    known = {name: facts[name] for name in issues.CONTEXT if facts.get(name)}
    if kind not in IssueReport.Kind.values:
        kind = ""
    found = Origin(person, discussion, comment, code, refused_id, kind, known, answers, asks_for_a_sum=asks)
    return found if can_look else _nothing_saved(found)


def _seen(request: HttpRequest, code: str, named: str) -> Seen:
    asked = {name: request.GET[name] for name in ("discussion", "comment", "code", "request") if request.GET.get(name)}
    back = f"{reverse('comments:issue_new')}?{urlencode(asked | {'after': str(int(time.time()))})}"
    return Seen(
        network_key=http.network_key(request),
        browser_key=http.browser_key(request),
        cookies=_cookies(request),
        signed_in_just_now=_is_recent(request.GET.get("after", ""), SIGNED_IN_SECONDS)
        or failures.signed_in_just_now(request),
        code=code,
        browser=named,
        here=back if len(back) < 1_000 else "",
    )


def _fitting(pattern: str, value: str) -> str:
    return value if re.fullmatch(pattern, value) else ""


def _person(request: HttpRequest) -> tuple[Commenter | None, bool]:
    """Return who asks, and whether that is all there is to know: not for whom no row can be made."""
    try:
        user = getattr(request, "user", None)
        if user is None or not user.is_authenticated:
            return visitor.guest(request), True
    except DatabaseError:
        raise
    except Exception:
        # Sessions kept in a cache that is away: this page is for exactly that day.
        logger.exception("the session could not be read")
        request.user = AnonymousUser()
        return None, True
    found = Commenter.objects.filter(user_id=user.pk).first()
    if found is None:
        try:
            found = Commenter.objects.for_user(user)
        except DatabaseError:
            return None, False
    found.user = user
    return found, True


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
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > MOST_BYTES:
        return None
    try:
        return request.POST
    except (BadRequest, MultiPartParserError, SuspiciousOperation, UnreadablePostError):
        return None


# --- The receipt ------------------------------------------------------------------------------------------------------


def _opened(request: HttpRequest, token: str) -> IssueReport | HttpResponse:
    """Return the report whose link this is, or the page that says that there is none."""
    try:
        return issues.get(token, network_key=http.network_key(request))
    except Refused as refused:
        page = render(
            request,
            "comments/issues/unknown.html",
            _common(request, None) | {"refused": refused},
            status=refused.status,
        )
        return _with_retry(page, refused)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@private
def receipt(request: HttpRequest, token: str) -> HttpResponse:
    """Show a report and what was said about it to whoever knows its address; add to it, solve it, open it again."""
    report = _opened(request, token)
    if isinstance(report, HttpResponse):
        return report
    if request.method != "POST":
        return _receipt(request, report, token)
    given = _posted(request)
    if given is None:
        return _receipt(request, report, token, refused=_too_big())
    try:
        _do(request, report, given)
    except Refused as refused:
        failures.note(request, refused, verb="receipt")
        return _receipt(request, report, token, given.get("text", ""), refused)
    except DatabaseError:
        logger.exception("nothing could be added to issue report %s", report.pk)
        return _receipt(request, report, token, given.get("text", ""), _not_saved())
    return _see(f"{reverse('comments:issue_receipt', args=[token])}#messages")


def _do(request: HttpRequest, report: IssueReport, given: QueryDict) -> None:
    match given.get("do", ""):
        case "solve":
            issues.solve(report)
        case "reopen":
            issues.reopen(report)
        case "email":
            issues.correct_email(report, given.get("email", ""))
        case "forget_email":
            issues.correct_email(report, "")
        case "delete":
            issues.delete(report)
        case "unknown":
            issues.add_message(report, _("I don't know."), network_key=http.network_key(request))
        case _add:
            sent = request.FILES.get("picture")
            picture = pictures.read(sent) if sent else None
            issues.add_message(report, given.get("text", ""), network_key=http.network_key(request), picture=picture)


@require_http_methods(["GET", "HEAD"])
@private
def picture(request: HttpRequest, token: str, pk: int) -> HttpResponse:
    """Hand out a picture of a report to whoever knows the report's address. A file to keep, never a page."""
    report = _opened(request, token)
    if isinstance(report, HttpResponse):
        return report
    found = IssuePicture.objects.filter(message__report=report, pk=pk).first() if pk <= BIGGEST else None
    if found is None:
        refused = Refused("unknown_picture", _("There is no such picture."), status=404)
        return render(
            request, "comments/issues/unknown.html", _common(request, None) | {"refused": refused}, status=404
        )
    return picture_response(found)


def picture_response(kept: IssuePicture) -> HttpResponse:
    """Send a picture so that a browser keeps it as a file and takes it for nothing else."""
    png = kept.content_type == "image/png"
    response = HttpResponse(bytes(kept.content), content_type="image/png" if png else "image/jpeg")
    response["Content-Disposition"] = f'attachment; filename="picture-{kept.pk}.{"png" if png else "jpg"}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Cache-Control"] = "private, no-store"
    return response


def _receipt(
    request: HttpRequest, report: IssueReport, token: str, text: str = "", refused: Refused | None = None
) -> HttpResponse:
    report.refresh_from_db()
    lead, follows = _state(report)
    address = reverse("comments:issue_receipt", args=[token])
    said = [_said(message, address) for message in report.messages.prefetch_related("pictures")]
    is_over = bool(report.emptied_at)
    until = issues.reopens_until(report)
    too_late = report.state == IssueReport.State.CLOSED and until is not None and until < timezone.now()
    typed = " ".join(message["text"] for message in said if message["sender"] == "you")
    context = _common(request, report.discussion) | {
        "report": report,
        "address": address,
        "lead": lead,
        "follows": follows,
        "notices": _notices(request, report),
        "steps": _steps(report),
        "messages_said": said,
        "along": _along(report),
        "mail_to": masked(report.email),
        "mail_fails": issues.email_looks_wrong(report),
        "is_over": is_over,
        "can_add": not (is_over or too_late),
        "is_asked": report.state == IssueReport.State.ANSWERED and _asks(report) and not is_over,
        "can_solve": report.state in (IssueReport.State.OPEN, IssueReport.State.ANSWERED) and not is_over,
        "can_reopen": report.state != IssueReport.State.OPEN and not (is_over or too_late),
        "chips": _chips([], typed) if not is_over else [],
        "text": text,
        "refused": refused,
    }
    response = render(request, "comments/issues/receipt.html", context, status=refused.status if refused else 200)
    return _with_retry(response, refused)


def _notices(request: HttpRequest, report: IssueReport) -> list[str]:
    """Return what else is true: of a picture, of a further report, of what was found meanwhile."""
    said = []
    match request.GET.get("picture", ""):
        case "picture_too_big":
            said.append(_("Your report is saved. The picture was too large, so it is not part of it."))
        case "not_a_picture":
            said.append(_("Your report is saved. The file was not a picture we can read, so it is not part of it."))
    if "counted" in request.GET and report.further_count:
        said.append(
            _(
                "You have sent several reports within a short time. The last one is counted on this report; its words "
                "were not stored. If they say something new, add them below."
            )
        )
    found = _found_meanwhile(report)
    return [*said, found] if found else said


def _found_meanwhile(report: IssueReport) -> str:
    """Return what has become of the reader's own comment since they reported; "" when nothing has."""
    comment = report.comment
    if report.state != IssueReport.State.OPEN or comment is None or comment.author_id != report.reporter_id:
        return ""
    decided = comment.decisions.filter(created_at__gt=report.created_at).order_by("-id").first()
    if decided is None or decided.to_status != comment.status:
        return ""
    facts = {"when": when(decided.created_at)}
    if comment.status == Status.PUBLISHED:
        return _("Meanwhile we can see more: your comment is published since %(when)s. If that settles it, say so.") % (
            facts
        )
    if comment.status == Status.REJECTED:
        return (
            _("Meanwhile an editor has decided about your comment, at %(when)s. The reason stands beside it.") % facts
        )
    return ""


def _state(report: IssueReport) -> tuple[str, str]:
    """Return what is true of ``report``, and what happens next."""
    if report.emptied_at:
        facts = {"when": when(report.emptied_at)}
        return _("What this report said was deleted, %(when)s.") % facts, _(
            "Its number and its times are all that is left."
        )
    until = issues.reopens_until(report)
    match report.state:
        case IssueReport.State.ANSWERED:
            return _answered(report)
        case IssueReport.State.SOLVED:
            return _("Solved. Thank you for saying so."), _("If it comes back, open the report again.")
        case IssueReport.State.CLOSED:
            lead = _("Closed: %(when)s.") % {"when": when(report.closed_at or report.created_at)}
            if until and until < timezone.now():
                return lead, _("It can no longer be opened again. If it is still wrong, send a new report.")
            facts = {"until": when(until) if until else ""}
            return lead, _("If it is still wrong, open the report again, until %(until)s.") % facts
        case _open:
            return _waiting(report)


def _answered(report: IssueReport) -> tuple[str, str]:
    last = _last_answer(report)
    at = report.answered_at or report.created_at
    facts = {"when": when(at), "who": (last.signed_as if last else "") or _("The comments desk")}
    if last is not None and last.asks:
        return _("%(who)s asked you something: %(when)s.") % facts, _("Without an answer we go on with what we have.")
    lead = _("%(who)s answered: %(when)s.") % facts
    days = conf.get().issue_quiet_days
    if not days:
        return lead, _("Please tell us whether it helped.")
    closes = at + timedelta(days=days)
    ends = {"closes": when(closes), "until": when(closes + timedelta(days=conf.get().issue_reopen_days))}
    return lead, _(
        "Please tell us whether it helped. If we hear nothing we close this: %(closes)s. You can still open it again "
        "until %(until)s."
    ) % ends


def _last_answer(report: IssueReport) -> IssueMessage | None:
    return report.messages.filter(sender=IssueMessage.Sender.NEWSROOM).order_by("-id").first()


def _asks(report: IssueReport) -> bool:
    last = _last_answer(report)
    return last is not None and last.asks


def _waiting(report: IssueReport) -> tuple[str, str]:
    # It reads from left to right in every language.
    number = {"number": f"\u2066{report.number}\u2069"}
    since = report.reopened_at or report.created_at
    keep = _("Keep the address of this page: it is your private link, and the answer will stand here.")
    incident = report.incident or (report.group.incident if report.group else None)
    if incident is not None and incident.state in (Incident.State.CONFIRMED, Incident.State.WATCHING):
        facts = {"since": when(incident.started_at)}
        return _("This belongs to a fault we know of since %(since)s.") % facts, _(
            "We write here when it is over; you need do nothing."
        )
    if report.reopened_at:
        facts = {"when": when(report.reopened_at)}
        return _("This report is open again, since %(when)s.") % facts, _("The desk sees everything below.")
    hours = (timezone.now() - since).total_seconds() / 3600
    if hours > 24:
        waited = ngettext("%(hours)d hour", "%(hours)d hours", int(hours)) % {"hours": int(hours)}
        return _("You have waited longer than usual (%(waited)s). It is not forgotten; the desk is behind.") % {
            "waited": waited
        }, keep
    others = IssueReport.objects.filter(group=report.group).exclude(pk=report.pk) if report.group_id else None
    if others is not None and (count := others.count()):
        first = others.order_by("created_at").values_list("created_at", flat=True).first() or since
        lead = ngettext(
            "%(count)d other has reported the same since %(since)s.",
            "%(count)d others have reported the same since %(since)s.",
            count,
        ) % {"count": count, "since": when(min(first, report.created_at))}
        return lead, f"{_('One answer goes to all of you.')} {keep}"
    usual = _usual_answer()
    expected = _("Reports at this hour usually get an answer in %(range)s.") % {"range": usual} if usual else ""
    lead = _("We have your report %(number)s. It is saved, and a person reads it.") % number
    return lead, " ".join(filter(None, [expected, keep]))


def _usual_answer() -> str:
    """Return how long reports wait for an answer at this hour, by the last 28 days; "" with fewer than twenty."""
    now = timezone.now()
    answered = IssueReport.objects.filter(created_at__gt=now - timedelta(days=28), answered_at__isnull=False)
    times = answered.order_by("-created_at").values_list("created_at", "answered_at")[:1_000]
    near = [
        (end - start).total_seconds() / 60
        for start, end in times
        if end and min((start.hour - now.hour) % 24, (now.hour - start.hour) % 24) <= 1
    ]
    if len(near) < ENOUGH:
        return ""
    low, _middle, high = quantiles(near, n=4)
    return span_of_time(low, high)


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


def _said(message: IssueMessage, address: str) -> dict[str, Any]:
    names = {
        IssueMessage.Sender.READER: _("You"),
        IssueMessage.Sender.NEWSROOM: message.signed_as or _("The comments desk"),
        IssueMessage.Sender.SYSTEM: _("The system"),
    }
    return {
        "sender": message.sender,
        "name": names[IssueMessage.Sender(message.sender)],
        "at": message.created_at.isoformat(timespec="seconds"),
        "when": when(message.created_at),
        "text": message.text,
        "pictures": [
            {"url": f"{address}pictures/{one.pk}/", "width": one.width, "height": one.height}
            for one in message.pictures.all()
        ],
    }


def _along(report: IssueReport) -> list[tuple[Any, str]]:
    context = report.context if isinstance(report.context, dict) else {}
    sent = [(label, str(context[name])) for name, label in issues.CONTEXT.items() if context.get(name)]
    return [(_("What happened"), str(report.get_kind_display())), *sent]


# --- Both -------------------------------------------------------------------------------------------------------------


def _common(request: HttpRequest, discussion: Discussion | None) -> dict[str, Any]:
    is_framed = _is_framed(request)
    return {
        # A site's own pages are found by this name; one that has none gets a plain page, and so does a frame.
        "site": select_template(["comments/base.html"] if is_framed else ["base.html", "comments/base.html"]),
        # Out of a frame, links lead to a window of their own, where signing in works and an address can be kept.
        "is_framed": is_framed,
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
