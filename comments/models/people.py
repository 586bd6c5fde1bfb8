from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class CommenterManager(models.Manager["Commenter"]):
    def for_user(self, user: Any) -> Commenter:
        """
        Return the person behind a signed-in ``user``, made on their first visit. One query after that.

        Their ``user`` is the one that was given, with the permissions that it has read already.
        """
        try:
            person = self.get(user_id=user.pk)
        except Commenter.DoesNotExist:
            name = (user.get_full_name() or user.get_username())[:80]
            person, _created = self.get_or_create(
                user_id=user.pk, defaults={"name": name, "badge": Commenter.Badge.STAFF if user.is_staff else ""}
            )
        person.user = user
        return person


class Commenter(models.Model):
    """
    A person who comments: a user of the site, or a guest.

    Rows are anchors. Erasing a person empties the row and never deletes it, so that decisions and conversations keep
    standing.
    """

    class Badge(models.TextChoices):
        NONE = "", _("None")
        STAFF = "staff", _("Staff")
        EXPERT = "expert", _("Expert")
        GUEST = "guest", _("Guest")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="commenter"
    )
    name = models.CharField(max_length=80)
    email = models.EmailField(blank=True, default="")
    """What a guest typed. It proves nothing and gives no trust."""
    badge = models.CharField(max_length=8, choices=Badge, blank=True, default=Badge.NONE)
    role = models.CharField(max_length=80, blank=True, default="")
    """Shown after the badge: "Transport reporter"."""

    published_count = models.PositiveIntegerField(default=0)
    rejected_count = models.PositiveIntegerField(default=0)
    upheld_flag_count = models.PositiveIntegerField(default=0, db_default=0)
    """This person's flags after which an editor removed the comment."""
    dismissed_flag_count = models.PositiveIntegerField(default=0, db_default=0)
    """This person's flags after which an editor let the comment stand."""

    premoderated_at = models.DateTimeField(
        null=True, blank=True, verbose_name=_("every comment waits since"), help_text=_("Empty: they do not.")
    )
    """Since when every comment by this person waits for an editor."""
    preferred_language = models.CharField(max_length=12, blank=True, default="")
    contact_confirmed_at = models.DateTimeField(null=True, blank=True)
    terms_version = models.PositiveIntegerField(null=True, blank=True)
    """The guidelines this person accepted, and when."""
    terms_accepted_at = models.DateTimeField(null=True, blank=True)
    erase_at = models.DateTimeField(null=True, blank=True)
    """When this person's name and data go, at their own wish; until then they can take that back."""
    erase_texts = models.BooleanField(default=False, db_default=False)
    """Their published comments go as well, instead of standing there without a name."""
    erased_at = models.DateTimeField(null=True, blank=True)
    """Since when the name is gone. While ``erase_at`` is set beside it, the rest is on its way."""
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CommenterManager()

    class Meta:
        verbose_name = _("commenter")
        verbose_name_plural = _("commenters")
        indexes = [
            models.Index(Lower("name"), name="comments_commenters_by_name"),
            models.Index(
                fields=["erase_at"], condition=models.Q(erase_at__isnull=False), name="comments_people_to_erase"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Mute(models.Model):
    """One reader does not wish to read another: for that reader alone, their comments are folded."""

    person = models.ForeignKey(Commenter, on_delete=models.CASCADE, related_name="mutes")
    muted = models.ForeignKey(Commenter, on_delete=models.CASCADE, related_name="muted_by")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("mute")
        verbose_name_plural = _("mutes")
        constraints = [
            models.UniqueConstraint(fields=["person", "muted"], name="comments_one_mute_a_person"),
            models.CheckConstraint(
                condition=~models.Q(person=models.F("muted")), name="comments_nobody_mutes_themself"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} mutes {self.muted_id}"


class PersonFlag(models.Model):
    """A reader complains about a person: their name, or what they do in many comments. One open by each reader."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        UPHELD = "upheld", _("Right")
        DISMISSED = "dismissed", _("Dismissed")

    person = models.ForeignKey(Commenter, on_delete=models.PROTECT, related_name="person_flags")
    """About whom."""
    reporter = models.ForeignKey(Commenter, on_delete=models.PROTECT, related_name="person_flags_made")
    reason = models.CharField(max_length=40)
    """Code of a :class:`comments.models.policy.Reason`."""
    note = models.CharField(max_length=500, blank=True, default="")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    settled_by = models.ForeignKey(Commenter, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    settled_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    is_new = False
    """Not in the database: made by the very call that returned it."""

    class Meta:
        verbose_name = _("report about a person")
        verbose_name_plural = _("reports about people")
        constraints = [
            models.UniqueConstraint(
                fields=["person", "reporter"], condition=models.Q(state="open"), name="comments_one_open_person_flag"
            )
        ]
        indexes = [
            models.Index(fields=["person", "-created_at"], name="comments_flags_about"),
            models.Index(fields=["person"], condition=models.Q(state="open"), name="comments_open_flags_about"),
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.reason}"
