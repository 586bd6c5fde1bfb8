"""People without an account: known by a secret in their browser, paying with a sum or a wait, waiting until trusted."""

from __future__ import annotations

import base64
import hashlib
import html as html_of
import json
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone

from comments import guests, moderation, proof, threads
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Discussion, Guest, Sanction, SpentProof, Status
from newsroom.articles.models import Article

WORDS = "I drive the 04:10 bread van along this line."
OURS = {"X-Requested-With": "comments", "Sec-Fetch-Site": "same-origin"}


def solved(asked: dict[str, Any] | None = None, **changed: Any) -> str:
    """Do the sum as a browser would."""
    asked = asked or proof.challenge()
    right = next(
        number
        for number in range(asked["maxnumber"] + 1)
        if hashlib.sha256(f"{asked['salt']}{number}".encode()).hexdigest() == asked["challenge"]
    )
    answer = {name: value for name, value in asked.items() if name != "maxnumber"} | {"number": right} | changed
    return base64.b64encode(json.dumps(answer).encode()).decode()


@pytest.fixture(autouse=True)
def welcome(settings: Any) -> None:
    settings.COMMENTS = {"GUESTS": True, "PROOF_NUMBERS": 200}


@pytest.fixture
def article(db: None) -> Article:
    return Article.objects.create(
        headline="The night tram is back", slug="night-tram", body="<p>It is.</p>", published_at=timezone.now()
    )


@pytest.fixture
def as_guest(discussion: Discussion) -> Callable[..., guests.Posted]:
    """Post as a guest, and screen at once."""

    def make(words: str = WORDS, **more: Any) -> guests.Posted:
        facts = {"name": "Piet", "sum_done": solved()} | more
        done = guests.post_as_guest(facts.pop("discussion", discussion), words, **facts)
        moderation.screen(done.comment.pk, done.comment.version)
        done.comment.refresh_from_db()
        return done

    return make


def page(client: Client, query: str = "") -> str:
    return client.get(f"/articles/night-tram/{query}").content.decode()


def fields(html: str) -> dict[str, str]:
    form = re.search(r'<form class="comment-composer".*?</form>', html, re.DOTALL)
    assert form, "no box"
    found = re.findall(
        r'<input (?:type="hidden"|class="comment-input")[^>]* ?name="([^"]+)"[^>]*?value="([^"]*)"', form[0]
    )
    return {name: html_of.unescape(value) for name, value in found if name != "csrfmiddlewaretoken"}


def send(client: Client, words: str = WORDS, *, query: str = "", **more: str) -> Any:
    given = fields(page(client, query)) | {"text": words, "name": "Piet"} | more
    return client.post("/comments/post/", given, headers={"Sec-Fetch-Site": "same-origin"})


# --- Being known, and by what -----------------------------------------------------------------------------------------


def test_a_guest_waits_and_sees_their_own_after_a_reload_and_nobody_else_does(client: Client, article: Article) -> None:
    posted = send(client, sum=solved())
    comment = Comment.objects.get()
    moderation.screen(comment.pk, comment.version)

    assert posted.status_code == 303
    cookie = posted.cookies["comments_guest"]
    assert cookie["httponly"] and cookie["samesite"] == "Lax" and cookie["max-age"] > 300 * 24 * 3600
    seen = client.get("/articles/night-tram/")
    html = seen.content.decode()
    assert WORDS in html and "because the first comments by a guest are read by an editor." in html_of.unescape(html)
    assert "data-signed-in" not in html
    assert seen["Cache-Control"] == "private, no-store"
    assert WORDS not in page(Client())
    assert Client().get(f"/comments/{comment.pk}/").status_code == 404
    assert client.get(f"/comments/{comment.pk}/").status_code == 200
    assert WORDS in client.get("/comments/me/").content.decode()


def test_the_page_of_people_without_a_cookie_stays_the_same_bytes(client: Client, article: Article) -> None:
    before = Client().get("/articles/night-tram/")
    send(client, sum=solved())

    after = Client().get("/articles/night-tram/")
    wrong = Client()
    wrong.cookies["comments_guest"] = "made up"

    assert after.content == before.content == wrong.get("/articles/night-tram/").content
    assert "public" in after["Cache-Control"]
    assert "csrfmiddlewaretoken" not in after.content.decode()


