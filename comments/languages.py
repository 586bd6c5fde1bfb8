"""
Which language a text is in, where that can be told: so that a screen reader speaks it with the right voice.

Some writing tells by itself. For the rest the extra ``lang`` (py3langid) is asked where it is installed; nothing leaves
the machine.
"""

from __future__ import annotations

import logging
import threading
from functools import cache
from typing import Any
from unicodedata import east_asian_width

logger = logging.getLogger(__name__)

SURE = 0.9
"""Probability below which a guess is not acted upon."""

MOST = 2_000
"""Characters looked at: what comes after them changes no guess."""

FIRST = 120
"""Characters that are looked at before the others, which are not when these are :data:`VERY_SURE`."""
VERY_SURE = 0.99

ENOUGH = 30
"""Letters of a writing that many languages share, without which nothing is told of a text."""

WRITINGS = (
    ("ko", (("\uac00", "\ud7a3"), ("\u1100", "\u11ff"), ("\u3130", "\u318f"))),
    ("ja", (("\u3041", "\u3096"), ("\u30a1", "\u30fa"))),
    ("he", (("\u05d0", "\u05ea"),)),
    ("el", (("\u0370", "\u03ff"), ("\u1f00", "\u1fff"))),
    ("th", (("\u0e01", "\u0e4e"),)),
    ("hy", (("\u0531", "\u058a"),)),
    ("ka", (("\u10a0", "\u10ff"),)),
)
"""Languages whose writing is, in comments, hardly anybody else's, with its letters."""

SHARE = 0.5
"""Of a text's letters, from which on it is in that language."""
SHARE_OF_KANA = 0.2
"""The same for Japanese, most of which may be Chinese signs."""


def told(text: str) -> str:
    """Return the language ``text`` is surely in, two letters of ISO 639-1; "" where that cannot be told."""
    letters = [] if text.isascii() else [character for character in text[:MOST] if character.isalpha()]
    if letters and max(letters) >= "\u0370":
        for language, ranges in WRITINGS:
            share = sum(any(first <= one <= last for first, last in ranges) for one in letters) / len(letters)
            if share >= (SHARE_OF_KANA if language == "ja" else SHARE):
                return language
    language, _probability = guessed(text, ENOUGH)
    return language if len(language) == 2 else ""


def guessed(text: str, letters_needed: int) -> tuple[str, float]:
    """
    Return the language that ``text`` is surely in and how sure that is; ``("", 0)`` when it cannot be told.

    That is so with fewer letters than ``letters_needed``, without the extra ``lang``, and below :data:`SURE`.
    """
    words = text[:MOST]
    letters = sum(map(str.isalpha, words))
    if not words.isascii():
        # A wide letter, Han or Hangul, says as much as two narrow ones.
        letters += sum(character.isalpha() and east_asian_width(character) == "W" for character in words)
    guesser = _guesser() if letters >= letters_needed else None
    if guesser is None:
        return "", 0
    language, probability = guesser.classify(words[:FIRST])
    if probability < VERY_SURE and len(words) > FIRST:
        language, probability = guesser.classify(words)
    return (str(language), round(float(probability), 3)) if probability >= SURE else ("", 0)


@cache
def _guesser() -> Any:
    """
    Return what guesses languages, or ``None`` where it is not installed. Loaded when it is first asked.

    In a thread of its own: loading takes longer than a rule may work, and is no fault of the text it was loaded for.
    """
    found: list[Any] = []

    def load() -> None:
        try:
            from py3langid.langid import MODEL_FILE, LanguageIdentifier

            found.append(LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True))
        except ImportError:
            logger.info("py3langid is not installed: languages are told by their writing only")

    loader = threading.Thread(target=load)
    loader.start()
    loader.join()
    return found[0] if found else None
