from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from comments.models.comments import Revision
from comments.models.decisions import AppendOnly, Decision
from comments.models.people import Commenter


class ScoringModel(models.Model):
    """
    What this newsroom taught the scorer, as one set of weights beside the model that ships with the app.

    At most one is ``active``. The score of a text is ``ramp``-weighted: see :mod:`comments.learning`.
    """

    class Status(models.TextChoices):
        CANDIDATE = "candidate", _("Waiting")
        ACTIVE = "active", _("In use")
        RETIRED = "retired", _("Used before")
        REFUSED = "refused", _("Not better")

    number = models.PositiveIntegerField(unique=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.CANDIDATE)
    parent = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    feature_spec = models.CharField(max_length=40)
    """Which features the weights belong to; a model of another spec is not used."""
    warm_version = models.CharField(max_length=40)
    """The shipped model it was taught beside."""
    weights = models.BinaryField(default=bytes)
    """Sparse: int32 index and float32 weight (and, for the active one, the learning rates' state)."""
    parameters = models.JSONField(default=dict)
    """Ramp, scale of the shipped model, calibration: plain numbers, named in :mod:`comments.learning`."""
    checksum = models.CharField(max_length=64)
    decision_count = models.PositiveIntegerField(default=0)
    removal_count = models.PositiveIntegerField(default=0)
    metrics = models.JSONField(default=dict)
    why = models.JSONField(default=list)
    """Codes and numbers that say why it was promoted, or not."""
    learnt_through = models.PositiveBigIntegerField(default=0)
    """Id of the last :class:`Lesson` in it."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    activated_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("scoring model")
        verbose_name_plural = _("scoring models")
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["status"], condition=Q(status="active"), name="comments_one_active_model")
        ]

    def __str__(self) -> str:
        return str(_("Model %(number)d") % {"number": self.number})


class Lesson(AppendOnly):
    """One editor's decision as a label, with the score the text had before anything was learnt from it."""

    class Drawn(models.TextChoices):
        QUEUE = "queue", _("From the queue")
        AUDIT = "audit", _("By lot")
        FLAG = "flag", _("Reported")
        LOOKED_UP = "looked_up", _("Looked up")
        BULK = "bulk", _("In bulk")

    decision = models.OneToOneField(Decision, on_delete=models.PROTECT, related_name="lesson")
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="lessons")
    rejected = models.BooleanField()
    probability = models.FloatField(null=True, blank=True)
    """The score, calibrated, before this was learnt; ``None`` when there was none."""
    model_version = models.CharField(max_length=40, blank=True, default="")
    drawn = models.CharField(max_length=10, choices=Drawn, default=Drawn.QUEUE)
    weight = models.FloatField(default=1)
    """1 over the probability with which the text was shown to an editor, at most 10."""
    made_by = models.ForeignKey(Commenter, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("lesson")
        verbose_name_plural = _("lessons")
        ordering = ["id"]
        indexes = [
            models.Index(fields=["revision", "id"], name="comments_lessons_of_a_text"),
            models.Index(fields=["created_at"], name="comments_lessons_by_time"),
        ]

    def __str__(self) -> str:
        return f"lesson of decision {self.decision_id}"


class Audit(models.Model):
    """A text that screening published by itself, drawn by lot for an editor to look at."""

    revision = models.OneToOneField(Revision, on_delete=models.PROTECT, related_name="audit")
    probability = models.FloatField()
    """With which it was drawn, 0 to 1."""
    by_score = models.BooleanField(default=False)
    """The score had let it through where everything else waits."""
    section = models.CharField(max_length=80, blank=True, default="")
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("spot check")
        verbose_name_plural = _("spot checks")
        indexes = [models.Index(fields=["created_at", "id"], condition=Q(decided_at=None), name="comments_open_audits")]

    def __str__(self) -> str:
        return f"spot check of {self.revision}"


class AutoApproval(models.Model):
    """
    Whether the score may publish, in one section, what would wait only because everything there waits.

    Opt-in; begins in the shadow, where it writes down what it would have done; disarms itself.
    """

    class State(models.TextChoices):
        OFF = "off", _("Off")
        SHADOW = "shadow", _("Shadow: writes down what it would approve")
        ARMED = "armed", _("On")
        DISARMED = "disarmed", _("Switched itself off")

    section = models.CharField(max_length=80, unique=True)
    state = models.CharField(max_length=10, choices=State, default=State.OFF)
    limit = models.FloatField(default=0.02)
    """Largest share of wrong approvals the editors accept, 0 to 1; compared with the upper confidence bound."""
    threshold = models.FloatField(null=True, blank=True)
    """Approves below this calibrated probability."""
    model_version = models.CharField(max_length=40, blank=True, default="")
    """The model the threshold was found for."""
    since = models.DateTimeField(null=True, blank=True)
    """When the shadow began, or it was armed."""
    why = models.JSONField(default=list)
    """Codes and numbers: why it cannot be armed, or disarmed itself."""
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("approval by score")
        verbose_name_plural = _("approvals by score")

    def __str__(self) -> str:
        return self.section or str(_("no section"))
