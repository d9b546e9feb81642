"""Pair models: the three architectures of SPEC section 3 as builders, and models of any tower and head."""

from collections.abc import Callable

import keras

from tfnxc.models._blocks import INITIALIZERS, SCALINGS
from tfnxc.models.ahmed import ahmed
from tfnxc.models.fused import fused
from tfnxc.models.normxcorr import normxcorr
from tfnxc.models.pair_model import pair_model
from tfnxc.models.pretrained import pretrained, pretrained_card
from tfnxc.models.split import image_size, in_batch, split

BUILDERS: dict[str, Callable[..., keras.Model]] = {"ahmed": ahmed, "normxcorr": normxcorr, "fused": fused}
"""The builders by the names that the command line and the results use."""

__all__ = [
    "BUILDERS",
    "INITIALIZERS",
    "SCALINGS",
    "ahmed",
    "fused",
    "image_size",
    "in_batch",
    "normxcorr",
    "pair_model",
    "pretrained",
    "pretrained_card",
    "split",
]
