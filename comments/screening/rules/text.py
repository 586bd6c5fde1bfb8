"""Rules about the words themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
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
