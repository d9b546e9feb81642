import io

import keras
import numpy as np
import pytest
from rich.console import Console

from tests.distribution.scoring_worker import small_model
from tfnxc.callbacks import KeepBest, LiveTable, ValidationCMC, ValidationEarlyStopping
from tfnxc.callbacks.validation_cmc import FIGURES
from tfnxc.datasets import PairPipeline
from tfnxc.errors import InputError
from tfnxc.metrics import EvaluationPlan, cmc

IDENTITIES = np.array(
    [*np.repeat(np.arange(6), 4), -1, -2]
)  # six people, two pictures by each camera; junk, a stranger
CAMERAS = np.array([*np.tile([0, 0, 1, 1], 6), 0, 1])
IMAGES = np.random.default_rng(0).integers(0, 255, (26, 40, 28, 3), np.uint8)


class Seen(keras.callbacks.Callback):
    """What a callback behind finds in the logs of each epoch."""

    def __init__(self):
        super().__init__()
        self.logs = []

    def on_epoch_end(self, epoch, logs=None):
        self.logs.append(dict(logs))


def fit(model, callbacks, epochs=1, rate=0.01, eagerly=True):
    """Trains a model on the people for a few steps an epoch."""
    pairs = PairPipeline(IMAGES[:24], IDENTITIES[:24], batch_size=8)
    model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy", run_eagerly=eagerly)
    return model.fit(pairs.dataset(), steps_per_epoch=2, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks)


def all_scores(model):
    """The scores of all pairs, by the whole model."""
    probes, gallery = np.indices((26, 26)).reshape(2, -1)
    return model.predict([IMAGES[probes] / 255.0, IMAGES[gallery] / 255.0], verbose=0)[:, 1].reshape(26, 26)


def light_model():
    """A pair model in two parts, as small as can be, which tells the order of a pair."""
    keras.utils.set_random_seed(0)
    image = keras.Input((40, 28, 3))
    tower = keras.Model(image, keras.layers.AveragePooling2D(10)(image), name="tower")
    maps = [keras.Input((4, 2, 3)), keras.Input((4, 2, 3))]
    features = keras.layers.Flatten()(keras.layers.Concatenate()(maps))
    features = keras.layers.Dense(4, activation="tanh")(features)
    head = keras.Model(maps, keras.layers.Dense(2, activation="softmax")(features), name="head")
    images = [keras.Input((40, 28, 3), name=side) for side in ("probe", "gallery")]
    return keras.Model(images, head([tower(image) for image in images]))


@pytest.fixture(scope="module")
def model():
    return light_model()


@pytest.mark.parametrize(
    ("protocol", "both_orders"), [("cross-camera", False), ("paper", True), ("market", True), ("cuhk03-classic", False)]
)
def test_the_figures_are_those_of_the_evaluation(model, protocol, both_orders):
    ranking = ValidationCMC(IMAGES, IDENTITIES, CAMERAS, both_orders=both_orders, repeats=3, seed=5, protocol=protocol)
    seen = Seen()
    kept = fit(model, [ranking, seen])
    scores = all_scores(model)
    scores = (scores + scores.T) / 2 if both_orders else scores
    result = EvaluationPlan(protocol, IDENTITIES, CAMERAS, repeats=3, seed=5).measure(scores)
    expected = [result.rank(1), result.rank(5), result.rank(10), result.rank(20), result.mean_average_precision]
    ((epoch, figures),) = ranking.history
    assert epoch == 0 and tuple(figures) == FIGURES
    np.testing.assert_allclose(list(figures.values()), expected, atol=1e-9)
    assert figures.items() <= seen.logs[0].items()
    assert kept.history["val_mAP"] == [figures["val_mAP"]]


def test_a_model_of_the_package_is_ranked_in_both_orders_while_it_is_trained():
    model = small_model()
    ranking = ValidationCMC(IMAGES, IDENTITIES, CAMERAS, both_orders=True, repeats=2, probes=4)
    fit(model, [ranking], eagerly=False)
    few = ValidationCMC(IMAGES, IDENTITIES, CAMERAS, model, both_orders=True, repeats=2, probes=4)
    fit(light_model(), [few], rate=0.0)
    assert few.history[0][1] == ranking.history[0][1]


