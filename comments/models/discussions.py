from __future__ import annotations

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils.translation import gettext_lazy as _


class Discussion(models.Model):
    """All comments under one story. The only place that points at models outside the app."""

    class Mode(models.TextChoices):
        OPEN = "open", _("Open")
        PREMODERATED = "premoderated", _("Open, every comment waits for an editor")
        CLOSED = "closed", _("Closed")

    key = models.CharField(max_length=200, unique=True)
    """``app_label.model:pk`` for a Django object, any other text for a story that lives elsewhere."""

    content_type = models.ForeignKey(ContentType, on_delete=models.SET_NULL, null=True, blank=True)
    object_id = models.CharField(max_length=64, blank=True, default="")
    story = GenericForeignKey("content_type", "object_id")

    title = models.CharField(max_length=300, blank=True, default="")
    url = models.CharField(max_length=2000, blank=True, default="")
    section = models.CharField(max_length=80, blank=True, default="")
    question = models.CharField(max_length=300, blank=True, default="")
    """The question of the day, shown above the box."""

    mode = models.CharField(max_length=16, choices=Mode, default=Mode.OPEN)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_reason = models.CharField(max_length=300, blank=True, default="")
    """Why, in a sentence for readers."""
    opens_at = models.DateTimeField(null=True, blank=True)
    """When it opens again; shown to readers, and then it does."""
    closes_at = models.DateTimeField(null=True, blank=True)

    version = models.PositiveBigIntegerField(default=1)
    """Moves with everything readers can see; every cached page of the discussion carries it."""
    published_count = models.PositiveIntegerField(default=0)
    """Published comments, replies included. Moved in the transaction that publishes."""
    held_count = models.PositiveIntegerField(default=0)
    """Texts waiting for an editor."""

    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("discussion")
        verbose_name_plural = _("discussions")
        indexes = [
            models.Index(fields=["content_type", "object_id"], name="comments_discussion_story"),
            models.Index(
                fields=["section", "held_count"], condition=models.Q(held_count__gt=0), name="comments_waiting_here"
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.key

    def get_absolute_url(self) -> str:
        return f"{self.url}#comments"
