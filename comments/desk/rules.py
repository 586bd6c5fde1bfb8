"""House rules on the desk: a form that reads like a sentence, tried on the past before it is switched on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.messages import get_messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from comments import house_rules, jobs, rule_trials, tasks, text
from comments.desk import frame, views
from comments.desk.frame import for_those_who
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Decider, Decision, HouseRule, Job, Reason, Revision
from comments.screening.house_rules import (
    ACTIONS,
    AMOUNTS,
    FIELDS,
    MOST_ACTIONS,
    MOST_CONDITIONS,
    BadRule,
    Facts,
    Field,
    Place,
    Subject,
    action_in_words,
    as_sentence,
    clause,
    finding_name,
    named,
)

PAGE = "admin:comments_desk_rule"
NEW = "admin:comments_desk_new_rule"
FIRST = "comment.links|at_least"
GROUPS = {
    "comment": gettext_lazy("The comment"),
    "author": gettext_lazy("Its author"),
    "article": gettext_lazy("The article"),
    "time": gettext_lazy("The time"),
    "findings": gettext_lazy("Other rules"),
    "score": gettext_lazy("Scores"),
}
HINTS = {
    "words": gettext_lazy("One, or several with commas between them."),
    "domains": gettext_lazy("Such as example.org; several with commas between them."),
    "hours": gettext_lazy("From and to, such as 22-6."),
}
OUTCOMES = {
    "published": gettext_lazy("Published all the same"),
    "rejected": gettext_lazy("Rejected"),
    "waiting": gettext_lazy("Waiting"),
    "screening": gettext_lazy("Decided by screening alone"),
}
TONES = {"published": "publish", "rejected": "reject", "waiting": "hold", "screening": "plain"}
WIDE, HIGH = 780, 110
"""Size of the chart, in units of its own."""


# --- The form ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Row:
    """One condition or action as it stands in the form."""

    ask: str
    value: str = ""
    join: str = "and"
    errors: list[str] = field(default_factory=list)

    @property
    def about(self) -> Field | None:
        return named(self.ask.partition("|")[0])

    @property
    def hint(self) -> str:
        if self.about is None:
            return ""
        if self.about.choices:
            return _("One or more of: %(choices)s.") % {"choices": ", ".join(self.about.choices)}
        return str(HINTS.get(self.about.kind, ""))


@dataclass(slots=True)
class Written:
    """What stands in the form, right or wrong."""

    name: str = ""
    note: str = ""
    when: list[Row] = field(default_factory=lambda: [Row(FIRST, "1")])
    unless: list[Row] = field(default_factory=list)
    then: list[Row] = field(default_factory=lambda: [Row("hold")])
    typed: str | None = None
    """The definition as JSON, for rules that are more than rows."""
    errors: list[str] = field(default_factory=list)
    name_error: str = ""

    @classmethod
    def of(cls, name: str, definition: Mapping[str, Any]) -> Written:
        """Return the form for a definition; one with groups inside groups is shown as JSON."""
        when, unless = _rows(definition["when"]), _rows(definition.get("unless") or {"all": []})
        if when is None or unless is None:
            return cls(name, typed=json.dumps(definition, indent=2, ensure_ascii=False))
        return cls(name, "", when, unless, [_action_row(one) for one in definition["then"]])

    @classmethod
    def sent(cls, data: Mapping[str, str]) -> Written:
        def rows(part: str, most: int) -> list[Row]:
            return [
                Row(data[f"{part}-{n}-ask"][:100], data.get(f"{part}-{n}-value", "")[:2000], _join(part, n))
                for n in range(most + 1)
                if f"{part}-{n}-ask" in data
            ]

        def _join(part: str, n: int) -> str:
            return "or" if data.get(f"{part}-{n}-join") == "or" else "and"

        return cls(
            data.get("name", ""),
            data.get("note", ""),
            rows("when", MOST_CONDITIONS),
            rows("unless", MOST_CONDITIONS),
            rows("then", MOST_ACTIONS),
            data.get("typed"),
        )

    def definition(self) -> Any:
        """Return what is written, as the language has it; nothing is checked here."""
        if self.typed is not None:
            try:
                return json.loads(self.typed)
            except (ValueError, RecursionError):
                raise Refused("malformed", _("The text is not JSON.")) from None
        found: dict[str, Any] = {"when": _group(self.when), "then": [_action(row) for row in self.then]}
        if self.unless:
            found["unless"] = _group(self.unless)
        return found

    def complain(self, refused: Refused) -> None:
        """Put each sentence beside what it is about."""
        problems = refused.problems if isinstance(refused, BadRule) else []
        if refused.code in ("name_taken", "bad_name"):
            self.name_error = refused.detail
        elif not problems or self.typed is not None:
            self.errors += [str(one) for one in problems] or [refused.detail]
        for problem in problems if self.typed is None else ():
            row = self._row_at(problem.place)
            if row is None:
                self.errors.append(problem.sentence)
            else:
                row.errors.append(problem.sentence)

    def _row_at(self, place: Place) -> Row | None:
        part = place[0] if place else ""
        if part == "then":
            return self.then[place[1]] if len(place) > 1 and isinstance(place[1], int) else None
        rows = self.when if part == "when" else self.unless if part == "unless" else []
        for where, row in zip(_places(str(part), rows), rows, strict=True):
            if place[: len(where)] == where:
                return row
        return None


def _bundles(rows: list[Row]) -> list[list[Row]]:
    """Return rows in bundles of those joined by "or", which binds closer than "and"."""
    bundles: list[list[Row]] = []
    for row in rows:
        if bundles and row.join == "or":
            bundles[-1].append(row)
        else:
            bundles.append([row])
    return bundles


def _group(rows: list[Row]) -> dict[str, Any]:
    return {
        "all": [
            _condition(bundle[0]) if len(bundle) == 1 else {"any": [_condition(row) for row in bundle]}
            for bundle in _bundles(rows)
        ]
    }


def _places(part: str, rows: list[Row]) -> Iterator[Place]:
    for number, bundle in enumerate(_bundles(rows)):
        if len(bundle) == 1:
            yield (part, "all", number)
        else:
            yield from ((part, "all", number, "any", inner) for inner in range(len(bundle)))


def _condition(row: Row) -> dict[str, Any]:
    name, _bar, asked = row.ask.partition("|")
    found: dict[str, Any] = {"field": name, "is": asked}
    value = _value(row.about, row.value)
    return found if value is None else found | {"value": value}


def _value(about: Field | None, written: str) -> Any:
    if about is None or about.kind == "text":
        return written
    written = written.strip()
    match about.kind:
        case "yesno":
            return written or None
        case "number":
            return int(written) if written.isascii() and written.isdecimal() and len(written) < 10 else written
        case "percent" | "score":
            try:
                return float(written.replace(",", "."))
            except ValueError:
                return written
        case "hours":
            hours = written.replace("\u2013", "-").split("-")
            return [int(one) if one.strip().isascii() and one.strip().isdecimal() else one for one in hours]
    return [one.strip() for one in written.replace("\n", ",").split(",") if one.strip()]


def _rows(group: Mapping[str, Any]) -> list[Row] | None:
    """Return the rows of a group, or ``None`` when it is more than rows can say."""
    if "field" in group:
        return [_row(group)]
    if "not" in group:
        return None
    found: list[Row] = []
    for member in group.get("all", [group]):
        if "field" in member:
            found.append(_row(member))
        elif "any" in member and all("field" in one for one in member["any"]):
            found += [_row(one, "or" if number else "and") for number, one in enumerate(member["any"])]
        else:
            return None
    return found


def _row(condition: Mapping[str, Any], join: str = "and") -> Row:
    value = condition.get("value", "")
    if isinstance(value, list):
        about = named(condition["field"])
        value = ("-" if about and about.kind == "hours" else ", ").join(map(str, value))
    return Row(f"{condition['field']}|{condition['is']}", str(value), join)


def _action(row: Row) -> dict[str, Any]:
    name, _colon, reason = row.ask.partition(":")
    found: dict[str, Any] = {"do": name}
    if name == "reject":
        found["reason"] = reason
    elif name == "tag":
        found["tag"] = row.value
    elif row.value.strip():
        found["say"] = row.value
    return found


def _action_row(action: Mapping[str, Any]) -> Row:
    name = action["do"]
    return Row(f"{name}:{action['reason']}" if name == "reject" else name, action.get("say") or action.get("tag") or "")


def asks() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return everything a condition can ask, in words with a gap for the value, by what it is about."""
    found: dict[str, list[tuple[str, str]]] = {}
    scores = [one for name in ("score.local", "score.spam") if (one := named(name))]
    for about in [*FIELDS.values(), *scores]:
        words = found.setdefault(str(GROUPS[about.group]), [])
        words += [(f"{about.name}|{asked}", _with_a_gap(about, asked)) for asked in about.said]
    return list(found.items())


