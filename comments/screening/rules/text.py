"""Rules about the words themselves."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import urlsplit

from comments.models import Phrase
from comments.screening import phrases
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
    if limit and len(candidate.rendered.text) > limit and not candidate.trusted:
        yield Draft("long", facts={"characters": len(candidate.rendered.text), "limit": limit})


def hold_short(candidate: Candidate) -> Iterator[Draft]:
    """Hold a text shorter than ``HOLD_UNDER_CHARACTERS``, white space around it not counted."""
    least, characters = candidate.settings.hold_under_characters, len(candidate.rendered.text.strip())
    if least and characters < least and not candidate.trusted:
        yield Draft("short", facts={"characters": characters, "least": least})


def hold_links(candidate: Candidate) -> Iterator[Draft]:
    """Hold a text with more links to other sites than ``LINKS_ALLOWED``; ``ALLOWED_DOMAINS`` never count."""
    if candidate.trusted:
        return
    allowed = domains(candidate.settings.own_domains) | domains(candidate.settings.allowed_domains)
    foreign = [host for host in hosts(candidate) if not under(host, allowed)]
    if len(foreign) > candidate.settings.links_allowed:
        yield Draft(
            "links",
            spans=_spans(candidate.text, foreign),
            facts={
                "links": len(foreign),
                "allowed": candidate.settings.links_allowed,
                "hosts": sorted(set(foreign))[:10],
            },
        )


def reject_refused_domain(candidate: Candidate) -> Iterator[Draft]:
    """Reject a text with a link to one of ``REFUSED_DOMAINS``, as spam; staff too, who may not know of it."""
    refused = domains(candidate.settings.refused_domains)
    found = [host for host in hosts(candidate, mail=True) if under(host, refused)] if refused else []
    if found:
        yield Draft(
            "refused_domain", "reject", _spans(candidate.text, found), {"hosts": sorted(set(found))[:10]}, reason="spam"
        )


def hosts(candidate: Candidate, *, mail: bool = False) -> list[str]:
    """Return the host of every link, in ASCII and lower case; those of mail addresses only with ``mail``."""
    found = []
    for link in candidate.rendered.links:
        if not link.startswith("mailto:"):
            found.append(urlsplit(link).hostname or "")
        elif mail:
            found.append(link.rpartition("@")[2].lower())
    return found


@lru_cache(maxsize=256)
def domains(written: tuple[str, ...]) -> frozenset[str]:
    """Return domains as links carry them, however editors wrote them: ``*.``, addresses, capitals, other scripts."""
    return frozenset(filter(None, map(_domain, written)))


def _domain(written: str) -> str:
    name = written.strip().rpartition("://")[2].partition("/")[0].partition(":")[0].removeprefix("*").strip(".")
    labels = unicodedata.normalize("NFKC", name).lower().replace("\u3002", ".").split(".")
    return ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}" for label in labels)


def under(host: str, parents: frozenset[str]) -> bool:
    """Say whether ``host`` is one of ``parents`` or stands under one."""
    return bool(parents) and any(host == parent or host.endswith(f".{parent}") for parent in parents)


def _spans(text: str, found: list[str]) -> tuple[tuple[int, int], ...]:
    """Return where the hosts stand in ``text``; in another script they were typed otherwise than links carry them."""
    spans = []
    for host in dict.fromkeys(found):
        typed = {host, ".".join(_unicode(label) for label in host.split("."))}
        spans += [m.span() for one in sorted(typed) for m in re.finditer(re.escape(one), text, re.IGNORECASE)]
    return tuple(sorted(spans)[:20])


def _unicode(label: str) -> str:
    try:
        return label.removeprefix("xn--").encode("ascii").decode("punycode") if label.startswith("xn--") else label
    except UnicodeError:
        return label


def hold_shouting(candidate: Candidate) -> Iterator[Draft]:
    """
    Hold a text with ``SHOUTING_PERCENT`` of its letters in capitals, if it has ``SHOUTING_LETTERS`` of them.

    Scripts without case are left alone: where most letters have none, nobody shouts.
    """
    percent = candidate.settings.shouting_percent
    if not percent or candidate.trusted:
        return
    words = without_addresses(candidate.rendered.text)
    capitals = sum(map(str.isupper, words))
    cased = capitals + sum(map(str.islower, words))
    letters = sum(map(str.isalpha, words))
    if (
        cased >= max(1, candidate.settings.shouting_letters)
        and 2 * cased >= letters
        and 100 * capitals >= percent * cased
    ):
        yield Draft("shouting", facts={"percent": round(100 * capitals / cased), "limit": percent})


_ADDRESS = re.compile(r"https?://\S+")


def without_addresses(text: str) -> str:
    return _ADDRESS.sub(" ", text)


_KEYCAP = re.compile("[0-9#*]\ufe0f?\u20e3")


def hold_only_emoji(candidate: Candidate) -> Iterator[Draft]:
    """Hold a text of nothing but emoji, whatever stands between them that is no letter and no figure."""
    if not candidate.settings.hold_only_emoji or candidate.trusted or candidate.rendered.text.isascii():
        return
    words, keycaps = _KEYCAP.subn("", candidate.rendered.text)
    emoji = keycaps + sum(unicodedata.category(character) == "So" for character in words)
    if emoji and not any(unicodedata.category(character)[0] in "LN" for character in words):
        yield Draft("only_emoji", facts={"emoji": emoji})


def judge_phrases(candidate: Candidate) -> Iterator[Draft]:
    """Reject a text with a banned phrase and hold one with a suspect phrase, however they are disguised."""
    found = phrases.in_force().find(candidate.text, at=candidate.at)
    for hit in found.hits:
        facts: dict[str, object] = {
            "phrase": hit.listed.phrase,
            "language": hit.listed.language,
            "how": sorted({one for how in hit.how for one in how}),
        }
        if hit.listed.kind == Phrase.Kind.BANNED:
            yield Draft("phrase_banned", "reject", tuple(hit.spans), facts, reason="banned_phrase")
        else:
            yield Draft("phrase_suspect", "hold", tuple(hit.spans), facts)
    if not found.complete:
        yield Draft("phrase_unread")
