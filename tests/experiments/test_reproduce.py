"""The tables of results on CUHK01, from run folders made by hand."""

import dataclasses
import json

import numpy as np
import pytest

from experiments import metric_loss, recipe_parts, scorers, search_windows
from experiments import reproduce_cuhk01 as reproduce
from experiments.experiment import PROTOCOLS
from experiments.runner import Log
from tests.experiments.report import cells_of, report
from tests.training.small_training import tiny
from tfnxc.cli import main
from tfnxc.datasets import Split, cuhk01
from tfnxc.errors import InputError
from tfnxc.evaluation import Spread, evaluate
from tfnxc.files import write_json
from tfnxc.models import BUILDERS
from tfnxc.runs import Result, RunSettings
from tfnxc.scoring import views
from tfnxc.training import Recipe, Run

TRAIN, TEST = (1, 2, 7), (8, 9)
PAIRS = 432


@pytest.fixture
def make_run(tmp_path, campus):
    """Makes a run folder with a result of each protocol, all its figures moved by `points`."""

    def make(
        name, model, split, points, search=None, epochs=5, done=5, weights=None, drawing=None, validate=0, **draws
    ):
        settings = RunSettings("cuhk01", model, Recipe.named("grouped", epochs=epochs), search, weights=weights)
        settings, train = dataclasses.replace(settings, validate=validate), (*TRAIN, 10) if validate else TRAIN
        run = Run.start(tmp_path / "to" / name, settings, Split(split, "by hand", train, TEST), campus)
        if drawing is not None:
            run.begin({"drawing": drawing})
        run.note_progress(done, pairs_per_epoch=PAIRS)
        for protocol, base in (("cross-camera", 20.0), ("paper", 30.0)):
            result_of(run, protocol, base + points, **draws).save(run.folder / "results")
        return run

    return make


def result_of(run, protocol, rank_1, draws=1, probes="all"):
    """A result of both orders of a pair, on the people that validation held back where it did."""
    more = {"rank 1": 0, "rank 5": 5, "rank 10": 10, "rank 20": 20, "rank 50": 50, "mAP": 1, "mINP": 0}
    split = run.held_back or run.split
    return Result(
        name=f"trained-both-orders-{protocol}-{draws}draws-{probes}probes-seed0-pessimistic",
        label=run.settings.model,
        protocol=protocol,
        ties="pessimistic",
        repeats=draws,
        seed=0,
        probes=972,
        unmatched=0,
        gallery=486,
        mean=np.array([rank_1 / 100]),
        deviation=np.zeros(1),
        figures={name: Spread((rank_1 + points) / 100, 0.0, None, draws) for name, points in more.items()},
        dataset="cuhk01",
        split=split.name,
        split_digest=split.digest,
        state="trained",
        model_digest="abc",
        epochs_done=run.epochs_done,
        views=views(both_orders=True),
        settings=run.settings,
    )


def parsed(step):
    """The options of the `tfnxc` command of a step, as the command reads them."""
    module, tool, command, *words = step.arguments
    assert (module, tool) == ("-m", "tfnxc")
    return main.commands[command].make_context(command, words).params


