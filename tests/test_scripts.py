"""The scripts run as a user would run them."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]


def run(script, *arguments):
    command = [sys.executable, str(ROOT / "scripts" / script), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_train_and_export(tmp_path):
    run("train.py", "--identities", 4, "--passes", 1, "--model", tmp_path / "my.keras")
    printed = run("export.py", tmp_path / "my.keras", tmp_path / "served")
    assert printed.strip() == str(tmp_path / "served" / "1")
    assert (tmp_path / "served" / "1" / "saved_model.pb").exists()


def test_the_gradient_check_passes():
    assert "largest error of the exact gradient" in run("check_gradient.py")


def test_the_benchmark_prints_its_table(tmp_path):
    benchmark = [sys.executable, str(ROOT / "benchmarks" / "norm_xcorr.py"), "--batch", "1", "--runs", "1"]
    found = subprocess.run([*benchmark, "--json", tmp_path / "b.json"], check=True, capture_output=True, text=True)
    assert "forward + backward" in found.stdout and "times plain" in found.stdout
    assert (tmp_path / "b.json").stat().st_size > 100
