"""One card of the desk: whose it is, what is suggested, what changed meanwhile, and the way back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import html5lib
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from comments import moderation, posting
from comments.desk import cards, differences
from comments.learning import suggestions
from comments.models import (
    Claim,
    Comment,
    Commenter,
    Decision,
    Discussion,
    Finding,
    Lesson,
    Phrase,
    Reason,
    Revision,
    Sanction,
    SectionAccess,
    Status,
)

Post = Callable[..., Comment]
Person = Callable[..., Commenter]
Decide = Callable[..., Any]

DESK = "/admin/comments/desk/"
SCRIPT = {"X-Requested-With": "comments"}
LINK = "Read https://elsewhere.example/tram for the figures."
HOSTILE = "<script>alert(1)</script> & \"'><img src=x onerror=alert(2)> https://elsewhere.example/"


@pytest.fixture(autouse=True)
def no_rule_is_slow(settings: Any) -> None:
    settings.COMMENTS = {"RULE_MILLISECONDS": 60_000, "POSTS_PER_MINUTE": 0, "FLOOD_COMMENTS": 0, "REPEAT_HOURS": 0}


def signed_in(person: Commenter) -> Client:
    client = Client()
    client.force_login(person.user)
    return client


@pytest.fixture
def desk(editor: Commenter) -> Client:
    return signed_in(editor)


@pytest.fixture
def mira(person: Person) -> Commenter:
    return person("mira", staff=True)


@pytest.fixture
def waiting(reader: Commenter, post: Post) -> list[Comment]:
    return [post(reader, f"{LINK} Number {n}.") for n in range(3)]


def page(client: Client, query: str = "") -> str:
    answer = client.get(DESK + query)
    assert answer.status_code == 200
    return answer.content.decode()


def opened(html: str) -> int:
    """Return the number of the comment whose card is open."""
    [found] = re.findall(r'class="card is-open[^"]*"\s+id="c-(\d+)"', html)
    return int(found)


def said(client: Client, **data: Any) -> dict[str, Any]:
    answer = client.post(DESK + "claims/", data, headers=SCRIPT)
    assert answer.status_code == 200
    found: dict[str, Any] = json.loads(answer.content)
    return found


def send(client: Client, comment: Comment, decision: str, *, script: bool = False, **more: Any) -> Any:
    data = {"comment": comment.pk, "version": comment.version, "decision": decision, "queue": "to_decide"} | more
    return client.post(DESK + "decide/", data, headers=SCRIPT if script else {})


def bar(html: str) -> dict[str, str]:
    """Return the fields of the form that the bar's Undo sends."""
    tree = html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=False)
    [form] = [form for form in tree.iter("form") if form.get("id") == "desk-undo"]
    return {field.get("name", ""): field.get("value", "") for field in form.iter("input")}


# --- Claims -----------------------------------------------------------------------------------------------------------


def test_two_editors_are_given_different_cards(desk: Client, mira: Commenter, waiting: list[Comment]) -> None:
    mine, theirs = page(desk), page(signed_in(mira))

    assert (opened(mine), opened(theirs)) == (waiting[0].pk, waiting[1].pk)
    assert "is-claimed" in theirs and "daniel</bdi>" in theirs
    assert opened(page(desk)) == waiting[0].pk


def test_a_claimed_card_is_shown_with_who_has_it_and_buttons_that_do_nothing(
    desk: Client, mira: Commenter, waiting: list[Comment]
) -> None:
    page(desk)

    shown = page(signed_in(mira), f"?open={waiting[0].pk}")

    assert opened(shown) == waiting[0].pk
    assert "Open with daniel until" in shown and 'name="take_over"' in shown
    assert '<fieldset class="contents" disabled>' in shown


def test_a_card_is_taken_over_by_form_and_who_had_it_hears_of_it(
    desk: Client, mira: Commenter, waiting: list[Comment]
) -> None:
    first = waiting[0]
    page(desk)

    answer = signed_in(mira).post(DESK + "claims/", {"take_over": first.pk, "queue": "to_decide"})

    assert answer.status_code == 302 and f"open={first.pk}" in answer["Location"]
    assert Claim.objects.get(comment=first).person == mira
    told = said(desk, want=[f"{first.pk}:{first.version}"])
    assert told["mine"] == {} and "Open with mira until" in told["cards"][str(first.pk)]


