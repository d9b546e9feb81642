"""A small export, and what is in it."""

import keras
import numpy as np
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from tfnxc import models
from tfnxc.embedding import Discriminant, Embedding, EmbeddingCard, pooled
from tfnxc.scoring import embed

SHAPE = (40, 28, 3)
DIMENSIONS = 5


def small_model(name="normxcorr"):
    keras.utils.set_random_seed(0)
    return models.BUILDERS[name](SHAPE, filters=(3, 4), units=8)


def small_embedding(model, digest="a1b2c3"):
    """An embedding of the tower of a model, fitted on pictures of noise: 6 people, 4 of each."""
    tower, identities = models.split(model).tower, np.arange(24) // 4
    shape = (24, *tower.input_shape[1:])
    maps = embed(tower, np.random.default_rng(9).integers(0, 256, shape, np.uint8))
    fitted = Discriminant(DIMENSIONS).fit(pooled(maps), identities)
    choice = ({"regularization": 0.2, "dimensions": DIMENSIONS, "rank 1": 0.25},)
    on = (("grid", (3, 4, 5, 6, 7)), ("viper", (8,)))
    card = EmbeddingCard(digest, "discriminant", on, 24, 0.2, choice, combined_on=(("grid", (1, 2)),))
    return Embedding.of(fitted, maps.shape[1:], card)


def images(count, seed):
    return np.random.default_rng(seed).random((count, *SHAPE), np.float32)


def graph_of(path):
    """The `MetaGraphDef` of a SavedModel."""
    return SavedModel.FromString((path / "saved_model.pb").read_bytes()).meta_graphs[0]


def operations_of(path):
    """Names of all operations in a SavedModel."""
    saved = graph_of(path).graph_def
    used = {node.op for node in saved.node}
    return used | {node.op for function in saved.library.function for node in function.node_def}
