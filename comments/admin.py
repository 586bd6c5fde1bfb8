"""
The admin panel: every noun to look at, what is policy to edit, and the door to the moderation desk.

Nothing here decides about a comment or changes a record: statuses have no field, rows of the record no form, and what
a verb exists for is done by calling it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial, wraps
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Substr
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import linebreaksbr
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from comments import access, audit, discussions, names, phrases, questions
from comments.desk import (
    appeals,
    guidelines,
    links,
    model,
    numbers,
    people,
    preferences,
    rules,
    searching,
    together,
    views,
)
from comments.desk import audit as audit_page
from comments.desk import bulk as bulk_page
from comments.desk import issues as issue_desk
from comments.desk import phrases as phrase_views
from comments.desk import roles as roles_page
from comments.desk import settings as policy_page
from comments.exceptions import Refused
from comments.models import (
    Acknowledgement,
    AnswerTemplate,
    Appeal,
    Assignment,
    Audit,
    AuditEntry,
    AutoApproval,
    BulkAction,
    Claim,
    Comment,
    Commenter,
    DataExport,
    DataExportPart,
    Decision,
    DecisionWords,
    Delivery,
    Desk,
    DeskPreference,
    DiagnosisCount,
    Discussion,
    Expert,
    Failure,
    Finding,
    Fingerprint,
    Flag,
    Follow,
    FormerAddress,
    Guest,
    Guidelines,
    HouseRule,
    HouseRuleVersion,
    Incident,
    IncidentUpdate,
    IssueGroup,
    IssueMessage,
    IssueNote,
    IssuePicture,
    IssueReport,
    IssueSplit,
    Job,
    Lesson,
    Mute,
    Note,
    Notification,
    NotificationPreference,
    PersonFlag,
    Phrase,
    PolicyChange,
    PolicyVersion,
    PublisherAccount,
    Reaction,
    Reason,
    Revision,
    Sanction,
    SanctionWords,
    SavedQueue,
    ScoringModel,
    SectionAccess,
    Setting,
    SpentProof,
    Token,
    Told,
)
from comments.screening import sentences

if TYPE_CHECKING:
    Admin = admin.ModelAdmin[Any]
    Inline = admin.TabularInline[Any, Any]
    Form = forms.ModelForm[Any]
    Pages = Paginator[Any]
else:
    Admin, Inline, Form, Pages = admin.ModelAdmin, admin.TabularInline, forms.ModelForm, Paginator

COUNTED = 10_000
"""Rows a list of a big table counts, at most: its last page is the hundredth. Filters and search find the rest."""


class BoundedPaginator(Pages):
    """Counts to ``COUNTED`` and no further, so that a list opens as fast over ten million rows as over ten."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:COUNTED].count())


class ReadOnly(Admin):
    """To look at: nobody adds, changes or deletes a row here, whatever permissions they have."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class BigReadOnly(ReadOnly):
    paginator = BoundedPaginator
    show_facets = admin.ShowFacets.NEVER
    ordering = ("-id",)


class NeverDeleted(Admin):
    """Rows others point at: edited, never added or deleted here."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyInline(Inline):
    extra = 0
    can_delete = False
    show_change_link = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def write_down(request: HttpRequest, kind: str, row: Any, form: Any, *, subject: str = "", hide: Any = ()) -> None:
    """Put into the audit log what a form changed, for what has no verb that does so; of ``hide`` only that it did."""

    def plain(value: Any) -> Any:
        return value if value is None or isinstance(value, str | int | float | dict | list) else str(value)

    before = {name: plain(form.initial.get(name)) for name in form.changed_data}
    after = {name: plain(getattr(row, name)) for name in form.changed_data}
    moved = [name for name in after if before[name] != after[name]]
    if moved:
        audit.record(
            kind,
            subject or str(row),
            object_id=row.pk,
            before={name: before[name] for name in moved if name not in hide} if form.initial else None,
            after={name: _("changed") if name in hide else after[name] for name in moved},
            made_by=Commenter.objects.for_user(request.user),
        )


def link(url: str, words: object) -> str:
    return format_html('<a href="{}">{}</a>', url, words) if url else str(words)


def on_the_desk(comment_id: int | None) -> str:
    """Return a link to a comment's open card."""
    if comment_id is None:
        return "-"
    url = f"{reverse(views.DESK)}?open={comment_id}#c-{comment_id}"
    return link(url, _("#%(id)s on the desk") % {"id": comment_id})


# --- The desk -------------------------------------------------------------------------------------------------------


PARTS_OF_THE_DESK: tuple[Any, ...] = (
    views,
    policy_page,
    guidelines,
    phrase_views,
    rules,
    model,
    searching,
    together,
    preferences,
    numbers,
    bulk_page,
    people,
    appeals,
    issue_desk,
    audit_page,
    roles_page,
)
"""Modules of the desk, each with its ``ADDRESSES``: route, view, and the name after ``admin:comments_desk_``."""


