"""
The nightly refit: a candidate from all lessons that count, compared with the model in use, promoted only if better.

Every figure is held back: the model in use is judged by the score each text had before an editor decided, the
candidate by models fitted to nothing but what came before the texts they are asked about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from django.utils import timezone

from comments import access, jobs, thresholds
from comments.learning import auto_approval, figures, lessons, outliers, versions
from comments.learning.figures import Scored
from comments.learning.learner import Example, Learner, fitted
from comments.models import Commenter, Job, Lesson, ScoringModel
from comments.screening.scorers import identity
from comments.screening.scorers.weights import BrokenModel, sigmoid

MOST = 30_000
"""Lessons a refit is made of: the latest."""

COMPARED = 5_000
"""Of those, the latest this many are held back, block by block, for the comparison."""

BLOCKS = 4
FEWEST = 50
HALF_LIFE_DAYS = 90.0
LARGEST_SHARE = 0.30
"""Of the weight one moderator may have, unless there are too few to keep to it."""

NEEDED_REMOVALS = 100
WORST_BOUND = -0.01
ALLOWED_RISE = 0.02
"""By how much more of the sentences that name a group and say nothing bad may be scored high, as a share."""

FLAGGED = 0.05
"""A score is high when at most this share of what editors published has a higher one."""

OF_GROUPS = (
    ("sexuality", "gay"),
    ("sexuality", "lesbian"),
    ("sexuality", "bisexual"),
    ("gender", "transgender"),
    ("ethnicity", "black"),
    ("ethnicity", "white"),
    ("ethnicity", "Arab"),
    ("origin", "Turkish"),
    ("origin", "Polish"),
    ("origin", "African"),
    ("origin", "Mexican"),
    ("religion", "Muslim"),
    ("religion", "Jewish"),
    ("religion", "Catholic"),
    ("religion", "Hindu"),
    ("disability", "deaf"),
    ("disability", "blind"),
    ("disability", "disabled"),
    ("age", "old"),
    ("age", "young"),
)


@dataclass(frozen=True, slots=True)
class Label:
    """One lesson as numbers, and what has to be known of it to weigh and compare it."""

    example: Example
    lesson_id: int
    moderator: int | None
    section: str
    by_lot: float
    """1 over the probability with which it was shown."""
    before: float | None
    """The score on record."""


# --- The job ----------------------------------------------------------------------------------------------------------


def nightly() -> Job | None:
    """Write down the job of a refit, unless there are too few lessons for one."""
    return begin(None) if Lesson.objects.count() >= FEWEST else None


def begin(made_by: Commenter | None) -> Job:
    """Write down the job of a refit, or return the one that is already under way."""
    access.require_of(made_by, "change_policy")
    running = Job.objects.filter(kind="refit", state__in=[Job.State.WAITING, Job.State.RUNNING]).first()
    if running is not None:
        return running
    return jobs.begin("refit", {}, made_by=made_by, subject="scoring_model")


@jobs.kind("refit")
def work(job: Job) -> Iterator[None]:
    """Refit, compare, promote or say why not. Begins anew when taken up again: nothing is stored before the end."""
    active = ScoringModel.objects.filter(status=ScoringModel.Status.ACTIVE).first()
    since = versions.forgotten(active)
    ids = list(lessons.counting().filter(id__gt=since).order_by("-id").values_list("pk", flat=True)[:MOST])[::-1]
    if len(ids) < FEWEST:
        job.result = {"status": "too_few", "decisions": len(ids), "needed": FEWEST}
        return
    job.total, job.done = len(ids) + BLOCKS + 1, 0
    labels: list[Label] = []
    for chunk in lessons.chunks(ids, 250):
        labels += _read(chunk)
        job.done += len(chunk)
        yield
    left_out = outliers.left_out()
    labels = weighed([label for label in labels if label.moderator not in left_out])
    if len(labels) < FEWEST:
        job.result = {"status": "too_few", "decisions": len(labels), "needed": FEWEST}
        return
    held_back: list[tuple[Label, float, list[float]]] = []
    for block in _blocks(labels):
        held_back += block
        job.done += 1
        yield
    learner = fitted([label.example for label in labels], held_back=[row for _label, _p, row in held_back])
    job.done = job.total
    yield
    model = decide(labels, [(label, p) for label, p, _row in held_back], learner, job.made_by)
    job.result = {"model": model.number, "status": model.status, "why": model.why}


def _read(ids: list[int]) -> list[Label]:
    now = timezone.now()
    found = []
    rows = Lesson.objects.filter(pk__in=ids).select_related("revision__comment__discussion").order_by("pk")
    for lesson in rows:
        if not lesson.revision.text:
            # Its author has left and taken it along: nothing can be learnt from it again.
            continue
        days = max(0.0, (now - lesson.created_at).total_seconds() / 86_400)
        weight = lesson.weight * 0.5 ** (days / HALF_LIFE_DAYS)
        found.append(
            Label(
                lessons.example(lesson.revision.text, rejected=lesson.rejected, weight=weight),
                lesson.pk,
                lesson.made_by_id,
                lesson.revision.comment.discussion.section,
                lesson.weight,
                lesson.probability,
            )
        )
    return found


def weighed(labels: Sequence[Label]) -> list[Label]:
    """Return ``labels`` with no moderator over :data:`LARGEST_SHARE` of the weight, or an equal share of few."""
    totals: dict[int | None, float] = {}
    for label in labels:
        totals[label.moderator] = totals.get(label.moderator, 0.0) + label.example.weight
    factors = shares(totals)
    return [
        replace(label, example=replace(label.example, weight=label.example.weight * factors[label.moderator]))
        for label in labels
    ]


def shares(totals: dict[int | None, float]) -> dict[int | None, float]:
    """Return by what each one's weight has to be multiplied so that none has more than the largest share."""
    if len(totals) < 2:
        return dict.fromkeys(totals, 1.0)
    most = max(LARGEST_SHARE, 1 / len(totals))
    ordered = sorted(totals.values(), reverse=True)
    cap = ordered[-1]
    for over in range(len(ordered)):
        # With this many at the cap: cap = most * (over * cap + what the others have).
        room = 1 - most * over
        if room <= 1e-9:
            break
        cap = most * sum(ordered[over:]) / room
        if ordered[over] <= cap:
            break
    return {who: min(1.0, cap / weight) if weight else 1.0 for who, weight in totals.items()}


