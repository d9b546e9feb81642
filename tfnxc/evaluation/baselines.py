"""The baselines: features that nobody trained, compared as they are or by a metric fitted on training identities."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console

from tfnxc.console import plain, progress_bar
from tfnxc.datasets import ImageSet, Split
from tfnxc.errors import InputError
from tfnxc.evaluation.tested import Tested, of_one_camera
from tfnxc.scoring import colour_histogram_scores, lomo_features
from tfnxc.scoring.lomo import DIMENSIONS, SIZE

if TYPE_CHECKING:
    from tfnxc.embedding import KISSME, XQDA

_PICTURES_AT_ONCE = 256  # read and described, so that few pictures are in memory


@dataclasses.dataclass(frozen=True)
class Baseline:
    """Something to compare with, which `tfnxc.evaluation.evaluate` takes by its name.

    Args:
        name: Its name.
        label: What tables and figures call it.

    Example:
        >>> BASELINES["lomo-xqda"].label
        'LOMO+XQDA'
    """

    name: str
    label: str

    def about(self, tested: Tested) -> dict[str, str | int]:
        """What a result says of it."""
        return {"baseline": self.name}


@dataclasses.dataclass(frozen=True)
class PictureBaseline(Baseline):
    """A baseline that needs no training.

    Args:
        compare: `(probes, gallery) -> scores` of two uint8 arrays of pictures, a float32 matrix.

    Example:
        >>> BASELINES["colour-histogram"].compare(images[:2], images).shape
        (2, 12)
    """

    compare: Callable[[np.ndarray, np.ndarray], np.ndarray]


class LomoFeatures:
    """LOMO features of pictures, each computed once however many splits have it: 108 kB a picture.

    Example:
        >>> features = LomoFeatures()
        >>> features.missing(people), features.of(people).shape, features.missing(people)
        (24, (24, 26960), 0)
    """

    def __init__(self) -> None:
        self._rows: dict[str, np.ndarray] = {}

    def missing(self, *sets: ImageSet) -> int:
        """How many pictures of these sets are not described yet."""
        return len({path for people in sets for path in people.paths} - self._rows.keys())

    def of(self, people: ImageSet, progress: Callable[[int], object] | None = None) -> np.ndarray:
        """Features of a set, all sets being of the same data: float32 `(pictures, 26960)`.

        Args:
            people: The pictures.
            progress: Called with the number of pictures that were described now. Defaults to `None`.
        """
        new = [index for index, path in enumerate(people.paths) if path not in self._rows]
        for start in range(0, len(new), _PICTURES_AT_ONCE):
            block = people.take(new[start : start + _PICTURES_AT_ONCE])
            self._rows.update(zip(block.paths, lomo_features(block.images(SIZE), progress), strict=True))
        return np.stack([self._rows[path] for path in people.paths])


@dataclasses.dataclass(frozen=True)
class FittedBaseline(Baseline):
    """A baseline that is fitted on the training identities of the split: a metric on LOMO features.

    Args:
        metric: What makes the metric, before it is fitted.

    Example:
        >>> tested = Tested(people, tfnxc.datasets.Split("few", "by hand", (0, 1, 2), (3, 4, 5)))
        >>> BASELINES["lomo-xqda"].about(tested)
        {'baseline': 'lomo-xqda', 'fitted_identities': 3}
        >>> BASELINES["lomo-xqda"].scores(tested, LomoFeatures()).shape
        (12, 12)
    """

    metric: Callable[[], XQDA | KISSME]

    def about(self, tested: Tested) -> dict[str, str | int]:
        """What a result says of it: also on how many identities it was fitted.

        Raises:
            InputError: If the split has nobody to be fitted on.
        """
        return {**super().about(tested), "fitted_identities": len(self._split(tested).train)}

    def scores(self, tested: Tested, known: LomoFeatures, console: Console | None = None) -> np.ndarray:
        """Scores of all pairs of a test part: the distances by the fitted metric, below zero.

        Pairs that the metric is fitted on are of different cameras, unless all pictures are of one.

        Args:
            tested: The split and its people.
            known: The features; those of pictures that it lacks are added.
            console: A rich `Console` for progress bars, and what it will cost. Defaults to `None`: nothing is shown.

        Returns:
            float32 matrix (pictures, pictures); higher means more alike.

        Raises:
            InputError: If the split has nobody to be fitted on, a training identity has no picture, or the metric
                cannot be fitted on those that there are.
        """
        split = self._split(tested)
        training, test = split.training_part(tested.people), tested.part
        pictures = known.missing(training, test)
        if console is not None:
            told = (
                f"{self.label}: a metric is fitted on {len(training)} pictures of {len(training.people)} training "
                f"identities of {split.name}. {pictures} pictures are described before, some milliseconds each; the "
                f"fitting takes about {_seconds(len(training))} and {_gigabytes(len(training), len(test)):.1f} GB."
            )
            console.print(plain(told))
        with progress_bar(f"LOMO features, {split.name}", pictures, console) as advance:
            features, of_test = known.of(training, advance), known.of(test, advance)
        cameras = None if of_one_camera(training) else training.cameras
        metric = self.metric().fit(features, training.identities, cameras)
        return -metric.distances(of_test, of_test).astype(np.float32)

    def _split(self, tested) -> Split:
        if not isinstance(tested.split, Split):
            raise InputError(
                f"{self.name} is fitted on the training identities of a split, and here everyone is tested: name a "
                "split with --split (split= in Python), such as random-100-0; tfnxc splits lists what there is."
            )
        return tested.split


def _seconds(pictures):
    """How long two cores take to fit a metric on so many pictures: matrices of pictures x pictures."""
    seconds = 30 * (pictures / 2000) ** 3  # on an idle machine, mostly eigenvalues
    return "a few seconds" if seconds < 10 else f"{round(seconds, -1):.0f} seconds"


def _gigabytes(training, test):
    """Memory for so many pictures: all features as float32 twice; those of the training as float64, and their axes."""
    return (8 * (training + test) + 16 * training) * DIMENSIONS / 1e9


def _xqda():
    from tfnxc.embedding import XQDA  # it imports TensorFlow, which the package is imported without

    return XQDA()


def _kissme():
    from tfnxc.embedding import KISSME

    return KISSME()


BASELINES: Mapping[str, FittedBaseline | PictureBaseline] = {
    each.name: each
    for each in (
        PictureBaseline("colour-histogram", "colour histogram", colour_histogram_scores),
        FittedBaseline("lomo-xqda", "LOMO+XQDA", _xqda),
        FittedBaseline("lomo-kissme", "LOMO+KISSME", _kissme),
    )
}
"""All baselines by name. The last two are in the supplement's Figure 1."""
