"""Scores with all that is needed to measure them again, in one file."""

import dataclasses
import json
import os
import pathlib
import zipfile
import zlib
from typing import Any, Self

import numpy as np

from tfnxc.console import readable
from tfnxc.errors import InputError
from tfnxc.files import parse_json, replacing

FORMAT = 1

_BROKEN = (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error)
_OLD_NAMES = {"passes_done": "epochs_done", "looks": "views"}
"""What files of version 0.1 call a field of `about`."""


@dataclasses.dataclass(frozen=True, eq=False)
class SavedScores:
    """Scores of a set of images, to be measured again under another protocol, without the model and the pictures.

    Args:
        scores: float32 matrix (images, images), rows probes, columns gallery; NaN where a pair was not scored.
        identities: Integers, one an image.
        cameras: Integers, one an image.
        probes: Booleans, one an image, where the set fixes its probes, or `None`.
        names: Names of the pictures.
        about: What they are of, in plain types: label, data set, split and its digest, model digest and so on.

    Example:
        >>> saved = SavedScores(np.eye(2), np.array([1, 2]), np.array([0, 1]), None, ["1.png", "2.png"], {})
        >>> saved.save("eye.npz")
        >>> SavedScores.load("eye.npz").names
        ['1.png', '2.png']
    """

    scores: np.ndarray
    identities: np.ndarray
    cameras: np.ndarray
    probes: np.ndarray | None
    names: list[str]
    about: dict[str, Any]

    def save(self, path: str | os.PathLike) -> None:
        """Writes an `.npz` file, whole or not at all."""
        path = pathlib.Path(path)
        if path.suffix != ".npz":
            raise InputError(f"{path}: scores are saved as .npz; give a name that ends so.")
        arrays: dict[str, Any] = {"scores": self.scores, "identities": self.identities, "cameras": self.cameras}
        if self.probes is not None:
            arrays["probes"] = self.probes
        arrays |= {"names": np.array(self.names), "about": np.array(json.dumps({"format": FORMAT, **self.about}))}
        with replacing(path) as new:
            np.savez_compressed(new, **arrays)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Self:
        """The scores in such a file; raises `InputError` if it is missing, broken, or not of this form."""
        try:
            with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
                held = {name: file[name] for name in file.files}
            about = {_OLD_NAMES.get(name, name): value for name, value in parse_json(str(held["about"])).items()}
            arrays = held["scores"], held["identities"], held["cameras"], held.get("probes")
            found, images = cls(*arrays, held["names"].tolist(), about), len(held["identities"])
        except FileNotFoundError:
            raise InputError(f"{path}: no such file.") from None
        except _BROKEN as error:
            raise InputError(
                f"{path}: not a file of scores that tfnxc evaluate --save-scores wrote ({error})."
            ) from None
        if any(each.dtype.kind not in "iu" or each.ndim != 1 for each in (found.identities, found.cameras)):
            raise InputError(f"{path}: not a file of scores; identities and cameras must be whole numbers.")
        if found.probes is not None and found.probes.dtype != bool:
            raise InputError(f"{path}: not a file of scores; probes must be booleans.")
        if about.get("format") != FORMAT:
            known = readable(str(about.get("format"))[:20], in_line=True)
            raise InputError(f"{path}: scores of the format {known}; this version reads {FORMAT}.")
        lengths = {len(found.cameras), len(found.names), *([] if found.probes is None else [len(found.probes)])}
        if found.scores.shape != (images, images) or found.scores.dtype.kind != "f" or lengths != {images}:
            raise InputError(f"{path}: scores of shape {found.scores.shape} do not fit {images} identities.")
        return found
