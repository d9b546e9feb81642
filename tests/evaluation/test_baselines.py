"""Baselines that are fitted on the training identities of a split."""

import dataclasses
import io

import numpy as np
import pytest
from rich.console import Console

from tfnxc.datasets import Split, synthetic
from tfnxc.embedding import KISSME, XQDA
from tfnxc.errors import InputError
from tfnxc.evaluation import BASELINES, EvaluationPlan, ProbeChoice, Result, SavedScores, evaluate, rank_probes
from tfnxc.evaluation import tested as who
from tfnxc.evaluation.baselines import LomoFeatures
from tfnxc.scoring import Pairs, lomo_features

SPLITS = (
    Split("few-1", "by hand", tuple(range(8)), (8, 9, 10)),
    Split("few-2", "by hand", (0, *range(4, 11)), (1, 2, 3)),
)
EVERY = Pairs.all_of(12)  # pictures of the three people who are tested


@pytest.fixture(scope="module")
def people():
    return synthetic(identities=11)


@pytest.fixture(scope="module")
def features(people):
    return lomo_features(people.images((128, 48)))


@pytest.mark.parametrize(("name", "metric"), [("lomo-xqda", XQDA()), ("lomo-kissme", KISSME(4))])
def test_scores_are_those_of_a_metric_fitted_on_the_training_identities(people, features, name, metric):
    few = dataclasses.replace(BASELINES[name], metric=lambda: metric)
    for split in SPLITS:
        train, test = (np.isin(people.identities, part) for part in (split.train, split.test))
        expected = type(metric)(metric.dimensions).fit(features[train], people.identities[train], people.cameras[train])
        found = few.scores(who.Tested(people, split), EVERY, LomoFeatures())
        np.testing.assert_allclose(found, -expected.distances(features[test], features[test]), rtol=1e-4, atol=1e-4)


def test_a_result_says_on_how_many_identities_it_was_fitted(people, tmp_path):
    found = evaluate("lomo-xqda", people, split=SPLITS[0], protocols=["cross-camera", "paper"], repeats=2)
    assert [each.protocol for each in found] == ["cross-camera", "paper"]
    tested = SPLITS[0].test_part(people)
    for result in found:
        assert (result.label, result.baseline, result.extra["fitted_identities"]) == ("LOMO+XQDA", "lomo-xqda", 8)
        scores = BASELINES["lomo-xqda"].scores(who.Tested(people, SPLITS[0]), EVERY, LomoFeatures())
        np.testing.assert_array_equal(
            result.mean, EvaluationPlan.of(result.protocol, tested, repeats=2).measure(scores).mean
        )
    (path, _) = found.save(tmp_path)
    assert path.name.startswith("lomo-xqda-synthetic-few-1-cross-camera-2draws-")
    assert Result.load(path).extra["fitted_identities"] == 8
    (saved,) = found.save_scores(tmp_path)
    assert SavedScores.load(saved).about["fitted_identities"] == 8
    again = evaluate(saved, protocols="paper", repeats=2)
    assert again[0].extra["fitted_identities"] == 8 and again[0].figures == found[1].figures


def test_the_cost_is_said_before_and_pictures_are_described_once(people):
    console = Console(file=io.StringIO(), width=300)
    known = LomoFeatures()
    for split in SPLITS:
        BASELINES["lomo-xqda"].scores(who.Tested(people, split), EVERY, known, console)
    said = [line for line in console.file.getvalue().splitlines() if "a metric is fitted" in line]
    assert "fitted on 32 pictures of 8 training identities of few-1. 44 pictures are described" in said[0]
    assert "0 pictures are described" in said[1]  # the second split is of the same people


def test_features_are_kept_by_picture(people, features):
    known, done = LomoFeatures(), []
    part = people.take([5, 3, 40])
    np.testing.assert_allclose(known.of(part, done.append), features[[5, 3, 40]], rtol=1e-6)
    assert known.missing(part) == 0 and known.missing(people, part) == 41
    np.testing.assert_allclose(known.of(people, done.append), features, rtol=1e-6)
    assert sum(done) == 44


def test_people_of_one_camera_are_fitted_on_all_pairs(people, features):
    alone = dataclasses.replace(people, cameras=np.zeros(len(people), int))
    train, test = (np.isin(people.identities, part) for part in (SPLITS[0].train, SPLITS[0].test))
    expected = XQDA().fit(features[train], people.identities[train])
    found = BASELINES["lomo-xqda"].scores(who.Tested(alone, SPLITS[0]), EVERY, LomoFeatures())
    np.testing.assert_allclose(found, -expected.distances(features[test], features[test]), rtol=1e-4, atol=1e-4)


def test_it_ranks_beside_others(people):
    found = rank_probes(["lomo-xqda", "colour-histogram"], people, split=SPLITS[0], choice=ProbeChoice(count=2), top=3)
    assert list(found.ranked) == ["LOMO+XQDA", "colour histogram"]
    for ranked in found.ranked["LOMO+XQDA"].values():
        assert (np.diff(ranked.scores) <= 0).all() and ranked.scores.max() <= 0


@pytest.mark.parametrize("name", ["lomo-xqda", "lomo-kissme"])
def test_nobody_to_be_fitted_on_is_an_error(people, name):
    with pytest.raises(InputError, match=rf"{name} is fitted on the training identities.*name a split with --split"):
        evaluate(name, people)
    with pytest.raises(InputError, match="no picture of 1 of the"):
        evaluate(name, people, split=Split("more", "by hand", (1, 2, 77), (3, 4)))
    with pytest.raises(ValueError, match="both_orders: no effect"):
        evaluate(name, people, split=SPLITS[0], both_orders=True)


def test_too_few_people_for_a_metric_are_an_error(people):
    with pytest.raises(InputError, match="too few pairs of pictures for 31 dimensions"):
        evaluate("lomo-kissme", people, split=SPLITS[0], protocols="market")
