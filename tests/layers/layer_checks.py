"""What every layer of two feature maps must do: one routine, and the inputs that every such layer refuses."""

import contextlib
import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import TOLERANCES
from tests.keras_settings import image_data_format

SHAPE = (6, 5, 3)
BATCH = 2

WRONG_INPUTS = {  # what is given, as shapes and a type; what the message says came
    "one map": ((BATCH, *SHAPE), "float32", r"list of two feature maps, \[x, y\]; got .*\(2, 6, 5, 3\)"),
    "one map in a list": ([(BATCH, *SHAPE)], "float32", "list of two feature maps, .*got"),
    "three maps": ([(BATCH, *SHAPE)] * 3, "float32", "list of two feature maps, .*got"),
    "two lists of maps": ([[(BATCH, *SHAPE)] * 2] * 2, "float32", "list of two feature maps, .*got"),
    "maps by name": ({"x": (BATCH, *SHAPE), "y": (BATCH, *SHAPE)}, "float32", "list of two feature maps, .*got"),
    "no channels": ([(BATCH, 6, 5)] * 2, "float32", r"maps of shape \(batch, .*got x of shape \(2, 6, 5\)"),
    "a second map without batch": ([(BATCH, *SHAPE), SHAPE], "float32", r"got y of shape \(6, 5, 3\)"),
    "different channels": ([(2, 6, 5, 3), (2, 6, 5, 4)], "float32", r"two maps of .*\(2, 6, 5, 3\) and \(2, 6, 5, 4\)"),
    "different batches": ([(2, 6, 5, 3), (3, 6, 5, 3)], "float32", r"takes two .*\(2, 6, 5, 3\) and \(3, 6, 5, 3\)"),
    "no pixels": ([(2, 0, 5, 3)] * 2, "float32", r"at least one pixel; got x of shape \(2, 0, 5, 3\)"),
    "integers": ([(BATCH, *SHAPE)] * 2, "int32", "maps of a floating point type; got x of type int32"),
}

OF_ONE_SIZE = {
    "different widths": ([(2, 6, 5, 3), (2, 6, 4, 3)], "float32", r"one shape; got \(2, 6, 5, 3\) and \(2, 6, 4, 3\)"),
    "one and two": ([(2, 6, 5, 3), (1, 6, 5, 3)], "float32", r"one shape; got \(2, 6, 5, 3\) and \(1, 6, 5, 3\)"),
}


def check_layer(layer_class, arguments, reference, tmp_path, parameters=0):
    """Runs a layer with these arguments through everything that Keras asks of one.

    `reference` gives the right output for two NumPy arrays; `parameters` is how many the layer has.
    """
    rng = np.random.default_rng(0)
    pair = [rng.normal(size=(BATCH, *SHAPE)).astype("float32") for _ in range(2)]
    expected = reference(*pair)
    _check_config(layer_class, arguments)
    _check_shapes(layer_class(**arguments), pair, expected.shape)
    _check_numpy_sizes(layer_class, arguments)
    _check_channels_first(layer_class, arguments, pair, expected)
    layer = layer_class(**arguments)
    layer(pair)
    assert layer.count_params() == parameters
    for dtype in ("float64", "float32", "mixed_float16", "mixed_bfloat16"):
        _check_dtype(layer_class(**arguments, dtype=dtype), pair, reference)
    model = _check_fit(layer_class(**arguments), pair)
    _check_saving(model, layer_class, pair, tmp_path / "model.keras")
    _check_compiled(model, pair)


def check_wrong_inputs(layer_class, of_one_size=True):
    """Everything in WRONG_INPUTS is refused with a message: at first, on a layer already used, and as symbolic maps.

    `layer_class` makes a layer of no arguments; `of_one_size` says whether it takes maps of one known size only.
    """
    used = layer_class()
    used([tf.zeros((BATCH, *SHAPE))] * 2)
    for shapes, dtype, message in (WRONG_INPUTS | (OF_ONE_SIZE if of_one_size else {})).values():
        for layer in (layer_class(), used):
            with pytest.raises(ValueError, match=message):
                layer(_at_shapes(shapes, lambda shape, dtype=dtype: tf.zeros(shape, dtype)))
    symbolic_inputs = [
        ([keras.Input(SHAPE, dtype="int32")] * 2, "floating point type; got x of type int32"),
        ([keras.Input((6, 5, None))] * 2, r"known.*; got x of shape \(None, 6, 5, None\)"),
        (keras.Input(SHAPE), "list of two feature maps"),
    ]
    if of_one_size:
        symbolic_inputs += [
            ([keras.Input((None, 5, 3))] * 2, r"all known but the batch; got x of shape \(None, None, 5, 3\)"),
            ([keras.Input(SHAPE), keras.Input((6, 4, 3))], r"one shape; got \(None, 6, 5, 3\) and \(None, 6, 4, 3\)"),
        ]
    for given in ((None, tf.zeros((BATCH, *SHAPE))), ([[1.0, 2.0]], [[1.0, 2.0]])):
        with pytest.raises(ValueError, match="list of two feature maps"):
            layer_class()(*given)
    for symbolic, message in symbolic_inputs:
        with pytest.raises(ValueError, match=message):
            layer_class()(symbolic)
    with pytest.raises(ValueError, match=r"got x of shape \(None, 6, 3\)"):
        layer_class().compute_output_shape([(None, 6, 3)] * 2)


