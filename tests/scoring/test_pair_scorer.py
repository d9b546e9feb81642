import tempfile

import numpy as np
import pytest
import tensorflow as tf

from tfnxc import models
from tfnxc.scoring import pair_head, pair_scorer
from tfnxc.scoring.pair_head import PairHead, best_of, embed, tiled
from tfnxc.scoring.pair_scorer import PairScorer


def whole_model(model, probes, gallery):
    return model.predict([probes / 255.0, gallery / 255.0], verbose=0)[:, 1]


def test_towers_and_head_give_what_the_whole_model_gives(model, images):
    pairs = np.array([[0, 1], [3, 3], [6, 2], [5, 0], [1, 0]])
    counts = []
    scorer = PairScorer(model, images, batch_size=2, progress=counts.append)
    scores = scorer.score(pairs, progress=counts.append)
    np.testing.assert_allclose(scores, whole_model(model, images[pairs[:, 0]], images[pairs[:, 1]]), atol=1e-5)
    assert counts == [7, 2, 2, 1]
    assert PairScorer(model, images).score(np.empty((0, 2), int)).shape == (0,)


@pytest.mark.parametrize("mirrored", [(True, False), (False, True), (True, True)])
def test_mirrored_images(model, images, mirrored):
    pairs = np.array([[0, 1], [3, 3], [6, 2]])
    scores = PairScorer(model, images, 2, mirrored=mirrored).score(pairs)
    sides = [images[pairs[:, side]][:, :, :: -1 if mirrored[side] else 1] for side in (0, 1)]
    np.testing.assert_allclose(scores, whole_model(model, *sides), atol=1e-5)


def test_the_batch_size_is_found_with_the_first_pairs_and_changes_no_score(model, images, monkeypatch):
    monkeypatch.setattr(pair_head, "BATCH_SIZES", (2, 4, 8))
    pairs = np.argwhere(np.ones((7, 7), bool))
    counts = []
    scorer = PairScorer(model, images)
    scores = scorer.score(pairs, counts.append)
    assert scorer.batch_size in (2, 4, 8) and sum(counts) == 49
    np.testing.assert_allclose(scores, PairScorer(model, images, 5).score(pairs), atol=1e-6)
    few = PairScorer(model, images)
    np.testing.assert_allclose(few.score(pairs[:3]), scores[:3], atol=1e-6)
    assert few.batch_size is None  # too few to tell


def test_a_strategy_gives_the_same_scores(model, images):
    pairs = np.argwhere(np.ones((7, 7), bool))
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    shared = PairScorer(model, images, 4, strategy=strategy)
    np.testing.assert_allclose(shared.score(pairs), PairScorer(model, images, 4).score(pairs), atol=1e-6)
    assert PairScorer(model, images, strategy=strategy).batch_size == pair_head.BATCH_SIZES[2]  # not measured


def test_an_order_of_tiles_holds_every_pair_once_and_neighbours_share_images():
    pairs = np.argwhere(np.ones((12, 24), bool))[np.random.default_rng(0).permutation(288)]
    order = tiled(pairs)
    assert sorted(order) == list(range(288))
    for start in range(0, 288, 32):
        tile = pairs[order[start : start + 32]]
        assert len(set(tile[:, 0])) == 4 and len(set(tile[:, 1])) == 8


def test_top_k_is_the_top_of_the_whole_matrix(model, images, monkeypatch):
    monkeypatch.setattr(pair_scorer, "_BLOCK", 4)
    probes, gallery = [5, 0], [6, 1, 2, 3, 4]
    scorer = PairScorer(model, images, 4)
    whole = scorer.score(np.stack(np.meshgrid(probes, gallery, indexing="ij"), -1).reshape(-1, 2)).reshape(2, 5)
    best, scores = scorer.top_k(probes, gallery, 2)
    order = np.argsort(-whole, axis=1)[:, :2]
    np.testing.assert_array_equal(best, np.array(gallery)[order])
    np.testing.assert_allclose(scores, np.take_along_axis(whole, order, axis=1), atol=1e-6)
    with pytest.raises(ValueError, match="k must be 1 to 5, the number of images in the gallery; got 6"):
        scorer.top_k(probes, gallery, 6)


