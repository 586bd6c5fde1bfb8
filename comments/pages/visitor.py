"""Who is looking: a reader with an account, a guest by the secret in their browser, or anybody."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from comments import access, guests, http, ratelimit
from comments.exceptions import Refused
from comments.models import Commenter, Discussion

COOKIE = "comments_guest"
KEPT_SECONDS = 400 * 24 * 3600
"""As long as browsers keep a cookie at most."""


def has_session(request: HttpRequest) -> bool:
    """Say whether the visitor brings a session. Who brings neither one nor a secret gets what everyone gets."""
    return settings.SESSION_COOKIE_NAME in request.COOKIES


def reader(request: HttpRequest) -> Commenter | None:
    """Return who is signed in."""
    if not (has_session(request) and request.user.is_authenticated):
        return None
    return Commenter.objects.for_user(request.user)


def guest(request: HttpRequest) -> Commenter | None:
    """Return the guest whose secret this browser keeps. No query without a secret."""
    return guests.known(secret_of(request))


def person(request: HttpRequest) -> Commenter | None:
    """Return who is looking, as somebody who has written here or may: signed in, else a guest."""
    return reader(request) or guest(request)


def require_person(request: HttpRequest) -> Commenter:
    """Return who is looking; raise ``Refused`` (401) for somebody unknown."""
    found = person(request)
    if found is None:
        access.require_signed_in(request.user)
        found = Commenter.objects.for_user(request.user)
    return found


def secret_of(request: HttpRequest) -> str:
    return request.COOKIES.get(COOKIE, "")


def remember(request: HttpRequest, response: HttpResponse, secret: str) -> None:
    """Let the browser keep ``secret``, out of reach of scripts and of other sites."""
    response.set_cookie(
        COOKIE, secret, max_age=KEPT_SECONDS, httponly=True, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
    )


def forget(response: HttpResponse) -> None:
    response.delete_cookie(COOKIE, samesite="Lax")


# --- What somebody typed who has to sign in first ---------------------------------------------------------------------

TYPED = "comments_typed"


def keep_typed(request: HttpRequest, discussion: Discussion) -> None:
    """
    Keep what was typed in the visitor's session, so that it is in the box when they have signed in. The latest only.

    Limited by network, since it is written for people nobody knows: the text also stays on the page, and with a script
    in the browser.
    """
    typed = request.POST.get("text", "")
    if not typed.strip() or len(typed) > 10_000 or not hasattr(request, "session"):
        return
    try:
        ratelimit.require_not_too_many("typed", http.network_key(request), limit=30, seconds=60)
    except Refused:
        return
    request.session[TYPED] = {
        "key": discussion.key,
        "text": typed,
        "parent": request.POST.get("parent", "")[:20],
        "attempt": request.POST.get("key", "")[:255],
    }


def typed(request: HttpRequest, discussion: Discussion) -> dict[str, Any]:
    """Return ``text``, ``parent`` and ``attempt`` as they were before the visitor signed in; or nothing."""
    kept = request.session.get(TYPED) if has_session(request) and hasattr(request, "session") else None
    return kept if kept and kept["key"] == discussion.key else {}


def forget_typed(request: HttpRequest) -> None:
    if has_session(request) and TYPED in request.session:
        del request.session[TYPED]


def require_account(request: HttpRequest) -> Commenter:
    """Return who is signed in; raise ``Refused`` (401) for guests too."""
    access.require_signed_in(request.user)
    return Commenter.objects.for_user(request.user)
