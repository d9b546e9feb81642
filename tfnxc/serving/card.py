"""The card of an export: what the model is, on whom it was trained and measured, and what it is for."""

from __future__ import annotations

import json
import pathlib

from tfnxc.files import write_json

CARD = "assets.extra/card.json"
"""Where the card lies in a SavedModel."""

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


def run_card(run, model_digest, state="trained"):
    """What the card of a run's model says of data and results.

    Args:
        run: A `tfnxc.training.Run`.
        model_digest: The digest of its model file, from `Run.load_model`: results of other models are left out.
        state: The state of the model, as there. Defaults to `"trained"`.

    Returns:
        Plain types by name.

    Example:
        >>> run = tfnxc.training.Run.open("runs/demo")
        >>> model, digest = run.load_model()
        >>> tfnxc.serving.export_model(model, "savedmodels/demo", card=tfnxc.serving.run_card(run, digest))
        PosixPath('savedmodels/demo/1')
    """
    data = run.settings["dataset"]
    return {
        "data": [{"dataset": name, "training_identities": len(people)} for name, people in run.trained_on],
        "split": {"name": run.record["split"]["name"], "digest": run.record["split_digest"]},
        "cmc": _results(run, model_digest, state),
        "licence": {
            "code": "Apache-2.0",
            "weights": f"made from the data set {data}: its terms hold for them, and those of all sets under data",
        },
        "training": {
            "epochs_done": run.epochs_of(state),
            "settings": run.settings,
            "versions": run.record.get("versions"),
        },
        "model_digest": model_digest,
    }


def _results(run, model_digest, state):
    """What `tfnxc evaluate` found for this very model, in per cent."""
    found = []
    for path in sorted((run.folder / "results").glob(f"{state}-*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        if result.get("model_digest") == model_digest:
            about = ("dataset", "split", "split_digest", "protocol", "ties", "repeats", "probes", "gallery", "looks")
            ranks = {f"rank {k}": result["mean"][k - 1] for k in (1, 5, 10, 20) if k <= len(result["mean"])}
            found.append({**{name: result[name] for name in about if name in result}, **ranks})
    return found or "not measured: tfnxc evaluate does"


def write_card(path, name, version, model, variant, signatures, card):
    """Writes the card of an export.

    Args:
        path: The SavedModel.
        name: Of the model on the server.
        version: Its version.
        model: The Keras model.
        variant: How its weights are kept.
        signatures: Those of `tfnxc.serving.signatures`.
        card: As in `tfnxc.serving.export_model`.
    """
    from tfnxc.runs.run import versions

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
