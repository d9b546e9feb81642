"""`norm_xcorr` of any sizes, strides, dilations, paddings and reductions, against the oracle and finite differences."""

import numpy as np
import pytest
import tensorflow as tf

from tests import oracle
from tests.conftest import TOLERANCES, small_maps
from tests.ops.executed import executed
from tfnxc.ops import norm_xcorr

pytestmark = pytest.mark.usefixtures("implementation")

CASES = {
    "two sizes": ((2, 5, 6, 2), (2, 7, 4, 2), {"patch_size": (3, 5), "search_size": (3, 3)}),
    "two sizes, whole width": ((1, 6, 5, 1), (1, 4, 8, 1), {"patch_size": (3, 3), "search_size": (5, None)}),
    "stride": ((1, 7, 8, 2), (1, 7, 8, 2), {"patch_size": (3, 3), "search_size": (3, 5), "stride": (2, 3)}),
    "dilation": ((1, 6, 7, 1), (1, 6, 7, 1), {"patch_size": (3, 3), "search_size": (3, 5), "dilation": (3, 2)}),
    "stride, dilation": (
        (1, 7, 19, 1),
        (1, 7, 19, 1),
        {"patch_size": (3, 3), "search_size": (3, 3), "stride": (1, 2), "dilation": (2, 3)},
    ),
    "dilated whole width": (
        (1, 5, 6, 1),
        (1, 5, 7, 1),
        {"patch_size": (3, 3), "search_size": (3, None), "dilation": (1, 3), "stride": (3, 1)},
    ),
    "more than two tiles": (
        (1, 2, 37, 1),
        (1, 2, 37, 1),
        {"patch_size": (3, 3), "search_size": (1, 5), "stride": (1, 1)},
    ),
    "valid": ((1, 6, 7, 2), (1, 6, 7, 2), {"patch_size": (2, 3), "search_size": (3, 3), "padding": "valid"}),
    "valid, stride": (
        (1, 8, 7, 1),
        (1, 6, 9, 1),
        {"patch_size": (3, 2), "search_size": (3, None), "padding": "valid", "stride": (2, 2), "dilation": (2, 2)},
    ),
    "template": ((1, 3, 4, 2), (2, 7, 8, 2), {"patch_size": (3, 4), "search_size": (None, None), "padding": "valid"}),
    "masked": ((1, 5, 6, 2), (1, 5, 6, 2), {"patch_size": (3, 5), "search_size": (3, 5), "padding": "masked"}),
    "masked, whole map": (
        (1, 4, 3, 1),
        (1, 5, 4, 1),
        {"patch_size": (5, 3), "search_size": (None, None), "padding": "masked", "dilation": (2, 1)},
    ),
    "masked, map of one pixel": (
        (1, 1, 1, 1),
        (1, 1, 1, 1),
        {"patch_size": (3, 3), "search_size": (3, 3), "padding": "masked"},
    ),
    "one against many": ((1, 4, 5, 2), (3, 4, 5, 2), {"patch_size": (3, 3), "search_size": (3, None)}),
    "many against one": ((3, 4, 5, 1), (1, 6, 5, 1), {"patch_size": (3, 3), "search_size": (3, 3), "stride": (2, 2)}),
}
"""Shapes of the maps, and the geometry."""

KINDS = [("random", "random"), ("relu", "flat"), ("flat", "nearly flat"), ("zero", "random")]

cases = pytest.mark.parametrize("case", CASES)


def maps_of(case, rng, kinds=("random", "random")):
    *shapes, geometry = CASES[case]
    return *(small_maps(kind, shape, rng) for kind, shape in zip(kinds, shapes, strict=True)), geometry


def gradients(x, y, upstream, **options):
    with tf.GradientTape() as tape:
        tape.watch([x, y])
        out = norm_xcorr(x, y, **options)
    return tape.gradient(out, [x, y], tf.cast(tf.reshape(upstream, out.shape), out.dtype))


