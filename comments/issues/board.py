"""What the issue desk shows: groups, stacks and single reports, what is urgent first and what is doubtful last."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from comments import access
from comments.exceptions import Refused
from comments.issues import answers, grouping
from comments.models import Commenter, Failure, IssueGroup, IssuePicture, IssueReport

MOST_LINES = 50
MOST_SINGLE = 200
MOST_FAILURES = 20
MOST_MEMBERS = 25
BIGGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Asked:
    """Which reports are looked for."""

    state: str = "open"
    """``open`` is what waits for the desk or its reader; ``all`` everything, else a state."""
    kind: str = ""
    mine: bool = False
    unassigned: bool = False
    words: str = ""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Asked:
        """Return what an address asks for; what cannot be read asks for nothing."""
        state = given.get("state", "")
        kind = given.get("kind", "")
        return cls(
            state if state in ("all", *IssueReport.State.values) else "open",
            kind if kind in IssueReport.Kind.values else "",
            given.get("who") == "mine",
            given.get("who") == "unassigned",
            given.get("q", "").replace("\x00", "").strip()[:100],
        )


@dataclass(slots=True)
class Line:
    """A group, a stack of reports with one personal cause, or one report."""

    sort: str
    """``group``, ``stack`` or ``report``."""
    pk: int
    title: str
    count: int
    oldest: datetime
    newest: datetime
    is_urgent: bool = False
    is_suspicious: bool = False
    assigned_to: str = ""
    further: int = 0
    ids: list[int] = field(default_factory=list)
    state: str = ""


def seen_by(user: Any) -> QuerySet[IssueReport]:
    """Return the reports that ``user`` may read: all, or for section moderators those about their sections."""
    if not answers.may_look(user):
        return IssueReport.objects.none()
    rows = IssueReport.objects.all()
    if answers.may_act(user):
        return rows
    sections = access.sections_seen(user)
    return rows if sections is None else rows.filter(discussion__section__in=sections)


def get(user: Any, pk: int) -> IssueReport:
    """Return one report that ``user`` may read, or raise ``Refused`` (404)."""
    rows = seen_by(user).select_related(
        "discussion", "reporter", "comment", "group__incident", "incident", "assigned_to"
    )
    found = rows.filter(pk=min(pk, BIGGEST)).first()
    if found is None:
        raise Refused("unknown_report", _("There is no such report."), status=404)
    return found


def picture(user: Any, report_pk: int, pk: int) -> IssuePicture:
    """
    Return a picture of a report, or raise ``Refused`` (403, 404).

    Only for who may answer it: a screenshot shows names that everybody else on the desk does not see.
    """
    access.require(user, "answer_issues")
    found = IssuePicture.objects.filter(message__report=get(user, report_pk), pk=min(pk, BIGGEST)).first()
    if found is None:
        raise Refused("unknown_picture", _("There is no such picture."), status=404)
    return found


def get_group(user: Any, pk: int) -> IssueGroup:
    """Return one group with reports that ``user`` may read, or raise ``Refused`` (404)."""
    found = IssueGroup.objects.select_related("assigned_to", "incident").filter(pk=min(pk, BIGGEST)).first()
    if found is None or not seen_by(user).filter(group=found).exists():
        raise Refused("unknown_group", _("There is no such group."), status=404)
    return found


def suggestions(user: Any, report: IssueReport) -> list[grouping.Likely]:
    """Return what ``report`` may be one with, of all that ``user`` may read."""
    found = grouping.suggestions(report)
    seen = set(seen_by(user).filter(pk__in=[one.report.pk for one in found]).values_list("pk", flat=True))
    return [one for one in found if one.report.pk in seen]


def named(group: IssueGroup, numbers: Collection[int] = ()) -> list[IssueReport]:
    """Return the reports of ``group`` that are named by number; without numbers, all."""
    rows = group.reports.select_related("discussion")
    if numbers:
        rows = rows.filter(pk__in=numbers)
    return list(rows.order_by("pk")[: answers.MOST_AT_ONCE])


def matching(user: Any, asked: Asked) -> QuerySet[IssueReport]:
    rows = seen_by(user)
    if asked.state == "open":
        rows = rows.filter(state__in=answers.OPEN)
    elif asked.state != "all":
        rows = rows.filter(state=asked.state)
    if asked.kind:
        rows = rows.filter(kind=asked.kind)
    if asked.mine:
        person = Commenter.objects.for_user(user)
        rows = rows.filter(Q(assigned_to=person) | Q(group__assigned_to=person))
    if asked.unassigned:
        rows = rows.filter(assigned_to=None, group__assigned_to=None)
    if asked.words:
        rows = rows.filter(pk__in=_found(user, asked.words))
    return rows


def _found(user: Any, words: str) -> Any:
    """Return what a search means: a number, a code, a request's id, or words; addresses only for who may act."""
    number = words.rpartition("-")[2].lstrip("#")
    same = Q(code=words) | Q(cause=words) | Q(request_id=words) | Q(messages__text__icontains=words)
    same |= Q(group__title__icontains=words) | Q(discussion__title__icontains=words)
    if number.isascii() and number.isdecimal() and len(number) < 19:
        same |= Q(pk=int(number))
    if answers.may_act(user):
        same |= Q(email__iexact=words)
    return IssueReport.objects.filter(same).values("pk")


