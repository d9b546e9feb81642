"""`norm_xcorr` against the oracle and against finite differences, on every implementation."""

import functools
import os

import numpy as np
import pytest
import tensorflow as tf

from tests import oracle
from tests.conftest import TOLERANCES, small_maps
from tfnxc.ops import norm_xcorr

pytestmark = pytest.mark.usefixtures("implementation")

KINDS = ["random", "flat", "zero", "nearly flat", "relu"]
GEOMETRIES = [  # shape of the maps, patch, window
    ((2, 7, 6, 2), (5, 5), (5, None)),
    ((1, 6, 7, 2), (3, 5), (3, 5)),
    ((1, 5, 4, 1), (5, 3), (7, 3)),
    ((1, 2, 3, 1), (5, 5), (5, None)),  # map smaller than the patch, fewer rows than the window
    ((1, 2, 2, 1), (5, 5), (3, 7)),  # window wider than the map
    ((2, 1, 1, 3), (3, 3), (1, 1)),
    ((1, 3, 37, 1), (3, 3), (3, 5)),  # more than two tiles of columns
    ((1, 4, 3, 1), (1, 3), (1, None)),
]


def ids(geometry):
    return "x".join(map(str, geometry[0])) + f"-patch{geometry[1]}-window{geometry[2]}".replace(" ", "")


def gradients(x, y, upstream, **options):
    with tf.GradientTape() as tape:
        tape.watch([x, y])
        out = norm_xcorr(x, y, **options)
    return tape.gradient(out, [x, y], upstream)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=ids)
@pytest.mark.parametrize("kinds", [("random", "random"), ("relu", "flat"), ("flat", "nearly flat"), ("zero", "random")])
def test_forward_equals_the_oracle(geometry, kinds, rng):
    shape, patch_size, search_size = geometry
    x, y = (small_maps(kind, shape, rng) for kind in kinds)
    out = norm_xcorr(tf.constant(x), tf.constant(y), patch_size, search_size)
    np.testing.assert_allclose(out, oracle.norm_xcorr(x, y, patch_size, search_size), atol=TOLERANCES["float64"])


@pytest.mark.parametrize("gradient", ["exact", "published"])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=ids)
@pytest.mark.parametrize("kinds", [("random", "random"), ("relu", "flat"), ("flat", "nearly flat"), ("zero", "random")])
def test_gradients_equal_the_oracle(geometry, kinds, gradient, rng):
    shape, patch_size, search_size = geometry
    x, y = (small_maps(kind, shape, rng) for kind in kinds)
    upstream = rng.normal(size=(*shape[:3], shape[3] * search_size[0] * (search_size[1] or shape[2])))
    options = {"patch_size": patch_size, "search_size": search_size, "gradient": gradient}
    found = gradients(tf.constant(x), tf.constant(y), tf.constant(upstream), **options)
    expected = oracle.norm_xcorr_gradient(x, y, upstream, **options)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9 * max(1, np.abs(other).max()))


@pytest.mark.parametrize(
    "kinds", [(a, b) for a in KINDS for b in KINDS if "flat" not in (a, b) and "zero" not in (a, b)]
)
@pytest.mark.parametrize("search_size", [(5, None), (3, 3)])
def test_exact_gradient_equals_finite_differences(kinds, search_size, rng):
    shape = (1, 4, 5, 1)
    x, y = (small_maps(kind, shape, rng) for kind in kinds)
    upstream = rng.normal(size=norm_xcorr(x, y, (3, 3), search_size).shape)

    def loss(x, y):
        return float(tf.reduce_sum(upstream * norm_xcorr(x, y, (3, 3), search_size)))

    dx, dy = gradients(
        tf.constant(x), tf.constant(y), tf.constant(upstream), patch_size=(3, 3), search_size=search_size
    )
    # The step must stay far below the deviation (1e-3 in nearly flat maps) and, at the flat patches of a map after
    # ReLU, far below epsilon, because there the second derivative jumps.
    step, share = (1e-6, 1e-7) if kinds == ("random", "random") else (1e-8, 1e-5)
    for found, of in ((dx, lambda x: loss(x, y)), (dy, lambda y: loss(x, y))):
        expected = oracle.finite_differences(of, x if found is dx else y, step)
        np.testing.assert_allclose(found, expected, atol=share * max(np.abs(dx).max(), np.abs(dy).max()))


