"""
Rules about nearly the same words again: a person's own, and the same text passed from hand to hand.

Two texts are alike as far as they share shingles, pieces of five characters (A. Broder, "On the resemblance and
containment of documents", 1997). To find the alike among many without reading them, each text leaves a few numbers: of
its shingles' hashes, put into bins, the smallest of each bin (P. Li, A. Owen, C.-H. Zhang, "One permutation hashing",
2012; empty bins take from the next one, A. Shrivastava and P. Li, "Densifying one permutation hashing", 2014), three
bins to a band (A. Rajaraman and J. Ullman, "Mining of massive datasets", chapter 3). Texts with a band in common are
candidates; whether they are alike is then decided by the texts themselves.
"""

from __future__ import annotations

import re
import struct
import unicodedata
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import blake2b
from zlib import crc32

from django.db import connection, transaction
from django.db.models import Count

from comments.models import Comment, Fingerprint, Revision, Status
from comments.screening.verdicts import Candidate, Draft

SHINGLE = 5
LETTERS = 60
"""Shorter texts are alike by chance ("I agree with you"): they are no campaign, and one's own have to be the same."""

BANDS, ROWS = 12, 3
"""Two texts that share half of their shingles have a band in common 4 times of 5; with a fiftieth, 1 time of 10,000."""

ALIKE = 0.5
"""Share of all shingles of two texts that both have, from which they are alike."""

CONTAINED = 0.8
"""Share of the shorter text's shingles that the longer one has: passed on with a sentence of one's own."""

MOST_COMPARED = 20
OWN_COMPARED = 20
SHORT = 20
"""Characters of a very short text, which ``SHORT_REPEATS`` is about."""

_QUOTED = re.compile(r"^[ \t]*>.*$", re.MULTILINE)


def squeezed(text: str) -> str:
    """Return the letters and figures of ``text``, folded. Quotes, signs, spaces and doubled letters do not count."""
    folded = unicodedata.normalize("NFKD", _QUOTED.sub("", text)).casefold()
    kept: list[str] = []
    for character in folded:
        # Figures stay as they are: two scores are two scores.
        if character.isalnum() and not (kept and kept[-1] == character and character.isalpha()):
            kept.append(character)
    return "".join(kept)


def shingles(words: str) -> frozenset[str]:
    """Return every piece of five characters of squeezed ``words``."""
    return frozenset(words[start : start + SHINGLE] for start in range(len(words) - SHINGLE + 1))


def alike(one: frozenset[str], other: frozenset[str]) -> bool:
    both = len(one & other)
    return both >= ALIKE * len(one | other) or both >= CONTAINED * max(1, min(len(one), len(other)))


def fingerprint(pieces: frozenset[str]) -> list[int]:
    """Return the number of each band, 63 bits; ``[]`` for nothing."""
    count = BANDS * ROWS
    least: list[int | None] = [None] * count
    for piece in pieces:
        # The odd constant (2^64 / golden ratio) spreads what CRC leaves close together.
        mixed = crc32(piece.encode("utf-8", "surrogatepass")) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
        place, value = mixed % count, mixed >> 8
        seen = least[place]
        if seen is None or value < seen:
            least[place] = value
    if not pieces:
        return []
    full = []
    for place in range(count):
        steps = next(steps for steps in range(count) if least[(place + steps) % count] is not None)
        full.append((least[(place + steps) % count] or 0) + steps)
    return [
        int.from_bytes(
            blake2b(struct.pack(f"<B{ROWS}Q", band, *full[band * ROWS : (band + 1) * ROWS]), digest_size=8).digest()
        )
        >> 1
        for band in range(BANDS)
    ]


