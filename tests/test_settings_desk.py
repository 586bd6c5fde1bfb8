"""Settings at the desk and over the API: who may, what is in force where, what is refused, and taking changes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.functional import Promise

from comments import conf, policy, thresholds
from comments.desk import words
from comments.models import Comment, Commenter, Discussion, PolicyChange, Setting, Status
from tests import test_api
from tests.test_api import Caller, refused, said

call, document = test_api.call, test_api.document
Post = Callable[..., Comment]
PAGE = "/admin/comments/desk/settings/"
CHANGE, TAKE_BACK = f"{PAGE}change/", f"{PAGE}take-back/"


@pytest.fixture
def desk(editor: Commenter) -> Client:
    client = Client()
    client.force_login(editor.user)
    return client


@pytest.fixture
def opinion(discussion: Discussion) -> Discussion:
    Discussion.objects.filter(pk=discussion.pk).update(section="Opinion")
    discussion.refresh_from_db()
    return discussion


def page(client: Client, query: str = "") -> str:
    response = client.get(PAGE + query)
    assert response.status_code == 200
    return response.content.decode()


# --- Who may ---------------------------------------------------------------------------------------------------------


def test_readers_and_staff_without_the_permission_do_not_get_in(reader: Commenter, discussion: Discussion) -> None:
    plain = get_user_model().objects.create_user("desk", "d@example.org", "a long password", is_staff=True)
    for user, expected in ((reader.user, 302), (plain, 403)):
        client = Client()
        client.force_login(user)
        assert client.get(PAGE).status_code == expected
        for address in (CHANGE, TAKE_BACK):
            posted = client.post(address, {"name": "premoderate", "value": "on", "do": "set", "change": "1"})
            assert posted.status_code == expected
    assert not Setting.objects.exists()


def test_the_permission_to_change_policy_is_enough(discussion: Discussion) -> None:
    user = get_user_model().objects.create_user("desk", "d@example.org", "a long password", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="change_policy"))
    client = Client()
    client.force_login(user)

    assert client.get(PAGE).status_code == 200
    assert client.post(CHANGE, {"name": "premoderate", "value": "on", "do": "set"}).status_code == 303
    assert thresholds.of(None, exact=True).premoderate


def test_a_change_cannot_be_sent_from_another_site(editor: Commenter, discussion: Discussion) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(editor.user)

    assert client.post(CHANGE, {"name": "premoderate", "value": "on", "do": "set"}).status_code == 403
    assert client.get(CHANGE).status_code == 405


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "moderation/settings/", None),
        ("PUT", "moderation/settings/premoderate/", {"value": True}),
        ("GET", "moderation/changes/", None),
        ("POST", "moderation/changes/1/revert/", {}),
    ],
)
def test_the_api_is_for_moderators(
    method: str, path: str, body: Any, call: Callable[..., Caller], reader: Commenter, editor: Commenter
) -> None:
    assert refused(call()(method, path, body)) == (401, "not_signed_in")
    assert refused(call(reader, "read", "write", "moderate")(method, path, body)) == (403, "not_a_moderator")
    assert refused(call(editor, "read", "write")(method, path, body)) == (403, "scope_missing")


# --- The page --------------------------------------------------------------------------------------------------------


def test_every_setting_is_shown_at_every_level_with_the_one_in_force_marked(
    desk: Client, editor: Commenter, opinion: Discussion
) -> None:
    policy.set_value("links_allowed", 3, made_by=editor)
    policy.set_value("links_allowed", 1, made_by=editor, section="Opinion")

    site, section, article = page(desk), page(desk, "?section=Opinion"), page(desk, "?article=story-1")

    for name in conf.PANEL:
        assert f'id="set-{name}"' in site and f'id="set-{name}"' in article
    for html, levels, in_force in ((site, 2, "3"), (section, 3, "1"), (article, 4, "1")):
        row = html[html.index('id="set-links_allowed"') :].partition("</tr>")[0]
        assert row.count("data-level") == levels + 1
        assert " ".join(row.partition('class="force"')[2].partition("</span>")[0].split()) == f"> <span>{in_force}"
    assert "for the whole site only" in article and "for the whole site only" not in site


def test_an_article_is_found_by_the_words_of_its_title_and_an_unknown_one_is_said_to_be(
    desk: Client, opinion: Discussion
) -> None:
    assert "Set for The night tram is back" in page(desk, "?article=night+tram")
    missing = desk.get(f"{PAGE}?article=no+such+thing")
    assert missing.status_code == 404 and "There is no article" in missing.content.decode()
    assert desk.get(f"{PAGE}?article=a%00b").status_code == 200


def test_a_value_is_set_where_one_looks_changes_what_happens_and_is_taken_back(
    desk: Client, reader: Commenter, opinion: Discussion, post: Post
) -> None:
    sent = desk.post(CHANGE, {"name": "hold_under_characters", "value": "30", "do": "set", "section": "Opinion"})
    assert sent.status_code == 303 and sent["Location"].endswith("?section=Opinion")
    assert "Shortest, in characters, Opinion: 30." in page(desk, "?section=Opinion")
    assert post(reader, "Too short here.").status == Status.HELD

    change = PolicyChange.objects.get()
    assert (change.before, change.after, change.made_by.name) == (None, 30, "daniel")
    desk.post(TAKE_BACK, {"change": change.pk, "section": "Opinion"})

    assert post(reader, "Short again here.").status == Status.PUBLISHED
    assert not Setting.objects.exists() and PolicyChange.objects.count() == 2


def test_the_value_of_the_level_above_is_taken_by_a_button(
    desk: Client, editor: Commenter, opinion: Discussion
) -> None:
    policy.set_value("allowed_domains", ["example.org"], made_by=editor, discussion=opinion)

    desk.post(CHANGE, {"name": "allowed_domains", "value": "", "do": "above", "article": "story-1"})

    assert not Setting.objects.exists()


@pytest.mark.parametrize(
    ("name", "typed", "stored"),
    [
        ("premoderate", "off", False),
        ("repeat_hours", " 12 ", 12),
        ("allowed_domains", "a.example, b.example,", ["a.example", "b.example"]),
        (
            "commenting_hours",
            "mon-fri 06:00-24:00; sat,sun 08:00-22:00",
            ["mon-fri 06:00-24:00", "sat,sun 08:00-22:00"],
        ),
        ("closed_sentence", " Back at eight. ", "Back at eight."),
    ],
)
def test_what_was_typed_becomes_a_value_of_its_kind(
    name: str, typed: str, stored: Any, desk: Client, discussion: Discussion
) -> None:
    assert desk.post(CHANGE, {"name": name, "value": typed, "do": "set"}).status_code == 303

    assert Setting.objects.get().value == stored
    row = page(desk).partition(f'id="set-{name}"')[2].partition("</tr>")[0]
    assert "As above" in row


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("repeat_hours", "-1"),
        ("repeat_hours", "many"),
        ("repeat_hours", "٣"),
        ("hold_over_score", "101"),
        ("premoderate", "maybe"),
        ("commenting_hours", "mon 9-5"),
        ("closed_sentence", "x" * 301),
        ("secret_key", "x"),
        ("rules", "x"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_a_sentence(
    name: str, typed: str, desk: Client, discussion: Discussion
) -> None:
    answer = desk.post(CHANGE, {"name": name, "value": typed, "do": "set"})

    assert answer.status_code in (400, 404) and 'role="alert"' in answer.content.decode()
    assert not Setting.objects.exists() and not PolicyChange.objects.exists()


def test_the_switches_close_commenting_make_everything_wait_and_silence_a_rule(
    desk: Client, reader: Commenter, discussion: Discussion, post: Post, call: Callable[..., Caller]
) -> None:
    desk.post(CHANGE, {"name": "switched_off", "value": "hold_links", "do": "off"})
    assert post(reader, "See https://example.net/ for it.").status == Status.PUBLISHED
    assert "Off now: hold_links" in " ".join(page(desk).split())
    desk.post(CHANGE, {"name": "switched_off", "value": "hold_links", "do": "on"})
    assert post(reader, "See https://example.net/b for it.").status == Status.HELD
    assert desk.post(CHANGE, {"name": "switched_off", "value": "nothing", "do": "off"}).status_code == 404

    desk.post(CHANGE, {"name": "premoderate", "value": "on", "do": "set"})
    assert "Every comment waits now." in page(desk)
    assert post(reader, "An ordinary sentence, waiting.").status == Status.HELD
    desk.post(CHANGE, {"name": "premoderate", "value": "on", "do": "above"})

    desk.post(CHANGE, {"name": "closed_sentence", "value": "Back at eight.", "do": "set"})
    desk.post(CHANGE, {"name": "commenting_closed", "value": "on", "do": "set"})
    assert "Commenting is closed now." in page(desk)
    problem = call(reader, "write").post("discussions/story-1/comments/", {"text": "Hello?"})
    assert said(problem)["detail"] == "Back at eight."


def test_hostile_words_are_shown_as_text(desk: Client, editor: Commenter, opinion: Discussion) -> None:
    hostile = "<script>alert(1)</script>"
    Discussion.objects.filter(pk=opinion.pk).update(section=hostile, title=hostile)
    policy.set_value("closed_sentence", hostile, made_by=editor, section=hostile, note=hostile)

    assert hostile not in page(desk) + page(desk, "?article=story-1")


# --- The history -----------------------------------------------------------------------------------------------------


def test_what_was_changed_again_since_is_not_taken_back(
    desk: Client, editor: Commenter, discussion: Discussion, call: Callable[..., Caller]
) -> None:
    for value in (1, 2):
        policy.set_value("links_allowed", value, made_by=editor)
    second, first = PolicyChange.objects.all()
    program = call(editor, "moderate")

    assert refused(program.post(f"moderation/changes/{first.pk}/revert/", {})) == (409, "changed_since")
    assert desk.post(TAKE_BACK, {"change": first.pk}).status_code == 409
    back = program.post(f"moderation/changes/{second.pk}/revert/", {})

    assert back.status_code == 201
    assert (said(back)["before"], said(back)["after"], said(back)["made_by"]) == (2, 1, "daniel")
    assert Setting.objects.get().value == 1
    assert refused(program.post("moderation/changes/99999/revert/", {})) == (404, "unknown_change")
    assert desk.post(TAKE_BACK, {"change": "x"}).status_code == 404


def test_other_changes_than_of_settings_are_not_taken_back_here(
    editor: Commenter, discussion: Discussion, call: Callable[..., Caller]
) -> None:
    with policy.changing():
        change = policy.record(PolicyChange.Kind.PHRASE, "a phrase", None, {"kind": "banned"}, editor)

    problem = call(editor, "moderate").post(f"moderation/changes/{change.pk}/revert/", {})

    assert refused(problem) == (409, "not_a_setting")


def test_changes_are_listed_page_by_page_and_by_kind(
    editor: Commenter, discussion: Discussion, call: Callable[..., Caller]
) -> None:
    for value in range(1, 6):
        policy.set_value("links_allowed", value, made_by=editor, discussion=discussion, note=f"Number {value}")
    with policy.changing():
        policy.record(PolicyChange.Kind.PHRASE, "a phrase", None, {"kind": "banned"}, None)
    program = call(editor, "moderate")

    first = said(program.get("moderation/changes/?kind=setting&limit=3"))
    rest = said(program.get(f"moderation/changes/?kind=setting&limit=3&cursor={first['next']}"))

    assert [one["after"] for one in first["results"] + rest["results"]] == [5, 4, 3, 2, 1] and rest["next"] is None
    assert first["results"][0]["note"] == "Number 5"
    assert first["results"][0]["subject"] == f"links_allowed (article:{discussion.pk})"
    assert len(said(program.get("moderation/changes/"))["results"]) == 6
    assert refused(program.get("moderation/changes/?kind=nothing")) == (400, "unknown_kind")
    assert refused(program.get("moderation/changes/?cursor=x")) == (400, "bad_cursor")


# --- The API ---------------------------------------------------------------------------------------------------------


def test_the_api_shows_every_setting_with_its_meaning_and_where_it_comes_from(
    editor: Commenter, opinion: Discussion, call: Callable[..., Caller]
) -> None:
    policy.set_value("commenting_hours", ["06:00-24:00"], made_by=editor, section="Opinion")

    shown = said(call(editor, "moderate").get("moderation/settings/?discussion=story-1"))

    assert [one["name"] for one in shown["results"]] == list(conf.PANEL)
    assert all(one["meaning"] for one in shown["results"])
    [one] = [one for one in shown["results"] if one["name"] == "commenting_hours"]
    assert (one["value"], one["level"]) == (["06:00-24:00"], "section")
    assert one["chain"] == [{"level": "section", "value": ["06:00-24:00"]}, {"level": "project", "value": []}]


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("nothing", {"value": 1}, (404, "unknown_setting")),
        ("redis_url", {"value": "redis://"}, (404, "unknown_setting")),
        ("links_allowed", {"value": "1"}, (400, "bad_value")),
        ("links_allowed", {"value": True}, (400, "bad_value")),
        ("links_allowed", {"value": -1}, (400, "bad_value")),
        ("links_allowed", {"value": {"a": 1}}, (400, "bad_value")),
        ("links_allowed", {}, (400, "invalid")),
        ("languages", {"value": "en"}, (400, "bad_value")),
        ("languages", {"value": ["x" * 201]}, (400, "bad_value")),
        ("audit_percent", {"value": 10, "section": "Opinion"}, (400, "wrong_level")),
        ("links_allowed", {"value": 1, "section": "Opinion", "discussion": "story-1"}, (400, "wrong_level")),
        ("links_allowed", {"value": 1, "discussion": "nowhere"}, (404, "unknown_discussion")),
        ("links_allowed", {"value": 1, "section": "a\x00b"}, (400, "invalid")),
        ("links_allowed", {"value": 1, "level": "site"}, (400, "unknown_field")),
    ],
)
def test_what_cannot_be_set_is_a_problem_and_nothing_is_written(
    name: str,
    body: Any,
    expected: tuple[int, str],
    editor: Commenter,
    discussion: Discussion,
    call: Callable[..., Caller],
) -> None:
    problem = call(editor, "moderate")("PUT", f"moderation/settings/{name}/", body)

    assert refused(problem) == expected
    assert not Setting.objects.exists() and not PolicyChange.objects.exists()


def test_setting_what_is_set_already_leaves_no_trace(
    editor: Commenter, discussion: Discussion, call: Callable[..., Caller]
) -> None:
    program = call(editor, "moderate")
    for _ in range(2):
        assert program("PUT", "moderation/settings/links_allowed/", {"value": 2}).status_code == 200
    assert program("PUT", "moderation/settings/repeat_hours/", {"value": None}).status_code == 200

    assert PolicyChange.objects.count() == 1


def test_what_leaves_the_site_is_said_on_the_page(client: Client, editor: Commenter, settings: Any) -> None:
    settings.COMMENTS = {
        "RULES": [*conf.RULES, "comments.screening.scorers.http.endpoint"],
        "SCORER_URL": "https://scorer.example/",
        "SCORER_SECRET": "a secret of some length",
    }
    client.force_login(editor.user)

    shown = client.get("/admin/comments/desk/settings/").content.decode()

    assert shown.count("text leaves the site") == 1 and shown.count("on this machine") == 2
    assert "a secret" not in shown and "scorer.example" not in shown


# --- Words for editors -----------------------------------------------------------------------------------------------


def test_every_setting_has_a_title_and_a_meaning_that_can_be_translated() -> None:
    assert set(conf.PANEL) <= set(words.SETTINGS)
    for name, said_of_it in words.SETTINGS.items():
        assert isinstance(said_of_it.title, Promise) and isinstance(said_of_it.meaning, Promise), name
        assert str(said_of_it.title)[0].isupper() and str(said_of_it.meaning).endswith("."), name
        assert "``" not in str(said_of_it.meaning) and name not in str(said_of_it.meaning), name
    assert len({str(each.title) for each in words.SETTINGS.values()}) == len(words.SETTINGS)


def test_each_value_says_who_set_it_and_when(desk: Client, editor: Commenter, opinion: Discussion) -> None:
    policy.set_value("links_allowed", 3, made_by=editor)
    policy.set_value("links_allowed", 1, made_by=None, discussion=opinion)

    row = page(desk, "?article=story-1").partition('id="set-links_allowed"')[2].partition("</tr>")[0]

    assert row.count("<small><bdi>daniel, ") == 1 and row.count("<small><bdi>The system, ") == 1


def test_only_what_was_changed_is_shown_when_asked_for(desk: Client, editor: Commenter, opinion: Discussion) -> None:
    policy.set_value("links_allowed", 3, made_by=editor)

    shown = page(desk, "?article=story-1&only=changed")

    assert 'id="set-links_allowed"' in shown and shown.count('id="set-') == 1
    assert "only=changed" in page(desk) and "Only what was changed (1)" in " ".join(page(desk).split())


def test_the_switches_show_their_state_and_who_pressed_them(
    desk: Client, editor: Commenter, discussion: Discussion
) -> None:
    for name, do in (("commenting_closed", "set"), ("premoderate", "set")):
        desk.post(CHANGE, {"name": name, "value": "on", "do": do})
    desk.post(CHANGE, {"name": "switched_off", "value": "local", "do": "off"})

    top = page(desk).partition('class="kill"')[2].partition('id="levels"')[0]

    assert top.count("<bdi>daniel, ") == 3
    for words_of_it in ("Open commenting again", "Let the rules decide again", "Off. Switch on: The local model"):
        assert words_of_it in top
    assert "Switch off: Hold links" in top


def test_what_the_project_itself_closed_is_opened_from_the_panel(
    desk: Client, discussion: Discussion, settings: Any
) -> None:
    settings.COMMENTS = {"COMMENTING_CLOSED": True}
    form = page(desk).partition('value="commenting_closed"')[2].partition("</form>")[0]
    assert 'value="off"' in form and 'value="set"' in form

    desk.post(CHANGE, {"name": "commenting_closed", "value": "off", "do": "set"})

    assert not thresholds.of(None, exact=True).commenting_closed


def test_the_page_costs_the_same_however_much_was_set(desk: Client, editor: Commenter, opinion: Discussion) -> None:
    def cost() -> int:
        page(desk, "?article=story-1")
        with CaptureQueriesContext(connection) as queries:
            page(desk, "?article=story-1")
        return len(queries)

    few = cost()
    for name in ("links_allowed", "repeat_hours", "flood_minutes", "edit_minutes"):
        policy.set_value(name, 7, made_by=editor)
        policy.set_value(name, 8, made_by=editor, section="Opinion")
        policy.set_value(name, 9, made_by=editor, discussion=opinion)
    assert cost() <= few + 1