@pytest.mark.parametrize("value", [0.0, 0.7, -3.0])
def test_exact_gradient_at_flat_patches_equals_finite_differences(value, rng):
    """At s = 0 the correlation vanishes to first order, so it has a derivative: central differences converge to it."""
    shape, patch_size, search_size = (1, 5, 4, 1), (3, 3), (3, None)
    x, y = np.full(shape, value), rng.normal(size=shape)
    upstream = rng.normal(size=norm_xcorr(x, y, patch_size, search_size).shape)

    def difference(which, step=1e-7):
        def f(maps):
            pair = (maps, y) if which == 0 else (y, maps)
            return float(tf.reduce_sum(upstream * norm_xcorr(*pair, patch_size, search_size)))

        return oracle.finite_differences(f, x, step)

    options = {"patch_size": patch_size, "search_size": search_size}
    dx = gradients(tf.constant(x), tf.constant(y), tf.constant(upstream), **options)[0]
    dy = gradients(tf.constant(y), tf.constant(x), tf.constant(upstream), **options)[1]
    # Border patches of a map that is not zero are not flat; inner ones are.
    np.testing.assert_allclose(dx, difference(0), atol=1e-3 * np.abs(dx).max())
    np.testing.assert_allclose(dy, difference(1), atol=1e-3 * np.abs(dy).max())


def test_published_gradient_is_off_by_the_known_share():
    """SPEC section 1: off by 1.5 % at s = 0.9 and by 19 % at s = 0.02 where the epsilon part is all that differs."""
    X = np.array([1.0, -1.0, 0.5, -0.5, 0.0, 0.3, -0.3, 0.8, -0.8])
    for s, least in ((0.9, 0.005), (0.02, 0.1)):
        x = (X / X.std(ddof=1) * s).reshape(1, 3, 3, 1)
        y = x + 0.3 * s * np.sin(np.arange(9)).reshape(x.shape)
        one = np.zeros((1, 3, 3, 9))
        one[0, 1, 1, 4] = 1.0  # only the centre patch against the centre patch: no zero padding in it
        options = {"patch_size": (3, 3), "search_size": (3, None)}
        exact = gradients(tf.constant(x), tf.constant(y), tf.constant(one), **options)[0]
        published = gradients(tf.constant(x), tf.constant(y), tf.constant(one), gradient="published", **options)[0]
        off = np.linalg.norm(published - exact) / np.linalg.norm(exact)
        assert off > least, (s, off)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("search_size", [(5, None), (3, 5)])
def test_every_float_type(dtype, search_size, rng):
    x, y = (tf.cast(rng.normal(size=(2, 6, 5, 2)), dtype) for _ in range(2))
    out = norm_xcorr(x, y, search_size=search_size)
    assert out.dtype == dtype
    expected = oracle.norm_xcorr(*(tf.cast(maps, "float64").numpy() for maps in (x, y)), (5, 5), search_size)
    np.testing.assert_allclose(tf.cast(out, "float64"), expected, atol=TOLERANCES[dtype])
    for found in gradients(x, y, tf.ones_like(out), search_size=search_size):
        assert found.dtype == dtype
        assert np.isfinite(tf.cast(found, "float64")).all()