@admin.register(Desk)
class DeskAdmin(ReadOnly):
    """Gives the desk its addresses under the admin's and nothing of the admin's own pages."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.may_see_desk(request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return access.may_see_desk(request.user)

    def get_urls(self) -> list[URLPattern]:
        def door(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
            inside: Callable[..., HttpResponse] = self.admin_site.admin_view(partial(view, site=self.admin_site))

            @wraps(inside)
            def known(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
                # Before the admin asks whether they may come in.
                access.recognise(request)
                return inside(request, *args, **kwargs)

            return known

        return [
            path(route, door(view), name=f"comments_desk_{name}")
            for part in PARTS_OF_THE_DESK
            for route, view, name in part.ADDRESSES
        ] + [
            # Not behind the admin's sign-in: what is signed says whose it is.
            path("link/<str:token>/", partial(links.decide, site=self.admin_site), name="comments_desk_link")
        ]


# --- What was written, and what was decided -------------------------------------------------------------------------


class RevisionInline(ReadOnlyInline):
    model = Revision
    ordering = ("number",)
    fields = ("number", "status", "text", "html", "language", "created_at", "screened_at", "first_published_at")
    readonly_fields = fields


class DecisionInline(ReadOnlyInline):
    model = Decision
    fk_name = "comment"
    ordering = ("id",)
    fields = ("created_at", "verdict", "from_status", "to_status", "decider", "made_by", "trigger", "reason")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("made_by", "comment")


@admin.register(Comment)
class CommentAdmin(BigReadOnly):
    list_display = ("id", "desk", "words", "author", "status", "discussion", "created_at")
    list_select_related = ("author", "discussion")
    list_filter = ("status", "created_at")
    search_fields = ("=id", "author__name", "discussion__title", "revisions__text")
    search_help_text = gettext_lazy("Number, author, story or words. Words are slow on a large site.")
    inlines = (RevisionInline, DecisionInline)
    fields = (
        "desk",
        "author",
        "discussion",
        "parent",
        "status",
        "version",
        "is_shown",
        "reply_count",
        "like_count",
        "removed_for",
        "created_at",
        "edited_at",
        "published_at",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).defer("html")
        newest = Revision.objects.filter(comment=OuterRef("pk")).order_by("-number")
        with_words: QuerySet[Any] = rows.annotate(first_words=Subquery(newest.values(words=Substr("text", 1, 100))[:1]))
        return with_words

    @admin.display(description=gettext_lazy("words"))
    def words(self, comment: Any) -> str:
        return str(comment.first_words or "")

    @admin.display(description=gettext_lazy("desk"))
    def desk(self, comment: Comment) -> str:
        return on_the_desk(comment.pk)


class FindingInline(ReadOnlyInline):
    model = Finding
    ordering = ("id",)
    fields = ("rule", "verdict", "sentence", "score", "milliseconds")
    readonly_fields = fields

    @admin.display(description=gettext_lazy("what it says"))
    def sentence(self, finding: Finding) -> str:
        return sentences.for_editor(finding.code, finding.evidence)


@admin.register(Revision)
class RevisionAdmin(BigReadOnly):
    list_display = ("id", "desk", "number", "status", "first_words", "attempts", "created_at", "screened_at")
    list_filter = ("status", "created_at")
    search_fields = ("=comment__id", "text")
    search_help_text = gettext_lazy("A comment's number, or words. Words are slow on a large site.")
    inlines = (FindingInline,)

    @admin.display(description=gettext_lazy("comment"))
    def desk(self, revision: Revision) -> str:
        return on_the_desk(revision.comment_id)

    @admin.display(description=gettext_lazy("words"))
    def first_words(self, revision: Revision) -> str:
        return revision.text[:100]


class DecisionWordsInline(ReadOnlyInline):
    model = DecisionWords
    fields = ("explanation", "private_note")
    readonly_fields = fields


@admin.register(Decision)
class DecisionAdmin(BigReadOnly):
    list_display = ("id", "desk", "from_status", "to_status", "decider", "made_by", "trigger", "reason", "created_at")
    list_select_related = ("made_by",)
    list_filter = ("to_status", "decider", "trigger", "created_at")
    search_fields = ("=comment__id", "=public_id", "made_by__name", "=reason")
    search_help_text = gettext_lazy("A comment's number, a decision's public id, an editor's name or a reason's code.")
    inlines = (DecisionWordsInline,)

    @admin.display(description=gettext_lazy("comment"))
    def desk(self, decision: Decision) -> str:
        return on_the_desk(decision.comment_id)


@admin.register(DecisionWords)
class DecisionWordsAdmin(BigReadOnly):
    list_display = ("id", "decision", "explanation", "private_note")
    list_select_related = ("decision",)
    search_fields = ("=decision__comment__id", "explanation", "private_note")


@admin.register(Finding)
class FindingAdmin(BigReadOnly):
    list_display = ("id", "desk", "rule", "verdict", "sentence", "score", "milliseconds", "created_at")
    list_select_related = ("revision",)
    list_filter = ("verdict", "created_at")
    search_fields = ("=revision__comment__id", "=rule", "=code")
    search_help_text = gettext_lazy("A comment's number, a rule's name or a finding's code.")

    @admin.display(description=gettext_lazy("comment"))
    def desk(self, finding: Finding) -> str:
        return on_the_desk(finding.revision.comment_id)

    @admin.display(description=gettext_lazy("what it says"))
    def sentence(self, finding: Finding) -> str:
        return sentences.for_editor(finding.code, finding.evidence)


@admin.register(Reaction)
class ReactionAdmin(BigReadOnly):
    list_display = ("id", "kind", "desk", "person", "created_at")
    list_select_related = ("person",)
    search_fields = ("=comment__id", "person__name")

    @admin.display(description=gettext_lazy("comment"))
    def desk(self, reaction: Reaction) -> str:
        return on_the_desk(reaction.comment_id)


@admin.register(Mute)
class MuteAdmin(BigReadOnly):
    list_display = ("id", "person", "muted", "created_at")
    list_select_related = ("person", "muted")
    search_fields = ("person__name", "muted__name")


@admin.register(Flag)
class FlagAdmin(BigReadOnly):
    list_display = ("id", "desk", "reason", "note", "person", "weight", "counts", "state", "created_at")
    list_select_related = ("person",)
    list_filter = ("state", "counts", "created_at")
    search_fields = ("=comment__id", "=reason", "person__name")
    search_help_text = gettext_lazy("A comment's number, a reason's code or a reporter's name.")

    @admin.display(description=gettext_lazy("comment"))
    def desk(self, flag: Flag) -> str:
        return on_the_desk(flag.comment_id)


# --- Stories and people ---------------------------------------------------------------------------------------------


class ExpertForm(Form):
    def clean_person(self) -> Any:
        person = self.cleaned_data["person"]
        if person.erased_at is not None:
            raise forms.ValidationError(_("There is no such person."), code="unknown_person")
        return person


class ExpertInline(Inline):
    """Who answers the questions here. What is written goes through the verb, which brings the questions up to date."""

    model = Expert
    form = ExpertForm
    extra = 1
    max_num = questions.MOST_EXPERTS
    fields = ("person", "role")
    raw_id_fields = ("person",)
    verbose_name_plural = gettext_lazy("Experts: who answers, when readers ask questions")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("person")


@admin.register(Expert)
class ExpertAdmin(BigReadOnly):
    """Who answers where; named and removed on the page of the discussion."""

    list_display = ("id", "person", "role", "discussion", "made_by", "created_at")
    list_select_related = ("person", "discussion", "made_by")
    search_fields = ("person__name", "role", "discussion__title")


@admin.register(Discussion)
class DiscussionAdmin(NeverDeleted):
    inlines = (ExpertInline,)
    list_display = ("title_or_key", "section", "form", "mode", "published_count", "held_count", "opens_at", "closes_at")
    list_filter = ("form", "mode", "section")
    search_fields = ("title", "key", "url", "section")
    ordering = ("-id",)
    readonly_fields = (
        "title",
        "key",
        "page",
        "section",
        "published_count",
        "held_count",
        "version",
        "closed_at",
        "created_at",
    )
    fieldsets = (
        (None, {"fields": ("title", "key", "page", "section")}),
        (
            gettext_lazy("Comments"),
            {"fields": ("form", "question", "mode", "closed_reason", "closed_at", "opens_at", "closes_at")},
        ),
        (gettext_lazy("Counts"), {"fields": ("published_count", "held_count", "version", "created_at")}),
    )

    @admin.display(description=gettext_lazy("story"), ordering="title")
    def title_or_key(self, discussion: Discussion) -> str:
        return str(discussion)

    @admin.display(description=gettext_lazy("page"))
    def page(self, discussion: Discussion) -> str:
        followable = discussion.url.startswith(("/", "https://", "http://"))
        return link(discussion.get_absolute_url() if followable else "", discussion.url or "-")

    def save_model(self, request: HttpRequest, obj: Discussion, form: Any, change: bool) -> None:
        """Hand what was changed to the verb, with the row as it was before the form wrote on it."""
        if form.changed_data:
            changed = {name: form.cleaned_data[name] for name in form.changed_data}
            discussions.configure(Discussion.objects.get(pk=obj.pk), **changed)
            write_down(request, "discussion", obj, form)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Hand who was named and who was removed to the verbs."""
        rows = formset.save(commit=False)
        discussion, editor = Discussion.objects.get(pk=form.instance.pk), Commenter.objects.for_user(request.user)
        formset.new_objects, formset.changed_objects = [], []
        for gone in [*formset.deleted_objects, *self._replaced(rows)]:
            questions.remove_expert(discussion, gone.person, made_by=editor)
        for row in rows:
            questions.name_expert(discussion, row.person, row.role, made_by=editor)

    @staticmethod
    def _replaced(rows: list[Expert]) -> list[Expert]:
        """Return the experts in whose lines another person was written."""
        before = Expert.objects.select_related("person").in_bulk([row.pk for row in rows if row.pk])
        return [before[row.pk] for row in rows if row.pk in before and before[row.pk].person_id != row.person_id]


