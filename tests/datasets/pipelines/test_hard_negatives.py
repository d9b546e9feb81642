import numpy as np
import pytest

from tfnxc.datasets.pipelines.pair_indices import hard_negatives, negative_probes, positive_pairs

IDENTITIES = np.array([7, 3, 7, 3, 3, 9, 8, 8])
PROBES = negative_probes(positive_pairs(IDENTITIES))
HARDNESS = np.array([0.1, 0.6, 0.2, 0.9, 0.3, 0.4, 0.8, 0.5])


def by_gallery(pairs):
    """Scores that depend on the gallery image alone."""
    return HARDNESS[pairs[:, 1]]


def mine(**options):
    return hard_negatives(**{"identities": IDENTITIES, "probes": PROBES, "score": by_gallery, "number": 0, **options})


def test_each_probe_gets_the_hardest_of_the_others_in_turn():
    three = {"identities": [0, 0, 1, 1, 2, 2], "probes": [0, 0, 2, 2, 4, 4]}
    # Of the others, the hardest are 3 and 5 to probe 0, 1 and 5 to probe 2, 3 and 1 to probe 4.
    assert mine(share=1, **three).tolist() == [3, 5, 1, 5, 3, 1]
    assert mine(share=0.5, **three).tolist() == [-1, 3, -1, 1, -1, 3]
    assert (mine(share=0.3) >= 0).sum() == 3


def test_the_hardest_come_again_where_the_pool_is_small():
    hardest = mine(share=1, pool=1)
    for probe in (1, 3, 0, 6):
        assert len(set(hardest[probe == PROBES])) == 1


def test_pools_are_other_people_each_image_once_and_scored_only_where_needed():
    seen = []

    def score(pairs):
        seen.append(pairs)
        return by_gallery(pairs)

    mine(score=score, pool=3, share=0.1)  # one negative of ten: the last, of probe 6
    (pairs,) = seen
    assert pairs[:, 0].tolist() == [6, 6, 6] and len(set(pairs[:, 1])) == 3
    mine(score=score, pool=4)
    assert (IDENTITIES[seen[1][:, 0]] != IDENTITIES[seen[1][:, 1]]).all()
    assert len(np.unique(seen[1], axis=0)) == len(seen[1]) == 4 * 4


def test_the_same_seed_and_epoch_give_the_same_pools_and_others_others():
    draws = {name: mine(pool=2, **options).tolist() for name, options in OPTIONS.items()}
    assert draws["first"] == draws["again"]
    assert draws["first"] != draws["epoch"] and draws["first"] != draws["seed"]


OPTIONS = {"first": {}, "again": {}, "epoch": {"number": 1}, "seed": {"seed": 1}}


@pytest.mark.parametrize("options", [{"pool": 0}, {"share": 0}, {"share": 1.1}])
def test_bad_arguments_say_what_came_and_what_was_expected(options):
    with pytest.raises(ValueError, match="pool must be 1 or more and share above 0 and at most 1; got"):
        mine(**options)