@cases
@pytest.mark.parametrize("kinds", KINDS, ids=" and ".join)
def test_it_equals_the_oracle(case, kinds, rng):
    x, y, geometry = maps_of(case, rng, kinds)
    expected = oracle.AnyGeometry(**geometry)(x, y)
    out = norm_xcorr(x, y, **geometry)
    assert out.shape == (*expected.shape[:3], expected[0, 0, 0].size)
    np.testing.assert_allclose(out, expected.reshape(out.shape), atol=TOLERANCES["float64"])
    five = norm_xcorr(x, y, **geometry, output_axes=5)
    np.testing.assert_array_equal(five, tf.reshape(out, [*expected.shape[:4], -1]))


@cases
@pytest.mark.parametrize("gradient", ["exact", "published"])
@pytest.mark.parametrize("kinds", KINDS[:2], ids=" and ".join)
def test_gradients_equal_the_oracle(case, gradient, kinds, rng):
    x, y, geometry = maps_of(case, rng, kinds)
    naive = oracle.AnyGeometry(**geometry)
    upstream = rng.normal(size=naive.shape(x, y))
    found = gradients(tf.constant(x), tf.constant(y), upstream, **geometry, gradient=gradient)
    for one, other in zip(found, naive.gradient(x, y, upstream, gradient=gradient), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9 * max(1, np.abs(other).max()))


@pytest.mark.parametrize("case", ["two sizes", "stride, dilation", "valid, stride", "template", "masked"])
def test_gradients_equal_finite_differences(case, rng):
    x, y, geometry = maps_of(case, rng)
    naive = oracle.AnyGeometry(**geometry)
    upstream = rng.normal(size=naive.shape(x, y))
    found = gradients(tf.constant(x), tf.constant(y), upstream, **geometry)
    for one, of, maps in zip(
        found, (lambda x: (upstream * naive(x, y)).sum(), lambda y: (upstream * naive(x, y)).sum()), (x, y), strict=True
    ):
        at = rng.choice(maps.size, 12, replace=False)  # the oracle is slow
        for index in zip(*np.unravel_index(at, maps.shape), strict=True):
            step = np.zeros_like(maps)
            step[index] = 1e-6
            expected = (of(maps + step) - of(maps - step)) / 2e-6
            assert abs(one.numpy()[index] - expected) < 1e-7 * max(1, np.abs(one).max())


@cases
@pytest.mark.parametrize("reduction", ["sum", "mean", "weights"])
def test_reductions_are_sums_over_the_channels(case, reduction, rng):
    x, y, geometry = maps_of(case, rng)
    channels = x.shape[3]
    weights = tf.constant(rng.normal(size=channels)) if reduction == "weights" else None
    numbers = {"sum": np.ones(channels), "mean": np.full(channels, 1 / channels), "weights": weights}[reduction]
    naive = oracle.AnyGeometry(**geometry)
    each = naive(x, y)
    expected = np.einsum("bijcrk,c->bijrk", each, numbers)
    upstream = rng.normal(size=expected.shape)
    x, y = tf.constant(x), tf.constant(y)
    with tf.GradientTape() as tape:
        tape.watch([x, y, *([weights] if weights is not None else [])])
        out = norm_xcorr(x, y, **geometry, reduction=reduction if weights is None else weights, output_axes=5)
    np.testing.assert_allclose(out, expected, atol=1e-10)
    watched = [x, y] if weights is None else [x, y, weights]
    found = tape.gradient(out, watched, tf.constant(upstream))
    spread = upstream[:, :, :, None] * np.asarray(numbers)[:, None, None]
    for one, other in zip(found, naive.gradient(x, y, spread), strict=False):
        np.testing.assert_allclose(one, other, atol=1e-9 * max(1, np.abs(other).max()))
    if weights is not None:
        np.testing.assert_allclose(found[2], np.einsum("bijcrk,bijrk->c", each, upstream), atol=1e-9)
    flat = norm_xcorr(x, y, **geometry, reduction=reduction if weights is None else weights)
    np.testing.assert_array_equal(flat, tf.reshape(out, [*out.shape[:3], -1]))


