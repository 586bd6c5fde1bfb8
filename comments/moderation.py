"""Verbs about a comment. The only place that sets a status, and the only way to publish."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from math import log2, sqrt
from random import SystemRandom
from typing import Any

from django.db import connection, transaction
from django.db.models import Case, Exists, F, Max, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from comments import (
    access,
    conf,
    documents,
    flags,
    house_rules,
    languages,
    live,
    questions,
    ranking,
    ratelimit,
    screening,
    signals,
    text,
    threads,
    thresholds,
)
from comments.access import is_staff
from comments.exceptions import CommentChanged, Refused
from comments.http import request_id
from comments.models import (
    Appeal,
    Audit,
    AuditEntry,
    BulkAction,
    Claim,
    Comment,
    Commenter,
    Decider,
    Decision,
    DecisionWords,
    Discussion,
    Finding,
    Flag,
    Reason,
    Revision,
    Sanction,
    Status,
    Trigger,
)
from comments.screening import Draft, Policy, Verdict

logger = logging.getLogger(__name__)

BECOMES = {
    "publish": Status.PUBLISHED,
    "hold": Status.HELD,
    "reject": Status.REJECTED,
    "withdraw": Status.WITHDRAWN,
}
Cause = Appeal | BulkAction | Sanction
"""What a decision is part of, when it is not an editor's about one card."""

lot: Callable[[], float] = SystemRandom().random
"""Draws spot checks: a number from 0 to 1, below the share that is to be drawn."""

TOGETHER_SECONDS = 5
"""Texts that are screened together are judged for this long; the rest is left to whoever comes next."""

CLAIM_SECONDS = 60
"""A screening that has not finished after this long is taken to be dead."""

BACK = {
    Status.RECEIVED: "hold",
    Status.HELD: "hold",
    Status.PUBLISHED: "publish",
    Status.REJECTED: "reject",
}
"""The verdict that brings a comment back to where it was. What was never judged waits for an editor."""


def lock(comment_id: int, discussion_id: int) -> Comment:
    """
    Return the comment locked for the rest of the transaction, its discussion locked before it.

    Always in this order, so that two decisions can wait for each other and never both.
    """
    discussion = Discussion.objects.select_for_update(**_locks()).get(pk=discussion_id)
    comment = Comment.objects.select_for_update(**_locks()).get(pk=comment_id)
    comment.discussion = discussion
    return comment


def _locks() -> dict[str, Any]:
    return {"no_key": True} if connection.features.has_select_for_no_key_update else {}


def _lock_to_decide(comment_id: int, discussion_id: int) -> tuple[Comment, Revision]:
    """
    Do what :func:`lock` does, and return the latest text beside the comment, in the same two queries.

    The comment says, too, whether flags wait on it and whether an editor has it open. Whoever writes a flag or a text
    has locked the discussion before, so what the second query sees is what there is.
    """
    discussion = Discussion.objects.select_for_update(**_locks()).get(pk=discussion_id)
    of: dict[str, Any] = {"of": ("comment",)} if connection.features.has_select_for_update_of else {}
    revision = (
        Revision.objects.select_for_update(**_locks(), **of)
        .filter(comment_id=comment_id)
        .select_related("comment")
        .annotate(
            is_flagged=Exists(flags.open_ones().filter(comment=OuterRef("comment"))),
            is_claimed=Exists(Claim.objects.filter(comment=OuterRef("comment"))),
        )
        .latest("number")
    )
    revision.comment.discussion = discussion
    return revision.comment, revision


def decide(
    comment: Comment,
    verdict: Verdict,
    *,
    decider: str,
    trigger: str,
    made_by: Commenter | None = None,
    assistance: str = "none",
    reverses: Decision | None = None,
    because_of: Cause | None = None,
) -> Decision:
    """
    Give ``comment`` the status in ``verdict`` and write down who decided and why.

    No other function changes a comment's status. Raise ``CommentChanged`` when the comment is no longer the version
    the caller looked at, and ``Refused`` when a rejection has no reason, there is nothing safe to publish, or an editor
    may not decide in this section.

    While an edit waits beside published words, the verdict is about the edit: holding or rejecting it leaves the
    published words standing. ``because_of`` is the appeal, the bulk action or the sanction that it belongs to.
    """
    with transaction.atomic():
        decision = _decide(comment, verdict, decider, trigger, made_by, assistance, reverses, because_of=because_of)
    # The caller's comment is now what the decision made of it, without asking the database again.
    for column in Comment._meta.concrete_fields:
        setattr(comment, column.attname, getattr(decision.comment, column.attname))
    comment.discussion = decision.comment.discussion
    return decision


