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
from collections.abc import Collection, Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple
from zlib import crc32

from django.db import connection, transaction

from comments import documents
from comments.models import Comment, Fingerprint, Revision, Status
from comments.screening.rules.author import asks_ahead
from comments.screening.verdicts import Candidate, Draft

SHINGLE = 5
LETTERS = 60
"""Shorter texts are alike by chance ("I agree with you"): they are no campaign, and one's own have to be the same."""

FEW = 1_000
"""Characters of a text whose shingles are kept for a moment: texts that are alike are compared with the same ones."""

BANDS, ROWS = 16, 3
"""Two texts that share half of their shingles have a band in common 7 times of 8; with a fiftieth, 1 time of 8,000."""

ALIKE = 0.5
"""Share of all shingles of two texts that both have, from which they are alike."""

CONTAINED = 0.8
"""Share of the shorter text's shingles that the longer one has: passed on with a sentence of one's own."""

MOST_COMPARED = 20
MOST_SHARED = 100_000
"""Bands that many texts may share with others for these to be looked for at once."""
OWN_COMPARED = 20
SHORT = 20
"""Characters of a very short text, which ``SHORT_REPEATS`` is about."""

_QUOTED = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
_DOUBLED = re.compile(r"(.)\1+", re.DOTALL)


@lru_cache(maxsize=256)
def squeezed(text: str) -> str:
    """Return the letters and figures of ``text``, folded. Quotes, signs, spaces and doubled letters do not count."""
    folded = unicodedata.normalize("NFKD", _QUOTED.sub("", text)).casefold()
    # Figures stay as they are: two scores are two scores.
    return _DOUBLED.sub(lambda run: run[1] if run[1].isalpha() else run[0], "".join(filter(str.isalnum, folded)))


def shingles(words: str) -> frozenset[str]:
    """Return every piece of five characters of squeezed ``words``."""
    return frozenset([words[start : start + SHINGLE] for start in range(len(words) - SHINGLE + 1)])


def pieces_of(text: str) -> frozenset[str]:
    """Return every piece of what ``text`` says: see :func:`shingles`."""
    return _pieces_of_few(text) if len(text) <= FEW else _pieces(text)


def _pieces(text: str) -> frozenset[str]:
    return shingles(squeezed(text))


_pieces_of_few = lru_cache(maxsize=256)(_pieces)


def alike(one: frozenset[str], other: frozenset[str]) -> bool:
    both = len(one & other)
    return both >= ALIKE * (len(one) + len(other) - both) or both >= CONTAINED * max(1, min(len(one), len(other)))


def fingerprint(pieces: frozenset[str]) -> list[int]:
    """Return the number of each band, 63 bits; ``[]`` for nothing."""
    count = BANDS * ROWS
    least: list[int | None] = [None] * count
    # Letters and figures: no half of a character is among them.
    for number in map(crc32, map(str.encode, pieces)):
        # The odd constant (2^64 / golden ratio) spreads what CRC leaves close together.
        mixed = number * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
        place, value = mixed % count, mixed >> 8
        seen = least[place]
        if seen is None or value < seen:
            least[place] = value
    if not pieces:
        return []
    full = [0] * count
    carried = next(value for value in least if value is not None)
    steps = least.index(carried)
    for place in reversed(range(count)):
        own = least[place]
        if own is None:
            steps += 1
        else:
            carried, steps = own, 0
        full[place] = carried + steps
    return [
        int.from_bytes(
            blake2b(struct.pack(f"<B{ROWS}Q", band, *full[band * ROWS : (band + 1) * ROWS]), digest_size=8).digest()
        )
        >> 1
        for band in range(BANDS)
    ]


def hold_own_repeat(candidate: Candidate) -> Iterator[Draft]:
    """
    Hold a person's own short words again within ``REPEAT_HOURS``, the same but for signs, spaces and doubled letters.

    Of very short ones ("well said") ``SHORT_REPEATS`` pass. Texts of ``LETTERS`` letters are left to ``hold_campaign``.
    Says nothing where ``hold_repeat`` already has.
    """
    hours, author, words = candidate.settings.repeat_hours, candidate.author, squeezed(candidate.text)
    if not hours or author is None or candidate.trusted or not 0 < len(words) < LETTERS or _is_repeat(candidate):
        return
    earlier = Revision.objects.filter(
        comment__author=author, comment__created_at__gt=candidate.at - timedelta(hours=hours)
    ).exclude(comment__status=Status.WITHDRAWN)
    if candidate.comment:
        earlier = earlier.filter(comment__lt=candidate.comment.pk)
    latest = earlier.order_by("-comment__created_at", "number").values_list("comment_id", "text")
    # The last of a comment's texts is the one that counts. A long one is none of these, whatever it says.
    texts = {pk: text for pk, text in latest[:OWN_COMPARED] if len(text) < 10 * LETTERS}
    same = [pk for pk, text in texts.items() if squeezed(text) == words]
    allowed = candidate.settings.short_repeats if len(candidate.rendered.text) < SHORT else 1
    if allowed and len(same) >= allowed:
        yield Draft("repeat", facts={"first": min(same), "own": True, "near": True, "times": len(same), "hours": hours})


