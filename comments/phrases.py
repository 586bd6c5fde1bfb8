"""
Verbs about the newsroom's phrases: add, change, remove, import, export, and show what a text would hit.

Every change moves the version of the policy and is written down; the next comment is judged by it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from comments import policy, thresholds
from comments.exceptions import Refused
from comments.models import Commenter, Phrase, PolicyChange, Revision
from comments.screening import phrases as screening
from comments.screening.sentences import disguise

RECENT = 2_000
"""The latest texts that a new phrase is tried on."""
FEWEST = 5
"""Below so many there is nothing to tell a share of."""
WIDE = 0.20
"""The share of the latest texts above which a phrase is warned about."""
MOST_LINES = 20_000
LONGEST = 200
COLUMNS = ("phrase", "kind", "language", "note", "expires_at")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula at the beginning of a cell."""


@dataclass(frozen=True, slots=True)
class Added:
    phrase: Phrase
    outcome: str
    """``added``, ``changed`` or ``unchanged``."""
    warning: str = ""
    """A sentence when the phrase would hit more of the latest comments than a phrase should."""


def add_phrase(words: str, *, made_by: Commenter | None, **facts: Any) -> Added:
    """
    Put ``words`` on the list, or give a phrase that is there other ``facts``: ``kind``, ``language``, ``note`` and
    ``expires_at``. What is not given stays as it is.

    Raise ``Refused`` for a phrase that would match nothing or nearly everything, or facts that are none.
    """
    words, facts = checked(words), _checked_facts(facts)
    with policy.changing():
        phrase, outcome = _put(words, facts, made_by)
    return Added(phrase, outcome, _warnings([phrase]).get(phrase.pk, "") if outcome != "unchanged" else "")


def change_phrase(pk: int, words: str, *, made_by: Commenter | None, **facts: Any) -> Added:
    """Write the phrase ``pk`` another way, with other facts where given; raise ``Refused`` as :func:`add_phrase`."""
    words, facts = checked(words), _checked_facts(facts)
    with policy.changing():
        phrase = Phrase.objects.filter(pk=pk).first()
        if phrase is None:
            raise _unknown()
        if Phrase.objects.filter(phrase=words).exclude(pk=pk).exists():
            raise Refused("phrase_there", _("“%(phrase)s” is on the list already.") % {"phrase": words})
        before = _facts_of(phrase)
        phrase.phrase = words
        outcome = _write(phrase, facts, before, made_by)
    return Added(phrase, outcome, _warnings([phrase]).get(phrase.pk, "") if outcome != "unchanged" else "")


def remove_phrase(pk: int, *, made_by: Commenter | None) -> None:
    """Take a phrase off the list; raise ``Refused`` (404) when it is not there."""
    remove_phrases([pk], made_by=made_by)


def remove_phrases(pks: Sequence[int], *, made_by: Commenter | None) -> None:
    """Take all of ``pks`` off the list, or none: raise ``Refused`` (404) when one is not there."""
    with policy.changing():
        for pk in pks:
            phrase = Phrase.objects.filter(pk=pk).first()
            if phrase is None:
                raise _unknown()
            before = _facts_of(phrase)
            phrase.delete()
            policy.record(PolicyChange.Kind.PHRASE, phrase.phrase, before, None, made_by)


def _unknown() -> Refused:
    return Refused("unknown_phrase", _("There is no such phrase."), status=404)


def checked(words: str) -> str:
    """Return ``words`` as they are kept; raise ``Refused``, with the reason, where they cannot be a phrase."""
    words = " ".join(words.replace("\x00", "").split())
    if not words:
        raise Refused("phrase_empty", _("Write the words to look for."))
    if len(words) > LONGEST:
        raise Refused("phrase_long", _("A phrase has at most %(most)d characters.") % {"most": LONGEST})
    try:
        screening.check(words)
    except screening.BadPhrase as bad:
        raise Refused(f"phrase_{bad.code}", _reason(bad.code)) from None
    return words


