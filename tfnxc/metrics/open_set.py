"""Open-set figures: who is found in a gallery that may not hold them, at a rate of false alarms."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from tfnxc.metrics.matches import ExpectedMatches, Matches
from tfnxc.metrics.protocols import Labels, Trial
from tfnxc.metrics.ranking import TrialScores, read_block, trial_blocks
from tfnxc.number_checks import real_number, whole_number

FALSE_ALARM_RATES = (0.01, 0.1)
"""Shares of strangers' probes that raise a false alarm, at which results say who is found."""

DETECTION_RANKS = (1, 5, 10, 20)
"""Ranks at which results say so."""


def threshold_at(scores: ArrayLike, rate: float) -> float | None:
    """The lowest of some scores at or above which is no larger share of them than `rate`.

    Args:
        scores: Scores of what should not be accepted.
        rate: A share in [0, 1].

    Returns:
        The score; `None` where there is none, because they are too few or the highest are equal.

    Example:
        >>> threshold_at([0.1, 0.2, 0.3, 0.4, 0.5], 0.4), threshold_at([0.1, 0.2, 0.3], 0.1)
        (0.4, None)
    """
    scores, counts = np.unique(np.asarray(scores).ravel(), return_counts=True)
    above = np.cumsum(counts[::-1])[::-1]
    # A hair more, because 0.07 * 100 is more than 7.
    allowed = np.flatnonzero(above <= real_number("rate", rate, most=1) * counts.sum() * (1 + 1e-9))
    return float(scores[allowed[0]]) if len(allowed) else None


@dataclasses.dataclass(frozen=True, eq=False)
class OpenSet:
    """Searches in one gallery: probes of people who are in it, and of strangers, who are not.

    A probe raises an alarm where the highest score of its gallery is at or above a threshold. The false alarm rate is
    the share of strangers' probes that do. The detection and identification rate at rank k is the share of the other
    probes whose best match has a score at or above the threshold and is among the k best.

    Args:
        scores: Of the best match of each probe that has one.
        ranks: Its rank, 1 or above.
        highest: The highest score of each stranger's probe.
        absent: The identities that were taken out of the gallery. Defaults to none: they are not kept.
        worst: Where the best match may have any rank from `ranks` on, because others have its score, the last of these
            ranks. Defaults to `None`: its rank is certain.

    Example:
        >>> searches = OpenSet(np.array([0.9, 0.6, 0.4]), np.array([1, 2, 1]), np.array([0.7, 0.5]))
        >>> searches.threshold(0.5), searches.rate(0.5, k=1), searches.rate(1.0, k=2)
        (0.7, 0.3333333333333333, 0.6666666666666666)

    References:
        Liao, Mo, Zhu, Hu and Li, "Open-set Person Re-identification", 2014, arXiv:1408.0872, and its benchmark code.
    """

    scores: np.ndarray
    ranks: np.ndarray
    highest: np.ndarray
    absent: Sequence[Any] = ()
    worst: np.ndarray | None = None

    @classmethod
    def of(cls, matches: Matches, highest: np.ndarray, absent: Sequence[Any] = ()) -> Self:
        """That of the `Matches` of a gallery with one image an identity."""
        worst = matches.worst[:, 0] if isinstance(matches, ExpectedMatches) else None
        return cls(matches.scores, matches.ranks[:, 0], highest, absent, worst)

    def threshold(self, false_alarm_rate: float) -> float | None:
        """The lowest of the strangers' scores at which the false alarm rate is not above the one asked for, in [0, 1].

        `None` where they are too few for that.
        """
        return threshold_at(self.highest, false_alarm_rate)

    def rate(self, false_alarm_rate: float, k: int = 1) -> float | None:
        """The detection and identification rate at rank `k`; `None` where there is no threshold."""
        k, threshold = whole_number("k", k, least=1), self.threshold(false_alarm_rate)
        if threshold is None:
            return None
        worst = self.ranks if self.worst is None else self.worst
        found = np.clip((k + 1 - self.ranks) / (worst + 1 - self.ranks), 0, 1)
        return float(np.mean((self.scores >= threshold) * found))


def highest_scores(scores: np.ndarray | TrialScores, labels: Labels, trials: Iterable[Trial]) -> np.ndarray:
    """The highest score of each stranger's probe of a repeat; raises `InputError` if a score it reads is NaN."""
    found = []
    for trial in (each.of_strangers for each in trials):
        for block in trial_blocks(trial):
            read, _, kept = read_block(scores, labels, trial, block)
            found.append(np.where(kept, read, -np.inf).max(axis=1, initial=-np.inf))
    return np.concatenate(found) if found else np.zeros(0)
