"""A model file from a stranger: whatever is wrong with it is one line, before it takes time or memory."""

import io
import json
import threading
import zipfile

import h5py
import keras
import numpy as np
import pytest

from tfnxc.embedding import Embedding
from tfnxc.errors import InputError
from tfnxc.models import model_file, normxcorr, split
from tfnxc.models.model_file import load_model

HUGE = 1 << 33


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """The members of a small model's file."""
    path = tmp_path_factory.mktemp("model") / "model.keras"
    inputs = keras.Input((4,))
    keras.Model(inputs, keras.layers.Dense(3, name="dense")(inputs)).save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def write(tmp_path, parts):
    """Writes the model with other members, and gives the path."""

    def written(others=(), compression=zipfile.ZIP_STORED, names=None):
        path = tmp_path / "stranger.keras"
        members = {**parts, **dict(others)}
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name in members if names is None else names:
                archive.writestr(name, members[name])
        return path

    return written


def refused(path, message):
    with pytest.raises(InputError, match=message) as caught:
        load_model(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and "\n" not in line and len(line) < 500 + len(str(path))


def weights(fill):
    """An HDF5 file in memory."""
    file = io.BytesIO()
    with h5py.File(file, "w") as opened:
        fill(opened)
    return file.getvalue()


def dense(config, **changes):
    """The description with other values for the dense layer, or for whatever has a key."""
    if isinstance(config, dict):
        return {key: changes[key] if key in changes else dense(value, **changes) for key, value in config.items()}
    return [dense(each, **changes) for each in config] if isinstance(config, list) else config


def nested(depth, inner):
    for _ in range(depth):
        wrapper = {"layer": inner}
        inner = {"module": "keras.layers", "class_name": "TimeDistributed", "config": wrapper, "registered_name": None}
    return inner


def test_a_sound_file_is_loaded(write, parts):
    model, digest = load_model(write())
    assert model.count_params() == 15 and len(digest) == 12
    assert load_model(write({"notes.json": b"{}"}))[0].count_params() == 15


def test_what_inflates_is_refused_before_it_does(write, monkeypatch):
    monkeypatch.setattr(keras.models, "load_model", lambda *_, **__: pytest.fail("loaded"))
    bomb = weights(lambda file: file.create_dataset("a", (1 << 20,), "f4", compression="gzip"))
    refused(write({"model.weights.h5": bomb}), "has .* bytes, and its arrays would take 4194304")
    refused(write(compression=zipfile.ZIP_DEFLATED), "is compressed, which Keras does not do")
    never_written = weights(lambda file: file.create_dataset("a", (HUGE,), "f4"))
    refused(write({"model.weights.h5": never_written}), f"would take {4 * HUGE}")


def test_a_directory_that_lies_is_refused(write, monkeypatch):
    path = write()
    monkeypatch.setattr(keras.models, "load_model", lambda *_, **__: pytest.fail("loaded"))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")  # the entry of the last member
    data[at + 20 : at + 28] = b"\xff\xff\xff\x7f" * 2  # its two sizes
    path.write_bytes(data)
    refused(path, "its parts are larger than the file")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_that_are_missing_or_there_twice(write, tmp_path):
    refused(write(names=["config.json"]), "expected config.json and model.weights.h5 in it, each once")
    refused(write(names=["config.json", "config.json", "model.weights.h5"]), "each once")
    (tmp_path / "text.keras").write_text("no model")
    refused(tmp_path / "text.keras", "broken model file")
    (tmp_path / "folder.keras").mkdir()
    refused(tmp_path / "folder.keras", "cannot be read")
    (tmp_path / "model.h5").write_bytes(b"")
    refused(tmp_path / "model.h5", "expected a model as a .keras file")
    refused(tmp_path / "no.keras", "no such file")


@pytest.mark.parametrize("depth", [40, 200, 100_000])
def test_a_deep_description_is_refused(write, depth):
    deep = "[" * depth + "]" * depth if depth > 1000 else json.dumps(nested(depth, {}))
    refused(write({"config.json": deep}), "broken model file")


@pytest.mark.parametrize(
    "description",
    [
        b"",
        b"[]",
        b'"model"',
        b"{}",
        b"\xff\xfe",
        b'{"class_name": "Unknown", "module": "keras.layers", "config": {}, "registered_name": null}',
        b'{"class_name": "system", "module": "os", "config": {"command": "true"}, "registered_name": null}',
        b'{"class_name": "Bidirectional", "module": "keras.layers", "config": {"layer": 3}, "registered_name": null}',
        b'{"class_name": "Dense", "module": "keras.layers", "config": {"units": 3}, "registered_name": null}',
        b'{"class_name": "Adam", "module": "keras.optimizers", "config": {}, "registered_name": null}',
        b'{"class_name": 7, "module": [], "config": {"a": NaN}, "registered_name": {}}',
        b'{"class_name": "Functional", "module": "keras", "config": {"layers": 1e999}, "registered_name": 5}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b" " * (model_file._MOST_CONFIG + 1),
    ],
)
def test_a_description_of_something_else_is_refused(write, description):
    refused(write({"config.json": description}), "broken model file")


@pytest.mark.parametrize("units", [1 << 22, HUGE, -1, "many", None, [3], {}])
def test_more_weights_than_the_file_holds_are_refused_before_they_are_made(write, parts, units, monkeypatch):
    monkeypatch.setattr(keras.initializers.GlorotUniform, "__call__", lambda *_, **__: pytest.fail("made"))
    description = dense(json.loads(parts["config.json"]), units=units)
    refused(write({"config.json": json.dumps(description)}), "broken model file")


@pytest.mark.parametrize("shape", [[None, 9000, 9000, 3], [None, HUGE], [None, 1e300, 1e300]])
def test_an_absurd_input_is_refused(write, parts, shape):
    description = dense(json.loads(parts["config.json"]), batch_shape=shape, batch_input_shape=shape)
    refused(write({"config.json": json.dumps(description)}), "is of more than .* numbers")


def test_weights_that_lie_elsewhere_are_refused(write, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["a"] = np.zeros(3)

    def external(file):
        file["a"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "a")

    def soft(file):
        file["a"] = h5py.SoftLink("/b")

    def outside(file):
        file.create_dataset("a", (3,), "f4", external=[(str(tmp_path / "other.h5"), 0, 12)])

    def virtual(file):
        layout = h5py.VirtualLayout((3,), "f8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "a", (3,))
        file.create_virtual_dataset("a", layout)

    for fill, message in ((external, "links"), (soft, "links"), (outside, "lie in other"), (virtual, "lie in other")):
        refused(write({"model.weights.h5": weights(fill)}), message)
    refused(write({"model.weights.h5": b"\x89HDF\r\n\x1a\n" + bytes(99)}), "broken model file")
    refused(write({"model.weights.h5": weights(lambda file: file.create_group("a/b/c"))}), "broken model file")


def test_a_circle_of_groups_ends(write):
    def circle(file):
        file.create_group("a")["b"] = file["/"]
        file["a/again"] = file["a"]

    refused(write({"model.weights.h5": weights(circle)}), "broken model file")


def test_other_threads_make_models_meanwhile(write, monkeypatch):
    found = []

    def other():
        inputs = keras.Input((1024,))
        found.append(keras.Model(inputs, keras.layers.Dense(2048)(inputs)).count_params())

    def load(*args, **kwargs):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        raise ValueError("enough")

    monkeypatch.setattr(keras.models, "load_model", load)
    before = keras.layers.Layer.add_weight
    refused(write(), "enough")
    assert found == [1025 * 2048] and keras.layers.Layer.add_weight is before


def test_an_embedding_is_read_in_the_same_way(tmp_path, write, monkeypatch):
    monkeypatch.setattr("tfnxc.embedding.embedding.file_digest", lambda _: "digest")
    monkeypatch.setattr("tfnxc.embedding.embedding.EmbeddingCard.from_dict", lambda _: "card")
    write(compression=zipfile.ZIP_DEFLATED).rename(tmp_path / "embedding.keras")
    (tmp_path / "embedding.json").write_text('{"embedding_digest": "digest"}')
    with pytest.raises(InputError, match=r"broken model file .* is compressed.* Fit it anew"):
        Embedding.load(tmp_path)


def test_parts_that_do_not_fit_are_refused():
    shape = (40, 28, 3)
    tower, head = split(normxcorr(shape, search_size=(3, None), filters=(4, 5), units=8))
    images = [keras.Input(shape), keras.Input(shape)]
    flat = keras.Model(images[0], keras.layers.Flatten()(images[0]), name="tower")
    sides = [flat(each) for each in images]
    inner = [keras.Input(each.shape[1:]) for each in sides]
    sums = keras.Model(inner, keras.layers.Dense(2)(keras.layers.Add()(inner)), name="head")
    with pytest.raises(ValueError, match=r"tower must be a functional .* of one image"):
        split(keras.Model(images, sums(sides)))
    maps = [tower(each) for each in images]
    inner = [keras.Input(each.shape[1:]) for each in maps]
    one = keras.Model(inner, keras.layers.Dense(1)(keras.layers.Flatten()(keras.layers.Add()(inner))), name="head")
    with pytest.raises(ValueError, match=r"head must be a functional .* of a list of two maps"):
        split(keras.Model(images, one(maps)))
    assert head.output_shape == (None, 2)
