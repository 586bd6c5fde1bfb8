"""Ask every rule and scorer, whatever the others said; turn what they said into one verdict, purely."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache, partial

from django.utils import timezone
from django.utils.module_loading import import_string

from comments import conf, languages, text, thresholds
from comments.models import Commenter, Discussion, Revision, Status
from comments.screening.scorers import CommentView, Scorer, ScorerFailed, weights
from comments.screening.verdicts import SEVERITY, Candidate, Draft, Policy, Verdict

logger = logging.getLogger(__name__)

Rule = Callable[[Candidate], Iterable[Draft]]
Judged = tuple[list[Draft], text.Rendered | None, Policy]
"""Findings, the safe HTML (``None`` when the sanitizer failed), and the policy for combining."""

ABOUT_ARRIVING = frozenset(
    {"premoderated", "new_author", "guest", "guest_name", "closed", "sanitizer_failed", "banned", "suspended"}
)
FAILED = frozenset({"rule_failed", "rule_slow", "scorer_failed"})
"""Codes of what could not be checked."""


@lru_cache(maxsize=64)
def _rule(path: str) -> Rule:
    found = import_string(path)
    if inspect.isclass(found):
        found = found()
    if isinstance(found, Scorer):
        return partial(_scored, found)
    rule: Rule = found
    return rule


def scorer(path: str) -> Scorer | None:
    """Return the scorer at a dotted path of ``RULES``, or ``None`` when a rule stands there."""
    rule = _rule(path)
    found = rule.args[0] if isinstance(rule, partial) else None
    return found if isinstance(found, Scorer) else None


def warm_up() -> None:
    """
    Read what judging needs of files: rules, weights, sanitizers and what tells languages. Asks no database.

    A worker calls it before it forks: its processes share all of this, and the first text waits for none of it. What
    cannot be read is said in the log, and again by the rule that needs it.
    """
    known: list[Callable[[], object]] = [
        lambda: text.to_html("Nothing *is* said [here](https://example.com/)."),
        lambda: languages.guessed("Nothing is said here, and it is said in English.", 1),
        *(partial(_rule, path) for path in conf.get().rules),
        *(partial(weights.warm, kind) for kind in ("toxicity", "spam")),
    ]
    for read in known:
        try:
            read()
        except Exception:
            logger.exception("something that judging needs could not be read")


def _scored(asked: Scorer, candidate: Candidate) -> Iterator[Draft]:
    """Ask a scorer as if it were a rule: its score is a finding that objects to nothing."""
    [answer] = asked.score([view(candidate)])
    if answer.p is not None and not 0 <= answer.p <= 1:
        raise ScorerFailed("bad_answer")
    facts: dict[str, object] = {"scorer": asked.name}
    if answer.p is not None:
        facts["p"] = round(answer.p, 4)
    if answer.word:
        facts["word"] = answer.word
    if answer.labels:
        facts["labels"] = answer.labels
    if answer.top:
        facts["weights"] = [round(weight, 3) for _start, _end, weight in answer.top]
    yield Draft(
        "score" if answer.p is not None else "no_score",
        verdict="publish",
        spans=tuple((start, end) for start, end, _weight in answer.top),
        facts=facts,
        score=answer.p,
        version=(answer.version or asked.version)[:40],
    )


def view(candidate: Candidate) -> CommentView:
    """Return what a scorer is told of ``candidate``."""
    author, discussion, comment = candidate.author, candidate.discussion, candidate.comment
    user = author.user if author else None
    parent = comment.parent if comment else None
    return CommentView(
        text=candidate.text,
        parent_text=text.plain(parent.html) if parent and parent.status == Status.PUBLISHED else "",
        author_name=author.name if author else "",
        author_email=(user.email if user else author.email) if author else "",
        story_url=discussion.url if discussion else "",
        comment_id=comment.pk if comment else None,
        facts={"network": comment.network_key} if comment and comment.network_key else {},
    )


def run(revision: Revision, at: datetime | None = None) -> Judged:
    """
    Return what every rule and scorer says of ``revision``, in their order, the safe HTML, and the policy for combining.

    ``at`` is the moment as of which they judge: now, if not told.

    Nothing raised by the sanitizer, a rule or a scorer gets out: each becomes a finding that holds.
    """
    return _judged(_candidate(revision, at or timezone.now()))


def _candidate(revision: Revision, at: datetime, *, policy_is_fresh: bool = False) -> Candidate | Draft:
    """Return the text ready to be judged, or the finding that it could not be made safe."""
    comment, started = revision.comment, time.perf_counter()
    try:
        rendered = text.to_html(revision.text)
    except Exception as error:
        logger.exception("the sanitizer failed on comment %s", comment.pk)
        return _failure("to_html", "sanitizer_failed", error, started)
    return Candidate(
        text=revision.text,
        rendered=rendered,
        author=comment.author,
        discussion=comment.discussion,
        comment=comment,
        at=at,
        policy_is_fresh=policy_is_fresh,
    )


def run_many(revisions: Sequence[Revision], until: float) -> list[Judged]:
    """
    Return what :func:`run` says of each of ``revisions``, asking the database for all of them at once where rules can.

    Judges at least one, and no more after ``until``, on the monotonic clock: of the last ones nothing is said then.

    A rule that can has ``ahead``: a function that takes the candidates and puts into ``known`` what the rule would
    have asked about each. One that fails, or leaves something out, is made good by the rule itself.
    """
    thresholds.in_force(exact=True)
    now = timezone.now()
    candidates = [_candidate(revision, now, policy_is_fresh=True) for revision in revisions]
    _ask_ahead([candidate for candidate in candidates if isinstance(candidate, Candidate)])
    found: list[Judged] = []
    for candidate in candidates:
        if found and time.monotonic() > until:
            break
        found.append(_judged(candidate))
    return found


def _judged(candidate: Candidate | Draft) -> Judged:
    if isinstance(candidate, Draft):
        return [candidate], None, Policy()
    return judge(candidate), candidate.rendered, Policy(frozenset(candidate.settings.may_fail))


def _ask_ahead(candidates: list[Candidate]) -> None:
    by_rule: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        for path in candidate.settings.rules:
            if path.rsplit(".", 1)[-1] not in candidate.settings.switched_off:
                by_rule.setdefault(path, []).append(candidate)
    for path, asked in by_rule.items():
        try:
            ahead = getattr(_rule(path), "ahead", None)
            if ahead is not None:
                ahead(asked)
        except Exception:
            logger.exception("%s could not ask for %d texts at once; it asks for each", path, len(asked))


def judge(candidate: Candidate) -> list[Draft]:
    """
    Return what every rule and scorer in ``RULES`` says of ``candidate``.

    Those that had nothing to say are named in one finding of their own, ``passed``, with the milliseconds each took.
    """
    passed: dict[str, float] = {}
    off = candidate.settings.switched_off
    clock = _Clock()
    for path, name in _named(candidate.settings.rules):
        if name in off:
            continue
        said, took = _ask(path, name, candidate, clock)
        candidate.findings.extend(said)
        if not said:
            passed[name] = round(took, 3)
    whole = Draft(
        "passed", verdict="publish", facts={"rules": passed}, rule="screening", milliseconds=sum(passed.values())
    )
    return [*candidate.findings, whole]


@lru_cache(maxsize=16)
def _named(rules: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the dotted paths with the name of the rule at their end."""
    return [(path, path.rsplit(".", 1)[-1]) for path in rules]


