from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from comments.models import Token
from comments.models.integrations import SCOPES

LONGEST_LABEL = 80
MOST_DAYS = 3_650


class Command(BaseCommand):
    help = "Make a token for programs that act as USER and print it: the only time it can be read."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", metavar="USER", help="Their sign-in name.")
        parser.add_argument(
            "--scope",
            action="extend",
            nargs="+",
            required=True,
            metavar="S",
            help=f"What the token is for; one or more of: {', '.join(SCOPES)}.",
        )
        parser.add_argument("--days", required=True, metavar="N", help="How long it is valid.")
        parser.add_argument("--label", default="", metavar="L", help="What it is for, in your words.")

    def handle(self, *args: Any, **options: Any) -> None:
        unknown = sorted(set(options["scope"]) - set(SCOPES))
        if unknown:
            raise CommandError(f"There is no scope “{unknown[0]}”. The scopes are: {', '.join(SCOPES)}.")
        days = str(options["days"])
        if not (days.isascii() and days.isdecimal() and len(days) < 6 and 1 <= int(days) <= MOST_DAYS):
            raise CommandError(f"--days is a whole number from 1 to {MOST_DAYS}, not “{days}”.")
        if len(options["label"]) > LONGEST_LABEL:
            raise CommandError(f"--label has at most {LONGEST_LABEL} characters.")
        users = get_user_model()
        user = users._default_manager.filter(**{users.USERNAME_FIELD: options["user"]}).first()
        if user is None:
            raise CommandError(f"There is no user “{options['user']}”.")
        if not user.is_active:
            raise CommandError(f"The user “{options['user']}” may not sign in, so a token would not work.")
        token = Token.objects.issue(user, list(dict.fromkeys(options["scope"])), int(days), options["label"])
        self.stdout.write(token)
