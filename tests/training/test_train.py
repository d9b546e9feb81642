import contextlib
import csv
import dataclasses
import functools
import io
import itertools
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import unittest.mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from tests.training import small_training as small
from tests.training.small_training import (
    GROUPED,
    HARD,
    IDENTITIES,
    RECIPE,
    STEPS,
    At,
    make_images,
    run_in,
    small_training,
    tiny,
)
from tfnxc import files, models
from tfnxc.callbacks.validation_cmc import FIGURES, ValidationCMC
from tfnxc.datasets.pipelines.groups import Groups
from tfnxc.datasets.pipelines.pair_indices import hard_negatives
from tfnxc.errors import InputError
from tfnxc.locks import LOCK
from tfnxc.scoring.colour_histogram import colour_histogram_scores
from tfnxc.training import Recipe, Run, make_deterministic
from tfnxc.training.ending import saving_when_asked_to_end, where_it_stopped

ROOT = pathlib.Path(__file__).resolve().parents[2]
BROKEN = {"nan.json", "nan_batch.npz"}
KEPT = {"run.json", "initial.keras", "model.keras", "progress.json", "history.csv"}
WHILE_TRAINING = KEPT
"""Files of a run whose training is not over."""
KEPT = KEPT | {"embedding.keras", "embedding.json"}


def names(folder):
    return {path.name for path in folder.iterdir()} - {LOCK}


