"""
The comment section of a story: the public part, built once for everyone, and a reader's own pieces around it.

The public part is kept as bytes by ``threads.pages`` until the discussion moves. A signed-in reader gets the same
stream with what only they see above it; nothing personal ever enters the kept bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from django.db import models
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from comments import (
    access,
    conf,
    discussions,
    guests,
    guidelines,
    http,
    muting,
    personal,
    questions,
    threads,
    thresholds,
)
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Discussion, Status
from comments.pages import editing, folding, own, shown, told, visitor

CONTROLS_FROM = 10
"""The choice of order appears when a discussion has this many comments."""


REMEMBERED = "comments_reading"
"""Where the session of a signed-in reader keeps how they last chose to read."""


class Asked(NamedTuple):
    """How a page of comments is read: what the address says, and for a signed-in reader what they chose before."""

    sort: str = threads.SORTS[0]
    cursor: str = ""
    only: str = ""
    """``picks``: the editors' picks by themselves."""
    hide: str = ""
    """``removed``: tombstones are left out, never what stands under them."""

    def query(self, *, cursor: str = "", **other: str) -> str:
        """Return the address's part that asks for the same, another ``cursor``, and whatever ``other`` says."""
        sort = "" if self.sort == threads.SORTS[0] else self.sort
        facts = {"sort": sort, "only": self.only, "hide": self.hide} | other | {"cursor": cursor}
        return urlencode({name: value for name, value in facts.items() if value})


def asked(request: HttpRequest) -> Asked:
    """Return what the address asks for. What it says that we do not know is as if it said nothing."""
    said = request.GET.get
    sort, only, hide = said("sort", ""), said("only", ""), said("hide", "")
    return Asked(
        sort if sort in threads.SORTS else threads.SORTS[0],
        said("cursor", "")[:500],
        only if only in threads.FILTERS else "",
        hide if hide == "removed" else "",
    )


def _remembered(request: HttpRequest) -> Asked:
    """
    Return what the address asks for, and where it does not ask, how this signed-in reader chose to read before.

    A choice is what the form of orders sends, with ``keep``; it lives in their session and nowhere else.
    """
    found, session = asked(request), getattr(request, "session", None)
    if "keep" in request.GET:
        chosen = [found.sort, found.hide]
        if session is not None and session.get(REMEMBERED) != chosen:
            session[REMEMBERED] = chosen
    elif not request.GET.keys() & {"sort", "hide", "cursor"}:
        kept = session.get(REMEMBERED) if session is not None else None
        if isinstance(kept, list) and len(kept) == 2 and kept[0] in threads.SORTS:
            found = found._replace(sort=kept[0], hide="removed" if kept[1] else "")
    return found


def key_of(story: models.Model) -> str:
    return story.key if isinstance(story, Discussion) else discussions.key_for(story)


def render(request: HttpRequest, story: models.Model) -> SafeString:
    """
    Return the whole section under ``story``: the same text for everyone who is not known here.

    For a signed-in reader, and for a guest who has written, ``request.comments_personal`` becomes true: the page may
    not enter a shared cache then.
    """
    key = key_of(story)
    person = visitor.person(request)
    if person is None:
        parent = request.GET.get("parent", "")
        answers = parent if parent.isascii() and parent.isdecimal() and len(parent) < 19 else ""
        return _text(_open_first(story, lambda: _or_first_page(_under(story, answers), key, asked(request))))
    request.comments_personal = True  # type: ignore[attr-defined]
    discussion = discussions.follow(_open_first(story, lambda: discussions.get(key)), story)
    return _personal(request, discussion, person, _remembered(request))


def _open_first(story: models.Model, read: Any) -> Any:
    """Return what ``read`` finds; the first time anyone looks at ``story``, open its discussion before."""
    try:
        return read()
    except Refused as refused:
        if refused.code != "unknown_discussion" or isinstance(story, Discussion):
            raise
    discussions.for_object(story)
    return read()


