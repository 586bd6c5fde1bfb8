"""What a reader typed, and what everybody else gets to see of it."""

from __future__ import annotations

import re
import threading
import time
from html import escape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from comments import text
from comments.exceptions import Refused
from comments.text import MAX_CHARACTERS, Rendered, check, digest, excerpt, plain, to_html
from tests.policy import address_violations, violations, visible_text

REL = 'rel="nofollow ugc noopener"'


def shown(raw: str) -> str:
    """Return the HTML of a comment that has to be acceptable and agreed on."""
    rendered = to_html(check(raw))
    assert violations(rendered.html) == []
    assert rendered.disagreement == ""
    return rendered.html


def refusal(raw: object, **options: int) -> Refused:
    with pytest.raises(Refused) as caught:
        check(raw, **options)
    return caught.value


# --- What is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [None, 7, b"text", ["text"], {"text": "text"}])
def test_what_is_not_text_is_refused(raw: object) -> None:
    assert refusal(raw).code == "not_text"


def test_text_with_a_nul_is_refused_because_no_database_takes_it() -> None:
    assert refusal("a\x00b").code == "nul"


@pytest.mark.parametrize("raw", ["\ud800", "a\udfffb", "\ude00\ud83d"])
def test_half_a_character_is_refused(raw: str) -> None:
    assert refusal(raw).code == "surrogate"


@pytest.mark.parametrize(
    "raw",
    ["", " \t\r\n", "\u200b\u200d\ufeff", "\u2060\u00ad", "\x01\x02", "\u3164\u2800", "\u202e\u202c", "\U000e0041"],
)
def test_a_comment_nobody_can_see_is_refused_as_empty(raw: str) -> None:
    refused = refusal(raw)

    assert refused.code == "empty"
    assert "Write something first." in refused.detail


@pytest.mark.parametrize(
    ("raw", "html"),
    [
        (">! The butler\n>! did **it**", "<details><p>The butler<br>did <strong>it</strong></p></details>"),
        ("Who?\n\n>! He.\n\nOh.", "<p>Who?</p><details><p>He.</p></details><p>Oh.</p>"),
        ("> a quotation\n> ! no", "<blockquote><p>a quotation<br>! no</p></blockquote>"),
        ("- a\n  >! b\n- c", "<ul><li>a<details><p>b</p></details></li><li>c</li></ul>"),
        (
            "<spoiler onclick=x>Eleven <b>to</b> nine</spoiler>",
            "<details><p>Eleven <strong>to</strong> nine</p></details>",
        ),
        ("<details open ontoggle=x><summary>a</summary>b</details>", "<p>a</p><p>b</p>"),
        (">!", "<p>&gt;!</p>"),
    ],
)
def test_a_spoiler_is_hidden_until_somebody_asks_for_it(raw: str, html: str) -> None:
    made = to_html(raw)

    assert (made.html, made.disagreement) == (html, "")
    assert plain(made.html) == made.text


def test_a_comment_that_is_too_long_is_refused_with_both_numbers() -> None:
    refused = refusal("a" * 10_007)

    assert refused.code == "too_long"
    assert "10007" in refused.detail
    assert "10000" in refused.detail
    assert refused.params == {"length": 10_007, "maximum": MAX_CHARACTERS}


def test_a_newspaper_may_ask_for_shorter_comments_and_never_for_longer_ones() -> None:
    assert refusal("a" * 21, max_characters=20).code == "too_long"
    assert refusal("a" * 10_001, max_characters=50_000).code == "too_long"
    assert check("a" * 20, max_characters=20) == "a" * 20


def test_a_line_end_counts_as_one_character_whatever_it_was_typed_on() -> None:
    assert check("ab\r\n" * 5, max_characters=15) == "ab\n" * 5


def test_characters_that_stand_for_a_whole_phrase_count_as_one() -> None:
    phrase = "\ufdfa"  # eighteen letters once it is folded for matching

    assert refusal(phrase * 5_000).code == "too_long"
    assert check(phrase * 20 + " is said after the name") != ""


