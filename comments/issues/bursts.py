"""
How many reports in a window are too many to be chance: rare counts, with a budget of false alarms in a year.

No rolling means: "mean plus two deviations" fires on every single report of a site that gets three a day. Counted are
people, the threshold is the tail of a negative binomial distribution, which allows for days that are busy for no
reason, and slow leaks are found by a CUSUM (Fricker, Hegler and Dunfee 2008, Statistics in Medicine 27:3407; Jonsson
2010, Poisson CUSUM).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import exp, lgamma, log, log1p

FEWEST = 3
MOST = 10_000
WINDOWS = (0.25, 1.0, 4.0, 24.0)
"""Hours."""
PHI = 0.5
"""Variance beyond chance, until there are :data:`PHI_DAYS` days to measure it."""
PHI_DAYS = 56
LEAST_PHI = 0.1
RATE_DAYS = 28
SITE_PRIOR = 3.0
"""Reports a day on a site that has not had any yet."""
CODE_PRIOR = 0.1

CUSUM = ((0.1, 1.1, 2.5), (0.3, 1.3, 3.5), (1.0, 3.0, 4.5), (3.0, 6.0, 7.0), (10.0, 20.0, 7.0))
"""Usual number a day, the number to be found, and the sum from which on it is: less than one false in two years."""


def rate(count: float, days: float, prior: float) -> float:
    """Return people a day, from ``count`` in ``days``; a stream without a past begins at ``prior``, never at 0."""
    return (count + 0.5) / (days + 0.5 / prior)


def dispersion(daily: Sequence[int]) -> float:
    """Return how much more daily counts vary than chance would have them: 0.5 until there are 56 days."""
    if len(daily) < PHI_DAYS:
        return PHI
    mean = sum(daily) / len(daily)
    if not mean:
        return PHI
    variance = sum((count - mean) ** 2 for count in daily) / (len(daily) - 1)
    return max(LEAST_PHI, (variance - mean) / mean**2)


def tail(n: int, mu: float, phi: float) -> float:
    """
    Return the chance of ``n`` or more where ``mu`` are expected, given that one has come.

    ``N ~ NegBin(r + 1, r / (r + mu))`` with ``r = 1 / phi``: reports come more often on busy days, hence the 1.
    """
    if n <= 0:
        return 1.0
    if mu <= 0:
        return 0.0
    size = 1 / phi + 1
    p = (1 / phi) / (1 / phi + mu)
    log_p, log_q = log(p), log1p(-p)

    def weight(k: int) -> float:
        return exp(lgamma(k + size) - lgamma(size) - lgamma(k + 1) + size * log_p + k * log_q)

    if n > mu + 1:
        # Summed from n on: near 1, what is left of a difference would be noise.
        total, k = 0.0, n
        term = weight(k)
        while term > total * 1e-15 and k < n + MOST:
            total += term
            k += 1
            term = weight(k)
        return min(1.0, total)
    return max(0.0, 1 - sum(weight(k) for k in range(n)))


@lru_cache(maxsize=4096)
def threshold(
    a_day: float,
    hours: float,
    phi: float = PHI,
    *,
    false_alarms: float = 4,
    tests: int = 36,
    profile: tuple[float, ...] = (1.0,),
) -> int:
    """
    Return the smallest number of people in a window of ``hours`` that is proposed as an incident; 3 at least.

    ``365 · λ · P(N ≥ n - 1) ≤ false_alarms / tests``: the left side is how often in a year chance completes a cluster
    of n. ``tests`` is the number of streams times windows, ``profile`` how busy the site is now against the mean of the
    day, or at each of several moments to average over.
    """
    bound = false_alarms / tests

    def is_enough(n: int) -> bool:
        often = sum(busy * tail(n - 1, a_day * busy * hours / 24, phi) for busy in profile) / sum(profile)
        return 365 * a_day * often <= bound

    low, high = FEWEST, FEWEST
    while not is_enough(high) and high < MOST:
        low, high = high + 1, high * 2
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle + 1, high)
    return high


def years(people: int, a_day: float, hours: float, phi: float = PHI, *, busy: float = 1.0) -> float:
    """Return in how many years chance brings ``people`` together once; a hundred at most."""
    often = 365 * a_day * tail(people - 1, a_day * busy * hours / 24, phi)
    return min(100.0, 1 / often) if often > 0 else 100.0


def leak(daily: Sequence[int], usual: float) -> bool:
    """Say whether ``daily`` counts, oldest first, have leaked upwards from ``usual`` a day."""
    before, after, height = next((row for row in CUSUM if usual <= row[0]), CUSUM[-1])
    if usual > CUSUM[-1][0]:
        before, after = usual, 2 * usual
    k = (after - before) / log(after / before)
    level = 0.0
    for count in daily:
        level = max(0.0, level + count - k)
    return level >= height


def unlikely_failures(failed: int, attempts: int, usual: float) -> float:
    """Return the chance of ``failed`` or more of ``attempts`` where a share of ``usual`` fails."""
    if failed <= 0:
        return 1.0
    usual = min(max(usual, 1e-9), 1 - 1e-9)
    total = 0.0
    for k in range(failed, attempts + 1):
        chance = lgamma(attempts + 1) - lgamma(k + 1) - lgamma(attempts - k + 1)
        term = exp(chance + k * log(usual) + (attempts - k) * log1p(-usual))
        total += term
        if k > attempts * usual and term < total * 1e-12:
            break
    return min(1.0, total)


def weighed(signed_in: int, anonymous: int) -> float:
    """
    Return what people count for together.

    Anonymous ones count whole up to the number of signed-in ones and two more, and a quarter each beyond: a crowd that
    nobody knows can raise an alarm, but not for the price of three browsers.
    """
    whole = min(anonymous, signed_in + 2)
    return signed_in + whole + (anonymous - whole) / 4
