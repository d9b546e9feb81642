"""The kernels without TensorFlow, under AddressSanitizer and UndefinedBehaviorSanitizer, against their own oracle."""

import pathlib
import shutil
import subprocess

import pytest

SOURCES = pathlib.Path(__file__).resolve().parents[2] / "custom_ops"


@pytest.fixture(scope="module", autouse=True)
def _compiler():
    if not (shutil.which("g++") and shutil.which("make")):
        pytest.skip("no g++ and make: the kernels are not tested apart from TensorFlow")


@pytest.mark.parametrize("target", ["sanitize", "emulate"])
def test_kernels_agree_with_the_oracle(target, tmp_path):
    command = ["make", "-s", "-j2", target, f"BUILD={tmp_path}", "SECONDS=2"]
    finished = subprocess.run(command, cwd=SOURCES / "tests", capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "are right" in finished.stdout
