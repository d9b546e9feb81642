"""Two stages: a cheap scorer draws a shortlist inside each gallery, and a better one orders it."""

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np

from tfnxc.metrics.protocols import Trial
from tfnxc.metrics.ranking import trial_blocks


@dataclasses.dataclass(frozen=True)
class Shortlist:
    """How long the shortlist of each probe is.

    Args:
        asked: A whole number of pictures, 1 or above, which is cut to the gallery; or a share of each gallery, above 0
            and below 1, which is rounded to pictures and at least one.

    Raises:
        ValueError: If it is neither.

    Example:
        >>> Shortlist(0.05).lengths(np.array([486, 100, 3])).tolist()
        [24, 5, 1]
        >>> Shortlist(0.05).words, Shortlist(100).mark
        ('shortlist 5 %', 'shortlist100')
    """

    asked: int | float

    def __post_init__(self):
        number = self.asked
        whole = isinstance(number, int | np.integer) and not isinstance(number, bool) and number >= 1
        if not whole and not (isinstance(number, float) and 0 < number < 1):
            raise ValueError(
                "shortlist must be a whole number of pictures, 1 or above, or a share of the gallery between 0 and 1; "
                f"got {number!r}."
            )

    @property
    def words(self) -> str:
        """What tables call it."""
        return f"shortlist {f'{100 * self.asked:g} %' if isinstance(self.asked, float) else self.asked}"

    @property
    def mark(self) -> str:
        """What names of files call it."""
        return f"shortlist{f'{100 * self.asked:g}percent' if isinstance(self.asked, float) else self.asked}"

    def lengths(self, gallery: np.ndarray) -> np.ndarray:
        """Pictures in the shortlists of galleries of these sizes."""
        gallery = np.asarray(gallery)
        wanted = np.floor(self.asked * gallery + 0.5) if isinstance(self.asked, float) else self.asked
        return np.minimum(np.maximum(wanted, 1), gallery).astype(np.int64)

    def inside(self, scores: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """Mask of the pictures in the shortlist of each row: those with the best scores among the kept ones.

        Of equal scores those that come first in the gallery are inside.

        Example:
            >>> Shortlist(2).inside(np.array([[0.9, 0.5, 0.7, 0.7]]), np.array([[False, True, True, True]]))
            array([[False, False,  True,  True]])
        """
        scores = np.where(kept, scores, -np.inf)
        lengths, width = self.lengths(np.broadcast_to(kept, scores.shape).sum(axis=1)), scores.shape[1]
        places = np.minimum(width - lengths, width - 1)
        last = np.partition(scores, np.unique(places), axis=1)[np.arange(len(scores)), places][:, None]
        inside, equal = scores > last, scores == last
        room = lengths - inside.sum(axis=1)
        fits = equal.sum(axis=1) <= room
        inside |= equal & fits[:, None]
        for row in np.flatnonzero(~fits):
            inside[row, np.flatnonzero(equal[row])[: room[row]]] = True
        return inside


class TwoStages:
    """Scores of trials (`tfnxc.metrics.ranking.TrialScores`) by two scorers, a shortlist inside each gallery.

    Inside the shortlist the second scorer orders, and behind it all others stand as the first one orders them.

    Args:
        shortlist: The `Shortlist`.
        rows: Positions of the images that are rows of the score matrix.
        columns: Positions of those that are columns.
        first: `(rows, columns) -> scores` of positions; columns are shared or a row each, as in `cosines`.
        second: `(rows, columns) -> scores` of pairs, one a position in each.

    Example:
        >>> vectors = np.array([[1, 0], [1, 0], [0.8, 0.6], [0, 1]], np.float32)
        >>> first = lambda rows, columns: tfnxc.scoring.cosines(vectors, rows, columns)
        >>> stages = TwoStages(Shortlist(2), np.arange(1), np.arange(1, 4), first, second=lambda rows, columns: columns)
        >>> trial = tfnxc.metrics.Trial(np.array([0]), np.arange(3))
        >>> np.argsort(-stages(trial, slice(None)))
        array([[1, 0, 2]])
    """

    def __init__(
        self,
        shortlist: Shortlist,
        rows: np.ndarray,
        columns: np.ndarray,
        first: Callable[[np.ndarray, np.ndarray], np.ndarray],
        second: Callable[[np.ndarray, np.ndarray], np.ndarray],
    ):
        self.shortlist, self.rows, self.columns = shortlist, np.asarray(rows), np.asarray(columns)
        self._first, self._second = first, second

    def needed(self, trials: Iterable[Iterable[Trial]]) -> np.ndarray:
        """Boolean matrix (rows, columns): the pairs that the second scorer has to score."""
        needed = np.zeros((len(self.rows), len(self.columns)), bool)
        for trial in (part for repeat in trials for whole in repeat for part in whole.parts):
            for block in trial_blocks(trial):
                _, inside, gallery = self._drawn(trial, block)
                needed[trial.probes[block][:, None], gallery] |= inside
        return needed

    def __call__(self, trial: Trial, block: slice) -> np.ndarray:
        """Scores (probes of the block, gallery) of which the order means something, float64."""
        first, inside, gallery = self._drawn(trial, block)
        scores = first.astype(np.float64)
        if not inside.any():
            return scores
        rows, places = np.nonzero(inside)
        columns = gallery[places] if gallery.ndim == 1 else gallery[rows, places]
        second = self._second(self.rows[trial.probes[block][rows]], self.columns[columns]).astype(np.float64)
        begins = np.flatnonzero(np.diff(rows, prepend=-1))
        lowest = np.minimum.reduceat(second, begins)[np.searchsorted(rows[begins], rows)]
        behind = np.where(inside, -np.inf, scores).max(axis=1)
        # What is behind keeps its scores; the lowest of the shortlist is 1 above the best of them.
        scores[rows, places] = second - lowest + 1 + np.where(np.isfinite(behind), behind, 0)[rows]
        return scores

    def _drawn(self, trial, block):
        """Scores of the first stage, the mask of the shortlist, and the columns of a block."""
        gallery = trial.gallery if trial.gallery.ndim == 1 else trial.gallery[block]
        first = self._first(self.rows[trial.probes[block]], self.columns[gallery])
        kept = np.broadcast_to(~np.asarray(trial.left_out(block)), first.shape)
        return first, self.shortlist.inside(first, kept), gallery
