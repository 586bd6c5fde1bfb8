"""Who may open what: every address of the desk and every call of moderation, for everyone there is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import URLPattern

from comments import roles
from comments.api import urls
from comments.models import Comment, Commenter, Desk, Discussion, SectionAccess, Token

METHODS = ("get", "post", "put", "delete")


def filled(route: str) -> str:
    """Return an address of a route, with a number or a name in each of its places."""
    route = re.sub(r"<uuid:[^>]*>", "11111111-1111-4111-8111-111111111111", route)
    return re.sub(r"<[^:>]*:[^>]*>", "1", route)


def desk_addresses() -> Iterator[str]:
    model_admin = admin.site._registry[Desk]
    for pattern in model_admin.get_urls():
        # A link in a mail is signed for one editor: tests/test_decision_links.py.
        if isinstance(pattern, URLPattern) and pattern.name == "comments_desk_link":
            continue
        if isinstance(pattern, URLPattern) and (pattern.name or "").startswith("comments_desk"):
            yield "/admin/comments/desk/" + filled(str(pattern.pattern).removeprefix("^"))


def moderation_addresses() -> Iterator[str]:
    for pattern in urls.urlpatterns:
        route = str(pattern.pattern)
        if route.startswith("moderation/"):
            yield "/api/v1/" + filled(route)


DESK, MODERATION = sorted(set(desk_addresses())), sorted(set(moderation_addresses()))


def test_the_lists_are_not_empty() -> None:
    assert len(DESK) > 12 and len(MODERATION) > 20


@pytest.mark.parametrize("address", DESK)
@pytest.mark.django_db
def test_the_desk_is_for_moderators(address: str, reader: Commenter, person: Callable[..., Commenter]) -> None:
    clerk = person("clerk")
    clerk.user.is_staff = True
    clerk.user.save()

    for who, expected in ((None, 302), (reader, 302), (clerk, 403)):
        client = Client()
        if who is not None:
            client.force_login(who.user)
        for method in ("get", "post"):
            assert getattr(client, method)(address).status_code in (expected, 405), (address, method, who)


@pytest.mark.parametrize("address", MODERATION)
@pytest.mark.django_db
def test_moderation_over_the_api_is_for_moderators(address: str, reader: Commenter, editor: Commenter) -> None:
    of_reader = Token.objects.issue(reader.user, ["read", "write", "moderate"], 30)
    without_scope = Token.objects.issue(editor.user, ["read", "write"], 30)

    for token, expected in (("", 401), (of_reader, 403), (without_scope, 403)):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        for method in METHODS:
            body = {} if method == "get" else {"data": b"{}", "content_type": "application/json"}
            answer = getattr(Client(), method)(address, headers=headers, **body)
            assert answer.status_code in (expected, 405), (address, method, answer.content[:200])


# --- The matrix ------------------------------------------------------------------------------------------------------
#
# Everybody there is × every address of the desk × GET and POST, and × every call of moderation. An address that has no
# line in these tables fails: whoever adds one says who may open it.

WHO_HAS = {
    "see_desk": {"viewer", "inside", "outside", "moderator", "editor", "admin"},
    "moderate": {"inside", "outside", "moderator", "editor", "admin"},
    "act_in_bulk": {"moderator", "editor", "admin"},
    "sanction_people": {"moderator", "editor", "admin"},
    "rule_on_appeals": {"inside", "outside", "moderator", "editor", "admin"},
    "change_policy": {"editor", "admin"},
    "answer_issues": {"editor", "issues", "admin"},
    "see_issues": {"viewer", "inside", "outside", "moderator", "editor", "issues", "admin"},
    "see_numbers": {"viewer", "inside", "outside", "moderator", "editor", "admin"},
    "see_audit": {"editor", "admin"},
    "give_roles": {"chief", "admin"},
}
"""``inside`` and ``outside`` are one section moderator, before a comment of their section and one of another."""

DESK_NEEDS: dict[str, tuple[str, str]] = {
    "changelist": ("see_desk", ""),
    "card": ("see_desk", ""),
    "decide": ("", "moderate"),
    "conversation": ("see_desk", ""),
    "counts": ("see_desk", ""),
    "claims": ("", "moderate"),
    "saved": ("see_desk", "see_desk"),
    "note": ("", "moderate"),
    "assign": ("", "moderate"),
    "give_back": ("", "moderate"),
    "preferences": ("see_desk", "see_desk"),
    "bulk": ("act_in_bulk", ""),
    "bulk_begin": ("", "act_in_bulk"),
    "bulk_one": ("act_in_bulk", ""),
    "bulk_do": ("", "act_in_bulk"),
    "people": ("see_desk", ""),
    "person": ("see_desk", ""),
    "person_note": ("", "moderate"),
    "person_settle": ("", "sanction_people"),
    "guidelines": ("change_policy", ""),
    "guidelines_publish": ("", "change_policy"),
    "sanction": ("", "sanction_people"),
    "lift": ("", "sanction_people"),
    "reject_all": ("", "act_in_bulk"),
    "appeals": ("rule_on_appeals", ""),
    "appeal": ("rule_on_appeals", ""),
    "appeal_ruling": ("", "rule_on_appeals"),
    "numbers_csv": ("see_numbers", ""),
    "issues": ("see_issues", ""),
    "issue": ("see_issues", ""),
    "issue_act": ("", "answer_issues"),
    "issue_picture": ("answer_issues", ""),
    "issue_group": ("see_issues", ""),
    "issue_group_act": ("", "answer_issues"),
    "incidents": ("see_issues", "answer_issues"),
    "incident": ("see_issues", "answer_issues"),
    "issue_templates": ("answer_issues", "answer_issues"),
    "issue_numbers": ("see_numbers", ""),
    "issue_numbers_csv": ("see_numbers", ""),
    "numbers": ("see_numbers", ""),
    "settings": ("change_policy", ""),
    "settings_change": ("", "change_policy"),
    "settings_take_back": ("", "change_policy"),
    "phrases": ("change_policy", "change_policy"),
    "phrase_add": ("", "change_policy"),
    "phrase_remove": ("", "change_policy"),
    "phrases_import": ("", "change_policy"),
    "phrases_export": ("change_policy", ""),
    "rules": ("change_policy", ""),
    "new_rule": ("change_policy", "change_policy"),
    "rule": ("change_policy", "change_policy"),
    "model": ("change_policy", ""),
    "model_act": ("", "change_policy"),
    "audit": ("see_audit", ""),
    "audit_export": ("see_audit", ""),
    "roles": ("give_roles", ""),
    "role": ("give_roles", "give_roles"),
}
"""Name of an address of the desk → what looking needs, what sending a form needs; "" where that is not done there."""

CALLS_NEED: dict[str, dict[str, str]] = {
    "moderation_issues": {"get": "see_issues"},
    "moderation_issue": {"get": "see_issues"},
    "act_on_issue": {"post": "answer_issues"},
    "moderation_issue_picture": {"get": "answer_issues"},
    "moderation_issue_group": {"get": "see_issues"},
    "act_on_issue_group": {"post": "answer_issues"},
    "issue_templates": {"get": "answer_issues", "post": "answer_issues"},
    "moderation_incidents": {"get": "see_issues", "post": "answer_issues"},
    "moderation_incident": {"get": "see_issues", "post": "answer_issues"},
    "issue_numbers": {"get": "see_numbers"},
    "moderation_queues": {"get": "see_desk"},
    "moderation_comments": {"get": "see_desk"},
    "moderation_comment": {"get": "see_desk"},
    "decisions": {"post": "moderate"},
    "undo_decision": {"post": "moderate"},
    "claim_comment": {"post": "moderate", "delete": "moderate"},
    "feature_comment": {"put": "moderate", "delete": "moderate"},
    "pin_comment": {"put": "moderate", "delete": "moderate"},
    "saved_queues": {"get": "see_desk", "post": "see_desk"},
    "saved_queue": {"get": "see_desk", "delete": "see_desk"},
    "notes": {"get": "see_desk", "post": "moderate"},
    "note": {"delete": "moderate"},
    "assignment": {"get": "see_desk", "put": "moderate", "delete": "moderate"},
    "assignees": {"get": "moderate"},
    "preferences": {"get": "see_desk", "put": "see_desk"},
    "bulks": {"post": "act_in_bulk"},
    "bulk": {"get": "act_in_bulk"},
    "undo_bulk": {"post": "act_in_bulk"},
    "pause_bulk": {"post": "act_in_bulk"},
    "resume_bulk": {"post": "act_in_bulk"},
    "stop_bulk": {"post": "act_in_bulk"},
    "moderation_people": {"get": "see_desk"},
    "moderation_person": {"get": "see_desk"},
    "moderation_places": {"get": "see_desk"},
    "moderation_guidelines": {"get": "change_policy", "post": "change_policy"},
    "moderation_discussion": {"get": "moderate", "put": "moderate"},
    "experts": {"get": "moderate", "post": "moderate"},
    "expert": {"delete": "moderate"},
    "person_flags": {"get": "see_desk", "post": "sanction_people"},
    "sanctions": {"get": "see_desk", "post": "sanction_people"},
    "lift_sanction": {"post": "sanction_people"},
    "moderation_appeals": {"get": "rule_on_appeals"},
    "moderation_appeal": {"get": "rule_on_appeals"},
    "rule_on_appeal": {"post": "rule_on_appeals"},
    "moderation_numbers": {"get": "see_numbers"},
    "scoring_models": {"get": "change_policy"},
    "refit_scoring_model": {"post": "change_policy"},
    "use_scoring_model": {"post": "change_policy"},
    "auto_approval": {"get": "change_policy", "put": "change_policy"},
    "phrases": {"get": "change_policy", "post": "change_policy"},
    "try_phrases": {"post": "change_policy"},
    "import_phrases": {"post": "change_policy"},
    "export_phrases": {"get": "change_policy"},
    "phrase": {"delete": "change_policy"},
    "moderation_settings": {"get": "change_policy"},
    "moderation_setting": {"put": "change_policy"},
    "moderation_changes": {"get": "change_policy"},
    "revert_change": {"post": "change_policy"},
    "audit": {"get": "see_audit"},
    "export_audit": {"get": "see_audit"},
    "roles": {"get": "give_roles"},
    "role": {"put": "give_roles"},
    "rules": {"get": "change_policy", "post": "change_policy"},
    "unsaved_trial": {"post": "change_policy"},
    "rule": {"get": "change_policy", "put": "change_policy"},
    "rule_state": {"post": "change_policy"},
    "rule_versions": {"get": "change_policy"},
    "rule_trial": {"post": "change_policy"},
    "job": {"get": "change_policy"},
    "cancel_job": {"post": "change_policy"},
    "pause_job": {"post": "change_policy"},
    "resume_job": {"post": "change_policy"},
}
"""Name of a call → what each of its methods needs. A job of another kind may need another permission."""

OF_ONE_COMMENT = {
    "card",
    "conversation",
    "moderation_comment",
    "decisions",
    "undo_decision",
    "claim_comment",
    "feature_comment",
    "pin_comment",
}
"""Names of addresses that hold a comment's number: what stands in other sections is refused there."""

