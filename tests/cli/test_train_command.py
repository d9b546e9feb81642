"""`tfnxc train` up to the training itself, which tests/training tests."""

import importlib
import inspect
import json
import shutil
import signal
import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from PIL import Image

from tests.datasets.readers.cuhk03_file import write_mat
from tests.models.small_towers import small_tower
from tfnxc import distribution, models
from tfnxc.cli import main
from tfnxc.datasets import get_split
from tfnxc.errors import InputError
from tfnxc.hashes import file_digest
from tfnxc.training import Recipe, Run


@pytest.fixture
def trained(monkeypatch):
    """What the trainings of a test would have fitted: the arguments by name."""
    calls, module = [], sys.modules["tfnxc.training.train"]
    names = tuple(inspect.signature(module.fit).parameters)
    monkeypatch.setattr(
        module, "fit", lambda *given: calls.append(types.SimpleNamespace(**dict(zip(names, given, strict=True))))
    )
    return calls


@pytest.fixture
def train(campus, tmp_path):
    """Runs the command on five identities of CUHK01."""
    command = ["train", "cuhk01", "--data", str(campus), "--run", str(tmp_path / "run")]
    return lambda *arguments: CliRunner().invoke(main, [*command, *map(str, arguments)])


def test_the_options_reach_the_training(trained, train, tmp_path):
    options = ["--split", "random-2-0", "--positives", "cross-camera", "--negatives", "uniform", "--pool", 7]
    result = train(*options, "--hard-share", 0.25, "--checkpoint-seconds", 60, "--json")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert record == json.loads(json.dumps(Run.open(tmp_path / "run").to_dict())) and record["split"] == "random-2-0"
    assert (record["epochs_done"], record["best_epoch"], record["figures"]) == (0, None, {})
    (given,) = trained
    run, recipe, start, (images, identities, cameras, _) = given.run, given.recipe, given.start, given.pictures
    assert (start.model, start.seed, start.search_size, len(images)) == ("normxcorr", 0, None, 12)
    assert (recipe.positives, recipe.negatives, recipe.pool, recipe.hard_share) == ("cross-camera", "uniform", 7, 0.25)
    assert given.execution.checkpoint_seconds == 60
    np.testing.assert_array_equal(cameras, np.tile([0, 0, 1, 1], 3))
    assert run.settings.recipe.negatives == "uniform" and sorted(set(identities)) == list(run.split.train)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_that_is_asked_to_end_says_where_it_stopped_and_how_to_go_on(
    train, tmp_path, monkeypatch, number, status
):
    module, run = sys.modules["tfnxc.training.train"], tmp_path / "run"

    def ended_by(act):
        monkeypatch.setattr(module, "fit", lambda *_: (act(), signal.raise_signal(number)))
        before = signal.getsignal(number)
        result = train("--split", "random-2-0", "--epochs", 70)
        assert result.exit_code == status and signal.getsignal(number) is before
        return result.output.rstrip().rpartition("\n")[2]

    def saved(file, epochs):
        def act():
            (run / file).touch()
            Run.open(run).note_progress(epochs, 18)

        return act

    assert ended_by(lambda: None) == "Stopped before the first step was saved. The same command begins anew."
    ends = " The same command goes on from there."
    assert ended_by(saved("model.keras", 6)) == "Stopped after epoch 6 of 70; saved." + ends
    assert ended_by(saved("checkpoint.keras", 6)) == "Stopped in epoch 7 of 70; saved." + ends
    told = "Stopped after the last epoch, before the embedding was fitted. The same command fits it."
    assert ended_by(saved("model.keras", 70)) == told


@pytest.mark.usefixtures("interruptible", "trained")
def test_a_command_that_is_stopped_before_it_trains_ends_without_a_traceback(train, monkeypatch):
    monkeypatch.setattr("tfnxc.training.make_deterministic", lambda: signal.raise_signal(signal.SIGINT))
    result = train("--split", "random-2-0")
    assert result.exit_code == 130 and result.output == "Stopped.\n"


