"""What a finding means, in a sentence: one for the author, one for the editor. One code, one sentence, everywhere."""

from __future__ import annotations

from collections.abc import Collection
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
        case "short":
            return _("it is very short")
        case "refused_domain":
            return _("it links to a site that is not linked to here")
        case "shouting":
            return _("most of it is in capitals")
        case "only_emoji":
            return _("it has no words in it")
        case "language":
            return _("it seems to be in a language that is not read here")
        case "personal_data":
            return _personal_data(facts)
        case "campaign":
            return _("others posted nearly the same text")
        case "rejection_rate":
            return _("several of your latest comments were not published")
        case "premoderated_person":
            return _("your comments are read by an editor first")
        case "banned":
            return _("you have been banned from commenting since you sent it")
        case "suspended":
            return _("you have been suspended from commenting since you sent it")
        case "score_over":
            return _("it has to be read by an editor")
        case "phrase_suspect":
            return _("it contains words that an editor has to read first")
        case "phrase_banned":
            return _("it contains words that are not used here")
        case "phrase_unread":
            return _("it repeats itself in a way that an editor has to look at")
        case "repeat":
            if facts.get("near"):
                return _("you posted nearly the same text before")
            return _("the same text was posted before") if facts.get("own") else _("others posted the same text")
        case "flood":
            return _("you have written many comments in a short time")
        case "new_author":
            return _("your first comments here are read by an editor")
        case "guest":
            if not facts.get("needed"):
                return _("comments by guests are read by an editor")
            return _("the first comments by a guest are read by an editor")
        case "guest_name":
            return _("a reader with an account has the same name")
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
        case "flagged" | "rewritten_after_flags":
            return _("readers have asked for an editor to look at it")
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
        case "short":
            return _("%(characters)s characters long; under %(least)s waits") % _known(facts, "characters", "least")
        case "refused_domain":
            return _("Links to a refused site: %(hosts)s") % {"hosts": ", ".join(map(str, facts.get("hosts", [])))}
        case "shouting":
            return _("%(percent)s %% capitals; %(limit)s %% waits") % _known(facts, "percent", "limit")
        case "only_emoji":
            return _("Nothing but emoji")
        case "language":
            return _("Seems to be in “%(language)s”; read here: %(accepted)s") % {
                "language": facts.get("language", "?"),
                "accepted": ", ".join(map(str, facts.get("accepted", []))),
            }
        case "personal_data":
            return _("Personal data: %(kinds)s") % {"kinds": _kinds(facts)}
        case "campaign":
            return _(
                "Campaign? %(comments)s nearly equal texts by %(people)s people in %(days)s days, from #%(first)s"
            ) % (_known(facts, "comments", "people", "days", "first"))
        case "rejection_rate":
            return _(
                "%(rejected)s of the author's %(decided)s comments of the last %(days)s days were rejected"
            ) % _known(facts, "rejected", "decided", "days")
        case "premoderated_person":
            return _("Every comment by this person waits")
        case "banned":
            return _("Its author was banned after it arrived; later ones are refused")
        case "suspended":
            return _("Its author was suspended after it arrived; until that ends, later ones are refused")
        case "score_over":
            return _("Score %(percent)s %%; from %(limit)s %% on it waits") % _known(facts, "percent", "limit")
        case "expert":
            return _("Written by an expert")
        case "phrase_suspect":
            return _phrase(_("Suspect phrase"), facts)
        case "phrase_banned":
            return _phrase(_("Banned phrase"), facts)
        case "phrase_unread":
            return _("Too dense to be compared with every phrase; read it yourself")
        case "repeat":
            if facts.get("near"):
                return _("The author posted nearly the same text as #%(first)s") % _known(facts, "first")
            return (
                _("The author posted the same text as #%(first)s") if facts.get("own") else _("Same text as #%(first)s")
            ) % _known(facts, "first")
        case "flood":
            return _("%(comments)s comments in %(minutes)s minutes; %(limit)s allowed") % _known(
                facts, "comments", "minutes", "limit"
            )
        case "new_author":
            if "approved" not in facts:
                return _("New author: %(published)s of %(needed)s published") % _known(facts, "published", "needed")
            return _("New author: %(approved)s of %(needed)s approved by editors") % _known(facts, "approved", "needed")
        case "guest":
            if not facts.get("needed"):
                return _("Written by a guest; all of their comments wait")
            return _("Written by a guest: %(approved)s of %(needed)s approved by editors") % _known(
                facts, "approved", "needed"
            )
        case "guest_name":
            return _("Written by a guest with the name of a reader who has an account: %(name)s") % _known(
                facts, "name"
            )
        case "closed":
            return _("Arrived while the discussion was being closed")
        case "premoderated":
            if facts.get("level") == "section":
                return _("Every comment in this section waits")
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
        case "flagged":
            return ngettext(
                "Reported by %(people)s reader; weighs %(weight)s, %(needed)s holds",
                "Reported by %(people)s readers; together they weigh %(weight)s, %(needed)s holds",
                facts.get("people", 1),
            ) % _known(facts, "people", "weight", "needed")
        case "rewritten_after_flags":
            return _("Rewritten after readers' reports had it held; no editor has looked at it since")
        case "house_rule":
            return _house_rule(facts)
        case "approved_by_score":
            return _("Its score is low enough to be published here without an editor")
        case "would_approve":
            return _("Its score would be low enough to be published without an editor")
        case "staff":
            return _("Written by staff")
        case _other:
            return code.replace("_", " ").capitalize()


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
        case "spam":
            return _("The local model for advertising")
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
        case "slow":
            return _("%(scorer)s took too long")
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


