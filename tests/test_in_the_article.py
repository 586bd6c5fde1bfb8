"""An editor moderates where readers read, and nobody else gets any of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from comments import discussions, moderation, posting, threads
from comments.models import Comment, Commenter, Decision, Discussion, SectionAccess, Status
from newsroom.articles.models import Article

Post = Callable[..., Comment]
PIECES = ("comment-moderate", "data-moderate", "data-editing", "editor.js", "editor.css", "/decide/")
HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>'


@pytest.fixture
def story(article: Article) -> Discussion:
    return discussions.for_object(article)


@pytest.fixture
def desk(editor: Commenter) -> Client:
    client = Client()
    client.force_login(editor.user)
    return client


def page(client: Client, article: Article, query: str = "") -> str:
    response = client.get(article.get_absolute_url() + query)
    assert response.status_code == 200
    return response.content.decode()


def piece(html: str, comment: Comment) -> str:
    """Return one comment of a page, with all that stands in it."""
    found = re.search(rf'<article class="comment" id="comment-{comment.pk}".*?</article>', html, re.S)
    assert found is not None, html[:2000]
    return found.group()


def send(client: Client, comment: Comment, decision: str = "", **more: Any) -> Any:
    more.setdefault("version", comment.version)
    given = ({"decision": decision} if decision else {}) | more
    return client.post(f"/comments/{comment.pk}/decide/", given, headers={"sec-fetch-site": "same-origin"})


# --- Looking --------------------------------------------------------------------------------------------------------


@pytest.fixture
def unseen(story: Discussion, reader: Commenter, editor: Commenter, post: Post, decide: Any) -> dict[str, Comment]:
    """A conversation with a held reply and a removed one, a held first comment, and a removed one above a reply."""
    made = {"top": post(reader, "A sentence that stands.", discussion=story)}
    made["held reply"] = post(reader, "See https://example.net/held-reply", discussion=story, parent=made["top"])
    made["removed reply"] = post(reader, "A reply to be removed.", discussion=story, parent=made["top"])
    decide(made["removed reply"], "reject", editor, reason="personal_attack")
    made["held"] = post(reader, "See https://example.net/held", discussion=story)
    made["tombstone"] = post(reader, "Words above an answer.", discussion=story)
    made["answer"] = post(reader, "The answer.", discussion=story, parent=made["tombstone"])
    decide(made["tombstone"], "reject", editor, reason="spam")
    for comment in made.values():
        comment.refresh_from_db()
    return made


def test_an_editor_sees_what_is_held_and_removed_in_its_place(
    desk: Client, article: Article, unseen: dict[str, Comment]
) -> None:
    html = page(desk, article)

    order = [unseen[name].pk for name in ("tombstone", "answer", "held", "top", "held reply", "removed reply")]
    assert [int(pk) for pk in re.findall(r'<article class="comment" id="comment-(\d+)"', html)] == order
    held, removed, tombstone = (piece(html, unseen[name]) for name in ("held", "removed reply", "tombstone"))
    assert 'data-state="held"' in held and "Waiting for an editor." in held and "example.net/held" in held
    assert 'data-state="rejected"' in removed and "Removed: personal attack." in removed and "daniel" in removed
    assert "A reply to be removed." in removed and "Readers do not see this" in removed
    assert "Words above an answer." in tombstone and "Removed: spam." in tombstone
    assert 'data-state="' not in piece(html, unseen["top"])
    assert "4 comments on this page are held or removed" in html


def test_each_comment_has_a_way_to_decide_that_fits_it(
    desk: Client, article: Article, unseen: dict[str, Comment]
) -> None:
    html = page(desk, article)

    def offered(name: str) -> list[str]:
        return re.findall(r'name="decision" value="(\w+)"', piece(html, unseen[name]))

    assert offered("top") == ["hold", "reject"]
    assert offered("held") == ["publish", "reject"]
    assert offered("removed reply") == ["publish", "hold"]
    assert f"/admin/comments/desk/?open={unseen['top'].pk}" in piece(html, unseen["top"])
    assert "Feature it" in piece(html, unseen["top"])


def test_an_editor_can_look_as_readers_do(desk: Client, article: Article, unseen: dict[str, Comment]) -> None:
    assert "?as=reader#comments" in page(desk, article)

    html = page(desk, article, "?as=reader")

    assert "You see what readers see." in html
    assert "A reply to be removed." not in html and "data-moderate" not in html
    assert "Removed by an editor: spam" in html
    assert 'href="/articles/night-tram/#comments" rel="nofollow">Moderate here' in html


@pytest.mark.parametrize("sort", ["newest", "oldest", "top"])
def test_what_is_not_seen_stands_on_one_page_of_every_order(
    desk: Client, article: Article, story: Discussion, reader: Commenter, post: Post, settings: Any, sort: str
) -> None:
    settings.COMMENTS = {"PAGE_SIZE": 3, "POSTS_PER_MINUTE": 0, "FLOOD_COMMENTS": 0}
    wrote = []
    for number in range(10):
        link = f" See https://example.net/{number}" if number % 3 == 0 else ""
        wrote.append(post(reader, f"Comment number {number} of ten.{link}", discussion=story))

    seen: list[int] = []
    query: str | None = f"?sort={sort}"
    while query is not None:
        html = page(desk, article, query)
        seen += [int(pk) for pk in re.findall(r'<article class="comment" id="comment-(\d+)"', html)]
        following = re.search(
            r'href="/articles/night-tram/(\?[^"#]*cursor=[^"#]+)#comments"', html.partition("comment-pager")[2]
        )
        query = following[1].replace("&amp;", "&") if following else None

    expected = [comment.pk for comment in wrote]
    assert seen == (expected if sort == "oldest" else expected[::-1])


def test_more_replies_have_what_is_not_seen_too(
    desk: Client, article: Article, story: Discussion, reader: Commenter, post: Post, settings: Any
) -> None:
    settings.COMMENTS = {"REPLIES_SHOWN": 2, "POSTS_PER_MINUTE": 0, "FLOOD_COMMENTS": 0}
    top = post(reader, "The first one.", discussion=story)
    replies = []
    for number in range(6):
        link = f" See https://example.net/{number}" if number % 2 else ""
        replies.append(post(reader, f"Reply number {number}.{link}", discussion=story, parent=top))

    html = page(desk, article)
    [more] = re.findall(r'href="(/comments/\d+/replies/editor/[^"]+)"', html)
    rest = desk.get(more)
    fragment = desk.get(more, headers={"x-requested-with": "comments"})

    first = [comment.pk for comment in replies if f'id="comment-{comment.pk}"' in html]
    then = [comment.pk for comment in replies if f'id="comment-{comment.pk}"' in rest.content.decode()]
    assert sorted(first + then) == [comment.pk for comment in replies]
    assert "data-moderate" in fragment.content.decode()
    for answer in (rest, fragment):
        assert answer["Cache-Control"] == "private, no-store"


def test_an_edit_that_waits_stands_under_the_words_that_everybody_sees(
    desk: Client, article: Article, story: Discussion, reader: Commenter, post: Post
) -> None:
    comment = post(reader, "The earlier words.", discussion=story)
    posting.edit_comment(reader, comment, "See https://example.net/new words")
    comment.refresh_from_db()
    moderation.screen(comment.pk, comment.version)
    comment.refresh_from_db()

    shown = piece(page(desk, article), comment)

    assert "The earlier words." in shown and "example.net/new" in shown
    assert "An edit waits for an editor." in shown and "Approve the edit" in shown
    send(desk, comment, "publish")
    assert "example.net/new" in page(Client(), article)


def test_hostile_words_and_names_stay_text(
    desk: Client, article: Article, story: Discussion, reader: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    Commenter.objects.update(name=HOSTILE, role=HOSTILE)
    reader.refresh_from_db()
    removed = post(reader, HOSTILE + " one", discussion=story)
    if removed.status != Status.REJECTED:
        decide(removed, "reject", editor, reason="spam")
    shown = post(reader, "A plain sentence.", discussion=story)
    discussions.configure(story, title=HOSTILE, url='/articles/night-tram/?a="><img src=x>')

    for html in (
        page(desk, article),
        desk.get(f"/comments/{removed.pk}/decide/").content.decode(),
        send(desk, shown, "reject", reason=HOSTILE[:40]).content.decode(),
    ):
        assert "<img src=x" not in html and "<script>alert" not in html
        assert "&quot;&gt;&lt;img src=x" in html


# --- Deciding -------------------------------------------------------------------------------------------------------


def test_a_decision_leads_back_to_the_comment_with_what_was_done_and_a_way_back(
    desk: Client, article: Article, unseen: dict[str, Comment], editor: Commenter
) -> None:
    top = unseen["top"]

    done = send(desk, top, "reject", reason="off_topic", sort="oldest")
    html = page(desk, article, "?" + done["Location"].partition("?")[2].partition("#")[0])

    decision = Decision.objects.latest("pk")
    assert done.status_code == 303
    assert done["Location"] == f"{article.get_absolute_url()}?sort=oldest&decided={decision.pk}#comment-{top.pk}"
    assert (decision.verdict, decision.reason, decision.made_by, decision.decider) == (
        "reject",
        "off_topic",
        editor,
        "editor",
    )
    assert "Rejected: off topic." in piece(html, top)
    assert f'name="undo" value="{decision.pk}"' in piece(html, top)
    assert "A sentence that stands." not in page(Client(), article)

    top.refresh_from_db()
    back = send(desk, top, undo=decision.pk)
    html = page(desk, article, "?" + back["Location"].partition("?")[2].partition("#")[0])

    assert "Taken back: Published." in piece(html, top)
    assert "A sentence that stands." in page(Client(), article)


def test_what_is_held_is_approved_in_place(desk: Client, article: Article, unseen: dict[str, Comment]) -> None:
    send(desk, unseen["held"], "publish")

    unseen["held"].refresh_from_db()
    assert unseen["held"].status == Status.PUBLISHED
    assert Decision.objects.latest("pk").trigger == "screening"
    assert "example.net/held" in page(Client(), article)


def test_a_stale_version_decides_nothing_and_shows_the_comment_as_it_is_now(
    desk: Client, unseen: dict[str, Comment], editor: Commenter, decide: Any
) -> None:
    held = unseen["held"]
    seen = held.version
    decide(held, "reject", editor, reason="spam")

    for headers in ({}, {"x-requested-with": "comments"}):
        answer = desk.post(
            f"/comments/{held.pk}/decide/",
            {"version": seen, "decision": "publish"},
            headers={"sec-fetch-site": "same-origin", **headers},
        )
        html = answer.content.decode()
        assert answer.status_code == 409
        assert "has changed since you opened it: it is now “Rejected”, decided by daniel" in html
        assert "Removed: spam." in html
        assert f'name="version" value="{held.version}"' in html
    assert Decision.objects.filter(comment=held).count() == 2


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ({"decision": "reject"}, 400, "Choose the reason: the author is told it."),
        ({"decision": "reject", "reason": "no_such"}, 400, "There is no reason “no_such”."),
        ({"decision": "delete"}, 400, "Select a valid choice"),
        ({}, 400, "Press Approve, Hold or Reject."),
        ({"undo": "999999"}, 404, "There is no such decision to take back."),
        ({"decision": "hold", "version": "x"}, 400, "Enter a whole number."),
        ({"decision": "hold", "version": "9" * 30}, 400, "Ensure this value"),
    ],
)
def test_bad_input_decides_nothing_and_says_why_beside_the_comment(
    desk: Client, unseen: dict[str, Comment], given: dict[str, str], status: int, said: str
) -> None:
    before = Decision.objects.count()

    answer = desk.post(
        f"/comments/{unseen['top'].pk}/decide/",
        {"version": unseen["top"].version} | given,
        headers={"sec-fetch-site": "same-origin"},
    )

    assert answer.status_code == status
    assert said in answer.content.decode()
    assert "A sentence that stands." in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert Decision.objects.count() == before


def test_our_script_gets_the_comment_as_it_is_now(desk: Client, unseen: dict[str, Comment]) -> None:
    answer = desk.post(
        f"/comments/{unseen['top'].pk}/decide/",
        {"version": unseen["top"].version, "decision": "hold", "sort": "oldest"},
        headers={"sec-fetch-site": "same-origin", "x-requested-with": "comments"},
    )

    html = answer.content.decode()
    assert answer.status_code == 200 and answer["Cache-Control"] == "private, no-store"
    assert html.startswith('<article class="comment" id="comment-') and html.count("<article") == 1
    assert "Held. Readers do not see it now." in html and "Take it back" in html


def test_the_page_of_one_comment_is_a_way_to_decide_as_well(desk: Client, unseen: dict[str, Comment]) -> None:
    shown = desk.get(f"/comments/{unseen['held'].pk}/decide/")
    done = send(desk, unseen["held"], "publish", alone="1")
    after = desk.get(done["Location"])

    assert shown.status_code == 200 and "example.net/held" in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    assert "Approved. Readers see it." in after.content.decode()


def test_a_form_from_elsewhere_decides_nothing(unseen: dict[str, Comment], editor: Commenter) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(editor.user)
    given = {"version": unseen["top"].version, "decision": "hold"}
    address = f"/comments/{unseen['top'].pk}/decide/"

    elsewhere = strict.post(address, given, headers={"sec-fetch-site": "cross-site"})
    assert elsewhere.status_code == 403
    assert Comment.objects.get(pk=unseen["top"].pk).status == Status.PUBLISHED

    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', strict.get(address).content.decode())
    assert token
    assert strict.post(address, given | {"csrfmiddlewaretoken": token[1]}).status_code == 303


# --- Nobody else ----------------------------------------------------------------------------------------------------


@pytest.fixture
def others(person: Callable[..., Commenter], story: Discussion) -> dict[str, Client]:
    """Everyone who may not moderate here: a guest, a reader, staff without a role, a viewer, another section's."""
    discussions.configure(story, section="City")
    found = {"guest": Client()}
    for name, role in (("reader", ""), ("clerk", ""), ("viewer", "Viewer"), ("elsewhere", "Section moderator")):
        user = person(name).user
        user.is_staff = name != "reader"
        user.save()
        if role:
            user.groups.add(Group.objects.get(name=role))
        found[name] = Client()
        found[name].force_login(user)
        if name == "elsewhere":
            SectionAccess.objects.create(user=user, section="World")
    return found


