"""What the pipelines of training pairs share: images in memory, augmentation, epochs and steps, `tf.data` options."""

import dataclasses
import functools
import math
import os
from typing import ClassVar

import numpy as np
import tensorflow as tf

from tfnxc.datasets.pipelines.augmentation import ERASURE_DRAWS, LIGHT_DRAWS, MovedImages, erased, on_the_cpu, relit
from tfnxc.datasets.pipelines.pair_indices import POSITIVES
from tfnxc.errors import InputError
from tfnxc.ops.images import to_input

_AT_ONCE = min(4, os.cpu_count() or 1)
"""Batches that are made at once."""


@dataclasses.dataclass(frozen=True)
class Pipeline:
    """Batches of pairs of images, one epoch after the other, the same for the same seed.

    Subclasses give `pairs_per_epoch`, `one_epoch` and `_load(step, batch)`, which makes the images of a numbered batch
    of indices, and describe the arguments.
    """

    images: np.ndarray = dataclasses.field(repr=False)
    identities: np.ndarray = dataclasses.field(repr=False)
    batch_size: int = 128
    seed: int = 0
    augment: bool = True
    _: dataclasses.KW_ONLY
    cameras: np.ndarray | None = dataclasses.field(default=None, repr=False)
    positives: str = "any"
    deterministic: bool = True
    threads: int | None = None
    prefetch: int = 4
    light: float = 0.0
    erase: float = 0.0
    shard: tuple[int, int] | None = None

    per_image: ClassVar[tuple[str, ...]] = ("identities", "cameras")
    """Fields that have one number an image, or are `None`."""

    drawn_by: ClassVar[int | None] = None
    """Which way of drawing pairs this is, where there was another before: a training does not go on with both."""

    def __post_init__(self):
        shape, dtype = np.shape(self.images), getattr(self.images, "dtype", None)
        if len(shape) != 4 or dtype != np.uint8:
            raise ValueError(f"images must be uint8 of shape (images, height, width, 3); got {dtype} of shape {shape}.")
        for name in self.per_image:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, np.asarray(getattr(self, name)))
                if getattr(self, name).shape != shape[:1]:
                    raise ValueError(f"{shape[0]} images need as many {name}; got {getattr(self, name).shape}.")
        if self.batch_size < 1 or self.seed < 0:
            raise ValueError(f"batch_size must be 1 or more and seed 0 or more; got {self.batch_size} and {self.seed}.")
        if self.prefetch < 1 or (self.threads is not None and self.threads < 1):
            raise ValueError(
                f"prefetch must be 1 or more, and threads 1 or more or None; got {self.prefetch} and {self.threads}."
            )
        if self.light < 0 or not 0 <= self.erase <= 1:
            raise ValueError(f"light must be 0 or more and erase 0 to 1; got {self.light} and {self.erase}.")
        number, of = self._share
        if not 0 <= number < of:
            raise ValueError(f"shard must be (number, of) with 0 <= number < of; got {self.shard}.")
        self._check_known("positives", POSITIVES)
        if (self.identities < 0).any():
            raise InputError("junk and distractors are nobody's pictures: train with split.training_part(people).")
        if self.positives == "cross-camera" and self.cameras is None:
            raise InputError("cross-camera positives need cameras, one an image.")

    def _check_known(self, name, known):
        if getattr(self, name) not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}; got {getattr(self, name)!r}.")

    def _check_pairs(self, there):
        if not there:
            across = " by different cameras" * (self.positives == "cross-camera")
            raise InputError(f"pairs need at least two identities, one of them with at least two images{across}.")

    @property
    def _share(self):
        """`(number, of)`: which share of each batch this pipeline gives."""
        return self.shard or (0, 1)

    @property
    def uses_cameras(self) -> bool:
        """Whether the pairs depend on the cameras."""
        return self.positives == "cross-camera"

    @functools.cached_property
    def _moved(self):
        return MovedImages(self.images)

    @functools.cached_property
    def _images(self):
        return on_the_cpu(self.images)

    @property
    def pairs_per_epoch(self) -> int:
        """Pairs in one epoch."""
        raise NotImplementedError

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one epoch."""
        return math.ceil(self.pairs_per_epoch / self.batch_size)

    def _check_position(self, number, step):
        if number < 0 or not 0 <= step < self.steps_per_epoch:
            raise ValueError(
                f"epochs count from 0, with the steps 0 to {self.steps_per_epoch - 1}; got epoch {number}, step {step}."
            )

    def _taken(self, indices, draws):
        """The images of these indices as the models read them, augmented by the uniform `draws` of each."""
        if not self.augment:
            return to_input(tf.gather(self._images, indices))
        images = to_input(self._moved.take(indices, draws[:3]))
        if self.light:
            images = relit(images, draws[3 : 3 + LIGHT_DRAWS], self.light)
        return erased(images, draws[-ERASURE_DRAWS:], self.erase) if self.erase else images

    def _draws(self, step, count):
        # One seed a batch of the whole training, so that a resumed run continues with the same pictures.
        numbers = 3 + LIGHT_DRAWS * bool(self.light) + ERASURE_DRAWS * bool(self.erase)
        return tf.random.stateless_uniform([numbers, count], tf.stack([tf.constant(self.seed, tf.int64), step]))

    def _loaded(self, batches, shard_policy="OFF"):
        """The images and labels of numbered batches, under the options of this pipeline."""
        options = tf.data.Options()
        options.deterministic = self.deterministic
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy[shard_policy]
        if self.threads is not None:
            options.threading.private_threadpool_size = self.threads
        # TensorFlow's tuning of such numbers takes turns of seconds, for which the end of each epoch would wait.
        options.autotune.enabled = False
        return batches.map(self._traced_load, num_parallel_calls=_AT_ONCE).prefetch(self.prefetch).with_options(options)

    @functools.cached_property
    def _traced_load(self):
        """`_load`, traced once and not for each epoch."""
        return tf.function(self._load)
