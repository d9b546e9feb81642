"""The cumulative matching characteristic (CMC) of a score matrix."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np

from tfnxc.errors import InputError
from tfnxc.evaluation.protocols import Protocol, Trial, draw_trials, get_protocol, needed_pairs, whole_number

REPORTED_RANKS = (1, 5, 10, 20)
"""The ranks that `CMC.to_dict` names one by one."""

TIES = ("pessimistic", "optimistic")


@dataclasses.dataclass(frozen=True, eq=False)
class CMC:
    """CMC curves, one a repeat, with the protocol they were measured under.

    Args:
        protocol: Name of the protocol.
        ties: How ties were counted: `"pessimistic"` or `"optimistic"`.
        repeats: How many galleries were drawn.
        seed: What the draws were seeded with.
        probes: Number of probes in a repeat.
        gallery: Number of images in the gallery; where the cameras' galleries differ in size, in the largest.
        curves: Float64 array of shape `(repeats, gallery)`, shares in [0, 1]: entry `[r, k - 1]` is the share of
            the probes of repeat r whose identity is among their k best. Its last column is 1.

    Example:
        >>> result = cmc([[0.9, 0.1], [0.8, 0.7]], [1, 2], [1, 2], [0, 0], [1, 1])
        >>> result.rank(1), result.rank(2)
        (0.5, 1.0)

    References:
        SPEC section 5.
    """

    protocol: str
    ties: str
    repeats: int
    seed: int
    probes: int
    gallery: int
    curves: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """The curve averaged over the repeats: `gallery` shares."""
        return self.curves.mean(axis=0)

    @property
    def deviation(self) -> np.ndarray:
        """Standard deviation over the repeats at each rank (n - 1 in the denominator); zeros for a single repeat."""
        return self.curves.std(axis=0, ddof=1) if len(self.curves) > 1 else np.zeros(self.curves.shape[1])

    def rank(self, k: int) -> float:
        """Share of the probes whose identity is among the k best, averaged over the repeats.

        Args:
            k: The rank, 1 or above. Beyond the gallery the last value of the curve holds.

        Returns:
            A share in [0, 1].

        Raises:
            ValueError: If `k` is not a whole number, 1 or above.
        """
        return float(self.mean[self._column(k)])

    def to_dict(self) -> dict:
        """Everything but the single curves, in plain Python types for JSON; all shares in per cent.

        Returns:
            A dict of `protocol`, `ties`, `repeats`, `seed`, `probes`, `gallery`; `unit`, which is `"per cent"`;
            `ranks`, `{"1": {"mean": ..., "deviation": ...}, ...}` for ranks 1, 5, 10 and 20; and `mean`, the whole
            mean curve, from rank 1 on.
        """
        mean, deviation = 100 * self.mean, 100 * self.deviation
        return {
            "protocol": self.protocol,
            "ties": self.ties,
            "repeats": int(self.repeats),
            "seed": int(self.seed),
            "probes": int(self.probes),
            "gallery": int(self.gallery),
            "unit": "per cent",
            "ranks": {
                str(k): {"mean": float(mean[self._column(k)]), "deviation": float(deviation[self._column(k)])}
                for k in REPORTED_RANKS
            },
            "mean": mean.tolist(),
        }

    def _column(self, k: int) -> int:
        return min(whole_number("k", k, least=1), self.curves.shape[1]) - 1


def cmc(
    scores,
    probe_ids,
    gallery_ids,
    probe_cameras=None,
    gallery_cameras=None,
    protocol: str | Protocol = "cross-camera",
    ties: Literal["pessimistic", "optimistic"] = "pessimistic",
    repeats: int | None = None,
    seed: int = 0,
    probes: int | None = None,
) -> CMC:
    """Measures the CMC of a score matrix: rank-k is the share of probes whose identity is among the k best.

    Only the pairs that the protocol draws are read (see `needed_pairs`); all others may be NaN. The probes of all
    cameras are pooled in a repeat. Where the cameras' galleries differ in size, the curve is as long as the largest
    of them, and a probe whose gallery is smaller counts as found at every rank from its gallery's size on: the curve
    of a small gallery is extended with 1.

    Args:
        scores: Matrix of shape `(probes, gallery)`; a higher score means more alike. Infinite scores are fine.
        probe_ids: Identities of the rows.
        gallery_ids: Identities of the columns.
        probe_cameras: Cameras of the rows. `None` (default) where the protocol reads no cameras.
        gallery_cameras: Cameras of the columns. `None` (default) where the protocol reads no cameras.
        protocol: A `Protocol` or its name. Defaults to `"cross-camera"`.
        ties: `"pessimistic"` (default): whoever scores the same as the true match is ranked before it, so a constant
            scorer wins nothing. `"optimistic"`: after it, as some published code has it.
        repeats: How many galleries are drawn. Defaults to `None`: the protocol's own number, 10.
        seed: A whole number, 0 or above. Defaults to 0.
        probes: The most probes of a repeat, drawn at random where there are more. Defaults to `None`: all.

    Returns:
        The `CMC`.

    Raises:
        ValueError: If the scores are no matrix of real numbers with one row a probe and one column a gallery image;
            if a score that is read is NaN; if `ties` is not known; and where `draw_trials` raises it.

    Example:
        >>> cmc([[0.9, 0.1], [0.8, 0.7]], [1, 2], [1, 2], [0, 0], [1, 1]).mean
        array([0.5, 1. ])

    References:
        SPEC section 5.
    """
    protocol = get_protocol(protocol)
    if ties not in TIES:
        raise ValueError(f"ties must be one of {', '.join(map(repr, TIES))}, received {ties!r}")
    scores, probe_ids, gallery_ids = _score_matrix(scores), np.asarray(probe_ids), np.asarray(gallery_ids)
    if scores.shape != probe_ids.shape + gallery_ids.shape:
        raise ValueError(
            f"scores must have one row for each of probe_ids, shape {probe_ids.shape}, and one column for each of "
            f"gallery_ids, shape {gallery_ids.shape}; received shape {scores.shape}"
        )
    trials = draw_trials(probe_ids, gallery_ids, probe_cameras, gallery_cameras, protocol, repeats, seed, probes)
    _check_scored(scores, trials, protocol)

    gallery = max(len(trial.gallery) for repeat in trials for trial in repeat)
    curves = np.empty((len(trials), gallery))
    for curve, repeat in zip(curves, trials, strict=True):
        ahead = np.concatenate([_impostors_ahead(scores, probe_ids, gallery_ids, trial, ties) for trial in repeat])
        curve[:] = np.cumsum(np.bincount(ahead, minlength=gallery)) / len(ahead)
    return CMC(protocol.name, ties, len(trials), int(seed), len(ahead), gallery, curves)


def _impostors_ahead(scores, probe_ids, gallery_ids, trial: Trial, ties: str) -> np.ndarray:
    """For each probe of a trial, how many of its gallery are ranked before its true match."""
    identities = gallery_ids[trial.gallery]
    order = np.argsort(identities)
    true_column = order[np.searchsorted(identities, probe_ids[trial.probes], sorter=order)]
    read = scores[np.ix_(trial.probes, trial.gallery)]
    true_score = np.take_along_axis(read, true_column[:, None], axis=1)
    if ties == "optimistic":
        return np.count_nonzero(read > true_score, axis=1)
    # The true match is among those that score at least as much as itself: it is no impostor.
    return np.count_nonzero(read >= true_score, axis=1) - 1


def _score_matrix(scores) -> np.ndarray:
    scores = np.asarray(scores)
    if scores.ndim != 2 or not scores.size:
        raise ValueError(
            f"scores must be a matrix of probes x gallery, at least 1 x 1; received an array of shape {scores.shape}"
        )
    if scores.dtype.kind not in "fiub":
        raise ValueError(f"scores must be real numbers, e.g. float32; received dtype {scores.dtype}")
    return scores


def _check_scored(scores: np.ndarray, trials: list[tuple[Trial, ...]], protocol: Protocol) -> None:
    missing = np.isnan(scores)
    if not missing.any():
        return
    needed = needed_pairs(trials, scores.shape)
    missing &= needed
    if missing.any():
        row, column = np.argwhere(missing)[0]
        raise InputError(
            f"{np.count_nonzero(missing)} of the {np.count_nonzero(needed)} scores that the protocol "
            f"{protocol.name!r} reads are NaN, the first at row {row}, column {column}. Score every pair that "
            "needed_pairs() marks for the trials of this protocol, repeats and seed; if all of them were scored, "
            "the scorer itself gave NaN"
        )
