"""What waits: its orders, its counts, the sections of a moderator, and searches that are kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from comments import discussions, moderation, posting
from comments import queues as saved_queues
from comments.desk import queues
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Discussion, Revision, SavedQueue, SectionAccess, Token

Post = Callable[..., Comment]
Person = Callable[..., Commenter]

DESK = "/admin/comments/desk/"
API = "/api/v1/moderation/"
LINK = "Read https://elsewhere.example/tram for the figures."
HOSTILE = "<script>alert(1)</script> \"'><img src=x onerror=alert(2)>"
NO_LIMITS = {"POSTS_PER_MINUTE": 0, "FLOOD_COMMENTS": 0, "REPEAT_HOURS": 0, "RULE_MILLISECONDS": 60_000}


@pytest.fixture(autouse=True)
def no_limits(settings: Any) -> None:
    settings.COMMENTS = NO_LIMITS


@pytest.fixture
def desk(editor: Commenter) -> Client:
    client = Client()
    client.force_login(editor.user)
    return client


@pytest.fixture
def api(editor: Commenter) -> Callable[..., Any]:
    headers = {"Authorization": f"Bearer {Token.objects.issue(editor.user, ['moderate'], 1)}"}

    def ask(method: str, path: str, body: Any = None) -> Any:
        data = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return getattr(Client(), method)(API + path, headers=headers, **data)

    return ask


def waiting(post: Post, author: Commenter, words: str, **facts: Any) -> Comment:
    comment = post(author, f"{LINK} {words}", **({"discussion": facts.pop("story")} if "story" in facts else {}))
    assert comment.status == "held"
    Revision.objects.filter(comment=comment).update(**facts)
    return comment


def listed(queue: queues.Queue, **more: Any) -> list[int]:
    return [row.comment_id for row in queues.page(queue, **more).rows]


# --- Orders ---------------------------------------------------------------------------------------------------------


def test_each_order_begins_with_what_it_is_named_for(reader: Commenter, post: Post) -> None:
    now = timezone.now()
    a = waiting(post, reader, "a", created_at=now - timedelta(hours=1), risk=0.2, priority=3, flag_weight=0)
    b = waiting(post, reader, "b", created_at=now - timedelta(hours=3), risk=0.9, priority=1, flag_weight=2)
    c = waiting(post, reader, "c", created_at=now - timedelta(hours=2), risk=0.5, priority=2, flag_weight=5)

    for order, expected in (
        ("age", [b, c, a]),
        ("newest", [a, c, b]),
        ("priority", [a, c, b]),
        ("flags", [c, b, a]),
        ("score", [b, c, a]),
    ):
        assert listed(queues.named("to_decide").in_order(order)) == [comment.pk for comment in expected], order
    assert listed(queues.named("to_decide").in_order("colour")) == [b.pk, c.pk, a.pk]


def test_an_order_is_kept_for_the_editor(desk: Client, reader: Commenter, post: Post) -> None:
    a = waiting(post, reader, "a", risk=0.2)
    b = waiting(post, reader, "b", risk=0.9)

    def first() -> int:
        return int(desk.get(DESK).context["cards"][0][0].comment.pk)

    assert first() == a.pk
    desk.get(f"{DESK}?order=score")
    assert first() == b.pk
    desk.get(f"{DESK}?order=colour")
    assert first() == b.pk
    desk.get(f"{DESK}?queue=published")
    desk.get(f"{DESK}?order=age")
    assert first() == a.pk


@pytest.mark.parametrize("cursor", ["nan-1", "inf-1", "-1", "1", "x-y", "1e999-1", "0.5-" + "9" * 30, "٣-١", "q:-1"])
@pytest.mark.parametrize("order", list(queues.ORDERS))
def test_a_place_that_cannot_be_read_is_the_beginning(cursor: str, order: str, reader: Commenter, post: Post) -> None:
    waiting(post, reader, "a")
    queue = queues.named("to_decide").in_order(order)

    assert len(listed(queue, after=cursor)) == 1


def test_screening_writes_risk_and_priority_with_its_decision(
    reader: Commenter, discussion: Discussion, post: Post, django_assert_num_queries: Any
) -> None:
    comment = waiting(post, reader, "a")
    text = comment.revisions.get()

    assert 0 < text.risk <= 1
    assert text.priority == pytest.approx(text.risk * moderation.reach(comment), abs=1e-5)
    assert text.section == discussion.section and text.reviewed_at is None


def test_more_is_read_where_more_is_said(reader: Commenter, discussion: Discussion) -> None:
    quiet = Comment(discussion=discussion, author=reader)
    deep = Comment(discussion=discussion, author=reader, depth=8)
    busy = Comment(discussion=Discussion(published_count=1_000), author=reader)
    liked = Comment(discussion=discussion, author=reader, like_count=50)

    assert moderation.reach(quiet) == 1
    assert moderation.reach(deep) < moderation.reach(quiet) < moderation.reach(liked) < moderation.reach(busy)


def test_what_readers_reported_waits_with_the_weight_of_their_reports(
    reader: Commenter, person: Person, discussion: Discussion, post: Post, settings: Any
) -> None:
    settings.COMMENTS = NO_LIMITS | {"FLAG_HOLD_WEIGHT": 2}
    comment = post(reader, "A sentence that some people do not like.")
    for name in ("one", "two"):
        moderation.flag(person(name), comment, "off_topic")

    text = comment.revisions.get()

    assert text.status == "held" and text.flag_weight == float(Decimal(2))
    assert text.priority >= 0.6 * moderation.reach(Comment.objects.get(pk=comment.pk))
    assert listed(queues.named("to_decide").in_order("flags")) == [comment.pk]


# --- Unreviewed -----------------------------------------------------------------------------------------------------


def test_unreviewed_is_what_screening_published_and_no_editor_has_seen(
    reader: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    plain, kept = post(reader, "A sentence about trams."), post(reader, "Another one about harbours.")
    approved = waiting(post, reader, "a")
    decide(approved, "publish", editor)
    assert listed(queues.named("unreviewed")) == [kept.pk, plain.pk]

    decide(kept, "publish", editor)

    assert listed(queues.named("unreviewed")) == [plain.pk]


# --- Counts ---------------------------------------------------------------------------------------------------------


def test_counts_are_exact_after_everything_that_moves_them(
    reader: Commenter, editor: Commenter, discussion: Discussion, post: Post, decide: Any
) -> None:
    def exact() -> None:
        assert queues.counts()["to_decide"] == Revision.objects.filter(status="held").count()

    a, b, c = (waiting(post, reader, word) for word in "abc")
    exact()
    decide(a, "publish", editor)
    decide(b, "reject", editor)
    exact()
    posting.edit_comment(reader, Comment.objects.get(pk=a.pk), f"{LINK} Written anew.")
    moderation.screen(a.pk, Comment.objects.get(pk=a.pk).version)
    exact()
    posting.withdraw_comment(reader, Comment.objects.get(pk=c.pk))
    exact()
    decide(Comment.objects.get(pk=a.pk), "hold", editor)
    exact()
    assert queues.counts()["to_decide"] == 1


def test_counts_cost_one_query_however_much_waits(
    reader: Commenter, post: Post, django_assert_num_queries: Any
) -> None:
    for word in "abc":
        waiting(post, reader, word)

    with django_assert_num_queries(1):
        found = queues.counts()

    assert found["to_decide"] == 3 and found.sections == [("", 3)]
    with django_assert_num_queries(1):
        queues.counts(frozenset({"city"}))


def test_the_counts_are_not_sent_again_when_nothing_moved(desk: Client, reader: Commenter, post: Post) -> None:
    first = desk.get(f"{DESK}counts/")
    assert first.json()["to_decide"] == 0 and first["ETag"]
    assert desk.get(f"{DESK}counts/", headers={"If-None-Match": first["ETag"]}).status_code == 304

    waiting(post, reader, "a")

    second = desk.get(f"{DESK}counts/", headers={"If-None-Match": first["ETag"]})
    assert second.status_code == 200 and second.json()["to_decide"] == 1
    assert "private" in second["Cache-Control"]


# --- Sections -------------------------------------------------------------------------------------------------------


@pytest.fixture
def two_sections(reader: Commenter, post: Post) -> tuple[Comment, Comment]:
    city = Discussion.objects.create(key="city-1", title="City", section="city")
    sport = Discussion.objects.create(key="sport-1", title="Sport", section="sport")
    return waiting(post, reader, "in the city", story=city), waiting(post, reader, "at the stadium", story=sport)


def test_a_section_moderator_sees_their_sections_only(
    person: Person, two_sections: tuple[Comment, Comment], post: Post, reader: Commenter
) -> None:
    in_city, _in_sport = two_sections
    moderator = person("sasha")
    moderator.user.is_staff = True
    moderator.user.save()
    moderator.user.groups.add(Group.objects.get(name="Section moderator"))
    SectionAccess.objects.create(user=moderator.user, section="city")
    client = Client()
    client.force_login(moderator.user)

    for query in ("", "?order=priority", "?q=elsewhere", "?q=status:held"):
        page = client.get(DESK + query)
        assert [card.comment.pk for card, _url in page.context["cards"]] == [in_city.pk], query
        assert page.context["counts"]["to_decide"] == 1
        assert "stadium" not in page.content.decode()
    assert client.get(f"{DESK}counts/").json()["to_decide"] == 1
    token = Token.objects.issue(moderator.user, ["moderate"], 1)
    for query in ("", "?queue=all", "?q=elsewhere"):
        cards = Client().get(f"{API}comments/{query}", headers={"Authorization": f"Bearer {token}"}).json()["results"]
        assert [card["id"] for card in cards] == [in_city.pk]


def test_what_waits_moves_with_its_article_into_another_section(two_sections: tuple[Comment, Comment]) -> None:
    in_city, _in_sport = two_sections
    received = Revision.objects.get(comment=in_city)
    assert received.section == "city"

    discussions.configure(in_city.discussion, section="opinion")

    assert listed(queues.named("to_decide"), sections=frozenset({"opinion"})) == [in_city.pk]
    assert listed(queues.named("to_decide"), sections=frozenset({"city"})) == []
    assert dict(queues.counts().sections) == {"opinion": 1, "sport": 1}


def test_sections_stand_in_the_rail_and_lead_to_what_waits_there(
    desk: Client, two_sections: tuple[Comment, Comment]
) -> None:
    rail = desk.get(DESK).context["rail"]

    assert [(link.title, link.count) for link in rail["sections"]] == [("city", 1), ("sport", 1)]
    page = desk.get(rail["sections"][1].url)
    assert [card.comment.pk for card, _url in page.context["cards"]] == [two_sections[1].pk]


# --- Saved queues ---------------------------------------------------------------------------------------------------


def test_a_search_is_saved_shown_renamed_shared_and_deleted(desk: Client, editor: Commenter, person: Person) -> None:
    answer = desk.post(
        f"{DESK}saved/", {"action": "save", "name": " Links  by guests ", "query": "has:link  is:guest", "order": "age"}
    )
    kept = SavedQueue.objects.get()
    assert (kept.name, kept.query, kept.made_by) == ("Links by guests", "has:link is:guest", editor)
    assert "q=has%3Alink" in answer["Location"] and "Links by guests" in desk.get(DESK).content.decode()
    colleague = Client()
    colleague.force_login(person("ines", staff=True).user)
    assert "Links by guests" not in colleague.get(DESK).content.decode()

    desk.post(
        f"{DESK}saved/",
        {"action": "change", "queue": kept.pk, "name": "Guests", "query": "is:guest", "is_shared": "1"},
    )
    assert "Guests" in colleague.get(DESK).content.decode()

    desk.post(f"{DESK}saved/", {"action": "delete", "queue": kept.pk})
    assert not SavedQueue.objects.exists()


def test_what_cannot_be_saved_gets_a_sentence_and_is_not_lost(desk: Client, editor: Commenter) -> None:
    saved_queues.save(editor, "Links", "has:link")

    for sent, words in (
        ({"name": "", "query": "has:link"}, "Give the queue a name."),
        ({"name": "x" * 61, "query": "has:link"}, "longer than 60 characters"),
        ({"name": "Reds", "query": "colour:red"}, "There is no operator “colour”"),
        ({"name": "All", "query": "  "}, "Search for something first"),
        ({"name": "Links", "query": "has:edit"}, "called “Links” already"),
    ):
        answer = desk.post(f"{DESK}saved/", sent | {"action": "save"})
        assert answer.status_code in (400, 409) and words in answer.content.decode(), words
        assert f'value="{sent["query"].strip() or "  "}"' in answer.content.decode()
    assert SavedQueue.objects.count() == 1
    assert desk.post(f"{DESK}saved/", {"action": "delete", "queue": 99}).status_code == 404
    assert desk.post(f"{DESK}saved/", {"action": "explode"}).status_code == 400


def test_another_editors_queue_is_not_theirs_to_change(editor: Commenter, person: Person) -> None:
    other = person("ines", staff=True)
    other.user.is_superuser = False
    mine = saved_queues.save(editor, "Links", "has:link", is_shared=True)
    private = saved_queues.save(editor, "Mine", "has:edit")

    with pytest.raises(Refused, match="other_persons_queue"):
        saved_queues.delete(saved_queues.get(mine.pk, other), other)
    with pytest.raises(Refused, match="unknown_queue"):
        saved_queues.get(private.pk, other)


def test_names_are_text_and_nothing_else(desk: Client, editor: Commenter) -> None:
    saved_queues.save(editor, HOSTILE[:60], "has:link")

    for page in (DESK, f"{DESK}saved/", f"{DESK}?q=has:link"):
        html = desk.get(page).content.decode()
        assert "<script>alert(1)" not in html and "&lt;script&gt;alert(1)" in html


def test_queues_are_saved_over_the_api_too(api: Any, editor: Commenter) -> None:
    made = api("post", "saved-queues/", {"name": "Links", "q": "has:link  status:held", "order": "score"})
    assert made.status_code == 201 and made.json()["q"] == "has:link status:held"
    pk = made.json()["id"]

    assert [one["name"] for one in api("get", "saved-queues/").json()] == ["Links"]
    assert api("post", "saved-queues/", {"name": "Links", "q": "x"}).status_code == 409
    assert api("post", "saved-queues/", {"name": "Reds", "q": "colour:red"}).json()["code"] == "unreadable_search"
    changed = api("patch", f"saved-queues/{pk}/", {"name": "Shared links", "is_shared": True}).json()
    assert (changed["name"], changed["is_shared"], changed["q"]) == ("Shared links", True, "has:link status:held")
    assert api("get", f"saved-queues/{pk}/").json() == changed
    assert api("delete", f"saved-queues/{pk}/").status_code == 204
    assert api("get", f"saved-queues/{pk}/").status_code == 404


# --- The API --------------------------------------------------------------------------------------------------------


def test_cards_are_searched_ordered_and_paged_over_the_api(api: Any, reader: Commenter, post: Post) -> None:
    held = [waiting(post, reader, f"harbour {n}", risk=n / 10) for n in range(5)]
    post(reader, "The harbour is published.")

    for query, expected in (
        ("q=harbour", held),
        ("q=harbour&order=score", held[::-1]),
        ("q=harbour+-has:reply&order=newest", held[::-1]),
        ("queue=all&q=harbour+status:held&order=score", held[::-1]),
    ):
        seen, cursor = [], ""
        while True:
            answer = api("get", f"comments/?{query}&limit=2{cursor}").json()
            seen += [card["id"] for card in answer["results"]]
            if not answer["next"]:
                break
            cursor = f"&cursor={answer['next']}"
        assert seen == [comment.pk for comment in expected], query
    assert len(api("get", "comments/?queue=all&q=harbour").json()["results"]) == 6
    assert len(api("get", "comments/?queue=unreviewed").json()["results"]) == 1


def test_a_search_over_the_api_that_cannot_be_read_is_a_problem(api: Any) -> None:
    for query, code in (
        ("q=colour:red", "unreadable_search"),
        ("order=colour", "unknown_order"),
        ("queue=reported&order=age", "unknown_order"),
        ("queue=published&order=score", "unknown_order"),
        ("order=score&cursor=nan-1", "bad_cursor"),
    ):
        answer = api("get", f"comments/?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, code), query
