"""Claims: two editors never do the same work, and nobody is ever locked out."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any, cast

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comments import claims, moderation, posting
from comments.models import Claim, Comment, Commenter, Decider, Discussion, Trigger
from comments.screening import Verdict

Post = Callable[..., Comment]
Person = Callable[..., Commenter]
Decide = Callable[..., Any]

LINK = "Read https://elsewhere.example/tram for the figures."


@pytest.fixture
def held(reader: Commenter, post: Post) -> Comment:
    return post(reader, LINK)


@pytest.fixture
def mira(person: Person) -> Commenter:
    return person("mira", staff=True)


def claim_on(comment: Comment) -> Claim | None:
    """Return the claim in force on ``comment`` as the database has it now."""
    return claims.on(Comment.objects.select_related("claim__person").get(pk=comment.pk))


def test_a_claimed_card_is_refused_to_another_with_who_has_it(
    held: Comment, editor: Commenter, mira: Commenter
) -> None:
    mine = claims.take(held, editor)

    with pytest.raises(claims.Claimed) as refused:
        claims.take(held, mira)

    assert refused.value.status == 409 and "daniel has this one open until" in refused.value.detail
    assert mine.until > timezone.now() + timedelta(seconds=claims.SECONDS - 5)
    assert set(claims.of_others([held.pk], mira)) == {held.pk}
    assert claims.of_others([held.pk], editor) == {}


def test_renewing_moves_the_end_and_running_out_frees_it(held: Comment, editor: Commenter, mira: Commenter) -> None:
    claims.take(held, editor)
    Claim.objects.update(until=timezone.now() + timedelta(seconds=1))

    assert claims.take(held, editor).until > timezone.now() + timedelta(seconds=60)

    Claim.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert claim_on(held) is None
    assert claims.take(held, mira).person == mira
    assert Claim.objects.count() == 1


def test_a_claim_is_taken_over_and_given_back_only_by_who_has_it(
    held: Comment, editor: Commenter, mira: Commenter
) -> None:
    claims.take(held, editor)
    claims.take(held, mira, over=True)

    claims.give_back([held.pk], editor)
    kept = claim_on(held)
    assert kept is not None and kept.person == mira

    claims.give_back([held.pk], mira)
    assert claim_on(held) is None


def test_the_desk_believes_no_other_century(held: Comment, editor: Commenter, client: Client) -> None:
    client.force_login(editor.user)
    for since in ("9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+14:00", "yesterday", ""):
        claims.take(held, editor)

        said = client.post("/admin/comments/desk/claims/", {"leave": held.pk, "since": since})

        assert said.status_code == 200 and claim_on(held) is None, since


def test_several_cards_are_taken_in_two_queries_and_what_does_not_exist_is_left_out(
    reader: Commenter, editor: Commenter, mira: Commenter, post: Post
) -> None:
    first, second, third = (post(reader, f"{LINK} {n}") for n in range(3))
    claims.take(second, mira)

    with CaptureQueriesContext(connection) as asked:
        found = claims.many([first.pk, second.pk, third.pk, third.pk + 99], editor)

    assert {pk: claim.person.name for pk, claim in found.items()} == {
        first.pk: "daniel",
        second.pk: "mira",
        third.pk: "daniel",
    }
    assert len([one for one in asked if "SAVEPOINT" not in one["sql"]]) == 2
    assert claims.many([], editor) == {}


@pytest.fixture
def decided_meanwhile(mira: Commenter, decide: Decide, monkeypatch: pytest.MonkeyPatch) -> Callable[[Comment], None]:
    """Let Mira decide about a comment after the desk has looked at it and before it takes it."""

    def arrange(comment: Comment) -> None:
        before = claims._taking

        def taking(*asked: Any, **more: Any) -> Any:
            monkeypatch.setattr(claims, "_taking", before)
            decide(comment, "publish", mira)
            return before(*asked, **more)

        monkeypatch.setattr(claims, "_taking", taking)

    return arrange


def test_a_card_that_was_decided_while_it_was_taken_is_not_taken(
    client: Client, reader: Commenter, editor: Commenter, post: Post, decided_meanwhile: Callable[[Comment], None]
) -> None:
    client.force_login(cast(Any, editor.user))
    first, second = (post(reader, f"{LINK} {n}") for n in range(2))
    decided_meanwhile(first)

    said = client.post("/admin/comments/desk/claims/", {"want": [f"{first.pk}:1", f"{second.pk}:1"]}).json()

    assert list(said["mine"]) == [str(second.pk)]
    assert "is-decided" in said["cards"][str(first.pk)]
    assert claim_on(first) is None


def test_a_queue_opens_the_next_card_when_its_first_was_decided_while_it_was_taken(
    client: Client, reader: Commenter, editor: Commenter, post: Post, decided_meanwhile: Callable[[Comment], None]
) -> None:
    client.force_login(cast(Any, editor.user))
    first, second = (post(reader, f"{LINK} {n}") for n in range(2))
    decided_meanwhile(first)

    shown = client.get("/admin/comments/desk/").content.decode()

    assert f'id="c-{first.pk}"' not in shown
    assert re.search(rf'class="card is-open"\s+id="c-{second.pk}"', shown)
    assert claim_on(first) is None and claim_on(second) is not None


def test_a_queue_opens_the_next_card_when_somebody_takes_its_first_a_moment_sooner(
    client: Client,
    reader: Commenter,
    editor: Commenter,
    mira: Commenter,
    post: Post,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client.force_login(cast(Any, editor.user))
    first, second = (post(reader, f"{LINK} {n}") for n in range(2))
    before = claims.mine

    def mine(comment: Comment, person: Commenter) -> Claim:
        monkeypatch.setattr(claims, "mine", before)
        claims.take(comment, mira)
        return before(comment, person)

    monkeypatch.setattr(claims, "mine", mine)

    shown = client.get("/admin/comments/desk/").content.decode()

    assert re.search(rf'class="card is-open"\s+id="c-{second.pk}"', shown)
    taken = claim_on(first), claim_on(second)
    assert [claim and claim.person for claim in taken] == [mira, editor]


def test_a_decision_by_anybody_is_never_locked_out_and_frees_the_claim(
    held: Comment, editor: Commenter, mira: Commenter, decide: Decide
) -> None:
    claims.take(held, editor)

    decide(held, "hold", mira)

    assert claim_on(held) is None and Claim.objects.count() == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="needs two writers at once: PostgreSQL")
def test_of_eight_editors_at_once_one_gets_each_card(
    reader: Commenter, person: Person, post: Post, reasons: None
) -> None:
    cards = [post(reader, f"{LINK} {n}").pk for n in range(6)]
    editors = [person(f"editor{n}", staff=True) for n in range(8)]
    together = Barrier(len(editors))

    def grab(editor: Commenter) -> list[int]:
        try:
            together.wait(10)
            found = claims.many(cards if editor.pk % 2 else reversed(cards), editor)
            return [pk for pk, claim in found.items() if claim.person_id == editor.pk]
        finally:
            connection.close()

    with ThreadPoolExecutor(len(editors)) as pool:
        got = [pk for mine in pool.map(grab, editors) for pk in mine]

    assert sorted(got) == sorted(cards)
    assert Claim.objects.count() == len(cards)


# --- What a decision costs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "verdict", [Verdict("publish"), Verdict("hold"), Verdict("reject", reason="off_topic")], ids=lambda v: v.action
)
def test_a_decision_on_a_claimed_card_costs_eight_queries_at_most(
    verdict: Verdict, reader: Commenter, editor: Commenter, discussion: Discussion, post: Post
) -> None:
    warm = post(reader, f"{LINK} Another.")
    moderation.decide(warm, verdict, decider=Decider.EDITOR, trigger=Trigger.EDITOR, made_by=editor)
    parent = post(reader, "Something to answer, about the night tram.")
    held = post(reader, LINK, parent=parent)
    claims.take(held, editor)
    seen = Comment.objects.get(pk=held.pk)

    with CaptureQueriesContext(connection) as asked:
        moderation.decide(seen, verdict, decider=Decider.EDITOR, trigger=Trigger.SCREENING, made_by=editor)

    asked_for = [one["sql"] for one in asked if "SAVEPOINT" not in one["sql"]]
    # A reply that is published moves the counts above it: one more, whatever the depth.
    assert len(asked_for) <= 8 + (verdict.action == "publish"), "\n".join(asked_for)
    fresh = Comment.objects.get(pk=held.pk)
    assert {f.attname: getattr(seen, f.attname) for f in Comment._meta.concrete_fields} == {
        f.attname: getattr(fresh, f.attname) for f in Comment._meta.concrete_fields
    }


def test_a_rewritten_text_is_still_refused_to_a_decision(held: Comment, reader: Commenter, editor: Commenter) -> None:
    seen = Comment.objects.get(pk=held.pk)
    posting.edit_comment(reader, held, "Quite another sentence, with https://elsewhere.example/")

    with pytest.raises(moderation.CommentChanged):
        moderation.decide(seen, Verdict("publish"), decider=Decider.EDITOR, trigger=Trigger.EDITOR, made_by=editor)