def test_the_steps_of_the_reproduction():
    words = ["--data", "campus", "--cuhk03", "set.mat", "--models", "ahmed", "fused", "--partitions", "1", "2"]
    options = reproduce.EXPERIMENT.parse(
        [
            *words,
            "--to",
            "to",
            "--epochs",
            "7",
            "--pretrain-epochs",
            "3",
            "--probes",
            "9",
            "--learning-rate",
            "0.002",
            "--positives",
            "cross-camera",
        ]
    )
    steps = reproduce.EXPERIMENT.steps(options)
    parts = [
        f"{what} {split} {model}"
        for split in ("cuhk01-486-01", "cuhk01-486-02", "cuhk01-100-01", "cuhk01-100-02")
        for model in ("ahmed", "fused")
        for what in ("train", "evaluate")
    ]
    assert [step.name for step in steps] == ["train cuhk03 ahmed", "train cuhk03 fused", *parts]
    first, train, evaluate, last = (parsed(steps[number]) for number in (1, -10, -9, -1))
    assert (first["dataset"], first["data"], first["epochs"], first["partial"]) == (
        "cuhk03-labeled",
        "set.mat",
        3,
        True,
    )
    assert (train["model"], train["split_name"], train["epochs"]) == ("fused", "cuhk01-486-02", 7)
    assert (train["folder"], train["weights"], train["recipe_name"]) == (
        str(steps[-9].folder),
        first["folder"],
        "grouped",
    )
    assert not train["others"] and train["learning_rate"] == first["learning_rate"] == 0.002
    assert first["positives"] == train["positives"] == "cross-camera"
    assert (first["schedule"], first["warmup"], train["schedule"]) == ("constant", 0, None)  # the recipe's own
    assert evaluate["folders"] == (train["folder"],) and evaluate["protocols"] == ("cross-camera", "paper")
    assert (evaluate["repeats"], evaluate["probes"], evaluate["both_orders"]) == (1, 9, True)
    assert steps[-10].after == ("train cuhk03 fused",) and steps[-9].after == ("train cuhk01-486-02 fused",)
    # With 100 test identities all ten draws: one costs a twentieth of one with 486.
    assert (parsed(steps[-2])["split_name"], last["repeats"], last["probes"]) == ("cuhk01-100-02", 10, 9)
    few = "--test-identities", "486", "--models", "fused", "--partitions", "1"
    alone = reproduce.EXPERIMENT.steps(reproduce.EXPERIMENT.parse(["--data", "campus", *few]))
    assert [step.name for step in alone] == ["train cuhk01-486-01 fused", "evaluate cuhk01-486-01 fused"]
    assert parsed(alone[1])["probes"] is None
    alone = parsed(alone[0])
    assert alone["epochs"] == 70 and alone["weights"] is alone["learning_rate"] is alone["positives"] is None
    assert Recipe.named(alone["recipe_name"]).positives == "any"  # what the table in the docs was trained with


def test_the_table_of_the_reproduction(make_run, tmp_path):
    make_run("cuhk01-486-01-normxcorr", "normxcorr", "cuhk01-486-01", 0.0)
    make_run("cuhk01-486-02-normxcorr", "normxcorr", "cuhk01-486-02", 4.0)
    make_run("cuhk01-486-01-ahmed", "ahmed", "cuhk01-486-01", -5.0)
    log = Log(tmp_path / "to")
    log.note(
        "train cuhk01-486-01 normxcorr",
        seconds=90.0,
        peak_mb=1234.4,
        done=1,
        arguments=["--data", "pictures-of-somebody"],
    )
    log.note("evaluate cuhk01-486-01 normxcorr", seconds=30.0, peak_mb=800.0)
    results, text = report(reproduce, tmp_path / "to")
    found = [(row["model"], row["protocol"], row["partitions"]) for row in results["rows"]]
    assert found == [
        ("ahmed", "cross-camera", [1]),
        ("ahmed", "paper", [1]),
        ("normxcorr", "cross-camera", [1, 2]),
        ("normxcorr", "paper", [1, 2]),
    ]
    row = results["rows"][2]
    assert row["figures"]["rank 1"]["values"] == [20.0, 24.0] and row["figures"]["mAP"]["mean"] == 23.0
    assert row["figures"]["rank 1"]["interval95"] == pytest.approx(12.706 * 8**0.5 / 2**0.5)
    assert (row["draws"], row["probes"]) == (1, [972, 972]) and list(row["splits"]) == [
        "cuhk01-486-01",
        "cuhk01-486-02",
    ]
    assert cells_of(text, "NormXcorr", "cross-camera")[:2] == ["22.00 ± 2.83", "27.00 ± 2.83"]
    assert cells_of(text, "NormXcorr", "cross-camera")[-4:] == ["5", "2", "1", "972"]
    assert cells_of(text, "Ahmed et al.", "paper")[:6] == ["25.00", "30.00", "35.00", "45.00", "75.00", "26.00"]
    # Of the two published windows of Ahmed et al. the one that the model has.
    assert cells_of(text, "Ahmed et al., published")[:4] == ["?", "47.53", "", "80.25"]
    assert cells_of(text, "NormXcorr, published")[:4] == ["paper", "60.17", "", "86.26"]
    digest = Split("", "", TRAIN, TEST).digest
    trained = cells_of(text, "cuhk01-486-01-normxcorr")
    assert trained == [f"cuhk01-486-01, {digest}", "3", "5 of 5", f"{5 * PAIRS:,}", "1.5", "1234"]
    assert cells_of(text, "evaluate cuhk01-486-01 normxcorr, not finished") == ["0.5", "800"]
    assert results["steps"]["train cuhk01-486-01 normxcorr"] == {"seconds": 90.0, "peak_mb": 1234.4, "done": 1}
    assert "somebody" not in json.dumps(results) + text  # both are there to be published
    assert [each["method"] for each in results["published"]] == ["Ahmed et al.", "NormXcorr"]
    assert results["trainings"][0]["recipe"]["optimizer"] == "kernel-muon" and "tensorflow" in results["versions"]


