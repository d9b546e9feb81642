"""Where the true matches of each probe stand among its gallery, block by block of a score matrix."""

import dataclasses
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from tfnxc.errors import InputError
from tfnxc.metrics.matches import ExpectedMatches, Matches
from tfnxc.metrics.protocols import Labels, Protocol, Trial, draw, get_protocol
from tfnxc.number_checks import whole_number

TIES = ("pessimistic", "optimistic", "expected")
"""How ties may be counted: whoever scores the same as a true match stands before it; behind it; or in random order, of
which every figure is the expectation.
"""

_BLOCK = 1 << 21  # scores compared at a time: 8 MB of them, whatever the size of the matrix

TrialScores: TypeAlias = Callable[[Trial, slice], np.ndarray]
"""Scores that depend on the gallery: `(trial, block of its probes) -> scores (probes, pictures of its gallery)`."""


def rank_matches(scores: np.ndarray | TrialScores, labels: Labels, trials: tuple[Trial, ...], ties: str) -> Matches:
    """Ranks the true matches of a repeat's probes, trial by trial; raises `InputError` if a score it reads is NaN."""
    blocks = [(trial, block) for trial in trials for block in trial_blocks(trial)]
    ways = ("optimistic", "pessimistic") if ties == "expected" else (ties,)
    parts = [_rank_block(*read_block(scores, labels, *each), ways) for each in blocks]
    most = max(ranks.shape[1] for part in parts for ranks in part[2:])
    gallery, best, *ranks = (_joined(each, most) for each in zip(*parts, strict=True))
    wholes = tuple(trial.whole for trial in trials if trial.whole is not None)
    whole = rank_matches(scores, labels, wholes, ties) if wholes else None
    if ties == "expected":
        return ExpectedMatches(ranks[0], gallery, best, whole, worst=ranks[1])
    return Matches(ranks[0], gallery, best, whole)


def _joined(parts, width):
    """Arrays below each other; ranks are filled up with 0 to the same width."""
    return np.concatenate(
        [each if each.ndim == 1 else np.pad(each, [(0, 0), (0, width - each.shape[1])]) for each in parts]
    )


