"""Start, validation and execution options of `train`."""

import dataclasses
import math
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import keras
import tensorflow as tf
from rich.console import Console

from tfnxc import models
from tfnxc.console import plain
from tfnxc.errors import InputError
from tfnxc.hashes import short_digest
from tfnxc.models.fingerprint import fingerprint
from tfnxc.models.pair_model import check_tower
from tfnxc.number_checks import whole_number
from tfnxc.ops.arguments import check_search_size
from tfnxc.runs import Run, load_model
from tfnxc.training.data import Pictures


class FirstWeights(NamedTuple):
    """The model whose weights a training begins with, their digest, and who trained them, as `Run` knows it."""

    model: keras.Model | None = None
    digest: str | None = None
    trained_on: Sequence[tuple[str, Sequence[int]]] = ()
    fitted_on: Sequence[tuple[str, Sequence[int]]] = ()
    names: Sequence[Mapping[int, str] | None] = ()


@dataclasses.dataclass(frozen=True)
class Start:
    """What a training begins with.

    Args:
        model: Name of the architecture: `"normxcorr"`, `"ahmed"` or `"fused"`; or a model as from
            `tfnxc.models.pair_model`, which is trained as it was made: what a recipe says of `l2`, `scaling` and
            `initializer` is for models that tfnxc builds. Defaults to `"normxcorr"`.
        search_size: Rows and columns of the search window, `None` for all columns. Defaults to `None`: the
            architecture's own.
        weights: What to begin with in the place of random weights: a `keras.Model`, a `.keras` file, a run or its
            folder, or `"pretrained"`, the model that comes with tfnxc. Defaults to `None`.
        seed: Seeds initialization, pairs, augmentation, and who is held back. Defaults to `0`.
        tower: A `keras.Model` of one image to one feature map, on which the architecture is built, as in
            `tfnxc.models.normxcorr`; the `l2` of a recipe is for the head alone then, and `scaling` for nothing. What
            is frozen of it stays frozen. Defaults to `None`: that of tfnxc.

    A given model or tower is copied when the training begins: it stays as it is.

    Raises:
        ValueError: If there is no such architecture, the search window or the seed is none, the model or the tower is
            not as described, or arguments contradict each other.

    Example:
        >>> Start("ahmed", search_size=(5, None)).seed
        0
        >>> tower = keras.Sequential([keras.Input((64, 32, 3)), keras.layers.Conv2D(16, 8, strides=4)])
        >>> Start("normxcorr", tower=tower).image_size
        (64, 32)
    """

    model: str | keras.Model = "normxcorr"
    search_size: tuple[int, int | None] | None = None
    weights: keras.Model | Run | str | os.PathLike | None = None
    seed: int = 0
    tower: keras.Model | None = None

    def __post_init__(self) -> None:
        if isinstance(self.model, keras.Model):
            models.split(self.model)  # which refuses other models
            refused = [name for name in ("search_size", "tower") if getattr(self, name) is not None]
            if refused:
                raise ValueError(f"{', '.join(refused)}: the model that is given has its own; leave out.")
        elif self.model not in models.BUILDERS:
            raise ValueError(
                f"model must be one of {', '.join(models.BUILDERS)}; got {self.model!r}. Weights are given "
                "as Start(weights=...)."
            )
        if self.tower is not None:
            check_tower(self.tower)
        tower = self._tower
        if tower is not None and tower.inputs[0].shape[-1] != 3:
            raise ValueError(
                f"a training is of images of three colours; the tower takes {tuple(tower.inputs[0].shape[1:])}."
            )
        # As Python's own integers, which the file of the run can hold.
        if self.search_size is not None:
            object.__setattr__(self, "search_size", check_search_size(self.search_size))
        object.__setattr__(self, "seed", whole_number("seed", self.seed, least=0))

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.model if isinstance(self.model, str) else self.model.name

    @property
    def given(self) -> str | None:
        """Fingerprint of the tower or the model that is given; `None` where tfnxc builds both."""
        part = self.tower if isinstance(self.model, str) else self.model
        return None if part is None else fingerprint(part)

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Height and width of the images that a given tower takes; `None` without one."""
        return None if self._tower is None else tuple(self._tower.inputs[0].shape[1:3])

    @property
    def _tower(self):
        return self.tower if isinstance(self.model, str) else models.split(self.model).tower

    def read_weights(self) -> FirstWeights:
        """The weights to begin with, and who is known to have trained them."""
        given = self.weights
        if given is None:
            return FirstWeights()
        if isinstance(given, keras.Model):
            return FirstWeights(given, short_digest(b"".join(each.tobytes() for each in given.get_weights())))
        if given == "pretrained":
            if pathlib.Path(given).exists():
                raise InputError(
                    "--from pretrained is the model that comes with tfnxc; for what lies here, ./pretrained."
                )
            return FirstWeights(models.pretrained(), models.pretrained_card()["digest"])  # no data set has its people
        if isinstance(given, Run):
            return FirstWeights(
                given.load_model(), given.model_digest(), given.trained_on, given.fitted_on, given.names
            )
        path = pathlib.Path(given)
        if path.is_dir():
            return dataclasses.replace(self, weights=Run.open(path)).read_weights()
        trained = Run.open(path.parent) if (path.parent / "run.json").exists() else None
        known = (trained.trained_on, trained.fitted_on, trained.names) if trained else ()
        return FirstWeights(*load_model(path), *known)


@dataclasses.dataclass(frozen=True, eq=False)
class Validation:
    """People who do not train: they are ranked after epochs, the best model is kept, and they may end the training.

    Args:
        identities: How many training identities are held back for it. Defaults to `0`: `pictures` are given.
        every: Epochs from one ranking to the next; the last epoch is always ranked. Defaults to `1`.
        patience: Stop after so many rankings without a better rank 1, or of equal ones a better mAP. Defaults to
            `None`: after the last epoch.
        pictures: `tfnxc.training.Pictures` of other people who do not train, with their cameras. Defaults to `None`.

    Raises:
        InputError: If there is a `patience` and nobody to rank.
        ValueError: If a number is out of range.

    Example:
        >>> Validation(identities=50, patience=5).every
        1
    """

    identities: int = 0
    every: int = 1
    patience: int | None = None
    pictures: Pictures | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name, least in (("identities", 0), ("every", 1), ("patience", 1)):
            value = getattr(self, name)
            if value is not None or name != "patience":
                object.__setattr__(self, name, whole_number(name, value, least))
        if self.patience and not self:
            raise InputError(
                f"patience counts rankings of the validation, of which there is none; got {self.patience}."
            )

    def __bool__(self) -> bool:
        return self.identities > 0 or self.pictures is not None


@dataclasses.dataclass(frozen=True)
class Execution:
    """What does not change the result of a training, except for rounding.

    Args:
        strategy: A `tf.distribute.Strategy` whose replicas compute each batch together, or its name: see
            `tfnxc.distribution.strategy_named`. Defaults to `None`: one device.
        checkpoint_seconds: Time from one checkpoint inside an epoch to the next; `math.inf` for none. Defaults to
            `300.0`.
        console: A `rich.console.Console` for notes, the progress of reading, and a live table in the place of Keras'
            bar. Defaults to `None`: nothing is said.
        verbose: As in `model.fit`; a live table stands in its place. Defaults to `"auto"`.

    Raises:
        InputError: If `checkpoint_seconds` is no number.

    Example:
        >>> Execution(checkpoint_seconds=60).strategy is None
        True
    """

    strategy: tf.distribute.Strategy | str | None = None
    checkpoint_seconds: float = 300.0
    console: Console | None = None
    verbose: int | str = "auto"

    def __post_init__(self) -> None:
        if math.isnan(self.checkpoint_seconds):
            raise InputError("checkpoint_seconds must be a number of seconds; got nan.")

    def say(self, text: str) -> None:
        """Prints a line to the console, where there is one."""
        if self.console is not None:
            self.console.print(plain(text), soft_wrap=True)


def make_deterministic() -> None:
    """Makes TensorFlow add up in a fixed order where it can: on CPUs. Call it before TensorFlow does anything.

    Otherwise threads add up in any order, and models of one seed differ in their last digits; so does one whose
    training was stopped and goes on. On GPUs some operations have no such version, and nothing is changed. It holds
    for the whole process. A step that XLA compiles is not covered, nor is `TF_XLA_FLAGS=--tf_xla_cpu_global_jit`.

    Example:
        >>> make_deterministic()  # doctest: +SKIP
    """
    if not tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()
        # Where a graph needs more than about 200 MB at once, TensorFlow's memory optimizer has each term of a sum of
        # three or more tensors, such as the gradients of what is used three times, added as it becomes ready. It has no
        # switch of its own, but is off where XLA may choose clusters; on CPUs XLA chooses none unless told by a flag.
        tf.config.optimizer.set_jit("autoclustering")