def _decide(
    comment: Comment,
    verdict: Verdict,
    decider: str,
    trigger: str,
    made_by: Commenter | None = None,
    assistance: str = "none",
    reverses: Decision | None = None,
    flag_weight: Decimal | None = None,
    looked_at: Revision | None = None,
    because_of: Cause | None = None,
) -> Decision:
    """
    Do what :func:`decide` says, inside the caller's transaction.

    ``looked_at`` is the latest text of the version in ``comment``, for a caller who has it: the version says that there
    is no newer one.
    """
    now = timezone.now()
    if looked_at is None:
        current, revision = _lock_to_decide(comment.pk, comment.discussion_id)
    else:
        current, revision = lock(comment.pk, comment.discussion_id), looked_at
    if decider == Decider.EDITOR:
        access.require_moderator_of(made_by, current.discussion)
    if current.version != comment.version:
        raise CommentChanged(current, what_changed(current))
    becomes = BECOMES[verdict.action]
    if becomes == Status.WITHDRAWN and current.status == Status.WITHDRAWN:
        raise CommentChanged(current, what_changed(current))
    if current.status == Status.WITHDRAWN:
        raise Refused("withdrawn", _("Its author has withdrawn this comment. It stays withdrawn."), status=409)

    # Words stand published beside the decision that is taken back: it was about an edit, and so is this one.
    back_to_the_edit = (
        reverses is not None
        and reverses.revision_id == revision.pk
        and reverses.to_status != Status.PUBLISHED
        and current.status == Status.PUBLISHED
    )
    # Readers complain about what they see: then the published words go, with the edit that waits beside them.
    about_a_waiting_text = (
        revision.status in (Status.RECEIVED, Status.HELD) or back_to_the_edit
    ) and flag_weight is None
    only_the_edit = (
        current.status == Status.PUBLISHED and about_a_waiting_text and becomes in (Status.HELD, Status.REJECTED)
    )
    before = revision.status if about_a_waiting_text else current.status
    reason = _reason_for(verdict, before, becomes)

    if becomes == Status.PUBLISHED:
        if verdict.html is not None:
            revision.html = verdict.html
        elif not revision.html and revision.text:
            revision.html = text.to_html(revision.text).html
        if not revision.html:
            raise Refused("nothing_to_publish", _("Nothing is left of this text once it is made safe."), status=409)
        revision.first_published_at = revision.first_published_at or now
    elif verdict.html is not None:
        revision.html = verdict.html
    if verdict.sanitizer_version:
        revision.sanitizer_version = verdict.sanitizer_version
        revision.screened_at = now
        revision.language = verdict.language

    held_delta = (becomes == Status.HELD) - (revision.status == Status.HELD)
    revision.status = becomes
    revision.section = current.discussion.section
    if decider == Decider.EDITOR:
        revision.reviewed_at = revision.reviewed_at or now
    elif decider == Decider.SCREENING or flag_weight is not None:
        _weigh(revision, current, verdict, flag_weight)
    revision.save(
        update_fields=[
            "status",
            "html",
            "language",
            "sanitizer_version",
            "screened_at",
            "first_published_at",
            "section",
            "reviewed_at",
            "risk",
            "priority",
            "flag_weight",
        ],
    )

    was_public = current.status == Status.PUBLISHED
    if not only_the_edit:
        current.status = becomes
        if becomes == Status.PUBLISHED:
            current.html, current.language = revision.html, revision.language
            current.published_at = current.published_at or now
            current.edited_at = revision.created_at if revision.number > 1 else None
        current.removed_for = reason.code if reason and was_public else ""
    is_public = current.status == Status.PUBLISHED
    current.is_shown = is_public or current.reply_count > 0
    current.version += 1
    current.save(
        update_fields=["status", "html", "language", "published_at", "edited_at", "removed_for", "is_shown", "version"]
    )

    moved = is_public - was_public
    complaints = []
    if reverses is not None or getattr(revision, "is_flagged", True):
        complaints = _complaints(current, becomes, decider, reverses, only_the_edit, because_of)
    if complaints:
        flags.lock_people([current.author_id, *(flag.person_id for flag in complaints)])
    _move_counts(current, moved=moved, held=held_delta, visible=bool(moved or is_public or current.is_shown))
    _move_record(current, moved=moved, rejected=(becomes == Status.REJECTED) - (before == Status.REJECTED))
    if moved:
        questions.settle(current.discussion, [current.path])

    decision = Decision.objects.create(
        comment=current,
        revision=revision,
        verdict=verdict.action,
        from_status=before,
        to_status=becomes,
        decider=decider,
        made_by=made_by,
        trigger=trigger,
        assistance=assistance,
        reason=reason.code if reason else verdict.reason,
        ground=verdict.ground or (reason.ground_default if reason else "none"),
        legal_ground=verdict.legal_ground,
        terms_anchor=reason.terms_anchor if reason else "",
        guidelines_version=thresholds.guidelines_version(),
        reverses=reverses,
        appeal=because_of if isinstance(because_of, Appeal) else None,
        bulk=because_of if isinstance(because_of, BulkAction) else None,
        sanction=because_of if isinstance(because_of, Sanction) else None,
        flag_weight=flag_weight,
        score=verdict.score,
        scorer_version=verdict.scorer_version,
        request_id=request_id(),
    )
    if verdict.explanation or verdict.private_note:
        DecisionWords.objects.create(
            decision=decision, explanation=verdict.explanation, private_note=verdict.private_note
        )
    if complaints and isinstance(because_of, Appeal):
        # Somebody has looked again, and lets it stand: what was upheld was not right, and nothing waits any more.
        if upheld := [flag for flag in complaints if flag.state != Flag.State.OPEN]:
            flags.reopen(upheld)
        flags.settle(complaints, decision, Flag.State.DISMISSED)
    elif complaints and reverses is not None and _takes_back(reverses):
        flags.reopen(complaints)
    elif complaints:
        flags.settle(complaints, decision, Flag.State.DISMISSED if becomes == Status.PUBLISHED else Flag.State.UPHELD)
    if getattr(revision, "is_claimed", False):
        Claim.objects.filter(comment=current).delete()
    if reverses is not None and reverses.to_status == Status.PUBLISHED and not is_public:
        _unmark(current, made_by)
    transaction.on_commit(lambda: _tell(current, decision, moved), robust=True)
    return decision


def _weigh(revision: Revision, comment: Comment, verdict: Verdict, flag_weight: Decimal | None) -> None:
    """
    Write down how likely ``revision`` is removed and how much that matters, for editors who work off the worst first.

    Risk is the score; 1 where a rule rejects; where nobody gave a score, an even chance for what is held and none for
    what is published. Readers' reports make it at least ``w / (1 + w)``, which is a half for the weight of one reader
    and near 1 for that of many. Priority is risk times :func:`reach`.
    """
    if flag_weight is None:
        unknown = 0.5 if verdict.action == "hold" else 0.0
        score = unknown if verdict.score is None else min(max(verdict.score, 0.0), 1.0)
        revision.risk = 1.0 if verdict.action == "reject" else round(score, 6)
        risk = revision.risk
    else:
        revision.flag_weight = float(flag_weight)
        risk = max(revision.risk, revision.flag_weight / (1 + revision.flag_weight))
    revision.priority = round(risk * reach(comment), 6)


def reach(comment: Comment) -> float:
    """
    Return how many people are likely to read ``comment``, as a factor of 1 or more at the top level. No query.

    Nobody counts readers here, so it is told from what readers did: ``log2(2 + n)``, with the comments published under
    the story, the replies to this one and its likes for ``n``, because a hundred comments more matter less to a story
    with a thousand; divided by the root of its depth, because replies stand further down and folded.
    """
    seen_by = comment.discussion.published_count + comment.reply_count + comment.like_count
    return log2(2 + seen_by) / sqrt(1 + comment.depth)


def take_back(comment: Comment, decision_id: int, made_by: Commenter) -> Decision:
    """
    Bring ``comment`` back to where it was before the decision with this id. Itself a decision, on record.

    Raise ``CommentChanged`` when anything happened since the version in ``comment``, and ``Refused`` (404) when that
    decision was about something else, or there is nothing to go back to.
    """
    undone = Decision.objects.filter(pk=decision_id, comment=comment).first()
    if undone is None or undone.from_status not in BACK:
        raise Refused("nothing_to_undo", _("There is no such decision to take back."), status=404)
    action = BACK[Status(undone.from_status)]
    earlier = Decision.objects.filter(comment=comment, verdict="reject", pk__lt=undone.pk).order_by("-id").first()
    return decide(
        comment,
        Verdict(action, reason=earlier.reason if earlier and action == "reject" else ""),
        decider=Decider.EDITOR,
        trigger=undone.trigger,
        made_by=made_by,
        reverses=undone,
    )


def _takes_back(reverses: Decision) -> bool:
    """Say whether taking ``reverses`` back undoes something, and does not do again what had been undone."""
    return reverses.reverses_id is None


def _complaints(
    comment: Comment,
    becomes: str,
    decider: str,
    reverses: Decision | None,
    only_the_edit: bool,
    because_of: Cause | None = None,
) -> list[Flag]:
    """Return the flags that an editor's decision settles, or that it opens again because it takes one back."""
    if decider != Decider.EDITOR:
        return []
    if isinstance(because_of, Appeal) and reverses is not None:
        return [*reverses.settled.all(), *flags.waiting(comment)]
    if reverses is not None and _takes_back(reverses):
        return list(reverses.settled.all())
    if becomes not in (Status.PUBLISHED, Status.REJECTED) or only_the_edit:
        return []
    return flags.waiting(comment)


def first_cause(comment: Comment) -> str:
    """
    Return the trigger of the decision an editor is about to make: what held the text that waits, or else the editor.

    So a card that screening held keeps ``screening`` on its record, however often it is held again.
    """
    latest = comment.revisions.order_by("-number").values("pk")[:1]
    decision = Decision.objects.filter(revision=latest).order_by("-id").first()
    return decision.trigger if decision and decision.verdict == "hold" else Trigger.EDITOR


def _reason_for(verdict: Verdict, before: str, becomes: str) -> Reason | None:
    taken_down = before == Status.PUBLISHED and becomes == Status.HELD
    if becomes != Status.REJECTED and not taken_down:
        return None
    if not verdict.reason:
        if taken_down:
            return None
        raise Refused("reason_needed", _("Choose the reason: the author is told it."), status=400)
    reason = _reasons.called(verdict.reason)
    if reason is None:
        raise Refused("unknown_reason", _("There is no reason “%(code)s”.") % {"code": verdict.reason})
    if (verdict.ground or reason.ground_default) == "illegal" and not (verdict.legal_ground and verdict.explanation):
        raise Refused("legal_ground_needed", _("Name the law and explain why the text falls under it."))
    return reason


