import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.serving.small_export import graph_of, operations_of, small_embedding, small_model
from tfnxc.errors import InputError
from tfnxc.models import split
from tfnxc.serving import export_model

LOAD = """
import sys
import numpy as np, tensorflow as tf
match = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
pairs = np.load(sys.argv[2])
found = match(probe=tf.constant(pairs["probe"]), gallery=tf.constant(pairs["gallery"]))
found |= tf.saved_model.load(sys.argv[1]).signatures["embed_vector"](image=tf.constant(pairs["probe"]))
assert "tfnxc" not in sys.modules, "a stranger has none"
np.savez(sys.argv[3], **{name: value.numpy() for name, value in found.items()})
"""


@pytest.fixture(scope="module", params=["normxcorr", "ahmed", "fused"])
def model(request):
    return small_model(request.param)


def test_a_process_without_tfnxc_loads_it_and_gets_the_same_numbers(model, tmp_path, rng):
    embedding = small_embedding(model)
    path = export_model(model, tmp_path / "served", embedding=embedding)
    assert path == tmp_path / "served" / "1"
    pairs = {name: rng.random((3, 40, 28, 3)).astype("float32") for name in ("probe", "gallery")}
    np.savez(tmp_path / "pairs.npz", **pairs)
    arguments = [str(path), str(tmp_path / "pairs.npz"), str(tmp_path / "found.npz")]
    subprocess.run([sys.executable, "-c", LOAD, *arguments], check=True, cwd=tmp_path)
    found = np.load(tmp_path / "found.npz")
    expected = model.predict([pairs["probe"], pairs["gallery"]], verbose=0)
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5)
    np.testing.assert_allclose(found["same"], expected[:, 1], atol=1e-5)
    vectors = embedding.of_images(split(model).tower).predict(pairs["probe"], verbose=0)
    np.testing.assert_allclose(found["vector"], vectors, atol=1e-5)


EXPORTERS = {
    "tfnxc": lambda model, path: export_model(model, path.parent, int(path.name), embedding=small_embedding(model)),
    "Keras": lambda model, path: model.export(str(path)),
    "TensorFlow": lambda model, path: tf.saved_model.save(model, str(path)),
}


@pytest.mark.slow
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


@pytest.mark.slow
def test_it_holds_no_gradient(model, implementation, tmp_path):
    """TensorFlow never lets go of the gradients that it loads, and warns of those that it does not find."""
    graph = graph_of(export_model(model, tmp_path, embedding=small_embedding(model))).graph_def
    functions = graph.library.function
    nodes = [*graph.node, *(node for function in functions for node in function.node_def)]
    assert len(nodes) > 500
    assert not [node.name for node in nodes if "_gradient_op_type" in node.attr]
    assert not [function.signature.name for function in functions if "grad" in function.signature.name]
    x = tf.Variable(np.ones((1, *model.input_shape[0][1:]), np.float32))
    with tf.GradientTape() as tape:  # the model's own gradient is as it was
        output = model([x, x])
    assert tape.gradient(output, x) is not None


def test_versions_count_up_and_are_never_overwritten(tmp_path):
    model = small_model()
    assert export_model(model, tmp_path, version=4).name == "4"
    assert export_model(model, tmp_path).name == "5"
    with pytest.raises(InputError, match=r"4 exists already\. Choose another version"):
        export_model(model, tmp_path, version=4)
    for wrong in (0, True, 1.5):
        with pytest.raises(InputError, match=f"positive whole number; got {wrong}"):
            export_model(model, tmp_path, version=wrong)
    assert export_model(model, tmp_path, version=np.int64(7)).name == "7"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["4", "5", "7"]


def test_a_folder_that_tensorflow_cannot_write_is_one_clear_error(model, tmp_path):
    with pytest.raises(InputError, match="not UTF-8, and TensorFlow writes there only"):
        export_model(model, tmp_path / os.fsdecode(b"caf\xe9"))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_error_that_names_the_version(tmp_path, monkeypatch):
    def full(*_):
        raise tf.errors.ResourceExhaustedError(None, None, f"{tmp_path}/.x/variables; No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", full)
    with pytest.raises(OSError, match="cannot be written: No space left on device") as caught:
        export_model(small_model(), tmp_path / "served")
    assert caught.value.filename == str(tmp_path / "served" / "1") and not any((tmp_path / "served").iterdir())
