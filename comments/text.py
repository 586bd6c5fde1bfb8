"""
Turn what a reader typed into HTML that is safe to show, and into plain text for everybody else.

This is the only module that imports a sanitizer and the only source of safe HTML. ``check`` runs where the comment
arrives and parses nothing; ``to_html`` runs in a worker, once, from the stored original. Its output is never
cleaned again: cleaning is not idempotent, so the original, the result and ``Rendered.version`` are stored together.

The way through ``to_html``:

1. Markdown (paragraphs, emphasis, links, quotes, lists, code) becomes HTML; pasted HTML passes through as it is.
2. ``_Tidy`` rewrites that into a few well-formed elements, so that the cleaners see small, flat input and take time
   that grows with its length. It makes nothing safe and nothing relies on it for that.
3. bleach keeps the allowed elements and makes links of addresses in the text; ``_address`` rebuilds every address.
4. nh3, another parser with the same policy, cleans the result. If it changes anything, its answer is the one
   returned, and ``Rendered.disagreement`` tells the caller to hold the comment.
"""

from __future__ import annotations

import ipaddress
import re
import threading
import unicodedata
from collections.abc import Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from html import escape, unescape
from html.parser import HTMLParser
from importlib.metadata import version
from typing import Any, Final, TypeAlias
from urllib.parse import quote, urlsplit

import markdown_it
import nh3
from bleach.linkifier import LinkifyFilter
from bleach.sanitizer import Cleaner
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline, link

from comments.exceptions import Refused

MAX_CHARACTERS: Final = 10_000
"""The longest comment, in code points. ``check`` may be asked for less, never for more."""

MAX_ANGLE_BRACKETS: Final = 1_500
"""How many ``<`` a comment may have: about one in seven characters, more than any pasted program needs."""

MAX_AMPERSANDS: Final = 2_500
"""How many ``&`` a comment may have."""

MAX_SQUARE_BRACKETS: Final = 250
"""How many ``[`` a comment with links may have. Markdown looks from each of them to the end of the paragraph."""

MAX_EMPHASIS_MARKS: Final = 2_500
"""How many ``*``, ``_`` and backticks a comment may have."""

MAX_LINES: Final = 1_500
"""How many lines a comment may have: a list of that many words of two letters is still accepted."""

MAX_MARKUP: Final = 3_000
"""How many of all these a comment may have together."""

MAX_QUOTE_LEVELS: Final = 10
"""How many ``>`` or list markers may stand before the words of one line."""

MAX_NESTING: Final = 24
"""How deep elements may stand inside each other; deeper ones lose their tags and keep their text."""

MAX_ELEMENTS: Final = 1_500
"""How many elements a comment is made of before it is shown as it was typed. bleach takes quadratic time in these."""

MAX_ADDRESS: Final = 2_000
"""The longest address that is made a link."""

MAX_COMBINING_MARKS: Final = 4
"""Marks on one letter. Thai, Hebrew, Arabic and Devanagari need one to three."""

ROOM_FOR_LINKS: Final = 4_000
"""What the links of a comment may add to its HTML beyond its own length, in characters."""

REL: Final = "nofollow ugc noopener"

ELEMENTS: Final = frozenset(
    {"a", "blockquote", "br", "code", "del", "details", "em", "li", "ol", "p", "pre", "strong", "ul"}
)
"""What a comment may be made of. The only attributes are ``href`` and ``rel`` on ``a``, and ``start`` on ``ol``."""

SCHEMES: Final = frozenset({"http", "https", "mailto"})


def _release(package: str) -> str:
    return ".".join(version(package).split(".")[:2])


VERSION: Final = f"2 bleach-{_release('bleach')} md-{_release('markdown-it-py')} nh3-{_release('nh3')}"
"""
Changes when the policy or a library that applies it does; at most 40 characters. The first figure is the policy:
raise it by hand.
"""


@dataclass(frozen=True, slots=True)
class Rendered:
    """
    A comment as it can be shown.

    ``html`` is safe HTML, or ``""`` when nothing is left to show. ``text`` is what a reader sees of it, one line a
    paragraph. ``links`` are the addresses in it, in order. ``disagreement`` is ``""``, or one of the slugs
    ``elements``, ``attributes`` and ``text`` for what the second sanitizer changed: hold such a comment.
    """

    html: str
    text: str
    links: tuple[str, ...]
    disagreement: str
    version: str


# --- Accepting -------------------------------------------------------------------------------------------------------

