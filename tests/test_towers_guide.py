"""The Python of docs/towers.md runs as it stands there."""

import pathlib
import re

import keras
import pytest

pytestmark = pytest.mark.slow

PAGE = (pathlib.Path(__file__).resolve().parents[1] / "docs" / "towers.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture(scope="module")
def names():
    """What the blocks before have defined."""
    return {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("towers")


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_blocks_run(number, names, folder, monkeypatch):
    keras.utils.set_random_seed(0)
    monkeypatch.chdir(folder)
    exec(BLOCKS[number], names)
    if "export_run" in BLOCKS[number]:
        assert names["model"].count_params() < 60_000 and len(names["gallery"]) == len(names["data"].tested) == 16
        assert pathlib.Path("savedmodels/mobilenetv2/1/saved_model.pb").is_file()


def test_there_are_blocks():
    assert len(BLOCKS) == 3
