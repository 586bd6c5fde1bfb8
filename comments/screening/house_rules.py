"""
House rules: the small language in which editors write their own rules.

A rule is data, never code::

    {
        "when": {"all": [
            {"field": "author.published", "is": "fewer_than", "value": 3},
            {"field": "comment.links", "is": "at_least", "value": 1}
        ]},
        "unless": {"any": [{"field": "comment.domains", "is": "only", "value": ["example.org"]}]},
        "then": [{"do": "hold"}, {"do": "tag", "tag": "links"}]
    }

``all``, ``any`` and ``not`` nest to :data:`DEEPEST`. What is not known (the language, the score of a scorer that was
not asked) makes every condition about it false. Patterns are RE2's, whose time grows with the length of the text only.
:func:`read` takes a definition apart once; what it returns is asked for each text and never raises.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import re2
from django.contrib.humanize.templatetags.humanize import ordinal
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from comments import thresholds
from comments.exceptions import Refused
from comments.languages import guessed
from comments.models import Commenter, HouseRule, Reason
from comments.screening.phrases import BadPhrase, Listed, Matcher, check
from comments.screening.verdicts import SEVERITY, Candidate, Draft

logger = logging.getLogger(__name__)

DEEPEST = 4
"""Groups inside groups."""
MOST_CONDITIONS = 30
MOST_ACTIONS = 6
MOST_WORDS = 50
"""Words, domains or sections in one condition."""
LONGEST = 200
LONGEST_PATTERN = 300
PATTERN_BYTES = 1 << 20
"""Memory RE2 may use for one pattern."""
PATTERN_STEPS = 2_000
"""Largest pattern, in steps of its program: what a hostile text of 10,000 characters costs grows with it."""
BIGGEST = 1_000_000
FEWEST_DECIDED = 5
"""A rejection rate is not known before this many comments of a person were published or rejected."""
FEWEST_LETTERS = 10
"""The share of capitals is not known in a text with fewer letters that have a case."""
LETTERS_TO_TELL = 40
"""The language of a text with fewer letters is not known."""
MOST_SPANS = 20

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
BADGES = ("staff", "expert", "none")

Condition = Callable[[Mapping[str, Any]], bool]
Place = tuple[str | int, ...]
"""Where in a definition: ``("when", "all", 1)``."""


# --- Fields -----------------------------------------------------------------------------------------------------------

AMOUNTS: dict[str, Promise] = {
    "at_least": gettext_lazy("at least %(n)s"),
    "more_than": gettext_lazy("more than %(n)s"),
    "at_most": gettext_lazy("at most %(n)s"),
    "fewer_than": gettext_lazy("fewer than %(n)s"),
    "exactly": gettext_lazy("exactly %(n)s"),
}


@dataclass(frozen=True, slots=True)
class Field:
    """Something a condition can ask about. ``said`` has its sentence for each way of asking (``is``)."""

    name: str
    kind: str
    """``number``, ``percent``, ``score``, ``text``, ``words``, ``choice``, ``domains``, ``yesno`` or ``hours``."""
    said: dict[str, Any]
    choices: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        return self.name.partition(".")[0]


def _counted(name: str, sentence: Any, kind: str = "number") -> Field:
    """``sentence`` has ``%(amount)s`` in it, and a plural that follows ``count``."""
    return Field(name, kind, dict.fromkeys(AMOUNTS, sentence))


FIELDS: dict[str, Field] = {
    one.name: one
    for one in (
        Field(
            "comment.text",
            "text",
            {
                "contains": gettext_lazy("the text contains %(words)s"),
                "lacks": gettext_lazy("the text does not contain %(words)s"),
                "matches": gettext_lazy("the text matches the pattern %(words)s"),
            },
        ),
        _counted(
            "comment.words",
            ngettext_lazy("the comment has %(amount)s word", "the comment has %(amount)s words", "count"),
        ),
        _counted(
            "comment.characters",
            ngettext_lazy("the comment has %(amount)s character", "the comment has %(amount)s characters", "count"),
        ),
        _counted(
            "comment.links",
            ngettext_lazy(
                "the comment has %(amount)s link to another site",
                "the comment has %(amount)s links to other sites",
                "count",
            ),
        ),
        Field(
            "comment.domains",
            "domains",
            {
                "includes": gettext_lazy("the comment links to %(words)s"),
                "only": gettext_lazy("all its links lead to %(words)s"),
            },
        ),
        _counted(
            "comment.capitals",
            ngettext_lazy(
                "%(amount)s %% of its letters are capitals", "%(amount)s %% of its letters are capitals", "count"
            ),
            "percent",
        ),
        Field(
            "comment.language",
            "words",
            {
                "is": gettext_lazy("the language is %(words)s"),
                "is_not": gettext_lazy("the language is not %(words)s"),
            },
        ),
        Field(
            "comment.reply",
            "yesno",
            {
                "yes": gettext_lazy("the comment answers another one"),
                "no": gettext_lazy("the comment begins a conversation"),
            },
        ),
        _counted(
            "comment.depth",
            ngettext_lazy("it is %(amount)s reply deep", "it is %(amount)s replies deep", "count"),
        ),
        _counted(
            "author.published",
            ngettext_lazy(
                "the author has %(amount)s published comment", "the author has %(amount)s published comments", "count"
            ),
        ),
        _counted(
            "author.rejected",
            ngettext_lazy(
                "the author has %(amount)s rejected comment", "the author has %(amount)s rejected comments", "count"
            ),
        ),
        _counted(
            "author.rejection_rate",
            ngettext_lazy(
                "%(amount)s %% of the author's comments were rejected",
                "%(amount)s %% of the author's comments were rejected",
                "count",
            ),
            "percent",
        ),
        _counted(
            "author.age_days",
            ngettext_lazy(
                "the author has been here for %(amount)s day", "the author has been here for %(amount)s days", "count"
            ),
        ),
        Field(
            "author.badge",
            "choice",
            {
                "is": gettext_lazy("the author's badge is %(words)s"),
                "is_not": gettext_lazy("the author's badge is not %(words)s"),
            },
            BADGES,
        ),
        Field(
            "author.guest",
            "yesno",
            {"yes": gettext_lazy("the author is a guest"), "no": gettext_lazy("the author is signed in")},
        ),
        Field(
            "article.section",
            "words",
            {
                "is": gettext_lazy("the section is %(words)s"),
                "is_not": gettext_lazy("the section is not %(words)s"),
            },
        ),
        Field(
            "article.key",
            "words",
            {
                "is": gettext_lazy("the article is %(words)s"),
                "is_not": gettext_lazy("the article is not %(words)s"),
            },
        ),
        Field(
            "article.title",
            "text",
            {
                "contains": gettext_lazy("the title contains %(words)s"),
                "lacks": gettext_lazy("the title does not contain %(words)s"),
                "matches": gettext_lazy("the title matches the pattern %(words)s"),
            },
        ),
        _counted(
            "article.age_days",
            ngettext_lazy(
                "the discussion has been there for %(amount)s day",
                "the discussion has been there for %(amount)s days",
                "count",
            ),
        ),
        Field(
            "time.weekday",
            "choice",
            {
                "is": gettext_lazy("the day is %(words)s"),
                "is_not": gettext_lazy("the day is not %(words)s"),
            },
            WEEKDAYS,
        ),
        Field("time.hour", "hours", {"between": gettext_lazy("it is between %(start)s and %(end)s o'clock")}),
        Field(
            "findings.said",
            "words",
            {
                "is": gettext_lazy("another rule found %(words)s"),
                "is_not": gettext_lazy("no other rule found %(words)s"),
            },
        ),
    )
}

_SCORE = re.compile(r"score\.([a-z][a-z0-9_]{0,39})", re.ASCII)
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_DOMAIN = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}", re.ASCII)


def named(name: object) -> Field | None:
    """Return the field called ``name``; ``score.<scorer>`` is one for every scorer."""
    if not isinstance(name, str):
        return None
    if _SCORE.fullmatch(name):
        return Field(
            name,
            "score",
            {
                "over": gettext_lazy("the score of %(scorer)s is over %(n)s"),
                "under": gettext_lazy("the score of %(scorer)s is under %(n)s"),
            },
        )
    return FIELDS.get(name)


ACTIONS: dict[str, Promise] = {
    "hold": gettext_lazy("hold it"),
    "reject": gettext_lazy("reject it for the reason %(reason)s"),
    "publish": gettext_lazy("say that it may be published"),
    "tag": gettext_lazy("tag it %(tag)s"),
    "notify": gettext_lazy("tell the desk"),
    "close": gettext_lazy("close the discussion"),
}
WITH: dict[str, dict[str, bool]] = {
    "hold": {"say": False},
    "reject": {"reason": True},
    "publish": {},
    "tag": {"tag": True},
    "notify": {},
    "close": {"say": False},
}
"""Action → what goes with it, and whether it has to."""


def schema() -> dict[str, Any]:
    """Return the language as plain data, for programs: fields, ways of asking, values, actions and limits."""
    values = {
        "number": {"type": "integer", "minimum": 0, "maximum": BIGGEST},
        "percent": {"type": "number", "minimum": 0, "maximum": 100},
        "score": {"type": "number", "minimum": 0, "maximum": 1},
        "text": {"type": "string", "maxLength": LONGEST},
        "words": {"type": "array", "items": {"type": "string", "maxLength": LONGEST}, "maxItems": MOST_WORDS},
        "domains": {"type": "array", "items": {"type": "string", "maxLength": LONGEST}, "maxItems": MOST_WORDS},
        "hours": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 24}, "maxItems": 2},
        "yesno": None,
    }
    fields: dict[str, Any] = {}
    for one in [*FIELDS.values(), named("score.local")]:
        if one is None:
            continue
        value = (
            {"type": "array", "items": {"enum": list(one.choices)}} if one.kind == "choice" else values.get(one.kind)
        )
        fields[one.name] = {"is": list(one.said), "value": value}
    return {
        "fields": fields,
        "groups": ["all", "any", "not"],
        "actions": {name: dict(more) for name, more in WITH.items()},
        "limits": {
            "depth": DEEPEST,
            "conditions": MOST_CONDITIONS,
            "actions": MOST_ACTIONS,
            "pattern_characters": LONGEST_PATTERN,
        },
    }


# --- Reading a definition ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where."""

    place: Place
    sentence: str
    number: int = 0
    """Of the condition or action, from 1; 0 when it is about the whole."""

    @property
    def where(self) -> str:
        if not self.number:
            return ""
        part = self.place[0]
        if part == "then":
            return _("%(ordinal)s action") % {"ordinal": ordinal(self.number)}
        if part == "unless":
            return _("%(ordinal)s condition after “unless”") % {"ordinal": ordinal(self.number)}
        return _("%(ordinal)s condition") % {"ordinal": ordinal(self.number)}

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence}" if self.where else self.sentence


