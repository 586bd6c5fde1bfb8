"""
Find an editor's phrases in a text, however they are disguised, and say which characters, as typed, they are.

A text is *read* once or twice: as it stands, and, where it has characters that pass for others, in Latin letters with
signs inside words taken for letters. A reading is a row of letters; between two of them there may be a gap. Its
*skeleton* (one sign for every family of look-alikes, doubled letters once, gaps left out) goes through an Aho-Corasick
automaton of the phrases' skeletons. What that finds is only a suspicion: each one is then read letter by letter against
the phrase, where word boundaries, the number of repeated letters and the kind of the gaps count. Both steps are linear
in the text, and the second has a budget.

What counts as the same:

- Text turned round by a direction mark, as it is seen.
- Case, accents, width, hiragana and katakana, styled and enclosed letters, and characters that look alike.
- Digits and signs for letters (``1d!0t``) in a word with at least two letters beside digits, or one beside signs.
- Letters set apart one by one (``i d i o t``, ``i.d.i.o.t``), and words broken by one sign (``sh.it``). With fewer than
  five letters nothing may be spelled out right before or after: ``c l a s s`` has no ``ass`` in it.
- A letter written three times or more stands for one, two or more; written twice, only for two: ``goood`` is ``good``
  and ``god``, ``good`` is not ``god``.

What bounds a word: anything but letters and digits, and so apostrophes, hyphens and underscores too. Where a phrase of
four letters or more ends in a letter, a digit does not go on with the word (``idiot2``), else it does. Chinese,
Japanese, Thai, Lao, Khmer, Burmese and Tibetan letters need no boundary. A Korean phrase begins where a word begins; a
particle or a form of the copula may follow, but no other syllable; a phrase of one syllable stands alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from threading import Thread
from typing import Any, NamedTuple

import ahocorasick
from django.db.models import Count, Max
from django.utils import timezone

from comments import thresholds
from comments.models import Phrase

MOST_SPANS = 20
"""Places reported for one phrase."""
MOST_STEPS = 20_000
"""Letters compared for one text: a few hundred times what an ordinary comment takes."""
MOST_SUSPICIONS = 40_000
"""Skeletons looked at for one text."""
SAME_LETTER = 8
"""Repetitions of a letter that are told apart; more are taken for so many."""

# --- Characters -------------------------------------------------------------------------------------------------------

SKIP, LETTERS, GAP, LIGHT, SIGN = range(5)
"""What a character is in a text: not there, one or more letters, a gap, a sign that may break a word, or either."""

READINGS = {
    "0": "o",
    "1": "il",
    "3": "e",
    "4": "a",
    "5": "s",
    "7": "t",
    "8": "b",
    "9": "g",
    "|": "il",
    "!": "i",
    "¡": "i",
    "@": "a",
    "$": "s",
    "€": "e",
    "¢": "c",
}
"""Letters that a digit or sign may stand for."""
SIGNS = frozenset(READINGS) - frozenset("0123456789")
BEFORE_LETTERS = frozenset("!¡|")
"""Signs that end sentences or stand between words, too: letters only where a letter follows."""
LIGHT_SIGNS = frozenset(".-_*'’·~^+=|‐‑•")  # noqa: RUF001 (as people type them)
_family = {sign: {"l": "i"}.get(letters[0], letters[0]) for sign, letters in READINGS.items()} | {"l": "i"}
_blank = frozenset("\u115f\u1160\u3164\uffa0\u2800\u17b4\u17b5\u034f")
_dropped = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\U000e0100-\U000e01ef]"
)
"""Marks that are decoration in their scripts. Vowel signs of Indic scripts, Thai and kana marks are none."""
_named = re.compile(
    r"(?:MODIFIER LETTER |LATIN )?(?:LATIN )?(?:SMALL |CAPITAL )?LETTER (?:SMALL CAPITAL |SMALL )?"
    r"(?:TURNED |REVERSED |INVERTED |DOTLESS |LONG |SIDEWAYS )?([A-Z]|AE|OE)(?: WITH [A-Z ]+)?"
)
_unspaced = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uaa60-\uaa7f\uf900-\ufaff\U00020000-\U000323af]"
)
_hangul = re.compile("[\u1100-\u11ff\u3131-\u318e\ua960-\ua97c\uac00-\ud7fb]")
_inner_jamo = re.compile("[\u1160-\u11ff\ud7b0-\ud7fb]")
_particles = re.compile(
    r"(?:들|님)?(?:은|는|이|가|을|를|의|도|만|에|에서|에게|에게서|께|께서|한테|로|으로|와|과|랑|이랑|하고|야|아|여|이여|나|이나|"
    r"까지|부터|마다|조차|마저|밖에|처럼|보다|같이|같은|라고|이라고|라는|이라는|이다|다|입니다|이야|이네|네|이냐|냐|인|이지|지|요|이요|"
    r"이에요|예요|였다|이었다)?(?:요|도|만|은|는)?"
)


def _latin(character: str) -> str:
    """Return the letters of a Latin character that does not decompose (ł, ø, ʟ, ɐ), else the character."""
    match = _named.fullmatch(unicodedata.name(character, "")) if character > "\x7f" else None
    return match[1].lower() if match else character


def _native(character: str) -> str:
    """Return the letters of ``character`` in its own script: case, accents, width and kana folded."""
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    return "".join(
        chr(ord(part) - 0x60) if "\u30a1" <= part <= "\u30f6" else _latin(part)
        for part in parts
        if not _dropped.match(part)
    )


@lru_cache(maxsize=1)
def _look_alikes() -> dict[str, str]:
    """Return the Latin letters that other characters pass for: reduced, once, from Unicode's table of confusables."""
    # Read at the first use: the package opens two files when it is imported.
    from confusable_homoglyphs.confusables import confusables_data

    found = {}
    for character, others in confusables_data.items():
        if len(character) == 1 and character > "\x7f":
            for other in others:
                letters = "".join(
                    part for part in unicodedata.normalize("NFKD", other["c"]) if not unicodedata.combining(part)
                ).casefold()
                if letters.isascii() and letters.isalpha() and len(letters) < 4:
                    # What looks like an l looks like a capital I.
                    found[character] = "|" if letters == "l" else letters
                    break
    # Enclosed letters have no decomposition in Unicode: 🅐 and 🅰, and the letters that flags are made of.
    for first in (0x1F150, 0x1F170, 0x1F1E6):
        found |= {chr(first + n): chr(97 + n) for n in range(26)}
    return found


