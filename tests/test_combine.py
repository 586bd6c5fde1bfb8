"""How findings become a verdict: the properties that must hold whatever is found, by whom, and in which order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from comments.screening import Draft, Policy, Verdict, combine
from comments.screening.engine import FAILED
from comments.screening.verdicts import SEVERITY

WHO = ["hold_links", "akismet", "moderation", "local"]
REASONS = ["", "spam", "hate", "off_topic"]

probabilities = st.one_of(st.none(), st.sampled_from([0.0, 0.2, 0.8, 1.0]))
verdicts = st.sampled_from(["publish", "hold", "reject"])
strange = st.one_of(verdicts, st.sampled_from(["", "PUBLISH", "approve", "odd"]))

said = st.builds(
    Draft,
    code=st.sampled_from(["links", "score", "phrase_banned"]),
    verdict=strange,
    reason=st.sampled_from(REASONS),
    rule=st.sampled_from(WHO),
    score=probabilities,
    version=st.sampled_from(["", "7", "8"]),
)
failures = st.builds(Draft, code=st.sampled_from(sorted(FAILED)), rule=st.sampled_from(WHO), verdict=st.just("hold"))
shadows = st.builds(
    Draft,
    code=st.sampled_from(["links", "rule_failed"]),
    verdict=strange,
    reason=st.sampled_from(REASONS),
    rule=st.sampled_from(WHO),
    score=probabilities,
    shadow=st.just(True),
)
findings = st.lists(st.one_of(said, failures, shadows), max_size=8)
policies = st.builds(Policy, may_fail=st.frozensets(st.sampled_from(WHO)))


def severity(verdict: Verdict) -> int:
    return SEVERITY[verdict.action]


def test_nothing_found_is_published() -> None:
    assert combine([]) == Verdict("publish")


@given(findings, st.one_of(said, failures, shadows), policies)
def test_one_more_finding_never_makes_the_outcome_more_lenient(found: list[Draft], more: Draft, policy: Policy) -> None:
    assert severity(combine([*found, more], policy)) >= severity(combine(found, policy))


@given(st.data(), findings, policies)
def test_the_order_does_not_matter(data: st.DataObject, found: list[Draft], policy: Policy) -> None:
    shuffled = data.draw(st.permutations(found))

    assert combine(shuffled, policy) == combine(found, policy)


@given(st.data(), findings, policies)
def test_to_be_told_twice_changes_nothing(data: st.DataObject, found: list[Draft], policy: Policy) -> None:
    again = data.draw(st.lists(st.sampled_from(found), max_size=4)) if found else []

    assert combine([*found, *again], policy) == combine(found, policy)


@given(findings, failures, policies)
def test_a_failure_holds_unless_the_newsroom_lets_that_one_fail(
    found: list[Draft], failure: Draft, policy: Policy
) -> None:
    with_it = combine([*found, failure], policy)

    if failure.code == "scorer_failed" and failure.rule in policy.may_fail:
        assert with_it == combine(found, policy)
    else:
        assert severity(with_it) >= SEVERITY["hold"]


@given(findings, policies)
def test_to_let_fewer_scorers_fail_never_makes_the_outcome_more_lenient(found: list[Draft], policy: Policy) -> None:
    assert severity(combine(found)) >= severity(combine(found, policy))


@given(findings, st.sampled_from(["sanitizer_failed", "screening_failed"]))
def test_no_policy_lets_through_what_was_never_made_safe(found: list[Draft], code: str) -> None:
    everyone = Policy(frozenset([*WHO, "to_html", "screen"]))

    assert severity(combine([*found, Draft(code, rule="to_html")], everyone)) >= SEVERITY["hold"]


@given(findings, st.lists(shadows, max_size=4), policies)
def test_a_shadow_changes_nothing(found: list[Draft], unseen: list[Draft], policy: Policy) -> None:
    assert combine([*found, *unseen], policy) == combine(found, policy)


@given(st.text(max_size=12).filter(lambda word: word not in SEVERITY))
def test_an_unknown_verdict_holds(word: str) -> None:
    assert combine([Draft("odd", verdict=word)]).action == "hold"


@given(findings, policies)
def test_a_rejection_and_nothing_else_has_the_reason_of_a_finding_that_rejects(
    found: list[Draft], policy: Policy
) -> None:
    verdict = combine(found, policy)

    if verdict.action == "reject":
        rejecting = {each.reason or "other" for each in found if each.verdict == "reject" and not each.shadow}
        assert verdict.reason in rejecting
    else:
        assert verdict.reason == ""


@given(findings, policies)
def test_the_score_on_record_is_that_of_the_likeliest_removal(found: list[Draft], policy: Policy) -> None:
    verdict = combine(found, policy)
    given = [each.score for each in found if each.score is not None and not each.shadow]

    assert verdict.score == max(given, default=None)
    assert verdict.scorer_version in {each.version for each in found if each.score == verdict.score} | {""}


@given(findings, policies)
def test_a_score_alone_objects_to_nothing(found: list[Draft], policy: Policy) -> None:
    certain = Draft("score", verdict="publish", score=1.0, rule="local", version="7")

    with_it = combine([*found, certain], policy)

    assert (with_it.action, with_it.reason) == (combine(found, policy).action, combine(found, policy).reason)