def test_only_one_option_says_how_long_a_training_is(trained, train):
    for words, told in (
        (["--minutes", 1, "--epochs", 2], "--minutes and --epochs each say how long the training is"),
        (["--epochs", 2, "--steps", 5], "--epochs and --steps each say how long the training is"),
    ):
        result = train("--split", "random-2-0", *words)
        assert result.exit_code == 1 and told in result.output
    for minutes in ("0", "-1"):
        assert train("--split", "random-2-0", "--minutes", minutes).exit_code == 2
    result = train("--split", "random-2-0", "--minutes", "nan")
    assert result.exit_code == 1 and "minutes must be a number above 0; got nan" in result.output
    assert not trained


def test_minutes_and_steps_take_the_place_of_epochs(trained, train, tmp_path):
    result = train("--split", "random-2-0", "--minutes", 2.5)
    assert result.exit_code == 0 and "pictures are few" not in result.output
    assert trained[0].run.settings.minutes == 2.5 and trained[0].recipe == Recipe.named()
    (tmp_path / "run" / "model.keras").touch()
    trained[0].run.note_length(400, 399)  # what the first steps told
    assert train("--split", "random-2-0", "--minutes", 2.5).exit_code == 0
    assert trained[1].run.settings.recipe.steps == 399
    result = train("--split", "random-2-0", "--minutes", 3)
    assert result.exit_code == 1 and "(minutes: 2.5 there, 3.0 now)" in result.output
    folder = tmp_path / "steps"
    assert train("--split", "random-2-0", "--steps", 399, "--run", folder).exit_code == 0
    assert trained[-1].recipe == Recipe.named(steps=399) and trained[-1].run.settings.minutes is None
    (folder / "model.keras").touch()
    trained[-1].run.note_length(400, 399)
    assert train("--split", "random-2-0", "--steps", 399, "--run", folder).exit_code == 0
    result = train("--split", "random-2-0", "--steps", 400, "--run", folder)
    assert result.exit_code == 1 and "(steps: 399 there, 400 now)" in result.output


def test_a_run_that_an_earlier_version_began_goes_on(trained, train, tmp_path):
    assert train("--split", "random-2-0", "--recipe", "published").exit_code == 0
    path = tmp_path / "run" / "run.json"
    record = json.loads(path.read_text())
    for later in ("positives", "negatives", "hard_share", "pool"):
        del record["settings"][later]
    path.write_text(json.dumps(record))
    (tmp_path / "run" / "model.keras").touch()
    assert train("--split", "random-2-0").exit_code == 0 and len(trained) == 2
    result = train("--split", "random-2-0", "--negatives", "hard")
    assert result.exit_code == 1 and "(negatives: uniform there, hard now)" in result.output


def begun(train, folder, *words):
    """A run folder in which something was trained by the command with some words."""
    assert train("--split", "random-2-0", "--run", folder, *words).exit_code == 0
    (folder / "model.keras").touch()


def test_a_command_that_names_no_recipe_takes_the_best_and_a_run_under_way_keeps_its_own(trained, train, tmp_path):
    result = train("--split", "random-2-0")
    assert trained[-1].recipe == Recipe.named("grouped", epochs=8334)
    assert "Training normxcorr by the recipe grouped on 3 identities of cuhk01" in result.output
    begun(train, tmp_path / "earlier", "--recipe", "published", "--batch-size", 64)
    result = train("--split", "random-2-0", "--batch-size", 64, "--run", tmp_path / "earlier")
    assert result.exit_code == 0 and trained[-1].recipe == Recipe(batch_size=64)
    told = "Note: the run was begun with the recipe published with batch size 64 and goes on with it; a new run takes"
    assert told in result.output
    # With options that it was not begun with it does not go on, nor where another recipe is named.
    for words, told in (
        (["--batch-size", 63], "(batch_size: 64 there, 63 now)"),
        (["--recipe", "grouped"], "scaling: published there, centred now"),
    ):
        result = train("--split", "random-2-0", *words, "--run", tmp_path / "earlier")
        assert result.exit_code == 1 and told in result.output
    # Where nothing was trained, nothing goes on.
    assert train("--split", "random-2-0", "--recipe", "published", "--run", tmp_path / "new").exit_code == 0
    assert train("--split", "random-2-0", "--run", tmp_path / "new").exit_code == 0
    assert trained[-1].recipe.pairs == "grouped"


