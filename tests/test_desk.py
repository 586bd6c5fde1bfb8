"""The moderation desk: who gets in, what a card shows, what is written down, and what happens when one is late."""

from __future__ import annotations

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

from comments import discussions, moderation, posting
from comments.desk import cards, queues
from comments.models import (
    Comment,
    Commenter,
    Decision,
    Discussion,
    Finding,
    IssueReport,
    Phrase,
    Reason,
    Revision,
    Status,
)

Post = Callable[..., Comment]
Decide = Callable[..., Decision]
Person = Callable[..., Commenter]

DESK = "/admin/comments/desk/"
SCRIPT = {"X-Requested-With": "comments"}
LINK = "Read https://elsewhere.example/tram for the figures."
HOSTILE = "<script>alert(1)</script> & \"'><img src=x onerror=alert(2)> https://elsewhere.example/"


NO_LIMITS = {"POSTS_PER_MINUTE": 0, "FLOOD_COMMENTS": 0, "REPEAT_HOURS": 0, "RULE_MILLISECONDS": 60_000}


@pytest.fixture(autouse=True)
def no_rule_is_slow(settings: Any) -> None:
    """Let a busy machine hold nothing."""
    settings.COMMENTS = {"RULE_MILLISECONDS": 60_000}


@pytest.fixture
def desk(editor: Commenter) -> Client:
    client = Client()
    client.force_login(editor.user)
    return client


@pytest.fixture
def held(reader: Commenter, post: Post) -> Comment:
    comment = post(reader, LINK)
    assert comment.status == Status.HELD
    return comment


def send(client: Client, comment: Comment, decision: str, *, script: bool = False, **more: Any) -> Any:
    data = {"comment": comment.pk, "version": comment.version, "decision": decision, "queue": "to_decide"} | more
    return client.post(DESK + "decide/", data, headers=SCRIPT if script else {})


def page(client: Client, query: str = "") -> str:
    response = client.get(DESK + query)
    assert response.status_code == 200
    return response.content.decode()


def forms_in(html: str) -> list[dict[str, str]]:
    tree = html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=False)
    return [
        {field.get("name", ""): field.get("value", "") for field in form.iter("input")} for form in tree.iter("form")
    ]


# --- Who gets in ----------------------------------------------------------------------------------------------------

