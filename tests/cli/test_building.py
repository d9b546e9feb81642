"""Which commands have the compiled op built in the background, and when."""

import os
import pathlib
import subprocess
import sys

import pytest

from tests.cli.run_command import error_of, run
from tests.ops.test_build import PRETENDER, compiler
from tfnxc import ops


@pytest.fixture
def asked(monkeypatch):
    """The calls that would have built it."""
    calls = []
    monkeypatch.setattr(ops, "build_in_background", lambda console, wait: calls.append(wait))
    return calls


@pytest.mark.parametrize("command", ["train cuhk01", "evaluate nowhere", "plot ranking nowhere", "embed fit nowhere"])
def test_commands_that_compute_build(command, asked):
    error_of(*command.split())
    assert asked == [True]


def test_a_search_does_not_wait(asked, tmp_path):
    error_of("search", tmp_path / "nowhere", tmp_path / "probe.png")
    assert asked == [False]


@pytest.mark.parametrize(
    "command", ["info", "splits", "datasets list", "train --help", "train nothing", "serve nowhere"]
)
def test_others_do_not(command, asked):
    run(*command.split())
    assert asked == []


@pytest.mark.compiler
def test_a_command_builds_says_so_on_standard_error_and_uses_it(native_library, tmp_path):
    pretender = compiler(tmp_path, PRETENDER.replace("{library}", str(native_library.path)))
    known = {**os.environ, "TFNXC_OPS": "auto", "TFNXC_CACHE": str(tmp_path / "cache"), "CXX": pretender}
    fit = ["embed", "fit", "pretrained", "--on", "synthetic", "--identities", "8", "--to", "fitted"]
    script = f"from tfnxc.cli import main; main({fit}, standalone_mode=False); "
    script += "from tfnxc.ops import _library; assert _library.load().ops is not None"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=known, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        "Building the compiled op once for this machine, about half a minute; TFNXC_OPS=python does without."
    ]
    assert list(pathlib.Path(tmp_path, "cache").glob("*/tfnxc_ops.so"))


def test_bad_input_that_is_found_before_tensorflow_is_imported_builds_nothing(tmp_path):
    known = {**os.environ, "TFNXC_OPS": "auto", "TFNXC_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "tfnxc", "evaluate", "--held-back"]
    done = subprocess.run(command, capture_output=True, text=True, env=known)
    assert done.returncode == 1 and done.stderr.startswith("Error: ") and not (tmp_path / "cache").exists()