@admin.register(Commenter)
class CommenterAdmin(NeverDeleted):
    list_display = ("name", "badge", "role", "published_count", "rejected_count", "created_at")
    list_filter = ("badge", ("premoderated_at", admin.EmptyFieldListFilter), "created_at")
    search_fields = ("name", "user__username", "email")
    ordering = ("-id",)
    paginator = BoundedPaginator
    show_facets = admin.ShowFacets.NEVER
    fields = (
        "name",
        "badge",
        "role",
        "premoderated_at",
        "on_the_desk",
        "user",
        "email",
        "published_count",
        "rejected_count",
        "upheld_flag_count",
        "dismissed_flag_count",
        "preferred_language",
        "terms_version",
        "created_at",
        "erase_at",
        "erased_at",
    )
    readonly_fields = fields[3:]

    @admin.display(description=gettext_lazy("warn, suspend, ban or lift"))
    def on_the_desk(self, person: Commenter) -> str:
        return link(reverse("admin:comments_desk_person", args=[person.pk]), _("On the desk"))

    def save_model(self, request: HttpRequest, obj: Commenter, form: Any, change: bool) -> None:
        """
        Write what was changed and nothing else: the counts move while the form is open.

        The log keeps no name, which could not be taken out of it again.
        """
        if not form.changed_data:
            return
        with transaction.atomic():
            obj.save(update_fields=form.changed_data)
            write_down(request, "person", obj, form, subject=_("person %(id)d") % {"id": obj.pk}, hide=("name", "role"))
            names.show_again(obj)
            if "badge" in form.changed_data:
                questions.settle_of(obj)


