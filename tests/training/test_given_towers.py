"""Trainings of a tower or a whole model that is given: what is frozen, what is kept, and what is refused."""

import dataclasses
import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.small_towers import SHAPE, give_statistics, small_head, small_tower
from tests.training.small_training import CAMERAS, GROUPED, IDENTITIES, RECIPE, SPLIT, At, make_images
from tfnxc import evaluation, models, scoring, search, serving
from tfnxc.datasets import synthetic
from tfnxc.errors import InputError
from tfnxc.models.compatibility import leaf_layers
from tfnxc.models.split import Parts
from tfnxc.serving.variants import variant
from tfnxc.training import Execution, Pictures, Recipe, Run, Start, TrainingData, Validation, fit_embedding, train
from tfnxc.training.gradient_accumulation import accumulating

pytestmark = pytest.mark.slow

QUIET = Execution(verbose=0)
ONCE = dataclasses.replace(GROUPED, epochs=1)


def data(images=None):
    return TrainingData.of_arrays(make_images() if images is None else images, IDENTITIES, CAMERAS, split=SPLIT)


def given_model(name="mine", **options):
    keras.utils.set_random_seed(0)
    tower = small_tower(**options)
    give_statistics(tower, np.random.default_rng(0))
    return models.pair_model(tower, small_head(tower.output_shape[1:]), name=name)


def equal(some, others):
    return [np.array_equal(one, other) for one, other in zip(some, others, strict=True)]


def interrupt():
    raise KeyboardInterrupt


