from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

SCOPES = {
    "read": _("Read as this person"),
    "write": _("Post, edit, withdraw and react as this person"),
    "moderate": _("Moderate, if this person may"),
}


def digest(token: str) -> str:
    """Return what is stored of a token: its SHA-256, 64 hex characters (tokens are random, so no salt is needed)."""
    return hashlib.sha256(token.encode()).hexdigest()


class TokenManager(models.Manager["Token"]):
    def issue(self, user: settings.AUTH_USER_MODEL, scopes: list[str], days: int, label: str = "") -> str:  # type: ignore[name-defined]
        """Make a token for ``user`` and return it: the only time it can be read."""
        token = "nc_" + secrets.token_urlsafe(32)
        self.create(
            user=user,
            digest=digest(token),
            scopes=sorted(scopes),
            label=label,
            expires_at=timezone.now() + timedelta(days=days),
        )
        return token


class Token(models.Model):
    """Lets a program act as a person, within scopes, until it expires or is revoked. Stored hashed."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="comment_tokens")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    label = models.CharField(max_length=80, blank=True, default="")
    scopes = models.JSONField(default=list)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TokenManager()

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")

    def __str__(self) -> str:
        return self.label or f"token {self.pk}"


class PublisherAccount(models.Model):
    """
    Who at the publisher's somebody here is: one account there, one here, made when they first came.

    Only ``issuer`` and ``subject`` lead to the account here. An e-mail address never does.
    """

    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    """The publisher's own id of the reader (``sub``): one that stays theirs, whatever they change."""
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="publisher_account")
    name = models.CharField(max_length=80, blank=True, default="")
    """As the publisher last said it; what is shown may be another by now, chosen here."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("publisher's account")
        verbose_name_plural = _("publisher's accounts")
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="comments_one_account_a_publishers_reader")
        ]

    def __str__(self) -> str:
        return f"publisher's account {self.pk}"


class Delivery(models.Model):
    """
    Something that leaves the site: a mail, or a message to another program. The row is claimed once, then sent.

    Written in the transaction of what it tells about, so that neither is there without the other.
    """

    class Way(models.TextChoices):
        MAIL = "mail", _("Mail")
        WEBHOOK = "webhook", _("Webhook")

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Given up")

    way = models.CharField(max_length=8, choices=Way)
    key = models.CharField(max_length=120, unique=True)
    """What it is about, so that nothing is told twice: ``sanction:12:told``."""
    to = models.CharField(max_length=500)
    """An e-mail address, or a URL."""
    subject = models.CharField(max_length=200, blank=True, default="")
    text = models.TextField()
    html = models.TextField(blank=True, default="")
    headers = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)
    """Not before this; pushed back by whoever claims it, and further with each failure."""
    error = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state="waiting"), name="comments_due_deliveries"),
            models.Index(fields=["created_at"], condition=~Q(text=""), name="comments_deliveries_with_text"),
            models.Index(fields=["to", "-id"], condition=Q(way="mail"), name="comments_mails_to"),
        ]

    def __str__(self) -> str:
        return self.key
