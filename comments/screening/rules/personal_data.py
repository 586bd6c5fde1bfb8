"""
Personal data that a reader may regret having published, or somebody else their neighbour's: it waits for an editor.

News is full of figures, so a row of digits alone is nothing: a telephone number needs the look of one or a word before
it, account and card numbers have to pass their own checksums, and an address needs a house number beside its street.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from unicodedata import category

from comments.screening.rules.text import domains, under
from comments.screening.verdicts import Candidate, Draft

Span = tuple[int, int]


def hold_personal_data(candidate: Candidate) -> Iterator[Draft]:
    """Hold telephone numbers, e-mail and street addresses, IBANs and card numbers; the newsroom's own are let pass."""
    if not candidate.settings.hold_personal_data or candidate.trusted:
        return
    found = find(candidate.text, candidate.settings.own_domains)
    if found:
        yield Draft(
            "personal_data",
            spans=tuple(sorted(span for _kind, span in found)[:20]),
            facts={"kinds": sorted({kind for kind, _span in found})},
        )


_NARROW = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
_ADDRESS = re.compile(r"https?://[^\s<>]+|www\.[^\s<>]+", re.IGNORECASE)


def find(text: str, own_domains: tuple[str, ...] = ()) -> list[tuple[str, Span]]:
    """Return each piece of personal data in ``text``: its kind and where it stands. Addresses of pages do not count."""
    # Without characters that nobody sees, and wide ones as narrow ones; each still knows where it was typed.
    places: Sequence[int] = range(len(text))
    seen = text
    if not text.isascii():
        places = [place for place, character in enumerate(text) if character.isascii() or category(character) != "Cf"]
        seen = "".join(text[place] for place in places).translate(_NARROW)
    seen = _ADDRESS.sub(lambda match: "\x00" * len(match.group()), seen)
    found: list[tuple[str, Span]] = []
    for kind, search in (
        ("email", lambda said: _emails(said, domains(own_domains))),
        ("iban", _ibans),
        ("card", _cards),
        ("phone", _phones),
        ("address", _streets),
    ):
        for start, end in search(seen):
            found.append((kind, (places[start], places[end - 1] + 1)))
            # What was taken for one thing is not taken for another.
            seen = seen[:start] + "\x00" * (end - start) + seen[end:]
    return found


# --- E-mail ----------------------------------------------------------------------------------------------------------

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}+@((?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24})(?![\w-])")


def _emails(text: str, own: frozenset[str]) -> list[Span]:
    return [m.span() for m in _EMAIL.finditer(text) if not under(m[1].lower(), own)]


# --- Account and card numbers ----------------------------------------------------------------------------------------

_LENGTHS = """
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18
    FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IS26 IT27 JO30 KW30 KZ20 LB28 LI21 LT20 LU20 LV21 MC27 MD24
    ME22 MK19 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SE24 SI19 SK24 SM27 TN24 TR26 UA29 VA22
"""
IBAN_LENGTHS = {one[:2]: int(one[2:]) for one in _LENGTHS.split()}

_IBAN_START = re.compile(r"(?<![\w])([A-Za-z]{2})[0-9]{2}(?=[ \u00a0]?[A-Za-z0-9])")


def _ibans(text: str) -> list[Span]:
    """Return where an IBAN stands: as long as its country has them, and right by its check digits (ISO 7064, 97-10)."""
    found = []
    for match in _IBAN_START.finditer(text):
        length = IBAN_LENGTHS.get(match[1].upper())
        if length is None:
            continue
        taken, end = "", match.start()
        while (
            end < len(text)
            and len(taken) < length
            and (text[end] in " \u00a0" or (text[end].isascii() and text[end].isalnum()))
        ):
            taken += text[end] if text[end].isalnum() else ""
            end += 1
        whole = end == len(text) or not text[end].isalnum()
        if len(taken) == length and whole and _mod_97(taken) == 1:
            found.append((match.start(), end))
    return found