_LINE_ENDS = re.compile(r"\r\n?|[\u0085\u2028\u2029]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_DEEP_LINE = re.compile(rf"^(?:[ \t]*+(?:>|(?:[-+*]|\d{{1,9}}[.)])[ \t])){{{MAX_QUOTE_LEVELS + 1}}}", re.MULTILINE)
_MARKER = re.compile(r"(?:(?<![^\s>])[-+*]|(?<![^\s>])\d{1,9}[.)])(?=\s|$)|>(?=[ \t>])")
_RULE = re.compile(r"^[ \t]*+([-*])(?:[ \t]*+\1)+[ \t]*+$")

# Letters and symbols by category that nobody can see: Hangul fillers, the blank Braille pattern.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\ufffc")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Me", "Mn", "Zl", "Zp", "Zs"})


def check(raw: object, *, max_characters: int = MAX_CHARACTERS) -> str:
    r"""
    Return ``raw`` as text that ``to_html`` accepts, or raise ``Refused``.

    Line ends become ``\n``; other control characters than ``\n`` and ``\t`` are dropped; nothing else is changed,
    and checking the result again returns it as it is. Cheap enough for a web process: it parses nothing.
    The codes are ``not_text``, ``nul``, ``surrogate``, ``too_long``, ``empty`` and ``too_much_markup``.
    """
    if not isinstance(raw, str):
        raise Refused("not_text", str(_("A comment has to be text. Please send it as a string.")))
    if "\x00" in raw:
        raise Refused("nul", str(_("Your comment contains a character that cannot be stored (NUL). Please remove it.")))
    if _SURROGATES.search(raw):
        raise Refused(
            "surrogate",
            str(_("Your comment contains half of a character. Please type or paste that place again.")),
        )

    maximum = min(max_characters, MAX_CHARACTERS)
    text = _CONTROLS.sub("", _LINE_ENDS.sub("\n", raw))
    length = len(text)
    if length <= maximum and not text.isascii():
        # Some characters stand for a whole phrase (U+FDFA is eighteen) and count as such when there are many of them.
        written_out = len(unicodedata.normalize("NFKC", text))
        length = written_out if written_out > 2 * maximum else length
    if length > maximum:
        sentence = _("Your comment has %(length)d characters and %(maximum)d is the most. Please shorten it.")
        raise Refused("too_long", sentence % {"length": length, "maximum": maximum}, length=length, maximum=maximum)
    if not any(_can_be_seen(character) for character in text):
        raise Refused("empty", str(_("Your comment is empty. Write something first.")))
    if _has_too_much_markup(text):
        raise Refused(
            "too_much_markup",
            str(
                _(
                    "Your comment has too many lines, quotes inside quotes, or characters that format text, such as"
                    " * and <. Please use fewer of them."
                )
            ),
        )
    return text


def _can_be_seen(character: str) -> bool:
    return unicodedata.category(character) not in _UNSEEN and character not in _BLANK


def _has_too_much_markup(text: str) -> bool:
    counts = {character: text.count(character) for character in "<&[*_`\n"}
    emphasis = counts["*"] + counts["_"] + counts["`"]
    if (
        counts["<"] > MAX_ANGLE_BRACKETS
        or counts["&"] > MAX_AMPERSANDS
        or (counts["["] > MAX_SQUARE_BRACKETS and "](" in text)
        or emphasis > MAX_EMPHASIS_MARKS
        or counts["\n"] >= MAX_LINES
        or sum(counts.values()) > MAX_MARKUP
        or len(_MARKER.findall(text)) > MAX_LINES
    ):
        return True
    deep = (text[found.start() :].split("\n", 1)[0] for found in _DEEP_LINE.finditer(text))
    return any(not _RULE.match(line) for line in deep)


# --- Rendering -------------------------------------------------------------------------------------------------------

# Letters, figures, single spaces and the signs of ordinary sentences; no "." before a letter, which may be an address;
# and no line that begins otherwise than with a letter or a quotation mark. A "_" is among them, and asked for apart.
# Not with possessive groups: before 3.11.5 Python keeps what a group had read when it fails.
_PLAIN_SIGNS = r"[\w,;:!?'\"()\u2019\u2018\u201c\u201d\u2013\u2014\u2026-]*"
_PLAIN_WORD = rf"(?=[^ \n]){_PLAIN_SIGNS}(?:\.(?!\w){_PLAIN_SIGNS})*"
_PLAIN_LINE = rf"(?=[^\W\d_]|['\"\u2018\u201c]){_PLAIN_WORD}(?: {_PLAIN_WORD})*"
_PLAIN = re.compile(rf"{_PLAIN_LINE}(?:\n\n{_PLAIN_LINE})*")
MAX_PLAIN: Final = 40
"""Paragraphs of a text that is written as HTML without being parsed."""


