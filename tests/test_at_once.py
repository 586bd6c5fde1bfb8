"""Rows of several kinds in one statement are what each of their own statements would return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.models import CharField, Count, TextField, Value
from django.db.models.functions import Cast

from comments import at_once
from comments.models import Comment, Commenter, Decision, Finding, Flag, Reason, Revision

pytestmark = pytest.mark.django_db
LINK = "The minutes: https://elsewhere.example/page"


def columns(one: Any) -> dict[str, Any]:
    return {field.attname: getattr(one, field.attname) for field in one._meta.concrete_fields}


def test_rows_of_several_kinds_come_in_one_query_just_as_they_are(
    reader: Commenter,
    editor: Commenter,
    post: Callable[..., Comment],
    decide: Callable[..., Decision],
    django_assert_num_queries: Any,
) -> None:
    comment = post(reader, f"{LINK} “quoted” \\ and ünïcode, 투표소에\nnext line")
    decide(comment, "reject", editor, private_note="A note.")
    decide(post(reader, f"{LINK} again"), "publish", editor)
    asked: dict[str, Any] = {
        "findings": Finding.objects.order_by("-id"),
        "decisions": Decision.objects.select_related("made_by", "words", "revision__comment").order_by("id"),
        "reasons": Reason.objects.all(),
        "texts": Revision.objects.order_by("-id"),
        "people": Commenter.objects.order_by("id"),
        "nothing": Flag.objects.select_related("person"),
    }

    with django_assert_num_queries(1):
        found, _said = at_once.ask(asked)
        made_by = [one.made_by and one.made_by.name for one in found["decisions"]]
        numbers = [(one.revision.number, one.revision.comment.version) for one in found["decisions"]]
        notes = [getattr(one, "words", None) and one.words.private_note for one in found["decisions"]]

    for name, rows in asked.items():
        assert [columns(one) for one in found[name]] == [columns(one) for one in rows], name
    itself = list(asked["decisions"])
    assert made_by == [one.made_by and one.made_by.name for one in itself]
    assert numbers == [(one.revision.number, one.revision.comment.version) for one in itself]
    assert notes == [getattr(one, "words", None) and one.words.private_note for one in itself]
    assert "A note." in notes and None in made_by


def test_a_slice_keeps_its_order_and_what_is_deferred_is_left_out(
    reader: Commenter, post: Callable[..., Comment], django_assert_num_queries: Any
) -> None:
    posted = [post(reader, f"{LINK} number {number}") for number in range(4)]
    latest = Revision.objects.select_related("comment").defer("html", "comment__html").order_by("-id")[:2]

    with django_assert_num_queries(1):
        found, _said = at_once.ask({"latest": latest})

    assert [one.comment.pk for one in found["latest"]] == [posted[3].pk, posted[2].pk]
    first = found["latest"][0]
    assert first.get_deferred_fields() == {"html"} and first.comment.get_deferred_fields() == {"html"}
    with django_assert_num_queries(1):
        assert first.html


def test_what_is_only_counted_comes_along_as_two_texts(reader: Commenter, post: Callable[..., Comment]) -> None:
    post(reader, LINK)
    counted = Revision.objects.order_by().values(kind=Value("waits", CharField()))

    found, said = at_once.ask(
        {"people": Commenter.objects.all()}, [counted.annotate(row=Cast(Count("pk"), TextField()))]
    )

    assert found["people"] == [reader] and said == [("waits", "1")]


def test_a_change_is_made_with_the_questions_and_says_what_it_wrote(
    reader: Commenter, post: Callable[..., Comment], django_assert_num_queries: Any
) -> None:
    comment = post(reader, LINK)
    wrote = at_once.Change(
        "UPDATE comments_commenter SET name = %s WHERE id = %s RETURNING CAST(%s AS varchar), name",
        ["renamed", reader.pk, "written"],
    )
    people = Commenter.objects.filter(pk=reader.pk).values_list(Value("seen", CharField()), "name")

    with django_assert_num_queries(1 if connection.vendor == "postgresql" else 2):
        found, said = at_once.ask({"comments": Comment.objects.filter(pk=comment.pk)}, [people], wrote)

    assert found["comments"] == [comment]
    assert ("written", "renamed") in said
    # What is read beside it is as it was, where one statement does both.
    assert ("seen", reader.name if connection.vendor == "postgresql" else "renamed") in said
    assert Commenter.objects.get(pk=reader.pk).name == "renamed"
