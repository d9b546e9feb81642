import io
import itertools

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from tests.visualization.words import check_words
from tfnxc.visualization import RankedProbe, Ranking, plot_rankings
from tfnxc.visualization.page import GREEN, RED


def picture(shade):
    return np.full((8, 3, 3), shade, np.uint8)


def ranking(label="NormXcorr", count=20, match=3, match_rank=None):
    matches = np.arange(1, count + 1) == match
    pictures = np.stack([picture(10 * rank) for rank in range(1, count + 1)])
    scores = np.linspace(0.99, 0.01, count)
    return Ranking(label, pictures, scores, matches, match_rank or match)


def words(axes):
    """Texts with where they stand: (text, x, y, colour)."""
    return [(text.get_text(), *text.get_position(), to_hex(text.get_color())) for text in axes.texts]


def test_a_row_is_the_probe_and_the_best_of_the_gallery_in_their_order():
    (axes,) = plot_rankings([RankedProbe("Probe 12", picture(255), [ranking()])]).axes
    images = sorted(axes.get_images(), key=lambda image: image.get_extent()[0])
    assert [image.get_array()[0, 0, 0] for image in images] == [255, *range(10, 210, 10)]
    assert len({tuple(image.get_extent()[2:]) for image in images}) == 1  # side by side
    ends = [image.get_extent()[:2] for image in images]
    assert all(left[1] < right[0] for left, right in itertools.pairwise(ends))
    assert ends[-1][1] < 7
    top, bottom = images[0].get_extent()[3], images[0].get_extent()[2]
    assert top < bottom and axes.yaxis_inverted()  # upright
    assert (bottom - top) / (ends[0][1] - ends[0][0]) == pytest.approx(8 / 3)


def test_the_true_match_alone_has_a_green_frame_and_the_others_red_ranks():
    (axes,) = plot_rankings([RankedProbe("", picture(255), [ranking(match=3)])]).axes
    match = next(image for image in axes.get_images() if image.get_array()[0, 0, 0] == 30)
    (frame,) = axes.patches
    assert to_hex(frame.get_edgecolor()) == GREEN.lower() and frame.get_linewidth() >= 1.5
    left, right, bottom, top = match.get_extent()
    half = frame.get_linewidth() / 72 / 2
    assert frame.get_x() == pytest.approx(left, abs=half) and frame.get_y() == pytest.approx(top, abs=half)
    assert frame.get_x() + frame.get_width() == pytest.approx(right, abs=half)
    assert frame.get_y() + frame.get_height() == pytest.approx(bottom, abs=half)
    ranks = {text: (x, colour) for text, x, y, colour in words(axes) if y < top}
    assert {rank for rank, (_, colour) in ranks.items() if colour == RED.lower()} == {
        str(rank) for rank in range(1, 21) if rank != 3
    }
    assert left < ranks["3"][0] < right and ranks["3"][1] not in (RED.lower(), "#000000")
    bold = [text.get_text() for text in axes.texts if text.get_weight() == "bold"]
    assert bold == ["3"]  # readable without colour
    assert ("0.89", pytest.approx((left + right) / 2)) in [(text, x) for text, x, y, _ in words(axes) if y > bottom]


def test_a_match_beyond_the_row_is_told_under_the_probe():
    (axes,) = plot_rankings([RankedProbe("", picture(255), [ranking(match=0, match_rank=57)])]).axes
    assert not axes.patches
    assert "match: 57" in [text for text, *_ in words(axes)]


def test_models_of_a_probe_stand_below_each_other_under_its_title():
    rows = [ranking("Ahmed et al."), ranking("Fused", count=5, match=1)]
    figure = plot_rankings([RankedProbe("First", picture(255), rows), RankedProbe("Second", picture(254), rows[:1])])
    (axes,) = figure.axes
    y = {text: y for text, x, y, _ in words(axes) if x < 0.5}
    assert y["First"] < y["Fused"] < y["Second"]
    labels = [(text, y) for text, _, y, _ in words(axes) if text in ("Ahmed et al.", "Fused")]
    assert [text for text, _ in sorted(labels, key=lambda each: each[1])] == ["Ahmed et al.", "Fused", "Ahmed et al."]
    assert len(axes.get_images()) == 21 + 6 + 21 and len(axes.patches) == 3
    assert figure.get_figwidth() == 7 and axes.get_ylim() == (figure.get_figheight(), 0)


def test_all_words_are_readable_and_do_not_overlap():
    long = "a label that is far too long to stand beside one row of pictures"
    figure = plot_rankings([RankedProbe(long * 3, picture(255), [ranking(long), ranking(match=0, match_rank=12345)])])
    check_words(figure)


def test_a_scorer_is_named_below_its_model_where_one_line_is_too_short():
    rows = [ranking(label, match_rank=12345) for label in ("NormXcorr", "NormXcorr, embedding", "NormXcorr, both")]
    figure = plot_rankings([RankedProbe("Probe 1", picture(255), rows)])
    shown = [text for text, *_ in words(figure.axes[0]) if text.startswith("NormXcorr")]
    assert shown == ["NormXcorr", "NormXcorr,\nembedding", "NormXcorr, both"]
    check_words(figure)


def test_the_drawn_picture_is_the_one_that_is_meant():
    """Pixels against an image put together by hand: pictures in place, white between, the frame green."""
    dots = 100
    figure = plot_rankings([RankedProbe("", picture(0), [ranking(count=4, match=2)])])
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dots)
    drawn = np.asarray(Image.open(file).convert("RGB")).astype(int)
    (axes,) = figure.axes
    for image in axes.get_images():
        left, right, bottom, top = (dots * edge for edge in image.get_extent())
        inside = drawn[int(top) + 3 : int(bottom) - 3, int(left) + 3 : int(right) - 3]
        assert np.abs(inside - image.get_array()[0, 0].astype(int)).max() <= 2
        above = drawn[int(top) - 2 : int(top) + 1, int(left) + 2]
        framed = (np.abs(above - [0, 0x9E, 0x73]).max(axis=1) < 50).any()
        assert framed == (image.get_array()[0, 0, 0] == 20)


def test_more_than_fits_is_refused():
    with pytest.raises(ValueError, match=r"1 to 40 rows.*got 0"):
        plot_rankings([])
    with pytest.raises(ValueError, match=r"1 to 40 rows.*got 41"):
        plot_rankings([RankedProbe("", picture(0), [ranking(count=1)] * 41)])
    with pytest.raises(ValueError, match="at most 20 pictures a row; got 21"):
        plot_rankings([RankedProbe("", picture(0), [ranking(count=21)])])
    assert len(plot_rankings([RankedProbe("", picture(0), [ranking(count=1)] * 40)]).axes[0].get_images()) == 80
