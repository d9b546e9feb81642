"""The Python of the README runs as it stands there, on fewer people."""

import pathlib
import re

import pytest

pytestmark = pytest.mark.slow

README = (pathlib.Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
SMALLER = {
    'open_dataset("synthetic")': "synthetic(identities=12)",
    "random-100-0": "random-4-0",
    "epochs=8, batch_size=72, warmup=10": "epochs=1, batch_size=9, warmup=0",
    "validation=20": "validation=3",
    "identities=100": "identities=4",
    "batch_size=32": "batch_size=6",
}


@pytest.fixture(scope="module")
def names():
    """What the blocks before have defined."""
    return {}


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_blocks_run(number, names, tmp_path_factory, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path_factory.mktemp("readme"))
    block = BLOCKS[number]
    for there, here in SMALLER.items():
        block = block.replace(there, here)
    exec(block, names)
    if "write_report" in block:
        files = ("ranking.png", "runs/notebook/report.html", "savedmodels/notebook/1/saved_model.pb")
        assert all(pathlib.Path(each).is_file() for each in files)
        assert list(pathlib.Path("runs/notebook/results").glob("*.json"))
        assert len([line for line in BLOCKS[number].splitlines() if line]) == 10
