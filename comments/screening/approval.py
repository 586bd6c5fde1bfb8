"""Where the score may publish what waits only because everything waits there; read once a version of the policy."""

from __future__ import annotations

from dataclasses import dataclass

from comments import thresholds
from comments.models import AutoApproval
from comments.screening.verdicts import Candidate

SCORER = "local"


@dataclass(frozen=True, slots=True)
class Approval:
    """What one section's editors allow: below ``threshold``, by ``version`` of the model and no other."""

    armed: bool
    threshold: float
    version: str


_kept: tuple[thresholds.InForce, dict[str, Approval]] | None = None


def of(section: str) -> Approval | None:
    """Return what holds for ``section`` as of the policy in force; ``None``: the score publishes nothing there."""
    global _kept
    now = thresholds.in_force()
    if _kept is None or _kept[0] is not now:
        rows = AutoApproval.objects.filter(
            state__in=[AutoApproval.State.SHADOW, AutoApproval.State.ARMED], threshold__isnull=False
        )
        _kept = (
            now,
            {
                row.section: Approval(row.state == AutoApproval.State.ARMED, row.threshold, row.model_version)
                for row in rows
                if row.threshold is not None
            },
        )
    return _kept[1].get(section)


def below(candidate: Candidate, approval: Approval) -> float | None:
    """
    Return the score of ``candidate`` when it is low enough for ``approval``, else ``None``.

    ``None`` too without a score, and for the score of any other model than the one the threshold was found for.
    """
    for draft in candidate.findings:
        if draft.rule == SCORER and draft.score is not None:
            return draft.score if draft.version == approval.version and draft.score < approval.threshold else None
    return None