def _or_first_page(read: Any, key: str, place: Asked) -> threads.Kept:
    try:
        kept: threads.Kept = read(key, place)
    except Refused as refused:
        if refused.code != "bad_cursor":
            raise
        kept = read(key, place._replace(cursor=""))
    return kept


def _text(kept: threads.Kept) -> SafeString:
    # Our own templates wrote it; every value in it was escaped or sanitized there.
    return mark_safe(kept.body.decode())


# --- What everyone sees ----------------------------------------------------------------------------------------------


def stream(key: str, place: Asked) -> threads.Kept:
    """Return a page of conversations as HTML, the same bytes for everyone. Three queries when it has to be built."""

    def build() -> tuple[int, bytes]:
        found = threads.page(key, sort=place.sort, cursor=place.cursor, only=place.only)
        return found.discussion.version, _stream(found, place).encode()

    return threads.pages.get(key, ("stream", *place, get_language()), build)


def _under(story: models.Model, parent: str = "") -> Callable[[str, Asked], threads.Kept]:
    """Return what reads the public section at the address where ``story`` stands now."""
    return lambda key, place: public(key, place, story, parent)


def public(key: str, place: Asked, story: models.Model, parent: str = "") -> threads.Kept:
    """
    Return the whole section for someone who is not signed in, the same bytes for everyone.

    ``parent`` is the number of the comment that the address asks to answer: where guests may, the box is set to it.
    """
    url = getattr(story, "get_absolute_url", None)

    def build() -> tuple[int, bytes]:
        found = threads.page(key, sort=place.sort, cursor=place.cursor, only=place.only)
        found.discussion = discussions.follow(found.discussion, story)
        body = render_to_string(
            "comments/_section.html",
            _frame(found.discussion, place)
            | {"stream": _stream(found, place), "sign_in": shown.sign_in_url(found.discussion.url)}
            | for_guests(found.discussion, parent),
        )
        return found.discussion.version, body.encode()

    return threads.pages.get(key, ("section", url() if url else "", *place, get_language(), parent), build)


def for_guests(discussion: Discussion, parent: str) -> dict[str, Any]:
    """Return the box for people without an account, the same for everyone; nothing where they may not write."""
    if not guests.are_welcome(discussion):
        return {}
    composer = own.composer(
        discussion, None, parent=answered(discussion, parent), attempt="none", guest=own.guest(discussion)
    )
    return {"composer": composer, "waiting": "0"}


def _stream(found: threads.Page, place: Asked, editor: editing.Printer | None = None) -> SafeString:
    discussion = found.discussion
    show = editor.show if editor else shown.writer(discussion)
    replies_start = shown.prefix()
    conversations = []
    for thread in found.threads:
        hides = bool(place.hide) and not editor
        below = [row for row in thread.replies if not (hides and row.is_tombstone)]
        one: dict[str, Any] = {
            "root": "" if hides and thread.root.is_tombstone else show(thread.root, answers_always=bool(place.only))
        }
        if place.only and thread.more_count:
            one["below"] = shown.count_of(thread.more_count, "seen below")
            one["more_url"] = f"{replies_start}{thread.root.id}/replies/?cursor={thread.more_cursor}"
        elif below or thread.more_count > 0:
            one["replies"] = shown.nested(below, show)
            counted = max(thread.root.reply_count, len(thread.replies)) if editor else thread.root.reply_count
            one["summary"] = shown.count_of(counted, "replies")
            if thread.more_count > 0:
                one["more"] = shown.count_of(thread.more_count, "more")
                one["more_url"] = f"{replies_start}{thread.root.id}/replies/?cursor={thread.more_cursor}"
                if editor:
                    one["more_url"] = editing.more_url(thread.root.id, thread.more_cursor)
        conversations.append(one)
    return render_to_string(
        "comments/_stream.html",
        shown.context(
            conversations=conversations,
            version=str(discussion.version),
            count=str(discussion.published_count),
            total=shown.in_figures(discussion.published_count),
            later=bool(place.cursor),
            only="" if place.cursor else place.only,
            asks=discussion.is_for_questions,
            is_closed=not conversations and not access.is_open(discussion),
            all_url=shown.with_query(discussion.url, place.query(only=""), "comments"),
            next_url=_page_url(discussion, place, found.next_cursor) if found.next_cursor else "",
            next_words=shown.count_of(conf.get().page_size, "next"),
        ),
    )


