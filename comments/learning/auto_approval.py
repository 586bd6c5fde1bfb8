"""
Approval by score: opt-in for a section, begun in the shadow, proved before it is armed, and disarming itself.

It only ever publishes what would wait for no other reason than that everything there waits. It never rejects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from comments import policy, thresholds
from comments.exceptions import Refused
from comments.learning import drift, figures, versions
from comments.learning.why import sentence
from comments.models import Audit, AutoApproval, Commenter, Finding, Lesson, PolicyChange, ScoringModel
from comments.screening.scorers import site

NEEDED_DECISIONS = 1_000
NEEDED_REMOVALS = 100
NEEDED_REVIEWED = 300
STRICTEST, LOOSEST = 0.001, 0.2

State = AutoApproval.State


@dataclass(frozen=True, slots=True)
class Proof:
    """What editors did with texts the score would approve, or did approve."""

    reviewed: int
    harmful: int

    @property
    def bound(self) -> float:
        """The largest share of wrong approvals this still allows, 95 % sure."""
        return figures.most_likely_at_most(self.harmful, self.reviewed)


# --- Thresholds -------------------------------------------------------------------------------------------------------


def threshold(scored: Sequence[tuple[float, bool]], limit: float) -> float | None:
    """
    Return the largest probability below which wrong approvals stay within ``limit`` by their upper bound.

    ``scored`` are (probability before it was learnt, rejected). ``None`` when even the lowest scores prove too little.
    """
    ordered = sorted(scored)
    best, harmful = None, 0
    for count, (p, rejected) in enumerate(ordered, start=1):
        harmful += rejected
        last_of_its_kind = count == len(ordered) or ordered[count][0] > p
        if last_of_its_kind and count >= NEEDED_REVIEWED and figures.most_likely_at_most(harmful, count) <= limit:
            best = ordered[count][0] if count < len(ordered) else min(1.0, p + 1e-9)
    return best


def thresholds_for(scored: Sequence[tuple[str, float, bool]]) -> dict[str, dict[str, float]]:
    """Return for each section that uses approval by score a threshold for its limit, by held-back (section, p, no)."""
    found: dict[str, dict[str, float]] = {}
    for row in AutoApproval.objects.exclude(state=State.OFF):
        own = [(p, rejected) for section, p, rejected in scored if section == row.section]
        best = threshold(own, row.limit)
        if best is not None:
            found[row.section] = {str(row.limit): best}
    return found


def _on_record(section: str, version: str) -> list[tuple[float, bool]]:
    rows = Lesson.objects.filter(
        model_version=version, probability__isnull=False, revision__comment__discussion__section=section
    ).order_by("-id")[:5_000]
    return [(p, rejected) for p, rejected in rows.values_list("probability", "rejected") if p is not None]


# --- Proof ------------------------------------------------------------------------------------------------------------


def proof(row: AutoApproval) -> Proof:
    """
    Return what is known of this section's threshold: shadow approvals that editors have decided, and spot checks.

    Both are free of choice: in the shadow everything is decided by an editor, and spot checks are drawn by lot.
    """
    if row.since is None:
        return Proof(0, 0)
    shadow = (
        Finding.objects.filter(
            code="would_approve",
            rule_version=row.model_version,
            created_at__gte=row.since,
            revision__comment__discussion__section=row.section,
        )
        .filter(revision__lessons__created_at__gte=row.since)
        .values_list("revision", "revision__lessons__id", "revision__lessons__rejected")
        .order_by("revision__lessons__id")
    )
    last_word = {revision: rejected for revision, _lesson, rejected in shadow}
    audited = checked(row)
    return Proof(len(last_word) + audited.reviewed, sum(map(bool, last_word.values())) + audited.harmful)


def checked(row: AutoApproval) -> Proof:
    """Return the decided spot checks of what the score approved here."""
    if row.since is None:
        return Proof(0, 0)
    decided = Audit.objects.filter(
        section=row.section, by_score=True, created_at__gte=row.since, decided_at__isnull=False
    ).values_list("decision__verdict", flat=True)
    verdicts = list(decided)
    return Proof(len(verdicts), verdicts.count("reject"))


# --- Switching --------------------------------------------------------------------------------------------------------


def row_of(section: str) -> AutoApproval:
    """Return the section's row, or what it would be: off."""
    return AutoApproval.objects.filter(section=section).first() or AutoApproval(section=section)


def set_state(section: str, state: str, *, made_by: Commenter | None, limit: float | None = None) -> AutoApproval:
    """
    Turn approval by score off, into the shadow or on, for one section. Raise ``Refused`` with what is missing.

    The shadow needs a threshold, which needs enough decided texts of the section; ``armed`` needs what
    :func:`refusals` says. Another limit begins a new shadow run.
    """
    if state not in (State.OFF, State.SHADOW, State.ARMED):
        raise Refused("unknown_state", _("Choose off, shadow or armed."))
    if limit is not None and not STRICTEST <= limit <= LOOSEST:
        raise Refused("bad_limit", _("The limit is a share from 0.001 to 0.2."))
    with versions.alone() as active:
        row = row_of(section)
        before = {"state": row.state, "limit": row.limit, "threshold": row.threshold}
        other_limit = limit is not None and limit != row.limit
        if state == State.ARMED:
            why = refusals(row, active) if not other_limit else [["limit_changed"]]
            if why:
                raise Refused("not_proved", " ".join(sentence(each) for each in why), status=409)
        row.limit = row.limit if limit is None else limit
        if state == State.SHADOW and (row.state != State.SHADOW or other_limit):
            _into_the_shadow(row, active)
        row.state, row.why = state, []
        _save(row, before, made_by)
    return row


