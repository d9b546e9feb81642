"""The embedding of the model that comes with the package, fitted on the synthetic set."""

import dataclasses
import importlib.resources
import json

import numpy as np

from tfnxc import models
from tfnxc.embedding.embedding import Embedding, EmbeddingCard

FOLDER = importlib.resources.files(__package__) / "weights"


@dataclasses.dataclass
class _Kept:
    """A fitted projection that was kept."""

    mean_: np.ndarray
    components_: np.ndarray


def pretrained_embedding() -> Embedding:
    """The embedding of `tfnxc.models.pretrained`, fitted on the drawn people that the model was trained on.

    It has seen no photograph: `tfnxc embed fit pretrained --on SET --to FOLDER` fits one on your labelled pictures.

    Returns:
        The `Embedding`; its projection is kept in half precision.

    Example:
        >>> pretrained_embedding().dimensions
        128
    """
    with (FOLDER / "synthetic.npz").open("rb") as file, np.load(file) as kept:
        projection = _Kept(kept["mean"].astype(np.float64), kept["components"].astype(np.float64))
    card = EmbeddingCard.from_dict(json.loads((FOLDER / "synthetic.json").read_text(encoding="utf-8")))
    return Embedding.of(projection, models.split(models.pretrained()).tower.output_shape[1:], card)
