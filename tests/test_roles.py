"""Roles by section: what each may see and do at every door, who gives them, and what is written down of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from comments import access, house_rules, issues, moderation, phrases, policy, roles
from comments.exceptions import Refused
from comments.learning import refit
from comments.models import (
    AuditEntry,
    Comment,
    Commenter,
    Decider,
    Decision,
    Discussion,
    IssueReport,
    Phrase,
    SectionAccess,
    Setting,
    Status,
    Trigger,
)
from comments.screening import Verdict
from tests import test_api, test_house_rules
from tests.test_api import Caller, refused, said
from tests.test_house_rules import LINKS

call, document = test_api.call, test_api.document
Post = Callable[..., Comment]
Hire = Callable[..., Commenter]
DESK, ROLES = "/admin/comments/desk/", "/admin/comments/desk/roles/"
LINK = "Read https://elsewhere.example/tram for the figures."


@pytest.fixture(autouse=True)
def no_rule_is_slow(settings: Any) -> None:
    """Let a busy machine hold nothing."""
    settings.COMMENTS = {"RULE_MILLISECONDS": 60_000}


@pytest.fixture
def hire(person: Callable[..., Commenter]) -> Hire:
    """Make somebody who works for the newsroom as ``role``, in ``sections``."""

    def make(role: str, *sections: str, name: str = "") -> Commenter:
        made = person(name or role.lower().replace(" ", "-"))
        user = made.user
        with roles.told_as_one():
            user.is_staff = True
            user.save()
            user.groups.add(Group.objects.get(name=role))
        SectionAccess.objects.bulk_create([SectionAccess(user=user, section=one) for one in sections])
        return Commenter.objects.for_user(get_user_model().objects.get(pk=user.pk))

    return make


@pytest.fixture
def sport(db: None) -> Discussion:
    return Discussion.objects.create(key="story-2", title="The derby", url="/stories/2/", section="Sport")


@pytest.fixture
def opinion(discussion: Discussion) -> Discussion:
    Discussion.objects.filter(pk=discussion.pk).update(section="Opinion")
    discussion.refresh_from_db()
    return discussion


def at_the_desk(person: Commenter) -> Client:
    client = Client()
    client.force_login(person.user)
    return client


# --- In the verbs ----------------------------------------------------------------------------------------------------


def test_a_section_moderator_decides_in_their_section_and_in_no_other(
    hire: Hire, reader: Commenter, post: Post, decide: Any, sport: Discussion, opinion: Discussion
) -> None:
    ana = hire("Section moderator", "Sport")
    inside, outside = post(reader, LINK, discussion=sport), post(reader, LINK + " Yes.", discussion=opinion)

    decide(inside, "publish", ana)
    with pytest.raises(Refused) as refusal:
        decide(outside, "publish", ana)

    assert (refusal.value.code, refusal.value.status) == ("other_section", 403)
    outside.refresh_from_db()
    assert (inside.status, outside.status) == (Status.PUBLISHED, Status.HELD)
    assert not Decision.objects.filter(comment=outside, decider=Decider.EDITOR).exists()


@pytest.mark.parametrize("role", ["Viewer", "Issue desk"])
def test_who_only_looks_or_answers_decides_nothing(
    role: str, hire: Hire, reader: Commenter, post: Post, decide: Any
) -> None:
    held = post(reader, LINK)

    with pytest.raises(Refused) as refusal:
        decide(held, "publish", hire(role))

    assert (refusal.value.code, refusal.value.status) == ("not_a_moderator", 403)


def test_a_reader_who_reaches_a_verb_decides_nothing(reader: Commenter, post: Post, decide: Any) -> None:
    with pytest.raises(Refused):
        decide(post(reader, LINK), "publish", reader)


def test_somebody_shut_out_or_no_longer_staff_decides_nothing(
    hire: Hire, reader: Commenter, post: Post, decide: Any
) -> None:
    held, gone = post(reader, LINK), hire("Moderator")
    for fact in ("is_active", "is_staff"):
        setattr(gone.user, fact, False)
        with pytest.raises(Refused):
            decide(held, "publish", gone)
        setattr(gone.user, fact, True)


def test_what_screening_and_the_system_decide_asks_nobody(reader: Commenter, post: Post) -> None:
    comment = post(reader)

    moderation.decide(comment, Verdict("hold"), decider=Decider.SYSTEM, trigger=Trigger.FLAG)

    assert comment.status == Status.HELD


def test_a_role_costs_a_decision_its_permissions_and_nothing_else(
    hire: Hire, editor: Commenter, reader: Commenter, post: Post, decide: Any, sport: Discussion
) -> None:
    counted = {}
    for name, person in (
        ("superuser", editor),
        ("moderator", hire("Moderator")),
        ("section", hire("Section moderator", "Sport")),
    ):
        held = post(reader, f"{LINK} For {name}.", discussion=sport)
        with CaptureQueriesContext(connection) as queries:
            decide(held, "publish", person)
        counted[name] = len(queries)

    # Two for permissions, of the person and of their groups; one for the sections.
    assert counted["moderator"] == counted["superuser"] + 2
    assert counted["section"] == counted["superuser"] + 3


@pytest.mark.parametrize("role", ["superuser", "Moderator", "Section moderator", "Viewer"])
def test_a_page_of_the_desk_asks_three_things_beside_the_session(
    role: str,
    hire: Hire,
    editor: Commenter,
    reader: Commenter,
    post: Post,
    decide: Any,
    sport: Discussion,
    statements: Callable[[Client, str], int],
) -> None:
    viewer = editor if role == "superuser" else hire(role, "Sport")
    held = [post(reader, f"{LINK} Number {number}.", discussion=sport) for number in range(3)]
    decide(held[2], "reject", editor)
    client = at_the_desk(viewer)
    session, who_it_is, the_list, what_stands_round = 1, 1, 1, 1
    # PostgreSQL takes the card with what stands round it.
    the_claim = 1 if connection.vendor == "sqlite" and role != "Viewer" else 0

    whole = statements(client, DESK)

    assert whole == session + who_it_is + the_list + the_claim + what_stands_round
    # Which ones a search finds comes first; what is asked for by number is one of the list.
    assert statements(client, f"{DESK}?q=elsewhere") == whole + 1
    assert statements(client, f"{DESK}?open={held[1].pk}") == whole
    assert statements(client, f"{DESK}card/{held[1].pk}/") == session + who_it_is + 2


def test_a_session_that_does_not_hold_opens_nothing_although_the_desk_reads_it_itself(
    hire: Hire, settings: Any, django_assert_num_queries: Any
) -> None:
    user = hire("Moderator").user
    assert user
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(DESK).status_code == 200

    settings.AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
    assert client.get(DESK).status_code == 302
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get(DESK).status_code == 200

    type(user).objects.filter(pk=user.pk).update(is_active=False)
    assert client.get(DESK).status_code == 302
    client.force_login(user)
    type(user).objects.filter(pk=user.pk).update(is_active=True)
    user.set_password("another pass phrase")
    user.save()
    assert client.get(DESK).status_code == 302
    assert "_auth_user_id" not in client.session


def test_a_session_begun_under_the_secret_before_this_one_holds(hire: Hire, settings: Any) -> None:
    client = at_the_desk(hire("Moderator"))
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a new one, long enough to be a secret at all"

    assert client.get(DESK).status_code == 200


@pytest.mark.parametrize("role", ["Moderator", "Section moderator", "Viewer", "Issue desk", "Community editor"])
def test_what_is_learnt_of_an_editor_at_once_is_what_django_would_say(
    role: str, hire: Hire, django_assert_num_queries: Any
) -> None:
    hired = hire(role, "Sport", "City")
    assert hired.user
    hired.user.user_permissions.add(Permission.objects.get(codename="see_audit"))
    one, other = (get_user_model().objects.get(pk=hired.user_id) for _time in range(2))

    with django_assert_num_queries(1):
        access.learn(one)
        learnt = one.get_user_permissions(), one.get_group_permissions(), one.get_all_permissions()
        sections, person = access.sections_of(one), access.person(one)

    assert learnt == (other.get_user_permissions(), other.get_group_permissions(), other.get_all_permissions())
    assert (sections, person) == (access.sections_of(other), hired) and person.user is one


def test_nothing_is_learnt_where_another_backend_says_who_may_do_what(
    hire: Hire, settings: Any, django_assert_num_queries: Any
) -> None:
    user = get_user_model().objects.get(pk=hire("Moderator").user_id)
    settings.AUTHENTICATION_BACKENDS = ["tests.test_roles.NobodyMay"]

    with django_assert_num_queries(0):
        access.learn(user)

    assert not access.may_moderate(user)


def test_who_signs_in_by_another_house_s_rules_is_let_in_by_them_only(hire: Hire, settings: Any) -> None:
    settings.AUTHENTICATION_BACKENDS = ["tests.test_roles.NobodyAtNight", *settings.AUTHENTICATION_BACKENDS]
    client = Client()
    client.force_login(hire("Moderator").user, backend="tests.test_roles.NobodyAtNight")

    assert client.get(DESK).status_code == 302


class NobodyAtNight:
    """Says who somebody is, and leaves what they may do to others."""

    def get_user(self, user_id: int) -> None:
        return None


class NobodyMay(ModelBackend):
    """Another house's own rules."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return False


