"""Samples of people with replacement, of which intervals are percentiles (the bootstrap)."""

import numpy as np

RESAMPLES = 1000
"""Samples of the people."""

PERCENTILES = (2.5, 97.5)
"""Those of 95 %."""


def resampled(people: int, seed: int) -> np.ndarray:
    """How often each of so many people is in each sample: floats of shape `(RESAMPLES, people)`.

    Example:
        >>> weights = resampled(6, seed=0)
        >>> weights.shape, set(weights.sum(axis=1).tolist())
        ((1000, 6), {6.0})

    References:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993.
    """
    return np.random.default_rng([seed, 4]).multinomial(people, np.full(people, 1 / people), size=RESAMPLES) * 1.0