class _Reasons:
    """The reasons in use, each known for a few seconds: every rejection asks, and they change once a year."""

    SECONDS = 5

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Reason]] = {}

    def called(self, code: str) -> Reason | None:
        known = self._known.get(code)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        reason = Reason.objects.filter(code=code, is_active=True).first()
        if reason is None:
            self.forget()
        else:
            self._known[code] = (time.monotonic() + self.SECONDS, reason)
        return reason

    def forget(self) -> None:
        self._known.clear()


_reasons = _Reasons()
forget_reasons = _reasons.forget


# --- Many at once -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Many:
    """What became of texts that were decided together."""

    decisions: list[Decision] = field(default_factory=list)
    skipped: dict[int, str] = field(default_factory=dict)
    """Comment → why nothing was done: ``changed``, ``withdrawn``, ``claimed``, ``other_section``, a refusal's code."""


@dataclass(slots=True)
class _Wish:
    """One text of many, as its caller saw it, and what is to be done with it; the rest is found out under the lock."""

    seen: Revision
    verdict: Verdict
    trigger: str
    reverses: Decision | None = None
    comment: Comment = field(init=False)
    revision: Revision = field(init=False)
    becomes: str = ""
    before: str = ""
    reason: Reason | None = None
    only_the_edit: bool = False
    was_public: bool = False
    is_public: bool = False
    held: int = 0
    complaints: list[Flag] = field(default_factory=list)

    @property
    def moved(self) -> int:
        return self.is_public - self.was_public

    @property
    def rejected(self) -> int:
        return (self.becomes == Status.REJECTED) - (self.before == Status.REJECTED)


def decide_many(
    revisions: Sequence[Revision],
    verdict: Verdict,
    *,
    made_by: Commenter | None,
    bulk: BulkAction,
    trigger: str = Trigger.BULK,
    assistance: str = "none",
    claimed_too: bool = False,
) -> Many:
    """
    Decide the same about the comments of ``revisions``, which carry their comments: as :func:`decide` for each.

    One transaction and a number of statements that does not grow with them; so give it few hundred, of as few
    discussions as possible. What :func:`decide` would refuse is skipped and said so: what changed since it was read,
    was withdrawn, stands in another section, or leaves nothing to publish. What another editor has open is left to
    them, unless ``claimed_too``. A discussion's version moves once. Raise ``Refused`` for a verdict without a reason.
    """
    rendered = _rendered(revisions) if verdict.action == "publish" else {}
    wishes = [_Wish(revision, verdict, trigger) for revision in revisions]
    with transaction.atomic():
        return _decide_many(wishes, rendered, Decider.EDITOR, made_by, bulk, assistance, claimed_too=claimed_too)


def take_back_many(decisions: Sequence[Decision], *, made_by: Commenter | None, bulk: BulkAction) -> Many:
    """
    Bring the comments of ``decisions`` back to where they were before, as :func:`take_back` does for each.

    The decisions carry their comments and texts. Those on which anything happened since are skipped: ``changed``.
    """
    found = Many()
    about = [decision.comment_id for decision in decisions]
    latest = dict(Decision.objects.filter(comment__in=about).values_list("comment").annotate(Max("pk")).order_by())
    rejections: dict[int, list[tuple[int, str]]] = {}
    for pk, comment, reason in (
        Decision.objects.filter(comment__in=about, verdict="reject")
        .order_by("pk")
        .values_list("pk", "comment", "reason")
    ):
        rejections.setdefault(comment, []).append((pk, reason))
    wishes = []
    for decision in decisions:
        if latest[decision.comment_id] != decision.pk:
            found.skipped[decision.comment_id] = "changed"
            continue
        action = BACK.get(Status(decision.from_status))
        if action is None:
            found.skipped[decision.comment_id] = "nothing_to_undo"
            continue
        earlier = [reason for pk, reason in rejections.get(decision.comment_id, ()) if pk < decision.pk]
        verdict = Verdict(action, reason=earlier[-1] if earlier and action == "reject" else "")
        decision.revision.comment = decision.comment
        wishes.append(_Wish(decision.revision, verdict, decision.trigger, decision))
    rendered = _rendered([wish.seen for wish in wishes if wish.verdict.action == "publish"])
    with transaction.atomic():
        made = _decide_many(wishes, rendered, Decider.EDITOR, made_by, bulk, claimed_too=True)
    found.decisions = made.decisions
    found.skipped |= made.skipped
    return found


def _rendered(revisions: Sequence[Revision]) -> dict[int, str]:
    """Return the safe HTML of those that have none yet. Before the locks are taken: a text never changes."""
    missing = Revision.objects.filter(pk__in=[revision.pk for revision in revisions], html="")
    # A text that its author took along when they left is empty: there is nothing to publish.
    return {pk: text.to_html(words).html if words else "" for pk, words in missing.values_list("pk", "text")}


def _decide_many(
    wishes: list[_Wish],
    rendered: dict[int, str],
    decider: str,
    made_by: Commenter | None = None,
    bulk: BulkAction | None = None,
    assistance: str = "none",
    *,
    claimed_too: bool,
) -> Many:
    """Do what :func:`decide_many` says, inside the caller's transaction: locks, then counts, then records."""
    now = timezone.now()
    found = Many()
    wishes = _ready(_locked(wishes, found), found, made_by, rendered, claimed_too=claimed_too)
    if not wishes:
        return found
    _write_texts(wishes, rendered, now)
    # After the texts: complaints about words that have just been replaced stay open beside them.
    if decider == Decider.EDITOR:
        _find_complaints(wishes)
    flags.lock_people(
        {wish.comment.author_id for wish in wishes} | {flag.person_id for wish in wishes for flag in wish.complaints}
    )
    below = _move_many_counts(wishes)
    _write_comments(wishes, below, now)
    _settle_questions(wishes)
    _move_many_records(wishes)
    found.decisions = Decision.objects.bulk_create(
        [
            Decision(
                comment=wish.comment,
                revision=wish.revision,
                verdict=wish.verdict.action,
                from_status=wish.before,
                to_status=wish.becomes,
                decider=decider,
                made_by=made_by,
                trigger=wish.trigger,
                assistance=assistance,
                reason=wish.reason.code if wish.reason else wish.verdict.reason,
                ground=wish.verdict.ground or (wish.reason.ground_default if wish.reason else "none"),
                legal_ground=wish.verdict.legal_ground,
                terms_anchor=wish.reason.terms_anchor if wish.reason else "",
                guidelines_version=thresholds.guidelines_version(),
                reverses=wish.reverses,
                bulk=bulk,
                sanction_id=bulk.sanction_id if bulk and not wish.reverses else None,
                score=wish.verdict.score,
                scorer_version=wish.verdict.scorer_version,
                request_id=request_id(),
            )
            for wish in wishes
        ]
    )
    DecisionWords.objects.bulk_create(
        DecisionWords(decision=decision, explanation=wish.verdict.explanation, private_note=wish.verdict.private_note)
        for wish, decision in zip(wishes, found.decisions, strict=True)
        if wish.verdict.explanation or wish.verdict.private_note
    )
    _settle_complaints(wishes, found.decisions)
    if decider == Decider.EDITOR:
        Claim.objects.filter(comment__in=[wish.comment.pk for wish in wishes]).delete()
    for wish in wishes:
        if wish.reverses and wish.reverses.to_status == Status.PUBLISHED and not wish.is_public:
            _unmark(wish.comment, made_by)
    moves = [wish.moved for wish in wishes]
    transaction.on_commit(lambda: _tell_many(found.decisions, moves), robust=True)
    return found