def test_a_typed_name_or_address_makes_nobody_the_same_guest(
    as_guest: Callable[..., guests.Posted], reader: Commenter
) -> None:
    first = as_guest(email="mara@example.org")
    second = as_guest("Something else altogether.", email="mara@example.org")

    assert first.comment.author_id != second.comment.author_id
    assert first.secret != second.secret
    assert reader.pk not in (first.comment.author_id, second.comment.author_id)
    assert guests.known("mara@example.org") is None and guests.known("") is None
    assert not Guest.objects.filter(secret_digest=first.secret).exists(), "the secret itself is stored nowhere"


def test_a_guest_is_trusted_by_what_editors_approved_and_by_nothing_else(
    as_guest: Callable[..., guests.Posted], editor: Commenter, decide: Callable[..., Any], settings: Any
) -> None:
    settings.COMMENTS = settings.COMMENTS | {"GUEST_APPROVALS": 2}
    known: dict[str, Any] = {}
    for words in ("The first of my remarks.", "Another one of the remarks."):
        done = as_guest(words, **known)
        known = {"secret": done.secret}
        assert done.comment.status == Status.HELD
        decide(done.comment, "publish", editor)

    assert as_guest("And now a third remark.", **known).comment.status == Status.PUBLISHED
    settings.COMMENTS = settings.COMMENTS | {"GUEST_APPROVALS": 0}
    assert as_guest("All of them wait here, always.", **known).comment.status == Status.HELD


def test_a_guest_edits_and_withdraws_by_the_cookie_alone(client: Client, article: Article) -> None:
    send(client, sum=solved())
    comment = Comment.objects.get()
    same = {"Sec-Fetch-Site": "same-origin"}

    assert Client().post(f"/comments/{comment.pk}/edit/", {"text": "Mine!"}, headers=same).status_code == 401
    assert client.post(f"/comments/{comment.pk}/edit/", {"text": "Put better."}, headers=same).status_code == 303
    assert comment.revisions.latest("number").text == "Put better."
    assert client.post(f"/comments/{comment.pk}/withdraw/", headers=same).status_code == 303
    comment.refresh_from_db()
    assert comment.status == Status.WITHDRAWN


def test_a_guest_neither_likes_nor_reports(client: Client, article: Article, reader: Commenter, post: Any) -> None:
    send(client, sum=solved())
    other = post(reader, "Somebody's published words.")
    same = {"Sec-Fetch-Site": "same-origin"}

    assert client.post(f"/comments/{other.pk}/react/", {"kind": "like"}, headers=same).status_code == 401
    assert client.post(f"/comments/{other.pk}/flag/", {"reason": "spam"}, headers=same).status_code == 401


def test_a_guest_who_lets_us_know_learns_that_their_comment_waits(client: Client, article: Article) -> None:
    send(client, sum=solved())
    comment = Comment.objects.get()
    moderation.screen(comment.pk, comment.version)
    form = f"/comments/issues/new/?discussion=articles.article:{article.pk}"

    theirs = client.get(form).content.decode()
    others = Client().get(form).content.decode()

    assert f'href="/comments/{comment.pk}/"' in theirs and "Show my comment" in theirs
    assert "Show my comment" not in others and WORDS not in others


def test_a_browser_forgets_a_guest_when_asked(client: Client, article: Article) -> None:
    send(client, sum=solved())
    given = {"discussion": f"articles.article:{article.pk}"}

    answer = client.post("/comments/guest/forget/", given, headers={"Sec-Fetch-Site": "same-origin"})

    assert answer.status_code == 303 and answer.cookies["comments_guest"].value == ""
    assert WORDS not in page(client)
    assert Comment.objects.get().status == Status.RECEIVED


def test_where_guests_are_not_welcome_everything_is_as_before(client: Client, article: Article, settings: Any) -> None:
    settings.COMMENTS = {}
    html = page(client)

    refused = client.post(
        "/comments/post/",
        {"discussion": f"articles.article:{article.pk}", "text": WORDS, "name": "Piet", "sum": solved()},
        headers=OURS,
    )

    assert "Sign in to comment" in html and '<form class="comment-composer"' not in html
    assert refused.status_code == 401 and not Comment.objects.exists()


