"""A reader is told once, before posting, what would make a text wait; by the rules that judge it, and never a wall."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from comments import posting
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Discussion, Phrase

OURS = {"X-Requested-With": "comments", "Sec-Fetch-Site": "same-origin"}
LINK = "The figures: https://example.org/figures"


def codes(author: Commenter | None, discussion: Discussion, words: str = LINK, **more: Any) -> list[str]:
    return [draft.code for draft in posting.nudge(words, author, discussion, **more)]


def test_the_rules_that_judge_give_the_advice(reader: Commenter, discussion: Discussion) -> None:
    assert codes(reader, discussion) == ["links"]
    assert codes(reader, discussion, "Ring me: 020 7946 0958") == ["personal_data"]
    assert codes(reader, discussion, "A calm sentence about the tram.") == []
    assert not Comment.objects.exists()


def test_staff_and_a_site_that_switched_it_off_are_left_alone(
    reader: Commenter, editor: Commenter, discussion: Discussion, settings: Any
) -> None:
    assert codes(editor, discussion) == []
    settings.COMMENTS = {"NUDGE": False}
    assert codes(reader, discussion) == []


def test_what_waits_anyway_is_not_worth_changing_unless_it_would_be_rejected(
    reader: Commenter, discussion: Discussion, settings: Any
) -> None:
    Phrase.objects.create(phrase="cheap casino", kind="banned")
    settings.COMMENTS = {"PREMODERATE": True}

    assert codes(reader, discussion) == []
    assert codes(reader, discussion, "Visit the cheap casino today, friends.") == ["phrase_banned"]


def test_asking_too_often_or_again_simply_posts(
    reader: Commenter, discussion: Discussion, settings: Any, post: Callable[..., Comment]
) -> None:
    post(reader, LINK, idempotency_key="attempt")
    assert codes(reader, discussion) == []
    assert codes(reader, discussion, "Edited since: https://example.org/", attempt="attempt") == []

    settings.COMMENTS = {"PREVIEWS_PER_MINUTE": 1}
    assert codes(reader, discussion, "One: https://example.org/1") == ["links"]
    assert codes(reader, discussion, "Two: https://example.org/2") == []


def test_where_nothing_can_be_posted_no_advice_is_given(reader: Commenter, discussion: Discussion) -> None:
    discussion.mode = Discussion.Mode.CLOSED

    with pytest.raises(Refused) as refused:
        codes(reader, discussion)

    assert refused.value.code == "closed"


@pytest.fixture
def browser(client: Client, reader: Commenter) -> Client:
    client.force_login(reader.user)
    return client


def test_links_are_quoted_and_phrases_are_not(browser: Client, discussion: Discussion) -> None:
    Phrase.objects.create(phrase="gold watch", kind="suspect")
    words = 'A gold watch <img src=x onerror=alert(1)> at https://example.org/"><script>alert(1)</script>'

    html = browser.post("/comments/post/", {"discussion": "story-1", "text": words}, headers=OURS).content.decode()

    assert "data-nudge" in html and "<script" not in html and "<img" not in html
    quotes = re.findall(r"<q[^>]*>(.*?)</q>", html)
    assert quotes and all("example.org" in quote for quote in quotes)
    assert "gold watch" not in html and "It contains words that an editor has to read first." in html


def test_the_form_without_a_script_has_the_text_the_advice_and_the_mark(
    browser: Client, discussion: Discussion
) -> None:
    form = {"discussion": "story-1", "text": LINK, "key": "attempt"}
    same = {"Sec-Fetch-Site": "same-origin"}

    advised = browser.post("/comments/post/", form, headers=same)
    again = browser.post("/comments/post/", form | {"nudged": "1"}, headers=same)

    html = advised.content.decode()
    assert advised.status_code == 200 and LINK in html and 'name="nudged" value="1"' in html
    assert "Post anyway" in html and "Change it" in html
    assert again.status_code == 303 and Comment.objects.count() == 1


def test_a_form_that_nothing_vouches_for_comes_back_with_the_text_and_a_token(
    reader: Commenter, discussion: Discussion
) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(reader.user)
    form = {"discussion": "story-1", "text": "Words nobody vouched for."}

    refused = strict.post("/comments/post/", form)
    html = refused.content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', html)

    assert refused.status_code == 403 and "Words nobody vouched for." in html and token
    assert not Comment.objects.exists()
    assert strict.post("/comments/post/", form | {"csrfmiddlewaretoken": token[1]}).status_code == 303
    by_script = strict.post("/comments/post/", form, headers={"X-Requested-With": "comments"})
    assert by_script.status_code == 403 and by_script["X-CSRFToken"]
    given = form | {"text": "By script.", "csrfmiddlewaretoken": by_script["X-CSRFToken"]}
    assert strict.post("/comments/post/", given, headers={"X-Requested-With": "comments"}).status_code == 202


def test_what_was_typed_waits_until_its_author_has_signed_in(
    client: Client, reader: Commenter, discussion: Discussion
) -> None:
    form = {"discussion": "story-1", "text": "Typed <b>before</b> signing in.", "key": "attempt-1"}
    same = {"Sec-Fetch-Site": "same-origin"}

    refused = client.post("/comments/post/", form, headers=same)
    client.force_login(reader.user)
    kept = client.session["comments_typed"]

    assert refused.status_code == 401 and form["text"] in refused.content.decode().replace("&lt;", "<").replace(
        "&gt;", ">"
    )
    assert (kept["text"], kept["attempt"]) == (form["text"], "attempt-1")
    assert client.post("/comments/post/", form, headers=same).status_code == 303
    assert "comments_typed" not in client.session
