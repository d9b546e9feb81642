"""The card of an export: what the model is, on whom it was trained and measured, and what it is for."""

import pathlib
from typing import Any

from tfnxc.files import write_json
from tfnxc.runs import Run, versions

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

_MEASURED = ("dataset", "split", "split_digest", "protocol", "ties", "repeats", "probes", "gallery", "views")
"""What a card says of a result besides its figures."""


def run_card(run: Run, state: str = "trained") -> dict[str, Any]:
    """What the card of a run's model says of data and results.

    Results of other models than the one that lies there now are left out.

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
    found = [_measured(result) for result in sorted(own, key=lambda result: result.name)]
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


def _measured(result):
    """A result in per cent."""
    written = result.to_dict()
    ranks = {f"rank {k}": 100 * result.rank(k) for k in (1, 5, 10, 20) if k <= len(result.mean)}
    return {**{name: written[name] for name in _MEASURED if name in written}, **ranks}


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
