"""Metrics as projections: the squared distances of scaled features are those of the metric."""

import numpy as np
import pytest

from tfnxc.embedding import KISSME, METHODS, XQDA, MetricProjection
from tfnxc.errors import InputError


@pytest.fixture
def people(rng):
    identities = np.repeat(np.arange(30), 4)
    scale = np.array([100.0, 1.0, 0.01, 1.0, 1.0, 1.0])
    features = (rng.normal(size=(30, 6))[identities] + 0.5 * rng.normal(size=(120, 6))) * scale + 7
    features[:, 5] = 3.0  # never varies
    return features, identities, np.tile([0, 1], 60)


@pytest.mark.parametrize("estimator", [XQDA(regularization=0.1), KISSME(4, 0.1)], ids=["xqda", "kissme"])
def test_distances_are_those_of_the_metric(estimator, people):
    features, identities, cameras = people
    projection = MetricProjection(estimator).fit(features, identities, cameras)
    scale = np.where(features.std(axis=0) > 1e-9, features.std(axis=0), 1.0)
    scaled = (features - features.mean(axis=0)) / scale
    again = type(estimator)(**vars_of(estimator)).fit(scaled, identities, cameras)
    vectors = projection.transform(features)
    found = np.square(vectors[:, None] - vectors).sum(axis=-1)
    np.testing.assert_allclose(found, again.distances(scaled, scaled), atol=1e-6)
    np.testing.assert_allclose(vectors.mean(axis=0), 0, atol=1e-9)


def vars_of(estimator):
    return {name: getattr(estimator, name) for name in ("dimensions", "regularization")}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_makes_what_was_asked_for(method, people):
    regularization = METHODS[method].usual[0]
    fitted = METHODS[method].make(regularization, 3).fit(*people)
    assert fitted.components_.shape == (6, 3) and fitted.transform(people[0]).shape == (120, 3)
    with pytest.raises(InputError, match="not finite"):
        fitted.transform(np.full((1, 6), np.nan))
    with pytest.raises(ValueError, match="not fitted"):
        METHODS[method].make(regularization, 3).transform(people[0])


@pytest.mark.parametrize("method", [name for name in METHODS if METHODS[name].nested])
def test_fewer_dimensions_are_the_first_of_more(method, people):
    make = METHODS[method].make
    more, fewer = (make(0.1, count).fit(*people).transform(people[0]) for count in (4, 2))
    np.testing.assert_allclose(more[:, :2], fewer, atol=1e-8)
