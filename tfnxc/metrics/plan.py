"""Measuring a set of test images under a protocol: which pairs to score, and what their scores say."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfnxc.errors import InputError
from tfnxc.identities import JUNK
from tfnxc.metrics.cmc import CMC, cmc
from tfnxc.metrics.protocols import draw_trials, get_protocol, needed_pairs


@dataclasses.dataclass(frozen=True)
class EvaluationPlan:
    """One protocol on one set of test images, of which a square score matrix is kept (rows probes, columns gallery).

    Where the set fixes its probes, they are the rows and all other images the columns. Otherwise, under `cross-camera`
    the probes are the images of the first camera and the gallery those of the others; under `market` and
    `cuhk03-classic` rows and columns are all images. Under `paper` they always are.

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

    Example:
        >>> plan = EvaluationPlan("paper", people.identities, people.cameras, repeats=1)
        >>> plan.measure(scores).rank(1)
    """

    protocol: str
    identities: np.ndarray = dataclasses.field(repr=False)
    cameras: np.ndarray = dataclasses.field(repr=False)
    repeats: int | None = None
    probes: int | None = None
    seed: int = 0
    ties: str = "pessimistic"
    fixed_probes: np.ndarray | None = dataclasses.field(default=None, repr=False)

    @classmethod
    def of(cls, protocol, people, **options):
        """The evaluation of an `ImageSet` under a protocol; `options` are those of the class."""
        return cls(protocol, people.identities, people.cameras, fixed_probes=people.probes, **options)

    def __post_init__(self):
        for part in ("rows", "columns"):
            if not len(getattr(self, part)):
                what = "a probe" if part == "rows" else "in the gallery"
                raise InputError(
                    f"the protocol {self.protocol} finds no image that could be {what} among the {len(self.cameras)} "
                    f"given, of {len(np.unique(self.cameras))} camera(s)."
                )

    @property
    def rows(self):
        """Images that may be probes."""
        people = self.identities >= 0
        protocol = get_protocol(self.protocol)
        if protocol.same_images:
            return np.arange(len(self.identities))
        if self.fixed_probes is not None:
            return np.flatnonzero(people & self.fixed_probes)
        if protocol.probe_cameras == "first":
            return np.flatnonzero(people & self._of_first_camera())
        return np.flatnonzero(people)

    @property
    def columns(self):
        """Images that may be in the gallery."""
        protocol = get_protocol(self.protocol)
        if protocol.same_images:
            return np.arange(len(self.identities))
        kept = self.identities != JUNK
        if self.fixed_probes is not None:
            return np.flatnonzero(kept & ~self.fixed_probes)
        if protocol.probe_cameras == "first":
            return np.flatnonzero(kept & ~self._of_first_camera())
        return np.flatnonzero(kept)

    def needed(self):
        """Boolean matrix (images, images): the pairs that have to be scored."""
        needed = np.zeros((len(self.identities),) * 2, bool)
        trials = draw_trials(*self._labels(), self.protocol, self.repeats, self.seed, self.probes)
        needed[np.ix_(self.rows, self.columns)] = needed_pairs(trials, (len(self.rows), len(self.columns)))
        return needed

    def measure(self, scores) -> CMC:
        """CMC of a score matrix (images, images), of which the needed pairs are read."""
        return self.measure_part(np.asarray(scores)[np.ix_(self.rows, self.columns)])

    def measure_part(self, scores) -> CMC:
        """CMC of a score matrix (rows, columns), of which the needed pairs are read."""
        options = {"repeats": self.repeats, "seed": self.seed, "probes": self.probes, "ties": self.ties}
        return cmc(scores, *self._labels(), self.protocol, **options)

    def _of_first_camera(self):
        people = self.identities >= 0
        return self.cameras == np.min(self.cameras[people], initial=np.iinfo(np.int64).max)

    def _labels(self):
        rows, columns = self.rows, self.columns
        return self.identities[rows], self.identities[columns], self.cameras[rows], self.cameras[columns]
