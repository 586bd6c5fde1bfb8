"""Signing in by the publisher's signed token, and out again. No cookie has a part in it."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from comments import access, sso
from comments.api import described
from comments.api.authentication import TokenAuthentication
from comments.api.bodies import read
from comments.api.described import BY_WHAT_IS_SENT, call
from comments.api.endpoint import Endpoint, answer, moment
from comments.api.forms import SessionForm
from comments.http import network_key
from comments.models import Token


class SessionsView(Endpoint):
    scope = {"DELETE": ""}

    def get_authenticators(self) -> list[BaseAuthentication]:
        # Who signs in is nobody yet, whatever cookie or old token their program still sends along.
        # There is no request yet while the document of the API is made.
        return [TokenAuthentication()] if getattr(self.request, "method", "") == "DELETE" else []

    @call(
        "sign_in",
        "me",
        "Sign a reader in by the token that the publisher signed for them; good once, for 5 minutes at most",
        {201: described.SessionSerializer},
        request=SessionForm,
        refusals=[400, 403, 404, 409, 413, 415, 429],
        auth=BY_WHAT_IS_SENT,
    )
    def post(self, request: Request) -> HttpResponse:
        said = read(request, SessionForm)
        made = sso.open_session(said["sso"], network_key=network_key(request))
        person = made.person
        return answer(
            {
                "token": made.token,
                "expires_at": moment(made.expires_at),
                "scopes": list(sso.SCOPES),
                "person": {"id": person.pk, "name": person.name, "badges": [person.badge] if person.badge else []},
            },
            201,
        )

    @call(
        "sign_out",
        "me",
        "Sign out: the token that this is called with opens nothing any more, whatever its scopes",
        {204: OpenApiResponse(description="It is revoked.")},
        refusals=[401],
        auth=[{"token": []}],
    )
    def delete(self, request: Request) -> HttpResponse:
        access.require_signed_in(request.user)
        token: Any = request.auth
        assert isinstance(token, Token)  # noqa: S101
        sso.close_session(token)
        return HttpResponse(status=204)
