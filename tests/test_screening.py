"""Judgement: every rule runs, every finding is kept, doubt and failure hold."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comments import conf, moderation, phrases, posting
from comments.models import Comment, Commenter, Discussion, Finding, Phrase, Status
from comments.screening import Candidate, Draft, combine
from comments.screening.verdicts import SEVERITY

Post = Callable[..., Comment]
drafts = st.lists(
    st.builds(Draft, code=st.sampled_from("abc"), verdict=st.sampled_from(["publish", "hold", "reject", "odd"])),
    max_size=6,
)


@given(drafts, st.sampled_from(["hold", "reject", "publish", "odd"]))
def test_one_more_objection_never_makes_the_outcome_more_lenient(said: list[Draft], verdict: str) -> None:
    before = SEVERITY[combine(said).action]
    after = SEVERITY[combine([*said, Draft("more", verdict=verdict)]).action]

    assert after >= before


@given(drafts)
def test_the_order_of_the_findings_does_not_matter(said: list[Draft]) -> None:
    answers = {combine(order) for order in itertools.islice(itertools.permutations(said), 24)}

    assert len(answers) == 1


def codes(comment: Comment) -> list[str]:
    found = Finding.objects.filter(revision__comment=comment).exclude(code__in=["passed", "score", "no_score"])
    return list(found.values_list("code", flat=True).order_by("id"))


def test_every_rule_runs_whatever_the_first_one_says(
    reader: Commenter, discussion: Discussion, post: Post, settings: Any
) -> None:
    settings.COMMENTS = {"HOLD_FIRST": 3, "PREMODERATE": True}
    Phrase.objects.create(phrase="paid troll", kind="suspect")

    comment = post(reader, "You paid troll, read https://example.net/ and be quiet.")

    assert comment.status == Status.HELD
    assert codes(comment) == ["links", "phrase_suspect", "new_author", "premoderated"]


def broken_rule(candidate: Candidate) -> Iterator[Draft]:
    raise ValueError("a rule's own trouble")
    yield


def test_a_rule_that_fails_holds(reader: Commenter, post: Post, settings: Any) -> None:
    settings.COMMENTS = {"RULES": [*conf.RULES, "tests.test_screening.broken_rule"]}

    comment = post(reader, "Nothing is wrong with this one.")

    assert comment.status == Status.HELD
    finding = Finding.objects.get(code="rule_failed")
    assert finding.rule == "broken_rule" and finding.evidence == {"error": "ValueError"}


def test_a_sanitizer_that_fails_holds_and_shows_nothing(
    reader: Commenter, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_raw: str) -> None:
        raise RuntimeError("parser")

    monkeypatch.setattr("comments.text.to_html", fails)

    comment = post(reader, "Nothing is wrong with this one.")

    assert (comment.status, comment.html, codes(comment)) == (Status.HELD, "", ["sanitizer_failed"])


def test_a_banned_phrase_rejects_with_its_reason(reader: Commenter, post: Post) -> None:
    Phrase.objects.create(phrase="double your savings", kind="banned")

    comment = post(reader, "DOUBLE  your\u200b Savings today!")

    assert comment.status == Status.REJECTED
    assert comment.decisions.get().reason == "banned_phrase"
    assert Finding.objects.get(code="phrase_banned").evidence["spans"] == [[0, 21]]


def test_a_phrase_inside_a_word_is_no_phrase(reader: Commenter, post: Post) -> None:
    Phrase.objects.create(phrase="ass", kind="banned")

    assert post(reader, "The classic assembly passed it.").status == Status.PUBLISHED


def test_a_new_phrase_counts_from_the_next_comment_on(reader: Commenter, post: Post) -> None:
    assert post(reader, "A perfectly ordinary sentence.").status == Status.PUBLISHED
    phrases.add_phrase("ordinary", kind="suspect", made_by=None)

    assert post(reader, "Another ordinary sentence here.").status == Status.HELD


def test_links_to_the_newspaper_itself_do_not_count(reader: Commenter, post: Post, settings: Any) -> None:
    settings.COMMENTS = {"OWN_DOMAINS": ["example.org"]}

    assert post(reader, "As you wrote: https://www.example.org/a").status == Status.PUBLISHED
    assert post(reader, "As they wrote: https://notexample.org/a").status == Status.HELD


def test_the_same_words_by_another_person_wait(reader: Commenter, editor: Commenter, person: Any, post: Post) -> None:
    post(reader, "Sign the petition of the harbour friends.")

    comment = post(person("jo"), "sign the  petition of the Harbour friends.")

    assert (comment.status, codes(comment)) == (Status.HELD, ["repeat"])


def test_a_flood_waits(reader: Commenter, post: Post, settings: Any) -> None:
    settings.COMMENTS = {"FLOOD_COMMENTS": 2, "POSTS_PER_MINUTE": 0}
    told = [post(reader, f"Observation number {n} from the tram.").status for n in range(4)]

    assert told == ["published", "published", "held", "held"]


def test_staff_are_left_alone_but_not_unchecked(editor: Commenter, post: Post, settings: Any) -> None:
    settings.COMMENTS = {"PREMODERATE": True, "HOLD_FIRST": 5}
    phrases.add_phrase("forbidden", kind="banned", made_by=None)

    assert post(editor, "See https://example.net/ for the minutes.").status == Status.PUBLISHED
    assert post(editor, "Even staff may not write forbidden words.").status == Status.REJECTED


def test_a_comment_that_arrives_while_the_section_closes_waits(reader: Commenter, discussion: Discussion) -> None:
    from comments import discussions

    comment = posting.post_comment(reader, discussion, "Just before the door closes.")
    discussions.close(discussion)
    moderation.screen(comment.pk, comment.version)

    comment.refresh_from_db()
    assert (comment.status, codes(comment)) == (Status.HELD, ["closed"])


def test_a_premoderated_discussion_holds_everything(reader: Commenter, discussion: Discussion, post: Post) -> None:
    from comments import discussions

    discussions.configure(discussion, mode="premoderated")

    assert post(reader, "Ordinary words in a guarded place.").status == Status.HELD


def test_unknown_settings_are_an_error(settings: Any) -> None:
    from django.core.exceptions import ImproperlyConfigured

    from comments.checks import check_settings

    settings.COMMENTS = {"LINKS_ALOWED": 2}

    with pytest.raises(ImproperlyConfigured, match="LINKS_ALOWED"):
        conf.get()
    assert [message.id for message in check_settings()] == ["comments.E001"]


def busy_rule(candidate: Candidate) -> Iterator[Draft]:
    """Work for longer than a rule may."""
    import time

    until = time.thread_time() + 0.06
    while time.thread_time() < until:
        pass
    return iter(())


def waiting_rule(candidate: Candidate) -> Iterator[Draft]:
    """Do nothing for longer than a rule may work, as on a busy machine."""
    import time

    time.sleep(0.06)
    return iter(())


def test_a_rule_that_works_too_long_holds_and_one_that_waits_does_not(
    reader: Commenter, post: Post, settings: Any
) -> None:
    settings.COMMENTS = {"RULE_MILLISECONDS": 50, "RULES": ["tests.test_screening.busy_rule"]}
    assert codes(post(reader, "Judged by a rule that works too long.")) == ["rule_slow"]

    settings.COMMENTS = {"RULE_MILLISECONDS": 50, "RULES": ["tests.test_screening.waiting_rule"]}
    assert post(reader, "Judged by a rule on a busy machine.").status == Status.PUBLISHED