def test_one_call_keeps_cards_brings_their_forms_and_gives_the_others_back(
    desk: Client, waiting: list[Comment]
) -> None:
    first, second, third = waiting
    page(desk)

    heard = said(
        desk,
        want=[f"{second.pk}:{second.version}", f"{third.pk}:{third.version}", "999999:1", "x", "-1:2"],
        fetch=[third.pk],
        leave=[first.pk, "y"],
    )

    assert set(heard["mine"]) == {str(second.pk), str(third.pk)}
    assert list(heard["cards"]) == [str(third.pk)] and 'name="decision"' in heard["cards"][str(third.pk)]
    assert heard["counts"]["to_decide"] == 3 and heard["newer"] == ""
    assert not Claim.objects.filter(comment=first).exists()


def test_what_changed_meanwhile_is_told_before_it_is_decided(
    desk: Client, mira: Commenter, waiting: list[Comment], decide: Decide
) -> None:
    first, seen = waiting[0], waiting[0].version
    page(desk)
    decide(first, "hold", mira)

    heard = said(desk, want=[f"{first.pk}:{seen}"], text=[f"{first.pk}:1"], last=[f"{first.pk}:1"], open=first.pk)

    card = heard["cards"][str(first.pk)]
    assert 'role="alert"' in card and "mira" in card and f'data-version="{first.version}"' in card


def test_what_somebody_else_decided_is_not_served_any_more(
    desk: Client, mira: Commenter, waiting: list[Comment], decide: Decide
) -> None:
    first, seen = waiting[0], waiting[0].version
    decide(first, "publish", mira)

    heard = said(desk, want=[f"{first.pk}:{seen}"], last=[f"{first.pk}:1"])

    assert heard["mine"] == {} and "is-decided" in heard["cards"][str(first.pk)]
    assert 'name="decision"' not in heard["cards"][str(first.pk)]


def test_new_ones_are_announced_and_nothing_else(
    desk: Client, reader: Commenter, post: Post, waiting: list[Comment]
) -> None:
    since = timezone.now()
    post(reader, f"{LINK} One that came later.")
    post(reader, "Published at once, this one.")

    assert said(desk, since=since.isoformat(), queue="to_decide")["newer"] == "1 new since you opened it"
    assert said(desk, since="yesterday", queue="to_decide")["newer"] == ""
    assert said(desk, since=since.isoformat(), queue="published")["newer"] == ""


def test_claims_that_ran_out_are_no_ones(desk: Client, mira: Commenter, waiting: list[Comment]) -> None:
    page(desk)
    Claim.objects.update(until=timezone.now() - timedelta(seconds=1))

    assert opened(page(signed_in(mira))) == waiting[0].pk


def test_a_decision_on_a_card_somebody_else_has_is_made_and_told(
    desk: Client, mira: Commenter, waiting: list[Comment]
) -> None:
    page(desk)

    answer = send(signed_in(mira), waiting[0], "publish", script=True)

    assert answer.status_code == 200 and "daniel had it open and is told." in answer.content.decode()
    assert not Claim.objects.exists()


def test_where_everything_is_somebody_elses_the_first_is_shown_as_theirs(
    desk: Client, mira: Commenter, waiting: list[Comment]
) -> None:
    said(desk, want=[f"{comment.pk}:0" for comment in waiting])

    shown = page(signed_in(mira))

    assert opened(shown) == waiting[0].pk and shown.count("is-claimed") == 3


def test_a_section_moderator_claims_and_decides_in_their_section_only(
    reader: Commenter, discussion: Discussion, post: Post
) -> None:
    user = get_user_model().objects.create_user("sami", password="a long password", is_staff=True)
    user.user_permissions.set([Permission.objects.get(codename="moderate_sections")])
    SectionAccess.objects.create(user=user, section="City")
    elsewhere = Discussion.objects.create(key="story-2", title="Elsewhere", url="/stories/2/", section="World")
    Discussion.objects.filter(pk=discussion.pk).update(section="City")
    mine, theirs = post(reader, LINK), post(reader, f"{LINK} Again.", discussion=elsewhere)
    client = Client()
    client.force_login(user)

    refused = send(client, theirs, "publish")
    made = send(client, mine, "publish")

    assert refused.status_code == 403
    assert made.status_code == 303
    assert said(client, want=[f"{theirs.pk}:{theirs.version}"])["mine"] == {}
    for address in (f"card/{theirs.pk}/", f"conversation/{theirs.pk}/"):
        assert client.get(DESK + address).status_code == 403


