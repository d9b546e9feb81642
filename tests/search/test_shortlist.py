"""Which rows a shortlist has, by NumPy and by faiss."""

import importlib.util

import numpy as np
import pytest

from tfnxc.search.shortlist import Shortlister, embedding_size, pooled

WITH_FAISS = [
    False,
    pytest.param(
        True, marks=pytest.mark.skipif(not importlib.util.find_spec("faiss"), reason="no faiss: pip install faiss-cpu")
    ),
]


def in_blocks(rows):
    return lambda: ((start, rows[start : start + 7]) for start in range(0, len(rows), 7))


@pytest.mark.parametrize("with_faiss", WITH_FAISS)
def test_the_nearest_by_the_cosine_of_scaled_embeddings(rng, with_faiss):
    rows = rng.normal(size=(40, 5)).astype(np.float32) * [1, 10, 0.1, 3, 0] + [5, 0, 0, -2, 1]
    rows = rows.astype(np.float32)
    alive = rng.random(40) < 0.8
    allowed = alive & (rng.random(40) < 0.7)
    shortlister = Shortlister(in_blocks(rows), alive, with_faiss)
    probe = rng.normal(size=5).astype(np.float32)
    # The naive way; the last number is the same for all, and is not scaled.
    mean, scale = rows[alive].mean(axis=0), np.where(rows[alive].std(axis=0) > 1e-6, rows[alive].std(axis=0), 1)
    scaled, wanted = (rows - mean) / scale, (probe - mean) / scale
    cosines = scaled @ wanted / np.linalg.norm(scaled, axis=1) / np.linalg.norm(wanted)
    order = [row for row in np.argsort(-cosines) if allowed[row]]
    for count in (1, 5, len(order)):
        assert shortlister.nearest(probe, allowed, count).tolist() == sorted(order[:count])
    assert shortlister.nearest(probe, allowed, 100).tolist() == sorted(order)
    assert shortlister.nearest(probe, np.zeros(40, bool), 5).tolist() == []


@pytest.mark.parametrize("with_faiss", WITH_FAISS)
def test_a_gallery_of_one(with_faiss):
    shortlister = Shortlister(in_blocks(np.ones((1, 3), np.float32)), np.ones(1, bool), with_faiss)
    assert shortlister.nearest(np.zeros(3, np.float32), np.ones(1, bool), 5).tolist() == [0]


def test_pooling_is_mean_and_deviation_of_each_stripe(rng):
    maps = rng.normal(size=(2, 37, 12, 3)).astype(np.float32)
    found = pooled(maps)
    assert found.shape == (2, embedding_size((37, 12, 3))) and found.dtype == np.float32
    # 37 rows in eight stripes: 5 + 4 + 5 + ...
    np.testing.assert_allclose(found[:, :3], maps[:, :5].mean(axis=(1, 2)), atol=1e-6)
    np.testing.assert_allclose(found[:, 3:6], maps[:, :5].std(axis=(1, 2)), atol=1e-6)
    np.testing.assert_allclose(found[:, -3:], maps[:, 32:].std(axis=(1, 2)), atol=1e-6)
    small = pooled(maps[:, :4])
    assert small.shape == (2, embedding_size((4, 12, 3)))
    np.testing.assert_allclose(small[:, 6:9], maps[:, 1].mean(axis=1), atol=1e-6)