@pytest.mark.parametrize(
    "raw",
    [
        "<" * 1_501,
        "[a](b)" * 251,
        "*" * 2_501,
        "a\n" * 1_501,
        "<*&" * 1_200,
        "&" * 2_501,
        ">" * 11 + " deep",
        "> " * 11 + "deep",
        "- " * 11 + "deep",
        "1. " * 11 + "deep",
        "fine\n\n" + "> - " * 6 + "deep",
    ],
    ids=lambda raw: repr(raw[:12]),
)
def test_markup_that_would_keep_a_worker_busy_is_refused(raw: str) -> None:
    assert refusal(raw).code == "too_much_markup"


@pytest.mark.parametrize(
    "raw",
    [
        "- milk\n" * 1_400,
        "Ein ganz gewöhnlicher Satz. " * 357,
        "一二三四五六七八九。" * 1_000,
        "if (a < b && b > c) { return d[i]; }\n" * 270,
        "* " * 20,
        "-" * 80,
        "_" * 200,
        "a[i][j] = b[j][i];\n" * 400,
        "> " * 10 + "an old mail",
        "<li>pasted</li>" * 600,
    ],
    ids=lambda raw: repr(raw[:12]),
)
def test_long_and_ordinary_comments_are_accepted(raw: str) -> None:
    assert to_html(check(raw)).text != ""


def test_accepted_text_has_plain_line_ends_and_no_control_characters() -> None:
    assert check("a\r\nb\rc\u2028d\x07\x1b[0m\te\x9f") == "a\nb\nc\nd[0m\te"


def test_rendering_does_not_trust_that_the_text_was_checked() -> None:
    with pytest.raises(Refused):
        to_html("a\x00b")


@pytest.mark.parametrize("code", ["not_text", "nul", "surrogate", "empty", "too_long", "too_much_markup"])
def test_every_refusal_is_a_sentence_for_a_person(code: str) -> None:
    inputs = {
        "not_text": None,
        "nul": "\x00",
        "surrogate": "\ud800",
        "empty": "",
        "too_long": "a" * 10_001,
        "too_much_markup": "<" * 2_000,
    }

    refused = refusal(inputs[code])

    assert refused.code == code
    assert refused.status == 400
    assert type(refused.detail) is str
    assert refused.detail.endswith(".")


# --- Formatting ------------------------------------------------------------------------------------------------------


def test_a_blank_line_makes_a_paragraph_and_a_single_one_a_line_break() -> None:
    assert shown("one\ntwo\n\nthree") == "<p>one<br>two</p><p>three</p>"


def test_stars_and_underscores_make_words_strong_and_stressed() -> None:
    assert shown("**a** __b__ *c* _d_") == ("<p><strong>a</strong> <strong>b</strong> <em>c</em> <em>d</em></p>")


def test_quotes_stand_inside_each_other() -> None:
    assert shown("> she said\n> > he said\n\nno") == (
        "<blockquote><p>she said</p><blockquote><p>he said</p></blockquote></blockquote><p>no</p>"
    )


def test_lists_keep_their_levels() -> None:
    assert shown("- a\n- b\n  - c\n") == "<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>"


def test_a_sentence_that_begins_with_a_year_keeps_its_year() -> None:
    assert shown("1984. What a book.") == '<ol start="1984"><li>What a book.</li></ol>'


def test_code_keeps_its_text_as_it_was_typed() -> None:
    assert shown("`<b>*x*</b> &lt; example.com`") == ("<p><code>&lt;b&gt;*x*&lt;/b&gt; &amp;lt; example.com</code></p>")
    assert shown("```html\n<script>\n  a  <  b\n</script>\n```") == (
        "<pre><code>&lt;script&gt;\n  a  &lt;  b\n&lt;/script&gt;\n</code></pre>"
    )


def test_pasted_code_keeps_its_text_too() -> None:
    html = shown("<pre>\n\n  a example.com\n  <b>b</b>\n</pre>")

    assert html == "<pre><code>\n\n  a example.com\n  b\n</code></pre>"


def test_the_address_in_a_piece_of_code_is_not_a_link() -> None:
    assert to_html("`https://a.example` and\n```\nhttps://b.example\n```").links == ()


@pytest.mark.parametrize("raw", ["***", "---", "* * *", "- - - - -"])
def test_a_line_that_a_reader_drew_stays_to_be_seen(raw: str) -> None:
    assert shown(f"above\n\n{raw}\n\nbelow") == f"<p>above</p><p>{raw[0] * 3}</p><p>below</p>"


