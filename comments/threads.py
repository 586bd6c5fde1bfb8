"""
Reading: a page of a discussion in three queries, whatever its size, and the bytes of it kept until something moves.

A page is a number of conversations, each with its first replies. Roots and replies are read by index, as many rows as
are shown; nothing is counted and nothing is skipped over. What a page looks like is the same for everyone: it is built
once per version of the discussion, by one thread, and served from memory.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.core.cache import cache
from django.db import connection
from django.db.models import OuterRef, Subquery
from django.urls import get_script_prefix, get_urlconf, reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from comments import conf, questions, shared_cache, text
from comments.exceptions import Refused
from comments.models import Comment, Discussion, Reason, Status
from comments.models.comments import SEGMENT

SORTS = ("newest", "oldest", "top", "best", "replies")
FILTERS = ("", "picks", *questions.ONLY)
"""Which comments: all conversations; the editors' picks by themselves, replies too; or questions that are answered."""
MORE_REPLIES = 50
"""Replies on one page of "more replies"."""


class Row(NamedTuple):
    """One comment as everyone may see it. ``html`` is empty on a tombstone."""

    id: int
    parent_id: int | None
    path: str
    depth: int
    status: str
    html: str
    reply_count: int
    like_count: int
    removed_for: str
    created_at: datetime
    edited_at: datetime | None
    author_id: int
    author_name: str
    author_badge: str
    author_role: str
    featured: bool
    """An editors' pick."""
    pinned: bool
    best_score: int
    reaction_counts: str
    """Reactions other than likes, as JSON: most often ``{}``."""
    published_at: datetime | None
    language: str
    answers_name: str
    """Whom a reply answers; empty on a first comment."""

    @property
    def is_tombstone(self) -> bool:
        return self.status != Status.PUBLISHED

    @property
    def permalink(self) -> str:
        return f"{permalinks()}{self.id}/"

    @property
    def reactions(self) -> dict[str, int]:
        """How many people reacted, kind by kind; likes always."""
        others = json.loads(self.reaction_counts) if len(self.reaction_counts) > 2 else {}
        return {"like": self.like_count} | others


def permalinks() -> str:
    """Return what every permalink begins with: ``/comments/``."""
    return _permalinks(get_script_prefix(), get_urlconf())


@lru_cache(maxsize=16)
def _permalinks(_prefix: str, urlconf: str | None) -> str:
    return reverse("comments:permalink", args=[0], urlconf=urlconf).removesuffix("0/")


@dataclass(slots=True)
class Thread:
    """A conversation: its first comment, the first replies in reading order, and where to go on."""

    root: Row
    replies: list[Row] = field(default_factory=list)
    more_count: int = 0
    more_cursor: str = ""


@dataclass(slots=True)
class Page:
    discussion: Discussion
    threads: list[Thread]
    sort: str
    next_cursor: str | None
    pinned: str = ""
    """Path of the conversation that stands first whatever the order, because the newsroom points into it."""
    only: str = ""


COLUMNS = """
    c.id, c.parent_id, c.path, c.depth, c.status, CASE WHEN c.status = 'published' THEN c.html ELSE '' END,
    c.reply_count, c.like_count, c.removed_for, c.created_at, c.edited_at, a.id, a.name, a.badge, a.role,
    c.featured_at IS NOT NULL, c.pinned_at IS NOT NULL, c.best_score, c.reaction_counts, c.published_at,
    CASE WHEN c.status = 'published' THEN c.language ELSE '' END
"""
WITH_AUTHOR = "JOIN comments_commenter a ON a.id = c.author_id"
WITH_ANSWERED = """
    JOIN comments_commenter a ON a.id = c.author_id
    JOIN comments_comment p ON p.id = c.parent_id
    JOIN comments_commenter pa ON pa.id = p.author_id
"""
WITH_ANSWERED_IF_ANY = WITH_ANSWERED.replace("JOIN comments_comment p", "LEFT JOIN comments_comment p").replace(
    "JOIN comments_commenter pa", "LEFT JOIN comments_commenter pa"
)
ANSWERED = "CASE WHEN p.status = 'published' THEN pa.name ELSE '' END"


