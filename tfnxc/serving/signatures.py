"""What an export can be asked: its signatures."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from tfnxc.serving.decoding import decode_pictures
from tfnxc.serving.ranking import rank, same


class Signature(NamedTuple):
    """A function of named tensors to a dict of them, the specs of its inputs in order, and a line for people."""

    function: Callable
    inputs: list[tf.TensorSpec]
    about: str


def signatures(tower: keras.Model, head: keras.Model) -> dict[str, Signature]:
    """The signatures of an export by name, of the tower and the head of `tfnxc.models.split`.

    Inputs whose names end in `_bytes` take encoded JPEG or PNG pictures, which REST clients send as `{"b64": ...}`.
    """
    height_and_width = tuple(tower.input_shape[1:3])
    image, maps = list(tower.input_shape[1:]), list(tower.output_shape[1:])

    def embed(image):
        return {"features": tf.cast(_run(tower, [image]), tf.float32)}

    def embed_bytes(image_bytes):
        return embed(decode_pictures(image_bytes, height_and_width, "image_bytes"))

    def match_features(probe_features, gallery_features):
        probabilities = _run(head, [probe_features, gallery_features])
        return {"same": same(probabilities), "probabilities": probabilities}

    def match(probe, gallery):
        return match_features(embed(probe)["features"], embed(gallery)["features"])

    def match_bytes(probe_bytes, gallery_bytes):
        sides = {"probe_bytes": probe_bytes, "gallery_bytes": gallery_bytes}
        return match(*(decode_pictures(encoded, height_and_width, name) for name, encoded in sides.items()))

    def rank_features(probe_features, gallery_features, k):
        indices, probabilities = rank(head, probe_features, gallery_features, k)
        return {"indices": indices, "probabilities": probabilities}

    def batch(name, shape, dtype=tf.float32, count=None):
        return tf.TensorSpec([count, *shape], dtype, name=name)

    two_images = [batch("probe", image), batch("gallery", image)]
    two_maps = [batch("probe_features", maps), batch("gallery_features", maps)]
    two_files = [batch("probe_bytes", [], tf.string), batch("gallery_bytes", [], tf.string)]
    one_to_many = [batch("probe_features", maps, count=1), two_maps[1], tf.TensorSpec([], tf.int32, name="k")]
    return {
        "match": Signature(match, two_images, "Pairs of images, values in [0, 1], to the probability of one person."),
        "match_bytes": Signature(match_bytes, two_files, "The same of pairs of JPEG or PNG pictures."),
        "embed": Signature(embed, [batch("image", image)], "Images, values in [0, 1], to the tower's feature maps."),
        "embed_bytes": Signature(embed_bytes, [batch("image_bytes", [], tf.string)], "The same of JPEG or PNG."),
        "match_features": Signature(match_features, two_maps, "Pairs of feature maps to the probability."),
        "rank": Signature(rank_features, one_to_many, "A probe's and a gallery's feature maps to the k best."),
    }


def _run(part, inputs):
    """A part of the model on a batch that may be empty, on which TensorFlow's fused convolution fails."""
    count = tf.shape(inputs[0])[0]
    missing = tf.cast(tf.equal(count, 0), tf.int32)
    inputs = [tf.concat([each, tf.zeros([missing, *each.shape[1:]])], axis=0) for each in inputs]
    return part(inputs if len(inputs) > 1 else inputs[0], training=False)[:count]