@pytest.mark.parametrize("raw", ["-", "+", "1.", "1)", ">", "-\n-"])
def test_a_comment_of_nothing_but_a_marker_shows_the_marker(raw: str) -> None:
    assert to_html(raw).text == raw


@pytest.mark.parametrize(
    "raw", ["# not a heading", "| no | table |", "[no]: definition", "a < b > c", "<3", "&c.", "AT&T"]
)
def test_what_is_no_formatting_stays_as_it_is(raw: str) -> None:
    assert shown(raw) == f"<p>{escape(raw, quote=False)}</p>"


def test_a_backslash_makes_the_next_character_ordinary() -> None:
    assert shown(r"\*a\* \[b](c) \<b>") == "<p>*a* [b](c) &lt;b&gt;</p>"


def test_an_entity_is_read_once_and_only_once() -> None:
    assert shown("&copy; &amp;lt; &#60;b&#62;") == "<p>© &amp;lt; &lt;b&gt;</p>"


# --- Pasted HTML -----------------------------------------------------------------------------------------------------


def test_simple_pasted_html_is_kept() -> None:
    html = shown("<p>A <b>b</b> <i>c</i></p>\n<ul>\n<li>d\n<li>e\n</ul>")

    assert html == "<p>A <strong>b</strong> <em>c</em></p><ul><li>d</li><li>e</li></ul>"


def test_other_html_loses_its_tags_and_keeps_its_words() -> None:
    assert shown('<div class="x" id="y"><h1>A</h1><span style="color:red">b</span><img src=x></div>') == (
        "<p>A</p><p>b</p>"
    )


def test_elements_that_were_never_closed_end_with_their_paragraph() -> None:
    assert shown("<b>a\n\nb") == "<p><strong>a</strong></p><p>b</p>"


@pytest.mark.parametrize("name", ["script", "style", "template", "iframe", "noscript", "svg", "math", "textarea"])
def test_what_was_never_meant_to_be_read_is_not_shown(name: str) -> None:
    for hidden in (f"<{name}>secret()</{name}>", f"<{name.upper()} a=b>secret()\n\nsecret()</{name} >"):
        assert shown(f"before {hidden} after").replace("  ", " ") == "<p>before after</p>"


def test_a_comment_of_nothing_that_can_be_seen_renders_to_nothing() -> None:
    assert to_html("<script>alert(1)</script>") == Rendered("", "", (), "", text.VERSION)


def test_a_tag_that_is_not_html_is_something_the_reader_wrote() -> None:
    assert shown("<sarcasm>Great.</sarcasm> Dear <your name>") == (
        "<p>&lt;sarcasm&gt;Great.&lt;/sarcasm&gt; Dear &lt;your name&gt;</p>"
    )


def test_a_tag_that_never_ends_is_text() -> None:
    assert shown("I <b and <!-- he") == "<p>I &lt;b and &lt;!-- he</p>"


# --- Links -----------------------------------------------------------------------------------------------------------


def test_an_address_in_the_text_becomes_a_link() -> None:
    rendered = to_html("See https://news.example/a?b=1&c=2#d.")

    assert rendered.html == (
        f'<p>See <a href="https://news.example/a?b=1&amp;c=2#d" {REL}>https://news.example/a?b=1&amp;c=2#d</a>.</p>'
    )
    assert rendered.links == ("https://news.example/a?b=1&c=2#d",)


@pytest.mark.parametrize(
    ("raw", "address"),
    [
        ("example.com", "https://example.com"),
        ("www.repubblica.it/x", "https://www.repubblica.it/x"),
        ("(see example.org/a_(b))", "https://example.org/a_(b)"),
        ("“https://a.example”", "https://a.example"),
        ("HTTP://A.Example/B", "http://a.example/B"),
        ("<https://a.example>", "https://a.example"),
        ("[x](https://a.example)", "https://a.example"),
        ("[x](www.a.example)", "https://www.a.example"),
        ('<a href="https://a.example" target="_blank" onclick="x()" rel="opener">x</a>', "https://a.example"),
        ("[x](mailto:a.b@c.example?subject=d&bcc=e@f.example)", "mailto:a.b@c.example"),
        ("https://a.example/ä b", "https://a.example/%C3%A4"),
        ("https://a.example/100%", "https://a.example/100%25"),
        ("[x](https://a.example/&lt;b&#38;lt;)", "https://a.example/%3Cb&lt%3B"),
        ("https://straße.example", "https://xn--strae-oqa.example"),
        ("[x](https://ａ。example:8080/)", "https://a.example:8080/"),
    ],
)
def test_every_link_has_an_address_that_we_wrote(raw: str, address: str) -> None:
    html = shown(raw)

    assert to_html(raw).links == (address,)
    assert html.count(REL) == 1
    assert "target" not in html


