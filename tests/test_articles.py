"""The newspaper round the comments: its pages, its drafts, and how articles come in."""

from __future__ import annotations

import re
from contextlib import nullcontext
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from comments import discussions
from comments.models import Discussion
from newsroom.articles import body, publishing
from newsroom.articles.admin import ArticleForm
from newsroom.articles.demonstration import import_all
from newsroom.articles.importing import NotAnArticle, read_article, slug_for, title_from
from newsroom.articles.models import Article, CommentMode, Section, validate_picture

REAL_FILE = Path(settings.BASE_DIR).parent / "shared" / "articles" / "gsomia.txt"
FURNITURE = "COMMENTS\nPlease let us know if you're having issues with commenting."


def an_article(slug: str = "ferry", **facts: Any) -> Article:
    published_at = timezone.now() - timedelta(hours=1)
    given: dict[str, Any] = {"headline": "The ferry is late", "body": "<p>It was late on Monday.</p>"}
    article = Article(slug=slug, **{"published_at": published_at, **given, **facts})
    article.save()
    publishing.sync_discussion(article)
    return article


def run(*arguments: object, **options: object) -> str:
    output = StringIO()
    call_command("import_article", *map(str, arguments), stdout=output, **options)
    return output.getvalue().strip()


# --- Plain text -------------------------------------------------------------------------------------------------------


def test_a_short_first_line_before_an_empty_line_is_the_title() -> None:
    article = read_article(b"Ferry is late again\n\nIt was late on Monday.\n\nAnd on Tuesday.\n", "ferry.txt")

    assert article.headline == "Ferry is late again"
    assert article.body == "<p>It was late on Monday.</p>\n<p>And on Tuesday.</p>"
    assert article.slug == "ferry-is-late-again"


def test_a_first_line_without_a_full_stop_among_sentences_is_the_title() -> None:
    article = read_article(b"Ferry is late again\nIt was late on Monday.\nAnd on Tuesday.", "ferry.txt")

    assert article.headline == "Ferry is late again"
    assert article.body.count("<p>") == 2


def test_without_a_title_the_first_sentence_is_shortened_at_a_word_and_stays_in_the_text() -> None:
    sentence = (
        "The ferry that should have left the north bank at six o’clock on Monday morning left it at nine instead."
    )

    article = read_article(f"{sentence} Nobody said why.\nOn Tuesday it sank.".encode(), "ferry.txt")

    assert len(article.headline) <= 90
    assert article.headline.endswith("…")
    assert sentence.startswith(article.headline.removesuffix("…"))
    assert sentence[len(article.headline) - 1] == " "
    assert article.body.startswith(f"<p>{sentence}")


def test_a_first_sentence_that_fits_is_the_title_without_its_full_stop() -> None:
    assert title_from("The ferry sank. Nobody was on board.") == "The ferry sank"
    assert title_from("Is the ferry late? Nobody knows.") == "Is the ferry late?"
    assert title_from("Mr. Okafor waited for the ferry. He left.").startswith("Mr. Okafor waited")


def test_a_line_is_a_paragraph_and_so_is_a_block_of_wrapped_lines() -> None:
    lines = read_article(b"One is a sentence.\nTwo is another one.\nThree.", "a.txt")
    wrapped = read_article(b"The first line of this goes on\nin the second and ends here.\n\nAnother.", "a.txt")

    assert lines.body.count("<p>") == 3
    assert wrapped.body == "<p>The first line of this goes on in the second and ends here.</p>\n<p>Another.</p>"


@pytest.mark.parametrize(
    "tail",
    [
        FURNITURE,
        FURNITURE.replace("'", "’"),
        "Comments (214)\n\n",
        "Share this article\nTweet\n\nAdvertisement",
        "214 COMMENTS",
    ],
)
def test_what_a_site_prints_under_an_article_is_not_part_of_it(tail: str) -> None:
    article = read_article(f"Ferry late\n\nIt was late.\n\nShare\n\nIt was late again.\n{tail}\n".encode(), "a.txt")

    assert article.body == "<p>It was late.</p>\n<p>Share</p>\n<p>It was late again.</p>"


def test_text_is_never_read_as_markup() -> None:
    article = read_article(b"1 < 2 & <b>bold</b>\n\n<script>alert(1)</script> is a tag.\n", "a.txt")

    assert article.headline == "1 < 2 & <b>bold</b>"
    assert article.body == "<p>&lt;script&gt;alert(1)&lt;/script&gt; is a tag.</p>"