def _at_shapes(value, make):
    """`value` with `make(shape)` in the place of every shape."""
    if isinstance(value, dict):
        return {name: _at_shapes(each, make) for name, each in value.items()}
    if isinstance(value, list):
        return [_at_shapes(each, make) for each in value]
    return make(value)


def _check_config(layer_class, arguments):
    layer = layer_class(**arguments, name="of_two", dtype="mixed_bfloat16")
    config = layer.get_config()
    for name, value in arguments.items():
        # Keras makes a dictionary of an object that was given by name.
        found = config[name]["class_name"].lower() if isinstance(config[name], dict) else config[name]
        assert found == value, name
    for copy in (layer_class.from_config(config), keras.layers.deserialize(keras.layers.serialize(layer))):
        assert type(copy) is layer_class
        assert copy.get_config() == config


def _check_numpy_sizes(layer_class, arguments):
    """NumPy's integers are as good as Python's own, also in the file of a model."""
    as_numpy = {name: _numpy_sizes(value) for name, value in arguments.items()}
    config = layer_class(**as_numpy, name="of_two").get_config()
    assert json.dumps(config) == json.dumps(layer_class(**arguments, name="of_two").get_config())
    shape = layer_class(**as_numpy).compute_output_shape([(None, *np.int64(SHAPE))] * 2)
    assert [type(size) for size in shape[1:]] == [int] * (len(shape) - 1)


def _numpy_sizes(value):
    if isinstance(value, tuple):
        return tuple(map(_numpy_sizes, value))
    return np.int64(value) if type(value) is int else value


def _check_channels_first(layer_class, arguments, pair, expected):
    """By the argument and by Keras' setting; a configuration without the argument is of channels last."""
    first = [maps.transpose(0, 3, 1, 2) for maps in pair]
    with image_data_format("channels_first"):
        layers = [layer_class(**arguments), layer_class(**arguments, data_format="channels_first")]
        config = layers[0].get_config()
        assert config.pop("data_format") == "channels_first"
        last = layer_class.from_config(config)
    for layer in layers:
        found = layer(first)
        axes = [0, *range(3, expected.ndim), 1, 2]
        np.testing.assert_allclose(found, expected.transpose(axes), atol=1e-4)
        assert layer.compute_output_shape([(None, *first[0].shape[1:])] * 2) == (None, *found.shape[1:])
        assert tuple(layer([keras.Input(first[0].shape[1:]) for _ in range(2)]).shape) == (None, *found.shape[1:])
    np.testing.assert_allclose(last(pair), expected, atol=1e-4)
    with pytest.raises(ValueError, match="one of channels_last, channels_first, or None; got 'NCHW'"):
        layer_class(**arguments, data_format="NCHW")
    with pytest.raises(ValueError, match=r"shape \(batch, channels, height, width\), .*got x of shape \(2, 6, 5\)"):
        layers[1]([tf.zeros((2, 6, 5))] * 2)


def check_made_for(make, channels_only):
    """A layer whose weights are made refuses maps of another number of channels, and of another width where its window
    is the whole width.

    Args:
        make: Makes the layer.
        channels_only: Whether the width does not matter.
    """
    height, width, channels = SHAPE
    layer = make()
    layer([tf.zeros((BATCH, *SHAPE))] * 2)
    assert layer([tf.zeros((BATCH, height + 1, width, channels))] * 2).shape[1] == height + 1
    made_for = f"was built for maps of {channels} channels{'' if channels_only else f' and width {width}'}; got shape "
    # The second has as many weights.
    wrong = [(height, width, channels + 1), (height, channels, width)]
    for shape in wrong:
        for call in (lambda maps: layer([maps] * 2), lambda maps: layer.compute_output_shape([maps.shape] * 2)):
            with pytest.raises(ValueError, match=re.escape(f"{made_for}{(BATCH, *shape)}")):
                call(tf.zeros((BATCH, *shape)))


