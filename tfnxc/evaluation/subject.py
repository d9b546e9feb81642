"""What can be evaluated: a run, a model, a baseline or saved scores, told apart by what was given."""

from __future__ import annotations

import hashlib
import os
import pathlib
import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import keras

from tfnxc import models
from tfnxc.evaluation.saved_scores import SavedScores
from tfnxc.models.pretrained import pretrained_card
from tfnxc.runs import Run, load_model

Subject: TypeAlias = Run | keras.Model | SavedScores | str | os.PathLike
"""What `tfnxc.evaluation.evaluate` takes."""

BASELINE = "colour-histogram"
"""The subject that needs no training."""


class Model(NamedTuple):
    """A model.

    Args:
        name: How the names of its result files begin.
        label: What tables and figures call it.
        load: Gives the model and a digest of its file or its weights.
        about: Fields of a `Result` that say what it is. Defaults to none.
        folder: The folder of its run. Defaults to `None`: it is not of a run.
    """

    name: str
    label: str
    load: Callable[[], tuple[keras.Model, str]]
    about: Mapping[str, Any] = types.MappingProxyType({})
    folder: pathlib.Path | None = None


class Saved(NamedTuple):
    """Saved scores.

    Args:
        name: How the names of its result files begin.
        scores: The `SavedScores`.
    """

    name: str
    scores: SavedScores


def opened(subject: Subject) -> Run | Model | Saved | str:
    """What was given as the subject of `evaluate`, which says more; raises its errors.

    Example:
        >>> opened("pretrained").label
        'normxcorr, pretrained'
    """
    if isinstance(subject, Run):
        return subject
    if isinstance(subject, SavedScores):
        return Saved("saved-scores", subject)
    if isinstance(subject, keras.Model):
        return Model(subject.name, subject.name, lambda: (subject, _digest(subject)))
    if not isinstance(subject, str | os.PathLike):
        raise ValueError(
            "subject must be a run, its folder, a Keras model, a .keras or .npz file, 'pretrained' or "
            f"{BASELINE!r}; got {type(subject).__name__}."
        )
    if subject == BASELINE:
        return BASELINE
    if subject == "pretrained":
        card = pretrained_card()
        return Model("pretrained", "normxcorr, pretrained", lambda: (models.pretrained(), card["digest"]))
    path = pathlib.Path(subject)
    if path.suffix == ".npz":
        return Saved(path.stem, SavedScores.load(path))
    if path.suffix == ".keras":
        return Model(path.stem, path.stem, lambda: load_model(path))
    return Run.open(path)


def model_of(run: Run, state: str) -> Model:
    """The model of a run in a state, as in `Run.load_model`."""
    about = {"state": state, "epochs_done": run.epochs_of(state), "settings": run.settings}
    label = run.settings.model if state == "trained" else f"{run.settings.model}, {state}"
    return Model(state, label, lambda: (run.load_model(state), run.model_digest(state)), about, run.folder)


def _digest(model):
    """The first 12 hexadecimal digits of the SHA-256 of a model's weights."""
    found = hashlib.sha256()
    for weight in model.get_weights():
        found.update(weight.tobytes())
    return found.hexdigest()[:12]
