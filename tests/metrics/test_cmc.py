"""CMC against matrices worked out by hand and against the naive count."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from tfnxc.identities import DISTRACTOR, JUNK
from tfnxc.metrics.cmc import CMC, cmc, mean_average_precision, mean_inverse_negative_penalty
from tfnxc.metrics.protocols import PROTOCOLS, draw_trials, get_protocol, needed_pairs

CLOSED = [name for name, protocol in PROTOCOLS.items() if not protocol.absent]  # test_open_set.py has the others


def naive_gallery(gallery_ids, allowed, priority) -> list[int]:
    """For each identity the allowed column of the lowest priority."""
    gallery = []
    for identity in sorted(set(gallery_ids)):
        columns = [j for j in range(len(gallery_ids)) if gallery_ids[j] == identity and allowed(j)]
        if columns:
            gallery.append(min(columns, key=lambda j: priority[j]))
    return gallery


def naive_galleries(probe_ids, gallery_ids, probe_cameras, gallery_cameras, protocol, seed, repeat):
    """The gallery of each probe, SPEC section 5: `{row: columns}`."""
    rows = range(len(probe_ids))
    priority = np.random.default_rng([seed, repeat]).random(len(gallery_ids))
    if protocol == "paper":
        everyone = naive_gallery(gallery_ids, lambda j: True, priority)
        return {i: everyone for i in rows if i not in everyone}
    if protocol == "market":
        probes = [(i, probe_ids[i], probe_cameras[i]) for i in rows]
        return {
            i: [j for j in range(len(gallery_ids)) if (gallery_ids[j], gallery_cameras[j]) != (identity, camera)]
            for i, identity, camera in probes
        }
    if protocol.startswith("cuhk03"):  # each probe has a draw of its own: test_cuhk03_conventions.py looks at the draws
        labels = probe_ids, gallery_ids, probe_cameras, gallery_cameras
        trials = draw_trials(*labels, protocol, repeats=repeat + 1, seed=seed)[repeat]
        return {i: gallery for trial in trials for i, gallery in zip(trial.probes, trial.gallery, strict=True)}
    by_camera = {
        camera: naive_gallery(gallery_ids, lambda j, camera=camera: gallery_cameras[j] != camera, priority)
        for camera in set(probe_cameras)
    }
    return {i: by_camera[probe_cameras[i]] for i in rows}


def naive_figures(scores, probe_ids, gallery_ids, probe_cameras, gallery_cameras, protocol, ties, repeats, seed):
    """CMC curves, mAP and mINP of each repeat, a loop over repeats, probes and gallery images."""
    curves, precisions, penalties = [], [], []
    for repeat in range(repeats):
        galleries = naive_galleries(probe_ids, gallery_ids, probe_cameras, gallery_cameras, protocol, seed, repeat)
        ranks = [naive_ranks(scores[i], gallery, probe_ids[i], gallery_ids, ties) for i, gallery in galleries.items()]
        longest = max(map(len, galleries.values()))
        curves.append([sum(each[0] <= k for each in ranks) / len(ranks) for k in range(1, longest + 1)])
        if protocol == "cuhk03-torchreid":  # its mAP is of all that is drawn from
            galleries = naive_galleries(probe_ids, gallery_ids, probe_cameras, gallery_cameras, "market", seed, repeat)
            ranks = [naive_ranks(scores[i], galleries[i], probe_ids[i], gallery_ids, ties) for i in galleries]
        precisions.append(np.mean([np.mean([n / rank for n, rank in enumerate(each, 1)]) for each in ranks]))
        penalties.append(np.mean([len(each) / each[-1] for each in ranks]))
    return curves, precisions, penalties


def naive_ranks(row, gallery, identity, gallery_ids, ties) -> list[int]:
    """Ranks of the true matches, 1 for one that is the best of the gallery: the gallery sorted, ties one way."""
    matches_first = {"optimistic": 1, "pessimistic": -1}[ties]
    order = sorted(gallery, key=lambda j: (-row[j], -matches_first * (gallery_ids[j] == identity)))
    return [rank for rank, j in enumerate(order, 1) if gallery_ids[j] == identity]


def image_set(seed: int, people: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Shuffled identities and cameras, each person seen by 2 or 3 of three cameras, 1 to 3 times by each."""
    rng = np.random.default_rng(seed)
    images = [
        (person, camera)
        for person in range(people)
        for camera in rng.choice(3, size=rng.integers(2, 4), replace=False)
        for _ in range(rng.integers(1, 4))
    ]
    ids, cameras = np.array(images)[rng.permutation(len(images))].T
    return ids, cameras


