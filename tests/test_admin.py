"""The admin panel: everything opens, nothing goes round the verbs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from comments import reactions
from comments.models import (
    AuditEntry,
    Comment,
    Commenter,
    Decision,
    DecisionWords,
    Desk,
    Discussion,
    Finding,
    IssueMessage,
    IssueReport,
    Phrase,
    Reaction,
    Reason,
    Revision,
    Token,
)

Post = Callable[..., Comment]
ADMIN = "/admin/comments/"
MODELS: list[Any] = [
    Comment,
    Revision,
    Decision,
    DecisionWords,
    Finding,
    Reaction,
    Discussion,
    Commenter,
    Phrase,
    Reason,
    Token,
    IssueReport,
    IssueMessage,
]
HOSTILE = "<script>alert(1)</script>"


def address(model: Any, rest: str = "") -> str:
    return f"{ADMIN}{model._meta.model_name}/{rest}"


@pytest.fixture
def panel(editor: Commenter) -> Client:
    client = Client()
    client.force_login(editor.user)
    return client


@pytest.fixture
def rows(reader: Commenter, editor: Commenter, post: Post, decide: Any) -> Callable[[int], None]:
    """Put so many rows of everything there."""

    def make(count: int) -> None:
        for _ in range(count):
            number = Comment.objects.count()
            comment = post(reader, f"{HOSTILE} Number {number}, https://elsewhere.example/")
            decide(comment, "publish", editor, private_note=f"{HOSTILE} {number}")
            reactions.react(editor, comment, "like")
            Phrase.objects.create(phrase=f"{HOSTILE} {number}", added_by=editor.user)
            Token.objects.issue(reader.user, ["read"], 30, label=HOSTILE)
            Discussion.objects.create(key=f"more-{number}", title=HOSTILE, url="javascript:alert(1)")
            get_user_model().objects.create_user(f"more{number}")
            Commenter.objects.create(name=HOSTILE, role=HOSTILE)
            report = IssueReport.objects.create(
                kind="vanished",
                email=HOSTILE,
                comment=comment,
                discussion=comment.discussion,
                reporter=reader,
                context={"browser": HOSTILE},
            )
            IssueMessage.objects.create(report=report, sender="you", text=HOSTILE, written_by=reader)

    return make


@pytest.fixture(autouse=True)
def nobody_is_too_fast(settings: Any) -> None:
    settings.COMMENTS = {
        "POSTS_PER_MINUTE": 0,
        "FLOOD_COMMENTS": 0,
        "REPEAT_HOURS": 0,
        "RULE_MILLISECONDS": 60_000,
    }


def test_every_model_of_the_app_is_in_the_panel() -> None:
    from django.apps import apps

    registered = set(admin.site._registry)

    assert set(apps.get_app_config("comments").get_models()) <= registered


@pytest.mark.parametrize("model", MODELS)
def test_every_list_and_page_opens_and_shows_hostile_words_as_text(model: Any, panel: Client, rows: Any) -> None:
    rows(2)

    pages = [
        address(model),
        address(model, "?q=number"),
        address(model, "?q=7"),
        address(model, f"{model.objects.order_by('-pk').first().pk}/change/"),
    ]

    for page in pages:
        answer = panel.get(page)
        shown = answer.content.decode()
        assert answer.status_code == 200, page
        assert HOSTILE not in shown
        assert not re.search(r"<script(?![^>]*\b(src|type=.application/json.)=?)[^>]*>|\sstyle=|<style", shown), page
        assert 'href="javascript:' not in shown


@pytest.mark.parametrize("model", MODELS)
def test_lists_ask_the_same_number_of_questions_however_long_they_are(model: Any, panel: Client, rows: Any) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert panel.get(address(model)).status_code == 200
        return len(asked)

    rows(2)
    panel.get(address(model))
    few = queries()
    rows(10)

    assert queries() == few
    assert few <= 8


@pytest.mark.parametrize("model", [Comment, Revision, Decision, Finding])
def test_lists_of_big_tables_count_no_further_than_they_need(model: Any, panel: Client, rows: Any) -> None:
    rows(1)

    with CaptureQueriesContext(connection) as asked:
        panel.get(address(model))

    counts = [query["sql"] for query in asked if "COUNT(" in query["sql"] and model._meta.db_table in query["sql"]]
    assert counts and all("LIMIT 10000" in sql for sql in counts)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("rest", ["", "add/", "{pk}/change/", "{pk}/delete/", "{pk}/history/"])
def test_a_reader_gets_nowhere_in_the_panel(model: Any, rest: str, reader: Commenter, rows: Any) -> None:
    rows(1)
    client = Client()
    client.force_login(reader.user)

    answer = client.get(address(model, rest.format(pk=model.objects.first().pk)))

    assert answer.status_code == 302 and answer["Location"].startswith("/admin/login/")


def test_staff_without_permissions_see_nothing(rows: Any) -> None:
    rows(1)
    client = Client()
    client.force_login(get_user_model().objects.create_user("clerk", is_staff=True))

    for model in MODELS:
        assert client.get(address(model)).status_code == 403
        assert client.get(address(model, f"{model.objects.first().pk}/change/")).status_code == 403


@pytest.mark.parametrize("model", [Comment, Revision, Decision, DecisionWords, Finding, Reaction])
def test_what_was_written_and_decided_is_never_added_changed_or_deleted_here(
    model: Any, panel: Client, rows: Any
) -> None:
    rows(1)
    row = model.objects.first()
    before = list(model.objects.values())

    for rest in ("add/", f"{row.pk}/delete/"):
        assert panel.get(address(model, rest)).status_code == 403
        assert panel.post(address(model, rest), {"post": "yes"}).status_code == 403
    changed = panel.post(
        address(model, f"{row.pk}/change/"), {"status": "published", "text": "x", "verdict": "publish"}
    )
    panel.post(address(model), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})

    assert changed.status_code == 403
    assert list(model.objects.values()) == before


@pytest.mark.parametrize("model", [Discussion, Commenter, Reason, Token, IssueReport])
def test_what_others_point_at_is_never_deleted_here(model: Any, panel: Client, rows: Any) -> None:
    rows(1)
    row = model.objects.order_by("-pk").first()

    answer = panel.post(address(model, f"{row.pk}/delete/"), {"post": "yes"})
    panel.post(address(model), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})

    assert answer.status_code == 403
    assert model.objects.filter(pk=row.pk).exists()


def test_no_form_of_the_panel_has_a_field_for_a_status(panel: Client, rows: Any) -> None:
    rows(1)

    for model in MODELS:
        shown = panel.get(address(model, f"{model.objects.first().pk}/change/")).content.decode()
        assert not re.search(r'name="[^"]*(status|state|verdict|digest|_count)"', shown), model


AS_IT_IS = {
    "form": "comments",
    "mode": "open",
    "closed_reason": "",
    "question": "",
    "experts-TOTAL_FORMS": "0",
    "experts-INITIAL_FORMS": "0",
}
"""The form of a discussion that nobody has changed, without a named expert."""


def test_a_discussion_is_closed_through_the_verb(panel: Client, discussion: Discussion) -> None:
    version = discussion.version

    answer = panel.post(
        address(Discussion, f"{discussion.pk}/change/"),
        AS_IT_IS | {"mode": "closed", "closed_reason": "The trial has ended.", "question": "Did it work?"},
    )

    assert answer.status_code == 302
    discussion.refresh_from_db()
    assert (discussion.mode, discussion.closed_reason) == ("closed", "The trial has ended.")
    assert discussion.question == "Did it work?"
    assert discussion.closed_at is not None and discussion.version > version


def test_saving_a_discussion_unchanged_changes_nothing(panel: Client, discussion: Discussion) -> None:
    panel.post(address(Discussion, f"{discussion.pk}/change/"), AS_IT_IS)

    version = discussion.version
    discussion.refresh_from_db()
    assert discussion.version == version


def test_an_edited_name_leaves_the_counts_alone_that_moved_meanwhile(panel: Client, reader: Commenter) -> None:
    seen = Commenter.objects.get(pk=reader.pk)
    Commenter.objects.filter(pk=reader.pk).update(published_count=7)

    panel.post(
        address(Commenter, f"{reader.pk}/change/"),
        {"name": "Mara Lindqvist", "badge": "expert", "role": "Tram driver", "published_count": "99"},
    )

    reader.refresh_from_db()
    assert seen.published_count == 0
    assert (reader.name, reader.badge, reader.role) == ("Mara Lindqvist", "expert", "Tram driver")
    assert reader.published_count == 7


def test_a_phrase_remembers_who_added_it(panel: Client, editor: Commenter) -> None:
    panel.post(address(Phrase, "add/"), {"phrase": "paid troll", "kind": "banned", "note": ""})

    phrase = Phrase.objects.get()
    assert (phrase.phrase, phrase.kind, phrase.added_by) == ("paid troll", "banned", editor.user)


def test_a_reason_keeps_its_code_and_has_words_for_each_language(panel: Client) -> None:
    form = {"ground_default": "house", "is_active": "on", "position": "3", "tdb_keywords": "[]", "author_text": "{}"}
    reason = Reason.objects.get(code="spam")

    wrong = panel.post(address(Reason, f"{reason.pk}/change/"), form | {"public_text": '["spam"]'})
    right = panel.post(
        address(Reason, f"{reason.pk}/change/"), form | {"code": "other-code", "public_text": '{"en": "junk"}'}
    )
    added = panel.post(
        address(Reason, "add/"), form | {"code": "in-bad-taste", "public_text": '{"en": "in bad taste"}'}
    )

    assert wrong.status_code == 200 and "language code" in wrong.content.decode()
    assert right.status_code == 302 and added.status_code == 302
    reason.refresh_from_db()
    assert (reason.code, reason.public_text) == ("spam", {"en": "junk"})
    assert Reason.objects.filter(code="in-bad-taste").exists()


def test_a_token_is_revoked_and_never_shown(panel: Client, reader: Commenter) -> None:
    secret = Token.objects.issue(reader.user, ["read"], 30, label="a program")
    token = Token.objects.get()

    listed = panel.get(address(Token)).content.decode()
    shown = panel.get(address(Token, f"{token.pk}/change/")).content.decode()
    panel.post(address(Token), {"action": "revoke", "_selected_action": [token.pk]})

    for page in (listed, shown):
        assert secret not in page and token.digest not in page
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_who_may_only_look_revokes_no_token(reader: Commenter) -> None:
    Token.objects.issue(reader.user, ["read"], 30)
    user = get_user_model().objects.create_user("clerk", is_staff=True)
    user.user_permissions.set([Permission.objects.get(codename="view_token")])
    client = Client()
    client.force_login(user)

    client.post(address(Token), {"action": "revoke", "_selected_action": [Token.objects.get().pk]})

    assert Token.objects.get().revoked_at is None


def test_a_report_shows_its_messages_its_context_and_where_it_happened(panel: Client, rows: Any) -> None:
    rows(1)
    report = IssueReport.objects.get()

    shown = panel.get(address(IssueReport, f"{report.pk}/change/")).content.decode()

    assert report.number in shown
    assert f"/admin/comments/desk/?open={report.comment_id}" in shown
    assert "browser: &lt;script&gt;" in shown and "<br>&lt;script&gt;alert(1)" in shown
    assert 'name="answer"' in shown
    assert "/comments/issues/" not in shown, "the reader's private page is the reader's"


def test_a_report_is_answered_through_the_verb(panel: Client, editor: Commenter) -> None:
    report = IssueReport.objects.create(kind="vanished")

    panel.post(address(IssueReport, f"{report.pk}/change/"), {"answer": "  "})
    assert not report.messages.filter(sender="newsroom").exists()
    panel.post(address(IssueReport, f"{report.pk}/change/"), {"answer": "It waits for an editor.", "state": "closed"})

    report.refresh_from_db()
    answer = report.messages.get(sender="newsroom")
    assert (answer.text, answer.written_by) == ("It waits for an editor.", editor)
    assert report.state == IssueReport.State.ANSWERED and report.answered_at is not None


def test_reports_are_closed_together_and_once(panel: Client) -> None:
    reports = [IssueReport.objects.create(kind="layout") for _ in range(2)]
    chosen = {"action": "close", "_selected_action": [report.pk for report in reports]}

    first = panel.post(address(IssueReport), chosen, follow=True)
    second = panel.post(address(IssueReport), chosen, follow=True)

    assert "2 reports closed." in first.content.decode() and "0 reports closed." in second.content.decode()
    assert set(IssueReport.objects.values_list("state", flat=True)) == {IssueReport.State.CLOSED}


def test_who_may_only_look_answers_no_report(db: None) -> None:
    report = IssueReport.objects.create(kind="layout")
    user = get_user_model().objects.create_user("clerk", is_staff=True)
    user.user_permissions.set([Permission.objects.get(codename="view_issuereport")])
    client = Client()
    client.force_login(user)

    shown = client.get(address(IssueReport, f"{report.pk}/change/"))
    answered = client.post(address(IssueReport, f"{report.pk}/change/"), {"answer": "No."})
    client.post(address(IssueReport), {"action": "close", "_selected_action": [report.pk]})

    assert shown.status_code == 200 and answered.status_code == 403
    report.refresh_from_db()
    assert report.state == IssueReport.State.OPEN and not report.messages.exists()


# --- What the panel leaves in the audit log ---------------------------------------------------------------------------


def test_every_model_is_searched_by_something() -> None:
    without = [
        model.__name__
        for model, model_admin in admin.site._registry.items()
        if model._meta.app_label == "comments" and not model_admin.search_fields
    ]

    # The desk is a place, not a table, and the version of the policy is one row.
    assert sorted(set(without) - {"Desk", "PolicyVersion"}) == []


def test_a_search_with_anything_in_it_finds_nothing_and_breaks_nothing(panel: Client, rows: Any) -> None:
    for model in admin.site._registry:
        if model._meta.app_label == "comments" and model is not Desk:
            for words in ("'\"><script>", "9" * 30, "\x00", "% _ \\"):
                assert panel.get(address(model), {"q": words}).status_code in (200, 302), model


@pytest.mark.parametrize("kind", ["person", "discussion", "reason"])
def test_what_a_form_of_the_panel_changed_is_on_record_with_who_did_it(
    kind: str, panel: Client, reader: Commenter, discussion: Discussion
) -> None:
    spam = Reason.objects.get(code="spam")
    page, given = {
        "person": (address(Commenter, f"{reader.pk}/change/"), {"name": "Mara V.", "badge": "", "role": ""}),
        "discussion": (
            address(Discussion, f"{discussion.pk}/change/"),
            AS_IT_IS | {"question": "What now?"},
        ),
        "reason": (
            address(Reason, f"{spam.pk}/change/"),
            {
                "public_text": json.dumps(spam.public_text),
                "author_text": json.dumps(spam.author_text),
                "private_note": "Also for shops",
                "high_volume_commercial": "on",
                "ground_default": spam.ground_default,
                "terms_anchor": spam.terms_anchor,
                "position": spam.position,
                "is_active": "on",
            },
        ),
    }[kind]

    assert panel.post(page, given).status_code == 302
    assert panel.post(page, given).status_code == 302

    entry = AuditEntry.objects.get(kind=kind)
    assert entry.made_by is not None and entry.made_by.name == "daniel"
    assert entry.before != entry.after and len(entry.after) == 1
