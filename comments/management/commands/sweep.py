from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from comments import tasks


class Command(BaseCommand):
    help = "Screen every comment that no worker is on. Needs no broker and no Celery; two at once are harmless."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--forever", action="store_true", help="Go on, looking again every second.")
        parser.add_argument("--limit", type=int, default=10_000, help="At most this many in one round.")

    def handle(self, *args: Any, **options: Any) -> None:
        done = tasks.swept(limit=options["limit"], seconds=3600)
        self.stdout.write(f"{done} screened")
        while options["forever"]:
            time.sleep(1)
            if done := tasks.swept(limit=options["limit"], seconds=3600):
                self.stdout.write(f"{done} screened")