PEOPLE = {"probe_ids": [1, 2, 3], "gallery_ids": [1, 2, 3], "probe_cameras": [0] * 3, "gallery_cameras": [1] * 3}


class TestByHand:
    # Three probes of camera 0, three gallery images of camera 1, identities 1, 2, 3 on both sides, so that every
    # draw is the whole gallery and the true scores are the diagonal.
    #   probe 1: 0.9 0.2 0.1   true 0.9, nobody above                        rank 1
    #   probe 2: 0.8 0.5 0.6   true 0.5, above it 0.8 and 0.6                rank 3
    #   probe 3: 0.3 0.7 0.4   true 0.4, above it 0.7                        rank 2
    # rank 1: 1/3, rank 2: 2/3, rank 3: 3/3.
    SCORES = np.array([[0.9, 0.2, 0.1], [0.8, 0.5, 0.6], [0.3, 0.7, 0.4]])

    @pytest.mark.parametrize("ties", ["pessimistic", "optimistic"])
    def test_without_ties(self, ties):
        result = cmc(self.SCORES, **PEOPLE, ties=ties)
        np.testing.assert_allclose(result.mean, [1 / 3, 2 / 3, 1])
        assert (result.protocol, result.ties, result.repeats, result.seed) == ("cross-camera", ties, 10, 0)
        assert (result.probes, result.gallery) == (3, 3)

    def test_columns_in_any_order(self):
        # The same gallery with its columns as 3, 1, 2.
        result = cmc(self.SCORES[:, [2, 0, 1]], **{**PEOPLE, "gallery_ids": [3, 1, 2]})
        np.testing.assert_allclose(result.mean, [1 / 3, 2 / 3, 1])

    def test_ties_both_ways(self):
        #   probe 1: 5 5 1   true 5, one tie, nobody above      pessimistic 2, optimistic 1
        #   probe 2: 7 4 4   true 4, one tie, one above         pessimistic 3, optimistic 2
        #   probe 3: 2 2 2   true 2, two ties                   pessimistic 3, optimistic 1
        scores = np.array([[5, 5, 1], [7, 4, 4], [2, 2, 2]])
        np.testing.assert_allclose(cmc(scores, **PEOPLE, ties="pessimistic").mean, [0, 1 / 3, 1])
        np.testing.assert_allclose(cmc(scores, **PEOPLE, ties="optimistic").mean, [2 / 3, 1, 1])

    def test_pessimistic_is_the_default(self):
        assert cmc(np.zeros((3, 3)), **PEOPLE).ties == "pessimistic"

    @pytest.mark.parametrize("protocol", ["cross-camera", "paper", "cuhk03-classic"])
    def test_a_constant_scorer(self, protocol):
        ids, cameras = image_set(0)
        for constant in (0.0, 1.0, -np.inf, np.inf):
            scores = np.full((len(ids), len(ids)), constant)
            pessimistic = cmc(scores, ids, ids, cameras, cameras, protocol)
            assert pessimistic.rank(1) == 0
            # Behind all others: found only at the end of the gallery.
            assert pessimistic.mean.tolist() == [0] * 8 + [1]
            assert cmc(scores, ids, ids, cameras, cameras, protocol, ties="optimistic").rank(1) == 1

    @pytest.mark.parametrize("protocol", CLOSED)
    def test_a_perfect_scorer(self, protocol):
        ids, cameras = image_set(0)
        result = cmc(ids[:, None] == ids[None], ids, ids, cameras, cameras, protocol)
        assert result.curves.min() == 1

    def test_paper(self):
        # One person with two images, one with one: identities 1, 1, 2. The gallery is image 2 and one of images 0
        # and 1; the other is the only probe.
        #   probe 0, gallery 1 and 2: true 0.6, impostor 0.3     rank 1
        #   probe 1, gallery 0 and 2: true 0.1, impostor 0.5     rank 2
        nan = np.nan
        scores = [[nan, 0.6, 0.3], [0.1, nan, 0.5], [nan, nan, nan]]
        result = cmc(scores, [1, 1, 2], [1, 1, 2], protocol="paper", repeats=20)
        probes = [trial.probes.tolist() for (trial,) in draw_trials([1, 1, 2], [1, 1, 2], protocol="paper", repeats=20)]
        assert result.curves.tolist() == [[1, 1] if probe == [0] else [0, 1] for probe in probes]
        assert 0 < result.rank(1) < 1
        assert (result.probes, result.gallery) == (1, 2)

    def test_without_cameras_rows_and_columns_are_of_two_cameras(self):
        without = cmc(self.SCORES, [1, 2, 3], [1, 2, 3])
        np.testing.assert_array_equal(without.curves, cmc(self.SCORES, **PEOPLE).curves)

    @pytest.mark.parametrize("protocol", CLOSED)
    def test_a_probe_without_a_match_counts_for_nothing(self, protocol):
        # Probe 3, identity 7, is nowhere else; the first two are found at once.
        nan = np.nan
        ids, cameras = [1, 2, 7, 1, 2], [0, 0, 0, 1, 1]
        scores = np.where(np.equal.outer(ids, ids), 9.0, np.arange(5))
        scores[2] = nan
        result = cmc(scores, ids, ids, cameras, cameras, protocol, probes=None)
        assert (result.curves == 1).all()
        # Under `paper` everyone is in the gallery once, so the only image of 7 is no probe that lacks a match.
        assert result.unmatched == (0 if protocol == "paper" else 1)
        assert result.probes == (2 if protocol == "paper" else 4)

    def test_market(self):
        # Probe of person 1, camera 0. Columns, with what camera and score:
        #   0: person 1, camera 0, 0.99   its own view: left out
        #   1: junk, camera 1, 0.98       left out
        #   2: person 2, camera 0, 0.9    stays, though of the same camera      rank 1
        #   3: person 1, camera 1, 0.8    match                                 rank 2
        #   4: distractor, camera 2, 0.7  stays                                 rank 3
        #   5: distractor, camera 1, 0.6  stays                                 rank 4
        #   6: person 1, camera 2, 0.5    match                                 rank 5
        # AP: (1/2 + 2/5) / 2 = 0.45. INP: 2/5. Person 2 has no other image: unmatched.
        ids, cameras = [1, JUNK, 2, 1, DISTRACTOR, DISTRACTOR, 1], [0, 1, 0, 1, 2, 1, 2]
        scores = [[0.99, 0.98, 0.9, 0.8, 0.7, 0.6, 0.5], [np.nan] * 7]
        result = cmc(scores, [1, 2], ids, [0, 0], cameras, "market")
        assert result.curves.tolist() == [[0, 1, 1, 1, 1]]
        assert result.mean_average_precision == pytest.approx(0.45)
        assert result.mean_inverse_negative_penalty == pytest.approx(0.4)
        assert (result.probes, result.unmatched, result.gallery, result.repeats) == (1, 1, 5, 1)
        arguments = (scores[:1], [1], ids, [0], cameras)
        assert mean_average_precision(*arguments) == result.mean_average_precision
        assert mean_inverse_negative_penalty(*arguments) == result.mean_inverse_negative_penalty

    @pytest.mark.parametrize("protocol", ["cross-camera", "cuhk03-classic"])
    def test_probes_of_a_camera_without_a_gallery_are_unmatched(self, protocol):
        result = cmc([[0.9, 0.1], [0.3, 0.4]], [1, 2], [1, 2], [0, 1], [1, 1], protocol)
        assert (result.probes, result.unmatched, result.gallery, result.rank(1)) == (1, 1, 2, 1)

    def test_whole_numbers_in_an_array_of_objects_keep_their_meaning(self):
        ids = np.array([1, JUNK, 2], object)
        assert cmc([[0.5, 0.9, 0.1]], np.array([1], object), ids, protocol="market").rank(1) == 1

    def test_nothing_is_drawn_under_market(self):
        assert cmc(np.eye(2), [1, 2], [1, 2], protocol="market", repeats=10).repeats == 1

    def test_market_with_ties(self):
        #   person 1 at 5, 5 and 3; others at 5, 3, 1.
        #   optimistic:  1 1 . 1 . .   ranks 1, 2, 4    AP (1 + 1 + 3/4) / 3      INP 3/4
        #   pessimistic: . 1 1 . 1 .   ranks 2, 3, 5    AP (1/2 + 2/3 + 3/5) / 3  INP 3/5
        scores, ids = [[5, 5, 3, 5, 3, 1]], [1, 1, 1, 2, 3, 4]
        optimistic, pessimistic = (
            cmc(scores, [1], ids, protocol="market", ties=t) for t in ("optimistic", "pessimistic")
        )
        assert optimistic.mean_average_precision == pytest.approx((1 + 1 + 3 / 4) / 3)
        assert optimistic.mean_inverse_negative_penalty == 3 / 4 and optimistic.rank(1) == 1
        assert pessimistic.mean_average_precision == pytest.approx((1 / 2 + 2 / 3 + 3 / 5) / 3)
        assert pessimistic.mean_inverse_negative_penalty == 3 / 5 and pessimistic.curves[0, :2].tolist() == [0, 1]

    @pytest.mark.parametrize("protocol", ["cross-camera", "cuhk03-classic"])
    def test_distractors_and_junk_where_one_image_an_identity_is_drawn(self, protocol):
        # Two images of person 1 that score alike, three distractors of which each counts, one junk that does not.
        #   true 2; distractors 3, 3, 1; junk 9; person 2 at 0       rank 3 of 5
        ids = [1, 1, DISTRACTOR, DISTRACTOR, DISTRACTOR, JUNK, 2]
        result = cmc([[2, 2, 3, 3, 1, 9, 0]], [1], ids, [0], [1] * 7, protocol)
        assert result.curves.tolist() == [[0, 0, 1, 1, 1]] * 10
        # A distractor or junk among the rows is never a probe.
        scores = [[2, 2, 3, 3, 1, 9, 0], [9] * 7, [9] * 7]
        again = cmc(scores, [1, DISTRACTOR, JUNK], ids, [0, 0, 0], [1] * 7, protocol)
        assert again.curves.tolist() == result.curves.tolist() and again.unmatched == 0

    def test_infinite_scores(self):
        #   probe 1: inf 0 1       true inf, alone                        rank 1
        #   probe 2: -inf -inf 0   true -inf, one tie, one above          pessimistic 3, optimistic 2
        #   probe 3: inf 1 inf     true inf, one tie                      pessimistic 2, optimistic 1
        inf = np.inf
        scores = [[inf, 0, 1], [-inf, -inf, 0], [inf, 1, inf]]
        np.testing.assert_allclose(cmc(scores, **PEOPLE).mean, [1 / 3, 2 / 3, 1])
        np.testing.assert_allclose(cmc(scores, **PEOPLE, ties="optimistic").mean, [2 / 3, 1, 1])

    def test_galleries_of_different_sizes_are_pooled(self):
        # Two people in both cameras; two distractors, 8 and 9, in camera 1 only. Columns: 1 and 2 of camera 0, then
        # 1, 2, 8, 9 of camera 1. Probes of camera 0 meet four images, probes of camera 1 two.
        #   probe 1, camera 0: . . 5 6 7 8   true 5, three above   rank 4 of 4
        #   probe 2, camera 0: . . 5 6 1 1   true 6                rank 1 of 4
        #   probe 1, camera 1: 3 4 . . . .   true 3, one above     rank 2 of 2
        #   probe 2, camera 1: 3 4 . . . .   true 4                rank 1 of 2
        # Pooled over four probes: 2/4, 3/4, 3/4, 4/4.
        nan = np.nan
        scores = [
            [nan, nan, 5, 6, 7, 8],
            [nan, nan, 5, 6, 1, 1],
            [3, 4, nan, nan, nan, nan],
            [3, 4, nan, nan, nan, nan],
        ]
        result = cmc(scores, [1, 2, 1, 2], [1, 2, 1, 2, 8, 9], [0, 0, 1, 1], [0, 0, 1, 1, 1, 1])
        assert result.mean.tolist() == [0.5, 0.75, 0.75, 1]
        assert (result.probes, result.gallery) == (4, 4)

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint8", "int64"])
    def test_dtypes(self, dtype):
        scores = (10 * self.SCORES).round().astype(dtype)
        np.testing.assert_allclose(cmc(scores, **PEOPLE).mean, [1 / 3, 2 / 3, 1])

    def test_the_scores_are_left_alone(self):
        scores = self.SCORES.copy()
        cmc(scores, **PEOPLE)
        np.testing.assert_array_equal(scores, self.SCORES)


