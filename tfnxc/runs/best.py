"""`best.json`: at which epoch the best model was saved, and its validation figures."""

import json
import math
import os
import pathlib
from collections.abc import Mapping
from typing import NamedTuple

from tfnxc.errors import InputError
from tfnxc.files import write_json

RANKED_BY = ("val_rank_1", "val_mAP")
"""The figure that decides which model is best, and the one that breaks a tie."""


class Best(NamedTuple):
    """The epoch of the best model so far, counted from 0, and the figures that decided, in the order of `RANKED_BY`."""

    epoch: int
    figures: tuple[float, ...]


def read_best(folder: str | os.PathLike) -> Best | None:
    """The best epoch noted in a folder, or `None` where none is; raises `InputError` where the file is damaged."""
    path = pathlib.Path(folder) / "best.json"
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        epoch = kept["epoch"] if "epoch" in kept else kept["pass"]
        figures = tuple(float(kept[name]) for name in RANKED_BY)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        epoch, figures = None, ()
    if type(epoch) is not int or epoch < 0 or not all(map(math.isfinite, figures)):
        raise InputError(f"{path}: damaged. Delete it, and the next epoch is the best so far.")
    return Best(epoch, figures)


def write_best(folder: str | os.PathLike, epoch: int, figures: Mapping[str, float]) -> None:
    """Notes the epoch of the best model and its validation figures by name."""
    write_json(pathlib.Path(folder) / "best.json", {"epoch": epoch, **figures})
