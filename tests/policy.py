"""Say what is wrong with a comment's HTML, by the eyes of a parser that had no part in making it."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

import html5lib

ELEMENTS = {"a", "blockquote", "br", "code", "del", "details", "em", "li", "ol", "p", "pre", "strong", "ul"}
REL = "nofollow ugc noopener"
INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"}


def violations(html: str) -> list[str]:
    """
    Return every way in which ``html`` is not what a comment may be; an empty list is what every test wants.

    The policy is written down here a second time on purpose: a mistake in the first would not be found by itself.
    """
    fragment = parsed(html)
    found: list[str] = []
    for element in fragment.iter():
        if element is fragment:
            continue
        if not isinstance(element.tag, str):
            found.append("a comment or a declaration")
        elif element.tag not in ELEMENTS:
            found.append(f"the element {element.tag}")
        else:
            found += _attribute_violations(element)
    # A tree that changes when it is written and read again can become something else in a browser.
    if as_lines(parsed(_written(fragment))) != as_lines(fragment):
        found.append("a tree that changes when it is read again")
    return found


def parsed(html: str) -> Element:
    fragment: Element = html5lib.parseFragment(html, treebuilder="etree", namespaceHTMLElements=False)
    return fragment


def visible_text(html: str) -> str:
    """Return the words a browser would show, each pair of words with one space in between."""
    broken = re.sub(r"<(/?(?:p|li|pre|blockquote|details|ul|ol)|br)\b", r" <\1", html)
    return " ".join("".join(parsed(broken).itertext()).split())


def as_lines(fragment: Element) -> list[str]:
    """Return a tree as a list that two trees can be compared by."""
    lines: list[str] = []
    for element in fragment.iter():
        lines.append(f"{element.tag} {sorted(element.attrib.items())} {[element.text or '', element.tail or '']}")
    return lines


def _written(fragment: Element) -> str:
    serializer = html5lib.serializer.HTMLSerializer(
        omit_optional_tags=False, quote_attr_values="always", alphabetical_attributes=True
    )
    written: str = serializer.render(html5lib.getTreeWalker("etree")(fragment))
    # What a parser would not read as it is written: the newline after <pre>, and carriage returns.
    return written.replace("<pre>\n", "<pre>\n\n").replace("\r", "&#13;")


def _attribute_violations(element: Element) -> list[str]:
    if element.tag == "ol" and set(element.attrib) <= {"start"}:
        start = element.get("start", "1")
        return [] if re.fullmatch(r"[0-9]{1,9}", start) else [f"a list that starts at {start!r}"]
    if element.tag != "a":
        return [f"the attribute {name} on {element.tag}" for name in element.attrib]
    found = [f"the attribute {name} on a" for name in element.attrib if name not in {"href", "rel"}]
    if element.get("rel") != REL:
        found.append(f"a link with rel {element.get('rel')!r}")
    return found + address_violations(element.get("href", ""))


def address_violations(address: str) -> list[str]:
    """Return what is wrong with the address of a link."""
    found = []
    if not address.isascii() or any(unicodedata.category(character) in INVISIBLE for character in address):
        found.append(f"an address with other than visible ASCII: {address!r}")
    if len(address) > 2000 or set("\\<>\"'`{}") & set(address):
        found.append(f"an address that is too long or has brackets or quotes in it: {address!r}")
    if re.search(r"&#?\w+;", address):
        found.append(f"an address that reads as another one when it is decoded twice: {address!r}")
    if not re.match(r"(?:https?://[a-z0-9_-]|mailto:[A-Za-z0-9_+.-]+@[a-z0-9_-])", address):
        found.append(f"an address that does not begin as it should: {address!r}")
        return found
    parts = urlsplit(address)
    host = parts.path.rpartition("@")[2] if parts.scheme == "mailto" else parts.hostname or ""
    if not re.fullmatch(r"[a-z0-9_.-]+", host) or "@" in parts.netloc:
        found.append(f"an address with another host than it seems to have: {address!r}")
    if parts.scheme == "mailto" and (parts.query or parts.fragment):
        found.append(f"a mail address that carries more than the address: {address!r}")
    return found