@pytest.mark.parametrize(
    "raw",
    [
        "finished.So what",
        "e.g. this",
        "a@example.com",
        "ftp://example.com",
        "file.py",
        "example.com@evil",
        "3.14",
        "...",
    ],
)
def test_a_full_stop_does_not_make_an_address(raw: str) -> None:
    assert to_html(raw).links == ()


JAVASCRIPT = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    "javascript\u200b:alert(1)",
    "javascript&colon;alert(1)",
    "&#106;avascript:alert(1)",
    "&#x6A&#x61;vascript&#58;alert(1)",
    "javascript:123",
    "javascript://example.com/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "view-source:https://a.example",
    "blob:https://a.example/1",
    "feed:javascript:alert(1)",
    "ht$tp://a.example",
]
OTHER_PLACES = [
    "//evil.example",
    "/admin/",
    "#top",
    "?delete",
    "\\\\evil.example",
    "https:\\\\evil.example",
    "https:/evil.example",
    "https:evil.example",
    "https://",
    "https://good.example@evil.example",
    "https://good.example%40@evil.example/",
    "https://user:secret@evil.example",
    "https://[evil.example]/",
    "https://[::1]/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://127.1/",
    "https://good.example\u202egnp.exe",
    "https://good.example/\u2066a\u2069",
    "https://good\u200bexample/",
    "https://good.example/\u00ad",
    "https://good\u2024example.com\u2100evil.example/",
    "https://i\u2764.example/",
    "https://a_very_long_name" + "a" * 60 + ".example/",
    "https://a.example:99999/",
    "https://a.example/" + "a" * 2_000,
    "mailto:",
    "mailto:a@b.example,c@d.example",
    'mailto:"a b"@c.example',
]


@pytest.mark.parametrize("address", JAVASCRIPT + OTHER_PLACES)
def test_an_address_that_is_not_allowed_loses_its_link_and_keeps_its_words(address: str) -> None:
    for raw in (f'<a href="{address}">words</a>', f"<a href='{address}'>words</a>", f"[words](<{address}>)"):
        rendered = to_html(check(raw))

        assert rendered.links == ()
        assert "words" in rendered.text
        assert violations(rendered.html) == []


def test_a_name_in_another_script_is_looked_up_as_what_it_is() -> None:
    rendered = to_html("[apple](https://аррӏе.com)")

    assert rendered.links == ("https://xn--80ak6aa92e.com",)


def test_a_comment_of_nothing_but_links_stays_a_short_page() -> None:
    rendered = to_html("a.de " * 2_000)

    assert 100 < len(rendered.links) < 250
    assert len(rendered.html) < 30_000


# --- Characters ------------------------------------------------------------------------------------------------------


def test_accents_piled_on_a_letter_are_cut_to_four() -> None:
    assert shown("k" + "\u0335" * 60 + "o") == "<p>k" + "\u0335" * 4 + "o</p>"