def hold_own_repeat(candidate: Candidate) -> Iterator[Draft]:
    """
    Hold a person's own words again, slightly changed, within ``REPEAT_HOURS``.

    Texts of under ``LETTERS`` letters have to be the same but for signs, spaces and doubled letters; of very short ones
    ("well said") ``SHORT_REPEATS`` pass. Says nothing where ``hold_repeat`` already has.
    """
    hours, author = candidate.settings.repeat_hours, candidate.author
    said = any(draft.code == "repeat" for draft in candidate.findings)
    words = squeezed(candidate.text)
    if not hours or author is None or candidate.trusted or said or not words:
        return
    earlier = Comment.objects.filter(author=author, created_at__gt=candidate.at - timedelta(hours=hours))
    if candidate.comment:
        earlier = earlier.filter(pk__lt=candidate.comment.pk)
    latest = earlier.exclude(status=Status.WITHDRAWN).order_by("-created_at").values("pk")[:OWN_COMPARED]
    texts = _texts([row["pk"] for row in latest])
    if len(words) < LETTERS:
        same = [pk for pk, _author, text in texts if squeezed(text) == words]
    else:
        mine = shingles(words)
        same = [
            pk
            for pk, _author, text in texts
            if len(other := squeezed(text)) >= LETTERS and alike(mine, shingles(other))
        ]
    allowed = candidate.settings.short_repeats if len(candidate.rendered.text) < SHORT else 1
    if allowed and len(same) >= allowed:
        yield Draft("repeat", facts={"first": min(same), "own": True, "near": True, "times": len(same), "hours": hours})


def hold_campaign(candidate: Candidate) -> Iterator[Draft]:
    """
    Hold nearly the same text by ``CAMPAIGN_PEOPLE`` people, the author among them, within ``CAMPAIGN_DAYS``.

    The text's own fingerprint is written before others are looked for: of two that are screened at once, at least one
    finds the other. One insert and one select; the texts of candidates are read where there are any.
    """
    people, author = candidate.settings.campaign_people, candidate.author
    words = squeezed(candidate.text)
    if not people or author is None or candidate.trusted or len(words) < LETTERS:
        return
    pieces = shingles(words)
    values = fingerprint(pieces)
    written_at = candidate.comment.created_at if candidate.comment else candidate.at
    span = timedelta(days=candidate.settings.campaign_days)
    if candidate.comment and written_at > candidate.at - span:
        _remember(candidate.comment, values, written_at)
    found = Fingerprint.objects.filter(value__in=values, created_at__gt=written_at - span)
    if candidate.comment:
        found = found.exclude(comment=candidate.comment)
    likely = found.values("comment").annotate(bands=Count("pk")).order_by("-bands", "-comment")[:MOST_COMPARED]
    texts = _texts([row["comment"] for row in likely])
    same = [(pk, by) for pk, by, text in texts if alike(pieces, shingles(squeezed(text)))]
    if same and len({by for _pk, by in same} | {author.pk}) >= people:
        yield Draft(
            "campaign",
            facts={
                "first": min(pk for pk, _by in same),
                "comments": len(same) + 1,
                "people": len({by for _pk, by in same} | {author.pk}),
                "days": candidate.settings.campaign_days,
            },
        )


def _remember(comment: Comment, values: list[int], written_at: datetime) -> None:
    """Write the fingerprint of ``comment`` down, in place of an earlier text's."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            # What a crash of the database takes back is screened again.
            with connection.cursor() as db:
                db.execute("SET LOCAL synchronous_commit TO off")
        if comment.version > 1:
            Fingerprint.objects.filter(comment=comment).delete()
        Fingerprint.objects.bulk_create(
            [
                Fingerprint(comment=comment, band=band, value=value, created_at=written_at)
                for band, value in enumerate(values)
            ]
        )


def _texts(comments: list[int]) -> list[tuple[int, int, str]]:
    """Return the latest text of each comment that is not withdrawn: its id, its author and the words. One query."""
    if not comments:
        return []
    rows = (
        Revision.objects.filter(comment__in=comments)
        .exclude(comment__status=Status.WITHDRAWN)
        .order_by("comment_id", "number")
        .values_list("comment_id", "comment__author_id", "text")
    )
    return list({pk: (pk, by, text) for pk, by, text in rows}.values())


def forget_fingerprints(older_than: datetime, *, batch: int = 5_000) -> int:
    """Delete fingerprints from before ``older_than``, at most ``batch`` at a time; return how many."""
    removed = 0
    while True:
        old = list(
            Fingerprint.objects.filter(created_at__lt=older_than)
            .order_by("created_at")
            .values_list("pk", flat=True)[:batch]
        )
        if not old:
            return removed
        removed += Fingerprint.objects.filter(pk__in=old).delete()[0]
