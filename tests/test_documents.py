"""Rows that travel as one document arrive as they were."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils.translation import gettext_lazy

from comments import documents
from comments.models import Comment, Commenter, Finding

pytestmark = pytest.mark.django_db

ODD = ['quoted "words"', "back\\slash and %s", "it's", "{braces}", "\u201c\u6295\u7968\u201d \u2028", "", "null"]


def test_a_table_of_rows_says_what_it_was_given() -> None:
    at = datetime(2026, 11, 29, 13, 5, 0, 123456, tzinfo=UTC)
    stored = connection.ops.adapt_datetimefield_value(at)
    given = [(place, words, stored, place / 3 if place else None) for place, words in enumerate(ODD)]
    columns = {"place": "integer", "words": "text", "written": "timestamptz", "share": "double precision"}
    query, params = documents.table(columns, given)

    with connection.cursor() as db:
        db.execute(f"WITH given (place, words, written, share) AS ({query}) SELECT * FROM given", params)
        rows = db.fetchall()

    assert [tuple(row) for row in sorted(rows)] == given


def test_records_written_together_are_what_they_were_and_know_their_ids(
    reader: Commenter, post: Any, django_assert_num_queries: Any
) -> None:
    comment: Comment = post(reader, "Something to say things about.")
    revision = comment.revisions.get()
    facts = [{"word": words, "n": [1, 2.5, None, True], "deep": {"a": words}} for words in ODD]
    made = [
        Finding(
            revision=revision, rule=f"rule{n}", verdict="hold", code="odd", evidence=one, score=n / 7 if n else None
        )
        for n, one in enumerate(facts)
    ]

    with django_assert_num_queries(1):
        Finding.objects.bulk_create(made)

    read = {one.pk: one for one in Finding.objects.filter(code="odd")}
    assert [one.pk for one in made] == sorted(read)
    for one in made:
        again = read[one.pk]
        assert not one._state.adding
        for field in Finding._meta.concrete_fields:
            assert getattr(again, field.attname) == getattr(one, field.attname), field.name
    assert Finding.objects.bulk_create([]) == []


def test_what_has_no_place_in_a_row_is_refused_and_not_written_as_some_words() -> None:
    said = json.loads(documents.written([{"a": UUID(int=7), "b": Decimal("1.50"), "c": gettext_lazy("Hold")}]))

    assert said == [{"a": "00000000-0000-0000-0000-000000000007", "b": "1.50", "c": "Hold"}]
    with pytest.raises(TypeError, match="A set has no place in a row"):
        documents.written([{"a": {1}}])