def test_nobody_else_gets_any_of_it(
    desk: Client, article: Article, unseen: dict[str, Comment], others: dict[str, Client]
) -> None:
    key = f"articles.article:{article.pk}"
    secret = ("A reply to be removed.", "Words above an answer.", "example.net/held", *PIECES)
    page(desk, article)

    for who, client in others.items():
        for address in (
            article.get_absolute_url(),
            f"{article.get_absolute_url()}?as=editor&decided=1",
            f"/comments/section/?key={key}&sort=newest",
            f"/comments/{unseen['top'].pk}/",
            f"/comments/{unseen['top'].pk}/replies/",
            f"/comments/mine/?key={key}",
            f"/api/v1/discussions/{key}/comments/",
            f"/api/v1/me/discussions/{key}/",
        ):
            html = client.get(address).content.decode()
            assert not [words for words in secret if words in html], (who, address)
            assert '"editor"' not in html, (who, address)


def test_nobody_else_may_ask_or_decide(unseen: dict[str, Comment], others: dict[str, Client], article: Article) -> None:
    held = unseen["held"]
    key = f"articles.article:{article.pk}"

    for who, client in others.items():
        expected = 401 if who == "guest" else 403
        for address in (
            f"/comments/section/editor/?key={key}",
            f"/comments/{held.pk}/decide/",
            f"/comments/{held.pk}/replies/editor/",
        ):
            answer = client.get(address)
            assert answer.status_code == expected, (who, address)
            assert "example.net/held" not in answer.content.decode()
        assert send(client, held, "publish").status_code == expected, who
        if who in ("reader", "clerk", "viewer"):
            assert client.get("/comments/999999/decide/").status_code == 403, "not even whether there is one"
    assert Comment.objects.get(pk=held.pk).status == Status.HELD


