"""The export in runtimes that are not TensorFlow, each skipped where it is not installed."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import tensorflow as tf

from tests.serving.small_export import SHAPE, images, small_embedding, small_model
from tfnxc import layers, models
from tfnxc.keras_line import KERAS_2
from tfnxc.serving import VARIANTS, export_model

pytestmark = pytest.mark.slow

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
    check(lite(model).get_signature_runner(name)(**INPUTS[name]), expected[name])


def lite(model):
    """An interpreter of stock operations, of which none takes more than 5 axes on every device."""
    with warnings.catch_warnings():  # it moves to a package of its own
        warnings.simplefilter("ignore")
        interpreter = tf.lite.Interpreter(model_content=model)
    interpreter.allocate_tensors()
    assert max(len(tensor["shape"]) for tensor in interpreter.get_tensor_details()) <= 5
    return interpreter


MODELS = {
    "ahmed": lambda: models.ahmed(SHAPE, filters=(3, 4), units=8),
    "other windows": lambda: models.fused(SHAPE, (5, 5), (5, None), filters=(3, 4), units=8),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_tf_lite_converts_every_model(make, tmp_path):
    path = str(export_model(make(), tmp_path))
    expected = tf.saved_model.load(path).signatures["match"](**{k: tf.constant(v) for k, v in INPUTS["match"].items()})
    model = tf.lite.TFLiteConverter.from_saved_model(path, signature_keys=["match"]).convert()
    check(lite(model).get_signature_runner("match")(**INPUTS["match"]), expected)


WINDOWS = {"5x5": (5, 5), "3x7": (3, 7), "1x1": (1, 1), "whole width": (5, None)}
LAYERS = {
    "NormXcorr": lambda size: layers.NormXcorr(search_size=size),
    "NormXcorrSummary": lambda size: layers.NormXcorrSummary(3, search_size=size),
    "CrossInputNeighborhood": lambda size: layers.CrossInputNeighborhood(size),
    "CrossInputNeighborhood in blocks": lambda size: layers.CrossInputNeighborhood(size, "blocks"),
    "CrossInputSummary": lambda size: layers.CrossInputSummary(3, size, both_ways=True),
    "CrossInputSummary of blocks": lambda size: layers.CrossInputSummary(3, size, "blocks"),
}


@pytest.mark.parametrize("size", WINDOWS.values(), ids=WINDOWS)
@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_tf_lite_converts_every_layer(make, size, implementation, rng):
    """Of maps wider than a tile of columns. The function ran before, on whatever implementation."""
    pair = {name: rng.random((2, 4, 18, 2)).astype("float32") for name in "xy"}
    layer = make(size)
    expected = layer(list(pair.values()))
    function = tf.function(
        lambda x, y: {"out": layer([x, y])},
        input_signature=[tf.TensorSpec((None, 4, 18, 2), name=each) for each in "xy"],
    )
    function(**pair)
    module = tf.Module()
    module.kept = [each if KERAS_2 else each.value for each in layer.weights]
    concrete = function.get_concrete_function()
    model = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module).convert()
    check(lite(model).get_signature_runner()(**pair), {"out": expected})
