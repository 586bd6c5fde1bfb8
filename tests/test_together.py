"""Editors work together: notes, and comments handed to somebody or to a role."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction

from comments import assignments, moderation, notes
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
        found = notes.for_cards([held])

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
    assert Assignment.objects.count() == AuditEntry.objects.count() == 1


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
