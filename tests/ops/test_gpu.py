"""What computes where TensorFlow sees a GPU: one that is only pretended, so that nothing may be placed on it."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import tensorflow as tf

pytestmark = pytest.mark.compiler

SOURCE = pathlib.Path(__file__).with_name("pretended_gpu.cc")

RUN = """
import json, sys
import tensorflow as tf
if sys.argv[1]:
    tf.load_op_library(sys.argv[1])
from tests.ops.executed import executed
from tfnxc import ops
from tfnxc.layers import NormXcorr
from tfnxc.ops import arguments, implementation

x, kernel, bias = tf.random.normal((2, 6, 5, 2)), tf.random.normal((50, 3)), tf.zeros(3)
functions = {
    "NormXcorr": lambda x: ops.norm_xcorr(x, x),
    "NormXcorrAny": lambda x: ops.norm_xcorr(x, x, stride=2),
    "NormXcorrSummary": lambda x: ops.norm_xcorr_summary(x, x, kernel, bias),
    "CrossInputSummary": lambda x: ops.cross_input_summary(x, x, kernel, bias),
}
ran = {name: f"Tfnxc>{name}" in executed(tf.function(function), x) for name, function in functions.items()}
facts = {"ran": ran, "supports_jit": NormXcorr().supports_jit} | ops.describe_implementation()
# As in a graph of another machine: marked, because no GPU was there.
implementation._has_gpu = lambda: False
marked = {name: executed(tf.function(function), x) for name, function in functions.items()}
facts["ran_marked"] = {name: f"Tfnxc>{name}" in types for name, types in marked.items()}
arguments.MOST_NUMBERS = 2 * 6 * 5 * 50 - 1
try:
    tf.function(functions["NormXcorrSummary"])(x)
    facts["checked_marked"] = False
except tf.errors.InvalidArgumentError:
    facts["checked_marked"] = True
print(json.dumps(facts))
"""


@pytest.fixture(scope="module")
def pretended_gpu(tmp_path_factory):
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None:
        pytest.skip("no C++ compiler")
    library = tmp_path_factory.mktemp("gpu") / "pretended_gpu.so"
    flags = [flag for flag in tf.sysconfig.get_compile_flags() if not flag.startswith("-I")]
    include = ["-isystem", tf.sysconfig.get_include()]
    command = [compiler, "-std=c++17", "-O0", "-DNDEBUG", "-fPIC", "-shared", *flags, *include, str(SOURCE)]
    subprocess.run([*command, "-o", str(library), *tf.sysconfig.get_link_flags()], check=True)
    return library


def facts_with(gpu):
    command = [sys.executable, "-W", "ignore", "-c", RUN, str(gpu)]
    environment = {**os.environ, "TFNXC_OPS": "native", "PYTHONPATH": os.pathsep.join(sys.path)}
    finished = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout.splitlines()[-1]), finished.stderr


def test_a_library_without_gpu_kernels_leaves_the_gpu_to_plain_tensorflow(native_library, pretended_gpu):
    facts, said = facts_with(pretended_gpu)
    assert set(facts["ran"].values()) == {False}, "an operation ran on the CPU, and its maps were copied there and back"
    assert set(facts["ran_marked"].values()) == {False}
    assert facts["checked_marked"], "plain TensorFlow computes, and its check of the size was left out"
    assert facts["supports_jit"] and facts["implementation"] == "python"
    assert facts["because"] == "TFNXC_OPS=native, but it is built without GPU kernels: run `tfnxc build-ops --cuda`"
    assert said.count("run `tfnxc build-ops --cuda`") == 1


def test_without_a_gpu_it_computes(native_library):
    facts, said = facts_with("")
    assert set(facts["ran"].values()) == set(facts["ran_marked"].values()) == {True}
    assert not facts["checked_marked"] and not facts["supports_jit"] and facts["implementation"] == "native"
    assert "build-ops" not in said
