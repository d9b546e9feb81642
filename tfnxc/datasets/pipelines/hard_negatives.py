"""Hard negatives: the images of other people that the current model takes most for the probe's person."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from tfnxc.datasets.pipelines.pair_indices import others_of

NEGATIVES = ("uniform", "hard")
"""How the negatives of an epoch are chosen."""


def hard_negatives(
    identities: ArrayLike,
    probes: ArrayLike,
    score: Callable[[np.ndarray], np.ndarray],
    number: int,
    seed: int = 0,
    pool: int = 20,
    share: float = 0.5,
) -> np.ndarray:
    """Negatives for an epoch: for each probe the hardest of a random pool.

    A pool of images of other identities is drawn anew for each probe and epoch, and those that the model scores highest
    are taken. `share` of the negatives are hard ones, evenly spread; the others stay random, so that the model keeps
    seeing ordinary ones.

    Args:
        identities: Integers, one an image.
        probes: The probe of each negative of the epoch, `PairPipeline.probes_of_negatives`.
        score: `pairs -> scores`: the probability that both images of a pair, indices of shape `(pairs, 2)`, show one
            person, such as `tfnxc.scoring.PairScorer(model, images).score`.
        number: Number of the epoch.
        seed: Seed of the pipeline. Defaults to `0`.
        pool: Images in a probe's pool, or as many as every probe has of others, if that is less. Defaults to `20`.
        share: Share of the negatives that are hard, above 0 and at most 1. Defaults to `0.5`.

    Returns:
        int32 array, one a negative, for `PairPipeline.one_epoch`: the image to take as its second, or -1 for a random
        one. Where a probe has more hard negatives than its pool has images, the hardest come again.

    Raises:
        ValueError: If `pool` or `share` is out of range.

    Example:
        >>> pairs = tfnxc.datasets.PairPipeline(images, people.identities[:12], batch_size=18)
        >>> scorer = tfnxc.scoring.PairScorer(model, pairs.images)
        >>> hard = hard_negatives(pairs.identities, pairs.probes_of_negatives, scorer.score, number=0)
        >>> batches = pairs.one_epoch(0, hard_negatives=hard)

    References:
        SPEC section 4; Ahmed, Jones, Marks, "An Improved Deep Learning Architecture for Person Re-Identification",
        CVPR 2015, which takes the worst of all negatives and fine-tunes the top layer on them.
    """
    if pool < 1 or not 0 < share <= 1:
        raise ValueError(f"pool must be 1 or more and share above 0 and at most 1; got {pool} and {share}.")
    identities, probes = np.asarray(identities), np.asarray(probes)
    counted = np.floor(share * np.arange(len(probes) + 1))
    hard = np.flatnonzero(np.diff(counted))
    hardest = np.full(len(probes), -1, np.int32)
    scored = np.unique(probes[hard])
    # The 1 keeps these draws apart from those of `pair_indices`.
    rng = np.random.default_rng([seed, number, 1])

    def draw(count):
        size = min(pool, count.min())
        return np.stack([rng.choice(each, size, replace=False) for each in count])

    candidates = others_of(identities, scored, draw)
    pairs = np.column_stack([np.repeat(scored, candidates.shape[1]), candidates.ravel()])
    scores = np.reshape(score(pairs), candidates.shape)
    ranked = np.take_along_axis(candidates, np.argsort(-scores, axis=1, kind="stable"), axis=1)
    # The first hard negative of a probe takes the hardest image, the second the next, and so on.
    hard = hard[np.argsort(probes[hard], kind="stable")]
    row = np.searchsorted(scored, probes[hard])
    place = np.arange(len(hard)) - np.searchsorted(row, row)
    hardest[hard] = ranked[row, place % ranked.shape[1]]
    return hardest
