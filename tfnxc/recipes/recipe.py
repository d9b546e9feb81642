"""Training recipes: the published one as the default, others by name or by part."""

from __future__ import annotations

import dataclasses
import math

import keras

from tfnxc import losses, models, optimizers
from tfnxc.datasets.pipelines.groups import GroupPipeline
from tfnxc.datasets.pipelines.hard_negatives import NEGATIVES
from tfnxc.datasets.pipelines.pairs import PairPipeline
from tfnxc.datasets.pipelines.pipeline import POSITIVES
from tfnxc.errors import InputError

CHOICES = {
    "schedule": ("published", "constant", "cosine"),
    "pairs": ("separate", "grouped"),
    "positives": POSITIVES,
    "negatives": NEGATIVES,
    "scaling": tuple(models.SCALINGS),
    "initializer": models.INITIALIZERS,
    "precision": ("float32", "mixed_bfloat16", "mixed_float16"),
}
"""Fields of a recipe that are one of a few names."""

LEAST_PAIRS = 150_000
"""What a training with groups needs, however few the images: `Recipe.for_images`."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a model is trained; the defaults are the published recipe.

    Args:
        optimizer: Name of a Keras optimizer, in any case, or `"kernel-muon"`. Defaults to `"sgd"`, with momentum 0.9.
        learning_rate: Defaults to `0.005`: Torch7 damps its momentum buffer by (1 - momentum), so its 0.05 is this.
        schedule: `"published"`: learning_rate / (1 + 1e-4 * step); `"constant"`; or `"cosine"`: half a cosine down to 0
            over the whole training. Defaults to `"published"`.
        warmup: Steps over which a cosine first rises from 0. Defaults to `0`.
        l2: The gradient of every weight and bias receives `l2` times its value. Defaults to `5e-4`.
        batch_size: Pairs a batch. Defaults to `128`.
        accumulate: Parts in which a batch of groups is computed, one after the other, before the weights move; each
            takes that much less memory. Defaults to `1`.
        epochs: Passes over the positive pairs, or with groups over the images. Defaults to `20`.
        pairs: `"separate"`: each pair has two images of its own, as published (`PairPipeline`); or `"grouped"`: pairs
            are formed inside the batch (`GroupPipeline`). Defaults to `"separate"`.
        identities_per_group: Identities a group, with groups. Defaults to `3`.
        positives: `"any"`: every pair of one identity's images; or `"cross-camera"`: only those by different cameras.
            Defaults to `"any"`.
        negatives: `"uniform"`: random images of other identities; or `"hard"`: some of them those that are taken most
            for the same person, by the model at the start of each pass, or with groups by colour. Defaults to
            `"uniform"`.
        hard_share: Share of the negatives that are hard, where any are. Defaults to `0.5`.
        pool: Random images of other identities of which the hardest are taken for a probe; with groups, people whose
            colours are nearest of which one is taken. Defaults to `20`.
        light: How far the light of images is changed, as in `PairPipeline`. Defaults to `0.0`.
        erase: Share of images of which a rectangle is hidden. Defaults to `0.0`.
        ranking: Weight of the ranking in the loss, with groups. Defaults to `0.0`.
        smoothing: Share of the target that goes to the other class, with groups. Defaults to `0.0`.
        scaling: As in the model builders. Defaults to `"published"`.
        initializer: As in the model builders. Defaults to `"published"`.
        precision: Keras dtype policy of the model: `"float32"`, `"mixed_bfloat16"` or `"mixed_float16"`, the last with
            scaling of the loss. Weights and loss are float32 with all. Defaults to `"float32"`.

    Raises:
        InputError: If a field is not as described.

    Example:
        >>> Recipe.named("grouped", epochs=5).batch_size
        144

    References:
        SPEC section 4.
    """

    optimizer: str = "sgd"
    learning_rate: float = 0.005
    schedule: str = "published"
    warmup: int = 0
    l2: float = 5e-4
    batch_size: int = 128
    accumulate: int = 1
    epochs: int = 20
    pairs: str = "separate"
    identities_per_group: int = 3
    positives: str = "any"
    negatives: str = "uniform"
    hard_share: float = 0.5
    pool: int = 20
    light: float = 0.0
    erase: float = 0.0
    ranking: float = 0.0
    smoothing: float = 0.0
    scaling: str = "published"
    initializer: str = "published"
    precision: str = "float32"

    def __post_init__(self):
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise InputError(f"{name} must be one of {', '.join(known)}; got {getattr(self, name)!r}.")
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and not math.isfinite(value):
                raise InputError(f"{field.name} must be a finite number; got {value}.")
        if not 0 < self.hard_share <= 1 or self.pool < 1:
            raise InputError(
                f"hard_share must be above 0 and at most 1, and pool 1 or more; got {self.hard_share} and {self.pool}."
            )
        if self.warmup < 0 or (self.warmup and self.schedule != "cosine"):
            raise InputError(f"warmup is 0, or a number of steps of the schedule cosine; got {self.warmup}.")
        if self.light < 0 or not 0 <= self.erase <= 1:
            raise InputError(f"light must be 0 or more and erase 0 to 1; got {self.light} and {self.erase}.")
        self._check_groups()

    def _check_groups(self):
        if self.pairs == "separate":
            given = [
                name
                for name in ("accumulate", "ranking", "smoothing", "identities_per_group")
                if not self._is_default(name)
            ]
            if given:
                raise InputError(f"{', '.join(given)} belong to grouped pairs; got separate ones.")
            return
        if self.identities_per_group < 2 or self.batch_size % self.identities_per_group**2:
            raise InputError(
                f"a group of {self.identities_per_group} people makes {self.identities_per_group**2} pairs: it must be 2 or more and "
                f"batch_size a multiple of that; got {self.batch_size}."
            )
        if self.accumulate < 1 or (self.batch_size // self.identities_per_group**2) % self.accumulate:
            raise InputError(
                f"accumulate must divide the {self.batch_size // self.identities_per_group**2} groups of a batch; "
                f"got {self.accumulate}."
            )
        if self.ranking < 0 or not 0 <= self.smoothing < 0.5:
            raise InputError(
                f"ranking must be 0 or more and smoothing 0 up to 0.5; got {self.ranking} and {self.smoothing}."
            )

    def _is_default(self, name):
        return getattr(self, name) == getattr(type(self), name)

    @classmethod
    def named(cls, name, **changes):
        """A recipe of `RECIPES` with some fields changed.

        Raises:
            InputError: If there is no such recipe, or a field is not as described.
        """
        if name not in RECIPES:
            raise InputError(f"no recipe is called {name!r}; expected one of {', '.join(RECIPES)}.")
        return dataclasses.replace(RECIPES[name], **changes)

    def for_images(self, count):
        """The recipe for a set of so many images: with groups, as many epochs as few of them need.

        A pass of groups is one over the images, so that few images make few pairs; a training needs 150,000 of them
        all the same. Where the epochs of the recipe make as many, and with separate pairs, it stays as it is.

        Args:
            count: Images to train on, 1 or more.

        Example:
            >>> Recipe.named("grouped").for_images(500).epochs
            200
        """
        if self.pairs == "separate":
            return self
        pairs_a_pass = count * self.identities_per_group / 2  # a group has people ** 2 of 2 * people images
        return dataclasses.replace(self, epochs=max(self.epochs, math.ceil(LEAST_PAIRS / pairs_a_pass)))

    def make_pipeline(self, images, identities, cameras=None, domains=None, seed=0):
        """The pipeline of this recipe's batches.

        Args:
            images: As in `PairPipeline`.
            identities: As in `PairPipeline`.
            cameras: As in `PairPipeline`. Defaults to `None`.
            domains: As in `GroupPipeline`; separate pairs do not look at them. Defaults to `None`.
            seed: As in `PairPipeline`. Defaults to `0`.

        Raises:
            InputError: If these images make no such pairs.
        """
        options = {"cameras": cameras, "positives": self.positives, "light": self.light, "erase": self.erase}
        if self.pairs == "separate":
            return PairPipeline(images, identities, self.batch_size, seed, **options)
        hard = self.hard_share if self.negatives == "hard" else 0.0
        groups = {"identities_per_group": self.identities_per_group, "domains": domains, "hard_share": hard}
        return GroupPipeline(images, identities, self.batch_size, seed, **options, **groups)

    def make_loss(self):
        """The loss of this recipe's batches."""
        if self.pairs == "grouped":
            return losses.GroupLoss(self.identities_per_group, ranking=self.ranking, smoothing=self.smoothing)
        return keras.losses.SparseCategoricalCrossentropy()  # the two classes' negative log-likelihood (SPEC section 4)

    def make_optimizer(self, steps):
        """The Keras optimizer for a training of this many steps.

        Raises:
            InputError: If the optimizer is not known.
        """
        rate = self.learning_rate
        if self.schedule == "published":
            rate = keras.optimizers.schedules.InverseTimeDecay(rate, decay_steps=1, decay_rate=1e-4)
        elif self.warmup:
            rate = keras.optimizers.schedules.CosineDecay(
                0.0, decay_steps=max(1, steps - self.warmup), warmup_target=rate, warmup_steps=self.warmup
            )
        elif self.schedule == "cosine":
            rate = keras.optimizers.schedules.CosineDecay(rate, decay_steps=steps)
        name = self.optimizer.lower()
        if name == "kernel-muon":
            return optimizers.KernelMuon(rate)
        try:
            optimizer = type(keras.optimizers.get(name))
        except (ValueError, TypeError, KeyError):
            raise InputError(
                f"optimizer must be kernel-muon or the name of a Keras optimizer, such as sgd or adam; got {name!r}."
            ) from None
        made = optimizer(rate, momentum=0.9) if name == "sgd" else optimizer(rate)
        return keras.mixed_precision.LossScaleOptimizer(made) if self.precision == "mixed_float16" else made


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
"""The recipes that have a name."""
