"""Commands that train give the same model of the same seed."""

from __future__ import annotations


def add_up_in_order():
    """Makes TensorFlow add up in a fixed order where it can: on CPUs. To be called before it does anything.

    Otherwise threads add up in any order, and models of one seed differ in their last digits; so does one whose
    training was stopped. On GPUs some operations have no such version.
    """
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()
