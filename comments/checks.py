"""System checks: what is wrong, and what to do about it. Ids are for ever."""

from __future__ import annotations

import importlib.util
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from comments import conf


@register("comments")
def check_settings(**_kwargs: Any) -> list[CheckMessage]:
    """Check ``COMMENTS``: names, types, and that every rule can be imported."""
    try:
        read = conf.get()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="Every setting is listed in comments/conf.py.", id="comments.E001")]
    found: list[CheckMessage] = []
    for path in read.rules:
        try:
            import_string(path)
        except ImportError as error:
            found.append(
                Error(
                    f"COMMENTS['RULES'] names {path!r}, which cannot be imported: {error}",
                    hint="A rule that is missing would hold every comment.",
                    id="comments.E002",
                )
            )
    if read.languages and importlib.util.find_spec("py3langid") is None:
        found.append(
            Warning(
                "COMMENTS['LANGUAGES'] is set and py3langid is not installed: no comment's language is checked.",
                hint='pip install "newsroom-comments[lang]"',
                id="comments.W003",
            )
        )
    if not read.rules:
        found.append(Error("COMMENTS['RULES'] is empty: everything would be published unread.", id="comments.E003"))
    return found


@register("comments")
def check_request_ids(**_kwargs: Any) -> list[CheckMessage]:
    if "comments.http.RequestIdMiddleware" not in settings.MIDDLEWARE:
        return [
            Warning(
                "Requests have no id, so an issue report cannot name the request that failed.",
                hint='Put "comments.http.RequestIdMiddleware" first in MIDDLEWARE.',
                id="comments.W001",
            )
        ]
    return []


@register("comments")
def check_broker(**_kwargs: Any) -> list[CheckMessage]:
    """Check that a broker that stops answering cannot hold up a reader's post."""
    from celery import current_app

    url = str(current_app.conf.broker_url or "")
    options = current_app.conf.broker_transport_options or {}
    found: list[CheckMessage] = []
    if url.startswith(("redis", "rediss")) and not (
        options.get("socket_timeout") and options.get("socket_connect_timeout")
    ):
        found.append(
            Error(
                "The Celery broker has no socket timeouts: when Redis freezes, posting hangs.",
                hint='CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}',
                id="comments.E004",
            )
        )
    if "pickle" in (current_app.conf.accept_content or []):
        found.append(
            Warning(
                "Celery accepts pickle: whoever reaches the broker can run code.",
                hint='CELERY_ACCEPT_CONTENT = ["json"]',
                id="comments.W002",
            )
        )
    return found