@pytest.mark.parametrize("role", ["Moderator", "Viewer", "Section moderator", "Issue desk"])
def test_policy_is_changed_by_those_who_may_only_whatever_the_door(
    role: str, hire: Hire, discussion: Discussion
) -> None:
    who = hire(role, "Sport")

    for verb in (
        lambda: policy.set_value("premoderate", True, made_by=who),
        lambda: phrases.add_phrase("casino", made_by=who, kind="banned"),
        lambda: house_rules.create("Links", test_house_rules.rule(LINKS), made_by=who),
        lambda: refit.begin(who),
    ):
        with pytest.raises(Refused) as refusal:
            verb()
        assert refusal.value.code == "not_allowed"

    assert not Setting.objects.exists() and not Phrase.objects.exists()
    policy.set_value("premoderate", True, made_by=hire("Community editor"))
    assert Setting.objects.exists()


def test_reports_are_answered_by_those_who_may(hire: Hire) -> None:
    report = IssueReport.objects.create(kind="layout")

    with pytest.raises(Refused):
        issues.answer(report, "Thank you.", hire("Moderator"))
    with pytest.raises(Refused):
        issues.close(report, hire("Viewer"))
    issues.answer(report, "Thank you.", hire("Issue desk"))

    assert report.messages.count() == 1