def _mod_97(iban: str) -> int:
    moved = iban[4:] + iban[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97


_CARD = re.compile(r"(?<![\w.,:/+-])[2-6][0-9]{3}(?:[ -]?[0-9]){9,15}(?![\w]|[.,-][0-9])", re.ASCII)


def _cards(text: str) -> list[Span]:
    """Return where a card number stands: 13 to 19 digits that pass the Luhn check (ISO/IEC 7812-1)."""
    return [m.span() for m in _CARD.finditer(text) if len(set(m.group()) - {*" -"}) > 1 and _luhn(m.group())]


def _luhn(number: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed([int(character) for character in number if character.isdigit()])):
        double = digit * 2 if place % 2 else digit
        total += double - 9 if double > 9 else double
    return total % 10 == 0


# --- Telephone numbers -----------------------------------------------------------------------------------------------

_DIGITS = re.compile(
    r"(?<![\w.,:/#-])(?:\+|\(\+?)?[0-9](?:[ \u00a0\u2009\u202f]?[()./\u2010-\u2013-]?[ \u00a0\u2009\u202f]?[0-9]){5,16}"
    r"(?![\w%€$£]|[.,:/-][0-9])",
    re.ASCII,
)
_DATE = re.compile(
    r"(?<![0-9])(?:[0-3]?[0-9][./-][01]?[0-9][./-](?:19|20)?[0-9]{2}|(?:19|20)[0-9]{2}[./-][01]?[0-9][./-][0-3]?[0-9])(?![0-9])"
)
_YEARS = re.compile(r"(?:1[5-9]|20)[0-9]{2} ?[-/\u2010-\u2013] ?(?:1[5-9]|20)?[0-9]{2}")
_AMERICAN = re.compile(r"(?:1[ .-])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}")
_TOLL_FREE = re.compile(r"1?[ .-]?\(?8(?:00|33|44|55|66|77|88)\)?[ .-]|0 ?800[ -]?")
_CALL = re.compile(
    r"(?:\b(?:tel|tel[eé]fono?|telephone|telefon|telefoon|t[eé]l[eé]phone|phone|mobile|cell|call|text|sms|whatsapp|"
    r"signal|viber|telegram|handy|nummer|portable|m[oó]vil|celular|ll[aá]ma(?:me)?|ring|anrufen|"
    r"appelez|appelle|fax|number is)|"
    r"전화|휴대폰|연락처|電話|电话|手机|هاتف|тел)(?:\W{0,3}\w{1,6})?\W{0,4}$",
    re.IGNORECASE,
)
_NO_PHONE = re.compile(
    r"(?:[#№]|\b(?:no|nr|num|id|isbn|issn|doi|art|article|artikel|ref|order|invoice|case|docket|az|section|paragraph|§)"
    r"\b)[.:]?\s?$",
    re.IGNORECASE,
)


def _phones(text: str) -> list[Span]:
    found = []
    for match in _DIGITS.finditer(text):
        number, before = match.group(), text[max(0, match.start() - 30) : match.start()]
        if _is_phone(number, before):
            found.append(match.span())
    return found


def _is_phone(number: str, before: str) -> bool:
    digits = "".join(character for character in number if character.isdigit())
    if not 7 <= len(digits) <= 15 or len(set(digits)) < 3:
        return False
    if number.startswith(("+", "(+")):
        return True
    if _DATE.search(number) or _YEARS.fullmatch(number) or _NO_PHONE.search(before) or _TOLL_FREE.match(number):
        return False
    if _CALL.search(before):
        return True
    if digits.startswith("00"):
        return len(digits) >= 11 and digits[2] != "0"
    first = re.split(r"[^0-9]+", number.lstrip("("))[0]
    if digits.startswith("0"):
        # National numbers with their trunk prefix; "0-306-40615-2" and "0.123456789" are something else.
        return 9 <= len(digits) <= 12 and len(first) > 1
    return bool(_AMERICAN.fullmatch(number))


# --- Street addresses ------------------------------------------------------------------------------------------------

_NO_MORE = r"(?![\w.,:/-][0-9]|[0-9])"
_NAME = r"[A-ZÀ-ÖØ-Þ][\w'\u2019.-]{1,30}"
_STREETS = (
    # 12 Harbour Street, 4b Old Mill Lane
    rf"(?<![\w.,:/€$£-])([1-9][0-9]{{0,4}})[a-z]? (?:{_NAME} ){{1,3}}"
    r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Drive|Boulevard|Blvd|Crescent|Terrace|Court|Close|Gardens)\b",
    # Hafenstraße 12, Am Alten Weg 3a
    r"\b(?!Bundes|Land(?:es)?st|Kreisst)[A-ZÄÖÜ][a-zäöüß-]{2,30}"
    r"(?:straße|strasse|str\.|gasse|weg|allee|platz|ufer|damm) ([1-9][0-9]{0,3})[a-z]?" + _NO_MORE,
    r"\b[A-ZÄÖÜ][a-zäöüß-]{2,30} (?:Straße|Strasse|Str\.|Gasse|Weg|Allee|Platz) ([1-9][0-9]{0,3})[a-z]?" + _NO_MORE,
    # 12 rue de la Paix, 3 bis avenue Foch
    r"(?<![\w.,:/-])([1-9][0-9]{0,3})(?: bis| ter)?,? (?:rue|avenue|boulevard|impasse|chemin|quai|allée)"
    rf"(?: (?:de|du|des|la|le|les|de la|de l['\u2019]))*[ ]?{_NAME}",
    # Calle Mayor 12, Avenida de la Constitución, 5; Via Garibaldi 8; Rua Augusta, 100
    rf"\b(?:Calle|calle|C/|Avenida|avenida|Avda\.|Paseo|paseo|Via|via|Viale|Rua|rua) ?(?:(?:de|del|la|las|los|do|da) )*"
    rf"{_NAME}(?: {_NAME}){{0,2}},? (?:n[.º°] ?)?([1-9][0-9]{{0,3}})" + _NO_MORE,
)
_STREET = [re.compile(pattern) for pattern in _STREETS]
KNOWN_TO_ALL = ("10 downing street", "11 downing street", "1600 pennsylvania avenue", "221b baker street")
"""Addresses that are nobody's secret."""


def _streets(text: str) -> list[Span]:
    found = []
    for pattern in _STREET:
        for match in pattern.finditer(text):
            if match.group().casefold() in KNOWN_TO_ALL or _is_year(match[1]):
                continue
            found.append(match.span())
    return sorted(found)


@lru_cache(maxsize=1024)
def _is_year(number: str) -> bool:
    """Say whether a figure before a street may be a year: "In 2024 Wall Street …"."""
    return len(number) == 4 and number[:2] in ("18", "19", "20")
