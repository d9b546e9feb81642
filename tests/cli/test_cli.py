"""The commands as a user runs them, on a small data set on disk."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from tfnxc.cli import main

COMMANDS = ["", "demo", "train", "evaluate", "export", "datasets", "datasets list", "datasets check"]


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def error_of(*arguments):
    """The one line that a command prints on bad input."""
    result = run(*arguments)
    assert result.exit_code != 0 and isinstance(result.exception, SystemExit), result
    line = result.output.strip().splitlines()[-1]
    assert line.startswith("Error: ") and "Traceback" not in result.output
    return line


@pytest.fixture
def split(tmp_path):
    path = tmp_path / "split.json"
    path.write_text(json.dumps({"train": [1, 2], "test": [7]}))
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command):
    result = run(*command.split(), "--help")
    assert result.exit_code == 0 and "Usage:" in result.output and len(result.output) > 150


def test_help_needs_no_tensorflow():
    code = "import sys; from tfnxc.cli import main; main(['--help'], standalone_mode=False); "
    code += "assert 'tensorflow' not in sys.modules, 'slow'"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_without_tensorflow_the_import_names_the_extras(tmp_path):
    code = "import importlib.util as util; find = util.find_spec; "
    code += "util.find_spec = lambda name, *more: None if name == 'tensorflow' else find(name, *more); import tfnxc"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.returncode == 1 and 'pip install "tfnxc[cpu]"' in found.stderr


def test_importing_prints_nothing_and_brings_no_tensorflow():
    code = "import sys, tfnxc; assert 'tensorflow' not in sys.modules"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == found.stderr == ""


def test_train_evaluate_export(campus, tmp_path, split):
    folder = tmp_path / "run"
    train = ["train", "cuhk01", "--data", campus, "--split", split, "--run", folder, "--passes", 1, "--batch-size", 16]
    result = run(*train)
    assert result.exit_code == 0, result.output
    assert run(*train).exit_code == 0  # finished: nothing left to do
    assert "other settings (seed: 0 there, 1 now)" in error_of(*train, "--seed", 1)

    measured = run("evaluate", folder, "--repeats", 2)
    assert measured.exit_code == 0, measured.output
    assert "cross-camera" in measured.output and "paper" in measured.output and "pairs a second" in measured.output
    for protocol, probes in (("cross-camera", 2), ("paper", 3)):
        record = json.loads((folder / "results" / f"trained-{protocol}.json").read_text())
        assert record["protocol"] == protocol and record["probes"] == probes and record["repeats"] == 2
        assert record["settings"]["passes"] == 1 and record["versions"]["tfnxc"]
        assert record["ranks"]["1"]["mean"] == 100.0  # a gallery of one identity
        with open(folder / "results" / f"trained-{protocol}.csv", newline="") as file:
            assert next(csv.reader(file)) == ["rank", "mean_per_cent"]
        assert (folder / "results" / f"trained-{protocol}.png").stat().st_size > 1000
    again = run("evaluate", folder, "--repeats", 2)
    assert again.exit_code == 0 and "pairs a second" not in again.output  # every score was there

    exported = run("export", folder, "--name", "mine", "--to", tmp_path / "served")
    assert exported.exit_code == 0, exported.output
    assert (tmp_path / "served" / "mine" / "1" / "saved_model.pb").exists()
    assert "--name takes letters" in error_of("export", folder, "--name", "../mine")


def test_datasets_list_names_sets_and_splits():
    result = run("datasets", "list")
    assert result.exit_code == 0
    for name in ("cuhk01", "synthetic", "cuhk01-486-10", "random-TEST-SEED"):
        assert name in result.output


def test_datasets_check_names_every_broken_picture(campus):
    broken = campus / "campus" / "0001002.png"
    broken.write_bytes(broken.read_bytes()[:4000])
    (campus / "campus" / "0002001.png").write_text("hello")
    result = run("datasets", "check", "cuhk01", "--data", campus)
    assert result.exit_code == 1
    assert "12 pictures of 3 identities, 2 broken" in result.output
    assert "0001002.png: broken picture" in result.output and "0002001.png: not a picture" in result.output
    assert "official: 3884 pictures of 971 identities: NOT equal" in result.output


def test_bad_input_is_one_clear_line_and_costs_nothing(campus, tmp_path, split):
    train = ["train", "cuhk01", "--run", tmp_path / "run"]
    assert "cuhk01 needs --data" in error_of(*train)
    assert "no such folder" in error_of(*train, "--data", tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "no picture of CUHK01 here" in error_of(*train, "--data", tmp_path / "empty")
    train += ["--data", campus]
    assert "no split is called 'mine'" in error_of(*train, "--split", "mine")
    assert "of the 485 identities asked for" in error_of(*train, "--split", "cuhk01-486-01")
    missing = tmp_path / "missing.json"
    missing.write_text(json.dumps({"train": [1, 2], "test": [99]}))
    assert "no picture of 1 of the 1 identities asked for: 99" in error_of(*train, "--split", missing)
    train += ["--split", split]
    assert "optimizer must be the name of a Keras optimizer" in error_of(*train, "--optimizer", "magic")
    assert not (tmp_path / "run").exists()
    (campus / "campus" / "0001001.png").write_text("hello")
    assert "0001001.png: not a picture" in error_of(*train)
    assert "no run here" in error_of("evaluate", tmp_path / "empty")
    assert "no run here" in error_of("export", tmp_path / "empty", "--name", "x")
    assert "the synthetic set is drawn" in error_of("train", "synthetic", "--data", campus)


def test_the_demo_set_is_learnable_from_and_untrained_models_are_at_chance():
    """The colour histogram, far from perfect and above chance, is the yardstick of the embedded set."""
    from tfnxc.cli._sources import open_source
    from tfnxc.datasets import get_split
    from tfnxc.evaluation import Evaluation, colour_histogram_scores

    people = open_source("synthetic", None)
    tested = people.of_identities(get_split("random-100-0", people.identities).test)
    images = tested.images()
    plan = Evaluation("cross-camera", tested.identities, tested.cameras)
    assert 0.05 < plan.measure(colour_histogram_scores(images, images)).rank(1) < 0.4
    assert plan.measure(np.zeros((len(images),) * 2)).rank(1) == 0
