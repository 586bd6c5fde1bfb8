"""What editors teach: decisions become lessons, lessons a model, and a model is used only while it proves itself."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import close_old_connections, connection
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from comments import jobs, moderation, policy, posting
from comments.learning import auto_approval, drift, figures, lessons, online, outliers, refit, versions
from comments.learning.figures import Scored, least_likely_at_least, most_likely_at_most
from comments.learning.learner import Example, Learner
from comments.models import (
    Audit,
    AutoApproval,
    Comment,
    Commenter,
    Decider,
    Decision,
    Discussion,
    Finding,
    Lesson,
    PolicyChange,
    Revision,
    ScoringModel,
    Status,
    Trigger,
)
from comments.screening.scorers import CommentView, features, identity, site
from comments.screening.scorers.linear import local
from comments.screening.verdicts import Verdict
from tests.test_api import Caller, call, document  # noqa: F401  (fixtures)
from tests.test_replay import NASTY, sentence

Post = Callable[..., Comment]
Decide = Callable[..., Decision]
Person = Callable[..., Commenter]

ORDINARY = [each.text for each in identity.sentences(refit.OF_GROUPS, held_out=False)]
NO_LIMITS = {
    "POSTS_PER_MINUTE": 0,
    "FLOOD_COMMENTS": 0,
    "REPEAT_HOURS": 0,
    "HOLD_OVER_SCORE": 0,
    "RULE_MILLISECONDS": 60_000,
}


@pytest.fixture(autouse=True)
def no_limits(settings: Any) -> None:
    settings.COMMENTS = NO_LIMITS


@pytest.fixture
def taught(db: None, discussion: Discussion, reader: Commenter, editor: Commenter) -> Callable[..., list[Lesson]]:
    """Write decided texts straight into the tables: as many as needed, quickly."""

    def make(
        rows: list[tuple[str, bool]], *, by: Commenter | None = None, p: Any = 0.5, at: Any = None
    ) -> list[Lesson]:
        place = Comment.objects.count()
        comments = Comment.objects.bulk_create(
            Comment(
                discussion=discussion,
                author=reader,
                path=f"{place + number:012d}",
                status=Status.REJECTED if rejected else Status.HELD,
            )
            for number, (_text, rejected) in enumerate(rows)
        )
        revisions = Revision.objects.bulk_create(
            Revision(comment=comment, text=text, status=comment.status)
            for comment, (text, _no) in zip(comments, rows, strict=True)
        )
        decisions = Decision.objects.bulk_create(
            Decision(
                comment=revision.comment,
                revision=revision,
                verdict="reject" if rejected else "publish",
                from_status=Status.HELD,
                to_status=Status.REJECTED if rejected else Status.PUBLISHED,
                decider=Decider.EDITOR,
                trigger=Trigger.SCREENING,
                made_by=by or editor,
            )
            for revision, (_text, rejected) in zip(revisions, rows, strict=True)
        )
        versions.ensure_first()
        found: list[Lesson] = Lesson.objects.bulk_create(
            Lesson(
                decision=decision,
                revision=decision.revision,
                rejected=decision.verdict == "reject",
                probability=p(number) if callable(p) else p,
                model_version="site-1",
                made_by=by or editor,
                created_at=at or timezone.now(),
            )
            for number, decision in enumerate(decisions)
        )
        return found

    return make


def rows(count: int, *, seed: int = 1, share: float = 0.2) -> list[tuple[str, bool]]:
    dice = random.Random(seed)
    made = []
    for _number in range(count):
        rejected = dice.random() < share
        # What is published is in part ordinary English about people, as in life.
        ordinary = not rejected and dice.random() < 0.5
        text = dice.choice(ORDINARY) if ordinary else sentence(dice, dice.choice(NASTY) if rejected else "")
        made.append((text, rejected))
    return made


def learn_all() -> None:
    lessons.write(lessons.unwritten())
    online.learn()


# --- Lessons ----------------------------------------------------------------------------------------------------------


def test_a_decision_becomes_one_lesson_with_the_score_of_its_time(
    reader: Commenter, editor: Commenter, post: Post, decide: Decide, settings: Any
) -> None:
    settings.COMMENTS = NO_LIMITS | {"PREMODERATE": True}
    comment = post(reader, "You are a pathetic stupid idiot.")
    score = Finding.objects.get(rule="local", code="score")

    decision = decide(comment, "reject", editor)
    learn_all()

    lesson = Lesson.objects.get()
    assert (lesson.decision, lesson.rejected, lesson.drawn, lesson.weight) == (decision, True, "queue", 1)
    assert (lesson.probability, lesson.model_version) == (score.score, score.rule_version)
    assert lesson.made_by == editor
    active = ScoringModel.objects.get(status="active")
    assert (active.number, active.decision_count, active.removal_count) == (1, 1, 1)


def test_the_same_decision_is_written_and_learnt_once_however_often_it_is_said(
    reader: Commenter, editor: Commenter, post: Post, decide: Decide
) -> None:
    decision = decide(post(reader), "reject", editor)

    for _again in range(3):
        lessons.write([decision.pk, decision.pk])
        online.learn()

    assert Lesson.objects.count() == 1
    assert ScoringModel.objects.get().decision_count == 1


def test_a_hold_and_what_screening_or_the_author_decide_teach_nothing(
    reader: Commenter, editor: Commenter, post: Post, decide: Decide
) -> None:
    comment = post(reader)
    decide(comment, "hold", editor)
    posting.withdraw_comment(reader, comment)

    learn_all()

    assert not Lesson.objects.exists() and not ScoringModel.objects.exists()


def test_the_last_word_about_a_text_counts_and_one_taken_back_does_not(
    reader: Commenter, editor: Commenter, post: Post, decide: Decide, settings: Any
) -> None:
    settings.COMMENTS = NO_LIMITS | {"PREMODERATE": True}
    changed, undone = post(reader, "First about the tram."), post(reader, "Second about the tram.")
    decide(changed, "reject", editor)
    decide(changed, "publish", editor)
    wrong = decide(undone, "reject", editor)
    learn_all()
    moderation.decide(
        undone, Verdict("hold"), decider=Decider.EDITOR, trigger=Trigger.EDITOR, made_by=editor, reverses=wrong
    )
    learn_all()

    assert Lesson.objects.count() == 3
    assert [(each.revision.comment, each.rejected) for each in lessons.counting()] == [(changed, False)]


def test_an_erased_text_drops_out(reader: Commenter, editor: Commenter, post: Post, decide: Decide) -> None:
    comment = post(reader)
    decide(comment, "reject", editor)
    learn_all()
    assert lessons.counting().count() == 1

    Revision.objects.filter(comment=comment).update(text="")

    assert lessons.counting().count() == 0


# --- Online -----------------------------------------------------------------------------------------------------------


def test_a_new_code_word_is_learnt_after_ten_removals() -> None:
    dice = random.Random(7)
    learner = Learner()

    def read(text: str, rejected: bool) -> Example:
        return lessons.example(text, rejected=rejected)

    for _number in range(600):
        rejected = dice.random() < 0.2
        learner.learn(read(sentence(dice, dice.choice(NASTY) if rejected else ""), rejected))
    for _number in range(10):
        learner.learn(read(sentence(dice) + " zorblaxian", True))
        for _ordinary in range(5):
            learner.learn(read(sentence(dice), False))

    test = [(sentence(dice) + " zorblaxian", True) for _each in range(100)]
    test += [(sentence(dice), False) for _each in range(100)]
    order = figures.auc([Scored(learner.probability(read(text, no)), no) for text, no in test])
    assert order is not None and order >= 0.85


def test_what_was_taught_counts_for_nothing_before_thirty_removals_and_for_all_of_it_after_a_hundred_and_fifty() -> (
    None
):
    assert [site.ramp(count) for count in (0, 30, 90, 150, 10_000)] == [0, 0, 0.5, 1, 1]


def test_a_worker_asks_the_new_weights_with_its_next_comment(
    taught: Callable[..., list[Lesson]], reader: Commenter, post: Post
) -> None:
    nasty = f"The council {NASTY[0]} has a budget."
    before = post(reader, nasty).revisions.get().findings.get(rule="local", code="score")
    taught(rows(900, share=0.4))

    while online.learn():
        pass
    after = post(reader, nasty + " Again.").revisions.get().findings.get(rule="local", code="score")

    assert after.rule_version == "site-1" != before.rule_version
    assert after.score > 0.8 > before.score


def test_a_model_that_was_damaged_is_refused_and_the_comment_waits(
    taught: Callable[..., list[Lesson]], reader: Commenter, editor: Commenter, post: Post
) -> None:
    taught(rows(60))
    online.learn()
    with thresholds_moved():
        ScoringModel.objects.filter(number=1).update(checksum="0" * 64)

    comment = post(reader, "A sentence about the harbour.")

    assert comment.status == Status.HELD
    assert comment.revisions.get().findings.filter(code="scorer_failed", rule="local").exists()
    assert not local.health().ok and "checksum" in local.health().detail
    assert online.learn() == 0
    client = Client()
    client.force_login(editor.user)
    assert "checksum" in client.get("/admin/comments/desk/").content.decode()


@pytest.mark.parametrize(
    "change",
    [
        {"feature_spec": "another"},
        {"weights": b"", "checksum": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"parameters": {"scale": "much"}},
        {"parameters": {"slope": -1}},
    ],
)
def test_no_damage_crashes_the_scorer(taught: Callable[..., list[Lesson]], change: dict[str, Any]) -> None:
    taught(rows(60))
    online.learn()
    with thresholds_moved():
        ScoringModel.objects.filter(number=1).update(**change)

    assert not site.health().ok
    with pytest.raises(site.BrokenModel):
        local.score([CommentView(text="A sentence.")])


def thresholds_moved() -> Any:
    from comments import policy

    return policy.changing()


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(content: bytes) -> None:
    from hashlib import sha256

    with pytest.raises(site.BrokenModel):
        site.unpacked(
            site.HEAD.pack(site.MAGIC, features.BITS, 7) + content, sha256(content).hexdigest(), features.SPEC, "m"
        )
    whole = site.HEAD.pack(site.MAGIC, features.BITS, 7) + content
    with pytest.raises(site.BrokenModel):
        site.unpacked(whole, sha256(whole).hexdigest(), features.SPEC, "m")


def test_weights_come_back_as_they_were_stored() -> None:
    learner = Learner()
    for text, rejected in rows(50):
        learner.learn(lessons.example(text, rejected=rejected))

    content, checksum = site.packed(learner.weights, learner.squares)
    weights, squares = site.unpacked(content, checksum, features.SPEC, "m")

    assert max(abs(ours - stored) for ours, stored in zip(learner.weights, weights, strict=True)) < 1e-6
    assert max(abs(ours - stored) for ours, stored in zip(learner.squares, squares, strict=True)) < 1e-6


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time anyway")
@pytest.mark.django_db(transaction=True)
def test_learners_at_once_lose_nothing(
    reader: Commenter, editor: Commenter, post: Post, decide: Decide, reasons: None
) -> None:
    decided = [decide(post(reader, f"Text {number} on the tram."), "reject", editor).pk for number in range(24)]

    def work(mine: list[int]) -> None:
        for pk in mine:
            lessons.write([pk])
            online.learn()
        close_old_connections()
        connection.close()

    threads = [threading.Thread(target=work, args=(decided[start::3],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    online.learn()

    assert Lesson.objects.count() == 24
    assert ScoringModel.objects.get().decision_count == 24


# --- Refit and promotion ----------------------------------------------------------------------------------------------


def refitted() -> dict[str, Any]:
    job = jobs.run(refit.begin(None).pk)
    assert job is not None and job.state == "done", job and job.error
    return job.result


def test_a_better_candidate_is_promoted_and_the_change_is_on_record(taught: Callable[..., list[Lesson]]) -> None:
    dice = random.Random(3)
    taught(rows(900), p=lambda _number: dice.random())

    result = refitted()

    model = ScoringModel.objects.get(status="active")
    assert (result["status"], model.number) == ("active", 2), result
    assert model.why[0][0] == "better"
    assert model.metrics["candidate"]["auc"] > 0.9 > model.metrics["active"]["auc"]
    assert model.parent is not None and model.parent.status == "retired"
    change = PolicyChange.objects.get(kind="model")
    assert (change.before, change.after) == ("site-1", "site-2")


def test_a_candidate_that_is_not_better_is_refused_with_the_reason(taught: Callable[..., list[Lesson]]) -> None:
    made = rows(900)
    taught(made, p=lambda number: 0.9 if made[number][1] else 0.05)

    result = refitted()

    model = ScoringModel.objects.get(number=2)
    assert (result["status"], model.status) == ("refused", "refused")
    assert "not_better" in [why[0] for why in model.why]
    assert ScoringModel.objects.get(status="active").number == 1


def test_too_few_removals_are_a_reason(taught: Callable[..., list[Lesson]]) -> None:
    taught(rows(300, share=0.1))

    refitted()

    assert "few_removals" in [why[0] for why in ScoringModel.objects.get(number=2).why]


def test_every_rule_of_promotion_has_its_sentence() -> None:
    from comments.learning.why import sentence as said

    good = {"auc": 0.7, "queue_precision": 0.2, "groups_high": 0.1, "calibration_error": 0.0}
    metrics = {"difference": 0.02, "bound": 0.0, "candidate": good, "active": good}

    assert refit.refusals(metrics, 100, []) == []
    for change, code in [
        ({"difference": 0.0}, "not_better"),
        ({"bound": -0.01}, "not_sure"),
        ({"candidate": good | {"queue_precision": 0.19}}, "top_worse"),
        ({"candidate": good | {"groups_high": 0.121}}, "groups"),
        ({"difference": None}, "not_comparable"),
    ]:
        [why] = refit.refusals(metrics | change, 100, [])
        assert why[0] == code and said(why) != code.replace("_", " ") and "?" not in said(why)
    assert refit.refusals(metrics, 99, [])[0][0] == "few_removals"
    assert refit.refusals(metrics, 100, ["someone"])[0][0] == "outlier"


def test_one_moderator_has_at_most_thirty_percent_of_the_weight_unless_there_are_too_few() -> None:
    for totals in ({1: 1000.0, 2: 10.0, 3: 10.0, 4: 10.0, 5: 10.0}, {1: 50.0, 2: 50.0, 3: 5.0, 4: 1.0}):
        factors = refit.shares(totals)
        weights = {who: weight * factors[who] for who, weight in totals.items()}
        assert max(weights.values()) <= 0.3 * sum(weights.values()) + 1e-6
    assert refit.shares({1: 7.0}) == {1: 1.0}
    assert refit.shares({1: 30.0, 2: 10.0})[1] == pytest.approx(1 / 3)


def test_a_moderator_who_rejects_everything_is_reported_and_holds_the_refit_up(
    taught: Callable[..., list[Lesson]], person: Person
) -> None:
    for number in range(4):
        taught(rows(200, seed=number), by=person(f"honest{number}", staff=True), p=0.5)
    bad = person("sour", staff=True)
    taught([(text, True) for text, _no in rows(200, seed=9)], by=bad, p=0.5)

    [found] = outliers.report()
    refitted()

    assert (found.person, found.rate) == (bad, 1.0)
    model = ScoringModel.objects.get(number=2)
    assert model.status == "refused" and "outlier" in [why[0] for why in model.why]


def test_nothing_is_learnt_from_an_outlier_unless_the_chief_editor_says_so(
    taught: Callable[..., list[Lesson]], person: Person, editor: Commenter
) -> None:
    for number in range(4):
        taught(rows(200, seed=number), by=person(f"honest{number}", staff=True))
    while online.learn():
        pass
    sour = person("sour", staff=True)
    taught([(text, True) for text, _no in rows(200, seed=9)], by=sour)
    known = ScoringModel.objects.get().removal_count

    while online.learn():
        pass
    policy.set_value("learn_from_everyone", True, made_by=editor)
    taught([("Grumbling again about the tram.", True)], by=sour)
    after_the_report = ScoringModel.objects.get().removal_count
    while online.learn():
        pass

    assert after_the_report == known
    assert ScoringModel.objects.get().removal_count == known + 1


def test_a_difference_that_may_be_chance_makes_nobody_an_outlier() -> None:
    assert outliers.odd_ones({"a": (60, 0.05), "b": (60, 0.05), "c": (60, 0.0)}) == (set(), 0.05)
    assert outliers.odd_ones({"a": (600, 0.05), "b": (600, 0.05), "c": (600, 0.0)}) == ({"c"}, 0.05)
    assert outliers.odd_ones({"a": (600, 0.05), "b": (600, 0.05)}) == (set(), 0.0)


def test_people_with_few_decisions_are_never_outliers(taught: Callable[..., list[Lesson]], person: Person) -> None:
    for number in range(3):
        taught(rows(60, seed=number), by=person(f"honest{number}", staff=True))
    taught([("Text", True)] * 49, by=person("new", staff=True))

    assert outliers.report() == []


def test_an_earlier_model_is_used_again_with_one_call(
    taught: Callable[..., list[Lesson]],
    call: Callable[..., Caller],  # noqa: F811
    editor: Commenter,
) -> None:
    dice = random.Random(3)
    taught(rows(900), p=lambda _number: dice.random())
    refitted()
    api = call(editor, "moderate")

    answer = api.post("moderation/models/1/use/", {})

    assert answer.status_code == 200 and answer.json()["status"] == "active"
    shown = api.get("moderation/models/").json()
    assert shown["active"]["number"] == 1
    assert [(model["number"], model["status"]) for model in shown["models"]] == [(2, "retired"), (1, "active")]
    assert PolicyChange.objects.filter(kind="model").count() == 2
    assert api.post("moderation/models/99/use/", {}).status_code == 404


def test_everything_can_be_forgotten_and_had_back(taught: Callable[..., list[Lesson]], editor: Commenter) -> None:
    taught(rows(200))
    online.learn()

    fresh = versions.forget_all(editor)

    assert (fresh.status, fresh.decision_count) == ("active", 0)
    assert refitted() == {"status": "too_few", "decisions": 0, "needed": refit.FEWEST}
    assert versions.rollback(ScoringModel.objects.get(number=1), editor).decision_count == 200


# --- Figures ----------------------------------------------------------------------------------------------------------


def test_the_bound_is_the_exact_one() -> None:
    # 1 - 0.05 ** (1 / 300), and the values of printed tables.
    assert most_likely_at_most(0, 300) == pytest.approx(0.009936, abs=1e-5)
    assert most_likely_at_most(0, 10) == pytest.approx(1 - 0.05**0.1, abs=1e-9)
    assert most_likely_at_most(1, 10) == pytest.approx(0.39416, abs=1e-4)
    assert most_likely_at_most(5, 100) == pytest.approx(0.10225, abs=1e-4)
    assert most_likely_at_most(0, 0) == most_likely_at_most(3, 3) == 1.0
    assert least_likely_at_least(0, 50) == 0.0


@given(st.integers(1, 2_000), st.data())
def test_the_bound_is_over_the_share_and_tightens_with_evidence(of: int, data: Any) -> None:
    found = data.draw(st.integers(0, of))

    bound = most_likely_at_most(found, of)

    assert found / of <= bound <= 1
    assert most_likely_at_most(found, of + 1) <= bound + 1e-9
    assert least_likely_at_least(found, of) <= found / of + 1e-9


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=60))
def test_auc_counts_pairs(pairs: list[tuple[float, bool]]) -> None:
    scored = [Scored(p, rejected) for p, rejected in pairs]
    good, bad = [p for p, no in pairs if not no], [p for p, no in pairs if no]

    found = figures.auc(scored)

    if not good or not bad:
        assert found is None
    else:
        won = sum((b > g) + (b == g) / 2 for b in bad for g in good)
        assert found == pytest.approx(won / len(good) / len(bad))


def test_scores_of_the_same_crowd_are_stable_and_those_of_another_are_not() -> None:
    dice = random.Random(1)
    before = [dice.betavariate(2, 8) for _each in range(2_000)]

    same = figures.stability(before, [dice.betavariate(2, 8) for _each in range(1_000)])
    other = figures.stability(before, [dice.betavariate(5, 5) for _each in range(1_000)])

    assert same is not None and other is not None and same < 0.1 and other > drift.MOVED
    assert figures.stability(before, before[:50]) is None


# --- Spot checks ------------------------------------------------------------------------------------------------------


@pytest.fixture
def everything_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moderation, "lot", lambda: 0.0)


@pytest.fixture
def desk(editor: Commenter) -> Client:
    client = Client()
    client.force_login(editor.user)
    return client


def test_what_screening_publishes_is_drawn_by_lot_and_an_editors_word_settles_it(
    everything_drawn: None, reader: Commenter, editor: Commenter, post: Post, desk: Client
) -> None:
    comment = post(reader, "You are a pathetic stupid idiot.")
    audit = Audit.objects.get()
    assert (audit.probability, audit.by_score, audit.decided_at) == (0.05, False, None)

    shown = desk.get("/admin/comments/desk/?queue=audit").content.decode()
    assert "pathetic" in shown and "Looks like what editors remove" not in shown
    sent = {"comment": comment.pk, "version": comment.version, "decision": "reject", "reason": "off_topic"}
    assert desk.post("/admin/comments/desk/decide/", sent | {"queue": "audit"}).status_code == 303
    assert "pathetic" not in desk.get("/admin/comments/desk/?queue=audit").content.decode()
    learn_all()

    audit.refresh_from_db()
    assert audit.decision is not None and audit.decision.verdict == "reject" and audit.decided_at is not None
    assert audit.decision.assistance == "none"
    lesson = Lesson.objects.get()
    assert (lesson.drawn, lesson.weight, lesson.rejected) == ("audit", 10.0, True)


def test_a_program_sees_spot_checks_without_scores(
    everything_drawn: None,
    reader: Commenter,
    editor: Commenter,
    post: Post,
    call: Callable[..., Caller],  # noqa: F811
) -> None:
    comment = post(reader, "You are a pathetic stupid idiot.")
    api = call(editor, "moderate")

    [card] = api.get("moderation/comments/?queue=audit").json()["results"]

    assert card["id"] == comment.pk and not [each for each in card["findings"] if each["code"] == "score"]
    assert api.get("moderation/queues/").json()["audit"] == 1
    sent = {"verdict": "publish", "version": comment.version}
    assert api.post(f"moderation/comments/{comment.pk}/decisions/", sent).status_code == 201
    assert api.get("moderation/comments/?queue=audit").json()["results"] == []


def test_staff_and_what_is_held_are_never_drawn_nor_anything_at_none_percent(
    everything_drawn: None, reader: Commenter, editor: Commenter, post: Post, settings: Any
) -> None:
    post(editor, "By the newsroom itself.")
    post(reader, "See https://elsewhere.example/ for more.")
    settings.COMMENTS = NO_LIMITS | {"AUDIT_PERCENT": 0}
    post(reader, "An ordinary sentence.")

    assert not Audit.objects.exists()


# --- Approval by score ------------------------------------------------------------------------------------------------


@pytest.fixture
def section(discussion: Discussion) -> str:
    discussion.section = "Sport"
    discussion.mode = Discussion.Mode.PREMODERATED
    discussion.save()
    return "Sport"


def allow(state: str, *, threshold: float = 0.99, version: str = "site-1", **more: Any) -> AutoApproval:
    versions.ensure_first()
    with thresholds_moved():
        ScoringModel.objects.filter(number=1).update(decision_count=1_200, removal_count=140)
        row, _new = AutoApproval.objects.update_or_create(
            section="Sport",
            defaults={
                "state": state,
                "threshold": threshold,
                "model_version": version,
                "since": timezone.now() - timedelta(days=1),
            }
            | more,
        )
    return row


def test_in_the_shadow_it_waits_as_ever_and_what_would_be_done_is_written_down(
    section: str, reader: Commenter, post: Post
) -> None:
    allow("shadow")

    comment = post(reader, "Thank you for the article.")

    assert comment.status == Status.HELD
    codes = set(comment.revisions.get().findings.values_list("code", flat=True))
    assert {"premoderated", "would_approve"} <= codes


def test_armed_it_publishes_below_the_threshold_and_nothing_else(section: str, reader: Commenter, post: Post) -> None:
    allow("armed", threshold=0.5)

    low = post(reader, "Thank you for the article.")
    high = post(reader, "You are a pathetic stupid idiot.")
    objected = post(reader, "Thank you: https://elsewhere.example/")

    assert (low.status, high.status, objected.status) == (Status.PUBLISHED, Status.HELD, Status.HELD)
    assert low.revisions.get().findings.filter(code="approved_by_score").exists()


def test_the_score_of_another_model_or_of_a_broken_one_publishes_nothing(
    section: str, reader: Commenter, post: Post
) -> None:
    allow("armed", version="site-7")
    other = post(reader, "Thank you for the article.")
    allow("armed")
    with thresholds_moved():
        ScoringModel.objects.filter(number=1).update(checksum="0" * 64)
    broken = post(reader, "Thank you for this article too.")

    assert (other.status, broken.status) == (Status.HELD, Status.HELD)
    [row] = auto_approval.watch()
    assert row.state == "disarmed" and row.why[0][0] == "scorer"


def test_it_is_refused_with_what_is_missing(
    section: str,
    editor: Commenter,
    call: Callable[..., Caller],  # noqa: F811
) -> None:
    api = call(editor, "moderate")

    shadow = api("PUT", "moderation/auto-approval/Sport/", {"state": "shadow"})
    armed = api("PUT", "moderation/auto-approval/Sport/", {"state": "armed"})
    limit = api("PUT", "moderation/auto-approval/Sport/", {"state": "shadow", "limit": 0.9})

    assert (shadow.status_code, armed.status_code, limit.status_code) == (409, 409, 400)
    assert "0 of about 1000 decisions" in shadow.json()["detail"]
    assert "shadow first" in armed.json()["detail"]
    assert api.get("moderation/auto-approval/Sport/").json()["state"] == "off"


def test_it_is_armed_after_a_shadow_run_that_proves_it(
    section: str,
    editor: Commenter,
    taught: Callable[..., list[Lesson]],
    call: Callable[..., Caller],  # noqa: F811
) -> None:
    taught([("Good.", False)] * 320, p=0.01)
    allow("off", threshold=0.5)
    api = call(editor, "moderate")

    assert api("PUT", "moderation/auto-approval/Sport/", {"state": "shadow"}).status_code == 200
    refused = api("PUT", "moderation/auto-approval/Sport/", {"state": "armed"})
    assert refused.status_code == 409 and "300 are needed" in refused.json()["detail"]
    reviewed = taught([("Also good.", False)] * 300, p=0.01)
    Finding.objects.bulk_create(
        Finding(
            revision=lesson.revision,
            rule="hold_premoderated",
            verdict="publish",
            code="would_approve",
            rule_version="site-1",
        )
        for lesson in reviewed
    )
    armed = api("PUT", "moderation/auto-approval/Sport/", {"state": "armed"})

    assert armed.status_code == 200 and armed.json()["state"] == "armed"
    assert armed.json()["upper_bound"] == pytest.approx(0.00994, abs=1e-5)
    assert PolicyChange.objects.filter(kind="auto_approval", made_by=editor).count() == 2


def test_a_threshold_is_the_largest_whose_bound_keeps_the_limit() -> None:
    clean = [(0.001 * place, False) for place in range(400)]
    assert auto_approval.threshold(clean[:299], 0.02) is None
    assert auto_approval.threshold(clean, 0.02) == pytest.approx(0.4, abs=0.01)
    harmful_on_top = [*clean, *[(0.6, True)] * 50, (0.9, False)]
    assert auto_approval.threshold(harmful_on_top, 0.02) == 0.6


def test_it_disarms_itself_when_spot_checks_find_too_many_wrong(
    section: str, editor: Commenter, taught: Callable[..., list[Lesson]], desk: Client
) -> None:
    row = allow("armed")
    assert auto_approval.watch() == []
    for lesson in taught([("Harm that was let through.", True)] * 5):
        Audit.objects.create(
            revision=lesson.revision,
            probability=0.05,
            by_score=True,
            section="Sport",
            decision=lesson.decision,
            decided_at=timezone.now(),
        )

    auto_approval.watch()

    row.refresh_from_db()
    assert (row.state, row.why[0][:3]) == ("disarmed", ["over_limit", 5, 5])
    assert "switched itself off" in desk.get("/admin/comments/desk/model/").content.decode()
    assert PolicyChange.objects.filter(kind="auto_approval", made_by=None).exists()


def test_it_disarms_itself_when_another_model_is_used_or_the_crowd_has_changed(
    section: str, taught: Callable[..., list[Lesson]]
) -> None:
    row = allow("armed", version="site-3")
    auto_approval.watch()
    row.refresh_from_db()
    assert row.why == [["model_changed"]]

    row = allow("armed")
    revision = taught([("A text.", False)])[0].revision
    now = timezone.now()
    Finding.objects.bulk_create(
        Finding(
            revision=revision,
            rule="local",
            verdict="publish",
            code="score",
            score=score,
            created_at=now - timedelta(days=ago),
        )
        for ago, score in [(20, 0.05 + number / 1_000) for number in range(150)] + [(1, 0.9)] * 150
    )
    auto_approval.watch()
    row.refresh_from_db()
    assert row.state == "disarmed" and row.why[0][0] == "drift"


# --- The page ---------------------------------------------------------------------------------------------------------


def test_the_page_says_how_far_it_is_and_shows_no_percentage_before_it_knows_one(
    taught: Callable[..., list[Lesson]], section: str, desk: Client
) -> None:
    empty = desk.get("/admin/comments/desk/model/").content.decode()
    assert "Learning: 0 of about 1,000 decisions" in empty or "Learning: 0 of about 1000 decisions" in empty
    assert "low, medium or high" in empty

    taught(rows(120))
    online.learn()

    shown = desk.get("/admin/comments/desk/model/").content.decode()
    assert "Learning: 120 of about" in shown and "low, medium or high" not in shown
    assert "120 of about 1000 decisions so far." in shown


def test_a_card_says_a_word_first_and_a_percentage_later(
    taught: Callable[..., list[Lesson]],
    reader: Commenter,
    post: Post,
    editor: Commenter,
    call: Callable[..., Caller],  # noqa: F811
) -> None:
    def said(comment: Comment) -> str:
        found = call(editor, "moderate").get(f"moderation/comments/{comment.pk}/").json()["findings"]
        return next(each["detail"] for each in found if each["rule"] == "local")

    before = said(post(reader, "You are a pathetic stupid idiot."))
    taught(rows(120))
    online.learn()
    after = said(post(reader, "You are a pathetic stupid idiot, really."))

    assert before.startswith("Looks like what editors remove: high")
    assert "%" in after and "high" not in after


def test_buttons_of_the_page_do_what_they_say(
    taught: Callable[..., list[Lesson]], section: str, editor: Commenter, desk: Client
) -> None:
    taught(rows(200))
    online.learn()
    act = "/admin/comments/desk/model/do/"

    assert desk.post(act, {"do": "refit"}).status_code == 303
    assert desk.post(act, {"do": "forget"}).status_code == 303
    assert ScoringModel.objects.get(status="active").number == 2
    assert desk.post(act, {"do": "use-1"}).status_code == 303
    assert ScoringModel.objects.get(status="active").number == 1
    sent = {"do": "approval", "section": "Sport", "state": "armed", "limit": "2"}
    assert "shadow first" in desk.post(act, sent, follow=True).content.decode()
    assert "limit from" in desk.post(act, sent | {"limit": "NaN"}, follow=True).content.decode()
    assert desk.post(act, {"do": "use-99"}).status_code == 404
    assert desk.post(act, {"do": "use-²"}).status_code == 404
    assert desk.post(act, {}).status_code == 404


@pytest.mark.parametrize("address", ["model/", "model/do/"])
def test_readers_do_not_get_there(address: str, reader: Commenter) -> None:
    client = Client()
    client.force_login(reader.user)

    for answer in (client.get("/admin/comments/desk/" + address), client.post("/admin/comments/desk/" + address)):
        assert answer.status_code == 302 and answer["Location"].startswith("/admin/login/")


# --- Beside the text --------------------------------------------------------------------------------------------------


def test_what_stands_beside_the_text_is_used_only_if_it_helps_and_that_is_measured(
    taught: Callable[..., list[Lesson]], person: Person
) -> None:
    from comments.learning import context

    assert context.compare() == []
    dice = random.Random(5)
    trolls, others = [person(f"troll{n}") for n in range(5)], [person(f"reader{n}") for n in range(20)]
    made = taught([("Words.", dice.random() < 0.3) for _each in range(700)], p=lambda _number: dice.random() * 0.5)
    for lesson in made:
        author = dice.choice(trolls if lesson.rejected else others)
        Comment.objects.filter(pk=lesson.revision.comment_id).update(author=author)

    found = {each.name: each for each in context.compare()}

    assert found["rejected_share"].helps and found["all"].helps
    assert not found["is_reply"].helps
