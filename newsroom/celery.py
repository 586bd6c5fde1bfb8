"""The Celery application: ``celery -A newsroom worker`` and ``celery -A newsroom beat``."""

import gc
import os
from typing import Any

from celery import Celery
from celery.signals import worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsroom.settings")

app = Celery("newsroom")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def keep_what_is_loaded(**_signal: Any) -> None:
    """Load what judging needs, and take it out of the garbage collector's rounds before the worker forks: it stays."""
    from comments import screening

    screening.warm_up()
    gc.collect()
    gc.freeze()
