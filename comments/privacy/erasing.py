"""
Forgetting a person, in batches: each a transaction, each safe to do twice, so that whoever comes next goes on.

The name and the address go first, in one transaction; from then on it cannot be taken back. The row of the person
stays, empty: decisions, counts and conversations point at it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connection, models, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from comments import access, audit, conf, moderation, names, questions, reactions
from comments.exceptions import Refused
from comments.models import (
    Appeal,
    Assignment,
    AuditEntry,
    Claim,
    Comment,
    Commenter,
    DataExport,
    Decider,
    DecisionWords,
    Delivery,
    DeskPreference,
    Failure,
    Fingerprint,
    Flag,
    Follow,
    FormerAddress,
    Guest,
    IssueReport,
    Job,
    Mute,
    Note,
    Notification,
    NotificationPreference,
    PersonFlag,
    PublisherAccount,
    Reaction,
    Revision,
    Sanction,
    SanctionWords,
    SavedQueue,
    SectionAccess,
    Status,
    Token,
    Trigger,
)
from comments.models.issues import no_receipt
from comments.privacy import leaving
from comments.screening import Verdict

logger = logging.getLogger(__name__)

BATCH = 200
MOST_DUE = 20
"""People that one round begins with; the next is a few minutes later."""

Step = Callable[[Commenter], int]
"""Does one batch in one transaction and says how much it was; 0 when there is nothing left."""


def due() -> list[int]:
    """Return the people whose time has come, or with whom somebody did not finish."""
    waiting = Commenter.objects.filter(erase_at__lte=timezone.now()).order_by("erase_at")
    return list(waiting.values_list("pk", flat=True)[:MOST_DUE])


def erase(person: Commenter, *, now: bool = False, seconds: float | None = None) -> Commenter:
    """
    Forget ``person``, who asked for it and whose time has come; ``now`` asks for no wish and waits for nothing.

    Their name, address, user, tokens, likes, texts that nobody sees, what they wrote to us and what was written to them
    are emptied or deleted. Published comments stay without a name, or are withdrawn: as they chose. What they flagged
    and how editors decided about them stays, with no words in it. Safe to call twice, or at once, or again after a
    crash; after ``seconds`` it stops, and the next call goes on. Raise ``Refused`` (409) before its time.
    """
    until = None if seconds is None else time.monotonic() + seconds
    if not _forget_who(person, now=now):
        return person
    for step in STEPS:
        while step(person):
            if until is not None and time.monotonic() > until:
                return person
    return _finish(person)


# --- Who it was -------------------------------------------------------------------------------------------------------


def _forget_who(person: Commenter, *, now: bool) -> bool:
    """
    Empty the row of the person, their user and what is found by name or address; nobody can take it back then.

    Say whether there is anything left to do.
    """
    moment = timezone.now()
    with transaction.atomic():
        # Whether they still want it is asked under the lock: they may be taking it back in this moment.
        locked = Commenter.objects.select_for_update(of=("self",)).get(pk=person.pk)
        if locked.erased_at is not None and locked.erase_at is None:
            person.refresh_from_db()
            return False
        if not now and (locked.erase_at is None or locked.erase_at > moment):
            said = _("This person did not ask to be forgotten, or may still take it back.")
            raise Refused("not_yet", said, status=409)
        user, name = locked.user, locked.name
        address = (user.email if user else "") or ""
        if locked.erased_at is None:
            _remember_who_is_shut_out(locked, address)
        _forget_mail(name, [one for one in {address, locked.email} if one])
        if user is not None:
            Token.objects.filter(user=user).delete()
            PublisherAccount.objects.filter(user=user).delete()
            SectionAccess.objects.filter(user=user).delete()
            _forget_in_the_log(user)
            import_string(conf.get().erase_user)(user)
        _forget_in_the_log(locked)
        Claim.objects.filter(person=locked).delete()
        DeskPreference.objects.filter(person=locked).delete()
        SavedQueue.objects.filter(made_by=locked).delete()
        locked.user = None
        locked.name = names.nameless()
        locked.email = locked.role = locked.badge = locked.preferred_language = ""
        locked.contact_confirmed_at = locked.terms_accepted_at = locked.terms_version = None
        locked.erased_at = locked.erased_at or moment
        locked.erase_at = locked.erase_at or moment
        locked.save(
            update_fields=[
                "user",
                "name",
                "email",
                "role",
                "badge",
                "preferred_language",
                "contact_confirmed_at",
                "terms_accepted_at",
                "terms_version",
                "erased_at",
                "erase_at",
            ]
        )
    person.refresh_from_db()
    return True


def _remember_who_is_shut_out(person: Commenter, address: str) -> None:
    if address and Sanction.objects.in_force().filter(person=person, kind__in=access.SHUT_OUT).exists():
        FormerAddress.objects.get_or_create(person=person, digest=access.address_digest(address))


def _forget_mail(name: str, addresses: list[str]) -> None:
    """Empty what was sent to these addresses and let what waits not leave; empty what was kept of mails about them."""
    gone: dict[str, Any] = {"subject": "", "text": "", "html": "", "headers": {}}
    theirs = Q(pk__in=[])
    for address in addresses:
        theirs |= Q(to__iexact=address)
    mails = Delivery.objects.filter(theirs, way=Delivery.Way.MAIL)
    mails.filter(state=Delivery.State.WAITING).update(state=Delivery.State.FAILED, error="erased")
    mails.update(to="", **gone)
    speaks = Q(pk__in=[])
    for words in [*addresses, name] if name != names.nameless() else addresses:
        speaks |= Q(text__icontains=words) | Q(html__icontains=words) | Q(subject__icontains=words)
    Delivery.objects.filter(speaks).exclude(text="").exclude(state=Delivery.State.WAITING).update(**gone)
    for address in addresses:
        # Typed on a form, signed out: the address is theirs, the report may not be.
        IssueReport.objects.filter(email__iexact=address).update(email="")


def _forget_in_the_log(row: Any) -> None:
    """Take the name of ``row``, a person or a user, out of Django's own log and of what older releases wrote down."""
    if apps.is_installed("django.contrib.admin"):
        logged = apps.get_model("admin.LogEntry")._default_manager.filter(
            content_type=ContentType.objects.get_for_model(row), object_id=str(row.pk)
        )
        logged.update(object_repr=str(row.pk), change_message="")
    kinds = {Commenter: "person", get_user_model(): "role"}
    # Around the manager, which refuses: this is the one thing that may change the record (docs/decisions/0014).
    record: QuerySet[AuditEntry] = QuerySet(AuditEntry)
    entries = record.filter(kind=kinds[type(row)], object_id=row.pk)
    if not entries.exists():
        return
    try:
        with transaction.atomic():
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL comments.erasing = 'on'")
            for entry in entries:
                record.filter(pk=entry.pk).update(
                    subject=str(row.pk),
                    before=_nameless_facts(entry.before),
                    after=_nameless_facts(entry.after),
                    note="",
                )
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL comments.erasing = 'off'")
    except DatabaseError as error:
        # A role that may not change the record at all: somebody who may has to.
        logger.error("the record keeps a name about %s %s (%s)", row._meta.label, row.pk, type(error).__name__)


