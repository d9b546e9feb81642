"""Thresholds by hand, their intervals against a naive bootstrap, and what too few pairs refuse."""

import dataclasses

import numpy as np
import pytest

from tfnxc.errors import InputError
from tfnxc.metrics import ScoredPairs, Threshold, smallest_rate
from tfnxc.metrics.resampling import resampled
from tfnxc.metrics.thresholds import _by_people, _of_strangers


def pairs_of(people, seed=0, better=0.5):
    """All ordered pairs of two pictures of each of some people, a picture with itself left out."""
    who = np.repeat(np.arange(people), 2)
    rows, columns = np.nonzero(~np.eye(len(who), dtype=bool))
    same = who[rows] == who[columns]
    return ScoredPairs(np.random.default_rng(seed).random(len(rows)) + better * same, who[rows], who[columns])


def test_by_hand():
    # 100 pairs of strangers with the scores 0 to 99, and four matches.
    strangers = np.arange(100)
    pairs = ScoredPairs(
        np.r_[strangers, [89, 90, 95, 200]],
        np.r_[strangers // 10, [0, 1, 2, 3]],
        np.r_[10 + strangers % 10, [0, 1, 2, 3]],
    )
    found = Threshold.find(pairs, 100)
    assert (found.score, found.measured, found.found) == (90, 100, 0.75)
    assert Threshold.find(pairs, 109).score == 90 and Threshold.find(pairs, 110).score == 89
    with pytest.raises(InputError, match=r"^99 false matches per 1,000 pictures cannot be told from 100 .* is 100\.$"):
        Threshold.find(pairs, 99)


def test_equal_scores_of_strangers_are_let_in_together_or_not_at_all():
    pairs = pairs_of(20)
    scores = np.where(pairs.scores > 0.9, 0.9, pairs.scores)  # a tenth of the strangers is level
    level = pairs._replace(scores=np.where(pairs.matches, 2.0, scores))
    with pytest.raises(InputError, match="the highest scores of strangers are equal"):
        Threshold.find(level, 50)
    found = Threshold.find(level, 200)
    assert found.score < 0.9 and found.measured <= 200


def test_no_more_are_let_in_than_were_asked_for_and_one_lower_would_be_too_many():
    pairs = pairs_of(30)
    strangers = np.sort(pairs.scores[~pairs.matches])[::-1]
    for asked in (5, 10, 33.3, 100):
        found = Threshold.find(pairs, asked)
        assert 1000 * np.mean(strangers >= found.score) == found.measured <= asked
        assert 1000 * np.mean(strangers >= strangers[strangers < found.score][0]) > asked
        assert found.interval[0] <= found.measured <= found.interval[1]
        assert found.found_interval[0] <= found.found <= found.found_interval[1]


def test_a_resample_is_that_of_people_with_all_their_pictures():
    pairs = pairs_of(6, better=0)
    above, counts = _by_people(pairs, 0.7)
    weights = resampled(6, seed=1)
    found = _of_strangers(above, weights) / _of_strangers(counts, weights)
    assert weights.shape == (1000, 6) and (weights.sum(axis=1) == 6).all()
    for draw, share in list(zip(weights, found, strict=True))[:20]:
        apart = ~pairs.matches
        often = draw[pairs.probes] * draw[pairs.gallery] * apart
        assert share == pytest.approx((often * (pairs.scores >= 0.7)).sum() / often.sum())
    # Of one who was drawn alone, there are no strangers; and pictures of one person are never strangers.
    assert np.diag(counts).tolist() == [2] * 6 and counts.sum() == len(pairs.scores)


def test_the_interval_is_wider_where_all_false_matches_are_of_two_people():
    pairs = pairs_of(40, better=0)
    spread = Threshold.find(pairs, 20)
    count = np.count_nonzero(pairs.scores[~pairs.matches] >= spread.score)
    scores = 0.5 * pairs.scores
    of_two = np.flatnonzero(((pairs.probes == 3) | (pairs.probes == 4)) & ~pairs.matches)[:count]
    scores[of_two] = 0.9 + 0.001 * np.arange(count)
    together = Threshold.find(pairs._replace(scores=scores), 20)
    assert together.measured == spread.measured
    assert np.ptp(together.interval) > 2 * np.ptp(spread.interval)


@pytest.mark.parametrize("number", [0, -1, 1000, np.nan, np.inf, True, "1", None])
def test_what_is_no_number_of_false_matches_is_refused(number):
    with pytest.raises(InputError, match="false matches are a number of 1,000 gallery pictures, above 0"):
        Threshold.find(pairs_of(10), number)


@pytest.mark.parametrize("strangers", [1, 7, 10, 90, 1234, 19_900, 20_000, 18_308, 10**6])
def test_the_smallest_number_that_is_named_is_supported_and_little_too_large(strangers):
    smallest = smallest_rate(strangers)
    assert 10 <= smallest / 1000 * strangers * (1 + 1e-9) and smallest / 1000 * strangers <= 11
    assert float(f"{smallest:.2g}") == smallest


def test_a_round_trip_and_what_is_none():
    found = Threshold.find(pairs_of(20), 50)
    record = dataclasses.asdict(found)
    assert Threshold.from_dict(record) == found
    for change in ({"score": np.nan}, {"interval": (2, 1)}, {"interval": (1,)}, {"more": 1}, {"score": "high"}):
        with pytest.raises((ValueError, TypeError)):
            Threshold.from_dict({**record, **change})