@pytest.mark.parametrize("both_orders", [False, True])
def test_a_head_scores_feature_maps_as_a_scorer_scores_images(model, images, both_orders):
    head = PairHead(model, batch_size=4)
    assert head.image_size == (40, 28)
    pairs = np.argwhere(np.ones((7, 3), bool))
    maps = head.embed(images)
    assert maps.shape[1:] == head.map_shape
    counts = []
    found = head.score_pairs(maps, maps[4:], pairs, counts.append, both_orders)
    scorer = PairScorer(model, images, 4)
    of_images = np.add(pairs, (0, 4))
    expected = scorer.score(of_images)
    if both_orders:
        expected = (expected + scorer.score(of_images[:, ::-1])) / 2
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert counts == [4, 4, 4, 4, 4, 1]


def test_of_equal_scores_the_one_that_came_first_is_best():
    blocks = [([5, 3], np.array([[0.5, 0.7], [0.5, 0.5]])), ([4, 9], np.array([[0.7, 0.9], [0.5, 0.1]]))]
    best, scores = best_of(blocks, rows=2, k=3)
    assert best.tolist() == [[9, 3, 4], [5, 3, 4]] and scores.tolist() == [[0.9, 0.7, 0.7], [0.5] * 3]
    assert [each.shape for each in best_of([], rows=2, k=3)] == [(2, 0), (2, 0)]


def test_a_renewed_scorer_traces_nothing_and_sees_other_weights(model, images):
    scorer = PairScorer(model, images, 4, mirrored=(False, True))
    before = scorer.score([[0, 1]])
    counts = [embedder._run.experimental_get_tracing_count() for embedder in scorer._embedders.values()]
    kept = model.get_weights()
    try:
        model.set_weights([0.5 * weight for weight in kept])
        scorer.renew()
        assert scorer.score([[0, 1]]) != before
        expected = PairScorer(model, images, 4, mirrored=(False, True)).score([[0, 1]])
        np.testing.assert_array_equal(scorer.score([[0, 1]]), expected)
    finally:
        model.set_weights(kept)
    assert counts == [1, 1] == [each._run.experimental_get_tracing_count() for each in scorer._embedders.values()]


def test_large_features_go_into_a_file_and_are_the_same(model, images):
    tower, _ = models.split(model)
    small, large = embed(tower, images), embed(tower, images, in_memory=0)
    assert isinstance(large, np.memmap) and not isinstance(small, np.memmap)
    np.testing.assert_array_equal(small, large)


def test_what_is_no_image_or_map_is_refused(model, images):
    head = PairHead(model, batch_size=4)
    for wrong in (images / 255, images.astype(np.float32), images[:, :20], images[0], images.tolist()):
        with pytest.raises(ValueError, match=r"images must be uint8 \(images, 40, 28, 3\), 0 to 255; got"):
            head.embed(wrong)
    maps = head.embed(images)
    for value in (np.nan, np.inf, -np.inf):
        broken = maps.copy()
        broken[3, 1, 2, 0] = value
        for sides, pair in (((broken, maps), [3, 1]), ((maps, broken), [1, 3])):
            found = head.score_pairs(*sides, [[0, 1], pair, [2, 2]])
            np.testing.assert_array_equal(np.isnan(found), [False, True, False])
    with pytest.raises(ValueError, match=r"second_maps must be maps .*; got float32 \(7, 2"):
        head.score_pairs(maps, maps[:, :2], [[0, 1]])


def test_large_features_and_no_room_for_them_are_told(model, images, largest_file):
    tower, _ = models.split(model)
    with pytest.raises(OSError, match="cannot be written: File too large") as caught, largest_file(1000):
        embed(tower, images, in_memory=0)
    assert caught.value.filename == tempfile.gettempdir()
