from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import get_language, gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from comments.models.decisions import AppendOnly
from comments.models.discussions import Discussion
from comments.models.people import Commenter


class PolicyVersion(models.Model):
    """
    One row. Its number moves in the transaction of every change of policy: a setting, a phrase, a rule, a model.

    Whoever judges keeps the policy in memory and looks at this number first: one read by primary key.
    """

    number = models.PositiveBigIntegerField(default=1)

    class Meta:
        verbose_name = _("version of the policy")
        verbose_name_plural = _("version of the policy")

    def __str__(self) -> str:
        return str(self.number)


class PolicyChange(AppendOnly):
    """Who changed what about how comments are judged, and what it was before."""

    class Kind(models.TextChoices):
        SETTING = "setting", _("Setting")
        PHRASE = "phrase", _("Phrase")
        HOUSE_RULE = "house_rule", _("House rule")
        MODEL = "model", _("Model")
        AUTO_APPROVAL = "auto_approval", _("Approval by score")
        GUIDELINES = "guidelines", _("Guidelines")

    kind = models.CharField(max_length=16, choices=Kind)
    subject = models.CharField(max_length=300)
    """What was changed: ``links_allowed`` in ``section:Opinion``, a phrase, the name of a rule."""
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True, default="")
    """Why, in the words of who changed it."""
    made_by = models.ForeignKey(Commenter, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    """``None``: the system itself, or a command."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("change of policy")
        verbose_name_plural = _("changes of policy")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["kind", "-id"], name="comments_changes_by_kind"),
            models.Index(fields=["-created_at"], name="comments_changes_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.subject}"


class Guidelines(AppendOnly):
    """
    One version of the guidelines, as it was published. The one with the highest number holds.

    Decisions and people name the version by its number, so that it can be read for ever what somebody accepted.
    """

    number = models.PositiveIntegerField(unique=True)
    text = models.TextField()
    """As typed: plain text and a little Markdown."""
    html = models.TextField()
    """Safe HTML made of it by :mod:`comments.text`."""
    note = models.CharField(max_length=500, blank=True, default="")
    """What is new, in the words of who published it; for editors."""
    made_by = models.ForeignKey(Commenter, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("version of the guidelines")
        verbose_name_plural = _("versions of the guidelines")
        ordering = ["-number"]

    def __str__(self) -> str:
        return str(self.number)


class Setting(models.Model):
    """
    One value in force for the site, a section or one discussion. What is not here comes from the level above.

    The history stands in :class:`PolicyChange`.
    """

    class Scope(models.TextChoices):
        SITE = "site", _("Site")
        SECTION = "section", _("Section")
        DISCUSSION = "discussion", _("Article")

    scope = models.CharField(max_length=10, choices=Scope)
    section = models.CharField(max_length=80, blank=True, default="")
    discussion = models.ForeignKey(
        Discussion, on_delete=models.CASCADE, null=True, blank=True, related_name="own_settings"
    )
    name = models.CharField(max_length=60)
    """A field of :class:`comments.conf.Settings`."""
    value = models.JSONField()
    changed_at = models.DateTimeField(auto_now=True)
    changed_by = models.ForeignKey(Commenter, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = _("setting")
        verbose_name_plural = _("settings")
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "section", "name"],
                condition=Q(discussion__isnull=True),
                name="comments_setting_once",
            ),
            models.UniqueConstraint(
                fields=["discussion", "name"],
                condition=Q(discussion__isnull=False),
                name="comments_setting_once_an_article",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.scope})"


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
    """
    Return the words for the active language, else the site's, else any.

    Words that shipped with the app and that nobody has translated here are translated by its catalogue.
    """
    active = get_language() or ""
    for code in (active, active[:2]):
        if texts.get(code):
            return texts[code]
    own = (texts.get(code) for code in (settings.LANGUAGE_CODE, settings.LANGUAGE_CODE[:2]))
    words = next(filter(None, own), "") or next(iter(texts.values()), "")
    return gettext(words) if words else ""


SHIPPED_REASONS = (
    gettext_noop("personal attack"),
    gettext_noop("It argues with the person and not with the point."),
    gettext_noop("hate against a group"),
    gettext_noop("It puts people down for what they are."),
    gettext_noop("spam"),
    gettext_noop("It was sent in bulk or says nothing about the article."),
    gettext_noop("advertising"),
    gettext_noop("It advertises something."),
    gettext_noop("off topic"),
    gettext_noop("It is about something other than the article."),
    gettext_noop("states something untrue as fact"),
    gettext_noop("It states as fact something that is not true."),
    gettext_noop("somebody's personal data"),
    gettext_noop("It tells things about a person that are not for the public."),
    gettext_noop("words not used here"),
    gettext_noop("It contains words that are not used in this section."),
    gettext_noop("against the law"),
    gettext_noop("It is against the law."),
    gettext_noop("against the house rules"),
    gettext_noop("It does not fit the house rules."),
)
"""The words of the reasons that the second migration writes, for translators to find."""


class Phrase(models.Model):
    """Words an editor does not want to read unasked: banned ones reject, suspect ones hold."""

    class Kind(models.TextChoices):
        BANNED = "banned", _("Banned: rejects")
        SUSPECT = "suspect", _("Suspect: holds")

    phrase = models.CharField(max_length=200)
    """As typed. ``*`` stands for any letters inside one word."""
    language = models.CharField(max_length=12, blank=True, default="", db_default="")
    """Whose list it stands on: a language code; empty for every language."""
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.SUSPECT)
    note = models.CharField(max_length=300, blank=True, default="")
    expires_at = models.DateTimeField(null=True, blank=True)
    """Not looked for any more after this."""
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


class HouseRule(models.Model):
    """A rule that editors wrote themselves: conditions and actions, in the form of its latest version."""

    class State(models.TextChoices):
        OFF = "off", _("Off")
        SHADOW = "shadow", _("Shadow: writes down what it would do")
        ON = "on", _("On")

    name = models.CharField(max_length=120, unique=True)
    state = models.CharField(max_length=8, choices=State, default=State.OFF)
    number = models.PositiveIntegerField(default=1)
    """Of the version in force."""
    definition = models.JSONField()
    """See :mod:`comments.screening.house_rules`."""
    position = models.PositiveIntegerField(default=100)
    shadow_since = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("house rule")
        verbose_name_plural = _("house rules")
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name


class HouseRuleVersion(AppendOnly):
    """One text of a house rule, kept for ever: findings name it."""

    rule = models.ForeignKey(HouseRule, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    note = models.CharField(max_length=500, blank=True, default="")
    made_by = models.ForeignKey(Commenter, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("version of a house rule")
        verbose_name_plural = _("versions of house rules")
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["rule", "number"], name="comments_house_rule_number")]

    def __str__(self) -> str:
        return f"{self.rule}, version {self.number}"
