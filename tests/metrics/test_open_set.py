"""Open-set figures against matrices worked out by hand and against a naive loop over thresholds and probes."""

import dataclasses
import json

import numpy as np
import pytest

from tests.metrics.test_cmc import image_set, naive_gallery, naive_ranks
from tfnxc.errors import InputError
from tfnxc.metrics import EvaluationPlan, OpenSet, Protocol, cmc, draw_trials, get_protocol, needed_pairs, threshold_at


class TestByHand:
    # Five probes of people in the gallery, and five strangers.
    #   score, rank of the best match:   0.95, 1   0.8, 2   0.7, 1   0.5, 1   0.2, 3
    #   highest of each stranger:        0.9  0.75  0.6  0.4  0.1
    SEARCHES = OpenSet(
        np.array([0.95, 0.8, 0.7, 0.5, 0.2]), np.array([1, 2, 1, 1, 3]), np.array([0.4, 0.9, 0.1, 0.75, 0.6])
    )

    @pytest.mark.parametrize(
        ("alarms", "threshold", "first", "second", "third"),
        [
            (0.2, 0.9, 0.2, 0.2, 0.2),  # one stranger at or above 0.9; so is one person, at rank 1
            (0.39, 0.9, 0.2, 0.2, 0.2),  # one of five still
            (0.4, 0.75, 0.2, 0.4, 0.4),  # 0.95 and 0.8, and 0.8 is second
            (0.6, 0.6, 0.4, 0.6, 0.6),
            (1.0, 0.1, 0.6, 0.8, 1.0),  # everybody is accepted: the CMC
        ],
    )
    def test_rates(self, alarms, threshold, first, second, third):
        assert self.SEARCHES.threshold(alarms) == threshold
        assert [self.SEARCHES.rate(alarms, k) for k in (1, 2, 3)] == [first, second, third]

    def test_too_few_strangers_for_a_rate_give_no_figure(self):
        assert self.SEARCHES.threshold(0.1) is None and self.SEARCHES.rate(0.1) is None

    def test_strangers_that_are_level_are_accepted_together_or_not_at_all(self):
        assert threshold_at([0.5, 0.5, 0.4, 0.3], 0.25) is None
        assert threshold_at([0.5, 0.5, 0.4, 0.3], 0.5) == 0.5
        assert threshold_at([0.9, 0.5, 0.5, 0.3], 0.5) == 0.9
        assert threshold_at(np.ones(10), 0.99) is None

    def test_a_share_is_not_lost_by_rounding(self):
        assert threshold_at(np.arange(100), 0.07) == 93  # 0.07 * 100 is 7.000000000000001
        assert threshold_at(np.arange(100), 0.29) == 71  # 0.29 * 100 is 28.999999999999996

    @pytest.mark.parametrize("rate", [-0.1, 1.1, np.nan, "1"])
    def test_what_is_no_share_is_refused(self, rate):
        with pytest.raises(ValueError, match="rate must be a finite number, 0 to 1"):
            threshold_at([1.0], rate)

    def test_from_a_matrix(self):
        # Two of the four people are in the gallery of each draw; by hand for either case that may be drawn.
        scores = np.array([[9, 1, 2, 3], [8, 7, 2, 1], [1, 4, 6, 5], [3, 2, 1, 5]])
        result = cmc(scores, [1, 2, 3, 4], [1, 2, 3, 4], protocol="open-set", repeats=30)
        assert {len(each.absent) for each in result.open_set} == {2}
        assert len({tuple(each.absent) for each in result.open_set}) == 6  # of four people two are drawn in six ways
        for each in result.open_set:
            if each.absent == [3, 4]:  # strangers find 4 and 3; 9 at rank 1, and 7 at rank 2, behind 8
                assert each.highest.tolist() == [4, 3] and each.scores.tolist() == [9, 7]
                assert each.ranks.tolist() == [1, 2] and (each.rate(0.5), each.rate(0.5, 2)) == (0.5, 1)
            if each.absent == [1, 2]:  # strangers find 3 and 2
                assert each.highest.tolist() == [3, 2] and each.ranks.tolist() == [1, 1] and each.rate(0.5) == 1
            if each.absent == [1, 3]:  # strangers find 3 (of 4) and 5 (of 4); 7 at rank 1 and 5 at rank 1
                assert each.highest.tolist() == [3, 5] and each.scores.tolist() == [7, 5] and each.rate(0.5) == 1


def naive(scores, ids, cameras, absent, seed, repeat, ties, alarms, k):
    """Detection and identification rate of a draw: every strangers' score is tried as a threshold."""
    people = range(len(ids))
    priority = np.random.default_rng([seed, repeat]).random(len(ids))
    known, strangers = [], []
    for i in people:
        gallery = naive_gallery(ids, lambda j, i=i: cameras[j] != cameras[i] and ids[j] not in absent, priority)
        if ids[i] in absent:
            strangers.append(max(scores[i][j] for j in gallery))
        else:
            (match,) = [j for j in gallery if ids[j] == ids[i]]
            known.append((scores[i][match], naive_ranks(scores[i], gallery, ids[i], ids, ties)[0]))
    allowed = [t for t in strangers if sum(each >= t for each in strangers) <= alarms * len(strangers) + 1e-9]
    return sum(s >= min(allowed) and rank <= k for s, rank in known) / len(known) if allowed else None


