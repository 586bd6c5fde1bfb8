"""
Every setting of the app: ``COMMENTS = {"LINKS_ALLOWED": 2}`` in the project's settings.

A name that is not listed here is an error at start (``comments.E001``), so a typing mistake is never a silent default.
"""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from comments import hours

RULES = (
    "comments.screening.scorers.linear.local",
    "comments.screening.scorers.linear.spam",
    "comments.screening.rules.text.hold_sanitizer_disagreement",
    "comments.screening.rules.text.reject_empty",
    "comments.screening.rules.text.hold_long",
    "comments.screening.rules.text.hold_short",
    "comments.screening.rules.text.hold_links",
    "comments.screening.rules.text.reject_refused_domain",
    "comments.screening.rules.text.judge_phrases",
    "comments.screening.rules.text.hold_shouting",
    "comments.screening.rules.text.hold_only_emoji",
    "comments.screening.rules.language.hold_other_language",
    "comments.screening.rules.personal_data.hold_personal_data",
    "comments.screening.rules.author.trust_staff",
    "comments.screening.rules.author.trust_expert",
    "comments.screening.rules.author.hold_new_author",
    "comments.screening.rules.author.hold_guest",
    "comments.screening.rules.author.hold_rejection_rate",
    "comments.screening.rules.author.hold_banned",
    "comments.screening.rules.author.hold_suspended",
    "comments.screening.rules.author.hold_premoderated_person",
    "comments.screening.rules.author.hold_repeat",
    "comments.screening.rules.author.hold_flood",
    "comments.screening.rules.repeats.hold_own_repeat",
    "comments.screening.rules.repeats.hold_campaign",
    "comments.screening.rules.author.hold_rewritten_after_flags",
    "comments.screening.rules.discussion.hold_closed",
    "comments.screening.rules.discussion.hold_premoderated",
    "comments.screening.rules.score.hold_score",
    "comments.screening.house_rules.judge_house_rules",
)

_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/?")


