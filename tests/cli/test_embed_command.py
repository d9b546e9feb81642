"""The command `tfnxc embed`: what it prints and what it refuses."""

import json

import pytest
from click.testing import CliRunner

from tfnxc.cli import main
from tfnxc.embedding import METHODS
from tfnxc.runs import Run


def run_command(*words):
    return CliRunner().invoke(main, ["embed", "fit", *map(str, words)])


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """The model of the package, fitted to drawn people by the command, and what it printed."""
    folder = tmp_path_factory.mktemp("embed") / "run"
    found = run_command("pretrained", "--on", "synthetic", "--split", "random-80-0", "--identities", 10, "--to", folder)
    assert found.exit_code == 0, found.output
    return folder, found.output


def test_it_says_what_it_fitted_and_what_comes_next(fitted):
    folder, output = fitted
    embedding = Run.open(folder).embedding()
    assert f"Embedding of {embedding.dimensions} numbers, fitted on 40 pictures of 10 identities" in output
    assert "(fitted on 2 people held back)" in output
    assert f"tfnxc evaluate {folder} --scorer embedding" in output


def test_fitting_anew_is_the_same(fitted):
    folder, _ = fitted
    before = Run.open(folder).embedding().card
    words = "--on", "synthetic", "--split", "random-80-0", "--identities", 10
    again = run_command(folder, *words, "--json")
    assert again.exit_code == 0, again.output
    assert Run.open(folder).embedding().card == before
    assert json.loads(again.stdout) == json.loads(json.dumps(before.to_dict()))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("pretrained",), "pretrained needs --on, the data set to fit on, and --to"),
        (("pretrained", "--on", "synthetic"), "--to, the folder of a new run"),
        (("runs/none",), "runs/none: no run here"),
        (("runs/none", "--identities", 5), "--split, --identities and --to are about the people of --on"),
    ],
)
def test_what_does_not_go_together_is_one_line(words, message):
    found = run_command(*words)
    assert found.exit_code == 1 and message in found.output and "Traceback" not in found.output


def test_test_people_are_refused(fitted):
    found = run_command(fitted[0], "--on", "synthetic")
    assert found.exit_code == 1 and "its figures there would mean nothing" in found.output


def test_another_method(fitted, tmp_path):
    words = "pretrained", "--on", "synthetic", "--split", "random-80-0", "--identities", 20, "--to", tmp_path / "xqda"
    found = run_command(*words, "--method", "xqda")
    assert found.exit_code == 0 and "xqda, regularization" in found.output, found.output
    assert Run.open(tmp_path / "xqda").embedding().card.method == "xqda"


def test_every_method_is_offered():
    (option,) = [each for each in main.commands["embed"].commands["fit"].params if each.name == "method"]
    assert list(option.type.choices) == list(METHODS)
