"""The page "My comments" and its calls: everything I wrote, my name, my data, and the way out. Without JavaScript."""

from __future__ import annotations

import html
import io
import re
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comments import jobs, moderation, names, people, posting, privacy, thresholds
from comments import phrases as verbs
from comments.exceptions import Refused
from comments.models import Comment, Commenter, DataExport, Discussion, Job, Status
from comments.pages import me
from comments.screening import phrases
from tests import test_api
from tests.test_api import Caller, refused, said

call, document = test_api.call, test_api.document
Post = Callable[..., Comment]
Person = Callable[..., Commenter]
SAME = {"headers": {"Sec-Fetch-Site": "same-origin"}}
ME = "/comments/me/"


@pytest.fixture(autouse=True)
def nobody_is_too_fast(settings: Any) -> None:
    settings.COMMENTS = {"POSTS_PER_MINUTE": 0, "REPEAT_HOURS": 0, "RULE_MILLISECONDS": 60_000}


@pytest.fixture
def browser(reader: Commenter) -> Client:
    client = Client()
    client.force_login(reader.user)
    return client


def page(client: Client, query: str = "") -> str:
    response = client.get(ME + query)
    assert response.status_code == 200
    assert response["Cache-Control"] == "private, no-store"
    return response.content.decode()


# --- What I wrote -----------------------------------------------------------------------------------------------------


def test_the_rail_leads_to_every_part(browser: Client, reader: Commenter, post: Post) -> None:
    post(reader)

    shown = page(browser)

    rail = re.search(r'<nav class="comment-tabs".*?</nav>', shown, re.S)
    assert rail is not None
    anchors = re.findall(r'href="#([a-z]+)"', rail.group())
    assert anchors == [part.anchor for part in me.PARTS if part.anchor != "appeals"]
    for anchor in anchors:
        assert f'id="{anchor}" aria-labelledby="{anchor}-title"' in shown and f'id="{anchor}-title"' in shown
    assert "1 comment since" in shown and "In good standing." in shown


def test_everything_i_wrote_is_there_a_page_at_a_time(
    browser: Client, reader: Commenter, discussion: Discussion, person: Person, post: Post
) -> None:
    moment = timezone.now() - timedelta(days=40)
    made = [
        Comment(discussion=discussion, author=reader, path=f"{number:012}", status=Status.WITHDRAWN, created_at=moment)
        for number in range(120)
    ]
    Comment.objects.bulk_create(made)
    for comment in Comment.objects.all():
        comment.revisions.create(text=f"Text number {comment.pk}.", status=Status.WITHDRAWN)
    post(person("other"), "Somebody else's words.")

    found, query, pages = [], "", 0
    while True:
        shown = page(browser, query)
        assert "Somebody else" not in shown
        found += re.findall(r"Text number (\d+)\.", shown)
        pages += 1
        more = re.search(r'href="(\?cursor=[^"#]+)#mine" rel="next"', shown)
        if more is None:
            break
        query = html.unescape(more.group(1))

    assert pages == 3 and len(found) == len(set(found)) == 120
    assert "The latest" in shown


def test_what_it_costs_does_not_grow(browser: Client, reader: Commenter, post: Post) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            page(browser)
        return len(queries)

    post(reader, "Number one.")
    first = cost()
    for number in range(5):
        post(reader, f"Number {number} of more.")

    assert cost() == first


