"""Splits in files of one's own."""

from __future__ import annotations

import json
import pathlib

from tfnxc.datasets.splits.split import Split
from tfnxc.errors import InputError


def load_split(path):
    """Reads a split from a JSON file, as `Split.from_dict` describes it.

    Args:
        path: The file. Its name without the extension is the name of the split where the file holds none.

    Returns:
        A `Split`.

    Raises:
        InputError: If the file is missing or not of this form; the message names it.
    """
    path = pathlib.Path(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot read the split ({error.strerror or error}).") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a JSON file ({error}).") from None
    try:
        return Split.from_dict(data, path.stem, path.name)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
