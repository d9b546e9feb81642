import numpy as np
import pytest

from tfnxc import layers, models
from tfnxc.errors import InputError
from tfnxc.evaluation import pair_correlation
from tfnxc.scoring.pair_head import embed
from tfnxc.visualization import PairCorrelation, plot_correlation
from tfnxc.visualization.correlation import position_at

PROBE, GALLERY = (np.full((160, 60, 3), shade, np.uint8) for shade in (100, 200))


def known(whole_width=True, rows=5, columns=12):
    """37 x 12 maps of 3 channels: flat, but for the patch at (10, 4), best two rows lower in column 9."""
    values = np.zeros((37, 12, 3, rows, columns))
    column = 9 if whole_width else 9 - 4 + columns // 2
    values[10, 4, :, 4, column if column < columns else -1] = [0.9, 0.6, 0.3]
    return PairCorrelation(values, whole_width)


def test_the_window_is_where_spec_section_1_says():
    values, first = known().window((10, 4))
    assert values.shape == (5, 12) and first == (8, 0)
    assert values[4, 9] == pytest.approx(0.6) and np.count_nonzero(values) == 1
    assert known().window((10, 4), channel=0)[0][4, 9] == pytest.approx(0.9)
    assert known(False, columns=5).window((10, 4))[1] == (8, 2)
    above, first = known().window((0, 0))
    assert first == (-2, 0) and np.isnan(above[:2]).all() and not np.isnan(above[2:]).any()
    beside, first = known(False, columns=5).window((20, 0))
    assert first == (18, -2) and np.isnan(beside[:, :2]).all() and not np.isnan(beside[:, 2:]).any()


def test_the_best_match_of_a_patch_is_found():
    assert known().best((10, 4)) == ((12, 9), pytest.approx(0.6))
    assert known().best((10, 4), channel=2) == ((12, 9), pytest.approx(0.3))


def test_the_strongest_matches_are_apart_and_away_from_the_edge():
    values = np.random.default_rng(0).uniform(-1, 1, (37, 12, 3, 5, 12))
    correlation = PairCorrelation(values, True)
    found = correlation.strongest(5)
    rows = [row for row, _ in found]
    assert found == sorted(found) and min(np.diff(rows)) >= 5
    assert all(2 <= row < 35 and 2 <= column < 10 for row, column in found)
    best = max(correlation.best((row, column))[1] for row in range(2, 35) for column in range(2, 10))
    assert max(correlation.best(position)[1] for position in found) == best


def test_a_pixel_has_the_position_that_sees_it_in_its_middle():
    assert position_at((7, 8), (37, 12)) == (0, 0)
    assert position_at((4 * 10 + 8, 4 * 3 + 7), (37, 12)) == (10, 3)
    assert position_at((0, 59), (37, 12)) == (0, 11)


def test_maps_of_another_tower_are_laid_evenly_over_the_picture():
    assert [position_at((row, 20), (10, 4)) for row in (0, 15, 16, 159)] == [(0, 1), (0, 1), (1, 1), (9, 1)]
    assert [position_at((31, column), (5, 4), (64, 32)) for column in (7, 8, 31)] == [(2, 0), (2, 1), (2, 3)]
    values = np.zeros((10, 4, 1, 3, 4))
    values[3, 1, :, 2, 3] = 0.9
    (axes,) = plot_correlation(PROBE, GALLERY, PairCorrelation(values, True, (3, 3)), positions=[(3, 1)]).axes
    (ends,) = lines(axes)
    np.testing.assert_allclose(ends, [(56, 22.5), (72, 52.5)], atol=0.1)


def lines(axes):
    """Both ends of each coloured line, in the pixels of the two pictures at the right."""
    left, right = sorted(
        (image for image in axes.get_images() if image.get_array().shape == (160, 60, 3)),
        key=lambda image: image.get_extent()[0],
    )[2:]
    found = []
    for line in axes.get_lines():
        if line.get_color() != "white":
            ends = []
            for (x, y), image in zip(line.get_xydata(), (left, right), strict=True):
                begin, end, _, top = image.get_extent()
                ends.append(((y - top) * 60 / (end - begin), (x - begin) * 60 / (end - begin)))
            found.append(ends)
    return np.array(found)


