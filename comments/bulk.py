"""
Decide about everything a search selects: once, in the background, by many at a time, and taken back as one.

What is selected is frozen when it begins: later texts are left alone, and so is whatever no longer matches the search
when its turn comes. Every text gets a decision of its own, as if an editor had gone through them one by one.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, F, IntegerField, Min, QuerySet
from django.db.models.functions import Cast, Floor
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from comments import access, conf, jobs, moderation, search, signals
from comments.exceptions import Refused
from comments.http import request_id
from comments.models import AuditEntry, BulkAction, Commenter, Decision, Job, Reason, Revision, Status, Trigger
from comments.screening import Verdict

KIND = "bulk"
UNDO = "bulk_undo"

VERDICTS = ("publish", "hold", "reject")
SMALLEST, LARGEST = 100, 500
"""Texts of one step, which is one transaction."""
STEP_SECONDS = 0.15
"""What a step is to take: its locks are what an editor's own decision waits for. The next step is sized by the last."""
BINS = 20
SAMPLES = 10
EXAMPLES = 10
"""Comments named for each reason why they were left alone."""


# --- Selecting --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Selection:
    """A search and a range of scores, 0 to 1, both ends included; as they are typed and as they are kept."""

    query: str = ""
    score_min: float | None = None
    score_max: float | None = None

    @property
    def by_score(self) -> bool:
        return self.score_min is not None or self.score_max is not None

    def without_range(self) -> Selection:
        return Selection(self.query)


def texts(selection: Selection, verdict: str, made_by: Commenter | None) -> QuerySet[Revision]:
    """
    Return the latest texts that ``selection`` finds and ``verdict`` would change, in the sections of ``made_by``.

    Raise ``Refused`` for a search that cannot be read.
    """
    user = made_by.user if made_by else None
    sections = access.sections_of(user) if user is not None else None
    found = search.revisions(search.parse(selection.query), sections=sections)
    found = found.exclude(comment__status=Status.WITHDRAWN)
    if verdict:
        becomes = moderation.BECOMES[verdict]
        found = found.exclude(status=becomes, comment__status=becomes)
    if selection.score_min is not None:
        found = found.filter(risk__gte=selection.score_min)
    if selection.score_max is not None:
        found = found.filter(risk__lte=selection.score_max)
    return found


@dataclass(frozen=True, slots=True)
class Preview:
    """What a selection comes to, before anything is done."""

    total: int
    most: int
    changing: dict[str, int]
    """Verdict → how many of them it would change."""
    by_status: list[tuple[str, int]]
    by_section: list[tuple[str, int]]
    authors: int
    discussions: int
    oldest: datetime | None
    bins: list[int]
    """How many texts the search finds without the range of scores, in twentieths."""
    samples: list[Revision]

    @property
    def is_over(self) -> bool:
        return self.total > self.most


def preview(selection: Selection, verdict: str, *, made_by: Commenter | None) -> Preview:
    """Return the numbers of ``selection`` and some of its texts drawn by lot. Six queries, however many it finds."""
    most = conf.get().bulk_most
    found = texts(selection, verdict, made_by).order_by()
    sums = found.aggregate(
        total=Count("pk"),
        authors=Count("comment__author", distinct=True),
        discussions=Count("comment__discussion", distinct=True),
        oldest=Min("created_at"),
    )
    states = list(found.values_list("status", "comment__status").annotate(many=Count("pk")))
    by_status: Counter[str] = Counter()
    there: Counter[str] = Counter()
    for text_is, comment_is, many in states:
        by_status[text_is] += many
        if text_is == comment_is:
            there[text_is] += many
    by_section = found.values_list("comment__discussion__section").annotate(many=Count("pk"))
    whole = texts(selection.without_range(), verdict, made_by).order_by()
    place = Cast(Floor(F("risk") * BINS), IntegerField())
    bins = [0] * BINS
    for number, many in whole.annotate(place=place).values_list("place").annotate(many=Count("pk")):
        bins[max(0, min(number, BINS - 1))] += many
    ids = list(found.values_list("pk", flat=True)[:most]) if sums["total"] else []
    drawn = random.sample(ids, min(SAMPLES, len(ids)))
    samples = Revision.objects.filter(pk__in=drawn).select_related("comment__author", "comment__discussion")
    return Preview(
        total=sums["total"],
        most=most,
        changing={one: sums["total"] - there[moderation.BECOMES[one]] for one in VERDICTS},
        by_status=by_status.most_common(),
        by_section=list(by_section.order_by("-many", "comment__discussion__section")),
        authors=sums["authors"],
        discussions=sums["discussions"],
        oldest=sums["oldest"],
        bins=bins,
        samples=sorted(samples, key=lambda row: (-row.risk, row.pk)),
    )