def _into_the_shadow(row: AutoApproval, active: ScoringModel | None) -> None:
    why = _early(active)
    if not why and active is not None:
        row.model_version = f"site-{active.number}"
        kept = active.metrics.get("thresholds", {}).get(row.section, {}).get(str(row.limit))
        row.threshold = kept or threshold(_on_record(row.section, row.model_version), row.limit)
        row.since = timezone.now()
        if row.threshold is None:
            why = [["no_threshold", NEEDED_REVIEWED, row.limit]]
    if why:
        raise Refused("not_proved", " ".join(sentence(each) for each in why), status=409)


def _early(active: ScoringModel | None) -> list[list[Any]]:
    decisions, removals = (active.decision_count, active.removal_count) if active else (0, 0)
    why: list[list[Any]] = []
    if decisions < NEEDED_DECISIONS:
        why.append(["few_decisions", decisions, NEEDED_DECISIONS])
    if removals < NEEDED_REMOVALS:
        why.append(["few_removals", removals, NEEDED_REMOVALS])
    return why


def refusals(row: AutoApproval, active: ScoringModel | None) -> list[list[Any]]:
    """Return what stands against arming this section, as codes and numbers."""
    why = _early(active)
    if row.threshold is None or row.since is None or row.state not in (State.SHADOW, State.ARMED):
        return [*why, ["no_shadow"]]
    if active is None or row.model_version != f"site-{active.number}":
        return [*why, ["model_changed"]]
    known = proof(row)
    if known.reviewed < NEEDED_REVIEWED:
        why.append(["few_reviewed", known.reviewed, NEEDED_REVIEWED])
    elif known.bound > row.limit:
        why.append(["over_limit", known.harmful, known.reviewed, round(known.bound, 4), row.limit])
    return why + _moved()


def _moved() -> list[list[Any]]:
    index = drift.stability()
    return [["drift", round(index, 3), drift.MOVED]] if index is not None and index > drift.MOVED else []


def _save(row: AutoApproval, before: dict[str, Any], made_by: Commenter | None, note: str = "") -> None:
    with policy.changing():
        row.save()
        after = {"state": row.state, "limit": row.limit, "threshold": row.threshold}
        policy.record(PolicyChange.Kind.AUTO_APPROVAL, f"section:{row.section}", before, after, made_by, note)


# --- Watching ---------------------------------------------------------------------------------------------------------


def watch() -> list[AutoApproval]:
    """
    Disarm where it may not go on, with the reason; return those it disarmed. Safe to run at any time.

    Until this runs, nothing is approved on a score that is not there, or of another model: see the rule.
    """
    disarmed = []
    if not AutoApproval.objects.filter(state__in=[State.ARMED, State.SHADOW]).exists():
        return []
    thresholds.in_force(exact=True)
    with versions.alone() as active, transaction.atomic():
        for row in AutoApproval.objects.filter(state__in=[State.ARMED, State.SHADOW]):
            if row.state == State.SHADOW:
                _follow(row, active)
                continue
            why = _against(row, active)
            if not why:
                continue
            before = {"state": row.state, "limit": row.limit, "threshold": row.threshold}
            row.state, row.why = State.DISARMED, why
            _save(row, before, None, sentence(why[0]))
            disarmed.append(row)
    return disarmed


def _follow(row: AutoApproval, active: ScoringModel | None) -> None:
    """Let a shadow run begin anew with the model in use, when it knows a threshold."""
    if active is None or row.model_version == f"site-{active.number}":
        return
    best = active.metrics.get("thresholds", {}).get(row.section, {}).get(str(row.limit))
    if best is not None:
        before = {"state": row.state, "limit": row.limit, "threshold": row.threshold}
        row.threshold, row.model_version, row.since = best, f"site-{active.number}", timezone.now()
        _save(row, before, None)


def _against(row: AutoApproval, active: ScoringModel | None) -> list[list[Any]]:
    health = site.health()
    if not health.ok:
        return [["scorer", health.detail]]
    if active is None or row.model_version != f"site-{active.number}":
        best = (active.metrics.get("thresholds", {}).get(row.section, {}) if active else {}).get(str(row.limit))
        if active is None or best is None:
            return [["model_changed"]]
        before = {"state": row.state, "limit": row.limit, "threshold": row.threshold}
        row.threshold, row.model_version = best, f"site-{active.number}"
        _save(row, before, None)
    known = checked(row)
    pooled = proof(row)
    for each in (pooled, known):
        if each.reviewed >= NEEDED_REVIEWED and each.bound > row.limit:
            return [["over_limit", each.harmful, each.reviewed, round(each.bound, 4), row.limit]]
    if figures.least_likely_at_least(known.harmful, known.reviewed) > row.limit:
        # Too few for the bound above, and still too many of them wrong for chance.
        return [["over_limit", known.harmful, known.reviewed, round(known.bound, 4), row.limit]]
    return _moved()
