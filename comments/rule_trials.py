"""
Trying a house rule on the past: what it would have caught, and what editors had made of that.

What was then is taken from what is kept now. Exact: the text, its links, place, time, language and findings. Read
back from how things ended: an author's counts are those of their earlier comments that are published or rejected
today, whenever that was decided. As it is today: badge, section and title.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from comments import access, house_rules, jobs, thresholds
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Decider, Decision, Finding, HouseRule, Job, Revision, Status
from comments.screening.house_rules import Facts, Rule, Subject, finding_name

KIND = "house_rule_trial"
MOST_DAYS = 365
BATCH = 2_000
"""Texts between two notes of where it is."""
LOOKED_AT = 2_000
"""Latest texts that a new rule is held against before it is saved."""
BROAD = 0.5
"""A rule that matches this share of them, or more, warns."""
SAMPLES = {"published": 12, "rejected": 10, "waiting": 4, "screening": 4}
"""Outcome → how many of its latest hits are kept for looking at: 30 in all."""

_href = re.compile(r'<a href="([^"]+)"')

COLUMNS = (
    "pk",
    "comment_id",
    "created_at",
    "text",
    "html",
    "language",
    "status",
    "comment__created_at",
    "comment__parent_id",
    "comment__depth",
    "comment__author_id",
    "comment__author__created_at",
    "comment__author__badge",
    "comment__author__user_id",
    "comment__discussion__section",
    "comment__discussion__key",
    "comment__discussion__title",
    "comment__discussion__created_at",
)
ALWAYS = frozenset(COLUMNS[:3]) | {"status", "comment__created_at", "comment__author_id"}
NEEDED = {
    "comment.text": {"text"},
    "comment.words": {"text"},
    "comment.characters": {"text"},
    "comment.capitals": {"text"},
    "comment.links": {"html"},
    "comment.domains": {"html"},
    "comment.language": {"language", "text"},
    "comment.reply": {"comment__parent_id"},
    "comment.depth": {"comment__depth"},
    "author.age_days": {"comment__author__created_at"},
    "author.badge": {"comment__author__badge"},
    "author.guest": {"comment__author__user_id"},
    "article.section": {"comment__discussion__section"},
    "article.key": {"comment__discussion__key"},
    "article.title": {"comment__discussion__title"},
    "article.age_days": {"comment__discussion__created_at"},
}
"""Field → the columns it is worked out from; what a rule does not ask about is not read."""


@dataclass(frozen=True, slots=True)
class Past:
    """One text of the past."""

    revision_id: int
    comment_id: int
    written_at: datetime
    status: str
    facts: Facts


# --- Facts of the past ------------------------------------------------------------------------------------------------


def pasts(rule: Rule, rows: QuerySet[Revision]) -> list[Past]:
    """Return the texts in ``rows`` with the facts ``rule`` asks about. At most four queries."""
    wanted = ALWAYS.union(*(NEEDED.get(name, ()) for name in rule.fields))
    columns = [name for name in COLUMNS if name in wanted]
    read = [dict(zip(columns, values, strict=True)) for values in rows.values_list(*columns)]
    if not read:
        return []
    counts = _author_counts(read) if _asks(rule, "author.published", "author.reject") else None
    said, scores = _findings([row["pk"] for row in read]) if _asks(rule, "findings.", "score.") else ({}, {})
    own = thresholds.of(None).own_domains
    found = []
    for row in read:
        html = row.get("html", "")
        subject = Subject(
            text=row.get("text", ""),
            hrefs=(lambda html=html: _href.findall(html)),  # type: ignore[misc]
            own_domains=own,
            language=row.get("language") or None,
            reply=row.get("comment__parent_id") is not None,
            depth=row.get("comment__depth"),
            joined_at=row.get("comment__author__created_at"),
            badge=row.get("comment__author__badge") or "none",
            guest=row.get("comment__author__user_id") is None,
            section=row.get("comment__discussion__section"),
            key=row.get("comment__discussion__key"),
            title=row.get("comment__discussion__title"),
            opened_at=row.get("comment__discussion__created_at"),
            at=row["comment__created_at"],
            said=said.get(row["pk"], ()),
            scores=scores.get(row["pk"], {}),
        )
        if counts is not None:
            subject.published, subject.rejected = counts(row["comment__author_id"], row["comment__created_at"])
        found.append(Past(row["pk"], row["comment_id"], row["created_at"], row["status"], Facts(subject)))
    return found


def _asks(rule: Rule, *beginnings: str) -> bool:
    return any(name.startswith(beginnings) for name in rule.fields)


def _author_counts(rows: Sequence[dict[str, Any]]) -> Callable[[int, datetime], tuple[int, int]]:
    """Return a function: author and time → how many of their comments before it are published, and rejected. Two
    queries."""
    authors = {row["comment__author_id"] for row in rows}
    times = [row["comment__created_at"] for row in rows]
    first, last = min(times), max(times)
    theirs = Comment.objects.filter(author__in=authors, status__in=[Status.PUBLISHED, Status.REJECTED])
    before = {
        author: (published, rejected)
        for author, published, rejected in theirs.filter(created_at__lt=first)
        .values_list("author")
        .annotate(
            published=Count("pk", filter=Q(status=Status.PUBLISHED)),
            rejected=Count("pk", filter=Q(status=Status.REJECTED)),
        )
        .order_by()
    }
    meanwhile: dict[tuple[int, str], list[datetime]] = {}
    for author, status, at in (
        theirs.filter(created_at__gte=first, created_at__lt=last)
        .order_by("created_at")
        .values_list("author_id", "status", "created_at")
    ):
        meanwhile.setdefault((author, status), []).append(at)

    def counts(author: int, at: datetime) -> tuple[int, int]:
        published, rejected = before.get(author, (0, 0))
        return (
            published + bisect_left(meanwhile.get((author, Status.PUBLISHED), []), at),
            rejected + bisect_left(meanwhile.get((author, Status.REJECTED), []), at),
        )

    return counts


def _findings(revisions: list[int]) -> tuple[dict[int, list[str]], dict[int, dict[str, float]]]:
    """Return what the other rules and the scorers said of each text. One query."""
    said: dict[int, list[str]] = {}
    scores: dict[int, dict[str, float]] = {}
    for revision, code, name, score in (
        Finding.objects.filter(revision__in=revisions, evidence__shadow__isnull=True)
        .exclude(code__in=["passed", "house_rule"])
        .order_by("-id")
        .values_list("revision_id", "code", "rule", "score")
    ):
        said.setdefault(revision, []).append(code)
        if score is not None:
            scores.setdefault(revision, {})[name] = score
    return said, scores


# --- How much it would match ------------------------------------------------------------------------------------------


def share(rule: Rule) -> tuple[int, int]:
    """Return how many of the latest :data:`LOOKED_AT` texts ``rule`` matches, and how many were looked at."""
    latest = Revision.objects.order_by("-created_at", "-pk")[:LOOKED_AT]
    found = pasts(rule, latest)
    return sum(rule.matches(past.facts) for past in found), len(found)


def warning(rule: Rule) -> str:
    """Return a sentence about a rule that matches half of what is written or more; else nothing."""
    hits, looked_at = share(rule)
    if not looked_at or hits < BROAD * looked_at:
        return ""
    if hits == looked_at:
        begins = ngettext(
            "This rule matches everything: the latest comment.",
            "This rule matches everything: all of the latest %(count)d comments.",
            looked_at,
        ) % {"count": looked_at}
    else:
        begins = _("This rule matches %(percent)d %% of the latest %(count)d comments.") % {
            "percent": round(100 * hits / looked_at),
            "count": looked_at,
        }
    return f"{begins} {_consequence(rule)}"


def _consequence(rule: Rule) -> str:
    if rule.verdict == "hold":
        return _("So many would wait for an editor.")
    if rule.verdict == "reject":
        return _("So many would be rejected unread.")
    return _("It objects to none of them.")


# --- The job ----------------------------------------------------------------------------------------------------------


def begin(
    definition: object,
    days: int,
    *,
    made_by: Commenter | None,
    rule: HouseRule | None = None,
    name: str = "",
) -> Job:
    """
    Write down a trial of ``definition`` on the last ``days`` days. The caller queues ``tasks.run_job``.

    The definition need not be saved, nor belong to ``rule``, on whose page the trial is found. Raise ``Refused`` for a
    definition that is none, or a number of days that cannot be.
    """
    access.require_of(made_by, "change_policy")
    if not 1 <= days <= MOST_DAYS:
        raise Refused("bad_days", _("Choose from 1 to %(most)d days.") % {"most": MOST_DAYS})
    clean = house_rules.checked(definition).definition
    now = timezone.now()
    since = now - timedelta(days=days)
    return jobs.begin(
        KIND,
        {
            "definition": clean,
            "rule": rule.pk if rule else None,
            "name": name or (rule.name if rule else ""),
            "days": days,
            "since": since.isoformat(),
            "until": now.isoformat(),
        },
        made_by=made_by,
        subject=finding_name(rule.pk) if rule else finding_name(0),
        total=_window(since, now).count(),
    )


def _window(since: datetime, until: datetime) -> QuerySet[Revision]:
    return Revision.objects.filter(created_at__gte=since, created_at__lt=until)


@jobs.kind(KIND)
def trial(job: Job) -> Iterator[None]:
    """Ask the rule about each text of the window, oldest first; each step is kept, and goes on after the last."""
    asked = job.arguments
    rule = house_rules.checked(asked["definition"])
    window = _window(datetime.fromisoformat(asked["since"]), datetime.fromisoformat(asked["until"]))
    own = finding_name(asked["rule"] or 0)
    memory = job.memory or {
        "hits": 0,
        "alone": 0,
        "outcomes": dict.fromkeys(SAMPLES, 0),
        "days": {},
        "samples": {name: [] for name in SAMPLES},
    }
    while True:
        rows = window.order_by("created_at", "pk")
        if "after" in memory:
            at, pk = datetime.fromisoformat(memory["after"][0]), memory["after"][1]
            rows = rows.filter(Q(created_at__gte=at) & (Q(created_at__gt=at) | Q(pk__gt=pk)))
        read = pasts(rule, rows[:BATCH])
        if not read:
            break
        # Into a copy: a step that breaks off half way leaves the last one that was kept as it was.
        memory = _with_hits(memory, [past for past in read if rule.matches(past.facts)], own)
        memory["after"] = [read[-1].written_at.isoformat(), read[-1].revision_id]
        job.memory = memory
        job.done += len(read)
        yield
    job.total = job.done
    job.result = {key: memory[key] for key in ("hits", "alone", "outcomes", "days", "samples")}
    job.result["sentence"] = in_words(job)


def _with_hits(memory: dict[str, Any], hits: list[Past], own: str) -> dict[str, Any]:
    """Return ``memory`` with ``hits`` counted by what became of them. Two queries, none without a hit."""
    found: dict[str, Any] = memory | {
        "outcomes": dict(memory["outcomes"]),
        "days": {day: list(counts) for day, counts in memory["days"].items()},
        "samples": {name: list(ids) for name, ids in memory["samples"].items()},
    }
    if not hits:
        return found
    ids = [past.revision_id for past in hits]
    last = dict(
        Decision.objects.filter(revision__in=ids, decider=Decider.EDITOR)
        .order_by("id")
        .values_list("revision_id", "to_status")
    )
    objected = set(
        Finding.objects.filter(revision__in=ids, verdict__in=["hold", "reject"])
        .exclude(rule=own)
        .values_list("revision_id", flat=True)
    )
    zone = timezone.get_default_timezone()
    for past in hits:
        outcome = _outcome(last.get(past.revision_id), past.status)
        found["hits"] += 1
        found["alone"] += past.revision_id not in objected
        found["outcomes"][outcome] += 1
        day = found["days"].setdefault(timezone.localtime(past.written_at, zone).date().isoformat(), [0, 0, 0])
        day[0] += 1
        day[1] += outcome == "rejected"
        day[2] += outcome == "published"
        kept = found["samples"][outcome]
        if past.comment_id not in kept:
            kept.append(past.comment_id)
            del kept[: -SAMPLES[outcome]]
    return found


def _outcome(last: str | None, status: str) -> str:
    if last in (Status.PUBLISHED, Status.REJECTED):
        return str(last)
    return "waiting" if last == Status.HELD or status == Status.HELD else "screening"


# --- In words ---------------------------------------------------------------------------------------------------------


def in_words(job: Job) -> str:
    """Return what a trial found, in a sentence: "last 30 days: 214 hits; editors had rejected 188, published 26"."""
    found = job.result or job.memory
    if not found:
        return ""
    numbers = {"days": job.arguments["days"], "hits": found["hits"], **found["outcomes"]}
    days = ngettext("last day", "last %(days)d days", numbers["days"]) % numbers
    hits = ngettext("%(hits)d hit", "%(hits)d hits", numbers["hits"]) % numbers
    said = _("%(when)s: %(hits)s; editors had rejected %(rejected)d, published %(published)d") % {
        **numbers,
        "when": days,
        "hits": hits,
    }
    if numbers["waiting"]:
        said += "; " + _("%(waiting)d still wait") % numbers
    if numbers["screening"]:
        said += "; " + _("%(screening)d were decided by screening alone") % numbers
    return said
