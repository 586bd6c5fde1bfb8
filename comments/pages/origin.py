"""
Who sent a form: one of our own pages, or somebody else's.

The public part of a page is the same bytes for everyone, so a form in it can carry no token; and a token grows old when
its reader signs in again, with the text still in the box. A browser says itself, in headers no script can set, that a
request comes from a page of the same origin; what does not say so needs Django's token.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.views.decorators.csrf import csrf_exempt

from comments.issues import failures

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def is_our_own(request: HttpRequest) -> bool:
    """Say whether a browser vouches that ``request`` comes from a page of this very origin."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    return request.headers.get("Origin") == f"{request.scheme}://{request.get_host()}"


def ours(otherwise: Callable[..., HttpResponseBase] | None = None) -> Callable[[View], View]:
    """
    Let a POST through when a browser vouches for it or it carries Django's token.

    Another one gets ``otherwise``, which changes nothing and asks again with a token; without it, the site's page for a
    form that expired.
    """

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            refusal = None if request.method != "POST" or is_our_own(request) else _without_token(request)
            if refusal is None:
                return view(request, *args, **kwargs)
            failures.note(request, "stale_form", status=403)
            return otherwise(request, *args, **kwargs) if otherwise else refusal

        return cast(View, checked)

    return decorate


def _without_token(request: HttpRequest) -> HttpResponseBase | None:
    check = CsrfViewMiddleware(_nothing)
    check.process_request(request)
    return check.process_view(request, _nothing, (), {})


def _nothing(_request: HttpRequest) -> HttpResponse:
    return HttpResponse()
