import numpy as np
import pytest

from tests.metrics.test_cmc import CLOSED
from tfnxc.errors import InputError
from tfnxc.evaluation import PROTOCOLS, cmc, rank_lists
from tfnxc.identities import DISTRACTOR, JUNK
from tfnxc.metrics import ranking
from tfnxc.metrics.protocols import Labels, draw_trials

# One probe, person 1. Columns 0 to 4 show the persons 2, 1, 3, 1, 4.
#   scores            5    5    7    3    5
#   pessimistic       column 2, then of the equal ones others first: 0, 4, 1, then 3
#   optimistic        column 2, then the match first: 1, 0, 4, then 3
TIED = {"scores": [[5, 5, 7, 3, 5]], "probe_ids": [1], "gallery_ids": [2, 1, 3, 1, 4], "protocol": "market"}


def fields(lists):
    return lists.probes, lists.columns, lists.scores, lists.same, lists.first_match


def people(seed, count=12):
    """Shuffled identities and cameras of three images in each of two cameras, with two distractors and one junk."""
    rng = np.random.default_rng(seed)
    ids, cameras = np.repeat(np.arange(count), 6), np.tile([0, 0, 0, 1, 1, 1], count)
    ids, cameras = np.append(ids, [DISTRACTOR, DISTRACTOR, JUNK]), np.append(cameras, [0, 1, 0])
    order = rng.permutation(len(ids))
    return ids[order], cameras[order]


def test_a_tie_puts_others_before_the_match():
    found = rank_lists(**TIED, k=5)
    assert found.columns.tolist() == [[2, 0, 4, 1, 3]]
    assert found.scores.tolist() == [[7, 5, 5, 5, 3]]
    assert found.same.tolist() == [[False, False, False, True, True]]
    assert found.first_match.tolist() == [4] and found.probes.tolist() == [0] and found.protocol == "market"


def test_a_tie_puts_the_match_before_others_where_that_is_asked_for():
    found = rank_lists(**TIED, ties="optimistic", k=5)
    assert found.columns.tolist() == [[2, 1, 0, 4, 3]]
    assert found.same.tolist() == [[False, True, False, False, True]]
    assert found.first_match.tolist() == [2]


@pytest.mark.parametrize(("ties", "best"), [("pessimistic", [2, 0]), ("optimistic", [2, 1])])
def test_a_list_that_ends_among_equal_scores(ties, best):
    found = rank_lists(**TIED, ties=ties, k=2)
    assert found.columns.tolist() == [best]
    # The match is found though the list is shorter.
    assert found.first_match.tolist() == [4 if ties == "pessimistic" else 2]


def test_beyond_the_gallery_there_is_nothing():
    found = rank_lists(**TIED, k=7)
    assert found.columns[0, 5:].tolist() == [-1, -1]
    assert np.isnan(found.scores[0, 5:]).all() and not found.same[0, 5:].any()


def test_distractors_are_listed_junk_and_the_own_view_are_not():
    # Columns: own view, junk, distractor, person 2 of the same camera, match, distractor of another camera.
    ids, cameras = [1, JUNK, DISTRACTOR, 2, 1, DISTRACTOR], [0, 1, 0, 0, 1, 1]
    found = rank_lists([[9, 8, 7, 6, 5, 4]], [1], ids, [0], cameras, "market", k=6)
    assert found.columns.tolist() == [[2, 3, 4, 5, -1, -1]]
    assert found.same.tolist() == [[False, False, True, False, False, False]]
    assert found.first_match.tolist() == [3]
    # Across cameras only the images of camera 1 remain.
    found = rank_lists([[9, 8, 7, 6, 5, 4]], [1], ids, [0], cameras, "cross-camera", k=6)
    assert found.columns.tolist() == [[4, 5, -1, -1, -1, -1]] and found.first_match.tolist() == [1]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("ties", ["pessimistic", "optimistic"])
