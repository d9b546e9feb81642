"""People made up for tests of metrics, and sums over pairs the naive way."""

import numpy as np


def made_up(people=12, pictures=4, numbers=5, cameras=2, seed=0):
    """Features whose first numbers differ between people, identities and cameras, shuffled."""
    rng = np.random.default_rng(seed)
    identities = np.repeat(np.arange(people), pictures)
    places = np.tile(np.arange(pictures) % cameras, people)
    features = rng.normal(size=(people * pictures, numbers))
    features[:, 0] += 4 * rng.normal(size=people)[identities]
    features[:, 1] += 2 * rng.normal(size=people)[identities] + places
    order = rng.permutation(len(features))
    return features[order], 3 * identities[order] + 7, places[order] + 5


def naive_covariances(features, identities, cameras=None):
    """One pair after the other."""
    sums, counts = {True: 0, False: 0}, {True: 0, False: 0}
    for i in range(len(features)):
        for j in range(i):
            if cameras is None or cameras[i] != cameras[j]:
                difference, same = features[i] - features[j], identities[i] == identities[j]
                sums[same] = sums[same] + np.outer(difference, difference)
                counts[same] += 1
    return sums[True] / counts[True], sums[False] / counts[False]
