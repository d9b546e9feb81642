"""The pairs of one epoch of SPEC section 4, as indices of images."""

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

POSITIVES = ("any", "cross-camera")
"""Which pairs of one identity's images are positives."""


def positive_pairs(identities: np.ndarray, cameras: np.ndarray | None = None) -> np.ndarray:
    """Every unordered pair of images of one identity, with `cameras` only those across cameras: shape `(pairs, 2)`."""
    members = [np.flatnonzero(identities == identity) for identity in np.unique(identities)]
    pairs = np.array([pair for images in members for pair in itertools.combinations(images, 2)], np.int32).reshape(
        -1, 2
    )
    return pairs if cameras is None else pairs[cameras[pairs[:, 0]] != cameras[pairs[:, 1]]]


def negative_probes(positives: np.ndarray) -> np.ndarray:
    """The probe of each negative: two negatives go with a positive, and its first image is their probe."""
    return np.repeat(positives[:, 0], 2)


def others_of(identities: np.ndarray, probes: np.ndarray, draw: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The images of other identities than the probes' that are the `draw`-th of those.

    `draw(count)` gives for each probe some integers below its `count`, the number of such images.
    """
    # With images in the order of their identities, those of one identity are a run that a draw steps over.
    order = np.argsort(identities, kind="stable")
    ordered = identities[order]
    start = np.searchsorted(ordered, identities[probes], "left")
    count = np.searchsorted(ordered, identities[probes], "right") - start
    drawn = draw(len(identities) - count)
    start, count = (each.reshape(-1, *[1] * (drawn.ndim - 1)) for each in (start, count))
    return order[drawn + count * (drawn >= start)]


def pair_indices(
    identities: ArrayLike,
    seed: int,
    number: int,
    positives: np.ndarray | None = None,
    hard_negatives: np.ndarray | None = None,
) -> np.ndarray:
    """The pairs of one epoch: each positive (by default all there are) with its two negatives, shuffled.

    `hard_negatives` has for each of `negative_probes` the image to take as its second, or -1 for a random one.

    Returns:
        int32 array of shape `(3 * positives, 3)`: index of the probe, index of the gallery image, 1 for same.
    """
    rng = np.random.default_rng([seed, number])
    identities = np.asarray(identities)
    positives = positive_pairs(identities) if positives is None else positives
    probes = negative_probes(positives)
    others = others_of(identities, probes, lambda count: rng.integers(0, count))
    if hard_negatives is not None:
        if np.shape(hard_negatives) != probes.shape:
            raise ValueError(
                f"hard_negatives must be {len(probes)} images or -1; got shape {np.shape(hard_negatives)}."
            )
        others = np.where(hard_negatives >= 0, hard_negatives, others)
    same = np.column_stack([positives, np.ones(len(positives), int)])
    different = np.column_stack([probes, others, np.zeros(len(probes), int)])
    return rng.permutation(np.concatenate([same, different])).astype(np.int32)
