"""
A newsroom sets its policy, tries it on the past and changes it, with separate web and worker processes.

What an editor changes in one process judges the next comment in another. Nothing here is called directly.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.servers import Deployment, embedded, eventually, production

pytestmark = pytest.mark.services

KEY = quote("articles.article:1", safe="")


@pytest.fixture(scope="module", params=["embedded", "production"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    start = {"embedded": embedded, "production": production}[request.param]
    with start(tmp_path_factory.mktemp(request.param)) as deployment:
        yield deployment


def posted(reader: httpx.Client, text: str) -> int:
    answer = reader.post(f"/discussions/{KEY}/comments/", json={"text": text})
    assert answer.status_code == 202, answer.text
    return int(answer.json()["id"])


def judged(editor: httpx.Client, number: int, *statuses: str) -> dict[str, Any]:
    """Return the card of a comment as soon as it has one of ``statuses``."""

    def card() -> Any:
        found = editor.get(f"/moderation/comments/{number}/").json()
        return found if found["status"] in statuses else None

    return dict(eventually(card, what=f"#{number} {statuses}"))


def codes(card: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in card["findings"]}


def test_every_signal_is_on_the_card_and_a_phrase_judges_the_next_comment(site: Deployment) -> None:
    mara, daniel = site.client("reader1"), site.client("editor")

    # Every rule and scorer is asked, whatever the others say.
    number = posted(
        mara, "THIS IS A DISGRACE AND EVERYBODY AT THE COUNCIL KNOWS IT! JO.DALE@MAIL.EXAMPLE, WWW.BUY.EXAMPLE/NOW"
    )
    card = judged(daniel, number, "held")
    assert {"links", "personal_data", "shouting", "score"} <= codes(card)
    assert "hold_flood" in card["passed"]

    # A phrase added in the web process is found by the worker in the very next comment, however it is dressed up.
    added = daniel.post("/moderation/phrases/", json={"phrase": "paid troll", "kind": "banned"})
    assert added.status_code == 201, added.text
    number = posted(mara, "You are nothing but a p\u0430id tr0ll, sir.")
    card = judged(daniel, number, "rejected")
    [finding] = [f for f in card["findings"] if f["code"] == "phrase_banned"]
    [[start, end]] = finding["spans"]
    assert card["text"][start:end] == "p\u0430id tr0ll"


def test_a_house_rule_is_tried_on_the_past_and_then_holds(site: Deployment) -> None:
    jo, daniel = site.client("reader2"), site.client("editor")
    judged(daniel, posted(jo, "Bring back the old ferry timetable, it was a marvel."), "published")
    definition = {
        "when": {"all": [{"field": "comment.text", "is": "contains", "value": "ferry"}]},
        "then": [{"do": "hold"}],
    }

    # It is tried on what readers wrote before it is switched on.
    made = daniel.post("/moderation/rules/", json={"name": "Ferries", "definition": definition})
    assert made.status_code == 201, made.text
    rule = made.json()["id"]
    job = daniel.post(f"/moderation/rules/{rule}/trial/", json={"days": 30})
    assert job.status_code == 202, job.text
    tried = eventually(
        lambda: (j := daniel.get(f"/moderation/jobs/{job.json()['id']}/").json())["state"] == "done" and j,
        what="the trial",
    )
    assert tried["result"]["hits"] >= 1

    # In the shadow it writes down and does nothing; switched on, it holds.
    daniel.post(f"/moderation/rules/{rule}/state/", json={"state": "shadow"}).raise_for_status()
    card = judged(daniel, posted(jo, "The ferry was late again this morning."), "published")
    assert "house_rule" in codes(card)
    daniel.post(f"/moderation/rules/{rule}/state/", json={"state": "on"}).raise_for_status()
    card = judged(daniel, posted(jo, "Another ferry, another excuse from the operator."), "held")
    assert "house_rule" in codes(card)
    daniel.post(f"/moderation/rules/{rule}/state/", json={"state": "off"}).raise_for_status()


def test_a_setting_of_the_article_beats_the_site(site: Deployment) -> None:
    jo, daniel = site.client("reader2"), site.client("editor")
    key = "articles.article:1"

    daniel.put("/moderation/settings/links_allowed/", json={"value": 3, "discussion": key}).raise_for_status()
    card = judged(daniel, posted(jo, "The minutes are here: https://minutes.example/9"), "published", "held")
    assert card["status"] == "published", codes(card)

    daniel.put("/moderation/settings/links_allowed/", json={"value": None, "discussion": key}).raise_for_status()
    card = judged(daniel, posted(jo, "And the agenda is here: https://agenda.example/9"), "published", "held")
    assert card["status"] == "held" and "links" in codes(card)


def test_enough_reports_hold_and_an_editors_word_stands(site: Deployment) -> None:
    mara, daniel = site.client("reader1"), site.client("moderator")
    daniel_sets = site.client("editor")
    daniel_sets.put("/moderation/settings/flag_hold_weight/", json={"value": 1}).raise_for_status()
    number = posted(site.client("reader2"), "People from that street should move away.")
    judged(daniel, number, "published")

    flagged = mara.post(f"/comments/{number}/flags/", json={"reason": "hate", "note": "About a whole street."})
    assert flagged.status_code == 201, flagged.text
    card = judged(daniel, number, "held")
    assert "flagged" in codes(card)

    # An editor lets it stand: the same reason does not bring it back.
    daniel.post(
        f"/moderation/comments/{number}/decisions/", json={"verdict": "publish", "version": card["version"]}
    ).raise_for_status()
    site.client("editor").post(f"/comments/{number}/flags/", json={"reason": "hate"})
    assert daniel.get(f"/moderation/comments/{number}/").json()["status"] == "published"


def test_decisions_become_lessons(site: Deployment) -> None:
    mara, daniel = site.client("reader1"), site.client("moderator")
    before = daniel.get("/moderation/models/").json()["learning"]["decisions"]
    number = posted(mara, "See also https://elsewhere.example/tram for the plans.")
    card = judged(daniel, number, "held")

    daniel.post(
        f"/moderation/comments/{number}/decisions/",
        json={"verdict": "reject", "reason": "spam", "version": card["version"]},
    ).raise_for_status()

    eventually(lambda: daniel.get("/moderation/models/").json()["learning"]["decisions"] > before, what="the lesson")


def test_a_kill_switch_acts_on_the_very_next_comment_in_every_process(site: Deployment) -> None:
    mara, ines = site.client("reader1"), site.client("editor")

    def switch(name: str, value: object) -> None:
        ines.put(f"/moderation/settings/{name}/", json={"value": value}).raise_for_status()

    switch("premoderate", True)
    card = judged(ines, posted(mara, "Pressed: this one waits."), "published", "held")
    assert card["status"] == "held" and "premoderated" in codes(card)
    switch("premoderate", None)

    switch("switched_off", ["hold_links"])
    card = judged(ines, posted(mara, "Pressed: https://pressed.example/one is let through."), "published", "held")
    assert card["status"] == "published" and "links" not in codes(card)
    switch("switched_off", None)
    card = judged(ines, posted(mara, "Released: https://pressed.example/two has to wait."), "published", "held")
    assert card["status"] == "held" and "links" in codes(card)

    switch("commenting_closed", True)
    try:
        # Whoever only shows may be a second behind. Other words each time: the same again would be the same comment.
        said = count()
        eventually(
            lambda: (
                mara.post(f"/discussions/{KEY}/comments/", json={"text": f"Anybody there? {next(said)}"}).status_code
                == 403
            ),
            5,
            what="the door",
        )
    finally:
        switch("commenting_closed", None)
