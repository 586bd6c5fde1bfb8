"""The models of this newsroom: one in use, those before it to go back to, all changes on record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from comments import policy
from comments.exceptions import Refused
from comments.learning.learner import Learner
from comments.models import Commenter, Lesson, PolicyChange, ScoringModel
from comments.screening.scorers import features, site
from comments.screening.scorers.weights import BrokenModel, warm

KEPT = 10
"""Models whose weights are kept; of older ones the figures stay."""

Status = ScoringModel.Status


@contextmanager
def alone() -> Iterator[ScoringModel | None]:
    """
    Be the only one who learns or changes models, until the transaction ends; yields the model in use, locked.

    Taken before the version of the policy is moved, by everyone, so that two can wait for each other and never both.
    """
    with transaction.atomic():
        # Model 1 is made with the first lesson and never deleted: its row is everyone's lock.
        list(ScoringModel.objects.select_for_update().filter(number=1).values_list("pk"))
        yield ScoringModel.objects.filter(status=Status.ACTIVE).first()


def ensure_first() -> None:
    """Make model 1, which has learnt nothing yet, unless it is there."""
    if ScoringModel.objects.filter(number=1).exists():
        return
    with transaction.atomic():
        content, checksum = site.packed([], [])
        ScoringModel.objects.get_or_create(
            number=1,
            defaults={
                "feature_spec": features.SPEC,
                "warm_version": warm_version(),
                "weights": content,
                "checksum": checksum,
                "parameters": Learner().parameters(),
                "status": Status.ACTIVE,
                "activated_at": timezone.now(),
            },
        )


def warm_version() -> str:
    """Return the version of the shipped model; empty when there is none to use."""
    try:
        return warm().version
    except BrokenModel:
        return ""


def learner_of(model: ScoringModel) -> Learner:
    """Return a stored model as one that can learn on; raise ``BrokenModel`` when it is not whole."""
    found = site.loaded(model)
    weights, squares = site.unpacked(bytes(model.weights), model.checksum, model.feature_spec, str(model))
    return Learner(
        weights=weights,
        squares=squares,
        decisions=model.decision_count,
        removals=model.removal_count,
        scale=found.scale,
        bias=found.bias,
        trust=found.trust,
        slope=found.slope,
        offset=found.offset,
        recent=[list(row) for row in model.parameters.get("recent", [])],
    )


def store(model: ScoringModel, learner: Learner) -> None:
    """Put what ``learner`` knows into ``model``; the caller saves it."""
    model.weights, model.checksum = site.packed(learner.weights, learner.squares)
    model.parameters = {**model.parameters, **learner.parameters()}
    model.decision_count, model.removal_count = learner.decisions, learner.removals


def forgotten(model: ScoringModel | None) -> int:
    """Return the lesson up to which everything was forgotten before ``model``: a refit beside it leaves those out."""
    return int(model.parameters.get("forgotten", 0)) if model else 0


def add(
    learner: Learner,
    *,
    parent: ScoringModel | None,
    through: int,
    metrics: dict[str, Any],
    forgets: bool = False,
    why: list[list[Any]] | None = None,
) -> ScoringModel:
    """
    Store a candidate, or a refused one, when ``why`` says so. Call inside :func:`alone`.

    One that ``forgets`` begins after lesson ``through``.
    """
    number = (ScoringModel.objects.aggregate(last=Max("number"))["last"] or 0) + 1
    model = ScoringModel(
        number=number,
        status=Status.REFUSED if why else Status.CANDIDATE,
        why=why or [],
        parent=parent,
        feature_spec=features.SPEC,
        warm_version=warm_version(),
        learnt_through=through,
        metrics=metrics,
        parameters={"forgotten": through if forgets else forgotten(parent)},
    )
    store(model, learner)
    model.save()
    return model


def promote(
    model: ScoringModel, made_by: Commenter | None, *, why: list[list[Any]] | None = None, note: str = ""
) -> ScoringModel:
    """
    Use ``model`` from now on; the one in use until now can be used again. Every worker sees it with its next comment.

    Raise ``Refused`` when it is not whole, or its weights are no longer kept.
    """
    with alone() as active:
        model = ScoringModel.objects.get(pk=model.pk)
        if active is not None and active.pk == model.pk:
            return model
        try:
            site.loaded(model)
        except BrokenModel as error:
            raise Refused(
                "broken_model", _("This model cannot be used: %(why)s") % {"why": error}, status=409
            ) from None
        now = timezone.now()
        with policy.changing():
            if active is not None:
                active.status, active.retired_at = Status.RETIRED, now
                active.save(update_fields=["status", "retired_at"])
            model.status, model.activated_at, model.retired_at = Status.ACTIVE, now, None
            if why is not None:
                model.why = why
            model.save(update_fields=["status", "activated_at", "retired_at", "why"])
            before = f"site-{active.number}" if active else None
            policy.record(PolicyChange.Kind.MODEL, "model", before, f"site-{model.number}", made_by, note)
        _sweep()
    return model


def use(model: ScoringModel, made_by: Commenter | None) -> ScoringModel:
    """Use ``model``, as an editor asks: an earlier one again, or one that waits or was refused."""
    return rollback(model, made_by) if model.status == Status.RETIRED else promote(model, made_by)


def rollback(model: ScoringModel, made_by: Commenter | None) -> ScoringModel:
    """
    Use an earlier model again. What was learnt since is not lost: it is learnt anew, from the decisions.

    The next refit has to beat this one.
    """
    return promote(model, made_by, note=_("Back to an earlier model"))


def forget_all(made_by: Commenter | None) -> ScoringModel:
    """Begin again with the shipped model alone. Earlier models stay, to go back to; the decisions stay on record."""
    ensure_first()
    with alone() as active:
        through = Lesson.objects.aggregate(last=Max("id"))["last"] or 0
        fresh = add(Learner(), parent=active, through=through, metrics={}, forgets=True)
        return promote(fresh, made_by, why=[["forgotten"]], note=_("Everything that was learnt is forgotten"))


def _sweep() -> None:
    """Drop the weights of models nobody goes back to. Their figures stay, and model 1, which is everyone's lock."""
    keep = ScoringModel.objects.order_by("-number").values_list("pk", flat=True)[:KEPT]
    old = ScoringModel.objects.exclude(pk__in=list(keep)).exclude(status=Status.ACTIVE).exclude(number=1)
    old.exclude(checksum="").update(weights=b"", checksum="", parameters={})