@pytest.mark.parametrize("ties", ["pessimistic", "optimistic"])
@pytest.mark.parametrize("levels", [6, 1000])
@pytest.mark.parametrize("seed", range(4))
def test_against_the_naive_count(seed, levels, ties):
    ids, cameras = image_set(seed)
    scores = np.random.default_rng(seed).integers(levels, size=(len(ids),) * 2)
    scores = scores + 0.6 * levels * (ids[:, None] == ids)
    found = cmc(scores, ids, ids, cameras, cameras, "open-set", ties, repeats=3, seed=seed)
    rates = 0.01, 0.1, 0.3, 1.0
    arguments = scores.tolist(), ids.tolist(), cameras.tolist()
    for repeat, each in enumerate(found.open_set):
        for alarms in rates:
            for k in (1, 2, 5):
                assert each.rate(alarms, k) == naive(*arguments, each.absent, seed, repeat, ties, alarms, k)
        # Whoever accepts everybody has the CMC of those who are in the gallery.
        assert each.rate(1.0, 2) <= found.at(2)[repeat]


def test_half_of_the_people_are_taken_out_of_the_gallery_and_nothing_else_is_drawn_otherwise():
    ids, cameras = image_set(1, people=8)
    labels = ids, ids, cameras, cameras
    for closed, opened in zip(draw_trials(*labels, seed=3), draw_trials(*labels, "open-set", seed=3), strict=True):
        absent = {identity for trial in opened for identity in ids[trial.strangers].tolist()}
        assert len(absent) == 4
        for whole, part in zip(closed, opened, strict=True):
            assert part.gallery.tolist() == [j for j in whole.gallery if ids[j] not in absent]
            assert sorted([*part.probes, *part.strangers]) == whole.probes.tolist()
            assert not set(ids[part.probes]) & absent and set(ids[part.strangers]) <= absent
    needed = needed_pairs(draw_trials(*labels, "open-set", repeats=1), (len(ids),) * 2)
    (trials,) = draw_trials(*labels, "open-set", repeats=1)
    assert all(needed[np.ix_(trial.strangers, trial.gallery)].all() for trial in trials)


def test_fewer_probes_bound_those_of_strangers_too():
    ids, cameras = image_set(2)
    (few,) = draw_trials(ids, ids, cameras, cameras, "open-set", repeats=1, probes=3)
    assert sum(len(trial.probes) for trial in few) == sum(len(trial.strangers) for trial in few) == 3


def test_scores_of_strangers_that_are_missing_are_named():
    scores = np.eye(4)
    (absent, *_) = cmc(scores, range(4), range(4), protocol="open-set", repeats=1).open_set[0].absent
    scores[absent] = np.nan
    with pytest.raises(InputError, match=f"are NaN, such as that at row {absent}"):
        cmc(scores, range(4), range(4), protocol="open-set", repeats=1)


def test_names_of_absent_people_are_kept_as_they_are():
    people = ["ann", "bob", "eve", "joe"]
    assert set(cmc(np.eye(4), people, people, protocol="open-set").open_set[0].absent) < set(people)


def test_one_person_cannot_be_there_and_absent():
    with pytest.raises(InputError, match=r"takes 50% of the identities that have a match .* more than 1$"):
        cmc(np.eye(1), [1], [1], protocol="open-set")


def test_flags_that_do_not_go_together():
    for flags in ({"absent": 1.0}, {"absent": -0.5}):
        with pytest.raises(ValueError, match="absent must be a share, 0 or above and below 1"):
            dataclasses.replace(get_protocol("open-set"), **flags)
    for flags in ({"drawn_for": "probe"}, {"shots": "all"}):
        with pytest.raises(ValueError, match="absent goes with one shot an identity"):
            Protocol("own", "", "other", absent=0.5, **flags)


def test_scores_that_depend_on_the_gallery_have_no_common_threshold():
    with pytest.raises(InputError, match="compares the scores of all probes with one threshold"):
        cmc(lambda trial, block: None, [1, 2], [1, 2], protocol="open-set")


def test_the_record_is_json_in_per_cent_and_says_who_was_absent():
    ids, cameras = np.repeat(np.arange(100, 140), 2), np.tile([0, 1], 40)
    scores = np.random.default_rng(0).random((80, 80)) + 0.5 * (ids[:, None] == ids)
    result = EvaluationPlan("open-set", ids, cameras, repeats=2).measure(scores)
    record = json.loads(json.dumps(result.open_set_record()))
    assert record["strangers"] == 20 and [len(each) for each in record["absent"]] == [20, 20]
    one, ten = record["rates"]
    assert one["false_alarms"] == 1 and one["threshold"] is None and one["ranks"]["1"] is None  # 20 are too few
    rates = [100 * each.rate(0.1, 5) for each in result.open_set]
    assert ten["ranks"]["5"]["mean"] == pytest.approx(np.mean(rates)) and ten["ranks"]["5"]["interval95"] is not None
    assert set(record["absent"][0]) <= set(range(100, 140))
    assert EvaluationPlan("market", ids, cameras).measure(scores).open_set_record() is None
