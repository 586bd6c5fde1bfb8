"""House rules: what editors may write, what it means, and what it does to a post."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import html5lib
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from comments import conf, house_rules, jobs, posting, tasks
from comments.exceptions import Refused
from comments.models import (
    Comment,
    Commenter,
    Discussion,
    Finding,
    HouseRule,
    HouseRuleVersion,
    Job,
    PolicyChange,
    Reason,
    Status,
)
from comments.screening import Candidate
from comments.screening import house_rules as language
from comments.screening.house_rules import BADGES, FIELDS, WEEKDAYS, BadRule, Facts, Subject, as_sentence, read
from comments.text import to_html
from tests.test_api import Caller, call, document, refused, said  # noqa: F401  (fixtures)

Post = Callable[..., Comment]
HOLD = [{"do": "hold"}]
CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpora" / "text" / "regexes.jsonl"


def about(field: str, asked: str, value: Any = None) -> dict[str, Any]:
    return {"field": field, "is": asked} | ({} if value is None else {"value": value})


def rule(*conditions: dict[str, Any], then: Any = None, **more: Any) -> dict[str, Any]:
    return {"when": {"all": list(conditions)}, "then": then or HOLD, **more}


LINKS = about("comment.links", "at_least", 1)


# --- Reading a definition ---------------------------------------------------------------------------------------------


def nested(deep: int) -> dict[str, Any]:
    return LINKS if deep == 0 else {"not": nested(deep - 1)}


WRONG: list[tuple[Any, str]] = [
    (None, "A rule is an object with “when” and “then”."),
    ([], "A rule is an object with “when” and “then”."),
    ({"when": [], "then": HOLD}, "Say “all” or “any” of which conditions have to hold."),
    ({"when": {"all": []}, "then": HOLD}, "A group needs at least one condition."),
    ({"when": {"all": "x"}, "then": HOLD}, "A group needs at least one condition."),
    ({"when": {"all": [LINKS], "any": [LINKS]}, "then": HOLD}, "A group is one of “all”, “any” and “not”"),
    ({"when": {"all": [None]}, "then": HOLD}, "1st condition: A condition has a field, a comparison and a value."),
    (rule(LINKS, {"links": 3}), "2nd condition: A condition has a field, a comparison and a value."),
    (rule(LINKS, about("comment.colour", "is", "red")), "2nd condition: There is no field “comment.colour”."),
    (rule(about("comment.links", "is", 1)), "1st condition: “comment.links” can be compared with: at_least,"),
    (rule(about("comment.links", "at_least", "1")), "1st condition: A whole number from 0 to 1000000."),
    (rule(about("comment.links", "at_least", True)), "1st condition: A whole number from 0 to 1000000."),
    (rule(about("comment.links", "at_least", -1)), "1st condition: A whole number from 0 to 1000000."),
    (rule(about("comment.capitals", "at_least", 101)), "1st condition: A number from 0 to 100."),
    (rule(about("score.local", "over", math.nan)), "1st condition: A number from 0 to 1."),
    (rule(about("Score.local", "over", 0.5)), "1st condition: There is no field “Score.local”."),
    (rule(about("comment.text", "contains", " ")), "1st condition: Write what to look for."),
    (
        rule(about("comment.text", "contains", "\u200b")),
        "1st condition: There is no letter or digit in it to look for.",
    ),
    (rule(about("comment.text", "contains", "a*")), "1st condition: A star needs more letters beside it"),
    (rule(about("comment.text", "contains", "x" * 201)), "1st condition: Text of at most 200 characters."),
    (rule(about("comment.text", "contains", "\ud800")), "1st condition: Text of at most 200 characters."),
    (rule(about("time.weekday", "is", ["monday", "caturday"])), "1st condition: “caturday” is none of: monday,"),
    (rule(about("time.hour", "between", [22])), "1st condition: Two different hours from 0 to 24"),
    (rule(about("comment.domains", "only", ["not a domain"])), "1st condition: “not a domain” is not a domain"),
    (rule(about("article.section", "is", [])), "1st condition: Write at least one."),
    (rule(about("article.section", "is", ["x"] * 51)), "1st condition: At most 50 texts"),
    (rule(about("findings.said", "is", "DROP TABLE")), "1st condition: “drop table” is not the code of a finding"),
    (rule(about("comment.reply", "yes", 3)), "1st condition: No value belongs here."),
    (rule({**LINKS, "and": 1}), "1st condition: A condition has a field, a comparison and a value."),
    (rule(*[LINKS] * 31), "At most 30 conditions in a rule."),
    (rule(nested(4)), "Groups stand at most 4 deep in each other."),
    (rule(LINKS, unless={"any": [about("comment.links", "at_least", None)]}), "1st condition after “unless”: A whole"),
    ({"when": {"all": [LINKS]}}, "Say what has to happen: at least one action."),
    (rule(LINKS, then=["hold"]), "1st action: The actions are: hold, reject, publish, tag, notify, close."),
    (rule(LINKS, then=[{"do": "delete"}]), "1st action: The actions are:"),
    (rule(LINKS, then=[{"do": "hold"}, {"do": "reject"}]), "2nd action: Choose the reason: the author is told it."),
    (rule(LINKS, then=[{"do": "tag"}]), "1st action: Write the tag."),
    (rule(LINKS, then=[{"do": "hold", "reason": "spam"}]), "1st action: “hold” takes: say."),
    (rule(LINKS, then=[{"do": "hold"}, {"do": "publish"}]), "Choose one of hold, reject and publish."),
    (rule(LINKS, then=[{"do": "notify"}, {"do": "notify"}]), "The same action stands there twice."),
    (rule(LINKS, then=[{"do": "notify"}] * 7), "At most 6 actions."),
    (rule(LINKS, when2=1), "A rule has “when”, “unless” and “then”, nothing else."),
    (
        rule(about("comment.text", "matches", "(a)\\1")),
        "cannot be checked in linear time: a reference back to a group.",
    ),
    (rule(about("comment.text", "matches", "(?P<a>x)(?P=a)")), "cannot be checked in linear time: a reference back"),
    (rule(about("comment.text", "matches", "a(?=b)")), "cannot be checked in linear time: looking ahead, (?=…)."),
    (rule(about("comment.text", "matches", "(?<!b)a")), "cannot be checked in linear time: looking behind, (?<!…)."),
    (rule(about("comment.text", "matches", "(?>a)")), "cannot be checked in linear time: an atomic group"),
    (rule(about("comment.text", "matches", "((a{99}){99}){99}")), "This pattern is too large: it repeats too often."),
    (rule(about("comment.text", "matches", "(\\pL\\pN){40}")), "This pattern is too large: it would need too much"),
    (rule(about("comment.text", "matches", "a\\C")), "\\C stands for half a character"),
    (rule(about("comment.text", "matches", "[")), "This pattern cannot be read: missing ]"),
    (rule(about("comment.text", "matches", "x" * 301)), "1st condition: Text of at most 300 characters."),
]


@pytest.mark.parametrize(("definition", "sentence"), WRONG)
def test_what_is_no_rule_is_refused_with_the_place_and_the_reason(definition: Any, sentence: str) -> None:
    with pytest.raises(BadRule) as refusal:
        read(definition)

    assert any(sentence in str(problem) for problem in refusal.value.problems), refusal.value.params


def test_every_problem_is_named_not_only_the_first() -> None:
    with pytest.raises(BadRule) as refusal:
        read(rule(about("comment.links", "at_least"), LINKS, about("comment.colour", "is"), then=[{"do": "tag"}]))

    assert list(refusal.value.params["errors"]) == ["when.all.0.value", "when.all.2.field", "then.0.tag"]


def test_a_rule_reads_like_a_sentence() -> None:
    written = read(
        rule(
            about("author.published", "fewer_than", 3),
            {"any": [LINKS, about("comment.text", "contains", "click here")]},
            unless={"any": [about("comment.domains", "only", ["example.org", "https://www.city.example/x"])]},
            then=[{"do": "hold", "say": "it contains a link"}, {"do": "tag", "tag": "links"}, {"do": "notify"}],
        )
    )

    assert as_sentence(written.definition) == (
        "When the author has fewer than 3 published comments and (the comment has at least 1 link to another site or "
        "the text contains “click here”), unless all its links lead to “example.org” or “city.example”: hold it and "
        "tell the author: “… because it contains a link”, tag it “links” and tell the desk."
    )


def test_a_definition_that_was_read_reads_the_same_again() -> None:
    first = read(rule(about("article.section", "is", " Opinion "), nested(2), unless={"any": [LINKS]})).definition

    assert read(first).definition == first
    assert json.loads(json.dumps(first)) == first


# --- What it means ----------------------------------------------------------------------------------------------------

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)  # a Sunday
SUBJECT = Subject(
    text="THE NIGHT tram ist zurück: https://www.city.example/t and http://shop.example/",
    hrefs=lambda: ["https://www.city.example/t", "http://shop.example/", "mailto:a@b.example"],
    language="de",
    reply=True,
    depth=2,
    published=2,
    rejected=3,
    joined_at=NOON - timedelta(days=3),
    badge="none",
    guest=False,
    section="City",
    key="articles.article:7",
    title="The night tram is back",
    opened_at=NOON - timedelta(days=15),
    at=NOON,
    said=["links", "score"],
    scores={"local": 0.7},
)

HOLDS = [
    (about("comment.text", "contains", "Night Tram"), True),
    (about("comment.text", "contains", "night tra"), False),
    (about("comment.text", "lacks", "bus"), True),
    (about("comment.text", "matches", r"tram|bus"), True),
    (about("comment.text", "matches", r"^tram"), False),
    (about("comment.words", "exactly", 8), True),
    (about("comment.characters", "more_than", 70), True),
    (about("comment.links", "exactly", 2), True),
    (about("comment.domains", "includes", "shop.example"), True),
    (about("comment.domains", "includes", "hop.example"), False),
    (about("comment.domains", "only", ["city.example"]), False),
    (about("comment.domains", "only", ["city.example", "shop.example"]), True),
    (about("comment.capitals", "fewer_than", 50), True),
    (about("comment.language", "is", ["de", "fr"]), True),
    (about("comment.reply", "yes"), True),
    (about("comment.depth", "at_least", 3), False),
    (about("author.published", "fewer_than", 3), True),
    (about("author.rejected", "at_least", 3), True),
    (about("author.rejection_rate", "exactly", 60), True),
    (about("author.age_days", "at_most", 3), True),
    (about("author.badge", "is", "none"), True),
    (about("author.guest", "no"), True),
    (about("article.section", "is_not", "Sport"), True),
    (about("article.key", "is", "articles.article:7"), True),
    (about("article.title", "contains", "tram"), True),
    (about("article.age_days", "more_than", 14), True),
    (about("time.weekday", "is", ["saturday", "sunday"]), True),
    (about("time.hour", "between", [22, 6]), False),
    (about("time.hour", "between", [8, 13]), True),
    (about("findings.said", "is", "links"), True),
    (about("findings.said", "is_not", "flood"), True),
    (about("score.local", "over", 0.5), True),
    (about("score.spam", "under", 0.5), False),
]


@pytest.mark.parametrize(("condition", "holds"), HOLDS)
def test_each_condition_means_what_it_says(condition: dict[str, Any], holds: bool) -> None:
    assert language.matches(rule(condition), Facts(SUBJECT)) is holds
    assert language.matches(rule({"not": condition}), Facts(SUBJECT)) is not holds


def test_there_is_a_condition_on_every_field_above() -> None:
    assert {condition["field"] for condition, _holds in HOLDS} >= set(FIELDS)


def test_what_is_not_known_makes_no_condition_true() -> None:
    unknown = Facts(Subject())

    for condition, _holds in HOLDS:
        if condition["is"] in ("lacks", "is_not") and condition["field"] != "article.section":
            continue
        if condition["field"] != "comment.capitals" and condition["field"].startswith("comment."):
            continue
        assert not language.matches(rule(condition), unknown), condition


def test_words_are_found_in_scripts_without_spaces_and_shown_where_they_were_typed() -> None:
    written = read(rule(about("comment.text", "contains", "ＴＲＡＭ")))
    text = "Der T\u200bRAM, tramway, t.r.a.m"
    facts = Facts(Subject(text=text))

    assert written.matches(facts) and written.spans(text, facts) == ((4, 9), (20, 27))
    assert language.matches(rule(about("comment.text", "contains", "电车")), Facts(Subject(text="夜间电车回来了")))


def test_a_rejection_rate_is_not_known_from_a_few_comments() -> None:
    few = Facts(Subject(published=0, rejected=4))

    assert not language.matches(rule(about("author.rejection_rate", "at_least", 50)), few)


def test_hours_and_days_are_those_of_the_newsroom(settings: Any) -> None:
    settings.TIME_ZONE = "Australia/Sydney"
    facts = Facts(Subject(at=datetime(2026, 11, 22, 14, tzinfo=UTC)))

    assert language.matches(rule(about("time.weekday", "is", "monday"), about("time.hour", "between", [1, 2])), facts)


# --- Laws -------------------------------------------------------------------------------------------------------------

texts = st.text(max_size=40)
maybe = st.none
subjects = st.builds(
    Subject,
    text=st.text(st.characters(), max_size=60),
    hrefs=st.lists(st.sampled_from(["https://a.example/x", "http://[bad", "mailto:x@y.example", "//", "ü"])).map(
        lambda links: lambda: links
    ),
    language=st.sampled_from([None, "de", "en"]),
    reply=st.sampled_from([None, True, False]),
    depth=st.none() | st.integers(0, 200),
    published=st.none() | st.integers(0, 10**6),
    rejected=st.none() | st.integers(0, 10**6),
    joined_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    badge=st.sampled_from([None, *BADGES]),
    guest=st.sampled_from([None, True, False]),
    section=st.none() | texts,
    key=st.none() | texts,
    title=st.none() | texts,
    opened_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    at=st.none() | st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(3000, 1, 1), timezones=st.just(UTC)),
    said=st.lists(st.sampled_from(["links", "flood"])),
    scores=st.dictionaries(st.sampled_from(["local", "spam"]), st.floats(0, 1)),
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "number": st.integers(0, 100),
    "percent": st.floats(0, 100) | st.integers(0, 100),
    "score": st.floats(0, 1),
    "text": st.sampled_from(["a", "ü", "night tram", "a+", "(a|b)*c", "İ", "ß", "trams*"]),
    "words": st.lists(st.sampled_from(["links", "de", "city"]), min_size=1),
    "domains": st.lists(st.sampled_from(["a.example", "b.example"]), min_size=1),
    "hours": st.lists(st.integers(0, 24), min_size=2, max_size=2, unique=True),
    "yesno": st.none(),
}


@st.composite
def leaves(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from([*FIELDS, "score.local", "score.spam"]))
    field = language.named(name)
    assert field is not None
    values = st.lists(st.sampled_from(field.choices), min_size=1) if field.choices else VALUES[field.kind]
    return about(name, draw(st.sampled_from(list(field.said))), draw(values))


conditions = st.recursive(
    leaves(),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda members: {"all": members})
        | st.lists(inner, min_size=1, max_size=3).map(lambda members: {"any": members})
        | inner.map(lambda one: {"not": one})
    ),
    max_leaves=8,
)


def holds(condition: dict[str, Any], facts: Facts) -> bool:
    return language.matches({"when": condition, "then": HOLD}, facts)


@given(conditions, conditions, subjects)
def test_every_rule_has_an_answer_for_every_text(one: dict[str, Any], other: dict[str, Any], subject: Subject) -> None:
    try:
        written = read({"when": one, "unless": other, "then": HOLD})
    except BadRule:
        return  # too deep
    facts = Facts(subject)

    assert written.matches(facts) is (holds(one, facts) and not holds(other, facts))
    assert all(0 <= start < end <= len(subject.text) for start, end in written.spans(subject.text, facts))
    assert all(words and isinstance(true, bool) for _part, words, true in written.explain(facts))
    assert as_sentence(written.definition).startswith("When ")


@given(leaves(), leaves(), subjects)
def test_all_any_and_not_keep_the_laws_of_logic(a: dict[str, Any], b: dict[str, Any], subject: Subject) -> None:
    facts = Facts(subject)
    is_a, is_b = holds(a, facts), holds(b, facts)

    assert holds({"all": [a, b]}, facts) is (is_a and is_b) is holds({"all": [b, a]}, facts)
    assert holds({"any": [a, b]}, facts) is (is_a or is_b) is holds({"any": [b, a]}, facts)
    assert holds({"not": {"all": [a, b]}}, facts) is holds({"any": [{"not": a}, {"not": b}]}, facts)
    assert holds({"not": {"not": a}}, facts) is is_a


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20), lambda inner: (
    st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["when", "unless", "then", "all", "any", "not", "field", "is", "value", "do", "tag"]), inner
    )
), max_leaves=20))  # fmt: skip
def test_whatever_is_given_is_read_or_refused(anything: Any) -> None:
    refusals = []
    try:
        read(anything)
    except BadRule as refusal:
        refusals = refusal.problems or [""]

    assert all(map(str, refusals))


# --- Patterns that others collected -----------------------------------------------------------------------------------


def collected() -> list[str]:
    if not CORPUS.exists():
        pytest.skip("The corpora of hostile input are not on this machine.")
    return [json.loads(line)["pattern"] for line in CORPUS.read_text().splitlines() if line]


HOSTILE = ["a" * 10_000, "ab" * 5_000, "x" * 9_999 + "!", " \t" * 5_000, "1" * 9_999 + "b", "ü" * 10_000]


def test_collected_patterns_are_taken_or_refused_and_none_runs_away() -> None:
    taken, reasons = 0, []
    for pattern in collected():
        try:
            written = read(rule(about("comment.text", "matches", pattern)))
        except BadRule as refusal:
            reasons.append(refusal.detail)
            continue
        taken += 1
        for text in HOSTILE:
            started = time.process_time()
            facts = Facts(Subject(text=text))
            written.matches(facts)
            written.spans(text, facts)
            assert time.process_time() - started < 0.25, (pattern, text[:5])
    assert taken > 50 and all(reason.endswith(".") for reason in reasons)


# --- Through the doors ------------------------------------------------------------------------------------------------


@pytest.fixture
def moderator(call: Callable[..., Caller], editor: Commenter) -> Caller:  # noqa: F811
    return call(editor, "read", "write", "moderate")


@pytest.mark.slow
def test_collected_patterns_sent_to_the_api_are_taken_or_refused(moderator: Caller) -> None:
    for number, pattern in enumerate(collected()):
        answer = moderator.post(
            "moderation/rules/", {"name": f"n{number}", "definition": rule(about("comment.text", "matches", pattern))}
        )

        if answer.status_code != 201:
            assert refused(answer) == (400, "bad_rule")
            assert said(answer)["errors"]


def test_a_rule_is_written_read_changed_and_listed(moderator: Caller) -> None:
    made = said(moderator.post("moderation/rules/", {"name": " Links  of new people ", "definition": rule(LINKS)}))
    path = f"moderation/rules/{made['id']}/"
    changed = moderator(
        "PUT", path, {"definition": rule(about("comment.links", "at_least", 2)), "number": 1, "note": "One is fine"}
    )
    late = moderator("PUT", path, {"definition": rule(LINKS), "number": 1})

    assert (made["name"], made["state"], made["number"]) == ("Links of new people", "off", 1)
    assert made["sentence"] == "When the comment has at least 1 link to another site: hold it."
    assert (said(changed)["number"], changed.status_code) == (2, 200)
    assert refused(late) == (409, "rule_changed")
    versions = said(moderator.get(path + "versions/"))["results"]
    assert [(one["number"], one["note"], one["made_by"]) for one in versions] == [
        (2, "One is fine", "daniel"),
        (1, "", "daniel"),
    ]
    listed = said(moderator.get("moderation/rules/"))
    assert [one["name"] for one in listed["results"]] == ["Links of new people"]
    assert set(listed["language"]["fields"]) >= set(FIELDS)


def test_a_bad_definition_is_refused_field_by_field(moderator: Caller) -> None:
    answer = moderator.post(
        "moderation/rules/", {"name": "x", "definition": rule(LINKS, about("comment.text", "matches", "(a)\\1"))}
    )

    assert refused(answer) == (400, "bad_rule")
    assert said(answer)["errors"] == {
        "when.all.1.value": ["2nd condition: This cannot be checked in linear time: a reference back to a group."]
    }
    assert not HouseRule.objects.exists()


def test_a_rejection_needs_a_reason_in_use(moderator: Caller) -> None:
    unknown = moderator.post(
        "moderation/rules/", {"name": "x", "definition": rule(LINKS, then=[{"do": "reject", "reason": "no_such"}])}
    )

    assert said(unknown)["errors"] == {"then.0.reason": ["1st action: There is no reason “no_such”."]}


def test_two_rules_cannot_have_one_name(moderator: Caller) -> None:
    moderator.post("moderation/rules/", {"name": "Links", "definition": rule(LINKS)})

    assert refused(moderator.post("moderation/rules/", {"name": "Links", "definition": rule(LINKS)})) == (
        409,
        "name_taken",
    )


ADDRESSES = [
    ("GET", "moderation/rules/"),
    ("POST", "moderation/rules/"),
    ("GET", "moderation/rules/1/"),
    ("PUT", "moderation/rules/1/"),
    ("POST", "moderation/rules/1/state/"),
    ("GET", "moderation/rules/1/versions/"),
    ("POST", "moderation/rules/1/trial/"),
    ("POST", "moderation/rules/trial/"),
    ("GET", "moderation/jobs/1/"),
    ("POST", "moderation/jobs/1/cancel/"),
    ("POST", "moderation/jobs/1/pause/"),
    ("POST", "moderation/jobs/1/resume/"),
]


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
def test_only_moderators_get_in(
    method: str,
    path: str,
    call: Callable[..., Caller],  # noqa: F811
    reader: Commenter,
    editor: Commenter,
) -> None:
    body = None if method == "GET" else {}

    assert refused(call()(method, path, body))[0] == 401
    assert refused(call(reader, "moderate")(method, path, body))[0] == 403
    assert refused(call(editor, "read", "write")(method, path, body))[0] == 403


def test_what_is_not_there_is_a_404(moderator: Caller) -> None:
    for method, path in ADDRESSES:
        if "/1/" in path:
            body = None if method == "GET" else {"state": "on"} if path.endswith("state/") else {}
            body = {"definition": rule(LINKS)} if method == "PUT" else body
            assert refused(moderator(method, path, body))[0] == 404, path


# --- What it does to a post -------------------------------------------------------------------------------------------


@pytest.fixture
def on(editor: Commenter) -> Callable[..., HouseRule]:
    """Write a rule and switch it on, or to another state."""

    def make(definition: dict[str, Any], name: str = "Trams", state: str = "on") -> HouseRule:
        written = house_rules.create(name, definition, made_by=editor)
        return house_rules.switch(written, state, made_by=editor)

    return make


TRAM = about("comment.text", "contains", "night tram")


def test_a_rule_that_holds_leaves_a_finding_with_its_words(
    reader: Commenter, post: Post, on: Callable[..., HouseRule], moderator: Caller
) -> None:
    written = on(rule(TRAM, then=[{"do": "hold", "say": "it is about the tram"}, {"do": "tag", "tag": "tram"}]))

    comment = post(reader, "The night tram again.")

    assert comment.status == Status.HELD
    finding = Finding.objects.get(revision__comment=comment, code="house_rule")
    assert (finding.rule, finding.rule_version) == (f"house_rule:{written.pk}", f"rule-{written.pk}.1")
    assert finding.evidence["spans"] == [[4, 14]] and finding.evidence["tags"] == ["tram"]
    card = said(moderator.get(f"moderation/comments/{comment.pk}/"))
    details = [one["detail"] for one in card["findings"] if one["code"] == "house_rule"]
    assert details == ["House rule “Trams”, version 1 · tagged tram"]


def test_the_author_reads_what_the_rule_says(
    reader: Commenter,
    post: Post,
    on: Callable[..., HouseRule],
    call: Callable[..., Caller],  # noqa: F811
) -> None:
    on(rule(TRAM, then=[{"do": "hold", "say": "it is about the tram"}]))

    comment = post(reader, "The night tram again.")

    assert said(call(reader).get(f"comments/{comment.pk}/"))["reasons"] == ["it is about the tram"]


def test_a_rule_that_rejects_gives_its_reason(reader: Commenter, post: Post, on: Callable[..., HouseRule]) -> None:
    on(rule(TRAM, then=[{"do": "reject", "reason": "off_topic"}]))

    comment = post(reader, "The night tram again.")

    assert comment.status == Status.REJECTED
    assert comment.decisions.get().reason == "off_topic"


def test_a_reason_retired_since_holds_instead(reader: Commenter, post: Post, on: Callable[..., HouseRule]) -> None:
    on(rule(TRAM, then=[{"do": "reject", "reason": "off_topic"}]))
    Reason.objects.filter(code="off_topic").update(is_active=False)

    assert post(reader, "The night tram again.").status == Status.HELD


def test_publish_never_overrules_an_objection(reader: Commenter, post: Post, on: Callable[..., HouseRule]) -> None:
    on(rule(TRAM, then=[{"do": "publish"}]))

    trusted = post(reader, "The night tram again.")
    objected = post(reader, "The night tram: https://elsewhere.example/")

    assert (trusted.status, objected.status) == (Status.PUBLISHED, Status.HELD)
    assert Finding.objects.filter(code="house_rule", verdict="publish").count() == 2


def test_close_closes_the_discussion_once(
    reader: Commenter, discussion: Discussion, post: Post, on: Callable[..., HouseRule]
) -> None:
    on(rule(TRAM, then=[{"do": "close", "say": "Enough about trams."}]))

    comment = post(reader, "The night tram again.")
    job = Job.objects.get(kind="house_rule_close")
    tasks.run_job(job.pk)
    tasks.run_job(job.pk)

    discussion.refresh_from_db()
    assert comment.status == Status.PUBLISHED
    assert (discussion.mode, discussion.closed_reason) == (Discussion.Mode.CLOSED, "Enough about trams.")
    with pytest.raises(Refused, match="Enough about trams"):
        posting.post_comment(reader, discussion, "One more.")


def test_a_close_that_no_message_reached_is_done_by_the_sweeper(
    reader: Commenter, discussion: Discussion, post: Post, on: Callable[..., HouseRule]
) -> None:
    on(rule(TRAM, then=[{"do": "close"}]))
    post(reader, "The night tram again.")

    Job.objects.update(created_at=NOON)
    tasks.run_due_jobs()

    discussion.refresh_from_db()
    assert discussion.mode == Discussion.Mode.CLOSED


def test_the_desk_is_told(reader: Commenter, post: Post, on: Callable[..., HouseRule]) -> None:
    written = on(rule(TRAM, then=[{"do": "notify"}]))
    on(rule(TRAM, then=[{"do": "notify"}]), "Shadow", "shadow")

    comment = post(reader, "The night tram again.")

    assert [(finding.revision.comment_id, one) for finding, one in house_rules.told()] == [(comment.pk, written)]


def test_a_rule_in_the_shadow_only_writes_down(
    reader: Commenter,
    discussion: Discussion,
    post: Post,
    on: Callable[..., HouseRule],
    call: Callable[..., Caller],  # noqa: F811
) -> None:
    on(rule(TRAM, then=[{"do": "reject", "reason": "spam"}, {"do": "close"}]), state="shadow")

    comment = post(reader, "The night tram again.")
    advice = said(call(reader).post("preview/", {"text": "The night tram.", "discussion": discussion.key}))["advice"]

    finding = Finding.objects.get(code="house_rule")
    assert comment.status == Status.PUBLISHED and advice == []
    assert (finding.verdict, finding.evidence["shadow"]) == ("publish", "reject")
    assert not Job.objects.exists()


def test_a_rule_that_is_off_costs_no_query_and_leaves_nothing(
    reader: Commenter, discussion: Discussion, post: Post, on: Callable[..., HouseRule]
) -> None:
    on(rule(TRAM), state="off")
    post(reader, "The night tram again.")
    candidate = Candidate("The night tram.", to_html("The night tram."), reader, discussion)

    with CaptureQueriesContext(connection) as queries:
        assert list(language.judge_house_rules(candidate)) == []

    assert len(queries) == 0
    assert not Finding.objects.filter(code="house_rule").exists()


def test_a_rule_follows_the_others_and_may_ask_what_they_found(
    reader: Commenter, post: Post, on: Callable[..., HouseRule]
) -> None:
    on(rule(about("findings.said", "is", "links"), then=[{"do": "reject", "reason": "spam"}]))

    assert conf.RULES[-1] == "comments.screening.house_rules.judge_house_rules"
    assert post(reader, "See https://elsewhere.example/").status == Status.REJECTED
    assert post(reader, "See nothing at all.").status == Status.PUBLISHED


def test_a_rule_that_cannot_be_read_holds_and_the_others_still_speak(
    reader: Commenter, post: Post, on: Callable[..., HouseRule]
) -> None:
    broken = on(rule(TRAM))
    on(rule(TRAM, then=[{"do": "tag", "tag": "tram"}]), "Second")
    HouseRule.objects.filter(pk=broken.pk).update(definition={"when": "of another release"})

    comment = post(reader, "Nothing about trams... the night tram.")

    assert comment.status == Status.HELD
    found = Finding.objects.filter(revision__comment=comment, code__in=["rule_failed", "house_rule"]).order_by("id")
    assert [(one.code, one.rule == f"house_rule:{broken.pk}") for one in found] == [
        ("rule_failed", True),
        ("house_rule", False),
    ]


def test_a_change_is_in_force_for_the_next_comment(
    reader: Commenter, editor: Commenter, post: Post, on: Callable[..., HouseRule]
) -> None:
    written = on(rule(TRAM))
    first = post(reader, "The night tram again.")
    house_rules.change(written, definition=rule(about("comment.text", "contains", "bus")), made_by=editor)
    second = post(reader, "The night tram once more.")
    house_rules.switch(written, "off", made_by=editor)
    third = post(reader, "The bus.")

    assert [one.status for one in (first, second, third)] == [Status.HELD, Status.PUBLISHED, Status.PUBLISHED]


# --- Versions and the record ------------------------------------------------------------------------------------------


def test_versions_are_kept_for_ever_and_going_back_makes_a_new_one(
    editor: Commenter, on: Callable[..., HouseRule]
) -> None:
    written = on(rule(TRAM))
    house_rules.change(written, definition=rule(LINKS), made_by=editor)

    back = house_rules.go_back(written, 1, made_by=editor)

    assert (back.number, back.definition) == (3, rule(TRAM))
    assert list(back.versions.values_list("number", "note")) == [(3, "Back to version 1"), (2, ""), (1, "")]
    version = HouseRuleVersion.objects.get(rule=written, number=1)
    version.definition = rule(LINKS)
    with pytest.raises(TypeError, match="never changed"):
        version.save()
    with pytest.raises(TypeError, match="never deleted"):
        version.delete()


def test_the_same_text_again_is_no_new_version(editor: Commenter, on: Callable[..., HouseRule]) -> None:
    written = on(rule(TRAM))

    assert house_rules.change(written, definition=rule(TRAM), made_by=editor).number == 1
    assert written.versions.count() == 1


def test_every_change_is_on_record_with_who_made_it(editor: Commenter, on: Callable[..., HouseRule]) -> None:
    written = on(rule(TRAM))
    house_rules.change(written, name="Night trams", made_by=editor, note="clearer")

    recorded = PolicyChange.objects.filter(kind="house_rule").order_by("id")
    assert [(one.subject, one.made_by, one.note) for one in recorded] == [
        ("Trams", editor, ""),
        ("Trams", editor, ""),
        ("Night trams", editor, "clearer"),
    ]
    assert recorded[1].after == {"state": "on"}


def test_a_rules_precision_is_the_share_editors_rejected(
    reader: Commenter, editor: Commenter, post: Post, decide: Callable[..., Any], on: Callable[..., HouseRule]
) -> None:
    written = on(rule(TRAM), state="shadow")
    for number in range(4):
        comment = post(reader, f"The night tram, number {number}.")
        if number < 3:
            decide(comment, "reject" if number else "publish", editor)
    on(rule(TRAM), "Another")

    record = house_rules.records([written])[written.pk]

    assert (record.hits, record.rejected, record.published, record.percent) == (4, 2, 1, 67)
    assert house_rules.hint(written, record) == "Not enough to go by yet: 3 hits decided, of 30."


def test_a_rule_is_ready_by_its_numbers(on: Callable[..., HouseRule]) -> None:
    written = on(rule(TRAM), state="shadow")

    ready = house_rules.hint(written, house_rules.Record(hits=40, rejected=28, published=3))
    not_ready = house_rules.hint(written, house_rules.Record(hits=40, rejected=20, published=11))

    assert ready == "Ready to switch on: editors rejected 90 % of the 31 hits they decided about."
    assert not_ready == "Not ready: editors rejected 65 % of 31 hits; 85 % is what it takes."


def test_a_rule_that_matches_everything_warns_and_is_saved(reader: Commenter, post: Post, moderator: Caller) -> None:
    for number in range(4):
        post(reader, f"Sentence number {number}." + " The night tram." * (number < 2))

    everything = moderator.post(
        "moderation/rules/", {"name": "All", "definition": rule(about("comment.words", "at_least", 0))}
    )
    half = moderator.post("moderation/rules/", {"name": "Half", "definition": rule(TRAM)})
    few = moderator.post("moderation/rules/", {"name": "Few", "definition": rule(LINKS)})

    assert [answer.status_code for answer in (everything, half, few)] == [201, 201, 201]
    assert said(everything)["warnings"] == [
        "This rule matches everything: all of the latest 4 comments. So many would wait for an editor."
    ]
    assert said(half)["warnings"] == [
        "This rule matches 50 % of the latest 4 comments. So many would wait for an editor."
    ]
    assert said(few)["warnings"] == []


def test_no_more_rules_are_at_work_than_a_comment_can_be_asked_about(
    editor: Commenter, on: Callable[..., HouseRule], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house_rules, "MOST_AT_WORK", 1)
    on(rule(TRAM))

    with pytest.raises(Refused, match="Switch one off first"):
        on(rule(LINKS), "Second")


def test_days_have_their_names_in_order() -> None:
    assert WEEKDAYS[datetime(2026, 11, 23).weekday()] == "monday"
    assert jobs._kinds.keys() >= {"house_rule_trial", "house_rule_close"}


# --- On the desk ------------------------------------------------------------------------------------------------------

RULES = "/admin/comments/desk/rules/"
SENT = {
    "name": "Links of new people",
    "when-0-ask": "author.published|fewer_than",
    "when-0-value": "3",
    "when-0-join": "and",
    "when-1-ask": "comment.links|at_least",
    "when-1-value": "1",
    "when-1-join": "and",
    "when-2-ask": "comment.text|contains",
    "when-2-value": "click here",
    "when-2-join": "or",
    "unless-0-ask": "comment.domains|only",
    "unless-0-value": "example.org, city.example",
    "then-0-ask": "hold",
    "then-0-value": "it contains a link",
    "then-1-ask": "tag",
    "then-1-value": "links",
}


@pytest.fixture
def desk(editor: Commenter) -> Client:
    client = Client()
    client.force_login(editor.user)
    return client


def press(client: Client, do: str, address: str = "new/", **fields: str) -> Any:
    return client.post(RULES + address, SENT | fields | {"do": do})


def html(answer: Any) -> str:
    return answer.content.decode()


@pytest.mark.parametrize("address", ["", "new/", "1/"])
def test_the_pages_of_rules_are_for_moderators(address: str, reader: Commenter, on: Callable[..., HouseRule]) -> None:
    on(rule(TRAM))
    as_reader = Client()
    as_reader.force_login(reader.user)

    for client in (as_reader, Client()):
        assert client.get(RULES + address)["Location"].startswith("/admin/login/")
        assert client.post(RULES + address, {"do": "save"})["Location"].startswith("/admin/login/")


def test_a_rule_written_in_the_form_is_the_rule_that_is_saved(desk: Client) -> None:
    answer = press(desk, "save")

    written = HouseRule.objects.get()
    assert answer.status_code == 303 and answer["Location"] == f"{RULES}{written.pk}/"
    assert written.definition == {
        "when": {
            "all": [
                about("author.published", "fewer_than", 3),
                {"any": [LINKS, about("comment.text", "contains", "click here")]},
            ]
        },
        "unless": {"all": [about("comment.domains", "only", ["example.org", "city.example"])]},
        "then": [{"do": "hold", "say": "it contains a link"}, {"do": "tag", "tag": "links"}],
    }
    shown = html(desk.get(answer["Location"]))
    assert "Saved as version 1." in shown
    assert as_sentence(written.definition) in unescape(shown)
    again = press(desk, "save", f"{written.pk}/", number="1")
    assert again.status_code == 303 and HouseRule.objects.get().number == 1


def test_adding_and_taking_away_keeps_everything_that_was_typed(desk: Client) -> None:
    added = html(press(desk, "add:when:or"))
    dropped = html(press(desk, "drop:when:0"))
    also = html(press(desk, "add:then"))

    for page in (added, dropped, also):
        for typed in ("Links of new people", "click here", "example.org, city.example", "it contains a link"):
            assert typed in page
    assert 'name="when-3-ask"' in added and 'name="when-2-ask"' not in dropped and 'name="then-2-ask"' in also
    assert not HouseRule.objects.exists()


def test_every_mistake_stands_beside_its_field(desk: Client) -> None:
    answer = press(
        desk,
        "save",
        **{"when-0-value": "three", "when-2-ask": "comment.text|matches", "when-2-value": "(a)\\1", "then-1-value": ""},
    )

    page = html5lib.parse(html(answer), treebuilder="etree", namespaceHTMLElements=False)
    wrong = {
        next(one.get("name") for one in clause.iter("input") if one.get("type") != "hidden"): one.text
        for clause in page.iter("div")
        if "clause" in (clause.get("class") or "").split()
        for one in clause.iter("span")
        if one.get("class") == "wrong"
    }
    assert answer.status_code == 400
    assert wrong == {
        "when-0-value": "A whole number from 0 to 1000000.",
        "when-2-value": "This cannot be checked in linear time: a reference back to a group.",
        "then-1-value": "Write the tag.",
    }
    assert not HouseRule.objects.exists()


def test_a_rule_with_groups_in_groups_is_shown_as_text(desk: Client, on: Callable[..., HouseRule]) -> None:
    written = on({"when": {"any": [{"all": [LINKS, TRAM]}, {"not": TRAM}]}, "then": HOLD})

    page = html(desk.get(f"{RULES}{written.pk}/"))
    bad = desk.post(f"{RULES}{written.pk}/", {"name": "Trams", "typed": "{", "do": "save"})
    good = desk.post(f"{RULES}{written.pk}/", {"name": "Trams", "typed": json.dumps(rule(LINKS)), "do": "save"})

    assert 'name="typed"' in page and 'name="when-0-ask"' not in page
    assert "The text is not JSON." in html(bad) and bad.status_code == 400
    assert good.status_code == 303 and HouseRule.objects.get().definition == rule(LINKS)


def test_the_form_says_whether_it_would_catch_a_text_and_why(desk: Client) -> None:
    yes = html(press(desk, "probe", probe_text="See https://shop.example/", probe_published="1"))
    no = html(press(desk, "probe", probe_text="See https://shop.example/", probe_published="40"))

    assert "Yes, it would." in yes and "No, it would not." in no
    assert "the author has fewer than 3 published comments: not true" in " ".join(no.split())


def test_a_rule_is_switched_and_brought_back_on_its_page(
    desk: Client, editor: Commenter, on: Callable[..., HouseRule]
) -> None:
    written = on(rule(TRAM), state="off")
    house_rules.change(written, definition=rule(LINKS), made_by=editor)
    address = f"{RULES}{written.pk}/"
    same = {"name": "Trams", "when-0-ask": "comment.links|at_least", "when-0-value": "1", "then-0-ask": "hold"}

    shadow = desk.post(address, same | {"do": "state", "state": "shadow"})
    unsaved = desk.post(address, same | {"when-0-value": "9", "do": "state", "state": "on"})
    back = desk.post(address, same | {"do": "back:1"})

    written.refresh_from_db()
    assert shadow.status_code == back.status_code == 303 and unsaved.status_code == 409
    assert "Save first" in html(unsaved)
    assert (written.state, written.number, written.definition) == ("shadow", 3, rule(TRAM))
    assert "Not enough to go by yet" in html(desk.get(address))


def test_a_rule_changed_meanwhile_is_not_written_over(
    desk: Client, editor: Commenter, on: Callable[..., HouseRule]
) -> None:
    written = on(rule(TRAM))
    house_rules.change(written, definition=rule(LINKS), made_by=editor)

    answer = press(desk, "save", f"{written.pk}/", number="1")

    assert answer.status_code == 409 and "it is at version 2 now" in html(answer)


def test_a_rule_is_tried_from_its_page_before_it_is_saved(
    desk: Client, reader: Commenter, editor: Commenter, post: Post, decide: Callable[..., Any]
) -> None:
    decide(post(reader, "<b>See</b> https://shop.example/ & more"), "reject", editor)

    begun = press(desk, "try", days="30", **{"then-0-value": "it is a trial"})
    going = html(desk.get(begun["Location"]))
    tasks.run_job(Job.objects.get().pk)
    over = html(desk.get(begun["Location"]))

    assert begun.status_code == 303 and "/new/?trial=" in begun["Location"]
    assert "<progress" in going and "0 of 1 comments." in going and "Look again" in going
    assert "last 30 days: 1 hit; editors had rejected 1, published 0." in over and "<progress" not in over
    assert "it is a trial" in over and "<svg" in over and "&lt;b&gt;See&lt;/b&gt;" in over and "<b>See" not in over
    assert not HouseRule.objects.exists()


def test_a_trial_is_stopped_on_the_page(desk: Client, reader: Commenter, post: Post) -> None:
    post(reader)
    begun = press(desk, "try", days="30")
    job = Job.objects.get()

    press(desk, "stop", "new/", trial=str(job.pk))

    job.refresh_from_db()
    assert job.state == "cancelled"
    assert "Stopped" in html(desk.get(begun["Location"]))


def test_the_list_has_each_rule_with_its_numbers_and_what_the_desk_was_told(
    desk: Client,
    reader: Commenter,
    editor: Commenter,
    post: Post,
    decide: Callable[..., Any],
    on: Callable[..., HouseRule],
) -> None:
    on(rule(TRAM, then=[{"do": "notify"}]))
    decide(post(reader, "The night tram <script>."), "reject", editor)

    page = " ".join(html(desk.get(RULES)).split())

    assert "1 hit in 90 days; editors rejected 1, published 0" in page and "100 % agreed" in page
    assert "The desk was told of" in page and "The night tram &lt;script&gt;." in page


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"when-0-ask": "x|y", "then-0-ask": "z"},
        {"do": "drop:when:99"},
        {"do": "back:x"},
        {"do": "add:x:y"},
        {"do": "state", "state": "loud"},
        {"do": "try", "days": "²"},
        {"do": "probe", "probe_text": "\x00"},
        {"do": "save", "typed": "[" * 5000},
        {"do": "save", "when-0-ask": "time.hour|between", "when-0-value": "a-b-c", "then-0-ask": "reject:"},
    ],
)
def test_whatever_is_sent_the_page_answers(fields: dict[str, str], desk: Client, on: Callable[..., HouseRule]) -> None:
    written = on(rule(TRAM))

    for address in ("new/", f"{written.pk}/", "999/"):
        assert desk.post(RULES + address, fields).status_code in (200, 302, 400, 404)
