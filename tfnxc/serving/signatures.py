"""The signatures of an export."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from tfnxc.serving.decoding import decode_pictures

BLOCK = 8  # pairs compared at a time: 32 are a twentieth faster, but their correlation maps take 500 MB, not 130


class Signature(NamedTuple):
    """A function of named tensors to a dict of them, the specs of its inputs in order, and a description."""

    function: Callable
    inputs: list[tf.TensorSpec]
    about: str


def signatures(tower: keras.Model, head: keras.Model, embedding: keras.Model | None = None) -> dict[str, Signature]:
    """The signatures of an export by name, of the tower and the head of `tfnxc.models.split`.

    With `embedding`, the model of feature maps to unit vectors in an `Embedding`, they include those of vectors. Inputs
    whose names end in `_bytes` take encoded JPEG or PNG pictures, which REST clients send as `{"b64": ...}`.
    """
    size = tuple(tower.input_shape[1:3])
    image, maps = list(tower.input_shape[1:]), list(tower.output_shape[1:])

    def embed(image):
        return {"features": tf.cast(_run(tower, [image]), tf.float32)}

    def embed_bytes(image_bytes):
        return embed(decode_pictures(image_bytes, size, "image_bytes"))

    def embed_vector(image):
        return {"vector": tf.cast(_run(embedding, [embed(image)["features"]]), tf.float32)}

    def embed_vector_bytes(image_bytes):
        return embed_vector(decode_pictures(image_bytes, size, "image_bytes"))

    def match_features(probe_features, gallery_features):
        probabilities = _run(head, [probe_features, gallery_features])
        return {"same": _same(probabilities), "probabilities": probabilities}

    def match(probe, gallery):
        return match_features(embed(probe)["features"], embed(gallery)["features"])

    def match_bytes(probe_bytes, gallery_bytes):
        sides = {"probe_bytes": probe_bytes, "gallery_bytes": gallery_bytes}
        return match(*(decode_pictures(encoded, size, name) for name, encoded in sides.items()))

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

    Example:
        >>> tower, head = tfnxc.models.split(model)
        >>> maps = tower(images[:4] / 255)
        >>> indices, probabilities = rank(head, maps[:1], maps[1:], 2)
    """
    count = tf.shape(gallery)[0]
    range_ = tf.strings.join(["k must be 1 to ", tf.strings.as_string(count), ", the images in the gallery"])
    with tf.control_dependencies([tf.debugging.Assert((k >= 1) & (k <= count), [range_, k])]):
        blocks = (count + BLOCK - 1) // BLOCK

    def compare(block, found):
        part = gallery[block * BLOCK : (block + 1) * BLOCK]
        probes = tf.repeat(probe, tf.shape(part)[0], axis=0)
        return block + 1, found.write(block, _same(head([probes, part], training=False)))

    found = tf.TensorArray(tf.float32, blocks, element_shape=[None], infer_shape=False)
    # One block after the other, to bound the memory.
    _, found = tf.while_loop(lambda block, _: block < blocks, compare, [0, found], parallel_iterations=1)
    best = tf.math.top_k(found.concat(), k)
    return best.indices, best.values


def _same(probabilities):
    """The probability of one person, of those of (different, same)."""
    return tf.cast(probabilities[:, 1], tf.float32)


def _run(part, inputs):
    """A part of the model on a batch that may be empty, on which TensorFlow's fused convolution fails."""
    count = tf.shape(inputs[0])[0]
    missing = tf.cast(tf.equal(count, 0), tf.int32)
    inputs = [tf.concat([each, tf.zeros([missing, *each.shape[1:]])], axis=0) for each in inputs]
    return part(inputs if len(inputs) > 1 else inputs[0], training=False)[:count]
