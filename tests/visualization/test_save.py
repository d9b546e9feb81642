import os

import numpy as np
import pytest

from tfnxc.errors import InputError
from tfnxc.visualization import MapRow, RankedProbe, Ranking, plot_maps, plot_rankings, save_figure


@pytest.fixture
def figure():
    return plot_maps({"A": [MapRow("probe", np.zeros((8, 3, 3), np.uint8), np.ones((4, 2, 2)))]})


@pytest.mark.parametrize(("name", "begin"), [("a.png", b"\x89PNG"), ("a.SVG", b"<?xml"), ("a.pdf", b"%PDF")])
def test_the_name_says_the_form_and_the_bytes_are_always_the_same(figure, tmp_path, name, begin):
    for folder in ("once", "again"):
        save_figure(figure, tmp_path / folder / name, dpi=50)
    once, again = ((tmp_path / folder / name).read_bytes() for folder in ("once", "again"))
    assert once.startswith(begin) and once == again
    assert [path.name for path in (tmp_path / "once").iterdir()] == [name]


def test_other_forms_are_refused(figure, tmp_path):
    with pytest.raises(InputError, match=r"a\.jpg: pictures are written as \.png, \.svg, \.pdf"):
        save_figure(figure, tmp_path / "a.jpg")


def test_names_that_are_not_utf_8_are_drawn_with_replacement_characters(tmp_path):
    picture, name = np.zeros((8, 3, 3), np.uint8), os.fsdecode(b"caf\xe9.png")
    ranking = Ranking(name, picture[None], np.ones(1), np.ones(1, bool), 1)
    figure = plot_rankings([RankedProbe(name, picture, [ranking])])
    save_figure(figure, tmp_path / f"{name}.svg")
    assert "caf\ufffd.png" in [text.get_text() for text in figure.axes[0].texts]


def test_dollars_in_names_are_no_formulas(tmp_path):
    picture = np.zeros((8, 3, 3), np.uint8)
    ranking = Ranking("$x^$", picture[None], np.ones(1), np.ones(1, bool), 1)
    figure = plot_rankings([RankedProbe("$x^$ and $y^$", picture, [ranking])])
    save_figure(figure, tmp_path / "names.svg")
    long = plot_rankings([RankedProbe("$x^$" * 100, picture, [ranking])])  # shortened
    save_figure(long, tmp_path / "long.png")
    (title,) = [text for text in figure.axes[0].texts if "and" in text.get_text()]
    assert title.get_text().replace("\\", "") == "$x^$ and $y^$"
