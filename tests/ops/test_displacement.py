"""`best_displacement`, against what is known of the scores."""

import numpy as np
import pytest
import tensorflow as tf

from tfnxc.ops import best_displacement, norm_xcorr


def bumps(tops, size, sharpness=0.1):
    """Scores with a paraboloid around a top (row, column) in each window: (1, 1, tops, *size)."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    return np.stack([1 - sharpness * ((rows - r) ** 2 + (columns - c) ** 2) for r, c in tops])[None, None]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_a_parabola_is_found_where_its_top_is(dtype):
    tops = np.array([(2.3, 3.75), (1.0, 1.0), (3.49, 2.0), (2.5, 4.9)])
    found = best_displacement(tf.cast(bumps(tops, (5, 7)), dtype))
    assert found.dtype == ("float64" if dtype == "float64" else "float32") and found.shape == (1, 1, 4, 2)
    exact = {"float64": 1e-12, "float32": 1e-5}.get(dtype, 0.06)
    np.testing.assert_allclose(found[0, 0], tops - (2, 3), atol=exact)
    whole = best_displacement(tf.cast(bumps(tops, (5, 7)), dtype), subpixel=False)
    assert set(np.ravel(whole % 1)) == {0.0}


def test_dilation_and_origin(rng):
    scores = bumps([(2.25, 0.75)], (5, 7))
    np.testing.assert_allclose(best_displacement(scores, dilation=(2, 3))[0, 0, 0], (0.5, -6.75))
    np.testing.assert_allclose(best_displacement(scores, origin="first")[0, 0, 0], (2.25, 0.75))
    np.testing.assert_allclose(best_displacement(scores, origin=("centre", "first"))[0, 0, 0], (0.25, 0.75))


def test_at_an_edge_nothing_is_refined_and_of_several_the_first_is_taken():
    scores = np.zeros((1, 1, 4, 3, 3))
    scores[0, 0, 0, 0, 2] = 1
    scores[0, 0, 1, 1, 0], scores[0, 0, 1, 0, 0] = 1, 0.5
    scores[0, 0, 2, 1, 1] = scores[0, 0, 2, 1, 2] = 1
    found = best_displacement(scores)[0, 0].numpy()
    np.testing.assert_allclose(found, [(-1, 1), (-1 / 6, -1), (0, 0.5), (-1, -1)])
    assert best_displacement(np.full((1, 1, 1, 1, 1), 0.3)).numpy().tolist() == [[[[0, 0]]]]


def test_soft_is_the_softmax_mean_and_nears_the_hard_one(rng):
    scores = rng.normal(size=(2, 3, 4, 5, 3))
    weights = np.exp(scores / 0.5)
    weights /= weights.sum(axis=(3, 4), keepdims=True)
    expected = np.stack(
        [np.einsum("bijrk,r->bij", weights, np.arange(5) - 2), np.einsum("bijrk,k->bij", weights, np.arange(3) - 1)], -1
    )
    np.testing.assert_allclose(best_displacement(scores, method="soft", temperature=0.5), expected, atol=1e-12)
    hard = best_displacement(scores, subpixel=False)
    np.testing.assert_allclose(best_displacement(scores, method="soft", temperature=1e-4), hard, atol=1e-6)


@pytest.mark.parametrize("method", ["hard", "soft"])
def test_gradients_equal_finite_differences(method, rng):
    scores, upstream = rng.normal(size=(1, 2, 3, 5, 5)), rng.normal(size=(1, 2, 3, 2))

    def value(scores):
        return tf.reduce_sum(upstream * best_displacement(scores, method=method, temperature=0.3))

    with tf.GradientTape() as tape:
        at = tf.constant(scores)
        tape.watch(at)
        out = value(at)
    found = tape.gradient(out, at).numpy()
    reached = np.count_nonzero(found, axis=(3, 4))
    assert (reached == 25).all() if method == "soft" else (reached.max() in (3, 5) and reached.max() > 0)
    step = 1e-6
    for index in np.ndindex(scores.shape):
        by = np.zeros_like(scores)
        by[index] = step
        expected = float(value(scores + by) - value(scores - by)) / (2 * step)
        assert abs(found[index] - expected) < 1e-7, index


def test_nan_stays_with_its_position():
    scores = np.zeros((1, 1, 2, 3, 3))
    scores[0, 0, 1, 2, 0] = np.nan
    for method in ("hard", "soft"):
        found = best_displacement(scores, method=method)[0, 0].numpy()
        assert np.isfinite(found[0]).all() and np.isnan(found[1]).all()


def test_places_may_be_ruled_out_by_minus_infinity():
    scores = bumps([(2.3, 3.75)], (5, 7))
    scores[0, 0, 0, 1], scores[0, 0, 0, :, 6] = -np.inf, -np.inf
    with tf.GradientTape() as tape:
        at = tf.constant(scores)
        tape.watch(at)
        found = best_displacement(at)
    np.testing.assert_allclose(found[0, 0, 0], (0, 0.75), atol=1e-12)
    assert np.isfinite(tape.gradient(found, at)).all()


@pytest.mark.parametrize("method", ["hard", "soft"])
def test_a_shift_of_maps_is_recovered(method, rng):
    x = rng.normal(size=(1, 20, 24, 3))
    y = np.roll(x, (2, -3), axis=(1, 2))
    scores = norm_xcorr(x, y, 3, 9, reduction="mean", output_axes=5)
    found = best_displacement(scores, method=method, temperature=0.02)[0, 6:-6, 6:-6]
    np.testing.assert_allclose(found, np.broadcast_to((2.0, -3.0), found.shape), atol=0.25)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("method", ["hard", "soft"])
def test_compiled_equals_eager(method, jit_compile, rng):
    scores = tf.constant(rng.normal(size=(2, 3, 4, 5, 3)))
    signature = None if jit_compile else [tf.TensorSpec((None, None, None, 5, 3), tf.float64)]
    compiled = tf.function(
        lambda scores: best_displacement(scores, method=method), jit_compile=jit_compile, input_signature=signature
    )
    np.testing.assert_allclose(compiled(scores), best_displacement(scores, method=method), atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scores": np.zeros((1, 2, 3, 4))}, r"got \(1, 2, 3, 4\)\. norm_xcorr gives them with a reduction"),
        ({"scores": np.zeros((1, 2, 3, 4, 5), int)}, "scores of a floating point type; got int64"),
        ({"dilation": 0}, "dilation must be two positive integers"),
        ({"origin": "top"}, r"origin must be one of \('centre', 'first'\); got 'top'"),
        ({"origin": ("first",)}, "or a pair of them"),
        ({"origin": None}, "or a pair of them; got None"),
        ({"method": "argmax"}, r"method must be one of \('hard', 'soft'\); got 'argmax'"),
        ({"temperature": 0}, "temperature must be a positive, finite number; got 0"),
    ],
    ids=str,
)
def test_bad_arguments_say_what_came_and_what_was_expected(arguments, message):
    with pytest.raises(ValueError, match=message):
        best_displacement(**{"scores": np.zeros((1, 2, 2, 3, 3)), **arguments})
