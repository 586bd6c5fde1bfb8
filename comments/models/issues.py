from __future__ import annotations

import secrets

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from comments.models.comments import Comment
from comments.models.discussions import Discussion
from comments.models.people import Commenter


def new_receipt() -> str:
    """Return the secret part of a receipt's address: 43 characters."""
    return secrets.token_urlsafe(32)


class IssueReport(models.Model):
    """A reader let us know that commenting does not work for them."""

    class Kind(models.TextChoices):
        CANNOT_POST = "cannot_post", _("I cannot post")
        CANNOT_SIGN_IN = "cannot_sign_in", _("I cannot sign in")
        VANISHED = "vanished", _("My comment vanished")
        CANNOT_SEE = "cannot_see", _("I cannot see the comments")
        CANNOT_REPLY_VOTE = "cannot_reply_vote", _("I cannot reply or like")
        LAYOUT = "layout", _("The page looks broken")
        NOTIFICATIONS = "notifications", _("Trouble with notifications")
        OTHER = "other", _("Something else")

    class State(models.TextChoices):
        OPEN = "open", _("Received")
        ANSWERED = "answered", _("Answered")
        SOLVED = "solved", _("Solved")
        CLOSED = "closed", _("Closed")

    token = models.CharField(max_length=43, unique=True, default=new_receipt, editable=False)
    """The private link's secret."""
    kind = models.CharField(max_length=20, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    email = models.CharField(max_length=254, blank=True, default="")
    """As typed, if they want an answer. Never refused for its form: a report is worth more than an address."""
    discussion = models.ForeignKey(Discussion, on_delete=models.SET_NULL, null=True, blank=True)
    comment = models.ForeignKey(Comment, on_delete=models.SET_NULL, null=True, blank=True)
    reporter = models.ForeignKey(Commenter, on_delete=models.SET_NULL, null=True, blank=True)
    network_key = models.CharField(max_length=32, blank=True, default="")
    context = models.JSONField(default=dict, blank=True)
    """What went along, each part shown to the reader first: ``{"browser": "…", "language": "…"}``."""
    is_suspicious = models.BooleanField(default=False)
    """The trap field was filled. Sorts last; never lost."""
    request_id = models.CharField(max_length=36, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    answered_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("issue report")
        verbose_name_plural = _("issue reports")
        ordering = ["is_suspicious", "-id"]
        indexes = [models.Index(fields=["state", "-created_at"], name="comments_issue_state")]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """What a reader can say on the phone: ``2611-0387``."""
        return f"{self.created_at:%y%m}-{self.pk or 0:04d}"


class IssueMessage(models.Model):
    """One message on a report: by the reader, by the newsroom, or a note of the system."""

    class Sender(models.TextChoices):
        READER = "you", _("The reader")
        NEWSROOM = "newsroom", _("The newsroom")
        SYSTEM = "system", _("The system")

    report = models.ForeignKey(IssueReport, on_delete=models.CASCADE, related_name="messages")
    sender = models.CharField(max_length=10, choices=Sender)
    written_by = models.ForeignKey(Commenter, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    text = models.TextField(max_length=2000)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    mailed_at = models.DateTimeField(null=True, blank=True, editable=False)
    """When an answer was handed to the mail server; set before it is sent, so that it goes out once at most."""

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.sender}, {self.created_at:%Y-%m-%d %H:%M}"
