"""The issue form inside another site's page: framed where the site says so, and working without any cookie."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from comments import conf
from comments.models import Discussion, IssueReport
from tests.servers import Embedded, embedded

NEW = "/comments/issues/new/?discussion=story-1"
GIVEN = {"kind": "cannot_see", "text": "An empty box."}
FRAMED = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Mode": "navigate"}
PARTNERS = ["https://partner.example", "https://www.partner.example:8443/"]


@pytest.fixture
def partners(settings: Any) -> None:
    settings.COMMENTS = {**settings.COMMENTS, "EMBED_ANCESTORS": PARTNERS}


def ancestors(response: Any) -> list[str]:
    return re.findall(r"frame-ancestors ([^;]*)", response.headers["Content-Security-Policy"])


def test_by_default_nobody_frames_the_form(client: Client, discussion: Discussion) -> None:
    page = client.get(NEW)

    assert ancestors(page) == ["'none'"] and page.headers["X-Frame-Options"] == "DENY"


def test_named_sites_may_frame_form_and_receipt_and_nothing_else(
    client: Client, discussion: Discussion, partners: None
) -> None:
    sent = client.post(NEW, GIVEN)
    pages = [client.get(NEW), sent, client.get(sent.headers["location"]), client.get("/comments/issues/counted/")]

    for page in pages:
        assert ancestors(page) == ["https://partner.example https://www.partner.example:8443"]
        assert "X-Frame-Options" not in page.headers
        # The wall behind the sanitizers stands as on every page.
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    for other in ("/", "/comments/me/", "/accounts/login/", "/admin/login/"):
        page = client.get(other)
        assert ancestors(page) == ["'none'"] and page.headers["X-Frame-Options"] == "DENY"


def test_in_a_frame_the_form_is_posted_without_any_cookie_and_says_so(discussion: Discussion, partners: None) -> None:
    anyone = Client(enforce_csrf_checks=True)

    first = anyone.get(NEW, headers=FRAMED)
    anyone.cookies.clear()  # as a browser does for a frame on another site
    page = anyone.get(first.headers["location"], headers=FRAMED)
    anyone.cookies.clear()
    sent = anyone.post(NEW, GIVEN, headers=FRAMED | {"Sec-Fetch-Site": "same-origin"})
    receipt = anyone.get(sent.headers["location"], headers=FRAMED)

    assert (page.status_code, sent.status_code, receipt.status_code) == (200, 303, 200)
    html = page.content.decode()
    assert 'data-code="cookies_blocked"' in html and 'target="_blank"' in html
    assert "site-masthead" not in html  # the newspaper's own head stays outside
    report = IssueReport.objects.get()
    assert (report.surface, report.is_suspicious) == ("embed", False)
    assert "in a window of its own" in receipt.content.decode()
    assert anyone.post(sent.headers["location"], {"do": "solve"}, headers=FRAMED).status_code == 303


@pytest.mark.parametrize("origin", ["partner.example", "*", "https://partner.example/path", "'self'; script-src *", 7])
def test_a_site_that_is_no_origin_is_refused_at_start(origin: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="EMBED_ANCESTORS"):
        conf.Settings(embed_ancestors=(origin,))


# --- In a real browser ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def partner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a page of another site, whose frame shows what stands behind its ``#``; return its origin."""
    folder = tmp_path_factory.mktemp("partner")
    (folder / "index.html").write_text(
        "<!doctype html><iframe width=800 height=900></iframe>"
        "<script>document.querySelector('iframe').src = location.hash.slice(1)</script>"
    )

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def framed(tmp_path_factory: pytest.TempPathFactory, partner: str) -> Iterator[Embedded]:
    with embedded(Path(tmp_path_factory.mktemp("framed")), COMMENTS_EMBED_ANCESTORS=partner) as deployment:
        yield deployment


@pytest.mark.services
@pytest.mark.slow
def test_a_reader_reports_from_a_frame_on_another_site_whose_cookies_are_blocked(
    chromium: Any, framed: Embedded, partner: str
) -> None:
    # By another name, so that the two are different sites and no cookie of ours goes along.
    ours = framed.base.replace("127.0.0.1", "localhost")
    page = chromium.new_page()
    page.goto(f"{partner}/#{ours}/comments/issues/new/?discussion=articles.article:1")
    frame = page.frame_locator("iframe")

    assert frame.locator(".comment-answer").first.get_attribute("data-code") == "cookies_blocked"
    frame.locator("[name=kind][value=cannot_see]").check()
    frame.locator("text=Send the report").click()
    frame.locator(".comment-number").wait_for()

    assert "I cannot see the comments" in frame.locator("main").inner_text()
    cookies = [one for one in page.context.cookies() if one["domain"] == urlsplit(ours).hostname]
    assert cookies == []
    page.goto(f"{partner}/#{ours}/accounts/login/")
    page.reload()
    assert not page.frames[1].url.startswith(ours)  # everything else refuses the frame
    page.context.close()
