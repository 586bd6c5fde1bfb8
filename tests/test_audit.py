"""The audit log: everything in it, found again, taken along, and changed by nobody."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.db.models import ProtectedError
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comments import audit, policy, roles
from comments.exceptions import Refused
from comments.models import (
    Acknowledgement,
    AuditEntry,
    Comment,
    Commenter,
    Decision,
    DecisionWords,
    Discussion,
    Finding,
    Guidelines,
    HouseRuleVersion,
    IncidentUpdate,
    Lesson,
    Note,
    PolicyChange,
    Sanction,
)
from comments.models.decisions import AppendOnly
from tests import test_api
from tests.servers import ROOT
from tests.test_api import Caller, refused, said

call, document = test_api.call, test_api.document
Post = Callable[..., Comment]
PAGE = "/admin/comments/desk/audit/"
EXPORT = f"{PAGE}export/"


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
def log(editor: Commenter, reader: Commenter, post: Post, decide: Any, discussion: Discussion) -> dict[str, Any]:
    """Let one of each happen, in this order."""
    comment = post(reader)
    rejection = decide(comment, "reject", editor, explanation="Not about trams.", private_note="Third time.")
    policy.set_value("links_allowed", 3, made_by=editor, note="A quiet week")
    ban = Sanction.objects.create(kind="ban", person=reader, reason="spam", made_by=editor, comment=comment)
    Sanction.objects.create(kind="lift", person=reader, lifts=ban, made_by=editor)
    roles.give(reader.user, [Group.objects.get(name="Viewer").pk], [], made_by=editor)
    note = Note.objects.create(comment=comment, text="Look again", made_by=editor)
    audit.record("note", f"comment {comment.pk}", object_id=note.pk, made_by=editor, after={"text": "Look again"})
    audit.record("assignment", "a comment", object_id=comment.pk, made_by=None)
    return {"comment": comment, "rejection": rejection, "ban": ban}


def whats(asked: audit.Asked) -> list[tuple[str, str]]:
    return [(one.kind, one.who) for one in audit.page(asked).entries]


# --- Reading ---------------------------------------------------------------------------------------------------------


def test_everything_is_there_newest_first_with_who_before_and_after(log: dict[str, Any]) -> None:
    entries = audit.page(audit.Asked()).entries

    assert [one.kind for one in entries] == [
        "assignment",
        "note",
        "role",
        "sanction",
        "sanction",
        "setting",
        "decision",
        "screening",
    ]
    setting, decision = entries[5], entries[6]
    assert (setting.what, setting.before, setting.after) == ("links_allowed (site)", None, 3)
    assert (decision.who, decision.before_in_words) == ("daniel", "Published")
    assert decision.after_in_words == "Rejected: off topic" and decision.note == "Not about trams. Third time."
    assert entries[2].after_in_words == "is staff: on; roles: Viewer; sections: none"
    assert entries[3].what == "Lifted: mara" and entries[3].before_in_words == "Ban"
    assert [one.comment_id for one in entries] == [log["comment"].pk] * 2 + [None, None] + [log["comment"].pk] + [
        None
    ] + [log["comment"].pk] * 2


@pytest.mark.parametrize(
    ("asked", "kinds"),
    [
        ({"kind": "decision"}, ["decision"]),
        ({"kind": "screening"}, ["screening"]),
        ({"kind": "setting"}, ["setting"]),
        ({"kind": "sanction"}, ["sanction", "sanction"]),
        ({"kind": "role"}, ["role"]),
        ({"kind": "appeal"}, []),
        ({"who": "DANI"}, ["note", "role", "sanction", "sanction", "setting", "decision"]),
        ({"who": "nobody"}, []),
        ({"words": "quiet WEEK"}, ["setting"]),
        ({"words": "third time"}, ["decision"]),
        ({"words": "off_topic"}, ["decision"]),
        ({"words": "mara"}, ["role", "sanction", "sanction"]),
        ({"who": "daniel", "words": "spam"}, ["sanction"]),
    ],
)
def test_what_is_asked_for_is_found(asked: dict[str, Any], kinds: list[str], log: dict[str, Any]) -> None:
    assert [kind for kind, _who in whats(audit.Asked(**asked))] == kinds


def test_what_was_done_about_one_comment_or_on_some_days_is_found(log: dict[str, Any]) -> None:
    today = timezone.localdate()

    about = whats(audit.Asked(comment=log["comment"].pk))
    assert [kind for kind, _who in about] == ["assignment", "note", "sanction", "decision", "screening"]
    assert whats(audit.Asked(comment=log["comment"].pk * 10 + 1)) == []
    assert len(whats(audit.Asked(since=today, until=today))) == 8
    assert whats(audit.Asked(since=today + timedelta(days=1))) == []
    assert whats(audit.Asked(until=today - timedelta(days=1))) == []


def test_pages_meet_without_a_gap_or_a_repeat_also_within_one_moment(editor: Commenter, reader: Commenter) -> None:
    at = timezone.now()
    AuditEntry.objects.bulk_create(
        [AuditEntry(kind="note", subject=str(n), created_at=at, made_by=editor) for n in range(7)]
    )
    PolicyChange.objects.bulk_create([PolicyChange(kind="phrase", subject=str(n), created_at=at) for n in range(7)])
    Sanction.objects.bulk_create([Sanction(kind="warn", person=reader, created_at=at) for _n in range(7)])

    found, cursor = [], ""
    while True:
        page = audit.page(audit.Asked(), cursor, 4)
        found += [(one.source, one.pk) for one in page.entries]
        cursor = page.next_cursor
        if not cursor:
            break

    assert len(found) == len(set(found)) == 21 and found == sorted(found, reverse=True)


def test_the_page_costs_the_same_however_much_there_is(
    desk: Client, log: dict[str, Any], editor: Commenter, post: Post, reader: Commenter, decide: Any
) -> None:
    def cost(address: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert desk.get(address).status_code == 200
        # Whether the policy is still the one in memory is asked once a second.
        return sum("comments_policyversion" not in query["sql"] for query in queries.captured_queries)

    cost(PAGE)
    few = cost(PAGE)
    for number in range(12):
        decide(post(reader, f"Number {number} of twelve trams."), "reject", editor, private_note="no")
        policy.set_value("links_allowed", number, made_by=editor)
        Sanction.objects.create(kind="suspend", email_domain=f"{number}.example", made_by=editor)

    # What a page of an admin costs: the session, its user, the desk's counts and the policy; the log itself: 4 + 3.
    cost(PAGE)
    assert cost(PAGE) == few <= 12
    assert cost(f"{PAGE}?who=daniel") <= few + 1


@pytest.mark.parametrize("cursor", ["x", "1-2", "9999999999999999-9-1", "1-1-99999999999999999999"])
def test_a_page_link_that_is_none_is_said_to_be(cursor: str, desk: Client) -> None:
    answer = desk.get(PAGE, {"cursor": cursor})

    assert answer.status_code in (200, 400)
    if answer.status_code == 400:
        assert "Start from the first page" in answer.content.decode()


@pytest.mark.parametrize(
    "query", ["since=yesterday", "comment=many", "kind=nothing", "since=2026-02-02&until=2026-02-01", "comment=0"]
)
def test_what_cannot_be_read_is_said_beside_the_field_and_nothing_is_shown(
    query: str, desk: Client, log: dict[str, Any]
) -> None:
    for address in (PAGE, EXPORT):
        answer = desk.get(f"{address}?{query}")
        html = answer.content.decode()
        assert answer.status_code == 400 and 'class="wrong"' in html and "data-kind" not in html


def test_a_link_on_a_line_leads_to_the_card_and_the_next_page_keeps_what_was_asked(
    desk: Client, editor: Commenter, log: dict[str, Any]
) -> None:
    assert f"?open={log['comment'].pk}#c-{log['comment'].pk}" in desk.get(PAGE).content.decode()
    AuditEntry.objects.bulk_create([AuditEntry(kind="note", subject="s", made_by=editor) for _n in range(60)])

    html = desk.get(f"{PAGE}?kind=note&who=daniel").content.decode()
    assert html.count('data-kind="note"') == audit.PAGE
    follow = html.partition('class="pages')[2].partition('href="')[2].partition('"')[0].replace("&amp;", "&")
    assert "kind=note" in follow and "who=daniel" in follow
    assert desk.get(follow).content.decode().count('data-kind="note"') == 11


# --- Taking it along -------------------------------------------------------------------------------------------------


def test_everything_that_is_found_is_exported_while_it_is_read(
    desk: Client, log: dict[str, Any], editor: Commenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "CHUNK", 3)

    answer = desk.get(f"{EXPORT}?who=daniel")
    rows = list(csv.DictReader(StringIO(answer.getvalue().decode())))

    assert answer.streaming and answer["Content-Type"].startswith("text/csv")
    assert "attachment" in answer["Content-Disposition"]
    assert [row["kind"] for row in rows] == ["note", "role", "sanction", "sanction", "setting", "decision"]
    assert rows[1]["after"] == '{"is_staff": true, "roles": ["Viewer"], "sections": []}'
    assert rows[-1]["comment"] == str(log["comment"].pk) and rows[-1]["note"] == "Not about trams. Third time."


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_cell_is_taken_for_a_formula(cell: str, desk: Client, editor: Commenter) -> None:
    audit.record("note", cell, after=cell, note=cell, made_by=editor)

    [row] = csv.DictReader(StringIO(desk.get(EXPORT).getvalue().decode(), newline=""))

    assert row["what"] == row["after"] == row["note"] == f"'{cell}"


# --- Over the API ----------------------------------------------------------------------------------------------------


def test_the_log_is_read_by_programs_page_by_page(
    log: dict[str, Any], editor: Commenter, call: Callable[..., Caller]
) -> None:
    program = call(editor, "moderate")

    first = said(program.get("moderation/audit/?limit=3"))
    rest = said(program.get(f"moderation/audit/?cursor={first['next']}"))

    assert [one["kind"] for one in first["results"]] == ["assignment", "note", "role"] and rest["next"] is None
    assert [one["kind"] for one in rest["results"]][-2:] == ["decision", "screening"]
    found = said(program.get(f"moderation/audit/?kind=decision&comment={log['comment'].pk}&who=dan"))["results"]
    assert [one["note"] for one in found] == ["Not about trams. Third time."]
    for wrong, code in (
        ("cursor=x", "bad_cursor"),
        ("comment=x", "bad_comment"),
        ("since=2026-02-31", "bad_day"),
        ("kind=No%20such", "unknown_kind"),
        ("limit=0", "bad_limit"),
    ):
        assert refused(program.get(f"moderation/audit/?{wrong}")) == (400, code)
    assert refused(program.get("moderation/audit/export/?kind=No%20such")) == (400, "unknown_kind")
    exported = program.client.get("/api/v1/moderation/audit/export/?kind=setting", headers=program.headers)
    assert exported.getvalue().decode().count("\r\n") == 2


# --- Nobody changes it -----------------------------------------------------------------------------------------------

RECORDS = [Decision, Finding, PolicyChange, AuditEntry, Sanction]


def test_every_record_is_append_only() -> None:
    found = {model for model in AppendOnly.__subclasses__() if not model._meta.abstract}

    assert found == {*RECORDS, Acknowledgement, Guidelines, HouseRuleVersion, IncidentUpdate, Lesson}


@pytest.mark.parametrize("model", RECORDS)
def test_django_changes_and_deletes_no_row_of_the_record(model: Any, log: dict[str, Any]) -> None:
    row = model.objects.order_by("pk").first()
    field = next(each.name for each in model._meta.fields if each.name in ("note", "reason", "code"))
    before = model.objects.values().get(pk=row.pk)
    setattr(row, field, "changed")

    for way in (
        row.save,
        row.delete,
        lambda: row.save(update_fields=[field]),
        lambda: model.objects.update(**{field: "changed"}),
        lambda: model.objects.filter(pk=row.pk).delete(),
        lambda: model.objects.all().delete(),
        lambda: model.objects.bulk_update([row], [field]),
        lambda: model.objects.update_or_create(pk=row.pk, defaults={field: "changed"}),
        lambda: model.objects.bulk_create([row], update_conflicts=True, update_fields=[field], unique_fields=["id"]),
    ):
        with pytest.raises(TypeError, match="never"), transaction.atomic():
            way()

    assert model.objects.values().get(pk=row.pk) == before


def test_what_the_record_is_about_cannot_be_deleted_from_under_it(log: dict[str, Any], reader: Commenter) -> None:
    for thing in (log["comment"], reader, reader.user):
        before = Decision.objects.count(), Sanction.objects.filter(person=reader).count()
        with suppress(ProtectedError), transaction.atomic():
            thing.delete()
        assert (Decision.objects.count(), Sanction.objects.filter(person=reader).count()) == before


def test_no_door_changes_the_record(
    log: dict[str, Any], desk: Client, editor: Commenter, call: Callable[..., Caller]
) -> None:
    program = call(editor, "read", "write", "moderate")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert program(method, "moderation/audit/", {}).status_code == 405
    for model in RECORDS:
        name, row = model._meta.model_name, model.objects.first()
        page = f"/admin/comments/{name}/"
        assert desk.get(page).status_code == 200
        for address in (f"{page}add/", f"{page}{row.pk}/change/", f"{page}{row.pk}/delete/"):
            assert desk.post(address, {"note": "changed"}).status_code == 403
        desk.post(page, {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
        assert model.objects.filter(pk=row.pk).exists()
    assert desk.post(PAGE).status_code == 405


def test_an_editors_own_words_stand_apart_and_can_be_erased(log: dict[str, Any]) -> None:
    DecisionWords.objects.filter(decision=log["rejection"]).delete()

    assert audit.page(audit.Asked(kind="decision")).entries[0].note == ""


@pytest.mark.skipif(connection.vendor != "postgresql", reason="refused by PostgreSQL itself: its triggers")
@pytest.mark.parametrize("table", ["decision", "finding", "policychange", "auditentry", "sanction"])
def test_postgresql_itself_refuses(table: str, log: dict[str, Any]) -> None:
    for statement in (f"UPDATE comments_{table} SET created_at = now()", f"DELETE FROM comments_{table}"):
        refused_by_it = pytest.raises(IntegrityError, match="never changed or deleted")
        with refused_by_it, transaction.atomic(), connection.cursor() as db:
            db.execute(statement)

    # The one door, for what the law orders: for this transaction, and said out loud.
    with transaction.atomic(), connection.cursor() as db:
        db.execute("SET LOCAL comments.erasing = 'on'")
        db.execute(f"UPDATE comments_{table} SET created_at = created_at")
        assert db.rowcount > 0


def test_a_kind_that_cannot_be_is_refused(db: None) -> None:
    with pytest.raises(Refused):
        audit.page(audit.Asked(kind="No such kind"))


@pytest.mark.skipif(connection.vendor != "postgresql", reason="roles of a database: PostgreSQL")
def test_a_role_without_the_right_does_all_the_work_and_changes_no_record(
    reader: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    """What docs/how-to/run-in-production.md says, word by word."""
    described = (ROOT / "docs" / "how-to" / "run-in-production.md").read_text()
    grants = described.partition("## The record")[2].partition("```sql\n")[2].partition("```")[0]

    with connection.cursor() as db:
        db.execute("CREATE ROLE newsroom_web")
        db.execute(grants)
        db.execute("SET LOCAL ROLE newsroom_web")
        comment = post(reader)
        decide(comment, "reject", editor, private_note="Enough.")
        policy.set_value("links_allowed", 3, made_by=editor)
        roles.give(reader.user, [Group.objects.get(name="Viewer").pk], [], made_by=editor)
        assert len(audit.page(audit.Asked()).entries) == 4

        for table in ("decision", "finding", "policychange", "auditentry", "sanction"):
            for statement in (f"DELETE FROM comments_{table}", f"UPDATE comments_{table} SET created_at = now()"):
                with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                    db.execute(statement)
            with pytest.raises(ProgrammingError), transaction.atomic():
                db.execute(f"ALTER TABLE comments_{table} DISABLE TRIGGER comments_append_only")