@pytest.mark.parametrize("mode", ["graph", "xla", "unknown batch"])
@pytest.mark.parametrize("search_size", [(5, None), (3, 5)])
def test_compiled_equals_eager(mode, search_size, rng):
    x, y = (tf.constant(rng.normal(size=(3, 6, 20, 2))) for _ in range(2))
    upstream = tf.constant(rng.normal(size=norm_xcorr(x, y, search_size=search_size).shape))

    def run(x, y):
        return norm_xcorr(x, y, search_size=search_size), *gradients(x, y, upstream, search_size=search_size)

    signature = [tf.TensorSpec((None, 6, 20, 2), tf.float64)] * 2 if mode == "unknown batch" else None
    compiled = tf.function(run, jit_compile=mode == "xla", input_signature=signature)
    for one, other in zip(compiled(x, y), run(x, y), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


def test_empty_batch():
    x = tf.zeros((0, 7, 6, 2))
    for search_size, maps in (((5, None), 60), ((3, 5), 30)):
        assert norm_xcorr(x, x, search_size=search_size).shape == (0, 7, 6, maps)
        dx, dy = gradients(x, x, tf.zeros((0, 7, 6, maps)), search_size=search_size)
        assert dx.shape == dy.shape == (0, 7, 6, 2)


def test_nan_stays_with_its_image_and_channel():
    x = np.random.default_rng(0).normal(size=(2, 7, 6, 2))
    x[0, 3, 3, 1] = np.nan
    out = norm_xcorr(x, np.ones_like(x)).numpy().reshape(2, 7, 6, 2, 30)
    assert np.isnan(out[0, 3, 3, 1]).all()
    assert not np.isnan(out[0, :, :, 0]).any() and not np.isnan(out[1]).any()
    assert not np.isnan(out[0, 0, :, 1]).any()


@pytest.mark.parametrize("search_size", [(3, None), (3, 3)])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_reaches_what_holds_it_and_nothing_else(value, search_size, rng):
    x, y = (rng.normal(size=(2, 6, 7, 2)) for _ in range(2))
    y[1, 2, 5, 1] = value
    upstream = rng.normal(size=norm_xcorr(x, y, (3, 3), search_size).shape)
    with np.errstate(invalid="ignore"):
        expected = [oracle.norm_xcorr(x, y, (3, 3), search_size)]
        expected += oracle.norm_xcorr_gradient(x, y, upstream, (3, 3), search_size)
    options = {"patch_size": (3, 3), "search_size": search_size}
    found = [norm_xcorr(x, y, **options)]
    found += gradients(tf.constant(x), tf.constant(y), tf.constant(upstream), **options)
    for one, other in zip(found, expected, strict=True):
        assert np.isnan(other).any() and not np.isnan(other).all()
        np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize("size", [1e18, 1e30])
def test_huge_values_do_not_overflow_in_double(size, rng):
    x, y = (rng.normal(size=(1, 5, 4, 1)) for _ in range(2))
    expected = oracle.norm_xcorr(x * size, y)
    np.testing.assert_allclose(norm_xcorr(x * size, y), expected, atol=1e-10)
    upstream = rng.normal(size=expected.shape)
    found = gradients(tf.constant(x * size), tf.constant(y), tf.constant(upstream))
    for one, other in zip(found, oracle.norm_xcorr_gradient(x * size, y, upstream), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9 * np.abs(other).max())


def test_maps_that_are_views_of_others(rng):
    """Slices and transposes, whose rows do not follow each other in memory where they come from."""
    both = rng.normal(size=(2, 7, 12, 6)).transpose(0, 2, 1, 3)[:, ::2]
    x, y = both[..., ::2], both[:, ::-1, :, 3:]
    np.testing.assert_allclose(norm_xcorr(x, y), oracle.norm_xcorr(x, y), atol=1e-10)
    np.testing.assert_allclose(norm_xcorr(tf.constant(both)[..., ::2], y), oracle.norm_xcorr(x, y), atol=1e-10)


@pytest.mark.parametrize(
    ("shape", "search_size"),
    [((1, 1, 70_000, 1), (1, None)), ((300, 64, 64, 32), (5, 19)), ((1, 1, 3, 1), (2**31 - 1, None))],
    ids=str,
)
def test_sizes_that_overflow_32_bits_are_refused(shape, search_size):
    x = tf.zeros(shape)
    with pytest.raises(ValueError, match=r"at most 2\^31 - 1 numbers; .* fewer images at a time or a smaller window"):
        norm_xcorr(x, x, search_size=search_size)
    unknown_batch = [tf.TensorSpec((None, *shape[1:]))] * 2
    late = tf.function(lambda x, y: norm_xcorr(x, y, search_size=search_size), input_signature=unknown_batch)
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=r"at most 2\^31 - 1 numbers"):
        late(x, x)


def test_nothing_is_computed_before_the_size_is_known():
    """Or what is refused takes gigabytes first."""
    signature = [tf.TensorSpec((None, 8, 8, 4))] * 2
    graph = tf.function(norm_xcorr, input_signature=signature).get_concrete_function()
    users = {operation.type for each in graph.inputs for operation in each.consumers()}
    assert users <= {"Shape", "Identity"}


