"""Readers' complaints: what they weigh, when they hold a comment, and what an editor's decision makes of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from comments import discussions, flags, moderation, personal, posting
from comments.desk import queues
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Decider, Decision, Discussion, Finding, Flag, Reason, Status
from comments.policy import set_value
from comments.screening import Verdict
from tests.test_api import Caller, call, document, refused, said

__all__ = ["call", "document"]

Post = Callable[..., Comment]
Decide = Callable[..., Decision]
Person = Callable[..., Commenter]
Call = Callable[..., Caller]

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def published(reader: Commenter, post: Post) -> Comment:
    comment = post(reader, "The tram is late and the mayor is a liar.")
    assert comment.status == Status.PUBLISHED
    return comment


@pytest.fixture
def flagged(person: Person, published: Comment) -> Callable[..., Flag]:
    """Flag as somebody new."""

    def make(name: str, reason: str = "spam", comment: Comment = published, **more: Any) -> Flag:
        reporter = Commenter.objects.filter(name=name).first() or person(name)
        made = moderation.flag(reporter, comment, reason, **more)
        comment.refresh_from_db()
        return made

    return make


def as_editor(comment: Comment, action: str, editor: Commenter, **more: Any) -> Decision:
    comment.refresh_from_db()
    verdict = Verdict(action, reason="off_topic" if action == "reject" else "")
    trigger = moderation.first_cause(comment)
    return moderation.decide(comment, verdict, decider=Decider.EDITOR, trigger=trigger, made_by=editor, **more)


def records_are_exact() -> bool:
    """Say whether every person's record is what the rows say."""
    return all(
        (person.upheld_flag_count, person.dismissed_flag_count)
        == (
            person.flags.filter(state="upheld", counts=True).count(),
            person.flags.filter(state="dismissed", counts=True).count(),
        )
        for person in Commenter.objects.all()
    )


# --- What a flag weighs ---------------------------------------------------------------------------------------------

records = st.integers(min_value=0, max_value=10_000)


@given(records, records)
def test_a_weight_is_bounded_and_follows_the_record(upheld: int, dismissed: int) -> None:
    weighs = flags.by_record(upheld, dismissed)

    assert Decimal("0.1") <= weighs <= 2
    assert flags.by_record(upheld + 1, dismissed) >= weighs >= flags.by_record(upheld, dismissed + 1)
    assert flags.by_record(0, 0) == 1


def test_a_good_record_weighs_more_than_none_and_a_bad_one_less(flagged: Any, person: Person) -> None:
    hana = person("hana")
    Commenter.objects.filter(pk=hana.pk).update(upheld_flag_count=12, dismissed_flag_count=3)
    crier = person("crier")
    Commenter.objects.filter(pk=crier.pk).update(dismissed_flag_count=100)

    assert flagged("hana").weight == Decimal("1.474")
    assert flagged("crier").weight == Decimal("0.100")
    assert flagged("nobody-yet").weight == 1


# --- Holding --------------------------------------------------------------------------------------------------------


def test_enough_weight_holds_and_says_so_to_author_and_editor(
    flagged: Any, published: Comment, reader: Commenter, discussion: Discussion
) -> None:
    flagged("one")
    flagged("two", "hate")
    assert published.status == Status.PUBLISHED

    flagged("three")

    assert published.status == Status.HELD
    decision = published.decisions.last()
    assert (decision.decider, decision.trigger, decision.flag_weight) == ("system", "flag", 3)
    finding = Finding.objects.get(code="flagged")
    assert (finding.rule, finding.verdict, finding.evidence) == (
        "flags",
        "hold",
        {"people": 3, "weight": 3.0, "needed": 3},
    )
    [mine] = personal.in_discussion(reader, discussion)
    assert mine.why == ["readers have asked for an editor to look at it"]
    assert moderation.first_cause(published) == "flag"
    assert list(discussions.reconcile()) == []


def test_a_flag_by_staff_holds_alone(published: Comment, editor: Commenter) -> None:
    moderation.flag(editor, published, "spam")

    published.refresh_from_db()
    assert published.status == Status.HELD


def test_editors_set_how_much_holds_and_nought_is_never(flagged: Any, published: Comment, editor: Commenter) -> None:
    set_value("flag_hold_weight", 0, made_by=editor)
    for number in range(5):
        flagged(f"reader{number}")
    assert published.status == Status.PUBLISHED

    set_value("flag_hold_weight", 6, made_by=editor, discussion=published.discussion)
    flagged("one-more")
    assert published.status == Status.HELD


