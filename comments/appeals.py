"""
Verbs: :func:`appeal` against a decision, :func:`appeal_sanction`, and :func:`rule_on` one of them.

One appeal for each decision, ruled on by somebody else than who decided. Both sides are told the outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from comments import access, compliance, conf, flags, letters, moderation, people, ratelimit, signals
from comments.compliance import Statement
from comments.exceptions import CommentChanged, Refused
from comments.http import request_id
from comments.models import (
    Appeal,
    AuditEntry,
    Comment,
    Commenter,
    Decider,
    Decision,
    Finding,
    Reason,
    Revision,
    Sanction,
    Status,
    Trigger,
)
from comments.screening import Verdict

LONGEST = 2000
"""Characters of an appeal, a ruling and a note."""
LEAST = 10
"""Shorter than this says nothing that somebody could look into."""
RESTRICTING = (Status.HELD, Status.REJECTED)
OUTCOMES = ("uphold", "overturn")
NETWORK_DAYS = 90
BIGGEST = 2**63 - 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Case:
    """What somebody may appeal, as they are told of it, or what became of it."""

    statement: Statement | None
    decision: Decision | None = None
    sanction: Sanction | None = None
    text: str = ""
    """The words that were judged."""
    appeal: Appeal | None = None
    refusal: Refused | None = None
    """Why it cannot be appealed; ``None`` when it can, or has been."""

    @property
    def is_open(self) -> bool:
        """Say whether an appeal can be filed now."""
        return self.appeal is None and self.refusal is None


# --- For the person it is about ---------------------------------------------------------------------------------------


def of_comment(person: Commenter, comment: Comment) -> Case:
    """Return what ``person`` may appeal about ``comment``, which is theirs; ``Refused`` (404) for anybody else's."""
    access.require_author(person, comment)
    history = list(
        Decision.objects.filter(comment=comment)
        .select_related("revision", "words", "appealed_by__ruled_by")
        .order_by("-id")
    )
    latest = comment.revisions.order_by("-number").first()
    decision = compliance.in_force(one for one in history if latest and one.revision_id == latest.pk)
    appeals = [made for one in history if (made := _appeal_of(one))]
    made = _appeal_of(decision) if decision else None
    if made is None:
        # Decided again meanwhile, or back on the page: what was asked and answered still stands here.
        asked = next((one for one in appeals if one.state == Appeal.State.OPEN), None)
        made = asked or (appeals[0] if appeals and decision is None else None)
    if made is not None:
        decision = next(one for one in history if one.pk == made.decision_id)
    refusal = None
    if made is None and (decision is None or comment.status == Status.WITHDRAWN):
        refusal = _nothing(comment)
    elif made is None and decision is not None:
        refusal = _too_late(decision.created_at)
    return Case(
        statement=compliance.about_decision(decision) if decision else None,
        decision=decision,
        text=decision.revision.text if decision else "",
        appeal=made,
        refusal=refusal,
    )


def _appeal_of(thing: Decision | Sanction | None) -> Appeal | None:
    found: Appeal | None = getattr(thing, "appealed_by", None)
    return found


def _nothing(comment: Comment) -> Refused:
    if comment.status == Status.WITHDRAWN:
        said = _("You have withdrawn this comment, so there is nothing left to decide about it.")
        return Refused("withdrawn", said, status=409)
    if comment.status == Status.PUBLISHED:
        return Refused("nothing_to_appeal", _("This comment is published. There is nothing to appeal."), status=409)
    said = _("Nothing has been decided against this comment. It still waits.")
    return Refused("nothing_to_appeal", said, status=409)


def _too_late(decided_at: datetime) -> Refused | None:
    until = compliance.appeal_until(decided_at)
    if timezone.now() <= until:
        return None
    said = _("The time to appeal this decision ended on %(when)s.") % {"when": compliance.in_full(until)}
    return Refused("appeal_too_late", said, status=403)


