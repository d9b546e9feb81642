import numpy as np
import pytest

from tfnxc.datasets import ImageSet
from tfnxc.errors import InputError
from tfnxc.hashes import short_digest
from tfnxc.scoring import Pairs, Pictures, ScoreStore, model_scores
from tfnxc.scoring.model_scores import ModelScores
from tfnxc.scoring.pair_scorer import PairScorer
from tfnxc.scoring.test_time_augmentation import View, views


class InterruptedScoringError(Exception):
    """What stops a scoring in the middle."""


class Scorer:
    """Stands for `PairScorer`: counts pictures and pairs, and may stop after some calls."""

    batch_size = 4
    calls, pictures, pairs = None, 0, 0

    def __init__(self, model, images, *options):
        type(self).pictures += len(images)
        self._scorer, self._done = PairScorer(model, images, *options), 0

    def score(self, pairs, progress=None):
        if self._done == self.calls:
            raise InterruptedScoringError
        self._done += 1
        type(self).pairs += len(pairs)
        return self._scorer.score(pairs, progress)


@pytest.fixture
def scorer(monkeypatch):
    found = type("CountedScorer", (Scorer,), {})
    monkeypatch.setattr(model_scores, "PairScorer", found)
    return found


def test_scores_are_filled_once_and_go_on_where_they_stood(model, images, tmp_path, monkeypatch, scorer):
    monkeypatch.setattr(model_scores, "_BLOCK", 5)
    needed = np.zeros((7, 7), bool)
    needed[1:7, 2:5] = True
    scores = ModelScores(tmp_path, model, "digest", images, batch_size=4)
    assert scores.missing(needed) == 18
    scorer.calls = 1
    with pytest.raises(InterruptedScoringError):
        scores.fill(needed)
    again = ModelScores(tmp_path, model, "digest", images, batch_size=4)
    rest = again.missing(needed)
    assert 0 < rest < 18
    scorer.calls, scorer.pairs = None, 0
    again.fill(needed)
    assert scorer.pairs == rest and again.missing(needed) == 0
    found, everyone = again.read(np.arange(7), np.arange(7)), np.arange(7)
    expected = PairScorer(model, images, 4).score(np.argwhere(needed))
    np.testing.assert_allclose(found[needed], expected, atol=1e-6)
    assert np.isnan(found[~needed]).all()
    np.testing.assert_array_equal(again.read(everyone[[3, 0]], everyone[[5, 2]]), found[[3, 0]][:, [5, 2]])


def test_only_pictures_of_new_pairs_are_read_and_go_through_the_towers(model, images, tmp_path, scorer):
    read = []
    people = ImageSet(
        "few", list("abcdefg"), np.zeros(7, int), np.zeros(7, int), lambda at: (read.append(at), images[at])[1]
    )
    needed = np.zeros((7, 7), bool)
    needed[0, 2:4] = True
    scores = ModelScores(tmp_path, model, "digest", Pictures(people, (40, 28)), batch_size=4)
    scores.fill(needed)
    assert sorted(read) == [0, 2, 3] and scorer.pictures == 3
    needed[0, 5] = True
    scores.fill(needed)
    assert sorted(set(read)) == [0, 2, 3, 5] and scorer.pictures == 5 and scorer.pairs == 3
    assert scores.towers(scores.lacking(needed)) == 0
    # Another set with some of the same pictures finds their scores.
    others = ModelScores(tmp_path, model, "digest", images[[3, 0]])
    assert others.missing(np.array([[False, False], [True, False]])) == 0 < others.missing(np.eye(2, dtype=bool))


