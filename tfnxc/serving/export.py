"""Exporting a model as a SavedModel of stock TensorFlow operations."""

import os
import pathlib
import re
from collections.abc import Mapping
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from tfnxc import models
from tfnxc.console import plain
from tfnxc.embedding import Embedding, calibration_path, embedding_path
from tfnxc.errors import InputError
from tfnxc.files import refuse_other_than_utf8
from tfnxc.folders import new_folder
from tfnxc.keras_line import KERAS_2
from tfnxc.ops.gradient import forward_only
from tfnxc.runs import Run
from tfnxc.serving.card import calibration_card, run_card, write_card, write_warm_up
from tfnxc.serving.checksums import write_checksums
from tfnxc.serving.signatures import signatures
from tfnxc.serving.variants import measure_variant
from tfnxc.serving.variants import variant as smaller


def export_run(
    run: Run | str | os.PathLike,
    name: str,
    folder: str | os.PathLike = "savedmodels",
    *,
    version: int | None = None,
    variant: Literal["float32", "float16"] = "float32",
    state: Literal["trained", "best"] = "trained",
    data: str | None = None,
    probes: int | None = 100,
    console: Console | None = None,
) -> pathlib.Path:
    """Writes the model of a run by `export_model` as `folder/name/version/`, with the card of `run_card`.

    With the embedding of that model and its thresholds, if the run has them; without an embedding, a note says how to
    fit it. What a `"float16"` variant costs is measured first, on the test people of the run.

    Args:
        run: A `Run` or its folder.
        name: Name of the model on a server: letters, digits, `-` and `_`, a letter or digit first.
        folder: Folder of all models. Defaults to `"savedmodels"`.
        version: As in `export_model`. Defaults to `None`: one more than the last.
        variant: As in `export_model`. Defaults to `"float32"`.
        state: `"trained"`, after the last epoch, or the `"best"` by validation. Defaults to `"trained"`.
        data: For `"float16"`: where the data set lies. Defaults to `None`: where the run was trained from.
        probes: For `"float16"`: the most probes it is measured with. Defaults to 100.
        console: A rich `Console` for progress, notes and what the variant costs. Defaults to `None`: nothing is shown.

    Returns:
        The path of the version.

    Raises:
        InputError: If there is no such run, model or data set, the name is invalid, the embedding is broken or of other
            weights, its thresholds are, or `export_model` raises it.

    Example:
        >>> export_run("runs/mine", "campus", "exports")
        PosixPath('exports/campus/1')
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise InputError(f"--name takes letters, digits, - and _, a letter or digit first; got {name!r}.")
    run = run if isinstance(run, Run) else Run.open(run)
    if console is not None and run.unfinished:
        console.print(plain(run.unfinished))
    model, card, embedding = run.load_model(state), run_card(run, state), None
    if embedding_path(run.folder, state).exists():
        embedding = run.embedding(state)
        if calibration_path(run.folder, state).exists():
            card["thresholds"] = calibration_card(run.calibration(state))
    elif console is not None:
        console.print(plain(f"No signatures of vectors: {card['embedding']}."))
    if variant != "float32":
        card["variant_loss"] = measure_variant(run, model, variant, data, probes, console, embedding)
    return export_model(model, pathlib.Path(folder) / name, version, variant, card, embedding)


def export_model(
    model: keras.Model,
    folder: str | os.PathLike,
    version: int | None = None,
    variant: Literal["float32", "float16"] = "float32",
    card: Mapping[str, Any] | None = None,
    embedding: Embedding | None = None,
) -> pathlib.Path:
    """Writes `folder/version/`, a SavedModel that loads with TensorFlow alone, without tfnxc.

    Its signatures use stock operations only; batches may have any size, and all outputs but `indices` are float32:

    - `serving_default` and `match`: `probe` and `gallery`, float32 images `(batch, height, width, 3)` with values in
      [0, 1], to `same`, the probability that both show one person, `(batch,)`, and `probabilities`, the model's output
      (different, same), `(batch, 2)`.
    - `match_bytes`: `probe_bytes` and `gallery_bytes`, JPEG or PNG files of any size, strings `(batch,)`, to the same.
    - `embed`: `image` to `features`, the tower's maps `(batch, rows, columns, channels)`; `embed_bytes`: `image_bytes`
      to the same.
    - `embed_vector`: `image` to `vector`, `(batch, dimensions)`, unit vectors whose cosine tells how alike two people
      are, for any vector database; `embed_vector_bytes`: `image_bytes` to the same. Both only with an `embedding`.
    - `match_features`: `probe_features` and `gallery_features` to what `match` gives.
    - `rank`: `probe_features` of one probe, `gallery_features`, and `k`, an int32, to `indices`, int32 positions in the
      gallery, and `probabilities` of the same person, both `(k,)`, best first.

    A picture that cannot be read, an image with values outside [0, 1] and a map that is not finite fail the request
    with a message that names input and position. Memory beside what is sent and answered is bounded: 8 pairs or 16
    images are worked on at a time. `assets.extra` holds `card.json` and, if tensorflow-serving-api is installed,
    warm-up requests for TensorFlow Serving; `SHA256SUMS` is for `verify_export`.

    Args:
        model: A model of `tfnxc.models`.
        folder: The folder of this model's versions, e.g. `"savedmodels/campus"`.
        version: A positive integer. Defaults to `None`: one more than the highest there.
        variant: `"float32"`; or `"float16"`: the weights of tower and head in half the bytes, the same arithmetic.
            Defaults to `"float32"`.
        card: What the card says of data and results, as from `tfnxc.serving.run_card`. Defaults to `None`: nothing is
            known.
        embedding: The `Embedding` that belongs to this model, as from `Run.embedding`. Defaults to `None`: the export
            gives no vectors.

    Returns:
        The path of the version.

    Raises:
        InputError: If the version exists already or is no positive integer, the variant is not known, the embedding is
            of feature maps of another shape, or the name of the folder is not UTF-8.

    Example:
        >>> export_model(model, "savedmodels/campus")
        PosixPath('savedmodels/campus/1')
    """
    refuse_other_than_utf8(folder)
    folder, parts = pathlib.Path(folder), smaller(models.split(model), variant)
    if embedding is not None and embedding.map_shape != tuple(parts.tower.output_shape[1:]):
        raise InputError(
            f"the embedding takes feature maps {embedding.map_shape}, and {model.name} gives "
            f"{tuple(parts.tower.output_shape[1:])}; give that of this very model."
        )
    if version is None:
        version = 1 + max((int(entry.name) for entry in folder.glob("*") if entry.name.isdecimal()), default=0)
    if isinstance(version, bool) or not isinstance(version, int | np.integer) or version < 1:
        raise InputError(f"a version is a positive whole number; got {version!r}.")
    target = folder / str(int(version))
    if target.exists():
        raise InputError(f"{target} exists already. Choose another version, or none for the next one.")
    vectors = None if embedding is None else embedding.model
    asked = signatures(*parts, vectors)
    # Made elsewhere and then renamed: a server that watches the folder never sees half a version.
    with new_folder(target) as written:
        module = tf.Module()
        # The bare variables: of the models themselves TensorFlow would save much more.
        weights = [each for part in (*parts, vectors) if part is not None for each in part.weights]
        module.kept = [each if KERAS_2 else each.value for each in weights]
        # The names of the outputs are the keys of the dict that a function returns.
        with forward_only():
            traced = {
                name: tf.function(each.function).get_concrete_function(*each.inputs) for name, each in asked.items()
            }
        without_gradients = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(module, str(written), {"serving_default": traced["match"], **traced}, without_gradients)
        write_card(written, folder.name, target.name, model, variant, asked, card, embedding)
        write_warm_up(written, folder.name, asked)
        write_checksums(written)
    return target
