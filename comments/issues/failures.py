"""
The failure log: what was refused and what broke, written down by the doors for three days.

It is there for two people: the reader who asks what happened, and the editor who reads their report. It holds codes,
never words. Nothing here may fail or hold up a request: a row is written after the answer has gone out, once, and
whatever goes wrong with that is logged and forgotten.
"""

from __future__ import annotations

import hashlib
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import PurePath
from types import TracebackType
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.signals import got_request_exception
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import LazyObject

from comments import conf, http
from comments.breaker import Breaker
from comments.exceptions import Refused
from comments.models import Commenter, Discussion, Failure

logger = logging.getLogger(__name__)

MOST_OF_ONE = 6
"""Rows a minute that one reader can cause."""
MOST = 300
"""Rows a minute that one process writes."""
SERVER_ERRORS = frozenset({"server_error", "internal_error", "unavailable"})
SIGN_IN_SECONDS = 600
SIGNED_IN_COOKIE = "comments_signed_in"

_breaker = Breaker(failures=2, seconds=30)


class Quota:
    """So many a minute for each, and so many altogether, in this process."""

    def __init__(self, of_one: int, of_all: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.of_one, self.of_all, self.clock = of_one, of_all, clock
        self._lock = threading.Lock()
        self._minute = 0
        self._counts: dict[str, int] = {}
        self._all = 0

    def allows(self, who: str) -> bool:
        """Count one by ``who``, and say whether that is still within bounds."""
        with self._lock:
            minute = int(self.clock() // 60)
            if minute != self._minute:
                self._minute, self._all, self._counts = minute, 0, {}
            if self._all >= self.of_all or self._counts.get(who, 0) >= self.of_one:
                return False
            self._all += 1
            self._counts[who] = self._counts.get(who, 0) + 1
            return True


quota = Quota(MOST_OF_ONE, MOST)


@dataclass(frozen=True, slots=True)
class Met:
    """One refusal or failure, before it is a row."""

    door: str
    verb: str
    code: str
    status: int
    error: str = ""
    request_id: str = ""
    key: str = ""
    """Of the discussion, as the request named it."""
    user: Any = None
    browser_key: str = ""
    network_key: str = ""


# --- What the doors call ----------------------------------------------------------------------------------------------


def note(request: HttpRequest, refused: Refused | str, *, status: int = 0, error: str = "", verb: str = "") -> None:
    """Remember that ``request`` is being refused, or has failed. The row is written once the answer is out."""
    try:
        code = refused.code if isinstance(refused, Refused) else refused
        status = status or (refused.status if isinstance(refused, Refused) else 0)
        noted = _noted(request)
        if status == 404 or any(met.code == code for met in noted):
            # That there is nothing at an address is nothing that failed for a reader who comments.
            return
        noted.append(_met(request, code, status, error, verb))
    except Exception:
        logger.exception("a failure could not be noted")


def _noted(request: HttpRequest) -> list[Met]:
    found: list[Met] | None = request.META.get("comments.failures")
    if found is None:
        found = request.META["comments.failures"] = []
    return found


def _met(request: HttpRequest, code: str, status: int, error: str, verb: str) -> Met:
    match = getattr(request, "resolver_match", None)
    space = match.namespace if match else ""
    door = {"comments_api": Failure.Door.API}.get(space, Failure.Door.PAGE)
    if verb == "sign_in":
        door = Failure.Door.SIGN_IN
    named = (match.url_name or "") if match else ""
    key = (match.kwargs.get("key", "") if match else "") or ""
    if not key and request.method == "POST" and request.content_type in FORMS and door != Failure.Door.SIGN_IN:
        key = request.POST.get("discussion", "")
    return Met(
        door=str(door),
        verb=(verb or f"{named}"[:40] or "page"),
        code=code[:40],
        status=status,
        error=error[:200],
        request_id=http.request_id(),
        key=str(key)[:200],
        # The user as the session or the token has it, without asking for a session that nobody has read.
        user=_user_of(request),
        browser_key=http.browser_key(request),
        network_key=http.network_key(request),
    )


FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def _user_of(request: HttpRequest) -> Any:
    """Return who is signed in, as far as somebody has already asked."""
    user = getattr(request, "_cached_user", None)
    if user is None and not isinstance(request.__dict__.get("user"), LazyObject):
        user = request.__dict__.get("user")
    return user if user is not None and getattr(user, "is_authenticated", False) else None


class FailureLogMiddleware:
    """
    Write down what was refused or failed, after the answer has gone out, and tell the page's script the code.

    Stands near the front of ``MIDDLEWARE``, after ``RequestIdMiddleware``. A post also gives the browser its mark.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        _remember_sign_in(request, response)
        noted = request.META.get("comments.failures")
        match = getattr(request, "resolver_match", None)
        # A mail program unsubscribes with a POST of its own; it is no browser.
        is_page = match is not None and match.namespace == "comments" and match.url_name != "unsubscribe"
        if request.method == "POST" and is_page:
            key = http.know_browser(request, response)
            noted = noted and [replace(met, browser_key=key) for met in noted]
        if noted:
            response["X-Comments-Code"] = noted[-1].code
            response._resource_closers.append(partial(write, tuple(noted)))  # type: ignore[attr-defined]
        return response


def write(noted: Iterable[Met]) -> None:
    """Write rows for ``noted``, as far as the bounds and the database allow. Never raises."""
    for met in noted:
        who = met.browser_key or met.network_key or met.door
        if met.user is not None:
            who = f"user:{met.user.pk}"
        if not quota.allows(who) or not _breaker.allows():
            continue
        try:
            with transaction.atomic():
                _write(met)
        except Exception as error:
            _breaker.failed()
            logger.warning("a failure (%s) could not be written down: %s", met.code, type(error).__name__)
        else:
            _breaker.succeeded()


def _write(met: Met) -> None:
    person = Commenter.objects.filter(user_id=met.user.pk).first() if met.user is not None else None
    discussion = None
    if met.key and "\x00" not in met.key:
        discussion = Discussion.objects.filter(key=met.key).first()
    Failure.objects.create(
        door=met.door,
        verb=met.verb,
        code=met.code,
        status=met.status,
        error=met.error,
        request_id=met.request_id,
        discussion=discussion,
        person=person,
        browser_key=met.browser_key,
        network_key=met.network_key,
        release=conf.get().release[:40],
    )


# --- What nobody foresaw ----------------------------------------------------------------------------------------------


def on_exception(request: HttpRequest | None = None, **_signal: Any) -> None:
    """Note an error that a door did not foresee: its class, and the innermost of our lines that it passed through."""
    if request is None:
        return
    kind, raised, trace = sys.exc_info()
    space = getattr(getattr(request, "resolver_match", None), "namespace", "")
    where, is_ours = place(trace)
    if kind is None or not (is_ours or space in ("comments", "comments_api")):
        return
    note(request, "server_error", status=500, error=f"{kind.__name__} at {where}" if where else kind.__name__)
    del raised


def place(trace: TracebackType | None) -> tuple[str, bool]:
    """Return ``posting.py:94``, the innermost line of this app that an error passed through, else of anyone."""
    ours = other = ""
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        line = f"{PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        if module.startswith("comments.") and module != __name__:
            ours = line
        other = line
        trace = trace.tb_next
    return ours or other, bool(ours)


def on_task_failed(sender: Any = None, einfo: Any = None, exception: Any = None, **_signal: Any) -> None:
    """Write down that a task of ours failed in a worker."""
    name = str(getattr(sender, "name", ""))
    if not name.startswith("comments."):
        return
    where, _ours = place(getattr(exception, "__traceback__", None))
    error = f"{type(exception).__name__} at {where}" if where else type(exception).__name__
    write([Met(str(Failure.Door.WORKER), name.rpartition(".")[2][:40], "server_error", 500, error[:200])])


def on_sign_in_failed(request: HttpRequest | None = None, **_signal: Any) -> None:
    """Note that somebody could not sign in. Not as whom: what they typed is nobody's business."""
    if request is not None:
        note(request, "sign_in_fails", status=403, verb="sign_in")


def on_signed_in(request: HttpRequest | None = None, **_signal: Any) -> None:
    """Have the browser itself remember for ten minutes that it signed in, to see when a page does not know of it."""
    if request is not None:
        request.META["comments.signed_in"] = True


def on_signed_out(request: HttpRequest | None = None, **_signal: Any) -> None:
    if request is not None:
        request.META["comments.signed_in"] = False


def _remember_sign_in(request: HttpRequest, response: HttpResponse) -> None:
    signed_in = request.META.get("comments.signed_in")
    if signed_in:
        response.set_cookie(
            SIGNED_IN_COOKIE,
            str(int(time.time())),
            max_age=SIGN_IN_SECONDS,
            secure=request.is_secure(),
            httponly=True,
            samesite="Lax",
        )
    elif signed_in is False and SIGNED_IN_COOKIE in request.COOKIES:
        response.delete_cookie(SIGNED_IN_COOKIE, samesite="Lax")


def signed_in_just_now(request: HttpRequest) -> bool:
    """Say whether this browser signed in during the last ten minutes, and has not signed out since."""
    stamp = request.COOKIES.get(SIGNED_IN_COOKIE, "")
    return stamp.isascii() and stamp.isdecimal() and 0 <= time.time() - int(stamp[:12]) < SIGN_IN_SECONDS


def listen() -> None:
    """Hear of errors, failed sign-ins and failed tasks, whoever raises them."""
    from celery.signals import task_failure

    got_request_exception.connect(on_exception, dispatch_uid="comments.failures")
    user_login_failed.connect(on_sign_in_failed, dispatch_uid="comments.failures")
    user_logged_in.connect(on_signed_in, dispatch_uid="comments.failures")
    user_logged_out.connect(on_signed_out, dispatch_uid="comments.failures")
    task_failure.connect(on_task_failed, dispatch_uid="comments.failures")


# --- Reading it -------------------------------------------------------------------------------------------------------


def of(person: Commenter | None, browser_key: str, *, minutes: int = 30, most: int = 5) -> list[Failure]:
    """Return what this reader met in the last ``minutes``, newest first: theirs by account or by browser alone."""
    whose = Q()
    if person is not None and person.pk:
        whose |= Q(person=person)
    if browser_key:
        # What the same browser met before it signed in; never what another account met in it.
        whose |= Q(browser_key=browser_key, person=None)
    if not whose:
        return []
    since = timezone.now() - timedelta(minutes=minutes)
    return list(Failure.objects.filter(whose, created_at__gt=since).order_by("-created_at", "-id")[:most])


def by_request(request_id: str) -> Failure | None:
    """Return what happened to the request with this id, if it is known."""
    return Failure.objects.filter(request_id=request_id).order_by("-id").first() if request_id else None


def fingerprint(failure: Failure) -> str:
    """Return what equal failures share, 64 hex characters: door, verb, code, error and release, version 1."""
    parts = ("v1", failure.door, failure.verb, failure.code, failure.error, failure.release)
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def forget(limit: int = 10_000) -> int:
    """Forget whose the failures were once they are ``FAILURE_HOURS`` old; return of how many. Counts stay."""
    old = timezone.now() - timedelta(hours=conf.get().failure_hours)
    with_keys = Failure.objects.filter(created_at__lt=old).exclude(
        person=None, browser_key="", network_key="", request_id=""
    )
    rows = list(with_keys.order_by("created_at").values_list("pk", flat=True)[:limit])
    return Failure.objects.filter(pk__in=rows).update(person=None, browser_key="", network_key="", request_id="")
