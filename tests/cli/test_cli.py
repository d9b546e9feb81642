"""The commands as a user runs them, on a small data set on disk."""

import csv
import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.cli.run_command import error_of, run
from tfnxc.cli import main
from tfnxc.cli._recipe import recipe_changes
from tfnxc.datasets import cuhk01
from tfnxc.evaluation import PROTOCOLS, cmc
from tfnxc.models import BUILDERS
from tfnxc.training import RECIPES, Recipe, Run


def commands(command, words=""):
    """The words of a command and of all below it."""
    below = getattr(command, "commands", {})
    return [words, *(each for name in below for each in commands(below[name], f"{words} {name}".strip()))]


@pytest.fixture
def split(tmp_path):
    path = tmp_path / "split.json"
    path.write_text(json.dumps({"train": [1, 2], "test": [7, 8, 9]}))
    return path


@pytest.mark.parametrize("command", commands(main))
def test_every_command_explains_itself(command):
    result = run(*command.split(), "--help")
    assert result.exit_code == 0 and "Usage:" in result.output and len(result.output) > 150


@pytest.mark.parametrize("command", commands(main))
def test_help_prints_no_mark_of_a_paragraph_that_keeps_its_lines(command):
    """Click takes the character; in a raw docstring it is two others, which it prints."""
    shown = run(*command.split(), "--help").output
    assert "\\b" not in shown and "\b" not in shown


def test_every_command_is_found():
    assert {"", "splits", "datasets check", "train", "evaluate", "demo"} <= set(commands(main))


def test_the_options_of_train_are_those_of_the_library():
    """--help must not wait for TensorFlow, so the command repeats names: they may not part."""
    options = {option.name: option for option in main.commands["train"].params}
    assert set(vars(Recipe())) <= set(options)
    assert recipe_changes({**dict.fromkeys(vars(Recipe())), "epochs": 3, "seed": 1}) == {"epochs": 3}
    choices = {field.name: field.metadata["choices"] for field in dataclasses.fields(Recipe)}
    choices = {name: each for name, each in choices.items() if each} | {"recipe_name": RECIPES}
    assert {"pairs", "positives", "negatives", "scaling", "initializer", "precision", "schedule"} <= set(choices)
    for name, expected in choices.items():
        assert tuple(options[name].type.choices) == tuple(expected), name
    assert set(options["model"].type.choices) == set(BUILDERS)
    evaluate = {option.name: option for option in main.commands["evaluate"].params}
    assert set(evaluate["protocols"].type.choices) == set(PROTOCOLS)


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


def curves_of_predict(folder, campus):
    """CMC of the trained model by `model.predict` on every pair of test images, without the scoring engine."""
    people = cuhk01(campus).of_identities([7, 8, 9])
    images, labels = people.images() / 255.0, (people.identities, people.cameras)
    probe, gallery = np.divmod(np.arange(len(images) ** 2), len(images))
    model = Run.open(folder).load_model()
    scores = model.predict([images[probe], images[gallery]], verbose=0)[:, 1].reshape(len(images), -1)
    rows, columns = people.cameras == 0, people.cameras == 1
    sides = [label[side] for label in labels for side in (rows, columns)]
    return {
        "cross-camera": cmc(scores[rows][:, columns], *sides, repeats=2),
        "paper": cmc(scores, *(label for label in labels for _ in range(2)), protocol="paper", repeats=2),
    }


