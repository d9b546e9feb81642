"""What the pipelines of training pairs share: images in memory, augmentation, epochs and steps, `tf.data` options."""

import abc
import dataclasses
import functools
import math
import operator
import os
from typing import ClassVar

import numpy as np
import tensorflow as tf

from tfnxc.datasets.pipelines.pair_indices import POSITIVES
from tfnxc.errors import InputError
from tfnxc.number_checks import are_exact, real_number, whole_number
from tfnxc.ops.images import to_input

SHIFT = 0.05  # largest translation, as a share of height and of width (SPEC section 4)
LIGHT_DRAWS = 6  # random numbers that `relit` takes for an image
ERASURE_DRAWS = 5  # random numbers that `erased` takes for an image
_LARGEST_SEED = 2**63 - 1  # that TensorFlow takes
_AT_ONCE = min(4, os.cpu_count() or 1)  # batches that are made at once


class MovedImages:
    """Images of which any can be taken translated and flipped.

    A row with a margin of zeros on both sides has every horizontal translation as a contiguous part, and a row above or
    below the image is one row of zeros that all images share. So a batch is one gathering of rows and a cut; gathering
    pixel by pixel takes four times as long.
    """

    def __init__(self, images: np.ndarray):
        count, self._height, self._width, self._channels = images.shape
        self._down, self._right = int(SHIFT * self._height), int(SHIFT * self._width)
        rows = np.zeros((count * self._height + 1, self._width + 2 * self._right, self._channels), np.uint8)
        inner = slice(self._right, self._right + self._width)
        rows[:-1, inner] = images.reshape(-1, self._width, self._channels)
        self._rows = on_the_cpu(rows)

    def take(self, indices: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
        """Each image translated by up to 5 % of height and width, zeros moving in, and flipped or not.

        `draws` of shape `(3, batch)`, uniform in [0, 1), are for the translation down, to the right, and the flip.
        """
        top, left = (
            tf.cast(draw * (2 * most + 1), tf.int32)
            for draw, most in zip(tf.unstack(draws[:2]), (self._down, self._right), strict=True)
        )
        rows = top[:, None] - self._down + tf.range(self._height)
        inside = (rows >= 0) & (rows < self._height)
        rows = tf.where(inside, indices[:, None] * self._height + rows, len(self._rows) - 1)
        # Images that move alike are cut and turned together.
        kind = 2 * left + tf.cast(draws[2] < 0.5, tf.int32)
        kinds = tf.dynamic_partition(tf.range(tf.size(indices)), kind, 2 * (2 * self._right + 1))
        moved = [self._cut(tf.gather(rows, own), *divmod(number, 2)) for number, own in enumerate(kinds)]
        images = tf.dynamic_stitch(kinds, moved)
        return tf.reshape(images, [-1, self._height, self._width, self._channels])

    def _cut(self, rows, left, as_it_is):
        """The images of these rows, cut at `left` of the padded row."""
        images = tf.gather(self._rows, rows)[:, :, left : left + self._width]
        if not as_it_is:
            # TensorFlow reverses 3 dimensions, the last of 3 channels, with a kernel of its own, and 4 without.
            rows = tf.reshape(images, [-1, self._width, self._channels])
            images = tf.reshape(tf.reverse(rows, axis=[1]), tf.shape(images))
        return images


def relit(images: tf.Tensor, draws: tf.Tensor, strength: float) -> tf.Tensor:
    """Images in [0, 1] as another camera might have taken them: other exposure, contrast, saturation, colour of light.

    With a `strength` of 1, exposure, contrast and saturation change by up to a factor of 1.35 either way, each colour
    by 1.1 more. `draws` of shape `(LIGHT_DRAWS, batch)` are uniform in [0, 1).
    """
    powers = strength * (2 * draws[..., None, None, None] - 1)
    exposure, contrast, saturation = (1.35 ** powers[index] for index in range(3))
    light = tf.concat([1.1 ** powers[index] for index in range(3, 6)], axis=-1)
    grey = tf.reduce_mean(images, axis=-1, keepdims=True)
    images = grey + saturation * (images - grey)
    mean = tf.reduce_mean(grey, axis=(1, 2), keepdims=True)
    return tf.clip_by_value((mean + contrast * (images - mean)) * exposure * light, 0, 1)


def erased(images: tf.Tensor, draws: tf.Tensor, share: float) -> tf.Tensor:
    """Images of which a share has a rectangle hidden, as things and other people hide a part of a person.

    It is a fifth to a half of the width and a tenth to three tenths of the height, grey of any brightness. `draws` of
    shape `(ERASURE_DRAWS, batch)` are uniform in [0, 1).

    References:
        Zhong et al., "Random Erasing Data Augmentation", AAAI 2020.
    """
    height, width = images.shape[1:3]
    hidden = draws[0] < share
    sizes = (0.1 + 0.2 * draws[1]) * height, (0.2 + 0.3 * draws[2]) * width
    inside = hidden[:, None, None]
    for axis, (length, size, draw) in enumerate(zip((height, width), sizes, (draws[3], draws[4]), strict=True)):
        places = tf.range(length, dtype=tf.float32)
        start = draw * (length - size)
        within = (places >= start[:, None]) & (places < (start + size)[:, None])
        inside &= within[:, :, None] if axis == 0 else within[:, None, :]
    grey = tf.math.floormod(draws[0] / share + draws[1], 1.0)  # another number out of those that are drawn
    return tf.where(inside[..., None], grey[:, None, None, None], images)


def on_the_cpu(array: np.ndarray) -> tf.Tensor:
    """A tensor where `tf.data` reads it, once for all datasets that do, even if the first asks while it is traced."""
    with tf.init_scope(), tf.device("CPU:0"):
        return tf.constant(array)


def _labels(name, values, count):
    """An array of `count` integers; whole numbers of another type, such as 1.0, are taken for what they are."""
    labels = np.asarray(values)
    if labels.shape != (count,):
        raise ValueError(f"{count} images need as many {name}; got {labels.shape}.")
    if labels.dtype.kind in "iu":
        return labels
    if labels.dtype.kind != "f" or not are_exact(labels).all():
        numbers = "np.unique(labels, return_inverse=True)[1] numbers labels of any kind"
        raise InputError(f"{name} must be integers, one an image; got {labels.dtype}. {numbers}.")
    return labels.astype(np.int64)


def _shard(shard):
    try:
        number, of = map(operator.index, shard)
    except (TypeError, ValueError):
        number, of = 0, 0
    if not 0 <= number < of:
        raise ValueError(f"shard must be (number, of) with 0 <= number < of; got {shard!r}.")
    return number, of


@dataclasses.dataclass(frozen=True)
class Pipeline(abc.ABC):
    """Batches of pairs of images, one epoch after the other, the same for the same seed.

    Subclasses give `pairs_per_epoch`, `one_epoch`, `_epoch(number)`, its numbered batches of indices, and `_load(step,
    batch)`, which makes the images of one, and describe the arguments.
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

    per_image: ClassVar[tuple[str, ...]] = ("identities", "cameras")  # fields of one number an image, or `None`
    whole_numbers: ClassVar[dict[str, int]] = {"batch_size": 1, "seed": 0, "prefetch": 1, "threads": 1}  # and the least
    real_numbers: ClassVar[dict[str, float]] = {"light": math.inf, "erase": 1.0}  # and the most
    drawn_by: ClassVar[int | None] = None  # the way of drawing pairs: a training does not go on with another

    def __post_init__(self):
        shape, dtype = np.shape(self.images), getattr(self.images, "dtype", None)
        if len(shape) != 4 or shape[3] != 3 or 0 in shape[1:] or dtype != np.uint8:
            grey = " np.repeat(images, 3, axis=-1) gives grey images three channels." if shape[3:] == (1,) else ""
            got = f"got {dtype} of shape {shape}"
            raise ValueError(f"images must be uint8 of shape (images, height, width, 3); {got}.{grey}")
        for name in self.per_image:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _labels(name, getattr(self, name), shape[0]))
        for name, least in self.whole_numbers.items():
            if getattr(self, name) is not None:
                object.__setattr__(self, name, whole_number(name, getattr(self, name), least))
        if self.seed > _LARGEST_SEED:
            raise ValueError(f"seed must be less than 2**63, received {self.seed}")
        for name, most in self.real_numbers.items():
            object.__setattr__(self, name, real_number(name, getattr(self, name), most))
        if self.shard is not None:
            object.__setattr__(self, "shard", _shard(self.shard))
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
    def _source(self):
        return MovedImages(self.images) if self.augment else on_the_cpu(self.images)

    @property
    @abc.abstractmethod
    def pairs_per_epoch(self) -> int:
        """Pairs in one epoch."""

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one epoch."""
        return math.ceil(self.pairs_per_epoch / self.batch_size)

    def dataset(self, first_epoch: int = 0, first_step: int = 0) -> tf.data.Dataset:
        """An endless `tf.data.Dataset` of epochs, for a `fit` of several: give that `steps_per_epoch` too.

        Args:
            first_epoch: The epoch to begin with. Defaults to `0`.
            first_step: The batch in it to begin with. Defaults to `0`.

        Returns:
            A `tf.data.Dataset` of batches as `one_epoch` gives them. From any start it gives exactly the batches that
            follow there when it starts at 0.
        """
        self._check_position(first_epoch, first_step)

        def one_epoch(number):
            skipped = tf.where(number == first_epoch, tf.constant(first_step, tf.int64), 0)
            return self._epoch(number).skip(skipped)

        return self._loaded(tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max).flat_map(one_epoch))

    @abc.abstractmethod
    def _epoch(self, number):
        """The numbered batches of indices of an epoch, whose number is a tensor."""

    @abc.abstractmethod
    def _load(self, step, batch):
        """The images and labels of a numbered batch of indices."""

    def _check_position(self, number, step):
        try:
            there = operator.index(number) >= 0 and 0 <= operator.index(step) < self.steps_per_epoch
        except TypeError:
            there = False
        if not there:
            steps = f"the steps 0 to {self.steps_per_epoch - 1}"
            raise ValueError(f"epochs count from 0, with {steps}; got epoch {number!r}, step {step!r}.")

    def _taken(self, indices, draws):
        """The images of these indices as the models read them, augmented by the uniform `draws` of each."""
        if not self.augment:
            return to_input(tf.gather(self._source, indices))
        images = to_input(self._source.take(indices, draws[:3]))
        if self.light:
            images = relit(images, draws[3 : 3 + LIGHT_DRAWS], self.light)
        return erased(images, draws[-ERASURE_DRAWS:], self.erase) if self.erase else images

    def _draws(self, step, count):
        # One seed a batch of the whole training, so that a resumed run continues with the same pictures.
        numbers = 3 + LIGHT_DRAWS * bool(self.light) + ERASURE_DRAWS * bool(self.erase)
        return tf.random.stateless_uniform([numbers, count], tf.stack([tf.constant(self.seed, tf.int64), step]))

    @property
    def _shard_policy(self):
        """The name of the `tf.data.experimental.AutoShardPolicy`."""
        return "OFF"

    def _loaded(self, batches):
        """The images and labels of numbered batches, under the options of this pipeline."""
        options = tf.data.Options()
        options.deterministic = self.deterministic
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy[self._shard_policy]
        if self.threads is not None:
            options.threading.private_threadpool_size = self.threads
        # TensorFlow's tuning of such numbers takes turns of seconds, for which the end of each epoch would wait.
        options.autotune.enabled = False
        return batches.map(self._traced_load, num_parallel_calls=_AT_ONCE).prefetch(self.prefetch).with_options(options)

    @functools.cached_property
    def _traced_load(self):
        """`_load`, traced once and not for each epoch."""
        return tf.function(self._load)