@dataclass(frozen=True, slots=True)
class Settings:
    """The app's settings, each with its default. Field ``links_allowed`` is the key ``LINKS_ALLOWED``."""

    rules: tuple[str, ...] = RULES
    """
    Dotted paths of the screening rules and scorers, in the order in which their findings are shown. All of them always
    run; a rule that reads what scorers said stands after them.
    """

    rule_milliseconds: int = 250
    """A rule or scorer that works longer than this, in CPU time, counts as failed, and a failed one holds."""

    switched_off: tuple[str, ...] = ()
    """Names of rules and scorers that are not asked: the last part of their dotted path. The panel's kill switch."""

    may_fail: tuple[str, ...] = ()
    """Names of scorers whose failure does not hold a comment: the others decide."""

    scorer_milliseconds: int = 1_000
    """Longest wait for a scorer that other people run, from the look-up of its address to the end of its answer."""

    allow_private_scorers: bool = False
    """
    Scorers may be on the newsroom's own network, such as a model it hosts itself: private addresses are asked too, and
    this very machine also by ``http://``.
    """

    akismet_key: str = field(default="", repr=False)
    """Key of Akismet, for ``comments.screening.scorers.akismet.akismet``."""

    akismet_site: str = ""
    """Address of the site that the key is for: ``"https://example-news.com/"``."""

    akismet_url: str = "https://rest.akismet.com"
    """Where Akismet is asked; another one for a gateway of yours in between."""

    akismet_author: bool = False
    """Akismet is also told the author's name and e-mail address."""

    moderation_url: str = field(default="", repr=False)
    """
    Where an OpenAI-style ``/v1/moderations`` stands, for ``comments.screening.scorers.openai_style.moderation``:
    ``"https://api.openai.com"``, or a model of your own that answers alike.
    """

    moderation_key: str = field(default="", repr=False)
    """Sent to it as ``Authorization: Bearer``. Empty: nothing is sent."""

    moderation_model: str = ""
    """Which of its models to ask. Empty: its own choice."""

    scorer_url: str = field(default="", repr=False)
    """Where a scorer of your own is asked, for ``comments.screening.scorers.http.endpoint``."""

    scorer_secret: str = field(default="", repr=False)
    """Signs what is sent there, so that it can refuse everybody else."""
    models_folder: str = ""
    """Folder with ``toxicity.bin`` and ``spam.bin``, as ``train_model`` writes them. Empty: those that ship."""

    learn_from_everyone: bool = False
    """Learn also from moderators who remove over three times, or under a third of, what the others do."""

    audit_percent: int = 5
    """Of what screening publishes by itself, this share is drawn by lot for an editor to look at. 0: none."""

    max_characters: int = 10_000
    """Longest comment accepted, in characters; 10,000 at most."""

    hold_over_characters: int = 6_000
    """Comments longer than this wait for an editor. 0: never."""

    hold_under_characters: int = 0
    """Comments shorter than this wait for an editor. 0: never."""

    links_allowed: int = 0
    """A comment with more links to other sites than this waits for an editor."""

    own_domains: tuple[str, ...] = ()
    """Hosts whose links never count, with their subdomains: ``("example-news.com",)``."""

    allowed_domains: tuple[str, ...] = ()
    """Other hosts whose links never count, with their subdomains."""

    refused_domains: tuple[str, ...] = ()
    """A comment with a link to one of these hosts, or to a subdomain of one, is rejected as spam."""

    shouting_percent: int = 80
    """A comment with this share of its letters in capitals waits for an editor. 0: never."""

    shouting_letters: int = 30
    """With fewer letters than this, nothing counts as shouting."""

    hold_only_emoji: bool = True
    """A comment of nothing but emoji waits for an editor."""

    languages: tuple[str, ...] = ()
    """Languages comments may be in: ``("en", "es")``. Others wait. Needs the extra ``lang``. Empty: all."""

    language_characters: int = 40
    """The language of a comment with fewer letters than this is not judged."""

    hold_personal_data: bool = True
    """A comment with a phone number, an e-mail address, a street address or an account number waits for an editor."""

    hold_first: int = 0
    """A person's comments wait until editors have approved this many of them. Unread ones do not count. 0: off."""

    trust_experts: bool = False
    """The rules for readers leave people with the badge "expert" alone, as they do staff."""

    rejection_rate_percent: int = 50
    """Comments of a person of whose latest ones at least this share were rejected wait for an editor. 0: off."""

    rejection_rate_sample: int = 5
    """See ``rejection_rate_percent``: with fewer decided comments than this, nobody is judged by the rate."""

    rejection_rate_days: int = 90
    """See ``rejection_rate_percent``: comments older than this many days do not count."""

    repeat_hours: int = 24
    """The same text again within this many hours, or one's own nearly the same, waits for an editor. 0: off."""

    short_repeats: int = 2
    """A very short text ("well said") may be posted so often by one person within ``repeat_hours``. 0: any number."""

    campaign_people: int = 3
    """Nearly the same text by this many people within ``campaign_days`` waits for an editor. 0: off."""

    campaign_days: int = 7
    """See ``campaign_people``. For this long it is remembered what texts have in common, never the texts."""

    strike_days: int = 30
    """An editor's rejection or warning is a strike; it weighs half after this many days. 0: it never fades."""

    strike_ladder: tuple[str, ...] = ("1 warn", "2 suspend 3", "3 suspend 7", "4 suspend 30", "6 ban")
    """
    What is usual from how many strikes on: ``"2 suspend 3"`` is a suspension of 3 days from 2 strikes. The desk
    suggests it; an editor decides.
    """

    hold_over_score: int = 30
    """A comment that the local scorer finds this likely to be removed, in percent, waits for an editor. 0: never."""

    flood_comments: int = 40
    """More comments than this by one person within ``flood_minutes`` wait for an editor. 0: off."""

    flood_minutes: int = 10
    """See ``flood_comments``."""

    posts_per_minute: int = 20
    """A reader's comments per minute; the next one is refused with the seconds left to wait. 0: no limit."""

    previews_per_minute: int = 30
    """Previews per minute by one person, or from one network; later ones are refused. 0: no limit."""

    issues_per_hour: int = 20
    """
    Issue reports per hour by people without an account from one network that are stored; later ones are counted. So
    many messages may be added to reports from one network. 0: any number.
    """

    issues_stored_per_hour: int = 3
    """Issue reports per hour by one reader that are stored; later ones are counted on the last. 0: all."""

    issues_stored_per_day: int = 10
    """The same for a day. A reader is an account, else a browser, else a network."""

    issues_busy_per_ten_minutes: int = 30
    """With more anonymous reports than this in ten minutes, those without proof of work are trusted less. 0: never."""

    issue_quiet_days: int = 7
    """A report that was answered closes by itself when its reader says nothing for so long. 0: never."""

    issue_reopen_days: int = 30
    """How long a closed report can be opened again; after that a new one is needed."""

    issue_email_days: int = 90
    """The address on a report is deleted so many days after it was closed."""

    issue_text_days: int = 180
    """What was written and sent on a report is deleted so many days after it was closed; kind, code and times stay."""

    failure_hours: int = 72
    """Refusals and errors that readers met say so long whose they were. What was refused, and how often, stays."""

    release: str = ""
    """What is deployed: ``"2611.3"``. Stands on failures and reports, so that they are told apart before and after."""

    flag_hold_weight: int = 3
    """
    When readers' flags on a comment weigh this much together, it waits for an editor. A reader without a record weighs
    1, others between 0.1 and 2, by how editors decided on what they flagged. 0: never.
    """

    flags_per_hour: int = 30
    """Comments one reader may flag per hour; later ones are refused with the minutes left. 0: no limit."""

    appeals_per_hour: int = 10
    """More attempts to appeal than this by one person wait. 0: no limit."""

    appeal_days: int = 183
    """How long after a decision its author may appeal; at least six months is what European law asks of platforms."""

    appeal_due_days: int = 14
    """An appeal that nobody has ruled on after this many days is marked as late."""

    mail_decisions: bool = True
    """An author whose comment is rejected or taken down is mailed what was decided, why, and how to appeal."""

    guests: bool = False
    """People without an account may comment, under a name they type."""

    guest_approvals: int = 3
    """A guest's comments wait until editors have approved this many of them. Unread ones do not count. 0: all wait."""

    guest_comments_per_hour: int = 20
    """Comments by guests from one network per hour; later ones are refused with the minutes left. 0: no limit."""

    guest_wait_seconds: int = 10
    """A guest whose browser cannot do the sum is asked to wait this long, and to press again."""

    reserved_names: tuple[str, ...] = ("admin", "administrator", "editor", "editors", "moderator", "newsroom", "staff")
    """Guests cannot have a name with one of these words in it, nor the name of anyone with a badge."""

    proof_numbers: int = 50_000
    """How long the sum takes that a guest's browser does: it tries half as many numbers, some 30,000 a second."""

    proof_minutes: int = 30
    """How long a sum can be handed in, once."""

    nudge: bool = True
    """Before posting, readers are told once what in a text would make it wait, and may change it."""
    notice_mails_per_hour: int = 6
    """Mails about replies, mentions and the like to one person in an hour; more are told together. 0: none at all."""

    daily_mail_hour: int = 7
    """From this hour on, by the site's clock, those get their mail who wish it daily."""

    notice_days: int = 90
    """So long people can look up what they were told of."""

    premoderate: bool = False
    """Every comment waits for an editor: on the site, in a section or under an article."""

    commenting_closed: bool = False
    """Nobody can post. What is published stays."""

    closed_sentence: str = ""
    """What readers are told while ``commenting_closed`` is on. Empty: that commenting is closed for now."""

    commenting_hours: tuple[str, ...] = ()
    """
    When comments can be written, by the site's clock: ``("mon-fri 06:00-24:00", "sat 08:00-22:00")``. Empty: always.
    """

    close_after_days: int = 0
    """Comments close this many days after the discussion was opened. 0: never."""

    slow_mode_seconds: int = 0
    """Seconds a person waits between two comments in one discussion. 0: none."""

    comments_per_person: int = 0
    """How many comments one person may write in one discussion; withdrawn ones do not count. 0: any number."""

    bulk_most: int = 50_000
    """Comments that editors can decide about at once. More: they are asked to narrow their search."""

    deletion_days: int = 14
    """Days between a reader's wish to delete their account and its end, in which they can take it back. 0: none."""

    erase_user: str = "comments.privacy.hooks.scrub_user"
    """
    What becomes of the Django user of who deletes their account: a function that takes the user. The one that ships
    empties the fields and switches the user off.
    """

    export_days: int = 7
    """How long a download of one's own data can be fetched, in days."""

    export_megabytes: int = 100
    """Largest download of one's own data that is prepared for a reader; ``export_person`` has no limit."""

    exports_per_day: int = 5
    """Downloads of their data one person may have prepared in a day. 0: no limit."""

    renames_per_day: int = 3
    """How often in a day one person may change the name that is shown. 0: no limit."""

    edit_minutes: int = 30
    """How long after posting an author may edit. 0: never."""

    numbers_per_editor: bool = False
    """
    The numbers have a table of what each editor decided, for everyone who may see the numbers. Ask the people first:
    in some countries their representatives have to agree.
    """

    reactions: tuple[str, ...] = ("like",)
    """
    How readers can react to a comment: any of ``like``, ``dislike``, ``insightful``, ``thanks`` and ``funny``. Empty:
    not at all.
    """

    reactions_per_minute: int = 60
    """Reactions one reader may give per minute; later ones are refused with the time to wait. 0: no limit."""

    page_size: int = 20
    """Conversations on a page; the API accepts ``limit`` up to twice this."""

    replies_shown: int = 5
    """Replies shown under each conversation before "more replies"."""

    indent_levels: int = 4
    """Replies are indented to this depth; deeper ones stand flat, with whom they answer."""

    sweep_after_seconds: int = 30
    """A comment still unscreened after this long is taken up by the sweeper."""

    max_attempts: int = 5
    """Screening is tried this often; then the comment waits for an editor, with the reason."""

    cache_seconds: int = 15
    """Longest time a public page is served without being built again, in seconds (like counts follow within it)."""

    cache_megabytes: int = 64
    """Most memory a process spends on public pages."""

    redis_url: str = field(default="", repr=False)
    """Redis for live events between processes. Empty: one process, its own bus."""

    streams_per_process: int = 2_000
    """Live connections one process accepts; the next one is told to poll."""

    trusted_proxies: int = 0
    """How many proxies in front of the site add to ``X-Forwarded-For``. 0: believe only the connection's address."""

    guidelines_version: int | None = None
    """
    Version of guidelines that are kept elsewhere, written on every decision. Those published on the desk beat it.
    """

    accept_guidelines: bool = False
    """Who posts has to have accepted the published guidelines, once for each version."""

    announcement: str = ""
    """A sentence above the comments: to the whole site, a section or under an article. Empty: none."""

    announcement_until: str = ""
    """
    Until when the announcement stands, by the site's clock: ``"2026-12-24 18:00"``. Empty: until it is taken away. It
    holds for the announcement of the same level.
    """

    contact_email: str = ""
    """Address printed under the issue form, for when even that fails."""

    embed_ancestors: tuple[str, ...] = ()
    """
    Sites whose pages may show the issue form and its receipt in a frame: ``["https://partner.example"]``. Empty: none.
    """

    issue_reply_domain: str = ""
    """Where answers to our mails go: ``issues+…@`` this domain, to a program that files them. Empty: nowhere."""

    incident_false_alarms: int = 4
    """How many false proposals of an incident the newsroom bears in a year; with fewer they come later. 0: none."""

    newsroom_emails: tuple[str, ...] = ()
    """Who is mailed when an incident is proposed. Empty: only ``DESK_WEBHOOK_URL`` is told."""

    site_url: str = ""
    """Where the site stands: ``"https://example-news.com"``. Mail and webhooks cannot link without it."""

    digest_minutes: int = 30
    """Editors who wish mail get it when something has waited this long, and at most once in this time. 0: never."""

    desk_webhook_url: str = field(default="", repr=False)
    """Where the desk's messages go: an incoming webhook of Slack, Mattermost or a program of yours. Empty: nowhere."""

    desk_webhook_secret: str = field(default="", repr=False)
    """Signs them: ``X-Comments-Signature: sha256=…`` over the body."""

    desk_webhook_text: bool = False
    """They also carry the comment's text, which then leaves the site."""

    sso_keys: dict[str, str] = field(default_factory=dict, repr=False, hash=False)
    """
    With what the publisher's own site signs readers in here, each key by its id: a secret of 32 bytes or more (HS256),
    or a public key in PEM (RS256, ES256, EdDSA). Several while one takes over from another. Empty: not at all.
    """

    sso_issuer: str = ""
    """Who signs: the claim ``iss``, word for word. Readers' ids (``sub``) are this issuer's."""

    sso_audience: str = ""
    """For whom it is signed: what ``aud`` has to name, so that no token made for something else opens this."""

    sso_login_url: str = field(default="", repr=False)
    """
    Where the publisher signs readers in: ``"https://example-news.com/sign-in"``. "Sign in" leads there. Empty: to
    ``LOGIN_URL``, and only programs can hand a token in.
    """

    sso_session_days: int = 30
    """How long somebody the publisher signed in stays signed in, in a browser and with a token of the API."""

    sso_refused_per_hour: int = 60
    """
    Sign-ins from one network that may be refused in an hour; then it is told to wait. One that is good never is. 0: any
    number.
    """

    def __post_init__(self) -> None:
        for each in fields(self):
            value, name = getattr(self, each.name), each.name.upper()
            if each.type == "int" and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
                raise ImproperlyConfigured(f"COMMENTS[{name!r}] must be a whole number, not {value!r}.")
            if each.type == "bool" and not isinstance(value, bool):
                raise ImproperlyConfigured(f"COMMENTS[{name!r}] must be True or False, not {value!r}.")
            if each.type == "str" and not isinstance(value, str):
                # Without the value: it may be a key.
                raise ImproperlyConfigured(f"COMMENTS[{name!r}] must be text.")
            if each.type == "dict[str, str]" and not _is_of_texts(value):
                raise ImproperlyConfigured(f"COMMENTS[{name!r}] must be texts by their names: {{'name': 'text'}}.")
            if each.type == "tuple[str, ...]" and isinstance(value, str):
                raise ImproperlyConfigured(f"COMMENTS[{name!r}] must be a list, not the text {value!r}.")
        for name in PERCENTAGES:
            if getattr(self, name) > 100:
                raise ImproperlyConfigured(f"COMMENTS[{name.upper()!r}] is a share, 100 at most.")
        if self.site_url and not _ORIGIN.fullmatch(self.site_url):
            raise ImproperlyConfigured(
                f"COMMENTS['SITE_URL'] must be like 'https://example-news.com', not {self.site_url!r}."
            )
        for origin in self.embed_ancestors:
            if not _ORIGIN.fullmatch(str(origin)):
                raise ImproperlyConfigured(
                    f"COMMENTS['EMBED_ANCESTORS'] must be like ['https://partner.example'], not {origin!r}."
                )
        for step in self.strike_ladder:
            if not _STEP.fullmatch(str(step)):
                raise ImproperlyConfigured(
                    f"COMMENTS['STRIKE_LADDER'] cannot read {str(step)!r}; write '1 warn', '2 suspend 3' or '6 ban'."
                )
        for kind in self.reactions:
            if kind not in REACTIONS:
                raise ImproperlyConfigured(
                    f"COMMENTS['REACTIONS'] does not know {str(kind)[:40]!r}; it knows {', '.join(REACTIONS)}."
                )
        try:
            hours.parsed(self.commenting_hours)
        except ValueError as error:
            raise ImproperlyConfigured(
                f"COMMENTS['COMMENTING_HOURS'] cannot read {str(error)!r}; write it like 'mon-fri 06:00-24:00'."
            ) from None

        try:
            hours.moment(self.announcement_until)
        except ValueError:
            raise ImproperlyConfigured(
                f"COMMENTS['ANNOUNCEMENT_UNTIL'] cannot read {self.announcement_until!r}; "
                "write it like '2026-12-24 18:00'."
            ) from None