def test_100_test_identities_have_a_table_and_draws_of_their_own(make_run, elsewhere, tmp_path):
    others = elsewhere([2], model="normxcorr")
    rows = json.loads(others.read_text())
    make_run("cuhk01-486-01-normxcorr", "normxcorr", "cuhk01-486-01", 0.0)
    make_run("cuhk01-100-01-normxcorr", "normxcorr", "cuhk01-100-01", 30.0, draws=10)
    make_run("cuhk01-100-02-normxcorr", "normxcorr", "cuhk01-100-02", 40.0)  # in one draw: not a result
    results, text = report(reproduce, tmp_path / "to", "--add", str(others))
    found = [(row["test_identities"], row["protocol"], row["partitions"]) for row in results["rows"]]
    assert found == [
        (486, "cross-camera", [1, 2]),
        (486, "paper", [1, 2]),
        (100, "cross-camera", [1]),
        (100, "paper", [1]),
    ]
    many, few = text.split("CUHK01, 871 training and 100 test identities, in per cent.")
    assert many.startswith("CUHK01, 485 training and 486 test identities, in per cent; mean ± standard deviation")
    few = few.split("| run |")[0]
    assert cells_of(many, "NormXcorr", "paper")[0] == "32.00 ± 2.83"
    assert cells_of(few, "NormXcorr", "paper")[0] == "60.00"
    assert cells_of(many, "NormXcorr, published")[:2] == ["paper", "60.17"]
    assert cells_of(few, "NormXcorr, published")[:2] == ["paper", "77.43"]
    assert [(row["test_identities"], row["ranks"]["1"]) for row in results["published"]] == [(486, 60.17), (100, 77.43)]
    assert [each["split"] for each in results["trainings"]] == ["cuhk01-486-01", "cuhk01-100-01", "cuhk01-100-02"]
    results, _ = report(reproduce, tmp_path / "to", "--repeats", "1")
    assert [row["partitions"] for row in results["rows"] if row["test_identities"] == 100] == [[2], [2]]
    rows["rows"][0]["test_identities"] = 316
    write_json(others, rows)
    with pytest.raises(InputError, match="not a results file of this experiment"):
        report(reproduce, tmp_path / "to", "--add", str(others))


def test_what_was_trained_otherwise_is_a_row_of_its_own(make_run, tmp_path):
    make_run("cuhk01-486-01-fused", "fused", "cuhk01-486-01", 0.0)
    make_run("cuhk01-486-02-fused", "fused", "cuhk01-486-02", 4.0, weights="0123456789ab")
    rows = report(reproduce, tmp_path / "to")[0]["rows"]
    assert sorted((row["protocol"], row["partitions"], row["from"]) for row in rows) == [
        ("cross-camera", [1], [None]),
        ("cross-camera", [2], ["0123456789ab"]),
        ("paper", [1], [None]),
        ("paper", [2], ["0123456789ab"]),
    ]


def test_groups_drawn_in_another_way_are_rows_of_their_own(make_run, elsewhere, tmp_path):
    others = elsewhere([1, 2], weights="0123456789ab")  # before the way was noted
    make_run("cuhk01-486-03-fused", "fused", "cuhk01-486-03", 1.0, weights="0123456789ab", drawing=2)
    rows = report(reproduce, tmp_path / "to", "--add", str(others))[0]["rows"]
    assert [(row["partitions"], row["drawn"]) for row in rows] == [([3], [2, None]), ([1, 2], [None, None])] * 2
    # A file that holds both goes together with others all the same, each with its own kind.
    (tmp_path / "to" / "results.json").rename(tmp_path / "both.json")
    (tmp_path / "to").rename(tmp_path / "before")
    make_run("cuhk01-486-04-fused", "fused", "cuhk01-486-04", 1.0, weights="0123456789ab", drawing=2)
    results, text = report(reproduce, tmp_path / "to", "--add", str(tmp_path / "both.json"))
    assert [row["partitions"] for row in results["rows"]] == [[3, 4], [1, 2]] * 2
    assert "from CUHK03, groups drawn in way 2" in text and "from CUHK03, groups drawn as before" in text
    (tmp_path / "to").rename(tmp_path / "four")
    (tmp_path / "before").rename(tmp_path / "to")
    make_run("cuhk01-486-04-fused", "fused", "cuhk01-486-04", 1.0, weights="0123456789ab", drawing=1)
    results, _ = report(reproduce, tmp_path / "to")
    assert [row["partitions"] for row in results["rows"]] == [[3], [4]] * 2
    assert [each["drawing"] for each in results["trainings"]] == [2, 1]


