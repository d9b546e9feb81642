"""What a recipe says as Keras objects: its optimizer, its loss, the options of its model, its batches."""

from typing import Any

import keras
import numpy as np

from tfnxc import losses, optimizers
from tfnxc.datasets import GroupPipeline, PairPipeline
from tfnxc.errors import InputError
from tfnxc.recipes.recipe import Recipe


def make_optimizer(recipe: Recipe, steps: int | None) -> keras.optimizers.Optimizer:
    """The optimizer of a recipe.

    Args:
        recipe: The `Recipe`.
        steps: Steps of the whole training, over which a cosine falls to 0; `None` for a rate that somebody else sets.

    Returns:
        A Keras optimizer; with `precision="mixed_float16"` one that scales the loss.

    Raises:
        InputError: If the optimizer is not known.

    Example:
        >>> make_optimizer(Recipe(), steps=100).momentum
        0.9
    """
    rate: Any = recipe.learning_rate
    schedules = keras.optimizers.schedules
    if recipe.schedule == "published":
        rate = schedules.InverseTimeDecay(rate, decay_steps=1, decay_rate=1e-4)
    elif steps is not None and recipe.warmup:
        falling = max(1, steps - recipe.warmup)
        rate = schedules.CosineDecay(0.0, falling, warmup_target=rate, warmup_steps=recipe.warmup)
    elif steps is not None and recipe.schedule == "cosine":
        rate = schedules.CosineDecay(rate, steps)
    name = recipe.optimizer.lower()
    kind = _optimizer_class(name)
    made = kind(rate, momentum=0.9) if name == "sgd" else kind(rate)
    return keras.mixed_precision.LossScaleOptimizer(made) if recipe.precision == "mixed_float16" else made


def _optimizer_class(name):
    if name == "kernel-muon":
        return optimizers.KernelMuon
    try:
        return type(keras.optimizers.get(name))
    except (ValueError, TypeError, KeyError):
        raise InputError(
            f"optimizer must be kernel-muon or the name of a Keras optimizer, such as sgd or adam; got {name!r}."
        ) from None


def make_loss(recipe: Recipe) -> keras.losses.Loss:
    """The loss of a recipe's batches: the negative log-likelihood of the two classes, or with groups `GroupLoss`.

    Example:
        >>> make_loss(Recipe.named("grouped")).ranking
        1.0

    References:
        SPEC section 4.
    """
    if recipe.pairs == "grouped":
        return losses.GroupLoss(recipe.identities_per_group, ranking=recipe.ranking, smoothing=recipe.smoothing)
    return keras.losses.SparseCategoricalCrossentropy()


def make_pipeline(
    recipe: Recipe,
    images: np.ndarray,
    identities: np.ndarray,
    cameras: np.ndarray | None = None,
    domains: np.ndarray | None = None,
    seed: int = 0,
) -> PairPipeline | GroupPipeline:
    """The pipeline of a recipe's batches: arguments as in `GroupPipeline`; separate pairs do not look at `domains`.

    Raises:
        InputError: If these images make no such pairs.

    Example:
        >>> make_pipeline(Recipe(batch_size=16), images, np.repeat([0, 1, 2], 4)).pairs_per_epoch
        54
    """
    options: dict[str, Any] = {"cameras": cameras}
    options |= {name: getattr(recipe, name) for name in ("positives", "light", "erase")}
    if recipe.pairs == "separate":
        return PairPipeline(images, identities, recipe.batch_size, seed, **options)
    hard_share = recipe.hard_share if recipe.negatives == "hard" else 0.0
    options |= {"identities_per_group": recipe.identities_per_group, "domains": domains, "hard_share": hard_share}
    return GroupPipeline(images, identities, recipe.batch_size, seed, **options)


def model_options(recipe: Recipe) -> dict[str, Any]:
    """The arguments of the builders in `tfnxc.models.BUILDERS` that a recipe decides.

    Example:
        >>> model_options(Recipe.named("grouped"))
        {'l2': 0.0, 'scaling': 'centred', 'initializer': 'published'}
    """
    return {name: getattr(recipe, name) for name in ("l2", "scaling", "initializer")}
