"""My data: taken along whole, taken away whole, and nothing of anybody else's with it."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.test import Client
from django.utils import timezone

from comments import (
    access,
    appeals,
    audit,
    discussions,
    issues,
    jobs,
    moderation,
    names,
    notes,
    people,
    posting,
    privacy,
    reactions,
    tasks,
)
from comments.exceptions import Refused
from comments.learning import lessons, refit
from comments.models import (
    Appeal,
    AuditEntry,
    Comment,
    Commenter,
    DataExport,
    DataExportPart,
    Delivery,
    Discussion,
    Flag,
    FormerAddress,
    IssueReport,
    Job,
    Reaction,
    Revision,
    SavedQueue,
    Status,
    Token,
)
from comments.privacy import downloads, erasing, kept

Post = Callable[..., Comment]
Person = Callable[..., Commenter]
NAME = "Zephyrine Quill"
ADDRESS = "zephyrine@quill.example"
PASSWORD = "a long password"


@pytest.fixture(autouse=True)
def nobody_is_too_fast(settings: Any) -> None:
    settings.COMMENTS = {
        "POSTS_PER_MINUTE": 0,
        "REPEAT_HOURS": 0,
        "RULE_MILLISECONDS": 60_000,
        "HOLD_PERSONAL_DATA": False,
    }


@pytest.fixture
def zephyrine(db: None) -> Commenter:
    users = get_user_model().objects
    user = users.create_user("zephyrine_q", ADDRESS, PASSWORD, first_name="Zephyrine", last_name="Quill")
    return Commenter.objects.for_user(user)


@pytest.fixture
def life(zephyrine: Commenter, editor: Commenter, person: Person, post: Post, decide: Any) -> dict[str, Any]:
    """Everything that somebody can leave behind, with her name and address in every text of it."""
    mara, says = person("mara"), f"This is {NAME}, {ADDRESS}."
    root = post(mara, "The night tram is back.")
    shown = post(zephyrine, f"{says} Published.", parent=root, idempotency_key=f"{ADDRESS}-1", network_key="n" * 32)
    posting.edit_comment(zephyrine, shown, f"{says} Published, again.")
    shown.refresh_from_db()
    moderation.screen(shown.pk, shown.version)
    answer = post(mara, "Well said.", parent=shown)
    held = post(zephyrine, f"{says} https://elsewhere.example/")
    rejected = post(zephyrine, f"{says} Rejected.")
    decide(rejected, "reject", editor, explanation=f"{NAME}, please.", private_note=f"{NAME} again.")
    appeals.appeal(zephyrine, rejected, f"{says} I object.")
    withdrawn = posting.withdraw_comment(zephyrine, post(zephyrine, f"{says} Taken back."))
    received = posting.post_comment(zephyrine, root.discussion, f"{says} Not screened yet.")
    reactions.react(zephyrine, root)
    moderation.flag(zephyrine, answer, "spam", f"{says} Spam.")
    warning = people.warn(
        zephyrine, made_by=editor, reason="spam", explanation=f"Dear {NAME}", private_note=f"{NAME} writes spam"
    )
    people.acknowledge(zephyrine, warning.public_id)
    ruled = appeals.appeal_sanction(zephyrine, warning.public_id, f"{says} I did not.")
    colleague = person("ruth", staff=True)
    appeals.rule_on(ruled, "uphold", f"It stands, {NAME}.", made_by=colleague, private_note=f"{NAME} again")
    notes.write(zephyrine, f"{NAME} knows Mara.", made_by=editor)
    notes.write(shown, f"{NAME} wrote this.", made_by=editor)
    report = issues.report(
        "vanished", f"{says} Where is it?", email=ADDRESS, reporter=zephyrine, context={"account": NAME, "browser": "x"}
    )
    issues.answer(report, f"Dear {NAME}, it waits.", editor)
    Token.objects.issue(zephyrine.user, ["read"], 30, label=f"{NAME}'s phone")
    SavedQueue.objects.create(name=NAME, query=f"author:{NAME}", made_by=zephyrine)
    Delivery.objects.create(way="mail", key="to-her", to=ADDRESS, subject=f"Dear {NAME}", text=says, html=says)
    Delivery.objects.create(way="mail", key="about-her", to="daniel@example.org", text=says, html=says, state="sent")
    LogEntry.objects.create(
        user=editor.user,
        content_type=ContentType.objects.get_for_model(Commenter),
        object_id=str(zephyrine.pk),
        object_repr=NAME,
        action_flag=CHANGE,
    )
    audit.record("person", NAME, object_id=zephyrine.pk, before={"name": "Z"}, after={"name": NAME}, made_by=editor)
    prepared(privacy.export(zephyrine))
    return {
        "root": root, "shown": shown, "answer": answer, "held": held, "rejected": rejected,
        "withdrawn": withdrawn, "received": received, "report": report, "warning": warning,
    }  # fmt: skip


def prepared(made: DataExport) -> DataExport:
    jobs.run(made.job_id)
    made.refresh_from_db()
    return made


def opened(made: DataExport) -> tuple[dict[str, Any], str]:
    with zipfile.ZipFile(io.BytesIO(b"".join(privacy.pieces(made)))) as archive:
        assert archive.testzip() is None
        return json.loads(archive.read("data.json")), archive.read("index.html").decode()


def traces(*words: str) -> list[str]:
    """Return each place of the whole database, whatever the model, that has one of ``words`` in it."""
    found = []
    for model in apps.get_models():
        if model._meta.proxy:
            continue
        textual = [
            field
            for field in model._meta.concrete_fields
            if isinstance(field, models.CharField | models.TextField | models.JSONField | models.BinaryField)
        ]
        for row in models.QuerySet(model).all():
            for field in textual:
                value = getattr(row, field.attname)
                said = bytes(value).decode(errors="replace") if isinstance(value, bytes | memoryview) else str(value)
                if any(word.casefold() in said.casefold() for word in words):
                    found.append(f"{model._meta.label}.{field.name} #{row.pk}: {said[:60]}")
    return found


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Call them all in the same moment, each with a connection of its own; return what came of each."""
    start, answers = threading.Barrier(len(calls)), [None] * len(calls)

    def run(place: int, call: Callable[[], Any]) -> None:
        start.wait()
        try:
            answers[place] = call()
        except Exception as error:
            answers[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[place, call]) for place, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


