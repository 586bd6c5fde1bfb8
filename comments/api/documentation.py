"""The API described for programs (OpenAPI) and for people (Swagger UI, from our own server)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import include, path, reverse
from django.utils.translation import get_language
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.request import Request

from comments import threads
from comments.api.endpoint import AlwaysJSON, Public
from comments.http import public_response

# Swagger UI places its parts with style attributes, and its page has a style element.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


@lru_cache(maxsize=16)
def _document(prefix: str, language: str | None) -> threads.Kept:
    """Return the OpenAPI document, made once for each language."""
    generator = SchemaGenerator(patterns=[path(prefix, include("comments.api.urls"))])  # type: ignore[no-untyped-call]
    described = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return threads.ready(OpenApiJsonRenderer().render(described, renderer_context={}))


class SchemaView(Public):
    schema = None  # type: ignore[assignment]  # how REST framework is told to leave it out

    def get(self, request: HttpRequest) -> HttpResponse:
        prefix = reverse("comments_api:schema").removesuffix("schema/").lstrip("/")
        return public_response(request, _document(prefix, get_language()), OpenApiJsonRenderer.media_type)


class DocsView(SpectacularSwaggerSplitView):
    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    content_negotiation_class = AlwaysJSON
    versioning_class = None
    schema = None
    url_name = "comments_api:schema"

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        return super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Content-Security-Policy"] = POLICY
        # The script holds a CSRF token: no other site may load it.
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        response["Cache-Control"] = "private, no-store"
        return response
