"""KISSME against a hand-worked case and the paper's formula, computed the naive way."""

import numpy as np
import pytest

from tests.embedding.metric_cases import made_up, naive_covariances
from tfnxc.embedding import KISSME
from tfnxc.errors import InputError


def test_by_hand():
    # One number: squares of one person's differences 1 and 1, of different people's 100, 121, 81, 100.
    estimator = KISSME(dimensions=1).fit([[0.0], [1.0], [10.0], [11.0]], [1, 1, 2, 2])
    assert estimator.mean_.item() == 5.5
    assert estimator.distances([[0.0]], [[3.0]]).item() == pytest.approx(9 * (1 - 1 / 100.5))


@pytest.mark.parametrize("cameras", [None, 2, 3])
@pytest.mark.parametrize("numbers", [6, 90])  # fewer than pictures, and more
def test_against_the_formula_of_the_paper(cameras, numbers):
    features, identities, places = made_up(numbers=numbers, cameras=cameras or 2, seed=4)
    places = None if cameras is None else places
    estimator = KISSME(dimensions=4).fit(features, identities, places)
    axes = np.linalg.svd(features - features.mean(axis=0), full_matrices=False)[2][:4].T
    projected = features @ axes
    intrapersonal, extrapersonal = naive_covariances(projected, identities, places)
    eigenvalues, vectors = np.linalg.eigh(np.linalg.inv(intrapersonal) - np.linalg.inv(extrapersonal))
    metric = vectors @ np.diag(np.maximum(eigenvalues, 0)) @ vectors.T
    differences = projected[:, None] - projected
    expected = np.einsum("ijk,kl,ijl->ij", differences, metric, differences)
    np.testing.assert_allclose(estimator.distances(features, features), expected, rtol=1e-6, atol=1e-6)
    vectors = estimator.transform(features)
    squares = np.square(vectors[:, None] - vectors).sum(axis=-1)
    np.testing.assert_allclose(squares, expected, rtol=1e-6, atol=1e-6)


def test_a_direction_in_which_one_person_differs_more_counts_for_nothing():
    # Each person has the second number once at 0 and once at 9: more than different people differ on average.
    features = [[0.0, 0.0], [0.2, 9.0], [5.0, 0.0], [5.1, 9.0], [9.0, 0.0], [9.4, 9.0]]
    estimator = KISSME(dimensions=2).fit(features, np.repeat([1, 2, 3], 2))
    eigenvalues = np.linalg.eigvalsh(estimator.metric_)
    assert eigenvalues[0] == pytest.approx(0, abs=1e-12) and eigenvalues[1] > 1


def test_no_more_dimensions_than_there_are():
    features, identities, places = made_up(people=20, numbers=3)
    assert KISSME().fit(features, identities, places).components_.shape == (3, 3)


def test_errors():
    features, identities, _ = made_up(people=3, numbers=40)
    with pytest.raises(InputError, match="too few pairs of pictures for 11 dimensions: their covariance has no"):
        KISSME().fit(features, identities)
    KISSME(regularization=0.1).fit(features, identities)
    with pytest.raises(ValueError, match="dimensions must be a whole number, 1 or above, received None"):
        KISSME(dimensions=None).fit(features, identities)
    with pytest.raises(ValueError, match="regularization must be a finite number"):
        KISSME(regularization=np.inf).fit(features, identities)
    with pytest.raises(InputError, match="at least two people"):
        KISSME().fit(features, np.zeros(len(features), int))
    with pytest.raises(InputError, match="not finite"):
        KISSME().fit(np.full_like(features, np.nan), identities)
    with pytest.raises(ValueError, match="this KISSME is not fitted"):
        KISSME().distances(features, features)
