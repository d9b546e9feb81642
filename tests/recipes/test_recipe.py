import dataclasses
import json
import math
import subprocess
import sys

import keras
import numpy as np
import pytest

from tfnxc import models
from tfnxc.errors import InputError
from tfnxc.optimizers import KernelMuon
from tfnxc.recipes import Recipe, make_optimizer

PRECISIONS = "float32", "mixed_bfloat16", "mixed_float16"


def rate(optimizer, step):
    """The scheduled rate at a step; both Keras lines keep the schedule under this name."""
    return float(optimizer._learning_rate(step))


def test_a_recipe_says_which_named_one_it_is():
    assert Recipe.named() == Recipe.named("grouped")
    assert [Recipe.named(name, epochs=3).title for name in ("grouped", "published")] == ["grouped", "published"]
    assert Recipe.named("grouped", warmup=5, light=0.5).title == "grouped with warmup 5, light 0.5"


def test_a_recipe_after_another_training_has_the_rate_that_was_measured():
    assert Recipe.named().after_another() == Recipe.named(learning_rate=0.002)
    assert Recipe.named(learning_rate=0.001).after_another() == Recipe.named(learning_rate=0.001)
    assert Recipe().after_another() == Recipe()


def test_fields_that_are_left_out_are_those_of_the_published_recipe():
    recipe = Recipe()
    optimizer = make_optimizer(recipe, steps=100)
    assert isinstance(optimizer, keras.optimizers.SGD) and optimizer.momentum == 0.9 and not optimizer.nesterov
    assert (recipe.batch_size, recipe.epochs, recipe.l2) == (128, 20, 5e-4)
    assert (recipe.positives, recipe.negatives) == ("any", "uniform")
    for step in (0, 10_000):
        np.testing.assert_allclose(rate(optimizer, step), 0.005 / (1 + 1e-4 * step), rtol=1e-6)


def test_schedules():
    cosine = make_optimizer(Recipe(schedule="cosine", learning_rate=0.1), steps=100)
    np.testing.assert_allclose([rate(cosine, step) for step in (0, 50, 100)], [0.1, 0.05, 0], atol=1e-7)
    constant = make_optimizer(Recipe(schedule="constant", optimizer="Adam", learning_rate=0.25), steps=100)
    assert isinstance(constant, keras.optimizers.Adam)
    assert float(np.asarray(constant.learning_rate)) == 0.25


def test_of_few_images_groups_make_more_epochs():
    grouped = Recipe.named("grouped")
    assert [grouped.for_images(count).epochs for count in (1940, 1429, 1428, 500)] == [70, 70, 71, 200]
    assert grouped.for_images(500).epochs * 500 * 9 / 6 == 150_000
    assert Recipe.named("grouped", identities_per_group=4, batch_size=144).for_images(500).epochs == 150
    assert Recipe().for_images(10) == Recipe()


def test_a_cosine_may_begin_with_a_rise():
    warm = make_optimizer(Recipe(schedule="cosine", learning_rate=0.1, warmup=20), steps=100)
    np.testing.assert_allclose([rate(warm, step) for step in (0, 10, 20, 60, 100)], [0, 0.05, 0.1, 0.05, 0], atol=1e-7)


@pytest.mark.parametrize(("name", "kind"), [("kernel-muon", KernelMuon), ("sgd", keras.optimizers.SGD)])
def test_in_half_precision_every_optimizer_scales_the_loss(name, kind):
    made = {each: make_optimizer(Recipe(optimizer=name, precision=each), 1) for each in PRECISIONS}
    assert {each: type(optimizer) for each, optimizer in made.items()} == {
        "float32": kind,
        "mixed_bfloat16": kind,
        "mixed_float16": type(keras.mixed_precision.LossScaleOptimizer(keras.optimizers.SGD())),
    }
    assert type(made["mixed_float16"].inner_optimizer) is kind


def test_an_unknown_optimizer_is_one_clear_error():
    with pytest.raises(
        InputError, match=r"optimizer must be kernel-muon or the name of a Keras optimizer, .*; got 'magic'"
    ):
        make_optimizer(Recipe(optimizer="magic"), 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": "linear"}, "schedule must be one of published, constant, cosine; got 'linear'"),
        ({"warmup": 5}, "warmup is 0, or a number of steps of the schedule cosine; got 5"),
        ({"ranking": 1.0, "accumulate": 2}, "accumulate, ranking belong to grouped pairs; got separate ones"),
        ({"pairs": "grouped"}, "makes 9 pairs: batch_size must be a multiple of that; got 128"),
        ({"pairs": "grouped", "batch_size": 18, "accumulate": 4}, "accumulate must divide the 2 groups of a batch"),
        ({"pairs": "grouped", "batch_size": 9, "smoothing": 0.5}, "smoothing must be 0 or more and below 0.5; got 0.5"),
        ({"positives": "all"}, "positives must be one of any, cross-camera; got 'all'"),
        ({"negatives": "easy"}, "negatives must be one of uniform, hard; got 'easy'"),
        ({"hard_share": 0}, "hard_share must be above 0 and at most 1; got 0"),
        ({"pool": 0}, "pool must be 1 or more; got 0"),
        ({"learning_rate": math.nan}, "learning_rate must be a finite number; got nan"),
        ({"light": math.inf}, "light must be a finite number; got inf"),
        ({"light": "much"}, "light must be a finite number; got 'much'"),
        ({"batch_size": 1.5}, "batch_size must be a whole number; got 1.5"),
        ({"epochs": None}, "epochs must be a whole number; got None"),
    ],
)
def test_pairs_that_cannot_be_chosen_are_one_clear_error(options, message):
    with pytest.raises(InputError, match=message):
        Recipe(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pairs": "grouped", "identities_per_group": 1}, "identities_per_group must be 2 or more; got 1"),
        ({"warmup": -1}, "warmup must be 0 or more; got -1"),
        ({"erase": 1.5}, "erase must be 0 or more and at most 1; got 1.5"),
        ({"epochs": 0}, "epochs must be 1 or more; got 0"),
    ],
)
def test_numbers_out_of_their_range_are_one_clear_error(options, message):
    with pytest.raises(InputError, match=message):
        Recipe(**options)


def test_numpy_numbers_become_those_that_a_file_holds():
    given = Recipe.named("grouped", batch_size=np.int64(72), warmup=np.int32(3), learning_rate=np.float32(0.5))
    assert given == Recipe.named("grouped", batch_size=72, warmup=3, learning_rate=0.5)
    assert json.loads(json.dumps(dataclasses.asdict(given)))["batch_size"] == 72


def test_the_recipe_knows_what_the_models_know():
    choices = {field.name: field.metadata["choices"] for field in dataclasses.fields(Recipe)}
    assert choices["scaling"] == tuple(models.SCALINGS) and choices["initializer"] == models.INITIALIZERS


def test_every_field_is_described():
    for field in dataclasses.fields(Recipe):
        assert f"{field.name}: {field.metadata['help']} Defaults to `{field.default!r}`." in Recipe.__doc__


def test_a_recipe_needs_no_tensorflow():
    code = "import sys; from tfnxc.recipes.recipe import Recipe; Recipe.named('grouped').for_images(9); "
    code += "assert not {'tensorflow', 'keras'} & set(sys.modules), 'slow'"
    subprocess.run([sys.executable, "-c", code], check=True)