class TestAgainstTheNaiveCount:
    @pytest.mark.parametrize("ties", ["pessimistic", "optimistic"])
    @pytest.mark.parametrize("protocol", CLOSED)
    @pytest.mark.parametrize("seed", range(6))
    @pytest.mark.parametrize("levels", [3, 1000])
    def test_same_images(self, protocol, ties, seed, levels):
        ids, cameras = image_set(seed)
        # Three levels of score give many ties, a thousand few.
        scores = np.random.default_rng(seed).integers(levels, size=(len(ids), len(ids))).astype(np.float32)
        result = cmc(scores, ids, ids, cameras, cameras, protocol, ties, repeats=3, seed=seed)
        ids, cameras = ids.tolist(), cameras.tolist()
        expected = naive_figures(scores.tolist(), ids, ids, cameras, cameras, protocol, ties, 3, seed)
        found = result.curves, result.average_precisions, result.inverse_negative_penalties
        for figure, naive in zip(found, expected, strict=True):
            # Nothing is drawn under market, and all repeats would be alike.
            np.testing.assert_allclose(figure, naive[:1] if protocol == "market" else naive, rtol=0, atol=1e-12)

    @pytest.mark.parametrize("ties", ["pessimistic", "optimistic"])
    @pytest.mark.parametrize("seed", range(6))
    def test_other_images_and_distractors(self, ties, seed):
        gallery_ids, gallery_cameras = image_set(seed)
        probe_ids, probe_cameras = np.arange(9), np.arange(9) % 3
        # Distractors of camera 2 only: the galleries of the cameras differ in size.
        gallery_ids, gallery_cameras = np.append(gallery_ids, [50, 51, 51]), np.append(gallery_cameras, [2, 2, 2])
        scores = np.random.default_rng(seed).integers(5, size=(9, len(gallery_ids)))
        arrays = (scores, probe_ids, gallery_ids, probe_cameras, gallery_cameras)
        expected, _, _ = naive_figures(*(array.tolist() for array in arrays), "cross-camera", ties, 4, seed)
        np.testing.assert_allclose(cmc(*arrays, "cross-camera", ties, 4, seed).curves, expected, rtol=0, atol=1e-12)