def test_lists_are_the_first_draw_sorted_and_agree_with_cmc(protocol, ties):
    ids, cameras = people(1)
    scores = np.random.default_rng(1).integers(8, size=(len(ids),) * 2).astype(np.float32)
    labels = (ids, ids, cameras, cameras, protocol)
    found = rank_lists(scores, *labels, ties, k=len(ids))
    trials = draw_trials(*labels, repeats=1)[0]
    rows = [(trial, at, row) for trial in trials for at, row in enumerate(trial.probes)]
    assert found.probes.tolist() == [row for _, _, row in rows]
    for (trial, at, row), columns, first in zip(rows, found.columns, found.first_match, strict=True):
        gallery = trial.gallery if trial.gallery.ndim == 1 else trial.gallery[at]
        gallery = gallery[~np.broadcast_to(trial.left_out(), (len(trial.probes), len(gallery)))[at]].tolist()
        match_last = 1 if ties == "pessimistic" else -1
        gallery.sort(key=lambda j, row=row: (-scores[row, j], match_last * (ids[j] == ids[row]), j))
        assert columns[columns >= 0].tolist() == gallery
        assert first == 1 + [ids[j] == ids[row] for j in gallery].index(True)
    curve = cmc(scores, *labels, ties, repeats=1).mean
    assert [np.mean(found.first_match <= k) for k in range(1, len(curve) + 1)] == pytest.approx(curve.tolist())


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_blocks_change_nothing(protocol, monkeypatch):
    ids, cameras = people(2)
    scores = np.random.default_rng(2).integers(20, size=(len(ids),) * 2)
    labels = (scores, ids, ids, cameras, cameras, protocol)
    lists, curves = rank_lists(*labels, k=5), cmc(*labels, repeats=2)
    monkeypatch.setattr(ranking, "_BLOCK", 7)
    for field, whole in zip(fields(rank_lists(*labels, k=5)), fields(lists), strict=True):
        np.testing.assert_array_equal(field, whole)
    by_blocks = cmc(*labels, repeats=2)
    np.testing.assert_array_equal(by_blocks.curves, curves.curves)
    np.testing.assert_array_equal(by_blocks.average_precisions, curves.average_precisions)
    np.testing.assert_array_equal(by_blocks.inverse_negative_penalties, curves.inverse_negative_penalties)


