"""Reading as one likes: five orders, picks and pins, without what was removed, reactions, and people left unread."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comments import conf, discussions, moderation, muting, policy, posting, ranking, reactions, threads, thresholds
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Discussion, Flag, Mute, Reaction, Token
from newsroom.articles.models import Article

Post = Callable[..., Comment]
Person = Callable[..., Commenter]


@pytest.fixture(autouse=True)
def nobody_is_too_fast(settings: Any) -> None:
    settings.COMMENTS = {"POSTS_PER_MINUTE": 0, "FLOOD_COMMENTS": 0, "RULE_MILLISECONDS": 60_000}


@pytest.fixture
def article(db: None) -> Article:
    return Article.objects.create(
        slug="night-tram",
        headline="The night tram is back",
        body="<p>It runs.</p>",
        published_at=timezone.now() - timedelta(hours=2),
    )


@pytest.fixture
def story(article: Article) -> Discussion:
    return discussions.for_object(article)


@pytest.fixture
def signed_in(reader: Commenter) -> Client:
    client = Client()
    client.force_login(reader.user)
    return client


def ids(sort: str = "newest", key: str = "story-1", **more: Any) -> list[int]:
    return [one.root.id for one in threads.page(key, sort=sort, **more).threads]


def order(html: str) -> list[int]:
    return [int(number) for number in re.findall(r'<article class="comment" id="comment-(\d+)"', html)]


# --- Orders -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("good", "bad", "lower_than"),
    [((3, 0), (90, 10), "three of three are not yet ninety of a hundred"), ((0, 1), (0, 0), "a dislike sinks")],
)
def test_best_asks_how_sure_one_can_be(good: tuple[int, int], bad: tuple[int, int], lower_than: str) -> None:
    assert ranking.best(*good) < ranking.best(*bad), lower_than
    assert ranking.best(0, 0) == Comment._meta.get_field("best_score").default
    assert ranking.best(0, 10_000) >= 0 and ranking.best(10_000_000, 0) <= 1_000_000


def test_best_and_most_replied_order_what_readers_did(
    reader: Commenter, person: Person, post: Post, settings: Any
) -> None:
    settings.COMMENTS = settings.COMMENTS | {"REACTIONS": ["like", "dislike"]}
    answered, loved, disputed = (post(reader, f"Comment number {number} of three.") for number in range(3))
    post(reader, "The only answer.", parent=answered)
    for number in range(6):
        reactions.react(person(f"fan-{number}"), disputed)
        reactions.react(person(f"critic-{number}"), disputed, "dislike")
    for number in range(4):
        reactions.react(person(f"friend-{number}"), loved)

    assert ids("top") == [disputed.pk, loved.pk, answered.pk]
    assert ids("best") == [loved.pk, disputed.pk, answered.pk]
    assert ids("replies")[0] == answered.pk


def test_a_flag_weighs_against_until_an_editor_lets_the_comment_stand(
    reader: Commenter, person: Person, editor: Commenter, post: Post, decide: Any
) -> None:
    comment = post(reader)
    before = Comment.objects.get(pk=comment.pk).best_score

    moderation.flag(person("jo"), comment, "spam")
    flagged = Comment.objects.get(pk=comment.pk).best_score
    decide(comment, "publish", editor)
    after = Comment.objects.get(pk=comment.pk).best_score

    assert flagged < before == after
    assert Flag.objects.get().state == "dismissed"


def test_a_score_that_went_astray_is_found_and_put_right(reader: Commenter, post: Post) -> None:
    comment = post(reader)
    Comment.objects.filter(pk=comment.pk).update(like_count=5)

    assert [line for line in discussions.reconcile(repair=True) if "ranked" in line]

    comment.refresh_from_db()
    assert comment.best_score == ranking.best(5, 0)
    assert list(discussions.reconcile()) == []


@pytest.mark.parametrize("sort", ["best", "replies"])
def test_programs_page_in_the_new_orders(db: None, sort: str) -> None:
    call_command("seed_comments", discussion="seeded", count=120, fast=True, verbosity=0)
    client, seen, cursor = Client(), [], ""

    while cursor is not None:
        page = client.get("/api/v1/discussions/seeded/comments/", {"sort": sort, "limit": 7, "cursor": cursor}).json()
        seen += [one["id"] for one in page["results"]]
        cursor = page["next"]

    assert len(seen) == len(set(seen)) == Comment.objects.filter(parent=None).count()


def test_a_choice_of_order_is_remembered_for_its_reader_and_changes_nobody_elses_bytes(
    signed_in: Client, article: Article, story: Discussion, reader: Commenter, person: Person, post: Post
) -> None:
    first, second = post(reader, "The first.", discussion=story), post(reader, "The second.", discussion=story)
    reactions.react(person("jo"), first)
    url = article.get_absolute_url()
    public = Client().get(url).content

    signed_in.get(url, {"keep": "1", "sort": "top"})

    assert order(signed_in.get(url).content.decode()) == [first.pk, second.pk]
    assert order(signed_in.get(url, {"sort": "newest"}).content.decode()) == [second.pk, first.pk]
    assert Client().get(url).content == public and order(public.decode()) == [second.pk, first.pk]
    assert not Client().get(url, {"keep": "1", "sort": "top"}).cookies


# --- Picks and pins ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", threads.SORTS)
@pytest.mark.parametrize("reply", [False, True])
def test_what_is_pinned_stands_first_once_in_every_order(
    reader: Commenter, editor: Commenter, post: Post, settings: Any, sort: str, reply: bool
) -> None:
    settings.COMMENTS = settings.COMMENTS | {"PAGE_SIZE": 3}
    roots = [post(reader, f"Comment number {number} of seven.") for number in range(7)]
    chosen = post(reader, "An answer worth a pin.", parent=roots[3]) if reply else roots[3]
    moderation.pin(Comment.objects.get(pk=chosen.pk), made_by=editor)

    seen: list[int] = []
    cursor: str | None = ""
    with CaptureQueriesContext(connection) as queries:
        threads.page("story-1", sort=sort)
    while cursor is not None:
        page = threads.page("story-1", sort=sort, cursor=cursor)
        seen += [one.root.id for one in page.threads]
        cursor = page.next_cursor

    assert seen[0] == roots[3].pk
    assert sorted(seen) == [root.pk for root in roots]
    assert len(queries) <= 3


def test_picks_stand_by_themselves_with_a_sentence_when_there_are_none(
    article: Article, story: Discussion, reader: Commenter, editor: Commenter, post: Post
) -> None:
    root = post(reader, "The root.", discussion=story)
    reply = post(reader, "A reply worth a mark.", discussion=story, parent=root)
    url = article.get_absolute_url()
    none = Client().get(url, {"only": "picks"}).content.decode()

    moderation.feature(Comment.objects.get(pk=reply.pk), made_by=editor)
    threads.pages.clear()
    some = Client().get(url, {"only": "picks"}).content.decode()
    data = Client().get(f"/api/v1/discussions/{story.key}/comments/", {"only": "picks"}).json()

    assert "The editors have not picked a comment here yet." in none and 'name="sort"' in none
    assert order(some) == [reply.pk] and "in reply to @" in some
    assert [one["id"] for one in data["results"]] == [reply.pk] and data["results"][0]["featured"]
    unknown = Client().get(f"/api/v1/discussions/{story.key}/comments/", {"only": "x"})
    assert (unknown.status_code, unknown.json()["code"]) == (400, "unknown_filter")


def test_picks_are_read_by_their_own_index(db: None) -> None:
    call_command("seed_comments", discussion="seeded", count=2000, fast=True, verbosity=0)

    with CaptureQueriesContext(connection) as queries:
        threads.page("seeded", only="picks")
    with connection.cursor() as db_cursor:
        db_cursor.execute(("EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN ") + queries[-1]["sql"])
        plan = str(db_cursor.fetchall())

    assert len(queries) == 2
    if connection.vendor == "sqlite":
        assert "comments_shown_picks" in plan, plan


# --- Without what was removed -----------------------------------------------------------------------------------------


def test_hiding_what_was_removed_loses_no_reply(
    article: Article, story: Discussion, reader: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    root = post(reader, "The root, to be removed.", discussion=story)
    middle = post(reader, "The middle, to be removed.", discussion=story, parent=root)
    leaf = post(reader, "The leaf that stays.", discussion=story, parent=middle)
    other = post(reader, "Another conversation.", discussion=story)
    decide(root, "reject", editor)
    decide(middle, "reject", editor)
    url = article.get_absolute_url()

    shown = Client().get(url).content.decode()
    hidden = Client().get(url, {"hide": "removed"}).content.decode()

    assert order(shown) == [other.pk, root.pk, middle.pk, leaf.pk] and "Removed by an editor" in shown
    assert order(hidden) == [other.pk, leaf.pk] and "Removed by an editor" not in hidden
    assert hidden.count("<ol") == hidden.count("</ol>")
    assert hidden.count("<li>") + hidden.count("<li ") == hidden.count("</li>")
    assert re.search(r'name="hide" value="removed"[^>]* checked', hidden)


# --- Reactions --------------------------------------------------------------------------------------------------------


def test_one_reaction_a_person_and_only_those_that_are_offered(
    reader: Commenter, person: Person, post: Post, settings: Any
) -> None:
    comment, jo = post(reader), person("jo")
    with pytest.raises(Refused, match="no such reaction"):
        reactions.react(jo, comment, "dislike")

    settings.COMMENTS = settings.COMMENTS | {"REACTIONS": ["like", "dislike", "funny"]}
    reactions.react(jo, comment, "like")
    reactions.react(jo, comment, "funny")
    reactions.react(jo, comment, "funny")

    assert Reaction.objects.count() == 1
    assert reactions.counts(comment) == {"like": 0, "funny": 1}
    [row] = [one.root for one in threads.page("story-1").threads]
    assert threads.as_data(row)["reactions"] == {"like": 0, "funny": 1}
    reactions.unreact(jo, comment)
    assert reactions.counts(comment) == {"like": 0}


def test_no_reactions_can_be_offered_and_unknown_ones_are_an_error_at_start(
    story: Discussion, article: Article, reader: Commenter, post: Post, settings: Any
) -> None:
    post(reader, discussion=story)
    settings.COMMENTS = settings.COMMENTS | {"REACTIONS": []}

    assert "/react/" not in Client().get(article.get_absolute_url()).content.decode()
    with pytest.raises(ImproperlyConfigured, match="REACTIONS"):
        conf.Settings(reactions=("like", "love"))


def test_editors_offer_reactions_under_one_article(
    reader: Commenter, person: Person, editor: Commenter, post: Post
) -> None:
    comment, jo = post(reader), person("jo")

    policy.set_value("reactions", ["like", "dislike"], made_by=editor, discussion=comment.discussion)
    thresholds.forget()
    reactions.react(jo, comment, "dislike")

    assert reactions.counts(comment) == {"like": 0, "dislike": 1}
    with pytest.raises(Refused):
        policy.set_value("reactions", ["like", "love"], made_by=editor)


def test_a_form_and_a_program_react_in_the_ways_that_are_offered(
    signed_in: Client, story: Discussion, reader: Commenter, person: Person, post: Post, settings: Any
) -> None:
    settings.COMMENTS = settings.COMMENTS | {"REACTIONS": ["like", "dislike"]}
    comment = post(person("jo"), discussion=story)
    path = f"/comments/{comment.pk}/react/"

    asked = signed_in.get(path).content.decode()
    signed_in.post(path, {"kind": "dislike"})
    told = signed_in.post(path, {"kind": "dislike"}, headers={"x-requested-with": "comments"}).json()
    mine = signed_in.get("/comments/mine/", {"key": story.key}).content.decode()

    assert 'value="dislike"' in asked and 'value="like"' in asked
    assert told == {"like": 0, "dislike": 1}
    assert f'data-reacted="{comment.pk}:dislike"' in mine


def test_too_many_reactions_in_a_minute_are_refused(
    reader: Commenter, person: Person, post: Post, settings: Any
) -> None:
    settings.COMMENTS = settings.COMMENTS | {"REACTIONS_PER_MINUTE": 2}
    comment, jo = post(reader), person("jo")

    reactions.react(jo, comment)
    reactions.react(jo, comment)
    with pytest.raises(Refused) as refused:
        reactions.react(jo, comment)

    assert refused.value.status == 429


def at_once(calls: list[Callable[[], Any]]) -> list[BaseException]:
    """Run all of ``calls`` at the same moment, each with a connection of its own; return what they raised."""
    start, raised = threading.Barrier(len(calls)), []

    def run(call: Callable[[], Any]) -> None:
        try:
            start.wait()
            call()
        except BaseException as error:
            raised.append(error)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=run, args=[call]) for call in calls]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    return raised


at_the_same_time = pytest.mark.skipif(connection.vendor != "postgresql", reason="needs row locks: PostgreSQL")


@at_the_same_time
@pytest.mark.django_db(transaction=True)
def test_two_hundred_votes_by_one_person_at_once_are_one(
    reader: Commenter, person: Person, post: Post, settings: Any
) -> None:
    settings.COMMENTS = settings.COMMENTS | {"REACTIONS_PER_MINUTE": 0, "REACTIONS": ["like", "dislike"]}
    comment, jo = post(reader), person("jo")

    for _turn in range(10):
        raised = at_once([lambda: reactions.react(jo, Comment.objects.get(pk=comment.pk))] * 20)
        assert raised == []

    comment.refresh_from_db()
    assert comment.like_count == Reaction.objects.count() == 1


@at_the_same_time
@pytest.mark.django_db(transaction=True)
def test_votes_of_many_who_change_their_minds_at_once_are_counted_exactly(
    reader: Commenter, person: Person, post: Post, settings: Any
) -> None:
    settings.COMMENTS = settings.COMMENTS | {"REACTIONS_PER_MINUTE": 0, "REACTIONS": ["like", "dislike"]}
    comment = post(reader)
    voters = [person(f"voter-{number}") for number in range(8)]

    calls: list[Callable[[], Any]] = []
    for place, voter in enumerate(voters):
        for kind in ("like", "dislike", ""):
            if kind:
                calls.append(
                    lambda voter=voter, kind=kind: reactions.react(voter, Comment.objects.get(pk=comment.pk), kind)
                )
            elif place % 2:
                calls.append(lambda voter=voter: reactions.unreact(voter, Comment.objects.get(pk=comment.pk)))
    raised = at_once(calls)

    comment.refresh_from_db()
    rows = Reaction.objects.filter(comment=comment)
    assert raised == []
    assert comment.like_count == rows.filter(kind="like").count()
    assert comment.reaction_counts.get("dislike", 0) == rows.filter(kind="dislike").count()
    assert rows.values("person").distinct().count() == rows.count()
    assert list(discussions.reconcile()) == []


@at_the_same_time
@pytest.mark.django_db(transaction=True)
def test_votes_flags_and_a_withdrawal_at_once_end_in_one_true_state(
    reader: Commenter, person: Person, post: Post, reasons: None, settings: Any
) -> None:
    settings.COMMENTS = settings.COMMENTS | {"REACTIONS_PER_MINUTE": 0, "FLAG_HOLD_WEIGHT": 100}
    comment = post(reader)
    people = [person(f"voter-{number}") for number in range(8)]

    raised = at_once(
        [lambda one=one: reactions.react(one, Comment.objects.get(pk=comment.pk)) for one in people]
        + [lambda one=one: moderation.flag(one, Comment.objects.get(pk=comment.pk), "spam") for one in people]
        + [lambda: posting.withdraw_comment(reader, Comment.objects.get(pk=comment.pk))]
    )

    comment.refresh_from_db()
    assert all(isinstance(error, Refused) for error in raised), raised
    assert comment.status == "withdrawn"
    assert comment.like_count == Reaction.objects.filter(comment=comment).count()
    assert list(discussions.reconcile()) == []


# --- People one does not wish to read ---------------------------------------------------------------------------------


def test_who_is_muted_is_folded_for_me_alone_with_and_without_script(
    signed_in: Client, article: Article, story: Discussion, reader: Commenter, person: Person, post: Post
) -> None:
    grumble = person("grumble")
    comment = post(grumble, "Move to the countryside then.", discussion=story)
    reply = post(reader, "Why should I?", discussion=story, parent=comment)
    url = article.get_absolute_url()
    public = Client().get(url).content

    asked = signed_in.get(f"/comments/{comment.pk}/mute/").content.decode()
    assert "Do you wish to read nothing more by" in asked and not Mute.objects.exists()
    assert signed_in.post(f"/comments/{comment.pk}/mute/").status_code == 303
    html = signed_in.get(url).content.decode()

    assert html.count('<details class="comment-tombstone" data-folded><summary>') == 2  # the page's, the script's
    assert order(html) == [comment.pk, reply.pk]
    assert "Move to the countryside then." in html
    assert f'data-muted="{grumble.pk}"' in html
    assert Client().get(url).content == public
    assert b"data-folded" in signed_in.get(f"/comments/{comment.pk}/").content
    assert b"data-folded" not in Client().get(f"/comments/{comment.pk}/").content

    me = signed_in.get("/comments/me/").content.decode()
    assert "People I muted" in me and "grumble" in me
    assert signed_in.post("/comments/me/unmute/", {"person": grumble.pk}).status_code == 303
    assert not Mute.objects.exists()


def test_programs_mute_list_and_unmute(reader: Commenter, person: Person, post: Post) -> None:
    other = person("grumble")
    post(other)
    token, client = Token.objects.issue(reader.user, ["read", "write"], 1), Client()

    def me(method: str, path: str, body: Any = None) -> Any:
        return client.generic(
            method,
            f"/api/v1/{path}",
            "" if body is None else json.dumps(body),
            content_type="application/json",
            headers={"authorization": f"Bearer {token}"},
        )

    assert me("PUT", f"me/mutes/{other.pk}/", {}).status_code == 204
    assert me("PUT", f"me/mutes/{other.pk}/", {}).status_code == 204
    assert [one["name"] for one in me("GET", "me/mutes/").json()["results"]] == ["grumble"]
    assert me("GET", "me/discussions/story-1/").json()["mutes"] == [other.pk]
    assert me("PUT", f"me/mutes/{reader.pk}/", {}).json()["code"] == "muting_oneself"
    assert me("PUT", "me/mutes/999999/", {}).status_code == 404
    assert me("DELETE", f"me/mutes/{other.pk}/").status_code == 204
    assert not Mute.objects.exists()


def test_nobody_mutes_without_end(reader: Commenter, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(muting, "MOST", 2)
    for number in range(2):
        muting.mute(reader, person(f"one-{number}"))

    with pytest.raises(Refused) as refused:
        muting.mute(reader, person("one-more"))

    assert refused.value.code == "too_many_mutes"


# --- Links that last --------------------------------------------------------------------------------------------------


def test_a_permalink_outlives_a_new_slug_and_shows_a_rejected_ancestor_as_a_tombstone(
    article: Article, story: Discussion, reader: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    root = post(reader, "The root, to be removed.", discussion=story)
    leaf = post(reader, "The leaf that stays.", discussion=story, parent=root)
    decide(root, "reject", editor)
    article.slug = "night-tram-returns"
    article.save()

    html = Client().get(f"/comments/{leaf.pk}/").content.decode()
    assert "Removed by an editor" in html and "to be removed" not in html
    place = re.search(rf'href="(/articles/[^"#]+)#comment-{leaf.pk}"', html)

    assert place
    answer = Client().get(place.group(1), follow=True)
    assert answer.status_code == 200 and f'id="comment-{leaf.pk}"' in answer.content.decode()


def test_a_deep_reply_stands_flat_and_says_whom_it_answers(
    article: Article, story: Discussion, reader: Commenter, person: Person, post: Post, settings: Any
) -> None:
    settings.COMMENTS = settings.COMMENTS | {"INDENT_LEVELS": 2, "REPLIES_SHOWN": 20}
    above = post(reader, "Level 0.", discussion=story)
    for depth in range(1, 6):
        above = post(person(f"person-{depth}"), f"Level {depth}.", discussion=story, parent=above)

    html = Client().get(article.get_absolute_url()).content.decode()

    assert html.count('<ol class="comment-replies">') == 2
    assert "in reply to @person-4" in html and "in reply to @person-1" not in html
