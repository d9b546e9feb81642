"""The embedding: what it computes, and its files, whole or not there."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from tests.embedding.small_embedding import small_embedding
from tfnxc import models
from tfnxc.embedding import (
    Combination,
    Discriminant,
    Embedding,
    EmbeddingCard,
    pooled,
    pooling_model,
    pretrained_embedding,
)
from tfnxc.errors import InputError
from tfnxc.scoring import embed
from tfnxc.scoring.pair_head import Embedder


@pytest.fixture
def maps(rng):
    return rng.random((10, 6, 4, 3), np.float32)


def test_vectors_are_the_projection_of_what_is_pooled(maps):
    identities = np.repeat(np.arange(5), 2)
    fitted = Discriminant(3, 0.5).fit(pooled(maps), identities)
    embedding = small_embedding(maps, identities)
    expected = fitted.transform(pooled(maps))
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(embedding.vectors(maps), expected, atol=1e-5)
    assert embedding.dimensions == 3 and embedding.map_shape == (6, 4, 3)


def test_stock_layers_only(maps):
    model = small_embedding(maps, np.repeat(np.arange(5), 2)).model
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["InputLayer", "StatisticsPooling", "Dense", "UnitNormalization"]


def test_of_images_is_tower_and_embedding(rng):
    tower = models.split(models.normxcorr((40, 28, 3))).tower
    images = rng.integers(0, 255, (6, 40, 28, 3), np.uint8)
    embedding = small_embedding(embed(tower, images), np.repeat(np.arange(3), 2))
    before = [each.copy() for each in tower.get_weights()]
    vectors = Embedder(embedding.of_images(tower))(images)
    np.testing.assert_allclose(vectors, embedding.vectors(embed(tower, images)), atol=1e-6)
    np.testing.assert_allclose(Embedder(pooling_model(tower))(images), pooled(embed(tower, images)), atol=1e-5)
    for one, other in zip(before, tower.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("state", ["trained", "best"])
def test_it_is_read_as_it_was_written(maps, tmp_path, state):
    embedding = small_embedding(maps, np.repeat(np.arange(5), 2), Combination(1.0, 2.0, identities=3))
    embedding.save(tmp_path, state)
    loaded = Embedding.load(tmp_path, state)
    assert loaded.card == embedding.card and loaded.combination.cosine == 2.0
    np.testing.assert_array_equal(loaded.vectors(maps), embedding.vectors(maps))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"embedding{'' if state == 'trained' else '-best'}{suffix}" for suffix in (".json", ".keras")
    ]


def test_none_there_says_how_to_get_one(tmp_path):
    with pytest.raises(InputError, match=r"no embedding here\. Fit one with tfnxc embed fit"):
        Embedding.load(tmp_path)


def test_a_kill_between_the_two_files_is_seen(maps, tmp_path):
    small_embedding(maps, np.repeat(np.arange(5), 2)).save(tmp_path)
    card = (tmp_path / "embedding.json").read_bytes()
    small_embedding(maps, np.arange(10) % 5).save(tmp_path)
    (tmp_path / "embedding.json").write_bytes(card)
    with pytest.raises(InputError, match=r"damaged, or not of its embedding\.json\. Fit it anew: tfnxc embed fit"):
        Embedding.load(tmp_path)


@pytest.mark.parametrize("damage", ["{", "[]", "{}", '{"embedding_digest": "0"}'])
def test_a_damaged_card_is_one_line(maps, tmp_path, damage):
    small_embedding(maps, np.repeat(np.arange(5), 2)).save(tmp_path)
    (tmp_path / "embedding.json").write_text(damage)
    with pytest.raises(InputError, match="damaged"):
        Embedding.load(tmp_path)


def test_a_damaged_combination_is_one_line(maps, tmp_path):
    small_embedding(maps, np.repeat(np.arange(5), 2)).save(tmp_path)
    record = json.loads((tmp_path / "embedding.json").read_text())
    record["combination"]["cosine"] = "much"
    (tmp_path / "embedding.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="damaged"):
        Embedding.load(tmp_path)


def test_a_projection_of_other_maps_is_refused(maps):
    fitted = Discriminant(3, 0.5).fit(pooled(maps), np.repeat(np.arange(5), 2))
    with pytest.raises(ValueError, match="does not fit"):
        Embedding.of(fitted, (6, 4, 5), EmbeddingCard("d", "discriminant", (), 10))


def test_the_embedding_of_the_package():
    embedding = pretrained_embedding()
    tower = models.split(models.pretrained()).tower
    assert embedding.map_shape == tuple(tower.output_shape[1:]) and embedding.dimensions == 128
    assert embedding.card.model_digest == models.pretrained_card()["digest"]
    assert embedding.combination.identities and dataclasses.replace(embedding.combination) == embedding.combination
    from tfnxc.datasets import synthetic

    people = synthetic(identities=30, seed=7)
    vectors = Embedder(embedding.of_images(tower))(people.images())
    cosines = vectors @ vectors.T
    across = people.cameras[:, None] != people.cameras
    best = np.where(across, cosines, -2).argmax(axis=1)
    assert np.mean(people.identities[best] == people.identities) > 0.6  # by chance 1 / 30
    assert isinstance(embedding.model, keras.Model)