class TestRepeats:
    def test_repeatable_and_independent_of_the_number_of_repeats(self):
        ids, cameras = image_set(3)
        scores = np.random.default_rng(3).random((len(ids), len(ids)))
        few, many, again = (cmc(scores, ids, ids, cameras, cameras, repeats=n, seed=4) for n in (2, 6, 6))
        np.testing.assert_array_equal(few.curves, many.curves[:2])
        np.testing.assert_array_equal(many.curves, again.curves)
        assert not np.array_equal(many.curves, cmc(scores, ids, ids, cameras, cameras, repeats=6, seed=5).curves)

    @pytest.mark.parametrize("protocol", CLOSED)
    def test_default_is_the_protocols_own_number(self, protocol):
        ids, cameras = image_set(3)
        scores = np.zeros((len(ids), len(ids)))
        assert cmc(scores, ids, ids, cameras, cameras, protocol).repeats == (1 if protocol == "market" else 10)
        shorter = dataclasses.replace(get_protocol(protocol), repeats=4)
        assert cmc(scores, ids, ids, cameras, cameras, shorter).repeats == (1 if protocol == "market" else 4)

    @pytest.mark.parametrize("protocol", CLOSED)
    def test_curves_rise_to_one(self, protocol):
        ids, cameras = image_set(3)
        scores = np.random.default_rng(3).random((len(ids), len(ids)))
        curves = cmc(scores, ids, ids, cameras, cameras, protocol).curves
        assert curves.shape[1] == 9 or protocol == "market"
        assert curves.dtype == np.float64
        assert (np.diff(curves, axis=1) >= 0).all()
        assert (curves[:, -1] == 1).all()