class BadRule(Refused):
    """A definition that is none; ``problems`` has everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        errors: dict[str, list[str]] = {}
        for one in problems:
            errors.setdefault(".".join(map(str, one.place)) or "definition", []).append(str(one))
        super().__init__("bad_rule", str(problems[0]), status=400, errors=errors)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One condition: what it asks, its sentence, and where in a text it sees it."""

    test: Condition
    words: Callable[[], str]
    spans: Callable[[str, Mapping[str, Any]], Iterator[tuple[int, int]]] | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A definition, ready to be asked."""

    definition: dict[str, Any]
    matches: Condition
    when: tuple[Leaf, ...]
    unless: tuple[Leaf, ...]
    fields: frozenset[str]
    """The fields it asks about."""
    phrases: frozenset[str]
    """What it looks for in words."""
    verdict: str
    """What it says of a text it matches: the gravest of its actions."""
    actions: tuple[dict[str, Any], ...]

    def action(self, name: str) -> dict[str, Any] | None:
        return next((one for one in self.actions if one["do"] == name), None)

    def spans(self, text: str, facts: Mapping[str, Any]) -> tuple[tuple[int, int], ...]:
        """Return where in ``text`` the conditions that hold see what they see; at most :data:`MOST_SPANS`."""
        found = (span for leaf in self.when if leaf.spans and leaf.test(facts) for span in leaf.spans(text, facts))
        return tuple(sorted(set(islice(found, MOST_SPANS))))

    def explain(self, facts: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
        """Return for each condition where it stands, its sentence and whether it holds."""
        parts = (("when", self.when), ("unless", self.unless))
        return [(part, leaf.words(), leaf.test(facts)) for part, leaves in parts for leaf in leaves]


def read(definition: object) -> Rule:
    """
    Return ``definition`` ready to be asked; raise :class:`BadRule` with everything that is wrong with it.

    Whether the reason of a rejection exists is not looked at: see :mod:`comments.house_rules`.
    """
    reader = _Reader()
    found = reader.rule(definition)
    if reader.problems or found is None:
        raise BadRule(reader.problems)
    return found


class _Reader:
    """Reads one definition and keeps what is wrong with it."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.fields: set[str] = set()
        self.phrases: set[str] = set()
        self.leaves: list[Leaf] = []
        self.number = 0
        self.all_conditions = 0

    def wrong(self, place: Place, sentence: str, number: int = 0) -> None:
        if len(self.problems) < 50:
            self.problems.append(Problem(place, sentence, number))

    def rule(self, definition: object) -> Rule | None:
        if not isinstance(definition, dict):
            self.wrong((), _("A rule is an object with “when” and “then”."))
            return None
        for name in definition.keys() - {"when", "unless", "then"}:
            self.wrong((str(name)[:40],), _("A rule has “when”, “unless” and “then”, nothing else."))
        when, clean_when = self.part("when", definition.get("when"))
        leaves_when, self.leaves = tuple(self.leaves), []
        unless, clean_unless = None, None
        if definition.get("unless") is not None:
            unless, clean_unless = self.part("unless", definition["unless"])
        actions = self.actions(definition.get("then"))
        if self.problems or when is None:
            return None
        clean = {"when": clean_when, "then": actions} | ({"unless": clean_unless} if clean_unless else {})
        verdicts = [one["do"] for one in actions if one["do"] in SEVERITY]
        return Rule(
            definition=clean,
            matches=_but_not(when, unless) if unless else when,
            when=leaves_when,
            unless=tuple(self.leaves),
            fields=frozenset(self.fields),
            phrases=frozenset(self.phrases),
            verdict=max(verdicts, key=SEVERITY.__getitem__, default="publish"),
            actions=tuple(actions),
        )

    def part(self, name: str, given: object) -> tuple[Condition | None, Any]:
        self.number = 0
        if not isinstance(given, dict):
            self.wrong((name,), _("Say “all” or “any” of which conditions have to hold."))
            return None, None
        return self.condition((name,), given, 1)

    def condition(self, place: Place, given: object, depth: int) -> tuple[Condition | None, Any]:
        if not isinstance(given, dict) or not given:
            self.number += 1
            self.wrong(place, _("A condition has a field, a comparison and a value."), self.number)
            return None, None
        group = next((name for name in ("all", "any", "not") if name in given), None)
        if group is None:
            return self.leaf(place, given)
        if len(given) > 1:
            self.wrong(place, _("A group is one of “all”, “any” and “not”, with nothing beside it."))
            return None, None
        if depth > DEEPEST:
            self.wrong(place, _("Groups stand at most %(deep)d deep in each other.") % {"deep": DEEPEST})
            return None, None
        if group == "not":
            inner, clean = self.condition((*place, "not"), given["not"], depth + 1)
            return (_not(inner) if inner else None), {"not": clean}
        members = given[group]
        if not isinstance(members, list) or not members:
            self.wrong((*place, group), _("A group needs at least one condition."))
            return None, None
        if len(members) > MOST_CONDITIONS:
            self.wrong((*place, group), _too_many())
            return None, None
        read = [self.condition((*place, group, index), one, depth + 1) for index, one in enumerate(members)]
        tests = tuple(test for test, _clean in read if test)
        if len(tests) < len(members):
            return None, None
        return (_all(tests) if group == "all" else _any(tests)), {group: [clean for _test, clean in read]}

    def leaf(self, place: Place, given: dict[str, Any]) -> tuple[Condition | None, Any]:
        self.number += 1
        self.all_conditions += 1
        number = self.number
        if self.all_conditions == MOST_CONDITIONS + 1:
            self.wrong(place, _too_many(), number)
        if self.all_conditions > MOST_CONDITIONS:
            return None, None
        if given.keys() - {"field", "is", "value"}:
            self.wrong(place, _("A condition has a field, a comparison and a value."), number)
            return None, None
        about = named(given.get("field"))
        if about is None:
            self.wrong(
                (*place, "field"), _("There is no field “%(name)s”.") % {"name": _short(given.get("field"))}, number
            )
            return None, None
        asked = given.get("is")
        if not isinstance(asked, str) or asked not in about.said:
            self.wrong(
                (*place, "is"),
                _("“%(name)s” can be compared with: %(ways)s.") % {"name": about.name, "ways": ", ".join(about.said)},
                number,
            )
            return None, None
        try:
            value = _value(about, asked, given.get("value"))
            leaf = _leaf(about, asked, value)
        except _Wrong as wrong:
            self.wrong((*place, "value"), str(wrong), number)
            return None, None
        self.fields.add(about.name)
        if about.kind == "text" and asked != "matches":
            self.phrases.add(value)
        self.leaves.append(leaf)
        clean = {"field": about.name, "is": asked} | ({} if value is None else {"value": value})
        return leaf.test, clean

    def actions(self, given: object) -> list[dict[str, Any]]:
        if not isinstance(given, list) or not given:
            self.wrong(("then",), _("Say what has to happen: at least one action."))
            return []
        if len(given) > MOST_ACTIONS:
            self.wrong(("then",), _("At most %(most)d actions.") % {"most": MOST_ACTIONS})
            return []
        found = []
        for number, one in enumerate(given, start=1):
            place: Place = ("then", number - 1)
            name = one.get("do") if isinstance(one, dict) else None
            if not isinstance(name, str) or name not in ACTIONS:
                self.wrong(place, _("The actions are: %(actions)s.") % {"actions": ", ".join(ACTIONS)}, number)
                continue
            if one.keys() - {"do", *WITH[name]}:
                self.wrong(
                    place,
                    _("“%(action)s” takes: %(more)s.")
                    % {"action": name, "more": ", ".join(WITH[name]) or _("nothing")},
                    number,
                )
                continue
            clean = {"do": name}
            for key, needed in WITH[name].items():
                said = one.get(key, "")
                if not isinstance(said, str) or len(said) > LONGEST or not _writable(said):
                    self.wrong((*place, key), _at_most_characters(LONGEST), number)
                elif not said.strip():
                    if needed:
                        self.wrong((*place, key), _needed(key), number)
                else:
                    clean[key] = said.strip()
            found.append(clean)
        said = [one["do"] for one in found if one["do"] != "tag"]
        if len(said) != len(set(said)):
            self.wrong(("then",), _("The same action stands there twice."))
        if len({"hold", "reject", "publish"}.intersection(said)) > 1:
            self.wrong(("then",), _("Choose one of hold, reject and publish."))
        return found


