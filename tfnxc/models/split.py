"""Taking a pair model apart."""

from typing import NamedTuple

import keras


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
        ValueError: If the model has no part called "tower" or "head".

    Example:
        >>> tower, head = tfnxc.models.split(tfnxc.models.normxcorr())
        >>> tower.output_shape, [tuple(each.shape) for each in head.inputs]
        ((None, 37, 12, 25), [(None, 37, 12, 25), (None, 37, 12, 25)])
    """
    parts = {layer.name: layer for layer in model.layers if isinstance(layer, keras.Model)}
    if set(parts) != {"tower", "head"}:
        raise ValueError(
            'split takes a model of tfnxc.models, whose parts are called "tower" and "head"; '
            f"got {model.name!r} with the parts {sorted(parts)}."
        )
    return Parts(parts["tower"], parts["head"])
