"""Which line of Keras this is, for the few places where the two differ."""

import keras

KERAS_2 = keras.__version__.startswith("2.")
