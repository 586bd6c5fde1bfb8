"""What happens when a reader lets us know that commenting does not work."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from smtplib import SMTPRecipientsRefused
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from comments import conf, discussions, issues, outbox, personal, ratelimit
from comments.breaker import Breaker
from comments.exceptions import Refused
from comments.issues import browser
from comments.issues.mail import due
from comments.issues.mail import send as send_mail
from comments.issues.tasks import send_answers
from comments.models import Comment, Commenter, Delivery, Discussion, IssueMessage, IssueReport, Revision

NEW = "/comments/issues/new/"
GIVEN = {"kind": "cannot_post", "text": "The button greys out and nothing happens."}


@pytest.fixture
def anyone(db: None) -> Client:
    """A reader without an account, without cookies, and with a browser that is held to Django's CSRF check."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def sent(db: None) -> Callable[..., IssueReport]:
    def make(text: str = "It does not work.", **more: Any) -> IssueReport:
        return issues.report(more.pop("kind", "other"), text, **more)

    return make


def receipt(report: IssueReport) -> str:
    return f"/comments/issues/{report.token}/"


def words(response: HttpResponse) -> str:
    """What a person reads: without tags, and with entities resolved."""
    from html import unescape

    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def codes(found: list[issues.Answer]) -> list[str]:
    return [one.code for one in found]


# --- Reporting --------------------------------------------------------------------------------------------------------


def test_a_reader_without_account_cookies_or_script_reports_and_gets_a_receipt(
    anyone: Client, discussion: Discussion
) -> None:
    form = anyone.get(f"{NEW}?discussion=story-1")

    taken = anyone.post(f"{NEW}?discussion=story-1", GIVEN | {"context": ["article"]})

    assert form.status_code == 200
    assert taken.status_code == 303 and set(anyone.cookies) == {"comments_browser"}
    report = IssueReport.objects.get()
    assert taken["Location"] == receipt(report)
    page = anyone.get(receipt(report))
    assert page.status_code == 200
    assert report.number in words(page) and GIVEN["text"] in words(page)
    assert (report.discussion, report.reporter, report.state) == (discussion, None, "open")
    assert len(report.network_key) == 32


def test_the_form_stands_where_comments_are_closed(anyone: Client, discussion: Discussion) -> None:
    discussions.close(discussion, reason="The debate has run its course.")

    page = anyone.get(f"{NEW}?discussion=story-1")

    assert page.status_code == 200 and "The debate has run its course." in words(page)
    assert anyone.post(f"{NEW}?discussion=story-1", GIVEN).status_code == 303


def test_everything_works_while_the_cache_is_away(
    anyone: Client, discussion: Discussion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: Any, **_kwargs: Any) -> None:
        raise ConnectionError("away")

    for call in ("add", "incr", "get", "set", "get_many", "delete"):
        monkeypatch.setattr(cache, call, away)
    monkeypatch.setattr(ratelimit, "_breaker", Breaker())
    monkeypatch.setattr(ratelimit, "_local", {})

    form = anyone.get(f"{NEW}?discussion=story-1")
    taken = anyone.post(f"{NEW}?discussion=story-1", GIVEN)
    added = anyone.post(taken["Location"], {"do": "add", "text": "It is back."})

    assert (form.status_code, taken.status_code, added.status_code) == (200, 303, 303)
    assert IssueMessage.objects.count() == 2


def test_a_session_that_cannot_be_read_does_not_stop_a_report(
    client: Client, reader: Commenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(reader.user)
    from django.contrib.sessions.backends.db import SessionStore

    def away(_self: Any) -> None:
        raise ConnectionError("away")

    monkeypatch.setattr(SessionStore, "load", away)

    taken = client.post(NEW, GIVEN)

    assert taken.status_code == 303


def test_a_filled_trap_sorts_a_report_last_and_loses_nothing(anyone: Client) -> None:
    anyone.post(NEW, GIVEN | {"leave_empty": "https://example.org"})
    anyone.post(NEW, GIVEN | {"text": "A real one."})
    anyone.post(NEW, GIVEN | {"text": "Another real one.", "leave_empty": "  "})

    assert [report.is_suspicious for report in IssueReport.objects.all()] == [False, False, True]


@pytest.mark.parametrize(
    ("headers", "suspicious"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, False),
        ({"Origin": "https://evil.example"}, True),
        ({"Origin": "http://testserver"}, False),
        ({"Origin": "null"}, False),
        ({}, False),
    ],
)
def test_a_form_sent_from_another_site_is_kept_and_marked(
    anyone: Client, headers: dict[str, str], suspicious: bool
) -> None:
    taken = anyone.post(NEW, GIVEN, headers=headers)

    assert taken.status_code == 303
    assert IssueReport.objects.get().is_suspicious is suspicious


