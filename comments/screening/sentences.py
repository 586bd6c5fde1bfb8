"""What a finding means, in a sentence: one for the author, one for the editor. One code, one sentence, everywhere."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def for_author(code: str, facts: dict[str, Any]) -> str:
    """Return why a text waits, as the second half of "Waiting for an editor since 10:42, because …". No full stop."""
    match code:
        case "links":
            count = facts.get("links", 1)
            return ngettext("it contains a link", "it contains %(count)d links", count) % {"count": count}
        case "long":
            return _("it is long")
        case "phrase_suspect":
            return _("it contains words that an editor has to read first")
        case "phrase_banned":
            return _("it contains words that are not used here")
        case "repeat":
            return _("the same text was posted before") if facts.get("own") else _("others posted the same text")
        case "flood":
            return _("you have written many comments in a short time")
        case "new_author":
            return _("your first comments here are read by an editor")
        case "closed":
            return _("comments were being closed when it arrived")
        case "premoderated":
            return _("every comment here is read by an editor first")
        case "empty":
            return _("nothing of it was left to show")
        case "house_rule":
            return str(facts.get("say") or _("a rule of this newsroom asks an editor to read it"))
        case "sanitizer_disagreement" | "sanitizer_failed":
            return _("its formatting has to be looked at")
        case _unchecked:
            return _("it could not be checked by itself; this is not about what you wrote")


def for_editor(code: str, facts: dict[str, Any]) -> str:
    """Return what a rule found, for the desk."""
    match code:
        case "links":
            return ngettext(
                "Contains %(links)s link; %(allowed)s allowed",
                "Contains %(links)s links; %(allowed)s allowed",
                facts.get("links", 1),
            ) % _known(facts, "links", "allowed")
        case "long":
            return _("%(characters)s characters long; over %(limit)s waits") % _known(facts, "characters", "limit")
        case "phrase_suspect":
            return _("Suspect phrase")
        case "phrase_banned":
            return _("Banned phrase")
        case "repeat":
            return (
                _("The author posted the same text as #%(first)s") if facts.get("own") else _("Same text as #%(first)s")
            ) % _known(facts, "first")
        case "flood":
            return _("%(comments)s comments in %(minutes)s minutes; %(limit)s allowed") % _known(
                facts, "comments", "minutes", "limit"
            )
        case "new_author":
            return _("New author: %(published)s of %(needed)s published") % _known(facts, "published", "needed")
        case "closed":
            return _("Arrived while the discussion was being closed")
        case "premoderated":
            return _("Every comment on the site waits") if facts.get("everywhere") else _("Every comment here waits")
        case "empty":
            return _("Nothing is left once the text is made safe")
        case "sanitizer_disagreement":
            return _("The two sanitizers read it differently; look at it before you publish")
        case "sanitizer_failed":
            return _("The sanitizer failed (%(error)s); nothing can be shown") % _known(facts, "error")
        case "rule_failed":
            return _("A rule failed (%(error)s), so this was not checked") % _known(facts, "error")
        case "rule_slow":
            return _("A rule took too long (%(milliseconds)s ms)") % _known(facts, "milliseconds")
        case "screening_failed":
            return _("Screening was begun %(attempts)s times and never finished") % _known(facts, "attempts")
        case "house_rule":
            return _house_rule(facts)
        case "staff":
            return _("Written by staff")
        case _other:
            return code.replace("_", " ").capitalize()


def _known(facts: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: facts.get(name, "?") for name in names}


def _house_rule(facts: dict[str, Any]) -> str:
    known = _known(facts, "name", "number")
    if "shadow" in facts:
        words = {
            "hold": _("House rule “%(name)s” would hold it (shadow)"),
            "reject": _("House rule “%(name)s” would reject it (shadow)"),
        }.get(facts["shadow"], _("House rule “%(name)s” matches (shadow)"))
    else:
        words = _("House rule “%(name)s”, version %(number)s")
    said = words % known
    if facts.get("tags"):
        said += " · " + _("tagged %(tags)s") % {"tags": ", ".join(map(str, facts["tags"]))}
    if facts.get("reason_gone"):
        said += " · " + _("its reason is not in use any more, so that it waits")
    return said
