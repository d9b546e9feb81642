"""The pairs of one pass of SPEC section 4, as indices of images."""

from __future__ import annotations

import itertools

import numpy as np


def positive_pairs(identities, cameras=None):
    """Every unordered pair of images of one identity.

    Args:
        identities: Integers, one an image.
        cameras: Integers, one an image: only pairs across cameras. Defaults to `None`: any pair.

    Returns:
        int32 array of shape `(pairs, 2)`, ordered by identity and image.
    """
    members = [np.flatnonzero(identities == identity) for identity in np.unique(identities)]
    pairs = [pair for images in members for pair in itertools.combinations(images, 2)]
    pairs = np.array(pairs, np.int32).reshape(-1, 2)
    return pairs if cameras is None else pairs[cameras[pairs[:, 0]] != cameras[pairs[:, 1]]]


def negative_probes(positives):
    """The probe of each negative: two negatives go with a positive, and its first image is their probe."""
    return np.repeat(positives[:, 0], 2)


def others_of(identities, probes, draw):
    """The images of other identities than the probes' that are the `draw`-th of those.

    Args:
        identities: Integers, one an image.
        probes: Indices of images.
        draw: `count -> integers`: for each probe some integers below its `count`, the number of such images.

    Returns:
        Indices of images, of the shape that `draw` gives.
    """
    # With images in the order of their identities, those of one identity are a run that a draw from all others steps
    # over.
    order = np.argsort(identities, kind="stable")
    ordered = identities[order]
    start = np.searchsorted(ordered, identities[probes], "left")
    count = np.searchsorted(ordered, identities[probes], "right") - start
    drawn = draw(len(identities) - count)
    start, count = (each.reshape(-1, *[1] * (drawn.ndim - 1)) for each in (start, count))
    return order[drawn + count * (drawn >= start)]


def pair_indices(identities, seed, number, positives=None, mined=None):
    """The pairs of one pass: each positive with its two negatives, shuffled.

    Args:
        identities: Integers, one an image.
        seed: Seed of the pipeline.
        number: Number of the pass.
        positives: The positives, as from `positive_pairs`. Defaults to `None`: all of them.
        mined: For each negative, in the order of `negative_probes`, the image to take as its second, or -1 for the
            random one. Defaults to `None`: all random.

    Returns:
        int32 array of shape `(3 * positives, 3)`: index of the probe, index of the gallery image, 1 for same.

    Raises:
        ValueError: If `mined` does not belong to these positives.
    """
    rng = np.random.default_rng([seed, number])
    identities = np.asarray(identities)
    positives = positive_pairs(identities) if positives is None else positives
    probes = negative_probes(positives)
    others = others_of(identities, probes, lambda count: rng.integers(0, count))
    if mined is not None:
        if np.shape(mined) != probes.shape:
            raise ValueError(f"{len(probes)} negatives need as many mined ones or -1; got {np.shape(mined)}.")
        others = np.where(mined >= 0, mined, others)
    pairs = np.concatenate(
        [
            np.column_stack([positives, np.ones(len(positives), int)]),
            np.column_stack([probes, others, np.zeros(len(probes), int)]),
        ]
    )
    return rng.permutation(pairs).astype(np.int32)
