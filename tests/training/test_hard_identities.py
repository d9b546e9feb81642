"""Hard identities by colour, on people whose colours are worked out by hand."""

import itertools

import numpy as np

from tfnxc.datasets import GroupPipeline
from tfnxc.training.epoch_negatives import hard_identities_by_colour

# Red rows of the 12 of the third stripe, in each picture of a person; all else is white. Near numbers are alike.
RED = {4: [12, 10], 7: [0, 2], 9: [8, 8], 12: [4, 4], 20: [0]}
IDENTITIES = np.array([person for person, shares in RED.items() for _ in shares])


def pictures():
    images = np.full((len(IDENTITIES), 72, 8, 3), 255, np.uint8)
    for image, share in zip(images, itertools.chain(*RED.values()), strict=True):
        image[24 : 24 + share] = 255, 0, 0
    return images


def hard(people, count, **options):
    return hard_identities_by_colour(pictures(), IDENTITIES, people, count, **options).tolist()


def test_nearest_first_and_nobody_beside_themselves():
    # Mean shares 11, 1, 8 and 4 of persons 4, 7, 9 and 12: positions, not identities.
    assert hard([4, 7, 9, 12], 3) == [[2, 3, 1], [3, 2, 0], [0, 3, 1], [1, 2, 0]]
    assert hard([4, 7, 9, 12], 1) == [[2], [3], [0], [1]]
    assert hard([12, 7, 4], 2) == [[1, 2], [0, 2], [0, 1]]


def test_places_that_nobody_takes_hold_minus_one():
    found = hard_identities_by_colour(pictures(), IDENTITIES, [4, 7, 9], 5)
    assert found.dtype == np.int32
    assert found.tolist() == [[2, 1, -1, -1, -1], [2, 0, -1, -1, -1], [0, 1, -1, -1, -1]]


def test_only_people_of_one_domain_are_compared():
    domains = np.isin(IDENTITIES, (9, 12)).astype(int)  # 4 and 7 from one set, 9 and 12 from another
    assert hard([4, 7, 9, 12], 2, domains=domains) == [[1, -1], [0, -1], [3, -1], [2, -1]]


def test_a_pipeline_takes_it():
    pairs = GroupPipeline(pictures(), IDENTITIES, batch_size=8, identities_per_group=2, hard_share=1.0)
    assert pairs.grouped.tolist() == [4, 7, 9, 12]
    found = hard_identities_by_colour(pairs.images, pairs.identities, pairs.grouped, 1)
    images, _ = pairs.groups(0, found)
    found = {tuple(IDENTITIES[group[:, 0]]) for group in images}
    assert found and found <= {(4, 9), (7, 12), (9, 4), (12, 7)}
