"""`cross_input_neighborhood` against the oracle and against finite differences."""

import numpy as np
import pytest
import tensorflow as tf

from tests import oracle
from tests.conftest import TOLERANCES
from tfnxc.ops import cross_input_neighborhood

GEOMETRIES = [
    ((2, 7, 6, 2), (5, 5)),
    ((1, 6, 4, 3), (5, None)),
    ((1, 2, 2, 1), (5, 3)),
    ((1, 1, 1, 2), (1, 1)),
    ((1, 2, 3, 1), (7, None)),
]


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_forward_equals_the_oracle(geometry, rng):
    shape, search_size = geometry
    x, y = rng.normal(size=(2, *shape))
    found = cross_input_neighborhood(x, y, search_size)
    np.testing.assert_allclose(found, oracle.cross_input_neighborhood(x, y, search_size), atol=1e-12)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_blocks_hold_the_maps_one_block_a_position(geometry, rng):
    (B, H, W, C), (rows, columns) = geometry
    columns = columns or W
    x, y = rng.normal(size=(2, B, H, W, C))
    maps = cross_input_neighborhood(x, y, geometry[1]).numpy().reshape(B, H, W, C, rows, columns)
    blocks = cross_input_neighborhood(x, y, geometry[1], layout="blocks")
    assert blocks.shape == (B, H * rows, W * columns, C)
    for i, j, c in np.ndindex(H, W, C):
        block = blocks[:, i * rows : (i + 1) * rows, j * columns : (j + 1) * columns, c]
        np.testing.assert_array_equal(block, maps[:, i, j, c])


@pytest.mark.parametrize("layout", ["maps", "blocks"])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_gradients_equal_finite_differences(geometry, layout, rng):
    shape, search_size = geometry
    x, y = rng.normal(size=(2, *shape))
    upstream = rng.normal(size=cross_input_neighborhood(x, y, search_size, layout).shape)

    def loss(x, y):
        return tf.reduce_sum(upstream * cross_input_neighborhood(x, y, search_size, layout))

    variables = tf.constant(x), tf.constant(y)
    with tf.GradientTape() as tape:
        tape.watch(variables)
        value = loss(*variables)
    dx, dy = tape.gradient(value, variables)
    np.testing.assert_allclose(dx, oracle.finite_differences(lambda x: loss(x, y), x), atol=1e-7)
    np.testing.assert_allclose(dy, oracle.finite_differences(lambda y: loss(x, y), y), atol=1e-7)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_every_float_type(dtype, rng):
    x, y = (tf.cast(rng.normal(size=(2, 4, 3, 2)), dtype) for _ in range(2))
    out = cross_input_neighborhood(x, y)
    assert out.dtype == dtype
    expected = oracle.cross_input_neighborhood(*(tf.cast(maps, "float64").numpy() for maps in (x, y)))
    np.testing.assert_allclose(tf.cast(out, "float64"), expected, atol=2 * TOLERANCES[dtype])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_gradients_of_half_precision_are_summed_in_float32(dtype, rng):
    """60 terms of one sign: summed in bfloat16 they are off by per cents."""
    x = tf.cast(rng.normal(size=(2, 9, 12, 2)), dtype)
    upstream = tf.cast(rng.random((2, 9, 12, 120)) + 0.5, dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.identity(x)
        out = cross_input_neighborhood(x, y, (5, None))
    found = tape.gradient(out, [x, y], upstream)
    # Both inputs share a tape: undo the share that y epochs on to x.
    given = tf.cast(upstream, "float64").numpy().reshape(2, 9, 12, 2, 5, 12)
    np.testing.assert_allclose(
        tf.cast(found[0] - found[1], "float64"), given.sum((4, 5)), rtol=4 * TOLERANCES[dtype], atol=0.1
    )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiled_with_unknown_batch_equals_eager(jit_compile, rng):
    x, y = (tf.constant(rng.normal(size=(3, 5, 4, 2))) for _ in range(2))

    def run(x, y):
        with tf.GradientTape() as tape:
            tape.watch([x, y])
            loss = tf.reduce_sum(cross_input_neighborhood(x, y, (5, None)) ** 3)
        return loss, *tape.gradient(loss, [x, y])

    compiled = tf.function(
        run, jit_compile=jit_compile, input_signature=[tf.TensorSpec((None, 5, 4, 2), tf.float64)] * 2
    )
    for one, other in zip(compiled(x, y), run(x, y), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


def test_second_derivatives_work(rng):
    """The difference is linear: the second derivative of its sum of squares is constant."""
    x, y = (tf.constant(rng.normal(size=(1, 4, 3, 1))) for _ in range(2))
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            loss = tf.reduce_sum(cross_input_neighborhood(x, y, (3, 3)) ** 2)
        dx = inner.gradient(loss, x)
    np.testing.assert_allclose(outer.gradient(dx, x), np.full((1, 4, 3, 1), 18.0))


def test_empty_batch():
    assert cross_input_neighborhood(tf.zeros((0, 4, 3, 2)), tf.zeros((0, 4, 3, 2))).shape == (0, 4, 3, 50)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.zeros((1, 5, 5))}, "x of shape"),
        ({"x": np.zeros((1, 5, 4, 1))}, "one shape"),
        ({"x": np.zeros((1, 5, 5, 1), "int64")}, "floating point type; got x of type int64"),
        ({"search_size": (2, 5)}, "search_size must be"),
        ({"layout": "rows"}, "layout must be one of"),
    ],
)
def test_bad_arguments_say_what_came_and_what_was_expected(arguments, message):
    maps = np.zeros((1, 5, 5, 1))
    with pytest.raises(ValueError, match=message):
        cross_input_neighborhood(**{"x": maps, "y": maps, **arguments})
