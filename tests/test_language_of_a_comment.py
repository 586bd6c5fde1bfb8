"""Which language a comment is in: told where it is sure, so that a screen reader speaks it with the right voice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from comments import languages, moderation, posting
from comments.models import Comment, Commenter, Discussion, Revision

ARTICLE = "/articles/night-tram/"
KOREAN = "이 기사는 정말 좋습니다. 어제 밤 전차를 탔는데 제시간에 왔습니다."
ENGLISH = "The night tram was on time on all three nights I took it, and that alone is news in this city."


@pytest.mark.parametrize(
    ("typed", "language"),
    [
        (KOREAN, "ko"),
        ("昨日の夜、路面電車に乗りました。時間通りでした。", "ja"),
        ("הרכבת הגיעה בזמן", "he"),
        ("Το τραμ ήρθε στην ώρα του", "el"),
        ("Good", ""),
        ("👍👍👍", ""),
        ("", ""),
        ("1 + 1 = 2", ""),
    ],
)
def test_writing_that_is_one_languages_own_tells_it(typed: str, language: str) -> None:
    assert languages.told(typed) == language


@pytest.mark.parametrize(
    ("typed", "language"),
    [
        (ENGLISH, "en"),
        ("Der Nachtbus fährt endlich wieder, und ich freue mich sehr darüber.", "de"),
        ("Le tram de nuit était à l'heure les trois nuits où je l'ai pris.", "fr"),
        ("lol ok", ""),
    ],
)
def test_a_text_in_shared_letters_is_told_where_it_is_sure(typed: str, language: str) -> None:
    pytest.importorskip("py3langid")
    assert languages.told(typed) == language


def test_the_page_and_the_api_say_which_language_a_comment_is_in(
    client: Client, reader: Commenter, discussion: Discussion, post: Callable[..., Comment]
) -> None:
    korean = post(reader, KOREAN)

    section = client.get("/comments/section/", {"key": discussion.key}).content.decode()
    [said] = client.get(f"/api/v1/discussions/{discussion.key}/comments/").json()["results"]

    assert f'id="comment-{korean.pk}"' in section and '<div class="comment-text" dir="auto" lang="ko">' in section
    assert said["language"] == "ko"
    assert client.get(f"/api/v1/comments/{korean.pk}/").json()["language"] == "ko"
    assert 'dir="auto" lang="ko"' in client.get(f"/comments/{korean.pk}/embed/").content.decode()


def test_one_screened_with_others_has_its_language_too(reader: Commenter, discussion: Discussion) -> None:
    one = posting.post_comment(reader, discussion, KOREAN)
    other = posting.post_comment(reader, discussion, "👍 12:30")

    moderation.screen_waiting()

    assert list(Comment.objects.order_by("pk").values_list("pk", "language")) == [(one.pk, "ko"), (other.pk, "")]
    assert Revision.objects.get(comment=one).language == "ko"


def test_an_edit_in_another_language_changes_it(
    reader: Commenter, discussion: Discussion, post: Callable[..., Comment]
) -> None:
    comment = post(reader, KOREAN)

    edited = posting.edit_comment(reader, comment, "昨日の夜、路面電車に乗りました。時間通りでした。")
    moderation.screen(edited.pk, edited.version)

    comment.refresh_from_db()
    assert comment.language == "ja"
