import json
import math

import keras
import numpy as np
import pytest

from tfnxc.callbacks import KeepBest
from tfnxc.callbacks.validation_cmc import FIGURES
from tfnxc.errors import InputError

DAMAGED = (
    "{",
    "[]",
    "7",
    '{"epoch": 1}',
    '{"val_rank_1": 0.5}',
    '{"val_rank_1": null, "val_mAP": 0.5}',
    '{"val_rank_1": 0.5, "val_mAP": NaN}',
)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])


def end_epoch(best, model, number, rank_1=None, mean=0.5):
    """Ends an epoch after which every weight of the model is its number."""
    model.set_weights([np.full_like(weight, number) for weight in model.get_weights()])
    validated = {} if rank_1 is None else {**dict.fromkeys(FIGURES, 0.125), "val_rank_1": rank_1, "val_mAP": mean}
    best.on_epoch_end(number, {"loss": 1.0, **validated})


def kept(folder):
    """The epoch whose model is kept, and the figures that are kept with it."""
    (weight, *_), _ = keras.models.load_model(folder / "best.keras").get_weights()
    record = json.loads((folder / "best.json").read_text())
    assert record.pop("epoch") == weight[0] and tuple(record) == FIGURES
    return record.pop("val_rank_1"), record.pop("val_mAP"), int(weight[0])


def test_the_highest_rank_1_is_kept_and_of_equal_ones_the_highest_map(folder, model):
    best = KeepBest(folder, model)
    for number, figures, expected in (
        (0, (0.25, 0.5), (0.25, 0.5, 0)),
        (1, (0.125, 0.75), (0.25, 0.5, 0)),
        (2, (0.25, 0.5), (0.25, 0.5, 0)),  # no better: the first stays
        (3, (0.25, 0.625), (0.25, 0.625, 3)),
        (4, (0.5, 0.25), (0.5, 0.25, 4)),
    ):
        end_epoch(best, model, number, *figures)
        assert kept(folder) == expected


def test_a_model_that_ranks_nobody_right_is_still_the_best_so_far(folder, model):
    end_epoch(KeepBest(folder, model), model, 0, 0.0, 0.0)
    assert kept(folder) == (0.0, 0.0, 0)


def test_nothing_is_kept_before_the_first_ranking_nor_where_a_figure_is_nan(folder, model):
    best = KeepBest(folder, model)
    end_epoch(best, model, 0)
    for figures in ((math.nan, math.nan), (0.5, math.nan), (math.nan, 0.5)):
        end_epoch(best, model, 1, *figures)
    assert not folder.exists() and best.epoch == -1
    end_epoch(best, model, 2, 0.25)
    end_epoch(best, model, 3, 0.5, math.nan)
    assert kept(folder) == (0.25, 0.5, 2)


def test_it_goes_on_with_the_best_of_before(folder, model):
    end_epoch(KeepBest(folder, model), model, 0, 0.25)
    again = KeepBest(folder, model)
    end_epoch(again, model, 1, 0.125)
    assert kept(folder) == (0.25, 0.5, 0)
    end_epoch(again, model, 2, 0.375)
    assert kept(folder) == (0.375, 0.5, 2)


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_file_is_one_clear_error(folder, model, text):
    path = folder / "best.json"
    folder.mkdir()
    path.write_text(text)
    with pytest.raises(InputError, match=r"best.json: damaged. Delete it, and the next epoch is the best so far"):
        KeepBest(folder, model)
    path.unlink()
    end_epoch(KeepBest(folder, model), model, 0, 0.25)
    assert kept(folder) == (0.25, 0.5, 0)


def test_a_best_of_version_0_1_is_gone_on_with(folder, model):
    folder.mkdir()
    (folder / "best.json").write_text('{"pass": 3, "val_rank_1": 0.25, "val_mAP": 0.5}')
    best = KeepBest(folder, model)
    end_epoch(best, model, 4, 0.125)
    assert best.epoch == 3
    end_epoch(best, model, 5, 0.5)
    assert best.epoch == 5 and kept(folder) == (0.5, 0.5, 5)


def test_it_keeps_the_model_of_any_training(folder, model):
    """No run, and figures of whatever callback stands before it."""

    class Figures(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs.update(dict.fromkeys(FIGURES, 0.5 if epoch == 1 else 0.25))

    best, weights = KeepBest(folder), []
    remember = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: weights.append(model.get_weights()))
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
    model.fit(x, x[:, :1], epochs=3, verbose=0, callbacks=[Figures(), remember, best])
    assert best.epoch == 1
    saved = keras.models.load_model(folder / "best.keras").get_weights()
    assert not np.array_equal(weights[1][0], weights[2][0])
    np.testing.assert_array_equal(saved[0], weights[1][0])