def to_html(raw: str) -> Rendered:
    """
    Return ``raw`` as safe HTML.

    Raise ``Refused`` for text that ``check`` refuses, and nothing else for text that it accepts: any other exception
    is a fault of ours, and the caller holds the comment. The HTML has at most six times the characters of ``raw``
    and 5,000 more, and making it takes less than a quarter of a second.
    """
    text = check(raw)
    if "_" not in text and text.count("\n") < 2 * MAX_PLAIN and _PLAIN.fullmatch(text):
        # Nothing here means anything to Markdown, to HTML or to what finds links.
        paragraphs = text.split("\n\n")
        html = mark_safe("".join([f"<p>{paragraph}</p>" for paragraph in paragraphs]))
        return Rendered(html, "\n".join(paragraphs), (), "", VERSION)
    tools = _tools
    tools.room_for_links = len(text) + ROOM_FOR_LINKS

    typed, deepest = _markdown(text, tools)
    tidy = _Tidy(tools).rewrite(typed) if deepest < MAX_NESTING else ""
    only_markers = not tidy and "<" not in text  # "-" and "1." mean themselves, not an empty list.
    swollen = len(tidy) > 5 * len(text) + 900 or tidy.count("</") > MAX_ELEMENTS
    if only_markers or swollen or deepest >= MAX_NESTING:
        tools.room_for_links = len(text) + ROOM_FOR_LINKS
        tidy = _Tidy(tools).rewrite(_as_typed(text))

    html, disagreement = _clean(tidy, tools)
    shown = _Reading(html)
    if not any(_can_be_seen(character) for character in shown.text):
        return Rendered("", "", (), disagreement, VERSION)
    return Rendered(html, shown.text, shown.links, disagreement, VERSION)


def _markdown(text: str, tools: _Tools) -> tuple[str, int]:
    """Return ``text`` as HTML nobody should trust, and how deep its blocks are nested."""
    tokens = tools.markdown.parse(text)
    deepest = max((token.level for token in tokens), default=0)
    rendered: str = tools.markdown.renderer.render(tokens, tools.markdown.options, {})
    return rendered, deepest


def _as_typed(text: str) -> str:
    paragraphs = re.split(r"\n[ \t]*(?:\n[ \t]*)+", escape(text, quote=False))
    return "".join(f"<p>{paragraph}</p>".replace("\n", "<br>") for paragraph in paragraphs)


def _clean(html: str, tools: _Tools) -> tuple[SafeString, str]:
    """
    Return ``html`` with nothing in it that is not allowed, and what the two sanitizers disagree on.

    Rely on nothing that came before: any string may be passed in.
    """
    first = tools.bleach.clean(html)
    # nh3 writes a no-break space by its name, bleach as the character.
    second = tools.nh3.clean(first).replace("&nbsp;", "\u00a0")
    if first == second:
        return mark_safe(first), ""
    disagreement = _difference(_Reading(first), _Reading(second))
    return mark_safe(second if disagreement else first), disagreement


def _difference(first: _Reading, second: _Reading) -> str:
    if first.elements != second.elements:
        return "elements"
    if first.attributes != second.attributes:
        return "attributes"
    if first.nodes != second.nodes:
        return "text"
    return ""


class _Reading(HTMLParser):
    """What is in clean HTML, whichever way it is written."""

    BREAKS: Final = frozenset({"blockquote", "br", "details", "li", "ol", "p", "pre", "ul"})

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.nodes: list[str] = []
        self.elements: list[str] = []
        self.attributes: list[tuple[str, list[tuple[str, str | None]]]] = []
        self._visible: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.nodes.append(f"<{tag}>")
        self.attributes.append((tag, sorted(attrs, key=repr)))
        if tag in self.BREAKS:
            self._visible.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self.elements.append(f"/{tag}")
        self.nodes.append(f"</{tag}>")
        if tag in self.BREAKS:
            self._visible.append("\n")

    def handle_data(self, data: str) -> None:
        self.nodes.append(data)
        self._visible.append(data)

    @property
    def text(self) -> str:
        return _one_line_a_paragraph("".join(self._visible))

    @property
    def links(self) -> tuple[str, ...]:
        return tuple(
            value for tag, attrs in self.attributes if tag == "a" for name, value in attrs if name == "href" and value
        )


# --- Tidying ---------------------------------------------------------------------------------------------------------