VERSIONED = {"decisions", "undo_decision", "feature_comment", "pin_comment"}
BODIES: dict[str, dict[str, Any]] = {
    "decisions": {"verdict": "hold"},
    "undo_decision": {"decision": "00000000-0000-0000-0000-000000000000"},
}
"""What is sent to calls that ask for the section after they have read what is meant; to others, an empty object."""


@pytest.fixture
def everybody(person: Callable[..., Commenter], reader: Commenter, editor: Commenter) -> dict[str, Any]:
    """Return a user for each column of the matrix; ``None`` is nobody signed in."""
    found: dict[str, Any] = {"anonymous": None, "reader": reader.user, "admin": editor.user}
    for column, role in (
        ("viewer", "Viewer"),
        ("inside", "Section moderator"),
        ("moderator", "Moderator"),
        ("editor", "Community editor"),
        ("issues", "Issue desk"),
        ("clerk", ""),
        ("chief", ""),
    ):
        user = person(f"the-{column}").user
        with roles.told_as_one():
            user.is_staff = True
            user.save()
            if role:
                user.groups.add(Group.objects.get(name=role))
        found[column] = user
    with roles.told_as_one():
        found["chief"].user_permissions.add(Permission.objects.get(codename="change_user"))
    SectionAccess.objects.create(user=found["inside"], section="Sport")
    found["outside"] = found["inside"]
    return found