def _leave_fingerprints(candidates: list[Candidate]) -> None:
    """
    Write, for ``hold_campaign``, the fingerprints of new texts, and fetch texts that share a band. Three statements.
    """
    asked: list[tuple[Candidate, list[int], datetime]] = []
    for one in candidates:
        if not one.comment or one.comment.version > 1 or not _may_be_passed_on(one):
            continue
        span = timedelta(days=one.settings.campaign_days)
        if one.comment.created_at > one.at - span:
            asked.append((one, fingerprint(pieces_of(one.text)), one.comment.created_at - span))
    if not asked:
        return
    _remember_all([(one.comment, values) for one, values, _since in asked if one.comment])
    for one, values, _since in asked:
        one.known["fingerprint"] = values
    likely = _likely_of_each([(one.comment.pk, values, since) for one, values, since in asked if one.comment])
    if likely is None:
        return
    texts = {found.comment_id: found for found in _texts({pk for those in likely for pk in those})}
    for (one, _values, _since), those in zip(asked, likely, strict=True):
        one.known["texts"] = [texts[pk] for pk in those if pk in texts]


def _may_be_passed_on(candidate: Candidate) -> bool:
    settings = candidate.settings
    asked = bool(settings.campaign_people or settings.repeat_hours) and candidate.author is not None
    return asked and not candidate.trusted and len(squeezed(candidate.text)) >= LETTERS


@asks_ahead(_leave_fingerprints)
def hold_campaign(candidate: Candidate) -> Iterator[Draft]:
    """
    Hold nearly the same text by ``CAMPAIGN_PEOPLE`` people, the author among them, within ``CAMPAIGN_DAYS``.

    And by the author alone, again within ``REPEAT_HOURS``: that is a ``repeat``. The text's own fingerprint is written
    before others are looked for: of two that are screened at once, at least one finds the other. One insert and one
    select; the texts of candidates are read where there are any.
    """
    people, hours, author = candidate.settings.campaign_people, candidate.settings.repeat_hours, candidate.author
    if author is None or not _may_be_passed_on(candidate):
        return
    pieces = pieces_of(candidate.text)
    values = candidate.known.get("fingerprint") or fingerprint(pieces)
    written_at = candidate.comment.created_at if candidate.comment else candidate.at
    span = timedelta(days=candidate.settings.campaign_days)
    if candidate.comment and written_at > candidate.at - span and "fingerprint" not in candidate.known:
        _remember(candidate.comment, values, written_at)
    texts: list[Likely] | None = candidate.known.get("texts")
    if texts is None:
        texts = _texts(_likely(values, written_at - span, candidate.comment.pk if candidate.comment else 0))
    same = [one for one in texts if alike(pieces, pieces_of(one.text))]
    wrote = {one.author_id for one in same} | {author.pk}
    if people and same and len(wrote) >= people:
        yield Draft(
            "campaign",
            facts={
                "first": min(one.comment_id for one in same),
                "comments": len(same) + 1,
                "people": len(wrote),
                "days": candidate.settings.campaign_days,
            },
        )
    own = [one for one in same if one.author_id == author.pk and one.at > written_at - timedelta(hours=hours)]
    if own and hours and not _is_repeat(candidate):
        first = min(one.comment_id for one in own)
        yield Draft("repeat", facts={"first": first, "own": True, "near": True, "times": len(own), "hours": hours})


def _is_repeat(candidate: Candidate) -> bool:
    return any(draft.code == "repeat" for draft in candidate.findings)