# --- Beginning --------------------------------------------------------------------------------------------------------


def begin(
    query_text: str,
    verdict: str,
    *,
    made_by: Commenter,
    reason: str = "",
    explanation: str = "",
    private_note: str = "",
    score_min: float | None = None,
    score_max: float | None = None,
    leave_out: Collection[int] = (),
    sanction: Any = None,
) -> BulkAction:
    """
    Write down that everything ``query_text`` finds now gets ``verdict``, and begin. ``leave_out`` are ids of texts.

    Raise ``Refused``: without the permission (403); for a search that cannot be read, one that finds nothing or says
    nothing, or more than ``BULK_MOST`` (400); for a rejection without a reason that fits (400).
    """
    access.require_of(made_by, "act_in_bulk")
    selection = Selection(query_text.strip(), score_min, score_max)
    check(selection, verdict, reason)
    most = conf.get().bulk_most
    ordered = texts(selection, verdict, made_by).order_by("comment__discussion_id", "comment_id")
    ids = list(ordered.exclude(pk__in=list(leave_out)).values_list("pk", flat=True)[: most + 1])
    if not ids:
        raise Refused("nothing_found", _("This selects nothing that would change. Search for something else."))
    if len(ids) > most:
        raise too_many(texts(selection, verdict, made_by).count())
    with transaction.atomic():
        job = jobs.begin(KIND, {}, made_by=made_by, subject=KIND, total=len(ids))
        action = BulkAction.objects.create(
            query=selection.query,
            highest_id=max(ids),
            verdict=verdict,
            reason=reason,
            explanation=explanation,
            private_note=private_note,
            job=job,
            sanction=sanction,
            made_by=made_by,
        )
        job.subject = f"{KIND}:{action.pk}"
        job.arguments = {"bulk": action.pk, "ids": ids, "score_min": score_min, "score_max": score_max}
        job.save(update_fields=["subject", "arguments"])
        _on_record(action, made_by, after={"verdict": verdict, "reason": reason, "count": len(ids)})
        signals.job_begun.send_robust(Job, job_id=job.pk)
    return action


def about_person(person: Commenter, verdict: str = "reject", *, made_by: Commenter, **more: Any) -> BulkAction:
    """Decide the same about all comments of ``person``, as :func:`begin` does: "reject all their comments"."""
    return begin(f"author:#{person.pk}", verdict, made_by=made_by, **more)


def check(selection: Selection, verdict: str, reason: str) -> None:
    """Raise ``Refused`` (400) for what cannot be asked for: no search at all, no such verdict, no reason that fits."""
    if not selection.query and not selection.by_score:
        raise Refused("nothing_asked", _("Say what to decide about: write a search, or choose a range of scores."))
    if verdict not in VERDICTS:
        raise Refused("unknown_verdict", _("Many at once can be published, held or rejected."))
    for score in (selection.score_min, selection.score_max):
        if score is not None and not 0 <= score <= 1:
            raise Refused("bad_score", _("A score lies between 0 and 1."))
    if verdict == "reject" and only_by_score(selection):
        raise Refused(
            "not_by_score", _("A score alone rejects nobody: search for something as well, or decide by hand.")
        )
    if verdict == "reject" and not reason:
        raise Refused("reason_needed", _("Choose the reason: the authors are told it."))
    if not reason:
        return
    known = Reason.objects.filter(code=reason, is_active=True).first()
    if known is None:
        raise Refused("unknown_reason", _("There is no reason “%(code)s”.") % {"code": reason[:40]})
    if known.ground_default == "illegal":
        raise Refused("one_by_one", _("Where the law is the ground, decide one by one: each needs an explanation."))


