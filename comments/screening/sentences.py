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
        case "scorer_failed":
            known = _known(facts, "status", "error") | {"scorer": scorer_title(str(facts.get("scorer", "?")))}
            return _scorer_failed(facts.get("why")) % known
        case "rule_slow":
            return _("A rule took too long (%(milliseconds)s ms)") % _known(facts, "milliseconds")
        case "screening_failed":
            return _("Screening was begun %(attempts)s times and never finished") % _known(facts, "attempts")
        case "score":
            return _score(facts)
        case "no_score":
            return _("No score: a language it does not read, or too little to read")
        case "approved_by_score":
            return _("Its score is low enough to be published here without an editor")
        case "would_approve":
            return _("Its score would be low enough to be published without an editor")
        case "staff":
            return _("Written by staff")
        case _other:
            return code.replace("_", " ").capitalize()


def _score(facts: dict[str, Any]) -> str:
    p = facts.get("p")
    given = {"scorer": facts.get("scorer", "?"), "p": f"{p:.2f}" if isinstance(p, int | float) else "?"}
    if not worth_reading(facts):
        return _("Score %(p)s (%(scorer)s)") % given
    match given["scorer"]:
        case "local":
            said = _("Looks like what editors remove: %(p)s") % given
        case "spam":
            said = _("Looks like advertising: %(p)s") % given
        case _other:
            said = _("%(scorer)s would remove it: %(p)s") % given
    return _("%(said)s; words that raised it are marked") % {"said": said} if facts.get("spans") else said


def worth_reading(facts: dict[str, Any]) -> bool:
    """Say whether a score is one an editor should see beside the objections: it names words, or is at least 0.5."""
    p = facts.get("p")
    return bool(facts.get("spans")) or (isinstance(p, int | float) and p >= 0.5)


def scorer_title(name: str) -> str:
    """Return what editors call the scorer ``name``."""
    match name:
        case "akismet":
            return "Akismet"
        case "moderation":
            return _("The moderation service")
        case "endpoint":
            return _("The HTTP scorer")
        case "local":
            return _("The local model")
        case _other:
            return _("The scorer “%(name)s”") % {"name": name}


def _scorer_failed(why: object) -> str:
    match why:
        case "timeout":
            return _("%(scorer)s did not answer in time")
        case "unreachable":
            return _("%(scorer)s could not be reached")
        case "not_trusted":
            return _("%(scorer)s was not asked: its certificate cannot be trusted")
        case "status":
            return _("%(scorer)s answered with an error (%(status)s)")
        case "bad_answer":
            return _("%(scorer)s gave an answer that cannot be used")
        case "breaker_open":
            return _("%(scorer)s did not answer before, so it was not asked")
        case "refused_address":
            return _("%(scorer)s was not asked: its address is not one that may be asked")
        case "not_set_up":
            return _("%(scorer)s is not set up")
        case _unknown:
            return _("%(scorer)s failed (%(error)s)")


def _known(facts: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: facts.get(name, "?") for name in names}
