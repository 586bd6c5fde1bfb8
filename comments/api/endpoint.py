"""What every address of the API has in common, whatever the project's own settings for REST framework say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.openapi import AutoSchema
from rest_framework import exceptions, negotiation, renderers
from rest_framework.request import Request
from rest_framework.views import APIView

from comments import access
from comments.api import problems
from comments.api.authentication import GuestAuthentication, SessionAuthentication, TokenAuthentication, require_scope
from comments.api.bodies import JSONObject
from comments.exceptions import Refused
from comments.models import Commenter

READING = ("GET", "HEAD")
WITH_BODY = ("POST", "PUT", "PATCH")
LONGEST_KEY = 200


class AlwaysJSON(negotiation.BaseContentNegotiation):
    """Answer in JSON, whatever ``Accept`` says: there is nothing else to choose."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        kind = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == kind), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class Endpoint(APIView):
    """
    One address. JSON in, JSON out, every error a problem document, nothing kept by any cache.

    ``scope`` is what a token needs for each method; without an entry it is ``read`` for reading, else ``write``. "" is
    none: any token will do.
    """

    authentication_classes = (TokenAuthentication, GuestAuthentication, SessionAuthentication)
    renderer_classes = (renderers.JSONRenderer,)
    parser_classes = (JSONObject,)
    permission_classes = ()
    throttle_classes = ()
    content_negotiation_class = AlwaysJSON
    metadata_class = None
    versioning_class = None
    schema = AutoSchema()
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    scope: ClassVar[Mapping[str, str]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        method = (request.method or "").upper()
        if not hasattr(self, method.lower()) or method.lower() not in self.http_method_names:
            raise exceptions.MethodNotAllowed(method)
        self.format_kwarg = None
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        if method in WITH_BODY and self.get_content_negotiator().select_parser(request, self.get_parsers()) is None:
            raise exceptions.UnsupportedMediaType(request.content_type)
        self.perform_authentication(request)
        if needed := self.scope.get(method, "read" if method in READING else "write"):
            require_scope(request.auth, needed)

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        return problems.answer(exc, getattr(self.request, "_request", self.request))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response


class Public(Endpoint):
    """
    An address whose ``get`` is the same bytes for everyone.

    Reading goes around REST framework: no session, token or cookie is looked at, and no query is made for them.
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method not in READING:
            return super().dispatch(request, *args, **kwargs)
        try:
            response: HttpResponseBase = self.get(request, *args, **kwargs)  # type: ignore[attr-defined]
        except Exception as error:
            response = problems.answer(error, request)
        return response


class Moderating(Endpoint):
    """
    An address of the desk; a token needs the scope ``moderate``.

    ``permission`` is the desk's that its person needs, ``reading`` the one for looking only, where that is another.
    ``moderate`` is whoever decides in some section; ``see_desk`` whoever decides or looks. Without one, the view asks.
    """

    scope: ClassVar[Mapping[str, str]] = dict.fromkeys((*READING, *WITH_BODY, "DELETE"), "moderate")
    permission: ClassVar[str] = "moderate"
    reading: ClassVar[str] = ""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        access.require_signed_in(request.user)
        needed = (self.reading if request.method in READING else "") or self.permission
        if needed == "moderate":
            access.require_moderator(request.user)
        elif needed == "see_desk":
            access.require_viewer(request.user)
        elif needed:
            access.require(request.user, needed)


class Governing(Moderating):
    """An address for those who change how comments are judged."""

    permission = "change_policy"


def person(request: Request) -> Commenter | None:
    """Return who is calling, or ``None`` for someone who is not signed in. At most one query, none with a token."""
    if isinstance(request.auth, Commenter):
        return request.auth
    user: Any = request.user
    if user is None or not user.is_authenticated:
        return None
    try:
        found: Commenter = user.commenter
    except ObjectDoesNotExist:
        found = Commenter.objects.for_user(user)
    return found


def author(request: Request) -> Commenter:
    """Return who is calling, a guest too; raise ``Refused`` (401) for somebody unknown."""
    return person(request) or signed_in(request)


def signed_in(request: Request) -> Commenter:
    """Return who is calling; raise ``Refused`` (401) for someone who is not signed in."""
    access.require_signed_in(request.user)
    found = person(request)
    assert found is not None  # noqa: S101
    return found


def named(key: str) -> str:
    """Return ``key`` if a discussion can have that name; raise ``Refused`` (404) if none can."""
    if not key or len(key) > LONGEST_KEY or "\x00" in key:
        raise Refused("unknown_discussion", _("There is no discussion here."), status=404)
    return key


def limit_asked(request: HttpRequest) -> int | None:
    """Return ``limit`` from the query; raise ``Refused`` for anything but a whole number above 0."""
    given = request.GET.get("limit", "")
    if not given:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) < 10 and int(given)):
        raise Refused("bad_limit", _("“limit” has to be a whole number above 0."))
    return int(given)


def moment(at: Any) -> str | None:
    return at.isoformat() if at else None


def dumped(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode()


def answer(data: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(dumped(data), status=status, content_type="application/json")