def agree() -> bool:
    """Say whether every count agrees with its rows."""
    likes = all(one.like_count == one.reactions.count() for one in Comment.objects.all())
    people_too = all(
        one.published_count == one.comments.filter(status=Status.PUBLISHED).count() for one in Commenter.objects.all()
    )
    return likes and people_too and list(discussions.reconcile()) == []


# --- Leaving ----------------------------------------------------------------------------------------------------------


def test_in_the_days_between_nothing_is_posted_and_nothing_is_gone(zephyrine: Commenter, post: Post) -> None:
    shown = post(zephyrine)

    privacy.ask_to_erase(zephyrine, confirm="  zephyrine QUILL ")

    with pytest.raises(Refused) as refused:
        post(zephyrine, "One more.")
    assert refused.value.code == "leaving" and refused.value.status == 403
    with pytest.raises(Refused):
        posting.edit_comment(zephyrine, shown, "Other words.")
    shown.refresh_from_db()
    assert shown.status == Status.PUBLISHED and zephyrine.name == NAME
    assert timedelta(days=13, hours=23) < zephyrine.erase_at - timezone.now() <= timedelta(days=14)
    assert privacy.due() == []
    with pytest.raises(Refused) as too_early:
        privacy.erase(zephyrine)
    assert too_early.value.code == "not_yet"
    [mail] = Delivery.objects.filter(to=ADDRESS)
    assert "Your published comments stay, without your name." in mail.text


def test_taken_back_everything_is_as_before(zephyrine: Commenter, post: Post) -> None:
    privacy.ask_to_erase(zephyrine, confirm=PASSWORD, texts=True)

    privacy.cancel(zephyrine)
    privacy.cancel(zephyrine)

    assert (zephyrine.erase_at, zephyrine.erase_texts) == (None, False)
    assert post(zephyrine).status == Status.PUBLISHED
    assert AuditEntry.objects.filter(kind="erasure").count() == 2


@pytest.mark.parametrize("typed", ["", "zephyrine", "wrong password", " ", "mara", "\x00"])
def test_without_the_password_or_the_name_nothing_happens(zephyrine: Commenter, typed: str) -> None:
    with pytest.raises(Refused) as refused:
        privacy.ask_to_erase(zephyrine, confirm=typed)

    assert refused.value.code == "not_confirmed"
    zephyrine.refresh_from_db()
    assert zephyrine.erase_at is None