def test_a_viewer_looks_and_is_told_that_deciding_is_for_others(waiting: list[Comment]) -> None:
    user = get_user_model().objects.create_user("vera", password="a long password", is_staff=True)
    user.user_permissions.set([Permission.objects.get(codename="see_desk")])
    client = Client()
    client.force_login(user)

    assert "not part of your role" in page(client) and 'name="decision"' not in page(client)
    assert send(client, waiting[0], "publish").status_code == 403
    assert client.post(DESK + "claims/", {"want": waiting[0].pk}).status_code == 403
    assert not Claim.objects.exists()


# --- Conflicts --------------------------------------------------------------------------------------------------------


def test_a_conflict_shows_the_new_text_against_the_one_that_was_seen(
    desk: Client, reader: Commenter, waiting: list[Comment]
) -> None:
    first = waiting[0]
    seen = Comment.objects.get(pk=first.pk)
    posting.edit_comment(reader, first, "Read https://elsewhere.example/tram for better figures. Number 0.")

    answer = send(desk, seen, "reject:spam", script=True, text=1, last=first.decisions.last().pk)

    shown = answer.content.decode()
    assert answer.status_code == 409
    assert "Not rejected: the comment changed meanwhile" in shown and "Look again" in shown
    assert "You looked at version 1. Its author saved version 2" in shown
    assert "<ins>better</ins>" in shown and "<del>the</del>" in shown


def test_a_conflict_says_what_was_decided_by_whom_and_when(
    desk: Client, mira: Commenter, waiting: list[Comment], decide: Decide
) -> None:
    first = waiting[0]
    seen, last = Comment.objects.get(pk=first.pk), first.decisions.last().pk
    decide(first, "reject", mira, reason="off_topic")

    shown = send(desk, seen, "publish", text=1, last=last).content.decode()

    assert "Not approved: the comment changed meanwhile" in shown
    assert "Rejected: off topic by mira" in shown


def test_a_decision_sent_twice_is_made_once(desk: Client, waiting: list[Comment]) -> None:
    first = waiting[0]
    send(desk, first, "reject:spam", script=True)

    again = send(desk, first, "reject:spam", script=True, again="on")
    other = send(desk, first, "publish", script=True, again="on")

    assert again.status_code == 200 and "is-decided" in again.content.decode()
    assert other.status_code == 409
    assert Decision.objects.filter(comment=first, decider="editor").count() == 1


# --- Undo -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("button", ["publish", "hold", "reject:spam", "publish:feature"])
def test_the_bar_takes_every_decision_back_without_a_script(button: str, desk: Client, waiting: list[Comment]) -> None:
    first = waiting[0]
    send(desk, first, button)
    page(desk)  # the toast is gone with this page

    form = bar(page(desk))
    answer = desk.post(DESK + "decide/", form)

    assert answer.status_code == 303
    first.refresh_from_db()
    assert (first.status, first.featured_at) == (Status.HELD, None)
    assert bar(page(desk))["undo"] == ""


def test_a_pick_is_made_from_the_card_and_taken_back(desk: Client, reader: Commenter, post: Post) -> None:
    comment = post(reader, "Published at once, this one.")

    picked = send(desk, comment, "feature", script=True, queue="published").content.decode()

    comment.refresh_from_db()
    assert comment.featured_at and "is-open" in picked and 'value="unfeature"' in picked
    undo = {"comment": comment.pk, "version": comment.version, "undo": "unfeature", "queue": "published"}
    assert desk.post(DESK + "decide/", undo).status_code == 303
    comment.refresh_from_db()
    assert comment.featured_at is None