@pytest.mark.parametrize("typed", ["mara@@example", "mara at example.org", "nobody", "mara@example.org, b@example.org"])
def test_an_email_that_cannot_work_is_kept_and_the_receipt_says_so(anyone: Client, typed: str) -> None:
    taken = anyone.post(NEW, GIVEN | {"email": typed})

    report = IssueReport.objects.get()
    assert taken.status_code == 303 and report.email == typed
    assert issues.email_looks_wrong(report)
    assert "looks mistyped" in words(anyone.get(receipt(report)))
    anyone.post(receipt(report), {"do": "email", "email": "mara@example.org"})
    page = words(anyone.get(receipt(report)))
    assert "looks mistyped" not in page and "m…@example.org" in page and "mara@example.org" not in page


def test_line_ends_in_an_email_are_taken_out(sent: Callable[..., IssueReport]) -> None:
    report = sent(email="mara@example.org\r\nBcc: everyone@example.org\n")

    assert report.email == "mara@example.orgBcc: everyone@example.org"
    assert len(sent(email="x" * 400 + "@example.org").email) == 254


def test_control_characters_are_taken_out_and_never_refused(sent: Callable[..., IssueReport]) -> None:
    report = sent("It\x00 broke\x07\r\non the \ud800tram.\x9b", context={"browser": "Fire\x00fox\n7"})

    assert report.messages.get().text == "It broke\non the tram."
    assert report.context == {"browser": "Fire fox 7"}


def test_an_unknown_kind_is_refused(sent: Callable[..., IssueReport]) -> None:
    with pytest.raises(Refused) as refused:
        sent(kind="gossip")

    assert (refused.value.code, refused.value.status) == ("unknown_kind", 400)
    assert not IssueReport.objects.exists()


def test_who_ticks_no_kind_has_still_reported(anyone: Client) -> None:
    assert anyone.post(NEW, {"text": "It does not work."}).status_code == 303
    assert IssueReport.objects.get().kind == "other"


@pytest.mark.parametrize(("text", "code"), [("é" * 2001, "too_long"), ("x" * 9_000, "too_long")])
def test_a_refused_report_comes_back_with_everything_that_was_typed(anyone: Client, text: str, code: str) -> None:
    given = {
        "kind": "layout",
        "text": text,
        "email": "mara@example.org",
        "context": ["window"],
        "fact_window": "412 × 915",
    }

    page = anyone.post(NEW, given)

    html = page.content.decode()
    assert page.status_code == 400 and f'<span class="comment-code">{code}</span>' in html
    assert 'value="layout" checked' in html and 'value="mara@example.org"' in html
    assert 'value="window" checked' in html and 'value="browser" checked' not in html and "412 × 915" in html
    assert text.strip("\x00\r\n ") in html
    assert not IssueReport.objects.exists()


def test_two_thousand_characters_fit_however_the_browser_ends_lines(sent: Callable[..., IssueReport]) -> None:
    assert len(sent("a\r\n" * 999 + "bb").messages.get().text) == 2000


def test_a_kind_alone_is_a_report_and_nothing_at_all_is_none(anyone: Client) -> None:
    said = anyone.post(NEW, {"kind": "vanished", "text": " "})
    nothing = anyone.post(NEW, {"text": " \x00\r\n"})

    assert said.status_code == 303 and IssueMessage.objects.get().text == "My comment vanished"
    assert nothing.status_code == 400 and "One sentence is enough." in words(nothing)


@pytest.mark.parametrize(
    "query",
    [
        "discussion=no.such:1",
        "discussion=%00",
        "discussion=" + "x" * 5000,
        "comment=abc",
        "comment=-1",
        "comment=99999999999999999999999",
        "comment=٣",
        "comment=" + "9" * 5000,
        "code=%3Cscript%3E&request=%0d%0a",
        "discussion=%ff%fe&comment=%F0%9F%98%80",
    ],
)
def test_odd_addresses_are_no_error(anyone: Client, query: str) -> None:
    assert anyone.get(f"{NEW}?{query}").status_code == 200
    assert anyone.post(f"{NEW}?{query}", GIVEN | {"context": ["article", "comment", "last_refusal"]}).status_code == 303

    report = IssueReport.objects.get()
    assert (report.discussion, report.comment, report.context) == (None, None, {})


