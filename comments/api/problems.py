"""
Whatever goes wrong, as one kind of document: ``application/problem+json`` (RFC 9457).

``code`` is the same slug as in Python, ``detail`` a sentence for a person, and facts such as ``retry_after`` stand
beside them. Nothing from inside an unexpected error gets out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.log import log_response
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.views import set_rollback

from comments.exceptions import CommentChanged, Refused
from comments.http import request_id
from comments.issues import failures

CONTENT_TYPE = "application/problem+json"
UNAVAILABLE_SECONDS = 5


def document(status: int, code: str, detail: str, facts: dict[str, Any] | None = None) -> HttpResponse:
    """Return a problem as a response that nobody keeps, with the headers its ``status`` and ``facts`` call for."""
    said = {
        **(facts or {}),
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id(),
        "help": help_url(code),
    }
    # In ASCII: a problem may name what was sent, and half a character cannot be written in UTF-8.
    response = HttpResponse(json.dumps(said), status=status, content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-store"
    if status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="comments"' + (
            ', error="invalid_token"' if code == "bad_token" else ""
        )
    if code == "scope_missing":
        response["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{said["scope"]}"'
    if "retry_after" in said:
        response["Retry-After"] = str(said["retry_after"])
    return response


def help_url(code: str) -> str:
    """Return the page where a reader reports this very problem; "" where a site serves no pages."""
    try:
        return f"{reverse('comments:issue_new')}?{urlencode({'code': code, 'request': request_id()})}"
    except NoReverseMatch:
        return ""


def answer(error: Exception, request: HttpRequest) -> HttpResponse:
    """Return the problem that ``error`` is; log it, tell whoever listens and roll back if it was not foreseen."""
    set_rollback()
    match error:
        case CommentChanged():
            now = error.comment
            state = {"id": now.pk, "version": now.version, "status": now.status}
            return document(error.status, error.code, error.detail, {"comment": state})
        case Refused():
            failures.note(request, error)
            return document(error.status, error.code, error.detail, error.params)
        case exceptions.ValidationError():
            errors: dict[str, list[str]] = {}
            for name, sentence in _sentences(error.detail):
                errors.setdefault(name, []).append(sentence)
            return document(
                400, "invalid", _("Look again at: %(fields)s.") % {"fields": ", ".join(errors)}, {"errors": errors}
            )
        case exceptions.MethodNotAllowed():
            return document(405, "method_not_allowed", str(error.detail))
        case exceptions.UnsupportedMediaType():
            return document(415, "unsupported_media_type", _("Send JSON: Content-Type: application/json."))
        case exceptions.APIException():
            return document(error.status_code, str(error.default_code), str(error.detail))
        case Http404():
            return nothing_here()
        case PermissionDenied():
            return document(403, "forbidden", _("You may not do this."))
        case SuspiciousOperation() | BadRequest():
            return document(400, "malformed", _("This request cannot be read."))
        case OperationalError() | InterfaceError():
            response = document(
                503,
                "unavailable",
                _("Comments are away for a moment. Please try again."),
                {"retry_after": UNAVAILABLE_SECONDS},
            )
        case _:
            response = document(500, "internal_error", _("Something went wrong on our side. It has been written down."))
    got_request_exception.send(sender=None, request=request)
    log_response("%s: %s", response.reason_phrase, request.path, response=response, request=request, exception=error)
    return response


def nothing_here() -> HttpResponse:
    return document(404, "not_found", _("There is nothing at this address. Addresses of the API end with a slash."))


def _sentences(detail: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Give each sentence of a validation error with the field it is about: ``context.browser`` for one inside."""
    if isinstance(detail, dict):
        for key, inner in detail.items():
            yield from _sentences(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(detail, list | tuple):
        for inner in detail:
            yield from _sentences(inner, name)
    else:
        yield name, str(detail)
