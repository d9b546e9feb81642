"""Hubness by hand, and k-reciprocal re-ranking against the paper's formulas on whole matrices."""

import numpy as np
import pytest

from tfnxc.metrics import Trial
from tfnxc.scoring.hubs import KReciprocal, hubness


def unit(rng, *shape):
    vectors = rng.normal(size=shape)
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def test_hubness_is_the_mean_of_the_nearest(rng, monkeypatch):
    vectors, references = unit(rng, 7, 4), unit(rng, 30, 4)
    expected = np.sort(vectors.astype(np.float64) @ references.T, axis=1)[:, -3:].mean(axis=1)
    np.testing.assert_allclose(hubness(vectors, references, 3), expected, atol=1e-6)
    monkeypatch.setattr("tfnxc.scoring.hubs._BLOCK", 40)  # one vector at a time
    np.testing.assert_allclose(hubness(vectors, references, 3), expected, atol=1e-6)
    few = hubness(vectors, references[:2], 10)
    np.testing.assert_allclose(few, (vectors @ references[:2].T).mean(axis=1), atol=1e-6)


def by_the_paper(vectors, probes, gallery, k1, k2, weight):
    """Equations 1 to 13 on matrices, float64; distances of a picture are divided by its largest."""
    everyone = np.unique(np.concatenate([probes, gallery]))
    vectors = vectors[everyone].astype(np.float64)
    distances = 2 - 2 * vectors @ vectors.T
    np.fill_diagonal(distances, 0)
    distances /= distances.max(axis=1, keepdims=True)
    count = len(everyone)
    order = np.argsort(distances + np.diag(np.full(count, -1.0)), axis=1, kind="stable")

    def reciprocal(one, k):
        return {int(other) for other in order[one, : k + 1] if one in order[other, : k + 1]}

    encoded = np.zeros((count, count))
    for one in range(count):
        members = set(own := reciprocal(one, k1))
        for member in own:
            half = reciprocal(member, round(k1 / 2))
            if len(half & own) > 2 / 3 * len(half):
                members |= half
        members = sorted(members)
        shares = np.exp(-distances[one, members])
        encoded[one, members] = shares / shares.sum()
    if k2 > 1:
        encoded = np.stack([encoded[order[one, :k2]].mean(axis=0) for one in range(count)])
    rows, columns = (np.searchsorted(everyone, each) for each in (probes, gallery))
    least = np.minimum(encoded[rows][:, None], encoded[columns]).sum(axis=-1)
    most = np.maximum(encoded[rows][:, None], encoded[columns]).sum(axis=-1)
    return -((1 - weight) * (1 - least / most) + weight * distances[np.ix_(rows, columns)])


@pytest.mark.parametrize(("k1", "k2", "weight"), [(20, 6, 0.3), (6, 1, 0.0), (5, 3, 1.0), (100, 4, 0.5)])
def test_it_is_the_paper(rng, k1, k2, weight):
    people = unit(rng, 12, 8)
    vectors = np.repeat(people, 4, axis=0) + 0.4 * unit(rng, 48, 8)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows, columns = np.arange(0, 48, 2), np.arange(1, 48, 2)
    trial = Trial(np.arange(3, 20), rng.permutation(24)[:15])
    found = KReciprocal(vectors, rows, columns, k1, k2, weight)(trial, slice(2, 9))
    expected = by_the_paper(vectors, rows[trial.probes], columns[trial.gallery], k1, k2, weight)[2:9]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_gallery_a_probe_and_pictures_that_are_probe_and_gallery_too(rng):
    vectors = unit(rng, 20, 6)
    rows = columns = np.arange(20)
    galleries = np.stack([rng.permutation(20)[:8] for _ in range(3)])
    trial = Trial(np.array([4, 0, 9]), galleries)
    found = KReciprocal(vectors, rows, columns, 5, 2)(trial, slice(None))
    for probe, gallery, scores in zip(trial.probes, galleries, found, strict=True):
        expected = by_the_paper(vectors, np.array([probe]), gallery, 5, 2, 0.3)[0]
        np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_another_trial_is_scored_anew(rng):
    vectors = unit(rng, 12, 5)
    scores = KReciprocal(vectors, np.arange(6), np.arange(6, 12), 3, 2)
    one, other = Trial(np.arange(6), np.arange(6)), Trial(np.arange(6), np.arange(3))
    first = scores(one, slice(None))
    assert scores(other, slice(None)).shape == (6, 3)
    np.testing.assert_array_equal(scores(one, slice(0, 2)), first[:2])
