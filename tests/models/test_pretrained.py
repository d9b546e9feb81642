"""The model that comes with the package."""

import numpy as np

from tfnxc.datasets import synthetic
from tfnxc.evaluation import cmc
from tfnxc.models import pretrained, pretrained_card
from tfnxc.scoring.pair_scorer import PairScorer


def test_it_ranks_drawn_people_far_above_chance():
    people = synthetic(identities=20, shots=1, seed=77)
    scorer = PairScorer(pretrained(), people.images())
    first, second = np.flatnonzero(people.cameras == 0), np.flatnonzero(people.cameras == 1)
    scores = scorer.score(np.stack(np.broadcast_arrays(first[:, None], second), axis=-1)).reshape(20, 20)
    labels = people.identities[first], people.identities[second], people.cameras[first], people.cameras[second]
    assert cmc(scores, *labels, repeats=1).rank(1) > 0.5  # by chance 0.05


def test_its_card_says_what_it_is():
    card = pretrained_card()
    assert card["model"] == "normxcorr" and card["cmc"]["rank 1"] > 30 and "no photograph" in card["intended_use"]