def test_train_evaluate_export(campus, tmp_path, split):
    folder = tmp_path / "run"
    train = ["train", "cuhk01", "--data", campus, "--split", split, "--run", folder, "--epochs", 1]
    train += ["--recipe", "published", "--batch-size", 16]
    result = run(*train)
    assert result.exit_code == 0, result.output
    assert run(*train).exit_code == 0  # finished: nothing left to do
    assert "other settings (seed: 0 there, 1 now)" in error_of(*train, "--seed", 1)

    measured = run("evaluate", folder, "--repeats", 2)
    assert measured.exit_code == 0, measured.output
    assert "cross-camera" in measured.output and "paper" in measured.output and "pairs a second" in measured.output
    expected = curves_of_predict(folder, campus)
    for protocol, probes in (("cross-camera", 6), ("paper", 9)):
        result = folder / "results" / f"trained-{protocol}-2draws-allprobes-seed0-pessimistic"
        record = json.loads(result.with_suffix(".json").read_text())
        assert (record["protocol"], record["probes"], record["gallery"], record["repeats"]) == (protocol, probes, 3, 2)
        assert record["settings"]["epochs"] == record["epochs_done"] == 1 and record["versions"]["tfnxc"]
        np.testing.assert_allclose(record["mean"], 100 * expected[protocol].mean)
        with open(result.with_suffix(".csv"), newline="") as file:
            rows = list(csv.DictReader(file))
        assert [float(row["mean_per_cent"]) for row in rows] == record["mean"]
        assert {row["protocol"] for row in rows} == {protocol}
        assert result.with_suffix(".png").stat().st_size > 1000
    again = run("evaluate", folder, "--repeats", 2)
    assert again.exit_code == 0 and "pairs a second" not in again.output  # every score was there

    exported = run("export", folder, "--name", "mine", "--to", tmp_path / "served")
    assert exported.exit_code == 0, exported.output
    assert (tmp_path / "served" / "mine" / "1" / "saved_model.pb").exists()
    assert "--name takes letters" in error_of("export", folder, "--name", "../mine")


def test_info_says_what_computes_and_why(native_library, monkeypatch):
    for choice in ("python", "auto"):
        monkeypatch.setenv("TFNXC_OPS", choice)
        result = run("info", "--json")
        facts = json.loads(result.output)
        assert facts["implementation"] == ("python" if choice == "python" else "native")
        assert choice in facts["because"] or "built for this TensorFlow" in facts["because"]
        assert facts["library"] == str(native_library.path) and facts["kernels"] == native_library.kernels
        assert run("info").output.split()[:2] == ["tfnxc", facts["tfnxc"]]
    monkeypatch.setenv("TFNXC_OPS", "fast")
    assert "TFNXC_OPS must be one of auto, native, python; it is 'fast'" in error_of("info")


def test_build_ops_finds_what_is_built_and_names_a_missing_compiler(native_library):
    result = run("build-ops")
    assert result.exit_code == 0 and str(native_library.path) in result.output
    assert "no C++ compiler nowhere++" in error_of("build-ops", "--force", "--compiler", "nowhere++")


@pytest.mark.parametrize("said", [None, "0"])
def test_the_command_takes_onednn_unless_told_otherwise(said):
    # TensorFlow reads the variable when it is first imported, so that has to come later.
    code = (
        "import os, sys, tfnxc.cli; "
        "print(os.environ['TF_ENABLE_ONEDNN_OPTS'], 'tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    environment |= {} if said is None else {"TF_ENABLE_ONEDNN_OPTS": said}
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    assert done.stdout.split() == [said or "1", "False", "False"]


def test_bad_input_is_one_clear_line_and_costs_nothing(campus, tmp_path, split):
    train = ["train", "cuhk01", "--run", tmp_path / "run"]
    assert "cuhk01 needs a path (--data)" in error_of(*train)
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
    assert "optimizer must be kernel-muon or the name of a Keras optimizer" in error_of(*train, "--optimizer", "magic")
    assert not (tmp_path / "run").exists()
    (campus / "campus" / "0001001.png").write_text("hello")
    assert "0001001.png: not a picture" in error_of(*train)
    assert "no run here" in error_of("evaluate", tmp_path / "empty")
    assert "--search takes odd rows" in error_of(*train, "--search", "4x5")
    assert "no run here" in error_of("export", tmp_path / "empty", "--name", "x")
    assert "the synthetic set is drawn" in error_of("train", "synthetic", "--data", campus)


def test_a_colour_histogram_is_above_chance_and_far_from_perfect_on_the_embedded_set():
    from tfnxc.datasets import get_split, open_dataset
    from tfnxc.evaluation import EvaluationPlan, colour_histogram_scores

    people = open_dataset("synthetic", None)
    tested = people.of_identities(get_split("random-100-0", people.identities).test)
    images = tested.images()
    plan = EvaluationPlan("cross-camera", tested.identities, tested.cameras)
    assert 0.05 < plan.measure(colour_histogram_scores(images, images)).rank(1) < 0.4  # chance is 0.01


def test_ctrl_c_ends_a_command_with_a_line_and_its_status(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["tfnxc.cli.datasets"], "count_dataset", interrupted)
    found = run("datasets", "info", "synthetic")
    assert (found.exit_code, found.stderr) == (130, "Stopped.\n")