def test_one_person_flags_one_text_once(flagged: Any, published: Comment) -> None:
    first = flagged("one", "spam")
    again = flagged("one", "hate")

    assert (again.pk, again.reason, first.is_new, again.is_new) == (first.pk, "spam", True, False)
    assert Flag.objects.count() == 1


def test_a_new_text_starts_clean_and_the_old_flags_stay_with_the_old_one(
    flagged: Any, published: Comment, reader: Commenter, editor: Commenter
) -> None:
    flagged("one")
    flagged("two")
    assert queues.counts()["reported"] == 1

    posting.edit_comment(reader, published, "The tram is late and nobody is a liar.")
    published.refresh_from_db()
    moderation.screen(published.pk, published.version)
    assert queues.counts()["reported"] == 0
    again = flagged("one")
    as_editor(published, "reject", editor)

    assert again.is_new and again.weight == 1
    assert {flag.state for flag in Flag.objects.exclude(pk=again.pk)} == {"open"}
    assert Flag.objects.get(pk=again.pk).state == "upheld" and records_are_exact()


def test_rewriting_what_reports_had_held_is_no_way_around_the_editor(
    flagged: Any, published: Comment, reader: Commenter, editor: Commenter
) -> None:
    for name in ("one", "two", "three"):
        flagged(name)

    def rewrite(words: str) -> None:
        published.refresh_from_db()
        posting.edit_comment(reader, published, words)
        published.refresh_from_db()
        moderation.screen(published.pk, published.version)
        published.refresh_from_db()

    rewrite("The tram is late and the mayor is a liar!")
    assert published.status == Status.HELD
    moderation.rescreen(published.pk)
    published.refresh_from_db()
    assert published.status == Status.HELD

    as_editor(published, "publish", editor)
    rewrite("The tram is late.")
    assert published.status == Status.PUBLISHED and published.html == "<p>The tram is late.</p>"


def test_published_words_go_even_while_an_edit_of_them_waits(
    flagged: Any, published: Comment, reader: Commenter, editor: Commenter, discussion: Discussion
) -> None:
    posting.edit_comment(reader, published, "See https://elsewhere.example/")
    published.refresh_from_db()
    moderation.screen(published.pk, published.version)
    for name in ("one", "two", "three"):
        flagged(name)

    assert published.status == Status.HELD
    assert list(discussions.reconcile()) == []
    as_editor(published, "reject", editor)
    assert {flag.state for flag in Flag.objects.all()} == {"upheld"} and records_are_exact()


# --- What a decision makes of them ----------------------------------------------------------------------------------


def test_rejecting_upholds_and_approving_dismisses(
    flagged: Any, published: Comment, reader: Commenter, post: Post, editor: Commenter
) -> None:
    other = post(reader, "Another sentence that readers complain about.")
    flagged("one", comment=published)
    flagged("one", comment=other)
    flagged("two", comment=other)

    rejected = as_editor(published, "reject", editor)
    as_editor(other, "publish", editor)

    one, two = Commenter.objects.get(name="one"), Commenter.objects.get(name="two")
    assert (one.upheld_flag_count, one.dismissed_flag_count) == (1, 1)
    assert (two.upheld_flag_count, two.dismissed_flag_count) == (0, 1)
    assert Flag.objects.get(comment=published).settled_by == rejected
    assert records_are_exact()


def test_holding_leaves_them_open(flagged: Any, published: Comment, editor: Commenter) -> None:
    flagged("one")

    as_editor(published, "hold", editor)

    assert Flag.objects.get().state == "open" and records_are_exact()


def test_what_an_editor_let_stand_comes_back_for_a_new_reason_only(
    flagged: Any, published: Comment, editor: Commenter
) -> None:
    for name in ("one", "two", "three"):
        flagged(name, "spam")
    as_editor(published, "publish", editor)

    for number in range(10):
        flagged(f"late{number}", "spam")
    assert published.status == Status.PUBLISHED
    assert queues.counts()["reported"] == 0
    assert Flag.objects.filter(counts=False, state="open").count() == 10

    for name in ("new1", "new2", "new3"):
        flagged(name, "hate")
    assert published.status == Status.HELD
    assert published.decisions.last().flag_weight == 3
    as_editor(published, "reject", editor)
    assert Commenter.objects.get(name="late0").upheld_flag_count == 0 and records_are_exact()