def _locked(wishes: list[_Wish], found: Many) -> list[_Wish]:
    """Lock discussions, then comments, each in the order of their ids; leave out what is no longer as it was seen."""
    discussions = {
        one.pk: one
        for one in Discussion.objects.select_for_update(**_locks())
        .filter(pk__in={wish.seen.comment.discussion_id for wish in wishes})
        .order_by("pk")
    }
    ids = [wish.seen.comment_id for wish in wishes]
    comments = {
        one.pk: one
        for one in Comment.objects.select_for_update(**_locks()).defer("html").filter(pk__in=ids).order_by("pk")
    }
    latest = dict(Revision.objects.filter(comment__in=ids).values_list("comment").annotate(Max("number")).order_by())
    kept = {}
    for wish in wishes:
        seen, current = wish.seen, comments.get(wish.seen.comment_id)
        if (
            current is None
            or current.version != seen.comment.version
            or current.discussion_id not in discussions
            or latest[current.pk] != seen.number
        ):
            found.skipped[seen.comment_id] = "changed"
        elif current.status == Status.WITHDRAWN:
            found.skipped[current.pk] = "withdrawn"
        else:
            current.discussion = discussions[current.discussion_id]
            wish.comment, wish.revision = current, seen
            seen.comment = current
            kept[current.pk] = wish
    return [kept[pk] for pk in sorted(kept)]


def _ready(
    wishes: list[_Wish], found: Many, made_by: Commenter | None, rendered: dict[int, str], *, claimed_too: bool
) -> list[_Wish]:
    """Work out what each wish comes to, as :func:`_decide` does; leave out what it would refuse."""
    user = made_by.user if made_by else None
    claimed: set[int] = set()
    if not claimed_too:
        open_ones = Claim.objects.filter(comment__in=[wish.comment.pk for wish in wishes], until__gt=timezone.now())
        claimed = set(open_ones.exclude(person=made_by).values_list("comment", flat=True))
    kept = []
    for wish in wishes:
        comment, revision, reverses = wish.comment, wish.revision, wish.reverses
        if user is not None and not access.may_moderate(user, comment.discussion):
            found.skipped[comment.pk] = "other_section"
            continue
        if comment.pk in claimed:
            found.skipped[comment.pk] = "claimed"
            continue
        wish.becomes = BECOMES[wish.verdict.action]
        wish.was_public = comment.status == Status.PUBLISHED
        back_to_the_edit = (
            reverses is not None
            and reverses.revision_id == revision.pk
            and reverses.to_status != Status.PUBLISHED
            and wish.was_public
        )
        about_a_waiting_text = revision.status in (Status.RECEIVED, Status.HELD) or back_to_the_edit
        wish.only_the_edit = wish.was_public and about_a_waiting_text and wish.becomes in (Status.HELD, Status.REJECTED)
        wish.before = revision.status if about_a_waiting_text else comment.status
        try:
            wish.reason = _reason_for(wish.verdict, wish.before, wish.becomes)
        except Refused as refused:
            if reverses is None:
                raise
            found.skipped[comment.pk] = refused.code
            continue
        if wish.becomes == Status.PUBLISHED and not rendered.get(revision.pk, "there"):
            found.skipped[comment.pk] = "nothing_to_publish"
            continue
        wish.is_public = wish.was_public if wish.only_the_edit else wish.becomes == Status.PUBLISHED
        wish.held = (wish.becomes == Status.HELD) - (revision.status == Status.HELD)
        kept.append(wish)
    return kept


def _find_complaints(wishes: list[_Wish]) -> None:
    """Give each wish the flags that it settles, or that it opens again because it takes a decision back."""
    taken_back = {wish.reverses.pk: wish for wish in wishes if wish.reverses and _takes_back(wish.reverses)}
    if taken_back:
        for flag in Flag.objects.filter(settled_by__in=list(taken_back)):
            taken_back[flag.settled_by_id or 0].complaints.append(flag)
    settling = {
        wish.comment.pk: wish
        for wish in wishes
        if not (wish.reverses and _takes_back(wish.reverses))
        and wish.becomes in (Status.PUBLISHED, Status.REJECTED)
        and not wish.only_the_edit
    }
    if settling:
        for flag in flags.open_ones().filter(comment__in=list(settling)):
            settling[flag.comment_id].complaints.append(flag)


def _settle_complaints(wishes: list[_Wish], decisions: list[Decision]) -> None:
    opened: list[Flag] = []
    settled: dict[Flag.State, tuple[list[Flag], list[Decision]]] = {}
    for wish, decision in zip(wishes, decisions, strict=True):
        if wish.complaints and wish.reverses is not None and _takes_back(wish.reverses):
            opened += wish.complaints
        elif wish.complaints:
            state = Flag.State.DISMISSED if wish.becomes == Status.PUBLISHED else Flag.State.UPHELD
            complaints, about = settled.setdefault(state, ([], []))
            complaints += wish.complaints
            about.append(decision)
    if opened:
        flags.reopen(opened)
    for state, (complaints, about) in settled.items():
        flags.settle_with(complaints, about, state)


def _move_many_counts(wishes: list[_Wish]) -> dict[tuple[int, str], int]:
    """
    Move the counts of discussions and of ancestors; return by how much each path's replies moved.

    A discussion's version moves by one, however many of its comments do.
    """
    below: Counter[tuple[int, str]] = Counter()
    for wish in wishes:
        if wish.moved:
            for path in wish.comment.ancestor_paths:
                below[wish.comment.discussion_id, path] += wish.moved
    ancestors: dict[int, dict[int, list[str]]] = {}
    for (story, path), moved in below.items():
        if moved:
            ancestors.setdefault(moved, {}).setdefault(story, []).append(path)
    for moved, places in ancestors.items():
        where = Q()
        for story, paths in places.items():
            where |= Q(discussion=story, path__in=paths)
        Comment.objects.filter(where).update(
            reply_count=F("reply_count") + moved,
            is_shown=Case(
                When(Q(status=Status.PUBLISHED) | Q(reply_count__gt=-moved), then=Value(True)), default=Value(False)
            ),
        )
    moves: dict[int, list[int]] = {}
    together: dict[tuple[int, int, int], list[int]] = {}
    for wish in wishes:
        comment = wish.comment
        replies = comment.reply_count + below[comment.discussion_id, comment.path]
        move = moves.setdefault(comment.discussion_id, [0, 0, 0])
        move[0] += wish.moved
        move[1] += wish.held
        move[2] |= bool(wish.moved or wish.is_public or replies > 0)
    for discussion in {wish.comment.discussion for wish in wishes}:
        published, held, visible = moves[discussion.pk]
        discussion.published_count += published
        discussion.held_count += held
        discussion.version += visible
        if published or held or visible:
            together.setdefault((published, held, visible), []).append(discussion.pk)
    for (published, held, visible), discussions in together.items():
        Discussion.objects.filter(pk__in=discussions).update(
            published_count=F("published_count") + published,
            held_count=F("held_count") + held,
            version=F("version") + visible,
        )
    return below


