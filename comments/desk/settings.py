"""The settings in force, level by level: what an editor sets here, takes back, and sees of who did so before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.messages import get_messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from comments import access, conf, policy, screening, thresholds
from comments.desk import frame, words
from comments.desk.forms import BIGGEST
from comments.desk.frame import for_those_who
from comments.exceptions import Refused
from comments.models import Commenter, Discussion, PolicyChange, Setting
from comments.screening import sentences

PAGE = "admin:comments_desk_settings"
HISTORY = 30
MOST_SECTIONS = 200


class PlaceForm(forms.Form):
    """The section or the article whose settings are looked at; neither: the site."""

    section = forms.CharField(required=False, max_length=80)
    article = forms.CharField(required=False, max_length=200)


class ValueForm(PlaceForm):
    name = forms.CharField(max_length=60)
    value = forms.CharField(required=False, max_length=20_000, strip=False)
    note = forms.CharField(required=False, max_length=500)
    do = forms.ChoiceField(choices=[("set", "set"), ("above", "above"), ("off", "off"), ("on", "on")])


@dataclass(frozen=True, slots=True)
class Place:
    """Where settings are looked at: an article and its section, a section, or the site."""

    discussion: Discussion | None = None
    section: str = ""
    unknown: str = ""

    @classmethod
    def of(cls, form: PlaceForm) -> Place:
        section, article = form.cleaned_data.get("section") or "", form.cleaned_data.get("article") or ""
        if "\x00" in section + article:
            return cls(unknown=_("There is no such article."))
        if not article:
            return cls(section=section)
        found = Discussion.objects.filter(key=article).first()
        if found is None:
            found = Discussion.objects.filter(title__icontains=article).order_by("-pk").first()
        if found is None:
            return cls(section=section, unknown=_("There is no article “%(words)s”.") % {"words": article})
        return cls(found, found.section)

    @property
    def level(self) -> str:
        return "discussion" if self.discussion else "section" if self.section else "site"

    @property
    def url(self) -> str:
        facts = {"article": self.discussion.key} if self.discussion else {"section": self.section}
        return f"{reverse(PAGE)}?{urlencode({name: value for name, value in facts.items() if value})}"

    @property
    def url_of_changed(self) -> str:
        return f"{self.url}{'&' if '=' in self.url else ''}only=changed"

    @property
    def name(self) -> str:
        if self.discussion:
            return str(self.discussion)
        return self.section or _("the whole site")


LEVELS = {
    "project": gettext_lazy("As installed"),
    "site": gettext_lazy("Site"),
    "section": gettext_lazy("Section"),
    "discussion": gettext_lazy("Article"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    level: str
    title: str
    value: str
    """Empty where this level says nothing."""
    in_force: bool
    set_by: str = ""
    """Who set it, and when."""


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: what each level says of it, and what the form for the level that is looked at begins with."""

    name: str
    title: str
    meaning: str
    cells: list[Cell]
    kind: str
    """``bool``, ``int``, ``list`` or ``text``: which field its form has."""
    value: str
    settable: bool
    set_here: bool

    @property
    def differs(self) -> bool:
        """Some level says other than what was installed."""
        return any(cell.value for cell in self.cells[1:])


Setters = dict[tuple[str, str], str]
"""(Level, name) → who set it and when, in words."""


def _setters(place: Place) -> Setters:
    """Return who set what is set at ``place`` and above it. One query."""
    here = Q(scope=Setting.Scope.SITE)
    if place.section:
        here |= Q(scope=Setting.Scope.SECTION, section=place.section)
    if place.discussion:
        here |= Q(discussion=place.discussion)
    return {
        (row.scope, row.name): _signed(row.changed_by, row.changed_at)
        for row in Setting.objects.filter(here).select_related("changed_by")
    }


def _signed(who: Commenter | None, at: datetime) -> str:
    return _("%(who)s, %(when)s") % {
        "who": who or _("The system"),
        "when": date_format(timezone.localtime(at), "SHORT_DATETIME_FORMAT"),
    }