def _page_url(discussion: Discussion, place: Asked, cursor: str) -> str:
    return shown.with_query(discussion.url, place.query(cursor=cursor), "comments")


def _frame(discussion: Discussion, place: Asked) -> dict[str, Any]:
    """Return what the section says around the comments, the same for everyone."""
    quoted = quote(discussion.key, safe="")
    here = shown.prefix()
    settings = thresholds.of(discussion)
    opening = access.opening(discussion, settings=settings)
    return (
        shown.context(
            discussion=discussion,
            version=str(discussion.version),
            total=shown.in_figures(discussion.published_count),
            is_open=opening.is_open,
            why_closed=opening.reason,
            opens=shown.public_time(opening.opens_at) if opening.opens_at else "",
            closes=shown.public_time(opening.closes_at) if opening.closes_at else "",
            closed_since=shown.public_time(opening.since) if opening.since else "",
            announcement=_announcement(discussion),
            guidelines=guidelines.current(),
            guidelines_url=guidelines.address(),
            experts=[
                (one.person.name or shown.words()["nobody"], one.role) for one in questions.experts(discussion).values()
            ],
            tabs=_tabs(discussion, place),
            feed_url=shown.feed_url(discussion.key),
            reads_first=settings.premoderate or discussion.mode == Discussion.Mode.PREMODERATED,
            has_controls=discussion.published_count >= CONTROLS_FROM or bool(place.only or place.hide),
            orders=[(code, name, code == place.sort) for code, name in _orders()],
            only=place.only,
            hides=place.hide,
            all_url=shown.with_query(discussion.url, place.query(only=""), "comments"),
            picks_url=shown.with_query(discussion.url, place.query(only="picks"), "comments"),
            story_url=discussion.url.partition("#")[0],
            fresh_url=shown.with_query(discussion.url, "sort=newest", "comments"),
            events_url=f"/api/v1/discussions/{quoted}/events/",
            fragment_url=f"{here}section/?" + urlencode({"key": discussion.key} | place._asdict()),
            personal_url=f"{here}mine/?key={quoted}",
            issue_url=shown.problem_url(discussion.key),
        )
        | shown.incidents_in_force()
    )


def _announcement(discussion: Discussion) -> dict[str, str] | None:
    found = thresholds.announcement(discussion)
    if found is None:
        return None
    return {"text": found.text, "until": shown.public_time(found.until) if found.until else ""}


def _tabs(discussion: Discussion, place: Asked) -> list[tuple[str, str, bool]]:
    """Return the choices of what is shown, where readers ask questions: address, name, and whether it is this one."""
    if not discussion.is_for_questions:
        return []
    names = {"": _("All questions"), "answered": _("Answered"), "unanswered": _("Not answered yet")}
    return [
        (shown.with_query(discussion.url, place.query(only=only), "comments"), name, only == place.only)
        for only, name in names.items()
    ]


def _orders() -> list[tuple[str, str]]:
    return [
        ("newest", _("Newest")),
        ("oldest", _("Oldest")),
        ("best", _("Best")),
        ("top", _("Most liked")),
        ("replies", _("Most replied")),
    ]


def count(key: str) -> int:
    """Return how many comments are published under ``key``; kept in the process until the discussion moves."""

    def build() -> tuple[int, bytes]:
        found = Discussion.objects.filter(key=key).values_list("version", "published_count").first() or (0, 0)
        return found[0], str(found[1]).encode()

    return int(threads.pages.get(key, ("count",), build).body)


