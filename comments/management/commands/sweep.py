from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import Any

from celery.schedules import BaseSchedule, schedule
from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections
from django.utils.module_loading import import_string

from comments import tasks
from comments.schedule import BEAT_SCHEDULE

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Screen every comment that no worker is on. Needs no broker and no Celery; two at once are harmless. With "
        "--forever also everything else that has to happen by the clock: mail, jobs, learning, counts."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--forever", action="store_true", help="Go on, looking again every second.")
        parser.add_argument("--limit", type=int, default=10_000, help="At most this many in one round.")

    def handle(self, *args: Any, **options: Any) -> None:
        done = tasks.swept(limit=options["limit"], seconds=3600)
        self.stdout.write(f"{done} screened")
        clock = Clock()
        while options["forever"]:
            time.sleep(1)
            if done := tasks.swept(limit=options["limit"], seconds=3600):
                self.stdout.write(f"{done} screened")
            clock.tick()
            close_old_connections()


class Clock:
    """Does what ``BEAT_SCHEDULE`` says, one after another, in this process. What fails is logged, and tried again."""

    def __init__(self) -> None:
        # Nothing is due at once, so that a process that is restarted again and again does not refit each time.
        begun = datetime.now(UTC)
        self.last = dict.fromkeys((name for name in BEAT_SCHEDULE if name != "comments-sweep"), begun)

    def tick(self) -> list[str]:
        """Run what is due; return its names."""
        ran = []
        for name, last in self.last.items():
            when = BEAT_SCHEDULE[name]["schedule"]
            if not isinstance(when, BaseSchedule):
                when = schedule(when)
            if not when.is_due(last).is_due:
                continue
            self.last[name] = datetime.now(UTC)
            ran.append(name)
            try:
                import_string(BEAT_SCHEDULE[name]["task"])()
            except Exception:
                logger.exception("%s failed", BEAT_SCHEDULE[name]["task"])
        return ran