def _row(name: str, place: Place, setters: Setters) -> Row:
    chain = thresholds.chain(name, place.discussion, place.section)
    said = dict(chain)
    shown = ["project", "site"] + ["section"] * bool(place.section) + ["discussion"] * bool(place.discussion)
    in_force, value = chain[0]
    default = getattr(conf.Settings(), name)
    return Row(
        name=name,
        title=words.title(name),
        meaning=words.meaning(name),
        cells=[
            Cell(
                level,
                str(LEVELS[level]),
                _words(said[level]) if level in said else "",
                level == in_force,
                setters.get((level, name), ""),
            )
            for level in shown
        ],
        kind=_kind(default),
        value=", ".join(value) if isinstance(value, tuple | list) else str(value),
        settable=place.level == "site" or conf.PANEL[name] != "site",
        set_here=place.level in said,
    )


def _kind(default: Any) -> str:
    return {bool: "bool", int: "int", tuple: "list"}.get(type(default), "text")


def _words(value: Any) -> str:
    """Return a value as editors read it."""
    if value is None:
        return _("as above")
    if isinstance(value, bool):
        return _("on") if value else _("off")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or _("none")
    return str(value) if value != "" else _("none")


@dataclass(frozen=True, slots=True)
class Switch:
    """A rule or a scorer that is asked, or is not."""

    name: str
    title: str
    on: bool
    is_scorer: bool
    offsite: bool = False
    """It sends the texts of comments to somebody else."""
    trouble: str = ""
    set_by: str = ""
    """Who switched it last, and when."""


def _switches(settings: conf.Settings) -> list[Switch]:
    """Return every rule and scorer, scorers and those that are off first. Two queries at most."""
    watched = {one.name: one for one in screening.health()}
    switched: dict[str, str] = {}
    about = PolicyChange.objects.filter(kind=PolicyChange.Kind.SETTING, subject="switched_off (site)")
    for change in about.select_related("made_by").order_by("-pk")[:HISTORY]:
        for name in {*(change.before or ())} ^ {*(change.after or ())}:
            switched.setdefault(name, _signed(change.made_by, change.created_at))
    found = []
    for path in settings.rules:
        name = path.rsplit(".", 1)[-1]
        scorer = watched.get(name)
        is_scorer = scorer is not None or ".scorers." in path
        found.append(
            Switch(
                name=name,
                title=sentences.scorer_title(name) if is_scorer else name.replace("_", " ").capitalize(),
                on=name not in settings.switched_off,
                is_scorer=is_scorer,
                offsite=scorer.offsite if scorer else False,
                trouble=scorer.health.detail if scorer and not scorer.health.ok else "",
                set_by=switched.get(name, ""),
            )
        )
    return sorted(found, key=lambda one: (one.on, not one.is_scorer))


@dataclass(frozen=True, slots=True)
class Change:
    """A line of the history."""

    pk: int
    at: datetime
    who: str
    what: str
    before: str
    after: str
    note: str
    can_be_taken_back: bool


def _history() -> list[Change]:
    latest = list(PolicyChange.objects.select_related("made_by").order_by("-pk")[:HISTORY])
    seen: set[tuple[str, str]] = set()
    found = []
    for change in latest:
        subject = (change.kind, change.subject)
        last = subject not in seen
        seen.add(subject)
        found.append(
            Change(
                pk=change.pk,
                at=change.created_at,
                who=str(change.made_by or _("The system")),
                what=f"{change.get_kind_display()}: {words.subject(change.kind, change.subject)}",
                before=_words(change.before),
                after=_words(change.after),
                note=change.note,
                can_be_taken_back=last and change.kind == PolicyChange.Kind.SETTING,
            )
        )
    return found


