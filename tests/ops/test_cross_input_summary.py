"""`cross_input_summary` against the oracle, finite differences and the operations it stands for."""

import numpy as np
import pytest
import tensorflow as tf

from tests import oracle
from tests.conftest import TOLERANCES, small_maps
from tests.ops.test_cross_input_neighborhood import GEOMETRIES as SMALL
from tfnxc.ops import _library, cross_input_summary

pytestmark = pytest.mark.usefixtures("implementation")

GEOMETRIES = [
    *SMALL,
    ((1, 3, 53, 1), (3, 19)),  # wider than the op's tiles of 24 positions
    ((1, 2, 30, 1), (3, None)),
    ((1, 19, 3, 2), (9, 3)),  # more rows than it takes together
]


def summary(x, y, kernel, bias, search_size=(5, 5)):
    """The same in NumPy."""
    return np.maximum(oracle.cross_input_neighborhood(x, y, search_size), 0) @ kernel + bias


def gradients(inputs, upstream, **options):
    inputs = [tf.convert_to_tensor(each) for each in inputs]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        out = cross_input_summary(*inputs, **options)
    return tape.gradient(out, inputs, upstream)


def example(shape, search_size, filters, rng, kind="random"):
    """x, y, kernel and bias, and an upstream gradient."""
    maps = shape[3] * search_size[0] * (search_size[1] or shape[2])
    inputs = [small_maps(kind, shape, rng), small_maps("random", shape, rng)]
    inputs += [rng.normal(size=(maps, filters)), rng.normal(size=filters)]
    return inputs, rng.normal(size=(*shape[:3], filters))


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("kind", ["random", "relu"])
@pytest.mark.parametrize("filters", [1, 5, 33])
def test_forward_and_gradients_equal_the_oracle(geometry, kind, filters, rng):
    shape, search_size = geometry
    (x, y, kernel, bias), upstream = example(*geometry, filters, rng, kind)
    out = cross_input_summary(x, y, kernel, bias, search_size)
    np.testing.assert_allclose(out, summary(x, y, kernel, bias, search_size), atol=1e-9)
    differences = oracle.cross_input_neighborhood(x, y, search_size)
    of_differences = (differences > 0) * (upstream @ kernel.T)
    dx, dy = np.zeros(shape), np.zeros(shape)
    for index, b, i, j, c, (row, column) in oracle.positions(shape, search_size):
        dx[b, i, j, c] += of_differences[index]
        if 0 <= row < shape[1] and 0 <= column < shape[2]:
            dy[b, row, column, c] -= of_differences[index]
    dkernel = np.einsum("bijm,bijf->mf", np.maximum(differences, 0), upstream)
    expected = [dx, dy, dkernel, upstream.sum(axis=(0, 1, 2))]
    found = gradients([x, y, kernel, bias], upstream, search_size=search_size)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize("search_size", [(5, None), (3, 3)])
def test_gradients_equal_finite_differences(search_size, rng):
    inputs, upstream = example((2, 4, 5, 2), search_size, 2, rng)
    for index, found in enumerate(gradients(inputs, upstream, search_size=search_size)):

        def loss(value, index=index):
            given = [*inputs[:index], value, *inputs[index + 1 :]]
            return float(tf.reduce_sum(upstream * cross_input_summary(*given, search_size)))

        np.testing.assert_allclose(found, oracle.finite_differences(loss, inputs[index]), atol=1e-6)


def test_no_bias_is_a_bias_of_zeros(rng):
    (x, y, kernel, _), _ = example((2, 4, 5, 2), (3, 3), 4, rng)
    found = cross_input_summary(x, y, kernel, search_size=(3, 3))
    np.testing.assert_array_equal(found, cross_input_summary(x, y, kernel, np.zeros(4), (3, 3)))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_every_float_type(dtype, rng):
    inputs, _ = example((2, 6, 5, 2), (5, 5), 3, rng)
    inputs = [tf.cast(each, dtype) for each in (*inputs[:2], 0.1 * inputs[2], inputs[3])]
    out = cross_input_summary(*inputs)
    assert out.dtype == dtype
    expected = summary(*(tf.cast(each, "float64").numpy() for each in inputs))
    np.testing.assert_allclose(tf.cast(out, "float64"), expected, atol=2 * TOLERANCES[dtype], rtol=TOLERANCES[dtype])
    for found, given in zip(gradients(inputs, tf.ones_like(out)), inputs, strict=True):
        assert found.dtype == dtype and found.shape == given.shape
        assert np.isfinite(tf.cast(found, "float64")).all()


