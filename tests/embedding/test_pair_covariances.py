"""Sums over pairs without enumerating them, and the checks of what estimators are given."""

import numpy as np
import pytest

from tests.embedding.metric_cases import made_up, naive_covariances
from tfnxc.embedding.pair_covariances import checked_features, checked_labels, pair_covariances, principal_axes
from tfnxc.errors import InputError


def test_by_hand():
    # One person has 0 and 2, another 5 and 6; the first of each by camera 0.
    features, identities = np.array([[0.0], [2.0], [5.0], [6.0]]), np.array([1, 1, 2, 2])
    intrapersonal, extrapersonal = pair_covariances(features, identities)
    assert intrapersonal == pytest.approx((4 + 1) / 2) and extrapersonal == pytest.approx((25 + 36 + 9 + 16) / 4)
    intrapersonal, extrapersonal = pair_covariances(features, identities, np.array([0, 1, 0, 1]))
    assert intrapersonal == pytest.approx((4 + 1) / 2) and extrapersonal == pytest.approx((36 + 9) / 2)


@pytest.mark.parametrize("cameras", [None, 2, 3])
def test_against_one_pair_after_the_other(cameras):
    features, identities, places = made_up(pictures=5, cameras=cameras or 2, seed=1)
    keep = np.arange(len(features)) % 7 != 3  # people with different numbers of pictures, some of one camera
    features, identities, places = features[keep] + 100, identities[keep], None if cameras is None else places[keep]
    found = pair_covariances(features, identities, places)
    for each, expected in zip(found, naive_covariances(features, identities, places), strict=True):
        np.testing.assert_allclose(each, expected, rtol=1e-9, atol=1e-9)


def test_nobody_else_by_another_camera_is_said():
    with pytest.raises(InputError, match="no two people were taken by different cameras"):
        pair_covariances(np.eye(4)[:3], np.array([1, 1, 2]), np.array([0, 0, 0]))


@pytest.mark.parametrize("shape", [(30, 4), (6, 9), (5, 5)])
def test_principal_axes_hold_all_differences(shape):
    features = np.random.default_rng(0).normal(size=shape)
    features[0] = features[1]
    centred = features - features.mean(axis=0)
    coordinates, axes = principal_axes(centred)
    np.testing.assert_allclose(axes.T @ axes, np.eye(axes.shape[1]), atol=1e-9)
    np.testing.assert_allclose(coordinates, centred @ axes, atol=1e-9)
    np.testing.assert_allclose(coordinates @ axes.T, centred, atol=1e-9)
    singular = np.linalg.svd(centred, compute_uv=False)[: axes.shape[1]]
    np.testing.assert_allclose(np.linalg.norm(coordinates, axis=0), singular)
    few, fewer_axes = principal_axes(centred, most=2)
    np.testing.assert_allclose(few, coordinates[:, :2])
    np.testing.assert_allclose(fewer_axes, axes[:, :2])


def test_features_all_the_same_are_an_error():
    with pytest.raises(InputError, match="features of all 3 pictures are the same"):
        principal_axes(np.zeros((3, 5)))


def test_what_is_no_feature_is_an_error():
    with pytest.raises(ValueError, match=r"of shape \(n, d\); received shape \(3,\)"):
        checked_features([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"of shape \(n, 4\); received shape \(1, 3\)"):
        checked_features([[1.0, 2.0, 3.0]], width=4)
    with pytest.raises(ValueError, match=r"received shape \(3, 0\)"):
        checked_features(np.zeros((3, 0)))
    with pytest.raises(ValueError, match="numbers; received dtype"):
        checked_features([["a"]])
    with pytest.raises(InputError, match="of 2 of 3 pictures are not finite, first those of picture 1: leave"):
        checked_features([[1.0], [np.nan], [np.inf]])


def test_labels_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError, match=r"identities must be whole numbers, one for each of 3 pictures.*\(2,\)"):
        checked_labels(3, [1, 1])
    with pytest.raises(ValueError, match=r"identities must be whole numbers.*float64"):
        checked_labels(3, [1.0, 1.0, 2.0])
    with pytest.raises(ValueError, match="cameras must be whole numbers"):
        checked_labels(3, [1, 1, 2], ["a", "b", "c"])
    with pytest.raises(InputError, match="1 identities among 3 pictures: give pictures of at least two people"):
        checked_labels(3, [1, 1, 1])
    with pytest.raises(InputError, match="no identity has two pictures: give such pictures of some"):
        checked_labels(3, [1, 2, 3])
    with pytest.raises(InputError, match=r"no identity has two pictures by different cameras.*leave out the cameras"):
        checked_labels(4, [1, 1, 2, 2], [0, 0, 1, 1])
    people, places = checked_labels(3, [1, 1, 2], [0, 1, 0])
    assert people.tolist() == [1, 1, 2] and places.tolist() == [0, 1, 0]
