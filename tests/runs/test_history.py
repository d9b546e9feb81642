import math

import pytest

from tfnxc.errors import InputError
from tfnxc.runs import History

MEANS = {"accuracy": 0.5, "loss": 0.75}
RANKED = {"val_rank_1": 0.25, "val_mAP": 0.125}


def test_rows_are_written_and_read(tmp_path):
    path = tmp_path / "history.csv"
    assert History.read(path) is None
    History.append(path, 0, MEANS)
    History.append(path, 1, {**MEANS, **RANKED})
    History.append(path, 2, MEANS)
    history = History.read(path)
    assert list(history) == ["epoch", "accuracy", "loss", "val_rank_1", "val_mAP"] and history["epoch"] == [0, 1, 2]
    assert history["loss"] == [0.75] * 3 and history["val_mAP"][1] == 0.125
    assert math.isnan(history["val_mAP"][0]) and math.isnan(history["val_mAP"][2])
    assert [history.figures(epoch, tuple(RANKED)) for epoch in range(4)] == [{}, RANKED, {}, {}]


def test_an_epoch_that_is_trained_again_takes_the_place_of_the_later_ones(tmp_path):
    path = tmp_path / "history.csv"
    for epoch in range(3):
        History.append(path, epoch, MEANS)
    History.append(path, 1, {**MEANS, "loss": 0.5})
    assert path.read_text() == "epoch,accuracy,loss\n0,0.5,0.75\n1,0.5,0.5\n"


def test_a_heading_alone_is_no_history(tmp_path):
    (tmp_path / "history.csv").write_text("epoch,accuracy,loss\n")
    assert History.read(tmp_path / "history.csv") is None


def test_a_figure_that_is_no_number_is_no_missing_one(tmp_path):
    path = tmp_path / "history.csv"
    History.append(path, 0, {**MEANS, "val_rank_1": math.nan, "val_mAP": math.nan})
    assert list(History.read(path).figures(0, tuple(RANKED))) == list(RANKED)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "broken",
        "accuracy,loss\n1,1\n",
        "epoch,accuracy\n0,1\n",
        "epoch,accuracy,loss\n0,much,1\n",
        "epoch,accuracy,loss\n0,1,1,1\n",
        "epoch,accuracy,loss\n,1,1\n",
        "epoch,accuracy,loss\nnan,1,1\n",
        "epoch,accuracy,loss\n\xff",
    ],
)
def test_a_damaged_file_is_one_clear_error(tmp_path, text):
    (tmp_path / "history.csv").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=r"history.csv: damaged. Delete it, and the history begins anew"):
        History.read(tmp_path / "history.csv")


def test_an_epoch_with_some_of_its_figures_is_damaged(tmp_path):
    (tmp_path / "history.csv").write_text("epoch,accuracy,loss,val_rank_1,val_mAP\n0,1,1,0.5\n")
    with pytest.raises(InputError, match=r"history.csv: damaged"):
        History.read(tmp_path / "history.csv").figures(0, tuple(RANKED))
