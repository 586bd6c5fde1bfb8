"""The whole thing in one process, on SQLite, with nothing to install: ``./run demo``."""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import threading
import warnings
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from comments import moderation, policy, posting
from comments.models import (
    Comment,
    Commenter,
    Decider,
    Discussion,
    NotificationPreference,
    Setting,
    Status,
    Token,
    Trigger,
)
from comments.notifications import choices
from comments.screening import Verdict
from newsroom import sent_mail

PEOPLE = {
    "reader1": ("Mara Lindqvist", "reader"),
    "reader2": ("Jo Petersen", "reader"),
    "moderator": ("Daniel Ferro", "moderator"),
    "editor": ("Ines Okafor", "editor"),
}

TRAM, SEOUL = "night-tram", "seoul-ends-intelligence-pact-with-japan"

# Article, author, words, index of the comment answered.
CONVERSATION = [
    (TRAM, "reader2", "The 02:52 was on time on all three nights I took it. That alone is news.", None),
    (
        TRAM,
        "reader1",
        "Does the trial include the hospital's back entrance? From the main stop it is another ten minutes.",
        None,
    ),
    (
        TRAM,
        "editor",
        "I asked the operator this morning: the back entrance opens at 05:00. I have added it to the article.",
        1,
    ),
    (TRAM, "reader1", "Thank you. **That** is what the nurses in our building wanted to know.", 2),
    (
        TRAM,
        "reader2",
        "> another ten minutes\n\nAnd unlit for most of the way. The council should walk it once, at night.",
        1,
    ),
    (
        SEOUL,
        "reader1",
        "What strikes me is how little either government said about the people who have to work together now.",
        None,
    ),
    (
        SEOUL,
        "reader2",
        "Three things decided this:\n\n- the court rulings of 2018,\n- the export list,\n- an election calendar.",
        None,
    ),
]


class Command(BaseCommand):
    help = "Serve the demonstration newspaper: web, live events, worker and beat in one process."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--prepare-only", action="store_true", help="Fill the database and stop.")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        if not options["prepare_only"]:
            _require_free(host, port)
        logging.getLogger().setLevel(os.environ.get("LOG_LEVEL", "WARNING"))
        warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
        if not settings.COMMENTS["SITE_URL"]:
            settings.COMMENTS = settings.COMMENTS | {"SITE_URL": _address(host, port)}
        settings.DEMONSTRATION = True
        call_command("migrate", verbosity=0)
        articles = _articles()
        accounts = _accounts(Path(settings.VAR_DIR))
        _conversation(articles)
        _guests_are_welcome()
        if options["prepare_only"]:
            return
        self._print(host, port, accounts)
        with _background():
            self._serve(host, port)

    def _print(self, host: str, port: int, accounts: dict[str, dict[str, str]]) -> None:
        base = _address(host, port)
        story = Discussion.objects.order_by("pk").values_list("url", flat=True).first() or "/"
        self.stdout.write(f"\n  The newspaper       {base}/")
        self.stdout.write(f"  An article          {base}{story}")
        self.stdout.write(f"  The admin panel     {base}/admin/")
        self.stdout.write(f"  The moderation desk {base}/admin/comments/desk/")
        self.stdout.write(f"  The API             {base}/api/v1/docs/")
        if sent_mail.is_served():
            self.stdout.write(f"  The mail it sent    {base}/mail/")
        self.stdout.write("")
        for name, account in accounts.items():
            self.stdout.write(f"  {name:<10} {account['password']:<20} {account['role']}")
        self.stdout.write(
            f"\n  Kept in {Path(settings.VAR_DIR) / 'demo-accounts.json'}. Ctrl-C stops it; run again keeps the data.\n"
        )
        self.stdout.flush()

    def _serve(self, host: str, port: int) -> None:
        import uvicorn

        from newsroom.asgi import application

        config = uvicorn.Config(
            application, host=host, port=port, log_level="warning", timeout_graceful_shutdown=2, lifespan="on"
        )
        try:
            uvicorn.Server(config).run()
        except KeyboardInterrupt:
            pass
        self.stdout.write("Stopped. The data is kept.")


