"""What the normalized correlation layer of a model computes for a pair of pictures."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import keras
import numpy as np
from rich.console import Console

from tfnxc import layers, models, ops
from tfnxc.datasets import ImageSet, Split, read_picture
from tfnxc.datasets.image_set import IMAGE_SIZE, resize
from tfnxc.errors import InputError
from tfnxc.evaluation.probes import picture_index
from tfnxc.evaluation.tested import splits_of_run
from tfnxc.runs import Run
from tfnxc.scoring import embed
from tfnxc.visualization import PairCorrelation


def has_correlation(model: keras.Model) -> bool:
    """Whether a model of `tfnxc.models` has a normalized correlation layer, as `normxcorr` and `fused` have."""
    return _layer(models.split(model).head) is not None


def pair_correlation(model: keras.Model, probe: np.ndarray, gallery: np.ndarray) -> PairCorrelation:
    """What the normalized correlation layer of a model computes for two pictures, before its ReLU.

    Args:
        model: A model of `tfnxc.models` with such a layer: `normxcorr` or `fused`.
        probe: uint8 array of shape `(height, width, 3)`.
        gallery: uint8 array of the same shape.

    Returns:
        A `PairCorrelation`.

    Raises:
        InputError: If the model has no such layer.

    Example:
        >>> correlation = pair_correlation(tfnxc.models.pretrained(), images[0], images[2])
        >>> correlation.values.shape
        (37, 12, 25, 5, 12)
    """
    tower, head = models.split(model)
    layer = _layer(head)
    if layer is None:
        raise InputError(f"the model {model.name} has no normalized correlation; normxcorr and fused have.")
    x, y = embed(tower, np.stack([probe, gallery]))[:, None]
    values = ops.norm_xcorr(x, y, layer.patch_size, layer.search_size, layer.epsilon).numpy()[0]
    rows, columns = layer.search_size
    shape = *x.shape[1:], rows, x.shape[2] if columns is None else columns
    return PairCorrelation(values.reshape(shape), columns is None, tuple(layer.patch_size))


def correlate(
    model: keras.Model, people: ImageSet, probe: int | str, gallery: int | str = "match"
) -> tuple[np.ndarray, np.ndarray, PairCorrelation]:
    """A probe and a gallery picture of a set with their correlations, as `plot_correlation` takes them.

    Args:
        model: As in `pair_correlation`.
        people: The set of the pictures.
        probe: Position or name of a picture in it, or a picture file.
        gallery: Likewise; or `"match"` (default), the first picture of the probe's person by another camera.

    Returns:
        `(probe, gallery, PairCorrelation)`, the pictures in the size that models read.

    Raises:
        InputError: If there is no such picture, or the model has no such layer.

    Example:
        >>> tfnxc.visualization.plot_correlation(*correlate(model, people, 0)).savefig("correlation.png")
    """
    if gallery == "match":
        index, ids, cameras = picture_index(people, probe), people.identities, people.cameras
        others = (ids == ids[index]) & (cameras != cameras[index])
        if not others.any():
            raise InputError(f"no other camera has a picture of the person of {people.paths[index]}.")
        gallery = int(np.flatnonzero(others)[0])
    first, second = _picture(people, probe), _picture(people, gallery)
    return first, second, pair_correlation(model, first, second)


def find_correlation(
    run: Run | str | os.PathLike,
    probe: int | str,
    gallery: int | str = "match",
    people: ImageSet | None = None,
    *,
    split: Split | str | os.PathLike | None = None,
    state: str = "trained",
    console: Console | None = None,
    **options: Any,
) -> tuple[np.ndarray, np.ndarray, PairCorrelation]:
    """`correlate` with the model of a run, on people whom it was not trained on.

    Args:
        run: A `Run` or its folder.
        probe: As in `correlate`; positions are those in the test part.
        gallery: As in `correlate`. Defaults to `"match"`.
        people: As in `evaluate`, like the arguments that follow. Defaults to `None`: the data set of the run.
        split: Defaults to `None`: that of the run.
        state: Defaults to `"trained"`.
        console: Defaults to `None`: nothing is shown.
        **options: `held_back`, `partial`, `other_people` and `data`, as in `evaluate`.

    Returns:
        As `correlate`.

    Raises:
        InputError: Where `evaluate` or `correlate` raise it.

    Example:
        >>> probe, match, correlation = find_correlation(run, 0)
        >>> correlation.values.shape[:2]
        (37, 12)
    """
    run = run if isinstance(run, Run) else Run.open(run)
    who: dict[str, Any] = {"held_back": False, "partial": False, "other_people": False, "data": None, **options}
    tested, *_ = splits_of_run(run, people, split, state=state, **who, console=console)
    return correlate(run.load_model(state), tested.part, probe, gallery)


def _layer(head):
    return next((layer for layer in head.layers if isinstance(layer, layers.NormXcorr)), None)


def _picture(people, wanted):
    """A picture of a set or a file, in the size that models read."""
    if isinstance(wanted, str) and not wanted.isdecimal() and pathlib.Path(wanted).is_file():
        return resize(read_picture(wanted), IMAGE_SIZE)
    return resize(people.read(picture_index(people, wanted)), IMAGE_SIZE)
