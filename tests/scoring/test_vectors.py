"""Vectors of images and their cosines."""

import numpy as np
import pytest

from tfnxc.embedding import Discriminant, Embedding, EmbeddingCard, pooled
from tfnxc.errors import InputError
from tfnxc.models import split
from tfnxc.scoring import embed
from tfnxc.scoring.vectors import cosines, image_vectors

CARD = EmbeddingCard("digest", "discriminant", (), 7)


@pytest.fixture
def embedding(model, images):
    maps = embed(split(model).tower, images)
    fitted = Discriminant(dimensions=2).fit(pooled(maps), np.array([0, 0, 1, 1, 2, 2, 3]))
    return Embedding.of(fitted, maps.shape[1:], CARD)


def test_vectors_are_those_of_the_feature_maps(model, images, embedding):
    tower, done = split(model).tower, []
    found = image_vectors(embedding, tower, images, progress=done.append)
    np.testing.assert_allclose(found, embedding.vectors(embed(tower, images)), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert found.dtype == np.float32 and sum(done) == 7


def test_with_flips_the_mirror_image_counts_as_much(model, images, embedding):
    tower = split(model).tower
    either = [embedding.vectors(embed(tower, each)) for each in (images, images[:, :, ::-1])]
    mean = (either[0] + either[1]) / 2
    expected = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(image_vectors(embedding, tower, images, flips=True), expected, atol=1e-5)
    # So a picture and its mirror image have one vector.
    mirrored = image_vectors(embedding, tower, images[:, :, ::-1], flips=True)
    np.testing.assert_allclose(mirrored, expected, atol=1e-5)


def test_an_embedding_of_other_maps_or_without_numbers_is_refused(model, images, embedding):
    other = Embedding.of(
        Discriminant(2).fit(np.random.default_rng(0).random((6, 24)), [0, 0, 1, 1, 2, 2]), (1, 1, 12), CARD
    )
    with pytest.raises(InputError, match=r"takes feature maps of \(1, 1, 12\), .*: it is of another model"):
        image_vectors(other, split(model).tower, images)
    layer = embedding.model.get_layer("projection")
    layer.set_weights([np.full_like(each, np.nan) for each in layer.get_weights()])
    with pytest.raises(InputError, match="embedding of picture 0 is not finite"):
        image_vectors(embedding, split(model).tower, images)


def test_cosines_of_a_shared_gallery_and_of_one_each():
    vectors = np.array([[1, 0], [0.6, 0.8], [0, 1], [-1, 0]], np.float32)
    np.testing.assert_allclose(cosines(vectors, [0, 1], np.array([1, 2, 3])), [[0.6, 0, -1], [1, 0.8, -0.6]], atol=1e-6)
    each = cosines(vectors, np.array([0, 1]), np.array([[3, 1], [1, 0]]))
    np.testing.assert_allclose(each, [[-1, 0.6], [1, 0.6]], atol=1e-6)