def _as_latin(character: str) -> str:
    """Return the Latin letters that ``character`` may be taken for, else the letters of its own script."""
    seen = _look_alikes()
    if character < "\x80":
        return _native(character)
    if character in seen:
        return seen[character]
    parts = []
    for part in unicodedata.normalize("NFKD", character):
        if _dropped.match(part):
            continue
        upper, lower = part.upper(), part.casefold()
        letters = seen.get(part) or seen.get(upper) or seen.get(lower)
        parts.append(letters or _native(part))
    return "".join(parts)


class _Table(dict[str, tuple[int, str]]):
    """Character → what it is and its letters; filled as characters turn up, within bounds."""

    def __init__(self, letters_of: Callable[[str], str]) -> None:
        super().__init__()
        self.letters_of = letters_of

    def __missing__(self, character: str) -> tuple[int, str]:
        if len(self) > 30_000:
            self.clear()
        found = self[character] = self._judged(character)
        return found

    def _judged(self, character: str) -> tuple[int, str]:
        if "\u4e00" <= character <= "\u9fff":
            # Nothing to fold, and so many of them that looking each one up would take its time.
            return LETTERS, character
        category = unicodedata.category(character)
        if character in _blank or category in ("Cf", "Cs") or (category == "Cc" and not character.isspace()):
            return SKIP, ""
        if _dropped.match(character):
            return SKIP, ""
        if character in SIGNS:
            return SIGN, ""
        if category == "Cn":
            return GAP, ""
        letters = "".join(
            part for part in self.letters_of(character) if part == "|" or part.isalnum() or _is_mark(part)
        )
        if letters:
            return LETTERS, letters
        return (LIGHT if character in LIGHT_SIGNS else GAP), ""


def _is_mark(character: str) -> bool:
    return character > "\u02ff" and unicodedata.category(character)[0] == "M"


_tables = (_Table(_native), _Table(_as_latin))

# --- Readings ---------------------------------------------------------------------------------------------------------


class Reading(NamedTuple):
    """
    The letters of a text and, for each, its first and last offset in the text and the gap before it.

    Gaps: 0 none, 1 one sign that may break a word, 2 another one, 3 several, a line end, or an end of the text.
    """

    letters: list[str]
    starts: list[int]
    ends: list[int]
    gaps: list[int]

    @property
    def folded(self) -> str:
        """The letters, with one space for every gap."""
        spaced = (f" {one}" if gap else one for one, gap in zip(self.letters, self.gaps, strict=True))
        return "".join(spaced).lstrip().replace("|", "i")