class _Wrong(Exception):
    """Why a value cannot be compared with."""


def _too_many() -> str:
    return _("At most %(most)d conditions in a rule.") % {"most": MOST_CONDITIONS}


def _at_most_characters(most: int) -> str:
    return _("Text of at most %(most)d characters.") % {"most": most}


def _needed(key: str) -> str:
    if key == "reason":
        return _("Choose the reason: the author is told it.")
    return _("Write the tag.")


def _short(said: object) -> str:
    return str(said)[:60].encode("ascii", "backslashreplace").decode() if said is not None else ""


def _writable(said: str) -> bool:
    return "\x00" not in said and not any("\ud800" <= character <= "\udfff" for character in said)


def _value(about: Field, asked: str, given: object) -> Any:
    """Return ``given`` as it is kept."""
    match about.kind:
        case "yesno":
            if given not in (None, ""):
                raise _Wrong(_("No value belongs here."))
            return None
        case "number":
            if type(given) is not int or not 0 <= given <= BIGGEST:
                raise _Wrong(_("A whole number from 0 to %(most)d.") % {"most": BIGGEST})
            return given
        case "percent":
            return _number(given, 100)
        case "score":
            return _number(given, 1)
        case "text":
            most = LONGEST_PATTERN if asked == "matches" else LONGEST
            if not isinstance(given, str) or len(given) > most or not _writable(given):
                raise _Wrong(_at_most_characters(most))
            if not given.strip():
                raise _Wrong(_("Write what to look for."))
            if asked != "matches":
                _check_phrase(given)
            return given if asked == "matches" else given.strip()
        case "hours":
            if not (
                isinstance(given, list)
                and len(given) == 2
                and all(type(hour) is int and 0 <= hour <= 24 for hour in given)
                and given[0] != given[1]
            ):
                raise _Wrong(_("Two different hours from 0 to 24, such as 22 and 6."))
            return given
    return _words(about, given)


