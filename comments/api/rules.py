"""House rules for programs: the same verbs as on the desk, and trying one on the past."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from comments import house_rules, rule_trials, tasks
from comments.api import described
from comments.api.bodies import read
from comments.api.described import call
from comments.api.endpoint import Governing, answer, moment, signed_in
from comments.api.forms import ChangedRuleForm, RuleForm, RuleStateForm, TrialForm, UnsavedTrialForm
from comments.api.jobs import as_data
from comments.house_rules import Record
from comments.models import HouseRule, HouseRuleVersion
from comments.screening.house_rules import as_sentence, schema

RULE = OpenApiParameter("rule_id", described.ID, OpenApiParameter.PATH)


def _rule(rule: HouseRule, record: Record | None = None) -> dict[str, Any]:
    if record is None:
        record = house_rules.records([rule])[rule.pk]
    return {
        "id": rule.pk,
        "name": rule.name,
        "state": rule.state,
        "number": rule.number,
        "definition": rule.definition,
        "sentence": as_sentence(rule.definition),
        "record": {
            "hits": record.hits,
            "rejected": record.rejected,
            "published": record.published,
            "precision": record.precision,
        },
        "hint": house_rules.hint(rule, record),
        "shadow_since": moment(rule.shadow_since),
        "created_at": moment(rule.created_at),
        "changed_at": moment(rule.changed_at),
    }


def _saved(rule: HouseRule, status: int = 200) -> HttpResponse:
    """Answer with a rule and what has to be said about how much it matches."""
    said = rule_trials.warning(house_rules.checked(rule.definition))
    return answer(_rule(rule) | {"warnings": [said] if said else []}, status)


class RulesView(Governing):
    @call(
        "house_rules",
        "moderation",
        "The editors' own rules in the order in which they are asked, and the language they are written in",
        {200: described.HouseRulesSerializer},
        refusals=[401, 403],
        scope="moderate",
    )
    def get(self, request: Request) -> HttpResponse:
        rules = list(HouseRule.objects.all())
        records = house_rules.records(rules)
        return answer({"results": [_rule(rule, records[rule.pk]) for rule in rules], "language": schema()})

    @call(
        "add_house_rule",
        "moderation",
        "Write a rule; it begins switched off. `warnings` has a sentence when it matches most of what is written",
        {201: described.SavedHouseRuleSerializer},
        request=RuleForm,
        refusals=[400, 401, 403, 409, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request) -> HttpResponse:
        said = read(request, RuleForm)
        rule = house_rules.create(
            said["name"], said["definition"], made_by=signed_in(request), note=said.get("note", "")
        )
        return _saved(rule, 201)


class RuleView(Governing):
    @call(
        "house_rule",
        "moderation",
        "One rule, with how often it was right",
        {200: described.HouseRuleSerializer},
        parameters=[RULE],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def get(self, request: Request, rule_id: int) -> HttpResponse:
        return answer(_rule(house_rules.get(rule_id)))

    @call(
        "change_house_rule",
        "moderation",
        "Change a rule; another text is a new version. 409 if it is no longer at the `number` you looked at",
        {200: described.SavedHouseRuleSerializer},
        request=ChangedRuleForm,
        parameters=[RULE],
        refusals=[400, 401, 403, 404, 409, 413, 415],
        scope="moderate",
    )
    def put(self, request: Request, rule_id: int) -> HttpResponse:
        said = read(request, ChangedRuleForm)
        rule = house_rules.change(
            house_rules.get(rule_id),
            made_by=signed_in(request),
            name=said.get("name"),
            definition=said["definition"],
            seen=said.get("number"),
            note=said.get("note", ""),
        )
        return _saved(rule)


class RuleStateView(Governing):
    @call(
        "switch_house_rule",
        "moderation",
        "Switch a rule off, on, or to the shadow, where it only writes down what it would do",
        {200: described.HouseRuleSerializer},
        request=RuleStateForm,
        parameters=[RULE],
        refusals=[400, 401, 403, 404, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request, rule_id: int) -> HttpResponse:
        said = read(request, RuleStateForm)
        rule = house_rules.switch(
            house_rules.get(rule_id), said["state"], made_by=signed_in(request), note=said.get("note", "")
        )
        return answer(_rule(rule))


class RuleVersionsView(Governing):
    @call(
        "house_rule_versions",
        "moderation",
        "Every text a rule has had, the latest first",
        {200: described.HouseRuleVersionsSerializer},
        parameters=[RULE],
        refusals=[401, 403, 404],
        scope="moderate",
    )
    def get(self, request: Request, rule_id: int) -> HttpResponse:
        rule = house_rules.get(rule_id)
        return answer({"results": [_version(one) for one in rule.versions.select_related("made_by")]})


def _version(version: HouseRuleVersion) -> dict[str, Any]:
    return {
        "number": version.number,
        "definition": version.definition,
        "sentence": as_sentence(version.definition),
        "note": version.note,
        "made_by": version.made_by.name if version.made_by else None,
        "created_at": moment(version.created_at),
    }


class RuleTrialView(Governing):
    @call(
        "try_house_rule",
        "moderation",
        "Try a rule on the past, in the background: see `moderation/jobs/{job_id}/`",
        {202: described.TrialSerializer},
        request=TrialForm,
        parameters=[RULE],
        refusals=[400, 401, 403, 404, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request, rule_id: int) -> HttpResponse:
        said = read(request, TrialForm)
        rule = house_rules.get(rule_id)
        return _begun(rule.definition, said["days"], request, rule)


class UnsavedTrialView(Governing):
    @call(
        "try_definition",
        "moderation",
        "Try a rule that is not saved on the past",
        {202: described.TrialSerializer},
        request=UnsavedTrialForm,
        refusals=[400, 401, 403, 413, 415],
        scope="moderate",
    )
    def post(self, request: Request) -> HttpResponse:
        said = read(request, UnsavedTrialForm)
        return _begun(said["definition"], said["days"], request)


def _begun(definition: object, days: int, request: Request, rule: HouseRule | None = None) -> HttpResponse:
    job = rule_trials.begin(definition, days, made_by=signed_in(request), rule=rule)
    tasks.run_job.delay_on_commit(job.pk)
    return answer(as_data(job), 202)
