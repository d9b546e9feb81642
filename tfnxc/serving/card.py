"""What lies beside the model in an export: its card, and warm-up requests for TensorFlow Serving."""

import importlib.util
import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfnxc.files import write_json
from tfnxc.runs import Run, versions
from tfnxc.serving.signatures import Signature

CARD = "assets.extra/card.json"
"""The card in a SavedModel: what the model is, on whom it was trained and measured, and what it is for."""

WARM_UP = "assets.extra/tf_serving_warmup_requests"
"""Where TensorFlow Serving looks in a SavedModel for requests to run first: the first of each signature are slow."""

INTENDED_USE = (
    "Ranking crops of one person each, from cameras that do not overlap, by how likely they show the person of a probe "
    "crop, for a human being who looks at the ranking and decides. The probabilities order a gallery; they are not "
    "calibrated."
)
MISUSE = (
    "Not a proof of identity: no decision about a person may rest on it alone. Not for faces, and not for people, "
    "cameras or countries unlike those of the data, on which its figures say nothing. Watching people needs a lawful "
    "ground; the model gives none."
)

# What a card says of a result besides its figures.
_MEASURED = ("dataset", "split", "split_digest", "protocol", "ties", "repeats", "probes", "gallery", "views")


def run_card(run: Run, state: str = "trained") -> dict[str, Any]:
    """What the card of a run's model says about data and results; results of other models are left out.

    Args:
        run: A `tfnxc.training.Run`.
        state: The state of the model, as in `Run.load_model`. Defaults to `"trained"`.

    Returns:
        Plain types by name.

    Raises:
        InputError: If the run has no such model, or a result of it is damaged.

    Example:
        >>> run = tfnxc.training.Run.open("runs/mine")
        >>> tfnxc.serving.export_model(run.load_model(), "savedmodels/mine", card=run_card(run))
        PosixPath('savedmodels/mine/1')
    """
    digest = run.model_digest(state)
    own = [result for result in run.results() if (result.state, result.model_digest) == (state, digest)]
    found = []
    for result in sorted(own, key=lambda result: result.name):
        written = result.to_dict()
        ranks = {f"rank {k}": 100 * result.rank(k) for k in (1, 5, 10, 20) if k <= len(result.mean)}
        found.append({**{name: written[name] for name in _MEASURED if name in written}, **ranks})
    return {
        "data": [{"dataset": name, "training_identities": len(people)} for name, people in run.trained_on],
        "split": {"name": run.split.name, "digest": run.split.digest},
        "cmc": found or "not measured: tfnxc evaluate does",
        "licence": {
            "code": "Apache-2.0",
            "weights": f"made from the data set {run.settings.dataset}: its terms hold for them, and those of all sets "
            "under data",
        },
        "training": {
            "epochs_done": run.epochs_of(state),
            "settings": run.settings.to_dict(),
            "versions": run.versions,
        },
        "model_digest": digest,
    }


def write_card(path, name, version, model, variant, signatures, card):
    """Writes the card of an export into a SavedModel; `card` as in `export_model`."""
    unknown = dict.fromkeys(("data", "split", "cmc", "licence"), "not said by whoever exported it")
    write_json(
        pathlib.Path(path) / CARD,
        {
            "name": name,
            "version": int(version),
            "architecture": model.name,
            "parameters": model.count_params(),
            "variant": variant,
            "signatures": {each: signature.about for each, signature in signatures.items()},
            "intended_use": INTENDED_USE,
            "misuse": MISUSE,
            **unknown,
            **(card or {}),
            "versions": versions(),
        },
    )


def write_warm_up(path: pathlib.Path, name: str, signatures: Mapping[str, Signature]) -> None:
    """Writes a request for each signature into a SavedModel if tensorflow-serving-api is installed.

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
    """One image, one picture, one map; or a `k` of 1."""
    if spec.dtype == tf.string:
        return [tf.io.encode_png(tf.zeros([8, 8, 3], tf.uint8)).numpy()]
    return tf.ones([1 if size is None else size for size in spec.shape], spec.dtype).numpy()
