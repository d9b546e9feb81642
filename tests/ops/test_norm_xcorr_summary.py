"""`norm_xcorr_summary` against the oracle, finite differences and the operations it stands for."""

import numpy as np
import pytest
import tensorflow as tf

from tests import oracle
from tests.conftest import TOLERANCES, small_maps
from tests.ops.test_norm_xcorr import GEOMETRIES, ids
from tfnxc.ops import norm_xcorr_summary

pytestmark = pytest.mark.usefixtures("implementation")


def summary(x, y, kernel, bias, patch_size=(5, 5), search_size=(5, None)):
    """The same in NumPy."""
    return np.maximum(oracle.norm_xcorr(x, y, patch_size, search_size), 0) @ kernel + bias


def gradients(inputs, upstream, **options):
    inputs = [tf.convert_to_tensor(each) for each in inputs]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        out = norm_xcorr_summary(*inputs, **options)
    return tape.gradient(out, inputs, upstream)


def weights(rng, maps, filters):
    return rng.normal(size=(maps, filters)), rng.normal(size=filters)


def window(shape, search_size):
    return shape[3] * search_size[0] * (search_size[1] or shape[2])


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=ids)
@pytest.mark.parametrize("kinds", [("random", "random"), ("relu", "random"), ("zero", "random")])
@pytest.mark.parametrize("filters", [1, 5, 33])
def test_forward_and_gradients_equal_the_oracle(geometry, kinds, filters, rng):
    shape, patch_size, search_size = geometry
    options = {"patch_size": patch_size, "search_size": search_size}
    x, y = (small_maps(kind, shape, rng) for kind in kinds)
    kernel, bias = weights(rng, window(shape, search_size), filters)
    out = norm_xcorr_summary(x, y, kernel, bias, **options)
    np.testing.assert_allclose(out, summary(x, y, kernel, bias, **options), atol=1e-9)
    upstream = rng.normal(size=out.shape)
    maps = oracle.norm_xcorr(x, y, **options)
    of_maps = (maps > 0) * (upstream @ kernel.T)
    expected = [
        *oracle.norm_xcorr_gradient(x, y, of_maps, **options),
        np.einsum("bijm,bijf->mf", np.maximum(maps, 0), upstream),
        upstream.sum(axis=(0, 1, 2)),
    ]
    for one, other in zip(gradients([x, y, kernel, bias], upstream, **options), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9 * max(1, np.abs(other).max()))


@pytest.mark.parametrize("search_size", [(5, None), (3, 3)])
def test_gradients_equal_finite_differences(search_size, rng):
    shape, options = (1, 4, 5, 1), {"patch_size": (3, 3), "search_size": search_size}
    inputs = [rng.normal(size=shape), rng.normal(size=shape), *weights(rng, window(shape, search_size), 2)]
    upstream = rng.normal(size=(*shape[:3], 2))
    for index, found in enumerate(gradients(inputs, upstream, **options)):

        def loss(value, index=index):
            given = [*inputs[:index], value, *inputs[index + 1 :]]
            return float(tf.reduce_sum(upstream * norm_xcorr_summary(*given, **options)))

        expected = oracle.finite_differences(loss, inputs[index])
        np.testing.assert_allclose(found, expected, atol=1e-6 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_every_float_type(dtype, rng):
    shape = (2, 6, 5, 2)
    inputs = [rng.normal(size=shape), rng.normal(size=shape), *(0.1 * each for each in weights(rng, 50, 3))]
    inputs = [tf.cast(each, dtype) for each in inputs]
    out = norm_xcorr_summary(*inputs)
    assert out.dtype == dtype
    expected = summary(*(tf.cast(each, "float64").numpy() for each in inputs))
    np.testing.assert_allclose(tf.cast(out, "float64"), expected, atol=4 * TOLERANCES[dtype])
    for found, given in zip(gradients(inputs, tf.ones_like(out)), inputs, strict=True):
        assert found.dtype == dtype and found.shape == given.shape
        assert np.isfinite(tf.cast(found, "float64")).all()


@pytest.mark.parametrize("mode", ["graph", "xla", "unknown batch"])
def test_compiled_equals_eager(mode, rng):
    x, y = (tf.constant(rng.normal(size=(3, 6, 5, 2))) for _ in range(2))
    kernel, bias = map(tf.constant, weights(rng, 50, 4))
    upstream = tf.constant(rng.normal(size=(3, 6, 5, 4)))

    def run(x, y):
        return norm_xcorr_summary(x, y, kernel, bias), *gradients([x, y, kernel, bias], upstream)

    signature = [tf.TensorSpec((None, 6, 5, 2), tf.float64)] * 2 if mode == "unknown batch" else None
    compiled = tf.function(run, jit_compile=mode == "xla", input_signature=signature)
    for one, other in zip(compiled(x, y), run(x, y), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


def test_empty_batch():
    x, kernel, bias = tf.zeros((0, 7, 6, 2)), tf.ones((60, 3)), tf.ones(3)
    assert norm_xcorr_summary(x, x, kernel, bias).shape == (0, 7, 6, 3)
    found = gradients([x, x, kernel, bias], tf.zeros((0, 7, 6, 3)))
    assert [each.shape for each in found] == [x.shape, x.shape, kernel.shape, bias.shape]
    assert not np.any(found[2]) and not np.any(found[3])


def test_nan_passes_the_relu_as_in_tensorflow(rng):
    x = rng.normal(size=(1, 6, 5, 2))
    x[0, 2, 2, 1] = np.nan
    out = norm_xcorr_summary(x, np.ones_like(x), *weights(rng, 50, 3)).numpy()
    assert np.isnan(out[0, :5, :5]).all() and not np.isnan(out[0, 5]).any()


def test_second_derivatives_equal_finite_differences(rng):
    inputs = [tf.constant(each) for each in (*rng.normal(size=(2, 1, 5, 4, 1)), *weights(rng, 20, 2))]
    upstream = tf.constant(rng.normal(size=(1, 5, 4, 2)))

    def penalty(*inputs):
        return tf.add_n([tf.reduce_sum(each**2) for each in gradients(list(inputs), upstream)])

    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = penalty(*inputs)
    found = tape.gradient(value, inputs, unconnected_gradients="zero")
    along = [rng.normal(size=each.shape) for each in inputs]
    above, below = (
        penalty(*(each + sign * 1e-6 * by for each, by in zip(inputs, along, strict=True))) for sign in (1, -1)
    )
    expected = float(above - below) / 2e-6
    assert abs(
        sum(float(tf.reduce_sum(each * by)) for each, by in zip(found, along, strict=True)) - expected
    ) < 1e-5 * abs(expected)


@pytest.mark.parametrize(
    ("kernel", "bias", "got"),
    [
        ((60, 3), (2,), r"\(60, 3\) and \(2,\)"),
        ((59, 3), (3,), r"\(59, 3\)"),
        ((1, 1, 60, 3), (3,), r"\(1, 1, 60, 3\)"),
    ],
)
def test_wrong_weights_are_refused(kernel, bias, got):
    x = tf.zeros((1, 7, 6, 2))
    with pytest.raises(ValueError, match=rf"kernel of shape \(60, filters\) and a bias of shape .*got {got}"):
        norm_xcorr_summary(x, x, tf.zeros(kernel), tf.zeros(bias))
