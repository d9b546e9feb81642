"""`NormXcorr` as a Keras layer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import oracle
from tests.layers import layer_checks
from tfnxc.layers import NormXcorr

pytestmark = pytest.mark.usefixtures("implementation")


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"search_size": (3, 5), "patch_size": (3, 5), "epsilon": 0.1, "gradient": "published"},
    ],
    ids=["defaults", "other arguments"],
)
def test_it_does_all_that_keras_asks_of_a_layer(arguments, tmp_path, keras_seed):
    def reference(x, y):
        return oracle.norm_xcorr(x, y, **{name: value for name, value in arguments.items() if name != "gradient"})

    layer_checks.check_layer(NormXcorr, arguments, reference, tmp_path)


GEOMETRY = {"patch_size": (2, 3), "search_size": (3, 5), "stride": (2, 1), "dilation": (1, 2), "padding": "valid"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        GEOMETRY,
        {"patch_size": (3, 3), "search_size": (None, None), "padding": "masked", "output_axes": 5},
        {"patch_size": (3, 3), "search_size": (3, None), "reduction": "mean", "output_axes": 5},
        {"patch_size": (3, 5), "search_size": (3, 3), "reduction": "learned", "kernel_initializer": "ones"},
    ],
    ids=["valid", "masked, of 5 axes", "mean", "learned"],
)
def test_of_any_geometry_it_does_all_that_keras_asks(arguments, tmp_path, keras_seed):
    reduced, geometry = arguments.get("reduction"), dict(arguments)
    five = geometry.pop("output_axes", 4) == 5
    for name in ("reduction", "kernel_initializer"):
        geometry.pop(name, None)

    def reference(x, y):
        out = oracle.AnyGeometry(**geometry)(x, y)
        if reduced:
            out = out.mean(axis=3) if reduced == "mean" else out.sum(axis=3)
            return out if five else out.reshape(*out.shape[:3], -1)
        return out.reshape(*out.shape[:4], -1) if five else out.reshape(*out.shape[:3], -1)

    parameters = 3 if reduced == "learned" else 0
    layer_checks.check_layer(NormXcorr, arguments, reference, tmp_path, parameters)


def test_learned_weights_are_kept_as_keras_keeps_weights(tmp_path, rng):
    arguments = {"kernel_initializer": "ones", "kernel_regularizer": keras.regularizers.L2(0.5)}
    layer = NormXcorr(reduction="learned", **arguments, kernel_constraint="non_neg")
    images = [keras.Input((6, 5, 3)), keras.Input((6, 5, 3))]
    model = keras.Model(images, layer(*images))
    pair = [rng.normal(size=(2, 6, 5, 3)).astype("float32") for _ in range(2)]
    np.testing.assert_allclose(model(pair), NormXcorr(reduction="sum")(pair), atol=1e-6)
    assert abs(float(model.losses[0]) - 1.5) < 1e-6
    model.compile(keras.optimizers.SGD(10.0), "mse")
    model.fit(pair, np.full(model(pair).shape, -1.0, "float32"), verbose=0)
    assert (layer.get_weights()[0] >= 0).all() and (layer.get_weights()[0] != 1).any()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded(pair), model(pair))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_sizes_may_be_unknown(data_format, rng):
    first = data_format == "channels_first"
    shapes = [(3, None, None) if first else (None, None, 3)] * 2
    layer = NormXcorr(3, 5, stride=2, reduction="mean", data_format=data_format)
    assert layer.compute_output_shape([(None, *shape) for shape in shapes]) == (
        (None, 25, None, None) if first else (None, None, None, 25)
    )
    images = [keras.Input(shape) for shape in shapes]
    model = keras.Model(images, layer(images))
    for sizes in ((6, 5), (9, 8)):
        x, y = rng.normal(size=(2, 2, *sizes, 3)).astype("float32")
        expected = oracle.AnyGeometry((3, 3), (5, 5), (2, 2))(x, y).mean(axis=3).reshape(2, -1, -(-sizes[1] // 2), 25)
        pair = [maps.transpose(0, 3, 1, 2) if first else maps for maps in (x, y)]
        found = model.predict(pair, verbose=0)
        np.testing.assert_allclose(found.transpose(0, 2, 3, 1) if first else found, expected, atol=1e-5)


def test_a_window_of_the_whole_map_takes_maps_of_known_size():
    for search_size, shape in (((5, None), (5, None, 3)), ((None, None), (None, 5, 3))):
        with pytest.raises(ValueError, match=r"known size where the window is all of it, .*got search_size \("):
            NormXcorr(3, search_size)([keras.Input((5, 5, 3)), keras.Input(shape)])
    assert NormXcorr(3).compute_output_shape([(None, None, 5, 3)] * 2) == (None, None, 5, 75)


def test_a_template_is_compared_with_every_place_of_a_larger_map(rng):
    y = rng.normal(size=(2, 9, 8, 3)).astype("float32")
    template = y[:, 4:8, 2:5]
    layer = NormXcorr((4, 3), (None, None), padding="valid", reduction="mean", output_axes=5)
    found = np.asarray(layer(template, y))
    assert found.shape == (2, 1, 1, 6, 6)
    for each in found[:, 0, 0]:
        assert np.unravel_index(each.argmax(), each.shape) == (4, 2) and each.max() > 0.95
    one = layer(tf.constant(template[:1]), y)
    np.testing.assert_allclose(one[0], found[0], atol=1e-6)


@pytest.mark.parametrize("gradient", ["exact", "published"])
def test_the_gradient_is_the_one_asked_for(gradient, rng):
    x, y, upstream = rng.normal(size=(1, 6, 5, 1)), rng.normal(size=(1, 6, 5, 1)), rng.normal(size=(1, 6, 5, 25))
    pair = [tf.constant(x), tf.constant(y)]
    with tf.GradientTape() as tape:
        tape.watch(pair)
        out = NormXcorr(gradient=gradient, dtype="float64")(pair)
    expected = oracle.norm_xcorr_gradient(x, y, upstream, gradient=gradient)
    for one, other in zip(tape.gradient(out, pair, tf.constant(upstream)), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


def test_wrong_inputs_are_refused():
    layer_checks.check_wrong_inputs(NormXcorr, of_one_size=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patch_size": (4, 5)}, r"patch_size must be two odd positive integers .*got \(4, 5\)"),
        ({"patch_size": (5, 5, 5)}, r"patch_size must be an integer or a pair of integers; got \(5, 5, 5\)"),
        ({"stride": 0}, r"stride must be two positive integers \(rows, columns\); got 0"),
        ({"dilation": None}, "dilation must be an integer or a pair of integers; got None"),
        ({"padding": "full"}, r"padding must be one of \('same', 'valid', 'masked'\); got 'full'"),
        ({"reduction": np.ones(3)}, r"reduction must be one of .*got array\(\[1., 1., 1.\]\)"),
        ({"reduction": "max"}, r"reduction must be one of \('sum', 'mean', 'learned'\); got 'max'"),
        ({"output_axes": 3}, r"output_axes must be one of \(4, 5\); got 3"),
        ({"patch_size": (1, 1)}, "at least 2 pixels.*got"),
        ({"search_size": (5, 4)}, r"search_size must be \(rows, columns\): odd .*got \(5, 4\)"),
        ({"search_size": (None, 5)}, r"search_size must be .*got \(None, 5\)"),
        ({"epsilon": 0}, "epsilon must be a positive, finite number; got 0"),
        ({"gradient": "approximate"}, r"gradient must be one of \('exact', 'published'\); got 'approximate'"),
        ({"implementation": "fast"}, "implementation must be one of .*got 'fast'"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        NormXcorr(**arguments)


def test_sizes_from_a_json_file_become_tuples():
    layer = NormXcorr(patch_size=[3, 3], search_size=[5, None])
    assert (layer.patch_size, layer.search_size) == ((3, 3), (5, None))