def test_a_training_that_begins_with_other_weights_has_a_lower_rate(trained, train, tmp_path):
    words = "--from", "pretrained"
    result = train("--split", "random-2-0", *words)
    assert trained[-1].recipe.learning_rate == 0.002 and trained[-1].recipe.title == "grouped with learning rate 0.002"
    assert "Note: learning rate 0.002, not 0.003, because the training begins with other weights" in result.output
    assert train("--split", "random-2-0", *words, "--learning-rate", 0.003).exit_code == 0
    assert trained[-1].recipe.learning_rate == 0.003
    (tmp_path / "run" / "model.keras").touch()  # a run of an earlier version, whose rate stayed
    result = train("--split", "random-2-0", *words)
    assert result.exit_code == 0 and trained[-1].recipe.learning_rate == 0.003
    assert "goes on with it" in result.output


def test_a_part_of_a_data_set_is_trained_on_by_its_own_name_only_when_asked(trained, train):
    """The default is the split of the data set, of which these five identities are a part."""
    result = train()
    assert result.exit_code == 1 and "To train with the part that is there, add --partial" in result.output
    result = train("--partial")
    assert result.exit_code == 0, result.output
    split = trained[0].run.split
    assert split.name == "cuhk01-486-01-partial"
    assert sorted(split.train + split.test) == [1, 2, 7, 8, 9]


def test_a_family_is_no_split_to_train_on(trained, train):
    result = train("--split", "cuhk01-486")
    assert result.exit_code == 1 and "cuhk01-486 is 10 splits; name one of them, such as cuhk01-486-01" in result.output


def test_pictures_that_will_not_count_are_said_and_none_that_count_is_an_error(trained, train, campus, tmp_path):
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"train": [1, 2], "test": [7, 8, 9]}))
    # All that camera B, whose pictures are the gallery, has of one identity; and camera A, of the probes, of another.
    for picture in ("0007003", "0007004", "0008001", "0008002"):
        (campus / "campus" / f"{picture}.png").unlink()
    result = train("--split", split)
    assert result.exit_code == 0, result.output
    assert "Note: 2 test pictures have no match under cross-camera and are no probes there" in result.output
    split.write_text(json.dumps({"train": [1, 2], "test": [7, 8]}))
    result = train("--split", split)
    assert result.exit_code == 1 and "there is no match for any of the" in result.output and len(trained) == 1


def test_a_recipe_is_named_and_changed(trained, train):
    assert (
        train(
            "--split",
            "random-2-0",
            "--recipe",
            "grouped",
            "--epochs",
            3,
            "--identities-per-group",
            2,
            "--batch-size",
            8,
        ).exit_code
        == 0
    )
    recipe = trained[0].recipe
    assert recipe == Recipe.named("grouped", epochs=3, identities_per_group=2, batch_size=8)


def test_few_images_are_seen_more_often_unless_epochs_are_given(trained, train, tmp_path):
    result = train("--split", "random-2-0", "--recipe", "grouped")
    assert "Note: 8334 epochs, not 70, because 12 pictures are few" in result.output
    ((run, recipe),) = ((given.run, given.recipe) for given in trained)
    assert recipe == Recipe.named("grouped", epochs=8334)  # 18 pairs an epoch
    assert run.settings.recipe.epochs == 8334
    for words in (("--recipe", "grouped", "--epochs", 70), ("--recipe", "published")):
        result = train("--split", "random-2-0", *words, "--run", tmp_path / words[1])
        assert result.exit_code == 0 and "epochs, not" not in result.output
    assert [given.recipe.epochs for given in trained[1:]] == [70, 20]


