import numpy as np
import pytest

from tfnxc.datasets import synthetic
from tfnxc.evaluation import PROTOCOLS, EvaluationPlan
from tfnxc.scoring import Pairs


def matrix_of(pairs, count):
    found = np.zeros((count, count), bool)
    found[tuple(pairs.positions().T)] = True
    return found


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("probes", [None, 3])
def test_pairs_of_trials_are_those_that_a_plan_needs(protocol, probes):
    people = synthetic(identities=6)
    plan = EvaluationPlan.of(protocol, people, repeats=2, probes=probes)
    pairs = Pairs.of_trials(plan.trials(), plan.rows, plan.columns)
    needed = plan.needed()
    np.testing.assert_array_equal(matrix_of(pairs, len(people)), needed)
    assert len(pairs) == needed.sum() and pairs.marked.any(axis=1).all()
    np.testing.assert_array_equal(pairs.pictures, np.flatnonzero(needed.any(axis=0) | needed.any(axis=1)))


def test_pairs_are_joined_turned_and_cut_into_blocks(rng):
    one, other = rng.random((2, 20, 20)) < 0.1
    pairs, others = Pairs.of(one), Pairs.of(other)
    np.testing.assert_array_equal(matrix_of(pairs | others, 20), one | other)
    np.testing.assert_array_equal(matrix_of(pairs.transposed, 20), one.T)
    blocks = list((pairs | others).blocks(most=5, least_rows=2))
    np.testing.assert_array_equal(np.concatenate([each.positions() for each in blocks]), np.argwhere(one | other))
    assert all(len(each) <= 5 or len(each.rows) == 2 for each in blocks)
    assert len(Pairs.all_of(7)) == 42 and Pairs.of(pairs) is pairs
