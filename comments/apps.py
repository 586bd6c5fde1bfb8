from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class CommentsConfig(AppConfig):
    name = "comments"
    verbose_name = _("Comments")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from comments import (
            assignments,
            bulk,  # noqa: F401  (registers its kinds of job)
            checks,  # noqa: F401  (registers the system checks)
            digests,
            letters,
            roles,
            rule_trials,  # noqa: F401  (registers its kind of job)
            search,
            signals,
        )
        from comments.issues import (
            failures,
            grouping,
            tasks,  # noqa: F401  (Celery looks for tasks in comments.tasks only)
        )
        from comments.notifications import tasks as notices
        from comments.tasks import on_decided

        signals.comment_decided.connect(on_decided, dispatch_uid="comments.learning")
        roles.listen()
        failures.listen()
        signals.comment_decided.connect(assignments.on_decided, dispatch_uid="comments.assignments")
        signals.comment_decided.connect(letters.on_decided, dispatch_uid="comments.letters")
        signals.comments_decided.connect(letters.on_many_decided, dispatch_uid="comments.letters")
        signals.comment_decided.connect(digests.on_decided, dispatch_uid="comments.digests")
        signals.comments_decided.connect(assignments.on_many_decided, dispatch_uid="comments.assignments")

        signals.comment_decided.connect(notices.on_decided, dispatch_uid="comments.notifications")
        signals.comments_decided.connect(notices.on_many_decided, dispatch_uid="comments.notifications")
        signals.comment_featured.connect(notices.on_featured, dispatch_uid="comments.notifications")
        signals.appeal_ruled.connect(notices.on_ruled, dispatch_uid="comments.notifications")
        signals.issue_reported.connect(grouping.on_reported, dispatch_uid="comments.issues.grouping")

        def keep_search(using: str, **_kwargs: Any) -> None:
            search.keep_in_step(connections[using])

        # A migration that makes SQLite's table of texts anew takes the triggers of the search with it.
        post_migrate.connect(keep_search, sender=self, weak=False, dispatch_uid="comments.search")
