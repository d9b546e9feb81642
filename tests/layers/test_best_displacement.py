"""`BestDisplacement` as a Keras layer."""

import keras
import numpy as np
import pytest

from tfnxc.layers import BestDisplacement, NormXcorr
from tfnxc.ops import best_displacement

ARGUMENTS = {"dilation": (2, 3), "origin": ("centre", "first"), "method": "soft", "temperature": 0.1, "subpixel": False}


@pytest.mark.parametrize("arguments", [{}, ARGUMENTS], ids=["defaults", "other arguments"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_it_computes_what_the_operation_does_and_is_saved(arguments, data_format, tmp_path, rng):
    scores = rng.normal(size=(2, 3, 4, 5, 7)).astype("float32")
    expected = best_displacement(scores, **arguments).numpy()
    first = data_format == "channels_first"
    given = scores.transpose(0, 3, 4, 1, 2) if first else scores
    layer = BestDisplacement(**arguments, data_format=data_format)
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
    shape = (None, 2, 3, 4) if first else (None, 3, 4, 2)
    assert layer.compute_output_shape((None, *given.shape[1:])) == shape
    image = keras.Input(given.shape[1:])
    model = keras.Model(image, layer(image))
    assert tuple(model.output.shape) == shape
    found = model.predict(given, verbose=0)
    np.testing.assert_allclose(found, expected.transpose(0, 3, 1, 2) if first else expected, atol=2e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded(given), model(given))
    half = BestDisplacement(**arguments, data_format=data_format, dtype="mixed_bfloat16")(given)
    assert half.dtype == "bfloat16"


def test_a_displacement_is_learned_through_it(rng):
    """The soft displacement is a loss for the maps before it."""
    images = [keras.Input((None, None, 1)), keras.Input((None, None, 1))]
    tower = keras.layers.Conv2D(4, 3, padding="same")
    cost = NormXcorr(3, 7, reduction="mean", output_axes=5)(*map(tower, images))
    model = keras.Model(images, BestDisplacement(method="soft", temperature=0.1)(cost))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    x = rng.normal(size=(2, 14, 15, 1)).astype("float32")
    pair = [x, np.roll(x, (1, -2), axis=(1, 2))]
    wanted = np.broadcast_to(np.float32((1, -2)), (2, 14, 15, 2))
    losses = model.fit(pair, wanted, epochs=12, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]


def test_wrong_arguments_and_inputs_are_refused():
    with pytest.raises(ValueError, match="method must be one of"):
        BestDisplacement(method="argmax")
    for call in (lambda shape: BestDisplacement()(keras.Input(shape[1:])), BestDisplacement().compute_output_shape):
        for shape in ((None, 3, 4, 5), (None, 3, 4, None, 5)):
            with pytest.raises(ValueError, match="takes scores of shape"):
                call(shape)
