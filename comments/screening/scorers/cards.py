"""The model card and the notice, from what training wrote down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

GROUPS = {
    "news": "comments on news sites (Civil Comments: chosen as doubtful, so the acceptable ones are close calls)",
    "jigsaw": "talk pages of Wikipedia, half of them abusive",
    "natural": "talk pages of Wikipedia as they come, about 1 % abusive",
    "video": "comments on videos",
    "messages": "text messages",
}
WHAT = {
    "toxicity": "how likely an editor is to remove a comment (insults, threats, obscenity, hatred)",
    "spam": "how likely a comment is advertising",
}


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "|" + "|".join("---" for _column in head) + "|",
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
    ]


def model_card(cards: Sequence[dict[str, Any]]) -> str:
    """Return the model card in Markdown for all of ``cards``."""
    lines = [
        "# Model card of the local scorers",
        "",
        "Written by `manage.py train_model`; change nothing here by hand. The same data and the same seed give the "
        "same bytes.",
        "",
        "A score puts comments in an order and marks words for an editor. It rejects nothing, and it is no judgement "
        "about a person. The models see words and pieces of words, not what is meant: irony, quotation and "
        "counter-speech are beyond them. They read English only. What a newsroom removes differs from what "
        "annotators called toxic; the newsroom's own decisions correct that.",
        "",
    ]
    for card in sorted(cards, key=lambda card: (card["kind"] != "toxicity", card["kind"])):
        lines += _one(card)
    return "\n".join(lines).rstrip() + "\n"


def _one(card: dict[str, Any]) -> list[str]:
    thresholds, metrics = card["thresholds"], card["metrics"]
    lines = [
        f"## {card['name']}: {card['kind']}",
        "",
        f"Says {WHAT.get(card['kind'], card['kind'])}. Logistic regression over hashed words, pairs of words and "
        f"pieces of words (`{card['features']}`), one byte for each of 262,144 buckets: {card['bytes']:,} bytes, "
        f"SHA-256 `{card['sha256']}`. Seed {card['seed']}, {card['passes']} passes.",
        "",
        f"Calibrated for a site that removes {_percent(card['prevalence'])} of its comments; mean error of the "
        f"probability on texts held out: {_number(metrics['calibration_error'])}. From {thresholds['medium']:.3f} on "
        f"it is called medium, from {thresholds['high']:.3f} on high.",
        "",
        "### Learnt from",
        "",
        *_table(
            ["file", "texts learnt", "positive", "from", "licence"],
            [
                [
                    f"`{file['file']}`",
                    f"{file['learnt']:,}",
                    _percent(file["positive"]),
                    file["origin"],
                    file["licence"],
                ]
                for file in card["files"]
            ],
        ),
        "### What it is worth, on texts it never saw",
        "",
        *_table(
            [
                "texts",
                "acceptable",
                "others",
                "AUC",
                "found: medium",
                "found: high",
                "acceptable flagged: medium",
                "high",
            ],
            [
                [
                    GROUPS.get(group, group),
                    f"{found['negative']:,}",
                    f"{found['positive']:,}",
                    _number(found["auc"]),
                    _percent(found["recall_medium"]),
                    _percent(found["recall_high"]),
                    _percent(found["flagged_medium"]),
                    _percent(found["flagged_high"]),
                ]
                for group, found in metrics["held_out"].items()
            ],
        ),
    ]
    if "news_flagged_at_half" in metrics:
        lines += [f"Acceptable news comments with 0.5 or more: {_percent(metrics['news_flagged_at_half'])}.", ""]
    if "bias" in card:
        bias = card["bias"]
        lines += [
            "### Bias: neutral sentences that name a group",
            "",
            f"{bias['sentences']:,} neutral sentences, made from templates that were not learnt; "
            f"{_percent(bias['flagged'])} of them are flagged (medium or high). A word that is not in the second table "
            "was never flagged. On a site as calm as the talk pages, with a threshold at which 5 % of what is "
            f"acceptable there is flagged, {_percent(bias['flagged_on_calm_site'])} would be: "
            "they are short and informal.",
            "",
            *_table(["group", "flagged"], [[group, _percent(share)] for group, share in bias["groups"].items()]),
            *_table(["word", "flagged"], [[word, _percent(share)] for word, share in bias["words"].items()]),
        ]
    if card.get("elsewhere"):
        lines += [
            "### Languages it does not read",
            "",
            "0.5 is chance. Where most letters of a text are not Latin, it gives no opinion.",
            "",
            *_table(
                ["texts", "number", "AUC", "no opinion"],
                [
                    [one["origin"], f"{one['rows']:,}", _number(one["auc"]), _percent(one["no_opinion"])]
                    for one in card["elsewhere"]
                ],
            ),
        ]
    return lines


def notice(cards: Sequence[dict[str, Any]]) -> str:
    """Return the attributions that the data asks for."""
    files = {file["file"]: file for card in cards for file in card["files"]}
    lines = [
        "newsroom-comments",
        "",
        "The weights of the local scorers (comments/screening/scorers/models/) were fitted with the data below. No",
        "text of it is part of this package: the weights are one number for each of 262,144 hashed features.",
        "",
    ]
    for name in sorted(files):
        file = files[name]
        lines += [f"- {file['origin']}", f"  File: {name}. Licence: {file['licence']}.", ""]
    lines += [
        "CC0 1.0: https://creativecommons.org/publicdomain/zero/1.0/",
        "CC BY 4.0: https://creativecommons.org/licenses/by/4.0/",
        "CC BY-SA 3.0: https://creativecommons.org/licenses/by-sa/3.0/",
        "Apache-2.0: https://www.apache.org/licenses/LICENSE-2.0",
    ]
    return "\n".join(lines) + "\n"
