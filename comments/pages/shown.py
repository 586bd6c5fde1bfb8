"""One comment as ``comments/_comment.html`` takes it: plain strings and no questions left to ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, TypedDict
from urllib.parse import quote, urlencode

from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext, pgettext
from django.utils.translation import gettext as _

from comments import conf, questions, sso, threads, thresholds
from comments.models import Commenter, Discussion, Status
from comments.pages import mold


class Shown(TypedDict):
    """
    What one comment looks like. Values are text, so that no template has to format, count or look anything up.

    ``html`` is safe HTML made by :mod:`comments.text`; ``text`` is shown, escaped, where there is none yet.
    """

    anchor: str
    heading: str
    url: str
    name: str
    badge: str
    badge_name: str
    role: str
    pick: str
    pinned: str
    at: str
    when: str
    edited: str
    answers: str
    answers_url: str
    html: str
    text: str
    language: str
    author: str
    published: str
    likes: str
    dislikes: str
    insightful: str
    thanks: str
    funny: str
    react_url: str
    reply_url: str
    reply_label: str
    flag_url: str
    mute_url: str
    person_url: str
    follow_url: str
    tombstone: str
    icon: str
    target: bool
    state: Slip | None


class Printed(TypedDict):
    """A comment as HTML, with how the lists of replies open and close around it."""

    html: SafeString
    opens: bool
    closes: Sequence[int]


class Slip(TypedDict):
    """What is true of a comment that only its author sees: a tone, an icon, two sentences and what can be done."""

    status: str
    tone: str
    icon: str
    title: str
    more: str
    quote: str
    edit_url: str
    withdraw_url: str
    problem_url: str
    appeal_url: str
    appeal: str
    appeal_quote: str


@lru_cache(maxsize=16)
def _words(_language: str) -> dict[str, str]:
    badges = {str(badge): str(name) for badge, name in Commenter.Badge.choices}
    return {
        "like": _("Like"),
        "dislike": _("Dislike"),
        "insightful": _("Insightful"),
        "thanks": _("Thank you"),
        "funny": _("Funny"),
        "reply": _("Reply"),
        "reply_to": _("Reply to %(name)s"),
        "in_reply_to": _("in reply to @%(name)s"),
        "more": _("More about this comment"),
        "share": _("Link to this comment"),
        "flag": _("Report this comment"),
        "mute": _("Mute this person"),
        "about_person": _("About who wrote this"),
        "follow": _("Follow this conversation"),
        "edited": _("edited %(when)s"),
        "you": _("You"),
        "pick": _("Editors' pick"),
        "pinned": _("Pinned by the newsroom"),
        "edit": _("Edit"),
        "withdraw": _("Withdraw"),
        "looks_wrong": _("Does this look wrong?"),
        "appeal": _("Appeal"),
        "your_appeal": _("Your appeal"),
        "nobody": _("A former reader"),
        "removed": _("Comment that is not shown"),
    } | {f"badge_{badge}": name for badge, name in badges.items()}


def words() -> dict[str, str]:
    """Return the words every comment carries, in the active language, looked up once."""
    return _words(get_language() or "")


def icons() -> str:
    """Return the address of the icon sprite."""
    return static("comments/icons.svg")


# --- Addresses, built without asking the URL resolver for every comment ----------------------------------------------


def prefix() -> str:
    """Return what stands before a comment's number: ``/comments/``."""
    return reverse("comments:permalink", args=[7]).removesuffix("7/")


def with_query(url: str, query: str, fragment: str = "") -> str:
    """Return ``url`` with ``query`` added to what it may already ask, and ``fragment`` in place of its own."""
    bare = url.partition("#")[0]
    joined = f"{bare}{'&' if '?' in bare else '?'}{query}" if query else bare
    return f"{joined}#{fragment}" if fragment else joined


def problem_url(key: str, **context: object) -> str:
    """Return the "let us know" form, told where the reader comes from."""
    facts = "".join(f"&{name}={quote(str(value), safe='')}" for name, value in context.items() if value)
    return f"{prefix()}issues/new/?discussion={quote(key, safe='')}{facts}"


