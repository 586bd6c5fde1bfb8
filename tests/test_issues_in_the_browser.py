"""Letting the newsroom know, in a real browser: with and without JavaScript, by day and by night."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browsers import STORY, Site, Window
from tests.servers import ROOT, eventually

pytestmark = [pytest.mark.services, pytest.mark.slow]


def complaints_of_axe(page: Any) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in found]


def to_the_form(page: Any) -> None:
    page.click("#comments .comment-foot-help")
    page.wait_for_url("**/comments/issues/new/**")


def test_what_a_tab_was_refused_goes_along_after_its_reader_has_seen_it(window: Callable[..., Window]) -> None:
    one = window("reader1")
    page = one.page
    page.route("**/comments/post/", lambda route: route.abort())
    page.fill("#comment-text", "A sentence that never arrives.")
    page.click("[data-post]")
    page.wait_for_selector("[data-notices] [data-notice]")
    page.unroute("**/comments/post/")
    page.fill("#comment-text", "x" * 10_500)
    page.click("[data-post]")
    page.wait_for_selector("[data-notices] .comment-code >> text=too_long")

    ring = json.loads(page.evaluate("sessionStorage.getItem('comments:ring')"))
    to_the_form(page)

    assert [(met["what"], met["code"]) for met in ring] == [("failed", "network"), ("refused", "too_long")]
    assert "sentence" not in json.dumps(ring)
    number = ring[1]["request_id"]
    row = page.inner_text('label:has([value="last_refusal"])')
    assert "too_long" in row and number in row
    assert page.get_attribute(".comment-answer", "data-code") == "too_long"
    assert page.is_checked("[name=kind][value=cannot_post]")
    page.click("text=Send the report")
    page.wait_for_url(re.compile(r"/comments/issues/[\w-]{43}/"))
    page.click("text=What you sent along")
    assert number in page.inner_text("details[open]")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_form_and_receipt_please_axe_and_fit(window: Callable[..., Window], scheme: str, width: int) -> None:
    one = window(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = one.page
    to_the_form(page)
    page.click("summary")

    assert complaints_of_axe(page) == []
    assert not page.is_visible("#issue-picture")
    page.check("[name=kind][value=layout]")
    assert page.is_visible("#issue-picture")
    page.fill("#issue-text", "The box is white on white.")
    page.click("text=Send the report")
    page.wait_for_url(re.compile(r"/comments/issues/(?!new)"))
    for summary in page.query_selector_all("main details > summary"):
        summary.click()
    assert complaints_of_axe(page) == []
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert one.complaints == []


def test_without_javascript_the_cookie_is_looked_for_and_a_report_is_sent_and_deleted(
    chromium: Any, site: Site
) -> None:
    context = chromium.new_context(base_url=site.base, java_script_enabled=False)
    page = context.new_page()
    page.goto(STORY)
    to_the_form(page)

    assert "looked=" in page.url and page.get_attribute(".comment-answer", "data-code") == "signed_out"
    assert [cookie["name"] for cookie in context.cookies()] == ["comments_browser"]
    page.check("[name=kind][value=cannot_see]")
    page.click("text=Send the report")
    assert re.search(r"/comments/issues/[\w-]{43}/", page.url)
    assert "I cannot see the comments" in page.inner_text("main")
    page.click("text=Delete my report")
    page.click("text=Delete it now")
    assert "was deleted" in page.inner_text("main")
    context.close()


def test_a_browser_that_keeps_no_cookie_is_told_so(chromium: Any, site: Site) -> None:
    context = chromium.new_context(base_url=site.base)
    page = context.new_page()

    def without(route: Any) -> None:
        response = route.fetch(max_redirects=0)
        headers = {name: value for name, value in response.headers.items() if name != "set-cookie"}
        route.fulfill(response=response, headers=headers)

    page.goto(STORY)
    link = page.get_attribute("#comments .comment-foot-help", "href")
    page.route("**/comments/issues/new/**", without)
    page.goto(f"{site.base}{link}&looked={page.evaluate('Math.floor(Date.now() / 1000)')}")

    assert page.get_attribute(".comment-answer", "data-code") == "cookies_blocked"
    context.close()


def test_while_many_report_at_once_the_browser_does_its_sum_and_the_report_sorts_like_any_other(
    chromium: Any, site: Site
) -> None:
    many = (
        "from comments import issues;"
        "[issues.report('other', '', network_key=f'{number:032d}') for number in range(31)];"
        "assert issues.busy()"
    )
    told = "from comments.models import IssueReport; print('doubtful:', IssueReport.objects.latest('id').is_suspicious)"
    manage(site, many)
    context = chromium.new_context(base_url=site.base)
    page = context.new_page()
    page.goto(STORY)
    to_the_form(page)

    page.check("[name=kind][value=cannot_post]")
    eventually(lambda: page.evaluate("document.querySelector('input[name=sum]').value"), what="the sum")
    page.wait_for_timeout(2_000)  # faster than that would be doubtful by itself
    page.click("text=Send the report")
    page.wait_for_url(re.compile(r"/comments/issues/[\w-]{43}/"))

    assert "doubtful: False" in manage(site, told)
    context.close()


def manage(site: Site, code: str) -> str:
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=site.environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
