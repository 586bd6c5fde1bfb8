"""
The desk's search: words and operators as an editor types them, and the texts that match.

``parse`` reads a search, ``str()`` of what it returns is the same search written in one way, and ``revisions`` finds
the latest text of each comment that matches. What is typed is data: nothing of it is ever put into SQL.

Words are found by an index of words: on PostgreSQL a GIN index on a column ``words`` of the table of texts, which
Django does not know and a trigger keeps; on SQLite two tables of FTS5, which triggers keep too. A column, because an
index on an expression alone has every text taken apart again that a common word or a phrase leads past, which is fifty
times the work; a trigger, because to add a generated column writes the whole table anew while nobody can use it. A text
that is erased leaves each of them by itself. No stemming: comments come in many languages at once, and whoever looks
for a word means that word.

Languages that do not put spaces between words, and Korean, whose words carry their endings, are found by any part of a
word. PostgreSQL's trigrams know no part shorter than three letters, which most words of Chinese and Korean are, and
need an extension that whoever runs the server has to allow. So each such letter is a word of its own here, and a search
for some is a search for them side by side. SQLite's trigrams stand beside its index of words and hold such texts only.
"""

from __future__ import annotations

import functools
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, TextField, Value
from django.db.models.expressions import Func, RawSQL
from django.db.models.fields import BooleanField
from django.utils import timezone
from django.utils.translation import gettext as _

from comments.exceptions import Refused
from comments.models import Comment, Commenter, Decider, Decision, Discussion, Finding, Flag, Note, Revision, Status

MOST_CHARACTERS = 500
"""As long as a search may be: what :class:`comments.models.SavedQueue` keeps."""
MOST_TERMS = 30
MOST_PEOPLE = 200

UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
"""Thai, Lao, Burmese, Khmer, Japanese, Chinese and Korean, as a range of a regular expression."""
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

_unspaced = re.compile(f"[{UNSPACED}]")
_spaces = str.maketrans(dict.fromkeys(PUNCTUATION, " "))
_operator = re.compile(r"([A-Za-z]{1,20})(>=|<=|:|>|<)")
_code = re.compile(r"[\w.\-]{1,80}")
_ago = re.compile(r"([0-9]{1,4})([hdw])", re.ASCII)
HOURS = {"h": 1, "d": 24, "w": 24 * 7}
QUOTES = '"“”„'


# --- Reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a search: words (``name`` is empty) or an operator. Its value is written in one way only."""

    name: str
    sign: str
    value: str
    negated: bool = False

    def __str__(self) -> str:
        value = self.value
        if self.name:
            value = f'"{value}"' if not value or any(each.isspace() or each in QUOTES for each in value) else value
        elif value[0] in "-" + QUOTES or _operator.match(value) or any(each.isspace() for each in value):
            value = f'"{value}"'
        return f"{'-' if self.negated else ''}{self.name}{self.sign}{value}"


