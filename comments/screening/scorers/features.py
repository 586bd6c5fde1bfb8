"""
What a scorer reads in a text: its words, pairs of words and pieces of words, each as the number of a bucket.

Standard library only, and the same numbers in every process, on every machine, for as long as :data:`SPEC` is the
same: weights belong to one spec, and another way of folding or hashing is another spec.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zlib import crc32

SPEC = "w12c35-18-1"
"""Words 1-2, characters 3-5, 18 bits, first edition of the folding."""

BITS = 18
MASK = (1 << BITS) - 1

MAX_CHARACTERS = 2_000
"""Only so much of a text is read: what follows seldom changes what it is, and no text costs more than this."""

LATIN_SHARE = 0.5

SPACED = 3
"""Single letters in a row that are one word, spaced out."""

CHUNK = re.compile(r"\S+")
LINK = re.compile(r"(?:https?://|www\.)([^\s/?#:]+)|^([\w-]+(?:\.[\w-]+)*\.(?:com|net|org|info|ru|co|tv|ly|uk)\b)")
WORD = re.compile(r"[^\W_]+(?:[*][^\W_]+|[*]+(?=[^\W_]))*|[!?]+|[\u2600-\u27bf\U0001f000-\U0001faff]")
REPEATED = re.compile(r"([^\W\d_])\1{2,}")
INSIDE = re.compile(r"(?<=[^\W\d_])[0134578@$!|+]{1,3}(?=[^\W\d_])|^\$(?=[^\W\d_])|^[01345](?=[^\W\d_]{3})")
LEET = str.maketrans("0134578@$!|+", "oieastbasiit")


class Word(NamedTuple):
    """A folded word, and where what was typed for it begins and ends in the text."""

    folded: str
    start: int
    end: int


def words(text: str) -> list[Word]:
    """Return the folded words of the first :data:`MAX_CHARACTERS` of ``text``; letters spaced out are one word."""
    found: list[Word] = []
    single = 0
    for match in CHUNK.finditer(text, 0, MAX_CHARACTERS):
        chunk = match.group()
        for folded, start, end in _chunk(chunk) if len(chunk) <= 24 else _fold(chunk):
            if len(folded) == 1 and folded.isalpha():
                single += 1
            elif single:
                _join(found, single)
                single = 0
            found.append(Word(folded, match.start() + start, match.start() + end))
    _join(found, single)
    return found


def folded(text: str) -> list[str]:
    """Return the folded words of ``text`` as :func:`words` has them, without their places: a third of the work."""
    found = [word for chunk in text[:MAX_CHARACTERS].split() for word in _folded(chunk)]
    single = 0
    for word in found:
        single = single + 1 if len(word) == 1 and word.isalpha() else 0
        if single == SPACED:
            return [one.folded for one in words(text)]
    return found


def _folded(chunk: str) -> tuple[str, ...]:
    return _words_of(chunk) if len(chunk) <= 24 else tuple(word for word, _start, _end in _fold(chunk))


@lru_cache(maxsize=16_384)
def _words_of(chunk: str) -> tuple[str, ...]:
    return tuple(word for word, _start, _end in _chunk(chunk))


def _join(found: list[Word], single: int) -> None:
    if single >= SPACED:
        apart = found[-single:]
        joined = REPEATED.sub(r"\1", "".join(word.folded for word in apart))
        found[-single:] = [Word(joined, apart[0].start, apart[-1].end)]


@lru_cache(maxsize=16_384)
def _chunk(chunk: str) -> tuple[tuple[str, int, int], ...]:
    return tuple(_fold(chunk))


def _fold(chunk: str) -> Iterator[tuple[str, int, int]]:
    """Yield the words of what stands between two spaces, each with its place there."""
    folded = chunk.casefold() if chunk.isascii() else _plain(chunk)[: 2 * len(chunk) + 8]
    if link := LINK.search(folded):
        yield "http", 0, len(chunk)
        yield (link[1] or link[2])[:60], 0, len(chunk)
        return
    folded = INSIDE.sub(lambda match: match.group().translate(LEET), folded.replace("'", ""))
    folded = REPEATED.sub(r"\1", folded)
    several = [match.group() for match in WORD.finditer(folded)]
    start, end = _trimmed(chunk)
    for word in several:
        yield (word[:2] if word[0] in "!?" else word), start, end


def _plain(chunk: str) -> str:
    """Return ``chunk`` without invisible characters, accents, width and case."""
    seen = "".join(c for c in chunk if unicodedata.category(c) != "Cf")
    parts = unicodedata.normalize("NFKD", seen).replace("\u2019", "'").casefold()
    return "".join(c for c in parts if unicodedata.category(c) != "Mn")


def _trimmed(chunk: str) -> tuple[int, int]:
    """Return where the letters and figures of ``chunk`` begin and end."""
    start, end = 0, len(chunk)
    while start < end and not chunk[start].isalnum():
        start += 1
    while end > start and not chunk[end - 1].isalnum():
        end -= 1
    return (start, end) if start < end else (0, len(chunk))


def fold(text: str) -> str:
    """Return ``text`` as it is read: folded words, one space between them."""
    return " ".join(word.folded for word in words(text))


def buckets(text: str) -> list[int]:
    """Return the distinct buckets of ``text``, sorted. Each counts ``1 / sqrt(len(buckets))``."""
    return of_words(folded(text))


def of_words(read: Iterable[str]) -> list[int]:
    """Return the distinct buckets of folded words that were read already, sorted."""
    known = [_word(word) if len(word) <= 24 else _hashed(word) for word in read]
    found = set().union(*[own for _seed, _typed, own in known])
    # Of pairs: the checksum goes on where the first word's ended.
    found.update([crc32(typed, seed) & MASK for (seed, _before, _its), (_own, typed, _they) in pairwise(known)])
    return sorted(found)


@lru_cache(maxsize=16_384)
def _word(folded: str) -> tuple[int, bytes, tuple[int, ...]]:
    return _hashed(folded)


def _hashed(folded: str) -> tuple[int, bytes, tuple[int, ...]]:
    """Return the seed of pairs that begin with this word, its bytes, and the buckets of the word and its pieces."""
    typed = folded.encode("utf-8", "surrogatepass")
    whole = crc32(b" %b " % typed)
    marked = f"<{folded}>"
    length = len(marked)
    pieces = {
        crc32(marked[i : i + n].encode("utf-8", "surrogatepass")) & MASK
        for n in (3, 4, 5)
        for i in range(length - n + 1)
    }
    return whole or 1, typed, (whole & MASK, *pieces)


def is_latin(text: str) -> bool:
    """Say whether at least half of the letters of ``text`` are Latin; a text without letters counts as Latin."""
    if text.isascii():
        return True
    letters = [character for character in text[:MAX_CHARACTERS] if character.isalpha()]
    latin = sum(
        character < "\u0250" or "\u1e00" <= character <= "\u1eff" or "\uff21" <= character <= "\uff5a"
        for character in letters
    )
    return latin >= LATIN_SHARE * len(letters)