def random_case(rng):
    """Shapes of the maps and a geometry, of few pairs of patches: the oracle is slow."""
    while True:
        padding = str(rng.choice(["same", "valid", "masked"]))
        patch = rng.integers(1, 5, 2) if padding == "valid" else 2 * rng.integers(0, 3, 2) + 1
        window = [(None, None), (2 * rng.integers(3) + 1, None), tuple(2 * rng.integers(0, 4, 2) + 1)][rng.integers(3)]
        geometry = {
            "patch_size": tuple(map(int, patch)),
            "search_size": tuple(None if size is None else int(size) for size in window),
            "stride": tuple(map(int, rng.integers(1, 4, 2))),
            "dilation": tuple(map(int, rng.integers(1, 5, 2))),
            "padding": padding,
        }
        channels, batches = rng.integers(1, 4), [(1, 1), (2, 2), (1, 2), (2, 1)][rng.integers(4)]
        shapes = [(batch, *(patch + rng.integers(0, [5, 20])), channels) for batch in batches]
        numbers = np.prod(oracle.AnyGeometry(**geometry).shape(*map(np.zeros, shapes))) * patch.prod()
        if patch.prod() > 1 and numbers < 30000:
            return *shapes, geometry


@pytest.mark.parametrize("batches", [(2, 1), (1, 2)])
@pytest.mark.parametrize("search_size", [(None, None), (1, None), (1, 3)])
def test_one_entry_against_many_in_float32(batches, search_size, rng):
    """All channels together: products of matrices of which one side is a single one."""
    x, y = (rng.normal(size=(batch, 1, 6, 2)).astype("float32") for batch in batches)
    naive = oracle.AnyGeometry((3, 3), search_size)
    expected = naive(x, y)
    upstream = rng.normal(size=expected[:, :, :, 0].shape).astype("float32")
    x, y = tf.constant(x), tf.constant(y)
    with tf.GradientTape() as tape:
        tape.watch([x, y])
        out = norm_xcorr(x, y, 3, search_size, reduction="sum", output_axes=5)
    np.testing.assert_allclose(out, expected.sum(axis=3), atol=1e-5)
    spread = np.repeat(upstream[:, :, :, None], 2, axis=3)
    for found, by in zip(tape.gradient(out, [x, y], upstream), naive.gradient(x, y, spread), strict=True):
        np.testing.assert_allclose(found, by, atol=1e-4 * max(1, np.abs(by).max()))


@pytest.mark.parametrize("seed", range(12))
def test_random_geometries_equal_the_oracle(seed):
    rng = np.random.default_rng(seed)
    *shapes, geometry = random_case(rng)
    gradient = str(rng.choice(["exact", "published"]))
    x, y = (rng.normal(size=shape) for shape in shapes)
    weights = rng.normal(size=x.shape[3])
    naive = oracle.AnyGeometry(**geometry)
    each = naive(x, y)
    upstream = rng.normal(size=each.shape)
    of_one = rng.normal(size=each[:, :, :, 0].shape)
    with tf.GradientTape(persistent=True) as tape:
        maps = tf.constant(x), tf.constant(y), tf.constant(weights)
        tape.watch(maps)
        apart = norm_xcorr(*maps[:2], **geometry, gradient=gradient)
        together = norm_xcorr(*maps[:2], **geometry, gradient=gradient, reduction=maps[2], output_axes=5)
    np.testing.assert_allclose(apart, each.reshape(apart.shape), atol=1e-10)
    np.testing.assert_allclose(together, np.einsum("bijcrk,c->bijrk", each, weights), atol=1e-10)
    found = *tape.gradient(apart, maps[:2], upstream.reshape(apart.shape)), *tape.gradient(together, maps, of_one)
    spread = of_one[:, :, :, None] * weights[:, None, None]
    expected = (
        *naive.gradient(x, y, upstream, gradient=gradient),
        *naive.gradient(x, y, spread, gradient=gradient),
        np.einsum("bijcrk,bijrk->c", each, of_one),
    )
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9 * max(1, np.abs(other).max()))


