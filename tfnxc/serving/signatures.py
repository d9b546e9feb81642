"""The signatures of an export."""

import math
from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from tfnxc.ops.images import to_input
from tfnxc.serving.decoding import decode_pictures

BLOCK = 8
"""Pairs, or twice as many images, that a signature works on at a time, whatever it is sent.

32 are a twentieth faster, but their correlation maps take 500 MB, not 130.
"""


class Signature(NamedTuple):
    """A function of named tensors to a dict of them, the specs of its inputs in order, and a description."""

    function: Callable
    inputs: list[tf.TensorSpec]
    about: str


def signatures(tower: keras.Model, head: keras.Model, embedding: keras.Model | None = None) -> dict[str, Signature]:
    """The signatures of an export by name, of the tower and the head of `tfnxc.models.split`.

    With `embedding`, the model of feature maps to unit vectors in an `Embedding`, they include those of vectors. Inputs
    whose names end in `_bytes` take encoded JPEG or PNG pictures, which REST clients send as `{"b64": ...}`.

    Of any batch `BLOCK` pairs are worked on at a time, so that memory grows with what is sent and answered alone.
    Images with values outside [0, 1] and maps with values that are not finite fail the request with a message that
    names the input and the position; a runtime that leaves assertions out answers with NaN.
    """
    size = tuple(tower.input_shape[1:3])
    image, maps = list(tower.input_shape[1:]), list(tower.output_shape[1:])

    def decoded(**encoded):
        return {name: decode_pictures(each, size, name) for name, each in encoded.items()}

    def features_of(images):
        return tf.cast(tower(images, training=False), tf.float32)

    def vectors_of(images):
        return tf.cast(embedding(features_of(images), training=False), tf.float32)

    def compare(probe, gallery):
        return tf.cast(head([probe, gallery], training=False), tf.float32)

    def embedded(**pictures):
        return {"features": _in_blocks(features_of, pictures, _IMAGE, maps, 2 * BLOCK)}

    def embedded_vectors(**pictures):
        return {"vector": _in_blocks(vectors_of, pictures, _IMAGE, list(embedding.output_shape[1:]), 2 * BLOCK)}

    def matched(**pictures):
        return _answer(_in_blocks(lambda *sides: compare(*map(features_of, sides)), pictures, _IMAGE, [2], BLOCK))

    def embed(image):
        return embedded(image=image)

    def embed_bytes(image_bytes):
        return embedded(**decoded(image_bytes=image_bytes))

    def embed_vector(image):
        return embedded_vectors(image=image)

    def embed_vector_bytes(image_bytes):
        return embedded_vectors(**decoded(image_bytes=image_bytes))

    def match_features(probe_features, gallery_features):
        sides = {"probe_features": probe_features, "gallery_features": gallery_features}
        return _answer(_in_blocks(compare, sides, _MAP, [2], BLOCK))

    def match(probe, gallery):
        return matched(probe=probe, gallery=gallery)

    def match_bytes(probe_bytes, gallery_bytes):
        return matched(**decoded(probe_bytes=probe_bytes, gallery_bytes=gallery_bytes))

    def rank_features(probe_features, gallery_features, k):
        return dict(zip(("indices", "probabilities"), rank(head, probe_features, gallery_features, k), strict=True))

    def batch(name, shape, dtype=tf.float32, count=None):
        return tf.TensorSpec([count, *shape], dtype, name=name)

    two_images = [batch("probe", image), batch("gallery", image)]
    two_maps = [batch("probe_features", maps), batch("gallery_features", maps)]
    two_files = [batch("probe_bytes", [], tf.string), batch("gallery_bytes", [], tf.string)]
    one_image, one_file = [batch("image", image)], [batch("image_bytes", [], tf.string)]
    one_to_many = [batch("probe_features", maps, count=1), two_maps[1], tf.TensorSpec([], tf.int32, name="k")]
    found = {
        "match": Signature(match, two_images, "Pairs of images, values in [0, 1], to the probability of one person."),
        "match_bytes": Signature(match_bytes, two_files, "The same of pairs of JPEG or PNG pictures."),
        "embed": Signature(embed, one_image, "Images, values in [0, 1], to the tower's feature maps."),
        "embed_bytes": Signature(embed_bytes, one_file, "The same of JPEG or PNG."),
        "match_features": Signature(match_features, two_maps, "Pairs of feature maps to the probability."),
        "rank": Signature(rank_features, one_to_many, "A probe's and a gallery's feature maps to the k best."),
    }
    if embedding is not None:
        about = "Images, values in [0, 1], to unit vectors: the cosine of two tells how alike the people are."
        found["embed_vector"] = Signature(embed_vector, one_image, about)
        found["embed_vector_bytes"] = Signature(embed_vector_bytes, one_file, "The same of JPEG or PNG.")
    return found


