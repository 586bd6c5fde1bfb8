"""The desk's search: what is typed, what is understood and what is found."""

from __future__ import annotations

import pytest

from comments import search
from comments.models import Comment, Commenter, Discussion, Revision


@pytest.fixture
def story(db):
    return Discussion.objects.create(key="harbour", title="The night tram reaches the harbour", section="city")


def wrote(story, text, *, name="Anna Kowalska", status="published", **facts):
    author, _made = Commenter.objects.get_or_create(name=name)
    comment = Comment.objects.create(
        discussion=story,
        author=author,
        path=f"{Comment.objects.count():012d}",
        status=status,
        html="<p>x</p>",
        is_shown=status == "published",
    )
    return Revision.objects.create(comment=comment, text=text, status=status, **facts)


def found(words, **kwargs):
    return sorted(row.text for row in search.revisions(search.parse(words), **kwargs))


def test_all_words_have_to_be_there_in_any_order(story):
    wrote(story, "The harbour at night")
    wrote(story, "The harbour by day")

    assert found("night HARBOUR") == ["The harbour at night"]
    assert found('"harbour at"') == ["The harbour at night"]
    assert found('"at harbour"') == []
    assert found("harbour -night") == ["The harbour by day"]


@pytest.mark.parametrize("word", ["투표", "표소", "투표소", "投票", "票所"])
def test_any_part_of_a_word_is_found_where_words_are_not_spaced(story, word):
    wrote(story, "어제 투표소에서 줄을 섰다")
    wrote(story, "昨日は投票所に並んだ")
    wrote(story, "투 그리고 표")

    assert len(found(word)) == 1