# --- At the doors ----------------------------------------------------------------------------------------------------


def test_a_viewer_reads_the_desk_without_a_button_to_decide(
    hire: Hire, editor: Commenter, reader: Commenter, post: Post
) -> None:
    held = post(reader, LINK)
    viewer, moderator = at_the_desk(hire("Viewer")), at_the_desk(editor)

    for address in (DESK, f"{DESK}card/{held.pk}/"):
        shown = viewer.get(address)
        html = shown.content.decode()
        assert shown.status_code == 200 and "elsewhere.example" in html
        assert 'name="decision"' not in html and "not part of your role" in html
        assert 'name="decision"' in moderator.get(address).content.decode()

    sent = viewer.post(f"{DESK}decide/", {"comment": held.pk, "version": held.version, "decision": "publish"})
    held.refresh_from_db()
    assert sent.status_code == 403 and held.status == Status.HELD


def test_a_section_moderator_sees_their_sections_over_the_api_too(
    hire: Hire, reader: Commenter, post: Post, sport: Discussion, opinion: Discussion, call: Callable[..., Caller]
) -> None:
    inside, outside = post(reader, LINK, discussion=sport), post(reader, LINK + " Yes.", discussion=opinion)
    program = call(hire("Section moderator", "Sport"), "moderate")

    for queue in ("to_decide", "all"):
        cards = said(program.get(f"moderation/comments/?queue={queue}"))["results"]
        assert [card["id"] for card in cards] == [inside.pk]
    assert said(program.get("moderation/queues/"))["to_decide"] == 1
    assert program.get(f"moderation/comments/{inside.pk}/").status_code == 200
    assert refused(program.get(f"moderation/comments/{outside.pk}/")) == (403, "other_section")
    sent = program.post(
        f"moderation/comments/{outside.pk}/decisions/", {"verdict": "publish", "version": outside.version}
    )
    assert refused(sent) == (403, "other_section")


def test_a_section_moderator_without_a_section_sees_nothing(
    hire: Hire, reader: Commenter, post: Post, call: Callable[..., Caller]
) -> None:
    post(reader, LINK)
    nobody = hire("Section moderator")

    assert access.sections_seen(nobody.user) == frozenset()
    assert said(call(nobody, "moderate").get("moderation/comments/"))["results"] == []


def test_a_viewer_sees_every_section(hire: Hire, opinion: Discussion) -> None:
    viewer = hire("Viewer").user

    assert access.sections_seen(viewer) is None and access.may_see(viewer, opinion)
    assert access.sections_of(viewer) == frozenset()


def test_the_issue_desk_opens_the_reports_and_nothing_else(hire: Hire) -> None:
    report = IssueReport.objects.create(kind="layout")
    client = at_the_desk(hire("Issue desk"))

    index = client.get("/admin/")
    answered = client.post(f"/admin/comments/issuereport/{report.pk}/change/", {"answer": "Try again, please."})

    assert index.status_code == 200 and answered.status_code == 302
    assert report.messages.count() == 1
    html = index.content.decode()
    assert "/admin/comments/issuereport/" in html
    for model in ("comment", "decision", "desk", "phrase", "setting", "token", "commenter"):
        assert f'href="/admin/comments/{model}/"' not in html
        assert client.get(f"/admin/comments/{model}/").status_code == 403
    assert client.get("/admin/auth/user/").status_code == 403


