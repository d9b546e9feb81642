"""The pair engine: the tower of a pair model on images, its head on pairs of feature maps."""

import tempfile
import time
from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

from tfnxc import models
from tfnxc.console import ProgressCallback
from tfnxc.files import reserve, writing
from tfnxc.number_checks import whole_number
from tfnxc.ops.images import to_input

_IN_MEMORY = 1 << 32  # bytes of feature maps kept in memory, those of about 96,000 images; more go into a file
BATCH_SIZES = (32, 64, 128, 256, 512)  # pairs at a time that are tried where the batch size is to be found
# A batch holds tiles of a few probes with a few gallery images each: the compiled op takes the patches of an image once
# for all pairs of a tile, and works on 32 pairs together.
TILE_PROBES, TILE_GALLERY = 4, 8


class Embedder:
    """Feature maps of images, by a tower that is traced once, however often its weights change between two calls.

    Args:
        tower: The tower of `tfnxc.models.split`.
        mirrored: Whether the images are mirrored, left for right. Defaults to `False`.

    Example:
        >>> Embedder(tfnxc.models.split(model).tower)(images).shape[:3]
        (12, 37, 12)
    """

    def __init__(self, tower: keras.Model, mirrored: bool = False):
        self._tower, self._mirrored = tower, mirrored
        self._run = tf.function(self._maps, input_signature=[tf.TensorSpec([None, *tower.input_shape[1:]], tf.uint8)])

    def __call__(
        self, images: np.ndarray, progress: ProgressCallback | None = None, in_memory: int = _IN_MEMORY
    ) -> np.ndarray:
        """Feature maps of images, 64 at a time: float32 array of shape `(images, height, width, channels)`.

        Args:
            images: uint8 array of shape `(images, height, width, 3)`, which may be memory-mapped.
            progress: Called with the number of images done after each batch. Defaults to `None`.
            in_memory: The most bytes kept in memory; more are kept in a temporary file that is mapped and goes with the
                array. Defaults to 4 GiB.

        Raises:
            ValueError: If `images` is no such array.
        """
        size = tuple(self._tower.input_shape[1:])
        if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.shape[1:] != size:
            raise ValueError(
                f"images must be uint8 (images, {', '.join(map(str, size))}), 0 to 255; got {_kind(images)}."
            )
        shape = len(images), *self._tower.output_shape[1:]
        if 4 * np.prod(shape, dtype=np.int64) <= in_memory:
            features = np.empty(shape, np.float32)
        else:  # the file has no name any more, so that it goes with the array, however the program ends
            with writing(tempfile.gettempdir()), tempfile.TemporaryFile() as file:
                reserve(file, 4 * int(np.prod(shape, dtype=np.int64)))
                features = np.memmap(file, np.float32, "w+", shape=shape)
        for start in range(0, len(images), 64):
            batch = images[start : start + 64]
            features[start : start + len(batch)] = self._run(batch).numpy()
            if progress is not None:
                progress(len(batch))
        return features

    def _maps(self, batch):
        pictures = tf.reverse(batch, [2]) if self._mirrored else batch
        return tf.cast(self._tower(to_input(pictures), training=False), tf.float32)


def embed(tower: keras.Model, images: np.ndarray, in_memory: int = _IN_MEMORY) -> np.ndarray:
    """Feature maps of images, once: `Embedder(tower)(images)`."""
    return Embedder(tower)(images, in_memory=in_memory)


