"""What the desk does for those who read harsh texts all day. It never blocks anybody."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from comments import preferences
from comments.exceptions import Refused
from comments.models import Comment, Commenter, DeskPreference, Revision, Token

DESK = "/admin/comments/desk/"
LINK = "Read https://elsewhere.example/tram for the figures."


@pytest.fixture(autouse=True)
def no_rule_is_slow(settings: Any) -> None:
    """Let a busy machine hold nothing."""
    settings.COMMENTS = {"RULE_MILLISECONDS": 60_000, "REPEAT_HOURS": 0}


@pytest.fixture
def desk(editor: Commenter) -> Client:
    client = Client()
    client.force_login(editor.user)
    return client


def page(client: Client, path: str = "") -> str:
    return str(client.get(DESK + path).content.decode())


def test_harsh_texts_are_blurred_for_those_who_wish_it(
    desk: Client, editor: Commenter, reader: Commenter, post: Callable[..., Comment]
) -> None:
    harsh, mild = post(reader, LINK), post(reader, f"{LINK} Mild.")
    Revision.objects.filter(comment=harsh).update(risk=0.93)

    before = page(desk, f"?open={harsh.pk}")
    preferences.keep(editor, blur_harsh=True, grey_pictures=True)
    after = page(desk, f"?open={harsh.pk}")

    assert 'class="desk"' in before and 'class="desk blurs greys"' in after
    assert f'is-open is-harsh"\n    id="c-{harsh.pk}"' in after and 'data-key="v"' in after
    assert f'class="card"\n    id="c-{mild.pk}"' in after


def test_nothing_is_blurred_without_a_wish_and_one_editors_wish_is_not_anothers(
    desk: Client, person: Callable[..., Commenter], reader: Commenter, post: Callable[..., Comment]
) -> None:
    post(reader, LINK)
    preferences.keep(person("jo", staff=True), blur_harsh=True)

    assert "blurs" not in page(desk)


def test_preferences_are_kept_with_a_form_alone(desk: Client, editor: Commenter) -> None:
    answer = desk.post(DESK + "preferences/", {"blur_harsh": "on", "daily_quota": "180", "break_minutes": "50"})

    assert answer.status_code == 303
    row = DeskPreference.objects.get(person=editor)
    assert (row.blur_harsh, row.grey_pictures, row.daily_quota, row.break_minutes) == (True, False, 180, 50)
    shown = page(desk, "preferences/")
    assert 'value="180"' in shown and "Kept." in shown and 'aria-current="page">Preferences' in shown


@pytest.mark.parametrize(("name", "value"), [("daily_quota", "-1"), ("daily_quota", "9999"), ("break_minutes", "soon")])
def test_odd_numbers_get_a_sentence_and_stay_in_the_form(desk: Client, name: str, value: str) -> None:
    answer = desk.post(DESK + "preferences/", {"daily_quota": "5", "break_minutes": "5", name: value})
    shown = answer.content.decode()

    assert answer.status_code == 400 and "Nothing was kept." in shown and f'value="{value}"' in shown
    assert not DeskPreference.objects.exists()


def test_a_quota_that_is_reached_is_said_and_blocks_nothing(
    desk: Client, editor: Commenter, reader: Commenter, post: Any, decide: Any
) -> None:
    preferences.keep(editor, daily_quota=2)
    for number in range(2):
        assert preferences.enough(editor.user) == ""
        decide(post(reader, f"{LINK} {number}"), "publish", editor)

    said = "You have decided 2 comments today; your own limit is 2. Somebody else can go on."
    assert preferences.enough(editor.user) == said and said in page(desk)
    third = post(reader, f"{LINK} third")
    answer = desk.post(DESK + "decide/", {"comment": third.pk, "version": third.version, "decision": "publish"})
    third.refresh_from_db()
    assert answer.status_code == 303 and third.status == "published"


def test_the_day_begins_at_midnight_by_the_sites_clock(
    editor: Commenter, reader: Commenter, post: Any, decide: Any
) -> None:
    preferences.keep(editor, daily_quota=1)
    decide(post(reader, LINK), "publish", editor)

    with time_machine.travel(timezone.now() + timedelta(days=1)):
        assert preferences.enough(editor.user) == ""


def test_a_pause_is_suggested_after_a_long_stretch_and_not_after_one(
    editor: Commenter, reader: Commenter, post: Any, decide: Any
) -> None:
    preferences.keep(editor, break_minutes=30)
    noon = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=1)
    with time_machine.travel(noon, tick=False) as clock:
        for number in range(5):
            decide(post(reader, f"{LINK} {number}"), "publish", editor)
            clock.shift(timedelta(minutes=8))
        said = preferences.enough(editor.user)
        clock.shift(timedelta(minutes=10))
        after_a_pause = preferences.enough(editor.user)

    assert said == "You have been deciding for 40 minutes without a pause. A few minutes away help."
    assert after_a_pause == ""


def test_those_without_a_limit_cost_no_query(editor: Commenter, django_assert_num_queries: Any) -> None:
    preferences.of(editor.user)

    with django_assert_num_queries(0):
        assert preferences.enough(editor.user) == ""


def test_programs_read_and_change_preferences(editor: Commenter) -> None:
    token = Token.objects.issue(editor.user, ["moderate"], 30)
    headers = {"Authorization": f"Bearer {token}"}
    path = "/api/v1/moderation/preferences/"

    put = Client().put(path, json.dumps({"daily_quota": 90}), content_type="application/json", headers=headers)

    assert put.json()["daily_quota"] == 90 and put.json()["blur_harsh"] is False
    assert Client().get(path, headers=headers).json() == put.json()
    for wrong in ({"daily_quota": -1}, {"daily_quota": "9"}, {"break_minutes": 721}, {"colour": "grey"}):
        refused = Client().put(path, json.dumps(wrong), content_type="application/json", headers=headers)
        assert refused.status_code == 400, wrong


def test_a_number_that_is_none_is_refused_by_the_verb(editor: Commenter) -> None:
    for wrong in (-1, 2001, True, "5"):
        with pytest.raises(Refused, match="bad_number"):
            preferences.keep(editor, daily_quota=wrong)
