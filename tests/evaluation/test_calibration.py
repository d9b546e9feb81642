"""`calibrate`: on whom, by which scores, and what is refused."""

import dataclasses

import numpy as np
import pytest

from tests.evaluation.embedded_run import COMBINATION, embedded_run, small_model, vectors_of
from tfnxc.datasets import Split, open_dataset
from tfnxc.embedding import calibration_path
from tfnxc.errors import InputError
from tfnxc.evaluation import calibrate
from tfnxc.evaluation import calibration as calibration_module
from tfnxc.runs import Run
from tfnxc.scoring import PairScorer

OPTIONS = {"false_matches": [50, 100]}
SIZE = 48, 28  # of pictures, so that a pair costs little


@pytest.fixture(scope="module")
def model():
    return small_model(SIZE, search_size=(3, None))


@pytest.fixture(scope="module")
def people():
    """Of 24 people the run of `embedded_run` fits the first ten and tests 20 to 23."""
    return open_dataset("synthetic").of_identities(range(24))


@pytest.fixture(scope="module")
def run(tmp_path_factory, model):
    return embedded_run(tmp_path_factory.mktemp("calibrated") / "run", model)


@pytest.fixture(scope="module")
def calibration(run, people):
    return calibrate(run, people, **OPTIONS)


def test_nobody_is_scored_whom_anything_was_fitted_on_or_who_is_tested(calibration, run):
    assert calibration.people == (("synthetic", tuple(range(10, 20))),)
    assert (calibration.pictures, calibration.probes, calibration.combined) == (40, 40, 0)
    # Ten people with two pictures by each of two cameras: each picture has two matches.
    assert (calibration.matches, calibration.strangers) == (80, 40 * 36) and calibration.names is None
    assert Run.open(run.folder).calibration() == calibration
    assert calibration_path(run.folder).name in [path.name for path in run.folder.iterdir()]


@pytest.mark.parametrize("scorer", ["head", "embedding", "both"])
def test_thresholds_are_those_of_a_naive_count_over_all_pairs(calibration, run, model, people, scorer):
    part = people.of_identities(range(10, 20))
    images, who = part.images(SIZE), part.identities
    cosines = (lambda vectors: vectors @ vectors.T)(vectors_of(run.embedding(), model, images))
    apart = ~np.eye(len(who), dtype=bool)
    head = np.zeros(apart.shape)
    head[apart] = PairScorer(model, images, batch_size=64).score(np.argwhere(apart))
    odds = np.log(head / (1 - head), where=apart, out=np.zeros(head.shape))
    scores = {"head": head, "embedding": cosines, "both": 1.5 * odds + 8.0 * cosines}[scorer]
    strangers = np.sort(scores[who[:, None] != who])[::-1]
    matches = scores[(who[:, None] == who) & (part.cameras[:, None] != part.cameras)]
    for number in OPTIONS["false_matches"]:
        found = calibration.threshold(scorer, number)
        assert found.score == pytest.approx(strangers[1440 * number // 1000 - 1], abs=1e-5)
        assert found.found == pytest.approx(np.mean(matches >= found.score), abs=1.01 / len(matches))
        assert found.interval[0] < number < found.interval[1]


def test_the_scorer_both_is_set_against_its_own_probabilities(calibration):
    head, embedding, both = (calibration.scorers[name] for name in ("head", "embedding", "both"))
    assert embedding.before is None and head.before.brier > 0 and both.before.brier > 0
    counts = {sum(each.matches + each.strangers for each in found.bins) for found in (both.before, both.after)}
    assert len(counts) == 1  # of the same pairs
    assert COMBINATION.slope == 0.7


def test_those_held_back_are_taken_and_it_is_said_that_they_chose_the_combination(tmp_path, model):
    split = Split("more-1", "by hand", tuple(range(20)), (20, 21))
    held = split.hold_back(9, 0)
    run = embedded_run(tmp_path / "run", model, held.train, held.test, chosen=split, validate=9)
    found = calibrate(run, open_dataset("synthetic").of_identities(range(22)), **OPTIONS)
    assert found.people[0][1] == tuple(sorted(held.test)) and found.combined == 9


def test_the_same_seed_gives_the_same_and_fewer_pairs_have_fewer_probes(calibration, run, people, tmp_path):
    again = calibrate(run, people, **OPTIONS)
    assert again == calibration
    few = calibrate(run, people, false_matches=[100], most_pairs=500)
    assert few.probes == 10 and few.matches == 80 and few.strangers == 360
    calibration.save(run.folder)


def test_of_many_pictures_some_are_drawn(people, monkeypatch):
    monkeypatch.setattr(calibration_module, "_MOST_PICTURES", 30)
    part = calibration_module._drawn(people, np.arange(10, 20), 0)
    assert len(part) == 30 and set(part.identities) <= set(range(10, 20))
    assert len(calibration_module._drawn(people, np.arange(5), 0)) == 20


def test_own_pictures_that_are_promised_to_be_others_need_that_promise(run, people):
    own = dataclasses.replace(people, name="folder")
    found = calibrate(run, own, other_people=True, **OPTIONS, most_pairs=800)
    assert len(found.people[0][1]) == 24 and set(found.names) == set(range(24))
    with pytest.raises(InputError, match="--other-people is for own pictures"):
        calibrate(run, people, other_people=True)
    calibrate(run, people, **OPTIONS)


def test_too_few_people_too_few_pairs_and_what_is_missing_are_one_line(run, people, tmp_path, model):
    few = people.of_identities([0, 1, 20, 21, *range(10, 17)])
    with pytest.raises(InputError, match=r"^7 people of synthetic have a match, .* 8 or more .* --validate N"):
        calibrate(run, few)
    one_camera = people.take(np.flatnonzero((people.cameras == 0) | (people.identities < 13)))
    with pytest.raises(InputError, match=r"^3 people of synthetic have a match"):
        calibrate(run, one_camera)
    with pytest.raises(InputError, match=r"^1 false matches per .* 1440 pairs .* the smallest number here is 7\.$"):
        calibrate(run, people, false_matches=[1])
    for number in (0, 1000, float("nan")):
        with pytest.raises(InputError, match="false matches are a number of 1,000"):
            calibrate(run, people, false_matches=[number])
    with pytest.raises(ValueError, match="data: no effect where people are given"):
        calibrate(run, people, data="elsewhere")
    bare = embedded_run(tmp_path / "bare", model)
    with pytest.raises(InputError, match=r"no thresholds here\. tfnxc calibrate RUN makes them"):
        bare.calibration()
    calibrate(run, people, **OPTIONS).save(bare.folder)
    (bare.folder / "embedding.keras").unlink()
    with pytest.raises(InputError, match=r"no embedding here\. Fit one with tfnxc embed fit"):
        calibrate(bare, people)
    with pytest.raises(InputError, match="no run here"):
        calibrate(tmp_path)


def test_a_new_training_in_the_folder_takes_the_thresholds_away(tmp_path, model, calibration):
    run = embedded_run(tmp_path / "run", model)
    calibration.save(run.folder)
    calibration.save(run.folder, "best")
    run.begin({})
    assert not list(run.folder.glob("calibration*"))
