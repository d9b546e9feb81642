"""Exporting a model as a SavedModel of stock TensorFlow operations."""

from __future__ import annotations

import contextlib
import os
import pathlib
import tempfile

import keras
import tensorflow as tf

from tfnxc.errors import InputError


def export_model(model, folder, version=None):
    """Writes `folder/version/`, a SavedModel that loads where there is TensorFlow and no tfnxc.

    Its signature `serving_default` takes `probe` and `gallery`, float32 images of shape `(batch, height, width, 3)`
    with values in [0, 1], and gives `same`, the probability that both show one person, `(batch,)`, and
    `probabilities`, the model's output (different, same), `(batch, 2)`.

    Args:
        model: A model of `tfnxc.models`.
        folder: The folder of this model's versions, e.g. `"savedmodels/campus"`.
        version: A positive integer. Defaults to `None`: one more than the highest there.

    Returns:
        The path of the version.

    Raises:
        InputError: If the version exists already or is no positive integer.

    Example:
        >>> tfnxc.serving.export_model(model, "savedmodels/campus")
        PosixPath('savedmodels/campus/1')
    """
    folder = pathlib.Path(folder)
    if version is None:
        version = max(_versions(folder), default=0) + 1
    if not isinstance(version, int) or version < 1:
        raise InputError(f"a version is a positive whole number; got {version!r}.")
    target = folder / str(version)
    if target.exists():
        raise InputError(f"{target} exists already. Choose another version, or none for the next one.")
    folder.mkdir(parents=True, exist_ok=True)
    # Written beside its place and then renamed: a server that watches the folder never sees half a version.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as scratch:
        written = pathlib.Path(scratch) / "model"
        _write(model, str(written))
        try:
            os.rename(written, target)
        except OSError:
            if not target.exists():
                raise
            raise InputError(f"{target} was made by somebody else meanwhile.") from None
    return target


def _versions(folder):
    return [int(entry.name) for entry in folder.glob("*") if entry.name.isdecimal()]


def _write(model, path):
    def match(probe, gallery):
        probabilities = model([probe, gallery], training=False)
        return {"probabilities": probabilities, "same": probabilities[:, 1]}

    signature = [tf.TensorSpec([None, *image.shape[1:]], tf.float32, name=image.name) for image in model.inputs]
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serving_default", match, input_signature=signature)
    with _quiet_keras():
        archive.write_out(path)


@contextlib.contextmanager
def _quiet_keras():
    """Keras prints a page about each exported endpoint; the command line says it in a line."""
    interactive = keras.utils.is_interactive_logging_enabled()
    keras.utils.disable_interactive_logging()
    try:
        yield
    finally:
        if interactive:
            keras.utils.enable_interactive_logging()