def _reason(code: str) -> str:
    match code:
        case "only_stars":
            return _("A * alone would match every word. Write the letters it stands beside.")
        case "lone_star":
            return _("A * stands for letters inside one word. Write it beside letters, without a space.")
        case "too_wide":
            return _("This would match too many words: write two letters beside a *, three between two of them.")
        case _other:
            return _("Nothing is left to look for: a phrase needs letters or digits.")


def _checked_facts(given: dict[str, Any]) -> dict[str, Any]:
    facts = dict(given)
    unknown = set(facts) - {"kind", "language", "note", "expires_at"}
    if unknown:
        raise TypeError(f"a phrase has no {', '.join(sorted(unknown))}")
    if "note" in facts:
        facts["note"] = " ".join(facts["note"].replace("\x00", "").split())
    if facts.get("kind", Phrase.Kind.SUSPECT) not in Phrase.Kind.values:
        raise Refused("phrase_kind", _("A phrase is “banned” or “suspect”."))
    if len(facts.get("note", "")) > 300:
        raise Refused("phrase_note", _("A note has at most %(most)d characters.") % {"most": 300})
    if "language" in facts:
        facts["language"] = facts["language"].strip()
        if len(facts["language"]) > 12 or not all(part.isalnum() for part in facts["language"].split("-") if part):
            raise Refused("phrase_language", _("A language is a code such as “en” or “pt-br”."))
    return facts


def _facts_of(phrase: Phrase) -> dict[str, Any]:
    return {
        "phrase": phrase.phrase,
        "kind": phrase.kind,
        "language": phrase.language,
        "note": phrase.note,
        "expires_at": phrase.expires_at.isoformat() if phrase.expires_at else None,
    }


def _put(words: str, facts: dict[str, Any], made_by: Commenter | None) -> tuple[Phrase, str]:
    phrase = Phrase.objects.filter(phrase=words).first()
    if phrase is None:
        phrase = Phrase(phrase=words, added_by=made_by.user if made_by else None)
        return phrase, _write(phrase, facts, None, made_by)
    return phrase, _write(phrase, facts, _facts_of(phrase), made_by)


def _write(phrase: Phrase, facts: dict[str, Any], before: dict[str, Any] | None, made_by: Commenter | None) -> str:
    outcome = _apply(phrase, facts, before)
    if outcome != "unchanged":
        phrase.save()
        policy.record(PolicyChange.Kind.PHRASE, phrase.phrase, before, _facts_of(phrase), made_by)
    return outcome


def _apply(phrase: Phrase, facts: dict[str, Any], before: dict[str, Any] | None) -> str:
    """Give ``phrase`` its facts, unsaved; return ``added``, ``changed`` or ``unchanged``."""
    expires_at = facts.get("expires_at")
    if expires_at and expires_at != phrase.expires_at and expires_at <= timezone.now():
        raise Refused("phrase_expired", _("The day on which it expires is over already."))
    for name, value in facts.items():
        setattr(phrase, name, value)
    if _facts_of(phrase) == before:
        return "unchanged"
    return "changed" if before else "added"


# --- What it would have done ------------------------------------------------------------------------------------------


def _warnings(changed: Sequence[Phrase]) -> dict[int, str]:
    """Return a sentence for each of ``changed`` that is in too many of the latest texts."""
    texts = list(Revision.objects.order_by("-id").values_list("text", flat=True)[:RECENT])
    if len(texts) < FEWEST:
        return {}
    matcher = screening.Matcher(_listed(phrase) for phrase in changed)
    counts: dict[int, int] = {}
    for text in texts:
        for hit in matcher.find(text).hits:
            counts[hit.listed.pk] = counts.get(hit.listed.pk, 0) + 1
    kinds = {phrase.pk: phrase.kind for phrase in changed}
    return {pk: _warning(kinds[pk], count, len(texts)) for pk, count in counts.items() if count > WIDE * len(texts)}


def _warning(kind: str, count: int, of: int) -> str:
    words = (
        _("would reject %(share)d %% of the last %(of)s comments")
        if kind == Phrase.Kind.BANNED
        else _("would hold %(share)d %% of the last %(of)s comments")
    )
    return words % {"share": round(100 * count / of), "of": f"{of:,}"}


