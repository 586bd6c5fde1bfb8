"""
Fit the weights that ship with the app, from labelled texts, and write down what they are worth.

Standard library only: logistic regression by AdaGrad over the buckets of a text, a few passes in an order that the seed
decides. The same files and the same seed give the same bytes. A fifth of the texts, chosen by their own hash, is never
learnt: half of it calibrates, the other half is what the model card reports.
"""

from __future__ import annotations

import csv
import math
import random
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from comments.screening.scorers import features, identity
from comments.screening.scorers.weights import Weights, packed

Say = Callable[[str], object]

PREVALENCE: Final = 0.05
"""Share of removals on an ordinary news site; training sets are half and half, so it has to be told."""

PASSES: Final = {"toxicity": 3, "spam": 3}
RATE: Final = 0.2
NEUTRAL_COUNTS: Final = 2
"""How often each neutral sentence about a group is learnt in a pass."""
RARE: Final = 3
"""Buckets met in fewer texts than this stay empty: they would only learn those texts by heart."""
CERTAIN: Final = 0.003
"""An error smaller than this teaches nothing."""
ACCEPTABLE_FLAGGED: Final = (0.05, 0.01)
"""``medium`` begins where the first share of acceptable texts is flagged, ``high`` where the second is."""
LEAST: Final = (0.1, 0.2)
"""But not below these probabilities, however well the two kinds of text are told apart."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file of texts with labels, where it comes from and under which licence."""

    file: str
    label: str
    group: str
    origin: str
    licence: str
    learn: str = "all"
    """Which of its texts are learnt: ``all``, only the ``negative`` ones, or ``none``."""
    positive: tuple[str, ...] = ()
    """Labels that count as positive, where they are words."""


CIVIL: Final = Source(
    "civil_comments_toxic_spans.train.csv",
    "toxic",
    "news",
    "Civil Comments (comments on about 50 news sites), as annotated for SemEval-2021 task 5, Toxic Spans",
    "CC0 1.0",
)
SOURCES: Final[dict[str, tuple[Source, ...]]] = {
    "toxicity": (
        CIVIL,
        Source(
            "wikipedia_jigsaw_toxic.train.csv",
            "toxic",
            "jigsaw",
            "A part of the Jigsaw Toxic Comment Classification Challenge (talk pages of Wikipedia)",
            "labels CC0 1.0, text CC BY-SA 3.0",
        ),
        Source(
            "wikipedia_toxicity_context.train.csv",
            "toxic",
            "natural",
            "CAT_LARGE, talk pages of Wikipedia annotated with their context (Pavlopoulos and others, 2020)",
            "Apache-2.0, text CC BY-SA 3.0",
        ),
        Source(
            "wikipedia_toxicity_nocontext.train.csv",
            "toxic",
            "natural",
            "CAT_LARGE, the same without context",
            "Apache-2.0, text CC BY-SA 3.0",
        ),
        Source(
            "wikipedia_toxicity_conversationai.train.csv",
            "toxic",
            "jigsaw",
            "Conversation AI, unintended-ml-bias-analysis (talk pages of Wikipedia)",
            "Apache-2.0, text CC BY-SA 3.0",
        ),
    ),
    "spam": (
        Source(
            "youtube_spam.train.csv", "spam", "video", "YouTube Spam Collection (UCI), comments on videos", "CC BY 4.0"
        ),
        Source("sms_spam.train.csv", "spam", "messages", "SMS Spam Collection (UCI)", "CC BY 4.0"),
        replace(CIVIL, learn="negative"),
    ),
}
ELSEWHERE: Final = (
    Source(
        "germeval2018_de.train.csv", "offensive", "German", "GermEval 2018, messages in German", "CC BY 4.0", "none"
    ),
    Source(
        "korean_news_comments.train.csv",
        "hate",
        "Korean",
        "Korean hate speech (comments on entertainment news)",
        "CC BY-SA 4.0",
        "none",
        ("hate", "offensive"),
    ),
)
"""Only measured, so that nobody believes the model reads them."""
WORDS: Final = "identity_words_en.csv"
WORDS_FROM: Final = "Conversation AI, unintended-ml-bias-analysis, words_bias_data"


class BadData(Exception):
    """A data set that nothing can be learnt from, and why."""


@dataclass(frozen=True, slots=True)
class Example:
    group: str
    positive: bool
    part: str
    """``learn``, ``calibrate`` or ``report``."""
    buckets: array[int]


@dataclass(frozen=True, slots=True)
class Trained:
    """Weights, their file, and what is to be said about them."""

    weights: Weights
    content: bytes
    card: dict[str, Any]