@pytest.mark.parametrize(
    ("state", "words"),
    [("waiting", "a link"), ("published", "good point"), ("rejected", "Beside"), ("withdrawn", "misread")],
)
def test_it_is_narrowed_to_one_state(
    state: str, words: str, browser: Client, reader: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    post(reader, "A good point.")
    post(reader, "Here is a link: https://example.net/")
    decide(post(reader, "Beside it."), "reject", editor)
    posting.withdraw_comment(reader, post(reader, "I misread it."))

    shown = page(browser, f"?state={state}")

    texts = re.findall(r'<div class="comment-text"[^>]*>(.*?)</div>', shown, re.S)
    assert len(texts) == 1 and words in texts[0]
    assert f'<option value="{state}" selected>' in shown


@pytest.mark.parametrize(
    "query", ["?state=sideways", "?cursor=1", "?cursor=99999999999999999-1", "?cursor=%00", "?cursor=1-1'"]
)
def test_an_address_that_is_none_is_a_sentence(query: str, browser: Client, reader: Commenter, post: Post) -> None:
    post(reader)

    response = browser.get(ME + query)

    assert response.status_code in (200, 400) and response["Cache-Control"] == "private, no-store"


def test_nobody_who_is_not_signed_in_sees_it(db: None) -> None:
    for path in ("", "name/", "language/", "export/", "delete/", "delete/cancel/"):
        for response in (Client().get(ME + path), Client().post(ME + path, {"name": "x"}, **SAME)):
            assert (response.status_code, response.get("Cache-Control")) in [(401, "private, no-store"), (405, None)]


def test_an_edit_waits_beside_what_is_published(browser: Client, reader: Commenter, post: Post) -> None:
    comment = post(reader, "The tram came at two.")

    browser.post(f"/comments/{comment.pk}/edit/", {"text": "It came at three: https://example.net/"}, **SAME)
    moderation.screen_waiting()

    comment.refresh_from_db()
    assert comment.status == Status.PUBLISHED and "at two" in comment.html
    shown = page(browser)
    assert "Your edit has been waiting for an editor since" in shown and "It came at three" in shown
    assert "at two" in Client().get(f"/comments/{comment.pk}/").content.decode()
    assert "at three" not in Client().get(f"/comments/{comment.pk}/").content.decode()


# --- My name ----------------------------------------------------------------------------------------------------------


def test_a_new_name_stands_above_what_was_written_before(
    browser: Client, reader: Commenter, post: Post, client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    post(reader)
    assert "<bdi>mara</bdi>" in client.get("/comments/section/?key=story-1").content.decode()

    response = browser.post(f"{ME}name/", {"name": "  Mara   Lindqvist "}, **SAME)

    assert (response.status_code, response["Location"]) == (303, f"{ME}#account")
    with django_capture_on_commit_callbacks(execute=True):
        jobs.run(Job.objects.get(kind=names.RENAMED).pk)
    assert "<bdi>Mara Lindqvist</bdi>" in client.get("/comments/section/?key=story-1").content.decode()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "bad_name"),
        ("   ", "bad_name"),
        ("x" * 81, "bad_name"),
        ("12345", "bad_name"),
        ("😀😀", "bad_name"),
        ("mara@example.org", "bad_name"),
        ("see https://x.example", "bad_name"),
        ("Mara\u202egnp", "bad_name"),
        ("Mara\u200b", "bad_name"),
        ("M\u0300\u0301\u0302\u0303ara", "bad_name"),
        ("Mаra", "bad_name"),  # a Cyrillic letter in it
        ("The Editor", "name_refused"),
        ("MODERATOR", "name_refused"),
        ("daniel", "name_refused"),
        ("D4niel", "name_refused"),
        ("d a n i e l", "name_refused"),
        ("A former reader", "name_refused"),
        ("Grumble", "name_taken"),
        ("GRUMBLE", "name_taken"),
    ],
)
def test_a_name_that_is_none_or_somebody_elses_is_refused_and_stays_in_the_box(
    name: str, code: str, browser: Client, reader: Commenter, editor: Commenter, person: Person
) -> None:
    person("Grumble")

    response = browser.post(f"{ME}name/", {"name": name}, **SAME)

    with pytest.raises(Refused) as why:
        names.rename(reader, name)
    assert why.value.code == code
    assert response.status_code == why.value.status
    shown = response.content.decode()
    assert html.escape(why.value.detail) in shown and f'value="{html.escape(name)}"' in shown
    reader.refresh_from_db()
    assert reader.name == "mara"


@pytest.mark.parametrize(
    "name", ["Zoë Ångström", "李小龍", "محمد علی", "Ольга", "山田太郎", "O'Neill-Smith, Jr.", "क्षितिज", "김민수"]
)
def test_names_of_the_world_are_names(name: str, reader: Commenter, editor: Commenter) -> None:
    assert names.rename(reader, name).name == name


def test_a_banned_phrase_is_no_name(reader: Commenter, editor: Commenter) -> None:
    verbs.add_phrase("blockhead", kind="banned", made_by=editor)
    thresholds.forget()
    assert phrases.in_force().find("Blockhead").hits

    with pytest.raises(Refused) as why:
        names.rename(reader, "Block-Head Bob")
    assert why.value.code == "name_refused"


def test_a_name_is_changed_so_often_in_a_day(reader: Commenter) -> None:
    for number in "abc":
        names.rename(reader, f"Mara {number}")

    with pytest.raises(Refused) as why:
        names.rename(reader, "Mara d")
    assert why.value.status == 429


def test_the_language_of_mails_is_chosen_where_there_are_several(
    browser: Client, reader: Commenter, settings: Any
) -> None:
    settings.LANGUAGES = [("en", "English")]
    assert "my-language" not in page(browser)
    settings.LANGUAGES = [("en", "English"), ("fr", "French")]

    assert '<option value="fr" lang="fr">Français' in page(browser)
    assert browser.post(f"{ME}language/", {"language": "fr"}, **SAME).status_code == 303
    assert browser.post(f"{ME}language/", {"language": "xx"}, **SAME).status_code == 400

    reader.refresh_from_db()
    assert reader.preferred_language == "fr"