def read(text: str, *, latin: bool = False) -> Reading:
    """Return the letters of ``text``; with ``latin``, look-alikes as Latin and signs inside words as letters."""
    table = _tables[latin]
    letters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    gaps: list[int] = []
    gap, same, length = 3, 0, len(text)
    for offset, character in enumerate(text):
        kind, folded = table[character]
        if kind == LETTERS:
            if character == "I" and offset and text[offset - 1].islower():
                # A capital I inside a word in small letters is an l as often as an i.
                folded = "|"
        elif kind == SKIP:
            continue
        elif kind == SIGN and latin and _stands_for_a_letter(text, offset, length, gap, table):
            folded = character
        else:
            light = kind == LIGHT or character in LIGHT_SIGNS
            gap = 3 if gap or character == "\n" else 1 if light else 2
            continue
        for letter in folded:
            if not gap and letters[-1] == letter:
                same += 1
                if same >= SAME_LETTER:
                    ends[-1] = offset + 1
                    continue
            else:
                same = 1
            letters.append(letter)
            starts.append(offset)
            ends.append(offset + 1)
            gaps.append(gap)
            gap = 0
    return Reading(letters, starts, ends, gaps)


def _stands_for_a_letter(text: str, offset: int, length: int, gap: int, table: _Table) -> bool:
    following = text[offset + 1] if offset + 1 < length else " "
    if table[following][0] == LETTERS or (following in SIGNS and following not in BEFORE_LETTERS):
        return True
    return gap == 0 and text[offset] not in BEFORE_LETTERS


def fold(text: str) -> str:
    """Return ``text`` as phrases are compared: its letters, folded, with one space for every gap."""
    return read(text).folded


def looks(text: str) -> str:
    """Return what ``text`` looks like at a glance: two that are told apart only by looking twice give the same."""
    return _skeleton(read(text, latin=True).letters)


# --- Phrases ----------------------------------------------------------------------------------------------------------

WILD = "*"
_simple = re.compile(r"[A-Za-z ]*[A-Za-z][A-Za-z ]*")
ANY, MAYBE, MUST = range(3)
"""The gap before a letter of a phrase: as in one word, allowed (a hyphen), or needed (a space)."""


