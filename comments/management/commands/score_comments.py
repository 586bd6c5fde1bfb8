from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from comments.screening.scorers import CommentView
from comments.screening.scorers.linear import BrokenModel, Linear, local, spam
from comments.screening.scorers.weights import warm

SCORERS = {"local": local, "spam": spam}
LONGEST = 1_000_000
"""Bytes of a line; a longer one is answered with an error, and is not kept in memory."""


class Command(BaseCommand):
    help = (
        'Score comments: JSON Lines {"text": …} on standard input, one line {"p", "label", "version", "top"} for each '
        'on standard output, at once. A line that is no such thing is answered with {"error": …}, and the exit status '
        "at the end is 1."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--scorer", choices=sorted(SCORERS), default="local")

    def handle(self, *args: Any, **options: Any) -> None:
        scorer = SCORERS[options["scorer"]]
        if not (health := scorer.health()).ok:
            raise CommandError(health.detail)
        wrong = 0
        for line in _lines():
            answer = _answer(scorer, line)
            wrong += "error" in answer
            self.stdout.write(json.dumps(answer, ensure_ascii=True))
            self.stdout.flush()
        if wrong:
            raise CommandError(f"{wrong} lines could not be scored.", returncode=1)


def _lines() -> Iterator[bytes | None]:
    """Yield each line; ``None`` for one that is too long."""
    given = sys.stdin.buffer
    while line := given.readline(LONGEST):
        if len(line) < LONGEST or line.endswith(b"\n"):
            yield line
            continue
        while (rest := given.readline(LONGEST)) and not rest.endswith(b"\n"):
            pass
        yield None


def _answer(scorer: Linear, line: bytes | None) -> dict[str, Any]:
    if line is None:
        return {"error": f"The line is longer than {LONGEST} bytes."}
    try:
        given = json.loads(line)
    except ValueError:
        return {"error": "The line is not JSON."}
    except RecursionError:
        return {"error": "The JSON is nested too deeply."}
    if not isinstance(given, dict) or not isinstance(given.get("text"), str):
        return {"error": 'The line is not an object with a "text".'}
    text = given["text"]
    try:
        [score] = scorer.score([CommentView(text)])
    except BrokenModel as error:
        return {"error": str(error)}
    return {
        "p": None if score.p is None else round(score.p, 6),
        "label": None if score.p is None else warm(scorer.kind).label(score.p),
        "version": score.version,
        "top": [
            {"text": text[start:end], "weight": round(weight, 3), "start": start, "end": end}
            for start, end, weight in score.top
        ],
    }
