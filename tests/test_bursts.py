"""How many reports are too many to be chance: the figures of the reference, and what must hold for all."""

from __future__ import annotations

from math import cos, pi

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comments.issues import bursts

TABLE = [
    # people a day, phi, share of the stream: n in 15 min, 1 h, 4 h, 24 h
    (0.5, 0.5, 1.0, (3, 4, 5, 8)),
    (0.5, 0.5, 0.28, (3, 3, 3, 5)),
    (0.5, 0.5, 0.05, (3, 3, 3, 3)),
    (3, 0.5, 1.0, (4, 6, 11, 28)),
    (3, 0.5, 0.28, (3, 4, 6, 11)),
    (3, 0.5, 0.05, (3, 3, 3, 5)),
    (3, 0.1, 1.0, (4, 5, 8, 16)),
    (3, 0.1, 0.28, (3, 4, 5, 8)),
    (3, 0.1, 0.05, (3, 3, 3, 4)),
    (15, 0.5, 1.0, (8, 14, 36, 126)),
    (15, 0.5, 0.28, (5, 7, 13, 37)),
    (15, 0.5, 0.05, (3, 4, 6, 10)),
    (15, 0.1, 1.0, (6, 10, 20, 56)),
    (15, 0.1, 0.28, (4, 6, 9, 20)),
    (15, 0.1, 0.05, (3, 4, 5, 8)),
]


def day(hours: float) -> tuple[float, ...]:
    """A day whose busiest hour is 1.9 times the mean, as windows of so many hours see it."""
    busy = [1 + 0.9 * cos(2 * pi * hour / 24) for hour in range(24)]
    size = max(1, round(hours))
    return tuple(sum(busy[(start + step) % 24] for step in range(size)) / size for start in range(24))


@pytest.mark.parametrize(("a_day", "phi", "share", "expected"), TABLE)
def test_thresholds_are_those_of_the_table(a_day: float, phi: float, share: float, expected: tuple[int, ...]) -> None:
    found = [bursts.threshold(a_day * share, hours, phi, profile=day(hours)) for hours in bursts.WINDOWS]

    # Which hours are busy is not in the table, only how busy the busiest is.
    for ours, theirs in zip(found, expected, strict=True):
        assert abs(ours - theirs) <= max(2, theirs * 0.15), (found, expected)


def test_at_three_a_day_four_in_a_quarter_of_an_hour_are_too_many() -> None:
    assert bursts.threshold(3, 0.25) == 4
    assert bursts.threshold(3, 1) == 6


@settings(deadline=None)
@given(st.floats(0.01, 30), st.sampled_from(bursts.WINDOWS), st.sampled_from([0.1, 0.5, 2.0]))
def test_nothing_is_proposed_on_fewer_than_three(a_day: float, hours: float, phi: float) -> None:
    assert bursts.threshold(a_day, hours, phi) >= 3


@settings(deadline=None)
@given(st.integers(0, 60), st.floats(0.001, 40), st.sampled_from([0.1, 0.5, 2.0]))
def test_more_is_never_likelier(n: int, mu: float, phi: float) -> None:
    assert 0 <= bursts.tail(n + 1, mu, phi) <= bursts.tail(n, mu, phi) + 1e-9 <= 1 + 1e-6


@settings(deadline=None)
@given(st.floats(0.05, 20), st.floats(1, 16))
def test_a_smaller_budget_never_lowers_a_threshold(a_day: float, budget: float) -> None:
    assert bursts.threshold(a_day, 1.0, false_alarms=budget) >= bursts.threshold(a_day, 1.0, false_alarms=budget * 2)


def test_the_tail_is_that_of_the_distribution() -> None:
    # scipy.stats.nbinom.sf(n - 1, r + 1, r / (r + mu)), worked out by hand: r = 2, mu = 1, p = 2/3.
    p, q = 2 / 3, 1 / 3
    assert bursts.tail(1, 1.0, 0.5) == pytest.approx(1 - p**3)
    assert bursts.tail(2, 1.0, 0.5) == pytest.approx(1 - p**3 - 3 * p**3 * q)
    assert bursts.tail(3, 1.0, 0.5) == pytest.approx(1 - p**3 - 3 * p**3 * q - 6 * p**3 * q**2)


def test_a_new_stream_begins_small_and_never_at_nothing() -> None:
    assert 0 < bursts.rate(0, 28, bursts.CODE_PRIOR) < 0.05
    assert bursts.rate(84, 28, bursts.SITE_PRIOR) == pytest.approx(3, rel=0.02)


def test_busy_days_are_measured_after_eight_weeks() -> None:
    assert bursts.dispersion([3] * 20) == 0.5
    assert bursts.dispersion([3] * 56) == 0.1
    assert bursts.dispersion([0, 12] * 28) > 0.5


def test_a_slow_leak_is_found_in_about_a_week() -> None:
    assert not bursts.leak([0, 1, 0, 0, 0, 1, 0], 0.3)
    assert bursts.leak([0, 0, 1, 2, 1, 2, 1], 0.3)
    assert not bursts.leak([3, 2, 4, 3, 3, 2, 4], 3)
    assert bursts.leak([6, 6, 7, 6, 6], 3)


@pytest.mark.parametrize(("failed", "attempts"), [(4, 10), (5, 20), (7, 50), (8, 100), (14, 300)])
def test_failed_posts_are_unlikely_from_where_the_table_says(failed: int, attempts: int) -> None:
    assert bursts.unlikely_failures(failed, attempts, 0.01) <= 1e-5 * 1.2
    assert bursts.unlikely_failures(failed - 1, attempts, 0.01) > 1e-5


def test_a_crowd_that_nobody_knows_counts_less() -> None:
    assert bursts.weighed(4, 0) == 4
    assert bursts.weighed(3, 5) == 8
    assert bursts.weighed(0, 3) < 3
    assert bursts.weighed(0, 31) > 6
