import numpy as np
import pytest

from tfnxc.visualization import plot_training

HISTORY = {"epoch": [0, 1, 2], "loss": [0.9, 0.5, 0.4], "accuracy": [0.5, 0.75, 1.0]}
VALIDATED = {**HISTORY, "val_rank_1": [np.nan, 0.2, 0.4], "val_mAP": [np.nan, np.nan, 0.3]}


def test_loss_and_accuracy_over_epochs_counted_from_1():
    loss, accuracy = plot_training(HISTORY).axes
    np.testing.assert_allclose(loss.get_lines()[0].get_xydata(), [[1, 0.9], [2, 0.5], [3, 0.4]])
    np.testing.assert_allclose(accuracy.get_lines()[0].get_xydata(), [[1, 50], [2, 75], [3, 100]])
    assert (loss.get_ylabel(), accuracy.get_ylabel()) == ("Loss", "Pairs (%)")
    assert loss.get_ylim()[0] == 0 and accuracy.get_ylim()[1] > 100


def test_people_held_back_have_a_panel_with_the_epochs_that_were_ranked():
    figure = plot_training(VALIDATED, best=2)
    rank, average, best = figure.axes[2].get_lines()
    np.testing.assert_allclose(rank.get_xydata(), [[2, 20], [3, 40]])
    np.testing.assert_allclose(average.get_xydata(), [[3, 30]])
    assert (rank.get_marker(), average.get_marker()) == ("", "o")  # a single point is no line
    assert best.get_xdata() == [3, 3]
    assert rank.get_linestyle() != average.get_linestyle() and rank.get_color() != average.get_color()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["Rank 1", "mAP", "Best: epoch 3"]


def test_nothing_is_drawn_over_something_else():
    figure = plot_training(VALIDATED, best=2)
    figure.draw_without_rendering()
    boxes = [axes.get_tightbbox() for axes in figure.axes] + [figure.legends[0].get_window_extent()]
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number])


@pytest.mark.parametrize("history", [{}, {"epoch": [0]}, {"epoch": [], "loss": []}, {"loss": [1.0]},
                                     {"epoch": [0, 1], "loss": [1.0]}])  # fmt: skip
def test_what_is_no_history_is_refused(history):
    with pytest.raises(ValueError, match="history must hold 'epoch'"):
        plot_training(history)
