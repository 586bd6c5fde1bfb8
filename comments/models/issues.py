from __future__ import annotations

import base64
import hashlib
import secrets

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from comments.models.comments import Comment
from comments.models.decisions import AppendOnly
from comments.models.discussions import Discussion
from comments.models.people import Commenter


def new_seed() -> str:
    """Return 32 random hex characters, from which a receipt's secret is made."""
    return secrets.token_hex(16)


def new_receipt() -> str:
    """Return 43 random characters. Only the first migration still asks for them."""
    return secrets.token_urlsafe(32)


def no_receipt() -> str:
    """Return a digest that no secret has."""
    return secrets.token_hex(32)


def receipt_token(seed: str) -> str:
    """
    Return the secret part of a receipt's address: 43 characters, made from the row's ``seed`` and the site's key.

    Who reads the database alone cannot make it; the site can, to put the address into a mail.
    """
    made = salted_hmac("comments.receipt", seed, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def receipt_digest(token: str) -> str:
    """Return what is stored of a receipt's secret: its SHA-256, 64 hex characters."""
    return hashlib.sha256(token.encode()).hexdigest()


class Failure(models.Model):
    """
    A request about commenting that was refused or that failed, written down by the door it came through.

    For three days it tells whose it was; then only what it was. Never what anyone wrote.
    """

    class Door(models.TextChoices):
        PAGE = "page", _("Page")
        API = "api", _("API")
        EMBED = "embed", _("Embed")
        SIGN_IN = "sign_in", _("Sign-in")
        WORKER = "worker", _("Worker")

    door = models.CharField(max_length=8, choices=Door)
    verb = models.CharField(max_length=40, blank=True, default="")
    """What was asked for: ``post``, ``react``, ``sign_in``."""
    code = models.CharField(max_length=40)
    """As in ``Refused.code``; ``server_error`` for what nobody foresaw."""
    status = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=200, blank=True, default="")
    """The exception's class and our innermost line: ``OperationalError at posting.py:94``."""
    request_id = models.CharField(max_length=36, blank=True, default="")
    discussion = models.ForeignKey(
        Discussion, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    person = models.ForeignKey(
        Commenter, on_delete=models.SET_NULL, null=True, blank=True, related_name="failures", db_index=False
    )
    browser_key = models.CharField(max_length=32, blank=True, default="")
    network_key = models.CharField(max_length=32, blank=True, default="")
    release = models.CharField(max_length=40, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("failure")
        verbose_name_plural = _("failures")
        indexes = [
            models.Index(fields=["created_at"], name="comments_failures_by_time"),
            models.Index(fields=["code", "created_at"], name="comments_failures_by_code"),
            models.Index(fields=["request_id"], condition=~Q(request_id=""), name="comments_failure_of_request"),
            models.Index(
                fields=["person", "-created_at"], condition=Q(person__isnull=False), name="comments_failed_for"
            ),
            models.Index(
                fields=["browser_key", "-created_at"], condition=~Q(browser_key=""), name="comments_failed_in"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.door} {self.verb} {self.code}"


class Incident(models.Model):
    """Commenting does not work for many at once: proposed by a burst or a signal, worded and ended by editors."""

    class State(models.TextChoices):
        PROPOSED = "proposed", _("Proposed")
        CONFIRMED = "confirmed", _("Confirmed")
        WATCHING = "watching", _("Watching whether it is over")
        ENDED = "ended", _("Over")
        DISMISSED = "dismissed", _("Dismissed")

    class Degree(models.TextChoices):
        SLOW = "slow", _("Slow")
        SOME = "some", _("Fails for some")
        ALL = "all", _("Fails for all")

    class Dismissal(models.TextChoices):
        COINCIDENCE = "coincidence", _("Coincidence")
        ORGANISED = "organised", _("Organised")
        KNOWN = "known", _("Known")
        TEST = "test", _("A test")

    state = models.CharField(max_length=10, choices=State, default=State.PROPOSED)
    degree = models.CharField(max_length=5, choices=Degree, default=Degree.SOME)
    stream = models.CharField(max_length=80)
    """What rose: ``kind:cannot_post``, ``code:server_error``, ``signal:silence``; ``editor`` when a person saw it."""
    because = models.JSONField(default=dict, blank=True)
    """The figures behind the proposal: ``{"people": 5, "minutes": 40, "usual": 0.13, "years": 14}``."""
    is_likely = models.BooleanField(default=False)
    """Readers and the server say so both."""
    is_narrow = models.BooleanField(default=False)
    """Nearly all who say so are unknown and come from few networks."""
    title = models.CharField(max_length=200, blank=True, default="")
    """For editors and the history."""
    text = models.TextField(max_length=1000, blank=True, default="")
    """What readers are told while it lasts: what is affected and since when, what is done, what they can do."""
    kept = models.BooleanField(null=True, blank=True)
    """Whether what readers wrote meanwhile is kept. ``None``: not known."""
    started_at = models.DateTimeField(default=timezone.now)
    """Since when readers are affected, as far as is known."""
    next_update_at = models.DateTimeField(null=True, blank=True)
    proposed_at = models.DateTimeField(default=timezone.now, editable=False)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    confirmed_by = models.ForeignKey(Commenter, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(Commenter, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    dismissed_as = models.CharField(max_length=12, choices=Dismissal, blank=True, default="")

    class Meta:
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["state", "-proposed_at"], name="comments_incident_state"),
            models.Index(fields=["stream", "-proposed_at"], name="comments_incident_stream"),
        ]

    def __str__(self) -> str:
        return self.title or self.stream


class IncidentUpdate(AppendOnly):
    """One thing said or done about an incident; readers see those that are public. Never changed."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="updates")
    state = models.CharField(max_length=10, choices=Incident.State)
    """What the incident was from then on."""
    text = models.TextField(max_length=1000, blank=True, default="")
    is_public = models.BooleanField(default=False)
    made_by = models.ForeignKey(Commenter, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("update of an incident")
        verbose_name_plural = _("updates of incidents")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.incident_id}: {self.state}"


class IssueGroup(models.Model):
    """Reports with one cause, which one fix and one answer settle. Made by likeness of facts, or by an editor."""

    title = models.CharField(max_length=200, blank=True, default="")
    fingerprint = models.CharField(max_length=64, blank=True, default="")
    """Of the failure its reports share; empty when facts or an editor brought them together."""
    incident = models.ForeignKey(Incident, on_delete=models.SET_NULL, null=True, blank=True, related_name="groups")
    assigned_to = models.ForeignKey(
        Commenter, on_delete=models.SET_NULL, null=True, blank=True, related_name="issue_groups"
    )
    made_by = models.ForeignKey(Commenter, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    """``None``: by likeness."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_at = models.DateTimeField(default=timezone.now)
    """When its latest report came."""

    class Meta:
        verbose_name = _("group of issue reports")
        verbose_name_plural = _("groups of issue reports")
        ordering = ["-last_at", "-id"]
        indexes = [
            models.Index(fields=["-last_at"], name="comments_groups_by_time"),
            models.Index(fields=["fingerprint", "-last_at"], condition=~Q(fingerprint=""), name="comments_group_print"),
        ]

    def __str__(self) -> str:
        return self.title or f"group {self.pk}"


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

    class Surface(models.TextChoices):
        PAGE = "page", _("The page")
        EMBED = "embed", _("An embedded section")
        APP = "app", _("An app or another program")

    class Elsewhere(models.TextChoices):
        UNKNOWN = "", _("Not asked")
        WORKS = "works", _("Works elsewhere")
        FAILS = "fails", _("Fails elsewhere too")
        UNTRIED = "untried", _("Not tried")

    seed = models.CharField(max_length=32, default=new_seed, db_default="", editable=False)
    digest = models.CharField(max_length=64, unique=True, default=no_receipt, editable=False)
    """Of the private link's secret, which is stored nowhere. See :func:`receipt_token`."""
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
    """The trap field was filled, or it was sent within two seconds. Sorts last; never lost."""
    is_urgent = models.BooleanField(default=False, db_default=False)
    """Something shuts a reader out who needs assistive technology, or carries another person's name. Sorts first."""
    request_id = models.CharField(max_length=36, blank=True, default="")
    browser_key = models.CharField(max_length=32, blank=True, default="", db_default="")
    code = models.CharField(max_length=40, blank=True, default="", db_default="")
    """Of the refusal or failure that the reader met, as far as it is known."""
    failure = models.ForeignKey(Failure, on_delete=models.SET_NULL, null=True, blank=True, related_name="reports")
    fingerprint = models.CharField(max_length=64, blank=True, default="", db_default="")
    """Of that failure: door, verb, code, error and release. Equal ones are one cause."""
    client_error = models.CharField(max_length=200, blank=True, default="", db_default="")
    """The first error of the page's own scripts that went along."""
    browser = models.CharField(max_length=40, blank=True, default="", db_default="")
    """Family and major version: ``Firefox 145``."""
    system = models.CharField(max_length=20, blank=True, default="", db_default="")
    surface = models.CharField(max_length=5, choices=Surface, default=Surface.PAGE, db_default="page")
    elsewhere = models.CharField(max_length=8, choices=Elsewhere, blank=True, default="", db_default="")
    """Whether it works in another browser or on another device, as the reader says."""
    release = models.CharField(max_length=40, blank=True, default="", db_default="")
    language = models.CharField(max_length=12, blank=True, default="", db_default="")
    found = models.CharField(max_length=40, blank=True, default="", db_default="")
    """Code of the answer that was shown first, and that did not settle it."""
    cause = models.CharField(max_length=40, blank=True, default="", db_default="")
    """What it was, as an editor labelled it."""
    further_count = models.PositiveIntegerField(default=0, db_default=0)
    """Further reports from the same browser or network within the hour, which were counted and not stored."""
    group = models.ForeignKey(IssueGroup, on_delete=models.SET_NULL, null=True, blank=True, related_name="reports")
    incident = models.ForeignKey(Incident, on_delete=models.SET_NULL, null=True, blank=True, related_name="reports")
    tell_when_over = models.BooleanField(default=False, db_default=False)
    assigned_to = models.ForeignKey(
        Commenter, on_delete=models.SET_NULL, null=True, blank=True, related_name="issue_reports_assigned"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    answered_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    reopened_at = models.DateTimeField(null=True, blank=True)
    emptied_at = models.DateTimeField(null=True, blank=True)
    """When what was written was deleted; kind, code and times stay."""

    counted = ""
    """Not a column: by what a report was counted on this one instead of being stored: ``account`` or ``mark``."""

    class Meta:
        verbose_name = _("issue report")
        verbose_name_plural = _("issue reports")
        ordering = ["is_suspicious", "-id"]
        indexes = [
            models.Index(fields=["state", "-created_at"], name="comments_issue_state"),
            models.Index(fields=["created_at"], name="comments_issues_by_time"),
            models.Index(
                fields=["browser_key", "-created_at"], condition=~Q(browser_key=""), name="comments_issue_from"
            ),
            models.Index(
                fields=["network_key", "-created_at"], condition=~Q(network_key=""), name="comments_issue_net"
            ),
            models.Index(
                fields=["fingerprint", "-created_at"], condition=~Q(fingerprint=""), name="comments_issue_print"
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def token(self) -> str:
        """The private link's secret; "" when the site's key has changed since, or the row is older than the seed."""
        token = receipt_token(self.seed)
        return token if receipt_digest(token) == self.digest else ""

    def empty(self) -> None:
        """Take out everything that anybody wrote or that says whose it was, and save. Call it on a locked row."""
        self.messages.all().delete()
        self.notes.all().delete()
        self.email = self.network_key = self.browser_key = self.request_id = self.client_error = ""
        self.context = {}
        self.comment = self.reporter = self.failure = None
        self.tell_when_over = False
        self.emptied_at = self.emptied_at or timezone.now()
        self.save()

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
    signed_as = models.CharField(max_length=80, blank=True, default="", db_default="")
    """Whom the reader sees as who answered. Empty: the comments desk."""
    text = models.TextField(max_length=2000)
    asks = models.BooleanField(default=False, db_default=False)
    """The newsroom asks the reader something, and waits for the answer."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    mailed_at = models.DateTimeField(null=True, blank=True, editable=False)
    """When an answer was handed to the mail server; set before it is sent, so that it goes out once at most."""

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.sender}, {self.created_at:%Y-%m-%d %H:%M}"


class IssuePicture(models.Model):
    """A picture that a reader sent along, decoded and encoded anew, so that nothing but pixels is left of it."""

    message = models.ForeignKey(IssueMessage, on_delete=models.CASCADE, related_name="pictures")
    content = models.BinaryField()
    """PNG or JPEG, at most a few hundred kilobytes. In the database: one place to delete it from."""
    content_type = models.CharField(max_length=20)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("picture of a report")
        verbose_name_plural = _("pictures of reports")

    def __str__(self) -> str:
        return f"{self.width} x {self.height}"


class IssueNote(models.Model):
    """What the issue desk tells itself about a report. Readers never see it."""

    report = models.ForeignKey(IssueReport, on_delete=models.CASCADE, related_name="notes")
    text = models.TextField(max_length=2000)
    made_by = models.ForeignKey(Commenter, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("note on a report")
        verbose_name_plural = _("notes on reports")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"note {self.pk}"


class IssueSplit(models.Model):
    """An editor said that two reports are not one: likeness never joins them again."""

    one = models.ForeignKey(IssueReport, on_delete=models.CASCADE, related_name="+")
    other = models.ForeignKey(IssueReport, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("split of two reports")
        verbose_name_plural = _("splits of reports")
        constraints = [models.UniqueConstraint(fields=["one", "other"], name="comments_issue_split_once")]

    def __str__(self) -> str:
        return f"{self.one_id} / {self.other_id}"


class AnswerTemplate(models.Model):
    """An answer that the issue desk gives often. ``{name}`` in it is a hole: while one is left, nothing is sent."""

    name = models.CharField(max_length=80)
    text = models.TextField(max_length=2000)
    language = models.CharField(max_length=12, blank=True, default="")
    """Of the readers it is for; empty: all."""
    cause = models.CharField(max_length=40, blank=True, default="")
    """It is offered first for reports with this cause or code."""
    position = models.PositiveSmallIntegerField(default=100)
    is_active = models.BooleanField(default=True)
    changed_by = models.ForeignKey(Commenter, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("answer template")
        verbose_name_plural = _("answer templates")
        ordering = ["position", "name", "id"]
        constraints = [models.UniqueConstraint(fields=["name", "language"], name="comments_answer_template_once")]

    def __str__(self) -> str:
        return self.name


class DiagnosisCount(models.Model):
    """How often an answer was shown on a day, and what readers did then. Counts, nobody's name."""

    class Outcome(models.TextChoices):
        SHOWN = "shown", _("Shown")
        SETTLED = "settled", _("“That answers it”")
        SENT = "sent", _("A report was sent all the same")

    day = models.DateField()
    code = models.CharField(max_length=40)
    outcome = models.CharField(max_length=8, choices=Outcome)
    count = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("count of answers")
        verbose_name_plural = _("counts of answers")
        constraints = [models.UniqueConstraint(fields=["day", "code", "outcome"], name="comments_diagnosis_count_once")]

    def __str__(self) -> str:
        return f"{self.day} {self.code} {self.outcome}: {self.count}"
