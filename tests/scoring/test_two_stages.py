"""Shortlists inside galleries, and their order by a second scorer, against a naive loop over trials and probes."""

import numpy as np
import pytest

from tests.metrics.test_cmc import CLOSED
from tfnxc.identities import DISTRACTOR, JUNK
from tfnxc.metrics import EvaluationPlan, Trial, ranking
from tfnxc.scoring.two_stages import Shortlist, TwoStages
from tfnxc.scoring.vectors import cosines

EVERYONE = np.ones((1, 4), bool)


def test_lengths_are_pictures_or_a_share_of_each_gallery_and_at_least_one():
    assert Shortlist(100).lengths(np.array([486, 100, 7])).tolist() == [100, 100, 7]
    assert Shortlist(0.05).lengths(np.array([486, 100, 30, 3])).tolist() == [24, 5, 2, 1]
    assert (Shortlist(3).words, Shortlist(3).mark) == ("shortlist 3", "shortlist3")
    assert (Shortlist(0.025).words, Shortlist(0.025).mark) == ("shortlist 2.5 %", "shortlist2.5percent")


@pytest.mark.parametrize("asked", [0, -1, 1.0, 0.0, 1.5, float("nan"), True, "5", None])
def test_what_is_neither_pictures_nor_a_share_is_refused(asked):
    with pytest.raises(ValueError, match=r"shortlist must be a whole number of pictures, 1 or above, or a share"):
        Shortlist(asked)


def test_of_equal_scores_the_first_of_the_gallery_are_inside():
    inside = Shortlist(2).inside(
        np.array([[0.5, 0.9, 0.5, 0.5], [0.1, 0.1, 0.1, 0.1], [4, 3, 2, 1]]), np.ones((3, 4), bool)
    )
    assert inside.tolist() == [[True, True, False, False], [True, True, False, False], [True, True, False, False]]
    assert Shortlist(9).inside(np.zeros((1, 4)), EVERYONE).all()


def test_what_is_left_out_takes_no_place_of_the_shortlist():
    scores, kept = (
        np.array([[0.9, 0.8, 0.7, 0.6]] * 2),
        np.array([[False, True, False, True], [True, True, True, False]]),
    )
    assert Shortlist(2).inside(scores, kept).tolist() == [[False, True, False, True], [True, True, False, False]]
    # Half of each probe's own gallery: one of two, and two of three.
    assert Shortlist(0.5).inside(scores, kept).tolist() == [[False, True, False, False], [True, True, False, False]]


def test_inside_the_second_scorer_orders_and_behind_it_the_first():
    first = np.array([[0.9, 0.8, 0.3, 0.5, 0.4]])
    second = {0: -7.0, 1: 2.0, 3: -7.0}
    stages = TwoStages(
        Shortlist(3), np.array([0]), np.arange(5), lambda rows, columns: first[rows][:, columns],
        lambda rows, columns: np.array([second[column] for column in columns.tolist()]),
    )  # fmt: skip
    trial = Trial(np.array([0]), np.arange(5))
    (scores,) = stages(trial, slice(None))
    # Picture 1, then 0 and 3, which are level; then 4 and 2 with their first scores.
    assert scores[1] > scores[0] == scores[3] > scores[4] > scores[2]
    assert scores[[4, 2]].tolist() == [0.4, 0.3]
    assert stages.needed([[trial]]).tolist() == [[True, True, False, True, False]]


def people(seed=0):
    rng = np.random.default_rng(seed)
    ids = np.concatenate([np.repeat(np.arange(6), 4), [JUNK, DISTRACTOR, DISTRACTOR]])
    return rng, ids, np.concatenate([np.tile([0, 0, 1, 1], 6), [0, 1, 0]])


def naive_ranks(plan, trials, first, second, length):
    """Ranks of the matches of each probe, the share of them inside, and how many pairs the head scored."""
    ranks, inside, pairs = [], [], set()
    for repeat in trials:
        for trial in repeat:
            for at, probe in enumerate(trial.probes):
                columns = trial.gallery if trial.gallery.ndim == 1 else trial.gallery[at]
                out = np.broadcast_to(trial.left_out(slice(at, at + 1)), (1, len(columns)))[0]
                row, gallery = plan.rows[probe], [plan.columns[each] for each in columns[~out]]
                listed = sorted(gallery, key=lambda each, row=row: -first[row, each])[:length]  # stable
                pairs |= {(row, each) for each in listed}
                mine = [each for each in gallery if plan.identities[each] == plan.identities[row]]

                def before(one, other, row=row, listed=listed):
                    """Whether one stands before the other; who is level stands before a match."""
                    if (one in listed) != (other in listed):
                        return one in listed
                    scores = second if one in listed else first
                    return scores[row, one] >= scores[row, other]

                others = [each for each in gallery if each not in mine]
                order = sorted(mine, key=lambda each: sum(before(other, each) for other in gallery))
                ranks.append([m + sum(before(other, each) for other in others) for m, each in enumerate(order, 1)])
                inside.append(np.mean([each in listed for each in mine]))
    return ranks, inside, pairs


@pytest.mark.parametrize("protocol", CLOSED)
@pytest.mark.parametrize("block", [7, None])
def test_a_measurement_is_that_of_a_naive_loop_over_trials_and_probes(protocol, block, monkeypatch):
    rng, ids, cameras = people()
    if block is not None:
        monkeypatch.setattr(ranking, "_BLOCK", block)
    # Whole numbers, so that products are the same in every block and many are level.
    vectors = rng.integers(-2, 3, (len(ids), 3)).astype(np.float32)
    first, second = vectors @ vectors.T, rng.integers(0, 9, (len(ids),) * 2) - 4.0
    plan = EvaluationPlan(protocol, ids, cameras, repeats=2)
    stages = TwoStages(
        Shortlist(4), plan.rows, plan.columns, lambda *at: cosines(vectors, *at), lambda *at: second[at]
    )  # fmt: skip
    curves = plan.measure_part(stages)
    ranks, inside, pairs = naive_ranks(plan, plan.trials(), first, second, 4)
    wholes = [[trial.whole for trial in repeat if trial.whole is not None] for repeat in plan.trials()]
    pairs |= naive_ranks(plan, wholes, first, second, 4)[2]
    assert [row[row > 0].tolist() for matches in curves.matches for row in matches.ranks] == ranks
    shares = [matches.within(np.full(len(matches.ranks), 4))[0] for matches in curves.matches]
    np.testing.assert_allclose(np.concatenate(shares), inside)
    needed = np.argwhere(stages.needed(plan.trials()))
    assert {(plan.rows[row], plan.columns[column]) for row, column in needed} == pairs
    assert curves.average_precisions.shape == (len(plan.trials()),)


def test_a_shortlist_of_all_is_the_second_scorer_alone():
    rng, ids, cameras = people(1)
    vectors, second = rng.normal(size=(len(ids), 3)).astype(np.float32), rng.normal(size=(len(ids),) * 2)
    plan = EvaluationPlan("market", ids, cameras)
    stages = TwoStages(
        Shortlist(len(ids)), plan.rows, plan.columns, lambda *at: cosines(vectors, *at), lambda *at: second[at]
    )  # fmt: skip
    np.testing.assert_array_equal(plan.measure_part(stages).curves, plan.measure(second).curves)
    assert (stages.needed(plan.trials()) == plan.needed_part()).all()