def _nameless_facts(facts: Any) -> Any:
    return (
        {key: value for key, value in facts.items() if key not in ("name", "role")} if isinstance(facts, dict) else None
    )


# --- What they wrote --------------------------------------------------------------------------------------------------


def withdraw_comments(person: Commenter) -> int:
    """Withdraw what waits, for nobody could answer for it any more; with ``erase_texts`` also what is published."""
    going = [Status.RECEIVED, Status.HELD] + ([Status.PUBLISHED] if person.erase_texts else [])
    found = Comment.objects.filter(author=person, status__in=going).select_related("discussion").order_by("pk")
    done = 0
    for comment in found[:BATCH]:
        try:
            moderation.decide(
                comment, Verdict("withdraw"), decider=Decider.AUTHOR, trigger=Trigger.AUTHOR, made_by=person
            )
        except Refused as refused:
            # An editor was there in the same moment; the next look finds it as it is now.
            logger.info("comment %s was not withdrawn yet (%s)", comment.pk, refused.code)
            comment.refresh_from_db()
            if comment.status in going and refused.code != "comment_changed":
                raise
        done += 1
    return done


def empty_texts(person: Commenter) -> int:
    """Empty every text that readers do not see. An edit that waits stays beside what is published."""
    later = Revision.objects.filter(comment=OuterRef("comment"), number__gt=OuterRef("number"), status=Status.PUBLISHED)
    seen = Q(comment__status=Status.PUBLISHED) & (
        Q(status__in=[Status.RECEIVED, Status.HELD]) | Q(status=Status.PUBLISHED) & ~Exists(later)
    )
    gone = Revision.objects.filter(comment__author=person).exclude(text="", html="").exclude(seen)
    with transaction.atomic():
        found = list(gone.order_by("pk").values_list("pk", "comment_id")[:BATCH])
        Revision.objects.filter(pk__in=[pk for pk, _comment in found]).update(text="", html="")
        touched = {comment for _pk, comment in found}
        unseen = Comment.objects.filter(pk__in=touched).exclude(status=Status.PUBLISHED)
        Fingerprint.objects.filter(comment__in=unseen.values("pk")).delete()
        unseen.update(html="", text_hash="")
    return len(found)


def forget_traces(person: Commenter) -> int:
    """Empty the networks and attempts noted with comments."""
    noted = Comment.objects.filter(author=person).exclude(network_key="", idempotency_key="")
    ids = list(noted.order_by("pk").values_list("pk", flat=True)[:BATCH])
    return Comment.objects.filter(pk__in=ids).update(network_key="", idempotency_key="")