def _listed(phrase: Phrase) -> screening.Listed:
    return screening.Listed(phrase.pk, phrase.phrase, phrase.kind, phrase.language, phrase.expires_at)


@dataclass(frozen=True, slots=True)
class Explained:
    """A phrase found in a text, and why, in a sentence for each disguise."""

    phrase: str
    kind: str
    language: str
    spans: list[tuple[int, int]]
    folded: str
    """What the first place reads as."""
    why: str


def explain(text: str) -> list[Explained]:
    """Return what of the phrases in force is found in ``text``. Nothing is kept."""
    thresholds.in_force(exact=True)
    found = screening.in_force().find(text)
    return [
        Explained(
            phrase=hit.listed.phrase,
            kind=hit.listed.kind,
            language=hit.listed.language,
            spans=hit.spans,
            folded=hit.folded[0],
            why=" ".join(dict.fromkeys(_why(hit, number, text) for number in range(len(hit.spans)))),
        )
        for hit in found.hits
    ]


def _why(hit: screening.Hit, number: int, text: str) -> str:
    start, end = hit.spans[number]
    how = hit.how[number]
    facts = {
        "typed": text[start:end],
        "folded": hit.folded[number],
        "phrase": hit.listed.phrase,
        "kind": _("banned") if hit.listed.kind == Phrase.Kind.BANNED else _("suspect"),
        "how": disguise(how),
    }
    if "wildcard" in how:
        return _("“%(typed)s” is what “%(phrase)s” stands for (%(kind)s).") % facts
    if how == ("ending",):
        return _("“%(typed)s” is the phrase “%(phrase)s” with an ending (%(kind)s).") % facts
    if not facts["how"]:
        return _("“%(typed)s” is the phrase “%(phrase)s” (%(kind)s).") % facts
    return _("“%(typed)s” reads as “%(folded)s” (%(kind)s): %(how)s.") % facts


# --- Import and export ------------------------------------------------------------------------------------------------


class Line(NamedTuple):
    """What became of one line: ``added``, ``changed``, ``unchanged`` or ``refused``, and why or with which warning."""

    number: int
    phrase: str
    outcome: str
    why: str = ""


@dataclass(slots=True)
class Imported:
    lines: list[Line] = field(default_factory=list)

    def count(self, outcome: str) -> int:
        return sum(line.outcome == outcome for line in self.lines)


def import_phrases(
    text: str, *, form: str = "lines", kind: str = "", language: str | None = None, made_by: Commenter | None
) -> Imported:
    """
    Put many phrases on the list: one on each line, or CSV with the columns ``phrase, kind, language, note, expires_at``
    (a first line that names them may choose fewer, in any order). ``kind`` and ``language`` are for lines without one.

    Each line stands for itself: what is refused is told with its line and reason, and the rest is done, all at once.
    The same text once more changes nothing.
    """
    if form not in ("lines", "csv"):
        raise Refused("import_format", _("The format is “csv” or “lines”."))
    given = {"kind": kind} if kind else {}
    _checked_facts({**given, **({"language": language} if language else {})})
    report, records = Imported(), list[PolicyChange]()
    touched: dict[str, Phrase] = {}
    changed: list[Phrase] = []
    rows = _csv_rows(text) if form == "csv" else _line_rows(text)
    with policy.changing():
        there = {phrase.phrase: phrase for phrase in Phrase.objects.all()}
        for number, cells, problem in rows:
            if number > MOST_LINES:
                why = _("At most %(most)d lines at once; from this line on nothing was read.") % {"most": MOST_LINES}
                report.lines.append(Line(number, "", "refused", why))
                break
            if problem:
                report.lines.append(Line(number, cells.get("phrase", ""), "refused", problem))
                continue
            try:
                words = checked(cells["phrase"])
                phrase = there.get(words) or Phrase(phrase=words, added_by=made_by.user if made_by else None)
                before = _facts_of(phrase) if words in there else None
                outcome = _apply(phrase, _facts_in(cells, given, language), before)
            except Refused as refused:
                report.lines.append(Line(number, cells["phrase"][:LONGEST], "refused", refused.detail))
                continue
            report.lines.append(Line(number, words, outcome))
            there[words] = phrase
            if outcome != "unchanged":
                if not phrase._state.adding and words not in touched:
                    changed.append(phrase)
                touched[words] = phrase
                facts = {"before": before, "after": _facts_of(phrase)}
                records.append(PolicyChange(kind=PolicyChange.Kind.PHRASE, subject=words, made_by=made_by, **facts))
        # All at once: row by row, ten thousand phrases keep every other change waiting for ten seconds.
        Phrase.objects.bulk_create([phrase for phrase in touched.values() if phrase._state.adding], batch_size=500)
        for phrase in changed:
            phrase.save()
        PolicyChange.objects.bulk_create(records, batch_size=500)
    warnings = _warnings([*touched.values()]) if touched else {}
    if warnings:
        said = {phrase.phrase: warnings[phrase.pk] for phrase in touched.values() if phrase.pk in warnings}
        report.lines = [
            line if line.outcome == "refused" else line._replace(why=said.get(line.phrase, "")) for line in report.lines
        ]
    return report


