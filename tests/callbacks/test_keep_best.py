import json
import math

import keras
import numpy as np
import pytest

from tests.training.small_training import run_in
from tfnxc.callbacks.keep_best import KeepBest
from tfnxc.callbacks.validation_cmc import FIGURES
from tfnxc.errors import InputError

DAMAGED = (
    "{",
    "[]",
    "7",
    '{"pass": 1}',
    '{"val_rank_1": 0.5}',
    '{"val_rank_1": null, "val_mAP": 0.5}',
    '{"val_rank_1": 0.5, "val_mAP": NaN}',
)


@pytest.fixture
def run(tmp_path):
    return run_in(tmp_path / "run")


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])


def end_pass(best, model, number, rank_1=None, mean=0.5):
    """Ends a pass after which every weight of the model is its number."""
    model.set_weights([np.full_like(weight, number) for weight in model.get_weights()])
    validated = {} if rank_1 is None else {**dict.fromkeys(FIGURES, 0.125), "val_rank_1": rank_1, "val_mAP": mean}
    best.on_epoch_end(number, {"loss": 1.0, **validated})


def kept(run):
    """The pass whose model is kept, and the figures that are kept with it."""
    (weight, *_), _ = run.load_model("best")[0].get_weights()
    record = json.loads((run.folder / "best.json").read_text())
    assert record.pop("pass") == weight[0] and tuple(record) == FIGURES
    return record.pop("val_rank_1"), record.pop("val_mAP"), int(weight[0])


def test_the_highest_rank_1_is_kept_and_of_equal_ones_the_highest_map(run, model):
    best = KeepBest(run, model)
    for number, figures, expected in (
        (0, (0.25, 0.5), (0.25, 0.5, 0)),
        (1, (0.125, 0.75), (0.25, 0.5, 0)),
        (2, (0.25, 0.5), (0.25, 0.5, 0)),  # no better: the first stays
        (3, (0.25, 0.625), (0.25, 0.625, 3)),
        (4, (0.5, 0.25), (0.5, 0.25, 4)),
    ):
        end_pass(best, model, number, *figures)
        assert kept(run) == expected


def test_a_model_that_ranks_nobody_right_is_still_the_best_so_far(run, model):
    end_pass(KeepBest(run, model), model, 0, 0.0, 0.0)
    assert kept(run) == (0.0, 0.0, 0)


def test_nothing_is_kept_before_the_first_ranking_nor_where_a_figure_is_nan(run, model):
    best = KeepBest(run, model)
    end_pass(best, model, 0)
    for figures in ((math.nan, math.nan), (0.5, math.nan), (math.nan, 0.5)):
        end_pass(best, model, 1, *figures)
    assert {path.name for path in run.folder.iterdir()} == {"run.json"}
    with pytest.raises(InputError, match=r"best.keras: no such model"):
        run.load_model("best")
    end_pass(best, model, 2, 0.25)
    end_pass(best, model, 3, 0.5, math.nan)
    assert kept(run) == (0.25, 0.5, 2)


def test_it_goes_on_with_the_best_of_before(run, model):
    end_pass(KeepBest(run, model), model, 0, 0.25)
    again = KeepBest(run, model)
    end_pass(again, model, 1, 0.125)
    assert kept(run) == (0.25, 0.5, 0)
    end_pass(again, model, 2, 0.375)
    assert kept(run) == (0.375, 0.5, 2)


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_file_is_one_clear_error(run, model, text):
    path = run.folder / "best.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"best.json: damaged. Delete it, and the next pass is the best so far"):
        KeepBest(run, model)
    path.unlink()
    end_pass(KeepBest(run, model), model, 0, 0.25)
    assert kept(run) == (0.25, 0.5, 0)
