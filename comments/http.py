"""Who is asking: the request's id, address and network, read once and never from a header a stranger can set."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Protocol

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from comments import conf

_current: ContextVar[str] = ContextVar("comments_request_id", default="")
_answering: ContextVar[HttpRequest | None] = ContextVar("comments_request", default=None)
_acceptable = re.compile(r"[A-Za-z0-9-]{8,36}")


def request_id() -> str:
    """Return the id of the request being answered, or "" outside one."""
    return _current.get()


def signed_in_user() -> Any:
    """Return who sent the request being answered: for records of what Django's own pages do. ``None``: nobody known."""
    user = getattr(_answering.get(), "user", None)
    return user if user is not None and user.is_authenticated else None


class RequestIdMiddleware:
    """Give every request an id, taken from ``X-Request-ID`` when a proxy set a plain one, and return it."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        value = given if _acceptable.fullmatch(given) else uuid.uuid4().hex
        token, asked = _current.set(value), _answering.set(request)
        try:
            response = self.get_response(request)
        finally:
            _current.reset(token)
            _answering.reset(asked)
        response["X-Request-ID"] = value
        return response


def address(request: HttpRequest) -> str:
    """Return the client's address, counting ``TRUSTED_PROXIES`` hops from the right of ``X-Forwarded-For``."""
    hops = conf.get().trusted_proxies
    if hops:
        forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
        if len(forwarded) >= hops:
            return str(forwarded[-hops])
    return str(request.META.get("REMOTE_ADDR", ""))


def network_key(request: HttpRequest) -> str:
    """
    Return a keyed hash, 32 hex characters, of the client's network: /24 for IPv4, /64 for IPv6.

    The address itself is stored nowhere.
    """
    try:
        parsed = ipaddress.ip_address(address(request).split("%")[0])
    except ValueError:
        network = "unknown"
    else:
        mapped = getattr(parsed, "ipv4_mapped", None)
        if mapped is not None:
            parsed = mapped
        network = str(ipaddress.ip_network(f"{parsed}/{24 if parsed.version == 4 else 64}", strict=False))
    return hmac.new(settings.SECRET_KEY.encode(), f"network:{network}".encode(), hashlib.sha256).hexdigest()[:32]


BROWSER_COOKIE = "comments_browser"
BROWSER_SECONDS = 48 * 3600
_browser = re.compile(r"([0-9a-f]{32})([0-9a-f]{32})")


def browser_key(request: HttpRequest) -> str:
    """
    Return a keyed hash, 32 hex characters, of the cookie that tells one browser from another; "" without one.

    The cookie is set by the pages for reports and by posting, lives for two days and says nothing about anyone. It is
    signed: whoever makes one up has none.
    """
    found = _browser.fullmatch(request.COOKIES.get(BROWSER_COOKIE, ""))
    if found is None or not hmac.compare_digest(found.group(2), _browser_signature(found.group(1))):
        return ""
    return _browser_key(found.group(1))


def know_browser(request: HttpRequest, response: HttpResponse) -> str:
    """
    Give a browser that has none a cookie, to be told from others for two days; return its key.

    Never on a public page.
    """
    if known := browser_key(request):
        return known
    value = secrets.token_hex(16)
    response.set_cookie(
        BROWSER_COOKIE,
        value + _browser_signature(value),
        max_age=BROWSER_SECONDS,
        path="/",
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )
    return _browser_key(value)


def _browser_key(value: str) -> str:
    return hmac.new(settings.SECRET_KEY.encode(), f"browser:{value}".encode(), hashlib.sha256).hexdigest()[:32]


def _browser_signature(value: str) -> str:
    return hmac.new(settings.SECRET_KEY.encode(), f"cookie:{value}".encode(), hashlib.sha256).hexdigest()[:32]


class PublicBytes(Protocol):
    """A body that is the same for everyone, ready to be sent."""

    name: tuple[Any, ...]
    body: bytes
    etag: str

    @property
    def gzipped(self) -> bytes: ...


def public_response(request: HttpRequest, page: PublicBytes, content_type: str) -> HttpResponse:
    """Send ``page`` to anyone and any cache between: 304 when the client has it, compressed ahead of time."""
    if page.name:
        request.META["comments.kept"] = page.name
    if page.etag in request.META.get("HTTP_IF_NONE_MATCH", ""):
        response = HttpResponse(status=304)
        del response["Content-Type"]
    else:
        zipped = "gzip" in request.META.get("HTTP_ACCEPT_ENCODING", "")
        response = HttpResponse(page.gzipped if zipped else page.body, content_type=content_type)
        if zipped:
            response["Content-Encoding"] = "gzip"
        response["Content-Length"] = str(len(response.content))
    response["ETag"] = page.etag
    response["Cache-Control"] = "public, max-age=0, s-maxage=2, stale-while-revalidate=10"
    response["Vary"] = "Accept-Encoding"
    return response
