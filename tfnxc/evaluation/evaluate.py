"""Measuring a set of test images under a protocol: which pairs to score, and what their scores say."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfnxc.errors import InputError
from tfnxc.evaluation.cmc import CMC, cmc
from tfnxc.evaluation.protocols import draw_trials, get_protocol, needed_pairs


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """One protocol on one set of test images, of which a square score matrix is kept (rows probes, columns gallery).

    Under `cross-camera` the probes are the images of the first camera and the gallery those of the others; under
    `paper` both are all images.

    Args:
        protocol: Name of the protocol.
        identities: Identities of the images.
        cameras: Cameras of the images.
        repeats: How many galleries are drawn. Defaults to `None`: the protocol's own number, 10.
        probes: The most probes of a repeat, drawn at random where there are more. Defaults to `None`: all.
        seed: Seed of the draws. Defaults to `0`.
        ties: As in `cmc`. Defaults to `"pessimistic"`.

    Raises:
        InputError: If the protocol needs two cameras and the images are of one.

    Example:
        >>> plan = Evaluation("paper", people.identities, people.cameras, repeats=1)
        >>> plan.measure(scores).rank(1)
    """

    protocol: str
    identities: np.ndarray = dataclasses.field(repr=False)
    cameras: np.ndarray = dataclasses.field(repr=False)
    repeats: int | None = None
    probes: int | None = None
    seed: int = 0
    ties: str = "pessimistic"

    def __post_init__(self):
        if not len(self.columns):
            raise InputError(f"the protocol {self.protocol} needs images of two cameras; those given are all of one.")

    @property
    def rows(self):
        """Images that may be probes."""
        return self._images(of_first_camera=True)

    @property
    def columns(self):
        """Images that may be in the gallery."""
        return self._images(of_first_camera=False)

    def needed(self):
        """Boolean matrix (images, images): the pairs that have to be scored."""
        needed = np.zeros((len(self.identities),) * 2, bool)
        trials = draw_trials(*self._labels(), self.protocol, self.repeats, self.seed, self.probes)
        needed[np.ix_(self.rows, self.columns)] = needed_pairs(trials, (len(self.rows), len(self.columns)))
        return needed

    def measure(self, scores) -> CMC:
        """CMC of a score matrix (images, images), of which the needed pairs are read."""
        part = np.asarray(scores)[np.ix_(self.rows, self.columns)]
        options = {"repeats": self.repeats, "seed": self.seed, "probes": self.probes, "ties": self.ties}
        return cmc(part, *self._labels(), self.protocol, **options)

    def _images(self, of_first_camera):
        """Images of the first camera, or those of the others; all where the gallery comes from any camera."""
        from_any = get_protocol(self.protocol).gallery_from == "any"
        return np.flatnonzero(from_any | ((self.cameras == np.min(self.cameras)) == of_first_camera))

    def _labels(self):
        rows, columns = self.rows, self.columns
        return self.identities[rows], self.identities[columns], self.cameras[rows], self.cameras[columns]