def forget_words_about(person: Commenter) -> int:
    """Delete what editors wrote about their comments and about them: it may name them."""
    written = Comment.objects.filter(author=person).values("pk")
    return (
        _delete(DecisionWords.objects.filter(decision__comment__in=written))
        + _delete(SanctionWords.objects.filter(sanction__person=person))
        + _delete(Note.objects.filter(Q(person=person) | Q(comment__in=written)))
        + _update(Assignment.objects.filter(comment__in=written).exclude(note=""), note="")
    )


# --- What they did ----------------------------------------------------------------------------------------------------


def take_likes_back(person: Commenter) -> int:
    """Take every like back, each with its comment's count."""
    found = list(Reaction.objects.filter(person=person).select_related("comment").order_by("pk")[:BATCH])
    for liked in found:
        with transaction.atomic():
            reactions.unreact(person, liked.comment)
    return len(found)


def forget_flags(person: Commenter) -> int:
    """Empty what they wrote with their flags. That they flagged stays, without a name: it weighs and is on record."""
    return _update(Flag.objects.filter(person=person).exclude(note=""), note="")


def forget_reports_about_people(person: Commenter) -> int:
    """Empty what they wrote when they reported people; what was reported about them goes with it."""
    about = PersonFlag.objects.filter(Q(reporter=person) | Q(person=person))
    return _update(about.exclude(note=""), note="")


def forget_appeals(person: Commenter) -> int:
    """Delete appeals nobody has ruled on; empty the words of the others."""
    asked = Appeal.objects.filter(appellant=person)
    ruled = asked.exclude(state=Appeal.State.OPEN).exclude(text="", ruling="", private_note="")
    return _delete(asked.filter(state=Appeal.State.OPEN)) + _update(ruled, text="", ruling="", private_note="")


def forget_issues(person: Commenter) -> int:
    """Empty what they told us about commenting and what was answered; close it, and let its address lead nowhere."""
    with transaction.atomic():
        found = list(IssueReport.objects.filter(reporter=person).select_for_update().order_by("pk")[:BATCH])
        for report in found:
            report.seed, report.digest = "", no_receipt()
            if report.state != IssueReport.State.CLOSED:
                report.state, report.closed_at = IssueReport.State.CLOSED, timezone.now()
            report.empty()
    return len(found)


def forget_failures(person: Commenter) -> int:
    """Take what ties a failed request to them. What failed stays: it says what is broken."""
    return _update(Failure.objects.filter(person=person), person=None, browser_key="", network_key="", request_id="")


def forget_downloads(person: Commenter) -> int:
    """Delete the downloads of their data, and stop those that are being prepared."""
    made = DataExport.objects.filter(person=person)
    under_way = [Job.State.WAITING, Job.State.RUNNING, Job.State.PAUSED]
    Job.objects.filter(data_export__in=made, state__in=under_way).update(
        state=Job.State.CANCELLED, finished_at=timezone.now()
    )
    return _delete(made)


def _delete(rows: QuerySet[Any]) -> int:
    with transaction.atomic():
        ids = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
        rows.model._default_manager.filter(pk__in=ids).delete()
    return len(ids)


def _update(rows: QuerySet[Any], **facts: Any) -> int:
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
    return int(rows.model._default_manager.filter(pk__in=ids).update(**facts))


def deleting(model: type[models.Model], field: str = "person") -> Step:
    """Return the step that deletes the rows of ``model`` whose ``field`` is the person."""

    def delete(person: Commenter) -> int:
        return _delete(model._default_manager.filter(**{field: person}))

    return delete


STEPS: list[Step] = [
    withdraw_comments,
    empty_texts,
    forget_traces,
    forget_words_about,
    take_likes_back,
    deleting(Guest),
    deleting(Notification),
    deleting(NotificationPreference),
    deleting(Follow),
    deleting(Mute),
    deleting(Mute, "muted"),
    forget_flags,
    forget_reports_about_people,
    questions.forget_expert,
    forget_appeals,
    forget_issues,
    forget_failures,
    forget_downloads,
]
"""Everything that goes, after the name. A new kind of row about people takes its place here: ``deleting(Mute)``."""


# --- The end ----------------------------------------------------------------------------------------------------------


def _finish(person: Commenter) -> Commenter:
    """Make pages that were kept old, and write down that it is done."""
    with transaction.atomic():
        mine = Commenter.objects.filter(pk=person.pk, erase_at__isnull=False).update(erase_at=None)
        if mine:
            after = {"erased": True, "comments": "withdrawn" if person.erase_texts else "kept"}
            audit.record("erasure", leaving.about(person), object_id=person.pk, after=after)
            names.show_again(person)
    person.refresh_from_db()
    return person


def forget_former_addresses() -> int:
    """Forget the addresses of people against whom nothing holds any more; return how many."""
    holds = Sanction.objects.in_force().filter(person=OuterRef("person"), kind__in=access.SHUT_OUT)
    gone, _each = FormerAddress.objects.exclude(Exists(holds)).delete()
    return gone