def _facts_in(cells: dict[str, str], given: dict[str, str], language: str | None) -> dict[str, Any]:
    """Return the facts of one line; an empty cell of CSV means what it says, except for the kind."""
    facts: dict[str, Any] = dict(given)
    if language:
        facts["language"] = language
    if cells.get("kind", "").strip():
        facts["kind"] = cells["kind"].strip().lower()
    if "language" in cells and (cells["language"] or not language):
        facts["language"] = cells["language"]
    if "note" in cells:
        facts["note"] = cells["note"]
    if "expires_at" in cells:
        facts["expires_at"] = moment_of(cells["expires_at"])
    return _checked_facts(facts)


def moment_of(given: str) -> datetime | None:
    """Return the moment after which a phrase is no longer looked for: a day counts to its end. "" is never."""
    given = given.strip()
    if not given:
        return None
    try:
        day, moment = parse_date(given), parse_datetime(given)
    except ValueError:
        day = moment = None
    if day is not None:
        moment = datetime(day.year, day.month, day.day) + timedelta(days=1, seconds=-1)  # noqa: DTZ001 (zone follows)
    if moment is None:
        raise Refused("phrase_date", _("Write the day on which it expires as 2027-01-31."))
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment


Row = tuple[int, dict[str, str], str]


def _line_rows(text: str) -> Iterator[Row]:
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        if line.strip():
            yield number, {"phrase": line.strip()}, ""


def _csv_rows(text: str) -> Iterator[Row]:
    text = text.removeprefix("\ufeff").replace("\x00", "")
    first = text.partition("\n")[0]
    delimiter = next((one for one in "\t;" if one in first and "," not in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: Sequence[str] = COLUMNS
    begun = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            why = _("The quotation marks do not close as they should; from this line on nothing was read.")
            yield begun, {"phrase": ""}, why
            return
        number, begun = begun, reader.line_num + 1
        if not any(cell.strip() for cell in cells):
            continue
        named = [cell.strip().casefold() for cell in cells]
        if number == 1 and "phrase" in named and set(named) <= {*COLUMNS, ""}:
            columns = named
            continue
        if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
            why = _("More cells than columns: put quotation marks around a text with a comma in it.")
            yield number, {"phrase": cells[0]}, why
            continue
        found = {name: _from_cell(cell) for name, cell in zip(columns, cells, strict=False) if name}
        yield number, {"phrase": ""} | found, ""


def export_phrases() -> str:
    """Return the whole list as CSV that :func:`import_phrases` reads back. No cell is a formula to a spreadsheet."""
    into = io.StringIO()
    writer = csv.writer(into)
    writer.writerow(COLUMNS)
    for phrase in Phrase.objects.order_by("pk"):
        facts = _facts_of(phrase)
        writer.writerow([_to_cell(str(facts[name] or "")) for name in COLUMNS])
    return into.getvalue()


def _to_cell(words: str) -> str:
    return f"'{words}" if words.startswith((*FORMULA, "'")) else words


def _from_cell(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith((*FORMULA, "'")) else cell
