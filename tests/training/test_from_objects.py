"""A training from objects in a few lines of Python: the same as by the command, and as careful."""

import dataclasses
import json
import math

import numpy as np
import pytest

from tests.cli.run_command import run as run_command
from tests.training.small_training import IDENTITIES, SPLIT, make_images, small_training
from tfnxc import datasets, evaluation, models
from tfnxc.errors import InputError
from tfnxc.training import (
    Execution,
    Recipe,
    Run,
    Start,
    TrainingData,
    Validation,
    enough_epochs,
    train,
)

pytestmark = pytest.mark.slow

RECIPE = Recipe.named("grouped", epochs=1, batch_size=9, warmup=0)
QUIET = Execution(verbose=0)


@pytest.fixture
def people(campus):
    return datasets.cuhk01(campus)


def test_it_does_what_the_command_does(people, campus, tmp_path, monkeypatch):
    monkeypatch.setattr("tensorflow.config.experimental.enable_op_determinism", lambda: None)
    monkeypatch.setattr("tensorflow.config.optimizer.set_jit", lambda _: None)
    words = ["--split", "random-2-0", "--recipe", "grouped", "--epochs", 1, "--batch-size", 9, "--warmup", 0]
    done = run_command("train", "cuhk01", "--data", campus, *words, "--seed", 3, "--run", tmp_path / "command")
    assert done.exit_code == 0, done.output
    data = TrainingData(people, "random-2-0", path=campus)
    run = train(tmp_path / "python", data, RECIPE, start=Start(seed=3), execution=QUIET)
    records = [json.loads((tmp_path / name / "run.json").read_text()) for name in ("command", "python")]
    assert records[0] == records[1]
    command = Run.open(tmp_path / "command")
    assert command.epochs_done == run.epochs_done == 1 and command.pairs_done == run.pairs_done
    for one, other in zip(command.load_model().get_weights(), run.load_model().get_weights(), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-5)
    again = train(run, data, RECIPE, start=Start(seed=3), execution=QUIET)
    assert again.folder == run.folder and again.epochs_done == 1
    with pytest.raises(InputError, match=r"holds a run with other settings .seed: 3 there, 0 now"):
        train(run, data, RECIPE)
    results = evaluation.evaluate(run, protocols="cross-camera", repeats=1)
    assert len(results) == 1 and results[0].epochs_done == 1


def test_people_who_are_tested_may_not_train(people, tmp_path):
    with pytest.raises(InputError, match=r"2 of the 2 test identities of random-2-0, such as .*would mean nothing"):
        train(tmp_path / "run", TrainingData(people, "random-2-0", others=[people]), RECIPE)
    earlier = train(tmp_path / "earlier", TrainingData(people, "random-2-1"), RECIPE, execution=QUIET)
    seen = set(earlier.split.train) & set(TrainingData(people, "random-2-0").chosen_split.test)
    assert seen
    for weights in (earlier, earlier.folder, str(earlier.folder)):
        with pytest.raises(InputError, match=f"{len(seen)} of the 2 test identities"):
            train(tmp_path / "run", TrainingData(people, "random-2-0"), RECIPE, start=Start(weights=weights))
    assert not (tmp_path / "run").exists()
    run = train(
        tmp_path / "run", TrainingData(people, "random-2-1"), RECIPE, start=Start(weights=earlier), execution=QUIET
    )
    assert run.settings.weights == earlier.model_digest() and run.trained_on[1] == earlier.trained_on[0]


def test_people_who_are_held_back_may_not_have_trained(people, tmp_path):
    data = TrainingData(people, "random-1-0")
    earlier = train(tmp_path / "earlier", data, RECIPE, execution=QUIET)
    with pytest.raises(InputError, match="2 of the 2 people whom --validate holds back"):
        train(tmp_path / "run", data, Recipe(epochs=1), start=Start(weights=earlier), validation=2)