def test_a_section_moderator_moderates_in_their_section(
    person: Callable[..., Commenter], article: Article, story: Discussion, unseen: dict[str, Comment]
) -> None:
    discussions.configure(story, section="City")
    user = person("of-the-city").user
    user.is_staff = True
    user.save()
    user.groups.add(Group.objects.get(name="Section moderator"))
    SectionAccess.objects.create(user=user, section="City")
    client = Client()
    client.force_login(user)

    assert "A reply to be removed." in page(client, article)
    assert send(client, unseen["held"], "publish").status_code == 303


def test_public_bytes_are_the_same_before_and_after_an_editor_looked(
    desk: Client, article: Article, unseen: dict[str, Comment]
) -> None:
    threads.pages.clear()
    before = Client().get(article.get_absolute_url())
    private = desk.get(article.get_absolute_url())
    fragment = desk.get(f"/comments/section/editor/?key=articles.article:{article.pk}")
    after = Client().get(article.get_absolute_url())
    public = desk.get(f"/comments/section/?key=articles.article:{article.pk}")

    assert before.content == after.content
    assert "private" in private["Cache-Control"] and "no-store" in private["Cache-Control"]
    assert fragment["Cache-Control"] == "private, no-store"
    assert "public" in before["Cache-Control"]
    assert "data-moderate" not in public.content.decode()
    assert "data-moderate" in fragment.content.decode()