def test_lines_join_patches_with_their_best_matches():
    figure = plot_correlation(PROBE, GALLERY, known(), positions=[(10, 4), (20, 5)])
    (axes,) = figure.axes
    found = lines(axes)
    assert found.shape == (2, 2, 2)
    np.testing.assert_allclose(found[0], [[4 * 10 + 8, 4 * 4 + 8], [4 * 12 + 8, 4 * 9 + 8]])
    np.testing.assert_allclose(found[1][0], [4 * 20 + 8, 4 * 5 + 8])
    texts = [text.get_text() for text in axes.texts]
    assert texts.count("1") == texts.count("2") == 2 and "1: 0.60   2: 0.00" in texts
    assert "mean of 3 channels" in texts and figure.get_figwidth() == 7


def test_the_window_lies_over_its_place_in_the_gallery_picture():
    (axes,) = plot_correlation(PROBE, GALLERY, known(), patch=(10, 4), channel=1).axes
    pictures = [image for image in axes.get_images() if image.get_array().shape == (160, 60, 3)]
    first, second = sorted(pictures, key=lambda image: image.get_extent()[0])[:2]
    assert first.get_array()[0, 0, 0] == 100 and second.get_array()[0, 0, 0] == 200
    over, enlarged = (
        image for image in axes.get_images() if image.get_array().shape == (5, 12) and image.norm.vmax < 1
    )
    left, right, _, top = second.get_extent()
    pixel = (right - left) / 60
    expected = left + 6 * pixel, left + 54 * pixel, top + (4 * 13 + 6) * pixel, top + (4 * 8 + 6) * pixel
    np.testing.assert_allclose(over.get_extent(), expected)
    assert enlarged.get_extent()[0] > right
    assert over.get_clim() == enlarged.get_clim() == pytest.approx((-0.6, 0.6))
    assert "channel 2 of 3" in [text.get_text() for text in axes.texts]
    # The frame round the probe's patch: 5 x 5 positions of 4 pixels.
    frames = [patch for patch in axes.patches if patch.get_x() < first.get_extent()[1]]
    begin, _, _, high = first.get_extent()
    for frame in frames:
        assert frame.get_width() == pytest.approx(20 * pixel, abs=0.03)
        assert frame.get_x() == pytest.approx(begin + (4 * 2 + 6) * pixel, abs=0.02)
        assert frame.get_y() == pytest.approx(high + (4 * 8 + 6) * pixel, abs=0.02)
    assert len(frames) == 2


def test_what_is_not_in_the_maps_is_refused():
    with pytest.raises(ValueError, match="channel must be 0 to 2; got 3"):
        plot_correlation(PROBE, GALLERY, known(), channel=3)
    with pytest.raises(ValueError, match=r"within 37 x 12; got \(37, 0\)"):
        plot_correlation(PROBE, GALLERY, known(), patch=(37, 0))
    with pytest.raises(ValueError, match="joins 1 to 12 patches; got 13"):
        plot_correlation(PROBE, GALLERY, known(), positions=[(row, 4) for row in range(13)])
    for most in (12, np.int64(12)):
        assert len(lines(plot_correlation(PROBE, GALLERY, known(), positions=most).axes[0])) <= 12


@pytest.mark.parametrize("search_size", [(5, None), (3, 5)])
def test_the_correlations_of_a_model_are_those_of_its_layer(keras_seed, rng, search_size):
    model = models.normxcorr((40, 32, 3), search_size, filters=(4, 3), units=4)
    pair = rng.integers(0, 256, (2, 40, 32, 3), np.uint8)
    found = pair_correlation(model, *pair)
    x, y = embed(models.split(model).tower, pair)[:, None]
    expected = layers.NormXcorr(search_size=search_size)([x, y]).numpy()[0]
    height, width = x.shape[1:3]
    rows, columns = search_size[0], search_size[1] or width
    assert found.values.shape == (height, width, 3, rows, columns) and found.whole_width == (search_size[1] is None)
    np.testing.assert_allclose(found.values.reshape(height, width, -1), expected, atol=1e-6)
    same = pair_correlation(model, pair[0], pair[0])
    position = same.strongest(1)[0]
    assert same.best(position)[0] == position  # a patch is most like itself


def test_a_model_without_the_layer_is_refused():
    with pytest.raises(InputError, match="ahmed has no normalized correlation"):
        pair_correlation(models.ahmed((40, 32, 3), filters=(4, 3), units=4), PROBE, GALLERY)