def test_odd_forms_are_no_error(anyone: Client) -> None:
    huge = anyone.post(NEW, GIVEN | {"text": "x" * 3_000_000})
    many = anyone.post(NEW, {"context": ["article"] * 2000})
    broken = anyone.post(NEW, b"\xff\x00", content_type="multipart/form-data; boundary=x")
    json = anyone.post(NEW, b"{}", content_type="application/json")
    nul = anyone.post(NEW, {"kind": "\x00", "text": "\x00", "email": "\x00", "context": "\x00"})

    assert [page.status_code for page in (huge, many, broken, json, nul)] == [413, 413, 400, 400, 400]
    assert anyone.put(NEW).status_code == 405


def test_while_nothing_can_be_saved_the_form_says_so_and_keeps_the_text(
    anyone: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    def read_only(*_args: Any, **_kwargs: Any) -> None:
        raise OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(IssueReport.objects, "create", read_only)

    page = anyone.post(NEW, GIVEN)

    assert page.status_code == 503
    assert "We cannot save anything at the moment." in words(page) and GIVEN["text"] in words(page)
    assert conf.get().contact_email in words(page)


def test_what_a_reader_writes_is_escaped_everywhere(anyone: Client, discussion: Discussion) -> None:
    hostile = "<script>alert(1)</script>\"'"
    Discussion.objects.update(title=hostile)
    given = {
        "kind": "other",
        "text": hostile,
        "email": hostile,
        "context": ["article", "window"],
        "fact_window": hostile,
    }

    again = anyone.post(f"{NEW}?discussion=story-1", given | {"text": hostile * 200})
    anyone.post(f"{NEW}?discussion=story-1", given)
    page = anyone.get(receipt(IssueReport.objects.get()))

    for response in (again, page):
        assert "<script>alert" not in response.content.decode()
        assert hostile in words(response) or "&lt;script&gt;" in response.content.decode()


# --- What goes along --------------------------------------------------------------------------------------------------


def test_only_what_is_ticked_goes_along(
    client: Client, reader: Commenter, discussion: Discussion, post: Callable[..., Comment]
) -> None:
    comment = post(reader)
    client.force_login(reader.user)
    agent = "Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0"
    where = f"{NEW}?discussion=story-1&comment={comment.pk}&code=too_fast&request=7f3a19c2"
    filled = GIVEN | {"fact_window": "412 × 915", "fact_last_refusal": "something else", "fact_browser": "mine"}

    client.post(where, filled | {"context": ["browser", "last_refusal", "no_such_fact"]}, headers={"User-Agent": agent})
    client.post(where, filled | {"context": ["article", "comment", "account", "window", "language"]})

    second, first = IssueReport.objects.all()
    assert set(first.context) == {"browser", "last_refusal"}
    assert first.context["browser"] == "Firefox 145 on Android 15"
    assert (first.browser, first.system, first.code) == ("Firefox 145", "Android 15", "too_fast")
    assert (second.browser, second.system, second.code) == ("", "", "")
    assert first.context["last_refusal"] == "too_fast, 7f3a19c2" and first.request_id == "7f3a19c2"
    assert (first.discussion, first.comment, first.reporter) == (None, None, None)
    assert set(second.context) == {"article", "comment", "account", "window"}
    assert (second.discussion, second.comment, second.reporter) == (discussion, comment, reader)
    assert second.request_id != "7f3a19c2"


def test_facts_only_a_script_knows_are_hidden_until_there_is_one(anyone: Client) -> None:
    html = anyone.get(NEW).content.decode()

    for name in ("window", "last_refusal", "errors_on_the_page"):
        assert f'data-fact="{name}" hidden' in html
    assert "<script>" not in html and "comments/issue.js" in html


def test_unknown_and_long_facts_are_cut(sent: Callable[..., IssueReport]) -> None:
    report = sent(context={"browser": "x" * 900, "password": "secret", "window": 7, "language": " "})

    assert report.context == {"browser": "x" * 500}


def test_a_report_is_never_about_a_comment_its_reporter_cannot_see(
    client: Client, reader: Commenter, discussion: Discussion, post: Callable[..., Comment], editor: Commenter
) -> None:
    discussions.configure(discussion, mode=Discussion.Mode.PREMODERATED)
    held = post(reader)
    client.force_login(editor.user)

    page = client.get(f"{NEW}?comment={held.pk}")
    client.post(f"{NEW}?comment={held.pk}", GIVEN | {"context": ["comment"]})

    assert f"{held.pk}, by" not in words(page)
    assert IssueReport.objects.get().comment is None


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 "
         "Safari/537.36 Edg/141.0.0.0", "Edge 141 on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
         "Version/18.1 Mobile/15E148 Safari/604.1", "Safari 18 on iPhone"),
        ("Mozilla/5.0 (Linux; Android 14; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 "
         "Chrome/121.0.0.0 Mobile Safari/537.36", "Samsung Internet 25 on Android 14"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0",
         "Firefox 145 on macOS"),
    ],
)  # fmt: skip
def test_browsers_are_named_in_words(agent: str, said: str) -> None:
    assert browser.described(agent) == said


