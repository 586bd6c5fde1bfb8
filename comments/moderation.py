"""Verbs about a comment. The only place that sets a status, and the only way to publish."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import SystemRandom
from typing import Any

from django.db import connection, transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _

from comments import access, conf, flags, house_rules, live, ratelimit, screening, signals, text, threads, thresholds
from comments.access import is_staff
from comments.exceptions import CommentChanged, Refused
from comments.http import request_id
from comments.models import (
    Appeal,
    Audit,
    BulkAction,
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

CLAIM_SECONDS = 60
"""A screening that has not finished after this long is taken to be dead."""


def lock(comment_id: int, discussion_id: int) -> Comment:
    """
    Return the comment locked for the rest of the transaction, its discussion locked before it.

    Always in this order, so that two decisions can wait for each other and never both.
    """
    locks: dict[str, Any] = {"no_key": True} if connection.features.has_select_for_no_key_update else {}
    discussion = Discussion.objects.select_for_update(**locks).get(pk=discussion_id)
    comment = Comment.objects.select_for_update(**locks).get(pk=comment_id)
    comment.discussion = discussion
    return comment


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
    comment.refresh_from_db()
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
    current = lock(comment.pk, comment.discussion_id)
    if decider == Decider.EDITOR:
        access.require_moderator_of(made_by, current.discussion)
    if current.version != comment.version:
        raise CommentChanged(current, _what_changed(current))
    revision = looked_at or current.revisions.latest("number")
    becomes = BECOMES[verdict.action]
    if becomes == Status.WITHDRAWN and current.status == Status.WITHDRAWN:
        raise CommentChanged(current, _what_changed(current))
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
        elif not revision.html:
            revision.html = text.to_html(revision.text).html
        if not revision.html:
            raise Refused("nothing_to_publish", _("Nothing is left of this text once it is made safe."), status=409)
        revision.first_published_at = revision.first_published_at or now
    elif verdict.html is not None:
        revision.html = verdict.html
    if verdict.sanitizer_version:
        revision.sanitizer_version = verdict.sanitizer_version
        revision.screened_at = now

    held_delta = (becomes == Status.HELD) - (revision.status == Status.HELD)
    revision.status = becomes
    revision.save(
        update_fields=["status", "html", "sanitizer_version", "screened_at", "first_published_at"],
    )

    was_public = current.status == Status.PUBLISHED
    if not only_the_edit:
        current.status = becomes
        if becomes == Status.PUBLISHED:
            current.html = revision.html
            current.published_at = current.published_at or now
            current.edited_at = revision.created_at if revision.number > 1 else None
        current.removed_for = reason.code if reason and was_public else ""
    is_public = current.status == Status.PUBLISHED
    current.is_shown = is_public or current.reply_count > 0
    current.version += 1
    current.save(update_fields=["status", "html", "published_at", "edited_at", "removed_for", "is_shown", "version"])

    moved = is_public - was_public
    complaints = _complaints(current, becomes, decider, reverses, only_the_edit, because_of)
    if complaints:
        flags.lock_people([current.author_id, *(flag.person_id for flag in complaints)])
    _move_counts(current, moved=moved, held=held_delta, visible=bool(moved or is_public or current.is_shown))
    _move_record(current, moved=moved, rejected=(becomes == Status.REJECTED) - (before == Status.REJECTED))

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
        guidelines_version=conf.get().guidelines_version,
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
    transaction.on_commit(lambda: _tell(current, decision, moved), robust=True)
    return decision


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
    reason = Reason.objects.filter(code=verdict.reason, is_active=True).first()
    if reason is None:
        raise Refused("unknown_reason", _("There is no reason “%(code)s”.") % {"code": verdict.reason})
    if (verdict.ground or reason.ground_default) == "illegal" and not (verdict.legal_ground and verdict.explanation):
        raise Refused("legal_ground_needed", _("Name the law and explain why the text falls under it."))
    return reason


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


def _what_changed(comment: Comment) -> str:
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
    discussion = comment.discussion
    threads.discussion_moved(discussion.key, discussion.version)
    facts = {"id": comment.pk, "count": discussion.published_count, "version": discussion.version}
    if moved > 0:
        live.announce(discussion.key, "comment.published", facts | {"parent": comment.parent_id})
    elif moved < 0:
        live.announce(discussion.key, "comment.removed", facts)
    elif comment.status == Status.PUBLISHED and decision.to_status == Status.PUBLISHED:
        live.announce(discussion.key, "comment.edited", facts)
    signals.comment_decided.send_robust(Comment, comment=comment, decision=decision)


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
    return Revision.objects.create(comment=comment, number=latest.number + 1, text=words)


# --- Flags ------------------------------------------------------------------------------------------------------------


def flag(person: Commenter, comment: Comment, reason: str, note: str = "") -> Flag:
    """
    Write down that ``person`` complains about what is published of ``comment``; hold it once enough of them do.

    One by each person for each text: the same again returns the flag that is there, with ``is_new`` false. Raise
    ``Refused`` for a comment that is not published (404, or 409 where a tombstone stands), one's own (403), a reason
    that does not exist (400), a note that is too long (400), or after too many in an hour (429).

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
            weight=flags.weight(person, settings),
            counts=not let_stand.exists(),
        )
        made.is_new = True
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
        verdict = verdict.with_html(rendered.html, rendered.version)
    try:
        with transaction.atomic():
            _answer_before_the_disk()
            Finding.objects.bulk_create([draft.as_row(revision) for draft in drafts])
            house_rules.follow_up(revision, drafts)
            decision = _decide(comment, verdict, Decider.SCREENING, Trigger.SCREENING, looked_at=revision)
            _draw(revision, verdict, drafts)
            return decision
    except CommentChanged:
        logger.info("comment %s moved on while it was screened", comment_id)
        return None


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
        verdict = verdict.with_html(rendered.html, rendered.version)
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
                raise CommentChanged(current, _what_changed(current))
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
    Revision.objects.filter(pk=shown.pk).update(html=rendered.html, sanitizer_version=rendered.version)
    if not moved:
        return
    Comment.objects.filter(pk=comment.pk).update(html=rendered.html)
    discussion = comment.discussion
    discussion.version += 1
    Discussion.objects.filter(pk=discussion.pk).update(version=discussion.version)
    transaction.on_commit(lambda: threads.discussion_moved(discussion.key, discussion.version), robust=True)


def _draw(revision: Revision, verdict: Verdict, drafts: Sequence[Draft]) -> None:
    """Draw by lot whether an editor looks at what screening publishes by itself. Of readers' texts only."""
    comment = revision.comment
    if verdict.action != "publish" or is_staff(comment.author):
        return
    share = min(thresholds.of(comment.discussion).audit_percent, 100) / 100
    if share and lot() < share:
        Audit.objects.get_or_create(
            revision=revision,
            defaults={
                "probability": share,
                "by_score": any(draft.code == "approved_by_score" for draft in drafts),
                "section": comment.discussion.section,
            },
        )


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
