"""Brier score, log loss and reliability table, worked out by hand."""

import numpy as np
import pytest

from tfnxc.metrics import Reliability

# Two matches, each weighing 1/4, and three strangers, each 1/6.
PROBABILITIES = [0.9, 0.6, 0.65, 0.1, 0.05]
MATCHES = [True, True, False, False, False]


def test_scores_by_hand():
    found = Reliability.of(PROBABILITIES, MATCHES)
    assert found.brier == pytest.approx((0.1**2 + 0.4**2) / 4 + (0.65**2 + 0.1**2 + 0.05**2) / 6)
    assert found.log_loss == pytest.approx(-np.log(0.9 * 0.6) / 4 - np.log(0.35 * 0.9 * 0.95) / 6)


def test_the_table_by_hand():
    low, second, middle, high = Reliability.of(PROBABILITIES, MATCHES).bins
    assert low == (0.0, 0.1, 0.05, 0.0, 0, 1)
    assert second == (0.1, 0.2, 0.1, 0.0, 0, 1)
    # The match weighs 1/4 and the stranger 1/6, so that the bin is matches to three fifths.
    assert middle == pytest.approx((0.6, 0.7, 0.6 * 0.6 + 0.4 * 0.65, 0.6, 1, 1))
    assert high == (0.9, 1.0, 0.9, 1.0, 1, 0)


def test_what_says_nothing_has_a_quarter_and_the_logarithm_of_two_however_rare_matches_are():
    found = Reliability.of(np.full(1000, 0.5), np.arange(1000) < 3)
    assert (found.brier, found.log_loss) == pytest.approx((0.25, np.log(2)))


def test_certainty_that_is_wrong_costs_a_finite_loss():
    found = Reliability.of([0.0, 1.0], [True, False])
    assert found.brier == 1 and found.log_loss == pytest.approx(24 * np.log(2)) and found.bins[-1].high == 1


@pytest.mark.parametrize(
    ("probabilities", "matches", "message"),
    [
        ([0.5, 1.5], [True, False], r"must be in \[0, 1\]"),
        ([0.5, np.nan], [True, False], r"must be in \[0, 1\]"),
        ([0.5], [True, False], "one a pair"),
        ([0.5, 0.5], [True, True], "there must be matches and strangers"),
    ],
)
def test_what_cannot_be_scored_is_refused(probabilities, matches, message):
    with pytest.raises(ValueError, match=message):
        Reliability.of(probabilities, matches)


def test_a_round_trip_and_what_is_none():
    found = Reliability.of(PROBABILITIES, MATCHES)
    assert Reliability.from_dict(found.to_dict()) == found
    with pytest.raises(ValueError, match="finite"):
        Reliability.from_dict({**found.to_dict(), "brier": float("nan")})
