"""
The comment section of a story: the public part, built once for everyone, and a reader's own pieces around it.

The public part is kept as bytes by ``threads.pages`` until the discussion moves. A signed-in reader gets the same
stream with what only they see above it; nothing personal ever enters the kept bytes.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import models
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from comments import access, conf, discussions, http, personal, threads, thresholds
from comments.exceptions import Refused
from comments.issues import incidents
from comments.models import Comment, Commenter, Discussion, Status
from comments.pages import editing, own, shown

CONTROLS_FROM = 10
"""The choice of order appears when a discussion has this many comments."""


def asked(request: HttpRequest) -> tuple[str, str]:
    """Return the order and the place in it that the address asks for. An unknown order is the first one."""
    sort = request.GET.get("sort", "")
    return (sort if sort in threads.SORTS else threads.SORTS[0]), request.GET.get("cursor", "")[:500]


def has_session(request: HttpRequest) -> bool:
    """Say whether the visitor brings a session. Who brings none is served what everyone is served."""
    return settings.SESSION_COOKIE_NAME in request.COOKIES


def key_of(story: models.Model) -> str:
    return story.key if isinstance(story, Discussion) else discussions.key_for(story)


def render(request: HttpRequest, story: models.Model) -> SafeString:
    """
    Return the whole section under ``story``: the same text for everyone who is not signed in.

    For a signed-in reader ``request.comments_personal`` becomes true: the page may not enter a shared cache then.
    """
    sort, cursor = asked(request)
    key = key_of(story)
    reader = request.user if has_session(request) else None
    if reader is None or not reader.is_authenticated:
        return _text(_open_first(story, lambda: _or_first_page(public, key, sort, cursor)))
    request.comments_personal = True  # type: ignore[attr-defined]
    discussion = _open_first(story, lambda: discussions.get(key))
    return _personal(request, discussion, Commenter.objects.for_user(reader), sort, cursor)


def _open_first(story: models.Model, read: Any) -> Any:
    """Return what ``read`` finds; the first time anyone looks at ``story``, open its discussion before."""
    try:
        return read()
    except Refused as refused:
        if refused.code != "unknown_discussion" or isinstance(story, Discussion):
            raise
    discussions.for_object(story)
    return read()


def _or_first_page(read: Any, key: str, sort: str, cursor: str) -> threads.Kept:
    try:
        kept: threads.Kept = read(key, sort, cursor)
    except Refused as refused:
        if refused.code != "bad_cursor":
            raise
        kept = read(key, sort, "")
    return kept


def _text(kept: threads.Kept) -> SafeString:
    # Our own templates wrote it; every value in it was escaped or sanitized there.
    return mark_safe(kept.body.decode())


# --- What everyone sees ----------------------------------------------------------------------------------------------


def stream(key: str, sort: str, cursor: str) -> threads.Kept:
    """Return a page of conversations as HTML, the same bytes for everyone. Three queries when it has to be built."""

    def build() -> tuple[int, bytes]:
        found = threads.page(key, sort=sort, cursor=cursor)
        return found.discussion.version, _stream(found, cursor).encode()

    return threads.pages.get(key, ("stream", sort, cursor, get_language()), build)


def public(key: str, sort: str, cursor: str) -> threads.Kept:
    """Return the whole section for someone who is not signed in, the same bytes for everyone."""

    def build() -> tuple[int, bytes]:
        found = threads.page(key, sort=sort, cursor=cursor)
        body = render_to_string(
            "comments/_section.html",
            _frame(found.discussion, sort, cursor)
            | {"stream": _stream(found, cursor), "sign_in": shown.sign_in_url(found.discussion.url)},
        )
        return found.discussion.version, body.encode()

    return threads.pages.get(key, ("section", sort, cursor, get_language()), build)


def _stream(found: threads.Page, cursor: str, editor: editing.Printer | None = None) -> SafeString:
    discussion = found.discussion
    show = editor.show if editor else shown.writer(discussion)
    replies_start = shown.prefix()
    conversations = []
    for thread in found.threads:
        one: dict[str, Any] = {"root": show(thread.root)}
        if thread.replies:
            one["replies"] = shown.nested(thread.replies, show)
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
            later=bool(cursor),
            next_url=_page_url(discussion, found.sort, found.next_cursor) if found.next_cursor else "",
            next_words=shown.count_of(conf.get().page_size, "next"),
        ),
    )


def _page_url(discussion: Discussion, sort: str, cursor: str) -> str:
    facts = ({} if sort == threads.SORTS[0] else {"sort": sort}) | {"cursor": cursor}
    return shown.with_query(discussion.url, urlencode(facts), "comments")


def _frame(discussion: Discussion, sort: str, cursor: str) -> dict[str, Any]:
    """Return what the section says around the comments, the same for everyone."""
    quoted = quote(discussion.key, safe="")
    here = shown.prefix()
    settings = thresholds.of(discussion)
    opening = access.opening(discussion, settings=settings)
    return shown.context(
        discussion=discussion,
        version=str(discussion.version),
        count=str(discussion.published_count),
        is_open=opening.is_open,
        why_closed=opening.reason,
        opens=shown.public_time(opening.opens_at) if opening.opens_at else "",
        closes=shown.public_time(opening.closes_at) if opening.closes_at else "",
        reads_first=settings.premoderate or discussion.mode == Discussion.Mode.PREMODERATED,
        has_controls=discussion.published_count >= CONTROLS_FROM,
        orders=[(code, name, code == sort) for code, name in _orders()],
        story_url=discussion.url.partition("#")[0],
        fresh_url=shown.with_query(discussion.url, "sort=newest", "comments"),
        events_url=f"/api/v1/discussions/{quoted}/events/",
        fragment_url=f"{here}section/?" + urlencode({"key": discussion.key, "sort": sort, "cursor": cursor}),
        personal_url=f"{here}mine/?key={quoted}",
        issue_url=shown.problem_url(discussion.key),
        incidents=[(one.text, shown.public_time(one.started_at)) for one in incidents.in_force(discussion)],
        incidents_url=f"{here}issues/incidents/",
    )


def _orders() -> list[tuple[str, str]]:
    return [("newest", _("Newest")), ("oldest", _("Oldest")), ("top", _("Most liked"))]


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


def _personal(request: HttpRequest, discussion: Discussion, person: Commenter, sort: str, cursor: str) -> SafeString:
    # First what only I see, then what everyone sees, no older than that: a comment of mine that is published between
    # the two is in the second.
    mine = pieces(discussion, person, http.network_key(request)) | {"here": request.get_full_path()}
    frame = _frame(discussion, sort, cursor)
    if access.may_moderate(request.user, discussion):
        stream_here, editors = for_editor(request, discussion, sort, cursor)
        frame |= editors
    else:
        stream_here = _text(_or_first_page(stream, discussion.key, sort, cursor))
    return render_to_string(
        "comments/_section.html",
        frame
        | mine
        | {
            "stream": stream_here,
            "composer": own.composer(discussion, person, parent=answered(discussion, request.GET.get("parent", ""))),
            "csrf_token": get_token(request),
        },
    )


def for_editor(
    request: HttpRequest, discussion: Discussion, sort: str, cursor: str
) -> tuple[SafeString, dict[str, Any]]:
    """Return a page of conversations as an editor sees it, and what stands around it. Never kept anywhere."""
    if not editing.wanted(request, discussion):
        stream_here = _text(_or_first_page(stream, discussion.key, sort, cursor))
        return stream_here, {"editing": editing.bar(request, discussion, 0, sort, cursor)}
    try:
        found = threads.page(discussion.key, sort=sort, cursor=cursor)
    except Refused as refused:
        if refused.code != "bad_cursor":
            raise
        cursor = ""
        found = threads.page(discussion.key, sort=sort)
    found = threads.with_unseen(found, cursor)
    known = editing.standing([row for one in found.threads for row in (one.root, *one.replies)])
    said = editing.said_of(request, discussion)
    printer = editing.Printer(request, discussion, known, sort=sort, cursor=cursor, said=said)
    return _stream(found, cursor, printer), {
        "fragment_url": editing.fragment_url(discussion, sort, cursor),
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
        person=person,
        standing=own.standing(access.standing(person, network_key)),
        here=shown.with_query(discussion.url, "", "comments"),
        mine=[own.show(one) for one in mine],
        waiting=sum(one.status == Status.RECEIVED for one in mine),
        liked=",".join(map(str, personal.liked(person, discussion))),
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