def test_graphs_run_the_compiled_op(implementation):
    x, weights = tf.random.normal((1, 6, 7, 2)), tf.ones(2)

    def run(x, weights):
        with tf.GradientTape() as tape:
            tape.watch([x, weights])
            out = norm_xcorr(x, x, 3, 5, stride=2, reduction=weights)
        return tape.gradient(out, [x, weights])

    ran = executed(tf.function(run), x, weights)
    assert ("Tfnxc>NormXcorrAnyGrad" in ran) == (implementation == "native")


def test_what_is_not_finite_reaches_only_what_holds_it(implementation, rng):
    """In the gradients, whose products are of tiles with more than the windows hold."""
    if implementation == "python":
        pytest.skip("plain TensorFlow takes 0 times NaN for what a window does not hold")
    x, y = rng.normal(size=(2, 1, 5, 30, 2))
    y[0, 2, 15, 0] = np.nan
    x[0, 1, 3, 1] = np.nan
    weights = tf.ones(2, tf.float64)
    geometry = {"patch_size": (3, 3), "search_size": (3, 5), "dilation": (1, 2)}
    expected = oracle.AnyGeometry(**geometry).gradient(x, y, np.ones((1, 5, 30, 2, 3, 5)))
    with tf.GradientTape() as tape:
        x, y = tf.constant(x), tf.constant(y)
        tape.watch([x, y])
        out = norm_xcorr(x, y, **geometry, reduction=weights)
    for one, other in zip(tape.gradient(out, [x, y]), expected, strict=True):
        np.testing.assert_array_equal(np.isfinite(one), np.isfinite(other))


# XLA keeps what it compiled until the process ends.
MODES = [(case, mode) for case in CASES for mode in ("graph", "unknown sizes")]
MODES += [(case, "xla") for case in ("stride, dilation", "template", "masked")]