_SCREENED_COLUMNS = {"id": "bigint"} | dict.fromkeys(("status", "html", "language", "version", "section"), "text")
_SCREENED_COLUMNS |= dict.fromkeys(("risk", "priority"), "double precision")
_SCREENED = """
WITH made (id, status, html, language, version, section, risk, priority) AS ({made})
UPDATE comments_revision SET status = made.status, html = made.html, language = made.language,
sanitizer_version = made.version, screened_at = %s,
first_published_at = CASE WHEN made.status = 'published' THEN COALESCE(first_published_at, %s)
ELSE first_published_at END, section = made.section, risk = made.risk, priority = made.priority
FROM made WHERE comments_revision.id = made.id
"""


def _write_texts(wishes: list[_Wish], rendered: dict[int, str], now: datetime) -> None:
    screened = [wish for wish in wishes if wish.verdict.html is not None]
    if screened:
        _write_screened(screened, now)
    wishes = [wish for wish in wishes if wish.verdict.html is None]
    section = Comment.objects.filter(pk=OuterRef("comment")).values("discussion__section")
    for becomes in {wish.becomes for wish in wishes}:
        texts = Revision.objects.filter(pk__in=[wish.revision.pk for wish in wishes if wish.becomes == becomes])
        moves: dict[str, Any] = {
            "status": becomes,
            "section": Subquery(section[:1]),
            "reviewed_at": Coalesce("reviewed_at", Value(now)),
        }
        if becomes == Status.PUBLISHED:
            moves["first_published_at"] = Coalesce("first_published_at", Value(now))
        texts.update(**moves)
    made = [wish.revision for wish in wishes if wish.becomes == Status.PUBLISHED and wish.revision.pk in rendered]
    for revision in made:
        revision.html = rendered[revision.pk]
    if made:
        Revision.objects.bulk_update(made, ["html"])


def _write_screened(wishes: list[_Wish], now: datetime) -> None:
    """Write what screening made of texts, and thinks of them: each its own HTML. One statement."""
    at = connection.ops.adapt_datetimefield_value(now)
    rows = []
    for wish in wishes:
        revision, verdict = wish.revision, wish.verdict
        revision.html, revision.section = verdict.html or "", wish.comment.discussion.section
        revision.language = verdict.language
        _weigh(revision, wish.comment, verdict, None)
        # A safe string is a string; the driver does not know that.
        made = (revision.pk, str(wish.becomes), str(revision.html), verdict.language, verdict.sanitizer_version)
        rows.append((*made, revision.section, revision.risk, revision.priority))
    query, params = documents.table(_SCREENED_COLUMNS, rows)
    with connection.cursor() as db:
        db.execute(_SCREENED.format(made=query), [*params, at, at])


def _write_comments(wishes: list[_Wish], below: dict[tuple[int, str], int], now: datetime) -> None:
    """Write what became of the comments, alike ones in one statement; and on the rows that listeners are given."""
    alike: dict[tuple[str, str, bool], list[int]] = {}
    for wish in wishes:
        comment, revision = wish.comment, wish.revision
        comment.version += 1
        comment.reply_count += below.get((comment.discussion_id, comment.path), 0)
        comment.is_shown = wish.is_public or comment.reply_count > 0
        revision.status = wish.becomes
        if wish.only_the_edit:
            alike.setdefault(("", "", False), []).append(comment.pk)
            continue
        comment.status = wish.becomes
        comment.removed_for = wish.reason.code if wish.reason and wish.was_public else ""
        if wish.becomes == Status.PUBLISHED:
            comment.published_at = comment.published_at or now
            comment.edited_at = revision.created_at if revision.number > 1 else None
        key = (str(wish.becomes), comment.removed_for, wish.is_public and revision.number > 1)
        alike.setdefault(key, []).append(comment.pk)
    latest = Revision.objects.filter(comment=OuterRef("pk")).order_by("-number")
    for (becomes, removed_for, edited), ids in alike.items():
        moves: dict[str, Any] = {"version": F("version") + 1}
        if becomes == Status.PUBLISHED:
            moves |= {
                "html": Subquery(latest.values("html")[:1]),
                "language": Subquery(latest.values("language")[:1]),
                "published_at": Coalesce("published_at", Value(now)),
                "edited_at": Subquery(latest.values("created_at")[:1]) if edited else None,
                "is_shown": True,
            }
        elif becomes:
            shown = Case(When(reply_count__gt=0, then=Value(True)), default=Value(False))
            moves |= {"is_shown": shown}
        if becomes:
            moves |= {"status": becomes, "removed_for": removed_for}
        Comment.objects.filter(pk__in=ids).update(**moves)


def _settle_questions(wishes: list[_Wish]) -> None:
    """Bring the questions up to date whose answers were published or taken down: see :mod:`comments.questions`."""
    paths: dict[int, tuple[Discussion, list[str]]] = {}
    for wish in wishes:
        if wish.moved:
            paths.setdefault(wish.comment.discussion_id, (wish.comment.discussion, []))[1].append(wish.comment.path)
    for discussion, moved in paths.values():
        questions.settle(discussion, moved)


def _move_many_records(wishes: list[_Wish]) -> None:
    people: dict[int, list[int]] = {}
    for wish in wishes:
        record = people.setdefault(wish.comment.author_id, [0, 0])
        record[0] += wish.moved
        record[1] += wish.rejected
    alike: dict[tuple[int, int], list[int]] = {}
    for person, (published, rejected) in people.items():
        if published or rejected:
            alike.setdefault((published, rejected), []).append(person)
    for (published, rejected), them in alike.items():
        Commenter.objects.filter(pk__in=them).update(
            published_count=F("published_count") + published, rejected_count=F("rejected_count") + rejected
        )


def _tell_many(decisions: list[Decision], moves: list[int]) -> None:
    """Do what :func:`_tell` does for each; a discussion's old pages go once, and all is announced at once."""
    discussions = {decision.comment.discussion for decision in decisions}
    threads.discussions_moved({discussion.key: discussion.version for discussion in discussions})
    events = [_event(decision.comment, decision, moved) for decision, moved in zip(decisions, moves, strict=True)]
    live.announce_many([event for event in events if event])
    for decision in decisions:
        signals.comment_decided.send_robust(Comment, comment=decision.comment, decision=decision, together=True)
    signals.comments_decided.send_robust(Comment, decisions=decisions)


# --- Editors' picks ---------------------------------------------------------------------------------------------------


def feature(comment: Comment, *, made_by: Commenter) -> Comment:
    """
    Show readers that ``comment`` is an editors' pick. Twice is once.

    Raise ``Refused`` (409) unless it is published, and ``CommentChanged`` when it is no longer the version in
    ``comment``: readers would see other words than the editor chose.
    """
    return _mark(comment, made_by, "featured", True)


def unfeature(comment: Comment, *, made_by: Commenter) -> Comment:
    """Take the mark of an editors' pick off again. Twice is once."""
    return _mark(comment, made_by, "featured", False)


def pin(comment: Comment, *, made_by: Commenter) -> Comment:
    """Let the newsroom point at ``comment``; what was pinned in its discussion no longer is. As :func:`feature`."""
    return _mark(comment, made_by, "pinned", True)


def unpin(comment: Comment, *, made_by: Commenter) -> Comment:
    """Stop pointing at it. Twice is once."""
    return _mark(comment, made_by, "pinned", False)


