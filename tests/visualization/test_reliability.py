import numpy as np
import pytest

from tfnxc.metrics import Reliability
from tfnxc.visualization import plot_reliability

FOUND = Reliability.of([0.9, 0.6, 0.65, 0.1, 0.05], [True, True, False, False, False])


def test_points_are_the_bins_and_a_scorer_without_probabilities_has_one_line():
    figure = plot_reliability({"head": (FOUND, FOUND), "embedding": (None, FOUND)})
    head, embedding = figure.axes
    assert [len(axes.get_lines()) for axes in (head, embedding)] == [3, 2]  # with the diagonal
    expected = [(each.predicted, each.observed) for each in FOUND.bins]
    np.testing.assert_allclose(embedding.get_lines()[1].get_xydata(), expected)
    (label,) = embedding.get_legend().get_texts()
    assert label.get_text() == f"after: Brier {FOUND.brier:.3f}, log loss {FOUND.log_loss:.3f}"
    assert (head.get_title(), embedding.get_title()) == ("head", "embedding")


def test_words_stay_inside_the_figure_and_apart():
    figure = plot_reliability(dict.fromkeys(("head", "embedding", "both"), (FOUND, FOUND)))
    figure.draw_without_rendering()
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    for number, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 and figure.bbox.y0 <= box.y0
        assert not any(box.overlaps(other) for other in boxes[:number])


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match="draws 1 to 4 scorers; got 0"):
        plot_reliability({})
