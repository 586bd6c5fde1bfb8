"""
Measure decisions in bulk, on a PostgreSQL of its own; ``python -m benchmarks --only bulk`` runs this and shows it.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.servers import postgresql

STORIES = 200
AUTHORS = 500
COUNT = 20_000
ROUNDS = "publish", "undo"


@dataclass(frozen=True, slots=True)
class Pace:
    """One bulk action, or its undoing, from the first step to the last."""

    what: str
    decisions: int
    seconds: float
    cpu: float
    """Seconds that this process computed, one decision after another."""
    database: float
    """Seconds that its PostgreSQL backend computed meanwhile: the two take turns."""
    longest: float
    """Seconds of the longest step: as long may an editor's own decision have to wait."""

    @property
    def per_second(self) -> float:
        return self.decisions / self.seconds


def fill(count: int = COUNT) -> Any:
    """Write ``count`` comments that wait under many stories, a third of them replies; return who may decide them."""
    from django.contrib.auth import get_user_model
    from django.db import connection

    from comments.models import Comment, Commenter, Discussion, Revision

    user = get_user_model().objects.create_superuser("bulk-editor", password="!")
    editor = Commenter.objects.for_user(user)
    people = Commenter.objects.bulk_create([Commenter(name=f"Author {number}") for number in range(AUTHORS)])
    stories = Discussion.objects.bulk_create(
        [Discussion(key=f"bulk-{number}", held_count=count // STORIES) for number in range(STORIES)]
    )
    roots = Comment.objects.bulk_create(_waiting(people, stories, range(count * 2 // 3)), batch_size=1_000)
    replies = Comment.objects.bulk_create(
        _waiting(people, stories, range(count * 2 // 3, count), above=roots), batch_size=1_000
    )
    Revision.objects.bulk_create(
        [
            Revision(comment=one, text="A sentence.", html="<p>A sentence.</p>", status="held", risk=one.pk % 100 / 100)
            for one in [*roots, *replies]
        ],
        batch_size=1_000,
    )
    for story in stories:
        story.held_count = sum(1 for one in [*roots, *replies] if one.discussion_id == story.pk)
    Discussion.objects.bulk_update(stories, ["held_count"])
    with connection.cursor() as db:
        db.execute("VACUUM ANALYZE")
    return editor


def _waiting(people: list[Any], stories: list[Any], numbers: range, above: list[Any] | None = None) -> list[Any]:
    from comments.models import Comment

    found = []
    for number in numbers:
        parent = above[number % len(above)] if above else None
        story = parent.discussion if parent else stories[number % len(stories)]
        path = f"{number:012d}"
        found.append(
            Comment(
                discussion=story,
                author=people[number % len(people)],
                parent=parent,
                path=parent.path + path if parent else path,
                depth=1 if parent else 0,
                status="held",
            )
        )
    return found


def measure(editor: Any) -> list[Pace]:
    """Publish everything that waits, as one bulk action, and take it back."""
    from comments import bulk, jobs, moderation

    longest: list[float] = []
    for name in ("decide_many", "take_back_many"):
        _timed(moderation, name, longest)
    found = []
    action = bulk.begin("status:held", "publish", made_by=editor)
    for what in ROUNDS:
        job_id = action.job_id if what == "publish" else bulk.undo(action, made_by=editor).pk
        longest.clear()
        begun, computed, asked = time.monotonic(), time.process_time(), _backend_seconds()
        job = jobs.run(job_id)
        took, computed, asked = (
            time.monotonic() - begun,
            time.process_time() - computed,
            _backend_seconds() - asked,
        )
        assert job is not None
        assert job.state == "done", job.error
        done = job.result["decided" if what == "publish" else "taken_back"]
        found.append(Pace(what, done, took, computed, asked, max(longest)))
    return found


def _backend_seconds() -> float:
    """Return the CPU time of this connection's backend so far."""
    from django.db import connection

    with connection.cursor() as db:
        db.execute("SELECT pg_backend_pid()")
        fields = Path(f"/proc/{db.fetchone()[0]}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _timed(module: Any, name: str, times: list[float]) -> None:
    verb = getattr(module, name)

    def timed(*args: Any, **options: Any) -> Any:
        begun = time.monotonic()
        try:
            return verb(*args, **options)
        finally:
            times.append(time.monotonic() - begun)

    setattr(module, name, timed)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bulk", description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, help="comments that are decided")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, postgresql() as url:
        os.environ |= {"DATABASE_URL": url, "VAR_DIR": f"{directory}/var", "LOG_LEVEL": "ERROR"}
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        call_command("migrate", verbosity=0)
        found = [asdict(pace) | {"per_second": pace.per_second} for pace in measure(fill(options.count))]
        connections.close_all()
    written = json.dumps({"stories": STORIES, "paces": found}, indent=1)
    if options.json:
        options.json.write_text(written + "\n")
    else:
        print(written)


if __name__ == "__main__":
    main()