def test_of_an_unknown_browser_nothing_is_kept() -> None:
    assert browser.described("curl/8.5.0") == ""
    assert browser.described("x" * 900) == ""
    assert browser.described("Something (X11; Linux x86_64)") == "Linux"
    assert browser.described("") == ""


# --- Answers first ----------------------------------------------------------------------------------------------------


def test_signed_out_readers_are_told_so_and_where_to_sign_in(discussion: Discussion) -> None:
    found = issues.diagnose(None, discussion)

    assert codes(found) == ["signed_out", "open", "checks_run"]
    assert found[0].main and found[0].action_url == "/accounts/login/?next=%2Fstories%2F1%2F%23comments"


def test_when_all_is_well_we_say_that_we_see_nothing_wrong(reader: Commenter, discussion: Discussion) -> None:
    found = issues.diagnose(reader, discussion)

    assert codes(found) == ["nothing_found", "open", "signed_in", "checks_run"]
    assert [one.tone for one in found] == ["plain", "good", "good", "good"]
    assert "mara" in found[2].text and "confirmed" not in found[2].text


def test_a_confirmed_address_is_said_to_be_confirmed(reader: Commenter) -> None:
    reader.contact_confirmed_at = timezone.now()

    assert "confirmed" in next(one.text for one in issues.diagnose(reader, None) if one.code == "signed_in")


def test_a_held_comment_is_the_answer_with_since_when_and_why(
    reader: Commenter, discussion: Discussion, post: Callable[..., Comment]
) -> None:
    comment = post(reader, "Look at https://elsewhere.example/page")
    [mine] = personal.in_discussion(reader, discussion)

    found = issues.diagnose(reader, discussion)

    first = found[0]
    assert (first.code, first.tone, first.main) == ("held_link", "wait", True)
    assert f"{timezone.localtime(mine.since):%H:%M}, because it contains a link." in first.text
    assert first.action_url == f"/comments/{comment.pk}/"


def test_a_rejected_comment_is_the_answer_with_its_reason(
    reader: Commenter,
    editor: Commenter,
    discussion: Discussion,
    post: Callable[..., Comment],
    decide: Callable[..., Any],
) -> None:
    decide(post(reader), "reject", editor, explanation="Please stay with the tram.")

    first = issues.diagnose(reader, discussion)[0]

    assert (first.code, first.tone) == ("rejected", "stop")
    assert "off topic" in first.text.lower() and "Please stay with the tram." in first.detail


def test_a_comment_that_is_still_being_checked_is_said_to_be_safe(
    reader: Commenter, discussion: Discussion, post: Callable[..., Comment]
) -> None:
    comment = post(reader)
    Comment.objects.filter(pk=comment.pk).update(status="received", is_shown=False)
    long_ago = timezone.now() - timedelta(minutes=5)
    Revision.objects.filter(comment=comment).update(status="received", created_at=long_ago)

    found = issues.diagnose(reader, discussion)

    assert codes(found)[:2] == ["received", "checks_slow"]
    assert "longer than usual" in found[0].detail and "safe" in found[0].detail


def test_the_comment_a_reader_came_from_comes_first_even_when_it_is_published(
    reader: Commenter, discussion: Discussion, post: Callable[..., Comment]
) -> None:
    published = post(reader)
    post(reader, "Look at https://elsewhere.example/page")

    found = issues.diagnose(reader, discussion, published)

    assert codes(found)[:2] == ["stale_view", "held_link"]


