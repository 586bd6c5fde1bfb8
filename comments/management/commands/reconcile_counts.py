from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from comments import discussions


class Command(BaseCommand):
    help = "Compare every counter with the rows it counts and report what differs; with --repair, put it right."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--repair", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        differences = 0
        for difference in discussions.reconcile(repair=options["repair"]):
            self.stdout.write(difference)
            differences += 1
        if not differences:
            self.stdout.write("every count agrees with its rows")
        elif options["repair"]:
            self.stdout.write(f"{differences} repaired")
        else:
            raise CommandError(f"{differences} counts differ from their rows. Run it again with --repair.")
