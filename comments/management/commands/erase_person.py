from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from comments import access, privacy
from comments.exceptions import Refused
from comments.management.commands.export_person import person_named


class Command(BaseCommand):
    help = (
        "Forget a person: after DELETION_DAYS, as if they had asked for it themselves, or at once with --now. Safe to "
        "run again; it goes on where it stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", metavar="USER", help="Their sign-in name or e-mail address, or person:12.")
        parser.add_argument("--now", action="store_true", help="At once. It cannot be taken back.")
        parser.add_argument("--comments", choices=["keep", "remove"], help="What becomes of what is published.")
        parser.add_argument("--cancel", action="store_true", help="Take the wish back.")

    def handle(self, *args: Any, **options: Any) -> None:
        person = person_named(options["user"])
        try:
            if options["cancel"]:
                privacy.cancel(person)
                self.stdout.write(f"person {person.pk} stays")
                return
            if person.erased_at is None:
                # What they chose themselves stands, unless something else is said here.
                texts = person.erase_texts if options["comments"] is None else options["comments"] == "remove"
                privacy.ask_to_erase(person, confirm=None, texts=texts)
            if options["now"] or person.erased_at is not None or (person.erase_at or timezone.now()) <= timezone.now():
                privacy.erase(person, now=True)
                self.stdout.write(f"person {person.pk} is forgotten")
            else:
                self.stdout.write(f"person {person.pk} will be forgotten on {access.spoken(person.erase_at)}")
        except Refused as refused:
            raise CommandError(refused.detail) from None