def test_a_pick_of_something_that_waits_approves_it_too(desk: Client, waiting: list[Comment]) -> None:
    answer = send(desk, waiting[0], "publish:feature", script=True)

    waiting[0].refresh_from_db()
    assert waiting[0].status == Status.PUBLISHED and waiting[0].featured_at
    assert "Approved, and an editors" in answer.content.decode()


def test_only_ones_own_latest_word_is_offered_to_be_taken_back(
    desk: Client, mira: Commenter, waiting: list[Comment], decide: Decide
) -> None:
    send(desk, waiting[0], "publish")
    waiting[0].refresh_from_db()
    decide(waiting[0], "reject", mira, reason="spam")

    assert bar(page(desk))["undo"] == ""
    assert bar(page(signed_in(mira)))["comment"] == str(waiting[0].pk)


# --- What a card shows ------------------------------------------------------------------------------------------------


@pytest.fixture
def taught(editor: Commenter, reader: Commenter, discussion: Discussion, decide: Decide) -> None:
    """Let editors have rejected 24 of 30 texts the score was as sure of."""
    for number in range(30):
        comment = posting.post_comment(reader, discussion, f"{LINK} Taught {number}.")
        moderation.screen(comment.pk, comment.version)
        comment.refresh_from_db()
        decision = decide(comment, "reject" if number < 24 else "publish", editor, reason="off_topic")
        Lesson.objects.create(
            decision=decision, revision=comment.revisions.get(), rejected=number < 24, probability=0.85
        )


def scored(comment: Comment, p: float, version: str = "site-1") -> None:
    Finding.objects.create(
        revision=comment.revisions.get(),
        rule="local",
        verdict="publish",
        code="score",
        score=p,
        rule_version=version,
        evidence={"score": p, "scorer": "local"},
    )


def test_a_suggestion_says_how_sure_it_is_and_how_often_it_was_right(
    desk: Client, reader: Commenter, post: Post, taught: None
) -> None:
    comment = post(reader, f"{LINK} The one.")
    scored(comment, 0.82)

    shown = page(desk, f"?open={comment.pk}")

    assert "Suggested. Editors agreed with 24 of the last 30 like it." in shown
    assert "Reject · off topic" in shown and "<b>82 %</b>" in shown
    assert re.search(r'value="reject:off_topic"[^>]*data-guessed', shown)
    send(desk, comment, "reject:off_topic", suggested="reject:off_topic")
    assert comment.decisions.last().assistance == "suggestion"


def test_the_score_keeps_silent_where_it_is_unsure_unproved_or_where_editors_check_it(
    reader: Commenter, post: Post, taught: None
) -> None:
    comment = post(reader, f"{LINK} The one.")
    revision = Revision.objects.select_related("comment").get(comment=comment)

    def found(p: float, *, blind: bool = False) -> Any:
        row = Finding(revision=revision, rule="local", code="score", score=p, rule_version="site-1", evidence={})
        if blind:
            scored(comment, p)
            [card] = cards.several([revision], {"spam": "spam"}, blind=True)
            return card.suggestion
        return suggestions.suggested([row], ["spam"])

    assert found(0.45) is None
    assert found(0.95) is None
    assert found(0.05) is None
    assert found(0.85).percent == 85
    assert found(0.85, blind=True) is None
    assert suggestions.suggested([], ["spam"]) is None


def test_a_card_shows_sanctions_in_force(desk: Client, reader: Commenter, editor: Commenter, post: Post) -> None:
    post(reader, LINK)
    until = timezone.now() + timedelta(days=3)
    Sanction.objects.create(kind="suspend", person=reader, ends_at=until, made_by=editor)

    assert "<strong>Suspension</strong>" in page(desk)


def test_the_conversation_shows_what_stands_around_a_comment(
    desk: Client, person: Person, post: Post, discussion: Discussion
) -> None:
    pieter = person("pieter")
    root = post(pieter, "Is there a list of what each stop costs?")
    beside = post(pieter, "I found one, from last year.", parent=root)
    comment = post(person("dale"), LINK, parent=root)
    below = Comment.objects.create(
        discussion=discussion, author=pieter, parent=comment, path=comment.path + "zzzzzzzzzzzz", depth=2
    )
    Revision.objects.create(comment=below, text=HOSTILE)

    fragment = desk.get(f"{DESK}conversation/{comment.pk}/", headers=SCRIPT).content.decode()
    whole = page(desk, f"conversation/{comment.pk}/")

    for words in ("what each stop costs", "from last year", "&lt;script&gt;", "this comment", f"#{beside.pk}"):
        assert words in fragment and words in whole
    assert "<html" in whole and "<html" not in fragment and "<script>" not in fragment
    assert desk.get(f"{DESK}conversation/{comment.pk + 99}/").status_code == 404