def test_validation_people_do_not_train(trained, train):
    result = train("--split", "random-2-0", "--validate", 1)
    assert result.exit_code == 1 and "of the 3 training people at least two have to be held back" in result.output
    result = train("--split", "random-1-0", "--validate", 2, "--patience", 3)
    assert result.exit_code == 0, result.output
    given = trained[-1]
    run, (images, identities, *_) = given.run, given.pictures
    pictures, held, cameras, _ = given.validation.pictures
    assert set(held) | set(identities) == set(run.split.train) and not set(held) & set(identities)
    assert len(pictures) == len(held) == len(cameras) == 8 and len(images) == 8
    assert given.validation.patience == 3
    assert run.settings.validate == 2


def test_patience_without_validation_is_one_clear_error(train):
    result = train("--split", "random-2-0", "--patience", 3)
    assert result.exit_code == 1 and "--patience looks at the people of --validate" in result.output


def own_pictures(folder, names):
    """A folder of own pictures, two cameras a person."""
    for name in names:
        (folder / name).mkdir(parents=True)
        for camera in (1, 2):
            Image.new("RGB", (60, 160), "red").save(folder / name / f"c{camera}.png")
    return folder


def test_other_sets_train_under_numbers_of_their_own(trained, train, tmp_path):
    people = own_pictures(tmp_path / "people", ("ann", "bob"))
    result = train("--split", "random-2-0", "--with", f"folder={people}")
    assert result.exit_code == 0, result.output
    run, (images, identities, _, domains) = trained[0].run, trained[0].pictures
    assert len(images) == 16 and domains.tolist() == [0] * 12 + [1] * 4
    assert not set(identities[:12]) & set(identities[12:]) and len(set(identities)) == 5
    assert run.settings.others == ("folder",)
    assert [dataset for dataset, _ in run.trained_on] == ["cuhk01", "folder"]


def test_the_camera_pairs_of_cuhk03_are_places_of_their_own(trained, train, tmp_path):
    """Its five cameras 0 are five cameras: a pair of two places is of two people."""
    words = "--split", "random-2-0", "--with", f"cuhk03-labeled={write_mat(tmp_path / 'cuhk-03.mat')}"
    result = train(*words, "--recipe", "grouped")
    assert result.exit_code == 0, result.output
    (given,) = trained
    assert given.pictures.domains.tolist() == [0] * 12 + [1] * 28 + [2] * 19 + [3] * 10 + [4] * 10 + [5] * 10
    assert given.run.settings.domains is True  # a run of before is another training
    result = train(*words, "--recipe", "published", "--run", tmp_path / "separate")
    assert result.exit_code == 0, result.output
    given = trained[1]
    assert given.pictures.domains.tolist() == [0] * 12 + [1] * 77 and not given.run.settings.domains


def test_own_people_with_the_numbers_of_others_are_told_apart_by_a_promise(tmp_path):
    """Person 1 of one folder need not be person 1 of another, and only the user can know."""
    sets = [own_pictures(tmp_path / name, "123456") for name in ("shop", "street")]
    common = ("train", "folder", "--recipe", "published", "--epochs", 1, "--batch-size", 4, "--split")

    def command(*arguments):
        return CliRunner().invoke(main, list(map(str, arguments)))

    shop, street = (tmp_path / f"run-{name}" for name in ("shop", "street"))
    assert command(*common, "random-3-0", "--data", sets[0], "--run", shop).exit_code == 0
    on_street = (shop, "--dataset", "folder", "--data", sets[1], "--split", "random-3-1", "--protocol", "market")
    refused = command("evaluate", *on_street)
    assert refused.exit_code == 1 and "same numbers, add --other-people" in " ".join(refused.output.split())
    measured = command("evaluate", *on_street, "--other-people")
    assert measured.exit_code == 0, measured.output

    begins = (*common, "random-3-1", "--data", sets[1], "--from", shop, "--run", street)
    refused = command(*begins)
    assert refused.exit_code == 1 and "same numbers, add --other-people" in " ".join(refused.output.split())
    assert command(*begins, "--other-people").exit_code == 0
    at_home = command("evaluate", street, "--protocol", "market")  # the run remembers
    assert at_home.exit_code == 0, at_home.output
    for elsewhere in (("--split", "random-3-0", "--data", sets[0]), ("--data", sets[0])):
        refused = command("evaluate", street, "--protocol", "market", *elsewhere)
        assert refused.exit_code == 1 and "trained on" in refused.output
    no_effect = command(
        "evaluate", "--baseline", "colour-histogram", "--dataset", "folder", "--data", sets[0], "--other-people"
    )
    assert no_effect.exit_code == 1 and "--other-people: no effect" in no_effect.output


