"""What a training says that it will take."""

import types

import pytest

from tfnxc import models
from tfnxc.recipes import Recipe
from tfnxc.training import estimate
from tfnxc.training.estimate import announcement, memory_estimate, minutes_estimate
from tfnxc.training.length import Length

PAIRS = types.SimpleNamespace(steps_per_epoch=21, pairs_per_epoch=3024, batch_size=144, images=range(1940))


@pytest.fixture(scope="module")
def model():
    return models.normxcorr()


def test_a_training_says_pairs_minutes_and_memory(model, monkeypatch):
    monkeypatch.setattr(estimate.ops, "describe_implementation", lambda: {"implementation": "native"})
    recipe = Recipe.named()
    said = announcement(model, recipe, PAIRS, Length(recipe, PAIRS), 0)
    memory = f"about {memory_estimate(model, recipe, 1940) / 1e9:.1f} GB of memory."
    assert said == f"211,680 pairs: 70 epochs of 3,024 pairs in 21 steps; about 14 minutes on two cores; {memory}"
    said = announcement(model, recipe, PAIRS, Length(recipe, PAIRS), 700)
    assert said.startswith(
        "110,880 pairs to come: 36.7 epochs of 3,024 pairs in 21 steps; about 7 minutes on two cores;"
    )
    said = announcement(model, recipe, PAIRS, Length(recipe, PAIRS, 20.0), 0)
    assert said.startswith("20 minutes; an epoch is 3,024 pairs in 21 steps; about 1.")
    monkeypatch.setattr(estimate.ops, "describe_implementation", lambda: {"implementation": "python"})
    said = announcement(model, recipe, PAIRS, Length(recipe, PAIRS), 0)
    assert "about 14 minutes on two cores with the compiled op, twice that without;" in said


def test_of_a_model_that_nobody_measured_no_minutes_are_said():
    assert minutes_estimate("mine", Recipe.named(), 1000) is None
    assert minutes_estimate("normxcorr", Recipe(), 60_000) == pytest.approx(5.9)


def test_memory_follows_the_recipe(model):
    grouped = Recipe.named()
    least = memory_estimate(model, grouped, 100)
    assert memory_estimate(model, grouped, 1100) - least == round(2.1 * 1000 * 160 * 60 * 3)
    assert memory_estimate(model, Recipe.named(accumulate=4), 100) < least
    assert memory_estimate(model, Recipe.named(batch_size=288), 100) > least