ADDRESSES = ["", "?queue=published", "card/1/", "decide/", "issues/", "numbers/"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_reader_and_a_stranger_are_sent_to_the_sign_in(address: str, reader: Commenter, held: Comment) -> None:
    as_reader = Client()
    as_reader.force_login(reader.user)

    for client in (as_reader, Client()):
        for answer in (client.get(DESK + address), client.post(DESK + address)):
            assert answer.status_code == 302 and answer["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("address", ADDRESSES)
def test_staff_without_the_permission_are_refused(address: str, held: Comment) -> None:
    user = get_user_model().objects.create_user("clerk", password="a long password", is_staff=True)
    user.user_permissions.set(Permission.objects.exclude(content_type__model="desk"))
    clerk = Client()
    clerk.force_login(user)

    answer = clerk.post(DESK + address) if address == "decide/" else clerk.get(DESK + address)

    assert answer.status_code == 403
    assert "moderation desk" not in clerk.get("/admin/").content.decode()


def test_the_permission_alone_is_enough_to_moderate(held: Comment) -> None:
    user = get_user_model().objects.create_user("hana", password="a long password", is_staff=True)
    user.user_permissions.set([Permission.objects.get(codename="moderate")])
    client = Client()
    client.force_login(user)

    assert "elsewhere.example" in page(client)
    assert send(client, held, "publish").status_code == 303

    held.refresh_from_db()
    assert held.status == Status.PUBLISHED
    assert DESK in client.get("/admin/").content.decode()


def test_a_decision_cannot_be_sent_from_another_site(editor: Commenter, held: Comment) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(editor.user)

    assert send(client, held, "publish").status_code == 403
    assert Decision.objects.filter(decider="editor").count() == 0


def test_there_is_no_way_to_add_change_or_delete_through_the_desk(desk: Client, held: Comment) -> None:
    for address in ("add/", f"{held.pk}/", f"{held.pk}/change/", f"{held.pk}/delete/", f"{held.pk}/history/"):
        assert desk.get(DESK + address).status_code == 404
    assert desk.get(DESK + "decide/").status_code == 405
    assert desk.post(DESK, {"action": "delete_selected"}).status_code == 405


# --- Deciding -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("button", "status", "reason"),
    [("publish", "published", ""), ("hold", "held", ""), ("reject:off_topic", "rejected", "off_topic")],
)
def test_a_decision_is_written_down_with_who_made_it_and_what_led_to_it(
    button: str, status: str, reason: str, desk: Client, editor: Commenter, held: Comment
) -> None:
    answer = send(desk, held, button, explanation="Please stay with the tram.", note="Seen before.")

    assert answer.status_code == 303 and answer["Location"].startswith(DESK)
    held.refresh_from_db()
    assert held.status == status
    decision = held.decisions.last()
    assert (decision.decider, decision.made_by, decision.trigger) == ("editor", editor, "screening")
    assert (decision.assistance, decision.from_status, decision.reason) == ("findings", "held", reason)
    assert decision.words.private_note == "Seen before."
    assert decision.words.explanation == ("Please stay with the tram." if reason else "")


def test_after_a_decision_the_next_card_is_open(desk: Client, reader: Commenter, post: Post) -> None:
    first, second, third = (post(reader, f"{LINK} {n}") for n in range(3))
    form = next(form for form in forms_in(page(desk)) if form.get("comment") == str(first.pk) and "version" in form)
    assert form["next"] == str(second.pk)

    answer = desk.post(DESK + "decide/", form | {"decision": "publish"}, follow=True)

    shown = answer.content.decode()
    assert f"open={second.pk}" in answer.redirect_chain[0][0]
    assert f"mara, #{first.pk}: Approved." in shown
    assert re.search(rf'class="card is-open"\s+id="c-{second.pk}"', shown)
    assert f'id="c-{third.pk}"' in shown and f'id="c-{first.pk}"' not in shown


def test_a_published_comment_is_rejected_from_its_queue_for_a_reason(
    desk: Client, reader: Commenter, post: Post
) -> None:
    comment = post(reader, "The tram is late again, as I expected.")
    assert "as I expected" in page(desk, "?queue=published")

    without = send(desk, comment, "reject", queue="published")
    with_reason = send(desk, comment, "reject", queue="published", reason="spam")

    assert without.status_code == 400 and "Choose the reason" in without.content.decode()
    assert with_reason.status_code == 303
    comment.refresh_from_db()
    assert comment.status == Status.REJECTED and comment.decisions.last().trigger == "editor"
    assert "Rejected: spam" in page(desk, "?queue=rejected")


def test_a_button_that_does_not_exist_decides_nothing_and_keeps_the_words(desk: Client, held: Comment) -> None:
    answer = send(desk, held, "promote", note="Keep this sentence.")

    assert answer.status_code == 400
    assert "Press Approve, Hold or a reason." in answer.content.decode()
    assert "Keep this sentence." in answer.content.decode()
    assert held.decisions.count() == 1
    assert desk.post(DESK + "decide/", {"decision": "publish"}).status_code == 404
    assert send(desk, Comment(pk=held.pk + 99, version=1), "publish").status_code == 404


def test_words_that_are_too_long_are_kept_and_refused(desk: Client, held: Comment) -> None:
    answer = send(desk, held, "reject:spam", explanation="x" * 2001)

    assert answer.status_code == 400
    assert "Explanation:" in answer.content.decode() and "x" * 2001 in answer.content.decode()
    assert held.decisions.count() == 1


# --- Being late -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [False, True])
def test_deciding_too_late_says_what_changed_and_loses_nothing(
    script: bool, desk: Client, person: Person, held: Comment, decide: Decide
) -> None:
    seen = Comment.objects.get(pk=held.pk)
    decide(held, "publish", person("hana", staff=True))

    answer = send(desk, seen, "reject:spam", script=script, explanation="Words I typed.", note="A note of mine.")

    shown = answer.content.decode()
    assert answer.status_code == 409
    assert "Published" in shown and "hana" in shown and 'role="alert"' in shown
    assert "Words I typed." in shown and "A note of mine." in shown
    assert f'name="version" value="{held.version}"' in shown
    assert shown.lstrip().startswith("<li" if script else "<!DOCTYPE html>")
    held.refresh_from_db()
    assert held.status == Status.PUBLISHED


def test_an_edit_meanwhile_is_shown_before_it_is_decided(
    desk: Client, reader: Commenter, discussion: Discussion, held: Comment
) -> None:
    posting.edit_comment(reader, held, "Quite another sentence, with https://elsewhere.example/")

    answer = send(desk, held, "publish")

    assert answer.status_code == 409
    assert "rewritten" in answer.content.decode() and "Quite another sentence" in answer.content.decode()
    held.refresh_from_db()
    assert held.status != Status.PUBLISHED


def test_a_withdrawn_comment_has_nothing_to_decide(desk: Client, reader: Commenter, held: Comment) -> None:
    posting.withdraw_comment(reader, held)

    held.refresh_from_db()
    answer = send(desk, held, "publish")

    assert answer.status_code == 409
    assert "stays withdrawn" in answer.content.decode()
    assert 'name="decision"' not in desk.get(f"{DESK}card/{held.pk}/").content.decode()


# --- Taking back ----------------------------------------------------------------------------------------------------


def undo_form(html: str) -> dict[str, str]:
    tree = html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=False)
    for form in tree.iter("form"):
        for button in form.iter("button"):
            if button.get("name") == "undo":
                fields = {field.get("name", ""): field.get("value", "") for field in form.iter("input")}
                return fields | {"undo": button.get("value", "")}
    raise AssertionError("nothing to undo on this page")


