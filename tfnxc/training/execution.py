"""Where a training is computed, how often it is saved, and where it is shown."""

from __future__ import annotations

import dataclasses
import math

import tensorflow as tf
from rich.console import Console

from tfnxc.errors import InputError


@dataclasses.dataclass(frozen=True)
class Execution:
    """What does not change the result of a training, but for rounding.

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
            self.console.print(text, markup=False, highlight=False, soft_wrap=True)
