import io
import re

import keras
import numpy as np
import pytest
from rich.console import Console

from tfnxc.callbacks import LiveTable


class Figures(keras.callbacks.Callback):
    """Puts figures into the logs, as validation does, and may fail at a step."""

    def __init__(self, fails_at=None, **figures):
        super().__init__()
        self._fails_at, self._figures = fails_at, figures

    def on_train_batch_end(self, batch, logs=None):
        if batch == self._fails_at:
            raise KeyboardInterrupt

    def on_epoch_end(self, epoch, logs=None):
        logs.update(self._figures)


class Model:
    """What a table reads of a model."""

    stop_training = False

    def __init__(self):
        self.optimizer = keras.optimizers.SGD(0.125)


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves: `clock[0]` is the time in seconds."""
    now = [100.0]
    monkeypatch.setattr(LiveTable, "_now", staticmethod(lambda: now[0]))
    return now


def plain():
    return Console(file=io.StringIO(), width=40)


def terminal(width=120):
    return Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, _environ={"TERM": "xterm"})


def fit(callbacks, epochs=3):
    """Trains a layer for two steps an epoch, and gives the history."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.125), "mse", metrics=["mae"], run_eagerly=True)
    x, y = np.random.default_rng(0).normal(size=(2, 8, 3)).astype(np.float32)
    return model.fit(x, y[:, :1], batch_size=4, epochs=epochs, verbose=0, callbacks=callbacks).history


def last_frame(console):
    """The lines of the table as it stands at the end."""
    written = console.file.getvalue()
    assert written.rstrip().endswith("\x1b[?25h")  # the cursor is shown again
    lines = written.rpartition("\x1b[2K")[2].replace("\x1b[?25h", "").splitlines()
    return [line.split() for line in lines if line.strip()]


def begin(table, steps=4, epochs=3):
    table.set_model(Model())
    table.set_params({"steps": steps, "epochs": epochs})
    table.on_train_begin()


def run(table, clock, number, seconds, logs):
    """An epoch whose steps take these seconds."""
    table.on_epoch_begin(number)
    for step, duration in enumerate(seconds):
        clock[0] += duration
        table.on_train_batch_end(step, {"loss": 1.0})
    table.on_epoch_end(number, logs)


def test_where_the_output_is_no_terminal_it_prints_a_line_an_epoch(clock):
    console = plain()
    table = LiveTable(console, batch_size=10, pairs_per_epoch=35)
    begin(table)
    run(table, clock, 0, (20, 1, 1, 2), {"accuracy": 0.5, "loss": 0.75, "lr": 0.125})
    clock[0] += 4  # validation: the steps since the first one took 8 s, 4 of them here
    run(table, clock, 1, (5, 1, 1, 0.5), {"accuracy": 0.625, "loss": 0.5, "val_rank_1": 0.25, "val_loss": 2.0})
    table.on_train_end()
    assert console.file.getvalue().splitlines() == [
        "epoch 1/3  steps 4/4  pairs/s 6.2  loss 0.7500  accuracy 0.5000  learning rate 0.125  time left 0:00:11",
        "epoch 2/3  steps 4/4  pairs/s 10.0  loss 0.5000  accuracy 0.6250  learning rate 0.125  "
        "val_rank_1 0.2500  val_loss 2.0000  time left 0:00:09",
    ]


def test_a_long_epoch_has_lines_of_its_own_without_a_terminal(clock):
    console = plain()
    table = LiveTable(console, batch_size=10)
    begin(table, steps=100, epochs=1)
    run(table, clock, 0, [12.0] * 100, {"loss": 0.5})
    lines = console.file.getvalue().splitlines()
    assert [line.split("  ")[1] for line in lines] == [f"steps {step}/100" for step in range(10, 101, 10)]
    assert all("loss 1.0000" in line and "time left 0:" in line for line in lines[:-1])
    console = plain()
    table = LiveTable(console, batch_size=10)
    begin(table, steps=100, epochs=1)
    run(table, clock, 0, [1.0] * 100, {"loss": 0.5})  # a tenth takes 10 seconds, and lines are 30 apart
    assert [line.split("  ")[1] for line in console.file.getvalue().splitlines()] == [
        f"steps {step}/100" for step in (30, 60, 90, 100)
    ]
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", console.file.getvalue())


def test_how_many_steps_are_left_may_be_told(clock):
    console = plain()
    left = [None, 7]
    table = LiveTable(console, batch_size=10, steps_left=lambda: left.pop(0))
    begin(table, steps=4, epochs=9)
    run(table, clock, 0, (1, 1, 1, 1), {"loss": 1.0})
    run(table, clock, 1, (1, 1, 1, 1), {"loss": 1.0})
    first, second = console.file.getvalue().splitlines()
    assert "time left" not in first and second.endswith("time left 0:00:07")


def test_an_epoch_of_one_step_and_hours_that_are_left(clock):
    console = plain()
    table = LiveTable(console, batch_size=10)
    begin(table, steps=1, epochs=100)
    run(table, clock, 0, (5,), {"loss": 1.0})
    run(table, clock, 1, (3661,), {"loss": 1.0})
    first, second = console.file.getvalue().splitlines()
    assert "pairs/s 2.0 " in first and "time left" not in first
    assert second.endswith("time left 99:39:38")


