"""The export in TensorFlow's C API, whose loader is that of TensorFlow Serving."""

import os
import pathlib
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf

from tests.serving.sent_pictures import PIXELS, READ, encoded
from tests.serving.small_export import graph_of, images, small_embedding, small_model
from tfnxc.serving import export_model

pytestmark = pytest.mark.compiler

SOURCE = pathlib.Path(__file__).with_name("load_with_c_api.cc")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    compiler = next(filter(shutil.which, (os.environ.get("CXX", "g++"), "clang++")), None)
    if compiler is None:
        pytest.skip("no C++ compiler: the export is not loaded from C++")
    libraries, path = tf.sysconfig.get_lib(), tmp_path_factory.mktemp("c_api") / "load_with_c_api"
    links = [f"-L{libraries}", f"-Wl,-rpath,{libraries}", "-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"]
    command = [compiler, "-std=c++17", "-Wall", "-Wextra", f"-I{tf.sysconfig.get_include()}", SOURCE, "-o", path]
    subprocess.run([*command, *links], check=True)
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    model = small_model()
    return export_model(model, tmp_path_factory.mktemp("served"), embedding=small_embedding(model))


def run(program, path, name, folder, **inputs):
    """Asks a signature in the program; floats are given as arrays, pictures as lists of bytes."""
    signature = graph_of(path).signature_def[name]
    command = [program, path]
    for each, value in inputs.items():
        command += ["in", signature.inputs[each].name, *written(folder / each, value)]
    for each, tensor in signature.outputs.items():
        command += ["out", tensor.name, folder / f"{each}.raw"]
    finished = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if finished.returncode:
        raise RuntimeError(finished.stderr)
    types = {each: tf.as_dtype(tensor.dtype).as_numpy_dtype for each, tensor in signature.outputs.items()}
    return {each: np.fromfile(folder / f"{each}.raw", dtype) for each, dtype in types.items()}


def written(path, value):
    if isinstance(value, int):
        return ["int", value]
    if isinstance(value, np.ndarray):
        value.tofile(path)
        return ["float", ",".join(map(str, value.shape)), path]
    paths = [path.with_name(f"{path.name}-{place}") for place in range(len(value))]
    for each, picture in zip(paths, value, strict=True):
        each.write_bytes(picture)
    return ["string", ",".join(map(str, paths))]


def test_it_gets_the_numbers_that_python_gets(program, path, tmp_path):
    asked = tf.saved_model.load(str(path)).signatures
    files = {"probe_bytes": list(READ.values()), "gallery_bytes": [encoded(PIXELS)] * len(READ)}
    maps = np.random.default_rng(0).random((41, 7, 4, 4), np.float32)
    for name, inputs in {
        "serving_default": {"probe": images(3, 3), "gallery": images(3, 4)},
        "match_bytes": files,
        "embed_bytes": {"image_bytes": files["probe_bytes"]},
        "embed_vector": {"image": images(3, 5)},
        "embed_vector_bytes": {"image_bytes": files["probe_bytes"]},
        "rank": {"probe_features": maps[:1], "gallery_features": maps[1:], "k": 5},
    }.items():
        expected = asked[name](**{each: tf.constant(value) for each, value in inputs.items()})
        found = run(program, path, name, tmp_path, **inputs)
        assert set(found) == set(expected)
        for output, value in expected.items():
            np.testing.assert_allclose(found[output], value.numpy().ravel(), atol=1e-6, err_msg=f"{name} {output}")


def test_a_bad_picture_is_named_there_too(program, path, tmp_path):
    with pytest.raises(RuntimeError, match="image_bytes, picture 1: broken picture"):
        run(program, path, "embed_bytes", tmp_path, image_bytes=[encoded(PIXELS), encoded(PIXELS)[:300]])
