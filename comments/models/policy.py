from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _


class Reason(models.Model):
    """Why something is rejected. The code stays; the words are the newsroom's, in every language it writes."""

    code = models.SlugField(max_length=40, unique=True)
    public_text = models.JSONField(default=dict)
    """Language code → words on the tombstone: ``{"en": "personal attack"}``."""
    author_text = models.JSONField(default=dict, blank=True)
    """Language code → the sentence its author reads."""
    private_note = models.TextField(blank=True, default="")
    ground_default = models.CharField(
        max_length=8, choices=[("house", _("House rules")), ("illegal", _("Law"))], default="house"
    )
    terms_anchor = models.CharField(max_length=80, blank=True, default="")
    tdb_category = models.CharField(max_length=80, blank=True, default="")
    """Category in the Commission's Transparency Database."""
    tdb_keywords = models.JSONField(default=list, blank=True)
    tdb_other = models.CharField(max_length=500, blank=True, default="")
    high_volume_commercial = models.BooleanField(default=False)
    """Spam in bulk: no statement of reasons is owed for it (DSA Art. 17(2))."""
    is_active = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(default=100)

    class Meta:
        verbose_name = _("reason")
        verbose_name_plural = _("reasons")
        ordering = ["position", "code"]

    def __str__(self) -> str:
        return in_language(self.public_text) or self.code


def in_language(texts: dict[str, str]) -> str:
    """Return the words for the active language, else the site's, else any."""
    for code in (get_language() or "", (get_language() or "")[:2], settings.LANGUAGE_CODE, settings.LANGUAGE_CODE[:2]):
        if texts.get(code):
            return texts[code]
    return next(iter(texts.values()), "")


class Phrase(models.Model):
    """Words an editor does not want to read unasked: banned ones reject, suspect ones hold."""

    class Kind(models.TextChoices):
        BANNED = "banned", _("Banned: rejects")
        SUSPECT = "suspect", _("Suspect: holds")

    phrase = models.CharField(max_length=200)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.SUSPECT)
    note = models.CharField(max_length=300, blank=True, default="")
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("phrase")
        verbose_name_plural = _("phrases")
        constraints = [models.UniqueConstraint(fields=["phrase"], name="comments_phrase_once")]

    def __str__(self) -> str:
        return self.phrase
