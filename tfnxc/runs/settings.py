"""The settings of a run: everything that was chosen for its training and changes the result."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from tfnxc.errors import InputError
from tfnxc.recipes.recipe import Recipe

_OLD_NAMES = {"passes": "epochs", "people": "identities_per_group", "places": "domains"}  # in runs of version 0.1
_WRITTEN = {"others": "with", "weights": "from"}  # what `run.json` calls a field where that is not its name
_OPTIONAL = (
    "others",
    "domains",
    "weights",
    "other_people",
    "validate",
    "given",
    "minutes",
)  # written where they are set


@dataclasses.dataclass(frozen=True)
class RunSettings:
    """What a run is trained with, apart from the split and the pictures.

    Args:
        dataset: Name of the data set.
        model: Name of the architecture, as in `tfnxc.models.BUILDERS`; or of a model that was given.
        recipe: The `Recipe`. Defaults to the published one.
        search_size: Rows and columns of the search window, `None` for all columns. Defaults to `None`: the model's own.
        seed: Seed of initialization, pairs and augmentation. Defaults to `0`.
        others: Names of other data sets, all of whose identities train too. Defaults to none.
        domains: Whether a group of pairs has images of one domain only. Defaults to `False`.
        weights: Digest of the model file whose weights the training starts from. Defaults to `None`: none.
        other_people: Whether the user declared that own pictures show other people. Defaults to `False`.
        validate: How many training identities are held back to validate on. Defaults to `0`.
        given: Fingerprint of the tower or the model that was given in the place of one that tfnxc builds. Defaults to
            `None`: none was.
        minutes: The time that the training has, which decides its steps. Defaults to `None`: the recipe says how many.
        extra: Further settings by name, in plain types. Defaults to none.

    Example:
        >>> settings = RunSettings("synthetic", "normxcorr", Recipe(epochs=5), validate=50)
        >>> settings.to_dict()["epochs"]
        5
        >>> settings.differences(RunSettings("synthetic", "normxcorr", Recipe(epochs=7), validate=50))
        [('epochs', 5, 7)]
    """

    dataset: str
    model: str
    recipe: Recipe = dataclasses.field(default_factory=Recipe)
    search_size: tuple[int, int | None] | None = None
    seed: int = 0
    others: tuple[str, ...] = ()
    domains: bool = False
    weights: str | None = None
    other_people: bool = False
    validate: int = 0
    given: str | None = None
    minutes: float | None = None
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict, hash=False)

    def __post_init__(self):
        object.__setattr__(self, "others", tuple(self.others))
        if self.search_size is not None:
            object.__setattr__(self, "search_size", tuple(self.search_size))

    def to_dict(self) -> dict[str, Any]:
        """The settings as one flat dict of plain types, as in `run.json`; optional ones only where they are set."""
        first = {name: _plain(getattr(self, name)) for name in ("dataset", "model", "search_size", "seed")}
        set_ones = {name: getattr(self, name) for name in _OPTIONAL if getattr(self, name)}
        optional = {_WRITTEN.get(name, name): _plain(value) for name, value in set_ones.items()}
        return {**first, **dataclasses.asdict(self.recipe), **optional, **self.extra}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], path: Any = "run.json") -> Self:
        """The settings of a dict as from `to_dict`, or as version 0.1 wrote them.

        Args:
            data: The settings by name. Missing ones have their defaults; unknown ones are kept in `extra`.
            path: The file that they come from, which errors name. Defaults to `"run.json"`.

        Raises:
            InputError: If it is no dict, or a value is of the wrong kind.
        """
        if not isinstance(data, Mapping):
            raise InputError(f"{path}: expected the settings of a run by name; got {type(data).__name__}.")
        data = {_OLD_NAMES.get(name, name): value for name, value in data.items()}
        recipe = {field.name: data.pop(field.name) for field in dataclasses.fields(Recipe) if field.name in data}
        for field in dataclasses.fields(Recipe):
            _check(path, field.name, recipe.get(field.name, field.default), type(field.default))
        known = {"dataset": data.pop("dataset", ""), "model": data.pop("model", "")}
        written = {_WRITTEN.get(name, name): name for name in ("search_size", "seed", *_OPTIONAL)}
        known |= {name: data.pop(key) for key, name in written.items() if key in data}
        for name, value in known.items():
            _check(path, _WRITTEN.get(name, name), value, _KINDS[name])
        try:
            return cls(recipe=Recipe(**recipe), **known, extra=data)
        except (ValueError, OverflowError) as error:
            raise InputError(f"{path}: {error}") from None

    def differences(self, other: RunSettings) -> list[tuple[str, Any, Any]]:
        """The settings that differ: `(name, own value, value of the other)`, sorted by the names in `run.json`.

        What the time or the steps decide does not: the epochs, and of a time the steps too.
        """
        own, others = self.to_dict(), other.to_dict()
        decided = {"epochs"} if self.recipe.steps and other.recipe.steps else set()
        decided = {"epochs", "steps"} if self.minutes and other.minutes else decided
        names = sorted((own.keys() | others.keys()) - decided)
        return [(name, own.get(name), others.get(name)) for name in names if own.get(name) != others.get(name)]


def _types(value):
    return list(map(type, value)) if isinstance(value, list | tuple) else value


def _is_count(value):
    return type(value) is int and value >= 0


_KINDS: dict[str, Any] = dict.fromkeys(("dataset", "model"), str)
_KINDS |= dict.fromkeys(("domains", "other_people"), bool)
_KINDS |= {
    **dict.fromkeys(("seed", "validate"), ("a whole number, 0 or above", _is_count)),
    "search_size": ("a list of rows and columns", lambda value: _types(value) in (None, [int, int], [int, type(None)])),
    "others": ("a list of names", lambda value: isinstance(_types(value), list) and set(_types(value)) <= {str}),
    "minutes": ("a number above 0", lambda value: type(value) in (int, float) and 0 < value < float("inf")),
    **dict.fromkeys(("weights", "given"), ("a digest", lambda value: value is None or isinstance(value, str))),
}
_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def _check(path, name, value, kind):
    """Raises an `InputError` if a value is not of a kind: a type, or a description and a test."""
    expected, fits = kind if isinstance(kind, tuple) else (_WORDS[kind], lambda value: type(value) is kind)
    if not fits(value) and not (kind is float and type(value) is int):
        raise InputError(f"{path}: {name} must be {expected}; got {value!r}.")


def _plain(value):
    return list(value) if isinstance(value, tuple) else value