@pytest.mark.parametrize("button", ["publish", "hold", "reject:hate"])
def test_a_decision_on_a_held_comment_is_taken_back(
    button: str, desk: Client, discussion: Discussion, held: Comment
) -> None:
    send(desk, held, button)
    form = undo_form(page(desk))

    answer = desk.post(DESK + "decide/", form, follow=True)

    held.refresh_from_db()
    made, undone = list(held.decisions.order_by("-id")[:2])[::-1]
    assert held.status == Status.HELD
    assert (undone.reverses, undone.trigger) == (made, "screening")
    assert f'id="c-{held.pk}"' in answer.content.decode() and "Taken back" in answer.content.decode()
    assert list(discussions.reconcile()) == []


def test_taking_back_a_removal_publishes_again(desk: Client, reader: Commenter, post: Post) -> None:
    comment = post(reader, "The night tram stops at my door.")
    send(desk, comment, "reject:spam", queue="published")

    desk.post(DESK + "decide/", undo_form(page(desk, "?queue=published")))

    comment.refresh_from_db()
    assert comment.status == Status.PUBLISHED and comment.removed_for == ""


def test_taking_back_an_approval_of_a_rejected_comment_rejects_it_for_the_same_reason(
    desk: Client, reader: Commenter, editor: Commenter, post: Post, decide: Decide
) -> None:
    comment = post(reader)
    decide(comment, "reject", editor, reason="hate")
    send(desk, comment, "publish", queue="rejected")

    desk.post(DESK + "decide/", undo_form(page(desk, "?queue=rejected")))

    comment.refresh_from_db()
    assert comment.status == Status.REJECTED and comment.decisions.last().reason == "hate"


def test_taking_back_the_rejection_of_an_edit_leaves_the_published_words(
    desk: Client, reader: Commenter, discussion: Discussion, post: Post
) -> None:
    comment = post(reader, "The old words stand here.")
    posting.edit_comment(reader, comment, LINK)
    comment.refresh_from_db()
    moderation.screen(comment.pk, comment.version)
    comment.refresh_from_db()
    shown = page(desk)
    assert "This is an edit" in shown and "The old words stand here." in shown
    send(desk, comment, "reject:spam")

    back = desk.post(DESK + "decide/", undo_form(page(desk)))

    assert back.status_code == 303
    comment.refresh_from_db()
    assert comment.status == Status.PUBLISHED and "old words" in comment.html
    assert comment.revisions.get(number=2).status == Status.HELD
    reader.refresh_from_db()
    assert reader.rejected_count == 0
    assert list(discussions.reconcile()) == []


