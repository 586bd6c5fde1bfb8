from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from comments import discussions, jobs, rescreening
from comments.exceptions import Refused
from comments.models import Job

WIDTH = 30
SLICE_SECONDS = 0.5


class Command(BaseCommand):
    help = (
        "Screen stored texts again with today's rules, scorers and sanitizer. What an editor decided is left alone. "
        "Stopped in the middle, it goes on with --resume."
    )

    tenth = -1
    """How much has been shown where there is no terminal."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", help="Only comments written on or after this day or moment: 2026-11-01.")
        parser.add_argument("--discussion", metavar="KEY", help="Only the comments of this discussion.")
        parser.add_argument(
            "--status", default=",".join(rescreening.STATUSES), help="Which texts: published,held (both, if not told)."
        )
        parser.add_argument("--dry-run", action="store_true", help="Change nothing; say what would become of them.")
        parser.add_argument("--resume", type=int, metavar="ID", help="Go on with this job where it stopped.")
        parser.add_argument("--batch", type=int, default=rescreening.BATCH, help="Comments to a step: 1 to 1000.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            job = self._taken_up(options["resume"]) if options["resume"] else self._begun(options)
        except Refused as refused:
            raise CommandError(refused.detail) from None
        self.stderr.write(f"job {job.pk}: {job.total} comments")
        try:
            job = self._done(job)
        except KeyboardInterrupt:
            # A worker would otherwise go on with it.
            try:
                jobs.pause(job)
            except Refused:
                pass
            raise CommandError(f"Stopped. Go on with: manage.py rescreen --resume {job.pk}") from None
        self._tell(job)

    def _begun(self, options: dict[str, Any]) -> Job:
        return rescreening.begin(
            since=_moment(options["since"]) if options["since"] else None,
            discussion=discussions.get(options["discussion"]) if options["discussion"] else None,
            statuses=tuple(part.strip() for part in options["status"].split(",") if part.strip()),
            dry_run=options["dry_run"],
            batch=options["batch"],
        )

    def _taken_up(self, number: int) -> Job:
        job = Job.objects.filter(pk=number, kind=rescreening.KIND).first()
        if job is None:
            raise CommandError(f"There is no job {number} that screens texts again.")
        if job.state in (Job.State.PAUSED, Job.State.FAILED):
            return jobs.resume(job)
        if job.state == Job.State.CANCELLED:
            raise CommandError(f"Job {number} was stopped for good. Begin a new one.")
        return job

    def _done(self, job: Job) -> Job:
        """Work, or watch whoever is on it: a worker that was killed is waited for until its claim is old."""
        told = False
        while True:
            worked = jobs.run(job.pk, seconds=SLICE_SECONDS)
            job.refresh_from_db()
            self._show(job)
            if job.state not in (Job.State.WAITING, Job.State.RUNNING):
                self.stderr.write("")
                return job
            if worked is None:
                if not told:
                    self.stderr.write(f"Another process was on it within {jobs.CLAIM_SECONDS} s: waiting.")
                told = True
                time.sleep(SLICE_SECONDS)

    def _show(self, job: Job) -> None:
        share = min(1.0, job.done / job.total) if job.total else 1.0
        over = job.state not in (Job.State.WAITING, Job.State.RUNNING)
        if not (self.stderr.isatty() or over or int(share * 10) > self.tenth):
            return  # Into a log go ten lines, not one for each step.
        self.tenth = int(share * 10)
        bar = ("#" * round(share * WIDTH)).ljust(WIDTH, ".")
        ending = "" if self.stderr.isatty() else "\n"
        start = "\r" if self.stderr.isatty() else ""
        self.stderr.write(f"{start}[{bar}] {job.done} of {job.total}", ending=ending)
        self.stderr.flush()

    def _tell(self, job: Job) -> None:
        if job.state != Job.State.DONE:
            raise CommandError(
                f"Job {job.pk}: {job.get_state_display()}. {job.error} Go on with: manage.py rescreen --resume {job.pk}"
            )
        dry, counts = job.arguments["dry_run"], job.result.get("counts", {})
        examples = job.result.get("examples", {})
        rows = [(_named(what, dry), counts[what], examples.get(what, [])) for what in sorted(counts, key=_order)]
        width = max((len(name) for name, _count, _numbers in rows), default=0)
        for name, count, numbers in rows:
            which = f"  {', '.join(f'#{number}' for number in numbers)}{', …' if count > len(numbers) else ''}"
            self.stdout.write(f"{name.ljust(width)}: {count}{which if count and '→' in name else ''}")
        if not rows:
            self.stdout.write("There was nothing to screen again.")
        if dry:
            self.stdout.write("Nothing was changed.")


def _named(what: str, dry: bool) -> str:
    before, arrow, after = what.partition(">")
    if arrow:
        return f"{before} → {'would be ' if dry else ''}{after}"
    names = {
        "kept": "stay as they are",
        "left_to_people": "not decided by screening, left alone",
        "unchecked": "could not be checked wholly",
        "html": f"HTML {'would be ' if dry else ''}made again",
        "moved_on": "changed meanwhile, left alone",
    }
    return names.get(what, what)


def _order(what: str) -> tuple[bool, str]:
    return (">" not in what, what)


def _moment(given: str) -> datetime:
    try:
        found = parse_datetime(given) or None
        day = None if found else parse_date(given)
    except ValueError:
        found = day = None
    if day is not None:
        found = datetime(day.year, day.month, day.day)  # noqa: DTZ001  (made aware below)
    if found is None:
        raise CommandError(f"“{given}” is no day: write 2026-11-01.")
    return timezone.make_aware(found) if timezone.is_naive(found) else found
