"""
Measure the desk with many texts waiting; ``python -m benchmarks --only desk [--most N]`` runs this and shows it.

Starts a PostgreSQL of its own (``--sqlite``: a file), fills it to 1,000, 100,000 and ``--most`` held texts, and
measures at each size, each time on a connection that has just been opened: a page of 50 of a queue in each of its
orders, one for a moderator of one section, the counts, the whole page as the browser gets it, a decision, and what the
browser is answered when a key is pressed. At the last size it searches.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.servers import ROOT, postgresql

SIZES = (1_000, 100_000, 1_000_000)
STORIES, PEOPLE, SECTIONS = 2_000, 20_000, ("news", "city", "sport", "opinion", "culture", "travel", "science", "tiny")
TIMES = 5
TRANSACTION = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
KINDS = {
    "the whole page, rendered": "page",
    "a decision": "decision",
    "a decision by a key, and the answer": "answer",
}
DAY_ONE = datetime(2026, 1, 1, tzinfo=UTC)
SPACING = timedelta(seconds=20)

SEARCHES = (
    ("a word in every third text", "harbour"),
    ("a word in one of 250", "word400"),
    ("a word in one of 100,000", "lighthouse"),
    ("two words, both common", "harbour word1"),
    ("a phrase", '"night tram"'),
    ("a word that is nowhere", "nowhere"),
    ("without a common word", "word5 -harbour"),
    ("two letters of a Korean word", "투표"),
    ("four Korean letters", "투표소에"),
    ("by author's name", "author:person7777"),
    ("by author and word", "harbour author:person7777"),
    ("under an article", 'article:"story 1234"'),
    ("in a section, with a word", "section:tiny word1"),
    ("by score", "score>0.99 status:held"),
    ("by reason", "reason:spam"),
    ("by a rare finding", "rule:phrase"),
    ("by a common finding", "rule:links"),
    ("by time", "after:2026-03-01 before:2026-03-02"),
    ("first comments of guests with a link", "is:first is:guest has:link"),
    ("decided by", "decided:screening harbour"),
)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.desk", description=__doc__)
    parser.add_argument("--most", type=int, default=SIZES[-1], help="texts that wait in the end")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--sqlite", action="store_true", help="in a file instead of PostgreSQL")
    parser.add_argument("--keep", metavar="URL", help="a database filled before by this command, not filled again")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-desk"))
        if options.keep:
            url = options.keep
        elif options.sqlite:
            url = f"sqlite:///{directory}/desk.sqlite3"
        else:
            url = stack.enter_context(postgresql())
        os.environ |= {"DATABASE_URL": url, "VAR_DIR": directory, "DJANGO_SETTINGS_MODULE": "newsroom.settings"}
        if not options.keep:
            subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, check=True)
        import django

        django.setup()
        found = measure([size for size in SIZES if size < options.most] + [options.most], filled=bool(options.keep))
    written = json.dumps(found, indent=1, ensure_ascii=False)
    if options.json:
        options.json.write_text(written + "\n")
    else:
        print(written)
    return 0


# --- Filling ----------------------------------------------------------------------------------------------------------


def words(dice: random.Random) -> str:
    """Return a comment of 12 to 40 words, some of them common and most of them not."""
    said = [f"word{int(dice.paretovariate(0.35)) % 20_000}" for _ in range(dice.randint(12, 40))]
    if dice.random() < 0.33:
        said.insert(3, "harbour")
    if dice.random() < 0.002:
        said.insert(2, "night tram")
    if dice.random() < 0.00001:
        said.insert(1, "lighthouse")
    if dice.random() < 0.01:
        said.append("어제 투표소에서 줄을 섰다")
    if dice.random() < 0.05:
        said.append("https://elsewhere.example/page")
    return " ".join(said)


def people_and_stories() -> None:
    from django.contrib.auth import get_user_model

    from comments.models import Commenter, Discussion

    user = get_user_model().objects.create_superuser("bench", password="!")
    Commenter.objects.for_user(user)
    Commenter.objects.bulk_create([Commenter(name=f"Person{n} Of the town") for n in range(PEOPLE)], batch_size=500)
    # One section is small: two stories.
    Discussion.objects.bulk_create(
        [
            Discussion(key=f"story-{n}", title=f"Story {n}", section="tiny" if n < 2 else SECTIONS[n % 7])
            for n in range(STORIES)
        ],
        batch_size=500,
    )


def fill(begin: int, end: int) -> None:
    """Write the comments from ``begin`` to ``end``, each held, with its text, a finding of some and a decision."""
    from comments.models import Comment, Commenter, Decision, Discussion, Finding, Revision

    without_words()
    authors = list(Commenter.objects.filter(user=None).order_by("pk").values_list("pk", flat=True))
    stories = list(Discussion.objects.order_by("pk").values_list("pk", "section"))
    for first in range(begin, end, 20_000):
        rows: dict[Any, list[Any]] = {Comment: [], Revision: [], Decision: [], Finding: []}
        for n in range(first, min(first + 20_000, end)):
            dice = random.Random(n)
            at, pk = DAY_ONE + n * SPACING, n + 1
            story, section = stories[dice.randrange(len(stories))]
            risk = round(dice.betavariate(1, 3), 6)
            rows[Comment].append(
                Comment(pk=pk, discussion_id=story, author_id=dice.choice(authors), path=f"{n:012d}", status="held",
                        version=2, created_at=at)
            )  # fmt: skip
            said = words(dice)
            rows[Revision].append(
                Revision(pk=pk, comment_id=pk, text=said, html=f"<p>{said}</p>", status="held", created_at=at,
                         screened_at=at, risk=risk, priority=round(risk * dice.uniform(1, 10), 6), section=section)
            )  # fmt: skip
            reason = "spam" if dice.random() < 0.001 else ""
            rows[Decision].append(
                Decision(comment_id=pk, revision_id=pk, verdict="hold", from_status="received", to_status="held",
                         decider="screening", trigger="screening", reason=reason, created_at=at)
            )  # fmt: skip
            rare = dice.random()
            if rare < 0.05:
                code = "phrase" if rare < 0.0002 else "links"
                rows[Finding].append(Finding(revision_id=pk, rule=f"hold_{code}", verdict="hold", code=code))
        for model, written in rows.items():
            write(model, written)


INDEX = "CREATE INDEX IF NOT EXISTS comments_revision_words ON comments_revision USING gin (words)"


def without_words() -> None:
    """Take PostgreSQL's index of words away while many texts are written; ``count_again`` makes it anew."""
    from django.db import connection

    if connection.vendor == "postgresql":
        with connection.cursor() as db:
            db.execute("DROP INDEX IF EXISTS comments_revision_words")