def _score(facts: dict[str, Any]) -> str:
    given = {"scorer": facts.get("scorer", "?"), "p": _how_much(facts)}
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


def _how_much(facts: dict[str, Any]) -> str:
    """Return a score as a percentage; in a word while nothing says that it is one."""
    p = facts.get("p")
    match facts.get("word"):
        case "low":
            return _("low")
        case "medium":
            return _("medium")
        case "high":
            return _("high")
    return _("%(percent)s %%") % {"percent": round(p * 100)} if isinstance(p, int | float) else "?"


def worth_reading(facts: dict[str, Any]) -> bool:
    """Say whether a score is one an editor should see beside the objections: it names words, or is at least 0.5."""
    p = facts.get("p")
    return bool(facts.get("spans")) or (isinstance(p, int | float) and p >= 0.5)


def _phrase(what: str, facts: dict[str, Any]) -> str:
    if "phrase" not in facts:
        return what
    named = _("%(what)s: “%(phrase)s”") % {"what": what, "phrase": facts["phrase"]}
    disguised = set(facts.get("how", ())) - {"as_written", "case"}
    return _("%(named)s (%(how)s)") % {"named": named, "how": disguise(disguised)} if disguised else named


def disguise(how: Collection[str]) -> str:
    """Return in words how a text differs from the phrase that was found in it."""
    words = {
        "wildcard": _("by its *"),
        "ending": _("with an ending"),
        "signs": _("digits or signs for letters"),
        "apart": _("letters set apart"),
        "stretched": _("letters repeated"),
        "invisible": _("invisible characters"),
        "folded": _("accents, styles or look-alike letters"),
    }
    return ", ".join(text for name, text in words.items() if name in how)


def _known(facts: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: facts.get(name, "?") for name in names}


def _personal_data(facts: dict[str, Any]) -> str:
    match facts.get("kinds"):
        case ["phone"]:
            return _("it contains what looks like a telephone number")
        case ["email"]:
            return _("it contains an e-mail address")
        case ["address"]:
            return _("it contains what looks like somebody's address")
        case ["card"] | ["iban"]:
            return _("it contains what looks like an account or card number")
        case _several:
            return _("it contains what looks like personal data")


def _kinds(facts: dict[str, Any]) -> str:
    names = {
        "phone": _("telephone number"),
        "email": _("e-mail address"),
        "address": _("street address"),
        "iban": _("IBAN"),
        "card": _("card number"),
    }
    return ", ".join(names.get(kind, str(kind)) for kind in facts.get("kinds", []))


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
