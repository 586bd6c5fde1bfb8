"""
Which reports are one: by facts first, by words never alone.

Readers call the same fault by ten names in nine languages, so likeness of words joins nothing; it only suggests. What
joins is the same failure, or enough equal facts within three days with the same code or script error among them. Causes
that concern one reader alone (a held comment, a ban) are never put into one conversation: the desk stacks them.

The weights are a first guess, to be fitted once editors have merged and split often enough.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from comments.models import Commenter, Discussion, IssueGroup, IssueMessage, IssueReport, IssueSplit

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AGAIN = timedelta(hours=24)
"""A second report by the same person about the same discussion is a message on the first for so long."""
LOOKS_BACK = timedelta(hours=72)
HALF_LIFE_HOURS = 24.0
JOINS, SUGGESTS = 6.0, 4.0
FEWEST_FACTS = 2
ALIKE, COPY = 0.35, 0.85
COPY_CHARACTERS = 60
CONCENTRATED, FEWEST_CONCENTRATED = 0.6, 4
MOST_COMPARED = 300
"""Open reports that a new one is compared with at most, the newest first."""
MOST_SPLIT = 200
MOST_LABELLED = 8
LOCK = 0x15_50E5
"""Of PostgreSQL's advisory locks: one report at a time looks for its group."""

WEIGHTS = {
    "code": 4.0,
    "client_error": 3.0,
    "discussion_id": 2.0,
    "browser": 2.0,
    "system": 1.0,
    "surface": 1.0,
    "release": 1.0,
    "kind": 1.0,
    "elsewhere": 1.0,
}

PERSONAL = frozenset(
    {
        "held",
        "held_words",
        "held_link",
        "held_unchecked",
        "rejected",
        "suspended",
        "banned",
        "premoderated",
        "warned",
        "warning_unread",
        "repeat",
        "too_fast",
        "slow_mode",
        "enough_here",
        "too_long",
        "too_short",
        "empty",
        "wrong_language",
        "closed",
        "identity_changed",
        "signed_out",
        "not_signed_in",
        "login_loop",
        "email_unconfirmed",
        "not_entitled",
        "name_missing",
        "name_wrong",
    }
)
"""Causes and codes that concern one reader: each needs an answer of their own."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a report without reading it."""

    code: str = ""
    client_error: str = ""
    discussion_id: int | None = None
    browser: str = ""
    system: str = ""
    surface: str = ""
    release: str = ""
    kind: str = ""
    elsewhere: str = ""
    fingerprint: str = ""
    cause: str = ""
    at: datetime = EPOCH

    @property
    def is_personal(self) -> bool:
        return (self.cause or self.code) in PERSONAL


def facts_of(report: IssueReport) -> Facts:
    untold = ("", IssueReport.Elsewhere.UNTRIED)
    return Facts(
        code=report.code,
        client_error=report.client_error,
        discussion_id=report.discussion_id,
        browser=report.browser,
        system=report.system,
        surface=report.surface,
        release=report.release,
        kind="" if report.kind == IssueReport.Kind.OTHER else report.kind,
        elsewhere="" if report.elsewhere in untold else report.elsewhere,
        fingerprint=report.fingerprint,
        cause=report.cause or ("" if report.code else report.found),
        at=report.created_at,
    )


def equal_facts(one: Facts, other: Facts) -> list[str]:
    """Return the names of what both say, and say alike. What is not known equals nothing."""
    return [name for name in WEIGHTS if getattr(one, name) and getattr(one, name) == getattr(other, name)]


def score(one: Facts, other: Facts) -> float:
    """Return how much two reports have in common, halved with every day between them: 0 to 16. The same both ways."""
    hours = abs((one.at - other.at).total_seconds()) / 3600
    return float(sum(WEIGHTS[name] for name in equal_facts(one, other)) * 2 ** (-hours / HALF_LIFE_HOURS))