@pytest.mark.slow
@pytest.mark.parametrize(("case", "mode"), MODES)
def test_compiled_equals_eager(case, mode, rng):
    x, y, geometry = maps_of(case, rng)
    x, y = tf.constant(x), tf.constant(y)
    upstream = rng.normal(size=norm_xcorr(x, y, **geometry).shape)

    def run(x, y):
        return norm_xcorr(x, y, **geometry), *gradients(x, y, upstream, **geometry)

    signature = None
    if mode == "unknown sizes":
        # A batch of 1 is told to be one, where the other's is not.
        batches = [1 if len(maps) == 1 and len(x) != len(y) else None for maps in (x, y)]
        shapes = [(batch, None, None, x.shape[3]) for batch in batches]
        signature = [tf.TensorSpec(shape, tf.float64) for shape in shapes]
        run = lambda x, y: norm_xcorr(x, y, **geometry)  # noqa: E731
    compiled = tf.function(run, jit_compile=mode == "xla", input_signature=signature)
    for one, other in zip(tf.nest.flatten(compiled(x, y)), tf.nest.flatten(run(x, y)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("case", ["two sizes", "stride, dilation", "valid, stride", "template", "masked"])
def test_every_float_type(case, dtype, rng):
    x, y, geometry = maps_of(case, rng)
    x, y = tf.cast(x, dtype), tf.cast(y, dtype)
    expected = oracle.AnyGeometry(**geometry)(*(tf.cast(maps, "float64") for maps in (x, y)))
    out = norm_xcorr(x, y, **geometry)
    assert out.dtype == dtype
    np.testing.assert_allclose(tf.cast(out, "float64"), expected.reshape(out.shape), atol=TOLERANCES[dtype])
    for found in gradients(x, y, np.ones(out.shape), **geometry):
        assert found.dtype == dtype
        assert np.isfinite(tf.cast(found, "float64")).all()


PENALIZED = {
    "as in the paper": ((1, 4, 5, 1), (1, 4, 5, 1), {"patch_size": (3, 3), "search_size": (3, None)}),
    "relative columns": ((1, 4, 5, 1), (1, 4, 5, 1), {"patch_size": (3, 3), "search_size": (3, 3)}),
    **{case: CASES[case] for case in ("stride", "template", "masked", "one against many")},
}


@pytest.mark.slow
@pytest.mark.parametrize("case", PENALIZED)
@pytest.mark.parametrize("graph", [False, True])
def test_second_derivatives_equal_finite_differences(case, graph, rng):
    """Of a gradient penalty."""
    *shapes, geometry = PENALIZED[case]
    x, y = (tf.constant(rng.normal(size=shape)) for shape in shapes)
    upstream = rng.normal(size=norm_xcorr(x, y, **geometry).shape)

    def penalty(x, y):
        return sum(tf.reduce_sum(each**2) for each in gradients(x, y, upstream, **geometry))

    def of_penalty(x, y):
        with tf.GradientTape() as tape:
            tape.watch([x, y])
            value = penalty(x, y)
        return tape.gradient(value, [x, y])

    found = (tf.function(of_penalty) if graph else of_penalty)(x, y)
    direction = [rng.normal(size=shape) for shape in shapes]
    step = 1e-6
    above, below = (
        penalty(*(maps + sign * step * by for maps, by in zip((x, y), direction, strict=True))) for sign in (1, -1)
    )
    expected = float(above - below) / (2 * step)
    along = sum(float(tf.reduce_sum(each * by)) for each, by in zip(found, direction, strict=True))
    assert abs(along - expected) < 1e-6 * max(1, abs(expected))


@pytest.mark.parametrize("case", PENALIZED)
def test_second_derivatives_at_flat_patches_are_finite(case, rng):
    *shapes, geometry = PENALIZED[case]
    x, y = (tf.constant(small_maps(kind, shape, rng)) for kind, shape in zip(("flat", "relu"), shapes, strict=True))
    with tf.GradientTape() as tape:
        tape.watch([x, y])
        upstream = np.ones(norm_xcorr(x, y, **geometry).shape)
        value = sum(tf.reduce_sum(each**2) for each in gradients(x, y, upstream, **geometry))
    assert all(np.isfinite(each).all() for each in tape.gradient(value, [x, y]))


@pytest.mark.slow
@pytest.mark.parametrize("case", PENALIZED)
@pytest.mark.parametrize("graph", [False, True])
def test_forward_mode_equals_finite_differences(case, graph, rng):
    *shapes, geometry = PENALIZED[case]
    x, y = (tf.constant(rng.normal(size=shape)) for shape in shapes)
    along = [tf.constant(rng.normal(size=shape)) for shape in shapes]

    def moved(x, y):
        with tf.autodiff.ForwardAccumulator([x, y], along) as forward:
            out = norm_xcorr(x, y, **geometry)
        return forward.jvp(out)

    found = (tf.function(moved) if graph else moved)(x, y)
    above, below = (
        norm_xcorr(*(maps + sign * 1e-6 * by for maps, by in zip((x, y), along, strict=True)), **geometry)
        for sign in (1, -1)
    )
    np.testing.assert_allclose(found, (above - below) / 2e-6, atol=1e-7)


def test_forward_mode_from_outside_of_a_graph_says_what_to_do(rng):
    x = tf.constant(rng.normal(size=(1, 4, 5, 1)))
    traced = tf.function(lambda x: norm_xcorr(x, x, 3, 3))
    with pytest.raises(LookupError, match=r"put the tf\.autodiff\.ForwardAccumulator into the function"):
        with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)):
            traced(x)


