"""Training pairs of SPEC section 4 as a `tf.data` pipeline that feeds `model.fit`."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from tfnxc.datasets.pipelines.pair_indices import negative_probes, pair_indices, positive_pairs
from tfnxc.datasets.pipelines.pipeline import Pipeline
from tfnxc.errors import InputError

SHARD_POLICIES = ("off", "auto", "data", "file", "hint")
"""Names of `tf.data.experimental.AutoShardPolicy`."""


@dataclasses.dataclass(frozen=True)
class PairPipeline(Pipeline):
    """Batches of image pairs, one pass after the other, the same for the same seed.

    Every unordered pair of one identity's images is a positive; with each go two negatives, its first image with a
    random image of another identity. Pairs are shuffled and negatives drawn anew each pass. The decoded images stay in
    memory; scaling, translation by up to 5 % with zero fill and horizontal flips run in the graph, on each image of a
    pair by itself.

    Args:
        images: uint8 array of shape `(images, height, width, 3)`.
        identities: Integers, one an image: who it is, 0 or above.
        batch_size: Pairs a batch, over all workers; the last batch of a pass may be smaller. Defaults to `128`.
        seed: A whole number, 0 or above. Defaults to `0`.
        augment: Whether images are translated and flipped. Defaults to `True`.
        cameras: Integers, one an image: which camera took it. Defaults to `None`: not known.
        positives: `"any"`, or `"cross-camera"`: only pairs of images by different cameras. Defaults to `"any"`, as the
            paper.
        shard: `(number, of)`: this pipeline gives every batch's share of the worker `number` of `of`, counted from 0;
            together the workers' shares are the batch that one worker alone would get. Defaults to `None`: all of it.
        deterministic: Whether batches come in their order. `False` lets a batch that is ready overtake one that is not,
            so a training cannot be repeated or resumed exactly. Defaults to `True`.
        threads: Size of a pool of threads that this pipeline has for itself. Defaults to `None`: it shares
            TensorFlow's pool.
        prefetch: Batches made ready ahead. Defaults to `4`.
        light: How far exposure, contrast, saturation and colour of the light of each image are changed; 1 is much.
            Defaults to `0.0`: not, as published.
        erase: Share of the images of which a rectangle is hidden. Defaults to `0.0`: none, as published.
        shard_policy: What `tf.distribute` does with the dataset where it distributes it to several workers:
            `"off"`: nothing, each worker reads the whole of it; `"data"`: each worker makes the whole and discards what
            is for the others; `"file"`: each worker reads some of the input files, of which images in memory have none;
            `"auto"`: files where there are any, or else data; `"hint"`: the place where the dataset itself names a
            shard, which this one does not. Defaults to `"off"`, because of `shard`.

    Raises:
        ValueError: If an argument is not as described.
        InputError: If there are fewer than two identities, no positive, or not enough pairs in a batch for each worker.

    Example:
        >>> people = tfnxc.datasets.synthetic(identities=8)
        >>> pairs = tfnxc.datasets.PairPipeline(people.images(), people.identities, batch_size=16)
        >>> model.fit(pairs.dataset(), steps_per_epoch=pairs.steps_per_epoch, epochs=2)

        With several workers of one device each, whose shares `tf.distribute` is to take as they are:

        >>> def share(context):
        ...     shard = context.input_pipeline_id, context.num_input_pipelines
        ...     return tfnxc.datasets.PairPipeline(people.images(), people.identities, shard=shard).dataset()
        >>> batches = strategy.distribute_datasets_from_function(share)

    References:
        SPEC section 4; Subramaniam et al., NIPS 2016.
    """

    _: dataclasses.KW_ONLY
    shard_policy: str = "off"

    def __post_init__(self):
        super().__post_init__()
        self._check_known("shard_policy", SHARD_POLICIES)
        self._check_pairs(len(np.unique(self.identities)) > 1 and len(self._positives))
        self._check_shard()

    def _check_shard(self):
        if self.shard is None:
            return
        _, of = self.shard
        if self.shard_policy != "off":
            raise ValueError(
                f"shard goes with shard_policy 'off', or shares are shared again; got {self.shard_policy!r}."
            )
        least = min(self.batch_size, self.pairs_per_epoch - (self.steps_per_epoch - 1) * self.batch_size)
        if least < of:
            raise InputError(
                f"the smallest batch of a pass has {least} of {self.pairs_per_epoch} pairs, too few for {of} workers: "
                "choose another batch_size."
            )

    @functools.cached_property
    def _positives(self):
        return positive_pairs(self.identities, self.cameras if self.uses_cameras else None)

    @property
    def pairs_per_epoch(self):
        """Pairs in one pass over the positives: three for each."""
        return 3 * len(self._positives)

    @property
    def probes_of_negatives(self):
        """The probe of each negative of a pass: int32 array of shape `(2 * positives,)`."""
        return negative_probes(self._positives)

    def pairs(self, number, mined=None):
        """The pairs of one pass, as `pair_indices` gives them.

        Args:
            number: Number of the pass, from 0.
            mined: Negatives to take in place of random ones, as from `hard_negatives`. Defaults to `None`.
        """
        return pair_indices(self.identities, self.seed, int(number), self._positives, mined)

    def dataset(self, first_epoch=0, first_step=0):
        """An endless `tf.data.Dataset` of epochs.

        Args:
            first_epoch: Number of the first pass; a resumed training starts at the one it had not finished. Defaults
                to `0`.
            first_step: Number of the first batch in the first pass. Defaults to `0`.

        Returns:
            Dataset of `({"probe": images, "gallery": images}, same)`: float32 of shape `(batch, height, width, 3)` in
            [0, 1], and int32 of shape `(batch,)`, 1 where both show one person. From any start it gives exactly the
            batches that follow there when it starts at 0.

        Raises:
            ValueError: If there is no such pass or step.
        """
        self._check_position(first_epoch, first_step)

        def one_epoch(number):
            pairs = tf.ensure_shape(tf.numpy_function(self.pairs, [number], tf.int32), [self.pairs_per_epoch, 3])
            skipped = tf.where(number == first_epoch, tf.constant(first_step, tf.int64), 0)
            return self._numbered(pairs, number * self.steps_per_epoch).skip(skipped)

        epochs = tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max).flat_map(one_epoch)
        return self._loaded(epochs, self.shard_policy.upper())

    def one_epoch(self, number, first_step=0, mined=None):
        """The batches of one pass, the same as `dataset` gives unless hard negatives take the place of random ones.

        Args:
            number: Number of the pass, from 0.
            first_step: Number of the first batch. Defaults to `0`.
            mined: Negatives to take in place of random ones, as from `hard_negatives`. Defaults to `None`.

        Returns:
            A `tf.data.Dataset` as from `dataset`, which ends with the pass.

        Raises:
            ValueError: If there is no such pass or step.

        Example:
            >>> for number in range(20):
            ...     model.fit(pairs.one_epoch(number), initial_epoch=number, epochs=number + 1)
        """
        self._check_position(number, first_step)
        batches = self._numbered(tf.constant(self.pairs(number, mined)), number * self.steps_per_epoch)
        return self._loaded(batches.skip(first_step), self.shard_policy.upper())

    def _numbered(self, pairs, first):
        """Batches of pairs of indices, each with its number in the whole training."""
        return tf.data.Dataset.from_tensor_slices(pairs).batch(self.batch_size).enumerate(first)

    def _load(self, step, batch):
        draws = self._draws(step, 2 * tf.shape(batch)[0])
        # Drawn for the whole batch, so that a worker's pictures do not depend on how many workers there are.
        number, of = self._share
        draws = tf.reshape(tf.reshape(draws, [draws.shape[0], 2, -1])[:, :, number::of], [draws.shape[0], -1])
        batch = batch[number::of]
        probe, gallery = tf.split(self._taken(tf.concat([batch[:, 0], batch[:, 1]], axis=0), draws), 2)
        return {"probe": probe, "gallery": gallery}, batch[:, 2]
