"""Appeals: asked once by whom it is about, ruled on by somebody else, and told to both; letters about decisions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comments import appeals, letters, moderation
from comments.exceptions import CommentChanged, Refused
from comments.http import network_key
from comments.models import (
    Appeal,
    AuditEntry,
    Comment,
    Commenter,
    Decision,
    Delivery,
    DeskPreference,
    Discussion,
    Flag,
    Reason,
    Sanction,
    SectionAccess,
    Status,
    Token,
)

Person = Callable[..., Commenter]
Decide = Callable[..., Decision]
WHY = "Both facts stand in your own article of 3 October. I asked about what you printed."
XSS = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


@pytest.fixture
def other(person: Person) -> Commenter:
    return person("hana", staff=True)


@pytest.fixture
def rejected(post: Callable[..., Comment], reader: Commenter, editor: Commenter, decide: Decide) -> Comment:
    comment = post(reader, "Ask who owns the taxi firm that gets the night contract.")
    decide(comment, "reject", editor, explanation="It names nobody and hints at everything.")
    return comment


@pytest.fixture
def asked(rejected: Comment, reader: Commenter) -> Appeal:
    return appeals.appeal(reader, rejected, WHY)


def client(who: Commenter | None) -> Client:
    made = Client()
    if who is not None:
        made.force_login(who.user)
    return made


def form(who: Commenter | None, url: str, **said: Any) -> Any:
    return client(who).post(url, said, headers={"Origin": "http://testserver"})


def page(who: Commenter | None, url: str) -> str:
    return client(who).get(url).content.decode()


def api(who: Commenter, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    token = Token.objects.issue(who.user, ["read", "write", "moderate"], 30)
    more = {"data": body or {}, "content_type": "application/json"} if method != "get" else {}
    return getattr(Client(), method)(f"/api/v1/{path}", headers={"Authorization": f"Bearer {token}"}, **more)


def role(who: Commenter, name: str, *sections: str) -> Commenter:
    who.user.is_staff = True
    who.user.save()
    who.user.groups.set([Group.objects.get(name=name)])
    for section in sections:
        SectionAccess.objects.create(user=who.user, section=section)
    who.user = type(who.user).objects.get(pk=who.user.pk)
    return who


# --- Asking -----------------------------------------------------------------------------------------------------------


def test_the_page_tells_what_was_decided_as_the_law_asks(rejected: Comment, reader: Commenter) -> None:
    shown = page(reader, f"/comments/{rejected.pk}/appeal/")

    for words in (
        "Your comment is no longer shown.",
        "Off topic",
        "It is about something other than the article.",
        "It names nobody and hints at everything.",
        "An editor",
        "No: an editor decided.",
        "The rules for comments on this site",
        "Everywhere",
        "Until further notice",
        "You can appeal once, free of charge, until",
        "Ask who owns the taxi firm",
    ):
        assert words in shown, words
    assert "daniel" not in shown


def test_an_appeal_is_filed_without_javascript_and_waits(rejected: Comment, reader: Commenter) -> None:
    url = f"/comments/{rejected.pk}/appeal/"

    answer = form(reader, url, text=WHY)

    assert answer.status_code == 303 and answer["Location"] == url
    made = Appeal.objects.get()
    assert made.text == WHY and made.due_at - made.filed_at == timedelta(days=14)
    assert "Your appeal waits since" in page(reader, url)
    assert "Your appeal waits since" in page(reader, "/comments/me/")
    assert "Your appeal waits since" in page(reader, f"/comments/{rejected.pk}/")


def test_the_authors_own_view_links_to_the_appeal(rejected: Comment, reader: Commenter) -> None:
    link = f'href="/comments/{rejected.pk}/appeal/"'

    assert link in page(reader, f"/comments/{rejected.pk}/")
    assert link in page(reader, "/comments/mine/?key=story-1")
    assert link in page(reader, "/comments/me/")


def test_a_second_appeal_is_told_where_the_first_stands(asked: Appeal, rejected: Comment, reader: Commenter) -> None:
    form(reader, f"/comments/{rejected.pk}/appeal/", text="Once more, with other words.")

    assert Appeal.objects.get().text == WHY
    answer = api(reader, "post", f"comments/{rejected.pk}/appeal/", {"text": "Once more, with other words."})
    assert answer.status_code == 200 and answer.json()["state"] == "open"


@pytest.mark.parametrize(
    ("text", "code"), [("", "appeal_too_short"), ("why?", "appeal_too_short"), ("x" * 2001, "appeal_too_long")]
)
def test_a_text_that_will_not_do_stays_in_the_box(text: str, code: str, rejected: Comment, reader: Commenter) -> None:
    answer = form(reader, f"/comments/{rejected.pk}/appeal/", text=text)

    shown = answer.content.decode()
    assert answer.status_code == 400 and code in shown and f">\n{text}</textarea>" in shown
    assert not Appeal.objects.exists()


def test_a_flood_is_refused_and_keeps_the_text(rejected: Comment, reader: Commenter, settings: Any) -> None:
    settings.COMMENTS = {"APPEALS_PER_HOUR": 1}
    try_it = appeals.ratelimit.require_not_too_many
    try_it("appeal", f"person:{reader.pk}", limit=1, seconds=3600)

    answer = form(reader, f"/comments/{rejected.pk}/appeal/", text=WHY)

    assert answer.status_code == 429 and int(answer["Retry-After"]) > 0 and WHY in answer.content.decode()


def test_only_its_author_may_appeal(rejected: Comment, person: Person, editor: Commenter) -> None:
    url = f"/comments/{rejected.pk}/appeal/"

    for who, status in ((None, 401), (person("noor"), 404), (editor, 404)):
        assert client(who).get(url).status_code == status
        assert form(who, url, text=WHY).status_code == status
    assert not Appeal.objects.exists()


def test_there_is_nothing_to_appeal_about_what_is_published_waits_or_was_withdrawn(
    post: Callable[..., Comment], reader: Commenter, rejected: Comment, settings: Any
) -> None:
    published = post(reader, "A bus at night is a good thing.")
    settings.COMMENTS = {"PREMODERATE": True}
    held = post(reader, "Another thing about the night bus.")
    appeals.moderation.decide(
        rejected, moderation.Verdict("withdraw"), decider="author", trigger="author", made_by=reader
    )

    for comment, code in ((published, "nothing_to_appeal"), (held, "nothing_to_appeal"), (rejected, "withdrawn")):
        answer = form(reader, f"/comments/{comment.pk}/appeal/", text=WHY)
        assert answer.status_code == 409 and code in answer.content.decode() and WHY in answer.content.decode()
    assert not Appeal.objects.exists()


def test_what_screening_rejected_and_what_was_taken_down_can_be_appealed(
    post: Callable[..., Comment], reader: Commenter, editor: Commenter, decide: Decide, settings: Any
) -> None:
    settings.COMMENTS = {"REFUSED_DOMAINS": ["bad.example"]}
    by_rule = post(reader, "Look here: https://bad.example/ for more.")
    taken_down = post(reader, "A bus at night is a good thing.")
    decide(taken_down, "hold", editor, reason="off_topic")

    assert by_rule.status == Status.REJECTED
    shown = page(reader, f"/comments/{by_rule.pk}/appeal/")
    assert "Yes: no editor took part." in shown and "It links to a site that is not linked to here." in shown
    assert "hidden until an editor has read it again" in page(reader, f"/comments/{taken_down.pk}/appeal/")
    assert appeals.appeal(reader, by_rule, WHY).is_new and appeals.appeal(reader, taken_down, WHY).is_new


def test_after_the_window_it_is_too_late(rejected: Comment, reader: Commenter) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=184), tick=False):
        answer = form(reader, f"/comments/{rejected.pk}/appeal/", text=WHY)

    assert answer.status_code == 403 and "The time to appeal this decision ended on" in answer.content.decode()


def test_the_api_tells_the_decision_and_takes_the_appeal(rejected: Comment, reader: Commenter) -> None:
    seen = api(reader, "get", f"comments/{rejected.pk}/").json()
    assert seen["can_appeal"] is True and seen["appeal"] is None
    told = api(reader, "get", f"comments/{rejected.pk}/appeal/").json()
    assert told["statement"]["automated"] == "not" and told["can_appeal"] is True and told["appeal"] is None

    answer = api(reader, "post", f"comments/{rejected.pk}/appeal/", {"text": WHY})

    assert answer.status_code == 201
    assert api(reader, "get", f"comments/{rejected.pk}/").json()["appeal"]["state"] == "open"
    assert api(reader, "get", f"comments/{rejected.pk}/appeal/").json()["appeal"]["text"] == WHY


@pytest.mark.parametrize("kind", ["warn", "premoderate", "suspend", "ban"])
def test_a_sanction_in_force_can_be_appealed_by_whom_it_is_about(
    kind: str, reader: Commenter, editor: Commenter, person: Person
) -> None:
    sanction = Sanction.objects.create(kind=kind, person=reader, reason="hate", made_by=editor)
    url = f"/comments/sanctions/{sanction.public_id}/appeal/"

    assert "What was decided" in page(reader, url) and "On the whole site" in page(reader, url)
    assert client(person("noor")).get(url).status_code == 404
    assert form(reader, url, text=WHY).status_code == 303
    assert "Your appeal waits since" in page(reader, url)
    assert "About a decision that concerns you as a person" in page(reader, "/comments/me/")


def test_a_sanction_that_is_over_cannot(reader: Commenter, editor: Commenter) -> None:
    ended = timezone.now() - timedelta(hours=1)
    sanction = Sanction.objects.create(
        kind="suspend", person=reader, made_by=editor, starts_at=ended - timedelta(days=1), ends_at=ended
    )

    answer = api(reader, "post", f"me/sanctions/{sanction.public_id}/appeal/", {"text": WHY})

    assert answer.status_code == 409 and answer.json()["code"] == "not_in_force"


def test_the_receipt_is_mailed_and_puts_nothing_typed_into_headers(rejected: Comment, reader: Commenter) -> None:
    reader.name = "mara\r\nBcc: everyone@example.org"
    reader.save()

    appeals.appeal(reader, rejected, "Subject: hello\r\nBcc: everyone@example.org\r\nthis is why")

    mail = Delivery.objects.get(key__endswith=":received")
    assert mail.to == "mara@example.org" and mail.subject == "We have received your appeal" and mail.headers == {}
    assert "\n> Bcc: everyone@example.org" in mail.text and "\nBcc:" not in mail.text


# --- Ruling -----------------------------------------------------------------------------------------------------------


DESK = "/admin/comments/desk/appeals/"


def test_another_editor_overturns_and_everybody_is_told(
    asked: Appeal, rejected: Comment, reader: Commenter, editor: Commenter, other: Commenter
) -> None:
    DeskPreference.objects.create(person=editor, mail_decisions=True)
    rejected.refresh_from_db()
    shown = page(other, f"{DESK}{asked.pk}/")
    assert WHY in shown and "daniel" in shown and "Ask who owns the taxi firm" in shown

    answer = form(
        other,
        f"{DESK}{asked.pk}/ruling/",
        outcome="overturn",
        ruling="You are right: we printed it.",
        note="Read our own pages first.",
        version=rejected.version,
    )

    assert answer.status_code == 303
    rejected.refresh_from_db()
    made = rejected.decisions.last()
    assert rejected.status == Status.PUBLISHED
    assert (made.trigger, made.appeal, made.reverses, made.made_by) == ("appeal", asked, asked.decision, other)
    for url in (f"/comments/{rejected.pk}/appeal/", "/comments/me/"):
        assert "Overturned by another editor" in page(reader, url)
        assert "You are right: we printed it." in page(reader, url)
    assert "Read our own pages first." not in page(reader, "/comments/me/")
    told = {mail.key.rpartition(":")[2]: mail for mail in Delivery.objects.filter(key__startswith="appeal:")}
    assert told["ruled"].to == "mara@example.org" and "granted" in told["ruled"].text
    assert told["editor"].to == "daniel@example.org" and "overturned" in told["editor"].text
    assert AuditEntry.objects.get(kind="appeal").after == {"state": "overturned", "did": "published"}
    assert "Overturned" in page(editor, DESK)


def test_upholding_leaves_everything_and_is_final(
    asked: Appeal, rejected: Comment, reader: Commenter, other: Commenter
) -> None:
    form(other, f"{DESK}{asked.pk}/ruling/", outcome="uphold", ruling="It stays an allegation.")

    rejected.refresh_from_db()
    asked.refresh_from_db()
    assert asked.state == "upheld" and rejected.status == Status.REJECTED
    assert "the decision stands" in page(reader, f"/comments/{rejected.pk}/appeal/")
    assert not appeals.appeal(reader, rejected, "And once more, please.").is_new


def test_it_is_never_served_to_who_decided(asked: Appeal, editor: Commenter, other: Commenter) -> None:
    assert list(appeals.for_ruling(editor)) == [] and appeals.for_others(editor) == 1
    assert list(appeals.for_ruling(other)) == [asked]

    assert WHY not in page(editor, DESK)
    opened = client(editor).get(f"{DESK}{asked.pk}/")
    assert opened.status_code == 403 and "somebody else rules on it" in opened.content.decode()
    assert WHY not in opened.content.decode()
    ruled = form(editor, f"{DESK}{asked.pk}/ruling/", outcome="uphold", ruling="I was right.")
    assert ruled.status_code == 403
    answer = api(editor, "post", f"moderation/appeals/{asked.pk}/ruling/", {"ruling": "uphold", "text": "I was right."})
    assert answer.status_code == 403 and answer.json()["code"] == "own_decision"
    assert api(editor, "get", f"moderation/appeals/{asked.pk}/").status_code == 403
    assert api(editor, "get", "moderation/appeals/").json()["results"] == []
    asked.refresh_from_db()
    assert asked.state == "open"


def test_nor_to_who_sanctioned_or_asks(reader: Commenter, editor: Commenter, other: Commenter) -> None:
    sanction = Sanction.objects.create(kind="ban", person=other, reason="hate", made_by=editor)
    asked = appeals.appeal_sanction(other, sanction.public_id, WHY)

    for who, code in ((editor, "own_decision"), (other, "own_appeal")):
        assert list(appeals.for_ruling(who)) == []
        with pytest.raises(Refused) as refused:
            appeals.rule_on(asked, "overturn", "No.", made_by=who)
        assert refused.value.code == code


def test_overturning_a_sanction_lifts_it(reader: Commenter, editor: Commenter, other: Commenter) -> None:
    sanction = Sanction.objects.create(kind="ban", person=reader, reason="hate", made_by=editor)
    asked = appeals.appeal_sanction(reader, sanction.public_id, WHY)

    answer = api(
        other, "post", f"moderation/appeals/{asked.pk}/ruling/", {"ruling": "overturn", "text": "It was a quotation."}
    )

    assert answer.status_code == 201 and answer.json()["state"] == "overturned"
    lift = Sanction.objects.get(lifts=sanction)
    assert (lift.kind, lift.appeal, lift.made_by) == ("lift", asked, other)
    assert not Sanction.objects.in_force().filter(person=reader).exists()
    assert "Overturned by another editor" in page(reader, f"/comments/sanctions/{sanction.public_id}/appeal/")


def test_a_ruling_needs_words_and_keeps_what_was_typed(asked: Appeal, other: Commenter) -> None:
    answer = form(other, f"{DESK}{asked.pk}/ruling/", outcome="uphold", ruling=" ", note="A thought of mine.")

    assert answer.status_code == 400 and "A thought of mine." in answer.content.decode()
    long = form(other, f"{DESK}{asked.pk}/ruling/", outcome="uphold", ruling="x" * 2001)
    assert long.status_code == 400 and "x" * 2001 in long.content.decode()
    none = form(other, f"{DESK}{asked.pk}/ruling/", outcome="perhaps", ruling="Well.")
    assert none.status_code == 400
    asked.refresh_from_db()
    assert asked.state == "open"


def test_the_second_of_two_editors_is_told(asked: Appeal, other: Commenter, person: Person) -> None:
    form(other, f"{DESK}{asked.pk}/ruling/", outcome="uphold", ruling="It stays.")

    late = form(
        person("ida", staff=True), f"{DESK}{asked.pk}/ruling/", outcome="overturn", ruling="I see it otherwise."
    )

    assert late.status_code == 409 and "hana has ruled on this appeal" in late.content.decode()
    assert "I see it otherwise." in late.content.decode()
    asked.refresh_from_db()
    assert asked.state == "upheld" and asked.ruling == "It stays."


def test_a_comment_that_changed_meanwhile_is_looked_at_again(
    asked: Appeal, rejected: Comment, other: Commenter, person: Person, decide: Decide
) -> None:
    rejected.refresh_from_db()
    seen = rejected.version
    decide(rejected, "publish", person("ida", staff=True))

    with pytest.raises(CommentChanged):
        appeals.rule_on(asked, "overturn", "Back it goes.", made_by=other, version=seen)
    ruled = appeals.rule_on(asked, "overturn", "It is back already.", made_by=other, version=seen + 1)

    assert ruled.state == "overturned" and not Decision.objects.filter(appeal=asked).exists()


def test_overturning_what_was_withdrawn_publishes_nothing(
    asked: Appeal, rejected: Comment, reader: Commenter, other: Commenter
) -> None:
    rejected.refresh_from_db()
    moderation.decide(rejected, moderation.Verdict("withdraw"), decider="author", trigger="author", made_by=reader)
    assert "nothing is published" in page(other, f"{DESK}{asked.pk}/")

    appeals.rule_on(asked, "overturn", "You were right.", made_by=other)

    rejected.refresh_from_db()
    assert rejected.status == Status.WITHDRAWN


def test_reports_that_were_upheld_are_dismissed_when_it_is_overturned(
    post: Callable[..., Comment], reader: Commenter, editor: Commenter, other: Commenter, person: Person, decide: Decide
) -> None:
    comment = post(reader, "A bus at night is a good thing.")
    reporter = person("noor")
    moderation.flag(reporter, comment, "off_topic")
    comment.refresh_from_db()
    decide(comment, "reject", editor)
    asked = appeals.appeal(reader, comment, WHY)

    appeals.rule_on(asked, "overturn", "It is on topic.", made_by=other)

    reporter.refresh_from_db()
    assert Flag.objects.get().state == "dismissed"
    assert (reporter.upheld_flag_count, reporter.dismissed_flag_count) == (0, 1)


# --- Who may ----------------------------------------------------------------------------------------------------------


def test_roles_and_sections_decide_who_rules(
    rejected: Comment, asked: Appeal, discussion: Discussion, person: Person, reader: Commenter
) -> None:
    Discussion.objects.filter(pk=discussion.pk).update(section="City")
    inside = role(person("inside"), "Section moderator", "City")
    outside = role(person("outside"), "Section moderator", "Sport")
    viewer = role(person("viewer"), "Viewer")
    moderator = role(person("moderator"), "Moderator")
    body = {"ruling": "uphold", "text": "It stays as it is."}

    for who, listed, opened in ((outside, 200, 403), (viewer, 403, 403), (inside, 200, 200), (moderator, 200, 200)):
        assert client(who).get(DESK).status_code == listed, who
        assert client(who).get(f"{DESK}{asked.pk}/").status_code == opened, who
        assert api(who, "get", f"moderation/appeals/{asked.pk}/").status_code == opened, who
        assert (WHY in page(who, DESK)) is (opened == 200), who
    for who in (outside, viewer, reader):
        assert api(who, "post", f"moderation/appeals/{asked.pk}/ruling/", body).status_code == 403
    assert api(inside, "post", f"moderation/appeals/{asked.pk}/ruling/", body).status_code == 201


def test_sanctions_are_not_for_section_moderators(reader: Commenter, editor: Commenter, person: Person) -> None:
    sanction = Sanction.objects.create(kind="ban", person=reader, reason="hate", made_by=editor)
    asked = appeals.appeal_sanction(reader, sanction.public_id, WHY)
    inside = role(person("inside"), "Section moderator", "City")

    assert list(appeals.for_ruling(inside)) == []
    with pytest.raises(Refused) as refused:
        appeals.rule_on(asked, "overturn", "No.", made_by=inside)
    assert refused.value.code == "other_section"


# --- The desk's page --------------------------------------------------------------------------------------------------


def test_late_ones_come_first_and_are_marked(
    asked: Appeal, post: Callable[..., Comment], reader: Commenter, editor: Commenter, other: Commenter, decide: Decide
) -> None:
    second = post(reader, "A bus at night is a good thing.")
    decide(second, "reject", editor)
    late = appeals.appeal(reader, second, "This one waits for longer than that.")
    Appeal.objects.filter(pk=late.pk).update(due_at=timezone.now() - timedelta(hours=3))

    assert [one.pk for one in appeals.for_ruling(other)] == [late.pk, asked.pk]
    assert "Late by" in page(other, DESK)
    first = api(other, "get", "moderation/appeals/?limit=1").json()
    second_page = api(other, "get", f"moderation/appeals/?limit=1&cursor={first['next']}").json()
    assert [one["id"] for one in first["results"] + second_page["results"]] == [late.pk, asked.pk]
    assert first["results"][0]["is_late"] is True and second_page["next"] is None
    assert api(other, "get", "moderation/appeals/?cursor=nonsense").status_code == 400


def test_a_page_of_appeals_costs_the_same_however_many_wait(
    asked: Appeal,
    post: Callable[..., Comment],
    reader: Commenter,
    editor: Commenter,
    other: Commenter,
    decide: Decide,
) -> None:
    desk = client(other)
    desk.get(DESK)
    with CaptureQueriesContext(connection) as few:
        desk.get(DESK)
    for number in range(5):
        comment = post(reader, f"A sentence, the {number}th, about the night tram and its stops.")
        decide(comment, "reject", editor)
        appeals.appeal(reader, comment, WHY)

    with CaptureQueriesContext(connection) as many:
        desk.get(DESK)

    assert len(many) <= len(few) <= 26


def test_hostile_words_are_shown_as_words(
    post: Callable[..., Comment], reader: Commenter, editor: Commenter, other: Commenter, decide: Decide
) -> None:
    reader.name = XSS[:80]
    reader.save()
    comment = post(reader, XSS + " and more")
    decide(comment, "reject", editor, explanation=XSS, private_note=XSS)
    asked = appeals.appeal(reader, comment, XSS)
    urls = [(reader, f"/comments/{comment.pk}/appeal/"), (reader, "/comments/me/"), (other, f"{DESK}{asked.pk}/")]

    seen = [page(who, url) for who, url in urls]
    appeals.rule_on(asked, "uphold", XSS, made_by=other, private_note=XSS)
    seen += [page(who, url) for who, url in urls] + [page(editor, DESK)]
    letters.write(asked.decision_id)
    seen += [mail.html for mail in Delivery.objects.exclude(html="")]

    assert len(seen) >= 9
    for shown in seen:
        assert "<script>alert" not in shown and "<img src=x" not in shown


# --- Letters ----------------------------------------------------------------------------------------------------------


def letter(comment: Comment) -> Delivery | None:
    return Delivery.objects.filter(key=f"decision:{comment.decisions.last().pk}:letter").first()


def test_an_author_is_mailed_the_reasons_once(rejected: Comment, discussion: Discussion, settings: Any) -> None:
    settings.COMMENTS = {"SITE_URL": "https://example-news.com", "CONTACT_EMAIL": "comments@example-news.com"}
    decision = rejected.decisions.last()

    letters.write_letter(decision.pk)
    letters.write_letter(decision.pk)

    mail = letter(rejected)
    assert Delivery.objects.filter(way="mail").count() == 1
    assert mail.to == "mara@example.org" and mail.next_at == decision.created_at + letters.GRACE
    for words in (
        "Your comment is no longer shown.",
        "The night tram is back",
        "> Ask who owns the taxi firm",
        "Which rule: off topic",
        "Ground: the rules for comments on this site",
        "Why it applies: It is about something other than the article.",
        "It names nobody and hints at everything.",
        "How we noticed it: an editor reading the comments",
        "Who decided: an editor",
        "Where it applies: everywhere",
        "How long: until further notice",
        "You can appeal once, free of charge, until",
        f"https://example-news.com/comments/{rejected.pk}/appeal/",
        "comments@example-news.com",
        str(decision.public_id),
    ):
        assert words in mail.text, words
    assert f'<a href="https://example-news.com/comments/{rejected.pk}/appeal/">' in mail.html


def test_a_decision_tells_the_task_after_the_commit(
    rejected: Comment,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
    decide: Decide,
    editor: Commenter,
) -> None:
    queued: list[int] = []
    monkeypatch.setattr(letters.write_letter, "delay_on_commit", queued.append)

    with django_capture_on_commit_callbacks(execute=True):
        decide(rejected, "reject", editor, reason="spam")

    assert queued == [rejected.decisions.last().pk]


def test_decisions_in_bulk_are_one_message(rejected: Comment, monkeypatch: pytest.MonkeyPatch) -> None:
    queued: list[Any] = []
    monkeypatch.setattr(letters.write_many_letters, "delay_on_commit", queued.append)

    letters.on_many_decided(decisions=list(rejected.decisions.all()))

    assert queued == [[rejected.decisions.last().pk]]
    letters.write_many_letters(queued[0])
    assert letter(rejected) is not None


@pytest.mark.parametrize("reason", ["high_volume", "off"])
def test_no_letter_for_spam_in_bulk_nor_when_letters_are_off(reason: str, rejected: Comment, settings: Any) -> None:
    if reason == "off":
        settings.COMMENTS = {"MAIL_DECISIONS": False}
    else:
        Reason.objects.filter(code="off_topic").update(high_volume_commercial=True)
    with time_machine.travel(timezone.now() + timedelta(minutes=10), tick=False):
        letters.write_letters()

    assert letter(rejected) is None


def test_the_sweep_finds_what_no_message_reached(rejected: Comment) -> None:
    assert letters.due() == []

    with time_machine.travel(timezone.now() + timedelta(minutes=10), tick=False):
        letters.write_letters()
        assert letters.due() == []

    assert letter(rejected) is not None


def test_a_decision_taken_back_at_once_tells_nobody(
    rejected: Comment, editor: Commenter, django_capture_on_commit_callbacks: Any
) -> None:
    decision = rejected.decisions.last()
    letters.write(decision.pk)

    with django_capture_on_commit_callbacks(execute=True):
        moderation.decide(
            rejected,
            moderation.Verdict("publish"),
            decider="editor",
            trigger="editor",
            made_by=editor,
            reverses=decision,
        )

    assert Delivery.objects.get().state == "failed" and Delivery.objects.get().error == "taken back"


def test_whoever_has_many_rejected_gets_few_letters(
    post: Callable[..., Comment], reader: Commenter, editor: Commenter, decide: Decide
) -> None:
    for number in range(letters.MOST_A_DAY + 4):
        comment = post(reader, f"A sentence, the {number}th, about the night tram and its stops.")
        decide(comment, "reject", editor)
        letters.write(comment.decisions.last().pk)

    assert Delivery.objects.count() == letters.MOST_A_DAY + 1


def test_a_guests_typed_address_gets_no_letter(rejected: Comment, reader: Commenter) -> None:
    reader.user.email = ""
    reader.user.save()
    Commenter.objects.filter(pk=reader.pk).update(email="somebody@example.org")

    assert letters.write(rejected.decisions.last().pk) is None


# --- Numbers ----------------------------------------------------------------------------------------------------------


def test_how_often_decisions_did_not_stand_is_counted_by_reason_rule_and_editor(
    asked: Appeal, post: Callable[..., Comment], reader: Commenter, editor: Commenter, other: Commenter, settings: Any
) -> None:
    settings.COMMENTS = {"REFUSED_DOMAINS": ["bad.example"]}
    by_rule = post(reader, "Look here: https://bad.example/ for more.")
    appeals.appeal(reader, by_rule, WHY)
    appeals.rule_on(asked, "overturn", "It is on topic.", made_by=other)

    now = timezone.now()
    found = appeals.overturned(now - timedelta(days=1), now + timedelta(minutes=1))

    three = {(rate.code, rate.decided, rate.appealed, rate.overturned) for rate in found.by_reason}
    assert ("off_topic", 1, 1, 1) in three and ("spam", 1, 1, 0) in three
    assert [(r.code, r.decided, r.appealed, r.overturned) for r in found.by_rule] == [
        ("reject_refused_domain", 1, 1, 0)
    ]
    assert [(r.name, r.decided, r.appealed, r.overturned) for r in found.by_editor] == [("daniel", 1, 1, 1)]
    assert appeals.overturned(now - timedelta(days=9), now - timedelta(days=8)).by_reason == []


# --- At once ----------------------------------------------------------------------------------------------------------


needs_row_locks = pytest.mark.skipif(connection.vendor != "postgresql", reason="needs row locks: PostgreSQL")


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run ``calls`` at the same moment, each on a connection of its own; return what each returned or raised."""
    start = threading.Barrier(len(calls))
    answers: list[Any] = [None] * len(calls)

    def run(place: int, call: Callable[[], Any]) -> None:
        start.wait()
        try:
            answers[place] = call()
        except Refused as refused:
            answers[place] = refused
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[place, call]) for place, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers


@needs_row_locks
@pytest.mark.django_db(transaction=True)
def test_two_appeals_at_once_are_one(reasons: None, rejected: Comment, reader: Commenter) -> None:
    made = at_once(*[lambda: appeals.appeal(reader, Comment.objects.get(pk=rejected.pk), WHY)] * 4)

    assert {one.pk for one in made} == {Appeal.objects.get().pk}
    assert sorted(one.is_new for one in made) == [False, False, False, True]
    assert Delivery.objects.filter(key__endswith=":received").count() == 1


@needs_row_locks
@pytest.mark.django_db(transaction=True)
def test_of_two_editors_at_once_one_rules_and_the_other_is_told(
    reasons: None, asked: Appeal, rejected: Comment, other: Commenter, person: Person
) -> None:
    ida = person("ida", staff=True)

    ruled, refused = sorted(
        at_once(
            lambda: appeals.rule_on(appeals.known(asked.pk), "overturn", "Back it goes.", made_by=other),
            lambda: appeals.rule_on(appeals.known(asked.pk), "uphold", "It stays.", made_by=ida),
        ),
        key=lambda answer: isinstance(answer, Refused),
    )

    assert isinstance(ruled, Appeal) and isinstance(refused, Refused) and refused.code == "already_ruled"
    asked.refresh_from_db()
    rejected.refresh_from_db()
    assert asked.ruled_by == ruled.ruled_by
    assert (rejected.status == Status.PUBLISHED) is (asked.state == "overturned")
    assert AuditEntry.objects.filter(kind="appeal").count() == 1
    assert Delivery.objects.filter(key__endswith=":ruled").count() == 1


