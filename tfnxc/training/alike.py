"""Who is hard to tell from whom."""

from __future__ import annotations

import numpy as np

from tfnxc.evaluation.colour_histogram import colour_histogram_features


def alike_by_colour(images, identities, people, count, sources=None):
    """For each person those whose clothes have the nearest colours.

    A person's colours are the mean over their images of the histograms that the colour baseline compares.

    Args:
        images: uint8 array of shape `(images, height, width, 3)`.
        identities: Integers, one an image.
        people: The identities that are compared, `GroupPipeline.grouped`.
        count: How many each.
        sources: As in `GroupPipeline`; only people of one are compared. Defaults to `None`:
            all from one.

    Returns:
        int32 array of shape `(people, count)`: positions in `people`, nearest first, -1 where there are no more. As
        `GroupPipeline.one_pass` takes it.

    Example:
        >>> pairs.one_pass(0, mined=alike_by_colour(pairs.images, pairs.identities, pairs.grouped, 20))
    """
    identities = np.asarray(identities)
    sources = np.zeros(len(identities), int) if sources is None else np.asarray(sources)
    features = colour_histogram_features(images)
    colours = np.stack([features[identities == person].mean(axis=0) for person in people])
    source = np.array([sources[identities == person][0] for person in people])
    nearest = np.full((len(people), count), -1, np.int32)
    for index, own in enumerate(colours):
        common = np.minimum(colours, own).sum(axis=1)
        common[source != source[index]] = -1
        common[index] = -1
        order = np.argsort(-common, kind="stable")[:count]
        nearest[index, : len(order)] = np.where(common[order] >= 0, order, -1)
    return nearest
