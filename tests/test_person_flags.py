"""Reporting a person: the small public page, the form, the API, and what editors make of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from comments import person_flags
from comments.exceptions import Refused
from comments.models import AuditEntry, Comment, Commenter, PersonFlag, Token
from comments.pages import section

OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def troll(person: Callable[..., Commenter]) -> Commenter:
    return person("troll")


def test_everyone_may_know_a_persons_name_badge_and_since_when_and_nothing_they_wrote(
    client: Client, troll: Commenter, post: Callable[..., Comment], discussion: Any
) -> None:
    Commenter.objects.filter(pk=troll.pk).update(
        name="<b>Troll</b>", email="t@example.org", badge="expert", role="Jester"
    )
    post(troll, "Words that stand under an article.")

    page = client.get(f"/comments/people/{troll.pk}/")
    shown = page.content.decode()

    assert page.status_code == 200 and page["X-Robots-Tag"] == "noindex"
    assert "&lt;b&gt;Troll&lt;/b&gt;" in shown and "Expert" in shown and "Jester" in shown and "Here since" in shown
    assert "Words that stand" not in shown and "example.org" not in shown
    public = section.public(discussion.key, section.Asked(), discussion).body.decode()
    assert f'href="/comments/people/{troll.pk}/"' in public
    assert client.get("/comments/people/999999999999999999999/").status_code == 404


def test_who_was_erased_has_no_page(client: Client, troll: Commenter, reader: Commenter) -> None:
    Commenter.objects.filter(pk=troll.pk).update(erased_at=timezone.now())

    assert client.get(f"/comments/people/{troll.pk}/").status_code == 404
    assert client.get(f"/comments/people/{troll.pk}/flag/").status_code == 404


def test_a_reader_reports_a_person_and_is_told_what_came_of_it(
    client: Client, troll: Commenter, reader: Commenter, editor: Commenter
) -> None:
    address = f"/comments/people/{troll.pk}/flag/"
    assert client.get(address).status_code == 401 and not PersonFlag.objects.exists()
    client.force_login(reader.user)

    nothing = client.post(address, {"reason": "", "note": "Their name is an insult."}, headers=OURS)
    assert nothing.status_code == 400 and "Their name is an insult." in nothing.content.decode()
    sent = {"reason": "personal_attack", "note": "Their name is an insult."}
    assert client.post(address, sent, headers=OURS).status_code == 303
    assert client.post(address, sent, headers=OURS).status_code == 303
    assert PersonFlag.objects.count() == 1 and "An editor will look at it." in client.get(address).content.decode()

    person_flags.settle(troll, "upheld", made_by=editor)
    assert "agrees with you" in client.get(address).content.decode()
    assert 'name="reason"' in client.get(f"{address}?again=1").content.decode()
    assert client.post(address, sent, headers=OURS).status_code == 303 and PersonFlag.objects.count() == 2


def test_nobody_reports_themselves_and_forms_of_other_sites_do_nothing(
    client: Client, reader: Commenter, troll: Commenter
) -> None:
    client.force_login(reader.user)
    mine, theirs = (f"/comments/people/{one.pk}/flag/" for one in (reader, troll))
    checked = Client(enforce_csrf_checks=True)
    checked.force_login(reader.user)

    assert client.post(mine, {"reason": "spam"}, headers=OURS).status_code == 403
    assert checked.post(theirs, {"reason": "spam"}, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert not PersonFlag.objects.exists()


@override_settings(COMMENTS={"FLAGS_PER_HOUR": 2})
def test_reports_about_people_count_with_those_on_comments(reader: Commenter, person: Any) -> None:
    for number in range(2):
        person_flags.flag(reader, person(f"p{number}"), "spam")

    with pytest.raises(Refused) as refused:
        person_flags.flag(reader, person("p3"), "spam")

    assert refused.value.status == 429


def test_the_desk_lists_who_is_reported_and_settles_what_was_looked_at(
    client: Client, troll: Commenter, reader: Commenter, editor: Commenter, person: Any
) -> None:
    first = person_flags.flag(reader, troll, "hate", "<script>alert(1)</script>")
    client.force_login(editor.user)

    listed = client.get("/admin/comments/desk/people/?show=reported").content.decode()
    page = client.get(f"/admin/comments/desk/people/{troll.pk}/").content.decode()
    assert "troll" in listed and ">mara<" not in listed
    assert (
        "Reported by readers" in page and "&lt;script&gt;alert(1)" in page and f'name="seen" value="{first.pk}"' in page
    )

    person_flags.flag(person("jo"), troll, "spam")
    settle = f"/admin/comments/desk/people/{troll.pk}/reports/"
    assert client.post(settle, {"do": "dismissed", "seen": first.pk, "note": "A joke."}).status_code == 303
    assert sorted(PersonFlag.objects.values_list("state", flat=True)) == ["dismissed", "open"]
    assert client.post(settle, {"do": "dismissed", "seen": first.pk}).status_code == 409
    assert client.post(settle, {"do": "banned", "seen": first.pk}).status_code == 400
    entry = AuditEntry.objects.get(kind="person_flag")
    assert (entry.object_id, entry.after, entry.note) == (troll.pk, "dismissed", "A joke.")


def test_programs_report_people_and_settle_it(
    client: Client, troll: Commenter, reader: Commenter, editor: Commenter
) -> None:
    def send(address: str, body: dict[str, Any], who: Commenter | None) -> Any:
        token = Token.objects.issue(who.user, ["read", "write", "moderate"], 1) if who else ""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return client.post(f"/api/v1/{address}", body, content_type="application/json", headers=headers)

    about = f"people/{troll.pk}/flags/"
    assert send(about, {"reason": "spam"}, None).status_code == 401
    made = send(about, {"reason": "spam", "note": "Everywhere."}, reader)
    assert (made.status_code, made.json()["state"]) == (201, "open")
    assert send(about, {"reason": "spam"}, reader).status_code == 200
    assert send(about, {"reason": "nonsense"}, editor).json()["code"] == "unknown_reason"
    assert send(f"people/{reader.pk}/flags/", {"reason": "spam"}, reader).json()["code"] == "yourself"
    assert send("people/123456789/flags/", {"reason": "spam"}, reader).status_code == 404

    token = Token.objects.issue(editor.user, ["moderate"], 1)
    headers = {"Authorization": f"Bearer {token}"}
    desk = f"/api/v1/moderation/people/{troll.pk}/flags/"
    assert [one["note"] for one in client.get(desk, headers=headers).json()] == ["Everywhere."]
    found = client.get("/api/v1/moderation/people/?filter=reported", headers=headers).json()["results"]
    assert [one["id"] for one in found] == [troll.pk]
    assert send(f"moderation/people/{troll.pk}/flags/", {"state": "upheld"}, reader).status_code == 403
    assert send(f"moderation/people/{troll.pk}/flags/", {"state": "upheld"}, editor).json() == {"settled": 1}
    assert send(f"moderation/people/{troll.pk}/flags/", {"state": "upheld"}, editor).status_code == 409