@pytest.mark.parametrize("recipe", [RECIPE, GROUPED], ids=["separate", "grouped"])
def test_a_given_model_is_trained_resumed_and_read_back(recipe, tmp_path):
    model, recipe = given_model(), dataclasses.replace(recipe, learning_rate=0.01)
    before = model.get_weights()
    run = train(tmp_path / "run", data(), recipe, start=model, execution=QUIET)
    assert all(equal(before, model.get_weights())) and run.settings.model == "mine" and len(run.settings.given) == 12
    assert all(equal(before, run.load_model("initial").get_weights()))
    after = run.load_model().get_weights()
    assert not any(equal(before, after))  # the averages of the batch normalization move too
    with pytest.raises(KeyboardInterrupt):
        cut = dataclasses.replace(QUIET, checkpoint_seconds=0)
        train(tmp_path / "cut", data(), recipe, start=model, execution=cut, callbacks=[At(1, 0, interrupt)])
    resumed = train(tmp_path / "cut", data(), recipe, start=Start(given_model()), execution=QUIET)
    for one, other in zip(after, resumed.load_model().get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert Run.open(run.folder).settings == run.settings
    with pytest.raises(InputError, match=r"holds a run with other settings .given: \w{12} there, \w{12} now"):
        train(run, data(), recipe, start=given_model(frozen=["conv"]), execution=QUIET)


@pytest.mark.parametrize(("model", "accumulate"), [("normxcorr", 1), ("ahmed", 2)])
def test_a_frozen_tower_is_the_same_to_the_last_bit(model, accumulate, tmp_path):
    tower = small_tower()
    give_statistics(tower, np.random.default_rng(0))
    tower.trainable = False
    recipe = dataclasses.replace(GROUPED, optimizer="kernel-muon", learning_rate=0.01, accumulate=accumulate)
    run = train(tmp_path, data(), recipe, start=Start(model, tower=tower), execution=QUIET)
    parts = models.split(run.load_model())
    assert all(equal(tower.get_weights(), parts.tower.get_weights())) and not parts.tower.trainable_weights
    kept = equal(run.load_model("initial").get_weights(), run.load_model().get_weights())
    assert sum(kept) == len(tower.weights) and run.settings.model == model


def test_some_frozen_layers_stay_frozen_while_others_learn(tmp_path):
    run = train(tmp_path, data(), ONCE, start=given_model(frozen=["conv", "bn"]), execution=QUIET)
    towers = [models.split(run.load_model(state)).tower.get_weights() for state in ("initial", "trained")]
    assert sum(equal(*towers)) == 6


def test_the_recipe_counts_for_the_head_that_tfnxc_builds_on_a_tower(tmp_path):
    recipe = dataclasses.replace(ONCE, l2=0.25, initializer="he", scaling="centred")
    start = Start("normxcorr", search_size=(3, None), tower=small_tower())
    run = train(tmp_path, data(), recipe, start=start, execution=QUIET)
    model = run.load_model("initial")
    head = models.split(model).head
    assert head.get_layer("logits").kernel_regularizer.l2 == 0.125
    assert head.get_layer("norm_xcorr_summary").search_size == (3, None)
    assert not models.split(model).tower.losses and not head.get_layer("logits").get_weights()[1].any()


def test_weights_of_an_earlier_run_go_on_in_a_given_model(tmp_path):
    earlier = train(tmp_path / "earlier", data(), ONCE, start=given_model(), execution=QUIET)
    start = Start(given_model(), weights=earlier)
    run = train(tmp_path / "run", data(), ONCE, start=start, execution=QUIET)
    assert all(equal(earlier.load_model().get_weights(), run.load_model("initial").get_weights()))
    assert run.trained_on[1] == earlier.trained_on[0]


def test_a_run_of_a_tower_is_measured_searched_fitted_and_exported(tmp_path, rng):
    """On pictures of another size than tfnxc's own tower takes."""
    people = synthetic(identities=12)
    tower = small_tower(shape=(80, 36, 3), strides=8)
    give_statistics(tower, rng)
    options = {"start": Start("normxcorr", tower=tower), "validation": 2, "execution": QUIET}
    recipe = Recipe.named("grouped", epochs=1, batch_size=9, warmup=0)
    run = train(tmp_path / "run", TrainingData(people, "random-2-0"), recipe, **options)
    model = run.load_model()
    assert models.image_size(model) == (80, 36)
    kinds = ["head", "embedding", "embedding-csls", "both"]
    results = evaluation.evaluate(run, scorer=kinds, repeats=1)
    assert list(dict.fromkeys(each.scorer for each in results)) == kinds
    pair = people.images((80, 36))[:2]
    expected = model([pair[:1] / np.float32(255), pair[1:] / np.float32(255)], training=False)[0, 1]
    np.testing.assert_allclose(scoring.PairScorer(model, pair, 1).score([[0, 1]]), [expected], atol=1e-5)
    gallery = search.Gallery.start(tmp_path / "index", run)
    gallery.add(search.set_pictures(people.take(range(8))))
    (found,) = gallery.search(search.set_pictures(people.take([0])), top=3, scorer="embedding")
    maps = scoring.embed(models.split(model).tower, people.images((80, 36))[:8])
    vectors = run.embedding().vectors(maps)
    nearest = 1 + np.argsort(-(vectors[1:] @ vectors[0]))  # the probe itself is left out
    assert [match.name for match in found] == [people.paths[each] for each in nearest[:3]]
    fitted = fit_embedding(run, synthetic(identities=10, seed=5), to=tmp_path / "fitted", other_people=True)
    assert fitted.map_shape == models.split(model).tower.output_shape[1:]
    assert fit_embedding(run).card.pictures == run.embedding().card.pictures
    signatures = tf.saved_model.load(str(serving.export_run(run, "mine", tmp_path / "exports"))).signatures
    sides = {
        name: tf.constant(each[None] / np.float32(255)) for name, each in zip(("probe", "gallery"), pair, strict=True)
    }
    np.testing.assert_allclose(signatures["serving_default"](**sides)["same"], [expected], atol=1e-5)
    served = signatures["embed_vector"](image=sides["probe"])["vector"]
    np.testing.assert_allclose(served, vectors[:1], atol=1e-4)
    probe, match, correlation = evaluation.find_correlation(run, 0)
    assert probe.shape == match.shape == (160, 60, 3) and correlation.values.shape[:2] == (10, 4)
    assert evaluation.rank_probes(run).maps()[0]


def test_the_smaller_form_of_a_model_has_half_weights_in_models_inside_too(rng):
    parts = models.split(given_model())
    small = variant(parts, "float16")
    kernels = [each for part in small for each in part.weights if len(each.shape) > 1]
    assert len(kernels) == 3 and {tf.as_dtype(each.dtype).name for each in kernels} == {"float16"}
    images = rng.random((3, *SHAPE), np.float32)
    np.testing.assert_allclose(small.tower(images), parts.tower(images), atol=2e-2)
    assert isinstance(small, Parts) and small.tower.output_shape == parts.tower.output_shape


def test_batch_normalization_that_would_see_parts_of_a_batch_is_refused(tmp_path):
    words = "the batch normalization 'bn' would see parts of a batch"
    with pytest.raises(InputError, match=words):
        train(tmp_path / "a", data(), dataclasses.replace(ONCE, accumulate=2), start=given_model(), execution=QUIET)
    devices = tf.distribute.MirroredStrategy(["CPU:0"])
    for strategy, frozen in ((devices, ()), (devices, ("bn",)), (None, ())):
        fitted = models.in_batch(given_model(frozen=frozen))
        if strategy is None or frozen:
            accumulating(fitted, 8, strategy=strategy)
        else:
            with pytest.raises(InputError, match=words):
                accumulating(fitted, 8, strategy=strategy)


@functools.cache
def in_half():
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        return small_tower()
    finally:
        keras.mixed_precision.set_global_policy(before)


def test_a_precision_that_what_is_given_does_not_have_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"the given tower computes in float16.*must be mixed_float16; got float32"):
        train(tmp_path / "a", data(), ONCE, start=Start(tower=in_half()), execution=QUIET)
    half = dataclasses.replace(ONCE, precision="mixed_float16")
    with pytest.raises(InputError, match="the given model computes in float32; got mixed_float16"):
        train(tmp_path / "b", data(), half, start=given_model(), execution=QUIET)
    run = train(tmp_path / "c", data(), half, start=Start("ahmed", tower=in_half()), execution=QUIET)
    computed = {layer.name: layer.compute_dtype for layer in leaf_layers(run.load_model())}
    assert (computed["conv"], computed["logits"]) == ("float16", "float32")


