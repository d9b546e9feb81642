"""How fast tower and head of a model are, to say beforehand how long a scoring takes."""

from __future__ import annotations

import time

import keras
import numpy as np

from tfnxc import models, ops
from tfnxc.scoring import PairHead
from tfnxc.scoring.model_scores import Pace

# What two cores do in a second at least.
_PICTURES = 150
_PAIRS = {"native": 1000, "python": 150}
_WORTH_IT = 60  # seconds: what takes less at most is not measured before
_BATCH = 64  # pictures and pairs that are tried
_IN_MEMORY = 1 << 32  # bytes of feature maps; more are in a file


class Speed:
    """The speed of a model, measured once and when it matters.

    Args:
        network: A model of `tfnxc.models`.
        alone: Whether this process does all; what several devices do together is not measured.

    Example:
        >>> Speed(model, alone=True).seconds(towers=300, pairs=0, pace=None)
        (2.0, False)
    """

    def __init__(self, network: keras.Model, alone: bool):
        self._network, self._alone = network, alone
        self._tried: tuple[float, float] | None = None

    def seconds(self, towers: int, pairs: int, pace: Pace | None) -> tuple[float, bool]:
        """How long so many pictures in the tower and pairs in the head take, and whether that was measured.

        Args:
            towers: Pictures.
            pairs: Pairs.
            pace: How fast the model scored before, if it did.

        Returns:
            Seconds; and `False` where they are what a slow machine needs at most.
        """
        implementation = str(ops.describe_implementation()["implementation"])
        if pace is not None and pace.implementation == implementation:
            return towers / pace.towers + pairs / pace.head, True
        slow = towers / _PICTURES + pairs / _PAIRS.get(implementation, _PAIRS["python"])
        if slow < _WORTH_IT or not self._alone:
            return slow, False
        if self._tried is None:
            self._tried = self._try()
        return towers / self._tried[0] + pairs / self._tried[1], True

    def bytes(self, pictures: int, towers: int) -> int:
        """Memory of pictures, and of the feature maps of so many runs of the tower."""
        height, width = models.image_size(self._network)
        maps = 4 * int(np.prod(models.split(self._network).tower.output_shape[1:]))
        return pictures * height * width * 3 + min(towers * maps, _IN_MEMORY)

    def _try(self):
        """Pictures a second of the tower, and pairs a second of the head."""
        head = PairHead(self._network, _BATCH)
        images = np.random.default_rng(0).integers(0, 256, (_BATCH, *head.image_size, 3), np.uint8)
        rows = np.arange(_BATCH)
        pairs = np.stack([rows % 8, 8 + rows // 8], axis=1)  # eight probes by eight gallery pictures, as in a batch
        rates = []
        maps = head.embed(images)
        for call in (lambda: head.embed(images), lambda: head.score_pairs(maps, maps, pairs)):
            call()  # what is only done once, such as tracing, is not measured
            begin = time.perf_counter()
            call()
            rates.append(_BATCH / (time.perf_counter() - begin))
        return tuple(rates)
