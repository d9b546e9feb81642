"""A small export, and what is in it."""

import keras
import numpy as np
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from tfnxc import models

SHAPE = (40, 28, 3)


def small_model(name="normxcorr"):
    keras.utils.set_random_seed(0)
    return models.BUILDERS[name](SHAPE, filters=(3, 4), units=8)


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
