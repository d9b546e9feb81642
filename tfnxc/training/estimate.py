"""What a training will take, estimated before it starts: minutes by a table of measured steps, memory by shapes."""

import math
from collections.abc import Iterable
from typing import Any

import keras

from tfnxc import models, ops
from tfnxc.models.compatibility import leaf_layers
from tfnxc.recipes import Recipe

_MILLISECONDS = {
    ("ahmed", "grouped"): 3.3,
    ("normxcorr", "grouped"): 3.9,
    ("fused", "grouped"): 5.2,
    ("ahmed", "separate"): 5.6,
    ("normxcorr", "separate"): 5.9,
    ("fused", "separate"): 7.4,
}
"""Of a training step, by pair, with the compiled op on two cores (Xeon, AVX-512): docs/training.md, "How fast"."""

_PROCESS = 900e6
"""Bytes of TensorFlow, this package, and a traced model."""

_BATCHES = 9
"""Batches of pictures that are made at once, wait, or train."""

_COPIES = 4
"""How often a weight is there besides itself: gradient, two numbers of the optimizer, and as it is saved."""


def minutes_estimate(model: str, recipe: Recipe, pairs: int) -> float | None:
    """Minutes that so many pairs take on two cores with the compiled op; `None` where no such step was measured.

    Example:
        >>> minutes_estimate("normxcorr", Recipe.named(), 200_000)
        13.0
    """
    step = _MILLISECONDS.get((model, recipe.pairs))
    return None if step is None else pairs * step / 60_000


def memory_estimate(model: keras.Model, recipe: Recipe, images: int) -> int:
    """Bytes that the process will have in memory at most, by the shapes of a pair model and the recipe.

    Args:
        model: The pair model.
        recipe: The `Recipe`.
        images: How many train.

    Example:
        >>> memory_estimate(tfnxc.models.normxcorr(), Recipe.named(), images=1940) / 1e9
        1...
    """
    tower, head = models.split(model)
    height, width, channels = tower.input_shape[1:]
    picture = height * width * channels
    if recipe.pairs == "grouped":
        pictures = 2 * recipe.batch_size // recipe.identities_per_group
    else:
        pictures = 2 * recipe.batch_size
    # Forward and backward: what each layer gives, and its gradient. A batch in parts has those of one part.
    outputs = pictures * _outputs(leaf_layers(tower)) + recipe.batch_size * _outputs(leaf_layers(head))
    step = 2 * 4 * outputs / recipe.accumulate
    weights = 4 * model.count_params() * (1 + _COPIES)
    # As they are, and with the margin that they are moved within.
    return round(_PROCESS + 2.1 * images * picture + _BATCHES * pictures * picture * 4 + weights + step)


def _outputs(layers: Iterable[Any]) -> int:
    """Numbers that some layers give, of one image or pair."""
    shapes = (layer.output.shape for layer in layers if not isinstance(layer, keras.layers.InputLayer))
    return sum(math.prod(size for size in tuple(shape)[1:] if size) for shape in shapes)


def duration(minutes: float) -> str:
    """An estimated time in words.

    Example:
        >>> [duration(each) for each in (0.2, 12.4, 400, 3000)]
        ['less than a minute', 'about 12 minutes', 'about 6.7 hours', 'about 50 hours']
    """
    if minutes < 1:
        return "less than a minute"
    if minutes < 100:
        return f"about {minutes:.0f} minute{'s' * (round(minutes) != 1)}"
    hours = minutes / 60
    return f"about {hours:.1f} hours" if hours < 10 else f"about {hours:.0f} hours"


def announcement(model: keras.Model, recipe: Recipe, pairs: Any, length: Any, step: int) -> str:
    """The line that a training begins with: how many pairs, how long, how much memory.

    Args:
        model: The pair model.
        recipe: The `Recipe`.
        pairs: The pipeline.
        length: The `Length`.
        step: Steps that are done.
    """
    memory = memory_estimate(model, recipe, len(pairs.images)) / 1e9
    epoch = f"{pairs.pairs_per_epoch:,} pairs in {pairs.steps_per_epoch:,} steps"
    if length.minutes is not None:
        done = f", {length.seconds / 60:.3g} of them used" if length.seconds else ""
        return (
            f"{length.minutes:g} minutes{done}; an epoch is {epoch}; about {memory:.1f} GB of memory. "
            "The first steps tell how many there will be."
        )
    share = (length.total - step) / pairs.steps_per_epoch
    count = length.pairs_until(length.total) - length.pairs_until(step)
    minutes = minutes_estimate(model.name, recipe, count)
    epochs = f"{share:.3g} epoch{'s' * (share != 1)}"
    how_long = "" if minutes is None else f"{duration(minutes)} on two cores{_slower()}; "
    left = " to come" if step else ""
    return f"{count:,} pairs{left}: {epochs} of {epoch}; {how_long}about {memory:.1f} GB of memory."


def _slower():
    """What to add where the compiled op is not there."""
    native = ops.describe_implementation()["implementation"] == "native"
    return "" if native else " with the compiled op, twice that without"
