"""Run every rule, whatever the others said; turn what they said into one verdict, purely."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from django.utils.module_loading import import_string

from comments import text
from comments.models import Commenter, Discussion, Revision
from comments.screening.verdicts import SEVERITY, Candidate, Draft, Verdict

logger = logging.getLogger(__name__)

Rule = Callable[[Candidate], Iterable[Draft]]


@lru_cache(maxsize=64)
def _rule(path: str) -> Rule:
    rule: Rule = import_string(path)
    return rule


def run(revision: Revision) -> tuple[list[Draft], text.Rendered | None]:
    """
    Return what every rule says of ``revision``, in the order of the rules, and the safe HTML.

    Nothing raised by the sanitizer or by a rule gets out: each becomes a finding that holds.
    """
    comment = revision.comment
    started = time.perf_counter()
    try:
        rendered = text.to_html(revision.text)
    except Exception as error:
        logger.exception("the sanitizer failed on comment %s", comment.pk)
        return [_failure("comments.text.to_html", "sanitizer_failed", error, started)], None
    candidate = Candidate(
        text=revision.text,
        rendered=rendered,
        author=comment.author,
        discussion=comment.discussion,
        comment=comment,
    )
    return judge(candidate), rendered


def judge(candidate: Candidate) -> list[Draft]:
    """Return what every rule in ``RULES`` says of ``candidate``."""
    return [draft for path in candidate.settings.rules for draft in _ask(path, candidate)]


def _ask(path: str, candidate: Candidate) -> list[Draft]:
    started, worked = time.perf_counter(), time.thread_time()
    name = path.rsplit(".", 1)[-1]
    try:
        said = [*_rule(path)(candidate)]
    except Exception as error:
        logger.exception("the rule %s failed", path)
        return [_failure(name, "rule_failed", error, started)]
    took = (time.perf_counter() - started) * 1000
    # The rule's own work, not the wait for a busy machine: that says nothing about the text.
    work = (time.thread_time() - worked) * 1000
    if work > candidate.settings.rule_milliseconds:
        said.append(Draft("rule_slow", facts={"milliseconds": round(work)}))
    return [replace(draft, rule=name, milliseconds=took) for draft in said]


def _failure(rule: str, code: str, error: Exception, started: float) -> Draft:
    return Draft(
        code,
        facts={"error": type(error).__name__},
        rule=rule.rsplit(".", 1)[-1],
        milliseconds=(time.perf_counter() - started) * 1000,
    )


def failed_too_often(attempts: int) -> Draft:
    """Return the finding for a text that was begun ``attempts`` times and never finished."""
    return Draft("screening_failed", facts={"attempts": attempts}, rule="screen")


def combine(drafts: Sequence[Draft]) -> Verdict:
    """
    Return the verdict of ``drafts``: the most severe of them; no objection means publish.

    Pure. The order does not matter, and one more objection never makes the outcome more lenient. An unknown verdict
    counts as hold.
    """
    worst = max((SEVERITY.get(draft.verdict, 1) for draft in drafts), default=0)
    action = next(name for name, severity in SEVERITY.items() if severity == worst)
    reason = min((d.reason or "other" for d in drafts if d.verdict == "reject"), default="") if worst == 2 else ""
    score = max((draft.score for draft in drafts if draft.score is not None), default=None)
    return Verdict(action, reason=reason, score=score)


def advise(
    raw: str, author: Commenter | None = None, discussion: Discussion | None = None
) -> tuple[text.Rendered, list[Draft]]:
    """Return the safe HTML of ``raw`` and what the rules would object to, before anything is posted."""
    rendered = text.to_html(raw)
    candidate = Candidate(text=raw, rendered=rendered, author=author, discussion=discussion)
    return rendered, [draft for draft in judge(candidate) if draft.verdict != "publish"]
