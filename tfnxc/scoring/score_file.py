"""A matrix of scores on disk, filled bit by bit: an interrupted scoring goes on where it stood."""

import os
import pathlib

import numpy as np

from tfnxc.console import ProgressCallback
from tfnxc.errors import InputError
from tfnxc.files import replacing
from tfnxc.hashes import short_digest
from tfnxc.scoring.pair_head import TILE_PROBES
from tfnxc.scoring.pair_scorer import PairScorer

_BLOCK = 1 << 14  # pairs between two writes to disk


class ScoreFile:
    """A square score matrix on disk, rows first images, columns second images, of which some pairs are scored.

    A pair without a score is 32 zero bits, so that a large matrix takes room on disk only where it is filled; a score
    of zero is kept as minus zero, which is equal to it.

    Args:
        folder: Where the file lies; made if need be.
        model_digest: Digest of the model file, so that another model never finds these scores.
        images: The images, rows and columns; their digest keeps another set from finding these scores.
        mirrored: Whether the first and the second image of each pair are mirrored. Defaults to `(False, False)`.

    Raises:
        InputError: If the file is damaged.

    Example:
        >>> ScoreFile("scores", "d4e5f6", images).missing(np.ones((12, 12), bool))
        144
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        model_digest: str,
        images: np.ndarray,
        mirrored: tuple[bool, bool] = (False,) * 2,
    ):
        digest = short_digest(np.ascontiguousarray(images))
        marks = "".join(f"-{side}-mirrored" for side, each in zip(("first", "second"), mirrored, strict=True) if each)
        self.path = pathlib.Path(folder) / f"{model_digest}-{digest}{marks}.npy"
        if not self.path.exists():
            with replacing(self.path) as new:
                np.lib.format.open_memmap(new, "w+", np.float32, (len(images),) * 2).flush()
        try:
            whole = self._open().shape == (len(images),) * 2 and self._open().dtype == np.float32
        except (OSError, ValueError, EOFError):
            whole = False
        if not whole:
            raise InputError(f"{self.path}: damaged. Remove it: its pairs are then scored again.")

    def read(self, rows: np.ndarray | slice = slice(None), columns: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Scores of some rows and columns: a float32 copy, NaN where a pair has no score."""
        matrix = self._open()
        everyone = np.arange(len(matrix))
        scores = np.array(matrix[np.ix_(everyone[rows], everyone[columns])])
        scores[_missing(scores)] = np.nan
        return scores

    def missing(self, needed: np.ndarray) -> int:
        """How many of the pairs marked in the boolean matrix `needed` have no score yet."""
        return sum(len(pairs) for pairs in self._blocks(needed))

    def fill(self, scorer: PairScorer, needed: np.ndarray, progress: ProgressCallback | None = None) -> None:
        """Scores the pairs marked in `needed` that have no score yet, and writes them, block by block.

        Args:
            scorer: A `PairScorer` of the same images.
            needed: Boolean matrix (images, images).
            progress: Called with the number of pairs done after each batch. Defaults to `None`.
        """
        matrix = self._open("r+")
        for pairs in self._blocks(needed):
            scores = scorer.score(pairs, progress)
            matrix[pairs[:, 0], pairs[:, 1]] = np.where(scores == 0, np.float32(-0.0), scores)
            matrix.flush()

    def _open(self, mode="r"):
        return np.load(self.path, mmap_mode=mode)

    def _blocks(self, needed):
        """The pairs to score, some rows of the matrix at a time."""
        matrix = self._open()
        counts = np.cumsum(needed.sum(axis=1))
        start = 0
        while start < len(needed):
            before = counts[start - 1] if start else 0
            # At least the probes of a tile, however long the rows are.
            end = max(start + TILE_PROBES, int(np.searchsorted(counts, before + _BLOCK, "right")))
            pairs = np.argwhere(needed[start:end] & _missing(matrix[start:end])).astype(np.int32)
            pairs[:, 0] += start
            if len(pairs):
                yield pairs
            start = end


def _missing(scores):
    return scores.view(np.uint32) == 0