def write(model: Any, rows: list[Any]) -> None:
    """Write many rows: by COPY on PostgreSQL."""
    from django.db import connection

    if connection.vendor != "postgresql":
        model.objects.bulk_create(rows, batch_size=1_000)
        return
    from psycopg.types.json import Jsonb

    fields = [field for field in model._meta.concrete_fields if rows and getattr(rows[0], field.attname) is not None]
    named = ", ".join(f'"{field.column}"' for field in fields)
    with (
        connection.cursor() as db,
        db.cursor.copy(f'COPY "{model._meta.db_table}" ({named}) FROM STDIN') as copy,  # type: ignore[attr-defined]
    ):
        for row in rows:
            values = [getattr(row, field.attname) for field in fields]
            copy.write_row([Jsonb(one) if isinstance(one, dict | list) else one for one in values])


def count_again() -> None:
    """Bring counts and statistics to what is there, as ``reconcile_counts`` and the database's own upkeep would."""
    from django.db import connection

    with connection.cursor() as db:
        db.execute(
            "UPDATE comments_discussion SET held_count = (SELECT count(*) FROM comments_comment AS one "
            "WHERE one.discussion_id = comments_discussion.id AND one.status = 'held')"
        )
        if connection.vendor == "postgresql":
            db.execute(INDEX)
        db.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


# --- Measuring --------------------------------------------------------------------------------------------------------


