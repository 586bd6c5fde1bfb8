from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from comments.models.comments import Comment
from comments.models.decisions import AppendOnly, AppendOnlyQuerySet, Trigger
from comments.models.people import Commenter


class SanctionQuerySet(AppendOnlyQuerySet):
    def in_force(self, at: datetime | None = None) -> Any:
        """Return the sanctions that hold at ``at``, now if left out: begun, not over, not lifted."""
        at = at or timezone.now()
        begun: Any = self.filter(starts_at__lte=at, lifts__isnull=True)
        return begun.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at)).exclude(lifted_by__created_at__lte=at)


class Sanction(AppendOnly):
    """
    What was done to a person, an e-mail domain or a network. Never changed: lifting one is a row that ``lifts`` it.

    Words that may name people stand in :class:`SanctionWords`.
    """

    class Kind(models.TextChoices):
        WARN = "warn", _("Warning")
        PREMODERATE = "premoderate", _("Every comment waits")
        SUSPEND = "suspend", _("Suspension")
        BAN = "ban", _("Ban")
        LIFT = "lift", _("Lifted")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=12, choices=Kind)
    person = models.ForeignKey(Commenter, on_delete=models.PROTECT, null=True, blank=True, related_name="sanctions")
    email_domain = models.CharField(max_length=253, blank=True, default="")
    """In lower case, without the "@": everybody whose confirmed or signed-up address ends in it."""
    network_key = models.CharField(max_length=32, blank=True, default="")
    """As in :attr:`comments.models.Comment.network_key`."""
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(null=True, blank=True)
    """``None``: until it is lifted."""
    reason = models.CharField(max_length=40, blank=True, default="")
    """Code of a :class:`comments.models.policy.Reason`."""
    ground = models.CharField(
        max_length=8,
        choices=[("none", _("None")), ("house", _("House rules")), ("illegal", _("Law"))],
        default="house",
    )
    legal_ground = models.CharField(max_length=500, blank=True, default="")
    trigger = models.CharField(max_length=16, choices=Trigger, default=Trigger.EDITOR)
    comment = models.ForeignKey(Comment, on_delete=models.PROTECT, null=True, blank=True, related_name="sanctions")
    """The comment that led to it."""
    basis = models.JSONField(default=dict, blank=True)
    """What it rests on, in numbers: strikes, comments rejected, in how many days."""
    prior_warning = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="followed_by"
    )
    lifts = models.OneToOneField("self", on_delete=models.PROTECT, null=True, blank=True, related_name="lifted_by")
    appeal = models.ForeignKey(
        "comments.Appeal", on_delete=models.PROTECT, null=True, blank=True, related_name="sanctions_made"
    )
    """The appeal because of which it was lifted or shortened."""
    made_by = models.ForeignKey(Commenter, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    request_id = models.CharField(max_length=36, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = SanctionQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        verbose_name = _("sanction")
        verbose_name_plural = _("sanctions")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(person__isnull=False, email_domain="", network_key="")
                | (Q(person__isnull=True, network_key="") & ~Q(email_domain=""))
                | (Q(person__isnull=True, email_domain="") & ~Q(network_key="")),
                name="comments_sanction_of_one",
            ),
            models.CheckConstraint(
                condition=Q(kind="lift", lifts__isnull=False) | (~Q(kind="lift") & Q(lifts__isnull=True)),
                name="comments_a_lift_lifts",
            ),
        ]
        indexes = [
            models.Index(fields=["person", "-id"], name="comments_sanctions_of"),
            models.Index(fields=["-created_at"], name="comments_sanctions_by_time"),
            models.Index(fields=["email_domain"], condition=~Q(email_domain=""), name="comments_sanctioned_domains"),
            models.Index(fields=["network_key"], condition=~Q(network_key=""), name="comments_sanctioned_networks"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.person or self.email_domain or self.network_key}"


class SanctionWords(models.Model):
    """An editor's own words about a sanction. May name people, so it stands apart and can be deleted."""

    sanction = models.OneToOneField(Sanction, on_delete=models.CASCADE, related_name="words")
    explanation = models.TextField(max_length=2000, blank=True, default="")
    """To the person."""
    private_note = models.TextField(max_length=2000, blank=True, default="")
    """To other editors."""

    class Meta:
        verbose_name = _("words of a sanction")
        verbose_name_plural = _("words of sanctions")

    def __str__(self) -> str:
        return f"words of sanction {self.sanction_id}"


class Acknowledgement(AppendOnly):
    """A person has read a warning."""

    sanction = models.OneToOneField(Sanction, on_delete=models.PROTECT, related_name="acknowledgement")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("acknowledgement")
        verbose_name_plural = _("acknowledgements")

    def __str__(self) -> str:
        return f"sanction {self.sanction_id}"


class Appeal(models.Model):
    """Somebody asks for another look at one decision or one sanction. Once; somebody else rules on it."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        UPHELD = "upheld", _("The decision stands")
        OVERTURNED = "overturned", _("The decision was overturned")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    decision = models.OneToOneField(
        "comments.Decision", on_delete=models.PROTECT, null=True, blank=True, related_name="appealed_by"
    )
    sanction = models.OneToOneField(
        Sanction, on_delete=models.PROTECT, null=True, blank=True, related_name="appealed_by"
    )
    appellant = models.ForeignKey(Commenter, on_delete=models.PROTECT, related_name="appeals")
    text = models.TextField(max_length=2000)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    filed_at = models.DateTimeField(default=timezone.now, editable=False)
    due_at = models.DateTimeField()
    ruled_by = models.ForeignKey(Commenter, on_delete=models.PROTECT, null=True, blank=True, related_name="ruled_on")
    ruled_at = models.DateTimeField(null=True, blank=True)
    ruling = models.TextField(max_length=2000, blank=True, default="")
    """To the appellant, in the words of who ruled."""
    private_note = models.TextField(max_length=2000, blank=True, default="")

    is_new = False
    """Not in the database: made by the very call that returned it."""

    class Meta:
        verbose_name = _("appeal")
        verbose_name_plural = _("appeals")
        ordering = ["filed_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(decision__isnull=False, sanction__isnull=True)
                | Q(decision__isnull=True, sanction__isnull=False),
                name="comments_appeal_against_one",
            ),
            models.CheckConstraint(
                condition=Q(state="open", ruled_by__isnull=True, ruled_at__isnull=True)
                | (~Q(state="open") & Q(ruled_by__isnull=False, ruled_at__isnull=False)),
                name="comments_a_ruling_has_a_judge",
            ),
        ]
        indexes = [models.Index(fields=["due_at", "id"], condition=Q(state="open"), name="comments_open_appeals")]

    def __str__(self) -> str:
        return f"appeal {self.pk}"