def compare(one: Facts, other: Facts) -> str:
    """
    Return ``same`` for the same failure, ``join`` for enough equal facts, ``suggest`` for some, ``alone`` otherwise.

    Of what concerns one reader alone nothing is ever joined or suggested.
    """
    if one.is_personal or other.is_personal:
        return "alone"
    if one.fingerprint and one.fingerprint == other.fingerprint:
        return "same"
    equal = equal_facts(one, other)
    points = score(one, other)
    if len(equal) < FEWEST_FACTS or points < SUGGESTS or abs(one.at - other.at) > LOOKS_BACK:
        return "alone"
    if points >= JOINS and ("code" in equal or "client_error" in equal):
        return "join"
    return "suggest"


# --- Words ------------------------------------------------------------------------------------------------------------

_spaces = re.compile(r"\s+")


def trigrams(words: str) -> frozenset[str]:
    text = f"  {_spaces.sub(' ', words.casefold()).strip()} "
    return frozenset(text[start : start + 3] for start in range(len(text) - 2)) if text.strip() else frozenset()


def likeness(one: str, other: str) -> float:
    """Return the share of three-letter pieces that two texts have in common: 0 to 1, the same both ways."""
    a, b = trigrams(one), trigrams(other)
    return len(a & b) / len(a | b) if a and b else 0.0


def is_copy(one: str, other: str) -> bool:
    """Say whether two texts are one paragraph sent twice: by an organised wave, or from a template."""
    return min(len(one.strip()), len(other.strip())) >= COPY_CHARACTERS and likeness(one, other) >= COPY


# --- People -----------------------------------------------------------------------------------------------------------


def who(report: Any) -> str:
    """Return whom a report counts for: an account, else a browser, else a network, else itself."""
    if report.reporter_id:
        return f"a{report.reporter_id}"
    if report.browser_key:
        return f"b{report.browser_key}"
    return f"n{report.network_key}" if report.network_key else f"r{report.pk}"


def people(reports: Iterable[IssueReport]) -> int:
    """Return how many different people sent ``reports``; one network counts for two at most."""
    return len(counted(reports))


def counted(reports: Iterable[Any]) -> dict[str, Any]:
    """Return one report, the first, for each person that counts: see :func:`people`."""
    found: dict[str, Any] = {}
    of_network: Counter[str] = Counter()
    for report in reports:
        key = who(report)
        if key in found:
            continue
        if report.network_key:
            if of_network[report.network_key] >= 2:
                continue
            of_network[report.network_key] += 1
        found[key] = report
    return found


# --- What a group is called -------------------------------------------------------------------------------------------


def title(reports: Sequence[IssueReport]) -> str:
    """
    Return what a group of ``reports`` is called: what most say happened, and where most of them come from.

    One article, browser or release is named when six in ten of four or more share it.
    """
    if not reports:
        return ""
    kind = Counter(report.kind for report in reports).most_common(1)[0][0]
    parts = [str(IssueReport.Kind(kind).label) if kind in IssueReport.Kind.values else kind]
    if code := _most([report.code for report in reports], FEWEST_FACTS):
        parts.append(code)
    if family := _most([family_of(report.browser) for report in reports]):
        parts.append(family)
    provider = _most([report.email.rpartition("@")[2].lower()[:60] for report in reports])
    if provider and kind == IssueReport.Kind.NOTIFICATIONS:
        parts.append(provider)
    if article := _most([str(report.discussion_id or "") for report in reports]):
        named = next(report.discussion for report in reports if str(report.discussion_id or "") == article)
        parts.append(str(named)[:80])
    if release := _most([report.release for report in reports]):
        parts.append(_("release %(release)s") % {"release": release})
    return " · ".join(parts)[:200]


def family_of(browser: str) -> str:
    return browser.rpartition(" ")[0] if browser[-1:].isdigit() and " " in browser else browser