# A tag ends before the next "<", so that looking for tags never looks at a character more than twice.
_TAG = re.compile(r"""<(/?)([A-Za-z][A-Za-z0-9]*)((?:[\s/](?:[^<>"']|"[^"<]*+"|'[^'<]*+')*)?)>""")
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'<>]++)))?""")
_REFERENCE = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

_INLINE: Final = {
    "a": "a",
    "b": "strong",
    "strong": "strong",
    "i": "em",
    "em": "em",
    "code": "code",
    "kbd": "code",
    "samp": "code",
    "tt": "code",
    "del": "del",
    "s": "del",
    "strike": "del",
}
_INLINE_NAMES: Final = frozenset(_INLINE.values())
_LISTS: Final = frozenset({"ol", "ul"})
# What becomes a quotation, or hidden until somebody asks for it. A pasted <details> is a paragraph like others.
_QUOTED: Final = {"blockquote": "blockquote", "spoiler": "details"}
_QUOTES: Final = frozenset(_QUOTED.values())
# What words may not stand in directly; "" is the comment itself.
_HOLDERS: Final = _LISTS | _QUOTES | {""}
# After these, white space means nothing.
_BLOCK_TAGS: Final = frozenset(
    {"<br>", "<p>", "<li>", "</p>", "</li>", "</blockquote>", "</details>", "</ul>", "</ol>", "</code></pre>"}
)


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


# What stands in these was never meant to be read.
_HIDDEN: Final = _names(
    "applet audio canvas datalist head iframe math noembed noframes noscript object script select style svg template"
    " textarea title video"
)
# These begin a new paragraph.
_PARAGRAPHS: Final = _names(
    "address article aside body caption center dd details dialog dir div dl dt fieldset figcaption figure footer form"
    " h1 h2 h3 h4 h5 h6 header hgroup hr html legend main menu nav optgroup option p search section summary table"
    " tbody td tfoot th thead tr"
)
# These disappear. A name in none of these lists is not HTML but something a reader wrote: <sarcasm>, <your name>.
_IGNORED: Final = _names(
    "abbr acronym area base basefont bdi bdo bgsound big blink button cite col colgroup data dfn embed font frame"
    " frameset image img input ins isindex keygen label link map mark marquee meta meter nobr output param picture"
    " plaintext portal progress q rb rp rt rtc ruby slot small source span sub sup time track u var wbr xmp"
)


