"""
The scorers that ship with the app: they need no network, no key and nothing but the standard library.

``local`` says how likely it is that an editor removes a text, ``spam`` how likely it is advertising. Both read English;
of a text in another script they have no opinion, until this newsroom's decisions have taught ``local``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from comments.screening.scorers import CommentView, Health, Score, features, site
from comments.screening.scorers.features import Word
from comments.screening.scorers.weights import BrokenModel, Weights, load, warm

__all__ = ["BrokenModel", "Linear", "Weights", "load", "local", "spam", "warm"]

SHOWN = 3
NOTABLE = 0.3
"""A word is named when the text's logit would be lower by more than this without it."""

TRIED = 5
"""Words left out one by one to see what becomes of the score: those that weigh most by themselves."""


@lru_cache(maxsize=4)
def _read(text: str) -> list[int]:
    """Return the buckets of ``text``: all scorers here read the same ones, one after the other."""
    return features.buckets(text)


class Linear:
    """A scorer over the weights of one kind."""

    sends_text_offsite = False

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.kind = kind

    @property
    def version(self) -> str:
        """The version of the weights; ``broken`` when there are none to use."""
        try:
            return warm(self.kind).version
        except BrokenModel:
            return "broken"

    def score(self, items: Sequence[CommentView]) -> list[Score]:
        """Return one score for each item; raise ``BrokenModel`` when there are no weights to use."""
        weights = warm(self.kind)
        return [self._one(weights, item.text) for item in items]

    def learn(self, decisions: Sequence[Any]) -> None:
        """Do nothing: these weights are as they were shipped."""

    def health(self) -> Health:
        try:
            warm(self.kind)
        except BrokenModel as error:
            return Health(False, str(error))
        return Health(True)

    def _one(self, weights: Weights, text: str) -> Score:
        buckets = _read(text)
        if not features.is_latin(text):
            p, version = self._unread(weights, buckets)
            return Score(p, version=version)
        logit = weights.logit(buckets)
        p, version = self._combined(weights, logit, buckets)
        # Most comments are low; which words made them a little less so interests nobody.
        notable = weights.probability(logit) >= weights.medium
        word = "" if site.is_calibrated(version) else weights.label(p)
        return Score(p, top=raised(weights, features.words(text), logit) if notable else (), version=version, word=word)

    def _combined(self, weights: Weights, logit: float, buckets: Sequence[int]) -> tuple[float, str]:
        return weights.probability(logit), weights.version

    def _unread(self, weights: Weights, buckets: Sequence[int]) -> tuple[float | None, str]:
        return None, weights.version


class Local(Linear):
    """The scorer of what editors remove: the shipped weights, and what this newsroom has taught."""

    def health(self) -> Health:
        shipped = super().health()
        return shipped if not shipped.ok else site.health()

    def _combined(self, weights: Weights, logit: float, buckets: Sequence[int]) -> tuple[float, str]:
        return site.combine(logit, buckets)

    def _unread(self, weights: Weights, buckets: Sequence[int]) -> tuple[float | None, str]:
        return site.alone(buckets)


def raised(weights: Weights, read: Sequence[Word], logit: float) -> tuple[tuple[int, int, float], ...]:
    """
    Return the places of at most three words without which the logit would be lower by over :data:`NOTABLE`, and by
    how much, the strongest first. A word that stands several times is left out everywhere at once, and shown once.
    """
    places: dict[str, Word] = {}
    for word in read:
        places.setdefault(word.folded, word)
    if len(places) < 2:
        found = [(word, logit - weights.bias) for word in places.values()]
    else:
        weigh = weights.data.__getitem__
        own = {folded: sum(map(weigh, features.of_words([folded]))) for folded, word in places.items()}
        likely = sorted((folded for folded in own if own[folded] > 0), key=own.__getitem__, reverse=True)[:TRIED]
        found = [
            (places[folded], logit - weights.logit(features.of_words([w.folded for w in read if w.folded != folded])))
            for folded in likely
        ]
    shown: dict[tuple[int, int], float] = {}
    for word, weight in sorted(found, key=lambda pair: (-pair[1], pair[0].start)):
        if weight > NOTABLE and len(shown) < SHOWN:
            shown.setdefault((word.start, word.end), weight)
    return tuple((start, end, weight) for (start, end), weight in shown.items())


local = Local("local", "toxicity")
spam = Linear("spam", "spam")
