"""Which language a text is in. Needs the extra ``lang``; without it nothing is objected to, and a check says so."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any
from unicodedata import east_asian_width

from comments.screening.rules.text import without_addresses
from comments.screening.verdicts import Candidate, Draft

logger = logging.getLogger(__name__)

SURE = 0.9
"""Probability below which a guess is not acted upon."""

MOST = 2_000
"""Characters looked at: what comes after them changes no guess."""

SAME = {"nb": "no", "nn": "no", "hr": "sh", "bs": "sh", "sr": "sh", "id": "ms"}
"""Written languages that a guesser takes for each other."""


def hold_other_language(candidate: Candidate) -> Iterator[Draft]:
    """Hold a text that is surely in none of ``LANGUAGES``, if it has ``LANGUAGE_CHARACTERS`` letters to judge by."""
    accepted = {_one(code) for code in candidate.settings.languages}
    if not accepted or candidate.trusted:
        return
    words = without_addresses(candidate.rendered.text)[:MOST]
    # A wide letter, Han or Hangul, says as much as two narrow ones.
    letters = sum(2 if east_asian_width(character) == "W" else 1 for character in words if character.isalpha())
    if letters < candidate.settings.language_characters:
        return
    guesser = _guesser()
    if guesser is None:
        return
    language, probability = guesser.classify(words)
    if _one(language) not in accepted and probability >= SURE:
        yield Draft(
            "language", facts={"language": language, "accepted": sorted(accepted), "sure": round(float(probability), 3)}
        )


def _one(code: str) -> str:
    short = code.lower().partition("-")[0].partition("_")[0]
    return SAME.get(short, short)


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
            logger.warning("LANGUAGES is set and py3langid is not installed: languages are not checked")

    loader = threading.Thread(target=load)
    loader.start()
    loader.join()
    return found[0] if found else None
