"""System checks: what is wrong, and what to do about it. Ids are for ever."""

from __future__ import annotations

import importlib.util
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from comments import conf, sso
from comments.screening.engine import scorer
from comments.screening.scorers.outside import OutsideScorer, complaint


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
def check_scorers(**_kwargs: Any) -> list[CheckMessage]:
    """Check that every scorer in ``RULES`` is set up, and say which ones send texts to somebody else."""
    try:
        read = conf.get()
    except ImproperlyConfigured:
        return []  # comments.E001 says it
    found: list[CheckMessage] = []
    for path in read.rules:
        try:
            asked = scorer(path)
        except Exception:  # noqa: S112  # comments.E002 says it; whatever else a rule raises is its own
            continue
        if asked is None:
            continue
        if isinstance(asked, OutsideScorer):
            found += _set_up(asked, path, read)
        if asked.sends_text_offsite:
            found.append(
                Warning(
                    f"COMMENTS['RULES'] names {path!r}: the text leaves the site.",
                    hint="Say so in the privacy notice, then silence this with SILENCED_SYSTEM_CHECKS.",
                    id="comments.W004",
                )
            )
    return found


def _set_up(asked: OutsideScorer, path: str, read: conf.Settings) -> list[CheckMessage]:
    lacking = asked.lacks(read)
    if lacking:
        return [
            Error(
                f"COMMENTS['RULES'] names {path!r}, which is not set up: it would hold every comment.",
                hint=f"Set COMMENTS[{', '.join(repr(name) for name in lacking)}], or take it out of RULES.",
                id="comments.E005",
            )
        ]
    wrong = complaint(asked.address(read), allow_private=read.allow_private_scorers)
    if wrong:
        return [
            Error(
                f"The address of {path!r} {wrong}: it would hold every comment.",
                hint="An https:// address; http:// only on this machine, with ALLOW_PRIVATE_SCORERS.",
                id="comments.E005",
            )
        ]
    return []


@register("comments")
def check_what_leaves(**_kwargs: Any) -> list[CheckMessage]:
    """Check where the desk's messages go, and that what leaves can link back."""
    try:
        read = conf.get()
    except ImproperlyConfigured:
        return []  # comments.E001 says it
    found: list[CheckMessage] = []
    if not read.desk_webhook_url:
        return found
    if wrong := complaint(read.desk_webhook_url, allow_private=read.allow_private_scorers):
        found.append(
            Error(
                f"COMMENTS['DESK_WEBHOOK_URL'] {wrong}: no message would arrive.",
                hint="An https:// address; http:// only on this machine, with ALLOW_PRIVATE_SCORERS.",
                id="comments.E006",
            )
        )
    if not read.site_url:
        found.append(
            Warning(
                "COMMENTS['SITE_URL'] is empty: what the desk tells a chat has no links in it.",
                hint='Where the site stands: "https://example-news.com".',
                id="comments.W005",
            )
        )
    return found


@register("comments")
def check_sso(**_kwargs: Any) -> list[CheckMessage]:
    """Check what the publisher signs readers in with."""
    try:
        read = conf.get()
    except ImproperlyConfigured:
        return []  # comments.E001 says it
    if not read.sso_keys:
        return _sso_half_on(read)
    if lacking := [name for name in ("jwt", "cryptography") if importlib.util.find_spec(name) is None]:
        return [
            Error(
                f"COMMENTS['SSO_KEYS'] is set and {lacking[0]} is not installed: nobody can be signed in.",
                hint='pip install "newsroom-comments[sso]"',
                id="comments.E007",
            )
        ]
    found = [complained for name, text in read.sso_keys.items() for complained in _sso_key(name, text)]
    for name in ("sso_issuer", "sso_audience"):
        if not getattr(read, name):
            found.append(
                Error(
                    f"COMMENTS[{name.upper()!r}] is empty: nobody is signed in.",
                    hint="What the publisher writes into the claim, word for word: see docs/how-to/"
                    "sign-readers-in-from-your-site.md.",
                    id="comments.E009",
                )
            )
    if not read.sso_session_days:
        found.append(
            Error(
                "COMMENTS['SSO_SESSION_DAYS'] is 0: who is signed in is signed out at once.",
                hint="At least 1.",
                id="comments.E010",
            )
        )
    if read.sso_login_url and (wrong := sso.complaint(read.sso_login_url)):
        found.append(
            Error(
                f"COMMENTS['SSO_LOGIN_URL'] {wrong}.",
                hint="An https:// address without a fragment; http:// only on this machine.",
                id="comments.E011",
            )
        )
    return found


def _sso_half_on(read: conf.Settings) -> list[CheckMessage]:
    said = [name.upper() for name in ("sso_issuer", "sso_audience", "sso_login_url") if getattr(read, name)]
    if not said:
        return []
    return [
        Warning(
            f"COMMENTS[{said[0]!r}] is set and SSO_KEYS is empty: the publisher signs nobody in.",
            hint='The publisher\'s keys by their ids: SSO_KEYS = {"2026-11": "…"}.',
            id="comments.W007",
        )
    ]


def _sso_key(name: str, text: str) -> list[CheckMessage]:
    try:
        if not name:
            raise ValueError("has no id, which tokens name as “kid”")
        sso.key(text)
    except ValueError as error:
        return [
            Error(
                f"COMMENTS['SSO_KEYS'][{name!r}] {error}.",
                hint="A random secret of 32 bytes or more, or a public key in PEM, all of it.",
                id="comments.E008",
            )
        ]
    return []


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
def check_failure_log(**_kwargs: Any) -> list[CheckMessage]:
    if "comments.issues.failures.FailureLogMiddleware" not in settings.MIDDLEWARE:
        return [
            Warning(
                "What readers are refused is not written down, so an issue report cannot be tied to its cause.",
                hint='Put "comments.issues.failures.FailureLogMiddleware" after RequestIdMiddleware in MIDDLEWARE.',
                id="comments.W006",
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
