"""How a model is trained, as plain data: recipes by name, the best one by default, and any part of them changed."""

import dataclasses
import math
import operator
from typing import Any, Self

from tfnxc.datasets.pipelines.pair_indices import NEGATIVES, POSITIVES
from tfnxc.errors import InputError

DEFAULT = "grouped"
"""The recipe of a training that names none: the one that ranks held-back people best (docs/training.md)."""

LEAST_PAIRS = 150_000
"""What a training with groups needs, however few the images: `Recipe.for_images`."""

_RATE_AFTER_ANOTHER = 0.002
"""Highest learning rate of `grouped` where a training begins with the weights of another (docs/cuhk01.md)."""

_LENGTH = ("epochs", "steps")
"""Fields that say how long a training is, and nothing of how."""


@dataclasses.dataclass(frozen=True)
class Range:
    """The values that a number may have: from `min` to `max`, each of which may itself be left out (`_open`).

    Example:
        >>> 0 in Range(0, 1, min_open=True), str(Range(0, 1, min_open=True))
        (False, 'above 0 and at most 1')
    """

    min: float
    max: float | None = None
    min_open: bool = False
    max_open: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.min or (value == self.min and not self.min_open)
        return above and (self.max is None or value < self.max or (value == self.max and not self.max_open))

    def __str__(self) -> str:
        least = f"above {self.min}" if self.min_open else f"{self.min} or more"
        most = "" if self.max is None else f" and {'below' if self.max_open else 'at most'} {self.max}"
        return least + most


def _setting(default: Any, about: str, accepts: tuple[str, ...] | Range | None = None) -> Any:
    """A field with what the command line says and accepts: its help, and choices or a range."""
    choices, range_ = (accepts, None) if isinstance(accepts, tuple) else ((), accepts)
    return dataclasses.field(default=default, metadata={"help": about, "choices": choices, "range": range_})


