"""Editors work together: notes, and comments handed to somebody or to a role."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from comments import assignments, moderation, notes
from comments.desk import queues
from comments.exceptions import Refused
from comments.models import (
    Assignment,
    AuditEntry,
    Comment,
    Commenter,
    Decider,
    Decision,
    Delivery,
    DeskPreference,
    Discussion,
    Note,
    SectionAccess,
    Token,
    Trigger,
)
from comments.screening import Verdict

Post = Callable[..., Comment]
Decide = Callable[..., Decision]
Person = Callable[..., Commenter]
LINK = "Read https://elsewhere.example/tram for the figures."
HOSTILE = "<script>alert(1)</script> & \"'><img src=x onerror=alert(2)>"


@pytest.fixture(autouse=True)
def no_rule_is_slow(settings: Any) -> None:
    """Let a busy machine hold nothing."""
    settings.COMMENTS = {"RULE_MILLISECONDS": 60_000, "SITE_URL": "https://example-news.com"}


@pytest.fixture
def held(post: Post, reader: Commenter) -> Comment:
    return post(reader, LINK)


@pytest.fixture
def colleague(person: Person) -> Callable[..., Commenter]:
    """Make an editor with one role of the newsroom, and sections if it needs them."""

    def make(name: str, role: str = "Moderator", *sections: str) -> Commenter:
        one = person(name)
        user: Any = one.user
        user.is_staff = True
        user.save()
        user.groups.add(Group.objects.get(name=role))
        for section in sections:
            SectionAccess.objects.create(user=user, section=section)
        # Permissions are kept on the object they were asked of.
        one.user = get_user_model().objects.get(pk=user.pk)
        return one

    return make


def to(person: Commenter) -> str:
    return f"user:{person.user_id}"


def role(name: str) -> str:
    return f"role:{Group.objects.get(name=name).pk}"


# --- Notes ------------------------------------------------------------------------------------------------------------


def test_a_note_stands_on_a_comment_and_is_on_record_without_its_words(held: Comment, editor: Commenter) -> None:
    note = notes.write(held, "  I called the operator.  ", made_by=editor)

    entry = AuditEntry.objects.get(kind="note")
    assert [one.text for one in notes.about_comment(held)] == ["I called the operator."]
    assert (entry.object_id, entry.made_by) == (note.pk, editor)
    assert "operator" not in f"{entry.subject}{entry.before}{entry.after}{entry.note}"


def test_a_note_about_a_person_stands_beside_all_they_write(
    held: Comment, reader: Commenter, editor: Commenter, django_assert_num_queries: Any
) -> None:
    notes.write(reader, "Was warned by telephone.", made_by=editor)
    notes.write(held, "See the figures.", made_by=editor)

    with django_assert_num_queries(1):
        found = list(notes.for_cards([held]))

    assert [note.text for note in found] == ["Was warned by telephone.", "See the figures."]


def test_only_who_wrote_a_note_deletes_it(held: Comment, editor: Commenter, colleague: Any) -> None:
    note = notes.write(held, "Mine.", made_by=editor)

    with pytest.raises(Refused, match="not_your_note"):
        notes.delete(note.pk, made_by=colleague("jo"))
    notes.delete(note.pk, made_by=editor)

    assert not Note.objects.exists()
    assert AuditEntry.objects.filter(kind="note").count() == 2
    with pytest.raises(Refused, match="unknown_note"):
        notes.delete(note.pk, made_by=editor)


@pytest.mark.parametrize("words", ["", "   \n", "x" * 2001])
def test_a_note_says_something_and_not_everything(held: Comment, editor: Commenter, words: str) -> None:
    with pytest.raises(Refused):
        notes.write(held, words, made_by=editor)

    assert not Note.objects.exists() and not AuditEntry.objects.exists()


def test_readers_and_editors_of_other_sections_write_no_notes(
    held: Comment, reader: Commenter, colleague: Any, discussion: Discussion
) -> None:
    Discussion.objects.filter(pk=discussion.pk).update(section="Transport")
    held.refresh_from_db()
    sport = colleague("sport", "Section moderator", "Sport")

    for who in (reader, sport, colleague("viewer", "Viewer")):
        with pytest.raises(Refused):
            notes.write(held, "No.", made_by=who)


# --- Assignments ------------------------------------------------------------------------------------------------------


def test_a_comment_is_handed_to_a_colleague(held: Comment, editor: Commenter, colleague: Any) -> None:
    jo = colleague("jo")

    handed = assignments.assign(held, to(jo), "You know the tram.", made_by=editor)

    held.refresh_from_db()
    assert (handed.to_person, handed.note, held.status) == (jo, "You know the tram.", "held")
    assert list(assignments.to_me(jo.user)) == [handed]
    assert not assignments.to_me(editor.user).exists()
    assert AuditEntry.objects.get(kind="assignment").after == {"to": "jo"}


def test_escalating_hands_it_to_everyone_with_a_role(held: Comment, editor: Commenter, colleague: Any) -> None:
    chief, jo = colleague("chief", "Community editor"), colleague("jo")

    handed = assignments.assign(held, role("Community editor"), made_by=editor)

    assert list(assignments.to_my_roles(chief.user)) == [handed]
    assert list(assignments.to_my_roles(editor.user)) == [handed], "superusers see what any role has"
    assert not assignments.to_my_roles(jo.user).exists()


def test_handing_it_on_closes_what_was_open(held: Comment, editor: Commenter, colleague: Any) -> None:
    jo, kim = colleague("jo"), colleague("kim")
    first = assignments.assign(held, to(jo), made_by=editor)

    second = assignments.assign(held, to(kim), made_by=jo)

    first.refresh_from_db()
    assert first.closed_at and first.closed_by == jo
    assert assignments.current([held]) == {held.pk: second}
    assert AuditEntry.objects.filter(kind="assignment").latest("id").before == {"to": "jo"}


def test_the_same_again_changes_nothing(held: Comment, editor: Commenter, colleague: Any) -> None:
    jo = colleague("jo")
    first = assignments.assign(held, to(jo), "Please.", made_by=editor)

    assert assignments.assign(held, to(jo), "Please.", made_by=editor) == first
    assert Assignment.objects.count() == AuditEntry.objects.filter(kind="assignment").count() == 1


def test_the_database_keeps_one_open_for_each_comment(held: Comment, editor: Commenter) -> None:
    Assignment.objects.create(comment=held, to_person=editor, made_by=editor)

    with pytest.raises(IntegrityError), transaction.atomic():
        Assignment.objects.create(comment=held, to_person=editor, made_by=editor)


def test_what_is_given_back_is_everybodys_again(held: Comment, editor: Commenter, colleague: Any) -> None:
    assignments.assign(held, to(colleague("jo")), made_by=editor)

    assignments.give_back(held, made_by=editor)

    assert assignments.current([held]) == {}
    with pytest.raises(Refused, match="not_assigned"):
        assignments.give_back(held, made_by=editor)


def test_it_is_handed_only_to_those_who_can_decide_it(
    held: Comment, editor: Commenter, reader: Commenter, colleague: Any, discussion: Discussion
) -> None:
    Discussion.objects.filter(pk=discussion.pk).update(section="Transport")
    held.refresh_from_db()
    sport = colleague("sport", "Section moderator", "Sport")
    gone = colleague("gone")
    get_user_model().objects.filter(pk=gone.user_id).update(is_active=False)

    for whom in (to(reader), to(sport), to(gone), to(colleague("viewer", "Viewer")), role("Viewer"), "user:x", "", "9"):
        with pytest.raises(Refused):
            assignments.assign(held, whom, made_by=editor)

    assert assignments.assign(held, to(colleague("tram", "Section moderator", "Transport")), made_by=editor)


def test_the_lists_name_those_who_can_decide(editor: Commenter, reader: Commenter, colleague: Any) -> None:
    colleague("jo"), colleague("viewer", "Viewer")

    assert [one.name for one in assignments.editors(besides=editor)] == ["jo"]
    assert [one.name for one in assignments.roles()] == ["Community editor", "Moderator", "Section moderator"]


# --- It closes by itself ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("action", "closes"), [("publish", True), ("reject", True), ("hold", False)])
def test_deciding_closes_it_and_holding_does_not(
    held: Comment,
    editor: Commenter,
    colleague: Any,
    decide: Decide,
    action: str,
    closes: bool,
    django_capture_on_commit_callbacks: Any,
) -> None:
    jo = colleague("jo")
    handed = assignments.assign(held, to(jo), made_by=editor)

    with django_capture_on_commit_callbacks(execute=True):
        decision = decide(held, action, jo)

    handed.refresh_from_db()
    assert bool(handed.closed_at) is closes
    assert handed.closed_with == (decision if closes else None)


def test_taking_a_decision_back_opens_it_again(
    held: Comment, editor: Commenter, colleague: Any, decide: Decide, django_capture_on_commit_callbacks: Any
) -> None:
    handed = assignments.assign(held, to(colleague("jo")), made_by=editor)
    with django_capture_on_commit_callbacks(execute=True):
        decision = decide(held, "reject", editor)

    with django_capture_on_commit_callbacks(execute=True):
        moderation.decide(
            held, Verdict("hold"), decider=Decider.EDITOR, trigger=Trigger.EDITOR, made_by=editor, reverses=decision
        )

    assert assignments.current([held]) == {held.pk: handed}


def test_what_no_signal_reached_is_found(held: Comment, editor: Commenter, colleague: Any, decide: Decide) -> None:
    handed = assignments.assign(held, to(colleague("jo")), made_by=editor)
    decision = decide(held, "publish", editor)
    handed.refresh_from_db()
    assert handed.closed_at is None

    assert assignments.close_decided() == 1

    handed.refresh_from_db()
    assert handed.closed_with == decision and assignments.close_decided() == 0


# --- Telling ----------------------------------------------------------------------------------------------------------


def test_whoever_wishes_mail_is_told_with_a_link(held: Comment, editor: Commenter, colleague: Any) -> None:
    jo = colleague("jo")
    DeskPreference.objects.create(person=jo, mail_decisions=True)

    assignments.assign(held, to(jo), f"Look.\nApprove: https://evil.example/ {HOSTILE}", made_by=editor)

    mail = Delivery.objects.get()
    assert mail.to == "jo@example.org" and "\n" not in mail.subject
    assert f"https://example-news.com/admin/comments/desk/?open={held.pk}" in mail.text
    assert "> Approve: https://evil.example/" in mail.text


def test_a_role_is_told_one_by_one_and_who_wishes_none_gets_none(
    held: Comment, editor: Commenter, colleague: Any
) -> None:
    chief, deputy = colleague("chief", "Community editor"), colleague("deputy", "Community editor")
    colleague("third", "Community editor")
    for one in (chief, deputy, editor):
        DeskPreference.objects.create(person=one, mail_decisions=True)

    assignments.assign(held, role("Community editor"), made_by=editor)

    assert sorted(Delivery.objects.values_list("to", flat=True)) == ["chief@example.org", "deputy@example.org"]


def test_a_mail_without_the_sites_address_says_why_there_is_no_link(
    held: Comment, editor: Commenter, colleague: Any, settings: Any
) -> None:
    settings.COMMENTS = {}
    jo = colleague("jo")
    DeskPreference.objects.create(person=jo, mail_decisions=True)

    assignments.assign(held, to(jo), made_by=editor)

    assert "SITE_URL" in Delivery.objects.get().text


# --- On the desk ------------------------------------------------------------------------------------------------------

DESK = "/admin/comments/desk/"
SCRIPT = {"X-Requested-With": "comments"}


@pytest.fixture
def desk(editor: Commenter) -> Client:
    client = Client()
    client.force_login(editor.user)
    return client


def page(client: Client, path: str = "") -> str:
    answer = client.get(DESK + path)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_a_note_is_written_read_and_deleted_with_forms_alone(desk: Client, held: Comment) -> None:
    answer = desk.post(DESK + "note/", {"comment": held.pk, "words": HOSTILE})
    note = Note.objects.get()
    shown = page(desk, f"?open={held.pk}")

    assert answer.status_code == 303 and f"open={held.pk}" in answer["Location"]
    assert "&lt;script&gt;alert(1)" in shown and "<script>alert(1)" not in shown and "<img src=x" not in shown
    desk.post(DESK + "note/", {"comment": held.pk, "delete": note.pk})
    assert not Note.objects.exists()


def test_a_comment_is_handed_on_and_given_back_with_forms_alone(
    desk: Client, held: Comment, colleague: Any, post: Post, reader: Commenter
) -> None:
    jo, following = colleague("<i>jo</i>"), post(reader, f"{LINK} Once more.")

    answer = desk.post(
        DESK + "assign/",
        {"comment": held.pk, "to": "person", "person": to(jo), "words": HOSTILE, "next": following.pk},
    )

    shown = page(desk, f"?open={held.pk}")
    assert f"open={following.pk}" in answer["Location"]
    assert "for &lt;i&gt;jo&lt;/i&gt;" in shown and "<script>alert(1)" not in shown and "<i>jo" not in shown
    desk.post(DESK + "give-back/", {"comment": held.pk})
    assert assignments.current([held]) == {}


def test_what_was_typed_stays_when_it_is_refused(desk: Client, held: Comment) -> None:
    answer = desk.post(
        DESK + "assign/", {"comment": held.pk, "to": "person", "person": "", "words": "Ask the harbour."}
    )
    shown = answer.content.decode()

    assert answer.status_code == 400
    assert "Choose somebody" in shown and "Ask the harbour." in shown
    assert desk.post(DESK + "note/", {"comment": held.pk, "words": "x" * 2001}).status_code == 400
    assert desk.post(DESK + "note/", {"comment": 999, "words": "x"}).status_code == 404
    assert desk.post(DESK + "note/", {"comment": "x", "words": "x"}).status_code == 404


def test_the_script_gets_the_card_as_it_is_now(desk: Client, held: Comment) -> None:
    answer = desk.post(DESK + "note/", {"comment": held.pk, "words": "Called them."}, headers=SCRIPT)

    assert answer.status_code == 200
    assert "Called them." in answer.content.decode() and "<html" not in answer.content.decode()


def test_viewers_read_notes_and_write_none(held: Comment, editor: Commenter, colleague: Any) -> None:
    client = Client()
    client.force_login(colleague("viewer", "Viewer").user)

    for path in ("note/", "assign/", "give-back/"):
        assert client.post(DESK + path, {"comment": held.pk, "words": "x", "to": to(editor)}).status_code == 403
    assert not Note.objects.exists() and not Assignment.objects.exists()


def test_a_card_costs_the_same_with_many_notes(
    desk: Client, held: Comment, reader: Commenter, editor: Commenter
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            desk.get(f"{DESK}card/{held.pk}/")
        return len(asked)

    desk.get(f"{DESK}card/{held.pk}/")
    few = queries()
    for number in range(20):
        notes.write(held, f"Note {number}", made_by=editor)
        notes.write(reader, f"About them {number}", made_by=editor)
    assignments.assign(held, to(editor), made_by=editor)

    assert queries() == few


# --- For programs -----------------------------------------------------------------------------------------------------


@pytest.fixture
def program(editor: Commenter) -> Callable[..., Any]:
    token = Token.objects.issue(editor.user, ["moderate"], 30)

    def call(method: str, path: str, body: Any = None) -> Any:
        more = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return getattr(Client(), method)(
            f"/api/v1/moderation/{path}", headers={"Authorization": f"Bearer {token}"}, **more
        )

    return call


def test_programs_write_read_and_delete_notes(program: Any, held: Comment) -> None:
    made = program("post", f"comments/{held.pk}/notes/", {"text": "From a program."})

    assert made.status_code == 201 and made.json()["made_by"]["name"] == "daniel"
    assert [note["text"] for note in program("get", f"comments/{held.pk}/notes/").json()["results"]] == [
        "From a program."
    ]
    assert program("delete", f"notes/{made.json()['id']}/").status_code == 204
    assert program("delete", f"notes/{made.json()['id']}/").json()["code"] == "unknown_note"
    assert program("post", f"comments/{held.pk}/notes/", {"text": " "}).status_code == 400
    assert program("post", "comments/999/notes/", {"text": "x"}).status_code == 404


def test_programs_hand_a_comment_on_and_give_it_back(program: Any, held: Comment, colleague: Any) -> None:
    jo = colleague("jo")
    choices = program("get", "assignees/").json()["results"]
    path = f"comments/{held.pk}/assignment/"

    assert {"to": to(jo), "name": "jo"} in choices and {"to": role("Moderator"), "name": "Moderator"} in choices
    assert program("get", path).json()["code"] == "not_assigned"
    assert program("put", path, {"to": to(jo), "note": "Please."}).json()["name"] == "jo"
    assert program("get", path).json()["note"] == "Please."
    assert program("put", path, {"to": "role:0"}).json()["code"] == "unknown_assignee"
    assert program("delete", path).status_code == 204
    assert program("delete", path).status_code == 404


# --- Queues of one's own ----------------------------------------------------------------------------------------------


def test_what_is_handed_to_me_and_to_my_roles_are_queues_with_counts(
    held: Comment, editor: Commenter, colleague: Any, post: Post, reader: Commenter
) -> None:
    chief = colleague("chief", "Community editor")
    escalated = post(reader, f"{LINK} A hard one.")
    assignments.assign(held, to(chief), made_by=editor)
    assignments.assign(escalated, role("Community editor"), made_by=editor)
    client, other = Client(), Client()
    client.force_login(chief.user)
    other.force_login(colleague("jo").user)

    assert f'id="c-{held.pk}"' in page(client, "?queue=assigned")
    assert f'id="c-{escalated.pk}"' in page(client, "?queue=escalated")
    assert f'id="c-{held.pk}"' not in page(client, "?queue=escalated")
    assert "Nothing was handed to you." in page(other, "?queue=assigned")
    assert "Nothing was handed to a role of yours." in page(other, "?queue=escalated")
    counts = queues.counts(viewer=chief.user)
    assert (counts["assigned"], counts["escalated"]) == (1, 1)
    assert queues.counts(viewer=other.get(DESK).wsgi_request.user)["escalated"] == 0


def test_programs_see_these_queues_too(program: Any, held: Comment, editor: Commenter, colleague: Any) -> None:
    assignments.assign(held, to(editor), made_by=editor)

    assert [card["id"] for card in program("get", "comments/?queue=assigned").json()["results"]] == [held.pk]
    assert program("get", "comments/?queue=escalated").json()["results"] == []
    waits = program("get", "queues/").json()
    assert (waits["assigned"], waits["escalated"]) == (1, 0)


def test_a_role_with_sections_sees_what_was_handed_to_it_in_its_own(
    held: Comment, editor: Commenter, colleague: Any, discussion: Discussion
) -> None:
    Discussion.objects.filter(pk=discussion.pk).update(section="Transport")
    held.refresh_from_db()
    assignments.assign(held, role("Section moderator"), made_by=editor)
    sport, tram = colleague("sport", "Section moderator", "Sport"), colleague("tram", "Section moderator", "Transport")

    assert queues.counts(viewer=sport.user)["escalated"] == 0
    assert queues.counts(viewer=tram.user)["escalated"] == 1
