"""The model and the embedding of a gallery: where they come from, and the copies that it keeps."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console

from tfnxc.console import plain
from tfnxc.errors import InputError
from tfnxc.files import replacing
from tfnxc.hashes import file_digest, sha256_of

if TYPE_CHECKING:
    from tfnxc.embedding import Calibration, Embedding
    from tfnxc.runs import Run
    from tfnxc.scoring import PairHead

PRETRAINED = "pretrained"
MODEL = "model.keras"
FILES = (MODEL, "embedding.keras", "embedding.json")
"""The copies in the folder of a gallery."""

CALIBRATION = "calibration.json"
"""Their thresholds, where there are any; they may come later, and know of what they are."""

PAIRS = 128  # that the head scores at a time


@dataclasses.dataclass(frozen=True)
class Source:
    """A model with its embedding.

    Args:
        name: What tells both from any others: equal for the same, in whatever folder they lie.
        said: What they are called in a message.
        embedding: The `Embedding`.
        save_model: Writes the `.keras` file of the model.
        calibration: The `Calibration` of both. Defaults to `None`: there is none.
    """

    name: str
    said: str
    embedding: Embedding
    save_model: Callable[[pathlib.Path], object]
    calibration: Calibration | None = None

    def keep(self, folder: pathlib.Path) -> dict[str, str]:
        """Puts copies into the folder of a gallery; gives the SHA-256 of each."""
        with replacing(folder / MODEL) as new:
            self.save_model(new)
        self.embedding.save(folder)
        if self.calibration is None:
            (folder / CALIBRATION).unlink(missing_ok=True)  # of a start before that was killed
        else:
            self.calibration.save(folder)
        return {name: sha256_of(folder / name) for name in FILES}


def find_source(
    model: str | os.PathLike | Run, embedding: Embedding | str | os.PathLike | None, console: Console | None
) -> Source:
    """The `Source` of what `Gallery.start` is given; an `InputError` where it cannot be used."""
    from tfnxc.embedding import Embedding

    found: Embedding | None = None
    calibrated: str | os.PathLike | None = None  # the folder whose thresholds are those of the embedding
    if isinstance(embedding, Embedding):
        found = embedding
    elif embedding is not None:
        found, calibrated = Embedding.load(embedding), embedding
    if model == PRETRAINED:
        return _with_calibration(_pretrained(found), calibrated)
    if isinstance(model, (str, os.PathLike)) and not os.path.isdir(model):
        path = pathlib.Path(model)
        if not path.is_file():
            raise InputError(f"{model}: no such file; expected a model, .keras, a run folder or {PRETRAINED}.")
        head = pair_head(path)
        if found is None:
            found, calibrated = _beside(path), path.parent
    else:
        from tfnxc.runs import Run

        run = model if isinstance(model, Run) else Run.open(model)
        path = run.model_path()
        if not path.exists():
            again = "finish the training with the tfnxc train command that began it"
            raise InputError(f"{run.folder}: no model yet; {again}.")
        if console is not None and run.unfinished:
            console.print(plain(run.unfinished))
        head = pair_head(path)
        if found is None:
            found, calibrated = run.embedding(), run.folder
    digest = sha256_of(path)

    def save(to):
        shutil.copyfile(path, to)
        if sha256_of(to) != digest:
            raise InputError(f"{path}: it was replaced meanwhile. Give the command again.")

    source = Source(f"{digest} {_digest(found)}", str(path), found, save)
    return _with_calibration(_checked(source, head, file_digest(path)), calibrated)


def _with_calibration(source, folder):
    """The source with the calibration in a folder, where there is one; `None` is none."""
    from tfnxc.embedding import Calibration, calibration_path

    if folder is None or not calibration_path(folder).exists():
        return source
    return dataclasses.replace(source, calibration=Calibration.load(folder, source.embedding))


def _pretrained(embedding):
    from tfnxc import models
    from tfnxc.embedding import pretrained_embedding
    from tfnxc.models.pretrained import pretrained_card
    from tfnxc.scoring import PairHead

    model, embedding, digest = models.pretrained(), embedding or pretrained_embedding(), pretrained_card()["digest"]
    source = Source(f"{PRETRAINED} {digest} {_digest(embedding)}", "the model of tfnxc", embedding, model.save)
    return _checked(source, PairHead(model), digest)


def _beside(path):
    """The embedding in the folder of a model file."""
    from tfnxc.embedding import Embedding

    try:
        return Embedding.load(path.parent)
    except InputError as error:
        also = "A gallery needs one beside its model, as in a run folder"
        raise InputError(f"{error} {also}.") from None


def _checked(source, head, model_digest):
    """The source itself, if its embedding is of the model."""
    embedding = source.embedding
    if embedding.card.model_digest != model_digest or embedding.map_shape != head.map_shape:
        raise InputError(f"{source.said}: its embedding is of another model. Fit one of this model: tfnxc embed fit.")
    return source


def _digest(embedding):
    """Of weights and card: the files differ each time that they are written."""
    card = type(embedding.card).from_dict(embedding.card.to_dict())  # numbers of the kinds that a file gives
    digest = hashlib.sha256(json.dumps(card.to_dict(), sort_keys=True).encode())
    for each in embedding.model.get_weights():
        digest.update(np.ascontiguousarray(each))
    return digest.hexdigest()


def pair_head(path: str | os.PathLike) -> PairHead:
    """The `PairHead` of a `.keras` file; an `InputError` where it is of no pair model."""
    # Here, because only what reads or scores pictures has to wait for TensorFlow.
    from tfnxc.runs import load_model
    from tfnxc.scoring import PairHead

    model, _ = load_model(path)
    try:
        return PairHead(model, PAIRS)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
