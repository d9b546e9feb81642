import itertools

import numpy as np
import pytest

from tfnxc.metrics import probe_interval
from tfnxc.metrics.probe_interval import bootstrap_over_identities
from tfnxc.metrics.resampling import RESAMPLES


def every_sample(people, seed):
    """All samples of people with replacement, each as often as it comes up, in the place of random ones."""
    drawn = itertools.product(range(people), repeat=people)
    return np.array([np.bincount(each, minlength=people) for each in drawn], float)


def test_the_interval_is_that_of_all_samples_worked_out_one_by_one(monkeypatch):
    """Four people, two repeats; the first is in both, the third has two probes in one of them."""
    monkeypatch.setattr(probe_interval, "resampled", every_sample)
    identities = [[7, 8, 9, 9], [7, 10]]
    values = [[[1.0, 0.2], [0.0, 0.4], [1.0, 0.6], [0.0, 0.8]], [[1.0, 1.0], [0.0, 0.5]]]
    means = []
    for sample in itertools.product([7, 8, 9, 10], repeat=4):
        total, weight = np.zeros(2), 0.0
        for person in sample:
            for of, measured in zip(identities, values, strict=True):
                for who, value in zip(of, measured, strict=True):
                    if who == person:
                        total, weight = total + np.array(value) / len(of), weight + 1 / len(of)
        means.append(total / weight)
    low, high = bootstrap_over_identities(identities, values)
    np.testing.assert_allclose([low, high], np.percentile(means, [2.5, 97.5], axis=0))
    assert low[0] == 0.0 and high[0] == pytest.approx(0.9)


def test_samples_are_drawn_by_a_seed_and_people_not_probes_are_independent(rng):
    ids, hits = np.repeat(np.arange(50), 8), np.repeat(rng.random(50) < 0.4, 8)[:, None]
    one, again = (bootstrap_over_identities([ids], [hits], seed=3) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    alone = bootstrap_over_identities([np.arange(400)], [hits])
    # As of 50 people, not of 400: 1.96 standard errors to both sides.
    share = hits.mean()
    for (low, high), count in ((one, 50), (alone, 400)):
        width = 2 * 1.96 * np.sqrt(share * (1 - share) / count)
        assert high[0] - low[0] == pytest.approx(width, rel=0.15) and low[0] < share < high[0]


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng, covered = np.random.default_rng(1), 0
    for _ in range(200):
        hits = np.repeat(rng.random(60) < 0.6, 2)[:, None]
        low, high = bootstrap_over_identities([np.repeat(np.arange(60), 2)], [hits])
        covered += low[0] <= 0.6 <= high[0]
    assert 180 <= covered <= 200


def test_where_there_is_no_probe_there_is_no_interval():
    with pytest.raises(ValueError, match="at least one probe"):
        bootstrap_over_identities([[]], [np.zeros((0, 1))])
    assert RESAMPLES == 1000
