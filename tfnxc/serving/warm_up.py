"""Requests that TensorFlow Serving sends to a model before it takes any: the first of each signature are slow."""

import importlib.util
import pathlib
from collections.abc import Mapping

import tensorflow as tf

from tfnxc.serving.signatures import Signature

WARM_UP = "assets.extra/tf_serving_warmup_requests"
"""Where TensorFlow Serving looks for them in a SavedModel."""


def write_warm_up(path: pathlib.Path, name: str, signatures: Mapping[str, Signature]) -> None:
    """Writes a request for each signature into a SavedModel, where tensorflow-serving-api is installed; else nothing.

    References:
        https://www.tensorflow.org/tfx/serving/saved_model_warmup
    """
    if importlib.util.find_spec("tensorflow_serving") is None:
        return
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    file = path / WARM_UP
    file.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for signature, (_, inputs, _) in signatures.items():
            request = predict_pb2.PredictRequest()
            request.model_spec.name, request.model_spec.signature_name = name, signature
            for each in inputs:
                request.inputs[each.name].CopyFrom(tf.make_tensor_proto(_example(each)))
            log = prediction_log_pb2.PredictLog(request=request)
            writer.write(prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString())


def _example(spec):
    """One image, one picture, one map; or of the best, one."""
    shape = [1 if size is None else size for size in spec.shape]
    if spec.dtype == tf.string:
        return [tf.io.encode_png(tf.zeros([8, 8, 3], tf.uint8)).numpy()]
    return tf.ones(shape, spec.dtype).numpy()
