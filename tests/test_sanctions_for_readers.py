"""What a reader is told who is warned, suspended or banned: everywhere, in words, with a way to object."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comments import access, issues, moderation, people, personal, posting, reactions
from comments.exceptions import Refused
from comments.models import Acknowledgement, Comment, Commenter, Discussion, Sanction
from comments.pages import section
from tests import test_api
from tests.test_api import Caller, said

call, document = test_api.call, test_api.document
Person = Callable[..., Commenter]
Post = Callable[..., Comment]
SAME = {"headers": {"Sec-Fetch-Site": "same-origin"}}


@pytest.fixture
def browser(reader: Commenter) -> Client:
    client = Client()
    client.force_login(reader.user)
    return client


def impose(kind: str, reader: Commenter, editor: Commenter, **more: Any) -> Sanction:
    if kind == "suspend":
        more.setdefault("until", timezone.now() + timedelta(days=3))
    more.setdefault("reason", "personal_attack")
    made: Sanction = people.VERBS[kind](reader, made_by=editor, **more)
    return made


CASES = [("warn", "warning_unread"), ("suspend", "suspended"), ("ban", "banned")]


@pytest.mark.parametrize(("kind", "code"), CASES)
def test_nothing_is_saved_and_the_text_stays_in_the_box(
    kind: str, code: str, browser: Client, reader: Commenter, editor: Commenter, discussion: Discussion
) -> None:
    made = impose(kind, reader, editor)

    answer = browser.post("/comments/post/", {"discussion": "story-1", "text": "Words I do not lose."}, **SAME)

    page = answer.content.decode()
    assert answer.status_code == 403
    assert "Words I do not lose." in page and code in page
    assert not Comment.objects.exists()
    with pytest.raises(Refused) as refused:
        posting.post_comment(reader, discussion, "Over the API it is the same.")
    assert refused.value.code == code
    assert refused.value.params.get("until") == (made.ends_at.isoformat() if made.ends_at else None)


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize(("kind", "code"), CASES)
def test_who_is_shut_out_is_always_told(
    kind: str,
    code: str,
    closed: bool,
    browser: Client,
    call: Callable[..., Caller],
    reader: Commenter,
    editor: Commenter,
    discussion: Discussion,
) -> None:
    made = impose(kind, reader, editor, explanation="Argue with the point, please.")
    if closed:
        discussion.mode = Discussion.Mode.CLOSED
        discussion.save()
    appeal = f"/comments/sanctions/{made.public_id}/appeal/"

    mine = browser.get("/comments/me/")
    fragment = browser.get("/comments/mine/?key=story-1", headers={"X-Requested-With": "comments"})
    standing = said(call(reader).get("me/"))["standing"]

    for page in (mine, fragment):
        assert "private" in page["Cache-Control"]
        assert "Argue with the point, please." in page.content.decode() and appeal in page.content.decode()
    assert standing["state"] in ("warned", "suspended", "banned")
    assert standing["detail"] and "personal attack" in standing["detail"]
    assert standing["sanctions"][0]["appeal_url"] == appeal
    with pytest.raises(Refused) as refused:
        posting.post_comment(reader, discussion, "Also where comments are closed.")
    assert refused.value.code == code
    codes = [one.code for one in issues.diagnose(reader, discussion)]
    assert codes[0] == {"warn": "warned", "suspend": "suspended", "ban": "banned"}[kind]
    assert len(codes) == len(set(codes))


def test_a_domain_and_a_network_are_told_too(
    browser: Client, reader: Commenter, person: Person, editor: Commenter, discussion: Discussion
) -> None:
    other = person("jo")
    impose("ban", other, editor, target="domain")
    page = browser.get("/comments/me/").content.decode()
    assert "Nobody with an address at example.org can comment here." in page
    people.lift(Sanction.objects.get(), made_by=editor)

    key = "c" * 32
    posting.post_comment(other, discussion, "From the library.", network_key=key)
    impose("ban", other, editor, target="network")
    with pytest.raises(Refused, match="network you are using"):
        posting.post_comment(reader, discussion, "From the library too.", network_key=key)
    assert posting.post_comment(reader, discussion, "From home.", network_key="d" * 32).pk


def test_until_when_is_said_in_words(reader: Commenter, editor: Commenter) -> None:
    made = impose("suspend", reader, editor)

    assert access.standing_in_words(access.standing(reader)) == (
        f"You cannot comment until {access.spoken(made.ends_at)}. The reason: personal attack."
    )


def test_a_warning_is_read_once_and_then_posting_goes_on(
    browser: Client, reader: Commenter, editor: Commenter, discussion: Discussion
) -> None:
    made = impose("warn", reader, editor)
    url = f"/comments/me/warnings/{made.public_id}/acknowledge/"
    assert url in browser.get("/comments/me/").content.decode()
    assert browser.post(url, {}, **SAME).status_code == 400

    for _twice in range(2):
        answer = browser.post(url, {"read": "1", "next": "/stories/1/#comments"}, **SAME)
        assert (answer.status_code, answer["Location"]) == (303, "/stories/1/#comments")

    assert Acknowledgement.objects.count() == 1
    assert posting.post_comment(reader, discussion, "Now I go on.").pk
    assert url not in browser.get("/comments/me/").content.decode()


@pytest.mark.parametrize("evil", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"])
def test_acknowledging_leads_nowhere_else(evil: str, browser: Client, reader: Commenter, editor: Commenter) -> None:
    made = impose("warn", reader, editor)

    answer = browser.post(f"/comments/me/warnings/{made.public_id}/acknowledge/", {"read": "1", "next": evil}, **SAME)

    assert answer["Location"] == "/comments/me/"


def test_nobody_acknowledges_for_another(
    call: Callable[..., Caller], reader: Commenter, editor: Commenter, person: Person
) -> None:
    made, ban = impose("warn", reader, editor), impose("ban", reader, editor)
    url = f"me/warnings/{made.public_id}/acknowledge/"

    assert call(person("jo"), "read", "write").post(url, {}).status_code == 404
    assert call(reader, "read").post(url, {}).status_code == 403
    assert call(reader, "read", "write").post(f"me/warnings/{ban.public_id}/acknowledge/", {}).status_code == 404
    assert not Acknowledgement.objects.exists()

    answer = call(reader, "read", "write").post(url, {})
    assert (answer.status_code, said(answer)["state"]) == (200, "banned")


def test_what_the_shut_out_may_still_do(
    reader: Commenter, editor: Commenter, person: Person, post: Post, browser: Client
) -> None:
    other, mine = person("jo"), post(reader, "Written before the ban.")
    theirs = post(other, "What somebody else wrote here.")
    impose("ban", reader, editor)

    for refused in (
        lambda: reactions.react(reader, theirs),
        lambda: posting.edit_comment(reader, mine, "Rewritten after the ban."),
    ):
        with pytest.raises(Refused) as told:
            refused()
        assert told.value.code == "banned"
    assert browser.get(f"/comments/{mine.pk}/edit/").status_code == 403

    reactions.unreact(reader, theirs)
    flagged = moderation.flag(reader, theirs, "spam")
    assert float(flagged.weight) == 0.1
    assert posting.withdraw_comment(reader, mine).status == "withdrawn"
    assert browser.get("/comments/issues/new/").status_code == 200


def test_a_warned_reader_may_like(reader: Commenter, editor: Commenter, person: Person, post: Post) -> None:
    theirs = post(person("jo"), "What somebody else wrote here.")
    impose("warn", reader, editor)

    assert reactions.react(reader, theirs) == 1


def test_everything_is_as_before_when_it_is_over_or_lifted(
    reader: Commenter, editor: Commenter, discussion: Discussion, time_machine: Any
) -> None:
    impose("suspend", reader, editor)
    people.lift(impose("ban", reader, editor), made_by=editor)
    time_machine.move_to(timezone.now() + timedelta(days=3, minutes=1))

    assert posting.post_comment(reader, discussion, "Back again.").pk
    assert access.standing(reader).state == "fine"


def test_what_others_and_caches_see_is_the_same(
    browser: Client, reader: Commenter, editor: Commenter, discussion: Discussion, post: Post
) -> None:
    post(editor, "A sentence that everyone reads.")
    before = Client().get("/comments/section/?key=story-1")

    impose("ban", reader, editor, explanation="Only for mara.")

    after = browser.get("/comments/section/?key=story-1")
    assert after.content == before.content and "public" in after["Cache-Control"]
    assert "Only for mara." not in after.content.decode()


def test_standing_is_one_query(reader: Commenter, editor: Commenter, django_assert_num_queries: Any) -> None:
    reader = Commenter.objects.for_user(reader.user)
    impose("suspend", reader, editor, explanation="Enough.")
    impose("warn", reader, editor)

    with django_assert_num_queries(1):
        now = access.standing(reader, "a" * 32)
        assert now.sanction is not None and now.sanction.words.explanation == "Enough."
        assert now.unread is not None


def test_the_personal_call_costs_one_more(
    reader: Commenter, discussion: Discussion, browser: Client, editor: Commenter
) -> None:
    browser.get("/comments/mine/?key=story-1")
    with CaptureQueriesContext(connection) as fine:
        browser.get("/comments/mine/?key=story-1")
    impose("ban", reader, editor, explanation="Enough.")
    with CaptureQueriesContext(connection) as banned:
        browser.get("/comments/mine/?key=story-1")

    assert len(banned) <= len(fine) + 1
    assert personal.in_discussion(reader, discussion) == []


def test_a_warning_under_a_ban_promises_nothing(browser: Client, reader: Commenter, editor: Commenter) -> None:
    impose("warn", reader, editor, explanation="Argue with the point, please.")
    impose("ban", reader, editor)

    page = browser.get("/comments/me/").content.decode()

    assert "You cannot comment here any more." in page and "Argue with the point, please." in page
    assert "You can post again as soon as" not in page and "Go on to the comments" not in page


@pytest.mark.parametrize("kind", ["suspend", "ban"])
def test_who_is_shut_out_finds_why_in_place_of_the_box(
    kind: str, browser: Client, reader: Commenter, editor: Commenter, discussion: Discussion
) -> None:
    request = RequestFactory().get("/stories/1/")
    request.user = reader.user
    request.COOKIES["sessionid"] = browser.cookies["sessionid"].value
    before = section.render(request, discussion)
    impose(kind, reader, editor)

    after = section.render(request, discussion)

    assert "<textarea" in before and 'id="standing"' not in before
    assert "<textarea" not in after and after.count('id="standing"') == 1 and after.count('id="comment-form"') == 1
    assert 'href="#standing"' in after and "/appeal/" in after


def test_who_is_warned_keeps_the_box(
    browser: Client, reader: Commenter, editor: Commenter, discussion: Discussion
) -> None:
    impose("warn", reader, editor)
    request = RequestFactory().get("/stories/1/")
    request.user = reader.user
    request.COOKIES["sessionid"] = browser.cookies["sessionid"].value

    assert "<textarea" in section.render(request, discussion)