@pytest.mark.parametrize("mode", ["graph", "xla", "unknown batch"])
def test_compiled_equals_eager(mode, rng):
    (x, y, kernel, bias), upstream = example((3, 6, 5, 2), (5, 5), 4, rng)

    def run(x, y):
        return cross_input_summary(x, y, kernel, bias), *gradients([x, y, kernel, bias], upstream)

    signature = [tf.TensorSpec((None, 6, 5, 2), tf.float64)] * 2 if mode == "unknown batch" else None
    compiled = tf.function(run, jit_compile=mode == "xla", input_signature=signature)
    for one, other in zip(compiled(x, y), run(x, y), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


def test_empty_batch():
    x, kernel, bias = tf.zeros((0, 7, 6, 2)), tf.ones((50, 3)), tf.ones(3)
    assert cross_input_summary(x, x, kernel, bias).shape == (0, 7, 6, 3)
    found = gradients([x, x, kernel, bias], tf.zeros((0, 7, 6, 3)))
    assert [each.shape for each in found] == [x.shape, x.shape, kernel.shape, bias.shape]
    assert not np.any(found[2]) and not np.any(found[3])


def test_nan_passes_the_relu_as_in_tensorflow(rng):
    (x, y, kernel, bias), _ = example((1, 6, 5, 2), (3, 3), 3, rng)
    y[0, 2, 2, 1] = np.nan
    out = cross_input_summary(x, y, kernel, bias, (3, 3)).numpy()
    assert np.isnan(out[0, 1:4, 1:4]).all() and np.isnan(out).sum() == 9 * 3


def test_the_same_inputs_give_the_same_bits(rng):
    """Resuming a training rests on it; sums over 40 images in float32 would show another order."""
    inputs, upstream = example((40, 7, 6, 3), (5, 5), 25, rng)
    inputs = [tf.cast(each, "float32") for each in inputs]
    first, second = (gradients(inputs, tf.cast(upstream, "float32")) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_second_derivatives_of_the_compiled_op_are_those_of_plain_tensorflow(rng, native_library):
    inputs, upstream = example((1, 5, 4, 1), (3, 3), 2, rng)
    inputs = [tf.constant(each) for each in inputs]
    found = []
    for implementation in ("native", "python"):
        with tf.GradientTape() as outer:
            outer.watch(inputs)
            of_maps = gradients(inputs, tf.constant(upstream), search_size=(3, 3), implementation=implementation)
            value = tf.add_n([tf.reduce_sum(each**2) for each in of_maps])
        found.append(outer.gradient(value, inputs, unconnected_gradients="zero"))
    assert np.any(found[0][2])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize(
    ("kernel", "bias", "got"),
    [
        ((50, 3), (2,), r"\(50, 3\) and \(2,\)"),
        ((49, 3), None, r"\(49, 3\)"),
        ((1, 1, 50, 3), (3,), r"\(1, 1, 50, 3\)"),
    ],
)
def test_wrong_weights_are_refused(kernel, bias, got):
    x = tf.zeros((1, 7, 6, 2))
    with pytest.raises(ValueError, match=rf"kernel of shape \(50, filters\) and a bias of shape .*got {got}"):
        cross_input_summary(x, x, tf.zeros(kernel), bias and tf.zeros(bias))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.zeros((1, 5, 4, 1), "float32")}, "cross_input_summary takes two maps of one shape"),
        ({"x": np.zeros((1, 5, 5, 1), "int64")}, "floating point type; got x of type int64"),
        ({"search_size": (2, 5)}, "search_size must be"),
        ({"implementation": "fast"}, "implementation must be one of"),
    ],
)
def test_bad_arguments_say_what_came_and_what_was_expected(arguments, message):
    maps = np.zeros((1, 5, 5, 1), "float32")
    with pytest.raises(ValueError, match=message):
        cross_input_summary(**{"x": maps, "y": maps, "kernel": np.zeros((25, 2), "float32"), **arguments})


def test_the_op_itself_refuses_what_does_not_fit(native_library):
    x = tf.zeros((1, 3, 3, 1))
    op = _library.load().ops.tfnxc_cross_input_summary
    gradient = tf.function(_library.load().ops.tfnxc_cross_input_summary_grad)
    with pytest.raises(tf.errors.InvalidArgumentError, match="search_size must be odd"):
        op(x=x, y=x, kernel=tf.zeros((4, 2)), bias=tf.zeros(2), search_size=[2, 2])
    with pytest.raises(tf.errors.InvalidArgumentError, match="one shape"):
        op(x=x, y=x[:, 1:], kernel=tf.zeros((9, 2)), bias=tf.zeros(2), search_size=[3, 3])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"shape \[9,2\] as input 2; got \[8,2\]"):
        op(x=x, y=x, kernel=tf.zeros((8, 2)), bias=tf.zeros(2), search_size=[3, 3])
    for bias in (tf.zeros((2, 1)), tf.zeros(()), tf.zeros(3)):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"shape \[2\] as input 3; got \["):
            op(x=x, y=x, kernel=tf.zeros((9, 2)), bias=bias, search_size=[3, 3])
    with pytest.raises(ValueError, match="must be rank 1 but is rank 2"):
        tf.function(op)(x=x, y=x, kernel=tf.zeros((9, 2)), bias=tf.zeros((2, 1)), search_size=[3, 3])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"shape \[1,3,3,2\] as input 3; got \[1,2,3,2\]"):
        gradient(x=x, y=x, kernel=tf.zeros((9, 2)), upstream=tf.zeros((1, 2, 3, 2)), search_size=[3, 3])