class _Tidy:
    """Rewrite HTML as a few kinds of elements, all closed, all where HTML expects them, none of them empty."""

    def __init__(self, tools: _Tools) -> None:
        self._tools = tools
        self._out: list[str] = []
        self._open: list[tuple[str, int]] = []

    def rewrite(self, html: str) -> str:
        position = 0
        unclosed: set[str] = set()
        lowered = ""
        while (start := html.find("<", position)) >= 0:
            self._text(html[position:start])
            found = _TAG.match(html, start)
            if found is None:
                position = self._not_a_tag(html, start, unclosed)
                continue
            closing, name, attributes = found[1], found[2].lower(), found[3]
            position = found.end()
            if name in _HIDDEN:
                if not closing and name not in unclosed and not self._is_open("pre"):
                    lowered = lowered or html.lower()
                    # Lower case can be longer than upper ("\u0130"); then only the tag goes and its text stays.
                    end = lowered.find(f"</{name}", position) if len(lowered) == len(html) else -1
                    if end < 0:
                        unclosed.add(name)
                    else:
                        position = (html.find(">", end) + 1) or len(html)
            elif closing:
                self._end_tag(name, found[0])
            else:
                self._start_tag(name, attributes, found[0])
        self._text(html[position:])
        self._close_down_to(0)
        return "".join(self._out)

    def _not_a_tag(self, html: str, start: int, unclosed: set[str]) -> int:
        for opening, ending in (("<!--", "-->"), ("<!doctype", ">")):
            if ending not in unclosed and html[start : start + len(opening)].lower() == opening:
                end = html.find(ending, start)
                if end >= 0:
                    return end + len(ending)
                unclosed.add(ending)
        self._text("<")
        return start + 1

    def _start_tag(self, name: str, attributes: str, tag: str) -> None:
        if name == "br":
            self._break()
        elif self._is_open("pre"):
            if name not in _INLINE and name not in _PARAGRAPHS and name not in _IGNORED and name not in ELEMENTS:
                self._text(tag)
        elif name in _INLINE:
            self._start_inline(_INLINE[name], attributes)
        elif name in _PARAGRAPHS:
            self._start_block("p")
        elif name in _LISTS:
            start = _attribute(attributes, "start") if name == "ol" else ""
            numbered = start.isascii() and start.isdigit() and len(start) <= 9 and int(start) != 1
            self._start_block(name, f'<ol start="{int(start)}">' if numbered else f"<{name}>")
        elif name == "li":
            self._start_item()
        elif name in _QUOTED:
            self._start_block(_QUOTED[name])
        elif name == "pre":
            self._start_block(name, "<pre><code>")
        elif name not in _IGNORED:
            self._text(tag)

    def _end_tag(self, name: str, tag: str) -> None:
        if self._is_open("pre"):
            if name == "pre":
                self._close("pre")
            elif name not in _INLINE and name not in _PARAGRAPHS and name not in _IGNORED and name not in ELEMENTS:
                self._text(tag)
        elif name in _INLINE:
            self._close(_INLINE[name], within=_INLINE_NAMES)
        elif name in _QUOTED:
            self._close(_QUOTED[name])
        elif name in _PARAGRAPHS:
            self._close_paragraph()
        elif name == "li":
            self._close("li", within=_INLINE_NAMES | _QUOTES | {"p", "pre"})
        elif name in _LISTS:
            self._close(name)
        elif name not in _IGNORED and name not in ELEMENTS:
            self._text(tag)

    def _start_inline(self, name: str, attributes: str) -> None:
        if self._is_open(name) or len(self._open) >= MAX_NESTING:
            return
        opening = f"<{name}>"
        if name == "a":
            address = _address(_decoded(_attribute(attributes, "href")))
            if address is None or not self._tools.has_room_for(address):
                return
            opening = f'<a href="{escape(address)}">'
        self._start_text()
        self._push(name, opening)

    def _start_block(self, name: str, opening: str = "") -> None:
        self._close_paragraph()
        if len(self._open) >= MAX_NESTING:
            return
        if self._top() == "li":
            self._out[-1] = self._out[-1].rstrip(" \t")
        if self._top() in _LISTS:
            self._push("li", "<li>")
        self._push(name, opening or f"<{name}>")

    def _start_item(self) -> None:
        self._close("li", within=_INLINE_NAMES | _QUOTES | {"p", "pre"})
        self._close_paragraph()
        if self._top() in _LISTS:
            self._push("li", "<li>")
        else:
            self._start_block("p")

    def _break(self) -> None:
        if self._is_open("pre"):
            self._text("\n")
        elif self._top() not in _HOLDERS:
            just_opened = len(self._out) == self._open[-1][1] + 1
            if not just_opened and self._out[-2:] != ["<br>", "<br>"]:
                self._out.append("<br>")

    def _text(self, data: str) -> None:
        if not data:
            return
        text = _presentable(_decoded(data) if "&" in data else data)
        if not self._is_open("pre"):
            text = text.replace("\n", " ")
            if self._top() in _HOLDERS or self._out[-1] in _BLOCK_TAGS:
                text = text.lstrip(" \t")
        if not text:
            return
        self._start_text()
        self._out.append(escape(text, quote=False))

    def _start_text(self) -> None:
        top = self._top()
        if top in _LISTS:
            self._push("li", "<li>")
        elif not top or top in _QUOTES:
            self._push("p", "<p>")

    def _top(self) -> str:
        return self._open[-1][0] if self._open else ""

    def _is_open(self, name: str) -> bool:
        return any(name == opened for opened, _index in self._open)

    def _push(self, name: str, opening: str) -> None:
        self._open.append((name, len(self._out)))
        self._out.append(opening)

    def _close_paragraph(self) -> None:
        while self._top() in _INLINE_NAMES or self._top() == "p":
            self._pop()

    def _close(self, name: str, within: Iterable[str] | None = None) -> None:
        """Close the innermost ``name`` and what is open in it, unless something outside ``within`` is in between."""
        for index in range(len(self._open) - 1, -1, -1):
            opened = self._open[index][0]
            if opened == name:
                self._close_down_to(index)
                return
            if within is not None and opened not in within:
                return

    def _close_down_to(self, length: int) -> None:
        while len(self._open) > length:
            self._pop()

    def _pop(self) -> None:
        name, index = self._open.pop()
        if name not in _INLINE_NAMES:
            while len(self._out) > index + 1 and self._out[-1] == "<br>":
                self._out.pop()
            if name != "pre":
                self._out[-1] = self._out[-1].rstrip(" \t")
        if len(self._out) == index + 1:
            self._out.pop()
        else:
            self._out.append("</code></pre>" if name == "pre" else f"</{name}>")


def _attribute(attributes: str, name: str) -> str:
    for found in _ATTRIBUTE.finditer(attributes):
        if found[1].lower() == name:
            return found[2] or found[3] or found[4] or ""
    return ""


