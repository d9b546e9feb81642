"""The two parts of a pair model, and the model of both for batches that form pairs of their own images."""

from typing import NamedTuple

import keras
import tensorflow as tf

from tfnxc.models.pair_model import check_parts


class Parts(NamedTuple):
    """The two parts of a pair model, sharing its weights."""

    tower: keras.Model
    head: keras.Model


def split(model: keras.Model) -> Parts:
    """The tower and the pair head of a model, so that the tower can run once an image and the head once a pair.

    Args:
        model: A model of `tfnxc.models`, built here or loaded from a `.keras` file.

    Returns:
        `(tower, head)`: `tower` maps images `(batch, height, width, 3)` to feature maps, `head` maps a list of two
        feature maps `[probe, gallery]` to the probabilities `(batch, 2)` of (different, same). They share the
        weights of `model`: `model([p, g])` equals `head([tower(p), tower(g)])`.

    Raises:
        ValueError: If the model has no part called "tower" or "head", or these do not fit each other.

    Example:
        >>> tower, head = tfnxc.models.split(tfnxc.models.normxcorr())
        >>> tower.output_shape, [tuple(each.shape) for each in head.inputs]
        ((None, 37, 12, 25), [(None, 37, 12, 25), (None, 37, 12, 25)])
    """
    parts = {layer.name: layer for layer in model.layers if isinstance(layer, keras.Model)}
    if set(parts) != {"tower", "head"}:
        raise ValueError(
            'split takes a model of tfnxc.models, whose parts are called "tower" and "head"; '
            f"got {model.name!r} with the parts {sorted(parts)}. tfnxc.models.pair_model makes one of any tower and "
            "head."
        )
    check_parts(parts["tower"], parts["head"])
    return Parts(parts["tower"], parts["head"])


def image_size(model: keras.Model) -> tuple[int, int]:
    """Height and width of the images that a pair model takes.

    Example:
        >>> image_size(tfnxc.models.normxcorr())
        (160, 60)
    """
    return tuple(split(model).tower.input_shape[1:3])


@keras.saving.register_keras_serializable(package="tfnxc")
class TakeMaps(keras.layers.Layer):
    """The feature maps of the images that the pairs of a batch name.

    Call arguments:
        inputs: A list `[maps, indices]` of shapes `(images, height, width, channels)` and `(pairs,)`.
    """

    def call(self, inputs):
        """Gathers."""
        maps, indices = inputs
        return tf.gather(maps, indices)

    def compute_output_shape(self, input_shape):
        """Shape of the maps of the pairs."""
        maps, indices = input_shape
        return *indices[:1], *maps[1:]


def in_batch(model: keras.Model) -> keras.Model:
    """The model of pairs within a batch: the tower runs once an image, the head once a pair.

    Args:
        model: A model of `tfnxc.models`. The result shares its weights: training one trains the other.

    Returns:
        A `keras.Model` of a dict: `"images"`, `(images, height, width, 3)`, and `"probe"` and `"gallery"`, integers of
        shape `(pairs,)`, which two images each pair compares; to the probabilities `(pairs, 2)` of (different, same).
        `tfnxc.datasets.GroupPipeline` gives such batches.

    Raises:
        ValueError: If the model has no part called "tower" or "head".

    Example:
        >>> model = tfnxc.models.normxcorr()
        >>> trained = tfnxc.models.in_batch(model)
        >>> images = np.zeros((4, 160, 60, 3), np.float32)
        >>> trained({"images": images, "probe": np.array([0, 0, 2]), "gallery": np.array([1, 3, 3])}).shape
        TensorShape([3, 2])
    """
    tower, head = split(model)
    inputs = {"images": keras.Input(tower.input_shape[1:], name="images")}
    inputs |= {side: keras.Input((), dtype="int32", name=side) for side in ("probe", "gallery")}
    maps = tower(inputs["images"])
    sides = [TakeMaps(name=f"take_{side}")([maps, inputs[side]]) for side in ("probe", "gallery")]
    return keras.Model(inputs, head(sides), name=f"{model.name}_in_batch")
