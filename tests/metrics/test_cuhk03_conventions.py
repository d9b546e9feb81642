"""`cuhk03-classic` and `cuhk03-torchreid`: by hand, and against transcriptions of the peers' definitions."""

from __future__ import annotations

import numpy as np
import pytest

from tests.metrics.test_cmc import image_set
from tfnxc.identities import DISTRACTOR
from tfnxc.metrics.cmc import cmc
from tfnxc.metrics.protocols import draw_trials, needed_pairs
from tfnxc.scoring.two_stages import Shortlist, TwoStages

# Open-ReID: the gallery of a probe has no image of the probe's camera; torchreid: it has none of the probe's own
# identity from the probe's camera, and all others. Of each identity in it one image is drawn, anew for each probe and
# repeat; CMC is the mean over probes and repeats. torchreid's AP is of the gallery before the draw.
ALLOWED = {
    "cuhk03-classic": lambda identity, camera, ids, cameras: cameras != camera,
    "cuhk03-torchreid": lambda identity, camera, ids, cameras: (ids != identity) | (cameras != camera),
}


def expected_curve(row, ids, identity, length) -> np.ndarray:
    """The curve of one probe as its sampling tends to: the chance that its drawn match is among the k best.

    Of each other identity an image above the match is drawn with the share of its images that are; identities are drawn
    apart from each other, so that the number of those above has the distribution of a sum of coins.
    """
    curves = []
    for match in row[ids == identity]:
        above = np.ones(1)
        for other in set(ids.tolist()) - {identity}:
            share = np.mean(row[ids == other] > match)
            above = np.convolve(above, [1 - share, share])
        curves.append(np.cumsum(above)[:length])
    return np.mean(curves, axis=0)


def average_precision(row, same) -> float:
    """The mean of the precision at the ranks of the matches."""
    hits = same[np.argsort(-row)]
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())


def transcribed(scores, ids, cameras, protocol) -> tuple[np.ndarray, float]:
    """Expected CMC; and mAP of the galleries before the draw."""
    people, curves, precisions = len(set(ids.tolist())), [], []
    for row, identity, camera in zip(scores, ids, cameras, strict=True):
        kept = ALLOWED[protocol](identity, camera, ids, cameras)
        if (ids[kept] == identity).any():
            curve = expected_curve(row[kept], ids[kept], identity, people)
            curves.append(np.pad(curve, (0, people - len(curve)), constant_values=1))
            precisions.append(average_precision(row[kept], ids[kept] == identity))
    return np.mean(curves, axis=0), float(np.mean(precisions))


def test_by_hand():
    # Probe: person 1, camera 0. Its own view, column 0, is in neither gallery. Person 2 has one image in each camera,
    # 0.8 in the probe's and 0.2 in the other; person 1 a match of 0.5. Across cameras the match is always first. With
    # person 2 drawn from both cameras it is first in half of the draws. AP of all of that gallery: rank 2, 1/2.
    labels = [1], [1, 2, 2, 1], [0], [0, 0, 1, 1]
    scores = [[0.9, 0.8, 0.2, 0.5]]
    classic = cmc(scores, *labels, "cuhk03-classic", repeats=50)
    assert classic.rank(1) == 1 and classic.mean_average_precision == 1
    own = cmc(scores, *labels, "cuhk03-torchreid", repeats=50)
    drawn = [trial.gallery[0].tolist() for (trial,) in draw_trials(*labels, "cuhk03-torchreid", repeats=50)]
    assert sorted(map(tuple, {tuple(sorted(each)) for each in drawn})) == [(1, 3), (2, 3)]
    assert own.curves.tolist() == [[0, 1] if 1 in each else [1, 1] for each in drawn]
    assert own.average_precisions.tolist() == own.inverse_negative_penalties.tolist() == [0.5] * 50
    assert (own.probes, own.gallery, own.unmatched) == (1, 2, 0)


