"""`tfnxc calibrate` as a user runs it."""

import json

import pytest

from tests.cli.run_command import error_of, run
from tests.evaluation.embedded_run import embedded_run, small_model
from tfnxc.console import console
from tfnxc.evaluation import calibration
from tfnxc.runs import Run


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "_MOST_PEOPLE", 12)
    return embedded_run(tmp_path / "run", small_model((48, 28), search_size=(3, None))).folder


def test_thresholds_tables_and_a_diagram(folder, tmp_path):
    picture = tmp_path / "reliability.png"
    result = run("calibrate", folder, "--picture", picture)
    assert result.exit_code == 0, result.output
    found = Run.open(folder).calibration()
    assert (found.pictures, found.strangers, found.smallest) == (48, 48 * 44, 4.8)
    words = " ".join(result.output.split())
    assert "People: 12 of synthetic; 48 pictures; 96 pairs of one person, 2112 of strangers (of 48 probes)" in words
    assert f"Calibration: {folder / 'calibration.json'}" in result.output
    assert (
        "4.8 is the smallest number that 2112 pairs of strangers support: there is no threshold for 0.1, 0.3, 1, 3"
        in words
    )
    both = found.scorers["both"]
    assert f"both before {both.before.brier:.4f} {both.before.log_loss:.4f}" in words
    assert f"both after {both.after.brier:.4f} {both.after.log_loss:.4f}" in words and "embedding before - -" in words
    for each in both.thresholds:
        low, high = each.interval
        assert f"both {each.false_matches:g} {each.score:.4f} {each.measured:.3g} ({low:.3g} to {high:.3g})" in words
    for each in both.after.bins:
        assert f"{each.predicted:.2f}, {each.observed:.2f} ({each.matches + each.strangers})" in words
    assert picture.read_bytes().startswith(b"\x89PNG")
    table = result.output[: result.output.index("Calibration: ")]
    assert max(map(len, table[table.index("People: ") :].splitlines())) <= console.width == 80
    again = run("calibrate", folder, "--json")
    assert json.loads(again.stdout) == json.loads(json.dumps(found.to_dict())) and "Calibration: " in again.stderr


def test_errors_are_one_line(folder, tmp_path):
    assert "the smallest number here is 4.8" in error_of("calibrate", folder, "--false-matches", 1)
    assert "above 0 and below 1,000; got -1.0" in error_of("calibrate", folder, "--false-matches", -1)
    assert "give a name that ends so" in error_of("calibrate", folder, "--picture", "a.gif")
    assert "no run here" in error_of("calibrate", tmp_path)
    assert not (folder / "calibration.json").exists()
