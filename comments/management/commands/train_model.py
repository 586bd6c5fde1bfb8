from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from comments.screening.scorers import cards
from comments.screening.scorers.training import SOURCES, BadData, train

NAMES = {"toxicity": "warm-1", "spam": "spam-1"}


class Command(BaseCommand):
    help = (
        "Fit the weights of a scorer from a folder of labelled texts, and write them with a card that says what they "
        "are worth. COMMENTS['MODELS_FOLDER'] names the folder that is used instead of the shipped one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--data", required=True, metavar="DIR", help="Folder with the CSV files; some may be missing."
        )
        parser.add_argument("--kind", choices=sorted(SOURCES), default="toxicity")
        parser.add_argument(
            "--out", metavar="FILE", help="Where the weights go. Default: models/toxicity.bin or spam.bin."
        )
        parser.add_argument(
            "--report", metavar="FILE", help="Where the card goes, as JSON. Default: beside the weights."
        )
        parser.add_argument("--named", metavar="NAME", help="Version that every score carries. Default: as shipped.")
        parser.add_argument("--seed", type=int, default=1, help="The same data and seed give the same bytes.")

    def handle(self, *args: Any, **options: Any) -> None:
        data, kind = Path(options["data"]), options["kind"]
        if not data.is_dir():
            raise CommandError(f"There is no folder {data}.")
        out = Path(options["out"] or f"models/{kind}.bin")
        report = Path(options["report"] or out.with_suffix(".json"))
        named = options["named"] or NAMES[kind]
        if not (named.isascii() and named.isprintable() and 0 < len(named) <= 32):
            raise CommandError("--named is 1 to 32 plain characters.")
        for folder in (out.parent, report.parent):
            folder.mkdir(parents=True, exist_ok=True)
        try:
            trained = train(kind, data, named=named, seed=options["seed"], say=self._say)
        except BadData as error:
            raise CommandError(str(error)) from error
        # The weights appear whole or not at all: a worker may be reading them.
        written = out.with_name(f"{out.name}.part")
        written.write_bytes(trained.content)
        written.replace(out)
        report.write_text(
            json.dumps(trained.card, indent=2, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8"
        )
        beside = [report, *(out.with_name(f"{other}.json") for other in SOURCES if other != kind)]
        described = [json.loads(path.read_text(encoding="utf-8")) for path in beside if path.is_file()]
        out.with_name("MODEL_CARD.md").write_text(cards.model_card(described), encoding="utf-8")
        self._say(f"{named}: {len(trained.content):,} bytes in {out}, its card in {report}.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
