import math

import numpy as np
import pytest

from tfnxc.metrics.cmc import Spread, student_t


def test_by_hand():
    # Mean 5; squared differences 9, 1, 1, 1, 0, 0, 4, 16 of 2, 4, 4, 4, 5, 5, 7, 9: their sum is 32, over n - 1 is
    # 32/7. t for 7 degrees of freedom is 2.365.
    found = Spread.of([2, 4, 4, 4, 5, 5, 7, 9])
    assert (found.mean, found.count) == (5, 8)
    assert found.deviation == pytest.approx(math.sqrt(32 / 7))
    assert found.interval == pytest.approx(2.365 * math.sqrt(32 / 7 / 8))


def test_two_measurements():
    # 0.4 and 0.6: deviation 0.2 / sqrt(2); the interval is 12.706 * 0.2 / sqrt(2) / sqrt(2).
    found = Spread.of(np.array([0.4, 0.6], np.float32))
    assert (found.mean, found.deviation, found.interval) == pytest.approx((0.5, 0.02**0.5, 1.2706), rel=1e-6)


def test_one_measurement_has_no_interval():
    assert Spread.of([0.25]) == Spread(0.25, 0.0, None, 1)
    assert Spread.of([0.25]).to_dict(100) == {"mean": 25, "deviation": 0, "interval95": None}


def test_equal_measurements_spread_over_nothing():
    assert Spread.of([0.5] * 10) == Spread(0.5, 0.0, 0.0, 10)


def test_to_dict_scales_everything():
    expected = {"mean": 50, "deviation": 100 * 0.02**0.5, "interval95": 127.06}
    assert Spread.of([0.4, 0.6]).to_dict(100) == pytest.approx(expected)


def test_the_quantile_is_that_of_student():
    stats = pytest.importorskip("scipy.stats")
    freedoms = range(1, 201)
    assert [student_t(freedom) for freedom in freedoms] == pytest.approx(stats.t.ppf(0.975, freedoms), rel=0, abs=1e-3)


def test_the_quantile_falls_to_that_of_the_normal_distribution():
    quantiles = [student_t(freedom) for freedom in range(1, 200)]
    assert quantiles == sorted(quantiles, reverse=True)
    assert student_t(10**6) == pytest.approx(1.96, abs=1e-4)


def test_the_interval_covers_the_mean_19_times_in_20(rng):
    samples = rng.normal(size=(4000, 5))
    covered = np.mean([abs(found.mean) <= found.interval for found in map(Spread.of, samples)])
    # Binomial, 4,000 samples: standard deviation 0.0034.
    assert covered == pytest.approx(0.95, abs=4 * 0.0034)