def lines(user: Any, asked: Asked) -> list[Line]:
    """Return what there is to see, urgent first, doubtful last, then the latest. Two queries, however many."""
    rows = matching(user, asked).order_by()
    grouped = (
        rows.filter(group__isnull=False)
        .values("group", "group__title", "group__assigned_to__name")
        .annotate(
            count=Count("pk"),
            oldest=Min("created_at"),
            newest=Max("created_at"),
            urgent=Count("pk", filter=Q(is_urgent=True)),
            trusted=Count("pk", filter=Q(is_suspicious=False)),
        )
        .order_by("-newest")[:MOST_LINES]
    )
    found = [
        Line(
            "group",
            row["group"],
            row["group__title"] or _("Group %(number)s") % {"number": row["group"]},
            row["count"],
            row["oldest"],
            row["newest"],
            bool(row["urgent"]),
            not row["trusted"],
            row["group__assigned_to__name"] or "",
        )
        for row in grouped
    ]
    alone = rows.filter(group=None).select_related("discussion", "assigned_to")
    stacks: dict[tuple[str, int], Line] = {}
    for report in alone.order_by("is_suspicious", "-is_urgent", "-id")[:MOST_SINGLE]:
        facts = grouping.facts_of(report)
        cause = facts.cause or facts.code
        stack = stacks.get((cause, report.discussion_id or 0)) if facts.is_personal else None
        if stack is not None:
            stack.sort, stack.count = "stack", stack.count + 1
            stack.oldest = min(stack.oldest, report.created_at)
            stack.is_urgent = stack.is_urgent or report.is_urgent
            stack.is_suspicious = stack.is_suspicious and report.is_suspicious
            stack.further += report.further_count
            stack.ids.append(report.pk)
            continue
        line = _single(report, cause)
        found.append(line)
        if facts.is_personal:
            stacks[cause, report.discussion_id or 0] = line
    found.sort(key=lambda one: (one.is_suspicious, not one.is_urgent, -one.newest.timestamp(), -one.pk))
    return found[:MOST_LINES]


def _single(report: IssueReport, cause: str) -> Line:
    parts = [str(report.get_kind_display()), cause, str(report.discussion) if report.discussion else ""]
    return Line(
        "report",
        report.pk,
        " · ".join(filter(None, parts))[:200],
        1,
        report.created_at,
        report.created_at,
        report.is_urgent,
        report.is_suspicious,
        report.assigned_to.name if report.assigned_to else "",
        report.further_count,
        [report.pk],
        report.state,
    )


