"""The command that goes through a newsroom's decisions again, run as people run it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
HARMLESS = [
    "tram",
    "council",
    "budget",
    "river",
    "school",
    "garden",
    "market",
    "bridge",
    "ticket",
    "winter",
    "summer",
    "library",
    "teacher",
    "bakery",
    "harbour",
]
NASTY = ["grumblewart", "fizzlecrank", "muckspout"]


def sentence(dice: random.Random, extra: str = "") -> str:
    words = dice.choices(HARMLESS, k=dice.randint(8, 20))
    if extra:
        words.insert(dice.randrange(len(words)), extra)
    return " ".join(words).capitalize() + "."


def stream(count: int, seed: int = 1) -> list[dict[str, Any]]:
    dice = random.Random(seed)
    rows = []
    for _number in range(count):
        rejected = dice.random() < 0.15
        extra = dice.choice(NASTY) if rejected and dice.random() < 0.9 else ""
        rows.append({"text": sentence(dice, extra), "rejected": rejected, "editor": dice.choice("abc")})
    return rows


def replay(path: Path, *more: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "manage.py", "replay_decisions", str(path), *more],
        cwd=ROOT,
        env=os.environ | {"VAR_DIR": str(path.parent if path.parent.exists() else ROOT / "var")},
        input=given,
        capture_output=True,
        timeout=120,
    )


def written(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_each_line_is_scored_before_it_is_learnt_and_the_figures_are_written(tmp_path: Path) -> None:
    rows = stream(700)
    file = written(tmp_path / "decisions.jsonl", rows)

    done = replay(file, "--cold", "--report", str(tmp_path / "out.json"), "--svg", str(tmp_path / "curve.svg"))

    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == 700 and all(0 <= answer["p"] <= 1 for answer in answers)
    # Nothing was known of the first text, whatever became of it.
    assert answers[0]["p"] == 0.5
    report = json.loads((tmp_path / "out.json").read_text())
    assert (report["decisions"], report["removals"]) == (700, sum(row["rejected"] for row in rows))
    assert report["refits"] == 1
    assert report["auc_after"]["500"] > 0.8 > report["auc_after"]["50"] - 0.2
    assert report["calibration_error_after_200"] < 0.08
    assert "<svg" in (tmp_path / "curve.svg").read_text()


def test_a_label_that_comes_later_changes_no_score_before_it(tmp_path: Path) -> None:
    rows = stream(120)
    other = [*rows[:100], *({**row, "rejected": not row["rejected"]} for row in rows[100:])]

    first = replay(written(tmp_path / "one.jsonl", rows), "--cold").stdout.splitlines()
    second = replay(written(tmp_path / "two.jsonl", other), "--cold").stdout.splitlines()

    assert first[:101] == second[:101]
    assert first[101:] != second[101:]


def test_a_bad_line_is_answered_where_it_stands_and_the_rest_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "decisions.jsonl"
    file.write_bytes(
        b'{"text": "a", "rejected": false}\n'
        b"not json\n"
        b'{"text": "a"}\n'
        b'{"text": 1, "rejected": true}\n'
        b'["a"]\n'
        b"\xff\xfe\n"
        b'{"text": "a", "rejected": true, "at": "yesterday"}\n'
        + b"[" * 100_000
        + b'\n{"text": "", "rejected": 1, "at": "2026-03-01T12:00:00+00:00"}\n'
    )

    done = replay(file, "--cold", "--report", str(tmp_path / "out.json"))

    assert done.returncode == 1
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [sorted(answer) for answer in answers] == [["p"], *[["error", "line"]] * 7, ["p"]]
    assert json.loads((tmp_path / "out.json").read_text())["wrong_lines"] == 7


def test_a_file_that_is_not_there_is_said_in_a_sentence(tmp_path: Path) -> None:
    done = replay(tmp_path / "nothing.jsonl", "--cold")

    assert done.returncode == 1
    assert b"cannot be read" in done.stderr and b"Traceback" not in done.stderr


def test_an_empty_file_has_figures_too(tmp_path: Path) -> None:
    file = written(tmp_path / "empty.jsonl", [])

    done = replay(file, "--report", str(tmp_path / "out.json"), "--svg", str(tmp_path / "curve.svg"))

    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["decisions"] == 0 and report["auc"] is None


def test_the_shipped_model_is_where_it_begins(tmp_path: Path) -> None:
    rows = [{"text": "You are a pathetic stupid idiot.", "rejected": True}, {"text": "Thank you.", "rejected": False}]

    warm = [json.loads(line)["p"] for line in replay(written(tmp_path / "a.jsonl", rows)).stdout.splitlines()]

    assert warm[0] > warm[1] + 0.2


def test_five_hundred_decisions_a_second_of_processor_time() -> None:
    from comments.learning.replay import Line, Replay

    dice = random.Random(4)
    lines = [Line(sentence(dice, "zork" if number % 9 == 0 else ""), number % 9 == 0) for number in range(1_500)]
    replayed = Replay()

    began = time.process_time()
    for line in lines:
        replayed.take(line)
    took = time.process_time() - began

    assert replayed.refits == 2
    assert len(lines) / took > 500, took


@pytest.mark.skipif(
    not (ROOT.parent / "shared" / "datasets").is_dir(), reason="needs the training sets beside the project"
)
def test_decisions_kept_out_of_training_are_ordered_and_calibrated(tmp_path: Path) -> None:
    import csv

    from comments.learning.replay import Line, Replay
    from comments.screening.scorers.training import part

    found = ROOT.parent / "shared" / "datasets" / "civil_comments_toxic_spans.train.csv"
    with found.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if part(row["text"]) == "report"]
    random.Random(1).shuffle(rows)
    replayed = Replay()

    for row in rows:
        replayed.take(Line(row["text"], row["toxic"] == "1"))

    report = replayed.report()
    assert report["auc"] > 0.65
    assert report["auc"] > report["auc_shipped_alone"] - 0.03
    assert report["calibration_error_after_200"] < 0.08


def test_nothing_is_learnt_from_an_editor_who_rejects_everything(tmp_path: Path) -> None:
    honest = stream(1_600)
    dice = random.Random(5)
    spoilt = [row | {"editor": dice.choice("abcd")} for row in honest]
    spoilt = [row | {"rejected": True} if row["editor"] == "d" else row for row in spoilt]

    def auc_of_the_end(rows: list[dict[str, Any]], name: str) -> tuple[float, dict[str, Any]]:
        report = tmp_path / f"{name}.json"
        done = replay(written(tmp_path / f"{name}.jsonl", rows), "--cold", "--report", str(report))
        scores = [json.loads(line)["p"] for line in done.stdout.splitlines()]
        end = [(p, row["rejected"]) for p, row in zip(scores, honest, strict=True)][1_000:]
        yes, no = [p for p, rejected in end if rejected], [p for p, rejected in end if not rejected]
        won = sum((a > b) + 0.5 * (a == b) for a in yes for b in no)
        return won / (len(yes) * len(no)), json.loads(report.read_text())

    good, report = auc_of_the_end(honest, "honest")
    bad, spoilt_report = auc_of_the_end(spoilt, "spoilt")

    assert (report["left_out"], spoilt_report["left_out"]) == ([], ["d"])
    assert bad > good - 0.03