def replies(comment: Comment, cursor: str) -> threads.Kept:
    """Return more replies below a shown ``comment`` as a fragment, the same bytes for everyone."""

    def build() -> tuple[int, bytes]:
        body = render_to_string("comments/_more.html", _more(comment, cursor))
        return comment.discussion.version, body.encode()

    return threads.pages.get(comment.discussion.key, ("replies", comment.pk, cursor, get_language()), build)


def more_replies(comment: Comment, cursor: str) -> dict[str, Any]:
    """Return what the page of more replies needs: the comment itself, shown, and a page of those below it."""
    show = shown.writer(comment.discussion)
    rows = threads.around(comment.discussion_id, comment.path)
    return _more(comment, cursor) | {"discussion": comment.discussion, "c": show(rows[-1])}


def _more(comment: Comment, cursor: str) -> dict[str, Any]:
    rows, following = threads.replies(comment.pk, cursor=cursor)
    show = shown.writer(comment.discussion)
    return shown.context(
        replies=shown.nested(rows, show, below=comment.depth),
        more_url=f"{shown.prefix()}{comment.pk}/replies/?cursor={following}" if following else "",
    )


def around(comment: Comment) -> dict[str, Any]:
    """Return a shown ``comment`` as its own page shows it: those above it, itself marked, its first replies."""
    write = shown.writer(comment.discussion)

    def show(row: threads.Row, *, answers_always: bool = False) -> SafeString:
        return write(row, answers_always=answers_always, target=row.id == comment.pk)

    above = threads.around(comment.discussion_id, comment.path)
    below, following = threads.replies(comment.pk)
    return {
        "root": show(above[0]),
        "replies": shown.nested(above[1:] + below, show),
        "more_url": f"{shown.prefix()}{comment.pk}/replies/?cursor={following}" if following else "",
    }


# --- What only I see -------------------------------------------------------------------------------------------------


def _personal(request: HttpRequest, discussion: Discussion, person: Commenter, place: Asked) -> SafeString:
    # First what only I see, then what everyone sees, no older than that: a comment of mine that is published between
    # the two is in the second.
    mine = pieces(discussion, person, http.network_key(request)) | {"here": request.get_full_path()}
    frame = _frame(discussion, place)
    if person.user_id and access.may_moderate(request.user, discussion):
        stream_here, editors = for_editor(request, discussion, place)
        frame |= editors
    else:
        stream_here = _text(_or_first_page(stream, discussion.key, place))
    stream_here = folding.folded(stream_here, mine["muted"])
    return render_to_string(
        "comments/_section.html",
        frame
        | mine
        | {
            "stream": stream_here,
            "composer": None if mine["standing"].get("shut_out") else _composer(request, discussion, person),
            "sign_in": shown.sign_in_url(discussion.url),
            "csrf_token": get_token(request),
        },
    )


def _composer(request: HttpRequest, discussion: Discussion, person: Commenter) -> dict[str, Any] | None:
    """Return the box for ``person``, with what they had typed before they signed in; nothing for a guest too many."""
    parent = request.GET.get("parent", "")
    if person.user_id is None:
        if not guests.are_welcome(discussion):
            return None
        return own.composer(
            discussion, person, parent=answered(discussion, parent), guest=own.guest(discussion, person)
        )
    typed = visitor.typed(request, discussion)
    return own.composer(
        discussion,
        person,
        text=typed.get("text", ""),
        parent=answered(discussion, parent or typed.get("parent", "")),
        attempt=typed.get("attempt", ""),
    )