def test_a_run_knows_the_names_of_its_people_and_is_resumed_with_no_others(trained, tmp_path):
    own_pictures(tmp_path / "people", ["anna", "berta", "carl", "dora"])
    (tmp_path / "people" / "anna" / "scan.tif").write_text("no picture that is read")
    command = ["train", "folder", "--data", tmp_path / "people", "--split", "random-2-0", "--run", tmp_path / "run"]

    def train():
        return CliRunner().invoke(main, list(map(str, command)))

    first = train()
    assert first.exit_code == 0, first.output
    assert "Note: 1 file is not read and no part of folder: " in first.output and "anna/scan.tif" in first.output
    run = Run.open(tmp_path / "run")
    assert run.names == [{0: "anna", 1: "berta", 2: "carl", 3: "dora"}] and len(run.trained_on) == 1
    digest = file_digest(tmp_path / "people" / "anna" / "c1.png")
    assert run.first_pictures == {number: ("c1.png", digest) for number in range(4)}  # all are alike
    (tmp_path / "run" / "model.keras").touch()  # something was trained
    assert train().exit_code == 0
    (tmp_path / "people" / "anna").rename(tmp_path / "people" / "emil")
    result = train()
    told = "of other people (missing: anna; new: emil; with other numbers: berta, carl, dora)"
    assert result.exit_code == 1 and told in " ".join(result.output.split())


def test_a_promise_about_published_people_is_refused(train):
    result = train("--split", "random-2-0", "--other-people")
    assert result.exit_code == 1 and "--other-people is for own pictures" in result.output


def test_people_who_are_tested_may_not_train(trained, train, campus, tmp_path):
    result = train("--split", "random-2-0", "--with", f"cuhk01={campus}")
    assert result.exit_code == 1 and "2 of the 2 test identities" in result.output
    assert train("--split", "random-2-1", "--run", tmp_path / "earlier").exit_code == 0
    earlier = Run.open(tmp_path / "earlier")
    models.normxcorr(filters=(2, 3), units=4).save(earlier.model_path())
    seen = set(earlier.split.train) & set(get_split("random-2-0", [1, 2, 7, 8, 9]).test)
    result = train("--split", "random-2-0", "--from", tmp_path / "earlier")
    assert seen and result.exit_code == 1 and f"{len(seen)} of the 2 test identities" in result.output
    result = train("--split", "random-2-1", "--from", tmp_path / "earlier")
    assert result.exit_code == 0 and trained[-1].weights is not None
    assert Run.open(tmp_path / "run").trained_on[1] == ("cuhk01", list(earlier.split.train))


def test_the_model_that_comes_with_the_package_is_a_beginning(trained, train, tmp_path):
    result = train("--split", "random-2-0", "--recipe", "grouped", "--from", "pretrained")
    assert result.exit_code == 0, result.output
    ((run, weights),) = ((given.run, given.weights) for given in trained)
    for kept, given in zip(models.pretrained().get_weights(), weights.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, given)
    assert run.settings.weights == models.pretrained_card()["digest"]
    assert [dataset for dataset, _ in run.trained_on] == ["cuhk01"]


