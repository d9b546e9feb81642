"""Training pairs of SPEC section 4 as a `tf.data` pipeline that feeds `model.fit`."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import tensorflow as tf

from tfnxc.errors import InputError

SHIFT = 0.05
"""Largest translation, as a share of height and of width (SPEC section 4)."""


@dataclasses.dataclass(frozen=True)
class PairPipeline:
    """Batches of image pairs, one pass after the other, the same for the same seed.

    Every unordered pair of one identity's images is a positive; with each go two negatives, its first image with a
    random image of another identity. Pairs are shuffled and negatives drawn anew each pass. The decoded images stay in
    memory; scaling, translation by up to 5 % with zero fill and horizontal flips run in the graph, on each image of a
    pair by itself.

    Args:
        images: uint8 array of shape `(images, height, width, 3)`.
        identities: Integers, one an image.
        batch_size: Pairs a batch; the last batch of a pass may be smaller. Defaults to `128`.
        seed: A whole number, 0 or above. Defaults to `0`.
        augment: Whether images are translated and flipped. Defaults to `True`.

    Raises:
        ValueError: If an argument is not as described.
        InputError: If no identity has two images, or there are fewer than two identities.

    Example:
        >>> people = tfnxc.datasets.synthetic(identities=8)
        >>> pairs = tfnxc.datasets.PairPipeline(people.images(), people.identities, batch_size=16)
        >>> model.fit(pairs.dataset(), steps_per_epoch=pairs.steps_per_pass, epochs=2)

    References:
        SPEC section 4; Subramaniam et al., NIPS 2016.
    """

    images: np.ndarray = dataclasses.field(repr=False)
    identities: np.ndarray = dataclasses.field(repr=False)
    batch_size: int = 128
    seed: int = 0
    augment: bool = True

    def __post_init__(self):
        shape, dtype = np.shape(self.images), getattr(self.images, "dtype", None)
        if len(shape) != 4 or dtype != np.uint8:
            raise ValueError(f"images must be uint8 of shape (images, height, width, 3); got {dtype} of shape {shape}.")
        object.__setattr__(self, "identities", np.asarray(self.identities))
        if self.identities.shape != shape[:1]:
            raise ValueError(f"{shape[0]} images need as many identities; got {self.identities.shape}.")
        if self.batch_size < 1 or self.seed < 0:
            raise ValueError(f"batch_size must be 1 or more and seed 0 or more; got {self.batch_size} and {self.seed}.")
        if len(np.unique(self.identities)) < 2 or not len(positive_pairs(self.identities)):
            raise InputError("pairs need at least two identities, one of them with at least two images.")

    @property
    def pairs_per_pass(self):
        """Pairs in one pass over the positives: three for each."""
        return 3 * len(positive_pairs(self.identities))

    @property
    def steps_per_pass(self):
        """Batches in one pass."""
        return math.ceil(self.pairs_per_pass / self.batch_size)

    def dataset(self, first_pass=0):
        """An endless `tf.data.Dataset` of passes.

        Args:
            first_pass: Number of the first pass; a resumed training starts at the one it had not finished. Defaults
                to `0`.

        Returns:
            Dataset of `({"probe": images, "gallery": images}, same)`: float32 of shape `(batch, height, width, 3)` in
            [0, 1], and int32 of shape `(batch,)`, 1 where both show one person.
        """
        images = tf.constant(self.images)

        def pairs_of(number):
            return pair_indices(self.identities, self.seed, int(number))

        def one_pass(number):
            pairs = tf.ensure_shape(tf.numpy_function(pairs_of, [number], tf.int32), [self.pairs_per_pass, 3])
            batches = tf.data.Dataset.from_tensor_slices(pairs).batch(self.batch_size).enumerate()
            return batches.map(lambda step, batch: load(number * self.steps_per_pass + step, batch))

        def load(step, batch):
            # One seed a batch of the whole training, so that a resumed run continues with the same pictures.
            seed = tf.stack([tf.constant(self.seed, tf.int64), step])
            both = tf.gather(images, tf.concat([batch[:, 0], batch[:, 1]], axis=0))
            if self.augment:
                both = augment(both, seed)
            probe, gallery = tf.split(to_input(both), 2)
            return {"probe": probe, "gallery": gallery}, batch[:, 2]

        return tf.data.Dataset.range(first_pass, np.iinfo(np.int64).max).flat_map(one_pass).prefetch(tf.data.AUTOTUNE)


def to_input(images):
    """What the models read of uint8 images: float32 in [0, 1], no mean subtraction (SPEC section 3)."""
    return tf.cast(images, tf.float32) / 255.0


def positive_pairs(identities):
    """Every unordered pair of images of one identity: int array (pairs, 2), ordered by identity and image."""
    members = [np.flatnonzero(identities == identity) for identity in np.unique(identities)]
    pairs = [pair for images in members for pair in itertools.combinations(images, 2)]
    return np.array(pairs, np.int32).reshape(-1, 2)


def pair_indices(identities, seed, number):
    """The pairs of one pass: each positive with its two negatives, shuffled.

    Args:
        identities: Integers, one an image.
        seed: Seed of the pipeline.
        number: Number of the pass.

    Returns:
        int32 array of shape `(3 * positives, 3)`: index of the probe, index of the gallery image, 1 for same.
    """
    rng = np.random.default_rng([seed, number])
    identities = np.asarray(identities)
    positives = positive_pairs(identities)
    # A random image of another identity: with images in the order of their identities, those of one identity are a run
    # that a draw from all the others steps over.
    order = np.argsort(identities, kind="stable")
    ordered = identities[order]
    firsts = np.repeat(positives[:, 0], 2)
    start = np.searchsorted(ordered, identities[firsts], "left")
    count = np.searchsorted(ordered, identities[firsts], "right") - start
    draw = rng.integers(0, len(identities) - count)
    others = order[draw + count * (draw >= start)]
    pairs = np.concatenate(
        [
            np.column_stack([positives, np.ones(len(positives), int)]),
            np.column_stack([firsts, others, np.zeros(len(firsts), int)]),
        ]
    )
    return rng.permutation(pairs).astype(np.int32)


def augment(images, seed):
    """Each image translated by up to 5 % of height and width, zeros moving in, and flipped or not, at random.

    Args:
        images: Tensor of shape `(images, height, width, channels)`, all known but the first.
        seed: Two integers: the same seed gives the same images.

    Returns:
        Tensor like `images`.
    """
    _, height, width, _ = images.shape
    draws = tf.random.stateless_uniform([3, tf.shape(images)[0]], seed)
    down, right = int(SHIFT * height), int(SHIFT * width)
    top, left = (
        tf.cast(draw * (2 * most + 1), tf.int32)
        for draw, most in zip(tf.unstack(draws[:2]), (down, right), strict=True)
    )
    padded = tf.pad(images, [[0, 0], [down, down], [right, right], [0, 0]])
    rows = top[:, None] + tf.range(height)
    columns = tf.range(width)[None]
    columns = left[:, None] + tf.where(draws[2][:, None] < 0.5, columns, width - 1 - columns)
    return tf.gather(tf.gather(padded, rows, axis=1, batch_dims=1), columns, axis=2, batch_dims=1)