# --- Giving roles ----------------------------------------------------------------------------------------------------


@pytest.fixture
def chief(person: Callable[..., Commenter]) -> Commenter:
    """Make somebody who may change users, and is no superuser."""
    made = person("chief")
    with roles.told_as_one():
        made.user.is_staff = True
        made.user.save()
        made.user.user_permissions.add(Permission.objects.get(codename="change_user"))
    return made


def role(name: str) -> int:
    return Group.objects.get(name=name).pk


def test_a_role_is_given_with_its_sections_and_written_down_once(
    chief: Commenter, reader: Commenter, sport: Discussion
) -> None:
    client = at_the_desk(chief)
    page = f"{ROLES}{reader.user.pk}/"
    assert "Sport" in client.get(page).content.decode()

    sent = client.post(
        page,
        {"roles": [role("Section moderator")], "sections": ["Sport"], "more_sections": "Chess, ", "note": "From May."},
    )

    assert sent.status_code == 303
    user = get_user_model().objects.get(pk=reader.user.pk)
    assert access.sections_of(user) == {"Sport", "Chess"} and user.is_staff
    entry = AuditEntry.objects.get(kind="role")
    assert (entry.subject, entry.object_id, entry.made_by, entry.note) == ("mara", user.pk, chief, "From May.")
    assert entry.before == {"roles": [], "sections": [], "is_staff": False}
    assert entry.after == {"roles": ["Section moderator"], "sections": ["Chess", "Sport"], "is_staff": True}
    assert "From May." in client.get(page).content.decode()
    assert client.post(page, {"roles": [role("Section moderator")], "sections": ["Sport", "Chess"]}).status_code == 303
    assert AuditEntry.objects.filter(kind="role").count() == 1


def test_groups_that_are_no_roles_are_left_alone(chief: Commenter, reader: Commenter) -> None:
    printers = Group.objects.create(name="Printers")
    with roles.told_as_one():
        reader.user.groups.add(printers, Group.objects.get(name="Moderator"))

    roles.give(reader.user, [role("Viewer")], [], made_by=chief)

    assert set(reader.user.groups.values_list("name", flat=True)) == {"Printers", "Viewer"}


def test_nobody_raises_themselves(chief: Commenter) -> None:
    sent = at_the_desk(chief).post(f"{ROLES}{chief.user.pk}/", {"roles": [role("Community editor")]})

    assert sent.status_code == 403 and "Nobody changes their own role" in sent.content.decode()
    assert not chief.user.groups.exists() and not AuditEntry.objects.exists()


def test_only_a_superuser_changes_a_superuser(chief: Commenter, editor: Commenter) -> None:
    with pytest.raises(Refused) as refusal:
        roles.give(editor.user, [role("Viewer")], [], made_by=chief)

    assert refusal.value.code == "superuser"


@pytest.mark.parametrize("who", ["Community editor", "Moderator", "Viewer"])
def test_roles_are_not_given_by_those_who_have_one(who: str, hire: Hire, reader: Commenter) -> None:
    person = hire(who)

    assert at_the_desk(person).get(ROLES).status_code == 403
    assert at_the_desk(person).post(f"{ROLES}{reader.user.pk}/", {"roles": [role("Viewer")]}).status_code == 403
    with pytest.raises(Refused):
        roles.give(reader.user, [role("Viewer")], [], made_by=person)


def test_what_cannot_be_given_is_refused_with_a_sentence_and_what_was_typed(
    chief: Commenter, reader: Commenter, sport: Discussion
) -> None:
    client, page = at_the_desk(chief), f"{ROLES}{reader.user.pk}/"

    for sent, words in (
        ({"roles": ["99999"]}, "no such role"),
        ({"roles": [role("Section moderator")], "note": "Kept note"}, "Choose the sections"),
        ({"more_sections": "x" * 81}, "at most 80 characters"),
    ):
        answer = client.post(page, sent)
        assert answer.status_code == 400 and words in answer.content.decode()
    assert (
        "Kept note" in client.post(page, {"roles": [role("Section moderator")], "note": "Kept note"}).content.decode()
    )
    assert client.get(f"{ROLES}999999/").status_code == 404
    assert not AuditEntry.objects.exists()


