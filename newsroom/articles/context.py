from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language_info

from newsroom.articles.models import Section


def has_session(request: HttpRequest) -> bool:
    """Say whether the browser sent a session cookie. Looking does not make the page personal."""
    return settings.SESSION_COOKIE_NAME in request.COOKIES


def reader(request: HttpRequest) -> dict[str, Any]:
    """
    Give templates ``site_name``, ``site_language`` with its ``site_direction``, the sections, and ``reader``: the
    person signed in, or ``None``.

    A visitor without a session cookie is never looked up, so that their page is the same bytes for everyone.
    """
    user = getattr(request, "user", None) if has_session(request) else None
    return {
        "site_name": settings.SITE_NAME,
        "site_language": settings.LANGUAGE_CODE,
        "site_direction": "rtl" if get_language_info(settings.LANGUAGE_CODE)["bidi"] else "ltr",
        "site_sections": Section.choices,
        "reader": user if user is not None and user.is_authenticated else None,
    }
