"""Five hundred comments decided at once in a real Chromium, by a real worker, and taken back."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

from tests.browsers import ROOT, Site

pytestmark = pytest.mark.services

PAGE = "/admin/comments/desk/bulk/"
COUNT = 500


@pytest.fixture(scope="module")
def seeded(site: Site) -> Site:
    """Write five hundred comments under a story that has none."""
    subprocess.run(
        [sys.executable, "manage.py", "seed_comments", "--discussion", "bulk-story", "--count", str(COUNT), "--fast"],
        cwd=ROOT,
        env=site.environment,
        check=True,
        capture_output=True,
    )
    return site


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without"])
def editor(chromium: Any, seeded: Site, request: pytest.FixtureRequest) -> Any:
    context = chromium.new_context(base_url=seeded.base, java_script_enabled=request.param)
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda said: page.complaints.append(said.text) if said.type == "error" else None)
    page.goto("/admin/login/")
    page.fill("[name=username]", "editor")
    page.fill("[name=password]", seeded.accounts["editor"]["password"])
    page.click("[type=submit]")
    yield page, request.param
    context.close()


def until_done(page: Any, *, scripted: bool) -> str:
    """Wait until the job is done: the page looks by itself, or is asked to."""
    if scripted:
        page.wait_for_selector('#job[data-state="done"]', timeout=120_000)
    for _look in range(240):
        if page.get_attribute("#job", "data-state") == "done":
            break
        page.wait_for_timeout(500)
        page.reload()
    return str(page.inner_text("#job"))


def test_five_hundred_are_held_and_taken_back(editor: Any) -> None:
    page, scripted = editor
    page.goto(f"{PAGE}?q=status:published article:bulk-story")
    assert page.inner_text("output.count") == str(COUNT)

    page.fill("[name=note]", "a rehearsal")
    page.get_by_role("button", name=f"Hold {COUNT}").click()
    said = until_done(page, scripted=scripted)
    assert f"{COUNT} decided" in said

    page.get_by_role("button", name=re.compile("Undo all")).click()
    said = until_done(page, scripted=scripted)
    assert f"{COUNT} taken back" in said
    page.goto(f"{PAGE}?q=status:published article:bulk-story")
    assert page.inner_text("output.count") == str(COUNT)
    assert page.complaints == []


def test_dragging_the_range_selects_anew(editor: Any) -> None:
    page, scripted = editor
    if not scripted:
        pytest.skip("The two number fields do the same.")
    page.goto(f"{PAGE}?q=status:published article:bulk-story")
    page.fill("[name=note]", "typed before")

    page.focus("[data-low]")
    for _press in range(3):
        page.keyboard.press("ArrowRight")

    page.wait_for_url("**min=3**")
    assert page.input_value("form[data-range] [name=min]") == "3"
    assert page.get_attribute("[data-fill]", "x") == "24"
