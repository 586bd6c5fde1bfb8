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
    word: str = ""
    """``low``, ``medium`` or ``high`` for a ``p`` that is no percentage of anything yet; empty: it may be shown."""


@dataclass(frozen=True, slots=True)
class Health:
    """``ok``, and if not, why, in a sentence for the dashboard."""

    ok: bool
    detail: str = ""


class ScorerFailed(Exception):
    """
    A scorer has no answer for now, and ``why`` says in a code what an editor is told.

    ``timeout``, ``unreachable``, ``not_trusted`` (the certificate), ``status`` (an error, with its HTTP status),
    ``bad_answer`` (nothing that can be used), ``breaker_open`` (not asked, since it did not answer before),
    ``refused_address`` (not a place a text may be sent to), ``not_set_up``. Holds nothing of a text or an answer.
    """

    def __init__(self, why: str, *, status: int | None = None) -> None:
        self.why = why
        self.status = status
        super().__init__(f"{why} {status}" if status else why)

    @property
    def facts(self) -> dict[str, Any]:
        """What is kept of it in the finding."""
        return {"why": self.why} | ({"status": self.status} if self.status else {})

    @property
    def by_server(self) -> bool:
        """Say whether the next text would meet the same, so that the server is better left alone for a while."""
        if self.why == "status":
            return self.status is not None and (self.status >= 500 or self.status in (401, 403, 408, 429))
        return self.why in ("timeout", "unreachable", "not_trusted")


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
