"""Keras layers of two feature maps."""

from tfnxc.layers.cross_input_neighborhood import CrossInputNeighborhood
from tfnxc.layers.norm_xcorr import NormXcorr

__all__ = ["CrossInputNeighborhood", "NormXcorr"]
