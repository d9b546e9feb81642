import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfnxc.callbacks import StopOnNaN

STEPS = 3  # an epoch, of 2 samples each


def batches(broken=None, value=np.nan):
    """A batch for each of nine steps, one of which may hold a bad value."""
    rng = np.random.default_rng(0)
    probe, gallery = rng.normal(size=(2, 9, 2, 4)).astype(np.float32)
    if broken is not None:
        gallery[broken, 1, 2] = value
    return {"probe": probe, "gallery": gallery}, rng.normal(size=(9, 2)).astype(np.float32)


def batch_at(data):
    """What makes the batch of a step again."""
    return lambda number, step: tf.nest.map_structure(lambda array: array[STEPS * number + step], data)


class Count(keras.callbacks.Callback):
    """Counts the steps, and may break a weight after one of them."""

    def __init__(self, breaks=None):
        super().__init__()
        self.steps, self._breaks = 0, breaks

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        if self.steps == self._breaks:
            kernel, bias = self.model.get_weights()
            self.model.set_weights([kernel, bias + np.inf])


def fit(data, guard, breaks=None, rate=0.1, eagerly=True, **options):
    """Trains a layer; gives the number of steps that were made."""
    inputs = [keras.Input((4,), name=name) for name in ("probe", "gallery")]
    model = keras.Model(inputs, keras.layers.Dense(1, name="scores")(keras.layers.Subtract()(inputs)))
    model.compile(keras.optimizers.SGD(rate), "mse", run_eagerly=eagerly)
    count = Count(breaks)
    dataset = tf.data.Dataset.from_tensor_slices(data)
    options = {"epochs": 3, "steps_per_epoch": STEPS, **options}
    model.fit(dataset, shuffle=False, verbose=0, callbacks=[count, guard], **options)
    return count.steps


def report(folder):
    def refuse(constant):
        raise AssertionError(f"no JSON: {constant}")

    return json.loads((folder / "nan.json").read_text(encoding="utf-8"), parse_constant=refuse)


@pytest.mark.parametrize(
    ("value", "loss", "broken"),
    [(np.nan, "nan", ["scores/kernel", "scores/bias"]), (1e30, "inf", ["scores/kernel"])],  # the bias gets 1e29
)
def test_the_training_stops_at_the_first_bad_loss_and_keeps_its_batch(tmp_path, value, loss, broken):
    data = batches(4, value)
    guard = StopOnNaN(tmp_path / "run", batch_at(data), every=2)
    rate = keras.optimizers.schedules.PiecewiseConstantDecay([100], [0.125, 0.0])
    assert fit(data, guard, rate=rate, eagerly=False) == 5
    assert guard.failed == (1, 1)
    found = report(tmp_path / "run")
    weights = found.pop("weights")
    assert [name.removesuffix(":0") for name in weights] == broken
    assert found == {"epoch": 1, "step": 1, "loss": loss, "learning_rate": 0.125, "weights_finite_after": [0, 2]}
    with np.load(tmp_path / "run" / "nan_batch.npz", allow_pickle=False) as kept:
        assert set(kept) == {"0/probe", "0/gallery", "1"}
        np.testing.assert_array_equal(kept["0/probe"], data[0]["probe"][4])
        np.testing.assert_array_equal(kept["0/gallery"], data[0]["gallery"][4])
        np.testing.assert_array_equal(kept["1"], data[1][4])
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"nan.json", "nan_batch.npz"}


@pytest.mark.parametrize(
    ("breaks", "every", "steps", "failed", "finite_after"),
    [
        (4, 1, 4, (1, 0), [0, 2]),  # seen at once
        (4, 3, 5, (1, 1), [0, 2]),  # seen in the loss of the next step
        (4, 100, 5, (1, 1), [0, 2]),
        (6, 100, 6, (1, 2), [0, 2]),  # seen at the end of the epoch
        (1, 100, 2, (0, 1), None),
    ],
)
def test_a_broken_weight_stops_the_training(tmp_path, breaks, every, steps, failed, finite_after):
    data = batches()
    guard = StopOnNaN(tmp_path, batch_at(data), every=every)
    assert fit(data, guard, breaks) == steps
    assert guard.failed == failed
    found = report(tmp_path)
    assert (found["epoch"], found["step"]) == failed and found["weights_finite_after"] == finite_after
    assert "scores/bias" in [name.removesuffix(":0") for name in found["weights"]]
    assert (found["loss"] in ("nan", "inf")) == (steps != breaks)
    with np.load(tmp_path / "nan_batch.npz") as kept:
        np.testing.assert_array_equal(kept["1"], data[1][steps - 1])


