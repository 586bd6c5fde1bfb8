"""Measure the phrase matcher: ``python -m benchmarks.phrases``. CPU time of this process, in milliseconds."""

from __future__ import annotations

import os
import random
import re
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")

SYLLABLES = re.findall("[a-z]+", "ba de fi go ku la me ni po ru sa te vo wi za stra pla tion ness gro mer lin dak")
PHRASES = 10_000
CHARACTERS = 300


def prose() -> str:
    """Return the demonstration articles: real sentences."""
    folder = Path(__file__).resolve().parents[1] / "newsroom" / "articles" / "demonstration"
    return " ".join(" ".join(path.read_text(encoding="utf-8").split()) for path in sorted(folder.glob("*.md")))


def phrases(count: int = PHRASES) -> list[str]:
    """Return phrases as newsrooms have them: words nobody writes, words like others, and a third of several words."""
    dice = random.Random(3)
    real = sorted(set(re.findall(r"[a-z]{4,}", prose().lower())))
    found: set[str] = set()
    while len(found) < count:
        made = "".join(dice.choices(SYLLABLES, k=dice.randint(2, 4)))
        like = dice.choice(real) + dice.choice(SYLLABLES)
        several = " ".join(dice.choices(real, k=dice.randint(2, 3)))
        found.add(dice.choice((made, like, several)) + dice.choice(("", "", "", "*")))
    return sorted(found)


def texts(count: int, characters: int = CHARACTERS) -> list[str]:
    """Return so many pieces of real sentences."""
    dice, whole = random.Random(5), prose()
    return [whole[at : at + characters] for at in (dice.randrange(len(whole) - characters) for _ in range(count))]


def hostile(characters: int = 10_000) -> dict[str, str]:
    """Return texts made to be slow."""
    dice = random.Random(7)
    return {
        "one letter": "a" * characters,
        "one letter, apart": "a " * (characters // 2),
        "two letters": "ab" * (characters // 2),
        "syllables without a gap": "".join(dice.choices(SYLLABLES, k=characters))[:characters],
        "syllables, apart": " ".join("".join(dice.choices(SYLLABLES, k=characters)))[:characters],
        "ones and signs": "1l!|i" * (characters // 5),
        "marks": ("a" + "\u0301" * 99) * (characters // 100),
        "Chinese": "傻瓜" * (characters // 2),
        "look-alikes": "\u0456\u043e\u0430 \u0435" * (characters // 5),
    }


def milliseconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1000


def spread(values: Sequence[float]) -> str:
    ordered = sorted(values)
    return f"median {statistics.median(ordered):.3f}, 99 % below {ordered[int(len(ordered) * 0.99)]:.3f}"


def main() -> None:
    """Print what compiling and matching cost."""
    import django

    django.setup()
    from comments.screening.phrases import Listed, Matcher

    listed = [Listed(number, phrase, "banned") for number, phrase in enumerate(phrases(), start=1)]
    made: list[Matcher] = []
    print(f"{PHRASES:,} phrases made ready: {milliseconds(lambda: made.append(Matcher(listed))):.0f} ms")
    print(f"… again, when one has changed: {milliseconds(lambda: Matcher(listed)):.0f} ms")
    matcher = made[0]
    ordinary = texts(500)
    taken = [milliseconds(lambda text=text: matcher.find(text)) for text in ordinary]  # type: ignore[misc]
    hits = sum(len(matcher.find(text).hits) for text in ordinary)
    print(f"A comment of {CHARACTERS} characters: {spread(taken)} ms ({hits / len(ordinary):.1f} phrases found)")
    [long] = texts(1, 10_000)
    for name, text in ({"sentences": long} | hostile()).items():
        found = matcher.find(text)
        best = min(milliseconds(lambda text=text: matcher.find(text)) for _ in range(3))  # type: ignore[misc]
        print(f"{len(text):,} characters, {name}: {best:.1f} ms{'' if found.complete else ', given up'}")


if __name__ == "__main__":
    main()