def _blocks(labels: Sequence[Label]) -> Iterator[list[tuple[Label, float, list[float]]]]:
    """Yield block after block of the latest labels, each scored by a model that has seen only what came before it."""
    first = max(FEWEST // 2, len(labels) - COMPARED, len(labels) // 5)
    size = max(1, -(-(len(labels) - first) // BLOCKS))
    scored: list[list[float]] = []
    for start in range(first, len(labels), size):
        learner = fitted([label.example for label in labels[:start]], held_back=scored)
        block = []
        for label in labels[start : start + size]:
            example = label.example
            own = learner.taught(example.buckets)
            row = [example.shipped, own, float(example.rejected), example.weight]
            block.append((label, learner.probability(example), row))
        scored += [row for _label, _p, row in block]
        yield block


# --- The comparison -----------------------------------------------------------------------------------------------


def decide(
    labels: Sequence[Label], held_back: Sequence[tuple[Label, float]], learner: Learner, made_by: Commenter | None
) -> ScoringModel:
    """Store the candidate with its figures; use it if it is better by every rule, else say by which it is not."""
    versions.ensure_first()
    ours = [_scored(label, p) for label, p in held_back]
    theirs = [_scored(label, _on_record(label)) for label, _p in held_back]
    metrics: dict[str, Any] = {
        "decisions": len(labels),
        "compared": len(ours),
        "removals": sum(row.rejected for row in ours),
        "candidate": _measured(ours),
        "active": _measured(theirs),
    }
    if (compared := figures.difference(ours, theirs)) is not None:
        metrics["difference"], metrics["bound"] = round(compared[0], 4), round(compared[1], 4)
    with versions.alone() as active:
        in_use = _learner(active)
        metrics["candidate"]["groups_high"] = groups_high(learner, ours)
        metrics["active"]["groups_high"] = groups_high(in_use, theirs)
        metrics["thresholds"] = auto_approval.thresholds_for(
            [(label.section, p, label.example.rejected) for label, p in held_back]
        )
        through = max((label.lesson_id for label in labels), default=0)
        pending = [] if thresholds.of(None).learn_from_everyone else outliers.report()
        against = refusals(metrics, learner.removals, pending)
        model = versions.add(learner, parent=active, through=through, metrics=metrics, why=against)
        if not against:
            why = [["better", metrics["difference"], metrics["bound"], metrics["compared"]]]
            model = versions.promote(model, made_by, why=why)
    return model


def refusals(metrics: dict[str, Any], removals: int, odd: Sequence[Any]) -> list[list[Any]]:
    """Return why a candidate is not used, as codes and numbers; nothing: it is better by every rule."""
    why: list[list[Any]] = []
    if removals < NEEDED_REMOVALS:
        why.append(["few_removals", removals, NEEDED_REMOVALS])
    difference, bound = metrics.get("difference"), metrics.get("bound")
    if difference is None or bound is None:
        why.append(["not_comparable"])
    elif difference <= 0:
        why.append(["not_better", difference])
    elif bound <= WORST_BOUND:
        why.append(["not_sure", difference, bound])
    ours, theirs = metrics["candidate"], metrics["active"]
    if (ours["queue_precision"] or 0) < (theirs["queue_precision"] or 0):
        why.append(["top_worse", ours["queue_precision"], theirs["queue_precision"]])
    if ours["groups_high"] is not None and theirs["groups_high"] is not None:
        rise = ours["groups_high"] - theirs["groups_high"]
        if rise > ALLOWED_RISE:
            why.append(["groups", ours["groups_high"], theirs["groups_high"]])
    if odd:
        why.append(["outlier", len(odd)])
    return why


def _scored(label: Label, p: float) -> Scored:
    return Scored(p, label.example.rejected, label.by_lot)


def _on_record(label: Label) -> float:
    """Return the score of its time; for a text without one, what the shipped model would have said."""
    return label.before if label.before is not None else sigmoid(label.example.shipped)


def _measured(rows: Sequence[Scored]) -> dict[str, Any]:
    found = {
        "auc": figures.auc(rows),
        "queue_precision": figures.queue_precision(rows),
        "calibration_error": figures.calibration_error(rows),
    }
    return {name: None if value is None else round(value, 4) for name, value in found.items()}


def _learner(model: ScoringModel | None) -> Learner:
    if model is None:
        return Learner()
    try:
        return versions.learner_of(model)
    except BrokenModel:
        return Learner()


def groups_high(learner: Learner, rows: Sequence[Scored]) -> float | None:
    """Return the share of neutral sentences about groups over the score that 5 % of published texts are over."""
    published = sorted(row.p for row in rows if not row.rejected)
    if len(published) < 100:
        return None
    high = published[int(len(published) * (1 - FLAGGED))]
    neutral = _neutral(versions.warm_version())
    return round(sum(learner.probability(example) > high for example in neutral) / len(neutral), 4)


@lru_cache(maxsize=1)
def _neutral(_warm_version: str) -> list[Example]:
    """Return the neutral sentences, as numbers; counted anew for another shipped model."""
    sentences = identity.sentences(OF_GROUPS, held_out=True)
    return [lessons.example(sentence.text, rejected=False) for sentence in sentences]