# Written out: put together by the ORM, the two statements cost more than all the reckoning.
_INSERT = "INSERT INTO comments_fingerprint (comment_id, band, value, created_at) VALUES " + ", ".join(
    ["(%s, %s, %s, %s)"] * BANDS
)
_INSERT_MANY = """
WITH texts (comment_id, created_at) AS ({texts}), bands (comment_id, band, value) AS (VALUES {rows})
INSERT INTO comments_fingerprint (comment_id, band, value, created_at)
SELECT texts.comment_id, bands.band, bands.value, texts.created_at FROM texts JOIN bands USING (comment_id)
"""
_SELECT = (
    f"SELECT comment_id, COUNT(*) AS bands FROM comments_fingerprint WHERE value IN ({', '.join(['%s'] * BANDS)}) "
    "AND created_at > %s AND comment_id <> %s "
    f"GROUP BY comment_id ORDER BY bands DESC, comment_id DESC LIMIT {MOST_COMPARED}"
)
_SELECT_MANY = f"""
WITH texts (place, comment_id, since) AS ({{texts}}), bands (place, value) AS (VALUES {{bands}}), shared AS (
    SELECT bands.place, fingerprint.comment_id
    FROM bands JOIN texts ON texts.place = bands.place
    JOIN comments_fingerprint AS fingerprint ON fingerprint.value = bands.value AND fingerprint.created_at > texts.since
    LEFT JOIN texts AS behind ON behind.comment_id = fingerprint.comment_id AND behind.place >= bands.place
    WHERE behind.place IS NULL LIMIT {{most}}
), likely AS (
    SELECT place, comment_id,
    ROW_NUMBER() OVER (PARTITION BY place ORDER BY COUNT(*) DESC, comment_id DESC) AS nearness
    FROM shared GROUP BY place, comment_id
)
SELECT place, comment_id, (SELECT COUNT(*) FROM shared) FROM likely
WHERE nearness <= {MOST_COMPARED} ORDER BY place, nearness
"""


def _remember(comment: Comment, values: list[int], written_at: datetime) -> None:
    """Write the fingerprint of ``comment`` down, in place of an earlier text's."""
    at = connection.ops.adapt_datetimefield_value(written_at)
    rows = [field for band, value in enumerate(values) for field in (comment.pk, band, value, at)]
    postgresql = connection.vendor == "postgresql"
    with transaction.atomic() if postgresql or comment.version > 1 else nullcontext(), connection.cursor() as db:
        if postgresql:
            # What a crash of the database takes back is screened again.
            db.execute("SET LOCAL synchronous_commit TO off")
        if comment.version > 1:
            db.execute("DELETE FROM comments_fingerprint WHERE comment_id = %s", [comment.pk])
        db.execute(_INSERT, rows)


def _remember_all(found: list[tuple[Comment, list[int]]]) -> None:
    """Write the fingerprints of new comments down. One statement."""
    stored = connection.ops.adapt_datetimefield_value
    texts, params = documents.table(
        {"comment_id": "bigint", "created_at": "timestamptz"},
        [(comment.pk, stored(comment.created_at)) for comment, _values in found],
    )
    # Whole numbers of our own, written out: to bind them takes longer than to write them.
    rows = ", ".join(
        f"({comment.pk}, {band}, {value})" for comment, values in found for band, value in enumerate(values)
    )
    with connection.cursor() as db:
        db.execute(_INSERT_MANY.format(texts=texts, rows=rows), params)


def _likely(values: list[int], since: datetime, comment_id: int) -> list[int]:
    """Return the comments since ``since`` that have most bands in common with ``values``."""
    with connection.cursor() as db:
        db.execute(_SELECT, [*values, connection.ops.adapt_datetimefield_value(since), comment_id])
        return [row[0] for row in db.fetchall()]


def _likely_of_each(asked: list[tuple[int, list[int], datetime]]) -> list[list[int]] | None:
    """
    Return, for each (comment, fingerprint, since), what :func:`_likely` would have said had it come alone: it knows of
    those before it and not of those behind it. One query; ``None`` when too many texts share too much.
    """
    stored = connection.ops.adapt_datetimefield_value
    texts, params = documents.table(
        {"place": "integer", "comment_id": "bigint", "since": "timestamptz"},
        [(place, comment_id, stored(since)) for place, (comment_id, _values, since) in enumerate(asked)],
    )
    # Whole numbers of our own, written out: to bind eight hundred takes longer than to look for them.
    bands = ", ".join(f"({place}, {value})" for place, (_pk, values, _since) in enumerate(asked) for value in values)
    with connection.cursor() as db:
        db.execute(_SELECT_MANY.format(texts=texts, bands=bands, most=MOST_SHARED + 1), params)
        rows = db.fetchall()
    if rows and rows[0][2] > MOST_SHARED:
        return None
    likely: list[list[int]] = [[] for _ in asked]
    for place, comment_id, _shared in rows:
        likely[place].append(comment_id)
    return likely


class Likely(NamedTuple):
    """A text that shares a band."""

    comment_id: int
    author_id: int
    at: datetime
    text: str


def _texts(comments: Collection[int]) -> list[Likely]:
    """Return the latest text of each comment that is not withdrawn. One query."""
    if not comments:
        return []
    rows = (
        Revision.objects.filter(comment__in=comments)
        .exclude(comment__status=Status.WITHDRAWN)
        .order_by("comment_id", "number")
        .values_list("comment_id", "comment__author_id", "comment__created_at", "text")
    )
    return list({row[0]: Likely(*row) for row in rows}.values())


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
