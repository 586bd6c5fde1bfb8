from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from comments.models.comments import Comment
from comments.models.decisions import AppendOnly
from comments.models.jobs import Job
from comments.models.people import Commenter


class Claim(models.Model):
    """An editor has this comment open: it is not served to another until the claim runs out or is given back."""

    comment = models.OneToOneField(Comment, on_delete=models.CASCADE, related_name="claim")
    person = models.ForeignKey(Commenter, on_delete=models.CASCADE, related_name="claims")
    until = models.DateTimeField()

    class Meta:
        verbose_name = _("claim")
        verbose_name_plural = _("claims")
        indexes = [models.Index(fields=["until"], name="comments_claims_by_time")]

    def __str__(self) -> str:
        return f"#{self.comment_id}"


class Note(models.Model):
    """What editors tell each other about a comment or a person. Readers never see it; it can be erased."""

    comment = models.ForeignKey(Comment, on_delete=models.PROTECT, null=True, blank=True, related_name="notes")
    person = models.ForeignKey(Commenter, on_delete=models.PROTECT, null=True, blank=True, related_name="notes_about")
    text = models.TextField(max_length=2000)
    made_by = models.ForeignKey(Commenter, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(comment__isnull=False, person__isnull=True) | Q(comment__isnull=True, person__isnull=False),
                name="comments_note_about_one",
            )
        ]

    def __str__(self) -> str:
        return f"note {self.pk}"


class Assignment(models.Model):
    """A comment handed to a person or to a role, with a note: escalated, or simply somebody's to decide."""

    comment = models.ForeignKey(Comment, on_delete=models.PROTECT, related_name="assignments")
    to_person = models.ForeignKey(
        Commenter, on_delete=models.PROTECT, null=True, blank=True, related_name="assignments"
    )
    to_group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    note = models.TextField(max_length=2000, blank=True, default="")
    made_by = models.ForeignKey(Commenter, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    closed_at = models.DateTimeField(null=True, blank=True)
    """When the comment was decided, or the assignment was given back."""
    closed_by = models.ForeignKey(Commenter, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    closed_with = models.ForeignKey(
        "comments.Decision", on_delete=models.PROTECT, null=True, blank=True, related_name="closed_assignments"
    )
    """The decision that closed it; taking that back opens it again."""

    class Meta:
        verbose_name = _("assignment")
        verbose_name_plural = _("assignments")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(to_person__isnull=False, to_group__isnull=True)
                | Q(to_person__isnull=True, to_group__isnull=False),
                name="comments_assigned_to_one",
            ),
            models.UniqueConstraint(
                fields=["comment"], condition=Q(closed_at__isnull=True), name="comments_one_open_assignment"
            ),
        ]
        indexes = [
            models.Index(fields=["created_at"], condition=Q(closed_at__isnull=True), name="comments_open_assignments")
        ]

    def __str__(self) -> str:
        return f"#{self.comment_id} → {self.to_person or self.to_group}"


class SavedQueue(models.Model):
    """A search an editor keeps in the rail of the desk, for themselves or for everyone."""

    name = models.CharField(max_length=60)
    query = models.CharField(max_length=500)
    """As typed into the search field: see :mod:`comments.search`."""
    order = models.CharField(max_length=12, blank=True, default="")
    made_by = models.ForeignKey(Commenter, on_delete=models.CASCADE, related_name="saved_queues")
    is_shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("saved queue")
        verbose_name_plural = _("saved queues")
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["made_by", "name"], name="comments_saved_queue_once")]

    def __str__(self) -> str:
        return self.name


class BulkAction(models.Model):
    """One decision about everything a search or a score range selects, done in the background and undone as one."""

    query = models.CharField(max_length=500, blank=True, default="")
    """As in :mod:`comments.search`; what it found when the action began is what is decided."""
    highest_id = models.BigIntegerField(default=0)
    """Revisions after this one came later and are left alone."""
    verdict = models.CharField(
        max_length=8, choices=[("publish", _("Publish")), ("hold", _("Hold")), ("reject", _("Reject"))]
    )
    reason = models.CharField(max_length=40, blank=True, default="")
    explanation = models.TextField(max_length=2000, blank=True, default="")
    private_note = models.TextField(max_length=2000, blank=True, default="")
    job = models.OneToOneField(Job, on_delete=models.PROTECT, null=True, blank=True, related_name="bulk")
    undo_job = models.OneToOneField(Job, on_delete=models.PROTECT, null=True, blank=True, related_name="undoes")
    sanction = models.ForeignKey(
        "comments.Sanction", on_delete=models.PROTECT, null=True, blank=True, related_name="bulk_actions"
    )
    made_by = models.ForeignKey(Commenter, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("bulk action")
        verbose_name_plural = _("bulk actions")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"bulk action {self.pk}"


class SectionAccess(models.Model):
    """A section given to a section moderator: see ``access.sections_of``."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="comment_sections")
    section = models.CharField(max_length=80)
    """As in :attr:`comments.models.Discussion.section`."""

    class Meta:
        verbose_name = _("section of a moderator")
        verbose_name_plural = _("sections of moderators")
        ordering = ["section"]
        constraints = [models.UniqueConstraint(fields=["user", "section"], name="comments_section_access_once")]

    def __str__(self) -> str:
        return f"{self.user}: {self.section}"


class DeskPreference(models.Model):
    """How one editor wants to work."""

    person = models.OneToOneField(Commenter, on_delete=models.CASCADE, related_name="desk_preference")
    blur_harsh = models.BooleanField(default=False)
    """Texts with a high score stay blurred until they are hovered, focused or opened."""
    grey_pictures = models.BooleanField(default=False)
    daily_quota = models.PositiveIntegerField(default=0)
    """Decisions a day after which the desk says that it is enough. 0: none."""
    break_minutes = models.PositiveIntegerField(default=0)
    """Minutes of work after which the desk suggests a break. 0: never."""
    mail_decisions = models.BooleanField(default=False)
    """What waits is mailed, with links to decide it."""
    mailed_up_to = models.BigIntegerField(default=0, db_default=0)
    """The newest text that was in a mail about what waits; older ones are not mailed again."""
    mailed_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("desk preference")
        verbose_name_plural = _("desk preferences")

    def __str__(self) -> str:
        return str(self.person)


class AuditEntry(AppendOnly):
    """
    Who did what on the desk, and what it was before. Never changed.

    Decisions and changes of policy are records of their own; :mod:`comments.audit` reads all three as one.
    """

    kind = models.SlugField(max_length=40)
    """What was done: ``sanction``, ``appeal``, ``bulk``, ``role``, ``note``, ``assignment``, …"""
    subject = models.CharField(max_length=300)
    """What it was done to, in words."""
    object_id = models.BigIntegerField(null=True, blank=True)
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True, default="")
    made_by = models.ForeignKey(Commenter, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    """``None``: the system itself, or a command."""
    request_id = models.CharField(max_length=36, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["-created_at"], name="comments_audit_by_time"),
            models.Index(fields=["kind", "object_id"], name="comments_audit_by_object"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject}"
