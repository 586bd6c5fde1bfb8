"""An incident in a real browser: from readers' reports to the mail that says that it works again; and how it looks."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browsers import Site, Window, api
from tests.servers import ROOT

pytestmark = pytest.mark.services
DESK = "/admin/comments/desk/issues/"


def axe(page: Any, state: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context="#desk").response["violations"]
    assert [(state, rule["id"], [node["html"][:200] for node in rule["nodes"]]) for rule in found] == []
    wide = "[...document.querySelectorAll('#desk *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
        state,
        page.evaluate(f"{wide}.slice(0, 8).map(e => e.outerHTML.slice(0, 120))"),
    )


def test_an_incident_from_the_first_report_to_the_mail_that_it_works_again(
    window: Callable[..., Window], site: Site, tmp_path: Path
) -> None:
    people = ("reader1", "reader2", "moderator", "editor")
    for who in people:
        report = {"kind": "cannot_reply_vote", "text": "Replies fail.", "email": f"{who}@example.org"}
        api(site, who, "issues/", report)
    # All of them sit at one machine here; a network counts for two people at most.
    code = (
        "from comments.issues import incidents; from comments.models import IssueReport;"
        "[IssueReport.objects.filter(pk=one.pk).update(network_key=str(one.pk)) for one in IssueReport.objects.all()];"
        "incidents.look()"
    )
    subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", code], cwd=ROOT, env=site.environment, check=True, timeout=60
    )
    editor = window("editor", story=DESK)
    page = editor.page
    for width in (1280, 390):
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            for name, address in (
                ("list", DESK),
                ("one", f"{DESK}1/"),
                ("incidents", f"{DESK}incidents/1/"),
                ("templates", f"{DESK}templates/"),
                ("numbers", f"{DESK}numbers/"),
            ):
                page.goto(site.base + address)
                axe(page, f"{name} {width} {scheme}")
                page.screenshot(path=str(tmp_path / f"{name}-{width}-{scheme}.png"), full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})

    page.goto(f"{site.base}{DESK}incidents/1/")
    page.get_by_role("button", name="Confirm, and tell readers").click()
    page.get_by_text("on every form and section").wait_for()
    reader = window("")
    until = time.monotonic() + 30
    while not reader.page.locator("[data-incident]").count():
        assert time.monotonic() < until, "the banner never came"
        reader.page.reload()
        time.sleep(1)
    reader.page.screenshot(path=str(tmp_path / "banner.png"))
    page.locator("textarea[name=text]").fill("Replies work again since 14:48.")
    page.get_by_role("button", name="It is over").click()
    page.get_by_text("Everyone who asked is told").wait_for()

    mails = Path(site.environment["VAR_DIR"])
    until = time.monotonic() + 60
    found: set[str] = set()
    while len(found) < len(people):
        assert time.monotonic() < until, found
        said = [each.read_text(errors="replace") for each in mails.rglob("*.log")]
        found = {who for who in people for text in said if "it works again" in text and f"To: {who}@" in text}
        time.sleep(0.5)
    assert editor.complaints == []
