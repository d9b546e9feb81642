"""Splits from JSON files."""

import json
import os
import pathlib

from tfnxc.datasets.splits.split import Split
from tfnxc.errors import InputError


def load_split(path: str | os.PathLike) -> Split:
    """Reads a split from a JSON file, as `Split.from_dict` describes it.

    Args:
        path: The file. Its name without the extension is the name of the split where the file holds none.

    Raises:
        InputError: If the file is missing or not of this form; the message names it.

    Example:
        >>> split = tfnxc.datasets.seeded_split(people.identities, test=2, seed=0)
        >>> _ = pathlib.Path("mine.json").write_text(split.to_json())
        >>> load_split("mine.json") == split
        True
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