def page(key: str, *, sort: str = "newest", cursor: str = "", limit: int | None = None, only: str = "") -> Page:
    """
    Return ``limit`` conversations of discussion ``key`` after ``cursor``. Three queries at most.

    The conversation into which the newsroom pinned stands first on the first page. With ``only="picks"``: the editors'
    picks, each by itself; ``answered`` or ``unanswered``: such questions. Raise ``Refused`` for an unknown discussion
    (404), order, filter or cursor (400).
    """
    if only not in FILTERS:
        raise Refused(
            "unknown_filter",
            _("Comments can be filtered by: %(filters)s.") % {"filters": ", ".join(filter(None, FILTERS))},
        )
    if sort not in SORTS:
        raise Refused("unknown_sort", _("Comments can be ordered by: %(orders)s.") % {"orders": ", ".join(SORTS)})
    settings = conf.get()
    limit = min(max(1, limit or settings.page_size), 2 * settings.page_size)
    after = _decode(cursor, sort)
    pinned_in = Comment.objects.filter(discussion=OuterRef("pk"), pinned_at__isnull=False, status=Status.PUBLISHED)
    found = Discussion.objects.filter(key=key)
    if not only:
        found = found.annotate(pinned_path=Subquery(pinned_in.values("path")[:1]))
    discussion = found.first()
    if discussion is None:
        raise Refused("unknown_discussion", _("There is no discussion here."), status=404)
    if only == "picks":
        roots, following = _cut(_picks(discussion.pk, sort, after, limit + 1), sort, limit)
        return Page(discussion, [_alone(row) for row in roots], sort, following, only=only)
    where = questions.WHERE.get(only, "")
    pinned = "" if where else (getattr(discussion, "pinned_path", None) or "")[:SEGMENT]
    if pinned and not after:
        limit = max(1, limit - 1)
    roots, following = _cut(_roots(discussion.pk, sort, after, limit + 1, pinned, where), sort, limit, pinned)
    return Page(discussion, _with_replies(discussion.pk, roots, settings.replies_shown), sort, following, pinned, only)


def _cut(rows: list[Row], sort: str, limit: int, pinned: str = "") -> tuple[list[Row], str | None]:
    """Return the first ``limit`` of ``rows`` in order, after the pinned one, and where the next page begins."""
    first = [row for row in rows if row.path == pinned]
    rows = sorted((row for row in rows if row.path != pinned), key=lambda row: place(sort, row))
    if len(rows) <= limit:
        return first + rows, None
    last = rows[limit - 1]
    column = COUNTED.get(sort)
    return first + rows[:limit], _encode(sort, [getattr(last, column), last.id] if column else [last.id])


COUNTED = {"top": "like_count", "best": "best_score", "replies": "reply_count"}
"""The column that an order goes by, the most first; what has equally much, the newest first."""
ORDERS = {"newest": "c.id DESC", "oldest": "c.id"} | {
    name: f"c.{column} DESC, c.id DESC" for name, column in COUNTED.items()
}


def place(sort: str, row: Row) -> tuple[int, ...]:
    """Return what sorts ``row`` among others as the database does it in the order ``sort``."""
    if sort in COUNTED:
        return -getattr(row, COUNTED[sort]), -row.id
    return (row.id if sort == "oldest" else -row.id,)


def _roots(
    discussion_id: int, sort: str, after: list[int] | None, limit: int, pinned: str, where: str = ""
) -> list[Row]:
    beyond, params = _beyond(sort, after) if after else ("", [])
    where += f" AND {beyond}" if beyond else ""
    first = f"SELECT {COLUMNS}, '' FROM comments_comment c {WITH_AUTHOR} WHERE c.discussion_id = %s AND c.is_shown"
    # A conversation that stands first stands there alone.
    apart = "AND c.path <> %s" if pinned else ""
    ordered = f"{first} AND c.parent_id IS NULL {where} {apart} ORDER BY {ORDERS[sort]} LIMIT %s"
    facts = [discussion_id, *params, *([pinned] if pinned else []), limit]
    if not pinned or after:
        return _rows(ordered, facts)
    return _rows(
        f"SELECT * FROM ({first} AND c.path = %s) one UNION ALL SELECT * FROM ({ordered}) others",
        [discussion_id, pinned, *facts],
    )


