"""One small thing: stop asking a server that does not answer, for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Breaker:
    """
    Count failures in a row; after ``failures`` of them stay open for ``seconds``, then let one call try again.

    Thread-safe; one per process and server. ``clock`` is for tests.
    """

    def __init__(self, *, failures: int = 3, seconds: float = 10, clock: Callable[[], float] = time.monotonic) -> None:
        self.failures = failures
        self.seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._closed_again_at = 0.0

    def allows(self) -> bool:
        """Say whether a call may be made now."""
        with self._lock:
            if self._in_a_row < self.failures:
                return True
            if self._clock() < self._closed_again_at:
                return False
            self._closed_again_at = self._clock() + self.seconds
            return True

    @property
    def is_open(self) -> bool:
        """Say whether the server is taken not to answer; asking this lets no call through."""
        with self._lock:
            return self._in_a_row >= self.failures

    def failed(self) -> None:
        with self._lock:
            self._in_a_row += 1
            if self._in_a_row >= self.failures:
                self._closed_again_at = self._clock() + self.seconds

    def succeeded(self) -> None:
        with self._lock:
            self._in_a_row = 0

    def call(self, work: Callable[[], T], otherwise: Callable[[], T]) -> T:
        """Return what ``work`` says; what ``otherwise`` says where it fails, or is not asked because it lately did."""
        if not self.allows():
            return otherwise()
        try:
            answer = work()
        except Exception:
            self.failed()
            return otherwise()
        self.succeeded()
        return answer