class _Clock:
    """
    How long a rule took, and how long it worked itself: the wait for a busy machine says nothing about the text.

    The second is asked of the system, which costs as much as a small rule, and so only about a rule that took long.
    What the rules before it worked since the last time is taken off as the time they took, which is never less.
    """

    def __init__(self) -> None:
        self.worked = time.thread_time()
        self.before = 0.0

    def milliseconds(self, started: float, allowed: float) -> tuple[float, float]:
        """Return the milliseconds since ``started``, and those of work if they could be more than ``allowed``, or 0."""
        took = time.perf_counter() - started
        if took * 1000 <= allowed:
            self.before += took
            return took * 1000, 0
        now = time.thread_time()
        work = min(took, max(0.0, now - self.worked - self.before))
        self.worked, self.before = now, 0.0
        return took * 1000, work * 1000


def _ask(path: str, name: str, candidate: Candidate, clock: _Clock) -> tuple[list[Draft], float]:
    started = time.perf_counter()
    code = "rule_failed"
    try:
        rule = _rule(path)
        if isinstance(rule, partial):
            code, name = "scorer_failed", rule.args[0].name
            if candidate.comment is None and rule.args[0].sends_text_offsite:
                # Nobody has posted this yet: it stays here.
                return [], 0
        said = [*rule(candidate)]
    except Exception as error:
        # Scorers may answer "not now", which is no fault of the program.
        why = str(error) if isinstance(error, ScorerFailed) else type(error).__name__
        logger.warning("%s failed (%s)", path, why, exc_info=code == "rule_failed")
        return [_failure(name, code, error, started)], 0
    took, work = clock.milliseconds(started, candidate.settings.rule_milliseconds)
    if work > candidate.settings.rule_milliseconds:
        slow = {"milliseconds": round(work)}
        said.append(
            Draft("scorer_failed", facts={"scorer": name, "why": "slow", **slow})
            if code == "scorer_failed"
            else Draft("rule_slow", facts=slow)
        )
    return [replace(draft, rule=draft.rule or name, milliseconds=draft.milliseconds or took) for draft in said], took


