"""
Scorers: something that reads a text and says how likely it is that an editor would remove it.

A scorer stands in ``COMMENTS["RULES"]`` by its dotted path, beside the rules: an object, or a class made without
arguments, with the attributes and methods of :class:`Scorer`. Its score orders the queue and is a fact that rules may
use; by itself it objects to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class CommentView:
    """What a scorer is told of a comment. Names, addresses and networks only for those that say they need them."""

    text: str
    parent_text: str = ""
    language: str = ""
    author_name: str = ""
    author_email: str = ""
    story_url: str = ""
    comment_id: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Score:
    """
    One scorer's answer for one text.

    ``p`` is a probability, 0 to 1, or ``None`` when the scorer has no opinion (another language, too little to read).
    ``labels`` are named probabilities; ``top`` are at most three ``(start, end, weight)`` of the words that raised the
    score most, as offsets into the text.
    """

    p: float | None
    labels: dict[str, float] = field(default_factory=dict)
    top: tuple[tuple[int, int, float], ...] = ()
    version: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """``ok``, and if not, why, in a sentence for the dashboard."""

    ok: bool
    detail: str = ""


@runtime_checkable
class Scorer(Protocol):
    name: str
    version: str
    sends_text_offsite: bool

    def score(self, items: Sequence[CommentView]) -> Sequence[Score]:
        """Return one score for each item, in order. Raise to say "not now": the comment is held, or the policy says."""

    def learn(self, decisions: Sequence[Any]) -> None:
        """Take note of :class:`comments.models.Lesson` rows. May do nothing."""

    def health(self) -> Health:
        """Say whether it works, without sending a text anywhere."""
