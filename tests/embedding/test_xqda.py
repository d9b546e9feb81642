"""XQDA against hand-worked cases and the paper's formulas, computed the naive way."""

import numpy as np
import pytest

from tests.embedding.metric_cases import made_up, naive_covariances
from tfnxc.embedding import XQDA
from tfnxc.errors import InputError


def naive_distances(features, identities, cameras, regularization, dimensions=None):
    """Section 4 of the paper in the space of the features, with inverses as they are written there."""
    intrapersonal, extrapersonal = naive_covariances(features, identities, cameras)
    intrapersonal = intrapersonal + regularization * np.eye(len(intrapersonal))
    eigenvalues, vectors = np.linalg.eig(np.linalg.inv(intrapersonal) @ extrapersonal)
    order = np.argsort(-eigenvalues.real)
    order = order[eigenvalues.real[order] > 1][:dimensions]
    w = vectors.real[:, order]
    metric = np.linalg.inv(w.T @ intrapersonal @ w) - np.linalg.inv(w.T @ extrapersonal @ w)
    differences = (features[:, None] - features) @ w
    return np.einsum("ijk,kl,ijl->ij", differences, metric, differences), eigenvalues.real[order]


def test_by_hand():
    # Differences of one person: (1, 0), (1, 0), (0, 2), (0, 2), means of squares 1/2 and 2. Of different people: all
    # pairs of the corners (0, 0), (1, 0) and of (10, 0), (10, 2).
    features = np.array([[0.0, 0.0], [1.0, 0.0], [10.0, 0.0], [10.0, 2.0]])
    estimator = XQDA(regularization=0).fit(features, [1, 1, 2, 2])
    # S_I = diag(1/2, 2). S_E = [[(100 + 100 + 81 + 81) / 4, (20 + 18) / 4], [.., (4 + 4) / 4]], that is 90.5, 9.5, 2.
    # S_I^-1 S_E has trace 182 and determinant (181 - 90.25) = 90.75: eigenvalues 181.5 and 0.5.
    assert estimator.eigenvalues_.tolist() == pytest.approx([181.5])
    assert estimator.metric_.item() == pytest.approx(1 - 1 / 181.5)
    # Its vector: (S_I^-1 S_E - 181.5) w = 0, so (181 - 181.5) a + 19 b = 0: w = (38, 1), w^T S_I w = 724.
    expected = (1 - 1 / 181.5) * (38 * 10 + 2) ** 2 / 724
    assert estimator.distances(features[:1], features[3:]).item() == pytest.approx(expected)


@pytest.mark.parametrize("cameras", [None, 2, 3])
@pytest.mark.parametrize("numbers", [5, 90])  # fewer than pictures, and more
@pytest.mark.parametrize("dimensions", [None, 2])
def test_against_the_formulas_of_the_paper(cameras, numbers, dimensions):
    features, identities, places = made_up(numbers=numbers, cameras=cameras or 2, seed=2)
    places = None if cameras is None else places
    estimator = XQDA(dimensions, regularization=0.1).fit(features, identities, places)
    expected, eigenvalues = naive_distances(features, identities, places, 0.1, dimensions)
    np.testing.assert_allclose(estimator.eigenvalues_, eigenvalues, rtol=1e-8)
    assert estimator.components_.shape == (numbers, len(eigenvalues))
    np.testing.assert_allclose(estimator.distances(features, features), expected, rtol=1e-6, atol=1e-6)


def test_transform_has_the_metric_as_euclidean_distance():
    features, identities, places = made_up()
    estimator = XQDA().fit(features, identities, places)
    vectors = estimator.transform(features)
    squares = np.square(vectors[:, None] - vectors).sum(axis=-1)
    np.testing.assert_allclose(squares, estimator.distances(features, features), atol=1e-9)
    assert (estimator.eigenvalues_ > 1).all() and (np.diff(estimator.eigenvalues_) <= 0).all()


def test_no_more_dimensions_than_tell_people_apart():
    features, identities, places = made_up()
    free, asked = XQDA().fit(features, identities, places), XQDA(dimensions=100).fit(features, identities, places)
    assert asked.components_.shape == free.components_.shape and asked.components_.shape[1] <= 5


def test_the_direction_that_cameras_change_is_left_out():
    rng = np.random.default_rng(3)
    identities, cameras = np.repeat(np.arange(40), 2), np.tile([0, 1], 40)
    person, light = rng.normal(size=40)[identities], 5 * cameras + rng.normal(size=80)
    features = np.stack([person + 0.1 * rng.normal(size=80), light], axis=1)
    estimator = XQDA(dimensions=1).fit(features, identities, cameras)
    weights = np.abs(estimator.components_[:, 0])
    assert weights[0] > 20 * weights[1]


def test_nothing_changes_when_all_is_moved_or_put_in_another_order():
    features, identities, places = made_up(numbers=80)
    first = XQDA().fit(features, identities, places).distances(features, features)
    order = np.random.default_rng(0).permutation(len(features))
    moved = features[order] + 3
    second = XQDA().fit(moved, identities[order], places[order]).distances(moved, moved)
    np.testing.assert_allclose(second, first[np.ix_(order, order)], rtol=1e-6, atol=1e-6)


def test_errors():
    features, identities, places = made_up()
    with pytest.raises(ValueError, match="dimensions must be a whole number, 1 or above, received 0"):
        XQDA(dimensions=0).fit(features, identities)
    with pytest.raises(ValueError, match="regularization must be a finite number, 0 or above; received -1"):
        XQDA(regularization=-1).fit(features, identities)
    with pytest.raises(InputError, match="at least two people"):
        XQDA().fit(features, np.zeros(len(features), int))
    with pytest.raises(InputError, match="not finite"):
        XQDA().fit(np.where(np.arange(5) == 2, np.nan, features), identities)
    with pytest.raises(InputError, match="is too small to make up for it: raise it"):
        XQDA(regularization=0).fit(np.random.default_rng(0).normal(size=(8, 20)), np.repeat([1, 2], 4))
    with pytest.raises(InputError, match="different people differ in no direction more than one person"):
        XQDA().fit([[0.0], [9.0], [0.0], [9.0]], [1, 1, 2, 2], [0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"this XQDA is not fitted; call fit"):
        XQDA().transform(features)
    with pytest.raises(ValueError, match=r"shape \(n, 5\)"):
        XQDA().fit(features, identities, places).transform(features[:, :4])