@pytest.mark.parametrize("action", ["reject", "publish"])
def test_taking_a_decision_back_opens_them_again_and_takes_the_record_back(
    action: str, flagged: Any, published: Comment, editor: Commenter
) -> None:
    flagged("one")
    flagged("two", "hate")
    decision = as_editor(published, action, editor)
    assert records_are_exact() and not Flag.objects.filter(state="open").exists()
    robbed = flagged("late", "spam") if action == "publish" else None

    as_editor(published, "publish", editor, reverses=decision)

    assert {(flag.state, flag.settled_by) for flag in Flag.objects.all()} == {("open", None)}
    assert robbed is None or Flag.objects.get(pk=robbed.pk).counts
    assert records_are_exact()
    assert queues.counts()["reported"] == 1


def test_screening_and_authors_settle_nothing(flagged: Any, published: Comment, reader: Commenter) -> None:
    flagged("one")

    posting.withdraw_comment(reader, published)

    assert Flag.objects.get().state == "open" and records_are_exact()
    assert queues.counts()["reported"] == 0


# --- The API --------------------------------------------------------------------------------------------------------


def test_a_program_flags_once_and_is_told_the_same_again(call: Call, person: Person, published: Comment) -> None:
    program = call(person("one"))
    body = {"reason": "spam", "note": "The third time today."}

    first = program.post(f"comments/{published.pk}/flags/", body)
    again = program.post(f"comments/{published.pk}/flags/", body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert said(first) == said(again) == {"id": Flag.objects.get().pk, "state": "open"}
    assert Flag.objects.get().note == "The third time today."


def test_who_may_flag_what(
    call: Call, person: Person, reader: Commenter, editor: Commenter, post: Post, published: Comment
) -> None:
    one, spam = person("one"), {"reason": "spam"}
    held = post(reader, "Read https://elsewhere.example/ about it.")
    tombstone = post(reader, "What others answer to.")
    post(editor, "An answer.", parent=tombstone)
    as_editor(tombstone, "reject", editor)
    Reason.objects.filter(code="hate").update(is_active=False)

    def answer(comment: Comment, body: Any, who: Commenter | None = one, *scopes: str) -> tuple[int, str]:
        return refused(call(who, *scopes).post(f"comments/{comment.pk}/flags/", body))

    assert answer(published, spam, None) == (401, "not_signed_in")
    assert answer(published, spam, one, "read") == (403, "scope_missing")
    assert answer(published, spam, reader) == (403, "own_comment")
    assert answer(held, spam) == (404, "unknown_comment")
    assert answer(tombstone, spam) == (409, "no_longer_shown")
    assert refused(call(one).post("comments/999999/flags/", spam)) == (404, "unknown_comment")
    assert answer(published, {"reason": "because"}) == (400, "unknown_reason")
    assert answer(published, {"reason": "hate"}) == (400, "unknown_reason")
    assert answer(published, {"reason": "spam", "note": "n" * 501}) == (400, "invalid")
    assert answer(published, {"reason": "spam", "weight": 9}) == (400, "unknown_field")
    assert answer(published, {}) == (400, "invalid")
    assert Flag.objects.count() == 0


def test_the_one_whose_flag_held_it_may_send_it_again(call: Call, flagged: Any, person: Person, published: Any) -> None:
    flagged("one")
    flagged("two")
    program = call(person("three"))

    codes = [program.post(f"comments/{published.pk}/flags/", {"reason": "spam"}).status_code for _ in range(2)]

    assert codes == [201, 200]


def test_too_many_in_an_hour_are_refused_with_the_time_to_wait(
    call: Call, person: Person, reader: Commenter, post: Post, settings: Any
) -> None:
    settings.COMMENTS = {"FLAGS_PER_HOUR": 2}
    several = [post(reader, f"Sentence number {number} about the tram.") for number in range(3)]
    program = call(person("one"))

    answers = [program.post(f"comments/{comment.pk}/flags/", {"reason": "spam"}) for comment in several]

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert int(answers[2]["Retry-After"]) > 0
    assert program.post(f"comments/{several[0].pk}/flags/", {"reason": "spam"}).status_code == 200


def test_reported_cards_come_by_weight_then_age_page_by_page(
    call: Call, person: Person, reader: Commenter, editor: Commenter, post: Post
) -> None:
    trusted = person("trusted")
    Commenter.objects.filter(pk=trusted.pk).update(upheld_flag_count=12, dismissed_flag_count=3)
    trusted.refresh_from_db()
    light, heavy, later, most = (post(reader, f"Sentence {word} about the tram.") for word in "abcd")
    one, two = person("one"), person("two")
    for who, comment in [(one, light), (trusted, heavy), (one, later), (one, most), (two, most)]:
        moderation.flag(who, comment, "spam")
    program = call(editor, "moderate")

    seen, cursor = [], ""
    while cursor is not None:
        page = said(program.get(f"moderation/comments/?queue=reported&limit=1&cursor={cursor}"))
        seen += page["results"]
        cursor = page["next"]

    assert [card["id"] for card in seen] == [most.pk, heavy.pk, light.pk, later.pk]
    [flag] = seen[1]["flags"]
    assert (flag["reason"], flag["weight"], flag["reporter"]) == (
        "spam",
        1.474,
        {"id": trusted.pk, "name": "trusted", "upheld": 12, "dismissed": 3},
    )
    assert said(program.get("moderation/queues/"))["reported"] == 4
    assert refused(program.get("moderation/comments/?queue=reported&cursor=x-1")) == (400, "bad_cursor")
    got = queues.page(queues.named("reported"), size=2)
    more = queues.page(queues.named("reported"), got.next_cursor, size=2)
    assert [row.comment_id for row in [*got.rows, *more.rows]] == [most.pk, heavy.pk, light.pk, later.pk]


# --- The page -------------------------------------------------------------------------------------------------------


def client_of(who: Commenter | None) -> Client:
    client = Client(headers=SAME_ORIGIN)
    if who:
        client.force_login(who.user)
    return client


def test_a_reader_reports_on_a_page_without_javascript(person: Person, published: Comment) -> None:
    client, address = client_of(person("one")), f"/comments/{published.pk}/flag/"

    form = client.get(address).content.decode()
    assert "mayor is a liar" in form and form.count('type="radio"') == Reason.objects.filter(is_active=True).count()
    nothing_chosen = client.post(address, {"note": "What I typed"})
    sent = client.post(address, {"reason": "personal_attack", "note": "He is not."})

    assert nothing_chosen.status_code == 400 and "What I typed" in nothing_chosen.content.decode()
    assert (sent.status_code, sent["Location"]) == (303, address)
    after = client.get(address)
    assert "An editor will look at it." in after.content.decode() and 'type="radio"' not in after.content.decode()
    assert "no-store" in after["Cache-Control"]
    assert Flag.objects.get().note == "He is not."


def test_the_page_says_what_became_of_a_report(
    flagged: Any, person: Person, published: Comment, editor: Commenter
) -> None:
    flagged("one")
    address = f"/comments/{published.pk}/flag/"
    client = client_of(Commenter.objects.get(name="one"))

    decision = as_editor(published, "publish", editor)
    assert "lets it stand" in client.get(address).content.decode()
    as_editor(published, "publish", editor, reverses=decision)
    as_editor(published, "reject", editor)

    gone = client.get(address).content.decode()
    assert "removed it" in gone and "mayor is a liar" not in gone


def test_who_is_signed_out_is_asked_to_sign_in_and_comes_back(published: Comment) -> None:
    address = f"/comments/{published.pk}/flag/"

    for answer in (client_of(None).get(address), client_of(None).post(address, {"reason": "spam"})):
        assert answer.status_code == 401
        assert f"next=%2Fcomments%2F{published.pk}%2Fflag%2F" in answer.content.decode()
    assert Flag.objects.count() == 0


def test_the_page_refuses_what_cannot_be_reported(
    person: Person, reader: Commenter, post: Post, published: Comment
) -> None:
    held = post(reader, "Read https://elsewhere.example/ about it.")

    own = client_of(reader).get(f"/comments/{published.pk}/flag/")
    assert own.status_code == 403 and f'href="/comments/{published.pk}/withdraw/"' in own.content.decode()
    assert client_of(reader).post(f"/comments/{published.pk}/flag/", {"reason": "spam"}).status_code == 403
    assert client_of(person("one")).get(f"/comments/{held.pk}/flag/").status_code == 404
    assert client_of(None).get(f"/comments/{held.pk}/flag/").status_code == 404
    stranger = Client(enforce_csrf_checks=True)
    stranger.force_login(Commenter.objects.get(name="one").user)
    assert stranger.post(f"/comments/{published.pk}/flag/", {"reason": "spam"}).status_code == 403
    assert Flag.objects.count() == 0


def test_every_published_comment_links_to_its_report_page(reader: Commenter, published: Comment) -> None:
    shown = client_of(None).get(f"/comments/{published.pk}/").content.decode()

    assert f'href="/comments/{published.pk}/flag/"' in shown


# --- The desk -------------------------------------------------------------------------------------------------------


def test_the_desk_shows_reports_with_their_reporters_record(
    flagged: Any, person: Person, published: Comment, editor: Commenter
) -> None:
    hana = person("hana")
    Commenter.objects.filter(pk=hana.pk).update(upheld_flag_count=10, dismissed_flag_count=2)
    flagged("hana", "spam", note="Seen <b>twice</b>.")
    flagged("two", "hate")
    desk = client_of(editor)

    page = desk.get("/admin/comments/desk/?queue=reported").content.decode()

    assert "2 reports: 1 spam, 1 hate against a group; reporters&#x27; earlier reports: 10 of 12 upheld" in page
    assert "10 of 12 upheld" in page and "no record yet" in page and "Seen &lt;b&gt;twice&lt;/b&gt;." in page
    assert 'value="publish"' in page and 'data-count="reported">1</b>' in page


def test_approving_on_the_desk_empties_the_queue_and_undo_fills_it(
    flagged: Any, published: Comment, editor: Commenter
) -> None:
    flagged("one")
    desk = client_of(editor)
    place = {"comment": published.pk, "queue": "reported"}

    sent = desk.post("/admin/comments/desk/decide/", place | {"version": published.version, "decision": "publish"})
    published.refresh_from_db()

    assert sent.status_code == 303 and published.status == Status.PUBLISHED
    assert queues.counts()["reported"] == 0
    decision = published.decisions.last()
    desk.post("/admin/comments/desk/decide/", place | {"version": published.version, "undo": decision.pk})
    assert queues.counts()["reported"] == 1 and records_are_exact()


def test_the_panel_shows_flags_and_records_to_look_at(flagged: Any, editor: Commenter) -> None:
    made = flagged("one", note="To look at.")
    panel = client_of(editor)

    assert "To look at." in panel.get("/admin/comments/flag/").content.decode()
    assert panel.get(f"/admin/comments/flag/{made.pk}/change/").status_code == 200
    assert panel.post(f"/admin/comments/flag/{made.pk}/delete/").status_code == 403
    person_page = panel.get(f"/admin/comments/commenter/{made.person_id}/change/").content.decode()
    assert "Upheld flag count" in person_page and 'name="upheld_flag_count"' not in person_page


# --- At once --------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(connection.vendor != "postgresql", reason="needs row locks: PostgreSQL")
@pytest.mark.django_db(transaction=True)
def test_many_flags_at_once_hold_once(person: Person, reasons: None, published: Comment) -> None:
    reporters = [person(f"reader{number}") for number in range(8)]
    refusals: list[str] = []
    start = threading.Barrier(len(reporters))

    def flag(reporter: Commenter) -> None:
        try:
            start.wait()
            moderation.flag(reporter, Comment.objects.get(pk=published.pk), "spam")
        except Refused as refusal:
            refusals.append(refusal.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=flag, args=[reporter]) for reporter in reporters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    published.refresh_from_db()
    assert published.status == Status.HELD
    assert Decision.objects.filter(comment=published, trigger="flag").count() == 1
    assert Flag.objects.count() == 3 and refusals == ["unknown_comment"] * 5
    assert Finding.objects.filter(code="flagged").count() == 1
    assert list(discussions.reconcile()) == []


@pytest.mark.skipif(connection.vendor != "postgresql", reason="needs row locks: PostgreSQL")
@pytest.mark.django_db(transaction=True)
def test_editors_who_settle_each_others_flags_at_once_never_wait_for_ever(
    person: Person, editor: Commenter, post: Post, reasons: None, settings: Any
) -> None:
    settings.COMMENTS = settings.COMMENTS | {"REJECTION_RATE_PERCENT": 0}
    ada, ben = person("ada"), person("ben")
    for number in range(6):
        places = [
            Discussion.objects.create(key=f"{name}-{number}", title=name, url=f"/{name}/{number}/") for name in "ab"
        ]
        by_ada, by_ben = (
            post(author, f"Sentence {number} of {author}.", discussion=place)
            for author, place in zip((ada, ben), places, strict=True)
        )
        moderation.flag(ben, by_ada, "spam")
        moderation.flag(ada, by_ben, "spam")
        start, errors = threading.Barrier(2), []

        def reject(comment: Comment, start: threading.Barrier = start, errors: list[Any] = errors) -> None:
            try:
                start.wait()
                as_editor(comment, "reject", editor)
            except Exception as error:
                errors.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=reject, args=[comment]) for comment in (by_ada, by_ben)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
    assert records_are_exact()
