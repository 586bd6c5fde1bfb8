from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CommentsConfig(AppConfig):
    name = "comments"
    verbose_name = _("Comments")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from comments import (
            assignments,
            checks,  # noqa: F401  (registers the system checks)
            letters,
            rule_trials,  # noqa: F401  (registers its kind of job)
            signals,
        )
        from comments.issues import tasks  # noqa: F401  (Celery looks for tasks in comments.tasks only)
        from comments.tasks import on_decided

        signals.comment_decided.connect(on_decided, dispatch_uid="comments.learning")
        signals.comment_decided.connect(assignments.on_decided, dispatch_uid="comments.assignments")
        signals.comment_decided.connect(letters.on_decided, dispatch_uid="comments.letters")
