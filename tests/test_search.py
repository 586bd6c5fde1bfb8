"""The desk's search: what is typed, what is understood and what is found."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from comments import moderation, posting, search
from comments.desk import queues
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Decision, Discussion, Finding, Flag, Note, Revision, Status

Write = Callable[..., Revision]

DESK = "/admin/comments/desk/"
CORPORA = Path(__file__).resolve().parents[2] / "shared" / "corpora"
with_corpora = pytest.mark.skipif(not CORPORA.is_dir(), reason="The corpora of hostile input are not on this machine.")
HOSTILE = "<script>alert(1)</script> \"'><img src=x onerror=alert(2)>"


@pytest.fixture
def write(discussion: Discussion) -> Write:
    """Return a function that writes a comment as it stands after screening."""

    def make(
        text: str,
        by: str = "Anna Kowalska",
        *,
        status: str = "published",
        story: Discussion | None = None,
        of_comment: dict[str, Any] | None = None,
        **facts: Any,
    ) -> Revision:
        author = Commenter.objects.filter(name=by).first() or Commenter.objects.create(name=by)
        shown = {"html": "<p>x</p>", "is_shown": True} if status == "published" else {}
        facts.setdefault("section", (story or discussion).section)
        comment = Comment.objects.create(
            discussion=story or discussion,
            author=author,
            path=f"{Comment.objects.count():012d}",
            status=status,
            **{**shown, **(of_comment or {})},
        )
        return Revision.objects.create(comment=comment, text=text, status=status, **facts)

    return make


def found(words: str, **more: Any) -> list[str]:
    return sorted(row.text for row in search.revisions(search.parse(words), **more))


# --- Reading --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("  tram   harbour ", "tram harbour"),
        ('"night  tram"', '"night tram"'),
        ("“night tram”", '"night tram"'),
        ('"tram"', "tram"),
        ("tram tram", "tram"),
        ("-tram -section:Sport", "-tram -section:Sport"),
        ('AUTHOR:"Anna  K"', 'author:"Anna K"'),
        ("user:#12", "author:#12"),
        ("score>.80", "score>0.8"),
        ("score>=0,5", "score>=0.5"),
        ("flags>02", "flags>2"),
        ("STATUS:Held", "status:held"),
        ("after:20261101 before:2D", "after:2026-11-01 before:2d"),
        ("https://elsewhere.example/x?a=b", '"https://elsewhere.example/x?a=b"'),
        ("12:30", "12:30"),
        ('"note:this"', '"note:this"'),
        ('"-5"', '"-5"'),
        ("-", ""),
        ("\x00\x01 \ud800", ""),
        ("", ""),
    ],
)
def test_a_search_is_written_in_one_way(typed: str, written: str) -> None:
    assert str(search.parse(typed)) == written
    assert str(search.parse(written)) == written


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("tram colour:red", "colour:red"),
        ("score>often", "score>often"),
        ("score:0.5", "score:0.5"),
        ("score>1.5", "score>1.5"),
        ("status:lost", "status:lost"),
        ("author:", "author:"),
        ("author:#x", "author:#x"),
        ("author:…", "author:…"),
        ("before:yesterday", "before:yesterday"),
        ("before:2026-02-30", "before:2026-02-30"),
        ("has:100%s", "has:100%s"),
        ("lang:korean", "lang:korean"),
        ('"night tram', '"night tram'),
        ("section:", "section:"),
    ],
)
def test_what_is_not_understood_is_named(typed: str, word: str) -> None:
    with pytest.raises(Refused) as refused:
        search.parse(typed)

    assert refused.value.code == "unreadable_search" and refused.value.params["word"] == word
    assert word in refused.value.detail


@pytest.mark.parametrize("typed", ["x" * 501, " ".join(f"word{n}" for n in range(31))])
def test_a_search_has_an_end(typed: str) -> None:
    with pytest.raises(Refused, match="unreadable_search"):
        search.parse(typed)


PIECES = st.sampled_from(
    [*(f"{name}{sign}" for name in (*search.OPERATORS, "colour") for sign in (*search.COMPARED, ":")),
     '"', "“", "-", " ", "\t", "#12", "0.8", "2026-11-01", "7d", "held", "link", "투표", "http://", "%s", "\\", "'"]
)  # fmt: skip


@given(st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=14).map("".join))
@limits(max_examples=600, deadline=None)
def test_reading_refuses_or_understands_and_what_it_understood_is_read_the_same(typed: str) -> None:
    try:
        query = search.parse(typed)
    except Refused:
        return

    assert search.parse(str(query)) == query
    assert str(search.parse(str(query))) == str(query)


# --- Words ----------------------------------------------------------------------------------------------------------


def test_all_words_have_to_be_there_in_any_order(write: Write) -> None:
    write("The harbour at night")
    write("The harbour by day")

    assert found("night HARBOUR") == ["The harbour at night"]
    assert found('"harbour at"') == ["The harbour at night"]
    assert found('"at harbour"') == []
    assert found("harbour -night") == ["The harbour by day"]
    assert found('-"at night"') == ["The harbour by day"]
    assert found("harb") == []


def test_words_end_where_punctuation_is(write: Write) -> None:
    write("See elsewhere.example/tram_lines: it's C++, not C#.Really")

    for words in ("elsewhere", "elsewhere.example", "tram_lines", "lines", "it's", "C++", "C#", "really", '"not C#"'):
        assert len(found(words)) == 1, words
    for words in ("C--", "its", '"c really it"'):
        assert found(words) == [], words


@pytest.mark.parametrize("word", ["투표", "표소", "투표소", "투표소에서", "投票", "票所", "ตั้ง", "การเลือกตั้ง"])
def test_any_part_of_a_word_is_found_where_words_are_not_spaced(write: Write, word: str) -> None:
    write("어제 투표소에서 줄을 섰다")
    write("昨日は投票所に並んだ")
    write("การเลือกตั้งเมื่อวาน")
    write("투 그리고 표")

    assert len(found(word)) == 1


@pytest.mark.parametrize(
    "text", ["Ελλάδα και ΘΆΛΑΣΣΑ", "Кириллица тоже слово", "مرحبا بالعالم", "שלום עולם", "Straße über Åland"]
)
def test_words_of_every_script_are_found(write: Write, text: str) -> None:
    write(text)

    for word in text.split():
        assert found(word) == [text], word


def test_what_is_no_word_is_found_too(write: Write) -> None:
    write("So happy 🎉🎉 today")
    write("What?!?! No way")

    assert found("🎉") == ["So happy 🎉🎉 today"]
    assert found('"?!?!"') == ["What?!?! No way"]
    assert found("%") == [] and found("_") == []


def test_only_the_latest_text_of_a_comment_is_found(write: Write) -> None:
    first = write("The harbour is closed")
    Revision.objects.create(comment=first.comment, number=2, text="The tram is closed", status="held")

    assert found("closed") == ["The tram is closed"]
    assert found("harbour") == []


def test_a_text_that_is_erased_leaves_the_index(write: Write) -> None:
    text = write("A secret in 투표소")

    Revision.objects.filter(pk=text.pk).update(text="")
    assert found("secret") == [] and found("투표소") == [] and found("투표") == []

    Revision.objects.filter(pk=text.pk).update(text="Another secret 투표소")
    assert len(found("secret")) == len(found("투표소")) == 1

    text.delete()
    assert found("secret") == []
    if connection.vendor == "sqlite":
        with connection.cursor() as db:
            for table in ("comments_words", "comments_pieces"):
                # Raises when the index says anything but what is in the table.
                db.execute(f"INSERT INTO {table}({table}) VALUES ('integrity-check')")
                db.execute(f"SELECT count(*) FROM {table} WHERE {table} MATCH 'secret'")
                assert db.fetchone() == (0,)


def test_the_index_comes_back_when_a_migration_took_its_triggers(write: Write) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL has an index and needs no triggers")
    with connection.cursor() as db:
        db.execute("DROP TRIGGER comments_words_insert")
    write("Written meanwhile")
    assert found("meanwhile") == []

    search.keep_in_step(connection)

    assert found("meanwhile") == ["Written meanwhile"]
    write("Written afterwards")
    assert found("afterwards") == ["Written afterwards"]


# --- Operators ------------------------------------------------------------------------------------------------------


def test_people_are_found_by_the_beginnings_of_their_names(write: Write) -> None:
    text = write("One", by="Anna-Maria Kowalska")
    write("Two", by="Johanna Vos")
    write("Three", by="김민수")

    assert found("author:anna") == ["One"]
    assert found('author:"kow anna"') == found("author:maria") == ["One"]
    assert found("author:민수") == found("author:김민") == ["Three"]
    assert found(f"author:#{text.comment.author_id}") == ["One"]
    assert found("-author:anna") == ["Three", "Two"]
    assert found("author:#999999999999999999") == []


def test_articles_and_sections(write: Write, discussion: Discussion) -> None:
    other = Discussion.objects.create(
        key="articles.article:42", title="The canteen of the school", section="Rest of it"
    )
    Discussion.objects.filter(pk=discussion.pk).update(section="city")
    write("One")
    write("Two", story=other)

    assert found('article:"school canteen"') == found("article:articles.article:42") == ["Two"]
    assert found("article:tram") == ["One"]
    assert found('section:"rest of it"') == ["Two"]
    assert found("", sections=frozenset({"city"})) == ["One"]
    assert found("", sections=frozenset()) == []
    assert found("two", sections=frozenset({"city"})) == []


def test_status_and_score(write: Write) -> None:
    for status, risk in (("held", 0.9), ("published", 0.1), ("rejected", 0.8), ("withdrawn", 0.5), ("received", 0)):
        write(status, status=status, risk=risk)

    for status in Status.values:
        assert found(f"status:{status}") == [status]
    assert found("score>0.8") == ["held"] and found("score>=0.8") == ["held", "rejected"]
    assert found("score<0.2 -status:received") == ["published"]


def test_reasons_findings_and_deciders(write: Write, editor: Commenter) -> None:
    one, two = write("One", status="rejected"), write("Two")
    facts = {"from_status": "received", "trigger": "screening"}
    for text, verdict, reason, decider, by in (
        (one, "hold", "", "screening", None),
        (one, "reject", "spam", "editor", editor),
        (two, "publish", "", "screening", None),
    ):
        Decision.objects.create(
            comment=text.comment, revision=text, verdict=verdict, to_status="held", reason=reason, decider=decider,
            made_by=by, **facts,
        )  # fmt: skip
    Finding.objects.create(revision=one, rule="hold_links", verdict="hold", code="links")
    Finding.objects.create(revision=two, rule="no-petitions", verdict="hold", code="house_rule")
    Finding.objects.create(revision=two, rule="x", verdict="publish", code="passed")

    assert found("reason:spam") == found("decided:editor") == found(f"by:{editor.name}") == ["One"]
    assert found("decided:screening") == ["Two"]
    assert found("rule:links") == ["One"] and found("rule:no-petitions") == ["Two"] and found("rule:passed") == []


def test_flags_are_counted(write: Write, person: Callable[..., Commenter]) -> None:
    for count in range(4):
        text = write(f"flagged {count}")
        for number in range(count):
            Flag.objects.create(
                comment=text.comment, revision=text, person=person(f"p{count}{number}"), reason="spam", weight=1
            )

    assert found("flags>2") == ["flagged 3"] and found("flags>=2") == ["flagged 2", "flagged 3"]
    assert found("flags:1") == ["flagged 1"] and found("flags:0") == ["flagged 0"]
    assert found("flags<2") == ["flagged 0", "flagged 1"] and found("flags<0") == []
    assert found("has:flag") == ["flagged 1", "flagged 2", "flagged 3"]


def test_what_a_comment_has_and_is(write: Write, editor: Commenter, reader: Commenter) -> None:
    root = write("root", by=reader.name, of_comment={"reply_count": 1})
    write("link", html='<p><a href="x">y</a></p>')
    write("http://typed.example", status="received")
    reply = write("reply", by=reader.name, of_comment={"parent": root.comment}, language="ko")
    Revision.objects.create(comment=reply.comment, number=2, text="reply again", status="held", language="ko")
    Note.objects.create(comment=root.comment, text="Known.", made_by=editor)

    assert found("has:link") == ["http://typed.example", "link"]
    assert found("has:edit") == found("is:reply") == found("lang:KO") == ["reply again"]
    assert found("has:reply") == found("has:note") == ["root"]
    assert found("is:guest is:first") == ["link"]
    assert found("-is:guest is:first") == ["root"]
    assert found("is:root -is:guest") == ["root"]


def test_the_first_comment_is_the_earliest_however_late_it_came_and_in_each_of_its_texts(
    write: Write, discussion: Discussion
) -> None:
    earlier, at, later = (datetime(2026, 10, day, tzinfo=UTC) for day in (1, 2, 3))
    came_first = write("came first", of_comment={"created_at": at})
    write("came later", of_comment={"created_at": later})
    assert found("is:first") == ["came first"]

    Revision.objects.create(comment=came_first.comment, number=2, text="came first, edited", status="held")
    assert found("is:first") == ["came first, edited"]

    imported = write("imported from an archive", of_comment={"created_at": earlier})
    assert found("is:first") == ["imported from an archive"]
    assert found("-is:first") == ["came first, edited", "came later"]

    Comment.objects.create(discussion=discussion, author=imported.comment.author, path="z", created_at=earlier)
    assert found("is:first") == ["imported from an archive"]


@pytest.mark.django_db(transaction=True)
def test_what_was_written_before_the_mark_existed_is_marked_by_the_migration(write: Write) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("the mark is PostgreSQL's")
    first = write("first", of_comment={"created_at": datetime(2026, 10, 1, tzinfo=UTC)})
    write("second", of_comment={"created_at": datetime(2026, 10, 2, tzinfo=UTC)})
    migration = importlib.import_module("comments.migrations.0016_search_first")
    with connection.schema_editor() as editor:
        migration.forget_them(None, editor)
    write("third", of_comment={"created_at": datetime(2026, 10, 3, tzinfo=UTC)})

    # Twice: a run that was broken off is begun again.
    for _time in range(2):
        with connection.schema_editor(atomic=False) as editor:
            migration.mark_first_texts(None, editor)

    with connection.cursor() as db:
        db.execute("SELECT id FROM comments_revision WHERE is_first IS TRUE")
        assert db.fetchall() == [(first.pk,)]
    assert found("is:first") == ["first"]


def test_a_newcomers_text_is_known_for_their_first_without_reading_what_all_others_wrote(
    write: Write, discussion: Discussion
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("the mark is PostgreSQL's")
    regular = write("the regular's").comment.author
    Comment.objects.bulk_create(
        [Comment(discussion=discussion, author=regular, path=f"r{n:011d}") for n in range(5_000)]
    )
    newcomer = Commenter.objects.create(name="Nia New")
    comment = Comment.objects.create(discussion=discussion, author=newcomer, path="n")
    with connection.cursor() as db:
        db.execute("ANALYZE comments_comment")

    before = rows_read_in_turn()
    Revision.objects.create(comment=comment, text="the newcomer's", status="held")

    assert rows_read_in_turn() - before < 500
    assert found("is:first") == ["the newcomer's", "the regular's"]


def rows_read_in_turn() -> int:
    """Return how many rows of comments this transaction has read without an index."""
    with connection.cursor() as db:
        db.execute("SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'comments_comment'")
        return int(db.fetchone()[0])


def test_times(write: Write, settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Seoul"
    write("long ago", created_at=datetime(2026, 10, 31, 14, 59, tzinfo=UTC))
    write("that day", created_at=datetime(2026, 10, 31, 15, 0, tzinfo=UTC))
    write("lately", created_at=timezone.now() - timedelta(hours=30))

    assert found("before:2026-11-01") == ["long ago"]
    assert "that day" in found("after:2026-11-01")
    assert found("after:2d before:1d") == ["lately"]
    assert found("before:0001-01-01") == [] and found("after:9999-12-31") == []


TURNED = [
    "-harbour",
    "-투표",
    "-🎉",
    "-author:a",
    "-flags>1",
    "-has:note",
    "-by:a",
    "-reason:x",
    "-article:a",
    "-is:first",
]


@pytest.mark.parametrize("typed", TURNED)
def test_every_condition_can_be_turned_round(typed: str, write: Write) -> None:
    text = write("text", of_comment={"parent": None})
    for words in ("One.", "Two."):
        Note.objects.create(comment=text.comment, text=words, made_by=text.comment.author)
    write("text")

    assert len(found(typed)) + len(found(typed[1:])) == 2


# --- Hostile text ---------------------------------------------------------------------------------------------------


def hostile(*names: str) -> list[str]:
    lines = []
    for name in names:
        with (CORPORA / name).open(encoding="ascii") as file:
            rows = [json.loads(line) for line in file]
        lines += [row if isinstance(row, str) else next(v for v in row.values() if isinstance(v, str)) for row in rows]
    return lines


@with_corpora
@pytest.mark.slow
def test_nothing_that_is_typed_breaks_the_search(write: Write) -> None:
    write("An innocent text")
    for line in hostile("text/naughty_strings.jsonl", "unicode/zalgo_zero_width.jsonl", "xss/payloads.jsonl"):
        for typed in (line[:400], f'"{line[:300]}"', f"author:{line[:100]}", f'-section:"{line[:60]}"'):
            try:
                query = search.parse(typed)
            except Refused:
                continue
            assert search.parse(str(query)) == query
            list(search.revisions(query)[:3])


@with_corpora
def test_hostile_text_is_found_by_its_own_words(write: Write) -> None:
    texts = [
        line for line in hostile("text/naughty_strings.jsonl") if line.isascii() and line.replace(" ", "").isalnum()
    ]
    for text in texts:
        write(text)
    for text in texts:
        if '"' not in text and len(text) < 400:
            assert text in found(f'"{text}"')


@pytest.fixture
def desk(editor: Commenter) -> Client:
    client = Client()
    client.force_login(editor.user)
    return client


@pytest.mark.parametrize("typed", [HOSTILE, f"author:{HOSTILE}", "{{ 7|add:7 }} %s %(word)s", "' OR 1=1 --", "x" * 600])
def test_what_is_typed_is_shown_as_text(typed: str, desk: Client, write: Write) -> None:
    write("An innocent text")

    answer = desk.get(DESK, {"q": typed})

    html = answer.content.decode()
    assert answer.status_code in (200, 400)
    assert (
        "<script>alert(1)" not in html
        and "<img src=x" not in html
        and "14" not in str(answer.context["searching"]["chips"])
    )


# --- Through the doors ----------------------------------------------------------------------------------------------


def test_the_page_shows_what_was_found_and_what_was_searched_for(desk: Client, write: Write) -> None:
    write("The harbour at night", status="held")
    write("The canteen", status="held")

    html = desk.get(DESK, {"q": "harbour status:held"}).content.decode()

    assert "The harbour at night" in html and "The canteen" not in html
    assert 'value="harbour status:held"' in html and "Take away harbour" in html
    nothing = desk.get(DESK, {"q": "zeppelin"}).content.decode()
    assert str(queues.FOUND_NOTHING) in nothing


def test_a_search_that_cannot_be_read_gets_a_sentence_and_stays_in_the_field(desk: Client, write: Write) -> None:
    write("The harbour at night")

    answer = desk.get(DESK, {"q": "harbour colour:red"})

    html = answer.content.decode()
    assert answer.status_code == 400
    assert "There is no operator “colour”" in html and 'value="harbour colour:red"' in html
    assert "The harbour at night" not in html


def test_a_decision_leads_back_to_the_search(desk: Client, reader: Commenter, post: Any) -> None:
    first, second = (post(reader, f"Read https://elsewhere.example/{n} about it") for n in range(2))
    assert first.status == second.status == "held"
    html = desk.get(DESK, {"q": "elsewhere status:held"}).content.decode()
    assert 'name="queue" value="q:elsewhere status:held"' in html

    answer = desk.post(
        f"{DESK}decide/",
        {"comment": first.pk, "version": first.version, "decision": "publish", "queue": "q:elsewhere status:held"},
    )

    assert answer.status_code == 303
    page = desk.get(answer["Location"]).content.decode()
    assert 'value="elsewhere status:held"' in page and f'id="c-{second.pk}"' in page


def test_pages_of_a_search_follow_each_other_without_a_gap(write: Write, django_assert_num_queries: Any) -> None:
    now = timezone.now()
    rows = [
        write("harbour", status="held", created_at=now - timedelta(seconds=n // 2), risk=n % 3 / 10) for n in range(9)
    ]
    for order in ("newest", "age", "score", "priority", "flags"):
        queue = queues.searched("harbour status:held").in_order(order)
        assert queue.order == order
        seen: list[int] = []
        cursor = ""
        while True:
            with django_assert_num_queries(2):
                got = queues.page(queue, cursor, size=2)
            seen += [row.pk for row in got.rows]
            cursor = got.next_cursor
            if not cursor:
                break
        assert sorted(seen) == [row.pk for row in rows], order


def test_an_edit_that_waits_is_found_as_it_is_now(reader: Commenter, discussion: Discussion, post: Any) -> None:
    comment = post(reader, "The harbour is closed today")
    assert comment.status == "published"

    posting.edit_comment(reader, comment, "The canteen is closed today")
    moderation.screen(comment.pk, Comment.objects.get(pk=comment.pk).version)

    assert found("harbour") == [] and found("canteen") == ["The canteen is closed today"]