def of_sanction(person: Commenter, public_id: Any, network_key: str = "") -> Case:
    """
    Return what ``person`` may appeal about a sanction that holds, or held, for them; ``Refused`` (404) otherwise.

    ``network_key`` is of the network they ask from: one that is shut out shuts them out too.
    """
    sanction: Sanction | None = (
        Sanction.objects.filter(public_id=public_id)
        .exclude(kind=Sanction.Kind.LIFT)
        .select_related("words", "comment", "appealed_by__ruled_by", "lifted_by")
        .first()
    )
    if sanction is None or not _holds_for(person, sanction, network_key):
        raise Refused("unknown_sanction", _("There is no such decision about you."), status=404)
    made = _appeal_of(sanction)
    refusal = None
    if made is not None and made.appellant_id != person.pk:
        said = _("Somebody else whom it holds for has appealed already. What is ruled then holds for everybody.")
        made, refusal = None, Refused("appealed_by_another", said, status=409)
    elif made is None:
        refusal = _over(sanction) or _too_late(sanction.created_at)
    return Case(
        statement=compliance.about_sanction(sanction),
        sanction=sanction,
        text=_judged_words(sanction),
        appeal=made,
        refusal=refusal,
    )


def _judged_words(sanction: Sanction) -> str:
    if sanction.comment is None or sanction.comment.author_id != sanction.person_id:
        return ""
    texts = Revision.objects.filter(comment=sanction.comment_id, created_at__lte=sanction.created_at)
    return texts.order_by("-number").values_list("text", flat=True).first() or ""


def _holds_for(person: Commenter, sanction: Sanction, network_key: str) -> bool:
    if sanction.person_id:
        return sanction.person_id == person.pk or access.left_and_came_back(person, sanction)
    if sanction.email_domain:
        return sanction.email_domain in access.domains_of(person)
    if sanction.network_key == network_key:
        return True
    since = timezone.now() - timedelta(days=NETWORK_DAYS)
    wrote = Comment.objects.filter(author=person, network_key=sanction.network_key, created_at__gt=since)
    return wrote.exists()


def _over(sanction: Sanction) -> Refused | None:
    if getattr(sanction, "lifted_by", None) is not None:
        return Refused("not_in_force", _("It was lifted already. There is nothing to appeal."), status=409)
    if sanction.ends_at and sanction.ends_at <= timezone.now():
        return Refused("not_in_force", _("It is over. There is nothing to appeal."), status=409)
    return None


def appeal(person: Commenter, comment: Comment, text: str) -> Appeal:
    """
    Ask for another look at the decision that keeps ``comment``, by ``person``, from readers.

    Once: the same again returns the appeal that is there, with ``is_new`` false. Raise ``Refused`` for somebody else's
    comment (404), when nothing was decided against it or it was withdrawn (409), when the time is over (403), for a
    text that says nothing or too much (400), or after too many in an hour (429).
    """
    case = of_comment(person, comment)
    words = _ready(person, case, text)
    if case.appeal is not None:
        return case.appeal
    with transaction.atomic():
        case = of_comment(person, moderation.lock(comment.pk, comment.discussion_id))
        if case.appeal is not None:
            return case.appeal
        if case.refusal is not None:
            raise case.refusal
        return _file(person, words, decision=case.decision)


def appeal_sanction(person: Commenter, public_id: Any, text: str, network_key: str = "") -> Appeal:
    """Ask for another look at a sanction in force. Once, and refused as :func:`appeal` is."""
    case = of_sanction(person, public_id, network_key)
    words = _ready(person, case, text)
    if case.appeal is not None:
        return case.appeal
    try:
        with transaction.atomic():
            flags.lock_people([person.pk])
            case = of_sanction(person, public_id, network_key)
            if case.appeal is not None:
                return case.appeal
            if case.refusal is not None:
                raise case.refusal
            return _file(person, words, sanction=case.sanction)
    except IntegrityError:
        # Two people whom the same sanction holds for, at once.
        case = of_sanction(person, public_id, network_key)
        if case.refusal is not None:
            raise case.refusal from None
        raise


def _ready(person: Commenter, case: Case, text: str) -> str:
    """Return the words that would be filed; they are not looked at when there is an appeal already."""
    if case.appeal is not None:
        return ""
    if case.refusal is not None:
        raise case.refusal
    words = _checked(text)
    if len("".join(words.split())) < LEAST:
        raise Refused("appeal_too_short", _("Say in a sentence or two why you think that the decision was wrong."))
    ratelimit.require_not_too_many("appeal", f"person:{person.pk}", limit=conf.get().appeals_per_hour, seconds=3600)
    return words