@admin.register(Guest)
class GuestAdmin(BigReadOnly):
    list_display = ("person", "created_at")
    list_select_related = ("person",)
    search_fields = ("person__name",)
    exclude = ("secret_digest",)


@admin.register(PublisherAccount)
class PublisherAccountAdmin(BigReadOnly):
    """Whom the publisher's own site signs in here, and as whom. Made and changed by signing in alone."""

    list_display = ("id", "user", "issuer", "subject", "name", "created_at")
    list_select_related = ("user",)
    search_fields = ("=subject", "user__username")


@admin.register(SpentProof)
class SpentProofAdmin(BigReadOnly):
    list_display = ("digest", "expires_at")
    search_fields = ("=digest",)
    ordering = ("expires_at",)


@admin.register(PersonFlag)
class PersonFlagAdmin(BigReadOnly):
    """Reports about people; settled on the desk's page of the person."""

    list_display = ("id", "person", "reason", "note", "reporter", "state", "created_at")
    list_select_related = ("person", "reporter")
    list_filter = ("state", "created_at")
    search_fields = ("person__name", "reporter__name", "=reason")


@admin.register(Sanction)
class SanctionAdmin(BigReadOnly):
    list_display = ("id", "kind", "person", "email_domain", "starts_at", "ends_at", "reason", "made_by", "created_at")
    list_select_related = ("person", "made_by")
    list_filter = ("kind", "created_at")
    search_fields = ("=public_id", "person__name", "=email_domain")


@admin.register(SanctionWords)
class SanctionWordsAdmin(BigReadOnly):
    list_display = ("id", "sanction", "explanation", "private_note")
    search_fields = ("explanation", "private_note", "sanction__person__name")
    list_select_related = ("sanction__person",)


@admin.register(Acknowledgement)
class AcknowledgementAdmin(BigReadOnly):
    list_display = ("id", "sanction", "created_at")
    search_fields = ("sanction__person__name",)
    list_select_related = ("sanction__person",)


@admin.register(Appeal)
class AppealAdmin(BigReadOnly):
    list_display = ("id", "appellant", "state", "filed_at", "due_at", "ruled_by", "ruled_at")
    list_select_related = ("appellant", "ruled_by")
    list_filter = ("state", "filed_at")
    search_fields = ("=public_id", "appellant__name", "text")


