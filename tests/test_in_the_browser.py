"""The demonstration in a real Chromium: two readers, with and without JavaScript."""

from __future__ import annotations

import re
import time
import urllib.error
from collections.abc import Callable
from typing import Any

import pytest

from tests.browsers import STORY, Site, Window, api

pytestmark = pytest.mark.services

QUIET_STORY = "/articles/the-keepers-wife-review/"
"""A story nobody has commented on."""


def slip(page: Any, words: str) -> Any:
    return page.locator("[data-mine] .comment", has_text=words)


def everyones(page: Any, words: str) -> Any:
    return page.locator("[data-stream] .comment", has_text=words)


def test_a_post_is_seen_by_its_author_and_by_a_second_reader_without_a_reload(window: Callable[..., Window]) -> None:
    author, other = window("reader1"), window("reader2")
    words = "The 02:52 was full of bakers."
    stays = other.page.locator("[data-stream] .comment").first.bounding_box()

    author.page.fill("#comment-text", words)
    author.page.click("[data-post]")

    everyones(author.page, words).wait_for()
    assert author.page.input_value("#comment-text") == ""
    assert slip(author.page, words).count() == 0
    assert author.page.locator("[data-live][data-new]").count() == 0
    other.page.locator("[data-live-text]", has_text="1 new comment").wait_for()
    assert everyones(other.page, words).count() == 0
    assert other.page.locator("[data-stream] .comment").first.bounding_box() == stays
    other.page.click("[data-live] a")
    everyones(other.page, words).wait_for()
    assert other.page.inner_text("[data-total]") == author.page.inner_text("[data-total]")
    assert author.complaints == other.complaints == []


def test_the_first_comment_of_all_appears_for_everyone_by_itself(window: Callable[..., Window]) -> None:
    author, stranger = window("reader1", story=QUIET_STORY), window(story=QUIET_STORY)
    stranger.page.get_by_text("No one has written yet.").wait_for()

    author.page.fill("#comment-text", "The lamp room alone is worth the climb.")
    author.page.click("[data-post]")

    everyones(stranger.page, "The lamp room alone").wait_for()
    assert stranger.page.inner_text("[data-total]") == "1"
    assert stranger.complaints == []


def test_a_held_comment_stays_with_its_author_and_says_why(window: Callable[..., Window]) -> None:
    author, other = window("reader1"), window("reader2")

    author.page.fill("#comment-text", "Minutes: https://example.net/minutes")
    author.page.click("[data-post]")
    author.page.get_by_role("button", name="Post anyway").click()

    said = re.compile(r"Waiting for an editor since \d\d:\d\d, because it contains a link\.")
    slip(author.page, "example.net").get_by_text(said).wait_for()
    author.page.reload()
    slip(author.page, "example.net").first.wait_for()
    assert slip(author.page, "example.net").count() == 1
    other.page.reload()
    assert everyones(other.page, "example.net").count() == 0


def test_a_reply_is_written_under_what_it_answers_and_appears_there(window: Callable[..., Window]) -> None:
    author = window("reader1")
    first = author.page.locator("[data-stream] > ol > li").first
    first.locator("a[data-reply]").first.click()

    assert first.locator("form[data-composer]").count() == 1
    assert author.page.evaluate("document.activeElement.id") == "comment-text"
    author.page.keyboard.type("An answer from the east bank.")
    author.page.click("[data-post]")

    first.locator(".comment-replies .comment", has_text="An answer from the east bank.").wait_for()
    assert author.page.locator(".comment-intro form[data-composer]").count() == 1
    assert author.complaints == []


def test_a_reply_being_written_survives_news(window: Callable[..., Window]) -> None:
    writer, other = window("reader1"), window("reader2")
    writer.page.locator("[data-stream] a[data-reply]").first.click()
    writer.page.keyboard.type("Half a sent")

    other.page.fill("#comment-text", "News while someone is writing.")
    other.page.click("[data-post]")
    writer.page.locator("[data-live-text]", has_text="1 new comment").wait_for()
    writer.page.click("[data-live] a")

    everyones(writer.page, "News while someone").wait_for()
    assert writer.page.input_value("#comment-text") == "Half a sent"
    assert writer.page.locator("[data-stream] form[data-composer]").count() == 1