class Unknown(keras.layers.Layer):
    def call(self, inputs):
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape


def test_what_cannot_be_read_back_is_refused_before_the_training(tmp_path):
    image = keras.Input(SHAPE)
    maps = keras.layers.Conv2D(3, 5, strides=4)(image)
    for layer in (Unknown(), keras.layers.Lambda(lambda x: 2 * x)):
        tower = keras.Model(image, layer(maps), name="odd")
        with pytest.raises(InputError, match="the given tower or model cannot be read back from a file"):
            train(tmp_path / "run", data(), ONCE, start=Start(tower=tower), execution=QUIET)


def test_pictures_of_another_size_than_the_tower_takes_are_refused(tmp_path):
    tower = small_tower(shape=(48, 28, 3))
    with pytest.raises(InputError, match=r"takes images of \(48, 28\); got pictures of \(40, 28\)"):
        train(tmp_path, data(), ONCE, start=Start(tower=tower), execution=QUIET)
    larger = np.zeros((8, 48, 28, 3), np.uint8)
    held_back = Validation(pictures=Pictures(make_images(), IDENTITIES, CAMERAS))
    with pytest.raises(InputError, match=r"takes images of \(48, 28\); got pictures of \(40, 28\)"):
        train(tmp_path, data(larger), ONCE, start=Start(tower=tower), validation=held_back, execution=QUIET)
    assert not list(tmp_path.iterdir())


def test_a_start_that_contradicts_itself_is_refused():
    model, tower = given_model(), small_tower()
    for options in ({"search_size": (5, 5)}, {"tower": tower}):
        with pytest.raises(ValueError, match=f"{next(iter(options))}: the model that is given has its own; leave out"):
            Start(model, **options)
    with pytest.raises(ValueError, match=r"split takes a model of tfnxc.models, whose parts"):
        Start(tower)
    with pytest.raises(ValueError, match=r"tower must be a functional keras.Model of one image"):
        Start(tower=keras.layers.Conv2D(3, 3))
    with pytest.raises(ValueError, match=r"images of three colours; the tower takes \(40, 28, 1\)"):
        Start(tower=small_tower(shape=(40, 28, 1)))
    assert Start().given is None and Start().image_size is None and Start(model).name == "mine"
    assert Start(tower=tower).given == Start("ahmed", tower=tower).given != Start(model).given
