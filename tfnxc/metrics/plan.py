"""Measuring a set of test images under a protocol: which pairs to score, and what their scores say."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from tfnxc.errors import InputError
from tfnxc.identities import JUNK
from tfnxc.metrics.cmc import CMC, cmc
from tfnxc.metrics.protocols import Trial, draw_trials, get_protocol, needed_pairs
from tfnxc.metrics.ranking import TrialScores, check_ties

if TYPE_CHECKING:
    from tfnxc.datasets import ImageSet


@dataclasses.dataclass(frozen=True)
class EvaluationPlan:
    """One protocol on one set of test images, of which a square score matrix is kept (rows probes, columns gallery).

    Where the set fixes its probes, they are the rows and all other images the columns. Otherwise, under `cross-camera`
    the probes are the images of the first camera and the gallery those of the others; under `market`,
    `cuhk03-classic` and `cuhk03-torchreid` rows and columns are all images. Under `paper` they always are.

    Args:
        protocol: Name of the protocol.
        identities: Identities of the images.
        cameras: Cameras of the images.
        repeats: How many galleries are drawn. Defaults to `None`: the protocol's own number.
        probes: The most probes of a repeat, drawn at random where there are more. Defaults to `None`: all.
        seed: Seed of the draws. Defaults to `0`.
        ties: As in `cmc`. Defaults to `"pessimistic"`.
        fixed_probes: Booleans, one an image, where the set fixes its probes (`ImageSet.probes`). Defaults to `None`.

    Raises:
        InputError: If there is no image that could be a probe, or none for a gallery.
        ValueError: If the protocol or `ties` is not known.

    Example:
        >>> plan = EvaluationPlan("paper", np.array([1, 1, 2, 2]), np.array([0, 1, 0, 1]), repeats=1)
        >>> int(plan.needed().sum())  # two probes, a gallery of two
        4
        >>> plan.measure(np.eye(4)[[1, 0, 3, 2]]).rank(1)
        1.0
    """

    protocol: str
    identities: np.ndarray = dataclasses.field(repr=False)
    cameras: np.ndarray = dataclasses.field(repr=False)
    repeats: int | None = None
    probes: int | None = None
    seed: int = 0
    ties: Literal["pessimistic", "optimistic", "expected"] = "pessimistic"
    fixed_probes: np.ndarray | None = dataclasses.field(default=None, repr=False)

    @classmethod
    def of(cls, protocol: str, people: ImageSet, **options: Any) -> EvaluationPlan:
        """The evaluation of an `ImageSet` under a protocol; `options` are those of the class."""
        return cls(protocol, people.identities, people.cameras, fixed_probes=people.probes, **options)

    def __post_init__(self):
        check_ties(self.ties)
        for part, what in ((self.rows, "a probe"), (self.columns, "in the gallery")):
            if not len(part):
                raise InputError(
                    f"the protocol {self.protocol} finds no image that could be {what} among the {len(self.cameras)} "
                    f"given, of {len(np.unique(self.cameras))} camera(s)."
                )

    @property
    def rows(self) -> np.ndarray:
        """Positions of the images that may be probes."""
        return self._side(self.identities >= 0, probes=True)

    @property
    def columns(self) -> np.ndarray:
        """Positions of the images that may be in the gallery."""
        return self._side(self.identities != JUNK, probes=False)

    def _side(self, allowed, probes):
        protocol = get_protocol(self.protocol)
        if protocol.same_images:
            return np.arange(len(self.identities))
        if self.fixed_probes is not None:
            allowed = allowed & (self.fixed_probes == probes)
        elif protocol.probe_cameras == "first":
            first = np.min(self.cameras[self.identities >= 0], initial=np.iinfo(np.int64).max)
            allowed = allowed & ((self.cameras == first) == probes)
        return np.flatnonzero(allowed)

    def needed(self) -> np.ndarray:
        """Boolean matrix (images, images): the pairs that have to be scored."""
        needed = np.zeros((len(self.identities),) * 2, bool)
        needed[np.ix_(self.rows, self.columns)] = self.needed_part()
        return needed

    def needed_part(self) -> np.ndarray:
        """Boolean matrix (rows, columns): the pairs that have to be scored."""
        return needed_pairs(self.trials(), (len(self.rows), len(self.columns)))

    def trials(self) -> list[tuple[Trial, ...]]:
        """What each repeat reads of the matrix (rows, columns), as from `draw_trials`."""
        return draw_trials(*self.labels(), self.protocol, self.repeats, self.seed, self.probes)

    def measure(self, scores: ArrayLike) -> CMC:
        """CMC of a score matrix (images, images), of which the needed pairs are read."""
        return self.measure_part(np.asarray(scores)[np.ix_(self.rows, self.columns)])

    def measure_part(self, scores: ArrayLike | TrialScores) -> CMC:
        """CMC of a score matrix (rows, columns), of which the needed pairs are read, or of a function, as in `cmc`."""
        return cmc(scores, *self.labels(), self.protocol, self.ties, self.repeats, self.seed, self.probes)

    def labels(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The identities of `rows` and of `columns`, and their cameras, as `cmc` and `draw_trials` take them."""
        rows, columns = self.rows, self.columns
        return self.identities[rows], self.identities[columns], self.cameras[rows], self.cameras[columns]
