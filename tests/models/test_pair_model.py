"""Pair models of any tower and any head: what they compute, whatever the parts are called, and what is refused."""

import keras
import numpy as np
import pytest

from tests.models.small_towers import SHAPE, give_statistics, small_head, small_tower
from tfnxc.models import image_size, in_batch, pair_model, split
from tfnxc.models.fingerprint import fingerprint

MAPS = (9, 6, 6)
NAMES = [("mobilenetv2_0.35_96", "products"), ("tower", "head"), ("head", "tower"), ("probe", "gallery")]


def images(rng, count=4):
    return [rng.random((count, *SHAPE), np.float32) for _ in range(2)]


def small(tower_name="mobilenetv2_0.35_96", head_name="products", **options):
    tower = small_tower(tower_name, **options)
    return tower, small_head(MAPS, head_name)


@pytest.mark.parametrize("names", NAMES, ids="-".join)
def test_the_parts_are_found_whatever_they_are_called(names, keras_seed, rng, tmp_path):
    tower, head = small(*names)
    give_statistics(tower, rng)
    pair = images(rng)
    expected = np.asarray(head([tower(each) for each in pair]))
    model = pair_model(tower, head, name="mine")
    assert (tower.name, head.name) == names and model.name == "mine" and image_size(model) == SHAPE[:2]
    assert [each.name for each in model.inputs] == ["probe", "gallery"]
    assert model.count_params() == tower.count_params() + head.count_params()
    model.save(tmp_path / "model.keras")
    for each in (model, keras.models.load_model(tmp_path / "model.keras")):
        parts = split(each)
        assert [part.name for part in parts] == ["tower", "head"]
        assert parts.tower.output_shape == (None, *MAPS)
        np.testing.assert_allclose(each(pair), expected, atol=1e-6)
        np.testing.assert_allclose(parts.head([parts.tower(image) for image in pair]), expected, atol=1e-6)
        together = {"images": np.concatenate(pair), "probe": np.arange(4), "gallery": np.arange(4, 8)}
        np.testing.assert_allclose(in_batch(each)(together), expected, atol=1e-6)
    assert fingerprint(keras.models.load_model(tmp_path / "model.keras")) == fingerprint(model)


def test_a_model_is_made_of_the_parts_of_another(keras_seed, rng):
    one = pair_model(*small())
    other = pair_model(*split(one), name="other")
    assert split(other) == split(one)
    pair = images(rng)
    np.testing.assert_array_equal(other(pair), one(pair))


def test_both_images_train_one_set_of_weights(keras_seed, rng):
    tower, head = small()
    model = pair_model(tower, head)
    before = model.get_weights()
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    model.fit(images(rng, 8), np.arange(8) % 2, batch_size=8, verbose=0)
    assert all(np.abs(one - other).max() > 0 for one, other in zip(before, model.get_weights(), strict=True))
    np.testing.assert_array_equal(split(model).tower.get_weights()[0], tower.get_weights()[0])


@pytest.mark.parametrize("frozen", ["all", "some"])
def test_what_is_frozen_stays_frozen_in_training_and_in_the_file(frozen, keras_seed, rng, tmp_path):
    tower, head = small(frozen=("conv", "bn") if frozen == "some" else ())
    if frozen == "all":
        tower.trainable = False
    model = pair_model(tower, head)
    model.save(tmp_path / "model.keras")
    there = [weight.tobytes() for weight in tower.get_weights()]
    for each in (model, keras.models.load_model(tmp_path / "model.keras")):
        learning = split(each).tower.trainable_weights
        assert len(learning) == (2 if frozen == "some" else 0)
        each.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
        each.fit(images(rng, 8), np.arange(8) % 2, batch_size=8, verbose=0)
        moved = sum(one != other.tobytes() for one, other in zip(there, split(each).tower.get_weights(), strict=True))
        assert moved == len(learning)
        # In inference mode also where the model trains.
        if frozen == "all":
            pair = images(rng)
            np.testing.assert_array_equal(each(pair, training=True), each(pair, training=False))


def test_a_sequential_tower(keras_seed, rng, tmp_path):
    layers = [keras.Input(SHAPE), keras.layers.Conv2D(6, 5, strides=4), keras.layers.ReLU()]
    for name in ("stack", "tower"):
        tower = keras.Sequential(layers, name=name)
        model = pair_model(tower, small_head(MAPS))
        model.save(tmp_path / "model.keras")
        pair = images(rng)
        loaded = keras.models.load_model(tmp_path / "model.keras")
        np.testing.assert_allclose(loaded(pair), model(pair), atol=1e-6)
        assert image_size(loaded) == SHAPE[:2]


