"""The kernels without TensorFlow, under AddressSanitizer and UndefinedBehaviorSanitizer, against their own oracle."""

import os
import pathlib
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.compiler

SOURCES = pathlib.Path(__file__).resolve().parents[2] / "custom_ops"


@pytest.fixture(scope="module", autouse=True)
def _compiler():
    if not (shutil.which("g++") and shutil.which("make")):
        pytest.skip("no g++ and make: the kernels are not tested apart from TensorFlow")


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="no nvcc: the CUDA kernels are only emulated")
def test_nvcc_compiles_the_cuda_kernels_and_spills_no_registers(tmp_path):
    command = [str(SOURCES / "tests" / "first_minutes_on_gpu.sh"), "compile"]
    finished = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "BUILD": str(tmp_path)})
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "none spills" in finished.stdout


@pytest.mark.parametrize("target", ["sanitize", "emulate"])
def test_kernels_agree_with_the_oracle(target, tmp_path):
    command = ["make", "-s", "-j2", target, f"BUILD={tmp_path}", "SECONDS=2"]
    finished = subprocess.run(command, cwd=SOURCES / "tests", capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "are right" in finished.stdout
