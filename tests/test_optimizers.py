"""KernelMuon against NumPy, Keras' Adam, and itself after saving."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfnxc.optimizers import KernelMuon


def orthogonal(matrix):
    """What the iterations approximate, from the singular value decomposition."""
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    return left @ right


def stepped(optimizer, value, gradients):
    """A variable after steps along gradients."""
    variable = tf.Variable(value)
    optimizer.build([variable])
    for gradient in gradients:
        optimizer.apply_gradients([(tf.constant(gradient), variable)])
    return variable.numpy()


@pytest.mark.parametrize("shape", [(5, 7), (7, 5), (3, 3, 2, 4), (1, 1, 12, 5)])
def test_a_step_of_a_kernel_goes_the_same_length_in_every_direction(rng, shape):
    value, gradient = rng.normal(size=(2, *shape)).astype("float32")
    optimizer = KernelMuon(0.01, keep_lengths=False)
    step = (value - stepped(optimizer, value, [gradient])).reshape(-1, shape[-1])
    length = 0.01 * 0.2 * np.sqrt(max(step.shape))
    singular = np.linalg.svd(step / length, compute_uv=False)
    assert singular.min() > 0.6 and singular.max() < 1.3  # what five iterations reach
    nearest = orthogonal(gradient.reshape(step.shape))
    assert np.sum(step / length * nearest) / np.sum(nearest**2) == pytest.approx(1, abs=0.25)


def test_the_momentum_of_a_kernel_is_nesterovs(rng):
    value, first, second = rng.normal(size=(3, 6, 4)).astype("float32")

    def optimizer(momentum):
        return KernelMuon(0.01, momentum=momentum)

    moved = stepped(optimizer(0.5), value, [first, second])
    ahead = second + 0.5 * (0.5 * first + second)
    expected = stepped(optimizer(0.0), stepped(optimizer(0.5), value, [first]), [ahead])
    np.testing.assert_allclose(moved, expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(5, 7), (3, 3, 2, 4)])
def test_kernels_keep_their_length_and_only_turn(rng, shape):
    value, *gradients = rng.normal(size=(6, *shape)).astype("float32")
    kept, free = (stepped(KernelMuon(0.1, keep_lengths=keep), value, gradients[:1]) for keep in (True, False))
    np.testing.assert_allclose(kept, free * np.linalg.norm(value) / np.linalg.norm(free), rtol=1e-5, atol=1e-6)
    far = stepped(KernelMuon(1.0), value, gradients)
    assert np.linalg.norm(far) == pytest.approx(np.linalg.norm(value), rel=1e-5)
    assert np.sum(far * value) < 0.99 * np.sum(value**2)


def test_a_kernel_of_zeros_leaves_zero(rng):
    moved = stepped(KernelMuon(0.1), np.zeros((4, 5), np.float32), [rng.normal(size=(4, 5)).astype("float32")])
    assert np.isfinite(moved).all() and np.abs(moved).min() > 0


def test_a_gradient_of_zero_moves_nothing():
    value = np.ones((4, 5), np.float32)
    np.testing.assert_array_equal(stepped(KernelMuon(0.01), value, [np.zeros_like(value)] * 3), value)


@pytest.mark.parametrize("shape", [(5,), (6, 2), (1,)])
def test_biases_and_kernels_of_few_outputs_are_adams(rng, shape):
    value, *gradients = rng.normal(size=(5, *shape)).astype("float32")
    expected = stepped(keras.optimizers.Adam(0.01), value, gradients)
    np.testing.assert_allclose(stepped(KernelMuon(0.01), value, gradients), expected, atol=1e-6)


def test_schedules_and_clipping_are_keras_own(rng):
    value, gradient = rng.normal(size=(2, 5)).astype("float32")
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([0], [0.25, 0.0])
    once, twice = (stepped(KernelMuon(schedule, epsilon=0.0), value, [gradient] * count) for count in (1, 2))
    np.testing.assert_allclose(once, value - 0.25 * np.sign(gradient), atol=1e-5)
    np.testing.assert_array_equal(once, twice)
    clipped = stepped(KernelMuon(0.1, clipvalue=1e-12), value, [gradient])
    np.testing.assert_allclose(clipped, value, atol=1e-5)


def small_model():
    layers = [keras.layers.Conv2D(5, 3, activation="relu"), keras.layers.Flatten(), keras.layers.Dense(2)]
    return keras.Sequential([keras.Input((6, 6, 3)), *layers])


def test_it_trains_and_goes_on_from_a_file_exactly(rng, tmp_path, keras_seed):
    images, labels = rng.normal(size=(16, 6, 6, 3)).astype("float32"), np.arange(16) % 2
    model = small_model()
    schedule = keras.optimizers.schedules.CosineDecay(0.0, 20, warmup_target=0.02, warmup_steps=2)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(KernelMuon(schedule, beta_2=0.99), loss)
    before = model.evaluate(images, labels, verbose=0)
    model.fit(images, labels, epochs=10, verbose=0, shuffle=False)
    assert model.evaluate(images, labels, verbose=0) < before / 2
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    assert restored.optimizer.get_config() == model.optimizer.get_config()
    for each in (model, restored):
        each.fit(images, labels, epochs=2, verbose=0, shuffle=False)
    for one, other in zip(model.get_weights(), restored.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
