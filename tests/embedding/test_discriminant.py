"""The discriminant against a case worked out by hand, scikit-learn where it is installed, and a naive computation."""

import numpy as np
import pytest

from tfnxc.embedding import Discriminant
from tfnxc.errors import InputError


@pytest.fixture
def people(rng):
    """Features of 30 identities with six pictures each, and the identities."""
    identities = np.repeat(np.arange(30), 6)
    mixing = rng.normal(size=(10, 10))
    return rng.normal(size=(30, 10))[identities] + 0.5 * rng.normal(size=(180, 10)) @ mixing, identities


def test_by_hand():
    # Two people apart by 4 along the first number, within each the pictures lie 1 to both sides on the second.
    features, identities = [[0, 1], [0, -1], [4, 1], [4, -1]], [5, 5, 9, 9]
    with pytest.raises(InputError, match="more pictures or more shrinkage"):
        Discriminant(shrinkage=0).fit(features, identities)  # nothing differs within them along the first number
    fitted = Discriminant(shrinkage=0.5).fit(features, identities)
    # Scaled by deviations 2 and 1: scatter within is diag(0, 1), with its trace of 1 over 2 numbers diag(1/4, 3/4);
    # between it is diag(1, 0). So the ratio is 1 / (1/4), the direction e1 / sqrt(1/4), the weight 4 / 5, over 2.
    np.testing.assert_allclose(fitted.ratios_, [4])
    np.testing.assert_allclose(np.abs(fitted.components_), [[2 * 4 / 5 / 2], [0]], atol=1e-12)
    np.testing.assert_allclose(np.abs(fitted.transform([[2, 7], [4, 0]])), [[0], [1.6]], atol=1e-12)


def test_it_is_that_of_scikit_learn(people):
    analysis = pytest.importorskip("sklearn.discriminant_analysis", reason="scikit-learn is not installed")
    features, identities = people
    theirs = analysis.LinearDiscriminantAnalysis(solver="eigen", n_components=6)
    theirs = theirs.fit(features, identities).transform(features - features.mean(axis=0))
    ours = Discriminant(6, shrinkage=0, weighted=False).fit(features, identities).transform(features)
    scale = np.linalg.norm(ours, axis=0) / np.linalg.norm(theirs, axis=0)
    np.testing.assert_allclose(scale, scale[0], rtol=1e-6)
    np.testing.assert_allclose(np.abs(np.sum(ours * theirs, axis=0)), scale * np.sum(theirs**2, axis=0), rtol=1e-6)


@pytest.mark.parametrize("count", [4, 30])
def test_it_is_the_generalized_eigenvectors(people, count):
    """With fewer people than numbers, and with more."""
    features, identities = (each[: 6 * count] for each in people)
    fitted = Discriminant(3, shrinkage=0.3, weighted=False).fit(features, identities)
    scale = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / scale
    means = np.stack([scaled[identities == each].mean(axis=0) for each in identities])
    within, between = (each.T @ each / len(scaled) for each in (scaled - means, means))
    within = 0.7 * within + 0.3 * np.trace(within) / 10 * np.eye(10)
    directions = fitted.components_ * scale[:, None]
    np.testing.assert_allclose(directions.T @ within @ directions, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(between @ directions, within @ directions * fitted.ratios_, atol=1e-9)
    largest = np.sort(np.linalg.eigvals(np.linalg.solve(within, between)).real)[::-1]
    np.testing.assert_allclose(fitted.ratios_, largest[:3], rtol=1e-8)


def test_fewer_pictures_than_numbers_have_the_same_components(rng):
    """By smaller matrices than the scatter of all numbers."""
    identities = np.repeat(np.arange(5), 4)
    features = rng.normal(size=(5, 50))[identities] + 0.5 * rng.normal(size=(20, 50))
    fitted = Discriminant(3, shrinkage=0.3, weighted=False).fit(features, identities)
    scale = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / scale
    means = np.stack([scaled[identities == each].mean(axis=0) for each in identities])
    within, between = (each.T @ each / len(scaled) for each in (scaled - means, means))
    within = 0.7 * within + 0.3 * np.trace(within) / 50 * np.eye(50)
    directions = fitted.components_ * scale[:, None]
    np.testing.assert_allclose(directions.T @ within @ directions, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(between @ directions, within @ directions * fitted.ratios_, atol=1e-9)
    largest = np.sort(np.linalg.eigvals(np.linalg.solve(within, between)).real)[::-1]
    np.testing.assert_allclose(fitted.ratios_, largest[:3], rtol=1e-8)


def test_weights_are_the_share_that_comes_from_the_person(people):
    plain, weighted = (Discriminant(5, 0.1, weighted=each).fit(*people) for each in (False, True))
    share = plain.ratios_ / (1 + plain.ratios_)
    np.testing.assert_allclose(weighted.components_, plain.components_ * share)


def test_a_number_that_never_changes_counts_for_nothing(people):
    features, identities = people
    more = np.concatenate([features, np.full((180, 1), 7.0)], axis=1)
    fitted = Discriminant(4, 0.1).fit(more, identities)
    assert np.isfinite(fitted.components_).all()
    moved = more + np.eye(11)[10] * 0.0
    np.testing.assert_array_equal(fitted.transform(more), fitted.transform(moved))


def test_there_are_no_more_components_than_people_less_one(people):
    features, identities = people
    assert Discriminant(128).fit(features[:18], identities[:18]).transform(features).shape == (180, 2)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"dimensions": 0}, "dimensions must be"),
        ({"shrinkage": 1.0}, "shrinkage must be"),
        ({"shrinkage": "a"}, "shrinkage must be"),
    ],
)
def test_parameters_are_checked(people, parameters, message):
    with pytest.raises(ValueError, match=message):
        Discriminant(**parameters).fit(*people)


def test_transform_before_fit_is_one_line():
    with pytest.raises(ValueError, match="not fitted; call fit"):
        Discriminant().transform([[1.0, 2.0]])


def test_features_that_are_not_finite_are_refused(people):
    features, identities = people
    features[3, 2] = np.nan
    with pytest.raises(InputError, match="not finite"):
        Discriminant().fit(features, identities)


def test_one_person_is_refused(people):
    with pytest.raises(InputError):
        Discriminant().fit(people[0], np.zeros(180, int))