@pytest.fixture
def elsewhere(make_run, tmp_path):
    """Reports runs of these partitions of another machine; gives the results file."""

    def reported(partitions, model="fused", points=4.0, to="elsewhere", words=(), **kwargs):
        for partition in partitions:
            make_run(f"cuhk01-486-{partition:02d}-{model}", model, f"cuhk01-486-{partition:02d}", points, **kwargs)
        report(reproduce, tmp_path / "to", *words)
        return (tmp_path / "to").rename(tmp_path / to) / "results.json"

    return reported


def test_results_of_another_machine(make_run, elsewhere, tmp_path):
    others = elsewhere([1, 3], weights="0123456789ab")
    make_run("cuhk01-486-02-fused", "fused", "cuhk01-486-02", 1.0, weights="ba9876543210")
    make_run("cuhk01-486-02-ahmed", "ahmed", "cuhk01-486-02", 0.0)
    results, text = report(reproduce, tmp_path / "to", "--add", str(others))
    found = [(row["model"], row["protocol"], row["partitions"]) for row in results["rows"]]
    assert found == [
        ("ahmed", "cross-camera", [2]),
        ("ahmed", "paper", [2]),
        ("fused", "cross-camera", [1, 2, 3]),
        ("fused", "paper", [1, 2, 3]),
    ]
    row = results["rows"][2]
    assert row["from"] == ["0123456789ab", "ba9876543210", "0123456789ab"] and row["probes"] == [972] * 3
    assert list(row["splits"]) == ["cuhk01-486-01", "cuhk01-486-02", "cuhk01-486-03"]
    assert row["figures"]["rank 1"]["values"] == [24.0, 21.0, 24.0] and row["figures"]["rank 1"]["mean"] == 23.0
    assert cells_of(text, "Fused", "paper")[0] == "33.00 ± 1.73"
    assert [each["run"] for each in results["trainings"]] == ["cuhk01-486-02-ahmed", "cuhk01-486-02-fused"]
    (added,) = results["added"]
    assert added["file"] == "results.json"
    assert [each["run"] for each in added["trainings"]] == ["cuhk01-486-01-fused", "cuhk01-486-03-fused"]
    assert text.index("cuhk01-486-02-fused |") < text.index("Of results.json:") < text.index("cuhk01-486-03-fused |")


def test_results_of_another_training_are_rows_of_their_own(make_run, elsewhere, tmp_path):
    others = elsewhere([1], epochs=6, done=6)
    make_run("cuhk01-486-02-fused", "fused", "cuhk01-486-02", 1.0)
    rows = report(reproduce, tmp_path / "to", "--add", str(others))[0]["rows"]
    assert [(row["partitions"], row["epochs"]) for row in rows] == [([2], 5), ([1], 6)] * 2


def test_rows_of_several_machines_find_each_other_also_where_none_is_of_this_one(make_run, elsewhere, tmp_path):
    first = elsewhere([1], to="first")
    second = elsewhere([2], points=6.0, to="second")
    other = elsewhere([3], to="other", epochs=6, done=6)
    make_run("cuhk01-486-02-ahmed", "ahmed", "cuhk01-486-02", 0.0)
    words = "--add", *map(str, (first, second, other))
    results, _ = report(reproduce, tmp_path / "to", *words)
    found = [(row["model"], row["partitions"], row["epochs"]) for row in results["rows"] if row["protocol"] == "paper"]
    assert found == [("ahmed", [2], 5), ("fused", [1, 2], 5), ("fused", [3], 6)]
    with pytest.raises(InputError, match="partition 1 of fused is there twice"):
        report(reproduce, tmp_path / "to", *words, str(first))
    # What was put together is put together with more: nothing of how it came about is lost.
    whole = tmp_path / "to" / "results.json"
    whole.rename(tmp_path / "whole.json")
    results, _ = report(reproduce, tmp_path / "to", "--models", "ahmed", "--add", str(elsewhere_of(tmp_path)))
    assert [each["file"] for each in results["added"]] == ["fused.json", *["results.json"] * 3]