@admin.register(DataExport)
class DataExportAdmin(BigReadOnly):
    """When somebody took their data along. The file itself is theirs alone: it is shown nowhere here."""

    list_display = ("id", "person", "size", "is_cut", "created_at", "ready_at", "expires_at")
    list_select_related = ("person",)
    search_fields = ("person__name",)
    exclude = ("public_id",)


@admin.register(DataExportPart)
class DataExportPartAdmin(BigReadOnly):
    list_display = ("id", "export", "number")
    list_select_related = ("export",)
    search_fields = ("=export__id",)
    fields = ("export", "number")

    def get_queryset(self, request: HttpRequest) -> QuerySet[DataExportPart]:
        return super().get_queryset(request).defer("data")


@admin.register(FormerAddress)
class FormerAddressAdmin(BigReadOnly):
    list_display = ("id", "person", "created_at")
    list_select_related = ("person",)
    search_fields = ("=person__id",)
    fields = ("person", "created_at")


# --- The desk's own rows --------------------------------------------------------------------------------------------


@admin.register(Note)
class NoteAdmin(BigReadOnly):
    list_display = ("id", "text", "comment", "person", "made_by", "created_at")
    list_select_related = ("comment", "person", "made_by")
    search_fields = ("text",)


@admin.register(Assignment)
class AssignmentAdmin(BigReadOnly):
    list_display = ("id", "desk", "to_person", "to_group", "made_by", "created_at", "closed_at")
    search_fields = ("=comment__id", "note", "to_person__name")
    list_select_related = ("to_person", "to_group", "made_by")

    @admin.display(description=gettext_lazy("comment"))
    def desk(self, assignment: Assignment) -> str:
        return on_the_desk(assignment.comment_id)


@admin.register(Claim)
class ClaimAdmin(BigReadOnly):
    list_display = ("id", "desk", "person", "until")
    search_fields = ("=comment__id", "person__name")
    list_select_related = ("person",)

    @admin.display(description=gettext_lazy("comment"))
    def desk(self, claim: Claim) -> str:
        return on_the_desk(claim.comment_id)


@admin.register(SavedQueue)
class SavedQueueAdmin(BigReadOnly):
    list_display = ("id", "name", "query", "made_by", "is_shared")
    search_fields = ("name", "query")
    list_select_related = ("made_by",)


@admin.register(BulkAction)
class BulkActionAdmin(BigReadOnly):
    list_display = ("id", "query", "verdict", "reason", "made_by", "created_at")
    search_fields = ("query", "=reason", "made_by__name")
    list_select_related = ("made_by",)


@admin.register(DeskPreference)
class DeskPreferenceAdmin(BigReadOnly):
    list_display = ("id", "person", "changed_at")
    search_fields = ("person__name",)
    list_select_related = ("person",)


@admin.register(SectionAccess)
class SectionAccessAdmin(BigReadOnly):
    """Which sections were given to whom; they are given on the desk's page of roles, which writes it down."""

    list_display = ("user", "section")
    search_fields = ("section",)
    list_select_related = ("user",)
    list_filter = ("section",)


@admin.register(AuditEntry)
class AuditEntryAdmin(BigReadOnly):
    list_display = ("id", "kind", "subject", "made_by", "created_at")
    list_select_related = ("made_by",)
    list_filter = ("kind", "created_at")
    search_fields = ("subject", "note", "made_by__name")


@admin.register(Delivery)
class DeliveryAdmin(BigReadOnly):
    list_display = ("id", "way", "key", "state", "attempts", "created_at", "sent_at", "error")
    list_filter = ("way", "state", "created_at")
    search_fields = ("=key",)
    exclude = ("text", "html")


# --- Policy ---------------------------------------------------------------------------------------------------------


class PhraseForm(Form):
    FACTS = ("kind", "language", "note", "expires_at")

    def clean_phrase(self) -> str:
        try:
            return phrases.checked(self.cleaned_data["phrase"])
        except Refused as refused:
            raise forms.ValidationError(refused.detail, code=refused.code) from None

    def clean_expires_at(self) -> Any:
        at = self.cleaned_data["expires_at"]
        if at and at <= timezone.now() and "expires_at" in self.changed_data:
            raise forms.ValidationError(_("The day on which it expires is over already."), code="phrase_expired")
        return at