def _decoded(data: str) -> str:
    # Not html.unescape on the whole: it takes numbers of any length, and Python refuses those of 4,300 digits.
    return _REFERENCE.sub(lambda found: unescape(found[0]), data)


# --- Characters ------------------------------------------------------------------------------------------------------

_NEVER_SHOWN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff]")
# Tag letters are invisible and can carry a whole message; the only honest ones spell a region after a black flag.
_TAGS = re.compile(r"(\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f)|[\U000e0000-\U000e007f]")
_DIRECTIONS = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_DIRECTION_ENDS: Final = {
    "\u202a": "\u202c",
    "\u202b": "\u202c",
    "\u2066": "\u2069",
    "\u2067": "\u2069",
    "\u2068": "\u2069",
}


def _presentable(text: str) -> str:
    """
    Return ``text`` without the characters that disturb what stands around it.

    Direction marks that are not closed in the text, overrides, invisible tag letters and piled-up accents go; the
    joiners of Persian and of emoji stay.
    """
    if text.isascii():
        return _NEVER_SHOWN.sub("", text)
    text = _NEVER_SHOWN.sub("", _LINE_ENDS.sub("\n", text))
    text = _TAGS.sub(lambda found: found[1] or "", text)
    if _DIRECTIONS.search(text):
        text = "\n".join(_balanced(line) for line in text.split("\n"))
    kept: list[str] = []
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        if category in {"Mn", "Me"}:
            marks += 1
            if marks > MAX_COMBINING_MARKS:
                continue
        elif category != "Cf":
            marks = 0
        kept.append(character)
    return "".join(kept)


def _balanced(line: str) -> str:
    keep = [not _DIRECTIONS.match(character) for character in line]
    opened: list[int] = []
    for index, character in enumerate(line):
        if keep[index]:
            continue
        if character in _DIRECTION_ENDS:
            opened.append(index)
        elif opened and _DIRECTION_ENDS[line[opened[-1]]] == character:
            keep[opened.pop()] = keep[index] = True
    return "".join(character for character, kept in zip(line, keep, strict=True) if kept)


# --- Addresses -------------------------------------------------------------------------------------------------------

_HOST_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_MAILBOX = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_LOOKS_LIKE_REFERENCE = re.compile(r"&(#?\w+);")


def _address(value: str) -> str | None:
    """
    Return ``value`` rebuilt from its parts in ASCII, or None if it is not an address that a comment may link to.

    A name in another script becomes Punycode, so that nobody takes one letter for another; a mail address loses
    everything but the address. What this returns, it returns unchanged.
    """
    value = value.strip(" \t\n")
    if not value or len(value) > MAX_ADDRESS or "\\" in value:
        return None
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in value):
        return None
    if value[:4].lower() == "www.":
        value = f"https://{value}"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme == "mailto":
        return _mail_address(parts.path)
    if parts.scheme not in SCHEMES or "@" in parts.netloc or not parts.hostname or "[" in parts.netloc:
        return None
    host = _host(parts.hostname)
    if host is None:
        return None
    address = f"{parts.scheme}://{host}"
    if port is not None:
        address += f":{port}"
    address += _escaped(parts.path)
    if parts.query:
        address += f"?{_escaped(parts.query)}"
    if parts.fragment:
        address += f"#{_escaped(parts.fragment)}"
    # bleach's serializer would read "&lt;" in an address as "<".
    address = _LOOKS_LIKE_REFERENCE.sub(r"&\1%3B", address)
    return address if len(address) <= MAX_ADDRESS else None


def _mail_address(path: str) -> str | None:
    mailbox, _at, domain = path.partition("@")
    host = _host(domain)
    if host is None or not _MAILBOX.fullmatch(mailbox):
        return None
    return f"mailto:{mailbox}@{host}"


def _host(name: str) -> str | None:
    """Return a host name in lower case and ASCII, or None if it is not one."""
    if len(name) > 253:
        return None
    name = unicodedata.normalize("NFKC", name).lower().replace("\u3002", ".").removesuffix(".")
    labels = [label if label.isascii() else _punycode(label) for label in name.split(".")]
    if not all(_HOST_LABEL.fullmatch(label) for label in labels) or len(".".join(labels)) > 253:
        return None
    # "1", "0x7f.1" and "010.0.0.1" are numbers to a browser and not the addresses they seem to be.
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        try:
            return str(ipaddress.IPv4Address(".".join(labels)))
        except ValueError:
            return None
    return ".".join(labels)


