from __future__ import annotations

import uuid
from typing import Any, NoReturn

from django.db import connections, models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from comments import documents
from comments.models.comments import Comment, Revision, Status
from comments.models.people import Commenter


class AppendOnlyQuerySet(models.QuerySet[Any]):
    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError(f"{self.model.__name__} rows are never changed: write a new one.")

    def bulk_create(self, objs: Any, *args: Any, update_conflicts: bool = False, **options: Any) -> Any:
        if update_conflicts:
            raise TypeError(f"{self.model.__name__} rows are never changed: write a new one.")
        if args or options or connections[self.db].vendor != "postgresql":
            return super().bulk_create(objs, *args, **options)
        return self._write([*objs])

    def _write(self, rows: list[Any]) -> list[Any]:
        """
        Insert ``rows`` and give each its id, as ``bulk_create`` does, for half its work: see :mod:`comments.documents`.
        """
        if not rows:
            return rows
        fields = [field for field in self.model._meta.concrete_fields if not field.primary_key]
        columns = ", ".join(f'"{field.column}"' for field in fields)
        table = f'"{self.model._meta.db_table}"'
        names = [(field.column, field.attname) for field in fields]
        document = documents.written({column: getattr(row, name) for column, name in names} for row in rows)
        with connections[self.db].cursor() as db:
            db.execute(
                f"INSERT INTO {table} ({columns}) SELECT {columns} "  # noqa: S608
                f"FROM json_populate_recordset(NULL::{table}, %s) RETURNING {self.model._meta.pk.column}",
                [document],
            )
            numbers = db.fetchall()
        for row, (number,) in zip(rows, numbers, strict=True):
            row.pk, row._state.adding, row._state.db = number, False, self.db
        return rows

    def delete(self) -> NoReturn:
        raise TypeError(f"{self.model.__name__} rows are never deleted.")