def test_a_guest_with_a_name_others_know_keeps_it(
    as_guest: Callable[..., guests.Posted], editor: Commenter, decide: Callable[..., Any]
) -> None:
    done = as_guest()
    before = as_guest(
        "Under another name, while nothing stands.", secret=done.secret, name="Pieter"
    ).comment.author.name
    decide(Comment.objects.get(pk=done.comment.pk), "publish", editor)

    after = as_guest("Under a third name.", secret=done.secret, name="Editor in chief")

    assert before == "Pieter"
    assert Commenter.objects.get(pk=done.comment.author_id).name == after.comment.author.name == "Pieter"


# --- Names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "\u200b",
        "\u202eteiP",
        "a" * 41,
        "www.casino",
        "me@example.org",
        "buy at x.shop",
        "🙂",
        "n" + "\u0301" * 5,
        None,
        7,
    ],
)
def test_what_cannot_be_a_name_is_refused(as_guest: Callable[..., guests.Posted], name: Any) -> None:
    with pytest.raises(Refused) as refused:
        as_guest(name=name)

    assert (refused.value.code, refused.value.params["field"]) == ("bad_name", "name")
    assert not Commenter.objects.exists() and not SpentProof.objects.exists()


@pytest.mark.parametrize(
    "name", ["Daniel", "DANIEL", "D\u0430niel", "d a n i e l", "Dan1el", "The Editor", "Mod\u0435rator Jo"]
)
def test_a_name_that_imitates_the_newsroom_is_refused(
    as_guest: Callable[..., guests.Posted], editor: Commenter, name: str
) -> None:
    with pytest.raises(Refused) as refused:
        as_guest(name=name)

    assert refused.value.code == "name_taken"


@pytest.mark.parametrize(
    "name", ["Piet", "Sín\u00e9ad O’Brien", "김민수", "مريم", "さくら", "Jean-Luc", "Danielle", "Mr. Newsroomer"]
)
def test_a_name_that_is_a_name_is_taken(as_guest: Callable[..., guests.Posted], editor: Commenter, name: str) -> None:
    assert as_guest(name=name).comment.author.name == name


def test_a_readers_name_waits_whoever_is_trusted(
    as_guest: Callable[..., guests.Posted],
    reader: Commenter,
    editor: Commenter,
    decide: Callable[..., Any],
    settings: Any,
) -> None:
    settings.COMMENTS = settings.COMMENTS | {"GUEST_APPROVALS": 1}
    done = as_guest(name="MARA")
    decide(done.comment, "publish", editor)

    again = as_guest("A second remark by that name.", secret=done.secret)

    assert again.comment.status == Status.HELD
    codes = set(again.comment.revisions.get().findings.filter(verdict="hold").values_list("code", flat=True))
    assert codes == {"guest_name"}


def test_a_guest_is_marked_as_one_for_everyone(
    as_guest: Callable[..., guests.Posted], editor: Commenter, decide: Callable[..., Any], discussion: Discussion
) -> None:
    done = as_guest(name='"><b>Piet</b>'.replace("/", "").replace("<", "").replace(">", ""))
    decide(done.comment, "publish", editor)

    [thread] = threads.page("story-1").threads

    assert threads.as_data(thread.root)["author"]["badges"] == ["guest"]


# --- The sum ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        "not base64 at all!",
        base64.b64encode(b"[]").decode(),
        base64.b64encode(b'{"salt": 1}').decode(),
        base64.b64encode(b"[" * 1_000).decode(),
        "A" * 5_000,
        "\ud83d",
    ],
)
def test_what_is_no_answer_is_refused(as_guest: Callable[..., guests.Posted], given: str) -> None:
    with pytest.raises(Refused) as refused:
        as_guest(sum_done=given)

    assert refused.value.code == "proof_wrong"