def _most(values: list[str], fewest: int = FEWEST_CONCENTRATED) -> str:
    """Return the value that six in ten have, of at least ``fewest``; "" when there is none."""
    if len(values) < fewest:
        return ""
    [(value, count)] = Counter(values).most_common(1)
    return value if value and count >= CONCENTRATED * len(values) else ""


# --- Joining ----------------------------------------------------------------------------------------------------------


def earlier(person: Commenter | None, discussion: Discussion | None) -> IssueReport | None:
    """Return the open report of the last day by the same account about the same discussion, to which more is added."""
    if discussion is None or person is None or not person.pk:
        return None
    since = timezone.now() - AGAIN
    found = IssueReport.objects.filter(
        reporter=person, state=IssueReport.State.OPEN, created_at__gt=since, discussion=discussion
    )
    return found.order_by("-id").first()


def join(report_id: int) -> IssueGroup | None:
    """
    Put a report into the group it belongs to, making one where two belong together; return that group.

    Two at once wait for each other, so that two reports of one fault never make two groups. Twice is once.
    """
    with transaction.atomic():
        _one_at_a_time()
        report = IssueReport.objects.select_for_update().filter(pk=report_id).first()
        if report is None or report.emptied_at is not None or report.state != IssueReport.State.OPEN:
            return None
        if report.group_id:
            return report.group
        twin = _twin(report)
        if twin is None:
            return None
        group = twin.group
        if group is None:
            group = IssueGroup.objects.create(fingerprint=report.fingerprint if _same(report, twin) else "")
            IssueReport.objects.filter(pk=twin.pk).update(group=group)
        IssueReport.objects.filter(pk=report.pk).update(group=group)
        refresh(group)
    return group


def on_reported(report_id: int, **_signal: Any) -> None:
    """Listen to ``signals.issue_reported``, after the commit."""
    join(report_id)


def join_missed(limit: int = 200) -> int:
    """Join the reports of the last quarter of an hour that nobody has looked at; return of how many."""
    since = timezone.now() - timedelta(minutes=15)
    alone = IssueReport.objects.filter(group=None, state=IssueReport.State.OPEN, created_at__gt=since)
    splits = IssueSplit.objects.filter(created_at__gt=since).values_list("one", "other")
    apart = {pk for pair in splits for pk in pair}
    return sum(join(pk) is not None for pk in alone.values_list("pk", flat=True)[:limit] if pk not in apart)


def _one_at_a_time() -> None:
    """Wait until nobody else looks for a group. SQLite writes one after another in any case."""
    if connection.vendor == "postgresql":
        with connection.cursor() as db:
            db.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def open_reports() -> QuerySet[IssueReport]:
    return IssueReport.objects.filter(state__in=(IssueReport.State.OPEN, IssueReport.State.ANSWERED))


def _twin(report: IssueReport) -> IssueReport | None:
    """Return the open report that is one with ``report``, if there is one and no editor has said otherwise."""
    mine = facts_of(report)
    if mine.is_personal or not (mine.fingerprint or mine.code or mine.client_error):
        return None
    same = Q(pk=None)
    for name in ("fingerprint", "code", "client_error"):
        if value := getattr(mine, name):
            same |= Q(**{name: value})
    since = report.created_at - LOOKS_BACK
    others = open_reports().filter(same, created_at__gt=since).exclude(pk=report.pk).select_related("group")
    apart, groups_apart = _apart(report)
    # What is a group already comes before what would make another one.
    ranked: list[tuple[bool, bool, float, int, IssueReport]] = []
    for other in others.order_by("-id")[:MOST_COMPARED]:
        if other.pk in apart or (other.group_id and other.group_id in groups_apart):
            continue
        facts = facts_of(other)
        said = compare(mine, facts)
        if said in ("same", "join"):
            ranked.append((said == "same", other.group_id is not None, score(mine, facts), other.pk, other))
    return max(ranked, key=lambda one: one[:4])[4] if ranked else None


def _same(one: IssueReport, other: IssueReport) -> bool:
    return bool(one.fingerprint) and one.fingerprint == other.fingerprint


