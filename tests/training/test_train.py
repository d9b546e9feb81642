import keras
import numpy as np
import pytest

from tfnxc.datasets import Split
from tfnxc.errors import InputError
from tfnxc.training import Recipe, Run, train

IDENTITIES = np.repeat(np.arange(4), 2)
RECIPE = Recipe("adam", 0.001, "cosine", l2=0.0, batch_size=6, passes=2)
SPLIT = Split("mine", "by hand", (0, 1, 2, 3), (4,))


@pytest.fixture
def images(rng):
    colours = rng.integers(0, 255, (4, 1, 1, 1, 3))
    noise = rng.integers(-20, 20, (4, 2, 40, 28, 3))
    return np.clip(colours + noise, 0, 255).astype(np.uint8).reshape(8, 40, 28, 3)


def run_in(folder):
    return Run.start(folder, {"passes": RECIPE.passes}, SPLIT)


class StopInSecondPass(keras.callbacks.Callback):
    """Cuts the training off in the middle of the second pass."""

    def on_train_batch_end(self, batch, logs=None):
        if self.passes == 2 and batch == 1:
            raise KeyboardInterrupt

    passes = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.passes += 1


@pytest.mark.parametrize("architecture", ["normxcorr", "ahmed", "fused"])
def test_training_keeps_both_models_and_the_history(tmp_path, images, architecture):
    run = run_in(tmp_path / "run")
    model = train(run, architecture, images, IDENTITIES, RECIPE, verbose=0)
    initial, trained = run.load_model("initial")[0], run.load_model()[0]
    pair = [images[:2] / 255.0, images[2:4] / 255.0]
    np.testing.assert_allclose(trained.predict(pair, verbose=0), model.predict(pair, verbose=0), atol=1e-6)
    assert np.abs(initial.predict(pair, verbose=0) - trained.predict(pair, verbose=0)).max() > 1e-4
    assert len((tmp_path / "run" / "history.csv").read_text().split()) == 1 + RECIPE.passes
    assert {path.name for path in run.folder.iterdir()} == {
        "run.json",
        "initial.keras",
        "model.keras",
        "progress.json",
        "history.csv",
    }


# A training that is cut off closes nothing: Keras' CSVLogger leaves its file to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupted_training_ends_with_the_same_weights(tmp_path, images):
    whole = train(run_in(tmp_path / "whole"), "normxcorr", images, IDENTITIES, RECIPE, verbose=0)
    with pytest.raises(KeyboardInterrupt):
        stop = [StopInSecondPass()]
        train(run_in(tmp_path / "cut"), "normxcorr", images, IDENTITIES, RECIPE, callbacks=stop, verbose=0)
    resumed = train(run_in(tmp_path / "cut"), "normxcorr", images, IDENTITIES, RECIPE, verbose=0)
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert len((tmp_path / "cut" / "history.csv").read_text().split()) == 1 + RECIPE.passes
    # A finished run is not trained further.
    again = train(run_in(tmp_path / "cut"), "normxcorr", images, IDENTITIES, RECIPE, verbose=0)
    np.testing.assert_array_equal(again.get_weights()[0], resumed.get_weights()[0])


def test_a_loss_of_nan_stops_with_a_clear_error_and_keeps_no_broken_model(tmp_path, images):
    recipe = Recipe("sgd", 1e30, "constant", batch_size=6, passes=3)
    run = Run.start(tmp_path / "run", {}, SPLIT)
    with pytest.raises(InputError, match=r"became NaN or infinite in pass \d.*smaller learning rate"):
        train(run, "normxcorr", images, IDENTITIES, recipe, verbose=0)
    assert not run.model_path().exists() and run.passes_done == 0


class BreakWeights(keras.callbacks.Callback):
    """What an update that overflows does, after the loss of its step was computed."""

    def on_train_batch_end(self, batch, logs=None):
        self.model.set_weights([np.full_like(weight, np.nan) for weight in self.model.get_weights()])


def test_weights_of_nan_after_the_last_step_of_a_pass_are_not_kept(tmp_path, images):
    recipe = Recipe("adam", 0.001, batch_size=12, passes=1)
    run = Run.start(tmp_path / "run", {}, SPLIT)
    with pytest.raises(InputError, match="became NaN or infinite in pass 1"):
        train(run, "normxcorr", images, IDENTITIES, recipe, callbacks=[BreakWeights()], verbose=0)
    assert not run.model_path().exists()


def test_another_architecture_never_goes_on_with_a_model(tmp_path, images):
    run = run_in(tmp_path / "run")
    train(run, "normxcorr", images, IDENTITIES, RECIPE, verbose=0)
    with pytest.raises(InputError, match="is a model normxcorr; asked for was ahmed"):
        train(run, "ahmed", images, IDENTITIES, RECIPE, verbose=0)
