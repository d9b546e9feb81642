import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.serving.sent_pictures import PIXELS, READ, REFUSED, encoded
from tests.serving.small_export import DIMENSIONS, SHAPE, graph_of, images, small_embedding, small_model
from tfnxc import models
from tfnxc.datasets import read_picture
from tfnxc.datasets.image_set import resize
from tfnxc.embedding import pooled
from tfnxc.errors import InputError
from tfnxc.scoring import embed
from tfnxc.serving import export_model, signatures

MAPS = [7, 4, 4]
NAMES = {
    "serving_default": ({"probe", "gallery"}, {"same", "probabilities"}),
    "match": ({"probe", "gallery"}, {"same", "probabilities"}),
    "match_bytes": ({"probe_bytes", "gallery_bytes"}, {"same", "probabilities"}),
    "embed": ({"image"}, {"features"}),
    "embed_bytes": ({"image_bytes"}, {"features"}),
    "embed_vector": ({"image"}, {"vector"}),
    "embed_vector_bytes": ({"image_bytes"}, {"vector"}),
    "match_features": ({"probe_features", "gallery_features"}, {"same", "probabilities"}),
    "rank": ({"probe_features", "gallery_features", "k"}, {"indices", "probabilities"}),
}
BYTES = [
    ("match_bytes", "probe_bytes"),
    ("match_bytes", "gallery_bytes"),
    ("embed_bytes", "image_bytes"),
    ("embed_vector_bytes", "image_bytes"),
]


@pytest.fixture(scope="module")
def model():
    return small_model()


@pytest.fixture(scope="module")
def embedding(model):
    return small_embedding(model)


@pytest.fixture(scope="module")
def path(model, embedding, tmp_path_factory):
    return export_model(model, tmp_path_factory.mktemp("served"), embedding=embedding)


@pytest.fixture(scope="module")
def asked(path):
    loaded = tf.saved_model.load(str(path))
    return {name: (lambda ask: lambda **inputs: as_numpy(ask, inputs))(loaded.signatures[name]) for name in NAMES}


def as_numpy(ask, inputs):
    found = ask(**{name: tf.convert_to_tensor(value) for name, value in inputs.items()})
    return {name: value.numpy() for name, value in found.items()}


def test_names_of_inputs_and_outputs(path):
    found = graph_of(path).signature_def
    assert {name: (set(found[name].inputs), set(found[name].outputs)) for name in NAMES} == NAMES
    assert set(found) - set(NAMES) <= {"__saved_model_init_op"}


def test_only_the_probe_of_rank_and_k_have_no_batch(path):
    for name, signature in graph_of(path).signature_def.items():
        for input_, tensor in signature.inputs.items():
            first = tensor.tensor_shape.dim[0].size if tensor.tensor_shape.dim else None
            expected = {("rank", "probe_features"): 1, ("rank", "k"): None}.get((name, input_), -1)
            assert first == expected, (name, input_)


def test_every_way_to_the_probability_is_that_of_the_model(model, asked):
    probe, gallery = images(5, 1), images(5, 2)
    expected = model.predict([probe, gallery], verbose=0)
    features = {"probe_features": asked["embed"](image=probe)["features"]}
    features["gallery_features"] = asked["embed"](image=gallery)["features"]
    assert list(features["probe_features"].shape) == [5, *MAPS]
    np.testing.assert_allclose(features["probe_features"], models.split(model).tower(probe), atol=1e-6)
    for found in (
        asked["serving_default"](probe=probe, gallery=gallery),
        asked["match"](probe=probe, gallery=gallery),
        asked["match_features"](**features),
    ):
        np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5)
        np.testing.assert_allclose(found["same"], expected[:, 1], atol=1e-5)


@pytest.mark.parametrize("kind", ["colour PNG", "grey PNG", "transparent PNG", "animated PNG", "CMYK JPEG"])
def test_pictures_in_bytes_give_what_their_pixels_give(kind, model, asked, tmp_path):
    (tmp_path / "picture").write_bytes(READ[kind])
    pixels = resize(read_picture(tmp_path / "picture"), SHAPE[:2])[None] / np.float32(255)
    other = encoded(PIXELS[::-1])
    (tmp_path / "other").write_bytes(other)
    reversed_ = resize(read_picture(tmp_path / "other"), SHAPE[:2])[None] / np.float32(255)
    found = asked["match_bytes"](probe_bytes=[READ[kind]], gallery_bytes=[other])
    np.testing.assert_allclose(found["probabilities"], model.predict([pixels, reversed_], verbose=0), atol=1e-5)
    features = asked["embed_bytes"](image_bytes=[READ[kind]])["features"]
    np.testing.assert_allclose(features, asked["embed"](image=pixels)["features"], atol=1e-5)