class TestCMC:
    # Two repeats. Means 0.3, 0.75, 1; deviations |0.2 - 0.4| / sqrt(2) = 0.1 sqrt(2), 0.25 sqrt(2), 0.
    CURVES = np.array([[0.2, 0.5, 1], [0.4, 1, 1]])
    RESULT = CMC("paper", "optimistic", 2, 3, 5, 3, CURVES, np.array([0.4, 0.6]), np.array([0.5, 0.7]), unmatched=4)

    def test_mean_and_deviation(self):
        np.testing.assert_allclose(self.RESULT.mean, [0.3, 0.75, 1])
        np.testing.assert_allclose(self.RESULT.deviation, [0.1 * 2**0.5, 0.25 * 2**0.5, 0])

    def test_deviation_of_one_repeat_is_zero(self):
        single = dataclasses.replace(self.RESULT, repeats=1, curves=self.RESULT.curves[:1])
        assert single.deviation.tolist() == [0, 0, 0]

    def test_rank(self):
        assert self.RESULT.rank(1) == pytest.approx(0.3)
        assert self.RESULT.rank(2) == pytest.approx(0.75)
        assert isinstance(self.RESULT.rank(2), float)

    def test_rank_beyond_the_gallery_is_the_last_value(self):
        assert self.RESULT.rank(3) == self.RESULT.rank(50) == 1

    @pytest.mark.parametrize("k", [0, -1, 1.0])
    def test_wrong_rank(self, k):
        with pytest.raises(ValueError, match="k must be a whole number, 1 or above, received"):
            self.RESULT.rank(k)

    def test_to_dict_is_json(self):
        result = json.loads(json.dumps(self.RESULT.to_dict()))
        ranks, mean, precision, penalty = (result.pop(key) for key in ("ranks", "mean", "mAP", "mINP"))
        assert result == {
            "protocol": "paper",
            "ties": "optimistic",
            "repeats": 2,
            "seed": 3,
            "probes": 5,
            "unmatched": 4,
            "gallery": 3,
            "unit": "per cent",
        }
        assert mean == pytest.approx([30, 75, 100])
        assert list(ranks) == ["1", "5", "10", "20", "50"]
        # t is 12.706 for two values: 12.706 * 10 sqrt(2) / sqrt(2).
        approximately = {"mean": 30, "deviation": 10 * 2**0.5, "interval95": 127.06}
        assert ranks["1"] == pytest.approx(approximately)
        assert ranks["5"] == ranks["20"] == {"mean": 100, "deviation": 0, "interval95": 0}
        assert (precision["mean"], penalty["mean"]) == pytest.approx((50, 60))

    def test_to_dict_of_a_measured_curve_is_json(self):
        result = cmc(np.eye(2), np.array([1, 2]), np.array([1, 2]), [0, 0], [1, 1], seed=np.int64(3))
        assert json.loads(json.dumps(result.to_dict()))["seed"] == 3


