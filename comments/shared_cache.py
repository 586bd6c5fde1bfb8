"""
The cache that all processes share, which may be away: then it knows nothing, and nothing fails.

Every use of Django's cache in the app goes through here, but for :mod:`comments.ratelimit`, which counts in the process
while nobody else counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.core.cache import cache

from comments.breaker import Breaker

T = TypeVar("T")

breaker = Breaker(failures=2, seconds=5)


def ask(call: Callable[[], Any]) -> Any:
    """Return what ``call`` says, a call of the cache; ``None`` from one that does not answer, or lately did not."""
    return breaker.call(call, lambda: None)


def kept(key: str, seconds: float, make: Callable[[], T]) -> T:
    """Return what is kept under ``key``, made anew every ``seconds``; not ``None``, which is not kept."""
    found: T | None = ask(lambda: cache.get(key))
    if found is None:
        found = made = make()
        ask(lambda: cache.set(key, made, seconds))
    return found


def forget(key: str) -> None:
    """Make what is kept under ``key`` anew the next time."""
    ask(lambda: cache.delete(key))
