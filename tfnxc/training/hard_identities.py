"""Who is hard to tell from whom."""

from __future__ import annotations

import numpy as np

from tfnxc.scoring.colour_histogram import colour_histogram_features


def hard_identities_by_colour(images, identities, people, count, domains=None):
    """For each person those whose clothes have the nearest colours.

    A person's colours are the mean over their images of the histograms that the colour baseline compares.

    Args:
        images: uint8 array of shape `(images, height, width, 3)`.
        identities: Integers, one an image.
        people: The identities that are compared, `GroupPipeline.grouped`.
        count: How many each.
        domains: As in `GroupPipeline`; only people of one are compared. Defaults to `None`:
            all from one.

    Returns:
        int32 array of shape `(people, count)`: positions in `people`, nearest first, -1 where there are no more. As
        `GroupPipeline.one_epoch` takes it.

    Example:
        >>> pairs.one_epoch(0, mined=hard_identities_by_colour(pairs.images, pairs.identities, pairs.grouped, 20))
    """
    identities = np.asarray(identities)
    domains = np.zeros(len(identities), int) if domains is None else np.asarray(domains)
    features = colour_histogram_features(images)
    colours = np.stack([features[identities == person].mean(axis=0) for person in people])
    source = np.array([domains[identities == person][0] for person in people])
    nearest = np.full((len(people), count), -1, np.int32)
    for index, own in enumerate(colours):
        common = np.minimum(colours, own).sum(axis=1)
        common[source != source[index]] = -1
        common[index] = -1
        order = np.argsort(-common, kind="stable")[:count]
        nearest[index, : len(order)] = np.where(common[order] >= 0, order, -1)
    return nearest
