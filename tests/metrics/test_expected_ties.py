"""`ties="expected"`: closed forms against all orders of equal scores, by hand, and against drawn orders."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.metrics.test_cmc import CLOSED, PEOPLE, image_set
from tfnxc.metrics import matches as matches_module
from tfnxc.metrics.cmc import cmc
from tfnxc.metrics.matches import ExpectedMatches
from tfnxc.metrics.open_set import OpenSet


def ranks_in_order(scores, same, order) -> list[int]:
    """Ranks of the matches of a gallery whose equal scores stand in this order."""
    places = sorted(order, key=lambda j: -scores[j])  # it keeps the order of what is equal
    return [rank for rank, j in enumerate(places, 1) if same[j]]


def figures_of(ranks, length, shown) -> list[float]:
    """Curve, average precision, inverse negative penalty, share inside a list, precision with others not found."""
    precisions = [n / rank for n, rank in enumerate(ranks, 1)]
    inside = [rank <= shown for rank in ranks]
    return [
        *(float(ranks[0] <= k) for k in range(1, length + 1)),
        np.mean(precisions),
        len(ranks) / ranks[-1],
        np.mean(inside),
        np.mean(np.multiply(precisions, inside)),
    ]


def by_all_orders(scores, same, shown) -> np.ndarray:
    """The mean of every figure over all orders of a gallery, each equally likely."""
    orders = itertools.permutations(range(len(scores)))
    return np.mean([figures_of(ranks_in_order(scores, same, each), len(scores), shown) for each in orders], axis=0)


def of(scores, same) -> ExpectedMatches:
    """The matches of one probe."""
    ids = np.where(same, 1, np.arange(2, 2 + len(scores)))
    (found,) = cmc([scores], [1], ids, protocol="market", ties="expected").matches
    return found


def found_figures(found, shown) -> np.ndarray:
    length = int(found.gallery[0])
    inside, precision = found.within(np.array([shown]))
    return np.concatenate(
        [found.curve(length), found.average_precision, found.inverse_negative_penalty, inside, precision]
    )


class TestByHand:
    def test_two_at_the_top(self):
        # The true match and one other score 5, two score less: rank 1 or 2, each with 1/2.
        result = cmc([[5, 5, 1, 0]], [1], [1, 2, 3, 4], ties="expected", repeats=1)
        assert result.ties == "expected" and result.mean.tolist() == [0.5, 1, 1, 1]
        assert result.mean_average_precision == result.mean_inverse_negative_penalty == 0.75

    def test_two_matches_in_a_group_of_four(self):
        # Two of four places are matches; C(4, 2) = 6 orders: first match at 1 in 3, at 2 in 2, at 3 in 1.
        # AP: (1, 2) 1, (1, 3) 5/6, (1, 4) 3/4, (2, 3) 7/12, (2, 4) 1/2, (3, 4) 5/12. INP: 2 / last.
        found = of([3, 3, 3, 3], [True, True, False, False])
        assert found.curve(4) == pytest.approx([1 / 2, 5 / 6, 1, 1])
        assert found.average_precision == pytest.approx([(1 + 5 / 6 + 3 / 4 + 7 / 12 + 1 / 2 + 5 / 12) / 6])
        assert found.inverse_negative_penalty == pytest.approx([(1 + 2 / 3 + 1 / 2 + 2 / 3 + 1 / 2 + 1 / 2) / 6])

    def test_a_constant_scorer_of_one_match_is_chance(self):
        result = cmc(np.zeros((3, 3)), **PEOPLE, ties="expected")
        np.testing.assert_allclose(result.mean, [1 / 3, 2 / 3, 1], rtol=0, atol=1e-15)
        assert result.mean_average_precision == pytest.approx((1 + 1 / 2 + 1 / 3) / 3, abs=1e-15)

    def test_a_match_has_no_one_rank(self):
        with pytest.raises(ValueError, match=r"no one rank; ask found\(k\)"):
            _ = of([1, 1], [True, False]).first


class TestAgainstAllOrders:
    @pytest.mark.parametrize("seed", range(40))
    def test_galleries_of_six(self, seed):
        rng = np.random.default_rng(seed)
        scores, same = rng.integers(1 + seed % 4, size=6), rng.random(6) < 0.2 + 0.1 * (seed % 5)
        same[rng.integers(6)] = True
        shown = int(rng.integers(1, 7))
        found = of(scores, same)
        expected = by_all_orders(scores.tolist(), same.tolist(), shown)
        np.testing.assert_allclose(found_figures(found, shown), expected, rtol=0, atol=1e-13)
        assert [found.found(k)[0] for k in range(1, 7)] == pytest.approx(expected[:6].tolist(), abs=1e-13)

    @pytest.mark.parametrize("protocol", CLOSED)
    def test_figures_lie_between_the_two_conventions_and_drawn_orders_reach_them(self, protocol):
        ids, cameras = image_set(2)
        scores = np.random.default_rng(2).integers(3, size=(len(ids),) * 2)
        labels = (ids, ids, cameras, cameras, protocol)
        worst, best, expected = (
            cmc(scores, *labels, ties, repeats=2) for ties in ("pessimistic", "optimistic", "expected")
        )
        for name in ("curves", "average_precisions", "inverse_negative_penalties"):
            low, high, middle = (getattr(each, name) for each in (worst, best, expected))
            assert (low <= middle + 1e-12).all() and (middle <= high + 1e-12).all() and (low < high).any()
        # Noise below the steps of the scores draws an order; 400 of them, and five standard errors.
        rng = np.random.default_rng(3)
        drawn = [cmc(scores + 0.5 * rng.random(scores.shape), *labels, repeats=2) for _ in range(400)]
        for name in ("curves", "average_precisions", "inverse_negative_penalties"):
            values = np.array([getattr(each, name) for each in drawn])
            error = values.std(axis=0, ddof=1) / len(values) ** 0.5
            assert (np.abs(values.mean(axis=0) - getattr(expected, name)) <= 5 * error + 1e-12).all()


@pytest.mark.parametrize("protocol", CLOSED)
def test_without_ties_it_is_what_both_conventions_say(protocol):
    ids, cameras = image_set(4)
    scores = np.random.default_rng(4).permutation(len(ids) ** 2).reshape((len(ids),) * 2)
    expected, certain = (cmc(scores, ids, ids, cameras, cameras, protocol, ties) for ties in ("expected", "optimistic"))
    for name in ("curves", "average_precisions", "inverse_negative_penalties"):
        np.testing.assert_allclose(getattr(expected, name), getattr(certain, name), rtol=0, atol=1e-14)


def test_a_large_gallery_of_a_coarse_scorer_is_exact():
    # 19,732 pictures of ten levels, 20 matches: against sums over every place, in exact fractions of binomials.
    rng = np.random.default_rng(5)
    scores, same = rng.integers(10, size=19_732), np.zeros(19_732, bool)
    same[rng.choice(len(same), 20, replace=False)] = True
    found = of(scores, same)
    precision, before, ahead = 0.0, 0, 0
    for level in range(9, -1, -1):
        size, count = int((scores == level).sum()), int((same & (scores == level)).sum())
        places = np.arange(1, size + 1)
        more = (places - 1) * (count - 1) / (size - 1)
        precision += count / size * ((before + 1 + more) / (ahead + places)).sum()
        before, ahead = before + count, ahead + size
    assert found.average_precision[0] == pytest.approx(precision / 20, abs=1e-12)
    curve = found.curve(len(scores))
    assert curve[-1] == 1 and (np.diff(curve) >= 0).all()


def test_blocks_change_nothing(monkeypatch):
    ids, cameras = image_set(6)
    scores = np.random.default_rng(6).integers(2, size=(len(ids),) * 2)
    whole = cmc(scores, ids, ids, cameras, cameras, "market", "expected")
    monkeypatch.setattr(matches_module, "_BLOCK", 5)
    parts = cmc(scores, ids, ids, cameras, cameras, "market", "expected")
    np.testing.assert_allclose(parts.curves, whole.curves, rtol=0, atol=1e-14)
    np.testing.assert_allclose(parts.inverse_negative_penalties, whole.inverse_negative_penalties, rtol=0, atol=1e-14)


def test_open_set_rates_are_expected_too():
    # Best matches at rank 1 or 2, and at one of 2, 3, 4; strangers reach 0.7 and 0.5.
    searches = OpenSet(np.array([0.9, 0.6]), np.array([1, 2]), np.array([0.7, 0.5]), worst=np.array([2, 4]))
    assert searches.rate(0.5, 1) == 0.25  # the second is below 0.7
    assert searches.rate(1.0, 3) == pytest.approx((1 + 2 / 3) / 2)
    # Whoever accepts everybody has the CMC.
    ids, cameras = image_set(1)
    scores = np.random.default_rng(1).integers(3, size=(len(ids),) * 2) + 10 * (ids[:, None] == ids)
    scores[::2] = 10
    result = cmc(scores, ids, ids, cameras, cameras, "open-set", "expected", repeats=3)
    for repeat, each in enumerate(result.open_set):
        assert each.scores.min() >= each.threshold(1.0)
        assert each.rate(1.0, 1) == pytest.approx(result.at(1)[repeat]) and 0 < each.rate(1.0, 1) < 1