class Subclassed(keras.Model):
    def call(self, inputs):
        return inputs


def two_images():
    sides = [keras.Input(SHAPE) for _ in range(2)]
    return keras.Model(sides, keras.layers.Subtract()(sides), name="two")


def one_to(maps, shape=SHAPE, name="odd", **options):
    image = keras.Input(shape, **options)
    return keras.Model(image, maps(image), name=name)


TOWERS = {
    "no model": (lambda: "mobilenet", "got 'mobilenet'"),
    "subclass": (lambda: Subclassed(name="own"), r"got 'own', a Subclassed without fixed inputs \(wrap it: "),
    "no input": (lambda: keras.Sequential([keras.layers.Conv2D(2, 3)], name="open"), "got 'open', a Sequential with"),
    "two images": (two_images, r"got 'two' of \(None, 40, 28, 3\), \(None, 40, 28, 3\) to \(None, 40, 28, 3\)"),
    "a vector": (lambda: one_to(keras.layers.Flatten()), r"got 'odd' of \(None, 40, 28, 3\) to \(None, 3360\)"),
    "any size": (lambda: one_to(keras.layers.Conv2D(2, 3), (None, None, 3)), r"of \(None, None, None, 3\) to"),
    "one batch": (lambda: one_to(keras.layers.Conv2D(2, 3), batch_size=7), r"of \(7, 40, 28, 3\) to \(7, 38, 26, 2\)"),
    "integers": (lambda: one_to(keras.layers.Rescaling(1.0), dtype="int32"), "got one of int32"),
}


@pytest.mark.parametrize("tower", TOWERS)
def test_what_is_no_tower_is_refused(tower):
    made, message = TOWERS[tower]
    with pytest.raises(ValueError, match=rf"^tower must .*{message}"):
        pair_model(made(), small_head(MAPS))


def half_precision():
    return small_head(MAPS, dtype="mixed_float16")


def named_inputs():
    sides = {name: keras.Input(MAPS, name=name) for name in ("probe", "gallery")}
    flat = keras.layers.Flatten()(keras.layers.Subtract()(list(sides.values())))
    return keras.Model(sides, keras.layers.Dense(2, activation="softmax")(flat))


HEADS = {
    "no model": (lambda: None, "got None"),
    "other maps": (
        lambda: small_head((9, 6, 5)),
        r"of shape \(None, 9, 6, 6\) .*got 'products' of \(None, 9, 6, 5\)",
    ),
    "three maps": (lambda: small_head(MAPS, inputs=3), r"got 'products' of .* to \(None, 2\)"),
    "one number": (lambda: small_head(MAPS, classes=1), r" to \(None, 1\)"),
    "by name": (named_inputs, r"a list of two maps, \[probe, gallery\]"),
    "half": (half_precision, "float32 probabilities.*got float16"),
    "logits": (lambda: small_head(MAPS, activation=None), "which sum to 1, as after a softmax; of random maps it gave"),
}


@pytest.mark.parametrize("head", HEADS)
def test_what_is_no_head_is_refused(head):
    made, message = HEADS[head]
    with pytest.raises(ValueError, match=rf"^head must .*{message}"):
        pair_model(small_tower(), made())


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_tower_of_another_precision(policy, keras_seed, rng, tmp_path):
    reference = pair_model(*small())
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        tower = small_tower()
    finally:
        keras.mixed_precision.set_global_policy(before)
    model = pair_model(tower, small_head(MAPS))
    model.set_weights(reference.get_weights())
    model.save(tmp_path / "model.keras")
    pair = images(rng)
    for each in (model, keras.models.load_model(tmp_path / "model.keras")):
        found = each(pair)
        assert found.dtype == "float32"
        np.testing.assert_allclose(found, reference(pair), atol=2e-2)


def test_a_fingerprint_is_of_layers_weights_and_what_is_frozen(keras_seed):
    def made(**options):
        keras.utils.set_random_seed(0)
        return small_tower(**options)

    first = fingerprint(made())
    assert fingerprint(made(name="other")) == first  # and other names of layers inside
    assert fingerprint(made(scaling=False)) != first and fingerprint(made(frozen=["conv"])) != first
    moved = made()
    moved.set_weights([each + 1 for each in moved.get_weights()])
    assert fingerprint(moved) != first
