"""Reading: the same few queries and rows whatever the size, and the same bytes for everyone."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from comments import discussions, threads
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Discussion

Post = Callable[..., Comment]


def seeded(count: int) -> Discussion:
    call_command("seed_comments", discussion=f"seeded-{count}", count=count, fast=True, verbosity=0)
    return Discussion.objects.get(key=f"seeded-{count}")


def walk(key: str, sort: str, limit: int) -> list[int]:
    """Return the ids of all first comments, page by page."""
    seen: list[int] = []
    cursor = ""
    while True:
        page = threads.page(key, sort=sort, cursor=cursor, limit=limit)
        seen += [thread.root.id for thread in page.threads]
        if page.next_cursor is None:
            return seen
        cursor = page.next_cursor


@pytest.mark.parametrize("sort", threads.SORTS)
def test_paging_shows_every_conversation_once_in_order(db: None, sort: str) -> None:
    discussion = seeded(300)
    roots = Comment.objects.filter(discussion=discussion, parent=None)

    seen = walk(discussion.key, sort, 7)

    by = {"newest": "-id", "oldest": "id", "top": "-like_count", "best": "-best_score", "replies": "-reply_count"}
    order = [by[sort], "-id"]
    assert seen == list(roots.order_by(*order).values_list("id", flat=True))


def test_the_first_replies_are_those_in_reading_order(db: None) -> None:
    discussion = seeded(400)

    for thread in threads.page(discussion.key, limit=50).threads:
        below = Comment.objects.filter(discussion=discussion, path__startswith=thread.root.path).exclude(
            pk=thread.root.id
        )
        expected = list(below.order_by("path").values_list("id", flat=True)[:5])
        assert [row.id for row in thread.replies] == expected
        assert thread.more_count == max(0, below.count() - 5)


@pytest.mark.parametrize("count", [100, 10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_cold_first_page_is_three_queries_whatever_the_size(db: None, count: int) -> None:
    discussion = seeded(count)

    for sort in threads.SORTS:
        with CaptureQueriesContext(connection) as queries:
            threads.page(discussion.key, sort=sort)
        assert len(queries) <= 3
        for query in queries.captured_queries:
            assert "COUNT(" not in query["sql"] and "OFFSET" not in query["sql"]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's query plan; PostgreSQL's is read below")
def test_sqlite_reads_pages_by_index_and_sorts_nothing(db: None) -> None:
    discussion = seeded(500)
    with CaptureQueriesContext(connection) as queries:
        for sort in threads.SORTS:
            threads.page(discussion.key, sort=sort)

    for query in queries.captured_queries:
        with connection.cursor() as db_cursor:
            db_cursor.execute("EXPLAIN QUERY PLAN " + query["sql"])
            plan = [row[3] for row in db_cursor.fetchall()]
        scans = [
            line for line in plan if line.startswith("SCAN") and "(subquery" not in line and "SUBQUERY" not in line
        ]
        assert scans == [], plan
        if "parent_id IS NULL" in query["sql"]:
            assert not any("TEMP B-TREE" in line for line in plan), plan


@pytest.mark.skipif(connection.vendor != "postgresql", reason="reads PostgreSQL's query plan")
def test_postgresql_reads_as_many_rows_as_it_shows(db: None) -> None:
    """A conversation of 5,000 replies costs what one of five does."""
    seeded(20_000)
    discussion = Discussion.objects.get(key="seeded-20000")
    with connection.cursor() as db_cursor:
        db_cursor.execute("ANALYZE comments_comment")
    with CaptureQueriesContext(connection) as queries:
        threads.page(discussion.key)

    replies = queries.captured_queries[-1]["sql"]
    with connection.cursor() as db_cursor:
        db_cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + replies)
        plan = db_cursor.fetchone()[0]
    plan = json.loads(plan) if isinstance(plan, str) else plan
    read = sum(_rows_read(plan[0]["Plan"]))
    assert read < 2_000, read


@pytest.mark.skipif(connection.vendor != "postgresql", reason="reads PostgreSQL's query plan")
def test_postgresql_reads_every_order_by_its_index_and_sorts_nothing(db: None) -> None:
    discussion = seeded(20_000)
    with connection.cursor() as db_cursor:
        db_cursor.execute("ANALYZE comments_comment")

    for sort in threads.SORTS:
        first = threads.page(discussion.key, sort=sort)
        with CaptureQueriesContext(connection) as queries:
            threads.page(discussion.key, sort=sort, cursor=first.next_cursor or "")
        [roots] = [query["sql"] for query in queries.captured_queries if "parent_id IS NULL" in query["sql"]]
        with connection.cursor() as db_cursor:
            db_cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + roots)
            plan = db_cursor.fetchone()[0]
        plan = json.loads(plan) if isinstance(plan, str) else plan
        assert '"Sort"' not in json.dumps(plan), (sort, plan)
        assert sum(_rows_read(plan[0]["Plan"])) < 1_000, (sort, plan)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="is about PostgreSQL's planner")
def test_a_table_filled_a_moment_ago_is_read_as_quickly(db: None) -> None:
    """A table that was looked at while it was empty is taken for empty by the planner."""
    seeded(12_000)
    with connection.cursor() as db_cursor:
        db_cursor.execute("SET LOCAL statement_timeout = '1s'")
        db_cursor.execute("DELETE FROM pg_statistic WHERE starelid = 'comments_comment'::regclass")
        db_cursor.execute(
            "UPDATE pg_class SET reltuples = 0, relpages = 1, relallvisible = 0 "
            "WHERE oid = 'comments_comment'::regclass"
        )

    for sort in threads.SORTS:
        page = threads.page("seeded-12000", sort=sort)
        threads.replies(page.threads[0].root.id)


def _rows_read(node: dict[str, Any]) -> list[int]:
    own = (
        [node["Actual Rows"] * node["Actual Loops"] + node.get("Rows Removed by Filter", 0)]
        if "Scan" in node["Node Type"]
        else []
    )
    return own + [rows for child in node.get("Plans", []) for rows in _rows_read(child)]


def test_more_replies_go_on_where_the_page_stopped(reader: Commenter, post: Post, settings: Any) -> None:
    settings.COMMENTS = {"POSTS_PER_MINUTE": 0, "FLOOD_COMMENTS": 0}
    root = post(reader, "The first comment of a long conversation.")
    answers = [post(reader, f"Answer number {number} of many.", parent=root).pk for number in range(12)]

    thread = threads.page("story-1").threads[0]
    rows, following = threads.replies(root.pk, cursor=thread.more_cursor, limit=4)
    rest, end = threads.replies(root.pk, cursor=following or "", limit=50)

    assert [row.id for row in [*thread.replies, *rows, *rest]] == answers
    assert thread.more_count == 7 and end is None
    assert rows[0].answers_name == reader.name


@pytest.mark.parametrize(
    "cursor", ["x", "e30", "WyJuZXdlc3QiXQ", "WyJuZXdlc3QiLCAiYSJd", "é", "A" * 500, "WyJuZXdlc3QiLCB0cnVlXQ"]
)
def test_a_cursor_that_is_none_is_refused_with_a_sentence(discussion: Discussion, cursor: str) -> None:
    with pytest.raises(Refused, match="bad_cursor"):
        threads.page(discussion.key, cursor=cursor)


def test_unknown_orders_and_discussions_are_refused(discussion: Discussion) -> None:
    with pytest.raises(Refused, match="unknown_sort"):
        threads.page(discussion.key, sort="random")
    with pytest.raises(Refused, match="unknown_discussion"):
        threads.page("nowhere")


def test_a_kept_page_costs_no_query_until_something_moves(
    reader: Commenter, discussion: Discussion, post: Post, django_capture_on_commit_callbacks: Any
) -> None:
    threads.page_json(discussion.key, sort="newest", cursor="", limit=None)
    with CaptureQueriesContext(connection) as queries:
        first = threads.page_json(discussion.key, sort="newest", cursor="", limit=None)
    assert len(queries) == 0

    with django_capture_on_commit_callbacks(execute=True):
        comment = post(reader, "Something moved in this discussion.")
    second = threads.page_json(discussion.key, sort="newest", cursor="", limit=None)

    assert first.etag != second.etag
    assert [c["id"] for c in json.loads(second.body)["results"]] == [comment.pk]


def test_another_process_hears_of_a_new_version_through_the_shared_cache(
    reader: Commenter, discussion: Discussion, post: Post, django_capture_on_commit_callbacks: Any
) -> None:
    here, there = threads.pages, threads.PageCache()

    def read() -> bytes:
        def build() -> tuple[int, bytes]:
            found = threads.page(discussion.key)
            return found.discussion.version, str(len(found.threads)).encode()

        return there.get(discussion.key, ("count",), build).body

    assert read() == b"0"
    with django_capture_on_commit_callbacks(execute=True):
        post(reader, "Written in another process.")
    assert here is not there
    time.sleep(threads.LOOK_AGAIN_SECONDS + 0.05)
    assert read() == b"1"


def test_a_shared_cache_that_is_away_is_done_without(discussion: Discussion, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_args: Any, **_kwargs: Any) -> None:
        raise ConnectionError("away")

    monkeypatch.setattr(cache, "get", away)
    monkeypatch.setattr(cache, "add", away)

    assert json.loads(threads.page_json(discussion.key, sort="newest", cursor="", limit=None).body)["results"] == []


def test_many_askers_for_one_missing_page_wait_for_one_builder() -> None:
    pages = threads.PageCache()
    built: list[int] = []

    def build() -> tuple[int, bytes]:
        built.append(1)
        time.sleep(0.2)
        return 1, b"page"

    pages.version = lambda key: 1  # type: ignore[method-assign]
    answers: list[bytes] = []
    askers = [threading.Thread(target=lambda: answers.append(pages.get("k", ("w",), build).body)) for _ in range(16)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()

    assert answers == [b"page"] * 16 and len(built) == 1


def test_kept_pages_stay_within_their_memory(settings: Any) -> None:
    settings.COMMENTS = {"CACHE_MEGABYTES": 1}
    pages = threads.PageCache()
    pages.version = lambda key: 1  # type: ignore[method-assign]

    for number in range(100):
        pages.get("k", (number,), lambda number=number: (1, str(number).encode() * 20_000))  # type: ignore[misc]

    assert pages._bytes <= 1_000_000
    assert 0 < len(pages._kept) < 100


def test_seeding_leaves_exact_counts(db: None) -> None:
    discussion = seeded(500)

    assert discussion.published_count == 500
    assert list(discussions.reconcile()) == []


def test_drift_is_found_reported_and_repaired(reader: Commenter, discussion: Discussion, post: Post) -> None:
    root = post(reader)
    post(reader, "An answer that is counted.", parent=root)
    Discussion.objects.update(published_count=7)
    Comment.objects.filter(pk=root.pk).update(reply_count=9)

    assert len(list(discussions.reconcile(repair=True))) == 2
    assert list(discussions.reconcile()) == []


def test_counts_answer_for_every_key(reader: Commenter, discussion: Discussion, post: Post) -> None:
    post(reader)

    assert threads.counts([discussion.key, "nowhere"]) == {discussion.key: 1, "nowhere": 0}
