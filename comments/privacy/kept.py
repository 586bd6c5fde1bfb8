"""
Everything that is kept about a person, as one list: what a download has in it, in this order.

Others have no part in it: not who flagged, decided or ruled, and not what editors noted for each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from comments.models import (
    Appeal,
    Comment,
    Commenter,
    DataExport,
    Decider,
    Decision,
    Delivery,
    DeskPreference,
    Expert,
    Failure,
    Flag,
    Follow,
    IssueReport,
    Mute,
    Notification,
    NotificationPreference,
    PersonFlag,
    PublisherAccount,
    Reaction,
    Reason,
    Revision,
    Sanction,
    SavedQueue,
    SectionAccess,
    Token,
)

CHUNK = 200

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of thing that is kept about a person."""

    name: str
    """In the file."""
    title: str | Promise
    rows: Callable[[Commenter], QuerySet[Any]]
    """What is theirs; ordered by primary key where it is read."""
    as_facts: Callable[[Any], Facts]
    """One row, in plain values."""
    fields: tuple[str, ...] = ()
    """The relations to a person or a user that this part follows, as ``Model.field``."""

    def facts(self, person: Commenter) -> Iterator[Facts]:
        """Yield each row, however many; never more than ``CHUNK`` in memory."""
        last = 0
        while True:
            found = list(self.rows(person).filter(pk__gt=last).order_by("pk")[:CHUNK])
            for row in found:
                yield {name: plain(value) for name, value in self.as_facts(row).items()}
            if len(found) < CHUNK:
                return
            last = found[-1].pk