class TestMissingScores:
    @pytest.mark.parametrize("protocol", CLOSED)
    def test_scores_that_no_trial_reads_may_be_nan(self, protocol):
        ids, cameras = image_set(5)
        scores = np.random.default_rng(5).random((len(ids), len(ids)))
        trials = draw_trials(ids, ids, cameras, cameras, protocol, repeats=2, seed=1)
        needed = np.where(needed_pairs(trials, scores.shape), scores, np.nan)
        assert np.isnan(needed).any()
        results = [cmc(matrix, ids, ids, cameras, cameras, protocol, repeats=2, seed=1) for matrix in (scores, needed)]
        np.testing.assert_array_equal(results[0].curves, results[1].curves)

    def test_scores_that_are_read_may_not(self):
        scores = np.eye(3)
        scores[1, 2] = scores[2, 0] = np.nan
        message = (
            "2 of the 9 scores read first are NaN, such as that at row 1, column 2. Score every pair that needed_pai"
        )
        with pytest.raises(ValueError, match=message):
            cmc(scores, [1, 2, 3], [1, 2, 3], [0] * 3, [1] * 3)

    def test_more_repeats_than_were_scored(self):
        ids, cameras = image_set(5)
        scored = needed_pairs(draw_trials(ids, ids, cameras, cameras, repeats=1), (len(ids), len(ids)))
        scores = np.where(scored, 0.5, np.nan)
        assert cmc(scores, ids, ids, cameras, cameras, repeats=1).repeats == 1
        with pytest.raises(ValueError, match="are NaN"):
            cmc(scores, ids, ids, cameras, cameras, repeats=10)