@require_GET
@for_those_who("change_policy")
def settings(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show every setting at a place, the switches for emergencies, and what changed lately."""
    form = PlaceForm(request.GET)
    form.is_valid()
    place = Place.of(form)
    return _page(request, site, place, alert=place.unknown, status=404 if place.unknown else 200)


def _page(request: HttpRequest, site: AdminSite, place: Place, *, alert: str = "", status: int = 200) -> HttpResponse:
    everywhere = thresholds.of(None, exact=True)
    sections = Discussion.objects.exclude(section="").order_by("section").values_list("section", flat=True).distinct()
    setters = _setters(place)
    rows = [_row(name, place, setters) for name in conf.PANEL]
    changed = request.GET.get("only") == "changed"
    switches = _switches(everywhere)
    context = frame.context(request, site, tab="settings", title=_("Settings")) | {
        "place": place,
        "sections": list(sections[:MOST_SECTIONS]),
        "rows": [row for row in rows if row.differs or not changed],
        "levels": rows[0].cells,
        "changed": changed,
        "differing": sum(row.differs for row in rows),
        "everywhere": everywhere,
        "as_installed": conf.get(),
        "closed_by": setters.get(("site", "commenting_closed"), ""),
        "waiting_by": setters.get(("site", "premoderate"), ""),
        "elsewhere": Setting.objects.filter(name__in=["commenting_closed", "premoderate"], value=True)
        .exclude(scope=Setting.Scope.SITE)
        .count(),
        "first_switches": [one for one in switches if one.is_scorer or not one.on],
        "other_switches": [one for one in switches if not one.is_scorer and one.on],
        "may_see_audit": access.may(request.user, "see_audit"),
        "history": _history(),
        "said": [str(message) for message in get_messages(request)],
        "alert": alert,
    }
    return TemplateResponse(request, "comments/desk/settings.html", context, status=status)


@require_POST
@for_those_who("change_policy")
def change(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Set one value at the place that was looked at, take the value of the level above, or switch a rule on or off."""
    form = ValueForm(request.POST)
    valid = form.is_valid()
    place = Place.of(form)
    if not valid or place.unknown:
        said = place.unknown or _("This form cannot be read. Look again at what you typed.")
        return _page(request, site, place, alert=said, status=400)
    given = form.cleaned_data
    name, do = given["name"], given["do"]

    def verb() -> str:
        where: dict[str, Any] = {"discussion": place.discussion, "section": "" if place.discussion else place.section}
        if do in ("on", "off"):
            return _switch(given["value"], do == "on", access.person(request.user), given["note"])
        value = None if do == "above" else _typed(name, given["value"])
        policy.set_value(name, value, made_by=access.person(request.user), note=given["note"], **where)
        return _("%(name)s, %(place)s: %(value)s.") % {
            "name": words.title(name),
            "place": place.name,
            "value": _words(value),
        }

    return _done(request, site, place, verb)


def _typed(name: str, typed: str) -> Any:
    """Return what was typed as a value of the kind that setting ``name`` takes."""
    match _kind(getattr(conf.Settings(), name, "")):
        case "bool":
            return {"on": True, "off": False}.get(typed, typed)
        case "int":
            digits = typed.strip()
            if not (digits.isascii() and digits.isdecimal() and len(digits) <= 9):
                raise Refused("bad_value", _("Write a whole number, 0 or more."))
            return int(digits)
        case "list":
            # Days stand with commas in one line of hours, so that those go line by line or by semicolon.
            parts = typed.replace(";", "\n") if name == "commenting_hours" else typed.replace(",", "\n")
            return [part.strip() for part in parts.splitlines() if part.strip()]
    return typed.strip()


def _switch(rule: str, on: bool, editor: Commenter, note: str) -> str:
    settings = thresholds.of(None, exact=True)
    if rule not in [path.rsplit(".", 1)[-1] for path in settings.rules]:
        raise Refused("unknown_rule", _("There is no rule or scorer of this name."), status=404)
    off = [name for name in settings.switched_off if name != rule] + [rule] * (not on)
    policy.set_value("switched_off", off, made_by=editor, note=note)
    return (
        _("%(rule)s is asked again.") % {"rule": rule} if on else _("%(rule)s is not asked any more.") % {"rule": rule}
    )


@require_POST
@for_those_who("change_policy")
def take_back(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Take one change of a setting back."""
    number = request.POST.get("change", "")
    form = PlaceForm(request.POST)
    form.is_valid()
    place = Place.of(form)

    def verb() -> str:
        pk = int(number) if number.isascii() and number.isdecimal() and int(number) <= BIGGEST else 0
        change = PolicyChange.objects.filter(pk=pk).first()
        if change is None:
            raise Refused("unknown_change", _("There is no such change."), status=404)
        policy.take_back(change, made_by=access.person(request.user))
        return _("Taken back: %(what)s.") % {"what": words.subject(change.kind, change.subject)}

    return _done(request, site, place, verb)


def _done(request: HttpRequest, site: AdminSite, place: Place, verb: Callable[[], str]) -> HttpResponse:
    try:
        said = verb()
    except Refused as refused:
        return _page(request, site, place, alert=refused.detail, status=refused.status)
    messages.success(request, said)
    response = HttpResponseRedirect(place.url)
    response.status_code = 303
    return response


ADDRESSES = [
    ("settings/", settings, "settings"),
    ("settings/change/", change, "settings_change"),
    ("settings/take-back/", take_back, "settings_take_back"),
]
