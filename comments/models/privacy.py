from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from comments.models.jobs import Job
from comments.models.people import Commenter


class DataExport(models.Model):
    """
    Everything that is kept about a person, as one file for them alone, for some days.

    The file stands in the database, in :class:`DataExportPart`, so that every process has it and nothing of it is left
    when the rows are gone.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    person = models.ForeignKey(Commenter, on_delete=models.PROTECT, related_name="data_exports")
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="data_export")
    size = models.PositiveBigIntegerField(default=0)
    """Bytes of the file."""
    is_cut = models.BooleanField(default=False)
    """There was more than ``EXPORT_MEGABYTES``; the file says so."""
    ready_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("download of personal data")
        verbose_name_plural = _("downloads of personal data")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["person", "-id"], name="comments_exports_of"),
            models.Index(fields=["expires_at"], name="comments_exports_by_end"),
        ]

    def __str__(self) -> str:
        return f"export {self.pk}"


class DataExportPart(models.Model):
    """A piece of the file."""

    export = models.ForeignKey(DataExport, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        verbose_name = _("part of a download")
        verbose_name_plural = _("parts of downloads")
        constraints = [models.UniqueConstraint(fields=["export", "number"], name="comments_export_part_once")]

    def __str__(self) -> str:
        return f"export {self.export_id}, part {self.number}"


class FormerAddress(models.Model):
    """
    The e-mail address of an erased person who was shut out, as a keyed hash: who signs up with it again stays shut out.

    Deleted when nothing holds against that person any more.
    """

    person = models.ForeignKey(Commenter, on_delete=models.CASCADE, related_name="former_addresses")
    digest = models.CharField(max_length=64, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("former address")
        verbose_name_plural = _("former addresses")
        constraints = [models.UniqueConstraint(fields=["person", "digest"], name="comments_former_address_once")]

    def __str__(self) -> str:
        return f"former address {self.pk}"
