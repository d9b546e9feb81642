"""Distances by any metric, positive or not."""

import numpy as np
import pytest

from tfnxc.embedding.metric import MetricEstimator, positive_part


@pytest.fixture
def estimator():
    found = MetricEstimator()
    found.components_ = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    found.metric_ = np.array([[2.0, 1.0], [1.0, -1.0]])
    return found


def test_distances_are_those_of_the_metric_as_it_is(estimator):
    # (1, 2): 2 + 2 * 2 - 4 = 2; (0, 3): -9. The third number counts for nothing.
    found = estimator.distances([[0, 0, 5]], [[1, 2, 0], [0, 3, 8]])
    np.testing.assert_allclose(found, [[2, -9]])


def test_transform_is_of_the_positive_part(estimator):
    vectors = estimator.transform([[0, 0, 0], [1, 2, 0]])
    eigenvalues, axes = np.linalg.eigh(estimator.metric_)
    assert eigenvalues[0] < 0 < eigenvalues[1]
    expected = eigenvalues[1] * (axes[:, 1] @ [1, 2]) ** 2
    assert np.square(vectors[0] - vectors[1]).sum() == pytest.approx(expected)


def test_the_positive_part_of_a_positive_matrix_is_the_matrix():
    root = np.random.default_rng(0).normal(size=(4, 4))
    metric = root @ root.T
    found = positive_part(metric)
    np.testing.assert_allclose(found @ found.T, metric)
