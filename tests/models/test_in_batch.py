"""The model of pairs within a batch against the model of single pairs."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfnxc.losses import GroupLoss
from tfnxc.models import BUILDERS, in_batch
from tfnxc.models.split import TakeMaps

SIZE = (40, 28, 3)
PROBE, GALLERY = np.array([0, 0, 2, 2, 1], np.int32), np.array([1, 3, 1, 3, 1], np.int32)


def small(builder="normxcorr", **options):
    return BUILDERS[builder](input_shape=SIZE, filters=(3, 4), units=8, **options)


@pytest.fixture
def batch(rng):
    return {"images": rng.uniform(size=(4, *SIZE)).astype(np.float32), "probe": PROBE, "gallery": GALLERY}


def pairs_of(batch):
    return [batch["images"][batch[side]] for side in ("probe", "gallery")]


@pytest.mark.parametrize("builder", BUILDERS)
def test_it_equals_the_model_of_single_pairs(builder, batch, keras_seed):
    model = small(builder)
    trained = in_batch(model)
    assert trained.name == f"{builder}_in_batch" and trained.count_params() == model.count_params()
    expected = model(pairs_of(batch)).numpy()
    assert np.ptp(expected[:, 0]) > 1e-4  # or any constant would do
    np.testing.assert_allclose(trained(batch), expected, atol=1e-6)
    np.testing.assert_allclose(trained.predict(tf.data.Dataset.from_tensors(batch), verbose=0), expected, atol=1e-6)
    exchanged = {"images": batch["images"], "probe": GALLERY, "gallery": PROBE}
    assert np.abs(trained(exchanged) - expected).max() > 1e-5


def test_training_one_trains_the_other(batch, keras_seed):
    model = small(l2=0)
    trained = in_batch(model)
    before, first = model.get_weights(), model(pairs_of(batch)).numpy()
    trained.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    data = tf.data.Dataset.from_tensors((batch, np.array([1, 0, 0, 1, 1], np.int32)))
    history = trained.fit(data, epochs=2, verbose=0, shuffle=False).history
    assert history["loss"][1] < history["loss"][0] and 0 <= history["accuracy"][0] <= 1
    for old, weight in zip(before, model.get_weights(), strict=True):
        assert np.abs(weight - old).max() > 0
    found = model(pairs_of(batch)).numpy()
    assert np.abs(found - first).max() > 1e-4
    np.testing.assert_allclose(trained(batch), found, atol=1e-6)
    model.set_weights(before)
    np.testing.assert_allclose(trained(batch), first, atol=1e-6)


def test_gradient_is_that_of_the_single_pairs_and_the_penalty_counts_once(batch, keras_seed):
    """An image of several pairs receives the sum of what each of them gives it."""
    model = small()
    trained = in_batch(model)
    same = np.array([1, 0, 0, 1, 1])

    def gradients(computed, inputs):
        with tf.GradientTape() as tape:
            loss = keras.losses.SparseCategoricalCrossentropy()(same, computed(inputs, training=True))
            loss += tf.add_n(computed.losses)
        return loss, tape.gradient(loss, model.trainable_weights)

    (one, single), (other, grouped) = gradients(model, pairs_of(batch)), gradients(trained, batch)
    np.testing.assert_allclose(one, other, rtol=1e-5)
    for left, right in zip(single, grouped, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_it_is_saved_and_loaded_with_its_loss(policy, batch, keras_seed, tmp_path):
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        trained = in_batch(small(scaling="centred"))
    finally:
        keras.mixed_precision.set_global_policy(before)
    trained.compile("adam", GroupLoss(identities_per_group=2, ranking=0.5))
    trained.optimizer.build(trained.trainable_variables)
    trained.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert trained(batch).dtype == "float32" and np.shape(trained(batch)) == (5, 2)
    np.testing.assert_allclose(loaded(batch), trained(batch), atol=1e-6)
    assert loaded.loss.get_config() == trained.loss.get_config()


def test_maps_are_taken_by_index(rng):
    maps, indices = rng.normal(size=(3, 2, 2, 1)).astype(np.float32), np.array([2, 0, 2, 1, 2])
    np.testing.assert_array_equal(TakeMaps()([maps, indices]), maps[indices])
    assert tuple(TakeMaps().compute_output_shape([(None, 7, 4, 2), (None,)])) == (None, 7, 4, 2)
    layer = TakeMaps.from_config(TakeMaps(name="mine").get_config())
    assert layer.name == "mine"
    variable = tf.Variable(maps)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer([variable, indices]) * np.arange(1, 6, dtype=np.float32)[:, None, None, None])
    found = tf.convert_to_tensor(tape.gradient(loss, variable))
    np.testing.assert_allclose(found[:, 0, 0, 0], [2, 4, 9])  # 2; 4; 1 + 3 + 5


def test_a_foreign_model_is_refused():
    with pytest.raises(ValueError, match=r'split takes a model of tfnxc\.models, whose parts are called "tower" and'):
        in_batch(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)], name="foreign"))