def test_what_another_editor_decided_since_is_not_undone(
    desk: Client, person: Person, held: Comment, decide: Decide
) -> None:
    send(desk, held, "publish")
    form = undo_form(page(desk))
    held.refresh_from_db()
    decide(held, "reject", person("hana", staff=True))

    answer = desk.post(DESK + "decide/", form)

    assert answer.status_code == 409 and "hana" in answer.content.decode()
    held.refresh_from_db()
    assert held.status == Status.REJECTED


def test_a_decision_about_something_else_cannot_be_taken_back_here(
    desk: Client, reader: Commenter, post: Post, held: Comment
) -> None:
    other = post(reader, "Something else entirely, and published.")

    answer = desk.post(
        DESK + "decide/", {"comment": held.pk, "version": held.version, "undo": other.decisions.last().pk}
    )

    assert answer.status_code == 404
    assert held.decisions.count() == 1


# --- What the script gets -------------------------------------------------------------------------------------------


def test_the_script_gets_the_folded_card_the_counts_and_the_way_back(
    desk: Client, reader: Commenter, post: Post, held: Comment
) -> None:
    post(reader, f"{LINK} Another.")

    answer = send(desk, held, "reject:hate", script=True).content.decode()

    assert "is-decided" in answer and f'id="c-{held.pk}"' in answer and 'data-to_decide="1"' in answer
    assert "hate against a group" in answer
    again = desk.post(DESK + "decide/", undo_form(answer), headers=SCRIPT).content.decode()
    assert "is-open" in again and 'data-to_decide="2"' in again
    assert "Taken back" in again and 'name="undo"' not in again


def test_one_open_card_is_a_fragment_and_an_unknown_one_is_not_found(desk: Client, held: Comment) -> None:
    answer = desk.get(f"{DESK}card/{held.pk}/")

    assert answer.content.decode().lstrip().startswith("<li")
    assert "no-store" in answer["Cache-Control"]
    assert 'name="decision"' in answer.content.decode()
    assert desk.get(f"{DESK}card/{held.pk + 99}/").status_code == 404
    assert desk.get(f"{DESK}card/{10**30}/").status_code == 404


# --- Queues ---------------------------------------------------------------------------------------------------------


def test_an_empty_queue_says_so(desk: Client) -> None:
    for name in ("to_decide", "unscreened", "published", "rejected"):
        assert str(queues.BY_NAME[name].empty) in page(desk, f"?queue={name}").replace("&#x27;", "'")


def test_what_no_worker_took_up_is_shown_after_a_minute(
    desk: Client, reader: Commenter, discussion: Discussion
) -> None:
    comment = posting.post_comment(reader, discussion, "Nobody has looked at this sentence.")
    assert "Nobody has looked" not in page(desk, "?queue=unscreened")

    Revision.objects.update(created_at=timezone.now() - timedelta(minutes=2))

    shown = page(desk, "?queue=unscreened")
    assert "Nobody has looked" in shown and "It has not been screened." in shown
    assert queues.counts() == dict.fromkeys(queues.counts(), 0) | {"unscreened": 1}
    send(desk, comment, "publish")
    comment.refresh_from_db()
    assert comment.status == Status.PUBLISHED


def test_pages_follow_each_other_without_a_gap(
    reader: Commenter, editor: Commenter, discussion: Discussion, post: Post, decide: Decide, settings: Any
) -> None:
    settings.COMMENTS = NO_LIMITS
    waiting = [post(reader, f"{LINK} {number}") for number in range(7)]
    Revision.objects.update(created_at=timezone.now())  # at the same moment: the id decides

    for name, expected in (
        ("to_decide", [comment.pk for comment in waiting]),
        ("published", [comment.pk for comment in reversed(waiting)]),
    ):
        if name == "published":
            for comment in waiting:
                decide(comment, "publish", editor)
        found, cursor = [], ""
        while True:
            got = queues.page(queues.named(name), cursor, size=3)
            found += [row.comment_id for row in got.rows]
            cursor = got.next_cursor
            if not cursor:
                break
        assert found == expected