def test_data_know_who_trains_and_who_is_held_back(people):
    data = TrainingData(people, "random-1-0")
    fitted = data.holding_back(2, seed=5)
    assert fitted.chosen_split == data.chosen_split.hold_back(2, 5)
    images, identities, cameras, domains = fitted.read()
    assert len(images) == len(fitted) == 8 and sorted(set(identities)) == list(fitted.chosen_split.train)
    assert cameras.tolist() == [0, 0, 1, 1] * 2 and domains.tolist() == [0] * 8
    assert sorted(set(data.tested.identities)) == list(data.chosen_split.test)
    arrays = TrainingData.of_arrays(people.images(), people.identities, people.cameras, split=fitted.chosen_split)
    for one, other in zip(arrays.read()[:3], (images, identities, cameras), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(arrays) == 8 and arrays.read().domains is None


def test_everybody_trains_in_arrays_without_a_split():
    data = TrainingData.of_arrays(make_images(), IDENTITIES)
    assert len(data) == 8 and data.tested is None and data.chosen_split.train == (0, 1, 2, 3)
    assert data.read().images is data.pictures.images


def test_weights_may_be_a_model_or_its_file(tmp_path):
    first = small_training(tmp_path / "first")
    first.save(tmp_path / "first.keras")
    for number, weights in enumerate((first, tmp_path / "first.keras", Run.open(tmp_path / "first"))):
        small_training(tmp_path / str(number), seed=1, weights=weights)
        run = Run.open(tmp_path / str(number))
        np.testing.assert_array_equal(run.load_model("initial").get_weights()[0], first.get_weights()[0])
        assert len(run.settings.weights) == 12 and run.settings.seed == 1
    with pytest.raises(InputError, match=r"holds a run with other settings .from: .* there, None now"):
        small_training(tmp_path / "0", seed=1)
    assert Start(weights="pretrained").read_weights().digest == models.pretrained_card()["digest"]


def test_a_recipe_by_its_name_makes_more_epochs_of_few_images(people, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setitem(train.__globals__, "fit", lambda run, pictures, recipe, *_: asked.append(recipe))
    data = TrainingData(people, "random-2-0")
    for name in ("grouped", "published", None):
        train(tmp_path / str(name), data, name)
    assert [recipe.epochs for recipe in asked] == [8334, 20, 8334]
    assert enough_epochs(Recipe.named("grouped"), data) == asked[0] == asked[2]


def test_numpy_integers_are_written_down(people, tmp_path):
    start = Start(seed=np.int64(3), search_size=(np.int64(5), np.int64(3)))
    recipe = dataclasses.replace(RECIPE, epochs=np.int64(1))
    run = train(tmp_path / "run", TrainingData(people, "random-2-0"), recipe, start=start, execution=QUIET)
    settings = Run.open(run.folder).settings
    assert (settings.seed, settings.search_size, settings.recipe.epochs) == (3, (5, 3), 1)
    held_back = Validation(np.int64(5), every=np.int64(1), patience=np.int64(2))
    assert {type(each) for each in (held_back.identities, held_back.every, held_back.patience)} == {int}


def test_wrong_arguments_say_what_was_expected(people):
    with pytest.raises(ValueError, match="model must be one of ahmed, normxcorr, fused; got 'resnet'"):
        Start("resnet")
    for options in ({"identities": -1}, {"identities": None}, {"every": 0}, {"every": 1.5}, {"patience": 0}):
        ((name, value),) = options.items()
        with pytest.raises(ValueError, match=f"{name} must be a whole number, . or above, received {value}"):
            Validation(**{"identities": 2, **options})
    with pytest.raises(InputError, match="patience counts rankings of the validation, of which there is none"):
        Validation(patience=2)
    with pytest.raises(InputError, match="checkpoint_seconds must be a number of seconds; got nan"):
        Execution(checkpoint_seconds=math.nan)
    with pytest.raises(InputError, match="cuhk01-486 is 10 splits; name one of them, such as cuhk01-486-01"):
        TrainingData(people, "cuhk01-486")
    with pytest.raises(InputError, match="add --partial"):
        TrainingData(people)
    assert TrainingData(people, partial=True).chosen_split.name == "cuhk01-486-01-partial"
    own = TrainingData.of_arrays(make_images(), IDENTITIES, split=SPLIT).people
    with pytest.raises(ValueError, match="arrays has no split of its own; give one as split"):
        TrainingData(own)
    assert TrainingData(own, "random-1-0").chosen_split.name == "random-1-0"