def _punycode(label: str) -> str:
    """Return a label as browsers look it up; "" for letters that no registry admits."""
    if any(unicodedata.category(character)[0] not in "LMN" and character != "-" for character in label):
        return ""
    return f"xn--{label.encode('punycode').decode('ascii')}"


def _escaped(part: str) -> str:
    return _STRAY_PERCENT.sub("%25", quote(part, safe="/%:@!$&()*+,;=-._~?"))


# --- Links in the text -----------------------------------------------------------------------------------------------

# Endings after which a name in a sentence is surely an address. Those that are words too ("so", "it", "is", "no")
# need "www." or "https://" before the name.
_ENDINGS: Final = _names(
    "com org net edu gov mil int info biz news app dev blog eu uk de fr es nl ch se dk fi pl pt cz sk hu ro gr ie ru"
    " ua tr il jp cn kr br mx ar cl au nz ca za"
)
_AFTER_HOST = r"""(?::[0-9]{1,5})?(?![\w@-])(?:[/?#][^\s<>"`{}|\\^]{0,2100})?"""
_LINK_IN_TEXT = re.compile(
    r"(?<![\w@])(?i:https?)://[\w.-]{1,253}+"
    + _AFTER_HOST
    + r"|(?<![\w@.:/-])(?:(?i:www)\.(?:[\w-]{1,63}\.){1,6}[\w-]{2,63}"
    r"|(?:[\w-]{1,63}\.){1,6}(?:" + "|".join(sorted(_ENDINGS)) + r"))(?!\.\w)" + _AFTER_HOST
)
_CLOSING: Final = {")": "(", "]": "["}


_Attributes: TypeAlias = MutableMapping[tuple[str | None, str], str]


