"""What a rule is given, what it says, and what all of them say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from django.utils import timezone

from comments import conf, languages, thresholds
from comments.access import Standing, is_staff, standing
from comments.models import Comment, Commenter, Discussion, Finding, Revision
from comments.text import Rendered, digest

SEVERITY = {"publish": 0, "hold": 1, "reject": 2}


@dataclass(frozen=True, slots=True)
class Draft:
    """A finding before it is stored. ``spans`` are ``[start, end]`` offsets into the text as typed."""

    code: str
    verdict: str = "hold"
    spans: tuple[tuple[int, int], ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    score: float | None = None
    reason: str = ""
    """For a rejection: the code of the reason its author is given."""
    rule: str = ""
    version: str = ""
    """Of the scorer or house rule that said it."""
    milliseconds: float = 0
    shadow: bool = False
    """Only written down: it takes no part in the verdict."""

    def as_row(self, revision: Revision) -> Finding:
        evidence: dict[str, Any] = dict(self.facts)
        if self.spans:
            evidence["spans"] = [list(span) for span in self.spans]
        if self.shadow:
            evidence["shadow"] = self.verdict
        return Finding(
            revision=revision,
            rule=self.rule,
            verdict="publish" if self.shadow else self.verdict,
            code=self.code,
            evidence=evidence,
            score=self.score,
            rule_version=self.version,
            milliseconds=round(self.milliseconds, 3),
        )


def latest_run(findings: Sequence[Finding]) -> list[Finding]:
    """
    Return those of one text's ``findings``, oldest first, that say how it stands: the last screening's, and later ones.

    Each screening ends with a finding ``passed``, so what was said before the last but one is from an earlier run.
    """
    ends = [place for place, finding in enumerate(findings) if finding.code == "passed"]
    return list(findings[ends[-2] + 1 :] if len(ends) > 1 else findings)


@dataclass(frozen=True, slots=True)
class Policy:
    """What :func:`~comments.screening.engine.combine` has to know of the newsroom's wishes."""

    may_fail: frozenset[str] = frozenset()
    """Names of scorers whose failure alone does not hold."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer for one text: ``action`` is ``publish``, ``hold``, ``reject`` or, for authors, ``withdraw``."""

    action: str
    reason: str = ""
    ground: str = ""
    legal_ground: str = ""
    explanation: str = ""
    private_note: str = ""
    score: float | None = None
    scorer_version: str = ""
    html: str | None = None
    sanitizer_version: str = ""
    language: str = ""

    def about(self, rendered: Rendered) -> Verdict:
        """Return this verdict with what the worker made of the text, and the language it is in."""
        language = languages.told(rendered.text)
        return replace(self, html=rendered.html, sanitizer_version=rendered.version, language=language)


@dataclass
class Candidate:
    """
    A text to be judged, with what rules ask about most. Properties that cost a query are fetched once, when asked.

    ``comment`` is ``None`` while someone is still writing (advice before posting): then there is no record of it yet.
    """

    text: str
    rendered: Rendered
    author: Commenter | None
    discussion: Discussion | None
    comment: Comment | None = None
    at: datetime = field(default_factory=timezone.now)
    settings: conf.Settings = field(init=False)
    known: dict[str, Any] = field(default_factory=dict)
    """What was asked of the database for many texts at once, by the name of the rule that would ask."""
    policy_is_fresh: InitVar[bool] = False
    """The caller has just asked whether the policy in memory is the one in force."""
    findings: list[Draft] = field(default_factory=list)
    """What those asked before have said, scorers among them. A rule that reads it stands after them in ``RULES``."""

    def __post_init__(self, policy_is_fresh: bool) -> None:
        self.settings = thresholds.of(self.discussion, exact=not policy_is_fresh)

    def score(self, name: str = "local") -> float | None:
        """Return the probability that the scorer ``name`` gave, 0 to 1; ``None`` when it gave none."""
        return next((draft.score for draft in self.findings if draft.rule == name and draft.score is not None), None)

    @property
    def by_staff(self) -> bool:
        return is_staff(self.author)

    @cached_property
    def trusted(self) -> bool:
        """The rules for readers leave the author alone: staff, and experts where ``TRUST_EXPERTS`` says so."""
        expert = self.author is not None and self.author.badge == Commenter.Badge.EXPERT
        return self.by_staff or (expert and self.settings.trust_experts)

    @cached_property
    def standing(self) -> Standing:
        """How the author stands at that moment; one query. Before there is a comment, the network is not known."""
        if self.author is None:
            return Standing()
        found: Standing | None = self.known.get("standing")
        return found or standing(self.author, self.network_key, self.at)

    @property
    def network_key(self) -> str:
        return self.comment.network_key if self.comment else ""

    @cached_property
    def text_hash(self) -> str:
        return digest(self.text)