def elsewhere_of(folder):
    """The merged results without the rows of the machine that merged them."""
    results = json.loads((folder / "whole.json").read_text())
    results["rows"] = [row for row in results["rows"] if row["model"] == "fused"]
    write_json(folder / "fused.json", results)
    return folder / "fused.json"


def test_trainings_from_nothing_and_from_another_or_with_other_probes_are_not_one_mean(make_run, elsewhere, tmp_path):
    make_run("cuhk01-486-03-fused", "fused", "cuhk01-486-03", 1.0, weights="0123456789ab")
    others = elsewhere([1])
    results = json.loads(others.read_text())
    assert len(results["rows"]) == 4
    make_run("cuhk01-486-02-fused", "fused", "cuhk01-486-02", 1.0)
    rows = report(reproduce, tmp_path / "to", "--add", str(others))[0]["rows"]
    found = [(row["partitions"], row["from"]) for row in rows if row["protocol"] == "paper"]
    assert sorted(found) == [([1, 2], [None, None]), ([3], ["0123456789ab"])]
    for row in results["rows"]:
        row["probes"] = [7]
    write_json(others, results)
    rows = report(reproduce, tmp_path / "to", "--add", str(others))[0]["rows"]
    found = [(row["partitions"], row["from"], row["probes"]) for row in rows if row["protocol"] == "paper"]
    assert sorted(found) == [([1], [None], [7]), ([2], [None], [972]), ([3], ["0123456789ab"], [7])]


def test_a_partition_counts_once(make_run, elsewhere, tmp_path):
    others = elsewhere([1, 2])
    make_run("cuhk01-486-02-fused", "fused", "cuhk01-486-02", 1.0)
    with pytest.raises(InputError, match="partition 2 of fused is there twice"):
        report(reproduce, tmp_path / "to", "--add", str(others))


@pytest.mark.parametrize("text", [None, "{", "[]", '{"rows": [{}], "trainings": []}', '{"rows": [], "trainings": []}'])
def test_what_is_no_results_file(make_run, tmp_path, text):
    path = tmp_path / "other.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    make_run("cuhk01-486-02-fused", "fused", "cuhk01-486-02", 1.0)
    with pytest.raises(InputError, match="not a results file of this experiment"):
        report(reproduce, tmp_path / "to", "--add", str(path))


def test_unfinished_trainings_and_other_draws_are_no_result(make_run, tmp_path):
    make_run("cuhk01-486-01-fused", "fused", "cuhk01-486-01", 0.0, done=4)
    make_run("cuhk01-486-02-fused", "fused", "cuhk01-486-02", 0.0, probes=300)
    results, text = report(reproduce, tmp_path / "to")
    assert results["rows"] == [] and text.startswith("No results with these options yet.")
    assert cells_of(text, "cuhk01-486-01-fused")[2:4] == ["4 of 5", f"{4 * PAIRS:,}"]
    results, _ = report(reproduce, tmp_path / "to", "--probes", "300")
    assert [row["partitions"] for row in results["rows"]] == [[2], [2]]


def test_the_results_are_those_that_evaluate_saves(make_run, campus, monkeypatch, tmp_path):
    monkeypatch.setitem(BUILDERS, "tiny", tiny)
    run = make_run("cuhk01-486-01-fused", "tiny", "cuhk01-486-01", 0.0)
    tiny((160, 60, 3), 0.0, None, None).save(run.model_path())
    for probes in (None, 2):
        words = ["--report", "--to", str(tmp_path / "to"), *([] if probes is None else ["--probes", str(probes)])]
        trainings = reproduce.EXPERIMENT.trainings(reproduce.EXPERIMENT.parse(words), everything=True)
        (training,) = [each for each in trainings if each.run()]
        draws = {"protocols": PROTOCOLS, "repeats": 1, "probes": probes, "both_orders": True}
        measured = evaluate(run, cuhk01(campus), **draws)
        measured.save()
        found = training.results()
        assert list(found) == list(PROTOCOLS)
        for result in measured:
            assert 100 * found[result.protocol].rank(1) == pytest.approx(100 * result.rank(1), abs=1e-12)
            assert found[result.protocol].probes == result.probes
            assert found[result.protocol].model_digest == run.model_digest()