def test_a_good_training_leaves_nothing(tmp_path):
    data = batches()
    guard = StopOnNaN(tmp_path / "run", batch_at(data))
    assert fit(data, guard) == 9
    assert guard.failed is None and not (tmp_path / "run").exists()


def test_a_training_that_goes_on_in_an_epoch_counts_its_steps_from_the_begin_of_the_epoch(tmp_path):
    data = batches(8)
    asked = []
    guard = StopOnNaN(tmp_path, lambda *place: asked.append(place), first_step=1)
    rest = tf.nest.map_structure(lambda array: array[4:6], data)
    fit(rest, guard, initial_epoch=1, epochs=2, steps_per_epoch=2)
    assert guard.failed is None
    broken = tf.nest.map_structure(lambda array: array[7:], data)
    guard = StopOnNaN(tmp_path, lambda *place: asked.append(place), first_step=1)
    fit(broken, guard, initial_epoch=2, epochs=3, steps_per_epoch=2)
    assert guard.failed == (2, 2) and asked == [(2, 2)]
    guard = StopOnNaN(tmp_path, lambda *place: asked.append(place), first_step=1)
    fit(tf.nest.map_structure(lambda array: array[4:], data), guard, steps_per_epoch=2, epochs=2)
    assert guard.failed is None  # the third batch, and the fifth is never reached
    fit(tf.nest.map_structure(lambda array: array[6:], data), guard, steps_per_epoch=2, epochs=2)
    assert guard.failed == (1, 0)


@pytest.mark.parametrize(
    ("batch", "names"),
    [
        (np.zeros(3), {"batch"}),
        ((np.zeros(2), None, [tf.zeros(3), "street"]), {"0", "2/0", "2/1"}),
        ({"file": {"allow_pickle": np.ones(2)}}, {"file/allow_pickle"}),
    ],
)
def test_any_nested_structure_is_kept(tmp_path, batch, names):
    data = batches(0)
    fit(data, StopOnNaN(tmp_path, lambda number, step: batch))
    with np.load(tmp_path / "nan_batch.npz", allow_pickle=False) as kept:
        assert set(kept) == names
        assert all(kept[name].dtype.kind in "fU" for name in names)


def test_half_precision_is_kept_exactly(tmp_path):
    values = tf.constant([1.5, -3.0, 1e38], tf.bfloat16)
    fit(batches(0), StopOnNaN(tmp_path, lambda number, step: values))
    with np.load(tmp_path / "nan_batch.npz", allow_pickle=False) as kept:
        np.testing.assert_array_equal(kept["batch"], tf.cast(values, tf.float32).numpy())


def test_what_is_no_array_is_one_clear_error_and_the_report_is_there(tmp_path):
    with pytest.raises(ValueError, match="0/probe of the batch must be an array of numbers or texts; got object"):
        fit(batches(0), StopOnNaN(tmp_path, lambda number, step: ({"probe": object()},)))
    assert report(tmp_path)["step"] == 0


def test_logs_without_a_loss_are_one_clear_error(tmp_path):
    guard = StopOnNaN(tmp_path, lambda number, step: None)
    guard.on_epoch_begin(0)
    with pytest.raises(ValueError, match=r"watches the loss, which is not in the logs; they have \['accuracy'\]"):
        guard.on_train_batch_end(0, {"accuracy": 0.5})


@pytest.mark.parametrize("options", [{"every": 0}, {"first_step": -1}])
def test_numbers_out_of_range_are_one_clear_error(tmp_path, options):
    with pytest.raises(ValueError, match="every must be 1 or more and first_step 0 or more"):
        StopOnNaN(tmp_path, lambda number, step: None, **options)
