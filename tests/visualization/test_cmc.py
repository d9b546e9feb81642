import numpy as np
import pytest

from tfnxc.evaluation import cmc
from tfnxc.visualization import plot_cmc

LABELS = (np.arange(4), np.arange(4), np.zeros(4), np.ones(4))


def curves():
    perfect, half = np.eye(4), np.eye(4)
    half[:2] = [[0.5, 1, 0, 0], [1, 0.5, 0, 0]]
    return {"Perfect": cmc(perfect, *LABELS), "Half": cmc(half, *LABELS)}


def test_curves_and_legend_show_the_results_sorted_by_rank_1():
    (axes,) = plot_cmc(curves(), "Four people").axes
    assert axes.get_title() == "Four people (cross-camera)"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["50.00%  Half", "100.00%  Perfect"]
    half, perfect = axes.get_lines()
    np.testing.assert_allclose(half.get_ydata(), [50, 100, 100, 100])
    np.testing.assert_allclose(perfect.get_ydata(), [100, 100, 100, 100])
    np.testing.assert_allclose(half.get_xdata(), [1, 2, 3, 4])
    assert half.get_color() != perfect.get_color() and half.get_linestyle() != perfect.get_linestyle()


def test_curves_of_two_protocols_are_never_drawn_together():
    identities = np.repeat(np.arange(2), 2)
    other = cmc(np.eye(4), identities, identities, protocol="paper")
    with pytest.raises(ValueError, match="curves of one protocol"):
        plot_cmc({"a": other, **curves()}, "Mixed")
    with pytest.raises(ValueError, match="no curve"):
        plot_cmc({}, "Nothing")
