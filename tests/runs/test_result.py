import dataclasses
import json

import numpy as np
import pytest

from tfnxc.datasets import Split
from tfnxc.errors import InputError
from tfnxc.metrics import cmc
from tfnxc.recipes import Recipe
from tfnxc.runs import Result, Run, RunSettings, versions
from tfnxc.scoring import views

SETTINGS = RunSettings("viper", "fused", Recipe(epochs=3))
IDENTITIES = np.arange(60)
SCORES = np.random.default_rng(0).random((60, 60)) + np.eye(60) / 2
CURVE = cmc(SCORES, IDENTITIES, IDENTITIES, protocol="cross-camera", repeats=3, probes=40, seed=1)
ABOUT = {"dataset": "viper", "split": "viper-1", "split_digest": "abc"}


def result_of(label="fused", **about):
    trained = {"state": "trained", "model_digest": "def", "epochs_done": 3, "settings": SETTINGS, "data": "viper"}
    return Result.of(CURVE, label, **{"views": views(), "pairs_per_second": 7.5, **ABOUT, **trained, **about})


def same(found, expected):
    for field in dataclasses.fields(Result):
        own, other = getattr(found, field.name), getattr(expected, field.name)
        if field.name == "figures":
            assert list(own) == list(other)
            for spread, known in zip(own.values(), other.values(), strict=True):
                assert dataclasses.astuple(spread) == pytest.approx(dataclasses.astuple(known), rel=1e-12)
        elif isinstance(other, np.ndarray):
            np.testing.assert_allclose(own, other, rtol=1e-12)
        else:
            assert own == other, field.name


def test_a_result_comes_back_from_its_files(tmp_path):
    result = result_of(views=views(both_orders=True, flips=True), remark="mine")
    path = result.save(tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == [path.with_suffix(".csv").name, result.file_name()]
    found = Result.load(path)
    same(found, result)
    assert found.settings == SETTINGS and found.extra == {"remark": "mine"} and found.versions == versions()
    assert (found.rank(1), found.rank(99)) == (pytest.approx(CURVE.rank(1)), 1.0) and len(found.mean) == 60


def test_the_files_are_laid_out_as_ever(tmp_path):
    record = json.loads(result_of(state="best").save(tmp_path).read_text())
    measured = CURVE.to_dict()
    known = {"state": "best", "model_digest": "def", "epochs_done": 3, "settings": SETTINGS.to_dict(), **ABOUT}
    known |= {"views": [[False, [False, False]]], "data": "viper", "pairs_per_second": 7.5, "versions": versions()}
    assert record == {"label": "fused", **measured, **known} and list(record) == ["label", *measured, *known]
    (path,) = tmp_path.glob("*.csv")
    lines = path.read_text().splitlines()
    assert lines[0] == "protocol,rank,mean_per_cent,deviation_per_cent" and len(lines) == 61
    assert lines[1] == f"cross-camera,1,{100 * CURVE.mean[0]},{100 * CURVE.deviation[0]}"


def test_a_baseline_and_scores_of_a_file_have_no_model(tmp_path):
    baseline = Result.of(CURVE, "colour histogram", baseline="colour-histogram", **ABOUT)
    assert not {"state", "settings", "data", "views"} & json.loads(baseline.save(tmp_path).read_text()).keys()
    same(Result.load(tmp_path / baseline.file_name()), baseline)
    saved = Result.of(CURVE, "saved", prefix="mine", dataset="saved scores", split="mine", split_digest=None)
    assert json.loads(saved.save(tmp_path).read_text())["split_digest"] is None
    same(Result.load(tmp_path / saved.file_name()), saved)


def test_the_names_of_version_0_1_are_read(tmp_path):
    path = result_of(views=views(flips=True)).save(tmp_path)
    record = json.loads(path.read_text())
    record |= {"passes_done": record.pop("epochs_done"), "looks": record.pop("views")}
    record["settings"]["passes"] = record["settings"].pop("epochs")
    path.write_text(json.dumps(record))
    same(Result.load(path), result_of(views=views(flips=True)))


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "trained-{}allprobes"),
        ({"state": "best", "views": views(both_orders=True)}, "best-both-orders-{}allprobes"),
        ({"views": views(both_orders=True, flips=True)}, "trained-both-orders-flips-{}allprobes"),
        ({"at_home": False, "views": views(flips=True)}, "trained-viper-viper-1-flips-{}allprobes"),
        ({"most_probes": 30}, "trained-{}30probes"),
        ({"scorer": "head"}, "trained-{}allprobes"),
        ({"scorer": "both", "views": views(both_orders=True)}, "trained-both-both-orders-{}allprobes"),
        ({"at_home": False, "scorer": "embedding"}, "trained-embedding-viper-viper-1-{}allprobes"),
        ({"prefix": "mine"}, "mine-{}allprobes"),
        ({"state": None, "baseline": "colour-histogram", "views": ()}, "colour-histogram-viper-viper-1-{}allprobes"),
    ],
)
def test_names_of_files_tell_what_was_measured(options, name):
    assert result_of(**options).file_name() == f"{name.format('cross-camera-3draws-')}-seed1-pessimistic.json"