def _mark(comment: Comment, made_by: Commenter, what: str, wanted: bool) -> Comment:
    with transaction.atomic():
        current = lock(comment.pk, comment.discussion_id)
        access.require_moderator_of(made_by, current.discussion)
        if current.version != comment.version:
            raise CommentChanged(current, what_changed(current))
        if wanted and current.status != Status.PUBLISHED:
            raise Refused("not_published", _("Only what is published can be shown to readers as chosen."), status=409)
        if (getattr(current, f"{what}_at") is not None) == wanted:
            return _as_it_is(comment, current)
        if what == "pinned" and wanted:
            for other in Comment.objects.filter(discussion=current.discussion_id, pinned_at__isnull=False):
                _write_mark(other, made_by, "pinned", False)
        _write_mark(current, made_by, what, wanted)
        discussion = current.discussion
        discussion.version += 1
        Discussion.objects.filter(pk=discussion.pk).update(version=discussion.version)
        transaction.on_commit(lambda: _tell_mark(current), robust=True)
        if what == "featured" and wanted:
            transaction.on_commit(lambda: signals.comment_featured.send_robust(Comment, comment=current), robust=True)
    return _as_it_is(comment, current)


def _write_mark(comment: Comment, made_by: Commenter | None, what: str, wanted: bool) -> None:
    now = timezone.now() if wanted else None
    moved: dict[str, Any] = {f"{what}_at": now}
    if what == "featured":
        moved["featured_by"] = made_by if wanted else None
    for name, value in moved.items():
        setattr(comment, name, value)
    comment.save(update_fields=list(moved))
    AuditEntry.objects.create(
        kind="feature" if what == "featured" else "pin",
        subject=f"#{comment.pk}",
        object_id=comment.pk,
        before=not wanted,
        after=wanted,
        made_by=made_by,
        request_id=request_id(),
    )


def _unmark(comment: Comment, made_by: Commenter | None) -> None:
    """Taking an approval back takes back what was shown with it."""
    for what in ("featured", "pinned"):
        if getattr(comment, f"{what}_at") is not None:
            _write_mark(comment, made_by, what, False)


def _as_it_is(comment: Comment, current: Comment) -> Comment:
    comment.featured_at, comment.featured_by_id = current.featured_at, current.featured_by_id
    comment.pinned_at = current.pinned_at
    return comment


def _tell_mark(comment: Comment) -> None:
    discussion = comment.discussion
    threads.discussion_moved(discussion.key, discussion.version)
    facts = {"id": comment.pk, "count": discussion.published_count, "version": discussion.version}
    if comment.status == Status.PUBLISHED:
        live.announce(discussion.key, "comment.edited", facts)


# --- Counts -----------------------------------------------------------------------------------------------------------


def _move_counts(comment: Comment, *, moved: int, held: int, visible: bool) -> None:
    """Move the discussion's and the ancestors' counts in the transaction of the decision."""
    discussion = comment.discussion
    discussion.published_count += moved
    discussion.held_count += held
    if visible:
        discussion.version += 1
    if visible or held:
        Discussion.objects.filter(pk=discussion.pk).update(
            published_count=F("published_count") + moved,
            held_count=F("held_count") + held,
            version=discussion.version,
        )
    if moved and comment.parent_id:
        Comment.objects.filter(discussion=discussion, path__in=comment.ancestor_paths).update(
            reply_count=F("reply_count") + moved,
            is_shown=Case(
                When(Q(status=Status.PUBLISHED) | Q(reply_count__gt=-moved), then=Value(True)), default=Value(False)
            ),
        )


def _move_record(comment: Comment, *, moved: int, rejected: int) -> None:
    if moved or rejected:
        Commenter.objects.filter(pk=comment.author_id).update(
            published_count=F("published_count") + moved, rejected_count=F("rejected_count") + rejected
        )


def what_changed(comment: Comment) -> str:
    """Return the sentence for an editor who looked at an earlier version of ``comment``."""
    latest = comment.decisions.select_related("made_by").last()
    if latest is None:
        return _("This comment has changed since you opened it.")
    if comment.revisions.order_by("-number").values_list("status", flat=True).first() == Status.RECEIVED:
        return _("Its author has rewritten this comment since you opened it.")
    return _("This comment has changed since you opened it: it is now “%(status)s”, decided by %(who)s.") % {
        "status": comment.get_status_display(),
        "who": latest.made_by or latest.get_decider_display(),
    }


def _tell(comment: Comment, decision: Decision, moved: int) -> None:
    """After the commit: old pages go, open pages hear of it, listeners run. Readers hear of published things only."""
    threads.discussion_moved(comment.discussion.key, comment.discussion.version)
    if event := _event(comment, decision, moved):
        live.announce(*event)
    signals.comment_decided.send_robust(Comment, comment=comment, decision=decision)


def _event(comment: Comment, decision: Decision, moved: int) -> tuple[str, str, dict[str, Any]] | None:
    """Return what open pages are told of ``decision``: discussion, event and facts; ``None`` for what is not public."""
    discussion = comment.discussion
    facts = {"id": comment.pk, "count": discussion.published_count, "version": discussion.version}
    if moved > 0:
        return discussion.key, "comment.published", facts | {"parent": comment.parent_id}
    if moved < 0:
        return discussion.key, "comment.removed", facts
    if comment.status == Status.PUBLISHED and decision.to_status == Status.PUBLISHED:
        return discussion.key, "comment.edited", facts
    return None


def supersede(comment: Comment, latest: Revision, words: str, digest: str) -> Revision:
    """
    Put a new text by the author on top of ``latest``. Call inside the transaction that locked ``comment``.

    A text that was never published and is replaced will not be decided any more: its status becomes ``withdrawn``.
    """
    held = latest.status == Status.HELD
    if latest.status in (Status.HELD, Status.RECEIVED):
        latest.status = Status.WITHDRAWN
        latest.save(update_fields=["status"])
    if held:
        Discussion.objects.filter(pk=comment.discussion_id).update(held_count=F("held_count") - 1)
    if comment.status == Status.HELD:
        comment.status = Status.RECEIVED
    comment.version += 1
    comment.text_hash = digest
    comment.edited_at = timezone.now() if comment.status != Status.PUBLISHED else comment.edited_at
    comment.save(update_fields=["status", "version", "text_hash", "edited_at"])
    section = comment.discussion.section
    return Revision.objects.create(comment=comment, number=latest.number + 1, text=words, section=section)


# --- Flags ------------------------------------------------------------------------------------------------------------


def flag(person: Commenter, comment: Comment, reason: str, note: str = "") -> Flag:
    """
    Write down that ``person`` complains about what is published of ``comment``; hold it once enough of them do.

    One by each person for each text: the same again returns the flag that is there, with ``is_new`` false. Raise
    ``Refused`` for a comment that is not published (404, or 409 where a tombstone stands), one's own (403), a reason
    that does not exist (400), a note that is too long (400), or after too many in an hour (429).

    Who is suspended or banned may still complain, and weighs the least.

    Two at once wait for each other at the comment's row, so that the weight is added up once and the comment is held
    once.
    """
    if earlier := flag_of(person, comment):
        return earlier
    require_may_flag(person, comment)
    if not Reason.objects.filter(code=reason, is_active=True).exists():
        raise Refused("unknown_reason", _("There is no reason “%(code)s”.") % {"code": reason[:40]})
    if len(note) > flags.NOTE_CHARACTERS:
        raise Refused(
            "note_too_long",
            _("Your note is longer than %(maximum)d characters.") % {"maximum": flags.NOTE_CHARACTERS},
        )
    if not access.is_staff(person):
        limit = conf.get().flags_per_hour
        ratelimit.require_not_too_many("flag", f"person:{person.pk}", limit=limit, seconds=3600)
    with transaction.atomic():
        current = lock(comment.pk, comment.discussion_id)
        if earlier := flag_of(person, current):
            return earlier
        require_may_flag(person, current)
        shown = current.revisions.filter(status=Status.PUBLISHED).latest("number")
        settings = thresholds.of(current.discussion, exact=True)
        let_stand = Flag.objects.filter(revision=shown, reason=reason, state=Flag.State.DISMISSED)
        made = Flag.objects.create(
            comment=current,
            revision=shown,
            person=person,
            reason=reason,
            note=note.replace("\x00", ""),
            weight=flags.LEAST if access.standing(person).is_shut_out else flags.weight(person, settings),
            counts=not let_stand.exists(),
        )
        made.is_new = True
        ranking.rescore([current.pk])
        if made.counts and settings.flag_hold_weight:
            _hold_if_enough(current, settings.flag_hold_weight)
    return made


