import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from tfnxc import models
from tfnxc.errors import InputError
from tfnxc.serving import export_model

LOAD = """
import sys
import numpy as np, tensorflow as tf
match = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
pairs = np.load(sys.argv[2])
found = match(probe=tf.constant(pairs["probe"]), gallery=tf.constant(pairs["gallery"]))
assert "tfnxc" not in sys.modules, "a stranger has none"
np.savez(sys.argv[3], **{name: value.numpy() for name, value in found.items()})
"""


@pytest.fixture(scope="module", params=["normxcorr", "ahmed", "fused"])
def model(request):
    keras.utils.set_random_seed(0)
    return models.BUILDERS[request.param]((40, 28, 3), filters=(3, 4), units=8)


def test_a_process_without_tfnxc_loads_it_and_gets_the_same_numbers(model, tmp_path, rng):
    path = export_model(model, tmp_path / "served")
    assert path == tmp_path / "served" / "1"
    pairs = {name: rng.random((3, 40, 28, 3)).astype("float32") for name in ("probe", "gallery")}
    np.savez(tmp_path / "pairs.npz", **pairs)
    arguments = [str(path), str(tmp_path / "pairs.npz"), str(tmp_path / "found.npz")]
    subprocess.run([sys.executable, "-c", LOAD, *arguments], check=True, cwd=tmp_path)
    found = np.load(tmp_path / "found.npz")
    expected = model.predict([pairs["probe"], pairs["gallery"]], verbose=0)
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5)
    np.testing.assert_allclose(found["same"], expected[:, 1], atol=1e-5)


def operations_of(path):
    """Names of all operations in a SavedModel."""
    saved = SavedModel.FromString((path / "saved_model.pb").read_bytes()).meta_graphs[0].graph_def
    used = {node.op for node in saved.node}
    return used | {node.op for function in saved.library.function for node in function.node_def}


EXPORTERS = {
    "tfnxc": lambda model, path: export_model(model, path.parent, int(path.name)),
    "Keras": lambda model, path: model.export(str(path)),
    "TensorFlow": lambda model, path: tf.saved_model.save(model, str(path)),
}


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_every_operation_is_a_stock_one(model, exporter, implementation, tmp_path, rng):
    """With the compiled op loaded and already used by the model, too."""
    pair = [rng.random((1, 40, 28, 3)).astype("float32") for _ in range(2)]
    model(pair)
    model.predict(pair, verbose=0)
    EXPORTERS[exporter](model, tmp_path / "3")
    used = operations_of(tmp_path / "3")
    assert "Conv2D" in used
    assert not [name for name in used if ">" in name or "PyFunc" in name], used


def test_versions_count_up_and_are_never_overwritten(model, tmp_path):
    assert export_model(model, tmp_path, version=4).name == "4"
    assert export_model(model, tmp_path).name == "5"
    with pytest.raises(InputError, match=r"4 exists already\. Choose another version"):
        export_model(model, tmp_path, version=4)
    with pytest.raises(InputError, match="positive whole number; got 0"):
        export_model(model, tmp_path, version=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["4", "5"]