def test_the_windows(make_run, tmp_path):
    options = search_windows.EXPERIMENT.parse(["--data", "campus", "--epochs", "5", "--to", str(tmp_path / "to")])
    steps = search_windows.EXPERIMENT.steps(options)
    trained = [parsed(step) for step in steps[::2]]
    assert [(each["model"], each["search_size"]) for each in trained] == list(search_windows.WINDOWS)
    assert {(each["epochs"], each["recipe_name"], each["split_name"]) for each in trained} == {
        (5, "grouped", "cuhk01-486-01")
    }
    assert [step.after for step in steps[1::2]] == [(step.name,) for step in steps[::2]]
    for number, step in enumerate(steps[:-2:2]):
        search = (5, 5) if parsed(step)["search_size"] == "5x5" else (5, None)
        make_run(step.folder.name, parsed(step)["model"], "cuhk01-486-01", float(number), search)
    results, text = report(search_windows, tmp_path / "to")
    assert cells_of(text, "NormXcorr", "5x5", "paper")[:4] == ["30.00", "40.00", "80.00", "1,099,347"]
    assert cells_of(text, "NormXcorr", "5xall", "cross-camera")[:4] == ["21.00", "31.00", "71.00", "1,121,222"]
    assert cells_of(text, "Ahmed et al.", "5x5", "paper")[:4] == ["32.00", "42.00", "82.00", "2,308,147"]
    assert cells_of(text, "NormXcorr, published", "5x5")[:4] == ["paper", "56.79", "84.43", "95.95"]
    # The fourth is not there yet; what was published of it is.
    assert cells_of(text, "Ahmed et al., published", "5xall")[:4] == ["?", "49.31", "81.48", "95.95"]
    assert len(results["rows"]) == 6 and {row["model"] for row in results["rows"]} <= set(BUILDERS)


def test_windows_of_several_recipes_do_not_compare(make_run, tmp_path):
    make_run("cuhk01-01-normxcorr-5x5", "normxcorr", "cuhk01-486-01", 0.0, (5, 5))
    make_run("cuhk01-01-ahmed-5x5", "ahmed", "cuhk01-486-01", 0.0, (5, 5), epochs=6, done=6)
    with pytest.raises(InputError, match="2 recipes"):
        report(search_windows, tmp_path / "to")


def test_windows_of_groups_drawn_in_several_ways_do_not_compare(make_run, tmp_path):
    make_run("cuhk01-01-normxcorr-5x5", "normxcorr", "cuhk01-486-01", 0.0, (5, 5))
    make_run("cuhk01-01-ahmed-5x5", "ahmed", "cuhk01-486-01", 0.0, (5, 5), drawing=2)
    with pytest.raises(InputError, match="normxcorr-5x5 and cuhk01-01-ahmed-5x5 were trained by versions that draw"):
        report(search_windows, tmp_path / "to")


