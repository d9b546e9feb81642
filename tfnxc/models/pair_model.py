"""Pair models of any tower and any head."""

import keras
import numpy as np
import tensorflow as tf

_SUM = 0.01
"""How far the sum of two probabilities may be from 1."""


def pair_model(tower: keras.Model, head: keras.Model, name: str = "pair_model") -> keras.Model:
    """The model of two images: one tower on each, with one set of weights, and a head on both of their maps.

    `tfnxc.models.split` gives a tower and a head, whatever those given here are called; so training, scoring, exports,
    search and embeddings take the model as they take `normxcorr`. Both are used as they are, not copied: the weights
    are shared, and layers that are frozen stay frozen.

    Args:
        tower: A functional or `Sequential` `keras.Model` of one image, `(height, width, channels)`, to one feature map,
            `(rows, columns, channels)`. Images come with values in [0, 1]: what else the tower expects, its first
            layer has to make of them.
        head: A functional `keras.Model` of a list of two such maps, `[probe, gallery]`, to float32 probabilities of
            (different, same), `(batch, 2)`.
        name: Name of the model. Defaults to `"pair_model"`.

    Returns:
        A `keras.Model` of the inputs `[probe, gallery]` to the probabilities `(batch, 2)`.

    Raises:
        ValueError: If the tower or the head is not as described.

    Example:
        >>> tower = keras.Sequential([keras.Input((64, 32, 3)), keras.layers.Conv2D(8, 3, strides=2)], name="small")
        >>> maps = [keras.Input((31, 15, 8)) for _ in range(2)]
        >>> differences = keras.layers.Flatten()(keras.layers.Subtract()(maps))
        >>> head = keras.Model(maps, keras.layers.Dense(2, activation="softmax")(differences))
        >>> model = pair_model(tower, head)
        >>> [part.name for part in tfnxc.models.split(model)], model.count_params()
        (['tower', 'head'], 7666)
    """
    check_parts(tower, head)
    _check_probabilities(head)
    return joined(tower, head, name)


def joined(tower: keras.Model, head: keras.Model, name: str) -> keras.Model:
    """`pair_model` of parts that are known to be right."""
    image, maps = (tuple(each[0].shape[1:]) for each in (tower.inputs, tower.outputs))
    tower = _part("tower", tower, [keras.Input(image, name="image")])
    head = _part("head", head, [keras.Input(maps, name=side) for side in ("probe_features", "gallery_features")])
    images = [keras.Input(image, name=side) for side in ("probe", "gallery")]
    return keras.Model(images, head([tower(each) for each in images]), name=name)


def _part(name, model, inputs):
    """The model under the name by which `split` finds it: itself, or one around it."""
    if model.name == name:
        return model
    outputs = model(tf.nest.pack_sequence_as(_structure(model), inputs))
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], tf.nest.flatten(outputs)[0], name=name)


def check_tower(tower: keras.Model) -> None:
    """Raises a `ValueError` if a tower is not as `pair_model` takes it."""
    inputs, outputs = _sizes(tower, "inputs"), _sizes(tower, "outputs")
    if [len(each) for each in (*inputs, *outputs)] != [4, 4] or not all(map(_is_known, (*inputs, *outputs))):
        raise ValueError(
            "tower must be a functional keras.Model of one image (height, width, channels) to one feature map (rows, "
            f"columns, channels), all sizes known but the batch; got {_told(tower)}."
        )
    if not tf.as_dtype(tower.inputs[0].dtype).is_floating:
        raise ValueError(
            "tower must take images of a floating point type, with values in [0, 1]; got one of "
            f"{tf.as_dtype(tower.inputs[0].dtype).name}."
        )


def check_parts(tower: keras.Model, head: keras.Model) -> None:
    """Raises a `ValueError` if the sizes of a tower and a head are not as `pair_model` takes them."""
    check_tower(tower)
    (maps,) = _sizes(tower, "outputs")
    inputs, outputs = _sizes(head, "inputs"), _sizes(head, "outputs")
    if inputs != [maps, maps] or outputs != [(None, 2)] or isinstance(_structure(head), dict):
        raise ValueError(
            f"head must be a functional keras.Model of a list of two maps, [probe, gallery], of shape {maps} as the "
            f"tower gives them, to probabilities of shape (None, 2); got {_told(head)}."
        )


def _check_probabilities(head):
    if tf.as_dtype(head.outputs[0].dtype) != tf.float32:
        raise ValueError(
            'head must give float32 probabilities, by dtype="float32" in its last layer; got '
            f"{tf.as_dtype(head.outputs[0].dtype).name}."
        )
    rng, maps = np.random.default_rng(0), head.inputs[0].shape
    found = np.asarray(head([rng.random((4, *maps[1:]), np.float32) for _ in range(2)], training=False))
    if np.any(found < 0) or np.any(np.abs(found.sum(axis=1) - 1) > _SUM):
        raise ValueError(
            "head must give probabilities of (different, same), which sum to 1, as after a softmax; of random maps it "
            f"gave {found[0].tolist()}."
        )


def _sizes(model, side):
    """Shapes of a model's inputs or outputs; none of what is no model, or has no fixed ones."""
    try:
        tensors = getattr(model, side, None) if isinstance(model, keras.Model) else None
    except (AttributeError, ValueError):  # of a Sequential without an input
        tensors = None
    return [tuple(each.shape) for each in tensors or ()]


def _structure(model):
    """How a model takes its inputs: one, a list or a dict of them."""
    found = getattr(model, "input", None)  # of a Sequential Keras 3 has none before its first call
    return model.inputs[0] if found is None else found


def _is_known(shape):
    return shape[0] is None and all(shape[1:])


def _told(model):
    """What came in the place of a part, in words."""
    if not isinstance(model, keras.Model):
        return repr(model)
    inputs, outputs = _sizes(model, "inputs"), _sizes(model, "outputs")
    if not inputs:
        return (
            f"{model.name!r}, a {type(model).__name__} without fixed inputs (wrap it: keras.Model(image, tower(image)))"
        )
    return f"{model.name!r} of {_listed(inputs)} to {_listed(outputs)}"


def _listed(shapes):
    return ", ".join(map(str, shapes))
