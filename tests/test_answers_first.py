"""
Answers first: each reader gets what is true for them, in the page without JavaScript and over the API.

Every case is set up through the real verbs, and asked at both doors.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.utils import timezone

from comments import discussions, issues, people, posting
from comments.issues import answers_first, incidents
from comments.models import (
    Commenter,
    Decider,
    Decision,
    Delivery,
    DiagnosisCount,
    Discussion,
    Failure,
    Finding,
    IssueMessage,
    IssueReport,
    Phrase,
    Revision,
    Sanction,
)
from comments.screening import Draft

NEW = "/comments/issues/new/"
API = "/api/v1/issues/diagnosis/"


@dataclass
class Told:
    """What one reader is told: as a page says it, and as the API does."""

    html: str
    answers: list[dict[str, Any]]

    @property
    def words(self) -> str:
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.html)).split())

    @property
    def codes(self) -> list[str]:
        return re.findall(r'data-code="(\w+)"', self.html)

    @property
    def first(self) -> dict[str, Any]:
        return self.answers[0]


@pytest.fixture
def told(discussion: Discussion) -> Callable[..., Told]:
    """Ask at both doors, and see that they say the same."""

    def ask(who: Commenter | None, client: Client | None = None, **query: Any) -> Told:
        client = client or Client()
        if who is not None:
            client.force_login(who.user)
        asked = urlencode({"discussion": discussion.key} | query)
        page, api = client.get(f"{NEW}?{asked}"), client.get(f"{API}?{asked}")
        assert (page.status_code, api.status_code) == (200, 200)
        found = Told(page.content.decode(), api.json()["answers"])
        assert found.codes == [one["code"] for one in found.answers]
        for one in found.answers:
            assert one["text"] in found.words, one
        binding = [one for one in found.answers if one["tone"] != "good"]
        assert 1 <= len(binding) <= 3 and binding[0]["main"]
        assert all(one["action_url"] for one in binding), binding
        return found

    return ask


def met(code: str, who: Commenter | None = None, **more: Any) -> Failure:
    return Failure.objects.create(door="page", verb="post", code=code, person=who, **more)


# --- One true answer for each -----------------------------------------------------------------------------------------


def test_a_banned_reader_is_told_why_since_when_and_where_to_object(
    told: Callable[..., Told], reader: Commenter, editor: Commenter
) -> None:
    people.ban(reader, made_by=editor, reason="spam", explanation="Nine advertisements.")

    found = told(reader)

    assert found.first["code"] == "banned" and "You cannot comment here any more." in found.first["text"]
    assert "Nine advertisements." in found.first["detail"] and "Since" in found.first["detail"]
    assert found.first["action_label"] == "Ask for a review" and "/appeal/" in found.first["action_url"]
    assert 'name="text"' in found.html  # the form stays open


def test_a_suspended_reader_is_told_until_when(told: Callable[..., Told], reader: Commenter, editor: Commenter) -> None:
    until = timezone.now() + timedelta(days=3)
    people.suspend(reader, until=until, made_by=editor, reason="spam", explanation="Please calm down.")

    found = told(reader)

    assert found.first["code"] == "suspended" and str(until.year) in found.first["text"]
    assert "Please calm down." in found.first["detail"]


def test_who_sits_in_a_banned_network_is_told_that_it_need_not_be_them(
    told: Callable[..., Told], reader: Commenter, editor: Commenter, client: Client
) -> None:
    client.post("/comments/post/", {"discussion": "story-1", "text": "x"}, headers={"Sec-Fetch-Site": "same-origin"})
    key = Failure.objects.get().network_key
    Failure.objects.all().delete()
    Sanction.objects.create(kind="ban", network_key=key, reason="spam", made_by=editor)

    out, signed_in = told(None), told(reader)

    for found in (out, signed_in):
        assert found.first["code"] == "banned" and "That need not be you." in found.first["text"]
    assert Client().post(f"{NEW}?discussion=story-1", {"kind": "cannot_post"}).status_code == 303
    assert out.first["action_label"] == "Sign in"
    assert signed_in.first["action_label"] == "Ask for an exception"


def test_a_held_comment_says_since_when_how_many_are_before_it_and_that_it_is_safe(
    told: Callable[..., Told], reader: Commenter, person: Callable[..., Commenter], discussion: Discussion, post: Any
) -> None:
    discussions.configure(discussion, mode=Discussion.Mode.PREMODERATED)
    for number in range(4):
        post(person(f"reader{number}"), f"Sentence {number} about the tram and its rails.")
    mine = post(reader, "My own sentence about the bridge.")

    found = told(reader)

    assert found.first["code"] == "held" and "every comment here is read by an editor first" in found.first["text"]
    assert "Between 4 and 9 are before it." in found.first["detail"]
    assert "takes" not in found.first["detail"]  # too few to say how long
    assert "only you can see it" in found.first["detail"]
    assert found.first["action_url"] == f"/comments/{mine.pk}/" and found.first["kind"] == "vanished"


def test_with_twenty_waits_to_go_by_a_range_of_time_is_said_and_never_a_promise(
    told: Callable[..., Told], reader: Commenter, editor: Commenter, discussion: Discussion, post: Any
) -> None:
    discussions.configure(discussion, mode=Discussion.Mode.PREMODERATED)
    held = post(reader, "A sentence about the tram.")
    now = timezone.now()
    for minutes in range(answers_first.ENOUGH):
        revision = Revision.objects.create(comment=held, number=100 + minutes, text="x", status="rejected")
        facts = {"comment": held, "revision": revision, "trigger": "editor", "effective_at": now}
        Decision.objects.create(
            verdict="hold", from_status="received", to_status="held", decider=Decider.SCREENING,
            created_at=now - timedelta(minutes=minutes + 5), **facts,
        )  # fmt: skip
        Decision.objects.create(
            verdict="publish", from_status="held", to_status="published", decider=Decider.EDITOR, made_by=editor,
            created_at=now, **facts,
        )  # fmt: skip
    waiting = post(reader, "Another sentence about the bridge.")

    first = told(reader).first

    assert first["code"] == "held" and first["action_url"] == f"/comments/{waiting.pk}/"
    assert "At this hour that usually takes 5 to 20 minutes." in first["detail"]
    assert answers_first.span_of_time(9.25, 19.75) == "5 to 20 minutes"
    assert answers_first.span_of_time(61, 200) == "1 to 4 hours"


def test_its_author_is_told_which_words_held_a_comment(
    told: Callable[..., Told], reader: Commenter, editor: Commenter, post: Any
) -> None:
    Phrase.objects.create(phrase="bridge toll", kind="suspect", added_by=editor.user)
    mine = post(reader, "Again the Bridge Toll is what they talk about.")
    assert mine.status == "held", Finding.objects.values("code")

    found = told(reader)

    assert found.first["code"] == "held_words" and "“Bridge Toll”" in found.first["text"]
    assert "often harmless; a person decides" in found.first["detail"]
    assert found.first["action_url"] == f"/comments/{mine.pk}/edit/"
    assert "Bridge Toll" not in told(None).words


def hold_broken(_candidate: Any) -> None:
    """A rule of ours that fails."""
    raise RuntimeError("broken")


def test_a_link_and_a_check_of_ours_that_failed_are_told_apart(
    told: Callable[..., Told], reader: Commenter, person: Callable[..., Commenter], post: Any, settings: Any
) -> None:
    post(reader, "Look at https://elsewhere.example/page")
    settings.COMMENTS = {**settings.COMMENTS, "RULES": ("tests.test_answers_first.hold_broken",)}
    tom = person("tom")
    post(tom, "A sentence about the tram.")

    assert told(reader).first["code"] == "held_link"
    ours = told(tom).first
    assert ours["code"] == "held_unchecked" and "our fault, not yours" in ours["detail"]


def hold_peculiar(_candidate: Any) -> Iterator[Draft]:
    """A rule that says what few others say."""
    yield Draft("guest_name", facts={"name": "Mara"})


def test_a_rule_that_holds_is_no_fault_of_ours(
    told: Callable[..., Told], reader: Commenter, post: Any, settings: Any
) -> None:
    settings.COMMENTS = {**settings.COMMENTS, "RULES": ("tests.test_answers_first.hold_peculiar",)}
    post(reader)

    first = told(reader).first

    assert first["code"] == "held" and "a reader with an account has the same name" in first["text"]


def test_a_rejected_comment_has_its_reason_and_the_way_to_another_editor(
    told: Callable[..., Told], reader: Commenter, editor: Commenter, post: Any, decide: Any
) -> None:
    mine = post(reader)
    decide(mine, "reject", editor, explanation="Please stay with the tram.")

    found = told(reader)

    assert found.first["code"] == "rejected" and "Please stay with the tram." in found.first["detail"]
    assert found.first["action_url"] == f"/comments/{mine.pk}/appeal/"
    assert "Ask another editor about this decision" in found.words  # the chip under the text


def test_who_posts_too_fast_is_told_the_seconds(
    told: Callable[..., Told], reader: Commenter, post: Any, settings: Any
) -> None:
    settings.COMMENTS = {**settings.COMMENTS, "POSTS_PER_MINUTE": 1}
    post(reader)

    first = told(reader).first

    assert first["code"] == "too_fast" and re.search(r"Please wait \d+ seconds?\.", first["text"])


@pytest.mark.parametrize(
    ("code", "shown", "says"),
    [
        ("too_fast", "too_fast", "That is over."),
        ("too_long", "too_long", "longer than the 10000 characters"),
        ("stale_form", "stale_form", "had expired"),
        ("parent_gone", "parent_gone", "could not be answered any more"),
        ("empty", "refused", "had no words in it"),
        ("too_much_markup", "refused", "with the code “too_much_markup”"),
        ("sign_in_fails", "sign_in_fails", "a sign-in from this browser failed"),
        ("server_error", "server_error", "That is our fault, not yours."),
    ],
)
def test_the_last_refusal_is_an_answer_for_half_an_hour(
    told: Callable[..., Told], reader: Commenter, code: str, shown: str, says: str
) -> None:
    one = met(code, reader, request_id="7f3a19c27f3a")

    first = told(reader).first
    assert first["code"] == shown and says in first["text"]
    Failure.objects.filter(pk=one.pk).update(created_at=timezone.now() - timedelta(minutes=31))
    assert told(reader).first["code"] == "nothing_found"


def test_an_error_of_ours_says_its_number_and_whether_the_text_was_saved(
    told: Callable[..., Told], reader: Commenter, post: Any
) -> None:
    met("server_error", reader, request_id="7f3a19c27f3a")
    lost = told(reader).first["detail"]
    posting.post_comment(reader, Discussion.objects.get(), "A sentence that was saved.")
    Failure.objects.update(created_at=timezone.now())

    assert "7f3a19c27f3a" in lost and "Your text was not saved" in lost
    kept = next(one for one in told(reader).answers if one["code"] == "server_error")
    assert "Your text was saved." in kept["detail"]


def test_a_signed_out_reader_is_told_so_and_comes_back_here_after_signing_in(told: Callable[..., Told]) -> None:
    found = told(None)

    assert found.first["code"] == "signed_out"
    assert found.first["action_url"].startswith("/accounts/login/?next=")
    assert re.search(r'href="/accounts/login/\?next=[^"]*issues%2Fnew[^"]*after%3D', found.html)


def test_a_guest_where_guests_cannot_write_is_told_who_can(told: Callable[..., Told], discussion: Discussion) -> None:
    guest = Commenter.objects.create(name="Somebody")

    answers = issues.diagnosis(guest, discussion)
    found = told(None, code="guests_not_allowed")

    assert answers[0].code == "not_entitled" and "with an account" in answers[0].text
    assert [one["code"] for one in found.answers[:2]] == ["signed_out", "not_entitled"]


def test_a_fine_reader_is_told_that_all_looks_well_from_here(told: Callable[..., Told], reader: Commenter) -> None:
    found = told(reader)

    assert found.codes == ["nothing_found", "open", "signed_in", "checks_run"]
    assert "does not mean that nothing is wrong" in found.first["detail"]
    assert "That answers it" not in found.words
    assert found.html.index("comment-in-order") < found.html.index('data-code="open"')


def test_closed_comments_say_why_and_the_form_stays_open(
    told: Callable[..., Told], reader: Commenter, discussion: Discussion
) -> None:
    discussions.close(discussion, reason="The night is quiet.", opens_at=timezone.now() + timedelta(days=2))

    first = told(reader).first

    assert first["code"] == "closed" and "The night is quiet." in first["detail"] and "open again" in first["detail"]


def test_an_address_that_is_not_confirmed_is_named_in_part_and_can_be_confirmed(
    told: Callable[..., Told], reader: Commenter
) -> None:
    from allauth.account.models import EmailAddress

    EmailAddress.objects.create(user=reader.user, email="mara@example.org", verified=False, primary=True)

    found = told(reader)
    EmailAddress.objects.update(verified=True)

    assert found.first["code"] == "email_unconfirmed" and "m…@example.org" in found.first["text"]
    assert "mara@example.org" not in found.html and found.first["action_url"] == "/accounts/email/"
    assert "e-mail address is confirmed" in told(reader).words


def test_who_has_no_name_yet_is_told_to_choose_one(told: Callable[..., Told], reader: Commenter) -> None:
    Commenter.objects.filter(pk=reader.pk).update(name="")

    assert told(reader).first["code"] == "name_missing"


def test_a_published_comment_is_said_to_be_published_and_leads_to_the_newest_page(
    told: Callable[..., Told], reader: Commenter, post: Any
) -> None:
    mine = post(reader)

    first = told(reader, comment=mine.pk).first

    assert first["code"] == "stale_view" and "is published since" in first["text"]
    assert first["action_url"] == f"/stories/1/?sort=newest#comment-{mine.pk}"


def test_the_same_text_again_leads_to_the_first(told: Callable[..., Told], reader: Commenter, post: Any) -> None:
    words = "The night tram should run every ten minutes until two in the morning."
    first = post(reader, words)
    again = post(reader, words, idempotency_key="second")
    assert (first.status, again.status) == ("published", "held")

    answer = told(reader).first

    assert answer["code"] == "repeat" and "You sent the same text at" in answer["text"]
    assert answer["action_url"] == f"/comments/{first.pk}/"


def test_a_section_that_does_not_show_and_an_old_browser_are_told_of(
    told: Callable[..., Told], reader: Commenter, post: Any
) -> None:
    post(reader)
    old = Client(headers={"User-Agent": "Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, "
                          "like Gecko) Version/12.1.2 Mobile/15E148 Safari/604.1"})  # fmt: skip

    missing = told(reader, code="section_missing")
    outdated = told(reader, old)

    assert missing.first["code"] == "section_missing" and "(1 comment)" in missing.first["text"]
    assert missing.first["action_url"] == "/comments/section/?key=story-1"
    assert 'value="cannot_see" checked' in missing.html
    assert outdated.first["code"] == "old_browser" and "Safari 12" in outdated.first["text"]


# --- Cookies, and signing in that does not hold -----------------------------------------------------------------------

BROWSER = {"Sec-Fetch-Mode": "navigate"}


def test_a_browser_is_sent_round_once_to_see_whether_it_keeps_our_cookie(discussion: Discussion) -> None:
    keeps, blocks = Client(), Client()

    for client in (keeps, blocks):
        round_trip = client.get(f"{NEW}?discussion=story-1", headers=BROWSER)
        assert round_trip.status_code == 303 and "looked=" in round_trip["Location"]
        if client is blocks:
            client.cookies.clear()
        page = client.get(round_trip["Location"], headers=BROWSER)
        assert page.status_code == 200
        assert ('data-code="cookies_blocked"' in page.content.decode()) is (client is blocks)
        client.get(NEW, headers=BROWSER)


def test_an_old_address_says_nothing_about_cookies(discussion: Discussion) -> None:
    page = Client().get(f"{NEW}?discussion=story-1&looked={int(time.time()) - 600}")

    assert "cookies_blocked" not in page.content.decode()


def test_who_signed_in_a_moment_ago_and_is_not_known_here_is_told_so(reader: Commenter, discussion: Discussion) -> None:
    client, other = Client(), Client()
    client.get(NEW)
    client.post("/accounts/login/", {"login": "mara", "password": "a long password"})
    del client.cookies["sessionid"]

    by_mark = client.get(NEW).content.decode()
    by_address = other.get(f"{NEW}?after={int(time.time()) - 5}").content.decode()
    long_ago = other.get(f"{NEW}?after={int(time.time()) - 900}").content.decode()

    for html in (by_mark, by_address):
        assert 'data-code="login_loop"' in html.partition('data-code="signed_out"')[0]
    assert "login_loop" not in long_ago


# --- Order, and what nobody else learns -------------------------------------------------------------------------------


def test_what_binds_most_comes_first_and_three_at_most(
    told: Callable[..., Told], reader: Commenter, editor: Commenter, discussion: Discussion, post: Any
) -> None:
    for number in range(3):
        post(reader, f"Look at https://elsewhere.example/{number}")
    met("too_long", reader)
    discussions.close(discussion, reason="It is late.")
    people.ban(reader, made_by=editor, reason="spam")

    assert [one["code"] for one in told(reader).answers if one["tone"] != "good"] == ["banned", "closed", "too_long"]


def test_an_incident_comes_before_everything_and_who_asks_hears_when_it_is_over(
    told: Callable[..., Told], reader: Commenter, editor: Commenter, client: Client, discussion: Discussion
) -> None:
    known = incidents.begin(editor, title="Replies", text="Replies fail for some readers.")
    incidents.update(known, editor, text="Replies fail for some readers.", kept=True)

    found = told(reader)

    assert found.first["code"] == "incident" and found.first["text"] == "Replies fail for some readers."
    assert "is kept" in found.first["detail"] and 'name="tell_when_over"' in found.html
    said = {"kind": "cannot_post", "text": "It fails.", "discussion": discussion.key, "tell_when_over": "1"}
    client.post("/comments/issues/new/", said)
    asked = client.post("/api/v1/issues/", {**said, "tell_when_over": True}, content_type="application/json")
    assert asked.status_code == 201, asked.content
    assert [one.incident for one in IssueReport.objects.all()] == [known, known]
    incidents.end(known, editor, text="Replies work again.")
    assert IssueMessage.objects.filter(text="Replies work again.").count() == 2


def test_signed_out_nothing_is_said_of_anyone(
    told: Callable[..., Told], reader: Commenter, editor: Commenter, post: Any
) -> None:
    held = post(reader, "Look at https://elsewhere.example/secret")
    people.ban(reader, made_by=editor, reason="spam", explanation="Nine advertisements.")
    met("too_long", reader, browser_key="a" * 32)

    found = told(None, comment=held.pk)

    assert found.codes == ["signed_out", "open", "checks_run"]
    assert "secret" not in found.html and "mara" not in found.html and "Nine" not in found.html


def test_every_answer_without_what_others_wrote_costs_a_bounded_number_of_queries(
    reader: Commenter, discussion: Discussion, post: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        post(reader, f"Look at https://elsewhere.example/{number} again, number {number}")

    with django_assert_max_num_queries(28):
        issues.diagnosis(reader, discussion)


# --- What only the reader can say -------------------------------------------------------------------------------------


def test_what_only_the_reader_can_say_is_offered_under_the_answers(
    told: Callable[..., Told], reader: Commenter
) -> None:
    html = told(reader).html

    for code in ("assistive", "name_wrong", "mail_trouble"):
        assert f"?discussion=story-1&amp;code={code}" in html


def test_who_uses_assistive_technology_is_led_to_the_plain_page_and_read_first(
    told: Callable[..., Told], client: Client
) -> None:
    found = told(None, code="assistive")
    client.post(f"{NEW}?discussion=story-1&code=assistive", {"kind": "other", "text": "The button has no name."})

    assert found.first["code"] == "assistive" and "A person answers" in found.first["detail"]
    assert found.first["action_url"] == "/comments/section/?key=story-1"
    assert Client().get(found.first["action_url"]).status_code == 200
    report = IssueReport.objects.get()
    assert (report.is_urgent, report.is_suspicious, report.code) == (True, False, "assistive")


def test_a_reader_is_told_their_name_and_how_it_is_changed(told: Callable[..., Told], reader: Commenter) -> None:
    found = told(reader, code="name_wrong")

    assert found.first["code"] == "name_wrong" and f"“{reader.name}”" in found.first["text"]
    assert "tell us at once" in found.first["detail"]
    assert (found.first["action_label"], found.first["action_url"]) == ("Change the name", "/comments/me/#account")
    assert told(reader).first["code"] == "nothing_found"  # unasked nobody is alarmed


def test_a_name_that_was_refused_lately_is_said_with_the_way_to_another(
    told: Callable[..., Told], reader: Commenter, client: Client
) -> None:
    client.force_login(reader.user)
    client.post("/comments/me/name/", {"name": "The Editor"}, headers={"Sec-Fetch-Site": "same-origin"})

    first = told(reader).first

    assert first["code"] == "name_wrong" and "could not be taken" in first["text"]
    assert first["action_url"] == "/comments/me/#account"


def mailed(who: Commenter, state: str, **more: Any) -> Delivery:
    key = f"notice:{Delivery.objects.count()}"
    return Delivery.objects.create(way="mail", key=key, to=who.user.email, text="x", state=state, **more)


def test_a_mail_that_did_not_get_through_is_said_unasked_until_one_does(
    told: Callable[..., Told], reader: Commenter, person: Callable[..., Commenter]
) -> None:
    mailed(person("jo"), "failed")
    assert told(reader).first["code"] == "nothing_found"

    mailed(reader, "failed", error="SMTPRecipientsRefused")
    mailed(reader, "failed", error="taken back")
    found = told(reader)
    mailed(reader, "sent", sent_at=timezone.now())

    assert found.first["code"] == "mail_trouble" and "did not get through" in found.first["text"]
    assert "m…@example.org" in found.first["text"] and "mara@example.org" not in found.html
    assert found.first["action_url"] == "/accounts/email/" and found.first["kind"] == "notifications"
    assert told(reader).first["code"] == "nothing_found"


def test_who_asks_about_mail_hears_when_the_last_left_and_how_to_choose(
    told: Callable[..., Told], reader: Commenter
) -> None:
    none = told(reader, code="mail_trouble").first
    mailed(reader, "sent", sent_at=timezone.now())

    found = told(reader, code="mail_trouble").first

    assert none["code"] == found["code"] == "mail_trouble" and "has left lately" in none["text"]
    assert "and was taken" in found["text"] and "You follow 0" in found["detail"]
    assert found["action_url"] == "/comments/me/#mail"


def test_a_comment_held_for_its_language_says_which_is_read_here(
    told: Callable[..., Told], reader: Commenter, post: Any, settings: Any
) -> None:
    settings.COMMENTS = {**settings.COMMENTS, "LANGUAGES": ("en",)}
    held = post(reader, "Die Nachtbahn fährt wieder, und ich freue mich sehr darüber, dass sie am Bahnhof hält.")

    first = told(reader).first

    assert first["code"] == "wrong_language"
    assert "are read in English" in first["text"] and "for German" in first["text"]
    assert "a person looks" in first["detail"]
    assert (first["action_label"], first["action_url"]) == ("Change my comment", f"/comments/{held.pk}/edit/")


# --- "That answers it" ------------------------------------------------------------------------------------------------


def counts() -> dict[tuple[str, str], int]:
    return {(one.code, one.outcome): one.count for one in DiagnosisCount.objects.all()}


def test_what_is_shown_what_settles_it_and_what_is_sent_all_the_same_is_counted(
    client: Client, reader: Commenter, post: Any
) -> None:
    post(reader, "Look at https://elsewhere.example/page")
    client.force_login(reader.user)

    page = client.get(f"{NEW}?discussion=story-1").content.decode()
    client.head(f"{NEW}?discussion=story-1")
    answered = client.post("/comments/issues/settled/?discussion=story-1", {"answer": "held_link"})
    after = client.get(answered["Location"]).content.decode()
    client.post(API, {"answer": "held_link"}, content_type="application/json")
    client.post(f"{NEW}?discussion=story-1", {"kind": "vanished", "found": "held_link"})

    assert page.count("That answers it") == 1 and "kind=vanished#tell" in page
    assert answered.status_code == 303 and "Nothing was sent." in after and "That answers it" not in after
    assert counts() == {("held_link", "shown"): 1, ("held_link", "settled"): 2, ("held_link", "sent"): 1}
    assert IssueReport.objects.get().found == "held_link"


def test_an_answer_nobody_gives_settles_nothing_and_nobody_counts_without_end(client: Client, db: None) -> None:
    odd = client.post("/comments/issues/settled/", {"answer": "<script>"})
    refused = client.post(API, {"answer": "no_such_answer"}, content_type="application/json")
    for _ in range(60):
        client.post("/comments/issues/settled/", {"answer": "closed"})

    assert odd.status_code == 303 and refused.status_code == 400
    assert counts() == {("closed", "settled"): 20}


def test_no_something_else_opens_the_form_with_the_kind_chosen(client: Client, discussion: Discussion) -> None:
    html = client.get(f"{NEW}?discussion=story-1&kind=vanished").content.decode()

    assert 'value="vanished" checked' in html
    assert " checked>" not in client.get(f"{NEW}?kind=%3Cscript%3E").content.decode().partition("fieldset>")[0]


# --- The day on which nothing can be saved ----------------------------------------------------------------------------


@pytest.fixture
def read_only(db: None) -> Iterator[Callable[[], None]]:
    """Have the database itself refuse every write from then on."""

    def begin() -> None:
        connection.check_constraints()  # what was saved before is not checked any more afterwards
        with connection.cursor() as cursor:
            cursor.execute(
                "PRAGMA query_only = ON" if connection.vendor == "sqlite" else "SET LOCAL transaction_read_only = on"
            )

    yield begin
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA query_only = OFF")


def test_while_the_database_is_read_only_the_page_says_so_and_has_a_mail_ready(
    client: Client, reader: Commenter, discussion: Discussion, post: Any, read_only: Callable[[], None]
) -> None:
    post(reader, "Look at https://elsewhere.example/page")
    client.force_login(reader.user)
    client.get(NEW)
    read_only()

    taken = []
    for _ in range(3):  # the quickest: other tests run beside this one
        begun = time.perf_counter()
        page = client.get(f"{NEW}?discussion=story-1&code=server_error&request=7f3a19c27f3a")
        taken.append(time.perf_counter() - begun)
    sent = client.post(f"{NEW}?discussion=story-1", {"kind": "cannot_post", "text": "It does not work."})
    api = client.get(f"{API}?discussion=story-1").json()["answers"]

    html = unescape(page.content.decode())
    assert page.status_code == 200 and min(taken) < 0.3
    assert re.findall(r'data-code="(\w+)"', html)[:2] == ["read_only", "held_link"]
    mail = re.search(r'href="(mailto:comments@estuary-record\.example\?[^"]+)"', html)
    assert mail and "night%20tram" in mail[1] and "7f3a19c27f3a" in mail[1] and "server_error" in mail[1]
    assert "That answers it" not in html
    assert sent.status_code == 503
    said = unescape(sent.content.decode())
    assert "It does not work." in said and "saved, and" not in said and "mailto:comments@" in said
    assert api[0]["code"] == "read_only" and api[1]["code"] == "held_link"


def test_who_was_never_here_before_is_not_called_signed_out_when_nothing_can_be_saved(
    client: Client, discussion: Discussion, read_only: Callable[[], None]
) -> None:
    user = get_user_model().objects.create_user("tom", "tom@example.org", "a long password")
    client.force_login(user)
    read_only()

    html = client.get(f"{NEW}?discussion=story-1").content.decode()

    assert re.findall(r'data-code="(\w+)"', html)[0] == "read_only" and "signed_out" not in html


def test_when_not_even_reading_works_the_page_is_there(
    client: Client, discussion: Discussion, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    def away(*_args: Any, **_more: Any) -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr(answers_first, "diagnosis", away)
    monkeypatch.setattr(issues, "diagnosis", away)

    page = client.get(f"{NEW}?discussion=story-1")

    assert page.status_code == 200 and "mailto:comments@" in page.content.decode()


def test_the_codes_of_all_answers_are_known() -> None:
    source = Path(answers_first.__file__).read_text()

    used = set(re.findall(r'Answer\(\s*"(\w+)",\s*"(?:wait|stop|plain)"', source))
    assert used - {"cannot_look"} <= answers_first.CODES
