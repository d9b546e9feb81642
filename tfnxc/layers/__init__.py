"""Keras layers of two feature maps, and of what their comparison gives."""

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        f"tfnxc runs on Keras' TensorFlow backend, but Keras uses {keras.backend.backend()}. Set the environment "
        "variable KERAS_BACKEND=tensorflow, or remove the setting from ~/.keras/keras.json."
    )

from tfnxc.layers.best_displacement import BestDisplacement
from tfnxc.layers.cross_input_neighborhood import CrossInputNeighborhood
from tfnxc.layers.cross_input_summary import CrossInputSummary
from tfnxc.layers.norm_xcorr import NormXcorr
from tfnxc.layers.norm_xcorr_summary import NormXcorrSummary

__all__ = ["BestDisplacement", "CrossInputNeighborhood", "CrossInputSummary", "NormXcorr", "NormXcorrSummary"]
