"""A gallery of synthetic people, to try a search on."""

import os
import pathlib

import numpy as np
from PIL import Image

from tfnxc.datasets import synthetic
from tfnxc.files import writing
from tfnxc.search.gallery import Gallery
from tfnxc.search.picture_lists import folder_pictures

_SEED = 5001  # of people whom the model that comes with tfnxc has not seen


def synthetic_gallery(
    folder: str | os.PathLike, identities: int = 100, probes: int = 10
) -> tuple[Gallery, list[pathlib.Path]]:
    """Indexes people of the synthetic set, as camera `b` sees them, with the model that comes with tfnxc.

    Args:
        folder: A folder for the pictures and the index; made if need be.
        identities: How many people. Defaults to `100`.
        probes: Of how many there is a picture by camera `a` too. Defaults to `10`.

    Returns:
        The `Gallery`, and a list of the files by camera `a`.

    Example:
        >>> gallery, probes = synthetic_gallery("try", identities=3, probes=1)
        >>> len(gallery), len(probes)
        (3, 1)
    """
    folder = pathlib.Path(folder)
    people = synthetic(identities=identities, shots=1, seed=_SEED)
    first, second = (people.take(np.flatnonzero(people.cameras == camera)) for camera in (0, 1))
    files = _write(first.take(range(probes)), folder / "probes" / "a")
    _write(second, folder / "gallery" / "b")
    gallery = Gallery.start(folder / "index", "pretrained")
    gallery.add(folder_pictures(folder / "gallery", layout=("camera",)))
    return gallery, files


def _write(people, folder):
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"person-{identity:04d}.png" for identity in people.identities]
    for index, file in enumerate(files):
        with writing(file):
            Image.fromarray(people.read(index)).save(file)
    return files