@admin.register(Phrase)
class PhraseAdmin(Admin):
    form = PhraseForm
    list_display = ("phrase", "kind", "language", "note", "expires_at", "added_by", "changed_at")
    list_select_related = ("added_by",)
    list_filter = ("kind", "language")
    search_fields = ("phrase", "note")
    ordering = ("phrase",)
    show_full_result_count = False
    fields = ("phrase", "kind", "language", "note", "expires_at", "added_by", "created_at", "changed_at")
    readonly_fields = ("added_by", "created_at", "changed_at")

    def save_model(self, request: HttpRequest, obj: Phrase, form: Any, change: bool) -> None:
        """Hand what was written to the verb: it moves the policy and writes down who did it."""
        editor = Commenter.objects.for_user(request.user)
        facts = {name: form.cleaned_data[name] for name in PhraseForm.FACTS if name in form.changed_data or not change}
        words = form.cleaned_data["phrase"]
        if change:
            done = phrases.change_phrase(obj.pk, words, made_by=editor, **facts)
        else:
            done = phrases.add_phrase(words, made_by=editor, **facts)
        obj.pk, obj._state.adding = done.phrase.pk, False
        if done.warning:
            self.message_user(request, f"“{done.phrase}” {done.warning}.", messages.WARNING)

    def delete_model(self, request: HttpRequest, obj: Phrase) -> None:
        phrases.remove_phrase(obj.pk, made_by=Commenter.objects.for_user(request.user))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Phrase]) -> None:
        phrases.remove_phrases(
            list(queryset.values_list("pk", flat=True)), made_by=Commenter.objects.for_user(request.user)
        )


@admin.register(Guidelines)
class GuidelinesAdmin(BigReadOnly):
    """Every version of the guidelines; published on the desk's page of them. Append-only."""

    list_display = ("number", "note", "made_by", "created_at")
    list_select_related = ("made_by",)
    search_fields = ("text", "note")


@admin.register(PolicyVersion)
class PolicyVersionAdmin(ReadOnly):
    list_display = ("number",)


@admin.register(PolicyChange)
class PolicyChangeAdmin(BigReadOnly):
    """Who changed what about how comments are judged. Append-only."""

    list_display = ("created_at", "kind", "subject", "before", "after", "made_by", "note")
    list_select_related = ("made_by",)
    list_filter = ("kind", "created_at")
    search_fields = ("subject", "note")


@admin.register(Setting)
class SettingAdmin(ReadOnly):
    """What editors set; they set it on the desk, where the value in force and its level are shown."""

    list_display = ("name", "scope", "section", "discussion", "value", "changed_by", "changed_at")
    list_select_related = ("discussion", "changed_by")
    list_filter = ("scope", "name")
    search_fields = ("name", "section", "discussion__title")
    ordering = ("name", "scope", "id")


@admin.register(HouseRule)
class HouseRuleAdmin(ReadOnly):
    list_display = ("name", "state", "number", "shadow_since", "changed_at")
    list_filter = ("state",)
    search_fields = ("name",)


@admin.register(HouseRuleVersion)
class HouseRuleVersionAdmin(BigReadOnly):
    list_display = ("rule", "number", "note", "made_by", "created_at")
    list_select_related = ("rule", "made_by")
    search_fields = ("rule__name", "note")


# --- What is learnt from decisions ----------------------------------------------------------------------------------


@admin.register(ScoringModel)
class ScoringModelAdmin(ReadOnly):
    list_display = ("number", "status", "decision_count", "removal_count", "created_at", "activated_at")
    search_fields = ("=number",)
    list_filter = ("status",)
    exclude = ("weights",)


@admin.register(Lesson)
class LessonAdmin(BigReadOnly):
    list_display = ("decision", "rejected", "probability", "model_version", "drawn", "weight", "made_by", "created_at")
    search_fields = ("=decision__comment__id",)
    list_select_related = ("decision", "made_by")
    list_filter = ("rejected", "drawn", "created_at")


@admin.register(Audit)
class AuditAdmin(BigReadOnly):
    list_display = ("revision", "section", "by_score", "probability", "created_at", "decided_at")
    search_fields = ("=revision__comment__id", "section")
    list_select_related = ("revision",)
    list_filter = ("by_score", "section", ("decided_at", admin.EmptyFieldListFilter))


@admin.register(AutoApproval)
class AutoApprovalAdmin(ReadOnly):
    list_display = ("section", "state", "limit", "threshold", "model_version", "since")
    search_fields = ("section",)
    list_filter = ("state",)


@admin.register(Fingerprint)
class FingerprintAdmin(BigReadOnly):
    list_display = ("comment", "band", "value", "created_at")
    search_fields = ("=comment__id",)
    list_select_related = ("comment",)


@admin.register(Notification)
class NotificationAdmin(BigReadOnly):
    list_display = ("id", "person", "kind", "key", "comment", "by_mail", "created_at", "read_at", "mailed_at")
    search_fields = ("=person__id", "=comment__id")
    list_select_related = ("person", "comment")
    list_filter = ("kind", "by_mail", "created_at")


@admin.register(NotificationPreference)
class NotificationPreferenceAdmin(BigReadOnly):
    list_display = ("person", "mail", "off", "mailed_kinds", "follows_own", "mail_due_at", "mailed_at")
    search_fields = ("=person__id",)
    list_select_related = ("person",)
    list_filter = ("mail", "follows_own")


