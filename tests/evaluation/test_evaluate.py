"""`evaluate`: each kind of subject, who may be tested, and results that print, save and join themselves."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from tfnxc.datasets import Split, open_dataset, synthetic
from tfnxc.distribution import strategy_named
from tfnxc.errors import InputError
from tfnxc.evaluation import EvaluationPlan, Result, Results, SavedScores, cmc, colour_histogram_scores, evaluate
from tfnxc.models import normxcorr
from tfnxc.recipes.recipe import Recipe
from tfnxc.runs import Run, RunSettings
from tfnxc.scoring import PairScorer
from tfnxc.training import Start

SPLIT = Split("few-1", "by hand", (0, 1, 2, 3, 4), (5, 6, 7))
OTHER = Split("few-2", "by hand", (0, 1, 5), (6, 7, 8))


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return normxcorr(filters=(3, 4), units=8)


@pytest.fixture
def people():
    return synthetic(identities=6)


def make_run(folder, model, split=SPLIT, dataset="synthetic", states=("initial", "trained"), **settings):
    """A run whose model is saved as it is."""
    settings = RunSettings(dataset, "normxcorr", Recipe(epochs=1), **settings)
    run = Run.start(folder, settings, split)
    for state in states:
        model.save(run.model_path(state))
    run.note_progress(1, 10)
    return run


def expected(plan, model, people):
    needed = plan.needed()
    scores = np.full(needed.shape, np.nan, np.float32)
    scores[needed] = PairScorer(model, people.images(), batch_size=8).score(np.argwhere(needed))
    return plan.measure(scores)


def test_a_run_is_measured_on_its_own_split_and_keeps_scores_and_results(tmp_path, model, capsys):
    run = make_run(tmp_path / "mine", model)
    found = evaluate(run, repeats=2, batch_size=8)
    assert [each.protocol for each in found] == ["cross-camera", "paper"] and capsys.readouterr().out == ""
    tested = SPLIT.test_part(open_dataset("synthetic"))
    for result in found:
        curves = expected(EvaluationPlan.of(result.protocol, tested, repeats=2), model, tested)
        np.testing.assert_array_equal(result.mean, curves.mean)
        assert result.figures == curves.figures and result.settings == run.settings
        assert (result.state, result.split_digest, result.epochs_done) == ("trained", SPLIT.digest, 1)
        assert result.pairs_per_second > 0
    paths = found.save(tmp_path / "elsewhere")
    name = "trained-paper-2draws-allprobes-seed0-pessimistic.json"
    assert paths[1] == run.folder / "results" / name and not (tmp_path / "elsewhere").exists()
    assert paths[1].with_suffix(".csv").exists() and paths[1].with_suffix(".png").stat().st_size > 1000
    again = evaluate(str(run.folder), repeats=2)
    # Every score was there: the speed is that of when they were made.
    assert [each.pairs_per_second for each in again] == [each.pairs_per_second for each in found]
    read = Results(run.results())
    for kind in (again, read):
        same = {each.protocol: each for each in kind}
        for result in found:
            np.testing.assert_allclose(same[result.protocol].mean, result.mean)
    assert [each.label for each in read.panels()[0].curves.values()] == ["normxcorr"]


def test_a_model_and_its_file_are_measured_on_all_people_or_a_split(tmp_path, model, people):
    model.save(tmp_path / "mine.keras")
    plan = EvaluationPlan.of("cross-camera", people, repeats=2)
    for subject, label in ((model, "normxcorr"), (tmp_path / "mine.keras", "mine")):
        (result,) = evaluate(subject, people, protocols="cross-camera", repeats=2, batch_size=8)
        np.testing.assert_array_equal(result.mean, expected(plan, model, people).mean)
        assert (result.label, result.split, result.name) == (
            label, "all", f"{label}-synthetic-all-cross-camera-2draws-allprobes-seed0-pessimistic"
        )  # fmt: skip
    (part,) = evaluate(model, people, split="random-3-0", protocols="market", flips=True, batch_size=8)
    assert part.name.startswith("normxcorr-synthetic-random-3-0-flips-market-") and part.gallery == 10
    assert part.extra["test_identities"] == 3


def test_pretrained_and_baseline(people):
    images = people.images()
    (histogram,) = evaluate("colour-histogram", people, protocols=["paper", "paper"])
    plan = EvaluationPlan.of("paper", people)
    np.testing.assert_array_equal(histogram.mean, plan.measure(colour_histogram_scores(images, images)).mean)
    assert histogram.baseline == "colour-histogram" and histogram.state is None
    (pretrained,) = evaluate("pretrained", people, protocols="paper", repeats=1, probes=6, batch_size=8)
    assert pretrained.label == "normxcorr, pretrained" and pretrained.probes == 6 and pretrained.model_digest


def test_saved_scores_are_measured_again_from_memory_and_from_files(tmp_path, model, people):
    found = evaluate(model, people, split="random-3-0", repeats=1, all_pairs=True, batch_size=8)
    (path,) = found.save_scores(tmp_path)
    assert path.name == "normxcorr-synthetic-random-3-0.npz"
    (saved,) = found.saved_scores.values()
    assert (
        saved.about["views"] == [[False, [False, False]]] and not np.isnan(saved.scores[~np.eye(12, dtype=bool)]).any()
    )
    for subject in (path, saved, SavedScores.load(path)):
        again = evaluate(subject, repeats=1)
        assert [each.figures for each in again] == [each.figures for each in found]
        assert [each.split for each in again] == ["random-3-0"] * 2 and again[0].model_digest == found[0].model_digest
        assert again[0].views == found[0].views
    few = evaluate(model, people, protocols="cross-camera", repeats=1, probes=2, batch_size=8)
    with pytest.raises(InputError, match="no scores of some pairs that market reads"):
        evaluate(few.saved_scores["normxcorr-synthetic-all"], protocols="market")


def test_nobody_is_tested_whom_the_run_was_trained_on(tmp_path, model):
    run = make_run(tmp_path / "mine", model, validate=2)
    with pytest.raises(InputError, match=r"trained on 1 of the 1 test identities of seen, such as 4: .* mean nothing"):
        evaluate(run, split=Split("seen", "by hand", (5,), (4,)))
    with pytest.raises(InputError, match="trained on 5 of the 6 test identities of all"):
        evaluate(run, synthetic(identities=6), split=Split("all", "by hand", (9,), (0, 1, 2, 3, 4, 5)))
    (initial,) = evaluate(run, split=OTHER, state="initial", protocols="market", batch_size=8)
    assert initial.label == "normxcorr, initial" and initial.name.startswith("initial-synthetic-few-2-market")
    (held,) = evaluate(run, held_back=True, protocols="cross-camera", repeats=1, batch_size=8)
    assert held.split == "few-1-held-back-2" and held.gallery == 2
    with pytest.raises(ValueError, match="give neither other people nor split"):
        evaluate(run, held_back=True, split=SPLIT)
    with pytest.raises(InputError, match=r"held nobody back; .*validation=N in Python"):
        evaluate(make_run(tmp_path / "other", model), held_back=True)
    with pytest.raises(InputError, match=r"no picture of 1 .* --partial \(partial=True in Python\)"):
        evaluate(run, synthetic(identities=6), split=Split("more", "by hand", (0,), (5, 6)))


def test_own_pictures_of_other_people_need_a_promise(tmp_path, model, people):
    own = people.take(np.arange(len(people)))
    own = type(own)("folder", own.paths, own.identities, own.cameras, own.read)
    run = make_run(tmp_path / "mine", model, Split("few", "by hand", (0, 1), (2, 3)), dataset="folder")
    with pytest.raises(InputError, match="may be other people's"):
        evaluate(run, own)
    options = {"split": Split("others", "by hand", (4,), (0, 1)), "protocols": "market", "batch_size": 8}
    with pytest.raises(InputError, match=r"--other-people \(other_people=True in Python\)"):
        evaluate(run, own, **options)
    assert len(evaluate(run, own, other_people=True, **options)) == 1
    with pytest.raises(InputError, match="--other-people is for own pictures"):
        evaluate(make_run(tmp_path / "drawn", model), people, other_people=True)


def test_arguments_without_effect_are_refused(model, people):
    with pytest.raises(ValueError, match="state, held_back: no effect"):
        evaluate(model, people, state="best", held_back=True)
    with pytest.raises(ValueError, match="flips: no effect"):
        evaluate("colour-histogram", people, flips=True)
    with pytest.raises(ValueError, match="people, split: no effect on saved scores"):
        scores = evaluate("colour-histogram", people).saved_scores["colour-histogram-synthetic-all"]
        evaluate(scores, people, split="random-3-0")
    with pytest.raises(ValueError, match="people must be an ImageSet"):
        evaluate("colour-histogram")
    with pytest.raises(ValueError, match=r"ties must be one of 'pessimistic', .*, 'expected', received 'neither'"):
        evaluate(model, people, ties="neither")  # before anything is scored
    with pytest.raises(ValueError, match="subject must be a run"):
        evaluate(3, people)
    with pytest.raises(InputError, match="no run here"):
        evaluate("nowhere")


def test_runs_on_several_splits_are_put_together_also_from_files(tmp_path, model):
    runs = [
        make_run(tmp_path / name, model, split, seed=seed)
        for seed, (name, split) in enumerate([("a", SPLIT), ("b", OTHER)])
    ]
    found = Results.join(evaluate(run, protocols="cross-camera", repeats=2, batch_size=8) for run in runs)
    (group,) = found.summaries
    ranks = [each.rank(1) for each in found]
    assert group.summary.over == "splits" and group.summary.rank(1).mean == pytest.approx(np.mean(ranks))
    assert [each.split.name for each in found.tested] == ["few-1", "few-2"]
    (path,) = found.save_summaries(tmp_path / "results")
    record = json.loads(path.read_text())
    assert path.name.startswith("summary-normxcorr-synthetic-few-2splits-cross-camera-pessimistic-")
    assert [each["name"] for each in record["members"]] == ["a-trained", "b-trained"]
    assert record["count"] == 2 and record["ranks"]["1"]["mean"] == pytest.approx(100 * np.mean(ranks))
    assert path.with_suffix(".csv").exists() and path.with_suffix(".png").exists()
    found.save(tmp_path / "results")
    (again,) = Results(each for run in runs for each in run.results()).summaries
    np.testing.assert_allclose(again.summary.curves().mean, group.summary.curves().mean)
    for name in ("rank 1", "mAP", "mINP"):
        np.testing.assert_allclose(
            [again.summary.figures[name].mean, again.summary.figures[name].deviation],
            [group.summary.figures[name].mean, group.summary.figures[name].deviation],
        )
    (panel,) = found.panels()
    assert list(panel.curves) == ["NormXcorr"] and panel.curves["NormXcorr"].repeats == 2
    with pytest.raises(InputError, match="two of what is to be measured are called a-trained"):
        Results.join([found, evaluate(runs[0], protocols="cross-camera", repeats=2)])


def result(label, split, repeats=1, **about):
    rng = np.random.default_rng(0)
    curves = cmc(rng.random((60, 60)), range(60), range(60), repeats=repeats)
    return Result.of(curves, label, dataset="cuhk01", split=split, **about)


def test_tables_fit_80_columns_and_keep_every_figure():
    found = Results([
        result("normxcorr, of a training with a rather long label", "cuhk01-486-01", 10, pairs_per_second=12345.6),
        result("a-label-that-has-no-place-at-which-it-could-be-broken", "cuhk01-486-01"),
    ])  # fmt: skip
    text = str(found)
    assert max(map(len, text.splitlines())) <= 80
    assert "cuhk01, cuhk01-486, 486 test identities, cross-camera, in per cent" in text
    (first, second) = found
    for spread in first.figures.values():
        if spread is not first.figures["mINP"]:
            assert f" {100 * spread.mean:.2f}" in text and f"±{100 * spread.deviation:.2f}" in text
            assert f"({100 * spread.interval:.2f})" in text
    assert f"{100 * second.rank(50):.2f}" in text and "10 draws" in text and "65.04" in text and "…" not in text
    assert "12346" in text.replace("\n", " ") and "60 probes" in text


def test_devices_share_the_pairs(tmp_path, model):
    run = make_run(tmp_path / "mine", model)
    options = {"protocols": "cross-camera", "repeats": 1, "batch_size": 8}
    (shared,) = evaluate(run, strategy=strategy_named("mirrored"), **options)
    (alone,) = evaluate(make_run(tmp_path / "alone", model), **options)
    np.testing.assert_allclose(shared.mean, alone.mean)


def test_a_batch_size_below_1_is_refused_before_anything_is_scored(tmp_path, model):
    run = make_run(tmp_path / "mine", model)
    for size in (-1, 0, "x"):
        with pytest.raises(ValueError, match="batch_size must be a whole number, 1 or above"):
            evaluate(run, batch_size=size)
    with pytest.raises(ValueError, match="batch_size"):
        PairScorer(model, synthetic(identities=1).images(), batch_size=-1)
    assert not (run.folder / "scores").exists()


def test_people_that_are_drawn_otherwise_are_not_those_of_the_run(tmp_path, model):
    run = make_run(tmp_path / "mine", model)
    with pytest.raises(InputError, match=r"these people are not the set synthetic of .*mine: they are drawn otherwise"):
        evaluate(run, synthetic(identities=300, seed=9))


def test_the_model_file_of_a_run_does_not_pass_the_guard(tmp_path, model, people):
    run = make_run(tmp_path / "mine", model)
    with pytest.raises(InputError, match=r"knows on whom it was trained\. Evaluate the run"):
        evaluate(run.model_path(), people)
    assert Start(weights=run.model_path()).read_weights().trained_on == run.trained_on


def test_what_is_no_set_of_people_no_protocol_or_no_rank_is_refused(people):
    with pytest.raises(ValueError, match=r"people must be an ImageSet.*got 'synthetic'"):
        evaluate("colour-histogram", "synthetic")
    with pytest.raises(ValueError, match="Unknown protocol 'nope'"):
        evaluate("colour-histogram", people, protocols="nope")
    (market,) = evaluate("colour-histogram", people, protocols="market")
    for rank in (0, -3, 1.5):
        with pytest.raises(ValueError, match="k must be a whole number, 1 or above"):
            market.rank(rank)


def test_protocols_of_one_subject_that_were_measured_one_by_one_are_joined(people):
    found = [evaluate("colour-histogram", people, protocols=protocol) for protocol in ("market", "paper")]
    assert [each.protocol for each in Results.join(found)] == ["market", "paper"]
    with pytest.raises(InputError, match="two of what is to be measured are called"):
        Results.join([found[0], found[0]])


def test_open_set_says_who_is_found_at_a_rate_of_false_alarms_and_who_was_absent(tmp_path):
    people = synthetic(identities=20)
    found = evaluate("colour-histogram", people, protocols="open-set", repeats=3)
    (result,) = found
    images = people.images()
    curves = EvaluationPlan.of("open-set", people, repeats=3).measure(colour_histogram_scores(images, images))
    one, ten = result.open_set["rates"]
    assert one["threshold"] is None and one["ranks"]["1"] is None  # of 20 probes none is one per cent
    expected = 100 * np.mean([each.rate(0.1, 5) for each in curves.open_set])
    assert ten["ranks"]["5"]["mean"] == pytest.approx(expected) and result.open_set["strangers"] == 20
    assert [set(each) < set(range(20)) and len(each) for each in result.open_set["absent"]] == [10, 10, 10]
    text = str(found)
    assert "synthetic, all, open-set: detection and identification, in per cent" in text
    assert f" {expected:.2f} " in text and "-: 20 probes of strangers are too few for that rate" in text
    (path,) = found.save_results(tmp_path)
    assert Result.load(path).open_set == result.open_set and json.loads(path.read_text())["open_set"]["absent"]
    assert str(Results([Result.load(path)])) == text
    named = dataclasses.replace(result, label="a-label-that-has-no-place-at-which-it-could-be-broken")
    assert max(map(len, str(Results([named])).splitlines())) <= 80 and "…" not in str(Results([named]))
    (closed,) = evaluate("colour-histogram", people, protocols="cross-camera", repeats=3)
    assert closed.open_set is None and "open_set" not in closed.to_dict()


def test_scores_inside_shortlists_have_no_common_threshold(model, people):
    for options in ({"scorer": "both", "shortlist": 5}, {"scorer": "embedding-k-reciprocal"}):
        with pytest.raises(InputError, match="the protocol open-set compares the scores of all probes"):
            evaluate(model, people, protocols="open-set", **options)
