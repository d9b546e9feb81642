"""The model that comes with the package, trained on the synthetic set."""

import importlib.resources
import json

import keras
import numpy as np

from tfnxc.hashes import short_digest
from tfnxc.models.normxcorr import normxcorr

_FOLDER = importlib.resources.files(__package__) / "weights"
_WEIGHTS = _FOLDER / "synthetic.npz"


def pretrained() -> keras.Model:
    """A Normalized X-Corr model that ranks the drawn people of the synthetic set.

    It is here so that search, pages, exports and examples have something to run on at once. It has seen no photograph:
    train on real people before you rank any.

    Returns:
        A `keras.Model` as from `normxcorr(scaling="centred")`; its weights are kept in half precision.

    Example:
        >>> model = tfnxc.models.pretrained()
        >>> model.name, model.count_params()
        ('normxcorr', 1121222)
    """
    model = normxcorr(scaling="centred", l2=0.0)
    with _WEIGHTS.open("rb") as file, np.load(file) as kept:
        model.set_weights([kept[f"weight{index}"].astype(np.float32) for index in range(len(kept.files))])
    return model


def pretrained_card() -> dict:
    """The card of `pretrained`, as plain types: its training data, its figures, versions, the digest of its weights."""
    card = json.loads((_FOLDER / "synthetic.json").read_text(encoding="utf-8"))
    return {**card, "digest": short_digest(_WEIGHTS.read_bytes())}