@admin.register(Follow)
class FollowAdmin(BigReadOnly):
    list_display = ("id", "person", "discussion", "comment", "created_at")
    search_fields = ("=person__id", "=comment__id")
    list_select_related = ("person", "discussion", "comment")
    list_filter = ("created_at",)


@admin.register(Told)
class ToldAdmin(BigReadOnly):
    list_display = ("decision", "created_at")
    search_fields = ("=decision__id",)
    list_select_related = ("decision",)
    ordering = ("-decision",)


@admin.register(Job)
class JobAdmin(BigReadOnly):
    list_display = ("id", "kind", "subject", "state", "done", "total", "made_by", "created_at", "finished_at")
    search_fields = ("=id", "kind", "subject")
    list_select_related = ("made_by",)
    list_filter = ("state", "kind")


class ReasonForm(Form):
    def clean_public_text(self) -> dict[str, str]:
        words = _by_language(self.cleaned_data["public_text"])
        if not words:
            raise forms.ValidationError(_("Write the words in at least one language."), code="no_words")
        return words

    def clean_author_text(self) -> dict[str, str]:
        return _by_language(self.cleaned_data["author_text"])


def _by_language(given: Any) -> dict[str, str]:
    if not isinstance(given, dict) or not all(isinstance(words, str) and words.strip() for words in given.values()):
        raise forms.ValidationError(
            _('Write a language code and the words for each language: {"en": "off topic"}.'), code="not_by_language"
        )
    return given


