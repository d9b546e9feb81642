"""Mines hard identities by colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tfnxc.scoring import colour_histogram_features


def hard_identities_by_colour(
    images: np.ndarray, identities: ArrayLike, grouped: ArrayLike, count: int, domains: ArrayLike | None = None
) -> np.ndarray:
    """For each identity those whose clothes have the nearest colours.

    The colours of an identity are the mean over its images of the histograms that the colour baseline compares. Only
    identities of one domain are compared.

    Args:
        images: As in `GroupPipeline`.
        identities: As in `GroupPipeline`.
        grouped: The identities that are compared, `GroupPipeline.grouped`.
        count: How many hard ones each.
        domains: As in `GroupPipeline`. Defaults to `None`: all are of one.

    Returns:
        int32 array of shape `(grouped, count)`, as `GroupPipeline.one_epoch` takes it, nearest first.

    Example:
        >>> hard_identities_by_colour(images, np.repeat([7, 8, 9], 4), [7, 8, 9], count=2).shape
        (3, 2)
    """
    identities = np.asarray(identities)
    domains = np.zeros(len(identities), int) if domains is None else np.asarray(domains)
    features = colour_histogram_features(images)
    masks = [identities == identity for identity in np.asarray(grouped)]
    colours = np.stack([features[mask].mean(axis=0) for mask in masks])
    domain = np.array([domains[mask][0] for mask in masks])
    nearest = np.full((len(masks), count), -1, np.int32)
    for index, own in enumerate(colours):
        common = np.minimum(colours, own).sum(axis=1)
        common[domain != domain[index]] = -1
        common[index] = -1
        order = np.argsort(-common, kind="stable")[:count]
        nearest[index, : len(order)] = np.where(common[order] >= 0, order, -1)
    return nearest
