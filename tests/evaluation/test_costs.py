"""What a measurement costs: told beforehand, and not more than it has to be."""

import dataclasses
import io

import numpy as np
import pytest
from rich.console import Console

from tests.evaluation.embedded_run import SPLIT
from tfnxc.datasets import open_dataset, synthetic
from tfnxc.evaluation import EvaluationPlan, colour_histogram_scores, estimate, evaluate
from tfnxc.evaluation.speed import Speed
from tfnxc.scoring.model_scores import Pace

PROBES = {"protocols": "cross-camera", "repeats": 1, "probes": 2}


def watched(people, read):
    """The same people, noting which pictures are read."""
    return dataclasses.replace(people, read=lambda index: (read.append(index), people.read(index))[1])


def test_few_probes_read_few_pictures_and_have_the_same_figures_to_the_last_bit(model):
    people, read = synthetic(identities=6), []
    images = people.images()
    plan = EvaluationPlan.of("cross-camera", people, repeats=1, probes=2)
    (trial,) = plan.trials()[0]
    pictures = {*plan.rows[trial.probes].tolist(), *plan.columns[trial.gallery].tolist()}
    assert len(pictures) == 2 + 6 < len(people)
    (histogram,) = evaluate("colour-histogram", watched(people, read), **PROBES)
    assert set(read) == pictures and len(read) == len(pictures)
    every = plan.measure(colour_histogram_scores(images, images))
    np.testing.assert_array_equal(histogram.mean, every.mean)
    assert histogram.figures == every.figures
    read.clear()
    (of_model,) = evaluate(model, watched(people, read), batch_size=8, **PROBES)
    assert set(read) == pictures
    (whole,) = evaluate(model, people, batch_size=8, all_pairs=True, **PROBES)
    np.testing.assert_array_equal(of_model.mean, whole.mean)
    assert of_model.figures == whole.figures and of_model.probe_interval == whole.probe_interval


@pytest.mark.parametrize("scorer", ["head", "embedding", "embedding-csls", "embedding-k-reciprocal", "both"])
def test_every_scorer_has_the_figures_that_it_has_of_all_pictures(run, scorer):
    options = {"scorer": scorer, "protocols": "cross-camera", "repeats": 2, "probes": 3}
    options |= {} if scorer.startswith("embedding") else {"batch_size": 8}
    (some,) = evaluate(run, **options)
    (every,) = evaluate(run, all_pairs=True, **options)
    np.testing.assert_array_equal(some.mean, every.mean)
    assert some.figures == every.figures


def test_what_was_scored_is_not_read_again_where_pictures_are_recognized(run, model, campus, tmp_path, monkeypatch):
    from tests.evaluation.test_evaluate import make_run
    from tfnxc.datasets import Split, cuhk01
    from tfnxc.datasets.readers import folder

    people = cuhk01(campus)
    of_files = make_run(tmp_path / "files", model, Split("few", "by hand", (1, 2), tuple(people.people[2:])), "cuhk01")
    (found,) = evaluate(of_files, people, protocols="market", batch_size=8)
    monkeypatch.setattr(folder, "read_picture", None)
    (again,) = evaluate(of_files, people, protocols="market", batch_size=8)
    assert again.figures == found.figures and again.pairs_per_second == found.pairs_per_second
    (told,) = estimate(of_files, people, protocols="market")
    assert (told.cost.pairs, told.cost.pictures) == (0, 0) and told.cost.words == "nothing to score"


def test_a_measurement_keeps_the_speed_that_it_had(run):
    first = [evaluate(run, protocols=name, repeats=1, batch_size=8)[0] for name in ("cross-camera", "market")]
    again = [evaluate(run, protocols=name, repeats=1)[0] for name in ("cross-camera", "market")]
    assert [each.pairs_per_second for each in again] == [each.pairs_per_second for each in first]
    assert first[0].pairs_per_second != first[1].pairs_per_second
    assert [each.to_dict() for each in again] == [each.to_dict() for each in first]


