"""The compiled op computes the same in all threads: those of TensorFlow's pool and the one that calls."""

import numpy as np
import pytest
import tensorflow as tf

from tfnxc import ops


@pytest.mark.parametrize("summary", [ops.norm_xcorr_summary, ops.cross_input_summary])
def test_denormals_are_zero_in_every_thread_and_the_callers_stay(summary, native_library, rng):
    x, kernel, bias = tf.constant(rng.normal(size=(2, 9, 6, 2)), tf.float32), tf.ones((60, 3)), tf.zeros(3)
    upstream = tf.fill((2, 9, 6, 3), np.float32(1e-40))

    def gradients(x, upstream):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel, bias])
            out = summary(x, x, kernel, bias, search_size=(5, None), implementation="native")
        return tape.gradient(out, [x, kernel, bias], upstream)

    for run in (gradients, tf.function(gradients)):
        assert not any(np.any(each) for each in run(x, upstream))
    assert np.float32(1e-40) * np.float32(0.5) > 0


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_a_pair_alone_is_split_among_the_threads_and_gives_the_same(dtype, native_library, rng):
    """Also where the maps are converted, which threads share too."""
    x, y = (tf.cast(rng.normal(size=(24, 37, 12, 25)), dtype) for _ in range(2))
    kernel, bias = tf.cast(rng.normal(size=(1500, 3)), dtype), tf.cast(rng.normal(size=3), dtype)
    for compute in (
        ops.norm_xcorr,
        lambda *maps, **options: ops.norm_xcorr_summary(*maps, kernel, bias, **options),
        lambda *maps, **options: ops.cross_input_summary(*maps, kernel, bias, search_size=(5, None), **options),
    ):
        together, alone = (compute(x[:end], y[:end], implementation="native") for end in (24, 1))
        np.testing.assert_array_equal(together[:1], alone)