def only_by_score(selection: Selection) -> bool:
    """Say whether nothing but a score tells what is selected from the rest of a section or a queue."""
    query = search.parse(selection.query)
    by_score = selection.by_score or query.asks("score")
    return bool(by_score) and all(term.name in ("score", "status", "section") for term in query.terms)


def too_many(found: int) -> Refused:
    most = conf.get().bulk_most
    said = _(
        "This selects %(found)s comments, and %(most)s can be decided at once. Narrow it: by time, section or score."
    )
    return Refused(
        "too_many", said % {"found": number_format(found), "most": number_format(most)}, found=found, most=most
    )


def _on_record(action: BulkAction, made_by: Commenter | None, **facts: Any) -> None:
    AuditEntry.objects.create(
        kind="bulk",
        subject=(action.query or _("a range of scores"))[:300],
        object_id=action.pk,
        made_by=made_by,
        request_id=request_id(),
        **facts,
    )


# --- Looking after it -------------------------------------------------------------------------------------------------

UNDER_WAY = (Job.State.WAITING, Job.State.RUNNING, Job.State.PAUSED)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a bulk action, or the undoing of one, has come."""

    action: BulkAction
    job: Job
    """The one that matters now: of the undoing, once there is one."""
    decided: int
    taken_back: int
    skipped: list[tuple[str, int, list[int]]]
    """Why some were left alone, how many, and some of them."""
    per_second: int
    seconds_left: int | None
    may: frozenset[str]
    """What can be done with it: ``pause``, ``resume``, ``stop``, ``undo``."""

    @property
    def is_undoing(self) -> bool:
        return self.job.kind == UNDO

    @property
    def is_going(self) -> bool:
        return self.job.state in (Job.State.WAITING, Job.State.RUNNING)


def standing(action: BulkAction) -> Standing:
    """Return how far ``action`` is. No query, if it carries its jobs."""
    made, undoing = action.job, action.undo_job
    assert made is not None  # noqa: S101  (begin() writes both in one transaction)
    job = undoing or made
    found = made.result or made.memory
    back = (undoing.result or undoing.memory) if undoing else {}
    now = back if undoing else found
    skipped = sorted(now.get("skipped", {}).items(), key=lambda pair: -pair[1])
    took = ((job.finished_at or timezone.now()) - job.started_at).total_seconds() if job.started_at else 0
    pace = job.done / took if took > 0.2 else 0
    may = set()
    if job.state in (Job.State.WAITING, Job.State.RUNNING):
        may |= {"pause", "stop"}
    elif job.state == Job.State.PAUSED:
        may |= {"resume", "stop"}
    elif job.state == Job.State.FAILED:
        may |= {"resume"}
    over = undoing is None or undoing.state in (Job.State.CANCELLED, Job.State.FAILED)
    if over and found.get("decided", 0):
        may |= {"undo"}
    return Standing(
        action=action,
        job=job,
        decided=found.get("decided", 0),
        taken_back=back.get("taken_back", 0),
        skipped=[(why(code), many, now.get("examples", {}).get(code, [])) for code, many in skipped],
        per_second=round(pace),
        seconds_left=round((job.total - job.done) / pace) if pace and job.state == Job.State.RUNNING else None,
        may=frozenset(may),
    )


def why(code: str) -> str:
    """Return why something was left alone, in words that follow a number."""
    return {
        "changed": _("changed or decided by somebody meanwhile"),
        "withdrawn": _("withdrawn by their authors"),
        "claimed": _("open in front of another editor"),
        "other_section": _("in a section of others"),
        "nothing_to_publish": _("with nothing left once made safe"),
    }.get(code, code)


def actions() -> QuerySet[BulkAction]:
    """Return bulk actions, the latest first, with their jobs and who made them; without the long lists in the jobs."""
    return (
        BulkAction.objects.filter(job__isnull=False)
        .select_related("job", "undo_job", "made_by")
        .defer("job__arguments", "undo_job__arguments")
        .order_by("-pk")
    )


def steer(action: BulkAction, do: str, *, made_by: Commenter | None) -> Job:
    """
    ``pause``, ``resume`` or ``stop`` what goes on with ``action``, or ``undo`` it; return the job that it now is about.

    Raise ``Refused``: without the permission (403), or when it has moved on (409).
    """
    access.require_of(made_by, "act_in_bulk")
    if do == "undo":
        return undo(action, made_by=made_by)
    job = action.undo_job or action.job
    verbs = {"pause": jobs.pause, "resume": jobs.resume, "stop": jobs.cancel}
    if job is None or do not in verbs:
        raise Refused("unknown_step", _("Press pause, go on, stop or undo."))
    turned = verbs[do](job)
    if do == "resume":
        signals.job_begun.send_robust(Job, job_id=turned.pk)
    return turned


# --- Doing it ---------------------------------------------------------------------------------------------------------


@jobs.kind(KIND, needs="act_in_bulk")
def work(job: Job) -> Iterator[None]:
    """Decide step by step. Each step knows what this very action has decided before, so it is safe to do twice."""
    asked = job.arguments
    action = BulkAction.objects.select_related("made_by__user", "sanction").get(pk=asked["bulk"])
    ids = asked["ids"]
    selection = Selection(action.query, asked["score_min"], asked["score_max"])
    verdict = Verdict(
        action.verdict, reason=action.reason, explanation=action.explanation, private_note=action.private_note
    )
    found = texts(selection, action.verdict, action.made_by).select_related("comment")
    pace = _Pace()
    while job.done < len(ids):
        chunk = ids[job.done : job.done + pace.size]
        with pace:
            before = set(Decision.objects.filter(bulk=action, revision__in=chunk).values_list("revision_id", flat=True))
            rows = found.filter(pk__in=[pk for pk in chunk if pk not in before]).defer("text", "html", "comment__html")
            many = moderation.decide_many(
                list(rows),
                verdict,
                made_by=action.made_by,
                bulk=action,
                trigger=Trigger.SANCTION if action.sanction_id else Trigger.BULK,
                assistance="score_range" if selection.by_score else "none",
                claimed_too=action.sanction_id is not None,
            )
        done = before | {decision.revision_id for decision in many.decisions}
        job.memory = _with(job.memory, "decided", len(done), many.skipped, _moved_on(chunk, done, many.skipped))
        job.done += len(chunk)
        yield
    job.result = job.memory or {"decided": 0, "skipped": {}, "examples": {}}


def _moved_on(chunk: list[int], done: set[int], skipped: dict[int, str]) -> dict[int, str]:
    """Return the comments of texts that no longer were what the search had found: ``changed``."""
    left = [pk for pk in chunk if pk not in done]
    if not left:
        return {}
    about = Revision.objects.filter(pk__in=left).values_list("comment_id", flat=True)
    return {comment: "changed" for comment in about if comment not in skipped}


def _with(memory: dict[str, Any], name: str, many: int, *skipped: dict[int, str]) -> dict[str, Any]:
    """Return ``memory`` with one step more, as a copy: a step that breaks off leaves what was kept."""
    counts, examples = dict(memory.get("skipped", {})), dict(memory.get("examples", {}))
    for comment, code in (pair for some in skipped for pair in some.items()):
        counts[code] = counts.get(code, 0) + 1
        examples[code] = [*examples.get(code, []), comment][:EXAMPLES]
    return memory | {name: memory.get(name, 0) + many, "skipped": counts, "examples": examples}


class _Pace:
    """How many at a time, so that a step takes about :data:`STEP_SECONDS` on this database."""

    def __init__(self) -> None:
        self.size = min(2 * SMALLEST, LARGEST)
        self._begun = 0.0

    def __enter__(self) -> None:
        self._begun = time.monotonic()

    def __exit__(self, *_error: object) -> None:
        took = max(time.monotonic() - self._begun, 0.001)
        self.size = max(SMALLEST, min(LARGEST, 2 * self.size, int(self.size * STEP_SECONDS / took)))


# --- Taking it back ---------------------------------------------------------------------------------------------------


def undo(action: BulkAction, *, made_by: Commenter | None) -> Job:
    """
    Take back what ``action`` decided and nobody has decided again since; stop it first when it still runs.

    Itself a job, and a decision on record for each. Twice is once. Raise ``Refused``: without the permission (403),
    or when there is nothing to take back (409).
    """
    access.require_of(made_by, "act_in_bulk")
    with transaction.atomic():
        locked = BulkAction.objects.select_for_update(of=("self",)).select_related("job", "undo_job").get(pk=action.pk)
        earlier = locked.undo_job
        if earlier is not None and earlier.state not in (Job.State.CANCELLED, Job.State.FAILED):
            return earlier
        if locked.job is not None and locked.job.state in (Job.State.WAITING, Job.State.RUNNING, Job.State.PAUSED):
            jobs.cancel(locked.job)
        count = decided(locked).count()
        if not count and not _is_claimed(locked.job):
            raise Refused("nothing_to_undo", _("This has decided nothing that could be taken back."), status=409)
        job = jobs.begin(UNDO, {"bulk": locked.pk}, made_by=made_by, subject=f"{KIND}:{locked.pk}", total=count)
        locked.undo_job = job
        locked.save(update_fields=["undo_job"])
        _on_record(locked, made_by, before={"count": count}, after={"undone": True})
        signals.job_begun.send_robust(Job, job_id=job.pk)
    action.refresh_from_db()
    return job


def decided(action: BulkAction) -> QuerySet[Decision]:
    """Return the decisions that ``action`` made, without those that took them back."""
    made: QuerySet[Decision] = Decision.objects.filter(bulk=action, reverses=None)
    return made


def _is_claimed(job: Job | None) -> bool:
    """Say whether a worker is still in a step of ``job``, also of one that was stopped."""
    lately = timezone.now() - timedelta(seconds=jobs.CLAIM_SECONDS)
    return job is not None and Job.objects.filter(pk=job.pk, claimed_at__gte=lately).exists()


@jobs.kind(UNDO, needs="act_in_bulk")
def take_back(job: Job) -> Iterator[None]:
    """Take the decisions back step by step, in the order in which they were made."""
    action = BulkAction.objects.select_related("job").get(pk=job.arguments["bulk"])
    by = Commenter.objects.select_related("user").get(pk=job.made_by_id) if job.made_by_id else None
    pace = _Pace()
    while True:
        waiting = _is_claimed(action.job)
        left = decided(action).filter(pk__gt=job.memory.get("after", 0)).order_by("pk")
        made = list(
            left.select_related("comment", "revision").defer("revision__text", "revision__html", "comment__html")[
                : pace.size
            ]
        )
        if not made and not waiting:
            break
        if not made:
            # A worker is in its last step: what that decides is taken back as well.
            time.sleep(0.2)
            yield
            continue
        with pace:
            reversed_before = set(
                Decision.objects.filter(bulk=action, reverses__in=made).values_list("reverses_id", flat=True)
            )
            due = [decision for decision in made if decision.pk not in reversed_before]
            many = moderation.take_back_many(due, made_by=by, bulk=action)
        taken_back = len(reversed_before) + len(many.decisions)
        job.memory = _with(job.memory, "taken_back", taken_back, many.skipped) | {"after": made[-1].pk}
        job.done += len(made)
        job.total = max(job.total, job.done)
        yield
    job.result = {"taken_back": 0, "skipped": {}, "examples": {}} | job.memory