def test_an_estimate_scores_nothing_and_says_what_evaluate_will_score(run):
    options = {"scorer": ["head", "embedding"], "protocols": ["cross-camera", "paper"], "repeats": 2}
    found = estimate(run, **options)
    assert not (run.folder / "scores").exists() and not (run.folder / "results").exists()
    assert [(each.label, each.protocol) for each in found] == [
        ("normxcorr", "cross-camera"), ("normxcorr", "paper"),
        ("normxcorr, embedding", "cross-camera"), ("normxcorr, embedding", "paper"),
    ]  # fmt: skip
    tested = SPLIT.test_part(open_dataset("synthetic"))
    needed = [EvaluationPlan.of(name, tested, repeats=2).needed() for name in options["protocols"]]
    assert [each.pairs for each in found] == 2 * [int(each.sum()) for each in needed]
    assert [each.cost.pairs for each in found] == [*(int(each.sum()) for each in needed), 0, 0]
    pictures = [len(np.flatnonzero(each.any(axis=0) | each.any(axis=1))) for each in needed]
    assert [each.cost.pictures for each in found] == 2 * pictures
    assert found[0].together.pairs == int((needed[0] | needed[1]).sum())
    text = str(found)
    assert max(map(len, text.splitlines())) <= 80 and "normxcorr, together" in text.replace("\n", " ")
    assert [tested.split.name for tested in found.tested] == ["few-1"]
    console = Console(file=io.StringIO(), width=200)
    evaluate(run, **options, console=console)
    assert f"normxcorr, few-1: {found[0].together.words}" in console.file.getvalue()
    assert [each.cost.pairs for each in estimate(run, **options)] == [0] * 4


def test_the_pairs_of_shortlists_are_at_most_what_is_estimated(run):
    options = {"scorer": "both", "shortlist": 2, "protocols": "market"}
    (told,) = estimate(run, **options)
    (found,) = evaluate(run, **options)
    assert told.cost.at_most and found.shortlist["pairs"] <= told.cost.pairs < told.pairs


def test_time_is_that_of_the_measured_speed_where_there_is_one(model, monkeypatch):
    from tfnxc.evaluation import speed

    monkeypatch.setattr(speed.ops, "describe_implementation", lambda: {"implementation": "native"})
    found = Speed(model, alone=True)
    assert found.seconds(300, 1000, Pace("native", 50, 10.0, head=100.0, towers=10.0)) == (40.0, True)
    assert found.seconds(300, 1000, Pace("python", 50, 10.0, head=100.0, towers=10.0)) == (3.0, False)
    monkeypatch.setattr(Speed, "_try", lambda self: (10.0, 20.0))
    assert found.seconds(10_000, 40_000, None) == (3000.0, True)
    assert Speed(model, alone=False).seconds(0, 100_000, None) == (100.0, False)


def test_speed_is_tried_with_a_batch(model):
    towers, head = Speed(model, alone=True)._try()
    assert towers > 0 and head > 0


def test_baselines_say_their_cost(run):
    people = synthetic(identities=8)
    for name in ("colour-histogram", "lomo-xqda"):
        (told,) = estimate(name, people, split="random-3-0", **PROBES)
        assert told.cost.pairs == 2 * 3 and told.cost.seconds > 0 and told.cost.bytes > 0
        console = Console(file=io.StringIO(), width=200)
        evaluate(name, people, split="random-3-0", **PROBES, console=console)
        assert "6 pairs of " in console.file.getvalue()


def test_a_large_set_costs_memory_by_the_pairs_that_are_read(tmp_path):
    """As many pictures as Market-1501 has, whose square matrix has 534 million pairs."""
    count = 23_100
    identities, cameras = np.arange(count) % 750, np.arange(count) // 750 % 6
    fixed = np.arange(count) < 3368
    plan = EvaluationPlan("market", identities, cameras, probes=16, fixed_probes=fixed)
    from tfnxc.evaluation.evaluate import _matrix
    from tfnxc.scoring import Pairs

    pairs = Pairs.of_trials(plan.trials(), plan.rows, plan.columns)
    assert pairs.marked.shape == (16, 19_732)
    asked = []

    def read(rows, columns):
        asked.append((len(rows), len(columns)))
        return (identities[rows][:, None] == identities[columns]).astype(np.float32)

    assert plan.measure_part(_matrix(read, plan, pairs)).rank(1) == 1.0 and asked == [(16, 19_732)]
