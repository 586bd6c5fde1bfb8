"""
Verbs about house rules: write one, change it, switch it, go back to an earlier text; and how often it was right.

A rule is never deleted: findings name it. Who does not want it any more switches it off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, OuterRef, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from comments import discussions, jobs, policy, signals
from comments.exceptions import Refused
from comments.models import (
    Commenter,
    Decider,
    Decision,
    Discussion,
    Finding,
    HouseRule,
    HouseRuleVersion,
    Job,
    PolicyChange,
    Reason,
    Revision,
    Status,
)
from comments.screening import Draft, house_rules
from comments.screening.house_rules import BadRule, Problem, finding_name, finding_version

MOST_RULES = 300
MOST_AT_WORK = 100
"""Rules on or in the shadow: each is asked about every comment."""
RECORD_DAYS = 90
"""How far back hits are counted."""
READY_HITS = 30
READY_PRECISION = 0.85
"""A rule in the shadow is ready when editors rejected this share of at least ``READY_HITS`` of its hits."""
TOLD = 20
"""Comments the desk was told of that are listed."""


def checked(definition: object) -> house_rules.Rule:
    """
    Return ``definition`` ready to be asked, with reasons that are in use.

    Raise :class:`~comments.screening.house_rules.BadRule` with everything that is wrong with it.
    """
    rule = house_rules.read(definition)
    problems = [
        Problem(
            ("then", index, "reason"),
            _("There is no reason “%(code)s”.") % {"code": action["reason"][:60]},
            index + 1,
        )
        for index, action in enumerate(rule.actions)
        if action["do"] == "reject" and not Reason.objects.filter(code=action["reason"], is_active=True).exists()
    ]
    if problems:
        raise BadRule(problems)
    return rule


def get(pk: int) -> HouseRule:
    """Return a rule, or raise ``Refused`` (404)."""
    rule = HouseRule.objects.filter(pk=pk).first()
    if rule is None:
        raise Refused("unknown_rule", _("There is no such house rule."), status=404)
    return rule


def create(name: str, definition: object, *, made_by: Commenter | None, note: str = "") -> HouseRule:
    """Write a rule. It begins switched off."""
    name, clean = _named(name), checked(definition).definition
    with policy.changing():
        if HouseRule.objects.count() >= MOST_RULES:
            raise Refused("too_many_rules", _("There are %(most)d house rules already.") % {"most": MOST_RULES})
        _require_free(name)
        rule = HouseRule.objects.create(name=name, definition=clean)
        _keep(rule, made_by, note)
        policy.record(PolicyChange.Kind.HOUSE_RULE, name, None, clean, made_by, note)
    return rule


def change(
    rule: HouseRule,
    *,
    made_by: Commenter | None,
    name: str | None = None,
    definition: object = None,
    seen: int | None = None,
    note: str = "",
) -> HouseRule:
    """
    Give ``rule`` another name, or another text under the next number; the earlier ones are kept.

    Raise ``Refused`` (409) when the rule is no longer at number ``seen``. The same text again makes no new version.
    """
    clean = checked(definition).definition if definition is not None else None
    name = _named(name) if name is not None else None
    with policy.changing():
        rule = _locked(rule)
        if seen is not None and seen != rule.number:
            raise Refused(
                "rule_changed",
                _("Someone else has changed this rule: it is at version %(number)d now.") % {"number": rule.number},
                status=409,
                number=rule.number,
            )
        before = {"name": rule.name, "definition": rule.definition}
        if name is not None and name != rule.name:
            _require_free(name)
            rule.name = name
        if clean is not None and clean != rule.definition:
            rule.definition, rule.number = clean, rule.number + 1
            if rule.state == HouseRule.State.SHADOW:
                rule.shadow_since = timezone.now()
        after = {"name": rule.name, "definition": rule.definition}
        if before == after:
            return rule
        rule.save()
        if before["definition"] != after["definition"]:
            _keep(rule, made_by, note)
        policy.record(PolicyChange.Kind.HOUSE_RULE, rule.name, before, after, made_by, note)
    return rule


def switch(rule: HouseRule, state: str, *, made_by: Commenter | None, note: str = "") -> HouseRule:
    """Switch ``rule`` off, on, or to the shadow, where it only writes down what it would do."""
    if state not in HouseRule.State.values:
        raise Refused("unknown_state", _("A rule is off, on or in the shadow."))
    with policy.changing():
        rule = _locked(rule)
        if rule.state == state:
            return rule
        if state != HouseRule.State.OFF:
            checked(rule.definition)
            at_work = HouseRule.objects.exclude(state=HouseRule.State.OFF).exclude(pk=rule.pk).count()
            if at_work >= MOST_AT_WORK:
                raise Refused(
                    "too_many_rules",
                    _("%(most)d rules are at work already. Switch one off first.") % {"most": MOST_AT_WORK},
                )
        before, rule.state = rule.state, state
        rule.shadow_since = timezone.now() if state == HouseRule.State.SHADOW else None
        rule.save(update_fields=["state", "shadow_since", "changed_at"])
        policy.record(PolicyChange.Kind.HOUSE_RULE, rule.name, {"state": before}, {"state": state}, made_by, note)
    return rule


def go_back(rule: HouseRule, number: int, *, made_by: Commenter | None, seen: int | None = None) -> HouseRule:
    """Give ``rule`` the text of an earlier version again, under the next number."""
    earlier = HouseRuleVersion.objects.filter(rule=rule, number=number).first()
    if earlier is None:
        raise Refused("unknown_version", _("There is no version %(number)d.") % {"number": number}, status=404)
    note = _("Back to version %(number)d") % {"number": number}
    return change(rule, made_by=made_by, definition=earlier.definition, seen=seen, note=note)


def _locked(rule: HouseRule) -> HouseRule:
    return HouseRule.objects.select_for_update().get(pk=rule.pk)


def _named(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > 120 or "\x00" in name:
        raise Refused("bad_name", _("A rule has a name of at most %(most)d characters.") % {"most": 120})
    return name


def _require_free(name: str) -> None:
    if HouseRule.objects.filter(name=name).exists():
        raise Refused("name_taken", _("There is a house rule “%(name)s” already.") % {"name": name}, status=409)


def _keep(rule: HouseRule, made_by: Commenter | None, note: str) -> None:
    HouseRuleVersion.objects.create(
        rule=rule, number=rule.number, definition=rule.definition, made_by=made_by, note=note[:500]
    )


# --- What a hit sets going --------------------------------------------------------------------------------------------


def follow_up(revision: Revision, drafts: Iterable[Draft]) -> None:
    """
    Write down what the rules that matched ``revision`` want done beside its verdict: closing the discussion.

    Call inside the transaction that keeps the findings: a job is found and done whatever happens to this process.
    """
    for draft in drafts:
        if draft.code == "house_rule" and not draft.shadow and "close" in draft.facts:
            job = jobs.begin(
                "house_rule_close",
                {"discussion": revision.comment.discussion_id, "say": draft.facts["close"], "rule": draft.facts["id"]},
                made_by=None,
                subject=draft.rule,
            )
            transaction.on_commit(lambda pk=job.pk: _tell(pk), robust=True)  # type: ignore[misc]
            return


def _tell(job_id: int) -> None:
    signals.job_begun.send_robust(Job, job_id=job_id)


@jobs.kind("house_rule_close")
def _close(job: Job) -> Iterator[None]:
    """Close one discussion, once: one that is closed stays as it is."""
    asked = job.arguments
    discussion = Discussion.objects.filter(pk=asked["discussion"]).exclude(mode=Discussion.Mode.CLOSED).first()
    if discussion is not None:
        discussions.close(discussion, reason=asked.get("say", ""))
    job.done = job.total = 1
    yield


# --- How often it was right -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    """What a rule's hits came to: of those an editor decided about, how many were rejected."""

    hits: int = 0
    rejected: int = 0
    published: int = 0

    @property
    def decided(self) -> int:
        return self.rejected + self.published

    @property
    def precision(self) -> float | None:
        """The rejected share of what editors decided, 0 to 1; ``None`` before they decided anything."""
        return self.rejected / self.decided if self.decided else None

    @property
    def percent(self) -> int | None:
        return None if self.precision is None else round(100 * self.precision)

    @property
    def is_ready(self) -> bool:
        return self.decided >= READY_HITS and (self.precision or 0) >= READY_PRECISION


