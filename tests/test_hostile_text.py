"""
Hostile text through the real API and the real worker, shown to a real browser: nothing runs.

The payloads are read from the folder ``shared/corpora/xss`` beside the repository; without it
the test is skipped.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from tests.policy import violations
from tests.servers import ROOT, Production, eventually, missing, production

pytestmark = [pytest.mark.services, pytest.mark.slow]
CORPUS = ROOT.parent / "shared" / "corpora" / "xss"
KEY = quote("articles.article:2", safe="")
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    with production(tmp_path_factory.mktemp("hostile")) as deployment:
        yield deployment


def payloads() -> list[str]:
    if not CORPUS.is_dir():
        pytest.skip(f"the corpus of hostile HTML is not there: {CORPUS.name} beside the repository")
    found: list[str] = []
    for name in ("payloads.jsonl", "generated.jsonl", "parser_fragments.jsonl"):
        for line in (CORPUS / name).read_text().splitlines():
            found.append(json.loads(line)["html"])
    return list(dict.fromkeys(found))


def test_nothing_of_the_corpus_runs_and_nothing_is_outside_the_allowlist(site: Production) -> None:
    texts = payloads()
    client = site.client("editor")

    def send(text: str) -> int | None:
        """Post one payload; return its id, or None where it was refused in words. Anything else is a failure."""
        answer = client.post(f"/discussions/{KEY}/comments/", json={"text": text})
        assert answer.status_code in (202, 400), (answer.status_code, answer.text[:300], text[:200])
        if answer.status_code == 400:
            assert answer.json()["code"]
            assert answer.json()["detail"]
            return None
        return int(answer.json()["id"])

    with ThreadPoolExecutor(4) as pool:
        ids = [pk for pk in pool.map(send, texts) if pk]
    eventually(
        lambda: client.get("/moderation/queues/").json()["received"] == 0, 240, every=1, what="screening of the corpus"
    )

    # What the worker made of them: everything inside the policy, whatever became of it.
    made = json.loads(site.manage("shell", "-v", "0", "-c", _ALL_HTML).splitlines()[-1])
    shown = made["html"]
    assert made["without_html_and_not_empty"] == []
    assert len(shown) + made["empty"] >= len(set(ids))
    wrong = [(html, found) for html in shown if (found := violations(html))]
    assert wrong == []

    # And what a browser makes of that, without the help of a content security policy.
    assert run_in_chromium(shown) == []
    print(f"{len(texts)} payloads: {len(ids)} accepted, {len(shown)} pieces of HTML shown to Chromium, nothing ran")


_ALL_HTML = """
import json
from comments.models import Revision
nothing_left = Revision.objects.filter(html="")
print(json.dumps({
    "html": list(Revision.objects.exclude(html="").values_list("html", flat=True)),
    "empty": nothing_left.filter(status="rejected", findings__code="empty").count(),
    "without_html_and_not_empty": list(nothing_left.exclude(findings__code="empty").values_list("pk", flat=True)),
}))
"""


def run_in_chromium(pieces: list[str]) -> list[str]:
    """Show every piece to Chromium, as a page and by innerHTML, press and point at all of it; return what ran."""
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    if not binary:
        missing("Chromium")
    from playwright.sync_api import sync_playwright

    ran: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=CHROMIUM)
        page = browser.new_page()
        page.route("**/*", lambda route: route.abort())
        page.on("dialog", lambda dialog: (ran.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.set_content("<!doctype html><body></body>")
        for start in range(0, len(pieces), 100):
            batch = pieces[start : start + 100]
            page.set_content(
                "<!doctype html><meta charset=utf-8><body>" + "".join(f"<article>{p}</article>" for p in batch)
            )
            ran += page.evaluate(_TRY, batch)
        browser.close()
    return ran


_TRY = """
(pieces) => {
  const ran = [];
  for (const name of ["alert", "confirm", "prompt", "print", "open"])
    window[name] = (...a) => ran.push(name + ": " + a);
  const bad = "script,iframe,object,embed,svg,math,style,link,base,form,input,img,video,audio,template,textarea,select";
  const look = (root) => {
    for (const node of root.querySelectorAll("*")) {
      if (node.matches(bad)) ran.push("element: " + node.outerHTML);
      for (const attribute of node.attributes) {
        if (!(node.tagName === "A" && ["href", "rel"].includes(attribute.name)) && node.tagName !== "ARTICLE")
          ran.push("attribute: " + node.outerHTML);
      }
      if (node.tagName === "A" && !["https:", "http:", "mailto:"].includes(node.protocol))
        ran.push("address: " + node.outerHTML);
      for (const kind of ["mouseover", "focus", "click", "pointerenter", "toggle"]) {
        const event = new Event(kind, { bubbles: true, cancelable: true });
        event.preventDefault();
        node.dispatchEvent(event);
      }
    }
  };
  addEventListener("click", (event) => event.preventDefault(), true);
  look(document.body);
  for (const piece of pieces) {
    const again = document.createElement("div");
    document.body.append(again);
    again.innerHTML = piece;
    look(again);
    again.remove();
  }
  return ran;
}
"""
