"""How many steps a training makes, by its recipe, by a number of steps and by the clock."""

import dataclasses
import io
import json
import math
import re
import types

import keras
import numpy as np
import pytest
from rich.console import Console

from tests.training.small_training import GROUPED, RECIPE, STEPS, At, small_training
from tfnxc.errors import InputError
from tfnxc.recipes import Recipe, make_optimizer
from tfnxc.training import Run, TrainingData, train
from tfnxc.training.length import KeepToTime, Length

PAIRS = types.SimpleNamespace(steps_per_epoch=20, pairs_per_epoch=199, batch_size=10)
WARM = Recipe.named("grouped", warmup=30)


class Training:
    """A training of a clock that a test moves: `seconds_of(step)` says how long each step takes."""

    def __init__(self, minutes, recipe=WARM, seconds_of=lambda step: 1.0, gap=0.0, between=0.0, kept=None):
        self.now, self.plans = 1000.0, []
        self.length = Length(recipe, PAIRS, minutes, kept)
        self.timed = KeepToTime(self.length, lambda left: between, self._planned)
        self.timed._now = lambda: self.now
        self.optimizer = types.SimpleNamespace(iterations=0, learning_rate=None)
        self.stop_training = False
        self.timed.set_model(self)
        self._seconds_of, self._gap = seconds_of, gap

    def _planned(self):
        self.plans.append((self.optimizer.iterations, self.length.total))

    def run(self, at_most=100_000):
        """Makes steps until the training ends, and gives the rate of each."""
        rates = []
        self.timed.on_train_begin()
        while not self.stop_training and len(rates) < at_most:
            self.timed.on_train_batch_begin(0)
            rates.append(self.optimizer.learning_rate)
            self.now += self._seconds_of(self.optimizer.iterations)
            self.optimizer.iterations += 1
            self.timed.on_train_batch_end(0)
            if self.stop_training or self.optimizer.iterations % PAIRS.steps_per_epoch == 0:
                self.timed.on_epoch_end(0)
                self.now += self._gap
        return rates


@pytest.mark.parametrize("minutes", [1, 20])
@pytest.mark.parametrize(("gap", "between"), [(0, 0), (7, 7), (7, 0)])
def test_a_training_ends_in_the_last_tenth_of_its_time(minutes, gap, between):
    training = Training(minutes, gap=gap, between=between)
    training.run()
    assert 0.85 * 60 * minutes <= training.timed.elapsed() + gap <= 1.02 * 60 * minutes
    assert training.length.is_over(training.optimizer.iterations)


def test_at_a_steady_pace_the_schedule_is_that_of_as_many_steps():
    training = Training(10, seconds_of=lambda step: 20.0 if step == 0 else 0.5)
    rates = training.run()
    (planned,) = training.plans
    assert planned[0] == WARM.warmup and planned[1] == len(rates) and training.length.changes == 0
    whole = Length(dataclasses.replace(WARM, steps=len(rates)), PAIRS)
    assert rates == [whole.rate(step) for step in range(len(rates))]
    schedule = make_optimizer(WARM, len(rates))._learning_rate
    for step in (0, 7, 29, 30, 31, 500, len(rates) - 1):
        assert rates[step] == pytest.approx(float(schedule(step)), abs=1e-9)
    assert rates[0] == 0 and max(rates) == pytest.approx(WARM.learning_rate) and rates[-1] < 1e-6


@pytest.mark.parametrize("later", [0.25, 2.0])
def test_where_the_pace_changes_the_rate_still_falls_to_its_end_without_a_jump(later):
    training = Training(10, seconds_of=lambda step: 0.5 if step < 300 else later)
    rates = training.run()
    assert training.length.changes > 0 and 0.9 * 600 <= training.timed.elapsed() <= 1.02 * 600
    assert rates[-1] < 0.02 * WARM.learning_rate
    assert np.abs(np.diff(rates[WARM.warmup :])).max() < 0.02 * WARM.learning_rate
    assert (np.diff(rates[WARM.warmup :]) <= 1e-12).all()


def test_a_schedule_that_does_not_fall_is_repeated_whatever_the_pace():
    training = Training(10, Recipe(), seconds_of=lambda step: 0.5 if step < 300 else 2.0)
    assert set(training.run()) == {None}  # the optimizer has its own
    assert training.length.changes == 0 and 0.9 * 600 <= training.timed.elapsed() <= 1.02 * 600


def test_the_time_of_an_earlier_start_counts_and_the_schedule_goes_on():
    whole = Training(10)
    rates = whole.run()
    first = Training(10)
    before = first.run(at_most=100)
    kept = json.loads(json.dumps(first.timed.state()))
    assert kept["seconds"] == 100 and kept["total"] == len(rates)
    second = Training(10, kept=kept)
    second.optimizer.iterations = 100
    assert before + second.run() == rates and second.timed.elapsed() == whole.timed.elapsed()


def test_a_start_before_there_was_a_plan_makes_one():
    first = Training(10)
    first.run(at_most=5)
    second = Training(10, kept=first.timed.state())
    second.optimizer.iterations = 5
    second.run()
    assert 0.9 * 600 <= second.timed.elapsed() <= 600