def test_it_is_not_symmetric(rng):
    x, y = rng.normal(size=(2, 1, 6, 5, 1))
    assert np.abs(norm_xcorr(x, y) - norm_xcorr(y, x)).max() > 0.1


def with_gradients(x, y, upstream, xla=False, **options):
    """The correlation and both gradients, of float32 maps, as XLA compiles it or not."""
    run = traced(xla, os.environ["TFNXC_OPS"], tuple(options.items()))
    return [each.numpy() for each in run(*(tf.constant(each, tf.float32) for each in (x, y, upstream)))]


@functools.cache
def traced(xla, implementation, options):
    """The correlation and both gradients as one function, traced once for each implementation and shape."""

    def run(x, y, upstream):
        return norm_xcorr(x, y, **dict(options)), *gradients(x, y, upstream, **dict(options))

    return tf.function(run, jit_compile=xla)


@pytest.mark.parametrize("xla", [False, True])
@pytest.mark.parametrize("search_size", [(3, None), (3, 3)])
@pytest.mark.parametrize(
    ("offset", "deviation"), [(1e3, 1e-2), (1e6, 1.0), (-1e6, 0.1), (0, 1e-6), (0, 1e19), (0, 1e30), (1e30, 1e27)]
)
def test_neither_offset_nor_size_costs_the_precision(offset, deviation, search_size, xla, rng):
    x, y = (deviation * rng.normal(size=(2, 1, 7, 6, 1)) + offset).astype("float32")
    upstream = rng.normal(size=norm_xcorr(x, y, (3, 3), search_size).shape).astype("float32")
    out, *found = with_gradients(x, y, upstream, xla, patch_size=(3, 3), search_size=search_size)
    np.testing.assert_allclose(out, oracle.norm_xcorr(x, y, (3, 3), search_size), atol=2e-6)
    for one, other in zip(found, oracle.norm_xcorr_gradient(x, y, upstream, (3, 3), search_size), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5 * np.abs(other).max())


@pytest.mark.parametrize("xla", [False, True])
@pytest.mark.parametrize("value", [0.7, 1234567.0, 1.1e19, 1.1e30, np.finfo("float32").max])
def test_flat_patches_give_exactly_0(value, xla, rng):
    x, y = np.full((1, 9, 9, 2), value), value * rng.normal(size=(1, 9, 9, 2)) / 10
    out, dx, _ = with_gradients(x, y, np.ones((1, 9, 9, 90)), xla)
    assert not np.any(out[:, 2:-2, 2:-2]) and np.any(out[:, 0])
    assert np.isfinite(dx).all()


@pytest.mark.parametrize("xla", [False, True])
@pytest.mark.parametrize("patch_size", [(1, 3), (3, 3), (5, 5), (7, 9)])
def test_rounding_never_takes_it_beyond_1(patch_size, xla, rng):
    correlate = tf.function(lambda x, y: norm_xcorr(x, y, patch_size), jit_compile=xla)
    for size in (1e3, 1e6, 1e20, 1e37):
        x = (size * rng.normal(size=(4, 12, 10, 4))).astype("float32")
        for y in (x, -x, x / 3):
            out = correlate(tf.constant(x), tf.constant(y))
            assert 0.99 < np.abs(out).max() <= 1


def test_a_pixel_beyond_all_others_costs_only_the_patches_that_hold_it(rng):
    x, y = rng.normal(size=(2, 1, 12, 8, 1)).astype("float32")
    x[0, 2, 3, 0] = 3e38
    out, *found = with_gradients(x, y, np.ones((1, 12, 8, 40)))
    np.testing.assert_allclose(out, oracle.norm_xcorr(x, y), atol=2e-6)
    for one, other in zip(found, oracle.norm_xcorr_gradient(x, y, np.ones((1, 12, 8, 40))), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5 * np.abs(other).max())