def test_a_folder_of_the_name_is_not_taken_for_the_model_that_comes_with_the_package(train, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pretrained").mkdir()
    result = train("--split", "random-2-0", "--recipe", "grouped", "--from", "pretrained")
    assert result.exit_code == 1 and "for what lies here, ./pretrained" in " ".join(result.output.split())


def test_the_model_that_comes_with_the_package_begins_its_own_kind_only(train):
    for options in (("--recipe", "published"), ("--recipe", "grouped", "--model", "ahmed")):
        result = train("--split", "random-2-0", *options, "--from", "pretrained", "--epochs", 1)
        assert result.exit_code == 1 and "the weights to begin with" in result.output, result.output


def test_people_who_are_held_back_may_not_have_been_trained_on(trained, train, tmp_path):
    held_back = ["--split", "random-1-0", "--validate", 2]
    assert train(*held_back, "--run", tmp_path / "earlier").exit_code == 0
    earlier = Run.open(tmp_path / "earlier")
    models.normxcorr(filters=(2, 3), units=4).save(earlier.model_path())
    # By the same people as that run it can be validated; by others, or where it held nobody back, it cannot.
    result = train(*held_back, "--from", tmp_path / "earlier")
    assert result.exit_code == 0, result.output
    seeds = (seed for seed in range(1, 9) if set(held(earlier, seed)) != set(earlier.held_back.test))
    result = train(*held_back, "--from", tmp_path / "earlier", "--seed", next(seeds), "--run", tmp_path / "other")
    assert result.exit_code == 1 and "of the 2 people whom --validate holds back" in result.output
    assert train("--split", "random-1-0", "--run", tmp_path / "all").exit_code == 0
    shutil.copy(earlier.model_path(), tmp_path / "all")
    result = train(*held_back, "--from", tmp_path / "all", "--run", tmp_path / "other")
    assert result.exit_code == 1 and "2 of the 2 people whom --validate holds back" in result.output


def held(run, seed):
    return run.split.hold_back(2, seed).test


def test_pictures_of_one_camera_are_trained_on_and_how_they_are_measured_is_said(trained, tmp_path):
    for number in range(6):
        (tmp_path / "people" / f"{number}").mkdir(parents=True)
        for picture in range(3):
            Image.new("RGB", (60, 160), "red").save(tmp_path / "people" / f"{number}" / f"{picture}.png")
    command = [
        "train",
        "folder",
        "--data",
        str(tmp_path / "people"),
        "--split",
        "random-2-0",
        "--run",
        str(tmp_path / "run"),
    ]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0 and len(trained) == 1, result.output
    assert "will be measured by the protocol paper" in result.output
    result = CliRunner().invoke(main, [*command, "--validate", "2"])
    assert result.exit_code == 1 and "--validate ranks across cameras" in result.output


def test_a_command_with_a_mistake_leaves_no_folder_that_refuses_the_next(trained, train):
    assert train("--split", "random-2-0", "--epochs", 3).exit_code == 0  # of which nothing was trained here
    result = train("--split", "random-2-0", "--epochs", 4)
    assert result.exit_code == 0 and trained[1].run.settings.recipe.epochs == 4


def test_a_set_that_nobody_knows_is_one_clear_error(train):
    result = train("--split", "random-2-0", "--with", "nobody=here")
    assert result.exit_code == 1 and "--with takes NAME=PATH" in result.output


def test_ranking_may_be_asked_for_every_few_epochs(trained, train):
    assert train("--split", "random-1-0", "--validate", 2, "--validate-every", 3).exit_code == 0
    assert trained[0].validation.every == 3
    # No setting: the weights are the same.
    assert train("--split", "random-1-0", "--validate", 2).exit_code == 0
    assert trained[1].validation.every == 1


def test_the_strategy_reaches_the_training(trained, train, monkeypatch):
    asked = []
    monkeypatch.setattr(distribution, "training_strategy", lambda name: asked.append(name) or "a strategy")
    monkeypatch.setattr(sys.modules["tfnxc.training.train"], "training_strategy", lambda strategy: strategy)
    assert train("--split", "random-2-0", "--strategy", "mirrored").exit_code == 0
    assert train("--split", "random-2-0").exit_code == 0
    assert asked == ["mirrored", "none"] and [given.execution.strategy for given in trained] == ["a strategy"] * 2


@pytest.mark.skipif(len(tf.config.list_physical_devices("GPU")) > 1, reason="two GPUs or more share the training")
def test_one_device_trains_without_a_strategy(trained, train):
    result = train("--split", "random-2-0", "--strategy", "mirrored")
    assert result.exit_code == 0, result.output
    assert trained[0].execution.strategy is None


@pytest.mark.parametrize(("devices", "calls"), [([], 1), (["one"], 0)])
def test_sums_have_a_fixed_order_only_where_there_is_no_gpu(trained, train, monkeypatch, devices, calls):
    asked, enabled = [], []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: asked.append(kind) or devices)
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: enabled.append(len(trained)))
    assert train("--split", "random-2-0").exit_code == 0
    assert asked[:1] == ["GPU"] and len(trained) == 1
    assert enabled == [0] * calls  # before the training