def _number(given: object, most: int) -> int | float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise _Wrong(_("A number from 0 to %(most)d.") % {"most": most})
    if not 0 <= given <= most:
        raise _Wrong(_("A number from 0 to %(most)d.") % {"most": most})
    return given


def _words(about: Field, given: object) -> list[str]:
    several = [given] if isinstance(given, str) else given
    if not isinstance(several, list) or not all(isinstance(one, str) for one in several):
        raise _Wrong(_("One text, or a list of texts."))
    if len(several) > MOST_WORDS or any(len(one) > LONGEST or not _writable(one) for one in several):
        raise _Wrong(
            _("At most %(many)d texts of at most %(long)d characters.") % {"many": MOST_WORDS, "long": LONGEST}
        )
    found = list(dict.fromkeys(one.strip() for one in several if one.strip()))
    if not found:
        raise _Wrong(_("Write at least one."))
    if about.name in ("findings.said", "comment.language") or about.kind in ("choice", "domains"):
        found = [one.lower() for one in found]
    if about.choices:
        for one in found:
            if one not in about.choices:
                raise _Wrong(
                    _("“%(word)s” is none of: %(choices)s.")
                    % {"word": _short(one), "choices": ", ".join(about.choices)}
                )
    if about.kind == "domains":
        found = list(dict.fromkeys(_host(one) for one in found))
        for one in found:
            if not _DOMAIN.fullmatch(one):
                raise _Wrong(_("“%(word)s” is not a domain such as example.org.") % {"word": _short(one)})
    if about.name == "findings.said":
        for one in found:
            if not _CODE.fullmatch(one):
                raise _Wrong(_("“%(word)s” is not the code of a finding, such as links.") % {"word": _short(one)})
    return found


