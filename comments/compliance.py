"""
Decisions and sanctions in words, as the law asks for them: what was done, when, why, by whom, and how to object.

Everything stands in the rows already (DSA Art. 17(3)); nothing is made up here. :mod:`comments.letters` mails it, the
appeal page shows it, and the API answers with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings as django_settings
from django.core.exceptions import ObjectDoesNotExist
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from comments import conf
from comments.models import Commenter, Decider, Decision, Finding, Reason, Sanction, Status, Trigger
from comments.models.policy import in_language
from comments.screening import latest_run, sentences


@dataclass(frozen=True, slots=True)
class Statement:
    """One decision or sanction, in sentences for the person it is about. The active language is used."""

    number: str
    """Names it in letters and in answers to them; never a count."""
    what: str
    decided_at: datetime
    noticed_by: str
    decided_by: str
    automated: str
    """``fully``, ``partly`` or ``not``."""
    ground: str
    """``house`` or ``illegal``."""
    ground_in_words: str
    reason: str
    facts: list[str] = field(default_factory=list)
    """Why it applies: the reason's own sentence, or what each rule found."""
    explanation: str = ""
    """The editor's own words to the person."""
    legal_ground: str = ""
    where: str = ""
    until: str = ""
    guidelines: str = ""
    redress: str = ""
    appeal_until: datetime | None = None


def restricts(decision: Decision) -> bool:
    """Say whether ``decision`` took words from readers, or kept them from ever seeing them."""
    taken_down = decision.from_status == Status.PUBLISHED and decision.to_status == Status.HELD
    return decision.to_status == Status.REJECTED or taken_down


def in_force(history: Iterable[Decision]) -> Decision | None:
    """
    Return the decision that keeps a text from readers now, out of all those about that text, newest first.

    A text that waits and was never shown, one that is published, and one that was withdrawn have none.
    """
    for decision in history:
        if restricts(decision):
            return decision
        if not decision.from_status == decision.to_status == Status.HELD:
            return None
    return None


def appeal_until(decided_at: datetime) -> datetime:
    """Return the last moment at which somebody may appeal what was decided at ``decided_at``."""
    return decided_at + timedelta(days=conf.get().appeal_days)


def language_of(person: Commenter) -> str:
    """Return the language in which ``person`` is written to."""
    known = dict(django_settings.LANGUAGES)
    return person.preferred_language if person.preferred_language in known else django_settings.LANGUAGE_CODE


def in_full(moment: datetime) -> str:
    """Return a moment with its date, in the site's own time zone: true in a letter, too."""
    return date_format(timezone.localtime(moment, timezone.get_default_timezone()), "DATETIME_FORMAT")


# --- Decisions --------------------------------------------------------------------------------------------------------


def about_decision(decision: Decision) -> Statement:
    """Return the statement for the author of what ``decision`` was about. At most three queries."""
    reason = Reason.objects.filter(code=decision.reason).first() if decision.reason else None
    automated = _how_automated(decision)
    return Statement(
        number=str(decision.public_id),
        what=_what_became(decision),
        decided_at=decision.created_at,
        noticed_by=_noticed_by(decision.trigger),
        decided_by=_decided_by(decision.decider, automated),
        automated=automated,
        ground="illegal" if decision.ground == "illegal" else "house",
        ground_in_words=_ground(decision.ground),
        reason=str(reason) if reason else decision.reason,
        facts=_facts_of(decision, reason),
        explanation=_words_of(decision)[0],
        legal_ground=decision.legal_ground,
        where=_where(decision.territorial_scope),
        until=_until(decision.ends_at),
        guidelines=_guidelines(decision.guidelines_version),
        redress=redress(decision.created_at),
        appeal_until=appeal_until(decision.created_at),
    )


def _what_became(decision: Decision) -> str:
    if decision.from_status == Status.PUBLISHED:
        if decision.to_status == Status.HELD:
            return _("Your comment is hidden until an editor has read it again.")
        return _("Your comment is no longer shown.")
    if decision.revision.number > 1:
        return _("The new words of your comment were not published.")
    return _("Your comment was not published.")


def _how_automated(decision: Decision) -> str:
    if decision.decider in (Decider.SCREENING, Decider.SYSTEM):
        return "fully"
    return "partly" if decision.assistance in ("suggestion", "score_range") else "not"


