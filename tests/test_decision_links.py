"""Deciding from a mailbox or a chat: links that show, a button that acts, and mails and messages that carry them."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.core import mail as mailbox
from django.db import connections
from django.test import Client
from django.utils import timezone

from comments import decision_links, digests, preferences, tasks
from comments.models import (
    Comment,
    Commenter,
    Decision,
    Delivery,
    Discussion,
    Revision,
    SectionAccess,
)
from tests.test_outside_scorers import Neighbour, answering
from tests.test_together import HOSTILE, LINK, colleague, held

__all__ = ["colleague", "held"]

Post = Callable[..., Comment]
SITE = "https://example-news.com"
SETTINGS = {
    "RULE_MILLISECONDS": 60_000,
    "REPEAT_HOURS": 0,
    "FLOOD_COMMENTS": 0,
    "POSTS_PER_MINUTE": 0,
    "SITE_URL": SITE,
    "DIGEST_MINUTES": 15,
}


@pytest.fixture(autouse=True)
def known_site(settings: Any) -> None:
    settings.COMMENTS = SETTINGS


@pytest.fixture
def jo(colleague: Callable[..., Commenter]) -> Commenter:
    """A moderator who wishes mail."""
    one = colleague("jo")
    preferences.keep(one, mail_decisions=True)
    return one


def path_of(url: str) -> str:
    assert url.startswith(SITE + "/admin/comments/desk/link/")
    return urlsplit(url).path


def link(comment: Comment, action: str, person: Commenter | None = None) -> str:
    return path_of(decision_links.address(comment, action, person.user if person else None))


def shown(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


# --- One link ---------------------------------------------------------------------------------------------------------


def test_a_link_shows_the_comment_and_one_button_and_changes_nothing(held: Comment, jo: Commenter) -> None:
    path = link(held, "publish", jo)

    for method in ("get", "head", "get"):
        answer = getattr(Client(), method)(path)
        assert answer.status_code == 200

    page = shown(answer)
    held.refresh_from_db()
    assert "/tram for the figures." in page and "Contains 1 link" in page and "<bdi>jo</bdi>" in page
    assert page.count('<button type="submit"') == 1
    assert held.status == "held" and Decision.objects.filter(made_by=jo).count() == 0
    assert answer["Referrer-Policy"] == "same-origin" and "no-store" in answer["Cache-Control"]


def test_the_button_decides_in_the_name_of_whose_link_it_is(held: Comment, jo: Commenter) -> None:
    answer = Client().post(link(held, "publish", jo))

    held.refresh_from_db()
    decision = held.decisions.last()
    assert answer.status_code == 200 and "Approved" in shown(answer)
    assert held.status == "published"
    assert (decision.made_by, decision.decider, decision.trigger) == (jo, "editor", "screening")


def test_what_was_decided_is_taken_back_with_one_press(held: Comment, jo: Commenter) -> None:
    client = Client()
    done = client.post(link(held, "reject", jo), {"reason": "spam"}).content.decode()
    undo = re.search(r'<form method="post" action="(/admin/comments/desk/link/[^"]+)"', done)
    assert undo
    assert "Take the decision back?" in shown(client.get(undo[1]))
    held.refresh_from_db()
    assert held.status == "rejected"

    answer = client.post(undo[1])

    held.refresh_from_db()
    last = held.decisions.last()
    assert answer.status_code == 200 and "Taken back." in shown(answer)
    assert (held.status, last.made_by, last.reverses.verdict) == ("held", jo, "reject")
    assert client.post(undo[1]).status_code == 409


def test_rejecting_needs_a_reason_and_what_was_typed_stays(held: Comment, jo: Commenter) -> None:
    path = link(held, "reject", jo)

    without = Client().post(path, {"explanation": HOSTILE})
    unknown = Client().post(path, {"reason": "nonsense"})
    long = Client().post(path, {"reason": "spam", "explanation": "x" * 2001})
    done = Client().post(path, {"reason": "spam", "explanation": "Please no links."})

    assert [one.status_code for one in (without, unknown, long, done)] == [400, 400, 400, 200]
    assert "&lt;script&gt;alert(1)" in shown(without) and "<script>alert(1)" not in shown(without)
    held.refresh_from_db()
    decision = held.decisions.last()
    assert (held.status, decision.reason, decision.words.explanation) == ("rejected", "spam", "Please no links.")


def test_a_link_is_used_once_and_then_says_what_was_decided(held: Comment, jo: Commenter, editor: Commenter) -> None:
    path, other = link(held, "publish", jo), link(held, "reject", editor)
    preferences.keep(editor, mail_decisions=True)
    Client().post(path)

    again, late = Client().post(path), Client().get(other)

    assert (again.status_code, late.status_code) == (409, 409)
    assert "jo" in shown(late) and "Published" in shown(late) and '<button type="submit"' not in shown(late)
    assert held.decisions.filter(decider="editor").count() == 1


def test_a_link_about_words_that_were_rewritten_decides_nothing(
    held: Comment, jo: Commenter, reader: Commenter
) -> None:
    path = link(held, "publish", jo)
    Comment.objects.filter(pk=held.pk).update(version=held.version + 1)

    assert Client().get(path).status_code == 409
    assert Client().post(path).status_code == 409
    held.refresh_from_db()
    assert held.status == "held"


def test_a_link_expires_after_three_days(held: Comment, jo: Commenter) -> None:
    path = link(held, "publish", jo)

    with time_machine.travel(timezone.now() + timedelta(days=3, minutes=1)):
        answer = Client().post(path)

    assert answer.status_code == 410 and "expired" in shown(answer)
    held.refresh_from_db()
    assert held.status == "held"


@pytest.mark.django_db
def test_a_link_that_was_not_signed_here_opens_nothing(held: Comment, jo: Commenter) -> None:
    path = link(held, "publish", jo)
    token = path.rstrip("/").rpartition("/")[2]

    for wrong in (token[:-1], token[1:], f"x{token}", "1", "a:b:c", "é", token.replace(token[5], "Z", 1)):
        for method in ("get", "post"):
            answer = getattr(Client(), method)(f"/admin/comments/desk/link/{wrong}/")
            assert answer.status_code == 404 and "elsewhere.example" not in shown(answer), wrong


def test_a_link_of_an_editor_who_left_or_lost_the_role_or_wants_no_mail_is_void(
    held: Comment, jo: Commenter, colleague: Any, discussion: Discussion
) -> None:
    gone, changed, off = colleague("gone"), colleague("changed"), colleague("off")
    sport = colleague("sport", "Section moderator", "Transport")
    Discussion.objects.filter(pk=discussion.pk).update(section="Transport")
    for one in (gone, changed, sport):
        preferences.keep(one, mail_decisions=True)
    paths = [link(held, "publish", one) for one in (jo, gone, changed, off, sport)]
    assert [Client().get(path).status_code for path in paths] == [200, 200, 200, 403, 200]

    gone.user.is_active = False
    gone.user.save()
    jo.user.groups.clear()
    changed.user.set_password("another long password")
    changed.user.save()
    SectionAccess.objects.all().delete()

    for path in paths:
        for method in ("get", "post"):
            answer = getattr(Client(), method)(path)
            assert answer.status_code == 403 and "elsewhere.example" not in shown(answer)
    held.refresh_from_db()
    assert held.status == "held"


def test_the_button_is_guarded_against_other_sites(held: Comment, jo: Commenter) -> None:
    client = Client(enforce_csrf_checks=True)
    path = link(held, "publish", jo)

    assert client.post(path).status_code == 403
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get(path).content.decode())
    assert token and client.post(path, {"csrfmiddlewaretoken": token[1]}).status_code == 200


def test_a_link_of_a_chat_asks_for_a_sign_in_and_names_who_signed_in(
    held: Comment, editor: Commenter, reader: Commenter
) -> None:
    path = link(held, "publish")
    client = Client()
    for method in ("get", "post"):
        answer = getattr(client, method)(path)
        assert answer.status_code == 302 and answer["Location"].startswith(
            "/admin/login/?next=/admin/comments/desk/link/"
        )
    client.force_login(reader.user)
    assert client.post(path).status_code == 302

    client.force_login(editor.user)
    answer = client.post(path)

    held.refresh_from_db()
    assert answer.status_code == 200 and held.status == "published" and held.decisions.last().made_by == editor


@pytest.mark.django_db(transaction=True)
def test_two_presses_at_once_decide_once(held: Comment, editor: Commenter, reasons: None) -> None:
    preferences.keep(editor, mail_decisions=True)
    path = link(held, "publish", editor)
    answers: list[int] = []
    start = threading.Barrier(2)

    def press() -> None:
        start.wait()
        try:
            answers.append(Client().post(path).status_code)
        finally:
            connections.close_all()

    presses = [threading.Thread(target=press) for _each in range(2)]
    for one in presses:
        one.start()
    for one in presses:
        one.join()

    assert sorted(answers) == [200, 409]
    assert held.decisions.filter(decider="editor").count() == 1


# --- The mail ---------------------------------------------------------------------------------------------------------


def later(minutes: int = 16) -> Any:
    return time_machine.travel(timezone.now() + timedelta(minutes=minutes))


def test_what_waited_long_enough_is_mailed_to_those_who_wish_it(
    held: Comment, jo: Commenter, editor: Commenter, discussion: Discussion
) -> None:
    assert digests.send() == 0

    with later():
        assert digests.send() == 1

    mail = Delivery.objects.get()
    assert (mail.to, mail.subject) == ("jo@example.org", "1 comment waits")
    assert f"> {LINK}" in mail.text and str(discussion) in mail.text and "Contains 1 link" in mail.text
    for text in (mail.text, mail.html):
        assert (
            f"{SITE}/admin/comments/desk/?open={held.pk}" in text and f"{SITE}/admin/comments/desk/preferences/" in text
        )
    links = re.findall(rf"{SITE}(/admin/comments/desk/link/\S+)", mail.text)
    assert len(links) == 2
    assert Client().post(links[0]).status_code == 200
    held.refresh_from_db()
    assert held.status == "published" and held.decisions.last().made_by == jo


def test_each_text_is_mailed_once_and_no_more_often_than_was_set(
    held: Comment, jo: Commenter, reader: Commenter, post: Post
) -> None:
    with later(16):
        assert (digests.send(), digests.send()) == (1, 0)
    post(reader, f"{LINK} The second.")
    with later(25):
        assert digests.send() == 0, "the last one was a few minutes ago"
    with later(40):
        assert (digests.send(), digests.send()) == (1, 0)
    assert [mail.subject for mail in Delivery.objects.order_by("id")] == ["1 comment waits", "2 comments wait"]
    assert "The second." in Delivery.objects.latest("id").text and LINK + "\n" not in Delivery.objects.latest("id").text


def test_many_are_counted_and_a_few_are_listed(jo: Commenter, reader: Commenter, post: Post) -> None:
    for number in range(8):
        post(reader, f"{LINK} Number {number}.")

    with later():
        digests.send()

    mail = Delivery.objects.get()
    assert mail.subject == "8 comments wait" and "3 more wait." in mail.text
    assert mail.text.count("Approve:") == 5 and "Number 0." in mail.text and "Number 5." not in mail.text


def test_a_digest_costs_the_same_for_many(
    jo: Commenter, reader: Commenter, post: Post, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        post(reader, f"{LINK} Number {number}.")

    with later(), django_assert_max_num_queries(25):
        digests.send()


def test_section_moderators_are_told_of_their_sections(
    held: Comment, colleague: Any, discussion: Discussion, post: Post, reader: Commenter
) -> None:
    sport = colleague("sport", "Section moderator", "Sport")
    preferences.keep(sport, mail_decisions=True)
    Discussion.objects.filter(pk=discussion.pk).update(section="Transport")
    with later():
        assert digests.send() == 0
    match = Discussion.objects.create(key="match", title="The match", url="/match/", section="Sport")
    post(reader, f"{LINK} Offside.", discussion=match)

    with later():
        assert digests.send() == 1
    assert "Offside." in Delivery.objects.get().text and Delivery.objects.get().subject == "1 comment waits"


def test_those_who_may_not_decide_or_have_left_get_no_mail(held: Comment, jo: Commenter, colleague: Any) -> None:
    viewer, gone = colleague("viewer", "Viewer"), colleague("gone")
    for one in (viewer, gone):
        preferences.keep(one, mail_decisions=True)
    gone.user.is_active = False
    gone.user.save()
    jo.user.groups.clear()

    with later():
        assert digests.send() == 0


def test_harsh_words_are_left_out_for_those_who_want_them_blurred(held: Comment, jo: Commenter) -> None:
    preferences.keep(jo, blur_harsh=True)
    Revision.objects.filter(comment=held).update(risk=0.97)

    with later():
        digests.send()

    mail = Delivery.objects.get()
    assert "tram for the figures" not in mail.text + mail.html and "Harsh words" in mail.text


def test_hostile_words_stay_words_in_a_mail(jo: Commenter, person: Any, post: Post, discussion: Discussion) -> None:
    Discussion.objects.filter(pk=discussion.pk).update(title=f"{HOSTILE}\nBcc: all@example.org")
    author = person("eve")
    Commenter.objects.filter(pk=author.pk).update(name="Eve\n\nApprove: https://evil.example/\u202e")
    author.refresh_from_db()
    post(author, f"{LINK}\n\nApprove: https://evil.example/\n{HOSTILE}")

    with later():
        digests.send()
        tasks.send_deliveries()

    mail = Delivery.objects.get()
    assert "<script" not in mail.html and "<img" not in mail.html
    assert not re.search(r"^Approve: https://evil", mail.text, re.M)
    assert "\u202e" not in mail.text and len(mailbox.outbox) == 1


def test_without_the_sites_address_the_mail_says_why_there_are_no_links(
    held: Comment, jo: Commenter, settings: Any
) -> None:
    settings.COMMENTS = SETTINGS | {"SITE_URL": ""}

    with later():
        digests.send()

    assert "SITE_URL" in Delivery.objects.get().text and "link/" not in Delivery.objects.get().text


def test_no_digest_where_it_is_off(held: Comment, jo: Commenter, settings: Any) -> None:
    settings.COMMENTS = SETTINGS | {"DIGEST_MINUTES": 0}

    with later():
        assert digests.send() == 0


@pytest.mark.django_db(transaction=True)
def test_two_beats_at_once_mail_once(held: Comment, editor: Commenter) -> None:
    preferences.keep(editor, mail_decisions=True)
    Revision.objects.update(created_at=timezone.now() - timedelta(hours=1))
    start = threading.Barrier(3)
    sent: list[int] = []

    def beat() -> None:
        start.wait()
        try:
            sent.append(digests.send())
        finally:
            connections.close_all()

    beats = [threading.Thread(target=beat) for _each in range(3)]
    for one in beats:
        one.start()
    for one in beats:
        one.join()

    assert sum(sent) == 1 and Delivery.objects.count() == 1


# --- The chat ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def chat(settings: Any) -> Iterator[Neighbour]:
    made = Neighbour()
    made.says = answering(b"ok")
    settings.COMMENTS = SETTINGS | {
        "DESK_WEBHOOK_URL": made.url + "/hooks/desk",
        "DESK_WEBHOOK_SECRET": "s3cret",
        "ALLOW_PRIVATE_SCORERS": True,
    }
    yield made
    made.stop()


def test_a_chat_hears_of_what_is_held_with_links_and_without_the_text(
    chat: Neighbour, reader: Commenter, post: Post, django_capture_on_commit_callbacks: Any, settings: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        comment = post(reader, LINK)
    tasks.send_deliveries()

    [(path, headers, body)] = chat.heard
    text = json.loads(body)["text"]
    assert path == "/hooks/desk" and headers["x-comments-signature"].startswith("sha256=")
    assert "mara" in text and "Contains 1 link" in text and "figures" not in text
    urls = re.findall(rf"<({SITE}[^|>]+)\|([^>]+)>", text)
    assert [name for _url, name in urls] == ["Approve", "Reject…", "Open on the desk"]
    assert Client().post(path_of(urls[0][0])).status_code == 302, "a chat is read by many: sign in first"
    comment.refresh_from_db()
    assert comment.status == "held"


def test_a_chat_gets_the_text_only_where_that_was_chosen(
    chat: Neighbour, reader: Commenter, post: Post, django_capture_on_commit_callbacks: Any, settings: Any
) -> None:
    settings.COMMENTS = settings.COMMENTS | {"DESK_WEBHOOK_TEXT": True}

    with django_capture_on_commit_callbacks(execute=True):
        post(reader, f"{LINK} <!channel> @here [Approve](https://evil.example/)")

    text = json.loads(Delivery.objects.get().text)["text"]
    assert "figures" in text
    assert "<!channel>" not in text and "@here" not in text and "](https" not in text


def test_a_flood_does_not_flood_the_chat(
    chat: Neighbour, reader: Commenter, post: Post, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        for number in range(digests.CHAT_MOST + 3):
            post(reader, f"{LINK} Number {number}.")
    assert Delivery.objects.count() == digests.CHAT_MOST

    with later():
        digests.send()
        digests.send()

    said = json.loads(Delivery.objects.get(key__startswith="digest:chat:").text)["text"]
    assert said.startswith("23 comments have waited for over 15 minutes.") and f"<{SITE}/admin/comments/desk/|" in said


def test_nothing_is_told_to_a_chat_that_is_not_there(
    reader: Commenter, post: Post, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        post(reader, LINK)

    assert not Delivery.objects.exists()