def _apart(report: IssueReport) -> tuple[set[int], set[int]]:
    """Return the reports and the groups that editors said ``report`` does not belong to."""
    pairs = IssueSplit.objects.filter(Q(one=report) | Q(other=report)).values_list("one", "other")
    apart = {pk for pair in pairs for pk in pair} - {report.pk}
    groups = IssueReport.objects.filter(pk__in=apart, group__isnull=False).values_list("group", flat=True)
    return apart, set(groups)


def refresh(group: IssueGroup) -> None:
    """Name ``group`` by its reports, unless an editor named it, and note when the latest came."""
    reports = list(group.reports.select_related("discussion").order_by("-id")[:MOST_COMPARED])
    if not reports:
        return
    group.last_at = max(report.created_at for report in reports)
    if group.made_by_id is None:
        group.title = title(reports)
    group.save(update_fields=["last_at", "title"])


def split(reports: Sequence[IssueReport], others: Sequence[IssueReport]) -> None:
    """Remember that none of ``reports`` is one with any of ``others``."""
    pairs = [
        IssueSplit(one_id=min(a.pk, b.pk), other_id=max(a.pk, b.pk))
        for a in reports[:MOST_SPLIT]
        for b in others[:MOST_SPLIT]
        if a.pk != b.pk
    ]
    IssueSplit.objects.bulk_create(pairs, ignore_conflicts=True, batch_size=500)


# --- For editors ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Likely:
    """Another report that may be one with the opened one, and why."""

    report: IssueReport
    why: str
    """``facts``, ``words`` or ``copy``."""
    points: float


def suggestions(report: IssueReport, most: int = 5) -> list[Likely]:
    """Return open reports of three days that may belong to ``report``: by facts, by words, or as copies."""
    mine = facts_of(report)
    text = first_words([report]).get(report.pk, "")
    since = report.created_at - LOOKS_BACK
    others = open_reports().filter(created_at__gt=since).exclude(pk=report.pk).select_related("group", "discussion")
    if report.group_id:
        others = others.exclude(group=report.group_id)
    rows = list(others.order_by("-id")[:MOST_COMPARED])
    texts = first_words(rows)
    apart, groups_apart = _apart(report)
    found = []
    for other in rows:
        if other.pk in apart or (other.group_id and other.group_id in groups_apart):
            continue
        theirs = texts.get(other.pk, "")
        facts = facts_of(other)
        if who(other) != who(report) and is_copy(text, theirs):
            found.append(Likely(other, "copy", 10.0))
        elif compare(mine, facts) != "alone":
            found.append(Likely(other, "facts", score(mine, facts)))
        elif not (mine.is_personal or facts.is_personal) and (
            (not report.language or report.language == other.language) and (alike := likeness(text, theirs)) >= ALIKE
        ):
            found.append(Likely(other, "words", alike))
    return sorted(found, key=lambda one: (-one.points, one.report.pk))[:most]


def first_words(reports: Sequence[IssueReport]) -> dict[int, str]:
    """Return what readers wrote first on each of ``reports``. One query."""
    said: dict[int, str] = {}
    rows = IssueMessage.objects.filter(report__in=[one.pk for one in reports], sender=IssueMessage.Sender.READER)
    for pk, text in rows.order_by("id").values_list("report_id", "text"):
        said.setdefault(pk, text)
    return said


def copies(reports: Sequence[IssueReport]) -> set[int]:
    """Return which of ``reports`` say the same in the same words as somebody else's."""
    texts = first_words(reports)
    known: list[tuple[IssueReport, str]] = []
    marked: set[int] = set()
    for report in reports[:100]:
        text = texts.get(report.pk, "")
        if len(text) < COPY_CHARACTERS:
            continue
        for other, said in known:
            if who(other) != who(report) and is_copy(text, said):
                marked |= {report.pk, other.pk}
        known.append((report, text))
    return marked