def _checked(text: Any) -> str:
    words = text.replace("\x00", "").replace("\r\n", "\n").strip() if isinstance(text, str) else ""
    if any("\ud800" <= character <= "\udfff" for character in words):
        raise Refused("bad_text", _("This text has broken characters in it."))
    if len(words) > LONGEST:
        raise Refused(
            "appeal_too_long",
            _("This text has %(count)d characters; %(most)d fit.") % {"count": len(words), "most": LONGEST},
            maximum=LONGEST,
        )
    return words


def _file(person: Commenter, words: str, **against: Any) -> Appeal:
    now = timezone.now()
    due_at = now + timedelta(days=conf.get().appeal_due_days)
    made = Appeal.objects.create(appellant=person, text=words, filed_at=now, due_at=due_at, **against)
    made.is_new = True
    letters.appeal_received(made)
    return made


def by(person: Commenter, most: int = 50) -> list[Appeal]:
    """Return what ``person`` appealed, newest first. One query."""
    made = Appeal.objects.filter(appellant=person).select_related(
        "ruled_by", "sanction", "decision__comment__discussion"
    )
    return list(made.order_by("-filed_at", "-id")[:most])


# --- For editors ------------------------------------------------------------------------------------------------------


def _theirs(person: Commenter) -> Q:
    """Return what ``person`` decided themselves, or asked for: others rule on it."""
    decided = Decision.objects.filter(
        revision=OuterRef("decision__revision"),
        id__gte=OuterRef("decision"),
        made_by=person,
        to_status__in=RESTRICTING,
    )
    return (
        Exists(decided)
        | Q(decision__bulk__made_by=person)
        | Q(decision__sanction__made_by=person)
        | Q(sanction__made_by=person)
        | Q(appellant=person)
    )


def in_sections_of(user: Any) -> QuerySet[Appeal]:
    """Return the appeals about what ``user`` may decide: section moderators have comments of their own sections."""
    found = Appeal.objects.all()
    sections = access.sections_of(user)
    return found if sections is None else found.filter(decision__comment__discussion__section__in=sections)


def for_ruling(person: Commenter) -> QuerySet[Appeal]:
    """Return the open appeals that ``person`` may rule on, the one that is due first on top."""
    found = in_sections_of(person.user).filter(state=Appeal.State.OPEN).exclude(_theirs(person))
    return found.order_by("due_at", "id")


def for_others(person: Commenter) -> int:
    """Return how many open appeals wait for somebody else, because ``person`` decided or appealed."""
    return in_sections_of(person.user).filter(_theirs(person), state=Appeal.State.OPEN).count()


def place(appeal: Appeal) -> str:
    """Return where the page after ``appeal`` begins."""
    return f"{(appeal.due_at - EPOCH) // MICROSECOND}-{appeal.pk}"


def after(cursor: str) -> Q | None:
    """Return the condition for what comes after ``cursor``; ``None`` for one that cannot be read."""
    micros, _dash, pk = cursor.partition("-")
    if not all(part.isascii() and part.isdecimal() and len(part) < 19 for part in (micros, pk)):
        return None
    try:
        at, last = EPOCH + int(micros) * MICROSECOND, int(pk)
    except OverflowError:
        return None
    return Q(due_at__gt=at) | Q(due_at=at, id__gt=last)


def known(appeal_id: int) -> Appeal:
    """Return the appeal with this number and what it is about, or raise ``Refused`` (404). One query."""
    found = (
        Appeal.objects.filter(pk=min(appeal_id, BIGGEST))
        .select_related(
            "appellant__user",
            "ruled_by",
            "decision__made_by",
            "decision__words",
            "decision__bulk",
            "decision__sanction",
            "decision__revision",
            "decision__comment__discussion",
            "sanction__made_by",
            "sanction__words",
            "sanction__comment__discussion",
        )
        .first()
    )
    if found is None:
        raise Refused("unknown_appeal", _("There is no such appeal."), status=404)
    return found


def require_may_rule(person: Commenter, appeal: Appeal) -> None:
    """Raise ``Refused`` (403) unless ``person`` may read and rule on ``appeal``: never who decided, never who asks."""
    user = person.user
    access.require(user, "rule_on_appeals")
    decision = appeal.decision
    if decision is not None:
        access.require_moderator(user, decision.comment.discussion)
    elif access.sections_of(user) is not None:
        said = _("What was decided about a person holds on the whole site; moderators of the whole site rule on it.")
        raise Refused("other_section", said, status=403)
    if appeal.appellant_id == person.pk:
        raise Refused("own_appeal", _("Nobody rules on their own appeal. A colleague will."), status=403)
    if Appeal.objects.filter(_theirs(person), pk=appeal.pk).exists():
        said = _("You made the decision that is appealed here, so somebody else rules on it.")
        raise Refused("own_decision", said, status=403)