def test_vectors_are_those_of_the_embedding(model, embedding, asked):
    pictures = np.random.default_rng(6).integers(0, 256, (7, *SHAPE), np.uint8)
    found = asked["embed_vector"](image=pictures / np.float32(255))["vector"]
    assert found.dtype == np.float32 and found.shape == (7, DIMENSIONS)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    tower = models.split(model).tower
    np.testing.assert_allclose(found, embedding.vectors(embed(tower, pictures)), atol=1e-5)
    # The same by hand, in float64, of the maps that the export gives.
    maps = asked["embed"](image=pictures / np.float32(255))["features"]
    kernel, bias = map(np.float64, embedding.model.get_layer("projection").get_weights())
    projected = pooled(maps) @ kernel + bias
    np.testing.assert_allclose(found, projected / np.linalg.norm(projected, axis=1, keepdims=True), atol=1e-5)


def test_files_become_the_vectors_of_their_pixels_at_any_place_of_a_batch(asked, tmp_path):
    pixels = []
    for picture in READ.values():
        (tmp_path / "picture").write_bytes(picture)
        pixels.append(resize(read_picture(tmp_path / "picture"), SHAPE[:2]) / np.float32(255))
    expected = asked["embed_vector"](image=np.stack(pixels))["vector"]
    found = asked["embed_vector_bytes"](image_bytes=list(READ.values()))["vector"]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    one = asked["embed_vector_bytes"](image_bytes=[list(READ.values())[3]])["vector"]
    np.testing.assert_allclose(one, expected[3:4], atol=1e-5)


def test_without_an_embedding_there_are_no_vectors(model, tmp_path):
    without = graph_of(export_model(model, tmp_path)).signature_def
    assert set(NAMES) - set(without) == {"embed_vector", "embed_vector_bytes"}


def test_an_embedding_of_other_maps_is_refused_before_anything_is_written(embedding, tmp_path):
    other = models.normxcorr((48, 28, 3), filters=(3, 4), units=8)
    with pytest.raises(InputError, match=r"takes feature maps \(7, 4, 4\), and normxcorr gives \(9, 4, 4\)"):
        export_model(other, tmp_path / "served", embedding=embedding)
    assert not (tmp_path / "served").exists()


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("name, input_", BYTES)
def test_a_bad_picture_fails_and_is_named_by_its_position(name, input_, kind, asked):
    good, (bad, reason) = encoded(PIXELS), REFUSED[kind]
    batches = {each: [good, good, good] for _name, each in BYTES if _name == name}
    batches[input_] = [good, good, bad]
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"{input_}, picture 2: {reason}"):
        asked[name](**batches)


def test_an_empty_batch_gives_an_empty_answer(asked):
    nothing, no_files = images(0, 0), tf.constant([], tf.string)
    assert asked["match"](probe=nothing, gallery=nothing)["probabilities"].shape == (0, 2)
    assert asked["match_bytes"](probe_bytes=no_files, gallery_bytes=no_files)["same"].shape == (0,)
    features = asked["embed"](image=nothing)["features"]
    assert features.shape == (0, *MAPS)
    assert asked["embed_vector"](image=nothing)["vector"].shape == (0, DIMENSIONS)
    assert asked["embed_vector_bytes"](image_bytes=no_files)["vector"].shape == (0, DIMENSIONS)
    assert asked["match_features"](probe_features=features, gallery_features=features)["same"].shape == (0,)


