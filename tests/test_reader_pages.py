"""What readers meet under a story and on the pages of the app, without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.template import Context, Template
from django.template.loader import get_template
from django.test import Client, RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comments import conf, discussions, moderation, posting, reactions, threads
from comments.models import Comment, Commenter, Discussion, Reaction, Status
from comments.pages import mold, origin, section, shown
from newsroom.articles.models import Article

Post = Callable[..., Comment]
FOOT = "Please let us know if you're having issues with commenting."


@pytest.fixture
def story(article: Article) -> Discussion:
    return discussions.for_object(article)


@pytest.fixture
def signed_in(client: Client, reader: Commenter) -> Client:
    client.force_login(reader.user)
    return client


def page(client: Client, article: Article, query: str = "") -> str:
    response = client.get(article.get_absolute_url() + query)
    assert response.status_code == 200
    return response.content.decode()


def fields(html: str) -> dict[str, str]:
    """Return what a browser would send from the composer in ``html`` as it stands."""
    form = re.search(r'<form[^>]*data-testid="comment-form".*?</form>', html, re.S)
    assert form is not None
    found = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form.group()))
    found.pop("csrfmiddlewaretoken", None)
    return found


def send(client: Client, article: Article, text: str, **more: str) -> Any:
    return client.post("/comments/post/", fields(page(client, article)) | {"text": text} | more)


# --- The public part -------------------------------------------------------------------------------------------------


def test_an_empty_section_invites_and_says_how_to_sign_in(client: Client, article: Article) -> None:
    html = page(client, article)

    assert f'data-key="articles.article:{article.pk}"' in html
    assert 'id="comments"' in html
    assert "No one has written yet." in html
    assert "Sign in to comment" in html
    assert "/accounts/login/?next=%2Farticles%2Fnight-tram%2F%23comment-form" in html
    assert FOOT in html
    assert f"/comments/issues/new/?discussion=articles.article%3A{article.pk}" in html


def test_the_first_look_at_a_story_opens_its_discussion(client: Client, article: Article) -> None:
    page(client, article)

    assert Discussion.objects.get().key == f"articles.article:{article.pk}"


def test_everyone_without_a_session_gets_the_same_bytes_and_no_cookie(
    article: Article, story: Discussion, reader: Commenter, post: Post
) -> None:
    post(reader, "The 02:52 was on time.", discussion=story)

    first = Client(REMOTE_ADDR="192.0.2.1").get(article.get_absolute_url())
    second = Client(REMOTE_ADDR="198.51.100.9", headers={"user-agent": "another"}).get(article.get_absolute_url())

    assert first.content == second.content
    assert b"csrf" not in first.content
    assert not first.cookies
    assert not second.cookies


@pytest.mark.parametrize("query", ["?parent=1", "?cursor=broken", "?sort=sideways", "?parent=1%27%3E"])
def test_what_an_address_asks_for_in_vain_changes_nothing_for_the_public(
    client: Client, article: Article, story: Discussion, reader: Commenter, post: Post, query: str
) -> None:
    post(reader, discussion=story)

    assert page(client, article, query) == page(client, article)


def test_a_hot_section_costs_no_query_and_a_cold_one_three(
    article: Article, story: Discussion, reader: Commenter, post: Post
) -> None:
    first = post(reader, "The first one.", discussion=story)
    post(reader, "And its reply.", discussion=story, parent=first)
    request = RequestFactory().get("/")
    threads.pages.clear()

    with CaptureQueriesContext(
        connection,
    ) as cold:
        before = section.render(request, article)
    with CaptureQueriesContext(connection) as hot:
        after = section.render(request, article)

    assert before == after
    assert len(cold) <= 3
    assert len(hot) == 0


def test_a_signed_in_section_costs_the_same_however_long_it_is(
    signed_in: Client,
    article: Article,
    story: Discussion,
    reader: Commenter,
    person: Callable[..., Commenter],
    post: Post,
) -> None:
    def queries() -> int:
        threads.pages.clear()
        with CaptureQueriesContext(connection) as captured:
            page(signed_in, article)
        return len(captured)

    other = person("jo")
    post(reader, "See https://example.net/one", discussion=story)
    post(other, "One of mine.", discussion=story)
    queries()
    few = queries()
    for number in range(8):
        post(other, f"Another of mine, number {number}.", discussion=story)
        post(reader, f"See https://example.net/{number}", discussion=story)

    # Four for the page itself (article, count, session, user), then discussion, person, own pieces and the stream.
    assert queries() == few
    assert few <= 17


def test_the_count_of_many_stories_is_one_query(
    story: Discussion, article: Article, reader: Commenter, post: Post
) -> None:
    post(reader, discussion=story)
    others = [
        Article.objects.create(slug=f"story-{number}", headline="Another", body="<p>.</p>") for number in range(5)
    ]
    template = Template(
        "{% load newsroom_comments %}{% comment_counts stories %}"
        "{% for story in stories %}{% comment_count story %} {% endfor %}"
    )

    with CaptureQueriesContext(connection) as captured:
        printed = template.render(Context({"stories": [article, *others], "request": RequestFactory().get("/")}))

    assert printed == "1 0 0 0 0 0 "
    assert len(captured) == 1


def test_replies_stand_under_what_they_answer_and_deep_ones_say_whom(
    client: Client, article: Article, story: Discussion, reader: Commenter, post: Post
) -> None:
    parent = None
    for depth in range(6):
        parent = post(reader, f"Level {depth}.", discussion=story, parent=parent)

    html = page(client, article)

    assert html.count('<ol class="comment-replies">') == conf.get().indent_levels
    assert html.count("<ol") == html.count("</ol>")
    assert html.count("<li>") + html.count("<li ") == html.count("</li>")
    assert html.count("in reply to @mara") == 1
    assert "5 replies" in html


@override_settings(COMMENTS={"REPLIES_SHOWN": 2, "PAGE_SIZE": 2, "POSTS_PER_MINUTE": 0, "FLOOD_COMMENTS": 0})
def test_what_does_not_fit_is_one_link_away(
    client: Client, article: Article, story: Discussion, reader: Commenter, post: Post
) -> None:
    roots = [post(reader, f"Conversation {number}.", discussion=story) for number in range(3)]
    for number in range(5):
        post(reader, f"Reply {number}.", discussion=story, parent=roots[-1])

    html = page(client, article)
    more = re.search(r'href="(/comments/\d+/replies/[^"]+)"', html)
    following = re.search(r'href="(/articles/night-tram/\?cursor=[^"#]+)#comments"', html)
    assert more
    assert following

    assert "3 more replies" in html
    assert "Show the next 2 conversations" in html
    assert "Conversation 0." not in html
    replies = client.get(more.group(1)).content.decode()
    assert "Reply 4." in replies
    assert "Reply 0." not in replies
    assert "Conversation 0." in client.get(following.group(1)).content.decode()


def test_order_can_be_chosen_once_there_are_ten(
    client: Client, article: Article, story: Discussion, person: Callable[..., Commenter], post: Post
) -> None:
    page(client, article)
    assert 'name="sort"' not in page(client, article)
    for number in range(10):
        post(person(f"reader-{number}"), f"Comment number {number}.", discussion=story)
    threads.pages.clear()

    newest = page(client, article)
    oldest = page(client, article, "?sort=oldest")

    assert 'name="sort"' in newest
    assert newest.index("number 9.") < newest.index("number 0.")
    assert oldest.index("number 0.") < oldest.index("number 9.")


def test_a_removed_comment_leaves_its_reason_above_its_replies(
    client: Client, article: Article, story: Discussion, reader: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    removed = post(reader, "Words that go.", discussion=story)
    post(reader, "Words that stay.", discussion=story, parent=removed)
    decide(removed, "reject", editor, reason="personal_attack")

    html = page(client, article)

    assert "Removed by an editor: personal attack" in html
    assert "Words that go." not in html
    assert "Words that stay." in html


def test_a_closed_section_says_why_and_until_when_and_keeps_its_foot(
    signed_in: Client, article: Article, story: Discussion
) -> None:
    discussions.close(story, reason="Editors read along on weekdays.", opens_at=timezone.now() + timedelta(days=1))

    html = page(signed_in, article)

    assert "Comments are closed until" in html
    assert "Editors read along on weekdays." in html
    assert 'data-testid="comment-form"' not in html
    assert FOOT in html


def test_names_titles_and_questions_are_shown_as_they_are_written(
    client: Client, signed_in: Client, article: Article, story: Discussion, reader: Commenter, post: Post
) -> None:
    hostile = '"><img src=x onerror=alert(1)>%s%(name)s{{ 7 }}'
    Commenter.objects.filter(pk=reader.pk).update(name=hostile, badge="expert", role=hostile)
    reader.refresh_from_db()
    comment = post(reader, "A plain sentence.", discussion=story)
    discussions.configure(story, title=hostile, question=hostile, url='/articles/night-tram/?a="><img src=x>')

    for asker in (Client(), signed_in):
        for url in (article.get_absolute_url(), f"/comments/{comment.pk}/"):
            html = asker.get(url).content.decode()
            assert "<img" not in html
            assert "&quot;&gt;&lt;img src=x onerror=alert(1)&gt;%s%(name)s{{ 7 }}" in html


SHAPES = [
    {},
    {"badge": "staff", "badge_name": "Staff & co", "role": "100 % <b>reporter</b>"},
    {"edited": "edited 10:46", "answers": "in reply to @<i>", "heading": "h4"},
    {"tombstone": "Removed: <b>", "icon": "stop"},
    {"target": True, "name": "%s %(name)s \\ {{ x }}"},
]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_comment_from_the_mold_is_what_the_template_makes_of_it(shape: dict[str, Any]) -> None:
    one: dict[str, Any] = dict.fromkeys(shown.Shown.__annotations__, "") | {"target": False, "state": None}
    one |= {"anchor": "comment-7", "heading": "h3", "name": "Mara & Jo", "html": "<p>5 % &amp; <em>more</em></p>"}
    one |= {
        "url": "/comments/7/",
        "reply_url": '/a/?b="c"&parent=7',
        "likes": "3",
        "when": "today",
        "at": "now",
    } | shape
    common = shown.context()

    printed = mold.printer(common, "en")(one)

    expected = get_template(mold.NAME).template.render(Context(common | {"c": one}))  # type: ignore[attr-defined]
    assert printed == expected


# --- Posting ---------------------------------------------------------------------------------------------------------


def test_a_post_is_checked_then_published_and_its_author_sees_both(
    signed_in: Client, article: Article, django_capture_on_commit_callbacks: Any
) -> None:
    response = send(signed_in, article, "The **02:52** was on time.")

    comment = Comment.objects.get()
    assert response.status_code == 303
    assert response["Location"] == f"{article.get_absolute_url()}#comment-{comment.pk}"
    waiting = page(signed_in, article)
    assert "Being checked." in waiting
    assert "The **02:52** was on time." in waiting
    assert "Being checked." not in page(Client(), article)

    with django_capture_on_commit_callbacks(execute=True):
        moderation.screen(comment.pk, comment.version)

    for asker in (signed_in, Client()):
        html = page(asker, article)
        assert "The <strong>02:52</strong> was on time." in html
        assert "Being checked." not in html
        assert f'id="comment-{comment.pk}"' in html


def test_a_page_with_personal_pieces_is_private(signed_in: Client, article: Article) -> None:
    response = signed_in.get(article.get_absolute_url())

    assert "private" in response["Cache-Control"]
    assert "Signed in as <strong>mara</strong>" in response.content.decode()


def test_a_held_comment_tells_its_author_since_when_and_why(
    signed_in: Client, article: Article, story: Discussion, reader: Commenter, post: Post
) -> None:
    comment = post(reader, "Read https://example.net/minutes", discussion=story)

    html = page(signed_in, article)

    assert comment.status == Status.HELD
    assert re.search(r"Waiting for an editor since \d\d:\d\d, because it contains a link\.", html)
    assert f"/comments/{comment.pk}/edit/" in html
    assert f"/comments/{comment.pk}/withdraw/" in html
    assert "example.net" not in page(Client(), article)


def test_a_rejected_comment_tells_its_author_the_reason_and_the_editors_words(
    signed_in: Client,
    article: Article,
    story: Discussion,
    reader: Commenter,
    editor: Commenter,
    post: Post,
    decide: Any,
) -> None:
    comment = post(reader, "You clearly never had a job.", discussion=story)
    decide(comment, "reject", editor, reason="personal_attack", explanation="Leave the <b>person</b> out.")

    html = page(signed_in, article)

    assert "Not published: personal attack." in html
    assert "Leave the &lt;b&gt;person&lt;/b&gt; out." in html
    assert "Only you can see this comment." in html
    assert "never had a job" not in page(Client(), article)


def test_what_is_not_yet_safe_is_shown_to_its_author_as_typed(signed_in: Client, article: Article) -> None:
    send(signed_in, article, "<script>alert(1)</script>")

    html = page(signed_in, article)

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<script>alert" not in html


def test_the_same_form_sent_twice_is_one_comment(signed_in: Client, article: Article) -> None:
    form = fields(page(signed_in, article)) | {"text": "Sent twice."}

    first = signed_in.post("/comments/post/", form)
    second = signed_in.post("/comments/post/", form)

    assert first["Location"] == second["Location"]
    assert Comment.objects.count() == 1


def test_every_rendering_of_the_form_is_an_attempt_of_its_own(signed_in: Client, article: Article) -> None:
    assert fields(page(signed_in, article))["key"] != fields(page(signed_in, article))["key"]


@override_settings(COMMENTS={"POSTS_PER_MINUTE": 1})
def test_too_fast_keeps_the_text_and_names_the_wait_the_code_and_the_request(
    signed_in: Client, article: Article
) -> None:
    send(signed_in, article, "The first.")

    response = send(signed_in, article, "One more thing about the <shelters>:")

    html = response.content.decode()
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0
    assert re.search(r"You are posting quickly\. Please wait \d+ seconds?\.", html)
    assert "\nOne more thing about the &lt;shelters&gt;:</textarea>" in html
    assert "too_fast" in html
    assert response["X-Request-ID"] in html
    assert "code=too_fast" in html
    assert FOOT in html
    assert Comment.objects.count() == 1


def test_a_refused_form_can_be_sent_again_with_the_same_attempt(signed_in: Client, article: Article) -> None:
    form = fields(page(signed_in, article))
    refused = signed_in.post("/comments/post/", form | {"text": "   "})

    again = fields(refused.content.decode())

    assert refused.status_code == 400
    assert again == form
    assert signed_in.post("/comments/post/", again | {"text": "Now with words."}).status_code == 303


def test_posting_under_a_closed_story_is_refused_and_keeps_the_text(
    signed_in: Client, article: Article, story: Discussion
) -> None:
    form = fields(page(signed_in, article)) | {"text": "Just too late."}
    discussions.close(story)

    response = signed_in.post("/comments/post/", form)

    assert response.status_code == 403
    assert "Just too late.</textarea>" in response.content.decode()


def test_a_reply_says_whom_it_answers_before_and_after(
    signed_in: Client, article: Article, story: Discussion, person: Callable[..., Commenter], post: Post
) -> None:
    first = post(person("jo"), "The first.", discussion=story)

    form = page(signed_in, article, f"?parent={first.pk}")
    response = signed_in.post("/comments/post/", fields(form) | {"text": "An answer."})

    assert re.search(r"In reply to <a[^>]*><bdi[^>]*>jo</bdi>", form)
    assert fields(form)["parent"] == str(first.pk)
    assert response.status_code == 303
    assert Comment.objects.latest("pk").parent == first
    assert "in reply to this comment" in page(signed_in, article)


@pytest.mark.parametrize("parent", ["999999", "12345678901234567890", "x", "-1"])
def test_a_reply_to_nothing_is_refused(signed_in: Client, article: Article, parent: str) -> None:
    response = send(signed_in, article, "An answer.", parent=parent)

    assert response.status_code == 409
    assert "An answer.</textarea>" in response.content.decode()


def test_a_reply_to_a_comment_elsewhere_is_refused(
    signed_in: Client, article: Article, discussion: Discussion, reader: Commenter, post: Post
) -> None:
    elsewhere = post(reader, "Under another story.", discussion=discussion)

    response = send(signed_in, article, "An answer.", parent=str(elsewhere.pk))

    assert response.status_code == 400
    assert "stands under another article" in response.content.decode()


def test_a_session_that_ended_keeps_the_text_and_the_form_works_after_signing_in(
    client: Client, signed_in: Client, article: Article, reader: Commenter
) -> None:
    form = fields(page(signed_in, article)) | {"text": "The shelter has had no roof since"}
    signed_in.logout()

    response = signed_in.post("/comments/post/", form)

    html = response.content.decode()
    assert response.status_code == 401
    assert "You have been signed out." in html
    assert "The shelter has had no roof since</textarea>" in html
    link = re.search(r'class="comment-button" href="(/accounts/login/\?[^"]+)"', html)
    assert link
    assert parse_qs(urlsplit(link.group(1)).query)["next"] == [f"{article.get_absolute_url()}#comment-form"]
    signed_in.force_login(reader.user)
    assert signed_in.post("/comments/post/", fields(html) | {"text": form["text"]}).status_code == 303


def test_looking_at_the_address_of_the_form_says_where_to_write(client: Client, db: None) -> None:
    response = client.get("/comments/post/")

    assert response.status_code == 405
    assert "Comments are written in the box under an article." in response.content.decode()


def test_a_preview_shows_safe_html_and_what_an_editor_would_see_first(signed_in: Client, article: Article) -> None:
    response = send(signed_in, article, "**Bold** <script>x</script> https://example.net/", preview="1")

    html = response.content.decode()
    assert response.status_code == 200
    assert "<strong>Bold</strong>" in html
    assert "<script>x" not in html
    assert "An editor would have to read this before others can." in html
    assert "It contains a link." in html
    assert "https://example.net/</textarea>" in html
    assert Comment.objects.count() == 0


def test_our_script_gets_fragments_instead_of_pages(signed_in: Client, article: Article) -> None:
    form = fields(page(signed_in, article))
    ours = {"x-requested-with": "comments"}

    posted = signed_in.post("/comments/post/", form | {"text": "By script."}, headers=ours)
    refused = signed_in.post("/comments/post/", form | {"text": "", "key": "another"}, headers=ours)

    assert posted.status_code == 202
    assert posted["Cache-Control"] == "private, no-store"
    assert posted.content.decode().startswith('<div data-mine data-waiting="1"')
    assert posted["Content-Location"].endswith(f"#comment-{Comment.objects.get().pk}")
    assert refused.status_code == 400
    assert refused.content.decode().startswith('<div class="comment-notice"')


def test_the_personal_fragment_is_for_its_reader_alone(
    client: Client, signed_in: Client, article: Article, story: Discussion, reader: Commenter, post: Post
) -> None:
    post(reader, "Read https://example.net/", discussion=story)
    other = post(Commenter.objects.create(name="Jo"), "By someone else.", discussion=story)
    reactions.react(reader, other)

    mine = signed_in.get("/comments/mine/", {"key": story.key})
    nobodys = Client().get("/comments/mine/", {"key": story.key})

    assert mine["Cache-Control"] == "private, no-store"
    assert "because it contains a link" in mine.content.decode()
    assert f'data-reacted="{other.pk}:like"' in mine.content.decode()
    assert nobodys.status_code == 401


def test_the_public_fragment_is_cacheable_and_answers_not_modified(
    client: Client, story: Discussion, reader: Commenter, post: Post
) -> None:
    post(reader, "Everyone sees this.", discussion=story)

    first = client.get("/comments/section/", {"key": story.key})
    again = client.get("/comments/section/", {"key": story.key}, headers={"if-none-match": first["ETag"]})

    assert b"Everyone sees this." in first.content
    assert "public" in first["Cache-Control"]
    assert "Cookie" not in first["Vary"]
    assert again.status_code == 304
    assert client.get("/comments/section/", {"key": "nothing"}).status_code == 404
    assert client.get("/comments/section/", {"key": story.key, "cursor": "x"}).status_code == 400


# --- One comment -----------------------------------------------------------------------------------------------------


def test_a_permalink_shows_the_comment_with_what_it_answers_and_what_answers_it(
    client: Client, story: Discussion, reader: Commenter, post: Post
) -> None:
    root = post(reader, "The root.", discussion=story)
    middle = post(reader, "The middle.", discussion=story, parent=root)
    leaf = post(reader, "The leaf.", discussion=story, parent=middle)
    post(reader, "Beside it.", discussion=story, parent=root)

    response = client.get(f"/comments/{middle.pk}/")
    html = response.content.decode()

    # The title and the card of the page tell of the comment before it.
    html = html[: html.index("</title>")] + html.partition("<main")[2]
    assert html.index("The root.") < html.index("The middle.") < html.index("The leaf.")
    assert "Beside it." not in html
    assert re.search(rf'id="comment-{middle.pk}"[^>]* data-target', html)
    assert f"/articles/night-tram/#comment-{middle.pk}" in html
    assert "<title>The night tram is back" in html
    assert not response.cookies
    assert f'id="comment-{leaf.pk}"' in html


def test_an_unpublished_comment_has_a_page_for_its_author_alone(
    signed_in: Client, story: Discussion, reader: Commenter, person: Callable[..., Commenter], post: Post
) -> None:
    held = post(reader, "Read https://example.net/", discussion=story)
    stranger = Client()
    stranger.force_login(person("jo").user)

    own = signed_in.get(f"/comments/{held.pk}/")

    assert "because it contains a link" in own.content.decode()
    assert own["Cache-Control"] == "private, no-store"
    for other in (Client(), stranger):
        response = other.get(f"/comments/{held.pk}/")
        assert response.status_code == 404
        assert "There is no such comment." in response.content.decode()
        assert "example.net" not in response.content.decode()
    assert Client().get("/comments/99999999999999999999/").status_code == 404


def test_a_tombstone_has_a_page_while_replies_stand_under_it(
    client: Client, story: Discussion, reader: Commenter, post: Post
) -> None:
    root = post(reader, "To be withdrawn.", discussion=story)
    post(reader, "A reply.", discussion=story, parent=root)
    lone = post(reader, "Withdrawn alone.", discussion=story)
    posting.withdraw_comment(reader, root)
    posting.withdraw_comment(reader, lone)

    html = client.get(f"/comments/{root.pk}/").content.decode()

    assert "Withdrawn by its author" in html
    assert "A reply." in html
    assert "To be withdrawn." not in html
    assert client.get(f"/comments/{lone.pk}/").status_code == 404


def test_an_author_edits_and_the_earlier_words_stay_until_it_is_checked(
    signed_in: Client,
    article: Article,
    story: Discussion,
    reader: Commenter,
    post: Post,
    django_capture_on_commit_callbacks: Any,
) -> None:
    comment = post(reader, "The first words.", discussion=story)

    form = signed_in.get(f"/comments/{comment.pk}/edit/").content.decode()
    response = signed_in.post(f"/comments/{comment.pk}/edit/", {"text": "Better words."})

    assert "The first words.</textarea>" in form
    assert "The text everyone sees stays until this one has been checked." in form
    assert response.status_code == 303
    html = page(signed_in, article)
    assert "Your edit is being checked." in html
    assert html.count(f'id="comment-{comment.pk}"') == 1
    assert "The first words." in page(Client(), article)
    comment.refresh_from_db()
    with django_capture_on_commit_callbacks(execute=True):
        moderation.screen(comment.pk, comment.version)
    assert "Better words." in page(Client(), article)


def test_a_refused_edit_keeps_the_new_words(
    signed_in: Client, story: Discussion, reader: Commenter, post: Post
) -> None:
    comment = post(reader, "The first words.", discussion=story)

    response = signed_in.post(f"/comments/{comment.pk}/edit/", {"text": "<" * 2000})

    assert response.status_code == 400
    assert "&lt;&lt;&lt;" in response.content.decode()


def test_an_author_withdraws_after_being_asked(
    signed_in: Client, article: Article, story: Discussion, reader: Commenter, post: Post
) -> None:
    comment = post(reader, "I misread the table.", discussion=story)

    asked = signed_in.get(f"/comments/{comment.pk}/withdraw/")
    comment.refresh_from_db()
    assert asked.status_code == 200
    assert comment.status == Status.PUBLISHED

    assert signed_in.post(f"/comments/{comment.pk}/withdraw/").status_code == 303
    comment.refresh_from_db()
    assert comment.status == Status.WITHDRAWN
    assert "I misread" not in page(Client(), article)


@pytest.mark.parametrize("what", ["edit", "withdraw"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_changing_what_another_wrote_is_not_found(
    client: Client,
    story: Discussion,
    reader: Commenter,
    person: Callable[..., Commenter],
    post: Post,
    what: str,
    method: str,
) -> None:
    comment = post(reader, "Mine alone.", discussion=story)
    url = f"/comments/{comment.pk}/{what}/"

    assert getattr(Client(), method)(url).status_code == 401
    client.force_login(person("jo").user)
    assert getattr(client, method)(url, {"text": "Not yours."}).status_code == 404
    comment.refresh_from_db()
    assert comment.status == Status.PUBLISHED


def test_my_comments_lists_each_with_what_became_of_it(
    signed_in: Client, story: Discussion, reader: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    post(reader, "A good point.", discussion=story)
    post(reader, "Read https://example.net/", discussion=story)
    rejected = post(reader, "Beside the point.", discussion=story)
    decide(rejected, "reject", editor)
    posting.withdraw_comment(reader, post(reader, "I misread the table.", discussion=story))

    response = signed_in.get("/comments/me/")

    html = response.content.decode()
    assert response["Cache-Control"] == "private, no-store"
    for sentence in ("Published, ", "Waiting for an editor since", "Not published: off topic.", "Withdrawn by you, "):
        assert sentence in html
    assert Client().get("/comments/me/").status_code == 401


# --- Liking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, True),
        ({"origin": "http://testserver"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "http://testserver"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"origin": "https://testserver"}, False),
        ({"origin": "http://testserver.evil.example"}, False),
        ({"origin": "null"}, False),
        ({"referer": "http://testserver/"}, False),
        ({}, False),
    ],
)
def test_a_form_is_ours_when_a_browser_says_so(headers: dict[str, str], own: bool) -> None:
    request = RequestFactory().post("/", headers=headers)

    assert origin.is_our_own(request) is own


def test_a_like_from_our_own_page_needs_no_token(
    article: Article, story: Discussion, reader: Commenter, person: Callable[..., Commenter], post: Post
) -> None:
    comment = post(person("jo"), discussion=story)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(reader.user)

    response = strict.post(
        f"/comments/{comment.pk}/react/", {"kind": "like"}, headers={"sec-fetch-site": "same-origin"}
    )

    assert response.status_code == 303
    assert response["Location"] == f"{article.get_absolute_url()}#comment-{comment.pk}"
    assert Reaction.objects.count() == 1


def test_a_like_from_elsewhere_is_asked_about_and_counts_with_the_token(
    story: Discussion, reader: Commenter, person: Callable[..., Commenter], post: Post
) -> None:
    comment = post(person("jo"), discussion=story)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(reader.user)
    url = f"/comments/{comment.pk}/react/"

    asked = strict.post(url, {"kind": "like"}, headers={"sec-fetch-site": "cross-site"})
    assert asked.status_code == 200
    assert Reaction.objects.count() == 0

    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', asked.content.decode())
    assert token
    assert strict.post(url, {"kind": "like", "csrfmiddlewaretoken": token.group(1)}).status_code == 303
    assert Reaction.objects.count() == 1
    assert strict.post(url, {"undo": "1", "csrfmiddlewaretoken": token.group(1)}).status_code == 303
    assert Reaction.objects.count() == 0


def test_a_post_from_elsewhere_without_a_token_changes_nothing(reader: Commenter, article: Article) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(reader.user)
    form = fields(page(strict, article)) | {"text": "Forged."}

    forged = strict.post("/comments/post/", form, headers={"sec-fetch-site": "cross-site"})
    from_here = strict.post("/comments/post/", form, headers={"sec-fetch-site": "same-origin"})

    assert forged.status_code == 403
    assert "Forged." in forged.content.decode()
    assert from_here.status_code == 303


def test_a_like_without_a_session_leads_to_signing_in(story: Discussion, reader: Commenter, post: Post) -> None:
    comment = post(reader, discussion=story)

    response = Client().post(f"/comments/{comment.pk}/react/", headers={"sec-fetch-site": "same-origin"})

    assert response.status_code == 401
    assert f"{settings.LOGIN_URL}?next=%2Fcomments%2F{comment.pk}%2Freact%2F" in response.content.decode()


def test_liking_what_is_not_published_is_not_found(
    signed_in: Client, story: Discussion, person: Callable[..., Commenter], post: Post
) -> None:
    held = post(person("jo"), "Read https://example.net/", discussion=story)

    assert signed_in.post(f"/comments/{held.pk}/react/").status_code == 404
    assert signed_in.get(f"/comments/{held.pk}/react/").status_code == 404


def test_an_author_sees_their_comment_published_although_the_kept_page_is_old(
    signed_in: Client, article: Article, story: Discussion, reader: Commenter, post: Post
) -> None:
    page(signed_in, article)
    # Published by another process, which this one has not heard of yet.
    comment = post(reader, "Published a moment ago, elsewhere.", discussion=story)

    shown = page(signed_in, article)

    assert shown.count(f'id="comment-{comment.pk}"') == 1


def test_a_fragment_is_no_older_than_what_was_seen(
    client: Client, article: Article, story: Discussion, reader: Commenter, post: Post
) -> None:
    address = f"/comments/section/?key={story.key}"
    client.get(address)
    comment = post(reader, "Published a moment ago, elsewhere.", discussion=story)
    story.refresh_from_db()

    assert f"comment-{comment.pk}" not in client.get(address).content.decode()
    assert f"comment-{comment.pk}" in client.get(f"{address}&seen={story.version}").content.decode()


def test_a_version_that_nobody_has_seen_changes_nothing(
    client: Client, article: Article, story: Discussion, reader: Commenter, post: Post
) -> None:
    post(reader, "Here before.", discussion=story)
    address = f"/comments/section/?key={story.key}"

    assert client.get(address).content == client.get(f"{address}&seen=999999999999").content
    assert client.get(f"{address}&seen=x").status_code == 200


def test_the_page_that_asks_about_a_like_shows_the_comment_and_its_author(
    signed_in: Client, story: Discussion, person: Callable[..., Commenter], post: Post
) -> None:
    comment = post(person("jo"), "Words *worth* a like.", discussion=story)

    asked = signed_in.get(f"/comments/{comment.pk}/react/").content.decode()

    assert "Do you like this comment by jo?" in asked
    assert "<p>Words <em>worth</em> a like.</p>" in asked