def test_the_title_tells_how_pairs_were_shown():
    titles = [result_of(views=views(*ways)).title for ways in ((), (True,), (False, True), (True, True))]
    assert titles == ["fused", "fused, both orders", "fused, mirrored too", "fused, both orders, mirrored too"]


SHORTLIST = {
    "asked": 0.25,
    "length": 15.0,
    "inside": {"mean": 80.0, "deviation": 1.0, "interval95": None},
    "mAP_found": {"mean": 30.0, "deviation": 1.0, "interval95": 2.5},
    "pairs": 600,
    "pairs_exhaustive": 2400,
}


def test_the_scorer_and_its_shortlist_come_back_and_are_the_head_in_old_files(tmp_path):
    result = result_of("fused, both, shortlist 25 %", scorer="both", shortlist=SHORTLIST, prefix="mine")
    found = Result.load(result.save(tmp_path))
    same(found, result)
    assert found.scorer == "both" and found.shortlist == SHORTLIST
    old = result_of().save(tmp_path)
    assert not {"scorer", "shortlist"} & json.loads(old.read_text()).keys()
    assert (Result.load(old).scorer, Result.load(old).shortlist) == ("head", None)


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: [],
        lambda record: {**record, "shortlist": {**SHORTLIST, "pairs": "many"}},
        lambda record: {**record, "shortlist": {"asked": 5}},
        lambda record: {"label": "x"},
        lambda record: {**record, "mAP": {**record["mAP"], "mean": "<b>"}},
        lambda record: {**record, "ranks": {"1": record["ranks"]["1"]}},
        lambda record: {**record, "settings": {"epochs": "3"}},
        lambda record: {**record, "views": [1]},
        lambda record: {key: value for key, value in record.items() if key != "dataset"},
    ],
)
def test_a_damaged_file_is_one_clear_error(tmp_path, damage):
    path = result_of().save(tmp_path)
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    with pytest.raises(InputError, match=r"pessimistic.json: not a whole result .* measure it again with"):
        Result.load(path)


@pytest.mark.parametrize("text", [None, "", "protocol,rank,mean_per_cent,deviation_per_cent\n", "a\n1\n"])
def test_a_result_without_its_curve_is_one_clear_error(tmp_path, text):
    path = result_of().save(tmp_path)
    table = path.with_suffix(".csv")
    table.unlink() if text is None else table.write_text(text)
    with pytest.raises(InputError, match="not a whole result"):
        Result.load(path)


def test_a_run_lists_its_results_the_trained_model_first(tmp_path):
    run = Run.start(tmp_path / "run", SETTINGS, Split("mine", "by hand", (1, 2), (3,)))
    assert run.results() == []
    for options in (
        {"state": "initial"},
        {"state": None, "prefix": "mine"},
        {"state": "best"},
        {"views": views(both_orders=True)},
        {},
    ):
        result_of(**options).save(run.folder / "results")
    found = [(each.state, each.title) for each in run.results()]
    assert found == [
        ("trained", "fused"),
        ("trained", "fused, both orders"),
        ("best", "fused"),
        (None, "fused"),
        ("initial", "fused"),
    ]