def test_the_parts_of_the_recipe(make_run, tmp_path):
    parts = recipe_parts.EXPERIMENT
    steps = parts.steps(parts.parse(["--data", "campus", "--cuhk03", "set.mat", "--to", str(tmp_path / "to")]))
    trained, measured = [parsed(step) for step in steps[::2]], [parsed(step) for step in steps[1::2]]
    recipes = {
        step.folder.name: Recipe.named(
            "grouped", **{name: each[name] for name in vars(Recipe()) if each[name] is not None}
        )
        for step, each in zip(steps[::2], trained, strict=True)
    }
    words = ["--data", "campus", "--to", str(tmp_path / "to"), "--seeds", "2", "--parts", "grouped"]
    again = parts.steps(parts.parse(words))
    assert [parsed(step)["seed"] for step in again] == [0, 0, 1, 0]  # the draws stay
    assert len({parsed(step)["folder"] for step in again[::2]}) == 2
    assert list(recipes) == list(recipe_parts.PARTS) and recipes["grouped"] == Recipe.named("grouped", epochs=4)
    # Each is another training, on as many pairs: an epoch makes identities_per_group / 2 of an image.
    assert len(set(map(str, recipes.values()))) == len(recipe_parts.PARTS)
    assert {each.epochs * each.identities_per_group for each in recipes.values()} == {12}
    assert {(each["validate"], each["others"], each["split_name"]) for each in trained} == {
        (100, ("cuhk03-labeled=set.mat",), "cuhk01-486-01")
    }
    assert all(each["held_back"] and each["both_orders"] for each in measured)
    assert [each["folders"][0] for each in measured] == [each["folder"] for each in trained]

    def measured(name, rank_1, protocols=("cross-camera", "paper")):
        run = make_run(name, "normxcorr", "cuhk01-486-01", 0.0, validate=2)
        (run.folder / "history.csv").write_text("epoch,accuracy,loss\n0,0.5,1.5\n1,0.75,0.625\n", encoding="utf-8")
        for protocol in protocols:
            above = {"cross-camera": 0.0, "paper": 10.0}[protocol]
            result_of(run, protocol, rank_1 + above, draws=10).save(run.folder / "results")

    measured("grouped", 40.0)
    make_run("hard-negatives", "normxcorr", "cuhk01-486-01", 0.0)  # not measured yet
    measured("no-ranking", 50.0, ["cross-camera"])  # only begun to be measured
    results, text = report(recipe_parts, tmp_path / "to")
    assert [(row["part"], row["pairs"]) for row in results["rows"]] == [("grouped", 5 * PAIRS)]
    figures = ["40.00", "45.00", "50.00", "60.00", "41.00", "", "0.625", "1"]
    cross_camera, paper = text.split("| paper |")
    assert cells_of(cross_camera, "grouped", "the recipe as it is") == figures
    assert cells_of(paper, "grouped", "the recipe as it is")[:2] == ["50.00", "55.00"]

    for name, rank_1 in (("grouped-seed-1", 44.0), ("rate-0.005", 43.0), ("rate-0.005-seed-1", 45.0)):
        measured(name, rank_1)
    results, text = report(recipe_parts, tmp_path / "to")
    grouped, faster = results["rows"]
    for protocol, above in (("cross-camera", 0.0), ("paper", 10.0)):
        assert grouped["figures"][protocol]["rank 1"]["values"] == [40.0 + above, 44.0 + above]
        assert grouped["rank 1 to the recipe"][protocol] is None and faster["seeds"] == [0, 1]
        assert faster["rank 1 to the recipe"][protocol]["values"] == [3.0, 1.0]  # not 44 - 42 alone
    # Two differences of mean 2 and deviation sqrt(2): 12.706 of Student's t times 1.
    assert cells_of(text.split("| paper |")[1], "rate-0.005", "`--learning-rate 0.005`")[-3:] == [
        "+2.00 ± 12.71",
        "0.625",
        "2",
    ]
    (tmp_path / "to" / "grouped-seed-1-of-before").mkdir()  # of nobody
    measured("rate-0.005-seed-2", 99.0)  # to which the recipe has nothing to compare
    results, _ = report(recipe_parts, tmp_path / "to")  # a report is of all that is there
    assert results["rows"][1]["seeds"] == [0, 1, 2]
    assert results["rows"][1]["rank 1 to the recipe"]["paper"]["values"] == [3.0, 1.0]