@pytest.mark.parametrize(
    "raw", ["ที่นี่", "שָׁלוֹם", "مُحَمَّدٌ", "क्षत्रिय", "Tiê\u0301ng Viê\u0323t", "می‌خواهم", "👨‍👩‍👧‍👦", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🇩🇪", "👍🏽", "❤️"]
)
def test_every_script_and_every_emoji_stays_whole(raw: str) -> None:
    assert shown(raw) == f"<p>{raw}</p>"


def test_direction_marks_that_are_not_closed_and_overrides_are_not_shown() -> None:
    assert shown("a\u202eb\u2066c \u2069\u2069") == "<p>ab\u2066c \u2069</p>"
    assert shown("\u2067unclosed\n\nnext \u202c") == "<p>unclosed</p><p>next</p>"
    assert shown("\u2067\u202ba\u202c\u2069 \u200f") == "<p>\u2067\u202ba\u202c\u2069 \u200f</p>"
    assert shown("a &#x202e;&#8238; b") == "<p>a  b</p>"


def test_tag_letters_carry_no_hidden_message() -> None:
    assert shown("hi\U000e0068\U000e0069 \U0001f3f4\U000e0068") == "<p>hi \U0001f3f4</p>"


# --- Attacks ---------------------------------------------------------------------------------------------------------

MUTATIONS = [
    "<noscript><style></noscript><img src=x onerror=alert(1)>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<select><template><style><!--</style><a rel='--></style></template></select><img src onerror=alert(1)>'>",
    "<math><annotation-xml encoding='text/html'><p><style><!--</style><img src=x onerror=alert(1)>--></style>",
    "<a href='x'><table><a href='javascript:alert(1)'>",
    "<p id='</p><img src=x onerror=alert(1)>'>",
    "<xmp><p title='</xmp><img src=x onerror=alert(1)>'>",
    "<title><a href='</title><img src=x onerror=alert(1)>'>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<!--a--!><img src=x onerror=alert(1)>-->",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<?xml ?><img src=x onerror=alert(1)>",
    "<img src=`x` onerror=alert(1)//",
    "<a href='https://a.example' name=body id=cookie>x</a>",
    "<b/onclick=alert(1)//>x",
    "<br onmouseover=alert(1)>x",
    "<li style=background:url(javascript:alert(1))>x",
    "<ol start='1\" onclick=\"alert(1)'><li>x</ol>",
    "<plaintext><img src=x onerror=alert(1)>",
    "*<img src=x onerror=alert(1)>*",
    "[<img src=x onerror=alert(1)>](https://a.example)",
    '[a](https://a.example/"onmouseover=alert(1)//)',
    '<https://a.example/"onmouseover=alert(1)//>',
    '```"><img src=x onerror=alert(1)>\n</code></pre><img src=x onerror=alert(1)>\n```',
    "`</code><img src=x onerror=alert(1)>`",
]


@pytest.mark.parametrize("raw", MUTATIONS)
def test_a_mutation_attack_gets_nothing_through_the_whole_way(raw: str) -> None:
    assert violations(to_html(check(raw)).html) == []


@pytest.mark.parametrize("raw", MUTATIONS + [f'<a href="{address}">x</a>' for address in JAVASCRIPT + OTHER_PLACES])
def test_the_sanitizers_alone_let_nothing_through_either(raw: str) -> None:
    text._tools.room_for_links = 1_000

    html, _disagreement = text._clean(raw, text._tools)

    assert violations(html) == []


def test_when_the_sanitizers_see_different_things_the_second_one_is_served_and_it_is_said() -> None:
    # bleach keeps one of the two newlines, which nh3 then drops: harmless, and not the same.
    html, disagreement = text._clean("<pre>\n\nwords</pre>", text._tools)

    assert disagreement == "text"
    assert html == "<pre>words</pre>"


@pytest.mark.parametrize(
    ("first", "second", "slug"),
    [
        ("<p>a</p>", "<p>a</p>", ""),
        ('<p>"&amp;</p>', "<p>&quot;&#38;</p>", ""),
        ('<a href="x" rel="y">a</a>', "<a rel='y' href=x>a</a>", ""),
        ("<p>a</p>", "a", "elements"),
        ('<a href="x">a</a>', "<a>a</a>", "attributes"),
        ("<p>a</p>", "<p>b</p>", "text"),
        ("<p>a<br></p>", "<p><br>a</p>", "text"),
    ],
)
def test_only_a_difference_that_a_browser_would_see_is_a_disagreement(first: str, second: str, slug: str) -> None:
    assert text._difference(text._Reading(first), text._Reading(second)) == slug


def test_the_helper_that_looks_for_violations_finds_them() -> None:
    assert violations("<p>fine</p>") == []
    for bad in (
        "<div>a</div>",
        "<p class=a>a</p>",
        "<!-- a -->",
        "<a href='https://a.example'>a</a>",
        f"<a {REL}>a</a>",
        f"<a href='javascript:123' {REL}>a</a>",
        f"<a href='https://good@evil.example' {REL}>a</a>",
        f"<a href='//evil.example' {REL}>a</a>",
        "<ol start=x></ol>",
        "<svg><a></a></svg>",
    ):
        assert violations(bad) != [], bad


# --- The rest of what is returned ------------------------------------------------------------------------------------


def test_the_plain_text_is_what_a_reader_sees_one_line_a_paragraph() -> None:
    rendered = to_html("**a**  b &lt;\n\n> c\n\n- d\n- `e`\n\n[f](https://g.example)")

    assert rendered.text == "a b <\nc\nd\ne\nf"


def test_the_plain_text_can_be_had_again_from_the_stored_html() -> None:
    rendered = to_html("a\nb\n- c\n  - d `<e>`\n\n&amp;lt; https://f.example/?a&b")

    assert plain(rendered.html) == rendered.text == "a\nb\nc\nd <e>\n&lt; https://f.example/?a&b"


def test_the_html_can_be_put_into_a_template_as_it_is() -> None:
    assert hasattr(to_html("a").html, "__html__")


def test_the_version_fits_beside_the_revision() -> None:
    assert to_html("a").version == text.VERSION
    assert text.VERSION.startswith("2 bleach-6.")
    assert len(text.VERSION) <= 40


@pytest.mark.parametrize(
    ("line", "characters", "expected"),
    [
        ("short", 10, "short"),
        ("one\n two  three", 20, "one two three"),
        ("one two three", 9, "one two…"),
        ("one two three", 8, "one two…"),
        ("one two three", 7, "one…"),
        ("Donaudampfschifffahrt", 8, "Donauda…"),
        ("a" + "e\u0301" * 9, 5, "ae\u0301…"),
        ("xx👨‍👩‍👧‍👦 family", 6, "xx…"),
        ("x🇩🇪🇫🇷🇮🇹", 5, "x🇩🇪…"),
        ("xyz👍🏽👍🏽", 5, "xyz…"),
        ("anything", 1, "…"),
        ("anything", 0, ""),
    ],
)
def test_an_excerpt_ends_after_a_word_and_never_inside_a_letter(line: str, characters: int, expected: str) -> None:
    result = excerpt(line, characters)

    assert result == expected
    assert len(result) <= characters


def test_texts_a_reader_would_call_the_same_have_the_same_digest() -> None:
    first = digest("Buy  GOLD now, café\n")

    assert (
        first == digest("buy g\u200bold\u00adNOW, café".replace("NOW", " now")) == digest("ｂｕｙ gold now, CAFE\u0301")
    )
    assert first != digest("buy silver now, café")
    assert len(first) == 32
    assert int(first, 16) >= 0


def test_threads_render_side_by_side_without_mixing_their_comments() -> None:
    wanted = [f"**{number}** see a{number}.example/x https://a{number}.example/" for number in range(8)]
    alone = [to_html(raw) for raw in wanted]
    together: list[list[Rendered]] = [[] for _ in wanted]

    def work(index: int) -> None:
        together[index] = [to_html(wanted[index]) for _ in range(40)]

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(wanted))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert together == [[rendered] * 40 for rendered in alone]


