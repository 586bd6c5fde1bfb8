"""Rules about the words themselves."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.db.models import Count, Max

from comments.models import Phrase
from comments.screening.verdicts import Candidate, Draft


def hold_sanitizer_disagreement(candidate: Candidate) -> Iterator[Draft]:
    """Hold what the two sanitizers read differently: one of them may be wrong."""
    if candidate.rendered.disagreement:
        yield Draft("sanitizer_disagreement", facts={"difference": candidate.rendered.disagreement})


def reject_empty(candidate: Candidate) -> Iterator[Draft]:
    """Reject a text of which nothing is left to show."""
    if not candidate.rendered.html or not candidate.rendered.text.strip():
        yield Draft("empty", verdict="reject", reason="other")


def hold_long(candidate: Candidate) -> Iterator[Draft]:
    """Hold a text longer than ``HOLD_OVER_CHARACTERS``."""
    limit = candidate.settings.hold_over_characters
    if limit and len(candidate.rendered.text) > limit and not candidate.by_staff:
        yield Draft("long", facts={"characters": len(candidate.rendered.text), "limit": limit})


def hold_links(candidate: Candidate) -> Iterator[Draft]:
    """Hold a text with more links to other sites than ``LINKS_ALLOWED``."""
    if candidate.by_staff:
        return
    own = candidate.settings.own_domains
    hosts = [urlsplit(link).hostname or "" for link in candidate.rendered.links if not link.startswith("mailto:")]
    foreign = [host for host in hosts if not any(host == domain or host.endswith(f".{domain}") for domain in own)]
    if len(foreign) > candidate.settings.links_allowed:
        spans = [
            match.span()
            for host in dict.fromkeys(foreign)
            for match in re.finditer(re.escape(host), candidate.text, re.IGNORECASE)
        ]
        yield Draft(
            "links",
            spans=tuple(spans[:20]),
            facts={
                "links": len(foreign),
                "allowed": candidate.settings.links_allowed,
                "hosts": sorted(set(foreign))[:10],
            },
        )


def judge_phrases(candidate: Candidate) -> Iterator[Draft]:
    """Reject a text with a banned phrase and hold one with a suspect phrase, as whole words, whatever their case."""
    folded, origin = fold(candidate.text)
    for phrase, kind, pattern in _phrases():
        spans = tuple((origin[m.start()], origin[m.end() - 1] + 1) for m in pattern.finditer(folded))
        if spans and kind == Phrase.Kind.BANNED:
            yield Draft("phrase_banned", "reject", spans[:20], {"phrase": phrase}, reason="banned_phrase")
        elif spans:
            yield Draft("phrase_suspect", "hold", spans[:20], {"phrase": phrase})


_compiled: tuple[object, list[tuple[int, str, re.Pattern[str]]]] = (None, [])


def _phrases() -> list[tuple[int, str, re.Pattern[str]]]:
    """Return the lists in force, read again whenever one phrase was added, changed or removed."""
    global _compiled
    stamp = Phrase.objects.aggregate(Count("pk"), Max("changed_at"), Max("pk"))
    if stamp != _compiled[0]:
        folded = [
            (pk, kind, fold(phrase)[0].strip())
            for pk, phrase, kind in Phrase.objects.order_by("pk").values_list("pk", "phrase", "kind")
        ]
        _compiled = (
            stamp,
            [(pk, kind, re.compile(rf"(?<!\w){re.escape(words)}(?!\w)")) for pk, kind, words in folded if words],
        )
    return _compiled[1]


def fold(text: str) -> tuple[str, list[int]]:
    """
    Return ``text`` as phrases are compared (width and case folded, invisible characters out, spaces joined), and for
    each of its characters the offset in ``text`` it came from.
    """
    folded: list[str] = []
    origin: list[int] = []
    for offset, character in enumerate(text):
        if unicodedata.category(character) == "Cf":
            continue
        if character.isspace():
            if folded and folded[-1] == " ":
                continue
            character = " "
        for part in unicodedata.normalize("NFKC", character).casefold():
            folded.append(part)
            origin.append(offset)
    return "".join(folded), origin