def can_be_published(appeal: Appeal) -> bool:
    """Say whether overturning would still bring the comment back: neither withdrawn, rewritten nor decided anew."""
    decision = appeal.decision
    if decision is None or decision.comment.status == Status.WITHDRAWN:
        return False
    latest = decision.comment.revisions.order_by("-number").first()
    if latest is None or latest.pk != decision.revision_id:
        return False
    return compliance.in_force(Decision.objects.filter(revision=latest).order_by("-id")) is not None


def rule_on(
    appeal: Appeal,
    outcome: str,
    ruling: str,
    *,
    made_by: Commenter,
    private_note: str = "",
    version: int | None = None,
) -> Appeal:
    """
    Uphold or overturn what was appealed, and tell both sides. ``ruling`` is said to the appellant.

    Overturning publishes the text that was judged, or lifts the sanction; where the comment was withdrawn, rewritten
    or decided anew meanwhile there is nothing to do but to say so. ``version`` is the comment's that ``made_by`` saw.

    Raise ``Refused`` (403) for whoever may not rule, (409) when somebody ruled first or nothing safe is left to
    publish, (400) without words, and ``CommentChanged`` when the comment is no longer at ``version``.
    """
    if outcome not in OUTCOMES:
        raise Refused("unknown_ruling", _("Choose: uphold or overturn."))
    words, note = _checked(ruling), _checked(private_note)
    if not words:
        raise Refused("ruling_needed", _("Write a sentence to the author: they are told it with the outcome."))
    with transaction.atomic():
        comment = None
        if appeal.decision is not None:
            comment = moderation.lock(appeal.decision.comment_id, appeal.decision.comment.discussion_id)
        Appeal.objects.select_for_update().get(pk=appeal.pk)
        current = known(appeal.pk)
        require_may_rule(made_by, current)
        if current.state != Appeal.State.OPEN:
            raise Refused("already_ruled", _who_ruled(current), status=409)
        if comment is not None and version is not None and comment.version != version:
            said = _("This comment has changed since you opened the appeal: it is now “%(status)s”. Look again first.")
            raise CommentChanged(comment, said % {"status": comment.get_status_display()})
        current.state = Appeal.State.UPHELD if outcome == "uphold" else Appeal.State.OVERTURNED
        current.ruled_by, current.ruled_at = made_by, timezone.now()
        current.ruling, current.private_note = words, note
        current.save(update_fields=["state", "ruled_by", "ruled_at", "ruling", "private_note"])
        did = _undo(current, comment, made_by) if outcome == "overturn" else ""
        _on_record(current, made_by, did)
        letters.appeal_ruled(current)
        letters.tell_editor(current)
        transaction.on_commit(lambda: signals.appeal_ruled.send_robust(Appeal, appeal=current), robust=True)
    return current


def _undo(appeal: Appeal, comment: Comment | None, made_by: Commenter) -> str:
    """Publish what was kept back or lift what was imposed; return what was done."""
    if appeal.sanction is not None:
        return "lifted" if _lift(appeal.sanction, appeal, made_by) else ""
    if comment is None or not can_be_published(appeal):
        return ""
    moderation.decide(
        comment,
        Verdict("publish"),
        decider=Decider.EDITOR,
        trigger=Trigger.APPEAL,
        made_by=made_by,
        assistance="findings",
        reverses=appeal.decision,
        because_of=appeal,
    )
    return "published"


def _lift(sanction: Sanction, appeal: Appeal, made_by: Commenter) -> bool:
    """End ``sanction`` because of ``appeal``; false when it is over by now."""
    if sanction.person_id:
        flags.lock_people([sanction.person_id])
    if not Sanction.objects.in_force().filter(pk=sanction.pk).exists():
        return False
    people.lift(
        sanction,
        made_by=made_by,
        explanation=appeal.ruling,
        private_note=appeal.private_note,
        appeal=appeal,
    )
    return True


