from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from comments.models.people import Commenter


class Job(models.Model):
    """
    Long work that goes on in the background: a row with progress, resumable and cancellable.

    What a kind of job does is a function found in :mod:`comments.jobs`; the row is its memory between two steps.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting to begin")
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        DONE = "done", _("Done")
        CANCELLED = "cancelled", _("Stopped")
        FAILED = "failed", _("Failed")

    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=80, blank=True, default="")
    """What it is about, so that pages find theirs: ``house_rule:12``."""
    arguments = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    memory = models.JSONField(default=dict)
    """Where to go on, and what has been found so far."""
    result = models.JSONField(default=dict)
    error = models.CharField(max_length=300, blank=True, default="")
    """Why it failed, in a sentence for a person."""
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_at = models.DateTimeField(null=True, blank=True)
    """Renewed with every step; a job whose worker died is taken up again when this is old."""
    made_by = models.ForeignKey(Commenter, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["created_at"], condition=Q(state__in=["waiting", "running"]), name="comments_due_jobs"
            ),
            models.Index(fields=["subject", "-id"], name="comments_jobs_about"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