# --- Whatever is typed -----------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *"*_`~[]()<>&;:#!\\\"'=/.-+0123456789ab \n\t|@%{}$^?,",
        *(
            "**",
            "```\n",
            "> ",
            "- ",
            "1. ",
            "\n\n",
            "  ",
            "](",
            "[a](https://b.example)",
            "https://a.example/",
            "a.de ",
        ),
        *("<b>", "</b>", "<i>", "<a href=", "<a href='https://a.example'>", "</a>", "<p>", "</p>", "<pre>", "</pre>"),
        *("<ul>", "<ol start=3>", "<li>", "</ul>", "<blockquote>", "</blockquote>", "<br>", "<code>", "</code>"),
        *("<script>", "</script>", "<svg>", "<style>", "<!--", "-->", "<![CDATA[", "]]>", "<?", "<table>", "<td>"),
        *("javascript:", "onerror=", "&#x202e;", "&#60;", "&lt;", "&amp;", "&nbsp;", "&#0;", "&#1114112;", "&#13;"),
        *("\u202e", "\u2067", "\u2069", "\u200d", "\u0301", "\u0130", "\U000e0041", "\U0001f3f4", "\u3000", "\ufffe"),
    ]
)
TYPED = st.one_of(st.text(max_size=400), st.lists(PIECES, max_size=120).map("".join))


