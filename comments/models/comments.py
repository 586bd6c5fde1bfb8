from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q, Value
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from comments.models.discussions import Discussion
from comments.models.people import Commenter

# PostgreSQL compares paths byte by byte, as SQLite does anyway.
BYTEWISE = "C" if "postgresql" in settings.DATABASES["default"]["ENGINE"] else None

SEGMENT = 12
"""Characters one comment adds to its parent's path."""

UNJUDGED = 206_543
"""``best_score`` of a comment about which nobody has said anything."""

MAX_DEPTH = 200
"""Deepest reply, so that a path fits an index row of PostgreSQL (2,700 bytes)."""


class Status(models.TextChoices):
    """What became of a text. Only ``published`` is shown to readers; only ``moderation`` sets one."""

    RECEIVED = "received", _("Being checked")
    HELD = "held", _("Waiting for an editor")
    PUBLISHED = "published", _("Published")
    REJECTED = "rejected", _("Rejected")
    WITHDRAWN = "withdrawn", _("Withdrawn by its author")


class Comment(models.Model):
    """
    What a reader wrote under a story, as readers may see it.

    The words themselves are in :class:`Revision`, one row for each time the author wrote them. ``html`` is the safe
    HTML of the revision that was last published; a newer revision leaves it standing until it is decided too.
    """

    discussion = models.ForeignKey(Discussion, on_delete=models.PROTECT, related_name="comments")
    author = models.ForeignKey(Commenter, on_delete=models.PROTECT, related_name="comments")
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="replies")
    path = models.CharField(max_length=SEGMENT * MAX_DEPTH, db_collation=BYTEWISE)
    """The parent's path and 12 characters that sort by time: order by it and a thread reads top to bottom."""
    depth = models.PositiveSmallIntegerField(default=0)

    status = models.CharField(max_length=10, choices=Status, default=Status.RECEIVED)
    version = models.PositiveIntegerField(default=1)
    """Moves with every edit and every decision. Who decides names the version they looked at."""
    html = models.TextField(blank=True, default="")
    is_shown = models.BooleanField(default=False)
    """Published, or the tombstone above something published. What every public query filters on."""
    reply_count = models.PositiveIntegerField(default=0)
    """Published comments below this one, at any depth."""
    like_count = models.PositiveIntegerField(default=0)
    reaction_counts = models.JSONField(default=dict, blank=True, db_default=Value({}, models.JSONField()))
    """How many people reacted in each way other than a like: ``{"dislike": 2}``."""
    best_score = models.PositiveIntegerField(default=UNJUDGED, db_default=UNJUDGED)
    """What the order "best" goes by, in millionths: see :mod:`comments.ranking`."""
    removed_for = models.CharField(max_length=40, blank=True, default="")
    """Code of the reason on the tombstone."""

    language = models.CharField(max_length=2, blank=True, default="", db_default="")
    """Of the words that readers see; empty where it cannot be told."""
    text_hash = models.CharField(max_length=32, blank=True, default="")
    """Digest of the folded text of the latest revision: the same words again are found by it."""
    idempotency_key = models.CharField(max_length=255, blank=True, default="")
    """Names the author's attempt to post; the same key again answers with the same comment."""
    network_key = models.CharField(max_length=32, blank=True, default="")

    created_at = models.DateTimeField(default=timezone.now, editable=False)
    edited_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    featured_at = models.DateTimeField(null=True, blank=True)
    """Since when it is an editors' pick. Readers see that while it is published."""
    featured_by = models.ForeignKey(
        Commenter, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    pinned_at = models.DateTimeField(null=True, blank=True)
    """Since when the newsroom points at it; at most one in each discussion."""
    answered_at = models.DateTimeField(null=True, blank=True)
    """
    Of a question: since when an answer by an expert or by the newsroom is published below it. Moved in the transaction
    that publishes the answer or takes it down: see :mod:`comments.questions`.
    """

    is_new = False
    """Not in the database: made by the very call that returned it."""

    class Meta:
        verbose_name = _("comment")
        verbose_name_plural = _("comments")
        constraints = [
            models.UniqueConstraint(fields=["discussion", "path"], name="comments_comment_path"),
            models.UniqueConstraint(
                fields=["author", "idempotency_key"], condition=~Q(idempotency_key=""), name="comments_comment_attempt"
            ),
            models.UniqueConstraint(
                fields=["discussion"], condition=Q(pinned_at__isnull=False), name="comments_one_pinned"
            ),
            models.CheckConstraint(
                condition=~Q(status="published") | ~Q(html=""), name="comments_published_needs_safe_html"
            ),
            models.CheckConstraint(
                condition=~Q(status="published") | Q(is_shown=True), name="comments_published_is_shown"
            ),
        ]
        indexes = [
            models.Index(fields=["discussion", "path"], condition=Q(is_shown=True), name="comments_shown_path"),
            models.Index(
                fields=["discussion", "id"],
                condition=Q(is_shown=True, parent__isnull=True),
                name="comments_shown_roots",
            ),
            models.Index(
                fields=["discussion", "-like_count", "-id"],
                condition=Q(is_shown=True, parent__isnull=True),
                name="comments_shown_top",
            ),
            models.Index(
                fields=["discussion", "-best_score", "-id"],
                condition=Q(is_shown=True, parent__isnull=True),
                name="comments_shown_best",
            ),
            models.Index(
                fields=["discussion", "-reply_count", "-id"],
                condition=Q(is_shown=True, parent__isnull=True),
                name="comments_shown_answered",
            ),
            models.Index(
                fields=["discussion", "-id"],
                condition=Q(featured_at__isnull=False, status="published"),
                name="comments_shown_picks",
            ),
            models.Index(
                fields=["discussion", "id"],
                condition=Q(is_shown=True, parent__isnull=True, answered_at__isnull=False),
                name="comments_answered",
            ),
            models.Index(fields=["discussion", "-id"], condition=Q(status="published"), name="comments_latest_here"),
            models.Index(fields=["author", "-created_at"], name="comments_by_author"),
            models.Index(fields=["text_hash", "created_at"], name="comments_same_text"),
            models.Index(fields=["status", "created_at"], name="comments_by_status"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("comments:permalink", args=[self.pk])

    @property
    def ancestor_paths(self) -> list[str]:
        """Paths of the comments above this one, the root first."""
        return [self.path[:end] for end in range(SEGMENT, len(self.path), SEGMENT)]


class Revision(models.Model):
    """
    One text by the author, as typed. Numbered from 1; never changed once written.

    ``status`` is what became of this text, which an edit of a published comment needs: its old text stays published
    while the new one waits.
    """

    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveSmallIntegerField(default=1)
    text = models.TextField()
    html = models.TextField(blank=True, default="")
    """Safe HTML, written by the worker that screened it; empty before."""
    status = models.CharField(max_length=10, choices=Status, default=Status.RECEIVED)
    language = models.CharField(max_length=2, blank=True, default="")
    """Which it is surely in, by :mod:`comments.languages`; empty where that cannot be told."""
    sanitizer_version = models.CharField(max_length=40, blank=True, default="")
    attempts = models.PositiveSmallIntegerField(default=0)
    """How often screening was begun; counted before the work, so that a text that kills its worker is noticed."""
    claimed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    screened_at = models.DateTimeField(null=True, blank=True)
    risk = models.FloatField(default=0, db_default=0)
    """How likely it is removed, 0 to 1, as screening saw it: the local scorer's probability, 1 where a rule rejects."""
    priority = models.FloatField(default=0, db_default=0)
    """Risk times reach: what an editor should look at first has the most. Written by screening."""
    flag_weight = models.FloatField(default=0, db_default=0)
    """What readers' reports weighed when they brought it to the desk."""
    section = models.CharField(max_length=80, blank=True, default="", db_default="")
    """The story's section, kept here while a text waits, so that the queue of a section is one index."""
    reviewed_at = models.DateTimeField(null=True, blank=True)
    """When an editor first decided about this text; empty when only screening has."""
    first_published_at = models.DateTimeField(null=True, blank=True)
    """With a decision's ``to_status`` it tells *removed* from *never published*."""

    class Meta:
        verbose_name = _("revision")
        verbose_name_plural = _("revisions")
        constraints = [models.UniqueConstraint(fields=["comment", "number"], name="comments_revision_number")]
        indexes = [
            models.Index(fields=["created_at"], condition=Q(status="received"), name="comments_unscreened"),
            models.Index(fields=["created_at", "id"], condition=Q(status="held"), name="comments_to_decide"),
            models.Index(fields=["-priority", "id"], condition=Q(status="held"), name="comments_held_by_priority"),
            models.Index(fields=["-risk", "id"], condition=Q(status="held"), name="comments_held_by_risk"),
            models.Index(fields=["-flag_weight", "id"], condition=Q(status="held"), name="comments_held_by_flags"),
            models.Index(fields=["section", "created_at", "id"], condition=Q(status="held"), name="comments_held_here"),
            models.Index(
                fields=["section", "-priority", "id"], condition=Q(status="held"), name="comments_held_here_first"
            ),
            models.Index(
                fields=["-created_at", "-id"],
                condition=Q(status="published", reviewed_at__isnull=True),
                name="comments_unreviewed",
            ),
            models.Index(fields=["created_at", "id"], name="comments_texts_by_time"),
        ]

    def __str__(self) -> str:
        return f"#{self.comment_id}, version {self.number}"


class Reaction(models.Model):
    """What one person thinks of one comment, in one click: a like unless the newsroom offers more."""

    class Kind(models.TextChoices):
        LIKE = "like", _("Like")
        DISLIKE = "dislike", _("Dislike")
        INSIGHTFUL = "insightful", _("Insightful")
        THANKS = "thanks", _("Thank you")
        FUNNY = "funny", _("Funny")

    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="reactions")
    person = models.ForeignKey(Commenter, on_delete=models.PROTECT, related_name="reactions")
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.LIKE)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("reaction")
        verbose_name_plural = _("reactions")
        constraints = [models.UniqueConstraint(fields=["comment", "person"], name="comments_one_reaction_a_person")]

    def __str__(self) -> str:
        return f"{self.kind} #{self.comment_id}"


class Fingerprint(models.Model):
    """
    What nearly equal texts have in common: a few numbers for each text, of which alike ones share at least one.

    Kept for some days, then swept. See ``hold_campaign``.
    """

    # Twenty rows a text: the database checking each of them cost more than writing it.
    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="fingerprints", db_constraint=False)
    band = models.PositiveSmallIntegerField()
    value = models.BigIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("fingerprint")
        verbose_name_plural = _("fingerprints")
        indexes = [
            models.Index(fields=["value", "band", "created_at"], name="comments_alike"),
            models.Index(fields=["created_at"], name="comments_fingerprints_by_time"),
        ]

    def __str__(self) -> str:
        return f"#{self.comment_id}, band {self.band}"