def part(text: str) -> str:
    """Return whether ``text`` is there to ``learn``, to ``calibrate`` or to ``report``: four, half and half of five."""
    first, second = sha256(" ".join(text.split()).casefold().encode("utf-8", "surrogatepass")).digest()[:2]
    if first % 5:
        return "learn"
    return "calibrate" if second % 2 else "report"


def train(kind: str, data: Path, *, named: str, seed: int = 1, say: Say = print) -> Trained:
    """
    Fit, calibrate and measure a model of ``kind`` from the files in ``data``, of which some may be missing.

    Raise ``BadData`` when there is nothing to learn from. ``say`` is told of each step.
    """
    examples: list[Example] = []
    files: list[dict[str, Any]] = []
    seen: set[str] = set()
    for source in SOURCES[kind]:
        if not (data / source.file).is_file():
            say(f"{source.file} is missing: left out.")
            continue
        read = [*_examples(source, data, seen)]
        examples += read
        learnt = [example for example in read if example.part == "learn"]
        files.append(_described(source, data) | {"rows": len(read), "learnt": len(learnt), "positive": _share(learnt)})
        say(f"{source.file}: {len(read)} texts, {len(learnt)} to learn, {100 * _share(learnt):.1f} % of them positive")
    words = _identity_words(data)
    if kind == "toxicity":
        neutral = [one.text for one in identity.sentences(words, held_out=False)]
        ordinary = identity.ordinary()
        examples += [
            Example("neutral", False, "learn", array("i", features.buckets(text)))
            for text in [*neutral * NEUTRAL_COUNTS, *ordinary]
        ]
        say(f"{len(neutral)} neutral sentences about groups of people, and {len(ordinary)} about anybody")
        if (data / WORDS).is_file():
            origin = Source(WORDS, "", "", WORDS_FROM, "Apache-2.0")
            files.append(_described(origin, data) | {"rows": len(words), "learnt": len(neutral), "positive": 0.0})
    learn = [example for example in examples if example.part == "learn"]
    if not any(example.positive for example in learn) or all(example.positive for example in learn):
        raise BadData(f"{data} holds no texts of both kinds to learn {kind} from.")

    weights = _quantised(*_fit(learn, PASSES[kind], random.Random(seed), say), kind=kind, version=named)  # noqa: S311
    kept = [example for example in examples if example.part == "calibrate"]
    slope, offset = _calibrated([(weights.logit(e.buckets), e.positive, w) for e, w in _weighed(kept)])
    weights = replace(weights, slope=slope, offset=offset)
    flagged = sorted(weights.probability(weights.logit(e.buckets)) for e in kept if not e.positive)
    medium, high = (_quantile(flagged, 1 - share) for share in ACCEPTABLE_FLAGGED)
    weights = replace(weights, medium=max(medium, LEAST[0]), high=max(high, medium, LEAST[1]))
    content = packed(weights)
    card: dict[str, Any] = {
        "name": named,
        "kind": kind,
        "features": features.SPEC,
        "seed": seed,
        "passes": PASSES[kind],
        "bytes": len(content),
        "sha256": sha256(content).hexdigest(),
        "prevalence": PREVALENCE,
        "calibration": {"slope": round(slope, 6), "offset": round(offset, 6)},
        "thresholds": {"medium": round(weights.medium, 4), "high": round(weights.high, 4)},
        "files": files,
        "metrics": _metrics(weights, [example for example in examples if example.part == "report"]),
    }
    if kind == "toxicity":
        held_out = identity.sentences(words, held_out=True)
        calm = sorted(
            weights.probability(weights.logit(e.buckets)) for e in kept if e.group == "natural" and not e.positive
        )
        stricter = replace(weights, medium=_quantile(calm, 1 - ACCEPTABLE_FLAGGED[0]))
        card["bias"] = bias(weights, held_out) | {"flagged_on_calm_site": bias(stricter, held_out)["flagged"]}
        card["elsewhere"] = _elsewhere(weights, data)
    else:
        card["metrics"]["news_flagged_at_half"] = _news_flagged(weights, examples)
    return Trained(weights, content, card)


# --- Reading --------------------------------------------------------------------------------------------------------


def _examples(source: Source, data: Path, seen: set[str]) -> Iterator[Example]:
    for text, positive in _rows(source, data):
        if text in seen or (positive and source.learn == "negative"):
            continue
        seen.add(text)
        yield Example(source.group, positive, part(text), array("i", features.buckets(text)))


