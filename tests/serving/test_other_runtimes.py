"""The export in runtimes that are not TensorFlow, each skipped where it is not installed."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import tensorflow as tf

from tests.serving.small_export import images, small_embedding, small_model
from tfnxc.serving import VARIANTS, export_model

TOLERANCE = 1e-4


@pytest.fixture(scope="module", params=VARIANTS)
def path(request, tmp_path_factory):
    model, folder = small_model(), tmp_path_factory.mktemp("served")
    return export_model(model, folder, variant=request.param, embedding=small_embedding(model))


INPUTS = {"match": {"probe": images(3, 1), "gallery": images(3, 2)}, "embed_vector": {"image": images(3, 3)}}
BOTH = pytest.mark.parametrize("name", INPUTS)


@pytest.fixture(scope="module")
def expected(path):
    asked = tf.saved_model.load(str(path)).signatures
    found = {name: asked[name](**{each: tf.constant(INPUTS[name][each]) for each in INPUTS[name]}) for name in INPUTS}
    return {name: {each: value.numpy() for each, value in outputs.items()} for name, outputs in found.items()}


def check(found, expected):
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=TOLERANCE)


def test_openvino_reads_it(path, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        openvino = pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install openvino")
    in_float32 = {"INFERENCE_PRECISION_HINT": "f32"}  # by default bfloat16 where the CPU has it
    found = openvino.compile_model(openvino.Core().read_model(path), "CPU", in_float32)(INPUTS["match"])
    check({key.get_any_name(): value for key, value in found.items()}, expected["match"])


@BOTH
def test_onnx_runtime_runs_what_tf2onnx_makes_of_it(name, path, expected, tmp_path):
    reason = "tf2onnx and ONNX Runtime are not installed: pip install --no-deps tf2onnx onnx onnxruntime"
    runtime = pytest.importorskip("onnxruntime", reason=reason)
    pytest.importorskip("tf2onnx", reason=reason)
    convert = [sys.executable, "-m", "tf2onnx.convert", "--saved-model", path, "--signature_def", name]
    subprocess.run([*convert, "--output", tmp_path / "model.onnx", "--opset", "18"], check=True, capture_output=True)
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    names = [each.name for each in session.get_outputs()]
    check(dict(zip(names, session.run(None, INPUTS[name]), strict=True)), expected[name])


@BOTH
def test_tf_lite_converts_it(name, path, expected):
    model = tf.lite.TFLiteConverter.from_saved_model(str(path), signature_keys=[name]).convert()
    with warnings.catch_warnings():  # it moves to a package of its own
        warnings.simplefilter("ignore")
        interpreter = tf.lite.Interpreter(model_content=model)
    check(interpreter.get_signature_runner(name)(**INPUTS[name]), expected[name])