def test_comments_of_others_are_never_told(
    reader: Commenter, person: Callable[..., Commenter], discussion: Discussion, post: Callable[..., Comment]
) -> None:
    held = post(reader, "Look at https://elsewhere.example/page")

    for found in (issues.diagnose(person("tom"), discussion, held), issues.diagnose(None, discussion, held)):
        assert not {"held", "held_link", "stale_view", "rejected"} & set(codes(found))


def test_closed_comments_say_since_when_why_and_until_when(reader: Commenter, discussion: Discussion) -> None:
    opens = timezone.now() + timedelta(days=30)
    discussions.close(discussion, reason="The night is quiet.", opens_at=opens)

    first = issues.diagnose(reader, discussion)[0]

    assert (first.code, first.tone) == ("closed", "stop")
    assert f"since {timezone.localtime():%H}" in first.text
    assert first.detail.startswith("The night is quiet. They open again") and str(opens.year) in first.detail


def test_comments_that_closed_by_themselves_say_when(reader: Commenter, discussion: Discussion) -> None:
    discussions.configure(discussion, closes_at=timezone.now() - timedelta(days=2))

    first = issues.diagnose(reader, discussion)[0]

    assert first.code == "closed" and f"{timezone.now() - timedelta(days=2):%A}" in first.text


def test_who_posts_too_quickly_is_told_the_seconds_left(
    reader: Commenter, discussion: Discussion, post: Callable[..., Comment], settings: Any
) -> None:
    settings.COMMENTS = {**settings.COMMENTS, "POSTS_PER_MINUTE": 2}
    for number in range(2):
        post(reader, f"Sentence number {number} about the tram.")

    first = issues.diagnose(reader, discussion)[0]

    assert (first.code, first.tone) == ("too_fast", "wait")
    assert re.search(r"Please wait \d+ seconds?\.", first.text)
    assert Comment.objects.count() == 2


def test_a_slow_screening_is_said_to_everyone_with_its_time(
    reader: Commenter, discussion: Discussion, post: Callable[..., Comment]
) -> None:
    comment = post(reader)
    since = timezone.now() - timedelta(minutes=2)
    Revision.objects.filter(comment=comment).update(status="received", created_at=since)

    slow = next(one for one in issues.diagnose(None, discussion) if one.code == "checks_slow")

    assert slow.text == "Some comments take longer than usual to appear."
    assert f"{timezone.localtime(since):%H:%M}" in slow.detail


def test_the_form_begins_with_the_answers_and_ticks_what_is_likely(
    client: Client, reader: Commenter, discussion: Discussion, post: Callable[..., Comment]
) -> None:
    post(reader, "Look at https://elsewhere.example/page")
    client.force_login(reader.user)

    page = client.get(f"{NEW}?discussion=story-1")

    html = page.content.decode()
    assert html.index('data-code="held_link"') < html.index("<form class=") and 'value="vanished" checked' in html
    assert 'value="cannot_post" checked' in client.get(f"{NEW}?code=too_fast").content.decode()
    assert 'value="cannot_sign_in" checked' in client.get(f"{NEW}?code=not_signed_in").content.decode()


# --- The receipt ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["nothing", "a" * 43, "A-_9" * 40])
def test_a_wrong_token_opens_nothing(anyone: Client, sent: Callable[..., IssueReport], token: str) -> None:
    sent("Something private.")

    for page in (anyone.get(f"/comments/issues/{token}/"), anyone.post(f"/comments/issues/{token}/", {"text": "Hm."})):
        assert page.status_code == 404 and "Something private." not in words(page)
        assert "There is no report at this address." in words(page)
    assert IssueMessage.objects.count() == 1


def test_a_receipt_stays_private(anyone: Client, sent: Callable[..., IssueReport]) -> None:
    for address in (receipt(sent()), "/comments/issues/nothing/", NEW):
        page = anyone.get(address)

        assert page["Cache-Control"] == "private, no-store"
        assert page["Referrer-Policy"] == "no-referrer"
        assert page["X-Robots-Tag"] == "noindex"
        assert not page.cookies or address == NEW


def test_the_receipt_shows_what_went_along(anyone: Client, sent: Callable[..., IssueReport]) -> None:
    report = sent(kind="layout", context={"browser": "Firefox 145 on Android 15"})

    page = words(anyone.get(receipt(report)))

    assert "The page looks broken" in page and "Firefox 145 on Android 15" in page


def test_a_message_adds_to_the_report_and_opens_it_again(
    anyone: Client, sent: Callable[..., IssueReport], editor: Commenter
) -> None:
    report = sent()
    issues.close(report, editor)

    added = anyone.post(receipt(report), {"do": "add", "text": "It is back."})

    assert added.status_code == 303
    report.refresh_from_db()
    assert (report.state, report.closed_at) == ("open", None)
    assert report.messages.last().text == "It is back." and "It is back." in words(anyone.get(receipt(report)))