def _is_of_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for pair in value.items() for one in pair)


_STEP = re.compile(r"\d{1,4}(\.\d)? (warn|premoderate|ban|suspend \d{1,4})")

REACTIONS = ("like", "dislike", "insightful", "thanks", "funny")

PERCENTAGES = ("audit_percent", "shouting_percent", "rejection_rate_percent", "hold_over_score")

PANEL = {
    "switched_off": "site",
    "may_fail": "site",
    "audit_percent": "site",
    "learn_from_everyone": "site",
    "numbers_per_editor": "site",
    "accept_guidelines": "site",
    "announcement": "discussion",
    "announcement_until": "discussion",
    "commenting_closed": "discussion",
    "closed_sentence": "discussion",
    "commenting_hours": "discussion",
    "close_after_days": "discussion",
    "slow_mode_seconds": "discussion",
    "comments_per_person": "discussion",
    "posts_per_minute": "discussion",
    "flag_hold_weight": "discussion",
    "reactions": "discussion",
    "edit_minutes": "discussion",
    "premoderate": "discussion",
    "guests": "discussion",
    "guest_approvals": "discussion",
    "guest_comments_per_hour": "site",
    "reserved_names": "site",
    "nudge": "discussion",
    "hold_first": "discussion",
    "trust_experts": "discussion",
    "hold_over_score": "discussion",
    "hold_over_characters": "discussion",
    "hold_under_characters": "discussion",
    "links_allowed": "discussion",
    "allowed_domains": "discussion",
    "refused_domains": "discussion",
    "shouting_percent": "discussion",
    "shouting_letters": "discussion",
    "hold_only_emoji": "discussion",
    "languages": "discussion",
    "language_characters": "discussion",
    "hold_personal_data": "discussion",
    "rejection_rate_percent": "discussion",
    "rejection_rate_sample": "discussion",
    "rejection_rate_days": "discussion",
    "repeat_hours": "discussion",
    "short_repeats": "discussion",
    "campaign_people": "discussion",
    "campaign_days": "site",
    "flood_comments": "discussion",
    "flood_minutes": "discussion",
    "strike_days": "site",
    "strike_ladder": "site",
}
"""Settings that editors may change, and the lowest level at which they may: see :mod:`comments.thresholds`."""


