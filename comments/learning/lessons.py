"""Decisions of editors as labels. One for each decision, written after it, with the score the text had before it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from comments import screening
from comments.learning import versions
from comments.learning.learner import Example
from comments.models import Audit, Decider, Decision, Finding, Flag, Lesson, Status, Trigger
from comments.screening.scorers import features, site
from comments.screening.scorers.weights import BrokenModel, warm

logger = logging.getLogger(__name__)

SCORER = "local"
HEAVIEST = 10.0
"""A text drawn by lot speaks for those that were not drawn, but for no more than this many."""

BULK_WEIGHT = 0.3
"""A decision about many at once says less about each."""

TEACHES = Q(decider=Decider.EDITOR, verdict__in=["publish", "reject"])


def write(decision_ids: Iterable[int]) -> int:
    """
    Write down the lessons of these decisions, settle the spot checks they answer, and return how many are new.

    Safe to call twice, or at once: ids of lessons rise in the order in which they can be seen, which is what lets
    a learner remember one number.
    """
    ids = sorted(set(decision_ids))
    wanted = Decision.objects.filter(TEACHES, pk__in=ids, lesson=None)
    if not wanted.exists():
        return 0
    versions.ensure_first()
    written = 0
    with versions.alone():
        for decision in wanted.select_related("revision").order_by("pk"):
            lesson = _lesson(decision)
            lesson.save(force_insert=True)
            Audit.objects.filter(
                revision=decision.revision_id, decided_at=None, created_at__lte=decision.created_at
            ).update(decided_at=decision.created_at, decision=decision)
            written += 1
    return written


def tell_scorers(decision_ids: Iterable[int]) -> None:
    """
    Tell every scorer in ``RULES`` what editors decided; those that cannot learn do nothing.

    One that fails is logged and left alone: its next score, not its memory, is what comments wait for.
    """
    told = Lesson.objects.filter(decision__in=list(decision_ids)).select_related(
        "decision", "revision__comment__author__user", "revision__comment__discussion"
    )
    found = list(told.order_by("pk"))
    for asked in screening.scorers() if found else ():
        try:
            asked.learn(found)
        except Exception:
            logger.exception("%s did not take note of %d decisions", asked.name, len(found))


def _lesson(decision: Decision) -> Lesson:
    revision = decision.revision
    score = (
        Finding.objects.filter(revision=revision, rule=SCORER, code="score", created_at__lte=decision.created_at)
        .order_by("-id")
        .first()
    )
    audit = Audit.objects.filter(revision=revision, created_at__lte=decision.created_at).first()
    if decision.bulk_id is not None:
        drawn, weight = Lesson.Drawn.BULK, BULK_WEIGHT
    elif audit is not None and audit.decision_id in (None, decision.pk):
        drawn, weight = Lesson.Drawn.AUDIT, min(HEAVIEST, 1 / max(audit.probability, 0.01))
    elif decision.trigger in (Trigger.FLAG, Trigger.NOTICE, Trigger.TRUSTED_FLAGGER) or (
        Flag.objects.filter(Q(state=Flag.State.OPEN) | Q(settled_by=decision), revision=revision).exists()
    ):
        drawn, weight = Lesson.Drawn.FLAG, 1.0
    elif decision.from_status in (Status.PUBLISHED, Status.REJECTED) and decision.reverses_id is None:
        drawn, weight = Lesson.Drawn.LOOKED_UP, 1.0
    else:
        drawn, weight = Lesson.Drawn.QUEUE, 1.0
    return Lesson(
        decision=decision,
        revision=revision,
        rejected=decision.verdict == "reject",
        probability=score.score if score else None,
        model_version=score.rule_version if score else "",
        drawn=drawn,
        weight=weight,
        made_by_id=decision.made_by_id,
        created_at=decision.created_at,
    )


def unwritten(days: int = 2, limit: int = 1_000) -> list[int]:
    """Return decisions of the last days that no lesson was written of, oldest first: what no message reached."""
    since = timezone.now() - timedelta(days=days)
    found = Decision.objects.filter(TEACHES, created_at__gte=since, lesson=None)
    return list(found.order_by("pk").values_list("pk", flat=True)[:limit])


def counting() -> QuerySet[Lesson]:
    """
    Return the lessons that count, oldest first: the latest about each text, and none that was taken back.

    An undo replaces: where an editor decided again, only the last word is a label; where the text only waits again,
    there is none. Texts that were erased drop out.
    """
    later = Lesson.objects.filter(revision=OuterRef("revision"), id__gt=OuterRef("id"))
    taken_back = Decision.objects.filter(reverses=OuterRef("decision"))
    return Lesson.objects.filter(~Exists(later), ~Exists(taken_back)).exclude(revision__text="").order_by("id")


def example(text: str, *, rejected: bool, weight: float = 1.0) -> Example:
    """Return a decided text as numbers; the shipped part is 0 without a usable model, or in a script it cannot read."""
    buckets = features.buckets(text)
    shipped = 0.0
    if features.is_latin(text):
        try:
            weights = warm()
            shipped = site.shipped_logit(weights, weights.logit(buckets))
        except BrokenModel:
            pass
    return Example(shipped, buckets, rejected, weight)


def earlier_word(lesson: Lesson) -> bool | None:
    """Return what the lesson before this one said of the same text; ``None`` when it is the first."""
    before = Lesson.objects.filter(revision=lesson.revision_id, id__lt=lesson.pk).order_by("-id")
    return before.values_list("rejected", flat=True).first()


def chunks(ids: list[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
