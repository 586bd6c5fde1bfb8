"""
Signing in at the publisher's, and back: the door of :mod:`comments.sso` for browsers.

The way begins here, with a number that only this browser's session and the publisher's token have. A token that comes
with another one, or to a browser that asked for none, signs nobody in: else a link could sign its reader in as somebody
else, who then reads along.
"""

from __future__ import annotations

import secrets
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from comments import conf, http, sso
from comments.exceptions import Refused
from comments.issues import failures
from comments.models import Commenter
from comments.pages import own, shown
from comments.pages.views import PRIVATE, answers_refusals, private_page

ASKED = "comments_sso"
"""In the session: where each way that was begun leads back to, by its number."""

LONGEST = 2_000
"""Characters of an address that is kept."""

MOST_WAYS = 5
"""Windows in which one browser may be signing in at a time; the oldest is forgotten."""


@require_safe
@answers_refusals
def begin(request: HttpRequest) -> HttpResponse:
    """Send the reader to the publisher, with a number to bring back; who is signed in goes on at once."""
    back = _ours(request, request.GET.get("next", ""))
    sso.require_on()
    if not sso.starts_here():
        raise Refused("sso_off", _("Nobody is signed in from another site here."), status=404)
    if request.user.is_authenticated:
        return _go(back)
    nonce = secrets.token_urlsafe(24)
    ways = dict(request.session.get(ASKED, {}))
    request.session[ASKED] = dict([*ways.items(), (nonce, back)][-MOST_WAYS:])
    return_to = request.build_absolute_uri(reverse("comments:sso_return"))
    asked = urlencode({"nonce": nonce, "return_to": return_to})
    return _go(shown.with_query(conf.get().sso_login_url, asked))


@require_safe
def come_back(request: HttpRequest) -> HttpResponse:
    """Sign in whom the publisher's token names, and go on to where they came from."""
    back = "/"
    try:
        claims = sso.read(request.GET.get("sso", ""), network_key=http.network_key(request))
        back = _way(request, claims.nonce)
        _sign_in(request, sso.sign_in(claims))
    except Refused as refused:
        return _refused(request, refused, back)
    return _go(back)


def _way(request: HttpRequest, nonce: str) -> str:
    """Return where the way with this number leads back to, once. Raise ``Refused`` (403) for one not begun here."""
    ways = dict(request.session.get(ASKED, {}))
    back = ways.pop(nonce, None) if nonce else None
    if back is None:
        said = _("This sign-in was not begun in this browser, or too long ago. Sign in again.")
        raise Refused("sso_not_asked", said, status=403)
    request.session[ASKED] = ways
    return str(back)


def _sign_in(request: HttpRequest, person: Commenter) -> None:
    """Begin a session, under a new key and without what another person's had in it."""
    login(request, person.user, backend=settings.AUTHENTICATION_BACKENDS[0])
    request.session.pop(ASKED, None)
    request.session.set_expiry(conf.get().sso_session_days * 86_400)


def _ours(request: HttpRequest, address: str) -> str:
    """Return ``address`` if it is a page of this very site, else the front page."""
    allowed = url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return address if allowed and len(address) <= LONGEST else "/"


def _go(address: str) -> HttpResponse:
    response = HttpResponseRedirect(address)
    response["Cache-Control"] = PRIVATE
    return response


def _refused(request: HttpRequest, refused: Refused, back: str) -> HttpResponse:
    failures.note(request, refused, verb="sign_in")
    notice = own.refusal(refused)
    if refused.code not in ("sso_off", "sso_staff", "sso_switched_off"):
        notice["sign_in"] = shown.with_query(sso.login_url(), urlencode({"next": back}))
    response = private_page(request, "comments/error.html", shown.context(n=notice), status=refused.status)
    if "retry_after" in refused.params:
        response["Retry-After"] = str(refused.params["retry_after"])
    return response