def test_a_byte_order_mark_and_foreign_line_ends_are_taken_off() -> None:
    article = read_article("\ufeffTitel der Fähre\r\n\r\nSie kam zu spät.\r\n".encode(), "a.txt")

    assert article.headline == "Titel der Fähre"
    assert article.body == "<p>Sie kam zu spät.</p>"


def test_a_title_in_another_script_has_an_address_that_stays_the_same() -> None:
    assert slug_for("밤 전차가 돌아왔다") == slug_for("밤 전차가 돌아왔다")
    assert slug_for("밤 전차가 돌아왔다").startswith("article-")


def test_an_address_is_cut_between_words() -> None:
    slug = slug_for("The night tram is back, and its first passengers are going to work tonight")

    assert slug == "the-night-tram-is-back-and-its-first-passengers-are-going-to"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b" \n\t\n", "empty"),
        ("Die Fähre".encode("latin-1"), "not UTF-8"),
        ("The ferry".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04\x00\x00", "binary"),
        (FURNITURE.encode(), "no text"),
        (b"a" * 2_000_001, "larger than 2 MB"),
    ],
)
def test_what_is_not_an_article_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(NotAnArticle, match=reason):
        read_article(content, "a.txt")


# --- Markdown ---------------------------------------------------------------------------------------------------------


def test_markdown_takes_its_facts_from_the_lines_on_top_and_its_title_from_the_first_heading() -> None:
    source = (
        b'---\nsection: City\nbyline: Ines Okafor\nstandfirst: "Late, again"\npublished: 2026-11-20\n'
        b"question: Were you on it?\ncomments: premoderated\n---\n\n# The *ferry* is late\n\nIt was **late**.\n\n"
        b"## Why\n\n- wind\n- tide\n\nCOMMENTS\n"
    )

    article = read_article(source, "ferry.md")

    assert article.headline == "The ferry is late"
    assert (article.section, article.byline, article.standfirst) == ("city", "Ines Okafor", "Late, again")
    assert (article.question, article.comment_mode) == ("Were you on it?", "premoderated")
    assert article.published_at is not None
    assert article.published_at.date().isoformat() == "2026-11-20"
    assert "<strong>late</strong>" in article.body
    assert "<h2>Why</h2>" in article.body
    assert "COMMENTS" not in article.body


def test_markdown_without_a_closing_line_of_dashes_is_all_text() -> None:
    article = read_article(b"---\n\nThe ferry sank.\n", "ferry.md")

    assert article.headline == "The ferry sank"


@pytest.mark.parametrize("fact", ["section: Weather", "published: tomorrow", "published: 2026-13-45", "slug: a b"])
def test_a_fact_that_cannot_be_true_is_refused(fact: str) -> None:
    with pytest.raises(NotAnArticle):
        read_article(f"---\n{fact}\n---\nThe ferry sank.".encode(), "ferry.md")


def test_markup_in_markdown_is_cleaned() -> None:
    article = read_article(b"The <b>ferry</b> <img src=x onerror=alert(1)> [sank](javascript:alert(1)).", "f.md")

    assert "onerror" not in article.body
    assert "javascript" not in article.body.replace("[sank](javascript:alert(1))", "")
    assert "<img" not in article.body


# --- HTML -------------------------------------------------------------------------------------------------------------


def test_a_page_gives_its_article_and_nothing_round_it() -> None:
    page = b"""<!doctype html><title>Ferry | The Site</title><nav>Home</nav><main><p>Teaser</p>
    <article onclick="x()"><header><h1>The <em>ferry</em> &amp; the tide</h1><p>By nobody</p></header>
    <script>alert(1)</script><p style="color:red">It was un<b>believably</b> late. <a href="javascript:x()">Why?</a></p>
    <div>The wind.</div><div>The tide.<br><br>The moon.</div><article>Another story</article>
    <form><textarea>x</textarea></form><p>COMMENTS</p>
    <p>Please let us know if you\xe2\x80\x99re having issues with commenting.</p></article></main>
    <footer>Imprint</footer>"""

    article = read_article(page, "ferry.html")

    assert article.headline == "The ferry & the tide"
    assert body.as_text(article.body) == "It was unbelievably late. Why? The wind. The tide. The moon."
    assert "<p>The wind.</p>\n<p>The tide.</p>\n<p>The moon.</p>" in article.body
    for nothing in ("onclick", "style", "script", "<div", "<article", "un <strong>"):
        assert nothing not in article.body


