"""The baselines: features that nobody trained, compared as they are or by a metric fitted on training identities."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console

from tfnxc.console import ProgressCallback, plain, progress_bar
from tfnxc.datasets import IMAGE_SIZE, ImageSet, Split
from tfnxc.errors import InputError
from tfnxc.evaluation.tested import Tested, of_one_camera
from tfnxc.scoring import Pairs, colour_histogram_features, lomo_features
from tfnxc.scoring.colour_histogram import histogram_intersections
from tfnxc.scoring.lomo import DIMENSIONS, SIZE

if TYPE_CHECKING:
    from tfnxc.embedding import KISSME, XQDA

_PICTURES_AT_ONCE = 256  # read and described, so that few pictures are in memory
_PROBES_AT_ONCE = 2048  # compared by a metric, which projects the gallery anew each time
_TRIED = 16  # pictures that are described to see how fast that is


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
    """A baseline that needs no training: features of each picture, and what two of them have in common.

    Args:
        describe: `pictures -> features` of a uint8 array of pictures, one row a picture.
        match: `(features of probes, of the gallery, progress) -> scores`, a float32 matrix; `progress` is called with
            the number of pairs done.

    Example:
        >>> BASELINES["colour-histogram"].compare(images[:2], images).shape
        (2, 12)
    """

    describe: Callable[[np.ndarray], np.ndarray]
    match: Callable[[np.ndarray, np.ndarray, ProgressCallback | None], np.ndarray]

    def compare(self, probes: np.ndarray, gallery: np.ndarray) -> np.ndarray:
        """Scores of two uint8 arrays of pictures: a float32 matrix (probes, gallery)."""
        return self.match(self.describe(probes), self.describe(gallery), None)

    def scores(self, tested: Tested, needed: Pairs, console: Console | None = None) -> np.ndarray:
        """Scores of the rows and columns of the pairs that are needed: a float32 matrix.

        Only pictures that are in a pair are read, some at a time.

        Args:
            tested: The split and its people.
            needed: `Pairs` of pictures of its test part.
            console: A rich `Console` for progress bars. Defaults to `None`: nothing is shown.
        """
        used, features = np.union1d(needed.rows, needed.columns), []
        with progress_bar(f"Describing pictures, {tested.split.name}", len(used), console) as advance:
            for start in range(0, len(used), _PICTURES_AT_ONCE):
                block = tested.part.take(used[start : start + _PICTURES_AT_ONCE])
                features.append(self.describe(block.images(IMAGE_SIZE, advance)))
        described = np.concatenate(features)
        probes, gallery = (described[np.searchsorted(used, each)] for each in (needed.rows, needed.columns))
        with progress_bar(f"Comparing, {tested.split.name}", needed.marked.size, console) as advance:
            return self.match(probes, gallery, advance)

    def cost(self, tested: Tested, needed: Pairs) -> tuple[int, float, int]:
        """How many pictures are described, and about how many seconds and bytes the scoring takes, by trying a few."""
        part, count = tested.part, len(np.union1d(needed.rows, needed.columns))
        some, begin = np.arange(0, len(part), max(1, len(part) // _TRIED))[:_TRIED], time.perf_counter()
        features = self.describe(part.take(some).images(IMAGE_SIZE))
        seconds, begin = count * (time.perf_counter() - begin) / len(some), time.perf_counter()
        self.match(features[:1], np.broadcast_to(features[:1], (_PICTURES_AT_ONCE, features.shape[1])), None)
        seconds += needed.marked.size * (time.perf_counter() - begin) / _PICTURES_AT_ONCE
        return count, seconds, 3 * count * features[0].nbytes + 5 * needed.marked.size


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
        >>> BASELINES["lomo-xqda"].scores(tested, Pairs.all_of(12), LomoFeatures()).shape
        (12, 12)
    """

    metric: Callable[[], XQDA | KISSME]

    def about(self, tested: Tested) -> dict[str, str | int]:
        """What a result says of it: also on how many identities it was fitted.

        Raises:
            InputError: If the split has nobody to be fitted on.
        """
        return {**super().about(tested), "fitted_identities": len(self._split(tested).train)}

    def scores(self, tested: Tested, needed: Pairs, known: LomoFeatures, console: Console | None = None) -> np.ndarray:
        """Scores of the rows and columns of the pairs that are needed: the distances by the fitted metric, below zero.

        Pairs that the metric is fitted on are of different cameras, unless all pictures are of one.

        Args:
            tested: The split and its people.
            needed: `Pairs` of pictures of its test part.
            known: The features; those of pictures that it lacks are added.
            console: A rich `Console` for progress bars, and what it will cost. Defaults to `None`: nothing is shown.

        Returns:
            float32 matrix (rows, columns); higher means more alike.

        Raises:
            InputError: If the split has nobody to be fitted on, a training identity has no picture, or the metric
                cannot be fitted on those that there are.
        """
        split = self._split(tested)
        training, probes, gallery = self._parts(tested, needed)
        pictures = known.missing(training, probes, gallery)
        if console is not None:
            told = (
                f"{self.label}: a metric is fitted on {len(training)} pictures of {len(training.people)} training "
                f"identities of {split.name}. {pictures} pictures are described before, some milliseconds each."
            )
            console.print(plain(told))
        with progress_bar(f"LOMO features, {split.name}", pictures, console) as advance:
            features = known.of(training, advance)
            sides = known.of(probes, advance), known.of(gallery, advance)
        cameras = None if of_one_camera(training) else training.cameras
        with progress_bar(f"Fitting {self.label}, {split.name}", 1, console) as advance:
            metric = self.metric().fit(features, training.identities, cameras)
            advance(1)
        scores = np.empty((len(probes), len(gallery)), np.float32)
        with progress_bar(f"Comparing, {split.name}", scores.size, console) as advance:
            for start in range(0, len(probes), _PROBES_AT_ONCE):
                block = slice(start, start + _PROBES_AT_ONCE)
                scores[block] = -metric.distances(sides[0][block], sides[1])
                advance(scores[block].size)
        return scores

    def cost(self, tested: Tested, needed: Pairs, known: LomoFeatures) -> tuple[int, float, int]:
        """How many pictures are described, and about how many seconds and bytes the scoring takes, by trying a few.

        Raises:
            InputError: As `scores`.
        """
        training, probes, gallery = self._parts(tested, needed)
        pictures, some = known.missing(training, probes, gallery), training.take(range(min(_TRIED, len(training))))
        begin = time.perf_counter()
        known.of(some)
        of_one = (time.perf_counter() - begin) / len(some)
        seconds = 30 * (len(training) / 2000) ** 3 + pictures * of_one  # on an idle machine, mostly eigenvalues
        # All features as float32 twice; those of the training as float64, and their axes.
        held = 8 * (len(training) + len(probes) + len(gallery)) + 16 * len(training)
        return pictures, seconds, held * DIMENSIONS + 5 * needed.marked.size

    def _parts(self, tested, needed):
        split = self._split(tested)
        return split.training_part(tested.people), tested.part.take(needed.rows), tested.part.take(needed.columns)

    def _split(self, tested) -> Split:
        if not isinstance(tested.split, Split):
            raise InputError(
                f"{self.name} is fitted on the training identities of a split, and here everyone is tested: name a "
                "split with --split (split= in Python), such as random-100-0; tfnxc splits lists what there is."
            )
        return tested.split


def _xqda():
    from tfnxc.embedding import XQDA  # it imports TensorFlow, which the package is imported without

    return XQDA()


def _kissme():
    from tfnxc.embedding import KISSME

    return KISSME()


BASELINES: Mapping[str, FittedBaseline | PictureBaseline] = {
    each.name: each
    for each in (
        PictureBaseline("colour-histogram", "colour histogram", colour_histogram_features, histogram_intersections),
        FittedBaseline("lomo-xqda", "LOMO+XQDA", _xqda),
        FittedBaseline("lomo-kissme", "LOMO+KISSME", _kissme),
    )
}
"""All baselines by name. The last two are in the supplement's Figure 1."""