@settings(max_examples=600, deadline=None)
@given(TYPED)
@example("\u0130<script>a</script>")
@example("<p>&#" + "9" * 5_000 + ";")
@example("https://a.example/?&#" + "9" * 1_000 + ";")
@example("> " * 9 + "- a\n" + "> " * 9 + "  - b")
@example("**" * 600 + "a" + "**" * 600)
def test_whatever_is_typed_is_refused_or_shown_within_the_policy(raw: str) -> None:
    try:
        accepted = check(raw)
    except Refused:
        return

    rendered = to_html(accepted)

    assert check(accepted) == accepted
    assert violations(rendered.html) == []
    assert rendered.disagreement == ""
    assert len(rendered.html) <= 6 * len(accepted) + 5_000
    assert " ".join(rendered.text.split()) == visible_text(rendered.html)
    assert plain(rendered.html) == rendered.text
    assert [violation for link in rendered.links for violation in address_violations(link)] == []


@settings(max_examples=300, deadline=None)
@given(TYPED)
def test_the_sanitizers_alone_keep_the_policy_for_anything(raw: str) -> None:
    text._tools.room_for_links = 10_000

    html, _disagreement = text._clean(raw.replace("\x00", ""), text._tools)

    assert violations(html) == []


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="abcXYZ 0123456789,!?\u00e4\u0416\u6f22", min_size=1, max_size=300))
def test_plain_words_are_shown_word_for_word(raw: str) -> None:
    if not raw.strip():
        return

    assert to_html(raw).text == " ".join(raw.split())


@settings(max_examples=500, deadline=None)
@given(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "http://", "https://", "mailto:", "https://a.example", "//", "javascript:"]),
        st.text(max_size=40),
        st.sampled_from(["", ".example", "@b.example", "/%41%", "?a&lt;b", "#c&#60;"]),
    )
)
def test_an_address_is_refused_or_rebuilt_and_rebuilding_it_again_changes_nothing(value: str) -> None:
    address = text._address(value)

    if address is not None:
        assert address_violations(address) == []
        assert text._address(address) == address


SENTENCES = st.lists(
    st.sampled_from(
        [*"abcXYZ019\u00e9\u00df\u0416\uae00\u4e2d\u0130\ufb01\u00aa\u00b2\u00bd\u2177\u0663\u3164\u0301"]
        + [*"\u200d\u202e\u00ad"]
        + [*",;:!?'\"()\u2019\u2018\u201c\u201d\u2013\u2014\u2026-."]
        + [" "] * 6
        + ["\n\n", "\n", " \n", "http:", "www.", ".com", "1. ", "- ", "---", "e.g.", "...", "mailto:"]
        + ["(c)", "a@b.co", "&amp;"]
    ),
    min_size=1,
    max_size=40,
).map("".join)


@given(SENTENCES)
@example("Plain words, and nothing else.")
@example("One paragraph.\n\n\u201cAnother,\u201d she said (twice).")
@example("See example.com for it.")
@example("See a.b, or x.y z.")
@example("Ends in spaces.  ")
@settings(max_examples=400, deadline=None)
def test_plain_sentences_come_out_as_if_they_had_been_parsed(raw: str) -> None:
    def rendered() -> Rendered | str:
        try:
            return to_html(raw)
        except Refused as error:
            return error.code

    at_once = rendered()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "_PLAIN", re.compile(r"(?!)"))
        assert rendered() == at_once


def test_ordinary_sentences_are_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_anything: object) -> None:
        pytest.fail("parsed")

    monkeypatch.setattr(text, "_clean", never)
    plain_one = "It\u2019s the night tram, again: late (by 12 minutes)!\n\n\u00bfY ahora qu\u00e9?"

    assert to_html("It\u2019s the night tram, again: late (by 12 minutes)!").html.startswith("<p>It")
    with pytest.raises(pytest.fail.Exception):
        to_html(plain_one)  # begins a line with a sign that is not known to mean nothing
    with pytest.raises(pytest.fail.Exception):
        to_html("See example.com.")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.integers(-1, 60))
