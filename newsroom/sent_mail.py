"""
``/mail/``: the mail that the demonstration sent, to look at. Anywhere else there is no such page.

It is served while mail is written to files and either the command ``demo`` runs or ``DEBUG`` is on; never by a site
that answers to a name other machines can use, and only to this machine.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

LISTED = 100
FILED = "filebased"
BETWEEN = b"-" * 79 + b"\n"
"""What Django writes behind each message of a file."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One mail, as it was sent."""

    name: str
    to: str
    subject: str
    at: datetime
    text: str
    html: str
    headers: list[tuple[str, str]]


def _folder() -> Path | None:
    """Return where mail is written to; ``None`` when it is sent to people."""
    mailers: dict[str, Any] = getattr(settings, "MAILERS", {})
    if mailers:
        backend, folder = mailers["default"]["BACKEND"], mailers["default"].get("OPTIONS", {}).get("file_path")
    else:
        backend, folder = settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH
    return Path(folder) if folder and FILED in backend else None


def is_served() -> bool:
    """Say whether the mail can be looked at: a demonstration on this machine, whose mail reaches nobody."""
    return bool((settings.DEMONSTRATION or settings.DEBUG) and not settings.PUBLIC and _folder() is not None)


def _require_served(request: HttpRequest) -> Path:
    folder = _folder()
    if not is_served() or folder is None or not _is_here(request):
        raise Http404
    return folder


def _is_here(request: HttpRequest) -> bool:
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def listed(request: HttpRequest) -> HttpResponse:
    """List the mail that was sent, newest first."""
    folder = _require_served(request)
    files = sorted(folder.glob("*.log"), reverse=True)[:LISTED] if folder.is_dir() else []
    mails = [mail for file in files for mail in reversed(_read(file))]
    return _page(request, "mail/list.html", {"mails": mails[:LISTED], "folder": folder.name})


def one(request: HttpRequest, name: str) -> HttpResponse:
    """Show one mail: its headers, its text, and its HTML in a frame that may do nothing."""
    folder = _require_served(request)
    stem, _dash, number = name.rpartition("-")
    # Compared with what is there, so that no name can lead anywhere else.
    file = next((file for file in folder.glob("*.log") if file.stem == stem), None) if folder.is_dir() else None
    found = _read(file) if file else []
    mail = next((mail for mail in found if mail.name == f"{stem}-{number}"), None)
    if mail is None:
        raise Http404
    return _page(request, "mail/one.html", {"mail": mail})


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    response = render(request, template, context)
    response["Cache-Control"] = "private, no-store"
    return response


def _read(file: Path) -> list[Sent]:
    try:
        parts = file.read_bytes().split(BETWEEN)
        at = datetime.fromtimestamp(file.stat().st_mtime, tz=timezone.get_default_timezone())
    except OSError:
        return []
    messages = [part for part in parts if part.strip()]
    return [_sent(f"{file.stem}-{number}", at, part) for number, part in enumerate(messages)]


def _sent(name: str, at: datetime, raw: bytes) -> Sent:
    message: EmailMessage = message_from_bytes(raw, policy=policy.default)
    return Sent(
        name=name,
        to=str(message["To"] or ""),
        subject=str(message["Subject"] or ""),
        at=at,
        text=_part(message, "plain"),
        html=_part(message, "html"),
        headers=[(key, str(value)) for key, value in message.items()],
    )


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part is not None else ""
