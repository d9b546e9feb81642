"""The Python of docs/correlation.md runs as it stands there, and finds what it says."""

import pathlib
import re

import matplotlib
import numpy as np
import pytest
from PIL import Image

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "correlation.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture(scope="module")
def names():
    """What the blocks before have defined."""
    return {}


@pytest.mark.parametrize("number", range(3))
def test_blocks_run(number, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with matplotlib.rc_context():
        exec(BLOCKS[number], names)
        names["plt"].close("all")
    (picture,) = tmp_path.iterdir()
    with Image.open(picture) as drawn, Image.open(PAGE.parent / "pictures" / picture.name) as kept:
        assert drawn.size == kept.size
    if number == 0:
        assert (names["row"], names["column"]) == (24, 69) and names["scores"].shape == (61, 169)
    elif number == 1:
        assert np.abs(names["places"] - np.array(names["path"])).max() < 2
    else:
        for half, expected in ((slice(10, 50), (2, -4)), (slice(70, -10), (-1, 5))):
            off = np.abs(names["found"][10:-10, half] - expected)
            assert np.median(off) < 0.2 and np.mean(off < 0.5) > 0.95


def test_there_are_blocks_and_small_pictures():
    assert len(BLOCKS) == 3
    pictures = re.findall(r"!\[[^]]{20,}\]\((pictures/\w+\.png)\)", PAGE.read_text(encoding="utf-8"))
    assert len(pictures) == 3
    assert all((PAGE.parent / each).stat().st_size < 300_000 for each in pictures)
