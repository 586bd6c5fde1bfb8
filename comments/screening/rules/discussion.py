"""Rules about where it was written."""

from __future__ import annotations

from collections.abc import Iterator

from comments.access import is_open
from comments.models import Discussion
from comments.screening.verdicts import Candidate, Draft


def hold_closed(candidate: Candidate) -> Iterator[Draft]:
    """Hold what arrived while the discussion was being closed."""
    if candidate.discussion and not is_open(candidate.discussion, candidate.at) and not candidate.by_staff:
        yield Draft("closed")


def hold_premoderated(candidate: Candidate) -> Iterator[Draft]:
    """Hold everything where every comment waits for an editor: on the site or in this discussion."""
    if candidate.by_staff:
        return
    here = bool(candidate.discussion and candidate.discussion.mode == Discussion.Mode.PREMODERATED)
    if here or candidate.settings.premoderate:
        yield Draft("premoderated", facts={"everywhere": not here})
