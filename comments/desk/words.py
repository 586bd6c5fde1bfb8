"""What the settings are called and what they mean, for editors: the words of :mod:`comments.conf`, to be translated."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Setting:
    title: str | Promise
    meaning: str | Promise


SETTINGS: dict[str, Setting] = {
    "switched_off": Setting(
        _("Switched off"), _("Rules and scorers that are not asked. The switches stand on top of this page.")
    ),
    "may_fail": Setting(
        _("Scorers that may fail"), _("When one of these does not answer, the others decide, and nothing waits for it.")
    ),
    "audit_percent": Setting(
        _("Spot checks, percent"),
        _("Of what screening publishes by itself, this share is drawn by lot for an editor to look at. 0: none."),
    ),
    "learn_from_everyone": Setting(
        _("Learn from everyone"),
        _("Learn also from moderators who remove over three times, or under a third of, what the others do."),
    ),
    "accept_guidelines": Setting(
        _("Guidelines have to be accepted"),
        _("Who posts has to have accepted the published guidelines, once for each version."),
    ),
    "announcement": Setting(
        _("Announcement"),
        _("A sentence above the comments: to the whole site, a section or under an article. Empty: none."),
    ),
    "announcement_until": Setting(
        _("Announcement, until"),
        _(
            "Until when the announcement of the same level stands, by the site's clock: 2026-12-24 18:00. Empty: until "
            "it is taken away."
        ),
    ),
    "commenting_closed": Setting(_("Commenting closed"), _("Nobody can post. What is published stays.")),
    "closed_sentence": Setting(
        _("Sentence while closed"),
        _("What readers are told while commenting is closed. Empty: that commenting is closed for now."),
    ),
    "commenting_hours": Setting(
        _("Hours"),
        _("When comments can be written, by the site's clock: mon-fri 06:00-24:00; sat 08:00-22:00. Empty: always."),
    ),
    "close_after_days": Setting(
        _("Close after days"), _("Comments close this many days after the discussion was opened. 0: never.")
    ),
    "slow_mode_seconds": Setting(
        _("Slow mode, seconds"), _("Seconds a person waits between two comments under one article. 0: none.")
    ),
    "comments_per_person": Setting(
        _("Comments per person"),
        _("How many comments one person may write under one article. Withdrawn ones do not count. 0: any number."),
    ),
    "posts_per_minute": Setting(
        _("Comments per minute"),
        _("A reader's comments per minute; the next one is refused with the seconds left to wait. 0: no limit."),
    ),
    "flag_hold_weight": Setting(
        _("Reports until it waits"),
        _(
            "When readers' reports on a comment weigh this much together, it waits for an editor. A reader without a "
            "record weighs 1, others between 0.1 and 2, by how editors decided on what they reported. 0: never."
        ),
    ),
    "reactions": Setting(
        _("Reactions"),
        _("How readers can react to a comment: like, dislike, insightful, thanks, funny. Empty: not at all."),
    ),
    "edit_minutes": Setting(_("Minutes to edit"), _("How long after posting an author may edit. 0: never.")),
    "premoderate": Setting(
        _("Everything waits"), _("Every comment waits for an editor: on the site, in a section or under an article.")
    ),
    "guests": Setting(_("Guests"), _("People without an account may comment, under a name they type.")),
    "guest_approvals": Setting(
        _("Guests' first comments wait"),
        _(
            "A guest's comments wait until editors have approved this many of them. Unread ones do not count. "
            "0: all of them wait, always."
        ),
    ),
    "guest_comments_per_hour": Setting(
        _("Guests' comments per hour"),
        _("Comments by guests from one network per hour; later ones are refused. 0: no limit."),
    ),
    "reserved_names": Setting(
        _("Names guests cannot have"),
        _("Guests cannot have a name with one of these words in it, nor the name of anyone with a badge."),
    ),
    "nudge": Setting(
        _("Advice before posting"),
        _("Before posting, readers are told once what in a text would make it wait, and may change it."),
    ),
    "hold_first": Setting(
        _("First comments wait"),
        _("A person's comments wait until editors have approved this many of them. Unread ones do not count. 0: off."),
    ),
    "trust_experts": Setting(
        _("Trust experts"), _("The rules for readers leave people with the badge “expert” alone, as they do staff.")
    ),
    "strike_days": Setting(
        _("Strikes fade, days"),
        _("A rejection or a warning by an editor is a strike; it weighs half after this many days. 0: it never fades."),
    ),
    "strike_ladder": Setting(
        _("Usual steps"),
        _("What is usual from how many strikes on: 1 warn, 2 suspend 3, 6 ban. The desk suggests it; you decide."),
    ),
    "numbers_per_editor": Setting(
        _("Numbers by editor"),
        _(
            "The numbers have a table of what each editor decided, for everyone who may see the numbers. Ask the "
            "people first: in some countries their representatives have to agree."
        ),
    ),
    "hold_over_score": Setting(
        _("Wait over score, percent"),
        _("A comment that the local scorer finds this likely to be removed waits for an editor. 0: never."),
    ),
    "hold_over_characters": Setting(
        _("Longest, in characters"), _("Comments longer than this wait for an editor. 0: never.")
    ),
    "hold_under_characters": Setting(
        _("Shortest, in characters"), _("Comments shorter than this wait for an editor. 0: never.")
    ),
    "links_allowed": Setting(
        _("Links allowed"), _("A comment with more links to other sites than this waits for an editor.")
    ),
    "allowed_domains": Setting(
        _("Sites that do not count"), _("Hosts whose links never count, with their subdomains. Commas between them.")
    ),
    "refused_domains": Setting(
        _("Refused sites"),
        _("A comment with a link to one of these hosts, or to a subdomain of one, is rejected as spam."),
    ),
    "shouting_percent": Setting(
        _("Capitals, percent"),
        _("A comment with this share of its letters in capitals waits for an editor. 0: never."),
    ),
    "shouting_letters": Setting(_("Capitals, from letters"), _("With fewer letters than this, nothing is shouting.")),
    "hold_only_emoji": Setting(_("Emoji wait"), _("A comment of nothing but emoji waits for an editor.")),
    "languages": Setting(
        _("Languages"), _("Languages comments may be in, by their codes: en, es. Others wait. Empty: all.")
    ),
    "language_characters": Setting(
        _("Language, from letters"), _("The language of a comment with fewer letters than this is not judged.")
    ),
    "hold_personal_data": Setting(
        _("Personal data waits"),
        _("A comment with a phone number, an e-mail address, a street address or an account number waits."),
    ),
    "rejection_rate_percent": Setting(
        _("Often rejected, percent"),
        _("Comments of a person of whose latest ones at least this share were rejected wait. 0: off."),
    ),
    "rejection_rate_sample": Setting(
        _("Often rejected, from comments"), _("With fewer decided comments than this, nobody is judged by the rate.")
    ),
    "rejection_rate_days": Setting(
        _("Often rejected, days"), _("Comments older than this many days do not count for the rate.")
    ),
    "repeat_hours": Setting(
        _("Repeats, hours"),
        _("The same text again within this many hours, or one's own nearly the same, waits. 0: off."),
    ),
    "short_repeats": Setting(
        _("Short repeats"),
        _("A very short text (“well said”) may be posted so often by one person in these hours. 0: any number."),
    ),
    "campaign_people": Setting(
        _("Campaign, people"),
        _("Nearly the same text by this many people within the days of a campaign waits for an editor. 0: off."),
    ),
    "campaign_days": Setting(
        _("Campaign, days"),
        _("For this long it is remembered what texts have in common, never the texts themselves."),
    ),
    "flood_comments": Setting(
        _("Flood, comments"), _("More comments than this by one person within the minutes of a flood wait. 0: off.")
    ),
    "flood_minutes": Setting(_("Flood, minutes"), _("Within how many minutes comments count as a flood.")),
}
"""A title and a meaning for each name of ``conf.PANEL``."""


def title(name: str) -> str:
    """Return what editors call the setting ``name``."""
    known = SETTINGS.get(name)
    return str(known.title) if known else name.replace("_", " ").capitalize()


def meaning(name: str) -> str:
    known = SETTINGS.get(name)
    return str(known.meaning) if known else ""


def subject(kind: str, said: str) -> str:
    """Return what a change of policy was about as editors call it: ``links_allowed (site)`` by its title."""
    if kind != "setting":
        return said
    name, _space, place = said.partition(" ")
    return f"{title(name)} {place}"
