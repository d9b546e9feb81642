"""Scripts, experiments and benchmarks run as a user would run them."""

import json
import pathlib
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(script, *arguments):
    command = [sys.executable, str(ROOT / script), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_train_and_export(tmp_path):
    run("scripts/train.py", "--identities", 4, "--epochs", 1, "--model", tmp_path / "my.keras")
    printed = run("scripts/export.py", tmp_path / "my.keras", tmp_path / "served")
    assert printed.strip() == str(tmp_path / "served" / "1")
    assert (tmp_path / "served" / "1" / "saved_model.pb").exists()


def test_the_gradient_check_passes():
    assert "largest error of the exact gradient" in run("experiments/check_gradient.py")


@pytest.mark.parametrize("name", ["norm_xcorr", "training_step"])
def test_the_benchmark_prints_its_table(name, native_library, tmp_path):
    benchmark = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), "--batch", "1", "--runs", "1"]
    found = subprocess.run([*benchmark, "--json", tmp_path / "b.json"], check=True, capture_output=True, text=True)
    table = json.loads((tmp_path / "b.json").read_text())
    assert {row["variant"] for row in table["rows"]} >= {"plain", "python", "native"}
    assert all(f"{row['median_ms']:.2f}" in found.stdout for row in table["rows"])


def test_the_benchmark_of_whole_steps_prints_its_table(native_library, tmp_path):
    benchmark = [sys.executable, str(ROOT / "benchmarks" / "training_speed.py"), "--models", "normxcorr", "--runs", "1"]
    found = subprocess.run([*benchmark, "--json", tmp_path / "b.json"], check=True, capture_output=True, text=True)
    table = json.loads((tmp_path / "b.json").read_text())
    assert [row["variant"] for row in table["rows"][:3]] == ["plain", "native", "grouped"]
    assert [row["part"] for row in table["rows"][3:]] == ["towers", "heads", "optimizer"]
    # The floor is counted in multiply-adds: 144 pairs and 96 images (SPEC section 3).
    assert 0 < table["floor_ms"] < table["rows"][2]["median_ms"]
    assert f"{table['floor_ms']:.2f}" in found.stdout


def test_the_benchmark_of_the_service_prints_its_table(tmp_path):
    pytest.importorskip("prometheus_client", reason='no server: pip install "tfnxc[service]"')
    few = ["--pictures", 12, "--requests", 4, "--clients", 1, 2]
    printed = run("benchmarks/service.py", *few, "--json", tmp_path / "b.json")
    table = json.loads((tmp_path / "b.json").read_text())
    assert [(row["clients"], row["requests"]) for row in table["rows"]] == [(1, 4), (2, 4)]
    assert all(f"{row['p99_ms']:.0f}" in printed for row in table["rows"])