def test_a_page_without_a_heading_is_called_by_its_title() -> None:
    article = read_article(b"<title>Ferry &lt;late&gt;</title><body>It was late.", "ferry.htm")

    assert article.headline == "Ferry <late>"
    assert article.body == "<p>It was late.</p>"


def test_a_page_that_calls_itself_text_is_still_a_page() -> None:
    assert read_article(b"<!DOCTYPE html><p>It was late.</p>", "ferry.txt").body == "<p>It was late.</p>"


@pytest.mark.parametrize("page", [b"<p>", b"<html><body></body></html>", b"<script>alert(1)</script>", b"<!--"])
def test_a_page_without_text_is_refused(page: bytes) -> None:
    with pytest.raises(NotAnArticle, match="no text"):
        read_article(page, "ferry.html")


# --- The command ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_imported_article_is_a_draft_until_it_is_published(tmp_path: Path, client: Client) -> None:
    file = tmp_path / "ferry.txt"
    file.write_text("Ferry is late again\n\nIt was late on Monday.")

    assert run(file) == "imported ferry-is-late-again (draft) /articles/ferry-is-late-again/"
    assert client.get("/articles/ferry-is-late-again/").status_code == 404

    assert run(file, publish=True) == "updated ferry-is-late-again (published) /articles/ferry-is-late-again/"
    assert client.get("/articles/ferry-is-late-again/").status_code == 200


@pytest.mark.django_db
def test_importing_again_updates_the_article_and_keeps_what_the_file_does_not_say(tmp_path: Path) -> None:
    file = tmp_path / "ferry.txt"
    file.write_text("Ferry is late\n\nIt was late on Monday.")
    run(file, slug="ferry", publish=True, section="city", byline="Ines Okafor")
    first = Article.objects.get()

    file.write_text("Ferry is later\n\nIt was late on Tuesday.")
    run(file, slug="ferry")

    again = Article.objects.get()
    assert (again.pk, again.published_at, again.byline) == (first.pk, first.published_at, "Ines Okafor")
    assert (again.headline, again.section) == ("Ferry is later", Section.CITY)
    assert again.body == "<p>It was late on Tuesday.</p>"
    assert Discussion.objects.get().title == "Ferry is later"


@pytest.mark.django_db
def test_an_article_written_here_is_not_overwritten_by_an_import(tmp_path: Path) -> None:
    an_article("ferry")
    file = tmp_path / "ferry.txt"
    file.write_text("It was late on Monday.")

    with pytest.raises(CommandError, match="belongs to another article"):
        run(file, slug="ferry")


@pytest.mark.django_db
def test_several_files_are_imported_at_once_but_not_to_one_address(tmp_path: Path) -> None:
    files = [tmp_path / "one.txt", tmp_path / "two.md"]
    files[0].write_text("The ferry sank.")
    files[1].write_text("# The tram came\n\nOn time.")

    with pytest.raises(CommandError, match="--slug names one article"):
        run(*files, slug="both")

    assert run(*files).splitlines() == [
        "imported the-ferry-sank (draft) /articles/the-ferry-sank/",
        "imported the-tram-came (draft) /articles/the-tram-came/",
    ]