def test_one_number_stands_for_both(rng):
    x, y = rng.normal(size=(2, 1, 6, 7, 2))
    np.testing.assert_array_equal(
        norm_xcorr(x, y, 3, 5, stride=2, dilation=2), norm_xcorr(x, y, (3, 3), (5, 5), stride=(2, 2), dilation=(2, 2))
    )


@pytest.mark.parametrize("geometry", [{}, {"stride": 2}, {"padding": "valid", "search_size": (None, None)}], ids=str)
def test_a_batch_of_no_images(geometry):
    x = tf.zeros((0, 7, 6, 2))
    found = gradients(x, x, np.zeros(norm_xcorr(x, x, **geometry).shape), **geometry)
    assert [each.shape for each in found] == [(0, 7, 6, 2)] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stride": 0}, r"stride must be two positive integers \(rows, columns\); got 0"),
        ({"stride": (1, None)}, r"stride must be two positive integers .*got \(1, None\)"),
        ({"dilation": (1, 2, 3)}, r"dilation must be an integer or a pair of integers; got \(1, 2, 3\)"),
        ({"padding": "full"}, r"padding must be one of \('same', 'valid', 'masked'\); got 'full'"),
        ({"patch_size": 4}, "patch_size must be two odd positive integers .*got 4"),
        ({"patch_size": 0, "padding": "valid"}, "patch_size must be two positive integers .*got 0"),
        ({"patch_size": 1}, "at least 2 pixels"),
        (
            {"patch_size": (7, 6), "padding": "valid"},
            r'"valid" takes maps that hold a patch of \(7, 6\); got x of shape',
        ),
        ({"reduction": "max"}, r"reduction must be one of \('sum', 'mean'\); got 'max'"),
        ({"reduction": np.ones(3)}, r"weights of shape \(2,\) of a floating point type; got float64 of shape \(3,\)"),
        ({"reduction": np.ones(2, int)}, "floating point type; got int64"),
        ({"output_axes": 6}, r"output_axes must be one of \(4, 5\); got 6"),
        ({"y": np.zeros((1, 5, 5, 3))}, "same channels; got"),
        ({"x": np.zeros((2, 5, 5, 2)), "y": np.zeros((3, 5, 5, 2))}, "two batches of one size, or one of 1; got"),
        ({"y": np.zeros((1, 0, 5, 2))}, "at least one pixel; got y"),
        ({"search_size": (None, 5)}, r"\(None, None\) for the whole map; got \(None, 5\)"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_arguments_say_what_came_and_what_was_expected(arguments, message):
    maps = np.zeros((1, 5, 5, 2))
    with pytest.raises(ValueError, match=message):
        norm_xcorr(**{"x": maps, "y": maps, **arguments})


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_what_is_known_at_run_time_only_is_checked_then(padding):
    unknown = [tf.TensorSpec((None, None, None, 1))] * 2
    late = tf.function(lambda x, y: norm_xcorr(x, y, 5, 3, padding=padding), input_signature=unknown)
    assert late(tf.zeros((2, 6, 5, 1)), tf.zeros((2, 7, 9, 1))).shape == (
        (2, 6, 5, 9) if padding == "same" else (2, 2, 1, 9)
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="two batches of one size"):
        late(tf.zeros((2, 6, 5, 1)), tf.zeros((1, 7, 9, 1)))
    if padding == "valid":
        with pytest.raises(tf.errors.InvalidArgumentError, match="hold a patch"):
            late(tf.zeros((2, 4, 5, 1)), tf.zeros((2, 7, 9, 1)))
    huge = tf.function(lambda x, y: norm_xcorr(x, y, 3, (31, 31), stride=1), input_signature=unknown)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"at most 2\^31 - 1 numbers"):
        huge(tf.zeros((1, 1500, 1500, 1)), tf.zeros((1, 1500, 1500, 1)))
