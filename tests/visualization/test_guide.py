"""docs/pictures.md says what the package does: its examples are run, and its pictures are there."""

import doctest
import pathlib
import re

from PIL import Image

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "pictures.md"


def test_the_examples_of_the_guide(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = doctest.testfile(str(PAGE), module_relative=False)
    assert found.attempted > 8 and found.failed == 0
    assert (tmp_path / "ranking.png").stat().st_size > 1000


def test_its_pictures_are_there_and_small():
    names = re.findall(r"!\[[^]]{20,}\]\((pictures/\w+\.png)\)", PAGE.read_text(encoding="utf-8"))
    assert len(names) == 5
    for name in names:
        path = PAGE.parent / name
        assert path.stat().st_size < 300_000
        with Image.open(path) as picture:
            assert picture.width == 7 * round(picture.info["dpi"][0])
