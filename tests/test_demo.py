"""The whole job on drawn people, of which there are few here."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from tests.cli.run_command import run
from tfnxc import demo, training
from tfnxc.datasets import synthetic

pytestmark = pytest.mark.slow

SMALL = {"batch_size": 9}


def test_the_command_is_the_library_call_and_ends_with_what_to_type(monkeypatch, tmp_path):
    few = synthetic(identities=12)
    monkeypatch.setattr(demo, "open_dataset", lambda name: few)
    monkeypatch.setattr(training, "make_deterministic", lambda: None)
    told, call = [], demo.demo
    monkeypatch.setattr(demo, "demo", lambda *args, **options: told.append(options) or call(*args, **options, **SMALL))
    done = run("demo", "--run", tmp_path / "run", "--to", tmp_path / "models", "--epochs", 1, "--seed", 3)
    assert done.exit_code == 0, done.output
    assert (told[0]["epochs"], told[0]["seed"]) == (1, 3)
    lines = done.output.splitlines()
    at = next(index for index, line in enumerate(lines) if line.endswith("ranking.png"))
    assert all(line.startswith("  tfnxc ") for line in lines[at + 2 :]) and len(lines[at + 2 :]) == 3
    assert f"  tfnxc report {tmp_path / 'run'}" in lines
    assert (tmp_path / "models" / "demo" / "1" / "saved_model.pb").exists()
    for name in ("cmc.png", "ranking.png"):
        assert np.asarray(Image.open(tmp_path / "run" / name)).std() > 1


def test_another_call_goes_on_with_what_is_there(tmp_path):
    few = synthetic(identities=12)
    said = Console(file=io.StringIO(), width=120)
    first, again = (
        demo.demo(tmp_path / "one", tmp_path / "models", epochs=1, people=few, console=said, **SMALL) for _ in range(2)
    )
    assert [each.name for each in first.results] == [each.name for each in again.results]
    assert again.exported.name == "2" and first.run.model_digest() == again.run.model_digest()
    kept = [json.loads(path.read_text())["label"] for path in (tmp_path / "one" / "results").glob("*.json")]
    assert sorted(kept) == ["colour histogram", "normxcorr", "normxcorr, both", "normxcorr, embedding"]
    for label in kept:
        assert label in said.file.getvalue()