def _who_ruled(appeal: Appeal) -> str:
    return _("%(who)s has ruled on this appeal, %(when)s: %(outcome)s. Nothing of yours was sent.") % {
        "who": appeal.ruled_by or _("Somebody else"),
        "when": compliance.in_full(appeal.ruled_at) if appeal.ruled_at else "",
        "outcome": appeal.get_state_display(),
    }


def _on_record(appeal: Appeal, made_by: Commenter, did: str) -> None:
    if appeal.decision is not None:
        about = _("appeal about comment #%(id)d") % {"id": appeal.decision.comment_id}
        decided_by = appeal.decision.made_by_id
    else:
        about = _("appeal about a sanction")
        decided_by = appeal.sanction.made_by_id if appeal.sanction else None
    AuditEntry.objects.create(
        kind="appeal",
        subject=about,
        object_id=appeal.pk,
        before={"state": Appeal.State.OPEN, "decided_by": decided_by},
        after={"state": appeal.state, "did": did},
        made_by=made_by,
        request_id=request_id(),
    )


def ruled_by_others(person: Commenter, most: int = 10) -> list[Appeal]:
    """Return the latest rulings on what ``person`` had decided, so that they learn of them. One query."""
    about_them = Q(decision__made_by=person) | Q(decision__bulk__made_by=person) | Q(sanction__made_by=person)
    ruled = Appeal.objects.exclude(state=Appeal.State.OPEN).filter(about_them)
    return list(ruled.select_related("ruled_by", "decision", "sanction").order_by("-ruled_at", "-id")[:most])


# --- How often decisions were wrong -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rate:
    """What was decided for one reason, by one rule or by one editor, and how much of it did not stand."""

    code: str
    name: str
    decided: int
    appealed: int
    overturned: int


@dataclass(frozen=True, slots=True)
class Overturned:
    """Restrictions of a span of time that were appealed, by what they were decided for and by whom."""

    by_reason: list[Rate]
    by_rule: list[Rate]
    """Rules that rejected by themselves, without an editor."""
    by_editor: list[Rate]


def overturned(since: datetime, until: datetime) -> Overturned:
    """Return, for what was decided from ``since`` to before ``until``, how much was appealed and overturned."""
    span = {"created_at__gte": since, "created_at__lt": until}
    kept_back = Q(to_status=Status.REJECTED) | Q(from_status=Status.PUBLISHED, to_status=Status.HELD)
    decided = Decision.objects.filter(kept_back, **span).order_by()
    counts = {
        "decided": Count("pk"),
        "appealed": Count("appealed_by"),
        "overturned": Count("appealed_by", filter=Q(appealed_by__state=Appeal.State.OVERTURNED)),
    }
    names = {reason.code: str(reason) for reason in Reason.objects.all()}
    by_reason = [
        Rate(row["reason"], names.get(row["reason"], row["reason"]) or _("reported by readers"), *_three(row))
        for row in decided.values("reason").annotate(**counts)
    ]
    by_editor = [
        Rate(str(row["made_by"]), row["made_by__name"], *_three(row))
        for row in decided.filter(made_by__isnull=False).values("made_by", "made_by__name").annotate(**counts)
    ]
    by_itself = Finding.objects.filter(
        verdict="reject",
        revision__decisions__decider=Decider.SCREENING,
        revision__decisions__to_status=Status.REJECTED,
        **{f"revision__decisions__{name}": moment for name, moment in span.items()},
    )
    at = "revision__decisions__appealed_by"
    rules = (
        by_itself.order_by()
        .values("rule")
        .annotate(
            decided=Count("revision__decisions", distinct=True),
            appealed=Count(at, distinct=True),
            overturned=Count(at, distinct=True, filter=Q(**{f"{at}__state": Appeal.State.OVERTURNED})),
        )
    )
    by_rule = [Rate(row["rule"], row["rule"], *_three(row)) for row in rules]
    return Overturned(_worst_first(by_reason), _worst_first(by_rule), _worst_first(by_editor))


def _three(row: dict[str, Any]) -> tuple[int, int, int]:
    return row["decided"], row["appealed"], row["overturned"]


def _worst_first(rates: list[Rate]) -> list[Rate]:
    return sorted(rates, key=lambda rate: (-rate.overturned, -rate.appealed, -rate.decided, rate.name))