def flag_of(person: Commenter, comment: Comment) -> Flag | None:
    """Return the flag by ``person`` on the text of ``comment`` that readers see, or saw last."""
    on_texts = Flag.objects.filter(person=person, comment=comment).order_by("-revision__number")
    latest = on_texts.select_related("revision").first()
    if latest is None:
        return None
    newer = comment.revisions.filter(number__gt=latest.revision.number, first_published_at__isnull=False)
    return None if newer.exists() else latest


def require_may_flag(person: Commenter, comment: Comment) -> None:
    """Raise ``Refused`` unless ``comment`` is published and by somebody else."""
    if comment.status != Status.PUBLISHED and comment.is_shown:
        raise Refused("no_longer_shown", _("This comment is no longer shown to anyone."), status=409)
    if comment.status != Status.PUBLISHED:
        raise Refused("unknown_comment", _("There is no such comment."), status=404)
    if comment.author_id == person.pk:
        raise Refused(
            "own_comment", _("This is your own comment: you cannot report it, but you can withdraw it."), status=403
        )


def _hold_if_enough(comment: Comment, needed: int) -> None:
    """Hold ``comment`` when its open flags weigh ``needed``, with a finding that its author and the desk read."""
    total, people = flags.total(comment)
    if total < needed:
        return
    facts = {"people": people, "weight": round(float(total), 1), "needed": needed}
    draft = Draft("flagged", facts=facts, rule="flags")
    draft.as_row(comment.revisions.latest("number")).save()
    _decide(comment, Verdict("hold"), Decider.SYSTEM, Trigger.FLAG, flag_weight=total)


# --- Screening: hop 6 of the path of a comment ------------------------------------------------------------------------


def screen(comment_id: int, version: int) -> Decision | None:
    """
    Make the text safe, run every rule, write every finding down and decide. Safe to run twice, or at once.

    Return ``None`` when there is nothing to do: the comment is gone, has moved on, or is being screened elsewhere. The
    attempt is counted before the work, so that a text that kills its worker ends up before an editor.
    """
    # By the comment's own index: the latest text is the one that may be waiting.
    revision = (
        Revision.objects.filter(comment_id=comment_id)
        .select_related("comment__author__user", "comment__discussion", "comment__parent")
        .order_by("-number")
        .first()
    )
    if revision is None or revision.comment.version != version or revision.status != Status.RECEIVED:
        return None
    if not _claim(revision):
        return None
    comment = revision.comment
    if revision.attempts > conf.get().max_attempts:
        drafts, rendered, policy = [screening.failed_too_often(revision.attempts - 1)], None, Policy()
    else:
        drafts, rendered, policy = screening.run(revision)
    verdict = screening.combine(drafts, policy)
    if rendered is not None:
        verdict = verdict.about(rendered)
    try:
        with transaction.atomic():
            _answer_before_the_disk()
            Finding.objects.bulk_create([draft.as_row(revision) for draft in drafts])
            house_rules.follow_up(revision, drafts)
            decision = _decide(comment, verdict, Decider.SCREENING, Trigger.SCREENING, looked_at=revision)
            _write_drawn([_drawn(revision, verdict, drafts)])
            return decision
    except CommentChanged:
        logger.info("comment %s moved on while it was screened", comment_id)
        return None


def screen_waiting(limit: int = 200) -> int:
    """
    Screen up to ``limit`` texts that nobody is on, the oldest first, together; return how many were decided.

    The same as :func:`screen` for each: judged by every rule, every finding kept, decided in the order in which they
    arrived. Asking and writing for all of them at once is what makes it quick when many wait. Texts that were begun
    before are left to :func:`screen`, alone, so that one that kills its worker takes no others with it; when anything
    goes wrong here, the claim is given back and each is screened alone.
    """
    claimed = _claim_waiting(limit)
    if not claimed:
        return 0
    until = time.monotonic() + TOGETHER_SECONDS
    revisions = list(
        Revision.objects.filter(pk__in=claimed)
        .select_related("comment__author__user", "comment__discussion", "comment__parent")
        .order_by("created_at", "id")
    )
    done = 0
    try:
        judged = screening.run_many(revisions, until)
        with transaction.atomic():
            _answer_before_the_disk()
            done = _decide_together(revisions, judged)
        left = revisions[len(judged) :]
    except Exception:
        logger.exception("%d texts could not be screened together; each is screened alone", len(revisions))
        left = revisions
    if left:
        # Given back as if nobody had begun them, unless they were among those that went wrong.
        begun = F("attempts") - (1 if left is not revisions else 0)
        waiting = Revision.objects.filter(pk__in=[one.pk for one in left], status=Status.RECEIVED)
        waiting.update(claimed_at=None, attempts=begun)
    if left is revisions:
        for one in revisions:
            if time.monotonic() > until:
                break
            done += screen(one.comment_id, one.comment.version) is not None
    return done


def is_late(comment_id: int, version: int, older_than: datetime) -> bool | None:
    """
    Say whether the text of this version waits since before ``older_than``; ``None`` when it does not wait, or somebody
    is on it. One query, written out: every message of a long queue asks it.
    """
    dead = timezone.now() - timedelta(seconds=CLAIM_SECONDS)
    moments = [connection.ops.adapt_datetimefield_value(at) for at in (older_than, dead)]
    with connection.cursor() as db:
        db.execute(_IS_LATE, [moments[0], comment_id, version, moments[1]])
        row = db.fetchone()
    return bool(row[0]) if row else None


_IS_LATE = """
SELECT revision.created_at < %s FROM comments_revision AS revision
JOIN comments_comment AS comment ON comment.id = revision.comment_id
WHERE revision.comment_id = %s AND comment.version = %s AND revision.status = 'received'
AND (revision.claimed_at IS NULL OR revision.claimed_at < %s)
"""


def _claim_waiting(limit: int) -> list[int]:
    """Claim the oldest texts that nobody has begun, each by one caller only. One statement."""
    locked = "FOR UPDATE SKIP LOCKED" if connection.features.has_select_for_update_skip_locked else ""
    with transaction.atomic(), connection.cursor() as db:
        _answer_before_the_disk()
        db.execute(_CLAIM.format(locked=locked), [connection.ops.adapt_datetimefield_value(timezone.now()), limit])
        return [row[0] for row in db.fetchall()]


_CLAIM = """
UPDATE comments_revision SET claimed_at = %s, attempts = attempts + 1 WHERE id IN (
    SELECT id FROM comments_revision WHERE status = 'received' AND attempts = 0 AND claimed_at IS NULL
    ORDER BY created_at LIMIT %s {locked}
) RETURNING id
"""