def _picks(discussion_id: int, sort: str, after: list[int] | None, limit: int) -> list[Row]:
    """Return editors' picks at any depth, which are few: read by their own index and sorted."""
    beyond, params = _beyond(sort, after) if after else ("", [])
    where = f"AND {beyond}" if beyond else ""
    # SQLite, without statistics, would as soon read everything published here.
    by = "INDEXED BY comments_shown_picks" if connection.vendor == "sqlite" else ""
    return _rows(
        f"SELECT {COLUMNS}, COALESCE({ANSWERED}, '') FROM comments_comment c {by} {WITH_ANSWERED_IF_ANY} "
        "WHERE c.discussion_id = %s AND c.featured_at IS NOT NULL AND c.status = 'published' "
        f"{where} ORDER BY {ORDERS[sort]} LIMIT %s",
        [discussion_id, *params, limit],
    )


def _alone(row: Row) -> Thread:
    more = row.reply_count
    return Thread(row, more_count=more, more_cursor=_encode("below", [row.path]) if more else "")


def _beyond(sort: str, after: list[int]) -> tuple[str, list[int]]:
    """Return the condition for first comments that come after the place ``after``, and its parameters."""
    if column := COUNTED.get(sort):
        # The first half alone is what an index can be entered by.
        return f"(c.{column} <= %s AND (c.{column} < %s OR c.id < %s))", [after[0], *after]
    return f"c.id {'<' if sort == 'newest' else '>'} %s", after


def _with_replies(discussion_id: int, roots: list[Row], shown: int) -> list[Thread]:
    threads = {root.path: Thread(root) for root in roots}
    answered = [root.path for root in roots if root.reply_count]
    if answered:
        for row in _first_replies(discussion_id, answered, shown + 1):
            threads[row.path[: len(roots[0].path)]].replies.append(row)
    for thread in threads.values():
        if len(thread.replies) > shown:
            thread.replies = thread.replies[:shown]
            thread.more_count = thread.root.reply_count - sum(not row.is_tombstone for row in thread.replies)
            thread.more_cursor = _encode("below", [thread.replies[-1].path])
    return list(threads.values())


def _first_replies(discussion_id: int, paths: list[str], limit: int) -> list[Row]:
    """
    Return the first ``limit`` rows below each of ``paths``, in reading order, in one statement.

    Each conversation is one range of the index on (discussion, path), read ``limit`` rows far. PostgreSQL does it with
    a lateral join, picked before anything is joined to it: a table that was filled a moment ago has no statistics yet,
    and its planner would then pick again for every comment. SQLite, which has no lateral join, reads one branch of a
    union for each.
    """
    if connection.vendor == "postgresql":
        return _rows(
            "WITH c AS MATERIALIZED (SELECT first.* FROM unnest(%s::text[]) AS r(path) CROSS JOIN LATERAL ("
            "SELECT * FROM comments_comment x WHERE x.discussion_id = %s AND x.is_shown "
            "AND x.path > r.path AND x.path < r.path || '~' ORDER BY x.path LIMIT %s) first) "
            f"SELECT {COLUMNS}, {ANSWERED} FROM c {WITH_ANSWERED} ORDER BY c.path",
            [paths, discussion_id, limit],
        )
    branch = (
        "SELECT * FROM (SELECT x.id FROM comments_comment x WHERE x.discussion_id = %s AND x.is_shown "
        "AND x.path > %s AND x.path < %s ORDER BY x.path LIMIT %s)"
    )
    union = " UNION ALL ".join([branch] * len(paths))
    params: list[Any] = [value for path in paths for value in (discussion_id, path, path + "~", limit)]
    return _rows(
        f"SELECT {COLUMNS}, {ANSWERED} FROM comments_comment c {WITH_ANSWERED} WHERE c.id IN ({union}) ORDER BY c.path",
        params,
    )