@pytest.mark.parametrize("gallery", [1, signatures.BLOCK, 2 * signatures.BLOCK + 3])
def test_rank_gives_what_all_pairs_give(gallery, asked):
    features = asked["embed"](image=images(gallery + 1, 3))["features"]
    probe, gallery_features = features[:1], features[1:]
    pairs = {"probe_features": np.repeat(probe, gallery, axis=0), "gallery_features": gallery_features}
    scores = asked["match_features"](**pairs)["same"]
    for k in sorted({1, (gallery + 1) // 2, gallery}):
        found = asked["rank"](probe_features=probe, gallery_features=gallery_features, k=np.int32(k))
        np.testing.assert_array_equal(found["indices"], np.argsort(-scores, kind="stable")[:k])
        np.testing.assert_allclose(found["probabilities"], np.sort(scores)[::-1][:k], atol=1e-6)


def test_of_equal_probabilities_the_earlier_one_is_first(asked):
    features = asked["embed"](image=images(2, 4))["features"]
    gallery = np.concatenate([features[1:], np.repeat(features[:1], 40, axis=0), features[1:]])
    found = asked["rank"](probe_features=features[:1], gallery_features=gallery, k=np.int32(42))
    for value in np.unique(found["probabilities"]):
        assert np.all(np.diff(found["indices"][found["probabilities"] == value]) > 0)
    assert sorted(found["indices"]) == list(range(42))


def test_a_k_out_of_range_is_refused(asked):
    features = asked["embed"](image=images(3, 5))["features"]
    for k in (0, 4, -1):
        with pytest.raises(tf.errors.InvalidArgumentError, match=rf"k must be 1 to 3, .*\[{k}\]"):
            asked["rank"](probe_features=features[:1], gallery_features=features, k=np.int32(k))


@keras.saving.register_keras_serializable(package="tests")
class AtMost(keras.layers.Layer):
    """Fails on more entries at a time than given."""

    def __init__(self, most, **rest):
        super().__init__(**rest)
        self.most = most

    def call(self, inputs):
        few = tf.debugging.Assert(tf.shape(inputs)[0] <= self.most, ["too many at a time"])
        with tf.control_dependencies([few]):
            return tf.identity(inputs)


def test_however_much_is_sent_as_many_are_worked_on_at_a_time(embedding):
    """What is worked on at a time bounds the memory."""
    tower, head = models.split(small_model())
    image = keras.Input(SHAPE)
    slow_tower = keras.Model(image, tower(AtMost(2 * signatures.BLOCK)(image)))
    sides = [keras.Input(MAPS), keras.Input(MAPS)]
    slow_head = keras.Model(sides, head([AtMost(signatures.BLOCK)(each) for each in sides]))
    asked = signatures.signatures(slow_tower, slow_head, embedding.model)
    count = 5 * signatures.BLOCK + 3
    probe, gallery = images(count, 7), images(count, 8)
    features = tower(probe)
    files = [encoded(each) for each in np.uint8(255 * probe)]
    inputs = {
        "match": (probe, gallery),
        "match_bytes": (files, files),
        "embed": (probe,),
        "embed_bytes": (files,),
        "match_features": (features, features),
        "rank": (features[:1], features, tf.constant(3)),
        "embed_vector": (probe,),
        "embed_vector_bytes": (files,),
    }
    assert set(inputs) == set(asked)
    for name, given in inputs.items():
        found = tf.function(asked[name].function)(*map(tf.convert_to_tensor, given))
        assert {each.shape[0] for each in found.values()} == {3 if name == "rank" else count}


BAD = {"nan": np.nan, "infinite": np.inf, "bytes": 255.0, "negative": -0.01}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
@pytest.mark.parametrize("name", ["match", "embed", "embed_vector"])
def test_an_image_out_of_range_is_no_answer_but_an_error(name, bad, asked):
    for input_ in sorted(NAMES[name][0]):
        inputs = {each: images(21, 1) for each in NAMES[name][0]}
        inputs[input_][19, 2, 3, 1] = bad
        with pytest.raises(
            tf.errors.InvalidArgumentError, match=rf"\b{input_}, position 19: values must be in \[0, 1\]"
        ):
            asked[name](**inputs)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_map_that_is_not_finite_is_no_answer_but_an_error(bad, asked):
    features = asked["embed"](image=images(21, 1))["features"]
    broken = features.copy()
    broken[19, 2, 3, 1] = bad
    told = "position 19: values must be finite"
    for probe, gallery, blamed in (
        (broken, features, "probe_features"),
        (features, broken, "gallery_features"),
        (broken, broken, "probe_features, gallery_features"),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match=rf"b'{blamed}, {told}|\[{blamed}, {told}"):
            asked["match_features"](probe_features=probe, gallery_features=gallery)
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"gallery_features, {told}"):
        asked["rank"](probe_features=features[:1], gallery_features=broken, k=np.int32(2))
    with pytest.raises(tf.errors.InvalidArgumentError, match="probe_features, position 0: values must be finite"):
        asked["rank"](probe_features=broken[19:20], gallery_features=features, k=np.int32(2))


def test_sides_of_two_lengths_are_refused(asked):
    for name, sides in (("match", (images(9, 1), images(1, 2))), ("match_features", (np.zeros((1, *MAPS), "f4"),) * 2)):
        first, second = sorted(NAMES[name][0], reverse=True)
        inputs = {first: sides[0], second: np.concatenate([sides[1], sides[1]])}
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"{first} and {second} must be of one length"):
            asked[name](**inputs)


@pytest.mark.parametrize("shape", [(40, 29, 3), (41, 28, 3), (80, 56, 3), (20, 14, 3)])
def test_images_of_another_size_are_refused(shape, asked):
    other = np.zeros((2, *shape), np.float32)
    for name in ("match", "embed", "embed_vector"):
        for input_ in NAMES[name][0]:
            inputs = {**{each: images(2, 1) for each in NAMES[name][0]}, input_: other}
            with pytest.raises(
                tf.errors.InvalidArgumentError, match=rf"{input_} must be of the shape \(entries, 40, 28, 3\)"
            ):
                asked[name](**inputs)