def test_every_other_epoch_and_the_last_and_the_figures_stay_between(model):
    ranking, seen = ValidationCMC(IMAGES, IDENTITIES, CAMERAS, every=2, repeats=1), Seen()
    fit(model, [ranking, seen], epochs=5)
    assert [epoch for epoch, _ in ranking.history] == [1, 3, 4]
    found = [{name: logs[name] for name in FIGURES if name in logs} for logs in seen.logs]
    second, fourth, last = (figures for _, figures in ranking.history)
    assert found == [{}, second, second, fourth, last]


def test_every_epoch_ranks_the_same_draws(model):
    ranking = ValidationCMC(IMAGES, IDENTITIES, CAMERAS, repeats=2, probes=5)
    fit(model, [ranking], epochs=2, rate=0.0)
    assert ranking.history[0][1] == ranking.history[1][1]
    again = ValidationCMC(IMAGES, IDENTITIES, CAMERAS, repeats=2, probes=5)
    other = ValidationCMC(IMAGES, IDENTITIES, CAMERAS, repeats=2, probes=5, seed=1)
    np.testing.assert_array_equal(again.pairs, ranking.pairs)
    assert not np.array_equal(other.pairs, ranking.pairs)


@pytest.mark.parametrize("protocol", ["cross-camera", "paper", "market", "cuhk03-classic"])
def test_few_probes_bound_the_cost(protocol):
    whole = ValidationCMC(IMAGES, IDENTITIES, CAMERAS, protocol=protocol)
    few = ValidationCMC(IMAGES, IDENTITIES, CAMERAS, protocol=protocol, probes=3)
    assert len(few.pairs) < len(whole.pairs)
    if protocol != "paper":
        assert len(np.unique(few.pairs[:, 0])) == 3


@pytest.mark.parametrize("protocol", ["cross-camera", "paper", "market"])
def test_few_probes_are_those_of_the_evaluation(model, protocol):
    first = ValidationCMC(IMAGES, IDENTITIES, CAMERAS, protocol=protocol, probes=3, repeats=1, seed=3)
    fit(model, [first])
    plan = EvaluationPlan(protocol, IDENTITIES, CAMERAS, repeats=1, probes=3, seed=3)
    assert first.history[0][1]["val_mAP"] == pytest.approx(plan.measure(all_scores(model)).mean_average_precision)


def test_pictures_are_copied_only_where_some_are_not_ranked():
    people = slice(0, 24)
    whole = ValidationCMC(IMAGES[people], IDENTITIES[people], CAMERAS[people])
    assert np.shares_memory(whole._images, IMAGES)
    few = ValidationCMC(IMAGES, IDENTITIES, CAMERAS, probes=1, repeats=1)
    assert len(few._images) == 1 + 6 + 1  # the probe, one image an identity, the stranger
    probe = few._images[few.pairs[0, 0]]
    assert (IMAGES[(IDENTITIES >= 0) & (CAMERAS == 0)] == probe).all(axis=(1, 2, 3)).sum() == 1


def test_early_stopping_watches_a_figure(model):
    ranking = ValidationCMC(IMAGES, IDENTITIES, CAMERAS, repeats=1)
    stop = keras.callbacks.EarlyStopping("val_rank_1", mode="max", patience=2)
    fit(model, [ranking, stop], epochs=9, rate=0.0)  # nothing is learnt, so nothing gets better
    assert [epoch for epoch, _ in ranking.history] == [0, 1, 2]


def test_a_wrapper_is_trained_and_its_pair_model_ranked(model):
    inputs = [keras.Input((40, 28, 3), name=name) for name in ("probe", "gallery")]
    wrapper = keras.Model(inputs, model(inputs))
    with pytest.raises(
        InputError, match=r"split takes a model of tfnxc.models.* pair model that is trained, as model="
    ):
        fit(wrapper, [ValidationCMC(IMAGES, IDENTITIES, CAMERAS)])
    ranking = ValidationCMC(IMAGES, IDENTITIES, CAMERAS, model=model, repeats=1)
    fit(wrapper, [ranking], rate=0.1)
    result = EvaluationPlan("cross-camera", IDENTITIES, CAMERAS, repeats=1).measure(all_scores(model))
    assert ranking.history[0][1]["val_mAP"] == pytest.approx(result.mean_average_precision)


