"""One limiter: so many in a window, per key, exact under concurrency."""

from __future__ import annotations

import threading
import time

from django.core.cache import cache
from django.utils.translation import ngettext

from comments.breaker import Breaker
from comments.exceptions import Refused

_breaker = Breaker()
_local: dict[str, int] = {}
_lock = threading.Lock()


def require_not_too_many(action: str, who: str, *, limit: int, seconds: int) -> None:
    """
    Count one ``action`` by ``who``; raise ``Refused`` (429, with ``retry_after``) beyond ``limit`` in ``seconds``.

    Counts in the cache, which all processes share; when it does not answer, in this process: never without a limit.
    """
    if not limit:
        return
    now = time.time()
    window = int(now // seconds)
    if _count(f"comments:limit:{action}:{who}:{window}", seconds) > limit:
        wait = max(1, int((window + 1) * seconds - now))
        minutes = -(-wait // 60)
        raise Refused(
            "too_many",
            ngettext(
                "That was a lot at once. Please wait %(count)d minute.",
                "That was a lot at once. Please wait %(count)d minutes.",
                minutes,
            )
            % {"count": minutes},
            status=429,
            retry_after=wait,
        )


def _count(key: str, seconds: int) -> int:
    return _breaker.call(lambda: _count_together(key, seconds), lambda: _count_here(key))


def _count_together(key: str, seconds: int) -> int:
    cache.add(key, 0, timeout=seconds + 60)
    try:
        return int(cache.incr(key))
    except ValueError:
        # It expired between the two calls.
        return 1


def _count_here(key: str) -> int:
    with _lock:
        if len(_local) > 10_000:
            _local.clear()
        _local[key] = _local.get(key, 0) + 1
        return _local[key]
