"""Redis as Django's cache, where signing in goes on while Redis is away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache

from comments.breaker import Breaker

_breaker = Breaker(failures=2, seconds=5)


class SignInGoesOn(RedisCache):
    """
    A cache that says so when Redis does not answer, except to allauth.

    allauth counts attempts to sign in in the cache, and an error of it would be an error page for whoever signs in.
    While Redis is away each process counts its own. Everybody else gets the error: the comment section has its own way
    of going on, and would rather ask the database than believe what one process remembers.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, dict(params))
        self._here = LocMemCache("sign-in", {key: value for key, value in params.items() if key != "OPTIONS"})

    def add(self, key: str, *args: Any, **options: Any) -> Any:
        return self._asked(key, super().add, self._here.add, args, options)

    def get(self, key: str, *args: Any, **options: Any) -> Any:
        return self._asked(key, super().get, self._here.get, args, options)

    def set(self, key: str, *args: Any, **options: Any) -> Any:
        return self._asked(key, super().set, self._here.set, args, options)

    def delete(self, key: str, *args: Any, **options: Any) -> Any:
        return self._asked(key, super().delete, self._here.delete, args, options)

    @staticmethod
    def _asked(
        key: str, redis: Callable[..., Any], here: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        if not key.startswith("allauth:"):
            return redis(key, *args, **options)
        return _breaker.call(lambda: redis(key, *args, **options), lambda: here(key, *args, **options))