def plain(value: Any) -> Any:
    """Return ``value`` as JSON has it: times in ISO 8601."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


# --- The person -------------------------------------------------------------------------------------------------------


def profile(person: Commenter) -> Facts:
    """Return what is kept about who somebody is."""
    user = person.user
    account: Facts = {}
    if user is not None:
        account = {
            "sign_in_name": user.get_username(),
            "full_name": user.get_full_name(),
            "email": user.email,
            "joined_at": getattr(user, "date_joined", None),
            "last_signed_in_at": user.last_login,
        }
    facts: Facts = plain(
        {
            "id": person.pk,
            "name": person.name,
            "email_typed": person.email,
            "badge": person.badge,
            "role": person.role,
            "preferred_language": person.preferred_language,
            "comments_published": person.published_count,
            "comments_rejected": person.rejected_count,
            "flags_upheld": person.upheld_flag_count,
            "flags_dismissed": person.dismissed_flag_count,
            "every_comment_waits_since": person.premoderated_at,
            "address_confirmed_at": person.contact_confirmed_at,
            "guidelines_accepted": person.terms_version,
            "guidelines_accepted_at": person.terms_accepted_at,
            "since": person.created_at,
            "deletion_at": person.erase_at,
            "account": account,
        }
    )
    return facts


# --- What they wrote --------------------------------------------------------------------------------------------------


def _comments(person: Commenter) -> QuerySet[Comment]:
    decided = Decision.objects.order_by("id").select_related("words")
    return (
        Comment.objects.filter(author=person)
        .select_related("discussion")
        .prefetch_related(
            Prefetch("revisions", Revision.objects.order_by("number"), to_attr="texts"),
            Prefetch("decisions", decided, to_attr="history"),
        )
    )


def _comment(comment: Any) -> Facts:
    return {
        "id": comment.pk,
        "under": comment.discussion.title or comment.discussion.key,
        "address": comment.discussion.url,
        "answers": comment.parent_id,
        "status": comment.status,
        "written_at": comment.created_at,
        "published_at": comment.published_at,
        "edited_at": comment.edited_at,
        "editors_pick_since": comment.featured_at,
        "likes": comment.like_count,
        "replies": comment.reply_count,
        "network": comment.network_key,
        "texts": [
            {
                "number": one.number,
                "text": one.text,
                "status": one.status,
                "language": one.language,
                "written_at": one.created_at,
                "likelihood_of_removal": one.risk or None,
            }
            for one in comment.texts
        ],
        "decisions": [_decision(one) for one in comment.history],
    }


def _decision(decision: Decision) -> Facts:
    return {
        "number": decision.public_id,
        "at": decision.created_at,
        "from": decision.from_status,
        "to": decision.to_status,
        "decided_by": Decider(decision.decider).label,
        "because_of": decision.trigger,
        "reason": decision.reason,
        "ground": decision.ground,
        "law": decision.legal_ground,
        "explanation": getattr(getattr(decision, "words", None), "explanation", ""),
    }


# --- What they did ----------------------------------------------------------------------------------------------------


def _reaction(row: Reaction) -> Facts:
    return {"kind": row.kind, "comment": row.comment_id, "at": row.created_at}


def _flag(row: Flag) -> Facts:
    return {
        "comment": row.comment_id,
        "reason": row.reason,
        "note": row.note,
        "what_became_of_it": row.state,
        "at": row.created_at,
    }


def _appeal(row: Appeal) -> Facts:
    about = row.decision.comment_id if row.decision else None
    return {
        "number": row.public_id,
        "about_comment": about,
        "about_decision": row.decision.public_id if row.decision else None,
        "about_sanction": row.sanction.public_id if row.sanction else None,
        "text": row.text,
        "state": row.state,
        "filed_at": row.filed_at,
        "ruled_at": row.ruled_at,
        "ruling": row.ruling,
    }


def _sanction(row: Any) -> Facts:
    return {
        "number": row.public_id,
        "kind": row.kind,
        "from": row.starts_at,
        "until": row.ends_at,
        "reason": row.reason,
        "ground": row.ground,
        "law": row.legal_ground,
        "because_of_comment": row.comment_id,
        "rests_on": row.basis,
        "explanation": getattr(getattr(row, "words", None), "explanation", ""),
        "read_at": getattr(getattr(row, "acknowledgement", None), "created_at", None),
        "lifts": row.lifts.public_id if row.lifts else None,
    }


def _issue(row: Any) -> Facts:
    return {
        "number": row.number,
        "kind": row.kind,
        "state": row.state,
        "email": row.email,
        "under": row.discussion.title if row.discussion else "",
        "about_comment": row.comment_id,
        "what_went_along": row.context,
        "network": row.network_key,
        "written_at": row.created_at,
        "answered_at": row.answered_at,
        "closed_at": row.closed_at,
        "browser": row.browser,
        "system": row.system,
        "browser_mark": row.browser_key,
        "error_of_the_page": row.client_error,
        "messages": [
            {
                "from": one.sender,
                "text": one.text,
                "at": one.created_at,
                "pictures": [f"{picture.width} x {picture.height}" for picture in one.pictures.all()],
            }
            for one in row.messages.all()
        ],
    }


def _failure(row: Any) -> Facts:
    return {
        "at": row.created_at,
        "asked_for": row.verb,
        "through": row.door,
        "code": row.code,
        "request": row.request_id,
        "under": row.discussion.title if row.discussion else "",
        "browser": row.browser_key,
        "network": row.network_key,
    }


def _mails(person: Commenter) -> QuerySet[Delivery]:
    address = person.user.email if person.user else ""
    if not address:
        return Delivery.objects.none()
    return Delivery.objects.filter(way=Delivery.Way.MAIL, to__iexact=address)


def _mail(row: Delivery) -> Facts:
    return {
        "to": row.to,
        "subject": row.subject,
        "text": row.text,
        "state": row.state,
        "written_at": row.created_at,
        "sent_at": row.sent_at,
    }


def _token(row: Token) -> Facts:
    return {
        "label": row.label,
        "scopes": row.scopes,
        "made_at": row.created_at,
        "expires_at": row.expires_at,
        "revoked_at": row.revoked_at,
    }


def _preference(row: DeskPreference) -> Facts:
    names = ("blur_harsh", "grey_pictures", "daily_quota", "break_minutes", "mail_decisions", "mailed_at", "changed_at")
    return {name: getattr(row, name) for name in names}


def _download(row: DataExport) -> Facts:
    return {"asked_at": row.created_at, "ready_at": row.ready_at, "expires_at": row.expires_at, "bytes": row.size}


PARTS: list[Part] = [
    Part("comments", gettext_lazy("What I wrote"), _comments, _comment, ("Comment.author",)),
    Part(
        "reactions",
        gettext_lazy("What I like"),
        lambda person: Reaction.objects.filter(person=person),
        _reaction,
        ("Reaction.person",),
    ),
    Part(
        "flags",
        gettext_lazy("What I reported to the editors"),
        lambda person: Flag.objects.filter(person=person),
        _flag,
        ("Flag.person",),
    ),
    Part(
        "reports_about_people",
        gettext_lazy("People I reported to the editors"),
        lambda person: PersonFlag.objects.filter(reporter=person).select_related("person"),
        lambda row: {
            "about": row.person.name,
            "reason": row.reason,
            "note": row.note,
            "made_at": row.created_at,
            "state": row.get_state_display(),
        },
        ("PersonFlag.reporter",),
    ),
    Part(
        "answers_as_an_expert",
        gettext_lazy("Where I answer as an expert"),
        lambda person: Expert.objects.filter(person=person).select_related("discussion"),
        lambda row: {"discussion": str(row.discussion), "role": row.role},
        ("Expert.person",),
    ),
    Part(
        "notices",
        gettext_lazy("What I was told"),
        lambda person: Notification.objects.filter(person=person),
        lambda row: {
            "kind": row.get_kind_display(),
            "comment": row.comment_id,
            "told_at": row.created_at,
            "read_at": row.read_at,
        },
        ("Notification.person",),
    ),
    Part(
        "mail_wishes",
        gettext_lazy("What I wish to be mailed"),
        lambda person: NotificationPreference.objects.filter(person=person),
        lambda row: {
            field.name: getattr(row, field.name)
            for field in row._meta.concrete_fields
            if field.name not in ("id", "person", "unsubscribe_token", "token")
        },
        ("NotificationPreference.person",),
    ),
    Part(
        "follows",
        gettext_lazy("What I follow"),
        lambda person: Follow.objects.filter(person=person).select_related("discussion"),
        lambda row: {"discussion": str(row.discussion), "comment": row.comment_id},
        ("Follow.person",),
    ),
    Part(
        "mutes",
        gettext_lazy("People I muted"),
        lambda person: Mute.objects.filter(person=person).select_related("muted"),
        lambda row: {"muted": row.muted.name, "since": row.created_at},
        ("Mute.person",),
    ),
    Part(
        "appeals",
        gettext_lazy("My appeals"),
        lambda person: Appeal.objects.filter(appellant=person).select_related("decision", "sanction"),
        _appeal,
        ("Appeal.appellant",),
    ),
    Part(
        "sanctions",
        gettext_lazy("What was decided about me"),
        lambda person: Sanction.objects.filter(person=person).select_related("words", "acknowledgement", "lifts"),
        _sanction,
        ("Sanction.person",),
    ),
    Part(
        "issue_reports",
        gettext_lazy("What I told you about commenting, and your answers"),
        lambda person: (
            IssueReport.objects.filter(reporter=person)
            .select_related("discussion")
            .prefetch_related("messages__pictures")
        ),
        _issue,
        ("IssueReport.reporter", "IssueMessage.written_by"),
    ),
    Part(
        "failures",
        gettext_lazy("What was refused or failed in the last days"),
        lambda person: Failure.objects.filter(person=person).select_related("discussion"),
        _failure,
        ("Failure.person",),
    ),
    Part("mails", gettext_lazy("Mails to me"), _mails, _mail),
    Part(
        "tokens",
        gettext_lazy("Programs that act for me"),
        lambda person: Token.objects.filter(user=person.user_id) if person.user_id else Token.objects.none(),
        _token,
        ("Token.user",),
    ),
    Part(
        "publisher_accounts",
        gettext_lazy("Where I come from when the publisher signs me in"),
        lambda person: (
            PublisherAccount.objects.filter(user=person.user_id) if person.user_id else PublisherAccount.objects.none()
        ),
        lambda row: {"issuer": row.issuer, "subject": row.subject, "name": row.name, "since": row.created_at},
        ("PublisherAccount.user",),
    ),
    Part(
        "desk_preferences",
        gettext_lazy("How I work on the desk"),
        lambda person: DeskPreference.objects.filter(person=person),
        _preference,
        ("DeskPreference.person",),
    ),
    Part(
        "saved_searches",
        gettext_lazy("Searches I keep on the desk"),
        lambda person: SavedQueue.objects.filter(made_by=person),
        lambda row: {"name": row.name, "query": row.query, "is_shared": row.is_shared, "made_at": row.created_at},
        ("SavedQueue.made_by",),
    ),
    Part(
        "sections",
        gettext_lazy("Sections I moderate"),
        lambda person: (
            SectionAccess.objects.filter(user=person.user_id) if person.user_id else SectionAccess.objects.none()
        ),
        lambda row: {"section": row.section},
        ("SectionAccess.user",),
    ),
    Part(
        "downloads",
        gettext_lazy("Downloads of my data"),
        lambda person: DataExport.objects.filter(person=person),
        _download,
        ("DataExport.person",),
    ),
]
"""A new kind of row about people takes its place here, or in :data:`LEFT_OUT` with the reason."""

LEFT_OUT: dict[str, str] = {
    "Commenter.user": "stands in the profile",
    "Comment.featured_by": "an editor's work; who picked is not told",
    "Decision.made_by": "an editor's work; what was decided stands with the comments",
    "Sanction.made_by": "an editor's work",
    "Appeal.ruled_by": "an editor's work; the ruling stands with the appeal",
    "Note.person": "what editors tell each other",
    "Note.made_by": "an editor's work",
    "Assignment.to_person": "an editor's work",
    "Assignment.made_by": "an editor's work",
    "Assignment.closed_by": "an editor's work",
    "BulkAction.made_by": "an editor's work",
    "AuditEntry.made_by": "an editor's work, on record",
    "PolicyChange.made_by": "an editor's work, on record",
    "HouseRuleVersion.made_by": "an editor's work, on record",
    "Setting.changed_by": "an editor's work",
    "Phrase.added_by": "an editor's work",
    "Lesson.made_by": "an editor's work",
    "Job.made_by": "an editor's work; downloads stand in the file",
    "Claim.person": "which card an editor has open at the moment",
    "Incident.confirmed_by": "an editor's work",
    "Incident.ended_by": "an editor's work",
    "IncidentUpdate.made_by": "an editor's work, on record",
    "IssueGroup.assigned_to": "an editor's work",
    "IssueGroup.made_by": "an editor's work",
    "IssueReport.assigned_to": "an editor's work",
    "IssueNote.made_by": "an editor's work",
    "AnswerTemplate.changed_by": "an editor's work",
    "PersonFlag.person": "who reported them is not told",
    "PersonFlag.settled_by": "an editor's work",
    "Guidelines.made_by": "an editor's work, on record",
    "Expert.made_by": "an editor's work",
    "Notification.made_by": "who did what they were told of; stands with the comment",
    "Guest.person": "the digest of a guest's secret, which says nothing of them",
    "Mute.muted": "who muted them is the others' own affair",
    "FormerAddress.person": "exists only once the person is gone",
}
"""Relations to a person or a user that no part follows, each with why."""


def reasons_in_words() -> dict[str, str]:
    """Return the public words of each reason, by its code."""
    return {reason.code: str(reason) for reason in Reason.objects.all()}


def meaning() -> Iterable[str]:
    """Return what a reader of the file has to know, in sentences."""
    return (
        _("This is everything we keep about you, as of the moment it was prepared."),
        _("“network” is a keyed hash of the network you wrote from; the address itself is stored nowhere."),
        _("Who reported or decided is left out, and so is what editors noted for each other."),
    )