def cold(work: Callable[[], Any]) -> tuple[float, int]:
    """Return the milliseconds ``work`` takes on a new connection, the median of a few times, and its statements."""
    from django.db import connection, reset_queries
    from django.test.utils import CaptureQueriesContext

    took = []
    for _time in range(TIMES):
        connection.close()
        connection.ensure_connection()
        reset_queries()
        begun = time.perf_counter()
        work()
        took.append((time.perf_counter() - begun) * 1000)
    counted = []
    for _time in range(2):
        with CaptureQueriesContext(connection) as asked:
            work()
        # What is asked once a second or seldomer, such as whether the policy has moved on, is in one of them at most.
        counted.append(sum(one["sql"].split()[0] not in TRANSACTION for one in asked))
    return statistics.median(took), min(counted)


def measure(sizes: list[int], *, filled: bool) -> dict[str, Any]:
    """Return milliseconds and statements of each kind of page at each size, and of each search at the largest."""
    from django.db import connection
    from django.test import Client

    from comments import moderation, search
    from comments.desk import queues
    from comments.models import Comment, Commenter
    from comments.screening import Verdict

    if not filled:
        people_and_stories()
    client = Client(HTTP_HOST="localhost")
    from django.contrib.auth import get_user_model

    user = get_user_model().objects.get(username="bench")
    client.force_login(user)
    editor = Commenter.objects.for_user(user)
    queue, middle = queues.named("to_decide"), ""

    def whole() -> None:
        assert client.get("/admin/comments/desk/").status_code == 200

    def decided(comment: Any) -> None:
        moderation.decide(comment, Verdict("publish"), decider="editor", trigger="screening", made_by=editor)

    def answered(comment: Any) -> None:
        said = {"comment": comment.pk, "version": comment.version, "decision": "publish", "queue": queue.name}
        done = client.post("/admin/comments/desk/decide/", said, headers={"X-Requested-With": "comments"})
        assert done.status_code == 200

    def pages() -> Iterator[tuple[str, Callable[[], Any]]]:
        for order in queue.orders:
            yield f"page of 50, {order}", lambda order=order: queues.page(queue.in_order(order))
        yield "a page in the middle", lambda: queues.page(queue, middle)
        yield "page of 50, of one small section", lambda: queues.page(queue, sections=frozenset(["tiny"]))
        yield "page of 50, of three sections", lambda: queues.page(queue, sections=frozenset(["tiny", "city", "news"]))
        yield "the counts", queues.counts
        yield "the whole page, rendered", whole
        held = Comment.objects.filter(status="held").select_related("discussion").order_by("-pk")
        each = iter(held[: 4 * TIMES])
        yield "a decision", lambda: decided(next(each))
        yield "a decision by a key, and the answer", lambda: answered(next(each))

    table: dict[str, list[tuple[float, int]]] = {}
    done = 0
    for size in sizes[-1:] if filled else sizes:
        begun = time.monotonic()
        if not filled:
            fill(done, size)
            count_again()
        done = size
        print(f"  filled to {size:,} in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
        at = DAY_ONE + (size // 2) * SPACING
        middle = f"{(at - queues.EPOCH) // queues.MICROSECOND}-{size // 2 + 1}"
        whole()
        for what, work in pages():
            table.setdefault(what, []).append(cold(work))
            print(f"  {what}: {table[what][-1][0]:.1f} ms", file=sys.stderr, flush=True)
    measured = sizes[-1:] if filled else sizes
    searches = []
    for what, typed in SEARCHES:
        found_now = queues.page(queues.named(queues.SEARCH + typed))
        took, _sql = cold(lambda typed=typed: queues.page(queues.named(queues.SEARCH + typed)))
        print(f"  {typed}: {took:.1f} ms, {len(found_now.rows)}", file=sys.stderr, flush=True)
        searches.append({"what": what, "typed": str(search.parse(typed)), "ms": took, "found": len(found_now.rows)})
    pages_found = [
        {"what": what, "ms": [ms for ms, _sql in found], "sql": found[-1][1], "kind": KINDS.get(what, "part")}
        for what, found in table.items()
    ]
    return {"vendor": connection.vendor, "sizes": measured, "pages": pages_found, "searches": searches}


if __name__ == "__main__":
    sys.exit(main())