def test_the_list_costs_the_same_however_many_people_there_are(hire: Hire, chief: Commenter, sport: Discussion) -> None:
    client = at_the_desk(chief)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            html = client.get(ROLES).content.decode()
        assert "chief" in html
        return len(queries)

    hire("Section moderator", "Sport", name="v0")
    cost()
    few = cost()
    for number in range(8):
        hire("Section moderator", "Sport", name=f"s{number}")
    assert cost() == few


def test_somebody_new_is_found_by_name_and_readers_are_not_listed(chief: Commenter, reader: Commenter) -> None:
    client = at_the_desk(chief)

    assert ">mara<" not in client.get(ROLES).content.decode()
    assert ">mara<" in client.get(f"{ROLES}?q=MAR").content.decode()
    assert client.get(f"{ROLES}?q=a%00b&page=x").status_code == 200


def test_roles_are_given_over_the_api(
    chief: Commenter, reader: Commenter, sport: Discussion, call: Callable[..., Caller]
) -> None:
    program = call(chief, "moderate")

    listed = said(program.get("moderation/roles/?q=mara"))
    given = program("PUT", f"moderation/roles/{reader.user.pk}/", {"roles": ["Viewer"], "sections": []})

    assert [one["name"] for one in listed["roles"]][:2] == ["Viewer", "Section moderator"]
    assert [one["username"] for one in listed["results"]] == ["mara"]
    assert said(given)["roles"] == ["Viewer"] and said(given)["is_staff"]
    own = program("PUT", f"moderation/roles/{chief.user.pk}/", {"roles": ["Viewer"], "sections": []})
    assert refused(own) == (403, "own_role")
    wrong = program("PUT", f"moderation/roles/{reader.user.pk}/", {"roles": ["King"], "sections": []})
    assert refused(wrong) == (400, "unknown_role")


# --- What Django's own pages do is written down ----------------------------------------------------------------------


def entries() -> list[tuple[str, Any, Any, str | None]]:
    rows = AuditEntry.objects.filter(kind="role").select_related("made_by").order_by("id")
    return [(row.subject, row.before, row.after, row.made_by and row.made_by.name) for row in rows]


def test_a_group_given_in_the_user_admin_is_on_record_with_who_gave_it(editor: Commenter, reader: Commenter) -> None:
    client, user = at_the_desk(editor), reader.user
    facts = {
        "username": user.username,
        "is_active": "on",
        "is_staff": "on",
        "groups": [role("Viewer")],
        "user_permissions": [Permission.objects.get(codename="see_audit").pk],
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
        "email": user.email,
    }

    saved = client.post(f"/admin/auth/user/{user.pk}/change/", facts)

    assert saved.status_code == 302
    assert sorted(entries(), key=str) == sorted(
        [
            ("mara", {"is_staff": False}, {"is_staff": True}, "daniel"),
            ("mara", {"roles": []}, {"roles": ["Viewer"]}, "daniel"),
            ("mara", {"permissions": []}, {"permissions": ["see_audit"]}, "daniel"),
        ],
        key=str,
    )


def test_more_or_less_in_a_group_is_on_record(editor: Commenter) -> None:
    group = Group.objects.get(name="Viewer")
    kept = [Permission.objects.get(codename=name).pk for name in ("see_desk", "see_audit")]

    at_the_desk(editor).post(f"/admin/auth/group/{group.pk}/change/", {"name": "Viewer", "permissions": kept})

    assert entries() == [
        ("Viewer", {"permissions": ["see_desk", "see_numbers"]}, {"permissions": ["see_desk"]}, "daniel"),
        ("Viewer", {"permissions": ["see_desk"]}, {"permissions": ["see_audit", "see_desk"]}, "daniel"),
    ]


def test_what_code_does_is_on_record_without_a_name_from_either_side(reader: Commenter) -> None:
    group = Group.objects.get(name="Viewer")

    reader.user.groups.add(group)
    reader.user.groups.add(group)
    group.user_set.remove(reader.user)
    group.user_set.add(reader.user)
    reader.user.groups.clear()
    reader.user.is_superuser = True
    reader.user.save()
    reader.user.save(update_fields=["last_login"])

    assert entries() == [
        ("mara", {"roles": []}, {"roles": ["Viewer"]}, None),
        ("mara", {"roles": ["Viewer"]}, {"roles": []}, None),
        ("mara", {"roles": []}, {"roles": ["Viewer"]}, None),
        ("mara", {"roles": ["Viewer"]}, {"roles": []}, None),
        ("mara", {"is_superuser": False}, {"is_superuser": True}, None),
    ]
