"""How far figures of some probes may be from those of other people: a bootstrap over identities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tfnxc.metrics.resampling import PERCENTILES, resampled


def bootstrap_over_identities(
    identities: Sequence[ArrayLike], values: Sequence[ArrayLike], seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % interval of the mean of what was measured of probes, when other identities might have been drawn.

    Probes of one identity are not independent, so identities are drawn anew, with replacement, as many as there are,
    and each brings all of its probes of all repeats. Of each of 1,000 such samples the mean is taken: that of all of
    its probes, each counted by 1 over the number of probes of its repeat, so that of what was measured it is the mean
    over the repeats. The interval goes from the 2.5th to the 97.5th percentile of these means.

    Args:
        identities: For each repeat the identities of its probes, integers of shape `(probes,)`.
        values: For each repeat what was measured of them, of shape `(probes, figures)`.
        seed: Seed of the samples. Defaults to `0`.

    Returns:
        The lower and the upper ends, float64 of shape `(figures,)`.

    Raises:
        ValueError: If there is no probe.

    Example:
        >>> low, high = bootstrap_over_identities([[1, 2, 3, 4]], [[[0.0], [1.0], [1.0], [1.0]]])
        >>> low.tolist(), high.tolist()
        ([0.25], [1.0])

    References:
        Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13; Davison and Hinkley, "Bootstrap
        Methods and their Application", 1997, section 3.8, for samples of whole groups.
    """
    people, who = np.unique(np.concatenate([np.asarray(each) for each in identities]), return_inverse=True)
    if not len(people):
        raise ValueError("an interval is of at least one probe; received none")
    measured = [np.asarray(each, np.float64) for each in values]
    # In the mean over repeats a probe counts by the number of probes of its repeat.
    share = np.concatenate([np.full(len(each), 1 / len(each)) for each in measured])
    sums = np.zeros((len(people), measured[0].shape[1]))
    np.add.at(sums, who.ravel(), share[:, None] * np.concatenate(measured))
    counts = np.bincount(who.ravel(), share, len(people))
    drawn = resampled(len(people), seed)
    low, high = np.percentile((drawn @ sums) / (drawn @ counts)[:, None], PERCENTILES, axis=0)
    return low, high
