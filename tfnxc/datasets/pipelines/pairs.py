"""Training pairs of SPEC section 4 as a `tf.data` pipeline that feeds `model.fit`."""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from tfnxc.datasets.pipelines.pair_indices import negative_probes, pair_indices, positive_pairs
from tfnxc.datasets.pipelines.pipeline import Pipeline
from tfnxc.errors import InputError

SHARD_POLICIES = ("off", "auto", "data", "file", "hint")  # names of `tf.data.experimental.AutoShardPolicy`


@dataclasses.dataclass(frozen=True)
class PairPipeline(Pipeline):
    """Batches of image pairs, one epoch after the other, the same for the same seed.

    Every unordered pair of one identity's images is a positive; with each go two negatives, its first image with a
    random image of another identity. Pairs are shuffled and negatives drawn anew each epoch. The decoded images stay in
    memory; scaling, translation by up to 5 % with zero fill and horizontal flips run in the graph, on each image of a
    pair by itself.

    Args:
        images: uint8 array of shape `(images, height, width, 3)`.
        identities: Integers, one an image: who it is, 0 or above.
        batch_size: Pairs a batch, over all workers; the last batch of an epoch may be smaller. Defaults to `128`.
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
        shard_policy: What `tf.distribute` does with the dataset where it distributes it to several workers, a name of
            `tf.data.experimental.AutoShardPolicy`: `"off"`, `"auto"`, `"data"`, `"file"` or `"hint"`. Defaults to
            `"off"`, because of `shard`: give each worker its share by `distribute_datasets_from_function`.

    Raises:
        ValueError: If an argument is not as described.
        InputError: If there are fewer than two identities, no positive, or not enough pairs in a batch for each worker.

    Example:
        >>> pairs = tfnxc.datasets.PairPipeline(images, people.identities[:12], batch_size=18)
        >>> model.compile("adam", "sparse_categorical_crossentropy")
        >>> for number in range(2):
        ...     history = model.fit(pairs.one_epoch(number), initial_epoch=number, epochs=number + 1, verbose=0)

    References:
        SPEC section 4; Subramaniam et al., NIPS 2016.
    """

    _: dataclasses.KW_ONLY
    shard_policy: str = "off"

    def __post_init__(self):
        super().__post_init__()
        self._check_known("shard_policy", SHARD_POLICIES)
        self._check_pairs(len(np.unique(self.identities)) > 1 and len(self._positives))
        if self.shard is None:
            return
        if self.shard_policy != "off":
            again = "shard goes with shard_policy 'off', or shares are shared again"
            raise ValueError(f"{again}; got {self.shard_policy!r}.")
        least = min(self.batch_size, self.pairs_per_epoch - (self.steps_per_epoch - 1) * self.batch_size)
        if least < self.shard[1]:
            smallest = f"the smallest batch of an epoch has {least} of {self.pairs_per_epoch} pairs"
            raise InputError(f"{smallest}, too few for {self.shard[1]} workers: choose another batch_size.")

    @functools.cached_property
    def _positives(self):
        return positive_pairs(self.identities, self.cameras if self.uses_cameras else None)

    @property
    def pairs_per_epoch(self) -> int:
        """Pairs in one epoch: three for each positive."""
        return 3 * len(self._positives)

    @property
    def probes_of_negatives(self) -> np.ndarray:
        """The probe of each negative of an epoch: int32 array of shape `(2 * positives,)`."""
        return negative_probes(self._positives)

    def pairs(self, number: int, hard_negatives: np.ndarray | None = None) -> np.ndarray:
        """The pairs of one epoch, an array of rows `(probe, gallery, same)`; the arguments are those of `one_epoch`."""
        return pair_indices(self.identities, self.seed, int(number), self._positives, hard_negatives)

    def one_epoch(self, number: int, first_step: int = 0, hard_negatives: np.ndarray | None = None) -> tf.data.Dataset:
        """The batches of one epoch, the same as `dataset` gives unless hard negatives take the place of random ones.

        A `fit` with `epochs=10` of this alone is ten times this epoch; `dataset` gives one after the other.

        Args:
            number: Number of the epoch, from 0.
            first_step: Number of the first batch. Defaults to `0`.
            hard_negatives: As from `tfnxc.datasets.hard_negatives`. Defaults to `None`: all negatives are random.

        Returns:
            A `tf.data.Dataset`, which ends with the epoch, of `({"probe": images, "gallery": images}, same)`: float32
            of shape `(batch, height, width, 3)` in [0, 1], and int32 of shape `(batch,)`, 1 where both show one person.
        """
        self._check_position(number, first_step)
        batches = self._numbered(tf.constant(self.pairs(number, hard_negatives)), number * self.steps_per_epoch)
        return self._loaded(batches.skip(first_step))

    def _epoch(self, number):
        pairs = tf.ensure_shape(tf.numpy_function(self.pairs, [number], tf.int32), [self.pairs_per_epoch, 3])
        return self._numbered(pairs, number * self.steps_per_epoch)

    @property
    def _shard_policy(self):
        return self.shard_policy.upper()

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
