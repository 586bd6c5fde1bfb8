from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser

from comments.learning.replay import BadLine, Replay, drawn, line
from comments.screening.scorers.weights import BrokenModel, warm


class Command(BaseCommand):
    help = (
        "Go through decisions again, in the order of FILE: each text is scored, then learnt. "
        'FILE holds one JSON object a line: {"text", "rejected", "editor"?, "at"?}; "-" reads from standard input. '
        'Writes {"p"} for each line, or {"error"}. Reads and writes no database. Ends with 1 when a line was wrong.'
    )
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="JSON Lines.")
        parser.add_argument("--cold", action="store_true", help="Begin without the shipped model.")
        parser.add_argument("--report", metavar="OUT", help="Write the figures there, as JSON.")
        parser.add_argument("--svg", metavar="OUT", help="Draw the curve there.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["cold"]:
            try:
                warm()
            except BrokenModel as error:
                raise CommandError(f"{error} Use --cold to begin without it.") from None
        replay, wrong = Replay(cold=options["cold"]), 0
        with ExitStack() as stack:
            for number, raw in enumerate(_lines(options["file"], stack), start=1):
                try:
                    answer: dict[str, Any] = {"p": round(replay.take(line(_read(raw))), 6)}
                except BadLine as bad:
                    wrong += 1
                    answer = {"error": str(bad), "line": number}
                self.stdout.write(json.dumps(answer, ensure_ascii=False))
        report = replay.report() | {"wrong_lines": wrong}
        if options["report"]:
            _write(options["report"], json.dumps(report, indent=2) + "\n")
        if options["svg"]:
            points = [
                ((step["from"] + step["to"]) / 2, step["auc"]) for step in replay.curve() if step["auc"] is not None
            ]
            alone = [
                ((step["from"] + step["to"]) / 2, step["auc_shipped_alone"])
                for step in replay.curve()
                if step["auc_shipped_alone"] is not None
            ]
            curves = [("learning", points), *([("shipped alone", alone)] if alone else [])]
            _write(options["svg"], drawn(curves, title="AUC over the decisions learnt"))
        if wrong:
            self.stdout.flush()
            sys.exit(1)


def _lines(name: str, stack: ExitStack) -> Iterator[bytes]:
    if name == "-":
        source: BinaryIO = sys.stdin.buffer
    else:
        try:
            source = stack.enter_context(Path(name).open("rb"))  # noqa: SIM115
        except OSError as error:
            raise CommandError(f"{name} cannot be read ({error.strerror}).") from None
    return (raw for raw in source if raw.strip())


def _read(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise BadLine("this is not JSON") from None


def _write(name: str, content: str) -> None:
    try:
        Path(name).write_text(content, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{name} cannot be written ({error.strerror}).") from None