def rank(head: keras.Model, probe: tf.Tensor, gallery: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Ranks a gallery for one probe, in blocks.

    Args:
        head: The pair head of `tfnxc.models.split`.
        probe: Feature maps of the probe, `(1, height, width, channels)`.
        gallery: Feature maps of the gallery, `(images, height, width, channels)`.
        k: How many to return, an integer tensor: 1 to the number of images, or the graph fails with a message.

    Returns:
        `(indices, probabilities)`, both of shape `(k,)`, best first: int32 positions in the gallery, and the
        probabilities that they show the same person. Of equal probabilities the earlier position is first.

    Raises:
        tf.errors.InvalidArgumentError: If `k` is out of range, or a map holds a value that is not finite.

    Example:
        >>> tower, head = tfnxc.models.split(model)
        >>> maps = tower(images[:4] / 255)
        >>> indices, probabilities = rank(head, maps[:1], maps[1:], 2)
    """
    count = tf.shape(gallery)[0]
    range_ = tf.strings.join(["k must be 1 to ", tf.strings.as_string(count), ", the images in the gallery"])
    with tf.control_dependencies([tf.debugging.Assert((k >= 1) & (k <= count), [range_, k])]):
        asked = tf.identity(k)

    def compare(probes, part):
        probes = tf.repeat(probes, tf.shape(part)[0], axis=0)
        return tf.cast(head([probes, part], training=False), tf.float32)

    found = _in_blocks(compare, {"gallery_features": gallery}, _MAP, [2], BLOCK, {"probe_features": probe})
    best = tf.math.top_k(_same(found), asked)
    return best.indices, best.values


def _answer(probabilities):
    return {"same": _same(probabilities), "probabilities": probabilities}


def _same(probabilities):
    """The probability of one person, of those of (different, same)."""
    return probabilities[:, 1]


class _Limits(NamedTuple):
    """What the values of an input may be."""

    low: float
    high: float
    said: str


_IMAGE = _Limits(0.0, 1.0, "values must be in [0, 1]")
_MAP = _Limits(tf.float32.min, tf.float32.max, "values must be finite")


def _in_blocks(part, batches, limits, shape, size, of_all=None):
    """What `part` gives of tensors of as many entries, `(entries, *shape)`, `size` of them at a time.

    One block follows the other, which bounds the memory. Tensors by their names: those of `of_all` are given to `part`
    whole, before the blocks. Of 8-bit images `part` is given what the models read.
    """
    of_all = of_all or {}
    lengths = [tf.shape(each)[0] for each in batches.values()]
    told = [f"{' and '.join(batches)} must be of one length; got", *lengths]
    checks = [tf.debugging.Assert(tf.reduce_all(tf.equal(lengths, lengths[0])), told)]
    for name, each in {**of_all, **batches}.items():
        # By the size: TensorFlow takes the shape that was declared for that of what is sent.
        numbers = tf.shape(each, tf.int64)[0] * math.prod(each.shape[1:])
        told = f"{name} must be of the shape (entries, {', '.join(map(str, each.shape[1:]))})"
        checks.append(tf.debugging.Assert(tf.equal(tf.size(each, tf.int64), numbers), [told]))
    with tf.control_dependencies(checks):
        count = tf.identity(lengths[0])
    blocks = (count + size - 1) // size

    def work(block, found):
        some = [*of_all.values(), *(each[block * size : (block + 1) * size] for each in batches.values())]
        outputs = part(*(to_input(each) if each.dtype == tf.uint8 else each for each in some))
        for each in some:  # where a map is NaN, the answer need not be
            outputs = tf.where(tf.reshape(_within(limits, each), [-1, *(1 for _ in shape)]), outputs, float("nan"))
        filled = tf.pad(outputs, [[0, size - tf.shape(outputs)[0]], *([0, 0] for _ in shape)])  # the last block
        return block + 1, found.write(block, tf.reshape(filled, [size, *shape]))

    found = tf.TensorArray(tf.float32, blocks, element_shape=[size, *shape])
    _, found = tf.while_loop(lambda block, _: block < blocks, work, [0, found], parallel_iterations=1)
    found = tf.reshape(found.stack(), [-1, *shape])[:count]
    with tf.control_dependencies([_refuse_nan(found, {**of_all, **batches}, limits)]):
        return tf.identity(found)


def _within(limits, batch):
    """Whether all values of each image or map are within the limits, as 8-bit ones always are."""
    if batch.dtype == tf.uint8:
        return tf.ones(tf.shape(batch)[:1], tf.bool)
    return tf.reduce_all((batch >= limits.low) & (batch <= limits.high), axis=list(range(1, batch.shape.rank)))


def _refuse_nan(found, inputs, limits):
    """Fails with the position of the first answer that is not a number, and the inputs that are to blame."""
    answered = tf.reduce_all(tf.math.is_finite(found), axis=list(range(1, found.shape.rank)))
    position = tf.concat([tf.where(~answered)[:, 0], [0]], axis=0)[0]
    blamed = [
        tf.where(tf.reduce_all(_within(limits, each[position : position + 1])), "", f"{name}, ")
        for name, each in inputs.items()
    ]
    at = tf.strings.join([*blamed, "position ", tf.strings.as_string(position), f": {limits.said}"])
    return tf.debugging.Assert(tf.reduce_all(answered), [at])
