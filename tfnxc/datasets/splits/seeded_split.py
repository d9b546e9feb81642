"""Splits drawn at random, which a seed brings back."""

import numpy as np
from numpy.typing import ArrayLike

from tfnxc.datasets.splits.split import Split
from tfnxc.errors import InputError


def seeded_split(identities: ArrayLike, test: int, seed: int) -> Split:
    """A random split: `test` of the identities test, the others train.

    The identities, in ascending order, get one number each of `numpy.random.default_rng(seed).random`; those with the
    smallest test. These numbers are the bits of the generator, so every version of NumPy gives the same split, which
    its `permutation` does not promise.

    Args:
        identities: Integers, one or more an identity, such as `ImageSet.identities`.
        test: How many identities test.
        seed: A whole number, 0 or above.

    Returns:
        A `Split` called `"random-TEST-SEED"`.

    Raises:
        InputError: If `test` leaves no identity for one of the parts, or the seed is below 0.

    Example:
        >>> seeded_split(people.identities, test=2, seed=0).test
        (2, 3)
    """
    everyone = np.unique(identities)
    everyone = everyone[everyone >= 0]  # neither junk nor distractors
    if len(everyone) < 2:
        raise InputError(f"a random split needs 2 identities or more; got {len(everyone)}.")
    if not isinstance(test, int | np.integer) or not 0 < test < len(everyone):
        raise InputError(f"a random split needs 1 to {len(everyone) - 1} test identities; got {test}.")
    if seed < 0:
        raise InputError(f"a random split needs a seed of 0 or above; got {seed}.")
    numbers = np.random.default_rng(seed).random(len(everyone))
    drawn = everyone[np.argsort(numbers, kind="stable")].tolist()
    source = f"{len(everyone)} identities sorted by numpy.random.default_rng({seed}).random, the first {test} test"
    return Split(f"random-{test}-{seed}", source, drawn[test:], drawn[:test], seed=seed)