def _with_a_gap(about: Field, asked: str) -> str:
    if about.kind in ("number", "percent"):
        return str(about.said[asked] % {"count": 2, "amount": str(AMOUNTS[asked]) % {"n": "…"}})
    return clause(about, asked, "…").replace("“…”", "…")


def dos() -> list[tuple[str, str]]:
    """Return everything an action can be, a rejection for each reason."""
    found = []
    for name in ACTIONS:
        if name == "reject":
            reasons = Reason.objects.filter(is_active=True)
            found += [(f"reject:{one.code}", _("reject it: %(reason)s") % {"reason": one}) for one in reasons]
        else:
            found.append((name, _("tag it …") if name == "tag" else action_in_words({"do": name})))
    return found


# --- The list ---------------------------------------------------------------------------------------------------------


@require_GET
@for_those_who("change_policy")
def listed(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show the rules with how often they were right, and what they told the desk of."""
    rules = list(HouseRule.objects.all())
    records = house_rules.records(rules)
    context = frame.context(request, site, tab="rules", title=_("House rules")) | {
        "rules": [
            {
                "rule": rule,
                "url": reverse(PAGE, args=[rule.pk]),
                "sentence": as_sentence(rule.definition),
                "record": records[rule.pk],
                "hint": house_rules.hint(rule, records[rule.pk]),
                "tone": {"on": "publish", "shadow": "hold"}.get(rule.state, "plain"),
            }
            for rule in sorted(rules, key=lambda one: (one.state == HouseRule.State.OFF, one.position, one.pk))
        ],
        "days": house_rules.RECORD_DAYS,
        "told": [
            {"comment": finding.revision.comment, "rule": rule, "url": _card(finding.revision.comment_id),
             "words": text.excerpt(finding.revision.text, 160)}
            for finding, rule in house_rules.told()
        ],
    }  # fmt: skip
    return TemplateResponse(request, "comments/desk/rules.html", context)


# --- One rule ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Visit:
    """One request about one rule, or about one that is not saved yet."""

    request: HttpRequest
    site: AdminSite
    rule: HouseRule | None
    written: Written
    trial: Job | None = None
    probe: dict[str, Any] | None = None
    alert: str = ""
    http_status: int = 200

    @property
    def editor(self) -> Commenter:
        return Commenter.objects.for_user(self.request.user)

    def gone_on(self, rule: HouseRule | None, trial: Job | None = None) -> HttpResponse:
        url = reverse(PAGE, args=[rule.pk]) if rule else reverse(NEW)
        response = HttpResponseRedirect(f"{url}?trial={trial.pk}#trial" if trial else url)
        response.status_code = 303
        return response


@require_http_methods(["GET", "HEAD", "POST"])
@for_those_who("change_policy")
def one(request: HttpRequest, site: AdminSite, pk: int | None = None) -> HttpResponse:
    """Show one rule as a form; ``do`` says which of its buttons was pressed."""
    rule = HouseRule.objects.filter(pk=pk).first() if pk else None
    if pk and rule is None:
        return HttpResponseRedirect(reverse("admin:comments_desk_rules"))
    trial = _trial(request, rule)
    if request.method != "POST":
        tried = trial.arguments if trial and request.GET.get("trial") else None
        if tried:
            written = Written.of(tried["name"], tried["definition"])
        else:
            written = Written.of(rule.name, rule.definition) if rule else Written()
        return _shown(Visit(request, site, rule, written, trial))
    visit = Visit(request, site, rule, Written.sent(request.POST), trial)
    do, _colon, what = request.POST.get("do", "").partition(":")
    try:
        if answer := _done(visit, do, what):
            return answer
    except Refused as refused:
        visit.written.complain(refused)
        visit.http_status = refused.status
    return _shown(visit)


def _done(visit: Visit, do: str, what: str) -> HttpResponse | None:
    """Do what a button says. Return where to go on, or ``None`` to show the form again with everything in it."""
    written, rule, data = visit.written, visit.rule, visit.request.POST
    match do:
        case "add":
            part, _colon, join = what.partition(":")
            if part == "then":
                written.then.append(Row("tag"))
            elif part in ("when", "unless"):
                (written.when if part == "when" else written.unless).append(Row(FIRST, join=join or "and"))
        case "drop":
            part, _colon, number = what.partition(":")
            rows = {"when": written.when, "unless": written.unless, "then": written.then}.get(part, [])
            if number.isascii() and number.isdecimal() and int(number) < len(rows):
                del rows[int(number)]
        case "text":
            written.typed = json.dumps(written.definition(), indent=2, ensure_ascii=False)
        case "rows":
            visit.written = Written.of(written.name, house_rules.checked(written.definition()).definition)
            visit.written.note = written.note
        case "probe":
            visit.probe = _probed(written, data)
        case "try":
            days = data.get("days", "30")
            trial = rule_trials.begin(
                written.definition(),
                int(days) if days.isascii() and days.isdecimal() and len(days) < 5 else 0,
                made_by=visit.editor,
                rule=rule,
                name=written.name,
            )
            tasks.run_job.delay_on_commit(trial.pk)
            return visit.gone_on(rule, trial)
        case "stop":
            if visit.trial is not None:
                jobs.cancel(visit.trial)
            return visit.gone_on(rule, visit.trial)
        case "save":
            return _saved(visit)
        case "state" if rule is not None:
            if house_rules.checked(written.definition()).definition != rule.definition:
                raise Refused("not_saved", _("Save first: what stands here is not the version in force."), status=409)
            rule = house_rules.switch(rule, data.get("state", ""), made_by=visit.editor, note=written.note)
            messages.success(visit.request, _("“%(rule)s”: %(state)s.") % _state(rule))
            return visit.gone_on(rule)
        case "back" if rule is not None:
            wanted = int(what) if what.isascii() and what.isdecimal() and len(what) < 9 else 0
            rule = house_rules.go_back(rule, wanted, made_by=visit.editor)
            messages.success(visit.request, _("Back to version %(number)d.") % {"number": wanted})
            return visit.gone_on(rule)
    return None


def _state(rule: HouseRule) -> dict[str, Any]:
    return {"rule": rule.name, "state": rule.get_state_display()}


def _saved(visit: Visit) -> HttpResponse:
    written, rule, seen = visit.written, visit.rule, visit.request.POST.get("number", "")
    definition = written.definition()
    if rule is None:
        rule = house_rules.create(written.name, definition, made_by=visit.editor, note=written.note)
    else:
        rule = house_rules.change(
            rule,
            name=written.name,
            definition=definition,
            made_by=visit.editor,
            note=written.note,
            seen=int(seen) if seen.isascii() and seen.isdecimal() and len(seen) < 10 else None,
        )
    messages.success(visit.request, _("Saved as version %(number)d.") % {"number": rule.number})
    if said := rule_trials.warning(house_rules.checked(rule.definition)):
        messages.warning(visit.request, said)
    return visit.gone_on(rule)


PROBE = {"probe_text": "", "probe_published": "2", "probe_rejected": "0", "probe_days": "30", "probe_section": ""}


def _probed(written: Written, data: Mapping[str, str]) -> dict[str, Any]:
    """Return whether what is written would catch a text by someone, and which condition says what."""
    rule = house_rules.checked(written.definition())
    words = text.check(data.get("probe_text", ""))
    rendered = text.to_html(words)
    now = timezone.now()

    def number(name: str) -> int:
        given = data.get(name, "")
        return int(given) if given.isascii() and given.isdecimal() and len(given) < 6 else 0

    facts = Facts(
        Subject(
            text=words,
            hrefs=lambda: rendered.links,
            reply=False,
            depth=0,
            published=number("probe_published"),
            rejected=number("probe_rejected"),
            joined_at=now - timedelta(days=number("probe_days")),
            badge="none",
            guest=False,
            section=data.get("probe_section", ""),
            at=now,
        )
    )
    return {"caught": rule.matches(facts), "conditions": rule.explain(facts)}


def _trial(request: HttpRequest, rule: HouseRule | None) -> Job | None:
    """Return the trial that is asked for, else the latest of this rule."""
    wanted = request.GET.get("trial", "") or request.POST.get("trial", "")
    mine = Job.objects.filter(kind=rule_trials.KIND, subject=finding_name(rule.pk if rule else 0))
    if wanted.isascii() and wanted.isdecimal() and len(wanted) < 19:
        return mine.filter(pk=int(wanted)).first()
    return mine.order_by("-id").first() if rule else None


def _shown(visit: Visit) -> HttpResponse:
    rule, data = visit.rule, visit.request.POST
    title = rule.name if rule else _("A new house rule")
    context = frame.context(visit.request, visit.site, tab="rules", title=title) | {
        "rule": rule,
        "written": visit.written,
        "parts": [("when", visit.written.when), ("unless", visit.written.unless)],
        "asks": asks(),
        "dos": dos(),
        "states": HouseRule.State.choices,
        "sentence": _sentence(visit.written),
        "probe": visit.probe,
        "probed": {name: data.get(name, given) for name, given in PROBE.items()},
        "days": data.get("days") or (visit.trial.arguments["days"] if visit.trial else 30),
        "trial": shown_trial(visit.trial) if visit.trial else None,
        "notices": [(str(one), one.level_tag) for one in get_messages(visit.request)],
    }
    if rule is not None:
        record = house_rules.records([rule])[rule.pk]
        context |= {
            "record": record,
            "hint": house_rules.hint(rule, record),
            "versions": [
                (version, as_sentence(version.definition)) for version in rule.versions.select_related("made_by")[:20]
            ],
            "unsaved": visit.written.typed is None and _sentence(visit.written) != as_sentence(rule.definition),
        }
    return TemplateResponse(visit.request, "comments/desk/rule.html", context, status=visit.http_status)


def _sentence(written: Written) -> str:
    """Return what is written as a sentence, or nothing while it is not yet a rule."""
    try:
        return as_sentence(house_rules.checked(written.definition()).definition)
    except Refused:
        return ""


def _card(comment_id: int) -> str:
    return f"{reverse(views.DESK)}?open={comment_id}#c-{comment_id}"


# --- A trial, shown ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of one day's column in the chart."""

    tone: str
    x: float
    y: float
    width: float
    height: float


def shown_trial(job: Job) -> dict[str, Any]:
    """Return what the page shows of a trial: how far it is, or what came of it."""
    found = job.result or job.memory
    shown: dict[str, Any] = {
        "job": job,
        "going": job.state in (Job.State.WAITING, Job.State.RUNNING),
        "sentence": rule_trials.in_words(job),
        "asked": as_sentence(job.arguments["definition"]),
    }
    if job.state != Job.State.DONE or not found:
        return shown
    days = _days(job, found["days"])
    most = max((counts[0] for _day, counts in days), default=0)
    texts = _samples([pk for ids in found["samples"].values() for pk in ids])
    return shown | {
        "alone": found["alone"],
        "hits": found["hits"],
        "outcomes": [
            {
                "title": OUTCOMES[name],
                "tone": TONES[name],
                "count": found["outcomes"][name],
                "samples": [texts[pk] for pk in reversed(found["samples"][name]) if pk in texts],
            }
            for name in OUTCOMES
        ],
        "days": [(day, *counts) for day, counts in days if counts[0]],
        "first": days[0][0] if days else None,
        "last": days[-1][0] if days else None,
        "most": most,
        "bars": list(_bars(days, most)),
        "wide": WIDE,
        "high": HIGH,
    }


def _days(job: Job, counted: dict[str, list[int]]) -> list[tuple[date, list[int]]]:
    """Return every day of the window with its counts, days without a hit too."""
    zone = timezone.get_default_timezone()
    first, last = (
        timezone.localtime(datetime.fromisoformat(job.arguments[end]), zone).date() for end in ("since", "until")
    )
    several = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [(day, counted.get(day.isoformat(), [0, 0, 0])) for day in several]


def _bars(days: list[tuple[date, list[int]]], most: int) -> Iterator[Bar]:
    column = WIDE / max(1, len(days))
    for number, (_day, (hits, rejected, published)) in enumerate(days):
        bottom = float(HIGH)
        for tone, count in (("reject", rejected), ("publish", published), ("quiet", hits - rejected - published)):
            if count:
                height = round(count * (HIGH - 10) / most, 1)
                bottom -= height
                yield Bar(tone, round(number * column + column * 0.1, 1), bottom, round(column * 0.8, 1), height)


def _samples(ids: list[int]) -> dict[int, dict[str, Any]]:
    """Return the comments as they stand now. Three queries."""
    words = dict(Revision.objects.filter(comment__in=ids).order_by("number").values_list("comment_id", "text"))
    deciders = {
        one.comment_id: one
        for one in Decision.objects.filter(comment__in=ids, decider=Decider.EDITOR)
        .select_related("made_by")
        .order_by("id")
    }
    return {
        comment.pk: {
            "author": comment.author.name,
            "at": comment.created_at,
            "status": comment.get_status_display(),
            "by": deciders[comment.pk].made_by if comment.pk in deciders else None,
            "words": text.excerpt(words.get(comment.pk, ""), 240),
            "url": _card(comment.pk),
        }
        for comment in Comment.objects.filter(pk__in=ids).select_related("author").defer("html")
    }


ADDRESSES = [
    ("rules/", listed, "rules"),
    ("rules/new/", one, "new_rule"),
    ("rules/<int:pk>/", one, "rule"),
]