def last_decisions(revisions: Any) -> Any:
    """Return, for use as an annotation, what editors last made of a revision: ``published``, ``rejected``, ``held``."""
    mine = Decision.objects.filter(revision=OuterRef(revisions), decider=Decider.EDITOR)
    return Subquery(mine.order_by("-id").values("to_status")[:1])


def records(rules: Sequence[HouseRule]) -> dict[int, Record]:
    """
    Return the record of each rule's version in force over the last :data:`RECORD_DAYS` days; in the shadow, since then.

    From findings and the editors' last decisions. One query.
    """
    if not rules:
        return {}
    since = timezone.now() - timedelta(days=RECORD_DAYS)
    counted = (
        Finding.objects.filter(
            code="house_rule", rule__in=[finding_name(rule.pk) for rule in rules], created_at__gte=since
        )
        .annotate(last=last_decisions("revision"))
        .values_list("rule_version", "last")
        .annotate(count=Count("revision", distinct=True))
        .order_by()
    )
    by_version: dict[str, dict[str | None, int]] = {}
    for version, last, count in counted:
        by_version.setdefault(version, {})[last] = count
    found = {}
    for rule in rules:
        outcomes = by_version.get(finding_version(rule.pk, rule.number), {})
        found[rule.pk] = Record(
            hits=sum(outcomes.values()),
            rejected=outcomes.get(Status.REJECTED, 0),
            published=outcomes.get(Status.PUBLISHED, 0),
        )
    return found


def hint(rule: HouseRule, record: Record) -> str:
    """Return what its record says about switching ``rule`` on, in a sentence; empty when it is not in the shadow."""
    if rule.state != HouseRule.State.SHADOW:
        return ""
    numbers = {
        "percent": record.percent,
        "decided": record.decided,
        "needed": READY_HITS,
        "asked": round(100 * READY_PRECISION),
    }
    if record.is_ready:
        return (
            _("Ready to switch on: editors rejected %(percent)d %% of the %(decided)d hits they decided about.")
            % numbers
        )
    if record.decided < READY_HITS:
        return (
            ngettext(
                "Not enough to go by yet: %(decided)d hit decided, of %(needed)d.",
                "Not enough to go by yet: %(decided)d hits decided, of %(needed)d.",
                record.decided,
            )
            % numbers
        )
    return _("Not ready: editors rejected %(percent)d %% of %(decided)d hits; %(asked)d %% is what it takes.") % numbers


def told(limit: int = TOLD) -> list[tuple[Finding, HouseRule]]:
    """Return the latest comments that rules told the desk of, with the rule, newest first. Two queries."""
    rules = {
        finding_name(rule.pk): rule
        for rule in HouseRule.objects.all()
        if any(action.get("do") == "notify" for action in rule.definition.get("then", []))
    }
    if not rules:
        return []
    found = (
        Finding.objects.filter(code="house_rule", rule__in=rules, evidence__notify=True, evidence__shadow__isnull=True)
        .select_related("revision__comment__author", "revision__comment__discussion")
        .order_by("-id")[:limit]
    )
    return [(finding, rules[finding.rule]) for finding in found]
