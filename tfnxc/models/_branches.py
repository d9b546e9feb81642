"""The two branches of a pair head, from the towers' maps to the dense layer (SPEC section 3)."""

import keras

from tfnxc import layers


def norm_xcorr_branch(probe, gallery, search_size, filters, units, weights):
    """Normalized correlation, ReLU and its summary, up to the dense layer before its ReLU."""
    correlation = layers.NormXcorr(search_size=search_size)
    maps = correlation.compute_output_shape([probe.shape, gallery.shape])[-1]
    summary = layers.NormXcorrSummary(
        filters,
        search_size=search_size,
        activation="relu",
        name="norm_xcorr_summary",
        **weights.options(fan_in=maps),
    )
    return _across(summary([probe, gallery]), "norm_xcorr", filters, units, weights)


def neighborhood_branch(probe, gallery, search_size, filters, units, weights):
    """Cross-input neighborhood differences both ways, ReLU and their summary, up to the dense layer before its ReLU."""
    differences = layers.CrossInputNeighborhood(search_size)
    maps = 2 * differences.compute_output_shape([probe.shape, gallery.shape])[-1]
    summary = layers.CrossInputSummary(
        filters,
        search_size,
        both_ways=True,
        activation="relu",
        name="neighborhood_summary",
        **weights.options(fan_in=maps),
    )
    return _across(summary([probe, gallery]), "neighborhood", filters, units, weights)


def _across(summary, name, filters, units, weights):
    """3x3 convolution -> max-pooling rounding down -> dense."""
    maps = weights.convolution(filters, (3, 3), filters, name=f"{name}_across")(summary)
    maps = keras.layers.MaxPooling2D(2, name=f"{name}_pool")(maps)
    features = keras.layers.Flatten(name=f"{name}_flat")(maps)
    return weights.dense(units, features.shape[-1], name=f"{name}_dense")(features)