class TestErrors:
    def test_shape(self):
        with pytest.raises(
            ValueError, match=r"each of the 2 probe_ids .* of the 3 gallery_ids; received shape \(3, 2\)"
        ):
            cmc(np.zeros((3, 2)), [1, 2], [1, 2, 3], [0, 0], [1, 1, 1])

    @pytest.mark.parametrize("shape", [(3,), (2, 2, 2), (), (0, 3), (3, 0)])
    def test_not_a_matrix(self, shape):
        with pytest.raises(ValueError, match="scores must be a matrix of probes x gallery, at least 1 x 1; received"):
            cmc(np.zeros(shape), [1], [1], [0], [1])

    @pytest.mark.parametrize("scores", [[["a"]], [[1j]], [[None]]])
    def test_not_numbers(self, scores):
        with pytest.raises(ValueError, match=r"scores must be real numbers, e\.g\. float32; received dtype"):
            cmc(scores, [1], [1], [0], [1])

    def test_ties(self):
        with pytest.raises(
            ValueError, match="ties must be one of 'pessimistic', 'optimistic', 'expected', received 'random'"
        ):
            cmc([[1.0]], [1], [1], [0], [1], ties="random")

    def test_protocol(self):
        with pytest.raises(ValueError, match="Unknown protocol 'classic'; known are"):
            cmc([[1.0]], [1], [1], [0], [1], protocol="classic")

    def test_cameras_of_one_side(self):
        with pytest.raises(ValueError, match=r"both probe_cameras and gallery_cameras or neither.*for gallery_cameras"):
            cmc([[1.0]], [1], [1], [0])

    @pytest.mark.parametrize("protocol", ["cross-camera", "market", "cuhk03-classic"])
    def test_no_probe_has_a_match(self, protocol):
        with pytest.raises(ValueError, match=f"'{protocol}' takes .*: there is no match for any of the 2 probes"):
            cmc(np.zeros((2, 1)), [1, 2], [3], [0, 0], [1], protocol)