def replies(comment_id: int, *, cursor: str = "", limit: int = MORE_REPLIES) -> tuple[list[Row], str | None]:
    """Return up to ``limit`` replies below a shown comment after ``cursor``, in reading order, and where to go on."""
    limit = min(max(1, limit), 2 * MORE_REPLIES)
    with connection.cursor() as db:
        db.execute("SELECT discussion_id, path FROM comments_comment WHERE id = %s AND is_shown", [comment_id])
        found = db.fetchone()
    if found is None:
        raise Refused("unknown_comment", _("There is no such comment."), status=404)
    discussion_id, path = found
    after = _decode(cursor, "below")
    if after and not str(after[0]).startswith(path):
        raise _bad_cursor()
    once = "MATERIALIZED" if connection.vendor == "postgresql" else ""
    rows = _rows(
        f"WITH c AS {once} (SELECT * FROM comments_comment x WHERE x.discussion_id = %s AND x.is_shown "
        "AND x.path > %s AND x.path < %s ORDER BY x.path LIMIT %s) "
        f"SELECT {COLUMNS}, {ANSWERED} FROM c {WITH_ANSWERED} ORDER BY c.path",
        [discussion_id, after[0] if after else path, path + "~", limit + 1],
    )
    following = _encode("below", [rows[limit - 1].path]) if len(rows) > limit else None
    return rows[:limit], following


# --- What readers do not see, for editors ----------------------------------------------------------------------------

MOST_UNSEEN = 100
"""Held and removed comments on one page at most, latest first."""
UNSEEN = "c.discussion_id = %s AND NOT c.is_shown AND c.status IN ('held', 'rejected')"


def with_unseen(found: Page, cursor: str = "") -> Page:
    """
    Return the page ``found``, which began after ``cursor``, with held and removed comments in their places.

    Two queries. Only for who may moderate the discussion: see :mod:`comments.pages.editing`.
    """
    where, params = "", []
    if cursor:
        beyond, values = _beyond(found.sort, _decode(cursor, found.sort) or [])
        where, params = f"AND {beyond}", values
    if found.next_cursor:
        beyond, values = _beyond(found.sort, _decode(found.next_cursor, found.sort) or [])
        where, params = f"{where} AND NOT {beyond}", [*params, *values]
    roots = _rows(
        f"SELECT {COLUMNS}, '' FROM comments_comment c {WITH_AUTHOR} "
        f"WHERE {UNSEEN} AND c.parent_id IS NULL {where} ORDER BY c.id DESC LIMIT %s",
        [found.discussion.pk, *params, MOST_UNSEEN],
    )
    conversations = [*found.threads, *(Thread(root) for root in roots)]
    ranges = [
        (one.root.path, one.replies[-1].path if one.more_cursor else one.root.path + "~") for one in conversations
    ]
    below: dict[str, list[Row]] = {}
    for row in _unseen_in(found.discussion.pk, ranges):
        below.setdefault(row.path[:12], []).append(row)
    for one in conversations:
        one.replies = sorted([*one.replies, *below.get(one.root.path, [])], key=lambda row: row.path)
    conversations.sort(key=lambda one: (one.root.path != found.pinned, place(found.sort, one.root)))
    return Page(found.discussion, conversations, found.sort, found.next_cursor, found.pinned, found.only)


def unseen_replies(discussion_id: int, path: str, rows: list[Row], *, cursor: str, ends: bool) -> list[Row]:
    """Return held and removed replies below ``path`` that belong among ``rows``, which began after ``cursor``."""
    after = _decode(cursor, "below")
    until = path + "~" if ends or not rows else rows[-1].path
    return _unseen_in(discussion_id, [(after[0] if after else path, until)])


def unseen(discussion_id: int, ids: list[int] | None = None) -> list[Row]:
    """Return the latest held and removed comments of a discussion, or those with these ids. One query."""
    which, params = "", []
    if ids is not None:
        which, params = f"AND c.id IN ({', '.join(['%s'] * len(ids))})", ids
    return _rows(
        f"SELECT {COLUMNS}, '' FROM comments_comment c {WITH_AUTHOR} "
        f"WHERE {UNSEEN} {which} ORDER BY c.id DESC LIMIT %s",
        [discussion_id, *params, MOST_UNSEEN],
    )


