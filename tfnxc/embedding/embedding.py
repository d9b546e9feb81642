"""The embedding of a tower's feature maps: a small Keras model, what it was fitted on, and its files."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from tfnxc.embedding.combination import PRIOR, Combination
from tfnxc.embedding.pooling import COLUMNS, ROWS, StatisticsPooling
from tfnxc.embedding.projection import Projection
from tfnxc.errors import InputError
from tfnxc.files import parse_json, replacing, write_json
from tfnxc.hashes import file_digest
from tfnxc.models.model_file import load_model

_BATCH = 256  # feature maps that are projected at a time


@dataclasses.dataclass(frozen=True)
class EmbeddingCard:
    """What is known of an embedding.

    Args:
        model_digest: Digest of the model file whose tower it belongs to.
        method: How it was fitted, such as `"discriminant"`.
        fitted_on: `(data set, identities)` whose pictures the projection was fitted on.
        pictures: How many pictures that were.
        regularization: Of the method; of a `Discriminant` its shrinkage. Defaults to `None`: it is not known.
        choice: What the choice of regularization and dimensions rests on: a dict each tried. Defaults to none.
        combination: The `Combination` with the pair head. Defaults to the prior.
        combined_on: `(data set, identities)` held back, whom the choice and the combination were fitted on. Defaults
            to none.
        names: Who all of these are, by number, as `tfnxc.datasets.known_people.names_of` gives it. Defaults to
            `None`: their numbers say it.
    """

    model_digest: str
    method: str
    fitted_on: tuple[tuple[str, tuple[int, ...]], ...]
    pictures: int
    regularization: float | None = None
    choice: tuple[Mapping[str, float], ...] = ()
    combination: Combination = PRIOR
    combined_on: tuple[tuple[str, tuple[int, ...]], ...] = ()
    names: Mapping[int, str] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain types for JSON; the names only where there are some."""
        record = dataclasses.asdict(self)
        names = record.pop("names")
        return record if names is None else {**record, "names": {str(number): name for number, name in names.items()}}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """The card of a dict as from `to_dict`; raises `ValueError`, `KeyError` or `TypeError` where it is none."""
        names = {field.name for field in dataclasses.fields(cls)}
        if {*record, "names"} != names:
            raise ValueError(f"the card of an embedding has {', '.join(sorted(names))}")
        known = record.get("names")
        return cls(
            model_digest=str(record["model_digest"]),
            method=str(record["method"]),
            fitted_on=_people(record["fitted_on"]),
            pictures=int(record["pictures"]),
            regularization=None if record["regularization"] is None else float(record["regularization"]),
            choice=tuple({str(key): float(value) for key, value in each.items()} for each in record["choice"]),
            combination=Combination.from_dict(record["combination"]),
            combined_on=_people(record["combined_on"]),
            names=None if known is None else {int(number): str(name) for number, name in known.items()},
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Embedding:
    """An embedding of the feature maps of one tower.

    Args:
        model: A Keras model, `StatisticsPooling` and stock layers: feature maps `(batch, height, width, channels)` to
            float32 unit vectors `(batch, dimensions)`.
        card: The `EmbeddingCard`.

    Example:
        >>> maps = tfnxc.scoring.embed(tfnxc.models.split(model).tower, images)
        >>> pooled = tfnxc.embedding.pooled(maps)
        >>> fitted = tfnxc.embedding.Discriminant(dimensions=2).fit(pooled, np.repeat([0, 1, 2], 4))
        >>> card = tfnxc.embedding.EmbeddingCard("a1b2c3", "discriminant", (("synthetic", (0, 1, 2)),), len(images))
        >>> embedding = Embedding.of(fitted, maps.shape[1:], card)
        >>> embedding.vectors(maps).shape
        (12, 2)
    """

    model: keras.Model
    card: EmbeddingCard

    @classmethod
    def of(cls, projection: Projection, map_shape: Sequence[int], card: EmbeddingCard) -> Self:
        """The embedding of a fitted projection of pooled feature maps of the shape `(height, width, channels)`."""
        maps = keras.Input(tuple(map_shape), name="feature_maps")
        numbers = pooling_layer()(maps)
        size, count = projection.components_.shape
        if numbers.shape[-1] != size:
            raise ValueError(f"a projection of {size} numbers does not fit the {numbers.shape[-1]} of these maps.")
        projected = keras.layers.Dense(count, name="projection", dtype="float32")(numbers)
        vectors = keras.layers.UnitNormalization(name="unit_vectors", dtype="float32")(projected)
        model = keras.Model(maps, vectors, name="embedding")
        bias = -projection.mean_ @ projection.components_
        model.get_layer("projection").set_weights([np.float32(projection.components_), np.float32(bias)])
        return cls(model, card)

    @property
    def dimensions(self) -> int:
        """Numbers of a vector."""
        return self.model.output_shape[-1]

    @property
    def map_shape(self) -> tuple[int, int, int]:
        """Shape of the feature maps that it takes."""
        return tuple(self.model.input_shape[1:])

    @property
    def combination(self) -> Combination:
        """The `Combination` with the pair head."""
        return self.card.combination

    def vectors(self, maps: ArrayLike) -> np.ndarray:
        """Unit vectors of float feature maps `(n, height, width, channels)`: float32 `(n, dimensions)`."""
        maps = np.asarray(maps)
        return _in_batches(self.model, maps, self.dimensions)

    def of_images(self, tower: keras.Model) -> keras.Model:
        """The model of images in [0, 1], `(batch, height, width, 3)`, to unit vectors: the tower and the embedding."""
        images = keras.Input(tower.input_shape[1:], name="image")
        return keras.Model(images, self.model(tower(images)), name="embedding_of_images")

    def save(self, folder: str | os.PathLike, state: str = "trained") -> None:
        """Writes `embedding.keras` and `embedding.json` into a run folder; of a state `embedding-best.keras` etc."""
        path = embedding_path(folder, state)
        with replacing(path) as new:
            self.model.save(new)
        # Last, with the digest of the other: after a kill between the two they do not fit each other, and it is seen.
        write_json(path.with_suffix(".json"), {**self.card.to_dict(), "embedding_digest": file_digest(path)})

    @classmethod
    def load(cls, folder: str | os.PathLike, state: str = "trained") -> Self:
        """The embedding in a folder; raises `InputError` where there is none or a file is damaged."""
        path, command = embedding_path(folder, state), fit_command(folder, state)
        if not path.with_suffix(".json").exists() or not path.exists():
            raise InputError(f"{path}: no embedding here. Fit one with {command}.")
        try:
            record = parse_json(path.with_suffix(".json").read_text(encoding="utf-8"))
            digest = record.pop("embedding_digest")
            card = EmbeddingCard.from_dict(record)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            digest, card = None, None
        if card is None or digest != file_digest(path):
            raise InputError(f"{path}: damaged, or not of its {path.stem}.json. Fit it anew: {command}.")
        try:
            return cls(load_model(path)[0], card)
        except InputError as error:
            raise InputError(f"{error} Fit it anew: {command}.") from None


def embedding_path(folder: str | os.PathLike, state: str = "trained") -> pathlib.Path:
    """File of the embedding of a model in a state."""
    return pathlib.Path(folder) / f"embedding{'' if state == 'trained' else f'-{state}'}.keras"


def fit_command(folder: str | os.PathLike, state: str = "trained") -> str:
    """The command that fits the embedding of a run's model in a state."""
    return f"tfnxc embed fit {folder}{'' if state == 'trained' else f' --state {state}'}"


def pooled(maps: ArrayLike) -> np.ndarray:
    """What the embedding pools from feature maps `(n, height, width, channels)`: float32 `(n, numbers)`.

    Example:
        >>> pooled(np.zeros((3, 37, 12, 25), np.float32)).shape
        (3, 1200)
    """
    maps = np.asarray(maps)
    layer = pooling_layer()
    return _in_batches(layer, maps, layer.compute_output_shape(maps.shape)[-1])


def pooling_model(tower: keras.Model) -> keras.Model:
    """The model of images in [0, 1] to what the embedding pools from the feature maps of a tower."""
    images = keras.Input(tower.input_shape[1:], name="image")
    return keras.Model(images, pooling_layer()(tower(images)), name="pooled")


def pooling_layer() -> StatisticsPooling:
    """The layer that makes of feature maps the numbers which the projection takes."""
    options: dict[str, Any] = {"data_format": "channels_last", "name": "pooling", "dtype": "float32"}
    return StatisticsPooling(ROWS, COLUMNS, root=True, **options)


def _in_batches(function, maps, size):
    found = np.empty((len(maps), size), np.float32)
    for start in range(0, len(maps), _BATCH):
        batch = tf.convert_to_tensor(np.asarray(maps[start : start + _BATCH], np.float32))
        found[start : start + _BATCH] = function(batch)
    return found


def _people(listed):
    return tuple((str(dataset), tuple(int(each) for each in identities)) for dataset, identities in listed)