def read_block(
    scores: np.ndarray | TrialScores, labels: Labels, trial: Trial, block: slice
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A copy of a block's scores, whether both show one person, and whether the image is in the probe's gallery."""
    rows = trial.probes[block]
    columns = trial.gallery if trial.gallery.ndim == 1 else trial.gallery[block]
    read = scores(trial, block) if callable(scores) else scores[rows[:, None], columns]
    if np.ma.is_masked(read):  # what is masked is not known
        read = np.ma.filled(read.astype(np.result_type(read, np.float64)), np.nan)
    read = np.asarray(read)
    kept = np.broadcast_to(~np.asarray(trial.left_out(block)), read.shape)
    same = (labels.probe_ids[rows, None] == labels.gallery_ids[columns]) & kept
    missing = np.isnan(read) & kept
    if missing.any():
        row, column = np.argwhere(missing)[0]
        column = columns[column] if columns.ndim == 1 else columns[row, column]
        raise InputError(
            f"{np.count_nonzero(missing)} of the {np.count_nonzero(kept)} scores read first are NaN, such as that at "
            f"row {rows[row]}, column {column}. Score every pair that needed_pairs() marks for the trials of this "
            "protocol, repeats and seed; if all of them were scored, the scorer itself gave NaN"
        )
    return read, same, kept


def trial_blocks(trial: Trial) -> list[slice]:
    """Slices of a trial's probes, each of about two million scores."""
    step = max(1, _BLOCK // max(1, trial.gallery.shape[-1]))
    return [slice(start, start + step) for start in range(0, len(trial.probes), step)]


def _rank_block(scores, same, kept, ways):
    """Size of each row's gallery; score of its best match; for each way to count ties the ranks of its matches,
    ascending and filled up with 0.
    """
    counts = same.sum(axis=1)
    rows, columns = np.nonzero(same)
    values = scores[rows, columns]
    # The matches of a row from best to worst: sorted by value within the rows.
    order = np.lexsort((-values.astype(np.float64), rows))
    slots = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    others = kept & ~same
    ranks = [np.zeros((len(scores), counts.max(initial=0)), np.int64) for _ in ways]
    for slot in range(counts.max(initial=0)):
        at = order[slots == slot]
        who = rows[at]
        block, mask = (scores, others) if len(who) == len(scores) else (scores[who], others[who])
        true = values[at, None]
        for found, way in zip(ranks, ways, strict=True):
            ahead = (block >= true) if way == "pessimistic" else (block > true)
            found[who, slot] = np.count_nonzero(ahead & mask, axis=1) + slot + 1
    return kept.sum(axis=1), np.where(same, scores, -np.inf).max(axis=1, initial=-np.inf), *ranks


@dataclasses.dataclass(frozen=True, eq=False)
class RankLists:
    """The best of the gallery for each probe.

    Args:
        protocol: Name of the protocol.
        probes: Integers of shape `(probes,)`: rows of the score matrix.
        columns: Integers of shape `(probes, k)`: columns of the score matrix, best first; -1 beyond the gallery.
        scores: Scores of these columns; NaN beyond the gallery.
        same: Whether each shows the probe's identity.
        first_match: Integers of shape `(probes,)`: the rank of the best true match, 1 or above.
    """

    protocol: str
    probes: np.ndarray
    columns: np.ndarray
    scores: np.ndarray
    same: np.ndarray
    first_match: np.ndarray


def rank_lists(
    scores: ArrayLike,
    probe_ids: ArrayLike,
    gallery_ids: ArrayLike,
    probe_cameras: ArrayLike | None = None,
    gallery_cameras: ArrayLike | None = None,
    protocol: str | Protocol = "cross-camera",
    ties: str = "pessimistic",
    seed: int = 0,
    probes: int | None = None,
    k: int = 20,
) -> RankLists:
    """The best `k` of the gallery for each probe, under the first draw of a protocol.

    Arguments are those of `cmc`, and `k`, how many are listed, 1 or above. `ties` says which of equal scores stands
    first: somebody else's image (`"pessimistic"`, the default) or a true match; among those, the first column.

    Raises:
        ValueError: As in `cmc`, and if `ties` is `"expected"`.

    Example:
        >>> rank_lists([[0.9, 0.1], [0.8, 0.7]], [1, 2], [1, 2], k=2).columns
        array([[0, 1],
               [0, 1]])
    """
    protocol, given, labels = check_scores(
        scores, probe_ids, gallery_ids, probe_cameras, gallery_cameras, protocol, ties
    )
    if ties == "expected":
        raise ValueError("ties='expected' is of figures; a list has one order: 'pessimistic' or 'optimistic'")
    k = whole_number("k", k, least=1)
    (trials,) = draw(labels, protocol, 1, seed, probes)
    found = rank_matches(given, labels, trials, ties)
    rows = np.concatenate([trial.probes for trial in trials])
    columns, shown = np.full((len(rows), k), -1), np.full((len(rows), k), np.nan)
    same = np.zeros((len(rows), k), bool)
    at = 0
    for trial in trials:
        for block in trial_blocks(trial):
            for row, (values, true, kept) in enumerate(zip(*read_block(given, labels, trial, block), strict=True)):
                gallery = trial.gallery if trial.gallery.ndim == 1 else trial.gallery[block][row]
                best = _best(values, true, kept, ties, k, gallery)
                columns[at, : len(best)], shown[at, : len(best)] = gallery[best], values[best]
                same[at, : len(best)] = true[best]
                at += 1
    return RankLists(protocol.name, rows, columns, shown, same, found.first)


def _best(values, true, kept, ties, k, gallery):
    """Positions of the `k` best of a gallery, best first."""
    there = np.flatnonzero(kept)
    if len(there) > k:
        # Everything down to the k-th best score, ties included; only that is sorted.
        there = there[values[there] >= np.partition(values[there], -k)[-k]]
    first = true[there] if ties == "pessimistic" else ~true[there]
    return there[np.lexsort((gallery[there], first, -values[there].astype(np.float64)))][:k]


def check_scores(
    scores, probe_ids, gallery_ids, probe_cameras, gallery_cameras, protocol, ties
) -> tuple[Protocol, np.ndarray | TrialScores, Labels]:
    """The checked arguments of a metric: the `Protocol`, the score matrix as an array, its `Labels`.

    What is called with the trials, `TrialScores`, stays as it is.
    """
    protocol = get_protocol(protocol)
    check_ties(ties)
    labels = Labels.of(probe_ids, gallery_ids, probe_cameras, gallery_cameras)
    if callable(scores):
        return protocol, scores, labels
    scores = np.asanyarray(scores)
    if scores.ndim != 2 or not scores.size:
        raise ValueError(f"scores must be a matrix of probes x gallery, at least 1 x 1; received shape {scores.shape}")
    if scores.dtype.kind not in "fiub":
        raise ValueError(f"scores must be real numbers, e.g. float32; received dtype {scores.dtype}")
    if scores.shape != labels.shape:
        raise ValueError(
            f"scores must have one row for each of the {labels.shape[0]} probe_ids and one column for each of the "
            f"{labels.shape[1]} gallery_ids; received shape {scores.shape}"
        )
    return protocol, scores, labels


def check_ties(ties: str) -> None:
    """Raises a `ValueError` unless this is one of `TIES`."""
    if ties not in TIES:
        raise ValueError(f"ties must be one of {', '.join(map(repr, TIES))}, received {ties!r}")
