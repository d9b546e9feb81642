import numpy as np
import pytest
import tensorflow as tf

from tests.serving.small_export import images, operations_of, small_embedding, small_model
from tfnxc.errors import InputError
from tfnxc.models import BUILDERS, split
from tfnxc.serving import export_model, rounded_weights

pytestmark = pytest.mark.slow


def bytes_of_weights(path):
    return sum(file.stat().st_size for file in (path / "variables").glob("variables.data*"))


@pytest.mark.parametrize("name", BUILDERS)
def test_float16_is_half_as_large_and_gives_what_rounded_weights_give(name, tmp_path):
    model = small_model(name)
    embedding = small_embedding(model)
    path = export_model(model, tmp_path / "small", variant="float16", embedding=embedding)
    of_projection = 4 * embedding.model.count_params()
    assert 4 * model.count_params() > bytes_of_weights(path) - of_projection >= 2 * model.count_params()
    assert not [each for each in operations_of(path) if ">" in each or "PyFunc" in each]
    probe, gallery = images(3, 1), images(3, 2)
    asked = tf.saved_model.load(str(path)).signatures
    found = asked["match"](probe=tf.constant(probe), gallery=tf.constant(gallery))
    vectors = asked["embed_vector"](image=tf.constant(probe))["vector"]
    own = model.predict([probe, gallery], verbose=0)
    own_vectors = embedding.of_images(split(model).tower).predict(probe, verbose=0)
    model.set_weights(rounded_weights(model))
    rounded = model.predict([probe, gallery], verbose=0)
    np.testing.assert_allclose(found["probabilities"], rounded, atol=1e-6)
    assert not np.array_equal(rounded, own)
    np.testing.assert_allclose(rounded, own, atol=0.01)
    rounded_vectors = embedding.of_images(split(model).tower).predict(probe, verbose=0)
    np.testing.assert_allclose(vectors, rounded_vectors, atol=1e-5)
    assert not np.allclose(rounded_vectors, own_vectors, atol=1e-5)


def test_an_unknown_variant_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="variant must be one of float32, float16; got 'int4'"):
        export_model(small_model(), tmp_path / "served", variant="int4")
    assert not (tmp_path / "served").exists()