@pytest.fixture
def stories(reader: Commenter, post: Callable[..., Comment], settings: Any) -> dict[str, Comment]:
    """Return a comment that waits in a section of the section moderator's, and one in another."""
    settings.COMMENTS = {"RULE_MILLISECONDS": 60_000}
    found = {}
    for column, section in (("inside", "Sport"), ("outside", "Opinion")):
        story = Discussion.objects.create(key=f"story-{section}", title=section, section=section)
        found[column] = post(reader, f"See https://elsewhere.example/{section} for it.", discussion=story)
    return found


def desk_names() -> Iterator[tuple[str, str]]:
    for pattern in admin.site._registry[Desk].get_urls():
        name = str(pattern.name or "")
        # A link in a mail is signed for one editor: whoever has it is asked by another key.
        if isinstance(pattern, URLPattern) and name.startswith("comments_desk_") and name != "comments_desk_link":
            yield name.removeprefix("comments_desk_"), "/admin/comments/desk/" + str(pattern.pattern).removeprefix("^")


def call_names() -> Iterator[tuple[str, str, list[str]]]:
    for pattern in urls.urlpatterns:
        route = str(pattern.pattern)
        if route.startswith("moderation/"):
            view: Any = pattern.callback.view_class
            methods = [method for method in METHODS if hasattr(view, method)]
            yield str(pattern.name), "/api/v1/" + route, methods