def for_editor(request: HttpRequest, discussion: Discussion, place: Asked) -> tuple[SafeString, dict[str, Any]]:
    """Return a page of conversations as an editor sees it, and what stands around it. Never kept anywhere."""
    if not editing.wanted(request, discussion) or place.only == "picks":
        stream_here = _text(_or_first_page(stream, discussion.key, place))
        return stream_here, {"editing": editing.bar(request, discussion, 0, place.sort, place.cursor)}
    try:
        found = threads.page(discussion.key, sort=place.sort, cursor=place.cursor, only=place.only)
    except Refused as refused:
        if refused.code != "bad_cursor":
            raise
        place = place._replace(cursor="")
        found = threads.page(discussion.key, sort=place.sort, only=place.only)
    sort, cursor = place.sort, place.cursor
    if place.only != "answered":
        # What nobody has read yet has no answer.
        found = threads.with_unseen(found, cursor)
    known = editing.standing([row for one in found.threads for row in (one.root, *one.replies)])
    said = editing.said_of(request, discussion)
    printer = editing.Printer(request, discussion, known, sort=sort, cursor=cursor, said=said)
    return _stream(found, place, printer), {
        "fragment_url": editing.fragment_url(discussion, sort, cursor) + (f"&only={place.only}" if place.only else ""),
        "editing": editing.bar(request, discussion, editing.count_unseen(known), sort, cursor),
    }


def replies_for_editor(request: HttpRequest, comment: Comment, cursor: str) -> dict[str, Any]:
    """Return more replies of one conversation as an editor sees them. Never kept anywhere."""
    rows, following = threads.replies(comment.pk, cursor=cursor)
    hidden = threads.unseen_replies(comment.discussion_id, comment.path, rows, cursor=cursor, ends=following is None)
    rows = sorted([*rows, *hidden], key=lambda row: row.path)
    printer = editing.Printer(request, comment.discussion, editing.standing(rows), alone=True)
    return shown.context(
        replies=shown.nested(rows, printer.show, below=comment.depth),
        more_url=editing.more_url(comment.pk, following) if following else "",
    )


def alone(request: HttpRequest, comment: Comment, said: editing.Said | None = None, **place: Any) -> SafeString:
    """Return one comment as an editor sees it, with what was just said of it."""
    rows = (
        threads.around(comment.discussion_id, comment.path)[-1:]
        if comment.is_shown
        else threads.unseen(comment.discussion_id, [comment.pk])
    )
    if not rows:
        raise Refused("unknown_comment", _("There is no such comment."), status=404)
    known = editing.standing(rows)
    printer = editing.Printer(request, comment.discussion, known, said={comment.pk: said} if said else {}, **place)
    return printer.show(rows[0])


def unseen(request: HttpRequest, discussion: Discussion) -> list[dict[str, Any]]:
    """Return the latest held and removed comments of ``discussion`` for an editor's program, each printed."""
    rows = threads.unseen(discussion.pk)
    known = editing.standing(rows)
    printer = editing.Printer(request, discussion, known)
    return [
        {
            "id": row.id,
            "parent": row.parent_id,
            "status": row.status,
            "version": known[row.id].version,
            "html": printer.show(row),
        }
        for row in rows
        if row.id in known
    ]


def pieces(discussion: Discussion, person: Commenter, network_key: str = "") -> dict[str, Any]:
    """Return what ``person`` alone sees above the comments: how they stand, their own texts, and what they like."""
    mine = personal.in_discussion(person, discussion)
    version = Discussion.objects.values_list("version", flat=True).get(pk=discussion.pk)
    threads.pages.not_before(discussion.key, version)
    return shown.context(
        version=str(version),
        person=person if person.user_id else None,
        standing=own.standing(access.standing(person, network_key)),
        here=shown.with_query(discussion.url, "", "comments"),
        bell=told.line(person, discussion),
        mine=[own.show(one) for one in mine],
        waiting=sum(one.status == Status.RECEIVED for one in mine),
        reacted=",".join(f"{number}:{kind}" for number, kind in personal.reacted(person, discussion).items()),
        muted=muting.ids(person),
    )


def answered(discussion: Discussion, number: str) -> Comment | None:
    """Return the published comment of ``discussion`` that a reply answers, if there is one."""
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        return None
    return (
        Comment.objects.select_related("author")
        .filter(pk=int(number), discussion=discussion, status=Status.PUBLISHED)
        .first()
    )