@needs_row_locks
@pytest.mark.django_db(transaction=True)
def test_a_ruling_and_a_decision_at_once_do_not_wait_for_each_other_for_ever(
    reasons: None, asked: Appeal, rejected: Comment, other: Commenter, person: Person, decide: Decide
) -> None:
    ida = person("ida", staff=True)
    seen = Comment.objects.get(pk=rejected.pk)

    answers = at_once(
        lambda: appeals.rule_on(appeals.known(asked.pk), "overturn", "Back.", made_by=other, version=seen.version),
        lambda: decide(Comment.objects.get(pk=rejected.pk), "publish", ida),
    )

    assert any(not isinstance(answer, Refused) for answer in answers) and None not in answers
    rejected.refresh_from_db()
    assert rejected.status == Status.PUBLISHED and rejected.discussion.published_count == 1


def test_somebody_shut_out_by_their_network_alone_can_appeal(
    reader: Commenter, editor: Commenter, client: Client
) -> None:
    here = network_key(RequestFactory().get("/"))
    sanction = Sanction.objects.create(kind="suspend", network_key=here, made_by=editor)
    client.force_login(reader.user)
    address = f"/comments/sanctions/{sanction.public_id}/appeal/"

    assert client.get(address).status_code == 200
    assert client.get(address, REMOTE_ADDR="203.0.113.9").status_code == 404
    assert client.post(address, {"text": WHY}).status_code == 303
    assert sanction.appealed_by.appellant == reader