def test_nobody_tries_passwords_for_ever(zephyrine: Commenter) -> None:
    codes = []
    for _ in range(12):
        with pytest.raises(Refused) as refused:
            privacy.ask_to_erase(zephyrine, confirm="guess")
        codes.append(refused.value.code)

    assert codes == ["not_confirmed"] * 10 + ["too_many"] * 2


def test_asked_again_the_day_stays_and_the_choice_is_the_later_one(zephyrine: Commenter) -> None:
    first = privacy.ask_to_erase(zephyrine, confirm=NAME).erase_at

    privacy.ask_to_erase(zephyrine, confirm=NAME, texts=True)

    assert zephyrine.erase_at == first and zephyrine.erase_texts
    assert Delivery.objects.filter(to=ADDRESS).count() == 1


def test_the_newsrooms_own_people_ask_an_administrator(editor: Commenter) -> None:
    with pytest.raises(Refused) as refused:
        privacy.ask_to_erase(editor, confirm="daniel")

    assert (refused.value.code, refused.value.status) == ("staff", 403)


# --- Being forgotten --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("texts", [False, True])
def test_nothing_of_the_name_or_the_address_is_left_anywhere(
    texts: bool, zephyrine: Commenter, life: dict[str, Any]
) -> None:
    assert len({place.partition("#")[0] for place in traces("zephyrine", "quill")}) > 20
    privacy.ask_to_erase(zephyrine, confirm=NAME, texts=texts)

    privacy.erase(zephyrine, now=True)
    jobs.run(Job.objects.filter(kind=names.RENAMED).latest("pk").pk)

    left = traces("zephyrine", "quill")
    mine = [place for place in left if place.startswith(("comments.Revision", "comments.Comment."))]
    # What she chose to leave stands there as she wrote it.
    assert left == mine and len(mine) == (0 if texts else 3), left
    assert agree()


def test_comments_that_stay_stand_there_under_no_name(
    zephyrine: Commenter, life: dict[str, Any], client: Client
) -> None:
    privacy.ask_to_erase(zephyrine, confirm=NAME)
    privacy.erase(zephyrine, now=True)

    shown, answer = life["shown"], life["answer"]
    shown.refresh_from_db()
    answer.refresh_from_db()
    assert (shown.status, answer.status) == (Status.PUBLISHED, Status.PUBLISHED)
    page = client.get(f"/comments/{answer.pk}/").content.decode()
    assert "A former reader" in page and "Published, again." in page and "Well said." in page
    told = json.loads(client.get("/api/v1/discussions/story-1/comments/").content)
    assert "Zephyrine" not in json.dumps([one["author"] for one in told["results"]])


def test_comments_that_go_leave_a_tombstone_and_their_answers(
    zephyrine: Commenter, life: dict[str, Any], client: Client
) -> None:
    privacy.ask_to_erase(zephyrine, confirm=NAME, texts=True)
    privacy.erase(zephyrine, now=True)

    page = client.get(f"/comments/{life['answer'].pk}/").content.decode()
    assert "Withdrawn by its author" in page and "Well said." in page
    assert "Published, again." not in page
    assert set(Comment.objects.filter(author=zephyrine).values_list("status", flat=True)) == {"withdrawn", "rejected"}
    assert not Revision.objects.filter(comment__author=zephyrine).exclude(text="").exists()


def test_the_desk_finds_no_word_that_is_gone(zephyrine: Commenter, editor: Commenter, life: dict[str, Any]) -> None:
    desk = Client()
    desk.force_login(editor.user)

    def found(words: str) -> int:
        return len(json.loads(desk.get("/api/v1/moderation/comments/", {"q": words}).content)["results"])

    assert found("zephyrine") == 1 and found("author:zephyrine") == 1, "what waits"
    privacy.ask_to_erase(zephyrine, confirm=NAME, texts=True)
    privacy.erase(zephyrine, now=True)

    assert found("zephyrine") == found("author:zephyrine") == 0
    for comment in Comment.objects.filter(author=zephyrine):
        page = desk.get(f"/admin/comments/desk/?open={comment.pk}")
        assert page.status_code == 200 and "Zephyrine" not in page.content.decode()
        undone = desk.post(
            f"/api/v1/moderation/comments/{comment.pk}/decisions/",
            {"verdict": "publish", "version": comment.version},
            content_type="application/json",
        )
        assert undone.status_code == 409, undone.content
    assert desk.get(f"/admin/comments/desk/people/{zephyrine.pk}/").status_code == 200