def feed_url(key: str) -> str:
    """Return the Atom feed of one discussion."""
    return f"{prefix()}feeds/{quote(key, safe=':')}/"


def sign_in_url(back: str, place: str = "comment-form") -> str:
    """Return the sign-in page, from which one comes back to ``place`` on the page ``back``: the box, if not told."""
    here = f"{back.partition('#')[0] or '/'}#{place}"
    return with_query(sso.login_url(), urlencode({"next": here}))


# --- Times -----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _day(day: date, _language: str) -> str:
    return date_format(day, pgettext("date format of a comment", "j F Y"))


def machine_time(moment: datetime) -> str:
    """Return what ``<time datetime>`` says: the moment in the site's own time zone, with its offset."""
    return moment.astimezone(timezone.get_default_timezone()).isoformat(timespec="seconds")


def public_time(moment: datetime) -> str:
    """Return "24 November 2026, 10:46", in the site's own time zone: the same for everyone, and true on paper."""
    local = moment.astimezone(timezone.get_default_timezone())
    return _("%(day)s, %(time)s") % {"day": _day(local.date(), get_language() or ""), "time": f"{local:%H:%M}"}


def day(moment: datetime) -> str:
    """Return "24 November 2026", in the site's own time zone."""
    return _day(moment.astimezone(timezone.get_default_timezone()).date(), get_language() or "")


def spoken_time(moment: datetime) -> str:
    """Return today's moments as "10:46", this week's as "Tuesday, 10:46", older ones with their date."""
    local = timezone.localtime(moment)
    age = timezone.localdate() - local.date()
    if not age:
        return f"{local:%H:%M}"
    if timedelta(days=-7) < age < timedelta(days=7):
        return date_format(local, pgettext("date format of a comment", "l, H:i"))
    return public_time(moment)


# --- Comments --------------------------------------------------------------------------------------------------------


def writer(discussion: Discussion) -> Callable[..., SafeString]:
    """Return the function that prints one row of ``discussion``; what is the same for all of them is looked up here."""
    say = words()
    print_comment = printer()
    start = prefix()
    reply = with_query(discussion.url, "parent=")
    levels = conf.get().indent_levels
    offered = dict.fromkeys(thresholds.of(discussion).reactions, "0")
    experts = questions.experts(discussion)

    def show(row: threads.Row, *, answers_always: bool = False, target: bool = False) -> SafeString:
        number = str(row.id)
        name = row.author_name or say["nobody"]
        badge, role = row.author_badge, row.author_role
        if expert := experts.get(row.author_id):
            badge, role = badge or "expert", expert.role or role
        gone = threads.tombstone(row) if row.is_tombstone else None
        said = {kind: in_figures(count) for kind, count in row.reactions.items() if kind in offered}
        said = offered | said
        # A reply stands under what it answers, except where the page runs out of width.
        answers = row.answers_name if row.depth > levels or answers_always else ""
        one: Shown = {
            "anchor": f"comment-{number}",
            "heading": "h4" if row.parent_id else "h3",
            "url": f"{start}{number}/",
            "name": name,
            "badge": badge,
            "badge_name": say[f"badge_{badge}"] if badge else "",
            "role": role,
            "pick": say["pick"] if row.featured else "",
            "pinned": say["pinned"] if row.pinned else "",
            "at": machine_time(row.created_at),
            "when": public_time(row.created_at),
            "edited": say["edited"] % {"when": public_time(row.edited_at)} if row.edited_at else "",
            "answers": say["in_reply_to"] % {"name": answers} if answers else "",
            "answers_url": f"{start}{row.parent_id}/" if answers_always else f"#comment-{row.parent_id}",
            "html": row.html,
            "text": "",
            "language": row.language,
            "author": str(row.author_id),
            "published": str(int(row.published_at.timestamp())) if row.published_at else "",
            "likes": said.get("like", ""),
            "dislikes": said.get("dislike", ""),
            "insightful": said.get("insightful", ""),
            "thanks": said.get("thanks", ""),
            "funny": said.get("funny", ""),
            "react_url": f"{start}{number}/react/" if offered else "",
            "reply_url": f"{reply}{number}#comment-form",
            "reply_label": say["reply_to"] % {"name": name},
            "flag_url": f"{start}{number}/flag/",
            "mute_url": f"{start}{number}/mute/",
            "person_url": f"{start}people/{row.author_id}/" if row.author_name else "",
            "follow_url": "" if row.parent_id else f"{start}{number}/follow/",
            "tombstone": gone["text"] if gone else "",
            "icon": _tombstone_icon(row) if gone else "",
            "target": target,
            "state": None,
        }
        return print_comment(one)

    return show


