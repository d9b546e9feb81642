"""The pairs of one epoch of SPEC section 4, as indices of images, and their hard negatives."""

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

POSITIVES = ("any", "cross-camera")  # which pairs of one identity's images are positives
NEGATIVES = ("uniform", "hard")  # how the negatives of an epoch are chosen


def positive_pairs(identities: np.ndarray, cameras: np.ndarray | None = None) -> np.ndarray:
    """Every unordered pair of images of one identity, with `cameras` only those across cameras: shape `(pairs, 2)`."""
    members = [np.flatnonzero(identities == identity) for identity in np.unique(identities)]
    found = [pair for images in members for pair in itertools.combinations(images, 2)]
    pairs = np.array(found, np.int32).reshape(-1, 2)
    return pairs if cameras is None else pairs[cameras[pairs[:, 0]] != cameras[pairs[:, 1]]]


def negative_probes(positives: np.ndarray) -> np.ndarray:
    """The probe of each negative: two negatives go with a positive, and its first image is their probe."""
    return np.repeat(positives[:, 0], 2)


def others_of(identities: np.ndarray, probes: np.ndarray, draw: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Images of other identities than the probes'; `draw(count)` gives for each probe integers below their `count`."""
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

    `hard_negatives` has for each of `negative_probes` the image to take as its second, or -1 for a random one. A row
    of the int32 array has the index of the probe, the index of the gallery image, and 1 for same.
    """
    rng = np.random.default_rng([seed, number])
    identities = np.asarray(identities)
    positives = positive_pairs(identities) if positives is None else positives
    probes = negative_probes(positives)
    others = others_of(identities, probes, lambda count: rng.integers(0, count))
    if hard_negatives is not None:
        shape = np.shape(hard_negatives)
        if shape != probes.shape:
            raise ValueError(f"hard_negatives must be {len(probes)} images or -1; got shape {shape}.")
        others = np.where(hard_negatives >= 0, hard_negatives, others)
    same = np.column_stack([positives, np.ones(len(positives), int)])
    different = np.column_stack([probes, others, np.zeros(len(probes), int)])
    return rng.permutation(np.concatenate([same, different])).astype(np.int32)


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
    hard = np.flatnonzero(np.diff(np.floor(share * np.arange(len(probes) + 1))))
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
