import importlib.util
import os

import keras
import numpy as np
import pytest

from tfnxc.callbacks import TensorBoard
from tfnxc.errors import InputError


class Figures(keras.callbacks.Callback):
    """Puts a figure into the logs, as validation does."""

    def on_epoch_end(self, epoch, logs=None):
        logs["val_rank_1"] = 0.25 * epoch


def scalars(folder):
    """`{tag: [(step, value)]}` of the event files in a folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(folder), {"tensors": 0}).Reload()
    return {
        tag: [(event.step, float(make_ndarray(event.tensor_proto))) for event in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
    }


@pytest.mark.parametrize("schedule", [False, True])
def test_loss_learning_rate_and_validation_are_written(tmp_path, schedule):
    pytest.importorskip("tensorboard", exc_type=ImportError)
    rate = keras.optimizers.schedules.PiecewiseConstantDecay([100], [0.125, 0.0]) if schedule else 0.125
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse", run_eagerly=True)
    x, y = np.random.default_rng(0).normal(size=(2, 8, 3)).astype(np.float32)
    callbacks = [Figures(), TensorBoard(tmp_path / "board")]
    history = model.fit(x, y[:, :1], epochs=2, verbose=0, callbacks=callbacks).history
    trained, validated = scalars(tmp_path / "board" / "train"), scalars(tmp_path / "board" / "validation")
    assert trained["epoch_loss"] == [(step, pytest.approx(loss)) for step, loss in enumerate(history["loss"])]
    assert trained["epoch_learning_rate"] == [(0, 0.125), (1, 0.125)]
    assert validated["epoch_rank_1"] == [(0, 0.0), (1, 0.25)]
    assert "learning_rate" not in history  # the logs of the others are left alone


def test_without_tensorboard_one_clear_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'not installed.*pip install "tfnxc\[tensorboard\]"'):
        TensorBoard(tmp_path)


def test_a_folder_that_tensorflow_cannot_write_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    with pytest.raises(InputError, match="not UTF-8, and TensorFlow writes there only"):
        TensorBoard(tmp_path / os.fsdecode(b"caf\xe9"))


def test_a_file_in_place_of_the_folder_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    (tmp_path / "board").write_text("x")
    with pytest.raises(InputError, match="board: a file, where a folder for TensorBoard was expected"):
        TensorBoard(tmp_path / "board")
