"""Taking a pair model apart into tower and head."""

import keras
import numpy as np
import pytest

from tfnxc.models import BUILDERS, split


def small(builder):
    return BUILDERS[builder](input_shape=(40, 28, 3), filters=(3, 4), units=8)


def images(rng):
    return [rng.uniform(size=(3, 40, 28, 3)).astype("float32") for _ in range(2)]


@pytest.mark.parametrize("source", ["built", "loaded"])
@pytest.mark.parametrize("builder", BUILDERS)
def test_head_of_towers_equals_the_model(builder, source, keras_seed, rng, tmp_path):
    model = small(builder)
    probe, gallery = images(rng)
    expected = model([probe, gallery]).numpy()
    if source == "loaded":
        model.save(tmp_path / "model.keras")
        model = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
        np.testing.assert_allclose(model([probe, gallery]), expected, atol=1e-7)
    tower, head = split(model)
    maps = [tower(probe), tower(gallery)]
    assert [tuple(each.shape) for each in maps] == [(3, 7, 4, 4)] * 2
    np.testing.assert_allclose(head(maps), expected, atol=1e-6)
    assert np.abs(head(maps[::-1]) - expected).max() > 1e-5  # probe and gallery are not exchanged


@pytest.mark.parametrize("part", ["tower", "head"])
def test_parts_share_the_weights_of_the_model(part, keras_seed, rng):
    model = small("normxcorr")
    parts, pair = split(model), images(rng)

    def outputs():
        return model(pair).numpy(), parts.head([parts.tower(image) for image in pair]).numpy()

    first, _ = outputs()
    changed = getattr(parts, part)
    changed.set_weights([weight * 1.5 for weight in changed.get_weights()])
    second, apart = outputs()
    assert np.abs(second - first).max() > 1e-4
    np.testing.assert_allclose(apart, second, atol=1e-6)
    model.set_weights([weight / 2 for weight in model.get_weights()])
    third, apart = outputs()
    assert np.abs(third - second).max() > 1e-4
    np.testing.assert_allclose(apart, third, atol=1e-6)


def test_a_foreign_model_is_refused(keras_seed):
    foreign = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)], name="foreign")
    with pytest.raises(ValueError, match=r"split takes a model of tfnxc.models.*got 'foreign' with the parts \[\]"):
        split(foreign)
    tower = split(small("normxcorr")).tower
    image = keras.Input((40, 28, 3))
    with pytest.raises(ValueError, match=r"got 'half' with the parts \['tower'\]"):
        split(keras.Model(image, tower(image), name="half"))
