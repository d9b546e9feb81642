import dataclasses
import functools
import unittest.mock

import keras
import numpy as np
import pytest

from tests.training.small_training import CAMERAS, GROUPED, IDENTITIES, At, make_images, small_training, tiny
from tfnxc import models
from tfnxc.errors import InputError
from tfnxc.optimizers import KernelMuon
from tfnxc.recipes import make_loss, make_pipeline
from tfnxc.scoring.pair_scorer import PairScorer
from tfnxc.training import Run
from tfnxc.training._fitting import precision
from tfnxc.training.checkpoint import load_latest
from tfnxc.training.gradient_accumulation import accumulating

pytestmark = pytest.mark.slow

SMALL = functools.partial(models.normxcorr, filters=(3, 4), units=8)
RECIPE = dataclasses.replace(GROUPED, learning_rate=0.01)  # a step an epoch


def trained(folder, name, recipe=RECIPE, **options):
    with unittest.mock.patch.dict(models.BUILDERS, normxcorr=SMALL):
        recipe = dataclasses.replace(recipe, precision=name)
        return small_training(folder, recipe, "normxcorr", **options)


def interrupt():
    raise KeyboardInterrupt


@pytest.fixture(scope="module")
def in_float32(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("float32") / "run", "float32")


@pytest.mark.parametrize("name", ["mixed_bfloat16", "mixed_float16"])
def test_a_mixed_training_resumes_exactly_and_its_model_ranks(name, tmp_path, in_float32):
    before = keras.mixed_precision.global_policy()
    model = trained(tmp_path / "whole", name)
    assert keras.mixed_precision.global_policy() == before
    tower, head = models.split(model)
    assert {layer.compute_dtype for layer in tower.layers[1:]} == {name.removeprefix("mixed_")}
    assert [head.get_layer(layer).compute_dtype for layer in ("logits", "probabilities")] == ["float32"] * 2
    for one, other in zip(model.get_weights(), in_float32.get_weights(), strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other, atol=0.01)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "cut", name, callbacks=[At(1, 0, interrupt)])
    resumed = trained(tmp_path / "cut", name)
    for one, other in zip(model.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    loaded = Run.open(tmp_path / "cut").load_model()
    scores, others = (PairScorer(each, make_images(), 4).score([[0, 1], [0, 2], [5, 3]]) for each in (model, loaded))
    np.testing.assert_array_equal(scores, others)
    np.testing.assert_allclose(
        scores, PairScorer(in_float32, make_images(), 4).score([[0, 1], [0, 2], [5, 3]]), atol=0.02
    )


def scale_and_steps(optimizer):
    """The scale of the loss, and for how many steps it held; the Keras lines call them otherwise."""
    if hasattr(optimizer, "dynamic_scale"):
        return float(optimizer.dynamic_scale.numpy()), int(optimizer.step_counter.numpy())
    return float(optimizer.loss_scale), int(optimizer.dynamic_counter)


@pytest.mark.parametrize("optimizer", ["sgd", "kernel-muon"])
def test_the_scale_of_the_loss_is_kept_with_the_model(tmp_path, optimizer):
    model = trained(tmp_path, "mixed_float16", recipe=dataclasses.replace(RECIPE, optimizer=optimizer))
    assert scale_and_steps(model.optimizer) == (2.0**15, 3)
    assert scale_and_steps(load_latest(Run.open(tmp_path))[0].optimizer) == (2.0**15, 3)


@pytest.mark.parametrize("kind", [keras.optimizers.SGD, KernelMuon])
def test_a_step_that_overflows_moves_nothing_and_counts(kind):
    with precision("mixed_float16"):
        model = SMALL((40, 28, 3))
        fitted = accumulating(models.in_batch(model), RECIPE.batch_size)
    optimizer = keras.mixed_precision.LossScaleOptimizer(kind(0.1), initial_scale=2.0**100)
    fitted.compile(optimizer, make_loss(RECIPE), metrics=["accuracy"], jit_compile=False)
    before = model.get_weights()
    fitted.fit(make_pipeline(RECIPE, make_images(), IDENTITIES, CAMERAS).one_epoch(0), verbose=0, shuffle=False)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert int(optimizer.iterations) == 1 and scale_and_steps(optimizer) == (2.0**99, 0)


def test_the_policy_is_put_back_after_an_error():
    before = keras.mixed_precision.global_policy()
    with pytest.raises(InputError), precision("mixed_bfloat16"):
        raise InputError("it broke")
    assert keras.mixed_precision.global_policy() == before
    assert tiny((40, 28, 3), 0.0, None, None).layers[-1].compute_dtype == "float32"
