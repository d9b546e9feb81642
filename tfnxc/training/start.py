"""What a training begins with: the architecture, its first weights, the seed."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np

from tfnxc import models
from tfnxc.errors import InputError
from tfnxc.files import replacing
from tfnxc.hashes import short_digest
from tfnxc.models.compatibility import incompatibility
from tfnxc.recipes import model_options
from tfnxc.runs import Run, load_model
from tfnxc.training.precision import precision


class FirstWeights(NamedTuple):
    """The model whose weights a training begins with, their digest, and who trained them, as `Run` knows it."""

    model: keras.Model | None = None
    digest: str | None = None
    trained_on: Sequence[tuple[str, Sequence[int]]] = ()
    fitted_on: Sequence[tuple[str, Sequence[int]]] = ()


@dataclasses.dataclass(frozen=True)
class Start:
    """What a training begins with.

    Args:
        model: Name of the architecture: `"normxcorr"`, `"ahmed"` or `"fused"`. Defaults to `"normxcorr"`.
        search_size: Rows and columns of the search window, `None` for all columns. Defaults to `None`: the
            architecture's own.
        weights: What to begin with in the place of random weights: a `keras.Model`, a `.keras` file, a run or its
            folder, or `"pretrained"`, the model that comes with tfnxc. Defaults to `None`.
        seed: Seeds initialization, pairs, augmentation, and who is held back. Defaults to `0`.

    Raises:
        ValueError: If there is no such architecture.

    Example:
        >>> Start("ahmed", search_size=(5, None)).seed
        0
    """

    model: str = "normxcorr"
    search_size: tuple[int, int | None] | None = None
    weights: keras.Model | Run | str | os.PathLike | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.model not in models.BUILDERS:
            raise ValueError(f"model must be one of {', '.join(models.BUILDERS)}; got {self.model!r}.")

    def read_weights(self) -> FirstWeights:
        """The weights to begin with, and who is known to have trained them."""
        given = self.weights
        if given is None:
            return FirstWeights()
        if isinstance(given, keras.Model):
            return FirstWeights(given, short_digest(b"".join(each.tobytes() for each in given.get_weights())))
        if given == "pretrained":
            if pathlib.Path(given).exists():
                raise InputError(
                    "--from pretrained is the model that comes with tfnxc; for what lies here, ./pretrained."
                )
            return FirstWeights(models.pretrained(), models.pretrained_card()["digest"])  # no data set has its people
        if not isinstance(given, Run) and not pathlib.Path(given).is_dir():
            return FirstWeights(*load_model(given))
        run = given if isinstance(given, Run) else Run.open(given)
        return FirstWeights(run.load_model(), run.model_digest(), run.trained_on, run.fitted_on)


def make_model(run, start, input_shape, recipe, weights):
    """The model that a training begins with, with the weights of another where one is given; the run keeps it."""
    keras.utils.set_random_seed(start.seed)
    options = model_options(recipe)
    options |= {} if start.search_size is None else {"search_size": start.search_size}
    with precision(recipe.precision):
        model = models.BUILDERS[start.model](input_shape=input_shape, **options)
    if weights is not None:
        _copy_weights(weights, model)
    with replacing(run.model_path("initial")) as new:
        model.save(new)
    return model


def _copy_weights(weights, model):
    shapes, given = ([np.shape(each) for each in one.get_weights()] for one in (model, weights))
    if shapes != given:
        raise InputError(
            f"the weights to begin with are of another architecture, search window or size of images: {weights.name} "
            f"of {weights.count_params()} numbers; the model is {model.name} of {model.count_params()}."
        )
    model.set_weights(weights.get_weights())
    differing = incompatibility(weights, model)
    if differing:
        raise InputError(
            f"the weights to begin with were trained in a model that computes something else ({differing}). Ask for "
            "the scaling and the search window that they were trained with, or begin with others."
        )