def test_a_refused_message_comes_back_with_its_text(anyone: Client, sent: Callable[..., IssueReport]) -> None:
    report = sent()

    page = anyone.post(receipt(report), {"do": "add", "text": "x" * 2001})

    assert page.status_code == 400 and "x" * 2001 in words(page)
    assert report.messages.count() == 1


def test_messages_are_limited_too(anyone: Client, sent: Callable[..., IssueReport], settings: Any) -> None:
    settings.COMMENTS = {**settings.COMMENTS, "ISSUES_PER_HOUR": 1}
    report = sent()

    assert anyone.post(receipt(report), {"text": "Once."}).status_code == 303
    assert anyone.post(receipt(report), {"text": "Twice."}).status_code == 429


def test_a_reader_says_solved_and_then_still_wrong(anyone: Client, sent: Callable[..., IssueReport]) -> None:
    report = sent()

    anyone.post(receipt(report), {"do": "solve"})
    anyone.post(receipt(report), {"do": "solve"})

    report.refresh_from_db()
    assert report.state == "solved" and report.closed_at is not None
    assert report.messages.filter(sender="system").count() == 1
    assert "Thank you for saying so." in words(anyone.get(receipt(report)))

    anyone.post(receipt(report), {"do": "reopen"})

    report.refresh_from_db()
    assert (report.state, report.closed_at) == ("open", None)


def test_the_newsroom_answers_on_the_receipt(
    anyone: Client, sent: Callable[..., IssueReport], editor: Commenter
) -> None:
    report = sent()

    issues.answer(report, "It is published now. Does it show for you?", editor)

    page = anyone.get(receipt(report))
    assert "The comments desk answered" in words(page) and "Does it show for you?" in words(page)
    assert "That solved it" in words(page) and "It is still wrong" in words(page)
    assert editor.name not in page.content.decode()


# --- Answers by mail --------------------------------------------------------------------------------------------------


@pytest.fixture
def answered(
    sent: Callable[..., IssueReport], editor: Commenter, django_capture_on_commit_callbacks: Any
) -> Callable[..., IssueMessage]:
    def make(email: str) -> IssueMessage:
        # The worker is told after the commit; here it is not there, as on a bad day.
        with django_capture_on_commit_callbacks():
            return issues.answer(sent(email=email), "It is published now.", editor)

    return make


def test_an_answer_is_mailed_once(answered: Callable[..., IssueMessage]) -> None:
    message = answered("mara@example.org")

    assert not send_mail(message.pk)
    for _twice in range(2):
        for pk in outbox.due():
            outbox.send(pk)

    [letter] = mail.outbox
    assert letter.to == ["mara@example.org"] and letter.body.startswith("It is published now.")
    assert letter.subject == f"Your report {message.report.number}: answered"


def test_an_address_that_no_mail_reaches_gets_none(sent: Callable[..., IssueReport], editor: Commenter) -> None:
    for email in ("", "mara@@example", "mara@example.org\r\nBcc: everyone@example.org"):
        issues.answer(sent(email=email), "It is published now.", editor)

    assert not any("\n" in each.to for each in Delivery.objects.all())
    assert Delivery.objects.filter(to__contains="@@").count() == 0


def test_an_address_the_mail_server_refuses_is_said_on_the_receipt(
    answered: Callable[..., IssueMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: Any, **_kwargs: Any) -> None:
        raise SMTPRecipientsRefused({})

    monkeypatch.setattr(outbox, "_send_mail", refuse)
    message = answered("gone@example.org")

    assert not outbox.send(Delivery.objects.get().pk)
    for _twice in range(2):
        send_answers()

    assert [each.text for each in message.report.messages.filter(sender="system")] == [
        "Our mail to the address you gave did not get through. The answer stands here."
    ]


def test_an_answer_that_has_no_mail_yet_is_found(answered: Callable[..., IssueMessage]) -> None:
    message = answered("mara@example.org")
    Delivery.objects.all().delete()
    IssueMessage.objects.filter(pk=message.pk).update(created_at=timezone.now() - timedelta(minutes=5), mailed_at=None)
    assert due() == [message.pk]

    send_answers()

    assert due() == [] and Delivery.objects.get().to == "mara@example.org"