def _rows(source: Source, data: Path) -> Iterator[tuple[str, bool]]:
    with (data / source.file).open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if not {"text", source.label} <= set(rows.fieldnames or ()):
            raise BadData(f"{source.file} has no columns text and {source.label}.")
        try:
            for row in rows:
                label = row[source.label] or ""
                if text := row["text"]:
                    yield text, label in source.positive if source.positive else float(label) >= 0.5
        except ValueError as error:
            raise BadData(f"{source.file}, line {rows.line_num}: {source.label} is not 0 or 1.") from error
        except csv.Error as error:
            raise BadData(f"{source.file}, line {rows.line_num}: {error}.") from error


def _identity_words(data: Path) -> list[tuple[str, str]]:
    """Return group and word of the neutral words; the list names slurs as well, and calls them toxic."""
    path = data / WORDS
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [
            (row["subtype"], row["word"])
            for row in csv.DictReader(file)
            if row["type"] == "identity" and row["connotation"] == "neutral"
        ]


def _described(source: Source, data: Path) -> dict[str, Any]:
    return {
        "file": source.file,
        "sha256": sha256((data / source.file).read_bytes()).hexdigest(),
        "origin": source.origin,
        "licence": source.licence,
    }


def _share(examples: Sequence[Example]) -> float:
    return round(sum(example.positive for example in examples) / max(1, len(examples)), 4)


# --- Fitting --------------------------------------------------------------------------------------------------------


def _fit(examples: list[Example], passes: int, dice: random.Random, say: Say) -> tuple[list[float], float]:
    """Return weights and bias by AdaGrad: a bucket's steps shrink with all the slopes it has seen."""
    size = 1 << features.BITS
    met = [0] * size
    for example in examples:
        for bucket in example.buckets:
            met[bucket] += 1
    rows = [
        (float(e.positive), [b for b in e.buckets if met[b] >= RARE], 1 / math.sqrt(len(e.buckets)))
        for e in examples
        if e.buckets
    ]
    weights, slopes, bias = [0.0] * size, [0.001] * size, 0.0
    for turn in range(1, passes + 1):
        dice.shuffle(rows)
        loss = 0.0
        for target, buckets, value in rows:
            logit = bias + value * sum(map(weights.__getitem__, buckets))
            p = 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))
            loss -= math.log(max(1e-9, p if target else 1 - p))
            error = p - target
            if -CERTAIN < error < CERTAIN:
                continue
            bias -= 0.05 * error
            slope = error * value
            square, step = slope * slope, RATE * slope
            for bucket in buckets:
                total = slopes[bucket] + square
                slopes[bucket] = total
                weights[bucket] -= step / math.sqrt(total)
        say(f"pass {turn} of {passes}: mean loss {loss / len(rows):.4f}")
    return weights, bias


def _quantised(weights: list[float], bias: float, *, kind: str, version: str) -> Weights:
    scale = max(map(abs, weights)) / 127 or 1.0
    return Weights(array("b", [round(weight / scale) for weight in weights]), scale, bias, kind, version)


def _weighed(examples: Sequence[Example]) -> list[tuple[Example, float]]:
    """
    Return each example with its share in a site where :data:`PREVALENCE` is removed.

    Every group of texts counts the same among the positive ones, and among the negative ones.
    """
    counts: dict[tuple[str, bool], int] = {}
    for example in examples:
        counts[example.group, example.positive] = counts.get((example.group, example.positive), 0) + 1
    groups = {positive: sum(1 for _g, p in counts if p is positive) for positive in (True, False)}
    return [
        (e, (PREVALENCE if e.positive else 1 - PREVALENCE) / groups[e.positive] / counts[e.group, e.positive])
        for e in examples
    ]


