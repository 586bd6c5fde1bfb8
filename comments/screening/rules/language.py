"""Which language a text is in. Needs the extra ``lang``; without it nothing is objected to, and a check says so."""

from __future__ import annotations

from collections.abc import Iterator

from comments import languages
from comments.screening.rules.text import without_addresses
from comments.screening.verdicts import Candidate, Draft

SAME = {"nb": "no", "nn": "no", "hr": "sh", "bs": "sh", "sr": "sh", "id": "ms"}
"""Written languages that a guesser takes for each other."""


def hold_other_language(candidate: Candidate) -> Iterator[Draft]:
    """Hold a text that is surely in none of ``LANGUAGES``, if it has ``LANGUAGE_CHARACTERS`` letters to judge by."""
    accepted = {_one(code) for code in candidate.settings.languages}
    if not accepted or candidate.trusted:
        return
    words = without_addresses(candidate.rendered.text)
    language, probability = languages.guessed(words, candidate.settings.language_characters)
    if language and _one(language) not in accepted:
        yield Draft("language", facts={"language": language, "accepted": sorted(accepted), "sure": probability})


def _one(code: str) -> str:
    short = code.lower().partition("-")[0].partition("_")[0]
    return SAME.get(short, short)