def test_what_weighs_and_what_is_on_record_stays_without_words(zephyrine: Commenter, life: dict[str, Any]) -> None:
    decisions = life["rejected"].decisions.count()

    privacy.erase(zephyrine, now=True)

    assert Flag.objects.get(person=zephyrine).note == ""
    assert life["rejected"].decisions.count() == decisions
    assert not Reaction.objects.filter(person=zephyrine).exists()
    assert [one.state for one in Appeal.objects.filter(appellant=zephyrine)] == [Appeal.State.UPHELD]
    entry = AuditEntry.objects.filter(kind="erasure").latest("pk")
    assert entry.subject == f"person {zephyrine.pk}" and entry.after == {"erased": True, "comments": "kept"}
    report = IssueReport.objects.get(pk=life["report"].pk)
    assert (report.state, report.email, report.context, report.reporter) == ("closed", "", {}, None)
    assert report.token != life["report"].token


def test_the_user_is_switched_off_and_cannot_sign_in(zephyrine: Commenter) -> None:
    user = zephyrine.user
    browser = Client()
    browser.force_login(user)
    printed = Token.objects.issue(user, ["read"], 1)

    privacy.erase(zephyrine, now=True)

    user.refresh_from_db()
    assert not user.is_active and not user.has_usable_password() and user.email == "" and user.first_name == ""
    assert user.username.startswith("erased-")
    assert browser.get("/comments/me/").status_code == 401
    assert Client().get("/api/v1/me/", headers={"Authorization": f"Bearer {printed}"}).status_code == 401
    assert not Client().login(username="zephyrine_q", password=PASSWORD)


def delete_user(user: Any) -> None:
    user.delete()


def test_a_site_may_do_something_else_with_the_user(zephyrine: Commenter, post: Post, settings: Any) -> None:
    settings.COMMENTS = {"ERASE_USER": "tests.test_privacy.delete_user"}
    post(zephyrine)

    privacy.erase(zephyrine, now=True)

    assert not get_user_model().objects.exists()
    assert Commenter.objects.get().user is None


def test_whoever_comes_next_goes_on_where_somebody_stopped(
    zephyrine: Commenter, life: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def died(_person: Commenter) -> int:
        raise RuntimeError("the worker was killed")

    privacy.ask_to_erase(zephyrine, confirm=NAME, texts=True, days=0)
    for place in range(len(erasing.STEPS)):
        steps = [*erasing.STEPS[:place], died, *erasing.STEPS[place:]]
        with monkeypatch.context() as patch:
            patch.setattr(erasing, "STEPS", steps)
            with pytest.raises(RuntimeError):
                privacy.erase(zephyrine)
        with pytest.raises(Refused) as too_late:
            privacy.cancel(zephyrine)
        assert too_late.value.code == "erased"
        assert privacy.due() == [zephyrine.pk]

    tasks.erase_due()
    privacy.erase(zephyrine)
    privacy.erase(zephyrine, now=True)

    assert privacy.due() == [] and traces("zephyrine", "quill") == [] and agree()
    assert AuditEntry.objects.filter(kind="erasure", after__erased=True).count() == 1


def test_batches_are_as_many_as_it_takes(
    zephyrine: Commenter, editor: Commenter, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "BATCH", 2)
    for number in range(5):
        post(zephyrine, f"Number {number} about the tram.")
        reactions.react(zephyrine, post(editor, f"Answer {number}."))
    privacy.ask_to_erase(zephyrine, confirm=NAME, texts=True)

    privacy.erase(zephyrine, now=True)

    assert not Revision.objects.filter(comment__author=zephyrine).exclude(text="").exists()
    assert not Reaction.objects.exists() and agree()


def test_who_runs_out_of_time_stops_and_the_next_goes_on(zephyrine: Commenter, life: dict[str, Any]) -> None:
    privacy.ask_to_erase(zephyrine, confirm=NAME, texts=True, days=0)

    privacy.erase(zephyrine, seconds=0)
    assert privacy.due() == [zephyrine.pk]
    rounds = 0
    while privacy.due():
        privacy.erase(zephyrine, seconds=0)
        rounds += 1

    assert rounds > 1 and traces("zephyrine", "quill") == [] and agree()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="needs row locks: PostgreSQL")