def _failure(rule: str, code: str, error: Exception, started: float) -> Draft:
    facts: dict[str, object] = {"error": type(error).__name__}
    if code == "scorer_failed":
        facts = {"scorer": rule} | (error.facts if isinstance(error, ScorerFailed) else facts)
    return Draft(
        code,
        facts=facts,
        rule=rule,
        milliseconds=(time.perf_counter() - started) * 1000,
    )


def against_what_stands(findings: Sequence[Draft]) -> list[Draft]:
    """
    Return ``findings`` without objections that say nothing against a text that is published already.

    Those are rules about what arrives (everything here waits, the author is new or shut out, comments are closed) and
    rules that failed: they keep a text back, and are no ground to take one down.
    """
    return [finding for finding in findings if finding.code not in ABOUT_ARRIVING | FAILED]


ABOUT_THE_WORDS = frozenset(
    {
        "links",
        "long",
        "short",
        "refused_domain",
        "shouting",
        "only_emoji",
        "language",
        "personal_data",
        "score_over",
        "phrase_suspect",
        "phrase_banned",
        "phrase_unread",
        "repeat",
        "house_rule",
    }
)


def worth_changing(findings: Sequence[Draft]) -> list[Draft]:
    """
    Return those of ``findings`` that other words would do away with, and that would make a difference.

    Where a text waits anyway, because of who wrote it or where, only what would reject it is worth changing.
    """
    objections = [finding for finding in findings if finding.verdict != "publish" and not finding.shadow]
    about = [finding for finding in objections if finding.code in ABOUT_THE_WORDS]
    if len(about) < len(objections):
        return [finding for finding in about if finding.verdict == "reject"]
    return about


def failed_too_often(attempts: int) -> Draft:
    """Return the finding for a text that was begun ``attempts`` times and never finished."""
    return Draft("screening_failed", facts={"attempts": attempts}, rule="screen")


def combine(findings: Sequence[Draft], policy: Policy = Policy()) -> Verdict:  # noqa: B008 (frozen, and empty)
    """
    Return the verdict of ``findings``: the most severe of them; no objection means publish.

    Pure. The order does not matter, and one more objection never makes the outcome more lenient. An unknown verdict
    counts as hold. The failure of a rule holds, and that of a scorer too, unless ``policy.may_fail`` names it. The
    score on record is that of the likeliest removal.
    """
    counted = [finding for finding in findings if not finding.shadow and not _forgiven(finding, policy)]
    worst = max((SEVERITY.get(finding.verdict, 1) for finding in counted), default=0)
    action = next(name for name, severity in SEVERITY.items() if severity == worst)
    reason = min((f.reason or "other" for f in counted if f.verdict == "reject"), default="") if worst == 2 else ""
    scored = max(((f.score, f.version) for f in findings if f.score is not None and not f.shadow), default=(None, ""))
    return Verdict(action, reason=reason, score=scored[0], scorer_version=scored[1])


def _forgiven(finding: Draft, policy: Policy) -> bool:
    return finding.code == "scorer_failed" and finding.verdict == "hold" and finding.rule in policy.may_fail


def advise(
    raw: str, author: Commenter | None = None, discussion: Discussion | None = None
) -> tuple[text.Rendered, list[Draft]]:
    """Return the safe HTML of ``raw`` and what the rules would object to, before anything is posted."""
    rendered = text.to_html(raw)
    candidate = Candidate(text=raw, rendered=rendered, author=author, discussion=discussion)
    return rendered, [draft for draft in judge(candidate) if draft.verdict != "publish" and not draft.shadow]
