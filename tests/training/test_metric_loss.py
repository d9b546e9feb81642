"""A metric loss on the towers beside that of the pairs: what is added, what it changes, that a training resumes."""

import dataclasses
import functools
import sys
import unittest.mock

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.small_training import CAMERAS, GROUPED, IDENTITIES, At, make_images, small_training
from tfnxc import models
from tfnxc.embedding import pooled
from tfnxc.errors import InputError
from tfnxc.losses import GroupLoss, GroupRankingLoss
from tfnxc.recipes import Recipe, make_pipeline
from tfnxc.training.metric_loss import with_metric_loss

SMALL = functools.partial(models.normxcorr, input_shape=(40, 28, 3), filters=(3, 4), units=8)


def one_batch():
    groups = make_pipeline(GROUPED, make_images(), IDENTITIES, CAMERAS)
    return next(iter(groups.one_epoch(0)))


def test_it_adds_the_ranking_by_what_is_pooled(keras_seed):
    model = SMALL(l2=0)
    plain = models.in_batch(model)
    fitted = with_metric_loss(plain, 2, weight=0.5)
    assert fitted.count_params() == model.count_params() and fitted.name == plain.name
    inputs, same = one_batch()
    for side in ("probe", "gallery"):  # the images of a group stand together
        np.testing.assert_array_equal(inputs[side] // 4, np.repeat([0, 1], 4))
    np.testing.assert_array_equal(fitted(inputs), plain(inputs))
    layer = GroupRankingLoss(2, weight=0.5)
    numbers = pooled(models.split(model).tower(inputs["images"]))
    layer([tf.zeros([len(same), 2]), numbers, inputs["probe"], inputs["gallery"]])
    np.testing.assert_allclose(fitted.losses[-1], layer.losses[0], rtol=1e-5)
    for each in (plain, fitted):
        each.compile("sgd", GroupLoss(2))
    data = tf.data.Dataset.from_tensors((inputs, same))
    without, found = (each.evaluate(data, verbose=0) for each in (plain, fitted))
    np.testing.assert_allclose(found - without, layer.losses[0], rtol=1e-4)


def test_a_training_with_it_is_another_and_resumes_exactly(tmp_path):
    recipe = dataclasses.replace(GROUPED, metric_loss=100.0)  # these colours are told apart as it is

    def interrupt():
        raise KeyboardInterrupt

    with unittest.mock.patch.dict(
        models.BUILDERS, normxcorr=functools.partial(models.normxcorr, filters=(3, 4), units=8)
    ):
        plain = small_training(tmp_path / "plain", GROUPED, "normxcorr")
        whole = small_training(tmp_path / "whole", recipe, "normxcorr")
        with pytest.raises(KeyboardInterrupt):
            small_training(tmp_path / "cut", recipe, "normxcorr", callbacks=[At(1, 0, interrupt)])
        resumed = small_training(tmp_path / "cut", recipe, "normxcorr")
    assert any(np.abs(a - b).max() > 1e-5 for a, b in zip(whole.get_weights(), plain.get_weights(), strict=True))
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_in_half_precision(tmp_path, precision):
    recipe = dataclasses.replace(GROUPED, metric_loss=100.0, precision=precision)
    with unittest.mock.patch.dict(models.BUILDERS, normxcorr=functools.partial(SMALL.func, filters=(3, 4), units=8)):
        half = small_training(tmp_path / "half", recipe, "normxcorr")
        whole = small_training(tmp_path / "whole", dataclasses.replace(recipe, precision="float32"), "normxcorr")
    for one, other in zip(half.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=0.01)


def test_a_step_in_parts_is_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="metric_loss is of batches that are computed at once: accumulate=1; got 2"):
        dataclasses.replace(GROUPED, metric_loss=1.0, accumulate=2)
    recipe = dataclasses.replace(GROUPED, metric_loss=1.0)
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")  # in the place of one of several devices
    monkeypatch.setattr(sys.modules["tfnxc.training.train"], "training_strategy", lambda _: strategy)
    with pytest.raises(InputError, match="metric_loss is of trainings on one device"):
        small_training(tmp_path / "run", recipe)
    assert not (tmp_path / "run").exists()


def test_it_is_of_groups():
    with pytest.raises(InputError, match="metric_loss belong to grouped pairs"):
        Recipe(metric_loss=1.0)
    assert keras.saving.get_registered_object("tfnxc>GroupRankingLoss") is GroupRankingLoss