@pytest.mark.django_db(transaction=True)
def test_two_workers_and_an_editor_at_once_leave_every_count_right(
    reasons: None, zephyrine: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    mine = [post(zephyrine, f"Number {number} about the tram.") for number in range(8)]
    for number in range(4):
        reactions.react(zephyrine, post(editor, f"Answer {number}.", parent=mine[number]))
        reactions.react(editor, mine[number])
    privacy.ask_to_erase(zephyrine, confirm=NAME, texts=True, days=0)

    def judge() -> None:
        for comment in reversed(mine):
            decide(Comment.objects.get(pk=comment.pk), "reject", editor)

    def like() -> None:
        for comment in Comment.objects.filter(author=editor):
            reactions.unreact(editor, comment)

    answers = at_once(
        lambda: privacy.erase(Commenter.objects.get(pk=zephyrine.pk)),
        lambda: privacy.erase(Commenter.objects.get(pk=zephyrine.pk)),
        judge,
        like,
    )
    tasks.erase_due()

    assert not [one for one in answers if isinstance(one, Exception) and not isinstance(one, Refused)], answers
    assert privacy.due() == [] and traces("zephyrine", "quill") == [] and agree()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="needs row locks: PostgreSQL")
@pytest.mark.django_db(transaction=True)
def test_taken_back_in_the_last_moment_it_is_one_or_the_other(zephyrine: Commenter) -> None:
    privacy.ask_to_erase(zephyrine, confirm=NAME, days=0)

    erased, cancelled = at_once(
        lambda: privacy.erase(Commenter.objects.get(pk=zephyrine.pk)),
        lambda: privacy.cancel(Commenter.objects.get(pk=zephyrine.pk)),
    )
    tasks.erase_due()

    assert sorted([isinstance(erased, Refused), isinstance(cancelled, Refused)]) == [False, True]

    zephyrine.refresh_from_db()
    assert zephyrine.erase_at is None
    assert (zephyrine.name == NAME) is (zephyrine.erased_at is None) is isinstance(erased, Refused)


def test_the_clock_forgets_who_is_due_and_nobody_else(zephyrine: Commenter, reader: Commenter) -> None:
    privacy.ask_to_erase(zephyrine, confirm=NAME)
    privacy.ask_to_erase(reader, confirm="mara")
    Commenter.objects.filter(pk=zephyrine.pk).update(erase_at=timezone.now() - timedelta(seconds=1))

    tasks.erase_due()

    zephyrine.refresh_from_db()
    reader.refresh_from_db()
    assert zephyrine.name == "A former reader" and zephyrine.erased_at and zephyrine.erase_at is None
    assert reader.name == "mara" and reader.erased_at is None


def test_a_guest_is_forgotten_as_well(db: None) -> None:
    guest = Commenter.objects.create(name="Zephyrine", email=ADDRESS)

    privacy.ask_to_erase(guest, confirm="Zephyrine", days=0)
    privacy.erase(guest)

    assert traces("zephyrine", "quill") == []