def _unseen_in(discussion_id: int, ranges: list[tuple[str, str]]) -> list[Row]:
    if not ranges:
        return []
    places = " OR ".join(["(c.path > %s AND c.path < %s)"] * len(ranges))
    return _rows(
        f"SELECT {COLUMNS}, {ANSWERED} FROM comments_comment c {WITH_ANSWERED} "
        f"WHERE {UNSEEN} AND ({places}) ORDER BY c.id DESC LIMIT %s",
        [discussion_id, *(end for pair in ranges for end in pair), MOST_UNSEEN],
    )


def around(discussion_id: int, path: str) -> list[Row]:
    """Return the shown comment at ``path`` with the comments above it, the root first, as a permalink shows it."""
    size = 12
    paths = [path[:end] for end in range(size, len(path) + 1, size)]
    marks = ", ".join(["%s"] * len(paths))
    return _rows(
        f"SELECT {COLUMNS}, COALESCE({ANSWERED}, '') FROM comments_comment c {WITH_ANSWERED_IF_ANY} "
        f"WHERE c.discussion_id = %s AND c.is_shown AND c.path IN ({marks}) ORDER BY c.path",
        [discussion_id, *paths],
    )


def _rows(sql: str, params: list[Any]) -> list[Row]:
    with connection.cursor() as db:
        db.execute(sql, params)
        rows = db.fetchall()
    if connection.vendor == "sqlite":
        rows = [(*row[:9], _moment(row[9]), _moment(row[10]), *row[11:19], _moment(row[19]), *row[20:]) for row in rows]
    return [Row._make(row) for row in rows]


def _moment(value: Any) -> Any:
    """Return what SQLite stores as the moment it is: times are kept in UTC, without saying so."""
    return value if value is None else value.replace(tzinfo=UTC)


def _encode(sort: str, position: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([sort, *position]).encode()).decode().rstrip("=")


def _decode(cursor: str, sort: str) -> list[Any] | None:
    if not cursor:
        return None
    kinds: tuple[type, ...] = (int, int) if sort in COUNTED else (str,) if sort == "below" else (int,)
    try:
        said, *rest = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise _bad_cursor() from None
    position: list[Any] = rest
    fits = len(position) == len(kinds) and all(type(value) is kind for value, kind in zip(position, kinds, strict=True))
    if said != sort and not (sort == "below" and said == "replies" and len(position) == 1):
        # "replies" is what places below a comment were called before it became an order.
        raise _bad_cursor()
    if not fits or any(isinstance(value, int) and abs(value) > 2**62 for value in position):
        raise _bad_cursor()
    if sort == "below" and (len(position[0]) > 2400 or not position[0].isalnum() or not position[0].isascii()):
        raise _bad_cursor()
    return position


def _bad_cursor() -> Refused:
    return Refused("bad_cursor", _("This page link is not valid any more. Start from the first page."))


# --- As data for programs ---------------------------------------------------------------------------------------------


def as_data(row: Row, experts: Collection[int] = ()) -> dict[str, Any]:
    """Return one comment as the API shows it to everyone; ``experts`` are people who answer in this discussion."""
    badge = row.author_badge or ("expert" if row.author_id in experts else "")
    gone = row.is_tombstone
    return {
        "id": row.id,
        "parent": row.parent_id,
        "depth": row.depth,
        "author": None
        if gone
        else {
            "id": row.author_id,
            "name": row.author_name,
            "badges": [badge] if badge else [],
        },
        "html": row.html,
        "text": "" if gone else text.plain(row.html),
        "language": row.language or None,
        "created_at": row.created_at.isoformat(),
        "edited_at": row.edited_at.isoformat() if row.edited_at and not gone else None,
        "status": row.status,
        "featured": bool(row.featured) and not gone,
        "pinned": bool(row.pinned) and not gone,
        "reactions": {"like": row.like_count} if gone else row.reactions,
        "reply_count": row.reply_count,
        "permalink": row.permalink,
        "tombstone": tombstone(row) if gone else None,
    }


def tombstone(row: Row) -> dict[str, str]:
    """Return why a comment is not shown: a code and the words for readers."""
    if row.status == Status.WITHDRAWN:
        return {"code": "withdrawn", "text": _("Withdrawn by its author")}
    if row.removed_for:
        reason = _reason_words().get(row.removed_for, row.removed_for)
        return {"code": row.removed_for, "text": _("Removed by an editor: %(reason)s") % {"reason": reason}}
    return {"code": "held", "text": _("Waiting for an editor")}