def _address(host: str, port: int) -> str:
    name = "localhost" if host in ("127.0.0.1", "0.0.0.0") else host  # noqa: S104  # compared, not bound
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _require_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise CommandError(f"Port {port} is not free ({error}). Choose another: PORT=8001 ./run demo") from None


def _articles() -> list[Any]:
    from newsroom.articles.demonstration import import_all

    return import_all()


def _accounts(directory: Path) -> dict[str, dict[str, str]]:
    """Make the demonstration people once and keep their passwords and tokens in a file only its owner can read."""
    file = directory / "demo-accounts.json"
    users = get_user_model().objects
    if file.exists() and all(users.filter(username=name).exists() for name in PEOPLE):
        kept: dict[str, dict[str, str]] = json.loads(file.read_text())
        return kept
    accounts = {}
    for name, (shown, role) in PEOPLE.items():
        password = secrets.token_urlsafe(9)
        user, _made = users.get_or_create(username=name, defaults={"email": f"{name}@estuary-record.example"})
        user.set_password(password)
        user.first_name, _space, user.last_name = shown.partition(" ")
        user.is_staff = role != "reader"
        user.is_superuser = role == "editor"
        user.save()
        if role == "moderator":
            user.groups.add(Group.objects.get(name="Community editor"))
            user.user_permissions.set(
                Permission.objects.filter(content_type__app_label="comments").filter(
                    codename__in=["view_comment", "view_discussion", "view_commenter", "view_issuereport"]
                )
            )
        person = Commenter.objects.for_user(user)
        person.badge = Commenter.Badge.STAFF if user.is_staff else ""
        person.role = {"editor": "Transport reporter", "moderator": "Community editor"}.get(name, "")
        person.save(update_fields=["badge", "role"])
        # Here one wishes to see mail come; elsewhere it comes hourly, until somebody says otherwise.
        choices.change(person, mail=NotificationPreference.Mail.INSTANT)
        scopes = ["read", "write"] + (["moderate"] if user.is_staff else [])
        token = Token.objects.issue(user, scopes, days=365, label="demonstration")
        accounts[name] = {"password": password, "token": token, "role": role}
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        json.dump(accounts, handle, indent=2)
    file.chmod(0o600)
    return accounts


def _conversation(articles: list[Any]) -> None:
    """Write a few comments through the real path, once; an editor approves what the rules hold."""
    from comments import discussions

    if Comment.objects.exists():
        return
    people = {name: Commenter.objects.get(user__username=name) for name in PEOPLE}
    stories = {article.slug: discussions.for_object(article) for article in articles}
    written: list[Comment] = []
    for story, name, text, answers in CONVERSATION:
        parent = written[answers] if answers is not None else None
        comment = posting.post_comment(people[name], stories[story], text, parent=parent)
        moderation.screen(comment.pk, comment.version)
        comment.refresh_from_db()
        if comment.status == Status.HELD:
            moderation.decide(
                comment,
                Verdict("publish"),
                decider=Decider.EDITOR,
                trigger=Trigger.SCREENING,
                made_by=people["editor"],
            )
        written.append(comment)


def _guests_are_welcome() -> None:
    """Let people without an account write in two sections, until an editor has said otherwise."""
    if not Setting.objects.filter(name="guests").exists():
        for section in ("business", "opinion"):
            policy.set_value("guests", True, section=section, made_by=None, note="The demonstration")


class _background:
    """A Celery worker on threads, and beat, for as long as the server runs."""

    def __enter__(self) -> None:
        from celery.beat import Service

        from newsroom.celery import app

        self.worker = app.WorkController(
            pool="threads",
            concurrency=2,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            loglevel="WARNING",
        )
        from celery.beat import Scheduler

        self.beat = Service(app, max_interval=1, scheduler_cls=Scheduler)
        threading.Thread(target=self.worker.start, daemon=True, name="worker").start()
        threading.Thread(target=self.beat.start, daemon=True, name="beat").start()

    def __exit__(self, *_error: object) -> None:
        self.beat.stop()
        self.worker.stop(in_sighandler=False)