def test_the_demo_adds_up_in_a_fixed_order_too(monkeypatch):
    done = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: done.append("order"))
    module = importlib.import_module("tfnxc.demo")

    def people(*_):
        done.append("people")
        raise InputError("that is enough")

    monkeypatch.setattr(module, "open_dataset", people)
    assert CliRunner().invoke(main, ["demo"]).exit_code == 1 and done == ["order", "people"]


@pytest.fixture
def tower_file(tmp_path):
    tower = small_tower(shape=(80, 36, 3))
    tower.save(tmp_path / "tower.keras")
    return tmp_path / "tower.keras"


@pytest.mark.parametrize("freeze", [False, True])
def test_a_tower_comes_from_a_file(trained, train, tower_file, freeze):
    words = ["--split", "random-2-0", "--tower", tower_file, *(["--freeze-tower"] if freeze else [])]
    result = train(*words, "--model", "ahmed")
    assert result.exit_code == 0, result.output
    (given,) = trained
    assert given.start.model == "ahmed" and given.pictures.images.shape[1:] == (80, 36, 3)
    assert bool(given.start.tower.trainable_weights) != freeze
    assert given.run.settings.given == given.start.given and given.run.settings.model == "ahmed"
    if freeze:
        again = train(*words[:-1], "--model", "ahmed")
        assert again.exit_code == 0 and len(trained) == 2  # nothing was trained yet: the right command takes it over
        assert trained[1].run.settings.given != given.run.settings.given


def test_what_is_no_tower_is_refused(trained, train, tower_file, tmp_path):
    keras.Sequential([keras.Input((80, 36, 3)), keras.layers.Flatten()], name="flat").save(tmp_path / "flat.keras")
    image = keras.Input((80, 36, 3))
    unsafe = keras.Model(image, keras.layers.Lambda(lambda x: 2 * x)(keras.layers.Conv2D(3, 5, strides=4)(image)))
    unsafe.save(tmp_path / "unsafe.keras")
    (tmp_path / "broken.keras").write_bytes(b"no model")
    for words, message in {
        ("--freeze-tower",): "--freeze-tower: no effect without --tower",
        ("--tower", tower_file, "--scaling", "centred"): "--scaling: no effect on --tower",
        ("--tower", tmp_path / "flat.keras"): "flat.keras: tower must be a functional keras.Model of one image",
        ("--tower", tmp_path / "unsafe.keras"): "unsafe.keras: broken model file",
        ("--tower", tmp_path / "broken.keras"): "broken.keras: broken model file",
        ("--tower", tmp_path / "none.keras"): "none.keras: no such file; expected a .keras model.",
    }.items():
        result = train("--split", "random-2-0", *words)
        assert result.exit_code == 1 and message in " ".join(result.output.split()), result.output
    assert not trained
