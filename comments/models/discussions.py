from __future__ import annotations

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from comments.models.people import Commenter


class Discussion(models.Model):
    """All comments under one story. The only place that points at models outside the app."""

    class Mode(models.TextChoices):
        OPEN = "open", _("Open")
        PREMODERATED = "premoderated", _("Open, every comment waits for an editor")
        CLOSED = "closed", _("Closed")

    class Form(models.TextChoices):
        COMMENTS = "comments", _("Comments")
        QUESTIONS = "qa", _("Questions and answers")

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

    form = models.CharField(
        max_length=8,
        choices=Form,
        default=Form.COMMENTS,
        db_default=Form.COMMENTS.value,
        verbose_name=_("form"),
        help_text=_("Questions and answers: readers ask, named experts answer, and readers choose what is answered."),
    )
    """Questions stay questions when the discussion is closed, so this is beside ``mode``."""
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

    @property
    def is_for_questions(self) -> bool:
        return self.form == self.Form.QUESTIONS


class Expert(models.Model):
    """Who answers the questions of one discussion, beside the newsroom's own people."""

    discussion = models.ForeignKey(Discussion, on_delete=models.CASCADE, related_name="experts")
    person = models.ForeignKey(Commenter, on_delete=models.PROTECT, related_name="answers_in")
    role = models.CharField(
        max_length=80, blank=True, default="", help_text=_("Shown beside the name: “Epidemiologist”.")
    )
    made_by = models.ForeignKey(Commenter, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("expert")
        verbose_name_plural = _("experts")
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["discussion", "person"], name="comments_expert_once")]

    def __str__(self) -> str:
        return str(self.person)