@pytest.mark.django_db
def test_a_file_that_cannot_be_imported_is_named_in_one_line(tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.touch()

    for path, reason in ((tmp_path / "nothing.txt", "no such file"), (tmp_path, "directory"), (empty, "empty")):
        with pytest.raises(CommandError, match=reason) as refusal:
            run(path)
        assert str(path) in str(refusal.value)
        assert "\n" not in str(refusal.value)


@pytest.mark.django_db
def test_a_real_article_is_imported_without_what_stood_under_it(client: Client) -> None:
    if not REAL_FILE.exists():
        pytest.skip("The real article is not on this machine; the other tests use made-up ones.")

    run(REAL_FILE, slug="real", publish=True)

    article = Article.objects.get(slug="real")
    lines = [line for line in REAL_FILE.read_text(encoding="utf-8").split("\n") if line.strip()]
    assert article.body.count("<p>") == len(lines) - 2
    assert "COMMENTS" not in article.body
    assert "issues with commenting" not in article.body
    assert len(article.headline) <= 90
    assert client.get("/articles/real/").status_code == 200


@pytest.mark.django_db
def test_the_demonstration_articles_can_be_imported_twice() -> None:
    articles = import_all()

    again = import_all()

    assert [article.pk for article in again] == [article.pk for article in articles]
    assert len(articles) >= 5
    for article in articles:
        assert article.is_published
        assert article.question
        assert article.byline
        assert 450 <= len(body.as_text(article.body).split()) <= 900
        assert Discussion.objects.get(key=discussions.key_for(article)).question == article.question


# --- Pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_front_page_shows_what_is_published_and_nothing_else(client: Client) -> None:
    an_article("ferry", headline="The ferry is late")
    an_article("draft", headline="Nobody knows this", published_at=None)
    an_article("plan", headline="Nobody knows that", published_at=timezone.now() + timedelta(days=1))

    page = client.get("/").content.decode()

    assert "The ferry is late" in page
    assert "Nobody knows" not in page


@pytest.mark.django_db
def test_the_front_page_asks_the_database_as_often_for_thirty_articles_as_for_five(client: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/").status_code == 200
        return len(captured)

    for number in range(5):
        an_article(f"a{number}", section=Section.values[number % 7])
    few = queries()
    for number in range(30):
        an_article(f"b{number}", section=Section.values[number % 7])

    assert queries() <= few


@pytest.mark.django_db
def test_an_empty_newspaper_has_a_front_page(client: Client) -> None:
    assert "Nothing has been printed yet." in client.get("/").content.decode()


@pytest.mark.django_db
def test_an_article_is_shown_with_its_comments(client: Client) -> None:
    an_article("ferry", byline="Ines Okafor", question="Were you on it?")

    page = client.get("/articles/ferry/").content.decode()

    assert "<p>It was late on Monday.</p>" in page
    assert "Ines Okafor" in page
    assert 'id="comments"' in page
    assert "Were you on it?" in page


@pytest.mark.django_db
def test_a_browser_hears_of_styles_and_scripts_before_the_page_has_come(client: Client) -> None:
    an_article("ferry")

    answer = client.get("/articles/ferry/")

    head = answer.content.decode().partition("</head>")[0]
    told = re.findall(r"<([^>]+)>; rel=(?:preload; as=style|modulepreload)", answer.headers["Link"])
    asked_for = re.findall(r'(?:href|src)="([^"]+[.](?:css|js))"', head)
    assert sorted(told) == sorted(asked_for)


@pytest.mark.django_db
def test_an_article_without_comments_has_no_section_and_leaves_no_other_door_open(client: Client) -> None:
    article = an_article("ferry")
    article.comment_mode = CommentMode.NONE
    article.save()

    publishing.sync_discussion(article)

    page = client.get("/articles/ferry/").content.decode()
    assert 'id="comments"' not in page
    assert Discussion.objects.get(key=discussions.key_for(article)).mode == Discussion.Mode.CLOSED


@pytest.mark.django_db
def test_a_headline_is_never_markup(client: Client) -> None:
    an_article("ferry", headline="<script>alert(1)</script>", standfirst="<b>", byline="<i>")

    for address in ("/", "/articles/ferry/", "/sections/news/"):
        page = client.get(address).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page


@pytest.mark.django_db
@pytest.mark.parametrize("ahead", [None, timedelta(days=1)])
def test_a_draft_exists_for_the_staff_only(client: Client, ahead: timedelta | None) -> None:
    an_article("draft", published_at=timezone.now() + ahead if ahead else None)
    users = get_user_model().objects
    reader = users.create_user("reader")
    editor = users.create_user("editor", is_staff=True)

    assert client.get("/articles/draft/").status_code == 404
    client.force_login(reader)
    assert client.get("/articles/draft/").status_code == 404
    client.force_login(editor)
    page = client.get("/articles/draft/")
    assert page.status_code == 200
    assert "nly the newsroom can see this page" in page.content.decode()


@pytest.mark.django_db
def test_an_unknown_address_is_answered_with_a_sentence_and_ways_on(client: Client) -> None:
    page = client.get("/articles/nothing/")

    assert page.status_code == 404
    assert "There is no page at this address." in page.content.decode()
    assert 'href="/"' in page.content.decode()
    assert client.get("/sections/weather/").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/", "/articles/ferry/", "/sections/news/"])
def test_two_visitors_get_the_same_bytes_and_no_cookie(address: str) -> None:
    an_article("ferry")

    first = Client().get(address, HTTP_USER_AGENT="one", REMOTE_ADDR="192.0.2.1")
    second = Client().get(address, HTTP_USER_AGENT="two", REMOTE_ADDR="192.0.2.2")

    assert first.content == second.content
    assert not first.cookies
    assert "Cookie" in first["Vary"]


@pytest.mark.django_db
def test_a_page_for_somebody_who_is_signed_in_is_kept_out_of_shared_caches(client: Client) -> None:
    an_article("ferry")
    client.force_login(get_user_model().objects.create_user("mara"))

    page = client.get("/articles/ferry/")

    assert "mara" in page.content.decode()
    assert "private" in page["Cache-Control"]


@pytest.mark.django_db
def test_a_section_goes_on_where_its_page_ended(client: Client) -> None:
    moment = timezone.now() - timedelta(days=1)
    for number in range(25):
        an_article(f"a{number:02}", headline=f"Story {number:02}", section=Section.CITY, published_at=moment)

    first = client.get("/sections/city/").content.decode()
    oldest = Article.objects.get(slug="a05")
    second = client.get(f"/sections/city/?before={oldest.pk}").content.decode()

    assert f"?before={oldest.pk}" in first
    assert "Story 05" in first
    assert "Story 04" not in first
    assert "Story 04" in second
    assert "Story 05" not in second
    assert client.get("/sections/city/?before=x").status_code == 200
    assert client.get("/sections/city/?before=99999999").status_code == 404


@pytest.mark.django_db
def test_no_page_of_the_site_carries_inline_script_or_style(client: Client) -> None:
    an_article("ferry")
    addresses = ["/", "/articles/ferry/", "/sections/news/", "/nothing/"]
    addresses += [reverse(f"account_{name}") for name in ("login", "signup", "reset_password")]

    for address in addresses:
        page = client.get(address).content.decode().lower()
        assert "<style" not in page, address
        assert " style=" not in page, address
        assert " onclick=" not in page, address
        assert page.count("<script") == page.count('<script type="module" src='), address


@pytest.mark.django_db
def test_signing_in_leads_back_to_the_article(client: Client) -> None:
    an_article("ferry")

    assert 'href="/accounts/login/?next=/articles/ferry/"' in client.get("/articles/ferry/").content.decode()
    assert (
        'name="next" value="/articles/ferry/"' in client.get("/accounts/login/?next=/articles/ferry/").content.decode()
    )


@pytest.mark.django_db
def test_an_expired_form_gives_the_text_back() -> None:
    client = Client(enforce_csrf_checks=True)

    page = client.post("/accounts/login/", {"text": "\nMy <b>long</b> letter"})

    assert page.status_code == 403
    assert "Your text is not lost" in page.content.decode()
    assert "My &lt;b&gt;long&lt;/b&gt; letter" in page.content.decode()


@pytest.mark.django_db
def test_what_an_editor_pastes_is_cleaned_before_it_is_saved() -> None:
    facts = {
        "slug": "ferry",
        "headline": "Ferry",
        "section": "news",
        "comment_mode": "open",
        "comment_form": "comments",
    }

    pasted = ArticleForm({**facts, "body": '<p onclick="x()">Late</p><script>x()</script><img src=x>'})
    nothing = ArticleForm({**facts, "body": "<script>x()</script>"})

    assert pasted.is_valid(), pasted.errors
    assert pasted.cleaned_data["body"] == "<p>Late</p>"
    assert "The article has no text." in nothing.errors["body"]


@pytest.mark.django_db
def test_saving_an_article_in_the_admin_brings_its_discussion_up_to_date(admin_client: Client) -> None:
    facts = {"slug": "ferry", "headline": "Ferry", "section": "news", "body": "<p>Late.</p>", "question": "Why?"}

    answer = admin_client.post(
        "/admin/articles/article/add/", {**facts, "comment_form": "comments", "comment_mode": "premoderated"}
    )

    assert answer.status_code == 302
    discussion = Discussion.objects.get(key=discussions.key_for(Article.objects.get()))
    assert (discussion.mode, discussion.question) == ("premoderated", "Why?")
    assert admin_client.get("/admin/articles/article/").status_code == 200


def test_the_page_for_a_fault_needs_nothing_that_may_be_broken() -> None:
    page = render_to_string("500.html")

    assert "Something broke, and it was not you." in page
    assert 'href="/static/newsroom/site.css"' in page


@pytest.mark.parametrize(
    ("name", "content", "is_picture"),
    [
        ("tram.png", b"\x89PNG\r\n\x1a\n....", True),
        ("tram.webp", b"RIFF....WEBP", True),
        ("tram.webp", b"RIFF....WAVE", False),
        ("tram.png", b"<svg onload=x()>", False),
        ("tram.svg", b"<svg/>", False),
    ],
)
def test_a_picture_is_what_its_name_says(name: str, content: bytes, is_picture: bool) -> None:
    picture = SimpleUploadedFile(name, content)

    with nullcontext() if is_picture else pytest.raises(ValidationError):
        validate_picture(picture)
