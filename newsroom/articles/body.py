"""Turn what an editor wrote, or another site's page, into the HTML an article may contain."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from html.parser import HTMLParser

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

INLINE = frozenset({"em", "strong", "a", "br"})
BLOCKS = frozenset({"h2", "h3", "p", "ul", "ol", "li", "blockquote", "figure", "figcaption", "hr"})
ATTRIBUTES = {"a": {"href", "title", "hreflang"}, "*": {"lang", "dir"}}
LINK_SCHEMES = {"http", "https", "mailto"}

# Elements that never hold the text of an article, whatever they contain.
FURNITURE_ELEMENTS = frozenset(
    {"script", "style", "noscript", "template", "iframe", "object", "svg", "math", "nav", "aside", "footer", "form"}
    | {"button", "select", "textarea", "dialog", "title", "audio", "video", "canvas"}
)
# Elements that are read for the shape they give to a page and are not part of an article's body.
SHAPES = frozenset(
    {"article", "main", "header", "hgroup", "section", "div", "address", "details", "summary", "h1", "h4", "h5", "h6"}
    | {"pre", "table", "tr", "td", "th", "dl", "dt", "dd", "b", "i"}
)
RENAMED = {"h1": "h2", "h4": "h3", "h5": "h3", "h6": "h3", "b": "strong", "i": "em"}

# Lines that sites print under their articles. Only whole lines at the very end are taken for them.
FURNITURE = re.compile(
    r"""
      (?:(?:leave|post|view|show|hide|add|read|see)\s(?:a\s|all\s|the\s)?)?(?:\d[\d,.]*\s)?comments?(?:\s?\(?\d[\d,.]*\)?)?
    | please\slet\sus\sknow\sif\syou(?:'|\sa)re\shaving\sissues\swith\scommenting
    | advertisements?(?:\s-\sscroll\sto\scontinue)? | advertising | sponsored(?:\scontent)? | promoted(?:\scontent)?
    | share(?:\s(?:this(?:\s(?:article|story|post|page))?|on\s\w+|via\s\w+))? | print(?:\sthis)? | e-?mail(?:\sthis)?
    | tweet | facebook | twitter | whatsapp | linkedin | reddit | copy\slink | save
    | subscribe(?:\snow)? | newsletter | sign\sup\sfor\sour\snewsletters? | follow\sus(?:\son\s\w+)?
    | related(?:\s(?:articles|stories|topics|content))? | more\son\sthis\sstory | read\s(?:more|next) | load\smore
    | most\s(?:read|popular) | back\sto\stop
    """,
    re.VERBOSE | re.IGNORECASE,
)


def is_furniture(line: str) -> bool:
    """Say whether ``line`` is something a site prints under its articles, such as "COMMENTS" or "Share"."""
    plain = re.sub(r"[\u2018\u2019\u02bc\uff07`\u00b4]", "'", line)
    plain = " ".join(plain.split()).strip("#*_=-|:.!>\u2013\u2014\u2026\u00bb\u203a ")
    return not plain or FURNITURE.fullmatch(plain) is not None


def without_furniture(lines: Sequence[str]) -> list[str]:
    """Return ``lines`` without the site furniture and the empty lines at their end."""
    kept = list(lines)
    while kept and is_furniture(kept[-1]):
        kept.pop()
    return kept


def clean(markup: str) -> str:
    """
    Return ``markup`` as HTML that is safe in an article: known elements and attributes only, web and mail links only.

    Scripts, styles and their text are gone; the text of other unknown elements stays.
    """
    cleaned = nh3.clean(
        markup,
        tags=set(INLINE | BLOCKS),
        attributes=ATTRIBUTES,
        url_schemes=LINK_SCHEMES,
        clean_content_tags=set(FURNITURE_ELEMENTS),
    )
    empty = re.compile(r"<(p|h2|h3|li|ul|ol|blockquote|figure|figcaption|em|strong)>(?:\s|&nbsp;|<br>)*</\1>")
    while (shorter := empty.sub("", cleaned)) != cleaned:
        cleaned = shorter
    return re.sub(r"\n\s*\n+", "\n", cleaned).strip()


def as_text(markup: str) -> str:
    """Return the words in ``markup``, on one line."""
    blocks = re.sub(r"</?(?:em|strong|a)\b[^>]*>", "", markup)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", blocks)).split())


def from_paragraphs(paragraphs: Sequence[str]) -> str:
    """Return plain ``paragraphs`` as safe HTML."""
    return "\n".join(f"<p>{html.escape(paragraph, quote=False)}</p>" for paragraph in paragraphs)


def from_markdown(source: str) -> tuple[str, str]:
    """Return the first heading of CommonMark ``source``, when it begins with one, and the rest as safe HTML."""
    parser = MarkdownIt("commonmark")
    tokens = parser.parse("\n".join(without_furniture(source.split("\n"))))
    headline = ""
    if tokens and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        headline = _words(tokens[1].children or [])
        tokens = tokens[3:]
    for token in tokens:
        token.tag = RENAMED.get(token.tag, token.tag)
    return headline, clean(parser.renderer.render(tokens, parser.options, {}))


def _words(tokens: Sequence[Token]) -> str:
    breaks = ("softbreak", "hardbreak")
    return " ".join("".join(" " if token.type in breaks else token.content for token in tokens).split())


def from_page(page: str) -> tuple[str, str]:
    """
    Return the title and the safe body of an HTML ``page``.

    The body is what the longest ``<article>`` holds, or ``<main>``, or the page; the title is that part's first
    ``<h1>``, or the page's, or its ``<title>``.
    """
    shaped = nh3.clean(
        page,
        tags=set(INLINE | BLOCKS | SHAPES),
        attributes=ATTRIBUTES,
        url_schemes=LINK_SCHEMES,
        clean_content_tags=set(FURNITURE_ELEMENTS),
    )
    whole = _read(shaped)
    parts = [whole]
    for element in ("article", "main"):
        found = [_read(part, skip_articles=True) for part in _parts(shaped, element)]
        if any(part.text_length for part in found):
            parts = [max(found, key=lambda part: part.text_length), whole]
            break
    body = clean(parts[0].markup())
    while (shorter := _without_last_furniture(body)) != body:
        body = shorter
    titles = [*(part.title for part in parts), _title_of(page)]
    return next((title for title in titles if title), ""), body


def _without_last_furniture(body: str) -> str:
    last = re.search(r"<(p|h2|h3|li)>((?:(?!<(?:p|h2|h3|li)>).)*)</\1>(?:\s|</[uo]l>)*\Z", body, re.DOTALL)
    if last and is_furniture(as_text(last[2])):
        return clean(body[: last.start()])
    return re.sub(r"<hr>\s*\Z", "", body).strip()


def _title_of(page: str) -> str:
    found = re.search(r"<title[^>]*>(.*?)</title", page, re.IGNORECASE | re.DOTALL)
    return " ".join(html.unescape(found[1]).split()) if found else ""


def _parts(shaped: str, element: str) -> list[str]:
    """Return the insides of the outermost ``element``s. ``shaped`` is balanced: a sanitizer wrote it."""
    parts: list[str] = []
    depth, start = 0, 0
    for tag in re.finditer(rf"<(/?){element}(?: [^>]*)?>", shaped):
        if tag[1]:
            depth -= 1
            if depth == 0:
                parts.append(shaped[start : tag.start()])
        else:
            if depth == 0:
                start = tag.end()
            depth += 1
    return parts


def _read(shaped: str, *, skip_articles: bool = False) -> _Reading:
    reading = _Reading(skip_articles=skip_articles)
    reading.feed(shaped)
    reading.close()
    return reading


class _Reading(HTMLParser):
    """
    Read balanced HTML into blocks, wrapping loose text in paragraphs.

    Headers are read for their ``<h1>`` only. Articles inside an article are teasers or comments and are skipped.
    """

    def __init__(self, *, skip_articles: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self.text_length = 0
        self._skipped = {"header", "article"} if skip_articles else {"header"}
        self._skip_depth = 0
        self._heading: list[str] | None = None
        self._open_blocks: list[str] = []
        self._blocks: list[str] = []
        self._loose: list[str] = []

    def markup(self) -> str:
        self._end_paragraph()
        return "".join(self._blocks)

    def _end_paragraph(self) -> None:
        for piece in re.split(r"(?:<br>\s*){2,}", "".join(self._loose)):
            if as_text(piece):
                self._blocks.append(f"<p>{piece.strip()}</p>\n")
        self._loose = []

    def _write(self, piece: str) -> None:
        if self._skip_depth == 0:
            (self._blocks if self._open_blocks else self._loose).append(piece)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._skipped:
            self._skip_depth += 1
        if tag == "h1" and not self.title:
            self._heading = []
        if self._heading is not None:
            return
        tag = "p" if tag == "pre" else RENAMED.get(tag, tag)
        written = "".join(f' {name}="{html.escape(value or "")}"' for name, value in attrs)
        if tag in INLINE:
            self._write(f"<{tag}{written}>")
        elif tag in BLOCKS:
            if not self._open_blocks:
                self._end_paragraph()
            if self._skip_depth == 0:
                self._blocks.append(f"<{tag}{written}>")
                if tag != "hr":
                    self._open_blocks.append(tag)
        elif not self._open_blocks and tag not in ("td", "th"):
            self._end_paragraph()
        else:
            self._write(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "h1" and self._heading is not None:
            self.title = " ".join("".join(self._heading).split())
            self._heading = None
            return
        if self._heading is not None:
            return
        if tag in self._skipped:
            self._skip_depth -= 1
        tag = "p" if tag == "pre" else RENAMED.get(tag, tag)
        if tag in INLINE:
            self._write(f"</{tag}>")
        elif tag in self._open_blocks and self._skip_depth == 0:
            self._open_blocks.remove(tag)
            self._blocks.append(f"</{tag}>\n")
        elif not self._open_blocks and tag not in ("td", "th"):
            self._end_paragraph()
        else:
            self._write(" ")

    def handle_data(self, data: str) -> None:
        if self._heading is not None:
            self._heading.append(data)
        elif self._skip_depth == 0:
            self.text_length += len(data.strip())
            self._write(html.escape(data, quote=False))
