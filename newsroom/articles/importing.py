"""Read an article out of a plain text, Markdown or HTML file. Nothing here touches the database."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import PurePath

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.text import slugify
from django.utils.translation import gettext as _

from newsroom.articles import body
from newsroom.articles.models import CommentMode, Section

MAX_FILE_BYTES = 2_000_000
MAX_HEADLINE = 200  # characters, as the model's field
MAX_SLUG = 60  # characters
MAX_TITLE_FROM_TEXT = 90  # characters, when the first sentence must serve as the title
MAX_TITLE_LINE = 120  # characters; a longer first line is a paragraph
WRAPPED_WIDTH = 100  # characters; no line of a hard-wrapped paragraph is longer

CLOSING = "\"'\u201d\u2019\u00bb)]"  # what may follow the full stop of a sentence
OPENING = "\"'\u201c\u2018\u00ab(\\["  # and come before the first letter of one
IDEOGRAPHIC_STOPS = "\u3002\uff01\uff1f"
CUT = " ,;:\u2013\u2014"  # marks that a shortened sentence does not end with
SENTENCE_END = re.compile(rf"[.!?\u2026][{re.escape(CLOSING)}]*(?=\s+[{OPENING}]*[^\Wa-z_])|[{IDEOGRAPHIC_STOPS}]")
ABBREVIATION = re.compile(r"\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Gen|Col|Lt|Sen|Rep|Gov|No|vs)\.$")  # no end of a sentence


class NotAnArticle(Exception):
    """The file cannot be read as an article. The message is one sentence that says why."""


@dataclass(frozen=True, kw_only=True)
class ImportedArticle:
    """What a file says about its article. ``None`` and ``""`` mean that it does not say."""

    headline: str
    body: str
    slug: str
    file_name: str
    slug_is_given: bool = False
    standfirst: str = ""
    byline: str = ""
    byline_role: str = ""
    section: str = ""
    question: str = ""
    comment_mode: str = ""
    published_at: datetime | None = None


def read_article(
    content: bytes, file_name: str, *, slug: str = "", title: str = "", section: str = "", byline: str = ""
) -> ImportedArticle:
    """
    Return the article in ``content``, the bytes of a file called ``file_name``.

    The keyword arguments win over what the file says. Raise ``NotAnArticle`` when the bytes are not UTF-8 text, are
    more than 2 MB, hold no text, or name a section, time or comment mode that does not exist.
    """
    text = _decode(content)
    kind = _kind_of(file_name, text)
    facts: dict[str, str] = {}
    if kind == "html":
        headline, safe_html = body.from_page(text)
    elif kind == "markdown":
        facts, text = _front_matter(text)
        headline, safe_html = body.from_markdown(text)
    else:
        headline, safe_html = _from_text(text, title)
    words = body.as_text(safe_html)
    if not words:
        raise NotAnArticle(_("It holds no text for an article."))
    headline = _shorten(title or facts.get("title") or headline or title_from(words), MAX_HEADLINE)
    slug_is_given = bool(slug or facts.get("slug"))
    return ImportedArticle(
        headline=headline,
        body=safe_html,
        slug=_checked_slug(slug or facts.get("slug", "")) or slug_for(headline),
        slug_is_given=slug_is_given,
        file_name=file_name,
        standfirst=facts.get("standfirst", ""),
        byline=(byline or facts.get("byline", ""))[:120],
        byline_role=facts.get("byline_role", "")[:120],
        section=_choice(section or facts.get("section", ""), Section, _("section")),
        question=_shorten(facts.get("question", ""), 200),
        comment_mode=_choice(facts.get("comments", ""), CommentMode, _("comment mode")),
        published_at=_moment(facts.get("published", "")),
    )


def slug_for(headline: str) -> str:
    """Return the address for ``headline``: at most 60 characters, cut between words, the same every time."""
    slug = slugify(headline)
    if len(slug) > MAX_SLUG:
        slug = slug[: MAX_SLUG + 1].rpartition("-")[0] or slug[:MAX_SLUG]
    # A headline in a script without Latin letters has no slug of its own.
    return slug.strip("-_") or f"article-{hashlib.sha256(headline.encode()).hexdigest()[:8]}"


def title_from(words: str) -> str:
    """Return the first sentence of ``words``, cut at a clause or a word when it is longer than 90 characters."""
    ends = (end.end() for end in SENTENCE_END.finditer(words) if not ABBREVIATION.search(words[: end.end()]))
    return _shorten(words[: next(ends, len(words))].strip().removesuffix("."), MAX_TITLE_FROM_TEXT)


def _shorten(text: str, limit: int) -> str:
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    room = text[:limit]
    clause = max(room.rfind(mark) for mark in (", ", "; ", ": ", " \u2013 ", " \u2014 "))
    if clause > limit * 0.6:
        return room[:clause].rstrip(CUT) + "…"
    return (room[: limit - 1].rpartition(" ")[0] or room[: limit - 1]).rstrip(CUT) + "…"


def _decode(content: bytes) -> str:
    if len(content) > MAX_FILE_BYTES:
        raise NotAnArticle(_("It is larger than 2 MB, which no article is."))
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise NotAnArticle(_("It is UTF-16 text. Save it as UTF-8 and import it again."))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotAnArticle(_("It is not UTF-8 text. Save it as UTF-8 and import it again.")) from None
    if re.search(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]", text):
        raise NotAnArticle(_("It is a binary file, not text."))
    if not text.strip():
        raise NotAnArticle(_("It is empty."))
    return re.sub(r"\r\n?|[\u0085\u2028\v\f]", "\n", text.replace("\u2029", "\n\n").replace("\u00a0", " "))


def _kind_of(file_name: str, text: str) -> str:
    suffix = PurePath(file_name).suffix.lower()
    if suffix in (".html", ".htm", ".xhtml"):
        return "html"
    if suffix in (".md", ".markdown"):
        return "markdown"
    if re.match(r"\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html|head|body|article|main)\b", text, re.IGNORECASE):
        return "html"
    if suffix not in (".txt", ".text") and (_front_matter(text)[0] or re.match(r"\s*# \S", text)):
        return "markdown"
    return "text"


def _front_matter(text: str) -> tuple[dict[str, str], str]:
    """Return the ``key: value`` lines between two ``---`` lines at the top, and what follows them."""
    block = re.match(r"\s*---[ \t]*\n(.*?)\n?---[ \t]*(?:\n|\Z)", text, re.DOTALL)
    if not block:
        return {}, text
    facts: dict[str, str] = {}
    for line in block[1].split("\n"):
        key, colon, value = line.partition(":")
        if line.strip() and not (colon and re.fullmatch(r"[A-Za-z][\w -]*", key.strip())):
            return {}, text
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        facts[key.strip().lower().replace("-", "_").replace(" ", "_")] = value
    return facts, text[block.end() :]


def _from_text(text: str, title: str) -> tuple[str, str]:
    lines = body.without_furniture([line.strip() for line in text.strip().split("\n")])
    headline = ""
    if _is_headline(lines):
        if not title or _same(title, lines[0]):
            headline = lines.pop(0)
    elif lines and title and _same(title, lines[0]) and len(lines) > 1:
        lines.pop(0)
    return headline, body.from_paragraphs(_paragraphs(lines))


def _same(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def _ends_a_sentence(line: str) -> bool:
    return line.rstrip(CLOSING).endswith((".", "!", "?", "…", ":", *IDEOGRAPHIC_STOPS))


def _is_headline(lines: list[str]) -> bool:
    """Say whether the first line is a headline: short, no full stop, and not the beginning of a wrapped paragraph."""
    rest = [line for line in lines[1:] if line]
    if not rest or not lines[0] or len(lines[0]) > MAX_TITLE_LINE:
        return False
    if lines[0].rstrip(CLOSING).endswith((".", ",", ";", ":", IDEOGRAPHIC_STOPS[0])):
        return False
    if not lines[1]:
        return True
    return not (_ends_a_sentence(lines[0]) or lines[1][0].islower()) and (
        len(lines[1]) > WRAPPED_WIDTH or all(_ends_a_sentence(line) for line in rest)
    )


def _paragraphs(lines: list[str]) -> list[str]:
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line:
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    paragraphs: list[str] = []
    for block in blocks:
        paragraphs.extend([" ".join(block)] if _is_wrapped(block) else block)
    return paragraphs


def _is_wrapped(block: list[str]) -> bool:
    """Say whether ``block`` is one paragraph that an editor broke into short lines."""
    before_last = block[:-1]
    unfinished = sum(not _ends_a_sentence(line) for line in before_last)
    return bool(before_last) and max(map(len, block)) <= WRAPPED_WIDTH and unfinished * 2 >= len(before_last)


def _checked_slug(slug: str) -> str:
    if slug and (len(slug) > 80 or not re.fullmatch(r"[A-Za-z0-9_-]+", slug)):
        raise NotAnArticle(
            _("“%(slug)s” cannot be an address: use up to 80 letters, digits, hyphens and underscores.")
            % {"slug": slug[:100]}
        )
    return slug


def _choice(value: str, choices: type[Section] | type[CommentMode], name: str) -> str:
    wanted = value.strip().lower()
    if wanted and wanted not in choices.values:
        raise NotAnArticle(
            _("There is no %(name)s “%(value)s”; there are: %(known)s.")
            % {"name": name, "value": value[:60], "known": ", ".join(choices.values)}
        )
    return wanted


def _moment(value: str) -> datetime | None:
    if not value:
        return None
    try:
        moment = parse_datetime(value)
        if moment is None and (day := parse_date(value)):
            moment = datetime.combine(day, time(6))
    except ValueError:
        moment = None
    if moment is None:
        raise NotAnArticle(
            _("“%(value)s” is not a time; write it as 2026-11-20 or 2026-11-20T06:00.") % {"value": value[:60]}
        )
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment.astimezone(UTC)
