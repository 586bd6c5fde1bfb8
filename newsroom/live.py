"""Live events only: ``granian --interface asgi newsroom.live:application``. No request here touches Django's views."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsroom.settings")
django.setup()

from comments.live import application  # noqa: E402

__all__ = ["application"]
