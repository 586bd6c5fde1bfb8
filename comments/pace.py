"""One small thing: many calls in a second become few, and none of them is forgotten."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """
    Let up to ``a_second`` calls a second through at once, and one for all the others together ``seconds`` later.

    ``together`` is that one call; it is made after the last of those it stands for, in a thread of its own, which ends
    with the process. Thread-safe; one per process. ``clock`` is for tests.
    """

    def __init__(
        self,
        a_second: int,
        together: Callable[[], object],
        *,
        seconds: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.a_second = a_second
        self.together = together
        self.seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._left = float(a_second)
        self._looked_at = clock()
        self._waits = False

    def allows(self) -> bool:
        """Say whether this call may be made now; if not, ``together`` is going to be called for it."""
        with self._lock:
            now = self._clock()
            self._left = min(self.a_second, self._left + (now - self._looked_at) * self.a_second)
            self._looked_at = now
            if self._left >= 1:
                self._left -= 1
                return True
            if not self._waits:
                self._waits = True
                timer = threading.Timer(self.seconds, self._call)
                timer.daemon = True
                timer.start()
            return False

    def _call(self) -> None:
        with self._lock:
            # Before the call: what comes while it is made waits for the next one.
            self._waits = False
        self.together()