def test_the_message_shown_before_sending_is_what_the_author_gets(
    desk: Client, reader: Commenter, waiting: list[Comment]
) -> None:
    reason = Reason.objects.get(code="spam")
    shown = page(desk)
    button = re.search(r'value="reject:spam".*?</button>', shown, re.S)
    assert button and reason.author_text["en"].replace("'", "&#x27;") in button[0]
    assert "Not published:" in shown and "Decided by an editor." in shown

    send(desk, waiting[0], "reject:spam", explanation="Please say it once.")

    mine = signed_in(reader).get("/comments/me/").content.decode()
    for words in (f"Not published: {reason}.", "Decided by an editor", reason.author_text["en"], "Please say it once."):
        assert words.replace("'", "&#x27;") in mine


def test_one_at_a_time_stays_so_through_a_decision(desk: Client, waiting: list[Comment]) -> None:
    shown = page(desk, "?view=one")
    assert 'class="thumb"' in shown and 'name="view" value="one"' in shown

    answer = send(desk, waiting[0], "hold", view="one", next=waiting[1].pk)

    assert "view=one" in answer["Location"] and f"open={waiting[1].pk}" in answer["Location"]


# --- Differences ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("one two three", "one 2 three", "one <del>two</del><ins>2</ins> three"),
        ("same", "same", "same"),
        ("", "<b>", "<ins>&lt;b&gt;</ins>"),
        ("<script>", "", "<del>&lt;script&gt;</del>"),
        ("a & b", "a & c", "a &amp; <del>b</del><ins>c</ins>"),
    ],
)
def test_differences_are_marked_word_by_word_and_escaped(before: str, after: str, shown: str) -> None:
    assert differences.words(before, after) == shown


def test_long_hostile_texts_are_compared_in_no_time() -> None:
    began = timezone.now()
    for before, after in (("ab " * 5_000, "ba " * 5_000), ("x" * 20_000, "x\n" * 10_000), (HOSTILE * 60, HOSTILE * 61)):
        assert "<script" not in differences.words(before, after)
    assert timezone.now() - began < timedelta(seconds=3)


def test_hostile_words_run_in_no_state_of_the_card(
    desk: Client, mira: Commenter, person: Person, post: Post, discussion: Discussion
) -> None:
    Phrase.objects.create(phrase="onerror", kind="suspect")
    author = person("innocent")
    comment = post(author, HOSTILE)
    seen = Comment.objects.get(pk=comment.pk)
    page(desk)
    Commenter.objects.update(name="<b onmouseover=x>&amp;")
    Discussion.objects.update(title="<svg onload=alert(3)>", url="javascript:alert(4)")
    posting.edit_comment(Commenter.objects.get(pk=author.pk), comment, HOSTILE + " <img src=y onerror=alert(5)>")

    for shown in (
        page(desk),
        page(signed_in(mira), f"?open={comment.pk}"),
        said(signed_in(mira), want=[f"{comment.pk}:1"], text=[f"{comment.pk}:1"])["cards"][str(comment.pk)],
        send(desk, seen, "publish", text=1, last=1, note="</textarea><script>").content.decode(),
        page(desk, f"conversation/{comment.pk}/"),
    ):
        tree = html5lib.parse(shown, treebuilder="etree", namespaceHTMLElements=False)
        elements = [element for element in tree.iter() if isinstance(element.tag, str)]
        assert [e for e in elements if e.tag == "script" and not e.get("src", "").startswith("/static/")] == []
        assert [(e.tag, name) for e in elements for name in e.attrib if name.startswith("on")] == []
        assert "javascript:" not in " ".join(e.get("href", "") for e in elements)