def about(route: str, name: str, column: str, stories: dict[str, Comment]) -> str:
    """Return an address of ``route``, about the comment of this column where it is about one."""
    if name in OF_ONE_COMMENT:
        pk = stories["outside" if column == "outside" else "inside"].pk
        return re.sub(r"<[^:>]*:[^>]*>", str(pk), route, count=1)
    return filled(route)


def test_every_address_says_who_may_open_it() -> None:
    assert {name for name, _route in desk_names()} - set(DESK_NEEDS) == set()
    assert {
        (name, method)
        for name, _route, methods in call_names()
        for method in methods
        if method not in CALLS_NEED.get(name, {})
    } == set()


@pytest.mark.parametrize(("name", "route"), sorted(desk_names()))
def test_the_desk_opens_for_whoever_may(
    name: str, route: str, everybody: dict[str, Any], stories: dict[str, Comment]
) -> None:
    for column, user in everybody.items():
        client = Client(raise_request_exception=False)
        if user is not None:
            client.force_login(user)
        address = about(route, name, column, stories)
        for method, needed in zip(("get", "post"), DESK_NEEDS[name], strict=True):
            answer = getattr(client, method)(address)
            status, signs_in = answer.status_code, "/login/" in answer.get("Location", "")
            told = (name, method, column, status)
            outside = column == "outside" and name in OF_ONE_COMMENT
            if column in ("anonymous", "reader"):
                assert signs_in, told
            elif not needed:
                assert status in (403, 405), told
            elif column not in WHO_HAS[needed] or outside:
                assert status == 403, told
            else:
                assert status < 500 and status not in (401, 403) and not signs_in, told


@pytest.mark.parametrize(("name", "route", "methods"), sorted(call_names()))
def test_moderation_answers_whoever_may(
    name: str, route: str, methods: list[str], everybody: dict[str, Any], stories: dict[str, Comment]
) -> None:
    for column, user in everybody.items():
        token = Token.objects.issue(user, ["read", "write", "moderate"], 1) if user else ""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        address = about(route, name, column, stories)
        for method in methods:
            body = BODIES.get(name, {}) | ({"version": stories["outside"].version} if name in VERSIONED else {})
            sent = {} if method == "get" else {"data": body, "content_type": "application/json"}
            status = getattr(Client(raise_request_exception=False), method)(
                address, headers=headers, **sent
            ).status_code
            told = (name, method, column, status)
            outside = column == "outside" and name in OF_ONE_COMMENT
            if column == "anonymous":
                assert status == 401, told
            elif column not in WHO_HAS[CALLS_NEED[name][method]] or outside:
                assert status == 403, told
            else:
                assert status < 500 and status not in (401, 403), told
