"""Models under a Keras dtype policy, and the scale of their loss."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import keras


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """A block in which layers are made under a dtype policy; what was set before is set again behind it.

    A layer keeps the policy that it was made under, also in a file, so that a model needs this once.

    Args:
        name: `"float32"`, `"mixed_bfloat16"` or `"mixed_float16"`.

    Example:
        >>> with precision("mixed_bfloat16"):
        ...     layer = keras.layers.Dense(2)
        >>> layer.compute_dtype
        'bfloat16'
    """
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def loss_scale(optimizer: keras.optimizers.Optimizer) -> dict[str, float] | None:
    """What Keras 2 does not save of an optimizer that scales the loss: the scale, and for how many steps it held.

    `None` where Keras saves all.
    """
    # The optimizer of Keras 3 has it among its variables.
    if not isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer) or hasattr(optimizer, "dynamic_scale"):
        return None
    return {"scale": float(optimizer.loss_scale), "steps": int(optimizer.dynamic_counter)}


def set_loss_scale(optimizer: keras.optimizers.Optimizer, kept: Mapping[str, float]) -> None:
    """Puts back what `loss_scale` gave."""
    optimizer._loss_scale.current_loss_scale.assign(kept["scale"])
    optimizer.dynamic_counter.assign(int(kept["steps"]))