def _decide_together(revisions: list[Revision], judged: list[screening.Judged]) -> int:
    """Decide about each of ``revisions`` and write down what was found. Inside the caller's transaction."""
    wishes, said, rendered = [], {}, {}
    for revision, (drafts, safe, policy) in zip(revisions, judged, strict=False):
        verdict = screening.combine(drafts, policy)
        if safe is not None:
            verdict = verdict.about(safe)
            rendered[revision.pk] = safe.html
        wishes.append(_Wish(revision, verdict, Trigger.SCREENING))
        said[revision.pk] = verdict, drafts, revision.comment.author
    decisions = _decide_many(wishes, rendered, Decider.SCREENING, claimed_too=True).decisions
    Finding.objects.bulk_create(
        draft.as_row(decision.revision) for decision in decisions for draft in said[decision.revision_id][1]
    )
    drawn = []
    for decision in decisions:
        verdict, drafts, author = said[decision.revision_id]
        decision.comment.author = author
        house_rules.follow_up(decision.revision, drafts)
        drawn.append(_drawn(decision.revision, verdict, drafts))
    _write_drawn(drawn)
    return len(decisions)


@dataclass(frozen=True, slots=True)
class Rescreened:
    """What screening a stored text again comes to: where it was, where it is or would be, and what it was judged by."""

    comment: Comment
    revision: Revision
    before: str
    after: str
    """The same as ``before`` where nothing is decided again."""
    left_to_people: bool
    """An editor, readers' reports or an import decided last: no rule was asked."""
    unchecked: bool
    """A rule or a sanitizer failed, which says nothing about the text."""
    remade: tuple[Revision, text.Rendered] | None
    """The text that readers see and the safe HTML that this release makes of it, where another release made it."""
    drafts: list[Draft]
    verdict: Verdict | None


def screen_again(comment_id: int, statuses: Collection[str] = (Status.PUBLISHED, Status.HELD)) -> Rescreened | None:
    """
    Return what today's rules, scorers and sanitizer make of a stored text, judged as of when it was written.

    Changes nothing. ``None`` when its latest text is in none of ``statuses``. What anybody but screening decided last
    is left as it is, except that its HTML is made again. Something published is held and never rejected.
    """
    revision = (
        Revision.objects.filter(comment_id=comment_id)
        .select_related("comment__author__user", "comment__discussion", "comment__parent")
        .order_by("-number")
        .first()
    )
    if revision is None or revision.comment.status in (Status.WITHDRAWN, Status.REJECTED):
        return None
    comment, before = revision.comment, revision.status
    remade = _remade(comment) if comment.status in statuses else None
    decided = comment.decisions.order_by("-id").first()
    asked = before in statuses and before in (Status.PUBLISHED, Status.HELD)
    if not asked and remade is None:
        return None
    if not asked or decided is None or decided.decider != Decider.SCREENING or decided.revision_id != revision.pk:
        return Rescreened(comment, revision, before, before, asked, False, remade, [], None)
    drafts, rendered, policy = screening.run(revision, revision.created_at)
    unchecked = rendered is None or any(draft.code in screening.FAILED for draft in drafts)
    if before == Status.PUBLISHED:
        drafts = screening.against_what_stands(drafts)
    verdict = screening.combine(drafts, policy)
    if before == Status.PUBLISHED and verdict.action == "reject":
        verdict = replace(verdict, action="hold", reason="")
    if rendered is not None and before != Status.PUBLISHED:
        verdict = verdict.about(rendered)
    return Rescreened(comment, revision, before, BECOMES[verdict.action], False, unchecked, remade, drafts, verdict)


def rescreen(comment_id: int, statuses: Collection[str] = (Status.PUBLISHED, Status.HELD)) -> Rescreened | None:
    """
    Do what :func:`screen_again` says: store the findings, make the HTML again, hold or publish. Safe to do twice.

    ``None``, too, when the comment moved on meanwhile: whoever moved it has judged it anew.
    """
    found = screen_again(comment_id, statuses)
    if found is None:
        return None
    try:
        with transaction.atomic():
            current = lock(found.comment.pk, found.comment.discussion_id)
            if current.version != found.comment.version:
                raise CommentChanged(current, what_changed(current))
            Finding.objects.bulk_create([draft.as_row(found.revision) for draft in found.drafts])
            if found.remade:
                _write_html(current, *found.remade)
            if found.verdict and found.after != found.before:
                _decide(found.comment, found.verdict, Decider.SCREENING, Trigger.SCREENING)
    except CommentChanged:
        logger.info("comment %s moved on while it was screened again", comment_id)
        return None
    return found


def _remade(comment: Comment) -> tuple[Revision, text.Rendered] | None:
    """Return what this release makes of the text readers see, or that waits, if another release made its HTML."""
    texts = comment.revisions.filter(status=comment.status).exclude(html="").order_by("-number")
    shown = texts.exclude(sanitizer_version=text.VERSION).first()
    if shown is None or texts.first() != shown:
        return None
    try:
        rendered = text.to_html(shown.text)
    except Exception:
        logger.exception("the sanitizer failed on comment %s", comment.pk)
        return None
    if not rendered.html:
        logger.warning("comment %s: this release leaves nothing of its text; its HTML stays", comment.pk)
        return None
    return shown, rendered


def _write_html(comment: Comment, shown: Revision, rendered: text.Rendered) -> None:
    moved = comment.status == Status.PUBLISHED and comment.html != rendered.html
    language = languages.told(rendered.text)
    Revision.objects.filter(pk=shown.pk).update(
        html=rendered.html, language=language, sanitizer_version=rendered.version
    )
    if not moved:
        return
    Comment.objects.filter(pk=comment.pk).update(html=rendered.html, language=language)
    discussion = comment.discussion
    discussion.version += 1
    Discussion.objects.filter(pk=discussion.pk).update(version=discussion.version)
    transaction.on_commit(lambda: threads.discussion_moved(discussion.key, discussion.version), robust=True)


def _drawn(revision: Revision, verdict: Verdict, drafts: Sequence[Draft]) -> Audit | None:
    """Draw by lot whether an editor looks at what screening publishes by itself. Of readers' texts only."""
    comment = revision.comment
    if verdict.action != "publish" or is_staff(comment.author):
        return None
    share = min(thresholds.of(comment.discussion).audit_percent, 100) / 100
    if not share or lot() >= share:
        return None
    return Audit(
        revision=revision,
        probability=share,
        by_score=any(draft.code == "approved_by_score" for draft in drafts),
        section=comment.discussion.section,
    )


def _write_drawn(drawn: Iterable[Audit | None]) -> None:
    """Keep the spot checks that were drawn; a text that was drawn before keeps the one it has."""
    Audit.objects.bulk_create([one for one in drawn if one], ignore_conflicts=True)


def _claim(revision: Revision) -> bool:
    now = timezone.now()
    free = Q(claimed_at__isnull=True) | Q(claimed_at__lt=now - timedelta(seconds=CLAIM_SECONDS))
    with transaction.atomic():
        _answer_before_the_disk()
        taken = Revision.objects.filter(free, pk=revision.pk).update(claimed_at=now, attempts=F("attempts") + 1)
    revision.attempts += 1
    return bool(taken)


def _answer_before_the_disk() -> None:
    """
    Let PostgreSQL answer this transaction before its disk has.

    Only for screening: what a crash of the database takes back is ``received`` again, and is screened again.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as db:
            db.execute("SET LOCAL synchronous_commit TO off")


def unscreened(older_than: datetime | None = None) -> QuerySet[Revision]:
    """
    Return texts that no worker is on, oldest first: (comment, its version).

    ``older_than`` leaves out what arrived or was begun more recently.
    """
    now = timezone.now()
    older_than = older_than or now - timedelta(seconds=conf.get().sweep_after_seconds)
    dead = now - timedelta(seconds=CLAIM_SECONDS)
    return (
        Revision.objects.filter(status=Status.RECEIVED, created_at__lt=older_than)
        .filter(Q(claimed_at__isnull=True) | Q(claimed_at__lt=dead))
        .select_related("comment")
        .order_by("created_at")
    )