class _Links(LinkifyFilter):
    """bleach's linkifier without two habits: decoding text twice and taking the full stop into an address."""

    def extract_entities(self, token: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield token

    def strip_non_url_bits(self, fragment: str) -> tuple[str, str, str]:
        end = len(fragment)
        while end:
            last = fragment[end - 1]
            unopened = last in _CLOSING and fragment.count(last, 0, end) > fragment.count(_CLOSING[last], 0, end)
            if not unopened and last not in ".,;:!?'*_~\u2026\u00bb\u201c\u201d\u2019":
                break
            end -= 1
        return fragment[:end], "", fragment[end:]


class _Tools(threading.local):
    """The parsers of one thread: bleach's keeps state while it works."""

    room_for_links: int

    def __init__(self) -> None:
        self.room_for_links = 0
        self.nh3 = nh3.Cleaner(
            tags=set(ELEMENTS),
            attributes={"a": {"href"}, "ol": {"start"}},
            url_schemes=set(SCHEMES),
            url_relative="deny",
            link_rel=REL,
            clean_content_tags=set(_HIDDEN),
        )
        links = partial(
            _Links, callbacks=[self._link], skip_tags={"code", "pre"}, parse_email=False, url_re=_LINK_IN_TEXT
        )
        self.bleach = Cleaner(
            tags=ELEMENTS,
            attributes=_is_kept,
            protocols=SCHEMES,
            strip=True,
            strip_comments=True,
            filters=[links],
        )
        self.markdown = _markdown_parser()

    def has_room_for(self, address: str) -> bool:
        """Take the room that a link to ``address`` needs. So a comment of nothing but links stays a short page."""
        self.room_for_links -= len(address) + 60
        return self.room_for_links >= 0

    def _link(self, attributes: _Attributes, is_new: bool = False, /) -> _Attributes:
        """Give bleach the attributes of one link, or None where there should be none."""
        shown = attributes["_text"]  # type: ignore[index]  # the one key that is not a pair
        found = attributes.get((None, "href"), "")
        if is_new and shown[:4].lower() != "http":
            found = f"https://{shown}"
        address = _address(found if is_new else _decoded(found))
        if address is None or (is_new and not self.has_room_for(address)):
            # bleach's way to say no link; its type stubs do not know it.
            return None  # type: ignore[return-value]
        return {(None, "href"): address, (None, "rel"): REL, "_text": shown}  # type: ignore[dict-item]


def _is_kept(element: str, attribute: str, value: str) -> bool:
    if element == "ol":
        return attribute == "start" and value.isascii() and value.isdigit() and len(value) <= 9
    return element == "a" and attribute == "href"


def _markdown_parser() -> markdown_it.MarkdownIt:
    parser = markdown_it.MarkdownIt("zero", {"html": True, "breaks": True, "maxNesting": 2 * MAX_NESTING})
    parser.enable(
        [
            *("blockquote", "fence", "hr", "html_block", "list"),
            *("autolink", "backticks", "emphasis", "entity", "escape", "html_inline", "link", "newline"),
        ]
    )
    # "***" and "---" are something a reader drew, not a heading and not a list: show them.
    parser.add_render_rule("hr", _drawn_line)
    parser.inline.ruler.at("link", _link)
    parser.core.ruler.after("block", "spoiler", _spoilers)
    # Addresses are judged in one place, and that is _address.
    parser.normalizeLink = lambda url: url  # type: ignore[method-assign]
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    return parser


_BANG = re.compile(r"^!(?!\[) ?", re.MULTILINE)


def _spoilers(state: StateCore) -> None:
    """Hide a quotation that begins with "!", ``>! how it ends``, until somebody asks for it."""
    opened: list[int] = []
    for index, token in enumerate(state.tokens):
        if token.type == "blockquote_open":
            opened.append(index)
        elif token.type == "blockquote_close":
            start = opened.pop()
            inside = [one for one in state.tokens[start + 1 : index] if one.type == "inline"]
            if inside and inside[0] is state.tokens[start + 2] and _BANG.match(inside[0].content):
                state.tokens[start].tag = token.tag = "spoiler"
                for one in inside:
                    one.content = _BANG.sub("", one.content)


def _link(state: StateInline, silent: bool) -> bool:
    """Look for a link only where its paragraph has the middle of one: so "[" in a program costs nothing."""
    if state.src[state.pos] != "[":
        return False
    if state.env.get("searched") is not state.src:
        state.env["searched"], state.env["has_links"] = state.src, "](" in state.src
    return bool(state.env["has_links"]) and link(state, silent)


def _drawn_line(renderer: object, tokens: Any, index: int, options: object, env: object) -> str:
    return f"<p>{tokens[index].markup[0] * 3}</p>\n"


_tools = _Tools()


# --- Text ------------------------------------------------------------------------------------------------------------


def excerpt(text: str, characters: int) -> str:
    """Return ``text`` on one line in at most ``characters``, cut after a word and with an ellipsis if it was longer."""
    line = " ".join(text.split())
    if len(line) <= characters:
        return line
    if characters < 1:
        return ""
    end = characters - 1
    while end > 0 and _continues(line, end):
        end -= 1
    space = line.rfind(" ", 0, end + 1)
    # A word longer than half of the excerpt is cut rather than left out.
    if space >= end // 2:
        end = space
    return f"{line[:end].rstrip()}\u2026"


def _continues(line: str, index: int) -> bool:
    """Whether the character at ``index`` belongs to the one before it, as a reader sees it."""
    character, before = line[index], line[index - 1]
    if before == "\u200d" or character in "\u200c\u200d" or unicodedata.category(character).startswith("M"):
        return True
    if "\U0001f3fb" <= character <= "\U0001f3ff" or "\U000e0020" <= character <= "\U000e007f":
        return True
    if _is_flag_letter(character):
        start = index
        while start and _is_flag_letter(line[start - 1]):
            start -= 1
        return (index - start) % 2 == 1
    # Hangul written in parts: a vowel or a final after anything that can carry it.
    return "\u1160" <= character <= "\u11ff" and "\u1100" <= before <= "\ud7fb"


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def digest(raw: str) -> str:
    """
    Return 32 hexadecimal digits that are the same for two texts a reader would call the same.

    Case, width, accents written in one piece or two, white space and invisible characters make no difference.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", raw).casefold())
    seen = folded if folded.isascii() else "".join(c for c in folded if not _is_zero_width(c))
    words = " ".join(seen.split())
    return blake2b(words.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _is_zero_width(character: str) -> bool:
    if character.isascii():
        return False
    return (
        unicodedata.category(character) == "Cf"
        or character in _BLANK
        or character == "\u034f"
        or "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
    )


_BREAKING_TAGS = re.compile(r"</?(?:blockquote|details|li|ol|p|pre|ul)\b[^>]*>|<br>")
_OTHER_TAGS = re.compile(r"<[^>]*>")


def plain(html: str) -> str:
    """
    Return the visible text of HTML that this module made, for a program that cannot show HTML.

    It is what ``Rendered.text`` was. It is no way to make other HTML safe.
    """
    return _one_line_a_paragraph(unescape(_OTHER_TAGS.sub("", _BREAKING_TAGS.sub("\n", html))))


def _one_line_a_paragraph(words: str) -> str:
    return "\n".join(line for line in (" ".join(line.split()) for line in words.split("\n")) if line)
