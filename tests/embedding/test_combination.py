"""The combination: its sums by hand, its fit against weights that made the data, and its calibration."""

import dataclasses

import numpy as np
import pytest

from tfnxc.embedding import Combination, log_odds_of
from tfnxc.embedding.combination import PRIOR
from tfnxc.errors import InputError


def test_scores_by_hand():
    combination = Combination(log_odds=0.5, cosine=8.0, same_camera=-3.0, slope=2.0, intercept=1.0)
    np.testing.assert_allclose(combination.scores([[2.0, -4.0]], [[0.25, 0.5]]), [[3.0, 2.0]])
    np.testing.assert_allclose(combination.scores([2.0], [0.25], same_camera=[True]), [0.0])
    np.testing.assert_allclose(combination.probabilities([0.0, -0.5]), [np.e / (1 + np.e), 0.5], rtol=1e-6)
    assert combination.scores([1.0], [1.0]).dtype == np.float32


def test_log_odds_by_hand():
    np.testing.assert_allclose(log_odds_of([0.5, 0.75, 0.1]), np.log([1, 3, 1 / 9]), atol=1e-6)
    assert np.isfinite(log_odds_of([0.0, 1.0])).all() and log_odds_of(1.0) == -log_odds_of(0.0)


def drawn(rng, weights, probes=400, others=40, camera=None):
    """Log-odds, cosines and matches such that the first column is drawn as the match by a conditional logit."""
    features = rng.normal(size=(probes, others + 1, 2)) * [3.0, 0.3]
    same_camera = rng.random((probes, others + 1)) < 0.5
    scores = features @ np.asarray(weights) + (camera or 0.0) * same_camera
    chosen = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)  # of the highest score plus Gumbel noise
    matches = np.zeros(scores.shape, bool)
    matches[np.arange(probes), chosen] = True
    return features[..., 0], features[..., 1], matches, same_camera


def test_the_fit_finds_the_weights_that_drew_the_matches(rng):
    log_odds, cosines, matches, _ = drawn(rng, (0.7, 9.0), probes=2000)
    fitted = Combination.fit(log_odds, cosines, matches)
    np.testing.assert_allclose([fitted.log_odds, fitted.cosine], [0.7, 9.0], rtol=0.06)
    assert fitted.probes == 2000 and fitted.same_camera == 0


def test_the_fit_has_no_slope_left(rng):
    """The likelihood, written the naive way, does not rise in any direction."""
    log_odds, cosines, matches, _ = drawn(rng, (0.7, 9.0), probes=60)
    fitted = Combination.fit(log_odds, cosines, matches)

    def likelihood(weights):
        scores = weights[0] * log_odds + weights[1] * cosines
        prior = ((weights - (PRIOR.log_odds, PRIOR.cosine)) / (0.5 * PRIOR.log_odds, 0.5 * PRIOR.cosine)) ** 2
        return np.sum(scores[matches] - np.log(np.exp(scores).sum(axis=1))) - 0.5 * np.sum(prior)

    best = np.array([fitted.log_odds, fitted.cosine])
    for step in ([1e-3, 0], [-1e-3, 0], [0, 1e-2], [0, -1e-2]):
        assert likelihood(best + step) < likelihood(best)


def test_a_common_camera_has_a_weight_of_its_own(rng):
    log_odds, cosines, matches, same_camera = drawn(rng, (0.7, 9.0), probes=3000, camera=2.0)
    fitted = Combination.fit(log_odds, cosines, matches, same_camera)
    assert fitted.same_camera == pytest.approx(2.0, rel=0.15)
    across = np.where(same_camera, np.nan, log_odds)
    alone = Combination.fit(across, cosines, matches)
    np.testing.assert_allclose([fitted.log_odds, fitted.cosine], [alone.log_odds, alone.cosine], rtol=1e-6)


def test_a_head_that_misleads_gets_no_weight(rng):
    log_odds, cosines, matches, _ = drawn(rng, (-0.5, 9.0), probes=1000)
    fitted = Combination.fit(log_odds, cosines, matches)
    assert fitted.log_odds == 0.0 and fitted.cosine > 5


def test_the_prior_matters_where_there_are_few_probes(rng):
    priors = Combination(1.0, 12.0), Combination(0.2, 3.0)

    def spread(probes):
        drawn_pairs = drawn(rng, (0.7, 9.0), probes=probes)[:3]
        one, other = (Combination.fit(*drawn_pairs, prior=prior) for prior in priors)
        return one.cosine - other.cosine

    assert spread(2) > 3 and abs(spread(1000)) < 0.5


def test_matches_that_are_always_first_do_not_run_away(rng):
    """Scores that separate people without an error have no largest likelihood; the prior keeps the weights finite."""
    matches = np.eye(20, dtype=bool)
    log_odds, cosines = np.where(matches, 8.0, -8.0), np.where(matches, 0.9, 0.1)
    fitted = Combination.fit(log_odds, cosines, matches)
    assert all(np.isfinite(value) and abs(value) < 100 for value in dataclasses.astuple(fitted))
    assert fitted.probabilities(fitted.scores(8.0, 0.9)) > 0.9 > 0.1 > fitted.probabilities(fitted.scores(-8.0, 0.1))


def test_probabilities_are_calibrated_at_even_odds(rng):
    """Half of the pairs with a probability of p are matches in a share of p, where matches weigh as much as others."""
    log_odds, cosines, matches, _ = drawn(rng, (0.7, 4.0), probes=3000)
    fitted = Combination.fit(log_odds, cosines, matches)
    found = fitted.probabilities(fitted.scores(log_odds, cosines)).astype(np.float64)
    weights = np.where(matches, 0.5 / matches.sum(), 0.5 / (~matches).sum())
    for low, high in ((0.2, 0.4), (0.4, 0.6), (0.6, 0.8)):
        inside = (found >= low) & (found < high)
        share = weights[inside & matches].sum() / weights[inside].sum()
        assert share == pytest.approx(np.average(found[inside], weights=weights[inside]), abs=0.07)


def test_pairs_that_are_not_looked_at_do_not_matter(rng):
    log_odds, cosines, matches, _ = drawn(rng, (0.7, 9.0), probes=50)
    fitted = Combination.fit(log_odds[:, :30], cosines[:, :30], matches[:, :30])
    log_odds[:, 30:] = np.nan
    assert Combination.fit(log_odds, cosines, matches) == fitted


def test_matches_may_be_numbers_and_shapes_must_agree(rng):
    log_odds, cosines, matches, _ = drawn(rng, (0.7, 9.0), probes=20)
    numbers = [each.tolist() for each in (log_odds, cosines, matches.astype(int))]
    assert Combination.fit(*numbers) == Combination.fit(log_odds, cosines, matches)
    with pytest.raises(ValueError, match="one shape"):
        Combination.fit(log_odds, cosines[:, 1:], matches)


def test_nothing_to_fit_on_is_refused():
    with pytest.raises(InputError, match="no probe"):
        Combination.fit(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((2, 3), bool))


def test_it_is_read_as_it_was_written():
    combination = dataclasses.replace(PRIOR, identities=7, probes=28, slope=0.3)
    assert Combination.from_dict(dataclasses.asdict(combination)) == combination
    for wrong in ({}, {**dataclasses.asdict(PRIOR), "cosine": "much"}, {**dataclasses.asdict(PRIOR), "more": 1.0}):
        with pytest.raises(ValueError, match="numbers"):
            Combination.from_dict(wrong)
