"""Remedies against hubs: gallery pictures whose vectors are near to those of many probes, whoever these show."""

import numpy as np

from tfnxc.metrics.protocols import Trial
from tfnxc.scoring.vectors import cosines

NEIGHBOURS = 10
"""Nearest references whose cosines tell how much of a hub a vector is."""

_BLOCK = 1 << 21  # cosines at a time


def hubness(vectors: np.ndarray, references: np.ndarray, neighbours: int = NEIGHBOURS) -> np.ndarray:
    """How near each vector is to vectors of other people: its mean cosine to the nearest of them.

    Half the sum of the hubness of two vectors, taken off their cosine, is cross-domain similarity local scaling (CSLS):
    a cosine counts by how far it stands above what is usual for these vectors. With references from the training, it
    depends on no picture of the gallery.

    Args:
        vectors: Unit vectors, float32 array of shape `(n, dimensions)`.
        references: Unit vectors of other people, of shape `(m, dimensions)`, m at least 1.
        neighbours: How many of them count; all, where there are fewer. Defaults to `10`.

    Returns:
        float32 array of shape `(n,)`.

    Example:
        >>> hubness(np.eye(2, dtype=np.float32), np.array([[1.0, 0.0], [0.6, 0.8]], np.float32), neighbours=1).tolist()
        [1.0, 0.800000011920929]

    References:
        Conneau, Lample, Ranzato, Denoyer and Jegou, "Word Translation Without Parallel Data", ICLR 2018, section 2.3,
        for CSLS; Radovanovic, Nanopoulos and Ivanovic, "Hubs in Space", JMLR 2010.
    """
    count, found = min(neighbours, len(references)), np.empty(len(vectors), np.float32)
    step = max(1, _BLOCK // len(references))
    for start in range(0, len(vectors), step):
        block = vectors[start : start + step] @ references.T
        found[start : start + step] = np.partition(block, -count, axis=1)[:, -count:].mean(axis=1)
    return found


class KReciprocal:
    """Scores of trials (`tfnxc.metrics.TrialScores`) by re-ranking with k-reciprocal neighbours.

    Two pictures are alike where their neighbourhoods share members, among all probes and gallery pictures of a trial:
    scores depend on who else is there, probes included. The score is the negative of the paper's final distance, that
    of their neighbourhoods (Jaccard) and the squared distance of the vectors, each vector's largest being 1.

    Args:
        vectors: Unit vectors, float32 array of shape `(images, dimensions)`.
        rows: Positions of the images that are rows of the score matrix.
        columns: Positions of those that are columns.
        k1: Neighbours that are looked at. Defaults to `20`, as in the paper.
        k2: Neighbours over which a neighbourhood is averaged. Defaults to `6`, as in the paper.
        weight: Weight of the distance of the vectors, in [0, 1]. Defaults to `0.3`, as in the paper.

    Example:
        >>> vectors = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8], [0, 1]], np.float32)
        >>> scores = KReciprocal(vectors, np.arange(1), np.arange(1, 4), k1=1, k2=1)
        >>> np.argsort(-scores(tfnxc.metrics.Trial(np.array([0]), np.arange(3)), slice(None)))
        array([[0, 1, 2]])

    References:
        Zhong, Zheng, Cao and Li, "Re-ranking Person Re-identification with k-reciprocal Encoding", CVPR 2017.
    """

    def __init__(
        self,
        vectors: np.ndarray,
        rows: np.ndarray,
        columns: np.ndarray,
        k1: int = 20,
        k2: int = 6,
        weight: float = 0.3,
    ):
        self._vectors, self._rows, self._columns = vectors, np.asarray(rows), np.asarray(columns)
        self._options = k1, k2, weight
        self._last: tuple[Trial, np.ndarray] | None = None

    def __call__(self, trial: Trial, block: slice) -> np.ndarray:
        """Scores (probes of the block, gallery), float32."""
        if self._last is None or self._last[0] is not trial:
            self._last = trial, self._of(trial)
        return self._last[1][block]

    def _of(self, trial):
        probes = self._rows[trial.probes]
        if trial.gallery.ndim == 1:
            return self.scores(probes, self._columns[trial.gallery])
        galleries = self._columns[trial.gallery]  # one a probe
        return np.concatenate([self.scores(probes[[row]], galleries[row]) for row in range(len(probes))])

    def scores(self, probes: np.ndarray, gallery: np.ndarray) -> np.ndarray:
        """Scores (probes, gallery), float32, of the positions of images that are all there is."""
        k1, k2, weight = self._options
        # A picture that is a probe and in the gallery is one picture.
        everyone = np.unique(np.concatenate([probes, gallery]))
        vectors = self._vectors[everyone]
        nearest, farthest = _neighbours(vectors, max(k1, k2) + 1)
        members = [_reciprocal(nearest, one, k1) for one in range(len(everyone))]
        halves = [_reciprocal(nearest, one, round(k1 / 2)) for one in range(len(everyone))]
        encoded = [_encoded(vectors, farthest, one, _expanded(members[one], halves)) for one in range(len(everyone))]
        if k2 > 1:
            encoded = [_averaged([encoded[other] for other in nearest[one, :k2]]) for one in range(len(everyone))]
        rows, columns = np.searchsorted(everyone, probes), np.searchsorted(everyone, gallery)
        lists = _by_member([encoded[column] for column in columns])
        found = np.empty((len(rows), len(columns)), np.float32)
        for place, row in enumerate(rows):
            shared = np.zeros(len(columns))
            for member, share in zip(*encoded[row], strict=True):
                if member in lists:
                    who, shares = lists[member]
                    shared[who] += np.minimum(share, shares)
            distances = (2 - 2 * vectors[row] @ vectors[columns].T) / farthest[row]
            found[place] = -(1 - weight) * (1 - shared / (2 - shared)) - weight * distances
        return found


def _neighbours(vectors, count):
    """The nearest of each vector, itself first, `(n, count)`; and the largest squared distance from each."""
    count, size = min(count, len(vectors)), len(vectors)
    nearest, farthest = np.empty((size, count), np.int64), np.empty(size, np.float32)
    everyone, step = np.arange(size), max(1, _BLOCK // size)
    for start in range(0, size, step):
        rows = everyone[start : start + step]
        distances = 2 - 2 * cosines(vectors, rows, everyone)
        farthest[rows] = np.maximum(distances.max(axis=1), np.finfo(np.float32).tiny)
        distances[np.arange(len(rows)), rows] = -1  # before its equals
        best = np.argpartition(distances, count - 1, axis=1)[:, :count]
        order = np.lexsort((best, np.take_along_axis(distances, best, axis=1)), axis=1)
        nearest[rows] = np.take_along_axis(best, order, axis=1)
    return nearest, farthest


def _reciprocal(nearest, one, k):
    """Those among the k nearest of one that have it among their own k nearest; itself is there."""
    candidates = nearest[one, : k + 1]
    return candidates[(nearest[candidates, : k + 1] == one).any(axis=1)]


def _expanded(members, halves):
    """A neighbourhood with the smaller ones of its members that lie in it for more than two thirds."""
    found = [members]
    for member in members:
        half = halves[member]
        if 3 * len(np.intersect1d(half, members)) > 2 * len(half):
            found.append(half)
    return np.unique(np.concatenate(found))


def _encoded(vectors, farthest, one, members):
    """A neighbourhood as `(members, shares)`, nearer ones having more; shares add up to 1."""
    distances = (2 - 2 * vectors[members] @ vectors[one]) / farthest[one]
    shares = np.exp(-distances)
    return members, shares / shares.sum()


def _averaged(several):
    """The mean of neighbourhoods."""
    members, places = np.unique(np.concatenate([members for members, _ in several]), return_inverse=True)
    shares = np.bincount(places.ravel(), np.concatenate([shares for _, shares in several]))
    return members, shares / len(several)


def _by_member(encoded):
    """Who has each member, and with which share: `{member: (places, shares)}`."""
    places = np.repeat(np.arange(len(encoded)), [len(members) for members, _ in encoded])
    members, shares = (np.concatenate(each) for each in zip(*encoded, strict=True))
    order = np.argsort(members, kind="stable")
    names, begins = np.unique(members[order], return_index=True)
    parts = np.split(order, begins[1:])
    return {int(name): (places[part], shares[part]) for name, part in zip(names, parts, strict=True)}
