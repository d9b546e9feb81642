"""What lies beside the model in an export: its card, and warm-up requests for TensorFlow Serving."""

import dataclasses
import importlib.util
import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfnxc.embedding import Calibration, Embedding
from tfnxc.files import write_json
from tfnxc.hashes import short_digest
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

COMBINATION = (
    "score = log_odds * mean of log(p / (1 - p)) over both orders, p the probability of match, no nearer to 0 or 1 "
    "than 2**-24; plus cosine * the cosine of both vectors; plus same_camera where one camera took both pictures and "
    "that is to count. Higher is more alike. The probability of one person, where that is as likely as not beforehand, "
    "is 1 / (1 + exp(-(slope * score + intercept)))."
)
"""How an export's vectors and probabilities become one score."""

CALIBRATION = (
    "Of 1,000 pictures of strangers, false_matches are expected at or above a threshold, for a probe; found is the "
    "share of true matches there. Scores: of head the probability of match, of embedding the cosine, of both the "
    "combination, of one order, the probe first. The calibrated probability of one person, where that is as likely "
    "as not beforehand, is 1 / (1 + exp(-(slope * x + intercept))), x the score, of head log(p / (1 - p)). They "
    "hold for people and cameras like those that they were fitted on."
)
"""What the thresholds of an export mean."""

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
        if result.open_set is not None:
            found[-1]["open_set"] = {name: result.open_set[name] for name in ("strangers", "rates")}
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
            "recipe": run.settings.recipe.title,
            "epochs_done": run.epochs_of(state),
            "settings": run.settings.to_dict(),
            "versions": run.versions,
        },
        "embedding": f"none, because the run has none; tfnxc embed fit {run.folder} fits one",
        "thresholds": f"none, because the run has none; tfnxc calibrate {run.folder} makes them",
        "model_digest": digest,
    }


def embedding_card(embedding: Embedding) -> dict[str, Any]:
    """What the card of an export says of its vectors: whom they were fitted on, and how they go with the pair head.

    Example:
        >>> fitted = tfnxc.embedding.Discriminant(2).fit(np.eye(6, 20), [0, 0, 1, 1, 2, 2])
        >>> about = tfnxc.embedding.EmbeddingCard("a1b2c3", "discriminant", (("viper", (4, 5, 9)),), 6)
        >>> card = embedding_card(tfnxc.embedding.Embedding.of(fitted, (1, 2, 5), about))
        >>> card["dimensions"], card["fitted_on"]
        (2, [{'dataset': 'viper', 'identities': 3}])
    """
    card = embedding.card
    weights = b"".join(each.tobytes() for each in embedding.model.get_weights())
    return {
        # Vectors of two exports may be compared where these are equal.
        "digest": short_digest(card.model_digest.encode() + weights),
        "model_digest": card.model_digest,
        "dimensions": embedding.dimensions,
        "distance": "cosine; all vectors have the length 1",
        "method": card.method,
        "regularization": card.regularization,
        "fitted_on": _counted(card.fitted_on),
        "pictures": card.pictures,
        "choice": {"held_back": _counted(card.combined_on), "tried": [dict(each) for each in card.choice]},
        "combination": {**dataclasses.asdict(card.combination), "how": COMBINATION},
    }


def calibration_card(calibration: Calibration) -> dict[str, Any]:
    """What the card of an export says of its thresholds, and of the people whom they are of.

    Example:
        >>> found = tfnxc.evaluation.calibrate(run, tfnxc.datasets.synthetic(identities=16), false_matches=[50])
        >>> card = calibration_card(found)
        >>> card["people"], card["scorers"]["both"]["thresholds"][0]["false_matches"]
        ([{'dataset': 'synthetic', 'identities': 10}], 50.0)
    """
    scorers = {}
    for name, each in calibration.scorers.items():
        worth = {"before": each.before, "after": each.after}
        scorers[name] = {
            "thresholds": [dataclasses.asdict(threshold) for threshold in each.thresholds],
            "slope": each.slope,
            "intercept": each.intercept,
            "brier": {when: found and found.brier for when, found in worth.items()},
            "log_loss": {when: found and found.log_loss for when, found in worth.items()},
        }
    counts = {name: getattr(calibration, name) for name in ("pictures", "matches", "strangers", "smallest")}
    return {"people": _counted(calibration.people), **counts, "scorers": scorers, "how": CALIBRATION}


def _counted(people):
    return [{"dataset": name, "identities": len(identities)} for name, identities in people]


def write_card(path, name, version, model, variant, signatures, card, embedding=None):
    """Writes the card of an export into a SavedModel; `card` and `embedding` as in `export_model`."""
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
            "embedding": "none was given to the export",
            "thresholds": "none were given to the export",
            **(card or {}),
            **({} if embedding is None else {"embedding": embedding_card(embedding)}),
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
