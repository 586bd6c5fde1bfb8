from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q

from comments.models import Commenter
from comments.privacy import downloads


def person_named(named: str) -> Commenter:
    """Return the person with this sign-in name or address, or ``person:12``. Raise ``CommandError`` for nobody."""
    word, _colon, number = named.partition(":")
    if word == "person" and number.isascii() and number.isdecimal():
        found = list(Commenter.objects.filter(pk=min(int(number), 2**63 - 1)))
    else:
        users = get_user_model()
        users_named = Q(**{f"user__{users.USERNAME_FIELD}": named}) | Q(user__email__iexact=named) if named else Q(pk=0)
        found = list(Commenter.objects.filter(users_named).select_related("user")[:2])
    if not found:
        raise CommandError(f"Nobody who comments here is called “{named}”. Guests are named by number: person:12.")
    if len(found) > 1:
        raise CommandError(f"Several people have the address “{named}”. Use the sign-in name, or person:12.")
    return found[0]


class Command(BaseCommand):
    help = "Write everything that is kept about a person into a ZIP file, as JSON and as a page."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", metavar="USER", help="Their sign-in name or e-mail address, or person:12.")
        parser.add_argument("--out", required=True, metavar="FILE", help="Where to write it. It may not be there yet.")

    def handle(self, *args: Any, **options: Any) -> None:
        person = person_named(options["user"])
        out = Path(options["out"])
        try:
            with out.open("xb") as file:
                out.chmod(0o600)
                for _step in downloads.written(person, file):
                    pass
        except FileExistsError:
            raise CommandError(f"{out} is there already. Name a file that is not.") from None
        except OSError as error:
            raise CommandError(f"{out} cannot be written: {error.strerror}.") from None
        self.stdout.write(f"person {person.pk}: {out.stat().st_size} bytes in {out}")