@pytest.mark.parametrize("after", ["x", "1-", "-", "9" * 40 + "-1", "1-" + "9" * 40, "-5-5"])
def test_a_cursor_that_cannot_be_read_is_the_beginning(after: str, desk: Client, held: Comment) -> None:
    assert desk.get(DESK, {"after": after, "open": after, "queue": after}).status_code == 200


def test_a_comment_that_is_on_no_page_of_the_queue_can_be_opened(desk: Client, reader: Commenter, post: Post) -> None:
    comment = post(reader, "A published sentence that a report is about.")

    assert re.search(rf'class="card is-open"\s+id="c-{comment.pk}"', page(desk, f"?open={comment.pk}"))


def test_the_number_of_queries_does_not_grow_with_the_queue(
    desk: Client,
    person: Person,
    discussion: Discussion,
    post: Post,
    settings: Any,
    statements: Callable[[Client, str], int],
) -> None:
    settings.COMMENTS = NO_LIMITS
    parent = post(person("parent"), "Something to answer.")

    def fill(count: int, at: int) -> None:
        author = person(f"author{at}")
        for number in range(count):
            post(author, f"{LINK} Number {at}, {number}.", parent=parent)

    def queries(query: str) -> int:
        return statements(desk, f"{DESK}{query}")

    fill(5, 1)
    desk.get(DESK)
    few = [queries(f"?queue={name}") for name in ("to_decide", "published", "rejected", "unscreened")]
    fill(45, 2)
    many = [queries(f"?queue={name}") for name in ("to_decide", "published", "rejected", "unscreened")]

    assert few == many


# --- What a card shows ----------------------------------------------------------------------------------------------


def test_a_card_shows_the_objections_in_the_text_and_in_sentences(desk: Client, reader: Commenter, post: Post) -> None:
    Phrase.objects.create(phrase="paid troll", kind="suspect")
    post(reader, "You paid troll,\nsee https://elsewhere.example/ now.")

    shown = page(desk)

    assert '<mark class="link" data-n="1">elsewhere.example</mark>' in shown
    assert '<mark class="phrase" data-n="2">paid troll</mark>' in shown
    assert "Contains 1 link; 0 allowed" in shown and "Suspect phrase" in shown
    assert "1 link</span>" in shown and "suspect phrase</span>" in shown
    assert "hold_links" in shown


def test_a_card_shows_the_parent_the_record_and_the_history(
    desk: Client, person: Person, reader: Commenter, editor: Commenter, post: Post, decide: Decide
) -> None:
    parent = post(person("pieter"), "Is there a list of what each stop costs?")
    decide(post(reader, "Off the point."), "reject", editor)
    post(reader, LINK, parent=parent)

    shown = page(desk)

    assert "Is there a list" in shown and "pieter" in shown
    assert "Last decisions about other comments" in shown and "Rejected: off topic" in shown
    assert 'class="tick reject"' in shown
    assert "Screening" in shown
    assert 'href="/stories/1/#comments"' in shown


def test_hostile_words_names_and_titles_are_shown_as_text(
    desk: Client, person: Person, discussion: Discussion, post: Post
) -> None:
    Phrase.objects.create(phrase="onerror", kind="suspect")
    author = person("innocent")
    parent = post(person("parent"), "Something to answer.")
    Commenter.objects.update(name='<b onmouseover="x">&amp;')
    Discussion.objects.update(title="<svg onload=alert(3)>", section="<i>", url="javascript:alert(4)")
    comment = post(Commenter.objects.get(pk=author.pk), HOSTILE, parent=parent)
    Comment.objects.filter(pk=comment.pk).update(removed_for="<u>")
    assert comment.status == Status.HELD

    for shown in (
        page(desk),
        desk.get(f"{DESK}card/{comment.pk}/").content.decode(),
        send(desk, comment, "reject", note="</textarea><script>", script=True).content.decode(),
        send(desk, comment, "hold", script=True).content.decode(),
        page(desk, "?queue=published"),
    ):
        tree = html5lib.parse(shown, treebuilder="etree", namespaceHTMLElements=False)
        elements = [element for element in tree.iter() if isinstance(element.tag, str)]
        assert [e for e in elements if e.tag == "script" and not e.get("src", "").startswith("/static/")] == []
        assert [(e.tag, name) for e in elements for name in e.attrib if name.startswith("on")] == []
        assert "javascript:" not in " ".join(e.get("href", "") for e in elements)
        assert "&lt;svg onload" in shown


