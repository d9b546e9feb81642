"""Results of some of the probes: their interval in table, files, report and figure."""

import numpy as np
import pytest

from tfnxc.datasets import synthetic
from tfnxc.evaluation import EvaluationPlan, Result, Results, colour_histogram_scores, evaluate
from tfnxc.evaluation.probe_intervals import probe_interval
from tfnxc.metrics.probe_interval import bootstrap_over_identities
from tfnxc.visualization import plot_cmc


@pytest.fixture(scope="module")
def people():
    return synthetic(identities=12)


@pytest.fixture(scope="module")
def some(people):
    (result,) = evaluate("colour-histogram", people, protocols="cross-camera", repeats=3, probes=8, seed=5)
    return result


def test_it_is_that_of_the_probes_by_their_identities(people, some):
    plan = EvaluationPlan.of("cross-camera", people, repeats=3, probes=8, seed=5)
    images = people.images()
    curves = plan.measure(colour_histogram_scores(images, images))
    ids = [people.identities[plan.rows[trial.probes]] for (trial,) in plan.trials()]
    values = [
        np.column_stack([each.first == 1, each.first <= 5, each.average_precision, each.inverse_negative_penalty])
        for each in curves.matches
    ]
    low, high = bootstrap_over_identities(ids, values, seed=5)
    known = some.probe_interval
    found = [known["ranks"]["1"], known["ranks"]["5"], known["mAP"], known["mINP"]]
    np.testing.assert_allclose(found, 100 * np.stack([low, high], axis=1))
    assert known["identities"] == len(set(np.concatenate(ids).tolist())) and (known["samples"], known["seed"]) == (
        1000,
        5,
    )
    assert known["low"][0] == known["ranks"]["1"][0] and len(known["high"]) == some.gallery == 12
    assert known["ranks"]["50"] == [100.0, 100.0]  # beyond the gallery


@pytest.mark.parametrize("protocol", ["market", "paper", "cuhk03-classic", "open-set"])
def test_all_probes_have_none_and_some_have_one_under_every_protocol(people, protocol):
    images = people.images()
    scores = colour_histogram_scores(images, images)
    for probes, there in ((None, False), (5, True), (10_000, False)):
        plan = EvaluationPlan.of(protocol, people, repeats=2, probes=probes)
        known = probe_interval(plan, plan.measure(scores))
        assert (known is not None) == there


def test_it_stands_beside_the_table_and_in_files(some, tmp_path):
    path = some.save(tmp_path)
    again = Result.load(path)
    assert again.probe_interval == some.probe_interval and again.to_dict() == some.to_dict()
    for results in (Results([some]), Results([again])):
        text = str(results)
        assert max(map(len, text.splitlines())) <= 80
        low, high = some.probe_interval["ranks"]["1"]
        assert f"rank 1 {low:.2f} to {high:.2f}, mAP" in text.replace("\n", " ")
    curves = EvaluationPlan("paper", np.array([1, 1, 2, 2]), np.zeros(4, int)).measure(np.eye(4))
    every = Results([Result.of(curves, "all", dataset="few", split="all")])
    assert "95 % interval over" not in str(every)


def test_the_curve_has_it_as_its_band(some):
    axes = plot_cmc({"some": some}, "drawn").axes[0]
    (band,) = axes.collections
    corners = band.get_paths()[0].vertices
    for rank in (1, 5):
        ends = corners[corners[:, 0] == rank, 1]
        low, high = some.probe_interval["ranks"][str(rank)]
        assert ends.min() == pytest.approx(low) and ends.max() == pytest.approx(high)
