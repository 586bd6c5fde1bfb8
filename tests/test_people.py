"""People on the desk: warned, suspended, banned and lifted, by whom, on record, once; strikes that fade; the record."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comments import access, conf, moderation, notes, people, posting, records, tasks
from comments.exceptions import Refused
from comments.models import AuditEntry, BulkAction, Comment, Commenter, Decision, Delivery, Discussion, Sanction, Status
from tests import test_api
from tests.test_api import Caller, said

call, document = test_api.call, test_api.document
Person = Callable[..., Commenter]
Post = Callable[..., Comment]
LIFT = "/admin/comments/desk/people/lift/"
XSS = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def member(person: Person) -> Callable[..., Commenter]:
    """Make somebody of the newsroom with a role."""

    def make(role: str, name: str = "") -> Commenter:
        made = person(name or role.lower().replace(" ", "-"))
        made.user.is_staff = True
        made.user.save()
        made.user.groups.add(Group.objects.get(name=role))
        return Commenter.objects.for_user(get_user_model().objects.get(pk=made.user.pk))

    return make


@pytest.fixture
def moderator(member: Callable[..., Commenter]) -> Commenter:
    return member("Moderator", "jonas")


def desk(person: Commenter) -> Client:
    client = Client()
    client.force_login(person.user)
    return client


def soon(days: int = 3) -> Any:
    return timezone.now() + timedelta(days=days)


# --- Verbs ------------------------------------------------------------------------------------------------------------


def test_a_suspension_its_record_and_its_mail_are_one_thing(
    reader: Commenter, moderator: Commenter, post: Post, settings: Any
) -> None:
    settings.COMMENTS = {"SITE_URL": "https://news.example"}
    comment = post(reader)

    made = people.suspend(
        reader,
        until=soon(),
        made_by=moderator,
        reason="spam",
        explanation="Twice this week.",
        private_note="Watch the domain.",
        comment=comment,
    )

    assert (made.kind, made.person, made.reason, made.made_by, made.comment) == (
        "suspend",
        reader,
        "spam",
        moderator,
        comment,
    )
    assert (made.words.explanation, made.words.private_note) == ("Twice this week.", "Watch the domain.")
    entry = AuditEntry.objects.get(kind="sanction")
    assert (entry.object_id, entry.made_by, entry.after["kind"]) == (made.pk, moderator, "suspend")
    assert "Watch the domain" not in str(entry.after)
    mail = Delivery.objects.get()
    assert mail.to == "mara@example.org"
    assert "> Twice this week." in mail.text and "Watch the domain" not in mail.text
    assert f"https://news.example/comments/sanctions/{made.public_id}/appeal/" in mail.text
    assert str(access.spoken(made.ends_at)) in mail.text


def test_nothing_is_kept_when_the_record_cannot_be_written(
    reader: Commenter, moderator: Commenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any, **_facts: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(people, "_on_record", fail)
    with pytest.raises(RuntimeError):
        people.ban(reader, made_by=moderator, reason="spam")

    assert not Sanction.objects.exists() and not Delivery.objects.exists()


@pytest.mark.parametrize("role", ["Viewer", "Section moderator", "Issue desk"])
def test_only_who_may_sanction_does(role: str, reader: Commenter, member: Callable[..., Commenter]) -> None:
    with pytest.raises(Refused) as refused:
        people.warn(reader, made_by=member(role), reason="spam")

    assert (refused.value.code, refused.value.status) == ("not_allowed", 403)


def test_nobody_sanctions_themselves_colleagues_or_administrators(
    editor: Commenter, moderator: Commenter, member: Callable[..., Commenter]
) -> None:
    community, colleague = member("Community editor"), member("Viewer")

    def code(about: Commenter, by: Commenter) -> str:
        with pytest.raises(Refused) as refused:
            people.ban(about, made_by=by, reason="spam")
        assert refused.value.status == 403
        return refused.value.code

    assert code(moderator, moderator) == "own_sanction"
    assert code(colleague, moderator) == "staff"
    assert code(editor, community) == "superuser"
    assert people.suspend(colleague, until=soon(), made_by=community, reason="spam").person == colleague


def test_what_is_missing_is_named(reader: Commenter, moderator: Commenter, post: Post, person: Person) -> None:
    theirs = post(person("jo"))
    bad: list[tuple[str, dict[str, Any]]] = [
        ("reason_needed", {}),
        ("unknown_reason", {"reason": "nonsense"}),
        ("legal_ground_needed", {"reason": "illegal"}),
        ("too_long", {"reason": "spam", "explanation": "x" * 2001}),
        ("not_their_comment", {"reason": "spam", "comment": theirs}),
        ("no_network", {"reason": "spam", "target": "network"}),
        ("unknown_target", {"reason": "spam", "target": "planet"}),
    ]
    for code, facts in bad:
        with pytest.raises(Refused) as refused:
            people.ban(reader, made_by=moderator, **facts)
        assert refused.value.code == code
    for until in (timezone.now(), soon(4000)):
        with pytest.raises(Refused):
            people.suspend(reader, until=until, made_by=moderator, reason="spam")
    with pytest.raises(Refused) as refused:
        people.warn(reader, made_by=moderator, reason="spam", target="domain")
    assert refused.value.code == "warn_one"
    assert not Sanction.objects.exists()


def test_the_second_editor_is_told_what_the_first_did(
    reader: Commenter, moderator: Commenter, editor: Commenter
) -> None:
    looked, seen = timezone.now(), people.latest(reader)
    people.warn(reader, made_by=moderator, reason="spam", seen=seen)

    for saw in (seen, looked):
        with pytest.raises(Refused) as refused:
            people.ban(reader, made_by=editor, reason="spam", seen=saw)
        assert refused.value.status == 409
        assert "jonas was there first" in refused.value.detail and "Warning" in refused.value.detail
    assert Sanction.objects.count() == 1

    people.ban(reader, made_by=editor, reason="spam", seen=people.latest(reader))
    with pytest.raises(Refused) as refused:
        people.ban(reader, made_by=moderator, reason="spam", seen=people.latest(reader))
    assert refused.value.code == "already_sanctioned"


def test_lifting_is_a_row_done_once(reader: Commenter, moderator: Commenter, editor: Commenter) -> None:
    made = people.ban(reader, made_by=moderator, reason="spam")

    lifted = people.lift(made, made_by=editor, explanation="We were wrong.")

    assert (lifted.kind, lifted.lifts, lifted.person) == ("lift", made, reader)
    assert access.standing(reader).state == "fine"
    assert "> We were wrong." in Delivery.objects.latest("pk").text
    assert AuditEntry.objects.latest("pk").before["kind"] == "ban"
    with pytest.raises(Refused) as refused:
        people.lift(made, made_by=moderator)
    assert refused.value.code == "already_lifted" and "daniel" in refused.value.detail


def test_nobody_lifts_their_own(moderator: Commenter, member: Callable[..., Commenter]) -> None:
    made = people.ban(moderator, made_by=member("Community editor"), reason="spam")

    with pytest.raises(Refused) as refused:
        people.lift(made, made_by=moderator)

    assert refused.value.code == "own_sanction"


def test_premoderation_is_remembered_on_the_person_and_forgotten_when_lifted(
    reader: Commenter, moderator: Commenter, post: Post
) -> None:
    made = people.premoderate(reader, made_by=moderator)
    assert reader.premoderated_at is not None
    assert post(reader, "An editor reads this first.").status == Status.HELD

    people.lift(made, made_by=moderator)

    reader.refresh_from_db()
    assert reader.premoderated_at is None
    assert post(reader, "And nobody has to read this.").status == Status.PUBLISHED


def test_a_suspension_ends_by_itself(reader: Commenter, moderator: Commenter) -> None:
    made = people.suspend(reader, until=soon(), made_by=moderator, reason="spam")

    assert access.standing(reader).state == "suspended"
    assert access.standing(reader, at=soon(4)).state == "fine"
    with pytest.raises(TypeError):
        Sanction.objects.filter(pk=made.pk).update(ends_at=None)


def test_a_domain_reaches_its_people_and_no_others(reader: Commenter, moderator: Commenter, person: Person) -> None:
    elsewhere, below = person("jo"), person("kim")
    elsewhere.user.email, below.user.email = "jo@other.example", "kim@mail.EXAMPLE.org"
    elsewhere.user.save()
    below.user.save()

    assert people.reach(reader).domain_people == 1
    people.ban(reader, made_by=moderator, reason="spam", target="domain")

    assert [access.standing(who).state for who in (reader, below, elsewhere, moderator)] == [
        "banned",
        "banned",
        "fine",
        "fine",
    ]
    assert not Delivery.objects.exists(), "a domain is no mailing list"


def test_a_network_is_shut_out_for_ninety_days_at_most(
    reader: Commenter, moderator: Commenter, person: Person, discussion: Discussion
) -> None:
    posting.post_comment(reader, discussion, "From here.", network_key="a" * 32)
    other = person("jo")
    posting.post_comment(other, discussion, "From here too.", network_key="a" * 32)

    assert people.reach(reader).network_people == 1
    with pytest.raises(Refused):
        people.suspend(reader, until=soon(91), made_by=moderator, reason="spam", target="network")
    made = people.ban(reader, made_by=moderator, reason="spam", target="network")

    assert made.ends_at is not None and made.ends_at <= soon(90)
    assert access.standing(other, "a" * 32).state == "banned"
    assert access.standing(other, "b" * 32).state == "fine"


def test_what_reaches_many_is_for_the_community_editor(
    reader: Commenter, moderator: Commenter, person: Person, member: Callable[..., Commenter], monkeypatch: Any
) -> None:
    person("jo"), person("kim")
    community = member("Community editor")
    monkeypatch.setattr(people, "MOST_REACHED", 1)

    with pytest.raises(Refused) as refused:
        people.ban(reader, made_by=moderator, reason="spam", target="domain")

    assert (refused.value.code, refused.value.params["reaches"]) == ("reaches_many", 2)
    assert people.ban(reader, made_by=community, reason="spam", target="domain").email_domain == "example.org"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("target", ["person", "domain"])
def test_many_editors_at_once_ban_once(target: str, reader: Commenter, editor: Commenter, reasons: None) -> None:
    done: list[int] = []
    told: list[str] = []
    failed: list[Exception] = []

    def ban() -> None:
        try:
            about = Commenter.objects.select_related("user").get(pk=reader.pk)
            done.append(people.ban(about, made_by=None, reason="spam", seen=0, target=target).pk)
        except Refused as refused:
            told.append(refused.code)
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    at_once = [threading.Thread(target=ban) for _ in range(6)]
    for one in at_once:
        one.start()
    for one in at_once:
        one.join()

    assert failed == []
    assert (len(done), len(told), Sanction.objects.count()) == (1, 5, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("target", ["person", "domain"])
def test_many_editors_at_once_lift_once(target: str, reader: Commenter, reasons: None) -> None:
    made = people.ban(reader, made_by=None, reason="spam", target=target)
    done: list[int] = []
    told: list[str] = []

    def lift() -> None:
        try:
            done.append(people.lift(people.known(made.public_id), made_by=None).pk)
        except Refused as refused:
            told.append(refused.code)
        finally:
            connection.close()

    at_once = [threading.Thread(target=lift) for _ in range(6)]
    for one in at_once:
        one.start()
    for one in at_once:
        one.join()

    assert (len(done), set(told), len(told)) == (1, {"already_lifted"}, 5)


# --- Strikes ----------------------------------------------------------------------------------------------------------


def test_strikes_fade_by_half_and_suggest_a_step(
    reader: Commenter, editor: Commenter, moderator: Commenter, post: Post, decide: Callable[..., Any]
) -> None:
    for words in ("One remark about it all.", "Another remark about it.", "A third remark, about rain."):
        decide(post(reader, words), "reject", editor)
    people.warn(reader, made_by=moderator, reason="spam")

    now = records.strikes(reader)

    assert (round(now.total, 2), now.rejected, now.warnings) == (4.0, 3, 1)
    assert now.suggestion == "4.0 strikes: a suspension of 30 days is usual here."
    later = records.strikes(reader, timezone.now() + timedelta(days=30))
    assert round(later.total, 2) == 2.0 and [round(part.weight, 2) for part in later.parts] == [0.5] * 4
    assert later.suggestion == "2.0 strikes: a suspension of 3 days is usual here."
    assert records.strikes(reader, timezone.now() + timedelta(days=365)).total == 0
    assert not Sanction.objects.exclude(kind="warn").exists(), "never automatic"


def test_the_curve_ends_where_the_strikes_will_be(reader: Commenter, moderator: Commenter, settings: Any) -> None:
    assert records.curve(records.strikes(reader)) is None
    people.warn(reader, made_by=moderator, reason="spam")

    found = records.curve(records.strikes(reader))

    assert found is not None and round(found.ahead, 2) == 0.5
    assert found.past[-1] == found.future[0] and all(0 <= y <= 1 for _x, y in [*found.past, *found.future])
    settings.COMMENTS = {"STRIKE_DAYS": 0}
    assert records.curve(records.strikes(reader)) is None and records.strikes(reader).total == 1.0


def test_what_was_taken_back_is_no_strike_and_what_was_withdrawn_still_is(
    reader: Commenter, editor: Commenter, post: Post, decide: Callable[..., Any]
) -> None:
    overturned, withdrawn = post(reader, "One remark about it."), post(reader, "Another remark of mine.")
    decide(overturned, "reject", editor)
    decide(withdrawn, "reject", editor)
    decide(overturned, "publish", editor)
    withdrawn.refresh_from_db()
    posting.withdraw_comment(reader, withdrawn)

    assert [part.decision.comment_id for part in records.strikes(reader).parts if part.decision] == [withdrawn.pk]


def test_what_screening_rejects_is_no_strike(reader: Commenter, post: Post, settings: Any) -> None:
    settings.COMMENTS = {"REFUSED_DOMAINS": ("spam.example",)}
    assert post(reader, "See https://spam.example/ for more.").status == Status.REJECTED

    assert records.strikes(reader).total == 0


def test_a_ladder_that_cannot_be_read_is_an_error_at_start() -> None:
    with pytest.raises(Exception, match="STRIKE_LADDER"):
        conf.Settings(strike_ladder=("3 frown",))


# --- Screening what arrived before ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "code"), [("ban", "banned"), ("suspend", "suspended")])
def test_what_arrived_before_waits_and_is_not_rejected(
    kind: str, code: str, reader: Commenter, editor: Commenter, discussion: Discussion
) -> None:
    comment = posting.post_comment(reader, discussion, "Sent a second before.")
    more = {"until": soon()} if kind == "suspend" else {}
    people.VERBS[kind](reader, made_by=editor, reason="spam", **more)

    moderation.screen(comment.pk, comment.version)

    comment.refresh_from_db()
    finding = comment.revisions.get().findings.get(verdict="hold")
    assert (comment.status, finding.code) == (Status.HELD, code)


def test_screening_again_takes_nothing_down_for_who_wrote_it(reader: Commenter, editor: Commenter, post: Post) -> None:
    comment = post(reader)
    people.ban(reader, made_by=editor, reason="spam")
    Decision.objects.filter(comment=comment)

    moderation.rescreen(comment.pk)

    comment.refresh_from_db()
    assert comment.status == Status.PUBLISHED


# --- The desk ---------------------------------------------------------------------------------------------------------


def test_a_moderator_suspends_lifts_and_notes_by_form(reader: Commenter, moderator: Commenter) -> None:
    client, url = desk(moderator), f"/admin/comments/desk/people/{reader.pk}/"
    form = {"do": "suspend:7", "reason": "spam", "explanation": "Enough.", "seen": "0", "target": "person"}

    answer = client.post(f"{url}sanction/", form)

    assert (answer.status_code, answer["Location"]) == (303, url)
    page = client.get(url).content.decode()
    assert "Suspension until" in page and "Enough." in page and "Lift it" in page
    made = Sanction.objects.get()
    assert client.post(LIFT, {"sanction": str(made.public_id), "person": str(reader.pk)})["Location"] == url
    assert access.standing(reader).state == "fine"
    assert client.post(f"{url}note/", {"text": "Be brief."}).status_code == 303
    assert "Be brief." in client.get(url).content.decode()


def test_a_refusal_keeps_what_was_typed(reader: Commenter, moderator: Commenter, editor: Commenter) -> None:
    people.warn(reader, made_by=editor, reason="spam")
    url = f"/admin/comments/desk/people/{reader.pk}/sanction/"

    for form, status, words in (
        ({"do": "ban", "reason": "spam", "seen": "0"}, 409, "daniel was there first"),
        ({"do": "ban"}, 400, "Choose the reason"),
        ({"do": "suspend", "reason": "spam"}, 400, "how many days"),
        ({"do": "dance"}, 400, "Press what is to be done"),
    ):
        answer = desk(moderator).post(url, form | {"explanation": "Kept words."})
        assert answer.status_code == status
        assert words in answer.content.decode() and "Kept words." in answer.content.decode()


def test_from_a_card_it_stays_on_the_card(reader: Commenter, moderator: Commenter, post: Post) -> None:
    comment = post(reader, "See https://example.net/ now.")
    card = desk(moderator).get("/admin/comments/desk/").content.decode()
    assert 'data-pop="b"' in card

    form = {"do": "suspend:3", "reason": "spam", "comment": str(comment.pk), "queue": "to_decide"}
    answer = desk(moderator).post(
        f"/admin/comments/desk/people/{reader.pk}/sanction/", form | {"looked_at": timezone.now().isoformat()}
    )

    assert answer["Location"] == f"/admin/comments/desk/?queue=to_decide&open={comment.pk}#c-{comment.pk}"
    assert Sanction.objects.get().comment == comment


def test_a_section_moderator_sees_people_and_cannot_sanction(
    reader: Commenter, member: Callable[..., Commenter], post: Post
) -> None:
    local = member("Section moderator")
    local.user.comment_sections.create(section="city")
    post(reader, "Words in a section of others.")
    client, url = desk(local), f"/admin/comments/desk/people/{reader.pk}/"

    page = client.get(url)

    assert page.status_code == 200
    assert "Lift it" not in page.content.decode() and 'value="ban"' not in page.content.decode()
    assert "Words in a section of others" not in page.content.decode()
    assert client.get("/admin/comments/desk/people/").status_code == 200
    assert client.post(f"{url}sanction/", {"do": "ban", "reason": "spam"}).status_code == 403
    assert client.post(LIFT, {}).status_code == 403


def test_people_are_found_and_filtered(
    reader: Commenter, moderator: Commenter, person: Person, editor: Commenter, post: Post, decide: Callable[..., Any]
) -> None:
    jo, kim = person("jo"), person("kim")
    people.ban(jo, made_by=moderator, reason="spam")
    for words in ("Some words about a thing.", "Other words about things."):
        decide(post(kim, words), "reject", editor)
    decide(post(reader, "Yet other words on a thing."), "reject", editor)

    def names(which: str, words: str = "", **more: Any) -> list[str]:
        return [one.name for one in records.listed(which, words, **more).people]

    assert names("sanctioned") == ["jo"]
    assert names("rejected") == ["kim", "mara"]
    assert names("all", "ki") == ["kim"]
    assert names("all", "jo@example.org") == [] and names("all", "jo@example.org", by_email=True) == ["jo"]
    assert "jo" in names("new")
    first = records.listed("rejected", size=1)
    assert [one.name for one in records.listed("rejected", after=first.next_cursor).people] == ["mara"]
    assert names("all", "x' OR 1=1 --\x00") == []


def test_the_record_is_paged_without_loss(
    reader: Commenter, moderator: Commenter, editor: Commenter, post: Post, decide: Callable[..., Any]
) -> None:
    for number in range(4):
        decide(post(reader, f"Remark number {number} about the tram."), "reject", editor)
    people.warn(reader, made_by=moderator, reason="spam")
    notes.write(reader, "Second time.", made_by=moderator)

    whole = [(one.kind, one.row.pk) for one in records.history(reader).items]
    paged, after = [], ""
    while True:
        page = records.history(reader, after, size=3)
        paged += [(one.kind, one.row.pk) for one in page.items]
        after = page.next_cursor
        if not after:
            break

    assert paged == whole and len(whole) == len(set(whole)) == 4 + 4 + 1 + 1
    assert whole[0][0] == "note"
    assert records.history(reader, "9" * 18 + "-1-1").items and records.history(reader, "rubbish").items


def test_the_pages_cost_the_same_however_much_there_is(
    reader: Commenter, editor: Commenter, person: Person, post: Post, decide: Callable[..., Any]
) -> None:
    client = desk(editor)

    def cost(url: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(url).status_code == 200
        # Whether the settings are still what they were is asked once a second.
        return len([one for one in asked if "comments_policyversion" not in one["sql"]])

    urls = ["/admin/comments/desk/people/", f"/admin/comments/desk/people/{reader.pk}/"]
    decide(post(reader, "The first remark of all."), "reject", editor)
    people.warn(reader, made_by=editor, reason="spam")
    [cost(url) for url in urls]
    few = [cost(url) for url in urls]
    for one in Sanction.objects.filter(kind="warn"):
        people.acknowledge(reader, one.public_id)
    for number in range(6):
        decide(post(reader, f"Remark number {number} about the rain."), "reject", editor)
        notes.write(reader, "Again.", made_by=editor)
        people.ban(person(f"jo{number}"), made_by=editor, reason="spam")

    many = [cost(url) for url in urls]

    assert few == many
    assert many[0] <= 6 and many[1] <= 24, many


def test_a_domain_is_lifted_from_the_list(call: Callable[..., Caller], reader: Commenter, moderator: Commenter) -> None:
    made = people.ban(reader, made_by=moderator, reason="spam", target="domain")
    client, url = desk(moderator), "/admin/comments/desk/people/?show=sanctioned"
    assert "Ban of everyone at example.org" in client.get(url).content.decode()
    assert said(call(moderator, "moderate").get("moderation/sanctions/"))[0]["email_domain"] == "example.org"

    assert client.post(LIFT, {"sanction": str(made.public_id)})["Location"] == url

    assert access.standing(reader).state == "fine"
    again = client.post(LIFT, {"sanction": str(made.public_id)})
    assert again.status_code == 409 and "jonas was there first" in again.content.decode()
    assert client.post(LIFT, {"sanction": "nonsense"}).status_code == 400


def test_all_their_comments_are_rejected_as_one(
    reader: Commenter, moderator: Commenter, person: Person, post: Post, member: Callable[..., Commenter]
) -> None:
    texts = ("The first remark about it.", "A second one, about rain.")
    theirs, other = [post(reader, words) for words in texts], post(person("jo"), "Somebody else's remark.")
    made = people.ban(reader, made_by=moderator, reason="spam")
    url = f"/admin/comments/desk/people/{reader.pk}/reject-all/"
    assert desk(member("Section moderator")).post(url, {"reason": "spam"}).status_code == 403
    assert desk(moderator).post(url, {}).status_code == 400

    answer = desk(moderator).post(url, {"reason": "spam"})
    action = BulkAction.objects.get()
    tasks.run_job(action.job_id)

    assert answer.status_code == 303 and desk(moderator).get(answer["Location"]).status_code == 200
    assert (action.sanction, action.made_by) == (made, moderator)
    for comment in theirs:
        comment.refresh_from_db()
        assert (comment.status, comment.decisions.latest("id").bulk) == (Status.REJECTED, action)
    other.refresh_from_db()
    assert other.status == Status.PUBLISHED


def test_hostile_words_stay_words(person: Person, moderator: Commenter, post: Post) -> None:
    hostile = person("mallory")
    Commenter.objects.filter(pk=hostile.pk).update(name=XSS[:80])
    hostile.refresh_from_db()
    post(hostile, XSS)
    people.warn(hostile, made_by=moderator, reason="spam", explanation=XSS, private_note=XSS)
    notes.write(hostile, XSS, made_by=moderator)
    client, url = desk(moderator), f"/admin/comments/desk/people/{hostile.pk}/"

    pages = [client.get("/admin/comments/desk/people/?q=" + XSS), client.get("/admin/comments/desk/people/")]
    pages += [client.get(url), client.post(f"{url}sanction/", {"do": "ban", "explanation": XSS, "legal_ground": XSS})]
    reader_page = desk(hostile).get("/comments/me/")

    for page in [*pages, reader_page]:
        assert "<script>alert" not in page.content.decode() and "<img src=x" not in page.content.decode()


# --- Programs ---------------------------------------------------------------------------------------------------------


def test_programs_do_what_the_desk_does(call: Callable[..., Caller], reader: Commenter, editor: Commenter) -> None:
    program, url = call(editor, "moderate"), f"moderation/people/{reader.pk}/"
    found = said(program.get("moderation/people/?q=mara"))
    assert [one["id"] for one in found["results"]] == [reader.pk]
    assert said(program.get(url))["standing"]["state"] == "fine"

    answer = program.post(
        f"{url}sanctions/", {"kind": "suspend", "days": 7, "reason": "spam", "explanation": "Enough.", "seen": 0}
    )

    assert answer.status_code == 201, answer.content
    public_id = said(answer)["public_id"]
    again = program.post(f"{url}sanctions/", {"kind": "ban", "reason": "spam", "seen": 0})
    assert (again.status_code, said(again)["code"]) == (409, "sanctions_changed")
    record = said(program.get(url))
    assert record["standing"]["state"] == "suspended" and record["history"][0]["words"] == "Enough."
    assert record["strikes"]["total"] == 0
    lifted = program.post(f"moderation/sanctions/{public_id}/lift/", {})
    assert (lifted.status_code, said(lifted)["lifts"]) == (201, public_id)
    assert len(said(program.get(f"{url}sanctions/"))) == 2
    assert program.post(f"{url}sanctions/", {"kind": "suspend", "reason": "spam"}).status_code == 400
    assert program.get("moderation/people/?filter=odd").status_code == 400
    assert program.get("moderation/people/99999/").status_code == 404


def test_the_field_in_the_admin_is_read_only(reader: Commenter, editor: Commenter) -> None:
    page = desk(editor).get(f"/admin/comments/commenter/{reader.pk}/change/").content.decode()

    assert "premoderated_at_0" not in page
    assert f"/admin/comments/desk/people/{reader.pk}/" in page