# --- My data ----------------------------------------------------------------------------------------------------------


def test_a_download_is_prepared_and_fetched_by_its_person_alone(
    browser: Client, reader: Commenter, person: Person, post: Post
) -> None:
    post(reader, "Words of mine.")
    assert "Prepare my download" in page(browser)

    assert browser.post(f"{ME}export/", **SAME).status_code == 303
    assert "is being prepared" in page(browser)
    jobs.run(DataExport.objects.get().job_id)

    shown = page(browser)
    [url] = re.findall(r'href="(/comments/me/export/[0-9a-f-]+/)"', shown)
    assert "Your download is ready" in shown
    response = browser.get(url)
    assert response["Cache-Control"] == "private, no-store"
    assert response["Content-Disposition"].startswith("attachment;")
    with zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content))) as archive:
        assert "Words of mine." in archive.read("data.json").decode()
    other = Client()
    other.force_login(person("other").user)
    assert other.get(url).status_code == 404
    assert Client().get(url).status_code == 401


def test_a_job_that_failed_is_said_to_have_failed(browser: Client, reader: Commenter) -> None:
    privacy.export(reader)
    Job.objects.update(state=Job.State.FAILED)

    shown = page(browser)

    assert "could not be prepared" in shown and "Prepare my download" in shown


def test_downloads_are_limited(reader: Commenter, settings: Any) -> None:
    settings.COMMENTS = {"EXPORTS_PER_DAY": 2}
    for _ in range(2):
        jobs.run(privacy.export(reader).job_id)

    with pytest.raises(Refused) as why:
        privacy.export(reader)
    assert why.value.status == 429 and why.value.params["retry_after"]


# --- The way out ------------------------------------------------------------------------------------------------------


def test_an_account_is_deleted_without_a_script(browser: Client, reader: Commenter, post: Post) -> None:
    post(reader)
    shown = page(browser)
    assert "Delete my account in 14 days" in shown and "Your password, or your name" in shown

    wrong = browser.post(f"{ME}delete/", {"comments": "remove", "confirm": "not it"}, **SAME)
    assert wrong.status_code == 400 and "Type your password, or your name" in wrong.content.decode()
    assert 'value="remove" checked' in wrong.content.decode() and "not it" not in wrong.content.decode()
    done = browser.post(f"{ME}delete/", {"comments": "remove", "confirm": "a long password"}, **SAME)

    assert (done.status_code, done["Location"]) == (303, f"{ME}#data")
    shown = page(browser)
    assert "Your account will be deleted on" in shown and "Your comments go as well" in shown
    assert "You asked for your account to be deleted on" in shown
    back = browser.post(f"{ME}delete/cancel/", **SAME)
    assert back.status_code == 303
    reader.refresh_from_db()
    assert reader.erase_at is None


def test_who_leaves_is_told_in_the_section_with_the_way_back(
    browser: Client, reader: Commenter, discussion: Discussion
) -> None:
    privacy.ask_to_erase(reader, confirm="mara")

    fragment = browser.get("/comments/mine/?key=story-1", headers={"X-Requested-With": "comments"}).content.decode()
    posted = browser.post("/comments/post/", {"discussion": "story-1", "text": "Kept in the box."}, **SAME)

    assert "Until then nothing is posted in your name" in fragment and "Keep my account" in fragment
    assert "Appeal" not in fragment
    assert posted.status_code == 403 and "Kept in the box." in posted.content.decode()
    back = browser.post(f"{ME}delete/cancel/", {"next": "/stories/1/#comments"}, **SAME)
    assert back["Location"] == "/stories/1/#comments"


def test_who_is_banned_and_leaves_is_told_both(
    browser: Client, reader: Commenter, editor: Commenter, discussion: Discussion
) -> None:
    people.ban(reader, made_by=editor, reason="spam")
    privacy.ask_to_erase(reader, confirm="mara")

    shown = page(browser)

    assert "You cannot comment here any more." in shown and "Keep my account" in shown and "/appeal/" in shown