def test_the_page_works_without_javascript(window: Callable[..., Window]) -> None:
    author, other = window("reader1", java_script_enabled=False), window("reader2", java_script_enabled=False)
    words = "Written with a form and nothing else."

    author.page.fill("#comment-text", words)
    author.page.click("[data-post]")

    assert re.search(STORY + r"#comment-\d+$", author.page.url)
    until = time.monotonic() + 15
    while not everyones(author.page, words).count() and time.monotonic() < until:
        slip(author.page, words).first.wait_for()
        assert slip(author.page, words).count() == 1
        time.sleep(0.3)
        author.page.reload()
    assert everyones(author.page, words).count() == 1
    other.page.reload()
    assert everyones(other.page, words).count() == 1
    everyones(other.page, words).locator("button[name=kind]").click()
    assert re.search(STORY + r"#comment-\d+$", other.page.url)


def test_a_draft_survives_a_reload_and_goes_when_it_is_posted(window: Callable[..., Window]) -> None:
    author = window("reader1")
    author.page.fill("#comment-text", "A thought that is not finish")
    author.page.get_by_text("Draft kept on this device.").wait_for()

    author.page.reload()
    assert author.page.input_value("#comment-text") == "A thought that is not finish"

    author.page.fill("#comment-text", "A thought that is finished now.")
    author.page.click("[data-post]")
    everyones(author.page, "A thought that is finished").wait_for()
    author.page.reload()
    assert author.page.input_value("#comment-text") == ""


def test_a_lost_network_keeps_the_text_and_says_where_it_is(window: Callable[..., Window]) -> None:
    author = window("reader1")
    author.page.fill("#comment-text", "Sent from a tunnel.")
    author.page.context.set_offline(True)

    author.page.click("[data-post]")

    author.page.get_by_text("You are offline. Your text is safe on this device.").wait_for()
    assert author.page.input_value("#comment-text") == "Sent from a tunnel."
    author.page.context.set_offline(False)
    author.page.click("[data-post]")
    everyones(author.page, "Sent from a tunnel.").wait_for()


def test_a_session_that_ended_keeps_the_text(window: Callable[..., Window]) -> None:
    author = window("reader1")
    author.page.fill("#comment-text", "Written before the session ended.")
    author.page.context.clear_cookies()

    author.page.click("[data-post]")

    author.page.get_by_text("You have been signed out.").wait_for()
    assert author.page.input_value("#comment-text") == "Written before the session ended."


def test_a_like_is_pressed_and_taken_back_in_place(window: Callable[..., Window]) -> None:
    author, reader = window("reader1"), window("reader2")
    author.page.fill("#comment-text", "Worth a like, perhaps.")
    author.page.click("[data-post]")
    everyones(author.page, "Worth a like").wait_for()
    reader.page.reload()
    like = everyones(reader.page, "Worth a like").locator("button[name=kind]")

    like.click()
    liked = everyones(reader.page, "Worth a like").locator("[aria-pressed=true]")
    liked.get_by_text("1").wait_for()
    reader.page.reload()
    assert like.get_attribute("aria-pressed") == "true"
    like.click()
    liked.wait_for(state="detached")
    assert reader.complaints == []


