"""Numbers for people are written as their language writes them; numbers for machines stay as they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from comments import muting
from comments.models import Comment, Commenter, Discussion
from comments.pages import shown
from newsroom.articles.models import Article
from newsroom.articles.publishing import sync_discussion
from newsroom.articles.templatetags.newspaper import in_comments


@pytest.fixture
def article(db: None) -> Article:
    from django.utils import timezone

    made = Article.objects.create(slug="a-story", headline="A story", body="<p>One.</p>", published_at=timezone.now())
    sync_discussion(made)
    return made


@pytest.mark.parametrize(("language", "said"), [("en", "1,234"), ("de", "1.234"), ("ja", "1,234")])
def test_how_many_comments_there_are_is_grouped_as_the_language_groups(
    client: Client, article: Article, language: str, said: str
) -> None:
    Discussion.objects.update(published_count=1_234)

    page = client.get(article.get_absolute_url(), headers={"accept-language": language}).content.decode()

    assert f"data-total>{said}</span>" in page and f'data-counted="{said}"' in page
    assert 'data-count="1234"' in page


def test_what_is_counted_in_a_sentence_is_grouped_too() -> None:
    with translation.override("en"):
        assert shown.count_of(1_234, "replies") == "1,234 replies"
        assert in_comments(1_234) == "1,234 comments" and in_comments(1) == "1 comment"
    with translation.override("de"):
        assert "1.234" in shown.count_of(1_234, "more")


def test_likes_are_grouped_and_what_a_script_reads_is_not(
    client: Client, article: Article, person: Callable[..., Commenter], post: Callable[..., Comment]
) -> None:
    comment = post(person("jo"), discussion=Discussion.objects.get(url=article.get_absolute_url()))
    Comment.objects.filter(pk=comment.pk).update(like_count=12_345)

    page = client.get(article.get_absolute_url()).content.decode()

    assert '<span class="comment-number">12,345</span>' in page
    assert f'data-author="{comment.author_id}"' in page


def test_a_site_that_groups_every_number_breaks_no_address_and_no_form(
    client: Client, article: Article, settings: Any, post: Callable[..., Comment]
) -> None:
    settings.USE_THOUSAND_SEPARATOR = True
    people = []
    for number, name in ((4_321, "Mara"), (8_765, "Jo")):
        people.append(Commenter.objects.create(pk=number, name=name))
    from django.contrib.auth import get_user_model

    people[0].user = get_user_model().objects.create_user("mara", "mara@example.org", "a long password")
    people[0].save()
    where = Discussion.objects.get(url=article.get_absolute_url())
    Discussion.objects.update(version=7_654)
    post(people[1], discussion=where)
    muting.mute(people[0], people[1])
    client.force_login(people[0].user)

    for address in (article.get_absolute_url(), "/comments/me/", "/comments/me/notices/"):
        page = client.get(address).content.decode()
        values = re.findall(r'(?:href|action|value|id|data-[a-z]+|aria-[a-z]+)="([^"]*)"', page)
        grouped = [value for value in values if re.fullmatch(r"[^ ]*\d,\d{3}[^ ]*", value)]
        assert [value for value in grouped if value != "8,765,4321"] == [], address
    assert 'data-me="4321"' in client.get(article.get_absolute_url()).content.decode()
