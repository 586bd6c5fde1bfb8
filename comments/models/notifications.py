from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from comments.models.comments import Comment
from comments.models.decisions import Decision
from comments.models.discussions import Discussion
from comments.models.people import Commenter
from comments.models.sanctions import Appeal


class Notification(models.Model):
    """
    Something a person is told on the page and, if they wish, by mail. Names what it is about and holds no words of it.

    ``key`` says what is told: the same again is told once, whichever worker comes first.
    """

    class Kind(models.TextChoices):
        REPLY = "reply", _("Replies to me")
        MENTION = "mention", _("Someone mentions me")
        FOLLOWED = "followed", _("What I follow")
        DECISION = "decision", _("Decisions about my comments")
        PICK = "pick", _("Editors' picks")
        APPEAL = "appeal", _("My appeals")

    person = models.ForeignKey(Commenter, on_delete=models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=10, choices=Kind)
    key = models.CharField(max_length=60)
    """``comment:12``, ``story:3:2026112810``, ``decision:7``, ``pick:12``, ``appeal:4``."""
    comment = models.ForeignKey(
        Comment, on_delete=models.CASCADE, null=True, blank=True, related_name="told_in", db_index=False
    )
    """What was written, decided or chosen. Shown only while readers may see it."""
    decision = models.ForeignKey(
        Decision, on_delete=models.CASCADE, null=True, blank=True, related_name="told_in", db_index=False
    )
    appeal = models.ForeignKey(
        Appeal, on_delete=models.CASCADE, null=True, blank=True, related_name="told_in", db_index=False
    )
    made_by = models.ForeignKey(
        Commenter, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    """The reader who wrote it. ``None`` for what the newsroom does."""
    by_mail = models.BooleanField(default=False, db_default=False)
    """Waits to be told by mail, unless it is read on the page before."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    read_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        constraints = [models.UniqueConstraint(fields=["person", "key"], name="comments_told_once")]
        indexes = [
            models.Index(fields=["person", "-id"], name="comments_told_to"),
            models.Index(fields=["person"], condition=Q(read_at__isnull=True), name="comments_unread_notices"),
            models.Index(fields=["person", "id"], condition=Q(by_mail=True), name="comments_notices_to_mail"),
            models.Index(fields=["created_at"], name="comments_notices_by_time"),
            models.Index(fields=["comment"], name="comments_told_about"),
            models.Index(fields=["decision"], condition=Q(decision__isnull=False), name="comments_told_of_decision"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id}: {self.key}"


def usually_mailed() -> list[str]:
    """Return the kinds that come by mail until somebody says otherwise."""
    return [Notification.Kind.REPLY.value, Notification.Kind.MENTION.value, Notification.Kind.FOLLOWED.value]


class NotificationPreference(models.Model):
    """
    What one person is told of, and how. Without a row it is what the defaults here say.

    The row is also what a mail to this person is claimed by: ``mail_due_at``.
    """

    class Mail(models.TextChoices):
        INSTANT = "instant", _("At once")
        HOURLY = "hourly", _("Hourly")
        DAILY = "daily", _("Daily")
        NEVER = "never", _("Never")

    person = models.OneToOneField(Commenter, on_delete=models.CASCADE, related_name="notification_preference")
    mail = models.CharField(max_length=8, choices=Mail, default=Mail.HOURLY)
    off = models.JSONField(default=list, blank=True)
    """Kinds this person is not told of at all."""
    mailed_kinds = models.JSONField(default=usually_mailed, blank=True)
    """Kinds that also come by mail."""
    follows_own = models.BooleanField(default=False)
    """Conversations this person writes in are followed."""
    mail_due_at = models.DateTimeField(null=True, blank=True)
    """When the next mail is to be written; empty while nothing waits for one."""
    mailed_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("notification preference")
        verbose_name_plural = _("notification preferences")
        indexes = [
            models.Index(fields=["mail_due_at"], condition=Q(mail_due_at__isnull=False), name="comments_mails_due")
        ]

    def __str__(self) -> str:
        return f"{self.person_id}: {self.mail}"


class Follow(models.Model):
    """A person wants to hear of what is new: in one conversation, or under a whole story."""

    person = models.ForeignKey(Commenter, on_delete=models.CASCADE, related_name="follows", db_index=False)
    discussion = models.ForeignKey(Discussion, on_delete=models.CASCADE, related_name="follows", db_index=False)
    comment = models.ForeignKey(
        Comment, on_delete=models.CASCADE, null=True, blank=True, related_name="follows", db_index=False
    )
    """The comment that the conversation begins with; ``None``: everything under the story."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("follow")
        verbose_name_plural = _("follows")
        constraints = [
            models.UniqueConstraint(
                fields=["person", "comment"], condition=Q(comment__isnull=False), name="comments_followed_once"
            ),
            models.UniqueConstraint(
                fields=["person", "discussion"], condition=Q(comment__isnull=True), name="comments_story_followed_once"
            ),
        ]
        indexes = [
            models.Index(fields=["person", "-id"], name="comments_follows_of"),
            models.Index(fields=["discussion", "comment"], name="comments_followers"),
            models.Index(fields=["comment"], condition=Q(comment__isnull=False), name="comments_followed_comment"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id}: {self.comment_id or self.discussion_id}"


class Told(models.Model):
    """Everyone whom this decision concerns has been told. What has no row after some minutes is looked for again."""

    decision = models.OneToOneField(Decision, on_delete=models.CASCADE, primary_key=True, related_name="told")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("decision that was told")
        verbose_name_plural = _("decisions that were told")
        indexes = [models.Index(fields=["created_at"], name="comments_told_by_time")]

    def __str__(self) -> str:
        return f"decision {self.decision_id}"
