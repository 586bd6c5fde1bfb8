"""Rules about where it was written."""

from __future__ import annotations

from collections.abc import Iterator

from comments import thresholds
from comments.access import BY_THE_CLOCK, opening
from comments.models import Discussion
from comments.screening import approval
from comments.screening.verdicts import Candidate, Draft


def hold_closed(candidate: Candidate) -> Iterator[Draft]:
    """Hold what arrived while the discussion was being closed. What was in time by the clock is in time."""
    if candidate.discussion is None or candidate.trusted:
        return
    now = opening(candidate.discussion, candidate.at, candidate.settings)
    if now.is_open:
        return
    if now.code in BY_THE_CLOCK and candidate.comment:
        written_at = candidate.comment.created_at
        if opening(candidate.discussion, written_at, candidate.settings).is_open:
            return
    yield Draft("closed", facts={"why": now.code})


def hold_premoderated(candidate: Candidate) -> Iterator[Draft]:
    """
    Hold everything where every comment waits for an editor: on the site, in a section or under an article.

    Where editors have armed approval by score, a text below its threshold does not wait for this reason. In the shadow
    that is only written down.
    """
    if candidate.trusted:
        return
    here = bool(candidate.discussion and candidate.discussion.mode == Discussion.Mode.PREMODERATED)
    if not (here or candidate.settings.premoderate):
        return
    allowed = approval.of(candidate.discussion.section) if candidate.discussion else None
    low = approval.below(candidate, allowed) if allowed else None
    if allowed and low is not None:
        shadow = not allowed.armed
        yield Draft(
            "would_approve" if shadow else "approved_by_score",
            verdict="publish",
            facts={"score": low, "threshold": allowed.threshold},
            version=allowed.version,
            shadow=shadow,
        )
        if not shadow:
            return
    if here:
        yield Draft("premoderated", facts={"level": "discussion", "everywhere": False})
    else:
        level = thresholds.chain("premoderate", candidate.discussion)[0][0]
        yield Draft("premoderated", facts={"level": level, "everywhere": level in ("site", "project")})
