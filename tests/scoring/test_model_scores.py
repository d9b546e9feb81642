import numpy as np
import pytest

from tfnxc.errors import InputError
from tfnxc.scoring import score_file
from tfnxc.scoring.pair_scorer import PairScorer
from tfnxc.scoring.score_file import ModelScores, ScoreFile
from tfnxc.scoring.test_time_augmentation import views


class InterruptedScoringError(Exception):
    """What stops a scoring in the middle."""


class Scorer:
    """Gives pair (i, j) the score i - j, of which some are 0, and may stop after some calls."""

    def __init__(self, calls=None):
        self.calls, self.asked = calls, []

    def score(self, pairs, progress=None):
        if self.calls is not None and len(self.asked) == self.calls:
            raise InterruptedScoringError
        self.asked.append(pairs.copy())
        return (pairs[:, 0] - pairs[:, 1]).astype(np.float32)


def test_a_score_file_is_filled_once_and_goes_on_where_it_stood(images, tmp_path, monkeypatch):
    monkeypatch.setattr(score_file, "_BLOCK", 5)
    needed = np.zeros((7, 7), bool)
    needed[1:7, 2:5] = True
    file = ScoreFile(tmp_path, "model", images)
    assert file.missing(needed) == 18 and np.isnan(file.read()).all()
    with pytest.raises(InterruptedScoringError):
        file.fill(Scorer(calls=1), needed)
    again = ScoreFile(tmp_path, "model", images)
    rest = again.missing(needed)
    assert 0 < rest < 18
    scorer = Scorer()
    again.fill(scorer, needed)
    assert sum(map(len, scorer.asked)) == rest and again.missing(needed) == 0
    expected = np.where(needed, np.subtract.outer(np.arange(7.0), np.arange(7.0)), np.nan)
    np.testing.assert_array_equal(again.read(), expected)
    np.testing.assert_array_equal(again.read([3, 0], [5, 2]), expected[[3, 0]][:, [5, 2]])


def test_a_score_of_zero_is_a_score(images, tmp_path):
    file = ScoreFile(tmp_path, "model", images)
    file.fill(Scorer(), np.eye(7, dtype=bool))
    assert file.missing(np.eye(7, dtype=bool)) == 0 and (np.diagonal(file.read()) == 0).all()


def test_a_damaged_score_file_is_one_clear_error(images, tmp_path):
    path = ScoreFile(tmp_path, "model", images).path
    path.write_bytes(path.read_bytes()[:150])
    with pytest.raises(InputError, match=r"\.npy: damaged\. Remove it"):
        ScoreFile(tmp_path, "model", images)


def test_scores_are_written_where_they_belong_and_a_full_disk_is_told(tmp_path, largest_file):
    images = np.zeros((40, 1, 1, 3), np.uint8)
    file, needed = ScoreFile(tmp_path, "model", images), np.random.default_rng(0).random((40, 40)) < 0.4
    with pytest.raises(OSError, match="cannot be written") as caught, largest_file(200):
        file.fill(Scorer(), needed)
    assert caught.value.filename == str(file.path) and file.missing(needed) > needed.sum() / 2
    file.fill(Scorer(), needed)
    expected = np.where(needed, np.subtract.outer(np.arange(40.0), np.arange(40.0)), np.nan)
    np.testing.assert_array_equal(ScoreFile(tmp_path, "model", images).read(), expected)


def test_a_large_empty_score_file_takes_no_room(tmp_path):
    path = ScoreFile(tmp_path, "model", np.zeros((5000, 1, 1, 3), np.uint8)).path
    assert path.stat().st_size > 10**8 > 50 * 512 * path.stat().st_blocks


def test_another_model_other_images_or_mirrored_ones_never_find_the_scores(images, tmp_path):
    paths = {ScoreFile(tmp_path, "one", images).path, ScoreFile(tmp_path, "two", images).path}
    paths.add(ScoreFile(tmp_path, "one", images[::-1]).path)
    paths.update(ScoreFile(tmp_path, "one", images, mirrored).path for mirrored in [(True, False), (False, True)])
    assert len(paths) == 5


@pytest.mark.parametrize("both_orders", [False, True])
@pytest.mark.parametrize("flips", [False, True])
def test_scores_are_the_mean_over_the_ways_to_show_a_pair(model, images, tmp_path, both_orders, flips):
    needed = np.zeros((7, 7), bool)
    needed[:2, 3:] = True
    scores = ModelScores(tmp_path, model, "digest", images, views(both_orders, flips), batch_size=4)
    ways = (1 + both_orders) * (1 + flips)
    assert scores.missing(needed) == 8 * ways
    scores.fill(needed)
    assert scores.missing(needed) == 0
    pairs = np.argwhere(needed)
    shown = []
    for mirror in [False, True][: 1 + flips]:
        shown.append(PairScorer(model, images, 4, mirrored=(mirror, False)).score(pairs))
        if both_orders:
            shown.append(PairScorer(model, images, 4, mirrored=(False, mirror)).score(pairs[:, ::-1]))
    found = scores.read(np.arange(7), np.arange(7))
    np.testing.assert_allclose(found[needed], np.mean(shown, axis=0), atol=1e-6)
    if not both_orders:
        assert np.isnan(found[~needed]).all()
    # Fewer ways to show a pair find the scores of more.
    assert ModelScores(tmp_path, model, "digest", images).missing(needed) == 0


def test_log_odds_are_averaged_over_the_ways_and_not_probabilities(model, images, tmp_path, monkeypatch):
    scores = ModelScores(tmp_path, model, "digest", images, views(both_orders=True))
    given = {(0, 1): 0.9, (1, 0): 0.5, (0, 2): 0.2, (2, 0): 0.2, (1, 2): 0.7}
    (file,) = scores._files.values()
    matrix = np.load(file.path, mmap_mode="r+")
    for pair, score in given.items():
        matrix[pair] = score
    matrix.flush()
    found = scores.log_odds(np.array([0, 1])[:, None], np.array([1, 2]))
    # log 9 and log 1 of the pair (0, 1); log 1/4 of both orders; (2, 1) was never scored, nor (1, 1).
    assert found[0] == pytest.approx([np.log(9) / 2, np.log(1 / 4)], abs=1e-6) and np.isnan(found[1]).all()
    assert scores.log_odds(np.array([0, 1]), np.array([2, 0])) == pytest.approx(
        [np.log(1 / 4), np.log(9) / 2], abs=1e-6
    )
    assert scores.read([0], [1]) == pytest.approx(np.array([[0.7]]))  # the head's own score is the mean of both
    np.testing.assert_array_equal(file.at(np.array([0, 2]), np.array([1, 1])), np.float32([0.9, np.nan]))