def _reason_words() -> dict[str, str]:
    """Return what each reason is called on a tombstone, kept for a minute."""
    language = get_language() or ""
    kept = _reasons.get(language)
    if kept is None or kept[0] < time.monotonic():
        kept = (time.monotonic() + 60, {reason.code: str(reason) for reason in Reason.objects.all()})
        _reasons[language] = kept
    return kept[1]


_reasons: dict[str, tuple[float, dict[str, str]]] = {}


def page_data(found: Page) -> dict[str, Any]:
    """Return a page as the API shows it: conversations, each with its first replies."""
    experts = questions.experts(found.discussion)
    return {
        "results": [
            as_data(thread.root, experts)
            | {
                "replies": [as_data(row, experts) for row in thread.replies],
                "replies_next": thread.more_cursor or None,
            }
            for thread in found.threads
        ],
        "next": found.next_cursor,
    }


# --- The bytes everyone gets, kept until the discussion moves ---------------------------------------------------------


@dataclass(slots=True)
class Kept:
    """A body ready to be sent, and the version of the discussion it shows. ``name`` is the key and what was asked."""

    name: tuple[Any, ...]
    body: bytes
    etag: str
    version: int
    built_at: float
    _gzipped: bytes = b""

    @property
    def gzipped(self) -> bytes:
        """The body compressed, once, for the first who asks for it so."""
        if not self._gzipped:
            self._gzipped = gzip.compress(self.body, 6, mtime=0)
        return self._gzipped

    @property
    def size(self) -> int:
        """Bytes of memory, the compressed body counted at a third."""
        return len(self.body) * 4 // 3 + 500


LOOK_AGAIN_SECONDS = 0.5
"""How long a process trusts what it knows of a discussion's version before it asks the shared cache."""
SHARED_SECONDS = 5
"""How long the shared cache is trusted before the database is asked."""


NOTICE_SECONDS = 15.0
"""A whole section is never kept longer than this: what the newsroom says about an incident stands in it."""


def _lasts(name: tuple[Any, ...]) -> float:
    longest = float(conf.get().cache_seconds)
    return min(longest, NOTICE_SECONDS) if len(name) > 1 and name[1] == "section" else longest


def ready(body: bytes, *, name: tuple[Any, ...] = (), version: int = 0) -> Kept:
    """Return ``body`` with its ETag. Without a ``name`` it is sent once and not kept."""
    digest = hashlib.blake2b(body, digest_size=12).hexdigest()
    return Kept(name, body, f'W/"{digest}"', version, time.monotonic())


KEPT = "comments.kept"
"""Where a public answer leaves its body's name in the WSGI environment, for :mod:`comments.shortcut`."""