def test_pages_that_were_kept_show_the_new_name(
    zephyrine: Commenter, discussion: Discussion, post: Post, client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    shown = post(zephyrine)
    assert NAME in client.get("/comments/section/?key=story-1").content.decode()

    privacy.erase(zephyrine, now=True)
    with django_capture_on_commit_callbacks(execute=True):
        jobs.run(Job.objects.get(kind=names.RENAMED).pk)

    page = client.get("/comments/section/?key=story-1").content.decode()
    assert NAME not in page and "A former reader" in page and f"comment-{shown.pk}" in page


def test_nothing_is_learnt_from_a_text_that_is_gone(
    zephyrine: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    decision = decide(post(zephyrine), "reject", editor)
    lessons.write([decision.pk])

    privacy.erase(zephyrine, now=True)

    assert refit._read([decision.lesson.pk]) == []


@pytest.mark.parametrize("kind", ["ban", "suspend"])
def test_who_was_shut_out_and_signs_up_again_is_shut_out(
    kind: str, zephyrine: Commenter, editor: Commenter, post: Post
) -> None:
    more = {"until": timezone.now() + timedelta(days=9)} if kind == "suspend" else {}
    made = people.VERBS[kind](zephyrine, made_by=editor, reason="spam", **more)
    privacy.erase(zephyrine, now=True)

    user = get_user_model().objects.create_user("new", "Zephyrine@QUILL.example", PASSWORD)
    again = Commenter.objects.for_user(user)

    assert traces("zephyrine@quill") == [f"auth.User.email #{user.pk}: {user.email}"]
    with pytest.raises(Refused) as refused:
        post(again)
    assert refused.value.code in ("banned", "suspended")
    assert appeals.of_sanction(again, made.public_id).sanction == made
    people.lift(made, made_by=editor)
    assert access.standing(again).state == "fine"
    tasks.erase_due()
    assert not FormerAddress.objects.exists()


def test_a_warning_does_not_follow_an_address(zephyrine: Commenter, editor: Commenter) -> None:
    people.warn(zephyrine, made_by=editor, reason="spam")
    privacy.erase(zephyrine, now=True)

    again = Commenter.objects.for_user(get_user_model().objects.create_user("new", ADDRESS))

    assert access.standing(again).state == "fine" and not FormerAddress.objects.exists()


# --- Taking it along --------------------------------------------------------------------------------------------------


def relations() -> Iterator[str]:
    """Return every relation of ours to a person or a user."""
    for model in apps.get_app_config("comments").get_models():
        for field in model._meta.concrete_fields:
            if not model._meta.proxy and field.related_model in (Commenter, get_user_model()):
                yield f"{model.__name__}.{field.name}"


def test_every_relation_to_a_person_is_in_the_file_or_left_out_for_a_reason() -> None:
    followed = [name for part in kept.PARTS for name in part.fields]

    assert sorted(followed + list(kept.LEFT_OUT)) == sorted(relations())
    assert all(kept.LEFT_OUT.values())


def test_the_file_has_everything_and_nobody_elses_name(
    zephyrine: Commenter, editor: Commenter, life: dict[str, Any]
) -> None:
    told, page = opened(prepared(privacy.export(zephyrine)))

    assert told["profile"]["name"] == NAME and told["profile"]["account"]["email"] == ADDRESS
    assert {part.name for part in kept.PARTS} <= set(told)
    full = {name for name in told if told[name] and isinstance(told[name], list)} - {"about"}
    assert full >= {
        "comments", "reactions", "flags", "appeals", "sanctions", "issue_reports", "mails", "tokens", "saved_searches",
    }  # fmt: skip
    assert sorted(one["status"] for one in told["comments"]) == [
        "held", "published", "received", "rejected", "withdrawn",
    ]  # fmt: skip
    [shown] = [one for one in told["comments"] if one["status"] == "published"]
    assert [one["text"][-10:] for one in shown["texts"]] == ["Published.", "ed, again."]
    [rejected] = [one for one in told["comments"] if one["status"] == "rejected"]
    last = rejected["decisions"][-1]
    assert (last["reason"], last["explanation"]) == ("off_topic", f"{NAME}, please.")
    assert [one["from"] for one in told["issue_reports"][0]["messages"]] == ["you", "newsroom"]
    for written in (json.dumps(told), page):
        assert "daniel" not in written and "ruth" not in written and "mara" not in written
        assert "knows Mara" not in written and "writes spam" not in written and f"{NAME} again" not in written
    assert "What I wrote" in page and "Published, again." in page


def test_hostile_words_are_text_in_the_page_of_the_file(zephyrine: Commenter, post: Post) -> None:
    post(zephyrine, "<script>alert(1)</script> & <img src=x onerror=alert(2)>")
    Commenter.objects.filter(pk=zephyrine.pk).update(name="<b>bold</b>")

    _told, page = opened(prepared(privacy.export(zephyrine)))

    assert "<script" not in page and "<img" not in page and "<b>" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_mail_says_that_it_is_ready_and_carries_nothing(zephyrine: Commenter, post: Post) -> None:
    post(zephyrine, "Words of mine.")

    prepared(privacy.export(zephyrine))

    [mail] = Delivery.objects.filter(to=ADDRESS)
    assert "Your download is ready." in mail.text and "Words of mine." not in mail.text


def test_asked_twice_it_is_prepared_once_and_the_new_one_replaces_the_old(zephyrine: Commenter) -> None:
    first = privacy.export(zephyrine)
    assert privacy.export(zephyrine) == first
    prepared(first)

    second = prepared(privacy.export(zephyrine))

    assert list(DataExport.objects.all()) == [second]


def test_the_file_is_cut_where_it_grows_too_large_and_says_so(zephyrine: Commenter, post: Post, settings: Any) -> None:
    settings.COMMENTS = {"EXPORT_MEGABYTES": 0}
    post(zephyrine)

    made = prepared(privacy.export(zephyrine))

    told, page = opened(made)
    assert made.is_cut and told["is_cut"] and told["comments"] == [] and "Ask us for the rest" in page


def test_a_worker_that_died_begins_the_file_anew(zephyrine: Commenter, post: Post) -> None:
    post(zephyrine)
    made = privacy.export(zephyrine)
    DataExportPart.objects.create(export=made, number=0, data=b"half of it")
    DataExportPart.objects.create(export=made, number=7, data=b"and more")

    told, _page = opened(prepared(made))

    assert len(told["comments"]) == 1


def test_after_some_days_it_is_gone(zephyrine: Commenter) -> None:
    made = prepared(privacy.export(zephyrine))
    assert made.expires_at - made.ready_at == timedelta(days=7)
    DataExport.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert privacy.latest(zephyrine) is None
    with pytest.raises(Refused) as refused:
        privacy.download(zephyrine, made.public_id)
    tasks.forget_downloads()

    assert refused.value.status == 404
    assert not DataExport.objects.exists() and not DataExportPart.objects.exists()


def test_a_thousand_comments_are_read_a_few_at_a_time(
    zephyrine: Commenter, post: Post, django_assert_max_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "CHUNK", 5)
    for number in range(12):
        post(zephyrine, f"Number {number}.")

    with django_assert_max_num_queries(80):
        list(downloads.written(zephyrine, io.BytesIO()))


# --- By command -------------------------------------------------------------------------------------------------------


def test_by_command_for_sites_with_their_own_accounts(
    zephyrine: Commenter, post: Post, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    post(zephyrine)
    out = tmp_path / "hers.zip"

    call_command("export_person", ADDRESS, "--out", str(out))
    call_command("erase_person", "zephyrine_q", "--comments", "remove")
    zephyrine.refresh_from_db()
    assert zephyrine.erase_at and zephyrine.name == NAME
    call_command("erase_person", f"person:{zephyrine.pk}", "--cancel")
    call_command("erase_person", f"person:{zephyrine.pk}", "--now", "--comments", "remove")
    call_command("erase_person", f"person:{zephyrine.pk}", "--now")

    said = capsys.readouterr().out.splitlines()
    with zipfile.ZipFile(out) as archive:
        assert json.loads(archive.read("data.json"))["profile"]["name"] == NAME
    assert out.stat().st_mode & 0o077 == 0
    assert said[-3:] == [f"person {zephyrine.pk} stays"] + [f"person {zephyrine.pk} is forgotten"] * 2
    assert NAME not in "".join(said)
    assert traces("zephyrine", "quill") == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["export_person", "nobody", "--out", "x.zip"],
        ["export_person", "", "--out", "x.zip"],
        ["erase_person", "person:999999999999999999999999"],
        ["erase_person", "person:1'"],
    ],
)
def test_nobody_by_that_name_is_a_sentence(db: None, arguments: list[str], reader: Commenter) -> None:
    guest = Commenter.objects.create(name="A guest")

    with pytest.raises(CommandError, match="Nobody who comments here"):
        call_command(*arguments)

    guest.refresh_from_db()
    assert guest.erase_at is None


def test_a_file_that_is_there_is_not_written_over(zephyrine: Commenter, tmp_path: Path) -> None:
    out = tmp_path / "hers.zip"
    out.write_text("mine")

    with pytest.raises(CommandError, match="is there already"):
        call_command("export_person", "zephyrine_q", "--out", str(out))

    assert out.read_text() == "mine"


def test_the_record_keeps_no_name_of_a_person_renamed_in_the_panel(zephyrine: Commenter, editor: Commenter) -> None:
    panel = Client()
    panel.force_login(editor.user)

    panel.post(f"/admin/comments/commenter/{zephyrine.pk}/change/", {"name": "Z. Q.", "badge": "", "role": ""})

    zephyrine.refresh_from_db()
    assert zephyrine.name == "Z. Q."
    entry = AuditEntry.objects.get(kind="person")
    assert "Quill" not in str([entry.subject, entry.before, entry.after]) and "Z. Q." not in str(entry.after)
    assert connection.vendor  # the same on every database
