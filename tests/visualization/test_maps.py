import numpy as np
import pytest

from tests.visualization.words import check_words
from tfnxc.visualization import MapRow, plot_maps


def row(role="probe", scale=1.0, channels=25):
    picture = np.full((16, 6, 3), 200, np.uint8)
    maps = scale * (np.arange(channels) + 1.0) * np.linspace(0, 1, 8).reshape(4, 2, 1)
    return MapRow(role, picture, maps)


def drawn_maps(axes):
    """The maps in reading order, without pictures and colour bars."""
    maps = [image for image in axes.get_images() if image.get_array().shape == (4, 2)]
    return sorted(maps, key=lambda image: (image.get_extent()[3], image.get_extent()[0]))


def test_a_row_is_the_picture_and_then_its_maps_in_order():
    (axes,) = plot_maps({"NormXcorr": [row("probe"), row("rank 1", 2.0)]}).axes
    maps = drawn_maps(axes)
    assert [image.get_array().max() for image in maps] == [*range(1, 26), *range(2, 51, 2)]
    pictures = [image for image in axes.get_images() if image.get_array().shape == (16, 6, 3)]
    assert len(pictures) == 2
    for picture, first in zip(pictures, (maps[0], maps[25]), strict=True):
        assert picture.get_extent()[3] == first.get_extent()[3] and picture.get_extent()[1] < first.get_extent()[0]
    words = {text.get_text(): text.get_position() for text in axes.texts}
    assert words["probe"][1] < words["rank 1"][1] and {"1", "25", "NormXcorr"} <= set(words)
    assert maps[24].get_extent()[1] < 7


def test_a_shared_scale_is_one_for_a_model_and_its_bar_says_which():
    models = {"A": [row(scale=1), row(scale=2)], "B": [row(scale=0.5)]}
    (axes,) = plot_maps(models, scale="shared").axes
    maps = drawn_maps(axes)
    assert {image.get_clim() for image in maps[:50]} == {(0, 50)} and {image.get_clim() for image in maps[50:]} == {
        (0, 12.5)
    }
    texts = [text.get_text() for text in axes.texts]
    assert "50" in texts and "12" in texts


def test_a_scale_for_each_map_is_the_same_in_all_rows_and_stands_below():
    (axes,) = plot_maps({"A": [row(scale=1), row(scale=2)]}, scale="map").axes
    maps = drawn_maps(axes)
    assert [image.get_clim() for image in maps] == 2 * [(0, 2 * channel) for channel in range(1, 26)]
    below = [text.get_text() for text in axes.texts if text.get_position()[1] > maps[0].get_extent()[2]]
    assert {"2", "50"} <= set(below)


def test_values_below_zero_and_dead_maps_have_scales_too():
    below, dead = row(scale=-1), row(scale=0)
    assert drawn_maps(plot_maps({"A": [below]}).axes[0])[0].get_clim()[0] == -25
    low, high = drawn_maps(plot_maps({"A": [dead]}, "map").axes[0])[0].get_clim()
    assert low == 0 < high


def test_more_than_25_maps_go_on_in_the_next_line():
    maps = drawn_maps(plot_maps({"A": [row(channels=30)]}).axes[0])
    assert [image.get_array().max() for image in maps] == list(range(1, 31))
    assert maps[25].get_extent()[0] == maps[0].get_extent()[0] and maps[25].get_extent()[3] > maps[24].get_extent()[2]


def test_words_are_readable_and_do_not_overlap():
    models = {"A label that is too long by far " * 4: [row("match, rank 12345"), row()], "B": [row()]}
    figure = plot_maps(models, "map", "A title that is too long by far " * 6)
    check_words(figure)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match=r"1 to 40 rows.*got 0"):
        plot_maps({})
    with pytest.raises(ValueError, match=r"1 to 40 rows.*got 41"):
        plot_maps({"A": [row()] * 41})
    with pytest.raises(ValueError, match="'shared' or 'map'; got 'each'"):
        plot_maps({"A": [row()]}, scale="each")
    with pytest.raises(ValueError, match="of one shape"):
        plot_maps({"A": [row(), row(channels=3)]})