@cache
def meanings() -> dict[str, str]:
    """Return what each setting means: the lines under its field, as this file has them, on one line each."""
    found: dict[str, str] = {}
    try:
        [described] = ast.parse(inspect.getsource(Settings)).body
    except (OSError, TypeError):
        # Installed without its source.
        return found
    assert isinstance(described, ast.ClassDef)  # noqa: S101
    for before, after in zip(described.body, described.body[1:], strict=False):
        if (
            isinstance(before, ast.AnnAssign)
            and isinstance(before.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            found[before.target.id] = " ".join(str(after.value.value).split())
    return found


KNOWN = {each.name.upper(): each.name for each in fields(Settings)}
_read: tuple[Any, Settings] = (None, Settings())


def get() -> Settings:
    """
    Return the settings in force; follows ``override_settings``.

    Raise ``ImproperlyConfigured`` for an unknown name or a value of the wrong type.
    """
    global _read
    given = getattr(django_settings, "COMMENTS", None)
    source, read = _read
    if given is source:
        return read
    unknown = set(given or {}) - set(KNOWN)
    if unknown:
        raise ImproperlyConfigured(f"COMMENTS has unknown settings: {', '.join(sorted(unknown))}.")
    values: dict[str, Any] = {KNOWN[n]: tuple(v) if isinstance(v, list) else v for n, v in (given or {}).items()}
    read = Settings(**values)
    _read = (given, read)
    return read