class BadPhrase(ValueError):
    """A phrase that would match nothing, or nearly everything; ``code`` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Pattern:
    """One reading of a phrase: letters with their number and the gap before each; ``*`` for any within a word."""

    tokens: list[tuple[str, int, int]]
    skeleton: str
    free_start: bool
    free_end: bool
    letters: int
    """How many letters and digits it has."""
    folded: str
    script: str
    lone_syllable: bool


def _pattern(words: str, *, latin: bool) -> Pattern:
    tokens, written = _joined(_pieces(words, _tables[latin]))
    free_start, free_end = tokens[0][0] == WILD, tokens[-1][0] == WILD
    tokens = tokens[free_start : len(tokens) - free_end]
    tokens[0] = (*tokens[0][:2], ANY)
    first = next((place for place, token in enumerate(tokens) if token[0] == WILD), len(tokens))
    plain = words.isascii()
    syllables = "" if plain else [one for one in unicodedata.normalize("NFC", words) if _hangul.match(one)]
    return Pattern(
        tokens=tokens,
        skeleton=_skeleton(letter for letter, _count, _gap in tokens[:first]),
        free_start=free_start,
        free_end=free_end,
        letters=written,
        folded=" ".join(words.split()) if WILD in words else _spelled(tokens),
        script="latin" if plain else _script_of(words),
        lone_syllable=len(syllables) == 1 and written == len(unicodedata.normalize("NFKD", syllables[0])),
    )


def _pieces(words: str, table: _Table) -> Iterator[tuple[str, int]]:
    """Yield the letters and stars of a phrase, each with the gap before it."""
    gap, after_letter = MUST, False
    for offset, character in enumerate(words):
        following = words[offset + 1] if offset + 1 < len(words) else " "
        kind, folded = table[character]
        if kind == SKIP:
            continue
        if kind == SIGN and (
            table[following][0] == LETTERS or (after_letter and gap == ANY and character not in BEFORE_LETTERS)
        ):
            # An editor who writes a$$ means the word.
            kind, folded = LETTERS, READINGS[character][0]
        if character == WILD:
            yield WILD, gap
            gap = ANY
        elif kind == LETTERS:
            for letter in folded:
                yield letter, gap
                gap = ANY
            after_letter = True
        else:
            gap = max(gap, MUST if character.isspace() else MAYBE)


def _joined(pieces: Iterable[tuple[str, int]]) -> tuple[list[tuple[str, int, int]], int]:
    """Return tokens, repeated letters and stars joined, and how many letters there are."""
    tokens: list[tuple[str, int, int]] = []
    written = 0
    for piece, gap in pieces:
        written += piece != WILD
        last, count, _gap = tokens[-1] if tokens else ("", 0, ANY)
        if gap == MUST and last and _unspaced.match(piece) and _unspaced.match(last):
            gap = MAYBE
        if piece == last and gap == ANY:
            tokens[-1] = (piece, min(SAME_LETTER, count + 1), tokens[-1][2])
        else:
            tokens.append((piece, 1, gap))
    return tokens, written


def _spelled(tokens: Sequence[tuple[str, int, int]]) -> str:
    return unicodedata.normalize("NFC", "".join((" " if gap else "") + one * count for one, count, gap in tokens))


def _skeleton(letters: Iterable[str]) -> str:
    found = ""
    for letter in letters:
        family = _family.get(letter, letter)
        if not found or found[-1] != family:
            found += family
    return found


def check(words: str) -> None:
    """Raise :class:`BadPhrase` where ``words`` would match nothing, or nearly everything."""
    if _simple.fullmatch(words):
        return
    folded = fold(words.replace(WILD, ""))
    if not folded.replace(" ", ""):
        raise BadPhrase("only_stars" if WILD in words else "no_letters")
    for word in words.split():
        if WILD not in word:
            continue
        letters = fold(word.replace(WILD, "")).replace(" ", "")
        if not letters:
            raise BadPhrase("lone_star")
        dense = bool(_unspaced.match(letters[0]) or _hangul.match(letters[0]))
        both = word.startswith(WILD) and word.endswith(WILD)
        if not dense and len(letters) < (3 if both else 2):
            raise BadPhrase("too_wide")


# --- Matching ---------------------------------------------------------------------------------------------------------


class Listed(NamedTuple):
    """A phrase as it stands on its list."""

    pk: int
    phrase: str
    kind: str
    language: str = ""
    expires_at: datetime | None = None


@dataclass(slots=True)
class Hit:
    """A phrase found: where, and how it was disguised at each place."""

    listed: Listed
    spans: list[tuple[int, int]] = field(default_factory=list)
    folded: list[str] = field(default_factory=list)
    """What each place reads as."""
    how: list[tuple[str, ...]] = field(default_factory=list)
    """``as_written``, ``case``, or some of ``wildcard ending signs apart stretched invisible folded``."""


@dataclass(slots=True)
class Found:
    hits: list[Hit]
    complete: bool = True
    """False: the text was too dense to be compared with every phrase."""


class Matcher:
    """Phrases made ready. Reads a text of 300 characters against 10,000 phrases in well under a millisecond."""

    def __init__(self, phrases: Iterable[Listed]) -> None:
        self.listed: list[Listed] = []
        self.patterns: list[Pattern] = []
        self.phrase_of: list[int] = []
        """For each pattern, the place of its phrase in ``listed``."""
        by_skeleton: dict[str, list[int]] = {}
        for listed in phrases:
            number = len(self.listed)
            self.listed.append(listed)
            for pattern in _patterns(listed.phrase):
                by_skeleton.setdefault(pattern.skeleton, []).append(len(self.patterns))
                self.patterns.append(pattern)
                self.phrase_of.append(number)
        self.automaton: Any = ahocorasick.Automaton()
        for skeleton, numbers in by_skeleton.items():
            self.automaton.add_word(skeleton, (len(skeleton), tuple(numbers)))
        if by_skeleton:
            self.automaton.make_automaton()
        self.empty = not by_skeleton

    def find(self, text: str, *, at: datetime | None = None) -> Found:
        """Return every phrase in ``text``, in the order of the list; what has expired by ``at`` (now) is left out."""
        if self.empty:
            return Found([])
        search = _Search(self, text)
        search.through(read(text))
        if not search.spent and _reads_otherwise(text):
            search.through(read(text, latin=True))
        if not search.spent and BACKWARDS in text:
            search.backwards()
        now = at or timezone.now()
        hits = []
        for number in sorted(search.places):
            listed = self.listed[number]
            if listed.expires_at is None or listed.expires_at > now:
                hit = Hit(listed)
                for (start, end), (folded, how) in sorted(search.places[number].items())[:MOST_SPANS]:
                    hit.spans.append((start, end))
                    hit.folded.append(folded)
                    hit.how.append(how)
                hits.append(hit)
        return Found(hits, complete=not search.spent)


@lru_cache(maxsize=20_000)
def _patterns(phrase: str) -> tuple[Pattern, ...]:
    """Return the readings of a phrase: in its own script, and in look-alikes where that makes a difference."""
    try:
        check(phrase)
    except BadPhrase:
        return ()
    readings = [_pattern(phrase, latin=False)]
    if not phrase.isascii():
        other = replace(_pattern(phrase, latin=True), folded=readings[0].folded)
        if other.tokens != readings[0].tokens:
            readings.append(other)
    return tuple(pattern for pattern in readings if pattern.skeleton)


def _reads_otherwise(text: str) -> bool:
    if not text.isascii():
        return True
    return not SIGNS.isdisjoint(text)


State = tuple[int, int, int, bool]
"""A token, how often its letter was read, how the word is written, and whether a word before was set apart."""
UNKNOWN, JOINED, APART, BROKEN = range(4)


BACKWARDS = "\u202e"
_turned = re.compile("\u202e[^\u202c\n]*|[^\u202e]+")


class _Search:
    """One text on its way through one matcher."""

    __slots__ = ("left", "matcher", "places", "reading", "shares", "spent", "suspicions", "text")

    def __init__(self, matcher: Matcher, text: str) -> None:
        self.matcher = matcher
        self.text = text
        self.places: dict[int, dict[tuple[int, int], tuple[str, tuple[str, ...]]]] = {}
        self.left = MOST_STEPS
        self.suspicions = MOST_SUSPICIONS
        self.spent = False
        self.shares: dict[str, float] | None = None
        self.reading = Reading([], [], [], [])

    def backwards(self) -> None:
        """Read what is turned round by a direction mark as it is seen: ``toidi`` behind one is shown as ``idiot``."""
        order: list[int] = []
        for piece in _turned.finditer(self.text):
            offsets = range(*piece.span())
            order += reversed(offsets) if piece[0][0] == BACKWARDS else offsets
        seen = _Search(self.matcher, "".join(self.text[offset] for offset in order))
        seen.left, seen.suspicions = self.left, self.suspicions
        seen.through(read(seen.text, latin=True))
        self.spent = seen.spent
        for phrase, places in seen.places.items():
            for (start, end), told in places.items():
                span = min(order[start:end]), max(order[start:end]) + 1
                self.places.setdefault(phrase, {}).setdefault(span, told)

    def through(self, reading: Reading) -> None:
        letters, gaps = reading.letters, reading.gaps
        if not letters:
            return
        self.reading = reading
        # Runs of one family: the first letter of each, and whether a word may begin or end in it.
        firsts: list[int] = []
        opens: list[bool] = []
        closes: list[bool] = []
        families: list[str] = []
        previous = ""
        for place, letter in enumerate(letters):
            family = _family.get(letter, letter)
            edge = gaps[place] > 0 or self._edge(place)
            if edge and closes:
                closes[-1] = True
            if family != previous:
                families.append(family)
                firsts.append(place)
                opens.append(edge)
                closes.append(False)
                previous = family
            elif edge:
                opens[-1] = True
        closes[-1] = True
        firsts.append(len(letters))
        patterns = self.matcher.patterns
        tried: set[tuple[int, int]] = set()
        for end, (length, numbers) in self.matcher.automaton.iter("".join(families)):
            first = end - length + 1
            may_open, may_close = opens[first], closes[end]
            self.suspicions -= len(numbers)
            if self.suspicions < 0:
                self.spent = True
                return
            for number in numbers:
                pattern = patterns[number]
                if not (may_open or pattern.free_start):
                    continue
                if not (may_close or pattern.free_end or pattern.tokens[-1][0] == WILD or len(pattern.tokens) > length):
                    continue
                self._verify(number, firsts[first], firsts[first + 1], tried)
                if self.left < 0:
                    self.spent = True
                    return

    def _edge(self, place: int) -> bool:
        """Say whether two letters without a gap between them may still belong to two words."""
        if not place:
            return True
        letter, before = self.reading.letters[place], self.reading.letters[place - 1]
        if letter < "\x80" and before < "\x80":
            return letter.isdigit() != before.isdigit()
        return bool(
            _unspaced.match(letter)
            or _unspaced.match(before)
            or _hangul.match(letter)
            or _hangul.match(before)
            or letter.isdigit() != before.isdigit()
        )

    def _verify(self, number: int, first: int, after: int, tried: set[tuple[int, int]]) -> None:
        """Read a pattern from the places in a run where it may begin: the last ones, and the first."""
        pattern, phrase = self.matcher.patterns[number], self.matcher.phrase_of[number]
        self.left -= 3
        if len(self.places.get(phrase, ())) >= MOST_SPANS:
            return
        begins: list[int] = []
        for place in range(after - 1, max(first, after - 100) - 1, -1):
            self.left -= 1
            if self._opens(pattern, place):
                begins.append(place)
                if len(begins) == 4:
                    break
        if self._opens(pattern, first):
            begins.append(first)
        for place in dict.fromkeys(begins):
            if (number, place) in tried:
                continue
            tried.add((number, place))
            found = self._compare(pattern, place)
            if found is not None:
                self._keep(pattern, phrase, place, *found)

    def _opens(self, pattern: Pattern, place: int) -> bool:
        reading = self.reading
        if reading.gaps[place]:
            return True
        if reading.starts[place] == reading.starts[place - 1]:
            return False
        letter, before = reading.letters[place], reading.letters[place - 1]
        if _is_mark(letter) or _inner_jamo.match(letter):
            return False
        if pattern.free_start or _unspaced.match(letter) or _unspaced.match(before):
            return True
        if bool(_hangul.match(letter)) != bool(_hangul.match(before)):
            return True
        return pattern.letters >= 4 and letter.isdigit() != before.isdigit() and before.isdigit()

    def _closes(self, pattern: Pattern, place: int) -> bool:
        """Say whether a match may end with the letter at ``place``."""
        reading, following = self.reading, place + 1
        if following == len(reading.letters) or reading.gaps[following]:
            return True
        if reading.starts[following] == reading.starts[place]:
            return False
        letter, after = reading.letters[place], reading.letters[following]
        if _is_mark(after) or _inner_jamo.match(after):
            return False
        if pattern.free_end or _unspaced.match(letter) or _unspaced.match(after):
            return True
        if _hangul.match(letter):
            return not _hangul.match(after) or (
                not pattern.lone_syllable and self._only_a_particle(reading.ends[place])
            )
        if _hangul.match(after):
            return True
        return pattern.letters >= 4 and after.isdigit() and not letter.isdigit()

    def _only_a_particle(self, offset: int) -> bool:
        rest = unicodedata.normalize("NFC", self.text[offset : offset + 24])
        syllables = re.match(_hangul.pattern + "*", rest)
        return bool(syllables and len(syllables[0]) < 8 and _particles.fullmatch(syllables[0]))

    def _spelled_out(self, place: int) -> bool:
        """Say whether the letter at ``place`` stands by itself."""
        gaps = self.reading.gaps
        return bool(gaps[place]) and (place + 1 == len(gaps) or bool(gaps[place + 1]))

    def _set_apart(self, pattern: Pattern, first: int, last: int) -> bool:
        """Say whether letters set apart are a word of their own, and not a part of one that is spelled out."""
        gaps, length = self.reading.gaps, len(self.reading.gaps)
        if pattern.letters >= 2 and _unspaced.match(self.reading.letters[first]):
            # Where words need no gap around them, one inside a word is there on purpose.
            return True
        if pattern.letters < 3:
            return False
        if pattern.letters >= 5:
            return True
        before = gaps[first] == 3 or (gaps[first] == 2 and not self._spelled_out(first - 1))
        after = last + 1 == length or gaps[last + 1] == 3 or (gaps[last + 1] == 2 and not self._spelled_out(last + 1))
        return before and after

    def _compare(self, pattern: Pattern, first: int) -> tuple[int, bool] | None:
        """Return the last letter of ``pattern`` read from ``first`` on, and whether it is set apart; linear."""
        letters, gaps = self.reading.letters, self.reading.gaps
        tokens, final = pattern.tokens, len(pattern.tokens) - 1
        if not _reads_as(tokens[0][0], letters[first]):
            return None
        states: set[State] = {(0, 1, UNKNOWN, False)}
        best: tuple[int, bool] | None = None
        place, length = first, len(letters)
        while states:
            self.left -= len(states)
            for token, count, way, loose in states:
                if token != final or not _enough(count, tokens[token][1]):
                    continue
                apart = loose or way in (APART, BROKEN)
                if self._closes(pattern, place) and (not apart or self._set_apart(pattern, first, place)):
                    best = (place, apart)
            place += 1
            if place == length or self.left < 0:
                break
            states = _next(states, tokens, letters[place], gaps[place])
        return best

    def _keep(self, pattern: Pattern, phrase: int, first: int, last: int, apart: bool) -> None:
        self.left -= 20
        reading = self.reading
        letters = reading.letters[first : last + 1]
        if not _read_with_letters(pattern, letters, reading.gaps[first : last + 1], apart):
            return
        if pattern.free_start:
            begin = first
            while begin and not reading.gaps[begin] and first - begin < 60:
                begin -= 1
            first = begin
        if pattern.free_end:
            stop = last
            while stop + 1 < len(reading.letters) and not reading.gaps[stop + 1] and stop - last < 60:
                stop += 1
            last = stop
        start, end = reading.starts[first], reading.ends[last]
        # Marks on the last letter belong to it.
        while end < len(self.text) and _dropped.match(self.text[end]):
            end += 1
        typed = self.text[start:end]
        self.left -= len(typed) // 2
        if self._in_another_script(pattern, typed):
            return
        places = self.places.setdefault(phrase, {})
        for other in [one for one in places if one[0] == start]:
            if other[1] >= end:
                return
            del places[other]
        wild = pattern.free_start or pattern.free_end or any(token[0] == WILD for token in pattern.tokens)
        if wild:
            folded = "".join(
                (" " if gap and n else "") + READINGS.get(one, one)[0]
                for n, (one, gap) in enumerate(
                    zip(reading.letters[first : last + 1], reading.gaps[first : last + 1], strict=True)
                )
            )
        else:
            folded = pattern.folded
        listed = self.matcher.listed[phrase]
        ending = bool(_hangul.match(reading.letters[last])) and not self._ends_here(last)
        how = _disguise(listed.phrase, pattern, typed, letters, apart=apart, wild=wild, ending=ending)
        places[start, end] = (unicodedata.normalize("NFC", folded), how)

    def _ends_here(self, place: int) -> bool:
        gaps = self.reading.gaps
        return place + 1 == len(gaps) or bool(gaps[place + 1])

    def _in_another_script(self, pattern: Pattern, typed: str) -> bool:
        """Say whether ``typed`` only looks like the phrase because the text is in another script altogether."""
        if not pattern.script:
            return False
        scripts = {_script(one) for one in typed} - {""}
        if not scripts or pattern.script in scripts:
            return False
        if self.shares is None:
            found = [_script(one) for one in self.text[:4000] if one.isalpha()]
            self.shares = {one: found.count(one) / len(found) for one in ("latin", "greek", "cyrillic")}
        return max(self.shares.get(one, 0) for one in scripts) > 0.5


def _next(states: set[State], tokens: list[tuple[str, int, int]], letter: str, gap: int) -> set[State]:
    found: set[State] = set()
    final = len(tokens) - 1
    for token, count, way, loose in states:
        mine, wanted, _gap = tokens[token]
        if mine == WILD:
            if gap == 0:
                found.add((token, 1, way, loose))
            if token < final and _reads_as(tokens[token + 1][0], letter) and _leads(tokens[token + 1][2], gap):
                found.add((token + 1, 1, UNKNOWN if tokens[token + 1][2] else way, loose))
            continue
        if _reads_as(mine, letter):
            again = min(count + 1, SAME_LETTER + 1)
            if gap < 2:
                found.add((token, again, BROKEN if gap and way == JOINED else way, loose))
            elif way in (UNKNOWN, APART):
                found.add((token, again, APART, loose))
        if token == final or not _enough(count, wanted):
            continue
        following, _count, needed = tokens[token + 1]
        if following == WILD:
            if way != APART and _leads(needed, gap, inside=False):
                found.add((token + 1, 1, JOINED, loose))
            # A star may stand for nothing.
            beyond, _count, again = tokens[token + 2]
            if way != APART and _reads_as(beyond, letter) and _leads(max(needed, again), gap):
                found.add((token + 2, 1, UNKNOWN if needed or again else JOINED, loose))
        elif not _reads_as(following, letter):
            continue
        elif needed:
            if _leads(needed, gap):
                found.add((token + 1, 1, UNKNOWN, loose or way in (APART, BROKEN)))
        elif gap == 0:
            if way != APART:
                found.add((token + 1, 1, BROKEN if way == BROKEN else JOINED, loose))
        elif gap == 1:
            if way in (APART, UNKNOWN):
                found.add((token + 1, 1, APART, loose))
            if way != APART:
                found.add((token + 1, 1, BROKEN, loose))
        elif way in (UNKNOWN, APART):
            found.add((token + 1, 1, APART, loose))
    return found


def _leads(needed: int, gap: int, *, inside: bool = True) -> bool:
    """Say whether a gap in a text is one that a phrase has there. ``inside``: a sign may break the word."""
    if needed == MUST:
        return gap > 0
    return needed == MAYBE or gap == 0 or (inside and gap == 1)


def _reads_as(letter: str, typed: str) -> bool:
    return letter == typed or letter in READINGS.get(typed, "")


def _enough(count: int, wanted: int) -> bool:
    """Say whether a letter written ``count`` times stands for ``wanted``: exactly, or stretched to three or more."""
    return count == wanted or (count >= 3 and count > wanted)


def _read_with_letters(pattern: Pattern, letters: Sequence[str], gaps: Sequence[int], apart: bool) -> bool:
    """Say whether there are enough real letters beside the digits and signs that were read as letters."""
    if not any(one in READINGS for one in letters):
        return True
    real = digits = signs = 0
    literal = {token[0] for token in pattern.tokens}
    for number, (one, gap) in enumerate(zip(letters, gaps, strict=True)):
        if gap and number and not apart:
            if (digits and real < 2) or (signs and real < 1):
                return False
            real = digits = signs = 0
        if one in literal or one not in READINGS or one == "|":
            real += 1
        elif one.isdigit():
            digits += 1
        else:
            signs += 1
    return not ((digits and real < 2) or (signs and real < 1))


def _disguise(
    phrase: str, pattern: Pattern, typed: str, letters: Sequence[str], *, apart: bool, wild: bool, ending: bool
) -> tuple[str, ...]:
    """Return how ``typed`` differs from ``phrase``."""
    if typed == phrase:
        return ("as_written",)
    found = []
    if wild:
        found.append("wildcard")
    if ending:
        found.append("ending")
    literal = {token[0] for token in pattern.tokens}
    if any(one in READINGS and one not in literal for one in letters):
        found.append("signs")
    if apart:
        found.append("apart")
    if len(letters) > pattern.letters and not wild:
        found.append("stretched")
    if any(_tables[0][one][0] == SKIP and not _dropped.match(one) for one in typed):
        found.append("invisible")
    if any(one > "\x7f" and one not in SIGNS and one.casefold() not in phrase.casefold() for one in typed):
        found.append("folded")
    if not found:
        found.append("case")
    return tuple(found)


def _script(character: str) -> str:
    if character < "\u0250":
        return "latin" if character.isalpha() else ""
    if "\u0370" <= character <= "\u03ff" or "\u1f00" <= character <= "\u1fff":
        return "greek"
    if "\u0400" <= character <= "\u052f":
        return "cyrillic"
    return "latin" if "\u1e00" <= character <= "\u1eff" else ""


def _script_of(letters: str) -> str:
    """Return the one script that all of ``letters`` are in; "" for several, or for another one."""
    scripts = {_script(one) for one in letters if one.isalpha()}
    return scripts.pop() if len(scripts) == 1 else ""


# --- What is in force -------------------------------------------------------------------------------------------------

_kept: tuple[object, object, Matcher] | None = None


def in_force() -> Matcher:
    """Return the phrases as of the policy in force, made ready once for every change of them."""
    global _kept
    policy = thresholds.in_force()
    if _kept is not None and _kept[0] is policy:
        return _kept[2]
    stamp = Phrase.objects.aggregate(Count("pk"), Max("changed_at"), Max("pk"))
    if _kept is None or _kept[1] != stamp:
        rows = Phrase.objects.order_by("pk").values_list("pk", "phrase", "kind", "language", "expires_at")
        matcher = _made([Listed(*row) for row in rows])
    else:
        matcher = _kept[2]
    _kept = (policy, stamp, matcher)
    return matcher


def _made(phrases: list[Listed]) -> Matcher:
    """Make a matcher, in a thread of its own: what a rule may take of its thread's time is about the text."""
    made: list[Matcher] = []
    thread = Thread(target=lambda: made.append(Matcher(phrases)), name="phrases")
    thread.start()
    thread.join()
    return made[0]
