"""Loading a model from its file."""

import os
import pathlib
import zipfile

import keras

import tfnxc.layers  # noqa: F401  registers the layers that a model file names
from tfnxc.errors import InputError
from tfnxc.hashes import file_digest


def load_model(path: str | os.PathLike, compile: bool = False) -> tuple[keras.Model, str]:
    """The Keras model in a `.keras` file, with the digest of the file.

    Args:
        path: The file.
        compile: Whether the optimizer is restored too, to train on. Defaults to `False`.

    Returns:
        `(model, digest)`; the digest is the first 12 hexadecimal digits of the file's SHA-256.

    Raises:
        InputError: If the file is missing or broken.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)], name="small").save(f"{folder}/small.keras")
        >>> model, digest = load_model(f"{folder}/small.keras")
        >>> model.name, len(digest)
        ('small', 12)
    """
    path = pathlib.Path(path)
    try:
        digest = file_digest(path)
        return keras.models.load_model(path, compile=compile), digest
    # Keras raises the last three for a description that it would not write.
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, TypeError, AttributeError, IndexError) as error:
        raise InputError(f"{path}: broken model file ({error}).") from None