class PairHead:
    """Tower and head of a pair model, each traced once, however often its weights change.

    Args:
        model: A model of `tfnxc.models`.
        batch_size: Pairs at a time. Defaults to `None`: the fastest of `BATCH_SIZES`, found with the first pairs.

    Attributes:
        batch_size: Pairs at a time; `None` as long as it has not been found.
        image_size: Height and width of the images that the tower takes.
        map_shape: Shape of the feature map of an image: `(height, width, channels)`.
        embed: An `Embedder` of the tower.

    Raises:
        ValueError: If `model` has no tower and head, or `batch_size` is below 1.

    Example:
        >>> head = PairHead(model, batch_size=4)
        >>> maps = head.embed(images)
        >>> head.score_pairs(maps[:3], maps[3:], [[0, 0], [2, 8]]).shape
        (2,)
    """

    def __init__(self, model: keras.Model, batch_size: int | None = None):
        self.tower, self._head = models.split(model)
        self.batch_size = None if batch_size is None else whole_number("batch_size", batch_size, least=1)
        self.image_size = tuple(self.tower.input_shape[1:3])
        self.map_shape = tuple(self.tower.output_shape[1:])
        self.embed = Embedder(self.tower)
        maps = tf.TensorSpec([None, *self.map_shape], tf.float32)
        self._run = tf.function(self.probabilities, input_signature=[maps, maps])

    def probabilities(self, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
        """Probability that both show one person, of each pair of float32 feature maps, as tensors."""
        return tf.cast(self._head([first, second], training=False)[:, 1], tf.float32)

    def weights(self) -> list[np.ndarray]:
        """The weights of the head."""
        return self._head.get_weights()

    def score_pairs(
        self,
        first_maps: np.ndarray,
        second_maps: np.ndarray,
        pairs: np.ndarray,
        progress: ProgressCallback | None = None,
        both_orders: bool = False,
    ) -> np.ndarray:
        """Probability that both images of a pair show one person.

        Args:
            first_maps: float32 feature maps, as `embed` gives them.
            second_maps: The same.
            pairs: int array of shape `(pairs, 2)`: index in `first_maps`, index in `second_maps`. Pairs of the same
                images cost less when they are scored by one call.
            progress: Called with the number of pairs done after each batch. Defaults to `None`.
            both_orders: Whether each pair is scored in both orders and the two are averaged. Defaults to `False`.

        Returns:
            float32 array of shape `(pairs,)`, in the order of `pairs`; NaN where a map is not finite.

        Raises:
            ValueError: If the maps have another shape.
        """
        pairs = np.asarray(pairs, np.int32).reshape(-1, 2)
        order, scores = tiled(pairs), np.empty(len(pairs), np.float32)
        finite = self._finite("first_maps", first_maps, pairs[:, 0])
        finite &= self._finite("second_maps", second_maps, pairs[:, 1])

        def score(start, size):
            batch = order[start : start + size]
            sides = (np.take(first_maps, pairs[batch, 0], axis=0), np.take(second_maps, pairs[batch, 1], axis=0))
            found = self._run(*sides)
            if both_orders:
                found = (found + self._run(*reversed(sides))) / 2
            scores[batch] = found.numpy()
            return len(batch)

        done = 0 if self.batch_size or not len(pairs) else self._find_batch_size(score, len(pairs), progress)
        size = self.batch_size or max(1, len(pairs))  # too few pairs to tell are one batch
        for start in range(done, len(pairs), size):
            count = score(start, size)
            if progress is not None:
                progress(count)
        scores[~finite] = np.nan  # of which the head may make any number
        return scores

    def _finite(self, name, maps, rows):
        """Whether all values of the map of each row are finite."""
        if maps.shape[1:] != self.map_shape:
            raise ValueError(f"{name} must be maps (images, {', '.join(map(str, self.map_shape))}); got {_kind(maps)}.")
        used, place = np.unique(rows, return_inverse=True)
        return np.isfinite([np.sum(maps[row], dtype=np.float64) for row in used])[place.ravel()]

    def _find_batch_size(self, score, count, progress):
        """Scores the first pairs in growing batches until they are faster by less than a twentieth; gives how many."""
        done, best = 0, 0.0
        score(0, BATCH_SIZES[0])  # what is only done once, such as tracing, is not measured
        for size in BATCH_SIZES:
            if count - done < 2 * size:
                break
            seconds = []
            for _ in range(2):
                begin = time.perf_counter()
                score(done, size)
                seconds.append(time.perf_counter() - begin)
                done += size
                if progress is not None:
                    progress(size)
            rate = size / min(seconds)
            if rate < 1.05 * best:
                break
            best, self.batch_size = rate, size
        return done


def _kind(array):
    """What an array is, for a message."""
    return f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__


def tiled(pairs: np.ndarray) -> np.ndarray:
    """An order of pairs, as indices, in which neighbours share their images: tiles of few probes and gallery images."""
    _, probe = np.unique(pairs[:, 0], return_inverse=True)
    _, gallery = np.unique(pairs[:, 1], return_inverse=True)
    probe, gallery = probe.ravel(), gallery.ravel()
    return np.lexsort((gallery, probe, gallery // TILE_GALLERY, probe // TILE_PROBES))


def best_of(blocks: Iterable[tuple[np.ndarray, np.ndarray]], rows: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The `k` best columns of each row of a score matrix that comes block by block: memory grows with `rows * k` only.

    A block is `(columns, scores)`: numbers of columns, and their float32 scores of shape `(rows, columns)`. So is what
    is returned, best first; of equal scores the one that came first is first.

    Example:
        >>> best_of([([7, 8], np.array([[0.1, 0.9]])), ([9], np.array([[0.9]]))], rows=1, k=2)
        (array([[8, 9]]), array([[0.9, 0.9]]))
    """
    best, scores = np.empty((rows, 0), np.int64), np.empty((rows, 0), np.float32)
    for columns, found in blocks:
        scores = np.concatenate([scores, found], axis=1)
        best = np.concatenate([best, np.broadcast_to(columns, found.shape)], axis=1)
        # Stable, and what came earlier stands first already.
        kept = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        scores, best = np.take_along_axis(scores, kept, axis=1), np.take_along_axis(best, kept, axis=1)
    return best, scores