@dataclass(frozen=True, slots=True)
class Head:
    """The desk's first line."""

    waiting: int
    oldest: datetime | None
    over_a_day: int


def head(user: Any) -> Head:
    """Return how much waits, since when the oldest does, and how many wait for more than a day. One query."""
    begun = Coalesce("reopened_at", "created_at")
    row = (
        seen_by(user)
        .filter(state=IssueReport.State.OPEN)
        .aggregate(
            waiting=Count("pk"),
            oldest=Min(begun),
            late=Count("pk", filter=Q(created_at__lt=timezone.now() - timedelta(days=1))),
        )
    )
    return Head(row["waiting"], row["oldest"], row["late"])


def failures_of(report: IssueReport) -> list[Failure]:
    """Return what failed around a report: its request's, its reader's and its browser's failures, latest first."""
    same = Q(pk=report.failure_id) if report.failure_id else Q(pk=None)
    if report.request_id:
        same |= Q(request_id=report.request_id)
    since, until = report.created_at - timedelta(hours=24), report.created_at + timedelta(hours=1)
    near = Q(created_at__gt=since, created_at__lt=until)
    if report.reporter_id:
        same |= near & Q(person=report.reporter_id)
    if report.browser_key:
        same |= near & Q(browser_key=report.browser_key)
    return list(Failure.objects.filter(same).order_by("-created_at")[:MOST_FAILURES])


def how_many_met(report: IssueReport) -> int:
    """Return how often the report's code was met by anyone in the day before it."""
    if not report.code:
        return 0
    since = report.created_at - timedelta(days=1)
    return Failure.objects.filter(code=report.code, created_at__gt=since).count()


def members(user: Any, group: IssueGroup, most: int = MOST_MEMBERS) -> list[IssueReport]:
    """Return the latest reports of a group that ``user`` may read."""
    rows = seen_by(user).filter(group=group).select_related("discussion", "reporter", "assigned_to")
    return list(rows.order_by("is_suspicious", "-id")[:most])


def stack_of(user: Any, report: IssueReport) -> list[IssueReport]:
    """Return the open reports with the same personal cause about the same article, ``report`` among them."""
    facts = grouping.facts_of(report)
    if not facts.is_personal or report.group_id:
        return []
    cause = facts.cause or facts.code
    rows = seen_by(user).filter(
        Q(code=cause) | Q(cause=cause) | Q(found=cause, code=""),
        group=None,
        state__in=answers.OPEN,
        discussion=report.discussion_id,
    )
    alike = rows.select_related("discussion").order_by("-id")[:MOST_SINGLE]
    return [one for one in alike if (grouping.facts_of(one).cause or one.code) == cause]


def shared_facts(reports: Sequence[IssueReport]) -> list[tuple[str, str]]:
    """Return what a group has in common: name and "Safari 26 (29), Safari 25 (2)"."""
    from collections import Counter

    names = {
        "code": _("Code"),
        "client_error": _("Script error"),
        "browser": _("Browser"),
        "system": _("System"),
        "release": _("Release"),
        "language": _("Language"),
        "surface": _("Where"),
    }
    found = []
    for name, called in names.items():
        counts = Counter(str(value) for one in reports if (value := getattr(one, name)))
        if counts:
            found.append((called, ", ".join(f"{value} ({count})" for value, count in counts.most_common(4))))
    return found


def assignee(pk: int) -> Commenter:
    """Return whom a report is to be assigned to, or raise ``Refused``. Whether they may answer, the verb says."""
    found = Commenter.objects.select_related("user").filter(pk=pk).first()
    if found is None:
        raise Refused("unknown_person", _("There is no such person."))
    return found


def assignees() -> list[Commenter]:
    """Return who may answer reports, by name."""
    people = Commenter.objects.filter(user__is_staff=True, user__is_active=True).select_related("user").order_by("name")
    return [one for one in people[:200] if answers.may_act(one.user)]