def test_scores_may_lie_on_disk(tmp_path):
    ids, cameras = people(3)
    scores = np.random.default_rng(3).random((len(ids),) * 2, np.float32)
    np.save(tmp_path / "scores.npy", scores)
    mapped = np.load(tmp_path / "scores.npy", mmap_mode="r")
    labels = (ids, ids, cameras, cameras, "market")
    on_disk, in_memory = rank_lists(mapped, *labels), rank_lists(scores, *labels)
    for found, expected in zip(fields(on_disk), fields(in_memory), strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(cmc(mapped, *labels).curves, cmc(scores, *labels).curves)


def test_average_precision_and_inverse_negative_penalty_of_each_probe():
    # Three probes with 3, 1 and 2 matches among 6 images; columns 0 to 5 show the persons 1, 1, 1, 2, 3, 3.
    ids, probes = np.array([1, 1, 1, 2, 3, 3]), np.array([1, 2, 3])
    scores = np.array([[6, 4, 1, 5, 3, 2], [1, 2, 3, 0, 4, 5], [6, 5, 4, 3, 2, 1]])
    matches = ranking.rank_matches(
        scores, Labels.of(probes, ids), draw_trials(probes, ids, protocol="market")[0], "pessimistic"
    )
    assert matches.ranks.tolist() == [[1, 3, 6], [6, 0, 0], [5, 6, 0]]
    assert matches.first.tolist() == [1, 6, 5] and matches.gallery.tolist() == [6, 6, 6]
    expected = [naive_average_precision(row, ids == probe) for row, probe in zip(scores, probes, strict=True)]
    assert matches.average_precision == pytest.approx(expected)
    assert expected == pytest.approx([(1 + 2 / 3 + 3 / 6) / 3, 1 / 6, (1 / 5 + 2 / 6) / 2])
    assert matches.inverse_negative_penalty == pytest.approx([3 / 6, 1 / 6, 2 / 6])


def test_a_list_has_one_order():
    with pytest.raises(ValueError, match="a list has one order: 'pessimistic' or 'optimistic'"):
        rank_lists(**TIED, ties="expected")


def test_matches_beyond_the_length_of_a_list_count_as_not_found():
    matches = ranking.Matches(np.array([[1, 3, 6], [6, 0, 0], [5, 6, 0]]), np.array([6, 6, 6]))
    inside, precision = matches.within(np.array([3, 5, 5]))
    assert inside == pytest.approx([2 / 3, 0, 1 / 2])
    assert precision == pytest.approx([(1 / 1 + 2 / 3) / 3, 0, (1 / 5) / 2])
    assert matches.within(np.full(3, 6))[1] == pytest.approx(matches.average_precision)


@pytest.mark.parametrize("protocol", CLOSED)
def test_scores_that_depend_on_the_gallery_are_asked_of_each_trial(protocol):
    ids, cameras = people(4)
    scores = np.random.default_rng(4).random((len(ids),) * 2)
    labels = (ids, ids, cameras, cameras, protocol)
    asked = []

    def of_trial(trial, block):
        asked.append(trial)
        return scores[trial.probes[block][:, None], trial.gallery if trial.gallery.ndim == 1 else trial.gallery[block]]

    found, expected = cmc(of_trial, *labels, repeats=2), cmc(scores, *labels, repeats=2)
    np.testing.assert_array_equal(found.curves, expected.curves)
    np.testing.assert_array_equal(found.average_precisions, expected.average_precisions)
    drawn = draw_trials(*labels, repeats=2)
    assert len(asked) == sum(len(list(trial.parts)) for repeat in drawn for trial in repeat)
    assert [each.ranks.tolist() for each in found.matches] == [each.ranks.tolist() for each in expected.matches]
    with pytest.raises(ValueError, match="are NaN"):
        cmc(lambda trial, block: np.nan * of_trial(trial, block), *labels)


def naive_average_precision(scores, relevant):
    """Area under the step curve of precision over recall, one threshold after the other."""
    area, recall = 0.0, 0.0
    for threshold in sorted(scores, reverse=True):
        retrieved = scores >= threshold
        hits = np.count_nonzero(relevant & retrieved)
        area += (hits / relevant.sum() - recall) * hits / retrieved.sum()
        recall = hits / relevant.sum()
    return area


def test_market_is_the_naive_count(rng):
    ids, cameras = rng.integers(DISTRACTOR, 60, 2000), rng.integers(6, size=2000)
    probe_ids, probe_cameras = rng.integers(80, size=300), rng.integers(6, size=300)
    scores = rng.random((300, 2000))
    found = cmc(scores, probe_ids, ids, probe_cameras, cameras, "market")
    firsts, precisions, penalties, unmatched = [], [], [], 0
    for row, identity, camera in zip(scores, probe_ids, probe_cameras, strict=True):
        gallery = [j for j in range(2000) if ids[j] != JUNK and not (ids[j] == identity and cameras[j] == camera)]
        gallery.sort(key=lambda j, row=row: -row[j])
        ranks = [rank for rank, j in enumerate(gallery, 1) if ids[j] == identity]
        if not ranks:
            unmatched += 1
            continue
        firsts.append(ranks[0])
        precisions.append(np.mean([n / rank for n, rank in enumerate(ranks, 1)]))
        penalties.append(len(ranks) / ranks[-1])
    assert unmatched > 0 and (found.probes, found.unmatched) == (300 - unmatched, unmatched)
    expected = [np.mean(np.array(firsts) <= k) for k in range(1, found.gallery + 1)]
    np.testing.assert_allclose(found.curves, [expected], rtol=0, atol=1e-12)
    assert found.mean_average_precision == pytest.approx(np.mean(precisions))
    assert found.mean_inverse_negative_penalty == pytest.approx(np.mean(penalties))


def test_fewer_probes_are_listed_on_request():
    ids, cameras = people(4)
    scores = np.random.default_rng(4).random((len(ids),) * 2)
    everyone, some = (rank_lists(scores, ids, ids, cameras, cameras, "market", probes=n, k=3) for n in (None, 9))
    assert len(some.probes) == 9
    at = np.searchsorted(everyone.probes, some.probes)
    for few, all_of_them in zip(fields(some), fields(everyone), strict=True):
        np.testing.assert_array_equal(few, all_of_them[at])


@pytest.mark.parametrize("k", [0, -1, 2.0, None])
def test_a_wrong_length_of_the_lists(k):
    with pytest.raises(ValueError, match="k must be a whole number, 1 or above, received"):
        rank_lists(**TIED, k=k)


def test_a_missing_score_is_named_but_not_where_nothing_reads_it():
    ids, cameras = [1, JUNK, 1], [0, 1, 1]
    assert rank_lists([[np.nan, np.nan, 5]], [1], ids, [0], cameras, "market").first_match.tolist() == [1]
    with pytest.raises(InputError, match="1 of the 1 scores read first are NaN, such as that at row 0, column 2"):
        rank_lists([[0, 0, np.nan]], [1], ids, [0], cameras, "market")


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_a_masked_score_is_not_known(dtype):
    """Of the three columns the last is of the probe's own camera, and not read."""
    scores, cameras = np.array([[1, 2, 3]], dtype), [1, 1, 0]
    mask = np.array([[False, False, True]])
    found = rank_lists(np.ma.array(scores, mask=mask), [1], [1, 2, 1], [0], cameras, "market")
    assert found.first_match.tolist() == [2]
    with pytest.raises(ValueError, match="1 of the 2 scores read first are NaN, such as that at row 0, column 0"):
        cmc(np.ma.array(scores, mask=mask[:, ::-1]), [1], [1, 2, 1], [0], cameras, "market")
