"""Keras' global settings, for a while."""

import contextlib

import keras


@contextlib.contextmanager
def image_data_format(value):
    """Where Keras' layers look for the channels unless they are told."""
    before = keras.backend.image_data_format()
    keras.backend.set_image_data_format(value)
    try:
        yield
    finally:
        keras.backend.set_image_data_format(before)