@dataclass(frozen=True, slots=True)
class Query:
    """A search that was understood. ``str()`` of it is that search again."""

    terms: tuple[Term, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.terms

    def __str__(self) -> str:
        return " ".join(map(str, self.terms))

    def without(self, place: int) -> Query:
        """Return this search without its term number ``place``, from 0."""
        return Query(self.terms[:place] + self.terms[place + 1 :])

    def asks(self, name: str) -> list[Term]:
        """Return the terms of the operator ``name``."""
        return [term for term in self.terms if term.name == name]


def parse(text: str) -> Query:
    """
    Return the search in ``text``. Raise ``Refused`` (``unreadable_search``), naming the word that is not understood.

    ``str()`` of the answer is read as the same search, whatever ``text`` was.
    """
    if len(text) > MOST_CHARACTERS:
        raise _unreadable(_("This search is longer than %(maximum)d characters.") % {"maximum": MOST_CHARACTERS}, text)
    terms: list[Term] = []
    for term in _terms(text):
        if term not in terms:
            terms.append(term)
    query = Query(tuple(terms))
    if len(terms) > MOST_TERMS or len(str(query)) > MOST_CHARACTERS:
        raise _unreadable(
            _("This search has too many parts. At most %(maximum)d are looked for at once.") % {"maximum": MOST_TERMS},
            text,
        )
    return query


def _terms(text: str) -> Iterator[Term]:
    # What cannot be seen is not looked for: NUL is refused by PostgreSQL, a lone surrogate by everyone.
    rest = "".join(" " if each < " " or each == "\x7f" or "\ud800" <= each <= "\udfff" else each for each in text)
    while rest := rest.lstrip():
        negated = rest[0] == "-"
        word = rest[1:] if negated else rest
        if not word or word[0].isspace():
            rest = word
            continue
        operator = _operator.match(word)
        if operator and not _is_an_address(word):
            value, rest = _value(word[operator.end() :], word)
            yield _understood(operator[1].lower(), operator[2], value, negated)
            continue
        value, rest = _value(word, word)
        if value:
            yield Term("", "", value, negated)


def _is_an_address(word: str) -> bool:
    return word.lower().startswith(("http://", "https://"))


def _value(rest: str, word: str) -> tuple[str, str]:
    """Return the value ``rest`` begins with, to the next space or in quotation marks, and what comes after it."""
    if rest[:1] and rest[0] in QUOTES:
        end = next((place for place, each in enumerate(rest[1:], start=1) if each in QUOTES), None)
        if end is None:
            raise _unreadable(_("A quotation mark is opened here and not closed: %(word)s"), word)
        return " ".join(rest[1:end].split()), rest[end + 1 :]
    end = next((place for place, each in enumerate(rest) if each.isspace()), len(rest))
    return "".join(each for each in rest[:end] if each not in QUOTES), rest[end:]


def _unreadable(sentence: str, word: str) -> Refused:
    """Return the complaint about ``word``, which ``sentence`` names as ``%(word)s``."""
    word = word if len(word) <= 60 else f"{word[:59]}…"
    return Refused("unreadable_search", sentence % {"word": word} if "%(word)s" in sentence else sentence, word=word)


def _understood(name: str, sign: str, value: str, negated: bool) -> Term:
    name = ALIASES.get(name, name)
    operator = OPERATORS.get(name)
    said = f"{name}{sign}{value}"
    if operator is None:
        raise _unreadable(
            _(
                "There is no operator “%(name)s”, in %(word)s. If you look for these very characters, put them in "
                "quotation marks."
            )
            % {"name": name, "word": "%(word)s"},
            said,
        )
    if sign not in operator.signs:
        raise _unreadable(_("This is not understood: %(word)s. %(hint)s") % _hint(operator), said)
    if not value:
        raise _unreadable(_("Something is missing here: %(word)s. %(hint)s") % _hint(operator), said)
    read = operator.read(value)
    if read is None:
        raise _unreadable(_("This is not understood: %(word)s. %(hint)s") % _hint(operator), said)
    return Term(name, sign, read, negated)


def _hint(operator: Operator) -> dict[str, str]:
    # The word may be anything, also a percent sign: it is put in last.
    return {"word": "%(word)s", "hint": operator.hint().replace("%", "%%")}


# --- Values: what was typed -> how it is written, or None -------------------------------------------------------------


def _words(value: str) -> str | None:
    return value if any(each.isalnum() for each in value) else None


def _person(value: str) -> str | None:
    if value.startswith("#"):
        number = value[1:]
        return value if number.isascii() and number.isdecimal() and len(number) < 19 else None
    return _words(value)


def _slug(value: str) -> str | None:
    return value.lower() if _code.fullmatch(value) else None


def _any(value: str) -> str | None:
    return value if len(value) <= 80 else None


def _language(value: str) -> str | None:
    return value.lower() if re.fullmatch("[A-Za-z]{2}", value) else None


def _share(value: str) -> str | None:
    try:
        number = float(value.replace(",", ".")) if re.fullmatch(r"[0-9]{0,3}([.,][0-9]{0,6})?", value) else -1
    except ValueError:
        return None
    return f"{number:.6f}".rstrip("0").rstrip(".") if 0 <= number <= 1 else None


def _number(value: str) -> str | None:
    return str(int(value)) if value.isascii() and value.isdecimal() and len(value) <= 6 else None


def _day(value: str) -> str | None:
    if ago := _ago.fullmatch(value.lower()):
        return f"{int(ago[1])}{ago[2]}"
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        return None


def _one_of(*choices: str) -> Callable[[str], str | None]:
    return lambda value: value.lower() if value.lower() in choices else None


# --- Conditions -------------------------------------------------------------------------------------------------------


def _spaced(text: str) -> str:
    """Return ``text`` as the index of words reads it: punctuation is space, and unspaced letters stand alone."""
    return " ".join(_unspaced.sub(r" \g<0> ", text.translate(_spaces)).split())


class InWords(Func):
    """Whether a text holds some words side by side, or words that begin with them: by PostgreSQL's index of words."""

    output_field = BooleanField()
    arity = 2

    def __init__(self, field: str, words: str, *, beginnings: bool = False) -> None:
        self.beginnings = beginnings
        if beginnings:
            words = " & ".join(f"'{word}':*" for word in words.split())
        super().__init__(F(field), Value(words, TextField()))

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> Any:  # type: ignore[override]
        text, text_params = compiler.compile(self.source_expressions[0])
        words, words_params = compiler.compile(self.source_expressions[1])
        asked = "to_tsquery" if self.beginnings else "phraseto_tsquery"
        # Texts have a column of words beside them, which a trigger keeps; names and titles are short.
        kept = text.removesuffix('"text"') + '"words"' if text.endswith('"text"') else f"comments_words({text})"
        return f"({kept} @@ {asked}('simple', {words}))", [*text_params, *words_params]


def _holds(value: str) -> Q:
    """Return the condition that a text holds ``value``: each word of it, side by side."""
    words = _spaced(value)
    exactly = Q(text__icontains=value)
    if not any(each.isalnum() for each in words):
        return exactly
    unspaced = _unspaced.search(value) is not None
    if connection.vendor == "postgresql":
        found = Q(InWords("text", words))
    elif connection.vendor != "sqlite" or not has_words():
        return exactly
    elif not unspaced:
        found = Q(id__in=_matches("comments_words", f'"{words}"'))
    elif has_pieces() and len(value) > 2:
        found = Q(id__in=_matches("comments_pieces", '"' + value.replace('"', '""') + '"'))
    else:
        return exactly
    # The index knows letters and digits only; C++ is not C, and letters that stand alone have to stand together.
    return found & exactly if unspaced or words != value else found


def _matches(table: str, expression: str) -> RawSQL:
    return RawSQL(f"SELECT rowid FROM {table} WHERE {table} MATCH %s", [expression])


def _named(value: str) -> QuerySet[Commenter]:
    """Return the people whose name has words that begin with those in ``value``, or the one with this number."""
    if value.startswith("#"):
        return Commenter.objects.filter(pk=int(value[1:]))
    return Commenter.objects.filter(_begin("name", value))


def _begin(field: str, value: str) -> Q:
    """Return the condition that each word of ``value`` begins a word in ``field``; unspaced letters stand anywhere."""
    anywhere = Q(**{f"{field}__icontains": value}) if _unspaced.search(value) else Q()
    words = _spaced(value).split()
    if connection.vendor == "postgresql":
        return Q(InWords(field, " ".join(words), beginnings=True)) & anywhere
    if anywhere:
        return anywhere
    found = Q()
    for word in words:
        begins = Q(**{f"{field}__istartswith": word})
        for before in " -.'":
            begins |= Q(**{f"{field}__icontains": before + word})
        found &= begins
    return found


def _author(value: str, sign: str) -> Q:
    if value.startswith("#"):
        return Q(comment__author=int(value[1:]))
    # Few people are asked for by number, so that the database begins at their comments.
    people = list(_named(value).values_list("pk", flat=True)[: MOST_PEOPLE + 1])
    return Q(comment__author__in=people if len(people) <= MOST_PEOPLE else _named(value).values("pk"))


def _article(value: str, sign: str) -> Q:
    found = Discussion.objects.filter(Q(key=value) | _begin("title", value)) if _spaced(value) else None
    found = Discussion.objects.filter(key=value) if found is None else found
    return Q(comment__discussion__in=found.values("pk"))


def _section(value: str, sign: str) -> Q:
    return Q(comment__discussion__section__iexact=value)


def _status(value: str, sign: str) -> Q:
    return Q(status=value)


def _reason(value: str, sign: str) -> Q:
    return Q(Exists(Decision.objects.filter(revision=OuterRef("pk"), reason=value)))


def _rule(value: str, sign: str) -> Q:
    said = Finding.objects.filter(revision=OuterRef("pk")).exclude(code__in=SAYS_NOTHING)
    return Q(Exists(said.filter(Q(code=value) | Q(code="house_rule", rule=value))))


SAYS_NOTHING = ("passed", "score", "no_score")
"""Findings that nearly every text has, and that object to nothing."""


def _score(value: str, sign: str) -> Q:
    return Q(**{f"risk__{SIGNS[sign]}": float(value)})


SIGNS = {">": "gt", "<": "lt", ">=": "gte", "<=": "lte", ":": "exact"}


def _flags(value: str, sign: str) -> Q:
    count = int(value)
    least = {">": count + 1, ">=": count, "<": count, "<=": count + 1, ":": count}[sign]
    enough = Q(comment__in=_flagged(least)) if least > 0 else Q()
    if sign in (">", ">="):
        return enough
    if sign in ("<", "<="):
        return ~Q(comment__in=_flagged(least)) if least > 0 else Q(pk__in=[])
    return enough & ~Q(comment__in=_flagged(count + 1))


def _flagged(least: int) -> QuerySet[Any]:
    """Return the comments with at least so many open flags on what readers see now."""
    replaced = Revision.objects.filter(
        comment=OuterRef("comment"), number__gt=OuterRef("revision__number"), first_published_at__isnull=False
    )
    counting = Flag.objects.filter(~Exists(replaced), state=Flag.State.OPEN, counts=True)
    return counting.values("comment").annotate(flag_count=Count("pk")).filter(flag_count__gte=least).values("comment")


def moment(value: str, *, now: datetime | None = None) -> datetime:
    """Return the moment that ``value`` names: the beginning of a day, or so many hours, days or weeks ago."""
    if ago := _ago.fullmatch(value):
        return (now or timezone.now()) - timedelta(hours=int(ago[1]) * HOURS[ago[2]])
    day = date.fromisoformat(value)
    try:
        return datetime.combine(day, time(), timezone.get_current_timezone()).astimezone(UTC)
    except OverflowError:
        return datetime.combine(day, time(), UTC)


def _before(value: str, sign: str) -> Q:
    return Q(created_at__lt=moment(value))


def _after(value: str, sign: str) -> Q:
    return Q(created_at__gte=moment(value))


def _has(value: str, sign: str) -> Q:
    match value:
        case "link":
            return Q(html__contains="<a ") | Q(text__icontains="http://") | Q(text__icontains="https://")
        case "edit":
            return Q(number__gt=1)
        case "reply":
            return Q(comment__reply_count__gt=0)
        case "note":
            return Q(Exists(Note.objects.filter(comment=OuterRef("comment"))))
        case _flag:
            return _flags("0", ">")


class MarkedFirst(Func):
    """Whether a text may be its author's first comment: PostgreSQL keeps a mark on those, and an index of the marks."""

    output_field = BooleanField()
    arity = 1

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> Any:  # type: ignore[override]
        text, params = compiler.compile(self.source_expressions[0])
        column = text.removesuffix('"text"') + '"is_first"'
        return f"({column} IS TRUE)", params


def _first() -> Q:
    """Return the condition that the author of a text had commented on nothing before it."""
    at = OuterRef("comment__created_at")
    others = Comment.objects.filter(author=OuterRef("comment__author"), created_at__lte=at)
    first = ~Q(Exists(others.filter(Q(created_at__lt=at) | Q(id__lt=OuterRef("comment")))))
    # A mark says what was so when the text came. It leaves few; the comments themselves say whether it still is.
    return Q(MarkedFirst("text")) & first if connection.vendor == "postgresql" else first


def _is(value: str, sign: str) -> Q:
    match value:
        case "first":
            return _first()
        case "guest":
            return Q(comment__author__user__isnull=True)
        case "reply":
            return Q(comment__parent__isnull=False)
        case _root:
            return Q(comment__parent__isnull=True)


def _spoken(value: str, sign: str) -> Q:
    return Q(language=value)


def _decided(value: str, sign: str) -> Q:
    latest = Decision.objects.filter(comment=OuterRef("comment")).order_by("-id").values("decider")[:1]
    rows = Revision.objects.filter(pk=OuterRef("pk")).annotate(last_decider=Subquery(latest))
    return Q(Exists(rows.filter(last_decider=value)))


def _by(value: str, sign: str) -> Q:
    return Q(comment__in=Decision.objects.filter(made_by__in=_named(value).values("pk")).values("comment"))


@dataclass(frozen=True, slots=True)
class Operator:
    """A word before a colon: which signs it takes, how its value is read, and which texts it means."""

    read: Callable[[str], str | None]
    condition: Callable[[str, str], Q]
    example: str
    choices: tuple[str, ...] = ()
    signs: tuple[str, ...] = (":",)

    def hint(self) -> str:
        if self.choices:
            return _("One of these is possible: %(choices)s.") % {"choices": ", ".join(self.choices)}
        return _("It is written like this: %(example)s") % {"example": self.example}


def _chosen(condition: Callable[[str, str], Q], example: str, *choices: str) -> Operator:
    return Operator(_one_of(*choices), condition, example, choices)


COMPARED = (">", "<", ">=", "<=")
OPERATORS = {
    "author": Operator(_person, _author, 'author:"Anna K" author:#12'),
    "article": Operator(_words, _article, 'article:"night tram"'),
    "section": Operator(_any, _section, "section:sport"),
    "status": _chosen(_status, "status:held", *Status.values),
    "reason": Operator(_slug, _reason, "reason:spam"),
    "rule": Operator(_slug, _rule, "rule:links"),
    "score": Operator(_share, _score, "score>0.8", signs=COMPARED),
    "flags": Operator(_number, _flags, "flags>2", signs=(*COMPARED, ":")),
    "before": Operator(_day, _before, "before:2026-11-01 before:2d"),
    "after": Operator(_day, _after, "after:2026-11-01 after:24h"),
    "has": _chosen(_has, "has:link", "link", "edit", "reply", "note", "flag"),
    "is": _chosen(_is, "is:first", "first", "guest", "reply", "root"),
    "lang": Operator(_language, _spoken, "lang:ko"),
    "decided": _chosen(_decided, "decided:screening", *Decider.values),
    "by": Operator(_person, _by, "by:anna"),
}
ALIASES = {"language": "lang", "user": "author", "story": "article", "flag": "flags"}


# --- Finding ----------------------------------------------------------------------------------------------------------


def latest() -> QuerySet[Revision]:
    """Return the latest text of every comment."""
    newer = Revision.objects.filter(comment=OuterRef("comment"), number__gt=OuterRef("number"))
    return Revision.objects.filter(~Exists(newer))


def revisions(query: Query, *, sections: frozenset[str] | None = None) -> QuerySet[Revision]:
    """
    Return the latest text of each comment that matches ``query``, in no order.

    ``sections`` keeps it to those; ``None`` is everywhere. An empty search is everything.
    """
    found = latest()
    if sections is not None:
        found = found.filter(comment__discussion__section__in=sorted(sections))
    return narrowed(found, query)


def narrowed(found: QuerySet[Revision], query: Query) -> QuerySet[Revision]:
    """Return those of ``found`` that match ``query``."""
    for term in query.terms:
        condition = OPERATORS[term.name].condition(term.value, term.sign) if term.name else _holds(term.value)
        found = found.filter(~condition if term.negated else condition)
    return found


# --- The index of words -----------------------------------------------------------------------------------------------
#
# Migration 0008 makes PostgreSQL's. SQLite's is kept in step by triggers, which vanish whenever a migration has to
# make the table of texts anew: that is how Django changes a column there. So what follows is done after every migrate.


@functools.cache
def has_words() -> bool:
    """Say whether this Python's SQLite has FTS5."""
    return _can("fts5(text)")


@functools.cache
def has_pieces() -> bool:
    """Say whether this Python's SQLite finds any three letters of a text (3.34)."""
    return _can("fts5(text, tokenize='trigram')")


def _can(module: str) -> bool:
    try:
        with closing(sqlite3.connect(":memory:")) as memory:
            memory.execute(f"CREATE VIRTUAL TABLE tried USING {module}")
    except sqlite3.Error:
        return False
    return True


TABLES = (
    ("comments_words", "unicode61 remove_diacritics 0", "1"),
    ("comments_pieces", "trigram", f"{{row}}.text GLOB '*[{UNSPACED}]*'"),
)
"""A table of FTS5, how it takes texts apart, and which texts it holds. The words themselves stay where they are."""


def keep_in_step(connection: Any) -> None:
    """Make SQLite's index of words if it is not there, fill it, and keep it in step by triggers. Safe to do again."""
    if connection.vendor != "sqlite" or not has_words():
        return
    with connection.cursor() as db:
        db.execute("SELECT name FROM sqlite_master WHERE name LIKE 'comments!_%' ESCAPE '!'")
        there = {name for (name,) in db.fetchall()}
        if "comments_revision" not in there:
            return
        for table, tokenizer, held in TABLES[: 2 if has_pieces() else 1]:
            triggers = {f"{table}_{when}" for when in ("insert", "delete", "update")}
            if table in there and triggers <= there:
                continue
            for name in triggers:
                db.execute(f"DROP TRIGGER IF EXISTS {name}")
            db.execute(f"DROP TABLE IF EXISTS {table}")
            db.execute(
                f"CREATE VIRTUAL TABLE {table} USING fts5(text, content='comments_revision', content_rowid='id', "
                f"tokenize='{tokenizer}')"
            )
            # An external table is told what it is to forget, word by word: "delete" is a command of FTS5.
            forget = (
                f"INSERT INTO {table}({table}, rowid, text) SELECT 'delete', old.id, old.text "
                f"WHERE {held.format(row='old')};"
            )
            keep = f"INSERT INTO {table}(rowid, text) SELECT new.id, new.text WHERE {held.format(row='new')};"
            on = "ON comments_revision BEGIN"
            db.execute(f"CREATE TRIGGER {table}_insert AFTER INSERT {on} {keep} END")
            db.execute(f"CREATE TRIGGER {table}_delete AFTER DELETE {on} {forget} END")
            db.execute(f"CREATE TRIGGER {table}_update AFTER UPDATE OF text {on} {forget} {keep} END")
            db.execute(
                f"INSERT INTO {table}(rowid, text) SELECT row.id, row.text FROM comments_revision AS row "
                f"WHERE {held.format(row='row')}"
            )