def test_seeds_of_a_part_that_differ_in_more_do_not_make_one_mean(make_run, tmp_path):
    for name, epochs in (("grouped", 5), ("grouped-seed-1", 6)):
        draws = {"epochs": epochs, "done": epochs, "validate": 2, "draws": 10}
        run = make_run(name, "normxcorr", "cuhk01-486-01", 0.0, **draws)
        (run.folder / "history.csv").write_text("epoch,accuracy,loss\n0,0.5,1.5\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"the seeds of grouped: .* were trained with 2 settings"):
        report(recipe_parts, tmp_path / "to")


def test_results_of_other_scorers_do_not_mix_with_those_of_the_head(make_run, tmp_path):
    """The reproduction has the pair head alone; the experiment scorers has a row for each scorer."""
    run = make_run("cuhk01-486-01-ahmed", "ahmed", "cuhk01-486-01", 0.0)
    for scorer, points in (("embedding", 3.0), ("both", 7.0)):
        for protocol, base in (("cross-camera", 20.0), ("paper", 30.0)):
            result = result_of(run, protocol, base + points)
            shown = views(both_orders=scorer != "embedding")
            name = f"trained-{scorer}-{result.name.removeprefix('trained-')}"
            dataclasses.replace(result, name=name, scorer=scorer, views=shown).save(run.folder / "results")
    shortlisted = result_of(run, "paper", 99.0)
    stages = {"asked": 5, "length": 5.0, "pairs": 10, "pairs_exhaustive": 20}
    name = f"trained-both-shortlist5-{shortlisted.name.removeprefix('trained-')}"
    spreads = {each: Spread(0.5, 0.0, None, 1).to_dict(100) for each in ("inside", "mAP_found")}
    dataclasses.replace(shortlisted, name=name, scorer="both", shortlist={**stages, **spreads}).save(
        run.folder / "results"
    )
    words = ["--epochs", "5"]
    _, text = report(reproduce, tmp_path / "to", *words)
    assert "| Ahmed et al. | cross-camera | 20.00 |" in text and "27.00" not in text
    results, text = report(scorers, tmp_path / "to", *words)
    assert "| Ahmed et al. | cross-camera | embedding | 23.00 |" in text and "99.00" not in text
    assert "| Ahmed et al. | paper | both | 37.00 |" in text
    assert [row["scorer"] for row in results["rows"]] == ["head", "embedding", "both"] * 2


def test_results_of_the_scorers_are_put_together_too(make_run, tmp_path):
    def measured(partition, points):
        run = make_run(f"cuhk01-486-0{partition}-fused", "fused", f"cuhk01-486-0{partition}", points)
        for result in list(run.results()):
            name = f"trained-both-{result.name.removeprefix('trained-')}"
            dataclasses.replace(result, name=name, scorer="both").save(run.folder / "results")

    measured(2, 4.0)
    report(scorers, tmp_path / "to", "--epochs", "5")
    (tmp_path / "to").rename(tmp_path / "elsewhere")
    measured(1, 0.0)
    added = "--epochs", "5", "--add", str(tmp_path / "elsewhere" / "scorers.json")
    results, text = report(scorers, tmp_path / "to", *added)
    assert [(row["protocol"], row["scorer"], row["partitions"]) for row in results["rows"]] == [
        (protocol, scorer, [1, 2]) for protocol in ("cross-camera", "paper") for scorer in ("head", "both")
    ]
    assert results["rows"][1]["figures"]["rank 1"]["values"] == [20.0, 24.0] and "published" not in results
    assert "| Fused | cross-camera | both | 22.00 ± 2.83 |" in text and "Of scorers.json:" in text
    with pytest.raises(InputError, match="partition 2 of fused is there twice"):
        report(scorers, tmp_path / "to", *added, str(tmp_path / "elsewhere" / "scorers.json"))


def test_the_steps_and_rows_of_the_metric_loss(make_run, tmp_path):
    words = ["--data", "campus", "--parts", "grouped", "metric-loss-1", "--to", str(tmp_path / "to")]
    steps = metric_loss.EXPERIMENT.steps(metric_loss.EXPERIMENT.parse(words))
    trained = [parsed(step) for step in steps if step.name.startswith("train")]
    assert [each["metric_loss"] for each in trained] == [None, 1.0]
    measure = parsed(steps[1])
    assert measure["held_back"] and measure["scorer"] == ("head", "embedding", "both")
    for name, points in (("grouped", 0.0), ("metric-loss-1", 2.0), ("metric-loss-1-seed-1", 4.0)):
        run = make_run(name, "normxcorr", "cuhk01-486-01", points, validate=2)
        for protocol, rank_1 in (("cross-camera", 20.0 + points), ("paper", 30.0 + points)):
            result_of(run, protocol, rank_1, draws=10).save(run.folder / "results")
    results, text = report(metric_loss, tmp_path / "to")
    assert [(row["part"], row["protocol"], row["scorer"], row["seeds"]) for row in results["rows"]] == [
        ("grouped", "cross-camera", "head", [0]),
        ("grouped", "paper", "head", [0]),
        ("metric-loss-1", "cross-camera", "head", [0, 1]),
        ("metric-loss-1", "paper", "head", [0, 1]),
    ]
    assert "| `--metric-loss 1` | paper | pair head | 33.00 ± 1.41 |" in text


def test_the_steps_of_the_scorers():
    words = ["--data", "campus", "--models", "fused", "--partitions", "1", "--test-identities", "486", "--probes", "9"]
    train, measure, camera = scorers.EXPERIMENT.steps(scorers.EXPERIMENT.parse(words))
    assert [step.name.split()[0] for step in (train, measure, camera)] == ["train", "scorers", "camera"]
    (same,) = [
        step for step in reproduce.EXPERIMENT.steps(reproduce.EXPERIMENT.parse(words)) if step.name == train.name
    ]
    assert same == train  # so that nothing is trained twice
    first, second = parsed(measure), parsed(camera)
    assert (first["protocols"], second["protocols"]) == (("cross-camera", "paper"), ("paper",))
    assert camera.after == (measure.name,) and (first["probes"], second["probes"]) == (9, 9)
    assert first["both_orders"] and second["both_orders"]