def _host(written: str) -> str:
    if "//" in written:
        try:
            written = urlsplit(written).hostname or ""
        except ValueError:
            return ""
    return written.removeprefix("www.").strip("./")


# --- Patterns ---------------------------------------------------------------------------------------------------------

_NOT_LINEAR = (
    ("(?=", gettext_lazy("looking ahead, (?=…)")),
    ("(?!", gettext_lazy("looking ahead, (?!…)")),
    ("(?<=", gettext_lazy("looking behind, (?<=…)")),
    ("(?<!", gettext_lazy("looking behind, (?<!…)")),
    ("(?>", gettext_lazy("an atomic group, (?>…)")),
    ("(?(", gettext_lazy("a condition, (?(…)…)")),
    ("(?P=", gettext_lazy("a reference back to a group")),
)
_BACK = re.compile(r"invalid escape sequence: \\([1-9]|k|g)")
_ANY_BYTE = re.compile(r"(?<!\\)(?:\\\\)*\\C")


@lru_cache(maxsize=512)
def pattern(written: str) -> Any:
    """
    Return ``written`` as a pattern whose time grows with the text only, whatever their case.

    Raise ``_Wrong`` with why it cannot be: it looks around, refers back, is too large, or cannot be read.
    """
    options = re2.Options()
    options.max_mem = PATTERN_BYTES
    options.log_errors = False
    options.case_sensitive = False
    options.never_capture = True
    if _ANY_BYTE.search(written):
        raise _Wrong(_("\\C stands for half a character and is not taken."))
    try:
        found = re2.compile(written, options)
    except re2.error as error:
        raise _Wrong(_why(written, error)) from None
    if found.programsize > PATTERN_STEPS:
        raise _Wrong(_("This pattern is too large: it would need too much time on long comments."))
    return found


def _why(written: str, error: Exception) -> str:
    said = error.args[0] if error.args else b""
    words = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    _kind, _colon, part = words.partition(": ")
    cause: str | Promise = ""
    if _BACK.match(words) or ("invalid perl operator: (?P" in words and "(?P=" in written):
        cause = gettext_lazy("a reference back to a group")
    elif words.startswith("invalid perl operator"):
        cause = next((name for operator, name in _NOT_LINEAR if part.startswith(operator)), "")
    if cause:
        return _("This cannot be checked in linear time: %(cause)s.") % {"cause": cause}
    if "too large" in words or "repetition size" in words:
        return _("This pattern is too large: it repeats too often.")
    return _("This pattern cannot be read: %(why)s.") % {"why": _short(words)}


def _encodable(text: str) -> str:
    """Return ``text`` with as many characters, each of which RE2 can be given."""
    return text if _writable(text) else text.encode("utf-8", "replace").decode()


# --- Conditions -------------------------------------------------------------------------------------------------------


def _all(tests: tuple[Condition, ...]) -> Condition:
    return tests[0] if len(tests) == 1 else lambda facts: all(test(facts) for test in tests)


def _any(tests: tuple[Condition, ...]) -> Condition:
    return tests[0] if len(tests) == 1 else lambda facts: any(test(facts) for test in tests)


def _not(test: Condition) -> Condition:
    return lambda facts: not test(facts)


def _but_not(when: Condition, unless: Condition) -> Condition:
    return lambda facts: when(facts) and not unless(facts)


_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "at_least": lambda found, value: found >= value,
    "more_than": lambda found, value: found > value,
    "over": lambda found, value: found > value,
    "at_most": lambda found, value: found <= value,
    "fewer_than": lambda found, value: found < value,
    "under": lambda found, value: found < value,
    "exactly": lambda found, value: found == value,
}