def test_steps_that_nobody_counted_are_known_after_an_epoch(clock):
    console = plain()
    table = LiveTable(console, batch_size=10)
    begin(table, steps=None, epochs=3)
    table.on_epoch_begin(0)
    assert table._row({})["steps"] == "0"
    for step in range(3):
        clock[0] += 1
        table.on_train_batch_end(step, {"loss": 1.0})
    table.on_epoch_end(0, {"loss": 1.0})
    assert "steps 3/3 " in console.file.getvalue() and console.file.getvalue().endswith("time left 0:00:06\n")


def test_a_training_that_goes_on_in_an_epoch(clock):
    console = plain()
    table = LiveTable(console, batch_size=10, pairs_per_epoch=35, first_step=1)
    begin(table, steps=3)
    run(table, clock, 1, (9, 1, 1), {"loss": 1.0})
    table.set_params({"steps": 4, "epochs": 3})
    run(table, clock, 2, (1, 1, 1, 1), {"loss": 1.0})
    first, second = console.file.getvalue().splitlines()
    assert "epoch 2/3  steps 4/4  pairs/s 7.5 " in first and first.endswith("time left 0:00:04")
    assert "epoch 3/3  steps 4/4  pairs/s 8.3 " in second and second.endswith("time left 0:00:00")


def test_nothing_is_left_of_a_training_that_stops(clock):
    console = plain()
    table = LiveTable(console, batch_size=10)
    begin(table)
    table.model.stop_training = True
    run(table, clock, 0, (1, 1), {"loss": float("nan")})
    assert "steps 2/4 " in console.file.getvalue() and "loss nan " in console.file.getvalue()
    assert console.file.getvalue().endswith("time left 0:00:00\n")


def test_in_a_terminal_the_last_epochs_stay_visible():
    console = terminal()
    history = fit([Figures(val_rank_1=0.25, val_mAP=0.5), LiveTable(console, batch_size=4, rows=2)], epochs=4)
    *heading, second, third = last_frame(console)
    assert {"epoch", "steps", "pairs/s", "loss", "mae", "val"} <= {word for line in heading for word in line}
    for number, row in ((2, second), (3, third)):
        assert row[:2] == [f"{number + 1}/4", "2/2"] and float(row[2]) > 0
        assert row[3:8] == [
            f"{history['loss'][number]:.4f}",
            f"{history['mae'][number]:.4f}",
            "0.125",
            "0.2500",
            "0.5000",
        ]
    assert third[8] == "0:00:00"


def test_the_current_epoch_has_a_live_row(clock):
    console = terminal()
    table = LiveTable(console, batch_size=10)
    begin(table)
    run(table, clock, 0, (1, 1, 1, 1), {"loss": 0.5, "val_rank_1": 0.25})
    table.on_epoch_begin(1)
    clock[0] += 1
    table.on_train_batch_end(0, {"loss": 0.125})
    clock[0] += 0.25  # too soon to be drawn
    table.on_train_batch_end(1, {"loss": 0.0625})
    table.close()
    assert last_frame(console)[-2:] == [
        ["1/3", "4/4", "10.0", "0.5000", "0.125", "0.2500", "0:00:08"],
        ["2/3", "1/4", "10.0", "0.1250", "0.125", "0:00:07"],
    ]


def test_a_narrow_console_has_fewer_columns_and_whole_numbers(clock):
    figures = {"val_rank_1": 0.11, "val_rank_5": 0.22, "val_rank_10": 0.33, "val_rank_20": 0.44, "val_mAP": 0.55}
    means = ["1/3", "4/4", "10.0", "0.5000", "0.125"]
    for width, expected in (
        (120, [*means, "0.1100", "0.2200", "0.3300", "0.4400", "0.5500", "0:00:08"]),
        (70, [*means, "0.1100", "0.2200", "0:00:08"]),
        (50, [*means, "0:00:08"]),
        (35, means[:4]),
        (6, means[:1]),
    ):
        console = terminal(width)
        table = LiveTable(console, batch_size=10)
        begin(table)
        run(table, clock, 0, (1, 1, 1, 1), {"loss": 0.5, **figures})
        table.close()
        assert last_frame(console)[-1] == expected


def test_the_display_ends_with_an_error_and_the_next_training_has_its_own():
    console = terminal()
    table = LiveTable(console, batch_size=4)
    with table, pytest.raises(KeyboardInterrupt):
        fit([Figures(fails_at=1), table])
    assert console.file.getvalue().rstrip().endswith("\x1b[?25h")
    other = LiveTable(console, batch_size=4)
    with pytest.raises(KeyboardInterrupt):
        fit([Figures(fails_at=1), other])  # nobody closes it
    fit([other], epochs=1)
    assert last_frame(console)[-1][0] == "1/1"
    assert console.file.getvalue().count("\x1b[?25l") == console.file.getvalue().count("\x1b[?25h") == 3


def test_a_terminal_that_cannot_move_its_cursor_gets_lines():
    console = Console(file=io.StringIO(), width=200, force_terminal=True, color_system=None, _environ={"TERM": "dumb"})
    fit([LiveTable(console, batch_size=4)], epochs=2)
    assert [line[:9] for line in console.file.getvalue().splitlines()] == ["epoch 1/2", "epoch 2/2"]


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"rows": 0}, {"first_step": -1}])
def test_numbers_out_of_range_are_one_clear_error(options):
    with pytest.raises(ValueError, match="batch_size and rows must be 1 or more and first_step 0 or more; got"):
        LiveTable(plain(), **{"batch_size": 4, **options})
