"""Rules about where it was written."""

from __future__ import annotations

from collections.abc import Iterator

from comments.access import is_open
from comments.models import Discussion
from comments.screening import approval
from comments.screening.verdicts import Candidate, Draft


def hold_closed(candidate: Candidate) -> Iterator[Draft]:
    """Hold what arrived while the discussion was being closed."""
    if candidate.discussion and not is_open(candidate.discussion) and not candidate.by_staff:
        yield Draft("closed")


def hold_premoderated(candidate: Candidate) -> Iterator[Draft]:
    """
    Hold everything where every comment waits for an editor: on the site or in this discussion.

    Where editors have armed approval by score, a text below its threshold does not wait for this reason. In the shadow
    that is only written down.
    """
    if candidate.by_staff:
        return
    here = bool(candidate.discussion and candidate.discussion.mode == Discussion.Mode.PREMODERATED)
    if not (here or candidate.settings.premoderate):
        return
    allowed = approval.of(candidate.discussion.section) if candidate.discussion else None
    low = approval.below(candidate, allowed) if allowed else None
    facts = {"score": low, "threshold": allowed.threshold if allowed else None}
    version = allowed.version if allowed else ""
    if allowed and allowed.armed and low is not None:
        yield Draft("approved_by_score", verdict="publish", facts=facts, version=version)
        return
    yield Draft("premoderated", facts={"everywhere": not here})
    if allowed and low is not None:
        yield Draft("would_approve", verdict="publish", facts=facts, version=version, shadow=True)