def _check_shapes(layer, pair, shape):
    """Symbolic, computed and eager shape are one, also where the batch is unknown."""
    np.testing.assert_array_equal(layer(*pair), layer(pair))
    assert layer.compute_output_shape([(None, *SHAPE)] * 2) == (None, *shape[1:])
    assert layer.compute_output_shape([(7, *SHAPE)] * 2) == (7, *shape[1:])
    assert tuple(layer([keras.Input(SHAPE) for _ in range(2)]).shape) == (None, *shape[1:])
    assert tuple(layer([keras.Input(batch_shape=(7, *SHAPE)) for _ in range(2)]).shape) == (7, *shape[1:])
    assert tuple(layer(pair).shape) == shape
    unknown_batch = tf.function(layer, input_signature=[[tf.TensorSpec((None, *SHAPE))] * 2])
    assert tuple(unknown_batch(pair).shape) == shape


def _check_dtype(layer, pair, reference):
    """The output has the compute type, and the reference's values for inputs rounded to that type."""
    found = layer(pair)
    assert found.dtype == layer.compute_dtype
    rounded = [tf.cast(tf.cast(maps, layer.compute_dtype), "float64").numpy() for maps in pair]
    tolerance = TOLERANCES[layer.compute_dtype]
    found = tf.cast(found, "float64").numpy()
    np.testing.assert_allclose(found, reference(*rounded), rtol=tolerance, atol=tolerance)
    # Rounding the inputs costs more than computing on rounded ones, but no more than a few steps of the type.
    np.testing.assert_allclose(found, reference(*pair), rtol=4 * tolerance, atol=4 * tolerance)


def _check_fit(layer, pair):
    """One step of `fit` moves the weights before both inputs; returns the model."""
    images = [keras.Input(SHAPE, name=name) for name in ("x", "y")]
    before = [keras.layers.Conv2D(3, 1, name=f"before_{image.name}") for image in images]
    maps = layer([convolution(image) for convolution, image in zip(before, images, strict=True)])
    pool = keras.layers.GlobalAveragePooling2D() if len(maps.shape) == 4 else keras.layers.Flatten()
    maps = pool(keras.layers.ReLU()(maps))
    model = keras.Model(images, keras.layers.Dense(1, name="after")(maps))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    old = [convolution.get_weights() for convolution in before]
    history = model.fit(pair, np.array([[1.0], [-1.0]]), batch_size=BATCH, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    for convolution, (kernel, _) in zip(before, old, strict=True):
        new = convolution.get_weights()[0]
        assert np.isfinite(new).all()
        assert np.abs(new - kernel).max() > 1e-6, f"no gradient reached {convolution.name}"
    return model


def _check_compiled(model, pair):
    # Keras 3 asks the layers first; on the older line the layer finds itself inside XLA.
    asked = keras.__version__ >= "3" and not all(layer.supports_jit for layer in model.layers)
    with pytest.warns(UserWarning, match="support `jit_compile=True`") if asked else contextlib.nullcontext():
        model.compile("sgd", "mse", jit_compile=True)
        found = model.predict(pair, verbose=0)
    np.testing.assert_allclose(found, model(pair), atol=TOLERANCES["float32"])


def _check_saving(model, layer_class, pair, path):
    model.save(path)
    loaded = keras.saving.load_model(path, safe_mode=True)
    np.testing.assert_allclose(loaded(pair), model(pair), atol=1e-7)
    (layer,), (copy,) = ([each for each in of.layers if type(each) is layer_class] for of in (model, loaded))
    assert copy.get_config() == layer.get_config()


def check_equals_several_layers(several, make_layer, inputs, pair, tmp_path):
    """Checks that a layer computes what several do: output, gradients of inputs and weights, regularization; that the
    weights go from one to the other as they are, and into a file and back.

    Args:
        several: A model of several layers.
        make_layer: Makes the one layer.
        inputs: The inputs of the model.
        pair: Two maps to compute with.
        tmp_path: A folder.
    """
    one = keras.Model(inputs, make_layer()(inputs))
    assert [weight.shape for weight in one.get_weights()] == [weight.shape for weight in several.get_weights()]
    one.set_weights(several.get_weights())
    results = []
    for model in (one, several):
        with tf.GradientTape() as tape:
            tape.watch(pair)
            out = model(pair)
            loss = tf.reduce_sum(out * tf.cos(tf.reshape(tf.range(tf.size(out), dtype=tf.float32), out.shape)))
            loss += tf.add_n(model.losses)
        results.append([out, loss, *tape.gradient(loss, [*pair, *model.trainable_weights])])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-4)
    one.save_weights(tmp_path / "of.weights.h5")
    other = keras.Model(inputs, make_layer()(inputs))
    other.load_weights(tmp_path / "of.weights.h5")
    np.testing.assert_array_equal(other(pair), one(pair))