class AppendOnly(models.Model):
    """A record. Django itself is told not to change or delete it, whoever asks."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError(f"{type(self).__name__} rows are never changed: write a new one.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(f"{type(self).__name__} rows are never deleted.")


class Finding(AppendOnly):
    """What one rule said of one text. Spans are offsets into the revision; no words are copied."""

    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="findings")
    rule = models.CharField(max_length=80)
    verdict = models.CharField(max_length=8)
    """``publish``, ``hold`` or ``reject``: what this rule alone would do. ``hold`` when the rule failed."""
    code = models.CharField(max_length=40)
    evidence = models.JSONField(default=dict, blank=True)
    """``{"spans": [[start, end], …], …}`` and the numbers the sentence needs."""
    score = models.FloatField(null=True, blank=True)
    rule_version = models.CharField(max_length=40, blank=True, default="")
    milliseconds = models.FloatField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        indexes = [
            models.Index(
                fields=["rule", "-id"], condition=models.Q(code="house_rule"), name="comments_house_rule_hits"
            ),
            models.Index(
                fields=["code", "revision"],
                condition=~models.Q(code__in=["passed", "score", "no_score"]),
                name="comments_objections",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule}: {self.code}"


class Decider(models.TextChoices):
    SCREENING = "screening", _("Screening")
    EDITOR = "editor", _("An editor")
    AUTHOR = "author", _("The author")
    SYSTEM = "system", _("The system")


class Trigger(models.TextChoices):
    """What first led to a decision."""

    SCREENING = "screening", _("Screening")
    FLAG = "flag", _("A reader's report")
    NOTICE = "notice", _("A legal notice")
    TRUSTED_FLAGGER = "trusted_flagger", _("A trusted flagger")
    ORDER = "order", _("An authority's order")
    APPEAL = "appeal", _("An appeal")
    EDITOR = "editor", _("An editor")
    BULK = "bulk", _("A bulk action")
    SANCTION = "sanction", _("A sanction")
    AUTHOR = "author", _("The author")
    IMPORT = "import", _("An import")


class Decision(AppendOnly):
    """
    What was done to a comment, by whom and why. One row for each change of status, never changed.

    Everything a statement of reasons needs (DSA Art. 17) is written now, since it cannot be filled in later; words that
    may name people stand in :class:`DecisionWords`, which can be erased.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    comment = models.ForeignKey(Comment, on_delete=models.PROTECT, related_name="decisions")
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="decisions")
    """The text that was judged."""
    verdict = models.CharField(
        max_length=8,
        choices=[("publish", _("Publish")), ("hold", _("Hold")), ("reject", _("Reject")), ("withdraw", _("Withdraw"))],
    )
    from_status = models.CharField(max_length=10, choices=Status)
    to_status = models.CharField(max_length=10, choices=Status)

    decider = models.CharField(max_length=10, choices=Decider)
    made_by = models.ForeignKey(Commenter, on_delete=models.PROTECT, null=True, blank=True, related_name="decided")
    trigger = models.CharField(max_length=16, choices=Trigger)
    """The first cause: deciding a held card keeps what held it."""
    assistance = models.CharField(
        max_length=12,
        choices=[
            ("none", _("None")),
            ("findings", _("Findings shown")),
            ("suggestion", _("Suggestion accepted")),
            ("score_range", _("Chosen by score")),
        ],
        default="none",
    )
    reason = models.CharField(max_length=40, blank=True, default="")
    """Code of a :class:`comments.models.policy.Reason`; required when something is rejected or taken down."""
    ground = models.CharField(
        max_length=8,
        choices=[("none", _("None")), ("house", _("House rules")), ("illegal", _("Law"))],
        default="none",
    )
    legal_ground = models.CharField(max_length=500, blank=True, default="")
    guidelines_version = models.PositiveIntegerField(null=True, blank=True)
    terms_anchor = models.CharField(max_length=80, blank=True, default="")
    territorial_scope = models.JSONField(default=list, blank=True)
    """ISO country codes; empty means everywhere."""
    effective_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(null=True, blank=True)
    reverses = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="reversed_by")
    appeal = models.ForeignKey("comments.Appeal", on_delete=models.PROTECT, null=True, blank=True, related_name="made")
    """The appeal that this decision rules on."""
    bulk = models.ForeignKey(
        "comments.BulkAction", on_delete=models.PROTECT, null=True, blank=True, related_name="decisions"
    )
    """The bulk action that this decision is part of."""
    sanction = models.ForeignKey(
        "comments.Sanction", on_delete=models.PROTECT, null=True, blank=True, related_name="decisions_that_followed"
    )
    """The sanction that this decision follows from: all comments of somebody banned."""
    flag_weight = models.DecimalField(max_digits=8, decimal_places=3, null=True, blank=True)
    score = models.FloatField(null=True, blank=True)
    scorer_version = models.CharField(max_length=40, blank=True, default="")
    request_id = models.CharField(max_length=36, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        ordering = ["id"]
        indexes = [
            models.Index(fields=["comment", "id"], name="comments_decision_history"),
            models.Index(fields=["made_by", "-id"], name="comments_decisions_by_editor"),
            models.Index(fields=["-created_at"], name="comments_decisions_by_time"),
            models.Index(
                fields=["reason", "revision"], condition=~models.Q(reason=""), name="comments_decisions_by_reason"
            ),
            models.Index(
                fields=["created_at"], condition=models.Q(decider="editor"), name="comments_editors_decisions"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.comment_id}: {self.from_status} → {self.to_status}"


class DecisionWords(models.Model):
    """An editor's own words about a decision. May name people, so it stands apart and can be deleted."""

    decision = models.OneToOneField(Decision, on_delete=models.CASCADE, related_name="words")
    explanation = models.TextField(max_length=2000, blank=True, default="")
    """To the author."""
    private_note = models.TextField(max_length=2000, blank=True, default="")
    """To other editors."""

    class Meta:
        verbose_name = _("words of a decision")
        verbose_name_plural = _("words of decisions")

    def __str__(self) -> str:
        return f"words of decision {self.decision_id}"


class Flag(models.Model):
    """
    A reader complains about a published comment. One by each person for each text.

    ``weight`` is what the complaint counted for when it was made, from how this person's earlier flags were decided.
    """

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        UPHELD = "upheld", _("Upheld: the comment was removed")
        DISMISSED = "dismissed", _("Dismissed: the comment stands")

    comment = models.ForeignKey(Comment, on_delete=models.PROTECT, related_name="flags")
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="flags")
    person = models.ForeignKey(Commenter, on_delete=models.PROTECT, related_name="flags")
    reason = models.CharField(max_length=40)
    """Code of a :class:`comments.models.policy.Reason`."""
    note = models.CharField(max_length=500, blank=True, default="")
    weight = models.DecimalField(max_digits=8, decimal_places=3)
    counts = models.BooleanField(default=True)
    """False when an editor had already let this text stand against the same reason: kept, and brings nothing back."""
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    settled_by = models.ForeignKey(Decision, on_delete=models.PROTECT, null=True, blank=True, related_name="settled")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    is_new = False
    """Not in the database: made by the very call that returned it."""

    class Meta:
        verbose_name = _("flag")
        verbose_name_plural = _("flags")
        constraints = [models.UniqueConstraint(fields=["revision", "person"], name="comments_one_flag_a_person")]
        indexes = [
            models.Index(
                fields=["comment", "created_at"], condition=models.Q(state="open"), name="comments_open_flags"
            ),
            models.Index(fields=["person", "-created_at"], name="comments_flags_by_person"),
        ]

    def __str__(self) -> str:
        return f"#{self.comment_id}: {self.reason}"


class Desk(Comment):
    """Gives the moderation desk its place in the admin panel, at ``/admin/comments/desk/``."""

    class Meta:
        proxy = True
        verbose_name = _("moderation desk")
        verbose_name_plural = _("moderation desk")
        default_permissions = ()
        permissions = [
            ("see_desk", _("Can look at the moderation desk")),
            ("moderate", _("Can publish, hold and reject comments everywhere")),
            ("moderate_sections", _("Can publish, hold and reject comments in the sections given to them")),
            ("act_in_bulk", _("Can decide about many comments at once")),
            ("sanction_people", _("Can warn, suspend and ban people")),
            ("rule_on_appeals", _("Can rule on appeals")),
            ("change_policy", _("Can change settings, phrases, house rules and models")),
            ("answer_issues", _("Can answer issue reports")),
            ("see_numbers", _("Can see the numbers")),
            ("see_audit", _("Can read the audit log")),
        ]