def printer() -> Callable[[Shown], SafeString]:
    """Return the function that prints a comment in the active language."""
    return mold.printer(context(), get_language() or "")


def _tombstone_icon(row: threads.Row) -> str:
    return {Status.WITHDRAWN.value: "withdraw", Status.REJECTED.value: "stop"}.get(row.status, "clock")


def nested(rows: list[threads.Row], show: Callable[..., SafeString], *, below: int = 0) -> list[Printed]:
    """
    Return the replies ``rows``, in reading order, with where each list opens and closes.

    ``below`` is the depth of the comment they all stand under. Lists open no deeper than ``INDENT_LEVELS``.
    """
    deepest = conf.get().indent_levels
    here = {row.id for row in rows}
    listed: list[Printed] = []
    open_levels: list[int] = []
    for row in rows:
        level = max(1, min(row.depth - below, deepest))
        orphan = row.depth - below > 1 and row.parent_id not in here
        one: Printed = {"html": show(row, answers_always=orphan), "opens": False, "closes": ()}
        closed = 0
        while len(open_levels) > 1 and open_levels[-1] > level:
            open_levels.pop()
            closed += 1
        if open_levels and open_levels[-1] > level:
            # A page of replies may begin deep inside: what follows less deep stands in the same list.
            open_levels[-1] = level
        one["opens"] = bool(open_levels) and open_levels[-1] < level
        if not open_levels or one["opens"]:
            open_levels.append(level)
        if listed:
            listed[-1]["closes"] = () if one["opens"] else (0,) * (closed + 1)
        listed.append(one)
    if listed:
        listed[-1]["closes"] = (0,) * max(1, len(open_levels))
    return listed


def count_of(number: int, kind: str) -> str:
    """Return "2 replies", "12 more replies" or "Show the next 25 conversations"."""
    if kind == "replies":
        said = ngettext("%(count)d reply", "%(count)d replies", number)
    elif kind == "seen below":
        said = ngettext("Show %(count)d reply", "Show %(count)d replies", number)
    elif kind == "more":
        said = ngettext("%(count)d more reply", "%(count)d more replies", number)
    else:
        said = ngettext("Show the next conversation", "Show the next %(count)d conversations", number)
    return counted(said, number)


def counted(said: str, number: int) -> str:
    """Return a translated sentence with ``number`` in it, written as people write it."""
    return said.replace("%(count)d", in_figures(number))


def in_figures(number: int) -> str:
    """Return ``number`` as the language groups it: "1,234". What is smaller, nearly always, costs nothing."""
    return str(number) if number < 1_000 else number_format(number, force_grouping=True)


def incidents_in_force() -> dict[str, Any]:
    """Return what ``comments/_incidents.html`` tells everyone: no query on a site that never had an incident."""
    return {
        "incidents": [(one.text, public_time(one.started_at)) for one in thresholds.in_force().incidents],
        "incidents_url": f"{prefix()}issues/incidents/",
    }


def context(**more: Any) -> dict[str, Any]:
    """Return what every template of the app may use: the words ``w`` and the address of the icons."""
    return {"w": words(), "icons": icons()} | more