def test_formatting_wraps_what_is_chosen_and_the_preview_shows_it(window: Callable[..., Window]) -> None:
    author = window("reader1")
    author.page.fill("#comment-text", "night tram")
    author.page.locator("#comment-text").select_text()
    author.page.get_by_role("button", name="Bold").click()
    assert author.page.input_value("#comment-text") == "**night tram**"

    author.page.get_by_role("button", name="Preview").click()

    author.page.locator("[data-preview] strong", has_text="night tram").wait_for()
    assert author.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_in_the_section(window: Callable[..., Window], scheme: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    reader = window("reader1", color_scheme=scheme, viewport={"width": width, "height": 900})
    for menu in reader.page.locator(".comment-menu summary").all()[:1]:
        menu.click()

    found = Axe().run(reader.page, context="#comments").response["violations"]

    assert [(rule["id"], [node["html"][:200] for node in rule["nodes"]]) for rule in found] == []
    assert reader.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


DESK = "/admin/comments/desk/"


@pytest.fixture(scope="module")
def policy(site: Site) -> int:
    """Give the pages something to show: a phrase, a tried rule, a setting, a report. Return an answer that waits."""

    api(site, "editor", "moderation/phrases/", {"phrase": "paid troll", "kind": "suspect"})
    definition = {
        "when": {"all": [{"field": "comment.links", "is": "at_least", "value": 1}]},
        "then": [{"do": "hold"}],
    }
    rule = api(site, "editor", "moderation/rules/", {"name": "Links", "definition": definition})
    api(site, "editor", f"moderation/rules/{rule['id']}/trial/", {"days": 30})
    api(site, "editor", "moderation/settings/hold_first/", {"value": 2, "section": "opinion"}, "PUT")
    key = "articles.article%3A1"
    api(
        site,
        "reader1",
        f"discussions/{key}/comments/",
        {"text": "Every p4id troll says so; ring 0171 2345678 and ask."},
    )
    number = api(site, "reader2", f"discussions/{key}/comments/", {"text": "The ferry was quicker, and it had a bar."})[
        "id"
    ]
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            api(site, "reader1", f"comments/{number}/flags/", {"reason": "off_topic"})
            break
        except urllib.error.HTTPError:
            time.sleep(0.2)
    else:
        pytest.fail("the comment was not published")
    answer = {"text": "A bar, and a paid troll behind it.", "parent": number}
    return int(api(site, "reader1", f"discussions/{key}/comments/", answer)["id"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_on_the_pages_of_screening(
    window: Callable[..., Window], policy: int, scheme: str, width: int
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    editor = window("editor", story=DESK, color_scheme=scheme, viewport={"width": width, "height": 900})
    queues = ("", f"?open={policy}", "?queue=reported", "?queue=audit")
    for address in (*queues, "phrases/", "settings/", "rules/", "rules/1/", "model/"):
        editor.page.goto(f"{DESK}{address}")

        found = Axe().run(editor.page, context="#desk").response["violations"]

        assert [(address, rule["id"], [node["html"][:200] for node in rule["nodes"]]) for rule in found] == []
        assert editor.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
    assert editor.complaints == []


@pytest.mark.parametrize("javascript", [True, False])
def test_a_reader_reports_a_comment(window: Callable[..., Window], site: Site, javascript: bool) -> None:
    from axe_playwright_python.sync_playwright import Axe

    words = f"Written by somebody else, {'with' if javascript else 'without'} a report to come."
    number = api(site, "moderator", "discussions/articles.article%3A1/comments/", {"text": words})["id"]
    reader = window("reader2" if javascript else "reader1", java_script_enabled=javascript)
    until = time.monotonic() + 20
    while not reader.page.get_by_label("spam").count() and time.monotonic() < until:
        reader.page.goto(f"/comments/{number}/flag/")
    if javascript:
        found = Axe().run(reader.page, context="main").response["violations"]
        assert [(rule["id"], [node["html"][:200] for node in rule["nodes"]]) for rule in found] == []

    reader.page.get_by_label("spam").check()
    reader.page.locator("main form[method=post] button[type=submit]").click()

    reader.page.get_by_text("An editor will look at it").wait_for()


def test_an_author_appeals_another_editor_overturns_and_the_author_sees_it(
    window: Callable[..., Window], site: Site
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    def clean(page: Any, context: str) -> None:
        found = Axe().run(page, context=context).response["violations"]
        assert [(rule["id"], [node["html"][:200] for node in rule["nodes"]]) for rule in found] == []

    words = "Who owns the taxi firm that gets the night contract?"
    number = api(site, "reader1", "discussions/articles.article%3A1/comments/", {"text": words})["id"]
    reader = window("reader1")
    until = time.monotonic() + 20
    while api(site, "reader1", f"comments/{number}/", {}, "GET")["status"] == "received":
        assert time.monotonic() < until
        time.sleep(0.3)
    seen = api(site, "moderator", f"moderation/comments/{number}/", {}, "GET")
    verdict = {"verdict": "reject", "reason": "off_topic", "version": seen["version"]}
    api(site, "moderator", f"moderation/comments/{number}/decisions/", verdict)

    # The author, without JavaScript, from the comment to the appeal.
    plain = window("reader1", java_script_enabled=False)
    plain.page.goto(f"/comments/{number}/")
    plain.page.get_by_role("link", name="Appeal", exact=True).first.click()
    plain.page.get_by_text("No: an editor decided.").wait_for()
    plain.page.fill("[name=text]", "Your own article of 3 October says who it is.")
    plain.page.get_by_role("button", name="Send the appeal").click()
    plain.page.get_by_text("Your appeal waits since").first.wait_for()

    # The editor who decided is not shown it; another one is, and overturns with the keyboard.
    decided = window("moderator", story="/admin/comments/desk/appeals/")
    assert decided.page.get_by_text("Your own article of 3 October").count() == 0
    editor = window("editor", story="/admin/comments/desk/appeals/")
    editor.page.get_by_text("Your own article of 3 October").wait_for()
    clean(editor.page, "#desk")
    editor.page.fill("[name=ruling]", "You are right: we printed it. Your comment is back.")
    editor.page.locator("h1").click()
    editor.page.keyboard.press("o")
    editor.page.get_by_text("Overturned: Mara Lindqvist is told.").wait_for()

    # Everybody reads the comment, its author reads why, and so does the editor who had decided.
    reader.page.goto(f"/comments/{number}/appeal/")
    reader.page.get_by_text("Overturned by another editor").wait_for()
    clean(reader.page, ".comment-root")
    reader.page.goto("/comments/me/")
    reader.page.get_by_text("You are right: we printed it.").first.wait_for()
    assert api(site, "reader2", f"comments/{number}/", {}, "GET")["status"] == "published"
    decided.page.reload()
    decided.page.get_by_text("You are right: we printed it.").wait_for()
    assert editor.complaints == [] and reader.complaints == []


# --- An editor in the article ----------------------------------------------------------------------------------------


def held_here(window: Callable[..., Window], words: str) -> None:
    """Let a reader write something under the story that waits for an editor."""
    author = window("reader2")
    author.page.fill("#comment-text", f"{words} https://example.net/elsewhere")
    author.page.click("[data-post]")
    author.page.get_by_role("button", name="Post anyway").click()
    author.page.get_by_text(re.compile("Waiting for an editor since")).first.wait_for()


@pytest.mark.parametrize("javascript", [True, False])
def test_an_editor_decides_in_the_article_and_takes_it_back(window: Callable[..., Window], javascript: bool) -> None:
    words = f"The keeper of the lamp, {'with' if javascript else 'without'} script."
    held_here(window, words)
    editor = window("moderator", java_script_enabled=javascript)
    place = editor.page.locator("[data-stream] .comment", has_text=words)

    assert place.get_attribute("data-state") == "held"
    place.locator("[data-moderate] summary").click()
    place.get_by_role("button", name="Approve").click()
    place.get_by_text("Approved. Readers see it.").wait_for()
    stranger = window()
    everyones(stranger.page, words).wait_for()

    if not javascript:
        assert "decided=" in editor.page.url
    place.get_by_role("button", name="Take it back").click()
    place.get_by_text("Taken back: Waiting for an editor.").wait_for()
    stranger.page.reload()
    assert everyones(stranger.page, words).count() == 0

    place.locator("[data-moderate] summary").click()
    place.get_by_label("Reason").select_option("off_topic")
    place.get_by_role("button", name="Reject").click()
    place.get_by_text("Rejected: off topic.").wait_for()
    assert place.get_attribute("data-state") == "rejected"
    assert editor.complaints == stranger.complaints == []


def test_an_undo_stays_when_the_news_of_the_decision_comes_back(window: Callable[..., Window]) -> None:
    words = "Something that is approved, and then removed again."
    held_here(window, words)
    editor = window("moderator")
    place = editor.page.locator("[data-stream] .comment", has_text=words)
    place.locator("[data-moderate] summary").click()
    place.get_by_role("button", name="Approve").click()
    place.get_by_text("Approved. Readers see it.").wait_for()
    stranger = window()
    everyones(stranger.page, words).wait_for()

    place.locator("[data-moderate] summary").click()
    place.get_by_label("Reason").select_option("spam")
    place.get_by_role("button", name="Reject").click()

    place.get_by_text("Rejected: spam.").wait_for()
    stranger.page.reload()
    assert everyones(stranger.page, words).count() == 0
    editor.page.wait_for_timeout(2_500)
    assert place.get_by_role("button", name="Take it back").count() == 1
    assert editor.page.evaluate("document.activeElement.hasAttribute('data-said')")


def test_a_decision_that_does_not_reach_the_newsroom_says_so_in_place(window: Callable[..., Window]) -> None:
    words = "What nobody hears of."
    held_here(window, words)
    editor = window("moderator")
    place = editor.page.locator("[data-stream] .comment", has_text=words)
    place.locator("[data-moderate] summary").click()

    editor.page.context.set_offline(True)
    place.get_by_role("button", name="Approve").click()
    place.get_by_text("Nothing was decided; press again.").wait_for()
    editor.page.context.set_offline(False)
    place.get_by_role("button", name="Approve").click()

    place.get_by_text("Approved. Readers see it.").wait_for()


def test_two_editors_in_the_article_do_not_decide_twice(window: Callable[..., Window]) -> None:
    words = "Two read this at once."
    held_here(window, words)
    first, second = window("moderator"), window("editor")
    places = [each.page.locator("[data-stream] .comment", has_text=words) for each in (first, second)]
    for place in places:
        place.locator("[data-moderate] summary").click()

    places[0].get_by_label("Reason").select_option("off_topic")
    places[0].get_by_role("button", name="Reject").click()
    places[0].get_by_text("Rejected: off topic.").wait_for()
    places[1].get_by_role("button", name="Approve").click()

    places[1].get_by_text(re.compile("has changed since you opened it: it is now “Rejected”, decided by")).wait_for()
    assert places[1].get_attribute("data-state") == "rejected"


def test_readers_load_nothing_of_it_and_editors_see_the_page_as_readers_do(window: Callable[..., Window]) -> None:
    words = "Hidden from those who only read."
    held_here(window, words)
    reader, editor = window("reader1"), window("moderator")

    loaded = "performance.getEntriesByType('resource').map((each) => each.name)"
    assert not [name for name in reader.page.evaluate(loaded) if "/editor." in name]
    assert [name for name in editor.page.evaluate(loaded) if "/editor." in name]
    assert reader.page.get_by_text(words).count() == 0
    editor.page.get_by_role("link", name="As readers see it").click()
    editor.page.get_by_text("You see what readers see.").wait_for()
    assert editor.page.get_by_text(words).count() == 0
    editor.page.get_by_role("link", name="Moderate here").click()
    editor.page.get_by_text(words).wait_for()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_where_editors_moderate_and_in_the_numbers(
    window: Callable[..., Window], scheme: str, width: int
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    held_here(window, f"For axe at {width} in {scheme}.")
    editor = window("editor", color_scheme=scheme, viewport={"width": width, "height": 900})
    first = editor.page.locator("[data-moderate]").first
    first.locator("summary").click()
    if first.get_by_role("button", name="Approve").count():
        first.get_by_role("button", name="Approve").click()
        editor.page.locator("[data-stream] [data-said]").first.wait_for()

    for address, within in (("", "#comments"), ("/admin/comments/desk/numbers/", "#desk")):
        if address:
            editor.page.goto(address)
        found = Axe().run(editor.page, context=within)
        assert found.violations_count == 0, found.generate_report()
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not editor.page.evaluate(wide)
    assert editor.complaints == []