@admin.register(Reason)
class ReasonAdmin(Admin):
    form = ReasonForm
    list_display = ("code", "words", "ground_default", "is_active", "position")
    list_filter = ("is_active", "ground_default")
    search_fields = ("code", "private_note")
    show_full_result_count = False
    actions = None

    @admin.display(description=gettext_lazy("words"))
    def words(self, reason: Reason) -> str:
        return str(reason)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Decisions name a reason by its code: once it is there, it stays."""
        return ("code",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Reason, form: Any, change: bool) -> None:
        """Write down what authors and readers are told from now on."""
        super().save_model(request, obj, form, change)
        write_down(request, "reason", obj, form)


@admin.register(Token)
class TokenAdmin(ReadOnly):
    """Who lets which program act for them. The token itself is stored nowhere; its digest is not shown."""

    list_display = ("id", "user", "label", "scopes", "created_at", "expires_at", "revoked_at")
    list_select_related = ("user",)
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), "expires_at")
    search_fields = ("label", "user__username")
    ordering = ("-id",)
    exclude = ("digest",)
    actions = ("revoke",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("comments.change_token")

    @admin.action(description=gettext_lazy("Revoke the chosen tokens"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, tokens: QuerySet[Token]) -> None:
        count = tokens.filter(revoked_at__isnull=True).update(revoked_at=timezone.now())
        words = ngettext("%(count)d token revoked.", "%(count)d tokens revoked.", count)
        self.message_user(request, words % {"count": count}, messages.SUCCESS)


# --- Issue reports --------------------------------------------------------------------------------------------------


@admin.register(IssueMessage)
class IssueMessageAdmin(ReadOnly):
    list_display = ("id", "report", "sender", "written_by", "text", "created_at")
    list_select_related = ("report", "written_by")
    list_filter = ("sender", "created_at")
    search_fields = ("text",)
    ordering = ("-id",)


@admin.register(Failure)
class FailureAdmin(BigReadOnly):
    list_display = ("created_at", "door", "verb", "code", "status", "error", "release")
    list_filter = ("door",)
    search_fields = ("code__exact", "request_id__exact")
    search_help_text = gettext_lazy("A code or the id of a request, whole.")


@admin.register(Incident)
class IncidentAdmin(ReadOnly):
    search_fields = ("title",)
    list_display = ("__str__", "state", "degree", "started_at", "ended_at")
    list_filter = ("state",)


@admin.register(IncidentUpdate)
class IncidentUpdateAdmin(ReadOnly):
    search_fields = ("text",)
    list_display = ("created_at", "incident", "state", "is_public", "made_by")


@admin.register(IssueGroup)
class IssueGroupAdmin(ReadOnly):
    search_fields = ("title",)
    list_display = ("__str__", "last_at", "assigned_to", "incident")


@admin.register(IssueNote)
class IssueNoteAdmin(ReadOnly):
    search_fields = ("text",)
    list_display = ("created_at", "report", "made_by")


@admin.register(IssuePicture)
class IssuePictureAdmin(ReadOnly):
    search_fields = ("message__id__exact",)
    list_display = ("created_at", "message", "content_type", "width", "height")
    exclude = ("content",)


@admin.register(IssueSplit)
class IssueSplitAdmin(ReadOnly):
    search_fields = ("one__id__exact",)
    list_display = ("created_at", "one", "other")


@admin.register(AnswerTemplate)
class AnswerTemplateAdmin(ReadOnly):
    search_fields = ("name",)
    list_display = ("name", "language", "cause", "is_active", "changed_by", "changed_at")


@admin.register(DiagnosisCount)
class DiagnosisCountAdmin(ReadOnly):
    search_fields = ("code__exact",)
    list_display = ("day", "code", "outcome", "count")
    list_filter = ("outcome",)


class IssueReportForm(Form):
    answer = forms.CharField(
        required=False,
        max_length=2000,
        label=gettext_lazy("Answer"),
        widget=forms.Textarea(attrs={"rows": 5, "class": "vLargeTextField"}),
        help_text=gettext_lazy("The reader sees it on their receipt, and by mail if they left an address."),
    )


@admin.register(IssueReport)
class IssueReportAdmin(NeverDeleted):
    form = IssueReportForm
    list_display = ("number", "kind", "state", "story", "reporter", "created_at", "answered_at", "is_suspicious")
    list_select_related = ("discussion", "reporter")
    list_filter = ("state", "kind", "is_suspicious", "created_at")
    search_fields = ("=id", "email", "messages__text", "discussion__title", "request_id")
    search_help_text = gettext_lazy("Number without the month, address, words, story or request id.")
    actions = ("close",)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.may(request.user, "answer_issues") or super().has_view_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.may(request.user, "answer_issues")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return access.may(request.user, "answer_issues") or super().has_module_permission(request)

    fieldsets = (
        (None, {"fields": ("number", "kind", "state", "is_suspicious")}),
        (gettext_lazy("Conversation"), {"fields": ("conversation", "answer")}),
        (gettext_lazy("Who and where"), {"fields": ("reporter", "email", "story", "comment_on_the_desk")}),
        (gettext_lazy("What went along"), {"fields": ("what_went_along", "request_id")}),
        (gettext_lazy("When"), {"fields": ("created_at", "answered_at", "closed_at")}),
    )
    readonly_fields = (
        "number",
        "kind",
        "state",
        "is_suspicious",
        "conversation",
        "reporter",
        "email",
        "story",
        "comment_on_the_desk",
        "what_went_along",
        "request_id",
        "created_at",
        "answered_at",
        "closed_at",
    )

    @admin.display(description=gettext_lazy("number"), ordering="id")
    def number(self, report: IssueReport) -> str:
        return report.number

    @admin.display(description=gettext_lazy("story"))
    def story(self, report: IssueReport) -> str:
        return str(report.discussion or "-")

    @admin.display(description=gettext_lazy("comment"))
    def comment_on_the_desk(self, report: IssueReport) -> str:
        return on_the_desk(report.comment_id)

    @admin.display(description=gettext_lazy("messages"))
    def conversation(self, report: IssueReport) -> str:
        said = (
            (
                message.get_sender_display() if message.written_by is None else message.written_by,
                date_format(timezone.localtime(message.created_at), "DATETIME_FORMAT"),
                linebreaksbr(message.text),
            )
            for message in report.messages.select_related("written_by")
        )
        return format_html_join("", "<p><strong><bdi>{}</bdi></strong>, {}<br>{}</p>", said) or "-"

    @admin.display(description=gettext_lazy("what went along"))
    def what_went_along(self, report: IssueReport) -> str:
        if not isinstance(report.context, dict) or not report.context:
            return "-"
        return format_html_join("", "{}: {}<br>", sorted((str(k), str(v)) for k, v in report.context.items()))

    def save_model(self, request: HttpRequest, obj: IssueReport, form: Any, change: bool) -> None:
        """Answer, when there is an answer. The report itself is changed by the verbs only."""
        from comments import issues

        if text := form.cleaned_data.get("answer", "").strip():
            self._do(request, lambda: issues.answer(obj, text, Commenter.objects.for_user(request.user)))

    @admin.action(description=gettext_lazy("Close the chosen reports"), permissions=["change"])
    def close(self, request: HttpRequest, reports: QuerySet[IssueReport]) -> None:
        from comments import issues

        editor = Commenter.objects.for_user(request.user)
        closed = [
            report
            for report in reports.filter(~Q(state=IssueReport.State.CLOSED))
            if self._do(request, partial(issues.close, report, editor))
        ]
        words = ngettext("%(count)d report closed.", "%(count)d reports closed.", len(closed))
        self.message_user(request, words % {"count": len(closed)}, messages.SUCCESS)

    def _do(self, request: HttpRequest, verb: Callable[[], Any]) -> bool:
        try:
            verb()
        except Refused as refused:
            self.message_user(request, refused.detail, messages.ERROR)
            return False
        return True