@pytest.mark.parametrize("epsilon", [1.1e-25, 1e-20, 1e-12, 1e-6, 1e6, 1e20])
def test_small_and_large_epsilon(epsilon, rng):
    x, y = (epsilon * rng.normal(size=(2, 1, 7, 6, 1))).astype("float32")
    x[0, 4:] = 0
    upstream = rng.normal(size=(1, 7, 6, 30)).astype("float32")
    out, *found = with_gradients(x, y, upstream, epsilon=epsilon)
    np.testing.assert_allclose(out, oracle.norm_xcorr(x, y, epsilon=epsilon), atol=2e-6)
    for one, other in zip(found, oracle.norm_xcorr_gradient(x, y, upstream, epsilon=epsilon), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5 * np.abs(other).max())


@pytest.mark.parametrize(
    ("epsilon", "dtype", "limits"),
    [
        (1e-45, "float32", "float32 in float32, with an epsilon from 1e-25 to 1e.25"),
        (1e-30, "float16", "float16 in float32, with an epsilon from 1e-25 to 1e.25"),
        (1e39, "float32", "from 1e-25 to 1e.25; got 1e.39"),
        (1e-310, "float64", "float64 in float64, with an epsilon from 1e-200 to 1e.200"),
    ],
)
def test_an_epsilon_that_the_type_cannot_divide_by_is_refused(epsilon, dtype, limits):
    maps = tf.zeros((1, 5, 5, 1), dtype)
    with pytest.raises(ValueError, match=limits):
        norm_xcorr(maps, maps, epsilon=epsilon)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.zeros((5, 5, 1))}, r"x of shape \(5, 5, 1\)"),
        ({"x": np.zeros((1, 5, 5, 2))}, r"same channels; got \(1, 5, 5, 2\) and \(1, 5, 5, 1\)"),
        ({"x": np.zeros((1, 5, 5, 1), "float32")}, "one type; got float32 and float64"),
        ({"x": np.zeros((1, 5, 5, 1), "int32")}, "floating point type; got x of type int32"),
        ({"x": np.zeros((1, 0, 5, 1)), "y": np.zeros((1, 0, 5, 1))}, "at least one pixel"),
        ({"patch_size": (4, 5)}, r"patch_size must be two odd positive integers .*got \(4, 5\)"),
        ({"patch_size": (5, 5, 5)}, "patch_size must be an integer or a pair of integers; got"),
        ({"patch_size": (2.5, 3)}, "patch_size must be an integer or a pair of integers"),
        ({"patch_size": (1, 1)}, "at least 2 pixels"),
        ({"search_size": (4, None)}, "search_size must be"),
        ({"search_size": (5, -3)}, "search_size must be"),
        ({"search_size": (None, 5)}, "search_size must be"),
        ({"epsilon": 0}, "epsilon must be a positive, finite number; got 0"),
        ({"epsilon": float("nan")}, "epsilon must be"),
        ({"gradient": "approximate"}, "gradient must be one of"),
        ({"implementation": "fast"}, "implementation must be one of .*got 'fast'"),
    ],
)
def test_bad_arguments_say_what_came_and_what_was_expected(arguments, message):
    maps = np.zeros((1, 5, 5, 1))
    with pytest.raises(ValueError, match=message):
        norm_xcorr(**{"x": maps, "y": maps, **arguments})


def test_batches_that_differ_at_run_time_are_refused():
    compiled = tf.function(norm_xcorr, input_signature=[tf.TensorSpec((None, 5, 5, 1))] * 2)
    assert compiled(tf.zeros((2, 5, 5, 1)), tf.zeros((2, 5, 5, 1))).shape == (2, 5, 5, 25)
    with pytest.raises(tf.errors.InvalidArgumentError, match="two batches of one size"):
        compiled(tf.zeros((4, 5, 5, 1)), tf.zeros((1, 5, 5, 1)))


@pytest.mark.parametrize("columns", [5, 12, 19])
def test_what_memory_held_before_changes_nothing(rng, implementation, columns):
    """The compiled op works in whole vectors of patches: what lies behind the last patch must not matter."""
    x, y = (rng.normal(size=(1, 10, columns, 2)).astype(np.float32) for _ in range(2))
    expected = norm_xcorr(x, y).numpy()
    for left_behind in (np.nan, np.inf, 0.0, 1e30):
        norm_xcorr(np.full_like(x, left_behind), np.full_like(y, left_behind))
        np.testing.assert_array_equal(norm_xcorr(x, y), expected)