@pytest.mark.parametrize(
    "changed",
    [
        {"number": -1},
        {"number": 10**12},
        {"number": True},
        {"number": "1"},
        {"signature": "0" * 64},
        {"algorithm": "MD5"},
        {"salt": "0" * 24 + "?expires=99999999999&"},
        {"challenge": hashlib.sha256(b"mine").hexdigest()},
    ],
)
def test_an_answer_that_was_touched_is_refused(as_guest: Callable[..., guests.Posted], changed: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        as_guest(sum_done=solved(**changed))

    assert refused.value.code == "proof_wrong"
    assert not Comment.objects.exists()


def test_no_digit_moves_from_the_number_into_the_expiry(as_guest: Callable[..., guests.Posted]) -> None:
    said = json.loads(base64.b64decode(solved()))
    moved = said | {"salt": said["salt"].rstrip("&") + str(said["number"])[:1] + "&"}

    with pytest.raises(Refused):
        as_guest(sum_done=base64.b64encode(json.dumps(moved).encode()).decode())


def test_an_answer_expires(as_guest: Callable[..., guests.Posted]) -> None:
    answer = solved()

    with time_machine.travel(timezone.now() + timedelta(minutes=31)), pytest.raises(Refused) as refused:
        as_guest(sum_done=answer)

    assert refused.value.code == "proof_expired"


def test_an_answer_pays_for_one_comment(as_guest: Callable[..., guests.Posted]) -> None:
    answer = solved()
    as_guest(sum_done=answer, idempotency_key="one")

    with pytest.raises(Refused) as refused:
        as_guest("Another comment for the same price.", sum_done=answer, idempotency_key="two")

    assert refused.value.code == "proof_spent"
    assert Comment.objects.count() == Commenter.objects.count() == 1


def test_the_same_attempt_again_is_the_same_guest_and_comment(as_guest: Callable[..., guests.Posted]) -> None:
    answer = solved()

    first = as_guest(sum_done=answer, idempotency_key="attempt")
    lost = as_guest(sum_done=answer, idempotency_key="attempt")

    assert (lost.comment.pk, lost.secret) == (first.comment.pk, first.secret)
    assert Commenter.objects.count() == SpentProof.objects.count() == 1


def test_a_refusal_spends_nothing(as_guest: Callable[..., guests.Posted], discussion: Discussion) -> None:
    answer = solved()
    with pytest.raises(Refused):
        as_guest("   ", sum_done=answer)
    discussion.mode = Discussion.Mode.CLOSED
    discussion.save()
    with pytest.raises(Refused):
        as_guest(sum_done=answer)
    discussion.mode = Discussion.Mode.OPEN
    discussion.save()

    assert as_guest(sum_done=answer).comment.status == Status.HELD
    assert Commenter.objects.count() == 1


def test_spent_sums_are_forgotten_when_they_have_expired(as_guest: Callable[..., guests.Posted]) -> None:
    as_guest()

    assert proof.forget() == 0
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        assert proof.forget() == 1


def test_a_network_writes_so_much_an_hour(as_guest: Callable[..., guests.Posted], settings: Any) -> None:
    settings.COMMENTS = settings.COMMENTS | {"GUEST_COMMENTS_PER_HOUR": 1}
    as_guest(network_key="n" * 32)

    with pytest.raises(Refused) as refused:
        as_guest("Once more, from here.", network_key="n" * 32)

    assert refused.value.code == "too_many" and refused.value.params["retry_after"] > 0
    assert as_guest("Once more, from elsewhere.", network_key="m" * 32).comment.pk


def test_a_ban_of_the_network_keeps_guests_out(as_guest: Callable[..., guests.Posted]) -> None:
    Sanction.objects.create(kind="ban", network_key="n" * 32)

    with pytest.raises(Refused) as refused:
        as_guest(network_key="n" * 32)

    assert refused.value.code == "banned"
    assert not Commenter.objects.exists()


# --- Without JavaScript -----------------------------------------------------------------------------------------------


def test_without_a_sum_a_form_asks_to_wait_and_to_press_again(client: Client, article: Article) -> None:
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        asked = send(client, email="piet@example.org")
        again = fields(asked.content.decode()) | {"text": WORDS}
        too_soon = client.post("/comments/post/", again, headers={"Sec-Fetch-Site": "same-origin"})

    assert asked.status_code == 403 and not Commenter.objects.exists()
    assert "Nothing was posted yet. Read it once more" in asked.content.decode()
    assert WORDS in asked.content.decode() and again["name"] == "Piet" and again["email"] == "piet@example.org"
    assert too_soon.status_code == 429 and too_soon["Retry-After"] == "10"
    with time_machine.travel(start + timedelta(seconds=11), tick=False):
        again = fields(too_soon.content.decode()) | {"text": WORDS}
        posted = client.post("/comments/post/", again, headers={"Sec-Fetch-Site": "same-origin"})
        once_more = Client().post(
            "/comments/post/",
            again | {"text": "Other words, same wait.", "key": "x"},
            headers={"Sec-Fetch-Site": "same-origin"},
        )

    assert posted.status_code == 303 and WORDS in page(client)
    assert once_more.status_code == 409 and Comment.objects.count() == 1


def test_a_reply_by_a_guest_without_a_script_stands_under_what_it_answers(
    client: Client, article: Article, reader: Commenter, post: Any
) -> None:
    story = Discussion.objects.filter(key=f"articles.article:{article.pk}").first()
    if story is None:
        page(client)
        story = Discussion.objects.get(key=f"articles.article:{article.pk}")
    root = post(reader, "The 02:52 was on time.", discussion=story)

    send(client, query=f"?parent={root.pk}", sum=solved())

    assert Comment.objects.get(text_hash__isnull=False, author__user=None).parent_id == root.pk


# --- Programs ---------------------------------------------------------------------------------------------------------


def test_a_program_posts_for_a_guest_and_comes_back_by_the_secret(client: Client, discussion: Discussion) -> None:
    asked = client.get("/api/v1/guests/sum/")
    body = {"text": WORDS, "guest": {"name": "Piet", "sum": solved(asked.json())}}
    path = "/api/v1/discussions/story-1/comments/"

    posted = client.post(path, body, content_type="application/json", headers={"Idempotency-Key": "a"})
    repeated = client.post(path, body, content_type="application/json", headers={"Idempotency-Key": "a"})

    assert asked["Cache-Control"] == "no-store"
    assert posted.status_code == 202 and posted.json() == repeated.json()
    known = {"Authorization": f"Guest {posted.json()['guest']['secret']}"}
    number = posted.json()["id"]
    moderation.screen(number, 1)
    mine = client.get("/api/v1/me/discussions/story-1/", headers=known).json()["comments"]
    assert [(one["id"], one["status"]) for one in mine] == [(number, "held")]
    assert client.get(f"/api/v1/comments/{number}/").status_code == 404
    assert client.get(f"/api/v1/comments/{number}/", headers=known).json()["text"] == WORDS
    nobody = client.get("/api/v1/me/", headers={"Authorization": "Guest made-up"})
    assert (nobody.status_code, nobody.json()["code"]) == (401, "bad_guest")
    likes = client.put(f"/api/v1/comments/{number}/reaction/", {"kind": "like"}, "application/json", headers=known)
    assert likes.status_code == 401
    assert client.delete(f"/api/v1/comments/{number}/", headers=known).status_code == 204


def test_a_program_without_a_sum_is_told_what_is_missing(client: Client, discussion: Discussion) -> None:
    body = {"text": WORDS, "guest": {"name": "Piet"}}

    refused = client.post("/api/v1/discussions/story-1/comments/", body, content_type="application/json")

    assert (refused.status_code, refused.json()["code"]) == (403, "proof_needed")


def test_the_cookie_of_a_guest_is_no_key_to_the_api(client: Client, article: Article) -> None:
    send(client, sum=solved())
    number = Comment.objects.get().pk

    assert client.delete(f"/api/v1/comments/{number}/").status_code == 401


# --- At once ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("same_attempt", [True, False])
def test_one_sum_sent_many_times_at_once_pays_for_one_comment(discussion: Discussion, same_attempt: bool) -> None:
    answer, ready = solved(), threading.Barrier(6)

    def attempt(number: int) -> str:
        try:
            ready.wait(20)
            key = "one" if same_attempt else f"key-{number}"
            return str(
                guests.post_as_guest(discussion, WORDS, name="Piet", sum_done=answer, idempotency_key=key).comment.pk
            )
        except Refused as refused:
            return refused.code
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(attempt, range(6)))

    assert Comment.objects.count() == Commenter.objects.count() == SpentProof.objects.count() == 1
    number = str(Comment.objects.get().pk)
    if same_attempt:
        assert set(answers) == {number}
    else:
        assert sorted(answers) == sorted([number, *["proof_spent"] * 5])
