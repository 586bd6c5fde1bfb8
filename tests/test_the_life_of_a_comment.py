"""
One comment, from the reader's keyboard to the reader's screen and back again, through the real thing.

The same story is told twice: to the demonstration in one process on SQLite, and to PostgreSQL, Redis and separate web,
live, worker and beat processes. Nothing here is called directly; everything goes through a door.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.servers import Deployment, embedded, eventually, production

pytestmark = pytest.mark.services


@pytest.fixture(scope="module", params=["embedded", "production"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    start = {"embedded": embedded, "production": production}[request.param]
    with start(tmp_path_factory.mktemp(request.param)) as deployment:
        yield deployment


def story(site: Deployment) -> str:
    """Return the key of the first article's discussion, percent-encoded for a path."""
    return quote("articles.article:1", safe="")


def listening(site: Deployment, key: str, heard: list[tuple[str, dict[str, Any]]]) -> threading.Event:
    """Collect live events of ``key`` into ``heard`` until the returned event is set."""
    stop, ready = threading.Event(), threading.Event()

    def listen() -> None:
        try:
            follow()
        except httpx.TransportError:
            assert stop.is_set(), "the stream ended by itself"

    def follow() -> None:
        with httpx.stream("GET", f"{site.events_base}/api/v1/discussions/{key}/events/", timeout=30) as stream:
            name = ""
            for line in stream.iter_lines():
                ready.set()
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    heard.append((name, json.loads(line[6:])))
                if stop.is_set():
                    return

    threading.Thread(target=listen, daemon=True).start()
    assert ready.wait(20), "no live events"
    return stop


def shown(site: Deployment, key: str) -> dict[int, dict[str, Any]]:
    """
    Return what anyone sees on the first page, replies included, by id.

    Web processes hear of a change within half a second, each for itself: two readings may be answered by two of them.
    """
    page = site.client().get(f"/discussions/{key}/comments/").raise_for_status().json()
    return {c["id"]: c for thread in page["results"] for c in [thread, *thread["replies"]]}


def test_a_comment_is_checked_published_answered_edited_removed_and_explained(site: Deployment) -> None:
    key = story(site)
    mara, jo, daniel, anyone = site.client("reader1"), site.client("reader2"), site.client("moderator"), site.client()
    heard: list[tuple[str, dict[str, Any]]] = []
    stop = listening(site, key, heard)
    count = anyone.get(f"/discussions/{key}/").json()["counts"]["published"]

    # A reader posts. The answer says that it is being checked, and nobody else sees it before a worker has.
    posted = mara.post(
        f"/discussions/{key}/comments/", json={"text": "The **first** tram was full <script>no</script>."}
    )
    assert posted.status_code == 202, posted.text
    assert posted.json()["status"] == "received"
    number = posted.json()["id"]

    # It appears by itself, safe, for everyone; open pages hear of it; the count moved by one.
    comment = eventually(lambda: shown(site, key).get(number), what="the comment on the page")
    assert comment["html"].startswith("<p>The <strong>first</strong> tram was full")
    assert "script" not in comment["html"]
    eventually(lambda: ("comment.published", number) in [(e, d.get("id")) for e, d in heard], what="the live event")
    eventually(lambda: anyone.get(f"/discussions/{key}/").json()["counts"]["published"] == count + 1, what="the count")

    # Another reader answers with a link: it waits for an editor, and its author is told why. Nobody else sees it.
    answer = jo.post(
        f"/discussions/{key}/comments/",
        json={"text": "Here are the figures: https://example.net/figures", "parent": number},
    ).json()["id"]
    mine = eventually(
        lambda: [
            c
            for c in jo.get(f"/me/discussions/{key}/").json()["comments"]
            if c["id"] == answer and c["status"] == "held"
        ],
        what="the held reply",
    )
    assert "it contains a link" in " ".join(mine[0]["reasons"])
    assert answer not in shown(site, key)
    assert mara.get(f"/comments/{answer}/").status_code == 404

    # An editor reads it with its findings and publishes it; the same decision on the old version is refused.
    card = eventually(
        lambda: [c for c in daniel.get("/moderation/comments/?queue=to_decide").json()["results"] if c["id"] == answer],
        what="the card",
    )[0]
    assert [f["code"] for f in card["findings"] if f["verdict"] != "publish"] == ["links"]
    decided = daniel.post(
        f"/moderation/comments/{answer}/decisions/", json={"verdict": "publish", "version": card["version"]}
    )
    assert decided.status_code == 201, decided.text
    again = daniel.post(
        f"/moderation/comments/{answer}/decisions/",
        json={"verdict": "reject", "reason": "off_topic", "version": card["version"]},
    )
    assert again.status_code == 409
    eventually(lambda: shown(site, key).get(answer), what="the approved reply")

    # The author edits: the published words stand until the new ones have been screened too.
    assert mara.patch(f"/comments/{number}/", json={"text": "The first tram was *almost* full."}).status_code == 202
    edited = eventually(
        lambda: "<em>almost</em>" in (c := shown(site, key)[number])["html"] and c,
        what="the edit",
    )
    assert edited["edited_at"]

    # An editor takes the first comment down. A tombstone with the reason stays above the reply; open pages hear of it.
    version = daniel.get(f"/moderation/comments/{number}/").json()["version"]
    removed = daniel.post(
        f"/moderation/comments/{number}/decisions/",
        json={
            "verdict": "reject",
            "reason": "off_topic",
            "version": version,
            "explanation": "Please stay with the tram.",
        },
    )
    assert removed.status_code == 201, removed.text
    tombstone = eventually(lambda: (c := shown(site, key)[number])["tombstone"] and c, what="the tombstone")
    assert tombstone["html"] == "" and tombstone["author"] is None
    assert "off topic" in tombstone["tombstone"]["text"]
    eventually(lambda: "comment.removed" in [event for event, _data in heard], what="the removal's event")
    stop.set()

    # Its author reads what was decided and why. Nothing that was not public was ever announced.
    own = mara.get(f"/comments/{number}/").json()
    assert own["status"] == "rejected"
    assert {data.get("id") for event, data in heard if event != "counts"} <= {number, answer, None}

    # Every count agrees with its rows.
    assert "every count agrees" in site.manage("reconcile_counts")


def test_a_reader_without_an_account_lets_the_newsroom_know_and_gets_a_receipt(site: Deployment) -> None:
    browser = httpx.Client(base_url=site.base, timeout=20, follow_redirects=False)
    form = browser.get("/comments/issues/new/?discussion=articles.article:1")
    assert form.status_code == 200

    sent = browser.post(
        "/comments/issues/new/?discussion=articles.article:1",
        data={"kind": "cannot_post", "text": "The button greys out and nothing happens.", "email": "mara@example.org"},
    )

    assert sent.status_code == 303, sent.text[:300]
    receipt = browser.get(sent.headers["Location"])
    assert receipt.status_code == 200
    assert "The button greys out and nothing happens." in receipt.text
