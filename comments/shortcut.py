"""
The shortest way to a page that is the same for everyone: from memory to the socket, before Django is asked.

Wrap the site's WSGI application: ``application = Shortcut(get_wsgi_application())``. The first answer to an address
goes through Django and its middleware as ever; while the process knows for certain that it is still right (half a
second at a time), the same bytes with the same headers go out again without them. Nothing personal can take this way:
only answers of :func:`comments.http.public_response` are remembered, and none that sets a cookie.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

from comments import threads

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

ASKED = (
    "wsgi.url_scheme",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_HOST",
    "SCRIPT_NAME",
    "PATH_INFO",
    "QUERY_STRING",
    "HTTP_ACCEPT_LANGUAGE",
)
"""Everything the site may look at before it comes to a public page."""

OF_ONE_ANSWER = {"etag", "content-length", "content-encoding", "x-request-id", "date"}


class Shortcut:
    """A WSGI application before another one. Safe in threads; remembers at most ``most`` addresses."""

    def __init__(self, application: Application, *, most: int = 5_000) -> None:
        self.application = application
        self.most = most
        self._known: dict[tuple[str, ...], tuple[tuple[Any, ...], list[tuple[str, str]]]] = {}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "GET" or settings.LANGUAGE_COOKIE_NAME in environ.get("HTTP_COOKIE", ""):
            return self.application(environ, start_response)
        asked = tuple([environ.get(name, "") for name in ASKED])
        known = self._known.get(asked)
        if known is not None:
            kept = threads.pages.certain(known[0])
            if kept is not None:
                return _send(kept, known[1], environ, start_response)
        return self._ask(asked, environ, start_response)

    def _ask(self, asked: tuple[str, ...], environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        said: list[Any] = []

        def started(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            said[:] = [status, headers]
            return start_response(status, headers, *more)

        body = self.application(environ, started)
        name = environ.get(threads.KEPT)
        if name is not None and said and said[0].startswith("200"):
            headers = [(header, value) for header, value in said[1] if header.lower() not in OF_ONE_ANSWER]
            if not any(header.lower() == "set-cookie" for header, _value in headers):
                if len(self._known) >= self.most:
                    self._known.clear()
                self._known[asked] = (name, headers)
        return body


def _send(
    kept: threads.Kept, headers: list[tuple[str, str]], environ: Environ, start_response: StartResponse
) -> list[bytes]:
    own = [("ETag", kept.etag), ("X-Request-ID", uuid.uuid4().hex)]
    if kept.etag in environ.get("HTTP_IF_NONE_MATCH", ""):
        start_response("304 Not Modified", [h for h in headers if h[0].lower() != "content-type"] + own)
        return []
    body = kept.body
    if "gzip" in environ.get("HTTP_ACCEPT_ENCODING", ""):
        body = kept.gzipped
        own.append(("Content-Encoding", "gzip"))
    own.append(("Content-Length", str(len(body))))
    start_response("200 OK", headers + own)
    return [body]