def test_an_excerpt_is_never_longer_than_asked(raw: str, characters: int) -> None:
    assert len(excerpt(raw, characters)) <= max(characters, 0)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_a_digest_of_anything_is_stable(raw: str) -> None:
    assert digest(raw) == digest(f"  {raw}\n")
    assert len(digest(raw)) == 32


# --- Time ------------------------------------------------------------------------------------------------------------

BUSY = [
    *("a", "&", "<", "a\n", "a\n\n", "<b>", "<b>x", "<blockquote>", "<p>", "<li>x</li>", "<a x", "<a href='", "<!--"),
    *(">a\n", "> - > - a\n\n", "> > > a\n\n", "a.b.", "a.de ", "https://a ", "https://a.de/?&&& ", "[", "![", "[a]("),
    *(
        "[[a]](",
        "[]",
        "]",
        "{",
        "*",
        "*a",
        "*a ",
        "***a***",
        "*a*b",
        "_a",
        "`",
        "`a",
        "` ``",
        "&amp;",
        "&#x202e;",
        "- a\n",
        "- - a\n",
    ),
    *("- a\n  - b\n    - c\n", "1. a\n", "* a\n+ b\n", "- a\n\n1. b\n\n", "---\n", "\\", "~~~\n", "<script>", "<svg>"),
    *("<pre>a</pre>", "e" + "\u0301" * 5, "\u2067a\u2069", "a\u2067", "<http://a.b>", "<b>*a*</b>", "<i><b>", "\u00e9"),
    *(
        "![a  \na  \n*a*b[](",
        "[[a](*b*",
        "&#&#[<b>x<p>[](",
        "&#&#![<b>x<p>",
        "* a\n+ b\n<a href='***a***",
        "*![---\n",
        "![a  \na  \n*a*b",
        "`a`a<",
    ),
    *("<?", "<!DOCTYPE", "\"'", "((", "a@b.de ", "    a\n", "a  \n", "%", "&#", "&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
]


@pytest.mark.parametrize("piece", BUSY, ids=repr)
def test_nothing_accepted_keeps_a_worker_busy_for_a_quarter_of_a_second(piece: str) -> None:
    accepted = check(longest_accepted(piece))

    rendered = to_html(accepted)

    assert quickest(accepted) < 0.25
    assert len(rendered.html) <= 6 * len(accepted) + 5_000
    assert violations(rendered.html) == []


@pytest.mark.parametrize(
    "raw",
    [
        ">" * 10 + "a\n" * 1_499,
        "".join("  " * (level % 11) + "- a\n" for level in range(600)),
        "[" * 250 + "a" + "](b)" * 900,
        "*" * 1_250 + "a" + "*" * 1_250,
        "<b>" * 700 + "<p>" * 700,
        "".join(f"<b x{number}>" for number in range(900)),
        " ".join("`" * length for length in range(1, 70)),
        "<a " + "x=1 " * 2_400 + ">",
    ],
    ids=lambda raw: repr(raw[:12]),
)
def test_nothing_built_to_be_slow_is_slow(raw: str) -> None:
    accepted = check(raw)

    assert quickest(accepted) < 0.25


def test_a_repeated_piece_is_refused_as_quickly_as_it_is_accepted() -> None:
    started = time.process_time()
    for piece in BUSY:
        try:
            check(piece * 10_000)
        except Refused:
            pass

    assert time.process_time() - started < 0.05 * len(BUSY)


def quickest(accepted: str) -> float:
    """Return the CPU seconds of the quickest of three runs: a busy machine makes one run slow, not the text."""
    taken = []
    for _ in range(3):
        started = time.process_time()
        to_html(accepted)
        taken.append(time.process_time() - started)
        if taken[-1] < 0.1:
            break
    return min(taken)


def longest_accepted(piece: str) -> str:
    """Return ``piece`` as often as ``check`` accepts it."""
    few, many = 1, MAX_CHARACTERS // len(piece)
    while few < many:
        middle = (few + many + 1) // 2
        try:
            check(piece * middle)
        except Refused:
            many = middle - 1
        else:
            few = middle
    return piece * few
