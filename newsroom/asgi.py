"""Everything in one server, for the demonstration: live events beside Django."""

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsroom.settings")

django_application = get_asgi_application()

from comments import live  # noqa: E402


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Serve live events ourselves and leave the rest to Django."""
    if scope["type"] == "lifespan" or (scope["type"] == "http" and live.serves(scope["path"])):
        await live.application(scope, receive, send)
    else:
        await django_application(scope, receive, send)
