from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from comments.models.people import Commenter


class Guest(models.Model):
    """
    How a guest is known again: by the digest of a secret that their browser keeps, and by nothing else.

    Neither a name nor a typed address ever leads to one.
    """

    person = models.OneToOneField(Commenter, on_delete=models.CASCADE, related_name="known_by")
    secret_digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("guest")
        verbose_name_plural = _("guests")

    def __str__(self) -> str:
        return f"guest {self.person_id}"


class SpentProof(models.Model):
    """
    What is good once: the proof of work, or the wait, that a comment was paid with; a token of the publisher's that a
    reader was signed in by. Kept until it expires, and so is refused by its date.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    expires_at = models.DateTimeField()

    class Meta:
        verbose_name = _("spent proof")
        verbose_name_plural = _("spent proofs")
        indexes = [models.Index(fields=["expires_at"], name="comments_proofs_by_time")]

    def __str__(self) -> str:
        return self.digest
