"""One comment elsewhere: what link previews, oEmbed and the framed card say; and the feeds."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import html5lib
import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comments import threads
from comments.models import Comment, Commenter, Discussion
from comments.pages import feeds

Post = Callable[..., Comment]
ATOM = {"a": "http://www.w3.org/2005/Atom"}
HOSTILE = '"><script>alert(1)</script>\x0b'


def meta(html: str) -> dict[str, str]:
    document = html5lib.parse(html, namespaceHTMLElements=False)
    return {
        one.get("property") or one.get("name"): one.get("content")
        for one in document.iter("meta")
        if one.get("property") or one.get("name")
    }


# --- Link previews and oEmbed -----------------------------------------------------------------------------------------


def test_a_permalink_says_what_link_previews_ask(client: Client, reader: Commenter, post: Post) -> None:
    comment = post(reader, 'The **night** tram & "the day" tram. ' + "More words. " * 40)

    page = client.get(f"/comments/{comment.pk}/").content.decode()
    said = meta(page)

    assert said["og:title"] == said["twitter:title"] == "mara on “The night tram is back”"
    assert said["og:url"] == f"http://testserver/comments/{comment.pk}/"
    assert said["og:description"].startswith('The night tram & "the day" tram.') and len(said["og:description"]) <= 201
    assert f'<link rel="canonical" href="http://testserver/comments/{comment.pk}/">' in page
    assert 'type="application/json+oembed"' in page and "&lt;iframe" in page


@override_settings(COMMENTS={"SITE_URL": "https://paper.example"})
def test_addresses_are_those_of_the_site(client: Client, reader: Commenter, post: Post) -> None:
    comment = post(reader)

    said = client.get(f"/comments/oembed/?url=https://paper.example/comments/{comment.pk}/").json()

    assert said["provider_url"] == "https://paper.example/"
    assert f'src="https://paper.example/comments/{comment.pk}/embed/"' in said["html"]


def test_what_is_not_published_is_previewed_nowhere(
    client: Client, reader: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    held = post(reader, "See https://elsewhere.example/")
    above = post(reader, "A sentence that will be removed.")
    post(editor, "A reply to it.", parent=above)
    above.refresh_from_db()
    decide(above, "reject", editor)

    stone = client.get(f"/comments/{above.pk}/")
    client.force_login(reader.user)
    mine = client.get(f"/comments/{held.pk}/").content.decode()

    assert stone.status_code == 200 and "og:title" not in stone.content.decode()
    assert "og:title" not in mine and "noindex" in mine and "oembed" not in mine
    for one in (held, above):
        asked = f"/comments/oembed/?url=http://testserver/comments/{one.pk}/"
        assert client.get(asked).status_code == 404
        card = Client().get(f"/comments/{one.pk}/embed/")
        assert card.status_code == 404 and "frame-ancestors *" in card["Content-Security-Policy"]
        assert "removed" not in card.content.decode() and "elsewhere" not in card.content.decode()


def test_oembed_answers_for_comments_of_this_site_and_nothing_else(
    client: Client, discussion: Discussion, reader: Commenter, post: Post
) -> None:
    Commenter.objects.filter(pk=reader.pk).update(name=HOSTILE)
    comment = post(reader)

    def ask(url: str, more: str = "") -> Any:
        return client.get(f"/comments/oembed/?url={quote(url, safe='')}{more}")

    answer = ask(f"http://testserver/comments/{comment.pk}/", "&format=json&maxwidth=300&maxheight=9")
    said = answer.json()
    assert (said["type"], said["version"], said["width"], said["height"]) == ("rich", "1.0", 300, 160)
    assert answer["Access-Control-Allow-Origin"] == "*" and "Set-Cookie" not in answer
    assert said["author_name"].startswith('"><script>') and "<script>" not in said["html"]
    frame = html5lib.parse(said["html"], namespaceHTMLElements=False).find(".//iframe")
    assert frame.get("src") == f"http://testserver/comments/{comment.pk}/embed/" and "allow-scripts" not in frame.get(
        "sandbox"
    )
    assert ask(f"http://testserver/stories/1/#comment-{comment.pk}").status_code == 200
    for wrong in (
        "",
        "javascript:alert(1)",
        f"https://evil.example/comments/{comment.pk}/",
        f"http://testserver@evil.example/comments/{comment.pk}/",
        f"http://testserver/comments/{comment.pk}/edit/",
        f"http://testserver/stories/2/#comment-{comment.pk}",
        "http://testserver/comments/999999999999999999/",
        "http://[",
    ):
        assert ask(wrong).status_code == 404, wrong
    assert ask(f"http://testserver/comments/{comment.pk}/", "&format=xml").status_code == 501


def test_only_the_card_may_be_framed_and_it_knows_no_session(client: Client, reader: Commenter, post: Post) -> None:
    comment = post(reader, "A **sentence** with [a link](https://estuary-record.example/).")
    address = f"/comments/{comment.pk}/embed/"
    anonymous = Client().get(address)
    client.force_login(reader.user)

    card = client.get(address)

    assert card.content == anonymous.content and "Set-Cookie" not in card and "Cookie" not in card.get("Vary", "")
    assert "X-Frame-Options" not in card and card["Cache-Control"].startswith("public")
    policy = card["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors *" in policy and "script" not in policy
    shown = card.content.decode()
    assert "<strong>sentence</strong>" in shown and "<script" not in shown and "<form" not in shown
    for other in (f"/comments/{comment.pk}/", "/comments/guidelines/", f"/comments/people/{reader.pk}/"):
        page = client.get(other)
        assert "frame-ancestors 'none'" in page["Content-Security-Policy"] and page["X-Frame-Options"] == "DENY"
    again = client.get(address, headers={"If-None-Match": card["ETag"]})
    assert again.status_code == 304 and "frame-ancestors *" in again["Content-Security-Policy"]


def test_the_card_follows_the_comment(
    client: Client, reader: Commenter, editor: Commenter, post: Post, decide: Any
) -> None:
    comment = post(reader, "A sentence that will be removed.")
    assert "will be removed" in client.get(f"/comments/{comment.pk}/embed/").content.decode()

    decide(comment, "reject", editor)

    assert client.get(f"/comments/{comment.pk}/embed/").status_code == 404


# --- Feeds ------------------------------------------------------------------------------------------------------------


def feed(client: Client, address: str) -> Any:
    answer = client.get(address)
    assert answer.status_code == 200 and answer["Content-Type"].startswith("application/atom+xml")
    return ElementTree.fromstring(answer.content)  # our own


def links(found: Any) -> list[str]:
    return [one.get("href") for one in found.findall("a:entry/a:link", ATOM)]


def test_a_feed_has_what_is_published_latest_first_and_nothing_else(
    client: Client, discussion: Discussion, reader: Commenter, post: Post
) -> None:
    other = Discussion.objects.create(key="story/2", title="Another", url="/stories/2/")
    first, second = post(reader, "The **first** one."), post(reader, "The second one.")
    held = post(reader, "See https://elsewhere.example/")
    elsewhere = post(reader, "Under another story.", discussion=other)

    here = feed(client, "/comments/feeds/story-1/")
    everywhere = feed(client, "/comments/feeds/")

    base = "http://testserver/comments/"
    assert links(here) == [f"{base}{second.pk}/", f"{base}{first.pk}/"]
    assert links(everywhere) == [f"{base}{elsewhere.pk}/", f"{base}{second.pk}/", f"{base}{first.pk}/"]
    assert links(feed(client, "/comments/feeds/story/2/")) == [f"{base}{elsewhere.pk}/"]
    [said] = [one.find("a:summary", ATOM) for one in here.findall("a:entry", ATOM)][-1:]
    assert said.get("type") == "html" and "<strong>first</strong>" in said.text
    assert f"/comments/{held.pk}/" not in ElementTree.tostring(here).decode()
    assert client.get("/comments/feeds/unknown/").status_code == 404


def test_hostile_names_and_titles_are_text_in_a_feed(
    client: Client, discussion: Discussion, reader: Commenter, post: Post
) -> None:
    Discussion.objects.filter(pk=discussion.pk).update(title=HOSTILE)
    Commenter.objects.filter(pk=reader.pk).update(name=HOSTILE + "\ufffe")
    post(reader, "]]> <script>alert(1)</script> & more")

    found = feed(client, "/comments/feeds/story-1/")

    assert [one.text for one in found.findall("a:entry/a:author/a:name", ATOM)] == ['"><script>alert(1)</script>']
    assert b"<script" not in client.get("/comments/feeds/story-1/").content
    assert "<script" not in found.findtext("a:entry/a:summary", "", ATOM)


def test_a_feed_of_replies_is_for_who_has_its_address(
    client: Client, reader: Commenter, person: Callable[..., Commenter], post: Post
) -> None:
    jo = person("jo")
    mine = post(reader, "What I wrote.")
    answer = post(jo, "What was answered.", parent=mine)
    post(reader, "What I answered myself.", parent=mine)
    post(jo, "What was answered to the answer.", parent=answer)
    address = feeds.replies_url(reader)

    assert links(feed(client, address)) == [f"http://testserver/comments/{answer.pk}/"]
    assert client.get(address)["Cache-Control"].startswith("private")
    assert client.get(f"/comments/feeds/replies/{reader.pk}/").status_code == 404
    assert client.get(f"/comments/feeds/replies/{reader.pk}:forged/").status_code == 404
    client.force_login(reader.user)
    assert address in client.get("/comments/me/").content.decode()

    threads.pages.clear()
    Commenter.objects.filter(pk=reader.pk).update(erased_at=timezone.now())
    assert client.get(address).status_code == 404


def test_feeds_cost_the_same_however_much_there_is_and_nothing_when_nothing_moved(
    client: Client, reader: Commenter, post: Post
) -> None:
    addresses = ["/comments/feeds/", "/comments/feeds/story-1/", feeds.replies_url(reader)]

    def queries() -> list[int]:
        threads.pages.clear()
        counts = []
        for address in addresses:
            with CaptureQueriesContext(connection) as asked:
                client.get(address)
            counts.append(len(asked))
        return counts

    first = post(reader, "The first one.")
    few = queries()
    for number in range(12):
        post(reader, f"Number {number}.", parent=first)
    many = queries()
    with CaptureQueriesContext(connection) as asked:
        kept = client.get("/comments/feeds/story-1/")

    assert many == few and max(many) <= 3
    assert len(asked) == 0
    assert (
        kept["Last-Modified"]
        and client.get("/comments/feeds/story-1/", headers={"If-None-Match": kept["ETag"]}).status_code == 304
    )


def test_a_feed_is_cut_at_fifty(client: Client, discussion: Discussion, reader: Commenter, post: Post) -> None:
    one = post(reader)
    now = timezone.now()
    Comment.objects.bulk_create(
        Comment(
            discussion=discussion,
            author=reader,
            path=f"zz{number:010d}",
            status="published",
            html="<p>x</p>",
            is_shown=True,
            published_at=now,
        )
        for number in range(60)
    )

    found = links(feed(client, "/comments/feeds/"))

    assert len(found) == feeds.MOST and f"http://testserver/comments/{one.pk}/" not in found


def test_articles_tell_feed_readers_where_their_feed_is(client: Client) -> None:
    from newsroom.articles.models import Article

    article = Article.objects.create(slug="tram", headline="Tram", body="<p>x</p>", published_at=timezone.now())

    page = client.get("/articles/tram/").content.decode()
    front = client.get("/").content.decode()

    pattern = r'<link rel="alternate" type="application/atom\+xml" title="[^"]+" href="([^"]+)">'
    assert re.findall(pattern, page) == [f"/comments/feeds/articles.article:{article.pk}/"]
    assert re.findall(pattern, front) == ["/comments/feeds/"]
    assert client.get(re.findall(pattern, page)[0]).status_code == 200


@pytest.fixture(autouse=True)
def in_the_database(db: None) -> None:
    pass
