"""
Screen stored texts again, as a job: a policy or a sanitizer changed, and what it lets through has changed with it.

Each comment is one transaction of :func:`comments.moderation.rescreen`, so that a step may be done twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from comments import jobs, moderation
from comments.exceptions import Refused
from comments.models import Comment, Commenter, Discussion, Job, Revision, Status

KIND = "rescreen"
STATUSES = (Status.PUBLISHED.value, Status.HELD.value)
BATCH = 100
MOST_BATCH = 1_000
STEP_SECONDS = 20
"""A step ends after this long however many it was to have: far from the time after which another takes the job up."""
EXAMPLES = 10
"""Comments named for each change, so that an editor can look at some."""


def begin(
    *,
    since: datetime | None = None,
    discussion: Discussion | None = None,
    statuses: tuple[str, ...] = STATUSES,
    dry_run: bool = False,
    batch: int = BATCH,
    made_by: Commenter | None = None,
) -> Job:
    """
    Write down a job that screens the texts with ``statuses`` again, of comments written ``since``; all, if not told.

    With ``dry_run`` it changes nothing and only counts. Raise ``Refused`` for a status that is not screened again.
    """
    unknown = sorted(set(statuses) - set(STATUSES))
    if unknown or not statuses:
        raise Refused(
            "unknown_status",
            _("Texts that are %(statuses)s can be screened again.") % {"statuses": ", ".join(STATUSES)},
        )
    arguments: dict[str, Any] = {
        "since": since.isoformat() if since else None,
        "discussion": discussion.pk if discussion else None,
        "statuses": list(statuses),
        "dry_run": dry_run,
        "batch": max(1, min(batch, MOST_BATCH)),
        # What arrives later is screened by today's rules anyway.
        "last": Comment.objects.order_by("-pk").values_list("pk", flat=True).first() or 0,
    }
    return jobs.begin(KIND, arguments, made_by=made_by, subject=KIND, total=_found(arguments).count())


def _found(arguments: dict[str, Any]) -> QuerySet[Comment]:
    statuses = arguments["statuses"]
    wanted = Q(status__in=statuses)
    if Status.HELD in statuses:
        # Edits wait beside published words, too.
        wanted |= Q(Exists(Revision.objects.filter(comment=OuterRef("pk"), status=Status.HELD)))
    found = Comment.objects.filter(wanted, pk__lte=arguments["last"])
    if arguments["since"]:
        found = found.filter(created_at__gte=datetime.fromisoformat(arguments["since"]))
    if arguments["discussion"]:
        found = found.filter(discussion=arguments["discussion"])
    return found.order_by("pk")


@jobs.kind(KIND)
def work(job: Job) -> Iterator[None]:
    """Go through the comments by number, a batch a step; ``result`` has the counts and some numbers of each kind."""
    arguments = job.arguments
    verb = moderation.screen_again if arguments["dry_run"] else moderation.rescreen
    while True:
        after = job.memory.get("after", 0)
        found = _found(arguments).filter(pk__gt=after).values_list("pk", flat=True)
        numbers = list(found[: arguments["batch"]])
        if not numbers:
            break
        counts: dict[str, int] = dict(job.memory.get("counts", {}))
        examples: dict[str, list[int]] = dict(job.memory.get("examples", {}))
        until = time.monotonic() + STEP_SECONDS
        for number in numbers:
            for what in _outcomes(verb(number, arguments["statuses"])):
                counts[what] = counts.get(what, 0) + 1
                examples[what] = [*examples.get(what, []), number][:EXAMPLES]
            after = number
            job.done += 1
            if time.monotonic() > until:
                break
        job.memory = {"after": after, "counts": counts, "examples": examples}
        yield
    job.result = {"counts": job.memory.get("counts", {}), "examples": job.memory.get("examples", {})}


def _outcomes(found: moderation.Rescreened | None) -> list[str]:
    """Return what to count one comment as: ``published>held``, ``kept``, ``left_to_people``, ``html``, …"""
    if found is None:
        return ["moved_on"]
    outcomes = []
    if found.left_to_people:
        outcomes.append("left_to_people")
    elif found.verdict is not None:
        outcomes.append("kept" if found.after == found.before else f"{found.before}>{found.after}")
    if found.unchecked:
        outcomes.append("unchecked")
    if found.remade:
        outcomes.append("html")
    return outcomes
