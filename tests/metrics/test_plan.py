import numpy as np
import pytest

from tfnxc.datasets import synthetic
from tfnxc.evaluation import EvaluationPlan, cmc
from tfnxc.models import normxcorr
from tfnxc.scoring.pair_scorer import PairScorer

IDENTITIES, CAMERAS = np.repeat(np.arange(5), 4), np.tile([0, 0, 1, 1], 5)


def test_cross_camera_reads_probes_of_the_first_camera_and_gallery_of_the_other(rng):
    scores = rng.random((20, 20))
    plan = EvaluationPlan("cross-camera", IDENTITIES, CAMERAS, repeats=3)
    needed = plan.needed()
    assert not needed[CAMERAS == 1].any() and not needed[:, CAMERAS == 0].any()
    part = scores[CAMERAS == 0][:, CAMERAS == 1]
    expected = cmc(part, *(np.repeat(np.arange(5), 2),) * 2, np.zeros(10), np.ones(10), repeats=3)
    np.testing.assert_array_equal(plan.measure(scores).curves, expected.curves)


@pytest.mark.parametrize("protocol", ["cross-camera", "paper"])
def test_the_needed_pairs_are_enough_and_none_can_be_spared(protocol, rng):
    scores = rng.random((20, 20))
    plan = EvaluationPlan(protocol, IDENTITIES, CAMERAS, repeats=1, probes=6)
    needed = plan.needed()
    assert needed.sum() == 6 * 5
    only = np.where(needed, scores, np.nan)
    np.testing.assert_array_equal(plan.measure(only).curves, plan.measure(scores).curves)
    only[tuple(np.argwhere(needed)[0])] = np.nan
    with pytest.raises(ValueError, match="1 of the 30 scores"):
        plan.measure(only)


def test_an_untrained_model_is_at_chance_on_the_synthetic_set(keras_seed):
    people = synthetic(identities=30)
    plan = EvaluationPlan("cross-camera", people.identities, people.cameras, repeats=1, probes=30)
    pairs = np.argwhere(plan.needed())
    scores = np.full((len(people), len(people)), np.nan)
    scores[tuple(pairs.T)] = PairScorer(normxcorr(), people.images()).score(pairs)
    found = plan.measure(scores)
    # Chance is 1/30, one of the 30 probes, and 10/30 at rank 10; four standard deviations above it is 0.17 and 0.68.
    assert found.rank(1) < 0.17 and found.rank(10) < 0.68