@pytest.mark.parametrize("protocol", ALLOWED)
@pytest.mark.parametrize("seed", range(3))
def test_sampled_curves_tend_to_the_definition(protocol, seed):
    ids, cameras = image_set(seed)
    scores = np.random.default_rng(seed).random((len(ids),) * 2) + 0.3 * (ids[:, None] == ids)
    curve, precision = transcribed(scores, ids, cameras, protocol)
    found = cmc(scores, ids, ids, cameras, cameras, protocol, repeats=1500, seed=seed)
    error = found.deviation / 1500**0.5
    assert (np.abs(found.mean - curve) <= 5 * error + 1e-12).all() and found.deviation[0] > 0
    if protocol == "cuhk03-torchreid":
        np.testing.assert_allclose(found.average_precisions, precision, rtol=0, atol=1e-12)
    # Open-ReID prints, beside its CMC, an mAP that is of the gallery of market, whatever the setting.
    market = cmc(scores, ids, ids, cameras, cameras, "market").mean_average_precision
    assert transcribed(scores, ids, cameras, "cuhk03-torchreid")[1] == pytest.approx(market, abs=1e-12)


def test_without_a_choice_the_definition_is_met_exactly():
    # One image a camera: across cameras nothing is left to draw. In the other gallery it is, of others' two images.
    ids, cameras = np.repeat(np.arange(12), 2), np.tile([0, 1], 12)
    scores = np.random.default_rng(0).random((24, 24))
    curve, precision = transcribed(scores, ids, cameras, "cuhk03-classic")
    found = cmc(scores, ids, ids, cameras, cameras, "cuhk03-classic", repeats=3)
    np.testing.assert_allclose(found.curves, np.tile(curve, (3, 1)), rtol=0, atol=1e-12)
    assert found.mean_average_precision == pytest.approx(precision, abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_every_draw_leaves_out_the_own_view_and_draws_evenly(seed):
    ids, cameras = image_set(seed)
    ids, cameras = np.append(ids, [DISTRACTOR, DISTRACTOR]), np.append(cameras, [0, 1])
    labels = ids, ids, cameras, cameras, "cuhk03-torchreid"
    trials = draw_trials(*labels, repeats=200, seed=seed)
    counts = np.zeros((len(ids),) * 2)
    for (trial,) in trials:
        for probe, gallery in zip(trial.probes, trial.gallery, strict=True):
            own = (ids[gallery] == ids[probe]) & (cameras[gallery] == cameras[probe])
            assert not own.any() and ids[gallery].tolist() == [*sorted(set(ids[:-2])), DISTRACTOR, DISTRACTOR]
            counts[probe, gallery] += 1
    allowed = ALLOWED["cuhk03-torchreid"](ids[:, None], cameras[:, None], ids, cameras)
    sizes = np.array([[(allowed[i] & (ids == ids[j])).sum() for j in range(len(ids) - 2)] for i in range(len(ids) - 2)])
    shares = np.where(allowed[:-2, :-2], 1 / np.maximum(sizes, 1), 0)
    # 200 draws each: five standard deviations of the coarsest share.
    assert np.abs(counts[:-2, :-2] / 200 - shares).max() <= 5 * 0.5 / 200**0.5
    needed = needed_pairs(trials, counts.shape)
    assert np.array_equal(needed[:-2], allowed[:-2]) and not needed[-2:].any()


def test_fewer_probes_keep_their_galleries_and_the_whole_of_them():
    ids, cameras = image_set(1)
    labels = ids, ids, cameras, cameras, "cuhk03-torchreid"
    ((everyone,),) = draw_trials(*labels, repeats=1)
    ((some,),) = draw_trials(*labels, repeats=1, probes=7)
    rows = np.searchsorted(everyone.probes, some.probes)
    assert len(some.probes) == 7 and np.array_equal(some.gallery, everyone.gallery[rows])
    assert np.array_equal(some.whole.probes, some.probes)
    assert np.array_equal(some.whole.left_out(), everyone.whole.left_out()[rows])


def test_a_shortlist_is_drawn_in_the_whole_gallery_too():
    ids, cameras = image_set(3)
    everyone = np.arange(len(ids))
    cheap, good = (np.random.default_rng(seed).random((len(ids),) * 2) for seed in (1, 2))
    stages = TwoStages(
        Shortlist(len(ids)),
        everyone,
        everyone,
        lambda rows, columns: cheap[rows[:, None], columns],
        lambda rows, columns: good[rows, columns],
    )
    labels = ids, ids, cameras, cameras, "cuhk03-torchreid"
    staged, direct = cmc(stages, *labels, repeats=2), cmc(good, *labels, repeats=2)
    np.testing.assert_allclose(staged.curves, direct.curves)
    np.testing.assert_allclose(staged.average_precisions, direct.average_precisions)
    trials = draw_trials(*labels, repeats=2)
    assert np.array_equal(stages.needed(trials), needed_pairs(trials, cheap.shape))
