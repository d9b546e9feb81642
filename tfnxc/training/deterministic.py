"""The same model of the same seed."""

from __future__ import annotations

import tensorflow as tf


def make_deterministic() -> None:
    """Makes TensorFlow add up in a fixed order where it can: on CPUs. Call it before TensorFlow does anything.

    Otherwise threads add up in any order, and models of one seed differ in their last digits; so does one whose
    training was stopped and goes on. On GPUs some operations have no such version, and nothing is changed. It holds
    for the whole process.

    Example:
        >>> make_deterministic()  # doctest: +SKIP
    """
    if not tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()
