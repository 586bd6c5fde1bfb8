"""
Draw how the score improves with a newsroom's decisions: ``python -m benchmarks.learning_curve FOLDER --svg OUT``.

FOLDER holds the training sets of ``train_model``. The English stream is what that command kept out for its report, by
the same hash of the text; the Korean one was never trained on at all. Each is replayed in five random orders.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import time
from pathlib import Path
from statistics import mean
from typing import Any

SEEDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--report", type=Path)
    asked = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsroom.settings")
    import django

    django.setup()
    from comments.learning.replay import drawn
    from comments.screening.scorers.training import part

    english = [
        (row["text"], row["toxic"] == "1")
        for row in read(asked.folder / "civil_comments_toxic_spans.train.csv")
        if part(row["text"]) == "report"
    ]
    korean = [(row["text"], row["hate"] == "hate") for row in read(asked.folder / "korean_news_comments.train.csv")]
    found = {
        "English, shipped + learning": replayed(english),
        "English, from nothing": replayed(english, cold=True),
        "Korean, learning": replayed(korean),
    }
    alone = [(step["decisions"], step["auc_shipped_alone"]) for step in found["English, shipped + learning"]["curve"]]
    curves = [
        (name, [(step["decisions"], step["auc"]) for step in figures["curve"]]) for name, figures in found.items()
    ]
    curves.insert(1, ("shipped alone", alone))
    if asked.svg:
        asked.svg.write_text(drawn(curves, title="Of two comments, how often the removed one scores higher"))
    if asked.report:
        asked.report.write_text(json.dumps(found, indent=2) + "\n")
    for name, figures in found.items():
        print(name, json.dumps({key: value for key, value in figures.items() if key != "curve"}))
        for step in figures["curve"]:
            print(f"  {step['from']:>6} to {step['to']:>6}: {step['auc']:.3f}  {step['auc_shipped_alone'] or ''}")


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def replayed(rows: list[tuple[str, bool]], *, cold: bool = False) -> dict[str, Any]:
    """Return the figures of ``rows``, the mean of :data:`SEEDS` orders."""
    from comments.learning.replay import Line, Replay

    reports, began = [], time.process_time()
    for seed in range(SEEDS):
        ordered = rows[:]
        random.Random(seed).shuffle(ordered)
        replay = Replay(cold=cold)
        for text, rejected in ordered:
            replay.take(Line(text, rejected))
        reports.append(replay.report())
    took = time.process_time() - began

    def middle(*keys: Any) -> float | None:
        values = []
        for report in reports:
            value: Any = report
            for key in keys:
                value = value[key]
            values.append(value)
        return round(mean(values), 4) if all(value is not None for value in values) else None

    steps = reports[0]["curve"]
    names = (
        "auc",
        "auc_shipped_alone",
        "queue_precision",
        "queue_precision_shipped_alone",
        "calibration_error_after_200",
    )
    return {
        "decisions": len(rows),
        "removals": sum(rejected for _text, rejected in rows),
        **{name: middle(name) for name in names},
        "per_processor_second": round(SEEDS * len(rows) / took),
        "curve": [
            {
                "from": step["from"],
                "to": step["to"],
                "decisions": (step["from"] + step["to"]) / 2,
                "auc": middle("curve", place, "auc"),
                "auc_shipped_alone": middle("curve", place, "auc_shipped_alone"),
            }
            for place, step in enumerate(steps)
            if step["to"] - step["from"] >= 40
        ],
    }


if __name__ == "__main__":
    main()
