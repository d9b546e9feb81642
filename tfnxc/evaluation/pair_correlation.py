"""The correlations that a model computes of a pair of pictures."""

from __future__ import annotations

import numpy as np

from tfnxc import layers, models, ops
from tfnxc.errors import InputError
from tfnxc.scoring.features import embed
from tfnxc.visualization.correlation import PairCorrelation


def pair_correlation(model, probe, gallery):
    """What the normalized correlation layer of a model computes of two pictures, before its ReLU.

    Args:
        model: A model of `tfnxc.models` with such a layer: `normxcorr` or `fused`.
        probe: uint8 array of shape `(height, width, 3)`.
        gallery: uint8 array of the same shape.

    Returns:
        A `PairCorrelation`.

    Raises:
        InputError: If the model has no such layer.

    Example:
        >>> correlation = pair_correlation(tfnxc.models.pretrained(), images[0], images[9])
        >>> correlation.values.shape
        (37, 12, 25, 5, 12)
    """
    tower, head = models.split(model)
    found = [layer for layer in head.layers if isinstance(layer, layers.NormXcorr)]
    if not found:
        raise InputError(f"the model {model.name} has no normalized correlation; normxcorr and fused have.")
    layer = found[0]
    x, y = embed(tower, np.stack([probe, gallery]))[:, None]
    values = ops.norm_xcorr(x, y, layer.patch_size, layer.search_size, layer.epsilon).numpy()[0]
    height, width, channels = x.shape[1:]
    rows, columns = layer.search_size
    shape = height, width, channels, rows, width if columns is None else columns
    return PairCorrelation(values.reshape(shape), columns is None, tuple(layer.patch_size))