def _noticed_by(trigger: str) -> str:
    match trigger:
        case Trigger.SCREENING:
            return _("our automatic checks")
        case Trigger.FLAG:
            return _("reports from readers")
        case Trigger.NOTICE | Trigger.TRUSTED_FLAGGER:
            return _("a notice that it is against the law")
        case Trigger.ORDER:
            return _("an order of an authority")
        case Trigger.BULK:
            return _("an editor looking at many comments at once")
        case Trigger.SANCTION:
            return _("a decision about your account")
        case _other:
            return _("an editor reading the comments")


def _decided_by(decider: str, automated: str) -> str:
    if decider == Decider.SYSTEM:
        return _("our software, because of readers' reports and without an editor")
    if automated == "fully":
        return _("our software, without an editor")
    if automated == "partly":
        return _("an editor, helped by a suggestion from our software")
    return _("an editor")


def _ground(ground: str) -> str:
    return _("the law") if ground == "illegal" else _("the rules for comments on this site")


def _facts_of(decision: Decision, reason: Reason | None) -> list[str]:
    said: list[str] = []
    if decision.decider in (Decider.SCREENING, Decider.SYSTEM):
        found = latest_run(list(Finding.objects.filter(revision=decision.revision_id).order_by("id")))
        if decision.decider == Decider.SYSTEM:
            counted = [finding for finding in found if finding.code == "flagged"]
        else:
            counted = [finding for finding in found if finding.verdict == decision.verdict]
        words = (sentences.for_author(f.code, f.evidence) for f in counted if isinstance(f.evidence, dict))
        said = [f"{capfirst(one)}." for one in dict.fromkeys(words)]
    elif reason is not None:
        said = [sentence] if (sentence := in_language(reason.author_text)) else []
    return said


def _words_of(thing: Decision | Sanction) -> tuple[str, str]:
    """Return the editor's words to the person, and those to other editors."""
    try:
        return thing.words.explanation, thing.words.private_note
    except ObjectDoesNotExist:
        return "", ""


def private_note(thing: Decision | Sanction) -> str:
    """Return what the one who decided wrote to other editors."""
    return _words_of(thing)[1]


def _where(countries: object) -> str:
    if isinstance(countries, list) and countries:
        return ", ".join(str(code) for code in countries)
    return _("everywhere")


def _until(ends_at: datetime | None) -> str:
    return in_full(ends_at) if ends_at else _("until further notice")


def _guidelines(version: int | None) -> str:
    return _("version %(number)d") % {"number": version} if version else ""


def redress(decided_at: datetime) -> str:
    """Return what somebody can do who thinks that it was wrong, and until when."""
    return _(
        "You can appeal once, free of charge, until %(when)s. Somebody else than who decided will look at it. You can "
        "also go to court."
    ) % {"when": in_full(appeal_until(decided_at))}


# --- Sanctions --------------------------------------------------------------------------------------------------------


def about_sanction(sanction: Sanction) -> Statement:
    """Return the statement for the person whom ``sanction`` holds for. At most two queries."""
    reason = Reason.objects.filter(code=sanction.reason).first() if sanction.reason else None
    automated = "not" if sanction.made_by_id else "fully"
    sentence = in_language(reason.author_text) if reason else ""
    return Statement(
        number=str(sanction.public_id),
        what=_what_holds(sanction),
        decided_at=sanction.created_at,
        noticed_by=_noticed_by(sanction.trigger) if sanction.trigger != Trigger.SANCTION else _("an editor"),
        decided_by=_decided_by(Decider.EDITOR if sanction.made_by_id else Decider.SCREENING, automated),
        automated=automated,
        ground="illegal" if sanction.ground == "illegal" else "house",
        ground_in_words=_ground(sanction.ground),
        reason=str(reason) if reason else sanction.reason,
        facts=[sentence] if sentence else [],
        explanation=_words_of(sanction)[0],
        legal_ground=sanction.legal_ground,
        where=_("on the whole site"),
        until=_until(sanction.ends_at),
        redress=redress(sanction.created_at),
        appeal_until=appeal_until(sanction.created_at),
    )


def _what_holds(sanction: Sanction) -> str:
    match sanction.kind:
        case Sanction.Kind.WARN:
            return _("You were warned.")
        case Sanction.Kind.PREMODERATE:
            return _("An editor reads your comments before others see them.")
        case Sanction.Kind.SUSPEND:
            return _("You cannot comment for a while.")
        case Sanction.Kind.BAN:
            return _("You cannot comment any more.")
        case _lift:
            return _("A measure against you was lifted.")
