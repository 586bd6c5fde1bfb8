"""
What has to happen by the clock: ``CELERY_BEAT_SCHEDULE = comments.schedule.BEAT_SCHEDULE`` in the project's settings.

Imports nothing of Django, so that settings may import it. ``manage.py sweep --forever`` does the same without Celery.
"""

from __future__ import annotations

from typing import Any

from celery.schedules import crontab


def _every(seconds: float) -> dict[str, Any]:
    # A message that waited for its turn longer than this is of no use any more: the next one is there.
    return {"schedule": seconds, "options": {"expires": seconds}}


BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "comments-sweep": {"task": "comments.tasks.sweep", **_every(15.0)},
    "comments-jobs": {"task": "comments.tasks.run_due_jobs", **_every(30.0)},
    "comments-answers": {"task": "comments.issues.tasks.send_answers", **_every(60.0)},
    "comments-reports": {"task": "comments.issues.tasks.keep_house", "schedule": 3600.0},
    "comments-incidents": {"task": "comments.issues.tasks.look_for_incidents", **_every(60.0)},
    "comments-leaks": {"task": "comments.issues.tasks.look_for_leaks", "schedule": crontab(hour=6, minute=10)},
    "comments-deliveries": {"task": "comments.tasks.send_deliveries", **_every(30.0)},
    "comments-letters": {"task": "comments.letters.write_letters", **_every(300.0)},
    "comments-assignments": {"task": "comments.tasks.close_assignments", **_every(300.0)},
    "comments-digests": {"task": "comments.tasks.mail_digests", **_every(300.0)},
    "comments-notices": {"task": "comments.notifications.tasks.catch_up", **_every(120.0)},
    "comments-notice-mails": {"task": "comments.notifications.tasks.write_mails", **_every(30.0)},
    "comments-forget-notices": {"task": "comments.notifications.tasks.forget_notices", "schedule": 3600.0},
    "comments-forget-deliveries": {"task": "comments.tasks.forget_deliveries", "schedule": 3600.0},
    "comments-erasures": {"task": "comments.tasks.erase_due", **_every(300.0)},
    "comments-downloads": {"task": "comments.tasks.forget_downloads", "schedule": 3600.0},
    "comments-learn": {"task": "comments.tasks.learn", **_every(20.0)},
    "comments-refit": {"task": "comments.tasks.refit_model", "schedule": crontab(hour=3, minute=40)},
    "comments-approvals": {"task": "comments.tasks.watch_auto_approval", **_every(60.0)},
    "comments-fingerprints": {"task": "comments.tasks.forget_fingerprints", "schedule": 3600.0},
    "comments-proofs": {"task": "comments.tasks.forget_proofs", "schedule": 3600.0},
    "comments-counts": {"task": "comments.tasks.reconcile_counts", "schedule": 3600.0},
}
