"""Who is calling: a person in a browser by their session, or a program by a token that stands for a person."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from comments import guests
from comments.exceptions import Refused
from comments.models import Commenter, Token
from comments.models.integrations import digest


class TokenAuthentication(authentication.BaseAuthentication):
    """``Authorization: Bearer nc_…``. One query finds the token, its user and the person they comment as."""

    def authenticate(self, request: Request) -> tuple[Any, Token] | None:
        scheme, _space, given = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = Token.objects.select_related("user__commenter").filter(digest=digest(given.strip())).first()
        if (
            token is None
            or token.revoked_at is not None
            or token.expires_at <= timezone.now()
            or not token.user.is_active
        ):
            raise Refused("bad_token", _("This token is unknown, expired or revoked. Ask for a new one."), status=401)
        return token.user, token


class GuestAuthentication(authentication.BaseAuthentication):
    """``Authorization: Guest …``, with the secret that came with a guest's first comment. No cookie is looked at."""

    def authenticate(self, request: Request) -> tuple[Any, Commenter] | None:
        scheme, _space, given = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "guest":
            return None
        found = guests.known(given.strip())
        if found is None:
            raise Refused(
                "bad_guest", _("Nobody is known by this secret. Post without it, as somebody new."), status=401
            )
        return AnonymousUser(), found


class SessionAuthentication(authentication.SessionAuthentication):
    """The session of a browser, with the CSRF token in ``X-CSRFToken`` on everything but reading."""

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied:
            raise Refused(
                "csrf_failed", _("This page is too old to send that. Load it again, then send it."), status=403
            ) from None


def require_scope(token: Any, scope: str) -> None:
    """Raise ``Refused`` when the call came with a token that was not made for ``scope``. A session has them all."""
    if isinstance(token, Token) and scope not in token.scopes:
        raise Refused(
            "scope_missing",
            _("This token was made without the scope “%(scope)s”.") % {"scope": scope},
            status=403,
            scope=scope,
        )


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        described = "From `POST sessions/`, or `manage.py token USER --scope write`."
        return {"type": "http", "scheme": "bearer", "description": described}


class GuestScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = GuestAuthentication
    name = "guest"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        described = "`Guest` and the secret that came with a guest's first comment: for their own comments only."
        return {"type": "http", "scheme": "guest", "description": described}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = SessionAuthentication
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "A signed-in browser; writing also needs the CSRF token in `X-CSRFToken`.",
        }