def history(folder):
    with open(folder / "history.csv", newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def interrupt():
    raise KeyboardInterrupt


class Count(keras.callbacks.Callback):
    """Counts what callbacks are told."""

    def __init__(self):
        super().__init__()
        self.begun = self.steps = self.ended = 0
        self.losses = []

    def on_train_begin(self, logs=None):
        self.begun += 1

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(logs["loss"])

    def on_train_end(self, logs=None):
        self.ended += 1


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted training: its folder and its weights."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, small_training(folder / "run").get_weights()


def assert_like_the_whole(whole, folder, model):
    for one, other in zip(whole[1], model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    expected, found = history(whole[0] / "run"), history(folder)
    assert [row["epoch"] for row in found] == [0, 1, 2]
    for one, other in zip(expected, found, strict=True):
        assert other == pytest.approx(one, rel=1e-5)
    assert names(folder) == KEPT and Run.open(folder).epochs_done == 3


@pytest.mark.parametrize("architecture", ["normxcorr", "ahmed", "fused"])
def test_training_keeps_both_models_and_the_history(tmp_path, architecture):
    images = make_images()
    recipe = Recipe("adam", 0.001, l2=0.0, batch_size=12, epochs=2)
    model = small_training(tmp_path / "run", recipe, architecture, cameras=None)
    run = Run.open(tmp_path / "run")
    initial, trained = run.load_model("initial"), run.load_model()
    pair = [images[:2] / 255.0, images[2:4] / 255.0]
    np.testing.assert_allclose(trained.predict(pair, verbose=0), model.predict(pair, verbose=0), atol=1e-6)
    assert np.abs(initial.predict(pair, verbose=0) - trained.predict(pair, verbose=0)).max() > 1e-4
    assert [row["epoch"] for row in history(run.folder)] == [0, 1]
    assert names(run.folder) == KEPT
    with pytest.raises(InputError, match=rf"holds a run with other settings \(model: {architecture} there, tiny now\)"):
        small_training(run.folder, recipe, cameras=None)
    small_training(tmp_path / "tiny", recipe, cameras=None)
    shutil.copy(run.model_path(), tmp_path / "tiny")
    with pytest.raises(InputError, match=f"holds a model {architecture}; asked for was tiny"):
        small_training(tmp_path / "tiny", recipe, cameras=None)


def test_a_training_interrupted_twice_ends_with_the_same_weights_and_history(tmp_path, whole):
    for seconds in (300, 0):  # without a checkpoint in the epoch it begins again, with one it goes on behind it
        with pytest.raises(KeyboardInterrupt):
            small_training(tmp_path / "run", callbacks=[At(1, 0, interrupt)], checkpoint_seconds=seconds)
        assert Run.open(tmp_path / "run").epochs_done == 1
        assert names(tmp_path / "run") == WHILE_TRAINING | ({"checkpoint.keras"} if seconds == 0 else set())
    count = Count()
    model = small_training(tmp_path / "run", callbacks=[count])
    assert (count.begun, count.steps, count.ended) == (1, STEPS + 1, 1)
    np.testing.assert_allclose(count.losses, [row["loss"] for row in history(tmp_path / "run")[1:]])
    assert_like_the_whole(whole, tmp_path / "run", model)
    # A finished run is not trained further.
    count = Count()
    assert_like_the_whole(whole, tmp_path / "run", small_training(tmp_path / "run", callbacks=[count]))
    assert (count.begun, count.steps, count.ended) == (0, 0, 0)


def test_a_killed_training_ends_with_the_same_weights_and_history(tmp_path, whole):
    command = [sys.executable, "-m", "tests.training.small_training", tmp_path / "run"]
    assert subprocess.run(command, cwd=ROOT, stderr=subprocess.DEVNULL).returncode == -signal.SIGKILL
    assert names(tmp_path / "run") == WHILE_TRAINING | {"checkpoint.keras"}
    (tmp_path / "run" / ".tfnxc-checkpoint.1234.keras").write_bytes(b"half")
    assert_like_the_whole(whole, tmp_path / "run", small_training(tmp_path / "run"))


def test_a_training_may_end_between_any_two_writes(tmp_path, whole, monkeypatch):
    """Whatever of the first epoch is on disk when it ends there, the next training puts it right."""
    replace = files.os.replace
    for name in ("history.csv", "model.keras", "progress.json"):
        seen = []

        def stop_before(source, target, name=name, seen=seen):
            seen.append(pathlib.Path(target).name)
            # progress.json is also written when a training begins.
            if seen.count(name) == 1 + (name == "progress.json"):
                raise KeyboardInterrupt
            replace(source, target)

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(files.os, "replace", stop_before)
            small_training(tmp_path, checkpoint_seconds=0)
        assert seen[-1] == name and "checkpoint.keras" in names(tmp_path)
        assert ("history.csv" in names(tmp_path)) == (name != "history.csv")
    assert_like_the_whole(whole, tmp_path, small_training(tmp_path))


def test_hard_negatives_are_found_once_an_epoch_and_kept_for_its_rest(tmp_path, whole, monkeypatch):
    hard = []

    def spy(identities, probes, score, number, *options):
        hard.append((number, hard_negatives(identities, probes, score, number, *options)))
        return hard[-1][1]

    monkeypatch.setattr(sys.modules["tfnxc.training.epoch_negatives"], "hard_negatives", spy)
    expected = small_training(tmp_path / "whole", HARD).get_weights()
    assert [number for number, _ in hard] == [0, 1, 2] and names(tmp_path / "whole") == KEPT
    # All positives of these identities are across cameras, so without them the training would be that of `whole`.
    assert not np.array_equal(expected[0], whole[1][0])
    del hard[:]
    with pytest.raises(KeyboardInterrupt):
        small_training(tmp_path / "cut", HARD, callbacks=[At(1, 0, interrupt)], checkpoint_seconds=0)
    assert names(tmp_path / "cut") == WHILE_TRAINING | {"checkpoint.keras", "negatives.npz"}
    np.testing.assert_array_equal(np.load(tmp_path / "cut" / "negatives.npz")["mined"], hard[1][1])
    found = small_training(tmp_path / "cut", HARD).get_weights()
    assert [number for number, _ in hard] == [0, 1, 2]
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


class Asked(keras.callbacks.Callback):
    """Asks the process to end, in a step or behind the last one of an epoch, a number of times."""

    def __init__(self, epoch, step, times=1, number=signal.SIGTERM):
        super().__init__()
        self._at, self._times, self._epoch, self._number = (epoch, step), times, 0, number

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self._epoch, batch) == self._at:
            for _ in range(self._times):
                signal.raise_signal(self._number)


@pytest.mark.usefixtures("interruptible")
def test_a_training_that_is_asked_to_end_saves_first_and_goes_on_to_the_same_end(tmp_path, whole):
    before = signal.getsignal(signal.SIGTERM)
    for step, kept, done in ((0, {"checkpoint.keras"}, 1), (STEPS - 1, set(), 2)):
        count, folder = Count(), tmp_path / str(step)
        with pytest.raises(SystemExit) as ended, saving_when_asked_to_end():
            small_training(folder, callbacks=[Asked(1, step), count])
        assert ended.value.code == 143 and signal.getsignal(signal.SIGTERM) is before
        assert Run.open(folder).epochs_done == done and names(folder) == WHILE_TRAINING | kept
        count = Count()
        model = small_training(folder, callbacks=[count])
        assert count.steps == 3 * STEPS - (STEPS + step + 1)
        assert_like_the_whole(whole, folder, model)
    for times, kept in ((2, {"checkpoint.keras"}), (3, set())):  # at the third time it does not wait
        folder = tmp_path / f"{times} times"
        with pytest.raises(SystemExit) as ended, saving_when_asked_to_end():
            small_training(folder, callbacks=[Asked(1, 0, times, signal.SIGINT)])
        assert ended.value.code == 130
        assert names(folder) == WHILE_TRAINING | kept and Run.open(folder).epochs_done == 1
        at_once = "Stopped at once after epoch 1 of 3. The same command goes on from what was saved last."
        saved = "Stopped in epoch 2 of 3; saved. The same command goes on from there."
        assert where_it_stopped(folder) == (saved if kept else at_once)
    with pytest.raises(SystemExit), saving_when_asked_to_end():  # no step is made
        os.kill(os.getpid(), signal.SIGTERM)
        signal.sigtimedwait([], 1)  # not before the signal is handled


def test_a_signal_that_the_shell_has_the_process_ignore_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with saving_when_asked_to_end():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_whoever_asks_again_while_it_saves_gets_a_whole_checkpoint(tmp_path, whole, monkeypatch):
    replace = files.os.replace

    def asks(source, target):
        if pathlib.Path(target).name == "checkpoint.keras":
            for _ in range(5):
                signal.raise_signal(signal.SIGINT)
        replace(source, target)

    with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended, saving_when_asked_to_end():
        patch.setattr(files.os, "replace", asks)
        small_training(tmp_path, callbacks=[At(1, 0, lambda: None)], checkpoint_seconds=0)
    assert ended.value.code == 130 and names(tmp_path) == WHILE_TRAINING - {
        "model.keras",
        "history.csv",
    } | {"checkpoint.keras"}
    assert_like_the_whole(whole, tmp_path, small_training(tmp_path))


def test_a_damaged_file_is_one_clear_error_that_says_how_to_go_on(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        small_training(tmp_path, HARD, callbacks=[At(1, 0, interrupt)], checkpoint_seconds=0)
    negatives, checkpoint = tmp_path / "negatives.npz", tmp_path / "checkpoint.keras"
    negatives.write_bytes(b"PK broken")
    with pytest.raises(InputError, match=r"negatives.npz: damaged. Delete it and checkpoint.keras to go on after the"):
        small_training(tmp_path, HARD)
    negatives.unlink()
    with pytest.raises(InputError, match=r"lacks the hard negatives of its epoch 2. Delete checkpoint.keras to go on"):
        small_training(tmp_path, HARD)
    checkpoint.write_bytes(b"PK broken")
    with pytest.raises(InputError, match=r"checkpoint.keras: broken model file .* Delete it to go on after the last"):
        small_training(tmp_path, HARD)
    checkpoint.write_bytes((tmp_path / "model.keras").read_bytes())
    with pytest.raises(InputError, match=r"checkpoint.keras: no checkpoint of this package. Delete it to go on"):
        small_training(tmp_path, HARD)
    checkpoint.unlink()
    small_training(tmp_path, HARD)
    assert [row["epoch"] for row in history(tmp_path)] == [0, 1, 2] and names(tmp_path) == KEPT


def test_early_stopping_works_over_the_epochs(tmp_path):
    stop = keras.callbacks.EarlyStopping("loss", min_delta=100, patience=1)
    count = Count()
    model = small_training(tmp_path, callbacks=[stop, count])
    assert stop.stopped_epoch == 1 and (count.begun, count.steps, count.ended) == (1, 2 * STEPS, 1)
    assert Run.open(tmp_path).epochs_done == 2 and list(model.history.history["loss"]) == count.losses
    assert model.history.epoch == [0, 1]


def test_a_callback_that_stops_in_the_middle_of_an_epoch_leaves_a_checkpoint(tmp_path, whole):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = int(self.model.optimizer.iterations) == STEPS + 1

    small_training(tmp_path, callbacks=[Stop()])
    assert names(tmp_path) == KEPT | {"checkpoint.keras"} and len(history(tmp_path)) == 1
    assert_like_the_whole(whole, tmp_path, small_training(tmp_path))


def test_a_loss_of_nan_stops_with_a_clear_error_and_keeps_no_broken_model(tmp_path):
    recipe = Recipe("sgd", 1e30, "constant", batch_size=7, epochs=3)
    with pytest.raises(InputError, match=r"became NaN or infinite in epoch \d.*smaller learning rate"):
        small_training(tmp_path, recipe)
    assert names(tmp_path) == {"run.json", "initial.keras", "progress.json", *BROKEN}
    assert Run.open(tmp_path).epochs_done == 0


class BreakWeights(keras.callbacks.Callback):
    """What an update that overflows does, after the loss of its step was computed."""

    def on_train_batch_begin(self, batch, logs=None):
        self.whole = self.model.get_weights()

    def on_train_batch_end(self, batch, logs=None):
        self.model.set_weights([np.full_like(weight, np.nan) for weight in self.whole])


@pytest.mark.parametrize(("batch_size", "kept"), [(12, set()), (7, {"checkpoint.keras"})])
def test_weights_of_nan_are_kept_neither_after_an_epoch_nor_in_it(tmp_path, batch_size, kept):
    recipe = Recipe("adam", 0.001, batch_size=batch_size, epochs=1)
    with pytest.raises(InputError, match="became NaN or infinite in epoch 1"):
        small_training(tmp_path, recipe, callbacks=[BreakWeights()], checkpoint_seconds=0)
    # What is kept is the model before its weights broke.
    assert names(tmp_path) == {"run.json", "initial.keras", "progress.json", *BROKEN} | kept
    for state in ["checkpoint"] * len(kept):
        assert np.isfinite(run_in(tmp_path).load_model(state).get_weights()[0]).all()


TWO_STEPS = dataclasses.replace(GROUPED, batch_size=4)
"""Steps of one group, 4 of the 8 images each."""


def test_a_grouped_training_goes_on_with_the_same_weights(tmp_path, whole):
    expected = small_training(tmp_path / "whole", TWO_STEPS).get_weights()
    assert names(tmp_path / "whole") == KEPT
    assert not np.array_equal(expected[0], whole[1][0])
    with pytest.raises(KeyboardInterrupt):
        small_training(tmp_path / "cut", TWO_STEPS, callbacks=[At(1, 0, interrupt)], checkpoint_seconds=0)
    assert names(tmp_path / "cut") == WHILE_TRAINING | {"checkpoint.keras"}
    count = Count()
    model = small_training(tmp_path / "cut", TWO_STEPS, callbacks=[count])
    assert (count.begun, count.steps, count.ended) == (1, STEPS + 1, 1)
    for one, other in zip(expected, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(history(tmp_path / "whole"), history(tmp_path / "cut"), strict=True):
        assert other == pytest.approx(one, rel=1e-5)
    # What is kept is the model of single pairs, with the published loss: all else reads it as any other.
    kept = run_in(tmp_path / "cut").load_model(compile=True)
    images = make_images() / np.float32(255)
    assert kept.name == "tiny" and kept.loss is not None
    np.testing.assert_allclose(kept([images, images[::-1]]), model([images, images[::-1]]), atol=1e-6)


def test_a_training_may_begin_with_the_weights_of_another(tmp_path):
    recipe = dataclasses.replace(TWO_STEPS, learning_rate=1e-50, schedule="constant")  # which is 0 in float32
    first, other = (small_training(tmp_path / str(seed), recipe, seed=seed) for seed in (1, 2))
    assert not np.array_equal(first.get_weights()[0], other.get_weights()[0])
    second = small_training(tmp_path / "second", recipe, seed=2, weights=first)
    initial = run_in(tmp_path / "second").load_model("initial")
    for one, *copies in zip(first.get_weights(), second.get_weights(), initial.get_weights(), strict=True):
        for copy in copies:
            np.testing.assert_array_equal(copy, one)
    # The steps of the other do not count.
    assert int(second.optimizer.iterations) == 3 * STEPS and len(history(tmp_path / "second")) == 3
    foreign = models.normxcorr((40, 28, 3), filters=(3, 4), units=8)
    with pytest.raises(InputError, match=r"weights to begin with are of another architecture, .*: normxcorr of .*tiny"):
        small_training(tmp_path / "third", recipe, weights=foreign)
    other = tiny((40, 28, 3), 0.0, "published", "published", pool=keras.layers.MaxPooling2D)
    message = r"computes something else \(MaxPooling2D .* there, AveragePooling2D .* here\). Ask for the scaling and"
    with pytest.raises(InputError, match=message):
        small_training(tmp_path / "third", recipe, weights=other)
    assert not (tmp_path / "third" / "initial.keras").exists()


def groups_of(monkeypatch, folder, **options):
    """The identities of each group of a training, as sets."""
    groups, draw = [], Groups.draw

    def spy(self, *arguments):
        images, swapped = draw(self, *arguments)
        groups.extend(set(IDENTITIES[group[:, 0]].tolist()) for group in images)
        return images, swapped

    with monkeypatch.context() as patch:
        patch.setattr(Groups, "draw", spy)
        small_training(folder, **options)
    assert len(groups) == 3 * STEPS
    return groups


def test_people_of_different_sources_are_never_in_one_group(tmp_path, monkeypatch):
    groups = groups_of(monkeypatch, tmp_path / "one", recipe=TWO_STEPS)
    assert any(group not in ({0, 2}, {1, 3}) for group in groups)
    groups = groups_of(monkeypatch, tmp_path / "two", recipe=TWO_STEPS, domains=IDENTITIES % 2)
    assert all(group in ({0, 2}, {1, 3}) for group in groups)


def test_hard_negatives_of_groups_are_the_nearest_by_colour(tmp_path, monkeypatch):
    images = make_images()
    people = [images[IDENTITIES == person] for person in range(4)]
    scores = np.array([[colour_histogram_scores(one, other).mean() for other in people] for one in people])
    np.fill_diagonal(scores, -1)
    nearest = [{person, int(row.argmax())} for person, row in enumerate(scores)]
    hard = dataclasses.replace(TWO_STEPS, negatives="hard", pool=1, hard_share=1.0)
    groups = groups_of(monkeypatch, tmp_path / "hard", recipe=hard)
    assert all(group in nearest for group in groups)
    assert any(group not in nearest for group in groups_of(monkeypatch, tmp_path / "any", recipe=TWO_STEPS))
    assert names(tmp_path / "hard") == KEPT  # by colour they are the same whenever a training goes on


PEOPLE = np.repeat(np.arange(6), 4)
CAMERAS_OF_PEOPLE = np.tile([0, 0, 1, 1], 6)
FOUR_EPOCHS = dataclasses.replace(RECIPE, epochs=4)


def validation():
    """Six people who do not train, two pictures by each camera, hard enough to tell apart that figures change."""
    rng = np.random.default_rng(5)
    colours = rng.integers(80, 180, (6, 1, 1, 1, 3))
    pictures = colours + rng.integers(-40, 40, (6, 4, 1, 1, 3)) + rng.integers(-20, 20, (6, 4, 40, 28, 3))
    return pictures.astype(np.uint8).reshape(24, 40, 28, 3), PEOPLE, CAMERAS_OF_PEOPLE


def validated_training(folder, every=2, **options):
    return small_training(folder, FOUR_EPOCHS, validation=validation(), validate_every=every, **options)


def validated(folder):
    """The history of a training: what each epoch has of the figures, `None` where it was not ranked yet."""
    with open(folder / "history.csv", newline="", encoding="utf-8") as file:
        table = csv.DictReader(file)
        rows = list(table)
    assert table.fieldnames == ["epoch", "accuracy", "loss", *FIGURES]
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3"] and not any(None in row for row in rows)
    return [None if row["val_mAP"] is None else {name: float(row[name]) for name in FIGURES} for row in rows]


def history_texts(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def ranked(tmp_path_factory):
    """The figures of a training that is ranked after each epoch."""
    folder = tmp_path_factory.mktemp("ranked")
    validated_training(folder / "run", every=1)
    figures = validated(folder / "run")
    assert names(folder / "run") == KEPT | {"best.keras", "best.json"}
    # Or the tests below could not tell which epoch a row is of.
    assert all(one != other for one, other in itertools.pairwise(figures))
    return figures


def test_every_other_epoch_is_ranked_and_the_best_model_kept(tmp_path, ranked):
    run = run_in(tmp_path / "run")
    model = validated_training(run.folder)
    assert validated(run.folder) == [None, ranked[1], ranked[1], ranked[3]]
    order = [(ranked[number]["val_rank_1"], ranked[number]["val_mAP"]) for number in (1, 3)]
    best, trained = run.load_model("best"), run.load_model()
    check = ValidationCMC(*validation(), model=best, probes=100)
    check.set_params({"epochs": 1})
    check.on_epoch_end(0, {})
    assert check.history == [(0, ranked[1 if order[0] >= order[1] else 3])]
    np.testing.assert_array_equal(trained.get_weights()[0], model.get_weights()[0])


def test_validation_does_not_change_the_training(tmp_path, whole):
    model = small_training(tmp_path, validation=validation())
    for one, other in zip(whole[1], model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_callbacks_see_the_figures(tmp_path, ranked):
    # A rank 1 cannot be better by more than 1, so that the second epoch is no better.
    stop = keras.callbacks.EarlyStopping("val_rank_1", mode="max", min_delta=2, patience=1)
    model = validated_training(tmp_path, every=1, callbacks=[stop])
    assert stop.stopped_epoch == 1 and Run.open(tmp_path).epochs_done == 2
    for name in FIGURES:
        assert model.history.history[name] == [figures[name] for figures in ranked[:2]]


def expected_end(ranked, patience):
    """How many epochs a training makes that is ranked after each."""
    best, at = (-1.0, -1.0), -1
    for number, figures in enumerate(ranked):
        if (figures["val_rank_1"], figures["val_mAP"]) > best:
            best, at = (figures["val_rank_1"], figures["val_mAP"]), number
        if number - at >= patience:
            return number + 1
    return len(ranked)


def ended(folder):
    run = Run.open(folder)
    return run.epochs_done, run.stopped_early


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_patience_ends_a_training_and_neither_a_kill_nor_another_start_changes_that(tmp_path, ranked, patience):
    expected = expected_end(ranked, patience)
    assert expected == {1: 2, 2: 3, 3: 4}[patience]  # or this test shows little
    for end in (interrupt, None):
        with pytest.raises(KeyboardInterrupt) if end else contextlib.nullcontext():
            validated_training(tmp_path, every=1, patience=patience, callbacks=[At(1, 0, end)] if end else [])
    assert ended(tmp_path) == (expected, expected < 4) and len(history(tmp_path)) == expected
    count = Count()
    validated_training(tmp_path, every=1, patience=patience, callbacks=[count])
    assert ended(tmp_path) == (expected, expected < 4) and not count.steps
    validated_training(tmp_path, every=1)  # but without patience it goes on
    assert ended(tmp_path) == (4, False) and validated(tmp_path) == ranked


def test_patience_counts_rankings_and_not_epochs(tmp_path, ranked):
    validated_training(tmp_path, every=2, patience=1)
    assert ended(tmp_path) == (4, False) and validated(tmp_path) == [None, ranked[1], ranked[1], ranked[3]]


def test_patience_without_anything_to_rank_is_one_clear_error(tmp_path):
    with pytest.raises(InputError, match="patience counts rankings of the validation, of which there is none"):
        small_training(tmp_path, patience=1)


def test_two_trainings_in_one_folder_are_refused(tmp_path):
    run = run_in(tmp_path)
    with run.alone(), pytest.raises(InputError, match=f"process {os.getpid()} trains there, and one can at a time"):
        small_training(tmp_path)
    small_training(tmp_path)


def test_a_training_goes_on_with_its_own_pictures_only(tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        small_training(tmp_path, callbacks=[At(1, 0, interrupt)])
    others = make_images()
    others[0, 0, 0, 0] += 1
    with monkeypatch.context() as patch:
        patch.setattr(small, "make_images", lambda: others)
        with pytest.raises(InputError, match=r"began with other training pictures \(pixels: \d+ there, \d+ now\)"):
            small_training(tmp_path)
    small_training(tmp_path)


@pytest.mark.parametrize("seconds", [300, 0])  # from the begin of the epoch, or from its middle
def test_a_training_that_goes_on_between_two_rankings_has_the_figures_of_before(tmp_path, ranked, seconds):
    with pytest.raises(KeyboardInterrupt):
        validated_training(tmp_path, callbacks=[At(2, 0, interrupt)], checkpoint_seconds=seconds)
    assert ("checkpoint.keras" in names(tmp_path)) == (seconds == 0)
    before = (tmp_path / "best.json").read_text()
    with pytest.raises(KeyboardInterrupt):
        validated_training(tmp_path, callbacks=[At(3, 0, interrupt)])
    assert (tmp_path / "best.json").read_text() == before
    validated_training(tmp_path)
    assert validated(tmp_path) == [None, ranked[1], ranked[1], ranked[3]]


def test_a_history_without_validation_goes_on_with_it_and_one_with_it_without(tmp_path, ranked):
    with pytest.raises(KeyboardInterrupt):
        small_training(tmp_path, FOUR_EPOCHS, callbacks=[At(1, 0, interrupt)])
    with pytest.raises(KeyboardInterrupt):
        validated_training(tmp_path, every=1, callbacks=[At(2, 0, interrupt)])
    with pytest.raises(KeyboardInterrupt):
        small_training(tmp_path, FOUR_EPOCHS, callbacks=[At(3, 0, interrupt)])
    (_, ranked_row, row) = history_texts(tmp_path / "history.csv")
    assert ranked_row["val_mAP"] == str(ranked[1]["val_mAP"]) and row["val_mAP"] is None
    validated_training(tmp_path, every=1)
    assert validated(tmp_path) == [None, ranked[1], None, ranked[3]]


def test_a_damaged_history_is_one_clear_error(tmp_path, ranked):
    with pytest.raises(KeyboardInterrupt):
        validated_training(tmp_path, callbacks=[At(2, 0, interrupt)])
    path = tmp_path / "history.csv"
    whole = path.read_text()
    last = whole.splitlines()[-1]
    for damaged in (
        "",
        "broken",
        whole.replace("epoch", "number"),
        whole.replace(last, last.rpartition(",")[0]),  # a figure is gone
        whole.replace(last, last.rpartition(",")[0] + ",a"),
        whole.replace(last, last + ",0.5"),
        whole.partition("\n")[2],  # the heading is gone
    ):
        path.write_text(damaged)
        with pytest.raises(InputError, match=r"history.csv: damaged. Delete it, and the history begins anew"):
            validated_training(tmp_path)
    path.unlink()
    validated_training(tmp_path)
    # What was ranked last is not known, so the next ranking is the first.
    assert [row["epoch"] for row in history_texts(path)] == ["2", "3"]
    assert history_texts(path)[1]["val_mAP"] == str(ranked[3]["val_mAP"])


@pytest.mark.parametrize(
    ("people", "message"),
    [
        ((validation()[0], PEOPLE, PEOPLE), "needs an identity that two cameras saw"),
        (
            (validation()[0][:, ::2], PEOPLE, CAMERAS_OF_PEOPLE),
            r"those given to ValidationCMC are of shape \(20, 28, 3",
        ),
    ],
)
def test_people_who_cannot_be_ranked_fail_before_the_first_step(tmp_path, people, message):
    count = Count()
    with pytest.raises(InputError, match=message):
        small_training(tmp_path, validation=people, callbacks=[count])
    assert count.steps == 0 and "model.keras" not in names(tmp_path)


def test_a_console_has_a_line_an_epoch(tmp_path, capsys):
    console = Console(file=io.StringIO(), width=40)
    # The table takes the place of the bar, whatever `verbose` says.
    small_training(tmp_path, console=console, validation=validation(), verbose=1)
    first, second, *lines = console.file.getvalue().splitlines()
    assert re.fullmatch(r"36 pairs: 3 epochs of 12 pairs in 2 steps; about 0\.\d GB of memory\.", second)
    lines = [line for line in lines if not line.startswith("Embedding: ")]  # the bars after the training
    about = f"on 4 identities of arrays, split mine ({small.SPLIT.digest}), into {tmp_path}"
    assert first == f"Training tiny by the recipe {RECIPE.title} {about}"
    assert [line.split("  ")[:2] for line in lines] == [[f"epoch {k}/3", f"steps {STEPS}/{STEPS}"] for k in (1, 2, 3)]
    for line, row in zip(lines, history(tmp_path), strict=True):
        assert f"  loss {row['loss']:.4f}  accuracy {row['accuracy']:.4f}  " in line
        assert f"  val_mAP {row['val_mAP']:.4f}  " in line
    assert capsys.readouterr().out == ""


def test_a_terminal_has_a_table_that_ends_with_an_error_and_begins_again(tmp_path):
    options = {"force_terminal": True, "color_system": None, "width": 120, "_environ": {"TERM": "xterm"}}
    for act, last in ((interrupt, "2/3"), (lambda: None, "3/3")):
        console = Console(file=io.StringIO(), **options)
        try:
            small_training(tmp_path, console=console, callbacks=[At(1, 0, act)], checkpoint_seconds=0)
        except KeyboardInterrupt:
            assert act is interrupt
        written = console.file.getvalue()
        # The cursor, which a live table hides, is shown again.
        bars = 0 if act is interrupt else 2  # of the embedding, after the training
        assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1 + bars
        assert written.rstrip().endswith("\x1b[?25h")
        table = written.partition("\x1b[?25h")[0]
        rows = [line.split()[:2] for line in table.rpartition("\x1b[2K")[2].splitlines() if "/" in line]
        assert rows[-1][0] == last
    assert rows == [["epoch", "steps"], ["2/3", "2/2"], ["3/3", "2/2"]]


def test_a_table_that_a_callback_breaks_is_ended(tmp_path):
    def fail():
        raise RuntimeError("of a callback")

    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, _environ={"TERM": "xterm"})
    with pytest.raises(RuntimeError, match="of a callback"):
        small_training(tmp_path, console=console, callbacks=[At(0, 0, fail)])
    assert console.file.getvalue().rstrip().endswith("\x1b[?25h")


def convolutional_training(folder, kill=False):
    """What `tfnxc train` does on a CPU, with a tower of convolutions; run in a process of its own, for its settings."""
    make_deterministic()
    callbacks = [At(1, 0, lambda: os.kill(os.getpid(), signal.SIGKILL))] if kill else []
    builder = functools.partial(models.normxcorr, filters=(3, 4), units=8)
    with unittest.mock.patch.dict(models.BUILDERS, normxcorr=builder):
        small_training(folder, model="normxcorr", cameras=None, callbacks=callbacks, checkpoint_seconds=0)


@pytest.fixture
def busy_machine():
    """Two processes that take what they can get of the processors, so that threads finish in any order."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    yield
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.usefixtures("busy_machine")
def test_a_killed_training_with_convolutions_ends_with_the_same_weights(tmp_path):
    whole, cut = map(str, (tmp_path / "whole", tmp_path / "cut"))
    imported = "from tests.training.test_train import convolutional_training as train; "
    for calls, code in (
        (f"train({whole!r}); train({cut!r}, kill=True)", -signal.SIGKILL),
        (f"train({cut!r})", 0),
    ):
        command = [sys.executable, "-c", imported + calls]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        assert names(tmp_path / "cut") == (KEPT if code == 0 else WHILE_TRAINING | {"checkpoint.keras"})
    expected, found = (Run.open(folder).load_model().get_weights() for folder in (whole, cut))
    initial = Run.open(whole).load_model("initial").get_weights()
    assert np.abs(initial[0] - expected[0]).max() > 0
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


def sums_of_large_tensors():
    """1e8 - 1e8 + 1, where one term after the other is the last to be ready; run in a process of its own."""
    tf.config.threading.set_inter_op_parallelism_threads(3)
    make_deterministic()
    numbers = 20_000_000  # together more than TensorFlow's memory optimizer leaves alone

    def term(value, rounds):
        zeros = tf.zeros([100_000])
        _, zeros = tf.while_loop(lambda i, _: i < rounds, lambda i, zeros: (i + 1, tf.sin(zeros)), [0, zeros])
        return tf.fill([numbers], value + tf.reduce_max(zeros))

    @tf.function
    def total(rounds):
        return tf.reduce_max(tf.add_n([term(1e8, rounds[0]), term(-1e8, rounds[1]), term(1.0, rounds[2])]))

    for late in (0, 1, 2):
        print(total(500 * tf.one_hot(late, 3, dtype=tf.int32)).numpy())


def test_sums_of_large_tensors_have_a_fixed_order():
    code = "from tests.training.test_train import sums_of_large_tensors as sums; sums()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == ["1.0"] * 3, done.stderr