def test_going_on_with_the_history_of_an_interrupted_training(model):
    ranking, seen = ValidationCMC(IMAGES, IDENTITIES, CAMERAS, every=4, repeats=1), Seen()
    before = dict.fromkeys(FIGURES, 0.5)
    ranking.history = [(3, before)]
    pairs = PairPipeline(IMAGES[:24], IDENTITIES[:24], batch_size=8)
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    options = {"steps_per_epoch": 1, "shuffle": False, "verbose": 0}
    model.fit(pairs.dataset(), initial_epoch=4, epochs=6, callbacks=[ranking, seen], **options)
    assert before.items() <= seen.logs[0].items()
    assert [epoch for epoch, _ in ranking.history] == [3, 5]


def test_a_broken_model_has_figures_that_are_not_numbers():
    broken = light_model()
    broken.set_weights([np.full_like(weight, np.nan) for weight in broken.get_weights()])
    ranking = ValidationCMC(IMAGES, IDENTITIES, CAMERAS, repeats=1)
    fit(broken, [ranking])
    assert np.isnan(list(ranking.history[0][1].values())).all()


def test_the_size_of_the_pictures_is_checked_before_the_training(model):
    with pytest.raises(InputError, match=r"takes images of shape \(40, 28, 3\); .* of shape \(20, 28, 3\)"):
        fit(model, [ValidationCMC(IMAGES[:, ::2], IDENTITIES, CAMERAS)])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"identities": np.zeros(26, int)}, "needs two identities or more to tell apart; got 1"),
        ({"identities": np.full(26, -1)}, "needs two identities or more to tell apart; got 0"),
        ({"cameras": IDENTITIES + 2}, "needs an identity that two cameras saw; each of the 6 given was seen by one"),
        ({"cameras": np.zeros(26, int), "protocol": "market"}, "under market needs an identity that two cameras saw"),
        (
            {"cameras": np.isin(np.arange(26), (2, 3)).astype(int)},
            "every gallery under cross-camera would hold a single image",
        ),
        ({"identities": np.arange(26), "protocol": "paper"}, "leaves no probes"),
    ],
)
def test_people_who_cannot_be_ranked_are_one_clear_error(given, message):
    with pytest.raises(InputError, match=message):
        ValidationCMC(**{"images": IMAGES, "identities": IDENTITIES, "cameras": CAMERAS, **given})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"identities": IDENTITIES[:25]},
            r"26 images need as many identities, as integers; got int64 of shape \(25,\)",
        ),
        ({"cameras": np.array(["a", "b"] * 13)}, "26 images need as many cameras, as integers; got <U1"),
        ({"images": IMAGES / 255.0}, "images must be uint8 of shape .*; got float64"),
        ({"images": IMAGES[0]}, r"images must be uint8 of shape .* of shape \(40, 28, 3\)"),
        ({"every": 0}, "every must be 1 or more epochs; got 0"),
    ],
)
def test_what_is_no_set_of_pictures_is_one_clear_error(given, message):
    with pytest.raises(ValueError, match=message):
        ValidationCMC(**{"images": IMAGES, "identities": IDENTITIES, "cameras": CAMERAS, **given})


def test_ranks_beyond_the_gallery_and_ties_are_counted_as_in_cmc(model):
    ranking = ValidationCMC(IMAGES[:24], IDENTITIES[:24], CAMERAS[:24], repeats=1)
    flat = light_model()
    flat.set_weights([np.zeros_like(weight) for weight in flat.get_weights()])
    fit(flat, [ranking], rate=0.0)
    rows, columns = CAMERAS[:24] == 0, CAMERAS[:24] == 1
    labels = IDENTITIES[:24][rows], IDENTITIES[:24][columns]
    expected = cmc(np.zeros((12, 12)), *labels, repeats=1)
    figures = ranking.history[0][1]
    assert figures["val_rank_1"] == 0 and figures["val_rank_5"] == 0 and figures["val_rank_20"] == 1
    assert figures["val_mAP"] == pytest.approx(expected.mean_average_precision)


def test_all_callbacks_together_in_a_training_of_ones_own(tmp_path):
    """Ranked, kept, stopped and shown by `fit` alone, without `tfnxc.training`."""
    console = Console(file=io.StringIO(), width=200)
    best = KeepBest(tmp_path)
    early = ValidationEarlyStopping(best, every=1, patience=2)
    ranking = ValidationCMC(IMAGES, IDENTITIES, CAMERAS, repeats=1)
    fit(light_model(), [ranking, best, early, LiveTable(console, batch_size=8)], epochs=9, rate=0.0)
    assert best.epoch == 0 and [epoch for epoch, _ in ranking.history] == [0, 1, 2]
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 3 and lines[0].startswith("epoch 1/9  steps 2/2 ") and "val_mAP" in lines[0]