def _leaf(about: Field, asked: str, value: Any) -> Leaf:
    name = about.name

    def words() -> str:
        return clause(about, asked, value)

    if about.kind in ("number", "percent", "score"):
        compare = _COMPARED[asked]

        def compared(facts: Mapping[str, Any]) -> bool:
            found = facts[name]
            return bool(found is not None and compare(found, value))

        return Leaf(compared, words, _hosts_in if name == "comment.links" else None)
    if about.kind == "yesno":
        wanted = asked == "yes"
        return Leaf(lambda facts: facts[name] is wanted, words)
    if about.kind == "hours":
        start, end = value

        def between(facts: Mapping[str, Any]) -> bool:
            hour = facts[name]
            if hour is None:
                return False
            return bool(start <= hour < end if start < end else hour >= start or hour < end)

        return Leaf(between, words)
    if about.kind == "domains":
        return _domains(asked, value, words)
    if about.kind == "text":
        return _text(name, asked, value, words)
    return _among(name, asked, value, words)


def _among(name: str, asked: str, value: list[str], words: Callable[[], str]) -> Leaf:
    wanted, positive = frozenset(value), asked == "is"
    if name == "findings.said":
        return Leaf(lambda facts: (not wanted.isdisjoint(facts[name])) is positive, words)

    def among(facts: Mapping[str, Any]) -> bool:
        found = facts[name]
        return found is not None and (found in wanted) is positive

    return Leaf(among, words)


def _domains(asked: str, value: list[str], words: Callable[[], str]) -> Leaf:
    exact, endings = frozenset(value), tuple(f".{domain}" for domain in value)

    def known(host: str) -> bool:
        return host in exact or host.endswith(endings)

    def includes(facts: Mapping[str, Any]) -> bool:
        return any(map(known, facts["comment.domains"]))

    def only(facts: Mapping[str, Any]) -> bool:
        hosts = facts["comment.domains"]
        return bool(hosts) and all(map(known, hosts))

    return Leaf(includes if asked == "includes" else only, words, _hosts_in)