def test_no_page_of_the_desk_has_inline_script_style_or_handlers(desk: Client, held: Comment) -> None:
    send(desk, held, "hold")
    for address in ("", "?queue=published", f"card/{held.pk}/", "numbers/"):
        shown = desk.get(DESK + address).content.decode()

        assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>|\sstyle=|<style|\son[a-z]+=", shown), address


# --- Marks ----------------------------------------------------------------------------------------------------------


def found(number: int, code: str, *spans: tuple[int, int]) -> cards.Objection:
    return cards.Objection(number, code, "hold", "rule", "A sentence.", code, list(spans), [])


def plain(html: str) -> str:
    return re.sub(r'<span class="ref".*?</span>\d+</span>', "", html)


def test_marks_that_overlap_share_the_words_between_them() -> None:
    html = cards.marked("abcdefghij", [found(1, "links", (2, 6)), found(2, "phrase_suspect", (4, 8))])

    assert plain(html) == (
        'ab<mark class="link" data-n="1">cd</mark><mark class="link" data-n="1 2">ef</mark>'
        '<mark class="phrase" data-n="2">gh</mark>ij'
    )
    assert html.index("</span>1</span>") < html.index("gh") < html.index("</span>2</span>")


def test_marks_inside_each_other_and_on_the_same_words_keep_every_number() -> None:
    html = cards.marked("a<b>&c", [found(1, "x", (0, 6)), found(2, "links", (1, 4)), found(3, "long", (1, 4))])

    assert plain(html) == (
        '<mark class="w1" data-n="1">a</mark><mark class="w1" data-n="1 2 3">&lt;b&gt;</mark>'
        '<mark class="w1" data-n="1">&amp;c</mark>'
    )
    assert [int(n) for n in re.findall(r"</span>(\d)</span>", html)] == [2, 3, 1]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([[0, 3], [2, 5]], [(0, 5)]),
        ([[4, 5], [0, 1]], [(0, 1), (4, 5)]),
        ([[-3, 2], [8, 99]], [(0, 2), (8, 10)]),
        ([[3, 3], [5, 2], [1], "ab", None, [1.5, 2], ["0", "1"], [20, 30]], []),
        ("nonsense", []),
        ({"a": 1}, []),
    ],
)
def test_spans_that_do_not_fit_the_text_are_left_out(given: Any, kept: list[tuple[int, int]]) -> None:
    row = Finding(rule="r", verdict="hold", code="links", evidence={"spans": given, "links": 1})

    [objection] = cards.objections([row], "0123456789")

    assert objection.spans == kept
    assert plain(cards.marked("0123456789", [objection])).count("<mark") == len(kept)


def test_text_without_objections_is_shown_as_typed() -> None:
    assert cards.marked("One\n  two < three", []) == "One\n  two &lt; three"
    assert cards.marked("", []) == ""


# --- The other pages ------------------------------------------------------------------------------------------------


def test_the_front_page_counts_what_waits_on_the_issue_desk(desk: Client) -> None:
    IssueReport.objects.create(kind="vanished")

    assert "My comment vanished" in desk.get(DESK + "issues/").content.decode()
    assert '<b class="warn">1</b>' in page(desk)


def test_reasons_that_are_out_of_use_are_not_offered(desk: Client, held: Comment) -> None:
    Reason.objects.filter(code="hate").update(is_active=False)

    shown = page(desk)

    assert "reject:hate" not in shown and "reject:spam" in shown
