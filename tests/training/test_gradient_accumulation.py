import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.small_training import CAMERAS, GROUPED, IDENTITIES, At, make_images, small_training, tiny
from tfnxc import models
from tfnxc.recipes import make_loss, make_optimizer, make_pipeline
from tfnxc.training.gradient_accumulation import accumulating, part_of

WHOLE = dataclasses.replace(GROUPED, batch_size=16, l2=0.05, epochs=2)
IN_PARTS = dataclasses.replace(WHOLE, accumulate=2)


def interrupt():
    raise KeyboardInterrupt


def losses(folder):
    return np.genfromtxt(folder / "history.csv", delimiter=",", names=True)["loss"]


def test_parts_of_separate_pairs_are_the_batch_in_its_order():
    inputs = {"probe": tf.range(7)[:, None], "gallery": -tf.range(7)[:, None]}
    parts = [part_of(inputs, tf.range(7), number, 3) for number in range(3)]
    assert [len(same) for _, same in parts] == [2, 2, 3]
    np.testing.assert_array_equal(tf.concat([same for _, same in parts], 0), range(7))
    for images, same in parts:
        np.testing.assert_array_equal(images["probe"][:, 0], same)
        np.testing.assert_array_equal(images["gallery"][:, 0], -same)


def test_parts_of_groups_have_the_images_of_their_pairs():
    inputs, same = next(iter(make_pipeline(WHOLE, make_images(), IDENTITIES, CAMERAS).one_epoch(0)))
    parts = [part_of(inputs, same, number, 2) for number in range(2)]
    assert [each["images"].shape[0] for each, _ in parts] == [8, 8]
    for side in ("probe", "gallery"):
        shown = tf.concat([tf.gather(each["images"], each[side]) for each, _ in parts], 0)
        np.testing.assert_array_equal(shown, tf.gather(inputs["images"], inputs[side]))
    np.testing.assert_array_equal(tf.concat([each for _, each in parts], 0), same)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_parts_make_the_update_of_the_whole(tmp_path, optimizer):
    recipes = [dataclasses.replace(each, optimizer=optimizer) for each in (WHOLE, IN_PARTS)]
    whole, parts = (small_training(tmp_path / str(each.accumulate), each) for each in recipes)
    for one, other in zip(whole.get_weights(), parts.get_weights(), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-5)
    # The penalty is most of it: twice or half of that would show.
    assert losses(tmp_path / "1")[0] - 1.4 > 0.01
    np.testing.assert_allclose(losses(tmp_path / "2"), losses(tmp_path / "1"), rtol=2e-5)
    assert int(parts.optimizer.iterations) == int(whole.optimizer.iterations) == 2


def test_a_training_in_parts_goes_on_where_it_was_interrupted(tmp_path):
    expected = small_training(tmp_path / "whole", IN_PARTS)
    with pytest.raises(KeyboardInterrupt):
        small_training(tmp_path / "cut", IN_PARTS, callbacks=[At(1, 0, interrupt)])
    found = small_training(tmp_path / "cut", IN_PARTS)
    for one, other in zip(expected.get_weights(), found.get_weights(), strict=True):
        np.testing.assert_array_equal(other, one)


@keras.saving.register_keras_serializable(package="tests")
class Seen(keras.layers.Layer):
    """Notes how many images pass through it together, forward and backward."""

    def __init__(self, note):
        super().__init__()
        self.note = note

    def call(self, images):
        def note(which, images):
            self.note((which, len(images)))
            return images

        @tf.custom_gradient
        def through(images):
            def backward(upstream):
                return tf.ensure_shape(tf.numpy_function(note, ["backward", upstream], tf.float32), images.shape)

            return tf.ensure_shape(tf.numpy_function(note, ["forward", images], tf.float32), images.shape), backward

        return through(images)


def test_one_part_is_computed_after_the_other():
    noted = []
    image = keras.Input((40, 28, 3))
    tower = keras.Model(image, Seen(noted.append)(keras.layers.Conv2D(2, 9, 9)(image)), name="tower")
    inputs = [keras.Input(tower.output_shape[1:]) for _ in range(2)]
    features = keras.layers.Flatten()(keras.layers.Subtract()(inputs))
    head = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(features), name="head")
    images = [keras.Input((40, 28, 3), name=side) for side in ("probe", "gallery")]
    pair_model = keras.Model(images, head([tower(image) for image in images]))
    fitted = accumulating(models.in_batch(pair_model), WHOLE.batch_size, 2)
    fitted.compile("sgd", make_loss(WHOLE), jit_compile=False)
    batches = make_pipeline(WHOLE, make_images(), IDENTITIES, CAMERAS).one_epoch(0)
    del noted[:]
    fitted.fit(batches, verbose=0, shuffle=False)
    assert noted == [(b"forward", 8), (b"backward", 8)] * 2


def test_the_last_smaller_batch_weighs_as_it_would_alone():
    pairs = dataclasses.replace(GROUPED, pairs="separate", identities_per_group=3, ranking=0.0, batch_size=7)
    batches = make_pipeline(pairs, make_images(), IDENTITIES, CAMERAS).one_epoch(0)  # 7 pairs, then 5
    trained = []
    for partwise in (False, True):
        keras.utils.set_random_seed(0)
        model = tiny((40, 28, 3), 0.1, None, None)
        fitted = accumulating(model, 7) if partwise else model
        fitted.compile(make_optimizer(pairs, 2), make_loss(pairs), metrics=["accuracy"], jit_compile=False)
        logs = fitted.fit(batches, verbose=0, shuffle=False).history
        trained.append((model.get_weights(), logs["loss"], logs["accuracy"]))
    for one, other in zip(trained[0][0], trained[1][0], strict=True):
        np.testing.assert_allclose(other, one, atol=1e-6)
    np.testing.assert_allclose(trained[1][1:], trained[0][1:], rtol=2e-5)