@pytest.mark.parametrize("place", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
def test_no_form_leads_elsewhere(place: str, browser: Client, reader: Commenter) -> None:
    response = browser.post(f"{ME}delete/cancel/", {"next": place}, **SAME)

    assert response["Location"] == f"{ME}#data"


@pytest.mark.parametrize("path", ["name/", "language/", "export/", "delete/", "delete/cancel/"])
def test_another_sites_form_does_nothing(path: str, reader: Commenter) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(reader.user)
    body = {"name": "Somebody", "comments": "remove", "confirm": "mara", "language": "en"}

    response = browser.post(ME + path, body, headers={"Sec-Fetch-Site": "cross-site"})

    assert response.status_code == 403
    reader.refresh_from_db()
    assert (reader.name, reader.erase_at) == ("mara", None) and not DataExport.objects.exists()


def test_people_without_a_password_type_their_name(reader: Commenter, browser: Client) -> None:
    reader.user.set_unusable_password()
    reader.user.save()
    browser.force_login(reader.user)

    shown = page(browser)

    assert "Your name, as it stands above your comments" in shown and 'type="password"' not in shown
    assert browser.post(f"{ME}delete/", {"comments": "keep", "confirm": "mara"}, **SAME).status_code == 303


def test_the_newsrooms_own_people_see_why_not(editor: Commenter) -> None:
    browser = Client()
    browser.force_login(editor.user)

    shown = page(browser)

    assert "Ask an administrator to delete your account." in shown and 'name="confirm"' not in shown
    assert browser.post(f"{ME}delete/", {"comments": "keep", "confirm": "daniel"}, **SAME).status_code == 403


def test_hostile_names_and_texts_are_text(browser: Client, reader: Commenter, post: Post) -> None:
    hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    Commenter.objects.filter(pk=reader.pk).update(name=hostile)
    Discussion.objects.update(title=hostile)
    posting.post_comment(reader, Discussion.objects.create(key="s2", title=hostile), hostile)

    for response in (page(browser), browser.post(f"{ME}name/", {"name": hostile * 3}, **SAME).content.decode()):
        assert "<script>alert" not in response and "<img src=x" not in response


# --- Over the API -----------------------------------------------------------------------------------------------------


def test_my_comments_over_the_api(call: Callable[..., Caller], reader: Commenter, person: Person, post: Post) -> None:
    for number in range(5):
        post(reader, f"Number {number}.")
    post(reader, "A link https://example.net/")
    post(person("other"), "Not mine.")
    mine = call(reader)

    first = said(mine.get("me/comments/?limit=4"))
    second = said(mine.get(f"me/comments/?limit=4&cursor={first['next']}"))

    assert first["results"][0]["text"].startswith("A link")
    assert len(first["results"]) == 4 and len(second["results"]) == 2 and second["next"] is None
    [waiting] = said(mine.get("me/comments/?state=waiting"))["results"]
    assert waiting["status"] == "held" and waiting["reasons"] and waiting["discussion"] == "story-1"
    assert refused(mine.get("me/comments/?state=odd")) == (400, "unknown_state")
    assert refused(mine.get("me/comments/?cursor=odd")) == (400, "bad_cursor")
    assert refused(call().get("me/comments/")) == (401, "not_signed_in")


@pytest.mark.parametrize("verb", ["DELETE me/", "POST me/deletion/"])
def test_an_account_is_deleted_over_the_api(verb: str, call: Callable[..., Caller], reader: Commenter) -> None:
    mine = call(reader)
    method, path = verb.split()

    assert refused(mine(method, path, {"confirm": "nobody"})) == (400, "not_confirmed")
    response = mine(method, path, {"confirm": "Mara", "comments": "remove"})

    assert response.status_code == 202
    told = said(mine.get("me/"))
    assert told["deletion"]["comments"] == "remove" and told["standing"]["state"] == "leaving"
    assert refused(mine.post("discussions/nowhere/comments/", {"text": "Hello."}))[0] in (403, 404)
    kept = mine("DELETE", "me/deletion/", None)
    assert said(kept)["deletion"] is None and said(kept)["standing"]["state"] == "fine"
    assert refused(call(reader, "read")(method, path, {"confirm": "mara"})) == (403, "scope_missing")


def test_name_and_language_over_the_api(call: Callable[..., Caller], reader: Commenter, editor: Commenter) -> None:
    mine = call(reader)

    assert said(mine("PATCH", "me/", {"name": "Mara L.", "preferred_language": "en"}))["name"] == "Mara L."
    assert refused(mine("PATCH", "me/", {"name": "daniel"})) == (409, "name_refused")
    assert refused(mine("PATCH", "me/", {"preferred_language": "tlh"})) == (400, "unknown_language")
    assert refused(mine("PATCH", "me/", {"badge": "staff"})) == (400, "unknown_field")


def test_a_download_over_the_api(call: Callable[..., Caller], reader: Commenter) -> None:
    mine = call(reader)
    assert said(mine.get("me/export/"))["state"] == "none"
    assert refused(mine.get("me/export/file/")) == (404, "no_download")

    assert said(mine.post("me/export/", {}))["state"] == "preparing"
    jobs.run(DataExport.objects.get().job_id)

    told = said(mine.get("me/export/"))
    assert told["state"] == "ready" and told["size"] and told["url"] == "/api/v1/me/export/file/"
    response = mine.client.get(told["url"], headers=mine.headers)
    assert response.status_code == 200 and response["Content-Type"] == "application/zip"
    assert b"".join(response.streaming_content).startswith(b"PK")