def test_a_time_that_is_short_for_the_warm_up_shortens_it():
    training = Training(1)  # a step a second
    rates = training.run()
    assert len(rates) < 4 * WARM.warmup and training.length.changes > 0
    assert max(rates) == pytest.approx(WARM.learning_rate, rel=0.02) and rates[-1] < 0.02 * WARM.learning_rate
    few = Length(dataclasses.replace(WARM, steps=40), PAIRS)
    assert [few.rate(step) for step in (0, 5, 10, 40)] == pytest.approx([0, 0.0015, 0.003, 0])


@pytest.mark.parametrize("minutes", [1e-6, 0.1])
def test_little_time_still_makes_a_step(minutes):
    training = Training(minutes, seconds_of=lambda step: 20.0 if step == 0 else 0.5)
    assert len(training.run()) == 1
    assert training.length.progress(1) == (1, 10)


def test_a_long_stall_ends_the_training_that_has_no_time_left():
    training = Training(10, seconds_of=lambda step: 3600.0 if step == 200 else 0.5)
    assert len(training.run()) == 201


def test_what_is_done_of_epochs():
    length = Length(dataclasses.replace(WARM, steps=50), PAIRS)
    assert (length.epochs, length.total, length.is_open, length.sets_rates) == (3, 50, True, True)
    assert [length.progress(step) for step in (0, 19, 20, 49, 50)] == [(0, 0), (0, 0), (1, 199), (2, 398), (3, 498)]
    plain = Length(WARM, PAIRS)
    assert (plain.epochs, plain.total, plain.is_open) == (70, 1400, False) and plain.progress(1400) == (70, 70 * 199)


def test_steps_end_a_training_within_an_epoch_and_neither_a_stop_nor_another_start_changes_that(tmp_path):
    recipe = dataclasses.replace(RECIPE, steps=2 * STEPS + 1)
    model = small_training(tmp_path / "whole", recipe)
    run = Run.open(tmp_path / "whole")
    assert int(model.optimizer.iterations) == 2 * STEPS + 1
    assert (run.epochs_done, run.pairs_done, run.unfinished) == (3, 2 * 12 + 7, None)
    assert (run.settings.recipe.epochs, run.settings.recipe.steps) == (3, 2 * STEPS + 1)
    assert not run.model_path("checkpoint").exists() and len(run.history()["epoch"]) == 3

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small_training(tmp_path / "cut", recipe, callbacks=[At(1, 0, stop)], checkpoint_seconds=0)
    for _ in range(2):  # the second finds nothing left to do
        again = small_training(tmp_path / "cut", recipe)
        for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    assert Run.open(tmp_path / "cut").history()["loss"] == pytest.approx(run.history()["loss"], rel=1e-5)


def test_as_many_steps_as_epochs_have_give_the_same_model_within_rounding(tmp_path):
    epochs = small_training(tmp_path / "epochs", RECIPE)
    steps = small_training(tmp_path / "steps", dataclasses.replace(RECIPE, steps=3 * STEPS))
    for one, other in zip(epochs.get_weights(), steps.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


class Clock(keras.callbacks.Callback):
    """A clock on which each step takes a tenth of a second, and nothing else any time."""

    def __init__(self):
        super().__init__()
        self.now = 0.0

    def on_train_batch_begin(self, batch, logs=None):
        self.now += 0.1


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(KeepToTime, "_now", staticmethod(lambda: found.now))
    return found


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_a_training_by_the_clock_is_repeated_by_its_steps(tmp_path, clock, schedule):
    recipe = dataclasses.replace(GROUPED, schedule=schedule, batch_size=4, warmup=4 if schedule == "cosine" else 0)
    console = Console(file=io.StringIO(), width=200)
    timed = small_training(tmp_path / "timed", recipe, minutes=0.04, callbacks=[clock], console=console)
    run, said = Run.open(tmp_path / "timed"), console.file.getvalue()
    steps = run.settings.recipe.steps
    assert run.settings.minutes == 0.04 and run.unfinished is None and int(timed.optimizer.iterations) == steps == 23
    assert "0.04 minutes; an epoch is 8 pairs in 2 steps" in said and f"{steps} steps in 0.0" in said
    assert f"--steps {steps} in the place of --minutes does the same again." in said
    small_training(tmp_path / "timed", recipe, minutes=0.04)  # nothing is left to do
    assert Run.open(tmp_path / "timed").settings == run.settings
    repeated = small_training(tmp_path / "repeated", dataclasses.replace(recipe, steps=steps))
    for one, other in zip(timed.get_weights(), repeated.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(InputError, match=r"with other settings \(minutes: 0.04 there, 0.2 now\)"):
        small_training(tmp_path / "timed", recipe, minutes=0.2)


def test_a_stopped_training_by_the_clock_goes_on(tmp_path, clock):
    recipe = dataclasses.replace(GROUPED, batch_size=4)

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small_training(tmp_path, recipe, minutes=0.02, callbacks=[clock, At(1, 0, stop)], checkpoint_seconds=0)
    model = small_training(tmp_path, recipe, minutes=0.02, callbacks=[clock])
    run = Run.open(tmp_path)
    assert run.unfinished is None and run.settings.recipe.steps == int(model.optimizer.iterations) == 11


@pytest.mark.parametrize("minutes", [0, -1, math.nan, math.inf, "soon"])
def test_no_time_is_one_clear_error(minutes):
    data = TrainingData.of_arrays(np.zeros((4, 8, 8, 3), np.uint8), [0, 0, 1, 1])
    with pytest.raises(InputError, match=re.escape(f"minutes must be a number above 0; got {minutes!r}.")):
        train("runs/none", data, minutes=minutes)
