import itertools

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from tfnxc.evaluation import Published, cmc, published_figures
from tfnxc.visualization import CMCPanel, plot_cmc, plot_cmc_panels
from tfnxc.visualization.cmc import _apart

LABELS = (np.arange(4), np.arange(4), np.zeros(4), np.ones(4))


def curves():
    perfect, half = np.eye(4), np.eye(4)
    half[:2] = [[0.5, 1, 0, 0], [1, 0.5, 0, 0]]
    return {"Perfect": cmc(perfect, *LABELS), "Half": cmc(half, *LABELS)}


def published(method, ranks, protocol=None):
    return Published(method, "cuhk01", None, 486, ranks, protocol, "Figure 1")


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_curves_and_legend_show_the_results_sorted_by_rank_1():
    (axes,) = plot_cmc(curves(), "Four people").axes
    assert axes.get_title(loc="left") == "Four people (cross-camera)"
    assert legend(axes) == ["50.00%  Half", "100.00%  Perfect"]
    perfect, half = axes.get_lines()
    np.testing.assert_allclose(half.get_ydata(), [50, 100, 100, 100])
    np.testing.assert_allclose(perfect.get_ydata(), [100, 100, 100, 100])
    np.testing.assert_allclose(half.get_xdata(), [1, 2, 3, 4])
    assert half.get_color() != perfect.get_color() and half.get_linestyle() != perfect.get_linestyle()
    # What stands beside a name in the legend is its own line.
    first, second = axes.get_legend().get_lines()
    assert (first.get_color(), second.get_color()) == (half.get_color(), perfect.get_color())


def test_the_band_is_one_deviation_over_the_repeats():
    identities, cameras = np.repeat(np.arange(4), 3), np.tile([0, 1, 1], 4)
    scores = np.random.default_rng(0).random((12, 12))
    result = cmc(scores, identities, identities, cameras, cameras, repeats=5)
    assert result.deviation[0] > 0
    (axes,) = plot_cmc({"Random": result}, "Twelve").axes
    (band,) = axes.collections
    (outline,) = band.get_paths()
    mean, deviation = 100 * result.mean[0], 100 * result.deviation[0]
    edges = outline.vertices[outline.vertices[:, 0] == 1, 1]
    np.testing.assert_allclose([edges.min(), edges.max()], [max(0, mean - deviation), mean + deviation], atol=1e-9)


def test_published_methods_stand_in_the_legend_and_those_with_rank_1_alone_by_name_on_its_line():
    beside = [published("Three", {1: 60.0, 10: 90.0, 50: 99.0}, "paper"), published("One", {1: 70.0})]
    (axes,) = plot_cmc(curves(), "Four people", published=beside).axes
    assert legend(axes) == [
        "50.00%  Half",
        "60.00%  Three (published: paper)",
        "70.00%  One (published: ?)",
        "100.00%  Perfect",
    ]
    three, one = axes.get_lines()[2:4]
    np.testing.assert_allclose(three.get_xydata(), [[1, 60], [10, 90], [50, 99]])
    np.testing.assert_allclose(one.get_xydata(), [[1, 70]])
    (name,) = axes.texts
    assert name.get_text() == "One" and name.xy == (1, 70.0) and name.get_ha() == "right"
    assert axes.get_xlim()[0] < 0 and axes.get_xticks()[0] == 1  # room for the name, and no rank 0


def test_each_data_set_and_protocol_has_its_panel_and_a_label_one_colour_in_all():
    identities = np.repeat(np.arange(2), 2)
    paper = cmc(np.eye(4), identities, identities, protocol="paper")
    only = {"Half": curves()["Half"]}
    panels = [
        CMCPanel("A", curves(), published_figures("cuhk01", 486)),
        CMCPanel("B", {"Half": paper}),
        CMCPanel("C", only),
    ]
    figure = plot_cmc_panels(panels)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["(a) A (cross-camera)", "(b) B (paper)", "(c) C (cross-camera)"]
    first, second, third = figure.axes
    assert first.get_lines()[1].get_color() == second.get_lines()[0].get_color() == third.get_lines()[0].get_color()
    assert second.get_position().x0 > first.get_position().x1 and third.get_position().y1 < first.get_position().y0


@pytest.mark.parametrize("count", [4, 40])
def test_few_and_many_curves_all_look_different(count):
    half = curves()["Half"]
    (axes,) = plot_cmc({f"Run {number}": half for number in range(count)}, "Many").axes
    looks = {(line.get_linestyle(), line.get_marker()) for line in axes.get_lines()}
    assert len(looks) == count  # without colour


def test_all_words_of_a_crowded_figure_lie_within_it_and_do_not_overlap():
    beside = published_figures("grid", 125)
    figure = plot_cmc_panels([CMCPanel("A title that is far too long for its panel " * 3, curves(), beside)] * 2)
    figure.draw_without_rendering()
    for axes in figure.axes:
        boxes = [text.get_window_extent() for text in (*axes.texts, *axes.get_legend().get_texts())]
        # The title that is in use is the left one.
        boxes.append(axes._left_title.get_window_extent())
        assert min(box.x0 for box in boxes) > 0 and max(box.x1 for box in boxes) < figure.bbox.x1
        assert min(box.y0 for box in boxes) > 0 and max(box.y1 for box in boxes) < figure.bbox.y1
        # An annotation's own extent has its line in it.
        names = sorted((Text.get_window_extent(text) for text in axes.texts), key=lambda box: box.y0)
        assert all(low.y0 + 0.8 * low.height < high.y0 for low, high in itertools.pairwise(names))


def test_names_move_apart_as_little_as_need_be():
    np.testing.assert_allclose(_apart([10, 50], 5), [10, 50])
    np.testing.assert_allclose(_apart([10, 12, 50], 4), [9, 13, 50])
    np.testing.assert_allclose(_apart([0, 0, 0], 4), [2, 6, 10])
    np.testing.assert_allclose(_apart([99, 100], 4), [94, 98])


def test_what_cannot_be_drawn_is_refused():
    identities = np.repeat(np.arange(2), 2)
    other = cmc(np.eye(4), identities, identities, protocol="paper")
    with pytest.raises(ValueError, match="curves of one protocol"):
        plot_cmc({"a": other, **curves()}, "Mixed")
    with pytest.raises(ValueError, match="no curve"):
        plot_cmc({}, "Nothing")
    with pytest.raises(ValueError, match="at most 44 curves; got 45"):
        plot_cmc({str(number): other for number in range(45)}, "Many")
    with pytest.raises(ValueError, match="ranks must be at least 2"):
        plot_cmc(curves(), "Four", ranks=1)
    with pytest.raises(ValueError, match="at least one panel"):
        plot_cmc_panels([])
    assert plot_cmc({}, "Published alone", published=[published("One", {1: 70.0})]).axes


def test_curves_have_the_colours_that_everybody_tells_apart():
    (axes,) = plot_cmc(curves(), "Four people").axes
    assert [to_hex(line.get_color()) for line in axes.get_lines()] == ["#0072b2", "#d55e00"]