def _number(name, value, kind):
    """A value as Python's own `int` or `float`, which a file can hold, whatever library it is of."""
    try:
        number = operator.index(value) if kind is int else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        expected = "a whole number" if kind is int else "a finite number"
        raise InputError(f"{name} must be {expected}; got {value!r}.")
    return number


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a model is trained. `Recipe.named()` is the best one; fields that are left out here are as published.

    Args:
        {fields}

    Raises:
        InputError: If a field is not as described.

    Example:
        >>> Recipe.named("grouped", epochs=5).batch_size
        144

    References:
        SPEC section 4.
    """

    optimizer: str = _setting("sgd", "A Keras optimizer by name, or kernel-muon; sgd has momentum 0.9.")
    # Torch7 damps its momentum buffer by (1 - momentum): its 0.05 is 0.005 here.
    learning_rate: float = _setting(0.005, "Learning rate, at its highest.", Range(0, min_open=True))
    schedule: str = _setting(
        "published",
        "Of the learning rate: published divides it by 1 + 1e-4 * step, cosine brings it to 0 at the end.",
        ("published", "constant", "cosine"),
    )
    warmup: int = _setting(0, "Steps over which a cosine first rises from 0.", Range(0))
    l2: float = _setting(5e-4, "L2: the gradient of every weight and bias receives this times its value.", Range(0))
    batch_size: int = _setting(128, "Pairs a batch.", Range(1))
    accumulate: int = _setting(1, "Parts of a batch of groups, one computed after the other to save memory.", Range(1))
    epochs: int = _setting(
        20,
        "How often training goes through the positive pairs, or with groups through the images. If left out, few "
        "images get more epochs than the recipe has.",
        Range(1),
    )
    steps: int = _setting(
        0,
        "Steps after which the training ends, also within an epoch, in the place of the epochs; 0 for none. What a "
        "training of so many minutes came to, this repeats.",
        Range(0),
    )
    pairs: str = _setting(
        "separate",
        "Each pair with two images of its own, as published, or all pairs inside groups of identities: faster.",
        ("separate", "grouped"),
    )
    identities_per_group: int = _setting(3, "Identities a group.", Range(2))
    positives: str = _setting("any", "Pairs of one person's images: any, or only those of two cameras.", POSITIVES)
    negatives: str = _setting(
        "uniform",
        "Images of others: any, or in part those most like the probe, by the model or with groups by colour.",
        NEGATIVES,
    )
    hard_share: float = _setting(0.5, "Share of the negatives that are hard, if any are.", Range(0, 1, min_open=True))
    pool: int = _setting(20, "Images, or with groups identities, among which hard ones are looked for.", Range(1))
    light: float = _setting(0.0, "How far exposure, contrast and colours are changed; 1 is much.", Range(0))
    erase: float = _setting(0.0, "Share of images of which a rectangle is hidden.", Range(0, 1))
    ranking: float = _setting(0.0, "Weight of the ranking in the loss, with groups.", Range(0))
    metric_loss: float = _setting(
        0.0, "Weight of a metric loss on the towers, beside the loss of the pairs, with groups.", Range(0)
    )
    smoothing: float = _setting(
        0.0, "Share of the target that goes to the other class, with groups.", Range(0, 0.5, max_open=True)
    )
    scaling: str = _setting("published", "Images as they are, or with their mean near 0.", ("published", "centred"))
    initializer: str = _setting("published", "Of the weights.", ("published", "he"))
    precision: str = _setting(
        "float32",
        "Keras dtype policy; weights and loss are float32 with all, and the loss is scaled with mixed_float16.",
        ("float32", "mixed_bfloat16", "mixed_float16"),
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, choices, limits = getattr(self, field.name), field.metadata["choices"], field.metadata["range"]
            if choices and value not in choices:
                raise InputError(f"{field.name} must be one of {', '.join(choices)}; got {value!r}.")
            if limits is not None:
                value = _number(field.name, value, field.type)
                object.__setattr__(self, field.name, value)
            if limits is not None and value not in limits:
                raise InputError(f"{field.name} must be {limits}; got {value}.")
        if self.warmup and self.schedule != "cosine":
            raise InputError(f"warmup is 0, or a number of steps of the schedule cosine; got {self.warmup}.")
        if self.pairs == "separate":
            names = ("accumulate", "ranking", "metric_loss", "smoothing", "identities_per_group")
            given = [name for name in names if getattr(self, name) != getattr(type(self), name)]
            if given:
                raise InputError(f"{', '.join(given)} belong to grouped pairs; got separate ones.")
            return
        if self.metric_loss and self.accumulate > 1:
            raise InputError(
                f"metric_loss is of batches that are computed at once: accumulate=1; got {self.accumulate}."
            )
        pairs = self.identities_per_group**2
        groups, rest = divmod(self.batch_size, pairs)
        if rest:
            raise InputError(
                f"a group of {self.identities_per_group} identities makes {pairs} pairs: batch_size must be a multiple "
                f"of that; got {self.batch_size}."
            )
        if groups % self.accumulate:
            raise InputError(f"accumulate must divide the {groups} groups of a batch; got {self.accumulate}.")

    @classmethod
    def named(cls, name: str = DEFAULT, **changes: Any) -> "Recipe":
        """A recipe of `RECIPES`, `"published"` or `"grouped"`, with some fields changed.

        Args:
            name: Defaults to `"grouped"`, which ranks held-back people best.
            **changes: Fields with other values.

        Raises:
            InputError: If there is no such recipe, or a field is not as described.

        Example:
            >>> Recipe.named(identities_per_group=4).batch_size
            144
        """
        if name not in RECIPES:
            raise InputError(f"no recipe is called {name!r}; expected one of {', '.join(RECIPES)}.")
        return dataclasses.replace(RECIPES[name], **changes)

    @property
    def title(self) -> str:
        """The nearest recipe of `RECIPES` by name, and what differs from it except for the length.

        Example:
            >>> Recipe.named("grouped", learning_rate=0.002, epochs=200).title
            'grouped with learning rate 0.002'
        """
        own = dataclasses.asdict(self)
        differing = {
            name: [field for field in own if field not in _LENGTH and own[field] != getattr(known, field)]
            for name, known in RECIPES.items()
        }
        name = min(differing, key=lambda each: len(differing[each]))
        changed = ", ".join(f"{field.replace('_', ' ')} {own[field]}" for field in differing[name])
        return f"{name} with {changed}" if changed else name

    def after_another(self) -> Self:
        """The recipe for a training that begins with the weights of another: of grouped pairs a rate of 0.002 at most.

        Example:
            >>> Recipe.named("grouped").after_another().learning_rate
            0.002
        """
        if self.pairs == "separate":
            return self
        return dataclasses.replace(self, learning_rate=min(self.learning_rate, _RATE_AFTER_ANOTHER))

    def for_images(self, count: int) -> Self:
        """The recipe for so many images: with groups, as many epochs as few of them need.

        An epoch of groups goes once through the images, so few images make few pairs, and a training needs 150,000 of
        them all the same. A recipe whose epochs make as many, or with separate pairs, stays as it is.

        Args:
            count: Images to train on, 1 or more.

        Example:
            >>> Recipe.named("grouped").for_images(500).epochs
            200
        """
        if self.pairs == "separate":
            return self
        # A group of n identities has 2 * n images and n ** 2 pairs.
        pairs = count * self.identities_per_group / 2
        return dataclasses.replace(self, epochs=max(self.epochs, math.ceil(LEAST_PAIRS / pairs)))


_ARGS = [f"{each.name}: {each.metadata['help']} Defaults to `{each.default!r}`." for each in dataclasses.fields(Recipe)]
Recipe.__doc__ = (Recipe.__doc__ or "").replace("{fields}", "\n        ".join(_ARGS))

RECIPES = {
    "published": Recipe(),
    "grouped": Recipe(
        optimizer="kernel-muon",
        learning_rate=0.003,
        schedule="cosine",
        warmup=30,
        l2=0.0,
        batch_size=144,
        epochs=70,
        pairs="grouped",
        negatives="hard",
        pool=30,
        ranking=1.0,
        scaling="centred",
    ),
}
"""The recipes that have a name: the published one, and the best found on CUHK01, which is the `DEFAULT`."""
