import keras
import numpy as np
import pytest

from tfnxc import models
from tfnxc.evaluation.scoring import PairScorer, ScoreFile


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return models.normxcorr((40, 28, 3), filters=(3, 4), units=8)


@pytest.fixture
def images(rng):
    return rng.integers(0, 255, (7, 40, 28, 3), np.uint8)


def test_towers_and_head_give_what_the_whole_model_gives(model, images):
    pairs = np.array([[0, 1], [3, 3], [6, 2], [5, 0], [1, 0]])
    counts = []
    scorer = PairScorer(model, images, batch_size=2, progress=counts.append)
    scores = scorer.score(pairs, progress=counts.append)
    whole = model.predict([images[pairs[:, 0]] / 255.0, images[pairs[:, 1]] / 255.0], verbose=0)[:, 1]
    np.testing.assert_allclose(scores, whole, atol=1e-5)
    assert counts == [7, 2, 2, 1]


def test_a_score_file_is_filled_once_and_goes_on_where_it_stood(model, images, tmp_path):
    needed = np.zeros((7, 7), bool)
    needed[:3, 4:] = True
    file = ScoreFile(tmp_path, "model", images)
    pairs = file.missing(needed)
    assert len(pairs) == 9
    scorer = PairScorer(model, images)
    file.fill(scorer, pairs[:4])
    again = ScoreFile(tmp_path, "model", images)
    assert again.missing(needed).tolist() == pairs[4:].tolist()
    before = np.array(again.read())
    again.fill(scorer, again.missing(needed))
    assert not len(again.missing(needed))
    after = again.read()
    np.testing.assert_array_equal(np.isnan(after), ~needed)
    np.testing.assert_array_equal(after[~np.isnan(before)], before[~np.isnan(before)])
    whole = model.predict([images[[2]] / 255.0, images[[5]] / 255.0], verbose=0)[0, 1]
    np.testing.assert_allclose(after[2, 5], whole, atol=1e-5)


def test_another_model_or_other_images_never_find_the_scores(images, tmp_path):
    paths = {ScoreFile(tmp_path, "one", images).path, ScoreFile(tmp_path, "two", images).path}
    paths.add(ScoreFile(tmp_path, "one", images[::-1]).path)
    assert len(paths) == 3