def test_a_reader_pays_no_query_for_it_and_an_editor_a_constant_number(
    desk: Client, article: Article, story: Discussion, reader: Commenter, post: Post, unseen: dict[str, Comment]
) -> None:
    def queries(client: Client) -> int:
        threads.pages.clear()
        with CaptureQueriesContext(connection) as captured:
            page(client, article)
        # Whether the policy is looked at again depends on the clock.
        return len([one for one in captured if "policyversion" not in one["sql"]])

    mara = Client()
    mara.force_login(reader.user)
    # The first look of all remembers what holds for a minute.
    queries(mara)
    few, of_reader = queries(desk), queries(mara)
    for number in range(8):
        post(reader, f"One more that waits: https://example.net/{number}", discussion=story)

    assert queries(desk) == few
    assert queries(mara) == of_reader
    # What a reader costs is counted in tests/test_reader_pages.py. An editor: two statements for what is not seen
    # three for how it stands, the reasons.
    assert few - of_reader <= 6


def test_what_the_script_needs_is_in_the_personal_call(
    desk: Client, editor: Commenter, article: Article, unseen: dict[str, Comment]
) -> None:
    answer = desk.get(f"/api/v1/me/discussions/articles.article:{article.pk}/")

    listed = {one["id"]: one for one in answer.json()["editor"]["unseen"]}
    assert "no-store" in answer["Cache-Control"]
    # The tombstone stands in the public page, and is shown there.
    assert set(listed) == {unseen[name].pk for name in ("held", "held reply", "removed reply")}
    held = listed[unseen["held"].pk]
    assert (held["status"], held["version"], held["parent"]) == ("held", unseen["held"].version, None)
    assert held["html"].startswith('<article class="comment"') and "data-moderate" in held["html"]
