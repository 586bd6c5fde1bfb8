"""Writing in a real Chromium: guests, advice before posting, drafts that survive, lost networks and lost sessions."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.browsers import ROOT, STORY, Site, Window, api

pytestmark = pytest.mark.services

GUESTS = "/articles/open-the-library-on-sundays/"
"""A story in a section where people without an account may write."""
POST = re.compile(r".*/comments/post/")


def slip(page: Any, words: str) -> Any:
    return page.locator("[data-mine] .comment", has_text=words)


def everyones(page: Any, words: str) -> Any:
    return page.locator("[data-stream] .comment", has_text=words)


def until(page: Any, true: Callable[[], bool]) -> None:
    """Wait for ``true`` without evaluating text in the page, which its Content-Security-Policy forbids."""
    last = time.monotonic() + 10
    while not true():
        assert time.monotonic() < last, "it did not come true"
        page.wait_for_timeout(50)


def box(page: Any) -> str:
    return str(page.input_value("#comment-text"))


def waits(page: Any, words: str) -> None:
    slip(page, words).get_by_text(re.compile(r"Waiting for an editor since \d\d:\d\d, because ")).wait_for()


def written(site: Site, words: str) -> int:
    """Return how many comments there are with these words, whoever sees them."""
    code = f"from comments.models import Revision; print(Revision.objects.filter(text__contains={words!r}).count())"
    ran = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", code],
        cwd=ROOT,
        env=site.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(ran.stdout.split()[-1])


# --- Guests -----------------------------------------------------------------------------------------------------------


def test_a_guest_posts_with_a_sum_done_in_a_worker_and_sees_it_wait(window: Callable[..., Window], site: Site) -> None:
    guest, other = window(story=GUESTS), window(story=GUESTS)
    asked: list[str] = []
    guest.page.on("request", lambda request: asked.append(request.url))
    assert not any("guests" in url or "sum" in url for url in asked), "nothing before it is needed"
    guest.page.fill("#guest-name", "Piet")

    guest.page.locator("#comment-text").press_sequentially("The reading room, on Sundays.")
    guest.page.click("[data-post]")

    waits(guest.page, "The reading room")
    assert sum(url.endswith("/guests/sum/") for url in asked) == 1 and any(url.endswith("/sum.js") for url in asked)
    assert {url.split("/")[2] for url in asked} == {site.base.split("/")[2]}, "nobody else is asked"
    guest.page.reload()
    waits(guest.page, "The reading room")
    assert guest.page.input_value("#guest-name") == "Piet"
    other.page.reload()
    assert slip(other.page, "The reading room").count() == everyones(other.page, "The reading room").count() == 0
    assert guest.page.evaluate("document.cookie").find("comments_guest") == -1
    assert guest.complaints == other.complaints == []


def test_a_guest_is_told_without_a_reload_when_an_editor_has_published_it(
    window: Callable[..., Window], site: Site
) -> None:
    guest = window(story=GUESTS)
    guest.page.fill("#guest-name", "Anneke")
    guest.page.fill("#comment-text", "Open it before school, too.")
    guest.page.click("[data-post]")
    waits(guest.page, "Open it before school")
    number = int((slip(guest.page, "Open it before").get_attribute("id") or "").rpartition("-")[2])

    card = api(site, "editor", f"moderation/comments/{number}/", {}, method="GET")
    api(site, "editor", f"moderation/comments/{number}/decisions/", {"verdict": "publish", "version": card["version"]})

    everyones(guest.page, "Open it before school").get_by_text("Guest", exact=True).wait_for(timeout=20_000)
    assert slip(guest.page, "Open it before school").count() == 0


def test_a_second_comment_needs_a_second_sum_and_gets_it(window: Callable[..., Window]) -> None:
    guest = window(story=GUESTS)
    guest.page.fill("#guest-name", "Joost")
    for words in ("The lift is out of order again.", "And so is the printer, by the way."):
        guest.page.fill("#comment-text", words)
        guest.page.click("[data-post]")
        waits(guest.page, words)

    guest.page.reload()
    assert slip(guest.page, "").count() == 2
    assert guest.complaints == []


def test_a_guest_without_javascript_waits_and_presses_again(window: Callable[..., Window]) -> None:
    guest = window(story=GUESTS, java_script_enabled=False)
    guest.page.fill("#guest-name", "Saskia")
    guest.page.fill("#comment-text", "Written by a form alone.")

    guest.page.click("[data-post]")
    guest.page.get_by_text("Nothing was posted yet. Read it once more").wait_for()
    assert guest.page.input_value("#guest-name") == "Saskia"
    assert guest.page.input_value("#comment-text") == "Written by a form alone."
    guest.page.click("[data-post]")
    guest.page.get_by_text(re.compile(r"Please wait \d+ more seconds?, then press the button again\.")).wait_for()
    time.sleep(10)
    guest.page.click("[data-post]")

    assert re.search(GUESTS + r"#comment-\d+$", guest.page.url)
    until = time.monotonic() + 15
    while not guest.page.get_by_text("Waiting for an editor").count() and time.monotonic() < until:
        time.sleep(0.3)
        guest.page.reload()
    waits(guest.page, "Written by a form alone.")
    slip(guest.page, "Written by a form alone.").get_by_text("Withdraw").click()
    guest.page.click("main form button[type=submit]")
    guest.page.goto(GUESTS)
    assert slip(guest.page, "Written by a form").count() == 0


def test_a_browser_that_cannot_do_the_sum_is_not_locked_out(window: Callable[..., Window]) -> None:
    guest = window(story=GUESTS)
    guest.page.add_init_script("delete window.Worker")
    guest.page.reload()
    guest.page.fill("#guest-name", "Wim")
    guest.page.fill("#comment-text", "From an old browser.")

    guest.page.click("[data-post]")

    guest.page.get_by_text("Nothing was posted yet. Read it once more").wait_for()
    assert guest.page.input_value("#comment-text") == "From an old browser."
    time.sleep(10.5)
    guest.page.click("[data-post]")
    guest.page.wait_for_url(re.compile(GUESTS + r"#comment-\d+$"))
    waits(guest.page, "From an old browser.")


def test_a_name_that_imitates_the_newsroom_is_refused_and_the_text_stays(window: Callable[..., Window]) -> None:
    guest = window(story=GUESTS)
    guest.page.fill("#guest-name", "Ines Okafor")
    guest.page.fill("#comment-text", "I speak for the paper.")

    guest.page.click("[data-post]")

    guest.page.get_by_text("This name could be taken for the newsroom's.").wait_for()
    assert guest.page.input_value("#comment-text") == "I speak for the paper."


# --- Advice before posting --------------------------------------------------------------------------------------------


def test_what_would_wait_is_said_once_and_can_be_changed(window: Callable[..., Window], site: Site) -> None:
    author = window("reader1")
    author.page.fill("#comment-text", "The figures: https://example.org/nudged")

    author.page.click("[data-post]")

    nudge = author.page.locator("[data-nudge]")
    nudge.get_by_text("An editor would have to read this before others can.").wait_for()
    assert nudge.locator("q").all_inner_texts() == ["https://example.org/nudged"] or "example.org" in nudge.inner_text()
    assert author.page.evaluate("document.activeElement.textContent") == "Change it"
    assert written(site, "https://example.org/nudged") == 0
    author.page.keyboard.press("Enter")
    assert author.page.evaluate("document.activeElement.id") == "comment-text"
    author.page.fill("#comment-text", "The figures are on the council's site, under nudged.")
    author.page.click("[data-post]")
    everyones(author.page, "under nudged").wait_for()
    assert author.complaints == []


def test_post_anyway_posts_it_as_it_is(window: Callable[..., Window]) -> None:
    author = window("reader1")
    author.page.fill("#comment-text", "As it is: https://example.org/anyway")
    author.page.click("[data-post]")

    author.page.get_by_role("button", name="Post anyway").click()

    waits(author.page, "example.org/anyway")


@pytest.mark.parametrize("how", ["Post anyway", "Post comment"])
def test_advice_is_given_without_javascript_too(window: Callable[..., Window], how: str) -> None:
    author = window("reader2", java_script_enabled=False)
    words = f"By form, {how}: https://example.org/form"
    author.page.fill("#comment-text", words)
    author.page.click("[data-post]")
    author.page.get_by_text("An editor would have to read this before others can.").wait_for()
    assert author.page.input_value("#comment-text") == words

    author.page.get_by_role("button", name=how).click()

    author.page.wait_for_url(re.compile(STORY + r"#comment-\d+$"))
    slip(author.page, words).first.wait_for()
    assert slip(author.page, words).count() == 1


def test_the_newsroom_is_not_advised(window: Callable[..., Window]) -> None:
    editor = window("editor")
    editor.page.fill("#comment-text", "The minutes: https://example.org/by-staff")

    editor.page.click("[data-post]")

    editor.page.locator(".comment", has_text="by-staff").first.wait_for()
    assert editor.page.locator("[data-nudge]").count() == 0


# --- Drafts -----------------------------------------------------------------------------------------------------------


def test_each_comment_that_is_answered_has_a_draft_of_its_own(window: Callable[..., Window]) -> None:
    author = window("reader1")
    author.page.evaluate("localStorage.clear()")
    page = author.page
    replies = page.locator("[data-stream] a[data-reply]")
    page.fill("#comment-text", "To everyone, half")
    replies.first.click()
    assert page.input_value("#comment-text") == ""
    page.keyboard.type("To the first, half")
    replies.nth(1).click()
    page.keyboard.type("To the second, half")
    page.get_by_text("Draft kept on this device.").wait_for()

    page.reload()

    assert page.input_value("#comment-text") == "To everyone, half"
    replies.first.click()
    assert page.input_value("#comment-text") == "To the first, half"
    replies.nth(1).click()
    assert page.input_value("#comment-text") == "To the second, half"
    page.click("[data-cancel-reply]")
    assert page.input_value("#comment-text") == "To everyone, half"


def test_a_closed_tab_loses_nothing(window: Callable[..., Window]) -> None:
    author = window("reader2")
    author.page.evaluate("localStorage.clear()")
    author.page.locator("#comment-text").press_sequentially("Closed at once")
    author.page.close(run_before_unload=True)

    again = author.page.context.new_page()
    again.goto(STORY)

    assert again.input_value("#comment-text") == "Closed at once"


def test_going_back_to_the_page_finds_the_text(window: Callable[..., Window]) -> None:
    author = window("reader1")
    author.page.evaluate("localStorage.clear()")
    author.page.locator("#comment-text").press_sequentially("Before I looked something up")
    author.page.goto("/")

    author.page.go_back()

    author.page.locator("#comment-text").wait_for()
    assert author.page.input_value("#comment-text") == "Before I looked something up"


def test_two_tabs_share_a_draft_and_neither_destroys_the_others(window: Callable[..., Window]) -> None:
    one = window("reader1").page
    one.evaluate("localStorage.clear()")
    one.goto(STORY)
    two = one.context.new_page()
    two.goto(STORY)

    one.fill("#comment-text", "Begun in the first tab")
    until(two, lambda: box(two) == "Begun in the first tab")
    one.evaluate("document.querySelector('#comment-text').value += ', and'")
    two.evaluate("document.querySelector('#comment-text').value = 'Quite another text'")
    two.locator("#comment-text").dispatch_event("input")
    two.get_by_text("Draft kept on this device.").wait_for()
    one.locator("#comment-text").press_sequentially(" gone on with")
    until(one, lambda: "gone on with" in one.evaluate("JSON.stringify(Object.values(localStorage))"))

    kept = one.evaluate("JSON.stringify(Object.values(localStorage))")
    assert "Quite another text" in kept and "Begun in the first tab, and gone on with" in kept


def test_what_is_posted_in_one_tab_leaves_the_other(window: Callable[..., Window]) -> None:
    one = window("reader2").page
    one.evaluate("localStorage.clear()")
    one.goto(STORY)
    two = one.context.new_page()
    two.goto(STORY)
    one.fill("#comment-text", "Posted once, from one tab.")
    until(two, lambda: box(two) != "")

    one.click("[data-post]")

    everyones(one, "Posted once, from one tab.").wait_for()
    until(two, lambda: box(two) == "")


@pytest.mark.parametrize("status", [413, 500, 502])
def test_an_error_of_the_server_keeps_the_text_and_the_next_press_posts_once(
    window: Callable[..., Window], site: Site, status: int
) -> None:
    author = window("reader1")
    words = f"Sent into a {status}."
    author.page.fill("#comment-text", words)
    author.page.route(POST, lambda route: route.fulfill(status=status, body="<h1>broken</h1>"), times=1)

    author.page.click("[data-post]")

    author.page.get_by_text("Something went wrong on our side, and nothing was posted.").wait_for()
    assert author.page.input_value("#comment-text") == words
    author.page.click("[data-post]")
    everyones(author.page, words).wait_for()
    assert written(site, words) == 1


def test_an_answer_that_got_lost_is_no_second_comment_and_a_changed_text_is_one(
    window: Callable[..., Window], site: Site
) -> None:
    author = window("reader2")

    def lose(route: Any) -> None:
        route.fetch()
        route.abort()

    author.page.fill("#comment-text", "Answered into nothing.")
    author.page.route(POST, lose, times=1)
    author.page.click("[data-post]")
    author.page.get_by_text("Something went wrong on our side").wait_for()
    author.page.reload()
    assert author.page.input_value("#comment-text") == "Answered into nothing."
    author.page.click("[data-post]")
    everyones(author.page, "Answered into nothing.").wait_for()
    assert written(site, "Answered into nothing.") == 1

    author.page.fill("#comment-text", "Lost a second time.")
    author.page.route(POST, lose, times=1)
    author.page.click("[data-post]")
    author.page.get_by_text("Something went wrong on our side").wait_for()
    author.page.fill("#comment-text", "Something different after all.")
    author.page.click("[data-post]")
    everyones(author.page, "Something different after all.").wait_for()


# --- Sessions and tokens ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_script", [True, False])
def test_an_ended_session_asks_to_sign_in_and_then_one_press_posts(
    window: Callable[..., Window], site: Site, with_script: bool
) -> None:
    page = window("reader1", java_script_enabled=with_script).page
    words = f"Written before the session ended, {with_script}."
    if with_script:
        page.evaluate("localStorage.clear()")
    page.goto(STORY)
    reply = page.locator("[data-stream] a[data-reply]").first
    parent = re.search(r"parent=(\d+)", reply.get_attribute("href") or "")
    assert parent
    reply.click()
    page.fill("#comment-text", words)
    page.context.clear_cookies()

    page.click("[data-post]")
    page.get_by_text("You have been signed out.").wait_for()
    assert page.input_value("#comment-text") == words
    page.locator("[data-notice]").get_by_role("link", name="Sign in").click()
    page.fill("[name=login]", "reader1")
    page.fill("[name=password]", site.accounts["reader1"]["password"])
    page.click("main form[method=post] button[type=submit]")

    page.wait_for_url(lambda url: "/login/" not in url)
    assert page.input_value("#comment-text") == words
    assert page.input_value("[name=parent]") == parent[1]
    page.click("[data-post]")
    page.locator(".comment", has_text=words).first.wait_for()
    page.goto(STORY)
    assert page.input_value("#comment-text") == ""
    assert written(site, words) == 1


def test_a_request_nothing_vouches_for_gets_its_token_and_is_posted(window: Callable[..., Window], site: Site) -> None:
    author = window("reader2")
    sent: list[int] = []

    def stripped(route: Any) -> None:
        headers = {
            name: value
            for name, value in route.request.all_headers().items()
            if name not in ("origin", "referer", "content-length") and not name.startswith("sec-") and name[0] != ":"
        }
        answer = route.fetch(headers=headers)
        sent.append(answer.status)
        route.fulfill(response=answer)

    author.page.fill("#comment-text", "Through a proxy that says nothing.")
    author.page.route(POST, stripped)
    author.page.evaluate("document.querySelector('#comment-form [name=csrfmiddlewaretoken]').value = 'old'")

    author.page.click("[data-post]")

    everyones(author.page, "Through a proxy that says nothing.").wait_for()
    assert sent[0] == 403 and sent[1] in (201, 202)


# --- No network -------------------------------------------------------------------------------------------------------


def test_offline_a_text_is_sent_by_itself_only_with_consent(window: Callable[..., Window], site: Site) -> None:
    author = window("reader1")
    page = author.page
    page.evaluate("localStorage.clear()")
    page.fill("#comment-text", "From the tunnel, not agreed.")
    page.context.set_offline(True)
    page.click("[data-post]")
    page.get_by_text("You are offline. Your text is safe on this device.").wait_for()
    page.context.set_offline(False)
    page.wait_for_timeout(1500)
    assert written(site, "not agreed") == 0
    assert page.input_value("#comment-text") == "From the tunnel, not agreed."

    page.fill("#comment-text", "From the tunnel, agreed.")
    page.context.set_offline(True)
    page.click("[data-post]")
    page.get_by_label("Post it by itself as soon as I am connected again").check()
    page.context.set_offline(False)

    everyones(page, "From the tunnel, agreed.").wait_for()
    assert page.input_value("#comment-text") == ""
    assert written(site, "From the tunnel, agreed.") == 1


def test_with_two_tabs_and_consent_it_is_sent_once(window: Callable[..., Window], site: Site) -> None:
    one = window("reader2").page
    one.evaluate("localStorage.clear()")
    one.goto(STORY)
    two = one.context.new_page()
    two.goto(STORY)
    one.context.set_offline(True)
    one.fill("#comment-text", "Two tabs, one comment.")
    one.click("[data-post]")
    one.get_by_label("Post it by itself as soon as I am connected again").check()

    one.context.set_offline(False)

    until(one, lambda: box(one) == "")
    until(two, lambda: box(two) == "")
    one.wait_for_timeout(1500)
    assert written(site, "Two tabs, one comment.") == 1


def test_consent_given_in_a_tab_that_was_closed_holds_on_the_next_visit(
    window: Callable[..., Window], site: Site
) -> None:
    author = window("reader1")
    author.page.evaluate("localStorage.clear()")
    author.page.fill("#comment-text", "Sent by the next visit.")
    author.page.context.set_offline(True)
    author.page.click("[data-post]")
    author.page.get_by_label("Post it by itself as soon as I am connected again").check()
    author.page.close()
    author.page.context.set_offline(False)

    again = author.page.context.new_page()
    again.goto(STORY)

    everyones(again, "Sent by the next visit.").first.wait_for()
    assert written(site, "Sent by the next visit.") == 1


# --- Pasting, looks and sizes -----------------------------------------------------------------------------------------


def test_pasted_html_is_shown_clean_by_the_same_path(window: Callable[..., Window]) -> None:
    author = window("reader1")
    pasted = '<b onclick="alert(1)">Bold</b> and <img src=x onerror=alert(2)> <a href="javascript:alert(3)">a link</a>'
    author.page.focus("#comment-text")
    author.page.evaluate(
        """(html) => {
            const data = new DataTransfer();
            data.setData("text/html", html);
            data.setData("text/plain", html);
            const box = document.activeElement;
            box.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
            document.execCommand("insertText", false, html);
        }""",
        pasted,
    )
    assert author.page.input_value("#comment-text") == pasted

    author.page.get_by_role("button", name="Preview").click()

    preview = author.page.locator("[data-preview] .comment-preview")
    preview.wait_for()
    assert re.sub(" +", " ", preview.inner_html().strip()) == "<p><strong>Bold</strong> and a link</p>"
    assert author.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_in_the_box_of_a_guest_or_in_advice(
    window: Callable[..., Window], scheme: str, width: int
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    size = {"width": width, "height": 900}
    guest = window(story=GUESTS, viewport=size, color_scheme=scheme)
    reader = window("reader2", viewport=size, color_scheme=scheme)
    reader.page.fill("#comment-text", "The figures: https://example.org/axe")
    reader.page.click("[data-post]")
    reader.page.locator("[data-nudge]").wait_for()

    for page in (guest.page, reader.page):
        found = Axe().run(page, options={"resultTypes": ["violations"]})
        assert found.response["violations"] == [], json.dumps(found.response["violations"], indent=1)[:3000]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
