"""TensorFlow's notices are kept back; whatever else is written to standard error comes through."""

import os
import subprocess
import sys

import pytest

from tfnxc.cli._notices import is_notice

KNOWN = [
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    b"I0000 00:00:1796090527.518114   13305 port.cc:153] oneDNN custom operations are on. You may see slightly",
    b"2026-12-01 02:06:47.151122: I external/local_tsl/tsl/cuda/cudart_stub.cc:32] Could not find cuda drivers",
    b"2026-12-01 02:06:47.151122: W tensorflow/compiler/tf2tensorrt/utils/py_utils.cc:38] TF-TRT Warning: Could not",
    b"E0000 00:00:1731.1 12 cuda_dnn.cc:8310] Unable to register cuDNN factory: Attempting to register factory for "
    b"plugin cuDNN when one has already been registered",
    b"To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow with the appropriate "
    b"compiler flags.",
]
HONEST = [
    b"",
    b"Fatal Python error: Illegal instruction",
    b"ImportError: libstdc++.so.6: cannot open shared object file: No such file or directory",
    b"F0000 00:00:1796.5 1 cpu_feature_guard.cc:9] The TensorFlow library was compiled to use AVX instructions, but",
    b"2026-12-01 02:06:47.1: E tensorflow/core/platform/file.cc:3] No space left on device",
    b"I had an idea: port.cc:153]",
]


@pytest.mark.parametrize("line", KNOWN)
def test_notices_are_known(line):
    assert is_notice(line + b"\n", 2)


@pytest.mark.parametrize("line", HONEST)
def test_errors_and_other_texts_are_no_notices(line):
    assert not is_notice(line + b"\n", 2)


def test_warnings_are_seen_where_the_level_asks_for_them():
    assert is_notice(KNOWN[1], 1) and not is_notice(KNOWN[3], 1)


# As an import of TensorFlow that prints what it always prints, and then what the test says.
TENSORFLOW = """
import os, sys
os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\\n")
os.write(2, b"I0000 00:00:1796090527.518114   13305 port.cc:153] oneDNN custom operations are on.\\n")
os.write(2, "ein Rätsel\\n".encode())
"""


def imported(tmp_path, then="", **environment):
    """What is left on standard error of a command that imports such a TensorFlow."""
    (tmp_path / "tensorflow.py").write_text(TENSORFLOW + then, encoding="utf-8")
    code = "import tfnxc.cli; from tfnxc.cli._quiet import keep_notices_back as keep; keep(); keep(); "
    code += "import tensorflow, sys; print('after', file=sys.stderr); assert tensorflow.__spec__.origin"
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    known = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    known |= {"PYTHONPATH": path, "PYTHONFAULTHANDLER": "1", **environment}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=known, check=False)
    return done.returncode, done.stderr.decode().splitlines()


def test_an_import_is_quiet(tmp_path):
    assert imported(tmp_path) == (0, ["ein Rätsel", "after"])


@pytest.mark.parametrize(("level", "lines"), [("0", 4), ("1", 2), ("3", 2)])
def test_the_level_of_the_user_wins(tmp_path, level, lines):
    assert len(imported(tmp_path, TF_CPP_MIN_LOG_LEVEL=level)[1]) == lines


def test_an_error_comes_through(tmp_path):
    code, lines = imported(tmp_path, "raise ImportError('libfoo.so is missing')")
    assert code == 1 and lines[0] == "ein Rätsel" and lines[-1] == "ImportError: libfoo.so is missing"


@pytest.mark.parametrize("signal", ["SIGKILL", "SIGSEGV", "SIGABRT"])
def test_what_a_process_said_that_dies_comes_through(tmp_path, signal):
    last = "F0000 00:00:1796.5 1 cpu_feature_guard.cc:9] compiled to use AVX"  # without the end of a line
    then = f"import signal\nos.write(2, b{last!r})\nos.kill(os.getpid(), signal.{signal})"
    code, lines = imported(tmp_path, then)
    assert code < 0 and lines[0] == "ein Rätsel" and lines[1].startswith(last)


def test_the_real_one_says_nothing():
    known = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run([sys.executable, "-m", "tfnxc", "info"], capture_output=True, env=known, check=True)
    assert done.stderr == b"" and b"tensorflow" in done.stdout


def test_the_library_leaves_standard_error_alone(tmp_path):
    (tmp_path / "tensorflow.py").write_text(TENSORFLOW, encoding="utf-8")
    known = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    done = subprocess.run(
        [sys.executable, "-c", "import tfnxc, tensorflow"], capture_output=True, env=known, check=True
    )
    assert len(done.stderr.splitlines()) == 3
