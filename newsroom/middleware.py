"""Headers every response carries."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware


class SecurityHeadersMiddleware:
    """Send the Content-Security-Policy: the wall behind both sanitizers. One way for Django 5.2 and 6.1."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", settings.CONTENT_SECURITY_POLICY)
        return response


class LanguageMiddleware(LocaleMiddleware):
    """Speak the language that a reader chose, else the one their browser prefers; a choice keeps the page private."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response = super().process_response(request, response)
        if settings.LANGUAGE_COOKIE_NAME in request.COOKIES and "public" in response.headers.get("Cache-Control", ""):
            response.headers["Cache-Control"] = "private, max-age=0"
        return response
