"""Graphs hold stock operations, whatever is made of them, and the compiled ones compute when they run."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from tests.ops.executed import executed
from tests.serving.small_export import operations_of
from tfnxc import ops
from tfnxc.ops._marks import marked

SHAPE = (2, 6, 5, 2)
FUNCTIONS = {
    "NormXcorr": lambda x, y, kernel, bias, **options: ops.norm_xcorr(x, y, **options),
    "NormXcorrSummary": ops.norm_xcorr_summary,
    "CrossInputSummary": ops.cross_input_summary,
}


@pytest.fixture
def inputs(rng):
    kernel, bias = rng.normal(size=(50, 3)), rng.normal(size=3)
    return [tf.constant(each, tf.float32) for each in (*rng.normal(size=(2, *SHAPE)), kernel, bias)]


@pytest.fixture(params=FUNCTIONS)
def name(request, native_library, monkeypatch):
    monkeypatch.setenv("TFNXC_OPS", "native")
    return request.param


def stock(types):
    return [name for name in types if ">" in name or "PyFunc" in name] == []


def with_gradients(name, inputs, **options):
    """The output and the gradients of all inputs that the function reads."""
    read = inputs[:2] if name == "NormXcorr" else inputs
    with tf.GradientTape() as tape:
        tape.watch(read)
        out = FUNCTIONS[name](*inputs, **options)
        loss = tf.reduce_sum(tf.sin(out))
    return [out, *tape.gradient(loss, read)]


@pytest.mark.parametrize("batch", [2, None])
def test_a_graph_holds_stock_operations_and_runs_compiled_ones(name, batch, inputs):
    maps = tf.TensorSpec((batch, *SHAPE[1:]))
    specs = [maps, maps, *(tf.TensorSpec(each.shape) for each in inputs[2:])]
    traced = tf.function(lambda *inputs: with_gradients(name, inputs), input_signature=specs)
    graph = traced.get_concrete_function().graph
    assert stock(operation.type for operation in graph.get_operations())
    ran = executed(traced, *inputs)
    assert {f"Tfnxc>{name}", f"Tfnxc>{name}Grad"} <= ran
    assert not ran & {"GatherV2", "BatchMatMulV2", "_MklBatchMatMulV2"}, "plain TensorFlow ran too"
    for found, expected in zip(traced(*inputs), with_gradients(name, inputs, implementation="python"), strict=True):
        np.testing.assert_allclose(found, expected, atol=2e-4)


def test_a_tape_around_a_traced_function_runs_compiled_operations(name, inputs):
    traced = tf.function(lambda *inputs: FUNCTIONS[name](*inputs))

    def differentiate(x, y):
        with tf.GradientTape() as tape:
            tape.watch([x, y])
            out = traced(x, y, *inputs[2:])
        return tape.gradient(out, [x, y])

    ran = executed(differentiate, *inputs[:2])
    assert {f"Tfnxc>{name}", f"Tfnxc>{name}Grad"} <= ran
    assert "GatherV2" not in ran


def test_in_a_loop_and_a_branch_too(name, inputs):
    def loop(*inputs):
        x, y, *weights = inputs
        total = 0.0
        for _ in tf.range(3):
            if tf.reduce_sum(x) > -1e9:
                total += tf.reduce_sum(FUNCTIONS[name](x, y, *weights))
        return total

    traced = tf.function(loop)
    assert f"Tfnxc>{name}" in executed(traced, *inputs)
    np.testing.assert_allclose(traced(*inputs), 3 * tf.reduce_sum(FUNCTIONS[name](*inputs)), rtol=1e-5)


class Saved(tf.Module):
    """A function of two maps that ran, and so was traced, before anybody thought of saving it."""

    def __init__(self, name, inputs):
        super().__init__()
        self.weights = [tf.Variable(each) for each in inputs[2:]]
        maps = [tf.TensorSpec((None, *SHAPE[1:]), name=each) for each in "xy"]
        compute = FUNCTIONS[name]
        self.correlate = tf.function(lambda x, y: {"out": compute(x, y, *self.weights)}, input_signature=maps)
        self.correlate(*inputs[:2])

    @property
    def traced(self):
        return self.correlate.get_concrete_function()


def save_module(saved, path):
    tf.saved_model.save(saved, str(path))


def save_signature(saved, path):
    module = tf.Module()
    module.kept = saved.weights
    tf.saved_model.save(module, str(path), signatures=saved.traced)


def export_archive(saved, path):
    archive = keras.export.ExportArchive()
    archive.track(saved)
    archive.add_endpoint("correlate", saved.correlate)
    archive.write_out(str(path), **({} if keras.__version__ < "3" else {"verbose": False}))


@pytest.mark.parametrize("save", [save_module, save_signature, export_archive])
def test_a_function_that_ran_before_is_saved_with_stock_operations(save, name, inputs, tmp_path):
    save(Saved(name, inputs), tmp_path / "saved")
    used = operations_of(tmp_path / "saved")
    assert "MatMul" in used or "BatchMatMulV2" in used
    assert stock(used)


def test_a_frozen_graph_holds_stock_operations(name, inputs):
    frozen = convert_variables_to_constants_v2(Saved(name, inputs).traced).graph.as_graph_def()
    used = {node.op for node in frozen.node} | {
        node.op for function in frozen.library.function for node in function.node_def
    }
    assert "MatMul" in used or "BatchMatMulV2" in used
    assert stock(used)


def test_a_mark_of_an_operation_that_is_not_there_changes_nothing(native_library):
    """As a graph of another version of tfnxc may have."""

    @tf.function
    def run(x):
        (unknown,) = marked([x + 1], "Tfnxc>OfTomorrow", [x])
        (other,) = marked([x + 2], "Tfnxc>NormXcorr", [], T=tf.float32, epsilon=1)  # takes two inputs
        (types,) = marked([x + 3], "Tfnxc>NormXcorr", [x, x], T=tf.float64, epsilon=1)  # they are floats
        (lacking,) = marked([x + 4], "Tfnxc>NormXcorr", [x, x], T=tf.float32)  # no epsilon
        (further,) = marked([x + 5], "Tfnxc>NormXcorr", [x, x], T=tf.float32, epsilon=1, of_tomorrow=2)
        return unknown, other, types, lacking, further

    np.testing.assert_array_equal(run(tf.constant([1.0])), [[2], [3], [4], [5], [6]])


@pytest.mark.parametrize("batch", [2, None])
def test_only_where_plain_tensorflow_runs_too_many_maps_are_refused(batch, native_library, monkeypatch):
    """The compiled summary writes none. A stranger who runs the graph, to whom the marks say nothing, would."""
    monkeypatch.setattr("tfnxc.ops.arguments.MOST_NUMBERS", 2 * 6 * 5 * 50 - 1)
    x, kernel, bias = tf.zeros(SHAPE), tf.zeros((50, 3)), tf.zeros(3)
    maps = tf.TensorSpec((batch, *SHAPE[1:]))
    run = tf.function(
        lambda x: ops.norm_xcorr_summary(x, x, kernel, bias, implementation="native"), input_signature=[maps]
    )
    assert run(x).shape == (2, 6, 5, 3)
    function = convert_variables_to_constants_v2(run.get_concrete_function())
    graph, (out,) = function.graph.as_graph_def(), function.outputs
    for node in graph.node:
        node.attr.pop("_tfnxc_operation", None)
    strange = tf.compat.v1.wrap_function(
        lambda x: tf.graph_util.import_graph_def(graph, {function.inputs[0].name: x}, [out.name]), [maps]
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"at most 2\^31 - 1 numbers"):
        strange(x)