class PageCache:
    """
    Bodies by what was asked for, in this process, least recently used out first.

    A body is served while it shows the discussion's current version and is younger than ``CACHE_SECONDS``. The version
    is known in the process for half a second, in the shared cache for five, and in the database for good. Many askers
    for one missing body wait for one builder.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Any, ...], Kept] = OrderedDict()
        self._versions: dict[str, tuple[int, float]] = {}
        self._building: dict[tuple[Any, ...], threading.Lock] = {}
        self._lock = threading.Lock()
        self._bytes = 0

    def get(self, key: str, what: tuple[Any, ...], build: Callable[[], tuple[int, bytes]]) -> Kept:
        """Return the body for ``what`` of discussion ``key``; ``build`` returns the version it read, and the body."""
        name = (key, *what)
        kept = self._fresh(name, key)
        if kept is not None:
            return kept
        with self._lock:
            flight = self._building.setdefault(name, threading.Lock())
        with flight:
            try:
                kept = self._fresh(name, key)
                if kept is None:
                    version, body = build()
                    kept = self._keep(name, version, body)
                    self._learn(key, version)
            finally:
                with self._lock:
                    self._building.pop(name, None)
        return kept

    def _fresh(self, name: tuple[Any, ...], key: str) -> Kept | None:
        kept = self._kept.get(name)
        if kept is None or time.monotonic() - kept.built_at > _lasts(name):
            return None
        if kept.version < self.version(key):
            return None
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
        return kept

    def certain(self, name: tuple[Any, ...]) -> Kept | None:
        """Return the body called ``name`` if this process knows, without asking anyone, that it is still right."""
        kept = self._kept.get(name)
        known = self._versions.get(name[0])
        now = time.monotonic()
        if kept is None or known is None or now - known[1] >= LOOK_AGAIN_SECONDS or kept.version < known[0]:
            return None
        return kept if now - kept.built_at <= _lasts(name) else None

    def version(self, key: str) -> int:
        """Return the version of discussion ``key``, from here, the shared cache or the database; 0 if unknown."""
        now = time.monotonic()
        known = self._versions.get(key)
        if known and now - known[1] < LOOK_AGAIN_SECONDS:
            return known[0]
        version = shared_cache.ask(lambda: cache.get(_cache_key(key)))
        if version is None:
            version = Discussion.objects.filter(key=key).values_list("version", flat=True).first() or 0
            shared_cache.ask(lambda: cache.add(_cache_key(key), version, SHARED_SECONDS))
        self._learn(key, version)
        return int(version)

    def not_before(self, key: str, version: int) -> None:
        """
        Serve nothing of discussion ``key`` that is older than ``version``, which somebody has already seen.

        Believed as far as the database knows of it: an invented version costs one query and changes nothing.
        """
        if version > self.version(key):
            self._learn(key, Discussion.objects.filter(key=key).values_list("version", flat=True).first() or 0)

    def _learn(self, key: str, version: int) -> None:
        with self._lock:
            if len(self._versions) > 50_000:
                self._versions.clear()
            known = self._versions.get(key)
            self._versions[key] = (max(version, known[0]) if known else version, time.monotonic())

    def moved(self, key: str, version: int) -> None:
        self._learn(key, version)
        shared_cache.ask(lambda: cache.set(_cache_key(key), version, SHARED_SECONDS))

    def many_moved(self, versions: Mapping[str, int]) -> None:
        for key, version in versions.items():
            self._learn(key, version)
        shared = {_cache_key(key): version for key, version in versions.items()}
        shared_cache.ask(lambda: cache.set_many(shared, SHARED_SECONDS))

    def _keep(self, name: tuple[Any, ...], version: int, body: bytes) -> Kept:
        kept = ready(body, name=name, version=version)
        limit = conf.get().cache_megabytes * 1_000_000
        with self._lock:
            if old := self._kept.pop(name, None):
                self._bytes -= old.size
            if kept.size <= limit // 4:
                self._kept[name] = kept
                self._bytes += kept.size
            while self._bytes > limit:
                _name, out = self._kept.popitem(last=False)
                self._bytes -= out.size
        return kept

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self._versions.clear()
            self._bytes = 0
        _reasons.clear()


pages = PageCache()


def _cache_key(key: str) -> str:
    return "comments:version:" + hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


def discussion_moved(key: str, version: int) -> None:
    """Make every kept page of discussion ``key`` old. Call after the commit."""
    pages.moved(key, version)


def discussions_moved(versions: Mapping[str, int]) -> None:
    """Do the same for many discussions, key → version, with one call of the shared cache."""
    pages.many_moved(versions)


def page_json(key: str, *, sort: str, cursor: str, limit: int | None, only: str = "") -> Kept:
    """Return a page of discussion ``key`` as JSON, the same bytes for everyone."""
    settings = conf.get()
    limit = min(max(1, limit or settings.page_size), 2 * settings.page_size)

    def build() -> tuple[int, bytes]:
        found = page(key, sort=sort, cursor=cursor, limit=limit, only=only)
        return found.discussion.version, json.dumps(page_data(found), ensure_ascii=False).encode()

    return pages.get(key, ("json", sort, cursor, limit, only, get_language()), build)


def counts(keys: Iterable[str]) -> dict[str, int]:
    """Return how many comments are published under each of ``keys``; 0 where there is no discussion. One query."""
    asked = list(dict.fromkeys(keys))
    found = dict(Discussion.objects.filter(key__in=asked).values_list("key", "published_count"))
    return {key: found.get(key, 0) for key in asked}