def test_the_speed_of_the_most_pairs_is_kept(model, images, tmp_path):
    needed = np.ones((7, 7), bool)
    scores = ModelScores(tmp_path, model, "digest", images, batch_size=4)
    assert scores.pace is None
    rate = scores.fill_lacking(scores.lacking(needed))
    pace = ModelScores(tmp_path, model, "digest", images).pace
    assert (pace.pairs, pace.pairs_per_second) == (49, rate) and pace.head > rate and pace.towers > 0
    assert scores.fill_lacking(scores.lacking(needed)) is None and scores.pace == pace
    more = np.concatenate([images, images[:1] // 2])
    ModelScores(tmp_path, model, "digest", more, batch_size=4).fill(np.eye(8, dtype=bool))
    assert scores.pace == pace  # of one pair it would say little
    few, others = Pairs.of(np.eye(7, dtype=bool)), Pairs.of(needed)
    assert scores.rate(few) == scores.rate(others) == rate
    scores.keep_rate(few, 2.5)
    again = ModelScores(tmp_path, model, "digest", images)
    again.missing(few)
    assert again.rate(few) == 2.5 and again.rate(others) == rate
    (tmp_path / "digest" / "rates.json").write_text("[]")
    with pytest.raises(InputError, match=r"rates\.json: damaged\. Remove it"):
        again.rate(few)
    (tmp_path / "digest" / "pace.json").write_text("{}")
    with pytest.raises(InputError, match=r"pace\.json: damaged\. Remove it"):
        scores.pace  # noqa: B018


@pytest.mark.parametrize("mirrored", [False, True])
def test_scores_of_an_older_form_are_taken_over(model, images, tmp_path, scorer, mirrored):
    matrix = np.zeros((7, 7), np.float32)
    matrix[2, 3:6], matrix[4, 4] = [0.25, -0.0, 0.75], 0.5
    marks = "-first-mirrored" if mirrored else ""
    other = tmp_path / f"digest-{'0' * 12}{marks}.npy"  # of another set
    old = tmp_path / f"digest-{short_digest(images)}{marks}.npy"
    for path in (old, other):
        np.save(path, matrix)
    shown = (View(False, (mirrored, False)),)
    scores = ModelScores(tmp_path, model, "digest", images, shown)
    needed = matrix.view(np.uint32) != 0
    assert scores.missing(needed) == 0 and not old.exists() and other.exists()
    np.testing.assert_array_equal(scores.read(np.arange(7), np.arange(7))[needed], matrix[needed])
    old.write_bytes(other.read_bytes()[:150])
    with pytest.raises(InputError, match=r"\.npy: damaged\. Remove it"):
        ModelScores(tmp_path, model, "digest", images, shown).missing(needed)


def test_another_model_other_images_or_mirrored_ones_never_find_the_scores(model, images, tmp_path):
    needed = np.ones((7, 7), bool)
    ModelScores(tmp_path, model, "one", images, batch_size=4).fill(needed)
    assert ModelScores(tmp_path, model, "one", images).missing(needed) == 0
    assert ModelScores(tmp_path, model, "two", images).missing(needed) == 49
    assert ModelScores(tmp_path, model, "one", images + np.uint8(1)).missing(needed) == 49
    for mirrored in ((True, False), (False, True)):
        assert ModelScores(tmp_path, model, "one", images, (View(False, mirrored),)).missing(needed) == 49


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
    digests = Pictures.of(images).digests(np.array(list(given)))
    ScoreStore(tmp_path / "digest").add(*digests.T, np.array(list(given.values())))
    scores.missing(np.ones((7, 7), bool))  # knows the pictures from now on
    found = scores.log_odds(np.array([0, 1])[:, None], np.array([1, 2]))
    # log 9 and log 1 of the pair (0, 1); log 1/4 of both orders; (2, 1) was never scored, nor (1, 1).
    assert found[0] == pytest.approx([np.log(9) / 2, np.log(1 / 4)], abs=1e-6) and np.isnan(found[1]).all()
    assert scores.log_odds(np.array([0, 1]), np.array([2, 0])) == pytest.approx(
        [np.log(1 / 4), np.log(9) / 2], abs=1e-6
    )
    assert scores.read([0], [1]) == pytest.approx(np.array([[0.7]]))  # the head's own score is the mean of both
