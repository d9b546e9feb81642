"""Training recipes: the published one as the default, other optimizers and schedules by name."""

from __future__ import annotations

import dataclasses

import keras

from tfnxc.datasets.hard_negatives import NEGATIVES
from tfnxc.datasets.pairs import POSITIVES
from tfnxc.errors import InputError

SCHEDULES = ("published", "constant", "cosine")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a model is trained; the defaults are the published recipe.

    Args:
        optimizer: Name of a Keras optimizer, in any case. Defaults to `"sgd"`, with momentum 0.9.
        learning_rate: Defaults to `0.005`: Torch7 damps its momentum buffer by (1 - momentum), so its 0.05 is this.
        schedule: `"published"`: learning_rate / (1 + 1e-4 * step); `"constant"`; or `"cosine"`: half a cosine down to 0
            over the whole training. Defaults to `"published"`.
        l2: The gradient of every weight and bias receives `l2` times its value. Defaults to `5e-4`.
        batch_size: Pairs a batch. Defaults to `128`.
        passes: Passes over the positive pairs. Defaults to `20`.
        positives: `"any"`: every pair of one identity's images; or `"cross-camera"`: only those by different cameras.
            Defaults to `"any"`.
        negatives: `"uniform"`: random images of other identities; or `"hard"`: some of them those that the model takes
            most for the same person at the start of each pass. Defaults to `"uniform"`.
        hard_share: Share of the negatives that are hard, where any are. Defaults to `0.5`.
        pool: Random images of other identities of which the hardest are taken for a probe. Defaults to `20`.

    Raises:
        InputError: If one of the last four is not as described.

    References:
        SPEC section 4.
    """

    optimizer: str = "sgd"
    learning_rate: float = 0.005
    schedule: str = "published"
    l2: float = 5e-4
    batch_size: int = 128
    passes: int = 20
    positives: str = "any"
    negatives: str = "uniform"
    hard_share: float = 0.5
    pool: int = 20

    def __post_init__(self):
        for name, known in (("positives", POSITIVES), ("negatives", NEGATIVES)):
            if getattr(self, name) not in known:
                raise InputError(f"{name} must be one of {', '.join(known)}; got {getattr(self, name)!r}.")
        if not 0 < self.hard_share <= 1 or self.pool < 1:
            raise InputError(
                f"hard_share must be above 0 and at most 1, and pool 1 or more; got {self.hard_share} and {self.pool}."
            )

    def make_optimizer(self, steps):
        """The Keras optimizer for a training of this many steps.

        Raises:
            InputError: If the optimizer or the schedule is not known.
        """
        if self.schedule not in SCHEDULES:
            raise InputError(f"schedule must be one of {', '.join(SCHEDULES)}; got {self.schedule!r}.")
        rate = self.learning_rate
        if self.schedule == "published":
            rate = keras.optimizers.schedules.InverseTimeDecay(rate, decay_steps=1, decay_rate=1e-4)
        elif self.schedule == "cosine":
            rate = keras.optimizers.schedules.CosineDecay(rate, decay_steps=steps)
        name = self.optimizer.lower()
        try:
            optimizer = type(keras.optimizers.get(name))
        except (ValueError, TypeError, KeyError):
            raise InputError(
                f"optimizer must be the name of a Keras optimizer, such as sgd or adam; got {name!r}."
            ) from None
        return optimizer(rate, momentum=0.9) if name == "sgd" else optimizer(rate)
