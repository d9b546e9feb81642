"""Who is ranked during a training, how often, and when that ends it."""

from __future__ import annotations

import dataclasses

from tfnxc.errors import InputError
from tfnxc.training.data import Pictures


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
        if self.identities < 0 or self.every < 1 or (self.patience is not None and self.patience < 1):
            raise ValueError(
                "identities must be 0 or more, every 1 or more, and patience 1 or more or None; got "
                f"{self.identities}, {self.every} and {self.patience}."
            )
        if self.patience and not self:
            raise InputError(
                f"patience counts rankings of the validation, of which there is none; got {self.patience}."
            )

    def __bool__(self) -> bool:
        return self.identities > 0 or self.pictures is not None