def _calibrated(scored: Sequence[tuple[float, bool, float]]) -> tuple[float, float]:
    """Return slope and offset that make probabilities of logits (Platt, 1999), by Newton's method."""
    slope, offset = 1.0, math.log(PREVALENCE / (1 - PREVALENCE))
    if not scored:
        return slope, offset
    for _turn in range(60):
        # A little of the prior keeps it finite where the two kinds are apart.
        ga, gb, haa, hab, hbb = 1e-4 * (slope - 1), 0.0, 1e-4, 0.0, 1e-6
        for logit, positive, weight in scored:
            p = 1 / (1 + math.exp(-max(-30.0, min(30.0, slope * logit + offset))))
            error, spread = weight * (p - positive), weight * p * (1 - p)
            ga += error * logit
            gb += error
            haa += spread * logit * logit
            hab += spread * logit
            hbb += spread
        determinant = haa * hbb - hab * hab
        da, db = (hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant
        longest = max(abs(da), abs(db))
        shorter = min(1.0, 1 / longest) if longest else 0.0
        slope, offset = slope - shorter * da, offset - shorter * db
        if longest < 1e-9:
            break
    return max(slope, 0.01), offset


# --- Measuring ------------------------------------------------------------------------------------------------------


def area(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """Return how often a positive text scores above a negative one (ROC AUC); ties count half."""
    if not positive or not negative:
        return None
    ranked = sorted([(score, 1) for score in positive] + [(score, 0) for score in negative])
    ranks, start = 0.0, 0
    while start < len(ranked):
        end = start
        while end < len(ranked) and ranked[end][0] == ranked[start][0]:
            end += 1
        ranks += (start + end + 1) / 2 * sum(label for _score, label in ranked[start:end])
        start = end
    return round((ranks - len(positive) * (len(positive) + 1) / 2) / (len(positive) * len(negative)), 4)


def _metrics(weights: Weights, examples: Sequence[Example]) -> dict[str, Any]:
    groups: dict[str, Any] = {}
    for group in sorted({example.group for example in examples}):
        scores = {
            kind: [weights.logit(e.buckets) for e in examples if e.group == group and e.positive is kind]
            for kind in (True, False)
        }
        ps = {kind: [*map(weights.probability, scores[kind])] for kind in scores}
        groups[group] = {
            "positive": len(scores[True]),
            "negative": len(scores[False]),
            "auc": area(scores[True], scores[False]),
            "recall_medium": _over(ps[True], weights.medium),
            "recall_high": _over(ps[True], weights.high),
            "flagged_medium": _over(ps[False], weights.medium),
            "flagged_high": _over(ps[False], weights.high),
        }
    weighed = [(weights.probability(weights.logit(e.buckets)), e.positive, w) for e, w in _weighed(examples)]
    return {"held_out": groups, "calibration_error": _calibration_error(weighed)}


def _over(ps: Sequence[float], threshold: float) -> float | None:
    return round(sum(p >= threshold for p in ps) / len(ps), 4) if ps else None


def _calibration_error(weighed: Sequence[tuple[float, bool, float]]) -> float:
    """Return the mean distance between probability and share, over ten bands of probability."""
    bands: dict[int, list[float]] = {}
    for p, positive, weight in weighed:
        band = bands.setdefault(min(9, int(p * 10)), [0.0, 0.0])
        band[0] += weight * p
        band[1] += weight * positive
    total = sum(weight for _p, _positive, weight in weighed) or 1.0
    return round(sum(abs(expected - found) for expected, found in bands.values()) / total, 4)


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.5


def bias(weights: Weights, neutral: Sequence[identity.Sentence]) -> dict[str, Any]:
    """Return the share of neutral sentences that are flagged from ``medium`` on: of all, by group and by word."""
    flagged = [
        (one, weights.probability(weights.logit(features.buckets(one.text))) >= weights.medium) for one in neutral
    ]

    def shares(key: Callable[[identity.Sentence], str]) -> dict[str, float]:
        found: dict[str, list[bool]] = {}
        for one, over in flagged:
            found.setdefault(key(one), []).append(over)
        return {name: round(sum(over) / len(over), 4) for name, over in sorted(found.items())}

    return {
        "sentences": len(flagged),
        "flagged": round(sum(over for _one, over in flagged) / max(1, len(flagged)), 4),
        "groups": shares(lambda one: one.group),
        "words": {word: share for word, share in shares(lambda one: one.word).items() if share},
    }


def _elsewhere(weights: Weights, data: Path) -> list[dict[str, Any]]:
    measured = []
    for source in ELSEWHERE:
        if not (data / source.file).is_file():
            continue
        scores: dict[bool, list[float]] = {True: [], False: []}
        unread = 0
        for text, positive in _rows(source, data):
            unread += not features.is_latin(text)
            scores[positive].append(weights.logit(features.buckets(text)))
        rows = len(scores[True]) + len(scores[False])
        measured.append(
            _described(source, data)
            | {
                "language": source.group,
                "rows": rows,
                "auc": area(scores[True], scores[False]),
                "no_opinion": round(unread / max(1, rows), 4),
            }
        )
    return measured


def _news_flagged(weights: Weights, examples: Iterable[Example]) -> float | None:
    news = [e for e in examples if e.group == "news" and e.part == "report"]
    return _over([weights.probability(weights.logit(e.buckets)) for e in news], 0.5)