def _hosts_in(text: str, facts: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    for host in facts["comment.domains"]:
        yield from (found.span() for found in re.finditer(re.escape(host), text, re.IGNORECASE))


def _text(name: str, asked: str, value: str, words: Callable[[], str]) -> Leaf:
    if asked == "matches":
        found_by = pattern(value)

        def matching(facts: Mapping[str, Any]) -> bool:
            text = facts[name]
            return text is not None and found_by.search(_encodable(text)) is not None

        def matched(text: str, _facts: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
            spans = (found.span() for found in found_by.finditer(_encodable(text)))
            return ((start, end) for start, end in islice(spans, MOST_SPANS) if start < end)

        return Leaf(matching, words, matched if name == "comment.text" else None)
    own = matcher_of([value])
    positive = asked == "contains"

    def places(facts: Mapping[str, Any]) -> list[tuple[int, int]]:
        if isinstance(facts, Facts):
            return facts.places(name, value, own)
        return [span for hit in own.find(facts[name]).hits for span in hit.spans]

    def containing(facts: Mapping[str, Any]) -> bool:
        return facts[name] is not None and bool(places(facts)) is positive

    def contained(_text: str, facts: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
        return iter(places(facts))

    return Leaf(containing, words, contained if positive and name == "comment.text" else None)


def matcher_of(phrases: Iterable[str]) -> Matcher:
    """Return what finds ``phrases`` as those of the lists are found, disguised or not."""
    return Matcher([Listed(number, phrase, "suspect") for number, phrase in enumerate(dict.fromkeys(phrases))])


def _check_phrase(written: str) -> None:
    try:
        check(written.strip())
    except BadPhrase as bad:
        if bad.code == "no_letters":
            raise _Wrong(_("There is no letter or digit in it to look for.")) from None
        raise _Wrong(_("A star needs more letters beside it: this would match nearly everything.")) from None


# --- Sentences --------------------------------------------------------------------------------------------------------


def clause(about: Field, asked: str, value: Any) -> str:
    """Return one condition in words: "the comment has at least 2 links to other sites"."""
    said = about.said[asked]
    match about.kind:
        case "number" | "percent":
            count = value if isinstance(value, int) else 2
            amount = str(AMOUNTS[asked]) % {"n": value}
            return str(said % {"count": count, "amount": amount})
        case "score":
            return str(said) % {"scorer": about.name.partition(".")[2], "n": value}
        case "yesno":
            return str(said)
        case "hours":
            start, end = value if isinstance(value, list | tuple) else ("…", "…")
            return str(said) % {"start": start, "end": end}
    several = value if isinstance(value, list) else [value]
    quoted = [f"“{one}”" for one in several]
    return str(said) % {"words": _joined(quoted, _(" or "))}


def _joined(words: Sequence[str], last: str) -> str:
    return last.join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def action_in_words(action: Mapping[str, Any]) -> str:
    words = str(ACTIONS[action["do"]]) % {
        "reason": f"“{action.get('reason', '')}”",
        "tag": f"“{action.get('tag', '')}”",
    }
    if action["do"] == "hold" and action.get("say"):
        words += " " + _("and tell the author: “… because %(say)s”") % {"say": action["say"]}
    elif action.get("say"):
        words += " " + _("and tell readers: “%(say)s”") % {"say": action["say"]}
    return words


def as_sentence(definition: Mapping[str, Any]) -> str:
    """Return a definition that :func:`read` took as one sentence."""
    when = _group_in_words(definition["when"])
    then = _joined([action_in_words(one) for one in definition["then"]], _(" and "))
    if definition.get("unless"):
        return _("When %(when)s, unless %(unless)s: %(then)s.") % {
            "when": when,
            "unless": _group_in_words(definition["unless"]),
            "then": then,
        }
    return _("When %(when)s: %(then)s.") % {"when": when, "then": then}


def _group_in_words(group: Mapping[str, Any], inside: bool = False) -> str:
    if "not" in group:
        return _("it is not so that %(condition)s") % {"condition": _group_in_words(group["not"], True)}
    for name, word in (("all", _(" and ")), ("any", _(" or "))):
        if name in group:
            words = [_group_in_words(one, True) for one in group[name]]
            return f"({word.join(words)})" if inside and len(words) > 1 else word.join(words)
    about = named(group["field"])
    return clause(about, group["is"], group.get("value")) if about else str(group["field"])


# --- Facts ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Subject:
    """What is known of one text and where it stands. ``None``: not known."""

    text: str = ""
    hrefs: Callable[[], Iterable[str]] = tuple
    """The addresses it links to."""
    own_domains: tuple[str, ...] = ()
    language: str | None = None
    reply: bool | None = None
    depth: int | None = None
    published: int | None = None
    rejected: int | None = None
    joined_at: datetime | None = None
    badge: str | None = None
    guest: bool | None = None
    section: str | None = None
    key: str | None = None
    title: str | None = None
    opened_at: datetime | None = None
    at: datetime | None = None
    said: Iterable[str] = ()
    """Codes of the findings."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Scorer → its score."""

    @classmethod
    def of(cls, candidate: Candidate) -> Subject:
        author, discussion, comment = candidate.author, candidate.discussion, candidate.comment
        found = cls(
            text=candidate.text,
            hrefs=lambda: candidate.rendered.links,
            own_domains=candidate.settings.own_domains,
            at=comment.created_at if comment else candidate.at,
            said=[draft.code for draft in candidate.findings if not draft.shadow],
            scores={
                draft.rule: draft.score
                for draft in reversed(candidate.findings)
                if draft.score is not None and not draft.shadow
            },
        )
        if comment is not None:
            found.reply, found.depth = comment.parent_id is not None, comment.depth
        if author is not None:
            found.about(author)
        if discussion is not None:
            found.section, found.key, found.title = discussion.section, discussion.key, discussion.title
            found.opened_at = discussion.created_at
        return found

    def about(self, author: Commenter) -> None:
        self.published, self.rejected = author.published_count, author.rejected_count
        self.joined_at, self.guest = author.created_at, author.user_id is None
        self.badge = author.badge if author.badge in BADGES else "none"


class Facts(dict[str, Any]):
    """
    The value of each field for one :class:`Subject`; worked out when asked for, once.

    ``matcher`` knows the phrases of every rule that will be asked, so that the text is read once for all of them.
    """

    __slots__ = ("matcher", "subject")

    def __init__(self, subject: Subject, matcher: Matcher | None = None) -> None:
        super().__init__()
        self.subject, self.matcher = subject, matcher

    def places(self, name: str, phrase: str, own: Matcher) -> list[tuple[int, int]]:
        """Return where ``phrase`` stands in the field ``name``; ``own`` finds it where there is no shared matcher."""
        key = f"{name} phrases" if self.matcher else f"{name} {phrase}"
        found = self.get(key)
        if found is None:
            hits = (self.matcher or own).find(self[name]).hits
            found = self[key] = {hit.listed.phrase: hit.spans for hit in hits}
        spans: list[tuple[int, int]] = found.get(phrase, [])
        return spans

    def __missing__(self, name: str) -> Any:
        find = _FIND.get(name)
        if find is not None:
            value = find(self)
        elif name.startswith("score."):
            value = self.subject.scores.get(name[6:])
        else:
            value = None
        self[name] = value
        return value


def _hosts(facts: Facts) -> list[str]:
    """Return the host of each link to another site, without ``www.``."""
    own = facts.subject.own_domains
    found = []
    for link in facts.subject.hrefs():
        if link.startswith("mailto:"):
            continue
        try:
            host = (urlsplit(link).hostname or "").removeprefix("www.")
        except ValueError:
            continue
        if host and not any(host == domain or host.endswith(f".{domain}") for domain in own):
            found.append(host)
    return found


def _language(facts: Facts) -> str | None:
    return facts.subject.language or guessed(facts.subject.text, LETTERS_TO_TELL)[0] or None


def _capitals(facts: Facts) -> float | None:
    text = facts.subject.text
    capital = sum(map(str.isupper, text))
    cased = capital + sum(map(str.islower, text))
    return 100 * capital / cased if cased >= FEWEST_LETTERS else None


def _rejection_rate(facts: Facts) -> float | None:
    published, rejected = facts["author.published"], facts["author.rejected"]
    if published is None or rejected is None or published + rejected < FEWEST_DECIDED:
        return None
    return float(100 * rejected / (published + rejected))


def _days(since: datetime | None, until: datetime | None) -> int | None:
    return max(0, (until - since).days) if since and until else None


def _local(facts: Facts) -> datetime | None:
    at = facts.subject.at
    return timezone.localtime(at, timezone.get_default_timezone()) if at else None


_FIND: dict[str, Callable[[Facts], Any]] = {
    "comment.text": lambda facts: facts.subject.text,
    "comment.words": lambda facts: len(facts.subject.text.split()),
    "comment.characters": lambda facts: len(facts.subject.text),
    "comment.domains": _hosts,
    "comment.links": lambda facts: len(facts["comment.domains"]),
    "comment.capitals": _capitals,
    "comment.language": _language,
    "comment.reply": lambda facts: facts.subject.reply,
    "comment.depth": lambda facts: facts.subject.depth,
    "author.published": lambda facts: facts.subject.published,
    "author.rejected": lambda facts: facts.subject.rejected,
    "author.rejection_rate": _rejection_rate,
    "author.age_days": lambda facts: _days(facts.subject.joined_at, facts.subject.at),
    "author.badge": lambda facts: facts.subject.badge,
    "author.guest": lambda facts: facts.subject.guest,
    "article.section": lambda facts: facts.subject.section,
    "article.key": lambda facts: facts.subject.key,
    "article.title": lambda facts: facts.subject.title,
    "article.age_days": lambda facts: _days(facts.subject.opened_at, facts.subject.at),
    "time.weekday.local": _local,
    "time.weekday": lambda facts: WEEKDAYS[local.weekday()] if (local := facts["time.weekday.local"]) else None,
    "time.hour": lambda facts: local.hour if (local := facts["time.weekday.local"]) else None,
    "findings.said": lambda facts: frozenset(facts.subject.said),
}


def matches(definition: object, facts: Mapping[str, Any]) -> bool:
    """Say whether a definition matches ``facts``. Pure; for more than one text, :func:`read` it once."""
    return read(definition).matches(facts)


# --- The rule among the rules -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InForce:
    """One house rule that is on, or in the shadow. ``rule`` is ``None`` when this release cannot read it."""

    pk: int
    name: str
    number: int
    shadow: bool
    rule: Rule | None


def finding_name(pk: int) -> str:
    """Return the name under which house rule ``pk`` stands on its findings."""
    return f"house_rule:{pk}"


def finding_version(pk: int, number: int) -> str:
    return f"rule-{pk}.{number}"


_kept: tuple[thresholds.InForce | None, list[InForce], Matcher | None] = (None, [], None)


def in_force() -> tuple[list[InForce], Matcher | None]:
    """
    Return the rules that are on or in the shadow, and what finds the words of all of them.

    Kept in memory for as long as the policy does not move.
    """
    global _kept
    now = thresholds.in_force()
    policy, rules, matcher = _kept
    # The state itself, not its number: numbers of a database that was rolled back come again.
    if policy is not now:
        asked = HouseRule.objects.exclude(state=HouseRule.State.OFF).order_by("position", "pk")
        rules = [_compiled(*row) for row in asked.values_list("pk", "name", "number", "state", "definition")]
        phrases = [phrase for each in rules if each.rule for phrase in sorted(each.rule.phrases)]
        matcher = matcher_of(phrases) if phrases else None
        _kept = (now, rules, matcher)
    return rules, matcher


def _compiled(pk: int, name: str, number: int, state: str, definition: object) -> InForce:
    try:
        rule: Rule | None = read(definition)
    except Refused:
        logger.error("house rule %s cannot be read", pk)
        rule = None
    return InForce(pk, name, number, state == HouseRule.State.SHADOW, rule)


def judge_house_rules(candidate: Candidate) -> Iterator[Draft]:
    """Say what each rule of the editors' says. One that fails holds, and takes nothing from the others."""
    rules, matcher = in_force()
    if not rules:
        return
    facts = Facts(Subject.of(candidate), matcher)
    for each in rules:
        started = time.perf_counter()
        try:
            draft = _asked(each, candidate.text, facts)
        except Exception as error:
            logger.exception("house rule %s failed", each.pk)
            draft = Draft("rule_failed", facts={"error": type(error).__name__, "name": each.name})
        if draft is not None:
            yield Draft(
                draft.code,
                verdict=draft.verdict,
                spans=draft.spans,
                facts=draft.facts,
                reason=draft.reason,
                rule=finding_name(each.pk),
                version=finding_version(each.pk, each.number),
                milliseconds=(time.perf_counter() - started) * 1000,
                shadow=each.shadow,
            )


def _asked(each: InForce, text: str, facts: Facts) -> Draft | None:
    rule = each.rule
    if rule is None:
        raise ValueError("a definition this release cannot read")
    if not rule.matches(facts):
        return None
    said: dict[str, Any] = {"id": each.pk, "name": each.name, "number": each.number}
    if tags := [one["tag"] for one in rule.actions if one["do"] == "tag"]:
        said["tags"] = tags
    if rule.action("notify"):
        said["notify"] = True
    if close := rule.action("close"):
        said["close"] = close.get("say", "")
    verdict, reason = rule.verdict, ""
    if verdict == "hold" and (words := (rule.action("hold") or {}).get("say")):
        said["say"] = words
    elif verdict == "reject":
        reason = (rule.action("reject") or {}).get("reason", "")
        # A reason that was retired since: nobody is rejected without one.
        if not Reason.objects.filter(code=reason, is_active=True).exists():
            verdict, said["reason_gone"], reason = "hold", reason, ""
    return Draft("house_rule", verdict=verdict, spans=rule.spans(text, facts), facts=said, reason=reason)
